//! The size of packets on a path of the kernel's own that swallows what is too long without a word: two network namespaces and a
//! link between them whose far end takes less than the near one sends. Skipped, with the reason printed, where this machine does
//! not let us make any.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test of programs that wait for each other; what it expects and does not find is a failure"
)]

use std::io::{BufRead, BufReader, Lines, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use drywire::datachannel::{ChannelId, ChannelOptions, Message, MessageKind};
use drywire::jsep::DescriptionType;
use drywire::{Config, Endpoint, EndpointConfig, Event, Instant, PeerId, crypto};
use drywire_tokio::{Driver, Handle, Socket, now, since_epoch, wall_clock};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Set in a process that is one of the peers: the address of its end.
const ADDRESS: &str = "DRYWIRE_PATH_MTU_ADDRESS";
const NEAR: &str = "192.0.2.1";
const FAR: &str = "192.0.2.2";
/// What the kernel adds to a UDP payload on the link: Ethernet, IPv4, UDP.
const LINK_OVERHEAD: u64 = 14 + 20 + 8;
const MESSAGE: usize = 16 * 1024;
const MIB: usize = 1 << 20;

/// Two network namespaces, gone with this.
struct Namespaces([String; 2]);

impl Namespaces {
    fn new() -> Result<Self, String> {
        let made = Self(["near", "far"].map(|end| format!("drywire-{}-{end}", std::process::id())));
        let [near, far] = &made.0;
        ip(&["netns", "add", near])?;
        ip(&["netns", "add", far])?;
        ip(&["link", "add", "near", "netns", near, "type", "veth", "peer", "name", "far", "netns", far])?;
        for (namespace, end, address) in [(near, "near", NEAR), (far, "far", FAR)] {
            ip(&["-n", namespace, "address", "add", &format!("{address}/24"), "dev", end])?;
            ip(&["-n", namespace, "link", "set", end, "up"])?;
        }
        Ok(made)
    }

    /// The longest IP packet that the far end takes.
    fn narrow(&self, mtu: u32) {
        ip(&["-n", &self.0[1], "link", "set", "far", "mtu", &mtu.to_string()]).unwrap();
    }

    /// Bytes and packets that have come in at the far end.
    fn counts(&self) -> [u64; 2] {
        ["rx_bytes", "rx_packets"].map(|name| {
            let file = format!("/sys/class/net/far/statistics/{name}");
            let count = ip(&["netns", "exec", &self.0[1], "cat", &file]).unwrap();
            count.trim().parse().unwrap()
        })
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        for namespace in &self.0 {
            // It may not have come to be.
            let _ = ip(&["netns", "del", namespace]);
        }
    }
}

/// Runs `ip`; what it prints, or why it failed.
fn ip(arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("ip").args(arguments).output().map_err(|error| format!("no `ip`: {error}"))?;
    let text = |bytes| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() { Ok(text(&output.stdout)) } else { Err(text(&output.stderr)) }
}

/// A process in a namespace, which is told what to do line by line and answers in lines.
struct Peer {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Peer {
    fn start(namespace: &str, address: &str) -> Self {
        let mut child = Command::new("ip")
            .args(["netns", "exec", namespace])
            .arg(std::env::current_exe().unwrap())
            .args(["--exact", "one_of_the_peers", "--nocapture"])
            .env(ADDRESS, address)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        Self { child, input, output: BufReader::new(output).lines() }
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.input, "{line}").unwrap();
    }

    /// The next answer: a line that begins with `word`.
    fn hear(&mut self, word: &str) -> String {
        for line in &mut self.output {
            // The test runner prints the name of the test before it.
            if let Some((_, rest)) = line.unwrap().split_once(&format!("@{word} ")) {
                return rest.to_owned();
            }
        }
        panic!("a peer has ended without a word about {word}");
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn the_size_of_packets_is_found_and_found_again() {
    let namespaces = match Namespaces::new() {
        Ok(namespaces) => namespaces,
        Err(reason) => return println!("skipped: no network namespaces: {reason}"),
    };
    namespaces.narrow(1400);
    let mut near = Peer::start(&namespaces.0[0], NEAR);
    let mut far = Peer::start(&namespaces.0[1], FAR);
    near.tell("offer");
    far.tell(&format!("answer {}", near.hear("offer")));
    near.tell(&format!("answered {}", far.hear("answer")));
    let _ = near.hear("open");
    let mut total = 0;
    // How long the datagrams are that arrive while so much is sent, on average: the payload of UDP.
    let mut send = |bytes: usize| {
        let [bytes_before, packets_before] = namespaces.counts();
        near.tell(&format!("send {bytes}"));
        total += bytes;
        assert_eq!(far.hear("received"), total.to_string());
        let [bytes, packets] = namespaces.counts();
        (bytes - bytes_before) / (packets - packets_before) - LINK_OVERHEAD
    };

    // While the probes that are too long get lost the data goes through.
    let mut tries = 0;
    while send(MIB / 2) < 1_250 {
        tries += 1;
        assert!(tries < 200, "no more than 1,200 bytes were found to pass");
        std::thread::sleep(Duration::from_millis(200));
    }
    let wide = send(10 * MIB);
    assert!((1_250..=1_372).contains(&wide), "{wide}");

    // What has passed does not pass any more, and nobody says so.
    namespaces.narrow(1280);
    let _ = send(MIB);
    let narrow = send(10 * MIB);
    println!("datagrams of {wide} bytes on a path of 1,400, then of {narrow} bytes on one of 1,280");
    assert!((1_050..=1_252).contains(&narrow), "{narrow}");
}

/// Does what it is told, if this process is one of the peers.
#[test]
fn one_of_the_peers() {
    let Ok(address) = std::env::var(ADDRESS) else { return };
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || read_lines(&sender));
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(obey(&address, lines));
}

fn read_lines(sender: &UnboundedSender<String>) {
    for line in std::io::stdin().lines() {
        if line.map_or(true, |line| sender.send(line).is_err()) {
            return;
        }
    }
}

async fn obey(address: &str, mut lines: UnboundedReceiver<String>) {
    let socket = Socket::bind(format!("{address}:0").parse().unwrap()).unwrap();
    let mut endpoint = Endpoint::new(EndpointConfig::default(), now(), [address.bytes().last().unwrap(); 32]);
    endpoint.add_local_address(now(), socket.local_address());
    let (driver, handle) = Driver::new(endpoint, vec![socket], App::default());
    tokio::spawn(driver.run());
    while let Some(line) = lines.recv().await {
        let (word, rest) = line.split_once(' ').unwrap_or((&line, ""));
        match word {
            "offer" => println!("@offer {}", escaped(&offer(&handle).await)),
            "answer" => println!("@answer {}", escaped(&answer(&handle, unescaped(rest)).await)),
            "answered" => answered(&handle, unescaped(rest)).await,
            "send" => {
                let bytes: usize = rest.parse().unwrap();
                handle.call(move |now, endpoint, app| app.send(now, endpoint, bytes)).await.unwrap();
            }
            _ => panic!("{line}"),
        }
    }
}

/// Descriptions have many lines; a message between the processes has one.
fn escaped(description: &str) -> String {
    description.replace("\r\n", "|")
}

fn unescaped(line: &str) -> String {
    line.replace('|', "\r\n")
}

fn config() -> Arc<Config> {
    let provider = drywire::default_provider();
    let options = crypto::CertificateOptions::new(since_epoch());
    let certificate = crypto::CertifiedKey::self_signed(&*provider, &options).unwrap();
    let mut config = Config::new(provider, Arc::new(certificate), wall_clock());
    config.max_probed_datagram_size = 1_452;
    // A train is let through whatever its datagrams' length: the kernel takes it apart only later.
    config.max_train = 1;
    Arc::new(config)
}

async fn offer(handle: &Handle<App>) -> String {
    let offer = handle.call(|now, endpoint, app| {
        let id = endpoint.create_peer(now, config()).unwrap();
        app.peer = Some(id);
        let mut peer = endpoint.peer_mut(id).unwrap();
        peer.create_data_channel(now, ChannelOptions::new("path")).unwrap();
        let offer = peer.create_offer(now).unwrap();
        peer.set_local_description(now, DescriptionType::Offer, &offer).unwrap();
        offer
    });
    offer.await.unwrap().to_string()
}

async fn answer(handle: &Handle<App>, offer: String) -> String {
    let answer = handle.call(move |now, endpoint, _| {
        let id = endpoint.create_peer(now, config()).unwrap();
        endpoint.peer_mut(id).unwrap().accept_offer(now, &offer.parse().unwrap()).unwrap()
    });
    answer.await.unwrap().to_string()
}

async fn answered(handle: &Handle<App>, answer: String) {
    let set = handle.call(move |now, endpoint, app| {
        let mut peer = endpoint.peer_mut(app.peer.unwrap()).unwrap();
        peer.set_remote_description(now, DescriptionType::Answer, &answer.parse().unwrap()).unwrap();
    });
    set.await.unwrap();
}

/// Sends what it is told to, and says what it has received when a text comes.
#[derive(Default)]
struct App {
    peer: Option<PeerId>,
    channel: Option<ChannelId>,
    /// Bytes still to send.
    left: usize,
    received: usize,
}

impl App {
    fn send(&mut self, now: Instant, endpoint: &mut Endpoint, bytes: usize) {
        self.left += bytes;
        self.fill(now, endpoint);
    }

    /// Writes what there is room for; the last of it is a text.
    fn fill(&mut self, now: Instant, endpoint: &mut Endpoint) {
        let mut peer = endpoint.peer_mut(self.peer.unwrap()).unwrap();
        let mut channel = peer.channel(self.channel.unwrap()).unwrap();
        while self.left > 0 {
            let last = self.left <= MESSAGE;
            let len = self.left.min(MESSAGE);
            let message = if last { Message::text("7".repeat(len)) } else { Message::binary(vec![7; len]) };
            if channel.write(now, message).is_err() {
                return;
            }
            self.left -= len;
        }
    }
}

impl drywire_tokio::Application for App {
    fn handle_event(&mut self, now: Instant, endpoint: &mut Endpoint, id: PeerId, event: Event) {
        match event {
            Event::DataChannelOpened(channel) => {
                (self.peer, self.channel) = (Some(id), Some(channel));
                println!("@open channel");
            }
            Event::DataChannelBufferedAmountLow(_) => self.fill(now, endpoint),
            Event::DataChannelReadable(channel) => {
                let mut peer = endpoint.peer_mut(id).unwrap();
                let mut channel = peer.channel(channel).unwrap();
                while let Some(message) = channel.read() {
                    self.received += message.data().len();
                    if message.kind() == MessageKind::Text {
                        println!("@received {}", self.received);
                    }
                }
            }
            Event::Closed { reason } => panic!("{reason:?}"),
            _ => (),
        }
    }
}
