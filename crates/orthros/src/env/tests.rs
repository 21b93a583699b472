//! Names and variables; files under concurrent readers and writers.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread;

use super::*;
use crate::ccache::{CachedCredential, CredentialCache, Version};
use crate::credentials::Credentials;
use crate::crypto::{DEFAULT_ENCTYPES, Enctype, Key};
use crate::error::FileError;
use crate::keytab::{Keytab, KeytabEntry};
use crate::principal::Principal;
use crate::time::KerberosTime;
use crate::wire::TicketFlags;

/// A directory of one test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(test: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("orthros-{test}-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// What is in the directory.
    fn names(&self) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(&self.0)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn principal(text: &str) -> Principal {
    Principal::parse(text, None).unwrap()
}

fn entry(name: &str, kvno: u32) -> KeytabEntry {
    let key = Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[3; 32]).unwrap();
    KeytabEntry::new(principal(name), kvno, key, 1)
}

fn credentials(client: &str, server: &str) -> Credentials {
    Credentials {
        client: principal(client),
        server: principal(server),
        ticket: vec![0x61; 700],
        session_key: Key::new(Enctype::AES256_CTS_HMAC_SHA1_96, &[7; 32]).unwrap(),
        flags: TicketFlags::FORWARDABLE,
        authtime: KerberosTime::from_secs(1000),
        starttime: None,
        endtime: KerberosTime::from_secs(5000),
        renew_till: None,
        addresses: Vec::new(),
        clock_offset: 0,
        second_ticket: None,
    }
}

fn cache(client: &str) -> CredentialCache {
    let realm = principal(client).realm().to_owned();
    let tgt = format!("krbtgt/{realm}@{realm}");
    CredentialCache::with_credentials(&credentials(client, &tgt))
}

fn what(error: Error) -> FileError {
    match error {
        Error::File(error) => *error,
        other => panic!("{other:?}"),
    }
}

#[cfg(unix)]
fn mode(path: &Path) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o7777
}

// -------------------------------------------------------------------------------------- variables

fn ordinary() -> Environment {
    Environment {
        ids: Some(process::Ids::for_tests(1000, 1001)),
        ..Environment::default()
    }
}

fn with(variable: &str, value: &str) -> Environment {
    ordinary().with(variable, value).unwrap()
}

#[test]
fn file_08_which_keytab() {
    let path = |name: KeytabName| name.path().to_str().unwrap().to_owned();
    let none = ordinary();
    assert_eq!(path(none.keytab(None).unwrap()), "/etc/krb5.keytab");
    assert_eq!(path(none.keytab(Some("FILE:/a")).unwrap()), "/a");
    assert_eq!(path(none.keytab(Some("/k%{euid}")).unwrap()), "/k1001");
    let set = with("KRB5_KTNAME", "WRFILE:/b");
    assert_eq!(path(set.keytab(None).unwrap()), "/b");
    assert_eq!(path(set.keytab(Some("FILE:/a")).unwrap()), "/b");
    assert_eq!(
        path(with("KRB5_KTNAME", "").keytab(Some("/a")).unwrap()),
        "/a"
    );
    // Variables are taken as they are.
    assert_eq!(
        path(with("KRB5_KTNAME", "/%{uid}").keytab(None).unwrap()),
        "/%{uid}"
    );

    assert_eq!(none.client_keytab(None).unwrap(), None);
    let named = none.client_keytab(Some("FILE:/c/%{uid}")).unwrap().unwrap();
    assert_eq!(path(named), "/c/1000");
    let set = with("KRB5_CLIENT_KTNAME", "/d")
        .client_keytab(Some("/c"))
        .unwrap();
    assert_eq!(path(set.unwrap()), "/d");
    // The keytab of the service is not that of the client.
    assert_eq!(with("KRB5_KTNAME", "/b").client_keytab(None).unwrap(), None);
}

#[test]
fn file_08_keytab_names() {
    for (name, expected) in [
        ("/etc/krb5.keytab", "FILE:/etc/krb5.keytab"),
        ("FILE:relative", "FILE:relative"),
        ("WRFILE:/x:y", "FILE:/x:y"),
        ("/odd:name", "FILE:/odd:name"),
        ("./odd:name", "FILE:./odd:name"),
        (r"C:\keytab", r"FILE:C:\keytab"),
    ] {
        assert_eq!(KeytabName::parse(name).unwrap().to_string(), expected);
    }
    for name in ["MEMORY:x", "SRVTAB:/x", "KDB:", "file:/x"] {
        let kind = name.split(':').next().unwrap();
        match KeytabName::parse(name) {
            Err(Error::Unsupported(text)) => assert!(text.contains(kind), "{text}"),
            other => panic!("{name}: {other:?}"),
        }
    }
    assert!(KeytabName::parse("").is_err());
    assert!(KeytabName::parse("FILE:").is_err());
}

