//! A TURN server (RFC 8656) on sockets: [`drywire_turn::server::Server`] with listeners of UDP, TCP and TLS, a UDP socket
//! for each relayed address, and a clock.
//!
//! ```no_run
//! use drywire_tokio::turn::{Config, Server};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let mut machine = drywire_turn::server::Config::new(drywire::default_provider(), "example.org");
//! machine.users.push(drywire::stun::Credential::new("alice", "secret")?);
//! let mut config = Config::new(machine);
//! config.udp.push("0.0.0.0:3478".parse()?);
//! config.tcp.push("0.0.0.0:3478".parse()?);
//!
//! let server = Server::bind(config)?;
//! let handle = server.handle();
//! tokio::spawn(server.run());
//! println!("{} allocations", handle.stats().await?.allocations);
//! handle.drain(std::time::Duration::from_secs(600), Vec::new()).await?;
//! # Ok(())
//! # }
//! ```
//!
//! With [`tcp_allocations`](drywire_turn::server::Config::tcp_allocations) clients that come over TCP or TLS have TCP connections to
//! their peers, too (RFC 6062): what goes over them is not framed, and a side that takes it slowly slows the other one down.
//!
//! One task does the work of all sockets: no datagram changes the task on its way. Only TLS handshakes have tasks of their
//! own. Trains of datagrams that the kernel has put together (GRO) stay together and leave in one call (GSO), and so do datagrams
//! of one flow that came one by one, when the server finds several of them waiting.

mod accept;
mod admission;
mod config;
mod connection;
mod error;
mod handle;
mod hub;
mod peers;
mod port;
mod ready;
mod relays;
mod server;
mod sockets;
mod splice;
mod stats;
mod trains;

pub use config::{Config, RelayHost};
pub use error::{BindError, ListenerTransport};
pub use handle::Handle;
pub use server::Server;
pub use stats::Stats;
