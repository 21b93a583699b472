//! Every default, and how to loosen it.
//!
//! Nothing below is loosened by a file, by the environment or by the other side: only by a call in
//! the program, which a reader finds. What is in a table is asserted by the examples behind it; they
//! forge tickets where no KDC would write such a one.
//!
//! # An acceptor
//!
//! | what | default | loosen, or tighten |
//! |---|---|---|
//! | clock skew (AP-28) | 300 seconds either way | [`skew`](crate::ap::AcceptorConfig::skew) |
//! | a ticket after its end (AP-31) | good for the skew | the same |
//! | replay cache (AP-43) | in memory, of this acceptor | [`replay_cache`](crate::ap::AcceptorConfig::replay_cache), [`without_replay_cache`](crate::ap::AcceptorConfig::without_replay_cache) |
//! | enctypes (AP-24) | AES: 18, 17, 20, 19 | [`permitted_enctypes`](crate::ap::AcceptorConfig::permitted_enctypes) |
//! | RC4 (CRY-19) | not compiled | feature `legacy`, **and** `permitted_enctypes` |
//! | whose tickets (AP-19) | none: it has to be said | [`Accepts`](crate::ap::Accepts) |
//! | addresses in a ticket (AP-27) | compared if there are any and the peer's is known | [`addresses`](crate::ap::AcceptorConfig::addresses) |
//! | foreign realms (AP-32) | the hierarchy between the two | [`transited`](crate::ap::AcceptorConfig::transited) |
//! | authorization data that is not understood (AP-34) | refused | [`unknown_critical`](crate::ap::AcceptorConfig::unknown_critical) |
//! | anonymous clients (AP-41) | refused | [`allow_anonymous`](crate::ap::AcceptorConfig::allow_anonymous) |
//! | a PAC (PAC-19) | not needed; a wrong one refuses the request | [`pac`](crate::ap::AcceptorConfig::pac), [`invalid_pac`](crate::ap::AcceptorConfig::invalid_pac) |
//! | user-to-user (AP-78) | off | [`user_to_user`](crate::ap::AcceptorConfig::user_to_user) |
//! | channel bindings (GSS-21) | none: the initiator's are ignored | [`bindings`](crate::gss::Acceptor::bindings) |
//! | an authenticator without checksum (GSS-19) | taken, without any flag | [`require_checksum`](crate::gss::Acceptor::require_checksum) tightens |
//!
//! Randomness is the operating system's ([`random`](crate::ap::AcceptorConfig::random) takes
//! another), and there is no clock: `now` is an argument.
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::time::Duration;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::crypto::{DEFAULT_ENCTYPES, Enctype};
//! use orthros::error::{Error, Rejection};
//! use orthros::gss::{Acceptor, BindingOutcome, ChannelBindings, Initiator};
//! use orthros::step::Step;
//! use orthros::time::Timestamp;
//!
//! let realm = Example::new();
//! let config = || AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let acceptor = || Acceptor::new(ap::Acceptor::new(config()));
//! let ticket = realm.ticket();
//! let first_at = |now: Timestamp| match Initiator::new(ticket.clone()).request(now).unwrap() {
//!     Step::Continue { token, .. } => token,
//!     Step::Established { token, .. } => token.unwrap(),
//! };
//! let first = || first_at(NOW);
//! let after = |seconds| NOW.plus(Duration::from_secs(seconds));
//!
//! // Clock skew: 300 seconds either way. (The first authenticator's time may be a few
//! // microseconds after NOW, as no time is used twice.)
//! assert!(acceptor().accept(&first(), after(300)).is_ok());
//! assert!(acceptor().accept(&first(), after(301)).is_err());
//! assert!(acceptor().accept(&first(), NOW.minus(Duration::from_secs(299))).is_ok());
//! assert!(acceptor().accept(&first(), NOW.minus(Duration::from_secs(301))).is_err());
//! let narrow = || Acceptor::new(ap::Acceptor::new(config().skew(Duration::from_secs(10))));
//! assert!(narrow().accept(&first(), after(11)).is_err());
//!
//! // A ticket after its end: one skew.
//! let end = Timestamp::from(ticket.endtime);
//! let grace = first_at(end);
//! assert!(acceptor().accept(&grace, end.plus(Duration::from_secs(299))).is_ok());
//!
//! // Replay cache: its own.
//! let shared = ap::Acceptor::new(config());
//! let token = first();
//! assert!(Acceptor::new(shared.clone()).accept(&token, NOW).is_ok());
//! assert!(Acceptor::new(shared).accept(&token, NOW).is_err());
//! let without = ap::Acceptor::new(config().without_replay_cache());
//! assert!(Acceptor::new(without.clone()).accept(&token, NOW).is_ok());
//! assert!(Acceptor::new(without).accept(&token, NOW).is_ok());
//!
//! // Enctypes.
//! assert_eq!(DEFAULT_ENCTYPES, [18, 17, 20, 19].map(Enctype));
//! assert_eq!(Enctype::RC4_HMAC.is_supported(), cfg!(feature = "legacy"));
//! let only = ap::Acceptor::new(config().permitted_enctypes([Enctype::AES128_CTS_HMAC_SHA1_96]));
//! let refusal = Acceptor::new(only).accept(&first(), NOW).unwrap_err();
//! let Error::Rejected(rejection) = refusal.error else { panic!() };
//! assert!(matches!(*rejection, Rejection::Enctype { .. }));
//!
//! // Channel bindings: the initiator's are ignored.
//! let bindings = ChannelBindings::from_application_data("tls-exporter:...");
//! let Step::Continue { token, .. } = Initiator::new(ticket.clone()).bindings(bindings).request(NOW)?
//! else { panic!() };
//! let Step::Established { context, .. } = acceptor().accept(&token, NOW)? else { panic!() };
//! assert_eq!(context.info().bindings, BindingOutcome::NotCompared);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What a ticket may hold:
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::net::IpAddr;
//! use orthros::ap::{self, AcceptorConfig, Accepts, AddressPolicy, Cksum, HostAddr, InvalidPac};
//! use orthros::ap::{InitiatorConfig, PacPolicy, TransitedPolicy, UnknownCritical};
//! use orthros::credentials::Credentials;
//! use orthros::gss::token::{TokenId, frame};
//! use orthros::gss::{Acceptor, ContextFlags, Initiator};
//! use orthros::principal::Principal;
//! use orthros::step::Step;
//! use orthros::wire::{AdType, AuthorizationDataElement, KerberosString, OctetString, TicketFlags};
//!
//! let realm = Example::new();
//! let config = || AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let accepts = |config: AcceptorConfig, ticket: &Credentials| {
//!     let step = Initiator::new(ticket.clone()).request(NOW).unwrap();
//!     let (Step::Continue { token, .. } | Step::Established { token: Some(token), .. }) = step
//!     else { panic!() };
//!     Acceptor::new(ap::Acceptor::new(config)).accept(&token, NOW).is_ok()
//! };
//! assert!(accepts(config(), &realm.ticket()));
//!
//! // Another service's ticket.
//! let other = AcceptorConfig::new(realm.keys(), Accepts::Service(name("imap/mail.example.com")));
//! assert!(!accepts(other, &realm.ticket()));
//!
//! // Addresses: compared if there are any and the peer's is known.
//! let ours: HostAddr = IpAddr::from([192, 0, 2, 7]).into();
//! let bound = realm.ticket_with(|part| part.caddr = Some(vec![ours.to_wire()]));
//! assert!(accepts(config(), &bound));
//! for (address, admitted) in [([192, 0, 2, 7], true), ([192, 0, 2, 8], false)] {
//!     let Step::Continue { token, .. } = Initiator::new(bound.clone()).request(NOW)? else { panic!() };
//!     let acceptor = Acceptor::new(ap::Acceptor::new(config())).peer(IpAddr::from(address).into());
//!     assert_eq!(acceptor.accept(&token, NOW).is_ok(), admitted);
//! }
//! assert!(!accepts(config().addresses(AddressPolicy::Required), &realm.ticket()));
//!
//! // Foreign realms: directly, or by the hierarchy; the example's has none.
//! let through = |hub: &'static [u8]| {
//!     let mut credentials = realm.ticket_with(|part| {
//!         part.crealm = KerberosString("OTHER.TEST");
//!         part.transited.contents = OctetString(hub);
//!         part.flags = part.flags.without(TicketFlags::TRANSITED_POLICY_CHECKED);
//!         part.authorization_data = None;
//!     });
//!     credentials.client = Principal::parse("alice@OTHER.TEST", None).unwrap();
//!     credentials
//! };
//! assert!(accepts(config(), &through(b"")));
//! assert!(!accepts(config(), &through(b"HUB.TEST")));
//! let path = TransitedPolicy::hierarchical().capath("OTHER.TEST", "EXAMPLE.COM", ["HUB.TEST"]);
//! assert!(accepts(config().transited(path), &through(b"HUB.TEST")));
//!
//! // Authorization data that is not understood, and a PAC: not needed, but not a wrong one.
//! let with_data = |ad_type, data: &'static [u8]| {
//!     let element = AuthorizationDataElement { ad_type, ad_data: OctetString(data) };
//!     realm.ticket_with(|part| part.authorization_data = Some(vec![element]))
//! };
//! let unknown = with_data(AdType(9999), b"?");
//! assert!(!accepts(config(), &unknown));
//! assert!(accepts(config().unknown_critical(UnknownCritical::Ignore), &unknown));
//! let without = realm.ticket_with(|part| part.authorization_data = None);
//! assert!(accepts(config(), &without));
//! assert!(!accepts(config().pac(PacPolicy::Required), &without));
//! // AD-IF-RELEVANT, and in it AD-WIN2K-PAC of three octets.
//! let damaged = with_data(
//!     AdType::IF_RELEVANT,
//!     b"\x30\x0F\x30\x0D\xA0\x04\x02\x02\x00\x80\xA1\x05\x04\x03bad",
//! );
//! assert!(!accepts(config(), &damaged));
//! assert!(accepts(config().invalid_pac(InvalidPac::Ignore), &damaged));
//!
//! // Anonymous clients.
//! let anonymous = realm.ticket_with(|part| part.flags = part.flags | TicketFlags::ANONYMOUS);
//! assert!(!accepts(config(), &anonymous));
//! assert!(accepts(config().allow_anonymous(), &anonymous));
//!
//! // User-to-user: there is no TGT whose session key could open the ticket.
//! let mut to_user = realm.ticket();
//! to_user.second_ticket = Some(Vec::new());
//! assert!(!accepts(config(), &to_user));
//!
//! // An authenticator without a checksum.
//! let bare = ap::Initiator::new(realm.ticket().into(), InitiatorConfig::default());
//! let Step::Continue { token, .. } = bare.request(Cksum::None, NOW)? else { panic!() };
//! let token = frame(TokenId::AP_REQ, &token);
//! let acceptor = || Acceptor::new(ap::Acceptor::new(config()));
//! assert!(acceptor().require_checksum().accept(&token, NOW).is_err());
//! let Step::Established { context, .. } = acceptor().accept(&token, NOW)? else { panic!() };
//! assert!(!context.flags().contains(ContextFlags::INTEG));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # An initiator
//!
//! | what | default | loosen, or tighten |
//! |---|---|---|
//! | flags | MUTUAL, REPLAY, SEQUENCE, CONF, INTEG | [`flags`](crate::gss::Initiator::flags) |
//! | delegation (GSS-32) | none | [`delegate`](crate::gss::Initiator::delegate) |
//! | channel bindings (GSS-20) | none | [`bindings`](crate::gss::Initiator::bindings) |
//! | enctypes (AP-24) | AES: 18, 17, 20, 19 | [`enctypes`](crate::gss::Initiator::enctypes) |
//! | another try by the acceptor's clock (AP-77) | no | [`retry_by_acceptors_clock`](crate::gss::Initiator::retry_by_acceptors_clock) |
//! | the window of numbers (GSS-31) | 64 | |
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::time::Duration;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::crypto::Enctype;
//! use orthros::gss::{Acceptor, AcceptorBindings, BindingOutcome, ChannelBindings, ContextFlags};
//! use orthros::gss::{Initiator, Window};
//! use orthros::step::Step;
//!
//! let realm = Example::new();
//! let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//! let acceptor = Acceptor::new(ap::Acceptor::new(config));
//! let Step::Continue { token, next } = Initiator::new(realm.ticket()).request(NOW)? else { panic!() };
//! let Step::Established { token, context } = acceptor.clone().accept(&token, NOW)? else { panic!() };
//! let expected = ContextFlags::MUTUAL | ContextFlags::REPLAY | ContextFlags::SEQUENCE
//!     | ContextFlags::CONF | ContextFlags::INTEG | ContextFlags::PROT_READY
//!     | ContextFlags::TRANS;
//! assert_eq!(context.flags(), expected);
//! assert!(context.info().delegated.is_empty());
//! assert_eq!(context.weak_enctype(), None);
//! // Enctypes: the session key's is 20, and so is that of the subkey in the answer.
//! assert!(next.reply(&token.unwrap(), NOW).is_ok());
//! let narrow = Initiator::new(realm.ticket()).enctypes([Enctype::AES128_CTS_HMAC_SHA1_96]);
//! let Step::Continue { token, next } = narrow.request(NOW)? else { panic!() };
//! let Step::Established { token, .. } = acceptor.clone().accept(&token, NOW)? else { panic!() };
//! assert!(next.reply(&token.unwrap(), NOW).is_err());
//!
//! // Channel bindings: none.
//! let Step::Continue { token, .. } = Initiator::new(realm.ticket()).request(NOW)? else { panic!() };
//! let ours = ChannelBindings::from_application_data("tls-exporter:...");
//! let comparing = acceptor.clone().bindings(AcceptorBindings::Allow(ours.into()));
//! let Step::Established { context, .. } = comparing.accept(&token, NOW)? else { panic!() };
//! assert_eq!(context.info().bindings, BindingOutcome::Absent);
//!
//! // Another try: no. The acceptor's clock is ten minutes ahead, and it says so.
//! let late = NOW.plus(Duration::from_secs(600));
//! let Step::Continue { token, next } = Initiator::new(realm.ticket()).request(NOW)? else { panic!() };
//! let answer = acceptor.clone().accept(&token, late).unwrap_err().token.unwrap();
//! assert!(next.reply(&answer, NOW).is_err());
//! let patient = Initiator::new(realm.ticket()).retry_by_acceptors_clock();
//! let Step::Continue { token, next } = patient.request(NOW)? else { panic!() };
//! let answer = acceptor.accept(&token, late).unwrap_err().token.unwrap();
//! assert!(matches!(next.reply(&answer, NOW), Ok(Step::Continue { .. })));
//!
//! assert_eq!(Window::LEN, 64);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # A client of a KDC
//!
//! | what | default | loosen |
//! |---|---|---|
//! | what is asked for | a ticket as long as policy allows, for every address; not forwardable, not renewable, not canonicalised | the methods of [`AsExchange`](crate::client::AsExchange) |
//! | iterations of string-to-key (CRY-07) | at most 1 000 000 | |
//! | the KDC's clock (KDC-09) | followed, once the reply has proven genuine | [`follow_kdc_clock`](crate::client::AsExchange::follow_kdc_clock) |
//!
//! Referrals to other realms are followed only to those that
//! [`referrals_to`](crate::client::AsExchange::referrals_to) names (KDC-33).
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use std::time::Duration;
//! use orthros::client::AsExchange;
//! use orthros::crypto::DEFAULT_MAX_ITERATIONS;
//! use orthros::secret::Secret;
//! use orthros::step::{Ask, Awaiting};
//! use orthros::wire::TicketFlags;
//!
//! let tgt = Example::new().tgt();
//! for flag in [TicketFlags::FORWARDABLE, TicketFlags::RENEWABLE, TicketFlags::PROXIABLE] {
//!     assert!(!tgt.flags.contains(flag));
//! }
//! assert!(tgt.addresses.is_empty());
//! // The realm's longest life: a day.
//! assert_eq!(tgt.endtime.as_secs() - tgt.valid_from().as_secs(), 86_400);
//! assert_eq!(DEFAULT_MAX_ITERATIONS, 1_000_000);
//!
//! // The KDC's clock is a minute ahead.
//! let realm = Example::new();
//! let ahead = NOW.plus(Duration::from_secs(60));
//! let login = |follow: bool| {
//!     let password = Secret::from("open sesame");
//!     let exchange = AsExchange::with_password(name("alice"), password);
//!     let mut ask = match follow {
//!         true => exchange,
//!         false => exchange.follow_kdc_clock(false),
//!     }.start(NOW).unwrap();
//!     loop {
//!         ask = match ask {
//!             Ask::Done(initial) => return initial.credentials,
//!             Ask::Send { request, next, .. } => {
//!                 next.reply(&realm.kdc.answer(&request, ahead).unwrap(), NOW).unwrap()
//!             }
//!         };
//!     }
//! };
//! assert_eq!(login(true).clock_offset, 60_000_000);
//! assert_eq!(login(false).clock_offset, 0);
//! ```
//!
//! # A KDC
//!
//! | what | default | change |
//! |---|---|---|
//! | clock skew, shortest life | 5 minutes | [`Policy`](crate::kdc::Policy) |
//! | longest life, renewable life | 1 day, 7 days | the same |
//! | enctypes | AES: 20, 18, 19, 17 | the same |
//! | pre-authentication | demanded of everybody | [`Attributes`](crate::kdc::Attributes) |
//!
//! ```
//! use std::time::Duration;
//! use orthros::crypto::Enctype;
//! use orthros::kdc::{Attributes, Policy};
//!
//! let policy = Policy::default();
//! let minutes = |n: u64| Duration::from_secs(60 * n);
//! assert_eq!((policy.clock_skew, policy.min_life), (minutes(5), minutes(5)));
//! assert_eq!((policy.max_life, policy.max_renewable_life), (minutes(1440), minutes(7 * 1440)));
//! assert_eq!(policy.enctypes, [20, 18, 19, 17].map(Enctype));
//! assert!(Attributes::USER.requires_preauth && Attributes::SERVICE.requires_preauth);
//! ```
//!
//! # SASL
//!
//! | what | default | change |
//! |---|---|---|
//! | layers | none: they have to be said | [`Layers`](crate::sasl::Layers) |
//! | the largest buffer | 65 536 octets | [`largest_buffer`](crate::sasl::Server::largest_buffer) |
//! | acting for another (SASL-07) | nobody | [`authorize`](crate::sasl::Server::authorize) |
//! | which service (SASL-11) | as the acceptor's [`Accepts`](crate::ap::Accepts) | [`service`](crate::sasl::Server::service) |
//!
//! ```
//! # mod example { include!(concat!(env!("CARGO_MANIFEST_DIR"), "/src/manual/example_realm.rs")); }
//! # use example::*;
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::gss::{self, Initiator};
//! use orthros::sasl::{Client, Layer, Layers, Server};
//! use orthros::step::Step;
//!
//! let realm = Example::new();
//! let layers = Layers::only(Layer::Integrity);
//! let converse = |authzid: &str| {
//!     let config = AcceptorConfig::new(realm.keys(), Accepts::Service(web()));
//!     let acceptor = gss::Acceptor::new(ap::Acceptor::new(config));
//!     let mut server = Server::gssapi(acceptor, layers);
//!     let client = Client::gssapi(Initiator::new(realm.ticket()), layers).authzid(authzid);
//!     let mut step = client.start(NOW).unwrap();
//!     loop {
//!         let (token, next) = match step {
//!             Step::Continue { token, next } => (token, Some(next)),
//!             Step::Established { token, .. } => (token.unwrap_or_default(), None),
//!         };
//!         match server.respond(&token, NOW) {
//!             Err(refusal) => return Err(refusal),
//!             Ok(Step::Established { context, .. }) => return Ok(context),
//!             Ok(Step::Continue { token, next: server_next }) => {
//!                 server = server_next;
//!                 step = next.unwrap().challenge(&token, NOW).unwrap();
//!             }
//!         }
//!     }
//! };
//! // A buffer of 65 536 octets holds a message that is shorter by header and checksum.
//! let session = converse("").unwrap();
//! assert!((65_400..65_536).contains(&session.largest_message()));
//! assert!(converse("alice@EXAMPLE.COM").is_ok());
//! assert!(converse("bob@EXAMPLE.COM").is_err());
//! ```
