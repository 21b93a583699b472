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
    // The acceptor's, at the initiator.
    let (token, _) = first(initiator());
    let (answer, _) = more(acceptor().protect_list().accept(&token, NOW));
    let whole = resp(&answer);
    let mic = whole.mech_list_mic.unwrap();
    for n in 0..mic.len() {
        let mut changed = mic.to_vec();
        changed[n] ^= 1;
        for mic in [&mic[..n], &changed] {
            // An answer to this very request, so that the MIC alone is wrong.
            let (token, next) = first(initiator());
            let (answer, _) = more(acceptor().protect_list().accept(&token, NOW));
            let mut right = resp(&answer).mech_list_mic.unwrap().to_vec();
            match mic.len() < right.len() {
                true => right.truncate(mic.len()),
                false => right[n] ^= 1,
            }
            let wrong = NegTokenResp {
                mech_list_mic: Some(&right),
                ..resp(&answer)
            };
            assert!(is_broken(
                &next
                    .reply(&wrong.to_token().unwrap(), NOW)
                    .unwrap_err()
                    .error
            ));
        }
    }
    // Under 0xA4 it is not the MIC.
    let mut moved = response(Some(NegState::AcceptCompleted), None, Some(b"mic"));
    let at = moved.iter().position(|octet| *octet == 0xA3).unwrap();
    moved[at] = 0xA4;
    assert!(resp(&moved).mech_list_mic.is_none());
}

/// The octets of RFC 4178 §4.2, by hand: which number is which field.
#[test]
fn case_032_golden_tag_numbers() {
    let golden = [
        &[0xA1, 0x22, 0x30, 0x20][..],
        &[0xA0, 0x03, 0x0A, 0x01, 0x03],
        &[0xA1, 0x0B],
        KRB5,
        &[0xA2, 0x04, 0x04, 0x02, b't', b'o'],
        &[0xA3, 0x06, 0x04, 0x04, b'm', b'i', b'c', b'!'],
    ]
    .concat();
    let parsed = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        response_token: Some(b"to"),
        mech_list_mic: Some(b"mic!"),
    };
    assert_eq!(resp(&golden), parsed);
    assert_eq!(parsed.to_token().unwrap(), golden);
    let list = mechanisms(&[KRB5]);
    let frame = |fields: &[&[u8]]| {
        let fields = fields.concat();
        let len = u8::try_from(fields.len()).unwrap();
        let oid = [0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];
        let frame = [&[0x60, len + 12][..], &oid, &[0xA0, len + 2, 0x30, len]];
        [frame.concat(), fields].concat()
    };
    let token = &[0xA2, 0x04, 0x04, 0x02, b't', b'o'][..];
    let third = &[0xA3, 0x05, 0x04, 0x03, b'm', b'i', b'c'][..];
    let fourth = &[0xA4, 0x05, 0x04, 0x03, b'm', b'i', b'c'][..];
    let hints = &[0xA3, 0x02, 0x30, 0x00][..];
    let types = [&[0xA0, 13][..], &list].concat();
    // mechListMIC has the number 3, and 4 only behind negHints (MS-SPNG).
    for (fields, mic, has_hints) in [
        (&[&types[..], token, third][..], true, false),
        (&[&types, token, fourth], false, false),
        (&[&types, token, hints, fourth], true, true),
        (&[&types, token, hints], false, true),
    ] {
        let framed = frame(fields);
        let init = NegTokenInit::from_token(&framed).unwrap();
        assert_eq!(init.mech_token, Some(&b"to"[..]));
        assert_eq!(init.mech_list_mic.is_some(), mic);
        assert_eq!(init.has_hints, has_hints);
        assert_eq!(init.mech_types.unwrap().as_bytes(), list);
    }
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
            // Where a token of the mechanism is due, and where a MIC is.
            let (request, next, ..) = reselected(ContextFlags(0x3E));
            let error = next.accept(&token, NOW).unwrap_err().error;
            assert!(matches!(error, Error::Malformed(_)), "{error}");
            let (_, next, ..) = reselected(ContextFlags(0x3E));
            let (_, next) = more(next.accept(&response(None, Some(&request), None), NOW));
            let error = next.accept(&token, NOW).unwrap_err().error;
            assert!(matches!(error, Error::Malformed(_)), "{error}");
            // The same in the first token; reqFlags, the second field, is not looked at (NEG-06).
            let fields = [&[0xA0 + number, len][..], contents].concat();
            let inner = u8::try_from(fields.len()).unwrap();
            let oid = [0x06, 0x06, 0x2B, 0x06, 0x01, 0x05, 0x05, 0x02];
            let init = [
                &[0x60, inner + 12][..],
                &oid,
                &[0xA0, inner + 2, 0x30, inner],
                &fields,
            ]
            .concat();
            assert_eq!(NegTokenInit::from_token(&init).is_ok(), number == 1);
            let error = acceptor().accept(&init, NOW).unwrap_err().error;
            assert!(matches!(error, Error::Malformed(_)), "{error}");
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
                Err(refusal) => {
                    let refused =
                        matches!(rejection(&refusal.error), Rejection::NegotiationRefused);
                    let named = matches!(rejection(&refusal.error), Rejection::Mechanism { .. });
                    let kerberos = [None, Some(KRB5), Some(MICROSOFT)].contains(&mechanism);
                    assert_eq!(refused, state == NegState::Reject);
                    assert_eq!(named, !kerberos && !refused, "{mechanism:?} {state:?}");
                }
            }
        }
    }
}

