//! NEG-01 to NEG-23.

use super::*;

#[test]
fn neg_01_framing() {
    let (token, _) = first(initiator());
    assert_eq!(token[0], 0x60);
    let oid = [0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];
    assert!(token.windows(8).position(|window| window == oid).unwrap() <= 4);
    let (answer, _) = done(acceptor().accept(&token, NOW));
    let answer = answer.unwrap();
    assert_eq!(answer[0], 0xA1);
    // A framed NegTokenResp is none, and neither is a bare NegTokenInit.
    let framed = [&[0x60, 8 + 4], &oid[..], &[0xA1, 2, 0x30, 0]].concat();
    let (_, next) = first(initiator());
    assert!(is_broken(&next.reply(&framed, NOW).unwrap_err().error));
    assert!(acceptor().accept(&framed, NOW).is_err());
    assert!(acceptor().accept(&[0xA0, 2, 0x30, 0], NOW).is_err());
    assert!(acceptor().accept(&answer, NOW).is_err());
}

#[test]
fn neg_02_fields() {
    // RFC 4178 §4.2: the octets of the tags, written by hand.
    let list = mechanisms(&[KRB5]);
    let token = NegTokenInit {
        mech_types: Some(MechTypeList::new(&list).unwrap()),
        mech_token: Some(b"t"),
        mech_list_mic: Some(b"m"),
        has_hints: false,
    }
    .to_token()
    .unwrap();
    let fields = [
        &[0xA0, 13][..],
        &list,
        &[0xA2, 3, 0x04, 1, b't', 0xA3, 3, 0x04, 1, b'm'],
    ]
    .concat();
    let len = u8::try_from(fields.len()).unwrap();
    let expected = [
        &[
            0x60,
            8 + 4 + len,
            0x06,
            0x06,
            0x2B,
            0x06,
            0x01,
            0x05,
            0x05,
            0x02,
            0xA0,
            2 + len,
            0x30,
            len,
        ][..],
        &fields,
    ]
    .concat();
    assert_eq!(token, expected);
    let token = response(Some(NegState::RequestMic), Some(b"t"), Some(b"m"));
    assert_eq!(
        token,
        [
            0xA1, 17, 0x30, 15, 0xA0, 3, 0x0A, 1, 3, 0xA2, 3, 0x04, 1, b't', 0xA3, 3, 0x04, 1, b'm'
        ]
    );
    // Unknown fields are ignored; known ones come once, and in order.
    let unknown = [0xA1, 12, 0x30, 10, 0xA0, 3, 0x0A, 1, 0, 0xA7, 3, 0x04, 1, 0];
    assert_eq!(resp(&unknown).neg_state, Some(NegState::AcceptCompleted));
    for damaged in [
        &[0xA1, 12, 0x30, 10, 0xA0, 3, 0x0A, 1, 0, 0xA0, 3, 0x0A, 1, 0][..],
        &[0xA1, 12, 0x30, 10, 0xA2, 3, 0x04, 1, 0, 0xA0, 3, 0x0A, 1, 0],
        &[0xA1, 7, 0x30, 5, 0xA0, 3, 0x0A, 1, 4],
        &[0xA1, 8, 0x30, 6, 0xA0, 4, 0x0A, 2, 0, 0],
    ] {
        assert!(NegTokenResp::from_token(damaged).is_err(), "{damaged:x?}");
    }
}

