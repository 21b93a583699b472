//! The messages against those of others, the encoding rules, and what a hostile peer may send.

mod direct;
mod hostile;
mod messages;
mod recorded;
mod rules;

use std::path::PathBuf;

use crate::wire::primitive::{from_der, to_der};
use crate::wire::*;

/// Decodes a type by the name that the standard gives it, and encodes the value again.
///
/// A body that is kept raw inside is decoded and encoded as well.
fn reencode(name: &str, octets: &[u8]) -> Result<Vec<u8>, Malformed> {
    fn message<'a, T: Message<'a>>(octets: &'a [u8]) -> Result<Vec<u8>, Malformed> {
        T::from_bytes(octets)?.to_bytes()
    }
    macro_rules! plain {
        ($type:ty) => {
            to_der("value", &from_der::<$type>("value", octets)?)
        };
    }
    match name {
        "Ticket" => message::<Ticket<'_>>(octets),
        "Authenticator" => message::<Authenticator<'_>>(octets),
        "EncTicketPart" => message::<EncTicketPart<'_>>(octets),
        "AS-REQ" => {
            let request = AsReq::from_bytes(octets)?;
            let body = to_der("KDC-REQ-BODY", &request.body()?)?;
            AsReq::to_bytes(&KdcReq {
                req_body: Raw::new(&body)?,
                ..request
            })
        }
        "TGS-REQ" => {
            let request = TgsReq::from_bytes(octets)?;
            let body = to_der("KDC-REQ-BODY", &request.body()?)?;
            TgsReq::to_bytes(&KdcReq {
                req_body: Raw::new(&body)?,
                ..request
            })
        }
        "AS-REP" => {
            let reply = AsRep::from_bytes(octets)?;
            Ticket::from_bytes(reply.ticket.as_bytes())?;
            AsRep::to_bytes(&reply)
        }
        "TGS-REP" => {
            let reply = TgsRep::from_bytes(octets)?;
            Ticket::from_bytes(reply.ticket.as_bytes())?;
            TgsRep::to_bytes(&reply)
        }
        "AP-REQ" => {
            let request = ApReq::from_bytes(octets)?;
            Ticket::from_bytes(request.ticket.as_bytes())?;
            request.to_bytes()
        }
        "AP-REP" => message::<ApRep<'_>>(octets),
        "KRB-SAFE" => {
            let safe = KrbSafe::from_bytes(octets)?;
            let body: KrbSafeBody<'_> = from_der("KRB-SAFE-BODY", safe.safe_body.as_bytes())?;
            let body = to_der("KRB-SAFE-BODY", &body)?;
            KrbSafe {
                safe_body: Raw::new(&body)?,
                ..safe
            }
            .to_bytes()
        }
        "KRB-PRIV" => message::<KrbPriv<'_>>(octets),
        "KRB-CRED" => {
            let cred = KrbCred::from_bytes(octets)?;
            for ticket in &cred.tickets {
                Ticket::from_bytes(ticket.as_bytes())?;
            }
            cred.to_bytes()
        }
        "EncASRepPart" => EncAsRepPart::to_bytes(&EncAsRepPart::from_bytes(octets)?),
        "EncTGSRepPart" => EncTgsRepPart::to_bytes(&EncTgsRepPart::from_bytes(octets)?),
        "EncAPRepPart" => message::<EncApRepPart<'_>>(octets),
        "EncKrbPrivPart" => message::<EncKrbPrivPart<'_>>(octets),
        "EncKrbCredPart" => message::<EncKrbCredPart<'_>>(octets),
        "KRB-ERROR" => message::<KrbError<'_>>(octets),
        "KDC-REQ-BODY" => plain!(KdcReqBody<'_>),
        "KRB-SAFE-BODY" => plain!(KrbSafeBody<'_>),
        "KrbCredInfo" => plain!(KrbCredInfo<'_>),
        "EncryptedData" => plain!(EncryptedData<'_>),
        "METHOD-DATA" => plain!(Vec<PaData<'_>>),
        "PA-ENC-TS-ENC" => plain!(PaEncTsEnc),
        "ETYPE-INFO-ENTRY" => plain!(EtypeInfoEntry<'_>),
        "ETYPE-INFO2-ENTRY" => plain!(EtypeInfo2Entry<'_>),
        "AuthorizationData" => plain!(AuthorizationData<'_>),
        "AD-KDCIssued" => plain!(AdKdcIssued<'_>),
        "AD-AND-OR" => plain!(AdAndOr<'_>),
        "AD-CAMMAC" => plain!(AdCammac<'_>),
        "Verifier-MAC" => plain!(VerifierMac<'_>),
        "TYPED-DATA-ELEMENT" => plain!(TypedData<'_>),
        "TYPED-DATA" => plain!(Vec<TypedData<'_>>),
        "KERB-ERROR-DATA" => plain!(KerbErrorData<'_>),
        "KERB-PA-PAC-REQUEST" => plain!(PaPacRequest),
        other => panic!("no such type: {other}"),
    }
}

fn vectors() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../vectors")
}

/// One entry of `vectors/wire/messages.json`.
struct Sample {
    name: String,
    what: String,
    absent: Vec<String>,
    der: Vec<u8>,
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

fn samples() -> Vec<Sample> {
    let text = include_str!("../../../../../vectors/wire/messages.json");
    let json: serde_json::Value = serde_json::from_str(text).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let all: Vec<Sample> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| Sample {
            name: text(&entry["type"]),
            what: text(&entry["what"]),
            absent: entry["absent"]
                .as_array()
                .unwrap()
                .iter()
                .map(text)
                .collect(),
            der: unhex(entry["der"].as_str().unwrap()),
        })
        .collect();
    assert_eq!(all.len(), 191);
    all
}

/// The sample of a type that has every field.
fn full(name: &str) -> Vec<u8> {
    let found = samples()
        .into_iter()
        .find(|sample| sample.name == name && sample.what == "every field");
    found.unwrap().der
}

/// One element: tag, minimal length, contents. Written here so that the tests do not ask the
/// encoder that they test.
fn tlv(tag: u8, contents: &[u8]) -> Vec<u8> {
    let len = contents.len();
    let mut out = vec![tag];
    match len {
        0..=0x7f => out.push(len as u8),
        0x80..=0xff => out.extend([0x81, len as u8]),
        0x100..=0xffff => out.extend([0x82, (len >> 8) as u8, len as u8]),
        _ => out.extend([0x83, (len >> 16) as u8, (len >> 8) as u8, len as u8]),
    }
    out.extend(contents);
    out
}

/// A SEQUENCE of elements that are already encoded.
fn sequence(elements: &[&[u8]]) -> Vec<u8> {
    tlv(0x30, &elements.concat())
}

/// `[number] EXPLICIT element`.
fn field(number: u8, element: &[u8]) -> Vec<u8> {
    tlv(0xa0 | number, element)
}
