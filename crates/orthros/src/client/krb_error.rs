//! A KDC's KRB-ERROR: its facts and what its e-data is (RFC 4120 §5.9).

use crate::error::{Error, PeerError, Rejection};
use crate::principal::Principal;
use crate::time::Timestamp;
use crate::wire::{
    ErrorCode, KRB5_PVNO, KerbErrorData, KerberosString, KrbError, Malformed, MsgType, PaData,
    PrincipalName, TypedData, primitive,
};

/// The e-data of a KRB-ERROR, told apart (MSG-15).
#[derive(Clone, Debug)]
pub enum ErrorData<'a> {
    /// METHOD-DATA: pre-authentication data.
    MethodData(Vec<PaData<'a>>),
    /// TYPED-DATA.
    TypedData(Vec<TypedData<'a>>),
    /// KERB-ERROR-DATA of MS-KILE.
    KerbErrorData(KerbErrorData<'a>),
    /// Something else.
    Opaque(&'a [u8]),
}

impl<'a> ErrorData<'a> {
    /// What `octets` are in an error of this code.
    ///
    /// With 24, 25 and 91 they are METHOD-DATA. With other codes the first tag decides, which
    /// differs between the three types.
    pub fn read(code: ErrorCode, octets: &'a [u8]) -> Result<Self, Malformed> {
        let method_data = primitive::from_der("METHOD-DATA", octets);
        match code {
            ErrorCode::KDC_ERR_PREAUTH_REQUIRED
            | ErrorCode::KDC_ERR_PREAUTH_FAILED
            | ErrorCode::KDC_ERR_MORE_PREAUTH_DATA_REQUIRED => method_data.map(Self::MethodData),
            _ => Ok(method_data
                .map(Self::MethodData)
                .or_else(|_| primitive::from_der("TYPED-DATA", octets).map(Self::TypedData))
                .or_else(|_| {
                    primitive::from_der("KERB-ERROR-DATA", octets).map(Self::KerbErrorData)
                })
                .unwrap_or(Self::Opaque(octets))),
        }
    }
}

/// Decodes a KRB-ERROR.
pub(super) fn decode(octets: &[u8]) -> Result<KrbError<'_>, Error> {
    use crate::wire::Message;
    let error = KrbError::from_bytes(octets)?;
    if error.pvno != KRB5_PVNO {
        return Err(Error::rejected(Rejection::Version {
            field: "pvno",
            found: error.pvno,
        }));
    }
    if error.msg_type != MsgType::ERROR.0 {
        return Err(Error::rejected(Rejection::MessageType {
            expected: "KRB-ERROR",
            found: MsgType(error.msg_type).to_string(),
        }));
    }
    Ok(error)
}

/// The KDC's judgement, with its facts.
pub(super) fn peer_error(error: &KrbError<'_>, now: Timestamp) -> Error {
    Error::Peer(Box::new(PeerError {
        code: error.error_code,
        text: error.e_text.map(|text| text.0.to_owned()),
        data: error.e_data.map(|data| data.0.to_vec()),
        stime: stime(error),
        now,
        client: match (&error.crealm, &error.cname) {
            (Some(realm), Some(name)) => Some(named(realm, name)),
            _ => None,
        },
        server: named(&error.realm, &error.sname),
    }))
}

/// The KDC's clock.
pub(super) fn stime(error: &KrbError<'_>) -> Timestamp {
    Timestamp::new(error.stime, error.susec.get())
}

/// A name for a text, also one that is no principal.
fn named(realm: &KerberosString<'_>, name: &PrincipalName<'_>) -> String {
    match Principal::from_wire(realm, name) {
        Ok(principal) => principal.to_string(),
        Err(_) => format!("@{}", realm.0),
    }
}
