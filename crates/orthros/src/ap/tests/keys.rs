//! Which key opens a ticket, and what is said when none does.

use std::sync::Arc;

use super::breaches::refuses;
use super::forge::*;
use crate::ap::{AcceptorConfig, Accepts, ServiceKeys};
use crate::crypto::{Enctype, KeyUsage};
use crate::error::{KeyVerdict, Rejection};
use crate::wire::{ApOptions, ApReq, Message, Ticket};

#[test]
fn ap_16_key_is_found_by_realm_too() {
    let right = Forge::right();
    let keys = ServiceKeys::new([
        (
            principal("HTTP/web.example.com@OTHER.COM"),
            3,
            key(AES256, 9),
        ),
        (right.server.clone(), 3, right.service_key.clone()),
    ]);
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::AnyKey);
    let accepted = accept(config, &right.request()).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), Some(2));
}

#[test]
fn ap_17_no_key() {
    let right = Forge::right();
    let keys = Arc::new(ServiceKeys::new([(
        principal("host/web.example.com@EXAMPLE.COM"),
        3,
        right.service_key.clone(),
    )]));
    let config = AcceptorConfig::new(keys, Accepts::Service(right.server.clone()));
    // The key would fit: it is another principal's (security cases 9 and 12).
    let rejection = refuses!(
        accept(config, &right.request()),
        Rejection::NoKey { .. },
        45
    );
    let Rejection::NoKey { considered, .. } = rejection else {
        unreachable!()
    };
    assert_eq!(considered[0].verdict, KeyVerdict::Alias);
}

#[test]
fn ap_18_key_version() {
    let forge = Forge {
        kvno: Some(4),
        service_key: key(AES256, 9),
        ..Forge::right()
    };
    // A version that is only called otherwise is not used either, but named.
    let renamed = Forge {
        service_key: Forge::right().service_key,
        ..forge.clone()
    };
    let rejection = refuses!(present(&renamed), Rejection::KeyVersion { .. }, 44);
    let Rejection::KeyVersion { considered, .. } = rejection else {
        unreachable!()
    };
    assert_eq!(considered[0].verdict, KeyVerdict::Misnumbered);
    let rejection = refuses!(present(&forge), Rejection::KeyVersion { .. }, 44);
    let Rejection::KeyVersion {
        kvno,
        newest,
        considered,
        ..
    } = rejection
    else {
        unreachable!()
    };
    assert_eq!((kvno, newest), (4, 3));
    assert_eq!(considered[0].verdict, KeyVerdict::OtherVersion);
}

#[test]
fn key_of_another_enctype() {
    let right = Forge::right();
    let forge = Forge {
        service_key: key(AES128, 1),
        ..right
    };
    let rejection = refuses!(present(&forge), Rejection::KeyEnctype { .. }, 44);
    let Rejection::KeyEnctype { considered, .. } = rejection else {
        unreachable!()
    };
    assert_eq!(considered[0].verdict, KeyVerdict::OtherEnctype);
    let forge = Forge {
        kvno: None,
        ..forge
    };
    refuses!(present(&forge), Rejection::KeyEnctype { .. }, 44);
}

/// Also security case 126.
#[test]
fn ap_19_and_case_009_other_service() {
    let right = Forge::right();
    let other = principal("cifs/web.example.com@EXAMPLE.COM");
    let keys = Arc::new(ServiceKeys::new([
        (right.server.clone(), 3, right.service_key.clone()),
        (other.clone(), 3, right.service_key.clone()),
    ]));
    let forge = Forge {
        server: other,
        ..Forge::right()
    };
    let bound = AcceptorConfig::new(Arc::clone(&keys), Accepts::Service(right.server));
    refuses!(accept(bound, &forge.request()), Rejection::NotUs { .. }, 35);
    let class = AcceptorConfig::new(Arc::clone(&keys), Accepts::Class("HTTP".into()));
    refuses!(
        accept(class.clone(), &forge.request()),
        Rejection::NotUs { .. },
        35
    );
    assert!(accept(class, &Forge::right().request()).is_ok());
    let any = AcceptorConfig::new(keys, Accepts::AnyKey);
    assert!(accept(any, &forge.request()).is_ok());
}

/// Names of every length around the right one (security case 10).
#[test]
fn case_010_names_are_compared_whole() {
    let right = Forge::right();
    for name in [
        "HTTP/web.example.co@EXAMPLE.COM",
        "HTTP/web.example.comm@EXAMPLE.COM",
        "HTT/web.example.com@EXAMPLE.COM",
        "HTTP@EXAMPLE.COM",
        "HTTP/web.example.com/x@EXAMPLE.COM",
        "HTTP/web.example.com@EXAMPLE.CO",
        "HTTP/web.example.com@example.com",
        "http/web.example.com@EXAMPLE.COM",
    ] {
        let forge = Forge {
            server: principal(name),
            ..right.clone()
        };
        refuses!(present(&forge), Rejection::NotUs { .. }, 35);
    }
}

