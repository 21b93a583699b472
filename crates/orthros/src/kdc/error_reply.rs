//! The KRB-ERROR of a KDC (RFC 4120 §5.9.1).

use super::{Asked, Kdc};
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::{ErrorCode, KRB5_PVNO, KrbError, Message, MsgType, OctetString};

/// Names the server that was asked for, and else the ticket-granting service: the field is not
/// optional. The client learns the code and nothing more.
pub(super) fn build(
    kdc: &Kdc,
    asked: &Asked,
    code: ErrorCode,
    e_data: Option<&[u8]>,
    now: Timestamp,
) -> Option<Vec<u8>> {
    let server = asked.server.as_ref().unwrap_or(&kdc.krbtgt.name);
    KrbError {
        pvno: KRB5_PVNO,
        msg_type: MsgType::ERROR.0,
        ctime: None,
        cusec: None,
        stime: now.time(),
        susec: now.into(),
        error_code: code,
        crealm: asked.client.as_ref().map(Principal::realm_to_wire),
        cname: asked.client.as_ref().map(Principal::to_wire),
        realm: server.realm_to_wire(),
        sname: server.to_wire(),
        e_text: None,
        e_data: e_data.map(OctetString),
    }
    .to_bytes()
    .ok()
}
