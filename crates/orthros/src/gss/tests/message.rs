use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::{Given, unhex};
use crate::crypto::{Enctype, Key, KeyUsage};
use crate::error::Error;
use crate::gss::SequenceStatus::Complete;
use crate::gss::{
    MajorStatus, MessageKeys, Protection, Receiver, Role, Sender, SequenceStatus, Unwrapped, Window,
};
use crate::random::{OsRandom, Random, RandomUnavailable};

const RFC4121: &str = include_str!("../../../../../vectors/crypto/rfc4121.json");
pub(super) const BOTH: [Protection; 2] = [Protection::Integrity, Protection::Confidentiality];
pub(super) const ENCTYPES: [Enctype; 4] = [
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
];

pub(super) struct Vector {
    pub(super) keys: MessageKeys,
    from: Role,
    pub(super) kind: String,
    pub(super) message: Vec<u8>,
    pub(super) token: Vec<u8>,
}

impl Vector {
    fn number(&self) -> u64 {
        u64::from_be_bytes(self.token[8..16].try_into().unwrap())
    }

    pub(super) fn receiver(&self) -> Receiver {
        let window = Window::new(self.number(), true, true);
        Receiver::new(&self.keys, self.from.peer(), window).unwrap()
    }

    fn sender(&self, random: Arc<dyn Random>) -> Sender {
        Sender::new(&self.keys, self.from, self.number(), random).unwrap()
    }

    fn protection(&self) -> Protection {
        match self.kind.as_str() {
            "wrap_conf" => Protection::Confidentiality,
            _ => Protection::Integrity,
        }
    }

    /// Gives the token to a new receiver, in both manners; the result must be the same.
    fn receive(&self, token: &[u8]) -> Result<SequenceStatus, Error> {
        if self.kind == "mic" {
            return self.receiver().verify_mic(&self.message, token);
        }
        let owned = self.receiver().unwrap(token);
        let mut copy = token.to_vec();
        let mut receiver = self.receiver();
        let in_place = receiver.unwrap_in_place(&mut copy);
        match (owned, in_place) {
            (Ok(owned), Ok(in_place)) => {
                assert_eq!(owned.status(), in_place.status());
                assert_eq!(owned.protection(), self.protection());
                let (message, status) = owned.in_any_order();
                assert_eq!(message, self.message);
                assert_eq!(in_place.in_any_order().0, self.message);
                Ok(status)
            }
            (Err(owned), Err(in_place)) => {
                assert_eq!(
                    owned.gss_major(Role::Initiator),
                    in_place.gss_major(Role::Initiator)
                );
                Err(owned)
            }
            _ => panic!("the two manners disagree"),
        }
    }
}

pub(super) fn vectors() -> Vec<Vector> {
    let file: Value = serde_json::from_str(RFC4121).unwrap();
    let vectors: Vec<_> = file["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|entry| {
            let enctype = Enctype(entry["etype"].as_i64().unwrap() as i32);
            // Camellia is not implemented.
            if !enctype.is_supported() {
                return None;
            }
            let key = Key::new(enctype, &unhex(entry["key"].as_str().unwrap())).unwrap();
            let keys = match entry["token"].as_str().unwrap().as_bytes()[5] & 4 {
                0 => MessageKeys {
                    base: key,
                    acceptor_subkey: None,
                },
                _ => MessageKeys {
                    base: Key::random(enctype, &OsRandom).unwrap(),
                    acceptor_subkey: Some(key),
                },
            };
            Some(Vector {
                keys,
                from: match entry["from"].as_str().unwrap() {
                    "initiator" => Role::Initiator,
                    _ => Role::Acceptor,
                },
                kind: entry["kind"].as_str().unwrap().into(),
                message: entry["message"].as_str().unwrap().into(),
                token: unhex(entry["token"].as_str().unwrap()),
            })
        })
        .collect();
    assert_eq!(vectors.len(), 84);
    vectors
}

pub(super) fn major(error: &Error) -> MajorStatus {
    error.gss_major(Role::Acceptor)
}

