//! A secret at rest: a Fernet token of what the secret is for and whose it is, so that a token that was copied to
//! another row, or used for another purpose, does not open.

use common::ConnectionId;
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use serde::{Deserialize, Serialize};

use crate::KeyRing;

/// What a sealed secret is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Password,
}

impl Purpose {
    fn as_str(self) -> &'static str {
        match self {
            Self::Password => "password",
        }
    }
}

/// Why a token does not open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OpenError {
    #[error("no key fits the token")]
    NoKey,
    #[error("the token was written by another release")]
    Format,
    #[error("the token belongs to another connection or purpose")]
    Moved,
}

const FORMAT: u8 = 1;

#[derive(Serialize)]
struct Outgoing<'a> {
    v: u8,
    connection_id: ConnectionId,
    purpose: &'a str,
    secret: &'a str,
}

#[derive(Deserialize)]
struct Incoming {
    v: u8,
    connection_id: ConnectionId,
    purpose: String,
    secret: String,
}

pub(crate) fn seal(
    keys: &KeyRing,
    connection_id: ConnectionId,
    purpose: Purpose,
    secret: &SecretString,
) -> Result<String, serde_json::Error> {
    let outgoing =
        Outgoing { v: FORMAT, connection_id, purpose: purpose.as_str(), secret: secret.expose_secret() };
    let plain = Zeroizing::new(serde_json::to_vec(&outgoing)?);
    Ok(keys.encrypt(&plain))
}

pub(crate) fn open(
    keys: &KeyRing,
    connection_id: ConnectionId,
    purpose: Purpose,
    token: &str,
) -> Result<SecretString, OpenError> {
    let plain = Zeroizing::new(keys.decrypt(token).ok_or(OpenError::NoKey)?);
    let incoming: Incoming = serde_json::from_slice(&plain).map_err(|_| OpenError::Format)?;
    let secret = SecretString::from(incoming.secret);
    if incoming.v != FORMAT {
        Err(OpenError::Format)
    } else if incoming.connection_id != connection_id || incoming.purpose != purpose.as_str() {
        Err(OpenError::Moved)
    } else {
        Ok(secret)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ring() -> KeyRing {
        KeyRing::parse(&KeyRing::generate_key()).unwrap()
    }

    #[test]
    fn a_token_opens_only_in_its_own_row() {
        let keys = ring();
        let secret = SecretString::from("p\"ä\\ß".to_owned());
        let token = seal(&keys, ConnectionId(7), Purpose::Password, &secret).unwrap();
        assert!(!token.contains("ß"));
        let opened = open(&keys, ConnectionId(7), Purpose::Password, &token).unwrap();
        assert_eq!(opened.expose_secret(), secret.expose_secret());
        assert_eq!(open(&keys, ConnectionId(8), Purpose::Password, &token).unwrap_err(), OpenError::Moved);
    }

    #[test]
    fn a_token_of_another_purpose_does_not_open() {
        let keys = ring();
        let token = keys.encrypt(br#"{"v":1,"connection_id":7,"purpose":"ssl_key","secret":"x"}"#);
        assert_eq!(open(&keys, ConnectionId(7), Purpose::Password, &token).unwrap_err(), OpenError::Moved);
    }

    #[test]
    fn a_foreign_a_changed_and_a_newer_token_do_not_open() {
        let keys = ring();
        let secret = SecretString::from("x".to_owned());
        let mut token = seal(&ring(), ConnectionId(7), Purpose::Password, &secret).unwrap();
        assert_eq!(open(&keys, ConnectionId(7), Purpose::Password, &token).unwrap_err(), OpenError::NoKey);
        token = "nonsense".to_owned();
        assert_eq!(open(&keys, ConnectionId(7), Purpose::Password, &token).unwrap_err(), OpenError::NoKey);
        let newer = keys.encrypt(br#"{"v":2,"connection_id":7,"purpose":"password","secret":"x"}"#);
        assert_eq!(open(&keys, ConnectionId(7), Purpose::Password, &newer).unwrap_err(), OpenError::Format);
    }
}
