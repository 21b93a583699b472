//! The encoding rules, row by row, with octets written by hand.

use super::*;
use crate::principal::{NameError, Principal};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::primitive::application_number;

fn general(text: &[u8]) -> Vec<u8> {
    tlv(0x1b, text)
}

fn integer(octets: &[u8]) -> Vec<u8> {
    tlv(2, octets)
}

/// PrincipalName of one type and components.
fn name(name_type: u8, components: &[&[u8]]) -> Vec<u8> {
    let components: Vec<Vec<u8>> = components.iter().map(|c| general(c)).collect();
    let components: Vec<&[u8]> = components.iter().map(Vec::as_slice).collect();
    sequence(&[
        &field(0, &integer(&[name_type])),
        &field(1, &sequence(&components)),
    ])
}

/// A Ticket around an EncryptedData.
fn ticket(realm: &[u8], sname: &[u8], enc_part: &[u8]) -> Vec<u8> {
    tlv(
        0x61,
        &sequence(&[
            &field(0, &integer(&[5])),
            &field(1, &general(realm)),
            &field(2, sname),
            &field(3, enc_part),
        ]),
    )
}

fn encrypted(kvno: Option<&[u8]>) -> Vec<u8> {
    let kvno = kvno
        .map(|kvno| field(1, &integer(kvno)))
        .unwrap_or_default();
    sequence(&[
        &field(0, &integer(&[18])),
        &kvno,
        &field(2, &tlv(4, b"sealed")),
    ])
}

/// EncAPRepPart with the octets of its fields given.
fn ap_rep_part(ctime: &[u8], cusec: &[u8], seq_number: Option<&[u8]>) -> Vec<u8> {
    let seq_number = seq_number
        .map(|n| field(3, &integer(n)))
        .unwrap_or_default();
    tlv(
        0x7b,
        &sequence(&[
            &field(0, &tlv(0x18, ctime)),
            &field(1, &integer(cusec)),
            &seq_number,
        ]),
    )
}

const TIME: &[u8] = b"20261122103107Z";

#[test]
fn msg_01_emitted_octets_are_der() {
    let value = Ticket {
        tkt_vno: 5,
        realm: KerberosString("R"),
        sname: PrincipalName {
            name_type: NameType::SRV_INST,
            name_string: vec![KerberosString("krbtgt"), KerberosString("R")],
        },
        enc_part: EncryptedData {
            etype: -133,
            kvno: Some(UInt32(0x8000_0000)),
            cipher: OctetString(&[0xab; 200]),
        },
    };
    // A long length in its shortest form, a negative integer, an unsigned one with a leading zero.
    let mut cipher = vec![0x04, 0x81, 0xc8];
    cipher.extend([0xab; 200]);
    let enc_part = sequence(&[
        &field(0, &[0x02, 0x02, 0xff, 0x7b]),
        &field(1, &[0x02, 0x05, 0x00, 0x80, 0x00, 0x00, 0x00]),
        &field(2, &cipher),
    ]);
    let expected = ticket(b"R", &name(2, &[b"krbtgt", b"R"]), &enc_part);
    assert_eq!(value.to_bytes().unwrap(), expected);
    assert_eq!(reencode("Ticket", &expected).unwrap(), expected);
}

#[test]
fn msg_02_ber_is_refused() {
    let sname = name(2, &[b"krbtgt", b"R"]);
    let good = ticket(b"R", &sname, &encrypted(None));
    assert!(Ticket::from_bytes(&good).is_ok());
    // A length in more octets than it needs, outside and inside.
    let mut long = vec![0x61, 0x81, good[1]];
    long.extend(&good[2..]);
    assert!(Ticket::from_bytes(&long).is_err());
    let mut long = vec![0x61, 0x82, 0x00, good[1]];
    long.extend(&good[2..]);
    assert!(Ticket::from_bytes(&long).is_err());
    let mut realm = vec![0x1b, 0x81, 0x01, b'R'];
    let inner = sequence(&[
        &field(0, &integer(&[5])),
        &field(1, &realm),
        &field(2, &sname),
        &field(3, &encrypted(None)),
    ]);
    assert!(Ticket::from_bytes(&tlv(0x61, &inner)).is_err());
    // Indefinite length.
    let mut indefinite = vec![0x61, 0x80];
    indefinite.extend(&good[2..]);
    indefinite.extend([0, 0]);
    assert!(Ticket::from_bytes(&indefinite).is_err());
    // A string in parts.
    realm = vec![0x3b, 0x03, 0x1b, 0x01, b'R'];
    let inner = sequence(&[
        &field(0, &integer(&[5])),
        &field(1, &realm),
        &field(2, &sname),
        &field(3, &encrypted(None)),
    ]);
    assert!(Ticket::from_bytes(&tlv(0x61, &inner)).is_err());
    // Integers with octets that say nothing.
    for vno in [&[0x00, 0x05][..], &[0x00, 0x00, 0x05], &[0xff, 0xff], &[]] {
        let inner = sequence(&[
            &field(0, &integer(vno)),
            &field(1, &general(b"R")),
            &field(2, &sname),
            &field(3, &encrypted(None)),
        ]);
        assert!(Ticket::from_bytes(&tlv(0x61, &inner)).is_err(), "{vno:x?}");
    }
    // The BOOLEAN true of DER is FF alone.
    for (octet, right) in [(0xff, true), (0x00, true), (0x01, false), (0x7f, false)] {
        let octets = sequence(&[&field(0, &[1, 1, octet])]);
        let value = from_der::<PaPacRequest>("", &octets);
        assert_eq!(value.is_ok(), right);
    }
}

