//! A realm of MIT krb5 on loopback, made for one test and gone with it.
//!
//! Where MIT's programs are not installed, [`MitRealm::start`] prints `not run: ...` and gives
//! `None`.

use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

const DIRECTORIES: [&str; 8] = [
    "/usr/bin",
    "/usr/sbin",
    "/usr/local/bin",
    "/usr/local/sbin",
    "/usr/lib/mit/bin",
    "/usr/lib/mit/sbin",
    "/opt/homebrew/opt/krb5/bin",
    "/opt/homebrew/opt/krb5/sbin",
];

/// Where a program is, looked for in `PATH` and where distributions put daemons.
pub fn program(name: &str) -> Option<PathBuf> {
    std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
        .chain(DIRECTORIES.map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|path| path.is_file())
}

/// As [`program`]; says `not run` for `test` if it is absent.
pub fn program_or_not_run(test: &str, name: &str) -> Option<PathBuf> {
    let found = program(name);
    if found.is_none() {
        println!("not run: {test}: {name} is not installed");
    }
    found
}

/// What distinguishes one realm from the next.
#[derive(Clone, Debug)]
pub struct MitOptions {
    /// Its name.
    pub realm: String,
    /// Lines for `[libdefaults]` of krb5.conf.
    pub libdefaults: String,
    /// Lines for the whole krb5.conf, after the sections that are there: `[capaths]` and the like.
    pub sections: String,
    /// Lines for the realm in kdc.conf.
    pub kdc: String,
    /// The enctypes for which principals get keys.
    pub enctypes: String,
}

impl Default for MitOptions {
    fn default() -> Self {
        Self {
            realm: "MIT.TEST".into(),
            libdefaults: String::new(),
            sections: String::new(),
            kdc: String::new(),
            enctypes: "aes256-cts-hmac-sha1-96:normal aes128-cts-hmac-sha1-96:normal \
                       aes256-cts-hmac-sha384-192:normal aes128-cts-hmac-sha256-128:normal"
                .into(),
        }
    }
}

/// A KDC of MIT krb5 with its files. The process ends when this is dropped.
#[derive(Debug)]
pub struct MitRealm {
    directory: TempDir,
    options: MitOptions,
    port: u16,
    kdc: Child,
}

impl MitRealm {
    /// The realm `MIT.TEST`, without principals of ours.
    pub fn start() -> Option<Self> {
        Self::start_with(MitOptions::default())
    }

    /// A realm to order.
    ///
    /// # Panics
    ///
    /// If MIT krb5 is installed and does not start.
    pub fn start_with(options: MitOptions) -> Option<Self> {
        let test = format!("MIT krb5 realm {}", options.realm);
        let kdb5_util = program_or_not_run(&test, "kdb5_util")?;
        let krb5kdc = program_or_not_run(&test, "krb5kdc")?;
        program_or_not_run(&test, "kadmin.local")?;
        let directory = tempfile::tempdir().expect("a temporary directory");
        // Another process can take the port between here and the KDC's start.
        for _ in 0..5 {
            let port = free_port();
            write_configuration(directory.path(), &options, port);
            let database = directory.path().join("principal");
            if !database.exists() {
                let mut create = Command::new(&kdb5_util);
                create.envs(environment(directory.path()));
                create.args(["-r", &options.realm, "create", "-s", "-P", "master"]);
                expect_success(&mut create);
            }
            let mut command = Command::new(&krb5kdc);
            command
                .envs(environment(directory.path()))
                .args(["-n", "-r", &options.realm])
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(Stdio::null());
            let mut kdc = command.spawn().expect("krb5kdc starts");
            if listens(&mut kdc, port) {
                return Some(Self {
                    directory,
                    options,
                    port,
                    kdc,
                });
            }
        }
        panic!(
            "krb5kdc does not start: {}",
            fs::read_to_string(directory.path().join("kdc.log")).unwrap_or_default()
        );
    }

    /// The realm's name.
    pub fn realm(&self) -> &str {
        &self.options.realm
    }

