//! Signatures and CLIENT_INFO.

use super::{
    AUTHTIME, Case, aes_keys, alice, at, case, cases, keys, mac, principal, signed_with,
    verify_signed,
};
use crate::crypto::{ChecksumType, Enctype, Key, KeyUsage, Mac, md5};
use crate::pac::{Attributes, BufferType, FileTime, Pac, PacBuilder, PacError, Sid};
use crate::time::KerberosTime;
use crate::wire::{EncTicketPart, ErrorCode, Message, TicketFlags};

const SERVER: BufferType = BufferType::SERVER_CHECKSUM;
const KDC: BufferType = BufferType::KDC_CHECKSUM;
const TICKET: BufferType = BufferType::TICKET_CHECKSUM;
const FULL: BufferType = BufferType::FULL_CHECKSUM;

fn bad(buffer: BufferType) -> PacError {
    PacError::Signature { buffer }
}

/// Verifies as a KDC does what it is given as evidence.
fn evidence(case: &Case, pac: &[u8], part: &[u8]) -> Result<(), PacError> {
    let part = EncTicketPart::from_bytes(part).unwrap();
    Pac::parse(pac)?
        .verify_evidence(
            &case.server,
            &case.krbtgt,
            &part,
            &case.client,
            case.authtime,
        )
        .map(|_| ())
}

/// The recorded PAC put back into its ticket.
fn ticket_with(case: &Case, pac: &[u8]) -> Vec<u8> {
    let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    let octets = super::super::locate::replace(&part, pac).unwrap().unwrap();
    octets.expose().to_vec()
}

#[test]
fn pac_08_other_key_usages_do_not_verify() {
    let case = alice();
    let key = &case.expected["service_key"];
    for usage in [2, 11, 15, 16, 18, 19] {
        let other = super::real_key(key).mac(KeyUsage(usage)).unwrap();
        let pac = Pac::parse(case.octets()).unwrap();
        let verdict = pac.verify(&other, &case.client, case.authtime);
        assert_eq!(verdict.unwrap_err(), bad(SERVER), "{usage}");
    }
}

/// Every bit of the PAC: the server signature covers all but itself and the KDC's.
#[test]
fn pac_09_every_bit_is_covered() {
    let case = alice();
    let mut octets = case.octets().to_vec();
    let kdc = at(&octets, KDC);
    for index in 0..octets.len() {
        for bit in 0..8 {
            octets[index] ^= 1 << bit;
            let verdict = case.verify(&octets);
            // The octets of the KDC signature are nothing that a service can check (PAC-20).
            let free = (kdc + 4..kdc + 16).contains(&index);
            assert_eq!(verdict.is_ok(), free, "{index} {bit}");
            octets[index] ^= 1 << bit;
        }
    }
}

#[test]
fn pac_10_kdc_signature_is_over_the_octets_of_the_server_signature() {
    let case = alice();
    let mut octets = case.octets().to_vec();
    let kdc = at(&octets, KDC);
    octets[kdc + 4] ^= 1;
    let pac = Pac::parse(&octets).unwrap();
    assert!(
        pac.verify(&case.server, &case.client, case.authtime)
            .is_ok()
    );
    let verdict = pac.verify_kdc(&case.server, &case.krbtgt, &case.client, case.authtime);
    assert_eq!(verdict.unwrap_err(), bad(KDC));
    // Another realm's key.
    let (_, other) = aes_keys();
    let pac = Pac::parse(case.octets()).unwrap();
    let verdict = pac.verify_kdc(&case.server, &other, &case.client, case.authtime);
    assert_eq!(verdict.unwrap_err(), bad(KDC));
}

/// Security case 69, the bronze bit: whoever holds the service's key can seal the ticket anew, but
/// not sign it.
#[test]
fn case_069_flags_flipped_in_an_evidence_ticket() {
    let case = case("ad.example.test/alice-s4u2self");
    let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    assert!(evidence(&case, case.octets(), &case.enc_ticket_part).is_ok());
    for bit in 0..32 {
        let mut changed = part.clone();
        changed.flags = TicketFlags(part.flags.0 ^ 1 << bit);
        let octets = changed.to_bytes().unwrap();
        assert_eq!(evidence(&case, case.octets(), &octets), Err(bad(TICKET)));
    }
    let mut changed = part.clone();
    changed.endtime = KerberosTime::from_secs(part.endtime.as_secs() + 1);
    let octets = changed.to_bytes().unwrap();
    assert_eq!(evidence(&case, case.octets(), &octets), Err(bad(TICKET)));
    // PAC-12: another cname in the ticket.
    let mut changed = part.clone();
    let mallory = principal("mallory@AD.EXAMPLE.TEST");
    changed.cname = mallory.to_wire();
    let octets = changed.to_bytes().unwrap();
    assert_eq!(evidence(&case, case.octets(), &octets), Err(bad(TICKET)));
}

