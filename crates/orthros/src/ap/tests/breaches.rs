//! Each test breaks one rule of RFC 4120 §3.2.3 and no other; the choice of the key is in `keys`,
//! authorization data in `authorization`.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::forge::*;
use crate::ap::{
    Acceptor, AcceptorConfig, Accepts, AddressPolicy, AppData, HostAddr, MemoryReplayCache,
    ServiceKeys, TransitedPolicy, Unbound,
};
use crate::crypto::{Key, KeyUsage};
use crate::error::Rejection;
use crate::principal::Principal;
use crate::wire::{KrbError, Message, NameType, TicketFlags};

macro_rules! refuses {
    ($result:expr, $pattern:pat, $code:literal) => {{
        let (rejection, code) = refused($result);
        assert!(matches!(rejection, $pattern), "{rejection:?}");
        assert_eq!(code, $code);
        rejection
    }};
}
pub(super) use refuses;

#[test]
fn the_right_request_is_accepted() {
    let accepted = present(&Forge::right()).unwrap();
    assert_eq!(accepted.peer.client().to_string(), "alice@EXAMPLE.COM");
    assert_eq!(
        accepted.peer.server().to_string(),
        "HTTP/web.example.com@EXAMPLE.COM"
    );
    assert_eq!(accepted.peer.keytab_entry(), Some(1));
    assert!(!accepted.peer.used_fallback_key());
    assert!(accepted.reply.is_some());
}

#[test]
fn ap_13_message_type() {
    let right = Forge::right();
    for tag in [0x6f, 0x6a, 0x74, 0x7e] {
        let mut request = right.request();
        request[0] = tag;
        refuses!(
            accept(right.config(), &request),
            Rejection::MessageType { .. },
            40
        );
    }
    let forge = Forge {
        msg_type: 15,
        ..right
    };
    refuses!(present(&forge), Rejection::MessageType { .. }, 40);
}

#[test]
fn ap_14_versions() {
    let right = Forge::right;
    for (forge, name) in [
        (Forge { pvno: 4, ..right() }, "pvno"),
        (
            Forge {
                tkt_vno: 4,
                ..right()
            },
            "tkt-vno",
        ),
        (
            Forge {
                authenticator_vno: 4,
                ..right()
            },
            "authenticator-vno",
        ),
    ] {
        let rejection = refuses!(present(&forge), Rejection::Version { .. }, 39);
        assert!(matches!(rejection, Rejection::Version { field, found: 4 } if field == name));
    }
}

#[test]
fn ap_26_and_case_001_client_mismatch() {
    for name in [
        "bob@EXAMPLE.COM",
        "Alice@EXAMPLE.COM",
        "alice@ADMIN.EXAMPLE.COM",
        "alice@example.com",
        "alice/admin@EXAMPLE.COM",
        "alic@EXAMPLE.COM",
        "alice2@EXAMPLE.COM",
    ] {
        let forge = Forge {
            authenticator_client: principal(name),
            ..Forge::right()
        };
        refuses!(present(&forge), Rejection::ClientMismatch { .. }, 36);
    }
    let other_type = principal("alice@EXAMPLE.COM").with_name_type(NameType::ENTERPRISE);
    let forge = Forge {
        authenticator_client: other_type,
        ..Forge::right()
    };
    let accepted = present(&forge).unwrap();
    assert_eq!(accepted.peer.client().name_type(), NameType::PRINCIPAL);
}

#[test]
fn ap_27_address() {
    let addr = |text: &str| HostAddr::from(text.parse::<IpAddr>().unwrap());
    let forge = Forge {
        caddr: Some(vec![addr("192.0.2.1")]),
        ..Forge::right()
    };
    let from = |config: AcceptorConfig, peer: Option<&HostAddr>, forge: &Forge| {
        Acceptor::new(config).accept(&forge.request(), &Unbound, peer, NOW)
    };
    let (right, wrong) = (addr("192.0.2.1"), addr("192.0.2.2"));
    assert!(from(forge.config(), Some(&right), &forge).is_ok());
    refuses!(
        from(forge.config(), Some(&wrong), &forge),
        Rejection::Address { .. },
        38
    );
    let plain = Forge::right();
    assert!(from(plain.config(), Some(&wrong), &plain).is_ok());
    let demand = plain.config().addresses(AddressPolicy::Required);
    refuses!(
        from(demand, Some(&right), &plain),
        Rejection::Address { .. },
        38
    );
}

