//! The congestion controllers of drywire that the bench compares.

use drywire_core::Instant;
use drywire_sctp::Config;

use crate::drywire_sctp::Drywire;
use crate::engine::Options;
use crate::flow::Flow;

/// One of drywire's congestion controllers.
#[derive(Clone, Copy)]
pub(crate) struct Controller {
    name: &'static str,
    set: fn(&mut Config),
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// What an application has that does not choose.
    Default,
}

/// All of them, NewReno first.
pub(crate) fn all() -> Vec<Controller> {
    vec![Controller { name: "NewReno", set: |_| {}, kind: Kind::Default }]
}

impl Controller {
    pub(crate) fn name(self) -> String {
        format!("drywire, {}", self.name)
    }

    pub(crate) fn is_default(self) -> bool {
        self.kind == Kind::Default
    }

    pub(crate) fn is_model_based(self) -> bool {
        false
    }

    /// Both ends of a connection that uses it.
    pub(crate) fn pair(self, options: &Options, now: Instant) -> [Flow<Drywire>; 2] {
        let mut config = Drywire::config(options);
        (self.set)(&mut config);
        let [a, b] = Drywire::pair_of([config.clone(), config], options, now);
        [Flow::new(a, true, now), Flow::new(b, false, now)]
    }
}
