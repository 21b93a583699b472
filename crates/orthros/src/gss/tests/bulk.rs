//! Many tokens at once are what one after the other gives.

use std::sync::Arc;

use super::Given;
use crate::crypto::{Enctype, Key};
use crate::error::Error;
use crate::gss::{MessageKeys, Protection, Receiver, Role, Sender, SequenceStatus, Window};
use crate::random::{OsRandom, Random, RandomUnavailable};

const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];
/// Around the edges of cipher and hash blocks, alike and not.
const LENGTHS: [usize; 11] = [1000, 1000, 1000, 1000, 0, 1, 200, 97, 353, 2048, 64];

fn keys(enctype: Enctype) -> MessageKeys {
    MessageKeys {
        base: Key::random(enctype, &OsRandom).unwrap(),
        acceptor_subkey: None,
    }
}

fn messages(count: usize) -> Vec<Vec<u8>> {
    (0..count)
        .map(|n| vec![n as u8; LENGTHS[n % LENGTHS.len()]])
        .collect()
}

fn sender(keys: &MessageKeys) -> Sender {
    // Of 16 confounders at a time, and the same for every sender.
    let random = Given::new(&(0..4096).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    Sender::new(keys, Role::Initiator, 7, Arc::new(random)).unwrap()
}

fn receiver(keys: &MessageKeys) -> Receiver {
    Receiver::new(keys, Role::Acceptor, Window::new(7, true, true)).unwrap()
}

fn wrap_many(
    sender: &mut Sender,
    protection: Protection,
    messages: &[Vec<u8>],
) -> Result<Vec<Vec<u8>>, Error> {
    let room = sender.room(protection);
    let mut tokens: Vec<Vec<u8>> = messages
        .iter()
        .map(|m| [&vec![1; room.before], &m[..], &vec![2; room.behind]].concat())
        .collect();
    let mut lent: Vec<_> = tokens.iter_mut().map(Vec::as_mut_slice).collect();
    sender.wrap_many_in_place(protection, &mut lent)?;
    Ok(tokens)
}

#[test]
fn gss_30_37_40_many_wrapped_as_one_by_one() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        for protection in [Protection::Integrity, Protection::Confidentiality] {
            for count in 0..=LENGTHS.len() {
                let messages = messages(count);
                let (mut many, mut single) = (sender(&keys), sender(&keys));
                let tokens = wrap_many(&mut many, protection, &messages).unwrap();
                for (token, message) in tokens.iter().zip(&messages) {
                    assert_eq!(*token, single.wrap(protection, message).unwrap());
                }
                assert_eq!(many.next_number(), 7 + count as u64);
            }
        }
    }
}

/// What came of each token: the message and what its number says, or the error.
fn one_by_one(
    keys: &MessageKeys,
    tokens: &[Vec<u8>],
) -> Vec<Result<(Vec<u8>, SequenceStatus), String>> {
    let mut receiver = receiver(keys);
    let unwrap = |token: &Vec<u8>| match receiver.unwrap(token) {
        Ok(unwrapped) => Ok(unwrapped.in_any_order()),
        Err(error) => Err(error.to_string()),
    };
    tokens.iter().map(unwrap).collect()
}

fn many(keys: &MessageKeys, tokens: &[Vec<u8>]) -> Vec<Result<(Vec<u8>, SequenceStatus), String>> {
    let mut tokens = tokens.to_vec();
    let mut all = Vec::new();
    let lent = tokens.iter_mut().map(Vec::as_mut_slice);
    receiver(keys).unwrap_many_in_place(lent, |unwrapped| {
        all.push(match unwrapped {
            Ok(unwrapped) => {
                let (message, status) = unwrapped.in_any_order();
                Ok((message.to_vec(), status))
            }
            Err(error) => Err(error.to_string()),
        });
    });
    all
}

#[test]
fn gss_31_41_case_038_many_unwrapped_as_one_by_one() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        let messages = messages(11);
        let mut sender = sender(&keys);
        let mut tokens = wrap_many(&mut sender, Protection::Confidentiality, &messages).unwrap();
        let signed = sender.wrap(Protection::Integrity, b"signed").unwrap();
        for count in 0..=tokens.len() {
            let genuine = many(&keys, &tokens[..count]);
            let expected = messages.iter().take(count).cloned();
            let expected: Vec<_> = expected
                .map(|m| Ok((m, SequenceStatus::Complete)))
                .collect();
            assert_eq!(genuine, expected);
        }
        // Rotated, repeated, out of order, signed only, changed, too short: each where it matters.
        tokens[0][16..].rotate_right(5);
        tokens[0][7] = 5;
        tokens.insert(3, tokens[1].clone());
        tokens.swap(5, 9);
        tokens.insert(6, signed);
        for place in 0..tokens.len() {
            assert_eq!(many(&keys, &tokens), one_by_one(&keys, &tokens));
            let mut changed = tokens.clone();
            *changed[place].last_mut().unwrap() ^= 1;
            let results = many(&keys, &changed);
            assert!(results[place].is_err());
            assert_eq!(results, one_by_one(&keys, &changed));
            for len in [0, 15, 16, 40] {
                changed[place] = tokens[place][..len.min(tokens[place].len())].to_vec();
                assert_eq!(many(&keys, &changed), one_by_one(&keys, &changed));
            }
            // Says that it is one of our own, or made with another key.
            for flag in [1, 4] {
                changed[place] = tokens[place].clone();
                changed[place][2] ^= flag;
                assert_eq!(many(&keys, &changed), one_by_one(&keys, &changed));
            }
        }
    }
}

#[test]
fn case_041_what_is_refused_among_many_is_not_shown() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        let messages = vec![vec![0x5a; 300]; 4];
        let mut tokens =
            wrap_many(&mut sender(&keys), Protection::Confidentiality, &messages).unwrap();
        *tokens[2].last_mut().unwrap() ^= 1;
        let lent = tokens.iter_mut().map(Vec::as_mut_slice);
        receiver(&keys).unwrap_many_in_place(lent, |_| ());
        for (n, token) in tokens.iter().enumerate() {
            let shown = token.windows(16).any(|octets| octets == [0x5a; 16]);
            assert_eq!(shown, n != 2, "{enctype} {n}");
        }
    }
}

/// Gives nothing.
struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

#[test]
fn gss_30_all_are_wrapped_or_none() {
    let keys = keys(ENCTYPES[1]);
    let mut without = Sender::new(&keys, Role::Initiator, 9, Arc::new(Exhausted)).unwrap();
    let result = wrap_many(&mut without, Protection::Confidentiality, &messages(3));
    assert!(matches!(result, Err(Error::Random)));
    assert_eq!(without.next_number(), 9);

    let mut sender = sender(&keys);
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let total = sender.room(protection).total();
        let (mut enough, mut short) = (vec![3; total], vec![3; total - 1]);
        let result = sender.wrap_many_in_place(protection, &mut [&mut enough, &mut short]);
        assert!(matches!(result, Err(Error::Misuse(_))));
        assert_eq!(enough, vec![3; total]);
    }
    assert_eq!(sender.next_number(), 7);
}
