//! What we emit, and what a KDC lets through.

use super::{AUTHTIME, aes_keys, alice, case, keys, principal};
use crate::crypto::Enctype;
use crate::pac::{
    Attributes, BufferType, Checked, DelegationInfo, DomainGroupMembership, GroupMembership,
    LogonInfo, Pac, PacBuilder, PacError, SamNameAndSid, Sid, SidAndAttributes, SidFilter,
    UpnDnsInfo, UserFlags, VerifiedPac, locate,
};
use crate::wire::{
    AdType, AuthorizationDataElement, EncTicketPart, ErrorCode, Message, OctetString,
};

fn domain() -> Sid {
    "S-1-5-21-1-2-3".parse().unwrap()
}

fn info() -> LogonInfo {
    LogonInfo::new("alice", "EXAMPLE", domain(), 1103, 513)
}

fn full() -> PacBuilder {
    let upn = UpnDnsInfo {
        upn: "alice@example.test".to_owned(),
        dns_domain_name: "EXAMPLE.TEST".to_owned(),
        flags: 0,
        sam_name_and_sid: Some(SamNameAndSid {
            sam_name: "alice".to_owned(),
            sid: domain().with_rid(1103).unwrap(),
        }),
    };
    PacBuilder::new(&principal("alice@EXAMPLE.TEST"), AUTHTIME)
        .unwrap()
        .requestor_sid(&domain().with_rid(1103).unwrap())
        .attributes(Attributes::REQUESTED)
        .upn_dns_info(&upn)
        .unwrap()
        .logon_info(&info())
        .unwrap()
}

fn types(octets: &[u8]) -> Vec<u32> {
    Pac::parse(octets).unwrap().types().map(|t| t.0).collect()
}

