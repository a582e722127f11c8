//! The rules of each field of a connection, one function each: text in, a value or what is wrong with it out.

use std::net::IpAddr;

use crate::{SslMode, text::is_deceptive};

/// What is wrong with one field: a slug and a sentence that says how to mend it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub code: &'static str,
    pub message: String,
}

impl Fault {
    pub fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }

    fn required(message: &str) -> Self {
        Self::new("required", message)
    }
}

/// The longest path of a Unix socket (`sun_path` less its final NUL).
const MAX_SOCKET_PATH: usize = 107;
/// RFC 1035, section 2.3.4.
const MAX_HOST: usize = 253;
pub const MAX_NAME: usize = 200;
/// PgBouncer reads user and database names of this length; PostgreSQL's own stop at 63.
const MAX_IDENTIFIER: usize = 255;
pub const MAX_PASSWORD: usize = 4096;
const MAX_PEM: usize = 256 * 1024;
const MAX_TAGS: usize = 20;
const MAX_TAG: usize = 50;
const MAX_PLACE: usize = 100;
pub const MAX_NOTES: usize = 10_000;
pub const MIN_INTERVAL_S: i32 = 5;
pub const MAX_INTERVAL_S: i32 = 3600;

fn too_long(max: usize) -> Fault {
    Fault::new("too_long", format!("At most {max} characters."))
}

fn no_deceptive(text: &str) -> Result<(), Fault> {
    if text.chars().any(is_deceptive) {
        return Err(Fault::new("characters", "Leave out control characters and invisible direction marks."));
    }
    Ok(())
}

fn single_line(text: &str, max: usize) -> Result<String, Fault> {
    let text = text.trim();
    no_deceptive(text)?;
    if text.chars().count() > max {
        return Err(too_long(max));
    }
    Ok(text.to_owned())
}

/// An empty name is `None`: the connection is then called `database@host`.
pub fn name(text: &str) -> Result<Option<String>, Fault> {
    let name = single_line(text, MAX_NAME)?;
    Ok((!name.is_empty()).then_some(name))
}

/// A host name, an IP address (brackets of an IPv6 address are taken off) or the folder of a Unix socket.
pub fn host(text: &str) -> Result<String, Fault> {
    let host = text.trim();
    if host.is_empty() {
        return Err(Fault::required("Enter a host name, an IP address or a socket folder."));
    }
    no_deceptive(host)?;
    if let Some((scheme, _)) = host.split_once("://") {
        let shown: String = scheme.chars().take(20).collect();
        return Err(Fault::new(
            "scheme",
            format!("Leave out “{shown}://”. A host name, an IP address or a socket folder goes here."),
        ));
    }
    if host.starts_with('/') {
        return if host.len() + "/.s.PGSQL.65535".len() > MAX_SOCKET_PATH {
            Err(Fault::new("too_long", "The path of a Unix socket is at most 107 bytes long."))
        } else {
            Ok(host.trim_end_matches('/').to_owned())
                .map(|h: String| if h.is_empty() { "/".to_owned() } else { h })
        };
    }
    let bare = host.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')).unwrap_or(host);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if let Some((before, after)) = bare.rsplit_once(':')
        && !after.is_empty()
        && after.chars().all(|c| c.is_ascii_digit())
        && !before.contains(':')
    {
        return Err(Fault::new("port", "The port goes into its own field."));
    }
    if host.len() > MAX_HOST {
        return Err(Fault::new("too_long", "A host name has at most 253 characters."));
    }
    let label_ok = |label: &str| {
        !label.is_empty()
            && label.len() <= 63
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
    };
    if host.strip_suffix('.').unwrap_or(host).split('.').all(label_ok) {
        Ok(host.to_owned())
    } else {
        Err(Fault::new(
            "format",
            "Not a host name: letters, figures, dots and hyphens, as in db.example.com.",
        ))
    }
}

