//! Debian's PostgreSQL with nothing but `hostgssenc` in pg_hba.conf, and tokio-postgres over our
//! stream; Debian's psql, and a server of ours that requires encryption. Tickets from MIT krb5.

use std::fs;
use std::io::{self, BufWriter, Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use orthros::ap::{self, AcceptorConfig, Accepts, ServiceKeys};
use orthros::gss::{Acceptor, AwaitToken};
use orthros::keytab::Keytab;
use orthros::principal::Principal;
use orthros::time::Timestamp;
use orthros_net::stream::tokio::request_gssenc;
use orthros_net::stream::{
    Door, FrameError, HandshakeError, Limits, SecureStream, StreamConfig, blocking, postgres,
};
use orthros_tests::mit::{MitRealm, expect_success, free_port, program, program_or_not_run};

#[path = "../../examples/postgres_gssenc.rs"]
#[allow(dead_code, unreachable_pub)]
mod postgres_gssenc;

struct Server {
    process: Child,
    _directory: tempfile::TempDir,
    port: u16,
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn binaries() -> Option<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .ok()?
        .filter_map(|entry| Some(entry.ok()?.path().join("bin")))
        .filter(|bin| bin.join("initdb").is_file())
        .collect();
    found.sort();
    found.pop()
}

fn is_root() -> bool {
    let output = Command::new("id").arg("-u").output().unwrap();
    output.stdout == b"0\n"
}

/// A program as the user `postgres`, if this is root: the server refuses to be root.
fn unprivileged(program: &Path, realm: &MitRealm, directory: &Path) -> Command {
    let mut command = match is_root() {
        true => {
            let mut command = Command::new("setpriv");
            command
                .args(["--reuid=postgres", "--regid=postgres", "--clear-groups"])
                .arg(program);
            command
        }
        false => Command::new(program),
    };
    command
        .envs(realm.environment())
        .env("KRB5_CONFIG", directory.join("krb5.conf"))
        .env("KRB5_KTNAME", directory.join("keytab"))
        .env("KRB5RCACHENAME", "none:")
        .env_remove("KRB5CCNAME")
        .current_dir(directory);
    command
}

fn server(realm: &MitRealm) -> Option<Server> {
    let Some(bin) = binaries() else {
        println!("not run: interop_postgres: postgresql is not installed");
        return None;
    };
    if is_root() {
        program_or_not_run("interop_postgres", "setpriv")?;
    }
    let holder = tempfile::tempdir().unwrap();
    let directory = holder.path();
    fs::copy(realm.krb5_conf(), directory.join("krb5.conf")).unwrap();
    fs::copy(realm.keytab(), directory.join("keytab")).unwrap();
    if is_root() {
        let mut chown = Command::new(program("chown").unwrap());
        expect_success(chown.args(["-R", "postgres:postgres"]).arg(directory));
    }
    let mut initdb = unprivileged(&bin.join("initdb"), realm, directory);
    initdb.args(["-D", "data", "-U", "alice", "--auth=reject", "--no-sync"]);
    expect_success(initdb.args(["-E", "UTF8", "--locale=C"]));
    fs::write(
        directory.join("data/pg_hba.conf"),
        "hostgssenc all all 127.0.0.1/32 gss include_realm=0 krb_realm=MIT.TEST\n",
    )
    .unwrap();
    let port = free_port();
    let log = fs::File::create(directory.join("log")).unwrap();
    let keytab = directory.join("keytab");
    let mut process = unprivileged(&bin.join("postgres"), realm, directory)
        .args(["-D", "data", "-p", &port.to_string(), "-k", ""])
        .args(["-c", "listen_addresses=127.0.0.1", "-c", "fsync=off"])
        .arg("-c")
        .arg(format!("krb_server_keyfile={}", keytab.display()))
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap();
    let patience = Instant::now() + Duration::from_secs(30);
    let log = || fs::read_to_string(directory.join("log")).unwrap_or_default();
    while TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_err() {
        let running = process.try_wait().unwrap().is_none();
        assert!(running && Instant::now() < patience, "postgres: {}", log());
        thread::sleep(Duration::from_millis(50));
    }
    Some(Server {
        process,
        _directory: holder,
        port,
    })
}

const SERVICE: &str = "postgres/localhost";

/// A realm in which alice has a ticket for the server.
fn realm() -> Option<MitRealm> {
    let realm = MitRealm::start()?;
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    realm.kinit("alice", "correct horse", &[])?;
    realm.kvno(SERVICE)?;
    Some(realm)
}

#[test]
fn a_query_and_20_mb_each_way_inside_gssenc() {
    const MUCH: i32 = 20_000_000;
    let Some(realm) = realm() else { return };
    let Some(server) = server(&realm) else { return };
    let address = format!("127.0.0.1:{}", server.port);
    let cache = realm.ccache();
    let ticket = || postgres_gssenc::ticket(cache.to_str().unwrap(), SERVICE).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        // The server listens before it has its files in order, and says so.
        let patience = Instant::now() + Duration::from_secs(30);
        let (client, connection) = loop {
            match postgres_gssenc::connect(&address, ticket(), "alice", "postgres").await {
                Ok(connected) => break connected,
                Err(error) => {
                    let starting = format!("{error:?}").contains("starting up");
                    assert!(starting && Instant::now() < patience, "{error:?}");
                }
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        };
        let connection = tokio::spawn(connection);
        let row = client
            .query_one(
                "select principal, encrypted, gss_authenticated \
                 from pg_stat_gssapi where pid = pg_backend_pid()",
                &[],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, &str>(0), "alice@MIT.TEST");
        assert!(row.get::<_, bool>(1) && row.get::<_, bool>(2));

        let down = client
            .query_one("select repeat('0123456789', $1 / 10)", &[&MUCH])
            .await
            .unwrap();
        let down: &str = down.get(0);
        assert_eq!(down.len(), 20_000_000);
        assert!(down.as_bytes().chunks(10).all(|ten| ten == b"0123456789"));

        let up = "9876543210".repeat(2_000_000);
        let row = client
            .query_one(
                "select length($1::text), $1::text = repeat('9876543210', $2 / 10)",
                &[&up, &MUCH],
            )
            .await
            .unwrap();
        assert_eq!(row.get::<_, i32>(0), MUCH);
        assert!(row.get::<_, bool>(1));
        drop(client);
        connection.await.unwrap().unwrap();

        // Another role than the ticket's: the server refuses, inside the encryption.
        let refused = postgres_gssenc::connect(&address, ticket(), "bob", "postgres").await;
        assert!(refused.is_err());
        // The server agrees to encrypt on every connection.
        let mut socket = tokio::net::TcpStream::connect(&address).await.unwrap();
        request_gssenc(&mut socket, &StreamConfig::postgres())
            .await
            .unwrap();
    });
}

