//! MIT krb5, through its C library, loaded when the program runs.

use std::ffi::{CString, c_char, c_int, c_void};
use std::ops::Range;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::ptr::{null, null_mut};

use libloading::Library;

use super::kdc::Krb5Kdc;
use super::{Accepted, Acceptor, Context, Initiator, Kdc, Peer, Reason, ReplayFile, Started};
use crate::bulk::{Framed, Stream};
use crate::pipe::Pipe;
use crate::realm::{Case, Realm, SERVICE};

type Status = u32;
/// Any of the library's opaque handles.
type Handle = *mut c_void;

#[repr(C)]
#[derive(Clone, Copy)]
struct Buffer {
    length: usize,
    value: *mut c_void,
}

impl Buffer {
    const EMPTY: Buffer = Buffer {
        length: 0,
        value: null_mut(),
    };

    /// The library reads it only.
    fn of(octets: &[u8]) -> Buffer {
        Buffer {
            length: octets.len(),
            value: octets.as_ptr().cast_mut().cast(),
        }
    }
}

/// A piece of a token.
#[repr(C)]
struct Iov {
    kind: u32,
    buffer: Buffer,
}

const DATA: u32 = 1;
const HEADER: u32 = 2;
const TRAILER: u32 = 7;
const PADDING: u32 = 9;
const STREAM: u32 = 10;

impl Iov {
    /// The library reads and writes it while `octets` are borrowed.
    fn new(kind: u32, octets: &mut [u8]) -> Self {
        let buffer = Buffer {
            length: octets.len(),
            value: octets.as_mut_ptr().cast(),
        };
        Self { kind, buffer }
    }
}

#[repr(C)]
struct Oid {
    length: u32,
    elements: *const c_void,
}

#[repr(C)]
struct OidSet {
    count: usize,
    elements: *const Oid,
}

#[repr(C)]
struct StoreElement {
    key: *const c_char,
    value: *const c_char,
}

#[repr(C)]
struct Store {
    count: u32,
    elements: *const StoreElement,
}

#[repr(C)]
struct Keyblock {
    magic: i32,
    enctype: i32,
    length: u32,
    contents: *mut u8,
}

#[repr(C)]
struct KeytabEntry {
    magic: i32,
    principal: Handle,
    timestamp: i32,
    vno: u32,
    key: Keyblock,
}

const MECH: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02];
/// GSS_KRB5_NT_PRINCIPAL_NAME: no name service is asked.
const PRINCIPAL_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x12, 0x01, 0x02, 0x02, 0x01];
const INITIATE: c_int = 1;
const ACCEPT: c_int = 2;
const INDEFINITE: u32 = u32::MAX;
/// Mutual authentication, replay detection, sequencing, confidentiality, integrity.
const FLAGS: u32 = 2 | 4 | 8 | 16 | 32;
const CONTINUE_NEEDED: Status = 1;

macro_rules! functions {
    ($name:ident { $($function:ident($($arg:ty),*) -> $result:ty;)* }) => {
        struct $name { $($function: unsafe extern "C" fn($($arg),*) -> $result,)* }

        impl $name {
            /// # Safety
            ///
            /// The library's functions must have these types.
            unsafe fn load(library: &'static Library) -> Result<Self, libloading::Error> {
                Ok(Self {
                    $($function: {
                        // SAFETY: the caller's promise.
                        let symbol = unsafe { library.get(concat!(stringify!($function), "\0").as_bytes()) };
                        *symbol?
                    },)*
                })
            }
        }
    };
}

mod memory;
mod rcache;

