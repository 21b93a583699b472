//! Every value of the RFCs' appendices and of the collections named in `vectors/README.md`.

use serde_json::Value;
use sha2::Digest;

use super::super::cts::{self, Aes, Aes128, Aes256};
use super::super::hmac::Hmac;
use super::super::nfold::{nfold, nfold_usage};
use super::super::{Cipher, Mac, sha1_profile, sha2_profile};
use super::{number, octets, section};
use crate::crypto::{ChecksumType, CryptoError, Enctype, Key, KeyUsage, krb_fx_cf2, prf_plus};

const RFC3961: &str = include_str!("../../../../../vectors/crypto/rfc3961.json");
const RFC3962: &str = include_str!("../../../../../vectors/crypto/rfc3962.json");
#[cfg(feature = "legacy")]
const RFC4757: &str = include_str!("../../../../../vectors/crypto/rfc4757.json");
const RFC6113: &str = include_str!("../../../../../vectors/crypto/rfc6113.json");
const LONG: &str = include_str!("../../../../../vectors/crypto/long.json");
const RFC8009: &str = include_str!("../../../../../vectors/crypto/rfc8009.json");

fn enctype(entry: &Value) -> Enctype {
    Enctype(number(entry, "etype") as i32)
}

fn key(entry: &Value) -> Key {
    Key::new(enctype(entry), &octets(entry, "key")).unwrap()
}

fn usage(entry: &Value) -> KeyUsage {
    KeyUsage(number(entry, "usage") as u32)
}

#[test]
fn cry_01_nfold() {
    for entry in section(RFC3961, "nfold") {
        let expected = octets(&entry, "output");
        let input = octets(&entry, "input");
        let mut output = vec![0xff; number(&entry, "bits") as usize / 8];
        nfold(&input, &mut output);
        assert_eq!(output, expected, "{entry}");
        if let (Ok(input), Ok(expected)) =
            (<[u8; 5]>::try_from(input), <[u8; 16]>::try_from(expected))
        {
            assert_eq!(nfold_usage(input), expected, "{entry}");
        }
    }
}

/// The word arithmetic for usage constants is the general rule, which the vectors above prove.
#[test]
fn cry_02_nfold_of_usage_constants() {
    for usage in (0..2000u32).chain([u32::MAX, 0x8000_0000, 0x0102_0304]) {
        for last in [0x99, 0xaa, 0x55] {
            let [a, b, c, d] = usage.to_be_bytes();
            let mut expected = [0; 16];
            nfold(&[a, b, c, d, last], &mut expected);
            assert_eq!(
                nfold_usage([a, b, c, d, last]),
                expected,
                "{usage} {last:x}"
            );
        }
    }
}

#[test]
fn cry_02_sha1_profile_derived_keys() {
    for entry in section(RFC3962, "derive") {
        let base = octets(&entry, "base_key");
        let constant = octets(&entry, "constant");
        let derived = match number(&entry, "etype") {
            17 => sha1_profile::derive::<Aes128>(&base, &constant),
            18 => sha1_profile::derive::<Aes256>(&base, &constant),
            other => panic!("etype {other}"),
        };
        assert_eq!(derived.as_slice(), octets(&entry, "key"), "{entry}");
    }
}

#[test]
fn cry_05_cts_both_directions() {
    for entry in section(RFC3962, "cts") {
        assert_eq!(octets(&entry, "iv"), [0; 16]);
        let enc = Aes128::expand(&octets(&entry, "key"));
        let plaintext = octets(&entry, "plaintext");
        let mut text = plaintext.clone();
        let mut mac = [Hmac::<sha2::Sha256>::new(b"").start()];
        cts::hash_then_encrypt(&enc, [&mut text], &mut mac);
        assert_eq!(text, octets(&entry, "ciphertext"), "{entry}");
        text.clone_from(&plaintext);
        let mut mac = [Hmac::<sha2::Sha256>::new(b"").start()];
        cts::encrypt_then_hash(&enc, [&mut text], &mut mac);
        assert_eq!(text, octets(&entry, "ciphertext"), "{entry}");
        cts::decrypt(&<Aes128 as Aes>::Dec::from(&enc), &mut text);
        assert_eq!(text, plaintext, "{entry}");
    }
}

