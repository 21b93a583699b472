//! What a hostile peer, KDC or file may send, and what must not get out.

use proptest::prelude::*;

use crate::crypto::{
    ChecksumType, CryptoError, DEFAULT_ENCTYPES, Enctype, Key, KeyUsage, iteration_count, prf_plus,
};
use crate::random::{OsRandom, Random, RandomUnavailable};

/// The usages of the table in RFC 4120 §7.5.1 and after it.
const USAGES: &[KeyUsage] = &[
    KeyUsage::PA_ENC_TIMESTAMP,
    KeyUsage::TICKET,
    KeyUsage::AS_REP,
    KeyUsage::TGS_REQ_AUTHENTICATOR,
    KeyUsage::TGS_REP_SESSION_KEY,
    KeyUsage::TGS_REP_SUBKEY,
    KeyUsage::AP_REQ_AUTHENTICATOR,
    KeyUsage::AP_REP,
    KeyUsage::KRB_PRIV,
    KeyUsage::KRB_CRED,
    KeyUsage::ACCEPTOR_SEAL,
    KeyUsage::INITIATOR_SEAL,
    KeyUsage::FAST_ENC,
    KeyUsage::UNSPECIFIED_ENCRYPTION,
];

fn enctypes() -> Vec<Enctype> {
    (-200..200)
        .map(Enctype)
        .filter(|enctype| enctype.is_supported())
        .collect()
}

fn some_key(enctype: Enctype) -> Key {
    let octets: Vec<u8> = (0..enctype.key_len().unwrap() as u8)
        .map(|i| i ^ 0x5a)
        .collect();
    Key::new(enctype, &octets).unwrap()
}

struct NoRandom;
impl Random for NoRandom {
    fn fill(&self, _: &mut [u8]) -> Result<(), RandomUnavailable> {
        Err(RandomUnavailable)
    }
}

#[test]
fn cry_04_cry_11_and_case_114_short_ciphertexts_are_refused() {
    for enctype in enctypes() {
        let minimum = enctype.overhead().unwrap();
        for usage in USAGES {
            let cipher = some_key(enctype).cipher(*usage).unwrap();
            for actual in 0..=80 {
                for fill in [0u8, 0xff, 0x60] {
                    let mut buf = vec![fill; actual];
                    let refused = cipher.open_in_place(&mut buf).unwrap_err();
                    assert_eq!(
                        refused,
                        if actual < minimum {
                            CryptoError::TooShort {
                                enctype,
                                minimum,
                                actual,
                            }
                        } else {
                            CryptoError::Integrity
                        }
                    );
                    assert_eq!(some_key(enctype).decrypt(*usage, &buf), Err(refused));
                }
            }
        }
    }
}

#[test]
fn cry_04_and_cry_11_each_flipped_octet_is_refused_and_nothing_is_released() {
    let plaintext = b"attack at dawn; attack at dawn; attack at dawn; attack at dawn; at dusk no";
    for enctype in enctypes() {
        let cipher = some_key(enctype).cipher(KeyUsage::KRB_PRIV).unwrap();
        let sealed = cipher.encrypt(plaintext, &OsRandom).unwrap();
        for at in 0..sealed.len() {
            for bit in [0x01, 0x80] {
                let mut buf = sealed.clone();
                buf[at] ^= bit;
                assert_eq!(cipher.open_in_place(&mut buf), Err(CryptoError::Integrity));
                assert!(
                    !buf.windows(8).any(|window| window == b"t dawn; "),
                    "{enctype} {at}"
                );
            }
        }
        for len in 0..sealed.len() {
            assert!(
                cipher.decrypt(&sealed[..len]).is_err(),
                "{enctype} cut to {len}"
            );
        }
        assert!(cipher.decrypt(&[&sealed[..], &[0]].concat()).is_err());
    }
}