#[test]
fn ap_28_skew() {
    for (offset, accepted) in [
        (secs(300), true),
        (secs(-300), true),
        (secs(300) + 1, false),
        (secs(-300) - 1, false),
        (secs(301), false),
        (secs(-301), false),
    ] {
        let forge = Forge {
            ctime: NOW.offset(offset),
            ..Forge::right()
        };
        if accepted {
            assert_eq!(present(&forge).unwrap().peer.clock_offset(), offset);
        } else {
            refuses!(present(&forge), Rejection::Skew { .. }, 37);
        }
    }
    let forge = Forge {
        ctime: NOW.offset(secs(61)),
        ..Forge::right()
    };
    let config = forge.config().skew(Duration::from_secs(60));
    refuses!(accept(config, &forge.request()), Rejection::Skew { .. }, 37);
}

/// The clock stands at .482913 of a second, so that a ticket from 300 s hence is inside.
#[test]
fn ap_29_not_yet_valid() {
    let right = Forge::right;
    for (forge, accepted) in [
        (
            Forge {
                starttime: Some(300),
                ..right()
            },
            true,
        ),
        (
            Forge {
                starttime: Some(301),
                ..right()
            },
            false,
        ),
        (
            Forge {
                authtime: 300,
                ..right()
            },
            true,
        ),
        (
            Forge {
                authtime: 301,
                ..right()
            },
            false,
        ),
        (
            Forge {
                authtime: 301,
                starttime: Some(0),
                ..right()
            },
            true,
        ),
    ] {
        if accepted {
            assert!(present(&forge).is_ok());
        } else {
            refuses!(present(&forge), Rejection::NotYetValid { .. }, 33);
        }
    }
}

#[test]
fn ap_30_invalid_flag() {
    let flags = TicketFlags::POSTDATED | TicketFlags::INVALID;
    let forge = Forge {
        flags,
        ..Forge::right()
    };
    refuses!(present(&forge), Rejection::InvalidFlag { .. }, 33);
    // POSTDATED alone is visible, not refused (AP-39).
    let forge = Forge {
        flags: TicketFlags::POSTDATED,
        ..forge
    };
    assert!(
        present(&forge)
            .unwrap()
            .peer
            .flags()
            .contains(TicketFlags::POSTDATED)
    );
}

#[test]
fn ap_31_expired() {
    for (endtime, accepted) in [(-299, true), (-300, false), (-301, false)] {
        let forge = Forge {
            endtime,
            ..Forge::right()
        };
        if accepted {
            assert!(present(&forge).is_ok());
        } else {
            refuses!(present(&forge), Rejection::Expired { .. }, 32);
        }
    }
    // Exactly endtime + skew is accepted.
    let forge = Forge {
        endtime: -300,
        ..Forge::right()
    };
    let whole = NOW.offset(-482_913);
    let accepted = Acceptor::new(forge.config()).accept(&forge.request(), &Unbound, None, whole);
    assert!(accepted.is_ok());
}

#[test]
fn ap_32_transited() {
    let foreign = Forge {
        client: principal("alice@USERS.ORG"),
        authenticator_client: principal("alice@USERS.ORG"),
        transited: (1, b"EVIL.ORG".to_vec()),
        ..Forge::right()
    };
    refuses!(present(&foreign), Rejection::Transited { .. }, 51);
    let direct = Forge {
        transited: (1, Vec::new()),
        ..foreign.clone()
    };
    assert!(present(&direct).is_ok());
    let checked = Forge {
        flags: TicketFlags::TRANSITED_POLICY_CHECKED,
        ..foreign.clone()
    };
    assert!(present(&checked).is_ok());
    let policy = TransitedPolicy::hierarchical().capath("USERS.ORG", "EXAMPLE.COM", ["EVIL.ORG"]);
    assert!(accept(foreign.config().transited(policy), &foreign.request()).is_ok());
}

#[test]
fn ap_33_wellknown_realm() {
    let foreign = Forge {
        client: principal("alice@USERS.ORG"),
        authenticator_client: principal("alice@USERS.ORG"),
        transited: (1, b"WELLKNOWN:X".to_vec()),
        ..Forge::right()
    };
    refuses!(present(&foreign), Rejection::Transited { .. }, 51);
}

