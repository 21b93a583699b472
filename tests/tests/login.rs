//! KDC-10, security case 18: a password counts as a login only if the KDC that accepted it knows
//! this host's key.

use std::sync::Arc;

use orthros::ap::ServiceKeys;
use orthros::client::{AsExchange, InitialCredentials, LoginCheck, TgsExchange, VerifiedLogin};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key, KeyUsage};
use orthros::error::{Error, Rejection};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting};
use orthros::time::Timestamp;
use orthros::wire::{
    ApReq, Authenticator, EncKdcRepPart, EncTgsRepPart, EncryptedData, EncryptionKey, KdcRep,
    Message, OctetString, Raw, TgsRep, TgsReq,
};
use orthros_net::{KdcAddresses, KdcConfig, blocking::KdcClient};
use orthros_tests::mit::MitRealm;

const NOW: Timestamp = Timestamp::from_secs(1_800_000_000);
const PASSWORD: &str = "password";

fn principal(name: &str) -> Principal {
    Principal::parse(name, Some("A.TEST")).unwrap()
}

/// A KDC of the realm, with a user and this host's service under a key of its own.
fn kdc() -> EmbeddedKdc {
    let kdc = EmbeddedKdc::new("A.TEST", Policy::default(), Arc::new(OsRandom)).unwrap();
    for name in ["alice", "mallory"] {
        kdc.add_user(principal(name), &Secret::from(PASSWORD))
            .unwrap();
    }
    kdc.add_service(principal("host/here")).unwrap();
    kdc
}

fn keys(kdc: &EmbeddedKdc) -> Arc<ServiceKeys> {
    let keytab = kdc.keytab_for(&principal("host/here"), NOW).unwrap();
    Arc::new(ServiceKeys::from(&keytab))
}

/// Carries an exchange to `kdc`.
fn run<N: Awaiting>(kdc: &EmbeddedKdc, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
    loop {
        match ask {
            Ask::Done(output) => return Ok(output),
            Ask::Send { request, next, .. } => {
                let answer = kdc.answer(&request, NOW).expect("an answer");
                ask = next.reply(&answer, NOW)?;
            }
        }
    }
}

fn initial(kdc: &EmbeddedKdc, user: &str) -> InitialCredentials {
    let exchange = AsExchange::with_password(principal(user), Secret::from(PASSWORD));
    run(kdc, exchange.start(NOW).unwrap()).unwrap()
}

fn login(
    kdc: &EmbeddedKdc,
    initial: InitialCredentials,
    keys: Arc<ServiceKeys>,
) -> Result<VerifiedLogin, Error> {
    let check = LoginCheck::new(initial, principal("host/here"), keys);
    run(kdc, check.start(NOW)?)
}

#[test]
fn kdc_10_the_genuine_kdc() {
    let kdc = kdc();
    let login = login(&kdc, initial(&kdc, "alice"), keys(&kdc)).unwrap();
    assert_eq!(login.client().to_string(), "alice@A.TEST");
    assert!(login.into_initial().credentials.server.is_krbtgt());
}

#[test]
fn case_018_a_rogue_kdc_that_knows_the_password_but_not_the_host_key() {
    let (genuine, rogue) = (kdc(), kdc());
    let refused = login(&rogue, initial(&rogue, "alice"), keys(&genuine));
    assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
}

