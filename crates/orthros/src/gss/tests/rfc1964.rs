//! The tokens of RC4 contexts. `vectors/crypto/rfc1964.json` is MIT krb5's.

use std::sync::Arc;

use proptest::prelude::*;
use serde_json::Value;

use super::exchange::{accepted, credentials, established};
use super::{Given, unhex};
use crate::ap::tests::forge::{AES128, AES256, Forge, NOW, key};
use crate::ap::{self, SessionKeys};
use crate::crypto::rc4::{hmac_md5, rc4};
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};
use crate::gss::SequenceStatus::{Complete, Duplicate, Gap, Old, Unseq};
use crate::gss::token::{TokenId, frame, unframe};
use crate::gss::{
    Acceptor, AwaitToken, BindingOutcome, ContextFlags, ContextInfo, Initiator, MajorStatus,
    MessageKeys, Piece, Protection, Receiver, Role, SecurityContext, Sender, Window,
};
use crate::random::OsRandom;
use crate::step::Step;
use crate::time::KerberosTime;

const RFC1964: &str = include_str!("../../../../../vectors/crypto/rfc1964.json");
const RC4: Enctype = Enctype::RC4_HMAC;
const BOTH: [Protection; 2] = [Protection::Integrity, Protection::Confidentiality];
const ROLES: [Role; 2] = [Role::Initiator, Role::Acceptor];

struct Vector {
    from: Role,
    kind: String,
    number: u32,
    confounder: Vec<u8>,
    message: Vec<u8>,
    token: Vec<u8>,
}

impl Vector {
    fn parse(entry: &Value) -> Self {
        let text = |field: &str| entry[field].as_str().unwrap_or_default().to_owned();
        Self {
            from: match text("from").as_str() {
                "initiator" => Role::Initiator,
                _ => Role::Acceptor,
            },
            kind: text("kind"),
            number: entry["number"].as_u64().unwrap().try_into().unwrap(),
            confounder: unhex(&text("confounder")),
            message: unhex(&text("message")),
            token: unhex(&text("token")),
        }
    }

    fn protection(&self) -> Protection {
        match self.kind.as_str() {
            "wrap_conf" => Protection::Confidentiality,
            _ => Protection::Integrity,
        }
    }
}

fn file() -> Value {
    serde_json::from_str(RFC1964).unwrap()
}

fn only(key: Key) -> MessageKeys {
    MessageKeys {
        base: key,
        acceptor_subkey: None,
    }
}

fn given_key(entry: &Value) -> MessageKeys {
    only(Key::new(RC4, &unhex(entry["key"].as_str().unwrap())).unwrap())
}

/// The keys and the tokens of each recorded context.
fn contexts() -> Vec<(MessageKeys, Vec<Vector>)> {
    let all: Vec<_> = file()["contexts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|context| {
            let tokens = context["tokens"].as_array().unwrap().iter();
            (
                given_key(context),
                tokens.map(Vector::parse).collect::<Vec<_>>(),
            )
        })
        .collect();
    assert_eq!(
        all.iter().map(|(_, tokens)| tokens.len()).sum::<usize>(),
        120
    );
    all
}

fn sender(keys: &MessageKeys, role: Role, first: u32) -> Sender {
    Sender::new(keys, role, first.into(), Arc::new(OsRandom)).unwrap()
}

fn receiver(keys: &MessageKeys, role: Role, first: u32) -> Receiver {
    Receiver::new(keys, role, Window::new(first.into(), true, true)).unwrap()
}

fn rc4_keys() -> MessageKeys {
    only(key(RC4, 7))
}

fn major(error: &Error) -> MajorStatus {
    error.gss_major(Role::Initiator)
}

#[test]
fn gss_49_50_51_52_received_vectors() {
    for (keys, vectors) in contexts() {
        for role in ROLES {
            let first = vectors.iter().find(|vector| vector.from == role).unwrap();
            let mut receivers = [(); 2].map(|()| receiver(&keys, role.peer(), first.number));
            for vector in vectors.iter().filter(|vector| vector.from == role) {
                let [owned, in_place] = &mut receivers;
                if vector.kind == "mic" {
                    for receiver in [owned, in_place] {
                        let status = receiver.verify_mic(&vector.message, &vector.token);
                        assert_eq!(status.unwrap(), Complete);
                    }
                    continue;
                }
                let owned = owned.unwrap(&vector.token).unwrap();
                assert_eq!(owned.protection(), vector.protection());
                assert_eq!(owned.complete().unwrap(), vector.message);
                let mut token = vector.token.clone();
                let in_place = in_place.unwrap_in_place(&mut token).unwrap();
                assert_eq!(in_place.protection(), vector.protection());
                assert_eq!(in_place.complete().unwrap(), vector.message);
            }
        }
    }
}

