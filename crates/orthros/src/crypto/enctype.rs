//! Encryption type numbers, their names and their sizes.

use std::fmt;

use super::ChecksumType;

/// An encryption type. Numbers without a constant are carried through unchanged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Enctype(pub i32);

/// The list sent to KDCs, most wanted first: the order deployed clients send (CRY-25).
pub const DEFAULT_ENCTYPES: &[Enctype] = &[
    Enctype::AES256_CTS_HMAC_SHA1_96,
    Enctype::AES128_CTS_HMAC_SHA1_96,
    Enctype::AES256_CTS_HMAC_SHA384_192,
    Enctype::AES128_CTS_HMAC_SHA256_128,
];

/// Number, MIT's name, and the other names MIT understands.
type Names = (Enctype, &'static str, &'static [&'static str]);

#[rustfmt::skip]
const NAMES: &[Names] = &[
    (Enctype::DES_CBC_CRC, "des-cbc-crc", &[]),
    (Enctype::DES_CBC_MD4, "des-cbc-md4", &[]),
    (Enctype::DES_CBC_MD5, "des-cbc-md5", &["des"]),
    (Enctype::DES_CBC_RAW, "des-cbc-raw", &[]),
    (Enctype::DES3_CBC_RAW, "des3-cbc-raw", &[]),
    (Enctype::DES_HMAC_SHA1, "des-hmac-sha1", &[]),
    (Enctype::DSA_SHA1_CMS, "dsaWithSHA1-CmsOID", &[]),
    (Enctype::MD5_RSA_CMS, "md5WithRSAEncryption-CmsOID", &[]),
    (Enctype::SHA1_RSA_CMS, "sha1WithRSAEncryption-CmsOID", &[]),
    (Enctype::RC2_CBC_ENV, "rc2CBC-EnvOID", &[]),
    (Enctype::RSA_ENV, "rsaEncryption-EnvOID", &[]),
    (Enctype::RSA_ES_OAEP_ENV, "rsaES-OAEP-ENV-OID", &[]),
    (Enctype::DES3_CBC_ENV, "des-ede3-cbc-Env-OID", &[]),
    (Enctype::DES3_CBC_SHA1, "des3-cbc-sha1", &["des3-hmac-sha1", "des3-cbc-sha1-kd"]),
    (Enctype::AES128_CTS_HMAC_SHA1_96, "aes128-cts-hmac-sha1-96", &["aes128-cts", "aes128-sha1"]),
    (Enctype::AES256_CTS_HMAC_SHA1_96, "aes256-cts-hmac-sha1-96", &["aes256-cts", "aes256-sha1"]),
    (Enctype::AES128_CTS_HMAC_SHA256_128, "aes128-cts-hmac-sha256-128", &["aes128-sha2"]),
    (Enctype::AES256_CTS_HMAC_SHA384_192, "aes256-cts-hmac-sha384-192", &["aes256-sha2"]),
    (Enctype::RC4_HMAC, "arcfour-hmac", &["rc4-hmac", "arcfour-hmac-md5"]),
    (Enctype::RC4_HMAC_EXP, "arcfour-hmac-exp", &["rc4-hmac-exp", "arcfour-hmac-md5-exp"]),
    (Enctype::CAMELLIA128_CTS_CMAC, "camellia128-cts-cmac", &["camellia128-cts"]),
    (Enctype::CAMELLIA256_CTS_CMAC, "camellia256-cts-cmac", &["camellia256-cts"]),
];

impl Enctype {
    /// No encryption: the marker of a KRB-CRED in the clear (RFC 6448).
    pub const NULL: Enctype = Enctype(0);
    /// Single DES with CRC-32; not implemented (RFC 6649).
    pub const DES_CBC_CRC: Enctype = Enctype(1);
    /// Single DES with MD4; not implemented (RFC 6649).
    pub const DES_CBC_MD4: Enctype = Enctype(2);
    /// Single DES with MD5; not implemented (RFC 6649).
    pub const DES_CBC_MD5: Enctype = Enctype(3);
    /// Single DES without a checksum; not implemented.
    pub const DES_CBC_RAW: Enctype = Enctype(4);
    /// Triple DES with MD5; not implemented.
    pub const DES3_CBC_MD5: Enctype = Enctype(5);
    /// Triple DES without a checksum; not implemented.
    pub const DES3_CBC_RAW: Enctype = Enctype(6);
    /// Triple DES with SHA-1, before RFC 3961; not implemented.
    pub const OLD_DES3_CBC_SHA1: Enctype = Enctype(7);
    /// Single DES with HMAC-SHA1; not implemented.
    pub const DES_HMAC_SHA1: Enctype = Enctype(8);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const DSA_SHA1_CMS: Enctype = Enctype(9);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const MD5_RSA_CMS: Enctype = Enctype(10);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const SHA1_RSA_CMS: Enctype = Enctype(11);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const RC2_CBC_ENV: Enctype = Enctype(12);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const RSA_ENV: Enctype = Enctype(13);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const RSA_ES_OAEP_ENV: Enctype = Enctype(14);
    /// An algorithm marker of PKINIT (RFC 4556), not an encryption type.
    pub const DES3_CBC_ENV: Enctype = Enctype(15);
    /// Triple DES with HMAC-SHA1; not implemented (RFC 8429).
    pub const DES3_CBC_SHA1: Enctype = Enctype(16);
    /// AES-128 with HMAC-SHA1 (RFC 3962).
    pub const AES128_CTS_HMAC_SHA1_96: Enctype = Enctype(17);
    /// AES-256 with HMAC-SHA1 (RFC 3962).
    pub const AES256_CTS_HMAC_SHA1_96: Enctype = Enctype(18);
    /// AES-128 with HMAC-SHA256 (RFC 8009).
    pub const AES128_CTS_HMAC_SHA256_128: Enctype = Enctype(19);
    /// AES-256 with HMAC-SHA384 (RFC 8009).
    pub const AES256_CTS_HMAC_SHA384_192: Enctype = Enctype(20);
    /// RC4 with HMAC-MD5 (RFC 4757); only with feature `legacy`.
    pub const RC4_HMAC: Enctype = Enctype(23);
    /// RC4 with a 56-bit key; not implemented (RFC 6649).
    pub const RC4_HMAC_EXP: Enctype = Enctype(24);
    /// Camellia-128 with CMAC (RFC 6803); not implemented.
    pub const CAMELLIA128_CTS_CMAC: Enctype = Enctype(25);
    /// Camellia-256 with CMAC (RFC 6803); not implemented.
    pub const CAMELLIA256_CTS_CMAC: Enctype = Enctype(26);

    /// The name MIT krb5 prints.
    pub fn name(self) -> Option<&'static str> {
        NAMES
            .iter()
            .find(|(number, ..)| *number == self)
            .map(|(_, name, _)| *name)
    }

    /// The enctype with this name or alias, as in krb5.conf and keytab tools; case is ignored.
    pub fn from_name(name: &str) -> Option<Enctype> {
        NAMES
            .iter()
            .find(|(_, official, aliases)| {
                name.eq_ignore_ascii_case(official)
                    || aliases.iter().any(|alias| name.eq_ignore_ascii_case(alias))
            })
            .map(|(number, ..)| *number)
    }

    /// Whether keys of this type can be used in this build.
    pub const fn is_supported(self) -> bool {
        matches!(self.0, 17..=20) || (cfg!(feature = "legacy") && self.0 == 23)
    }

    /// Whether RFC 4121 puts it among the newer types, which use the new GSS tokens (GSS-48).
    pub const fn is_newer(self) -> bool {
        !matches!(self.0, 1 | 2 | 3 | 5 | 7 | 9..=16 | 23 | 24)
    }

    /// Whether it is broken: DES, triple DES and RC4 (RFC 6649, RFC 8429).
    pub const fn is_weak(self) -> bool {
        matches!(self.0, 1..=8 | 16 | 23 | 24)
    }

    /// How long its keys are, whether or not this build can use them.
    pub const fn key_len(self) -> Option<usize> {
        match self.0 {
            1..=4 | 8 => Some(8),
            5..=7 | 16 => Some(24),
            17 | 19 | 23 | 24 | 25 => Some(16),
            18 | 20 | 26 => Some(32),
            _ => None,
        }
    }

    /// The checksum type that goes with its keys (CRY-16).
    pub const fn required_checksum(self) -> Option<ChecksumType> {
        match self.0 {
            1..=3 => Some(ChecksumType::RSA_MD5_DES),
            16 => Some(ChecksumType::HMAC_SHA1_DES3_KD),
            17 => Some(ChecksumType::HMAC_SHA1_96_AES128),
            18 => Some(ChecksumType::HMAC_SHA1_96_AES256),
            19 => Some(ChecksumType::HMAC_SHA256_128_AES128),
            20 => Some(ChecksumType::HMAC_SHA384_192_AES256),
            23 | 24 => Some(ChecksumType::HMAC_MD5_RC4),
            25 => Some(ChecksumType::CMAC_CAMELLIA128),
            26 => Some(ChecksumType::CMAC_CAMELLIA256),
            _ => None,
        }
    }

    /// How many octets of confounder a ciphertext begins with, once decrypted.
    pub const fn confounder_len(self) -> Option<usize> {
        match self.0 {
            17..=20 | 25 | 26 => Some(16),
            16 | 23 | 24 => Some(8),
            _ => None,
        }
    }

    /// How many octets of MAC a ciphertext carries.
    pub const fn mac_len(self) -> Option<usize> {
        match self.0 {
            17 | 18 => Some(12),
            19 | 23 | 24 | 25 | 26 => Some(16),
            16 => Some(20),
            20 => Some(24),
            _ => None,
        }
    }

    /// How many octets longer a ciphertext is than its plaintext (padding not counted).
    pub const fn overhead(self) -> Option<usize> {
        match (self.confounder_len(), self.mac_len()) {
            (Some(confounder), Some(mac)) => Some(confounder + mac),
            _ => None,
        }
    }
}

impl fmt::Display for Enctype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "etype {}", self.0),
        }
    }
}

impl fmt::Debug for Enctype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Enctype({})", self.0)
    }
}

impl From<i32> for Enctype {
    fn from(number: i32) -> Self {
        Self(number)
    }
}
