//! The `krb5` crate, in pure Rust.
//!
//! Its [`PerMessageTokens`] keep no sequence: the caller gives the number of each token, and
//! `unwrap` neither orders them nor finds replays.

use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

use krb5::acceptor::AcceptOptions;
use krb5::initiator::{
    GSS_C_CONF_FLAG, GSS_C_INTEG_FLAG, GSS_C_MUTUAL_FLAG, GSS_C_REPLAY_FLAG, GSS_C_SEQUENCE_FLAG,
};
use krb5::rcache::ReplayCache;
use krb5::token::{ContextKey, PerMessageTokens};
use krb5::{CCache, Credentials, InitiatorContext, KerberosContext, Keytab, Principal};
use orthros::crypto::Enctype;

use super::{Accepted, Acceptor, Context, Initiator, Kdc, Peer, Reason, Started};
use crate::bulk::{Framed, Stream};
use crate::pipe::Pipe;
use crate::realm::{Case, Realm, SERVICE, now};

const FLAGS: u32 = GSS_C_MUTUAL_FLAG
    | GSS_C_REPLAY_FLAG
    | GSS_C_SEQUENCE_FLAG
    | GSS_C_CONF_FLAG
    | GSS_C_INTEG_FLAG;

/// The crate with its in-memory replay cache.
pub struct Krb5Crate;

impl Peer for Krb5Crate {
    fn name(&self) -> &'static str {
        "krb5-crate"
    }

    fn acceptor<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        let mut options = AcceptOptions::default();
        options.replay_cache = Some(Arc::new(ReplayCache::new()));
        Ok(Box::new(CrateAcceptor {
            keytab: Keytab::load(&realm.keytab).map_err(|e| e.to_string())?,
            options,
        }))
    }

    fn initiator<'a>(
        &'a self,
        _realm: &'a Realm,
        case: &'a Case,
    ) -> Result<Box<dyn Initiator + 'a>, Reason> {
        let cache = CCache::read(&case.ccache).map_err(|e| e.to_string())?;
        let service = Principal::parse(SERVICE).map_err(|e| e.to_string())?;
        let credentials = cache
            .find(&service, now().time().as_secs())
            .ok_or("the ticket is not found in the cache")?;
        Ok(Box::new(CrateInitiator { credentials }))
    }

    fn kdc<'a>(&'a self, _realm: &'a Realm) -> Result<Box<dyn Kdc + 'a>, Reason> {
        Err("the crate has no KDC".into())
    }
}

struct CrateAcceptor {
    keytab: Keytab,
    options: AcceptOptions,
}

impl Acceptor for CrateAcceptor {
    fn accept_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            let accepted = KerberosContext::accept_token_with(&self.keytab, token, &self.options);
            black_box(accepted.expect("the krb5 crate accepts"));
        }
    }

    fn accept(&mut self, token: &[u8]) -> Result<Accepted, String> {
        let (context, reply) =
            KerberosContext::accept_token_with(&self.keytab, token, &self.options)
                .map_err(|e| e.to_string())?;
        Ok(Accepted {
            client: context.client_principal.clone(),
            pac: context.pac.is_some(),
            enctype: Some(Enctype(context.base_key_enctype.etype())),
            reply,
            context: Box::new(CrateContext {
                tokens: context.per_message_tokens().map_err(|e| e.to_string())?,
                sequence: context.acceptor_seq.into(),
            }),
        })
    }
}

struct CrateInitiator {
    credentials: Credentials,
}

impl Initiator for CrateInitiator {
    fn initiate_all(&mut self, count: usize) {
        for _ in 0..count {
            black_box(InitiatorContext::new(&self.credentials, FLAGS).expect("a token"));
        }
    }

    fn initiate(&mut self) -> (Vec<u8>, Box<dyn Started>) {
        let (context, token) = InitiatorContext::new(&self.credentials, FLAGS).expect("a token");
        (token, Box::new(CrateStarted(context)))
    }
}

struct CrateStarted(InitiatorContext);

impl Started for CrateStarted {
    fn finish(mut self: Box<Self>, reply: &[u8]) -> Result<Box<dyn Context>, String> {
        self.0.step(reply).map_err(|e| e.to_string())?;
        Ok(Box::new(CrateContext {
            tokens: self.0.per_message_tokens().map_err(|e| e.to_string())?,
            sequence: self.0.send_seq(),
        }))
    }
}

struct CrateContext {
    tokens: PerMessageTokens<ContextKey>,
    sequence: u64,
}

impl Context for CrateContext {
    fn wrap_all(&mut self, message: &[u8], count: usize) {
        for _ in 0..count {
            black_box(self.wrap(message));
        }
    }

    fn wrap(&mut self, message: &[u8]) -> Vec<u8> {
        let token = self.tokens.emit_wrap(self.sequence, message);
        self.sequence += 1;
        token.expect("the krb5 crate wraps")
    }

    fn unwrap_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            black_box(self.tokens.unwrap(token).expect("the krb5 crate unwraps"));
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        let verified = self.tokens.unwrap(token).map_err(|e| e.to_string())?;
        Ok(verified.message)
    }

    fn room(&mut self, _message: usize) -> Result<(usize, usize), Reason> {
        Err("the crate has no call that works in place".into())
    }

    fn wrap_in_place(&mut self, _token: &mut [u8]) {
        unreachable!("there is no room")
    }

    fn wrap_in_place_all(&mut self, _token: &mut [u8], _count: usize) {
        unreachable!("there is no room")
    }

    fn unwrap_in_place(&mut self, _token: &mut [u8]) -> Result<Range<usize>, String> {
        unreachable!("there is no room")
    }

    fn unwrap_in_place_all(&mut self, _tokens: &mut [Vec<u8>]) {
        unreachable!("there is no room")
    }

    fn wrap_many(&mut self, messages: &mut [Vec<u8>]) {
        for message in messages {
            black_box(self.wrap(message));
        }
    }

    fn unwrap_many(&mut self, tokens: &mut [Vec<u8>]) {
        self.unwrap_all(tokens);
    }

    fn into_stream(self: Box<Self>, pipe: Pipe) -> Box<dyn Stream> {
        Box::new(Framed::new(self, pipe))
    }
}
