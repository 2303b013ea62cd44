use std::net::SocketAddr;

use proptest::prelude::*;

use super::*;
use crate::{Credential, HEADER_LEN, Method, TransactionId};

const ADA: &str = "ada";

struct Fixture {
    validator: Validator,
    now: Instant,
    source: SocketAddr,
    md5: IntegrityKey,
    sha256: IntegrityKey,
}

fn fixture() -> Fixture {
    let provider = drywire_crypto_aws_lc::provider();
    let now = drywire_sim::origin();
    let ada = Credential::new(ADA, "secret").unwrap();
    let key = |algorithm| ada.key(&*provider, algorithm, "example.org").unwrap();
    Fixture {
        validator: Validator::new(&*provider, ValidatorConfig::new("example.org"), now, [1; 32]).unwrap(),
        now,
        source: "198.51.100.7:40000".parse().unwrap(),
        md5: key(PasswordAlgorithm::MD5),
        sha256: key(PasswordAlgorithm::SHA256),
    }
}

impl Fixture {
    fn validate(&self, request: &[u8]) -> Result<Authenticated<&IntegrityKey>, Rejection> {
        let request = Message::parse(request).unwrap();
        self.validator.validate(self.now, self.source, &request, |user, algorithm| match (user, algorithm) {
            (User::Name(ADA), PasswordAlgorithm::MD5) => Some(&self.md5),
            (User::Name(ADA), PasswordAlgorithm::SHA256) => Some(&self.sha256),
            _ => None,
        })
    }

    fn request(&self, attributes: impl FnOnce(&mut MessageBuilder<'_>, Nonce<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        let mut request =
            MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([1; 12]));
        attributes(&mut request, self.validator.nonces.make(self.now, self.source).as_nonce());
        request.finish().unwrap();
        out
    }

    fn good(&self) -> Vec<u8> {
        self.request(|request, nonce| {
            request
                .attribute(&Username(ADA))
                .attribute(&Realm("example.org"))
                .attribute(&nonce)
                .attribute(&PasswordAlgorithms::ALL)
                .attribute(&PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256))
                .integrity(&self.sha256, IntegrityAlgorithm::Sha256);
        })
    }
}

#[test]
fn a_client_of_rfc5389_is_served() {
    let fixture = fixture();
    let request = fixture.request(|request, nonce| {
        request
            .attribute(&Username(ADA))
            .attribute(&Realm("example.org"))
            .attribute(&nonce)
            .integrity(&fixture.md5, IntegrityAlgorithm::Sha1);
    });
    assert_eq!(fixture.validate(&request).unwrap().integrity, IntegrityAlgorithm::Sha1);
    assert_eq!(fixture.validate(&fixture.good()).unwrap().integrity, IntegrityAlgorithm::Sha256);
}