functions! { Gss {
    gss_accept_sec_context(*mut Status, *mut Handle, Handle, *const Buffer, *const c_void, *mut Handle, *mut *const Oid, *mut Buffer, *mut u32, *mut u32, *mut Handle) -> Status;
    gss_acquire_cred_from(*mut Status, Handle, u32, *const OidSet, c_int, *const Store, *mut Handle, *mut *mut OidSet, *mut u32) -> Status;
    gss_delete_sec_context(*mut Status, *mut Handle, *mut Buffer) -> Status;
    gss_display_name(*mut Status, Handle, *mut Buffer, *mut *const Oid) -> Status;
    gss_display_status(*mut Status, Status, c_int, *const Oid, *mut u32, *mut Buffer) -> Status;
    gss_get_name_attribute(*mut Status, Handle, *const Buffer, *mut c_int, *mut c_int, *mut Buffer, *mut Buffer, *mut c_int) -> Status;
    gss_import_name(*mut Status, *const Buffer, *const Oid, *mut Handle) -> Status;
    gss_init_sec_context(*mut Status, Handle, *mut Handle, Handle, *const Oid, u32, u32, *const c_void, *const Buffer, *mut *const Oid, *mut Buffer, *mut u32, *mut u32) -> Status;
    gss_krb5_set_allowable_enctypes(*mut Status, Handle, u32, *const i32) -> Status;
    gss_release_buffer(*mut Status, *mut Buffer) -> Status;
    gss_release_cred(*mut Status, *mut Handle) -> Status;
    gss_release_name(*mut Status, *mut Handle) -> Status;
    gss_unwrap(*mut Status, Handle, *const Buffer, *mut Buffer, *mut c_int, *mut u32) -> Status;
    gss_unwrap_iov(*mut Status, Handle, *mut c_int, *mut u32, *mut Iov, c_int) -> Status;
    gss_wrap(*mut Status, Handle, c_int, u32, *const Buffer, *mut c_int, *mut Buffer) -> Status;
    gss_wrap_iov(*mut Status, Handle, c_int, u32, *mut c_int, *mut Iov, c_int) -> Status;
    gss_wrap_iov_length(*mut Status, Handle, c_int, u32, *mut c_int, *mut Iov, c_int) -> Status;
}}

functions! { Krb5 {
    krb5_cc_copy_creds(Handle, Handle, Handle) -> i32;
    krb5_cc_get_principal(Handle, Handle, *mut Handle) -> i32;
    krb5_cc_initialize(Handle, Handle, Handle) -> i32;
    krb5_cc_resolve(Handle, *const c_char, *mut Handle) -> i32;
    krb5_init_context(*mut Handle) -> i32;
    krb5_kt_add_entry(Handle, Handle, *mut KeytabEntry) -> i32;
    krb5_kt_end_seq_get(Handle, Handle, *mut Handle) -> i32;
    krb5_kt_next_entry(Handle, Handle, *mut KeytabEntry, *mut Handle) -> i32;
    krb5_kt_resolve(Handle, *const c_char, *mut Handle) -> i32;
    krb5_kt_start_seq_get(Handle, Handle, *mut Handle) -> i32;
}}

/// The loaded libraries; loaded once and kept for the rest of the run.
pub struct Library5 {
    gss: Gss,
    krb5: Krb5,
    context: Handle,
}

