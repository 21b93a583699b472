//! The replay rows and cases that show in the acceptor.

use std::sync::{Arc, Mutex};

use super::breaches::refuses;
use super::forge::*;
use crate::ap::{
    Acceptor, AcceptorConfig, Accepts, MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict,
    ServiceKeys, Unbound,
};
use crate::error::Rejection;
use crate::time::Timestamp;
use crate::wire::{ApReq, Message, Raw, Ticket};

/// An acceptor with two names and one key, as every service account of Active Directory has.
fn two_names(right: &Forge) -> Acceptor {
    let alias = principal("HTTP/alias.example.com@EXAMPLE.COM");
    let keys = [right.server.clone(), alias].map(|name| (name, 3, right.service_key.clone()));
    let keys = Arc::new(ServiceKeys::new(keys));
    Acceptor::new(AcceptorConfig::new(keys, Accepts::AnyKey))
}

/// The same request, its ticket's name in the clear rewritten.
fn renamed(request: &[u8], name: &str) -> Vec<u8> {
    let parsed = ApReq::from_bytes(request).unwrap();
    let ticket = Ticket::from_bytes(parsed.ticket.as_bytes()).unwrap();
    let name = principal(name);
    let sname = name.to_wire();
    let ticket = Ticket { sname, ..ticket }.to_bytes().unwrap();
    let ticket = Raw::new(&ticket).unwrap();
    ApReq { ticket, ..parsed }.to_bytes().unwrap()
}

fn rewritten_name_is_a_replay() {
    let right = Forge::right();
    let acceptor = two_names(&right);
    let request = right.request();
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    for name in [
        "HTTP/alias.example.com@EXAMPLE.COM",
        "HTTP/web.example.com@EXAMPLE.COM",
    ] {
        let again = renamed(&request, name);
        refuses!(
            acceptor.accept(&again, &Unbound, None, NOW),
            Rejection::Replay { .. },
            34
        );
    }
}

#[test]
fn case_002_the_clear_name_is_rewritten() {
    rewritten_name_is_a_replay();
}

#[test]
fn case_008_two_names_share_one_key() {
    rewritten_name_is_a_replay();
    // The first time under the other name.
    let right = Forge::right();
    let acceptor = two_names(&right);
    let request = right.request();
    let alias = renamed(&request, "HTTP/alias.example.com@EXAMPLE.COM");
    assert!(acceptor.accept(&alias, &Unbound, None, NOW).is_ok());
    refuses!(
        acceptor.accept(&request, &Unbound, None, NOW),
        Rejection::Replay { .. },
        34
    );
}

/// Clones share what the configuration holds; two configurations share what they are given.
#[test]
fn case_004_by_default_there_is_a_cache_and_it_stays() {
    let right = Forge::right();
    let acceptor = Acceptor::new(right.config());
    let request = right.request();
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    for acceptor in [
        acceptor.clone(),
        Acceptor::new(acceptor.config().clone()),
        acceptor,
    ] {
        refuses!(
            acceptor.accept(&request, &Unbound, None, NOW),
            Rejection::Replay { .. },
            34
        );
    }
}

#[test]
fn ap_48_acceptors_of_one_key_share_a_cache() {
    let right = Forge::right();
    let cache: Arc<dyn ReplayCache> = Arc::new(MemoryReplayCache::new());
    let request = right.request();
    let config = || right.config().replay_cache(Arc::clone(&cache));
    assert!(accept(config(), &request).is_ok());
    refuses!(accept(config(), &request), Rejection::Replay { .. }, 34);
}

#[test]
fn case_006_no_sequence_number_and_no_false_hits() {
    let right = Forge {
        seq: None,
        ..Forge::right()
    };
    let other = Forge {
        client: principal("bob@EXAMPLE.COM"),
        authenticator_client: principal("bob@EXAMPLE.COM"),
        session_key: key(AES256, 9),
        ctime: NOW.offset(1),
        ..right.clone()
    };
    let acceptor = Acceptor::new(right.config());
    for forge in [&right, &other] {
        let request = forge.request();
        assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    }
    // One client, one microsecond, many authenticators.
    let ticket = right.ticket();
    for _ in 0..20_000 {
        let request = right.request_of(&ticket, &right.authenticator());
        assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    }
}

