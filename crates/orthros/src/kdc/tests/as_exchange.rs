use super::*;
use crate::crypto::ChecksumType;
use crate::wire::{EtypeInfo2Entry, EtypeInfoEntry, LrType, NameType};

fn preauth_hints(kdc: &EmbeddedKdc, req: &Req) -> Vec<(PaDataType, Vec<u8>)> {
    let refused = refusal(&kdc.answer(&req.octets(), NOW).unwrap());
    assert_eq!(refused.code, ErrorCode::KDC_ERR_PREAUTH_REQUIRED);
    let e_data = refused.e_data.unwrap();
    let methods: Vec<PaData<'_>> = from_der("METHOD-DATA", &e_data).unwrap();
    methods
        .iter()
        .map(|pa| (pa.padata_type, pa.padata_value.0.to_vec()))
        .collect()
}

#[test]
fn kdc_11_unknown_expired_locked() {
    let kdc = realm();
    let past = Some(KerberosTime::from_secs(1));
    let asks = |who: &str, server: &str| {
        let req = Req {
            cname: Some(name(who)),
            sname: Some(name(server)),
            ..as_req()
        };
        code(&kdc, &req.octets()).0
    };
    let krbtgt = "krbtgt/R.TEST";
    assert_eq!(asks("nobody", krbtgt), 6);
    assert_eq!(asks("alice", "host/nowhere"), 7);
    assert_eq!(asks("alice", krbtgt), 25);
    alter(&kdc, "HTTP/web", |e| e.expires = past);
    assert_eq!(asks("alice", "HTTP/web"), 2);
    alter(&kdc, "HTTP/web", |e| e.attributes.locked = true);
    assert_eq!(asks("alice", "HTTP/web"), 19);
    alter(&kdc, "alice", |e| e.expires = past);
    assert_eq!(asks("alice", krbtgt), 1);
    alter(&kdc, "alice", |e| e.attributes.locked = true);
    assert_eq!(asks("alice", krbtgt), 18);
}

#[test]
fn kdc_11_expiry_is_at_the_second() {
    let kdc = realm();
    for (seconds, expected) in [(0, 1), (1, 25)] {
        alter(&kdc, "alice", |e| e.expires = Some(after(seconds)));
        assert_eq!(code(&kdc, &as_req().octets()).0, expected);
    }
}

#[test]
fn kdc_11_an_expired_password_can_only_be_changed() {
    let kdc = realm();
    kdc.add_service(name("kadmin/changepw")).unwrap();
    alter(&kdc, "alice", |e| {
        e.password_expires = Some(KerberosTime::EPOCH)
    });
    assert_eq!(ask_as(&kdc, &as_req(), NOW).err().unwrap().code.0, 23);
    let req = Req {
        sname: Some(name("kadmin/changepw")),
        ..as_req()
    };
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    let part = granted.part();
    assert_eq!(part.key_expiration, Some(KerberosTime::EPOCH));
    assert_eq!(part.last_req[0].lr_type, LrType::PASSWORD_EXPIRY);
}

#[test]
fn kdc_12_preauthentication() {
    let kdc = realm();
    let alice = key(&kdc, "alice", A128);
    let with = |key: &Key, at| code_or_zero(&kdc, as_req().preauthenticated(key, at));
    assert_eq!(with(&alice, NOW), 0);
    // Wrong key, and a key of an enctype that alice does not have.
    assert_eq!(with(&Key::random(A128, &OsRandom).unwrap(), NOW), 24);
    alter(&kdc, "alice", |e| {
        e.keys[0].keys.retain(|key| key.enctype() != A256);
    });
    assert_eq!(with(&Key::random(A256, &OsRandom).unwrap(), NOW), 14);
    // Exactly the skew is near enough.
    let skew = Duration::from_secs(300);
    let tick = Duration::from_micros(1);
    assert_eq!(with(&alice, NOW.minus(skew)), 0);
    assert_eq!(with(&alice, NOW.plus(skew)), 0);
    assert_eq!(with(&alice, NOW.minus(skew + tick)), 37);
    assert_eq!(with(&alice, NOW.plus(skew + tick)), 37);
    // The older of two keys is no key any more.
    kdc.set_password(&name("alice"), &Secret::from("new"))
        .unwrap();
    assert_eq!(with(&alice, NOW), 24);
    assert_eq!(with(&key(&kdc, "alice", A128), NOW), 0);
    // Not demanded: not needed, and not said to have been done.
    alter(&kdc, "alice", |e| e.attributes.requires_preauth = false);
    let alice = key(&kdc, "alice", A128);
    let reply = kdc.answer(&as_req().octets(), NOW).unwrap();
    let plain = granted(&reply, &alice, KeyUsage::AS_REP).unwrap();
    assert!(!plain.flags().contains(TicketFlags::PRE_AUTHENT));
    assert!(
        ask_as(&kdc, &as_req(), NOW)
            .unwrap()
            .flags()
            .contains(TicketFlags::PRE_AUTHENT)
    );
    // A wrong one is refused although none is needed.
    assert_eq!(with(&Key::random(A128, &OsRandom).unwrap(), NOW), 24);
}

