use std::fmt::Debug;

/// Receives the secrets of connections, for tools that decrypt captures of them. Whoever has the secrets reads
/// everything: never switch it on for other people's sessions.
///
/// The labels are those of the key log format that Wireshark and others read (RFC 9850); a line of it is the label, the
/// client's random and the secret in hexadecimal, separated by spaces:
///
/// ```
/// #[derive(Debug)]
/// struct Print;
///
/// impl drywire_dtls::KeyLog for Print {
///     fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]) {
///         let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
///         println!("{label} {} {}", hex(client_random), hex(secret));
///     }
/// }
/// ```
pub trait KeyLog: Send + Sync + Debug {
    /// Takes one secret: `CLIENT_RANDOM` in DTLS 1.2; in DTLS 1.3 `CLIENT_HANDSHAKE_TRAFFIC_SECRET`,
    /// `SERVER_HANDSHAKE_TRAFFIC_SECRET`, `CLIENT_TRAFFIC_SECRET_0`, `SERVER_TRAFFIC_SECRET_0` and `EXPORTER_SECRET`.
    fn log(&self, label: &'static str, client_random: &[u8; 32], secret: &[u8]);
}
