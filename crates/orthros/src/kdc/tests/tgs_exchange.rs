use super::*;
use crate::wire::{AdType, AuthorizationData, AuthorizationDataElement};

const A256_SHA2: Enctype = Enctype::AES256_CTS_HMAC_SHA384_192;

#[test]
fn kdc_18_a_service_ticket() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::FORWARDABLE);
    let granted = Tgs::by(&tgt).ask(&kdc, &tgs_req()).unwrap();
    assert_eq!(granted.client, name("alice"));
    assert_eq!(granted.enc_kvno, None);
    granted.open_ticket(&key(&kdc, "HTTP/web", A256_SHA2));
    let part = granted.part();
    assert_eq!(part.authtime, tgt.part().authtime);
    assert!(name("HTTP/web").matches(&part.srealm, &part.sname));
    assert_eq!(
        part.flags,
        TicketFlags::PRE_AUTHENT | TicketFlags::TRANSITED_POLICY_CHECKED
    );
}

#[test]
fn kdc_19_without_an_ap_req() {
    let kdc = realm();
    assert_eq!(code(&kdc, &tgs_req().octets()).0, 16);
}

#[test]
fn kdc_19_the_checksum_over_the_body() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let with = |cksum| Tgs {
        cksum,
        ..Tgs::by(&tgt)
    };
    let code = |cksum| with(cksum).code(&kdc, &tgs_req());
    assert_eq!(code(Some(good_cksum)), 0);
    assert_eq!(code(None), 50);
    // Without a key: MD5, SHA-1. Of another enctype's keys.
    assert_eq!(
        code(Some(|_, body| (7, crate::crypto::md5(&[body]).to_vec()))),
        50
    );
    assert_eq!(code(Some(|_, _| (14, vec![0; 20]))), 50);
    assert_eq!(code(Some(|_, _| (16, vec![0; 12]))), 50);
    // Unknown to everybody.
    assert_eq!(code(Some(|_, _| (4711, vec![0; 12]))), 15);
    // Of another body, of another usage, cut, empty.
    assert_eq!(code(Some(|key, _| good_cksum(key, b"another"))), 41);
    let other_usage = |key: &Key, body: &[u8]| {
        let usage = KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM;
        (15, key.checksum(usage, body).unwrap().to_vec())
    };
    assert_eq!(code(Some(other_usage)), 41);
    assert_eq!(
        code(Some(|key, body| (
            15,
            good_cksum(key, body).1[..11].to_vec()
        ))),
        41
    );
    assert_eq!(code(Some(|_, _| (15, Vec::new()))), 41);
}

#[test]
fn kdc_19_a_body_that_was_altered() {
    let kdc = realm();
    kdc.add_service(name("HTTP/evil")).unwrap();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let body = tgs_req().body();
    let mut altered = Req {
        sname: Some(name("HTTP/evil")),
        ..tgs_req()
    };
    let header = Tgs::by(&tgt).pa_tgs_req(&body);
    altered.padata.push((PaDataType::TGS_REQ, header));
    assert_eq!(code(&kdc, &altered.octets()).0, 41);
}

#[test]
fn kdc_19_a_ticket_that_does_not_open() {
    let kdc = realm();
    let mut tgt = tgt(&kdc, KdcOptions::NONE);
    *tgt.ticket.last_mut().unwrap() ^= 1;
    assert_eq!(Tgs::by(&tgt).code(&kdc, &tgs_req()), 31);
}

