//! Messages in several places are the same tokens.

use std::sync::Arc;

use super::message::{BOTH, ENCTYPES, Vector, keys, major, vectors};
use super::{Given, bits};
use crate::crypto::{Enctype, KeyUsage};
use crate::error::Error;
use crate::gss::{
    DetachedRoom, MajorStatus, MessageKeys, Piece, Protection, Receiver, Role, Sender,
    SequenceStatus, Window,
};
use crate::random::{Random, RandomUnavailable};

fn sender(keys: &MessageKeys, dce: bool) -> Sender {
    let random = Given::new(&(0..4096).map(|n| (n % 251) as u8).collect::<Vec<_>>());
    let sender = Sender::new(keys, Role::Initiator, 7, Arc::new(random)).unwrap();
    match dce {
        true => sender.dce_style(),
        false => sender,
    }
}

fn receiver(keys: &MessageKeys, dce: bool) -> Receiver {
    let receiver = Receiver::new(keys, Role::Acceptor, Window::new(7, true, true)).unwrap();
    match dce {
        true => receiver.dce_style(),
        false => receiver,
    }
}

/// What is signed only has another letter than data.
fn lend<'m>(parts: &'m mut [(char, Vec<u8>)]) -> Vec<Piece<'m>> {
    let lend = |(kind, octets): &'m mut (char, Vec<u8>)| match kind {
        'd' => Piece::Data(octets),
        _ => Piece::SignOnly(octets),
    };
    parts.iter_mut().map(lend).collect()
}

fn data(parts: &[(char, Vec<u8>)]) -> Vec<u8> {
    let data = parts.iter().filter(|(kind, _)| *kind == 'd');
    data.flat_map(|(_, octets)| octets.clone()).collect()
}

/// A message cut at these places.
fn cut(message: &[u8], at: &[usize]) -> Vec<(char, Vec<u8>)> {
    let mut parts = Vec::new();
    let mut from = 0;
    for to in at
        .iter()
        .map(|to| (*to).min(message.len()))
        .chain([message.len()])
    {
        parts.push(('d', message[from..to.max(from)].to_vec()));
        from = to.max(from);
    }
    parts
}

struct Detached {
    header: Vec<u8>,
    parts: Vec<(char, Vec<u8>)>,
    trailer: Vec<u8>,
}

fn wrap(sender: &mut Sender, protection: Protection, parts: &[(char, Vec<u8>)]) -> Detached {
    let room = sender.detached_room(protection);
    let mut made = Detached {
        header: vec![0x5A; room.header],
        parts: parts.to_vec(),
        trailer: vec![0x5A; room.trailer],
    };
    let mut pieces = lend(&mut made.parts);
    sender
        .wrap_detached(protection, &mut made.header, &mut pieces, &mut made.trailer)
        .unwrap();
    made
}

fn wrap_token(sender: &mut Sender, protection: Protection, parts: &[(char, Vec<u8>)]) -> Detached {
    let mut made = Detached {
        header: vec![0x5A; sender.detached_room(protection).token()],
        parts: parts.to_vec(),
        trailer: Vec::new(),
    };
    let mut pieces = lend(&mut made.parts);
    sender
        .wrap_token(protection, &mut made.header, &mut pieces)
        .unwrap();
    made
}

impl Detached {
    fn stream(&self) -> Vec<u8> {
        [&self.header[..], &data(&self.parts), &self.trailer].concat()
    }

    fn unwrap(&mut self, receiver: &mut Receiver) -> Result<(Vec<u8>, SequenceStatus), Error> {
        let mut pieces = lend(&mut self.parts);
        let unwrapped = match self.trailer.is_empty() {
            true => receiver.unwrap_token(&mut self.header, &mut pieces),
            false => receiver.unwrap_detached(&mut self.header, &mut pieces, &mut self.trailer),
        }?;
        let ((), status) = unwrapped.in_any_order();
        Ok((data(&self.parts), status))
    }
}