#[test]
fn neg_03_states() {
    // The first reply has a state.
    let (token, next) = first(initiator());
    let (answer, _) = done(acceptor().accept(&token, NOW));
    let answer = answer.unwrap();
    let stateless = NegTokenResp {
        neg_state: None,
        ..resp(&answer)
    }
    .to_token()
    .unwrap();
    assert!(is_broken(&next.reply(&stateless, NOW).unwrap_err().error));
    // request-mic only in it.
    let (_, next) = first(Initiator::new(gss_initiator().flags(ONE_LEG)).both_names());
    let again = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let (_, next) = more(next.reply(&again.to_token().unwrap(), NOW));
    let second = response(Some(NegState::RequestMic), None, Some(b"mic"));
    assert!(is_broken(&next.reply(&second, NOW).unwrap_err().error));
    // Complete, and is not.
    let (_, next) = first(initiator());
    let early = NegTokenResp {
        neg_state: Some(NegState::AcceptCompleted),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    assert!(is_broken(
        &next
            .reply(&early.to_token().unwrap(), NOW)
            .unwrap_err()
            .error
    ));
}

#[test]
fn neg_04_05_06_the_offer() {
    let (token, _) = first(initiator());
    let init = NegTokenInit::from_token(&token).unwrap();
    assert_eq!(init.mech_types.unwrap().mechanisms(), [MechType::KRB5]);
    assert!(init.mech_token.unwrap().starts_with(&[0x60]));
    assert!(init.mech_list_mic.is_none());
    // No reqFlags; theirs, DELEG and all, change nothing.
    let (mech_token, ..) = kerberos(ContextFlags(0x3E));
    let list = mechanisms(&[KRB5]);
    let fields = [
        &[0xA0, u8::try_from(list.len()).unwrap()][..],
        &list,
        &[0xA1, 4, 0x03, 2, 1, 0xFE],
        &[0xA2, 0x82],
        &u16::try_from(mech_token.len() + 4).unwrap().to_be_bytes(),
        &[0x04, 0x82],
        &u16::try_from(mech_token.len()).unwrap().to_be_bytes(),
        &mech_token,
    ]
    .concat();
    let wrap = |tag: u8, contents: &[u8]| {
        [
            &[tag, 0x82][..],
            &u16::try_from(contents.len()).unwrap().to_be_bytes(),
            contents,
        ]
        .concat()
    };
    let inner = wrap(0xA0, &wrap(0x30, &fields));
    let oid = [0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];
    let token = wrap(0x60, &[&oid[..], &inner].concat());
    let (_, context) = done(acceptor().accept(&token, NOW));
    assert!(!context.flags().contains(ContextFlags::DELEG));
}

#[test]
fn neg_07_08_the_first_listed_that_there_is() {
    // [NTLM, krb5] with a token of NTLM: it is discarded.
    let (token, next, ..) = reselected(ContextFlags(0x3E));
    let (answer, _) = more(next.accept(&response(None, Some(&token), None), NOW));
    assert!(resp(&answer).response_token.is_some());
    // Kerberos is first: its token is answered.
    let (token, _) = first(initiator());
    let (answer, _) = done(acceptor().accept(&token, NOW));
    let answer = answer.unwrap();
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::AcceptCompleted));
    assert!(answer.response_token.is_some());
    // Kerberos is first without a token: it is asked for, and nothing has to be protected.
    let (answer, next) = more(acceptor().accept(&offer(&[KRB5, NTLM], None, None), NOW));
    assert_eq!(resp(&answer).neg_state, Some(NegState::AcceptIncomplete));
    let (token, ..) = kerberos(ContextFlags(0x3E));
    let (answer, _) = done(next.accept(&response(None, Some(&token), None), NOW));
    let answer = answer.unwrap();
    assert_eq!(resp(&answer).neg_state, Some(NegState::AcceptCompleted));
    assert!(resp(&answer).supported_mech.is_none());
    // Nothing that there is: it is named.
    let token = offer(&[NTLM, NEGOEX, IAKERB], Some(b"NTLMSSP\0"), None);
    let refusal = acceptor().accept(&token, NOW).unwrap_err();
    assert_eq!(
        refusal.error.gss_major(Role::Acceptor),
        MajorStatus::BAD_MECH
    );
    let explained = refusal.error.explain();
    assert_eq!(explained.code, "SPNEGO_NO_COMMON_MECHANISM");
    for name in ["NTLM", "NegoEx", "IAKERB"] {
        assert!(explained.message.contains(name), "{}", explained.message);
    }
    assert_eq!(
        resp(&refusal.token.unwrap()).neg_state,
        Some(NegState::Reject)
    );
}

#[test]
fn neg_09_supported_mech() {
    for state in [
        NegState::AcceptCompleted,
        NegState::AcceptIncomplete,
        NegState::RequestMic,
    ] {
        let (_, next) = first(initiator());
        let other = NegTokenResp {
            neg_state: Some(state),
            supported_mech: Some(MechType::from_element(NTLM)),
            ..NegTokenResp::default()
        };
        let error = next
            .reply(&other.to_token().unwrap(), NOW)
            .unwrap_err()
            .error;
        assert!(
            matches!(rejection(&error), Rejection::Mechanism { .. }),
            "{error}"
        );
        assert!(error.to_string().contains("NTLM"));
    }
    // Once only.
    let (token, next, ..) = reselected(ContextFlags(0x3E));
    let twice = NegTokenResp {
        supported_mech: Some(MechType::KRB5),
        response_token: Some(&token),
        ..NegTokenResp::default()
    };
    assert!(is_broken(
        &next
            .accept(&twice.to_token().unwrap(), NOW)
            .unwrap_err()
            .error
    ));
}

