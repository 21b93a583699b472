//! KDC-05..08, KDC-33: what KRB-ERRORs make the client do, and what they do not.

use super::fake::{Answer, NOW, error, error_about, method_data, open_timestamp, sent};
use crate::client::{AsAwait, AsExchange, ErrorData, InitialCredentials};
use crate::crypto::{Enctype, Key};
use crate::error::{Error, Rejection};
use crate::principal::Principal;
use crate::secret::Secret;
use crate::step::{Ask, Awaiting};
use crate::time::{KerberosTime, Timestamp};
use crate::wire::{
    AsReq, ErrorCode, EtypeInfo2Entry, EtypeInfoEntry, KerbErrorData, KerberosString, NameType,
    OctetString, PaDataType, TypedData, primitive,
};

const AES256: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;
const AES128: Enctype = Enctype::AES128_CTS_HMAC_SHA1_96;
const REALM: &str = "EXAMPLE.COM";

fn exchange() -> AsExchange {
    let alice = Principal::parse("alice@EXAMPLE.COM", None).unwrap();
    AsExchange::with_password(alice, Secret::from("password"))
}

fn key(enctype: Enctype, salt: &str) -> Key {
    Key::from_password(enctype, b"password", salt.as_bytes(), None).unwrap()
}

fn send(ask: Result<Ask<AsAwait, InitialCredentials>, Error>) -> (String, Vec<u8>, AsAwait) {
    match ask.unwrap() {
        Ask::Send {
            realm,
            request,
            next,
        } => (realm, request, next),
        Ask::Done(_) => panic!("done"),
    }
}

fn out(exchange: AsExchange) -> AsAwait {
    send(exchange.start(NOW)).2
}

type Entry<'a> = (i32, Option<&'a str>, Option<&'a [u8]>);