/// Messages around the edges of cipher blocks, cut in many ways.
fn cuts() -> Vec<Vec<(char, Vec<u8>)>> {
    let mut all = Vec::new();
    for len in [0usize, 1, 15, 16, 17, 31, 32, 33, 47, 48, 100, 1000] {
        let message: Vec<u8> = (0..len).map(|n| n as u8).collect();
        for at in [
            &[][..],
            &[0],
            &[1],
            &[16],
            &[15, 17],
            &[1, 2, 3, 4, 5],
            &[0, 0, 33, 33],
            &[7, 14, 21, 28, 35],
        ] {
            all.push(cut(&message, at));
        }
    }
    all
}

#[test]
fn gss_37_40_in_several_places_as_in_one() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        for protection in BOTH {
            let (mut many, mut one) = (sender(&keys, false), sender(&keys, false));
            let mut there = receiver(&keys, false);
            for parts in cuts() {
                let message = data(&parts);
                let mut made = wrap(&mut many, protection, &parts);
                // The random octets are the same.
                assert_eq!(made.stream(), one.wrap(protection, &message).unwrap());
                let found = made.unwrap(&mut there).unwrap();
                assert_eq!(found, (message, SequenceStatus::Complete));
            }
            assert_eq!(many.next_number(), one.next_number());
        }
    }
}

#[test]
fn gss_41_45_token_and_data() {
    for (enctype, mac) in ENCTYPES.into_iter().zip([12u8, 12, 16, 24]) {
        let keys = keys(enctype);
        for protection in BOTH {
            let mut sender = sender(&keys, false);
            let (mut there, mut stream) = (receiver(&keys, false), receiver(&keys, false));
            for parts in cuts() {
                let message = data(&parts);
                let mut made = wrap_token(&mut sender, protection, &parts);
                let (ec, rrc) = match protection {
                    Protection::Confidentiality => (0, 16 + mac),
                    Protection::Integrity => (mac, mac),
                };
                assert_eq!(made.header[4..8], [0, ec, 0, rrc]);
                // A receiver that rotates by RRC has the message.
                let mut token = made.stream();
                let unwrapped = stream.unwrap(&token).unwrap();
                assert_eq!(unwrapped.complete().unwrap(), message);
                let unwrapped = stream.unwrap_stream(b"", &mut token, b"").unwrap();
                assert_eq!(unwrapped.status(), SequenceStatus::Duplicate);
                assert_eq!(unwrapped.in_any_order().0.to_vec(), message);
                let found = made.unwrap(&mut there).unwrap();
                assert_eq!(found, (message, SequenceStatus::Complete));
            }
        }
    }
}

#[test]
fn gss_45_dce_style() {
    for (enctype, mac) in ENCTYPES.into_iter().zip([12u8, 12, 16, 24]) {
        let keys = keys(enctype);
        let mut sender = sender(&keys, true);
        let mut there = receiver(&keys, true);
        let mut stream = receiver(&keys, true);
        let room = |header, trailer| DetachedRoom {
            header,
            padding: 0,
            trailer,
        };
        let mac = usize::from(mac);
        assert_eq!(
            sender.detached_room(Protection::Confidentiality),
            room(32, 32 + mac)
        );
        assert_eq!(sender.detached_room(Protection::Integrity), room(16, mac));
        for parts in cuts() {
            let message = data(&parts);
            // EC = 16, RRC without it; and what is rotated is EC + RRC.
            let mut made = wrap_token(&mut sender, Protection::Confidentiality, &parts);
            assert_eq!(made.header[4..8], [0, 16, 0, 16 + mac as u8]);
            let mut token = made.stream();
            token[16..].rotate_left(16 + 16 + mac);
            token[6..8].fill(0);
            let unwrapped = stream.unwrap(&token).unwrap();
            assert_eq!(unwrapped.complete().unwrap(), message);
            assert_eq!(
                stream.unwrap(&made.stream()).unwrap().status(),
                SequenceStatus::Duplicate
            );
            // Without DCE style it is another rotation, and another message.
            assert!(receiver(&keys, false).unwrap(&made.stream()).is_err());
            let found = made.unwrap(&mut there).unwrap();
            assert_eq!(found, (message.clone(), SequenceStatus::Complete));

            let mut made = wrap(&mut sender, Protection::Confidentiality, &parts);
            assert_eq!(made.header[4..8], [0, 16, 0, 0]);
            let unwrapped = stream.unwrap(&made.stream()).unwrap();
            assert_eq!(unwrapped.complete().unwrap(), message);
            let found = made.unwrap(&mut there).unwrap();
            assert_eq!(found, (message.clone(), SequenceStatus::Complete));

            let mut made = wrap_token(&mut sender, Protection::Integrity, &parts);
            assert_eq!(made.header[4..8], [0, mac as u8, 0, mac as u8]);
            let unwrapped = stream.unwrap(&made.stream()).unwrap();
            assert_eq!(unwrapped.complete().unwrap(), message);
            let found = made.unwrap(&mut there).unwrap();
            assert_eq!(found, (message.clone(), SequenceStatus::Complete));

            // A message in one place has no filler.
            let token = sender.wrap(Protection::Confidentiality, &message).unwrap();
            assert_eq!(token[4..8], [0; 4]);
            assert!(stream.unwrap(&token).is_ok());
            assert!(there.unwrap(&token).is_ok());
        }
    }
}