#[test]
fn msg_03_odd_tags_give_an_error() {
    for octets in [
        &[0x7f, 0x1f, 0x02, 0x30, 0x00][..],
        &[0x7f, 0x1f],
        &[0x7f, 0x81, 0x80, 0x00, 0x00],
        &[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f, 0x00],
        &[0x7f],
        &[0xff, 0xff],
        &[0x1f, 0x1e, 0x00],
        &[],
    ] {
        assert_eq!(application_number(octets), None, "{octets:x?}");
        assert!(ApReq::from_bytes(octets).is_err(), "{octets:x?}");
        assert!(Raw::new(octets).is_err() || octets[0] == 0x7f || octets[0] == 0x1f);
    }
    // An APPLICATION number that no message has, and one that another message has.
    let mut octets = full("AP-REQ");
    for number in 0..31 {
        octets[0] = 0x60 | number;
        assert_eq!(application_number(&octets), Some(number));
        assert_eq!(ApReq::from_bytes(&octets).is_ok(), number == 14);
    }
    // The same number, not constructed or of another class.
    for tag in [0x4e, 0xae, 0xee, 0x2e, 0x0e] {
        octets[0] = tag;
        assert_eq!(application_number(&octets), None);
        let error = ApReq::from_bytes(&octets).unwrap_err();
        assert_eq!((error.what, error.at), ("AP-REQ", error.at));
    }
}

#[test]
fn msg_04_one_element_and_nothing_behind_it() {
    for sample in samples() {
        for more in [&[0][..], &[5, 0], &[0x30, 0x00, 0x00]] {
            let mut octets = sample.der.clone();
            octets.extend(more);
            assert!(reencode(&sample.name, &octets).is_err(), "{}", sample.name);
        }
    }
}

#[test]
fn msg_05_an_absent_number_is_zero() {
    let octets = ap_rep_part(TIME, &[0], None);
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert_eq!(part.seq_number.unwrap_or_default(), UInt32(0));
    let octets = sequence(&[&field(0, &tlv(0x18, TIME))]);
    let stamp: PaEncTsEnc = from_der("PA-ENC-TS-ENC", &octets).unwrap();
    assert_eq!(stamp.pausec.unwrap_or_default().get(), 0);
    // Zero that was sent is told from zero that was not.
    let octets = ap_rep_part(TIME, &[0], Some(&[0]));
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert_eq!(part.seq_number, Some(UInt32(0)));
}

#[test]
fn msg_06_an_empty_list_is_absent() {
    // AS-REQ with an empty padata, whose body has empty addresses and additional-tickets.
    let body = sequence(&[
        &field(0, &[3, 5, 0, 0, 0, 0, 0]),
        &field(2, &general(b"R")),
        &field(5, &tlv(0x18, TIME)),
        &field(7, &integer(&[1])),
        &field(8, &sequence(&[&integer(&[18])])),
        &field(9, &sequence(&[])),
        &field(11, &sequence(&[])),
    ]);
    let octets = tlv(
        0x6a,
        &sequence(&[
            &field(1, &integer(&[5])),
            &field(2, &integer(&[10])),
            &field(3, &sequence(&[])),
            &field(4, &body),
        ]),
    );
    let request = AsReq::from_bytes(&octets).unwrap();
    assert!(request.padata.as_deref().unwrap_or_default().is_empty());
    let body = request.body().unwrap();
    assert!(body.addresses.as_deref().unwrap_or_default().is_empty());
    assert!(
        body.additional_tickets
            .as_deref()
            .unwrap_or_default()
            .is_empty()
    );
}

#[test]
fn msg_07_flags_of_any_length() {
    let decode = |bits: &[u8]| from_der::<ApOptions>("APOptions", &tlv(3, bits)).map(|f| f.0);
    // The row's own example.
    assert_eq!(decode(&[0x06, 0x40]), Ok(0x4000_0000));
    let flags = TicketFlags(0x4000_0000);
    assert_eq!(
        to_der("flags", &flags).unwrap(),
        [0x03, 0x05, 0x00, 0x40, 0x00, 0x00, 0x00]
    );
    assert_eq!(decode(&[0x00]), Ok(0));
    assert_eq!(decode(&[0x00, 0x20, 0x00, 0x00, 0x00]), Ok(0x2000_0000));
    assert_eq!(decode(&[0x00, 0xff, 0xff, 0xff, 0xff]), Ok(u32::MAX));
    // Unused bits are no flags, even when they are set.
    assert_eq!(decode(&[0x06, 0x7f]), Ok(0x4000_0000));
    assert_eq!(decode(&[0x01, 0xff, 0xff, 0xff, 0xff]), Ok(0xffff_fffe));
    // Longer: the known bits count.
    assert_eq!(decode(&[0x00, 0x20, 0, 0, 0, 0xff]), Ok(0x2000_0000));
    assert_eq!(decode(&[0x07, 0x20, 0, 0, 1, 0x80]), Ok(0x2000_0001));
    // What is no BIT STRING.
    assert!(decode(&[]).is_err());
    assert!(decode(&[0x01]).is_err());
    assert!(decode(&[0x08, 0x40]).is_err());
    assert!(decode(&[0xff, 0x40]).is_err());
}

