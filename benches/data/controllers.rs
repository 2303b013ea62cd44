//! The congestion controllers of drywire that the bench compares.

use drywire_core::Instant;
use drywire_sctp::CongestionControl;

use crate::drywire_sctp::Drywire;
use crate::engine::Options;
use crate::flow::Flow;

/// One of drywire's congestion controllers.
#[derive(Clone, Copy)]
pub(crate) struct Controller(CongestionControl);

/// All of them, NewReno first.
pub(crate) fn all() -> [Controller; 3] {
    [CongestionControl::NewReno, CongestionControl::Cubic, CongestionControl::Bbr].map(Controller)
}

impl Controller {
    pub(crate) fn name(self) -> String {
        format!("drywire, {:?}", self.0)
    }

    /// Whether it is what an application has that does not choose.
    pub(crate) fn is_default(self) -> bool {
        self.0 == CongestionControl::default()
    }

    /// Whether it goes by a model of the path rather than by losses.
    pub(crate) fn is_model_based(self) -> bool {
        self.0 == CongestionControl::Bbr
    }

    /// Both ends of a connection that uses it.
    pub(crate) fn pair(self, options: &Options, now: Instant) -> [Flow<Drywire>; 2] {
        let mut config = Drywire::config(options);
        config.congestion_control = self.0;
        let [a, b] = Drywire::pair_of([config.clone(), config], options, now);
        [Flow::new(a, true, now), Flow::new(b, false, now)]
    }
}
