//! Host addresses as Kerberos writes them (RFC 4120 §7.1).

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

use crate::error::Rejection;
use crate::wire::{AddrType, HostAddress, OctetString};

/// A host address, owned.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct HostAddr {
    /// Its type.
    pub addr_type: AddrType,
    /// Its octets, in network order.
    pub address: Vec<u8>,
}

impl HostAddr {
    /// For a message.
    pub fn to_wire(&self) -> HostAddress<'_> {
        HostAddress {
            addr_type: self.addr_type,
            address: OctetString(&self.address),
        }
    }

    /// Whether a message may name it: the unspecified, the loopback and the link-local addresses
    /// of IPv6 are in none (AP-69).
    pub fn may_be_named(&self) -> bool {
        match (self.addr_type, <[u8; 16]>::try_from(&*self.address)) {
            (AddrType::IPV6, Ok(octets)) => {
                let v6 = Ipv6Addr::from(octets);
                !(v6.is_unspecified() || v6.is_loopback() || v6.is_unicast_link_local())
            }
            _ => true,
        }
    }

    pub(super) fn matches(&self, other: &HostAddress<'_>) -> bool {
        self.addr_type == other.addr_type && self.address == other.address.as_bytes()
    }
}

impl From<IpAddr> for HostAddr {
    /// An IPv4 address mapped into IPv6 is the IPv4 address (AP-69).
    fn from(ip: IpAddr) -> Self {
        let (addr_type, address) = match ip.to_canonical() {
            IpAddr::V4(v4) => (AddrType::IPV4, v4.octets().to_vec()),
            IpAddr::V6(v6) => (AddrType::IPV6, v6.octets().to_vec()),
        };
        Self { addr_type, address }
    }
}

impl From<&HostAddress<'_>> for HostAddr {
    fn from(wire: &HostAddress<'_>) -> Self {
        Self {
            addr_type: wire.addr_type,
            address: wire.address.as_bytes().to_vec(),
        }
    }
}

impl fmt::Display for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (AddrType::IPV4, Ok(v4)) = (self.addr_type, <[u8; 4]>::try_from(&*self.address)) {
            return IpAddr::from(v4).fmt(f);
        }
        if let (AddrType::IPV6, Ok(v6)) = (self.addr_type, <[u8; 16]>::try_from(&*self.address)) {
            return IpAddr::from(v6).fmt(f);
        }
        write!(f, "{}:", self.addr_type)?;
        self.address.iter().try_for_each(|o| write!(f, "{o:02x}"))
    }
}

impl fmt::Debug for HostAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What an acceptor makes of the addresses in a ticket (AP-27).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AddressPolicy {
    /// If the ticket has addresses and the peer's is known, it must be one of them.
    #[default]
    IfPresent,
    /// The ticket must have addresses, and the peer's must be known and one of them.
    Required,
    /// They are not looked at: for services behind address translation.
    Ignored,
}

impl AddressPolicy {
    pub(super) fn check(
        self,
        peer: Option<&HostAddr>,
        caddr: Option<&[HostAddress<'_>]>,
    ) -> Result<(), Rejection> {
        // A received empty list is none (MSG-06).
        let caddr = caddr.unwrap_or_default();
        let right = match (self, peer) {
            (Self::Ignored, _) | (Self::IfPresent, None) => true,
            (Self::IfPresent, Some(_)) if caddr.is_empty() => true,
            (_, Some(peer)) => caddr.iter().any(|address| peer.matches(address)),
            (Self::Required, None) => false,
        };
        if right {
            return Ok(());
        }
        Err(Rejection::Address {
            peer: peer.map_or_else(|| "unknown".to_owned(), HostAddr::to_string),
            ticket: caddr
                .iter()
                .map(|a| HostAddr::from(a).to_string())
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addr(text: &str) -> HostAddr {
        text.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn ap_69_mapped_addresses_are_ipv4() {
        assert_eq!(addr("::ffff:192.0.2.1"), addr("192.0.2.1"));
        assert_eq!(addr("192.0.2.1").addr_type, AddrType::IPV4);
        assert_eq!(addr("192.0.2.1").address, [192, 0, 2, 1]);
        assert_eq!(addr("2001:db8::1").addr_type, AddrType::IPV6);
        assert_eq!(addr("2001:db8::1").address.len(), 16);
        assert_eq!(addr("2001:db8::1").to_string(), "2001:db8::1");
    }

    #[test]
    fn ap_69_what_no_message_names() {
        for (text, may) in [
            ("::", false),
            ("::1", false),
            ("fe80::1", false),
            ("febf:ffff::1", false),
            ("fec0::1", true),
            ("2001:db8::1", true),
            ("::ffff:127.0.0.1", true),
            ("127.0.0.1", true),
            ("192.0.2.1", true),
        ] {
            assert_eq!(addr(text).may_be_named(), may, "{text}");
        }
        // A type whose octets are not an address is not looked into.
        let odd = HostAddr {
            addr_type: AddrType::IPV6,
            address: vec![0; 4],
        };
        assert!(odd.may_be_named());
    }

    #[test]
    fn ap_27_table() {
        let (right, wrong) = (addr("192.0.2.1"), addr("192.0.2.2"));
        let listed = [addr("198.51.100.9"), right.clone()];
        let listed: Vec<_> = listed.iter().map(HostAddr::to_wire).collect();
        use AddressPolicy::*;
        for (policy, peer, list, accepted) in [
            (IfPresent, Some(&right), Some(&listed), true),
            (IfPresent, Some(&wrong), Some(&listed), false),
            (IfPresent, None, Some(&listed), true),
            (IfPresent, Some(&wrong), None, true),
            (IfPresent, Some(&wrong), Some(&vec![]), true),
            (Required, Some(&right), Some(&listed), true),
            (Required, Some(&wrong), Some(&listed), false),
            (Required, Some(&right), None, false),
            (Required, None, Some(&listed), false),
            (Ignored, Some(&wrong), Some(&listed), true),
        ] {
            let result = policy.check(peer, list.map(Vec::as_slice));
            assert_eq!(result.is_ok(), accepted, "{policy:?} {peer:?} {list:?}");
        }
    }
}
