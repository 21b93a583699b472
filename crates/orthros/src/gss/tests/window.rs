use std::collections::BTreeSet;
use std::sync::Arc;

use proptest::prelude::*;

use crate::crypto::{Enctype, Key};
use crate::gss::SequenceStatus::{self, *};
use crate::gss::{MessageKeys, Protection, Receiver, Role, Sender, Window};
use crate::random::OsRandom;

#[derive(Clone, Copy)]
struct Row {
    number: u64,
    /// REPLAY and SEQUENCE; SEQUENCE; REPLAY.
    expected: [SequenceStatus; 3],
}

fn table(first: u64, rows: &[Row]) {
    let modes = [(true, true), (false, true), (true, false)];
    for (mode, (replay, sequence)) in modes.into_iter().enumerate() {
        let mut window = Window::new(first, replay, sequence);
        for (n, row) in rows.iter().enumerate() {
            assert_eq!(
                window.receive(row.number),
                row.expected[mode],
                "row {n}, number {}, mode {mode}",
                row.number
            );
        }
    }
    let mut window = Window::new(first, false, false);
    for row in rows {
        assert_eq!(window.receive(row.number), Complete);
    }
}

fn row(number: u64, expected: [SequenceStatus; 3]) -> Row {
    Row { number, expected }
}

#[test]
fn gss_31_table() {
    table(
        100,
        &[
            row(100, [Complete, Complete, Complete]),
            row(101, [Complete, Complete, Complete]),
            row(101, [Duplicate, Unseq, Duplicate]),
            row(104, [Gap, Gap, Complete]),
            row(103, [Unseq, Unseq, Complete]),
            row(103, [Duplicate, Unseq, Duplicate]),
            row(105, [Complete, Complete, Complete]),
            row(102, [Unseq, Unseq, Complete]),
            row(100, [Duplicate, Unseq, Duplicate]),
            row(169, [Gap, Gap, Complete]),
            // 64 numbers are remembered: 106 to 169.
            row(106, [Unseq, Unseq, Complete]),
            row(106, [Duplicate, Unseq, Duplicate]),
            row(105, [Unseq, Unseq, Old]),
            row(100, [Unseq, Unseq, Old]),
        ],
    );
}

#[test]
fn gss_31_the_first_is_missing() {
    table(
        5,
        &[
            row(7, [Gap, Gap, Complete]),
            row(5, [Unseq, Unseq, Complete]),
            row(5, [Duplicate, Unseq, Duplicate]),
            row(6, [Unseq, Unseq, Complete]),
            row(8, [Complete, Complete, Complete]),
        ],
    );
}

#[test]
fn case_040_jumps() {
    for jump in [
        1u64,
        62,
        63,
        64,
        65,
        127,
        128,
        1 << 31,
        1 << 32,
        1 << 63,
        u64::MAX - 4,
    ] {
        for first in [0u64, 3, u64::MAX - 1] {
            let mut window = Window::new(first, true, false);
            for n in 0..4 {
                assert_eq!(window.receive(first.wrapping_add(n)), Complete);
            }
            // Expected was first + 4; the jump skips `jump - 1` numbers.
            let target = first.wrapping_add(3).wrapping_add(jump);
            assert_eq!(window.receive(target), Complete, "{jump}");
            assert_eq!(window.receive(target), Duplicate, "{jump}");
            for n in 0..4 {
                let back = jump + 3 - n;
                let expected = if back < 64 { Duplicate } else { Old };
                assert_eq!(
                    window.receive(first.wrapping_add(n)),
                    expected,
                    "{jump} {n}"
                );
            }
        }
    }
}

#[test]
fn case_038_past_two_to_the_64th() {
    let first = u64::MAX - 1;
    table(
        first,
        &[
            row(u64::MAX - 1, [Complete, Complete, Complete]),
            row(u64::MAX, [Complete, Complete, Complete]),
            row(0, [Complete, Complete, Complete]),
            row(2, [Gap, Gap, Complete]),
            row(u64::MAX, [Duplicate, Unseq, Duplicate]),
            row(1, [Unseq, Unseq, Complete]),
            row(3, [Complete, Complete, Complete]),
        ],
    );
}

#[test]
fn gss_30_past_two_to_the_32nd() {
    let first = u64::from(u32::MAX);
    let mut window = Window::new(first, true, true);
    for number in first..first + 100 {
        assert_eq!(window.receive(number), Complete);
    }
}