/// Every bit of EncTicketPart outside of the PAC: it is no EncTicketPart any more, or still the same
/// one (a BIT STRING has more than one encoding), or refused.
#[test]
fn case_069_every_bit_of_the_ticket() {
    let case = case("ad.example.test/alice-s4u2self");
    let mut octets = case.enc_ticket_part.clone();
    let pac = case.octets();
    let start = octets.windows(pac.len()).position(|w| w == pac).unwrap();
    let (mut refused, mut same) = (0, 0);
    for index in (0..octets.len()).filter(|index| !(start..start + pac.len()).contains(index)) {
        for bit in 0..8 {
            octets[index] ^= 1 << bit;
            if let Ok(part) = EncTicketPart::from_bytes(&octets) {
                if part.to_bytes().unwrap() == case.enc_ticket_part {
                    same += 1;
                } else {
                    refused += 1;
                    assert!(evidence(&case, pac, &octets).is_err(), "{index} {bit}");
                }
            }
            octets[index] ^= 1 << bit;
        }
    }
    assert!(refused > 100 && same <= 3, "{refused} {same}");
}

#[test]
fn case_070_missing_ticket_or_full_signature_is_no_evidence() {
    let case = case("ad.example.test/alice-tgt");
    let verdict = evidence(&case, case.octets(), &case.enc_ticket_part);
    assert_eq!(verdict, Err(PacError::Missing { buffer: FULL }));
    // A full signature alone does not do.
    let (server, krbtgt) = aes_keys();
    let alice = principal("alice@EXAMPLE.TEST");
    let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    let signed = |builder: PacBuilder| {
        let octets = builder.sign_service_ticket(&server, &krbtgt, b"").unwrap();
        Pac::parse(&octets)
            .unwrap()
            .verify_evidence(&server, &krbtgt, &part, &alice, AUTHTIME)
    };
    let verdict = signed(PacBuilder::new(&alice, AUTHTIME).unwrap());
    assert_eq!(verdict.unwrap_err(), bad(TICKET));
}

/// Security case 21: server signature × KDC signature × full signature × contents. Only the first
/// of the sixteen passes, and never does a good signature make up for a bad one (PAC-16).
#[test]
fn case_021_all_signatures_or_nothing() {
    let case = alice();
    for row in 0..16 {
        let mut octets = case.octets().to_vec();
        for (bit, place) in [SERVER, KDC, FULL].into_iter().enumerate() {
            if row & 1 << bit != 0 {
                let place = at(&octets, place) + 4;
                octets[place] ^= 0x40;
            }
        }
        if row & 8 != 0 {
            let place = at(&octets, BufferType::LOGON_INFO) + 16 + 8;
            octets[place] ^= 1;
        }
        let ticket = ticket_with(&case, &octets);
        assert_eq!(evidence(&case, &octets, &ticket).is_ok(), row == 0, "{row}");
        // What a service can say about it: the server signature is good and so is what it covers.
        let service = case.verify(&octets);
        assert_eq!(service.is_ok(), row & !2 == 0, "{row}");
    }
}