/// Names differ by case: what only looks reserved is a name like any other.
#[test]
fn ap_40_the_case_of_reserved_names() {
    for text in [
        "wellknown/FOO@EXAMPLE.COM",
        "WellKnown/ANONYMOUS@EXAMPLE.COM",
        "x/WELLKNOWN@EXAMPLE.COM",
        "WELLKNOWNS/FOO@EXAMPLE.COM",
        "alice@wellknown:FOO",
        "alice@WELLKNOWN",
    ] {
        let forge = Forge {
            client: principal(text),
            authenticator_client: principal(text),
            flags: TicketFlags::TRANSITED_POLICY_CHECKED,
            ..Forge::right()
        };
        let accepted = present(&forge).unwrap();
        assert_eq!(accepted.peer.client(), &principal(text));
        assert!(!accepted.peer.is_anonymous());
    }
}

#[test]
fn ap_40_well_known_names() {
    let named = |text: &str| Forge {
        client: principal(text),
        authenticator_client: principal(text),
        flags: TicketFlags::TRANSITED_POLICY_CHECKED,
        ..Forge::right()
    };
    refuses!(
        present(&named("WELLKNOWN/FOO@EXAMPLE.COM")),
        Rejection::WellKnown { .. },
        82
    );
    refuses!(
        present(&named("alice@WELLKNOWN:FOO")),
        Rejection::WellKnown { .. },
        83
    );
    // The service's own name: a key under such a name opens nothing.
    for (server, code) in [
        ("WELLKNOWN/FOO@EXAMPLE.COM", 82),
        ("HTTP/web@WELLKNOWN:FOO", 83),
    ] {
        let forge = Forge {
            server: principal(server),
            flags: TicketFlags::TRANSITED_POLICY_CHECKED,
            ..Forge::right()
        };
        let (rejection, found) = refused(accept(forge.config(), &forge.request()));
        assert!(matches!(rejection, Rejection::WellKnown { .. }));
        assert_eq!(found, code);
    }
    let reserved = principal("x@EXAMPLE.COM").with_name_type(NameType::WELLKNOWN);
    let forge = Forge {
        client: reserved.clone(),
        authenticator_client: reserved,
        ..Forge::right()
    };
    refuses!(present(&forge), Rejection::WellKnown { .. }, 84);
}

#[test]
fn ap_41_anonymous() {
    let name = principal("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS");
    let by_name = Forge {
        client: name.clone(),
        authenticator_client: name,
        ..Forge::right()
    };
    let by_flag = Forge {
        flags: TicketFlags::ANONYMOUS,
        ..Forge::right()
    };
    for forge in [by_name, by_flag] {
        refuses!(present(&forge), Rejection::Anonymous, 60);
        assert!(accept(forge.config().allow_anonymous(), &forge.request()).is_ok());
    }
}

/// Also security cases 2, 4 and 8.
#[test]
fn ap_43_replay() {
    let right = Forge::right();
    let acceptor = Acceptor::new(right.config());
    let request = right.request();
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    refuses!(
        acceptor.accept(&request, &Unbound, None, NOW),
        Rejection::Replay { .. },
        34
    );
    // A new authenticator with the same time is another request (AP-45).
    assert!(
        acceptor
            .accept(&right.request(), &Unbound, None, NOW)
            .is_ok()
    );

    let alias = principal("HTTP/alias.example.com@EXAMPLE.COM");
    let keys = Arc::new(ServiceKeys::new([
        (right.server.clone(), 3, right.service_key.clone()),
        (alias.clone(), 3, right.service_key.clone()),
    ]));
    let acceptor = Acceptor::new(AcceptorConfig::new(keys, Accepts::AnyKey));
    let (ticket, authenticator) = (right.ticket(), right.authenticator());
    let request = right.request_of(&ticket, &authenticator);
    assert!(acceptor.accept(&request, &Unbound, None, NOW).is_ok());
    let parsed = crate::wire::ApReq::from_bytes(&request).unwrap();
    let ticket = crate::wire::Ticket::from_bytes(&ticket).unwrap();
    let renamed = crate::wire::Ticket {
        sname: alias.to_wire(),
        ..ticket
    }
    .to_bytes()
    .unwrap();
    let rewritten = crate::wire::ApReq {
        ticket: crate::wire::Raw::new(&renamed).unwrap(),
        ..parsed
    };
    let rewritten = rewritten.to_bytes().unwrap();
    refuses!(
        acceptor.accept(&rewritten, &Unbound, None, NOW),
        Rejection::Replay { .. },
        34
    );
}