#[test]
fn case_006_a_hundred_thousand_tags_without_a_false_hit() {
    let cache = MemoryReplayCache::new();
    for number in 0..100_000u32 {
        let mut ciphertext = [0; 40];
        let mac = right_mac(number);
        ciphertext[28..].copy_from_slice(&mac);
        let entry = ReplayEntry::new(&ciphertext, 12, NOW, std::time::Duration::from_secs(300));
        assert_eq!(cache.check_and_insert(&entry, NOW), ReplayVerdict::Fresh);
    }
}

/// MACs of one key over different numbers.
fn right_mac(number: u32) -> [u8; 12] {
    let mac = key(AES256, 2).mac(crate::crypto::KeyUsage(11)).unwrap();
    let sum = mac.checksum(&[&number.to_be_bytes()]);
    sum.as_ref()[..12].try_into().unwrap()
}

#[test]
fn ap_44_the_same_time_from_another_client_or_to_another_server() {
    let right = Forge::right();
    let bob = Forge {
        client: principal("bob@EXAMPLE.COM"),
        authenticator_client: principal("bob@EXAMPLE.COM"),
        ..Forge::right()
    };
    let acceptor = two_names(&right);
    assert!(
        acceptor
            .accept(&right.request(), &Unbound, None, NOW)
            .is_ok()
    );
    assert!(acceptor.accept(&bob.request(), &Unbound, None, NOW).is_ok());
    let alias = Forge {
        server: principal("HTTP/alias.example.com@EXAMPLE.COM"),
        ..Forge::right()
    };
    assert!(
        acceptor
            .accept(&alias.request(), &Unbound, None, NOW)
            .is_ok()
    );
}

/// A cache that answers what it is told to, and counts.
struct Told(ReplayVerdict, Mutex<u32>);

impl ReplayCache for Told {
    fn check_and_insert(&self, _: &ReplayEntry, _: Timestamp) -> ReplayVerdict {
        *self.1.lock().unwrap() += 1;
        self.0.clone()
    }
}

#[test]
fn ap_47_a_cache_that_fails_admits_nobody() {
    let right = Forge::right();
    let why = "the disk is full".to_owned();
    let told = Arc::new(Told(ReplayVerdict::Unavailable { why }, Mutex::new(0)));
    let config = right.config().replay_cache(told.clone());
    let rejection = refuses!(
        accept(config, &right.request()),
        Rejection::ReplayCacheUnavailable { .. },
        60
    );
    assert!(format!("{rejection:?}").contains("the disk is full"));
    assert_eq!(*told.1.lock().unwrap(), 1);
}

#[test]
fn ap_43_the_peer_says_whether_it_was_checked() {
    let right = Forge::right();
    let checked = |verdict| {
        let acceptor = Acceptor::new(right.config());
        let verified = acceptor.verify(&right.request(), &Unbound, None, NOW);
        let accepted = verified.unwrap().admit(verdict, NOW).unwrap();
        accepted.peer.replay_checked()
    };
    assert!(checked(ReplayVerdict::Fresh));
    assert!(!checked(ReplayVerdict::Unchecked));
    let without = accept(right.config().without_replay_cache(), &right.request());
    assert!(!without.unwrap().peer.replay_checked());
    assert!(present(&right).unwrap().peer.replay_checked());
}

#[test]
fn ap_47_between_verified_and_admitted_nothing_tells_who_it_is() {
    let right = Forge::right();
    let acceptor = Acceptor::new(right.config());
    let request = right.request();
    let verified = acceptor.verify(&request, &Unbound, None, NOW).unwrap();
    let shown = format!("{verified:?} {:?}", verified.entry());
    assert!(
        !shown.contains("alice") && !shown.contains("EXAMPLE"),
        "{shown}"
    );
    // Nothing was remembered for a request that was not admitted by the cache.
    drop(verified);
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
}