pub fn port(text: &str) -> Result<u16, Fault> {
    match text.trim().parse::<u16>() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Fault::new("range", "From 1 to 65535.")),
    }
}

pub fn database_name(text: &str) -> Result<String, Fault> {
    identifier(text, "Enter the name of the database.")
}

pub fn username(text: &str) -> Result<String, Fault> {
    identifier(text, "Enter the user to sign in as.")
}

fn identifier(text: &str, required: &str) -> Result<String, Fault> {
    let name = single_line(text, MAX_IDENTIFIER)?;
    if name.is_empty() { Err(Fault::required(required)) } else { Ok(name) }
}

/// Any text but NUL, which the protocol cannot carry.
pub fn password(text: &str) -> Result<(), Fault> {
    if text.contains('\0') {
        Err(Fault::new("characters", "A password cannot contain the character NUL."))
    } else if text.len() > MAX_PASSWORD {
        Err(too_long(MAX_PASSWORD))
    } else {
        Ok(())
    }
}

pub fn ssl_mode(text: &str) -> Result<SslMode, Fault> {
    let offered = || SslMode::OFFERED.map(SslMode::as_str).join(", ");
    match text.trim().parse::<SslMode>() {
        Ok(mode) if mode.is_offered() => Ok(mode),
        Ok(mode) => {
            Err(Fault::new("not_offered", format!("{mode} is not offered yet. Choose one of {}.", offered())))
        }
        Err(_) => Err(Fault::new("unknown", format!("Choose one of {}.", offered()))),
    }
}

/// PEM with at least one certificate. Whether it parses is for who can read X.509.
pub fn ssl_root_cert(text: &str) -> Result<Option<String>, Fault> {
    let pem = text.trim();
    if pem.is_empty() {
        return Ok(None);
    }
    if pem.len() > MAX_PEM {
        return Err(Fault::new("too_long", "At most 256 KB of certificates."));
    }
    if pem.contains("PRIVATE KEY-----") {
        return Err(Fault::new("private_key", "This holds a private key. Paste only the CA's certificate."));
    }
    if !pem.contains("-----BEGIN CERTIFICATE-----") {
        return Err(Fault::new(
            "format",
            "Paste the CA's certificate as PEM: it begins with -----BEGIN CERTIFICATE-----.",
        ));
    }
    Ok(Some(format!("{pem}\n")))
}

pub fn region(text: &str) -> Result<Option<String>, Fault> {
    optional(text)
}

pub fn cloud_provider(text: &str) -> Result<Option<String>, Fault> {
    optional(text)
}

fn optional(text: &str) -> Result<Option<String>, Fault> {
    let text = single_line(text, MAX_PLACE)?;
    Ok((!text.is_empty()).then_some(text))
}

pub fn latitude(text: &str) -> Result<Option<f64>, Fault> {
    degrees(text, 90.0)
}

pub fn longitude(text: &str) -> Result<Option<f64>, Fault> {
    degrees(text, 180.0)
}

fn degrees(text: &str, max: f64) -> Result<Option<f64>, Fault> {
    let text = text.trim();
    if text.is_empty() {
        return Ok(None);
    }
    match text.parse::<f64>() {
        Ok(value) if value.is_finite() && value.abs() <= max => Ok(Some(value)),
        _ => Err(Fault::new("range", format!("Degrees from −{max} to {max}, as in 53.35."))),
    }
}

/// Tags without repetition, in the order given.
pub fn tags(tags: &[String]) -> Result<Vec<String>, Fault> {
    let mut kept: Vec<String> = Vec::new();
    for tag in tags {
        let tag = single_line(tag, MAX_TAG)?;
        if tag.contains(',') {
            return Err(Fault::new("characters", "A tag cannot contain a comma."));
        }
        if !tag.is_empty() && !kept.iter().any(|known| known.eq_ignore_ascii_case(&tag)) {
            kept.push(tag);
        }
    }
    if kept.len() > MAX_TAGS { Err(Fault::new("too_many", "At most 20 tags.")) } else { Ok(kept) }
}

