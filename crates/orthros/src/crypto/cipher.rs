//! The encryption of one key and one usage.

use std::fmt;

use zeroize::Zeroizing;

use super::cts::{Aes128, Aes256, Piece, Pieces};
use super::schedule::{Base, Schedule};
use super::sha1_profile::Sha1Cipher;
use super::sha2_profile::{Aes128Sha256, Aes256Sha384, Sha2Cipher};
use super::{CryptoError, Enctype, KeyUsage};
use crate::random::Random;

/// Up to so many octets are decrypted in a copy, from which the confounder is then removed; more,
/// from where they lie to where they go.
const SHORT: usize = 512;

/// Ke and Ki of one usage, scheduled: encrypts and decrypts any number of messages.
///
/// A ciphertext is `encrypt(confounder ++ plaintext) ++ MAC`. The confounder is random, so that
/// equal plaintexts have different ciphertexts. The operations in place allocate nothing.
///
/// It is some 700 octets, mostly round keys, and is not cloned: share it behind an `Arc`.
///
/// ```
/// use orthros::crypto::{Enctype, Key, KeyUsage};
/// use orthros::random::OsRandom;
///
/// let key = Key::random(Enctype::AES256_CTS_HMAC_SHA1_96, &OsRandom)?;
/// let cipher = key.cipher(KeyUsage::KRB_PRIV)?;
/// let mut message = cipher.encrypt(b"attack at dawn", &OsRandom)?;
/// assert_eq!(cipher.open_in_place(&mut message)?, b"attack at dawn");
/// # Ok::<(), orthros::crypto::CryptoError>(())
/// ```
pub struct Cipher {
    enctype: Enctype,
    profile: Profile,
}

enum Profile {
    Aes128Sha1(Sha1Cipher<Aes128>),
    Aes256Sha1(Sha1Cipher<Aes256>),
    Aes128Sha2(Sha2Cipher<Aes128Sha256>),
    Aes256Sha2(Sha2Cipher<Aes256Sha384>),
    #[cfg(feature = "legacy")]
    Rc4(super::rc4::Rc4Cipher),
}

impl Cipher {
    pub(super) fn derive(key: &Schedule, usage: KeyUsage) -> Self {
        let profile = match &key.base {
            Base::Aes128Sha1(base) => Profile::Aes128Sha1(Sha1Cipher::new(base, usage)),
            Base::Aes256Sha1(base) => Profile::Aes256Sha1(Sha1Cipher::new(base, usage)),
            Base::Aes128Sha2(base) => Profile::Aes128Sha2(Sha2Cipher::new(base, usage)),
            Base::Aes256Sha2(base) => Profile::Aes256Sha2(Sha2Cipher::new(base, usage)),
            #[cfg(feature = "legacy")]
            Base::Rc4(base) => Profile::Rc4(super::rc4::Rc4Cipher::new(base.expose(), usage)),
        };
        Self {
            enctype: key.enctype,
            profile,
        }
    }

    /// The enctype of the key.
    pub fn enctype(&self) -> Enctype {
        self.enctype
    }

    /// How many octets of confounder precede the plaintext.
    pub const fn confounder_len(&self) -> usize {
        match self.profile {
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => 8,
            _ => 16,
        }
    }

    /// How many octets of MAC a ciphertext carries.
    pub const fn mac_len(&self) -> usize {
        match self.profile {
            Profile::Aes128Sha1(_) | Profile::Aes256Sha1(_) => 12,
            Profile::Aes128Sha2(_) => 16,
            Profile::Aes256Sha2(_) => 24,
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => 16,
        }
    }

    /// How many octets longer a ciphertext is than its plaintext.
    pub const fn overhead(&self) -> usize {
        self.confounder_len() + self.mac_len()
    }

    /// Turns `confounder ++ plaintext ++ room for the MAC` into the ciphertext of the same length
    /// (CRY-03, CRY-10, CRY-20).
    ///
    /// The caller has filled the confounder with random octets; what is in the room for the MAC
    /// does not matter.
    ///
    /// # Panics
    ///
    /// If `buf` is shorter than [`overhead`](Self::overhead).
    pub fn seal_in_place(&self, buf: &mut [u8]) {
        self.seal_each_in_place([buf]);
    }

