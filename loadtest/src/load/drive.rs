//! The generators: they send what was signed before, and time the answers.

use std::{collections::BTreeMap, time::Duration};

use askel_server::clock::{Clock as _, SystemClock};
use hdrhistogram::Histogram;
use indicatif::ProgressBar;
use tokio::task::JoinSet;

use super::{
    crowd::{Call, count},
    wire::{Answered, Line, Lines, Refused},
};

/// How often a call is sent, as the server asks for it, before its queue is given up.
const SENT_MAX: u32 = 50;
/// By how much of a hundred calls one may be sent late before the generator counts as saturated, in
/// microseconds.
const LATE_US_MAX: u64 = 10_000;
const LATE_QUANTILE: f64 = 0.99;
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
    /// Calls a second that were due; 0 where each waits for the one before.
    pub(crate) offered_per_s: f64,
    /// By how much calls were sent late that nothing stood in the way of: the generator's own fault.
    late_us: Histogram<u64>,
    /// Calls answered in each second, and the longest that one of them took, in microseconds.
    pub(crate) seconds: BTreeMap<u64, (u64, u64)>,
}

/// A call that was sent once: its ops, when it was due and answered, and how.
type Once = (u64, (Duration, Duration), Result<Answered, Refused>);

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
            offered_per_s: 0.0,
            late_us: Histogram::new(DIGITS)?,
            seconds: BTreeMap::new(),
        })
    }

    pub(crate) fn add(&mut self, other: &Self) -> anyhow::Result<()> {
        self.latency_us.add(&other.latency_us)?;
        self.late_us.add(&other.late_us)?;
        self.calls = self.calls.saturating_add(other.calls);
        self.ops = self.ops.saturating_add(other.ops);
        self.bytes_up = self.bytes_up.saturating_add(other.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(other.bytes_down);
        for (why, times) in &other.errors {
            let sum = self.errors.entry(why.clone()).or_default();
            *sum = sum.saturating_add(*times);
        }
        for (second, (calls, longest_us)) in &other.seconds {
            let sum = self.seconds.entry(*second).or_default();
            *sum = (sum.0.saturating_add(*calls), sum.1.max(*longest_us));
        }
        self.took = self.took.max(other.took);
        self.offered_per_s = self.offered_per_s.max(other.offered_per_s);
        Ok(())
    }

    /// A thing a second.
    pub(crate) fn per_s(&self, things: u64) -> f64 {
        per_s(things, self.took)
    }

    fn note_once(&mut self, (ops, when, answered): Once) {
        match answered {
            Ok(answered) => self.note(ops, when, answered),
            Err(refused) => self.note_error(&refused),
        }
    }

    fn note_error(&mut self, refused: &Refused) {
        let sum = self.errors.entry(refused.why.clone()).or_default();
        *sum = sum.saturating_add(1);
    }

    /// Whether the generator could not keep up: it sent late by itself, though nothing stood in the way.
    /// A server that does not keep up shows in what is achieved.
    pub(crate) fn is_saturated(&self) -> bool {
        self.late_us.value_at_quantile(LATE_QUANTILE) > LATE_US_MAX
    }

    /// Of a call whose time began at one moment and was answered at another.
    fn note(&mut self, ops: u64, (begun, now): (Duration, Duration), answered: Answered) {
        let took_us = micros(now.saturating_sub(begun));
        // The histogram grows as it has to.
        let _ = self.latency_us.record(took_us);
        let second = self.seconds.entry(now.as_secs()).or_default();
        *second = (second.0.saturating_add(1), second.1.max(took_us));
        self.calls = self.calls.saturating_add(1);
        self.ops = self.ops.saturating_add(ops);
        self.bytes_up = self.bytes_up.saturating_add(answered.bytes_up);
        self.bytes_down = self.bytes_down.saturating_add(answered.bytes_down);
    }
}

/// Sends each queue's calls one after the other, all queues at once.
pub(crate) async fn closed(lines: &Lines, queues: Vec<Vec<Call>>) -> anyhow::Result<Sample> {
    let at_once = |call| (Duration::ZERO, call);
    let queues = queues.into_iter();
    let queues = queues.map(|queue| queue.into_iter().map(at_once).collect());
    drive(lines, queues.collect(), Timed::FromSending).await
}

/// Sends each call when it is due, however long those before take; of one queue one after the other, as
/// a device does. What a call waits for its queue is part of its time.
pub(crate) async fn open(
    lines: &Lines,
    queues: Vec<Vec<(Duration, Call)>>,
) -> anyhow::Result<Sample> {
    let due = queues.iter().flatten();
    let last = due.clone().map(|(due, _)| *due).max().unwrap_or_default();
    let calls = count(due.count());
    let mut sample = drive(lines, queues, Timed::FromDue).await?;
    sample.offered_per_s = per_s(calls, last);
    Ok(sample)
}