#[test]
fn gss_49_50_51_52_sent_vectors() {
    for (keys, vectors) in contexts() {
        for vector in vectors {
            let random = Arc::new(Given::new(&vector.confounder));
            let mut sender = Sender::new(&keys, vector.from, vector.number.into(), random).unwrap();
            let token = match vector.kind.as_str() {
                "mic" => sender.get_mic(&vector.message).unwrap(),
                _ => sender.wrap(vector.protection(), &vector.message).unwrap(),
            };
            assert_eq!(token, vector.token, "{} of {:?}", vector.kind, vector.from);
            assert_eq!(sender.next_number(), u64::from(vector.number) + 1);
            if vector.kind != "mic" {
                let len = sender.token_len(vector.protection(), vector.message.len());
                assert_eq!(len, token.len());
            }
        }
    }
}

/// Where the number is in a token with a short frame. Nothing but the window protects it in a
/// token that is not encrypted: the checksum does not cover it.
const NUMBER: std::ops::Range<usize> = 21..25;

#[test]
fn gss_47_case_046_delete_only_if_it_verifies() {
    let entry = &file()["delete"];
    let (keys, delete) = (given_key(entry), Vector::parse(entry));
    let acceptor = || receiver(&keys, Role::Acceptor, delete.number);
    assert_eq!(acceptor().verify_delete(&delete.token).unwrap(), Complete);
    for bit in 0..delete.token.len() * 8 {
        if NUMBER.contains(&(bit / 8)) {
            continue;
        }
        let mut changed = delete.token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(acceptor().verify_delete(&changed).is_err(), "bit {bit}");
    }
    // It is none of the others, and they are none.
    assert!(acceptor().verify_mic(b"", &delete.token).is_err());
    let error = acceptor().unwrap(&delete.token).unwrap_err();
    assert!(error.to_string().contains("RFC 1964 delete"), "{error}");
    let mut initiator = sender(&keys, Role::Initiator, delete.number);
    let mic = initiator.get_mic(b"").unwrap();
    assert!(acceptor().verify_delete(&mic).is_err());
    // Newer enctypes have none (GSS-47).
    let mut newer = receiver(&only(key(AES256, 1)), Role::Acceptor, 0);
    let error = newer.verify_delete(&delete.token).unwrap_err();
    assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
}

/// A Wrap token as somebody with the key may make it.
fn crafted(
    key: &Key,
    seal_alg: [u8; 2],
    number: u32,
    direction: [u8; 4],
    text: &[u8],
    spoil: bool,
) -> Vec<u8> {
    let header = [&[2, 1, 0x11, 0][..], &seal_alg, &[0xFF, 0xFF]].concat();
    let whole = key.mac(KeyUsage(13)).unwrap().checksum(&[&header, text]);
    let mut checksum = whole[..8].to_vec();
    if spoil {
        checksum[3] ^= 4;
    }
    let mut snd_seq = [number.to_be_bytes(), direction].concat();
    let seq = hmac_md5(&hmac_md5(key.expose(), &[&[0; 4]]), &[&checksum]);
    rc4(&seq, &mut snd_seq);
    let mut text = text.to_vec();
    if seal_alg == [0x10, 0] {
        let flipped: Vec<u8> = key.expose().iter().map(|octet| octet ^ 0xF0).collect();
        let seal = hmac_md5(&hmac_md5(&flipped, &[&[0; 4]]), &[&number.to_be_bytes()]);
        rc4(&seal, &mut text);
    }
    let body = [&header[2..], &snd_seq, &checksum, &text].concat();
    frame(TokenId::OLD_WRAP, &body)
}

const SEALED: [u8; 2] = [0x10, 0x00];
const SIGNED: [u8; 2] = [0xFF, 0xFF];