impl Library5 {
    /// Loads the libraries, if this machine has them, and points them at the realm's files.
    ///
    /// # Safety
    ///
    /// It changes the environment: there must be no other thread.
    pub unsafe fn load(realm: &Realm) -> Result<&'static Library5, Reason> {
        let open = |name: &str| {
            // SAFETY: loading MIT's libraries runs no code but their own initialisers.
            unsafe { Library::new(name) }
                .map(|library| &*Box::leak(Box::new(library)))
                .map_err(|e| format!("MIT krb5 is not on this machine ({e})"))
        };
        let gss = open("libgssapi_krb5.so.2")?;
        let krb5 = open("libkrb5.so.3")?;
        // SAFETY: the caller promises that there is no other thread.
        unsafe {
            std::env::set_var("KRB5_CONFIG", realm.conf());
            std::env::set_var("KRB5_KTNAME", &realm.keytab);
            std::env::set_var("KRB5RCACHEDIR", realm.dir());
            std::env::remove_var("KRB5RCACHETYPE");
            std::env::remove_var("KRB5RCACHENAME");
            std::env::remove_var("KRB5_TRACE");
            std::env::remove_var("KRB5_CLIENT_KTNAME");
        }
        // SAFETY: the types are those of MIT's headers, which its ABI keeps.
        let (gss, krb5) = unsafe { (Gss::load(gss), Krb5::load(krb5)) };
        let (gss, krb5) = gss
            .and_then(|gss| krb5.map(|krb5| (gss, krb5)))
            .map_err(|e| format!("this MIT krb5 lacks a function ({e})"))?;
        let mut context = null_mut();
        // SAFETY: the pointer is to a live handle.
        let code = unsafe { (krb5.krb5_init_context)(&mut context) };
        if code != 0 {
            return Err(format!("MIT krb5 cannot start: error {code}"));
        }
        Ok(Box::leak(Box::new(Library5 { gss, krb5, context })))
    }

    fn explain(&self, what: &str, major: Status, minor: Status) -> String {
        let mut text = format!("{what}:");
        for (status, kind, mech) in [(major, 1, null()), (minor, 2, &raw const MECH_OID.0)] {
            let (mut more, mut out, mut ignored) = (0, Buffer::EMPTY, 0);
            // SAFETY: all pointers are to live values; the buffer is the library's until released.
            unsafe {
                (self.gss.gss_display_status)(
                    &mut ignored,
                    status,
                    kind,
                    mech,
                    &mut more,
                    &mut out,
                );
            }
            text.push(' ');
            text.push_str(&String::from_utf8_lossy(&self.take(out)));
        }
        text
    }

    /// Copies a buffer of the library's and releases it.
    fn take(&self, mut buffer: Buffer) -> Vec<u8> {
        if buffer.value.is_null() {
            return Vec::new();
        }
        // SAFETY: the library says that so many octets are there.
        let octets =
            unsafe { std::slice::from_raw_parts(buffer.value.cast::<u8>(), buffer.length) }
                .to_vec();
        self.release(&mut buffer);
        octets
    }

    fn release(&self, buffer: &mut Buffer) {
        let mut minor = 0;
        // SAFETY: the buffer came from the library and is released once: it is empty afterwards.
        unsafe { (self.gss.gss_release_buffer)(&mut minor, buffer) };
    }

    fn service_name(&self) -> Result<Handle, String> {
        let (mut minor, mut name) = (0, null_mut());
        let oid = Oid {
            length: PRINCIPAL_NAME.len() as u32,
            elements: PRINCIPAL_NAME.as_ptr().cast(),
        };
        let text = Buffer::of(SERVICE.as_bytes());
        // SAFETY: all pointers are to live values.
        let major = unsafe { (self.gss.gss_import_name)(&mut minor, &text, &oid, &mut name) };
        match major {
            0 => Ok(name),
            _ => Err(self.explain("gss_import_name", major, minor)),
        }
    }

    fn acquire(
        &self,
        name: Handle,
        usage: c_int,
        store: &[(&std::ffi::CStr, &std::ffi::CStr)],
    ) -> Result<Handle, String> {
        let elements: Vec<StoreElement> = store
            .iter()
            .map(|(key, value)| StoreElement {
                key: key.as_ptr(),
                value: value.as_ptr(),
            })
            .collect();
        let store = Store {
            count: elements.len() as u32,
            elements: elements.as_ptr(),
        };
        let mechs = OidSet {
            count: 1,
            elements: &raw const MECH_OID.0,
        };
        let (mut minor, mut credential) = (0, null_mut());
        // SAFETY: all pointers are to live values or null where that is allowed.
        let major = unsafe {
            (self.gss.gss_acquire_cred_from)(
                &mut minor,
                name,
                INDEFINITE,
                &mechs,
                usage,
                &store,
                &mut credential,
                null_mut(),
                null_mut(),
            )
        };
        match major {
            0 => Ok(credential),
            _ => Err(self.explain("gss_acquire_cred_from", major, minor)),
        }
    }
}

