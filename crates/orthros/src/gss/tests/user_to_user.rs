//! User-to-user, in the plain mechanism and in the one that asks for the TGT.

use std::sync::LazyLock;

use super::exchange::{acceptor, credentials};
use super::unhex;
use crate::ap;
use crate::ap::tests::forge::{AES256, Forge, NOW, key, principal};
use crate::credentials::Credentials;
use crate::crypto::Key;
use crate::error::{Error, Rejection};
use crate::gss::token::{TokenId, USER_TO_USER_OID, frame, frame_as, unframe, unframe_of};
use crate::gss::{
    Acceptor, AskTgt, AwaitToken, Initiator, MajorStatus, Protection, Role, SecurityContext,
};
use crate::step::Step;
use crate::wire::primitive::{from_der, to_der};
use crate::wire::{ApOptions, ApReq, KerbTgtReply, KerbTgtRequest, Message, Raw};

/// The session key of the acceptor's TGT.
fn tgt_key() -> Key {
    key(AES256, 42)
}

/// The acceptor's TGT, for which nothing opens here.
fn tgt() -> Vec<u8> {
    static TGT: LazyLock<Vec<u8>> = LazyLock::new(|| {
        let forge = Forge {
            server: principal("krbtgt/EXAMPLE.COM@EXAMPLE.COM"),
            ..Forge::right()
        };
        forge.ticket()
    });
    TGT.clone()
}

/// A ticket under the session key of the acceptor's TGT.
fn ticket() -> Credentials {
    let forge = Forge {
        service_key: tgt_key(),
        kvno: None,
        ..Forge::right()
    };
    Credentials {
        second_ticket: Some(tgt()),
        ..credentials(&forge)
    }
}

fn user_acceptor() -> Acceptor {
    let config = Forge::right().config().user_to_user_only(tgt_key());
    Acceptor::new(ap::Acceptor::new(config))
}

fn converse(mut ours: SecurityContext, mut theirs: SecurityContext) {
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let token = ours.wrap(protection, b"one").unwrap();
        assert_eq!(theirs.unwrap(&token).unwrap().complete().unwrap(), b"one");
        let token = theirs.wrap(protection, b"two").unwrap();
        assert_eq!(ours.unwrap(&token).unwrap().complete().unwrap(), b"two");
    }
}

/// AP-07, AP-78: the option is there, the ticket opens with the TGT's session key, and the context is
/// one like others.
#[test]
fn ap_78_a_context_under_the_acceptors_tgt() {
    let Step::Continue { token, next } = Initiator::new(ticket()).request(NOW).unwrap() else {
        panic!()
    };
    let request = ApReq::from_bytes(unframe(&token).unwrap().1).unwrap();
    assert!(request.ap_options.contains(ApOptions::USE_SESSION_KEY));
    let accepted = user_acceptor().accept(&token, NOW).unwrap();
    let Step::Established { token, context } = accepted else {
        panic!()
    };
    let theirs = context;
    let Step::Established { context, .. } = next.reply(&token.unwrap(), NOW).unwrap() else {
        panic!()
    };
    assert_eq!(theirs.peer().unwrap().keytab_entry(), None);
    converse(context, theirs);
}

/// The messages as the draft's ASN.1 has them.
#[test]
fn ap_78_request_and_reply_octets() {
    let (token, _) = AskTgt::new().request().unwrap();
    assert_eq!(
        token,
        unhex("601a060a2a864886f712010202030400300aa003020105a103020110")
    );
    let server = principal("TERMSRV/host@R");
    let (token, _) = AskTgt::new().server(server).request().unwrap();
    assert_eq!(
        token,
        unhex(
            "603b060a2a864886f712010202030400302ba003020105a103020110\
             a21a3018a003020103a111300f1b075445524d5352561b04686f7374a3031b0152"
        )
    );
    let Step::Continue { token, .. } = user_acceptor()
        .user_to_user_mechanism(tgt())
        .accept(&token, NOW)
        .unwrap()
    else {
        panic!()
    };
    let (_, id, message) = unframe_of(&token, &[&USER_TO_USER_OID]).unwrap();
    assert_eq!(id, TokenId(0x0401));
    let reply: KerbTgtReply<'_> = from_der("reply", message).unwrap();
    assert_eq!((reply.pvno, reply.msg_type), (5, 17));
    assert_eq!(reply.ticket.as_bytes(), tgt());
}