fn acceptor(realm: &MitRealm, keytab: &Path) -> Acceptor {
    let keytab = Keytab::parse(&fs::read(keytab).unwrap(), "keytab").unwrap();
    let service = Principal::parse(SERVICE, Some(realm.realm())).unwrap();
    let keys = Arc::new(ServiceKeys::from(&keytab));
    Acceptor::new(ap::Acceptor::new(AcceptorConfig::new(
        keys,
        Accepts::Service(service),
    )))
}

fn step(next: AwaitToken, token: &[u8]) -> StepOrRefusal {
    next.accept(token, Timestamp::from(SystemTime::now()))
}

type StepOrRefusal =
    Result<orthros::step::Step<AwaitToken, orthros::gss::SecurityContext>, orthros::step::Refusal>;

/// A message: its letter, its length, and what it holds.
fn message(kind: u8, fields: &[&[u8]]) -> Vec<u8> {
    let body = fields.concat();
    let len = u32::try_from(body.len() + 4).unwrap();
    [&[kind][..], &len.to_be_bytes(), &body].concat()
}

fn read_body(stream: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut len = [0; 4];
    stream.read_exact(&mut len)?;
    let mut body = vec![0; u32::from_be_bytes(len) as usize - 4];
    stream.read_exact(&mut body)?;
    Ok(body)
}

