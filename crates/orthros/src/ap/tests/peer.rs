//! What the application gets of an accepted client.

use super::breaches::refuses;
use super::forge::*;
use crate::ap::{AcceptorConfig, Accepts, AuthData, TokenRestrictions, TransitedPolicy};
use crate::error::{Error, Rejection};
use crate::local_name::{LocalNames, NoLocalName};
use crate::pac::{FileTime, LogonInfo, PacBuilder, Sid};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{AdType, Authenticator, Message, TicketFlags};

/// Every bit of the ticket's flags, known or not, as it stands in the ticket.
#[test]
fn ap_39_each_flag() {
    for bit in 0..32 {
        let flags = TicketFlags(1 << bit);
        if flags == TicketFlags::INVALID {
            continue; // AP-30
        }
        let forge = Forge {
            flags,
            ..Forge::right()
        };
        let config = forge.config().allow_anonymous();
        let peer = accept(config, &forge.request()).unwrap().peer;
        assert_eq!(peer.flags(), flags);
        assert_eq!(peer.is_anonymous(), flags == TicketFlags::ANONYMOUS);
        for (named, bit) in [
            (TicketFlags::FORWARDABLE, 1),
            (TicketFlags::FORWARDED, 2),
            (TicketFlags::PROXIABLE, 3),
            (TicketFlags::PROXY, 4),
            (TicketFlags::MAY_POSTDATE, 5),
            (TicketFlags::POSTDATED, 6),
            (TicketFlags::RENEWABLE, 8),
            (TicketFlags::INITIAL, 9),
            (TicketFlags::PRE_AUTHENT, 10),
            (TicketFlags::HW_AUTHENT, 11),
            (TicketFlags::TRANSITED_POLICY_CHECKED, 12),
            (TicketFlags::OK_AS_DELEGATE, 13),
            (TicketFlags::ENC_PA_REP, 15),
            (TicketFlags::ANONYMOUS, 16),
        ] {
            // Bit 0 of a BIT STRING is the most significant one.
            assert_eq!(peer.flags().contains(named), flags.0 == 1 << (31 - bit));
        }
    }
}

/// All authorization data, of the KDC and of the client, apart from each other.
#[test]
fn ap_39_all_authorization_data() {
    let sealed = vec![
        if_relevant(vec![(9999, b"kdc".to_vec())]),
        (8, vec![0x30, 0]),
    ];
    let said = vec![if_relevant(vec![(9998, b"client".to_vec())])];
    let forge = Forge {
        ticket_data: sealed.clone(),
        authenticator_data: said.clone(),
        ..Forge::right()
    };
    let peer = present(&forge).unwrap().peer;
    let owned = |elements: Elements| -> Vec<AuthData> {
        let owned = |(ad_type, data)| AuthData {
            ad_type: AdType(ad_type),
            data,
        };
        elements.into_iter().map(owned).collect()
    };
    assert_eq!(peer.authorization_data(), owned(sealed));
    assert_eq!(peer.client_authorization_data(), owned(said));
    let plain = present(&Forge::right()).unwrap().peer;
    assert!(plain.authorization_data().is_empty());
    assert!(plain.client_authorization_data().is_empty());
}

#[test]
fn ap_39_times_and_addresses() {
    let forge = Forge {
        starttime: Some(-60),
        ..Forge::right()
    };
    let peer = present(&forge).unwrap().peer;
    let at = |offset: i64| KerberosTime::from_secs(NOW.time().as_secs() + offset);
    let ticket = peer.ticket();
    assert_eq!(
        (ticket.authtime, ticket.starttime),
        (at(-600), Some(at(-60)))
    );
    assert_eq!((peer.endtime(), ticket.renew_till), (at(36_000), None));
    assert_eq!(peer.session_expiry(), Timestamp::from(at(36_000)));
    assert!(ticket.addresses.is_empty());
}

/// Authenticated is not authorised: acceptance gives a name, and no say about it. A client of
/// whom nobody has heard is accepted as what it is, and has no account.
#[test]
fn ap_42_acceptance_says_who_and_nothing_else() {
    let stranger = principal("stranger@EXAMPLE.COM");
    let forge = Forge {
        client: stranger.clone(),
        authenticator_client: stranger.clone(),
        ..Forge::right()
    };
    let peer = present(&forge).unwrap().peer;
    assert_eq!(peer.client(), &stranger);
    assert!(peer.pac().is_none() && peer.kdc_issued().is_empty());
    let accounts = LocalNames::new("OTHER.COM");
    assert_eq!(accounts.map(peer.client()), Err(NoLocalName::NoRule));
    let accounts = LocalNames::new("EXAMPLE.COM").name(principal("alice@EXAMPLE.COM"), "alice");
    assert_eq!(accounts.map(peer.client()), Err(NoLocalName::NoRule));
}