fn code_or_zero(kdc: &EmbeddedKdc, req: Req) -> i32 {
    let reply = kdc.answer(&req.octets(), NOW).unwrap();
    match reply[0] {
        0x7e => refusal(&reply).code.0,
        _ => 0,
    }
}

#[test]
fn kdc_12_a_timestamp_that_is_none() {
    let kdc = realm();
    let alice = key(&kdc, "alice", A128);
    let mut req = as_req();
    req.padata = vec![(PaDataType::ENC_TIMESTAMP, vec![0x30, 0x00])];
    assert_eq!(code_or_zero(&kdc, req), 24);
    for plain in [&b""[..], b"\x30\x00", b"hello"] {
        let usage = KeyUsage::PA_ENC_TIMESTAMP;
        let cipher = alice.encrypt(usage, plain, &OsRandom).unwrap();
        let sealed = EncryptedData {
            etype: A128.0,
            kvno: None,
            cipher: OctetString(&cipher),
        };
        let mut req = as_req();
        let value = to_der("EncryptedData", &sealed).unwrap();
        req.padata = vec![(PaDataType::ENC_TIMESTAMP, value)];
        assert_eq!(code_or_zero(&kdc, req), 24);
    }
}

#[test]
fn kdc_13_hints_in_the_order_of_the_request() {
    let kdc = realm();
    let req = Req {
        etype: vec![-133, 17, 23, 18, 17],
        ..as_req()
    };
    let hints = preauth_hints(&kdc, &req);
    let types: Vec<_> = hints.iter().map(|(padata_type, _)| padata_type.0).collect();
    assert_eq!(types, [19, 2]);
    let info: Vec<EtypeInfo2Entry<'_>> = from_der("ETYPE-INFO2", &hints[0].1).unwrap();
    let entries: Vec<_> = info
        .iter()
        .map(|entry| (entry.etype, entry.salt.unwrap().0))
        .collect();
    assert_eq!(entries, [(17, "R.TESTalice"), (18, "R.TESTalice")]);
    assert!(info.iter().all(|entry| entry.s2kparams.is_none()));
    assert!(hints[1].1.is_empty());
}

#[test]
fn kdc_13_a_wrong_timestamp_gets_the_hints_again() {
    let kdc = realm();
    let wrong = Key::random(A128, &OsRandom).unwrap();
    let req = as_req().preauthenticated(&wrong, NOW);
    let refused = refusal(&kdc.answer(&req.octets(), NOW).unwrap());
    assert_eq!(refused.code.0, 24);
    let e_data = refused.e_data.unwrap();
    let methods: Vec<PaData<'_>> = from_der("METHOD-DATA", &e_data).unwrap();
    assert_eq!(methods[0].padata_type, PaDataType::ETYPE_INFO2);
}

#[test]
fn kdc_13_an_old_client_gets_etype_info_as_well() {
    // No key of ours is of an old enctype, so the choice is tested by itself.
    let kdc = realm();
    let entry = kdc.entry(&name("alice")).unwrap();
    let keys = [entry.newest().unwrap().of(A128).unwrap()];
    let of = |etypes: &[i32]| preauth::etype_info(&keys, etypes).unwrap();
    assert_eq!(of(&[23, -128, 3]).len(), 2);
    let old = of(&[23]);
    let info: Vec<EtypeInfoEntry<'_>> = from_der("ETYPE-INFO", &old[1].1).unwrap();
    assert_eq!(info[0].salt.unwrap().0, b"R.TESTalice");
    assert_eq!(of(&[23, 17]).len(), 1);
}

#[test]
fn msg_19_the_reply_has_one_hint_of_its_own_enctype() {
    let kdc = realm();
    let req = Req {
        etype: vec![18, 17],
        ..as_req()
    };
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!((granted.enc_etype, granted.enc_kvno), (18, Some(1)));
    assert_eq!(granted.padata.len(), 1);
    let info: Vec<EtypeInfo2Entry<'_>> = from_der("ETYPE-INFO2", &granted.padata[0].1).unwrap();
    assert_eq!((info.len(), info[0].etype), (1, 18));
}