/// The same with signatures that are each right by themselves over what stands there, so that
/// exactly one of them is wrong.
#[test]
fn case_021_and_pac_11_each_signature_counts_on_its_own() {
    let (server, krbtgt) = aes_keys();
    let (other, _) = keys(
        Enctype::AES128_CTS_HMAC_SHA1_96,
        Enctype::AES128_CTS_HMAC_SHA1_96,
    );
    let alice = principal("alice@EXAMPLE.TEST");
    let case = alice_ticket();
    let part = EncTicketPart::from_bytes(&case).unwrap();
    let sealed = PacBuilder::new(&alice, AUTHTIME)
        .unwrap()
        .seal(&part, &principal("HTTP/web@EXAMPLE.TEST"), &server, &krbtgt)
        .unwrap();
    let part = EncTicketPart::from_bytes(sealed.expose()).unwrap();
    let octets = crate::pac::locate(part.authorization_data.as_deref().unwrap())
        .unwrap()
        .unwrap();
    let check = |pac: &[u8], server: &Mac, krbtgt: &Mac| {
        Pac::parse(pac)
            .unwrap()
            .verify_evidence(server, krbtgt, &part, &alice, AUTHTIME)
            .map(|verified| verified.checked())
    };
    assert!(check(octets, &server, &krbtgt).is_ok());
    // A wrong full signature under right server and KDC signatures.
    let mut changed = octets.to_vec();
    let full = at(&changed, FULL) + 4;
    changed[full] ^= 1;
    resign(&mut changed, &server, &krbtgt);
    assert_eq!(check(&changed, &server, &krbtgt), Err(bad(FULL)));
    // A wrong ticket signature under right ones of all others.
    let mut changed = octets.to_vec();
    let ticket = at(&changed, TICKET) + 4;
    changed[ticket] ^= 1;
    resign_full(&mut changed, &krbtgt);
    resign(&mut changed, &server, &krbtgt);
    assert_eq!(check(&changed, &server, &krbtgt), Err(bad(TICKET)));
    // A wrong server signature with a right KDC signature over it.
    let mut changed = octets.to_vec();
    let place = at(&changed, SERVER) + 4;
    changed[place] ^= 1;
    let signature = krbtgt.checksum(&[&changed[place..place + 12]]);
    let kdc = at(&changed, KDC) + 4;
    changed[kdc..kdc + 12].copy_from_slice(&signature);
    assert_eq!(check(&changed, &server, &krbtgt), Err(bad(SERVER)));
    let wrong_type = check(octets, &other, &krbtgt);
    assert!(matches!(wrong_type, Err(PacError::SignatureType { .. })));
}

/// A ticket of alice, without authorization data.
fn alice_ticket() -> Vec<u8> {
    let case = case("ad.example.test/alice-no-pac");
    let mut part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    part.authtime = AUTHTIME;
    part.to_bytes().unwrap()
}

fn zeroed(pac: &[u8], buffers: &[BufferType]) -> Vec<u8> {
    let mut octets = pac.to_vec();
    for buffer in buffers {
        let place = at(&octets, *buffer) + 4;
        octets[place..place + 12].fill(0);
    }
    octets
}

/// Signs as MS-PAC 2.8 says, written down apart from the builder.
fn resign(pac: &mut [u8], server: &Mac, krbtgt: &Mac) {
    let signature = server.checksum(&[&zeroed(pac, &[SERVER, KDC])]);
    let place = at(pac, SERVER) + 4;
    pac[place..place + 12].copy_from_slice(&signature);
    let place = at(pac, KDC) + 4;
    pac[place..place + 12].copy_from_slice(&krbtgt.checksum(&[&signature]));
}

fn resign_full(pac: &mut [u8], krbtgt: &Mac) {
    let signature = krbtgt.checksum(&[&zeroed(pac, &[SERVER, KDC, FULL])]);
    let place = at(pac, FULL) + 4;
    pac[place..place + 12].copy_from_slice(&signature);
}

/// Replaces the server signature buffer's contents in the minimal PAC, whatever they are.
fn with_server_signature(contents: &[u8]) -> Vec<u8> {
    let client = signed_with(BufferType(99), Vec::new());
    let client = &client[at(&client, BufferType::CLIENT_INFO)..][..20];
    let buffers: [(u32, &[u8]); 3] = [(10, client), (6, contents), (7, &[16; 16])];
    let mut octets = vec![3, 0, 0, 0, 0, 0, 0, 0];
    let mut body = Vec::new();
    for (buffer, contents) in buffers {
        octets.extend(buffer.to_le_bytes());
        octets.extend((contents.len() as u32).to_le_bytes());
        octets.extend((8 + 48 + body.len() as u64).to_le_bytes());
        body.extend_from_slice(contents);
        body.resize(body.len().next_multiple_of(8), 0);
    }
    octets.extend(body);
    octets
}

