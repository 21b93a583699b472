//! GSSAPI (RFC 4752).

use crate::ap::tests::forge::NOW;
use crate::error::{Error, Rejection};
use crate::gss::tests::exchange::{acceptor, initiator};
use crate::gss::{ContextFlags, Protection, SecurityContext};
use crate::sasl::{AwaitChallenge, Client, Layer, Layers, Mechanism, Server, Session};
use crate::step::{Refusal, Step};

pub(super) fn client(layers: Layers) -> Client {
    Client::gssapi(initiator(), layers)
}

fn server(layers: Layers) -> Server {
    Server::gssapi(acceptor(), layers)
}

/// Runs both ends to the end.
pub(super) fn converse(client: Client, server: Server) -> Result<(Session, Session), Refusal> {
    converse_by(client, server, &mut |server, response| {
        server.respond(response, NOW)
    })
}

/// How a server takes a response.
type Respond<'r> = dyn FnMut(Server, &[u8]) -> Result<Step<Server, Session>, Refusal> + 'r;

/// The same, with a server that takes a response in this way.
pub(super) fn converse_by(
    client: Client,
    server: Server,
    respond: &mut Respond<'_>,
) -> Result<(Session, Session), Refusal> {
    let (mut token, mut client) = match client.start(NOW)? {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    };
    let mut server = server;
    loop {
        match respond(server, &token)? {
            Step::Continue {
                token: challenge,
                next,
            } => {
                server = next;
                match client.challenge(&challenge, NOW)? {
                    Step::Continue {
                        token: response,
                        next,
                    } => (token, client) = (response, next),
                    Step::Established {
                        token: response,
                        context,
                    } => {
                        let response = response.unwrap_or_default();
                        return match respond(server, &response)? {
                            Step::Established {
                                token: None,
                                context: theirs,
                            } => Ok((context, theirs)),
                            other => panic!("{other:?}"),
                        };
                    }
                }
            }
            Step::Established {
                token: last,
                context: theirs,
            } => {
                return match client.challenge(&last.unwrap(), NOW)? {
                    Step::Established {
                        token: None,
                        context,
                    } => Ok((context, theirs)),
                    other => panic!("{other:?}"),
                };
            }
        }
    }
}

pub(super) fn talk(ours: &mut Session, theirs: &mut Session) {
    let long = vec![7; 200_000];
    for message in [&b"hello"[..], &long, b"x"] {
        for (from, to) in [(0, 1), (1, 0)] {
            let ends = [&mut *ours, &mut *theirs];
            let mut sent = Vec::new();
            ends[from].encode(message, &mut sent).unwrap();
            let mut received = Vec::new();
            for part in sent.chunks(1000) {
                ends[to].decode(part, &mut received).unwrap();
            }
            assert_eq!(received, message);
        }
    }
}

/// A client that has got so far, and the server's context.
fn before_offer(layers: Layers) -> (AwaitChallenge, SecurityContext) {
    let Step::Continue { token, next } = client(layers).start(NOW).unwrap() else {
        panic!();
    };
    let Step::Established { token, context } = acceptor().accept(&token, NOW).unwrap() else {
        panic!();
    };
    match next.challenge(&token.unwrap(), NOW).unwrap() {
        Step::Continue { token, next } => {
            assert!(token.is_empty());
            (next, context)
        }
        other => panic!("{other:?}"),
    }
}

/// What the client makes of an offer: its choice, or its refusal.
fn offered(layers: Layers, offer: &[u8]) -> Result<(Vec<u8>, Session, SecurityContext), Error> {
    let (client, mut server) = before_offer(layers);
    let offer = server.wrap(Protection::Integrity, offer).unwrap();
    match client.challenge(&offer, NOW) {
        Ok(Step::Established { token, context }) => {
            let unwrapped = server.unwrap(&token.unwrap()).unwrap();
            assert_eq!(unwrapped.protection(), Protection::Integrity);
            Ok((unwrapped.complete().unwrap(), context, server))
        }
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.error),
    }
}