#[test]
fn file_17_which_cache() {
    let name = |environment: Environment, default: Option<&str>| {
        environment.ccache(default).unwrap().to_string()
    };
    assert_eq!(name(ordinary(), None), "FILE:/tmp/krb5cc_1000");
    assert_eq!(name(ordinary(), Some("DIR:/run/%{uid}")), "DIR:/run/1000");
    assert_eq!(name(with("KRB5CCNAME", "/c"), Some("/d")), "FILE:/c");
    assert_eq!(name(with("KRB5CCNAME", ""), Some("/d")), "FILE:/d");
    // Without the user's ID there is no default.
    let unknown = Environment::default();
    assert!(
        what(unknown.ccache(None).unwrap_err())
            .what
            .contains("user's ID")
    );
    assert_eq!(name(unknown, Some("/d")), "FILE:/d");
}

#[test]
fn file_17_cache_names() {
    for (name, expected) in [
        ("/tmp/x", "FILE:/tmp/x"),
        ("FILE:/tmp/x", "FILE:/tmp/x"),
        ("DIR:/tmp/x", "DIR:/tmp/x"),
        ("DIR::/tmp/x/tktABC", "DIR::/tmp/x/tktABC"),
        ("/tmp/a:b", "FILE:/tmp/a:b"),
    ] {
        assert_eq!(CcacheName::parse(name).unwrap().to_string(), expected);
    }
    for name in [
        "KEYRING:persistent:1000",
        "KCM:",
        "API:x",
        "MSLSA:",
        "MEMORY:x",
        "ODD:x",
    ] {
        let kind = name.split(':').next().unwrap();
        match CcacheName::parse(name) {
            Err(Error::Unsupported(text)) => {
                assert!(text.contains(kind) && text.contains(name), "{text}");
                assert_eq!(text.contains("not known"), kind == "ODD");
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    for name in ["", "FILE:", "DIR:", "DIR::", "DIR::/tmp/x/other"] {
        assert!(CcacheName::parse(name).is_err(), "{name}");
    }
}

#[test]
fn file_25_file_34_configuration_files_and_other_variables() {
    let paths = |environment: &Environment| {
        environment
            .config_files()
            .iter()
            .map(|path| path.to_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(paths(&ordinary()), ["/etc/krb5.conf"]);
    #[cfg(unix)]
    assert_eq!(paths(&with("KRB5_CONFIG", "/a:/b::/c")), ["/a", "/b", "/c"]);
    for variable in [
        "KRB5RCACHENAME",
        "KRB5RCACHETYPE",
        "KRB5RCACHEDIR",
        "KRB5_TRACE",
        "KRB5_KDC_PROFILE",
    ] {
        assert_eq!(ordinary().get(variable), None);
        assert_eq!(with(variable, "v").get(variable).unwrap(), "v");
    }
    assert!(matches!(
        ordinary().with("HOME", "/"),
        Err(Error::Misuse(_))
    ));
}

#[test]
fn file_33_tokens() {
    let environment = with("TMPDIR", "/var/tmp");
    for (name, expected) in [
        ("plain", "plain"),
        ("%{uid}-%{euid}-%{USERID}", "1000-1001-1000"),
        ("%{TEMP}/x%{null}y", "/var/tmp/xy"),
        ("50%", "50%"),
    ] {
        assert_eq!(environment.expand(name).unwrap(), expected);
    }
    assert_eq!(ordinary().expand("%{TEMP}").unwrap(), "/tmp");
    assert!(
        what(ordinary().expand("%{odd}").unwrap_err())
            .what
            .contains("%{odd}")
    );
    assert!(ordinary().expand("x%{uid").is_err());
}

/// The process of the tests is an ordinary one.
#[test]
#[cfg(target_os = "linux")]
fn file_35_this_process_is_not_elevated() {
    let environment = Environment::of_process();
    assert!(!environment.is_elevated());
    let ids = environment.ids.unwrap();
    assert_eq!(ids.uid, ids.euid);
    let there = std::env::var_os("TMPDIR").filter(|value| !value.is_empty());
    assert_eq!(environment.get("TMPDIR"), there.as_deref());
}

#[test]
fn now_is_now() {
    // 2026 to 2106.
    let seconds = now().time().as_secs();
    assert!((1_767_225_600..4_294_967_296).contains(&seconds));
}

// ---------------------------------------------------------------------------------------- files

#[test]
fn file_06_a_keytab_is_made_changed_and_read() {
    let scratch = Scratch::new("keytab");
    let path = scratch.path("x.keytab");
    for name in ["a@R", "b@R", "c@R"] {
        update_keytab(&path, |keytab| keytab.add(entry(name, 1))).unwrap();
    }
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    let before = fs::metadata(&path).unwrap().len();
    assert!(update_keytab(&path, |keytab| Ok(keytab.remove(2))).unwrap());
    let index = update_keytab(&path, |keytab| keytab.add(entry("d@R", 1))).unwrap();
    assert_eq!(index, 2);
    // The hole was used.
    assert_eq!(fs::metadata(&path).unwrap().len(), before);
    let keytab = read_keytab(&path).unwrap();
    let names: Vec<_> = keytab.principals().iter().map(|p| p.to_string()).collect();
    assert_eq!(names, ["a@R", "d@R", "c@R"]);
    assert_eq!(scratch.names(), ["x.keytab"]);
    // A change that is refused changes nothing.
    let refused = update_keytab(&path, |keytab| {
        keytab.remove(1);
        Err::<(), _>(Error::Misuse("no"))
    });
    assert!(matches!(refused, Err(Error::Misuse("no"))));
    assert_eq!(read_keytab(&path).unwrap().len(), 3);
    assert_eq!(scratch.names(), ["x.keytab"]);
}

#[test]
fn file_07_a_broken_file_is_named_and_left_alone() {
    let scratch = Scratch::new("broken");
    let path = scratch.path("x");
    let mut keytab = Keytab::new();
    keytab.add(entry("a@R", 1)).unwrap();
    keytab.add(entry("b@R", 1)).unwrap();
    let octets = keytab.to_bytes();
    let broken = &octets.expose()[..octets.len() - 1];
    fs::write(&path, broken).unwrap();
    for error in [
        read_keytab(&path).unwrap_err(),
        update_keytab(&path, |_| Ok(())).unwrap_err(),
    ] {
        let error = what(error);
        assert_eq!(error.path, path.to_str().unwrap());
        assert_eq!(error.at, Some(2 + (octets.len() - 2) / 2 + 4));
    }
    let (listed, error) = Keytab::parse_lossy(read(&path).unwrap().expose(), "x");
    assert_eq!(listed.len(), 1);
    assert!(error.is_some());
    for error in [
        what(read_ccache(&path).unwrap_err()),
        what(update_ccache(&path, |_| Ok(())).unwrap_err()),
        what(
            append_ccache(&path, &CachedCredential::from(&credentials("a@R", "b@R"))).unwrap_err(),
        ),
    ] {
        assert!(error.what.contains("a keytab, or"), "{error}");
    }
    assert_eq!(fs::read(&path).unwrap(), broken);
}

#[test]
fn what_is_no_file_is_refused() {
    let scratch = Scratch::new("odd");
    let missing = scratch.path("missing");
    assert!(
        what(read_keytab(&missing).unwrap_err())
            .what
            .contains("cannot be opened")
    );
    assert!(
        what(update_ccache(&missing, |_| Ok(())).unwrap_err())
            .what
            .contains("no such cache")
    );
    assert!(
        what(read_keytab(&scratch.0).unwrap_err())
            .what
            .contains("not a regular file")
    );
    #[cfg(unix)]
    assert!(
        what(read_keytab(Path::new("/dev/zero")).unwrap_err())
            .what
            .contains("regular")
    );
    let huge = scratch.path("huge");
    fs::File::create(&huge)
        .unwrap()
        .set_len((64 << 20) + 1)
        .unwrap();
    assert!(
        what(read_keytab(&huge).unwrap_err())
            .what
            .contains("64 MiB")
    );
    assert!(write_keytab(Path::new("/"), &Keytab::new()).is_err());
    assert!(write_keytab(&scratch.path("no/such/x"), &Keytab::new()).is_err());
}

#[test]
fn file_15_initialise_append_and_change_a_cache() {
    let scratch = Scratch::new("ccache");
    let path = scratch.path("cc");
    write_ccache(&path, &cache("alice@R")).unwrap();
    #[cfg(unix)]
    assert_eq!(mode(&path), 0o600);
    let service = CachedCredential::from(&credentials("alice@R", "HTTP/x@R"));
    append_ccache(&path, &service).unwrap();
    let read = read_ccache(&path).unwrap();
    assert_eq!(read.credentials().last(), Some(&service));
    assert_eq!(read.credentials().count(), 2);
    let removed = update_ccache(&path, |cache| Ok(cache.retain(|c| c.server.is_krbtgt()))).unwrap();
    assert_eq!(removed, 1);
    let tgt = read_ccache(&path).unwrap();
    let now = Timestamp::from_secs(2000);
    assert!(tgt.tgt(now, DEFAULT_ENCTYPES).is_some());
    // Initialising forgets what was there.
    write_ccache(&path, &CredentialCache::new(principal("bob@R"))).unwrap();
    assert_eq!(read_ccache(&path).unwrap().credentials().count(), 0);
    assert_eq!(scratch.names(), ["cc"]);
}

/// A version 3 file stays one when it is appended to.
#[test]
fn file_15_append_keeps_the_version() {
    let scratch = Scratch::new("v3");
    let path = scratch.path("cc");
    fs::write(
        &path,
        include_bytes!("../../../../vectors/ccache/mit_v3.ccache"),
    )
    .unwrap();
    let service = CachedCredential::from(&credentials("alice@FILES.TEST", "HTTP/x@R"));
    append_ccache(&path, &service).unwrap();
    let read = read_ccache(&path).unwrap();
    assert_eq!(read.version(), Version::V3);
    assert_eq!(read.credentials().last(), Some(&service));
}

#[test]
#[cfg(unix)]
fn file_15_symbolic_links() {
    use std::os::unix::fs::symlink;

    let scratch = Scratch::new("links");
    let victim = scratch.path("victim");
    fs::write(&victim, "precious").unwrap();
    // Creating replaces a link and does not follow it.
    let link = scratch.path("link");
    symlink(&victim, &link).unwrap();
    write_ccache(&link, &cache("alice@R")).unwrap();
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert!(fs::symlink_metadata(&link).unwrap().is_file());
    // A link to nothing makes nothing.
    let dangling = scratch.path("dangling");
    symlink(scratch.path("nothing"), &dangling).unwrap();
    let error = what(update_keytab(&dangling, |k| k.add(entry("a@R", 1))).unwrap_err());
    assert!(error.what.contains("symbolic link to nothing"), "{error}");
    assert!(!scratch.path("nothing").exists());
    // Changing goes to the file that the link names: a mounted secret stays where it is.
    let real = scratch.path("real.keytab");
    write_keytab(&real, &Keytab::new()).unwrap();
    let named = scratch.path("named.keytab");
    symlink("real.keytab", &named).unwrap();
    update_keytab(&named, |k| k.add(entry("a@R", 1))).unwrap();
    assert!(fs::symlink_metadata(&named).unwrap().is_symlink());
    assert_eq!(read_keytab(&real).unwrap().len(), 1);
}

#[test]
#[cfg(unix)]
fn file_15_a_change_keeps_mode_and_owner_a_new_file_does_not() {
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};

    let scratch = Scratch::new("owner");
    let path = scratch.path("x.keytab");
    write_keytab(&path, &Keytab::new()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    let foreign = chown(&path, Some(65_534), Some(65_534)).is_ok();
    update_keytab(&path, |keytab| keytab.add(entry("a@R", 1))).unwrap();
    assert_eq!(mode(&path), 0o640);
    if foreign {
        let metadata = fs::metadata(&path).unwrap();
        assert_eq!((metadata.uid(), metadata.gid()), (65_534, 65_534));
    } else {
        println!("not run: not root, so no file can be given away");
    }
    // Whoever put a file there first must not own what is written new.
    write_keytab(&path, &Keytab::new()).unwrap();
    assert_eq!(mode(&path), 0o600);
    let own = fs::metadata(&scratch.0).unwrap().uid();
    assert_eq!(fs::metadata(&path).unwrap().uid(), own);
}

/// Many writers lose nothing, and a reader never sees half a file.
#[test]
fn file_06_file_15_concurrent_writers_and_readers() {
    const WRITERS: u32 = 4;
    const EACH: u32 = 8;
    let scratch = Scratch::new("concurrent");
    let keytab = scratch.path("x.keytab");
    let ccache = scratch.path("cc");
    write_ccache(&ccache, &cache("alice@R")).unwrap();
    write_keytab(&keytab, &Keytab::new()).unwrap();
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                let octets = fs::read(&keytab).unwrap();
                Keytab::parse(&octets, "concurrent").unwrap();
                read_ccache(&ccache).unwrap();
            }
        });
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let (keytab, ccache) = (&keytab, &ccache);
                scope.spawn(move || {
                    for n in 0..EACH {
                        let name = format!("w{writer}/n{n}@R");
                        let add = || {
                            update_keytab(keytab, |keytab| {
                                keytab.add(entry(&name, n))?;
                                keytab.add(entry("gone@R", n))
                            })
                        };
                        add().unwrap();
                        update_keytab(keytab, |keytab| {
                            Ok(keytab.retain(|e| e.principal().component(0) != Some("gone")))
                        })
                        .unwrap();
                        let ticket = credentials("alice@R", &name);
                        append_ccache(ccache, &CachedCredential::from(&ticket)).unwrap();
                    }
                })
            })
            .collect();
        let written: Vec<_> = writers.into_iter().map(|writer| writer.join()).collect();
        done.store(true, Ordering::Relaxed);
        reader.join().unwrap();
        written.into_iter().for_each(Result::unwrap);
    });
    assert_eq!(read_keytab(&keytab).unwrap().len() as u32, WRITERS * EACH);
    let tickets = read_ccache(&ccache).unwrap().credentials().count() as u32;
    assert_eq!(tickets, 1 + WRITERS * EACH);
    assert_eq!(scratch.names(), ["cc", "x.keytab"]);
}

