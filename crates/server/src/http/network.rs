//! The networks that the address of a client belongs to.

use std::net::{IpAddr, Ipv6Addr};

/// Returns the network that one client has: an IPv4 address, or the first 64 bits of an IPv6 address. An IPv4-mapped
/// IPv6 address counts as the IPv4 address.
pub fn of_client(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => prefix(address, 64).into(),
        address => address,
    }
}

/// Returns the network that one customer of a provider has: the first 48 bits of an IPv6 address. An IPv4 address
/// has none.
pub fn of_site(address: IpAddr) -> Option<Ipv6Addr> {
    match address.to_canonical() {
        IpAddr::V6(address) => Some(prefix(address, 48)),
        IpAddr::V4(_) => None,
    }
}

/// Returns the address with all bits after the first `bits` set to zero.
fn prefix(address: Ipv6Addr, bits: u32) -> Ipv6Addr {
    Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << (128 - bits)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_of_ipv6_stands_for_its_networks() {
        for (address, client, site) in [
            ("2001:db8::1", "2001:db8::", Some("2001:db8::")),
            ("2001:db8:1:2:ffff:ffff:ffff:ffff", "2001:db8:1:2::", Some("2001:db8:1::")),
            ("2001:db8:1:ffff::", "2001:db8:1:ffff::", Some("2001:db8:1::")),
            ("::1", "::", Some("::")),
            ("192.0.2.1", "192.0.2.1", None),
            ("::ffff:192.0.2.1", "192.0.2.1", None),
        ] {
            let found: IpAddr = address.parse().unwrap();
            let expected = (client.parse().unwrap(), site.map(|site| site.parse().unwrap()));
            assert_eq!((of_client(found), of_site(found)), expected, "{address}");
        }
    }
}
