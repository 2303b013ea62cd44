use drywire_crypto::{KeyExchangeError, NamedGroup, Provider, Secret};
use ml_kem::{
    Decapsulate as _, DecapsulationKey, EncapsulationKey, KeyExport as _, MlKem768, TryKeyInit as _,
};
use p256::elliptic_curve::ecdh::diffie_hellman;
use p256::elliptic_curve::sec1::ToSec1Point as _;
use x25519_dalek::StaticSecret;

/// Every group, with the lengths of a client's share, a server's share and the secret (RFC 8446, section 4.2.8; RFC
/// 10024, section 3).
const GROUPS: [(NamedGroup, usize, usize, usize); 4] = [
    (NamedGroup::X25519MlKem768, 1184 + 32, 1088 + 32, 32 + 32),
    (NamedGroup::X25519, 32, 32, 32),
    (NamedGroup::Secp256r1, 65, 65, 32),
    (NamedGroup::Secp384r1, 97, 97, 48),
];

/// Key exchange in every group: against itself, against another implementation on the other side, and with shares that
/// must be refused.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn key_exchange(provider: &dyn Provider) {
    for (group, client_len, server_len, secret_len) in GROUPS {
        let client = provider.start_key_exchange(group).expect("a group that is supported");
        assert_eq!(client.group(), group);
        assert_eq!(client.share().len(), client_len, "{group}: the client's share");
        let (share, secret) = answer(provider, group, client.share()).expect("a good share");
        assert_eq!(share.len(), server_len, "{group}: the server's share");
        assert_eq!(secret.as_bytes().len(), secret_len, "{group}: the secret");
        let same = client.complete(group, &share).expect("a good share");
        assert_eq!(same.as_bytes(), secret.as_bytes(), "{group}: both sides have one secret");

        let again = provider.start_key_exchange(group).expect("a group that is supported");
        let (other_share, other) = answer(provider, group, again.share()).expect("a good share");
        assert_ne!(other_share, share, "{group}: every exchange has new keys");
        assert_ne!(other.as_bytes(), secret.as_bytes(), "{group}: every exchange has a new secret");

        let (theirs, expected) = reference(group, again.share());
        let ours = again.complete(group, &theirs).expect("a good share");
        assert_eq!(ours.as_bytes(), expected, "{group}: as client, against another implementation");

        lengths(provider, group);
        for (other, ..) in GROUPS.into_iter().filter(|(other, ..)| *other != group) {
            let pending = provider.start_key_exchange(group).expect("a group that is supported");
            if pending.classical().is_some_and(|(classical, _)| classical == other) {
                continue;
            }
            let (share, _) = reference(other, provider.start_key_exchange(other).expect("a group").share());
            assert!(pending.complete(other, &share).is_err(), "{group} completed with a share of {other}");
        }
    }
    as_server(provider);
    hybrid(provider);
    bad_points(provider);
}

/// The server's side, whose share is appended to what is there.
pub(crate) fn answer(
    provider: &dyn Provider,
    group: NamedGroup,
    peer_share: &[u8],
) -> Result<(Vec<u8>, Secret), KeyExchangeError> {
    let mut share = b"before".to_vec();
    let secret = provider.answer_key_exchange(group, peer_share, &mut share)?;
    let share = share.strip_prefix(b"before").expect("our share is appended").to_vec();
    Ok((share, secret))
}

/// Whether a share is refused on both sides, as an invalid share and not as anything else.
#[track_caller]
pub(crate) fn refused(provider: &dyn Provider, group: NamedGroup, server: bool, share: &[u8], what: &str) {
    let result = if server {
        answer(provider, group, share).map(|_| ())
    } else {
        provider.start_key_exchange(group).expect("a group").complete(group, share).map(|_| ())
    };
    assert_eq!(result, Err(KeyExchangeError::InvalidShare), "{group}: {what}, as server: {server}");
}

/// Another implementation as the server: its share, and the secret. The parts of the hybrid are put together here as the
/// document says, which no exchange with oneself shows.
fn reference(group: NamedGroup, client: &[u8]) -> (Vec<u8>, Vec<u8>) {
    match group {
        NamedGroup::X25519MlKem768 => {
            let (key, point) = client.split_at(1184);
            let key = EncapsulationKey::<MlKem768>::new_from_slice(key).expect("an encapsulation key first");
            let (ciphertext, kem) = key.encapsulate_deterministic(&[9; 32].into());
            let (share, ecdh) = reference(NamedGroup::X25519, point);
            ([&ciphertext[..], &share].concat(), [&kem[..], &ecdh].concat())
        }
        NamedGroup::X25519 => {
            let private = StaticSecret::from([0x55; 32]);
            let client: [u8; 32] = client.try_into().expect("32 bytes");
            let secret = private.diffie_hellman(&client.into());
            (x25519_dalek::PublicKey::from(&private).as_bytes().to_vec(), secret.as_bytes().to_vec())
        }
        NamedGroup::Secp256r1 => {
            let private = p256::SecretKey::from_slice(&[0x55; 32]).expect("a number below the order");
            let client = p256::PublicKey::from_sec1_bytes(client).expect("a point");
            let secret = diffie_hellman(private.to_nonzero_scalar(), client.as_affine());
            let share = private.public_key().to_sec1_point(false);
            (share.as_bytes().to_vec(), secret.raw_secret_bytes().to_vec())
        }
        _ => {
            let private = p384::SecretKey::from_slice(&[0x55; 48]).expect("a number below the order");
            let client = p384::PublicKey::from_sec1_bytes(client).expect("a point");
            let secret = diffie_hellman(private.to_nonzero_scalar(), client.as_affine());
            let share = private.public_key().to_sec1_point(false);
            (share.as_bytes().to_vec(), secret.raw_secret_bytes().to_vec())
        }
    }
}

