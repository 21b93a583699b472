//! GSS_Pseudo_random. The expected values are those of RFC 7802, Appendix A.

use super::unhex;
use crate::crypto::{Enctype, Key};
use crate::gss::prf::pseudo_random;

const INPUT: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz123456789";

/// Enctype, key, input, output.
const VECTORS: &[(Enctype, &str, &[u8], &str)] = &[
    #[cfg(feature = "legacy")]
    (
        Enctype::RC4_HMAC,
        "3BB3AE288C12B3B9D06B208A4151B3B6",
        b"",
        "9AEA11A3BCF3C53F1F91F5A0BA2132E2501ADF5F3C28\
         3C8A983AB88757CE865A22132D6100EAD63E9E291AFA",
    ),
    #[cfg(feature = "legacy")]
    (
        Enctype::RC4_HMAC,
        "6DB7B33A01BD2B72F7655CB7B3D5FA0B",
        INPUT,
        "CDA9A544869FC84873B692663A82AFDA101C8611498B\
         A46138B01E927C9B95EEC953B562807434037837DDDF",
    ),
    (
        Enctype::AES128_CTS_HMAC_SHA1_96,
        "6C742096EB896230312B73972FA28B5D",
        b"",
        "94208D982FC1BB7778128BDD77904420B45C9DA699F3\
         117BCE66E39602128EF0296611A6D191A5828530F20F",
    ),
    (
        Enctype::AES128_CTS_HMAC_SHA1_96,
        "FA61138C109D834A477D24C7311BE6DA",
        INPUT,
        "0FAEDF0F842CC834FEE750487E1B622739286B975FE5\
         B7F45AB053143C75CA0DF5D3D4BBB80F6A616C7C9027",
    ),
    (
        Enctype::AES256_CTS_HMAC_SHA1_96,
        "08FCDAFD5832611B73BA7B497FEBFF8C954B4B58031CAD9B977C3B8C25192FD6",
        b"",
        "E627EFC14EF5B6D629F830C7109DEA0D3D7D36E8CD57\
         A1F301C5452494A1928F05AFFBEE3360232209D3BE0D",
    ),
    (
        Enctype::AES256_CTS_HMAC_SHA1_96,
        "F5B68B7823D8944F33F41541B4E4D38C9B2934F8D16334A796645B066152B4BE",
        INPUT,
        "112F2B2D878590653CCC7DE278E9F0AA46FA5A380B62\
         59F774CB7C134FCD37F61A50FD0D9F89BF8FE1A6B593",
    ),
];

#[test]
fn gss_62_prf_counts_from_zero() {
    for (enctype, key, input, expected) in VECTORS {
        let key = Key::new(*enctype, &unhex(key)).unwrap();
        let expected = unhex(expected);
        for len in [0, 1, 15, 16, 17, 44] {
            let output = pseudo_random(&key, input, len).unwrap();
            assert_eq!(output.expose(), &expected[..len]);
        }
    }
}