#[test]
fn kdc_14_enctypes_of_reply_session_and_ticket() {
    let kdc = realm();
    // Reply and session key follow the client's list, the ticket the server's keys.
    let req = Req {
        etype: vec![17, 18, 20],
        sname: Some(name("HTTP/web")),
        ..as_req()
    };
    alter(&kdc, "HTTP/web", |e| {
        e.keys[0].keys.retain(|key| key.enctype() != A128);
    });
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!(granted.enc_etype, 17);
    assert_eq!(
        granted.part().key.keytype,
        18,
        "the server has no key of 17"
    );
    let ticket = Ticket::from_bytes(&granted.ticket).unwrap();
    assert_eq!(ticket.enc_part.etype, 20, "the server's first key");
    assert_eq!(ticket.enc_part.kvno.unwrap().0, 1);
    // What the server says it can use counts, not what keys it has.
    alter(&kdc, "HTTP/web", |e| e.session_enctypes = Some(vec![A128]));
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!(granted.part().key.keytype, 17);
    alter(&kdc, "HTTP/web", |e| e.session_enctypes = Some(vec![]));
    assert_eq!(ask_as(&kdc, &req, NOW).err().unwrap().code.0, 14);
}

#[test]
fn case_096_weak_enctypes_are_not_issued() {
    let kdc = realm();
    for etype in [vec![], vec![24], vec![-133, -128, 24, 23, 3, 1, 0]] {
        let req = Req { etype, ..as_req() };
        assert_eq!(code(&kdc, &req.octets()).0, 14);
    }
    // Nor for a server that would take nothing else.
    alter(&kdc, "HTTP/web", |e| {
        e.session_enctypes = Some(vec![Enctype::RC4_HMAC, Enctype::RC4_HMAC_EXP]);
    });
    let req = Req {
        etype: vec![17, 23, 24],
        sname: Some(name("HTTP/web")),
        ..as_req()
    };
    assert_eq!(ask_as(&kdc, &req, NOW).err().unwrap().code.0, 14);
}

#[test]
fn kdc_15_end_is_the_least_of_all_limits() {
    let kdc = realm();
    let day = 24 * 3_600;
    let ends = |till| {
        let req = Req { till, ..as_req() };
        let part = ask_as(&kdc, &req, NOW).unwrap();
        let part = part.part();
        assert_eq!(part.starttime, Some(NOW.time()));
        assert_eq!(part.authtime, NOW.time());
        part.endtime
    };
    assert_eq!(ends(after(3_600)), after(3_600));
    assert_eq!(ends(after(30 * day)), after(day));
    // As long as policy allows (MSG-17).
    assert_eq!(ends(KerberosTime::EPOCH), after(day));
    alter(&kdc, "alice", |e| e.max_life = Some(HOUR * 8));
    assert_eq!(ends(KerberosTime::EPOCH), after(8 * 3_600));
    alter(&kdc, "krbtgt/R.TEST", |e| e.max_life = Some(HOUR * 7));
    assert_eq!(ends(KerberosTime::EPOCH), after(7 * 3_600));
    assert_eq!(ends(after(3_600)), after(3_600));
}

#[test]
fn kdc_15_a_life_that_is_too_short() {
    let kdc = realm();
    for (seconds, expected) in [(0, 11), (299, 11), (300, 0)] {
        let req = Req {
            till: after(seconds),
            ..as_req()
        };
        let got = ask_as(&kdc, &req, NOW).map_or_else(|r| r.code.0, |_| 0);
        assert_eq!(got, expected, "{seconds} s");
    }
    let req = Req {
        till: KerberosTime::from_secs(1_000),
        ..as_req()
    };
    assert_eq!(ask_as(&kdc, &req, NOW).err().unwrap().code.0, 11);
}

#[test]
fn kdc_15_a_start_in_the_future() {
    let kdc = realm();
    let starts = |options, from| {
        let req = Req {
            options,
            from: Some(from),
            till: after(12 * 3_600),
            ..as_req()
        };
        ask_as(&kdc, &req, NOW)
    };
    // Within the skew, and in the past: now.
    for from in [after(299), KerberosTime::from_secs(5)] {
        let granted = starts(KdcOptions::NONE, from).unwrap();
        assert_eq!(granted.part().starttime, Some(NOW.time()));
        assert!(!granted.flags().contains(TicketFlags::INVALID));
    }
    assert_eq!(
        starts(KdcOptions::NONE, after(301)).err().unwrap().code.0,
        10
    );
    let postdated = starts(KdcOptions::POSTDATED, after(7_200)).unwrap();
    assert_eq!(postdated.part().starttime, Some(after(7_200)));
    assert_eq!(postdated.part().authtime, NOW.time());
    let both = TicketFlags::POSTDATED | TicketFlags::INVALID;
    assert!(postdated.flags().contains(both));
    alter(&kdc, "alice", |e| e.attributes.postdatable = false);
    let refused = starts(KdcOptions::POSTDATED, after(7_200));
    assert_eq!(refused.err().unwrap().code.0, 10);
}

