//! The client: from a password to a session with the service.

use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use orthros::credentials::Credentials;
use orthros::error::Error;
use orthros::gss::{self, ChannelBindings, ContextInfo, Protection};
use orthros::step::Step;
use orthros_kdc::Clock;

use super::frame;

const PATIENCE: Duration = Duration::from_secs(10);

/// What it says once the session stands.
pub(super) const GREETING: &str = "hello, over Kerberos";

/// The client's side of one connection.
pub(super) struct Side {
    /// The token as it left for the service, after whatever happened to it on its way.
    pub(super) sent: Vec<u8>,
    pub(super) outcome: Outcome,
}

/// How it ended.
pub(super) enum Outcome {
    /// A session, and what was said in it.
    Talked(Box<Talk>),
    /// The client refuses the service, or was told why it is refused.
    Failed(Error),
    /// The service hung up without a word.
    HungUp,
}

/// A session that stood.
pub(super) struct Talk {
    pub(super) info: ContextInfo,
    /// The token with the AP-REP.
    pub(super) answer: Vec<u8>,
    pub(super) heard: String,
    /// Octets of the sealed message.
    pub(super) sealed: usize,
}

/// Connects, proves who it is, has the service prove itself, and says hello.
pub(super) fn talk(
    address: SocketAddr,
    credentials: Credentials,
    clock: &Clock,
    bindings: Option<ChannelBindings>,
    on_its_way: impl FnOnce(Vec<u8>) -> Vec<u8>,
) -> Result<Side, Error> {
    let mut initiator = gss::Initiator::new(credentials);
    if let Some(bindings) = bindings {
        initiator = initiator.bindings(bindings);
    }
    let (token, next) = match initiator.request(clock.now())? {
        Step::Continue { token, next } => (token, next),
        Step::Established { .. } => {
            return Err(Error::Misuse(
                "the demonstration asks for mutual authentication",
            ));
        }
    };
    let sent = on_its_way(token);
    let finish = || -> io::Result<Outcome> {
        let mut stream = connect(address)?;
        frame::send(&mut stream, &sent)?;
        let Some(answer) = frame::receive(&mut stream)? else {
            return Ok(Outcome::HungUp);
        };
        let mut context = match next.reply(&answer, clock.now()) {
            Ok(Step::Established { context, .. }) => context,
            Ok(Step::Continue { .. }) => return Ok(Outcome::HungUp),
            Err(refusal) => return Ok(Outcome::Failed(refusal.error)),
        };
        let sealed = match context.wrap(Protection::Confidentiality, GREETING.as_bytes()) {
            Ok(sealed) => sealed,
            Err(error) => return Ok(Outcome::Failed(error)),
        };
        frame::send(&mut stream, &sealed)?;
        let Some(reply) = frame::receive(&mut stream)? else {
            return Ok(Outcome::HungUp);
        };
        let heard = match context.unwrap(&reply).and_then(gss::Unwrapped::complete) {
            Ok(heard) => String::from_utf8_lossy(&heard).into_owned(),
            Err(error) => return Ok(Outcome::Failed(error)),
        };
        let (info, _, _) = context.split();
        Ok(Outcome::Talked(Box::new(Talk {
            info,
            answer,
            heard,
            sealed: sealed.len(),
        })))
    };
    // A connection that breaks is a service that hung up.
    let outcome = finish().unwrap_or(Outcome::HungUp);
    Ok(Side { sent, outcome })
}

/// Sends a request that was seen on the wire once more.
pub(super) fn send_again(address: SocketAddr, token: &[u8]) -> io::Result<Option<Vec<u8>>> {
    let mut stream = connect(address)?;
    frame::send(&mut stream, token)?;
    frame::receive(&mut stream)
}

fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}
