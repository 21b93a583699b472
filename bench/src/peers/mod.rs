//! The libraries that are compared, behind one set of traits.
//!
//! A method that ends in `_all` does its work many times in one call, so that what is measured is
//! the library and not the way to it. Every other method is for the checks before measuring.

use std::io;
use std::ops::Range;
use std::time::Duration;

use ::orthros::crypto::Enctype;

use crate::bulk::Stream;
use crate::pipe::Pipe;
use crate::realm::{Case, Realm};

pub mod kdc;
pub mod krb5_crate;
pub mod mit;
pub mod orthros;

/// Why a library has no number in a row.
pub type Reason = String;

/// A library.
pub trait Peer {
    /// The heading of its column.
    fn name(&self) -> &'static str;

    /// Whether its allocations go through this program's allocator and can be counted.
    fn allocates_here(&self) -> bool {
        true
    }

    /// An acceptor for the realm's service, set up once as a long-running server does. Its replay
    /// cache is empty.
    fn acceptor<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Acceptor + 'a>, Reason>;

    /// The same, with MIT krb5's replay cache in a file, empty.
    fn acceptor_with_file2<'a>(
        &'a self,
        _realm: &'a Realm,
    ) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        Err("it does not know MIT krb5's replay cache".into())
    }

    /// That replay cache alone, empty.
    fn file2<'a>(&'a self, _realm: &'a Realm) -> Result<Box<dyn ReplayFile + 'a>, Reason> {
        Err("it does not know MIT krb5's replay cache".into())
    }

    /// An initiator that holds the ticket of `case`.
    fn initiator<'a>(
        &'a self,
        realm: &'a Realm,
        case: &'a Case,
    ) -> Result<Box<dyn Initiator + 'a>, Reason>;

    /// A KDC with a user and a service, both with keys of aes256-cts-hmac-sha1-96.
    fn kdc<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Kdc + 'a>, Reason>;
}

/// Answers requests.
pub trait Kdc {
    /// Answers one request.
    fn answer(&mut self, request: &[u8]) -> io::Result<Vec<u8>>;

    /// Answers each request.
    fn answer_all(&mut self, requests: &[Vec<u8>]);

    /// The processor time that the KDC has used so far.
    fn cpu_time(&self) -> Duration;
}

/// A replay cache in a file.
pub trait ReplayFile {
    /// Takes cipher texts of aes256-cts-hmac-sha1-96, none of which it has seen.
    fn remember_all(&mut self, sealed: &[Vec<u8>]);
}

/// Accepts initial context tokens.
pub trait Acceptor {
    /// Accepts each token, makes the reply, and drops the context.
    fn accept_all(&mut self, tokens: &[Vec<u8>]);

    /// Accepts one token.
    fn accept(&mut self, token: &[u8]) -> Result<Accepted, String>;
}

/// What an acceptor found out.
pub struct Accepted {
    /// The client's name.
    pub client: String,
    /// Whether there is a PAC whose signature was verified.
    pub pac: bool,
    /// The enctype of the context's key, if the library tells.
    pub enctype: Option<Enctype>,
    /// The token for the initiator.
    pub reply: Vec<u8>,
    /// The established context.
    pub context: Box<dyn Context>,
}

/// Makes initial context tokens.
pub trait Initiator {
    /// Makes `count` tokens and drops the contexts.
    fn initiate_all(&mut self, count: usize);

    /// Makes one token that asks for mutual authentication.
    fn initiate(&mut self) -> (Vec<u8>, Box<dyn Started>);
}

/// Waits for the acceptor's reply.
pub trait Started {
    /// Takes the reply.
    fn finish(self: Box<Self>, reply: &[u8]) -> Result<Box<dyn Context>, String>;
}

/// An established context.
pub trait Context {
    /// Wraps `message` with confidentiality `count` times.
    fn wrap_all(&mut self, message: &[u8], count: usize);

    /// Wraps `message` with confidentiality.
    fn wrap(&mut self, message: &[u8]) -> Vec<u8>;

    /// Unwraps each token, in the order in which they were wrapped.
    fn unwrap_all(&mut self, tokens: &[Vec<u8>]);

    /// Unwraps a token.
    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, String>;

    /// How many octets a confidential Wrap token of `message` octets has before and behind the
    /// message, if the library can make it where the message lies.
    fn room(&mut self, message: usize) -> Result<(usize, usize), Reason>;

    /// Makes a token of the message that lies in `token` with [`room`](Self::room) around it.
    fn wrap_in_place(&mut self, token: &mut [u8]);

    /// Wraps whatever lies in `token` in place, `count` times.
    fn wrap_in_place_all(&mut self, token: &mut [u8], count: usize);

    /// Unwraps a token; says where in it the message is then.
    fn unwrap_in_place(&mut self, token: &mut [u8]) -> Result<Range<usize>, String>;

    /// Unwraps each token in place.
    fn unwrap_in_place_all(&mut self, tokens: &mut [Vec<u8>]);

    /// Makes a token of the message that lies in each of `tokens` with [`room`](Self::room) around
    /// it, if the library works in place, in the library's best way for many.
    fn wrap_many(&mut self, tokens: &mut [Vec<u8>]) {
        for token in tokens {
            self.wrap_in_place(token);
        }
    }

    /// Unwraps each token, in the library's best way for many.
    fn unwrap_many(&mut self, tokens: &mut [Vec<u8>]) {
        self.unwrap_in_place_all(tokens);
    }

    /// This end of a protected stream over `pipe`.
    fn into_stream(self: Box<Self>, pipe: Pipe) -> Box<dyn Stream>;
}