/// An authenticator is good for the request that it came with, which may come again.
#[test]
fn kdc_21_an_authenticator_with_another_request() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let body = tgs_req().body();
    let header = Tgs::by(&tgt).pa_tgs_req(&body);
    // The checksum is over the body: the padata beside it can be changed.
    let with = |padata: &[u8]| {
        let mut req = tgs_req();
        req.padata.push((PaDataType::TGS_REQ, header.clone()));
        req.padata.push((PaDataType(4711), padata.to_vec()));
        req.octets()
    };
    let (first, second) = (with(b"first"), with(b"second"));
    let at = |seconds| NOW.plus(std::time::Duration::from_secs(seconds));
    let answer = |octets: &[u8], seconds| {
        let answer = kdc.serve(octets, None, at(seconds));
        match &answer.event.result {
            Ok(_) => 0,
            Err(error) => error.protocol_code().0,
        }
    };
    assert_eq!(answer(&first, 0), 0);
    // A change of the realm's keys forgets nothing.
    kdc.rekey(&name("krbtgt/R.TEST")).unwrap();
    for seconds in [1, 299, 300] {
        assert_eq!(answer(&second, seconds), 34);
        assert_eq!(answer(&first, seconds), 0);
    }
    // Then it is too old.
    assert_eq!(answer(&first, 301), 37);
    // Of threads that bring one request at once, all are answered.
    let octets = Tgs::by(&tgt).octets(&tgs_req());
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8).map(|_| scope.spawn(|| answer(&octets, 0))).collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap(), 0);
        }
    });
}

#[test]
fn kdc_20_a_service_ticket_is_no_tgt() {
    let kdc = realm();
    kdc.add_service(name("HTTP/other")).unwrap();
    let tgt = tgt(&kdc, KdcOptions::RENEWABLE | KdcOptions::PROXIABLE);
    let req = Req {
        options: KdcOptions::RENEWABLE | KdcOptions::PROXIABLE,
        ..tgs_req()
    };
    let service = Tgs::by(&tgt).ask(&kdc, &req).unwrap();
    let other = |options| Req {
        sname: Some(name("HTTP/other")),
        options,
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&service).code(&kdc, &tgs_req()), 35);
    assert_eq!(Tgs::by(&service).code(&kdc, &other(KdcOptions::NONE)), 35);
    // It can be renewed and lent, as itself only.
    assert_eq!(Tgs::by(&service).code(&kdc, &other(KdcOptions::RENEW)), 35);
    assert_eq!(Tgs::by(&service).code(&kdc, &other(KdcOptions::PROXY)), 35);
    for options in [KdcOptions::RENEW, KdcOptions::PROXY] {
        let req = Req {
            options,
            ..tgs_req()
        };
        let again = Tgs::by(&service).ask(&kdc, &req).unwrap();
        again.open_ticket(&key(&kdc, "HTTP/web", A256_SHA2));
    }
    // A TGT is not renewed as a service ticket.
    let req = Req {
        options: KdcOptions::RENEW,
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 26);
}

#[test]
fn kdc_20_of_another_realm() {
    let kdc = realm();
    let other = EmbeddedKdc::new("OTHER.TEST", Policy::default(), Arc::new(OsRandom)).unwrap();
    let alice = Principal::parse("alice@OTHER.TEST", None).unwrap();
    other.add_user(alice.clone(), &Secret::from("pw")).unwrap();
    let req = Req {
        cname: Some(alice),
        realm: "OTHER.TEST".to_owned(),
        sname: Some(Principal::krbtgt("OTHER.TEST").unwrap()),
        ..as_req()
    };
    let tgt = ask_as(&other, &req, NOW).unwrap();
    assert_eq!(Tgs::by(&tgt).code(&kdc, &tgs_req()), 35);
    // Its clear name changed: our key does not open it.
    let ticket = Ticket::from_bytes(&tgt.ticket).unwrap();
    let krbtgt = Principal::krbtgt(REALM).unwrap();
    let relabelled = Ticket {
        realm: krbtgt.realm_to_wire(),
        sname: krbtgt.to_wire(),
        ..ticket
    };
    let ticket = relabelled.to_bytes().unwrap();
    let forged = Granted { ticket, ..tgt };
    assert_eq!(Tgs::by(&forged).code(&kdc, &tgs_req()), 31);
}

