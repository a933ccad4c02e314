//! What was exported, beside what docs/telemetry.md says.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use askel_server::rpc::ACCESS_TABLE;
use opentelemetry_proto::tonic::{
    common::v1::{KeyValue, any_value::Value},
    metrics::v1::{Metric, metric::Data},
    trace::v1::{Span, span::SpanKind},
};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::collector::Exported;

/// The page as Prometheus gets it.
pub(crate) async fn scrape(address: SocketAddr) -> String {
    let mut stream = tokio::net::TcpStream::connect(address)
        .await
        .expect("connected");
    let request = b"GET /metrics HTTP/1.1\r\nhost: askel\r\n\r\n";
    stream.write_all(request).await.expect("asked");
    let mut page = String::new();
    stream.read_to_string(&mut page).await.expect("a page");
    assert!(page.starts_with("HTTP/1.1 200"), "{page}");
    page
}

/// The tables.
pub(crate) struct Documented {
    metrics: BTreeMap<String, MetricRow>,
    spans: BTreeMap<String, (String, BTreeSet<String>)>,
    lines: BTreeMap<String, BTreeSet<String>>,
}

/// The label that is there where something failed.
const WHEN_IT_FAILS: &str = "error.type";

#[derive(Debug, Clone, PartialEq, Eq)]
struct MetricRow {
    kind: String,
    unit: String,
    labels: BTreeSet<String>,
}

fn names(cell: &str) -> BTreeSet<String> {
    cell.split('`')
        .skip(1)
        .step_by(2)
        .map(str::to_owned)
        .collect()
}

fn sources(folder: &std::path::Path, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).expect("a folder") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            let text = std::fs::read_to_string(&path).expect("a source");
            let text = text.split("#[cfg(test)]").next().unwrap_or_default();
            for level in ["trace", "debug", "info", "warn", "error"] {
                for said in text.split(&format!("tracing::{level}!(")).skip(1) {
                    let said = &said[..said.find(");").expect("an end")];
                    let message = said.rsplit('"').nth(1).expect("a message");
                    found.insert(format!("{level} {message}"));
                }
            }
        }
    }
}

