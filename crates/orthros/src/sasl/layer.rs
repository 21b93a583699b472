//! Security layers, and sets of them (RFC 4752 §3.3).

use std::fmt;
use std::str::FromStr;

use crate::gss::{ContextFlags, Protection};

/// What protects the protocol's messages once the exchange is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Layer {
    /// Nothing of SASL's; bit 1, `auth`.
    None,
    /// Messages are signed; bit 2, `auth-int`.
    Integrity,
    /// Messages are signed and encrypted; bit 4, `auth-conf`.
    Confidentiality,
}

impl Layer {
    /// All of them, the strongest first.
    const STRONGEST_FIRST: [Self; 3] = [Self::Confidentiality, Self::Integrity, Self::None];

    /// Its bit in the messages of GSSAPI.
    pub const fn bit(self) -> u8 {
        match self {
            Self::None => 1,
            Self::Integrity => 2,
            Self::Confidentiality => 4,
        }
    }

    /// The layer of which this is the bit, and nothing else is set.
    pub fn from_bit(bit: u8) -> Option<Self> {
        Self::STRONGEST_FIRST
            .into_iter()
            .find(|layer| layer.bit() == bit)
    }

    /// Its name as a quality of protection.
    pub const fn qop(self) -> &'static str {
        match self {
            Self::None => "auth",
            Self::Integrity => "auth-int",
            Self::Confidentiality => "auth-conf",
        }
    }

    /// What a Wrap token does in this layer.
    pub const fn protection(self) -> Option<Protection> {
        match self {
            Self::None => None,
            Self::Integrity => Some(Protection::Integrity),
            Self::Confidentiality => Some(Protection::Confidentiality),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.qop())
    }
}

/// A word that names no layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownQop(pub String);

impl fmt::Display for UnknownQop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{:?} is no quality of protection; auth, auth-int and auth-conf are",
            self.0
        )
    }
}

impl std::error::Error for UnknownQop {}

impl FromStr for Layer {
    type Err = UnknownQop;

    /// `auth`, `auth-int` and `auth-conf`; Hadoop's `authentication`, `integrity` and `privacy`.
    fn from_str(word: &str) -> Result<Self, UnknownQop> {
        Ok(match word.trim() {
            "auth" | "authentication" => Self::None,
            "auth-int" | "integrity" => Self::Integrity,
            "auth-conf" | "privacy" => Self::Confidentiality,
            _ => return Err(UnknownQop(word.to_owned())),
        })
    }
}

/// A set of layers.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Layers(u8);

impl Layers {
    /// All three.
    pub const ALL: Self = Self(7);

    /// This one and no other.
    pub const fn only(layer: Layer) -> Self {
        Self(layer.bit())
    }

    /// This one and every stronger one: a least protection.
    pub const fn at_least(layer: Layer) -> Self {
        Self(Self::ALL.0 & !(layer.bit() - 1))
    }

    /// Those of a bit-mask; bits without a meaning are cleared (SASL-08).
    pub const fn from_mask(mask: u8) -> Self {
        Self(mask & Self::ALL.0)
    }

    /// The bit-mask.
    pub const fn mask(self) -> u8 {
        self.0
    }

    /// Both sets together.
    #[must_use]
    pub const fn with(self, layer: Layer) -> Self {
        Self(self.0 | layer.bit())
    }

    /// The layers that are in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Whether this one is among them.
    pub const fn contains(self, layer: Layer) -> bool {
        self.0 & layer.bit() != 0
    }

    /// Whether one of them protects messages.
    pub const fn any_protects(self) -> bool {
        self.0 & !Layer::None.bit() != 0
    }

    /// The strongest of them.
    pub fn strongest(self) -> Option<Layer> {
        self.iter().next()
    }

    /// The layers, the strongest first.
    pub fn iter(self) -> impl Iterator<Item = Layer> {
        Layer::STRONGEST_FIRST
            .into_iter()
            .filter(move |layer| self.contains(*layer))
    }

    /// What a context with these flags can serve (SASL-08). Without SEQUENCE a message that is
    /// missing would not be noticed, and RFC 4752 has the client ask for it.
    pub(super) fn of(flags: ContextFlags) -> Self {
        let sequence = ContextFlags::SEQUENCE;
        let mut layers = Self::only(Layer::None);
        if flags.contains(sequence | ContextFlags::INTEG) {
            layers = layers.with(Layer::Integrity);
        }
        if flags.contains(sequence | ContextFlags::INTEG | ContextFlags::CONF) {
            layers = layers.with(Layer::Confidentiality);
        }
        layers
    }

    /// What a client asks its context for (SASL-02).
    pub(super) fn flags(self, integ: bool) -> ContextFlags {
        let mut flags = ContextFlags::MUTUAL | ContextFlags::REPLAY | ContextFlags::SEQUENCE;
        if integ || self.any_protects() {
            flags = flags | ContextFlags::INTEG;
        }
        if self.contains(Layer::Confidentiality) {
            flags = flags | ContextFlags::CONF;
        }
        flags
    }
}

impl FromIterator<Layer> for Layers {
    fn from_iter<I: IntoIterator<Item = Layer>>(layers: I) -> Self {
        layers.into_iter().fold(Self(0), Self::with)
    }
}

impl FromStr for Layers {
    type Err = UnknownQop;

    /// QOP words with commas between, as in `auth-conf,auth-int`.
    fn from_str(words: &str) -> Result<Self, UnknownQop> {
        words.split(',').map(Layer::from_str).collect()
    }
}

impl fmt::Display for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 == 0 {
            return f.write_str("none");
        }
        for (n, layer) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            f.write_str(layer.qop())?;
        }
        Ok(())
    }
}

impl fmt::Debug for Layers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Layers({self})")
    }
}
