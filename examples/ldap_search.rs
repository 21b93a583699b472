//! An LDAP search over SASL GSSAPI with confidentiality: the bind, and then everything inside a
//! `SecureStream`.
//!
//! ```console
//! $ kinit alice && kvno ldap/ldap.example.com
//! $ cargo run -p orthros-tests --example ldap_search -- ldap.example.com:389 dc=example,dc=com
//! ```

use std::error::Error;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, SystemTime};

use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::Initiator;
use orthros::principal::Principal;
use orthros::sasl::{Client, Layer, Layers, Session};
use orthros::step::Step;
use orthros::time::Timestamp;
use orthros_net::stream::blocking::SecureStream;

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// As much of BER as LDAP needs here.
pub mod ber {
    use super::{Read, io};

    /// An element with these contents.
    pub fn tlv(tag: u8, contents: &[&[u8]]) -> Vec<u8> {
        let contents = contents.concat();
        let len = u32::try_from(contents.len()).expect("a short message");
        // The length in four octets, always: LDAP's BER is not DER.
        let mut out = vec![tag, 0x84];
        out.extend_from_slice(&len.to_be_bytes());
        out.extend_from_slice(&contents);
        out
    }

    /// An OCTET STRING.
    pub fn text(text: &str) -> Vec<u8> {
        tlv(0x04, &[text.as_bytes()])
    }

    /// The first element of `octets`, and what follows it.
    pub fn take<'b>(octets: &mut &'b [u8]) -> io::Result<(u8, &'b [u8])> {
        let short = || io::Error::from(io::ErrorKind::UnexpectedEof);
        let (&[tag, first], rest) = octets.split_first_chunk().ok_or_else(short)?;
        let (len, rest) = match first {
            ..0x80 => (usize::from(first), rest),
            _ => {
                let (len, rest) = rest
                    .split_at_checked(usize::from(first & 0x7F).min(4))
                    .ok_or_else(short)?;
                let len = len
                    .iter()
                    .fold(0, |len, octet| len << 8 | usize::from(*octet));
                (len, rest)
            }
        };
        let (contents, rest) = rest.split_at_checked(len).ok_or_else(short)?;
        *octets = rest;
        Ok((tag, contents))
    }

    /// One whole element off a stream: its contents.
    pub fn read(stream: &mut impl Read) -> io::Result<Vec<u8>> {
        let mut head = [0; 2];
        stream.read_exact(&mut head)?;
        let len = match head[1] {
            len @ ..0x80 => usize::from(len),
            form => {
                let mut len = [0; 4];
                let octets = usize::from(form & 0x7F).min(4);
                stream.read_exact(&mut len[4 - octets..])?;
                u32::from_be_bytes(len) as usize
            }
        };
        if len > 1 << 20 {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "a long message"));
        }
        let mut contents = vec![0; len];
        stream.read_exact(&mut contents)?;
        Ok(contents)
    }
}

/// LDAPMessage ::= SEQUENCE { messageID INTEGER, protocolOp CHOICE { ... } }
pub fn message(id: u8, operation: &[u8]) -> Vec<u8> {
    ber::tlv(0x30, &[&[2, 1, id], operation])
}

/// The operation of the next message: its tag and contents.
pub fn receive(stream: &mut impl Read) -> io::Result<(u8, Vec<u8>)> {
    let message = ber::read(stream)?;
    let mut rest = &message[..];
    ber::take(&mut rest)?;
    let (tag, contents) = ber::take(&mut rest)?;
    Ok((tag, contents.to_vec()))
}

/// resultCode success.
pub const SUCCESS: u8 = 0;
/// resultCode saslBindInProgress.
pub const SASL_BIND_IN_PROGRESS: u8 = 14;

/// LDAPResult: its code, and the server's words with it.
pub fn result(contents: &mut &[u8]) -> io::Result<(u8, String)> {
    let (_, code) = ber::take(contents)?;
    ber::take(contents)?;
    let (_, diagnostic) = ber::take(contents)?;
    let code = code.last().copied().unwrap_or(u8::MAX);
    Ok((code, String::from_utf8_lossy(diagnostic).into_owned()))
}

