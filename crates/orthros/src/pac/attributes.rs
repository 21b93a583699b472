//! ATTRIBUTES_INFO: why a TGT has a PAC (MS-PAC 2.14).

use super::error::Fault;

/// ```text
/// FlagsLength u32, in bits; Flags u32[]
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// How many bits have a meaning.
    pub flags_length: u32,
    /// The first 32 bits; those beyond `flags_length` have none.
    pub flags: u32,
}

impl Attributes {
    /// The client asked for a PAC (PA-PAC-REQUEST true).
    pub const REQUESTED: Self = Self {
        flags_length: 2,
        flags: 1,
    };

    /// The client said nothing and got one.
    pub const GIVEN_IMPLICITLY: Self = Self {
        flags_length: 2,
        flags: 2,
    };

    /// Whether the client asked for a PAC.
    pub fn is_requested(&self) -> bool {
        self.flags_length > 0 && self.flags & 1 != 0
    }

    /// Whether the client said nothing and got one.
    pub fn is_given_implicitly(&self) -> bool {
        self.flags_length > 1 && self.flags & 2 != 0
    }

    pub(super) fn parse(buffer: &[u8]) -> Result<Self, Fault> {
        let (words, rest) = buffer.as_chunks::<4>();
        let mut words = words.iter().map(|word| u32::from_le_bytes(*word));
        let Some(flags_length) = words.next() else {
            return Err(Fault::new(buffer.len(), "shorter than its fixed part"));
        };
        let needed = usize::try_from(flags_length.div_ceil(32)).unwrap_or(usize::MAX);
        if words.len() < needed || !rest.is_empty() {
            return Err(Fault::new(0, "its length does not fit the number of flags"));
        }
        Ok(Self {
            flags_length,
            flags: words.next().unwrap_or_default(),
        })
    }

    /// The buffer, with the 32 flags that this type holds.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = self.flags_length.min(32).to_le_bytes().to_vec();
        out.extend(self.flags.to_le_bytes());
        out
    }
}
