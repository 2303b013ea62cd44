use drywire_crypto::Provider;

/// Randomness comes in every length and does not repeat.
///
/// # Panics
///
/// Where the provider is wrong.
pub fn random(provider: &dyn Provider) {
    provider.random(&mut []).expect("no bytes need no randomness");
    for len in [1, 16, 32, 257, 70_000] {
        let mut bytes = vec![0; len];
        provider.random(&mut bytes).expect("randomness");
        if len >= 16 {
            let mut others = vec![0; len];
            provider.random(&mut others).expect("randomness");
            assert_ne!(bytes, others, "{len} bytes repeat");
            assert!(bytes.iter().rev().take(16).any(|byte| *byte != 0), "the end of {len} bytes stays zero");
        }
    }
}