#[test]
fn kdc_20_ap_checks() {
    let kdc = realm();
    let tgt_ = tgt(&kdc, KdcOptions::NONE);
    let at = |now| Tgs::by(&tgt_).at(now).code(&kdc, &tgs_req());
    assert_eq!(at(NOW.plus(HOUR)), 0);
    assert_eq!(at(NOW.plus(HOUR * 11)), 32);
    // The KDC's clock and the client's differ.
    let octets = Tgs::by(&tgt_).octets(&tgs_req());
    let late = NOW.plus(Duration::from_secs(301));
    let reply = kdc.answer(&octets, late).unwrap();
    assert_eq!(refusal(&reply).code.0, 37);
    // Another client than the ticket's.
    let mallory = Granted {
        client: name("mallory"),
        ..tgt(&kdc, KdcOptions::NONE)
    };
    assert_eq!(Tgs::by(&mallory).code(&kdc, &tgs_req()), 36);
    // Another address than the ticket's.
    let req = Req {
        address: Some([10, 0, 0, 7]),
        ..as_req()
    };
    let bound = ask_as(&kdc, &req, NOW).unwrap();
    let from = |ip: [u8; 4]| Tgs {
        peer: Some(HostAddr::from(std::net::IpAddr::from(ip))),
        ..Tgs::by(&bound)
    };
    assert_eq!(from([10, 0, 0, 7]).code(&kdc, &tgs_req()), 0);
    assert_eq!(from([10, 0, 0, 8]).code(&kdc, &tgs_req()), 38);
    // Postdated and not validated.
    let req = Req {
        options: KdcOptions::POSTDATED,
        from: Some(after(3_600)),
        ..as_req()
    };
    let postdated = ask_as(&kdc, &req, NOW).unwrap();
    let started = NOW.plus(HOUR * 2);
    assert_eq!(Tgs::by(&postdated).at(started).code(&kdc, &tgs_req()), 33);
}

#[test]
fn kdc_22_options_need_flags() {
    let kdc = realm();
    let bare = tgt(&kdc, KdcOptions::NONE);
    let all = tgt(
        &kdc,
        KdcOptions::FORWARDABLE
            | KdcOptions::PROXIABLE
            | KdcOptions::ALLOW_POSTDATE
            | KdcOptions::RENEWABLE,
    );
    let table = [
        (KdcOptions::FORWARDABLE, 13, TicketFlags::FORWARDABLE),
        (KdcOptions::FORWARDED, 13, TicketFlags::FORWARDED),
        (KdcOptions::PROXIABLE, 13, TicketFlags::PROXIABLE),
        (KdcOptions::PROXY, 13, TicketFlags::PROXY),
        (KdcOptions::ALLOW_POSTDATE, 13, TicketFlags::MAY_POSTDATE),
        (KdcOptions::POSTDATED, 10, TicketFlags::POSTDATED),
        (KdcOptions::RENEWABLE, 13, TicketFlags::RENEWABLE),
    ];
    for (option, expected, flag) in table {
        let req = Req {
            options: option,
            from: option.contains(KdcOptions::POSTDATED).then(|| after(3_600)),
            till: after(9 * 3_600),
            ..tgs_req()
        };
        assert_eq!(Tgs::by(&bare).code(&kdc, &req), expected, "{option:?}");
        let granted = Tgs::by(&all).ask(&kdc, &req).unwrap();
        assert!(granted.flags().contains(flag), "{option:?}");
        granted.open_ticket(&key(&kdc, "HTTP/web", A256_SHA2));
    }
    let krbtgt = Principal::krbtgt(REALM).unwrap();
    let of_tgt = |options| Req {
        options,
        sname: Some(krbtgt.clone()),
        ..tgs_req()
    };
    // No proxy TGT, nothing to renew, nothing to validate, nothing delegated.
    assert_eq!(Tgs::by(&all).code(&kdc, &of_tgt(KdcOptions::PROXY)), 13);
    assert_eq!(Tgs::by(&bare).code(&kdc, &of_tgt(KdcOptions::RENEW)), 13);
    assert_eq!(Tgs::by(&all).code(&kdc, &of_tgt(KdcOptions::VALIDATE)), 13);
    let delegated = of_tgt(KdcOptions::CNAME_IN_ADDL_TKT);
    assert_eq!(Tgs::by(&all).code(&kdc, &delegated), 13);
    // A forwarded TGT makes forwarded tickets.
    let req = Req {
        address: Some([10, 0, 0, 9]),
        ..of_tgt(KdcOptions::FORWARDED | KdcOptions::FORWARDABLE)
    };
    let forwarded = Tgs::by(&all).ask(&kdc, &req).unwrap();
    assert_eq!(forwarded.part().caddr.unwrap()[0].address.0, [10, 0, 0, 9]);
    let by_it = Tgs::by(&forwarded).ask(&kdc, &tgs_req()).unwrap();
    assert!(by_it.flags().contains(TicketFlags::FORWARDED));
    assert_eq!(by_it.part().caddr.unwrap()[0].address.0, [10, 0, 0, 9]);
    assert!(!by_it.flags().contains(TicketFlags::INITIAL));
}

