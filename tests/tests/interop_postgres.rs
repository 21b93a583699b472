//! Debian's PostgreSQL with nothing but `hostgssenc` in pg_hba.conf, and tokio-postgres over our
//! stream; tickets from MIT krb5.

use std::fs;
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use orthros_net::stream::tokio::request_gssenc;
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

#[test]
fn a_query_and_20_mb_each_way_inside_gssenc() {
    const SERVICE: &str = "postgres/localhost";
    const MUCH: i32 = 20_000_000;
    let Some(realm) = MitRealm::start() else {
        return;
    };
    realm.add_principal("alice", "correct horse");
    realm.add_service(SERVICE);
    if realm.kinit("alice", "correct horse", &[]).is_none() || realm.kvno(SERVICE).is_none() {
        return;
    }
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
        request_gssenc(&mut socket).await.unwrap();
    });
}
