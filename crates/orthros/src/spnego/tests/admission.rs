//! A replay cache that is asked elsewhere, between verified and admitted (AP-48).

use std::collections::HashSet;
use std::time::Duration;

use super::*;
use crate::ap::{ReplayEntry, ReplayVerdict};
use crate::spnego::Verified;
use crate::step::Judged;

#[derive(Default)]
struct Fleet {
    seen: HashSet<[u8; 12]>,
    asked: usize,
}

type Outcome = Result<Step<AwaitToken, SecurityContext>, Refusal>;

impl Fleet {
    fn ask(&mut self, entry: &ReplayEntry) -> ReplayVerdict {
        self.asked += 1;
        match self.seen.insert(entry.tag) {
            true => ReplayVerdict::Fresh,
            false => ReplayVerdict::Seen,
        }
    }

    fn admit(
        &mut self,
        judged: Result<Judged<Verified, AwaitToken, SecurityContext>, Refusal>,
    ) -> Outcome {
        match judged? {
            Judged::Verified(verified) => {
                let verdict = self.ask(verified.entry());
                verified.admit(verdict, NOW)
            }
            Judged::Step(step) => Ok(step),
        }
    }
}

/// The NegTokenResp of a refusal, and the code of the KRB-ERROR that the initiator finds in it.
fn reason(refusal: Refusal, next: AwaitReply) -> i32 {
    let answer = refusal.token.unwrap();
    assert_eq!(resp(&answer).neg_state, Some(NegState::Reject));
    next.reply(&answer, NOW)
        .unwrap_err()
        .error
        .protocol_code()
        .0
}

#[test]
fn ap_48_a_negotiation_with_a_cache_elsewhere() {
    let initiators: [fn() -> Initiator; 3] = [
        initiator,
        || initiator().both_names(),
        || Initiator::new(gss_initiator().flags(ONE_LEG)),
    ];
    for begin in initiators {
        for protect in [false, true] {
            let acceptor = || match protect {
                true => acceptor().protect_list(),
                false => acceptor(),
            };
            let mut fleet = Fleet::default();
            let (offer, next) = first(begin());
            let mut waiting = next;
            let mut step = fleet.admit(acceptor().verify(&offer, NOW)).unwrap();
            let (mut ours, mut theirs) = loop {
                let (answer, theirs) = match step {
                    Step::Continue { token, next } => (token, Err(next)),
                    Step::Established { token, context } => (token.unwrap(), Ok(context)),
                };
                match (waiting.reply(&answer, NOW).unwrap(), theirs) {
                    (Step::Established { context, .. }, Ok(theirs)) => break (context, theirs),
                    (Step::Established { token, context }, Err(acceptor)) => {
                        let last = acceptor.verify(&token.unwrap(), NOW);
                        let (_, theirs) = done(fleet.admit(last));
                        break (context, theirs);
                    }
                    (Step::Continue { token, next }, Err(acceptor)) => {
                        waiting = next;
                        step = fleet.admit(acceptor.verify(&token, NOW)).unwrap();
                    }
                    other => panic!("{other:?}"),
                }
            };
            talk(&mut ours, &mut theirs);
            // The MICs are no requests: one context, one question.
            assert_eq!(fleet.asked, 1);
            // Another acceptor of the fleet sees the same offer.
            let refusal = fleet.admit(acceptor().verify(&offer, NOW)).unwrap_err();
            assert_eq!(refusal.error.protocol_code().0, 34);
            assert!(refusal.known.client.is_some());
        }
    }
}

