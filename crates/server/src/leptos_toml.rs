//! How the pages are put together: where their files are and what they are called.
//!
//! `cargo leptos` reads this from the root Cargo.toml, the server from `Leptos.toml` when it runs beside one; a test
//! keeps the two equal. Elsewhere the same values are built in, so that the binary runs from any folder.

use std::{net::SocketAddr, path::Path, sync::Arc};

use leptos::config::{Env, LeptosOptions, get_configuration};

/// `Leptos.toml`, relative to the working directory.
pub const FILE: &str = "Leptos.toml";
const NAME: &str = "pg-dashboard";
const RELOAD_PORT: u32 = 8001;

/// `Leptos.toml` cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("Leptos.toml cannot be read: {0}. Put it right or remove it: its values are built in")]
pub struct LeptosTomlError(String);

/// The options for a server on `listen`. `site_root`: what `LEPTOS_SITE_ROOT` says.
pub fn options(listen: SocketAddr, site_root: Option<&Path>) -> Result<LeptosOptions, LeptosTomlError> {
    let mut options = if Path::new(FILE).is_file() {
        get_configuration(Some(FILE)).map_err(|error| LeptosTomlError(error.to_string()))?.leptos_options
    } else {
        built_in()
    };
    options.site_addr = listen;
    options.site_root = as_text(site_root).unwrap_or_else(|| beside_the_program(&options.site_root));
    Ok(options)
}

/// What `Leptos.toml` says, for a binary without one.
pub fn built_in() -> LeptosOptions {
    LeptosOptions::builder()
        .output_name(NAME)
        .site_root("target/site")
        .site_pkg_dir("pkg")
        .env(Env::DEV)
        .site_addr(SocketAddr::from(([127, 0, 0, 1], 8000)))
        .reload_port(RELOAD_PORT)
        .server_fn_prefix("/rpc".to_owned())
        .disable_server_fn_hash(true)
        .build()
}

/// A folder that is not in the working directory may stand beside the binary: as `site`, where an installed one has
/// its files, or two folders up, where `target/debug/pg-dashboard` has them.
fn beside_the_program(site_root: &str) -> Arc<str> {
    if Path::new(site_root).is_dir() {
        return site_root.into();
    }
    let program = std::env::current_exe().ok();
    let folder = program.as_deref().and_then(Path::parent);
    folder
        .into_iter()
        .flat_map(|folder| [folder.join("site"), folder.join("../site")])
        .find(|candidate| candidate.is_dir())
        .and_then(|found| as_text(Some(&found)))
        .unwrap_or_else(|| site_root.into())
}

fn as_text(path: Option<&Path>) -> Option<Arc<str>> {
    path.and_then(Path::to_str).map(Arc::from)
}
