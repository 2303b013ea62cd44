use super::*;
use crate::transform::tests::hex;

fn master(profile: Profile) -> MasterKey {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"));
    MasterKey::new(&*provider, profile, &key, &salt).unwrap()
}

/// RFC 3711, appendix B.3. The authentication key of the example is longer than that of any profile.
#[test]
fn rfc_3711_b3() {
    let master = master(Profile::Aes128CmSha1_80);
    let keys = master.session_keys(Use::Rtp);
    assert_eq!(keys.cipher_key[..], hex("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(keys.salt[..], hex("30cbbc08863d8c85d49db34a9ae1"));
    assert_eq!(keys.auth_key[..], hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
    let mut long = [0; 94];
    master.derive(1, &mut long);
    let expected = hex(
        "cebe321f6ff7716b6fd4ab49af256a15 6d38baa48f0a0acf3c34e2359e6cdbce e049646c43d9327ad175578ef7227098
         6371c10c9a369ac2f94a8c5fbcdddc25 6d6e919a48b610ef17c2041e47403576 6b68642c59bbfc2f34db60dbdfb2",
    );
    assert_eq!(long[..], expected);
}

/// RFC 6188, section 7.2: the pseudorandom function with AES-256. The profiles that need it have GCM, but the function is
/// the same.
#[test]
fn rfc_6188_7_2() {
    let provider = drywire_crypto_aws_lc::provider();
    let key = hex("f0f04914b513f2763a1b1fa130f10e29 98f6f6e43e4309d1e622a0e332b9f1b6");
    let salt = hex("3b04803de51ee7c96423ab5b78d2");
    let keys = MasterKey::with_key_of_any_length(&*provider, &key, &salt).unwrap().session_keys(Use::Rtp);
    assert_eq!(keys.cipher_key[..], hex("5ba1064e30ec51613cad926c5a28ef731ec7fb397f70a960653caf06554cd8c4"));
    assert_eq!(keys.salt[..], hex("fa31791685ca444a9e07c6c64e93"));
    assert_eq!(keys.auth_key[..], hex("fd9c32d39ed5fbb5a9dc96b30818454d1313dc05"));
}

/// The same master key and salt with the labels of SRTCP.
#[test]
fn labels_of_srtcp() {
    let keys = master(Profile::Aes128CmSha1_32).session_keys(Use::Rtcp);
    assert_eq!(keys.cipher_key[..], hex("4c1aa45a81f73d61c800bbb00fbb1eaa"));
    assert_eq!(keys.auth_key[..], hex("8d54534feb49ae8e7993a6bd0b844fc323a93dfd"));
    assert_eq!(keys.salt[..], hex("9581c7ad87b3e530bf3e4454a8b3"));
}

#[test]
fn lengths_are_checked() {
    let provider = drywire_crypto_aws_lc::provider();
    for profile in Profile::ALL {
        for (key, salt) in [(15, 14), (16, 13), (17, 12), (0, 0), (16, 0), (32, 14), (31, 12)] {
            let keys = MasterKey::new(&*provider, profile, &vec![0; key], &vec![0; salt]);
            assert_eq!(keys.err(), Some(KeyError::Length));
        }
    }
}
