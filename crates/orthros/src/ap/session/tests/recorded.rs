//! KRB-PRIV and KRB-SAFE that MIT krb5 made after recorded AP exchanges (`vectors/pac`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::*;
use crate::crypto::Enctype;

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

/// A conversation, whose initiator sent one KRB-PRIV and then one KRB-SAFE.
struct Recorded {
    case: PathBuf,
    keys: SessionKeys,
    private: Vec<u8>,
    safe: Vec<u8>,
    user_data: Vec<u8>,
    made_at: Timestamp,
}

fn recorded() -> Vec<Recorded> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/pac");
    let mut found = Vec::new();
    for domain in ["ad.example.test", "claims.example.test"] {
        for entry in fs::read_dir(folder.join(domain)).unwrap() {
            let case = entry.unwrap().path();
            for name in ["raw.json", "raw-oneway.json"] {
                if let Ok(octets) = fs::read(case.join(name)) {
                    found.push(one(&case, &serde_json::from_slice(&octets).unwrap()));
                }
            }
        }
    }
    assert!(found.len() >= 9);
    found
}

fn one(case: &Path, raw: &Value) -> Recorded {
    let key = |value: &Value| {
        let enctype = Enctype(value["etype"].as_i64().unwrap() as i32);
        Key::new(enctype, &hex(value["key"].as_str().unwrap())).unwrap()
    };
    let file = |name: &str| fs::read(case.join(raw[name].as_str().unwrap())).unwrap();
    let number = |value: &Value| value.as_u64().map_or(0, |number| number as u32);
    Recorded {
        case: case.to_path_buf(),
        keys: SessionKeys {
            session: key(&raw["session_key"]),
            initiator_subkey: raw.get("initiator_subkey").map(key),
            acceptor_subkey: raw.get("acceptor_subkey").map(key),
            initiator_seq: number(&raw["authenticator"]["seq_number"]),
            acceptor_seq: number(&raw["ap_rep_seq_number"]),
        },
        private: file("krb_priv"),
        safe: file("krb_safe"),
        user_data: hex(raw["user_data"].as_str().unwrap()),
        made_at: Timestamp::from_secs(raw["made_at"].as_i64().unwrap()),
    }
}

fn config() -> SessionConfig {
    let loopback = hosts("127.0.0.1", "127.0.0.1");
    SessionConfig::new(Freshness::SequenceNumbers, loopback)
}

#[test]
fn ap_60_ap_63_messages_of_mit_are_read() {
    for message in recorded() {
        let mut acceptor = Session::acceptor(message.keys, config()).unwrap();
        let (case, now) = (&message.case, message.made_at);
        let data = acceptor.read_priv(&message.private, now);
        let data = data.unwrap_or_else(|error| panic!("{case:?}: {error:?}"));
        assert_eq!(data.expose(), message.user_data);
        let data = acceptor.read_safe(&message.safe, now);
        let data = data.unwrap_or_else(|error| panic!("{case:?}: {error:?}"));
        assert_eq!(data, message.user_data);
    }
}

/// A KRB-SAFE has nothing random in it: with MIT's keys and numbers ours is MIT's.
#[test]
fn ap_60_our_octets_are_those_of_mit() {
    for message in recorded() {
        let mut initiator = Session::initiator(message.keys, config()).unwrap();
        let now = message.made_at;
        initiator.make_priv(&message.user_data, now).unwrap();
        let safe = initiator.make_safe(&message.user_data, now).unwrap();
        assert_eq!(safe, message.safe, "{:?}", message.case);
    }
}

/// Every octet, changed in three ways, and every prefix: refused, and nothing is moved by it.
#[test]
fn ap_60_ap_63_changed_messages_of_mit_are_refused() {
    for message in recorded().into_iter().take(2) {
        let mut acceptor = Session::acceptor(message.keys, config()).unwrap();
        let now = message.made_at;
        let changes = |octets: &[u8]| {
            let flips = (0..octets.len()).flat_map(|at| [1, 0x10, 0x80].map(|bit| (at, bit)));
            let flipped = flips.map(|(at, bit)| {
                let mut changed = octets.to_vec();
                changed[at] ^= bit;
                changed
            });
            let cut = (0..octets.len()).map(|len| octets[..len].to_vec());
            flipped.chain(cut).collect::<Vec<_>>()
        };
        for changed in changes(&message.private) {
            assert!(acceptor.read_priv(&changed, now).is_err());
        }
        assert!(acceptor.read_priv(&message.private, now).is_ok());
        for changed in changes(&message.safe) {
            assert!(acceptor.read_safe(&changed, now).is_err());
        }
        assert!(acceptor.read_safe(&message.safe, now).is_ok());
        // Once more, they are of old numbers.
        assert_eq!(code(acceptor.read_safe(&message.safe, now)), 42);
        assert_eq!(code(acceptor.read_priv(&message.private, now)), 42);
    }
}
