// The realm EXAMPLE.COM in memory, with alice, who has a password, and a web service. The manual's
// examples include it.

use std::sync::Arc;

use orthros::ap::ServiceKeys;
use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::error::Error;
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting};
use orthros::time::Timestamp;

/// When the examples happen.
pub const NOW: Timestamp = Timestamp::from_secs(1_795_343_467);

pub fn name(text: &str) -> Principal {
    Principal::parse(text, Some("EXAMPLE.COM")).unwrap()
}

/// The service's name.
pub fn web() -> Principal {
    name("HTTP/web.example.com")
}

pub struct Example {
    pub kdc: EmbeddedKdc,
}

impl Example {
    pub fn new() -> Self {
        Self::with(Policy::default())
    }

    pub fn with(policy: Policy) -> Self {
        let kdc = EmbeddedKdc::new("EXAMPLE.COM", policy, Arc::new(OsRandom)).unwrap();
        kdc.add_user(name("alice"), &Secret::from("open sesame")).unwrap();
        kdc.add_service(web()).unwrap();
        Self { kdc }
    }

    /// Carries an exchange's messages to the KDC and back.
    pub fn ask<N: Awaiting>(&self, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
        loop {
            ask = match ask {
                Ask::Done(output) => return Ok(output),
                Ask::Send { request, next, .. } => {
                    next.reply(&self.kdc.answer(&request, NOW).unwrap(), NOW)?
                }
            };
        }
    }

    /// Alice's TGT.
    pub fn tgt(&self) -> Credentials {
        let login = AsExchange::with_password(name("alice"), Secret::from("open sesame"));
        self.ask(login.start(NOW).unwrap()).unwrap().credentials
    }

    /// Alice's ticket for the service.
    pub fn ticket(&self) -> Credentials {
        let exchange = TgsExchange::new(&self.tgt(), web());
        self.ask(exchange.start(NOW).unwrap()).unwrap().credentials
    }

    /// The service's keytab.
    pub fn keytab(&self) -> Keytab {
        self.kdc.keytab_for(&web(), NOW).unwrap()
    }

    /// The service's keys.
    pub fn keys(&self) -> Arc<ServiceKeys> {
        Arc::new(ServiceKeys::from(&self.keytab()))
    }
}
