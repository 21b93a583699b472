use crate::gss::SequenceStatus::{self, *};
use crate::gss::Window;

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