#[test]
fn ap_20_other_keys_of_the_principal() {
    let right = Forge::right();
    let rotated = |kvno, seed| (right.server.clone(), kvno, key(AES256, seed));
    let keys = Arc::new(ServiceKeys::new([
        rotated(1, 1),
        rotated(2, 8),
        rotated(3, 9),
    ]));
    let config = || AcceptorConfig::new(Arc::clone(&keys), Accepts::Service(right.server.clone()));
    // Without kvno: all of the enctype.
    let forge = Forge {
        kvno: None,
        ..right.clone()
    };
    let accepted = accept(config(), &forge.request()).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), Some(1));
    assert!(!accepted.peer.used_fallback_key());
    // The named key does not fit.
    let accepted = accept(config(), &right.request()).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), Some(1));
    assert!(accepted.peer.used_fallback_key());
    // An unknown version is not tried.
    let forge = Forge {
        kvno: Some(7),
        ..right.clone()
    };
    refuses!(
        accept(config(), &forge.request()),
        Rejection::KeyVersion { .. },
        44
    );
}

/// FILE-05: with a kvno that wrapped around at eight bits the newest key is tried first.
#[test]
fn ap_20_and_file_05_the_newest_key_may_have_wrapped_around() {
    use crate::keytab::{Keytab, KeytabEntry};
    let right = Forge::right();
    // All hold the right key, so that the first that is tried opens the ticket.
    let first = |entries: &[(u32, u32)]| {
        let mut keytab = Keytab::default();
        for (kvno, time) in entries {
            let key = right.service_key.clone();
            let entry = KeytabEntry::new(right.server.clone(), *kvno, key, *time);
            keytab.add(entry).unwrap();
        }
        let keys = Arc::new(ServiceKeys::from(&keytab));
        let config = AcceptorConfig::new(keys, Accepts::Service(right.server.clone()));
        let forge = Forge {
            kvno: None,
            ..right.clone()
        };
        let entry = accept(config, &forge.request())
            .unwrap()
            .peer
            .keytab_entry();
        entries[entry.unwrap() - 1].0
    };
    for (entries, expected) in [
        (&[(1, 10), (2, 10)][..], 2),
        (&[(255, 10), (1, 20)], 1),
        (&[(1, 20), (255, 10), (254, 5)], 1),
        (&[(255, 10), (1, 9)], 255),
        (&[(241, 10), (127, 10)], 127),
        (&[(240, 10), (127, 10)], 240),
        (&[(241, 10), (128, 10)], 241),
    ] {
        assert_eq!(first(entries), expected, "{entries:?}");
    }
}

#[test]
fn ap_21_keytab_with_eight_bits_of_kvno() {
    let forge = Forge {
        kvno: Some(256 + 3),
        ..Forge::right()
    };
    let accepted = present(&forge).unwrap();
    assert!(!accepted.peer.used_fallback_key());
    // A keytab that holds the full number gives it precedence.
    let right = Forge::right();
    let keys = ServiceKeys::new([
        (right.server.clone(), 3, key(AES256, 9)),
        (right.server.clone(), 259, right.service_key.clone()),
    ]);
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::Service(right.server.clone()));
    let accepted = accept(config, &forge.request()).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), Some(2));
    // 259 in the keytab is not 3 in a ticket.
    let keys = ServiceKeys::new([(right.server.clone(), 259, right.service_key.clone())]);
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::Service(right.server.clone()));
    refuses!(
        accept(config, &right.request()),
        Rejection::KeyVersion { .. },
        44
    );
}

#[test]
fn ap_22_wrong_key() {
    let forge = Forge {
        service_key: key(AES256, 99),
        ..Forge::right()
    };
    let rejection = refuses!(present(&forge), Rejection::WrongKey { .. }, 31);
    let Rejection::WrongKey { considered, .. } = rejection else {
        unreachable!()
    };
    assert_eq!(considered[0].verdict, KeyVerdict::DidNotDecrypt);
}

#[test]
fn ap_22_wrong_usage() {
    let forge = Forge {
        ticket_usage: KeyUsage(3),
        ..Forge::right()
    };
    refuses!(present(&forge), Rejection::WrongKey { .. }, 31);
}