#[test]
fn case_041_pad_and_checksum_are_one_error() {
    let keys = rc4_keys();
    for seal_alg in [SEALED, SIGNED] {
        let refused = |text: &[u8], direction: [u8; 4], spoil: bool| {
            let token = crafted(&keys.base, seal_alg, 9, direction, text, spoil);
            let mut copy = token.clone();
            let mut acceptor = receiver(&keys, Role::Acceptor, 9);
            let in_place = acceptor.unwrap_in_place(&mut copy).unwrap_err();
            let owned = receiver(&keys, Role::Acceptor, 9)
                .unwrap(&token)
                .unwrap_err();
            assert_eq!(major(&owned), MajorStatus::BAD_MIC);
            assert_eq!(format!("{owned:?}"), format!("{in_place:?}"));
            // What is refused shows nothing.
            if seal_alg == SEALED {
                assert!(!copy.windows(7).any(|window| window == b"message"));
            }
            format!("{owned:?}")
        };
        let good = b"confoundmessage\x01";
        let token = crafted(&keys.base, seal_alg, 9, [0; 4], good, false);
        let unwrapped = receiver(&keys, Role::Acceptor, 9).unwrap(&token).unwrap();
        assert_eq!(unwrapped.complete().unwrap(), b"message");

        let checksum = refused(good, [0; 4], true);
        for padding in [0, 2, 3, 7, 8, 9, 16, 0x80, 0xFF] {
            let mut text = good.to_vec();
            *text.last_mut().unwrap() = padding;
            assert_eq!(refused(&text, [0; 4], false), checksum, "padding {padding}");
        }
        for direction in [[0xFF; 4], [0, 0, 0, 1], [0xFF, 0, 0, 0], [1; 4]] {
            assert_eq!(refused(good, direction, false), checksum);
        }
    }
}

#[test]
fn case_041_every_length() {
    let keys = rc4_keys();
    let refuse = |token: &[u8]| {
        let mut acceptor = receiver(&keys, Role::Acceptor, 9);
        let errors = [
            acceptor.unwrap(token).unwrap_err(),
            acceptor.unwrap_in_place(&mut token.to_vec()).unwrap_err(),
            acceptor.verify_mic(b"", token).unwrap_err(),
            acceptor.verify_delete(token).unwrap_err(),
        ];
        for error in errors {
            let expected = [MajorStatus::DEFECTIVE_TOKEN, MajorStatus::BAD_MIC];
            assert!(expected.contains(&major(&error)), "{error}");
        }
    };
    let mut initiator = sender(&keys, Role::Initiator, 9);
    let whole = initiator
        .wrap(Protection::Confidentiality, &[7; 64])
        .unwrap();
    let mic = initiator.get_mic(b"other").unwrap();
    for len in 0..=64 {
        refuse(&vec![0; len]);
        refuse(&vec![0x60; len]);
        refuse(&whole[..len]);
        refuse(&mic[..len.min(mic.len() - 1)]);
        // Every length of what is in the frame: too short for the fields, the confounder, the
        // padding, or long enough and not genuine.
        for id in [TokenId::OLD_WRAP, TokenId::OLD_MIC, TokenId::OLD_DELETE] {
            refuse(&frame(id, &vec![0xFF; len]));
            for seal_alg in [SEALED, SIGNED] {
                let body = [&[0x11, 0][..], &seal_alg, &[0xFF, 0xFF], &[0xA5; 64]].concat();
                refuse(&frame(id, &body[..len]));
            }
        }
    }
    // A genuine text that is shorter than confounder and padding.
    for len in 0..9 {
        for seal_alg in [SEALED, SIGNED] {
            let text = vec![1; len];
            let token = crafted(&keys.base, seal_alg, 9, [0; 4], &text, false);
            let error = receiver(&keys, Role::Acceptor, 9)
                .unwrap(&token)
                .unwrap_err();
            assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
        }
    }
    let empty = crafted(&keys.base, SEALED, 9, [0; 4], &[1; 9], false);
    let unwrapped = receiver(&keys, Role::Acceptor, 9).unwrap(&empty).unwrap();
    assert_eq!(unwrapped.complete().unwrap(), b"");
}

#[test]
fn gss_43_case_041_each_family_refuses_the_others() {
    let old = sender(&rc4_keys(), Role::Initiator, 0)
        .wrap(Protection::Integrity, b"m")
        .unwrap();
    let newer_keys = only(key(AES256, 1));
    let newer = sender(&newer_keys, Role::Initiator, 0)
        .wrap(Protection::Integrity, b"m")
        .unwrap();
    for (keys, token, why) in [
        (&newer_keys, &old, "RFC 1964"),
        (&rc4_keys(), &newer, "RFC 4121"),
    ] {
        let mut receiver = receiver(keys, Role::Acceptor, 0);
        let errors = [
            receiver.unwrap(token).unwrap_err(),
            receiver.unwrap_in_place(&mut token.clone()).unwrap_err(),
            receiver.verify_mic(b"m", token).unwrap_err(),
        ];
        for error in errors {
            assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
            assert!(error.to_string().contains(why), "{error}");
        }
    }
}