impl Documented {
    pub(crate) fn read() -> Self {
        let text = include_str!("../../../docs/telemetry.md");
        let mut documented = Self {
            metrics: BTreeMap::new(),
            spans: BTreeMap::new(),
            lines: BTreeMap::new(),
        };
        let mut section = "";
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("## ") {
                section = title;
            }
            let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
            match (section, cells.as_slice()) {
                ("Metrics", [name, kind, unit, labels, _]) if name.starts_with('`') => {
                    let row = MetricRow {
                        kind: (*kind).to_owned(),
                        unit: unit.trim_matches('`').to_owned(),
                        labels: names(labels),
                    };
                    documented
                        .metrics
                        .insert(name.trim_matches('`').to_owned(), row);
                }
                ("Spans", [name, kind, attributes, _]) if name.starts_with('`') => {
                    let name = name.split('`').nth(1).expect("a name").to_owned();
                    let row = ((*kind).to_owned(), names(attributes));
                    documented.spans.insert(name, row);
                }
                ("Log events", [level, message, fields]) if !matches!(*level, "level" | "---") => {
                    let event = format!("{level} {message}");
                    documented.lines.insert(event, names(fields));
                }
                _ => {}
            }
        }
        documented
    }

    /// Every metric of the table was exported as it says, and no other; and Prometheus sees them all.
    pub(crate) fn check_metrics(&self, exported: &Exported, page: &str) {
        let mut told: BTreeMap<String, MetricRow> = BTreeMap::new();
        for metric in exported.metrics() {
            let row = told.entry(metric.name.clone()).or_insert(MetricRow {
                kind: kind(metric).to_owned(),
                unit: metric.unit.clone(),
                labels: BTreeSet::new(),
            });
            row.labels
                .extend(points(metric).flatten().map(|label| label.key.clone()));
        }
        for (name, mut row) in told.clone() {
            let documented = &self.metrics[&name];
            if documented.labels.contains(WHEN_IT_FAILS) {
                row.labels.insert(WHEN_IT_FAILS.to_owned());
            }
            assert_eq!(documented, &row, "{name}");
        }
        for (name, row) in &self.metrics {
            assert!(told.contains_key(name), "{name} is documented and not told");
            let seen = match (row.kind.as_str(), row.unit.as_str()) {
                ("histogram", "s") => format!("{}_seconds_bucket", name.replace('.', "_")),
                ("histogram", _) => format!("{}_bucket", name.replace('.', "_")),
                ("counter", _) => format!("{}_total", name.replace('.', "_")),
                ("gauge", "s") => format!("{}_seconds", name.replace('.', "_")),
                ("gauge", "1") => format!("{}_ratio", name.replace('.', "_")),
                _ => name.replace('.', "_"),
            };
            let is_there = page.lines().any(|line| {
                let rest = line.strip_prefix(&seen);
                rest.is_some_and(|rest| rest.starts_with(['{', ' ']))
            });
            assert!(is_there, "{seen} is not on the page:\n{page}");
        }
    }

    /// Every sort of span was exported as the table says, and no other.
    pub(crate) fn check_spans(&self, exported: &Exported) {
        let mut told = BTreeSet::new();
        for span in exported.spans() {
            let row = match (span.kind(), span.name.as_str()) {
                (SpanKind::Server, _) => "<rpc.method>",
                (SpanKind::Client, _) => "<db.operation.name>",
                (_, name) => name,
            };
            let (kind, attributes) = &self.spans[row];
            assert_eq!(format!("{:?}", span.kind()).to_lowercase(), *kind, "{row}");
            for attribute in &span.attributes {
                assert!(attributes.contains(&attribute.key), "{row}: {attribute:?}");
            }
            assert!(
                span.events.is_empty() && span.trace_state.is_empty(),
                "{span:?}"
            );
            told.insert(row.to_owned());
        }
        let rows: BTreeSet<String> = self.spans.keys().cloned().collect();
        assert_eq!(told, rows);
    }

    /// Every line of the sources stands in the table, and every row is a line of the sources; what was
    /// exported has no other fields.
    pub(crate) fn check_lines(&self, exported: &Exported) {
        let mut said = BTreeSet::new();
        let server = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        for folder in [
            "src",
            "fcm/src",
            "store/src",
            "store-sqlite/src",
            "store-postgres/src",
        ] {
            sources(&server.join(folder), &mut said);
        }
        let rows: BTreeSet<String> = self.lines.keys().cloned().collect();
        assert_eq!(said, rows, "lines of the sources and of the table");
        let mut count = 0_usize;
        for line in exported.lines() {
            let body = line.body.as_ref().and_then(|body| body.value.clone());
            let Some(Value::StringValue(message)) = body else {
                panic!("a line without words: {line:?}")
            };
            let event = format!("{} {message}", line.severity_text.to_lowercase());
            let fields = self.lines.get(&event);
            let fields = fields.unwrap_or_else(|| panic!("not documented: {event}"));
            for attribute in &line.attributes {
                assert!(fields.contains(&attribute.key), "{event}: {attribute:?}");
            }
            count += 1;
        }
        assert!(count > 100, "{count} lines");
    }
}

fn kind(metric: &Metric) -> &'static str {
    match metric.data.as_ref().expect("data") {
        Data::Gauge(_) => "gauge",
        Data::Histogram(_) => "histogram",
        Data::Sum(sum) if sum.is_monotonic => "counter",
        Data::Sum(_) => "up-down counter",
        other => panic!("{other:?}"),
    }
}

