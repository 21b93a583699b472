//! The addresses in KRB-SAFE and KRB-PRIV (RFC 4120 §3.4.2, §7.1).

use super::config::Party;
use crate::ap::HostAddr;
use crate::error::{Error, SessionFault};
use crate::wire::{AddrType, HostAddress, OctetString};

/// What stands in the s-address of a message, which is always there (AP-67).
#[derive(Clone, Debug)]
pub enum SessionAddresses {
    /// The direction: 0 from the initiator, 1 from the acceptor (AP-68). It survives address
    /// translation, and is for protocols that say so.
    Directional,
    /// The sender's host.
    Hosts(HostAddresses),
}

impl From<HostAddresses> for SessionAddresses {
    fn from(hosts: HostAddresses) -> Self {
        Self::Hosts(hosts)
    }
}

/// The hosts of a session.
#[derive(Clone, Debug)]
pub struct HostAddresses {
    /// The first goes into messages.
    local: Vec<HostAddr>,
    peer: Option<HostAddr>,
    name_recipient: bool,
    demand_recipient: bool,
}

impl HostAddresses {
    /// Between `local`, which goes into our messages, and `peer`, from which the operating system
    /// says that messages come.
    pub fn new(local: HostAddr, peer: HostAddr) -> Result<Self, Error> {
        may_be_named(&peer)?;
        Ok(Self {
            peer: Some(peer),
            ..Self::with_any_peer(local)?
        })
    }

    /// Where the peer's address is not known, or is changed on the way: the s-address of its
    /// messages is not compared with anything.
    pub fn with_any_peer(local: HostAddr) -> Result<Self, Error> {
        may_be_named(&local)?;
        Ok(Self {
            local: vec![local],
            peer: None,
            name_recipient: false,
            demand_recipient: false,
        })
    }

    /// Another address of this host that a peer may name as the recipient's.
    #[must_use]
    pub fn also_local(mut self, local: HostAddr) -> Self {
        self.local.push(local);
        self
    }

    /// Writes the peer's address into messages as the recipient's, if it is known.
    #[must_use]
    pub fn name_recipient(mut self) -> Self {
        self.name_recipient = true;
        self
    }

    /// Refuses messages that do not name us as the recipient. One that names somebody else is
    /// refused in any case.
    #[must_use]
    pub fn demand_recipient(mut self) -> Self {
        self.demand_recipient = true;
        self
    }
}

/// AP-69.
fn may_be_named(address: &HostAddr) -> Result<(), Error> {
    match address.may_be_named() {
        true => Ok(()),
        false => Err(Error::Misuse(
            "an IPv6 address that no message may name (unspecified, loopback, link-local)",
        )),
    }
}

const fn direction(sender: Party) -> HostAddress<'static> {
    let octets: &[u8] = match sender {
        Party::Initiator => &[0, 0, 0, 0],
        Party::Acceptor => &[0, 0, 0, 1],
    };
    HostAddress {
        addr_type: AddrType::DIRECTIONAL,
        address: OctetString(octets),
    }
}

impl SessionAddresses {
    /// s-address and r-address of a message of ours.
    pub(super) fn of_ours(&self, us: Party) -> (HostAddress<'_>, Option<HostAddress<'_>>) {
        match self {
            Self::Directional => (direction(us), None),
            Self::Hosts(hosts) => {
                let local = hosts.local.first().map(HostAddr::to_wire);
                let named = hosts.peer.as_ref().filter(|_| hosts.name_recipient);
                // There is a first one: the constructors put it there.
                (local.unwrap_or(direction(us)), named.map(HostAddr::to_wire))
            }
        }
    }

    /// Whether no message of ours passes [`check`](Self::check).
    pub(super) fn tell_direction(&self) -> bool {
        match self {
            Self::Directional => true,
            Self::Hosts(hosts) => hosts
                .peer
                .as_ref()
                .is_some_and(|peer| hosts.local.first() != Some(peer)),
        }
    }

    /// The addresses of a message that `us` received (AP-67, AP-68, AP-69).
    pub(super) fn check(
        &self,
        us: Party,
        s_address: &HostAddress<'_>,
        r_address: Option<&HostAddress<'_>>,
    ) -> Result<(), SessionFault> {
        let wrong = |field, found: Option<&HostAddress<'_>>, expected: Vec<String>| {
            Err(SessionFault::Address {
                field,
                found: found.map(|found| HostAddr::from(found).to_string()),
                expected,
            })
        };
        let named = |addresses: &[HostAddr]| addresses.iter().map(HostAddr::to_string).collect();
        match self {
            Self::Directional => {
                let theirs = direction(match us {
                    Party::Initiator => Party::Acceptor,
                    Party::Acceptor => Party::Initiator,
                });
                if *s_address != theirs {
                    let expected = vec![HostAddr::from(&theirs).to_string()];
                    return wrong("s-address", Some(s_address), expected);
                }
                // Whoever speaks of directions knows no host.
                match r_address {
                    None => Ok(()),
                    found => wrong("r-address", found, vec!["absent".to_owned()]),
                }
            }
            Self::Hosts(hosts) => {
                let sender = HostAddr::from(s_address);
                let right = match &hosts.peer {
                    Some(peer) => sender == *peer,
                    None => sender.addr_type != AddrType::DIRECTIONAL && sender.may_be_named(),
                };
                if !right {
                    let expected = match &hosts.peer {
                        Some(peer) => vec![peer.to_string()],
                        None => vec!["a host's".to_owned()],
                    };
                    return wrong("s-address", Some(s_address), expected);
                }
                match r_address {
                    Some(found) if hosts.local.iter().any(|ours| ours.matches(found)) => Ok(()),
                    None if !hosts.demand_recipient => Ok(()),
                    found => wrong("r-address", found, named(&hosts.local)),
                }
            }
        }
    }
}