/// Several lines are fine here.
pub fn notes(text: &str) -> Result<String, Fault> {
    let notes = text.trim().replace("\r\n", "\n");
    if notes.chars().any(|c| is_deceptive(c) && c != '\n' && c != '\t') {
        return Err(Fault::new("characters", "Leave out control characters and invisible direction marks."));
    }
    if notes.chars().count() > MAX_NOTES { Err(too_long(MAX_NOTES)) } else { Ok(notes) }
}

/// Seconds between two checks.
pub fn check_interval_s(text: &str) -> Result<i32, Fault> {
    match text.trim().parse::<i32>() {
        Ok(seconds) if (MIN_INTERVAL_S..=MAX_INTERVAL_S).contains(&seconds) => Ok(seconds),
        _ => Err(Fault::new("range", "Whole seconds, from 5 to 3600.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_names_addresses_and_socket_folders() {
        for (typed, kept) in [
            (" db.example.com ", "db.example.com"),
            ("localhost", "localhost"),
            ("10.0.0.1", "10.0.0.1"),
            ("[2001:db8::1]", "2001:db8::1"),
            ("::1", "::1"),
            ("/var/run/postgresql/", "/var/run/postgresql"),
            ("my_service-1", "my_service-1"),
            ("bücher.example", "bücher.example"),
        ] {
            assert_eq!(host(typed).as_deref(), Ok(kept), "{typed}");
        }
    }

    #[test]
    fn a_host_says_what_does_not_belong_into_it() {
        for (typed, code) in [
            ("", "required"),
            ("https://db.acme.io", "scheme"),
            ("db.acme.io:5433", "port"),
            ("a b", "format"),
            ("<script>alert(1)</script>", "format"),
            ("db..example", "format"),
            ("-db", "format"),
            ("db\u{202E}moc", "characters"),
        ] {
            assert_eq!(host(typed).map_err(|fault| fault.code), Err(code), "{typed}");
        }
        assert_eq!(host(&"x".repeat(10_000_000)).map_err(|fault| fault.code), Err("too_long"));
        assert_eq!(host(&format!("/{}", "x".repeat(100))).map_err(|fault| fault.code), Err("too_long"));
    }

    #[test]
    fn ports_are_from_1_to_65535() {
        assert_eq!(port(" 5432 "), Ok(5432));
        for typed in ["0", "65536", "54320x", "", "-1", "1e3"] {
            assert!(port(typed).is_err(), "{typed}");
        }
    }

    #[test]
    fn modes_of_a_later_release_are_refused_with_what_is_offered() {
        assert_eq!(ssl_mode("verify-full"), Ok(SslMode::VerifyFull));
        let fault = ssl_mode("prefer").unwrap_err();
        assert_eq!(fault.code, "not_offered");
        assert!(fault.message.contains("auto, verify-full, require, disable"));
        assert_eq!(ssl_mode("x").map_err(|fault| fault.code), Err("unknown"));
    }

    #[test]
    fn a_private_key_is_not_taken_for_a_certificate() {
        let both = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----";
        assert_eq!(ssl_root_cert(both).map_err(|fault| fault.code), Err("private_key"));
    }

    #[test]
    fn tags_are_kept_once_in_their_order() {
        let typed = [" prod ", "eu", "PROD", ""].map(str::to_owned);
        assert_eq!(tags(&typed), Ok(vec!["prod".to_owned(), "eu".to_owned()]));
    }

    #[test]
    fn names_may_be_html_but_not_deceptive() {
        assert_eq!(name("<b>x</b>"), Ok(Some("<b>x</b>".to_owned())));
        assert_eq!(name("  "), Ok(None));
        assert_eq!(name("a\u{202E}b").map_err(|fault| fault.code), Err("characters"));
    }
}
