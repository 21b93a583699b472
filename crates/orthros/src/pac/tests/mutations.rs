//! Tokens that were tampered with, as far as the PAC decides about them.

use std::fs;

use super::{json, mac, real_key, vectors};
use crate::crypto::KeyUsage;
use crate::pac::{Pac, PacError, VerifiedPac, locate};
use crate::principal::Principal;
use crate::wire::{ApReq, EncTicketPart, Message, Ticket};

#[test]
fn pac_19_mutated_tokens() {
    let folder = vectors().join("mutations");
    let mutations = json(&folder.join("mutations.json"));
    let key = real_key(&mutations["service_key"]);
    let server = mac(&mutations["service_key"]);
    let krbtgt = mac(&mutations["krbtgt_key"]);
    let mut judged = Vec::new();
    for case in mutations["cases"].as_array().unwrap() {
        let id = case["id"].as_str().unwrap();
        if case["kind"] != "ap-req" {
            continue;
        }
        let octets = fs::read(folder.join(case["file"].as_str().unwrap())).unwrap();
        let Ok(request) = ApReq::from_bytes(&octets) else {
            assert_eq!(id, "truncated");
            continue;
        };
        let ticket = Ticket::from_bytes(request.ticket.as_bytes()).unwrap();
        let Ok(part) = key.decrypt(KeyUsage::TICKET, ticket.enc_part.cipher.0) else {
            assert_eq!(id, "ticket-flipped");
            continue;
        };
        let part = EncTicketPart::from_bytes(&part).unwrap();
        let client = Principal::from_wire(&part.crealm, &part.cname).unwrap();
        let judge = || -> Result<Option<VerifiedPac>, PacError> {
            let Some(octets) = locate(part.authorization_data.as_deref().unwrap_or_default())?
            else {
                return Ok(None);
            };
            let pac = Pac::parse(octets)?;
            let verified = pac.verify(&server, &client, part.authtime)?;
            let kdc = pac.verify_kdc(&server, &krbtgt, &client, part.authtime);
            assert!(kdc.is_ok(), "{id}");
            Ok(Some(verified))
        };
        let verdict = judge();
        let found = match &verdict {
            Ok(Some(_)) => "valid",
            Ok(None) => "absent",
            Err(_) => "invalid",
        };
        let expected = case["pac"].as_str().unwrap();
        assert!(expected == "any" || found == expected, "{id}: {verdict:?}");
        if expected != "any" {
            judged.push(id);
        }
        if matches!(id, "ndr-logon-info-short" | "claims-bomb") {
            let Err(PacError::Buffer { why, .. }) = verdict else {
                panic!("{id}: {verdict:?}");
            };
            println!("{id}: {why}");
        }
    }
    assert!(judged.len() >= 12, "{judged:?}");
}
