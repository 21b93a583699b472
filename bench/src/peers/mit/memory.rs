//! What MIT krb5 keeps in memory instead of in files.

use std::ffi::CString;
use std::path::Path;
use std::ptr::null_mut;

use super::{KeytabEntry, Library5, file_name};

impl Library5 {
    /// Copies a keytab into one in memory. The handles are kept, for with the last of them the
    /// keytab goes.
    pub(super) fn memory_keytab(&self, from: &Path) -> Result<CString, String> {
        let name = c"MEMORY:orthros-bench".to_owned();
        let krb5 = &self.krb5;
        let done = |what: &str, code: i32| match code {
            0 => Ok(()),
            code => Err(format!("{what}: error {code}")),
        };
        let source = file_name(from);
        let (mut file, mut memory, mut cursor) = (null_mut(), null_mut(), null_mut());
        // SAFETY: all pointers are to live values; KeytabEntry is the library's structure, which
        // is filled before it is read.
        unsafe {
            done(
                "krb5_kt_resolve",
                (krb5.krb5_kt_resolve)(self.context, source.as_ptr(), &mut file),
            )?;
            done(
                "krb5_kt_resolve",
                (krb5.krb5_kt_resolve)(self.context, name.as_ptr(), &mut memory),
            )?;
            done(
                "krb5_kt_start_seq_get",
                (krb5.krb5_kt_start_seq_get)(self.context, file, &mut cursor),
            )?;
            let mut entry: KeytabEntry = std::mem::zeroed();
            let mut entries = 0;
            while (krb5.krb5_kt_next_entry)(self.context, file, &mut entry, &mut cursor) == 0 {
                let code = (krb5.krb5_kt_add_entry)(self.context, memory, &mut entry);
                done("krb5_kt_add_entry", code)?;
                entries += 1;
            }
            (krb5.krb5_kt_end_seq_get)(self.context, file, &mut cursor);
            match entries {
                0 => Err("MIT krb5 finds no entry in the keytab".into()),
                _ => Ok(name),
            }
        }
    }

    /// Copies a credential cache into one in memory.
    pub(super) fn memory_ccache(&self, from: &Path) -> Result<CString, String> {
        let base = from.file_name().unwrap_or_default().to_string_lossy();
        let name = CString::new(format!("MEMORY:orthros-bench-{base}")).expect("no NUL");
        let krb5 = &self.krb5;
        let done = |what: &str, code: i32| match code {
            0 => Ok(()),
            code => Err(format!("{what}: error {code}")),
        };
        let source = file_name(from);
        let (mut file, mut memory, mut principal) = (null_mut(), null_mut(), null_mut());
        // SAFETY: all pointers are to live values; the handles are the library's and used while
        // they are open.
        unsafe {
            done(
                "krb5_cc_resolve",
                (krb5.krb5_cc_resolve)(self.context, source.as_ptr(), &mut file),
            )?;
            done(
                "krb5_cc_resolve",
                (krb5.krb5_cc_resolve)(self.context, name.as_ptr(), &mut memory),
            )?;
            done(
                "krb5_cc_get_principal",
                (krb5.krb5_cc_get_principal)(self.context, file, &mut principal),
            )?;
            done(
                "krb5_cc_initialize",
                (krb5.krb5_cc_initialize)(self.context, memory, principal),
            )?;
            done(
                "krb5_cc_copy_creds",
                (krb5.krb5_cc_copy_creds)(self.context, file, memory),
            )?;
        }
        Ok(name)
    }
}
