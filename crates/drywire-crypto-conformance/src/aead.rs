use drywire_crypto::{AeadAlgorithm, Provider, TAG_LEN};

use crate::hex;

/// Every authenticated cipher.
pub(crate) const ALL: [AeadAlgorithm; 3] =
    [AeadAlgorithm::Aes128Gcm, AeadAlgorithm::Aes256Gcm, AeadAlgorithm::ChaCha20Poly1305];

struct Vector {
    algorithm: AeadAlgorithm,
    key: &'static str,
    nonce: &'static str,
    aad: &'static str,
    plaintext: &'static str,
    ciphertext: &'static str,
    tag: &'static str,
}

const PLAINTEXT: &str = "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525b16aedf5aa0de657ba637b39";

const VECTORS: &[Vector] = &[
    // The specification of GCM that NIST adopted, cases 1, 4, 13 and 16.
    Vector {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "00000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "",
        ciphertext: "",
        tag: "58e2fccefa7e3061367f1d57a4e7455a",
    },
    Vector {
        algorithm: AeadAlgorithm::Aes128Gcm,
        key: "feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: PLAINTEXT,
        ciphertext: "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84aa051ba30b396a0aac973d58e091",
        tag: "5bc94fbc3221a5db94fae95ae7121a47",
    },
    Vector {
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "0000000000000000000000000000000000000000000000000000000000000000",
        nonce: "000000000000000000000000",
        aad: "",
        plaintext: "",
        ciphertext: "",
        tag: "530f8afbc74536b9a963b4f1c4cb738b",
    },
    Vector {
        algorithm: AeadAlgorithm::Aes256Gcm,
        key: "feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308",
        nonce: "cafebabefacedbaddecaf888",
        aad: "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        plaintext: PLAINTEXT,
        ciphertext: "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838c5f61e6393ba7a0abcc9f662",
        tag: "76fc6ece0f4e1768cddf8853bb2d551b",
    },
    // RFC 8439, section 2.8.2.
    Vector {
        algorithm: AeadAlgorithm::ChaCha20Poly1305,
        key: "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f",
        nonce: "070000004041424344454647",
        aad: "50515253c0c1c2c3c4c5c6c7",
        plaintext: "4c616469657320616e642047656e746c656d656e206f662074686520636c617373206f66202739393a204966204920636f756c64206f6666657220796f75206f6e6c79206f6e652074697020666f7220746865206675747572652c2073756e73637265656e20776f756c642062652069742e",
        ciphertext: "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da92728b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831d7bc3ff4def08e4b7a9de576d26586cec64b6116",
        tag: "1ae10b594f09e26a7e902ecbd0600691",
    },
];

/// Authenticated encryption: the vectors of GCM and of RFC 8439, every changed bit, wrong lengths.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn aead(provider: &dyn Provider) {
    for vector in VECTORS {
        let key = provider.aead_key(vector.algorithm, &hex(vector.key)).expect("a key of the right length");
        let nonce = hex(vector.nonce).try_into().expect("twelve bytes");
        let (aad, plaintext) = (hex(vector.aad), hex(vector.plaintext));
        let mut buffer = plaintext.clone();
        let tag = key.seal(&nonce, &aad, &mut buffer).expect("a packet");
        assert_eq!(buffer, hex(vector.ciphertext), "{:?}", vector.algorithm);
        assert_eq!(tag.to_vec(), hex(vector.tag), "{:?}", vector.algorithm);
        buffer.extend_from_slice(&tag);
        assert_eq!(key.open(&nonce, &aad, &mut buffer), Ok(plaintext.len()));
        assert_eq!(&buffer[..plaintext.len()], plaintext);
    }
    for algorithm in ALL {
        for len in 0..=40 {
            let fits = provider.aead_key(algorithm, &vec![1; len]).is_ok();
            assert_eq!(fits, len == algorithm.key_len(), "{algorithm:?} with a key of {len} bytes");
        }
        refuses(provider, algorithm);
    }
}

fn refuses(provider: &dyn Provider, algorithm: AeadAlgorithm) {
    let key = provider.aead_key(algorithm, &vec![7; algorithm.key_len()]).expect("a key of the right length");
    for len in [0, 1, 15, 16, 17, 31, 64, 255, 1200, 1500, 16_384] {
        let plaintext: Vec<u8> = (0..=255).cycle().take(len).collect();
        let mut sealed = plaintext.clone();
        let tag = key.seal(&[1; 12], b"aad", &mut sealed).expect("a packet");
        sealed.extend_from_slice(&tag);
        let bits = sealed.len() * 8;
        // Every bit of what is short; of what is long, some of the body and all of the tag.
        for bit in (0..bits).filter(|bit| len < 64 || bit % 1013 == 0 || *bit >= bits - TAG_LEN * 8) {
            let mut changed = sealed.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(key.open(&[1; 12], b"aad", &mut changed).is_err(), "{algorithm:?}: bit {bit} of {bits}");
        }
        assert!(
            key.open(&[1; 12], b"abd", &mut sealed.clone()).is_err(),
            "{algorithm:?}: changed additional data"
        );
        assert!(key.open(&[1; 12], b"", &mut sealed.clone()).is_err(), "{algorithm:?}: no additional data");
        assert!(key.open(&[2; 12], b"aad", &mut sealed.clone()).is_err(), "{algorithm:?}: another nonce");
        let cut = sealed.len() - 1;
        assert!(key.open(&[1; 12], b"aad", &mut sealed[..cut].to_vec()).is_err(), "{algorithm:?}: cut off");
        assert_eq!(key.open(&[1; 12], b"aad", &mut sealed), Ok(len));
        assert_eq!(&sealed[..len], plaintext);
    }
    for len in 0..TAG_LEN {
        assert!(
            key.open(&[1; 12], b"", &mut vec![0; len]).is_err(),
            "{algorithm:?}: {len} bytes hold no tag"
        );
    }
}