struct StaticOid(Oid);
// SAFETY: it points to octets that never change.
unsafe impl Sync for StaticOid {}
static MECH_OID: StaticOid = StaticOid(Oid {
    length: MECH.len() as u32,
    elements: MECH.as_ptr().cast(),
});

fn file_name(path: &Path) -> CString {
    let mut name = b"FILE:".to_vec();
    name.extend(path.as_os_str().as_bytes());
    CString::new(name).expect("a path holds no NUL")
}

/// MIT krb5, in one of two settings.
pub struct Mit {
    library: &'static Library5,
    in_memory: bool,
}

impl Mit {
    /// As a server or client finds it: keytab and credential cache are files, and so is the
    /// replay cache.
    pub fn with_files(library: &'static Library5) -> Self {
        Self {
            library,
            in_memory: false,
        }
    }

    /// At its fastest: a keytab and a credential cache in memory, and no replay cache.
    pub fn in_memory(library: &'static Library5) -> Self {
        Self {
            library,
            in_memory: true,
        }
    }
}

impl Peer for Mit {
    fn name(&self) -> &'static str {
        match self.in_memory {
            false => "MIT",
            true => "MIT-memory",
        }
    }

    fn allocates_here(&self) -> bool {
        false
    }

    fn acceptor<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        let library = self.library;
        let mut name = library.service_name()?;
        let credential = if self.in_memory {
            let keytab = library.memory_keytab(&realm.keytab)?;
            library.acquire(name, ACCEPT, &[(c"keytab", &keytab), (c"rcache", c"none:")])
        } else {
            // An empty replay cache: MIT's default one is this file.
            // SAFETY: it only tells a number.
            let user = unsafe { libc::geteuid() };
            let _ = std::fs::remove_file(realm.dir().join(format!("krb5_{user}.rcache2")));
            let keytab = file_name(&realm.keytab);
            library.acquire(name, ACCEPT, &[(c"keytab", &keytab)])
        };
        let mut minor = 0;
        // SAFETY: the name is the library's and released once.
        unsafe { (library.gss.gss_release_name)(&mut minor, &mut name) };
        Ok(Box::new(MitAcceptor(Credential {
            library,
            handle: credential?,
        })))
    }

    fn acceptor_with_file2<'a>(
        &'a self,
        realm: &'a Realm,
    ) -> Result<Box<dyn Acceptor + 'a>, Reason> {
        match self.in_memory {
            // It is the default.
            false => self.acceptor(realm),
            true => Err("it is measured without a replay cache".into()),
        }
    }

    fn file2<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn ReplayFile + 'a>, Reason> {
        match self.in_memory {
            false => Ok(Box::new(rcache::MitReplayFile::open(self.library, realm)?)),
            true => Err("it is measured without a replay cache".into()),
        }
    }

    fn initiator<'a>(
        &'a self,
        _realm: &'a Realm,
        case: &'a Case,
    ) -> Result<Box<dyn Initiator + 'a>, Reason> {
        let library = self.library;
        let ccache = match self.in_memory {
            true => library.memory_ccache(&case.ccache)?,
            false => file_name(&case.ccache),
        };
        let handle = library.acquire(null_mut(), INITIATE, &[(c"ccache", &ccache)])?;
        let credential = Credential { library, handle };
        // Otherwise the acceptor raises the context's key to the strongest enctype that both have.
        let (mut minor, enctype) = (0, case.enctype.0);
        // SAFETY: the pointers are to live values, and the array has one element.
        let major = unsafe {
            (library.gss.gss_krb5_set_allowable_enctypes)(&mut minor, handle, 1, &enctype)
        };
        if major != 0 {
            return Err(library.explain("gss_krb5_set_allowable_enctypes", major, minor));
        }
        Ok(Box::new(MitInitiator {
            name: library.service_name()?,
            credential,
        }))
    }

    fn kdc<'a>(&'a self, realm: &'a Realm) -> Result<Box<dyn Kdc + 'a>, Reason> {
        match self.in_memory {
            false => Ok(Box::new(Krb5Kdc::start(realm)?)),
            true => Err("krb5kdc keeps its database in a file".into()),
        }
    }
}