#[test]
fn neg_10_13_mics_when_the_last_token_is_the_acceptors() {
    let (token, next, list, waiting, _) = reselected(ContextFlags(0x3E));
    let (answer, next) = more(next.accept(&response(None, Some(&token), None), NOW));
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::AcceptIncomplete));
    let (_, mut ours) = done(waiting.unwrap().reply(answer.response_token.unwrap(), NOW));
    ours.verify_mic(&list, answer.mech_list_mic.unwrap())
        .unwrap()
        .complete()
        .unwrap();
    let mic = ours.get_mic(&list).unwrap();
    let last = response(Some(NegState::AcceptCompleted), None, Some(&mic));
    let (token, mut theirs) = done(next.accept(&last, NOW));
    assert!(token.is_none());
    talk(&mut ours, &mut theirs);
}

#[test]
fn neg_11_the_list_as_it_was_sent() {
    // Over another list, and over the list with the tag of its field.
    for other in [
        mechanisms(&[KRB5]),
        mechanisms(&[KRB5, NTLM]),
        [&[0xA0, 25][..], &mechanisms(&[NTLM, KRB5])].concat(),
    ] {
        let (token, next, _, waiting, _) = reselected(ContextFlags(0x3E));
        let (answer, next) = more(next.accept(&response(None, Some(&token), None), NOW));
        let (_, mut ours) = done(
            waiting
                .unwrap()
                .reply(resp(&answer).response_token.unwrap(), NOW),
        );
        let mic = ours.get_mic(&other).unwrap();
        let last = response(Some(NegState::AcceptCompleted), None, Some(&mic));
        assert!(is_broken(&next.accept(&last, NOW).unwrap_err().error));
    }
    // A length that is not minimal is not DER.
    assert!(MechTypeList::new(&[&[0x30, 0x81, 11][..], KRB5].concat()).is_err());
}

#[test]
fn neg_12_a_mic_that_is_stripped() {
    // From the initiator's last token.
    let (token, next, ..) = reselected(ContextFlags(0x3E));
    let (_, next) = more(next.accept(&response(None, Some(&token), None), NOW));
    let last = response(Some(NegState::AcceptCompleted), None, None);
    assert!(is_broken(&next.accept(&last, NOW).unwrap_err().error));
    // From the acceptor's.
    let (token, next) = first(initiator());
    let (answer, _) = more(acceptor().protect_list().accept(&token, NOW));
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::RequestMic));
    let stripped = NegTokenResp {
        mech_list_mic: None,
        ..answer
    };
    assert!(is_broken(
        &next
            .reply(&stripped.to_token().unwrap(), NOW)
            .unwrap_err()
            .error
    ));
}

#[test]
fn neg_14_mics_when_the_last_token_is_the_initiators() {
    let (token, next, list, _, context) = reselected(ONE_LEG);
    let mut ours = context.unwrap();
    let mic = ours.get_mic(&list).unwrap();
    let (answer, mut theirs) = done(next.accept(&response(None, Some(&token), Some(&mic)), NOW));
    let answer = answer.unwrap();
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::AcceptCompleted));
    ours.verify_mic(&list, answer.mech_list_mic.unwrap())
        .unwrap()
        .complete()
        .unwrap();
    talk(&mut ours, &mut theirs);
    // A wrong one, and none at all: never complete without it.
    let (token, next, _, _, context) = reselected(ONE_LEG);
    let mic = context.unwrap().get_mic(b"another").unwrap();
    assert!(
        next.accept(&response(None, Some(&token), Some(&mic)), NOW)
            .is_err()
    );
    let (token, next, ..) = reselected(ONE_LEG);
    let (_, next) = more(next.accept(&response(None, Some(&token), None), NOW));
    assert!(
        next.accept(&response(Some(NegState::AcceptCompleted), None, None), NOW)
            .is_err()
    );
}

#[test]
fn neg_15_one_leg_and_the_acceptor_wants_mics() {
    let one_leg = || Initiator::new(gss_initiator().flags(ONE_LEG));
    let (token, next) = first(one_leg());
    let (answer, _) = more(acceptor().protect_list().accept(&token, NOW));
    let answer = resp(&answer);
    assert_eq!(answer.neg_state, Some(NegState::RequestMic));
    assert!(answer.mech_list_mic.is_some() && answer.response_token.is_none());
    let stripped = NegTokenResp {
        mech_list_mic: None,
        ..answer
    };
    assert!(is_broken(
        &next
            .reply(&stripped.to_token().unwrap(), NOW)
            .unwrap_err()
            .error
    ));
    for initiator in [one_leg(), initiator()] {
        let (mut ours, mut theirs) = converse(initiator, acceptor().protect_list());
        talk(&mut ours, &mut theirs);
    }
}

