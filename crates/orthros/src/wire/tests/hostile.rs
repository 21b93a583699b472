//! What a hostile peer may send: nothing panics, hangs, or takes much more memory than it has
//! octets.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::*;

/// The names of all types, once each.
fn types() -> Vec<String> {
    let mut names: Vec<String> = samples().into_iter().map(|sample| sample.name).collect();
    names.dedup();
    assert_eq!(names.len(), 35);
    names
}

/// Family "truncate": every prefix of every message is refused.
#[test]
fn every_prefix_is_refused() {
    for name in types() {
        let octets = full(&name);
        for length in 0..octets.len() {
            assert!(
                reencode(&name, &octets[..length]).is_err(),
                "{name} {length}"
            );
        }
    }
}

/// Family "truncate/extend": every length octet, wherever it stands, one and two off and at its
/// ends. Most are refused; none does harm; and what is taken has one form of ours.
#[test]
fn case_112_every_length_octet_off_its_mark() {
    for name in types() {
        let octets = full(&name);
        for at in 0..octets.len() {
            for change in [
                octets[at].wrapping_add(1),
                octets[at].wrapping_sub(1),
                octets[at].wrapping_add(2),
                octets[at].wrapping_sub(2),
                0,
                1,
                0x7f,
                0x80,
                0x84,
                0xff,
            ] {
                let mut changed = octets.clone();
                changed[at] = change;
                // Flags, negative numbers and the text of an error have more than one form; what
                // we make of them has one.
                if let Ok(again) = reencode(&name, &changed) {
                    assert_eq!(reencode(&name, &again), Ok(again), "{name} {at}");
                }
            }
        }
    }
}

/// Family "bit-flip".
#[test]
fn every_bit_flipped() {
    for name in types() {
        let octets = full(&name);
        for at in 0..octets.len() * 8 {
            let mut changed = octets.clone();
            changed[at / 8] ^= 1 << (at % 8);
            let _ = reencode(&name, &changed);
        }
    }
}

/// Security cases 109 and 110, with the tags of every type: deep nesting with definite and with
/// indefinite lengths, a megabyte of it.
#[test]
fn case_109_and_110_a_megabyte_of_nesting() {
    const MEGABYTE: usize = 1 << 20;
    let mut hostile: Vec<Vec<u8>> = [
        &[0x30, 0x80][..],
        &[0xa0, 0x80],
        &[0x60, 0x80],
        &[0x24, 0x80],
        &[0x7f, 0x1f],
        &[0x30, 0x84],
        &[0x30, 0x7f],
        &[0xff],
        &[0x00],
    ]
    .iter()
    .map(|unit| unit.repeat(MEGABYTE / unit.len()))
    .collect();
    // Definite lengths that are right, as deep as a megabyte goes.
    let mut deep = Vec::with_capacity(MEGABYTE);
    let mut left = MEGABYTE;
    while left > 10 {
        left -= 6;
        deep.extend([0x30, 0x84]);
        deep.extend((left as u32).to_be_bytes());
    }
    deep.resize(MEGABYTE, 0);
    hostile.push(deep);
    for name in types() {
        let tag = full(&name)[0];
        for octets in &hostile {
            assert!(reencode(&name, octets).is_err(), "{name}");
            let wrapped = tlv(tag, octets);
            assert!(reencode(&name, &wrapped[..wrapped.len().min(MEGABYTE)]).is_err());
            let inside = tlv(tag, &tlv(0x30, &octets[..MEGABYTE / 2]));
            assert!(reencode(&name, &inside).is_err(), "{name}");
        }
    }
}

/// Security case 113: what costs most to refuse is linear in its length.
#[test]
fn case_113_every_step_consumes_input() {
    for unit in [
        &[0x1b, 0x00][..],
        &[0x02, 0x01, 0x05],
        &[0x30, 0x00],
        &[0xa0, 0x02, 0x05, 0x00],
    ] {
        let inner = unit.repeat((1 << 20) / unit.len());
        for name in types() {
            let octets = tlv(full(&name)[0], &tlv(0x30, &inner));
            let start = Instant::now();
            assert!(reencode(&name, &octets).is_err());
            assert!(start.elapsed() < Duration::from_secs(2), "{name}");
        }
    }
}

/// How many octets a list takes for each octet that made it (security case 66's bound, for the
/// elements that are smallest on the wire).
fn multiple<T>(list: &Vec<T>, octets: &[u8]) -> usize {
    list.capacity() * size_of::<T>() / octets.len()
}