/// PAC-07, PAC-16, security cases 62, 64 and 65: unkeyed types, keyed types of other keys, unknown
/// types, under each kind of key, with a signature that is right for the type.
#[test]
fn case_062_and_case_064_and_case_065_signature_types() {
    let alice = principal("alice@EXAMPLE.TEST");
    let mut enctypes = vec![
        Enctype::AES128_CTS_HMAC_SHA1_96,
        Enctype::AES256_CTS_HMAC_SHA1_96,
        Enctype::AES128_CTS_HMAC_SHA256_128,
        Enctype::AES256_CTS_HMAC_SHA384_192,
    ];
    if Enctype::RC4_HMAC.is_supported() {
        enctypes.push(Enctype::RC4_HMAC);
    }
    for enctype in enctypes {
        let (server, _) = keys(enctype, enctype);
        let own = server.checksum_type();
        for found in [
            0,
            1,
            2,
            3,
            4,
            7,
            8,
            12,
            14,
            15,
            16,
            17,
            18,
            19,
            20,
            99,
            -137,
            -138,
            i32::MIN,
        ] {
            let found = ChecksumType(found);
            if found == own {
                continue;
            }
            // An attacker can compute an unkeyed one.
            let mut contents = found.0.to_le_bytes().to_vec();
            contents.resize(4 + found.len().unwrap_or(16), 0);
            let mut octets = with_server_signature(&contents);
            if found == ChecksumType::RSA_MD5 {
                let kdc = at(&octets, KDC);
                octets[kdc + 4..kdc + 16].fill(0);
                let place = at(&octets, SERVER) + 4;
                let hash = md5(&[&octets]);
                octets[place..place + 16].copy_from_slice(&hash);
            }
            let error = Pac::parse(&octets)
                .unwrap()
                .verify(&server, &alice, AUTHTIME)
                .unwrap_err();
            assert_eq!(
                error,
                PacError::SignatureType {
                    buffer: SERVER,
                    found,
                    expected: own
                }
            );
            assert_eq!(error.code(), ErrorCode::KDC_ERR_SUMTYPE_NOSUPP);
        }
    }
}

/// Every length but that of the type, and that with RODCIdentifier behind it.
#[test]
fn pac_16_signature_lengths() {
    let (server, _) = aes_keys();
    let alice = principal("alice@EXAMPLE.TEST");
    for length in 0..100 {
        let mut contents = 16i32.to_le_bytes().to_vec();
        contents.resize(length, 0);
        let octets = with_server_signature(&contents);
        let error = Pac::parse(&octets)
            .unwrap()
            .verify(&server, &alice, AUTHTIME)
            .unwrap_err();
        if length == 16 || length == 18 {
            assert_eq!(error, bad(SERVER));
        } else {
            assert!(
                matches!(error, PacError::SignatureLength { buffer: SERVER, found } if found == length.saturating_sub(4)),
                "{length}: {error}"
            );
            assert_eq!(error.code(), ErrorCode::KDC_ERR_SUMTYPE_NOSUPP);
        }
    }
    // An empty signature is no prefix of the right one.
    for length in 0..12 {
        let mut contents = 16i32.to_le_bytes().to_vec();
        let right = server.checksum(&[&with_server_signature(&[16, 0, 0, 0])]);
        contents.extend(&right[..length]);
        let octets = with_server_signature(&contents);
        let verdict = Pac::parse(&octets)
            .unwrap()
            .verify(&server, &alice, AUTHTIME);
        assert!(matches!(verdict, Err(PacError::SignatureLength { .. })));
    }
}

/// PAC-15: RODCIdentifier is zero while the PAC is hashed.
#[test]
fn pac_15_rodc_identifier_is_zeroed() {
    let (server, _) = aes_keys();
    let alice = principal("alice@EXAMPLE.TEST");
    let mut contents = 16i32.to_le_bytes().to_vec();
    contents.resize(18, 0);
    let mut octets = with_server_signature(&contents);
    let kdc = at(&octets, KDC);
    octets[kdc + 4..kdc + 16].fill(0);
    let signature = server.checksum(&[&octets]);
    let place = at(&octets, SERVER) + 4;
    octets[place..place + 12].copy_from_slice(&signature);
    octets[place + 12..place + 14].copy_from_slice(&[0x34, 0x12]);
    let pac = Pac::parse(&octets).unwrap();
    let verified = pac.verify(&server, &alice, AUTHTIME).unwrap();
    let signature = verified.signature(SERVER).unwrap();
    assert_eq!(signature.rodc_identifier, Some(0x1234));
    assert_eq!(signature.signature.len(), 12);
}

