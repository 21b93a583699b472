//! Negotiations: every rule kept, and each broken alone.

use crate::ap::tests::forge::NOW;
use crate::error::{Error, Rejection};
use crate::gss::tests::exchange::{acceptor as gss_acceptor, initiator as gss_initiator};
use crate::gss::{ContextFlags, MajorStatus, Protection, Role, SecurityContext};
use crate::spnego::message::{NegState, NegTokenInit, NegTokenResp, list};
use crate::spnego::{Acceptor, AwaitReply, AwaitToken, Initiator, MechType, MechTypeList};
use crate::step::{Refusal, Step};

mod admission;
mod hostile;
mod order;
mod rules;

const NTLM: &[u8] = &[
    0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x0A,
];
const NEGOEX: &[u8] = &[
    0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x02, 0x02, 0x1E,
];
const IAKERB: &[u8] = &[0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x02, 0x05];
const KRB5: &[u8] = MechType::KRB5.as_bytes();
const MICROSOFT: &[u8] = MechType::MICROSOFT.as_bytes();

const ONE_LEG: ContextFlags = ContextFlags(0x3C);

fn initiator() -> Initiator {
    Initiator::new(gss_initiator())
}

fn acceptor() -> Acceptor {
    Acceptor::new(gss_acceptor())
}

fn first(initiator: Initiator) -> (Vec<u8>, AwaitReply) {
    match initiator.request(NOW).unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

fn more<N: std::fmt::Debug>(result: Result<Step<N, SecurityContext>, Refusal>) -> (Vec<u8>, N) {
    match result.unwrap() {
        Step::Continue { token, next } => (token, next),
        other => panic!("{other:?}"),
    }
}

fn done<N: std::fmt::Debug>(
    result: Result<Step<N, SecurityContext>, Refusal>,
) -> (Option<Vec<u8>>, SecurityContext) {
    match result.unwrap() {
        Step::Established { token, context } => (token, context),
        other => panic!("{other:?}"),
    }
}

fn resp(token: &[u8]) -> NegTokenResp<'_> {
    NegTokenResp::from_token(token).unwrap()
}

/// A list of mechanisms, DER.
fn mechanisms(elements: &[&[u8]]) -> Vec<u8> {
    let contents = elements.concat();
    [
        &[0x30, u8::try_from(contents.len()).unwrap()],
        &contents[..],
    ]
    .concat()
}

/// A NegTokenInit with this list and this token.
fn offer(elements: &[&[u8]], mech_token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
    let list = mechanisms(elements);
    NegTokenInit {
        mech_types: Some(MechTypeList::new(&list).unwrap()),
        mech_token,
        mech_list_mic: mic,
        has_hints: false,
    }
    .to_token()
    .unwrap()
}

/// The token of Kerberos, and who waits for its answer.
fn kerberos(
    flags: ContextFlags,
) -> (
    Vec<u8>,
    Option<crate::gss::AwaitReply>,
    Option<SecurityContext>,
) {
    match gss_initiator()
        .in_spnego()
        .flags(flags)
        .request(NOW)
        .unwrap()
    {
        Step::Continue { token, next } => (token, Some(next), None),
        Step::Established { token, context } => (token.unwrap(), None, Some(context)),
    }
}

fn response(state: Option<NegState>, token: Option<&[u8]>, mic: Option<&[u8]>) -> Vec<u8> {
    NegTokenResp {
        neg_state: state,
        supported_mech: None,
        response_token: token,
        mech_list_mic: mic,
    }
    .to_token()
    .unwrap()
}

fn rejection(error: &Error) -> &Rejection {
    match error {
        Error::Rejected(rejection) => rejection,
        other => panic!("{other:?}"),
    }
}

fn is_broken(error: &Error) -> bool {
    error.gss_major(Role::Initiator) == MajorStatus::DEFECTIVE_TOKEN
}

fn talk(ours: &mut SecurityContext, theirs: &mut SecurityContext) {
    for protection in [Protection::Integrity, Protection::Confidentiality] {
        let token = ours.wrap(protection, b"hello").unwrap();
        assert_eq!(theirs.unwrap(&token).unwrap().complete().unwrap(), b"hello");
        let token = theirs.wrap(protection, b"hello").unwrap();
        assert_eq!(ours.unwrap(&token).unwrap().complete().unwrap(), b"hello");
    }
}

/// Any number of legs.
fn converse(initiator: Initiator, acceptor: Acceptor) -> (SecurityContext, SecurityContext) {
    let (token, mut next) = first(initiator);
    let mut step = acceptor.accept(&token, NOW).unwrap();
    loop {
        let (answer, waiting, theirs) = match step {
            Step::Continue { token, next } => (token, Some(next), None),
            Step::Established { token, context } => (token.unwrap(), None, Some(context)),
        };
        match (next.reply(&answer, NOW).unwrap(), waiting, theirs) {
            (
                Step::Established {
                    token: None,
                    context,
                },
                None,
                Some(theirs),
            ) => return (context, theirs),
            (
                Step::Established {
                    token: Some(last),
                    context,
                },
                Some(waiting),
                None,
            ) => {
                let (token, theirs) = done(waiting.accept(&last, NOW));
                assert!(token.is_none());
                return (context, theirs);
            }
            (Step::Continue { token, next: again }, Some(waiting), None) => {
                next = again;
                step = waiting.accept(&token, NOW).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
}

/// An acceptor that chose Kerberos over the initiator's first mechanism, and waits for its token.
fn reselected(
    flags: ContextFlags,
) -> (
    Vec<u8>,
    AwaitToken,
    Vec<u8>,
    Option<crate::gss::AwaitReply>,
    Option<SecurityContext>,
) {
    let token = offer(&[NTLM, KRB5], Some(b"NTLMSSP\0\x01\0\0\0"), None);
    let (answer, next) = more(acceptor().accept(&token, NOW));
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::RequestMic));
    assert_eq!(answer.supported_mech, Some(MechType::KRB5));
    assert!(answer.response_token.is_none() && answer.mech_list_mic.is_none());
    let (token, waiting, context) = kerberos(flags);
    (token, next, mechanisms(&[NTLM, KRB5]), waiting, context)
}
