//! A secret on its way from a person to the server.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize, Serializer};

/// A password in a request. It serialises, because a request that leaves the browser has to carry it;
/// nothing that the server answers contains this type. It never prints.
#[derive(Clone, Default)]
pub struct RequestSecret(SecretString);

impl RequestSecret {
    pub fn new(text: impl Into<String>) -> Self {
        Self(SecretString::from(text.into()))
    }

    pub fn is_empty(&self) -> bool {
        self.0.expose_secret().is_empty()
    }

    /// The secret in the type that the server keeps it in.
    pub fn into_secret(self) -> SecretString {
        self.0
    }

    pub fn as_secret(&self) -> &SecretString {
        &self.0
    }
}

impl fmt::Debug for RequestSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RequestSecret([redacted])")
    }
}

impl Serialize for RequestSecret {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0.expose_secret())
    }
}

impl<'de> Deserialize<'de> for RequestSecret {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(Self::new)
    }
}
