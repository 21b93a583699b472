use super::*;
use crate::wire::{KerberosString, NameType, PrincipalName};

#[test]
fn case_098_no_answer_to_answers_and_garbage() {
    let kdc = realm();
    let error = kdc.error(ErrorCode::KRB_ERR_GENERIC, NOW).unwrap();
    assert_eq!(error[0], 0x7e);
    let reply = tgt(&kdc, KdcOptions::NONE).octets;
    for octets in [
        &b""[..],
        b"\x6a",
        b"\x6a\x00",
        b"hello",
        &error,
        &reply,
        b"\x7f\x1f\x00",
    ] {
        let answer = kdc.serve(octets, None, NOW);
        assert!(answer.reply.is_none(), "{octets:02x?}");
        assert!(answer.event.result.is_err());
    }
    let request = as_req().octets();
    for length in 0..request.len() {
        assert!(kdc.answer(&request[..length], NOW).is_none(), "{length}");
    }
    let mut longer = request;
    longer.push(0);
    assert!(kdc.answer(&longer, NOW).is_none());
}

#[test]
fn every_bit_of_a_request_flipped_gets_a_reply_or_silence() {
    let kdc = realm();
    alter(&kdc, "alice", |e| e.attributes.requires_preauth = false);
    let tgt = tgt(&kdc, KdcOptions::NONE);
    for request in [as_req().octets(), Tgs::by(&tgt).octets(&tgs_req())] {
        for bit in 0..request.len() * 8 {
            let mut flipped = request.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            if let Some(reply) = kdc.answer(&flipped, NOW) {
                assert!([0x6b, 0x6d, 0x7e].contains(&reply[0]));
            }
        }
    }
}

#[test]
fn pvno_and_msg_type() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    for (pvno, expected) in [(4, 3), (0, 3), (-5, 3)] {
        assert_eq!(code(&kdc, &Req { pvno, ..as_req() }.octets()).0, expected);
        let req = Req { pvno, ..tgs_req() };
        assert_eq!(Tgs::by(&tgt).code(&kdc, &req), expected);
    }
    // The APPLICATION tag says one thing, msg-type another.
    let mut octets = as_req().octets();
    let at = octets
        .windows(5)
        .position(|w| w == [0xa2, 3, 2, 1, 10])
        .unwrap();
    octets[at + 4] = 12;
    assert_eq!(code(&kdc, &octets).0, 40);
}

#[test]
fn case_089_and_case_100_names_that_are_absent_or_empty() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    assert_eq!(
        code(
            &kdc,
            &Req {
                cname: None,
                ..as_req()
            }
            .octets()
        )
        .0,
        6
    );
    let req = Req {
        sname: None,
        ..as_req()
    };
    let refused = refusal(&kdc.answer(&req.octets(), NOW).unwrap());
    assert_eq!(refused.code.0, 7);
    // The field is not optional in a KRB-ERROR.
    assert_eq!(refused.sname, "krbtgt/R.TEST@R.TEST");
    let req = Req {
        sname: None,
        ..tgs_req()
    };
    assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 7);

    for components in [vec![], vec![""], vec!["", ""]] {
        let empty = PrincipalName {
            name_type: NameType::PRINCIPAL,
            name_string: components.iter().map(|c| KerberosString(c)).collect(),
        };
        let alice = name("alice");
        let krbtgt = Principal::krbtgt(REALM).unwrap();
        for (cname, sname, expected) in [
            (empty.clone(), krbtgt.to_wire(), 6),
            (alice.to_wire(), empty.clone(), 7),
        ] {
            let request = as_req().octets();
            let decoded = AsReq::from_bytes(&request).unwrap();
            let body = KdcReqBody {
                cname: Some(cname),
                sname: Some(sname),
                ..decoded.body().unwrap()
            };
            let octets = as_req().around(&to_der("KDC-REQ-BODY", &body).unwrap());
            assert_eq!(code(&kdc, &octets).0, expected, "{components:?}");
        }
    }
    // One empty component among others is a name, of nobody.
    let odd = Principal::new(REALM, NameType::SRV_INST, ["krbtgt", ""]).unwrap();
    let req = Req {
        sname: Some(odd),
        ..as_req()
    };
    assert_eq!(code(&kdc, &req.octets()).0, 7);
}