    /// Where the KDC listens, UDP and TCP.
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.port).into()
    }

    /// The port of [`address`](Self::address).
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where its files are; a test may put its own there.
    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    /// The krb5.conf for clients and services.
    pub fn krb5_conf(&self) -> PathBuf {
        self.path().join("krb5.conf")
    }

    /// The keytab that [`add_service`](Self::add_service) fills.
    pub fn keytab(&self) -> PathBuf {
        self.path().join("service.keytab")
    }

    /// The credential cache that programs started with [`command`](Self::command) use.
    pub fn ccache(&self) -> PathBuf {
        self.path().join("ccache")
    }

    /// The KDC's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path().join("kdc.log")).unwrap_or_default()
    }

    /// What MIT's programs need in their environment to live in this realm.
    pub fn environment(&self) -> Vec<(&'static str, OsString)> {
        environment(self.path())
    }

    /// A program of MIT krb5, in this realm's environment; `None` and `not run` if it is absent.
    pub fn command(&self, name: &str) -> Option<Command> {
        let mut command = Command::new(program_or_not_run("a program of MIT krb5", name)?);
        command.envs(self.environment());
        Some(command)
    }

    /// Another krb5.conf beside the first, with more lines in `[libdefaults]`: give it to a
    /// program as `KRB5_CONFIG`.
    pub fn other_krb5_conf(&self, name: &str, libdefaults: &str) -> PathBuf {
        let mut options = self.options.clone();
        options.libdefaults.push('\n');
        options.libdefaults.push_str(libdefaults);
        let path = self.path().join(name);
        fs::write(&path, krb5_conf(&options, self.port)).expect("krb5.conf is written");
        path
    }

    /// Runs one command of kadmin.local; gives what it prints.
    pub fn kadmin(&self, arguments: &[&str]) -> String {
        let mut command =
            Command::new(program("kadmin.local").expect("kadmin.local was there at the start"));
        command
            .envs(self.environment())
            .args(["-r", self.realm()])
            .args(arguments);
        let output = expect_success(&mut command);
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Adds `name` with a password.
    pub fn add_principal(&self, name: &str, password: &str) {
        self.kadmin(&["addprinc", "-pw", password, name]);
    }

    /// Adds `name` with random keys and appends these to [`keytab`](Self::keytab).
    pub fn add_service(&self, name: &str) {
        self.kadmin(&["addprinc", "-randkey", name]);
        self.ktadd(&self.keytab(), name);
    }

    /// New random keys for `name`, appended to a keytab.
    pub fn ktadd(&self, keytab: &Path, name: &str) {
        let keytab = keytab.to_str().expect("a path in UTF-8");
        self.kadmin(&["ktadd", "-k", keytab, name]);
    }

    /// MIT's kinit into [`ccache`](Self::ccache); `None` and `not run` if it is absent.
    pub fn kinit(&self, name: &str, password: &str, arguments: &[&str]) -> Option<PathBuf> {
        let mut command = self.command("kinit")?;
        command
            .args(arguments)
            .arg(name)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut child = command.spawn().expect("kinit starts");
        if let Some(mut stdin) = child.stdin.take() {
            writeln!(stdin, "{password}").expect("kinit reads");
        }
        let output = child.wait_with_output().expect("kinit ends");
        assert!(output.status.success(), "kinit: {}", text(&output));
        Some(self.ccache())
    }

    /// MIT's kvno: puts a ticket for `service` into [`ccache`](Self::ccache).
    pub fn kvno(&self, service: &str) -> Option<()> {
        let mut command = self.command("kvno")?;
        expect_success(command.arg(service));
        Some(())
    }
}

impl Drop for MitRealm {
    fn drop(&mut self) {
        let _ = self.kdc.kill();
        let _ = self.kdc.wait();
    }
}

/// Runs a program to its end.
///
/// # Panics
///
/// If it fails.
pub fn expect_success(command: &mut Command) -> Output {
    let output = command
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    assert!(
        output.status.success(),
        "{command:?}: {}\n{}",
        output.status,
        text(&output)
    );
    output
}

