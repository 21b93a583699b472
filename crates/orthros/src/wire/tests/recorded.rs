//! Recorded conversations (`vectors/pac`): Heimdal's, MIT's and Samba's encoders.

use std::path::Path;

use serde_json::Value;

use super::*;

/// Every recorded message, with the name of its type.
pub(super) fn messages() -> Vec<(PathBuf, &'static str, Vec<u8>)> {
    let mut all = Vec::new();
    let mut folders = vec![vectors().join("pac")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                // Mutations are damaged on purpose.
                if !path.ends_with("mutations") {
                    folders.push(path);
                }
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            let kind = match name {
                "ticket.der" => "Ticket",
                "enc_ticket_part.der" => "EncTicketPart",
                _ if name.ends_with("-as-req.der") => "AS-REQ",
                _ if name.ends_with("-as-rep.der") => "AS-REP",
                _ if name.ends_with("-tgs-req.der") => "TGS-REQ",
                _ if name.ends_with("-tgs-rep.der") => "TGS-REP",
                _ if name.ends_with("-krb-error.der") => "KRB-ERROR",
                _ if name.ends_with(".apreq.bin") => "AP-REQ",
                _ if name.ends_with(".aprep.bin") => "AP-REP",
                _ if name.ends_with(".priv.bin") => "KRB-PRIV",
                _ if name.ends_with(".safe.bin") => "KRB-SAFE",
                _ => continue,
            };
            let octets = std::fs::read(&path).unwrap();
            all.push((path, kind, octets));
        }
    }
    assert!(all.len() > 100, "{}", all.len());
    all
}

#[test]
fn msg_01_recorded_messages_come_out_as_they_went_in() {
    for (path, kind, octets) in messages() {
        let again = reencode(kind, &octets).unwrap_or_else(|e| panic!("{path:?}: {e}"));
        assert_eq!(again, octets, "{path:?}");
    }
}

#[test]
fn msg_06_no_recorded_list_is_empty() {
    for (path, kind, octets) in messages() {
        let padata = match kind {
            "AS-REQ" => AsReq::from_bytes(&octets).unwrap().padata,
            "TGS-REQ" => TgsReq::from_bytes(&octets).unwrap().padata,
            _ => None,
        };
        assert_ne!(padata.map(|list| list.len()), Some(0), "{path:?}");
    }
}

#[test]
fn msg_15_the_e_data_of_a_recorded_preauth_required_is_method_data() {
    let mut seen = 0;
    for (path, kind, octets) in messages() {
        if kind != "KRB-ERROR" {
            continue;
        }
        let error = KrbError::from_bytes(&octets).unwrap();
        if error.error_code != ErrorCode::KDC_ERR_PREAUTH_REQUIRED {
            continue;
        }
        match ErrorData::parse(error.error_code, error.e_data.unwrap().0) {
            ErrorData::MethodData(offers) => {
                assert!(
                    offers
                        .iter()
                        .any(|offer| offer.padata_type == PaDataType::ETYPE_INFO2),
                    "{path:?}"
                );
            }
            other => panic!("{path:?}: {other:?}"),
        }
        seen += 1;
    }
    assert!(seen > 5);
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// What Samba's and MIT's decoders read out of the tickets.
#[test]
fn recorded_tickets_read_as_others_read_them() {
    let mut seen = 0;
    for (path, kind, octets) in messages() {
        let folder = path.parent().unwrap();
        if kind != "Ticket" && kind != "EncTicketPart" {
            continue;
        }
        let expected = json(&folder.join("expected.json"));
        let name = |name: &PrincipalName<'_>, value: &Value| {
            assert_eq!(name.name_type.0, value["type"], "{path:?}");
            let parts: Vec<&str> = name.name_string.iter().map(|part| part.0).collect();
            assert_eq!(serde_json::json!(parts), value["components"], "{path:?}");
        };
        if kind == "Ticket" {
            let expected = &expected["ticket"];
            let ticket = Ticket::from_bytes(&octets).unwrap();
            assert_eq!(ticket.tkt_vno, expected["tkt_vno"]);
            assert_eq!(ticket.realm.0, expected["realm"]);
            name(&ticket.sname, &expected["sname"]);
            assert_eq!(ticket.enc_part.etype, expected["etype"]);
            assert_eq!(
                ticket.enc_part.kvno.map(|kvno| kvno.0),
                number(&expected["kvno"])
            );
        } else {
            let expected = &expected["enc_ticket_part"];
            let part = EncTicketPart::from_bytes(&octets).unwrap();
            let mut flags: Vec<&str> = part.flags.names().collect();
            let mut theirs: Vec<&str> = expected["flags"]
                .as_array()
                .unwrap()
                .iter()
                .map(|flag| flag.as_str().unwrap())
                .collect();
            flags.sort_unstable();
            theirs.sort_unstable();
            assert_eq!(flags, theirs, "{path:?}");
            assert_eq!(part.key.keytype, expected["session_key"]["etype"]);
            assert_eq!(
                part.key.keyvalue.0,
                unhex(expected["session_key"]["key"].as_str().unwrap())
            );
            assert_eq!(part.crealm.0, expected["crealm"]);
            name(&part.cname, &expected["cname"]);
            assert_eq!(part.transited.tr_type.0, expected["transited"]["type"]);
            assert_eq!(part.authtime.as_secs(), expected["authtime"]);
            assert_eq!(part.endtime.as_secs(), expected["endtime"]);
            let time = |time: Option<crate::time::KerberosTime>| {
                serde_json::json!(time.map(|t| t.as_secs()))
            };
            assert_eq!(time(part.starttime), expected["starttime"]);
            assert_eq!(time(part.renew_till), expected["renew_till"]);
            let theirs = expected["authorization_data"].as_array();
            let ours = part.authorization_data.unwrap_or_default();
            assert_eq!(ours.len(), theirs.map_or(0, Vec::len), "{path:?}");
            for (ours, theirs) in ours.iter().zip(theirs.into_iter().flatten()) {
                assert_eq!(ours.ad_type.0, theirs["ad_type"]);
                assert_eq!(ours.ad_data.0.len(), theirs["length"]);
                let inner: AuthorizationData<'_> = from_der("inner", ours.ad_data.0).unwrap();
                assert_eq!(inner[0].ad_type.0, theirs["elements"][0]["ad_type"]);
                assert_eq!(inner[0].ad_data.0.len(), theirs["elements"][0]["length"]);
            }
        }
        seen += 1;
    }
    assert!(seen >= 16, "{seen}");
}

fn number(value: &Value) -> Option<u32> {
    value.as_u64().map(|number| u32::try_from(number).unwrap())
}
