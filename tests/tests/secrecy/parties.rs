//! The parties that are built on the exchange, in each of their states: bare AP, sessions of
//! KRB-PRIV, a KDC on its own, DCE style, SPNEGO, SASL.

use std::fmt::Debug;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::time::Duration;

use orthros::ap::tgs::{self, TgsPolicy};
use orthros::ap::{
    self, AcceptorConfig, Accepts, AuthenticatorParts, Cksum, Freshness, HostAddr, HostAddresses,
    InitiatorConfig, Known, Party, Session, SessionConfig, SessionKeys, Unbound, build_ap_req,
};
use orthros::client::{AsExchange, TgsExchange};
use orthros::crypto::{DEFAULT_ENCTYPES, Key, KeyUsage};
use orthros::gss::{self, AcceptorBindings, ChannelBindings, ContextFlags, Role, SecurityContext};
use orthros::kdc::Serve;
use orthros::pac::Checked;
use orthros::report::{ChannelBinding, Report};
use orthros::sasl::{self, Binding, Layer, Layers, Mechanism};
use orthros::secret::Secret;
use orthros::spnego;
use orthros::step::{Ask, Judged, Refusal, Step};
use orthros_tests::secrecy::Shown;

use crate::exchange::{World, damaged, session_keys};
use crate::{MESSAGE, NOW, PASSWORD};

pub(crate) fn parties(shown: &mut Shown, world: &World) {
    names(shown);
    bare(shown, world);
    kdc(shown, world);
    dce(shown, world);
    negotiations(shown, world);
    sasl(shown, world);
}

/// What holds no secret, and has the name of something that does.
fn names(shown: &mut Shown) {
    for role in [Role::Initiator, Role::Acceptor] {
        shown.debug(&role);
    }
    for checked in [Checked::Server, Checked::Kdc, Checked::Evidence] {
        shown.debug(&checked);
    }
    for binding in [ChannelBinding::Bound, ChannelBinding::Mismatch] {
        shown.debug(&binding);
    }
    for mechanism in Mechanism::ALL {
        shown.debug(&mechanism);
    }
    for party in [Party::Initiator, Party::Acceptor] {
        shown.debug(&party);
    }
    shown.debug(&Accepts::AnyKey);
    shown.debug(&orthros::channel::NoBinding::NoHash { len: 3 });
    shown.debug(&gss::BadName::Type {
        oid: vec![6, 1, 42],
    });
}

fn ap_acceptor(world: &World) -> ap::Acceptor {
    let accepts = Accepts::Service(world.web.clone());
    let config = AcceptorConfig::new(Arc::clone(&world.keys), accepts)
        .random(Arc::clone(&world.random))
        .without_replay_cache();
    ap::Acceptor::new(config)
}

fn acceptor(world: &World) -> gss::Acceptor {
    gss::Acceptor::new(ap_acceptor(world))
}

fn initiator(world: &World) -> gss::Initiator {
    gss::Initiator::new(world.credentials.clone()).random(Arc::clone(&world.random))
}

/// AP-REQs without GSS-API, and the sessions after them.
fn bare(shown: &mut Shown, world: &World) {
    let usage = KeyUsage::AP_REQ_AUTHENTICATOR;
    let parts = AuthenticatorParts {
        usage,
        mutual: true,
        cksum: Cksum::Keyed(KeyUsage::AP_REQ_AUTHENTICATOR_CKSUM, MESSAGE),
        subkey: Some(world.credentials.session_key.enctype()),
        sequence: true,
        enctypes: DEFAULT_ENCTYPES,
    };
    let made = |_: &Key| Ok(MESSAGE.to_vec());
    for cksum in [
        Cksum::None,
        Cksum::Made(7, MESSAGE),
        Cksum::MadeWith(0x8003, &made),
    ] {
        shown.debug(&cksum);
    }
    shown.debug(&parts.cksum);
    shown.debug(&parts);
    let built = build_ap_req(&world.credentials, &parts, NOW, &*world.random).expect("built");
    shown.debug(&built);
    shown.key(built.subkey.as_ref().expect("a subkey"));

    let credentials = Arc::new(world.credentials.clone());
    let ours = || {
        ap::Initiator::new(Arc::clone(&credentials), InitiatorConfig::default())
            .random(Arc::clone(&world.random))
    };
    shown.debug(&ours());
    let Ok(Step::Continue { token, next }) = ours().request(Cksum::None, NOW) else {
        panic!("mutual authentication is asked for");
    };
    shown.debug(&next);
    let theirs = ap_acceptor(world);
    let accepted = theirs
        .accept(&token, &Unbound, None, NOW)
        .expect("accepted");
    let reply = accepted.reply.as_ref().expect("an AP-REP");
    for reply in damaged(reply) {
        let Ok(Step::Continue { next, .. }) = ours().request(Cksum::None, NOW) else {
            continue;
        };
        if let Err(refusal) = next.reply(&reply, NOW) {
            shown.debug(&refusal);
        }
    }
    let Ok(Step::Established { context: keys, .. }) = next.reply(reply, NOW) else {
        panic!("established");
    };
    session_keys(shown, &keys);
    let step = ours()
        .request_or_retry(Cksum::None, NOW)
        .expect("a request");
    shown.debug(&step);
    let Step::Continue { token, next } = step else {
        panic!("mutual authentication is asked for");
    };
    shown.debug(&next);
    let late = NOW.plus(Duration::from_secs(900));
    let refusal = theirs
        .accept(&token, &Unbound, None, late)
        .expect_err("too late");
    let answer = refusal.token.as_ref().expect("a KRB-ERROR");
    let second = next.reply(answer, Cksum::None, NOW).expect("once more");
    shown.debug(&second);

    sessions(shown, world, keys, accepted.keys);
}

