//! Between a password and a protected message.

use std::fmt::Debug;
use std::sync::Arc;

use orthros::ap::{self, AcceptorConfig, Accepts, BindingKeys, ServiceKeys, Unbound};
use orthros::ccache::{CachedCredential, CredentialCache};
use orthros::client::{AsExchange, LoginCheck, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::KeyUsage;
use orthros::error::Error;
use orthros::gss::{self, ContextFlags, MessageKeys, Protection};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::random::Random;
use orthros::report::Report;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting, Step};
use orthros_tests::secrecy::{Repeating, Shown};

use crate::{MESSAGE, NOW, PASSWORD};

/// A realm, a client with its tickets, a service with its keys.
pub struct World {
    pub random: Arc<dyn Random>,
    pub kdc: Arc<EmbeddedKdc>,
    pub alice: Principal,
    pub web: Principal,
    pub tgt: Credentials,
    pub credentials: Credentials,
    pub keytab: Keytab,
    pub keys: Arc<ServiceKeys>,
}

pub fn principal(name: &str) -> Principal {
    Principal::parse(name, Some("A.TEST")).expect("a name")
}

/// Carries an exchange to `kdc`, and prints every state of it.
pub fn run<N: Awaiting + Debug>(
    shown: &mut Shown,
    kdc: &EmbeddedKdc,
    mut ask: Ask<N, N::Output>,
) -> Result<N::Output, Error> {
    loop {
        match ask {
            Ask::Done(output) => return Ok(output),
            Ask::Send { request, next, .. } => {
                shown.debug(&next);
                let answer = kdc.answer(&request, NOW).expect("an answer");
                ask = next.reply(&answer, NOW)?;
            }
        }
    }
}

pub fn session_keys(shown: &mut Shown, keys: &ap::SessionKeys) {
    shown.key(&keys.session);
    for key in [&keys.initiator_subkey, &keys.acceptor_subkey]
        .into_iter()
        .flatten()
    {
        shown.key(key);
    }
    shown.debug(keys);
}

/// Octets with one bit changed, here and there.
pub fn damaged(octets: &[u8]) -> impl Iterator<Item = Vec<u8>> + '_ {
    (0..octets.len()).step_by(7).map(|at| {
        let mut copy = octets.to_vec();
        copy[at] ^= 1;
        copy
    })
}

