//! Keytabs and credential caches shared with MIT krb5's programs, and the environment of a
//! set-user-ID program.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use orthros::ccache::{CredentialCache, Version, Wanted};
use orthros::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use orthros::env::{self, CcacheName, Collection, Environment};
use orthros::keytab::{Keytab, KeytabEntry};
use orthros::principal::Principal;
use orthros_tests::mit::{MitOptions, MitRealm, expect_success, program_or_not_run, text};

fn principal(name: &str) -> Principal {
    Principal::parse(name, None).expect("a principal")
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn utf8(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// MIT's klist, without a realm.
fn klist(arguments: &[&str]) -> Option<String> {
    let mut command = Command::new(program_or_not_run("files", "klist")?);
    command
        .args(arguments)
        .envs([("LC_ALL", "C"), ("TZ", "UTC")])
        .env("KRB5_CONFIG", "/dev/null");
    Some(text(&expect_success(&mut command)))
}

/// kvno, principal, enctype, key.
type Line = (u32, String, String, String);

/// The entries that `klist -keK` prints: `2 host/x@R (aes256-cts-hmac-sha1-96)  (0x...)`.
fn klist_keys(path: &Path) -> Option<Vec<Line>> {
    let listing = klist(&["-keK", utf8(path)])?;
    let entries = listing.lines().filter_map(|line| {
        let (before, key) = line.trim_end().strip_suffix(')')?.split_once(" (0x")?;
        let (before, enctype) = before.trim_end().strip_suffix(')')?.split_once(" (")?;
        let (kvno, name) = before.trim_start().split_once(' ')?;
        // klist prints the number as an int.
        let kvno: i64 = kvno.parse().ok()?;
        Some((kvno as u32, name.into(), enctype.into(), key.into()))
    });
    Some(entries.collect())
}

fn our_keys(keytab: &Keytab) -> Vec<Line> {
    keytab
        .entries()
        .map(|(_, entry)| {
            (
                entry.kvno(),
                entry.principal().to_string(),
                entry.enctype().to_string(),
                hex(entry.expose_key_octets()),
            )
        })
        .collect()
}

fn realm() -> Option<MitRealm> {
    MitRealm::start_with(MitOptions {
        libdefaults: "\tnoaddresses = true\n\tforwardable = true".into(),
        ..MitOptions::default()
    })
}

/// MIT's kadmin.local and Orthros take turns on one file; each reads what the other wrote.
#[test]
fn file_04_file_06_a_keytab_shared_with_mit() {
    let Some(realm) = realm() else { return };
    let path = realm.keytab();
    for name in ["host/first", "host/middle", "host/last"] {
        realm.add_service(name);
    }
    let keytab = env::read_keytab(&path).expect("MIT's keytab");
    assert_eq!(keytab.len(), 12);
    let Some(theirs) = klist_keys(&path) else {
        return;
    };
    assert_eq!(theirs, our_keys(&keytab));

    // MIT makes holes; we fill one of them and make others; MIT fills those.
    realm.kadmin(&["ktremove", "-k", utf8(&path), "host/middle", "all"]);
    let added = KeytabEntry::new(
        principal("HTTP/us@MIT.TEST"),
        300,
        Key::new(Enctype::AES128_CTS_HMAC_SHA1_96, &[0x5a; 16]).expect("a key"),
        1_700_000_000,
    );
    let index = env::update_keytab(&path, |keytab| keytab.add(added.clone())).expect("added");
    assert_eq!(index, 5);
    let gone = env::update_keytab(&path, |keytab| {
        Ok(keytab.retain(|e| e.principal().component(1) != Some("first")))
    });
    assert_eq!(gone.expect("removed"), 4);
    let length = fs::metadata(&path).expect("the file").len();
    realm.ktadd(&path, "host/last");
    let keytab = env::read_keytab(&path).expect("the shared keytab");
    assert_eq!(klist_keys(&path).expect("klist"), our_keys(&keytab));
    assert_eq!(keytab.len(), 1 + 4 + 4);
    assert_eq!(fs::metadata(&path).expect("the file").len(), length);
    assert!(keytab.entries().any(|(_, entry)| *entry == added));
    let last = principal("host/last@MIT.TEST");
    assert_eq!(keytab.newest_kvno(&last), Some(3));
    assert_eq!(keytab.newest_keys(&last).len(), 4);

    // MIT's kinit uses the keys out of a file that we wrote.
    env::write_keytab(&path, &keytab).expect("rewritten");
    let Some(mut kinit) = realm.command("kinit") else {
        return;
    };
    expect_success(kinit.args(["-k", "-t", utf8(&path), "host/last"]));
    let cache = env::read_ccache(&realm.ccache()).expect("MIT's cache");
    assert_eq!(cache.default_principal(), &last);
}

/// Every kind of entry there is, written by us and listed by MIT.
#[test]
fn file_04_mit_lists_what_we_write() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("x.keytab");
    let mut keytab = Keytab::new();
    for (n, (name, kvno, enctype)) in [
        ("a@R", 1, Enctype::AES128_CTS_HMAC_SHA1_96),
        ("HTTP/b.example@R", 255, Enctype::AES256_CTS_HMAC_SHA1_96),
        ("removed@R", 2, Enctype::AES256_CTS_HMAC_SHA1_96),
        ("c/d/e@R.EXAMPLE", 256, Enctype::AES128_CTS_HMAC_SHA256_128),
        (r"u\@x\/y@R", u32::MAX, Enctype::AES256_CTS_HMAC_SHA384_192),
        ("ä€@R", 300, Enctype::AES256_CTS_HMAC_SHA1_96),
    ]
    .into_iter()
    .enumerate()
    {
        let length = enctype.key_len().expect("an enctype with keys");
        let key = Key::new(enctype, &vec![n as u8; length]).expect("a key");
        let entry = KeytabEntry::new(principal(name), kvno, key, 1_700_000_000 + n as u32);
        keytab.add(entry).expect("added");
    }
    assert!(keytab.remove(3));
    env::write_keytab(&path, &keytab).expect("written");
    let Some(theirs) = klist_keys(&path) else {
        return;
    };
    assert_eq!(theirs, our_keys(&keytab));
    let listing = klist(&["-kt", utf8(&path)]).expect("klist");
    assert!(listing.contains("   1 11/14/23 22:13:20 a@R"), "{listing}");
    assert!(!listing.contains("removed"), "{listing}");
}

/// The caches of kinit and kvno, versions 3 and 4.
#[test]
fn file_09_file_13_what_kinit_and_kvno_write() {
    let Some(realm) = realm() else { return };
    realm.add_principal("alice", "pw");
    realm.add_service("HTTP/localhost");
    let keytab = realm.path().join("alice.keytab");
    realm.kadmin(&["ktadd", "-norandkey", "-k", utf8(&keytab), "alice"]);
    let v3 = realm.other_krb5_conf("krb5-v3.conf", "\tccache_type = 3");
    for (config, version) in [(realm.krb5_conf(), Version::V4), (v3, Version::V3)] {
        let run = |program: &str, arguments: &[&str]| {
            let mut command = realm.command(program)?;
            command.env("KRB5_CONFIG", &config).args(arguments);
            Some(expect_success(&mut command))
        };
        let arguments = ["-k", "-t", utf8(&keytab), "-l", "8h", "-r", "2d", "alice"];
        if run("kinit", &arguments).is_none() || run("kvno", &["HTTP/localhost"]).is_none() {
            return;
        }
        let cache = env::read_ccache(&realm.ccache()).expect("MIT's cache");
        assert_eq!(cache.version(), version);
        assert_eq!(cache.default_principal(), &principal("alice@MIT.TEST"));
        let servers: Vec<_> = cache.credentials().map(|c| c.server.to_string()).collect();
        assert_eq!(
            servers,
            ["krbtgt/MIT.TEST@MIT.TEST", "HTTP/localhost@MIT.TEST"]
        );
        let krbtgt = principal("krbtgt/MIT.TEST@MIT.TEST");
        assert_eq!(cache.config("fast_avail", Some(&krbtgt)), Some(&b"yes"[..]));
        let tgt = cache.tgt(env::now(), DEFAULT_ENCTYPES).expect("a TGT");
        let names: Vec<_> = tgt.flags.names().collect();
        assert!(
            names.starts_with(&["forwardable", "renewable", "initial"]),
            "{names:?}"
        );
        let after = |time: i64| time - tgt.valid_from().as_secs();
        assert_eq!(after(tgt.endtime.as_secs()), 8 * 3_600);
        let renew_till = tgt.renew_till.expect("renewable");
        assert_eq!(after(renew_till.as_secs()), 48 * 3_600);
    }
}

/// A cache that we write and append to is one for MIT: kvno uses its TGT and appends in turn.
#[test]
fn file_15_a_cache_shared_with_mit() {
    let Some(realm) = realm() else { return };
    realm.add_principal("alice", "pw");
    for service in ["HTTP/one", "HTTP/two", "HTTP/three"] {
        realm.add_service(service);
    }
    if realm.kinit("alice", "pw", &[]).is_none() || realm.kvno("HTTP/one").is_none() {
        return;
    }
    let path = realm.ccache();
    let theirs = env::read_ccache(&path).expect("MIT's cache");
    let tgt = theirs.tgt(env::now(), DEFAULT_ENCTYPES).expect("a TGT");
    let one = theirs.credentials().last().expect("a ticket").clone();

    // Initialised anew by way of Credentials, then the service ticket appended.
    let tgt = theirs.to_credentials(tgt).expect("a usable TGT");
    let mut cache = CredentialCache::with_credentials(&tgt);
    cache
        .set_config("proxy_impersonator", None, b"somebody")
        .expect("set");
    env::write_ccache(&path, &cache).expect("written");
    env::append_ccache(&path, &one).expect("appended");
    let listing = klist(&["-C", "-e", "-f", utf8(&path)]).expect("klist");
    for expected in [
        "Default principal: alice@MIT.TEST",
        "krbtgt/MIT.TEST@MIT.TEST",
        "HTTP/one@MIT.TEST",
        "config: proxy_impersonator = somebody",
        "Flags: FI",
        "Etype (skey, tkt): aes256-cts-hmac-sha1-96, aes256-cts-hmac-sha1-96",
    ] {
        assert!(listing.contains(expected), "{expected} in\n{listing}");
    }

    // MIT's library finds our TGT and appends; we append behind that, and it behind us.
    realm.kvno("HTTP/two").expect("kvno is there");
    let shared = env::read_ccache(&path).expect("the shared cache");
    let two = principal("HTTP/two@MIT.TEST");
    let now = env::now();
    let found = shared.find(&two, now, DEFAULT_ENCTYPES).expect("a ticket");
    let mut copy = found.clone();
    copy.server = principal("HTTP/copy@MIT.TEST");
    env::append_ccache(&path, &copy).expect("appended");
    realm.kvno("HTTP/three").expect("kvno is there");
    let removed = env::update_ccache(&path, |cache| Ok(cache.retain(|c| c.server != two)));
    assert_eq!(removed.expect("changed"), 1);
    let listing = klist(&[utf8(&path)]).expect("klist");
    // The copy's ticket still names it: "Ticket server: HTTP/two@MIT.TEST".
    assert!(!listing.contains("  HTTP/two"), "{listing}");
    for expected in ["HTTP/one", "HTTP/copy", "HTTP/three"] {
        assert!(listing.contains(expected), "{expected} in\n{listing}");
    }
    let shared = env::read_ccache(&path).expect("the shared cache");
    assert_eq!(shared.credentials().count(), 4);
    assert!(shared.find(&two, now, DEFAULT_ENCTYPES).is_none());
}

/// Two programs that append at the same time lose nothing.
#[test]
fn file_15_appending_beside_mit() {
    const OURS: usize = 60;
    let Some(realm) = realm() else { return };
    realm.add_principal("alice", "pw");
    let services: Vec<String> = (0..8).map(|n| format!("HTTP/mit{n}")).collect();
    for service in &services {
        realm.add_service(service);
    }
    if realm.kinit("alice", "pw", &[]).is_none() || realm.command("kvno").is_none() {
        return;
    }
    let path = realm.ccache();
    let start = env::read_ccache(&path).expect("MIT's cache");
    let tgt = start.credentials().next().expect("a TGT").clone();
    std::thread::scope(|scope| {
        let ours = scope.spawn(|| {
            for n in 0..OURS {
                let mut ticket = tgt.clone();
                ticket.server = principal(&format!("HTTP/ours{n}@MIT.TEST"));
                env::append_ccache(&path, &ticket).expect("appended");
                std::thread::sleep(std::time::Duration::from_millis(5));
            }
        });
        for service in &services {
            realm.kvno(service).expect("kvno is there");
        }
        ours.join().expect("all appended");
    });
    let cache = env::read_ccache(&path).expect("the shared cache");
    let holds = |name: String| {
        let server = principal(&format!("{name}@MIT.TEST"));
        assert!(cache.credentials().any(|c| c.server == server), "{name}");
    };
    services.into_iter().for_each(holds);
    (0..OURS).map(|n| format!("HTTP/ours{n}")).for_each(holds);
    assert_eq!(cache.credentials().count(), 1 + 8 + OURS);
    assert!(
        klist(&[utf8(&path)])
            .expect("klist")
            .contains("HTTP/ours59")
    );
}

#[test]
fn file_14_a_user_to_user_ticket_shared_with_mit() {
    let Some(realm) = realm() else { return };
    realm.add_principal("alice", "pw");
    realm.add_principal("bob", "pw");
    let bob = realm.path().join("bob.ccache");
    if realm.kinit("bob", "pw", &["-c", utf8(&bob)]).is_none() {
        return;
    }
    realm.kinit("alice", "pw", &[]);
    let Some(mut kvno) = realm.command("kvno") else {
        return;
    };
    expect_success(kvno.args(["--u2u", utf8(&bob), "bob@MIT.TEST"]));
    let bobs = env::read_ccache(&bob).expect("bob's cache");
    let tgt = bobs.tgt(env::now(), DEFAULT_ENCTYPES).expect("bob's TGT");
    let alices = env::read_ccache(&realm.ccache()).expect("alice's cache");
    let name = principal("bob@MIT.TEST");
    let wanted = Wanted::new(&name).user_to_user(&tgt.ticket);
    let ticket = alices.search(&wanted, env::now()).expect("the ticket");
    assert!(ticket.is_skey);
    assert!(alices.search(&Wanted::new(&name), env::now()).is_none());
    // Written by us it still is one for MIT: the KDC need not be asked again.
    env::write_ccache(&realm.ccache(), &alices).expect("written");
    let mut kvno = realm.command("kvno").expect("kvno is there");
    expect_success(kvno.args(["--cached-only", "--u2u", utf8(&bob), "bob@MIT.TEST"]));
}

/// A collection of type DIR that both make caches in.
#[test]
fn file_17_a_collection_shared_with_mit() {
    let Some(realm) = realm() else { return };
    realm.add_principal("alice", "pw");
    realm.add_principal("bob", "pw");
    let directory = realm.path().join("caches");
    fs::create_dir(&directory).expect("a directory");
    let name = format!("DIR:{}", utf8(&directory));
    // kinit takes a cache of its own for each client only from the environment.
    for client in ["alice", "bob"] {
        let keytab = realm.path().join(format!("{client}.keytab"));
        realm.kadmin(&["ktadd", "-norandkey", "-k", utf8(&keytab), client]);
        let Some(mut kinit) = realm.command("kinit") else {
            return;
        };
        expect_success(
            kinit
                .env("KRB5CCNAME", &name)
                .args(["-k", "-t", utf8(&keytab), client]),
        );
    }
    let environment = Environment::default()
        .with("KRB5CCNAME", &name)
        .expect("a variable");
    let ccname = environment.ccache(None).expect("a name");
    assert_eq!(ccname, CcacheName::Dir(directory.clone()));
    let primary = || {
        let file = env::resolve(&ccname).expect("a file");
        let cache = env::read_ccache(&file).expect("the primary cache");
        cache.default_principal().to_string()
    };
    assert_eq!(primary(), "bob@MIT.TEST");
    let collection = Collection::new(&directory);
    assert_eq!(collection.caches().expect("a list").len(), 2);
    let (alice, cache) = collection
        .of_client(&principal("alice@MIT.TEST"))
        .expect("readable")
        .expect("alice's cache");

    // We choose the primary and add a cache; MIT's klist follows.
    collection.set_primary(&alice).expect("the primary");
    let mut eve = CredentialCache::new(principal("eve@OTHER.TEST"));
    eve.store(cache.credentials().next().expect("a ticket").clone());
    collection.add(&eve).expect("added");
    let list = |arguments: &[&str]| {
        let mut command = realm.command("klist").expect("klist is there");
        command.env("KRB5CCNAME", &name).args(arguments);
        text(&expect_success(&mut command))
    };
    let one = list(&[]);
    assert!(one.contains("Default principal: alice@MIT.TEST"), "{one}");
    let all = list(&["-l"]);
    for client in ["alice@MIT.TEST", "bob@MIT.TEST", "eve@OTHER.TEST"] {
        assert!(all.contains(client), "{client} in\n{all}");
    }
    let chosen = |realm: &str| {
        let found = collection.for_realm(realm).expect("readable");
        found.expect("a cache").1.default_principal().to_string()
    };
    assert_eq!(chosen("OTHER.TEST"), "eve@OTHER.TEST");
    assert_eq!(chosen("UNKNOWN.TEST"), "alice@MIT.TEST");

    let Some(mut kswitch) = realm.command("kswitch") else {
        return;
    };
    expect_success(kswitch.env("KRB5CCNAME", &name).args(["-p", "bob"]));
    assert_eq!(primary(), "bob@MIT.TEST");
}

// ------------------------------------------------------------------- a program with more rights

const VARIABLES: [&str; 9] = [
    "KRB5_CONFIG",
    "KRB5CCNAME",
    "KRB5_KTNAME",
    "KRB5_CLIENT_KTNAME",
    "KRB5_TRACE",
    "KRB5RCACHENAME",
    "KRB5RCACHETYPE",
    "KRB5RCACHEDIR",
    "KRB5_KDC_PROFILE",
];
/// Set for the copies of this program that the test below starts.
const COPY: &str = "ORTHROS_TEST_COPY";

/// In such a copy: says what it sees.
#[test]
fn a_copy_says_what_it_sees() {
    if std::env::var_os(COPY).is_none() {
        return;
    }
    let environment = Environment::of_process();
    let seen: Vec<_> = VARIABLES
        .into_iter()
        .filter(|name| environment.get(name).is_some())
        .collect();
    println!("elevated={} seen={seen:?};", environment.is_elevated());
    println!("ccache={};", environment.ccache(None).expect("a name"));
    let trusted = Environment::of_trusted_process();
    println!("trusted={};", trusted.get("KRB5_CONFIG").is_some());
}

/// The environment chooses nothing for a set-user-ID or set-group-ID program.
#[test]
#[cfg(target_os = "linux")]
fn file_35_case_122_elevated_programs_ignore_the_environment() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let this = std::env::current_exe().expect("this program");
    let directory = tempfile::tempdir().expect("a directory");
    let set_mode = |path: &Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("its mode");
    };
    set_mode(directory.path(), 0o755);
    let run = |path: &PathBuf| {
        let mut command = Command::new(path);
        command
            .args(["--exact", "a_copy_says_what_it_sees", "--nocapture"])
            .env(COPY, "1")
            .envs(VARIABLES.map(|name| (name, "/tmp/of-the-attacker")));
        text(&expect_success(&mut command))
    };

    let said = run(&this);
    assert!(said.contains("elevated=false"), "{said}");
    assert!(said.contains(&format!("seen={VARIABLES:?};")), "{said}");
    assert!(said.contains("ccache=FILE:/tmp/of-the-attacker;"), "{said}");

    if fs::metadata(directory.path()).expect("the directory").uid() != 0 {
        println!("not run: file_35 for set-user-ID programs: only root can make them");
        return;
    }
    for (name, owner, group, mode) in [
        ("user", 65_534, 0, 0o4755),
        ("group", 0, 65_534, 0o2755),
        ("both", 65_534, 65_534, 0o6755),
    ] {
        let copy = directory.path().join(name);
        // By a program of its own: while this process has the copy open for writing, a child that
        // another test starts just then has it open, too, and nobody can run it.
        expect_success(Command::new("cp").arg(&this).arg(&copy));
        chown(&copy, Some(owner), Some(group)).expect("a copy given away");
        set_mode(&copy, mode);
        let said = run(&copy);
        if said.contains("elevated=false") && is_nosuid(&copy) {
            println!("not run: file_35 for set-user-ID programs: {name}: the mount is nosuid");
            return;
        }
        assert!(said.contains("elevated=true seen=[];"), "{name}: {said}");
        // The real user's cache, whoever the effective user is.
        assert!(
            said.contains("ccache=FILE:/tmp/krb5cc_0;"),
            "{name}: {said}"
        );
        // A caller who knows better may say so.
        assert!(said.contains("trusted=true"), "{name}: {said}");
    }
}

/// Whether the mount that holds `path` ignores set-user-ID bits.
#[cfg(target_os = "linux")]
fn is_nosuid(path: &Path) -> bool {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let holding = mounts.lines().filter_map(|line| {
        let fields: Vec<&str> = line.split(' ').collect();
        let [_, place, _, options, ..] = fields[..] else {
            return None;
        };
        path.starts_with(place).then_some((place.len(), options))
    });
    let innermost = holding.max_by_key(|(length, _)| *length);
    innermost.is_some_and(|(_, options)| options.split(',').any(|option| option == "nosuid"))
}
