//! A PostgreSQL client inside GSSAPI session encryption: `tokio-postgres` over a `SecureStream`.
//!
//! ```console
//! $ kinit alice && kvno postgres/db.example.com
//! $ cargo run -p orthros-tests --example postgres_gssenc -- db.example.com:5432 alice postgres
//! ```

use std::error::Error;
use std::time::SystemTime;

use orthros::ccache::CredentialCache;
use orthros::credentials::Credentials;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros::gss::{AwaitReply, Initiator};
use orthros::principal::Principal;
use orthros::time::Timestamp;
use orthros_net::stream::tokio::{initiate, request_gssenc};
use orthros_net::stream::{SecureStream, StreamConfig};
use tokio::net::TcpStream;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{Client, Config, Connection, NoTls};

fn now() -> Timestamp {
    Timestamp::from(SystemTime::now())
}

/// Connects to a server that has `ticket`'s service key. The connection is to be spawned.
pub async fn connect(
    address: &str,
    ticket: Credentials,
    user: &str,
    database: &str,
) -> Result<(Client, Connection<SecureStream<TcpStream>, NoTlsStream>), Box<dyn Error>> {
    let mut socket = TcpStream::connect(address).await?;
    let encryption = StreamConfig::postgres();
    // Without encryption there is no connection: no retry in the clear.
    request_gssenc(&mut socket, &encryption).await?;
    let first = Initiator::new(ticket).request(now())?;
    let reply = |next: AwaitReply, token: &[u8]| next.reply(token, now());
    let stream = initiate(socket, first, reply, &encryption).await?;
    // The stream is encrypted already. The server knows the user by the ticket.
    let mut config = Config::new();
    config.user(user).dbname(database);
    Ok(config.connect_raw(stream, NoTls).await?)
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

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, user, database] = &arguments[..] else {
        return Err("usage: postgres_gssenc HOST:PORT USER DATABASE".into());
    };
    let host = address.split(':').next().unwrap_or_default();
    let cache = std::env::var("KRB5CCNAME")?;
    let cache = cache.strip_prefix("FILE:").unwrap_or(&cache);
    let ticket = ticket(cache, &format!("postgres/{host}"))?;
    let (client, connection) = connect(address, ticket, user, database).await?;
    let connection = tokio::spawn(connection);
    let row = client
        .query_one(
            "select principal, encrypted from pg_stat_gssapi where pid = pg_backend_pid()",
            &[],
        )
        .await?;
    println!(
        "I am {}, encrypted: {}",
        row.get::<_, &str>(0),
        row.get::<_, bool>(1)
    );
    drop(client);
    Ok(connection.await??)
}
