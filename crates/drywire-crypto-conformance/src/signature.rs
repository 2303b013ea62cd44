use drywire_crypto::{
    CertificateOptions, CertifiedKey, KeyAlgorithm, Provider, PublicKey, SignatureScheme, SigningKey,
};

use crate::hex;

/// A key of 2,048 bits, made with OpenSSL, and its signatures over `drywire`.
const RSA_KEY: &str = "3082010a0282010100961ed4ae92a58932554d015986f2a2f552c290c46cf4228c24068aca01fdd3b5d6738cabbfd84da4b752dba48727b073159d0f2c18c626e374d22ebda78878b39ccb9c445323ea60ec9071ca70067dbf7ceb8768189b962da715a21d7045f05c479eb9dee255897ae952a00007f82bc52c28233a5826b3aa4b25cba130e37cc83ba5c122ba005d732cdd61707a455b0868485bf99436c6738f6d5de653fb3a99aeec4d56a0ad859dc8b3911f21cb7f7b9afd433c4e93d1e82be5a54d1df2896eaf14c0a8892de52cc858b5fc728d68c3fb2cf0d5366a976d1dec31b1c5e4ac0b58ce989952187d2415b05f38a5da9278f0e89734dca77862137356d1e9ff88870203010001";
const RSA_SIGNATURES: [(SignatureScheme, &str); 6] = [
    (
        SignatureScheme::RsaPkcs1Sha256,
        "3fd8de52b5b3258d7e36037342c857d79458a50901972621e4480ffc4105a0deb11070918d130084b0a6cef6a043fa0bb4bf430f9abc97795440e10cf0cb497aee32bebdf85d87ac7029aa70ad5329bd6592f99e94943462356bfba1bc594bae100b960cb394e8ffc04b3fdb317dada8d9d84be74e991f1d116ddb3de43fbbe6b2906d25d1f1514f09316deae7ed34a95e631f13074f189bbf70ef02fa1e6973ade383d2bab6677f2bab545b244cd7ad08a404220a8c14eaba387d92d569e21a091f90291fd0697138daae2df79706d823293e0864f0fc7784c1daf07b6e8e178faad461eee44176de7cb8568fc784eca9c2a61b41ef9669543cf186c4e8ac61",
    ),
    (
        SignatureScheme::RsaPkcs1Sha384,
        "2e1835ccb1c50a3c1d5486476a9ea3fbea5d3c7f400bc3b5ee2fe7438b65e906e8169f5c8966d147b6cf8a88b100dff4b2f9f947e2eb9f8e751fa9ed1d7735eb1383734259268f81c48784df434e380122b78f18edf320a84dd4866faf8e23d9b73a3a0aacec015ec9234aed451b260e5ac33cd1aa937e3ba9b790e391456a1c21e1ecb9bd9e1e42347a0a04e15be2aec2abc7b13d3c151e3fbce314a0359a88f4a4d92c2003f49276d3c6701cfd0820e318e0b2e2c0844e11d4b0a12b9eac9d02536aa483de95ce85303078e698443288abfd5966d2903c9a82d11db7c249f175e94113b04658196b2ef4bb5963fb8e3624d2e8d713bf0a5fe751fef14aebce",
    ),
    (
        SignatureScheme::RsaPkcs1Sha512,
        "50a4ec36f476587d4b23a6b8303566db85352f331e0d6c3d245d7e63c9d5e2c16de1963e61de44a427c3adc1d9d02c7f6f6c9015e74b7c35d3de9b8f50dd85616ba467271184b94f3aa49c9982808fb0dbba67088e731528a1365fb12d3679f4f763cae9522b1356628fd2841ca0cc4a8c21b641bf74459eeda4fe745922ac24c4c59a6b7eaa49d019a98850c219b223a56b294ab3903e25e9ae14c1c9be17fe9adb538cd7faa780a27a284aaf9490bbcf16586feb53c9bf1464d37f37af6f15731339134a83762ba6314a6e680106a954f21060b4767473a35b8cb2bbd98c1f475b5c493a0b2a7299622a8bb506b6b68336f88d20da771bc43b7e052cbda2fe",
    ),
    (
        SignatureScheme::RsaPssSha256,
        "0c2da1fd736e73e696a723c353b2e92e9003a013b989b4dd9c63d7bc4b1c584d35c7cd8b310551faa9e076716d7ed32565e05548e3f6c41cc9bfe9fc392a0dd29c07bf7cbd2fe82d8476d74503173dd7b1d1db1fdaa56a991b0c96bce6bf105aeac19052711a5a19f9d84a21f7c7ccb46c15627499d7ea138fa37596c89e577558869fdd36fcd640cae25cb7d7d7ef84feb28f3a4728904f1a4deb4a819fe100117810bdb8bdd751ecf725c3c8596a7f928feb370de24e4c370203fa79b5d9b6bd13934f04e6e2bd0e280ceffaf459987eadf8b00ee569dc81aa4d5dede4f898882635afbe8625271616a412599e0d3d51a81a5b2c3f0e5fda9a2a5d1a2c41b3",
    ),
    (
        SignatureScheme::RsaPssSha384,
        "39648f91ea2ba70af02581abbc72ecca3462fb03fbe54d86d4276ff22a4dc1c5194b53970afe9f53bb96ec137401472333ce269bcf37cbf1d8ba45a67b50ca14a70402268611720f04aee09da8593c14fe3b82b4b5e86d2d5888274eff646ee22024ccda2298d112b14403e80af85278ec34d345f9b4a1524e59421e2d99970a56d03b0eadfcf752360dceea80b5dcbe2f04a65bf79660ed5e234ab51a1ae81f44b93128e0b846dc600cd02e5acc1d00993762c341d77623274dfd13069c182f540024318de602ec6d6c9c623c2f7112f20c47086446cc38565f0ffbd1866e6fc96d884b507cc13cfd39d8029356cf0d88a68c6bfe94c9d51b5762c00a136a84",
    ),
    (
        SignatureScheme::RsaPssSha512,
        "1fe96beff44dd0f538f8a3e4a3a349ec29ea599d958834aade17afbc44b04dae747eb0462e9724beda3458be98d0354280f47cfe6c6260483e1fa7bbdf18a3e9aa7baa3aa271f0c64ed2705fe821d750c7a0d2107578984203c2fc03f1e05683816e2e3d5854463ef5d2700fd0667a31c9d6276adfa457acc15040ae79d8e09c6196f2efa2ef9d881e8a9e88d82a1e0ae3f6e5ed6cb3ce583cb46c1e557d1e40bff0d1d037e8dda6fb9675c7c1ff420982f6849f545ea9097d02bfc4c09e6c74268357e171a1c2cfac341aa44fcd1328720cb2745f78c6ec769a832ac11ce62bb361bb7b70119537384e5a9eb45ab07349584efad3868e695f1a7e48f9a88303",
    ),
];
/// A signature of RSASSA-PSS with SHA-256 whose salt has 20 bytes.
const RSA_SHORT_SALT: &str = "4944d8e4cf4cdc4acc64d2d6032657af4b399c33fc3e940a55918a6eb400919e345a4d40776db7c2e5ca41412abff8ef85648e041013d09282b5bb477ef1cb4d97c1d6f5c9c132f96412fef596eb134ff536d9d3a47a45b0dc06d80ffc3c78144602a3442088cf963bc7a5202ab26ba0a0bf1f0f2b58ddc30fb95300d0f1c019eccf0bd345e5a893f41449c8f8c660f7aeb00f06ae24ee9275eb3395a0aee8ab6fbdc2f04e26dbf4479c0008af98b900be5a9eff0645aba1e43bd989f75007c6011b7de29d4b3f585971398e525171a3da9ac57b2407efe3f8ba5aab106f8ae05af276cf5aef9ea68583b319f43a3a046a56cb12757ee263dce4a3f26b3a1c25";
/// A key of 1,024 bits, and its signature with SHA-256.
const RSA_SHORT_KEY: (&str, &str) = (
    "30818902818100d37bfed664a0c7d8acceb93801b2a92483179643d59d28d7b521a28fd3cddee254421764eb21a9210a2227a27932de67df0c02a5dfe5a777f1c34a1f076839a059be82059cdc36ad46e4127c5e94628f397cb3973366619e1edf8e298644a352d168d65e7ef686112abb764dd889f7743bfe0ecca45f483f6d9c5bac08e0a9230203010001",
    "ba162174042e08e33b4e837bb0b39829fcd81356a0ba11f45577b8be507d9dde4c2d901c921af0153f8eed2b31eabb71d8057c8540bbf2f4b98251e3a4f98e8d80c65a7d163c3b9e6f430dcc1311287c2a4c454a77004f09af8b97e7cfd773a6aa649f9d615a159d56ab5c26e23528516e2b38fbe35812dbdfdfb06f5c09ede1",
);
const MESSAGE: &[u8] = b"drywire";

