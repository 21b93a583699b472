//! What went wrong elsewhere.

use super::*;

#[test]
fn case_032_a_mic_is_seen_and_needed() {
    // Removed, cut, changed.
    for n in 0..28 {
        let (token, next, list, waiting, _) = reselected(ContextFlags(0x3E));
        let (answer, next) = more(next.accept(&response(None, Some(&token), None), NOW));
        let (_, mut ours) = done(
            waiting
                .unwrap()
                .reply(resp(&answer).response_token.unwrap(), NOW),
        );
        let mic = ours.get_mic(&list).unwrap();
        let mut changed = mic.clone();
        changed[n] ^= 1;
        for mic in [&mic[..n], &changed] {
            let last = response(Some(NegState::AcceptCompleted), None, Some(mic));
            let (token, next, ..) = reselected(ContextFlags(0x3E));
            let (_, next) = more(next.accept(&response(None, Some(&token), None), NOW));
            assert!(next.accept(&last, NOW).is_err());
        }
        let last = response(Some(NegState::AcceptCompleted), None, Some(&changed));
        assert!(next.accept(&last, NOW).is_err());
    }
    // Under 0xA4 it is not the MIC.
    let mut moved = response(Some(NegState::AcceptCompleted), None, Some(b"mic"));
    let at = moved.iter().position(|octet| *octet == 0xA3).unwrap();
    moved[at] = 0xA4;
    assert!(resp(&moved).mech_list_mic.is_none());
}

#[test]
fn case_033_every_field_undecodable() {
    for number in 0..4u8 {
        for contents in [
            &[][..],
            &[0x0A],
            &[0x0A, 1],
            &[0x04, 5, 0],
            &[0x05, 0],
            &[0x0A, 1, 0, 0],
            &[0x30, 0x80, 0, 0],
        ] {
            let len = u8::try_from(contents.len()).unwrap();
            let token = [
                &[0xA1, len + 4, 0x30, len + 2, 0xA0 + number, len][..],
                contents,
            ]
            .concat();
            assert!(NegTokenResp::from_token(&token).is_err(), "{token:x?}");
            let (_, next) = first(initiator());
            assert!(is_broken(&next.reply(&token, NOW).unwrap_err().error));
        }
    }
}

#[test]
fn case_034_framing_that_does_not_fit() {
    let token = offer(&[KRB5], None, None);
    let answer = response(Some(NegState::AcceptCompleted), None, None);
    for by in [-2i8, -1, 1, 2] {
        for at in [1, 11, 13, 15] {
            let mut token = token.clone();
            token[at] = token[at].wrapping_add_signed(by);
            assert!(
                acceptor().accept(&token, NOW).is_err(),
                "octet {at} by {by}"
            );
        }
        for at in [1, 3, 5, 7] {
            let mut answer = answer.clone();
            answer[at] = answer[at].wrapping_add_signed(by);
            assert!(
                NegTokenResp::from_token(&answer).is_err(),
                "octet {at} by {by}"
            );
        }
    }
    assert!(NegTokenInit::from_token(&[&token[..], &[0]].concat()).is_err());
}

#[test]
fn case_042_the_acceptor_picks_any_mechanism() {
    for mechanism in [
        None,
        Some(NTLM),
        Some(NEGOEX),
        Some(IAKERB),
        Some(KRB5),
        Some(MICROSOFT),
        Some(&[0x06, 0][..]),
    ] {
        for state in [
            NegState::AcceptCompleted,
            NegState::AcceptIncomplete,
            NegState::RequestMic,
            NegState::Reject,
        ] {
            let (_, next) = first(initiator());
            let answer = NegTokenResp {
                neg_state: Some(state),
                supported_mech: mechanism.map(MechType::from_element),
                ..NegTokenResp::default()
            };
            match next.reply(&answer.to_token().unwrap(), NOW) {
                // Asked again under the other name.
                Ok(Step::Continue { .. }) => assert_eq!(mechanism, Some(MICROSOFT)),
                Ok(other) => panic!("{other:?}"),
                Err(_) => {}
            }
        }
    }
}

#[test]
fn case_029_030_negoex_is_named_and_not_parsed() {
    // A header of NegoEx with every length in it, inside SPNEGO and bare.
    for octet in 0..96 {
        let mut message = vec![0; 96];
        message[..8].copy_from_slice(b"NEGOEXTS");
        message[octet] = 0xFF;
        message[..8].copy_from_slice(b"NEGOEXTS");
        let error = acceptor()
            .accept(&message[..octet.max(8)], NOW)
            .unwrap_err()
            .error;
        assert!(error.to_string().contains("NegoEx"), "{error}");
        let token = offer(&[NEGOEX], Some(&message), None);
        let error = acceptor().accept(&token, NOW).unwrap_err().error;
        assert!(error.to_string().contains("NegoEx"), "{error}");
    }
}

