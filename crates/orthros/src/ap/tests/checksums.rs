//! Checksums that anybody can make.

use sha1::{Digest, Sha1};

use super::forge::{AES128, AES256, Forge, NOW, key};
use crate::ap::{Acceptor, AppData};
use crate::crypto::{ChecksumType, CryptoError, Enctype, Key, KeyUsage};
use crate::error::{Error, Rejection};

/// Of RFC 3961 §6.1.3: without the complement at either end.
fn crc32(octets: &[u8]) -> Vec<u8> {
    let crc = octets.iter().fold(0u32, |crc, octet| {
        (0..8).fold(crc ^ u32::from(*octet), |crc, _| {
            crc >> 1 ^ 0xEDB8_8320 * (crc & 1)
        })
    });
    crc.to_le_bytes().to_vec()
}

/// Checksums of "abc" that are right and need no key: CRC-32, MD4 (RFC 1320), MD5, SHA-1 under
/// both of its numbers.
fn unkeyed() -> Vec<(i32, Vec<u8>)> {
    // RFC 3961 A.5.
    assert_eq!(crc32(b"foo"), [0x33, 0xBC, 0x32, 0x73]);
    let md4 = [
        0xA4, 0x48, 0x01, 0x7A, 0xAF, 0x21, 0xD8, 0x52, 0x5F, 0xC1, 0x0A, 0xE8, 0x7A, 0xA6, 0x72,
        0x9D,
    ];
    let sha1 = Sha1::digest(b"abc").to_vec();
    vec![
        (1, crc32(b"abc")),
        (2, md4.to_vec()),
        (7, crate::crypto::md5(&[b"abc"]).to_vec()),
        (10, sha1.clone()),
        (14, sha1),
    ]
}

/// None is taken where a key protects nothing else: not even MD5, and there is no switch for it.
#[test]
fn cry_24_checksums_without_a_key() {
    let usage = KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM;
    let judge = |cksum| {
        let forge = Forge {
            cksum: Some(cksum),
            ..Forge::right()
        };
        let acceptor = Acceptor::new(forge.config());
        acceptor.accept(&forge.request(), &AppData(b"abc"), None, NOW)
    };
    let right = Forge::right().session_key.checksum(usage, b"abc").unwrap();
    assert!(judge((16, right.to_vec())).is_ok());
    for (cksumtype, octets) in unkeyed() {
        let error = judge((cksumtype, octets.clone())).unwrap_err().error;
        assert_eq!(error.protocol_code().0, 50, "{cksumtype}");
        let Error::Rejected(rejection) = error else {
            panic!("{error:?}");
        };
        assert!(
            matches!(*rejection, Rejection::ChecksumType { .. }),
            "{rejection:?}"
        );
        for enctype in [
            AES128,
            AES256,
            Enctype::AES128_CTS_HMAC_SHA256_128,
            Enctype::AES256_CTS_HMAC_SHA384_192,
        ] {
            let key: Key = key(enctype, 2);
            let verified = key.verify_checksum(usage, ChecksumType(cksumtype), b"abc", &octets);
            assert!(
                matches!(verified, Err(CryptoError::ChecksumMismatch { .. })),
                "{cksumtype} {enctype}"
            );
        }
    }
}
