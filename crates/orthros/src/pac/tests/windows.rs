//! PACs that Windows issued, from a collection that does not travel with the sources.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{json, mac, principal, unhex, view};
use crate::crypto::{Enctype, Key, KeyUsage, Mac};
use crate::pac::{
    BufferType, Checked, Claims, ClientInfo, LogonInfo, Pac, PacError, VerifiedPac, locate,
};
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::{ApReq, EncTicketPart, Message, Ticket};

fn folder() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    // Beside the sources, or beside the folder that holds several checkouts of them.
    let found = ["..", "../.."]
        .map(|up| root.join(up).join("shared/vectors/pac/windows"))
        .into_iter()
        .find(|folder| folder.is_dir());
    if found.is_none() {
        println!("not run: the collection of PACs that Windows issued is not here");
    }
    found
}

/// `None` for a key of an enctype that this build does not have.
fn key(value: &Value) -> Option<Mac> {
    let enctype = Enctype(value["etype"].as_i64()? as i32);
    if !enctype.is_supported() {
        println!("not run: a PAC signed with {enctype} needs the feature \"legacy\"");
        return None;
    }
    Some(mac(value))
}

/// Reads a PAC of which no key is published.
fn unsigned(pac: &Pac<'_>) -> VerifiedPac {
    let client_info = ClientInfo::parse(pac.buffer(BufferType::CLIENT_INFO).unwrap()).unwrap();
    pac.contents(Checked::Server, client_info).unwrap()
}

fn client(entry: &Value) -> Principal {
    let text = entry["client"].as_str().unwrap();
    principal(text.trim_end_matches(" (enterprise)"))
}

#[test]
fn pac_22_windows_pacs_decode_field_by_field() {
    let Some(folder) = folder() else { return };
    for entry in json(&folder.join("pacs.json"))["entries"]
        .as_array()
        .unwrap()
    {
        let id = entry["id"].as_str().unwrap();
        let octets = fs::read(folder.join(entry["pac_file"].as_str().unwrap())).unwrap();
        let pac = Pac::parse(&octets).unwrap_or_else(|e| panic!("{id}: {e}"));
        let read = unsigned(&pac);
        assert_eq!(view::pac(&read), entry["pac"], "{id}");
        let Some(server) = key(&entry["server_key"]) else {
            continue;
        };
        let authtime = KerberosTime::from_secs(entry["authtime"].as_i64().unwrap());
        let client = client(entry);
        let with_realm = entry["client_info_has_realm"] == true;
        let plain = pac.verify(&server, &client, authtime);
        let s4u = pac.verify_s4u2self(&server, &client, authtime);
        assert_eq!(plain.is_ok(), !with_realm, "{id}: {plain:?}");
        assert_eq!(s4u.is_ok(), with_realm, "{id}: {s4u:?}");
        let Some(krbtgt) = key(&entry["kdc_key"]) else {
            continue;
        };
        let kdc = pac.verify_kdc(&server, &krbtgt, &client, authtime);
        assert_eq!(kdc.unwrap().checked(), Checked::Kdc, "{id}");
        if let Some(file) = entry["enc_ticket_part_file"].as_str() {
            let part = fs::read(folder.join(file)).unwrap();
            let part = EncTicketPart::from_bytes(&part).unwrap();
            let all = pac.verify_evidence(&server, &krbtgt, &part, &client, authtime);
            assert_eq!(all.unwrap().checked(), Checked::Evidence, "{id}");
        }
    }
}

#[test]
fn pac_21_windows_buffers() {
    let Some(folder) = folder() else { return };
    let mut compressed = 0;
    for entry in json(&folder.join("buffers.json"))["buffers"]
        .as_array()
        .unwrap()
    {
        let id = entry["id"].as_str().unwrap();
        let octets = unhex(entry["buffer"].as_str().unwrap());
        match entry["pac_buffer_type"].as_u64().unwrap() {
            1 => {
                let info = LogonInfo::parse(&octets).unwrap();
                let again = LogonInfo::parse(&info.to_bytes().unwrap()).unwrap();
                assert_eq!(again, info, "{id}");
                assert!(info.group_sids().count() > 1, "{id}");
            }
            13 => {
                let claims = Claims::parse(&octets).unwrap().unwrap();
                assert_eq!(view::claims(&claims), entry["claims"], "{id}");
                compressed += usize::from(claims.compression_format.0 == 4);
            }
            other => panic!("{id} is of type {other}"),
        }
    }
    assert!(compressed > 0);
}

/// The PACs in AP-REQs that Windows clients sent.
#[test]
fn pac_09_windows_tickets() {
    let Some(folder) = folder() else { return };
    for token in json(&folder.join("ap-req.json"))["tokens"]
        .as_array()
        .unwrap()
    {
        let file = token["file"].as_str().unwrap();
        let octets = fs::read(folder.join(file)).unwrap();
        // The AP-REQ starts behind the token identifier; its own length says where it ends.
        let start = octets
            .windows(4)
            .position(|w| w[..3] == [1, 0, 0x6E] && w[3] == 0x82);
        let Some(start) = start.map(|at| at + 2) else {
            panic!("{file} holds no AP-REQ");
        };
        let length = usize::from(octets[start + 2]) << 8 | usize::from(octets[start + 3]);
        let request = ApReq::from_bytes(&octets[start..start + 4 + length]).unwrap();
        let ticket = Ticket::from_bytes(request.ticket.as_bytes()).unwrap();
        let enctype = Enctype(ticket.enc_part.etype);
        if !enctype.is_supported() {
            println!("not run: {file} needs the feature \"legacy\"");
            continue;
        }
        let key = Key::new(enctype, &unhex(token["service_key"].as_str().unwrap())).unwrap();
        let part = key
            .decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0)
            .unwrap();
        let part = EncTicketPart::from_bytes(&part).unwrap();
        let found = locate(part.authorization_data.as_deref().unwrap()).unwrap();
        let Some(found) = found else {
            assert_eq!(token["pac"], Value::Null, "{file}");
            continue;
        };
        let client = Principal::from_wire(&part.crealm, &part.cname).unwrap();
        let mac = key.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
        let verified = Pac::parse(found)
            .and_then(|pac| pac.verify(&mac, &client, part.authtime))
            .unwrap_or_else(|e: PacError| panic!("{file}: {e}"));
        assert_eq!(view::pac(&verified), token["pac"], "{file}");
    }
}
