//! A hundred thousand phones come back after an hour in which the server was away: the real line, the real
//! pace and the SDK's own waits, in simulated time, on a server that does one thing after the other.

#![expect(
    clippy::arithmetic_side_effects,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::{cmp::Reverse, collections::BinaryHeap};

use askel_client_sdk::retry_wait_ms;
use askel_sync::id::{DeviceId, TenantId};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::*;

const PHONES: usize = 100_000;
const TENANTS: usize = 61;
const OUTAGE_MS: u64 = 3_600_000;
/// What the server's processor needs for a call, in microseconds: five hundred a second.
const CALL_US: u64 = 2_000;
/// And to refuse one.
const REFUSAL_US: u64 = 50;
const CAPACITY: u64 = 1_000_000 / CALL_US;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    /// A phone tries.
    Tries(usize),
    /// A phone has waited for its turn long enough.
    Tires { phone: usize, place: u64 },
    /// A phone is answered.
    Done(usize),
}

#[derive(Debug, Clone, Copy, Default)]
struct Phone {
    failures: u32,
    is_done: bool,
    refusals: u32,
}

/// What came of it, by the second since the server is back.
#[derive(Debug, Default)]
struct Outcome {
    served: Vec<u64>,
    refused: Vec<u64>,
    most_refusals: u32,
}

struct Crowd {
    now_us: u64,
    events: BinaryHeap<Reverse<(u64, u64, Event)>>,
    number: u64,
    phones: Vec<Phone>,
    line: Line<usize>,
    pace: Pace,
    /// When the processor has done what it has begun.
    free_us: u64,
    random: ChaCha8Rng,
    outcome: Outcome,
}

impl Crowd {
    /// Phones that want to sync at these times, in microseconds.
    fn new(mut first_us: impl FnMut(&mut ChaCha8Rng) -> u64) -> Self {
        let config = ServerConfig::default();
        let bounds = Bounds {
            under_way: config.calls_max,
            waiting: config.calls_waiting_max,
            waiting_of_device: DEVICE_CALLS_WAITING_MAX,
        };
        let mut crowd = Self {
            now_us: 0,
            events: BinaryHeap::new(),
            number: 0,
            phones: vec![Phone::default(); PHONES],
            line: Line::new(bounds),
            pace: Pace::new(),
            free_us: 0,
            random: ChaCha8Rng::seed_from_u64(1),
            outcome: Outcome::default(),
        };
        for phone in 0..PHONES {
            let at = first_us(&mut crowd.random);
            crowd.at(at, Event::Tries(phone));
        }
        crowd
    }

    fn at(&mut self, us: u64, event: Event) {
        self.number += 1;
        self.events.push(Reverse((us, self.number, event)));
    }

    fn run(mut self) -> Outcome {
        while let Some(Reverse((us, _, event))) = self.events.pop() {
            self.now_us = us;
            match event {
                Event::Tries(phone) => self.tries(phone),
                Event::Tires { phone, place } => {
                    if self.line.give_up(place) {
                        self.refuse(phone);
                    }
                }
                Event::Done(phone) => self.done(phone),
            }
        }
        let most = self.phones.iter().map(|phone| phone.refusals).max();
        self.outcome.most_refusals = most.unwrap_or_default();
        assert!(self.phones.iter().all(|phone| phone.is_done));
        self.outcome
    }

    fn tries(&mut self, phone: usize) {
        if self.now_us < OUTAGE_MS * 1_000 {
            return self.fails(phone, 0);
        }
        let whose = Whose {
            tenant: TenantId::from_bytes([u8::try_from(phone % TENANTS).expect("few"); ID_BYTES]),
            device: DeviceId::from_bytes(u128::try_from(phone).expect("few").to_be_bytes()),
        };
        match self.line.enter(whose, 1, phone) {
            Entered::Begins => self.begins(phone),
            Entered::Waits { place, displaced } => {
                let patience_us = ServerConfig::default().call_wait_ms_max * 1_000;
                self.at(self.now_us + patience_us, Event::Tires { phone, place });
                if let Some(displaced) = displaced {
                    self.refuse(displaced);
                }
            }
            Entered::Refused => self.refuse(phone),
        }
    }