/// One vector of each kind and enctype, with a message in it.
fn one_of_each() -> Vec<Vector> {
    let mut found: Vec<Vector> = Vec::new();
    for vector in vectors() {
        let subkey = vector.token[2] & 4 != 0;
        if !vector.message.is_empty()
            && !found.iter().any(|other| {
                (other.token[2] & 4 != 0) == subkey
                    && other.kind == vector.kind
                    && other.keys.base.enctype() == vector.keys.base.enctype()
            })
        {
            found.push(vector);
        }
    }
    found
}

#[test]
fn gss_36_37_40_41_received_vectors() {
    for vector in vectors() {
        assert_eq!(
            vector.receive(&vector.token).unwrap(),
            Complete,
            "{:?} {}",
            vector.from,
            vector.kind
        );
    }
}

#[test]
fn gss_36_37_39_40_sent_vectors() {
    let mut sent = 0;
    for vector in vectors() {
        let [_, _, flags, _, ec0, ec1, rrc0, rrc1, ..] = vector.token[..] else {
            panic!()
        };
        if vector.kind == "mic" {
            let mut sender = vector.sender(Arc::new(OsRandom));
            assert_eq!(sender.get_mic(&vector.message).unwrap(), vector.token);
            sent += 1;
            continue;
        }
        if (rrc0, rrc1) != (0, 0) || (flags & 2 != 0 && (ec0, ec1) != (0, 0)) {
            // Not as we send it.
            continue;
        }
        // The confounder is in the token, encrypted.
        let key = vector.keys.acceptor_subkey.as_ref();
        let key = key.unwrap_or(&vector.keys.base);
        let usage = match vector.from {
            Role::Initiator => KeyUsage(24),
            Role::Acceptor => KeyUsage(22),
        };
        let mut confounder = [0; 16];
        if flags & 2 != 0 {
            let mut payload = vector.token[16..].to_vec();
            key.cipher(usage)
                .unwrap()
                .open_in_place(&mut payload)
                .unwrap();
            confounder.copy_from_slice(&payload[..16]);
        }
        let protection = vector.protection();
        let sender = || vector.sender(Arc::new(Given::new(&confounder)));
        assert_eq!(
            sender().wrap(protection, &vector.message).unwrap(),
            vector.token
        );

        let mut out = b"before".to_vec();
        sender()
            .wrap_into(protection, &vector.message, &mut out)
            .unwrap();
        assert_eq!(out, [b"before", &vector.token[..]].concat());

        let mut sender = sender();
        let room = sender.room(protection);
        let mut token = vec![0x5A; room.total() + vector.message.len()];
        token[room.before..room.before + vector.message.len()].copy_from_slice(&vector.message);
        sender.wrap_in_place(protection, &mut token).unwrap();
        assert_eq!(token, vector.token);
        sent += 1;
    }
    assert_eq!(sent, 52);
}

/// Recorded contexts: all messages of one context through one receiver each way.
#[test]
fn gss_25_29_31_recorded_contexts() {
    for recorded in [
        include_str!("../../../../../vectors/pac/ad.example.test/alice-web/gss.json"),
        include_str!("../../../../../vectors/pac/ad.example.test/alice-aes128/gss.json"),
    ] {
        let recorded: Value = serde_json::from_str(recorded).unwrap();
        let key = |name: &str| {
            let entry = &recorded[name];
            let enctype = Enctype(entry["etype"].as_i64().unwrap() as i32);
            Key::new(enctype, &unhex(entry["key"].as_str().unwrap())).unwrap()
        };
        let keys = MessageKeys {
            base: key("initiator_ctx_key"),
            acceptor_subkey: Some(key("initiator_acceptor_subkey")),
        };
        let messages = recorded["messages"].as_array().unwrap();
        for (from, name) in [(Role::Initiator, "initiator"), (Role::Acceptor, "acceptor")] {
            let mut receiver: Option<Receiver> = None;
            let mut seen = 0;
            for entry in messages.iter().filter(|entry| entry["from"] == name) {
                let token = unhex(entry["token"].as_str().unwrap());
                let receiver = receiver.get_or_insert_with(|| {
                    let first = u64::from_be_bytes(token[8..16].try_into().unwrap());
                    let window = Window::new(first, true, true);
                    Receiver::new(&keys, from.peer(), window).unwrap()
                });
                let message = entry["message"].as_str().unwrap().as_bytes();
                if entry["kind"] == "mic" {
                    receiver
                        .verify_mic(message, &token)
                        .unwrap()
                        .complete()
                        .unwrap();
                } else {
                    let found = receiver.unwrap(&token).unwrap().complete().unwrap();
                    assert_eq!(found, message);
                }
                seen += 1;
            }
            assert!(seen >= 9);
        }
    }
}