/// PAC-07: every signature type, made and verified, with the right lengths.
#[test]
fn pac_07_signature_types_and_lengths() {
    let alice = principal("alice@EXAMPLE.TEST");
    let mut known = vec![(17, 15, 12), (18, 16, 12), (19, 19, 16), (20, 20, 24)];
    if Enctype::RC4_HMAC.is_supported() {
        known.push((23, -138, 16));
    }
    for (service, _, _) in known.clone() {
        for (enctype, signature_type, length) in known.clone() {
            let (server, krbtgt) = keys(Enctype(service), Enctype(enctype));
            let octets = PacBuilder::new(&alice, AUTHTIME)
                .unwrap()
                .sign_service_ticket(&server, &krbtgt, b"ticket")
                .unwrap();
            let pac = Pac::parse(&octets).unwrap();
            let verified = pac.verify_kdc(&server, &krbtgt, &alice, AUTHTIME).unwrap();
            for buffer in [KDC, TICKET, FULL] {
                let signature = verified.signature(buffer).unwrap();
                assert_eq!(signature.signature_type, ChecksumType(signature_type));
                assert_eq!(signature.signature.len(), length);
                assert_eq!(signature.rodc_identifier, None);
            }
        }
    }
}

/// PAC-13: in another order of signing, some signature does not verify.
#[test]
fn pac_13_wrong_order_is_detected() {
    let (server, krbtgt) = aes_keys();
    let alice = principal("alice@EXAMPLE.TEST");
    let part = alice_ticket();
    let part = EncTicketPart::from_bytes(&part).unwrap();
    let placeholder = super::super::locate::attach(&part, &[0]).unwrap();
    let octets = PacBuilder::new(&alice, AUTHTIME)
        .unwrap()
        .sign_service_ticket(&server, &krbtgt, placeholder.expose())
        .unwrap();
    let with_pac = super::super::locate::attach(&part, &octets).unwrap();
    let with_pac = EncTicketPart::from_bytes(with_pac.expose()).unwrap();
    let check = |pac: &[u8]| {
        Pac::parse(pac)
            .unwrap()
            .verify_evidence(&server, &krbtgt, &with_pac, &alice, AUTHTIME)
            .map(|_| ())
    };
    assert_eq!(check(&octets), Ok(()));
    // The server's before the full one.
    let mut wrong = zeroed(&octets, &[SERVER, KDC, FULL]);
    resign(&mut wrong, &server, &krbtgt);
    resign_full(&mut wrong, &krbtgt);
    assert_eq!(check(&wrong), Err(bad(SERVER)));
    // The ticket signature last.
    let mut wrong = zeroed(&octets, &[SERVER, KDC, FULL, TICKET]);
    resign_full(&mut wrong, &krbtgt);
    resign(&mut wrong, &server, &krbtgt);
    let place = at(&wrong, TICKET) + 4;
    wrong[place..place + 12].copy_from_slice(&krbtgt.checksum(&[placeholder.expose()]));
    assert_eq!(check(&wrong), Err(bad(SERVER)));
}

/// Security case 20: with one bit of the server signature changed there is no value to read
/// anything from.
#[test]
fn case_020_nothing_is_readable_without_the_server_signature() {
    for case in cases().iter().filter(|case| case.pac.is_some()) {
        let mut octets = case.octets().to_vec();
        let place = at(&octets, SERVER) + 4;
        for bit in 0..96 {
            octets[place + bit / 8] ^= 1 << (bit % 8);
            let error = case.verify(&octets).unwrap_err();
            assert_eq!(error, bad(SERVER));
            assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
            octets[place + bit / 8] ^= 1 << (bit % 8);
        }
    }
}

