//! Channel bindings: what ties a context to the channel it is established over
//! (RFC 2743 §1.1.6, RFC 4121 §4.1.1.2, RFC 6542).

use subtle::ConstantTimeEq;

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

/// What an acceptor does with channel bindings.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum AcceptorBindings {
    /// It has none, and ignores those of the initiator.
    #[default]
    None,
    /// It compares; an initiator without bindings is let in, and the context says so.
    Allow(ChannelBindings),
    /// It compares; an initiator without bindings is refused.
    Require(ChannelBindings),
    /// It compares and lets everyone in; the context says what was found. For finding out who would
    /// be refused.
    Audit(ChannelBindings),
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
    Agree,
    /// They differ: another channel, somebody in the middle, or wrong bindings on one side. Only
    /// [`Audit`](AcceptorBindings::Audit) lets it in.
    Differ,
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
            Self::Allow(_) => matches!(outcome, BindingOutcome::Agree | BindingOutcome::Absent),
            Self::Require(_) => outcome == BindingOutcome::Agree,
        };
        match admitted {
            true => Ok(outcome),
            false => Err(Rejection::ChannelBindings {
                sent: outcome == BindingOutcome::Differ,
            }),
        }
    }
}

impl ChannelBindings {
    fn compare(&self, checksum: &GssChecksum<'_>, key: &Key, promised: bool) -> BindingOutcome {
        let mic = checksum.extension(Extension::CHANNEL_BINDING);
        if checksum.bindings == NO_BINDINGS && mic.is_none() {
            return match promised {
                true => BindingOutcome::Withheld,
                false => BindingOutcome::Absent,
            };
        }
        let digest_agrees = bool::from(self.digest().ct_eq(&checksum.bindings));
        let agree = match mic {
            Some(mic) => {
                let genuine = key
                    .mac(KeyUsage::CHANNEL_BINDING_MIC)
                    .and_then(|mac| mac.verify(&[&self.to_bytes()], mic))
                    .is_ok();
                let stands_alone = checksum.bindings == NO_MD5 || checksum.bindings == NO_BINDINGS;
                genuine && (digest_agrees || stands_alone)
            }
            None => digest_agrees,
        };
        match agree {
            true => BindingOutcome::Agree,
            false => BindingOutcome::Differ,
        }
    }
}