/// Everything that happens between a password and a protected message.
pub fn exchange(shown: &mut Shown) -> World {
    let random: Arc<dyn Random> = Arc::new(Repeating::new(7));
    let kdc = EmbeddedKdc::new("A.TEST", Policy::default(), Arc::clone(&random)).expect("a KDC");
    let (alice, web) = (principal("alice"), principal("HTTP/web.a.test"));
    let password = Secret::from(PASSWORD);
    shown.secrets.push(PASSWORD.as_bytes().to_vec());
    kdc.add_user(alice.clone(), &password).expect("a user");
    kdc.add_service(web.clone()).expect("a service");
    for name in kdc.principals() {
        for (_, _, key) in kdc.keys_of(&name).expect("keys") {
            shown.key(&key);
            shown.debug(&key);
        }
        let entry = kdc.entry(&name).expect("an entry");
        shown.debug(&*entry);
        let newest = entry.newest().expect("keys");
        shown.debug(newest);
        for key in &newest.keys {
            shown.debug(key);
        }
    }
    shown.debug(&kdc);
    shown.debug(&*kdc.kdc());
    shown.debug(&password);
    if let Err(error) = kdc.add_user(alice.clone(), &password) {
        shown.debug(&error);
        shown.text("an error of the store", error.to_string());
    }

    // Files.
    let keytab = kdc.keytab_for(&web, NOW).expect("a keytab");
    shown.debug(&keytab);
    for (_, entry) in keytab.entries() {
        shown.debug(entry);
    }
    let octets = keytab.to_bytes();
    shown.debug(&octets);
    for end in (0..octets.expose().len()).step_by(5) {
        if let Err(error) = Keytab::parse(&octets.expose()[..end], "FILE:/k") {
            shown.error(&error);
        }
    }

    // Tickets.
    let exchange =
        AsExchange::with_password(alice.clone(), password.clone()).random(Arc::clone(&random));
    shown.debug(&exchange);
    let wrong = AsExchange::with_password(alice.clone(), Secret::from("Zz9$uQ3~hB8^mN5"));
    shown.secrets.push(b"Zz9$uQ3~hB8^mN5".to_vec());
    if let Err(error) = wrong.start(NOW).and_then(|ask| run(shown, &kdc, ask)) {
        shown.error(&error);
    }
    let ask = exchange.start(NOW).expect("a request");
    let initial = run(shown, &kdc, ask).expect("a TGT");
    shown.debug(&initial);
    let tgt: &Credentials = &initial.credentials;
    shown.key(&tgt.session_key);
    shown.debug(tgt);
    let exchange = TgsExchange::new(tgt, web.clone()).random(Arc::clone(&random));
    shown.debug(&exchange);
    let ask = exchange.start(NOW).expect("a request");
    let service = run(shown, &kdc, ask).expect("a ticket");
    shown.debug(&service);
    let credentials: Credentials = service.credentials.clone();
    shown.key(&credentials.session_key);

    let mut cache = CredentialCache::with_credentials(&credentials);
    cache.store(CachedCredential::from(tgt));
    shown.debug(&cache);
    for credential in cache.credentials() {
        shown.debug(credential);
    }
    let octets = cache.to_bytes().expect("octets");
    for end in (0..octets.expose().len()).step_by(11) {
        if let Err(error) = CredentialCache::parse(&octets.expose()[..end], "FILE:/c") {
            shown.error(&error);
        }
    }

    // The exchange.
    let keys = Arc::new(ServiceKeys::from(&keytab));
    shown.debug(&*keys);
    for key in keys.iter() {
        shown.debug(key);
    }
    let config = || {
        AcceptorConfig::new(Arc::clone(&keys), Accepts::Service(web.clone()))
            .random(Arc::clone(&random))
            .user_to_user(tgt.session_key.clone())
            .without_replay_cache()
    };
    shown.debug(&config());
    let acceptor = ap::Acceptor::new(config());
    shown.debug(&acceptor);
    let initiator = || gss::Initiator::new(credentials.clone()).random(Arc::clone(&random));
    shown.debug(&initiator());
    let step = initiator().request(NOW).expect("a token");
    shown.debug(&step);
    let Step::Continue { token, next } = step else {
        panic!("mutual authentication is asked for");
    };
    shown.debug(&next);
    let theirs = || gss::Acceptor::new(acceptor.clone());
    shown.debug(&theirs());
    let verified = theirs().verify(&token, NOW).expect("verified");
    shown.debug(&verified);
    let accepted = theirs().accept(&token, NOW).expect("accepted");
    shown.debug(&accepted);
    let Step::Established {
        token: Some(reply),
        mut context,
    } = accepted
    else {
        panic!("established");
    };
    shown.report(Report::established(context.info()).request(&token).at(NOW));
    session_keys(shown, &context.info().keys);
    let peer = context.peer().expect("a peer");
    shown.debug(peer);
    let ticket = peer.ticket();
    shown.debug(ticket);
    shown.debug(&ticket.enc_part().expect("a ticket"));
    shown.debug(&ticket.enc_part().expect("a ticket").key);
    let pac = peer.pac().expect("a PAC");
    shown.debug(pac);

    // What is refused: every part of the token changed, and the answer.
    for token in damaged(&token) {
        if let Err(refusal) = theirs().accept(&token, NOW) {
            shown.debug(&refusal);
            shown.error(&refusal.error);
            shown.report(Report::refused(&refusal).request(&token).at(NOW));
        }
    }
    for later in [400, 100_000, -400, -100_000] {
        let refusal = theirs()
            .accept(&token, NOW.offset(later * 1_000_000))
            .expect_err("refused");
        shown.debug(&refusal);
        shown.error(&refusal.error);
    }
    for reply in damaged(&reply).step_by(4) {
        let Ok(Step::Continue { next, .. }) = initiator().request(NOW) else {
            continue;
        };
        if let Err(refusal) = next.reply(&reply, NOW) {
            shown.error(&refusal.error);
        }
    }

    // Bare AP-REQs.
    let (_, ap_req) = gss::token::unframe(&token).expect("framed");
    let bare = acceptor
        .verify(ap_req, &Unbound, None, NOW)
        .expect("verified");
    shown.debug(&bare);
    let bare = acceptor
        .accept(ap_req, &Unbound, None, NOW)
        .expect("accepted");
    shown.debug(&bare);
    shown.report(Report::accepted(&bare.peer));
    session_keys(shown, &bare.keys);
    let binding = BindingKeys {
        session: &bare.keys.session,
        subkey: bare.keys.initiator_subkey.as_ref(),
        client_supplies_bindings: false,
    };
    shown.debug(&binding);

    // Messages that hold keys.
    opened(shown, ap_req, &reply, &credentials);

    // The session.
    let Ok(Step::Established {
        context: mut ours, ..
    }) = next.reply(&reply, NOW)
    else {
        panic!("established");
    };
    shown.report(Report::established(ours.info()));
    session_keys(shown, &ours.info().keys);
    let sealed = ours
        .wrap(Protection::Confidentiality, MESSAGE)
        .expect("sealed");
    for sealed in damaged(&sealed) {
        if let Err(error) = context.unwrap(&sealed) {
            shown.error(&error);
        }
    }
    context
        .unwrap(&sealed)
        .expect("opened")
        .complete()
        .expect("in order");
    shown.debug(ours.sender());
    shown.debug(ours.receiver());
    shown.debug(&ours);
    let (info, _, _) = ours.split();
    shown.debug(&info);
    assert!(info.flags.contains(ContextFlags::MUTUAL));
    let message_keys = MessageKeys {
        base: info.keys.session.clone(),
        acceptor_subkey: info.keys.acceptor_subkey.clone(),
    };
    shown.debug(&message_keys);

    // A login that is checked against a key of this host.
    let tgt = initial.credentials.clone();
    let login = LoginCheck::new(initial, web.clone(), keys_of(&keytab)).random(Arc::clone(&random));
    shown.debug(&login);
    let ask = login.start(NOW).expect("a request");
    let login = run(shown, &kdc, ask).expect("a login");
    shown.debug(&login);
    World {
        random,
        kdc: Arc::new(kdc),
        alice,
        web,
        tgt,
        credentials,
        keytab,
        keys,
    }
}

