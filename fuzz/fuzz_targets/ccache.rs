//! A credential cache: what parses, is written and parsed again is the same, and no error shows a
//! key.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::ccache::CredentialCache;
use orthros::crypto::DEFAULT_ENCTYPES;
use orthros_fuzz::recorded::{NOW, SESSION, service};
use orthros_fuzz::{bounded, hides, refused};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let lossy = CredentialCache::parse_lossy(input, "FILE:fuzz");
    if let Err(error) = CredentialCache::parse(input, "FILE:fuzz") {
        refused(&error, &[&SESSION]);
    }
    let Ok((mut cache, _)) = lossy else {
        return;
    };
    hides(&format!("{cache:?}"), &[&SESSION]);

    if let Ok(written) = cache.to_bytes() {
        let again = CredentialCache::parse(written.expose(), "FILE:again").expect("what we write");
        assert_eq!(
            again.to_bytes().expect("once more").expose(),
            written.expose()
        );
        assert_eq!(again.default_principal(), cache.default_principal());
        assert_eq!(again.credentials().count(), cache.credentials().count());
        assert_eq!(again.kdc_offset(), cache.kdc_offset());
    }

    let _ = cache.find(&service(), NOW, DEFAULT_ENCTYPES);
    let _ = cache.tgt(NOW, DEFAULT_ENCTYPES);
    for entry in cache.config_entries() {
        std::hint::black_box(format!("{entry:?}"));
    }
    for credential in cache.credentials() {
        let _ = credential.is_current(NOW);
        if let Err(error) = cache.to_credentials(credential) {
            refused(&error, &[&SESSION]);
        }
    }
    let before = cache.credentials().count();
    cache
        .set_config("fuzz", None, b"value")
        .expect("a short value");
    assert_eq!(cache.config("fuzz", None), Some(&b"value"[..]));
    assert!(cache.remove_config("fuzz", None));
    assert_eq!(cache.credentials().count(), before);
}));