    fn begins(&mut self, phone: usize) {
        self.free_us = self.free_us.max(self.now_us) + CALL_US;
        self.at(self.free_us, Event::Done(phone));
    }

    fn done(&mut self, phone: usize) {
        self.phones[phone].is_done = true;
        self.pace.served(Duration::from_micros(self.now_us));
        count(&mut self.outcome.served, self.now_us);
        self.line.done(1);
        while let Some((next, _)) = self.line.begin() {
            self.begins(next);
        }
    }

    fn refuse(&mut self, phone: usize) {
        self.free_us = self.free_us.max(self.now_us) + REFUSAL_US;
        let told = self.pace.refused(Duration::from_micros(self.now_us));
        count(&mut self.outcome.refused, self.now_us);
        self.phones[phone].refusals += 1;
        self.fails(phone, told);
    }

    fn fails(&mut self, phone: usize, told_ms: u64) {
        self.phones[phone].failures += 1;
        let asked_ms = i64::try_from(told_ms).expect("small");
        let wait_ms = retry_wait_ms(self.phones[phone].failures, asked_ms, self.random.random());
        let pause_us = u64::try_from(wait_ms).expect("a wait") * 1_000;
        self.at(self.now_us + pause_us, Event::Tries(phone));
    }
}

fn count(by_second: &mut Vec<u64>, now_us: u64) {
    let second = usize::try_from((now_us - OUTAGE_MS * 1_000) / 1_000_000).expect("small");
    if by_second.len() <= second {
        by_second.resize(second + 1, 0);
    }
    by_second[second] += 1;
}

impl Outcome {
    fn total(by_second: &[u64]) -> u64 {
        by_second.iter().sum()
    }

    /// The least that was served within ten seconds, of those from one second on to another.
    fn least(&self, first: usize, end: usize) -> u64 {
        let served = self.served.get(first..end).unwrap_or_default();
        served
            .windows(10)
            .map(Self::total)
            .min()
            .unwrap_or_default()
    }

    /// When so many of a hundred had been served, in seconds.
    fn when(&self, percent: u64) -> usize {
        let mut so_far = 0;
        let enough = |served: &u64| {
            so_far += served;
            so_far * 100 >= Self::total(&self.served) * percent
        };
        self.served.iter().position(enough).unwrap_or_default()
    }
}

#[test]
fn phones_that_tried_all_along_come_back_without_a_second_collapse() {
    let outcome = Crowd::new(|random| random.random_range(0..OUTAGE_MS * 1_000)).run();
    let (served, refused) = (
        Outcome::total(&outcome.served),
        Outcome::total(&outcome.refused),
    );
    assert_eq!(served, PHONES as u64);
    assert!(refused < served / 10, "{refused}");
    assert!(outcome.most_refusals <= 3, "{}", outcome.most_refusals);
}

#[test]
fn phones_that_all_come_in_the_same_ten_seconds_are_served_as_fast_as_can_be() {
    let back_us = OUTAGE_MS * 1_000;
    let outcome = Crowd::new(|random| back_us + random.random_range(0..10_000_000)).run();
    let refused = Outcome::total(&outcome.refused);
    let ideal_s = usize::try_from(PHONES as u64 / CAPACITY).expect("small");
    assert_eq!(Outcome::total(&outcome.served), PHONES as u64);
    // The SDK comes again after half a minute at the soonest.
    let least = outcome.least(35, ideal_s);
    assert!(least >= 10 * CAPACITY * 8 / 10, "{least}");
    assert!(outcome.when(99) <= ideal_s * 3 / 2 + 35);
    assert!(refused <= 2 * PHONES as u64, "{refused}");
    assert!(outcome.most_refusals <= 4, "{}", outcome.most_refusals);
}
