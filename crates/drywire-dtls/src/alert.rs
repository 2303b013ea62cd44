use std::fmt;

/// Why a session ends, with its number in the TLS alert registry (RFC 8446, section 6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Alert(u8);

impl Alert {
    /// The sender is done.
    pub const CLOSE_NOTIFY: Self = Self(0);
    /// A message came that does not belong there.
    pub const UNEXPECTED_MESSAGE: Self = Self(10);
    /// A record could not be authenticated. Never sent here: such records are discarded (RFC 9147, section 4.5.2).
    pub const BAD_RECORD_MAC: Self = Self(20);
    /// A record was longer than any may be.
    pub const RECORD_OVERFLOW: Self = Self(22);
    /// No common parameters.
    pub const HANDSHAKE_FAILURE: Self = Self(40);
    /// A certificate was corrupt, or its fingerprint is not the announced one.
    pub const BAD_CERTIFICATE: Self = Self(42);
    /// A certificate was of a type that is not supported.
    pub const UNSUPPORTED_CERTIFICATE: Self = Self(43);
    /// A field was out of range or inconsistent.
    pub const ILLEGAL_PARAMETER: Self = Self(47);
    /// A message could not be parsed.
    pub const DECODE_ERROR: Self = Self(50);
    /// A signature or a Finished message is wrong.
    pub const DECRYPT_ERROR: Self = Self(51);
    /// No common version.
    pub const PROTOCOL_VERSION: Self = Self(70);
    /// Something failed that is not the peer's fault.
    pub const INTERNAL_ERROR: Self = Self(80);
    /// The user gave up: followed by a close_notify.
    pub const USER_CANCELED: Self = Self(90);
    /// An extension is missing that must be there.
    pub const MISSING_EXTENSION: Self = Self(109);
    /// An extension was answered that was not offered.
    pub const UNSUPPORTED_EXTENSION: Self = Self(110);
    /// A certificate was asked for and not given.
    pub const CERTIFICATE_REQUIRED: Self = Self(116);
    /// No common application protocol (RFC 7301).
    pub const NO_APPLICATION_PROTOCOL: Self = Self(120);

    /// The alert with a number in the registry.
    #[must_use]
    pub const fn from_code(code: u8) -> Self {
        Self(code)
    }

    /// The number in the registry.
    #[must_use]
    pub const fn code(self) -> u8 {
        self.0
    }
}

impl fmt::Display for Alert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            0 => "close_notify",
            10 => "unexpected_message",
            20 => "bad_record_mac",
            22 => "record_overflow",
            40 => "handshake_failure",
            42 => "bad_certificate",
            43 => "unsupported_certificate",
            44 => "certificate_revoked",
            45 => "certificate_expired",
            46 => "certificate_unknown",
            47 => "illegal_parameter",
            48 => "unknown_ca",
            49 => "access_denied",
            50 => "decode_error",
            51 => "decrypt_error",
            70 => "protocol_version",
            71 => "insufficient_security",
            80 => "internal_error",
            86 => "inappropriate_fallback",
            90 => "user_canceled",
            100 => "no_renegotiation",
            109 => "missing_extension",
            110 => "unsupported_extension",
            112 => "unrecognized_name",
            116 => "certificate_required",
            120 => "no_application_protocol",
            code => return write!(f, "alert {code}"),
        })
    }
}
