//! A KDC that listens, and a throwaway realm for tests.
//!
//! [`Listener`] puts an [`EmbeddedKdc`](orthros::kdc::EmbeddedKdc) on UDP and TCP.
//! [`TestRealm`] is that on a free port of the loopback interface, in a thread of its own, with a
//! clock that is turned by hand.

mod clock;
mod listener;
pub mod manual;
mod test_realm;

pub use clock::Clock;
pub use listener::{Limits, Listener, Observer, Service};
pub use test_realm::{KeySpec, PrincipalSpec, RealmError, RealmSpec, TestRealm};