/// KRB-SAFE, KRB-PRIV and KRB-CRED, whole and damaged.
fn sessions(shown: &mut Shown, world: &World, ours: SessionKeys, theirs: SessionKeys) {
    let host = |last| HostAddr::from(IpAddr::from(Ipv4Addr::new(192, 0, 2, last)));
    let config = |local, peer| {
        let addresses = HostAddresses::new(host(local), host(peer)).expect("addresses");
        SessionConfig::new(Freshness::Both, addresses).random(Arc::clone(&world.random))
    };
    shown.debug(&config(1, 2));
    let mut ours = Session::initiator(ours, config(1, 2)).expect("a session");
    let mut theirs = Session::acceptor(theirs, config(2, 1)).expect("a session");
    let safe = ours.make_safe(b"in the clear", NOW).expect("sealed");
    let private = ours.make_priv(MESSAGE, NOW).expect("sealed");
    let cred = ours.make_cred([&world.tgt], None, NOW).expect("sealed");
    for safe in damaged(&safe) {
        if let Err(error) = theirs.read_safe(&safe, NOW) {
            shown.error(&error);
        }
    }
    theirs.read_safe(&safe, NOW).expect("opened");
    for private in damaged(&private) {
        if let Err(error) = theirs.read_priv(&private, NOW) {
            shown.error(&error);
        }
    }
    let opened = theirs.read_priv(&private, NOW).expect("opened");
    shown.debug(&opened);
    let tickets = theirs.read_cred(&cred, None, NOW).expect("opened");
    for cred in damaged(&cred) {
        if let Err(error) = theirs.read_cred(&cred, None, NOW) {
            shown.error(&error);
        }
    }
    shown.debug(&tickets);
    shown.debug(&ours);
    shown.debug(&theirs);
}

/// A KDC that is driven by hand, and the AP-REQ in a TGS-REQ.
fn kdc(shown: &mut Shown, world: &World) {
    let password = || Secret::from(PASSWORD);
    let random = || Arc::clone(&world.random);
    let initial = AsExchange::with_password(world.alice.clone(), password()).random(random());
    let for_service = TgsExchange::new(&world.tgt, world.web.clone()).random(random());
    let nobody = TgsExchange::new(&world.tgt, world.alice.clone()).random(random());
    let mut requests = Vec::new();
    if let Ok(Ask::Send { request, .. }) = initial.start(NOW) {
        requests.push(request);
    }
    for exchange in [for_service, nobody] {
        if let Ok(Ask::Send { request, .. }) = exchange.start(NOW) {
            requests.extend(damaged(&request).step_by(5));
            requests.push(request);
        }
    }
    requests.push(b"no request".to_vec());
    assert!(requests.len() > 10);
    let kdc = world.kdc.kdc();
    for request in &requests {
        let mut serve = kdc.serve(request, None, NOW);
        loop {
            shown.debug(&serve);
            serve = match serve {
                Serve::Lookup { principal, next } => {
                    shown.debug(&next);
                    next.found(world.kdc.entry(&principal))
                }
                Serve::Answered(answer) => {
                    shown.debug(&answer);
                    shown.debug(&answer.event);
                    if let Err(error) = &answer.event.result {
                        shown.error(error);
                    }
                    break;
                }
            };
        }
    }
    // As the KDC judges the requester.
    let body = b"the body of a request";
    let parts = AuthenticatorParts {
        usage: KeyUsage::TGS_REQ_AUTHENTICATOR,
        mutual: false,
        cksum: Cksum::Keyed(KeyUsage::TGS_REQ_AUTHENTICATOR_CKSUM, body),
        subkey: Some(world.tgt.session_key.enctype()),
        sequence: false,
        enctypes: &[],
    };
    let built = build_ap_req(&world.tgt, &parts, NOW, &*world.random).expect("built");
    shown.key(built.subkey.as_ref().expect("a subkey"));
    let krbtgt = world.kdc.keytab_for(&kdc.krbtgt().name, NOW).expect("keys");
    let keys = ap::ServiceKeys::from(&krbtgt);
    let policy = TgsPolicy {
        enctypes: DEFAULT_ENCTYPES,
        skew: Duration::from_secs(300),
        peer: None,
        validate: false,
        anonymous: false,
    };
    shown.debug(&policy);
    let open = |octets: &[u8]| {
        let mut known = Known::default();
        tgs::open(&keys, octets, body, &policy, NOW, &mut known)
    };
    shown.debug(&open(&built.octets).expect("opened"));
    for octets in damaged(&built.octets) {
        if let Err(error) = open(&octets) {
            shown.error(&error);
        }
    }
}

