use drywire_core::{Reader, Writer};

use super::{ExtensionType, put};
use crate::SrtpProfile;
use crate::message::{Codes, ParseError, end, vector_u8, vector_u16};

/// `use_srtp` of both sides (RFC 5764, section 4.1.1):
///
/// ```text
/// struct {
///     SRTPProtectionProfile SRTPProtectionProfiles<2..2^16-1>;
///     opaque srtp_mki<0..255>;
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct UseSrtp<'a> {
    pub(crate) profiles: Codes<'a>,
    pub(crate) mki: &'a [u8],
}

impl<'a> UseSrtp<'a> {
    pub(crate) fn parse(data: &'a [u8]) -> Result<Self, ParseError> {
        let mut reader = Reader::new(data);
        let profiles = Codes::parse(vector_u16(&mut reader)?)?;
        let mki = vector_u8(&mut reader)?;
        end(&reader)?;
        Ok(Self { profiles, mki })
    }

    /// The one profile of a server's answer. It must be one of `offered`, and no MKI may come with it, because we
    /// offer none (RFC 5764, section 4.1.1; attack C19).
    pub(crate) fn selected(self, offered: &[SrtpProfile]) -> Result<SrtpProfile, ParseError> {
        let mut profiles = self.profiles.iter();
        let profile = profiles.next().and_then(SrtpProfile::from_code).filter(|one| offered.contains(one));
        match (profile, profiles.next(), self.mki) {
            (Some(profile), None, []) => Ok(profile),
            _ => Err(ParseError::Illegal),
        }
    }
}

/// Writes an offer, or an answer with one profile; no MKI is used (RFC 8827 has none).
pub(crate) fn write(writer: &mut Writer<'_>, profiles: &[SrtpProfile]) {
    put(writer, ExtensionType::USE_SRTP, |w| {
        w.prefixed_u16(|w| {
            for profile in profiles {
                w.u16(profile.code());
            }
        });
        w.u8(0);
    });
}
