//! The words of the grammar of RFC 8866 section 9 that several lines share.

use std::str::FromStr;

/// `token`: visible ASCII without the separators.
pub(crate) fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_char)
}

fn is_token_char(byte: u8) -> bool {
    matches!(byte, b'!' | b'#'..=b'\'' | b'*' | b'+' | b'-' | b'.' | b'0'..=b'9' | b'A'..=b'Z' | b'^'..=b'~')
}

/// `non-ws-string`: one word without white space or control characters.
pub(crate) fn is_word(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte > b' ' && byte != 0x7f)
}

/// `byte-string`, which also may be empty here: no NUL, CR or LF.
pub(crate) fn is_byte_string(text: &str) -> bool {
    text.bytes().all(is_value_byte)
}

pub(crate) fn is_value_byte(byte: u8) -> bool {
    !matches!(byte, 0 | b'\r' | b'\n')
}

/// `ice-char` (RFC 8839 section 5.1): letters, digits, `+` and `/`.
pub(crate) fn is_ice_string(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// A number in digits alone, in the range of `T`. (`FromStr` of the standard library also takes a sign.)
pub(crate) fn number<T: FromStr>(text: &str) -> Option<T> {
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    text.parse().ok()
}

/// The words of a value and what follows them: `take` gives the next word, `rest` the unread remainder.
#[derive(Debug, Clone)]
pub(crate) struct Words<'a>(&'a str);

impl<'a> Words<'a> {
    pub(crate) fn new(text: &'a str) -> Self {
        Self(text.trim_matches([' ', '\t']))
    }

    /// The rest, without white space around it.
    pub(crate) fn rest(&self) -> &'a str {
        self.0
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        if self.0.is_empty() {
            return None;
        }
        match self.0.split_once([' ', '\t']) {
            Some((word, rest)) => {
                self.0 = rest.trim_start_matches([' ', '\t']);
                Some(word)
            }
            None => Some(std::mem::take(&mut self.0)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_no_sign_and_a_range() {
        assert_eq!(number::<u16>("65535"), Some(65_535));
        for wrong in ["", "+1", "-1", "65536", " 1", "1 ", "0x1", "99999999999999999999999"] {
            assert_eq!(number::<u16>(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn words() {
        let mut words = Words::new(" a  b\tc d e ");
        assert_eq!((words.next(), words.next(), words.next()), (Some("a"), Some("b"), Some("c")));
        assert_eq!(words.rest(), "d e");
        assert_eq!((words.next(), words.next(), words.next()), (Some("d"), Some("e"), None));
        assert!(words.is_empty());
    }

    #[test]
    fn tokens() {
        assert!(is_token("sha-256") && is_token("a.b~c"));
        for wrong in ["", "a b", "a:b", "a/b", "a\r", "a=b", "ä"] {
            assert!(!is_token(wrong), "{wrong:?}");
        }
    }
}
