//! The files of `deploy/compose` that no tool reads whole: each is YAML, and what one names is there, in it
//! or beside it.

use std::{fs, path::PathBuf};

use saphyr::{LoadableYamlNode as _, Yaml};

use super::Workspace;

fn folder() -> PathBuf {
    let root = Workspace::find().expect("a workspace").root;
    root.join("deploy/compose")
}

/// Has a look at what a file says.
fn read(file: &str, look: impl FnOnce(&Yaml<'_>)) {
    let text = fs::read_to_string(folder().join(file)).expect(file);
    let read = Yaml::load_from_str(&text);
    let documents = read.unwrap_or_else(|fault| panic!("{file}: {fault}"));
    let [document] = &*documents else {
        panic!("{file}: {} documents", documents.len())
    };
    look(document);
}

/// What lies at the end of these keys; they have to be there.
fn at<'a, 'y>(yaml: &'a Yaml<'y>, path: &[&str]) -> &'a Yaml<'y> {
    path.iter().fold(yaml, |inner, key| {
        let next = inner.as_mapping_get(key);
        next.unwrap_or_else(|| panic!("no {key} of {path:?}"))
    })
}

fn keys<'a>(yaml: &'a Yaml<'_>) -> Vec<&'a str> {
    let mapping = yaml.as_mapping().expect("a mapping");
    let keys = mapping.keys().map(|key| key.as_str().expect("a word"));
    keys.collect()
}

/// The words of a list, or the keys of a mapping, which may stand for one.
fn words<'a>(yaml: &'a Yaml<'_>) -> Vec<&'a str> {
    match yaml.as_sequence() {
        Some(list) => list.iter().filter_map(Yaml::as_str).collect(),
        None => keys(yaml),
    }
}

#[test]
fn services_name_services_volumes_and_files_that_there_are() {
    read("compose.yaml", |compose| {
        let services = keys(at(compose, &["services"]));
        assert!(services.contains(&"askel-2"), "{services:?}");
        let volumes = keys(at(compose, &["volumes"]));
        let mut mounted = 0;
        for name in &services {
            let service = at(compose, &["services", name]);
            let waits_for = service.as_mapping_get("depends_on").map(words);
            for other in waits_for.into_iter().flatten() {
                assert!(services.contains(&other), "{name} waits for {other}");
            }
            let mounts = service.as_mapping_get("volumes").map(words);
            for mount in mounts.into_iter().flatten() {
                let (from, _) = mount.split_once(':').expect("a place");
                // It is of whoever runs it.
                let is_there = from == "./certificate.pem"
                    || volumes.contains(&from)
                    || from.starts_with('.') && folder().join(from).exists();
                assert!(is_there, "{name} mounts {from}");
                mounted += 1;
            }
        }
        assert!(mounted > 10, "{mounted}");
    });
}

#[test]
fn what_is_scraped_is_a_service() {
    read("compose.yaml", |compose| {
        read("prometheus.yml", |prometheus| {
            let [job] = &**at(prometheus, &["scrape_configs"])
                .as_sequence()
                .expect("jobs")
            else {
                panic!("several jobs")
            };
            // The alerts and the dashboard ask for it by this name.
            assert_eq!(at(job, &["job_name"]).as_str(), Some("askel"));
            let configs = at(job, &["static_configs"]).as_sequence().expect("some");
            for target in configs
                .iter()
                .flat_map(|some| words(at(some, &["targets"])))
            {
                let (service, port) = target.split_once(':').expect("a port");
                at(compose, &["services", service]);
                let listens = at(compose, &["x-askel", "environment"]);
                let listens = at(listens, &["ASKEL_TELEMETRY__PROMETHEUS_LISTEN"]).as_str();
                assert_eq!(listens, Some(&*format!("0.0.0.0:{port}")));
            }
        });
    });
}

#[test]
fn the_collector_s_pipelines_are_made_of_what_it_has() {
    read("collector.yaml", |collector| {
        let pipelines = at(collector, &["service", "pipelines"]);
        let mut signals = keys(pipelines);
        signals.sort_unstable();
        assert_eq!(signals, ["logs", "metrics", "traces"]);
        for signal in signals {
            for kind in ["receivers", "processors", "exporters"] {
                let there = keys(at(collector, &[kind]));
                for part in words(at(pipelines, &[signal, kind])) {
                    assert!(there.contains(&part), "{signal}: no {part} in {kind}");
                }
            }
        }
    });
}

#[test]
fn grafana_finds_the_dashboard_and_the_dashboard_its_prometheus() {
    let dashboard = fs::read_to_string(folder().join("../dashboards/askel.json")).expect("a file");
    read("grafana/provisioning/datasources/prometheus.yaml", |file| {
        let [source] = &**at(file, &["datasources"]).as_sequence().expect("some") else {
            panic!("several sources")
        };
        let uid = at(source, &["uid"]).as_str().expect("a name");
        let asked = dashboard.matches("\"uid\": \"prometheus\"").count();
        let by_name = dashboard.matches(&format!("\"uid\": \"{uid}\"")).count();
        assert!(
            asked > 10 && by_name == asked,
            "{uid}: {by_name} of {asked}"
        );
        let url = at(source, &["url"]).as_str();
        assert_eq!(url, Some("http://prometheus:9090"));
    });
    read("grafana/provisioning/dashboards/askel.yaml", |file| {
        let [provider] = &**at(file, &["providers"]).as_sequence().expect("some") else {
            panic!("several providers")
        };
        let path = at(provider, &["options", "path"]).as_str().expect("a path");
        read("compose.yaml", |compose| {
            let mounts = words(at(compose, &["services", "grafana", "volumes"]));
            let mount = format!("../dashboards:{path}:ro");
            assert!(mounts.contains(&&*mount), "{mounts:?}");
        });
    });
}