    /// [`seal_in_place`](Self::seal_in_place) of several messages, which is faster than one after
    /// the other: encrypting one is a chain of steps, each of which waits for the one before, and
    /// a processor works on several chains at once. Four of like length are enough to keep it busy.
    ///
    /// # Panics
    ///
    /// If one of `bufs` is shorter than [`overhead`](Self::overhead).
    pub fn seal_each_in_place<const N: usize>(&self, bufs: [&mut [u8]; N]) {
        for buf in &bufs {
            assert!(
                buf.len() >= self.overhead(),
                "no room for confounder and MAC"
            );
        }
        #[cfg(feature = "legacy")]
        if let Profile::Rc4(cipher) = &self.profile {
            for buf in bufs {
                // The only profile whose MAC comes first.
                buf.rotate_right(16);
                let (mac, text) = buf.split_at_mut(16);
                cipher.seal(text, mac);
            }
            return;
        }
        let (texts, macs) = self.split(bufs);
        match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.seal(texts, macs),
            Profile::Aes256Sha1(cipher) => cipher.seal(texts, macs),
            Profile::Aes128Sha2(cipher) => cipher.seal(texts, macs),
            Profile::Aes256Sha2(cipher) => cipher.seal(texts, macs),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => {}
        }
    }

    /// Texts and MACs apart, where the MAC comes last.
    fn split<'b, const N: usize>(
        &self,
        bufs: [&'b mut [u8]; N],
    ) -> ([&'b mut [u8]; N], [&'b mut [u8]; N]) {
        let mut macs = [(); N].map(|()| <&mut [u8]>::default());
        let mut texts = bufs;
        for (text, mac) in texts.iter_mut().zip(&mut macs) {
            let end = text.len().saturating_sub(self.mac_len());
            (*text, *mac) = std::mem::take(text).split_at_mut(end);
        }
        (texts, macs)
    }

    /// Decrypts a ciphertext where it lies; gives the plaintext, without confounder and MAC.
    ///
    /// If it is refused, `buf` holds no plaintext: the profiles whose MAC is over the ciphertext
    /// have not decrypted (CRY-11), the others have wiped what they decrypted (CRY-04).
    pub fn open_in_place<'b>(&self, buf: &'b mut [u8]) -> Result<&'b mut [u8], CryptoError> {
        let [plaintext] = self.open_each_in_place([buf]);
        plaintext
    }

    /// [`open_in_place`](Self::open_in_place) of several messages, which is faster than one after
    /// the other, as [`seal_each_in_place`](Self::seal_each_in_place) is. Each has a result of its
    /// own.
    pub fn open_each_in_place<'b, const N: usize>(
        &self,
        bufs: [&'b mut [u8]; N],
    ) -> [Result<&'b mut [u8], CryptoError>; N] {
        let (enctype, minimum) = (self.enctype, self.overhead());
        if bufs.iter().any(|buf| buf.len() < minimum) {
            // One is too short: the others go one by one.
            return bufs.map(|buf| match buf.len() {
                actual if actual < minimum => Err(CryptoError::TooShort {
                    enctype,
                    minimum,
                    actual,
                }),
                _ => self.open_in_place(buf),
            });
        }
        #[cfg(feature = "legacy")]
        if let Profile::Rc4(cipher) = &self.profile {
            return bufs.map(|buf| {
                let (mac, text) = buf.split_at_mut(16);
                match cipher.open(text, mac) {
                    true => Ok(text.get_mut(8..).unwrap_or_default()),
                    false => Err(CryptoError::Integrity),
                }
            });
        }
        let (mut texts, macs) = self.split(bufs);
        let (lent, macs) = (
            texts.each_mut().map(|text| &mut **text),
            macs.map(|mac| &*mac),
        );
        let mut genuine = match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.open(lent, macs),
            Profile::Aes256Sha1(cipher) => cipher.open(lent, macs),
            Profile::Aes128Sha2(cipher) => cipher.open(lent, macs),
            Profile::Aes256Sha2(cipher) => cipher.open(lent, macs),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => [false; N],
        }
        .into_iter();
        texts.map(|text| match text.get_mut(self.confounder_len()..) {
            Some(plaintext) if genuine.next() == Some(true) => Ok(plaintext),
            _ => Err(CryptoError::Integrity),
        })
    }

    /// Whether the ciphertext, decrypted whatever its MAC says, looks right to `looks`.
    ///
    /// It tells an operator a damaged message from a different key, and nobody anything else: the
    /// octets are wiped and no caller sees them.
    pub(crate) fn resembles(&self, ciphertext: &[u8], looks: impl Fn(&[u8]) -> bool) -> bool {
        if ciphertext.len() < self.overhead() {
            return false;
        }
        let mut buf = Zeroizing::new(ciphertext.to_vec());
        #[cfg(feature = "legacy")]
        if let Profile::Rc4(cipher) = &self.profile {
            let (mac, text) = buf.split_at_mut(16);
            cipher.stream(mac, text);
            return looks(text.get(8..).unwrap_or_default());
        }
        let (text, _) = buf.split_at_mut(ciphertext.len() - self.mac_len());
        match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.decrypt_unverified(text),
            Profile::Aes256Sha1(cipher) => cipher.decrypt_unverified(text),
            Profile::Aes128Sha2(cipher) => cipher.decrypt_unverified(text),
            Profile::Aes256Sha2(cipher) => cipher.decrypt_unverified(text),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => {}
        }
        looks(text.get(self.confounder_len()..).unwrap_or_default())
    }

    /// Encrypts into a new buffer.
    pub fn encrypt(&self, plaintext: &[u8], rng: &dyn Random) -> Result<Vec<u8>, CryptoError> {
        let mut out = Vec::new();
        self.encrypt_into(&[plaintext], rng, &mut out)?;
        Ok(out)
    }

    /// Encrypts the parts, one after the other, as one plaintext, and appends the ciphertext to
    /// `out`: a token's header can be there already, and its copy be the last part.
    ///
    /// If there is no randomness, `out` is as it was.
    pub fn encrypt_into(
        &self,
        parts: &[&[u8]],
        rng: &dyn Random,
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let mut confounder = [0; 16];
        let (drawn, _) = confounder.split_at_mut(self.confounder_len());
        rng.fill(drawn)?;
        self.encrypt_under(&confounder, parts, out);
        Ok(())
    }

    /// [`encrypt_into`](Self::encrypt_into) with a confounder that was drawn with other random
    /// octets: each call of the operating system costs more than a small message.
    pub(crate) fn encrypt_under(&self, confounder: &[u8; 16], parts: &[&[u8]], out: &mut Vec<u8>) {
        let start = out.len();
        let plaintext: usize = parts.iter().map(|part| part.len()).sum();
        out.reserve(plaintext + self.overhead());
        out.extend(confounder.iter().take(self.confounder_len()));
        for part in parts {
            out.extend_from_slice(part);
        }
        out.resize(out.len() + self.mac_len(), 0);
        let (_, buf) = out.split_at_mut(start);
        self.seal_in_place(buf);
    }

    /// Decrypts into a new buffer.
    pub fn decrypt(&self, ciphertext: &[u8]) -> Result<Vec<u8>, CryptoError> {
        let Some((text, mac)) = ciphertext
            .len()
            .checked_sub(self.mac_len())
            .filter(|len| *len > SHORT)
            .and_then(|len| ciphertext.split_at_checked(len))
        else {
            return self.decrypt_owned(ciphertext.to_vec());
        };
        let mut out = Vec::with_capacity(text.len());
        let genuine = match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.open_to(text, mac, &mut out),
            Profile::Aes256Sha1(cipher) => cipher.open_to(text, mac, &mut out),
            Profile::Aes128Sha2(cipher) => cipher.open_to(text, mac, &mut out),
            Profile::Aes256Sha2(cipher) => cipher.open_to(text, mac, &mut out),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => return self.decrypt_owned(ciphertext.to_vec()),
        };
        match genuine {
            true => Ok(out),
            false => Err(CryptoError::Integrity),
        }
    }

    /// Decrypts a buffer that is given away, and gives it back holding the plaintext only.
    pub fn decrypt_owned(&self, mut ciphertext: Vec<u8>) -> Result<Vec<u8>, CryptoError> {
        let len = self.open_in_place(&mut ciphertext)?.len();
        // Where the MAC precedes the confounder, both are in front.
        let start = match self.enctype {
            Enctype::RC4_HMAC => self.overhead(),
            _ => self.confounder_len(),
        };
        ciphertext.copy_within(start..start + len, 0);
        ciphertext.truncate(len);
        Ok(ciphertext)
    }
}

