//! Each test breaks one rule and no other.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use super::forge::*;
use crate::ap::{
    Acceptor, AcceptorConfig, Accepts, AddressPolicy, AppData, HostAddr, InvalidPac,
    MemoryReplayCache, PacPolicy, ServiceKeys, TransitedPolicy, Unbound, UnknownCritical,
};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::{KeyVerdict, Rejection};
use crate::pac::PacBuilder;
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::{AdType, ApOptions, KrbError, Message, NameType, TicketFlags, primitive::to_der};

macro_rules! refuses {
    ($result:expr, $pattern:pat, $code:literal) => {{
        let (rejection, code) = refused($result);
        assert!(matches!(rejection, $pattern), "{rejection:?}");
        assert_eq!(code, $code);
        rejection
    }};
}

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
    assert_eq!(considered[0].verdict, KeyVerdict::OtherPrincipal);
}

#[test]
fn ap_18_key_version() {
    let forge = Forge {
        kvno: Some(4),
        ..Forge::right()
    };
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

/// Also security cases 9 and 126.
#[test]
fn ap_19_other_service() {
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

/// Also security case 1.
#[test]
fn ap_26_client_mismatch() {
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

#[test]
fn ap_34_unknown_authorization_data() {
    let bare = (9999, vec![1, 2, 3]);
    let wrapped = if_relevant(vec![bare.clone()]);
    let right = Forge::right;
    for forge in [
        Forge {
            ticket_data: vec![bare.clone()],
            ..right()
        },
        Forge {
            authenticator_data: vec![bare],
            ..right()
        },
    ] {
        refuses!(present(&forge), Rejection::AuthorizationData { .. }, 60);
        let lax = forge.config().unknown_critical(UnknownCritical::Ignore);
        assert!(accept(lax, &forge.request()).is_ok());
    }
    let forge = Forge {
        ticket_data: vec![wrapped.clone()],
        authenticator_data: vec![wrapped],
        ..right()
    };
    assert!(present(&forge).is_ok());
}

#[test]
fn ap_35_and_or() {
    let contents = to_der("AD-AND-OR", &authorization_data(&Vec::new())).unwrap();
    let forge = Forge {
        ticket_data: vec![(5, contents)],
        ..Forge::right()
    };
    refuses!(present(&forge), Rejection::AuthorizationData { .. }, 60);
    let lax = forge.config().unknown_critical(UnknownCritical::Ignore);
    refuses!(
        accept(lax, &forge.request()),
        Rejection::AuthorizationData { .. },
        60
    );
}

/// AD-KDCIssued or AD-CAMMAC with one element, as the standards print them.
fn vouched(seal: &Key, usage: KeyUsage, cammac: bool, tamper: bool) -> (i32, Vec<u8>) {
    use crate::wire::authdata::VerifierMac;
    use crate::wire::{AdCammac, AdKdcIssued, Checksum, OctetString, Raw};
    let indicator = to_der(
        "indicator",
        &vec![der::asn1::Utf8StringRef::new("otp").unwrap()],
    );
    let elements = vec![(97, indicator.unwrap())];
    let elements = to_der("AD", &authorization_data(&elements)).unwrap();
    let mac = seal.mac(usage).unwrap();
    let mut octets = mac.checksum(&[&elements]).to_vec();
    if tamper {
        octets[0] ^= 1;
    }
    let checksum = Checksum {
        cksumtype: mac.checksum_type().0,
        checksum: OctetString(&octets),
    };
    let raw = Raw::new(&elements).unwrap();
    if cammac {
        let svc_verifier = VerifierMac {
            identifier: None,
            kvno: None,
            enctype: None,
            mac: checksum,
        };
        let cammac = AdCammac {
            elements: raw,
            kdc_verifier: None,
            svc_verifier: Some(svc_verifier),
            other_verifiers: None,
        };
        (96, to_der("AD-CAMMAC", &cammac).unwrap())
    } else {
        let issued = AdKdcIssued {
            ad_checksum: checksum,
            i_realm: None,
            i_sname: None,
            elements: raw,
        };
        (4, to_der("AD-KDCIssued", &issued).unwrap())
    }
}

#[test]
fn ap_36_kdc_issued() {
    let right = Forge::right();
    let usage = KeyUsage::AD_KDC_ISSUED;
    for (element, visible) in [
        (vouched(&right.session_key, usage, false, false), true),
        (vouched(&right.session_key, usage, false, true), false),
        (vouched(&right.service_key, usage, false, false), false),
        (
            vouched(&right.session_key, KeyUsage(17), false, false),
            false,
        ),
        ((4, b"junk".to_vec()), false),
    ] {
        let forge = Forge {
            ticket_data: vec![element],
            ..right.clone()
        };
        let accepted = present(&forge).unwrap();
        assert_eq!(!accepted.peer.kdc_issued().is_empty(), visible);
        assert!(accepted.peer.authentication_indicators().is_empty());
    }
}

#[test]
fn ap_37_cammac() {
    let right = Forge::right();
    let usage = KeyUsage::CAMMAC;
    for (element, visible) in [
        (vouched(&right.service_key, usage, true, false), true),
        (vouched(&right.service_key, usage, true, true), false),
        (vouched(&right.session_key, usage, true, false), false),
        ((96, b"junk".to_vec()), false),
    ] {
        for data in [element.clone(), if_relevant(vec![element])] {
            let forge = Forge {
                ticket_data: vec![data],
                ..right.clone()
            };
            let accepted = present(&forge).unwrap();
            let indicators = accepted.peer.authentication_indicators();
            assert_eq!(indicators, if visible { vec!["otp"] } else { vec![] });
        }
    }
    // The client writes the authenticator: nothing in it is the KDC's.
    let element = vouched(&right.service_key, usage, true, false);
    let data = vec![if_relevant(vec![element])];
    let forge = Forge {
        authenticator_data: data,
        ..right
    };
    assert!(present(&forge).unwrap().peer.cammac().is_empty());
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
    let other = config().user_to_user(key(AES256, 43));
    refuses!(
        accept(other, &forge.request()),
        Rejection::TicketModified { .. },
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

/// AP-80: three octets are ignored, as are other bits.
#[test]
fn ap_80_ap_options() {
    for (value, unverified) in [
        (0x8000u32.to_le_bytes().to_vec(), true),
        (0x4000u32.to_le_bytes().to_vec(), false),
        (0xffff_ffffu32.to_le_bytes().to_vec(), true),
        (vec![0, 0x80, 0], false),
        (vec![0, 0x80, 0, 0, 0], false),
    ] {
        let data = vec![if_relevant(vec![(AdType::AP_OPTIONS.0, value)])];
        let forge = Forge {
            authenticator_data: data,
            ..Forge::right()
        };
        let accepted = present(&forge).unwrap();
        assert_eq!(accepted.peer.target_name_unverified(), unverified);
    }
}

/// A PAC as a KDC would sign it for this client.
fn pac(forge: &Forge, client: &str) -> Vec<u8> {
    let authtime = KerberosTime::from_secs(NOW.time().as_secs() + forge.authtime);
    let mac = |key: &Key| key.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    PacBuilder::new(&principal(client), authtime)
        .unwrap()
        .sign_tgt(&mac(&forge.service_key), &mac(&key(AES256, 200)))
        .unwrap()
}

fn with_data(ticket_data: Elements) -> Forge {
    Forge {
        ticket_data,
        ..Forge::right()
    }
}

/// Also security case 77: a PAC without LOGON_INFO is one.
#[test]
fn ap_38_pac_is_taken_from_the_ticket_only() {
    let right = Forge::right();
    let pac = pac(&right, "alice@EXAMPLE.COM");
    let in_ticket = with_data(vec![if_relevant(vec![(128, pac.clone())])]);
    let peer = present(&in_ticket).unwrap().peer;
    assert!(peer.pac().unwrap().logon_info().is_none());
    let demanding = right.config().pac(PacPolicy::RequiredWithLogonInfo);
    refuses!(
        accept(demanding, &in_ticket.request()),
        Rejection::PacMissing { .. },
        12
    );
    let in_authenticator = Forge {
        authenticator_data: vec![if_relevant(vec![(128, pac)])],
        ..right
    };
    assert!(present(&in_authenticator).unwrap().peer.pac().is_none());
}

#[test]
fn pac_01_place() {
    let pac = (128, pac(&Forge::right(), "alice@EXAMPLE.COM"));
    let twice = with_data(vec![if_relevant(vec![pac.clone(), pac.clone()])]);
    refuses!(present(&twice), Rejection::Pac { .. }, 41);
    let two_containers = with_data(vec![
        if_relevant(vec![pac.clone()]),
        if_relevant(vec![pac.clone()]),
    ]);
    refuses!(present(&two_containers), Rejection::Pac { .. }, 41);
    refuses!(
        present(&with_data(vec![pac])),
        Rejection::AuthorizationData { .. },
        60
    );
}

/// Also security case 78: another user's PAC, signed with the right key.
#[test]
fn pac_18_pac_of_another_client() {
    let right = Forge::right();
    let bob = with_data(vec![if_relevant(vec![(
        128,
        pac(&right, "bob@EXAMPLE.COM"),
    )])]);
    refuses!(present(&bob), Rejection::Pac { .. }, 41);
    let old = Forge {
        authtime: -601,
        ..right.clone()
    };
    let old = with_data(vec![if_relevant(vec![(
        128,
        pac(&old, "alice@EXAMPLE.COM"),
    )])]);
    refuses!(present(&old), Rejection::Pac { .. }, 41);
}

/// Also security case 20.
#[test]
fn pac_09_pac_signed_with_another_key() {
    let other = Forge {
        service_key: key(AES256, 77),
        ..Forge::right()
    };
    let forged = with_data(vec![if_relevant(vec![(
        128,
        pac(&other, "alice@EXAMPLE.COM"),
    )])]);
    refuses!(present(&forged), Rejection::Pac { .. }, 41);
    let lax = forged.config().invalid_pac(InvalidPac::Ignore);
    assert!(accept(lax, &forged.request()).unwrap().peer.pac().is_none());
}
