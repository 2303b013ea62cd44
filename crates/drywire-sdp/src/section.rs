use crate::attribute::Attribute;
use crate::attributes::candidate::Candidate;
use crate::attributes::direction::Direction;
use crate::attributes::fingerprint::Fingerprint;
use crate::attributes::ice::{IceOptions, IcePwd, IceUfrag};
use crate::attributes::setup::Setup;
use crate::attributes::tls_id::TlsId;
use crate::bandwidth::Bandwidth;
use crate::connection::Connection;
use crate::description::SessionDescription;
use crate::media::MediaLine;

/// One line: its letter and what stands behind the `=`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line<'a> {
    /// The letter that says what the line is.
    pub letter: char,
    /// The value.
    pub value: &'a str,
}

/// One attribute, known or not: its name, and what stands behind the colon if there is one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttributeLine<'a> {
    /// The name.
    pub name: &'a str,
    /// The value; `None` for a mere flag as `a=rtcp-mux`.
    pub value: Option<&'a str>,
}

/// The lines of the session, or those of one media section.
#[derive(Debug, Clone, Copy)]
pub struct Section<'a> {
    description: &'a SessionDescription,
    begin: usize,
    end: usize,
}

impl<'a> Section<'a> {
    pub(crate) fn new(description: &'a SessionDescription, begin: usize, end: usize) -> Self {
        Self { description, begin, end }
    }

    /// All lines in their order.
    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> + use<'a> {
        let description = self.description;
        (self.begin..self.end).filter_map(move |number| {
            let line = description.line(number);
            Some(Line { letter: line.chars().next()?, value: line.get(2..)? })
        })
    }

    /// The value of the first line with this letter.
    #[must_use]
    pub fn line(&self, letter: char) -> Option<&'a str> {
        self.lines().find(|line| line.letter == letter).map(|line| line.value)
    }

    /// All attributes in their order.
    pub fn attributes(&self) -> impl Iterator<Item = AttributeLine<'a>> + use<'a> {
        self.lines().filter(|line| line.letter == 'a').map(|line| match line.value.split_once(':') {
            Some((name, value)) => AttributeLine { name, value: Some(value) },
            None => AttributeLine { name: line.value, value: None },
        })
    }

    /// The value of the first attribute of this name; empty when it has none.
    #[must_use]
    pub fn value(&self, name: &str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Whether there is an attribute of this name, as `rtcp-mux`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The first attribute of type `A`.
    #[must_use]
    pub fn first<A: Attribute<'a>>(&self) -> Option<A> {
        self.all().next()
    }

    /// All attributes of type `A` in their order.
    pub fn all<A: Attribute<'a>>(&self) -> impl Iterator<Item = A> + use<'a, A> {
        self.values(A::NAME).filter_map(|value| A::parse(value).ok())
    }

    fn values<'n>(&self, name: &'n str) -> impl Iterator<Item = &'a str> + use<'a, 'n> {
        let description = self.description;
        (self.begin..self.end).filter_map(move |number| {
            let rest = description.line(number).strip_prefix("a=")?.strip_prefix(name)?;
            if rest.is_empty() { Some(rest) } else { rest.strip_prefix(':') }
        })
    }

    /// The direction, if one is written here.
    #[must_use]
    pub fn written_direction(&self) -> Option<Direction> {
        self.attributes().find_map(|attribute| Direction::from_name(attribute.name))
    }
}

/// One media section: its line `m=` and the lines up to the next one.
///
/// What [`Section`] reads stands in the section itself; the methods here also know which attributes a media section
/// inherits from the session level, where its own always win.
#[derive(Debug, Clone, Copy)]
pub struct MediaSection<'a> {
    section: Section<'a>,
    index: usize,
}

impl<'a> std::ops::Deref for MediaSection<'a> {
    type Target = Section<'a>;

    fn deref(&self) -> &Section<'a> {
        &self.section
    }
}

impl<'a> MediaSection<'a> {
    pub(crate) fn new(section: Section<'a>, index: usize) -> Self {
        Self { section, index }
    }

