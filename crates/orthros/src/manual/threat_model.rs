//! The threat model: who attacks, what they can do, and which check answers it.
//!
//! Kerberos was made for a network on which everybody can read and write. What follows holds under
//! RFC 4120's own assumptions: keys are secret, clocks are right within minutes, and the KDC is
//! honest to those who share a key with it.
//!
//! # On the network
//!
//! Reads, drops, changes, repeats and makes up every message.
//!
//! | attack | answer |
//! |---|---|
//! | sends an AP-REQ again | the replay cache, asked last and for what was verified: [`ReplayCache`](crate::ap::ReplayCache) (AP-43 to AP-49) |
//! | changes the clear part of a request to hide a replay | the cache's tag is out of the MAC: [`ReplayEntry`](crate::ap::ReplayEntry) |
//! | answers in the service's place | MUTUAL, on unless switched off: the AP-REP returns the client's time under the session key ([`gss::Initiator`](crate::gss::Initiator), AP-52, AP-55) |
//! | stands in the middle of a TLS connection | channel bindings ([`AcceptorBindings`](crate::gss::AcceptorBindings), GSS-21) |
//! | repeats, drops or reorders messages of a session | the window of numbers ([`Window`](crate::gss::Window), GSS-31); [`complete`](crate::gss::Unwrapped::complete) makes an error of it |
//! | sends a message back to who made it | each direction has its own usage or mark (GSS-26, GSS-42) |
//! | removes the best mechanism from a negotiation | the MIC over the list ([`spnego`](crate::spnego), NEG-12); nothing but Kerberos is ever chosen |
//! | removes the security layer of SASL | the layers that are accepted are the caller's: [`Layers`](crate::sasl::Layers) |
//! | forges a KRB-ERROR | it never sets a clock and never weakens a retry ([`client`](crate::client), KDC-08, AP-76) |
//! | takes RC4 or DES where AES is there | neither is compiled in; RC4 has to be compiled and permitted ([`crypto`](crate::crypto), CRY-19) and marks the context: [`weak_enctype`](crate::gss::SecurityContext::weak_enctype) |
//!
//! # A client
//!
//! Has tickets of its own and sends any octets.
//!
//! | attack | answer |
//! |---|---|
//! | claims another's name in the authenticator | names are read from the sealed ticket and must agree ([`Peer`](crate::ap::Peer), AP-26) |
//! | uses a ticket for one service at another with the same keytab | [`Accepts`](crate::ap::Accepts) binds an acceptor to a name (AP-19) |
//! | comes through a realm that lies | the path of realms: [`TransitedPolicy`](crate::ap::TransitedPolicy) (AP-32) |
//! | makes authorization data itself | a PAC counts if the KDC's and the service's signatures hold ([`pac`](crate::pac)); what is in the authenticator counts for nothing |
//! | is anonymous, under a name that looks like one | refused unless allowed, and marked ([`allow_anonymous`](crate::ap::AcceptorConfig::allow_anonymous), AP-41) |
//! | asks to act for another | [`Server::authorize`](crate::sasl::Server::authorize) says who may; nobody, unless told |
//! | sends what makes a parser panic, hang or fill memory | no `unsafe`, no indexing, lengths judged before anything is allocated; each parser is fuzzed under a bound of memory |
//! | measures which check failed | the peer gets a code; comparisons take constant time |
//!
//! # Who answers a client's requests
//!
//! | attack | answer |
//! |---|---|
//! | chooses a weak enctype or salt | only the client's own enctypes are taken ([`AsExchange::enctypes`](crate::client::AsExchange::enctypes)) |
//! | makes the client hash for minutes | at most [`DEFAULT_MAX_ITERATIONS`](crate::crypto::DEFAULT_MAX_ITERATIONS) iterations (CRY-07) |
//! | gives another ticket than was asked for | a reply is held against the request, field by field (KDC-03, KDC-27) |
//! | lets anybody log in by answering in the KDC's place | [`LoginCheck`](crate::client::LoginCheck) (KDC-10) |
//! | sends the client to a realm of its own | referrals are followed where the caller named the realms (KDC-33) |
//!
//! # Who writes a file, or sets the environment
//!
//! | attack | answer |
//! |---|---|
//! | damages a keytab or a cache | a typed error with the place; nothing is held beyond a small multiple of the file |
//! | sets variables for a program with more rights | [`Environment::of_process`](crate::env::Environment::of_process) ignores them (FILE-35) |
//! | puts a link where a cache is written | files are made anew, with rights for their owner, and replaced whole ([`env`](mod@crate::env)) |
//! | writes control characters into a name that is logged | shown as escapes ([`cause`](crate::cause)) |
//!
//! # What is not defended
//!
//! - **A password that can be guessed.** Whoever sees a pre-authentication exchange can test
//!   guesses. Give services random keys.
//! - **A delegated TGT.** Who gets it can do everything in the client's name. Nothing is delegated
//!   unless [`delegate`](crate::gss::Initiator::delegate) is called.
//! - **RC4.** Where it is permitted, MIC and Wrap rest on MD5; two messages of one number, one in
//!   each direction, have the same key stream; and a message that is only signed can be sent again
//!   under another number. It is there to talk to what cannot be replaced.
//! - **Two services with one key.** A ticket for the one opens with the key of the other.
//! - **Past sessions.** Kerberos has no forward secrecy: who learns a service's key later reads
//!   what was recorded.
//! - **The clock.** Whoever sets it lets old tickets in.
//! - **Traffic.** Lengths, times and the names in a ticket's clear part can be seen.
//! - **Replays across caches that are not shared**, and after a restart with an empty one
//!   ([`replay_caches`](super::replay_caches)).
//! - **A hostile root**, memory that is swapped, side channels below the instruction set, and
//!   denial of service by volume.
//!
//! # What cannot be forgotten
//!
//! The accepted peer is a value that only the proofs of every check can make. This compiles, since
//! the peer comes from an exchange that was accepted:
//!
//! ```
//! use orthros::ap::Peer;
//! use orthros::gss::SecurityContext;
//!
//! fn who(context: &SecurityContext) -> Option<&Peer> {
//!     context.peer()
//! }
//! ```
//!
//! And nobody can make one otherwise:
//!
//! ```compile_fail,E0451
//! fn forged(ticket: orthros::ap::OpenTicket) -> orthros::ap::Peer {
//!     orthros::ap::Peer { ticket }
//! }
//! ```
