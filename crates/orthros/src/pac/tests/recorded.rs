//! The PACs of two domains: every field, every signature.

use serde_json::Value;

use super::{alice, case, cases, view};
use crate::pac::{BufferType, Checked, LogonInfo, Pac, UpnDnsInfo, UserFlags, locate};
use crate::wire::{EncTicketPart, Message};

/// PAC-01, PAC-09, PAC-17, PAC-18, PAC-21, PAC-22, PAC-24, PAC-25, PAC-26.
#[test]
fn pac_22_recorded_pacs_decode_field_by_field() {
    for case in cases() {
        let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
        let located = locate(part.authorization_data.as_deref().unwrap_or_default()).unwrap();
        assert_eq!(located, case.pac.as_deref(), "{}", case.id);
        let Some(octets) = located else {
            assert_eq!(case.expected["pac"], Value::Null);
            continue;
        };
        let verified = case
            .verify(octets)
            .unwrap_or_else(|e| panic!("{}: {e}", case.id));
        assert_eq!(verified.checked(), Checked::Server);
        assert_eq!(verified.octets(), octets);
        assert_eq!(view::pac(&verified), case.expected["pac"], "{}", case.id);
    }
}

/// PAC-10, PAC-11, PAC-12: the signatures of the krbtgt key.
#[test]
fn pac_20_recorded_kdc_signatures() {
    let mut service_tickets = 0;
    for case in cases() {
        let Some(octets) = &case.pac else { continue };
        let pac = Pac::parse(octets).unwrap();
        let verified = pac
            .verify_kdc(&case.server, &case.krbtgt, &case.client, case.authtime)
            .unwrap();
        assert_eq!(verified.checked(), Checked::Kdc);
        let part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
        let evidence = pac.verify_evidence(
            &case.server,
            &case.krbtgt,
            &part,
            &case.client,
            case.authtime,
        );
        if case.id.ends_with("-tgt") {
            assert!(evidence.is_err(), "{}", case.id);
        } else {
            assert_eq!(
                evidence.unwrap().checked(),
                Checked::Evidence,
                "{}",
                case.id
            );
            service_tickets += 1;
        }
    }
    assert!(service_tickets >= 7);
}

/// Reading and writing are inverse down to the octet.
#[test]
fn pac_21_recorded_buffers_are_written_as_they_were_read() {
    for case in cases() {
        let Some(octets) = &case.pac else { continue };
        let verified = case.verify(octets).unwrap();
        let buffer = verified.buffer(BufferType::LOGON_INFO).unwrap();
        assert_eq!(
            LogonInfo::parse(buffer).unwrap().to_bytes().unwrap(),
            buffer,
            "{}",
            case.id
        );
        let buffer = verified.buffer(BufferType::CLIENT_INFO).unwrap();
        assert_eq!(verified.client_info().to_bytes().unwrap(), buffer);
        // Samba counts the padding in the size of this one.
        let buffer = verified.buffer(BufferType::UPN_DNS_INFO).unwrap();
        let written = UpnDnsInfo::parse(buffer).unwrap().to_bytes().unwrap();
        let (same, padding) = buffer.split_at(written.len());
        assert_eq!(same, written, "{}", case.id);
        assert!(padding.len() < 8 && padding.iter().all(|octet| *octet == 0));
        if let Some(attributes) = verified.attributes() {
            let buffer = verified.buffer(BufferType::ATTRIBUTES_INFO).unwrap();
            assert_eq!(attributes.to_bytes(), buffer);
            let buffer = verified.buffer(BufferType::REQUESTOR_SID).unwrap();
            assert_eq!(verified.requestor_sid().unwrap().to_bytes(), buffer);
        }
    }
}

#[test]
fn pac_23_sids_of_recorded_pacs() {
    let sids = |id: &str| -> Vec<String> {
        let case = case(id);
        let verified = case.verify(case.octets()).unwrap();
        let user = verified.user_sid().unwrap();
        std::iter::once(user)
            .chain(verified.group_sids().map(|group| group.sid))
            .map(|sid| sid.to_string())
            .collect()
    };
    let domain = "S-1-5-21-1004336348-1177238915-682003330";
    assert_eq!(
        sids("claims.example.test/eve-claims-web"),
        [
            format!("{domain}-1103"),
            format!("{domain}-513"),
            format!("{domain}-1104"),
            "S-1-18-1".to_owned(),
            "S-1-5-21-0-0-0-497".to_owned(),
            format!("{domain}-1105"),
        ]
    );
    assert_eq!(sids("ad.example.test/administrator-web").len(), 8);
}

/// PAC-23: lists whose flag is off do not count, though they are there.
#[test]
fn pac_23_flag_off_list_present() {
    let case = case("claims.example.test/eve-claims-web");
    let verified = case.verify(case.octets()).unwrap();
    let mut info = verified.logon_info().unwrap().clone();
    let sids = |info: &LogonInfo| info.group_sids().count();
    assert_eq!(sids(&info), 2 + 2 + 1);
    info.user_flags = UserFlags(0x200);
    assert_eq!(sids(&info), 2 + 1);
    info.user_flags = UserFlags(0x20);
    assert_eq!(sids(&info), 2 + 2);
    info.user_flags = UserFlags(!0x220);
    assert_eq!(sids(&info), 2);
    // An account of another domain is the first of the extra SIDs, if those count.
    info.user_id = 0;
    assert_eq!(info.user_sid(), None);
    info.user_flags = UserFlags::EXTRA_SIDS;
    assert_eq!(info.user_sid().unwrap().to_string(), "S-1-18-1");
}

#[test]
fn pac_30_a_pac_shows_nothing_but_its_types() {
    let case = alice();
    let pac = Pac::parse(case.octets()).unwrap();
    assert_eq!(
        format!("{pac:?}"),
        "Pac, not verified: [LOGON_INFO, CLIENT_INFO, UPN_DNS_INFO, SERVER_CHECKSUM, \
         KDC_CHECKSUM, TICKET_CHECKSUM, FULL_CHECKSUM]"
    );
    let verified = case.verify(case.octets()).unwrap();
    let shown = format!("{verified:?}");
    assert!(shown.contains("checked: Server"), "{shown}");
    let info = format!("{:?}", verified.logon_info().unwrap());
    assert!(info.contains("user_session_key: hidden"), "{info}");
}
