//! KRB-PRIV: confidentiality and integrity (RFC 4120 §3.5, §5.7).

use zeroize::Zeroizing;

use super::{Control, Session, order, refused, tagged, version_and_type};
use crate::crypto::Enctype;
use crate::error::{Error, SessionFault};
use crate::secret::Secret;
use crate::time::Timestamp;
use crate::wire::{
    EncKrbPrivPart, EncryptedData, KRB5_PVNO, KrbPriv, Message, Microseconds, MsgType, OctetString,
    UInt32,
};

impl Session {
    /// A KRB-PRIV that carries `user_data`, which only the peer can read (AP-63).
    pub fn make_priv(&mut self, user_data: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
        let now = self.peer_clock(now);
        let dated = self.date(now)?;
        let (s_address, r_address) = self.config.addresses.of_ours(self.party);
        let part = EncKrbPrivPart {
            user_data: OctetString(user_data),
            timestamp: dated.time.map(Timestamp::time),
            usec: dated.time.map(Microseconds::from),
            seq_number: dated.number.map(UInt32),
            s_address,
            r_address,
        };
        let part = Zeroizing::new(part.to_bytes()?);
        let cipher = self.private.encrypt(&part, &*self.config.rng)?;
        let message = KrbPriv {
            pvno: KRB5_PVNO,
            msg_type: MsgType::PRIV.0,
            enc_part: EncryptedData {
                etype: self.private.enctype().0,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        };
        let octets = message.to_bytes()?;
        self.sent(dated, order::tag(&cipher));
        Ok(octets)
    }

    /// The user data of a KRB-PRIV that passes every check.
    pub fn read_priv(&mut self, octets: &[u8], now: Timestamp) -> Result<Secret, Error> {
        tagged(octets, MsgType::PRIV)?;
        let now = self.peer_clock(now);
        let message = KrbPriv::from_bytes(octets)?;
        version_and_type(message.pvno, message.msg_type, MsgType::PRIV)?;
        let refuse = refused(MsgType::PRIV);
        let sealed = message.enc_part.cipher.as_bytes();
        let opened = match Enctype(message.enc_part.etype) == self.private.enctype() {
            true => self.private.decrypt(sealed).ok().map(Zeroizing::new),
            false => None,
        };
        let part = opened.ok_or_else(|| refuse(SessionFault::Integrity))?;
        let part = EncKrbPrivPart::from_bytes(&part)?;
        let control = Control {
            timestamp: part.timestamp,
            usec: part.usec,
            seq_number: part.seq_number,
            s_address: &part.s_address,
            r_address: part.r_address.as_ref(),
        };
        let dated = self
            .judge(&control, &order::tag(sealed), now)
            .map_err(refuse)?;
        self.received(&dated);
        Ok(Secret::from(part.user_data.as_bytes()))
    }
}