/// Signatures: keys that are made, exported and loaded; every scheme with every key; RSA of peers; what must be refused.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn signatures(provider: &dyn Provider) {
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let key = provider.generate_signing_key(algorithm).expect("a kind of key that is supported");
        assert_eq!(key.algorithm(), algorithm);
        signing_key(provider, &*key);
        let other = provider.generate_signing_key(algorithm).expect("a kind of key that is supported");
        assert_ne!(key.public_key(), other.public_key(), "{algorithm:?}: every key is new");

        let pkcs8 = key.to_pkcs8().expect("keys that the provider made may be exported");
        let again = provider.load_signing_key(algorithm, &pkcs8).expect("a key that was exported");
        assert_eq!(again.public_key(), key.public_key());
        signing_key(provider, &*again);
        let all =
            [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519, KeyAlgorithm::Rsa];
        for wrong in all {
            if wrong != algorithm {
                assert!(
                    provider.load_signing_key(wrong, &pkcs8).is_err(),
                    "{algorithm:?} loaded as {wrong:?}"
                );
            }
        }
        for cut in 0..pkcs8.len() {
            assert!(provider.load_signing_key(algorithm, &pkcs8[..cut]).is_err(), "{cut} bytes of a key");
        }
        if algorithm != KeyAlgorithm::Ed25519 {
            ecdsa_form(provider, &*key);
        }
    }
    rsa(provider);
    let options = CertificateOptions::new(std::time::Duration::from_secs(1_700_000_000));
    let certified = CertifiedKey::self_signed(provider, &options).expect("a certificate");
    let public =
        PublicKey::from_certificate(certified.certificate()).expect("a certificate that can be read");
    assert_eq!(public.bytes, certified.key().public_key());
}