#[test]
fn msg_24_lists_stay_a_small_multiple_of_their_octets() {
    const BOUND: usize = 32;
    let list = |element: &[u8]| tlv(0x30, &element.repeat(MAX_ELEMENTS));
    let two = |first: u8| sequence(&[&field(first, &[2, 1, 0]), &field(first + 1, &[4, 0])]);

    let octets = list(&[0x1b, 0x00]);
    let names: Vec<KerberosString<'_>> = from_der("names", &octets).unwrap();
    assert!(multiple(&names, &octets) <= BOUND);
    let octets = list(&[0x02, 0x01, 0x00]);
    let etypes: Vec<i32> = from_der("etype", &octets).unwrap();
    assert!(multiple(&etypes, &octets) <= BOUND);
    let octets = list(&[0x05, 0x00]);
    let raw: Vec<Raw<'_>> = from_der("tickets", &octets).unwrap();
    assert!(multiple(&raw, &octets) <= BOUND);
    let octets = list(&two(1));
    let padata: Vec<PaData<'_>> = from_der("METHOD-DATA", &octets).unwrap();
    assert!(multiple(&padata, &octets) <= BOUND);
    let octets = list(&two(0));
    let data: AuthorizationData<'_> = from_der("AuthorizationData", &octets).unwrap();
    assert!(multiple(&data, &octets) <= BOUND);
    let addresses: Vec<HostAddress<'_>> = from_der("HostAddresses", &octets).unwrap();
    assert!(multiple(&addresses, &octets) <= BOUND);
    let octets = list(&sequence(&[&field(0, &[2, 1, 0])]));
    let entries: Vec<EtypeInfo2Entry<'_>> = from_der("ETYPE-INFO2", &octets).unwrap();
    assert!(multiple(&entries, &octets) <= BOUND);
    let typed: Vec<TypedData<'_>> = from_der("TYPED-DATA", &octets).unwrap();
    assert!(multiple(&typed, &octets) <= BOUND);
    let key = sequence(&[&field(0, &[2, 1, 0]), &field(1, &[4, 0])]);
    let octets = list(&sequence(&[&field(0, &key)]));
    let infos: Vec<KrbCredInfo<'_>> = from_der("ticket-info", &octets).unwrap();
    assert!(multiple(&infos, &octets) <= BOUND);
}

#[test]
fn debug_shows_no_key_and_no_cipher_text() {
    for name in [
        "EncTicketPart",
        "Authenticator",
        "EncAPRepPart",
        "EncASRepPart",
        "EncKrbCredPart",
    ] {
        let octets = full(name);
        let text = match name {
            "EncTicketPart" => format!("{:?}", EncTicketPart::from_bytes(&octets).unwrap()),
            "Authenticator" => format!("{:?}", Authenticator::from_bytes(&octets).unwrap()),
            "EncAPRepPart" => format!("{:?}", EncApRepPart::from_bytes(&octets).unwrap()),
            "EncASRepPart" => format!("{:?}", EncAsRepPart::from_bytes(&octets).unwrap()),
            _ => format!("{:?}", EncKrbCredPart::from_bytes(&octets).unwrap()),
        };
        assert!(text.contains("hidden"), "{text}");
        // The key is 00 01 02 ..: neither as numbers nor as hex.
        for run in ["4, 5, 6, 7", "04050607", "4,5,6,7", "\\x04\\x05"] {
            assert!(!text.contains(run), "{text}");
        }
    }
}

proptest! {
    #[test]
    fn arbitrary_octets_do_no_harm(octets in prop::collection::vec(any::<u8>(), 0..200)) {
        for name in types() {
            if let Ok(again) = reencode(&name, &octets) {
                prop_assert!(again.len() <= octets.len() + 64);
            }
        }
    }

    /// A sample, with octets overwritten, removed and put in.
    #[test]
    fn damaged_messages_do_no_harm(
        which in 0usize..191,
        at in any::<prop::sample::Index>(),
        new in prop::collection::vec(any::<u8>(), 0..8),
        removed in 0usize..8,
    ) {
        let sample = &samples()[which];
        let at = at.index(sample.der.len());
        let end = (at + removed).min(sample.der.len());
        let mut octets = sample.der.clone();
        octets.splice(at..end, new);
        for name in [sample.name.as_str(), "AP-REQ", "KRB-ERROR", "METHOD-DATA"] {
            if let Ok(again) = reencode(name, &octets) {
                prop_assert_eq!(&reencode(name, &again).unwrap(), &again);
            }
        }
    }

    #[test]
    fn e_data_is_always_something(code: i32, octets: Vec<u8>) {
        let _ = ErrorData::parse(ErrorCode(code), &octets);
        let mut sequence = vec![0x30];
        sequence.extend(octets);
        let _ = ErrorData::parse(ErrorCode(code), &sequence);
    }
}
