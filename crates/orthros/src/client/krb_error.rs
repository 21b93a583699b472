//! A KDC's KRB-ERROR: its facts and what its e-data is (RFC 4120 §5.9).

use crate::error::{Error, PeerError, Rejection};
use crate::time::Timestamp;
use crate::wire::{
    ErrorCode, KRB5_PVNO, KerbErrorData, KrbError, Malformed, Message, MsgType, PaData, TypedData,
    primitive,
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

/// The KDC's judgement, with its facts. `tried` is what the request was made with.
pub(super) fn judged(error: &KrbError<'_>, now: Timestamp, tried: Option<String>) -> Error {
    Error::Peer(Box::new(PeerError {
        tried,
        ..PeerError::new(error, now)
    }))
}

/// The KDC's clock.
pub(super) fn stime(error: &KrbError<'_>) -> Timestamp {
    Timestamp::new(error.stime, error.susec.get())
}