#[test]
fn gss_49_fields_of_the_header() {
    let keys = rc4_keys();
    let mut initiator = sender(&keys, Role::Initiator, 0);
    let wrap = initiator.wrap(Protection::Integrity, b"m").unwrap();
    let mic = initiator.get_mic(b"m").unwrap();
    // Behind the frame's 13 octets and TOK_ID.
    for (at, octet) in [(15, 0), (16, 1), (17, 2), (18, 0), (19, 0), (20, 0)] {
        for token in [&wrap, &mic] {
            let mut changed = token.clone();
            assert_ne!(changed[at], octet);
            changed[at] = octet;
            let mut acceptor = receiver(&keys, Role::Acceptor, 0);
            for error in [
                acceptor.unwrap(&changed).unwrap_err(),
                acceptor.verify_mic(b"m", &changed).unwrap_err(),
            ] {
                assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN, "octet {at}");
            }
        }
    }
    // Another mechanism.
    let mut other = wrap.clone();
    other[7] = 0x87;
    let error = receiver(&keys, Role::Acceptor, 0)
        .unwrap(&other)
        .unwrap_err();
    assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
}

#[test]
fn gss_42_51_our_own_tokens() {
    let keys = rc4_keys();
    for role in ROLES {
        let mut own = sender(&keys, role, 5);
        let wrap = own.wrap(Protection::Confidentiality, b"m").unwrap();
        let mic = own.get_mic(b"m").unwrap();
        let mut receiver = receiver(&keys, role, 5);
        let reflected = receiver.unwrap(&wrap).unwrap_err();
        assert_eq!(major(&reflected), MajorStatus::BAD_MIC);
        let reflected = receiver.verify_mic(b"m", &mic).unwrap_err();
        assert_eq!(major(&reflected), MajorStatus::BAD_MIC);
    }
}

#[test]
fn gss_31_numbers_of_32_bits() {
    let keys = rc4_keys();
    let first = u32::MAX - 1;
    let mut initiator = sender(&keys, Role::Initiator, first);
    let tokens: Vec<_> = (0..70u8)
        .map(|n| initiator.wrap(BOTH[usize::from(n % 2)], &[n]).unwrap())
        .collect();
    let mut acceptor = receiver(&keys, Role::Acceptor, first);
    let order = [
        (0, Complete),
        (0, Duplicate),
        (1, Complete),
        // The number is 0.
        (2, Complete),
        (1, Duplicate),
        (4, Gap),
        (3, Unseq),
        (3, Duplicate),
        (5, Complete),
        (69, Gap),
        (6, Unseq),
        (5, Unseq),
    ];
    for (n, status) in order {
        let unwrapped = acceptor.unwrap(&tokens[n]).unwrap();
        assert_eq!(unwrapped.status(), status, "token {n}");
        assert_eq!(unwrapped.in_any_order().0, [n as u8]);
    }
    // Where only replays count.
    let window = Window::new(first.into(), true, false);
    let mut acceptor = Receiver::new(&keys, Role::Acceptor, window).unwrap();
    for (n, status) in [(69, Complete), (5, Old), (6, Complete), (6, Duplicate)] {
        assert_eq!(acceptor.unwrap(&tokens[n]).unwrap().status(), status);
    }
}

#[test]
fn gss_31_the_numbers_begin_anew() {
    let mut window = Window::new(0xFFFF_FFF0, true, true);
    assert_eq!(window.receive_short(0xFFFF_FFF0), Complete);
    // Across every quarter of the circle and on.
    let mut number = 0xFFFF_FFF0u32;
    for _ in 0..9 {
        number = number.wrapping_add(1 << 30);
        assert_eq!(window.receive_short(number), Gap);
        assert_eq!(window.receive_short(number), Duplicate);
        assert_eq!(window.receive_short(number.wrapping_sub(3)), Unseq);
        assert_eq!(window.receive_short(number.wrapping_sub(3)), Duplicate);
        assert_eq!(window.receive_short(number.wrapping_sub(1 << 30)), Unseq);
    }
    // Before the first there is none: it is far ahead, as MIT krb5 has it.
    let mut window = Window::new(100, true, true);
    assert_eq!(window.receive_short(99), Gap);
    assert_eq!(window.receive_short(100), Complete);
}

