//! Whether octets are a KDC's answer, before anybody waits for them no longer.

use orthros::wire::primitive::application_number;
use orthros::wire::{AsRep, AsReq, ErrorCode, KrbError, Message, TgsRep, TgsReq};

/// What octets are that came when an answer was due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The answer, good or bad.
    Answer,
    /// KRB_ERR_RESPONSE_TOO_BIG: ask again over TCP (KDC-49).
    TooBig,
    /// KDC_ERR_SVC_UNAVAILABLE: another KDC may be able to answer.
    Unavailable,
    /// Nothing a KDC would say to this request.
    NoAnswer,
}

/// Judges the form only. Whether the answer is genuine needs keys and is the exchange's to say.
pub(crate) fn judge(request: &[u8], octets: &[u8]) -> Verdict {
    let due = match application_number(request) {
        Some(AsReq::APPLICATION) => Some(AsRep::APPLICATION),
        Some(TgsReq::APPLICATION) => Some(TgsRep::APPLICATION),
        _ => None,
    };
    match application_number(octets) {
        Some(KrbError::APPLICATION) => match KrbError::from_bytes(octets) {
            Ok(error) => match error.error_code {
                ErrorCode::KRB_ERR_RESPONSE_TOO_BIG => Verdict::TooBig,
                ErrorCode::KDC_ERR_SVC_UNAVAILABLE => Verdict::Unavailable,
                _ => Verdict::Answer,
            },
            Err(_) => Verdict::NoAnswer,
        },
        number if number.is_some() && number == due => {
            let form = match number {
                Some(AsRep::APPLICATION) => AsRep::from_bytes(octets),
                _ => TgsRep::from_bytes(octets),
            };
            match form {
                Ok(_) => Verdict::Answer,
                Err(_) => Verdict::NoAnswer,
            }
        }
        _ => Verdict::NoAnswer,
    }
}