/// Every octet of the ticket's cipher text; the operator learns that the key is right.
#[test]
fn ap_22_ticket_changed() {
    for enctype in crate::crypto::DEFAULT_ENCTYPES {
        let right = Forge {
            service_key: key(*enctype, 1),
            ..Forge::right()
        };
        let ticket = right.ticket();
        let parsed = crate::wire::Ticket::from_bytes(&ticket).unwrap();
        let cipher = parsed.enc_part.cipher.as_bytes();
        let start = cipher.as_ptr() as usize - ticket.as_ptr() as usize;
        for at in start..start + cipher.len() {
            let mut changed = ticket.clone();
            changed[at] ^= 0x20;
            let request = right.request_of(&changed, &right.authenticator());
            refuses!(
                accept(right.config(), &request),
                Rejection::TicketModified { .. },
                31
            );
        }
    }
}

#[test]
fn ap_24_enctypes() {
    let only_aes256 = |forge: &Forge| {
        let config = Forge::right().config().permitted_enctypes([AES256]);
        accept(config, &forge.request())
    };
    let right = Forge::right();
    assert!(only_aes256(&right).is_ok());
    let session = Forge {
        session_key: key(AES128, 2),
        ..right.clone()
    };
    let subkey = Forge {
        subkey: Some(key(AES128, 2)),
        ..right.clone()
    };
    for (forge, expected) in [(&session, "session key"), (&subkey, "subkey")] {
        let rejection = refuses!(only_aes256(forge), Rejection::Enctype { .. }, 14);
        assert!(matches!(rejection, Rejection::Enctype { what, .. } if what == expected));
    }
    // There is a key for the ticket, but it is not permitted.
    let ticket = Forge {
        service_key: key(AES128, 1),
        ..right
    };
    let config = ticket.config().permitted_enctypes([AES256]);
    let rejection = refuses!(
        accept(config, &ticket.request()),
        Rejection::Enctype { .. },
        14
    );
    assert!(matches!(
        rejection,
        Rejection::Enctype { what: "ticket", .. }
    ));
}

/// Numbers this build cannot use are refused by name (CRY-23).
#[test]
fn ap_24_unsupported_session_enctype() {
    for number in [0, 1, 3, 16, 23, 24, 26, 4711, -133] {
        let forge = Forge {
            session_enctype: Some(Enctype(number)),
            ..Forge::right()
        };
        refuses!(present(&forge), Rejection::Enctype { .. }, 14);
    }
}

/// A key of another name that opens the ticket is told to the operator, and not used.
#[test]
fn ap_17_and_case_012_an_alias_of_the_account() {
    let right = Forge::right();
    let other = principal("HTTP/alias.example.com@EXAMPLE.COM");
    for (sealed_by, kvno, code) in [
        (right.service_key.clone(), Some(3), "AP_NOKEY_ALIAS"),
        (right.service_key.clone(), None, "AP_NOKEY_ALIAS"),
        (key(AES256, 9), Some(3), "AP_NOKEY"),
    ] {
        let forge = Forge {
            server: other.clone(),
            service_key: sealed_by,
            kvno,
            ..right.clone()
        };
        let config = AcceptorConfig::new(right.keys(), Accepts::AnyKey);
        let rejection = refuses!(
            accept(config, &forge.request()),
            Rejection::NoKey { .. },
            45
        );
        assert_eq!(crate::error::Error::from(rejection).explain().code, code);
    }
}

/// The octets open under the session key, and say that they are of another enctype.
#[test]
fn ap_25_authenticator_of_another_enctype() {
    let right = Forge::right();
    let request = right.request();
    let mut request = ApReq::from_bytes(&request).unwrap();
    request.authenticator.etype = AES128.0;
    refuses!(
        accept(right.config(), &request.to_bytes().unwrap()),
        Rejection::AuthenticatorModified { .. },
        31
    );
}

#[test]
fn ap_25_authenticator_changed() {
    let right = Forge::right();
    let mut request = right.request();
    let last = request.len() - 1;
    request[last] ^= 1;
    refuses!(
        accept(right.config(), &request),
        Rejection::AuthenticatorModified { .. },
        31
    );
    let other_key = Forge {
        authenticator_key: Some(key(AES256, 9)),
        ..right.clone()
    };
    refuses!(
        present(&other_key),
        Rejection::AuthenticatorModified { .. },
        31
    );
    let other_etype = Forge {
        authenticator_key: Some(key(AES128, 9)),
        ..right.clone()
    };
    refuses!(
        present(&other_etype),
        Rejection::AuthenticatorModified { .. },
        31
    );
    // Key usage 7 is for TGS-REQs (AP-04).
    let other_usage = Forge {
        authenticator_usage: KeyUsage(7),
        ..right
    };
    refuses!(
        present(&other_usage),
        Rejection::AuthenticatorModified { .. },
        31
    );
}