/// PAC-17: a PAC that breaks every rule is refused for its signature; CLIENT_INFO is judged next,
/// LOGON_INFO last.
#[test]
fn pac_17_order_of_the_checks() {
    let (server, krbtgt) = aes_keys();
    let mallory = principal("mallory@EXAMPLE.TEST");
    let alice = principal("alice@EXAMPLE.TEST");
    let octets = PacBuilder::new(&mallory, AUTHTIME)
        .unwrap()
        .buffer(BufferType::LOGON_INFO, b"garbage".to_vec())
        .unwrap()
        .sign_tgt(&server, &krbtgt)
        .unwrap();
    let pac = Pac::parse(&octets).unwrap();
    assert_eq!(
        pac.verify(&krbtgt, &alice, AUTHTIME).unwrap_err(),
        bad(SERVER)
    );
    let named = pac.verify(&server, &alice, AUTHTIME);
    assert!(matches!(named, Err(PacError::ClientName { .. })));
    let read = pac.verify(&server, &mallory, AUTHTIME);
    assert!(matches!(
        read,
        Err(PacError::Buffer {
            buffer: BufferType::LOGON_INFO,
            ..
        })
    ));
}

/// PAC-18, security case 78: the PAC of another client, or of another authentication of the same
/// one, rightly signed with the service's key.
#[test]
fn case_078_another_clients_pac() {
    let (server, krbtgt) = aes_keys();
    let check = |pac_client: &str, ticket_client: &str, seconds: i64| {
        let octets = PacBuilder::new(&principal(pac_client), AUTHTIME)
            .unwrap()
            .sign_tgt(&server, &krbtgt)
            .unwrap();
        let authtime = KerberosTime::from_secs(AUTHTIME.as_secs() + seconds);
        Pac::parse(&octets)
            .unwrap()
            .verify(&server, &principal(ticket_client), authtime)
            .map(|verified| verified.client_info().name.clone())
    };
    assert_eq!(check("alice@R", "alice@R", 0).unwrap(), "alice");
    assert_eq!(check("a/b/c@R", "a/b/c@R", 0).unwrap(), "a/b/c");
    // The realm is not in it.
    assert_eq!(check("alice@R", "alice@OTHER", 0).unwrap(), "alice");
    // Not ASCII, and beyond 16 bits.
    assert_eq!(check("é𐐷@R", "é𐐷@R", 0).unwrap(), "é𐐷");
    for seconds in [-1, 1, 3600] {
        let error = check("alice@R", "alice@R", seconds).unwrap_err();
        assert_eq!(
            error,
            PacError::AuthTime {
                pac: FileTime::from(AUTHTIME),
                ticket: KerberosTime::from_secs(AUTHTIME.as_secs() + seconds)
            }
        );
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
    for (pac, ticket) in [
        ("bob@R", "alice@R"),
        ("Alice@R", "alice@R"),
        ("alic@R", "alice@R"),
        ("alicea@R", "alice@R"),
        ("alice/@R", "alice@R"),
        ("alice@R", "alice/@R"),
        ("alice/x@R", "alice@R"),
        ("alice@R", "alice/x@R"),
        ("a/b@R", "a/c@R"),
        (r"alice\@R@R", "alice@R"),
    ] {
        let error = check(pac, ticket, 0).unwrap_err();
        assert!(matches!(error, PacError::ClientName { .. }), "{pac}");
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
    // A fraction of a second is another time.
    let mut info = FileTime::from(AUTHTIME).0.to_le_bytes().to_vec();
    info[0] += 1;
    info.extend([10, 0]);
    info.extend("alice".encode_utf16().flat_map(u16::to_le_bytes));
    let verdict = super::verdict(BufferType::CLIENT_INFO, info);
    assert!(matches!(verdict, Err(PacError::AuthTime { .. })));
}

/// Security case 76: names with `@` in them. Without realm they are what they are, octet for
/// octet; with realm the last one parts it.
#[test]
fn case_076_at_signs_in_client_names() {
    let (server, krbtgt) = aes_keys();
    let signed = |name: &str| {
        let mut info = FileTime::from(AUTHTIME).0.to_le_bytes().to_vec();
        info.extend((name.len() as u16 * 2).to_le_bytes());
        info.extend(name.encode_utf16().flat_map(u16::to_le_bytes));
        PacBuilder::new(&principal("x@R"), AUTHTIME)
            .unwrap()
            .buffer(BufferType::CLIENT_INFO, info)
            .unwrap()
            .sign_tgt(&server, &krbtgt)
            .unwrap()
    };
    let names = [
        "alice",
        "alice@R",
        "alice@R@R",
        "alice@R@R@R",
        "@",
        "@@",
        "@@@",
        "",
    ];
    let clients = ["alice@R", r"alice\@R@R", r"alice\@R\@R@R", r"\@@R"];
    let matches = |name: &str, client: &str, with_realm: bool| {
        let octets = signed(name);
        let pac = Pac::parse(&octets).unwrap();
        let client = principal(client);
        let verdict = if with_realm {
            pac.verify_s4u2self(&server, &client, AUTHTIME)
        } else {
            pac.verify(&server, &client, AUTHTIME)
        };
        match verdict {
            Ok(_) => true,
            Err(PacError::ClientName { .. }) => false,
            Err(other) => panic!("{other}"),
        }
    };
    let found = |with_realm: bool| -> Vec<(&str, &str)> {
        let pairs = names.into_iter().flat_map(|n| clients.map(|c| (n, c)));
        pairs.filter(|(n, c)| matches(n, c, with_realm)).collect()
    };
    assert_eq!(
        found(false),
        [
            ("alice", "alice@R"),
            ("alice@R", r"alice\@R@R"),
            ("alice@R@R", r"alice\@R\@R@R"),
            ("@", r"\@@R"),
        ]
    );
    assert_eq!(
        found(true),
        [
            ("alice@R", "alice@R"),
            ("alice@R@R", r"alice\@R@R"),
            ("alice@R@R@R", r"alice\@R\@R@R"),
        ]
    );
}

/// Security case 77: MIT krb5's PAC has no LOGON_INFO; that is a value, not an error.
#[test]
fn case_077_pac_without_logon_info() {
    let octets = signed_with(
        BufferType::ATTRIBUTES_INFO,
        Attributes::REQUESTED.to_bytes(),
    );
    let verified = verify_signed(&octets).unwrap();
    assert!(verified.logon_info().is_none());
    assert_eq!(verified.user_sid(), None);
    assert_eq!(verified.group_sids().count(), 0);
    assert!(verified.attributes().unwrap().is_requested());
}

/// PAC-27, security cases 73 and 74: the TGT is of the account that the name finds now.
#[test]
fn case_074_requestor_is_the_account() {
    let case = case("ad.example.test/alice-tgt");
    let verified = case.verify(case.octets()).unwrap();
    let alice: Sid = "S-1-5-21-3623811015-3361044348-30300820-1103"
        .parse()
        .unwrap();
    assert_eq!(verified.check_requestor(&alice), Ok(()));
    // The name was given to another account in the meantime, or has no "$" any more.
    let other: Sid = "S-1-5-21-3623811015-3361044348-30300820-1110"
        .parse()
        .unwrap();
    let error = verified.check_requestor(&other).unwrap_err();
    assert_eq!(
        error,
        PacError::Requestor {
            pac: Some(Box::new(alice)),
            account: Box::new(other)
        }
    );
    assert_eq!(error.code(), ErrorCode::KDC_ERR_TGT_REVOKED);
    // A service ticket has no REQUESTOR_SID and is no TGT.
    let service = super::alice();
    let verified = service.verify(service.octets()).unwrap();
    assert!(verified.requestor_sid().is_none());
    assert!(verified.check_requestor(&alice).is_err());
}

/// No key is in an error.
#[test]
fn errors_name_what_is_wrong() {
    let case = alice();
    let mut octets = case.octets().to_vec();
    octets[200] ^= 1;
    let error = case.verify(&octets).unwrap_err();
    assert_eq!(
        error.to_string(),
        "SERVER_CHECKSUM of the PAC does not verify"
    );
    let key = Key::new(Enctype::AES128_CTS_HMAC_SHA1_96, &[7; 16]).unwrap();
    let other = key.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    let error = Pac::parse(case.octets())
        .unwrap()
        .verify(&other, &case.client, case.authtime)
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "SERVER_CHECKSUM of the PAC is of type hmac-sha1-96-aes256; the key makes \
         hmac-sha1-96-aes128"
    );
    let _: &dyn std::error::Error = &error;
    assert_eq!(
        crate::error::Error::from(error).protocol_code(),
        ErrorCode::KDC_ERR_SUMTYPE_NOSUPP
    );
    let _ = mac(&case.expected["service_key"]);
}
