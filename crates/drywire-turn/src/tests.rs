//! Client against server in virtual time, each alone against an attacker, and both in the hands of a confused caller.

mod attacks;
mod discovery;
mod forgotten;
mod limits;
mod misuse;
mod mobility;
mod ports;
mod predecessor;
mod relay;
mod tcp;
mod trains;
mod users;
mod world;