struct Credential {
    library: &'static Library5,
    handle: Handle,
}

impl Drop for Credential {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the credential is the library's and released once.
        unsafe { (self.library.gss.gss_release_cred)(&mut minor, &mut self.handle) };
    }
}

struct MitAcceptor(Credential);

impl MitAcceptor {
    /// The context, the client's name and the reply.
    fn step(&self, token: &[u8]) -> Result<(MitContext, Handle, Buffer), String> {
        let library = self.0.library;
        let (mut minor, mut context, mut client) = (0, null_mut(), null_mut());
        let mut reply = Buffer::EMPTY;
        let token = Buffer::of(token);
        // SAFETY: all pointers are to live values or null where that is allowed.
        let major = unsafe {
            (library.gss.gss_accept_sec_context)(
                &mut minor,
                &mut context,
                self.0.handle,
                &token,
                null(),
                &mut client,
                null_mut(),
                &mut reply,
                null_mut(),
                null_mut(),
                null_mut(),
            )
        };
        let context = MitContext { library, context };
        match major {
            0 => Ok((context, client, reply)),
            _ => {
                library.release(&mut reply);
                Err(library.explain("gss_accept_sec_context", major, minor))
            }
        }
    }
}

impl Acceptor for MitAcceptor {
    fn accept_all(&mut self, tokens: &[Vec<u8>]) {
        let library = self.0.library;
        for token in tokens {
            let (_context, mut client, mut reply) = self.step(token).expect("MIT krb5 accepts");
            let mut minor = 0;
            // SAFETY: the name is the library's and released once.
            unsafe { (library.gss.gss_release_name)(&mut minor, &mut client) };
            library.release(&mut reply);
        }
    }

    fn accept(&mut self, token: &[u8]) -> Result<Accepted, String> {
        let library = self.0.library;
        let (context, mut client, reply) = self.step(token)?;
        let reply = library.take(reply);
        let (mut minor, mut text) = (0, Buffer::EMPTY);
        let (mut value, mut display) = (Buffer::EMPTY, Buffer::EMPTY);
        let (mut authenticated, mut complete, mut more) = (0, 0, -1);
        let attribute = Buffer::of(b"urn:mspac:");
        // SAFETY: all pointers are to live values; the name is the library's and released once.
        let pac = unsafe {
            (library.gss.gss_display_name)(&mut minor, client, &mut text, null_mut());
            let major = (library.gss.gss_get_name_attribute)(
                &mut minor,
                client,
                &attribute,
                &mut authenticated,
                &mut complete,
                &mut value,
                &mut display,
                &mut more,
            );
            (library.gss.gss_release_name)(&mut minor, &mut client);
            major == 0 && authenticated != 0
        };
        library.release(&mut value);
        library.release(&mut display);
        Ok(Accepted {
            client: String::from_utf8_lossy(&library.take(text)).into_owned(),
            pac,
            enctype: None,
            reply,
            context: Box::new(context),
        })
    }
}

struct MitInitiator {
    credential: Credential,
    name: Handle,
}

impl MitInitiator {
    fn step(&self) -> (MitContext, Buffer) {
        let library = self.credential.library;
        let mut context = null_mut();
        let (token, complete) = init_step(
            library,
            self.credential.handle,
            self.name,
            &mut context,
            &Buffer::EMPTY,
        )
        .expect("MIT krb5 makes a token");
        assert!(!complete, "mutual authentication waits for a reply");
        (MitContext { library, context }, token)
    }
}