/// Three legs.
fn dce(shown: &mut Shown, world: &World) {
    let flags = ContextFlags::DCE_STYLE | ContextFlags::MUTUAL | ContextFlags::INTEG;
    let Ok(Step::Continue { token, next }) = initiator(world).flags(flags).request(NOW) else {
        panic!("the acceptor's leg is due");
    };
    shown.debug(&next);
    let step = acceptor(world).accept(&token, NOW).expect("accepted");
    shown.debug(&step);
    let Step::Continue {
        token: answer,
        next: third,
    } = step
    else {
        panic!("the third leg is due");
    };
    shown.debug(&third);
    if let gss::AwaitToken::Third(third) = &third {
        shown.debug(&**third);
    }
    let Ok(Step::Established { token, context }) = next.reply(&answer, NOW) else {
        panic!("established");
    };
    shown.debug(&context);
    shown.report(Report::established(context.info()));
    let token = token.expect("the third leg");
    let mut broken = token.clone();
    *broken.last_mut().expect("octets") ^= 1;
    let step = acceptor(world).accept(&[0x6E], NOW).expect_err("no AP-REQ");
    shown.error(&step.error);
    let refusal = match third {
        gss::AwaitToken::Third(third) => gss::AwaitToken::Third(third).accept(&broken, NOW),
        first => first.accept(&broken, NOW),
    };
    shown.error(&refusal.expect_err("refused").error);
}

/// A token, and what waits for the next or is established.
type Stepped<N, C> = (Option<Vec<u8>>, Option<N>, Option<C>);

/// A step of either side, or its failure.
fn step<N: Debug, C: Debug>(
    shown: &mut Shown,
    step: Result<Step<N, C>, Refusal>,
) -> Option<Stepped<N, C>> {
    shown.debug(&step);
    match step {
        Ok(Step::Continue { token, next }) => {
            shown.debug(&next);
            Some((Some(token), Some(next), None))
        }
        Ok(Step::Established { token, context }) => Some((token, None, Some(context))),
        Err(refusal) => {
            shown.debug(&refusal);
            shown.error(&refusal.error);
            shown.report(Report::refused(&refusal).at(NOW));
            None
        }
    }
}

fn context(shown: &mut Shown, context: &SecurityContext) {
    shown.debug(context);
    session_keys(shown, &context.info().keys);
    shown.report(Report::established(context.info()).at(NOW));
}

/// SPNEGO, whole, and with every seventh octet of the initiator's token changed.
fn negotiations(shown: &mut Shown, world: &World) {
    let ours = || spnego::Initiator::new(initiator(world));
    let theirs = || spnego::Acceptor::new(acceptor(world)).protect_list();
    shown.debug(&ours());
    shown.debug(&theirs());
    let Ok(Step::Continue { token, .. }) = ours().request(NOW) else {
        panic!("an answer is due");
    };
    let judged = theirs().verify(&token, NOW).expect("verified");
    shown.debug(&judged);
    if let Judged::Verified(verified) = &judged {
        shown.debug(verified);
    }
    for token in damaged(&token) {
        step(shown, theirs().accept(&token, NOW));
    }
    let first = ours().request(NOW).map_err(Refusal::from);
    let Some((Some(token), Some(mut ours), None)) = step(shown, first) else {
        panic!("an answer is due");
    };
    let mut answer = step(shown, theirs().accept(&token, NOW)).expect("accepted");
    loop {
        let (token, waiting, done) = answer;
        if let Some(done) = &done {
            context(shown, done);
        }
        let Some(token) = token else { break };
        let (token, next, done) = step(shown, ours.reply(&token, NOW)).expect("accepted");
        if let Some(done) = &done {
            context(shown, done);
        }
        match (token, waiting, next) {
            (Some(token), Some(waiting), next) => {
                answer = step(shown, waiting.accept(&token, NOW)).expect("accepted");
                match next {
                    Some(next) => ours = next,
                    None => break,
                }
            }
            _ => break,
        }
    }
}

