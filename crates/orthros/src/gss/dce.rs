//! DCE style: three legs without framing, the last an AP-REP of the initiator (MS-KILE §3.4.5.1).
//!
//! ```text
//! initiator                               acceptor
//!   AP-REQ, checksum with DCE_STYLE  ───▶
//!                                    ◀───  AP-REP: the initiator's time, a subkey, a number
//!   AP-REP: its time, that number    ───▶   established
//! ```
//!
//! The third leg proves to the acceptor that the initiator took the second: the acceptor's number
//! is sealed in both. It has no subkey, so that the second, echoed, is not the third (security
//! case 26).

use std::sync::Arc;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use super::context::{ContextInfo, SecurityContext};
use crate::ap::SessionKeys;
use crate::crypto::{Enctype, KeyUsage};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::random::Random;
use crate::step::Refusal;
use crate::time::Timestamp;
use crate::wire::{
    ApRep, EncApRepPart, EncryptedData, KRB5_PVNO, Message, Microseconds, MsgType, OctetString,
    UInt32,
};

/// The initiator's AP-REP (GSS-54).
pub(super) fn third_leg(
    keys: &SessionKeys,
    now: Timestamp,
    random: &dyn Random,
) -> Result<Vec<u8>, Error> {
    let part = EncApRepPart {
        ctime: now.time(),
        cusec: Microseconds::from(now),
        subkey: None,
        seq_number: Some(UInt32(keys.acceptor_seq)),
    };
    let part = Zeroizing::new(part.to_bytes()?);
    let cipher = keys.session.encrypt(KeyUsage::AP_REP, &part, random)?;
    let reply = ApRep {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REP.0,
        enc_part: EncryptedData {
            etype: keys.session.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    Ok(reply.to_bytes()?)
}

/// An acceptor that waits for the third leg. Nothing can be sent or received before it is here
/// (GSS-53).
#[derive(Debug)]
pub struct AwaitThirdLeg {
    info: ContextInfo,
    random: RandomSource,
}

struct RandomSource(Arc<dyn Random>);

impl std::fmt::Debug for RandomSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Random")
    }
}

impl AwaitThirdLeg {
    pub(super) fn new(info: ContextInfo, random: Arc<dyn Random>) -> Self {
        Self {
            info,
            random: RandomSource(random),
        }
    }

    /// Takes the initiator's AP-REP (GSS-54). There is no answer to it, right or wrong.
    pub fn accept(self, token: &[u8]) -> Result<SecurityContext, Refusal> {
        judge(&self.info.keys, &self.info.acceptor, token)?;
        Ok(SecurityContext::new(self.info, self.random.0)?)
    }
}

fn judge(keys: &SessionKeys, server: &Principal, token: &[u8]) -> Result<(), Error> {
    let refused = |why| -> Error {
        Rejection::Mutual {
            why,
            server: server.clone(),
        }
        .into()
    };
    if token.first() != Some(&0x6F) {
        return Err(Rejection::MessageType {
            expected: "a bare AP-REP, the third leg of DCE style",
            found: "another token".to_owned(),
        }
        .into());
    }
    let reply = ApRep::from_bytes(token)?;
    if reply.pvno != KRB5_PVNO {
        return Err(Rejection::Version {
            field: "pvno",
            found: reply.pvno,
        }
        .into());
    }
    if reply.msg_type != MsgType::AP_REP.0 {
        return Err(Rejection::MessageType {
            expected: "AP-REP",
            found: format!("msg-type {}", reply.msg_type),
        }
        .into());
    }
    let sealed = &reply.enc_part;
    let opened = match Enctype(sealed.etype) == keys.session.enctype() {
        true => keys
            .session
            .decrypt(KeyUsage::AP_REP, sealed.cipher.as_bytes())
            .ok(),
        false => None,
    };
    let Some(octets) = opened.map(Zeroizing::new) else {
        return Err(Rejection::ReplyModified {
            server: server.clone(),
        }
        .into());
    };
    let part = EncApRepPart::from_bytes(&octets)?;
    if part.subkey.is_some() {
        return Err(refused("there is a subkey in it: it is our own AP-REP"));
    }
    let number = part.seq_number.map(|number| number.0.to_be_bytes());
    let ours = keys.acceptor_seq.to_be_bytes();
    match number {
        Some(number) if bool::from(number.ct_eq(&ours)) => Ok(()),
        Some(_) => Err(refused("its sequence number is not the one that was sent")),
        None => Err(refused("it has no sequence number")),
    }
}