#[test]
fn neg_16_not_required_is_not_sent_and_wrong_is_fatal() {
    let (token, next) = first(initiator());
    let (answer, _) = done(acceptor().accept(&token, NOW));
    let answer = answer.unwrap();
    let answer = resp(&answer);
    assert!(answer.mech_list_mic.is_none());
    let wrong = NegTokenResp {
        mech_list_mic: Some(&[4; 28]),
        ..answer
    };
    assert!(is_broken(
        &next
            .reply(&wrong.to_token().unwrap(), NOW)
            .unwrap_err()
            .error
    ));
    // At the acceptor; and a right one is answered with ours.
    let list = mechanisms(&[KRB5]);
    let (token, _, context) = kerberos(ONE_LEG);
    let mut ours = context.unwrap();
    let right = ours.get_mic(&list).unwrap();
    let (answer, _) = done(acceptor().accept(&offer(&[KRB5], Some(&token), Some(&right)), NOW));
    assert!(resp(&answer.unwrap()).mech_list_mic.is_some());
    let (token, _, context) = kerberos(ONE_LEG);
    let wrong = context.unwrap().get_mic(b"another").unwrap();
    let token = offer(&[KRB5], Some(&token), Some(&wrong));
    assert!(is_broken(
        &acceptor().accept(&token, NOW).unwrap_err().error
    ));
}

#[test]
fn neg_17_a_mic_takes_a_number() {
    let (mut ours, mut theirs) = converse(initiator(), acceptor().protect_list());
    let (info, ours_seq) = (ours.info().keys.initiator_seq, ours.sender().next_number());
    assert_eq!(ours_seq, u64::from(info) + 1);
    assert_eq!(
        theirs.sender().next_number(),
        u64::from(theirs.info().keys.acceptor_seq) + 1
    );
    talk(&mut ours, &mut theirs);
    // The acceptor's own MIC, sent back to it; the initiator's, once more.
    let (token, next, _, _, _) = reselected(ContextFlags(0x3E));
    let (answer, next) = more(next.accept(&response(None, Some(&token), None), NOW));
    let echo = response(
        Some(NegState::AcceptCompleted),
        None,
        resp(&answer).mech_list_mic,
    );
    assert!(is_broken(&next.accept(&echo, NOW).unwrap_err().error));
}

#[test]
fn neg_18_no_context_before_the_end() {
    // With request-mic the acceptor's first answer gives none, though Kerberos is complete.
    let (token, _) = first(initiator());
    let (_, next) = more(acceptor().protect_list().accept(&token, NOW));
    assert_eq!(format!("{next:?}"), "AwaitToken(NegTokenResp with a MIC)");
    // Without MUTUAL, Kerberos is complete at once and the negotiation is not.
    let _ = first(Initiator::new(gss_initiator().flags(ONE_LEG)));
}

#[test]
fn neg_19_both_names_of_kerberos() {
    for (list, echoed) in [
        (&[MICROSOFT, KRB5, NTLM][..], MechType::MICROSOFT),
        (&[MICROSOFT], MechType::MICROSOFT),
        (&[KRB5, MICROSOFT], MechType::KRB5),
    ] {
        let (token, ..) = kerberos(ContextFlags(0x3E));
        let (answer, _) = done(acceptor().accept(&offer(list, Some(&token), None), NOW));
        let answer = answer.unwrap();
        assert_eq!(resp(&answer).supported_mech, Some(echoed));
        assert_eq!(resp(&answer).neg_state, Some(NegState::AcceptCompleted));
    }
    // An initiator takes either.
    for chosen in [MechType::KRB5, MechType::MICROSOFT] {
        for both in [false, true] {
            let initiator = match both {
                true => initiator().both_names(),
                false => initiator(),
            };
            let (token, next) = first(initiator);
            let (answer, mut theirs) = done(acceptor().accept(&token, NOW));
            let answer = answer.unwrap();
            let answer = NegTokenResp {
                supported_mech: Some(chosen),
                ..resp(&answer)
            };
            let (token, mut ours) = done(next.reply(&answer.to_token().unwrap(), NOW));
            assert!(token.is_none());
            talk(&mut ours, &mut theirs);
        }
    }
    // An acceptor that knows one name discards the token under the other and asks for it again.
    let (token, next) = first(initiator().both_names());
    let asks = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let (again, next) = more(next.reply(&asks.to_token().unwrap(), NOW));
    let mech_token = NegTokenInit::from_token(&token)
        .unwrap()
        .mech_token
        .unwrap()
        .to_vec();
    assert_eq!(resp(&again).response_token, Some(&mech_token[..]));
    let Step::Established { token, context } = gss_acceptor().accept(&mech_token, NOW).unwrap()
    else {
        panic!();
    };
    let mut theirs = context;
    let list = list(&[MechType::MICROSOFT, MechType::KRB5]).unwrap();
    let mic = theirs.get_mic(&list).unwrap();
    let answer = response(
        Some(NegState::AcceptIncomplete),
        token.as_deref(),
        Some(&mic),
    );
    let (last, mut ours) = done(next.reply(&answer, NOW));
    let last = last.unwrap();
    theirs
        .verify_mic(&list, resp(&last).mech_list_mic.unwrap())
        .unwrap()
        .complete()
        .unwrap();
    talk(&mut ours, &mut theirs);
}