/// MSG-07: bit numbers, as the values that MIT's and Heimdal's headers and MS-KILE print.
#[test]
fn msg_07_the_flags_have_their_values() {
    assert_eq!(TicketFlags::FORWARDABLE.0, 0x4000_0000);
    assert_eq!(TicketFlags::FORWARDED.0, 0x2000_0000);
    assert_eq!(TicketFlags::PROXIABLE.0, 0x1000_0000);
    assert_eq!(TicketFlags::PROXY.0, 0x0800_0000);
    assert_eq!(TicketFlags::MAY_POSTDATE.0, 0x0400_0000);
    assert_eq!(TicketFlags::POSTDATED.0, 0x0200_0000);
    assert_eq!(TicketFlags::INVALID.0, 0x0100_0000);
    assert_eq!(TicketFlags::RENEWABLE.0, 0x0080_0000);
    assert_eq!(TicketFlags::INITIAL.0, 0x0040_0000);
    assert_eq!(TicketFlags::PRE_AUTHENT.0, 0x0020_0000);
    assert_eq!(TicketFlags::HW_AUTHENT.0, 0x0010_0000);
    assert_eq!(TicketFlags::TRANSITED_POLICY_CHECKED.0, 0x0008_0000);
    assert_eq!(TicketFlags::OK_AS_DELEGATE.0, 0x0004_0000);
    assert_eq!(TicketFlags::ENC_PA_REP.0, 0x0001_0000);
    assert_eq!(TicketFlags::ANONYMOUS.0, 0x0000_8000);
    assert_eq!(KdcOptions::CNAME_IN_ADDL_TKT.0, 0x0002_0000);
    assert_eq!(KdcOptions::CANONICALIZE.0, 0x0001_0000);
    assert_eq!(KdcOptions::REQUEST_ANONYMOUS.0, 0x0000_8000);
    assert_eq!(KdcOptions::DISABLE_TRANSITED_CHECK.0, 0x20);
    assert_eq!(KdcOptions::RENEWABLE_OK.0, 0x10);
    assert_eq!(KdcOptions::ENC_TKT_IN_SKEY.0, 0x08);
    assert_eq!(KdcOptions::RENEW.0, 0x02);
    assert_eq!(KdcOptions::VALIDATE.0, 0x01);
    assert_eq!(ApOptions::USE_SESSION_KEY.0, 0x4000_0000);
    assert_eq!(ApOptions::MUTUAL_REQUIRED.0, 0x2000_0000);
}

fn time(octets: &[u8]) -> Option<i64> {
    from_der::<KerberosTime>("KerberosTime", &tlv(0x18, octets))
        .ok()
        .map(KerberosTime::as_secs)
}

/// MSG-08, security case 112; the seconds are those of `date -u +%s`.
#[test]
fn msg_08_times_of_the_calendar() {
    for (octets, seconds) in [
        (&b"19700101000000Z"[..], 0),
        (b"20000229120000Z", 951_825_600),
        (b"20261122103107Z", 1_795_343_467),
        (b"20380119031407Z", 2_147_483_647),
        (b"20380119031408Z", 2_147_483_648),
        (b"20991231235959Z", 4_102_444_799),
        (b"21000228235959Z", 4_107_542_399),
        (b"21060207062816Z", 4_294_967_296),
        (b"99991231235959Z", 253_402_300_799),
    ] {
        assert_eq!(time(octets), Some(seconds), "{octets:?}");
        let encoded = to_der("time", &KerberosTime::from_secs(seconds)).unwrap();
        assert_eq!(encoded, tlv(0x18, octets));
    }
    for octets in [
        &b"20261122103107.5Z"[..],
        b"20261122103107.Z",
        b"20261122103107+0100",
        b"20261122103107z",
        b"202611221031071",
        b"20261122103107",
        b"2026112210310Z",
        b"202611221031Z",
        b"20261122103107Z ",
        b"20261122103107ZZ",
        b"261122103107Z",
        b"20260001000000Z",
        b"20261301000000Z",
        b"20260100000000Z",
        b"20260132000000Z",
        b"20260431000000Z",
        b"20260229000000Z",
        b"21000229000000Z",
        b"20261122240000Z",
        b"20261122106000Z",
        b"20261122103160Z",
        b"19691231235959Z",
        b"00000000000000Z",
        b"+0261122103107Z",
        b"2026112210310\xb2Z",
        b" 20261122103107",
        b"",
        b"Z",
    ] {
        assert_eq!(time(octets), None, "{octets:?}");
    }
    // UTCTime and a string are other types.
    for tag in [0x17, 0x1b, 0x04] {
        assert!(from_der::<KerberosTime>("", &tlv(tag, TIME)).is_err());
    }
}