/// A program that does not know our lock changes the file between our reading and our writing.
#[test]
fn file_06_a_change_by_others_is_not_overwritten() {
    let scratch = Scratch::new("others");
    let path = scratch.path("x.keytab");
    update_keytab(&path, |keytab| keytab.add(entry("a@R", 1))).unwrap();
    let mut calls = 0;
    update_keytab(&path, |keytab| {
        calls += 1;
        if calls == 1 {
            let mut theirs = read_keytab(&path).unwrap();
            theirs.add(entry("theirs@R", 1)).unwrap();
            fs::write(&path, theirs.to_bytes().expose()).unwrap();
        }
        keytab.add(entry("ours@R", 1))
    })
    .unwrap();
    assert_eq!(calls, 2);
    assert_eq!(read_keytab(&path).unwrap().len(), 3);
    // And the same where there was no file.
    let path = scratch.path("y.keytab");
    let mut calls = 0;
    update_keytab(&path, |keytab| {
        calls += 1;
        if calls == 1 {
            let mut theirs = Keytab::new();
            theirs.add(entry("theirs@R", 1)).unwrap();
            write_keytab(&path, &theirs).unwrap();
        }
        keytab.add(entry("ours@R", 1))
    })
    .unwrap();
    assert_eq!(calls, 2);
    assert_eq!(read_keytab(&path).unwrap().len(), 2);
}

