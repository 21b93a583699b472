use super::*;
use crate::pac::{BufferType, Pac, Sid, locate};
use crate::wire::PaPacRequest;

const SEALS: Enctype = Enctype::AES256_CTS_HMAC_SHA384_192;

fn types(plain: &[u8]) -> Vec<u32> {
    let part = EncTicketPart::from_bytes(plain).unwrap();
    let elements = part.authorization_data.unwrap_or_default();
    let Some(octets) = locate(&elements).unwrap() else {
        return Vec::new();
    };
    // The table of buffers, read by hand.
    let count = u32::from_le_bytes(octets[0..4].try_into().unwrap());
    let table = octets[8..].chunks(16).take(count as usize);
    table
        .map(|entry| u32::from_le_bytes(entry[0..4].try_into().unwrap()))
        .collect()
}

fn with_pac_request(include_pac: bool) -> Req {
    let value = to_der("KERB-PA-PAC-REQUEST", &PaPacRequest { include_pac }).unwrap();
    Req {
        padata: vec![(PaDataType::PAC_REQUEST, value)],
        ..as_req()
    }
}

#[test]
fn pac_29_buffers_of_tgts_and_service_tickets() {
    let kdc = realm();
    let krbtgt = key(&kdc, "krbtgt/R.TEST", SEALS);
    let web = key(&kdc, "HTTP/web", SEALS);
    let tgt = tgt(&kdc, KdcOptions::NONE);
    assert_eq!(types(&tgt.open_ticket(&krbtgt)), [1, 10, 12, 17, 18, 6, 7]);
    let service = Tgs::by(&tgt).ask(&kdc, &tgs_req()).unwrap();
    assert_eq!(types(&service.open_ticket(&web)), [1, 10, 12, 6, 7, 16, 19]);
    // The same straight from the AS exchange.
    let req = Req {
        sname: Some(name("HTTP/web")),
        ..as_req()
    };
    let initial = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!(types(&initial.open_ticket(&web)), [1, 10, 12, 6, 7, 16, 19]);
}

#[test]
fn pac_29_the_client_can_do_without() {
    let kdc = realm();
    let krbtgt = key(&kdc, "krbtgt/R.TEST", SEALS);
    let tgt = ask_as(&kdc, &with_pac_request(false), NOW).unwrap();
    assert!(types(&tgt.open_ticket(&krbtgt)).is_empty());
    let service = Tgs::by(&tgt).ask(&kdc, &tgs_req()).unwrap();
    assert!(types(&service.open_ticket(&key(&kdc, "HTTP/web", SEALS))).is_empty());
    let mut broken = as_req();
    broken.padata = vec![(PaDataType::PAC_REQUEST, vec![0x30])];
    assert_eq!(ask_as(&kdc, &broken, NOW).err().unwrap().code.0, 60);
}

#[test]
fn pac_26_why_there_is_a_pac() {
    let kdc = realm();
    let krbtgt = key(&kdc, "krbtgt/R.TEST", SEALS);
    let of = |req: &Req| {
        let plain = ask_as(&kdc, req, NOW).unwrap().open_ticket(&krbtgt);
        let part = EncTicketPart::from_bytes(&plain).unwrap();
        let mac = krbtgt.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
        let elements = part.authorization_data.unwrap();
        let octets = locate(&elements).unwrap().unwrap();
        let pac = Pac::parse(octets).unwrap();
        let verified = pac.verify_kdc(&mac, &mac, &name("alice"), part.authtime);
        verified.unwrap().attributes().unwrap()
    };
    assert!(of(&as_req()).is_given_implicitly());
    assert!(of(&with_pac_request(true)).is_requested());
}

#[test]
fn pac_20_service_tickets_are_evidence() {
    let kdc = realm();
    let domain = kdc.kdc().policy().domain.clone().unwrap();
    let extra: Sid = "S-1-5-32-544".parse().unwrap();
    alter(&kdc, "alice", |e| {
        let identity = e.identity.as_mut().unwrap();
        identity.rid = 1_105;
        identity.groups = vec![512, 1_200];
        identity.extra_sids = vec![extra];
        identity.full_name = "Alice".to_owned();
    });
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let plain = Tgs::by(&tgt)
        .ask(&kdc, &tgs_req())
        .unwrap()
        .open_ticket(&key(&kdc, "HTTP/web", SEALS));
    let part = EncTicketPart::from_bytes(&plain).unwrap();
    let mac = |key: Key| key.mac(KeyUsage::NON_KERB_CKSUM).unwrap();
    let web = mac(key(&kdc, "HTTP/web", SEALS));
    let krbtgt = mac(key(&kdc, "krbtgt/R.TEST", SEALS));
    let elements = part.authorization_data.clone().unwrap();
    let pac = Pac::parse(locate(&elements).unwrap().unwrap()).unwrap();
    let verified = pac
        .verify_evidence(&web, &krbtgt, &part, &name("alice"), part.authtime)
        .unwrap();
    assert_eq!(verified.user_sid(), domain.sid.with_rid(1_105));
    let groups: Vec<_> = verified.group_sids().map(|group| group.sid).collect();
    let of_domain = |rid| domain.sid.with_rid(rid).unwrap();
    assert_eq!(
        groups,
        [
            of_domain(513),
            of_domain(512),
            of_domain(1_200),
            "S-1-18-1".parse().unwrap(),
            extra
        ]
    );
    assert_eq!(verified.logon_info().unwrap().full_name, "Alice");
    let upn = verified.upn_dns_info().unwrap();
    assert_eq!(
        (&*upn.upn, &*upn.dns_domain_name),
        ("alice@r.test", "R.TEST")
    );
    assert_eq!(verified.buffer(BufferType::REQUESTOR_SID), None);
}

