//! Whether a connection is encrypted, and what the server must prove: a pure function of the mode and of the
//! address actually reached.

use common::SslMode;

use crate::Peer;

/// What the server's certificate must show before anything is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Demand {
    /// A chain to a root that we trust, and the name that we asked for.
    ChainAndName,
    /// A chain to a root that we trust.
    Chain,
    /// Nothing; how far it could be verified is told.
    Nothing,
}

/// Plain text, or TLS and nothing else: no mode falls back from one to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encryption {
    Plain,
    Tls(Demand),
}

/// `has_root_cert`: the connection brings its own CA; then `require` verifies against it, as libpq does for
/// backward compatibility (libpq-ssl, "root CA file exists").
///
/// `allow` and `prefer` may fall back to plain text by their meaning. They are not offered yet; until then they
/// are read as the stricter `require`.
pub fn encryption(mode: SslMode, peer: &Peer, has_root_cert: bool) -> Encryption {
    // libpq: "sslmode is ignored for Unix domain socket communication".
    if matches!(peer, Peer::Unix(_)) {
        return Encryption::Plain;
    }
    match mode {
        SslMode::Disable => Encryption::Plain,
        SslMode::Auto if peer.is_local() => Encryption::Plain,
        SslMode::Auto => Encryption::Tls(Demand::Nothing),
        SslMode::Allow | SslMode::Prefer | SslMode::Require if has_root_cert => {
            Encryption::Tls(Demand::Chain)
        }
        SslMode::Allow | SslMode::Prefer | SslMode::Require => Encryption::Tls(Demand::Nothing),
        SslMode::VerifyCa => Encryption::Tls(Demand::Chain),
        SslMode::VerifyFull => Encryption::Tls(Demand::ChainAndName),
    }
}

#[cfg(test)]
mod tests {
    use super::{Demand::*, Encryption::*, *};

    fn tcp(ip: &str) -> Peer {
        Peer::Tcp((ip.parse::<std::net::IpAddr>().unwrap(), 5432).into())
    }

    #[test]
    fn auto_is_plain_only_where_nothing_leaves_the_machine() {
        for ip in ["127.0.0.1", "127.255.0.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(encryption(SslMode::Auto, &tcp(ip), false), Plain, "{ip}");
        }
        assert_eq!(encryption(SslMode::Auto, &Peer::unix("/run/postgresql", 5432), false), Plain);
        for ip in [
            "10.0.0.1",
            "192.168.0.1",
            "203.0.113.7",
            "128.0.0.1",
            "2001:db8::1",
            "fd00::1",
            "::ffff:10.0.0.1",
        ] {
            assert_eq!(encryption(SslMode::Auto, &tcp(ip), false), Tls(Nothing), "{ip}");
            assert_eq!(encryption(SslMode::Auto, &tcp(ip), true), Tls(Nothing), "{ip}");
        }
        // An address that NAT64 or 6to4 would translate to loopback leaves the machine first.
        for ip in ["64:ff9b::7f00:1", "2002:7f00:1::1"] {
            assert_eq!(encryption(SslMode::Auto, &tcp(ip), false), Tls(Nothing), "{ip}");
        }
    }

    #[test]
    fn the_other_modes_do_not_look_at_the_address() {
        for ip in ["127.0.0.1", "203.0.113.7", "::1"] {
            let peer = tcp(ip);
            for (mode, with_root, expected) in [
                (SslMode::Disable, false, Plain),
                (SslMode::Disable, true, Plain),
                (SslMode::Require, false, Tls(Nothing)),
                (SslMode::Require, true, Tls(Chain)),
                (SslMode::VerifyCa, false, Tls(Chain)),
                (SslMode::VerifyFull, false, Tls(ChainAndName)),
                (SslMode::VerifyFull, true, Tls(ChainAndName)),
            ] {
                assert_eq!(encryption(mode, &peer, with_root), expected, "{mode} {ip} {with_root}");
            }
        }
    }

    #[test]
    fn no_mode_but_disable_and_local_auto_sends_plain_text_over_tcp() {
        for mode in
            [SslMode::Allow, SslMode::Prefer, SslMode::Require, SslMode::VerifyCa, SslMode::VerifyFull]
        {
            assert!(matches!(encryption(mode, &tcp("127.0.0.1"), false), Tls(_)), "{mode}");
        }
    }

    #[test]
    fn unix_sockets_are_plain_in_every_mode_as_in_libpq() {
        for mode in [SslMode::Auto, SslMode::Disable, SslMode::Require, SslMode::VerifyFull] {
            assert_eq!(encryption(mode, &Peer::unix("/tmp", 5432), true), Plain, "{mode}");
        }
    }
}
