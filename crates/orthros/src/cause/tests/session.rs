//! One of each fault of a session message.

use super::now;
use crate::error::SessionFault;

pub(super) fn faults() -> impl Iterator<Item = SessionFault> {
    let faults = [
        SessionFault::ChecksumType { cksumtype: 7 },
        SessionFault::Checksum,
        SessionFault::Integrity,
        SessionFault::InTheClear,
        SessionFault::Address {
            field: "s-address",
            found: Some("192.0.2.7".into()),
            expected: vec!["192.0.2.1".into()],
        },
        SessionFault::Undated,
        SessionFault::Skew {
            sent: Some(now().offset(-400_000_000)),
            now: now(),
            limit: 300,
        },
        SessionFault::Repeat { sent: now() },
        SessionFault::Reflected,
        SessionFault::Order {
            found: Some(7),
            expected: 6,
        },
        SessionFault::Nonce,
        SessionFault::TooMany { remembered: 65_536 },
    ];
    faults.into_iter()
}
