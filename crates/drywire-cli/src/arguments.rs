use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};

use crate::ice_servers::IceServerFlag;
use crate::stun::StunOptions;
use crate::turn::TurnOptions;

/// WebRTC without I/O: an echo server with a page to try it, and a client that tests such servers.
#[derive(Debug, Parser)]
#[command(name = "drywire", version, args_conflicts_with_subcommands = true)]
#[command(after_help = "Without a command, drywire serves. What it does is logged to standard error as the \
                        environment variable RUST_LOG says, for example RUST_LOG=drywire=debug.")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: ServeOptions,
}

impl Arguments {
    /// The command given, or the one that stands for none.
    pub(crate) fn command(self) -> Command {
        self.command.unwrap_or(Command::Serve(self.serve))
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Serve a page whose camera, microphone, text and files come back over WebRTC (default)
    ///
    /// The first line on standard output is the address to open in a browser. Other programs connect by
    /// `POST /offer` with the JSON {"type":"offer","sdp":"…"}; `GET /stats` lists the sessions.
    Serve(ServeOptions),
    /// Serve TURN and STUN: a relay for those who cannot reach each other, and the answer to where one comes from
    ///
    /// The first line on standard output says what it listens on. After SIGTERM or ctrl-c it makes no more allocations and
    /// ends with the last one; after a second one it ends at once.
    Turn(Box<TurnOptions>),
    /// Ask a STUN server for the address that it sees, and find out how the NAT between behaves
    ///
    /// How a NAT behaves is told by servers with two addresses (RFC 5780). Exits with 0 when the address is known, and
    /// with 1 otherwise.
    Stun(Box<StunOptions>),
    /// Connect to an echo server, check that everything comes back, and print one line of JSON
    ///
    /// Exits with 0 when all that was sent came back unchanged, and with 1 otherwise.
    Dial(DialOptions),
    /// Send a file to a server that was started with --files, and print one line of JSON
    ///
    /// If the connection is lost, the transfer goes on from where it was on another one; also if the same file is sent
    /// again by another run. Exits with 0 when the server has the file and the SHA-256 is equal, and with 1 otherwise.
    Send(SendOptions),
    /// Get a file from a server that was started with --files, and print one line of JSON
    ///
    /// What has arrived when the program ends is kept, and another run goes on from there. Exits with 0 when the file is
    /// complete and its SHA-256 is equal, and with 1 otherwise.
    Receive(ReceiveOptions),
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ServeOptions {
    /// The address of the page; port 0 lets the system choose
    #[arg(long, value_name = "ADDR:PORT", default_value = "127.0.0.1:8080")]
    pub(crate) listen: SocketAddr,
    /// Keep the files that are sent, in this folder, and hand out those that are there: whoever reaches the page may do
    /// both. Without it files go back as they come, and nothing is stored
    #[arg(long, value_name = "FOLDER")]
    pub(crate) files: Option<PathBuf>,
    /// The longest file that is kept, in bytes
    #[arg(long, value_name = "BYTES", default_value_t = 4 << 30, requires = "files")]
    pub(crate) max_file: u64,
    /// Take the DTLS handshake inside STUN from browsers that offer it, which saves a round trip (an experiment:
    /// draft-hancke-webrtc-sped; Chromium with --force-fieldtrials=WebRTC-IceHandshakeDtls/Enabled/)
    #[arg(long)]
    pub(crate) sped: bool,
    /// Begin data channels without the handshake of SCTP with browsers that offer it, which saves a round trip (an
    /// experiment: draft-hancke-tsvwg-snap; Chromium with --force-fieldtrials=WebRTC-Sctp-Snap/Enabled/)
    #[arg(long)]
    pub(crate) snap: bool,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct DialOptions {
    /// Where to post the offer, for example http://127.0.0.1:8080/offer
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The time for everything together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "30", value_parser = seconds)]
    pub(crate) timeout: Duration,
    /// Leave out audio, and test data channels only
    #[arg(long)]
    pub(crate) data_only: bool,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct SendOptions {
    /// The file to send
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct ReceiveOptions {
    /// The name of the file at the server
    #[arg(value_name = "NAME")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) transfer: TransferOptions,
    /// The folder to store it in, which is made if it is not there
    #[arg(long, value_name = "FOLDER", default_value = ".")]
    pub(crate) into: PathBuf,
}

#[derive(Args, Clone, Debug)]
pub(crate) struct TransferOptions {
    /// Where to post the offer, for example http://127.0.0.1:8080/offer
    #[arg(value_name = "URL")]
    pub(crate) url: String,
    /// The time for everything together, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "3600", value_parser = seconds)]
    pub(crate) timeout: Duration,
    #[command(flatten)]
    pub(crate) network: NetworkOptions,
}

/// How the program gets through the network to its peer, and the other way round.
#[derive(Args, Clone, Debug)]
#[command(next_help_heading = "Network")]
pub(crate) struct NetworkOptions {
    /// The address for media and data, may be repeated [default: a free port on every interface, IPv4 and IPv6]
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) udp: Vec<SocketAddr>,
    /// Take connections of peers over TCP on this address, for those whose network lets no UDP through; may be repeated
    #[arg(long, value_name = "ADDR:PORT")]
    pub(crate) tcp: Vec<SocketAddr>,
    /// Ask a STUN server for our address, or have a TURN server relay, may be repeated: stun:HOST[:PORT] or
    /// turn[s]:[NAME:PASSWORD@]HOST[:PORT][?transport=udp|tcp]
    #[arg(long = "ice-server", value_name = "URL")]
    pub(crate) ice_servers: Vec<IceServerFlag>,
    /// The user name for TURN servers whose URL has none
    #[arg(long, value_name = "NAME", requires = "ice_password")]
    pub(crate) ice_user: Option<String>,
    /// The password for TURN servers whose URL has none
    #[arg(long, value_name = "PASSWORD", requires = "ice_user")]
    pub(crate) ice_password: Option<String>,
    /// Send and receive over TURN servers only, so that the peer does not learn where this host is
    #[arg(long, requires = "ice_servers")]
    pub(crate) relay_only: bool,
    /// Tell peers names in the place of this host's addresses, which they can resolve on the same link (multicast DNS)
    #[arg(long)]
    pub(crate) hide_addresses: bool,
    /// Trust the root certificates of this file (PEM), too, when a TURN server is spoken to over TLS
    #[arg(long, value_name = "FILE")]
    pub(crate) tls_root: Option<PathBuf>,
    /// Append the secrets of all connections to a file, with which Wireshark decrypts captures of them: for debugging
    /// only, as whoever has the file reads everything
    #[arg(long, value_name = "FILE")]
    pub(crate) key_log: Option<PathBuf>,
}

pub(crate) fn seconds(text: &str) -> Result<Duration, String> {
    let number: f64 = text.parse().map_err(|_| "not a number of seconds".to_owned())?;
    match Duration::try_from_secs_f64(number) {
        Ok(duration) if !duration.is_zero() && duration <= Duration::from_secs(3600) => Ok(duration),
        _ => Err("between 0 and 3600 seconds, please".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Result<Command, clap::Error> {
        Arguments::try_parse_from(line.split_whitespace()).map(Arguments::command)
    }

    #[test]
    fn without_a_command_it_serves_on_the_loopback_interface() {
        let Ok(Command::Serve(options)) = parse("drywire") else { panic!("not serve") };
        assert_eq!(options.listen, "127.0.0.1:8080".parse().unwrap());
        assert!(options.network.udp.is_empty());
    }

    #[test]
    fn options_go_with_and_without_the_command() {
        for line in
            ["drywire --listen [::]:0 --udp 0.0.0.0:9", "drywire serve --listen [::]:0 --udp 0.0.0.0:9"]
        {
            let Ok(Command::Serve(options)) = parse(line) else { panic!("not serve: {line}") };
            assert_eq!(options.listen, "[::]:0".parse().unwrap());
            assert_eq!(options.network.udp, ["0.0.0.0:9".parse().unwrap()]);
        }
    }

    #[test]
    fn the_network_is_described_the_same_way_everywhere() {
        let options = "--ice-server stun:stun.example.org --ice-server turn:alice:pw@192.0.2.1?transport=tcp \
                       --relay-only --tcp 0.0.0.0:0 --hide-addresses";
        for command in ["", "serve", "dial http://x", "send file http://x", "receive name http://x"] {
            let network = match parse(&format!("drywire {command} {options}")) {
                Ok(Command::Serve(options)) => options.network,
                Ok(Command::Dial(options)) => options.network,
                Ok(Command::Send(options)) => options.transfer.network,
                Ok(Command::Receive(options)) => options.transfer.network,
                other => panic!("{command}: {other:?}"),
            };
            assert_eq!(network.ice_servers.len(), 2, "{command}");
            assert!(network.relay_only && network.hide_addresses && network.tcp.len() == 1, "{command}");
        }
        for wrong in ["--ice-user alice", "--relay-only", "--ice-server http://x", "--ice-server turn://x"] {
            assert!(parse(&format!("drywire dial http://x {wrong}")).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_timeout_is_a_number_of_seconds() {
        let timeout = |text: &str| match parse(&format!("drywire dial http://[::1]/offer --timeout {text}")) {
            Ok(Command::Dial(options)) => Some(options.timeout),
            _ => None,
        };
        assert_eq!(timeout("1.5"), Some(Duration::from_millis(1500)));
        for wrong in ["0", "x", "1e9", "NaN"] {
            assert_eq!(timeout(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_definition_is_consistent() {
        <Arguments as clap::CommandFactory>::command().debug_assert();
    }
}
