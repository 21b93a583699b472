//! Requests at a KDC. The first octet says what the others are: a request as it comes, or what
//! somebody with the right key has sealed in one.
#![no_main]

use std::sync::{Arc, LazyLock};

use libfuzzer_sys::fuzz_target;
use orthros::ap::{AuthenticatorParts, Cksum, build_ap_req};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::kdc::{
    Answer, Attributes, EmbeddedKdc, EntryKey, Kdc, KeyVersion, Policy, PrincipalEntry,
};
use orthros::principal::Principal;
use orthros::time::KerberosTime;
use orthros::wire::primitive::{from_der, to_der};
use orthros::wire::{
    AsRep, AsReq, EncTicketPart, EncryptedData, EncryptionKey, KRB5_PVNO, KdcOptions, KdcReq,
    KdcReqBody, KrbError, Message, MsgType, OctetString, PaData, PaDataType, Raw, TgsRep, TgsReq,
    Ticket, TicketFlags, TrType, TransitedEncoding, UInt32,
};
use orthros_fuzz::recorded::{NOW, sealed};
use orthros_fuzz::{Repeating, bounded, key, pick, refused};

const REALM: &str = "FUZZ.TEST";
const ENCTYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

/// What the input is.
#[derive(Clone, Copy)]
enum Input {
    /// A request.
    Request,
    /// The padata of an AS-REQ.
    Padata,
    /// The PA-ENC-TS-ENC in it.
    Timestamp,
    /// The body of an AS-REQ whose client has shown its key.
    AsBody,
    /// The body of a TGS-REQ whose client has a TGT.
    TgsBody,
    /// The EncTicketPart of its TGT.
    Tgt,
    /// The Authenticator that goes with it.
    Authenticator,
    /// The enc-authorization-data of its body.
    AuthorizationData,
}

const INPUTS: [Input; 8] = [
    Input::Request,
    Input::Padata,
    Input::Timestamp,
    Input::AsBody,
    Input::TgsBody,
    Input::Tgt,
    Input::Authenticator,
    Input::AuthorizationData,
];

/// Of everybody here: who knows it is the question, not what it is.
static KEY: LazyLock<Key> = LazyLock::new(|| key(ENCTYPE));

fn name(text: &str) -> Principal {
    Principal::parse(text, Some(REALM)).expect("a name")
}

fn krbtgt() -> Principal {
    Principal::krbtgt(REALM).expect("a name")
}

fn entry(name: Principal, attributes: Attributes) -> PrincipalEntry {
    let keys = KeyVersion {
        kvno: 1,
        keys: vec![EntryKey::salted(KEY.clone(), "salt", Some(&[0, 0, 16, 0]))],
    };
    PrincipalEntry::new(name, keys, attributes)
}

static REALM_KDC: LazyLock<EmbeddedKdc> = LazyLock::new(|| {
    let tgs = Arc::new(entry(krbtgt(), Attributes::SERVICE));
    let kdc = Kdc::new(tgs, Policy::default(), Arc::new(Repeating::new())).expect("a KDC");
    let realm = EmbeddedKdc::from_kdc(kdc);
    let people = [
        ("alice", Attributes::USER),
        ("HTTP/web.fuzz.test", Attributes::SERVICE),
    ];
    for (text, attributes) in people {
        realm
            .add(entry(name(text), attributes))
            .expect("a new name");
    }
    realm
});

static PART: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let alice = name("alice");
    let hours = |hours: i64| KerberosTime::from_secs(NOW.time().as_secs() + hours * 3600);
    let part = EncTicketPart {
        flags: TicketFlags::FORWARDABLE
            | TicketFlags::RENEWABLE
            | TicketFlags::PROXIABLE
            | TicketFlags::INITIAL
            | TicketFlags::PRE_AUTHENT,
        key: EncryptionKey {
            keytype: ENCTYPE.0,
            keyvalue: OctetString(KEY.expose()),
        },
        crealm: alice.realm_to_wire(),
        cname: alice.to_wire(),
        transited: TransitedEncoding {
            tr_type: TrType::DOMAIN_X500_COMPRESS,
            contents: OctetString(b""),
        },
        authtime: hours(-1),
        starttime: None,
        endtime: hours(9),
        renew_till: Some(hours(100)),
        caddr: None,
        authorization_data: None,
    };
    part.to_bytes().expect("short")
});

fn body(server: &Principal) -> Vec<u8> {
    let alice = name("alice");
    let body = KdcReqBody {
        kdc_options: KdcOptions::FORWARDABLE,
        cname: Some(alice.to_wire()),
        realm: server.realm_to_wire(),
        sname: Some(server.to_wire()),
        from: None,
        till: KerberosTime::from_secs(NOW.time().as_secs() + 3600),
        rtime: None,
        nonce: UInt32(1),
        etype: vec![ENCTYPE.0],
        addresses: None,
        enc_authorization_data: None,
        additional_tickets: None,
    };
    to_der("KDC-REQ-BODY", &body).expect("short")
}

fn request(msg_type: MsgType, padata: Vec<PaData<'_>>, body: &[u8]) -> Option<Vec<u8>> {
    let request = KdcReq {
        pvno: KRB5_PVNO,
        msg_type: msg_type.0,
        padata: Some(padata),
        req_body: Raw::new(body).ok()?,
    };
    let octets = match msg_type {
        MsgType::AS_REQ => AsReq::to_bytes(&request),
        _ => TgsReq::to_bytes(&request),
    };
    Some(octets.expect("short"))
}

fn encrypted(usage: KeyUsage, plaintext: &[u8]) -> Vec<u8> {
    let cipher = sealed(&KEY, usage, plaintext);
    let data = EncryptedData {
        etype: ENCTYPE.0,
        kvno: None,
        cipher: OctetString(&cipher),
    };
    to_der("EncryptedData", &data).expect("short")
}

