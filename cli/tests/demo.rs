//! The demo from outside: each flag, its figures, and what it refuses.
#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what it did not expect"
)]
#![expect(clippy::print_stdout, reason = "a test that is skipped says so")]

use std::{
    fmt::Write as _,
    io::{BufRead as _, BufReader},
    net::{SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Output, Stdio},
};

use serde_json::Value;

/// A week of a few people: small enough for a test build, long enough for every scene.
const PEOPLE: u32 = 6;
const DAYS: u32 = 8;

fn askel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askel"));
    command.arg("demo").args(arguments);
    command
}

fn run(arguments: &[&str]) -> Output {
    askel(arguments).output().expect("the built binary runs")
}

fn stdout(output: &Output) -> String {
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Steps of the `hour`th hour of a person.
fn steps_of(person: u32, hour: u32) -> u32 {
    if (8..20).contains(&(hour % 24)) {
        (person * 37 + hour * 13) % 900
    } else {
        0
    }
}

/// A file of the shared data's form; hours of some days are missing at the end of one person's.
fn steps_file(folder: &Path) -> String {
    let mut text = String::from("Id,ActivityHour,StepTotal\n");
    for person in 0..PEOPLE {
        for hour in 0..DAYS * 24 - person {
            let (day, clock) = (12 + hour / 24, hour % 24);
            let steps = steps_of(person, hour);
            writeln!(text, "{person},2016-4-{day} {clock}:00,{steps}").unwrap();
        }
    }
    let path = folder.join("steps.csv");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

fn steps_total() -> u64 {
    let hours = |person| (0..DAYS * 24 - person).map(move |hour| steps_of(person, hour));
    (0..PEOPLE).flat_map(hours).map(u64::from).sum()
}

fn json(arguments: &[&str]) -> Value {
    let arguments = [&["--json"], arguments].concat();
    let told = stdout(&run(&arguments));
    assert_eq!(
        told.lines().count(),
        1,
        "one object and nothing else: {told}"
    );
    serde_json::from_str(&told).expect("JSON")
}

/// What the seed decides: everything but ids, sizes and time.
fn decided(figures: &Value) -> Vec<Value> {
    let keys = [
        "steps_total",
        "person_days",
        "median_day_steps",
        "max_day_steps",
        "check_ins",
        "attendances",
        "tallies",
        "encounters",
        "awards",
        "card_awards",
    ];
    keys.iter().map(|key| figures[key].clone()).collect()
}

#[test]
fn json_is_one_object_with_every_figure() {
    let folder = tempfile::tempdir().unwrap();
    let figures = json(&["--steps", &steps_file(folder.path())]);
    for key in [
        "participants",
        "devices",
        "steps_total",
        "person_days",
        "median_day_steps",
        "max_day_steps",
        "check_ins",
        "attendances",
        "tallies",
        "encounters",
        "awards",
        "phone_award_hash",
        "server_award_hash",
        "sync_calls",
        "bytes_up",
        "bytes_down",
        "seconds",
    ] {
        assert!(!figures[key].is_null(), "{key} is missing: {figures}");
    }
    assert_eq!(figures["participants"], PEOPLE);
    assert_eq!(figures["devices"], PEOPLE * 2);
    assert_eq!(figures["steps_total"], steps_total());
    assert_eq!(figures["person_days"], PEOPLE * DAYS);
    assert_eq!(figures["phone_award_hash"], figures["server_award_hash"]);
    let sum = figures["attendances"].as_u64().unwrap() + figures["tallies"].as_u64().unwrap();
    assert_eq!(figures["encounters"], sum);
}

#[test]
fn the_seed_decides_what_happens_and_never_what_was_walked() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps_file(folder.path());
    let seven = json(&["--steps", &steps, "--seed", "7"]);
    assert_eq!(
        decided(&seven),
        decided(&json(&["--steps", &steps, "--seed", "7"]))
    );
    let eight = json(&["--steps", &steps, "--seed", "8"]);
    assert_ne!(decided(&seven), decided(&eight));
    assert_eq!(seven["steps_total"], eight["steps_total"]);
}

#[test]
fn the_story_is_told_in_the_language_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps_file(folder.path());
    let check = |language: &str, words: [&str; 4]| {
        let told = stdout(&run(&["--steps", &steps, "--lang", language]));
        for word in words {
            assert!(told.contains(word), "{word} in {told}");
        }
        assert!(told.contains('✓') && !told.contains('✗'), "{told}");
    };
    check("en", ["Tue 12 Apr", "moon-14", "First visit", "encounters"]);
    check(
        "fi",
        ["ti 12.4.", "kuu-14", "Ensimmäinen käynti", "kohtaamisia"],
    );
    check("sv", ["tis 12 apr", "måne-14", "Första besöket", "möten"]);
}

