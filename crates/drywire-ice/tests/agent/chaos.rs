use drywire_core::{Duration, Path};
use drywire_ice::{Candidate, ConnectionState, Role};

use crate::net::{Net, address, config, seeds};

fn hosts(subnet: u8, count: u32) -> Vec<Candidate> {
    (1..=count)
        .map(|index| {
            let preference = u16::try_from(index * 1000).unwrap();
            Candidate::host(address(&format!("10.0.{subnet}.{index}:5000")), preference)
        })
        .collect()
}

/// Signals all that there is to signal, as an application does after a restart on both sides.
fn restart(net: &mut Net) {
    let now = net.now;
    for agent in &mut net.agents {
        agent.restart(now);
    }
    net.exchange_credentials();
    for index in 0..2 {
        let candidates: Vec<Candidate> = net.agents[index].local_candidates().cloned().collect();
        for candidate in candidates {
            net.agents[1 - index].add_remote_candidate(now, candidate).unwrap();
        }
    }
}

#[test]
fn after_the_storm_comes_agreement() {
    for seed in seeds(150) {
        let role = |bit: u64| {
            if seed >> bit & 1 == 0 { Role::Controlling } else { Role::Controlled }
        };
        let mut net = Net::pair(seed, config(role(0)), config(role(1)));
        net.delay = 1..120;
        let (a, b) = (1 + net.rng.below(3), 1 + net.rng.below(3));
        net.introduce(&hosts(1, a), &hosts(2, b));
        for _ in 0..20 {
            net.loss = [0, 10, 30, 60, 100][usize::try_from(net.rng.below(5)).unwrap()];
            net.duplication = net.rng.below(30);
            // Some paths die for a while.
            let outages: [fn(&Path) -> bool; 4] = [
                |_| false,
                |path| [path.local, path.remote].contains(&address("10.0.2.1:5000")),
                |path| path.local == address("10.0.1.2:5000"),
                |path| path.remote == address("10.0.1.1:5000"),
            ];
            net.blocked = outages[usize::try_from(net.rng.below(4)).unwrap()];
            if net.rng.below(8) == 0 {
                restart(&mut net);
            }
            let time = net.rng.below(12_000);
            net.run(Duration::from_millis(u64::from(time)));
        }
        net.loss = 0;
        net.blocked = |_| false;
        // What has failed, or is about to since the one-way loss of consent, the application restarts.
        net.run(Duration::from_secs(35));
        if net.agents.iter().any(|agent| agent.state() == ConnectionState::Failed) {
            restart(&mut net);
        }
        // A restart that failed in the storm is tried anew only every 40 s, because the old paths work.
        net.run_until(Duration::from_secs(60), Net::agree);
        assert!(net.agree() && net.is_connected(), "seed {seed}");
        net.run(Duration::from_secs(60));
        assert!(net.agree() && net.is_connected(), "seed {seed}: they part in calm");
    }
}