/// A key that signs handshakes, wherever it lives: what it says of itself, and each of its schemes. Its signatures are
/// verified with `provider`.
///
/// # Panics
///
/// Where the key is wrong.
pub fn signing_key(provider: &dyn Provider, key: &dyn SigningKey) {
    let public = PublicKey { algorithm: key.algorithm(), bytes: key.public_key() };
    match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => assert_eq!((public.bytes.len(), public.bytes.first()), (65, Some(&4))),
        KeyAlgorithm::EcdsaP384 => assert_eq!((public.bytes.len(), public.bytes.first()), (97, Some(&4))),
        KeyAlgorithm::Ed25519 => assert_eq!(public.bytes.len(), 32),
        _ => assert_eq!(public.bytes.first(), Some(&0x30), "an RSAPublicKey in DER"),
    }
    let mut supported = 0;
    for scheme in SignatureScheme::ALL {
        let mut signature = b"before".to_vec();
        let signed = key.sign(scheme, MESSAGE, &mut signature);
        assert_eq!(signed.is_ok(), key.supports(scheme), "{scheme:?}: the key signs with what it supports");
        let signature = signature.strip_prefix(b"before").expect("the signature is appended");
        if signed.is_err() {
            assert!(provider.verify(scheme, &public, MESSAGE, &[0; 70]).is_err());
            continue;
        }
        supported += 1;
        assert_eq!(provider.verify(scheme, &public, MESSAGE, signature), Ok(()), "{scheme:?}");
        assert!(
            provider.verify(scheme, &public, b"drywirf", signature).is_err(),
            "{scheme:?}: another message"
        );
        assert!(provider.verify(scheme, &public, b"", signature).is_err(), "{scheme:?}: no message");
        for other in SignatureScheme::ALL.into_iter().filter(|other| *other != scheme) {
            assert!(provider.verify(other, &public, MESSAGE, signature).is_err(), "{scheme:?} as {other:?}");
        }
        for cut in 0..signature.len() {
            assert!(
                provider.verify(scheme, &public, MESSAGE, &signature[..cut]).is_err(),
                "{scheme:?}: cut off"
            );
        }
        for at in 0..signature.len() {
            let mut changed = signature.to_vec();
            changed[at] ^= 0x10;
            assert!(
                provider.verify(scheme, &public, MESSAGE, &changed).is_err(),
                "{scheme:?}: byte {at} changed"
            );
        }
    }
    assert!(supported > 0, "a key that signs nothing");
    for scheme in SignatureScheme::ALL.into_iter().filter(|scheme| scheme.key_algorithm() == key.algorithm())
    {
        // RSASSA-PSS or PKCS #1 alone is fine; a curve's own scheme is what DTLS 1.3 asks for.
        assert!(key.supports(scheme) || key.algorithm() == KeyAlgorithm::Rsa, "{scheme:?}");
    }
}