/// The ticket of a client that asked for no PAC, at our time.
fn with_part<T>(then: impl FnOnce(EncTicketPart<'_>) -> T) -> T {
    let case = case("ad.example.test/alice-no-pac");
    let mut part = EncTicketPart::from_bytes(&case.enc_ticket_part).unwrap();
    part.authtime = AUTHTIME;
    then(part)
}

fn sealed(builder: PacBuilder, server: &str) -> (Vec<u8>, Vec<u8>) {
    let (server_mac, krbtgt) = aes_keys();
    with_part(|part| {
        let sealed = builder
            .seal(&part, &principal(server), &server_mac, &krbtgt)
            .unwrap();
        let part = EncTicketPart::from_bytes(sealed.expose()).unwrap();
        let pac = locate(part.authorization_data.as_deref().unwrap()).unwrap();
        (pac.unwrap().to_vec(), sealed.expose().to_vec())
    })
}

#[test]
fn pac_29_buffers_of_tgt_and_service_ticket() {
    let (tgt, _) = sealed(full(), "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST");
    assert_eq!(types(&tgt), [1, 10, 12, 17, 18, 6, 7]);
    let (server, krbtgt) = aes_keys();
    let alice = principal("alice@EXAMPLE.TEST");
    let verified = Pac::parse(&tgt)
        .unwrap()
        .verify_kdc(&server, &krbtgt, &alice, AUTHTIME)
        .unwrap();
    assert_eq!(verified.checked(), Checked::Kdc);
    assert_eq!(verified.logon_info(), Some(&info()));
    let user = domain().with_rid(1103).unwrap();
    assert_eq!(verified.check_requestor(&user), Ok(()));
    // The TGS takes what is in the TGT, without what only TGTs have.
    let (service, part) = sealed(PacBuilder::reissue(&verified), "HTTP/web@EXAMPLE.TEST");
    assert_eq!(types(&service), [1, 10, 12, 6, 7, 16, 19]);
    let part = EncTicketPart::from_bytes(&part).unwrap();
    let verified = Pac::parse(&service)
        .unwrap()
        .verify_evidence(&server, &krbtgt, &part, &alice, AUTHTIME)
        .unwrap();
    assert_eq!(verified.logon_info(), Some(&info()));
    // The least that there is.
    let least = PacBuilder::new(&alice, AUTHTIME).unwrap();
    let (least, _) = sealed(least, "krbtgt/EXAMPLE.TEST@EXAMPLE.TEST");
    assert_eq!(types(&least), [10, 6, 7]);
}

#[test]
fn pac_14_no_ticket_signature_for_ticket_granting_services() {
    for (server, all) in [
        ("krbtgt/EXAMPLE.TEST@EXAMPLE.TEST", false),
        ("krbtgt/OTHER.TEST@EXAMPLE.TEST", false),
        ("kadmin/changepw@EXAMPLE.TEST", false),
        ("kadmin/admin@EXAMPLE.TEST", true),
        ("krbtgt@EXAMPLE.TEST", true),
        ("HTTP/web@EXAMPLE.TEST", true),
    ] {
        let (pac, _) = sealed(full(), server);
        assert_eq!(types(&pac).contains(&16), all, "{server}");
        assert_eq!(types(&pac).contains(&19), all, "{server}");
    }
}

/// Offsets, alignment, padding and sizes of everything emitted.
#[test]
fn pac_06_layout() {
    for odd in 0..9 {
        let builder = full()
            .buffer(BufferType(200), vec![0xAA; odd])
            .unwrap()
            .buffer(BufferType(13), vec![])
            .unwrap();
        let (pac, _) = sealed(builder, "HTTP/web@EXAMPLE.TEST");
        let parsed = Pac::parse(&pac).unwrap();
        let mut end = 8 + 16 * parsed.entries.len();
        for entry in &parsed.entries {
            assert_eq!(entry.range.start, end.next_multiple_of(8));
            assert!(pac[end..entry.range.start].iter().all(|octet| *octet == 0));
            end = entry.range.end;
        }
        assert!(!parsed.entries.last().unwrap().range.is_empty());
        assert_eq!(pac.len(), end.next_multiple_of(8));
        assert!(pac[end..].iter().all(|octet| *octet == 0));
    }
}

/// The rest of the ticket stays, the other authorization data too, behind the PAC.
#[test]
fn pac_12_the_ticket_around_the_pac() {
    let (server, krbtgt) = aes_keys();
    with_part(|mut part| {
        let other = AuthorizationDataElement {
            ad_type: AdType(9999),
            ad_data: OctetString(b"other"),
        };
        part.authorization_data = Some(vec![other]);
        let web = principal("HTTP/web@EXAMPLE.TEST");
        let sealed = full().seal(&part, &web, &server, &krbtgt).unwrap();
        let with_pac = EncTicketPart::from_bytes(sealed.expose()).unwrap();
        let elements = with_pac.authorization_data.clone().unwrap();
        assert_eq!(elements[0].ad_type, AdType::IF_RELEVANT);
        assert_eq!(elements[1..], [other]);
        let pac = locate(&elements).unwrap().unwrap();
        let verified = Pac::parse(pac).unwrap().verify_evidence(
            &server,
            &krbtgt,
            &with_pac,
            &principal("alice@EXAMPLE.TEST"),
            AUTHTIME,
        );
        assert_eq!(verified.unwrap().checked(), Checked::Evidence);
        // Another one's authorization data, or its absence, is another ticket.
        let mut without = with_pac.clone();
        without.authorization_data = Some(elements[..1].to_vec());
        let verdict = Pac::parse(pac).unwrap().verify_evidence(
            &server,
            &krbtgt,
            &without,
            &principal("alice@EXAMPLE.TEST"),
            AUTHTIME,
        );
        assert!(matches!(
            verdict,
            Err(PacError::Signature {
                buffer: BufferType::TICKET_CHECKSUM
            })
        ));
        // A ticket has one PAC (PAC-01).
        let again = full().seal(&with_pac, &web, &server, &krbtgt);
        assert!(matches!(again, Err(PacError::TwoPacs)));
    });
}

#[test]
fn pac_13_signatures_are_made_by_signing_only() {
    for buffer in [6, 7, 16, 19] {
        let error = full().buffer(BufferType(buffer), vec![0; 16]).unwrap_err();
        assert!(matches!(error, PacError::Unencodable { .. }));
    }
}

/// PAC-05: taken apart and put together again under other keys, nothing of the contents changes.
#[test]
fn pac_05_reissue_keeps_every_buffer() {
    let case = alice();
    let verified = case.verify(case.octets()).unwrap();
    let (server, krbtgt) = keys(
        Enctype::AES128_CTS_HMAC_SHA256_128,
        Enctype::AES256_CTS_HMAC_SHA384_192,
    );
    let delegation = DelegationInfo {
        s4u2proxy_target: "cifs/files@AD.EXAMPLE.TEST".to_owned(),
        s4u_transited_services: vec!["HTTP/web@AD.EXAMPLE.TEST".to_owned()],
    };
    let octets = PacBuilder::reissue(&verified)
        .delegation_info(&delegation)
        .unwrap()
        .sign_service_ticket(&server, &krbtgt, b"")
        .unwrap();
    let again = Pac::parse(&octets)
        .unwrap()
        .verify_kdc(&server, &krbtgt, &case.client, case.authtime)
        .unwrap();
    for buffer in [1, 10, 12].map(BufferType) {
        assert_eq!(again.buffer(buffer), verified.buffer(buffer));
    }
    assert_eq!(again.delegation_info(), Some(&delegation));
    assert_eq!(types(&octets), [1, 11, 10, 12, 6, 7, 16, 19]);
}

/// A PAC from over a trust, as its KDC signed it.
fn foreign(info: &LogonInfo, requestor: &str) -> VerifiedPac {
    let (server, krbtgt) = aes_keys();
    let octets = PacBuilder::new(&principal("eve@OTHER.TEST"), AUTHTIME)
        .unwrap()
        .logon_info(info)
        .unwrap()
        .requestor_sid(&requestor.parse().unwrap())
        .buffer(BufferType::CLIENT_CLAIMS_INFO, vec![])
        .unwrap()
        .buffer(BufferType(250), b"S-1-5-32-544".to_vec())
        .unwrap()
        .sign_tgt(&server, &krbtgt)
        .unwrap();
    Pac::parse(&octets)
        .unwrap()
        .verify(&server, &principal("eve@OTHER.TEST"), AUTHTIME)
        .unwrap()
}

/// PAC-28, security case 72: SIDs of the own domain, of third domains and well-known ones do not
/// come in over a trust, in whatever field they stand.
#[test]
fn case_072_and_pac_28_sid_filtering() {
    let other: Sid = "S-1-5-21-9-9-9".parse().unwrap();
    let extra = |text: &str| SidAndAttributes {
        sid: text.parse().unwrap(),
        attributes: 7,
    };
    let mut info = LogonInfo::new("eve", "OTHER", other, 1200, 513);
    info.user_flags = UserFlags::EXTRA_SIDS.with(UserFlags::RESOURCE_GROUPS);
    info.extra_sids = vec![
        extra("S-1-5-21-9-9-9-1300"),
        // SID history: the own domain's administrators.
        extra("S-1-5-21-1-2-3-512"),
        extra("S-1-5-21-4-4-4-1000"),
        extra("S-1-5-32-544"),
        extra("S-1-5-9"),
        extra("S-1-18-1"),
        extra("S-1-5-21-9-9-9-1-1000"),
        extra("S-1-5-21-9-9"),
    ];
    info.resource_groups = Some(DomainGroupMembership {
        domain_id: domain(),
        group_ids: vec![GroupMembership {
            relative_id: 1500,
            attributes: 7,
        }],
    });
    let trust = SidFilter::new([other]);
    let filtered = trust.apply(&foreign(&info, "S-1-5-21-9-9-9-1200")).unwrap();
    assert_eq!(filtered.dropped.len(), 8);
    let (server, krbtgt) = aes_keys();
    let octets = filtered.builder.sign_tgt(&server, &krbtgt).unwrap();
    assert_eq!(types(&octets), [1, 10, 6, 7]);
    let verified = Pac::parse(&octets)
        .unwrap()
        .verify(&server, &principal("eve@OTHER.TEST"), AUTHTIME)
        .unwrap();
    let sids: Vec<_> = verified
        .group_sids()
        .map(|group| group.sid.to_string())
        .collect();
    assert_eq!(sids, ["S-1-5-21-9-9-9-513", "S-1-5-21-9-9-9-1300"]);
    // A user of the own domain, of a third one, or one that says so elsewhere.
    let refused = |info: &LogonInfo, requestor: &str| {
        let error = trust.apply(&foreign(info, requestor)).unwrap_err();
        assert_eq!(error.code(), ErrorCode::KDC_ERR_POLICY);
        assert!(matches!(error, PacError::Foreign { .. }));
    };
    let own = LogonInfo::new("eve", "EXAMPLE", domain(), 500, 512);
    refused(&own, "S-1-5-21-9-9-9-1200");
    refused(&info, "S-1-5-21-1-2-3-500");
    let mut first = info.clone();
    first.user_id = 0;
    first.extra_sids.swap(0, 1);
    refused(&first, "S-1-5-21-9-9-9-1200");
    first.extra_sids.swap(0, 1);
    assert!(trust.apply(&foreign(&first, "S-1-5-21-9-9-9-1200")).is_ok());
}
