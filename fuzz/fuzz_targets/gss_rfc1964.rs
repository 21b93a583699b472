//! Wrap, MIC and deletion tokens of an RC4 context. The first octet says what the others are: a
//! token as it comes, what somebody with the key has made of a text, or a message.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use orthros::crypto::rc4::{hmac_md5, rc4};
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::gss::token::{TokenId, frame};
use orthros::gss::{MessageKeys, Protection, Receiver, Role, Sender, SequenceStatus, Window};
use orthros_fuzz::{Repeating, bounded, pick, refused};

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A token, of any kind.
    Token,
    /// What follows the fields of a Wrap token, encrypted.
    Sealed,
    /// The same, readable.
    Signed,
    /// A message, to be wrapped, changed and unwrapped.
    Message,
    /// Numbers of 32 bits.
    Numbers,
}

const INPUTS: [Input; 5] = [
    Input::Token,
    Input::Sealed,
    Input::Signed,
    Input::Message,
    Input::Numbers,
];

/// The key of a recorded context, `vectors/crypto/rfc1964.json`.
static KEY: LazyLock<Key> = LazyLock::new(|| {
    let octets = 0x4279820f_b5f80939_62c5ddb6_432d59b9_u128.to_be_bytes();
    Key::new(Enctype::RC4_HMAC, &octets).expect("a key")
});

fn keys() -> MessageKeys {
    MessageKeys {
        base: KEY.clone(),
        acceptor_subkey: None,
    }
}

/// What the acceptor receives.
fn receiver() -> Receiver {
    Receiver::new(&keys(), Role::Acceptor, Window::new(0, true, true)).expect("RC4")
}

/// Whether the token is taken, and what is in it; in its own buffer and in another, it is the same.
fn unwrap(token: &[u8]) -> Option<(Vec<u8>, Protection)> {
    let mut here = token.to_vec();
    let mut second = receiver();
    let in_place = second.unwrap_in_place(&mut here);
    match receiver().unwrap(token) {
        Ok(unwrapped) => {
            let in_place = in_place.expect("the same, where it lies");
            let protection = unwrapped.protection();
            assert_eq!(in_place.protection(), protection);
            let (message, status) = unwrapped.in_any_order();
            let (there, there_status) = in_place.in_any_order();
            assert_eq!((&*there, there_status), (&message[..], status));
            assert!(message.len() + 46 <= token.len());
            Some((message, protection))
        }
        Err(error) => {
            assert!(in_place.is_err(), "not the same, where it lies");
            refused(&error, &[&KEY]);
            None
        }
    }
}

/// A Wrap token of the initiator's with this text, by the rules of RFC 4757.
fn crafted(protection: Protection, number: [u8; 4], text: &[u8]) -> Vec<u8> {
    let seal_alg = match protection {
        Protection::Confidentiality => [0x10, 0],
        Protection::Integrity => [0xFF; 2],
    };
    let header = [&[2, 1, 0x11, 0][..], &seal_alg, &[0xFF; 2]].concat();
    let mac = KEY.mac(KeyUsage(13)).expect("a usage");
    let checksum = mac.checksum(&[&header, text])[..8].to_vec();
    let mut snd_seq = [number, [0; 4]].concat();
    let base = hmac_md5(KEY.expose(), &[&[0; 4]]);
    rc4(&hmac_md5(&base, &[&checksum]), &mut snd_seq);
    let mut text = text.to_vec();
    if protection == Protection::Confidentiality {
        let flipped: Vec<u8> = KEY.expose().iter().map(|octet| octet ^ 0xF0).collect();
        let base = hmac_md5(&flipped, &[&[0; 4]]);
        rc4(&hmac_md5(&base, &[&number]), &mut text);
    }
    let body = [&header[2..], &snd_seq, &checksum, &text].concat();
    frame(TokenId::OLD_WRAP, &body)
}

/// Exactly the texts of a confounder, a message and one octet 01 are taken.
fn text(protection: Protection, octets: &[u8]) {
    let Some((number, text)) = octets.split_first_chunk::<4>() else {
        return;
    };
    let unwrapped = unwrap(&crafted(protection, *number, text));
    match text {
        [_, _, _, _, _, _, _, _, message @ .., 1] => {
            assert_eq!(unwrapped, Some((message.to_vec(), protection)));
        }
        _ => assert_eq!(unwrapped, None),
    }
}

fn message(octets: &[u8]) {
    let random = Arc::new(Repeating::new());
    let mut sender = Sender::new(&keys(), Role::Initiator, 0, random).expect("RC4");
    let mut receiver = receiver();
    let at = octets.first().map_or(0, |octet| usize::from(*octet));
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let token = sender.wrap(protection, octets).expect("wrapped");
        assert_eq!(token.len(), sender.token_len(protection, octets.len()));
        assert!(sender.wrap_size_limit(protection, token.len()) == octets.len());
        let unwrapped = receiver.unwrap(&token).expect("as it was sent");
        assert_eq!(unwrapped.protection(), protection);
        assert_eq!(unwrapped.complete().expect("in order"), octets);
        let again = receiver.unwrap(&token).expect("genuine").status();
        assert_eq!(again, SequenceStatus::Duplicate);

        let mut changed = token.clone();
        let bit = (at * 31) % (token.len() * 8);
        changed[bit / 8] ^= 1 << (bit % 8);
        // The checksum does not cover the number; a token that is not encrypted can be given
        // another one.
        let number = token.len() - octets.len() - 25;
        let unprotected =
            protection == Protection::Integrity && (number..number + 4).contains(&(bit / 8));
        let mut another = self::receiver();
        assert_eq!(another.unwrap(&changed).is_ok(), unprotected, "bit {bit}");
        assert!(receiver.unwrap(&token[..bit / 8]).is_err());
    }
    let mic = sender.get_mic(octets).expect("signed");
    let status = receiver.verify_mic(octets, &mic).expect("as it was sent");
    assert_eq!(status, SequenceStatus::Complete);
    let longer = [octets, b"\0"].concat();
    assert!(receiver.verify_mic(&longer, &mic).is_err());
    assert!(receiver.verify_delete(&mic).is_err());
}

fn numbers(octets: &[u8]) {
    let (chunks, _) = octets.as_chunks::<4>();
    let Some((first, numbers)) = chunks.split_first() else {
        return;
    };
    let mut window = Window::new(u32::from_be_bytes(*first).into(), true, true);
    for number in numbers {
        let number = u32::from_be_bytes(*number);
        let _ = window.receive_short(number);
        let again = window.receive_short(number);
        let new = matches!(again, SequenceStatus::Complete | SequenceStatus::Gap);
        assert!(!new, "{number} twice: {again:?}");
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    match input {
        Input::Token => {
            unwrap(octets);
            if let Err(error) = receiver().verify_mic(b"", octets) {
                refused(&error, &[&KEY]);
            }
            if let Err(error) = receiver().verify_delete(octets) {
                refused(&error, &[&KEY]);
            }
        }
        Input::Sealed => text(Protection::Confidentiality, octets),
        Input::Signed => text(Protection::Integrity, octets),
        Input::Message => message(octets),
        Input::Numbers => numbers(octets),
    }
}));
