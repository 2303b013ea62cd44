//! drywire on tokio: sockets, clock and interfaces.
//!
//! The protocols are decided in [`drywire`]; this crate only moves bytes and time. A [`Socket`] receives and sends
//! datagrams in batches and knows on which address of the host each came in. A [`Driver`] owns an
//! [`Endpoint`](drywire::Endpoint) and its sockets in one task, and gives its events to your [`Application`] in
//! that task, which can answer at once, without locks. From other tasks, a [`Handle`] runs closures in there.
//!
//! A driver also knows how to get out of the host: it [watches](Driver::watch_interfaces) the interfaces, finds
//! [servers](Driver::add_ice_server) by their names, [listens](Driver::listen) for peers on TCP, makes the connections
//! over TCP and TLS that the endpoint asks for, and [speaks](Driver::multicast_dns) multicast DNS.
//!
//! ```no_run
//! use drywire::{Duration, Endpoint, EndpointConfig, Event, Instant, PeerId};
//! use drywire_tokio::{Driver, IceServerConfig, Socket, now};
//!
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let socket = Socket::bind("0.0.0.0:0".parse()?)?;
//! let endpoint = Endpoint::new(EndpointConfig::default(), now(), [7; 32]); // a random seed, rather
//! let print = |_: Instant, _: &mut Endpoint, peer: PeerId, event: Event| println!("{peer:?}: {event:?}");
//! let (mut driver, handle) = Driver::new(endpoint, vec![socket], print);
//! driver.watch_interfaces(Duration::from_secs(2))?;
//! driver.add_ice_server(IceServerConfig::new(["stun:stun.example.org"]))?;
//! tokio::spawn(driver.run());
//! let peers = handle.call(|_now, endpoint, _print| endpoint.len()).await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod driver;
mod error;
mod ice_server;
mod icmp;
mod interfaces;
mod multicast;
mod network;
mod socket;
mod streams;
pub mod turn;

pub use clock::{now, since_epoch, wall_clock};
pub use driver::{Application, Driver, Handle};
pub use error::Stopped;
pub use ice_server::{IceServerConfig, IceServerConfigError};
pub use interfaces::{host_addresses, interfaces, local_addresses};
pub use network::{IceServerFailure, NetworkEvent};
pub use rustls;
pub use socket::{ReceiveBuffers, Socket};
pub use streams::tls_config;