/// A TGS-REP for `request` that gives `ticket` away as one of `client`. Whoever made the TGT up
/// knows `session`, its key, and so can answer.
fn forged_reply(
    request: &[u8],
    session: &Key,
    ticket: &Credentials,
    client: &Principal,
) -> Vec<u8> {
    let request = TgsReq::from_bytes(request).unwrap();
    let ap_req = request.padata.as_ref().unwrap()[0].padata_value.0;
    let ap_req = ApReq::from_bytes(ap_req).unwrap();
    let authenticator = session
        .decrypt(
            KeyUsage::TGS_REQ_AUTHENTICATOR,
            ap_req.authenticator.cipher.0,
        )
        .unwrap();
    let subkey = Authenticator::from_bytes(&authenticator)
        .unwrap()
        .subkey
        .unwrap();
    let subkey = Key::new(Enctype(subkey.keytype), subkey.keyvalue.0).unwrap();
    let part = EncKdcRepPart {
        key: EncryptionKey {
            keytype: ticket.session_key.enctype().0,
            keyvalue: OctetString(ticket.session_key.expose()),
        },
        last_req: Vec::new(),
        nonce: request.body().unwrap().nonce,
        key_expiration: None,
        flags: ticket.flags,
        authtime: ticket.authtime,
        starttime: ticket.starttime,
        endtime: ticket.endtime,
        renew_till: ticket.renew_till,
        srealm: ticket.server.realm_to_wire(),
        sname: ticket.server.to_wire(),
        caddr: None,
        encrypted_pa_data: None,
    };
    let part = EncTgsRepPart::to_bytes(&part).unwrap();
    let cipher = subkey
        .encrypt(KeyUsage::TGS_REP_SUBKEY, &part, &OsRandom)
        .unwrap();
    TgsRep::to_bytes(&KdcRep {
        pvno: 5,
        msg_type: 13,
        padata: None,
        crealm: client.realm_to_wire(),
        cname: client.to_wire(),
        ticket: Raw::new(&ticket.ticket).unwrap(),
        enc_part: EncryptedData {
            etype: subkey.enctype().0,
            kvno: None,
            cipher: OctetString(&cipher),
        },
    })
    .unwrap()
}

#[test]
fn case_018_a_genuine_ticket_of_another_client() {
    // The rogue has an account of its own, and so a genuine ticket for this host and its session
    // key. It gives that ticket out as the one alice asked for.
    let (genuine, rogue) = (kdc(), kdc());
    let own = initial(&genuine, "mallory").credentials;
    let own = TgsExchange::new(&own, principal("host/here"));
    let own = run(&genuine, own.start(NOW).unwrap()).unwrap().credentials;
    let alice = initial(&rogue, "alice");
    let session = alice.credentials.session_key.clone();
    for named in ["alice", "mallory"] {
        let check = LoginCheck::new(alice.clone(), principal("host/here"), keys(&genuine));
        let Ask::Send { request, next, .. } = check.start(NOW).unwrap() else {
            panic!("nothing was asked")
        };
        let answer = forged_reply(&request, &session, &own, &principal(named));
        let login = next.reply(&answer, NOW);
        assert!(login.is_err(), "{login:?}");
        if named == "alice" {
            assert!(
                matches!(&login, Err(Error::Rejected(r))
                    if matches!(**r, Rejection::ClientMismatch { .. })),
                "{login:?}"
            );
        }
    }
    // The forgery fails for its client alone: to mallory it is a login.
    let mut mallory = initial(&rogue, "mallory");
    mallory.credentials.session_key = session.clone();
    let check = LoginCheck::new(mallory, principal("host/here"), keys(&genuine));
    let Ask::Send { request, next, .. } = check.start(NOW).unwrap() else {
        panic!("nothing was asked")
    };
    let answer = forged_reply(&request, &session, &own, &principal("mallory"));
    assert!(matches!(next.reply(&answer, NOW), Ok(Ask::Done(_))));
}

#[test]
fn kdc_10_a_host_without_a_key() {
    let kdc = kdc();
    let none = Arc::new(ServiceKeys::new([]));
    let refused = login(&kdc, initial(&kdc, "alice"), none);
    assert!(matches!(refused, Err(Error::Rejected(_))), "{refused:?}");
}

#[test]
fn kdc_10_mit_s_kdc_and_a_rogue_one() {
    let Some(genuine) = MitRealm::start() else {
        return;
    };
    let Some(rogue) = MitRealm::start() else {
        return;
    };
    for realm in [&genuine, &rogue] {
        realm.add_principal("alice", PASSWORD);
        realm.add_service("host/here");
    }
    let keytab = orthros::env::read_keytab(&genuine.keytab()).unwrap();
    let keys = Arc::new(ServiceKeys::from(&keytab));
    let name = |text: &str| Principal::parse(text, Some(genuine.realm())).unwrap();
    for (realm, ok) in [(&genuine, true), (&rogue, false)] {
        let addresses = KdcAddresses::new().with(realm.realm(), [realm.address()]);
        let kdcs = KdcClient::new(KdcConfig::new(addresses));
        let initial = kdcs.get_tgt(name("alice"), Secret::from(PASSWORD)).unwrap();
        let check = LoginCheck::new(initial, name("host/here"), Arc::clone(&keys));
        let login = kdcs.run(check.start(kdcs.now()).unwrap());
        assert_eq!(login.is_ok(), ok, "{login:?}");
    }
}