/// A server that waits for a choice, the client's context and the server's offer.
fn before_choice(
    layers: Layers,
    flags: ContextFlags,
) -> Result<(Server, SecurityContext, Vec<u8>), Refusal> {
    let step = initiator().flags(flags).request(NOW).unwrap();
    let (mut context, challenge, next) = match step {
        Step::Continue { token, next } => {
            let Step::Continue {
                token,
                next: server,
            } = server(layers).respond(&token, NOW)?
            else {
                panic!();
            };
            let Step::Established { context, .. } = next.reply(&token, NOW).unwrap() else {
                panic!();
            };
            let Step::Continue { token, next } = server.respond(b"", NOW)? else {
                panic!();
            };
            (context, token, next)
        }
        Step::Established { token, context } => {
            let Step::Continue { token, next } = server(layers).respond(&token.unwrap(), NOW)?
            else {
                panic!();
            };
            (context, token, next)
        }
    };
    let offer = context.unwrap(&challenge).unwrap();
    assert_eq!(offer.protection(), Protection::Integrity);
    let offer = offer.complete().unwrap();
    Ok((next, context, offer))
}

const FULL: ContextFlags = ContextFlags(0x3E);

fn chosen(choice: &[u8]) -> Result<Session, Error> {
    let (server, mut context, _) =
        before_choice(Layers::only(Layer::Integrity).with(Layer::None), FULL).unwrap();
    let choice = context.wrap(Protection::Integrity, choice).unwrap();
    match server.respond(&choice, NOW) {
        Ok(Step::Established {
            token: None,
            context,
        }) => Ok(context),
        Ok(other) => panic!("{other:?}"),
        Err(refusal) => Err(refusal.error),
    }
}

fn is_sasl(error: &Error) -> bool {
    matches!(error, Error::Rejected(rejection) if matches!(**rejection, Rejection::Sasl { .. }))
}

fn is_layer(error: &Error) -> bool {
    matches!(error, Error::Rejected(rejection) if matches!(**rejection, Rejection::SecurityLayer { .. }))
}

#[test]
fn sasl_01_gssapi_is_kerberos_alone() {
    assert_eq!(client(Layers::ALL).mechanism(), Mechanism::Gssapi);
    assert_eq!("GSSAPI".parse(), Ok(Mechanism::Gssapi));
    assert!("gssapi".parse::<Mechanism>().is_err());
    // A SPNEGO token is refused.
    let spnego = [
        0x60, 0x0A, 0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02, 0xA0, 0x00,
    ];
    let refusal = server(Layers::ALL).respond(&spnego, NOW).unwrap_err();
    assert!(
        matches!(&refusal.error, Error::Rejected(r) if matches!(**r, Rejection::Mechanism { .. })),
        "{refusal:?}"
    );
    // The client comes first: without a response it is asked for one, once.
    let Step::Continue { token, next } = server(Layers::ALL).respond(b"", NOW).unwrap() else {
        panic!();
    };
    assert!(token.is_empty());
    assert!(next.respond(b"", NOW).is_err());
}

#[test]
fn sasl_02_flags_follow_the_layers() {
    let base =
        ContextFlags::MUTUAL | ContextFlags::REPLAY | ContextFlags::SEQUENCE | ContextFlags::INTEG;
    for (layers, conf) in [
        (Layers::only(Layer::None), false),
        (Layers::only(Layer::Integrity), false),
        (Layers::at_least(Layer::Integrity), true),
    ] {
        let (ours, _) = converse(client(layers), server(Layers::ALL)).unwrap();
        let flags = ours.info().flags;
        assert!(flags.contains(base));
        assert_eq!(flags.contains(ContextFlags::CONF), conf);
        let principal = &ours.info().acceptor;
        assert_eq!(principal.components().len(), 2);
    }
}

