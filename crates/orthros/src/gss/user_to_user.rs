//! The mechanism Kerberos user-to-user, 1.2.840.113554.1.2.2.3: the acceptor has no key but that of
//! its own TGT, and is asked for that TGT first (draft-ietf-cat-user2user-03).
//!
//! ```text
//! AskTgt     ── 04 00 KERB-TGT-REQUEST ──▶ Acceptor, which offers its TGT
//! AwaitTgt   ◀─ 04 01 KERB-TGT-REPLY ────
//!                TGS-REQ for a ticket under that TGT's session key: TgsExchange::user_to_user
//! Initiator  ── 01 00 AP-REQ ────────────▶
//! AwaitReply ◀─ 02 00 AP-REP ────────────  SecurityContext
//! ```
//!
//! Each token has this mechanism's OID. Nothing protects the first two: a TGT of somebody else's
//! makes the KDC refuse the ticket, as it is not the server's.
//!
//! Who gets the TGT in another way needs none of this: an [`Initiator`](super::Initiator) with a
//! user-to-user ticket speaks the plain mechanism.

use super::token::{TokenId, USER_TO_USER_OID, frame_as, unframe_of};
use crate::error::{Error, PeerError, Rejection};
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{
    KRB5_PVNO, KerbTgtReply, KerbTgtRequest, KrbError, Message, MsgType, Raw, Ticket,
};

/// Asks the acceptor for its TGT.
#[derive(Clone, Debug, Default)]
pub struct AskTgt {
    server: Option<Principal>,
}

impl AskTgt {
    /// Whichever TGT it has.
    pub fn new() -> Self {
        Self::default()
    }

    /// That of this server, for an acceptor that is several.
    #[must_use]
    pub fn server(mut self, server: Principal) -> Self {
        self.server = Some(server);
        self
    }

    /// The first token.
    pub fn request(self) -> Result<(Vec<u8>, AwaitTgt), Error> {
        let request = KerbTgtRequest {
            pvno: KRB5_PVNO,
            msg_type: MsgType::TGT_REQ.0,
            server_name: self.server.as_ref().map(Principal::to_wire),
            realm: self.server.as_ref().map(Principal::realm_to_wire),
        };
        let message = to_der("KERB-TGT-REQUEST", &request)?;
        let token = frame_as(&USER_TO_USER_OID, TokenId::TGT_REQUEST, &message);
        Ok((token, AwaitTgt(())))
    }
}

/// Waits for the acceptor's TGT.
#[derive(Debug)]
pub struct AwaitTgt(());

impl AwaitTgt {
    /// The TGT, DER, for [`TgsExchange::user_to_user`](crate::client::TgsExchange::user_to_user);
    /// or a KRB-ERROR, which is [`Error::Peer`].
    pub fn reply(self, token: &[u8], now: Timestamp) -> Result<Vec<u8>, Error> {
        let (_, id, message) = unframe_of(token, &[&USER_TO_USER_OID])?;
        match id {
            TokenId::TGT_REPLY => {}
            TokenId::KRB_ERROR => {
                let error = KrbError::from_bytes(message)?;
                return Err(Error::Peer(Box::new(PeerError::new(&error, now))));
            }
            other => return Err(wrong("KERB-TGT-REPLY", other.to_string())),
        }
        let reply: KerbTgtReply<'_> = from_der("KERB-TGT-REPLY", message)?;
        check(
            "KERB-TGT-REPLY",
            MsgType::TGT_REP,
            reply.pvno,
            reply.msg_type,
        )?;
        let ticket = Ticket::from_bytes(reply.ticket.as_bytes())?;
        let server = Principal::from_wire(&ticket.realm, &ticket.sname)?;
        match server.is_krbtgt() {
            true => Ok(reply.ticket.as_bytes().to_vec()),
            false => Err(wrong("a TGT", format!("a ticket for {server}"))),
        }
    }
}

/// The answer of an acceptor to a KERB-TGT-REQUEST. Which server it names is a hint: whether the TGT
/// is that server's, the KDC says.
pub(super) fn answer(request: &[u8], tgt: &[u8]) -> Result<Vec<u8>, Error> {
    let request: KerbTgtRequest<'_> = from_der("KERB-TGT-REQUEST", request)?;
    check(
        "KERB-TGT-REQUEST",
        MsgType::TGT_REQ,
        request.pvno,
        request.msg_type,
    )?;
    let reply = KerbTgtReply {
        pvno: KRB5_PVNO,
        msg_type: MsgType::TGT_REP.0,
        ticket: Raw::new(tgt)?,
    };
    let message = to_der("KERB-TGT-REPLY", &reply)?;
    Ok(frame_as(&USER_TO_USER_OID, TokenId::TGT_REPLY, &message))
}

fn check(expected: &'static str, msg_type: MsgType, pvno: i32, found: i32) -> Result<(), Error> {
    if pvno != KRB5_PVNO {
        return Err(Rejection::Version {
            field: "pvno",
            found: pvno,
        }
        .into());
    }
    match found == msg_type.0 {
        true => Ok(()),
        false => Err(wrong(expected, MsgType(found).to_string())),
    }
}

fn wrong(expected: &'static str, found: String) -> Error {
    Rejection::MessageType { expected, found }.into()
}