/// Where the octets of a vector's token lie.
fn places(vector: &Vector) -> Option<Detached> {
    let token = &vector.token;
    let mac = vector.keys.base.enctype().mac_len().unwrap();
    let be = |at: usize| usize::from(u16::from_be_bytes([token[at], token[at + 1]]));
    let (ec, rrc) = (be(4), be(6));
    let (before, behind) = match vector.kind.as_str() {
        "wrap_conf" => (16, ec + 16 + mac),
        "wrap_integ" => (0, mac),
        _ => return None,
    };
    let (header, trailer) = match rrc {
        0 => (16 + before, behind),
        rrc if rrc == behind => (16 + before + behind, 0),
        _ => return None,
    };
    Some(Detached {
        header: token[..header].to_vec(),
        parts: cut(&token[header..token.len() - trailer], &[1, 2, 9]),
        trailer: token[token.len() - trailer..].to_vec(),
    })
}

#[test]
fn gss_45_received_vectors() {
    let mut shapes = [0; 2];
    for vector in vectors() {
        let Some(mut made) = places(&vector) else {
            continue;
        };
        shapes[usize::from(made.trailer.is_empty())] += 1;
        let found = made.unwrap(&mut vector.receiver()).unwrap();
        assert_eq!(found, (vector.message.clone(), SequenceStatus::Complete));
        // RRC is not protected, so that this is what a Windows sender of DCE style makes.
        if vector.token[4..8] == [0, 16, 0, 0] && vector.kind == "wrap_conf" {
            let mac = vector.keys.base.enctype().mac_len().unwrap();
            let mut token = vector.token.clone();
            token[16..].rotate_right(32 + mac);
            token[7] = 16 + mac as u8;
            if mac == 12 {
                assert_eq!(token[4..8], [0, 16, 0, 28]);
            }
            let mut receiver = vector.receiver().dce_style();
            let unwrapped = receiver.unwrap(&token).unwrap();
            assert_eq!(unwrapped.complete().unwrap(), vector.message);
            let (header, message) = token.split_at(16 + 32 + mac + 16);
            let mut merged = Detached {
                header: header.to_vec(),
                parts: cut(message, &[3]),
                trailer: Vec::new(),
            };
            let found = merged.unwrap(&mut vector.receiver().dce_style()).unwrap();
            assert_eq!(found.0, vector.message);
            assert!(vector.receiver().unwrap(&token).is_err());
        }
    }
    assert!(shapes.iter().all(|count| *count >= 6), "{shapes:?}");
}