impl Cipher {
    /// [`seal_in_place`](Self::seal_in_place) of a message that does not lie in one place: the
    /// confounder, the pieces, what follows them, and the room for the MAC. The ciphertext has the
    /// places of the plaintext, and the MAC covers what is signed only, too, where it stands among
    /// the others.
    ///
    /// RC4 has no such messages here: [`CryptoError::UnsupportedEnctype`].
    ///
    /// # Panics
    ///
    /// If `confounder` or `mac` is not as long as [`confounder_len`](Self::confounder_len) and
    /// [`mac_len`](Self::mac_len) say.
    pub fn seal_pieces_in_place(
        &self,
        confounder: &mut [u8],
        pieces: &mut [Piece<'_>],
        back: &mut [u8],
        mac: &mut [u8],
    ) -> Result<(), CryptoError> {
        self.assert_room(confounder, mac);
        let mut pieces = Pieces {
            front: confounder,
            pieces,
            back,
        };
        match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.seal_pieces(&mut pieces, mac),
            Profile::Aes256Sha1(cipher) => cipher.seal_pieces(&mut pieces, mac),
            Profile::Aes128Sha2(cipher) => cipher.seal_pieces(&mut pieces, mac),
            Profile::Aes256Sha2(cipher) => cipher.seal_pieces(&mut pieces, mac),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => return Err(CryptoError::UnsupportedEnctype(self.enctype)),
        }
        Ok(())
    }

