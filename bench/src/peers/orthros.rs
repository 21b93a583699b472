//! Orthros.

use std::hint::black_box;
use std::sync::Arc;

use orthros::ap::{self, AcceptorConfig, Accepts, Peer as Client, ServiceKeys};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::{DEFAULT_ENCTYPES, KeyUsage, Mac};
use orthros::gss::{self, AwaitReply, Protection, SecurityContext};
use orthros::keytab::Keytab;
use orthros::pac::{Pac, VerifiedPac, locate};
use orthros::step::Step;

use super::{Accepted, Acceptor, Context, Initiator, Peer, Reason, Started};
use crate::realm::{Case, Realm, now};

/// Orthros, with its replay cache in memory.
pub struct Orthros;

impl Peer for Orthros {
    fn name(&self) -> &'static str {
        "orthros"
    }

    fn acceptor<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        let octets = std::fs::read(&realm.keytab).map_err(|e| e.to_string())?;
        let keytab = Keytab::parse(&octets, "keytab").map_err(|e| e.to_string())?;
        let keys = || {
            keytab.entries().filter_map(|(_, entry)| {
                Some((
                    entry.principal().clone(),
                    entry.kvno(),
                    entry.key()?.clone(),
                ))
            })
        };
        let macs = keys()
            .map(|(_, _, key)| key.mac(KeyUsage::NON_KERB_CKSUM).expect("a usage"))
            .collect();
        let config = AcceptorConfig::new(
            Arc::new(ServiceKeys::new(keys())),
            Accepts::Service(realm.service.clone()),
        );
        Ok(Box::new(OrthrosAcceptor {
            acceptor: gss::Acceptor::new(ap::Acceptor::new(config)),
            macs,
        }))
    }

    fn initiator<'a>(
        &'a self,
        realm: &'a Realm,
        case: &'a Case,
    ) -> Result<Box<dyn Initiator + 'a>, Reason> {
        let octets = std::fs::read(&case.ccache).map_err(|e| e.to_string())?;
        let cache = CredentialCache::parse(&octets, "ccache").map_err(|e| e.to_string())?;
        let ticket = cache
            .find(&realm.service, now(), DEFAULT_ENCTYPES)
            .ok_or("the ticket is not found in the cache")?;
        let credentials = cache.to_credentials(ticket).map_err(|e| e.to_string())?;
        Ok(Box::new(OrthrosInitiator {
            credentials: Arc::new(credentials),
        }))
    }
}

struct OrthrosAcceptor {
    acceptor: gss::Acceptor,
    /// The MAC of each key's PAC signatures, in the order of the keys.
    macs: Vec<Mac>,
}

impl OrthrosAcceptor {
    fn step(
        &self,
        token: &[u8],
    ) -> Result<(Option<Vec<u8>>, SecurityContext, VerifiedPac), String> {
        match self.acceptor.clone().accept(token, now()) {
            Ok(Step::Established { token, context }) => {
                let client = context.peer().ok_or("no peer")?;
                let pac = self.pac(client)?;
                Ok((token, context, pac))
            }
            Ok(Step::Continue { .. }) => Err("another token is wanted".into()),
            Err(refusal) => Err(refusal.error.to_string()),
        }
    }

    /// The ticket's PAC, verified.
    fn pac(&self, client: &Client) -> Result<VerifiedPac, String> {
        let ticket = client.ticket();
        let mac = client
            .keytab_entry()
            .and_then(|index| self.macs.get(index - 1))
            .ok_or("no key")?;
        let part = ticket.enc_part().map_err(|e| e.to_string())?;
        let octets = locate(part.authorization_data.as_deref().unwrap_or_default())
            .map_err(|e| e.to_string())?
            .ok_or("no PAC")?;
        Pac::parse(octets)
            .and_then(|pac| pac.verify(mac, client.client(), ticket.authtime))
            .map_err(|e| e.to_string())
    }
}

impl Acceptor for OrthrosAcceptor {
    fn accept_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            black_box(self.step(token).expect("orthros accepts"));
        }
    }

    fn accept(&mut self, token: &[u8]) -> Result<Accepted, String> {
        let (reply, context, pac) = self.step(token)?;
        Ok(Accepted {
            client: context.info().initiator.to_string(),
            pac: pac.types().len() > 0,
            reply: reply.unwrap_or_default(),
            context: Box::new(context),
        })
    }
}

struct OrthrosInitiator {
    credentials: Arc<Credentials>,
}

impl OrthrosInitiator {
    fn step(&self) -> (Vec<u8>, AwaitReply) {
        match gss::Initiator::new(Arc::clone(&self.credentials)).request(now()) {
            Ok(Step::Continue { token, next }) => (token, next),
            Ok(Step::Established { .. }) => panic!("mutual authentication waits for a reply"),
            Err(error) => panic!("orthros makes no token: {error}"),
        }
    }
}

impl Initiator for OrthrosInitiator {
    fn initiate_all(&mut self, count: usize) {
        for _ in 0..count {
            black_box(self.step());
        }
    }

    fn initiate(&mut self) -> (Vec<u8>, Box<dyn Started>) {
        let (token, next) = self.step();
        (token, Box::new(OrthrosStarted(next)))
    }
}

struct OrthrosStarted(AwaitReply);

impl Started for OrthrosStarted {
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<Box<dyn Context>, String> {
        match self.0.reply(reply, now()) {
            Ok(Step::Established { context, .. }) => Ok(Box::new(context)),
            Ok(Step::Continue { .. }) => Err("another token is wanted".into()),
            Err(refusal) => Err(refusal.error.to_string()),
        }
    }
}

impl Context for SecurityContext {
    fn wrap_all(&mut self, message: &[u8], count: usize) {
        for _ in 0..count {
            black_box(Context::wrap(self, message));
        }
    }

    fn wrap(&mut self, message: &[u8]) -> Vec<u8> {
        SecurityContext::wrap(self, Protection::Confidentiality, message).expect("orthros wraps")
    }

    fn unwrap_all(&mut self, tokens: &mut [Vec<u8>]) {
        for token in tokens {
            black_box(Context::unwrap(self, token).expect("orthros unwraps"));
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        let unwrapped = SecurityContext::unwrap(self, token).map_err(|e| e.to_string())?;
        unwrapped.complete().map_err(|e| e.to_string())
    }
}