fn with_pac(info: LogonInfo) -> Forge {
    let right = Forge::right();
    let authtime = KerberosTime::from_secs(NOW.time().as_secs() + right.authtime);
    let mac = |key: &crate::crypto::Key| key.mac(crate::crypto::KeyUsage::NON_KERB_CKSUM).unwrap();
    let pac = PacBuilder::new(&right.client, authtime)
        .unwrap()
        .logon_info(&info)
        .unwrap()
        .sign_tgt(&mac(&right.service_key), &mac(&key(AES256, 200)))
        .unwrap();
    Forge {
        ticket_data: vec![if_relevant(vec![(128, pac)])],
        ..right
    }
}

/// A session ends with the ticket, or before when the domain says so.
#[test]
fn pac_22_the_session_ends_when_the_domain_says() {
    let domain: Sid = "S-1-5-21-1-2-3".parse().unwrap();
    let end = NOW.time().as_secs() + 36_000;
    for (kick_off, expected) in [
        (FileTime::NEVER, end),
        (FileTime::UNSET, end),
        (FileTime::from(KerberosTime::from_secs(end + 60)), end),
        (FileTime::from(KerberosTime::from_secs(end - 60)), end - 60),
    ] {
        let mut info = LogonInfo::new("alice", "EXAMPLE", domain, 1104, 513);
        info.kick_off_time = kick_off;
        let peer = present(&with_pac(info)).unwrap().peer;
        let user = peer.pac().unwrap().user_sid().unwrap();
        assert_eq!(user.to_string(), "S-1-5-21-1-2-3-1104");
        assert_eq!(peer.session_expiry(), Timestamp::from_secs(expected));
    }
}

/// KERB_AUTH_DATA_TOKEN_RESTRICTIONS as MS-KILE 2.2.5 prints it, octet for octet: SEQUENCE of
/// one SEQUENCE of \[0\] 0 and \[1\] forty octets.
fn restrictions(entry_type: u8, contents: &[u8]) -> Vec<u8> {
    let length = u8::try_from(contents.len()).unwrap();
    let mut der = vec![
        0x30,
        11 + length,
        0x30,
        9 + length,
        0xa0,
        3,
        2,
        1,
        entry_type,
    ];
    der.extend([0xa1, 2 + length, 4, length]);
    der.extend_from_slice(contents);
    der
}

/// They change nothing: the client writes them. The application can read them.
#[test]
fn ap_82_words_of_windows_clients() {
    let mut contents = vec![1, 0, 0, 0, 0, 0x30, 0, 0];
    contents.extend([0xcd; 32]);
    let read = TokenRestrictions {
        flags: 1,
        token_il: 0x3000,
        machine_id: [0xcd; 32],
    };
    let target: Vec<u8> = "cifs/fs"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let mut longer = contents.clone();
    longer.extend([0xee; 32]);
    for (value, found) in [
        (restrictions(0, &contents), Some(&read)),
        (restrictions(0, &longer), Some(&read)),
        (restrictions(1, &contents), None),
        (restrictions(0, &contents[..39]), None),
        (contents.clone(), None),
        (Vec::new(), None),
    ] {
        let said = vec![
            (141, value),
            (142, vec![0xff; 16]),
            (144, target.clone()),
            (143, 0xc000u32.to_le_bytes().to_vec()),
        ];
        // Within AD-IF-RELEVANT, twice, and without: no client is refused for them.
        for data in [
            said.clone(),
            vec![if_relevant(said.clone())],
            vec![if_relevant(vec![if_relevant(said.clone())])],
        ] {
            let forge = Forge {
                authenticator_data: data,
                ..Forge::right()
            };
            let peer = present(&forge).unwrap().peer;
            assert_eq!(peer.token_restrictions().as_ref(), found);
            assert_eq!(peer.client_target().as_deref(), Some("cifs/fs"));
            assert!(peer.supplies_channel_bindings() && peer.target_name_unverified());
        }
    }
    let plain = present(&Forge::right()).unwrap().peer;
    assert!(plain.token_restrictions().is_none() && plain.client_target().is_none());
    // In the ticket they are no client's words.
    let forge = Forge {
        ticket_data: vec![if_relevant(vec![(141, restrictions(0, &contents))])],
        ..Forge::right()
    };
    assert!(present(&forge).unwrap().peer.token_restrictions().is_none());
}

/// 31 and 41 in a reply are one: Windows says 41 where the standard says 31.
#[test]
fn ap_23_two_codes_for_a_ticket_that_does_not_open() {
    let explained = |code: i32| {
        let error = Error::Peer(Box::new(crate::error::PeerError {
            code: crate::wire::ErrorCode(code),
            text: None,
            data: None,
            stime: NOW,
            now: NOW,
            client: None,
            server: Forge::right().server.to_string(),
            tried: None,
        }));
        let explanation = error.explain();
        (explanation.reasons, explanation.fixes)
    };
    assert_eq!(explained(31), explained(41));
    assert_ne!(explained(31), explained(37));
}