    /// Decrypts what [`seal_pieces_in_place`](Self::seal_pieces_in_place) made. If it is refused,
    /// no place holds plaintext.
    ///
    /// # Panics
    ///
    /// As the other does.
    pub fn open_pieces_in_place(
        &self,
        confounder: &mut [u8],
        pieces: &mut [Piece<'_>],
        back: &mut [u8],
        mac: &[u8],
    ) -> Result<(), CryptoError> {
        self.assert_room(confounder, mac);
        let mut pieces = Pieces {
            front: confounder,
            pieces,
            back,
        };
        let genuine = match &self.profile {
            Profile::Aes128Sha1(cipher) => cipher.open_pieces(&mut pieces, mac),
            Profile::Aes256Sha1(cipher) => cipher.open_pieces(&mut pieces, mac),
            Profile::Aes128Sha2(cipher) => cipher.open_pieces(&mut pieces, mac),
            Profile::Aes256Sha2(cipher) => cipher.open_pieces(&mut pieces, mac),
            #[cfg(feature = "legacy")]
            Profile::Rc4(_) => return Err(CryptoError::UnsupportedEnctype(self.enctype)),
        };
        match genuine {
            true => Ok(()),
            false => Err(CryptoError::Integrity),
        }
    }

    fn assert_room(&self, confounder: &[u8], mac: &[u8]) {
        assert!(
            confounder.len() == self.confounder_len() && mac.len() == self.mac_len(),
            "no room for confounder and MAC"
        );
    }
}

impl fmt::Debug for Cipher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cipher({})", self.enctype)
    }
}
