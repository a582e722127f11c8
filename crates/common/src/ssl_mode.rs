//! How a connection is encrypted, in libpq's words and with libpq's meaning, plus `auto`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

/// The TLS mode of a connection. Ordered from the weakest to the strictest for remote addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum SslMode {
    /// Never TLS: everything, the password too, crosses the network readable.
    Disable,
    /// Plain first, TLS if the server insists. Not offered yet.
    Allow,
    /// TLS first, plain if the server has none. Not offered yet.
    Prefer,
    /// Plain on loopback and Unix sockets; everywhere else TLS or nothing, verified where that passes.
    #[default]
    Auto,
    /// TLS or nothing; the certificate is not verified, unless a root certificate is given.
    Require,
    /// TLS with a verified chain; the name may differ. Not offered yet.
    VerifyCa,
    /// TLS with a verified chain and name.
    VerifyFull,
}

impl SslMode {
    /// The modes that this release can honour, in the order in which a form offers them.
    pub const OFFERED: [Self; 4] = [Self::Auto, Self::VerifyFull, Self::Require, Self::Disable];

    pub fn is_offered(self) -> bool {
        Self::OFFERED.contains(&self)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Allow => "allow",
            Self::Prefer => "prefer",
            Self::Auto => "auto",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }

    /// How much a mode promises towards a remote server. A change to a smaller number is a weaker TLS.
    pub fn strength(self) -> u8 {
        match self {
            Self::Disable => 0,
            Self::Allow => 1,
            Self::Prefer => 2,
            Self::Auto => 3,
            Self::Require => 4,
            Self::VerifyCa => 5,
            Self::VerifyFull => 6,
        }
    }
}

impl fmt::Display for SslMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// No such mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not a TLS mode")]
pub struct UnknownSslMode;

impl FromStr for SslMode {
    type Err = UnknownSslMode;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        [
            Self::Disable,
            Self::Allow,
            Self::Prefer,
            Self::Auto,
            Self::Require,
            Self::VerifyCa,
            Self::VerifyFull,
        ]
        .into_iter()
        .find(|mode| mode.as_str() == text)
        .ok_or(UnknownSslMode)
    }
}