#[test]
fn every_bit_of_every_kind_of_token() {
    for vector in one_of_each() {
        let wrap = vector.kind != "mic";
        for at in 0..vector.token.len() {
            for bit in 0..8 {
                let mut token = vector.token.clone();
                token[at] ^= 1 << bit;
                let result = vector.receive(&token);
                if wrap && (at == 6 || at == 7) {
                    // RRC is not protected: another rotation, another payload.
                    let payload = token.len() - 16;
                    let rrc = |token: &[u8]| {
                        usize::from(u16::from_be_bytes([token[6], token[7]])) % payload
                    };
                    assert_eq!(result.is_ok(), rrc(&token) == rrc(&vector.token));
                    continue;
                }
                let error = result.unwrap_err();
                let expected = match (at, vector.kind.as_str()) {
                    (0 | 1 | 3, _) | (4 | 5, "wrap_integ") => MajorStatus::DEFECTIVE_TOKEN,
                    (4..8, "mic") => MajorStatus::DEFECTIVE_TOKEN,
                    (2, "mic") if bit == 1 => MajorStatus::DEFECTIVE_TOKEN,
                    // Taken for one of the other kind.
                    (2, "wrap_conf") if bit == 1 => MajorStatus::DEFECTIVE_TOKEN,
                    // The sender, or the key.
                    (2, _) if bit == 0 || bit == 2 => MajorStatus::BAD_MIC,
                    // Decrypts, and the sealed header is another.
                    (2..16, "wrap_conf") => MajorStatus::DEFECTIVE_TOKEN,
                    _ => MajorStatus::BAD_MIC,
                };
                assert_eq!(major(&error), expected, "{} {at} {bit}", vector.kind);
            }
        }
    }
}

#[test]
fn case_041_truncated_and_extended() {
    for vector in one_of_each() {
        for len in 0..vector.token.len() {
            assert!(vector.receive(&vector.token[..len]).is_err());
        }
        for more in 1..=3 {
            let mut token = vector.token.clone();
            token.resize(token.len() + more, 0);
            assert!(vector.receive(&token).is_err());
        }
    }
}

#[test]
fn case_041_any_short_token() {
    for vector in one_of_each() {
        for len in 0..=64usize {
            for fill in [0u8, 0xFF, 0x60] {
                let mut token = vec![fill; len];
                assert!(vector.receive(&token).is_err());
                for (to, from) in token.iter_mut().zip(&vector.token[..16]) {
                    *to = *from;
                }
                assert!(vector.receive(&token).is_err());
            }
        }
    }
}

#[test]
fn gss_43_case_041_tokens_of_rfc_1964() {
    // Framed, as old tokens are; and the old TOK_IDs bare.
    let vector = &one_of_each()[0];
    for id in [0x0101u16, 0x0201, 0x0102] {
        let framed = crate::gss::token::frame(crate::gss::token::TokenId(id), &vector.token);
        let mut bare = vector.token.clone();
        bare[..2].copy_from_slice(&id.to_be_bytes());
        for token in [framed, bare] {
            for result in [
                vector.receiver().unwrap(&token).map(|_| ()),
                vector.receiver().verify_mic(b"", &token).map(|_| ()),
            ] {
                assert_eq!(major(&result.unwrap_err()), MajorStatus::DEFECTIVE_TOKEN);
            }
        }
    }
}

#[test]
fn gss_43_wrap_is_no_mic_and_mic_no_wrap() {
    for vector in one_of_each() {
        let error = match vector.kind.as_str() {
            "mic" => vector.receiver().unwrap(&vector.token).unwrap_err(),
            _ => vector
                .receiver()
                .verify_mic(&vector.message, &vector.token)
                .unwrap_err(),
        };
        assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
    }
}