#[test]
fn pac_27_and_case_073_an_account_that_took_over_the_name() {
    let kdc = realm();
    let renewable = Req {
        options: KdcOptions::RENEWABLE,
        ..as_req()
    };
    let tgt = ask_as(&kdc, &renewable, NOW).unwrap();
    let renew = Req {
        options: KdcOptions::RENEW,
        sname: Some(Principal::krbtgt(REALM).unwrap()),
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &renew), 0);
    // alice is gone, and somebody else is called alice.
    kdc.remove(&name("alice")).unwrap();
    kdc.add_user(name("alice"), &Secret::from("other")).unwrap();
    assert_eq!(Tgs::by(&tgt).code(&kdc, &tgs_req()), 20);
    assert_eq!(Tgs::by(&tgt).code(&kdc, &renew), 20);
    // Nor is her TGT good for user-to-user (security case 74).
    kdc.add_user(name("bob"), &Secret::from("pw")).unwrap();
    let req = Req {
        cname: Some(name("bob")),
        ..as_req()
    };
    let bob = ask_as(&kdc, &req, NOW).unwrap();
    let req = Req {
        options: KdcOptions::ENC_TKT_IN_SKEY,
        sname: Some(name("alice")),
        additional: vec![tgt.ticket.clone()],
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&bob).code(&kdc, &req), 20);
}

/// A ticket with one octet of its PAC changed, under the right key.
fn with_altered_pac(granted: &Granted, key: &Key, at: impl Fn(usize) -> usize) -> Granted {
    let mut plain = granted.open_ticket(key);
    let place = {
        let part = EncTicketPart::from_bytes(&plain).unwrap();
        let elements = part.authorization_data.unwrap();
        let pac = locate(&elements).unwrap().unwrap();
        let start = pac.as_ptr() as usize - plain.as_ptr() as usize;
        start + at(pac.len())
    };
    plain[place] ^= 1;
    let cipher = key.encrypt(KeyUsage::TICKET, &plain, &OsRandom).unwrap();
    let ticket = Ticket::from_bytes(&granted.ticket).unwrap();
    let ticket = Ticket {
        enc_part: EncryptedData {
            cipher: OctetString(&cipher),
            ..ticket.enc_part
        },
        ..ticket
    };
    Granted {
        ticket: ticket.to_bytes().unwrap(),
        octets: granted.octets.clone(),
        part: granted.part.clone(),
        client: granted.client.clone(),
        session_key: granted.session_key.clone(),
        padata: Vec::new(),
        enc_kvno: None,
        enc_etype: granted.enc_etype,
    }
}

#[test]
fn pac_20_an_altered_pac_is_refused() {
    let kdc = realm();
    let krbtgt = key(&kdc, "krbtgt/R.TEST", SEALS);
    let tgt_ = tgt(&kdc, KdcOptions::NONE);
    // In LOGON_INFO, and in the last octet of the KDC signature (24 octets fill it).
    for at in [(|_| 8 + 7 * 16 + 60) as fn(usize) -> usize, |len| len - 5] {
        let forged = with_altered_pac(&tgt_, &krbtgt, at);
        assert_eq!(Tgs::by(&forged).code(&kdc, &tgs_req()), 41);
    }
}

#[test]
fn pac_20_and_case_069_a_service_cannot_change_its_own_ticket() {
    let kdc = realm();
    let web = key(&kdc, "HTTP/web", SEALS);
    let tgt = tgt(&kdc, KdcOptions::RENEWABLE | KdcOptions::FORWARDABLE);
    let req = Req {
        options: KdcOptions::RENEWABLE,
        ..tgs_req()
    };
    let ticket = Tgs::by(&tgt).ask(&kdc, &req).unwrap();
    let renew = Req {
        options: KdcOptions::RENEW,
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&ticket).code(&kdc, &renew), 0);
    // The service knows the key that seals it, and sets a flag.
    let plain = ticket.open_ticket(&web);
    let mut part = EncTicketPart::from_bytes(&plain).unwrap();
    part.flags = part.flags | TicketFlags::FORWARDABLE;
    let cipher = web
        .encrypt(KeyUsage::TICKET, &part.to_bytes().unwrap(), &OsRandom)
        .unwrap();
    let outer = Ticket::from_bytes(&ticket.ticket).unwrap();
    let forged = Ticket {
        enc_part: EncryptedData {
            cipher: OctetString(&cipher),
            ..outer.enc_part
        },
        ..outer
    };
    let forged = Granted {
        ticket: forged.to_bytes().unwrap(),
        octets: ticket.octets.clone(),
        part: ticket.part.clone(),
        client: ticket.client.clone(),
        session_key: ticket.session_key.clone(),
        padata: Vec::new(),
        enc_kvno: None,
        enc_etype: ticket.enc_etype,
    };
    assert_eq!(Tgs::by(&forged).code(&kdc, &renew), 41);
}

#[test]
fn pac_14_no_ticket_signature_for_the_password_service() {
    let kdc = realm();
    kdc.add_service(name("kadmin/changepw")).unwrap();
    let req = Req {
        sname: Some(name("kadmin/changepw")),
        ..as_req()
    };
    let plain = ask_as(&kdc, &req, NOW)
        .unwrap()
        .open_ticket(&key(&kdc, "kadmin/changepw", SEALS));
    assert_eq!(types(&plain), [1, 10, 12, 6, 7]);
}
