//! Names of GSS-API: the first octet says of which type the others are. What is imported is exported,
//! and that imported again is the same name.
#![no_main]

use libfuzzer_sys::fuzz_target;
use orthros::gss::{ExportedName, GssNameType, Locality, Name};
use orthros_fuzz::{bounded, pick, refused, say};

fuzz_target!(|input: &[u8]| bounded(input, |input| {
    let Some((name_type, octets)) = pick(&GssNameType::ALL, input) else {
        return;
    };
    let user = |uid: u32| (uid < 1000).then(|| format!("user{uid}"));
    let local = Locality::of_realm("EXAMPLE.TEST")
        .host("here")
        .user_of_uid(&user);
    let name = match Name::import(name_type, octets) {
        Ok(name) => name,
        Err(bad) => {
            say(&bad);
            refused(&bad.into(), &[]);
            return;
        }
    };
    assert_eq!(name.name_type(), name_type);
    std::hint::black_box((name.to_string(), format!("{name:?}")));
    if let Name::Exported(exported) = &name {
        let again = ExportedName::from_bytes(&exported.to_bytes()).expect("what we write");
        assert_eq!(again.principal(), exported.principal());
        assert_eq!(again.attributes(), exported.attributes());
    }
    match name.canonicalize(&local) {
        Ok(principal) => {
            let exported = principal.export_name();
            let again = ExportedName::from_bytes(&exported).expect("what we export");
            assert_eq!(again.principal(), &principal);
            assert_eq!(again.to_bytes(), exported);
            std::hint::black_box(principal.gss_name_type());
        }
        Err(bad) => say(&bad),
    }
}));
