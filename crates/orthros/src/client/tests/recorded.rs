//! What two Samba domain controllers answered to MIT krb5's kinit and kvno (`vectors/pac`).

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use crate::client::{AsAwait, AsExchange, ErrorData, InitialCredentials, TgsAwait, TgsExchange};
use crate::crypto::{Enctype, Key, KeyUsage, krb_fx_cf2};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::step::{Ask, Awaiting};
use crate::time::Timestamp;
use crate::wire::{
    ApReq, Authenticator, ErrorCode, KrbError, Message, NameType, PaDataType, TgsRep, TgsReq,
};

const CASES: [&str; 9] = [
    "ad.example.test/administrator-web",
    "ad.example.test/alice-aes128",
    "ad.example.test/alice-no-pac",
    "ad.example.test/alice-tgt",
    "ad.example.test/alice-web",
    "ad.example.test/bob-enterprise",
    "ad.example.test/computer-web",
    "claims.example.test/eve-claims-web",
    "claims.example.test/eve-tgt",
];

fn path(file: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../vectors/pac")).join(file)
}

fn read(file: &str) -> Vec<u8> {
    fs::read(path(file)).unwrap_or_else(|error| panic!("{file}: {error}"))
}

fn hex(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

struct Case {
    name: &'static str,
    expected: Value,
    client: Principal,
    now: Timestamp,
}

impl Case {
    fn open(name: &'static str) -> Self {
        let json = |file: &str| serde_json::from_slice::<Value>(&read(file)).unwrap();
        let expected = json(&format!("{name}/expected.json"));
        let domain = name.split_once('/').unwrap().0;
        let made_at = json(&format!("{domain}/manifest.json"))["made_at"]
            .as_i64()
            .unwrap();
        // bob asked under an enterprise name.
        let client = match name.ends_with("bob-enterprise") {
            true => Principal::new(
                "AD.EXAMPLE.TEST",
                NameType::ENTERPRISE,
                ["bob@other.example"],
            ),
            false => Principal::parse(expected["client_in_ccache"].as_str().unwrap(), None),
        };
        Self {
            name,
            expected,
            client: client.unwrap(),
            now: Timestamp::from_secs(made_at),
        }
    }

    fn message(&self, name: &str) -> Vec<u8> {
        read(&format!("{}/kdc/{name}.der", self.name))
    }

    fn password(&self) -> Secret {
        Secret::from(self.expected["client_password"].as_str().unwrap())
    }

    /// The password, and the AS-REQ that was answered.
    fn await_as(&self) -> AsAwait {
        AsAwait::of_recorded(
            AsExchange::with_password(self.client.clone(), self.password()),
            self.message("03-as-req"),
        )
    }

    fn initial(&self) -> InitialCredentials {
        let asked = self.await_as().reply(&self.message("04-as-rep"), self.now);
        match asked {
            Ok(Ask::Done(initial)) => initial,
            other => panic!("{}: {other:?}", self.name),
        }
    }
}

#[test]
fn kdc_03_kdc_04_recorded_as_replies_are_accepted() {
    for name in CASES {
        let case = Case::open(name);
        let initial = case.initial();
        let tgt = &initial.credentials;
        assert_eq!(
            tgt.client.to_string(),
            case.expected["client_in_ccache"].as_str().unwrap(),
            "{name}"
        );
        assert!(tgt.server.is_krbtgt(), "{name}");
        // Samba has FAST and says so under the reply key.
        assert!(initial.fast_available, "{name}");
        assert!(tgt.clock_offset.abs() < 60_000_000, "{name}");
        if name.ends_with("-tgt") {
            let expected = &case.expected["enc_ticket_part"]["session_key"];
            assert_eq!(
                tgt.session_key.expose(),
                hex(expected["key"].as_str().unwrap())
            );
            assert_eq!(tgt.ticket, read(&format!("{name}/ticket.der")));
        }
    }
}

#[test]
fn kdc_04_recorded_reply_to_a_request_changed_on_its_way() {
    let case = Case::open("ad.example.test/alice-tgt");
    let mut request = case.message("03-as-req");
    // The last octet of the request is the last enctype of the list: 26 becomes 25.
    assert_eq!(request.pop(), Some(26));
    request.push(25);
    let changed = AsAwait::of_recorded(
        AsExchange::with_password(case.client.clone(), case.password()),
        request,
    );
    let error = changed
        .reply(&case.message("04-as-rep"), case.now)
        .unwrap_err();
    let Error::Rejected(rejection) = &error else {
        panic!("{error:?}")
    };
    assert!(
        matches!(&**rejection, Rejection::KdcReply { why } if why.contains("another request")),
        "{error:?}"
    );
}

#[test]
fn kdc_03_recorded_reply_and_a_wrong_password() {
    let case = Case::open("ad.example.test/alice-tgt");
    let wrong = AsAwait::of_recorded(
        AsExchange::with_password(case.client.clone(), Secret::from("Alice.Passw0rd!")),
        case.message("03-as-req"),
    );
    let error = wrong
        .reply(&case.message("04-as-rep"), case.now)
        .unwrap_err();
    assert!(
        matches!(&error, Error::Rejected(r) if matches!(**r, Rejection::ReplyKey { .. })),
        "{error:?}"
    );
}

#[test]
fn kdc_03_keys_of_a_keytab_do_as_well() {
    let case = Case::open("ad.example.test/alice-tgt");
    let key = hex("629480052600fe9e9ca2db8759699a5606ceaad562b9d7f647d9469f39288058");
    let key = Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &key).unwrap();
    let asked = AsAwait::of_recorded(
        AsExchange::with_keys(case.client.clone(), vec![key]),
        case.message("03-as-req"),
    );
    assert!(matches!(
        asked.reply(&case.message("04-as-rep"), case.now),
        Ok(Ask::Done(_))
    ));
}

