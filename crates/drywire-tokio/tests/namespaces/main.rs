//! drywire through the kernel's own networks: network namespaces with links, routers, NATs and firewalls between them, made by
//! the tests themselves. See `README.md` beside this file.
//!
//! Where a machine does not let us make any, the tests are skipped, with the reason printed; `drywire-sim` has NATs, too.

#![cfg(target_os = "linux")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::disallowed_methods,
    reason = "a test of programs that wait for each other; what it expects and does not find is a failure"
)]

mod behind;
mod blocked;
mod by_hand;
mod coturn;
mod families;
mod hidden;
mod internet;
mod kinds;
mod matrix;
mod namespace;
mod nat;
mod own_turn;
mod path_mtu;
mod peer;
mod roaming;
mod server;
mod turn_server;
mod watching;

/// Says why there is nothing to test. Programs that are absent have to be there with `DRYWIRE_REQUIRE_PEERS=1`; what the kernel
/// does not do, it does not do.
fn skipped<T>(reason: &str) -> Option<T> {
    let required = std::env::var("DRYWIRE_REQUIRE_PEERS").is_ok_and(|value| value == "1");
    assert!(!(required && reason.starts_with("no `")), "required by DRYWIRE_REQUIRE_PEERS=1, but {reason}");
    println!("skipped: {reason}");
    None
}
