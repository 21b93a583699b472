//! The KRB-ERROR that tells a peer the code and nothing more (RFC 4120 §5.9).

use crate::error::Error;
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::{
    ErrorCode, ErrorText, KRB5_PVNO, KerbErrorData, KrbError, Malformed, Message, Microseconds,
    MsgType, OctetString, primitive::to_der,
};

pub use crate::step::Known;

/// A KRB-ERROR (AP-74). Its e-text is the name of the code (AP-75).
///
/// `server` is whom the request was for, or who we are.
pub fn error_reply(
    code: ErrorCode,
    server: &Principal,
    known: &Known,
    e_data: Option<&[u8]>,
    now: Timestamp,
) -> Result<Vec<u8>, Error> {
    let reply = KrbError {
        pvno: KRB5_PVNO,
        msg_type: MsgType::ERROR.0,
        ctime: known.ctime.map(Timestamp::time),
        cusec: known.ctime.map(Microseconds::from),
        stime: now.time(),
        susec: Microseconds::from(now),
        error_code: code,
        crealm: known.client.as_ref().map(Principal::realm_to_wire),
        cname: known.client.as_ref().map(Principal::to_wire),
        realm: server.realm_to_wire(),
        sname: server.to_wire(),
        e_text: code.name().map(ErrorText),
        e_data: e_data.map(OctetString),
    };
    Ok(reply.to_bytes()?)
}

/// The e-data of an acceptor's KRB_AP_ERR_SKEW: the client may try again with our time (AP-77;
/// MS-KILE 2.2.2).
pub(super) fn skew_recovery() -> Result<Vec<u8>, Malformed> {
    let data = KerbErrorData {
        data_type: KerbErrorData::SKEW_RECOVERY,
        data_value: None,
    };
    to_der("KERB-ERROR-DATA", &data)
}