#[test]
fn gss_44_size_limit_of_old_tokens() {
    let sender = sender(&rc4_keys(), Role::Initiator, 0);
    for protection in BOTH {
        let sizes = (0..1200)
            .chain(65_400..65_700)
            .chain(16_777_100..16_777_400);
        for token in sizes {
            let limit = sender.wrap_size_limit(protection, token);
            let len = |message| sender.token_len(protection, message);
            if limit > 0 {
                assert!(len(limit) <= token, "{token}");
            }
            assert!(len(limit + 1) > token, "{token}");
        }
        assert_eq!(sender.wrap_size_limit(protection, 16), 0);
        // Never less room than a token takes.
        for message in [0, 1, 83, 84, 211, 212, 70_000] {
            let room = sender.room(protection).total();
            assert!(sender.token_len(protection, message) <= message + room);
        }
    }
}

#[test]
fn old_tokens_are_not_made_in_place() {
    let keys = rc4_keys();
    let mut initiator = sender(&keys, Role::Initiator, 3);
    let mut token = [0; 200];
    for protection in BOTH {
        let refused = initiator.wrap_in_place(protection, &mut token);
        assert!(matches!(refused, Err(Error::Misuse(_))));
        let refused = initiator.wrap_many_in_place(protection, &mut [&mut token]);
        assert!(matches!(refused, Err(Error::Misuse(_))));
    }
    let room = initiator.detached_room(Protection::Integrity);
    let (mut header, mut trailer) = (vec![0; room.header], vec![0; room.trailer]);
    let pieces = &mut [Piece::SignOnly(b"m")];
    let refused = initiator.wrap_detached(Protection::Integrity, &mut header, pieces, &mut trailer);
    assert!(matches!(refused, Err(Error::Misuse(_))));
    assert_eq!(initiator.next_number(), 3);
    // MIC tokens of several parts are.
    let mut mic = vec![0; initiator.mic_len()];
    initiator.get_mic_of(&[b"me", b"ssage"], &mut mic).unwrap();
    let mut acceptor = receiver(&keys, Role::Acceptor, 3);
    assert_eq!(acceptor.verify_mic(b"message", &mic).unwrap(), Complete);
    let again = acceptor.verify_mic_of(&[b"m", b"essage"], &mic).unwrap();
    assert_eq!(again, Duplicate);
    assert_eq!(initiator.next_number(), 4);
    // And many of them are opened in place.
    let mut tokens: Vec<_> = (0..9u8)
        .map(|n| initiator.wrap(BOTH[usize::from(n % 2)], &[n; 5]).unwrap())
        .collect();
    tokens[4][20] ^= 1;
    let mut seen = Vec::new();
    receiver(&keys, Role::Acceptor, 4).unwrap_many_in_place(
        tokens.iter_mut().map(Vec::as_mut_slice),
        |unwrapped| {
            seen.push(unwrapped.map(|unwrapped| unwrapped.in_any_order().0.to_vec()));
        },
    );
    assert_eq!(seen.len(), 9);
    for (n, message) in seen.into_iter().enumerate() {
        match n {
            4 => assert!(message.is_err()),
            _ => assert_eq!(message.unwrap(), [n as u8; 5]),
        }
    }
}