#[test]
fn case_112_times_of_every_length() {
    for length in 0..100 {
        for fill in [b'0', b'1', b'2', b'Z', 0, 0xff] {
            let octets = vec![fill; length];
            assert_eq!(time(&octets), None);
            if length > 0 {
                let mut octets = octets;
                octets[length - 1] = b'Z';
                assert_eq!(time(&octets), None, "{octets:?}");
            }
        }
    }
}

#[test]
fn msg_09_and_case_124_microseconds_below_a_second() {
    let cusec = |octets: &[u8]| {
        let octets = ap_rep_part(TIME, octets, None);
        EncApRepPart::from_bytes(&octets)
            .map(|part| part.cusec.get())
            .ok()
    };
    assert_eq!(cusec(&[0]), Some(0));
    assert_eq!(cusec(&[0x0f, 0x42, 0x3f]), Some(999_999));
    assert_eq!(cusec(&[0x0f, 0x42, 0x40]), None);
    assert_eq!(cusec(&[0xff]), None);
    assert_eq!(cusec(&[0x7f, 0xff, 0xff, 0xff]), None);
    assert_eq!(Microseconds::new(1_000_000), None);
    for micros in [0, 1, 9, 10, 482_913, 999_999] {
        let value = Microseconds::new(micros).unwrap();
        let octets = to_der("usec", &value).unwrap();
        assert_eq!(from_der::<Microseconds>("usec", &octets), Ok(value));
        let moment = Timestamp::new(KerberosTime::from_secs(7), micros);
        assert_eq!(Microseconds::from(moment), value);
    }
}