fn string_to_key(file: &str) {
    for entry in section(file, "string_to_key") {
        let params = entry["params"].as_str().map(super::unhex);
        let made = Key::from_password(
            enctype(&entry),
            &octets(&entry, "password"),
            &octets(&entry, "salt"),
            params.as_deref(),
        );
        assert_eq!(made.unwrap().expose(), octets(&entry, "key"), "{entry}");
    }
}

#[test]
fn cry_06_and_cry_26_string_to_key_rfc3962() {
    string_to_key(RFC3962);
}

#[test]
fn cry_12_string_to_key_rfc8009() {
    string_to_key(RFC8009);
}

#[test]
fn cry_08_and_cry_09_sha2_derived_keys() {
    for entry in section(RFC8009, "derive") {
        let base = octets(&entry, "base_key");
        let expected = octets(&entry, "key");
        let mut derived = vec![0; expected.len()];
        let constant = octets(&entry, "constant");
        match number(&entry, "etype") {
            19 => sha2_profile::kdf(
                &Hmac::<sha2::Sha256>::new(&base),
                &constant,
                &[],
                &mut derived,
            ),
            20 => sha2_profile::kdf(
                &Hmac::<sha2::Sha384>::new(&base),
                &constant,
                &[],
                &mut derived,
            ),
            other => panic!("etype {other}"),
        }
        assert_eq!(derived, expected, "{entry}");
    }
}

/// Both directions. Some vectors are of usage 0, which the public interface refuses (CRY-16).
fn encrypt(file: &str) {
    for entry in section(file, "encrypt") {
        let cipher = Cipher::derive(&key(&entry).schedule(), usage(&entry));
        let plaintext = octets(&entry, "plaintext");
        let mut buf = octets(&entry, "confounder");
        assert_eq!(buf.len(), cipher.confounder_len());
        buf.extend_from_slice(&plaintext);
        buf.resize(buf.len() + cipher.mac_len(), 0xee);
        cipher.seal_in_place(&mut buf);
        assert_eq!(buf, octets(&entry, "ciphertext"), "{entry}");
        assert_eq!(cipher.decrypt(&buf).unwrap(), plaintext, "{entry}");
        assert_eq!(
            cipher.open_in_place(&mut buf).unwrap(),
            plaintext,
            "{entry}"
        );
    }
}

#[test]
fn cry_03_and_cry_04_encrypt_rfc3962() {
    encrypt(RFC3962);
}

#[test]
fn cry_10_and_cry_11_encrypt_rfc8009() {
    encrypt(RFC8009);
}

fn checksum(file: &str) {
    for entry in section(file, "checksum") {
        let checksum_type = ChecksumType(number(&entry, "checksum_type") as i32);
        if checksum_type == ChecksumType::MD5_HMAC_RC4 {
            continue; // not implemented
        }
        let mac = Mac::derive(&key(&entry), usage(&entry));
        assert_eq!(mac.checksum_type(), checksum_type);
        assert_eq!(Some(mac.len()), checksum_type.len());
        let (data, expected) = (octets(&entry, "data"), octets(&entry, "checksum"));
        let (first, second) = data.split_at(data.len() / 3);
        assert_eq!(&*mac.checksum(&[&data]), expected, "{entry}");
        assert_eq!(&*mac.checksum(&[first, second]), expected, "{entry}");
        assert_eq!(mac.verify(&[&data], &expected), Ok(()));
        for len in 0..expected.len() {
            assert_eq!(
                mac.verify(&[&data], &expected[..len]),
                Err(CryptoError::Integrity)
            );
        }
        let longer = [expected.as_slice(), &[0]].concat();
        assert_eq!(mac.verify(&[&data], &longer), Err(CryptoError::Integrity));
    }
}

#[test]
fn cry_15_checksum_rfc3962_and_its_truncations() {
    checksum(RFC3962);
}