    /// The index of this section among the media sections.
    #[must_use]
    pub fn index(&self) -> usize {
        self.index
    }

    /// The line `m=`.
    #[must_use]
    pub fn media_line(&self) -> MediaLine<'a> {
        let value = self.section.description.line(self.section.begin).get(2..).unwrap_or_default();
        // The line was checked when the description was read or built, so the other case does not happen.
        MediaLine::parse(value).unwrap_or(MediaLine::NONE)
    }

    /// The value of `a=mid` (RFC 5888).
    #[must_use]
    pub fn mid(&self) -> Option<&'a str> {
        self.value("mid")
    }

    /// The line `c=`, or that of the session.
    #[must_use]
    pub fn connection(&self) -> Option<Connection<'a>> {
        let value = self.line('c').or_else(|| self.session().line('c'))?;
        Connection::parse(value).ok()
    }

    /// The lines `b=`.
    pub fn bandwidths(&self) -> impl Iterator<Item = Bandwidth<'a>> + use<'a> {
        self.lines().filter(|line| line.letter == 'b').filter_map(|line| Bandwidth::parse(line.value).ok())
    }

    /// The direction: the one written here, else that of the session, else `sendrecv` (RFC 8866 section 6.7).
    #[must_use]
    pub fn direction(&self) -> Direction {
        self.written_direction().or_else(|| self.session().written_direction()).unwrap_or(Direction::SendRecv)
    }

    /// The first attribute of type `A` here, else at the session level.
    #[must_use]
    pub fn inherited<A: Attribute<'a>>(&self) -> Option<A> {
        self.first().or_else(|| self.session().first())
    }

    /// Whether the flag stands here or at the session level.
    #[must_use]
    pub fn inherits(&self, name: &str) -> bool {
        self.has(name) || self.session().has(name)
    }

    /// `a=ice-ufrag` (RFC 8839 section 5.4), from here or the session level.
    #[must_use]
    pub fn ice_ufrag(&self) -> Option<&'a str> {
        self.inherited::<IceUfrag<'a>>().map(|ufrag| ufrag.as_str())
    }

    /// `a=ice-pwd` (RFC 8839 section 5.4), from here or the session level.
    #[must_use]
    pub fn ice_pwd(&self) -> Option<&'a str> {
        self.inherited::<IcePwd<'a>>().map(|pwd| pwd.as_str())
    }

    /// `a=ice-options` (RFC 8839 section 5.6), from here or the session level.
    #[must_use]
    pub fn ice_options(&self) -> Option<IceOptions<'a>> {
        self.inherited()
    }

    /// `a=setup` (RFC 8842), from here or the session level.
    #[must_use]
    pub fn setup(&self) -> Option<Setup> {
        self.inherited()
    }

    /// `a=tls-id` (RFC 8842). It has no place at the session level.
    #[must_use]
    pub fn tls_id(&self) -> Option<TlsId<'a>> {
        self.first()
    }

    /// Whether packets with encrypted headers are received: `a=cryptex` (RFC 9335 section 4), here or at the session
    /// level.
    #[must_use]
    pub fn cryptex(&self) -> bool {
        self.has("cryptex") || self.session().has("cryptex")
    }

    /// `a=fingerprint` (RFC 8122): those written here, else those of the session level.
    pub fn fingerprints(&self) -> impl Iterator<Item = Fingerprint<'a>> + use<'a> {
        let own = self.has(Fingerprint::NAME);
        let section = if own { self.section } else { self.session() };
        section.all()
    }

    /// `a=candidate` (RFC 8839 section 5.1).
    pub fn candidates(&self) -> impl Iterator<Item = Candidate> + use<'a> {
        self.all()
    }

    /// Whether the section is rejected, or was offered as such: its port is 0 and it is not `a=bundle-only`
    /// (RFC 9143 section 6).
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.media_line().port() == 0 && !self.has("bundle-only")
    }

    fn session(&self) -> Section<'a> {
        self.section.description.session()
    }
}
