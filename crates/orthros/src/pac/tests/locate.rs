//! Finding the PAC in authorization data.

use super::{alice, case};
use crate::pac::{MAX_NESTING, PacError, locate};
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    AdType, AuthorizationData, AuthorizationDataElement, EncTicketPart, ErrorCode, Message,
    OctetString,
};

fn encode(elements: &[(AdType, &[u8])]) -> Vec<u8> {
    let elements: AuthorizationData<'_> = elements
        .iter()
        .map(|(ad_type, ad_data)| AuthorizationDataElement {
            ad_type: *ad_type,
            ad_data: OctetString(ad_data),
        })
        .collect();
    to_der("AuthorizationData", &elements).unwrap()
}

fn located(octets: &[u8]) -> Result<Option<Vec<u8>>, PacError> {
    let elements: AuthorizationData<'_> = from_der("AuthorizationData", octets).unwrap();
    locate(&elements).map(|found| found.map(<[u8]>::to_vec))
}

const IF_RELEVANT: AdType = AdType::IF_RELEVANT;
const PAC: AdType = AdType::WIN2K_PAC;
const OTHER: AdType = AdType(9999);

#[test]
fn pac_01_the_one_pac_within_if_relevant() {
    let container = encode(&[(OTHER, b"x"), (PAC, b"pac")]);
    let other = encode(&[(OTHER, b"x")]);
    let found = Ok(Some(b"pac".to_vec()));
    assert_eq!(located(&encode(&[(IF_RELEVANT, &container)])), found);
    assert_eq!(
        located(&encode(&[
            (OTHER, &container),
            (IF_RELEVANT, &other),
            (IF_RELEVANT, &container),
        ])),
        found
    );
    // Not at the top, where it would be critical, and not within anything else.
    for elsewhere in [
        encode(&[(PAC, b"pac")]),
        encode(&[(AdType(4), &container)]),
        encode(&[(AdType(5), &container)]),
        encode(&[(OTHER, &container)]),
        encode(&[(IF_RELEVANT, &other)]),
        encode(&[(IF_RELEVANT, &encode(&[]))]),
        encode(&[]),
    ] {
        assert_eq!(located(&elsewhere), Ok(None));
    }
    assert_eq!(locate(&[]), Ok(None));
}

#[test]
fn pac_01_two_pacs() {
    let one = encode(&[(PAC, b"pac")]);
    let two = encode(&[(PAC, b"pac"), (PAC, b"pac")]);
    let deep = encode(&[(IF_RELEVANT, &one)]);
    for both in [
        encode(&[(IF_RELEVANT, &two)]),
        encode(&[(IF_RELEVANT, &one), (IF_RELEVANT, &one)]),
        encode(&[(IF_RELEVANT, &one), (IF_RELEVANT, &deep)]),
        encode(&[(IF_RELEVANT, &deep), (IF_RELEVANT, &one)]),
    ] {
        let error = located(&both).unwrap_err();
        assert_eq!(error, PacError::TwoPacs);
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
}

#[test]
fn pac_01_a_container_of_something_else() {
    for contents in [&b""[..], b"\x30\x03\x01", b"\x04\x00", b"\x30\x80\x00\x00"] {
        let error = located(&encode(&[(IF_RELEVANT, contents)])).unwrap_err();
        assert!(matches!(error, PacError::AuthorizationData(_)));
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
}

/// The authorization data with the PAC within `depth` times AD-IF-RELEVANT.
fn nested(depth: usize) -> Vec<u8> {
    let mut octets = encode(&[(PAC, b"pac")]);
    for _ in 0..depth {
        octets = encode(&[(IF_RELEVANT, &octets)]);
    }
    octets
}

#[test]
fn case_022_nesting() {
    for depth in 1..=MAX_NESTING {
        assert_eq!(
            located(&nested(depth)),
            Ok(Some(b"pac".to_vec())),
            "{depth}"
        );
    }
    for depth in MAX_NESTING + 1..MAX_NESTING + 4 {
        let error = located(&nested(depth)).unwrap_err();
        assert_eq!(error, PacError::Nesting, "{depth}");
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
}

/// 100 000 deep: refused after [`MAX_NESTING`] steps, with a stack of 64 KiB.
#[test]
fn case_022_deep_nesting_grows_no_stack() {
    // Written from the inside to the outside, so that it takes no quadratic time to make.
    let mut reversed: Vec<u8> = Vec::new();
    let length = |reversed: &mut Vec<u8>, length: usize| {
        if length < 128 {
            reversed.push(length as u8);
        } else {
            let octets = length.to_be_bytes();
            let significant: Vec<u8> = octets.into_iter().skip_while(|o| *o == 0).collect();
            reversed.extend(significant.iter().rev());
            reversed.push(0x80 | significant.len() as u8);
        }
    };
    for _ in 0..100_000 {
        let octets = reversed.len();
        length(&mut reversed, octets);
        reversed.push(4);
        let octet_string = reversed.len();
        length(&mut reversed, octet_string);
        reversed.push(0xA1);
        reversed.extend([1, 1, 2, 3, 0xA0]);
        let element = reversed.len();
        length(&mut reversed, element);
        reversed.push(0x30);
        let all = reversed.len();
        length(&mut reversed, all);
        reversed.push(0x30);
    }
    reversed.reverse();
    let octets = reversed;
    let verdict = std::thread::Builder::new()
        .stack_size(64 * 1024)
        .spawn(move || located(&octets))
        .unwrap()
        .join()
        .unwrap();
    assert_eq!(verdict, Err(PacError::Nesting));
}

/// Security case 62: what a client can write is not looked at. The authenticator's authorization
/// data and enc-authorization-data never come here; a PAC that a client put into a ticket's
/// AD-AND-OR or bare is none.
#[test]
fn case_062_pac_from_outside_of_the_ticket() {
    let case = case("ad.example.test/alice-no-pac");
    let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    let elements = part.authorization_data.as_deref().unwrap_or_default();
    assert_eq!(locate(elements), Ok(None));
}

/// Replacing a PAC leaves everything else octet for octet.
#[test]
fn pac_12_the_ticket_with_its_pac_replaced() {
    let case = alice();
    let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    let same = super::super::locate::replace(&part, case.octets()).unwrap();
    assert_eq!(same.unwrap().expose(), case.enc_ticket_part);
    let short = super::super::locate::replace(&part, &[0]).unwrap().unwrap();
    let short = EncTicketPart::from_bytes(short.expose()).unwrap();
    let found = locate(short.authorization_data.as_deref().unwrap()).unwrap();
    assert_eq!(found, Some(&[0][..]));
    // At every depth.
    for depth in 1..=MAX_NESTING + 1 {
        let octets = nested(depth);
        let mut deep = part.clone();
        deep.authorization_data = Some(from_der("AuthorizationData", &octets).unwrap());
        let replaced = super::super::locate::replace(&deep, b"new");
        if depth > MAX_NESTING {
            assert!(matches!(replaced, Err(PacError::Nesting)));
            continue;
        }
        let replaced = replaced.unwrap().unwrap();
        let replaced = EncTicketPart::from_bytes(replaced.expose()).unwrap();
        let found = locate(replaced.authorization_data.as_deref().unwrap()).unwrap();
        assert_eq!(found, Some(&b"new"[..]));
    }
}
