//! The `drywire` program.
fn main() {}
