use super::*;
use crate::transform::tests::hex;

fn master(profile: Profile) -> MasterKey {
    let provider = drywire_crypto_aws_lc::provider();
    let (key, salt) = (hex("e1f97a0d3e018be0d64fa32c06de4139"), hex("0ec675ad498afeebb6960b3aabe6"));
    MasterKey::new(&*provider, profile, &key, &salt).unwrap()
}

/// RFC 3711, appendix B.3.
#[test]
fn rfc_3711_b3() {
    let keys = master(Profile::Aes128CmSha1_80).session_keys(Use::Rtp);
    assert_eq!(keys.cipher_key[..], hex("c61e7a93744f39ee10734afe3ff7a087"));
    assert_eq!(keys.salt[..], hex("30cbbc08863d8c85d49db34a9ae1"));
    assert_eq!(keys.auth_key[..], hex("cebe321f6ff7716b6fd4ab49af256a156d38baa4"));
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
