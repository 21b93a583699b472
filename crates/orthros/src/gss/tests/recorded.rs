//! First tokens that MIT krb5 made.

use std::sync::Arc;

use serde_json::Value;

use super::exchange::accepted;
use super::unhex;
use crate::ap::tests::forge::principal;
use crate::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use crate::crypto::{Enctype, Key};
use crate::gss::{Acceptor, AcceptorBindings, ChannelBindings, ContextFlags, MajorStatus, Role};
use crate::time::Timestamp;

fn recorded_acceptor(server: &str, enctype: i64, key: &str) -> Acceptor {
    let server = principal(server);
    let key = Key::new(Enctype(enctype as i32), &unhex(key)).unwrap();
    let keys = ServiceKeys::new([(server.clone(), 2, key)]);
    let config = AcceptorConfig::new(Arc::new(keys), Accepts::Service(server));
    Acceptor::new(ap::Acceptor::new(config))
}

#[test]
fn recorded_first_tokens() {
    let recorded: [(&str, &str, &[u8]); 2] = [
        (
            include_str!("../../../../../vectors/pac/ad.example.test/alice-web/expected.json"),
            include_str!("../../../../../vectors/pac/ad.example.test/alice-web/gss.json"),
            include_bytes!("../../../../../vectors/pac/ad.example.test/alice-web/gss.i1.bin"),
        ),
        (
            include_str!("../../../../../vectors/pac/ad.example.test/alice-aes128/expected.json"),
            include_str!("../../../../../vectors/pac/ad.example.test/alice-aes128/gss.json"),
            include_bytes!("../../../../../vectors/pac/ad.example.test/alice-aes128/gss.i1.bin"),
        ),
    ];
    for (expected, exchange, token) in recorded {
        let expected: Value = serde_json::from_str(expected).unwrap();
        let exchange: Value = serde_json::from_str(exchange).unwrap();
        let service = &expected["service_key"];
        let acceptor = recorded_acceptor(
            exchange["acceptor"].as_str().unwrap(),
            service["etype"].as_i64().unwrap(),
            service["key"].as_str().unwrap(),
        );
        let now = Timestamp::from_secs(exchange["made_at"].as_i64().unwrap());
        let (reply, mut context) = accepted(acceptor.accept(token, now));
        assert!(reply.is_some());
        let flags = exchange["acceptor_ret_flags"].as_u64().unwrap() as u32;
        assert_eq!(context.flags(), ContextFlags(flags));
        assert_eq!(
            context.info().initiator,
            principal(exchange["initiator_name"].as_str().unwrap())
        );
        let keys = context.info().keys.clone();
        let subkey = &exchange["initiator_ctx_key"];
        assert_eq!(
            keys.initiator_subkey.as_ref().unwrap().expose(),
            unhex(subkey["key"].as_str().unwrap())
        );
        // The recorded acceptor took a subkey of this enctype from the same offer (AP-53).
        let theirs = exchange["acceptor_acceptor_subkey"]["etype"].as_i64();
        assert_eq!(
            keys.acceptor_subkey.unwrap().enctype().0,
            theirs.unwrap() as i32
        );
        // The first message of the recorded initiator has the number that the token names.
        let messages = exchange["messages"].as_array().unwrap();
        let first = messages.iter().find(|m| m["from"] == "initiator").unwrap();
        let number = &first["token"].as_str().unwrap()[16..32];
        assert_eq!(
            u64::from_str_radix(number, 16).unwrap(),
            u64::from(keys.initiator_seq)
        );
        // Its messages are protected by an acceptor subkey that is not ours.
        let token = unhex(first["token"].as_str().unwrap());
        assert!(context.unwrap(&token).is_err());
    }
}

#[test]
fn recorded_bindings() {
    let file = include_str!("../../../../../vectors/pac/mutations/mutations.json");
    let file: Value = serde_json::from_str(file).unwrap();
    let key = file["service_key"]["key"].as_str().unwrap();
    let now = Timestamp::from_secs(file["clock_for_tests"].as_i64().unwrap());
    let server = file["acceptor"].as_str().unwrap();
    let control: &[u8] = include_bytes!("../../../../../vectors/pac/mutations/gss-control.gss.bin");
    let right: &[u8] = include_bytes!("../../../../../vectors/pac/mutations/gss-cb-right.gss.bin");
    let wrong: &[u8] = include_bytes!("../../../../../vectors/pac/mutations/gss-cb-wrong.gss.bin");
    let accept = |token: &[u8], bindings: AcceptorBindings| {
        recorded_acceptor(server, 18, key)
            .bindings(bindings)
            .accept(token, now)
    };
    let ours = || ChannelBindings::from_application_data("tls-server-end-point:abc");
    let flags = |result| accepted(result).1.flags();
    let bound = ContextFlags::CHANNEL_BOUND;
    // MIT krb5 returns 446 and 2494.
    let plain = ContextFlags(446);
    assert_eq!(flags(accept(control, AcceptorBindings::None)), plain);
    assert_eq!(
        flags(accept(control, AcceptorBindings::Allow(ours().into()))),
        plain
    );
    assert!(accept(control, AcceptorBindings::Require(ours().into())).is_err());
    for policy in [
        AcceptorBindings::Allow(ours().into()),
        AcceptorBindings::Require(ours().into()),
    ] {
        assert_eq!(flags(accept(right, policy.clone())), plain | bound);
        let refusal = accept(wrong, policy).unwrap_err();
        assert_eq!(
            refusal.error.gss_major(Role::Acceptor),
            MajorStatus::BAD_BINDINGS
        );
    }
    assert_eq!(flags(accept(wrong, AcceptorBindings::None)), plain);
}