#[test]
fn msg_10_integers_of_32_bits() {
    let int32 = |octets: &[u8]| from_der::<i32>("Int32", &integer(octets)).ok();
    assert_eq!(int32(&[0x7f, 0xff, 0xff, 0xff]), Some(i32::MAX));
    assert_eq!(int32(&[0x80, 0x00, 0x00, 0x00]), Some(i32::MIN));
    assert_eq!(int32(&[0x80]), Some(-128));
    assert_eq!(int32(&[0xff, 0x80]), None, "not minimal");
    assert_eq!(int32(&[0x00, 0x80, 0x00, 0x00, 0x00]), None);
    assert_eq!(int32(&[0xff, 0x7f, 0xff, 0xff, 0xff]), None);
    assert_eq!(int32(&[0x01; 9]), None);
    let uint32 = |octets: &[u8]| {
        from_der::<UInt32>("UInt32", &integer(octets))
            .map(|n| n.0)
            .ok()
    };
    assert_eq!(uint32(&[0]), Some(0));
    assert_eq!(uint32(&[0x7f, 0xff, 0xff, 0xff]), Some(0x7fff_ffff));
    assert_eq!(uint32(&[0x00, 0x80, 0x00, 0x00, 0x00]), Some(0x8000_0000));
    assert_eq!(uint32(&[0x00, 0xff, 0xff, 0xff, 0xff]), Some(u32::MAX));
    // 2^32 and beyond.
    assert_eq!(uint32(&[0x01, 0x00, 0x00, 0x00, 0x00]), None);
    assert_eq!(
        uint32(&[0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        None
    );
    assert_eq!(
        uint32(&[0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]),
        None
    );
    assert_eq!(uint32(&[0x01; 200]), None);
    // In a message it is refused as cleanly.
    let octets = ticket(b"R", &name(1, &[b"a"]), &encrypted(Some(&[1, 0, 0, 0, 0])));
    assert!(Ticket::from_bytes(&octets).is_err());
}

/// MSG-11, AP-59.
#[test]
fn msg_11_negative_numbers_of_the_same_pattern() {
    let uint32 = |octets: &[u8]| {
        from_der::<UInt32>("UInt32", &integer(octets))
            .map(|n| n.0)
            .ok()
    };
    assert_eq!(uint32(&[0xff]), Some(u32::MAX));
    assert_eq!(uint32(&[0x80]), Some(0xffff_ff80));
    assert_eq!(uint32(&[0x80, 0x00, 0x00, 0x00]), Some(0x8000_0000));
    assert_eq!(uint32(&[0xff, 0x7f, 0xff, 0xff, 0xff]), None);
    // A key version of a read-only domain controller, as Windows writes it.
    let octets = ticket(
        b"R",
        &name(2, &[b"krbtgt", b"R"]),
        &encrypted(Some(&[0x9a, 0xbc, 0x00, 0x01])),
    );
    let decoded = Ticket::from_bytes(&octets).unwrap();
    assert_eq!(decoded.enc_part.kvno, Some(UInt32(0x9abc_0001)));
    // What we send is never negative.
    assert_eq!(
        to_der("kvno", &UInt32(0x9abc_0001)).unwrap(),
        [0x02, 0x05, 0x00, 0x9a, 0xbc, 0x00, 0x01]
    );
    let octets = ap_rep_part(TIME, &[0], Some(&[0xff, 0xff, 0xff, 0xfe]));
    assert!(EncApRepPart::from_bytes(&octets).is_err(), "not minimal");
    let octets = ap_rep_part(TIME, &[0], Some(&[0xfe]));
    let part = EncApRepPart::from_bytes(&octets).unwrap();
    assert_eq!(part.seq_number, Some(UInt32(u32::MAX - 1)));
}

#[test]
fn msg_12_strings() {
    let string = |octets: &[u8]| {
        from_der::<KerberosString<'_>>("KerberosString", &general(octets)).map(|s| s.0.to_owned())
    };
    assert_eq!(string(b"EXAMPLE.COM").unwrap(), "EXAMPLE.COM");
    assert_eq!(string(b"").unwrap(), "");
    // UTF-8 is kept as it is, composed or not.
    assert_eq!(string("m\u{fc}ller".as_bytes()).unwrap(), "m\u{fc}ller");
    assert_eq!(string("mu\u{308}ller".as_bytes()).unwrap(), "mu\u{308}ller");
    let octets = ticket(
        b"R",
        &name(1, &["m\u{fc}ller".as_bytes()]),
        &encrypted(None),
    );
    assert_eq!(reencode("Ticket", &octets).unwrap(), octets);
    for nul in [&b"\0"[..], b"a\0", b"\0a", b"a\0b"] {
        assert!(string(nul).is_err());
        let octets = ticket(nul, &name(1, &[b"a"]), &encrypted(None));
        assert!(Ticket::from_bytes(&octets).is_err());
        let octets = ticket(b"R", &name(1, &[b"a", nul]), &encrypted(None));
        assert!(Ticket::from_bytes(&octets).is_err());
    }
    for octets in [&b"m\xfcller"[..], b"\xc0\x80", b"\xed\xa0\x80", b"\xff"] {
        assert!(string(octets).is_err(), "{octets:x?}");
    }
    // Another string type is another type.
    for tag in [0x0c, 0x16, 0x13, 0x04] {
        assert!(from_der::<KerberosString<'_>>("", &tlv(tag, b"R")).is_err());
    }
}

/// MSG-12: the NUL rule is for names. The text of an error may end in one, and what it says
/// otherwise must not be lost for it.
#[test]
fn msg_12_the_text_of_an_error_may_hold_a_nul() {
    let text = |octets: &[u8]| {
        from_der::<ErrorText<'_>>("e-text", &general(octets)).map(|s| s.0.to_owned())
    };
    assert_eq!(text(b"PREAUTH_FAILED\0").unwrap(), "PREAUTH_FAILED");
    assert_eq!(text(b"a\0b").unwrap(), "a");
    assert_eq!(text(b"m\xfcller").unwrap(), "m");
    assert_eq!(text(b"\xff").unwrap(), "");
    assert_eq!(text(b"").unwrap(), "");
    let octets = full("KRB-ERROR");
    let at = octets.windows(9).position(|w| w == b"some text").unwrap();
    let mut nul = octets;
    nul[at + 8] = 0;
    assert_eq!(
        KrbError::from_bytes(&nul).unwrap().e_text.unwrap().0,
        "some tex"
    );
}

/// MSG-13: the type has no `==`, so a comparison goes through [`Principal`].
#[test]
fn msg_13_name_types_are_hints() {
    let read = |name_type: u8, components: &[&[u8]]| {
        let octets = name(name_type, components);
        let name: PrincipalName<'_> = from_der("PrincipalName", &octets).unwrap();
        Principal::from_wire(&KerberosString("R"), &name).unwrap()
    };
    assert_eq!(read(1, &[b"a", b"b"]), read(3, &[b"a", b"b"]));
    assert_ne!(read(1, &[b"a", b"b"]), read(1, &[b"a", b"B"]));
    assert_ne!(read(1, &[b"a", b"b"]), read(1, &[b"a/b"]));
    assert_ne!(read(1, &[b"a", b"b"]), read(1, &[b"ab"]));
    assert_ne!(read(1, &[b"a"]), read(1, &[b"a", b""]));
    assert_ne!(read(1, &[b"a"]), read(1, &[b"aa"]));
}

/// MSG-14: the first tags, by hand from the ASN.1.
#[test]
fn msg_14_first_tags_that_surprise() {
    // PA-DATA [1] [2].
    let octets = sequence(&[&field(1, &integer(&[2])), &field(2, &tlv(4, b"x"))]);
    let padata: PaData<'_> = from_der("PA-DATA", &octets).unwrap();
    assert_eq!(padata.padata_type, PaDataType::ENC_TIMESTAMP);
    let zero = sequence(&[&field(0, &integer(&[2])), &field(1, &tlv(4, b"x"))]);
    assert!(from_der::<PaData<'_>>("PA-DATA", &zero).is_err());
    // KDC-REQ [1] [2] [3] [4].
    let body = full("KDC-REQ-BODY");
    let request = tlv(
        0x6c,
        &sequence(&[
            &field(1, &integer(&[5])),
            &field(2, &integer(&[12])),
            &field(3, &sequence(&[&octets])),
            &field(4, &body),
        ]),
    );
    assert!(TgsReq::from_bytes(&request).unwrap().body().is_ok());
    // KRB-PRIV [0] [1] [3], and nothing at [2].
    let sealed = encrypted(None);
    let priv_ = |number| {
        tlv(
            0x75,
            &sequence(&[
                &field(0, &integer(&[5])),
                &field(1, &integer(&[21])),
                &field(number, &sealed),
            ]),
        )
    };
    assert!(KrbPriv::from_bytes(&priv_(3)).is_ok());
    assert!(KrbPriv::from_bytes(&priv_(2)).is_err());
    // TYPED-DATA [0] [1], KERB-ERROR-DATA [1] [2].
    assert_eq!(full("TYPED-DATA-ELEMENT")[2], 0xa0);
    assert!(from_der::<TypedData<'_>>("", &zero).is_ok());
    assert!(from_der::<TypedData<'_>>("", &octets).is_err());
    assert!(from_der::<KerbErrorData<'_>>("", &octets).is_ok());
    assert!(from_der::<KerbErrorData<'_>>("", &zero).is_err());
}

#[test]
fn msg_15_e_data_by_its_first_tag() {
    let method_data = full("METHOD-DATA");
    let typed_data = full("TYPED-DATA");
    let kerb_error_data = full("KERB-ERROR-DATA");
    for code in [24, 25, 91, 60, 14] {
        let parse = |octets| ErrorData::parse(ErrorCode(code), octets);
        assert!(matches!(parse(&method_data), ErrorData::MethodData(all) if all.len() == 2));
        assert!(matches!(
            ErrorData::parse(ErrorCode(code), &kerb_error_data),
            ErrorData::KerbErrorData(data) if data.data_type == 3
        ));
        for opaque in [
            &b""[..],
            b"x",
            b"text",
            &[0x30, 0x00],
            &[0x30, 0x80],
            &[0x30, 0x03, 0xa1],
        ] {
            assert!(matches!(parse(opaque), ErrorData::Opaque(o) if o == opaque));
        }
    }
    let typed = ErrorData::parse(ErrorCode(65), &typed_data);
    assert!(matches!(typed, ErrorData::TypedData(all) if all.len() == 2));
    // Where it must be METHOD-DATA, TYPED-DATA is none of it.
    let typed = ErrorData::parse(ErrorCode::KDC_ERR_PREAUTH_REQUIRED, &typed_data);
    assert!(matches!(typed, ErrorData::Opaque(_)));
}

#[test]
fn msg_16_the_part_of_an_as_rep_may_carry_tag_26() {
    let as_part = full("EncASRepPart");
    let tgs_part = full("EncTGSRepPart");
    assert_eq!((as_part[0], tgs_part[0]), (0x79, 0x7a));
    assert_eq!(as_part[1..], tgs_part[1..]);
    assert!(EncAsRepPart::from_bytes(&as_part).is_ok());
    assert!(EncAsRepPart::from_bytes(&tgs_part).is_ok());
    assert!(EncTgsRepPart::from_bytes(&tgs_part).is_ok());
    assert!(EncTgsRepPart::from_bytes(&as_part).is_err());
    // Ours has its own.
    let part = EncAsRepPart::from_bytes(&tgs_part).unwrap();
    assert_eq!(EncAsRepPart::to_bytes(&part).unwrap(), as_part);
}

#[test]
fn msg_17_encrypted_pa_data_and_till_zero() {
    let octets = full("EncASRepPart");
    let part = EncAsRepPart::from_bytes(&octets).unwrap();
    assert_eq!(part.encrypted_pa_data.unwrap().len(), 2);
    let octets = tlv(0x18, b"19700101000000Z");
    let till: KerberosTime = from_der("till", &octets).unwrap();
    assert_eq!(till, KerberosTime::EPOCH);
    assert_eq!(to_der("till", &KerberosTime::EPOCH).unwrap(), octets);
}

#[test]
fn msg_18_absent_and_empty_salts_are_told_apart() {
    let entry = |salt: Option<&[u8]>| {
        let salt = salt.map(|s| field(1, &general(s))).unwrap_or_default();
        sequence(&[&field(0, &integer(&[18])), &salt])
    };
    let octets = entry(None);
    let absent: EtypeInfo2Entry<'_> = from_der("", &octets).unwrap();
    assert!(absent.salt.is_none() && absent.s2kparams.is_none());
    let octets = entry(Some(b""));
    let empty: EtypeInfo2Entry<'_> = from_der("", &octets).unwrap();
    assert_eq!(empty.salt, Some(KerberosString("")));
    // The default salt of RFC 3962's test vectors: realm and components, nothing between.
    let name = Principal::parse("raeburn@ATHENA.MIT.EDU", None).unwrap();
    assert_eq!(name.default_salt(), "ATHENA.MIT.EDUraeburn");
    let host = Principal::parse("host/a.example@R", None).unwrap();
    assert_eq!(host.default_salt(), "Rhosta.example");
}

/// MSG-19: one entry or more is a matter of the exchange; both decode.
#[test]
fn msg_19_etype_info2_of_one_and_of_two() {
    let one = full("ETYPE-INFO2-ENTRY");
    for count in [1, 2] {
        let entries = vec![one.as_slice(); count];
        let octets = sequence(&entries);
        let info: Vec<EtypeInfo2Entry<'_>> = from_der("ETYPE-INFO2", &octets).unwrap();
        assert_eq!(info.len(), count);
    }
}

/// MSG-20: none of the enctypes here pads, so octets behind the value are an error.
#[test]
fn msg_20_no_octets_behind_a_decrypted_value() {
    for name in [
        "EncTicketPart",
        "Authenticator",
        "EncAPRepPart",
        "EncKrbPrivPart",
        "EncASRepPart",
    ] {
        let octets = full(name);
        for padding in [&[0][..], &[0; 7], &[0; 16], &[8; 8]] {
            let mut padded = octets.clone();
            padded.extend(padding);
            assert!(reencode(name, &padded).is_err(), "{name}");
        }
    }
}

/// MSG-21, AP-01: what is inside a raw part is nobody's business but its reader's.
#[test]
fn msg_21_raw_parts_stay_as_they_came() {
    // A ticket with a length that is longer than it need be, inside.
    let odd = tlv(0x61, &[0x30, 0x81, 0x03, 0x02, 0x01, 0x05]);
    let authenticator = encrypted(None);
    let octets = tlv(
        0x6e,
        &sequence(&[
            &field(0, &integer(&[5])),
            &field(1, &integer(&[14])),
            &field(2, &[3, 5, 0, 0, 0, 0, 0]),
            &field(3, &odd),
            &field(4, &authenticator),
        ]),
    );
    let request = ApReq::from_bytes(&octets).unwrap();
    assert_eq!(request.ticket.as_bytes(), odd);
    assert_eq!(request.to_bytes().unwrap(), octets);
    assert!(Ticket::from_bytes(request.ticket.as_bytes()).is_err());
    // A body whose inner encoding is not minimal is kept for the checksum over it.
    let body = sequence(&[&[0xa0, 0x81, 0x07, 3, 5, 0, 0, 0, 0, 0]]);
    let octets = tlv(
        0x6a,
        &sequence(&[
            &field(1, &integer(&[5])),
            &field(2, &integer(&[10])),
            &field(4, &body),
        ]),
    );
    let request = AsReq::from_bytes(&octets).unwrap();
    assert_eq!(request.req_body.as_bytes(), body);
    assert!(request.body().is_err());
    assert_eq!(Raw::new(&odd).unwrap().as_bytes(), odd);
    assert!(
        Raw::new(&[0x30, 0x81, 0x01, 0x00]).is_err(),
        "its own header is DER"
    );
}

#[test]
fn msg_22_kvno_may_be_absent() {
    let octets = ticket(b"R", &name(1, &[b"a"]), &encrypted(None));
    assert_eq!(Ticket::from_bytes(&octets).unwrap().enc_part.kvno, None);
    let octets = ticket(b"R", &name(1, &[b"a"]), &encrypted(Some(&[0])));
    assert_eq!(
        Ticket::from_bytes(&octets).unwrap().enc_part.kvno,
        Some(UInt32(0))
    );
}

/// MSG-23: only types with an extension marker ignore unknown fields; RFC 4120 has none, and the
/// rule of its types is the opposite one.
#[test]
fn msg_23_types_without_a_marker_take_no_unknown_fields() {
    for sample in samples() {
        if sample.what != "every field" || sample.der[0] != 0x30 || sample.der[2] == 0x30 {
            continue;
        }
        let mut inner = sample.der[sample.der.len() - usize::from(length(&sample.der))..].to_vec();
        inner.extend(field(30, &[5, 0]));
        let octets = tlv(0x30, &inner);
        assert!(reencode(&sample.name, &octets).is_err(), "{}", sample.name);
    }
}

/// The length of the first element's contents.
fn length(octets: &[u8]) -> u16 {
    match octets[1] {
        0x81 => u16::from(octets[2]),
        0x82 => u16::from_be_bytes([octets[2], octets[3]]),
        short => u16::from(short),
    }
}

#[test]
fn msg_24_depth_and_count_are_bounded() {
    let strings = |count: usize| {
        let components = general(b"").repeat(count);
        sequence(&[
            &field(0, &integer(&[1])),
            &field(1, &tlv(0x30, &components)),
        ])
    };
    let octets = strings(MAX_ELEMENTS);
    let name: PrincipalName<'_> = from_der("PrincipalName", &octets).unwrap();
    assert_eq!(name.name_string.len(), MAX_ELEMENTS);
    let octets = strings(MAX_ELEMENTS + 1);
    let error = from_der::<PrincipalName<'_>>("PrincipalName", &octets).unwrap_err();
    assert_eq!(error.why, "too many elements");
    assert_eq!(
        error.at,
        octets.len() - 2,
        "the element that is one too many"
    );
    // Inside a message as well.
    let octets = ticket(b"R", &strings(MAX_ELEMENTS + 1), &encrypted(None));
    assert_eq!(
        Ticket::from_bytes(&octets).unwrap_err().why,
        "too many elements"
    );
    let etypes = integer(&[18]).repeat(MAX_ELEMENTS + 1);
    assert!(from_der::<Vec<i32>>("etype", &tlv(0x30, &etypes)).is_err());

    let nested = |depth: usize| (0..depth).fold(vec![], |inner, _| tlv(0x30, &inner));
    let error = from_der::<Raw<'_>>("x", &nested(MAX_DEPTH + 1)).unwrap_err();
    assert_eq!(error.why, "nested too deeply");
    assert!(from_der::<Raw<'_>>("x", &nested(MAX_DEPTH)).is_ok());
    // The row's test.
    assert!(from_der::<Raw<'_>>("x", &nested(100)).is_err());
    // A hundred IF-RELEVANTs, each an OCTET STRING in the next: each layer is its own decoding.
    let mut layer = vec![];
    for _ in 0..100 {
        let element = sequence(&[&field(0, &integer(&[1])), &field(1, &tlv(4, &layer))]);
        layer = sequence(&[&element]);
    }
    let outer: AuthorizationData<'_> = from_der("AuthorizationData", &layer).unwrap();
    assert_eq!(outer.len(), 1);
}

/// MSG-24: no message of others comes near the bounds.
#[test]
fn msg_24_the_deepest_message_fits() {
    fn depth(octets: &[u8]) -> usize {
        let mut deepest = 0;
        let mut rest = octets;
        while rest.len() >= 2 {
            let (at, len) = match rest[1] {
                0x81 => (3, usize::from(rest[2])),
                0x82 => (4, usize::from(rest[2]) << 8 | usize::from(rest[3])),
                short => (2, usize::from(short)),
            };
            let inner = &rest[at..at + len];
            let below = if rest[0] & 0x20 != 0 { depth(inner) } else { 0 };
            deepest = deepest.max(1 + below);
            rest = &rest[at + len..];
        }
        deepest
    }
    let deepest = samples().iter().map(|s| depth(&s.der)).max().unwrap();
    assert_eq!(deepest, 13, "a name in a ticket in the body of a TGS-REQ");
    assert!(deepest * 2 < MAX_DEPTH);
}

/// MSG-25: the three styles of realm names keep their text.
#[test]
fn msg_25_realm_styles() {
    for (text, realm, shown) in [
        ("a@ATHENA.MIT.EDU", "ATHENA.MIT.EDU", "a@ATHENA.MIT.EDU"),
        ("a@C=US/O=OSF", "C=US/O=OSF", r"a@C=US\/O=OSF"),
        (
            "a@NAMETYPE:rest/of.name=x",
            "NAMETYPE:rest/of.name=x",
            r"a@NAMETYPE:rest\/of.name=x",
        ),
        (
            "a@WELLKNOWN:ANONYMOUS",
            "WELLKNOWN:ANONYMOUS",
            "a@WELLKNOWN:ANONYMOUS",
        ),
    ] {
        let principal = Principal::parse(text, None).unwrap();
        assert_eq!(principal.realm(), realm);
        assert_eq!(principal.to_string(), shown);
        assert_eq!(Principal::parse(shown, None).unwrap(), principal);
        let octets = ticket(realm.as_bytes(), &name(1, &[b"a"]), &encrypted(None));
        let decoded = Ticket::from_bytes(&octets).unwrap();
        let again = Principal::from_wire(&decoded.realm, &decoded.sname).unwrap();
        assert_eq!(again, principal);
    }
    assert_eq!(
        Principal::from_wire(
            &KerberosString(""),
            &PrincipalName {
                name_type: NameType::UNKNOWN,
                name_string: vec![KerberosString("a")]
            }
        ),
        Err(NameError::EmptyRealm)
    );
}

#[test]
fn malformed_says_what_was_expected_in_the_standards_words() {
    let error = |name: &str| reencode(name, &[0x60, 0x02, 0x30, 0x00]).unwrap_err();
    for name in [
        "Ticket",
        "AP-REQ",
        "AP-REP",
        "AS-REQ",
        "AS-REP",
        "TGS-REQ",
        "TGS-REP",
        "KRB-SAFE",
        "KRB-PRIV",
        "KRB-CRED",
        "KRB-ERROR",
        "Authenticator",
        "EncTicketPart",
        "EncASRepPart",
        "EncTGSRepPart",
        "EncAPRepPart",
        "EncKrbPrivPart",
        "EncKrbCredPart",
    ] {
        assert_eq!(error(name).what, name);
    }
}