proptest! {
    #[test]
    fn gss_49_what_is_sent_is_received(
        message in prop::collection::vec(any::<u8>(), 0..300),
        first in any::<u32>(),
        bit in any::<prop::sample::Index>(),
    ) {
        let keys = rc4_keys();
        for role in ROLES {
            let mut ours = sender(&keys, role, first);
            let mut theirs = receiver(&keys, role.peer(), first);
            let fresh = |number| receiver(&keys, role.peer(), number);
            for protection in BOTH {
                let number = ours.next_number() as u32;
                let mut token = b"before".to_vec();
                ours.wrap_into(protection, &message, &mut token).unwrap();
                prop_assert_eq!(&token[..6], b"before");
                let token = &token[6..];
                prop_assert_eq!(token.len(), ours.token_len(protection, message.len()));
                let unwrapped = theirs.unwrap(token).unwrap();
                prop_assert_eq!(unwrapped.protection(), protection);
                prop_assert_eq!(&unwrapped.complete().unwrap(), &message);

                let mut changed = token.to_vec();
                let bit = bit.index(token.len() * 8);
                changed[bit / 8] ^= 1 << (bit % 8);
                let at = token.len() - message.len() - 25;
                let unprotected = protection == Protection::Integrity
                    && (at..at + 4).contains(&(bit / 8));
                match fresh(number).unwrap(&changed) {
                    Err(_) => prop_assert!(!unprotected),
                    Ok(unwrapped) => {
                        prop_assert!(unprotected);
                        prop_assert_ne!(unwrapped.status(), Complete);
                    }
                }
            }
            let number = ours.next_number() as u32;
            let mic = ours.get_mic(&message).unwrap();
            prop_assert_eq!(theirs.verify_mic(&message, &mic).unwrap(), Complete);
            let mut changed = mic.clone();
            let bit = bit.index(mic.len() * 8);
            changed[bit / 8] ^= 1 << (bit % 8);
            match fresh(number).verify_mic(&message, &changed) {
                Err(_) => prop_assert!(!NUMBER.contains(&(bit / 8))),
                Ok(status) => {
                    prop_assert!(NUMBER.contains(&(bit / 8)));
                    prop_assert_ne!(status, Complete);
                }
            }
        }
    }
}

/// A client and a service of the same realm, whose KDC gave an RC4 session key.
fn rc4_forge() -> Forge {
    Forge {
        session_key: key(RC4, 2),
        ..Forge::right()
    }
}

fn rc4_context(
    ours: &[Enctype],
    theirs: &[Enctype],
    flags: ContextFlags,
) -> (SecurityContext, SecurityContext) {
    let forge = rc4_forge();
    let initiator = Initiator::new(credentials(&forge))
        .enctypes(ours)
        .flags(flags);
    let config = forge.config().permitted_enctypes(theirs);
    established(initiator, Acceptor::new(ap::Acceptor::new(config)))
}

const MUTUAL: ContextFlags = ContextFlags(0x3E);
const ONE_WAY: ContextFlags = ContextFlags(0x3C);

/// Messages of every kind, both ways; the first two octets of a Wrap token.
fn converse(ours: &mut SecurityContext, theirs: &mut SecurityContext) -> [u8; 2] {
    let mut first = [0; 2];
    for n in 0..3u8 {
        for protection in BOTH {
            for (from, to) in [(0, 1), (1, 0)] {
                let ends = [&mut *ours, &mut *theirs];
                let token = ends[from].wrap(protection, &[n; 40]).unwrap();
                first = [token[0], token[1]];
                let unwrapped = ends[to].unwrap(&token).unwrap();
                assert_eq!(unwrapped.protection(), protection);
                assert_eq!(unwrapped.complete().unwrap(), [n; 40]);
                assert!(ends[from].unwrap(&token).is_err());
                let mic = ends[from].get_mic(&[n; 40]).unwrap();
                let status = ends[to].verify_mic(&[n; 40], &mic).unwrap();
                status.complete().unwrap();
            }
        }
    }
    first
}

#[test]
fn gss_28_gss_48_case_053_an_rc4_context() {
    for flags in [MUTUAL, ONE_WAY] {
        let (mut ours, mut theirs) = rc4_context(&[RC4], &[AES256, RC4], flags);
        for context in [&ours, &theirs] {
            // GSS-28: there would be no use for one.
            assert!(context.info().keys.acceptor_subkey.is_none());
            let subkey = context.info().keys.initiator_subkey.as_ref().unwrap();
            assert_eq!(context.session_key(), subkey);
            assert_eq!(context.session_key().enctype(), RC4);
            assert_eq!(context.weak_enctype(), Some(RC4));
        }
        let token = theirs.wrap(Protection::Integrity, b"").unwrap();
        assert!(matches!(unframe(&token).unwrap(), (TokenId::OLD_WRAP, _)));
        ours.unwrap(&token).unwrap().complete().unwrap();
        assert_eq!(converse(&mut ours, &mut theirs)[0], 0x60);
    }
}

