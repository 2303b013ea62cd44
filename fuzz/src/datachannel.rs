//! Data channels: messages of the establishment protocol.

use drywire_datachannel::ParseError;
use drywire_datachannel::dcep::Dcep;

/// What is understood is written and understood again as the same; what is not says where it went wrong.
pub fn dcep_message(data: &[u8]) {
    match Dcep::parse(data) {
        Ok(message) => {
            let mut out = b"before".to_vec();
            message.write(&mut out);
            assert!(out.starts_with(b"before"), "the caller's bytes were changed");
            let written = out.get(6..).unwrap_or_default();
            assert!(written.len() <= data.len(), "more was written than read");
            assert_eq!(Dcep::parse(written), Ok(message));
        }
        Err(ParseError::Truncated(end)) => assert!(end.offset <= data.len()),
        Err(ParseError::InvalidText { offset }) => assert!(offset < data.len()),
        Err(_) => assert!(!data.is_empty()),
    }
}