#[test]
fn kdc_22_validation() {
    let kdc = realm();
    let req = Req {
        options: KdcOptions::POSTDATED,
        from: Some(after(3_600)),
        ..as_req()
    };
    let postdated = ask_as(&kdc, &req, NOW).unwrap();
    let req = Req {
        options: KdcOptions::VALIDATE,
        sname: Some(Principal::krbtgt(REALM).unwrap()),
        ..tgs_req()
    };
    let at = |seconds| {
        let now = Timestamp::from(after(seconds));
        Tgs::by(&postdated).at(now).ask(&kdc, &req)
    };
    assert_eq!(at(60).err().unwrap().code.0, 33);
    // Within the skew it still has not started.
    assert_eq!(at(3_599).err().unwrap().code.0, 33);
    let valid = at(3_600).unwrap();
    assert!(!valid.flags().contains(TicketFlags::INVALID));
    assert!(valid.flags().contains(TicketFlags::POSTDATED));
    let (before, behind) = (postdated.part(), valid.part());
    assert_eq!(before.starttime, behind.starttime);
    assert_eq!(before.endtime, behind.endtime);
    let now = Timestamp::from(after(3_700));
    assert_eq!(Tgs::by(&valid).at(now).code(&kdc, &tgs_req()), 0);
}

#[test]
fn kdc_23_end_and_renewal() {
    let kdc = realm();
    let day = 24 * 3_600;
    let req = Req {
        options: KdcOptions::RENEWABLE,
        ..as_req()
    };
    let renewable = ask_as(&kdc, &req, NOW).unwrap();
    let ends = |till, seconds| {
        let req = Req { till, ..tgs_req() };
        let now = Timestamp::from(after(seconds));
        Tgs::by(&renewable)
            .at(now)
            .ask(&kdc, &req)
            .map(|g| g.part().endtime)
    };
    // Never behind the TGT's end.
    assert_eq!(ends(KerberosTime::EPOCH, 0).unwrap(), after(10 * 3_600));
    assert_eq!(ends(after(3_600), 0).unwrap(), after(3_600));
    alter(&kdc, "HTTP/web", |e| e.max_life = Some(HOUR * 2));
    assert_eq!(ends(KerberosTime::EPOCH, 60).unwrap(), after(60 + 7_200));
    // The TGT is at its end but within the skew: nothing is left to give.
    assert_eq!(
        ends(KerberosTime::EPOCH, 10 * 3_600).err().unwrap().code.0,
        11
    );

    let req = Req {
        options: KdcOptions::RENEW,
        sname: Some(Principal::krbtgt(REALM).unwrap()),
        ..tgs_req()
    };
    let now = Timestamp::from(after(9 * 3_600));
    let renewed = Tgs::by(&renewable).at(now).ask(&kdc, &req).unwrap();
    let part = renewed.part();
    assert_eq!(part.starttime, Some(after(9 * 3_600)));
    assert_eq!(part.endtime, after(19 * 3_600), "ten hours again");
    assert_eq!(part.renew_till, Some(after(7 * day)));
    assert_eq!(part.authtime, NOW.time());
    assert!(renewed.session_key != renewable.session_key);
    renewed.open_ticket(&key(&kdc, "krbtgt/R.TEST", A256_SHA2));

    // Up to renew-till and no further. Such a ticket is made by hand: it has not ended yet.
    let krbtgt = key(&kdc, "krbtgt/R.TEST", A256_SHA2);
    let near = reseal(&renewable, &krbtgt, |part| {
        part.authorization_data = None;
        part.renew_till = Some(after(12 * 3_600));
        part.endtime = after(20 * 3_600);
    });
    let at = |seconds| {
        let now = Timestamp::from(after(seconds));
        Tgs::by(&near).at(now).ask(&kdc, &req)
    };
    assert_eq!(at(11 * 3_600).unwrap().part().endtime, after(12 * 3_600));
    assert_eq!(at(12 * 3_600).err().unwrap().code.0, 32);
}

