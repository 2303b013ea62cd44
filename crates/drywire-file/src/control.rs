use std::fmt;
use std::str::FromStr;

use crate::{FileHash, FileName, MAX_FILE_LEN, Offer, ParseError, Reason, TransferId};

/// The most bytes of a control message.
const LONGEST: usize = 1024;

/// A control message: one verb and its words, with single spaces between them, as a text message of the channel.
///
/// ```
/// use drywire_file::Control;
///
/// let control: Control = "ACCEPT 000102030405060708090a0b0c0d0e0f 65536".parse()?;
/// assert!(matches!(control, Control::Accept { offset: 65_536, .. }));
/// assert_eq!(control.to_string(), "ACCEPT 000102030405060708090a0b0c0d0e0f 65536");
/// # Ok::<(), drywire_file::ParseError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Control {
    /// From the sender: a file is there. `OFFER id length name`, where the name is the rest of the message.
    Offer(Offer),
    /// From the sender, after the last byte: the hash of all bytes. `END id hash`
    End {
        /// The transfer.
        id: TransferId,
        /// The hash of the whole file.
        hash: FileHash,
    },
    /// From the sender: it gives up. `ABANDON id reason`
    Abandon {
        /// The transfer.
        id: TransferId,
        /// Why.
        reason: Reason,
    },
    /// From the receiver: the data from `offset` on is wanted, which follows at once. `ACCEPT id offset`
    Accept {
        /// The transfer.
        id: TransferId,
        /// How many bytes the receiver has already.
        offset: u64,
    },
    /// From the receiver: so many bytes have arrived. `HAVE id bytes`
    Have {
        /// The transfer.
        id: TransferId,
        /// The bytes from the start of the file on.
        bytes: u64,
    },
    /// From the receiver: the file is complete, its hash equal, and it is where it belongs. `DONE id hash`
    Done {
        /// The transfer.
        id: TransferId,
        /// The hash of the whole file.
        hash: FileHash,
    },
    /// From the receiver: it does not want the file, or no more of it. `REFUSE id reason`
    Refuse {
        /// The transfer.
        id: TransferId,
        /// Why.
        reason: Reason,
    },
    /// From whoever would like to receive: the other side may offer the file of this name. `GET name`
    Get(FileName),
}

impl fmt::Display for Control {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Offer(offer) => write!(f, "OFFER {} {} {}", offer.id(), offer.len(), offer.name()),
            Self::End { id, hash } => write!(f, "END {id} {hash}"),
            Self::Abandon { id, reason } => write!(f, "ABANDON {id} {}", word(*reason)),
            Self::Accept { id, offset } => write!(f, "ACCEPT {id} {offset}"),
            Self::Have { id, bytes } => write!(f, "HAVE {id} {bytes}"),
            Self::Done { id, hash } => write!(f, "DONE {id} {hash}"),
            Self::Refuse { id, reason } => write!(f, "REFUSE {id} {}", word(*reason)),
            Self::Get(name) => write!(f, "GET {name}"),
        }
    }
}

impl FromStr for Control {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > LONGEST {
            return Err(ParseError::TooLong(text.len()));
        }
        let (verb, rest) = text.split_once(' ').ok_or(ParseError::UnknownVerb)?;
        match verb {
            "OFFER" => {
                let mut words = rest.splitn(3, ' ');
                let (id, len) = (next(&mut words)?.parse()?, number(next(&mut words)?)?);
                let name = FileName::sanitized(next(&mut words)?);
                Offer::new(id, len, name).map(Self::Offer).ok_or(ParseError::Number)
            }
            "GET" => Ok(Self::Get(FileName::sanitized(rest))),
            "END" | "ABANDON" | "ACCEPT" | "HAVE" | "DONE" | "REFUSE" => {
                let (id, word) = rest.split_once(' ').ok_or(ParseError::WordCount)?;
                let id = id.parse();
                if word.contains(' ') {
                    return Err(ParseError::WordCount);
                }
                Ok(match verb {
                    "END" => Self::End { id: id?, hash: word.parse()? },
                    "ABANDON" => Self::Abandon { id: id?, reason: reason(word) },
                    "ACCEPT" => Self::Accept { id: id?, offset: number(word)? },
                    "HAVE" => Self::Have { id: id?, bytes: number(word)? },
                    "DONE" => Self::Done { id: id?, hash: word.parse()? },
                    _ => Self::Refuse { id: id?, reason: reason(word) },
                })
            }
            _ => Err(ParseError::UnknownVerb),
        }
    }
}