// ----------------------------------------------------------------------------------- collections

#[test]
fn file_17_a_directory_of_caches() {
    let scratch = Scratch::new("dir");
    let directory = scratch.path("caches");
    let collection = Collection::new(&directory);
    let name = CcacheName::Dir(directory.clone());
    // Nothing there: the primary is to be `tkt`.
    assert_eq!(resolve(&name).unwrap(), directory.join("tkt"));
    assert!(collection.caches().unwrap().is_empty());
    assert!(collection.for_realm("A").unwrap().is_none());

    let a = collection.add(&cache("alice@A")).unwrap();
    let b = collection.add(&cache("bob@B")).unwrap();
    #[cfg(unix)]
    assert_eq!((mode(&directory), mode(&a)), (0o700, 0o600));
    collection.set_primary(&b).unwrap();
    assert_eq!(resolve(&name).unwrap(), b);
    assert_eq!(
        fs::read_to_string(directory.join("primary")).unwrap(),
        format!("{}\n", b.file_name().unwrap().to_str().unwrap())
    );
    fs::write(directory.join("tktbroken"), "not a cache").unwrap();
    fs::write(directory.join("other"), "no cache of the collection").unwrap();
    let caches = collection.caches().unwrap();
    assert_eq!(caches.len(), 3);
    assert_eq!(caches[0], b);
    let client = |realm| {
        let (path, cache) = collection.for_realm(realm).unwrap().unwrap();
        (path, cache.default_principal().to_string())
    };
    assert_eq!(client("A"), (a.clone(), "alice@A".into()));
    assert_eq!(client("B"), (b.clone(), "bob@B".into()));
    // No client of that realm: the primary.
    assert_eq!(client("C"), (b.clone(), "bob@B".into()));
    let (path, _) = collection
        .of_client(&principal("alice@A"))
        .unwrap()
        .unwrap();
    assert_eq!(path, a);
    assert!(collection.of_client(&principal("eve@A")).unwrap().is_none());
    assert_eq!(resolve(&CcacheName::DirCache(a.clone())).unwrap(), a);
}