#[test]
fn cry_02_and_cry_09_a_ciphertext_of_another_usage_or_key_is_refused() {
    for enctype in enctypes() {
        let key = some_key(enctype);
        let sealed = key.encrypt(KeyUsage::AP_REP, b"part", &OsRandom).unwrap();
        assert_eq!(key.decrypt(KeyUsage::AP_REP, &sealed).unwrap(), b"part");
        assert_eq!(
            key.decrypt(KeyUsage::KRB_PRIV, &sealed),
            Err(CryptoError::Integrity)
        );
        let other = Key::random(enctype, &OsRandom).unwrap();
        assert_eq!(
            other.decrypt(KeyUsage::AP_REP, &sealed),
            Err(CryptoError::Integrity)
        );
    }
}

#[test]
fn cry_07_two_to_the_31_iterations_are_refused_at_once() {
    let aes = enctypes()
        .into_iter()
        .filter(|enctype| *enctype != Enctype::RC4_HMAC);
    for enctype in aes {
        for (params, count) in [([0x80, 0, 0, 0], 1u64 << 31), ([0; 4], 1 << 32)] {
            let started = std::time::Instant::now();
            let refused = Key::from_password(enctype, b"password", b"salt", Some(&params));
            assert_eq!(
                refused.unwrap_err(),
                CryptoError::IterationCount {
                    count,
                    maximum: crate::crypto::DEFAULT_MAX_ITERATIONS
                }
            );
            assert!(started.elapsed() < std::time::Duration::from_millis(50));
            assert_eq!(iteration_count(enctype, Some(&params)), Ok(count));
        }
        // The bound is the caller's, and inclusive; 2^32 is beyond every bound.
        let bounded = |params: [u8; 4], bound| {
            Key::from_password_bounded(enctype, b"password", b"salt", Some(&params), bound)
        };
        assert!(bounded([0, 0, 0, 2], 2).is_ok());
        assert!(bounded([0, 0, 0, 3], 2).is_err());
        assert!(bounded([0; 4], u32::MAX).is_err());
    }
    const { assert!(crate::crypto::DEFAULT_MAX_ITERATIONS >= 50_000) };
}

#[test]
fn cry_06_parameters_have_four_octets() {
    for enctype in enctypes() {
        for length in [0usize, 1, 3, 5, 8] {
            let params = vec![1; length];
            assert_eq!(
                Key::from_password(enctype, b"password", b"salt", Some(&params)),
                Err(CryptoError::StringToKeyParameter { enctype, length })
            );
        }
    }
}

#[test]
fn cry_16_a_checksum_type_must_fit_the_key() {
    for enctype in enctypes() {
        let key = some_key(enctype);
        let required = enctype.required_checksum().unwrap();
        let checksum = key.checksum(KeyUsage::KRB_SAFE, b"data").unwrap();
        let verify = |checksum_type| {
            key.verify_checksum(KeyUsage::KRB_SAFE, checksum_type, b"data", &checksum)
        };
        assert_eq!(verify(required), Ok(()));
        for other in (-150..50)
            .chain([0x8003])
            .map(ChecksumType)
            .filter(|t| *t != required)
        {
            assert_eq!(
                verify(other),
                Err(CryptoError::ChecksumMismatch {
                    checksum: other,
                    key: enctype
                })
            );
        }
        let data =
            |octets: &[u8]| key.verify_checksum(KeyUsage::KRB_SAFE, required, octets, &checksum);
        assert_eq!(data(b"Data"), Err(CryptoError::Integrity));
        assert_eq!(checksum.len(), required.len().unwrap());
        assert!(required.is_keyed());
    }
}

#[test]
fn cry_16_usage_zero_is_refused() {
    for enctype in enctypes() {
        let key = some_key(enctype);
        let zero = KeyUsage(0);
        assert_eq!(
            key.cipher(zero).unwrap_err(),
            CryptoError::InvalidUsage(zero)
        );
        assert_eq!(key.mac(zero).unwrap_err(), CryptoError::InvalidUsage(zero));
        assert!(key.encrypt(zero, b"", &OsRandom).is_err());
        assert!(key.decrypt(zero, &[0; 80]).is_err());
    }
}

#[test]
fn cry_17_the_length_of_a_key_is_exact() {
    for enctype in enctypes() {
        let expected = enctype.key_len().unwrap();
        for actual in (0..=64).filter(|actual| *actual != expected) {
            assert_eq!(
                Key::new(enctype, &vec![7; actual]),
                Err(CryptoError::KeyLength {
                    enctype,
                    expected,
                    actual
                })
            );
        }
    }
}