fn signed_around() -> Vec<(char, Vec<u8>)> {
    vec![
        ('s', b"before".to_vec()),
        ('d', b"some of the message".to_vec()),
        ('s', Vec::new()),
        ('s', b"in between".to_vec()),
        ('d', vec![7; 40]),
        ('s', b"behind".to_vec()),
    ]
}

#[test]
fn gss_45_sign_only_is_in_the_checksum_and_not_in_the_ciphertext() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        for protection in BOTH {
            for dce in [false, true] {
                for make in [wrap, wrap_token] {
                    let parts = signed_around();
                    let fresh = || make(&mut sender(&keys, dce), protection, &parts);
                    let mut made = fresh();
                    for (made, parts) in made.parts.iter().zip(&parts) {
                        let hidden = made.0 == 'd' && protection == Protection::Confidentiality;
                        assert_eq!(made.1 == parts.1, !hidden);
                    }
                    let found = made.unwrap(&mut receiver(&keys, dce)).unwrap();
                    assert_eq!(found.0, data(&parts));
                    // Another octet, one fewer, another place: refused, and nothing is shown.
                    let mut wrong: Vec<Vec<(char, Vec<u8>)>> = Vec::new();
                    for at in [0, 3, 5] {
                        let mut parts = fresh().parts;
                        parts[at].1[0] ^= 1;
                        wrong.push(parts);
                        let mut parts = fresh().parts;
                        parts[at].1.pop();
                        wrong.push(parts);
                        let mut parts = fresh().parts;
                        parts.remove(at);
                        wrong.push(parts);
                    }
                    let mut parts = fresh().parts;
                    parts.swap(3, 4);
                    wrong.push(parts);
                    for parts in wrong {
                        let mut made = fresh();
                        made.parts = parts;
                        let mut receiver = receiver(&keys, dce);
                        let error = made.unwrap(&mut receiver).unwrap_err();
                        assert_eq!(major(&error), MajorStatus::BAD_MIC);
                        if protection == Protection::Confidentiality {
                            let data = data(&made.parts);
                            assert!(!data.windows(8).any(|octets| octets == [7; 8]));
                        }
                        // The window is as it was.
                        let found = fresh().unwrap(&mut receiver).unwrap();
                        assert_eq!(found.1, SequenceStatus::Complete);
                    }
                }
            }
        }
    }
}

#[test]
fn gss_45_sign_only_around_a_stream() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        for protection in BOTH {
            for dce in [false, true] {
                for make in [wrap, wrap_token] {
                    let parts = [
                        ('s', b"before".to_vec()),
                        ('d', b"the message".to_vec()),
                        ('s', b"behind".to_vec()),
                    ];
                    let made = make(&mut sender(&keys, dce), protection, &parts);
                    let mut receiver = receiver(&keys, dce);
                    for (before, behind) in [("", "behind"), ("before", ""), ("beforf", "behind")] {
                        let mut token = made.stream();
                        let result = receiver.unwrap_stream(
                            before.as_bytes(),
                            &mut token,
                            behind.as_bytes(),
                        );
                        assert_eq!(major(&result.unwrap_err()), MajorStatus::BAD_MIC);
                    }
                    let mut token = made.stream();
                    let found = receiver
                        .unwrap_stream(b"before", &mut token, b"behind")
                        .unwrap();
                    assert_eq!(found.protection(), protection);
                    assert_eq!(found.complete().unwrap(), b"the message");
                }
            }
        }
    }
}