/// A NegoEx message (MS-NEGOEX §2.2): a header of 40 octets with its own and the message's length,
/// then what the type has; vectors have an offset and a count.
fn negoex(message_type: u32, header_len: u32, message_len: u32, rest: &[u8]) -> Vec<u8> {
    [
        &b"NEGOEXTS"[..],
        &message_type.to_le_bytes(),
        &0u32.to_le_bytes(),
        &header_len.to_le_bytes(),
        &message_len.to_le_bytes(),
        &[0x11; 16],
        rest,
    ]
    .concat()
}

/// Bare, as the optimistic token of its mechanism, and as the token of an acceptor.
fn negoex_is_named(message: &[u8]) {
    let bare = acceptor().accept(message, NOW).unwrap_err();
    let offered = acceptor()
        .accept(&offer(&[NEGOEX], Some(message), None), NOW)
        .unwrap_err();
    let reject = resp(offered.token.as_deref().unwrap()).neg_state;
    assert_eq!(reject, Some(NegState::Reject));
    let (_, next) = first(initiator());
    let chosen = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::from_element(NEGOEX)),
        response_token: Some(message),
        mech_list_mic: None,
    };
    let chosen = next.reply(&chosen.to_token().unwrap(), NOW).unwrap_err();
    for error in [bare.error, offered.error, chosen.error] {
        assert!(error.to_string().contains("NegoEx"), "{error}");
    }
    // Beside Kerberos it is discarded and never looked at (NEG-08).
    let beside = offer(&[NEGOEX, KRB5], Some(message), None);
    let (answer, _) = more(acceptor().accept(&beside, NOW));
    assert_eq!(resp(&answer).supported_mech, Some(MechType::KRB5));
    // Nor is it Kerberos under the name of Kerberos.
    let renamed = offer(&[KRB5], Some(message), None);
    assert!(acceptor().accept(&renamed, NOW).is_err());
}

#[test]
fn case_029_negoex_vectors_out_of_range() {
    // A random number, a version, and two vectors: of authentication schemes and of extensions.
    let fields = |schemes: [u32; 2], extensions: [u32; 2]| {
        let vectors = [schemes[0], schemes[1], extensions[0], extensions[1]];
        let vectors = vectors.map(u32::to_le_bytes).concat();
        [&[0x22; 32][..], &[0; 8], &vectors, &[0x33; 16]].concat()
    };
    let len = 40 + 32 + 8 + 16 + 16;
    let good = [96, 1];
    negoex_is_named(&negoex(0, 96, len, &fields(good, [0, 0])));
    for wrong in [
        [0, 1],
        [95, 1],
        [97, 1],
        [112, 1],
        [u32::MAX, 1],
        [96, 2],
        [96, 0x8000],
        [96, u32::MAX],
        [u32::MAX, u32::MAX],
        [0x8000_0000, 0x8000_0000],
    ] {
        negoex_is_named(&negoex(0, 96, len, &fields(wrong, [0, 0])));
        negoex_is_named(&negoex(0, 96, len, &fields(good, wrong)));
    }
}

