//! The generators: they send what was signed before, and time the answers.

use std::{collections::BTreeMap, time::Duration};

use askel_server::clock::{Clock as _, SystemClock};
use hdrhistogram::Histogram;
use tokio::task::JoinSet;

use super::{
    crowd::{Call, count},
    wire::{Lines, Refused},
};

/// How often a call is sent before its queue is given up.
const SENT_MAX: u32 = 5;
/// Digits that latencies keep.
const DIGITS: u8 = 3;

/// What became of a number of calls.
#[derive(Debug, Clone)]
pub(crate) struct Sample {
    /// From sending, or from when it was due, to the end of the answer, in microseconds.
    pub(crate) latency_us: Histogram<u64>,
    pub(crate) calls: u64,
    pub(crate) ops: u64,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    /// By why.
    pub(crate) errors: BTreeMap<String, u64>,
    /// From the first call to the last answer.
    pub(crate) took: Duration,
}

impl Sample {
    pub(crate) fn empty() -> anyhow::Result<Self> {
        Ok(Self {
            latency_us: Histogram::new(DIGITS)?,
            calls: 0,
            ops: 0,
            bytes_up: 0,
            bytes_down: 0,
            errors: BTreeMap::new(),
            took: Duration::ZERO,
        })
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.latency_us.add(&other.latency_us)?;
        self.calls = self.calls.saturating_add(other.calls);
        self.ops = self.ops.saturating_add(other.ops);
        self.bytes_up = self.bytes_up.saturating_add(other.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(other.bytes_down);
        for (why, times) in &other.errors {
            let sum = self.errors.entry(why.clone()).or_default();
            *sum = sum.saturating_add(*times);
        }
        self.took = self.took.max(other.took);
        Ok(())
    }

    /// A thing a second.
    pub(crate) fn per_s(&self, things: u64) -> f64 {
        per_s(things, self.took)
    }

    fn note_error(&mut self, refused: &Refused) {
        let sum = self.errors.entry(refused.why.clone()).or_default();
        *sum = sum.saturating_add(1);
    }

    fn note(&mut self, call: (u64, Duration), answered: super::wire::Answered) {
        let (ops, took) = call;
        // The histogram grows as it has to.
        let _ = self.latency_us.record(micros(took));
        self.calls = self.calls.saturating_add(1);
        self.ops = self.ops.saturating_add(ops);
        self.bytes_up = self.bytes_up.saturating_add(answered.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(answered.bytes_down);
    }
}

/// Sends each queue's calls one after the other, all queues at once.
pub(crate) async fn closed(lines: &Lines, queues: Vec<Vec<Call>>) -> anyhow::Result<Sample> {
    let clock = SystemClock::start();
    let mut workers = JoinSet::new();
    for (number, queue) in queues.into_iter().enumerate() {
        let line = lines.of(number);
        workers.spawn(async move {
            let mut sample = Sample::empty()?;
            for call in queue {
                let begun = clock.monotonic();
                let mut sent = 0;
                loop {
                    sent = u32::saturating_add(sent, 1);
                    match line.sync(call.clone()).await {
                        Ok(answered) => {
                            let took = clock.monotonic().saturating_sub(begun);
                            sample.note((call.ops, took), answered);
                            break;
                        }
                        Err(refused) => {
                            sample.note_error(&refused);
                            let wait = refused.retry_after_ms.filter(|_| sent < SENT_MAX);
                            // What follows in the log would lie past a gap.
                            let Some(wait) = wait else { return Ok(sample) };
                            tokio::time::sleep(Duration::from_millis(wait)).await;
                        }
                    }
                }
            }
            anyhow::Ok(sample)
        });
    }
    let mut all = Sample::empty()?;
    while let Some(done) = workers.join_next().await {
        all.add(&done??)?;
    }
    all.took = clock.monotonic();
    Ok(all)
}

pub(crate) fn per_s(things: u64, took: Duration) -> f64 {
    if took.is_zero() {
        return 0.0;
    }
    float(things) / took.as_secs_f64()
}

/// What is counted here is far below what a float holds exactly.
#[expect(
    clippy::cast_precision_loss,
    reason = "far below 2^52, and shown with few digits"
)]
pub(crate) fn float(number: u64) -> f64 {
    number as f64
}

fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

/// Deals calls out to so many queues, one each in turn.
pub(crate) fn dealt(
    calls: impl IntoIterator<Item = (usize, Call)>,
    queues: usize,
) -> Vec<Vec<Call>> {
    let mut dealt: Vec<Vec<Call>> = vec![Vec::new(); queues];
    for (number, call) in calls {
        let index = number.checked_rem(queues).unwrap_or(0);
        if let Some(queue) = dealt.get_mut(index) {
            queue.push(call);
        }
    }
    debug_assert!(count(dealt.len()) > 0);
    dealt
}