/// A ticket with other contents under the same key.
fn reseal(from: &Granted, key: &Key, change: impl FnOnce(&mut EncTicketPart<'_>)) -> Granted {
    let plain = from.open_ticket(key);
    let mut part = EncTicketPart::from_bytes(&plain).unwrap();
    change(&mut part);
    let cipher = key
        .encrypt(KeyUsage::TICKET, &part.to_bytes().unwrap(), &OsRandom)
        .unwrap();
    let ticket = Ticket::from_bytes(&from.ticket).unwrap();
    let ticket = Ticket {
        enc_part: EncryptedData {
            cipher: OctetString(&cipher),
            ..ticket.enc_part
        },
        ..ticket
    };
    Granted {
        ticket: ticket.to_bytes().unwrap(),
        octets: from.octets.clone(),
        part: from.part.clone(),
        client: from.client.clone(),
        session_key: from.session_key.clone(),
        padata: Vec::new(),
        enc_kvno: None,
        enc_etype: from.enc_etype,
    }
}

#[test]
fn kdc_24_a_change_of_the_realms_keys_ends_no_tgt() {
    let kdc = realm();
    let old = tgt(&kdc, KdcOptions::NONE);
    kdc.rekey(&Principal::krbtgt(REALM).unwrap()).unwrap();
    assert_eq!(Tgs::by(&old).code(&kdc, &tgs_req()), 0);
    let new = tgt(&kdc, KdcOptions::NONE);
    let kvno = Ticket::from_bytes(&new.ticket).unwrap().enc_part.kvno;
    assert_eq!(kvno.unwrap().0, 2);
    assert_eq!(Tgs::by(&new).code(&kdc, &tgs_req()), 0);
}

fn element(ad_type: i32, data: &[u8]) -> AuthorizationDataElement<'_> {
    AuthorizationDataElement {
        ad_type: AdType(ad_type),
        ad_data: OctetString(data),
    }
}

fn encoded(elements: &[AuthorizationDataElement<'_>]) -> Vec<u8> {
    to_der("AuthorizationData", &elements.to_vec()).unwrap()
}

/// Asks with these authorization data; the types in the ticket behind the PAC, nested ones in
/// brackets.
fn with_authdata(
    kdc: &EmbeddedKdc,
    tgt: &Granted,
    octets: &[u8],
    subkey: Option<Key>,
) -> Result<Vec<(i32, Vec<u8>)>, i32> {
    let (key, usage) = match &subkey {
        Some(subkey) => (subkey, KeyUsage::TGS_REQ_AUTHDATA_SUBKEY),
        None => (&tgt.session_key, KeyUsage::TGS_REQ_AUTHDATA_SESSION_KEY),
    };
    let cipher = key.encrypt(usage, octets, &OsRandom).unwrap();
    let req = Req {
        authdata: Some((key.enctype().0, cipher)),
        ..tgs_req()
    };
    let tgs = Tgs {
        subkey,
        ..Tgs::by(tgt)
    };
    let granted = tgs.ask(kdc, &req).map_err(|refused| refused.code.0)?;
    let service = self::key(kdc, "HTTP/web", A256_SHA2);
    let plain = granted.open_ticket(&service);
    let part = EncTicketPart::from_bytes(&plain).unwrap();
    let all: Vec<_> = part
        .authorization_data
        .unwrap()
        .iter()
        .map(|e| (e.ad_type.0, e.ad_data.0.to_vec()))
        .collect();
    assert_eq!(all[0].0, 1);
    let first: AuthorizationData<'_> = from_der("AuthorizationData", &all[0].1).unwrap();
    assert_eq!(
        first[0].ad_type,
        AdType::WIN2K_PAC,
        "the KDC's PAC comes first"
    );
    assert_eq!(first.len(), 1);
    Ok(all[1..].to_vec())
}

#[test]
fn kdc_25_and_case_094_authorization_data_of_the_client() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let harmless = encoded(&[element(9_999, b"mine"), element(-5, b"too")]);
    let expected = vec![(9_999, b"mine".to_vec()), (-5, b"too".to_vec())];
    assert_eq!(
        with_authdata(&kdc, &tgt, &harmless, None),
        Ok(expected.clone())
    );
    let subkey = Key::random(A256, &OsRandom).unwrap();
    assert_eq!(
        with_authdata(&kdc, &tgt, &harmless, Some(subkey)),
        Ok(expected)
    );

    // What only a KDC says is left out, at every depth; the order of the rest is kept.
    let pac = encoded(&[element(128, b"a PAC"), element(77, b"kept")]);
    let kept = encoded(&[element(77, b"kept")]);
    let only_pac = encoded(&[element(128, b"a PAC")]);
    let mixed = encoded(&[
        element(1, &pac),
        element(128, b"bare"),
        element(4, b"KDC-ISSUED"),
        element(5_000, b"first"),
        element(96, b"CAMMAC"),
        element(97, b"indicator"),
        element(71, b"armor"),
        element(9, b"CAs"),
        element(1, &only_pac),
        element(5_001, b"second"),
    ]);
    let expected = vec![
        (1, kept),
        (5_000, b"first".to_vec()),
        (5_001, b"second".to_vec()),
    ];
    assert_eq!(with_authdata(&kdc, &tgt, &mixed, None), Ok(expected));

    let mandatory = encoded(&[element(8, &encoded(&[element(1_234, b"")]))]);
    assert_eq!(with_authdata(&kdc, &tgt, &mandatory, None), Err(12));
    let nested = encoded(&[element(1, &mandatory)]);
    assert_eq!(with_authdata(&kdc, &tgt, &nested, None), Err(12));
    let and_or = encoded(&[element(5, b"")]);
    assert_eq!(with_authdata(&kdc, &tgt, &and_or, None), Err(12));
    assert_eq!(with_authdata(&kdc, &tgt, b"not DER", None), Err(60));
}

