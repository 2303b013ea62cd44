use drywire_crypto::{HashAlgorithm, Provider, hkdf};

use crate::hash::ALL;
use crate::hex;

/// HKDF over the provider's HMAC: RFC 5869, and the key schedule of TLS 1.3 as RFC 8448 traces it.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn hkdf(provider: &dyn Provider) {
    rfc_5869(provider);
    rfc_8448(provider);
    for algorithm in ALL {
        let longest = 255 * algorithm.output_len();
        let key = provider.hmac_key(algorithm, b"key");
        assert!(hkdf::expand(&*key, &[], &mut vec![0; longest]).is_ok());
        assert!(hkdf::expand(&*key, &[], &mut vec![0; longest + 1]).is_err(), "more than 255 blocks");
    }
}

/// A hash function, secret, salt, info, and what Extract and Expand give.
type Case = (HashAlgorithm, Vec<u8>, Vec<u8>, Vec<u8>, &'static str, &'static str);

fn rfc_5869(provider: &dyn Provider) {
    let bytes = |from: u8, to: u8| (from..=to).collect::<Vec<u8>>();
    // Appendix A: 1 to 3 with SHA-256, 4 to 7 with SHA-1.
    let cases: [Case; 7] = [
        (
            HashAlgorithm::Sha256,
            vec![0x0b; 22],
            bytes(0, 0x0c),
            bytes(0xf0, 0xf9),
            "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
            "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
        ),
        (
            HashAlgorithm::Sha256,
            bytes(0, 0x4f),
            bytes(0x60, 0xaf),
            bytes(0xb0, 0xff),
            "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
            "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
        ),
        (
            HashAlgorithm::Sha256,
            vec![0x0b; 22],
            vec![],
            vec![],
            "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
            "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
        ),
        (
            HashAlgorithm::Sha1,
            vec![0x0b; 11],
            bytes(0, 0x0c),
            bytes(0xf0, 0xf9),
            "9b6c18c432a7bf8f0e71c8eb88f4b30baa2ba243",
            "085a01ea1b10f36933068b56efa5ad81a4f14b822f5b091568a9cdd4f155fda2c22e422478d305f3f896",
        ),
        (
            HashAlgorithm::Sha1,
            bytes(0, 0x4f),
            bytes(0x60, 0xaf),
            bytes(0xb0, 0xff),
            "8adae09a2a307059478d309b26c4115a224cfaf6",
            "0bd770a74d1160f7c9f12cd5912a06ebff6adcae899d92191fe4305673ba2ffe8fa3f1a4e5ad79f3f334b3b202b2173c486ea37ce3d397ed034c7f9dfeb15c5e927336d0441f4c4300e2cff0d0900b52d3b4",
        ),
        (
            HashAlgorithm::Sha1,
            vec![0x0b; 22],
            vec![],
            vec![],
            "da8c8a73c7fa77288ec6f5e7c297786aa0d32d01",
            "0ac1af7002b3d761d1e55298da9d0506b9ae52057220a306e07b6b87e8df21d0ea00033de03984d34918",
        ),
        (
            HashAlgorithm::Sha1,
            vec![0x0c; 22],
            vec![],
            vec![],
            "2adccada18779e7c2077ad2eb19d3f3e731385dd",
            "2c91117204d745f3500d636a62f64f0ab3bae548aa53d423b0d1f27ebba6f5e5673a081d70cce7acfc48",
        ),
    ];
    for (algorithm, secret, salt, info, expected_key, expected) in cases {
        let key = hkdf::extract(provider, algorithm, &salt, &secret);
        assert_eq!(key.as_bytes(), hex(expected_key), "HKDF-Extract with {algorithm:?}");
        let expected = hex(expected);
        let key = provider.hmac_key(algorithm, key.as_bytes());
        for parts in [&[&info[..]][..], &[&info[..info.len() / 2], &info[info.len() / 2..]]] {
            let mut out = vec![0; expected.len()];
            hkdf::expand(&*key, parts, &mut out).expect("a length that is allowed");
            assert_eq!(out, expected, "HKDF-Expand with {algorithm:?}");
        }
    }
}

/// HKDF-Expand-Label of TLS 1.3 (RFC 8446, section 7.1).
fn expand_label(provider: &dyn Provider, secret: &[u8], label: &str, context: &[u8], len: u8) -> Vec<u8> {
    let label = format!("tls13 {label}");
    let mut info = vec![0, len, u8::try_from(label.len()).expect("a short label")];
    info.extend_from_slice(label.as_bytes());
    info.push(u8::try_from(context.len()).expect("a short context"));
    info.extend_from_slice(context);
    let mut out = vec![0; usize::from(len)];
    let key = provider.hmac_key(HashAlgorithm::Sha256, secret);
    hkdf::expand(&*key, &[&info], &mut out).expect("a length that is allowed");
    out
}

/// RFC 8448, section 3: the simple handshake.
fn rfc_8448(provider: &dyn Provider) {
    let sha256 = HashAlgorithm::Sha256;
    let early = hkdf::extract(provider, sha256, &[0; 32], &[0; 32]);
    assert_eq!(early.as_bytes(), hex("33ad0a1c607ec03b09e6cd9893680ce210adf300aa1f2660e1b22e10f170f92a"));
    let empty = provider.digest(sha256, &[]);
    let derived = expand_label(provider, early.as_bytes(), "derived", empty.as_bytes(), 32);
    assert_eq!(derived, hex("6f2615a108c702c5678f54fc9dbab69716c076189c48250cebeac3576c3611ba"));

    let shared = hex("8bd4054fb55b9d63fdfbacf9f04b9f0d35e6d63f537563efd46272900f89492d");
    let handshake = hkdf::extract(provider, sha256, &derived, &shared);
    assert_eq!(handshake.as_bytes(), hex("1dc826e93606aa6fdc0aadc12f741b01046aa6b99f691ed221a9f0ca043fbeac"));
    let hellos = hex("860c06edc07858ee8e78f0e7428c58edd6b43f2ca3e6e95f02ed063cf0e1cad8");
    let client = expand_label(provider, handshake.as_bytes(), "c hs traffic", &hellos, 32);
    assert_eq!(client, hex("b3eddb126e067f35a780b3abf45e2d8f3b1a950738f52e9600746a0e27a55a21"));
    let server = expand_label(provider, handshake.as_bytes(), "s hs traffic", &hellos, 32);
    assert_eq!(server, hex("b67b7d690cc16c4e75e54213cb2d37b4e9c912bcded9105d42befd59d391ad38"));
    assert_eq!(expand_label(provider, &server, "key", &[], 16), hex("3fce516009c21727d0f2e4e86ee403bc"));
    assert_eq!(expand_label(provider, &server, "iv", &[], 12), hex("5d313eb2671276ee13000b30"));

    let derived = expand_label(provider, handshake.as_bytes(), "derived", empty.as_bytes(), 32);
    assert_eq!(derived, hex("43de77e0c77713859a944db9db2590b53190a65b3ee2e4f12dd7a0bb7ce254b4"));
    let master = hkdf::extract(provider, sha256, &derived, &[0; 32]);
    assert_eq!(master.as_bytes(), hex("18df06843d13a08bf2a449844c5f8a478001bc4d4c627984d5a41da8d0402919"));
}
