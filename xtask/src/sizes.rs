//! What the first page costs to load: the brotli sizes of a release build, against the budget.

use std::fs;
use std::path::Path;

use crate::paths;
use crate::stop::{Outcome, Stop, While};

/// First route, brotli, before idle (docs/ARCHITECTURE.md). Aimed at: 200 KB.
const FIRST_ROUTE_BUDGET_BYTES: u64 = 250_000;
const WHOLE_APP_BUDGET_BYTES: u64 = 450_000;

struct Asset {
    name: String,
    raw_bytes: u64,
    brotli_bytes: u64,
    /// Whether the first page needs it before it is idle: all but the chunks of lazy routes.
    first: bool,
}

/// Prints every file of the release site and the two sums. A sum over its budget is printed as such: what was built works
/// all the same.
pub(crate) fn report() -> Outcome {
    let mut assets = assets(&paths::in_root("target/site/pkg"))?;
    if assets.is_empty() {
        return Err(Stop::new("target/site/pkg has no compressed files: this is not a release build"));
    }
    assets.sort_by_key(|asset| (!asset.first, std::cmp::Reverse(asset.brotli_bytes)));
    say!("\n{:<44} {:>10} {:>10}", "", "raw", "brotli");
    for asset in &assets {
        let when = if asset.first { "first" } else { "later" };
        say!(
            "{:<44} {:>10} {:>10}  {when}",
            asset.name,
            kilobytes(asset.raw_bytes),
            kilobytes(asset.brotli_bytes)
        );
    }
    let first = assets.iter().filter(|asset| asset.first).map(|asset| asset.brotli_bytes).sum();
    let whole = assets.iter().map(|asset| asset.brotli_bytes).sum();
    against_budget("first route, before idle", first, FIRST_ROUTE_BUDGET_BYTES);
    against_budget("whole app", whole, WHOLE_APP_BUDGET_BYTES);
    Ok(())
}

fn against_budget(what: &str, bytes: u64, budget: u64) {
    let verdict = if bytes <= budget { "within" } else { "OVER" };
    say!("{what}: {} brotli, {verdict} the budget of {}", kilobytes(bytes), kilobytes(budget));
}

fn assets(folder: &Path) -> Outcome<Vec<Asset>> {
    let mut assets = Vec::new();
    for entry in fs::read_dir(folder).doing("reading target/site/pkg: build the site first")? {
        let path = entry.doing("reading target/site/pkg")?.path();
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        let Ok(compressed) = fs::metadata(folder.join(format!("{name}.br"))) else { continue };
        let raw_bytes = fs::metadata(&path).doing(format_args!("reading {name}"))?.len();
        assets.push(Asset { first: is_first(&name), raw_bytes, brotli_bytes: compressed.len(), name });
    }
    Ok(assets)
}

/// The splitter names the files of lazy routes `split_…` and what several of them share `chunk_…`.
fn is_first(name: &str) -> bool {
    !(name.starts_with("split_") || name.starts_with("chunk_"))
}

fn kilobytes(bytes: u64) -> String {
    format!("{}.{} KB", bytes / 1000, bytes % 1000 / 100)
}
