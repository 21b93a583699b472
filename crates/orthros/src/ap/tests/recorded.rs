//! Conversations that MIT krb5 had with tickets of Samba domains (`vectors/pac`).

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::Value;

use crate::ap::{
    Acceptor, AcceptorConfig, Accepts, AppData, AwaitReply, InvalidPac, PacPolicy, ServiceKeys,
    SessionKeys, Unbound,
};
use crate::crypto::{Enctype, Key};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::step::Step;
use crate::time::Timestamp;

fn vectors() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../vectors/pac")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

fn hex(text: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap();
    (0..text.len()).step_by(2).map(digit).collect()
}

fn key(value: &Value) -> Key {
    let enctype = Enctype(value["etype"].as_i64().unwrap() as i32);
    Key::new(enctype, &hex(value["key"].as_str().unwrap())).unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn config(server: &str, kvno: u32, key: Key) -> AcceptorConfig {
    let server = Principal::parse(server, None).unwrap();
    let keys = Arc::new(ServiceKeys::new([(server.clone(), kvno, key)]));
    AcceptorConfig::new(keys, Accepts::Service(server))
}

/// Folders that hold a conversation of the given name.
fn cases(name: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for domain in ["ad.example.test", "claims.example.test"] {
        for entry in fs::read_dir(vectors().join(domain)).unwrap() {
            let path = entry.unwrap().path();
            if path.join(name).exists() {
                found.push(path);
            }
        }
    }
    assert!(!found.is_empty());
    found
}

#[test]
fn raw_conversations() {
    for name in ["raw.json", "raw-oneway.json"] {
        for case in cases(name) {
            let (raw, expected) = (json(&case.join(name)), json(&case.join("expected.json")));
            let service = &expected["service_key"];
            let kvno = service["kvno"].as_u64().unwrap() as u32;
            let acceptor = Acceptor::new(config(text(&raw["acceptor"]), kvno, key(service)));
            let now = Timestamp::from_secs(raw["made_at"].as_i64().unwrap());
            let request = fs::read(case.join(text(&raw["ap_req"]))).unwrap();
            let accepted = match raw.get("checksummed_application_data") {
                Some(data) => {
                    let data = hex(text(data));
                    acceptor.accept(&request, &AppData(&data), None, now)
                }
                None => acceptor.accept(&request, &Unbound, None, now),
            };
            let accepted = accepted.unwrap_or_else(|r| panic!("{case:?}: {:?}", r.error));
            assert_eq!(accepted.keys.session, key(&raw["session_key"]));
            let subkey = raw.get("initiator_subkey").map(key);
            assert_eq!(accepted.keys.initiator_subkey, subkey);
            let sent = &raw["authenticator"];
            assert_eq!(
                u64::from(accepted.keys.initiator_seq),
                sent["seq_number"].as_u64().unwrap()
            );
            assert_eq!(accepted.reply.is_some(), raw.get("ap_rep").is_some());
            if let Some(ap_rep) = raw.get("ap_rep") {
                reply_of_mit(&case.join(text(ap_rep)), &raw, accepted.keys, now);
            }
        }
    }
}

/// MIT's AP-REP, as the client that sent the recorded request takes it.
fn reply_of_mit(path: &Path, raw: &Value, keys: SessionKeys, now: Timestamp) {
    let sent = &raw["authenticator"];
    let ctime = Timestamp::from_secs(sent["ctime"].as_i64().unwrap())
        .offset(sent["cusec"].as_i64().unwrap());
    let server = Principal::parse(text(&raw["acceptor"]), None).unwrap();
    let waiting = || AwaitReply::for_tests(server.clone(), ctime, keys.clone());
    let reply = fs::read(path).unwrap();
    let Step::Established { context, .. } = waiting().reply(&reply, now).unwrap() else {
        panic!("nothing more to say");
    };
    assert_eq!(context.acceptor_subkey, raw.get("acceptor_subkey").map(key));
    assert_eq!(
        u64::from(context.acceptor_seq),
        raw["ap_rep_seq_number"].as_u64().unwrap()
    );
    let late = AwaitReply::for_tests(server, ctime.offset(1), keys);
    assert_eq!(
        late.reply(&reply, now).unwrap_err().error.protocol_code().0,
        46
    );
}

/// Every PAC of the recorded tickets is handed out, verified, with the user's SID.
#[test]
fn pac_17_recorded_pacs_are_verified() {
    for case in cases("raw.json") {
        let (raw, expected) = (
            json(&case.join("raw.json")),
            json(&case.join("expected.json")),
        );
        let service = &expected["service_key"];
        let kvno = service["kvno"].as_u64().unwrap() as u32;
        let config = config(text(&raw["acceptor"]), kvno, key(service)).pac(match expected["pac"]
            .is_null()
        {
            true => PacPolicy::Any,
            false => PacPolicy::RequiredWithLogonInfo,
        });
        let now = Timestamp::from_secs(raw["made_at"].as_i64().unwrap());
        let request = fs::read(case.join(text(&raw["ap_req"]))).unwrap();
        let accepted = Acceptor::new(config).accept(&request, &Unbound, None, now);
        let peer = accepted
            .unwrap_or_else(|r| panic!("{case:?}: {:?}", r.error))
            .peer;
        let Some(pac) = peer.pac() else {
            continue;
        };
        let info = pac.logon_info().unwrap();
        let domain = info.logon_domain_id.to_string();
        assert_eq!(
            pac.user_sid().unwrap().to_string(),
            format!("{domain}-{}", info.user_id)
        );
        assert!(pac.group_sids().count() > 0);
    }
}

/// `mutations.json`: tokens that an acceptor must refuse, or must accept though odd.
#[test]
fn mutations() {
    let folder = vectors().join("mutations");
    let table = json(&folder.join("mutations.json"));
    let service = &table["service_key"];
    let kvno = service["kvno"].as_u64().unwrap() as u32;
    let mut seen = 0;
    for case in table["cases"].as_array().unwrap() {
        if case["kind"] != "ap-req" {
            continue; // GSS-API tokens: tested there.
        }
        seen += 1;
        let id = text(&case["id"]);
        let now = Timestamp::from_secs(case["clock"].as_i64().unwrap());
        let strict = config(text(&table["acceptor"]), kvno, key(service));
        let lax = strict.clone().invalid_pac(InvalidPac::Ignore);
        let request = fs::read(folder.join(text(&case["file"]))).unwrap();
        let acceptor = Acceptor::new(strict);
        let mut result = acceptor.accept(&request, &Unbound, None, now);
        if case.get("present_twice").is_some() {
            assert!(result.is_ok(), "{id}");
            result = acceptor.accept(&request, &Unbound, None, now);
        }
        match text(&case["expect"]) {
            "accept" => assert!(result.is_ok(), "{id}: {result:?}"),
            "reject" => {
                let error = result.as_ref().unwrap_err().error.protocol_code();
                if let Some(name) = case["error"].as_str() {
                    assert_eq!(error.name(), Some(name), "{id}");
                }
            }
            "any" => {}
            other => panic!("{other}"),
        }
        // PAC-19: strict refuses, lax authenticates without any authorization data.
        let lax = Acceptor::new(lax).accept(&request, &Unbound, None, now);
        match text(&case["pac"]) {
            "valid" => assert!(result.unwrap().peer.pac().is_some(), "{id}"),
            "absent" => assert!(result.unwrap().peer.pac().is_none(), "{id}"),
            "invalid" => {
                let error = result.unwrap_err().error;
                assert!(
                    matches!(&error, Error::Rejected(r) if matches!(**r, Rejection::Pac { .. })),
                    "{id}: {error:?}"
                );
                assert!(lax.unwrap().peer.pac().is_none(), "{id}");
            }
            "any" => {}
            other => panic!("{other}"),
        }
    }
    assert!(seen > 15);
}

/// PAC-19: policy that requires a PAC, and one with LOGON_INFO.
#[test]
fn pac_19_required() {
    let folder = vectors().join("mutations");
    let table = json(&folder.join("mutations.json"));
    let service = &table["service_key"];
    let now = Timestamp::from_secs(table["clock_for_tests"].as_i64().unwrap());
    let present = |file: &str, policy| {
        let config = config(text(&table["acceptor"]), 2, key(service)).pac(policy);
        let request = fs::read(folder.join(file)).unwrap();
        Acceptor::new(config).accept(&request, &Unbound, None, now)
    };
    for policy in [PacPolicy::Required, PacPolicy::RequiredWithLogonInfo] {
        assert!(present("control.apreq.bin", policy).is_ok());
        let error = present("ad-none.apreq.bin", policy).unwrap_err().error;
        assert_eq!(error.protocol_code().0, 12);
    }
}
