use std::fmt;
use std::str::FromStr;

use crate::attribute::{self, Attribute};
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::error::{Invalid, ParseError};
use crate::grammar::{is_token, is_value_byte};
use crate::media::MediaLine;
use crate::origin::Origin;
use crate::section::{MediaSection, Section};

/// The longest text that is read, in bytes: room for more than a thousand media sections of a browser.
pub const MAX_TEXT: usize = 4 << 20;

/// How many lines are read.
pub const MAX_LINES: usize = 1 << 17;

/// The longest line that is read, in bytes.
pub const MAX_LINE: usize = 1 << 16;

/// How many lines one media section or the session level may have. A section of a browser has about 150.
pub const MAX_SECTION_LINES: usize = 2048;

/// How many media sections are read.
pub const MAX_MEDIA_SECTIONS: usize = 4096;

/// A session description (RFC 8866): the text, and where its lines and media sections begin.
///
/// `FromStr` reads it and `Display` writes the same bytes again. Lines end in CRLF or a lone LF (RFC 8866 section 5).
/// A text that begins with an attribute or a media line is read as a fragment (RFC 8840 section 9), which has no
/// `v=`, `o=`, `s=` and `t=` lines: see [`is_fragment`](Self::is_fragment).
#[derive(Clone, PartialEq, Eq)]
pub struct SessionDescription {
    pub(crate) text: String,
    /// The offset of each line. The end of a line is the beginning of the next.
    pub(crate) lines: Vec<u32>,
    /// The number of the line that begins each media section.
    pub(crate) media: Vec<u32>,
}

impl SessionDescription {
    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether this is a fragment (RFC 8840 section 9) and not a whole description.
    #[must_use]
    pub fn is_fragment(&self) -> bool {
        !self.text.starts_with("v=")
    }

    /// The line `o=`. A fragment has none.
    #[must_use]
    pub fn origin(&self) -> Option<Origin<'_>> {
        self.session().line('o').and_then(|value| Origin::parse(value).ok())
    }

    /// The lines before the first media section.
    #[must_use]
    pub fn session(&self) -> Section<'_> {
        Section::new(self, 0, self.media.first().map_or(self.lines.len(), |line| widen(*line)))
    }

    /// How many media sections there are.
    #[must_use]
    pub fn media_len(&self) -> usize {
        self.media.len()
    }

    /// The media section of this index.
    #[must_use]
    pub fn media_section(&self, index: usize) -> Option<MediaSection<'_>> {
        let begin = widen(*self.media.get(index)?);
        let end = self.media.get(index + 1).map_or(self.lines.len(), |line| widen(*line));
        Some(MediaSection::new(Section::new(self, begin, end), index))
    }

    /// The media sections in their order.
    pub fn media_sections(&self) -> impl DoubleEndedIterator<Item = MediaSection<'_>> {
        (0..self.media.len()).filter_map(|index| self.media_section(index))
    }

    /// Adds an attribute at the end of a media section, as a candidate that was found after the description was made.
    /// Returns whether there is such a section.
    ///
    /// # Errors
    /// [`Invalid`] when the attribute does not follow its grammar; then nothing has changed.
    pub fn push_attribute<'a, A: Attribute<'a>>(
        &mut self,
        media: usize,
        attribute: &A,
    ) -> Result<bool, Invalid> {
        let mut line = format!("a={}:", A::NAME);
        attribute.write_value(&mut line).map_err(|_| Invalid::Attribute(A::NAME))?;
        self.push_line(media, &line)
    }

    /// Adds an attribute without a value, as `end-of-candidates`, at the end of a media section.
    ///
    /// # Errors
    /// [`Invalid`] when the name is not a token; then nothing has changed.
    pub fn push_flag(&mut self, media: usize, name: &str) -> Result<bool, Invalid> {
        self.push_line(media, &format!("a={name}"))
    }

    fn push_line(&mut self, media: usize, line: &str) -> Result<bool, Invalid> {
        check_line(line, LineState::Media)?;
        if media >= self.media.len() {
            return Ok(false);
        }
        if self.text.len() + line.len() + 4 > MAX_TEXT {
            return Err(Invalid::TooLong);
        }
        let next = self.media.get(media + 1).map_or(self.lines.len(), |line| widen(*line));
        let begin = self.media.get(media).map_or(0, |line| widen(*line));
        if self.lines.len() >= MAX_LINES || next - begin >= MAX_SECTION_LINES {
            return Err(Invalid::TooManyLines);
        }
        let kept = self.text.trim_end_matches(['\r', '\n']).len();
        if !matches!(self.text.get(kept..), Some("\r\n" | "\n")) {
            self.text.truncate(kept);
            self.text.push_str("\r\n");
        }
        let at = self.lines.get(next).map_or(self.text.len(), |offset| widen(*offset));
        self.text.insert_str(at, "\r\n");
        self.text.insert_str(at, line);
        let added = narrow(line.len() + 2);
        for offset in self.lines.iter_mut().skip(next) {
            *offset += added;
        }
        self.lines.insert(next, narrow(at));
        for first in self.media.iter_mut().skip(media + 1) {
            *first += 1;
        }
        Ok(true)
    }

    /// The line of this number, without its end.
    pub(crate) fn line(&self, number: usize) -> &str {
        let begin = self.lines.get(number).map_or(self.text.len(), |offset| widen(*offset));
        let end = self.lines.get(number + 1).map_or(self.text.len(), |offset| widen(*offset));
        self.text.get(begin..end).unwrap_or_default().trim_end_matches(['\r', '\n'])
    }
}