#[test]
fn gss_36_another_message() {
    for vector in one_of_each().iter().filter(|v| v.kind == "mic") {
        for message in [&b""[..], b"sign m", b"sign me ", b"Sign me"] {
            let error = vector.receiver().verify_mic(message, &vector.token);
            assert_eq!(major(&error.unwrap_err()), MajorStatus::BAD_MIC);
        }
    }
}

#[test]
fn gss_42_own_tokens_come_back() {
    for vector in one_of_each() {
        let window = Window::new(vector.number(), true, true);
        let mut own = Receiver::new(&vector.keys, vector.from, window).unwrap();
        let error = match vector.kind.as_str() {
            "mic" => own.verify_mic(&vector.message, &vector.token).unwrap_err(),
            _ => own.unwrap(&vector.token).unwrap_err(),
        };
        assert_eq!(major(&error), MajorStatus::BAD_MIC);
    }
}

pub(super) fn keys(enctype: Enctype) -> MessageKeys {
    MessageKeys {
        base: Key::random(enctype, &OsRandom).unwrap(),
        acceptor_subkey: Some(Key::random(enctype, &OsRandom).unwrap()),
    }
}

fn pair(keys: &MessageKeys, from: Role, first: u64) -> (Sender, Receiver) {
    (
        Sender::new(keys, from, first, Arc::new(OsRandom)).unwrap(),
        Receiver::new(keys, from.peer(), Window::new(first, true, true)).unwrap(),
    )
}

/// A Wrap token with whatever is sealed into it.
fn sealed(key: &Key, outer: [u8; 16], text: &[u8]) -> Vec<u8> {
    let ciphertext = key
        .encrypt(KeyUsage::INITIATOR_SEAL, text, &OsRandom)
        .unwrap();
    [&outer[..], &ciphertext].concat()
}

fn wrap_header(flags: u8, ec: u16, number: u64) -> [u8; 16] {
    let mut header = [5, 4, flags, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    header[4..6].copy_from_slice(&ec.to_be_bytes());
    header[8..].copy_from_slice(&number.to_be_bytes());
    header
}

fn acceptor(keys: &MessageKeys) -> Receiver {
    Receiver::new(keys, Role::Acceptor, Window::new(1, true, true)).unwrap()
}

#[test]
fn case_036_short_plaintexts() {
    for enctype in ENCTYPES {
        let mut keys = keys(enctype);
        keys.acceptor_subkey = None;
        let header = wrap_header(2, 0, 1);
        for len in 0..=40usize {
            let mut text = vec![0; len];
            for (to, from) in text.iter_mut().rev().zip(header.iter().rev()) {
                *to = *from;
            }
            let token = sealed(&keys.base, header, &text);
            let result = acceptor(&keys).unwrap(&token);
            if len >= 16 {
                assert_eq!(result.unwrap().complete().unwrap().len(), len - 16);
            } else {
                assert_eq!(major(&result.unwrap_err()), MajorStatus::DEFECTIVE_TOKEN);
            }
        }
    }
}

#[test]
fn gss_38_39_any_ec_that_fits() {
    for enctype in ENCTYPES {
        let mut keys = keys(enctype);
        keys.acceptor_subkey = None;
        for ec in [0u16, 1, 15, 16, 17, 65535] {
            let header = wrap_header(2, ec, 1);
            for message in [&b""[..], b"message"] {
                let text = [message, &vec![0xEE; usize::from(ec)], &header].concat();
                let token = sealed(&keys.base, header, &text);
                let found = acceptor(&keys).unwrap(&token).unwrap().complete().unwrap();
                assert_eq!(found, message);
                // One octet fewer than EC says.
                let text = [
                    &vec![0xEE; usize::from(ec).wrapping_sub(1) & 0xFFFF],
                    &header[..],
                ];
                if ec > 0 {
                    let token = sealed(&keys.base, header, &text.concat());
                    let error = acceptor(&keys).unwrap(&token).unwrap_err();
                    assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
                }
            }
        }
    }
}

#[test]
fn gss_38_the_outer_ec_cannot_cut_the_message() {
    let keys = keys(Enctype::AES256_CTS_HMAC_SHA1_96);
    let (mut sender, _) = pair(&keys, Role::Initiator, 1);
    let mut token = sender
        .wrap(Protection::Confidentiality, b"pay 100 to bob, not")
        .unwrap();
    token[5] = 5;
    let error = acceptor(&keys).unwrap(&token).unwrap_err();
    assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
    // No plaintext is left in a buffer that was refused.
    let mut copy = token.clone();
    assert!(acceptor(&keys).unwrap_in_place(&mut copy).is_err());
    assert!(!copy.windows(7).any(|window| window == b"pay 100"));
}

#[test]
fn gss_38_case_037_another_header() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA256_128);
    let (mut sender, mut receiver) = pair(&keys, Role::Initiator, 1);
    let mut first = sender.wrap(Protection::Confidentiality, b"one").unwrap();
    let mut second = sender.wrap(Protection::Confidentiality, b"two").unwrap();
    let original = first.clone();
    // The headers of two genuine tokens, swapped.
    first[..16].swap_with_slice(&mut second[..16]);
    for token in [&first, &second] {
        let error = receiver.unwrap(token).unwrap_err();
        assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
    }
    // Only the clear number: refused, and the window as it was.
    for number in [0u8, 2, 3, 200] {
        let mut token = original.clone();
        token[15] = number;
        assert!(receiver.unwrap(&token).is_err());
    }
    assert_eq!(receiver.unwrap(&original).unwrap().status(), Complete);
}