#[test]
fn ap_78_user_to_user() {
    let tgt = key(AES256, 42);
    let forge = Forge {
        service_key: tgt.clone(),
        kvno: None,
        options: ApOptions::USE_SESSION_KEY | ApOptions::MUTUAL_REQUIRED,
        ..Forge::right()
    };
    let config = || Forge::right().config();
    refuses!(accept(config(), &forge.request()), Rejection::NoTgt, 67);
    let accepted = accept(config().user_to_user(tgt.clone()), &forge.request()).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), None);
    // Another TGT's session key, of this enctype or another; or the right one and a changed ticket.
    for other in [key(AES256, 43), key(AES128, 42)] {
        let other = config().user_to_user(other);
        refuses!(
            accept(other, &forge.request()),
            Rejection::WrongKey { .. },
            31
        );
    }
    let mut changed = forge.ticket();
    *changed.last_mut().unwrap() ^= 1;
    let changed = forge.request_of(&changed, &forge.authenticator());
    refuses!(
        accept(config().user_to_user(tgt.clone()), &changed),
        Rejection::TicketModified { .. },
        31
    );
    // The enctype is in the clear, and not that of the key that opens it.
    let ticket = forge.ticket();
    let mut read = Ticket::from_bytes(&ticket).unwrap();
    read.enc_part.etype = AES128.0;
    let renamed = read.to_bytes().unwrap();
    refuses!(
        accept(
            config().user_to_user(tgt.clone()),
            &forge.request_of(&renamed, &forge.authenticator())
        ),
        Rejection::WrongKey { .. },
        31
    );
    // AP-79
    let only = config().user_to_user_only(tgt);
    refuses!(
        accept(only, &Forge::right().request()),
        Rejection::UserToUserRequired,
        69
    );
}

/// A key of another principal, or of another enctype or version, is never taken for want of the
/// right one.
#[test]
fn case_012_no_first_key_of_the_keytab() {
    let right = Forge::right();
    let other = principal("HTTP/other.example.com@EXAMPLE.COM");
    let present = |held: Vec<(crate::principal::Principal, u32, crate::crypto::Key)>, accepts| {
        let keys = Arc::new(ServiceKeys::new(held));
        accept(AcceptorConfig::new(keys, accepts), &right.request())
    };
    let own = || Accepts::Service(right.server.clone());
    let fitting = || right.service_key.clone();
    for accepts in [own(), Accepts::Class("HTTP".into()), Accepts::AnyKey] {
        let held = vec![(other.clone(), 3, fitting())];
        refuses!(present(held, accepts), Rejection::NoKey { .. }, 45);
    }
    let held = vec![(right.server.clone(), 3, key(AES128, 1))];
    refuses!(present(held, own()), Rejection::KeyEnctype { .. }, 44);
    let held = vec![(right.server.clone(), 2, fitting())];
    refuses!(present(held, own()), Rejection::KeyVersion { .. }, 44);
    // Both names under one key: whoever holds it said so.
    let held = vec![
        (other.clone(), 3, fitting()),
        (right.server.clone(), 3, fitting()),
    ];
    let accepted = present(held, Accepts::AnyKey).unwrap();
    assert_eq!(accepted.peer.keytab_entry(), Some(2));
}

/// The version of the key that opened the ticket is the keytab's, whatever the ticket says.
#[test]
fn ap_21_the_peer_names_the_key() {
    let forge = Forge {
        kvno: Some(256 + 3),
        ..Forge::right()
    };
    let peer = present(&forge).unwrap().peer;
    assert_eq!(peer.keytab_kvno(), Some(3));
    assert_eq!(peer.ticket().kvno, Some(259));
    assert_eq!(peer.ticket().enctype, AES256);
}

/// A class is its first component, whole, of a name of two or more.
#[test]
fn case_010_classes_are_compared_whole() {
    let class = Accepts::Class("HTTP".into());
    for (name, of_class) in [
        ("HTTP/a@R", true),
        ("HTTP/a/b@R", true),
        ("HTTP@R", false),
        ("HTTPS/a@R", false),
        ("HTT/a@R", false),
        ("http/a@R", false),
        ("a/HTTP@R", false),
    ] {
        let forge = Forge {
            server: principal(name),
            ..Forge::right()
        };
        let config = AcceptorConfig::new(forge.keys(), class.clone());
        let result = accept(config, &forge.request());
        assert_eq!(result.is_ok(), of_class, "{name}");
        if !of_class {
            refuses!(result, Rejection::NotUs { .. }, 35);
        }
    }
}