/// The token, and whether the context is established.
fn init_step(
    library: &Library5,
    credential: Handle,
    name: Handle,
    context: &mut Handle,
    input: &Buffer,
) -> Result<(Buffer, bool), String> {
    let (mut minor, mut token) = (0, Buffer::EMPTY);
    // SAFETY: all pointers are to live values or null where that is allowed.
    let major = unsafe {
        (library.gss.gss_init_sec_context)(
            &mut minor,
            credential,
            context,
            name,
            &MECH_OID.0,
            FLAGS,
            0,
            null(),
            input,
            null_mut(),
            &mut token,
            null_mut(),
            null_mut(),
        )
    };
    match major {
        0 => Ok((token, true)),
        CONTINUE_NEEDED => Ok((token, false)),
        _ => Err(library.explain("gss_init_sec_context", major, minor)),
    }
}

impl Initiator for MitInitiator {
    fn initiate_all(&mut self, count: usize) {
        for _ in 0..count {
            let (_context, mut token) = self.step();
            self.credential.library.release(&mut token);
        }
    }

    fn initiate(&mut self) -> (Vec<u8>, Box<dyn Started>) {
        let library = self.credential.library;
        let (context, token) = self.step();
        let name = library.service_name().expect("a name");
        (library.take(token), Box::new(MitStarted { context, name }))
    }
}

impl Drop for MitInitiator {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the name is the library's and released once.
        unsafe { (self.credential.library.gss.gss_release_name)(&mut minor, &mut self.name) };
    }
}

struct MitStarted {
    context: MitContext,
    name: Handle,
}

impl Started for MitStarted {
    fn finish(mut self: Box<Self>, reply: &[u8]) -> Result<Box<dyn Context>, String> {
        let library = self.context.library;
        // The credential is not looked at again once there is a context.
        let step = init_step(
            library,
            null_mut(),
            self.name,
            &mut self.context.context,
            &Buffer::of(reply),
        );
        let mut minor = 0;
        // SAFETY: the name is the library's and released once.
        unsafe { (library.gss.gss_release_name)(&mut minor, &mut self.name) };
        let (mut token, complete) = step?;
        library.release(&mut token);
        match complete {
            true => Ok(Box::new(self.context)),
            false => Err("MIT krb5 wants another token".into()),
        }
    }
}

struct MitContext {
    library: &'static Library5,
    context: Handle,
}

impl MitContext {
    fn seal(&mut self, message: &[u8]) -> Buffer {
        let (mut minor, mut confidential, mut token) = (0, 0, Buffer::EMPTY);
        let message = Buffer::of(message);
        // SAFETY: all pointers are to live values.
        let major = unsafe {
            (self.library.gss.gss_wrap)(
                &mut minor,
                self.context,
                1,
                0,
                &message,
                &mut confidential,
                &mut token,
            )
        };
        assert!(
            major == 0 && confidential != 0,
            "{}",
            self.library.explain("gss_wrap", major, minor)
        );
        token
    }

    fn open(&mut self, token: &[u8]) -> Result<Buffer, String> {
        let (mut minor, mut confidential, mut message) = (0, 0, Buffer::EMPTY);
        let token = Buffer::of(token);
        // SAFETY: all pointers are to live values.
        let major = unsafe {
            (self.library.gss.gss_unwrap)(
                &mut minor,
                self.context,
                &token,
                &mut message,
                &mut confidential,
                null_mut(),
            )
        };
        match major {
            0 if confidential != 0 => Ok(message),
            // Out of order or repeated is no success here.
            _ => Err(self.library.explain("gss_unwrap", major, minor)),
        }
    }

    fn seal_in_place(&mut self, token: &mut [u8], before: usize, behind: usize) {
        let (header, rest) = token.split_at_mut(before);
        let (message, trailer) = rest.split_at_mut(rest.len() - behind);
        let mut parts = [
            Iov::new(HEADER, header),
            Iov::new(DATA, message),
            Iov::new(PADDING, &mut []),
            Iov::new(TRAILER, trailer),
        ];
        let (mut minor, mut confidential) = (0, 0);
        // SAFETY: the pointers are to live values, and the array has four elements.
        let major = unsafe {
            (self.library.gss.gss_wrap_iov)(
                &mut minor,
                self.context,
                1,
                0,
                &mut confidential,
                parts.as_mut_ptr(),
                4,
            )
        };
        assert!(
            major == 0 && confidential != 0,
            "{}",
            self.library.explain("gss_wrap_iov", major, minor)
        );
    }
}

