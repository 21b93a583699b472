//! A KDC's answers, at the client. The first octet says what the others are: an answer as it comes,
//! or what somebody with the right key has sealed in one.
#![no_main]

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use libfuzzer_sys::fuzz_target;
use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::{Key, KeyUsage};
use orthros::error::Error;
use orthros::principal::Principal;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting};
use orthros::wire::primitive::from_der;
use orthros::wire::{
    AsRep, AsReq, EncAsRepPart, EncKdcRepPart, EncTgsRepPart, EncryptedData, ErrorCode,
    EtypeInfo2Entry, KRB5_PVNO, KdcRep, KdcReq, KrbError, Message, Microseconds, MsgType,
    OctetString, PaData, PaDataType, Raw, TgsRep, TgsReq, UInt32,
};
use orthros_fuzz::recorded::{CLIENT, CREDENTIALS, NOW, SESSION, TICKET, client, sealed, service};
use orthros_fuzz::{Repeating, bounded, pick, refused};

const TGT: &[u8] = include_bytes!("../../vectors/pac/ad.example.test/alice-tgt/ticket.der");

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// The answer to an AS-REQ.
    As,
    /// An EncKDCRepPart, but for its nonce, in an AS-REP.
    AsPart,
    /// The e-data of PREAUTH_REQUIRED, to a client with a key.
    Hints,
    /// The same, to a client with a password.
    PasswordHints,
    /// The answer to a TGS-REQ.
    Tgs,
    /// An EncKDCRepPart, but for its nonce, in a TGS-REP.
    TgsPart,
}

const INPUTS: [Input; 6] = [
    Input::As,
    Input::AsPart,
    Input::Hints,
    Input::PasswordHints,
    Input::Tgs,
    Input::TgsPart,
];

static HEADER: LazyLock<Credentials> = LazyLock::new(|| Credentials {
    server: Principal::krbtgt("AD.EXAMPLE.TEST").expect("a name"),
    ticket: TGT.to_vec(),
    ..Credentials::clone(&CREDENTIALS)
});