#[test]
fn sasl_04_the_offer() {
    let (_, _, offer) = before_choice(Layers::ALL, FULL).unwrap();
    assert_eq!(offer, [7, 0x01, 0x00, 0x00]);
    // No layer, no size.
    let (_, _, offer) = before_choice(Layers::only(Layer::None), FULL).unwrap();
    assert_eq!(offer, [1, 0, 0, 0]);
    // Without a token of ours it comes at once.
    let (_, _, offer) = before_choice(Layers::ALL, FULL.without(ContextFlags::MUTUAL)).unwrap();
    assert_eq!(offer, [7, 0x01, 0x00, 0x00]);
    // The response to our last token is empty.
    let Step::Continue { token, .. } = client(Layers::ALL).start(NOW).unwrap() else {
        panic!();
    };
    let Step::Continue { next, .. } = server(Layers::ALL).respond(&token, NOW).unwrap() else {
        panic!();
    };
    assert!(is_sasl(&next.respond(b"x", NOW).unwrap_err().error));
}

#[test]
fn sasl_05_the_offer_is_four_octets() {
    for offer in [&[][..], &[7], &[7, 0, 16], &[7, 0, 16, 0, 0], &[1, 0, 0, 1]] {
        let error = offered(Layers::ALL, offer).unwrap_err();
        assert!(is_sasl(&error), "{offer:?}: {error}");
    }
    let (choice, ..) = offered(Layers::ALL, &[1, 0, 0, 0]).unwrap();
    assert_eq!(choice, [1, 0, 0, 0]);
    // Not wrapped at all, and by another.
    let (client, _) = before_offer(Layers::ALL);
    assert!(client.challenge(&[7, 0, 16, 0], NOW).is_err());
}

#[test]
fn sasl_06_the_choice() {
    let (choice, session, _) = offered(Layers::ALL, &[7, 0, 16, 0]).unwrap();
    assert_eq!(choice, [4, 0x01, 0x00, 0x00]);
    assert_eq!(session.layer(), Layer::Confidentiality);
    let (choice, ..) = offered(Layers::only(Layer::None), &[7, 0, 16, 0]).unwrap();
    assert_eq!(choice, [1, 0, 0, 0]);
    // The authorization identity has no terminator.
    let client = client(Layers::ALL).authzid("bób").largest_buffer(1 << 30);
    let server = server(Layers::ALL)
        .authorize(|client, authzid| client.to_string() == "alice@EXAMPLE.COM" && authzid == "bób");
    let (ours, theirs) = converse(client, server).unwrap();
    assert_eq!(ours.authzid(), Some("bób"));
    assert_eq!(theirs.authzid(), Some("bób"));
}

#[test]
fn sasl_07_the_choice_was_offered() {
    let session = chosen(&[2, 0, 16, 0]).unwrap();
    assert_eq!(
        (session.layer(), session.authzid()),
        (Layer::Integrity, None)
    );
    assert_eq!(chosen(b"\x01\0\0\0").unwrap().layer(), Layer::None);
    for bit in [0, 3, 4, 6, 8, 0x80, 0xFF] {
        let error = chosen(&[bit, 0, 16, 0]).unwrap_err();
        assert!(is_layer(&error), "{bit}: {error}");
    }
    for choice in [
        &b""[..],
        b"\x02\0\x10",
        b"\x01\0\0\x01",
        b"\x02\0\x10\0\xFF",
        b"\x02\0\x10\0alice@EXAMPLE.COM\0",
    ] {
        let error = chosen(choice).unwrap_err();
        assert!(is_sasl(&error), "{choice:?}: {error}");
    }
    // Nobody acts for another, and everybody for himself.
    let own = chosen(b"\x02\0\x10\0alice@EXAMPLE.COM").unwrap();
    assert_eq!(own.authzid(), Some("alice@EXAMPLE.COM"));
    for authzid in ["root", "alice", "alice@example.com"] {
        let error = chosen(&[b"\x02\0\x10\0", authzid.as_bytes()].concat()).unwrap_err();
        assert!(
            matches!(&error, Error::Rejected(r) if matches!(**r, Rejection::Authorization { .. })),
            "{error}"
        );
    }
}

