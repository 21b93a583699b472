//! Channel bindings: what ties a context to the channel it is established over
//! (RFC 2743 §1.1.6, RFC 4121 §4.1.1.2, RFC 6542).

use std::fmt;

use subtle::{Choice, ConditionallySelectable, ConstantTimeEq};

use super::checksum::{Extension, GssChecksum};
use crate::crypto::{CryptoError, Key, KeyUsage, md5};
use crate::error::Rejection;

/// The five fields of RFC 2744 §3.11 (GSS-24).
///
/// For TLS they are one: `application_data` holds `tls-server-end-point:` or `tls-exporter:` and
/// the channel's octets (RFC 5929, RFC 9266).
#[derive(Clone, Debug, PartialEq, Eq, Default)]
pub struct ChannelBindings {
    /// The type of the initiator's address; 0 if it is not used.
    pub initiator_addrtype: u32,
    /// The initiator's address.
    pub initiator_address: Vec<u8>,
    /// The type of the acceptor's address; 0 if it is not used.
    pub acceptor_addrtype: u32,
    /// The acceptor's address.
    pub acceptor_address: Vec<u8>,
    /// What the application binds to.
    pub application_data: Vec<u8>,
}

impl ChannelBindings {
    /// Bindings of nothing but octets (GSS-24).
    pub fn from_application_data(octets: impl Into<Vec<u8>>) -> Self {
        Self {
            application_data: octets.into(),
            ..Self::default()
        }
    }

    /// The name of their type and the channel's octets, as GS2 wants them (SASL-12); `None` if the
    /// application data begin with no type (CB-01).
    pub fn typed(&self) -> Option<(&str, &[u8])> {
        let mut parts = self.application_data.splitn(2, |octet| *octet == b':');
        let (name, octets) = (parts.next()?, parts.next()?);
        let name = std::str::from_utf8(name).ok()?;
        (!name.is_empty()).then_some((name, octets))
    }

    /// Of which type they are, as far as the application data say.
    pub fn binding_type(&self) -> BindingType {
        BindingType::of(&self.application_data)
    }

    /// What Bnd and the extension of RFC 6542 protect: every number and length 32 bits, little
    /// end first (GSS-20).
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(20 + self.application_data.len());
        out.extend_from_slice(&self.initiator_addrtype.to_le_bytes());
        put(&self.initiator_address, &mut out);
        out.extend_from_slice(&self.acceptor_addrtype.to_le_bytes());
        put(&self.acceptor_address, &mut out);
        put(&self.application_data, &mut out);
        out
    }

    /// Bnd (GSS-20).
    pub fn digest(&self) -> [u8; 16] {
        md5(&[&self.to_bytes()])
    }

    /// The extension of RFC 6542 §3.2, with the initiator's subkey or else the session key
    /// (GSS-22).
    pub fn mic(&self, key: &Key) -> Result<Vec<u8>, CryptoError> {
        let mic = key.checksum(KeyUsage::CHANNEL_BINDING_MIC, &self.to_bytes())?;
        Ok(mic.to_vec())
    }
}

fn put(field: &[u8], out: &mut Vec<u8>) {
    // No field of 4 GiB comes to pass; were there one, the octets would still differ.
    let length = u32::try_from(field.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(field);
}

/// A type of channel bindings, by its registered name (RFC 5056 §7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BindingType {
    /// `tls-server-end-point`: the server's certificate (RFC 5929 §4).
    ServerEndPoint,
    /// `tls-exporter`: octets that the connection exports (RFC 9266).
    Exporter,
    /// `tls-unique`: the first Finished message (RFC 5929 §3).
    Unique,
    /// Another one, or octets without a type.
    Other,
}

impl BindingType {
    const NAMED: [Self; 3] = [Self::ServerEndPoint, Self::Exporter, Self::Unique];

    /// The name, which is the unique prefix of its application data; `other` if it is none of
    /// these.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ServerEndPoint => "tls-server-end-point",
            Self::Exporter => "tls-exporter",
            Self::Unique => "tls-unique",
            Self::Other => "other",
        }
    }

    /// The type with this name.
    pub fn of_name(name: &str) -> Self {
        Self::NAMED
            .into_iter()
            .find(|named| named.name() == name)
            .unwrap_or(Self::Other)
    }

    /// CB-01: the octets before the first colon. In GS2 they follow the `p=` of its header
    /// (SASL-12).
    fn of(application_data: &[u8]) -> Self {
        let (text, end) = match application_data.strip_prefix(b"p=") {
            Some(header) => (header, b','),
            None => (application_data, b':'),
        };
        let name = text.split(|octet| *octet == end).next();
        match name.map(std::str::from_utf8) {
            Some(Ok(name)) if name.len() < text.len() => Self::of_name(name),
            _ => Self::Other,
        }
    }
}

impl fmt::Display for BindingType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The bindings of which an acceptor takes any one (CB-06).
///
/// Usually there is one. There are several where the initiator may choose the type, and where
/// something in front of the acceptor ends TLS with other certificates (CB-04): each binds to an
/// end of the channel that the acceptor trusts. Without any, nothing agrees.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(Vec<ChannelBindings>);