/// All that a program printed.
pub fn text(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}

/// A port of loopback that was free a moment ago, for TCP and UDP.
pub fn free_port() -> u16 {
    loop {
        let tcp = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port of loopback");
        let port = tcp.local_addr().expect("its number").port();
        if UdpSocket::bind((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return port;
        }
    }
}

/// Waits until a server of ours accepts connections; false if it ended.
fn listens(server: &mut Child, port: u16) -> bool {
    let patience = Instant::now() + Duration::from_secs(20);
    while Instant::now() < patience {
        if !matches!(server.try_wait(), Ok(None)) {
            return false;
        }
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(_) => return true,
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => panic!("loopback: {error}"),
        }
    }
    let _ = server.kill();
    let _ = server.wait();
    false
}

fn environment(directory: &Path) -> Vec<(&'static str, OsString)> {
    let file = |name: &str| directory.join(name).into_os_string();
    vec![
        ("KRB5_CONFIG", file("krb5.conf")),
        ("KRB5_KDC_PROFILE", file("kdc.conf")),
        ("KRB5CCNAME", file("ccache")),
        ("KRB5_KTNAME", file("service.keytab")),
        ("KRB5RCACHENAME", {
            let mut name = OsString::from("file2:");
            name.push(file("rcache"));
            name
        }),
        ("LC_ALL", "C".into()),
        ("TZ", "UTC".into()),
    ]
}

fn write_configuration(directory: &Path, options: &MitOptions, port: u16) {
    fs::write(directory.join("krb5.conf"), krb5_conf(options, port)).expect("krb5.conf is written");
    let (realm, path) = (&options.realm, directory.display());
    let kdc_conf = format!(
        "[kdcdefaults]\n\
         \tkdc_listen = 127.0.0.1:{port}\n\
         \tkdc_tcp_listen = 127.0.0.1:{port}\n\
         [realms]\n\
         \t{realm} = {{\n\
         \t\tdatabase_name = {path}/principal\n\
         \t\tkey_stash_file = {path}/stash\n\
         \t\tacl_file = {path}/kadm5.acl\n\
         \t\tmaster_key_type = aes256-cts-hmac-sha1-96\n\
         \t\tsupported_enctypes = {enctypes}\n\
         \t\tmax_life = 1d\n\
         \t\tmax_renewable_life = 7d\n\
         {kdc}\n\
         \t}}\n\
         [logging]\n\
         \tkdc = FILE:{path}/kdc.log\n\
         \tadmin_server = FILE:{path}/kadmind.log\n\
         \tdefault = FILE:{path}/other.log\n",
        enctypes = options.enctypes,
        kdc = options.kdc,
    );
    fs::write(directory.join("kdc.conf"), kdc_conf).expect("kdc.conf is written");
}

fn krb5_conf(options: &MitOptions, port: u16) -> String {
    format!(
        "[libdefaults]\n\
         \tdefault_realm = {realm}\n\
         \tdns_lookup_kdc = false\n\
         \tdns_lookup_realm = false\n\
         \tdns_canonicalize_hostname = false\n\
         \trdns = false\n\
         {libdefaults}\n\
         [realms]\n\
         \t{realm} = {{\n\
         \t\tkdc = 127.0.0.1:{port}\n\
         \t}}\n\
         [domain_realm]\n\
         \tlocalhost = {realm}\n\
         {sections}\n",
        realm = options.realm,
        libdefaults = options.libdefaults,
        sections = options.sections,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_realm_gives_tickets() {
        let Some(realm) = MitRealm::start() else {
            return;
        };
        realm.add_principal("alice", "pässword");
        realm.add_service("host/localhost");
        assert!(realm.kadmin(&["listprincs"]).contains("alice@MIT.TEST"));
        if realm.kinit("alice", "pässword", &["-f"]).is_some() {
            realm.kvno("host/localhost");
            assert!(realm.ccache().is_file() && realm.keytab().is_file());
            assert!(realm.log().contains("TGS_REQ"));
        }
    }
}
