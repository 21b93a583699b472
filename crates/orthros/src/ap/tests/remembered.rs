//! Tickets that come again: judged as if they came for the first time.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::authorization::pac;
use super::breaches::refuses;
use super::forge::*;
use crate::ap::{
    Accepted, Acceptor, AcceptorConfig, Accepts, AppData, HostAddr, PacPolicy, ServiceKeys, Unbound,
};
use crate::crypto::KeyUsage;
use crate::error::Rejection;
use crate::step::Refusal;
use crate::time::Timestamp;
use crate::wire::ApOptions;

/// A microsecond of its own for each request.
fn later(forge: &Forge, micros: i64) -> Forge {
    Forge {
        ctime: NOW.offset(micros),
        ..forge.clone()
    }
}

fn bring(acceptor: &Acceptor, request: &[u8], now: Timestamp) -> Result<Accepted<()>, Refusal> {
    acceptor.accept(request, &Unbound, None, now)
}

/// An acceptor that remembers `ticket`, which is of `forge`.
fn remembering(config: AcceptorConfig, forge: &Forge, ticket: &[u8]) -> Acceptor {
    let acceptor = Acceptor::new(config);
    for n in 0..2 {
        let request = forge.request_of(ticket, &later(forge, n).authenticator());
        assert!(bring(&acceptor, &request, NOW).is_ok());
        assert_eq!(acceptor.remembered(), n as usize, "from the second time on");
    }
    acceptor
}

/// Whatever is wrong with a request is found, though its ticket is known.
#[test]
fn ap_25_to_ap_31_a_remembered_ticket_excuses_nothing() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let bring = |forge: &Forge, now| {
        let request = forge.request_of(&ticket, &forge.authenticator());
        bring(&acceptor, &request, now)
    };
    let of = |change: fn(&mut Forge)| {
        let mut forge = later(&Forge::right(), 1000);
        change(&mut forge);
        forge
    };
    let other_key = of(|forge| forge.authenticator_key = Some(key(AES256, 9)));
    refuses!(
        bring(&other_key, NOW),
        Rejection::AuthenticatorModified { .. },
        31
    );
    let other_enctype = of(|forge| forge.authenticator_key = Some(key(AES128, 2)));
    refuses!(
        bring(&other_enctype, NOW),
        Rejection::AuthenticatorModified { .. },
        31
    );
    let other_usage = of(|forge| forge.authenticator_usage = KeyUsage(7));
    refuses!(
        bring(&other_usage, NOW),
        Rejection::AuthenticatorModified { .. },
        31
    );
    let version = of(|forge| forge.authenticator_vno = 4);
    refuses!(bring(&version, NOW), Rejection::Version { .. }, 39);
    let client = of(|forge| forge.authenticator_client = principal("mallory@EXAMPLE.COM"));
    refuses!(bring(&client, NOW), Rejection::ClientMismatch { .. }, 36);
    let data = of(|forge| forge.authenticator_data = vec![(9999, vec![1])]);
    refuses!(bring(&data, NOW), Rejection::AuthorizationData { .. }, 60);
    let early = of(|forge| forge.ctime = NOW.offset(secs(301)));
    refuses!(bring(&early, NOW), Rejection::Skew { .. }, 37);

    // The ticket has ended since.
    let end = NOW.offset(secs(36_000 + 302));
    let late = of(|forge| forge.ctime = NOW.offset(secs(36_000 + 302)));
    refuses!(bring(&late, end), Rejection::Expired { .. }, 32);
    // The clock was set back to before it began.
    let before = NOW.offset(-secs(1000));
    let back = of(|forge| forge.ctime = NOW.offset(-secs(1000)));
    refuses!(bring(&back, before), Rejection::NotYetValid { .. }, 33);

    // And what is right is still accepted.
    assert!(bring(&of(|_| ()), NOW).is_ok());
    assert_eq!(acceptor.remembered(), 1);
}

/// AP-27: a remembered ticket can be used from where it may be used, and from nowhere else.
#[test]
fn ap_27_the_addresses_of_a_remembered_ticket() {
    let addr = |text: &str| HostAddr::from(text.parse::<IpAddr>().unwrap());
    let right = Forge {
        caddr: Some(vec![addr("192.0.2.1"), addr("2001:db8::1")]),
        ..Forge::right()
    };
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    for (micros, from, may) in [
        (10, "192.0.2.1", true),
        (11, "192.0.2.2", false),
        (12, "2001:db8::1", true),
        (13, "2001:db8::2", false),
    ] {
        let request = right.request_of(&ticket, &later(&right, micros).authenticator());
        let result = acceptor.accept(&request, &Unbound, Some(&addr(from)), NOW);
        match may {
            true => assert!(result.is_ok()),
            false => drop(refuses!(result, Rejection::Address { .. }, 38)),
        }
    }
}