/// The boundary between header, data and trailer anywhere else: refused, and nothing beyond what
/// was given is read.
#[test]
fn case_036_header_split_anywhere() {
    for enctype in [ENCTYPES[1], ENCTYPES[3]] {
        let keys = keys(enctype);
        for protection in BOTH {
            for dce in [false, true] {
                for make in [wrap, wrap_token] {
                    let message = ('d', b"a message of some octets".to_vec());
                    let made = make(&mut sender(&keys, dce), protection, &[message]);
                    let stream = made.stream();
                    let right = (made.header.len(), made.trailer.len());
                    for header in 0..=stream.len() {
                        for trailer in 0..=stream.len() - header {
                            let (front, back) = stream.split_at(stream.len() - trailer);
                            let mut other = Detached {
                                header: front[..header].to_vec(),
                                parts: cut(&front[header..], &[]),
                                trailer: back.to_vec(),
                            };
                            let result = other.unwrap(&mut receiver(&keys, dce));
                            if (header, trailer) == right {
                                assert_eq!(result.unwrap().1, SequenceStatus::Complete);
                                continue;
                            }
                            let major = major(&result.unwrap_err());
                            assert_eq!(major, MajorStatus::DEFECTIVE_TOKEN);
                        }
                    }
                }
            }
        }
    }
}

/// A sealed text of 0 to 60 octets behind the right header, in each shape.
#[test]
fn case_036_short_plaintexts_in_several_places() {
    for enctype in ENCTYPES {
        let mut keys = keys(enctype);
        keys.acceptor_subkey = None;
        let mac = enctype.mac_len().unwrap();
        for ec in [0u8, 1, 16, 255] {
            let header = [5, 4, 2, 0xFF, 0, ec, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7];
            for len in 0..=60usize {
                let mut text = vec![0; len];
                for (to, from) in text.iter_mut().rev().zip(header.iter().rev()) {
                    *to = *from;
                }
                let sealed = keys
                    .base
                    .encrypt(KeyUsage::INITIATOR_SEAL, &text, &crate::random::OsRandom)
                    .unwrap();
                let mut token = [&header[..], &sealed].concat();
                let long_enough = len >= 16 + usize::from(ec);
                let mut one = token.clone();
                let result = receiver(&keys, false).unwrap_stream(b"", &mut one, b"");
                assert_eq!(result.is_ok(), long_enough, "{enctype} EC {ec}, {len}");
                // A trailer as long as EC says, if there are so many octets.
                let trailer = usize::from(ec) + 16 + mac;
                if let Some(message) = token.len().checked_sub(32 + trailer) {
                    let (front, back) = token.split_at_mut(32 + message);
                    let (header, message) = front.split_at_mut(32);
                    let result = receiver(&keys, false).unwrap_detached(
                        header,
                        &mut [Piece::Data(message)],
                        back,
                    );
                    assert!(long_enough && result.is_ok());
                } else {
                    assert!(!long_enough);
                }
            }
        }
    }
}

#[test]
fn gss_42_43_every_bit_of_detached_shapes() {
    for enctype in ENCTYPES {
        for subkey in [false, true] {
            let mut keys = keys(enctype);
            if !subkey {
                keys.acceptor_subkey = None;
            }
            for protection in BOTH {
                for dce in [false, true] {
                    for make in [wrap, wrap_token] {
                        let parts = [
                            ('s', b"ab".to_vec()),
                            ('d', b"message".to_vec()),
                            ('d', b"more".to_vec()),
                        ];
                        let fresh = || make(&mut sender(&keys, dce), protection, &parts);
                        let made = fresh();
                        let whole = [
                            &made.header[..],
                            &made.parts[0].1,
                            &made.parts[1].1,
                            &made.parts[2].1,
                            &made.trailer,
                        ]
                        .concat();
                        let mut there = receiver(&keys, dce);
                        for (bit, changed) in bits(&whole) {
                            let mut made = fresh();
                            let mut rest = &changed[..];
                            let mut take = |into: &mut Vec<u8>| {
                                let (now, later) = rest.split_at(into.len());
                                into.copy_from_slice(now);
                                rest = later;
                            };
                            take(&mut made.header);
                            for (_, part) in &mut made.parts {
                                take(part);
                            }
                            take(&mut made.trailer);
                            let result = made.unwrap(&mut there);
                            assert!(result.is_err(), "{enctype} {protection:?} bit {bit}");
                        }
                        // Nothing that was refused has touched the window.
                        let found = fresh().unwrap(&mut there).unwrap();
                        assert_eq!(found.1, SequenceStatus::Complete);
                    }
                }
            }
        }
    }
}

