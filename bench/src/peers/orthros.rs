//! Orthros.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use orthros::ap::{
    self, AcceptorConfig, Accepts, ReplayCache, ReplayEntry, ReplayVerdict, ServiceKeys,
};
use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::{DEFAULT_ENCTYPES, Enctype};
use orthros::env::File2ReplayCache;
use orthros::gss::{self, AwaitReply, Protection, SecurityContext};
use orthros::keytab::Keytab;
use orthros::random::{OsRandom, Random};
use orthros::step::Step;
use orthros_net::stream::{SecureStream, StreamConfig};

use super::kdc::InMemory;
use super::{Accepted, Acceptor, Context, Initiator, Kdc, Peer, Reason, ReplayFile, Started};
use crate::bulk::Stream;
use crate::pipe::Pipe;
use crate::realm::{Case, Realm, now};

/// Orthros, with its replay cache in memory.
pub struct Orthros;

impl Peer for Orthros {
    fn name(&self) -> &'static str {
        "orthros"
    }

    fn acceptor<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        Ok(Box::new(OrthrosAcceptor::new(config(realm)?)))
    }

    fn acceptor_with_file2<'a>(
        &'a self,
        realm: &'a Realm,
    ) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        let config = config(realm)?.replay_cache(Arc::new(new_file2(realm)?));
        Ok(Box::new(OrthrosAcceptor::new(config)))
    }

    fn file2<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn ReplayFile + 'a>, Reason> {
        Ok(Box::new(new_file2(realm)?))
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
            enctypes: vec![case.enctype],
        }))
    }

    fn kdc<'a>(&'a self, _realm: &'a Realm) -> Result<Box<dyn Kdc + 'a>, Reason> {
        Ok(Box::new(InMemory::start()?))
    }
}

/// How an acceptor judges if nothing is said.
pub fn config(realm: &Realm) -> Result<AcceptorConfig, Reason> {
    let octets = std::fs::read(&realm.keytab).map_err(|e| e.to_string())?;
    let keytab = Keytab::parse(&octets, "keytab").map_err(|e| e.to_string())?;
    Ok(AcceptorConfig::new(
        Arc::new(ServiceKeys::from(&keytab)),
        Accepts::Service(realm.service.clone()),
    ))
}

fn new_file2(realm: &Realm) -> Result<File2ReplayCache, Reason> {
    let path = realm.dir().join("orthros.rcache2");
    let _ = std::fs::remove_file(&path);
    File2ReplayCache::open(path).map_err(|e| e.to_string())
}

impl ReplayFile for File2ReplayCache {
    fn remember_all(&mut self, sealed: &[Vec<u8>]) {
        for sealed in sealed {
            // As an acceptor does for each request.
            let now = now();
            let tag = *sealed.last_chunk().expect("a MAC");
            let entry = ReplayEntry {
                tag,
                ctime: now,
                expires: now.plus(Duration::from_secs(300)),
            };
            let verdict = self.check_and_insert(&entry, now);
            assert_eq!(verdict, ReplayVerdict::Fresh);
        }
    }
}

/// A token with a ticket that was never used.
pub fn first_token(realm: &Realm, case: &Case) -> Vec<u8> {
    let initiator = OrthrosInitiator {
        credentials: Arc::new(realm.another_ticket(case)),
        enctypes: vec![case.enctype],
    };
    initiator.step().0
}

/// So many random octets, as a cipher text is made of.
pub fn sealed(octets: usize) -> Vec<u8> {
    let mut sealed = vec![0; octets];
    let filled = OsRandom.fill(&mut sealed);
    filled.expect("a random number generator");
    sealed
}

struct OrthrosAcceptor(gss::Acceptor);

impl OrthrosAcceptor {
    fn new(config: AcceptorConfig) -> Self {
        Self(gss::Acceptor::new(ap::Acceptor::new(config)))
    }

