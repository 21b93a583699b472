//! The service: a listener with a keytab, in a thread of its own.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use orthros::ap::{self, HostAddr};
use orthros::crypto::{Key, KeyUsage};
use orthros::error::Error;
use orthros::gss::{self, AcceptorBindings, Protection, SecurityContext};
use orthros::random::OsRandom;
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros::wire::{
    ApRep, EncApRepPart, EncryptedData, KRB5_PVNO, Message, Microseconds, MsgType, OctetString,
    UInt32,
};
use orthros_kdc::Clock;

use super::frame;

/// How long a client may be silent.
const PATIENCE: Duration = Duration::from_secs(10);

/// What happened on one connection.
pub(super) enum Seen {
    /// The client was accepted and sent a sealed message.
    Accepted(Box<Conversation>),
    /// The client was refused.
    Refused(Error),
    /// The client hung up, or the connection broke, after it was accepted.
    HungUp,
}

/// An accepted client and what it said.
pub(super) struct Conversation {
    pub(super) context: SecurityContext,
    pub(super) now: Timestamp,
    /// Octets of the AP-REP token.
    pub(super) reply: usize,
    pub(super) message: String,
}

/// A running service. It stops with its last connection.
pub(super) struct Service {
    pub(super) address: SocketAddr,
    pub(super) seen: Receiver<Seen>,
    thread: JoinHandle<()>,
}

/// Who answers.
pub(super) enum Server {
    /// The service, with its keys.
    Genuine(Box<ap::Acceptor>, AcceptorBindings),
    /// Somebody who has no key and answers nevertheless.
    Forged,
}

impl Service {
    /// Listens on loopback for `connections` clients.
    pub(super) fn start(server: Server, clock: Arc<Clock>, connections: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let (sender, seen) = channel();
        let thread = std::thread::Builder::new()
            .name("service".to_owned())
            .spawn(move || {
                for _ in 0..connections {
                    let Ok((stream, peer)) = listener.accept() else {
                        return;
                    };
                    if serve(&server, stream, peer, &clock, &sender).is_err() {
                        let _ = sender.send(Seen::HungUp);
                    }
                }
            })?;
        Ok(Self {
            address,
            seen,
            thread,
        })
    }

    /// Waits for its end.
    pub(super) fn join(self) {
        // A panic in it was printed, and its channel is closed.
        let _ = self.thread.join();
    }
}

fn serve(
    server: &Server,
    mut stream: TcpStream,
    peer: SocketAddr,
    clock: &Clock,
    seen: &Sender<Seen>,
) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let Some(token) = frame::receive(&mut stream)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let (acceptor, bindings) = match server {
        Server::Genuine(acceptor, bindings) => (acceptor, bindings),
        Server::Forged => {
            frame::send(&mut stream, &forged_answer(clock.now())?)?;
            let _ = seen.send(Seen::HungUp);
            return Ok(());
        }
    };
    let now = clock.now();
    let acceptor = gss::Acceptor::new((**acceptor).clone())
        .bindings(bindings.clone())
        .peer(HostAddr::from(peer.ip()));
    let (reply, mut context) = match acceptor.accept(&token, now) {
        Ok(Step::Established { token, context }) => (token.unwrap_or_default(), context),
        // An answer that says the token is none of Kerberos.
        Ok(Step::Continue { token, .. }) => {
            frame::send(&mut stream, &token)?;
            return Err(io::ErrorKind::InvalidData.into());
        }
        Err(refusal) => {
            if let Some(token) = &refusal.token {
                frame::send(&mut stream, token)?;
            }
            let _ = seen.send(Seen::Refused(refusal.error));
            return Ok(());
        }
    };
    frame::send(&mut stream, &reply)?;
    let Some(sealed) = frame::receive(&mut stream)? else {
        return Err(io::ErrorKind::UnexpectedEof.into());
    };
    let read = context.unwrap(&sealed).and_then(gss::Unwrapped::complete);
    let message = match read {
        Ok(message) => String::from_utf8_lossy(&message).into_owned(),
        Err(error) => {
            let _ = seen.send(Seen::Refused(error));
            return Ok(());
        }
    };
    let name = context.info().initiator.name();
    match context.wrap(
        Protection::Confidentiality,
        format!("hello {name}").as_bytes(),
    ) {
        Ok(sealed) => frame::send(&mut stream, &sealed)?,
        Err(error) => {
            let _ = seen.send(Seen::Refused(error));
            return Ok(());
        }
    }
    let _ = seen.send(Seen::Accepted(Box::new(Conversation {
        context,
        now,
        reply: reply.len(),
        message,
    })));
    Ok(())
}

/// An AP-REP under a key that nobody gave to anybody: all that somebody without the service's key
/// can do.
fn forged_answer(now: Timestamp) -> io::Result<Vec<u8>> {
    let broken = |error: Error| io::Error::other(error.to_string());
    let forge = || -> Result<Vec<u8>, Error> {
        let enctype = orthros::crypto::Enctype::AES256_CTS_HMAC_SHA1_96;
        let key = Key::random(enctype, &OsRandom)?;
        let part = EncApRepPart {
            ctime: now.time(),
            cusec: Microseconds::from(now),
            subkey: None,
            seq_number: Some(UInt32(1)),
        };
        let cipher = key.encrypt(KeyUsage::AP_REP, &part.to_bytes()?, &OsRandom)?;
        let reply = ApRep {
            pvno: KRB5_PVNO,
            msg_type: MsgType::AP_REP.0,
            enc_part: EncryptedData {
                etype: enctype.0,
                kvno: None,
                cipher: OctetString(&cipher),
            },
        };
        Ok(gss::token::frame(
            gss::token::TokenId::AP_REP,
            &reply.to_bytes()?,
        ))
    };
    forge().map_err(broken)
}
