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
    let Findings { wrong, ignored } = inspect(&text, &example);
    for name in &ignored {
        say!(".env: {name} is not a setting of the dashboard (.env.example has them all): ignored");
    }
    if wrong.is_empty() {
        say!(
            ".env: {} lines, all readable; whether the values are good is told at the start",
            assignments(&text).count()
        );
        return Ok(());
    }
    Err(Stop::new(format!("in .env:\n  {}", wrong.join("\n  "))))
}

#[derive(Debug, Default, PartialEq)]
struct Findings {
    wrong: Vec<String>,
    /// Names that mean nothing to the dashboard: another program's, or misspelt.
    ignored: Vec<String>,
}

/// Looks at the lines of `text`, when `example` holds every name there is.
fn inspect(text: &str, example: &str) -> Findings {
    let mut findings = Findings::default();
    let mut seen: Vec<(&str, &str)> = Vec::new();
    for (at, assignment) in assignments(text) {
        match assignment {
            None => findings.wrong.push(format!("line {at} is not NAME=value")),
            Some((name, _)) if seen.iter().any(|(before, _)| *before == name) => {
                findings.wrong.push(format!("line {at} sets {name} again"));
            }
            Some((name, value)) => {
                if !assignments(example).any(|(_, known)| known.is_some_and(|(known, _)| known == name)) {
                    findings.ignored.push(name.to_owned());
                }
                seen.push((name, value));
            }
        }
    }
    let is_set = |wanted| seen.iter().any(|(name, value)| *name == wanted && !value.is_empty());
    if is_set("DATABASE_URL") && !is_set("DB_PASSWORD_ENCRYPTION_KEY") {
        findings.wrong.push(
            "DATABASE_URL needs DB_PASSWORD_ENCRYPTION_KEY too (`pg-dashboard keys generate` makes one)"
                .to_owned(),
        );
    }
    findings
}

/// A line that sets something: its number, and name and value where it is readable.
fn assignments(text: &str) -> impl Iterator<Item = (usize, Option<(&str, &str)>)> {
    text.lines()
        .enumerate()
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(at, line)| (at, assignment(line)))
}

fn assignment(line: &str) -> Option<(&str, &str)> {
    let (name, value) = line.strip_prefix("export ").unwrap_or(line).split_once('=')?;
    let name = name.trim();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!name.is_empty() && name.bytes().all(fits)).then_some((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXAMPLE: &str =
        "# The port.\nPORT=8000\nTIMESCALE_CHUNK_TIME_INTERVAL=7 days   # comment\nDATABASE_URL=\n";

    #[test]
    fn the_example_itself_is_fine() {
        assert_eq!(inspect(EXAMPLE, EXAMPLE), Findings::default());
    }

    #[test]
    fn unreadable_lines_are_told_and_other_names_are_noted() {
        let Findings { wrong, ignored } = inspect("PROT=9000\nPORT=1\nPORT=2\nnonsense\n", EXAMPLE);
        assert_eq!(wrong, ["line 3 sets PORT again", "line 4 is not NAME=value"]);
        assert_eq!(ignored, ["PROT"]);
    }

    #[test]
    fn a_database_of_ones_own_needs_a_key() {
        assert_eq!(inspect("DATABASE_URL=postgresql://localhost/x\n", EXAMPLE).wrong.len(), 1);
    }
}
