//! KRB-SAFE: integrity (RFC 4120 §3.4, §5.6).

use super::{Control, Session, order, refused, tagged, version_and_type};
use crate::error::{Error, SessionFault};
use crate::time::Timestamp;
use crate::wire::{
    Checksum, KRB5_PVNO, KrbSafe, KrbSafeBody, Malformed, Message, Microseconds, MsgType,
    OctetString, Raw, UInt32,
    primitive::{from_der, to_der},
};

const BODY: &str = "KRB-SAFE-BODY";

/// The message with this checksum.
fn message(body: Raw<'_>, cksumtype: i32, checksum: &[u8]) -> Result<Vec<u8>, Malformed> {
    KrbSafe {
        pvno: KRB5_PVNO,
        msg_type: MsgType::SAFE.0,
        safe_body: body,
        cksum: Checksum {
            cksumtype,
            checksum: OctetString(checksum),
        },
    }
    .to_bytes()
}

impl Session {
    /// A KRB-SAFE that carries `user_data`, which anybody can read and only we can have sent.
    pub fn make_safe(&mut self, user_data: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
        let now = self.peer_clock(now);
        let dated = self.date(now)?;
        let (s_address, r_address) = self.config.addresses.of_ours(self.party);
        let body = KrbSafeBody {
            user_data: OctetString(user_data),
            timestamp: dated.time.map(Timestamp::time),
            usec: dated.time.map(Microseconds::from),
            seq_number: dated.number.map(UInt32),
            s_address,
            r_address,
        };
        let body = to_der(BODY, &body)?;
        let body = Raw::new(&body)?;
        // The checksum is over the whole message, its own place empty (AP-60).
        let checksum = self.safe.checksum(&[&message(body, 0, &[])?]);
        let octets = message(body, self.safe.checksum_type().0, &checksum)?;
        self.sent(dated, order::tag(&checksum));
        Ok(octets)
    }

    /// The user data of a KRB-SAFE that passes every check.
    pub fn read_safe<'m>(&mut self, octets: &'m [u8], now: Timestamp) -> Result<&'m [u8], Error> {
        tagged(octets, MsgType::SAFE)?;
        let now = self.peer_clock(now);
        let safe = KrbSafe::from_bytes(octets)?;
        version_and_type(safe.pvno, safe.msg_type, MsgType::SAFE)?;
        self.read_safe_body(&safe, now)
    }

    fn read_safe_body<'m>(
        &mut self,
        safe: &KrbSafe<'m>,
        now: Timestamp,
    ) -> Result<&'m [u8], Error> {
        let refuse = refused(MsgType::SAFE);
        let cksumtype = safe.cksum.cksumtype;
        if cksumtype != self.safe.checksum_type().0 {
            return Err(refuse(SessionFault::ChecksumType { cksumtype }));
        }
        let body: KrbSafeBody<'m> = from_der(BODY, safe.safe_body.as_bytes())?;
        let control = Control {
            timestamp: body.timestamp,
            usec: body.usec,
            seq_number: body.seq_number,
            s_address: &body.s_address,
            r_address: body.r_address.as_ref(),
        };
        let checksum = safe.cksum.checksum.as_bytes();
        let dated = self
            .judge(&control, &order::tag(checksum), now)
            .map_err(&refuse)?;
        // RFC 1510 has the checksum over the body alone (AP-61).
        let whole = message(safe.safe_body, 0, &[])?;
        let body_alone = safe.safe_body.as_bytes();
        self.safe
            .verify(&[&whole], checksum)
            .or_else(|_| self.safe.verify(&[body_alone], checksum))
            .map_err(|_| refuse(SessionFault::Checksum))?;
        self.received(&dated);
        Ok(body.user_data.as_bytes())
    }
}