#[test]
fn the_data_is_in_the_folder_asked_for_and_a_used_folder_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps_file(folder.path());
    let data = folder.path().join("data");
    let data = data.to_str().unwrap();
    stdout(&run(&["--steps", &steps, "--data-dir", data]));
    for made in ["server", "server.log", "devices/000-phone/askel.sqlite"] {
        assert!(Path::new(data).join(made).exists(), "{made}");
    }
    let again = run(&["--steps", &steps, "--data-dir", data]);
    assert!(!again.status.success());
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
}

#[test]
fn a_malformed_steps_file_names_its_line_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps_file(folder.path());
    let mut text = std::fs::read_to_string(&steps).unwrap();
    text.push_str("5,2016-4-12 25:00,1\n");
    std::fs::write(&steps, &text).unwrap();
    let data = folder.path().join("data");
    let refused = run(&["--steps", &steps, "--data-dir", data.to_str().unwrap()]);
    assert!(!refused.status.success());
    let told = String::from_utf8_lossy(&refused.stderr);
    let line = format!("line {}", text.lines().count());
    assert!(told.contains(&line) && told.contains("25:00"), "{told}");
    assert!(!data.exists());
    assert!(refused.stdout.is_empty());
}

#[test]
fn keep_goes_on_serving_until_ctrl_c_and_says_how_to_connect() {
    let folder = tempfile::tempdir().unwrap();
    let steps = steps_file(folder.path());
    let mut child = askel(&["--steps", &steps, "--keep"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut line_with = |word: &str| lines.find(|line| line.contains(word)).expect(word);
    line_with("Ctrl-C");
    let address = line_with("Address");
    let invitation = line_with("invitation");
    assert!(invitation.contains("askel:1/join/"), "{invitation}");
    let address: SocketAddr = address
        .split("http://")
        .nth(1)
        .unwrap()
        .trim()
        .parse()
        .unwrap();
    assert!(TcpStream::connect(address).is_ok());
    let interrupted = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(interrupted.unwrap().success());
    assert!(child.wait().unwrap().success());
    assert!(TcpStream::connect(address).is_err());
}

/// The shared data, where it is; it is not part of the repository.
fn shared_file() -> Option<PathBuf> {
    let beside =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/steps/hourly_steps.csv");
    let path = std::env::var_os("ASKEL_STEPS_FILE").map_or(beside, PathBuf::from);
    if path.exists() {
        return Some(path);
    }
    let required = std::env::var_os("CI").is_some_and(|value| value == "true");
    assert!(
        !required,
        "CI needs {}; ASKEL_STEPS_FILE may name it",
        path.display()
    );
    println!(
        "skipped: {} is not here; ASKEL_STEPS_FILE may name it",
        path.display()
    );
    None
}

#[test]
fn the_shared_month_comes_out_to_the_step() {
    let Some(path) = shared_file() else { return };
    let figures = json(&["--steps", path.to_str().unwrap(), "--seed", "3"]);
    assert_eq!(figures["participants"], 33);
    assert_eq!(figures["devices"], 66);
    assert_eq!(figures["steps_total"], 7_075_356);
    assert_eq!(figures["person_days"], 934);
    assert_eq!(figures["median_day_steps"], 7_369);
    assert_eq!(figures["max_day_steps"], 36_019);
    assert_eq!(figures["phone_award_hash"], figures["server_award_hash"]);
}
