//! The 0x8003 checksum: what an initiator tells the acceptor inside the authenticator
//! (RFC 4121 §4.1.1).
//!
//! ```text
//!  0      4            20      24       26       28          28+Dlgth
//!  | Lgth | Bnd        | Flags | DlgOpt | Dlgth | Deleg     | Exts: type, length, data ...
//!    16     MD5 or 0     LE      1        LE      KRB-CRED
//!                              |<- only with DELEG ------->|
//! ```

use std::collections::HashSet;
use std::fmt;

use crate::error::Rejection;

/// Context flags: those of the 0x8003 checksum, and those that only the API knows.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct ContextFlags(pub u32);

impl ContextFlags {
    /// No flag.
    pub const NONE: Self = Self(0);
    /// Credentials were delegated.
    pub const DELEG: Self = Self(1);
    /// The acceptor proves itself.
    pub const MUTUAL: Self = Self(2);
    /// Repeated per-message tokens are detected.
    pub const REPLAY: Self = Self(4);
    /// Per-message tokens out of order are detected.
    pub const SEQUENCE: Self = Self(8);
    /// Messages can be encrypted.
    pub const CONF: Self = Self(16);
    /// Messages can be signed.
    pub const INTEG: Self = Self(32);
    /// The initiator is anonymous. Never sent.
    pub const ANON: Self = Self(64);
    /// Per-message calls are possible before the context is complete. Never sent.
    pub const PROT_READY: Self = Self(128);
    /// The context can be exported. Never sent.
    pub const TRANS: Self = Self(256);
    /// Both sides' channel bindings agreed (GSS-21). Never sent.
    pub const CHANNEL_BOUND: Self = Self(0x800);
    /// DCE style, three legs.
    pub const DCE_STYLE: Self = Self(0x1000);
    /// The acceptor may identify the initiator, not impersonate it.
    pub const IDENTIFY: Self = Self(0x2000);
    /// Windows' extended errors.
    pub const EXTENDED_ERROR: Self = Self(0x4000);
    /// Delegate if the realm recommends it (RFC 5896). Never sent.
    pub const DELEG_POLICY: Self = Self(0x8000);

    /// The flags that the 0x8003 checksum has a meaning for; of what a peer sends the others are
    /// ignored (GSS-16).
    pub const ON_WIRE: Self = Self(0x703F);

    const NAMES: [(Self, &'static str); 14] = [
        (Self::DELEG, "DELEG"),
        (Self::MUTUAL, "MUTUAL"),
        (Self::REPLAY, "REPLAY"),
        (Self::SEQUENCE, "SEQUENCE"),
        (Self::CONF, "CONF"),
        (Self::INTEG, "INTEG"),
        (Self::ANON, "ANON"),
        (Self::PROT_READY, "PROT_READY"),
        (Self::TRANS, "TRANS"),
        (Self::CHANNEL_BOUND, "CHANNEL_BOUND"),
        (Self::DCE_STYLE, "DCE_STYLE"),
        (Self::IDENTIFY, "IDENTIFY"),
        (Self::EXTENDED_ERROR, "EXTENDED_ERROR"),
        (Self::DELEG_POLICY, "DELEG_POLICY"),
    ];

    /// Whether every flag of `other` is set in `self`.
    pub const fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// `self` without the flags of `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The flags that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The names of the flags that are set; a bit without a name is left out.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        Self::NAMES
            .into_iter()
            .filter(move |(flag, _)| self.contains(*flag))
            .map(|(_, name)| name)
    }
}

impl std::ops::BitOr for ContextFlags {
    type Output = Self;
    fn bitor(self, other: Self) -> Self {
        self.with(other)
    }
}

impl fmt::Debug for ContextFlags {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x} [", self.0)?;
        for (n, name) in self.names().enumerate() {
            if n > 0 {
                f.write_str(" ")?;
            }
            f.write_str(name)?;
        }
        f.write_str("]")
    }
}

/// An extension behind the checksum's fixed fields (RFC 6542 §3.1).
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Extension<'a> {
    /// Its type.
    pub ext_type: u32,
    /// Its data.
    pub data: &'a [u8],
}

impl Extension<'_> {
    /// A MIC over the channel bindings (RFC 6542 §3.2).
    pub const CHANNEL_BINDING: u32 = 0;
}

impl fmt::Debug for Extension<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "Extension({}, {} octets)",
            self.ext_type,
            self.data.len()
        )
    }
}

/// The contents of a 0x8003 checksum.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct GssChecksum<'a> {
    /// Bnd: the MD5 of the channel bindings, zeros if there are none, ones if MD5 was refused.
    pub bindings: [u8; 16],
    /// The flags as the peer sent them, unknown ones included.
    pub flags: ContextFlags,
    /// Deleg: a KRB-CRED, DER, there exactly if the flag DELEG is.
    pub delegation: Option<&'a [u8]>,
    /// The extensions.
    pub extensions: Vec<Extension<'a>>,
}