/// One BindRequest with SASL credentials: the code, the server's credentials, and its words.
pub fn sasl_bind(
    stream: &mut (impl Read + Write),
    id: u8,
    mechanism: &str,
    token: &[u8],
) -> io::Result<(u8, Vec<u8>, String)> {
    let sasl = ber::tlv(0xA3, &[&ber::text(mechanism), &ber::tlv(0x04, &[token])]);
    let request = ber::tlv(0x60, &[&[2, 1, 3], &ber::text(""), &sasl]);
    stream.write_all(&message(id, &request))?;
    stream.flush()?;
    let (tag, contents) = receive(stream)?;
    let mut rest = &contents[..];
    let (code, diagnostic) = result(&mut rest)?;
    if tag != 0x61 {
        return Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "no BindResponse",
        ));
    }
    while !rest.is_empty() {
        if let (0x87, credentials) = ber::take(&mut rest)? {
            return Ok((code, credentials.to_vec(), diagnostic));
        }
    }
    Ok((code, Vec::new(), diagnostic))
}

/// Binds with any mechanism. What follows goes through the session's security layer.
pub fn bind(stream: &mut (impl Read + Write), client: Client) -> Result<Session, Box<dyn Error>> {
    let mechanism = client.mechanism().name();
    let mut step = client.start(now())?;
    let mut id = 0;
    let mut send = |token: &[u8]| -> Result<(u8, Vec<u8>), Box<dyn Error>> {
        id += 1;
        match sasl_bind(stream, id, mechanism, token)? {
            (code @ (SUCCESS | SASL_BIND_IN_PROGRESS), challenge, _) => Ok((code, challenge)),
            (code, _, words) => Err(Box::<dyn Error>::from(format!("bind: {code}: {words}"))),
        }
    };
    let mut done = false;
    loop {
        step = match step {
            Step::Continue { token, next } => {
                let (code, challenge) = send(&token)?;
                done = code == SUCCESS;
                next.challenge(&challenge, now())?
            }
            Step::Established { token, context } => {
                if let Some(token) = token {
                    done = send(&token)?.0 == SUCCESS;
                }
                return match done {
                    true => Ok(context),
                    false => Err("the server expects more".into()),
                };
            }
        };
    }
}

/// Binds with a ticket. Whatever follows is encrypted, or there is no connection.
pub fn connect(
    address: &str,
    ticket: Credentials,
) -> Result<SecureStream<TcpStream>, Box<dyn Error>> {
    let mut socket = TcpStream::connect(address)?;
    socket.set_read_timeout(Some(Duration::from_secs(20)))?;
    let layers = Layers::only(Layer::Confidentiality);
    let session = bind(&mut socket, Client::gssapi(Initiator::new(ticket), layers))?;
    Ok(SecureStream::sasl(socket, session)?)
}

/// The names of all entries below `base` in which `attribute` is `value`.
pub fn search(
    stream: &mut (impl Read + Write),
    base: &str,
    attribute: &str,
    value: &str,
) -> Result<Vec<String>, Box<dyn Error>> {
    // The whole subtree, no dereferencing, no limits, with values.
    let terms = [10, 1, 2, 10, 1, 0, 2, 1, 0, 2, 1, 0, 1, 1, 0];
    let filter = ber::tlv(0xA3, &[&ber::text(attribute), &ber::text(value)]);
    let all = ber::tlv(0x30, &[]);
    let request = ber::tlv(0x63, &[&ber::text(base), &terms, &filter, &all]);
    stream.write_all(&message(100, &request))?;
    stream.flush()?;
    let mut names = Vec::new();
    loop {
        let (tag, contents) = receive(stream)?;
        let mut rest = &contents[..];
        match tag {
            0x64 => {
                let (_, name) = ber::take(&mut rest)?;
                names.push(String::from_utf8(name.to_vec())?);
            }
            0x65 => match result(&mut rest)? {
                (SUCCESS, _) => return Ok(names),
                (code, diagnostic) => {
                    return Err(format!("search: result {code}: {diagnostic}").into());
                }
            },
            // A reference to another server.
            _ => {}
        }
    }
}

/// The ticket that `kvno` put into a credential cache.
pub fn ticket(cache: &str, service: &str) -> Result<Credentials, Box<dyn Error>> {
    let cache = CredentialCache::parse(&std::fs::read(cache)?, cache)?;
    let realm = cache.default_principal().realm().to_owned();
    let service = Principal::parse(service, Some(&realm))?;
    let found = cache
        .find(&service, now(), DEFAULT_ENCTYPES)
        .ok_or("no such ticket: kvno gets it")?;
    Ok(cache.to_credentials(found)?)
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, base] = &arguments[..] else {
        return Err("usage: ldap_search HOST:PORT BASE".into());
    };
    let host = address.split(':').next().unwrap_or_default();
    let cache = std::env::var("KRB5CCNAME")?;
    let cache = cache.strip_prefix("FILE:").unwrap_or(&cache);
    let mut stream = connect(address, ticket(cache, &format!("ldap/{host}"))?)?;
    for name in search(&mut stream, base, "objectClass", "person")? {
        println!("{name}");
    }
    Ok(())
}
