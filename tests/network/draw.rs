//! Random worlds.

use std::net::{IpAddr, Ipv6Addr};
use std::time::Duration;

use drywire_core::Rng;
use drywire_sim::{Dependence, Link, Nat, Probability, Realm};

use crate::host::Service;
use crate::world::{Signalling, World};

/// Draws worlds.
pub struct Draw {
    rng: Rng,
    /// Public addresses given out.
    addresses: u8,
    /// A realm that both sides may be in.
    shared: Option<Realm>,
}

impl Draw {
    /// The world of a seed: who has which interfaces behind what, which servers, links and signalling.
    pub fn world(seed: u64) -> (Self, World) {
        let mut bytes = [0xD2; 32];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        let mut draw = Self { rng: Rng::new(bytes), addresses: 0, shared: None };
        let services = [draw.service(), draw.service()];
        let mut world = World::new(services, seed);
        let delay = Duration::from_millis((5 + draw.rng.below(100)).into());
        let mut link = Link::new().delay(delay);
        if draw.one_in(2) {
            link = link
                .jitter(Duration::from_millis(20))
                .loss(Probability::percent(draw.rng.below(11)))
                .duplicate(Probability::percent(draw.rng.below(4)))
                .reorder(Probability::percent(draw.rng.below(11)), Duration::from_millis(60));
        }
        world.set_link(link);
        let slow = draw.rng.below(5000);
        world.signalling =
            Signalling { delay: 10..(11 + slow), loss: if draw.one_in(4) { draw.rng.below(50) } else { 0 } };
        if draw.one_in(4) {
            let gateways = vec![draw.nat(), Nat::firewall(true)];
            draw.shared = Some(world.behind(Realm::PUBLIC, gateways));
        }
        for side in 0..2 {
            for _ in 0..1 + draw.rng.below(3) {
                draw.interface(&mut world, side);
            }
        }
        (draw, world)
    }

    pub fn below(&mut self, bound: u32) -> u32 {
        self.rng.below(bound)
    }

    pub fn one_in(&mut self, chances: u32) -> bool {
        self.rng.below(chances) == 0
    }

    fn service(&mut self) -> Service {
        match self.rng.below(6) {
            0 => Service::None,
            1 | 2 => Service::Stun,
            3 | 4 => Service::Turn,
            _ => Service::TurnOverTcp,
        }
    }

    fn fresh(&mut self) -> u8 {
        self.addresses += 1;
        self.addresses
    }

    fn public_v4(&mut self) -> IpAddr {
        [203, 0, 113, self.fresh()].into()
    }

    fn public_v6(&mut self) -> IpAddr {
        Ipv6Addr::new(0x2606, 0x4700, 0x10, self.fresh().into(), 0, 0, 0, 1).into()
    }

    fn dependence(&mut self) -> Dependence {
        match self.rng.below(5) {
            0 => Dependence::Address,
            1 | 2 => Dependence::AddressAndPort,
            _ => Dependence::Endpoint,
        }
    }

    fn nat(&mut self) -> Nat {
        let outside = self.public_v4();
        self.nat_at(outside)
    }

    fn nat_at(&mut self, outside: IpAddr) -> Nat {
        let mut nat = Nat::new(outside);
        (nat.mapping, nat.filtering) = (self.dependence(), self.dependence());
        nat.hairpinning = self.one_in(2);
        nat.timeout = Duration::from_secs(30 << self.rng.below(4));
        nat.passes_udp = !self.one_in(12);
        nat
    }

    fn firewall(&mut self) -> Nat {
        let mut wall = Nat::firewall(true);
        wall.filtering = self.dependence();
        wall.passes_udp = !self.one_in(12);
        wall
    }

    /// A private address: of few, so that the sides have the same ones, each in its own realm.
    fn private(&mut self, world: &World, realm: Realm) -> IpAddr {
        loop {
            let ip: IpAddr = [192, 168, 1, u8::try_from(2 + self.rng.below(6)).unwrap()].into();
            let mut all = world.sides.iter().flat_map(|side| &side.interfaces);
            // One host has no address twice, and no realm has.
            if !all.any(|own| own.base.ip() == ip && own.realm == realm) {
                return ip;
            }
        }
    }

    /// Gives a side an interface, with one or two addresses.
    pub fn interface(&mut self, world: &mut World, side: usize) {
        let (v4, v6) = match self.rng.below(4) {
            0 => (false, true),
            1 => (true, true),
            _ => (true, false),
        };
        if v4 {
            let (realm, ip) = match (self.rng.below(6), self.shared) {
                (0, _) => (Realm::PUBLIC, self.public_v4()),
                (1 | 2, Some(shared)) => (shared, self.private(world, shared)),
                (3, _) => {
                    // A translator of the carrier, and one at home.
                    let carrier = self.nat();
                    let outer = world.behind(Realm::PUBLIC, vec![carrier]);
                    let home = self.nat_at([100, 64, 0, 1].into());
                    let realm = world.behind(outer, vec![home]);
                    (realm, self.private(world, realm))
                }
                _ => {
                    let nat = self.nat();
                    let realm = world.behind(Realm::PUBLIC, vec![nat]);
                    (realm, self.private(world, realm))
                }
            };
            world.add_interface(side, realm, ip);
        }
        if v6 {
            let ip = self.public_v6();
            let realm = if self.one_in(3) {
                Realm::PUBLIC
            } else {
                let wall = self.firewall();
                world.behind(Realm::PUBLIC, vec![wall])
            };
            world.add_interface(side, realm, ip);
        }
    }
}
