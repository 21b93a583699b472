//! A small server of LDAP: it binds with SASL, says who one is and what it offers, and keeps a
//! record of every bind.

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use orthros::gss::Acceptor;
use orthros::principal::Principal;
use orthros::report::Report;
use orthros::sasl::{Advertisement, Layer, Layers, Mechanism, Server};
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_net::stream::blocking::SecureStream;
use serde_json::Value;

use crate::ldap_search::ber::{self, text, tlv};
use crate::ldap_search::{SASL_BIND_IN_PROGRESS, SUCCESS, message};

const PROTOCOL_ERROR: u8 = 2;
const AUTH_METHOD_NOT_SUPPORTED: u8 = 7;
pub const INVALID_CREDENTIALS: u8 = 49;
const UNWILLING_TO_PERFORM: u8 = 53;

const WHO_AM_I: &[u8] = b"1.3.6.1.4.1.4203.1.11.3";

/// What such a server is told.
#[derive(Clone)]
pub struct Terms {
    pub acceptor: Acceptor,
    /// The names by which it is known (SASL-11).
    pub hosts: Vec<String>,
    pub layers: Layers,
}

/// A server on loopback; it ends when dropped.
pub struct LdapServer {
    pub port: u16,
    records: Arc<Mutex<Vec<Value>>>,
    ends: Arc<AtomicBool>,
    listening: Option<JoinHandle<()>>,
}

impl LdapServer {
    pub fn start(terms: Terms) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let (records, ends) = (Arc::default(), Arc::new(AtomicBool::new(false)));
        let (kept, over) = (Arc::clone(&records), Arc::clone(&ends));
        let listening = thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::Acquire) {
                    return;
                }
                let (terms, records) = (terms.clone(), Arc::clone(&kept));
                let Ok(stream) = stream else { continue };
                let patience = Some(Duration::from_secs(20));
                stream.set_read_timeout(patience).unwrap();
                // What a client leaves behind ends with it.
                thread::spawn(move || {
                    let connection = Connection {
                        source: stream
                            .peer_addr()
                            .map(|a| a.to_string())
                            .unwrap_or_default(),
                        wire: Wire::Open(stream),
                        terms,
                        records,
                        pending: None,
                        identity: None,
                    };
                    let _ = connection.serve();
                });
            }
        });
        Self {
            port,
            records,
            ends,
            listening: Some(listening),
        }
    }

    /// The records of the binds so far.
    pub fn records(&self) -> Vec<Value> {
        self.records.lock().unwrap().clone()
    }
}

impl Drop for LdapServer {
    fn drop(&mut self) {
        self.ends.store(true, Ordering::Release);
        let _ = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port));
        if let Some(listening) = self.listening.take() {
            let _ = listening.join();
        }
    }
}

/// The connection, before a security layer and within one.
enum Wire {
    Open(TcpStream),
    Sealed(Box<SecureStream<TcpStream>>),
    Gone,
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Open(stream) => stream.read(buffer),
            Self::Sealed(stream) => stream.read(buffer),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

impl Write for Wire {
    fn write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match self {
            Self::Open(stream) => stream.write(octets),
            Self::Sealed(stream) => stream.write(octets),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Open(stream) => stream.flush(),
            Self::Sealed(stream) => stream.flush(),
            Self::Gone => Err(io::ErrorKind::NotConnected.into()),
        }
    }
}

struct Connection {
    source: String,
    wire: Wire,
    terms: Terms,
    records: Arc<Mutex<Vec<Value>>>,
    /// A bind that is not over.
    pending: Option<(Mechanism, Server)>,
    identity: Option<Principal>,
}

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// LDAPResult under the tag of its operation, and what follows it.
fn result(tag: u8, code: u8, more: &[u8]) -> Vec<u8> {
    tlv(tag, &[&[10, 1, code], &text(""), &text(""), more])
}

impl Connection {
    fn serve(mut self) -> io::Result<()> {
        loop {
            let request = ber::read(&mut self.wire)?;
            let mut rest = &request[..];
            // ldap clients count from 1.
            let id = ber::take(&mut rest)?.1.last().copied().unwrap_or_default();
            let (tag, contents) = ber::take(&mut rest)?;
            match tag {
                0x60 => self.bind(id, contents)?,
                0x42 => return Ok(()),
                0x63 => {
                    let entry = self.root();
                    self.answer(id, &entry)?;
                    self.answer(id, &result(0x65, SUCCESS, &[]))?;
                }
                0x77 => {
                    let mut rest = contents;
                    let answer = match ber::take(&mut rest)? {
                        (0x80, WHO_AM_I) => {
                            let who = self.identity.as_ref();
                            let who = who.map(|who| format!("u:{who}")).unwrap_or_default();
                            result(0x78, SUCCESS, &tlv(0x8B, &[who.as_bytes()]))
                        }
                        _ => result(0x78, PROTOCOL_ERROR, &[]),
                    };
                    self.answer(id, &answer)?;
                }
                _ => self.answer(id, &result(0x78, UNWILLING_TO_PERFORM, &[]))?,
            }
        }
    }