#[test]
fn file_17_the_primary_does_not_lead_out_of_the_directory() {
    let scratch = Scratch::new("primary");
    let collection = Collection::new(&scratch.0);
    for text in [
        "tkt/../../etc/krb5.keytab\n",
        "/tmp/tkt\n",
        "krb5cc\n",
        "",
        "tktA\ntktB\n",
    ] {
        fs::write(scratch.path("primary"), text).unwrap();
        let error = what(collection.primary().unwrap_err());
        assert!(error.path.ends_with("primary"), "{text:?}");
    }
    fs::write(scratch.path("primary"), "tktA").unwrap();
    assert_eq!(collection.primary().unwrap(), scratch.path("tktA"));
    for path in ["/tmp/tktX", "other"] {
        assert!(collection.set_primary(&scratch.0.join(path)).is_err());
    }
}

// ----------------------------------------------------------------------------------- credentials

/// Default credentials. That a context's names are told only when it is complete needs no test: a
/// `SecurityContext` is complete, and of this mechanism.
#[test]
fn gss_61_default_credentials() {
    use crate::ap::Accepts;
    use crate::gss::{MajorStatus, Role};
    let scratch = Scratch::new("defaults");
    let (keytab, ccache) = (scratch.path("keytab"), scratch.path("ccache"));
    let environment = with("KRB5_KTNAME", keytab.to_str().unwrap())
        .with("KRB5CCNAME", ccache.to_str().unwrap())
        .unwrap();
    let now = Timestamp::from(KerberosTime::from_secs(2000));
    let no_acceptor = || environment.default_acceptor(None).unwrap_err();
    let no_initiator = |at: Timestamp| environment.default_initiator(None, at).unwrap_err();
    let no_cred = |error: Error| {
        assert_eq!(error.gss_major(Role::Initiator), MajorStatus::NO_CRED);
        assert_eq!(error.gss_major(Role::Acceptor), MajorStatus::NO_CRED);
    };
    // Missing, then empty.
    no_cred(no_acceptor());
    no_cred(no_initiator(now));
    write_keytab(&keytab, &Keytab::new()).unwrap();
    write_ccache(&ccache, &CredentialCache::new(principal("alice@R"))).unwrap();
    no_cred(no_acceptor());
    no_cred(no_initiator(now));
    // Every key, any principal.
    let mut keys = Keytab::new();
    keys.add(entry("HTTP/web@R", 3)).unwrap();
    keys.add(entry("host/web@S", 1)).unwrap();
    write_keytab(&keytab, &keys).unwrap();
    let config = environment.default_acceptor(None).unwrap();
    let shown = format!("{config:?}");
    assert!(shown.contains(&format!("{:?}", Accepts::AnyKey)), "{shown}");
    for name in ["HTTP/web@R", "host/web@S"] {
        assert!(shown.contains(name), "{shown}");
    }
    // The default cache's TGT, while it is valid.
    write_ccache(&ccache, &cache("alice@R")).unwrap();
    let tgt = environment.default_initiator(None, now).unwrap();
    assert_eq!(tgt.client, principal("alice@R"));
    assert_eq!(tgt.server, principal("krbtgt/R@R"));
    let late = Timestamp::from(KerberosTime::from_secs(9000));
    no_cred(no_initiator(late));
    // What krb5.conf names comes behind the variable.
    let elsewhere = ordinary().default_initiator(Some(ccache.to_str().unwrap()), now);
    assert_eq!(elsewhere.unwrap().client, principal("alice@R"));
    let missing = scratch.path("missing");
    assert!(environment.default_acceptor(missing.to_str()).is_ok());
    no_cred(ordinary().default_acceptor(missing.to_str()).unwrap_err());
}
