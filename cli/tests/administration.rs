//! `askel admin`, from a first look at the help to a tenant that is verified.

#![expect(
    clippy::expect_used,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::{
    os::unix::fs::PermissionsExt as _,
    path::Path,
    process::{Command, Output},
};

use askel_sync::invitation::{Link, LinkKind};

fn askel(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_askel"))
        .args(arguments)
        .output()
        .expect("run")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

fn admin(folder: &Path, command: &str, more: &[&str]) -> Output {
    let folder = folder.to_str().expect("a name in UTF-8");
    askel(&[&["admin", command, "--data-dir", folder], more].concat())
}

/// What follows a word at the beginning of a line.
fn value(output: &str, word: &str) -> String {
    let line = output
        .lines()
        .find_map(|line| line.strip_prefix(&format!("{word} ")));
    line.expect("the line").to_owned()
}

#[test]
fn a_tenant_is_made_invited_to_and_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    let made = admin(folder.path(), "init", &[]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    for key in [
        "offline-keys/root.key",
        "offline-keys/catalog.key",
        "server-keys.toml",
    ] {
        let bits = std::fs::metadata(folder.path().join(key))
            .expect("there")
            .permissions()
            .mode();
        assert_eq!(bits & 0o777, 0o600, "{key}");
    }
    let url = "https://askel.example";
    let invited = admin(
        folder.path(),
        "invite",
        &["--role", "organiser", "--server-url", url],
    );
    let invited = text(&invited.stdout);
    let link: Link = value(&invited, "link").parse().expect("a link");
    assert_eq!(link.server_url, url);
    assert_eq!(
        (link.kind, link.code),
        (LinkKind::Invitation, value(&invited, "code"))
    );
    let verified = admin(folder.path(), "verify", &[]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));
    assert!(text(&verified.stdout).contains(&value(&text(&made.stdout), "tenant")));
}

#[test]
fn nobody_is_invited_where_there_is_no_tenant_or_for_too_long() {
    let folder = tempfile::tempdir().expect("a folder");
    let early = admin(folder.path(), "invite", &["--role", "staff"]);
    assert!(!early.status.success());
    assert!(text(&early.stderr).contains("askel admin init"));
    assert!(admin(folder.path(), "init", &[]).status.success());
    let long = admin(
        folder.path(),
        "invite",
        &["--role", "staff", "--valid-hours", "25"],
    );
    assert!(
        text(&long.stderr).contains("at most 86400000 ms"),
        "{}",
        text(&long.stderr)
    );
    let again = admin(folder.path(), "init", &[]);
    assert!(
        text(&again.stderr).contains("holds a key already"),
        "{}",
        text(&again.stderr)
    );
}

#[test]
fn a_root_key_that_was_moved_away_is_not_made_anew_beside_the_catalog_key() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(admin(folder.path(), "init", &[]).status.success());
    let root = folder.path().join("offline-keys/root.key");
    std::fs::remove_file(&root).expect("the root key was made");
    assert!(!admin(folder.path(), "init", &[]).status.success());
    assert!(!root.exists());
}

#[test]
fn a_tenant_without_a_catalog_and_a_folder_without_a_tenant_are_not_called_verified() {
    let folder = tempfile::tempdir().expect("a folder");
    assert!(!admin(folder.path(), "verify", &[]).status.success());
    assert!(admin(folder.path(), "init", &[]).status.success());
    let verified = admin(folder.path(), "verify", &[]);
    assert!(text(&verified.stdout).contains("nothing to verify"));
    assert!(!text(&verified.stdout).contains("agree"));
}

#[test]
fn all_faults_of_a_configuration_are_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("askel.toml");
    std::fs::write(
        &file,
        "[server]\nlisten = \"nowhere\"\n[ingest]\ncommits_max = 0\n",
    )
    .expect("written");
    let run = Command::new(env!("CARGO_BIN_EXE_askel"))
        .args(["serve", "--config", file.to_str().expect("UTF-8")])
        .env("ASKEL_TELEMETRY__FORMAT", "loud")
        .output()
        .expect("run");
    assert!(!run.status.success());
    let told = text(&run.stderr);
    for key in ["server.listen", "ingest.commits_max", "telemetry.format"] {
        assert!(told.contains(key), "{told}");
    }
}

#[test]
fn help_names_every_command_and_hides_what_is_for_rehearsals() {
    let help = text(&askel(&["--help"]).stdout);
    for command in ["demo", "serve", "admin"] {
        assert!(help.contains(command), "{help}");
    }
    let serve = text(&askel(&["serve", "--help"]).stdout);
    assert!(
        serve.contains("--listen") && !serve.contains("rehearsal"),
        "{serve}"
    );
}
