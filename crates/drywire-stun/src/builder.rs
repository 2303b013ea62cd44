use drywire_core::Writer;

use crate::attributes::Attribute;
use crate::fingerprint::checksum;
use crate::header::message_type;
use crate::{
    AttributeType, BuildError, Class, HEADER_LEN, IntegrityAlgorithm, IntegrityKey, MAGIC_COOKIE, Method,
    TransactionId,
};

/// Writes one message to the end of a buffer. Nothing before it in the buffer is touched.
///
/// ```
/// use drywire_stun::{Class, Message, MessageBuilder, Method, TransactionId};
/// use drywire_stun::attributes::Software;
///
/// let mut out = Vec::new();
/// let mut request = MessageBuilder::new(&mut out, Class::Request, Method::BINDING, TransactionId::new([7; 12]));
/// request.attribute(&Software("drywire")).fingerprint();
/// let len = request.finish()?;
/// assert_eq!(len, out.len());
/// assert_eq!(Message::parse(&out).unwrap().check_fingerprint(), Some(true));
/// # Ok::<(), drywire_stun::BuildError>(())
/// ```
#[derive(Debug)]
#[must_use = "a message is complete only after `finish`"]
pub struct MessageBuilder<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    id: TransactionId,
    protected: Protected,
    error: Option<BuildError>,
}

/// How far the message is closed: attributes may only follow in this order (RFC 8489, sections 14.5 to 14.7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Protected {
    No,
    Sha1,
    Sha256,
    Fingerprint,
}

impl<'a> MessageBuilder<'a> {
    /// Begins a message.
    pub fn new(out: &'a mut Vec<u8>, class: Class, method: Method, id: TransactionId) -> Self {
        let start = out.len();
        let [first, second] = message_type(class, method).to_be_bytes();
        let [c0, c1, c2, c3] = MAGIC_COOKIE.to_be_bytes();
        out.extend_from_slice(&[first, second, 0, 0, c0, c1, c2, c3]);
        out.extend_from_slice(id.as_bytes());
        Self { out, start, id, protected: Protected::No, error: None }
    }

    /// Adds an attribute.
    pub fn attribute<'v, A: Attribute<'v>>(&mut self, attribute: &A) -> &mut Self {
        if self.protected != Protected::No {
            self.fail(BuildError::AfterIntegrity);
        }
        let id = self.id;
        self.append(A::TYPE, |value| attribute.write(id, value))
    }

    /// Adds MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 over everything so far. Both may be added, in this order.
    pub fn integrity(&mut self, key: &IntegrityKey, algorithm: IntegrityAlgorithm) -> &mut Self {
        let (attribute, len, stage) = match algorithm {
            IntegrityAlgorithm::Sha1 => (AttributeType::MESSAGE_INTEGRITY, 20, Protected::Sha1),
            IntegrityAlgorithm::Sha256 => (AttributeType::MESSAGE_INTEGRITY_SHA256, 32, Protected::Sha256),
        };
        self.close(stage);
        self.patch_length(4 + usize::from(len));
        if self.error.is_none() {
            let digest = key.sign(algorithm, &[self.written()]);
            self.append_header(attribute, len);
            self.out.extend_from_slice(digest.as_bytes());
        }
        self
    }

    /// Adds FINGERPRINT over everything so far. Nothing can follow it.
    pub fn fingerprint(&mut self) -> &mut Self {
        self.close(Protected::Fingerprint);
        self.patch_length(8);
        if self.error.is_none() {
            let checksum = checksum(self.written());
            self.append_header(AttributeType::FINGERPRINT, 4);
            self.out.extend_from_slice(&checksum.to_be_bytes());
        }
        self
    }

    /// Completes the message and returns its length in bytes. On an error the buffer is as it was before.
    pub fn finish(mut self) -> Result<usize, BuildError> {
        self.patch_length(0);
        match self.error {
            None => Ok(self.out.len() - self.start),
            Some(error) => {
                self.out.truncate(self.start);
                Err(error)
            }
        }
    }

    /// The message as far as it is written.
    fn written(&self) -> &[u8] {
        self.out.get(self.start..).unwrap_or_default()
    }

    fn close(&mut self, stage: Protected) {
        if stage <= self.protected {
            self.fail(BuildError::AfterIntegrity);
        }
        self.protected = self.protected.max(stage);
    }

    fn append(&mut self, attribute: AttributeType, value: impl FnOnce(&mut Writer<'_>)) -> &mut Self {
        if self.error.is_some() {
            return self;
        }
        let at = self.out.len();
        self.append_header(attribute, 0);
        let mut writer = Writer::new(self.out);
        value(&mut writer);
        let len = writer.len();
        // The padding is not counted in the attribute's length; zeros are what a receiver ignores best.
        if !len.is_multiple_of(4) {
            writer.zeros(len.next_multiple_of(4) - len);
        }
        match (u16::try_from(len), self.out.get_mut(at + 2..at + 4)) {
            (Ok(len), Some(field)) => field.copy_from_slice(&len.to_be_bytes()),
            _ => self.fail(BuildError::TooLong),
        }
        self
    }

    /// Adds the type and the length of an attribute.
    fn append_header(&mut self, attribute: AttributeType, len: u16) {
        let header = u32::from(attribute.number()) << 16 | u32::from(len);
        self.out.extend_from_slice(&header.to_be_bytes());
    }

    /// Sets the length field to what is written plus `coming` bytes.
    fn patch_length(&mut self, coming: usize) {
        let len = (self.out.len() - self.start).saturating_sub(HEADER_LEN) + coming;
        match (u16::try_from(len), self.out.get_mut(self.start + 2..self.start + 4)) {
            (Ok(len), Some(field)) => field.copy_from_slice(&len.to_be_bytes()),
            _ => self.fail(BuildError::TooLong),
        }
    }

    /// Keeps the first error.
    fn fail(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }
}
