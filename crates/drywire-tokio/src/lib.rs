//! drywire on tokio: sockets, clock and interfaces.