#[test]
fn kdc_15_renewable_tickets() {
    let kdc = realm();
    let day = 24 * 3_600;
    let ask = |options, till, rtime| {
        let req = Req {
            options,
            till,
            rtime,
            ..as_req()
        };
        let granted = ask_as(&kdc, &req, NOW).unwrap();
        let renew_till = granted.part().renew_till;
        let flag = granted.flags().contains(TicketFlags::RENEWABLE);
        assert_eq!(renew_till.is_some(), flag);
        renew_till
    };
    let renewable = KdcOptions::RENEWABLE;
    assert_eq!(ask(KdcOptions::NONE, after(3_600), Some(after(day))), None);
    assert_eq!(
        ask(renewable, after(3_600), Some(after(day))),
        Some(after(day))
    );
    // The realm's limit; no rtime is all that is allowed.
    assert_eq!(
        ask(renewable, after(3_600), Some(after(30 * day))),
        Some(after(7 * day))
    );
    assert_eq!(ask(renewable, after(3_600), None), Some(after(7 * day)));
    // Not beyond its own end: nothing to renew.
    assert_eq!(ask(renewable, after(3_600), Some(after(3_600))), None);
    // RENEWABLE-OK: only if the life asked for is longer than a ticket's.
    let ok = KdcOptions::RENEWABLE_OK;
    assert_eq!(ask(ok, after(3_600), None), None);
    assert_eq!(ask(ok, after(3 * day), None), Some(after(3 * day)));
    alter(&kdc, "alice", |e| e.max_renewable_life = Some(HOUR * 48));
    assert_eq!(ask(renewable, after(3_600), None), Some(after(2 * day)));
    alter(&kdc, "alice", |e| e.attributes.renewable = false);
    assert_eq!(ask(renewable, after(3_600), None), None);
}

#[test]
fn kdc_16_flags() {
    let kdc = realm();
    let always = TicketFlags::INITIAL | TicketFlags::PRE_AUTHENT | TicketFlags::ENC_PA_REP;
    assert_eq!(tgt(&kdc, KdcOptions::NONE).flags(), always);
    let wanted = KdcOptions::FORWARDABLE | KdcOptions::PROXIABLE | KdcOptions::ALLOW_POSTDATE;
    let given = TicketFlags::FORWARDABLE | TicketFlags::PROXIABLE | TicketFlags::MAY_POSTDATE;
    let granted = tgt(&kdc, wanted);
    assert_eq!(granted.flags(), always | given);
    granted.open_ticket(&key(
        &kdc,
        "krbtgt/R.TEST",
        Enctype::AES256_CTS_HMAC_SHA384_192,
    ));
    // What the account may not have is left out.
    alter(&kdc, "alice", |e| {
        e.attributes.forwardable = false;
        e.attributes.proxiable = false;
        e.attributes.postdatable = false;
    });
    assert_eq!(tgt(&kdc, wanted).flags(), always);
    alter(&kdc, "HTTP/web", |e| e.attributes.ok_as_delegate = true);
    let req = Req {
        sname: Some(name("HTTP/web")),
        ..as_req()
    };
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!(granted.flags(), always | TicketFlags::OK_AS_DELEGATE);
}

#[test]
fn kdc_04_and_kdc_16_the_request_is_vouched_for() {
    let kdc = realm();
    assert!(
        tgt(&kdc, KdcOptions::NONE)
            .part()
            .encrypted_pa_data
            .is_none()
    );
    let alice = key(&kdc, "alice", A128);
    let mut req = as_req().preauthenticated(&alice, NOW);
    req.padata.push((PaDataType::REQ_ENC_PA_REP, Vec::new()));
    let octets = req.octets();
    let granted = granted(&kdc.answer(&octets, NOW).unwrap(), &alice, KeyUsage::AS_REP).unwrap();
    assert!(granted.flags().contains(TicketFlags::ENC_PA_REP));
    let part = granted.part();
    let protected = part.encrypted_pa_data.unwrap();
    assert_eq!(protected.len(), 1);
    assert_eq!(protected[0].padata_type, PaDataType::REQ_ENC_PA_REP);
    let cksum: wire::Checksum<'_> = from_der("Checksum", protected[0].padata_value.0).unwrap();
    let verify = |request: &[u8]| {
        alice.verify_checksum(
            KeyUsage::REQ_ENC_PA_REP,
            ChecksumType(cksum.cksumtype),
            request,
            cksum.checksum.0,
        )
    };
    assert!(verify(&octets).is_ok());
    let mut altered = octets;
    *altered.last_mut().unwrap() ^= 1;
    assert!(verify(&altered).is_err());
}