#[test]
fn gss_38_another_sealed_header_leaves_no_plaintext() {
    let keys = keys(Enctype::AES256_CTS_HMAC_SHA1_96);
    let parts = [('d', vec![7; 50]), ('d', vec![7; 20])];
    for make in [wrap, wrap_token] {
        let mut made = make(
            &mut sender(&keys, false),
            Protection::Confidentiality,
            &parts,
        );
        // The clear number only.
        made.header[15] ^= 1;
        let error = made.unwrap(&mut receiver(&keys, false)).unwrap_err();
        assert_eq!(major(&error), MajorStatus::DEFECTIVE_TOKEN);
        for part in [&made.header, &data(&made.parts), &made.trailer] {
            assert!(!part.windows(4).any(|octets| octets == [7; 4]));
        }
    }
}

#[test]
fn gss_36_mic_of_several_parts() {
    for enctype in ENCTYPES {
        let keys = keys(enctype);
        let (mut many, mut one) = (sender(&keys, false), sender(&keys, false));
        let mut receiver = receiver(&keys, false);
        for parts in [&[][..], &[&b""[..]], &[b"one"], &[b"o", b"", b"ne"]] {
            let mut token = vec![0; many.mic_len()];
            many.get_mic_of(parts, &mut token).unwrap();
            assert_eq!(token, one.get_mic(&parts.concat()).unwrap());
            let status = receiver.verify_mic_of(parts, &token).unwrap();
            assert_eq!(status, SequenceStatus::Complete);
            let status = receiver.verify_mic(&parts.concat(), &token).unwrap();
            assert_eq!(status, SequenceStatus::Duplicate);
            let error = receiver.verify_mic_of(&[b"two"], &token).unwrap_err();
            assert_eq!(major(&error), MajorStatus::BAD_MIC);
            for (_, changed) in bits(&token) {
                assert!(receiver.verify_mic_of(parts, &changed).is_err());
            }
        }
        let result = many.get_mic_of(&[], &mut [0; 20]);
        assert!(matches!(result, Err(Error::Misuse(_))));
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
fn places_of_another_length_are_misuse() {
    let keys = keys(Enctype::AES128_CTS_HMAC_SHA256_128);
    for protection in BOTH {
        let mut sender = sender(&keys, false);
        let room = sender.detached_room(protection);
        for (header, trailer) in [
            (0, 0),
            (room.header - 1, room.trailer),
            (room.header + 1, room.trailer),
            (room.header, room.trailer - 1),
            (room.header, room.trailer + 1),
            (room.header + 1, room.trailer - 1),
        ] {
            let (mut header, mut trailer) = (vec![0; header], vec![0; trailer]);
            let result = sender.wrap_detached(protection, &mut header, &mut [], &mut trailer);
            assert!(matches!(result, Err(Error::Misuse(_))));
        }
        for len in [0, room.token() - 1, room.token() + 1] {
            let result = sender.wrap_token(protection, &mut vec![0; len], &mut []);
            assert!(matches!(result, Err(Error::Misuse(_))));
        }
        assert_eq!(sender.next_number(), 7);
    }
    let mut without = Sender::new(&keys, Role::Initiator, 7, Arc::new(Exhausted)).unwrap();
    let room = without.detached_room(Protection::Confidentiality);
    let (mut token, mut message) = (vec![1; room.token()], [2; 9]);
    let result = without.wrap_token(
        Protection::Confidentiality,
        &mut token,
        &mut [Piece::Data(&mut message)],
    );
    assert!(matches!(result, Err(Error::Random)));
    assert_eq!((without.next_number(), message), (7, [2; 9]));
}

#[test]
fn nothing_of_a_piece_in_debug() {
    let mut octets = *b"hunter2";
    assert_eq!(format!("{:?}", Piece::Data(&mut octets)), "Data(7 octets)");
    assert_eq!(
        format!("{:?}", Piece::SignOnly(b"ab")),
        "SignOnly(2 octets)"
    );
}
