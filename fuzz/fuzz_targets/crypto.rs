//! The profiles of every enctype: arbitrary octets are refused, what was sealed opens, and what was
//! changed does not.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::crypto::{
    ChecksumType, CryptoError, Enctype, Key, KeyUsage, iteration_count, krb_fx_cf2, prf_plus,
};
use orthros_fuzz::{ENCTYPES, Repeating, bounded, key, pick, say};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((enctype, input)) = pick(&ENCTYPES, input) else {
        return;
    };
    let Some((number, octets)) = input.split_first_chunk::<4>() else {
        return;
    };
    let number = i32::from_be_bytes(*number);
    let key = key(enctype);
    let usage = KeyUsage(u32::from_be_bytes(number.to_be_bytes()));
    let Ok(cipher) = key.cipher(usage) else {
        assert_eq!(usage.0, 0);
        return;
    };

    // Nobody can have sealed these, but a minimal length is checked before anything else.
    if let Err(error) = cipher.decrypt(octets) {
        assert!(matches!(
            error,
            CryptoError::Integrity | CryptoError::TooShort { .. }
        ));
        say(&error);
    }

    let mut sealed = cipher.encrypt(octets, &Repeating::new()).expect("sealed");
    assert_eq!(sealed.len(), octets.len() + cipher.overhead());
    assert_eq!(cipher.decrypt(&sealed).expect("our own"), octets);
    let at = number.unsigned_abs() as usize % (sealed.len() * 8);
    sealed[at / 8] ^= 1 << (at % 8);
    assert!(cipher.decrypt(&sealed).is_err(), "a changed bit at {at}");
    sealed[at / 8] ^= 1 << (at % 8);
    assert!(cipher.decrypt(&sealed[..at / 8]).is_err(), "cut at {at}");

    let mac = key.mac(usage).expect("a usage other than 0");
    let (front, back) = octets.split_at(at / 8 % (octets.len() + 1));
    let checksum = mac.checksum(&[octets]);
    mac.verify(&[front, b"", back], &checksum).expect("our own");
    assert!(mac.verify(&[front, b"\0", back], &checksum).is_err());
    let declared = ChecksumType(number);
    assert_eq!(
        key.verify_checksum(usage, declared, octets, &checksum)
            .is_ok(),
        enctype.required_checksum() == Some(declared)
    );

    // What a KDC's answer says of a password: parameters of any form, and a bound on the work.
    let params = octets.get(..octets.len().min(5));
    for params in [params, octets.first_chunk().map(|four: &[u8; 4]| &four[..])] {
        let _ = iteration_count(Enctype(number), params);
        match Key::from_password_bounded(enctype, octets, back, params, 4) {
            Ok(key) => assert_eq!(key.enctype(), enctype),
            Err(error) => say(&error),
        }
    }

    assert_eq!(key.prf(octets).len(), key.prf_len());
    let length = usize::from(octets.first().copied().unwrap_or(0)) * 64;
    assert_eq!(
        prf_plus(&key, back, length).is_ok(),
        length <= 255 * key.prf_len()
    );
    let mixed = krb_fx_cf2(&key, &key, front, back).expect("a key");
    assert_eq!(mixed.enctype(), enctype);
    if let Err(error) = Key::new(Enctype(number), octets) {
        say(&error);
    }
}));