/// Each mechanism of SASL, with each layer.
fn sasl(shown: &mut Shown, world: &World) {
    // Channel bindings are no secret (RFC 5056 §2.1).
    let channel = &b"what both ends of the channel see"[..];
    let bindings = || Binding::Channel {
        name: "tls-exporter".to_owned(),
        data: channel.to_vec(),
    };
    shown.debug(&bindings());
    let held = AcceptorBindings::Require(ChannelBindings::from_application_data(channel).into());
    shown.debug(&held);
    shown.debug(&sasl::Advertisement::new(&acceptor(world), "HTTP"));
    let conf = Layers::only(Layer::Confidentiality);
    let (ours, theirs) = (|| initiator(world), || acceptor(world));
    let ends = [
        (
            sasl::Client::gssapi(ours(), conf),
            sasl::Server::gssapi(theirs(), Layers::ALL),
        ),
        (
            sasl::Client::gss_spnego(ours(), Layers::only(Layer::Integrity)),
            sasl::Server::gss_spnego(theirs(), Layers::ALL),
        ),
        (
            sasl::Client::gs2(ours(), bindings()),
            sasl::Server::gs2_plus(theirs(), [("tls-exporter", channel)]),
        ),
        (
            sasl::Client::gs2(ours(), Binding::None),
            sasl::Server::gs2(theirs(), false),
        ),
        // A server that wants more than the client has.
        (
            sasl::Client::gssapi(ours(), Layers::only(Layer::None)),
            sasl::Server::gssapi(theirs(), conf),
        ),
    ];
    let mut established = 0;
    for (client, server) in ends {
        shown.debug(&client);
        shown.debug(&server);
        let first = client.start(NOW).map_err(Refusal::from);
        let Some((Some(mut token), Some(mut client), None)) = step(shown, first) else {
            panic!("a challenge is due");
        };
        judged(shown, world, &token);
        let mut server = Some(server);
        let mut sessions = Vec::new();
        while let Some(waiting) = server.take() {
            let Some((challenge, next, done)) = step(shown, waiting.respond(&token, NOW)) else {
                break;
            };
            sessions.extend(done);
            server = next;
            let Some(challenge) = challenge else { break };
            let Some((response, next, done)) = step(shown, client.challenge(&challenge, NOW))
            else {
                break;
            };
            sessions.extend(done);
            token = response.unwrap_or_default();
            match next {
                Some(next) => client = next,
                None => {
                    let last = server.take().map(|server| server.respond(&token, NOW));
                    let done = last.and_then(|last| step(shown, last));
                    sessions.extend(done.and_then(|(_, _, done)| done));
                    break;
                }
            }
        }
        established += usize::from(sessions.len() == 2);
        sasl_sessions(shown, sessions);
    }
    assert_eq!(established, 4);
}

/// A GSSAPI token that waits for a replay cache; tokens of the other mechanisms are refused.
fn judged(shown: &mut Shown, world: &World, token: &[u8]) {
    let server = sasl::Server::gssapi(acceptor(world), Layers::ALL);
    match server.verify(token, NOW) {
        Ok(Judged::Verified(verified)) => shown.debug(&verified),
        Ok(step) => shown.debug(&step),
        Err(refusal) => shown.error(&refusal.error),
    }
}

/// What is said in the sessions of both sides.
fn sasl_sessions(shown: &mut Shown, mut sessions: Vec<sasl::Session>) {
    if let [one, other] = sessions.as_mut_slice() {
        let mut sent = Vec::new();
        one.encode(MESSAGE, &mut sent).expect("encoded");
        let mut received = Vec::new();
        for half in sent.chunks(sent.len() / 2 + 1) {
            other.decode(half, &mut received).expect("decoded");
            shown.debug(other);
        }
        assert_eq!(received, MESSAGE);
        one.encode(MESSAGE, &mut sent).expect("encoded");
        let end = sent.len() - 1;
        sent[end] ^= 1;
        if let Err(error) = other.decode(&sent[sent.len() / 2..], &mut received) {
            shown.error(&error);
        }
    }
    for session in sessions {
        session_keys(shown, &session.info().keys);
        shown.debug(&session);
        let (info, encoder, decoder) = session.split();
        shown.debug(&info);
        shown.debug(&encoder);
        shown.debug(&decoder);
    }
}
