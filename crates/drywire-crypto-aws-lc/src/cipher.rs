use aws_lc_rs::aead::quic;
use aws_lc_rs::cipher::{AES_128, AES_256, DecryptingKey, DecryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use drywire_crypto::{AeadAlgorithm, CtrAlgorithm, CtrKey, InvalidKey, MaskKey};

struct Ctr(DecryptingKey);

pub(crate) fn ctr_key(algorithm: CtrAlgorithm, key: &[u8]) -> Result<Box<dyn CtrKey>, InvalidKey> {
    let algorithm = match algorithm {
        CtrAlgorithm::Aes128 => &AES_128,
        CtrAlgorithm::Aes256 => &AES_256,
        _ => return Err(InvalidKey),
    };
    let key = UnboundCipherKey::new(algorithm, key).map_err(|_| InvalidKey)?;
    // Counter mode decrypts as it encrypts; decryption is the direction that takes the counter block from the caller.
    Ok(Box::new(Ctr(DecryptingKey::ctr(key).map_err(|_| InvalidKey)?)))
}

impl CtrKey for Ctr {
    fn apply_keystream(&self, iv: &[u8; 16], buffer: &mut [u8]) {
        let context = DecryptionContext::Iv128(FixedLength::from(*iv));
        // A counter of 128 bits bounds no packet, so this cannot fail; were it to fail, nothing may leave in clear.
        if self.0.decrypt(buffer, context).is_err() {
            buffer.fill(0);
        }
    }
}

struct Mask(quic::HeaderProtectionKey);

pub(crate) fn mask_key(algorithm: AeadAlgorithm, key: &[u8]) -> Result<Box<dyn MaskKey>, InvalidKey> {
    // The mask over record numbers is the one that QUIC uses over packet numbers (RFC 9147, section 4.2.3; RFC 9001,
    // section 5.4).
    let algorithm = match algorithm {
        AeadAlgorithm::Aes128Gcm => &quic::AES_128,
        AeadAlgorithm::Aes256Gcm => &quic::AES_256,
        AeadAlgorithm::ChaCha20Poly1305 => &quic::CHACHA20,
        _ => return Err(InvalidKey),
    };
    Ok(Box::new(Mask(quic::HeaderProtectionKey::new(algorithm, key).map_err(|_| InvalidKey)?)))
}

impl MaskKey for Mask {
    fn mask(&self, sample: &[u8; 16]) -> [u8; 5] {
        // The sample always has the right length, the only thing that can be wrong.
        self.0.new_mask(sample).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
    }

    #[test]
    fn keystream_of_rfc_3711_appendix_b_2() {
        let key = ctr_key(CtrAlgorithm::Aes128, &hex("2B7E151628AED2A6ABF7158809CF4F3C")).unwrap();
        let iv: [u8; 16] = hex("F0F1F2F3F4F5F6F7F8F9FAFBFCFD0000").try_into().unwrap();
        let mut buffer = [0; 48];
        key.apply_keystream(&iv, &mut buffer);
        let expected = "E03EAD0935C95E80E166B16DD92B4EB4D23513162B02D0F72A43A2FE4A5F97AB41E95B3BB0A2E8DD477901E4FCA894C0";
        assert_eq!(buffer.to_vec(), hex(expected));
    }

    #[test]
    fn mask_of_rfc_9001_appendix_a() {
        let key = mask_key(AeadAlgorithm::Aes128Gcm, &hex("9f50449e04a0e810283a1e9933adedd2")).unwrap();
        let sample: [u8; 16] = hex("d1b1c98dd7689fb8ec11d242b123dc9b").try_into().unwrap();
        assert_eq!(key.mask(&sample).to_vec(), hex("437b9aec36"));
        let key = mask_key(
            AeadAlgorithm::ChaCha20Poly1305,
            &hex("25a282b9e82f06f21f488917a4fc8f1b73573685608597d0efcb076b0ab7a7a4"),
        );
        let sample: [u8; 16] = hex("5e5cd55c41f69080575d7999c25a5bfb").try_into().unwrap();
        assert_eq!(key.unwrap().mask(&sample).to_vec(), hex("aefefe7d03"));
    }
}