impl Candidates {
    /// The bindings in their order.
    pub fn iter(&self) -> impl Iterator<Item = &ChannelBindings> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl From<ChannelBindings> for Candidates {
    fn from(only: ChannelBindings) -> Self {
        Self(vec![only])
    }
}

impl From<Vec<ChannelBindings>> for Candidates {
    fn from(all: Vec<ChannelBindings>) -> Self {
        Self(all)
    }
}

impl<const N: usize> From<[ChannelBindings; N]> for Candidates {
    fn from(all: [ChannelBindings; N]) -> Self {
        Self(all.into())
    }
}

impl FromIterator<ChannelBindings> for Candidates {
    fn from_iter<I: IntoIterator<Item = ChannelBindings>>(all: I) -> Self {
        Self(all.into_iter().collect())
    }
}

impl Extend<ChannelBindings> for Candidates {
    fn extend<I: IntoIterator<Item = ChannelBindings>>(&mut self, more: I) {
        self.0.extend(more);
    }
}

/// What an acceptor does with channel bindings.
///
/// ```
/// # use orthros::gss::{AcceptorBindings, ChannelBindings};
/// # fn both(end_point: ChannelBindings, exporter: ChannelBindings) -> [AcceptorBindings; 2] {
/// [
///     AcceptorBindings::Allow(end_point.clone().into()),
///     AcceptorBindings::Require([end_point, exporter].into()),
/// ]
/// # }
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AcceptorBindings {
    /// It has none, and ignores those of the initiator.
    #[default]
    None,
    /// It compares; an initiator without bindings is let in, and the context says so.
    Allow(Candidates),
    /// It compares; an initiator without bindings is refused.
    Require(Candidates),
    /// It compares and lets everyone in; the context says what was found. For finding out who would
    /// be refused.
    Audit(Candidates),
}

/// How the channel bindings of the two sides compare.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum BindingOutcome {
    /// The acceptor has none.
    #[default]
    NotCompared,
    /// The initiator sent none.
    Absent,
    /// The initiator announced that it uses bindings, and sent none (AP-81). Only
    /// [`Audit`](AcceptorBindings::Audit) lets it in.
    Withheld,
    /// They agree: the context is bound to the channel.
    Agree {
        /// The place of the acceptor's in its [`Candidates`], from 0.
        candidate: usize,
        /// Their type.
        binding_type: BindingType,
    },
    /// They differ: another channel, somebody in the middle, or wrong bindings on one side. Only
    /// [`Audit`](AcceptorBindings::Audit) lets it in.
    Differ,
}

impl BindingOutcome {
    /// Whether the context is bound to the channel.
    pub const fn agrees(self) -> bool {
        matches!(self, Self::Agree { .. })
    }
}

/// Bnd when the initiator has no bindings.
const NO_BINDINGS: [u8; 16] = [0; 16];
/// Bnd when the initiator refuses MD5: only the extension counts (GSS-23).
const NO_MD5: [u8; 16] = [0xFF; 16];

impl AcceptorBindings {
    /// Judges the initiator's checksum (GSS-21 to GSS-23).
    ///
    /// `key` is the initiator's subkey, else the session key. `promised` says that the initiator
    /// announced in sealed authorization data that it uses bindings (AP-81): it cannot have none.
    pub fn check(
        &self,
        checksum: &GssChecksum<'_>,
        key: &Key,
        promised: bool,
    ) -> Result<BindingOutcome, Rejection> {
        let ours = match self {
            Self::None => return Ok(BindingOutcome::NotCompared),
            Self::Allow(ours) | Self::Require(ours) | Self::Audit(ours) => ours,
        };
        let outcome = ours.compare(checksum, key, promised);
        let admitted = match self {
            Self::None | Self::Audit(_) => true,
            Self::Allow(_) => outcome.agrees() || outcome == BindingOutcome::Absent,
            Self::Require(_) => outcome.agrees(),
        };
        match admitted {
            true => Ok(outcome),
            false => Err(Rejection::ChannelBindings {
                sent: outcome == BindingOutcome::Differ,
            }),
        }
    }
}

impl Candidates {
    /// Compares with all of them whichever agrees: how long it takes does not say which
    /// (CB-06).
    fn compare(&self, checksum: &GssChecksum<'_>, key: &Key, promised: bool) -> BindingOutcome {
        let mic = checksum.extension(Extension::CHANNEL_BINDING);
        if checksum.bindings == NO_BINDINGS && mic.is_none() {
            return match promised {
                true => BindingOutcome::Withheld,
                false => BindingOutcome::Absent,
            };
        }
        let mut found = Choice::from(0);
        let mut place = 0u32;
        for (at, ours) in (0u32..).zip(&self.0) {
            let agrees = ours.agree(checksum, mic, key);
            // The first that agrees.
            place.conditional_assign(&at, agrees & !found);
            found |= agrees;
        }
        let candidate = usize::try_from(place).unwrap_or(usize::MAX);
        match (bool::from(found), self.0.get(candidate)) {
            (true, Some(ours)) => BindingOutcome::Agree {
                candidate,
                binding_type: ours.binding_type(),
            },
            _ => BindingOutcome::Differ,
        }
    }
}

impl ChannelBindings {
    /// GSS-21 to GSS-23: where there is a MIC it must be genuine, and Bnd agrees or stands aside.
    fn agree(&self, checksum: &GssChecksum<'_>, mic: Option<&[u8]>, key: &Key) -> Choice {
        let digest = self.digest().ct_eq(&checksum.bindings);
        let Some(mic) = mic else { return digest };
        let genuine = key
            .mac(KeyUsage::CHANNEL_BINDING_MIC)
            .and_then(|mac| mac.verify(&[&self.to_bytes()], mic))
            .is_ok();
        let stands_aside = checksum.bindings == NO_MD5 || checksum.bindings == NO_BINDINGS;
        Choice::from(u8::from(genuine)) & (digest | Choice::from(u8::from(stands_aside)))
    }
}
