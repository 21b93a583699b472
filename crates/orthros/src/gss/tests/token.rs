use crate::error::{Error, Rejection};
use crate::gss::Role;
use crate::gss::status::MajorStatus;
use crate::gss::token::*;

const RECORDED: [&[u8]; 4] = [
    include_bytes!("../../../../../vectors/pac/ad.example.test/alice-web/gss.i1.bin"),
    include_bytes!("../../../../../vectors/pac/ad.example.test/alice-web/gss.a1.bin"),
    include_bytes!("../../../../../vectors/pac/ad.example.test/alice-aes128/gss.i1.bin"),
    include_bytes!("../../../../../vectors/pac/ad.example.test/alice-aes128/gss.a1.bin"),
];

fn major(error: &Error) -> MajorStatus {
    error.gss_major(Role::Acceptor)
}

#[test]
fn gss_01_recorded_tokens() {
    for token in RECORDED {
        let (id, message) = unframe(token).unwrap();
        let first = match id {
            TokenId::AP_REQ => 0x6E,
            TokenId::AP_REP => 0x6F,
            other => panic!("{other}"),
        };
        assert_eq!(message[0], first);
        assert_eq!(frame(id, message), token);
    }
}

#[test]
fn gss_01_lengths() {
    // The inner length is 13 more than the message's.
    for (inner, octets) in [
        (13usize, vec![13u8]),
        (127, vec![0x7F]),
        (128, vec![0x81, 0x80]),
        (255, vec![0x81, 0xFF]),
        (256, vec![0x82, 1, 0]),
        (65535, vec![0x82, 0xFF, 0xFF]),
        (65536, vec![0x83, 1, 0, 0]),
    ] {
        let message = vec![7; inner - 13];
        let token = frame(TokenId::AP_REP, &message);
        assert_eq!(token[1..1 + octets.len()], octets[..]);
        assert_eq!(token.len(), 1 + octets.len() + inner);
        assert_eq!(unframe(&token).unwrap(), (TokenId::AP_REP, &message[..]));
    }
}

#[test]
fn gss_01_lengths_that_are_not_minimal() {
    let token = frame(TokenId::AP_REQ, b"abc");
    for length in [
        &[0x80][..],
        &[0x81, 16],
        &[0x82, 0, 16],
        &[0x84, 0, 0, 0, 16],
        &[0x85, 0, 0, 0, 0, 16],
        &[0xFF],
    ] {
        let other = [&[0x60], length, &token[2..]].concat();
        let error = unframe(&other).unwrap_err();
        assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN, "{length:x?}");
    }
    let long = frame(TokenId::AP_REQ, &[0; 200]);
    let other = [&[0x60, 0x82, 0], &long[2..]].concat();
    assert!(unframe(&other).is_err());
    // The OID's own length.
    let other = [&[0x60, 17, 0x06, 0x81, 9], &token[4..]].concat();
    assert!(unframe(&other).is_err());
}

#[test]
fn case_034_length_off_by_one_and_two() {
    for token in RECORDED.iter().copied().map(<[u8]>::to_vec).chain([
        frame(TokenId::AP_REQ, b""),
        frame(TokenId::KRB_ERROR, &[1; 113]),
        frame(TokenId::AP_REP, &[1; 114]),
    ]) {
        let last = match token[1] {
            0x82 => 3,
            0x81 => 2,
            _ => 1,
        };
        for off in [-2i8, -1, 1, 2] {
            let mut other = token.clone();
            other[last] = other[last].wrapping_add_signed(off);
            let error = unframe(&other).unwrap_err();
            assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
        }
        for len in 0..token.len() {
            let error = unframe(&token[..len]).unwrap_err();
            assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
        }
        for more in 1..=3 {
            let mut other = token.clone();
            other.resize(token.len() + more, 0);
            assert!(unframe(&other).is_err());
        }
    }
}

#[test]
fn case_050_short_framing() {
    // Every length form, in every length of token.
    for len in 1..=32usize {
        for form in 0..=255u8 {
            let mut token = vec![0; len];
            token[0] = 0x60;
            if len > 1 {
                token[1] = form;
            }
            assert!(unframe(&token).is_err());
            for (to, from) in token.iter_mut().skip(2).zip(KRB5_OID) {
                *to = from;
            }
            assert_eq!(
                unframe(&token).is_ok(),
                len >= 15 && usize::from(form) == len - 2
            );
        }
    }
}

#[test]
fn gss_04_other_mechanisms() {
    let spnego = [&[0x60, 10, 0x06, 6, 0x2B, 6, 1, 5, 5, 2][..], &[0xA0, 0x00]].concat();
    match unframe(&spnego).unwrap_err() {
        Error::Rejected(rejection) => match *rejection {
            Rejection::Mechanism { oid } => assert_eq!(oid, "1.3.6.1.5.5.2"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert_eq!(major(&unframe(&spnego).unwrap_err()), MajorStatus::BAD_MECH);

    let token = frame(TokenId::AP_REQ, b"x");
    for at in 4..13 {
        for bit in 0..8 {
            let mut other = token.clone();
            other[at] ^= 1 << bit;
            assert_eq!(major(&unframe(&other).unwrap_err()), MajorStatus::BAD_MECH);
        }
    }
    // An OID that ends early or late.
    for len in [0u8, 1, 8, 10, 12, 13, 14, 127, 128, 255] {
        let mut other = token.clone();
        other[3] = len;
        assert!(unframe(&other).is_err());
    }
}

#[test]
fn gss_04_microsofts_oid_in_spnego_only() {
    let mut token = frame(TokenId::AP_REQ, b"x");
    token[2..13].copy_from_slice(&MICROSOFT_OID);
    match unframe(&token).unwrap_err() {
        Error::Rejected(rejection) => match *rejection {
            Rejection::Mechanism { oid } => assert_eq!(oid, "1.2.840.48018.1.2.2"),
            other => panic!("{other:?}"),
        },
        other => panic!("{other:?}"),
    }
    assert_eq!(
        unframe_in_spnego(&token).unwrap(),
        (TokenId::AP_REQ, &b"x"[..])
    );
    assert!(unframe_in_spnego(&frame(TokenId::AP_REQ, b"x")).is_ok());
}

#[test]
fn gss_02_names() {
    assert_eq!(TokenId::AP_REQ.to_string(), "AP-REQ");
    assert_eq!(TokenId(0x01FF).to_string(), "TOK_ID 01 FF");
    for id in [
        0x0100, 0x0200, 0x0300, 0x0404, 0x0504, 0x0101, 0x0102, 0x0201, 0x0501,
    ] {
        assert!(TokenId(id).name().is_some());
    }
}
