//! Sessions: what others recorded, and messages that each break one rule.

mod credentials;
mod messages;
mod recorded;

use std::net::IpAddr;
use std::time::Duration;

use super::*;
use crate::ap::HostAddr;
use crate::ap::tests::forge::{AES256, NOW, key, secs};
use crate::crypto::Key;
use crate::error::SessionFault as Fault;

fn host(text: &str) -> HostAddr {
    text.parse::<IpAddr>().unwrap().into()
}

fn hosts(local: &str, peer: &str) -> HostAddresses {
    HostAddresses::new(host(local), host(peer)).unwrap()
}

/// Keys of an exchange with both subkeys and different numbers.
fn keys() -> SessionKeys {
    SessionKeys {
        session: key(AES256, 1),
        initiator_subkey: Some(key(AES256, 2)),
        acceptor_subkey: Some(key(AES256, 3)),
        initiator_seq: 1000,
        acceptor_seq: 5000,
    }
}

/// Both sides, on two hosts.
fn pair(freshness: Freshness) -> (Session, Session) {
    let config = |local, peer| SessionConfig::new(freshness, hosts(local, peer));
    between(
        keys(),
        config("192.0.2.1", "192.0.2.2"),
        config("192.0.2.2", "192.0.2.1"),
    )
}

fn between(keys: SessionKeys, ours: SessionConfig, theirs: SessionConfig) -> (Session, Session) {
    (
        Session::initiator(keys.clone(), ours).unwrap(),
        Session::acceptor(keys, theirs).unwrap(),
    )
}

fn directional(freshness: Freshness) -> SessionConfig {
    SessionConfig::new(freshness, SessionAddresses::Directional)
}

/// The fault of a message that is refused, whose code is the given one.
#[track_caller]
fn fault<T: std::fmt::Debug>(result: Result<T, Error>, code: i32) -> Fault {
    let error = result.unwrap_err();
    assert_eq!(error.protocol_code().0, code, "{error:?}");
    match error {
        Error::Rejected(rejection) => match *rejection {
            Rejection::Session { fault, .. } => fault,
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
}

/// The code of a message that is refused.
#[track_caller]
fn code<T: std::fmt::Debug>(result: Result<T, Error>) -> i32 {
    result.unwrap_err().protocol_code().0
}
