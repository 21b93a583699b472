//! The table of buffers.

use super::{AUTHTIME, aes_keys, alice, principal, signed_with, verify_signed};
use crate::pac::{BufferType, Pac, PacBuilder, PacError};
use crate::wire::ErrorCode;

/// A PAC of buffers of these types and sizes, one behind the other.
fn pac(buffers: &[(u32, usize)]) -> Vec<u8> {
    let mut at = 8 + 16 * buffers.len();
    let mut table = Vec::new();
    for (buffer, size) in buffers {
        table.push((*buffer, *size as u32, at as u64));
        at = (at + size).next_multiple_of(8);
    }
    with_table(buffers.len() as u32, 0, &table, at)
}

fn with_table(count: u32, version: u32, table: &[(u32, u32, u64)], length: usize) -> Vec<u8> {
    let mut octets = count.to_le_bytes().to_vec();
    octets.extend(version.to_le_bytes());
    for (buffer, size, offset) in table {
        octets.extend(buffer.to_le_bytes());
        octets.extend(size.to_le_bytes());
        octets.extend(offset.to_le_bytes());
    }
    octets.resize(length, 0);
    octets
}

const LEAST: [(u32, usize); 3] = [(10, 20), (6, 16), (7, 16)];

fn container(octets: &[u8]) -> &'static str {
    match Pac::parse(octets) {
        Err(error @ PacError::Container { why }) => {
            assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
            why
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn pac_02_version_is_zero() {
    let octets = with_table(0, 1, &[], 8);
    assert_eq!(container(&octets), "its version is not 0");
}

#[test]
fn pac_02_offsets() {
    let start = 8 + 3 * 16;
    let place = |size: u32, offset: u64| {
        let table = [(10, size, offset), (6, 16, start + 24), (7, 16, start + 40)];
        with_table(3, 0, &table, 112)
    };
    assert!(Pac::parse(&place(20, start)).is_ok());
    let outside = "a buffer lies outside of it";
    for (size, offset) in [
        (20, 0),
        (20, start - 8),
        (57, start),
        (1, 112),
        (16, 1 << 32),
        (u32::MAX, start),
        (8, u64::MAX - 7),
        (u32::MAX, u64::MAX - 7),
    ] {
        assert_eq!(container(&place(size, offset)), outside, "{size} {offset}");
    }
    for offset in [start + 1, start + 4, u64::MAX] {
        assert_eq!(
            container(&place(4, offset)),
            "a buffer is not aligned to 8 octets"
        );
    }
    assert_eq!(container(&place(25, start)), "two buffers overlap");
    assert_eq!(container(&place(56, start)), "two buffers overlap");
    assert!(Pac::parse(&place(24, start)).is_ok());
    // Behind the others, and the same one as another.
    assert_eq!(container(&place(16, start + 40)), "two buffers overlap");
}

#[test]
fn pac_02_every_length_of_a_recorded_pac() {
    let case = alice();
    let octets = case.octets();
    for length in 0..octets.len() {
        assert!(Pac::parse(&octets[..length]).is_err(), "{length}");
    }
    // Octets behind the last buffer are not part of any, but are signed.
    let mut longer = octets.to_vec();
    longer.push(0);
    assert!(Pac::parse(&longer).is_ok());
    assert_eq!(
        case.verify(&longer).unwrap_err(),
        PacError::Signature {
            buffer: BufferType::SERVER_CHECKSUM
        }
    );
}

#[test]
fn case_066_counts_and_sums_that_overflow() {
    let room = "it counts more buffers than it has room for";
    for count in [1, 1 << 12, 1 << 28, (1 << 28) + 1, u32::MAX] {
        assert_eq!(container(&with_table(count, 0, &[], 8)), room);
        assert_eq!(container(&with_table(count, 0, &[], 23)), room);
    }
    assert_eq!(
        Pac::parse(&with_table(0, 0, &[], 8)).unwrap_err(),
        PacError::Missing {
            buffer: BufferType::SERVER_CHECKSUM
        }
    );
    // 2^28 times 16 is 0 in 32 bits, and 2^28 + 3 times 16 is the size of this table.
    let mut octets = pac(&LEAST);
    octets[..4].copy_from_slice(&((1u32 << 28) + 3).to_le_bytes());
    assert_eq!(container(&octets), room);
}

#[test]
fn case_068_empty_buffers() {
    let empty = (99, 0);
    for place in 0..=LEAST.len() {
        let mut buffers = LEAST.to_vec();
        buffers.insert(place, empty);
        assert!(Pac::parse(&pac(&buffers)).is_ok(), "{place}");
    }
    // Rightly signed ones: claims may be empty.
    for buffer in [13, 15, 98, 2] {
        let octets = signed_with(BufferType(buffer), Vec::new());
        let verified = verify_signed(&octets).unwrap();
        assert_eq!(verified.buffer(BufferType(buffer)), Some(&[][..]));
        assert!(verified.client_claims().is_none());
    }
    // One that must not be empty is damaged, wherever it stands.
    for buffer in [1, 11, 12, 14, 17, 18] {
        let octets = signed_with(BufferType(buffer), Vec::new());
        assert!(matches!(
            verify_signed(&octets),
            Err(PacError::Buffer { .. })
        ));
    }
}

#[test]
fn pac_03_unknown_types_are_ignored_but_signed() {
    let mut octets = signed_with(BufferType(99), b"whatever".to_vec());
    let verified = verify_signed(&octets).unwrap();
    assert_eq!(verified.buffer(BufferType(99)), Some(&b"whatever"[..]));
    let at = octets.windows(8).position(|w| w == b"whatever").unwrap();
    octets[at] ^= 1;
    assert_eq!(
        verify_signed(&octets).unwrap_err(),
        PacError::Signature {
            buffer: BufferType::SERVER_CHECKSUM
        }
    );
    // Twice is no harm for a type that means nothing.
    assert!(Pac::parse(&pac(&[LEAST[0], LEAST[1], LEAST[2], (99, 3), (99, 3)])).is_ok());
}

#[test]
fn pac_04_what_must_be_there_and_what_only_once() {
    for missing in 0..LEAST.len() {
        let mut buffers = LEAST.to_vec();
        let (buffer, _) = buffers.remove(missing);
        let buffer = BufferType(buffer);
        let error = Pac::parse(&pac(&buffers)).unwrap_err();
        assert_eq!(error, PacError::Missing { buffer });
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
    for buffer in [1, 2, 6, 7, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19] {
        let mut buffers = LEAST.to_vec();
        if buffer != 6 && buffer != 7 && buffer != 10 {
            buffers.push((buffer, 8));
        }
        assert!(Pac::parse(&pac(&buffers)).is_ok());
        buffers.push((buffer, 8));
        let error = Pac::parse(&pac(&buffers)).unwrap_err();
        let buffer = BufferType(buffer);
        assert_eq!(error, PacError::Repeated { buffer });
        assert_eq!(error.code(), ErrorCode::KRB_AP_ERR_MODIFIED);
    }
}

/// The order of the buffers has no meaning: every rotation is parsed alike, though none but the
/// signed one verifies.
#[test]
fn pac_05_order_has_no_meaning() {
    let case = alice();
    let octets = case.octets();
    let count = 7;
    for turn in 0..count {
        let mut turned = octets.to_vec();
        turned[8..8 + 16 * count].rotate_left(16 * turn);
        let pac = Pac::parse(&turned).unwrap();
        assert_eq!(pac.types().count(), count);
        assert_eq!(case.verify(&turned).is_ok(), turn == 0);
    }
}

/// Octet for octet: sizes do not count the padding, the padding is zero, the last buffer is not
/// empty.
#[test]
fn pac_06_emitted_octets() {
    let (server, krbtgt) = aes_keys();
    let octets = PacBuilder::new(&principal("bob@EXAMPLE.TEST"), AUTHTIME)
        .unwrap()
        .buffer(BufferType(99), b"odd".to_vec())
        .unwrap()
        .sign_tgt(&server, &krbtgt)
        .unwrap();
    #[rustfmt::skip]
    let expected = [
        4, 0, 0, 0, 0, 0, 0, 0,
        10, 0, 0, 0, 16, 0, 0, 0, 72, 0, 0, 0, 0, 0, 0, 0,
        99, 0, 0, 0, 3, 0, 0, 0, 88, 0, 0, 0, 0, 0, 0, 0,
        6, 0, 0, 0, 16, 0, 0, 0, 96, 0, 0, 0, 0, 0, 0, 0,
        7, 0, 0, 0, 16, 0, 0, 0, 112, 0, 0, 0, 0, 0, 0, 0,
        // 2026-11-22T08:30:31Z, as the domain controllers of the vectors write it
        0x80, 0x6d, 0x41, 0xbc, 0x5b, 0x7a, 0xdd, 0x01, 6, 0, b'b', 0, b'o', 0, b'b', 0,
        b'o', b'd', b'd', 0, 0, 0, 0, 0,
        16, 0, 0, 0,
    ];
    assert_eq!(octets[..expected.len()], expected);
    assert_eq!(octets.len(), 128);
    assert_eq!(octets[112..116], [16, 0, 0, 0]);
}