#[test]
fn gss_28_gss_48_an_acceptor_subkey_of_aes_moves_to_new_tokens() {
    for wanted in [AES256, AES128] {
        let (mut ours, mut theirs) = rc4_context(&[wanted, RC4], DEFAULT_AND_RC4, MUTUAL);
        for context in [&ours, &theirs] {
            let subkey = context.info().keys.acceptor_subkey.as_ref().unwrap();
            assert_eq!(subkey.enctype(), wanted);
            assert_eq!(context.session_key(), subkey);
            // It was sent under RC4.
            assert_eq!(context.weak_enctype(), Some(RC4));
        }
        assert_eq!(converse(&mut ours, &mut theirs), [5, 4]);
        // Tokens without the flag AcceptorSubkey would be of the RC4 key (GSS-27).
        let mut token = ours.wrap(Protection::Integrity, b"m").unwrap();
        token[2] &= !4;
        let error = theirs.unwrap(&token).unwrap_err();
        assert_eq!(major(&error), MajorStatus::BAD_MIC);
    }
    // Without AP-REP there is no other key than the initiator's.
    let (mut ours, mut theirs) = rc4_context(&[AES256, RC4], DEFAULT_AND_RC4, ONE_WAY);
    assert_eq!(converse(&mut ours, &mut theirs)[0], 0x60);
}

const DEFAULT_AND_RC4: &[Enctype] = &[
    AES256,
    AES128,
    Enctype::AES256_CTS_HMAC_SHA384_192,
    Enctype::AES128_CTS_HMAC_SHA256_128,
    RC4,
];

fn context_of(keys: SessionKeys, role: Role, flags: ContextFlags) -> SecurityContext {
    let forge = rc4_forge();
    let info = ContextInfo {
        role,
        flags,
        initiator: forge.client.clone(),
        acceptor: forge.server.clone(),
        endtime: KerberosTime::from_secs(NOW.time().as_secs() + 60),
        keys,
        peer: None,
        delegated: Vec::new(),
        bindings: BindingOutcome::NotCompared,
    };
    SecurityContext::new(info, Arc::new(OsRandom)).unwrap()
}

/// Security case 46.
#[test]
fn gss_47_case_046_a_deletion_token_takes_the_context_if_it_verifies() {
    let entry = &file()["delete"];
    let (keys, delete) = (given_key(entry), Vector::parse(entry));
    let keys = SessionKeys {
        initiator_seq: delete.number,
        ..session_keys(Some(keys.base), None)
    };
    let mut context = context_of(keys, Role::Acceptor, MUTUAL);
    for bit in [0, 130, 140, 200, 290] {
        let mut changed = delete.token.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        let (unharmed, error) = *context.process_context_token(&changed).unwrap_err();
        assert!([MajorStatus::BAD_MIC, MajorStatus::DEFECTIVE_TOKEN].contains(&major(&error)));
        context = unharmed;
    }
    context.process_context_token(&delete.token).unwrap();
}

fn session_keys(initiator: Option<Key>, acceptor: Option<Key>) -> SessionKeys {
    SessionKeys {
        session: key(RC4, 1),
        initiator_subkey: initiator,
        acceptor_subkey: acceptor,
        initiator_seq: 4,
        acceptor_seq: 9,
    }
}

#[test]
fn gss_28_which_key_is_used() {
    let (session, rc4, other) = (key(RC4, 1), key(RC4, 2), key(RC4, 3));
    let (aes, base, newer) = (key(AES128, 4), key(AES256, 5), key(AES256, 6));
    let cases = [
        // An echo of the initiator's subkey, as Windows sends it.
        (Some(&rc4), Some(&rc4), MUTUAL, &rc4),
        // A new one of an old enctype.
        (Some(&rc4), Some(&other), MUTUAL, &rc4),
        (None, Some(&other), MUTUAL, &session),
        // In DCE style it counts (GSS-53).
        (
            Some(&rc4),
            Some(&other),
            MUTUAL.with(ContextFlags::DCE_STYLE),
            &other,
        ),
        // One of another enctype.
        (Some(&rc4), Some(&aes), MUTUAL, &aes),
        (Some(&aes), Some(&other), MUTUAL, &other),
        // RFC 4121: a new one of a newer enctype.
        (Some(&base), Some(&newer), MUTUAL, &newer),
    ];
    for (initiator, acceptor, flags, used) in cases {
        let keys = session_keys(initiator.cloned(), acceptor.cloned());
        let ours = context_of(keys, Role::Initiator, flags);
        assert_eq!(ours.session_key(), used);
        // A peer that knows nothing but the key in question.
        let (_, mut sender, _) = ours.split();
        let token = sender.wrap(Protection::Confidentiality, b"m").unwrap();
        let is_subkey = used.enctype().is_newer();
        let keys = MessageKeys {
            base: used.clone(),
            acceptor_subkey: is_subkey.then(|| used.clone()),
        };
        let unwrapped = receiver(&keys, Role::Acceptor, 4).unwrap(&token).unwrap();
        assert_eq!(unwrapped.complete().unwrap(), b"m");
        assert_eq!(token[0] == 0x60, !used.enctype().is_newer());
    }
}