/// The labels of each point.
fn points(metric: &Metric) -> Box<dyn Iterator<Item = &[KeyValue]> + '_> {
    match metric.data.as_ref().expect("data") {
        Data::Gauge(gauge) => Box::new(gauge.data_points.iter().map(|point| &*point.attributes)),
        Data::Sum(sum) => Box::new(sum.data_points.iter().map(|point| &*point.attributes)),
        Data::Histogram(histogram) => {
            Box::new(histogram.data_points.iter().map(|point| &*point.attributes))
        }
        other => panic!("{other:?}"),
    }
}

fn text<'a>(attributes: &'a [KeyValue], key: &str) -> Option<&'a str> {
    let found = attributes.iter().find(|attribute| attribute.key == key)?;
    match found.value.as_ref()?.value.as_ref()? {
        Value::StringValue(text) => Some(text),
        _ => None,
    }
}

/// Each method was called well and measured under its name, and badly.
pub(crate) fn every_method_was_answered(exported: &Exported) {
    let calls = exported
        .metrics()
        .filter(|metric| metric.name == "rpc.server.call.duration");
    let mut well = BTreeSet::new();
    let mut badly = BTreeSet::new();
    for labels in calls.flat_map(points) {
        let method = text(labels, "rpc.method").expect("a method").to_owned();
        match text(labels, "rpc.status_code") {
            Some("OK") => well.insert(method),
            _ => badly.insert(method),
        };
    }
    for (path, _) in ACCESS_TABLE {
        let method = path.trim_start_matches('/');
        let watches = method.starts_with("grpc.health") || method.contains("Watch");
        assert!(well.contains(method) || watches, "{method}: {well:?}");
    }
    assert!(badly.contains("_OTHER") && badly.len() > 20, "{badly:?}");
}

fn named<'a>(exported: &'a Exported, name: &str) -> Vec<&'a Span> {
    exported.spans().filter(|span| span.name == name).collect()
}

/// Each transaction of ops is linked to the calls that it was for; what the store and the projector did
/// hangs below them.
pub(crate) fn calls_and_transactions_are_linked(exported: &Exported) {
    let by_id: BTreeMap<&[u8], &Span> = exported
        .spans()
        .map(|span| (&*span.span_id, span))
        .collect();
    let groups = named(exported, "ingest");
    assert!(groups.len() > 5);
    for group in groups {
        assert!(!group.links.is_empty(), "{group:?}");
        for link in &group.links {
            let call = by_id[&*link.span_id];
            assert_eq!(call.kind(), SpanKind::Server);
            assert_eq!(call.trace_id, link.trace_id);
        }
    }
    let appends = named(exported, "append");
    let within = |span: &Span, name: &str| {
        let parent = by_id.get(&*span.parent_span_id);
        parent.is_some_and(|parent| parent.name == name)
    };
    assert!(appends.iter().any(|append| within(append, "ingest")));
    assert!(appends.iter().any(|append| within(append, "project")));
    let rounds = named(exported, "project");
    let sync = "askel.v1.SyncService/Sync";
    assert!(rounds.iter().any(|round| within(round, sync)));
    let line = exported.lines().find(|line| !line.trace_id.is_empty());
    assert!(line.is_some(), "a line within a call");
}

/// A call is the child of its caller's span, and so is what hangs below it.
pub(crate) fn trace_goes_on(exported: &Exported, trace: &str, parent: &str) {
    let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
    let calls = named(exported, "askel.v1.SyncService/Sync");
    let call = calls.iter().find(|call| hex(&call.trace_id) == trace);
    let call = call.expect("a call in the trace");
    assert_eq!(hex(&call.parent_span_id), parent);
    let rounds = named(exported, "project");
    assert!(rounds.iter().any(|round| hex(&round.trace_id) == trace));
    let groups = named(exported, "ingest");
    let linked = |group: &&&Span| group.links.iter().any(|link| hex(&link.trace_id) == trace);
    assert!(groups.iter().any(|group| linked(&group)));
}
