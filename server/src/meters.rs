//! What the server measures: every instrument, with its name, unit and labels, in one file.
//!
//! Names and labels of calls and of the database are `OpenTelemetry`'s conventions; the others begin
//! with `askel.`. No label says a tenant, a place, a participant, an address or a text: each takes
//! one of a closed set of values. All of them stand in docs/telemetry.md.

mod dropped;

use std::{sync::LazyLock, time::Duration};

use opentelemetry::{
    KeyValue, global,
    metrics::{Counter, Gauge, Histogram, Meter, UpDownCounter},
};

/// The scope that instruments and spans belong to.
pub(crate) const SCOPE: &str = "askel";

/// The instruments of this process, made when first asked for: what asks before telemetry is set up
/// measures nothing.
pub(crate) fn meters() -> &'static Meters {
    static METERS: LazyLock<Meters> = LazyLock::new(|| Meters::of(&global::meter(SCOPE)));
    &METERS
}

/// The instruments.
pub(crate) struct Meters {
    call_duration: Histogram<f64>,
    calls_refused: Counter<u64>,
    store_duration: Histogram<f64>,
    ops: Counter<u64>,
    conflicts: Counter<u64>,
    pushes: Counter<u64>,
    /// Readers that hold something else than their streams say.
    pub(crate) sum_mismatches: Counter<u64>,
    /// How long ago the last backup was made.
    pub(crate) backup_age: Gauge<f64>,
    /// Open connections.
    pub(crate) connections: UpDownCounter<i64>,
    /// Open watches.
    pub(crate) watches: UpDownCounter<i64>,
    pub(crate) ingest: IngestMeters,
    pub(crate) projector: ProjectorMeters,
    dropped: Counter<u64>,
    pub(crate) nodes: NodeMeters,
    pub(crate) tls: TlsMeters,
}

/// What became of an attempt to wake a phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PushOutcome {
    /// The push service took it.
    Sent,
    /// Nobody is behind the token any more.
    Unregistered,
    /// The push service asked for patience, or was away.
    Later,
    /// The push service finds fault with this server.
    Refused,
    /// It was tried often enough.
    GivenUp,
}

impl PushOutcome {
    const ALL: [Self; 5] = [
        Self::Sent,
        Self::Unregistered,
        Self::Later,
        Self::Refused,
        Self::GivenUp,
    ];

    fn label(self) -> KeyValue {
        let name = match self {
            Self::Sent => "sent",
            Self::Unregistered => "unregistered",
            Self::Later => "later",
            Self::Refused => "refused",
            Self::GivenUp => "given_up",
        };
        KeyValue::new("askel.outcome", name)
    }
}

/// Of taking ops in.
pub(crate) struct IngestMeters {
    /// Ops that one transaction took in.
    pub(crate) batch_ops: Histogram<u64>,
    /// Calls that shared one transaction.
    pub(crate) batch_calls: Histogram<u64>,
    /// Ops that wait to be taken in.
    pub(crate) queue_ops: UpDownCounter<i64>,
}

/// Of the projector.
pub(crate) struct ProjectorMeters {
    round_duration: Histogram<f64>,
    /// Derived ops that wait to be written.
    pub(crate) outbox_depth: Gauge<u64>,
    /// Participants that wait to be folded.
    pub(crate) dirty: Gauge<u64>,
    /// How long the first of either has been seen waiting.
    pub(crate) lag: Gauge<f64>,
}

/// Of what passes between nodes.
pub(crate) struct NodeMeters {
    /// Hints handed to Redis for other nodes.
    pub(crate) hints_sent: Counter<u64>,
    /// Hints for other nodes that there was no room for.
    pub(crate) hints_lost: Counter<u64>,
    /// Whether Redis is there.
    pub(crate) redis_up: Gauge<u64>,
}

/// Of TLS, where the server speaks it.
pub(crate) struct TlsMeters {
    /// How long the certificate that is served is still good; below zero once it has ended.
    pub(crate) time_left: Gauge<f64>,
    /// Callers who did not come to terms, or not in time.
    pub(crate) handshakes_failed: Counter<u64>,
    /// New certificates that can't be used.
    pub(crate) replacements_failed: Counter<u64>,
}