#[test]
fn case_030_negoex_header_lengths_of_every_type() {
    for message_type in 0..=8 {
        for header_len in 0..96 {
            for message_len in [0, 39, 40, header_len, 96, u32::MAX] {
                let message = negoex(message_type, header_len, message_len, &[0x44; 56]);
                negoex_is_named(&message);
            }
        }
        let message = negoex(message_type, 96, 96, &[0x44; 56]);
        for len in 8..message.len() {
            negoex_is_named(&message[..len]);
        }
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
        // Nothing is chosen from it, so there is nothing to reject.
        let refusal = acceptor().accept(&init(inner), NOW).unwrap_err();
        assert!(matches!(refusal.error, Error::Malformed(_)), "{inner:x?}");
        assert!(refusal.token.is_none());
        // An acceptor that spoke first takes no more.
        let (_, next) = more(acceptor().accept(b"", NOW));
        let refusal = next.accept(&init(inner), NOW).unwrap_err();
        assert!(matches!(refusal.error, Error::Malformed(_)), "{inner:x?}");
        // An initiator reads the same of an acceptor that speaks first, where a list may be absent.
        let hinted = Initiator::hinted(&init(inner));
        let absent = !inner.starts_with(&[0xA0]);
        assert_eq!(hinted.is_ok_and(|names| names.is_empty()), absent);
    }
    // An empty token of Kerberos, with and without a mechanism before it.
    let empty = acceptor().accept(&offer(&[KRB5], Some(b""), None), NOW);
    let refusal = empty.unwrap_err();
    assert!(is_broken(&refusal.error), "{refusal}");
    assert_eq!(
        resp(&refusal.token.unwrap()).neg_state,
        Some(NegState::Reject)
    );
    let (_, next) = more(acceptor().accept(&offer(&[NTLM, KRB5], Some(b""), None), NOW));
    let refusal = next
        .accept(&response(None, Some(b""), None), NOW)
        .unwrap_err();
    assert!(is_broken(&refusal.error), "{refusal}");
    // Unknown mechanisms only, one of them no name at all.
    for unknown in [
        &[&[0x06, 0][..]][..],
        &[NTLM],
        &[NTLM, &[0x06, 1, 42], IAKERB],
    ] {
        for token in [None, Some(&b""[..]), Some(b"x")] {
            let refusal = acceptor()
                .accept(&offer(unknown, token, None), NOW)
                .unwrap_err();
            assert_eq!(
                refusal.error.gss_major(Role::Acceptor),
                MajorStatus::BAD_MECH
            );
            let reject = resp(refusal.token.as_deref().unwrap());
            assert_eq!(reject.neg_state, Some(NegState::Reject));
            assert!(reject.supported_mech.is_none());
        }
    }
    // A reply where the first token is due, and the first token where a reply is.
    let refusal = acceptor()
        .accept(&response(None, Some(b"x"), None), NOW)
        .unwrap_err();
    assert!(matches!(refusal.error, Error::Malformed(_)), "{refusal}");
    let (token, next) = first(initiator());
    let refusal = next.reply(&token, NOW).unwrap_err();
    assert!(matches!(refusal.error, Error::Malformed(_)), "{refusal}");
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

/// The same at the initiator: the acceptor's first reply, once more.
#[test]
fn case_056_the_first_reply_comes_twice() {
    let asks = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let asks = asks.to_token().unwrap();
    let (_, next) = first(initiator().both_names());
    let (_, next) = more(next.reply(&asks, NOW));
    assert!(is_broken(&next.reply(&asks, NOW).unwrap_err().error));
    // Each of its two marks alone.
    for again in [
        response(Some(NegState::RequestMic), None, None),
        NegTokenResp {
            supported_mech: Some(MechType::KRB5),
            ..NegTokenResp::default()
        }
        .to_token()
        .unwrap(),
    ] {
        let (_, next) = first(initiator().both_names());
        let (_, next) = more(next.reply(&asks, NOW));
        let error = next.reply(&again, NOW).unwrap_err().error;
        assert!(
            error.to_string().contains("not in the first reply"),
            "{error}"
        );
    }
    // The acceptor's last token of Kerberos, once more, where its MIC is due (NEG-14).
    let (offer, next) = first(Initiator::new(gss_initiator().flags(ONE_LEG)));
    let (answer, _) = more(acceptor().protect_list().accept(&offer, NOW));
    let extra = NegTokenResp {
        response_token: Some(b"again"),
        ..resp(&answer)
    };
    assert!(is_broken(
        &next
            .reply(&extra.to_token().unwrap(), NOW)
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

/// Every state of both ends fails on an empty answer at once; nothing is sent that could be
/// answered with another.
#[test]
fn case_136_an_empty_answer() {
    let asks = NegTokenResp {
        neg_state: Some(NegState::RequestMic),
        supported_mech: Some(MechType::KRB5),
        ..NegTokenResp::default()
    };
    let asks = asks.to_token().unwrap();
    let first_reply = || first(initiator()).1;
    let one_leg = || first(Initiator::new(gss_initiator().flags(ONE_LEG))).1;
    let later = || more(first(initiator().both_names()).1.reply(&asks, NOW)).1;
    let waiting: [&dyn Fn() -> AwaitReply; 3] = [&first_reply, &one_leg, &later];
    for waiting in waiting {
        let refusal = waiting().reply(b"", NOW).unwrap_err();
        assert!(matches!(refusal.error, Error::Malformed(_)), "{refusal}");
        assert!(refusal.token.is_none());
        for state in [
            None,
            Some(NegState::AcceptCompleted),
            Some(NegState::AcceptIncomplete),
        ] {
            let refusal = waiting().reply(&response(state, Some(b""), None), NOW);
            let refusal = refusal.unwrap_err();
            assert!(is_broken(&refusal.error), "{refusal}");
            assert!(refusal.token.is_none());
        }
    }
    let hinted = || more(acceptor().accept(b"", NOW)).1;
    let token_due = || reselected(ContextFlags(0x3E)).1;
    let mic_due = || {
        let (token, next, ..) = reselected(ContextFlags(0x3E));
        more(next.accept(&response(None, Some(&token), None), NOW)).1
    };
    let waiting: [&dyn Fn() -> AwaitToken; 3] = [&hinted, &token_due, &mic_due];
    for waiting in waiting {
        let refusal = waiting().accept(b"", NOW).unwrap_err();
        assert!(matches!(refusal.error, Error::Malformed(_)), "{refusal}");
        assert!(refusal.token.is_none());
    }
}
