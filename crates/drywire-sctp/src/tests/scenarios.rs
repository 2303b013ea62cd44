//! The scenarios that lists of conformance tests name, as tests of one association with a [tester](tester) that plays its peer.
//! What other modules test already is not written twice: the tables say where it is.
//!
//! # ETSI TS 102 144 and TS 102 369
//!
//! 121 test purposes; names of tests begin with their numbers. Ten are left out (–): over DTLS (RFC 8261) an association has one path
//! and no addresses.
//!
//! | purposes | where |
//! |---|---|
//! | AS 1.1, 1.2, 1.3, 1.5 to 1.8, 1.9.1, 1.12 to 1.14 | [`setup`]; host names and address types are passed over, not refused |
//! | AS 1.4 | `attacks::e04_a_flood_of_inits_keeps_nothing_and_leaves_an_association_alone` |
//! | AS 1.9.2, 1.10, 1.11, 1.15 | –: addresses in INIT, where answers go, heartbeats on all paths, INIT to another address |
//! | AT 2.2 to 2.14 | [`termination`] |
//! | IMH 3.1 to 3.6, 3.8 | [`messages`], and `attacks::e04_…`, `e05_…` |
//! | IMH 3.7, 3.9, 3.10 | [`termination`], and the property of `endings` |
//! | DM 4.1, 4.2.1, 4.3 | [`setup`] |
//! | DM 4.4, 4.8 | [`messages`] |
//! | DM 4.2.2, 4.5 to 4.7, 4.9, 4.10 | [`termination`], and every event in every state: `table` |
//! | FH 5.1.2 | [`transfer`] |
//! | FH 5.2 | [`messages`] |
//! | FH 5.3.1 to 5.3.4 | [`termination`]; who waits for its peer does not answer stray packets by ABORT |
//! | FH 5.1.1, 5.3.5 | –: another path, addresses that are not unicast |
//! | E 6.1 to 6.3, 6.6 | [`messages`], [`setup`], and `stale`, `attacks::e09_…` |
//! | E 6.4, 6.5 | [`setup`] |
//! | BDC 7.1 to 7.8, M 10.1 to 10.4 | [`messages`], and `attacks::e14_…` |
//! | D 8.1 to 8.9, 8.11, 8.12 | [`transfer`], and `attacks::e10_…` |
//! | D 8.10 | –: a SACK from another address |
//! | D 8.13 to 8.15 | `attacks::e11_…`, `delivery::e11_…`, `delivery::the_largest_message_passes_whole_windows` |
//! | A 9.1 to 9.3 | [`transfer`], and `delivery::fed_singly_…`, `delivery::bulk_fills_packets_…` |
//! | RT 11.1, 11.2 | [`transfer`] |
//! | RT 11.3 | –: retransmission on another path |
//!
//! # The packetdrill suites of PR-SCTP and RE-CONFIG
//!
//! | group | where |
//! |---|---|
//! | FORWARD TSN: handshake (8), errors (22) | [`partial`], and `partial` beside this module |
//! | FORWARD TSN: receiver (76, of which 65 are patterns of loss) | [`partial`]: all patterns, `every_loss_of_three_messages_in_two_fragments` |
//! | FORWARD TSN: sender (75: lifetimes and retransmissions, each with both ways to shut down) | [`partial`] |
//! | I-FORWARD TSN: handshake (15), receiver (76), sender (37) | [`partial`], and `interleaving` |
//! | NR-SACK (77) | –: no part of WebRTC |
//! | RFC 6525: outgoing reset, both ways, deferred, refused, repeated, wrong numbers, malformed | [`streams`], and `resets` |
//! | RFC 6525: incoming reset, TSN reset, added streams | [`streams`]: denied, RFC 8831 has no use for them |
//!
//! # dcSCTP
//!
//! By the names of its tests.
//!
//! | tests | where |
//! |---|---|
//! | socket: establish, simultaneous, collision, lost or resent INIT, INIT ACK, COOKIE ECHO, COOKIE ACK, without cookie, shut down meanwhile, data until COOKIE ACK | [`setup`], [`sockets`], `lifecycle` |
//! | socket: shutdown, its timers, ignored where it goes on | [`termination`], [`sockets`] |
//! | socket: verification tags, stray packets, unknown chunks, errors, too long heartbeats | [`messages`], [`termination`] |
//! | socket: heartbeats and what is lost of them, counters of errors, recovery at the last moment | [`transfer`], [`sockets`] |
//! | socket: reconnects, with data, with resets | [`sockets`], `lifecycle` |
//! | socket: resets, deferred, paused, out of order with FORWARD TSN | [`streams`], `resets` |
//! | socket: limited lifetimes and retransmissions, also behind what is reliable | [`partial`], `partial` |
//! | socket: FORWARD TSN that is absurd or was not agreed upon | `partial::e07_…`: dropped; dcSCTP aborts |
//! | socket: interleaving, priorities | `interleaving` |
//! | socket: zero checksum | `checksum` |
//! | socket: buffered amounts, limits of queues and messages | [`sockets`], `delivery` |
//! | socket: handover, metrics, life cycle identifiers, detection of peers, bursts, I bit at small windows | –: not a part of this machine; bursts are paced (`recovery`) |
//! | stream reset handler | [`streams`], `resets` |
//! | retransmission queue, outstanding data | [`transfer`], [`partial`], `tx::tests`, `recovery`; three packets that overtake count, and the time (RFC 8985), not three acknowledgements |
//! | data tracker | [`transfer`], `rx::tracker` |
//! | reassembly queue and streams | [`partial`], [`transfer`], `rx::reassembly`, `rx::interleaved` |
//! | send queue, stream scheduler | `delivery`, `interleaving`, `tx::queue` |

mod messages;
mod partial;
mod setup;
mod sockets;
mod streams;
mod termination;
mod tester;
mod transfer;