/// Bounds of the buckets that the conventions ask for, in seconds.
const CALL_SECONDS: [f64; 14] = [
    0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0,
];
const STORE_SECONDS: [f64; 9] = [0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 10.0];
/// Of groups of ops, up to the largest batch that can be configured.
const GROUP_SIZES: [f64; 13] = [
    1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1_000.0, 2_000.0, 5_000.0, 10_000.0,
];

/// Makes instruments: name, unit, what it tells.
struct Making<'a>(&'a Meter);

impl Making<'_> {
    fn seconds(&self, name: &'static str, bounds: &[f64], what: &'static str) -> Histogram<f64> {
        let histogram = self.0.f64_histogram(name).with_unit("s");
        let histogram = histogram.with_boundaries(bounds.to_vec());
        histogram.with_description(what).build()
    }

    fn sizes(&self, name: &'static str, unit: &'static str, what: &'static str) -> Histogram<u64> {
        let histogram = self.0.u64_histogram(name).with_unit(unit);
        let histogram = histogram.with_boundaries(GROUP_SIZES.to_vec());
        histogram.with_description(what).build()
    }

    fn count(&self, name: &'static str, unit: &'static str, what: &'static str) -> Counter<u64> {
        let counter = self.0.u64_counter(name).with_unit(unit);
        counter.with_description(what).build()
    }

    /// A counter that is there before anything is counted, so that its first rise is seen as one.
    fn zeroed(&self, name: &'static str, unit: &'static str, what: &'static str) -> Counter<u64> {
        let counter = self.count(name, unit, what);
        counter.add(0, &[]);
        counter
    }

    /// There before the first attempt, by each outcome: a rise from nothing is no rate.
    fn pushes(&self) -> Counter<u64> {
        let pushes = self.count(
            "askel.pushes",
            "{push}",
            "Attempts to wake a phone, by what became of them.",
        );
        for outcome in PushOutcome::ALL {
            pushes.add(0, &[outcome.label()]);
        }
        pushes
    }

    fn open(
        &self,
        name: &'static str,
        unit: &'static str,
        what: &'static str,
    ) -> UpDownCounter<i64> {
        let counter = self.0.i64_up_down_counter(name).with_unit(unit);
        let counter = counter.with_description(what).build();
        counter.add(0, &[]);
        counter
    }

    fn level(&self, name: &'static str, unit: &'static str, what: &'static str) -> Gauge<u64> {
        let gauge = self.0.u64_gauge(name).with_unit(unit);
        gauge.with_description(what).build()
    }

    fn age(&self, name: &'static str, what: &'static str) -> Gauge<f64> {
        let gauge = self.0.f64_gauge(name).with_unit("s");
        gauge.with_description(what).build()
    }
}

impl Meters {
    fn of(meter: &Meter) -> Self {
        let make = Making(meter);
        Self {
            call_duration: make.seconds(
                "rpc.server.call.duration",
                &CALL_SECONDS,
                "Duration of calls, until the last byte of the answer.",
            ),
            calls_refused: make.count("askel.calls.refused", "{call}", "Refused calls, by reason."),
            store_duration: make.seconds(
                "db.client.operation.duration",
                &STORE_SECONDS,
                "Duration of calls of the store; each is one transaction.",
            ),
            ops: make.count(
                "askel.ops.settled",
                "{op}",
                "Ops by what became of them; deferred ones are in quarantine.",
            ),
            conflicts: make.count(
                "askel.logs.conflicts",
                "{log}",
                "Logs that can't go on; a new log follows all but a foreign writer's.",
            ),
            pushes: make.pushes(),
            sum_mismatches: make.zeroed(
                "askel.stream.sum_mismatches",
                "{reader}",
                "Readers that hold something else than their streams say.",
            ),
            backup_age: make.age("askel.backup.age", "Time since the last backup was made."),
            connections: make.open("askel.connections", "{connection}", "Open connections."),
            watches: make.open("askel.watches", "{watch}", "Open watches."),
            ingest: IngestMeters::of(&make),
            projector: ProjectorMeters::of(&make),
            dropped: dropped::counter(&make),
            nodes: NodeMeters::of(&make),
            tls: TlsMeters::of(&make),
        }
    }

