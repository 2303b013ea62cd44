//! The command line that the runner gives to a shim: each test is a set of flags.

use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

/// A flag that this shim does not know, or its value: the runner is told that the test is not implemented.
#[derive(Debug, Error)]
pub(crate) enum FlagError {
    #[error("flag {0} is not implemented")]
    Unknown(String),
    #[error("flag {0} needs a value")]
    MissingValue(String),
    #[error("flag {flag} cannot have the value {value}")]
    BadValue { flag: String, value: String },
}

/// A certificate of the shim's.
#[derive(Clone, Debug, Default)]
pub(crate) struct Credential {
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) key: Option<PathBuf>,
    /// The schemes that the key may sign with, in order of preference; empty: all that fit it.
    pub(crate) signing_prefs: Vec<u16>,
}

/// What the runner wants the shim to do.
#[derive(Clone, Debug)]
pub(crate) struct Flags {
    pub(crate) port: u16,
    pub(crate) ipv6: bool,
    pub(crate) shim_id: u64,
    pub(crate) server: bool,
    pub(crate) dtls: bool,
    /// The credential that is used when none of the list fits, as the runner counts: number -1.
    pub(crate) default_credential: Credential,
    pub(crate) credentials: Vec<Credential>,
    pub(crate) expect_selected_credential: Option<i32>,
    pub(crate) verify_peer: bool,
    pub(crate) verify_fail: bool,
    /// Whether the application chooses the alert when it does not trust the peer.
    pub(crate) custom_verify: bool,
    pub(crate) require_any_client_certificate: bool,
    pub(crate) verify_prefs: Vec<u16>,
    pub(crate) curves: Vec<u16>,
    pub(crate) min_version: Option<u16>,
    pub(crate) max_version: Option<u16>,
    pub(crate) no_dtls12: bool,
    pub(crate) no_dtls13: bool,
    pub(crate) cipher: Option<String>,
    pub(crate) srtp_profiles: Vec<String>,
    pub(crate) mtu: Option<usize>,
    pub(crate) initial_timeout: Option<Duration>,
    pub(crate) shim_writes_first: bool,
    pub(crate) send_alert: bool,
    pub(crate) export_len: usize,
    pub(crate) export_label: String,
    pub(crate) export_context: String,
    pub(crate) use_export_context: bool,
    pub(crate) key_update_before_read: bool,
}

impl Flags {
    pub(crate) fn parse(args: impl Iterator<Item = String>) -> Result<Self, FlagError> {
        let mut flags = Self {
            port: 0,
            ipv6: false,
            shim_id: 0,
            server: false,
            dtls: false,
            default_credential: Credential::default(),
            credentials: Vec::new(),
            expect_selected_credential: None,
            verify_peer: false,
            verify_fail: false,
            custom_verify: false,
            require_any_client_certificate: false,
            verify_prefs: Vec::new(),
            curves: Vec::new(),
            min_version: None,
            max_version: None,
            no_dtls12: false,
            no_dtls13: false,
            cipher: None,
            srtp_profiles: Vec::new(),
            mtu: None,
            initial_timeout: None,
            shim_writes_first: false,
            send_alert: false,
            export_len: 0,
            export_label: String::new(),
            export_context: String::new(),
            use_export_context: false,
            key_update_before_read: false,
        };
        let mut args = Args { rest: args };
        while let Some(flag) = args.rest.next() {
            flags.take(&flag, &mut args)?;
        }
        if !flags.dtls {
            return Err(FlagError::Unknown("(stream protocols)".to_owned()));
        }
        Ok(flags)
    }

    fn take<I: Iterator<Item = String>>(&mut self, flag: &str, args: &mut Args<I>) -> Result<(), FlagError> {
        match flag {
            "-port" => self.port = args.number(flag)?,
            "-ipv6" => self.ipv6 = true,
            "-shim-id" => self.shim_id = args.number(flag)?,
            "-server" => self.server = true,
            "-dtls" => self.dtls = true,
            "-new-x509-credential" => self.credentials.push(Credential::default()),
            "-cert-file" => self.credential().certificate = Some(args.value(flag)?.into()),
            "-key-file" => self.credential().key = Some(args.value(flag)?.into()),
            "-signing-prefs" => {
                let scheme = args.number(flag)?;
                self.credential().signing_prefs.push(scheme);
            }
            "-expect-selected-credential" => self.expect_selected_credential = Some(args.number(flag)?),
            "-verify-peer" => self.verify_peer = true,
            "-use-custom-verify-callback" => self.custom_verify = true,
            "-verify-fail" => self.verify_fail = true,
            "-require-any-client-certificate" => self.require_any_client_certificate = true,
            "-verify-prefs" => self.verify_prefs.push(args.number(flag)?),
            "-curves" => self.curves.push(args.number(flag)?),
            "-min-version" => self.min_version = Some(args.number(flag)?),
            "-max-version" => self.max_version = Some(args.number(flag)?),
            "-no-tls12" => self.no_dtls12 = true,
            "-no-tls13" => self.no_dtls13 = true,
            "-cipher" => self.cipher = Some(args.value(flag)?),
            "-srtp-profiles" => self.srtp_profiles = args.value(flag)?.split(':').map(str::to_owned).collect(),
            "-mtu" => self.mtu = Some(args.number(flag)?),
            "-initial-timeout-duration-ms" => {
                self.initial_timeout = Some(Duration::from_millis(args.number(flag)?));
            }
            "-shim-writes-first" => self.shim_writes_first = true,
            "-send-alert" => self.send_alert = true,
            "-export-keying-material" => self.export_len = args.number(flag)?,
            "-export-label" => self.export_label = args.value(flag)?,
            "-export-context" => self.export_context = args.value(flag)?,
            "-use-export-context" => self.use_export_context = true,
            "-key-update-before-read" => self.key_update_before_read = true,
            // Other ways to call BoringSSL, which a machine without I/O has no use for: it never blocks, and it has
            // one way to say whether a certificate is trusted.
            "-async"
            | "-implicit-handshake"
            | "-use-old-client-cert-callback"
            // There is neither DTLS 1.0 nor resumption here, so that these are true of every connection.
            | "-no-tls1"
            | "-no-tls11"
            | "-expect-no-session" => {}
            // Nothing is verified with roots: the application checks a fingerprint.
            "-trust-cert" => {
                args.value(flag)?;
            }
            _ => return Err(FlagError::Unknown(flag.to_owned())),
        }
        Ok(())
    }

    /// The credential that the flags after `-new-x509-credential`, or without it, describe.
    fn credential(&mut self) -> &mut Credential {
        self.credentials.last_mut().unwrap_or(&mut self.default_credential)
    }
}

struct Args<I> {
    rest: I,
}

impl<I: Iterator<Item = String>> Args<I> {
    fn value(&mut self, flag: &str) -> Result<String, FlagError> {
        self.rest.next().ok_or_else(|| FlagError::MissingValue(flag.to_owned()))
    }

    fn number<T: std::str::FromStr>(&mut self, flag: &str) -> Result<T, FlagError> {
        let value = self.value(flag)?;
        value.parse().map_err(|_| FlagError::BadValue { flag: flag.to_owned(), value })
    }
}
