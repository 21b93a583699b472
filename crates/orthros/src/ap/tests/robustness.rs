//! Damaged, nested and endless input.

use super::forge::*;
use crate::ap::{Acceptor, Unbound};
use crate::error::{Error, Rejection};
use crate::wire::primitive::to_der;

/// AP-15: every prefix and every changed bit gives an error or is no change of meaning.
#[test]
fn ap_15_prefixes_and_bits() {
    let right = Forge::right();
    let acceptor = Acceptor::new(right.config().without_replay_cache());
    let request = right.request();
    for len in 0..request.len() {
        assert!(
            acceptor
                .accept(&request[..len], &Unbound, None, NOW)
                .is_err()
        );
    }
    let mut longer = request.clone();
    longer.push(0);
    assert!(acceptor.accept(&longer, &Unbound, None, NOW).is_err());
    for bit in 0..request.len() * 8 {
        let mut changed = request.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        if acceptor.accept(&changed, &Unbound, None, NOW).is_ok() {
            // What nothing protects: ap-options, name types, the authenticator's kvno.
            let accepted = acceptor.accept(&changed, &Unbound, None, NOW).unwrap();
            assert_eq!(*accepted.peer.client(), right.client);
            assert_eq!(*accepted.peer.server(), right.server);
        }
    }
}

/// The plaintexts, changed and sealed again by someone who has the keys.
#[test]
fn ap_15_changed_plaintexts() {
    let right = Forge::right();
    let acceptor = Acceptor::new(right.config().without_replay_cache());
    let authenticator = right.authenticator();
    let ticket = right.ticket();
    for len in 0..authenticator.len() {
        let request = right.request_of(&ticket, &authenticator[..len]);
        assert!(acceptor.accept(&request, &Unbound, None, NOW).is_err());
    }
    for bit in 0..authenticator.len() * 8 {
        let mut changed = authenticator.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let request = right.request_of(&ticket, &changed);
        let _ = acceptor.accept(&request, &Unbound, None, NOW);
    }
    // MSG-20: octets behind the value.
    let mut longer = authenticator;
    longer.push(0);
    let request = right.request_of(&ticket, &longer);
    let refusal = acceptor.accept(&request, &Unbound, None, NOW).unwrap_err();
    assert!(matches!(refusal.error, Error::Malformed(_)));
}

fn nested(depth: usize) -> (i32, Vec<u8>) {
    let mut element = (9999, Vec::new());
    for _ in 0..depth {
        element = if_relevant(vec![element]);
    }
    element
}

#[test]
fn case_022_nesting() {
    for (depth, accepted) in [(1, true), (8, true), (9, false), (1000, false)] {
        let forge = Forge {
            ticket_data: vec![nested(depth)],
            ..Forge::right()
        };
        assert_eq!(present(&forge).is_ok(), accepted, "{depth}");
        let forge = Forge {
            authenticator_data: vec![nested(depth)],
            ..Forge::right()
        };
        assert_eq!(present(&forge).is_ok(), accepted, "{depth}");
    }
}

#[test]
fn msg_24_number_of_elements() {
    let many = |count: usize| if_relevant(vec![(9999, Vec::new()); count]);
    let forge = Forge {
        ticket_data: vec![many(1000)],
        ..Forge::right()
    };
    assert!(present(&forge).is_ok());
    let forge = Forge {
        ticket_data: vec![many(2000)],
        ..Forge::right()
    };
    let (rejection, _) = refused(present(&forge));
    assert!(matches!(rejection, Rejection::AuthorizationData { .. }));
}

#[test]
fn container_that_is_none() {
    let forge = Forge {
        ticket_data: vec![(1, b"junk".to_vec())],
        ..Forge::right()
    };
    let (rejection, _) = refused(present(&forge));
    assert!(matches!(rejection, Rejection::AuthorizationData { .. }));
    // An empty one is none (MSG-06).
    let empty = to_der("AD", &authorization_data(&Vec::new())).unwrap();
    let forge = Forge {
        ticket_data: vec![(1, empty)],
        ..Forge::right()
    };
    assert!(present(&forge).is_ok());
}