    /// A call is over: its method as the table of access writes it, the name of its status, and the
    /// same again where that is the server's fault.
    pub(crate) fn call_ended(
        &self,
        method: &'static str,
        status: &'static str,
        error: Option<&'static str>,
        took: Duration,
    ) {
        let mut labels = vec![
            KeyValue::new("rpc.system.name", "grpc"),
            KeyValue::new("rpc.method", method),
            KeyValue::new("rpc.status_code", status),
        ];
        labels.extend(error.map(|kind| KeyValue::new("error.type", kind)));
        self.call_duration.record(took.as_secs_f64(), &labels);
    }

    /// A call was refused, for a reason of docs/errors.md.
    pub(crate) fn call_refused(&self, method: &'static str, reason: &'static str) {
        let labels = [
            KeyValue::new("rpc.method", method),
            KeyValue::new("askel.reason", reason),
        ];
        self.calls_refused.add(1, &labels);
    }

    /// An attempt to wake a phone is over.
    pub(crate) fn pushed(&self, outcome: PushOutcome) {
        self.pushes.add(1, &[outcome.label()]);
    }

    /// A call of the store is over.
    pub(crate) fn store_called(
        &self,
        system: &'static str,
        operation: &'static str,
        error: Option<&'static str>,
        took: Duration,
    ) {
        let mut labels = vec![
            KeyValue::new("db.system.name", system),
            KeyValue::new("db.operation.name", operation),
        ];
        labels.extend(error.map(|kind| KeyValue::new("error.type", kind)));
        self.store_duration.record(took.as_secs_f64(), &labels);
    }

    /// Ops that were settled, by what became of them.
    pub(crate) fn ops_settled(&self, outcome: &'static str, ops: u64) {
        if ops > 0 {
            self.ops
                .add(ops, &[KeyValue::new("askel.outcome", outcome)]);
        }
    }

    /// A log that can't go on.
    pub(crate) fn log_conflicted(&self, conflict: &'static str) {
        let labels = [KeyValue::new("askel.conflict", conflict)];
        self.conflicts.add(1, &labels);
    }

    /// A round of the projector is over.
    pub(crate) fn round_ended(&self, outcome: &'static str, took: Duration) {
        let labels = [KeyValue::new("askel.outcome", outcome)];
        self.projector
            .round_duration
            .record(took.as_secs_f64(), &labels);
    }
}

impl IngestMeters {
    fn of(make: &Making<'_>) -> Self {
        Self {
            batch_ops: make.sizes(
                "askel.ingest.batch.ops",
                "{op}",
                "Ops taken in by one transaction.",
            ),
            batch_calls: make.sizes(
                "askel.ingest.batch.calls",
                "{call}",
                "Calls that shared one transaction.",
            ),
            queue_ops: make.open(
                "askel.ingest.queue.ops",
                "{op}",
                "Ops that wait to be taken in.",
            ),
        }
    }
}

impl ProjectorMeters {
    fn of(make: &Making<'_>) -> Self {
        Self {
            round_duration: make.seconds(
                "askel.projector.round.duration",
                &STORE_SECONDS,
                "Duration of a projector's round.",
            ),
            outbox_depth: make.level(
                "askel.outbox.depth",
                "{op}",
                "Derived ops that wait to be written.",
            ),
            dirty: make.level(
                "askel.projector.dirty",
                "{participant}",
                "Participants that wait to be folded.",
            ),
            lag: make.age(
                "askel.projector.lag",
                "How long the first of those that wait has been seen waiting.",
            ),
        }
    }
}

impl NodeMeters {
    fn of(make: &Making<'_>) -> Self {
        Self {
            hints_sent: make.zeroed("askel.hints.sent", "{hint}", "Hints handed to Redis."),
            hints_lost: make.zeroed(
                "askel.hints.lost",
                "{hint}",
                "Hints for other nodes that there was no room for.",
            ),
            redis_up: make.level("askel.redis.up", "1", "Whether Redis is there: 1 or 0."),
        }
    }
}

impl TlsMeters {
    fn of(make: &Making<'_>) -> Self {
        Self {
            time_left: make.age(
                "askel.tls.certificate.time_left",
                "How long the certificate that is served is still good.",
            ),
            handshakes_failed: make.zeroed(
                "askel.tls.handshakes.failed",
                "{handshake}",
                "Callers who did not come to terms on TLS.",
            ),
            replacements_failed: make.zeroed(
                "askel.tls.replacements.failed",
                "{replacement}",
                "New certificates that can't be used.",
            ),
        }
    }
}
