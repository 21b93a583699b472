//! Recorded PACs, what we build ourselves, and what a hostile peer may send.

mod buffers;
mod build;
mod hostile;
mod locate;
mod mutations;
mod recorded;
mod structure;
mod verify;
mod view;
mod windows;

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{BufferType, Pac, PacBuilder, PacError, VerifiedPac};
use crate::crypto::{Enctype, Key, KeyUsage, Mac};
use crate::principal::Principal;
use crate::time::KerberosTime;

const DOMAINS: [&str; 2] = ["ad.example.test", "claims.example.test"];

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/pac")
}

fn json(path: &Path) -> Value {
    let text = fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_slice(&text).unwrap()
}

fn unhex(text: &str) -> Vec<u8> {
    assert!(text.len().is_multiple_of(2));
    (0..text.len())
        .step_by(2)
        .map(|i| u8::from_str_radix(&text[i..i + 2], 16).unwrap())
        .collect()
}

/// The `etype` and `key` of a JSON object, for PAC signatures.
fn mac(key: &Value) -> Mac {
    real_key(key).mac(KeyUsage::NON_KERB_CKSUM).unwrap()
}

fn real_key(key: &Value) -> Key {
    let enctype = Enctype(key["etype"].as_i64().unwrap() as i32);
    Key::new(enctype, &unhex(key["key"].as_str().unwrap())).unwrap()
}

/// The krbtgt key of a domain, from its manifest.
fn krbtgt(manifest: &Value) -> Mac {
    let entry = manifest["keytabs"]["keytabs/krbtgt.keytab"]
        .as_array()
        .unwrap()
        .iter()
        .find(|entry| entry["etype"] == "aes256-cts-hmac-sha1-96")
        .unwrap();
    let octets = unhex(entry["key"].as_str().unwrap());
    Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &octets)
        .unwrap()
        .mac(KeyUsage::NON_KERB_CKSUM)
        .unwrap()
}

/// One recorded case.
struct Case {
    id: String,
    expected: Value,
    enc_ticket_part: Vec<u8>,
    server: Mac,
    krbtgt: Mac,
    client: Principal,
    authtime: KerberosTime,
    /// Absent where the client asked for none.
    pac: Option<Vec<u8>>,
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for domain in DOMAINS {
        let folder = vectors().join(domain);
        let manifest = json(&folder.join("manifest.json"));
        for case in manifest["cases"].as_array().unwrap() {
            let id = case["id"].as_str().unwrap();
            let folder = folder.join(id);
            let expected = json(&folder.join("expected.json"));
            let part = &expected["enc_ticket_part"];
            let components = part["cname"]["components"].as_array().unwrap();
            let client = Principal::new(
                part["crealm"].as_str().unwrap(),
                crate::wire::NameType(part["cname"]["type"].as_i64().unwrap() as i32),
                components.iter().map(|c| c.as_str().unwrap()),
            );
            cases.push(Case {
                id: format!("{domain}/{id}"),
                enc_ticket_part: fs::read(folder.join("enc_ticket_part.der")).unwrap(),
                server: mac(&expected["service_key"]),
                krbtgt: krbtgt(&manifest),
                client: client.unwrap(),
                authtime: KerberosTime::from_secs(part["authtime"].as_i64().unwrap()),
                pac: expected["files"]["pac"]
                    .as_str()
                    .map(|file| fs::read(folder.join(file)).unwrap()),
                expected,
            });
        }
    }
    assert!(cases.iter().filter(|case| case.pac.is_some()).count() >= 9);
    cases
}

fn case(id: &str) -> Case {
    cases().into_iter().find(|case| case.id == id).unwrap()
}

fn alice() -> Case {
    case("ad.example.test/alice-web")
}

impl Case {
    fn octets(&self) -> &[u8] {
        self.pac.as_deref().unwrap()
    }

    fn verify(&self, pac: &[u8]) -> Result<VerifiedPac, PacError> {
        Pac::parse(pac)?.verify(&self.server, &self.client, self.authtime)
    }
}

/// The offset in the PAC at which a buffer starts.
fn at(pac: &[u8], buffer: BufferType) -> usize {
    Pac::parse(pac).unwrap().entry(buffer).unwrap().range.start
}

/// A server's and a krbtgt's key that nobody else has.
fn keys(server: Enctype, krbtgt: Enctype) -> (Mac, Mac) {
    let key = |enctype: Enctype, seed: u8| {
        let octets = vec![seed; enctype.key_len().unwrap()];
        let key = Key::new(enctype, &octets).unwrap();
        key.mac(KeyUsage::NON_KERB_CKSUM).unwrap()
    };
    (key(server, 0x51), key(krbtgt, 0x52))
}

fn aes_keys() -> (Mac, Mac) {
    keys(
        Enctype::AES256_CTS_HMAC_SHA1_96,
        Enctype::AES256_CTS_HMAC_SHA1_96,
    )
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

const AUTHTIME: KerberosTime = KerberosTime::from_secs(1_795_336_231);

/// A TGT's PAC with one more buffer, rightly signed.
fn signed_with(buffer: BufferType, octets: Vec<u8>) -> Vec<u8> {
    let (server, krbtgt) = aes_keys();
    PacBuilder::new(&principal("alice@EXAMPLE.TEST"), AUTHTIME)
        .unwrap()
        .buffer(buffer, octets)
        .unwrap()
        .sign_tgt(&server, &krbtgt)
        .unwrap()
}

/// What a PAC from [`signed_with`] is verified to be.
fn verify_signed(pac: &[u8]) -> Result<VerifiedPac, PacError> {
    let (server, _) = aes_keys();
    Pac::parse(pac)?.verify(&server, &principal("alice@EXAMPLE.TEST"), AUTHTIME)
}

/// The verdict on a buffer in a rightly signed PAC.
fn verdict(buffer: BufferType, octets: Vec<u8>) -> Result<VerifiedPac, PacError> {
    verify_signed(&signed_with(buffer, octets))
}