#[test]
fn sasl_08_layers() {
    assert_eq!(Layers::from_mask(0xF8).strongest(), None);
    // Bits without a meaning are cleared.
    let (choice, ..) = offered(Layers::ALL, &[0xFB, 0, 16, 0]).unwrap();
    assert_eq!(choice[0], 2);
    // What the context cannot serve is not offered.
    for (without, mask) in [
        (ContextFlags::CONF, 3),
        (ContextFlags::INTEG, 1),
        (ContextFlags::SEQUENCE, 1),
    ] {
        let (_, _, offer) = before_choice(Layers::ALL, FULL.without(without)).unwrap();
        assert_eq!(offer[0], mask, "{without:?}");
        let refusal =
            before_choice(Layers::only(Layer::Confidentiality), FULL.without(without)).unwrap_err();
        assert!(is_layer(&refusal.error));
    }
    for layer in [Layer::None, Layer::Integrity, Layer::Confidentiality] {
        let (mut ours, mut theirs) =
            converse(client(Layers::ALL), server(Layers::only(layer))).unwrap();
        assert_eq!((ours.layer(), theirs.layer()), (layer, layer));
        talk(&mut ours, &mut theirs);
        let (mut ours, mut theirs) =
            converse(client(Layers::only(layer)), server(Layers::ALL)).unwrap();
        assert_eq!((ours.layer(), theirs.layer()), (layer, layer));
        talk(&mut ours, &mut theirs);
        let mut sent = Vec::new();
        ours.encode(b"readable", &mut sent).unwrap();
        let readable = sent.windows(8).any(|window| window == b"readable");
        assert_eq!(readable, layer != Layer::Confidentiality);
        assert_eq!(layer.qop().parse(), Ok(layer));
        assert_eq!(Layer::from_bit(layer.bit()), Some(layer));
    }
    assert_eq!(
        "auth-conf, integrity".parse(),
        Ok(Layers::at_least(Layer::Integrity))
    );
    assert!("auth-conf,".parse::<Layers>().is_err());
    assert_eq!(Layers::ALL.to_string(), "auth-conf,auth-int,auth");
}

#[test]
fn sasl_09_only_the_next_buffer() {
    let session = || converse(client(Layers::ALL), server(Layers::ALL)).unwrap();
    let buffers = |from: &mut Session| {
        ["a", "b", "c"].map(|message| {
            let mut out = Vec::new();
            from.encode(message.as_bytes(), &mut out).unwrap();
            out
        })
    };
    let orders: [&[usize]; 3] = [&[0, 0], &[1], &[0, 2]];
    for order in orders {
        let (mut ours, mut theirs) = session();
        let sent = buffers(&mut ours);
        let (last, before) = order.split_last().unwrap();
        let mut out = Vec::new();
        for n in before {
            theirs.decode(&sent[*n], &mut out).unwrap();
        }
        let error = theirs.decode(&sent[*last], &mut out).unwrap_err();
        assert!(matches!(error, Error::Rejected(_)), "{order:?}: {error}");
        assert_eq!(out.len(), before.len());
        // It is over, whatever comes.
        assert!(theirs.decode(&sent[before.len()], &mut out).is_err());
    }
    // A message that is signed where encryption was agreed on.
    let (ours, mut theirs) = session();
    let (_, encoder, _) = ours.split();
    let mut context = encoder.into_sender();
    let token = context.wrap(Protection::Integrity, b"readable").unwrap();
    let mut sent = u32::try_from(token.len()).unwrap().to_be_bytes().to_vec();
    sent.extend_from_slice(&token);
    assert!(theirs.decode(&sent, &mut Vec::new()).is_err());
    // One bit.
    let (mut ours, mut theirs) = session();
    let mut sent = Vec::new();
    ours.encode(b"message", &mut sent).unwrap();
    *sent.last_mut().unwrap() ^= 1;
    assert!(theirs.decode(&sent, &mut Vec::new()).is_err());
}