/// Sends each call when it is due, whatever became of others, and once: who is refused is only counted.
pub(crate) async fn once(lines: &Lines, calls: Vec<(Duration, Call)>) -> anyhow::Result<Sample> {
    let last = calls.last().map(|(due, _)| *due).unwrap_or_default();
    let offered_per_s = per_s(count(calls.len()), last);
    let bar = progress(calls.len());
    let clock = SystemClock::start();
    let mut under_way = JoinSet::new();
    let mut all = Sample::empty()?;
    for (number, (due, call)) in calls.into_iter().enumerate() {
        let now = clock.monotonic();
        if now < due {
            tokio::time::sleep(due.saturating_sub(now)).await;
        }
        let _ = all
            .late_us
            .record(micros(clock.monotonic().saturating_sub(due)));
        while let Some(done) = under_way.try_join_next() {
            all.note_once(done?);
            bar.inc(1);
        }
        let line = lines.of(number);
        under_way.spawn(async move {
            let ops = call.ops;
            let answered = line.sync(call).await;
            (ops, (due, clock.monotonic()), answered)
        });
    }
    while let Some(done) = under_way.join_next().await {
        all.note_once(done?);
        bar.inc(1);
    }
    all.took = clock.monotonic();
    all.offered_per_s = offered_per_s;
    bar.finish_and_clear();
    Ok(all)
}

/// When a call's time begins.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Timed {
    FromSending,
    FromDue,
}

async fn drive(
    lines: &Lines,
    queues: Vec<Vec<(Duration, Call)>>,
    timed: Timed,
) -> anyhow::Result<Sample> {
    let bar = progress(queues.iter().map(Vec::len).sum());
    let clock = SystemClock::start();
    let mut workers = JoinSet::new();
    for (number, queue) in queues.into_iter().enumerate() {
        let worker = Worker {
            line: lines.of(number),
            clock,
            timed,
            bar: bar.clone(),
        };
        workers.spawn(worker.run(queue));
    }
    let mut all = Sample::empty()?;
    while let Some(done) = workers.join_next().await {
        all.add(&done??)?;
    }
    all.took = clock.monotonic();
    bar.finish_and_clear();
    Ok(all)
}

struct Worker {
    line: Line,
    clock: SystemClock,
    timed: Timed,
    bar: ProgressBar,
}

impl Worker {
    async fn run(self, queue: Vec<(Duration, Call)>) -> anyhow::Result<Sample> {
        let mut sample = Sample::empty()?;
        for (due, call) in queue {
            let now = self.clock.monotonic();
            if now < due {
                tokio::time::sleep(due.saturating_sub(now)).await;
                let late = self.clock.monotonic().saturating_sub(due);
                let _ = sample.late_us.record(micros(late));
            }
            let begun = match self.timed {
                Timed::FromSending => self.clock.monotonic(),
                Timed::FromDue => due,
            };
            if !self.settle(call, begun, &mut sample).await {
                // What follows in the log would lie past a gap.
                break;
            }
            self.bar.inc(1);
        }
        Ok(sample)
    }

    /// Sends a call until it is answered; whether it was.
    async fn settle(&self, call: Call, begun: Duration, sample: &mut Sample) -> bool {
        for _ in 0..SENT_MAX {
            match self.line.sync(call.clone()).await {
                Ok(answered) => {
                    sample.note(call.ops, (begun, self.clock.monotonic()), answered);
                    return true;
                }
                Err(refused) => {
                    sample.note_error(&refused);
                    let Some(wait) = refused.retry_after_ms else {
                        return false;
                    };
                    tokio::time::sleep(Duration::from_millis(wait)).await;
                }
            }
        }
        false
    }
}

/// Shown on a terminal alone.
pub(crate) fn progress(steps: usize) -> ProgressBar {
    ProgressBar::new(count(steps))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generator_is_saturated_that_sends_late_and_not_a_server_that_answers_late() {
        let mut sample = Sample::empty().unwrap();
        sample.offered_per_s = 500.0;
        sample.took = Duration::from_secs(10);
        let slow = (Duration::ZERO, Duration::from_secs(5));
        for _ in 0..1_000 {
            sample.note(1, slow, Answered::default());
            sample.late_us.record(500).unwrap();
        }
        assert!(sample.per_s(sample.calls) < sample.offered_per_s);
        assert!(!sample.is_saturated());
        for _ in 0..20 {
            sample.late_us.record(LATE_US_MAX + 1_000).unwrap();
        }
        assert!(sample.is_saturated());
    }
}