impl fmt::Debug for GssChecksum<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GssChecksum")
            .field("flags", &self.flags)
            .field("delegation", &self.delegation.map(<[u8]>::len))
            .field("extensions", &self.extensions)
            .finish_non_exhaustive()
    }
}

impl<'a> GssChecksum<'a> {
    /// The longest KRB-CRED that Dlgth can count (GSS-18).
    pub const MAX_DELEGATION: usize = 0xFFFF;

    /// Takes a checksum apart.
    ///
    /// Octets behind the fields that are not extensions are ignored; two extensions of one type
    /// are not (GSS-15, GSS-17).
    pub fn parse(octets: &'a [u8]) -> Result<Self, Rejection> {
        let damaged = |why| Rejection::GssChecksum {
            why,
            len: octets.len(),
        };
        let mut rest = octets;
        let short = || damaged("it has fewer than 24 octets");
        let length = take::<4>(&mut rest).ok_or_else(short)?;
        let bindings = *take::<16>(&mut rest).ok_or_else(short)?;
        let flags = take::<4>(&mut rest).ok_or_else(short)?;
        if u32::from_le_bytes(*length) != 16 {
            return Err(damaged("the length of the bindings is not 16"));
        }
        let flags = ContextFlags(u32::from_le_bytes(*flags));
        let delegation = if flags.contains(ContextFlags::DELEG) {
            let option = take::<2>(&mut rest).ok_or_else(|| damaged("DlgOpt is missing"))?;
            let length = take::<2>(&mut rest).ok_or_else(|| damaged("Dlgth is missing"))?;
            if u16::from_le_bytes(*option) != 1 {
                return Err(damaged("DlgOpt is not 1"));
            }
            let length = usize::from(u16::from_le_bytes(*length));
            let (delegation, behind) = rest
                .split_at_checked(length)
                .ok_or_else(|| damaged("the KRB-CRED is shorter than Dlgth"))?;
            rest = behind;
            Some(delegation)
        } else {
            None
        };
        let mut extensions = Vec::new();
        let mut types = HashSet::new();
        while let Some(extension) = take_extension(&mut rest) {
            if !types.insert(extension.ext_type) {
                return Err(damaged("two extensions have one type"));
            }
            extensions.push(extension);
        }
        Ok(Self {
            bindings,
            flags,
            delegation,
            extensions,
        })
    }

    /// The checksum's octets. The flag DELEG follows [`delegation`](Self::delegation): a KRB-CRED
    /// too long for Dlgth is left out (GSS-18). Flags without a meaning are not sent (GSS-16).
    pub fn to_bytes(&self) -> Vec<u8> {
        let delegation = self
            .delegation
            .and_then(|cred| Some((cred, u16::try_from(cred.len()).ok()?)));
        let mut flags = self
            .flags
            .and(ContextFlags::ON_WIRE)
            .without(ContextFlags::DELEG);
        if delegation.is_some() {
            flags = flags.with(ContextFlags::DELEG);
        }
        let mut out = Vec::with_capacity(28 + delegation.map_or(0, |(cred, _)| cred.len()) + 32);
        out.extend_from_slice(&16u32.to_le_bytes());
        out.extend_from_slice(&self.bindings);
        out.extend_from_slice(&flags.0.to_le_bytes());
        if let Some((cred, length)) = delegation {
            out.extend_from_slice(&1u16.to_le_bytes());
            out.extend_from_slice(&length.to_le_bytes());
            out.extend_from_slice(cred);
        }
        for extension in &self.extensions {
            let Ok(length) = u32::try_from(extension.data.len()) else {
                continue;
            };
            out.extend_from_slice(&extension.ext_type.to_be_bytes());
            out.extend_from_slice(&length.to_be_bytes());
            out.extend_from_slice(extension.data);
        }
        out
    }

    /// The data of the extension of a type.
    pub fn extension(&self, ext_type: u32) -> Option<&'a [u8]> {
        self.extensions
            .iter()
            .find(|extension| extension.ext_type == ext_type)
            .map(|extension| extension.data)
    }
}

fn take<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (chunk, behind) = rest.split_first_chunk()?;
    *rest = behind;
    Some(chunk)
}

fn take_extension<'a>(rest: &mut &'a [u8]) -> Option<Extension<'a>> {
    let mut cursor = *rest;
    let ext_type = u32::from_be_bytes(*take(&mut cursor)?);
    let length = u32::from_be_bytes(*take(&mut cursor)?);
    let (data, behind) = cursor.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = behind;
    Some(Extension { ext_type, data })
}