#[test]
fn cry_15_checksum_rfc8009_and_its_truncations() {
    checksum(RFC8009);
}

fn prf(file: &str) {
    for entry in section(file, "prf") {
        let output = key(&entry).prf(&octets(&entry, "input"));
        assert_eq!(output, octets(&entry, "output"), "{entry}");
        assert_eq!(output.len(), key(&entry).prf_len());
    }
}

#[test]
fn cry_13_prf() {
    prf(RFC3962);
    prf(RFC8009);
}

#[test]
fn cry_14_prf_plus() {
    let mut run = 0;
    for entry in section(RFC6113, "prfplus") {
        if !enctype(&entry).is_supported() {
            continue;
        }
        let len = number(&entry, "length") as usize;
        let output = prf_plus(&key(&entry), &octets(&entry, "input"), len).unwrap();
        assert_eq!(output.expose(), octets(&entry, "output"), "{entry}");
        run += 1;
    }
    assert!(run >= 16, "only {run} run");
}

#[test]
fn cry_14_krb_fx_cf2() {
    let mut run = 0;
    for entry in section(RFC6113, "cf2") {
        let (key1, key2) = (&entry["key1"], &entry["key2"]);
        if !enctype(key1).is_supported() || !enctype(key2).is_supported() {
            continue;
        }
        let pepper = |field: &str| entry[field].as_str().unwrap().as_bytes().to_vec();
        let mixed = krb_fx_cf2(
            &key(key1),
            &key(key2),
            &pepper("pepper1"),
            &pepper("pepper2"),
        )
        .unwrap();
        assert_eq!(mixed.enctype(), enctype(&entry["result"]), "{entry}");
        assert_eq!(mixed.expose(), octets(&entry["result"], "key"), "{entry}");
        run += 1;
    }
    assert!(run >= 16, "only {run} run");
}

/// The data of `long.json`.
fn pattern(entry: &Value) -> Vec<u8> {
    (0..number(entry, "length"))
        .map(|i| (7 * i + i / 251) as u8)
        .collect()
}

/// Across every boundary of cipher block, hash block and piece, as MIT krb5 does it.
#[test]
fn cry_03_and_cry_10_long_messages() {
    for entry in section(LONG, "encrypt") {
        if !enctype(&entry).is_supported() {
            continue;
        }
        let cipher = key(&entry).cipher(usage(&entry)).unwrap();
        let plaintext = pattern(&entry);
        let mut buf = octets(&entry, "confounder");
        buf.extend_from_slice(&plaintext);
        buf.resize(number(&entry, "ciphertext_length") as usize, 0);
        cipher.seal_in_place(&mut buf);
        assert_eq!(
            sha2::Sha256::digest(&buf).as_slice(),
            octets(&entry, "ciphertext_sha256"),
            "{entry}"
        );
        assert_eq!(
            cipher.open_in_place(&mut buf).unwrap(),
            plaintext,
            "{entry}"
        );
    }
}

#[test]
fn cry_15_checksums_of_long_messages() {
    for entry in section(LONG, "checksum") {
        if enctype(&entry).is_supported() {
            let mac = key(&entry).mac(usage(&entry)).unwrap();
            let data = pattern(&entry);
            assert_eq!(
                mac.verify(&[&data], &octets(&entry, "checksum")),
                Ok(()),
                "{entry}"
            );
        }
    }
}

#[cfg(feature = "legacy")]
mod legacy {
    use super::*;

    #[test]
    fn cry_19_string_to_key() {
        for entry in section(RFC4757, "string_to_key") {
            let password = octets(&entry, "password");
            let made = Key::from_password(Enctype::RC4_HMAC, &password, b"ignored", None);
            assert_eq!(made.unwrap().expose(), octets(&entry, "key"), "{entry}");
        }
    }

    #[test]
    fn cry_20_and_cry_22_encrypt() {
        encrypt(RFC4757);
    }

    #[test]
    fn cry_21_checksum() {
        checksum(RFC4757);
    }

    #[test]
    fn cry_13_prf() {
        prf(RFC4757);
    }
}