#[test]
fn kdc_05_recorded_hints_are_answered() {
    let case = Case::open("ad.example.test/alice-tgt");
    let asked = AsAwait::of_recorded(
        AsExchange::with_password(case.client.clone(), case.password()),
        case.message("01-as-req"),
    );
    let ask = asked
        .reply(&case.message("02-krb-error"), case.now)
        .unwrap();
    let Ask::Send { realm, request, .. } = ask else {
        panic!("done without pre-authentication")
    };
    assert_eq!(realm, "AD.EXAMPLE.TEST");
    // The recorded key opens the timestamp that was made of the password.
    let key = hex("629480052600fe9e9ca2db8759699a5606ceaad562b9d7f647d9469f39288058");
    let key = Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &key).unwrap();
    let time = super::fake::open_timestamp(&request, &key);
    assert_eq!(time, case.now);
}

#[test]
fn msg_15_recorded_errors_become_peer_errors() {
    for (request, file, code) in [
        (
            "wrong-password/03-as-req",
            "wrong-password/04-krb-error",
            24,
        ),
        ("unknown-client/01-as-req", "unknown-client/02-krb-error", 6),
    ] {
        let asked = AsAwait::of_recorded(
            AsExchange::with_password(
                Principal::parse("alice@AD.EXAMPLE.TEST", None).unwrap(),
                Secret::from("wrong"),
            ),
            read(&format!("ad.example.test/kdc-errors/{request}.der")),
        );
        let answer = read(&format!("ad.example.test/kdc-errors/{file}.der"));
        let error = asked.reply(&answer, Timestamp::from_secs(0)).unwrap_err();
        assert!(
            matches!(&error, Error::Peer(peer) if peer.code == ErrorCode(code)),
            "{error:?}"
        );
    }
    let answer = read("ad.example.test/kdc-errors/wrong-password/04-krb-error.der");
    let error = KrbError::from_bytes(&answer).unwrap();
    let data = ErrorData::read(error.error_code, error.e_data.unwrap().0).unwrap();
    assert!(
        matches!(data, ErrorData::MethodData(p) if p[0].padata_type == PaDataType::ETYPE_INFO2)
    );
}

/// kvno used FAST: the key of the reply is made of the subkey and of the KDC's strengthen-key
/// (RFC 6113 §5.4.3), both read here with the TGT's session key.
fn fast_reply_key(request: &[u8], reply: &[u8], session: &Key) -> Key {
    let request = TgsReq::from_bytes(request).unwrap();
    let padata = request.padata.unwrap();
    let ap_req = ApReq::from_bytes(padata[0].padata_value.0).unwrap();
    let authenticator = session
        .decrypt(
            KeyUsage::TGS_REQ_AUTHENTICATOR,
            ap_req.authenticator.cipher.0,
        )
        .unwrap();
    let authenticator = Authenticator::from_bytes(&authenticator).unwrap();
    let subkey = authenticator.subkey.unwrap();
    let subkey = Key::new(Enctype(subkey.keytype), subkey.keyvalue.0).unwrap();
    let armor = krb_fx_cf2(&subkey, session, b"subkeyarmor", b"ticketarmor").unwrap();
    let padata = TgsRep::from_bytes(reply).unwrap().padata.unwrap();
    let fast = padata
        .iter()
        .find(|element| element.padata_type == PaDataType::FX_FAST)
        .unwrap();
    // [0] SEQUENCE { [0] EncryptedData { [0] etype, [2] cipher } }
    let sealed = elements(elements(elements(fast.padata_value.0)[0])[0])[0];
    let cipher = elements(elements(sealed)[1])[0];
    let response = armor.decrypt(KeyUsage::FAST_REP, contents(cipher)).unwrap();
    // SEQUENCE { [0] padata, [1] strengthen-key, [2] finished, [3] nonce }
    let strengthen = elements(elements(&response)[1])[0];
    let keytype = contents(elements(elements(strengthen)[0])[0]);
    let keyvalue = contents(elements(elements(strengthen)[1])[0]);
    let strengthen = Key::new(Enctype(i32::from(keytype[0])), keyvalue).unwrap();
    krb_fx_cf2(&strengthen, &subkey, b"strengthenkey", b"replykey").unwrap()
}