#[test]
fn cry_23_other_enctypes_are_named_and_refused() {
    for enctype in (-200..200)
        .map(Enctype)
        .filter(|enctype| !enctype.is_supported())
    {
        let refusal = CryptoError::UnsupportedEnctype(enctype);
        for length in [0, 8, 16, 24, 32] {
            assert_eq!(Key::new(enctype, &vec![7; length]), Err(refusal.clone()));
        }
        assert_eq!(Key::random(enctype, &OsRandom), Err(refusal.clone()));
        assert_eq!(Key::from_password(enctype, b"a", b"b", None), Err(refusal));
    }
    assert_eq!(Enctype::RC4_HMAC.is_supported(), cfg!(feature = "legacy"));
    assert_eq!(Enctype(1).to_string(), "des-cbc-crc");
    assert_eq!(Enctype(16).to_string(), "des3-cbc-sha1");
    assert_eq!(Enctype(77).to_string(), "etype 77");
}

#[test]
fn cry_25_default_enctypes() {
    let numbers: Vec<i32> = DEFAULT_ENCTYPES.iter().map(|enctype| enctype.0).collect();
    assert_eq!(numbers, [18, 17, 20, 19]);
}

#[test]
fn names_are_mits() {
    for (name, number) in [
        ("aes256-cts", 18),
        ("aes256-cts-hmac-sha1-96", 18),
        ("AES256-SHA1", 18),
        ("aes128-cts", 17),
        ("aes256-sha2", 20),
        ("aes256-cts-hmac-sha384-192", 20),
        ("aes128-sha2", 19),
        ("arcfour-hmac", 23),
        ("rc4-hmac", 23),
        ("arcfour-hmac-md5", 23),
        ("des3-cbc-sha1-kd", 16),
        ("camellia256-cts", 26),
    ] {
        assert_eq!(Enctype::from_name(name), Some(Enctype(number)), "{name}");
    }
    assert_eq!(Enctype::from_name("aes512-cts"), None);
    assert_eq!(Enctype(23).name(), Some("arcfour-hmac"));
}

#[test]
fn cry_27_without_randomness_there_is_no_key_and_no_ciphertext() {
    for enctype in enctypes() {
        assert_eq!(Key::random(enctype, &NoRandom), Err(CryptoError::Random));
        let key = some_key(enctype);
        assert_eq!(
            key.encrypt(KeyUsage::TICKET, b"", &NoRandom),
            Err(CryptoError::Random)
        );
        let mut out = b"header".to_vec();
        let cipher = key.cipher(KeyUsage::TICKET).unwrap();
        assert!(
            cipher
                .encrypt_into(&[b"text"], &NoRandom, &mut out)
                .is_err()
        );
        assert_eq!(out, b"header");
    }
}

#[test]
fn cry_27_debug_shows_no_octets() {
    let key = Key::new(Enctype(17), b"ABCDEFGHIJKLMNOP").unwrap();
    assert_eq!(
        format!("{key:?}"),
        "Key(aes128-cts-hmac-sha1-96, 16 octets)"
    );
    let cipher = key.cipher(KeyUsage::TICKET).unwrap();
    assert_eq!(format!("{cipher:?}"), "Cipher(aes128-cts-hmac-sha1-96)");
    let mac = key.mac(KeyUsage::TICKET).unwrap();
    assert_eq!(format!("{mac:?}"), "Mac(hmac-sha1-96-aes128)");
    assert_eq!(key.fingerprint().len(), 8);
    assert_ne!(
        key.fingerprint(),
        Key::new(Enctype(19), key.expose()).unwrap().fingerprint()
    );
}

#[test]
fn cry_27_keys_are_equal_by_enctype_and_octets() {
    let octets = [9; 16];
    assert_eq!(
        Key::new(Enctype(17), &octets),
        Key::new(Enctype(17), &octets)
    );
    assert_ne!(
        Key::new(Enctype(17), &octets),
        Key::new(Enctype(19), &octets)
    );
    assert_ne!(
        Key::new(Enctype(17), &octets),
        Key::new(Enctype(17), &[8; 16])
    );
}