#[test]
fn ap_47_a_replay_with_a_remembered_ticket() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let request = right.request_of(&ticket, &later(&right, 7).authenticator());
    assert!(bring(&acceptor, &request, NOW).is_ok());
    refuses!(
        bring(&acceptor, &request, NOW),
        Rejection::Replay { .. },
        34
    );
}

#[test]
fn ap_11_the_checksum_with_a_remembered_ticket() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let sum = |data: &[u8]| {
        let usage = KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM;
        let sum = right.session_key.checksum(usage, data).unwrap();
        Some((16, sum.to_vec()))
    };
    for (micros, data, right_data) in [(10, b"these", true), (11, b"those", false)] {
        let forge = Forge {
            cksum: sum(data),
            ..later(&right, micros)
        };
        let request = forge.request_of(&ticket, &forge.authenticator());
        let result = acceptor.accept(&request, &AppData(b"these"), None, NOW);
        assert_eq!(result.is_ok(), right_data);
    }
}

/// AP-78, AP-79: which key opens a ticket depends on the request as well as on the ticket.
#[test]
fn ap_78_user_to_user_with_a_remembered_ticket() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let forge = Forge {
        options: ApOptions::USE_SESSION_KEY,
        ..later(&right, 5)
    };
    let request = forge.request_of(&ticket, &forge.authenticator());
    refuses!(bring(&acceptor, &request, NOW), Rejection::NoTgt, 67);
    // Tickets that a TGT's session key opens are not remembered.
    let tgt = right.service_key.clone();
    let acceptor = Acceptor::new(right.config().user_to_user(tgt));
    for n in 0..4 {
        let forge = later(&forge, n);
        let request = forge.request_of(&ticket, &forge.authenticator());
        assert!(bring(&acceptor, &request, NOW).is_ok());
    }
    assert_eq!(acceptor.remembered(), 0);
}

/// A ticket that differs in one octet is another, also if it ends alike.
#[test]
fn ap_22_one_octet_of_a_remembered_ticket() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let forgetful = Acceptor::new(right.config().remember_tickets(0));
    let authenticator = later(&right, 1).authenticator();
    for at in 0..ticket.len() {
        let mut request = right.request_of(&ticket, &authenticator);
        let place = request
            .windows(ticket.len())
            .position(|window| window == ticket)
            .unwrap();
        request[place + at] ^= 1;
        let (with, without) = (
            bring(&acceptor, &request, NOW),
            bring(&forgetful, &request, NOW),
        );
        // The name type is a hint: with another one it is accepted, as another ticket.
        let said = |result: Result<Accepted<()>, Refusal>| match result {
            Ok(accepted) => format!("{:?}", accepted.peer.server().name_type()),
            Err(refusal) => format!("{:?}", refusal.error),
        };
        assert_eq!(said(with), said(without), "octet {at}");
    }
    let own = format!("{:?}", right.server.name_type());
    let request = right.request_of(&ticket, &later(&right, 2).authenticator());
    let accepted = bring(&acceptor, &request, NOW).unwrap();
    assert_eq!(format!("{:?}", accepted.peer.server().name_type()), own);
}

/// What the application gets is what it got the first time.
#[test]
fn ap_39_a_remembered_ticket_says_the_same() {
    let right = Forge::right();
    let forge = Forge {
        ticket_data: vec![if_relevant(vec![(128, pac(&right, "alice@EXAMPLE.COM"))])],
        transited: (1, b"A,B".to_vec()),
        ..right
    };
    let ticket = forge.ticket();
    let config = forge.config().pac(PacPolicy::Required);
    let acceptor = Acceptor::new(config);
    let mut said = Vec::new();
    for n in 0..4 {
        let request = forge.request_of(&ticket, &later(&forge, n).authenticator());
        let accepted = bring(&acceptor, &request, NOW).unwrap();
        let peer = &accepted.peer;
        assert_eq!(peer.clock_offset(), n);
        assert!(peer.replay_checked());
        let pac = peer.pac().expect("a PAC").octets().to_vec();
        let ticket = peer.ticket();
        said.push((
            (pac, peer.authorization_data(), ticket.octets().to_vec()),
            (peer.keytab_entry(), peer.keytab_kvno(), peer.endtime()),
            (ticket.kvno, ticket.enctype, ticket.transited.clone()),
            (peer.client().clone(), peer.server().clone()),
            accepted.keys.session.clone(),
        ));
        // The acceptor's own part is new each time.
        assert!(accepted.keys.acceptor_subkey.is_some());
    }
    assert_eq!(acceptor.remembered(), 1);
    assert!(said.iter().all(|one| *one == said[0]));
}