fn keys_of(keytab: &Keytab) -> Arc<ServiceKeys> {
    Arc::new(ServiceKeys::from(keytab))
}

/// The sealed parts, opened as whoever has the key does.
fn opened(shown: &mut Shown, ap_req: &[u8], reply: &[u8], credentials: &Credentials) {
    use orthros::wire::{
        ApRep, ApReq, Authenticator, EncApRepPart, EncKdcRepPart, EncKrbCredPart, EncryptionKey,
        KrbCredInfo, Message, OctetString, TicketFlags, UInt32,
    };
    let key = &credentials.session_key;
    let request = ApReq::from_bytes(ap_req).expect("an AP-REQ");
    shown.debug(&request);
    let octets = key
        .decrypt(
            KeyUsage::AP_REQ_AUTHENTICATOR,
            request.authenticator.cipher.as_bytes(),
        )
        .expect("opened");
    shown.debug(&Authenticator::from_bytes(&octets).expect("an Authenticator"));
    let (_, reply) = gss::token::unframe(reply).expect("framed");
    let reply = ApRep::from_bytes(reply).expect("an AP-REP");
    let octets = key
        .decrypt(KeyUsage::AP_REP, reply.enc_part.cipher.as_bytes())
        .expect("opened");
    shown.debug(&EncApRepPart::from_bytes(&octets).expect("an EncAPRepPart"));
    let key = EncryptionKey {
        keytype: key.enctype().0,
        keyvalue: OctetString(key.expose()),
    };
    shown.debug(&EncKdcRepPart {
        key,
        last_req: Vec::new(),
        nonce: UInt32(1),
        key_expiration: None,
        flags: TicketFlags::INITIAL,
        authtime: NOW.time(),
        starttime: None,
        endtime: NOW.time(),
        renew_till: None,
        srealm: credentials.server.realm_to_wire(),
        sname: credentials.server.to_wire(),
        caddr: None,
        encrypted_pa_data: None,
    });
    let info = KrbCredInfo {
        key,
        prealm: None,
        pname: None,
        flags: None,
        authtime: None,
        starttime: None,
        endtime: None,
        renew_till: None,
        srealm: None,
        sname: None,
        caddr: None,
    };
    shown.debug(&info);
    shown.debug(&EncKrbCredPart {
        ticket_info: vec![info],
        nonce: None,
        timestamp: None,
        usec: None,
        s_address: None,
        r_address: None,
    });
}
