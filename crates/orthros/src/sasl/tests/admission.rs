//! A replay cache that is asked elsewhere, between verified and admitted (AP-48).

use std::collections::HashSet;

use super::gssapi::{converse_by, talk};
use super::others::channel;
use crate::ap::tests::forge::NOW;
use crate::ap::{ReplayEntry, ReplayVerdict};
use crate::gss::tests::exchange::{acceptor, initiator};
use crate::sasl::{Binding, Client, Layers, Server, Session};
use crate::step::{Judged, Refusal, Step};

#[derive(Default)]
struct Fleet {
    seen: HashSet<[u8; 12]>,
    asked: usize,
}

impl Fleet {
    fn ask(&mut self, entry: &ReplayEntry) -> ReplayVerdict {
        self.asked += 1;
        match self.seen.insert(entry.tag) {
            true => ReplayVerdict::Fresh,
            false => ReplayVerdict::Seen,
        }
    }

    fn respond(
        &mut self,
        server: Server,
        response: &[u8],
    ) -> Result<Step<Server, Session>, Refusal> {
        match server.verify(response, NOW)? {
            Judged::Verified(verified) => {
                let verdict = self.ask(verified.entry());
                verified.admit(verdict, NOW)
            }
            Judged::Step(step) => Ok(step),
        }
    }
}

#[test]
fn ap_48_every_mechanism_with_a_cache_elsewhere() {
    let exporter = || channel("tls-exporter", b"x");
    type Ends = (fn() -> Client, fn() -> Server);
    let mechanisms: [Ends; 4] = [
        (
            || Client::gssapi(initiator(), Layers::ALL),
            || Server::gssapi(acceptor(), Layers::ALL),
        ),
        (
            || Client::gss_spnego(initiator(), Layers::ALL),
            || Server::gss_spnego(acceptor(), Layers::ALL),
        ),
        (
            || Client::gs2(initiator(), Binding::None),
            || Server::gs2(acceptor(), false),
        ),
        (
            || Client::gs2(initiator(), channel("tls-exporter", b"x")),
            || Server::gs2_plus(acceptor(), [("tls-exporter", b"x")]),
        ),
    ];
    assert_eq!(format!("{:?}", exporter()), "p=tls-exporter");
    for (client, server) in mechanisms {
        let mut fleet = Fleet::default();
        let mut first = Vec::new();
        let (mut ours, mut theirs) = converse_by(client(), server(), &mut |server, response| {
            if first.is_empty() {
                first = response.to_vec();
            }
            fleet.respond(server, response)
        })
        .unwrap();
        talk(&mut ours, &mut theirs);
        assert_eq!(fleet.asked, 1);
        // Another server of the fleet, with the same first response; and after an empty one.
        for asked in [false, true] {
            let mut server = server();
            if asked {
                server = match fleet.respond(server, b"").unwrap() {
                    Step::Continue { token, next } => {
                        assert!(token.is_empty());
                        next
                    }
                    other => panic!("{other:?}"),
                };
            }
            let refusal = fleet.respond(server, &first).unwrap_err();
            assert_eq!(refusal.error.protocol_code().0, 34);
            assert!(refusal.token.is_some());
        }
    }
}

/// Who asks elsewhere does not fill the cache of the configuration, and who does not asks that.
#[test]
fn ap_48_one_cache_is_asked() {
    let shared = acceptor();
    let server = || Server::gssapi(shared.clone(), Layers::ALL);
    let Step::Continue { token, .. } = Client::gssapi(initiator(), Layers::ALL).start(NOW).unwrap()
    else {
        panic!();
    };
    for _ in 0..2 {
        let judged = server().verify(&token, NOW).unwrap();
        let Judged::Verified(verified) = judged else {
            panic!();
        };
        assert_eq!(
            format!("{verified:?}"),
            "Verified { mechanism: Gssapi, .. }"
        );
    }
    assert!(server().respond(&token, NOW).is_ok());
    let refusal = server().respond(&token, NOW).unwrap_err();
    assert_eq!(refusal.error.protocol_code().0, 34);
}