#[test]
fn cry_14_the_counter_of_prf_plus_is_one_octet() {
    for enctype in enctypes() {
        let key = some_key(enctype);
        let maximum = key.prf_len() * 255;
        assert_eq!(prf_plus(&key, b"x", maximum).unwrap().len(), maximum);
        assert_eq!(
            prf_plus(&key, b"x", maximum + 1).unwrap_err(),
            CryptoError::OutputLength {
                enctype,
                maximum,
                requested: maximum + 1
            }
        );
    }
}

#[test]
#[should_panic(expected = "no room")]
fn sealing_without_room_for_the_mac_panics() {
    some_key(Enctype(18))
        .cipher(KeyUsage::TICKET)
        .unwrap()
        .seal_in_place(&mut [0; 27]);
}

/// Around every boundary of cipher block, hash block and the pieces messages are worked in.
#[test]
fn cry_05_every_length_round_trips() {
    for enctype in enctypes() {
        let cipher = some_key(enctype).cipher(KeyUsage::KRB_PRIV).unwrap();
        let around = |middle: usize| middle - 40..middle + 40;
        let lengths = (0..700)
            .chain(around(1024))
            .chain(around(4096))
            .chain(around(8192));
        for len in lengths {
            let plaintext: Vec<u8> = (0..len).map(|i| (i * 7 + i / 251) as u8).collect();
            let sealed = cipher.encrypt(&plaintext, &OsRandom).unwrap();
            assert_eq!(sealed.len(), len + cipher.overhead());
            assert!(len < 16 || !sealed.windows(16).any(|window| window == &plaintext[..16]));
            assert_eq!(
                cipher.decrypt(&sealed).unwrap(),
                plaintext,
                "{enctype} {len}"
            );
        }
    }
}

proptest! {
    #[test]
    fn what_is_sealed_opens(
        which in 0usize..8,
        usage in 1u32..2000,
        header in prop::collection::vec(any::<u8>(), 0..20),
        text in prop::collection::vec(any::<u8>(), 0..3000),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let enctypes = enctypes();
        let key = Key::random(enctypes[which % enctypes.len()], &OsRandom).unwrap();
        let cipher = key.cipher(KeyUsage(usage)).unwrap();
        let mut out = header.clone();
        let (first, second) = text.split_at(cut.index(text.len() + 1));
        cipher.encrypt_into(&[first, second], &OsRandom, &mut out).unwrap();
        prop_assert_eq!(&out[..header.len()], &header[..]);
        let mut sealed = out.split_off(header.len());
        prop_assert_eq!(key.decrypt(KeyUsage(usage), &sealed).unwrap(), &text[..]);
        prop_assert_eq!(cipher.decrypt_owned(sealed.clone()).unwrap(), &text[..]);
        let at = flip.index(sealed.len());
        sealed[at] ^= 0x10;
        prop_assert_eq!(cipher.open_in_place(&mut sealed), Err(CryptoError::Integrity));
    }

    #[test]
    fn any_octets_are_refused(
        which in 0usize..8,
        usage in 1u32..2000,
        mut octets in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let enctypes = enctypes();
        let key = some_key(enctypes[which % enctypes.len()]);
        prop_assert!(key.decrypt(KeyUsage(usage), &octets).is_err());
        prop_assert!(key.cipher(KeyUsage(usage)).unwrap().open_in_place(&mut octets).is_err());
    }

    #[test]
    fn what_is_signed_verifies(
        which in 0usize..8,
        usage in 1u32..2000,
        text in prop::collection::vec(any::<u8>(), 1..1000),
        flip in any::<prop::sample::Index>(),
    ) {
        let enctypes = enctypes();
        let key = Key::random(enctypes[which % enctypes.len()], &OsRandom).unwrap();
        let mac = key.mac(KeyUsage(usage)).unwrap();
        let checksum = mac.checksum(&[&text]);
        prop_assert_eq!(mac.verify(&[&text], &checksum), Ok(()));
        let mut other = text.clone();
        other[flip.index(text.len())] ^= 1;
        prop_assert_eq!(mac.verify(&[&other], &checksum), Err(CryptoError::Integrity));
    }
}