#[test]
fn kdc_17_a_retransmission_is_answered() {
    let kdc = realm();
    let alice = key(&kdc, "alice", A128);
    let octets = as_req().preauthenticated(&alice, NOW).octets();
    for _ in 0..3 {
        let reply = kdc.answer(&octets, NOW).unwrap();
        assert!(granted(&reply, &alice, KeyUsage::AS_REP).is_ok());
    }
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let octets = Tgs::by(&tgt).octets(&tgs_req());
    for _ in 0..3 {
        let reply = kdc.answer(&octets, NOW).unwrap();
        assert!(granted(&reply, &tgt.session_key, KeyUsage::TGS_REP_SESSION_KEY).is_ok());
    }
}

#[test]
fn the_name_is_the_one_asked_for_unless_another_is_accepted() {
    let kdc = realm();
    let enterprise = name(r"alice\@corp.test").with_name_type(NameType::ENTERPRISE);
    alter(&kdc, "alice", |e| e.aliases.push(enterprise.clone()));
    let ask = |options| {
        let req = Req {
            cname: Some(enterprise.clone()),
            options,
            ..as_req()
        };
        ask_as(&kdc, &req, NOW).unwrap()
    };
    assert_eq!(ask(KdcOptions::NONE).client, enterprise);
    let canonical = ask(KdcOptions::CANONICALIZE);
    assert_eq!(canonical.client, name("alice"));
    let krbtgt = key(&kdc, "krbtgt/R.TEST", Enctype::AES256_CTS_HMAC_SHA384_192);
    canonical.open_ticket(&krbtgt);
}

#[test]
fn kdc_01_options_that_need_a_ticket_are_refused() {
    let kdc = realm();
    for option in [
        KdcOptions::FORWARDED,
        KdcOptions::PROXY,
        KdcOptions::RENEW,
        KdcOptions::VALIDATE,
        KdcOptions::ENC_TKT_IN_SKEY,
        KdcOptions::CNAME_IN_ADDL_TKT,
        KdcOptions::REQUEST_ANONYMOUS,
    ] {
        let req = Req {
            options: option,
            ..as_req()
        };
        assert_eq!(code(&kdc, &req.octets()).0, 13, "{option:?}");
    }
    // Unknown ones are ignored.
    let req = Req {
        options: KdcOptions(1 << (31 - 25)),
        ..as_req()
    };
    assert!(ask_as(&kdc, &req, NOW).is_ok());
}

#[test]
fn kdc_35_anonymous_clients_have_no_key() {
    let kdc = realm();
    let anonymous = name("WELLKNOWN/ANONYMOUS").with_name_type(NameType::WELLKNOWN);
    for (options, expected) in [(KdcOptions::NONE, 13), (KdcOptions::REQUEST_ANONYMOUS, 9)] {
        let req = Req {
            cname: Some(anonymous.clone()),
            options,
            ..as_req()
        };
        assert_eq!(code(&kdc, &req.octets()).0, expected);
    }
}

#[test]
fn case_097_no_ticket_for_a_person() {
    let kdc = realm();
    kdc.add_user(name("bob"), &Secret::from("pw")).unwrap();
    let req = Req {
        sname: Some(name("bob")),
        ..as_req()
    };
    assert_eq!(ask_as(&kdc, &req, NOW).err().unwrap().code.0, 27);
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let req = Req {
        sname: Some(name("bob")),
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 27);
    // Unless somebody wants it so.
    alter(&kdc, "bob", |e| e.attributes.only_user_to_user = false);
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 0);
}

#[test]
fn addresses_are_those_asked_for() {
    let kdc = realm();
    let req = Req {
        address: Some([10, 0, 0, 7]),
        ..as_req()
    };
    let granted = ask_as(&kdc, &req, NOW).unwrap();
    let krbtgt = key(&kdc, "krbtgt/R.TEST", Enctype::AES256_CTS_HMAC_SHA384_192);
    granted.open_ticket(&krbtgt);
    assert_eq!(granted.part().caddr.unwrap()[0].address.0, [10, 0, 0, 7]);
}