/// ECDSA signatures are DER and nothing but DER; public keys are points.
fn ecdsa_form(provider: &dyn Provider, key: &dyn SigningKey) {
    let scheme = match key.algorithm() {
        KeyAlgorithm::EcdsaP256 => SignatureScheme::EcdsaP256Sha256,
        _ => SignatureScheme::EcdsaP384Sha384,
    };
    let mut signature = Vec::new();
    key.sign(scheme, MESSAGE, &mut signature).expect("a scheme of the key");
    assert_eq!(signature[0], 0x30, "a SEQUENCE");
    let public = PublicKey { algorithm: key.algorithm(), bytes: key.public_key() };
    let refuse = |signature: &[u8], what: &str| {
        assert!(provider.verify(scheme, &public, MESSAGE, signature).is_err(), "{scheme:?}: {what}");
    };
    refuse(&[&signature[..], &[0]].concat(), "a byte behind the signature");
    refuse(&[&[0x30, 0x81, signature[1]], &signature[2..]].concat(), "a length that is not the shortest");
    refuse(&[0x30, 6, 2, 1, 0, 2, 1, 0], "zeros");
    refuse(&[0x30, 6, 2, 1, 1, 2, 1, 0], "s is zero");
    refuse(&[0x30, 6, 2, 1, 0, 2, 1, 1], "r is zero");
    for bytes in [&[][..], &[0], &public.bytes[1..], &vec![4; public.bytes.len()]] {
        let public = PublicKey { algorithm: key.algorithm(), bytes };
        assert!(provider.verify(scheme, &public, MESSAGE, &signature).is_err(), "a key that is no point");
    }
    let rsa = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: public.bytes };
    assert!(provider.verify(scheme, &rsa, MESSAGE, &signature).is_err());
}

fn rsa(provider: &dyn Provider) {
    let bytes = hex(RSA_KEY);
    let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &bytes };
    for (scheme, signature) in RSA_SIGNATURES {
        let signature = hex(signature);
        assert_eq!(provider.verify(scheme, &public, MESSAGE, &signature), Ok(()), "{scheme:?}");
        assert!(provider.verify(scheme, &public, b"drywirf", &signature).is_err(), "{scheme:?}");
        for other in SignatureScheme::ALL.into_iter().filter(|other| *other != scheme) {
            assert!(provider.verify(other, &public, MESSAGE, &signature).is_err(), "{scheme:?} as {other:?}");
        }
        for at in (0..signature.len()).step_by(17) {
            let mut changed = signature.clone();
            changed[at] ^= 1;
            assert!(provider.verify(scheme, &public, MESSAGE, &changed).is_err(), "{scheme:?}: byte {at}");
        }
        let long = [&[0], &signature[..]].concat();
        assert!(provider.verify(scheme, &public, MESSAGE, &long).is_err(), "{scheme:?}: longer than the key");
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &bytes[..cut] };
            assert!(provider.verify(scheme, &public, MESSAGE, &signature).is_err(), "half a key");
        }
    }
    // RFC 8446, section 4.2.3: the salt is as long as the hash.
    let scheme = SignatureScheme::RsaPssSha256;
    assert!(provider.verify(scheme, &public, MESSAGE, &hex(RSA_SHORT_SALT)).is_err(), "a short salt");
    let (short, signature) = RSA_SHORT_KEY;
    let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &hex(short) };
    let scheme = SignatureScheme::RsaPkcs1Sha256;
    assert!(provider.verify(scheme, &public, MESSAGE, &hex(signature)).is_err(), "a key of 1,024 bits");
    // A modulus of 16,384 bits costs whoever verifies too much: 8,192 are the limit.
    let modulus =
        [&[0x02, 0x82, 0x08, 0x01, 0x00], &[0xff; 2048][..], &[0x02, 0x03, 0x01, 0x00, 0x01]].concat();
    let huge = [&[0x30, 0x82, 0x08, 0x0a], &modulus[..]].concat();
    let public = PublicKey { algorithm: KeyAlgorithm::Rsa, bytes: &huge };
    assert!(provider.verify(scheme, &public, MESSAGE, &[1; 2048]).is_err(), "a key of 16,384 bits");
}