#[test]
fn gss_25_four_combinations() {
    for enctype in ENCTYPES {
        for acceptor_subkey in [false, true] {
            let mut keys = keys(enctype);
            if !acceptor_subkey {
                keys.acceptor_subkey = None;
            }
            for from in [Role::Initiator, Role::Acceptor] {
                let (mut sender, mut receiver) = pair(&keys, from, 7);
                let flags = u8::from(from == Role::Acceptor) | u8::from(acceptor_subkey) << 2;
                let mut number = 7u64;
                for protection in BOTH {
                    let token = sender.wrap(protection, b"message").unwrap();
                    let sealed = u8::from(protection == Protection::Confidentiality) << 1;
                    assert_eq!(token[2], flags | sealed);
                    assert_eq!(token[8..16], number.to_be_bytes());
                    let unwrapped = receiver.unwrap(&token).unwrap();
                    assert_eq!(unwrapped.protection(), protection);
                    assert_eq!(unwrapped.complete().unwrap(), b"message");
                    number += 1;
                }
                let mic = sender.get_mic(b"message").unwrap();
                assert_eq!(mic[..8], [4, 4, flags, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF]);
                assert_eq!(receiver.verify_mic(b"message", &mic).unwrap(), Complete);
                assert_eq!(sender.next_number(), number + 1);
            }
        }
    }
}

#[test]
fn gss_27_the_flag_names_the_key() {
    let with = keys(Enctype::AES256_CTS_HMAC_SHA1_96);
    let without = MessageKeys {
        acceptor_subkey: None,
        ..with.clone()
    };
    for protection in BOTH {
        // Clear although there is an acceptor subkey: the key that the flag names.
        let (mut sender, _) = pair(&without, Role::Initiator, 1);
        let token = sender.wrap(protection, b"m").unwrap();
        assert!(acceptor(&with).unwrap(&token).is_ok());
        let mic = sender.get_mic(b"m").unwrap();
        assert!(acceptor(&with).verify_mic(b"m", &mic).is_ok());
        // Set although there is none.
        let (mut sender, _) = pair(&with, Role::Initiator, 1);
        let token = sender.wrap(protection, b"m").unwrap();
        let error = acceptor(&without).unwrap(&token).unwrap_err();
        assert_eq!(major(&error), MajorStatus::BAD_MIC);
    }
}