fn as_server(provider: &dyn Provider) {
    // The classical groups have equal sides, so that the reference's share serves as a client's, too.
    for group in [NamedGroup::X25519, NamedGroup::Secp256r1, NamedGroup::Secp384r1] {
        let pending = provider.start_key_exchange(group).expect("a group");
        let (theirs, _) = reference(group, pending.share());
        let (ours, secret) = answer(provider, group, &theirs).expect("a good share");
        assert_eq!(secret.as_bytes(), reference(group, &ours).1, "{group}: as server");
    }
    let kem = DecapsulationKey::<MlKem768>::from_seed([3; 64].into());
    let private = StaticSecret::from([0x55; 32]);
    let point = x25519_dalek::PublicKey::from(&private);
    let client = [&kem.encapsulation_key().to_bytes()[..], point.as_bytes()].concat();
    let (ours, secret) = answer(provider, NamedGroup::X25519MlKem768, &client).expect("a good share");
    let (ciphertext, point) = ours.split_at(1088);
    let shared = kem.decapsulate_slice(ciphertext).expect("a ciphertext first");
    let expected = [&shared[..], &reference(NamedGroup::X25519, point).1].concat();
    assert_eq!(secret.as_bytes(), expected, "{}: as server", NamedGroup::X25519MlKem768);
}

/// What only the hybrid has (RFC 10024): a ciphertext that was changed gives another secret and no error (FIPS 203,
/// section 6.3); an encapsulation key must pass the modulus check (section 7.2); a point of small order fails all of it.
fn hybrid(provider: &dyn Provider) {
    let group = NamedGroup::X25519MlKem768;
    let client = provider.start_key_exchange(group).expect("a group");
    let (mut share, secret) = answer(provider, group, client.share()).expect("a good share");
    share[7] ^= 1;
    let other = client.complete(group, &share).expect("implicit rejection");
    assert_ne!(other.as_bytes()[..32], secret.as_bytes()[..32], "{group}: a changed ciphertext");
    assert_eq!(other.as_bytes()[32..], secret.as_bytes()[32..], "{group}: the half of X25519 is the second");

    let mut share = provider.start_key_exchange(group).expect("a group").share().to_vec();
    share[0] = 0xff;
    share[1] |= 0x0f;
    refused(provider, group, true, &share, "a coefficient that is not below the modulus");
    let mut share = provider.start_key_exchange(group).expect("a group").share().to_vec();
    share[1184..].fill(0);
    refused(provider, group, true, &share, "a point of small order");
    let (mut share, _) =
        answer(provider, group, provider.start_key_exchange(group).expect("a group").share())
            .expect("a good share");
    share[1088..].fill(0);
    refused(provider, group, false, &share, "a point of small order");

    let client = provider.start_key_exchange(group).expect("a group");
    if let Some((classical, share)) = client.classical() {
        assert_eq!(classical, NamedGroup::X25519);
        assert!(client.share().ends_with(share), "{group}: one private key for both shares");
        let (share, expected) = reference(classical, share);
        let secret = client.complete(classical, &share).expect("a good share");
        assert_eq!(secret.as_bytes(), expected, "{group}: its classical part alone");
    }
}

fn lengths(provider: &dyn Provider, group: NamedGroup) {
    let client = provider.start_key_exchange(group).expect("a group").share().to_vec();
    let (server, _) = answer(provider, group, &client).expect("a good share");
    for (share, is_server) in [(client, true), (server, false)] {
        refused(provider, group, is_server, &[], "nothing");
        refused(provider, group, is_server, &share[1..], "the first byte missing");
        refused(provider, group, is_server, &share[..share.len() - 1], "the last byte missing");
        refused(provider, group, is_server, &[&share[..], &[0]].concat(), "a byte too many");
        refused(provider, group, is_server, &vec![0; share.len()], "zeros");
    }
}

fn bad_points(provider: &dyn Provider) {
    // RFC 7748, section 6.1 (and its errata): all points of small order, and their forms that are not reduced. The high
    // bit is ignored.
    let small_order = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0000000000000000000000000000000000000000000000000000000000000080",
        "0100000000000000000000000000000000000000000000000000000000000080",
    ];
    for share in small_order {
        for server in [true, false] {
            refused(provider, NamedGroup::X25519, server, &crate::hex(share), "a point of small order");
        }
    }
    for (group, field) in [(NamedGroup::Secp256r1, 32), (NamedGroup::Secp384r1, 48)] {
        let good = provider.start_key_exchange(group).expect("a group").share().to_vec();
        assert_eq!(good[0], 4, "{group}: shares are uncompressed points");
        for server in [true, false] {
            let mut share = good.clone();
            share[2 * field] ^= 1;
            refused(provider, group, server, &share, "a point that is not on the curve");
            let mut share = good.clone();
            share[1..=field].fill(0xff);
            refused(provider, group, server, &share, "a coordinate that is not below the prime");
            // RFC 8446, section 4.2.8.2: the uncompressed form only.
            let parity = 2 + (good[2 * field] & 1);
            let compressed = [&[parity], &good[1..=field]].concat();
            refused(provider, group, server, &compressed, "a compressed point");
            for form in [0, 2, 3, 5, 6, 7] {
                let mut share = good.clone();
                share[0] = form;
                refused(provider, group, server, &share, "another form of a point");
            }
            refused(provider, group, server, &[0], "the point at infinity");
        }
    }
}