#[test]
fn gss_53_dce_style_with_rc4_has_an_acceptor_subkey() {
    let forge = rc4_forge();
    let initiator = Initiator::new(credentials(&forge))
        .enctypes([RC4])
        .flags(MUTUAL | ContextFlags::DCE_STYLE);
    let config = forge.config().permitted_enctypes([RC4, AES256]);
    let acceptor = Acceptor::new(ap::Acceptor::new(config));
    let Step::Continue { token, next } = initiator.request(NOW).unwrap() else {
        panic!();
    };
    let Step::Continue {
        token,
        next: AwaitToken::Third(third),
    } = acceptor.accept(&token, NOW).unwrap()
    else {
        panic!();
    };
    let Step::Established {
        token,
        context: mut ours,
    } = next.reply(&token, NOW).unwrap()
    else {
        panic!();
    };
    let mut theirs = third.accept(&token.unwrap()).unwrap();
    for context in [&ours, &theirs] {
        let subkey = context.info().keys.acceptor_subkey.as_ref().unwrap();
        assert_eq!(context.session_key(), subkey);
    }
    assert_eq!(converse(&mut ours, &mut theirs)[0], 0x60);
}

#[test]
fn gss_48_which_enctypes_are_newer() {
    let older = [1, 2, 3, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 23, 24];
    for number in -200..=200 {
        assert_eq!(Enctype(number).is_newer(), !older.contains(&number));
    }
    // RC4 with 56 bits is never used (CRY-23).
    assert!(Key::new(Enctype::RC4_HMAC_EXP, &[0; 16]).is_err());
}

fn refused_enctype(error: &Error) -> bool {
    matches!(error, Error::Rejected(rejection)
        if matches!(**rejection, Rejection::Enctype { enctype: RC4, .. }))
}

#[test]
fn case_053_rc4_only_where_it_is_permitted() {
    let forge = rc4_forge();
    // The initiator sends nothing under it.
    for initiator in [
        Initiator::new(credentials(&forge)),
        Initiator::new(credentials(&forge)).enctypes([AES256, AES128]),
    ] {
        assert!(refused_enctype(&initiator.request(NOW).unwrap_err()));
    }
    // The acceptor takes no session key of it.
    let initiator = Initiator::new(credentials(&forge)).enctypes(DEFAULT_AND_RC4);
    let Step::Continue { token, .. } = initiator.request(NOW).unwrap() else {
        panic!();
    };
    assert!(!DEFAULT_ENCTYPES.contains(&RC4));
    let acceptor = Acceptor::new(ap::Acceptor::new(forge.config()));
    assert!(refused_enctype(
        &acceptor.accept(&token, NOW).unwrap_err().error
    ));
    let permitting = forge.config().permitted_enctypes(DEFAULT_AND_RC4);
    let acceptor = Acceptor::new(ap::Acceptor::new(permitting));
    let (_, context) = accepted(acceptor.accept(&token, NOW));
    assert_eq!(context.weak_enctype(), Some(RC4));

    // A ticket sealed under a service's RC4 key, with a session key of AES.
    let forge = Forge {
        service_key: key(RC4, 1),
        ..Forge::right()
    };
    let initiator = Initiator::new(credentials(&forge));
    let config = forge.config().permitted_enctypes(DEFAULT_AND_RC4);
    let (ours, theirs) = established(initiator, Acceptor::new(ap::Acceptor::new(config)));
    assert_eq!(theirs.weak_enctype(), Some(RC4));
    assert_eq!(ours.weak_enctype(), None);

    // And nothing is marked that is sound.
    let forge = Forge::right();
    let acceptor = Acceptor::new(ap::Acceptor::new(forge.config()));
    let (ours, theirs) = established(Initiator::new(credentials(&forge)), acceptor);
    assert_eq!((ours.weak_enctype(), theirs.weak_enctype()), (None, None));
}