/// Where the acceptor chose another mechanism than the first, the request comes with the second
/// token, and so does the question.
#[test]
fn ap_48_the_request_in_a_later_token() {
    let mut fleet = Fleet::default();
    let begin = |fleet: &mut Fleet| {
        let token = offer(&[NTLM, KRB5], Some(b"NTLMSSP\0\x01\0\0\0"), None);
        more(fleet.admit(acceptor().verify(&token, NOW))).1
    };
    let (token, waiting, _) = kerberos(ContextFlags(0x3E));
    let next = begin(&mut fleet);
    assert_eq!(fleet.asked, 0);
    let request = response(None, Some(&token), None);
    let (answer, next) = more(fleet.admit(next.verify(&request, NOW)));
    assert_eq!(fleet.asked, 1);
    let (_, mut ours) = done(
        waiting
            .unwrap()
            .reply(resp(&answer).response_token.unwrap(), NOW),
    );
    let list = mechanisms(&[NTLM, KRB5]);
    let theirs = resp(&answer).mech_list_mic.unwrap();
    ours.verify_mic(&list, theirs).unwrap().complete().unwrap();
    let mic = ours.get_mic(&list).unwrap();
    let last = response(Some(NegState::AcceptCompleted), None, Some(&mic));
    let (_, mut theirs) = done(fleet.admit(next.verify(&last, NOW)));
    talk(&mut ours, &mut theirs);
    assert_eq!(fleet.asked, 1);

    let next = begin(&mut fleet);
    let refusal = fleet.admit(next.verify(&request, NOW)).unwrap_err();
    assert_eq!(refusal.error.protocol_code().0, 34);
    assert_eq!(
        resp(&refusal.token.unwrap()).neg_state,
        Some(NegState::Reject)
    );
    // With the MIC in the same token: it is verified after the cache was asked, and a wrong one is
    // fatal all the same (NEG-14).
    for (list, right) in [
        (mechanisms(&[NTLM, KRB5]), true),
        (mechanisms(&[KRB5]), false),
    ] {
        let next = begin(&mut fleet);
        let (token, _, context) = kerberos(ONE_LEG);
        let mic = context.unwrap().get_mic(&list).unwrap();
        let outcome = fleet.admit(next.verify(&response(None, Some(&token), Some(&mic)), NOW));
        match right {
            true => assert!(resp(&done(outcome).0.unwrap()).mech_list_mic.is_some()),
            false => assert!(is_broken(&outcome.unwrap_err().error)),
        }
    }
}

/// Kerberos without SPNEGO, which an acceptor takes as well (NEG-22).
#[test]
fn ap_48_raw_kerberos_with_a_cache_elsewhere() {
    let mut fleet = Fleet::default();
    let Step::Continue { token, next } = gss_initiator().request(NOW).unwrap() else {
        panic!();
    };
    // An acceptor that spoke first asks nobody for that.
    let (_, hinted) = more(fleet.admit(acceptor().verify(b"", NOW)));
    let (answer, mut theirs) = done(fleet.admit(hinted.verify(&token, NOW)));
    let (_, mut ours) = done(next.reply(&answer.unwrap(), NOW));
    talk(&mut ours, &mut theirs);
    assert_eq!(fleet.asked, 1);
    let refusal = fleet.admit(acceptor().verify(&token, NOW)).unwrap_err();
    assert_eq!(refusal.error.protocol_code().0, 34);
    // The answer is as raw as the request was.
    assert_eq!(refusal.token.unwrap()[0], 0x60);
}

#[test]
fn ap_47_only_a_fresh_verdict_admits_a_negotiation() {
    let unavailable = || ReplayVerdict::Unavailable {
        why: "nobody answers".into(),
    };
    for (verdict, code) in [
        (ReplayVerdict::Fresh, 0),
        (ReplayVerdict::Unchecked, 0),
        (ReplayVerdict::Seen, 34),
        (ReplayVerdict::Full { entries: 7 }, 60),
        (unavailable(), 60),
        (
            ReplayVerdict::Young {
                ready: NOW.plus(Duration::from_secs(300)),
            },
            34,
        ),
    ] {
        let (token, next) = first(initiator());
        let Judged::Verified(verified) = acceptor().verify(&token, NOW).unwrap() else {
            panic!();
        };
        assert!(format!("{verified:?}").starts_with("Verified"));
        match verified.admit(verdict, NOW) {
            Ok(_) => assert_eq!(code, 0),
            Err(refusal) => assert_eq!(reason(refusal, next), code),
        }
    }
}

/// Who asks elsewhere does not fill the cache of the configuration, and who does not asks that.
#[test]
fn ap_48_one_cache_is_asked() {
    let shared = gss_acceptor();
    let acceptor = || Acceptor::new(shared.clone());
    let (token, _) = first(initiator());
    for _ in 0..2 {
        let judged = acceptor().verify(&token, NOW).unwrap();
        assert!(matches!(judged, Judged::Verified(_)));
    }
    assert!(acceptor().accept(&token, NOW).is_ok());
    let refusal = acceptor().accept(&token, NOW).unwrap_err();
    assert_eq!(refusal.error.protocol_code().0, 34);
    // What is refused for another reason is not asked about.
    let late = NOW.offset(4_000_000_000);
    let (token, next) = first(initiator());
    let refusal = acceptor().verify(&token, late).unwrap_err();
    assert_eq!(reason(refusal, next), 37);
}