#[test]
fn case_022_nesting_is_bounded() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let nested = |depth| {
        let mut octets = encoded(&[element(9_999, b"deep")]);
        for _ in 0..depth {
            octets = encoded(&[element(1, &octets)]);
        }
        with_authdata(&kdc, &tgt, &octets, None).map(|kept| kept.len())
    };
    assert_eq!(nested(8), Ok(1));
    assert_eq!(nested(9), Err(12));
    assert_eq!(nested(3_000), Err(12));
}

#[test]
fn kdc_25_authorization_data_under_another_key() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let octets = encoded(&[element(9_999, b"mine")]);
    // Under the session key although there is a subkey.
    let usage = KeyUsage::TGS_REQ_AUTHDATA_SESSION_KEY;
    let cipher = tgt.session_key.encrypt(usage, &octets, &OsRandom).unwrap();
    let req = Req {
        authdata: Some((A128.0, cipher)),
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 0);
    let subkey = Key::random(A128, &OsRandom).unwrap();
    assert_eq!(Tgs::by(&tgt).with_subkey(subkey).code(&kdc, &req), 31);
}

#[test]
fn kdc_26_the_reply_is_under_the_subkey() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    for enctype in [A128, A256, A256_SHA2] {
        let subkey = Key::random(enctype, &OsRandom).unwrap();
        let tgs = Tgs::by(&tgt).with_subkey(subkey);
        let granted = tgs.ask(&kdc, &tgs_req()).unwrap();
        assert_eq!((granted.enc_etype, granted.enc_kvno), (enctype.0, None));
    }
}

#[test]
fn kdc_29_the_transited_flag() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    for (options, checked) in [
        (KdcOptions::NONE, true),
        (KdcOptions::DISABLE_TRANSITED_CHECK, false),
    ] {
        let req = Req {
            options,
            ..tgs_req()
        };
        let flags = Tgs::by(&tgt).ask(&kdc, &req).unwrap().flags();
        assert_eq!(
            flags.contains(TicketFlags::TRANSITED_POLICY_CHECKED),
            checked
        );
    }
}

