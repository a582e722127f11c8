//! Addresses that are never dialled, in every notation.
//!
//! Whoever may add a connection chooses where this server connects to. Loopback and private networks are where
//! databases live; link-local addresses and the metadata services of clouds are not: they hand out credentials
//! to whoever asks from this machine. IPv6 can wrap any IPv4 address in several ways, so each is unwrapped.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Why an address is not dialled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("it is a link-local address")]
    LinkLocal,
    #[error("it is the metadata service of a cloud provider")]
    Metadata,
    #[error("it names no host (unspecified)")]
    Unspecified,
    #[error("it is a multicast address")]
    Multicast,
    #[error("it is a broadcast address")]
    Broadcast,
}

/// Metadata services outside the link-local range: Alibaba, Oracle, Azure.
const METADATA_V4: [Ipv4Addr; 3] =
    [Ipv4Addr::new(100, 100, 100, 200), Ipv4Addr::new(192, 0, 0, 192), Ipv4Addr::new(168, 63, 129, 16)];

/// Google's metadata service over IPv6.
const METADATA_GOOGLE_V6: Ipv6Addr = Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254);

/// # Errors
/// Says what kind of address it is when it must not be dialled.
pub fn check(ip: IpAddr) -> Result<(), Denied> {
    match ip {
        IpAddr::V4(ip) => check_v4(ip),
        IpAddr::V6(ip) => check_v6(ip),
    }
}

fn check_v4(ip: Ipv4Addr) -> Result<(), Denied> {
    if METADATA_V4.contains(&ip) || ip == Ipv4Addr::new(169, 254, 169, 254) {
        Err(Denied::Metadata)
    } else if ip.is_link_local() {
        Err(Denied::LinkLocal)
    } else if ip.octets()[0] == 0 {
        // 0.0.0.0/8, "this network" (RFC 1122): Linux takes 0.0.0.0 for loopback.
        Err(Denied::Unspecified)
    } else if ip.is_multicast() {
        Err(Denied::Multicast)
    } else if ip.is_broadcast() {
        Err(Denied::Broadcast)
    } else {
        Ok(())
    }
}

fn check_v6(ip: Ipv6Addr) -> Result<(), Denied> {
    if ip.is_loopback() {
        return Ok(());
    }
    if ip.is_unspecified() {
        return Err(Denied::Unspecified);
    }
    // fd00:ec2::/32: Amazon's instance metadata (::254), container credentials (::23), name and time services.
    if ip.segments()[..2] == [0xfd00, 0xec2] || ip == METADATA_GOOGLE_V6 {
        return Err(Denied::Metadata);
    }
    if ip.is_unicast_link_local() {
        return Err(Denied::LinkLocal);
    }
    if ip.is_multicast() {
        return Err(Denied::Multicast);
    }
    embedded_v4(ip).into_iter().try_for_each(check_v4)
}

