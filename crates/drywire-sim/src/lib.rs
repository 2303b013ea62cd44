//! Virtual clock and network for deterministic tests of poll-style protocols.