/// Sequence numbers are unsigned, the highest one too; what comes behind it is the session's.
#[test]
fn ap_58_sequence_numbers_are_unsigned() {
    for number in [1, 0x7fff_ffff, 0x8000_0000, u32::MAX] {
        let forge = Forge {
            seq: Some(number),
            ..Forge::right()
        };
        assert_eq!(present(&forge).unwrap().keys.initiator_seq, number);
    }
}

/// A negative number is the one of the same 32 bits.
#[test]
fn ap_59_negative_numbers() {
    let forge = Forge {
        seq: Some(0xffff_ff80),
        ..Forge::right()
    };
    let mut octets = forge.authenticator();
    let positive = [0xa7, 7, 2, 5, 0, 0xff, 0xff, 0xff, 0x80];
    let at = octets
        .windows(9)
        .position(|window| window == positive)
        .unwrap();
    octets.splice(at..at + 9, [0xa7, 3, 2, 1, 0x80]);
    // The lengths of the application tag and of the SEQUENCE, both of one octet.
    assert_eq!((octets[0], octets[2]), (0x62, 0x30));
    octets[1] -= 9 - 5;
    octets[3] -= 9 - 5;
    let sent = Authenticator::from_bytes(&octets).unwrap();
    assert_eq!(sent.seq_number.unwrap().0, 0xffff_ff80);
    let request = forge.request_of(&forge.ticket(), &octets);
    let accepted = accept(forge.config(), &request).unwrap();
    assert_eq!(accepted.keys.initiator_seq, 0xffff_ff80);
}

/// Tickets that no KDC has checked: by the hierarchy, by capaths, or not at all.
#[test]
fn ap_32_each_policy() {
    let foreign = |contents: &[u8], checked: bool| Forge {
        client: principal("alice@A.EXAMPLE.COM"),
        authenticator_client: principal("alice@A.EXAMPLE.COM"),
        server: principal("HTTP/web@B.EXAMPLE.COM"),
        transited: (1, contents.to_vec()),
        flags: match checked {
            true => TicketFlags::TRANSITED_POLICY_CHECKED,
            false => TicketFlags::NONE,
        },
        ..Forge::right()
    };
    let by = TransitedPolicy::hierarchical;
    let capath = by().capath("A.EXAMPLE.COM", "B.EXAMPLE.COM", ["HUB.ORG"]);
    let direct = by().capath("A.EXAMPLE.COM", "B.EXAMPLE.COM", ["."]);
    let kdc = TransitedPolicy::checked_by_kdc();
    for (contents, accepted) in [
        // By the hierarchy, by capaths, directly only, by the KDC only.
        (&b""[..], [true, true, true, false]),
        (b"EXAMPLE.COM", [true, false, false, false]),
        (b"HUB.ORG", [false, true, false, false]),
        (b"EXAMPLE.COM,HUB.ORG", [false, false, false, false]),
    ] {
        for (policy, accepted) in [by(), capath.clone(), direct.clone(), kdc.clone()]
            .into_iter()
            .zip(accepted)
        {
            let forge = foreign(contents, false);
            let service = Accepts::Service(forge.server.clone());
            let config = || AcceptorConfig::new(forge.keys(), service.clone());
            let result = accept(config().transited(policy.clone()), &forge.request());
            assert_eq!(result.is_ok(), accepted, "{contents:?} {policy:?}");
            if !accepted {
                refuses!(result, Rejection::Transited { .. }, 51);
            }
            let checked = foreign(contents, true);
            assert!(accept(config().transited(policy), &checked.request()).is_ok());
        }
    }
}

/// An anonymous client's path may be any, unless policy says otherwise.
#[test]
fn ap_33_paths_of_anonymous_clients() {
    let name = principal("WELLKNOWN/ANONYMOUS@WELLKNOWN:ANONYMOUS");
    let forge = Forge {
        client: name.clone(),
        authenticator_client: name,
        transited: (1, b"EVIL.ORG".to_vec()),
        flags: TicketFlags::ANONYMOUS,
        ..Forge::right()
    };
    let config = || forge.config().allow_anonymous();
    let peer = accept(config(), &forge.request()).unwrap().peer;
    assert!(peer.is_anonymous());
    let strict = TransitedPolicy::hierarchical().anonymous_too();
    refuses!(
        accept(config().transited(strict), &forge.request()),
        Rejection::Transited { .. },
        51
    );
}

/// What a peer shows of itself holds no key.
#[test]
fn case_118_a_peer_shows_no_key() {
    let forge = Forge::right();
    let peer = present(&forge).unwrap().peer;
    let shown = format!("{peer:?}");
    for seed in [1u8, 2, 3] {
        let (list, hex) = (
            format!("{seed}, {seed}, {seed}"),
            format!("{seed:02x}").repeat(4),
        );
        assert!(!shown.contains(&list) && !shown.contains(&hex), "{shown}");
    }
}
