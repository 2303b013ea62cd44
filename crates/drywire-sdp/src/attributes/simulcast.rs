//! `a=simulcast` (RFC 8853 section 5).

use std::fmt;

use crate::attribute::Attribute;
use crate::attributes::rid::{Rid, RidDirection};
use crate::error::Invalid;
use crate::grammar::Words;

const INVALID: Invalid = Invalid::Attribute("simulcast");

/// The encodings that are sent or received at once. `;` parts streams, `,` alternatives of one stream, and `~` marks
/// an encoding that starts paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Simulcast<'a> {
    send: Option<&'a str>,
    recv: Option<&'a str>,
}

impl<'a> Simulcast<'a> {
    /// The streams of one direction, seen from the side that wrote the line, each with its alternatives as written.
    pub fn streams(&self, direction: RidDirection) -> impl Iterator<Item = &'a str> + use<'a> {
        let list = match direction {
            RidDirection::Send => self.send,
            RidDirection::Recv => self.recv,
        };
        list.into_iter().flat_map(|list| list.split(';'))
    }
}

impl<'a> Attribute<'a> for Simulcast<'a> {
    const NAME: &'static str = "simulcast";

    fn parse(value: &'a str) -> Result<Self, Invalid> {
        let mut simulcast = Self { send: None, recv: None };
        let mut words = Words::new(value);
        while let Some(direction) = words.next() {
            let list = words.next().ok_or(INVALID)?;
            let id = |id: &str| Rid::is_id(id.strip_prefix('~').unwrap_or(id));
            if !list.split([';', ',']).all(id) {
                return Err(INVALID);
            }
            let twice = match direction {
                "send" => simulcast.send.replace(list),
                "recv" => simulcast.recv.replace(list),
                _ => return Err(INVALID),
            };
            if twice.is_some() {
                return Err(INVALID);
            }
        }
        if simulcast.send.or(simulcast.recv).is_none() { Err(INVALID) } else { Ok(simulcast) }
    }

    fn write_value(&self, out: &mut dyn fmt::Write) -> fmt::Result {
        let space = if self.send.is_some() && self.recv.is_some() { " " } else { "" };
        self.send.map_or(Ok(()), |list| write!(out, "send {list}{space}"))?;
        self.recv.map_or(Ok(()), |list| write!(out, "recv {list}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn round_trip() {
        for text in ["send q;h;f", "recv 1", "send 1,~2;3 recv ~4"] {
            let mut out = String::new();
            Simulcast::parse(text).unwrap().write_value(&mut out).unwrap();
            assert_eq!(out, text);
        }
        let simulcast = Simulcast::parse("send 1,~2;3").unwrap();
        assert_eq!(simulcast.streams(RidDirection::Send).collect::<Vec<_>>(), ["1,~2", "3"]);
        assert_eq!(simulcast.streams(RidDirection::Recv).count(), 0);
        for wrong in ["", "send", "both 1", "send 1 send 2", "send 1;;2"] {
            assert!(Simulcast::parse(wrong).is_err(), "{wrong}");
        }
    }
}