fn info2(entries: &[Entry<'_>]) -> (PaDataType, Vec<u8>) {
    let entries: Vec<_> = entries
        .iter()
        .map(|(etype, salt, params)| EtypeInfo2Entry {
            etype: *etype,
            salt: salt.map(KerberosString),
            s2kparams: params.map(OctetString),
        })
        .collect();
    let info = primitive::to_der("ETYPE-INFO2", &entries).unwrap();
    (PaDataType::ETYPE_INFO2, info)
}

fn required(hints: &[(PaDataType, Vec<u8>)]) -> Vec<u8> {
    let mut list = vec![(PaDataType::ENC_TIMESTAMP, Vec::new())];
    list.extend_from_slice(hints);
    error(
        ErrorCode::KDC_ERR_PREAUTH_REQUIRED,
        REALM,
        Some(&method_data(&list)),
    )
}

#[test]
fn kdc_05_hints_are_answered_and_the_reply_opens() {
    let hints = required(&[info2(&[(18, Some("salt"), None)])]);
    let now = Timestamp::from_micros(NOW.as_micros() + 123_456);
    let (_, request, next) = send(out(exchange()).reply(&hints, now));
    let key = key(AES256, "salt");
    assert_eq!(open_timestamp(&request, &key), now);
    let mut answer = Answer::to_as(&request, &key);
    // The hint of the reply is optional.
    answer.padata.clear();
    assert!(matches!(
        next.reply(&answer.octets(), NOW),
        Ok(Ask::Done(_))
    ));
}

#[test]
fn kdc_05_three_hints_in_conflict() {
    let old = EtypeInfoEntry {
        etype: 18,
        salt: Some(OctetString(b"the old salt")),
    };
    let old = primitive::to_der("ETYPE-INFO", &vec![old]).unwrap();
    let hints = required(&[
        (PaDataType::PW_SALT, b"the password salt".to_vec()),
        (PaDataType::ETYPE_INFO, old.clone()),
        info2(&[(18, Some("the salt"), None)]),
    ]);
    let (_, request, _) = send(out(exchange()).reply(&hints, NOW));
    open_timestamp(&request, &key(AES256, "the salt"));
    // Without PA-ETYPE-INFO2 no salt is taken from anything.
    let hints = required(&[
        (PaDataType::PW_SALT, b"the password salt".to_vec()),
        (PaDataType::ETYPE_INFO, old),
    ]);
    let (_, request, _) = send(out(exchange()).reply(&hints, NOW));
    open_timestamp(&request, &key(AES256, "EXAMPLE.COMalice"));
}

#[test]
fn msg_18_salt_absent_and_salt_empty() {
    for (salt, used) in [(None, "EXAMPLE.COMalice"), (Some(""), "")] {
        let hints = required(&[info2(&[(18, salt, None)])]);
        let (_, request, _) = send(out(exchange()).reply(&hints, NOW));
        open_timestamp(&request, &key(AES256, used));
    }
}

#[test]
fn kdc_06_the_client_s_order_counts() {
    // The KDC, or whoever speaks for it, puts the lesser type first.
    let hints = required(&[info2(&[
        (23, None, None),
        (17, Some("s"), None),
        (18, Some("s"), None),
    ])]);
    let (_, request, _) = send(out(exchange()).reply(&hints, NOW));
    open_timestamp(&request, &key(AES256, "s"));
    let only = exchange().enctypes(vec![AES128]);
    let (_, request, _) = send(out(only).reply(&hints, NOW));
    open_timestamp(&request, &key(AES128, "s"));
}

#[test]
fn kdc_06_a_hint_of_rc4_only_is_refused() {
    let hints = required(&[info2(&[(23, None, None)])]);
    let error = out(exchange()).reply(&hints, NOW).unwrap_err();
    assert_eq!(error.protocol_code(), ErrorCode::KDC_ERR_ETYPE_NOSUPP);
    assert!(
        matches!(&error, Error::Rejected(r)
            if matches!(&**r, Rejection::Enctype { enctype, .. } if enctype.0 == 23)),
        "{error:?}"
    );
}

#[test]
fn cry_07_iterations_below_the_enctype_s_own_are_refused() {
    for (count, ok) in [(1u32, false), (4095, false), (4096, true), (4097, true)] {
        let params = count.to_be_bytes();
        let hints = required(&[info2(&[(18, Some("s"), Some(&params))])]);
        let answer = out(exchange()).reply(&hints, NOW);
        assert_eq!(answer.is_ok(), ok, "{count}: {answer:?}");
    }
    let hints = required(&[info2(&[(18, Some("s"), Some(&[0; 4]))])]);
    assert!(out(exchange()).reply(&hints, NOW).is_err());
}

#[test]
fn kdc_07_the_cookie_comes_back_and_the_other_padata_too() {
    let cookie = b"\x00\xFFcookie".to_vec();
    let hints = required(&[
        info2(&[(18, Some("s"), None)]),
        (PaDataType::FX_COOKIE, cookie.clone()),
    ]);
    let (_, request, next) = send(out(exchange().pac(false)).reply(&hints, NOW));
    let decoded = AsReq::from_bytes(&request).unwrap();
    assert_eq!(sent(&decoded, PaDataType::FX_COOKIE), Some(cookie));
    assert_eq!(sent(&decoded, PaDataType::REQ_ENC_PA_REP), Some(vec![]));
    assert_eq!(
        sent(&decoded, PaDataType::PAC_REQUEST),
        Some(vec![0x30, 5, 0xA0, 3, 1, 1, 0])
    );
    // 91: the next cookie.
    let more = method_data(&[
        (PaDataType::ENC_TIMESTAMP, vec![]),
        (PaDataType::FX_COOKIE, vec![2]),
    ]);
    let more = error(
        ErrorCode::KDC_ERR_MORE_PREAUTH_DATA_REQUIRED,
        REALM,
        Some(&more),
    );
    let (_, request, _) = send(next.reply(&more, NOW));
    let decoded = AsReq::from_bytes(&request).unwrap();
    assert_eq!(sent(&decoded, PaDataType::FX_COOKIE), Some(vec![2]));
}

#[test]
fn kdc_07_at_most_ten_rounds() {
    let more = method_data(&[(PaDataType::ENC_TIMESTAMP, vec![])]);
    let more = error(
        ErrorCode::KDC_ERR_MORE_PREAUTH_DATA_REQUIRED,
        REALM,
        Some(&more),
    );
    let mut next = out(exchange());
    for _ in 1..10 {
        next = send(next.reply(&more, NOW)).2;
    }
    let error = next.reply(&more, NOW).unwrap_err();
    assert!(format!("{error:?}").contains("10 requests"), "{error:?}");
}

#[test]
fn kdc_07_code_90_restarts_once() {
    let hints = required(&[
        info2(&[(18, Some("s"), None)]),
        (PaDataType::FX_COOKIE, vec![1]),
    ]);
    let expired = error(ErrorCode::KDC_ERR_PREAUTH_EXPIRED, REALM, None);
    let (_, _, next) = send(out(exchange()).reply(&hints, NOW));
    let (_, request, next) = send(next.reply(&expired, NOW));
    let decoded = AsReq::from_bytes(&request).unwrap();
    assert_eq!(sent(&decoded, PaDataType::FX_COOKIE), None);
    assert_eq!(sent(&decoded, PaDataType::ENC_TIMESTAMP), None);
    let (_, _, next) = send(next.reply(&hints, NOW));
    let error = next.reply(&expired, NOW).unwrap_err();
    assert!(matches!(error, Error::Peer(_)));
}

#[test]
fn kdc_05_required_again_after_a_timestamp_is_the_end() {
    let hints = required(&[info2(&[(18, Some("s"), None)])]);
    let (_, _, next) = send(out(exchange()).reply(&hints, NOW));
    let error = next.reply(&hints, NOW).unwrap_err();
    assert!(matches!(error, Error::Peer(_)));
}

#[test]
fn kdc_05_other_mechanisms_are_named() {
    let list = method_data(&[(PaDataType::PK_AS_REQ, vec![]), (PaDataType::SPAKE, vec![])]);
    let only = error(ErrorCode::KDC_ERR_PREAUTH_REQUIRED, REALM, Some(&list));
    let error = out(exchange()).reply(&only, NOW).unwrap_err();
    assert!(
        matches!(&error, Error::Preauthentication(text)
            if text.contains("PA-PK-AS-REQ, PA-SPAKE")),
        "{error:?}"
    );
}

#[test]
fn kdc_08_errors_change_neither_clock_nor_choice() {
    let hints = required(&[info2(&[(18, Some("s"), None)])]);
    let skew = error(ErrorCode::KRB_AP_ERR_SKEW, REALM, None);
    // By default the time of an error is only told.
    let (_, _, next) = send(out(exchange()).reply(&hints, NOW));
    let told = next.reply(&skew, NOW).unwrap_err();
    let Error::Peer(peer) = told else {
        panic!("{told:?}")
    };
    assert_eq!(peer.stime.micros_since(NOW), 3_600_000_007);
    assert_eq!(peer.server, "krbtgt/EXAMPLE.COM@EXAMPLE.COM");
    assert_eq!(peer.text.as_deref(), Some("text"));
    // Before anything was sealed with a time, it is never used.
    let bare = out(exchange().retry_with_kdc_time(true));
    assert!(matches!(bare.reply(&skew, NOW), Err(Error::Peer(_))));
    // On demand, once.
    let (_, _, next) = send(out(exchange().retry_with_kdc_time(true)).reply(&hints, NOW));
    let (_, request, next) = send(next.reply(&skew, NOW));
    let time = open_timestamp(&request, &key(AES256, "s"));
    assert_eq!(time.micros_since(NOW), 3_600_000_007);
    assert!(matches!(next.reply(&skew, NOW), Err(Error::Peer(_))));
    for code in [
        ErrorCode::KDC_ERR_ETYPE_NOSUPP,
        ErrorCode::KDC_ERR_PREAUTH_FAILED,
        ErrorCode::KDC_ERR_C_PRINCIPAL_UNKNOWN,
        ErrorCode::KRB_ERR_RESPONSE_TOO_BIG,
        ErrorCode(12_345),
    ] {
        let answer = out(exchange()).reply(&error(code, REALM, None), NOW);
        assert!(matches!(answer, Err(Error::Peer(p)) if p.code == code));
    }
}

#[test]
fn kdc_33_client_referral() {
    let wrong = |to: &str| error_about(ErrorCode::KDC_ERR_WRONG_REALM, REALM, Some(to), None);
    let enterprise = || {
        let bob = Principal::new(REALM, NameType::ENTERPRISE, ["bob@corp.example"]).unwrap();
        AsExchange::with_password(bob, Secret::from("password"))
    };
    // Not without the caller's word, nor to another realm than that.
    for exchange in [enterprise(), enterprise().referrals_to(vec!["C".into()])] {
        let answer = out(exchange).reply(&wrong("B"), NOW);
        assert!(matches!(answer, Err(Error::Peer(_))));
    }
    let plain = out(exchange().referrals_to(vec!["B".into()])).reply(&wrong("B"), NOW);
    assert!(matches!(plain, Err(Error::Peer(_))));
    let there = || enterprise().referrals_to(vec!["B".into()]);
    let (realm, request, mut next) = send(out(there()).reply(&wrong("B"), NOW));
    assert_eq!(realm, "B");
    let decoded = AsReq::from_bytes(&request).unwrap();
    let body = decoded.body().unwrap();
    assert_eq!(body.realm.0, "B");
    assert_eq!(body.cname.unwrap().name_string[0].0, "bob@corp.example");
    assert_eq!(body.sname.unwrap().name_string[1].0, "B");
    // At most five times.
    for _ in 1..5 {
        next = send(next.reply(&wrong("B"), NOW)).2;
    }
    assert!(matches!(next.reply(&wrong("B"), NOW), Err(Error::Peer(_))));
}

#[test]
fn msg_15_e_data_is_told_apart() {
    let generic = ErrorCode::KRB_ERR_GENERIC;
    let method = method_data(&[(PaDataType::ENC_TIMESTAMP, vec![1])]);
    assert!(matches!(
        ErrorData::read(generic, &method),
        Ok(ErrorData::MethodData(m)) if m.len() == 1
    ));
    let typed = TypedData {
        data_type: 104,
        data_value: Some(OctetString(b"x")),
    };
    let typed = primitive::to_der("TYPED-DATA", &vec![typed]).unwrap();
    assert!(matches!(
        ErrorData::read(generic, &typed),
        Ok(ErrorData::TypedData(t)) if t[0].data_type == 104
    ));
    let kerb = KerbErrorData {
        data_type: 2,
        data_value: None,
    };
    let kerb = primitive::to_der("KERB-ERROR-DATA", &kerb).unwrap();
    assert!(matches!(
        ErrorData::read(generic, &kerb),
        Ok(ErrorData::KerbErrorData(k)) if k.data_type == 2
    ));
    assert!(matches!(
        ErrorData::read(generic, b"anything"),
        Ok(ErrorData::Opaque(b"anything"))
    ));
    assert!(ErrorData::read(ErrorCode::KDC_ERR_PREAUTH_REQUIRED, &typed).is_err());
}

#[test]
fn an_answer_of_another_kind_is_refused() {
    for answer in [&[][..], &[0x6F, 0], &[0x30, 0], &[0x7E, 0x82], &[0x6B]] {
        assert!(out(exchange()).reply(answer, NOW).is_err());
    }
    // Somebody else's request.
    let (_, request, next) = send(exchange().start(NOW));
    assert!(next.reply(&request, NOW).is_err());
}

#[test]
fn kdc_01_till_as_long_as_policy_allows() {
    let (_, request, _) = send(exchange().start(NOW));
    let decoded = AsReq::from_bytes(&request).unwrap();
    assert_eq!(decoded.body().unwrap().till, KerberosTime::EPOCH);
}