/// An AS-REQ with this PA-ENC-TS-ENC.
fn preauthenticated(timestamp: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let value = encrypted(KeyUsage::PA_ENC_TIMESTAMP, timestamp);
    let padata = PaData {
        padata_type: PaDataType::ENC_TIMESTAMP,
        padata_value: OctetString(&value),
    };
    request(MsgType::AS_REQ, vec![padata], body)
}

fn now() -> Vec<u8> {
    let time = orthros::wire::PaEncTsEnc {
        patimestamp: NOW.time(),
        pausec: None,
    };
    to_der("PA-ENC-TS-ENC", &time).expect("short")
}

/// The Ticket of a TGT with these contents.
fn tgt(part: &[u8]) -> Vec<u8> {
    let (cipher, server) = (sealed(&KEY, KeyUsage::TICKET, part), krbtgt());
    let ticket = Ticket {
        tkt_vno: KRB5_PVNO,
        realm: server.realm_to_wire(),
        sname: server.to_wire(),
        enc_part: EncryptedData {
            etype: ENCTYPE.0,
            kvno: Some(UInt32(1)),
            cipher: OctetString(&cipher),
        },
    };
    ticket.to_bytes().expect("short")
}

/// A TGS-REQ with this body, made with a TGT of these contents.
fn tgs_request(part: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let contents = EncTicketPart::from_bytes(part).ok()?;
    let session = &contents.key;
    let credentials = Credentials {
        client: Principal::from_wire(&contents.crealm, &contents.cname).ok()?,
        server: krbtgt(),
        ticket: tgt(part),
        session_key: Key::new(Enctype(session.keytype), session.keyvalue.as_bytes()).ok()?,
        flags: contents.flags,
        authtime: contents.authtime,
        starttime: None,
        endtime: contents.endtime,
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    };
    let parts = AuthenticatorParts {
        usage: KeyUsage::TGS_REQ_AUTHENTICATOR,
        mutual: false,
        cksum: Cksum::Keyed(KeyUsage::TGS_REQ_AUTHENTICATOR_CKSUM, body),
        subkey: None,
        sequence: false,
        enctypes: &[],
    };
    let built = build_ap_req(&credentials, &parts, NOW, &Repeating::new()).ok()?;
    with_ap_req(&built.octets, body)
}

fn with_ap_req(ap_req: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let padata = PaData {
        padata_type: PaDataType::TGS_REQ,
        padata_value: OctetString(ap_req),
    };
    request(MsgType::TGS_REQ, vec![padata], body)
}

/// A TGS-REQ with this authenticator.
fn authenticated(authenticator: &[u8], body: &[u8]) -> Option<Vec<u8>> {
    let cipher = sealed(&KEY, KeyUsage::TGS_REQ_AUTHENTICATOR, authenticator);
    let ticket = tgt(&PART);
    let ap_req = orthros::wire::ApReq {
        pvno: KRB5_PVNO,
        msg_type: MsgType::AP_REQ.0,
        ap_options: orthros::wire::ApOptions::NONE,
        ticket: Raw::new(&ticket).expect("an element"),
        authenticator: EncryptedData {
            etype: ENCTYPE.0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    };
    with_ap_req(&ap_req.to_bytes().expect("short"), body)
}

fn made(input: Input, octets: &[u8]) -> Option<Vec<u8>> {
    let web = name("HTTP/web.fuzz.test");
    match input {
        Input::Request => Some(octets.to_vec()),
        Input::Padata => {
            let padata = from_der::<Vec<PaData<'_>>>("METHOD-DATA", octets).ok()?;
            request(MsgType::AS_REQ, padata, &body(&krbtgt()))
        }
        Input::Timestamp => preauthenticated(octets, &body(&krbtgt())),
        Input::AsBody => preauthenticated(&now(), octets),
        Input::TgsBody => tgs_request(&PART, octets),
        Input::Tgt => tgs_request(octets, &body(&web)),
        Input::Authenticator => authenticated(octets, &body(&web)),
        Input::AuthorizationData => {
            let body = body(&web);
            let mut body: KdcReqBody<'_> = from_der("KDC-REQ-BODY", &body).expect("ours");
            let cipher = sealed(&KEY, KeyUsage::TGS_REQ_AUTHDATA_SESSION_KEY, octets);
            body.enc_authorization_data = Some(EncryptedData {
                etype: ENCTYPE.0,
                kvno: None,
                cipher: OctetString(&cipher),
            });
            tgs_request(&PART, &to_der("KDC-REQ-BODY", &body).expect("short"))
        }
    }
}

fn judge(input: Input, answer: &Answer) {
    std::hint::black_box(format!("{:?}", answer.event));
    match &answer.event.result {
        Ok(_) => {
            // Nobody who has no key gets a ticket.
            assert!(!matches!(input, Input::Request | Input::Padata));
            let reply = answer.reply.as_deref().expect("a ticket");
            let reply = AsRep::from_bytes(reply).or_else(|_| TgsRep::from_bytes(reply));
            reply.expect("a KDC-REP");
        }
        Err(error) => {
            refused(error, &[&KEY]);
            if let Some(reply) = &answer.reply {
                let reply = KrbError::from_bytes(reply).expect("a KRB-ERROR");
                assert!((0..=127).contains(&reply.error_code.0));
            }
        }
    }
}

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((input, octets)) = pick(&INPUTS, input) else {
        return;
    };
    if let Some(request) = made(input, octets) {
        judge(input, &REALM_KDC.serve(&request, None, NOW));
    }
}));
