//! A session of KRB-SAFE, KRB-PRIV and KRB-CRED messages (RFC 4120 §3.4, §3.5, §3.6).
//!
//! ```text
//! SessionKeys ─▶ Session ─make_safe─▶ KRB-SAFE ─▶ read_safe   integrity
//!                        ─make_priv─▶ KRB-PRIV ─▶ read_priv   confidentiality and integrity
//!                        ─make_cred─▶ KRB-CRED ─▶ read_cred   tickets and their keys
//! ```
//!
//! The checks of a received message, in the order of RFC 4120 §3.4.2 and §3.5.2:
//!
//! ```text
//! type and version            40, 39
//! type of the checksum        50   KRB-SAFE
//! decryption                  31   KRB-PRIV, KRB-CRED
//! s-address, r-address        38   not in KRB-CRED (AP-71)
//! neither time nor number     41   (AP-65)
//! time                        37, 34
//! number                      42
//! checksum                    41   KRB-SAFE
//! ```
//!
//! A message that is refused changes nothing: the next number and the times that were seen are
//! those of messages that passed every check.

mod addresses;
mod config;
pub(crate) mod cred;
mod keys;
mod order;
mod private;
mod safe;

#[cfg(test)]
mod tests;

use std::fmt;

pub use addresses::{HostAddresses, SessionAddresses};
pub use config::{Freshness, Party, SessionConfig};
pub use keys::SessionKeys;

use crate::crypto::{Cipher, KeyUsage, Mac};
use crate::error::{Error, Rejection, SessionFault};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    HostAddress, KRB5_PVNO, Microseconds, MsgType, UInt32, primitive::application_number,
};
use order::{Numbers, Tag, Times};

/// One side of a session.
///
/// Both directions are in one value, because a message of our own that is sent back to us has to
/// be known. `Debug` shows no key.
pub struct Session {
    party: Party,
    config: SessionConfig,
    keys: SessionKeys,
    safe: Mac,
    private: Cipher,
    numbers: Numbers,
    times: Times,
}

/// What of a message says where it is from, and when and in which order it was sent.
struct Control<'a> {
    timestamp: Option<KerberosTime>,
    usec: Option<Microseconds>,
    seq_number: Option<UInt32>,
    s_address: &'a HostAddress<'a>,
    r_address: Option<&'a HostAddress<'a>>,
}

/// Time and number of a message that is about to be sent, or that passed its checks.
struct Dated {
    time: Option<Timestamp>,
    number: Option<u32>,
}

impl Session {
    /// The side of the one who sent the AP-REQ.
    pub fn initiator(keys: SessionKeys, config: SessionConfig) -> Result<Self, Error> {
        let (ours, theirs) = (keys.initiator_seq, config.acceptor_first(&keys));
        Self::new(Party::Initiator, keys, config, ours, theirs)
    }

    /// The side of the one who received the AP-REQ.
    pub fn acceptor(keys: SessionKeys, config: SessionConfig) -> Result<Self, Error> {
        let (ours, theirs) = (config.acceptor_first(&keys), keys.initiator_seq);
        Self::new(Party::Acceptor, keys, config, ours, theirs)
    }

    fn new(
        party: Party,
        keys: SessionKeys,
        config: SessionConfig,
        ours: u32,
        theirs: u32,
    ) -> Result<Self, Error> {
        Ok(Self {
            party,
            safe: keys.in_force().mac(KeyUsage::KRB_SAFE)?,
            private: keys.in_force().cipher(KeyUsage::KRB_PRIV)?,
            numbers: Numbers::new(ours, theirs),
            times: Times::new(config.memory),
            keys,
            config,
        })
    }

    /// Which side this is.
    pub fn party(&self) -> Party {
        self.party
    }

    /// The number of the next message of ours that has one.
    pub fn next_number(&self) -> u32 {
        self.numbers.next_sent()
    }

    /// Time and number for a message of ours (AP-65).
    fn date(&mut self, now: Timestamp) -> Result<Dated, Error> {
        let freshness = self.config.freshness;
        let time = match freshness.timestamps() {
            true => Some(self.times.draw(now, self.config.skew)?),
            false => None,
        };
        let number = match freshness.sequence_numbers() {
            true => Some(self.numbers.draw()?),
            false => None,
        };
        Ok(Dated { time, number })
    }

    /// The message with this tag goes out.
    fn sent(&mut self, dated: Dated, tag: Tag) {
        if let Some(time) = dated.time {
            self.times.sent(time, tag);
        }
        if dated.number.is_some() {
            self.numbers.sent(tag);
        }
    }

    /// Addresses, time and number of a message of the peer's (AP-65 to AP-69).
    ///
    /// What has to be there is demanded, and what is there is checked though it had not to be.
    fn judge(
        &mut self,
        control: &Control<'_>,
        tag: &Tag,
        now: Timestamp,
    ) -> Result<Dated, SessionFault> {
        let addresses = &self.config.addresses;
        addresses.check(self.party, control.s_address, control.r_address)?;
        let time = control.timestamp.map(|time| {
            // An absent usec is 0 (MSG-05).
            Timestamp::new(time, control.usec.unwrap_or_default().get())
        });
        let number = control.seq_number.map(|number| number.0);
        if time.is_none() && number.is_none() {
            return Err(SessionFault::Undated);
        }
        let freshness = self.config.freshness;
        if time.is_some() || freshness.timestamps() {
            self.times.check(time, tag, now, self.config.skew)?;
        }
        if number.is_some() || freshness.sequence_numbers() {
            self.numbers.check(number)?;
            if !addresses.tell_direction() && time.is_none() {
                self.numbers.check_direction(tag)?;
            }
        }
        Ok(Dated { time, number })
    }

    /// The message passed every check.
    fn received(&mut self, dated: &Dated) {
        if let Some(time) = dated.time {
            self.times.received(time);
        }
        if dated.number.is_some() {
            self.numbers.received();
        }
    }

    /// What the peer's clock shows (AP-10).
    fn peer_clock(&self, now: Timestamp) -> Timestamp {
        now.offset(self.config.clock_offset)
    }
}

/// The message is of this type, by its tag (AP-64).
fn tagged(octets: &[u8], expected: MsgType) -> Result<(), Rejection> {
    match application_number(octets) {
        Some(number) if i32::from(number) != expected.0 => {
            Err(wrong_type(expected, MsgType(number.into()).to_string()))
        }
        // What has no tag of a message is left to the decoder.
        _ => Ok(()),
    }
}

/// Version and type, as they are written in the message (AP-64).
fn version_and_type(pvno: i32, msg_type: i32, expected: MsgType) -> Result<(), Rejection> {
    if pvno != KRB5_PVNO {
        return Err(Rejection::Version {
            field: "pvno",
            found: pvno,
        });
    }
    if msg_type != expected.0 {
        return Err(wrong_type(expected, format!("msg-type {msg_type}")));
    }
    Ok(())
}

fn wrong_type(expected: MsgType, found: String) -> Rejection {
    Rejection::MessageType {
        expected: expected.name().unwrap_or("another message"),
        found,
    }
}

/// A refused message of this type.
fn refused(message: MsgType) -> impl Fn(SessionFault) -> Error {
    move |fault| Rejection::Session { message, fault }.into()
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("party", &self.party)
            .field("config", &self.config)
            .field("keys", &self.keys)
            .finish_non_exhaustive()
    }
}
