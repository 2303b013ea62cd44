//! Keeping consent costs no allocation, whether attachments are wanted or not.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may fail")]
#![allow(missing_docs, reason = "a test has no readers of its documentation")]

use bytes::BytesMut;
use drywire_core::{Duration, Instant};
use drywire_ice::{Agent, Attach, Attachment, Candidate, Carrier, Config, ConnectionState, Role};

/// Rides on everything, as one does who waits for the peer to say that it is done.
struct Acknowledges;

impl Attach for Acknowledges {
    fn attach(&mut self, _: Carrier) -> Option<Attachment<'_>> {
        Some(Attachment { payload: &[], received: [1, 2, 3].into_iter().collect(), again: None })
    }
}

/// Carries all that the agents have to say; returns the number of datagrams and that of allocations.
fn exchange(now: Instant, agents: &mut [Agent; 2], out: &mut Vec<u8>) -> (usize, u64) {
    let (mut datagrams, mut allocations) = (0, 0);
    loop {
        let before = datagrams;
        for who in 0..2 {
            let mut transmit = None;
            out.clear();
            let measured = allocation_counter::measure(|| {
                agents[who].handle_timeout(now);
                transmit = agents[who].poll_transmit_with(now, out, &mut Acknowledges);
            });
            allocations += measured.count_total;
            let Some(transmit) = transmit else { continue };
            datagrams += 1;
            // The memory of a datagram is its receiver's.
            let datagram = BytesMut::from(&out[..]);
            let measured = allocation_counter::measure(|| {
                agents[1 - who].handle_input(now, transmit.path.reversed(), datagram);
                while agents[1 - who].poll_attachment().is_some() {}
            });
            allocations += measured.count_total;
        }
        if datagrams == before {
            return (datagrams, allocations);
        }
    }
}

#[test]
#[allow(clippy::disallowed_methods, reason = "tests may read a clock")]
fn keeping_consent_does_not_allocate() {
    for wanted in [false, true] {
        let mut now = Instant::now();
        let mut agents = [(Role::Controlling, 1), (Role::Controlled, 2)].map(|(role, seed)| {
            let config = Config::new(drywire_crypto_aws_lc::provider(), role);
            let mut agent = Agent::new(config, now, [seed; 32]);
            let address = ([10, 0, 0, seed], 5000).into();
            agent.add_local_candidate(now, Candidate::host(address, 65_535)).unwrap();
            agent.want_attachments(wanted);
            agent
        });
        let [a, b] = &mut agents;
        let credentials = [&*a, &*b].map(|agent| agent.local_credentials().clone());
        let [of_a, of_b] = credentials;
        b.set_remote_credentials(now, of_a).unwrap();
        a.set_remote_credentials(now, of_b).unwrap();
        a.add_remote_candidate(now, Candidate::host(([10, 0, 0, 2], 5000).into(), 65_535)).unwrap();
        let mut out = Vec::with_capacity(2000);
        let (mut datagrams, mut allocations) = (0, 0);
        for second in 0..300 {
            let (sent, allocated) = exchange(now, &mut agents, &mut out);
            if second >= 60 {
                (datagrams, allocations) = (datagrams + sent, allocations + allocated);
            }
            now += Duration::from_secs(1);
        }
        assert_ne!(agents[0].state(), ConnectionState::Failed);
        assert!(datagrams > 100, "{datagrams}");
        // The queue of attachments holds its memory; an attachment without payload has none.
        assert_eq!(allocations, 0, "{datagrams} datagrams, wanted: {wanted}");
    }
}