impl Context for MitContext {
    fn wrap_all(&mut self, message: &[u8], count: usize) {
        for _ in 0..count {
            let mut token = self.seal(message);
            self.library.release(&mut token);
        }
    }

    fn wrap(&mut self, message: &[u8]) -> Vec<u8> {
        let token = self.seal(message);
        self.library.take(token)
    }

    fn unwrap_all(&mut self, tokens: &[Vec<u8>]) {
        for token in tokens {
            let mut message = self.open(token).expect("MIT krb5 unwraps");
            self.library.release(&mut message);
        }
    }

    fn unwrap(&mut self, token: &[u8]) -> Result<Vec<u8>, String> {
        let message = self.open(token)?;
        Ok(self.library.take(message))
    }

    fn room(&mut self, message: usize) -> Result<(usize, usize), Reason> {
        let mut parts = [
            Iov::new(HEADER, &mut []),
            Iov {
                kind: DATA,
                buffer: Buffer {
                    length: message,
                    value: null_mut(),
                },
            },
            Iov::new(PADDING, &mut []),
            Iov::new(TRAILER, &mut []),
        ];
        let (mut minor, mut confidential) = (0, 0);
        // SAFETY: the pointers are to live values, and the array has four elements; the data is
        // not looked at.
        let major = unsafe {
            (self.library.gss.gss_wrap_iov_length)(
                &mut minor,
                self.context,
                1,
                0,
                &mut confidential,
                parts.as_mut_ptr(),
                4,
            )
        };
        let [header, _, padding, trailer] = parts.map(|part| part.buffer.length);
        match major {
            0 => Ok((header, padding + trailer)),
            _ => Err(self.library.explain("gss_wrap_iov_length", major, minor)),
        }
    }

    fn wrap_in_place(&mut self, token: &mut [u8]) {
        let (before, behind) = self.room(0).expect("MIT krb5 wraps in place");
        self.seal_in_place(token, before, behind);
    }

    fn wrap_in_place_all(&mut self, token: &mut [u8], count: usize) {
        // It does not depend on the message for the enctypes that are here.
        let (before, behind) = self.room(0).expect("MIT krb5 wraps in place");
        for _ in 0..count {
            self.seal_in_place(token, before, behind);
        }
    }

    fn unwrap_in_place(&mut self, token: &mut [u8]) -> Result<Range<usize>, String> {
        let start = token.as_ptr().addr();
        let mut parts = [Iov::new(STREAM, token), Iov::new(DATA, &mut [])];
        let (mut minor, mut confidential) = (0, 0);
        // SAFETY: the pointers are to live values, and the array has two elements.
        let major = unsafe {
            (self.library.gss.gss_unwrap_iov)(
                &mut minor,
                self.context,
                &mut confidential,
                null_mut(),
                parts.as_mut_ptr(),
                2,
            )
        };
        match major {
            0 if confidential != 0 => {
                let [_, message] = parts;
                let start = message.buffer.value.addr() - start;
                Ok(start..start + message.buffer.length)
            }
            _ => Err(self.library.explain("gss_unwrap_iov", major, minor)),
        }
    }

    fn unwrap_in_place_all(&mut self, tokens: &mut [Vec<u8>]) {
        for token in tokens {
            self.unwrap_in_place(token).expect("MIT krb5 unwraps");
        }
    }

    fn into_stream(self: Box<Self>, pipe: Pipe) -> Box<dyn Stream> {
        Box::new(Framed::new(self, pipe))
    }
}

impl Drop for MitContext {
    fn drop(&mut self) {
        let mut minor = 0;
        // SAFETY: the context is the library's, or null, and deleted once.
        unsafe {
            (self.library.gss.gss_delete_sec_context)(&mut minor, &mut self.context, null_mut());
        }
    }
}
