//! Tokens, MICs and states that come when they may not. Each token here is right but for its place,
//! and the reason says which rule it broke.

use super::*;
use crate::gss::token::{TokenId, frame};

fn why<T: std::fmt::Debug>(result: Result<T, Refusal>, reason: &str) {
    let text = result.unwrap_err().error.to_string();
    assert!(text.contains(reason), "{text}");
}

const EARLY_MIC: &str = "a MIC came before the mechanism was complete";

#[test]
fn neg_14_a_mic_before_there_is_a_context() {
    // With a token of another mechanism, which is not looked at.
    let token = offer(&[NTLM, KRB5], Some(b"NTLMSSP\0"), Some(b"mic"));
    why(acceptor().accept(&token, NOW), EARLY_MIC);
    // With a token after which Kerberos waits for another (GSS-03).
    let unknown = frame(TokenId(0x01FF), b"x");
    let token = offer(&[KRB5], Some(&unknown), Some(b"mic"));
    why(acceptor().accept(&token, NOW), EARLY_MIC);
    let token = offer(&[KRB5], Some(&unknown), None);
    let _ = more(acceptor().accept(&token, NOW));
    // At the initiator, in the reply that asks for its token once more.
    let (_, next) = first(initiator().both_names());
    let again = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        response_token: None,
        mech_list_mic: Some(b"mic"),
    };
    why(next.reply(&again.to_token().unwrap(), NOW), EARLY_MIC);
}

/// An acceptor that waits for the initiator's MIC alone, and the token that has it.
fn mic_is_due() -> (AwaitToken, Vec<u8>) {
    let (token, next) = first(initiator());
    let (answer, waiting) = more(acceptor().protect_list().accept(&token, NOW));
    let (last, _) = done(next.reply(&answer, NOW));
    (waiting, last.unwrap())
}

#[test]
fn neg_14_neg_23_what_comes_with_the_last_mic() {
    let (waiting, last) = mic_is_due();
    let more = NegTokenResp {
        response_token: Some(b"token"),
        ..resp(&last)
    };
    let more = more.to_token().unwrap();
    let reason = "a token came for a mechanism that is complete";
    why(waiting.accept(&more, NOW), reason);
    let (waiting, last) = mic_is_due();
    let rejects = NegTokenResp {
        neg_state: Some(NegState::Reject),
        ..resp(&last)
    };
    let error = waiting
        .accept(&rejects.to_token().unwrap(), NOW)
        .unwrap_err()
        .error;
    assert!(matches!(rejection(&error), Rejection::NegotiationRefused));
    let (waiting, last) = mic_is_due();
    let _ = done(waiting.accept(&last, NOW));
}

/// Kerberos asks for its token once more, and the acceptor says that this was the end.
#[test]
fn neg_14_called_complete_before_kerberos_is() {
    let hasty = Initiator::new(gss_initiator().retry_by_acceptors_clock());
    let (token, next) = first(hasty);
    let late = NOW.offset(600_000_000);
    let refusal = acceptor().accept(&token, late).unwrap_err();
    let answer = refusal.token.unwrap();
    let skewed = |state| {
        let answer = NegTokenResp {
            neg_state: Some(state),
            ..resp(&answer)
        };
        answer.to_token().unwrap()
    };
    let reason = "the acceptor calls complete what is not";
    why(next.reply(&skewed(NegState::AcceptCompleted), NOW), reason);
    let (_, next) = first(Initiator::new(gss_initiator().retry_by_acceptors_clock()));
    let _ = more(next.reply(&skewed(NegState::AcceptIncomplete), NOW));
}

/// The acceptor asked for MICs and for the token once more. What it says next is in `state`, with
/// the AP-REP, and with its MIC over the list if `mic`.
fn requested_and(state: NegState, mic: bool) -> Result<(), Refusal> {
    let (token, next) = first(initiator().both_names());
    let list = NegTokenInit::from_token(&token).unwrap().mech_types;
    let list = list.unwrap().as_bytes().to_vec();
    let again = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let (token, next) = more(next.reply(&again.to_token().unwrap(), NOW));
    let token = resp(&token).response_token.unwrap();
    let step = gss_acceptor().in_spnego().accept(token, NOW).unwrap();
    let Step::Established {
        token: Some(reply),
        context: mut theirs,
    } = step
    else {
        panic!();
    };
    let mic = mic.then(|| theirs.get_mic(&list).unwrap());
    let answer = response(Some(state), Some(&reply), mic.as_deref());
    next.reply(&answer, NOW).map(|_| ())
}

#[test]
fn neg_12_neg_14_a_mic_that_was_asked_for() {
    use NegState::{AcceptCompleted, AcceptIncomplete};
    requested_and(AcceptIncomplete, true).unwrap();
    let reason = "the acceptor's state and its MIC do not fit";
    why(requested_and(AcceptCompleted, true), reason);
    let missing = "the acceptor's MIC over the list of mechanisms is missing";
    why(requested_and(AcceptCompleted, false), missing);
    // Ours went out, and theirs does not come.
    let one_leg = Initiator::new(gss_initiator().flags(ONE_LEG)).both_names();
    let (_, next) = first(one_leg);
    let again = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let (token, next) = more(next.reply(&again.to_token().unwrap(), NOW));
    assert!(resp(&token).mech_list_mic.is_some());
    why(
        next.reply(&response(Some(AcceptCompleted), None, None), NOW),
        missing,
    );
}
