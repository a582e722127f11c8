//! `info` and `clean`: what is here, and making it not be here.

use std::fs;

use crate::paths;
use crate::run;
use crate::stop::{Outcome, While};
use crate::{debian, tools};

pub(crate) fn info() -> Outcome {
    let commit = run::answer(run::program("git").args(["describe", "--always", "--dirty"]));
    say!("pg-dashboard      {}", commit.as_deref().unwrap_or("(no git)"));
    for line in tools::report() {
        say!("{line}");
    }
    let found = |program: Option<std::path::PathBuf>| {
        program.map_or_else(|| "not there".to_owned(), |path| path.display().to_string())
    };
    say!("Chromium          {}", found(debian::chromium()));
    say!("pgbouncer         {}", found(paths::find_program(&["pgbouncer"])));
    let env_file = if paths::in_root(".env").is_file() { "there" } else { "none: all defaults" };
    say!(".env              {env_file}");
    for (what, folder) in [("built", "target"), ("npm packages", "node_modules")] {
        let there = if paths::in_root(folder).is_dir() { folder } else { "none" };
        say!("{what:<17} {there}");
    }
    Ok(())
}

/// Removes what `setup`, `build` and `test` made inside the clone. The dashboard's data is elsewhere and stays.
pub(crate) fn clean() -> Outcome {
    run::shown(run::cargo().arg("clean"))?;
    for folder in ["node_modules", "e2e/results"] {
        let path = paths::in_root(folder);
        if path.exists() {
            fs::remove_dir_all(&path).doing(format_args!("removing {folder}"))?;
            say!("removed {folder}");
        }
    }
    Ok(())
}
