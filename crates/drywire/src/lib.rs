//! WebRTC without I/O: peer connections and endpoints as poll-style state machines.