#[test]
fn gss_26_another_direction_another_key() {
    // The flag alone does not make a token one of the other end.
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
    for protection in BOTH {
        let (mut sender, mut receiver) = pair(&keys, Role::Initiator, 1);
        let mut token = sender.wrap(protection, b"m").unwrap();
        token[2] ^= 1;
        assert!(receiver.unwrap(&token).is_err());
        let window = Window::new(1, true, true);
        let mut initiator = Receiver::new(&keys, Role::Initiator, window).unwrap();
        let error = initiator.unwrap(&token).unwrap_err();
        assert_eq!(major(&error), MajorStatus::BAD_MIC);
    }
}

#[test]
fn gss_30_numbers_of_64_bits() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
    for first in [u64::from(u32::MAX), u64::MAX] {
        let (mut sender, mut receiver) = pair(&keys, Role::Acceptor, first);
        for n in 0..3u64 {
            let token = sender.wrap(Protection::Integrity, b"").unwrap();
            assert_eq!(token[8..16], first.wrapping_add(n).to_be_bytes());
            receiver.unwrap(&token).unwrap().complete().unwrap();
        }
    }
}

#[test]
fn case_038_replay_reorder_gap_old() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
    let (mut sender, _) = pair(&keys, Role::Initiator, 0);
    let tokens: Vec<_> = (0..100u8)
        .map(|n| sender.wrap(Protection::Integrity, &[n]).unwrap())
        .collect();
    let window = Window::new(0, true, false);
    let mut receiver = Receiver::new(&keys, Role::Acceptor, window).unwrap();
    let mut receive = |n: usize| receiver.unwrap(&tokens[n]).unwrap().in_any_order();
    assert_eq!(receive(0), (vec![0], Complete));
    assert_eq!(receive(0), (vec![0], SequenceStatus::Duplicate));
    assert_eq!(receive(2), (vec![2], Complete));
    assert_eq!(receive(1), (vec![1], Complete));
    assert_eq!(receive(99), (vec![99], Complete));
    assert_eq!(receive(3), (vec![3], SequenceStatus::Old));

    let mut receiver = acceptor_from_zero(&keys);
    assert_eq!(receiver.unwrap(&tokens[0]).unwrap().status(), Complete);
    let gap = receiver.unwrap(&tokens[2]).unwrap();
    assert_eq!(gap.status(), SequenceStatus::Gap);
    assert!(gap.complete().is_err());
    let late = receiver.unwrap(&tokens[1]).unwrap();
    assert_eq!(late.status(), SequenceStatus::Unseq);
    assert!(late.complete().is_err());
    let again = receiver.unwrap(&tokens[1]).unwrap();
    assert_eq!(
        again.complete().unwrap_err().gss_major(Role::Acceptor),
        MajorStatus::DUPLICATE_TOKEN
    );
}

fn acceptor_from_zero(keys: &MessageKeys) -> Receiver {
    Receiver::new(keys, Role::Acceptor, Window::new(0, true, true)).unwrap()
}

/// Gives nothing.
struct Exhausted;

impl Random for Exhausted {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

#[test]
fn without_randomness_nothing_is_sent() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
    let mut sender = Sender::new(&keys, Role::Initiator, 9, Arc::new(Exhausted)).unwrap();
    let mut out = b"before".to_vec();
    for _ in 0..3 {
        let result = sender.wrap_into(Protection::Confidentiality, b"m", &mut out);
        assert!(matches!(result, Err(Error::Random)));
        assert_eq!(out, b"before");
    }
    assert_eq!(sender.next_number(), 9);
    sender
        .wrap_into(Protection::Integrity, b"m", &mut out)
        .unwrap();
    assert_eq!(sender.next_number(), 10);
}

#[test]
fn confounders_differ() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA256_128);
    let (mut sender, _) = pair(&keys, Role::Initiator, 9);
    let mut seen = std::collections::HashSet::new();
    for _ in 0..100 {
        let token = sender.wrap(Protection::Confidentiality, b"").unwrap();
        let mut payload = token[16..].to_vec();
        let key = keys.acceptor_subkey.as_ref().unwrap();
        let cipher = key.cipher(KeyUsage::INITIATOR_SEAL).unwrap();
        cipher.open_in_place(&mut payload).unwrap();
        assert!(seen.insert(payload[..16].to_vec()));
    }
}

