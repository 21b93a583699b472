//! What is hashed and encrypted in one pass is what the crates' own interfaces give one after the
//! other.

use aes::Block;
use cipher::{BlockCipherEncrypt, BlockSizeUser, consts::U16};
use hmac::KeyInit;
use md5::Md5;
use sha1::Sha1;
use sha2::{Sha256, Sha384};

use super::super::cts::{Aes, Aes128, Aes256};
use super::super::hmac::{Hash, Hmac};
use super::super::sha2_profile::kdf;
use super::super::{Cipher, CryptoError, Enctype, Key, KeyUsage, sha1_profile};

const USAGE: KeyUsage = KeyUsage::INITIATOR_SEAL;

fn octets(len: usize, seed: usize) -> Vec<u8> {
    (0..len)
        .map(|i| (i * 7 + i / 251 + seed * 31) as u8)
        .collect()
}

/// CBC with a zero ivec of the text padded with zeros, its last two blocks swapped, cut to the
/// length of the text (RFC 3962 §5).
fn cts<E: BlockCipherEncrypt + BlockSizeUser<BlockSize = U16>>(enc: &E, text: &[u8]) -> Vec<u8> {
    let mut chain = [0; 16];
    let mut blocks: Vec<[u8; 16]> = Vec::new();
    for piece in text.chunks(16) {
        for (chain, octet) in chain.iter_mut().zip(piece) {
            *chain ^= octet;
        }
        let mut block = Block::from(chain);
        enc.encrypt_block(&mut block);
        chain = block.into();
        blocks.push(chain);
    }
    let count = blocks.len();
    if count > 1 {
        blocks.swap(count - 2, count - 1);
    }
    let mut ciphertext = blocks.concat();
    ciphertext.truncate(text.len());
    ciphertext
}

fn hmac<M: hmac::Mac + KeyInit>(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let mut mac = <M as KeyInit>::new_from_slice(key).unwrap();
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

type Encrypt = dyn Fn(&[u8]) -> Vec<u8>;
/// Of confounder and plaintext, and of their encryption.
type Sign = dyn Fn(&[u8], &[u8]) -> Vec<u8>;

/// One enctype, done step by step.
struct Reference {
    encrypt: Box<Encrypt>,
    mac: Box<Sign>,
}

impl Reference {
    fn new(key: &Key) -> Self {
        let usage = USAGE.0.to_be_bytes();
        let constant = |last: u8| [&usage[..], &[last]].concat();
        match key.enctype().0 {
            17 => Self::sha1::<Aes128>(key, &constant(0xaa), &constant(0x55)),
            18 => Self::sha1::<Aes256>(key, &constant(0xaa), &constant(0x55)),
            19 => {
                let base = Hmac::<Sha256>::new(key.expose());
                let ([mut ke, mut ki], iv) = ([[0; 16]; 2], [0u8; 16]);
                kdf(&base, &constant(0xaa), &[], &mut ke);
                kdf(&base, &constant(0x55), &[], &mut ki);
                let enc = Aes128::expand(&ke);
                Self {
                    encrypt: Box::new(move |text| cts(&enc, text)),
                    mac: Box::new(move |_, ciphertext| {
                        hmac::<hmac::Hmac<Sha256>>(&ki, &[&iv, ciphertext])[..16].to_vec()
                    }),
                }
            }
            20 => {
                let base = Hmac::<Sha384>::new(key.expose());
                let (mut ke, mut ki, iv) = ([0; 32], [0; 24], [0u8; 16]);
                kdf(&base, &constant(0xaa), &[], &mut ke);
                kdf(&base, &constant(0x55), &[], &mut ki);
                let enc = Aes256::expand(&ke);
                Self {
                    encrypt: Box::new(move |text| cts(&enc, text)),
                    mac: Box::new(move |_, ciphertext| {
                        hmac::<hmac::Hmac<Sha384>>(&ki, &[&iv, ciphertext])[..24].to_vec()
                    }),
                }
            }
            other => panic!("{other}"),
        }
    }

    fn sha1<A: Aes + 'static>(key: &Key, encryption: &[u8], integrity: &[u8]) -> Self {
        let enc = A::expand(&sha1_profile::derive::<A>(key.expose(), encryption));
        let ki = sha1_profile::derive::<A>(key.expose(), integrity).to_vec();
        Self {
            encrypt: Box::new(move |text| cts(&enc, text)),
            mac: Box::new(move |text, _| hmac::<hmac::Hmac<Sha1>>(&ki, &[text])[..12].to_vec()),
        }
    }

    /// `text` is confounder and plaintext.
    fn seal(&self, text: &[u8]) -> Vec<u8> {
        let ciphertext = (self.encrypt)(text);
        let mac = (self.mac)(text, &ciphertext);
        [ciphertext, mac].concat()
    }
}

