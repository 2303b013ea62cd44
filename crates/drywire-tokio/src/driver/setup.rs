use std::io;
use std::sync::Arc;

use drywire::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::time::timeout;

use super::handle::Command;
use super::{Application, Driver};
use crate::network::Notice;
use crate::{IceServerConfig, IceServerConfigError, now};

/// What a driver is given to reach peers by. All of it is to be called within a tokio runtime.
impl<A: Application> Driver<A> {
    /// Adds STUN or TURN servers. Their names are looked up in the background, again while that fails, and again when the
    /// network changes; what becomes of that is told by
    /// [`handle_network_event`](Application::handle_network_event).
    ///
    /// # Errors
    ///
    /// A URL is none, or the endpoint does not take a server. Those before it were added.
    pub fn add_ice_server(&mut self, server: IceServerConfig) -> Result<(), IceServerConfigError> {
        self.network.add_ice_server(now(), &mut self.endpoint, &server)
    }

    /// Waits until the name of each server was looked up, at most for `limit`: for an application that tells its peers all
    /// candidates at once, and therefore wants the servers to be known before it makes a peer connection.
    pub async fn look_up_ice_servers(&mut self, limit: Duration) {
        let looked_up = self.network.looked_up();
        let taking = async {
            tokio::pin!(looked_up);
            loop {
                let notice = tokio::select! {
                    biased;
                    notice = self.network.next_notice() => notice,
                    () = &mut looked_up => return,
                };
                self.take_notice(now(), notice);
            }
        };
        if timeout(limit, taking).await.is_err() {
            tracing::info!("the names of some servers are still being looked up");
        }
    }

    /// Takes connections of peers (RFC 6544): the addresses that `listener` is reached at are passive candidates. What
    /// connects and says nothing that the endpoint answers is closed after ten seconds; there are at most 1,000 accepted
    /// connections, and 100 from one address.
    ///
    /// # Errors
    ///
    /// The operating system would not tell the listener's address, or list its interfaces.
    pub fn listen(&mut self, listener: TcpListener) -> io::Result<()> {
        self.network.listen(now(), &mut self.endpoint, listener)
    }

    /// How TURN servers over TLS are verified, in the place of [`tls_config`](crate::tls_config) without more roots.
    pub fn set_tls(&mut self, config: Arc<rustls::ClientConfig>) {
        self.network.streams.set_tls(config);
    }

    /// Tells the endpoint the addresses of all sockets and listeners at once, and again whenever some come or go, or can be
    /// used: a new address of IPv6 cannot until it is sure that no other host has it (RFC 4862, section 5.4).
    ///
    /// Linux tells of changes, which are followed within a moment. Elsewhere, and where nobody may listen to that (Android,
    /// some sandboxes), the interfaces are looked at every `period`: two seconds are enough to keep a session alive. With
    /// Linux's help that is done just in case, every minute, or every `period` if that is longer. Anywhere they are looked at when
    /// a datagram could not be sent.
    ///
    /// To look takes a fraction of a millisecond, on a host with hundreds of interfaces some tens of them. However much
    /// changes, it is done ten times a second at most, and takes no more than a twentieth of the time.
    ///
    /// # Errors
    ///
    /// The operating system would not list its interfaces.
    pub fn watch_interfaces(&mut self, period: Duration) -> io::Result<()> {
        self.network.watch(now(), &mut self.endpoint, period)
    }

    /// Speaks multicast DNS on all interfaces, for the names in the place of addresses; the endpoint has to be
    /// [configured](drywire::EndpointConfig::multicast_dns) for it. With [`watch_interfaces`](Self::watch_interfaces),
    /// also on those that come later. An interface that does not let us is left out, and named in the log.
    ///
    /// # Errors
    ///
    /// The operating system would not list its interfaces.
    pub fn multicast_dns(&mut self) -> io::Result<()> {
        self.network.speak_multicast_dns(now(), &mut self.endpoint)
    }

    pub(super) fn obey(&mut self, now: Instant, command: Command<A>) {
        match command {
            Command::Call(call) => call(now, &mut self.endpoint, &mut self.application),
            Command::AddIceServer(server, answer) => {
                // Nobody waiting for the answer is no reason not to obey.
                let _ = answer.send(self.network.add_ice_server(now, &mut self.endpoint, &server));
            }
        }
    }

    pub(super) fn take_notice(&mut self, now: Instant, notice: Notice) {
        if let Some(event) = self.network.take(now, &mut self.endpoint, notice) {
            self.application.handle_network_event(now, &mut self.endpoint, event);
        }
    }
}
