//! A topology to look around in: see the README.

use std::io::Read;

use crate::internet::{Internet, Site};
use crate::nat::Nat;

/// Makes the topology that is asked for, and keeps it until the standard input ends.
#[test]
fn by_hand() {
    let Ok(sites) = std::env::var("DRYWIRE_NAMESPACES") else { return };
    let sites: Vec<_> = sites.split_whitespace().map(|name| Site::dual_behind(Nat::named(name))).collect();
    let [near, far] = sites.try_into().expect("DRYWIRE_NAMESPACES names the NATs of two sites");
    let Some(internet) = Internet::new([near, far]) else { return };
    println!("{}", internet.describe());
    println!("gone with the end of the standard input");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