    fn step(&self, token: &[u8]) -> Result<(Option<Vec<u8>>, SecurityContext), String> {
        match self.0.clone().accept(token, now()) {
            Ok(Step::Established { token, context }) => Ok((token, context)),
            Ok(Step::Continue { .. }) => Err("another token is wanted".into()),
            Err(refusal) => Err(refusal.error.to_string()),
        }
    }
}

impl Acceptor for OrthrosAcceptor {
    fn accept_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            black_box(self.step(token).expect("orthros accepts"));
        }
    }

    fn accept(&mut self, token: &[u8]) -> Result<Accepted, String> {
        let (reply, context) = self.step(token)?;
        Ok(Accepted {
            client: context.info().initiator.to_string(),
            pac: context.peer().is_some_and(|client| client.pac().is_some()),
            enctype: Some(context.info().keys.in_force().enctype()),
            reply: reply.unwrap_or_default(),
            context: Box::new(context),
        })
    }
}

struct OrthrosInitiator {
    credentials: Arc<Credentials>,
    /// The case's alone: otherwise the acceptor raises the context's key to a stronger one.
    enctypes: Vec<Enctype>,
}

impl OrthrosInitiator {
    fn step(&self) -> (Vec<u8>, AwaitReply) {
        let initiator =
            gss::Initiator::new(Arc::clone(&self.credentials)).enctypes(self.enctypes.as_slice());
        match initiator.request(now()) {
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

    fn unwrap_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            black_box(Context::unwrap(self, token).expect("orthros unwraps"));
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        let unwrapped = SecurityContext::unwrap(self, token).map_err(|e| e.to_string())?;
        unwrapped.complete().map_err(|e| e.to_string())
    }

    fn room(&mut self, _message: usize) -> Result<(usize, usize), Reason> {
        let room = self.sender().room(Protection::Confidentiality);
        Ok((room.before, room.behind))
    }

    fn wrap_in_place(&mut self, token: &mut [u8]) {
        let wrapped = self
            .sender()
            .wrap_in_place(Protection::Confidentiality, token);
        wrapped.expect("orthros wraps");
    }

    fn wrap_in_place_all(&mut self, token: &mut [u8], count: usize) {
        for _ in 0..count {
            Context::wrap_in_place(self, black_box(token));
        }
    }

    fn unwrap_in_place(&mut self, token: &mut [u8]) -> Result<Range<usize>, String> {
        let start = token.as_ptr().addr();
        let message = SecurityContext::unwrap_in_place(self, token)
            .and_then(|unwrapped| unwrapped.complete())
            .map_err(|e| e.to_string())?;
        let start = message.as_ptr().addr() - start;
        Ok(start..start + message.len())
    }

    fn unwrap_in_place_all(&mut self, tokens: &mut [Vec<u8>]) {
        for token in tokens {
            black_box(Context::unwrap_in_place(self, token).expect("orthros unwraps"));
        }
    }

    fn wrap_many(&mut self, tokens: &mut [Vec<u8>]) {
        for some in tokens.chunks_mut(16) {
            let mut lent = [(); 16].map(|()| <&mut [u8]>::default());
            let count = some.len();
            for (lent, token) in lent.iter_mut().zip(some) {
                *lent = token;
            }
            let wrapped = self
                .sender()
                .wrap_many_in_place(Protection::Confidentiality, &mut lent[..count]);
            wrapped.expect("orthros wraps");
        }
    }

    fn unwrap_many(&mut self, tokens: &mut [Vec<u8>]) {
        let tokens = tokens.iter_mut().map(Vec::as_mut_slice);
        self.receiver().unwrap_many_in_place(tokens, |unwrapped| {
            let message = unwrapped.and_then(|unwrapped| unwrapped.complete());
            black_box(message.expect("orthros unwraps"));
        });
    }

    fn into_stream(self: Box<Self>, pipe: Pipe) -> Box<dyn Stream> {
        let config = StreamConfig::postgres();
        Box::new(SecureStream::new(pipe, *self, &config).expect("a context for a stream"))
    }
}
