//! MIT krb5's replay cache alone: what its `krb5_rd_req` calls for each request.

use std::ffi::{CString, c_char};
use std::ptr::null_mut;

use libloading::Library;
use orthros::crypto::Enctype;

use super::{Handle, Library5};
use crate::peers::{Reason, ReplayFile};
use crate::realm::Realm;

/// krb5_data.
#[repr(C)]
struct Data {
    magic: i32,
    length: u32,
    data: *const u8,
}

/// krb5_enc_data.
#[repr(C)]
struct EncData {
    magic: i32,
    enctype: i32,
    kvno: u32,
    ciphertext: Data,
}

functions! { Rcache {
    k5_rc_close(Handle, Handle) -> ();
    k5_rc_resolve(Handle, *const c_char, *mut Handle) -> i32;
    k5_rc_store(Handle, Handle, *const EncData) -> i32;
}}

/// A replay cache of type `file2`.
pub(super) struct MitReplayFile {
    library: &'static Library5,
    functions: Rcache,
    handle: Handle,
}

impl MitReplayFile {
    pub(super) fn open(library: &'static Library5, realm: &Realm) -> Result<Self, Reason> {
        // SAFETY: it is loaded already.
        let loaded = unsafe { Library::new("libkrb5.so.3") };
        let loaded = &*Box::leak(Box::new(loaded.map_err(|e| e.to_string())?));
        // SAFETY: the types are those of MIT's `k5-int.h`. They are not part of its API, but have
        // not changed since the format `file2` came.
        let functions = unsafe { Rcache::load(loaded) };
        let functions = functions.map_err(|e| format!("this MIT krb5 lacks a function ({e})"))?;
        let path = realm.dir().join("mit.rcache2");
        let _ = std::fs::remove_file(&path);
        let name = CString::new(format!("file2:{}", path.display())).expect("no NUL");
        let mut handle = null_mut();
        // SAFETY: all pointers are to live values.
        let code =
            unsafe { (functions.k5_rc_resolve)(library.context, name.as_ptr(), &mut handle) };
        match code {
            0 => Ok(Self {
                library,
                functions,
                handle,
            }),
            code => Err(format!("k5_rc_resolve: error {code}")),
        }
    }
}

impl ReplayFile for MitReplayFile {
    fn remember_all(&mut self, sealed: &[Vec<u8>]) {
        for sealed in sealed {
            let sealed = EncData {
                magic: 0,
                enctype: Enctype::AES256_CTS_HMAC_SHA1_96.0,
                kvno: 0,
                ciphertext: Data {
                    magic: 0,
                    length: sealed.len() as u32,
                    data: sealed.as_ptr(),
                },
            };
            // SAFETY: the handle is open; the structure is the library's and lives long enough.
            let code =
                unsafe { (self.functions.k5_rc_store)(self.library.context, self.handle, &sealed) };
            assert_eq!(code, 0, "MIT krb5 takes the request for a replay");
        }
    }
}

impl Drop for MitReplayFile {
    fn drop(&mut self) {
        // SAFETY: the handle is open and closed once.
        unsafe { (self.functions.k5_rc_close)(self.library.context, self.handle) };
    }
}