/// Every IPv4 address that an IPv6 address may stand for.
fn embedded_v4(ip: Ipv6Addr) -> Vec<Ipv4Addr> {
    let s = ip.segments();
    let v4 = |high: u16, low: u16| {
        let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
        Ipv4Addr::new(a, b, c, d)
    };
    let last = v4(s[6], s[7]);
    match s {
        // ::ffff:a.b.c.d mapped (RFC 4291 2.5.5.2), ::a.b.c.d compatible (2.5.5.1),
        // ::ffff:0:a.b.c.d translated (RFC 2765)
        [0, 0, 0, 0, 0, 0xffff | 0, ..] | [0, 0, 0, 0, 0xffff, 0, ..] => vec![last],
        // 64:ff9b::/96 NAT64 (RFC 6052)
        [0x64, 0xff9b, 0, 0, 0, 0, ..] => vec![last],
        // 64:ff9b:1::/48 local NAT64 (RFC 8215): the address follows the prefix of 48, 56, 64 or 96 bits, and
        // the octet after bit 63 is always skipped (RFC 6052 2.2)
        [0x64, 0xff9b, 1, ..] => {
            let o = ip.octets();
            let at = [[6, 7, 9, 10], [7, 9, 10, 11], [9, 10, 11, 12]];
            // Which of them it is only the network knows. Zeros are padding then, so only what is worth hiding
            // counts.
            let hides = |ip: &Ipv4Addr| matches!(check_v4(*ip), Err(Denied::Metadata | Denied::LinkLocal));
            at.map(|at| Ipv4Addr::from(at.map(|at| o[at]))).into_iter().filter(hides).chain([last]).collect()
        }
        // 2002::/16 6to4 (RFC 3056)
        [0x2002, high, low, ..] => vec![v4(high, low)],
        // 2001::/32 Teredo (RFC 4380): the client's address is stored inverted
        [0x2001, 0, ..] => vec![v4(s[2], s[3]), v4(!s[6], !s[7])],
        // …:0:5efe:a.b.c.d ISATAP (RFC 5214)
        [_, _, _, _, 0 | 0x200, 0x5efe, ..] => vec![last],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(ip: &str) -> Result<(), Denied> {
        check(ip.parse().unwrap())
    }

    #[test]
    fn loopback_private_and_public_addresses_are_ordinary_targets() {
        for ip in [
            "127.0.0.1",
            "127.8.9.1",
            "10.0.0.1",
            "172.16.0.9",
            "192.168.1.1",
            "100.64.0.1",
            "192.0.0.191",
            "203.0.113.7",
            "::1",
            "::ffff:127.0.0.1",
            "::ffff:10.1.2.3",
            "fd00::1",
            "2001:db8::1",
            "64:ff9b::203.0.113.7",
            "2002:cb00:7107::1",
        ] {
            assert_eq!(verdict(ip), Ok(()), "{ip}");
        }
    }

    #[test]
    fn link_local_metadata_unspecified_and_multicast_are_denied() {
        for (ip, why) in [
            ("169.254.169.254", Denied::Metadata),
            ("169.254.170.2", Denied::LinkLocal),
            ("100.100.100.200", Denied::Metadata),
            ("192.0.0.192", Denied::Metadata),
            ("168.63.129.16", Denied::Metadata),
            ("0.0.0.0", Denied::Unspecified),
            ("0.1.2.3", Denied::Unspecified),
            ("224.0.0.1", Denied::Multicast),
            ("255.255.255.255", Denied::Broadcast),
            ("::", Denied::Unspecified),
            ("fe80::1", Denied::LinkLocal),
            ("febf::1", Denied::LinkLocal),
            ("fd00:ec2::254", Denied::Metadata),
            ("fd00:ec2::23", Denied::Metadata),
            ("fd20:ce::254", Denied::Metadata),
            ("ff02::1", Denied::Multicast),
        ] {
            assert_eq!(verdict(ip), Err(why), "{ip}");
        }
    }

    #[test]
    fn no_notation_of_ipv6_hides_a_metadata_service() {
        for ip in [
            "::ffff:169.254.169.254",
            "::ffff:a9fe:a9fe",
            "::169.254.169.254",
            "::ffff:0:169.254.169.254",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1:a9fe:a9:fe00::",
            "64:ff9b:1:a9:fe:a9fe::",
            "64:ff9b:1:0:a9:fea9:fe00:0",
            "64:ff9b:1::169.254.169.254",
            "2002:a9fe:a9fe::1",
            "2001:0:a9fe:a9fe::1",
            "2001:0:cb00:7107::5601:5601",
            "2001:db8::5efe:169.254.169.254",
            "::ffff:100.100.100.200",
        ] {
            assert_eq!(verdict(ip), Err(Denied::Metadata), "{ip}");
        }
        assert_eq!(verdict("::ffff:0.0.0.0"), Err(Denied::Unspecified));
        assert_eq!(verdict("64:ff9b::255.255.255.255"), Err(Denied::Broadcast));
    }
}
