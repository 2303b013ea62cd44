//! Packets without a checksum (RFC 9653).

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use dcsctp::api::ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_LOWER_LAYER_DTLS as OVER_DTLS;
use dcsctp::api::ZERO_CHECKSUM_ALTERNATE_ERROR_DETECTION_METHOD_NONE as NONE;
use drywire_sctp::SendOptions;

use crate::messages::body;
use crate::side::Letter;
use crate::world::Case;

/// Either side leaves out checksums exactly where the other one does without.
pub(crate) fn are_left_out_where_both_agree(case: &Case) {
    for (we, they) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut setup = case.setup();
        setup.ours.zero_checksum = we;
        setup.theirs.zero_checksum_alternate_error_detection_method = if they { OVER_DTLS } else { NONE };
        let mut world = case.world(&setup);
        let without = [Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0))];
        let count = without.clone();
        world.network.set_filter(move |_, path, packet| {
            if packet[8..12] == [0; 4] {
                let ours = path.local.ip() < path.remote.ip();
                count[usize::from(!ours)].fetch_add(1, Ordering::Relaxed);
            }
            true
        });
        case.connect(&mut world);
        for side in 0..2 {
            let data = body(&mut case.rng(), 50_000);
            world.side(side).send(Letter { stream: 1, data, options: SendOptions::ordered() });
        }
        world.run_until(|sides| sides.sides().iter().all(|side| side.inbox.contains_key(&1)));
        for side in without {
            assert_eq!(side.load(Ordering::Relaxed) > 20, we && they, "{we} {they}");
        }
    }
}
