//! Wrap and MIC tokens. The first octet picks the key, the second says what the others are: a token
//! as it comes, or what somebody with the key has sealed or signed.
#![no_main]

use std::sync::Arc;

use libfuzzer_sys::fuzz_target;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::gss::{MessageKeys, Protection, Receiver, Role, Sender, SequenceStatus, Window};
use orthros_fuzz::recorded::aes256;
use orthros_fuzz::{Repeating, bounded, key, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A Wrap token, or the MIC token of an empty message.
    Token,
    /// A header, and the plaintext behind it: sealed.
    Sealed,
    /// A header, and the message behind it: signed.
    Signed,
    /// A message, to be wrapped, changed and unwrapped.
    Message,
    /// Sequence numbers, eight octets each.
    Numbers,
}

const INPUTS: [Input; 5] = [
    Input::Token,
    Input::Sealed,
    Input::Signed,
    Input::Message,
    Input::Numbers,
];

/// The keys of a recorded context, and one more.
fn keys() -> [(Key, Option<Key>); 5] {
    let sha1 = Enctype::AES256_CTS_HMAC_SHA1_96;
    [
        (
            aes256("a06c1d6525e15f0bb24bcd57c13653592d4eb8e47d1213a69439ebf699ffbd89"),
            Some(aes256(
                "31c4e54cd8902e47faa32f27aa01098013d5fc01262b25bcf30f5f8315ce3cde",
            )),
        ),
        (key(Enctype::AES128_CTS_HMAC_SHA1_96), None),
        (key(Enctype::AES128_CTS_HMAC_SHA256_128), None),
        (
            key(Enctype::AES256_CTS_HMAC_SHA384_192),
            Some(key(Enctype::AES128_CTS_HMAC_SHA256_128)),
        ),
        (key(sha1), Some(key(Enctype::AES256_CTS_HMAC_SHA384_192))),
    ]
}

/// What the acceptor receives.
fn receiver(keys: &MessageKeys) -> Receiver {
    Receiver::new(keys, Role::Acceptor, Window::new(0, true, true)).expect("newer enctypes")
}

/// Whether the token is taken, and what is in it; in its own buffer and in another, it is the same.
fn unwrap(keys: &MessageKeys, token: &[u8]) -> Option<(Vec<u8>, Protection)> {
    let mut here = token.to_vec();
    let mut second = receiver(keys);
    let in_place = second.unwrap_in_place(&mut here);
    match receiver(keys).unwrap(token) {
        Ok(unwrapped) => {
            let in_place = in_place.expect("the same, where it lies");
            let protection = unwrapped.protection();
            assert_eq!(in_place.protection(), protection);
            let (message, status) = unwrapped.in_any_order();
            let (there, there_status) = in_place.in_any_order();
            assert_eq!(
                (there, there_status),
                (&mut message[..].to_vec()[..], status)
            );
            assert!(message.len() + 16 <= token.len());
            Some((message, protection))
        }
        Err(error) => {
            assert!(in_place.is_err(), "not the same, where it lies");
            let subkey = keys.acceptor_subkey.as_ref().unwrap_or(&keys.base);
            refused(&error, &[&keys.base, subkey]);
            None
        }
    }
}

/// The key that the header's flags name.
fn named<'k>(keys: &'k MessageKeys, header: &[u8; 16]) -> &'k Key {
    match (header[2] & 4, &keys.acceptor_subkey) {
        (4, Some(subkey)) => subkey,
        _ => &keys.base,
    }
}

/// A token that is rotated as its header says.
fn token(header: &[u8; 16], mut payload: Vec<u8>) -> Vec<u8> {
    let rrc = usize::from(u16::from_be_bytes([header[6], header[7]]));
    if let Some(rotation) = rrc.checked_rem(payload.len()) {
        payload.rotate_right(rotation);
    }
    [&header[..], &payload].concat()
}

fn message(keys: &MessageKeys, octets: &[u8]) {
    let random = Arc::new(Repeating::new());
    let mut sender = Sender::new(keys, Role::Initiator, 0, random).expect("newer enctypes");
    let mut receiver = receiver(keys);
    let at = octets.first().map_or(0, |octet| usize::from(*octet));
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let token = sender.wrap(protection, octets).expect("wrapped");
        assert_eq!(token.len(), octets.len() + sender.room(protection).total());
        let unwrapped = receiver.unwrap(&token).expect("as it was sent");
        assert_eq!(unwrapped.protection(), protection);
        assert_eq!(unwrapped.complete().expect("in order"), octets);
        let again = receiver.unwrap(&token).expect("genuine").status();
        assert_eq!(again, SequenceStatus::Duplicate);

        let mut changed = token.clone();
        let bit = (at * 31) % (token.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        // RRC is not protected, but another one moves the octets.
        let harmless = matches!(bit / 8, 6 | 7);
        assert!(harmless || receiver.unwrap(&changed).is_err(), "bit {bit}");
        assert!(receiver.unwrap(&token[..bit / 8]).is_err());
    }
    let mic = sender.get_mic(octets).expect("signed");
    let status = receiver.verify_mic(octets, &mic).expect("as it was sent");
    assert_eq!(status, SequenceStatus::Complete);
    let longer = [octets, b"\0"].concat();
    assert!(receiver.verify_mic(&longer, &mic).is_err());
}

fn numbers(octets: &[u8]) {
    let (chunks, rest) = octets.as_chunks::<8>();
    let Some((first, numbers)) = chunks.split_first() else {
        return;
    };
    let (replay, sequence) = match rest {
        [octet, ..] => (octet & 1 == 0, octet & 2 == 0),
        [] => (true, true),
    };
    let mut window = Window::new(u64::from_be_bytes(*first), replay, sequence);
    for number in numbers {
        let number = u64::from_be_bytes(*number);
        let _ = window.receive(number);
        let again = window.receive(number);
        if replay {
            let new = matches!(again, SequenceStatus::Complete | SequenceStatus::Gap);
            assert!(!new, "{number} twice: {again:?}");
        }
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let all = keys();
    let Some((index, input)) = pick(&[0, 1, 2, 3, 4], input) else {
        return;
    };
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    let (base, acceptor_subkey) = all[index].clone();
    let keys = MessageKeys {
        base,
        acceptor_subkey,
    };
    match input {
        Input::Token => {
            unwrap(&keys, octets);
            if let Err(error) = receiver(&keys).verify_mic(b"", octets) {
                refused(&error, &[&keys.base]);
            }
        }
        Input::Sealed => {
            let Some((header, plaintext)) = octets.split_first_chunk::<16>() else {
                return;
            };
            let sealed = named(&keys, header)
                .encrypt(KeyUsage::INITIATOR_SEAL, plaintext, &Repeating::new())
                .expect("sealed");
            if let Some((message, _)) = unwrap(&keys, &token(header, sealed)) {
                assert!(plaintext.starts_with(&message));
            }
        }
        Input::Signed => {
            let Some((header, signed)) = octets.split_first_chunk::<16>() else {
                return;
            };
            let mut zeroed = *header;
            zeroed[4..8].fill(0);
            let checksum = named(&keys, header)
                .mac(KeyUsage::INITIATOR_SEAL)
                .expect("a usage")
                .checksum(&[signed, &zeroed]);
            if let Some((message, _)) = unwrap(&keys, &token(header, [signed, &checksum].concat()))
            {
                assert_eq!(message, signed);
            }
        }
        Input::Message => message(&keys, octets),
        Input::Numbers => numbers(octets),
    }
}));