#[test]
fn neg_20_no_other_mechanism() {
    for other in [NTLM, NEGOEX, IAKERB] {
        for state in [NegState::AcceptIncomplete, NegState::RequestMic] {
            let (_, next) = first(initiator().both_names());
            let counter = NegTokenResp {
                neg_state: Some(state),
                supported_mech: Some(MechType::from_element(other)),
                response_token: Some(b"NTLMSSP\0\x02\0\0\0"),
                ..NegTokenResp::default()
            };
            assert!(next.reply(&counter.to_token().unwrap(), NOW).is_err());
        }
    }
}

#[test]
fn neg_21_the_acceptor_speaks_first() {
    let (hint, next) = more(acceptor().accept(b"", NOW));
    let text = b"not_defined_in_RFC4178@please_ignore";
    assert!(hint.windows(text.len()).any(|window| window == text));
    let parsed = NegTokenInit::from_token(&hint).unwrap();
    assert!(parsed.has_hints && parsed.mech_token.is_none());
    let names = Initiator::hinted(&hint).unwrap();
    assert!(
        names.iter().all(|name| name.starts_with("Kerberos")),
        "{names:?}"
    );
    let (token, waiting) = first(initiator());
    let (answer, mut theirs) = done(next.accept(&token, NOW));
    let (_, mut ours) = done(waiting.reply(&answer.unwrap(), NOW));
    talk(&mut ours, &mut theirs);
    let (_, next) = more(acceptor().accept(b"", NOW));
    assert!(next.accept(b"", NOW).is_err());
}

#[test]
fn neg_22_dispatch() {
    // Kerberos itself.
    let Step::Continue { token, next } = gss_initiator().request(NOW).unwrap() else {
        panic!();
    };
    let (answer, mut theirs) = done(acceptor().accept(&token, NOW));
    let (_, mut ours) = done(next.reply(&answer.unwrap(), NOW));
    talk(&mut ours, &mut theirs);
    for (token, word) in [
        (&b"NTLMSSP\0\x01\0\0\0"[..], "NTLM"),
        (b"NEGOEXTS\0\0\0\0", "NegoEx"),
        (
            &[0x60, 8, 0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x02, 0x05][..],
            "IAKERB",
        ),
        (b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
        (&[0xA1, 2, 0x30, 0], "NegTokenResp"),
        (&[0xA0, 2, 0x30, 0], "NegTokenInit"),
        (b"\x01\x02\x03", "first octet"),
    ] {
        let refusal = acceptor().accept(token, NOW).unwrap_err();
        let text = format!("{}", refusal.error);
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn neg_23_reject_is_the_end() {
    let (_, next) = first(initiator());
    let reject = response(Some(NegState::Reject), None, None);
    let error = next.reply(&reject, NOW).unwrap_err().error;
    assert_eq!(error.gss_major(Role::Initiator), MajorStatus::BAD_MECH);
    // With the reason, if there is one.
    let late = NOW.offset(4_000_000_000);
    let (token, next) = first(initiator());
    let refusal = acceptor().accept(&token, late).unwrap_err();
    let answer = refusal.token.unwrap();
    assert_eq!(resp(&answer).neg_state, Some(NegState::Reject));
    let error = next.reply(&answer, NOW).unwrap_err().error;
    assert_eq!(error.protocol_code().0, 37, "{error}");
}
