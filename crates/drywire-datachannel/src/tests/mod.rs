//! Transports joined in memory, over a perfect link and over a bad one; and a peer that misbehaves.

mod backpressure;
mod hostile;
mod life;
mod link;
mod messages;
mod open;
mod partial;
mod parts;
mod random;
