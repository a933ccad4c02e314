//! What the dashboard and the alert rules of `deploy/` ask Prometheus, beside a page that a server
//! really gave.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

/// Labels that Prometheus itself adds, and metrics that it makes.
const OF_PROMETHEUS: [&str; 4] = ["le", "job", "instance", "up"];

/// What kube-state-metrics tells of the backup job of a cluster, and the label of its name.
const OF_A_CLUSTER: [&str; 3] = [
    "kube_cronjob_created",
    "kube_cronjob_status_last_successful_time",
    "cronjob",
];

/// Metrics that a query names, and labels, each with the metric it selects; those of a grouping have none.
#[derive(Debug, Default, PartialEq, Eq)]
struct Asked {
    metrics: BTreeSet<String>,
    labels: BTreeSet<(String, String)>,
    grouped_by: BTreeSet<String>,
}

/// The names in a query. Functions are followed by `(`, or by how they group: `by`, `without`; words of
/// the language are known.
fn asked(query: &str) -> Asked {
    let words = ["and", "or", "unless", "bool", "offset"];
    let groups = [
        "by",
        "without",
        "on",
        "ignoring",
        "group_left",
        "group_right",
    ];
    let mut asked = Asked::default();
    let mut rest = query;
    while let Some(next) = rest.chars().next() {
        if next == '[' {
            rest = rest.split_once(']').expect("an end").1;
        } else if next == '"' {
            rest = rest[1..].split_once('"').expect("an end").1;
        } else if next.is_ascii_alphabetic() || next == '_' {
            let is_part = |part: char| part.is_ascii_alphanumeric() || "_:".contains(part);
            let end = rest.find(|part| !is_part(part)).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after.trim_start();
            if groups.contains(&name) {
                let (labels, after) = rest[1..].split_once(')').expect("an end");
                let labels = labels.split(',').map(|label| label.trim().to_owned());
                let labels = labels.filter(|label| !label.is_empty());
                asked.grouped_by.extend(labels);
                rest = after;
            } else if !rest.starts_with(['(', 'b', 'w']) && !words.contains(&name) {
                asked.metrics.insert(name.to_owned());
                if let Some(selectors) = rest.strip_prefix('{') {
                    let (selectors, after) = selectors.split_once('}').expect("an end");
                    for selector in selectors.split("\",") {
                        let label = selector.split(['=', '!']).next().unwrap_or_default();
                        let label = label.trim().to_owned();
                        asked.labels.insert((name.to_owned(), label));
                    }
                    rest = after;
                }
            }
        } else if next.is_ascii_digit() {
            rest =
                rest.trim_start_matches(|part: char| part.is_ascii_alphanumeric() || part == '.');
        } else {
            rest = &rest[next.len_utf8()..];
        }
    }
    asked
}

/// Every series of a page, with its labels.
fn series(page: &str) -> BTreeMap<String, BTreeSet<String>> {
    let mut series: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let (name, rest) = line.split_once(['{', ' ']).unwrap_or((line, ""));
        let labels = series.entry(name.to_owned()).or_default();
        for part in rest.split('"').step_by(2) {
            if let Some(label) = part.trim_start_matches(',').strip_suffix('=') {
                labels.insert(label.to_owned());
            }
        }
    }
    series
}

/// The queries of the dashboard and of the rules, each with where it stands.
fn queries() -> Vec<(String, String)> {
    let deploy = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy");
    let read = |path: &str| std::fs::read_to_string(deploy.join(path)).expect("a file");
    let mut queries = Vec::new();
    let dashboard = read("dashboards/askel.json");
    let mut title = "";
    for line in dashboard
        .lines()
        .map(|line| line.trim().trim_end_matches(','))
    {
        let text = |key: &str| line.strip_prefix(key)?.strip_suffix('"');
        title = text("\"title\": \"").unwrap_or(title);
        if let Some(query) = text("\"expr\": \"") {
            queries.push((title.to_owned(), query.replace("\\\"", "\"")));
        }
    }
    let rules = read("alerts/askel.rules.yml");
    for rule in rules.split("- alert: ").skip(1) {
        let name = rule.lines().next().expect("a name").to_owned();
        let query = rule
            .lines()
            .find_map(|line| line.trim().strip_prefix("expr: "));
        queries.push((name, query.expect("a query").trim_matches('\'').to_owned()));
        let runbook = rule
            .lines()
            .find_map(|line| line.trim().strip_prefix("runbook: "));
        let runbook = deploy.join("..").join(runbook.expect("a runbook"));
        assert!(runbook.is_file(), "{}", runbook.display());
    }
    queries
}

/// Whether no server tells this.
fn from_elsewhere(name: &str) -> bool {
    OF_PROMETHEUS.contains(&name) || OF_A_CLUSTER.contains(&name)
}

/// Every metric and label that is asked for is on the page, or is told where something failed.
pub(crate) fn check(page: &str) {
    let series = series(page);
    let queries = queries();
    assert!(queries.len() > 25, "{}", queries.len());
    for (place, query) in queries {
        let asked = asked(&query);
        let known = |label: &str| OF_PROMETHEUS.contains(&label) || label == "error_type";
        let mut all = BTreeSet::new();
        for metric in &asked.metrics {
            let labels = series.get(metric);
            let is_there = labels.is_some() || from_elsewhere(metric);
            assert!(is_there, "{place}: {metric} is not told");
            all.extend(labels.into_iter().flatten().cloned());
        }
        for (metric, label) in &asked.labels {
            let labels = series.get(metric);
            let is_there = labels.is_some_and(|labels| labels.contains(label));
            let is_there = is_there || labels.is_none() && from_elsewhere(label);
            assert!(is_there || known(label), "{place}: {metric} has no {label}");
        }
        for label in &asked.grouped_by {
            let is_there = all.contains(label) || known(label);
            assert!(is_there, "{place}: nothing has {label}");
        }
    }
}

#[test]
fn names_are_found_in_queries() {
    let found = asked(
        "histogram_quantile(0.99, sum by (le, a) (rate(x_bucket{b!~\"c|d\",e=\"f\"}[5m]))) > 1e3 or absent(y)",
    );
    assert_eq!(found.metrics, ["x_bucket", "y"].map(str::to_owned).into());
    assert_eq!(found.grouped_by, ["le", "a"].map(str::to_owned).into());
    let neither = asked("x unless on() y");
    assert_eq!(neither.metrics, ["x", "y"].map(str::to_owned).into());
    assert!(neither.grouped_by.is_empty());
    let labels = series("# HELP x\nx_bucket{b=\"1\",e=\"2,3\"} 4\ny 1\n");
    assert_eq!(labels["x_bucket"], ["b", "e"].map(str::to_owned).into());
    assert!(labels["y"].is_empty());
}
