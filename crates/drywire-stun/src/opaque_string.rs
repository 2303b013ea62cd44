use std::borrow::Cow;

use precis_profiles::OpaqueString;
use precis_profiles::precis_core::profile::PrecisFastInvocation;

use crate::OpaqueStringError;

/// How often the rules are applied again, at most, until nothing changes.
const APPLIED_AGAIN: usize = 3;

/// Prepares a user name, a realm or a password for hashing by the OpaqueString profile (RFC 8265, section 4.2), so
/// that what two people type as the same word has the same bytes: other spaces become the ASCII space, then
/// normalization form C.
///
/// Printable ASCII stays as it is. Empty strings, control characters, unassigned and invisible code points are
/// refused; soft hyphens too, which SASLprep, the profile of RFC 5389, took out.
pub fn opaque_string(text: &str) -> Result<Cow<'_, str>, OpaqueStringError> {
    if text.is_empty() {
        return Err(OpaqueStringError::Empty);
    }
    // Nearly all credentials are: no tables are looked at for them.
    if text.bytes().all(|byte| (0x20..0x7F).contains(&byte)) {
        return Ok(Cow::Borrowed(text));
    }
    // RFC 8264, section 7: what normalization makes of a character may be another one that is disallowed, or becomes yet another.
    // What has not come to rest after three more times is refused.
    let mut prepared = enforce(text)?;
    for _ in 0..APPLIED_AGAIN {
        let again = enforce(&prepared)?.into_owned();
        if *prepared == again {
            return Ok(prepared);
        }
        prepared = Cow::Owned(again);
    }
    Err(OpaqueStringError::Disallowed)
}

/// Applies the rules of the profile once.
fn enforce(text: &str) -> Result<Cow<'_, str>, OpaqueStringError> {
    OpaqueString::enforce(text).map_err(|_| OpaqueStringError::Disallowed)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn rfc8265_4_3_examples() {
        assert_eq!(opaque_string("correct horse battery staple"), Ok("correct horse battery staple".into()));
        assert_eq!(opaque_string("Correct Horse Battery Staple"), Ok("Correct Horse Battery Staple".into()));
        assert_eq!(opaque_string("πßå"), Ok("πßå".into()));
        assert_eq!(opaque_string("Jack of \u{2666}s"), Ok("Jack of \u{2666}s".into()));
        // U+1680, OGHAM SPACE MARK, becomes an ASCII space.
        assert_eq!(opaque_string("foo\u{1680}bar"), Ok("foo bar".into()));
        assert_eq!(opaque_string(""), Err(OpaqueStringError::Empty));
        assert_eq!(opaque_string("my cat is a \u{9}by"), Err(OpaqueStringError::Disallowed));
    }

    #[test]
    fn composes_and_keeps_what_the_vectors_have() {
        assert_eq!(opaque_string("a\u{30A}"), Ok("\u{E5}".into()));
        assert_eq!(opaque_string("マトリックス"), Ok("マトリックス".into()));
        // RFC 8489, appendix B.1, says that this becomes "TheMatrIX"; that was SASLprep. RFC 8264 (section 9.13)
        // disallows the soft hyphen.
        assert_eq!(opaque_string("The\u{AD}M\u{AA}tr\u{2168}"), Err(OpaqueStringError::Disallowed));
        // The Greek ano teleia becomes the middle dot, which stands between two letters l only (RFC 5892, appendix A.3).
        assert_eq!(opaque_string("\u{387}"), Err(OpaqueStringError::Disallowed));
        assert_eq!(opaque_string("l\u{387}l"), Ok("l\u{B7}l".into()));
    }

    proptest! {
        #[test]
        fn doing_it_twice_changes_nothing(text in any::<String>()) {
            if let Ok(once) = opaque_string(&text) {
                prop_assert_eq!(opaque_string(&once), Ok(once.clone()));
            }
        }
    }
}