#[test]
fn kdc_30_user_to_user() {
    let kdc = realm();
    kdc.add_user(name("bob"), &Secret::from("pw")).unwrap();
    let alice = tgt(&kdc, KdcOptions::NONE);
    let req = Req {
        cname: Some(name("bob")),
        ..as_req()
    };
    let bob = ask_as(&kdc, &req, NOW).unwrap();
    let u2u = |sname: Option<&str>, second: &[u8]| Req {
        options: KdcOptions::ENC_TKT_IN_SKEY,
        sname: sname.map(name),
        additional: vec![second.to_vec()],
        ..tgs_req()
    };
    for sname in [Some("bob"), None] {
        let req = u2u(sname, &bob.ticket);
        let granted = Tgs::by(&alice).ask(&kdc, &req).unwrap();
        let ticket = Ticket::from_bytes(&granted.ticket).unwrap();
        assert!(ticket.enc_part.kvno.is_none());
        assert!(name("bob").matches(&ticket.realm, &ticket.sname));
        granted.open_ticket(&bob.session_key);
    }
    // Of another than the server; of nobody; no TGT; altered; none at all.
    let code = |req: &Req| Tgs::by(&alice).code(&kdc, req);
    assert_eq!(code(&u2u(Some("bob"), &alice.ticket)), 26);
    assert_eq!(code(&u2u(Some("HTTP/web"), &bob.ticket)), 26);
    let service = Tgs::by(&alice).ask(&kdc, &tgs_req()).unwrap();
    assert_eq!(code(&u2u(Some("bob"), &service.ticket)), 12);
    let mut altered = bob.ticket.clone();
    *altered.last_mut().unwrap() ^= 1;
    assert_eq!(code(&u2u(Some("bob"), &altered)), 31);
    let none = Req {
        additional: Vec::new(),
        ..u2u(Some("bob"), &bob.ticket)
    };
    assert_eq!(code(&none), 13);
    // Ended, and not yet valid.
    let late = NOW.plus(HOUR * 9);
    let req = Req {
        cname: Some(name("bob")),
        till: after(3_600),
        ..as_req()
    };
    let short = ask_as(&kdc, &req, NOW).unwrap();
    let req = u2u(Some("bob"), &short.ticket);
    assert_eq!(Tgs::by(&alice).at(late).code(&kdc, &req), 32);
    let req = Req {
        cname: Some(name("bob")),
        options: KdcOptions::POSTDATED,
        from: Some(after(3_600)),
        ..as_req()
    };
    let postdated = ask_as(&kdc, &req, NOW).unwrap();
    assert_eq!(code(&u2u(Some("bob"), &postdated.ticket)), 33);
}

#[test]
fn kdc_11_accounts_are_looked_at_for_every_ticket() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let code = || Tgs::by(&tgt).code(&kdc, &tgs_req());
    let past = Some(KerberosTime::from_secs(1));
    alter(&kdc, "alice", |e| e.password_expires = past);
    assert_eq!(code(), 0, "what has begun goes on");
    alter(&kdc, "HTTP/web", |e| e.attributes.only_initial = true);
    assert_eq!(code(), 12);
    alter(&kdc, "HTTP/web", |e| e.expires = past);
    assert_eq!(code(), 2);
    alter(&kdc, "HTTP/web", |e| e.attributes.locked = true);
    assert_eq!(code(), 19);
    alter(&kdc, "alice", |e| e.expires = past);
    assert_eq!(code(), 1);
    alter(&kdc, "alice", |e| e.attributes.locked = true);
    assert_eq!(code(), 18);
    kdc.remove(&name("alice")).unwrap();
    assert_eq!(code(), 6);
    let req = Req {
        sname: Some(name("host/nowhere")),
        ..tgs_req()
    };
    kdc.add_user(name("alice"), &Secret::from("secret"))
        .unwrap();
    let tgt = super::tgt(&kdc, KdcOptions::NONE);
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 7);
    let elsewhere = Req {
        realm: "OTHER.TEST".to_owned(),
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &elsewhere), 7);
}

#[test]
fn tickets_in_anothers_name_are_refused() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    for padata_type in [PaDataType::FOR_USER, PaDataType::S4U_X509_USER] {
        let mut req = tgs_req();
        req.padata.push((padata_type, vec![0x30, 0]));
        assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 16);
    }
}
