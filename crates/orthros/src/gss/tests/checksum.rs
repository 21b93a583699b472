use crate::error::{Error, Rejection};
use crate::gss::status::MajorStatus;
use crate::gss::{ContextFlags, Extension, GssChecksum, Role};

fn fixed(flags: u32) -> Vec<u8> {
    let mut octets = vec![16, 0, 0, 0];
    octets.extend_from_slice(&[0xAB; 16]);
    octets.extend_from_slice(&flags.to_le_bytes());
    octets
}

fn with_delegation(cred: &[u8]) -> Vec<u8> {
    let mut octets = fixed(0x3F);
    octets.extend_from_slice(&[1, 0]);
    octets.extend_from_slice(&(cred.len() as u16).to_le_bytes());
    octets.extend_from_slice(cred);
    octets
}

fn extension(ext_type: u32, data: &[u8]) -> Vec<u8> {
    let mut octets = ext_type.to_be_bytes().to_vec();
    octets.extend_from_slice(&(data.len() as u32).to_be_bytes());
    octets.extend_from_slice(data);
    octets
}

fn major(rejection: Rejection) -> MajorStatus {
    Error::from(rejection).gss_major(Role::Acceptor)
}

#[test]
fn gss_15_layout() {
    let octets = fixed(0x3E);
    let checksum = GssChecksum::parse(&octets).unwrap();
    assert_eq!(checksum.bindings, [0xAB; 16]);
    assert_eq!(checksum.flags, ContextFlags(0x3E));
    assert_eq!(checksum.delegation, None);
    assert_eq!(checksum.to_bytes(), octets);

    let octets = [with_delegation(b"KRB-CRED"), extension(0, b"mic")].concat();
    let checksum = GssChecksum::parse(&octets).unwrap();
    assert_eq!(checksum.delegation, Some(&b"KRB-CRED"[..]));
    assert_eq!(checksum.extension(0), Some(&b"mic"[..]));
    assert_eq!(checksum.extension(1), None);
    assert_eq!(checksum.to_bytes(), octets);
}

#[test]
fn case_013_truncated_at_every_octet() {
    let whole = with_delegation(&[7; 36]);
    for len in 0..whole.len() {
        let rejection = GssChecksum::parse(&whole[..len]).unwrap_err();
        let expected = if len < 24 {
            MajorStatus::BAD_BINDINGS
        } else {
            MajorStatus::FAILURE
        };
        assert_eq!(major(rejection), expected, "{len}");
    }
    assert!(GssChecksum::parse(&whole).is_ok());
    // Without the flag, every length from 24 on will do.
    let plain = [fixed(0x3E), vec![0xFF; 40]].concat();
    for len in 0..=plain.len() {
        assert_eq!(GssChecksum::parse(&plain[..len]).is_ok(), len >= 24);
    }
}

#[test]
fn gss_15_lgth_and_dlgopt() {
    for lgth in [0u32, 15, 17, 0x10000000, u32::MAX] {
        let mut octets = fixed(0x3E);
        octets[..4].copy_from_slice(&lgth.to_le_bytes());
        let rejection = GssChecksum::parse(&octets).unwrap_err();
        assert_eq!(major(rejection), MajorStatus::FAILURE);
    }
    for option in [0u16, 2, 0x0100, u16::MAX] {
        let mut octets = with_delegation(b"KRB-CRED");
        octets[24..26].copy_from_slice(&option.to_le_bytes());
        assert!(GssChecksum::parse(&octets).is_err());
    }
    // Dlgth longer than what follows.
    let mut octets = with_delegation(b"KRB-CRED");
    octets[26] += 1;
    assert!(GssChecksum::parse(&octets).is_err());
    octets[26] = 0;
    assert_eq!(
        GssChecksum::parse(&octets).unwrap().delegation,
        Some(&[][..])
    );
}

#[test]
fn gss_16_unknown_flags() {
    let octets = [&fixed(u32::MAX)[..], &[1, 0, 1, 0, 0x76]].concat();
    let checksum = GssChecksum::parse(&octets).unwrap();
    assert!(checksum.flags.contains(ContextFlags::MUTUAL));
    let sent = checksum.to_bytes();
    assert_eq!(sent[20..24], 0x703Fu32.to_le_bytes());
}

#[test]
fn gss_17_stray_octets_and_extensions() {
    for stray in 1..=7 {
        for fill in [0, 1, 0xFF] {
            let octets = [fixed(0), vec![fill; stray]].concat();
            assert!(GssChecksum::parse(&octets).unwrap().extensions.is_empty());
            let octets = [fixed(0), extension(9, b"data"), vec![fill; stray]].concat();
            let checksum = GssChecksum::parse(&octets).unwrap();
            let expected = Extension {
                ext_type: 9,
                data: b"data",
            };
            assert_eq!(checksum.extensions, [expected]);
        }
    }
    // An extension longer than the rest is none.
    let mut octets = [fixed(0), extension(0, b"mic")].concat();
    octets[31] = 4;
    assert!(GssChecksum::parse(&octets).unwrap().extensions.is_empty());
    // At most one of a type.
    let octets = [fixed(0), extension(0, b"mic"), extension(0, b"mic")].concat();
    assert!(GssChecksum::parse(&octets).is_err());
    let octets = [fixed(0), extension(0, b"mic"), extension(1, b"mic")].concat();
    assert_eq!(GssChecksum::parse(&octets).unwrap().extensions.len(), 2);
}

#[test]
fn gss_17_many_extensions_take_no_time() {
    let octets = (0..100_000u32).fold(fixed(0), |mut octets, ext_type| {
        octets.extend_from_slice(&extension(ext_type, b""));
        octets
    });
    assert_eq!(
        GssChecksum::parse(&octets).unwrap().extensions.len(),
        100_000
    );
}

#[test]
fn gss_18_a_krb_cred_too_long() {
    let cred = vec![0x76; 0x10000];
    let mut checksum = GssChecksum {
        flags: ContextFlags::MUTUAL,
        delegation: Some(&cred),
        ..GssChecksum::default()
    };
    assert_eq!(
        checksum.to_bytes(),
        [&[16, 0, 0, 0][..], &[0; 16], &[2, 0, 0, 0]].concat()
    );
    checksum.delegation = Some(&cred[..0xFFFF]);
    let octets = checksum.to_bytes();
    assert_eq!(octets[20..28], [3, 0, 0, 0, 1, 0, 0xFF, 0xFF]);
    assert_eq!(octets.len(), 28 + 0xFFFF);
}

#[test]
fn deleg_is_what_is_there() {
    let checksum = GssChecksum {
        flags: ContextFlags::DELEG,
        ..GssChecksum::default()
    };
    assert_eq!(checksum.to_bytes()[20], 0);
}