#[test]
fn ap_78_the_mechanism_that_asks_for_the_tgt() {
    for in_spnego in [false, true] {
        let mut acceptor = user_acceptor().user_to_user_mechanism(tgt());
        if in_spnego {
            acceptor = acceptor.in_spnego();
        }
        let (token, next) = AskTgt::new().request().unwrap();
        let Step::Continue {
            token,
            next: acceptor,
        } = acceptor.accept(&token, NOW).unwrap()
        else {
            panic!()
        };
        assert_eq!(next.reply(&token, NOW).unwrap(), tgt());
        // Not a second time.
        let AwaitToken::First(acceptor) = acceptor else {
            panic!()
        };
        let (again, _) = AskTgt::new().request().unwrap();
        let Step::Continue { token, .. } = acceptor.clone().accept(&again, NOW).unwrap() else {
            panic!()
        };
        let (_, id, _) = unframe_of(&token, &[&USER_TO_USER_OID]).unwrap();
        assert_eq!(id, TokenId::KRB_ERROR);
        let mut initiator = Initiator::new(ticket()).user_to_user_mechanism();
        if in_spnego {
            initiator = initiator.in_spnego();
        }
        let Step::Continue { token, next } = initiator.request(NOW).unwrap() else {
            panic!()
        };
        assert!(unframe(&token).is_err());
        assert!(unframe_of(&token, &[&USER_TO_USER_OID]).is_ok());
        let Step::Established { token, context } = acceptor.accept(&token, NOW).unwrap() else {
            panic!()
        };
        let theirs = context;
        let Step::Established { context, .. } = next.reply(&token.unwrap(), NOW).unwrap() else {
            panic!()
        };
        converse(context, theirs);
    }
}

#[test]
fn ap_79_what_the_mechanism_refuses() {
    let (ask, _) = AskTgt::new().request().unwrap();
    // An acceptor that does not speak it.
    let refusal = acceptor().accept(&ask, NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::BAD_MECH
    );
    let explained = format!("{:?}", refusal.error.explain());
    assert!(explained.contains("user-to-user"), "{explained}");
    // The request under Kerberos' own name.
    let (_, _, message) = unframe_of(&ask, &[&USER_TO_USER_OID]).unwrap();
    let offering = || user_acceptor().user_to_user_mechanism(tgt());
    let token = frame(TokenId::TGT_REQUEST, message);
    let Step::Continue { token, .. } = offering().accept(&token, NOW).unwrap() else {
        panic!()
    };
    assert_eq!(unframe(&token).unwrap().0, TokenId::KRB_ERROR);
    // Damaged ones: each prefix, octets behind it, another version, another type.
    let as_request = |message: &[u8]| frame_as(&USER_TO_USER_OID, TokenId::TGT_REQUEST, message);
    for len in 0..message.len() {
        assert!(
            offering()
                .accept(&as_request(&message[..len]), NOW)
                .is_err()
        );
    }
    let more = [message, &[0]].concat();
    assert!(offering().accept(&as_request(&more), NOW).is_err());
    for (pvno, msg_type) in [(4, 16), (5, 17), (5, 14)] {
        let request = KerbTgtRequest {
            pvno,
            msg_type,
            server_name: None,
            realm: None,
        };
        let request = as_request(&to_der("request", &request).unwrap());
        assert!(offering().accept(&request, NOW).is_err(), "{msg_type}");
    }
    // An ordinary ticket in this mechanism.
    let ordinary = Initiator::new(credentials(&Forge::right())).user_to_user_mechanism();
    assert!(matches!(ordinary.request(NOW), Err(Error::Misuse(_))));
}

#[test]
fn ap_79_what_the_initiator_refuses() {
    let reply = |pvno, msg_type, ticket: &[u8]| {
        let reply = KerbTgtReply {
            pvno,
            msg_type,
            ticket: Raw::new(ticket).unwrap(),
        };
        frame_as(
            &USER_TO_USER_OID,
            TokenId::TGT_REPLY,
            &to_der("reply", &reply).unwrap(),
        )
    };
    let awaiting = || AskTgt::new().request().unwrap().1;
    let good = reply(5, 17, &tgt());
    assert_eq!(awaiting().reply(&good, NOW).unwrap(), tgt());
    for len in 0..good.len() {
        assert!(awaiting().reply(&good[..len], NOW).is_err());
    }
    for bad in [
        reply(4, 17, &tgt()),
        reply(5, 16, &tgt()),
        // A ticket that is no TGT, and what is no ticket.
        reply(5, 17, &Forge::right().ticket()),
        reply(5, 17, &[0x04, 0]),
        frame(
            TokenId::TGT_REPLY,
            unframe_of(&good, &[&USER_TO_USER_OID]).unwrap().2,
        ),
        frame_as(&USER_TO_USER_OID, TokenId::AP_REP, b""),
        [&good[..], &[0]].concat(),
    ] {
        let error = awaiting().reply(&bad, NOW).unwrap_err();
        assert!(!matches!(error, Error::Peer(_)), "{error}");
    }
    // The acceptor has no TGT to give, and says so.
    let config = Forge::right().config();
    let refusal = config.refusal(Rejection::NoTgt.into(), &ap::Known::default(), NOW);
    let told = frame_as(
        &USER_TO_USER_OID,
        TokenId::KRB_ERROR,
        &refusal.token.unwrap(),
    );
    let error = awaiting().reply(&told, NOW).unwrap_err();
    assert!(matches!(error, Error::Peer(_)), "{error}");
    assert_eq!(error.protocol_code().0, 67);
    // The AP-REP of another mechanism.
    let Step::Continue { next, .. } = Initiator::new(ticket())
        .user_to_user_mechanism()
        .request(NOW)
        .unwrap()
    else {
        panic!()
    };
    let refusal = next.reply(&frame(TokenId::AP_REP, b"\x6F\x00"), NOW);
    assert_eq!(
        refusal.unwrap_err().error.gss_major(Role::Initiator),
        MajorStatus::BAD_MECH
    );
}
