//! KDCs: Orthros's in this process, MIT's as a process of its own.

use std::fs;
use std::hint::black_box;
use std::io;
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use orthros::client::{AsExchange, TgsExchange};
use orthros::credentials::Credentials;
use orthros::crypto::{Enctype, Key};
use orthros::kdc::{EmbeddedKdc, Policy};
use orthros::principal::Principal;
use orthros::random::OsRandom;
use orthros::secret::Secret;
use orthros::step::{Ask, Awaiting};

use super::{Kdc, Reason};
use crate::clock;
use crate::realm::{CLIENT, REALM, Realm, SERVICE, now};

const PASSWORD: &str = "correct horse battery staple";
/// Of every key.
const ENCTYPE: Enctype = Enctype::AES256_CTS_HMAC_SHA1_96;

fn client() -> Principal {
    Principal::parse(CLIENT, None).expect("a principal")
}

fn service() -> Principal {
    Principal::parse(SERVICE, None).expect("a principal")
}

/// AS-REQs with an encrypted timestamp, each with its own nonce.
pub fn as_requests(kdc: &mut dyn Kdc, count: usize) -> Vec<Vec<u8>> {
    let exchange = client_exchange();
    (0..count)
        .map(|_| {
            let Ask::Send { request, next, .. } = exchange().expect("a request") else {
                panic!("an exchange begins with a request");
            };
            let answer = kdc.answer(&request).expect("an answer");
            match next.reply(&answer, now()) {
                Ok(Ask::Send { request, .. }) => request,
                Ok(Ask::Done(_)) => panic!("the KDC asks for no pre-authentication"),
                Err(error) => panic!("the KDC refuses: {error}"),
            }
        })
        .collect()
}

/// TGS-REQs with a TGT of this KDC, each with its own authenticator.
pub fn tgs_requests(kdc: &mut dyn Kdc, count: usize) -> Vec<Vec<u8>> {
    let tgt = ticket_granting_ticket(kdc).expect("a TGT");
    (0..count)
        .map(|_| match tgs_exchange(&tgt).start(now()) {
            Ok(Ask::Send { request, .. }) => request,
            _ => panic!("an exchange begins with a request"),
        })
        .collect()
}

/// Both exchanges to their ends: the client accepts the replies.
pub fn check(kdc: &mut dyn Kdc) -> Result<(), String> {
    let tgt = ticket_granting_ticket(kdc)?;
    let ask = tgs_exchange(&tgt).start(now()).map_err(|e| e.to_string())?;
    let ticket = drive(kdc, ask)?.credentials;
    match ticket.server == service() && ticket.client == client() {
        true => Ok(()),
        false => Err("the ticket is another one".into()),
    }
}

fn client_exchange() -> impl Fn() -> Result<
    Ask<orthros::client::AsAwait, orthros::client::InitialCredentials>,
    orthros::error::Error,
> {
    let salt = client().default_salt();
    let key = Key::from_password(ENCTYPE, PASSWORD.as_bytes(), salt.as_bytes(), None)
        .expect("a supported enctype");
    move || {
        AsExchange::with_keys(client(), vec![key.clone()])
            .enctypes(vec![ENCTYPE])
            .start(now())
    }
}

fn tgs_exchange(tgt: &Credentials) -> TgsExchange {
    TgsExchange::new(tgt, service()).enctypes(vec![ENCTYPE])
}

fn ticket_granting_ticket(kdc: &mut dyn Kdc) -> Result<Credentials, String> {
    let ask = client_exchange()().map_err(|e| e.to_string())?;
    Ok(drive(kdc, ask)?.credentials)
}

fn drive<N: Awaiting>(kdc: &mut dyn Kdc, mut ask: Ask<N, N::Output>) -> Result<N::Output, String> {
    loop {
        match ask {
            Ask::Done(output) => return Ok(output),
            Ask::Send { request, next, .. } => {
                let answer = kdc.answer(&request).map_err(|e| e.to_string())?;
                ask = next.reply(&answer, now()).map_err(|e| e.to_string())?;
            }
        }
    }
}

/// Orthros's KDC with its principals in memory.
pub struct InMemory(EmbeddedKdc);

impl InMemory {
    pub fn start() -> Result<Self, Reason> {
        let policy = Policy {
            enctypes: vec![ENCTYPE],
            ..Policy::default()
        };
        let kdc = EmbeddedKdc::new(REALM, policy, Arc::new(OsRandom)).map_err(|e| e.to_string())?;
        kdc.add_user(client(), &Secret::from(PASSWORD))
            .and_then(|()| kdc.add_service(service()))
            .map_err(|e| e.to_string())?;
        Ok(Self(kdc))
    }
}

impl Kdc for InMemory {
    fn answer(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        let answer = self.0.answer(request, now());
        answer.ok_or_else(|| io::Error::other("no answer"))
    }

    fn answer_all(&mut self, requests: &[Vec<u8>]) {
        for request in requests {
            black_box(self.answer(request).expect("an answer"));
        }
    }