#[test]
fn case_048_049_empty_and_unknown_lists() {
    let init = |inner: &[u8]| {
        let len = u8::try_from(inner.len()).unwrap();
        [
            &[
                0x60,
                len + 12,
                0x06,
                0x06,
                0x2B,
                0x06,
                0x01,
                0x05,
                0x05,
                0x02,
                0xA0,
                len + 2,
                0x30,
                len,
            ][..],
            inner,
        ]
        .concat()
    };
    for inner in [
        &[][..],
        &[0xA0, 2, 0x30, 0],
        &[0xA2, 2, 0x04, 0],
        &[0xA0, 2, 0x30, 0, 0xA2, 2, 0x04, 0],
        &[0xA0, 4, 0x30, 2, 0x05, 0],
    ] {
        assert!(acceptor().accept(&init(inner), NOW).is_err(), "{inner:x?}");
    }
    // An empty token of Kerberos, unknown mechanisms only, a reply where the first token is due.
    assert!(
        acceptor()
            .accept(&offer(&[KRB5], Some(b""), None), NOW)
            .is_err()
    );
    assert!(
        acceptor()
            .accept(&offer(&[&[0x06, 0]], Some(b""), None), NOW)
            .is_err()
    );
    assert!(
        acceptor()
            .accept(&response(None, Some(b"x"), None), NOW)
            .is_err()
    );
}

#[test]
fn case_052_the_first_mechanism_is_removed() {
    // The initiator offered [NTLM, krb5]; the acceptor saw [krb5] and asked for nothing. The
    // initiator's MIC, over its own list, does not fit.
    let (token, _, context) = kerberos(ONE_LEG);
    let mic = context
        .unwrap()
        .get_mic(&mechanisms(&[NTLM, KRB5]))
        .unwrap();
    let token = offer(&[KRB5], Some(&token), Some(&mic));
    assert!(is_broken(
        &acceptor().accept(&token, NOW).unwrap_err().error
    ));
    // Ours offers [Microsoft, krb5]; the acceptor's MIC over a shorter list does not fit.
    let (token, next) = first(initiator().both_names());
    let mech_token = NegTokenInit::from_token(&token)
        .unwrap()
        .mech_token
        .unwrap()
        .to_vec();
    let shorter = offer(&[KRB5], Some(&mech_token), None);
    let (answer, _) = more(acceptor().protect_list().accept(&shorter, NOW));
    assert!(is_broken(&next.reply(&answer, NOW).unwrap_err().error));
}

#[test]
fn case_044_056_each_state_takes_its_own_message() {
    // The first message again.
    let (token, next, ..) = reselected(ContextFlags(0x3E));
    let again = offer(&[NTLM, KRB5], None, None);
    assert!(next.accept(&again, NOW).is_err());
    let (_, next, ..) = reselected(ContextFlags(0x3E));
    let (_, next) = more(next.accept(&response(None, Some(&token), None), NOW));
    // The second again, where the MIC is due.
    assert!(is_broken(
        &next
            .accept(&response(None, Some(&token), None), NOW)
            .unwrap_err()
            .error
    ));
}

#[test]
fn case_110_nesting() {
    let mut token = vec![0x30, 0];
    for _ in 0..20_000 {
        let len = u32::try_from(token.len()).unwrap().to_be_bytes();
        token.splice(0..0, [0x30, 0x84, len[0], len[1], len[2], len[3]]);
    }
    assert!(NegTokenInit::from_token(&token).is_err());
    assert!(MechTypeList::new(&token).is_err());
    let len = u32::try_from(token.len()).unwrap().to_be_bytes();
    let answer = [&[0xA1, 0x84][..], &len, &token].concat();
    assert!(NegTokenResp::from_token(&answer).is_err() || resp(&answer) == NegTokenResp::default());
    // Too many mechanisms.
    let many: Vec<u8> = [0x06, 1, 42].repeat(65);
    let list = [&[0x30, 0x81, 195][..], &many].concat();
    assert!(MechTypeList::new(&list).is_err());
}

#[test]
fn case_136_an_empty_answer() {
    let (_, next) = first(initiator());
    assert!(is_broken(&next.reply(b"", NOW).unwrap_err().error));
    let (_, next) = first(initiator());
    let empty = response(Some(NegState::AcceptCompleted), Some(b""), None);
    assert!(next.reply(&empty, NOW).is_err());
}
