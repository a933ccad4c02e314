//! A sample with what the processes used for it.

use std::future::Future;

use serde_json::{Value, json};

use super::{
    drive::{Sample, float},
    process::{Usage, own_usage},
    stand::{Stand, sql},
};

/// Where latencies are told.
const NINES: [f64; 9] = [0.0, 0.25, 0.5, 1.0, 1.5, 2.0, 2.5, 3.0, 3.5];

/// What some calls cost.
#[derive(Debug, Clone)]
pub(crate) struct Measured {
    pub(crate) sample: Sample,
    server: Usage,
    database: Usage,
    generator: Usage,
}

/// Looks at all processes before and after. The database has its statistics first, which it gathers by itself
/// within the first minutes of its life.
pub(crate) async fn measured(
    stand: &Stand,
    calls: impl Future<Output = anyhow::Result<Sample>>,
) -> anyhow::Result<Measured> {
    if let Some(postgres) = &stand.postgres {
        sql(postgres, "ANALYZE")?;
    }
    let before = (stand.server.usage()?, stand.database_usage()?, own_usage()?);
    let sample = calls.await?;
    Ok(Measured {
        server: stand.server.usage()?.since(before.0),
        database: stand.database_usage()?.since(before.1),
        generator: own_usage()?.since(before.2),
        sample,
    })
}

impl Measured {
    /// Milliseconds of the server's processor time a thing.
    pub(crate) fn server_ms_per(&self, things: u64) -> f64 {
        ms_per(self.server, things)
    }

    /// The same of the database's.
    pub(crate) fn database_ms_per(&self, things: u64) -> f64 {
        ms_per(self.database, things)
    }

    /// For machines.
    pub(crate) fn to_json(&self) -> Value {
        let sample = &self.sample;
        let quantile = |q: f64| float(sample.latency_us.value_at_quantile(q)) / 1_000.0;
        let timeline = sample.seconds.iter();
        let timeline: Vec<Value> = timeline
            .map(|(second, (calls, longest_us))| {
                json!([second, calls, float(*longest_us) / 1_000.0])
            })
            .collect();
        // By how many nines of all calls: of half of them, of nine in ten, of 99 in a hundred …
        let nines = NINES.map(|nines| json!([nines, quantile(1.0 - 10.0_f64.powf(-nines))]));
        json!({
            "offered_per_s": sample.offered_per_s,
            "generator_saturated": sample.is_saturated(),
            "nines": nines,
            "timeline": timeline,
            "calls": sample.calls,
            "ops": sample.ops,
            "seconds": sample.took.as_secs_f64(),
            "calls_per_s": sample.per_s(sample.calls),
            "ops_per_s": sample.per_s(sample.ops),
            "latency_ms": {
                "p50": quantile(0.5),
                "p90": quantile(0.9),
                "p99": quantile(0.99),
                "p999": quantile(0.999),
                "max": float(sample.latency_us.max()) / 1_000.0,
            },
            "errors": sample.errors,
            "bytes_up": sample.bytes_up,
            "bytes_down": sample.bytes_down,
            "server_cpu_s": self.server.cpu.as_secs_f64(),
            "server_cpu_ms_per_call": self.server_ms_per(sample.calls),
            "server_cpu_ms_per_op": self.server_ms_per(sample.ops),
            "server_memory_bytes": self.server.memory_bytes,
            "server_memory_bytes_max": self.server.memory_bytes_max,
            "database_cpu_s": self.database.cpu.as_secs_f64(),
            "database_cpu_ms_per_call": self.database_ms_per(sample.calls),
            "database_cpu_ms_per_op": self.database_ms_per(sample.ops),
            "database_memory_bytes": self.database.memory_bytes,
            "generator_cpu_s": self.generator.cpu.as_secs_f64(),
        })
    }
}

fn ms_per(usage: Usage, things: u64) -> f64 {
    if things == 0 {
        return 0.0;
    }
    usage.cpu.as_secs_f64() * 1_000.0 / float(things)
}