#[test]
fn case_092_odd_realms() {
    let kdc = realm();
    let tgt = tgt(&kdc, KdcOptions::NONE);
    let long = "X".repeat(60_000);
    for realm in ["", "X", "r.test", "R.TEST.", "R\u{dc}CK", &long] {
        let alice = name("alice");
        let request = as_req().octets();
        let decoded = AsReq::from_bytes(&request).unwrap();
        let body = KdcReqBody {
            realm: KerberosString(realm),
            cname: Some(alice.to_wire()),
            ..decoded.body().unwrap()
        };
        let octets = as_req().around(&to_der("KDC-REQ-BODY", &body).unwrap());
        assert_eq!(code(&kdc, &octets).0, 6, "{realm:.9}");
        let req = Req {
            realm: realm.to_owned(),
            ..tgs_req()
        };
        assert_eq!(Tgs::by(&tgt).code(&kdc, &req), 7, "{realm:.9}");
    }
    // NUL is not a character of a realm: no request at all (MSG-12).
    let mut octets = as_req().octets();
    let at = octets.windows(6).position(|w| w == b"R.TEST").unwrap();
    octets[at] = 0;
    assert!(kdc.answer(&octets, NOW).is_none());
}

#[test]
fn optional_fields_absent_or_empty() {
    let kdc = realm();
    let alice = key(&kdc, "alice", A128);
    let octets = as_req().octets();
    let decoded = AsReq::from_bytes(&octets).unwrap();
    let body = KdcReqBody {
        addresses: Some(Vec::new()),
        additional_tickets: Some(Vec::new()),
        ..decoded.body().unwrap()
    };
    let body = to_der("KDC-REQ-BODY", &body).unwrap();
    let req = as_req().preauthenticated(&alice, NOW);
    let reply = kdc.answer(&req.around(&body), NOW).unwrap();
    let granted = granted(&reply, &alice, KeyUsage::AS_REP).unwrap();
    // Empty is absent (MSG-06).
    assert!(granted.part().caddr.is_none());
    let empty = KdcReq {
        padata: Some(Vec::new()),
        ..decoded
    };
    assert_eq!(code(&kdc, &AsReq::to_bytes(&empty).unwrap()).0, 25);
}

#[test]
fn errors_name_whom_the_request_was_for() {
    let kdc = realm();
    let req = Req {
        sname: Some(name("host/nowhere")),
        ..as_req()
    };
    let refused = refusal(&kdc.answer(&req.octets(), NOW).unwrap());
    assert_eq!(refused.sname, "host/nowhere@R.TEST");
    let octets = kdc.answer(&req.octets(), NOW).unwrap();
    let error = KrbError::from_bytes(&octets).unwrap();
    assert_eq!((error.stime, error.susec.get()), (NOW.time(), 250_000));
    assert!(name("alice").matches(&error.crealm.unwrap(), &error.cname.unwrap()));
}

/// Recorded requests of another domain's clients: they are understood, and refused.
#[test]
fn recorded_requests_are_decoded() {
    let kdc = EmbeddedKdc::new("AD.EXAMPLE.TEST", Policy::default(), Arc::new(OsRandom)).unwrap();
    let root = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../vectors/pac/ad.example.test"
    );
    let mut seen = [0, 0];
    for case in std::fs::read_dir(root).unwrap() {
        let Ok(files) = std::fs::read_dir(case.unwrap().path().join("kdc")) else {
            continue;
        };
        for file in files {
            let path = file.unwrap().path();
            let stem = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let request = std::fs::read(&path).unwrap();
            let expected = match &stem[3..] {
                "as-req" => ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN,
                // Sealed by another KDC.
                "tgs-req" => ErrorCode::KRB_AP_ERR_BAD_INTEGRITY,
                _ => continue,
            };
            seen[usize::from(&stem[3..] == "tgs-req")] += 1;
            let refused = code(&kdc, &request);
            let other = [
                ErrorCode::KRB_AP_ERR_BADKEYVER,
                ErrorCode::KDC_ERR_PADATA_TYPE_NOSUPP,
            ];
            assert!(
                refused == expected || other.contains(&refused),
                "{}: {refused}",
                path.display()
            );
        }
    }
    assert!(seen[0] >= 5 && seen[1] >= 5, "{seen:?}");
}