impl FromStr for SessionDescription {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        if text.len() > MAX_TEXT {
            return Err(ParseError { line: 1, reason: Invalid::TooLong });
        }
        let count = text.bytes().filter(|byte| *byte == b'\n').count() + 1;
        let mut lines = Vec::with_capacity(count.min(MAX_LINES));
        let mut media = Vec::new();
        let mut state = LineState::Begin;
        let mut seen = Seen::default();
        let mut offset = 0;
        for piece in text.split_inclusive('\n') {
            let error = |reason| ParseError { line: lines.len() + 1, reason };
            let line = piece.strip_suffix('\n').unwrap_or(piece);
            let line = line.strip_suffix('\r').unwrap_or(line);
            if line.is_empty() && text.get(offset..).unwrap_or_default().trim().is_empty() {
                break;
            }
            let begin = media.last().map_or(0, |line| widen(*line));
            let full = lines.len() - begin >= MAX_SECTION_LINES && !line.starts_with("m=");
            if full || lines.len() == MAX_LINES {
                return Err(error(Invalid::TooManyLines));
            }
            state = check_line(line, state).map_err(error)?;
            if line.starts_with("m=") {
                if media.len() == MAX_MEDIA_SECTIONS {
                    return Err(error(Invalid::TooManyMediaSections));
                }
                media.push(narrow(lines.len()));
            } else if state == LineState::Session {
                seen.see(line).map_err(error)?;
            }
            lines.push(narrow(offset));
            offset += piece.len();
        }
        let end = |reason| ParseError { line: lines.len().max(1), reason };
        match state {
            LineState::Begin => return Err(end(Invalid::Missing('v'))),
            LineState::Origin => return Err(end(Invalid::Missing('o'))),
            LineState::Session | LineState::Media if text.starts_with("v=") => seen.all().map_err(end)?,
            _ => {}
        }
        Ok(Self { text: text.to_owned(), lines, media })
    }
}

/// What may come next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LineState {
    /// The first line.
    Begin,
    /// The line `o=`, which follows `v=`.
    Origin,
    /// Lines of the session.
    Session,
    /// Lines of a media section, and more sections.
    Media,
}

/// The lines `s=` and `t=` that RFC 8866 section 5 demands.
#[derive(Default)]
struct Seen {
    name: bool,
    time: bool,
}

impl Seen {
    fn see(&mut self, line: &str) -> Result<(), Invalid> {
        match line.as_bytes().first() {
            Some(b's') if std::mem::replace(&mut self.name, true) => Err(Invalid::OutOfPlace('s')),
            Some(b't') => {
                self.time = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    fn all(&self) -> Result<(), Invalid> {
        match (self.name, self.time) {
            (false, _) => Err(Invalid::Missing('s')),
            (_, false) => Err(Invalid::Missing('t')),
            _ => Ok(()),
        }
    }
}

/// Checks one line without its end, given what may come, and says what may come then.
pub(crate) fn check_line(line: &str, state: LineState) -> Result<LineState, Invalid> {
    let Some((&[letter, b'='], value)) =
        line.as_bytes().split_first_chunk::<2>().map(|(head, _)| (head, line.get(2..).unwrap_or_default()))
    else {
        return Err(Invalid::Form);
    };
    if !letter.is_ascii_lowercase() {
        return Err(Invalid::Form);
    }
    if line.len() > MAX_LINE {
        return Err(Invalid::TooLong);
    }
    if !value.bytes().all(is_value_byte) {
        return Err(Invalid::Byte);
    }
    let letter = char::from(letter);
    match (state, letter) {
        (LineState::Begin, 'v') => {
            return if value == "0" { Ok(LineState::Origin) } else { Err(Invalid::Line('v')) };
        }
        (LineState::Origin, 'o') => return Origin::parse(value).map(|_| LineState::Session),
        (LineState::Origin, _) => return Err(Invalid::Missing('o')),
        // A fragment has attributes and media sections only (RFC 8840 section 9).
        (LineState::Begin, 'a' | 'm') => {}
        (LineState::Begin, _) => return Err(Invalid::Missing('v')),
        (LineState::Session | LineState::Media, 'v' | 'o') | (LineState::Media, 's' | 't') => {
            return Err(Invalid::OutOfPlace(letter));
        }
        (LineState::Session | LineState::Media, _) => {}
    }
    match letter {
        'a' => {
            let (name, value) = value.split_once(':').unwrap_or((value, ""));
            if !is_token(name) {
                return Err(Invalid::AttributeName);
            }
            attribute::check(name, value)?;
        }
        'm' => {
            MediaLine::parse(value)?;
            return Ok(LineState::Media);
        }
        'c' => _ = Connection::parse(value)?,
        'b' => _ = Bandwidth::parse(value)?,
        _ => {}
    }
    Ok(if state == LineState::Media { LineState::Media } else { LineState::Session })
}

/// Offsets and counts stay far below 2^32, because [`MAX_TEXT`] does.
pub(crate) fn narrow(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

pub(crate) fn widen(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

impl fmt::Display for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Debug for SessionDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Passwords and keys stay out of logs.
        let shown = |line| match line {
            line if str::starts_with(line, "a=ice-pwd:") => "a=ice-pwd:..",
            line if line.starts_with("a=crypto:") => "a=crypto:..",
            line => line,
        };
        f.debug_list().entries((0..self.lines.len()).map(|number| shown(self.line(number)))).finish()
    }
}

#[cfg(test)]
mod tests;
