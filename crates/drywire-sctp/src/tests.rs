//! Two associations over a virtual link.

mod attacks;
mod checksum;
mod delivery;
mod interleaving;
mod lifecycle;
mod link;
mod misuse;
mod partial;
mod resets;
mod steady;
mod table;