#[test]
fn the_receiving_half_is_given_away_between_buffers_only() {
    let session = || converse(client(Layers::ALL), server(Layers::ALL)).unwrap();
    let (mut ours, theirs) = session();
    let mut sent = Vec::new();
    ours.encode(b"message", &mut sent).unwrap();
    let (_, _, decoder) = theirs.split();
    let mut receiver = decoder.into_receiver().unwrap();
    let message = receiver.unwrap(&sent[4..]).unwrap().complete().unwrap();
    assert_eq!(message, b"message");
    // In the middle of a buffer, and after a refusal.
    sent[10] ^= 1;
    for received in [&sent[..9], &sent] {
        let (_, mut theirs) = session();
        let decoded = theirs.decode(received, &mut Vec::new());
        assert_eq!(decoded.is_ok(), received.len() < sent.len());
        let (_, _, decoder) = theirs.split();
        assert!(matches!(decoder.into_receiver(), Err(Error::Misuse(_))));
    }
}

#[test]
fn sasl_10_sizes() {
    for layer in [Layer::Integrity, Layer::Confidentiality] {
        let (mut ours, mut theirs) = converse(
            client(Layers::only(layer)),
            server(Layers::ALL).largest_buffer(1000),
        )
        .unwrap();
        let largest = ours.largest_message();
        let mut sent = Vec::new();
        ours.encode(&vec![1; largest], &mut sent).unwrap();
        // RFC 4752: the size is that of the token; the prefix is beside it.
        assert_eq!(sent.len(), 4 + 1000);
        assert_eq!(sent[..4], 1000u32.to_be_bytes());
        theirs.decode(&sent, &mut Vec::new()).unwrap();
        sent.clear();
        ours.encode(&vec![1; largest + 1], &mut sent).unwrap();
        assert_eq!(sent[..4], 1000u32.to_be_bytes());
        let mut out = Vec::new();
        theirs.decode(&sent, &mut out).unwrap();
        assert_eq!(out.len(), largest + 1);
        // One octet more than was agreed on is refused with its length, before it is there.
        assert!(theirs.decode(&1001u32.to_be_bytes(), &mut out).is_err());
        let (_, mut theirs) = converse(client(Layers::only(layer)), server(Layers::ALL)).unwrap();
        assert!(theirs.decode(&u32::MAX.to_be_bytes(), &mut out).is_err());
        let (_, mut theirs) = converse(client(Layers::only(layer)), server(Layers::ALL)).unwrap();
        assert!(theirs.decode(&[0; 4], &mut out).is_err());
        // A size in which nothing fits.
        let (_, mut room, _) = before_choice(Layers::ALL, FULL).unwrap();
        let room = room.sender().room(layer.protection().unwrap()).total();
        for (size, fits) in [(room, false), (room + 1, true)] {
            let server = server(Layers::only(layer)).largest_buffer(size);
            assert_eq!(converse(client(Layers::ALL), server).is_ok(), fits);
        }
    }
}

#[test]
fn sasl_11_the_service_is_ours() {
    let ours = |service: &str, hosts: &[&str]| {
        let server = server(Layers::ALL).service(service, hosts.iter().copied());
        converse(client(Layers::ALL), server)
    };
    assert!(ours("HTTP", &["other", "WEB.example.com"]).is_ok());
    for (service, hosts) in [
        ("ldap", &["web.example.com"][..]),
        ("HTTP", &["other"]),
        ("HTTP", &[]),
        ("http", &["web.example.com"]),
    ] {
        let refusal = ours(service, hosts).unwrap_err();
        assert!(
            matches!(&refusal.error, Error::Rejected(r) if matches!(**r, Rejection::NotUs { .. })),
            "{refusal:?}"
        );
    }
}

#[test]
fn case_061_fewer_layers_than_demanded() {
    for (demanded, offer) in [
        (Layers::at_least(Layer::Integrity), &[1, 0, 0, 0][..]),
        (Layers::only(Layer::Confidentiality), &[3, 0, 16, 0]),
        (Layers::only(Layer::Confidentiality), &[1, 0, 0, 0]),
        (Layers::ALL, &[0, 0, 0, 0]),
        (Layers::ALL, &[8, 0, 0, 0]),
    ] {
        let error = offered(demanded, offer).unwrap_err();
        assert!(is_layer(&error), "{error}");
        assert_eq!(error.explain().code, "SASL_LAYER");
    }
}