/// Just enough of a server: no password, and to any simple query two rows of one column: the
/// length of the query, and a megabyte.
fn talk(stream: SecureStream<TcpStream>) -> io::Result<()> {
    let (mut reader, writer) =
        stream.try_split(|tcp| Ok::<_, io::Error>((tcp.try_clone()?, tcp)))?;
    let mut writer = BufWriter::with_capacity(64 << 10, writer);
    let startup = read_body(&mut reader)?;
    assert!(startup.starts_with(&[0, 3, 0, 0]), "version 3.0");
    assert!(startup.windows(11).any(|pair| pair == b"user\0alice\0"));
    let ready = message(b'Z', &[b"I"]);
    writer.write_all(&message(b'R', &[&[0; 4]]))?;
    writer.write_all(&message(b'S', &[b"client_encoding\0UTF8\0"]))?;
    writer.write_all(&ready)?;
    writer.flush()?;
    loop {
        let mut kind = [0];
        reader.read_exact(&mut kind)?;
        let body = read_body(&mut reader)?;
        match kind {
            [b'Q'] => {}
            [b'X'] => return Ok(()),
            [other] => panic!("a message of kind {other}"),
        }
        // One field: no table, no column, text of any length, as text.
        let text = [
            0, 0, 0, 0, 0, 0, 0, 0, 0, 25, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0,
        ];
        writer.write_all(&message(b'T', &[&[0, 1], b"answer\0", &text]))?;
        let query = body.strip_suffix(&[0]).unwrap();
        for answer in [query.len().to_string(), MEGABYTE.repeat(100_000)] {
            let len = u32::try_from(answer.len()).unwrap().to_be_bytes();
            writer.write_all(&message(b'D', &[&[0, 1], &len, answer.as_bytes()]))?;
        }
        writer.write_all(&message(b'C', &[b"SELECT 2\0"]))?;
        writer.write_all(&ready)?;
        writer.flush()?;
    }
}

const MEGABYTE: &str = "0123456789";