#[test]
fn gss_31_every_number_is_taken_once() {
    // Arbitrary order within the window: each number once, whatever the order.
    let mut window = Window::new(0, true, false);
    let order = (0..640u64).map(|n| n ^ 0x2A);
    for number in order.clone() {
        assert_eq!(window.receive(number), Complete);
        assert_eq!(window.receive(number), Duplicate);
    }
    for number in order.rev().take(1) {
        assert_eq!(window.receive(number), Duplicate);
    }
}

#[test]
fn only_complete_is_complete() {
    assert!(Complete.complete().is_ok());
    for status in [Duplicate, Old, Unseq, Gap] {
        assert!(status.complete().is_err());
    }
}

/// RFC 2743 §1.2.3, with nothing but a set of what came: places count from the first number that
/// the peer sends.
#[derive(Default)]
struct Model {
    came: BTreeSet<u64>,
}

impl Model {
    fn receive(&mut self, place: u64, replay: bool, sequence: bool) -> SequenceStatus {
        let due = self.came.last().map_or(0, |last| last + 1);
        let oldest = due.saturating_sub(u64::from(Window::LEN));
        let again = !self.came.insert(place);
        match (replay, sequence) {
            // "the caller requested neither": no service.
            (false, false) => Complete,
            _ if place == due => Complete,
            // "not all predecessors have been received".
            _ if place > due => {
                if sequence {
                    Gap
                } else {
                    Complete
                }
            }
            // "too old to be checked for duplication".
            _ if place < oldest => {
                if sequence {
                    Unseq
                } else {
                    Old
                }
            }
            (true, _) if again => Duplicate,
            // "predecessors of one already processed".
            (_, true) => Unseq,
            (_, false) => Complete,
        }
    }
}

/// What happens on the way.
#[derive(Clone, Copy, Debug)]
enum Fate {
    /// The next one arrives.
    Arrive,
    /// So many are lost or late, and then one arrives.
    Skip(u64),
    /// One of before arrives, for the first time or again, so far back.
    Back(u64),
    /// A token of the other end arrives at the other end.
    Other,
}

fn fates() -> impl Strategy<Value = Vec<Fate>> {
    let fate = prop_oneof![
        4 => Just(Fate::Arrive),
        2 => (1u64..80).prop_map(Fate::Skip),
        4 => (1u64..80).prop_map(Fate::Back),
        1 => Just(Fate::Other),
    ];
    proptest::collection::vec(fate, 0..120)
}

fn firsts() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(0),
        0..u64::from(u32::MAX),
        (0u64..200).prop_map(|n| (1 << 32) - n),
        (0u64..200).prop_map(|n| 0u64.wrapping_sub(n)),
        any::<u64>(),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Wrap and MIC tokens by turns, of both ends: any interleaving, loss, duplication and
    /// reordering.
    #[test]
    fn gss_31_case_038_any_order_of_tokens(
        fates in fates(),
        first in firsts(),
        replay in any::<bool>(),
        sequence in any::<bool>(),
    ) {
        let keys = MessageKeys {
            base: Key::new(Enctype::AES128_CTS_HMAC_SHA1_96, &[3; 16]).unwrap(),
            acceptor_subkey: None,
        };
        let mut ends = [Role::Initiator, Role::Acceptor].map(|role| {
            let sender = Sender::new(&keys, role, first, Arc::new(OsRandom)).unwrap();
            let window = Window::new(first, replay, sequence);
            let receiver = Receiver::new(&keys, role.peer(), window).unwrap();
            (sender, receiver, Model::default(), 0u64)
        });
        for fate in fates {
            let (sender, receiver, model, next) = &mut ends[usize::from(matches!(fate, Fate::Other))];
            let place = match fate {
                Fate::Arrive | Fate::Other => *next,
                Fate::Skip(lost) => *next + lost,
                Fate::Back(back) => next.saturating_sub(back),
            };
            *next = (*next).max(place + 1);
            // Sent now or before: the same token, as far as its number goes.
            sender.go_on_at(first.wrapping_add(place));
            let found = if place.is_multiple_of(3) {
                let mic = sender.get_mic(b"message").unwrap();
                receiver.verify_mic(b"message", &mic).unwrap()
            } else {
                let token = sender.wrap(Protection::Integrity, b"message").unwrap();
                let number = first.wrapping_add(place).to_be_bytes();
                prop_assert_eq!(token[8..16].to_vec(), number.to_vec());
                let (message, status) = receiver.unwrap(&token).unwrap().in_any_order();
                prop_assert_eq!(message, b"message");
                status
            };
            let expected = model.receive(place, replay, sequence);
            prop_assert_eq!(found, expected, "place {}", place);
        }
    }
}