fn next<'a>(words: &mut impl Iterator<Item = &'a str>) -> Result<&'a str, ParseError> {
    words.next().ok_or(ParseError::WordCount)
}

/// Decimal digits only: `parse` would take a sign.
fn number(word: &str) -> Result<u64, ParseError> {
    let digits = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit());
    let number = if digits { word.parse().ok() } else { None };
    number.filter(|number| *number <= MAX_FILE_LEN).ok_or(ParseError::Number)
}

const REASONS: [(Reason, &str); 9] = [
    (Reason::Cancelled, "cancelled"),
    (Reason::Unwanted, "unwanted"),
    (Reason::Busy, "busy"),
    (Reason::TooLarge, "too-large"),
    (Reason::NotFound, "not-found"),
    (Reason::Storage, "storage"),
    (Reason::HashMismatch, "hash-mismatch"),
    (Reason::Protocol, "protocol"),
    (Reason::Other, "other"),
];

fn word(reason: Reason) -> &'static str {
    REASONS.iter().find(|(known, _)| *known == reason).map_or("other", |(_, word)| word)
}

/// A word that is not known is a reason of a later version.
fn reason(word: &str) -> Reason {
    REASONS.iter().find(|(_, known)| *known == word).map_or(Reason::Other, |(reason, _)| *reason)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ID: &str = "000102030405060708090a0b0c0d0e0f";

    fn all() -> Vec<Control> {
        let id = ID.parse().unwrap();
        let hash = FileHash([7; 32]);
        let name = FileName::sanitized("a name  with spaces.txt");
        let mut all = vec![
            Control::Offer(Offer::new(id, MAX_FILE_LEN, name.clone()).unwrap()),
            Control::End { id, hash },
            Control::Accept { id, offset: 0 },
            Control::Have { id, bytes: 1 },
            Control::Done { id, hash },
            Control::Get(name),
        ];
        for (reason, _) in REASONS {
            all.extend([Control::Abandon { id, reason }, Control::Refuse { id, reason }]);
        }
        all
    }

    #[test]
    fn what_is_written_is_read() {
        for control in all() {
            let text = control.to_string();
            assert_eq!(text.parse(), Ok(control), "{text}");
        }
    }

    #[test]
    fn reasons_of_later_versions_are_understood_as_such() {
        let control: Control = format!("REFUSE {ID} solar-flare").parse().unwrap();
        assert_eq!(control, Control::Refuse { id: ID.parse().unwrap(), reason: Reason::Other });
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, error) in [
            (String::new(), ParseError::UnknownVerb),
            ("OFFER".to_owned(), ParseError::UnknownVerb),
            (format!("HELLO {ID} 7"), ParseError::UnknownVerb),
            (format!("offer {ID} 7 x"), ParseError::UnknownVerb),
            (format!("OFFER {ID} 7"), ParseError::WordCount),
            (format!("OFFER {ID} -7 x"), ParseError::Number),
            (format!("OFFER {ID} 9007199254740992 x"), ParseError::Number),
            (format!("OFFER {ID} 99999999999999999999999999 x"), ParseError::Number),
            (format!("ACCEPT {ID}"), ParseError::WordCount),
            (format!("ACCEPT {ID} "), ParseError::Number),
            (format!("ACCEPT {ID} +1"), ParseError::Number),
            (format!("ACCEPT {ID} 1 "), ParseError::WordCount),
            (format!("ACCEPT  {ID} 1"), ParseError::WordCount),
            (format!("ACCEPT {ID}0 1"), ParseError::TransferId),
            (format!("END {ID} 00"), ParseError::FileHash),
            (format!("GET {}", "x".repeat(1021)), ParseError::TooLong(1025)),
        ] {
            assert_eq!(text.parse::<Control>(), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics_and_what_is_read_is_read_again(text in "(OFFER|END|ACCEPT|HAVE|DONE|REFUSE|GET|.{0,5}) ([0-9a-f]{32}|.{0,3}) .{0,70}") {
            if let Ok(control) = text.parse::<Control>() {
                prop_assert_eq!(control.to_string().parse(), Ok(control));
            }
        }
    }
}
