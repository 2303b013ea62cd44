//! Two associations over a virtual link.

mod attacks;
mod checksum;
mod delivery;
mod lifecycle;
mod link;
mod misuse;
mod partial;
mod resets;
mod steady;
mod table;
