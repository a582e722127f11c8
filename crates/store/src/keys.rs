//! The keys that secrets are sealed with: one, or several while one is being replaced.

use std::{fmt, sync::Arc};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use fernet::{Fernet, MultiFernet};
use hmac::{Hmac, Mac};
use secrecy::{ExposeSecret, SecretString, zeroize::Zeroizing};
use sha2::Sha256;

/// What is wrong with the keys. It names the position, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("no key is given; `pg-dashboard keys generate` makes one")]
    Empty,
    #[error(
        "key {position} of {count} is not a Fernet key (32 bytes in URL-safe base64, 44 characters); \
         `pg-dashboard keys generate` makes one"
    )]
    Bad { position: usize, count: usize },
}

/// Keeps what digests are keyed with apart from what secrets are sealed with.
const DIGEST_LABEL: &[u8] = b"pg-dashboard digest v1";

/// Fernet keys, newest first: the first seals, all of them open. Cheap to clone; never prints.
#[derive(Clone)]
pub struct KeyRing {
    fernets: Arc<MultiFernet>,
    /// Keyed, and fed with nothing yet.
    digest: Hmac<Sha256>,
    count: usize,
}

impl KeyRing {
    /// Reads `newest,older,oldest`.
    pub fn parse(text: &SecretString) -> Result<Self, KeyError> {
        let keys: Vec<&str> = text.expose_secret().split(',').map(str::trim).collect();
        if keys.iter().all(|key| key.is_empty()) {
            return Err(KeyError::Empty);
        }
        let count = keys.len();
        let digest = keys.first().and_then(|first| digest_of(first));
        let digest = digest.ok_or(KeyError::Bad { position: 1, count })?;
        let fernets: Vec<Fernet> = keys
            .into_iter()
            .enumerate()
            .map(|(at, key)| Fernet::new(key).ok_or(KeyError::Bad { position: at + 1, count }))
            .collect::<Result<_, _>>()?;
        // MultiFernet::new panics on an empty list; there is at least one here.
        Ok(Self { fernets: Arc::new(MultiFernet::new(fernets)), digest, count })
    }

    /// A new key, as it goes into `DB_PASSWORD_ENCRYPTION_KEY`.
    pub fn generate_key() -> SecretString {
        SecretString::from(Fernet::generate_key())
    }

    /// How many keys there are.
    pub fn count(&self) -> usize {
        self.count
    }

    /// HMAC-SHA-256 of a text under a key that is derived from the first one: tells equal texts from different
    /// ones where the text holds a secret, which a plain hash would give to whoever guesses. Another first key
    /// makes another digest, so a digest that was kept does not outlive the key.
    pub fn digest(&self, text: &[u8]) -> [u8; 32] {
        self.digest.clone().chain_update(text).finalize().into_bytes().into()
    }

    pub(crate) fn encrypt(&self, plain: &[u8]) -> String {
        self.fernets.encrypt(plain)
    }

    /// `None`: none of the keys fits, or the token was tampered with.
    pub(crate) fn decrypt(&self, token: &str) -> Option<Vec<u8>> {
        self.fernets.decrypt(token).ok()
    }
}

/// `None` for what is not base64.
fn digest_of(key: &str) -> Option<Hmac<Sha256>> {
    let key = Zeroizing::new(URL_SAFE_NO_PAD.decode(key.trim_end_matches('=')).ok()?);
    let derived: [u8; 32] = keyed(&key)?.chain_update(DIGEST_LABEL).finalize().into_bytes().into();
    keyed(Zeroizing::new(derived).as_slice())
}

fn keyed(key: &[u8]) -> Option<Hmac<Sha256>> {
    Hmac::new_from_slice(key).ok()
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyRing({} keys, redacted)", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<KeyRing, KeyError> {
        KeyRing::parse(&SecretString::from(text.to_owned()))
    }

    #[test]
    fn the_first_key_seals_and_all_of_them_open() {
        let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
        let old_ring = KeyRing::parse(&old).unwrap();
        let both = parse(&format!("{}, {}", new.expose_secret(), old.expose_secret())).unwrap();
        assert_eq!(both.count(), 2);
        assert_eq!(both.decrypt(&old_ring.encrypt(b"x")).as_deref(), Some(&b"x"[..]));
        assert_eq!(old_ring.decrypt(&both.encrypt(b"x")), None);
    }

    #[test]
    fn a_bad_key_is_named_by_its_position_not_its_text() {
        let good = KeyRing::generate_key();
        let error = parse(&format!("{},hunter2", good.expose_secret())).unwrap_err();
        assert_eq!(error, KeyError::Bad { position: 2, count: 2 });
        assert!(!error.to_string().contains("hunter2"));
        assert_eq!(
            parse(&format!("{},", good.expose_secret())).unwrap_err(),
            KeyError::Bad { position: 2, count: 2 }
        );
        assert_eq!(parse(" , ").unwrap_err(), KeyError::Empty);
        assert_eq!(parse("").unwrap_err(), KeyError::Empty);
    }

    #[test]
    fn a_digest_is_of_the_text_and_the_first_key() {
        let (old, new) = (KeyRing::generate_key(), KeyRing::generate_key());
        let both = parse(&format!("{}, {}", new.expose_secret(), old.expose_secret())).unwrap();
        let (old, new) = (KeyRing::parse(&old).unwrap(), KeyRing::parse(&new).unwrap());
        assert_eq!(both.digest(b"hunter2"), new.digest(b"hunter2"));
        assert_ne!(both.digest(b"hunter2"), old.digest(b"hunter2"));
        assert_ne!(both.digest(b"hunter2"), both.digest(b"hunter3"));
    }

    #[test]
    fn a_digest_is_the_same_in_every_release() {
        let ring = parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=").unwrap();
        assert_eq!(ring.digest(b"hunter2")[..4], [0xb8, 0x4a, 0x9d, 0x28]);
    }

    #[test]
    fn a_ring_never_prints_its_keys() {
        let key = KeyRing::generate_key();
        let shown = format!("{:?}", KeyRing::parse(&key).unwrap());
        assert!(!shown.contains(key.expose_secret()), "{shown}");
    }
}