fn each_enctype(test: impl Fn(Key, Cipher, Reference)) {
    for enctype in [17, 18, 19, 20].map(Enctype) {
        let key = Key::new(enctype, &octets(enctype.key_len().unwrap(), 3)).unwrap();
        let (cipher, reference) = (key.cipher(USAGE).unwrap(), Reference::new(&key));
        test(key, cipher, reference);
    }
}

/// Confounder and plaintext, and room for the MAC.
fn framed(cipher: &Cipher, len: usize, seed: usize) -> Vec<u8> {
    let mut buf = octets(16 + len, seed);
    buf.resize(len + cipher.overhead(), 0xee);
    buf
}

#[test]
fn cry_03_04_10_11_every_length_one_by_one() {
    each_enctype(|key, cipher, reference| {
        for len in (0..=4096).chain([8191, 16384, 16400, 70_001]) {
            let text = octets(16 + len, len);
            let mut buf = framed(&cipher, len, len);
            cipher.seal_in_place(&mut buf);
            assert!(buf == reference.seal(&text), "{} {len}", key.enctype());
            assert!(cipher.decrypt(&buf).unwrap() == text[16..], "{len}");
            assert!(
                *cipher.open_in_place(&mut buf.clone()).unwrap() == text[16..],
                "{len}"
            );
            // A change where the last of it is judged, and one where the first is.
            for at in [len % buf.len(), buf.len() - 1] {
                buf[at] ^= 0x40;
                assert_eq!(cipher.decrypt(&buf), Err(CryptoError::Integrity));
                let mut opened = buf.clone();
                let refused = cipher.open_in_place(&mut opened);
                assert_eq!(refused, Err(CryptoError::Integrity));
                let shown = opened
                    .windows(12)
                    .any(|octets| text.windows(12).next_back() == Some(octets));
                assert!(!shown, "{len}");
                buf[at] ^= 0x40;
            }
        }
    });
}

fn several<const N: usize>(cipher: &Cipher, reference: &Reference, lengths: [usize; N]) {
    let mut bufs = lengths.map(|len| framed(cipher, len, len + N));
    cipher.seal_each_in_place(bufs.each_mut().map(Vec::as_mut_slice));
    for (buf, len) in bufs.iter().zip(lengths) {
        let expected = reference.seal(&octets(16 + len, len + N));
        assert!(*buf == expected, "{lengths:?}");
    }
    for refused in 0..=N {
        let mut bufs = bufs.clone();
        if let Some(buf) = bufs.get_mut(refused) {
            buf[0] ^= 1;
        }
        let opened = cipher.open_each_in_place(bufs.each_mut().map(Vec::as_mut_slice));
        for ((opened, len), n) in opened.into_iter().zip(lengths).zip(0..) {
            match opened {
                Ok(plaintext) => {
                    assert_ne!(n, refused);
                    assert!(*plaintext == octets(16 + len, len + N)[16..], "{lengths:?}");
                }
                Err(error) => assert_eq!((n, error), (refused, CryptoError::Integrity)),
            }
        }
    }
}

#[test]
fn cry_03_04_10_11_several_at_once() {
    each_enctype(|_, cipher, reference| {
        for len in (0..1300).chain([4095, 4096, 16400]) {
            several(&cipher, &reference, [len, len]);
            several(&cipher, &reference, [len; 4]);
        }
        for len in (0..1300).step_by(7) {
            several(&cipher, &reference, [len, len / 2]);
            several(&cipher, &reference, [3, len + 1]);
            several(&cipher, &reference, [len, 2 * len, len + 1, len / 3]);
            several(&cipher, &reference, [1000, len, 0, 4000]);
        }
    });
}

fn hmac_of_every_length<D: Hash, M: hmac::Mac + KeyInit>() {
    let data = octets(700, 1);
    for key in [0, 1, 16, 63, 64, 65, 127, 128, 129, 200] {
        let key = octets(key, 2);
        let keyed = Hmac::<D>::new(&key);
        for len in 0..data.len() {
            let (first, second) = data[..len].split_at(len / 3);
            let expected = hmac::<M>(&key, &[first, second]);
            assert_eq!(*keyed.of(&[&data[..len]]), expected, "{len}");
            assert_eq!(*keyed.of(&[first, &[], second]), expected, "{len}");
        }
    }
}

#[test]
fn hmac_is_the_crates() {
    hmac_of_every_length::<Md5, hmac::Hmac<Md5>>();
    hmac_of_every_length::<Sha1, hmac::Hmac<Sha1>>();
    hmac_of_every_length::<Sha256, hmac::Hmac<Sha256>>();
    hmac_of_every_length::<Sha384, hmac::Hmac<Sha384>>();
}