/// psql, to which `serve` is the server: what it wrote, and what came of the server.
fn psql<T: Send>(
    realm: &MitRealm,
    conninfo: &str,
    arguments: &[&str],
    serve: impl FnOnce(TcpStream) -> T + Send,
) -> Option<(Output, T)> {
    program_or_not_run("interop_postgres", "psql")?;
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = listener.local_addr().unwrap().port();
    let conninfo = format!(
        "host=localhost hostaddr=127.0.0.1 port={port} user=alice dbname=any connect_timeout=20 {conninfo}"
    );
    let client = realm
        .command("psql")?
        .args(["-X", "-A", "-t", "-d", &conninfo])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    Some(thread::scope(|scope| {
        let served = scope.spawn(|| serve(listener.accept().unwrap().0));
        let output = client.wait_with_output().unwrap();
        (output, served.join().unwrap())
    }))
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn psql_and_our_server_inside_gssenc() {
    let Some(realm) = realm() else { return };
    let acceptor = acceptor(&realm, &realm.keytab());
    let door = Door::new(Limits::new());
    let config = StreamConfig::postgres();
    let serve = |mut socket: TcpStream| {
        let place = door.enter(socket.peer_addr().unwrap().ip()).unwrap();
        blocking::require_gssenc(&mut socket, &config).unwrap();
        let stream = blocking::accept_socket(socket, acceptor.into(), step, &config).unwrap();
        drop(place);
        talk(stream)
    };
    // Many frames in either direction.
    let query = format!("select '{}'", "x".repeat(300_000));
    let file = realm.path().join("query.sql");
    fs::write(&file, format!("{query};\n")).unwrap();
    let arguments = ["-c", "select 1", "-f", file.to_str().unwrap()];
    let ran = psql(&realm, "gssencmode=require", &arguments, serve);
    let Some((output, served)) = ran else { return };
    assert!(output.status.success(), "{}", stderr(&output));
    served.unwrap();
    let megabyte = MEGABYTE.repeat(100_000);
    let expected = format!("8\n{megabyte}\n{}\n{megabyte}\n", query.len() + 1);
    assert!(String::from_utf8(output.stdout).unwrap() == expected);
    assert_eq!(door.under_way(), 0);
}

#[test]
fn psql_before_a_server_that_declines_or_gives_up() {
    let Some(realm) = realm() else { return };
    let config = StreamConfig::postgres();
    let arguments = ["-c", "select 1"];

    // The server does not encrypt.
    let declines = |mut socket: TcpStream| {
        let request = blocking::receive_request(&mut socket, &config).unwrap();
        assert_eq!(request, postgres::Request::Gssenc);
        socket.write_all(&postgres::DECLINED).unwrap();
        // Not a word in the clear follows.
        assert_eq!(socket.read(&mut [0; 9]).unwrap_or(0), 0);
    };
    let Some((output, ())) = psql(&realm, "gssencmode=require", &arguments, declines) else {
        return;
    };
    assert!(!output.status.success());
    assert!(
        stderr(&output).contains("GSSAPI encryption"),
        "{}",
        stderr(&output)
    );

    // Case 132: it says why, in place of a token.
    let crowded = |mut socket: TcpStream| {
        blocking::require_gssenc(&mut socket, &config).unwrap();
        let mut token = [0; 4];
        socket.read_exact(&mut token).unwrap();
        let len = u32::from_be_bytes(token);
        io::copy(&mut (&socket).take(len.into()), &mut io::sink()).unwrap();
        let text = postgres::error_text("sorry, too many clients already");
        socket.write_all(&text).unwrap();
    };
    let (output, ()) = psql(&realm, "gssencmode=require", &arguments, crowded).unwrap();
    assert!(!output.status.success());
    let said = stderr(&output);
    assert!(said.contains("sorry, too many clients already"), "{said}");

    // A client that will not encrypt, and one that tries TLS first.
    for conninfo in ["sslmode=disable", "sslmode=prefer"] {
        let requires = |mut socket: TcpStream| blocking::require_gssenc(&mut socket, &config);
        let conninfo = format!("gssencmode=disable {conninfo}");
        let (output, required) = psql(&realm, &conninfo, &arguments, requires).unwrap();
        assert!(!output.status.success());
        assert!(matches!(required, Err(HandshakeError::Declined)));
        let said = stderr(&output);
        assert!(
            said.contains("this server requires GSSAPI encryption"),
            "{said}"
        );
    }
}

#[test]
fn psql_before_a_server_that_refuses_it() {
    let Some(realm) = realm() else { return };
    let config = StreamConfig::postgres();
    let arguments = ["-c", "select 1"];
    // The server's key is another than the ticket's: the same version number, of another realm.
    let Some(other) = MitRealm::start() else {
        return;
    };
    other.add_service(SERVICE);
    let wrong = acceptor(&realm, &other.keytab());
    let refuses = |mut socket: TcpStream| {
        blocking::require_gssenc(&mut socket, &config).unwrap();
        blocking::accept_socket(socket, wrong.into(), step, &config).map(drop)
    };
    let Some((output, refused)) = psql(&realm, "gssencmode=require", &arguments, refuses) else {
        return;
    };
    assert!(!output.status.success());
    let refused = refused.unwrap_err();
    assert!(matches!(refused, HandshakeError::Refused(_)), "{refused}");
    let said = stderr(&output);
    assert!(said.contains("GSSAPI"), "{said}");

    // Its token is longer than the server takes before it knows it.
    let short = config.limits(Limits::new().token(100));
    let good = acceptor(&realm, &realm.keytab());
    let refuses = |mut socket: TcpStream| {
        blocking::require_gssenc(&mut socket, &short).unwrap();
        blocking::accept_socket(socket, good.into(), step, &short).map(drop)
    };
    let (output, refused) = psql(&realm, "gssencmode=require", &arguments, refuses).unwrap();
    assert!(!output.status.success());
    let refused = refused.unwrap_err();
    let too_long = matches!(
        refused,
        HandshakeError::Frame(FrameError::TooLong { max: 100, .. })
    );
    assert!(too_long, "{refused}");
}