/// The contents of one DER element.
fn contents(element: &[u8]) -> &[u8] {
    match element[1] {
        len @ 0..0x80 => &element[2..2 + usize::from(len)],
        octets => {
            let octets = usize::from(octets & 0x7F);
            &element[2 + octets..]
        }
    }
}

/// The elements within one DER element.
fn elements(element: &[u8]) -> Vec<&[u8]> {
    let mut rest = contents(element);
    let mut out = Vec::new();
    while !rest.is_empty() {
        let len = match rest[1] {
            len @ 0..0x80 => 2 + usize::from(len),
            octets => {
                let octets = usize::from(octets & 0x7F);
                let len = rest[2..2 + octets]
                    .iter()
                    .fold(0, |sum, octet| sum << 8 | usize::from(*octet));
                2 + octets + len
            }
        };
        let (element, behind) = rest.split_at(len);
        out.push(element);
        rest = behind;
    }
    out
}

#[test]
fn kdc_27_recorded_tgs_replies_are_accepted() {
    for name in CASES.into_iter().filter(|name| !name.ends_with("-tgt")) {
        let case = Case::open(name);
        let tgt = case.initial().credentials;
        let (request, reply) = (case.message("05-tgs-req"), case.message("06-tgs-rep"));
        let key = fast_reply_key(&request, &reply, &tgt.session_key);
        let service = case.expected["server_in_ccache"].as_str().unwrap();
        let service = Principal::parse(service, None).unwrap();
        let exchange = TgsExchange::new(&tgt, service.clone());
        let asked = TgsAwait::of_recorded(exchange, request, (key, KeyUsage::TGS_REP_SUBKEY));
        let Ask::Done(done) = asked.reply(&reply, case.now).unwrap() else {
            panic!("{name}: not done")
        };
        assert_eq!(done.credentials.server, service, "{name}");
        assert_eq!(
            done.credentials.ticket,
            read(&format!("{name}/ticket.der")),
            "{name}"
        );
        let session = case.expected["session_key_in_ccache"]["key"]
            .as_str()
            .unwrap();
        assert_eq!(
            done.credentials.session_key.expose(),
            hex(session),
            "{name}"
        );
        assert!(done.path.is_empty());
    }
}

#[test]
fn hostile_every_prefix_and_every_flipped_octet_is_refused() {
    let case = Case::open("ad.example.test/alice-tgt");
    let reply = case.message("04-as-rep");
    let key = hex("629480052600fe9e9ca2db8759699a5606ceaad562b9d7f647d9469f39288058");
    let key = Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &key).unwrap();
    let answer = |octets: &[u8]| {
        AsAwait::of_recorded(
            AsExchange::with_keys(case.client.clone(), vec![key.clone()]),
            case.message("03-as-req"),
        )
        .reply(octets, case.now)
    };
    for len in 0..reply.len() {
        assert!(answer(&reply[..len]).is_err(), "prefix of {len}");
    }
    let sealed_ticket = TgsRepTicket::of(&reply);
    let padata = 20..74;
    for at in 0..reply.len() {
        let mut changed = reply.clone();
        changed[at] ^= 1;
        // The ticket's own cipher text is for the KDC to judge; the name type is a hint
        // (MSG-13); kvno and hints are, too, when a key is at hand.
        match answer(&changed) {
            Err(_) => {}
            Ok(_) if sealed_ticket.contains(&at) || padata.contains(&at) => {}
            Ok(_) => {
                let hint = [101, 157, 1412];
                assert!(hint.contains(&at), "octet {at} changed nothing");
            }
        }
    }
}

/// Where the ticket's EncryptedData lies in an AS-REP.
struct TgsRepTicket;

impl TgsRepTicket {
    fn of(reply: &[u8]) -> std::ops::Range<usize> {
        use crate::wire::{AsRep, Ticket};
        let rep = AsRep::from_bytes(reply).unwrap();
        let ticket = Ticket::from_bytes(rep.ticket.as_bytes()).unwrap();
        let cipher = ticket.enc_part.cipher.0;
        let start = cipher.as_ptr() as usize - reply.as_ptr() as usize;
        // Its etype and kvno stand right before it.
        start - 20..start + cipher.len()
    }
}