/// Nobody gets in who was refused, and there is room for so many.
#[test]
fn the_memory_is_bounded_and_strangers_are_not_in_it() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = Acceptor::new(right.config());
    for n in 0..4 {
        let forge = Forge {
            authenticator_key: Some(key(AES256, 9)),
            ..later(&right, n)
        };
        let request = forge.request_of(&ticket, &forge.authenticator());
        assert!(bring(&acceptor, &request, NOW).is_err());
    }
    assert_eq!(acceptor.remembered(), 0);
    // It is the first time that this ticket comes in a right request.
    let request = right.request_of(&ticket, &right.authenticator());
    assert!(bring(&acceptor, &request, NOW).is_ok());
    assert_eq!(acceptor.remembered(), 0);

    let acceptor = Acceptor::new(right.config().remember_tickets(8));
    for n in 0..100 {
        let ticket = right.ticket();
        for again in 0..3 {
            let forge = later(&right, n * 10 + again);
            let request = forge.request_of(&ticket, &forge.authenticator());
            assert!(bring(&acceptor, &request, NOW).is_ok());
        }
        assert!(acceptor.remembered() <= 8);
    }
    assert!(acceptor.remembered() >= 4);

    let long = Forge {
        ticket_data: vec![if_relevant(vec![(9999, vec![0; 10_000])])],
        ..right.clone()
    };
    let ticket = long.ticket();
    let acceptor = Acceptor::new(right.config());
    for n in 0..4 {
        let request = long.request_of(&ticket, &later(&long, n).authenticator());
        assert!(bring(&acceptor, &request, NOW).is_ok());
    }
    assert_eq!(acceptor.remembered(), 0);
}

/// Tickets that have ended go when another comes to their place.
#[test]
fn ended_tickets_make_room() {
    let right = Forge::right();
    let config = right
        .config()
        .remember_tickets(1)
        .skew(Duration::from_secs(300));
    let acceptor = Acceptor::new(config);
    let bring_thrice = |forge: &Forge, now: Timestamp| {
        let ticket = forge.ticket();
        for n in 0..3 {
            let forge = Forge {
                ctime: now.offset(n),
                ..forge.clone()
            };
            let request = forge.request_of(&ticket, &forge.authenticator());
            assert!(bring(&acceptor, &request, now).is_ok());
        }
    };
    for _ in 0..3 {
        bring_thrice(&right, NOW);
    }
    assert_eq!(acceptor.remembered(), 3);
    let long = Forge {
        endtime: 90_000,
        ..right.clone()
    };
    bring_thrice(&long, NOW.offset(secs(40_000)));
    assert_eq!(acceptor.remembered(), 1);
}

/// New keys and another policy are another acceptor, which knows nothing.
#[test]
fn ap_17_ap_24_a_memory_is_of_one_acceptor() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    let request = |n| right.request_of(&ticket, &later(&right, n).authenticator());

    let rotated = [(right.server.clone(), 4, key(AES256, 8))];
    let keys = Arc::new(ServiceKeys::new(rotated));
    let config = AcceptorConfig::new(keys, Accepts::Service(right.server.clone()));
    let result = bring(&Acceptor::new(config), &request(10), NOW);
    refuses!(result, Rejection::KeyVersion { .. }, 44);

    let stricter = acceptor.config().clone().permitted_enctypes([AES128]);
    let result = bring(&Acceptor::new(stricter), &request(11), NOW);
    refuses!(result, Rejection::Enctype { .. }, 14);

    let stricter = acceptor.config().clone().pac(PacPolicy::Required);
    let result = bring(&Acceptor::new(stricter), &request(12), NOW);
    assert!(matches!(refused(result).0, Rejection::PacMissing { .. }));

    // A clone is the same acceptor.
    assert_eq!(acceptor.clone().remembered(), 1);
}

#[test]
fn ap_47_one_winner_among_threads_with_a_remembered_ticket() {
    let right = Forge::right();
    let ticket = right.ticket();
    let acceptor = remembering(right.config(), &right, &ticket);
    for n in 0..20 {
        let request = right.request_of(&ticket, &later(&right, 100 + n).authenticator());
        let winners = std::thread::scope(|scope| {
            let bring = || bring(&acceptor, &request, NOW).is_ok();
            let threads: Vec<_> = (0..16).map(|_| scope.spawn(bring)).collect();
            let won = threads.into_iter().map(|thread| thread.join().unwrap());
            won.filter(|won| *won).count()
        });
        assert_eq!(winners, 1);
    }
}