#[test]
fn ap_43_replay_cache_can_be_shared_or_left_out() {
    let right = Forge::right();
    let cache = Arc::new(MemoryReplayCache::new());
    let request = right.request();
    let shared = || right.config().replay_cache(cache.clone());
    assert!(accept(shared(), &request).is_ok());
    refuses!(accept(shared(), &request), Rejection::Replay { .. }, 34);
    let without = Acceptor::new(right.config().without_replay_cache());
    for _ in 0..2 {
        assert!(without.accept(&request, &Unbound, None, NOW).is_ok());
    }
}

/// A request refused for another reason fills no cache.
#[test]
fn ap_47_only_admitted_requests_are_remembered() {
    let cache = Arc::new(MemoryReplayCache::new());
    let late = Forge {
        ctime: NOW.offset(secs(-301)),
        ..Forge::right()
    };
    let config = || late.config().replay_cache(cache.clone());
    let request = late.request();
    refuses!(accept(config(), &request), Rejection::Skew { .. }, 37);
    assert!(cache.is_empty());
    let full = late
        .config()
        .replay_cache(Arc::new(MemoryReplayCache::with_capacity(1)));
    let acceptor = Acceptor::new(full);
    let mut results =
        (0..200).map(|_| acceptor.accept(&Forge::right().request(), &Unbound, None, NOW));
    let refusal = results.find(Result::is_err).unwrap();
    refuses!(refusal, Rejection::ReplayCacheFull { .. }, 60);
}

#[test]
fn ap_49_young_cache() {
    let cache = MemoryReplayCache::new().restarted(NOW, Duration::from_secs(300));
    let right = Forge::right();
    let config = right.config().replay_cache(Arc::new(cache));
    refuses!(
        accept(config, &right.request()),
        Rejection::ReplayCacheYoung { .. },
        34
    );
}

#[test]
fn ap_11_application_data() {
    let right = Forge::right();
    let sum = |key: &Key, usage: u32, data: &[u8]| {
        let mac = key.mac(KeyUsage(usage)).unwrap();
        Some((mac.checksum_type().0, mac.checksum(&[data]).to_vec()))
    };
    let check = |cksum: Option<(i32, Vec<u8>)>, data: &[u8]| {
        let forge = Forge {
            cksum,
            ..right.clone()
        };
        Acceptor::new(forge.config()).accept(&forge.request(), &AppData(data), None, NOW)
    };
    let (session, service) = (&right.session_key, &right.service_key);
    assert!(check(sum(session, 10, b"data"), b"data").is_ok());
    refuses!(
        check(sum(session, 10, b"data"), b"Data"),
        Rejection::ChecksumMismatch,
        41
    );
    refuses!(
        check(sum(session, 6, b"data"), b"data"),
        Rejection::ChecksumMismatch,
        41
    );
    refuses!(
        check(sum(service, 10, b"data"), b"data"),
        Rejection::ChecksumMismatch,
        41
    );
    refuses!(check(None, b"data"), Rejection::ChecksumMissing, 50);
    let md5 = crate::crypto::md5(&[b"data"]).to_vec();
    refuses!(
        check(Some((7, md5)), b"data"),
        Rejection::ChecksumType { .. },
        50
    );
    let short = sum(session, 10, b"data").map(|(t, mut o)| {
        o.pop();
        (t, o)
    });
    refuses!(check(short, b"data"), Rejection::ChecksumMismatch, 41);
}

/// AP-74: which fields a KRB-ERROR has, before and after the authenticator was decrypted.
#[test]
fn ap_74_krb_error_names_what_is_known() {
    let field = |forge: &Forge| {
        let token = present(forge).unwrap_err().token.unwrap();
        let error = KrbError::from_bytes(&token).unwrap();
        assert_eq!(error.stime, NOW.time());
        assert_eq!(error.susec.get(), NOW.cusec());
        let server = Principal::from_wire(&error.realm, &error.sname).unwrap();
        assert_eq!(server, Forge::right().server);
        // AP-75: the code's name and nothing else.
        assert_eq!(
            error.e_text.unwrap().as_str(),
            error.error_code.name().unwrap()
        );
        assert!(error.e_data.is_none());
        (error.ctime.is_some(), error.cname.is_some())
    };
    let wrong_key = Forge {
        service_key: key(AES256, 99),
        ..Forge::right()
    };
    assert_eq!(field(&wrong_key), (false, false));
    let expired = Forge {
        endtime: -1000,
        ..Forge::right()
    };
    assert_eq!(field(&expired), (true, true));
}