    fn answer(&mut self, id: u8, operation: &[u8]) -> io::Result<()> {
        self.wire.write_all(&message(id, operation))?;
        self.wire.flush()
    }

    fn advertised(&self) -> Vec<Mechanism> {
        Advertisement::new(&self.terms.acceptor, "ldap")
            .hosts(self.terms.hosts.iter().map(String::as_str))
            .wanted([Mechanism::Gssapi, Mechanism::GssSpnego])
            .mechanisms()
    }

    /// The entry of the root, with what there is to bind with (SASL-03).
    fn root(&self) -> Vec<u8> {
        let names = self.advertised();
        let names: Vec<u8> = names.iter().flat_map(|name| text(name.name())).collect();
        let values = tlv(0x31, &[&names]);
        let attribute = tlv(0x30, &[&text("supportedSASLMechanisms"), &values]);
        tlv(0x64, &[&text(""), &tlv(0x30, &[&attribute])])
    }

    fn bind(&mut self, id: u8, contents: &[u8]) -> io::Result<()> {
        let mut rest = contents;
        ber::take(&mut rest)?;
        ber::take(&mut rest)?;
        self.identity = None;
        let (mechanism, token) = match ber::take(&mut rest)? {
            // Anonymous.
            (0x80, b"") => return self.answer(id, &result(0x61, SUCCESS, &[])),
            (0xA3, mut sasl) => {
                let (_, name) = ber::take(&mut sasl)?;
                let token = match sasl {
                    [] => &[][..],
                    mut rest => ber::take(&mut rest)?.1,
                };
                let name = std::str::from_utf8(name).unwrap_or_default();
                match name.parse::<Mechanism>() {
                    Ok(mechanism) if self.advertised().contains(&mechanism) => (mechanism, token),
                    _ => {
                        let refused = result(0x61, AUTH_METHOD_NOT_SUPPORTED, &[]);
                        return self.answer(id, &refused);
                    }
                }
            }
            _ => return self.answer(id, &result(0x61, AUTH_METHOD_NOT_SUPPORTED, &[])),
        };
        let server = match self.pending.take() {
            Some((pending, server)) if pending == mechanism => server,
            _ => self.server(mechanism),
        };
        let credentials = |token: &[u8]| tlv(0x87, &[token]);
        match server.respond(token, now()) {
            Ok(Step::Continue { token, next }) => {
                self.pending = Some((mechanism, next));
                let more = credentials(&token);
                self.answer(id, &result(0x61, SASL_BIND_IN_PROGRESS, &more))
            }
            Ok(Step::Established { token, context }) => {
                self.record(Report::established(context.info()));
                self.identity = Some(context.info().initiator.clone());
                let more = token.map(|token| credentials(&token)).unwrap_or_default();
                self.answer(id, &result(0x61, SUCCESS, &more))?;
                self.wire = match (
                    std::mem::replace(&mut self.wire, Wire::Gone),
                    context.layer(),
                ) {
                    (wire, Layer::None) => wire,
                    (Wire::Open(stream), _) => {
                        let sealed = SecureStream::sasl(stream, context);
                        Wire::Sealed(Box::new(sealed.map_err(io::Error::other)?))
                    }
                    // One layer is enough.
                    (_, _) => return Err(io::ErrorKind::Unsupported.into()),
                };
                Ok(())
            }
            Err(refusal) => {
                self.record(Report::refused(&refusal).request(token));
                self.answer(id, &result(0x61, INVALID_CREDENTIALS, &[]))
            }
        }
    }

    fn server(&self, mechanism: Mechanism) -> Server {
        let (acceptor, layers) = (self.terms.acceptor.clone(), self.terms.layers);
        let server = match mechanism {
            Mechanism::GssSpnego => Server::gss_spnego(acceptor, layers),
            _ => Server::gssapi(acceptor, layers),
        };
        server
            .service("ldap", self.terms.hosts.iter().map(String::as_str))
            // libldap has the form of RFC 4513, the plug-in a name without a realm.
            .authorize(|client, authzid| {
                let name = authzid.strip_prefix("u:").unwrap_or(authzid);
                name == client.to_string() || Some(name) == client.component(0)
            })
    }

    /// The record of a bind, in the server's own output.
    fn record(&self, report: Report<'_>) {
        let record = report.at(now()).source(&self.source).record();
        println!("{record}");
        let record = serde_json::to_value(&record).unwrap();
        self.records.lock().unwrap().push(record);
    }
}