#[test]
fn rejections_in_the_order_of_the_rfc() {
    let fixture = fixture();
    type Attributes<'a> = &'a dyn Fn(&mut MessageBuilder<'_>, Nonce<'_>);
    let sign = |request: &mut MessageBuilder<'_>| {
        request.integrity(&fixture.sha256, IntegrityAlgorithm::Sha256);
    };
    let cases: [(Attributes<'_>, Rejection); 9] = [
        (&|_, _| (), Rejection::Unauthenticated),
        (&|request, _| sign(request), Rejection::BadRequest),
        (
            &|request, nonce| {
                request.attribute(&Username(ADA)).attribute(&nonce);
                sign(request);
            },
            Rejection::BadRequest,
        ),
        (
            &|request, _| {
                request.attribute(&Username(ADA)).attribute(&Realm("example.org"));
                sign(request);
            },
            Rejection::BadRequest,
        ),
        (
            // The list without the choice, which is no older client but a changed request.
            &|request, nonce| {
                request.attribute(&Username(ADA)).attribute(&Realm("example.org")).attribute(&nonce);
                request.attribute(&PasswordAlgorithms::ALL);
                sign(request);
            },
            Rejection::BadRequest,
        ),
        (
            &|request, nonce| {
                request.attribute(&Username(ADA)).attribute(&Realm("example.org")).attribute(&nonce);
                request.attribute(&PasswordAlgorithmAttribute(PasswordAlgorithm::SHA256));
                sign(request);
            },
            Rejection::BadRequest,
        ),
        (
            &|request, nonce| {
                request.attribute(&Username("eve")).attribute(&Realm("example.org")).attribute(&nonce);
                sign(request);
            },
            Rejection::Unauthenticated,
        ),
        (
            &|request, nonce| {
                request.attribute(&Username(ADA)).attribute(&Realm("example.com")).attribute(&nonce);
                request.integrity(&fixture.md5, IntegrityAlgorithm::Sha1);
            },
            Rejection::Unauthenticated,
        ),
        (
            &|request, _| {
                request.attribute(&Username(ADA)).attribute(&Realm("example.org")).attribute(&Nonce("old"));
                request.integrity(&fixture.md5, IntegrityAlgorithm::Sha1);
            },
            Rejection::StaleNonce,
        ),
    ];
    for (index, (attributes, rejection)) in cases.into_iter().enumerate() {
        let request = fixture.request(attributes);
        assert_eq!(fixture.validate(&request).err(), Some(rejection), "case {index}");
        let mut out = Vec::new();
        let message = Message::parse(&request).unwrap();
        let len =
            fixture.validator.reject(fixture.now, fixture.source, &message, rejection, &mut out).unwrap();
        let response = Message::parse(&out).unwrap();
        assert_eq!((response.class(), response.as_bytes().len()), (Class::Error, len));
        let has_nonce = response.attribute::<Nonce<'_>>().is_some();
        assert_eq!(has_nonce, rejection != Rejection::BadRequest);
        assert_eq!(response.attribute::<Realm<'_>>().is_some(), has_nonce);
        assert_eq!(response.attribute() == Some(PasswordAlgorithms::ALL), has_nonce);
        assert_eq!(response.integrity(), None);
    }
}

#[test]
fn nothing_is_answered_to_what_is_no_request() {
    let fixture = fixture();
    for class in [Class::Indication, Class::Success, Class::Error] {
        let (mut bytes, mut out) = (Vec::new(), Vec::new());
        MessageBuilder::new(&mut bytes, class, Method::BINDING, TransactionId::new([1; 12]))
            .finish()
            .unwrap();
        let message = Message::parse(&bytes).unwrap();
        let rejection = fixture.validate(&bytes).err().unwrap();
        let len = fixture.validator.reject(fixture.now, fixture.source, &message, rejection, &mut out);
        assert_eq!((len, out.len()), (Ok(0), 0));
    }
}

#[test]
fn a03_one_changed_byte_is_never_authenticated() {
    let fixture = fixture();
    let good = fixture.good();
    for at in HEADER_LEN..good.len() {
        for bit in 0..8 {
            let mut edited = good.clone();
            edited[at] ^= 1 << bit;
            if Message::parse(&edited).is_ok() {
                assert!(fixture.validate(&edited).is_err(), "byte {at}, bit {bit}");
            }
        }
    }
}

#[test]
fn nonces_are_made_without_state_and_differ_by_client() {
    let fixture = fixture();
    let mut nonces = std::collections::BTreeSet::new();
    for ip in 0..50_u8 {
        for port in 1..50_u16 {
            let source = SocketAddr::from(([10, 0, 0, ip], port));
            let nonce = fixture.validator.nonces.make(fixture.now, source);
            assert!(fixture.validator.nonces.is_valid(fixture.now, source, nonce.as_nonce()));
            assert!(nonce.as_nonce().security_features().unwrap().password_algorithms());
            assert!(nonces.insert(nonce.as_nonce().0.to_owned()));
        }
    }
    let provider = drywire_crypto_aws_lc::provider();
    let other =
        Validator::new(&*provider, ValidatorConfig::new("example.org"), fixture.now, [2; 32]).unwrap();
    let nonce = fixture.validator.nonces.make(fixture.now, fixture.source);
    assert!(!other.nonces.is_valid(fixture.now, fixture.source, nonce.as_nonce()), "another server's");
}

proptest! {
    #[test]
    fn a_nonce_lives_as_long_as_it_says(made in 0_u64..1_000_000, age in 0_u64..2_000) {
        let fixture = fixture();
        let made = fixture.now + Duration::from_secs(made);
        let nonce = fixture.validator.nonces.make(made, fixture.source);
        let later = made + Duration::from_secs(age);
        prop_assert_eq!(fixture.validator.nonces.is_valid(later, fixture.source, nonce.as_nonce()), age <= 600);
    }

    #[test]
    fn any_text_is_a_bad_nonce(text in "\\PC{0,60}", seconds in any::<u32>()) {
        let fixture = fixture();
        let now = fixture.now + Duration::from_secs(u64::from(seconds));
        prop_assert!(!fixture.validator.nonces.is_valid(now, fixture.source, Nonce(&text)));
    }
}
