//! `setup-env` and `check-env`: the file of settings.
//!
//! `.env.example` is the list of what there is; whether a value is good is for the dashboard to say, at its start and
//! all at once.

use std::fs;

use crate::paths;
use crate::stop::{Outcome, Stop, While};

pub(crate) fn setup() -> Outcome {
    let (example, file) = (paths::in_root(".env.example"), paths::in_root(".env"));
    if file.exists() {
        say!(".env is there already, and stays as it is");
        return Ok(());
    }
    let text = fs::read_to_string(&example).doing("reading .env.example")?;
    fs::write(&file, text).doing("writing .env")?;
    // It will hold passwords.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).doing("closing .env to others")?;
    }
    say!("wrote .env: every setting with its default, none of which has to be changed");
    Ok(())
}

pub(crate) fn check() -> Outcome {
    let example = fs::read_to_string(paths::in_root(".env.example")).doing("reading .env.example")?;
    let Ok(text) = fs::read_to_string(paths::in_root(".env")) else {
        say!("no .env: all settings have their defaults (`cargo xtask setup-env` writes one)");
        return Ok(());
    };
    let problems = problems(&text, &example);
    if problems.is_empty() {
        say!(".env: {} settings, all known", names(&text, false).len());
        return Ok(());
    }
    Err(Stop::new(format!("in .env:\n  {}", problems.join("\n  "))))
}

/// What is wrong with the lines of `text`, when `example` holds every name there is.
fn problems(text: &str, example: &str) -> Vec<String> {
    let known = names(example, true);
    let mut seen: Vec<&str> = Vec::new();
    let mut problems = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let at = index + 1;
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match name(line) {
            None => problems.push(format!("line {at} is not NAME=value")),
            Some(name) if seen.contains(&name) => problems.push(format!("line {at} sets {name} again")),
            Some(name) if !known.contains(&name) => {
                problems.push(format!(
                    "line {at}: {name} is not a setting of the dashboard (.env.example has them all)"
                ));
            }
            Some(name) => seen.push(name),
        }
    }
    if seen.contains(&"DATABASE_URL") && !seen.contains(&"DB_PASSWORD_ENCRYPTION_KEY") {
        problems.push(
            "DATABASE_URL needs DB_PASSWORD_ENCRYPTION_KEY too (`pg-dashboard keys generate` makes one)"
                .to_owned(),
        );
    }
    problems
}

/// The names set; with `commented`, also those of lines like `# PORT=8000`, by which the example shows defaults.
fn names(text: &str, commented: bool) -> Vec<&str> {
    let uncomment = |line: &'_ str| -> usize { line.len() - line.trim_start_matches(['#', ' ']).len() };
    text.lines()
        .map(str::trim)
        .filter(|line| commented || !line.starts_with('#'))
        .filter_map(|line| name(&line[if commented { uncomment(line) } else { 0 }..]))
        .collect()
}

fn name(line: &str) -> Option<&str> {
    let (name, _) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let fits = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
    (!name.is_empty() && name.bytes().all(fits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str =
        "# The port.\n# PORT=8000\nTIMESCALE_CHUNK_TIME_INTERVAL=7 days   # comment\n# DATABASE_URL=\n";

    #[test]
    fn known_names_pass_and_others_are_named_with_their_line() {
        assert!(problems("PORT=9000\n\n# note\n", EXAMPLE).is_empty());
        assert_eq!(
            problems("PROT=9000\nPORT=1\nPORT=2\nnonsense\n", EXAMPLE),
            [
                "line 1: PROT is not a setting of the dashboard (.env.example has them all)",
                "line 3 sets PORT again",
                "line 4 is not NAME=value"
            ]
        );
    }

    #[test]
    fn a_database_of_ones_own_needs_a_key() {
        assert_eq!(problems("DATABASE_URL=postgresql://localhost/x\n", EXAMPLE).len(), 1);
    }
}