#[test]
fn no_room_is_misuse() {
    let keys = keys(Enctype::AES256_CTS_HMAC_SHA384_192);
    for protection in BOTH {
        let (mut sender, mut receiver) = pair(&keys, Role::Initiator, 1);
        for len in 0..sender.room(protection).total() {
            let result = sender.wrap_in_place(protection, &mut vec![0; len]);
            assert!(matches!(result, Err(Error::Misuse(_))));
        }
        let mut token = vec![0; sender.room(protection).total()];
        sender.wrap_in_place(protection, &mut token).unwrap();
        assert_eq!(receiver.unwrap(&token).unwrap().complete().unwrap(), b"");
    }
}

#[test]
fn nothing_secret_in_debug() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
    let (mut sender, mut receiver) = pair(&keys, Role::Initiator, 1);
    let token = sender
        .wrap(Protection::Confidentiality, b"hunter2")
        .unwrap();
    let unwrapped: Unwrapped<Vec<u8>> = receiver.unwrap(&token).unwrap();
    let shown = format!("{unwrapped:?} {sender:?} {receiver:?} {keys:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("104, 117, 110"));
    assert!(shown.contains("Unwrapped(Confidentiality, Complete)"));
}

#[test]
fn gss_44_long_messages() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        let (mut sender, mut receiver) = pair(&keys, Role::Initiator, 1);
        for len in [16 << 10, 64 << 10, 1 << 20] {
            let message = vec![0xA5; len];
            for protection in BOTH {
                let mut token = sender.wrap(protection, &message).unwrap();
                let unwrapped = receiver.unwrap_in_place(&mut token).unwrap();
                assert_eq!(unwrapped.complete().unwrap(), message);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn gss_44_wrap_size_limit_is_exact(limit in 0usize..3000, which in 0..4usize) {
        let enctype = ENCTYPES[which];
        let (mut sender, _) = pair(&keys(enctype), Role::Initiator, 1);
        let mac = [12, 12, 16, 24][which];
        for (protection, overhead) in [
            (Protection::Integrity, 16 + mac),
            (Protection::Confidentiality, 16 + 16 + 16 + mac),
        ] {
            let longest = sender.wrap_size_limit(protection, limit);
            let token = sender.wrap(protection, &vec![0; longest]).unwrap();
            prop_assert_eq!(token.len(), longest + overhead);
            if limit >= overhead {
                prop_assert_eq!(token.len(), limit);
            } else {
                prop_assert_eq!(longest, 0);
            }
        }
    }

    #[test]
    fn gss_41_any_rotation(
        message in proptest::collection::vec(any::<u8>(), 0..100),
        rrc in any::<u16>(),
        which in 0..4usize,
        protection in 0..2usize,
    ) {
        let (mut sender, mut receiver) = pair(&keys(ENCTYPES[which]), Role::Initiator, 1);
        let mut token = sender.wrap(BOTH[protection], &message).unwrap();
        let (header, payload) = token.split_at_mut(16);
        payload.rotate_right(usize::from(rrc) % payload.len());
        header[6..8].copy_from_slice(&rrc.to_be_bytes());
        let unwrapped = receiver.unwrap(&token).unwrap();
        prop_assert_eq!(unwrapped.complete().unwrap(), message.clone());
        let unwrapped = receiver.unwrap_in_place(&mut token).unwrap();
        prop_assert_eq!(unwrapped.status(), SequenceStatus::Duplicate);
        prop_assert_eq!(unwrapped.in_any_order().0.to_vec(), message);
    }

    #[test]
    fn arbitrary_octets_are_refused(token in proptest::collection::vec(any::<u8>(), 0..200)) {
        let keys = keys(Enctype::AES128_CTS_HMAC_SHA1_96);
        let mut token = token;
        prop_assert!(acceptor(&keys).unwrap(&token).is_err());
        prop_assert!(acceptor(&keys).verify_mic(b"m", &token).is_err());
        if token.len() >= 4 {
            token[..2].copy_from_slice(&[5, 4]);
            token[3] = 0xFF;
            prop_assert!(acceptor(&keys).unwrap(&token).is_err());
            prop_assert!(acceptor(&keys).unwrap_in_place(&mut token).is_err());
        }
    }
}
