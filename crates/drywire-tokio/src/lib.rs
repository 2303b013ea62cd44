//! drywire on tokio: sockets, clock and interfaces.
//!
//! The protocols are decided in [`drywire`]; this crate only moves bytes and time. A [`Socket`] receives and sends
//! datagrams in batches and knows on which address of the host each came in. A [`Driver`] owns an
//! [`Endpoint`](drywire::Endpoint) and its sockets in one task, and gives its events to your [`Application`] in
//! that task, which can answer at once, without locks. From other tasks, a [`Handle`] runs closures in there.
//!
//! ```no_run
//! use drywire::{Endpoint, EndpointConfig, Event, Instant, PeerId};
//! use drywire_tokio::{Driver, Socket, host_addresses, interfaces, now};
//!
//! # async fn example() -> std::io::Result<()> {
//! let socket = Socket::bind("0.0.0.0:0".parse().expect("a constant"))?;
//! let mut endpoint = Endpoint::new(EndpointConfig::default(), now(), [7; 32]); // a random seed, rather
//! for address in host_addresses(socket.local_address(), &interfaces()?) {
//!     endpoint.add_local_address(now(), address);
//! }
//! let print = |_: Instant, _: &mut Endpoint, peer: PeerId, event: Event| println!("{peer:?}: {event:?}");
//! let (driver, handle) = Driver::new(endpoint, vec![socket], print);
//! tokio::spawn(driver.run());
//! let peers = handle.call(|_now, endpoint, _print| endpoint.len()).await;
//! # Ok(())
//! # }
//! ```

mod clock;
mod driver;
mod error;
mod interfaces;
mod socket;

pub use clock::{now, since_epoch, wall_clock};
pub use driver::{Application, Driver, Handle};
pub use error::Stopped;
pub use interfaces::{host_addresses, interfaces};
pub use socket::{ReceiveBuffers, Socket};
