//! How to: a service on TCP whose connections are protected, and its client.
//!
//! No TLS, no certificates, no HTTP: the two ends authenticate each other with Kerberos, and what
//! is written to the stream afterwards travels encrypted. [`SecureStream`] reads and writes like
//! the socket below it.
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::{Ipv4Addr, TcpListener, TcpStream};
//! use std::time::Duration;
//!
//! use orthros::ap::{self, AcceptorConfig, Accepts};
//! use orthros::credentials::Credentials;
//! use orthros::env::now;
//! use orthros::gss::{Acceptor, AwaitReply, AwaitToken, Initiator};
//! use orthros_net::stream::{StreamConfig, blocking};
//! # use std::sync::Arc;
//! # use orthros::{ap::ServiceKeys, client::{AsExchange, TgsExchange}, error::Error};
//! # use orthros::{kdc::EmbeddedKdc, principal::Principal, random::OsRandom, secret::Secret};
//! # use orthros::step::{Ask, Awaiting};
//! # fn ask<N: Awaiting>(kdc: &EmbeddedKdc, mut ask: Ask<N, N::Output>) -> Result<N::Output, Error> {
//! #     loop {
//! #         ask = match ask {
//! #             Ask::Done(output) => return Ok(output),
//! #             Ask::Send { request, next, .. } => next.reply(&kdc.answer(&request, now()).unwrap(), now())?,
//! #         };
//! #     }
//! # }
//!
//! type Failure = Box<dyn std::error::Error>;
//!
//! /// One connection of the service.
//! fn serve(socket: TcpStream, acceptor: ap::Acceptor) -> Result<(), Failure> {
//!     // For the conversation; the handshake has limits of its own.
//!     socket.set_read_timeout(Some(Duration::from_secs(30)))?;
//!     let mut client = None;
//!     let accept = |next: AwaitToken, token: &[u8]| {
//!         let step = next.accept(token, now())?;
//!         if let orthros::step::Step::Established { context, .. } = &step {
//!             client = Some(context.info().initiator.clone());
//!         }
//!         Ok(step)
//!     };
//!     let first = AwaitToken::from(Acceptor::new(acceptor));
//!     let mut stream = blocking::accept_socket(socket, first, accept, &StreamConfig::knc())?;
//!     let mut name = String::new();
//!     stream.read_to_string(&mut name)?;
//!     write!(stream, "{name} from {}", client.unwrap())?;
//!     stream.finish()?;
//!     Ok(())
//! }
//!
//! /// The client's end.
//! fn connect(socket: TcpStream, ticket: Credentials) -> Result<String, Failure> {
//!     socket.set_read_timeout(Some(Duration::from_secs(30)))?;
//!     let first = Initiator::new(ticket).request(now())?;
//!     let reply = |next: AwaitReply, token: &[u8]| next.reply(token, now());
//!     let mut stream = blocking::initiate(socket, first, reply, &StreamConfig::knc())?;
//!     stream.write_all(b"hello")?;
//!     // Nothing more comes from here; the other direction stays open.
//!     stream.finish()?;
//!     stream.get_ref().shutdown(std::net::Shutdown::Write)?;
//!     let mut answer = String::new();
//!     stream.read_to_string(&mut answer)?;
//!     Ok(answer)
//! }
//! # let kdc = EmbeddedKdc::new("EXAMPLE.COM", Default::default(), Arc::new(OsRandom))?;
//! # let name = |text| Principal::parse(text, Some("EXAMPLE.COM")).unwrap();
//! # let (alice, us) = (name("alice"), name("greet/localhost"));
//! # kdc.add_user(alice.clone(), &Secret::from("open sesame"))?;
//! # kdc.add_service(us.clone())?;
//! # let login = AsExchange::with_password(alice, Secret::from("open sesame"));
//! # let tgt = ask(&kdc, login.start(now())?)?.credentials;
//! # let ticket = ask(&kdc, TgsExchange::new(&tgt, us.clone()).start(now())?)?.credentials;
//! # let keys = Arc::new(ServiceKeys::from(&kdc.keytab_for(&us, now())?));
//!
//! // `keys` are those of the service's keytab, `ticket` is the client's for greet/localhost.
//! let acceptor = ap::Acceptor::new(AcceptorConfig::new(keys, Accepts::Service(us)));
//! let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
//! let address = listener.local_addr()?;
//! let client = std::thread::spawn(move || {
//!     let socket = TcpStream::connect(address).unwrap();
//!     connect(socket, ticket).unwrap()
//! });
//! // In a program: a thread for each connection, all with clones of one acceptor.
//! let (socket, _) = listener.accept()?;
//! serve(socket, acceptor)?;
//! assert_eq!(client.join().unwrap(), "hello from alice@EXAMPLE.COM");
//! # Ok::<(), Failure>(())
//! ```
//!
//! # Rules
//!
//! - The end of the stream below is the end of this one, and nothing protects it: somebody on the
//!   network can cut a message short. A protocol that has to know says how long it is.
//! - The limits of [`StreamConfig`] hold before anything is allocated. A [`Door`] counts how many
//!   peers are at their handshakes; ask it before a thread is spent on a connection.
//! - With tokio the same two calls are in `stream::tokio`.
//! - A refused handshake is a [`HandshakeError`] with the refusal in it: log its report, and tell
//!   the peer nothing.
//!
//! [`SecureStream`]: crate::stream::SecureStream
//! [`Door`]: crate::stream::Door
//! [`StreamConfig`]: crate::stream::StreamConfig
//! [`HandshakeError`]: crate::stream::HandshakeError