    fn cpu_time(&self) -> Duration {
        clock::process_cpu_time()
    }
}

/// MIT's krb5kdc on a port of the loopback interface; it ends when this is dropped.
///
/// It writes its log into a file, and does not note in the database when somebody logged in.
pub struct Krb5Kdc {
    child: Child,
    socket: UdpSocket,
}

impl Krb5Kdc {
    pub fn start(realm: &Realm) -> Result<Self, Reason> {
        let program = |name: &str| {
            ["/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin"]
                .into_iter()
                .map(|dir| Path::new(dir).join(name))
                .find(|path| path.exists())
                .ok_or_else(|| format!("MIT's {name} is not on this machine"))
        };
        let (kdc, kdb5_util) = (program("krb5kdc")?, program("kdb5_util")?);
        let kadmin = program("kadmin.local")?;
        let failed = |e: io::Error| e.to_string();
        let dir = realm.dir().join("krb5kdc");
        fs::create_dir_all(&dir).map_err(failed)?;
        let socket = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
        socket
            .set_read_timeout(Some(Duration::from_secs(5)))
            .map_err(failed)?;
        let port = {
            // Free now; krb5kdc takes it a moment later.
            let free = UdpSocket::bind("127.0.0.1:0").map_err(failed)?;
            free.local_addr().map_err(failed)?.port()
        };
        let (conf, profile) = configuration(&dir, port).map_err(failed)?;
        let run = |program: &PathBuf, arguments: &[&str]| {
            let output = Command::new(program)
                .args(arguments)
                .env("KRB5_CONFIG", &conf)
                .env("KRB5_KDC_PROFILE", &profile)
                .stdin(Stdio::null())
                .output()
                .map_err(failed)?;
            match output.status.success() {
                true => Ok(()),
                false => Err(String::from_utf8_lossy(&output.stderr).into_owned()),
            }
        };
        if !dir.join("principal").exists() {
            run(&kdb5_util, &["create", "-s", "-r", REALM, "-P", PASSWORD])?;
            let add = format!("addprinc -pw \"{PASSWORD}\" +requires_preauth {CLIENT}");
            run(&kadmin, &["-r", REALM, "-q", &add])?;
            let add = format!("addprinc -randkey {SERVICE}");
            run(&kadmin, &["-r", REALM, "-q", &add])?;
        }
        let child = Command::new(&kdc)
            .args(["-n", "-r", REALM])
            .env("KRB5_CONFIG", &conf)
            .env("KRB5_KDC_PROFILE", &profile)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(failed)?;
        let mut kdc = Self { child, socket };
        kdc.connect(port)?;
        Ok(kdc)
    }

    /// Waits until it answers.
    fn connect(&mut self, port: u16) -> Result<(), Reason> {
        let failed = |e: io::Error| e.to_string();
        self.socket.connect(("127.0.0.1", port)).map_err(failed)?;
        let Ok(Ask::Send { request, .. }) = client_exchange()() else {
            return Err("no request".into());
        };
        for _ in 0..100 {
            if let Some(status) = self.child.try_wait().map_err(failed)? {
                return Err(format!("krb5kdc ended: {status}"));
            }
            if self.answer(&request).is_ok() {
                return Ok(());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Err("krb5kdc does not answer".into())
    }
}

fn configuration(dir: &Path, port: u16) -> io::Result<(PathBuf, PathBuf)> {
    let path = dir.display();
    let (conf, profile) = (dir.join("krb5.conf"), dir.join("kdc.conf"));
    fs::write(
        &conf,
        format!(
            "[libdefaults]
    default_realm = {REALM}
    dns_lookup_kdc = false
[logging]
    kdc = FILE:{path}/kdc.log
    admin_server = FILE:{path}/kdc.log
    default = FILE:{path}/kdc.log
"
        ),
    )?;
    fs::write(
        &profile,
        format!(
            "[realms]
    {REALM} = {{
        database_module = db
        key_stash_file = {path}/stash
        acl_file = {path}/acl
        kdc_listen = 127.0.0.1:{port}
        kdc_tcp_listen = 127.0.0.1:{port}
        master_key_type = {ENCTYPE}
        supported_enctypes = {ENCTYPE}:normal
    }}
[dbmodules]
    db = {{
        db_library = db2
        database_name = {path}/principal
        disable_last_success = true
        disable_lockout = true
    }}
"
        ),
    )?;
    Ok((conf, profile))
}

impl Kdc for Krb5Kdc {
    fn answer(&mut self, request: &[u8]) -> io::Result<Vec<u8>> {
        let mut answer = vec![0; 65_536];
        self.socket.send(request)?;
        let length = self.socket.recv(&mut answer)?;
        answer.truncate(length);
        Ok(answer)
    }

    fn answer_all(&mut self, requests: &[Vec<u8>]) {
        for request in requests {
            self.answer(request).expect("an answer");
        }
    }

    /// Of the other process.
    fn cpu_time(&self) -> Duration {
        clock::cpu_time_of(self.child.id()).unwrap_or_default()
    }
}

impl Drop for Krb5Kdc {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
