//! Authorization data: understood or not, vouched for or not, in its place or not.

use super::breaches::refuses;
use super::forge::*;
use crate::ap::{InvalidPac, PacPolicy, UnknownCritical};
use crate::crypto::{Key, KeyUsage};
use crate::error::Rejection;
use crate::pac::PacBuilder;
use crate::time::KerberosTime;
use crate::wire::{AdType, primitive::to_der};

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
pub(super) fn pac(forge: &Forge, client: &str) -> Vec<u8> {
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

/// MSG-24: also if no list in it is too long by itself.
#[test]
fn msg_24_how_many_elements_there_are_in_all() {
    let some = |count| if_relevant(vec![(9999, vec![1]); count]);
    let forge = |second| Forge {
        ticket_data: vec![some(1000), some(second)],
        ..Forge::right()
    };
    // Two lists and 1022 elements in them.
    assert!(present(&forge(22)).is_ok());
    refuses!(
        present(&forge(23)),
        Rejection::AuthorizationData {
            why: "too many elements",
            ..
        },
        60
    );
}