fn rep(msg_type: MsgType, ticket: &[u8], key: &Key, usage: KeyUsage, part: &[u8]) -> Vec<u8> {
    let cipher = sealed(key, usage, part);
    let client = client();
    let rep = KdcRep {
        pvno: KRB5_PVNO,
        msg_type: msg_type.0,
        padata: None,
        crealm: client.realm_to_wire(),
        cname: client.to_wire(),
        ticket: Raw::new(ticket).expect("an element"),
        enc_part: EncryptedData {
            etype: key.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    match msg_type {
        MsgType::AS_REP => AsRep::to_bytes(&rep).expect("short"),
        _ => TgsRep::to_bytes(&rep).expect("short"),
    }
}

/// The part, if it is one, with the nonce of the request.
fn part_for(octets: &[u8], request: &KdcReq<'_>) -> Option<Vec<u8>> {
    let mut part: EncKdcRepPart<'_> = EncAsRepPart::from_bytes(octets)
        .or_else(|_| EncTgsRepPart::from_bytes(octets))
        .ok()?;
    part.nonce = UInt32(request.body().expect("ours").nonce.0);
    Some(EncTgsRepPart::to_bytes(&part).expect("short"))
}

fn preauth_required(e_data: &[u8]) -> Vec<u8> {
    let server = Principal::krbtgt("AD.EXAMPLE.TEST").expect("a name");
    let error = KrbError {
        pvno: KRB5_PVNO,
        msg_type: MsgType::ERROR.0,
        ctime: None,
        cusec: None,
        stime: NOW.time(),
        susec: Microseconds::from(NOW),
        error_code: ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
        crealm: None,
        cname: None,
        realm: server.realm_to_wire(),
        sname: server.to_wire(),
        e_text: None,
        e_data: Some(OctetString(e_data)),
    };
    error.to_bytes().expect("short")
}

/// Whether every string-to-key that the hints ask for is quick: the iterations are all there is to
/// it, and they have a test of their own.
fn quick(e_data: &[u8]) -> bool {
    let Ok(hints) = from_der::<Vec<PaData<'_>>>("METHOD-DATA", e_data) else {
        return true;
    };
    let of = |hint: &&PaData<'_>| hint.padata_type == PaDataType::ETYPE_INFO2;
    let mut entries = hints.iter().filter(of).flat_map(|hint| {
        from_der::<Vec<EtypeInfo2Entry<'_>>>("ETYPE-INFO2", hint.padata_value.as_bytes())
            .unwrap_or_default()
    });
    hints.iter().any(|hint| of(&hint))
        && entries.all(|entry| match entry.s2kparams {
            Some(params) => matches!(params.as_bytes(), [0, 0, 0, 1..=64]),
            None => false,
        })
}

fn judge<N: Awaiting>(answer: Result<Ask<N, N::Output>, Error>) -> Option<N::Output> {
    match answer {
        Ok(Ask::Done(output)) => Some(output),
        Ok(Ask::Send { request, .. }) => {
            let sent = AsReq::from_bytes(&request).or_else(|_| TgsReq::from_bytes(&request));
            sent.expect("a request of ours");
            None
        }
        Err(error) => {
            refused(&error, &[&CLIENT, &SESSION]);
            None
        }
    }
}

fn as_exchange(input: Input, octets: &[u8]) {
    let exchange = match input {
        Input::PasswordHints if !quick(octets) => return,
        Input::PasswordHints => {
            AsExchange::with_password(client(), Secret::new(b"password".to_vec()))
        }
        _ => AsExchange::with_keys(client(), vec![CLIENT.clone()]),
    };
    let ask = exchange
        .forwardable(true)
        .renewable(Duration::from_secs(7 * 86_400))
        .canonicalize(true)
        .random(Arc::new(Repeating::new()))
        .start(NOW);
    let Ok(Ask::Send { request, next, .. }) = ask else {
        panic!("there is nothing to ask");
    };
    let request = AsReq::from_bytes(&request).expect("ours");
    let answer = match input {
        Input::AsPart => match part_for(octets, &request) {
            Some(part) => rep(MsgType::AS_REP, TGT, &CLIENT, KeyUsage::AS_REP, &part),
            None => return,
        },
        Input::Hints | Input::PasswordHints => preauth_required(octets),
        _ => octets.to_vec(),
    };
    if let Some(initial) = judge(next.reply(&answer, NOW)) {
        assert!(matches!(input, Input::AsPart));
        assert_eq!(initial.credentials.client, client());
        assert!(initial.credentials.server.is_krbtgt());
    }
}

fn tgs_exchange(input: Input, octets: &[u8]) {
    let ask = TgsExchange::new(&HEADER, service())
        .subkey(false)
        .forwardable(true)
        .renewable(Duration::from_secs(7 * 86_400))
        .canonicalize(true)
        .random(Arc::new(Repeating::new()))
        .start(NOW);
    let Ok(Ask::Send { request, next, .. }) = ask else {
        panic!("there is nothing to ask");
    };
    let request = TgsReq::from_bytes(&request).expect("ours");
    let answer = match input {
        Input::TgsPart => match part_for(octets, &request) {
            Some(part) => {
                let usage = KeyUsage::TGS_REP_SESSION_KEY;
                rep(MsgType::TGS_REP, TICKET, &SESSION, usage, &part)
            }
            None => return,
        },
        _ => octets.to_vec(),
    };
    if let Some(granted) = judge(next.reply(&answer, NOW)) {
        assert!(matches!(input, Input::TgsPart));
        assert_eq!(granted.credentials.client, client());
        assert_eq!(granted.credentials.server, service());
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    match input {
        Input::Tgs | Input::TgsPart => tgs_exchange(input, octets),
        _ => as_exchange(input, octets),
    }
}));
