//! `cargo xtask deploy`: what the tools that read the files of `deploy/` say of them. A tool that is absent
//! is told and fails the run: nothing counts as checked that was not.

#[cfg(test)]
mod yaml;

use std::{
    fs,
    io::{self, ErrorKind, Write as _},
    path::Path,
    process::Command,
};

use anyhow::{Context as _, bail};

use crate::workspace::Workspace;

/// What a tool says of some files.
struct Check {
    what: &'static str,
    /// The tool, and what it is asked.
    asks: &'static [&'static str],
    /// How the tool comes to a machine.
    from: &'static str,
    /// Where it runs.
    place: Place,
    /// By what it is told that all is well.
    well: Well,
}

/// By what it is told that all is well.
#[derive(Debug, Clone, Copy)]
enum Well {
    /// The tool ends well.
    End,
    /// It also says nothing of these files: it ends well with warnings too.
    Silence,
}

/// Where a tool runs.
enum Place {
    /// In this folder of the workspace.
    At(&'static str),
    /// Among copies that name nothing of another machine.
    Copies,
}

use Place::{At, Copies};

const PROMETHEUS: &str = "the Debian package prometheus";
const SYSTEMD: &str = "the Debian package systemd";

/// In tenths of the points of `systemd-analyze security`, what a sandbox may leave open.
const THRESHOLD: &str = "--threshold=15";

const CHECKS: &[Check] = &[
    Check {
        what: "alert rules",
        asks: &["promtool", "check", "rules", "askel.rules.yml"],
        from: PROMETHEUS,
        place: At("deploy/alerts"),
        well: Well::End,
    },
    Check {
        what: "alerts that fire and rest",
        asks: &["promtool", "test", "rules", "askel.tests.yml"],
        from: PROMETHEUS,
        place: At("deploy/alerts"),
        well: Well::End,
    },
    Check {
        what: "prometheus.yml",
        asks: &[
            "promtool",
            "check",
            "config",
            "--syntax-only",
            "prometheus.yml",
        ],
        from: PROMETHEUS,
        place: At("deploy/compose"),
        well: Well::End,
    },
    Check {
        what: "haproxy.cfg",
        asks: &["haproxy", "-c", "-f", "haproxy.cfg"],
        from: "the Debian package haproxy",
        place: Copies,
        well: Well::End,
    },
    Check {
        what: "systemd units",
        asks: &[
            "systemd-analyze",
            "verify",
            "--man=no",
            "./askel.service",
            "./askel-backup.service",
            "./askel-backup.timer",
        ],
        from: SYSTEMD,
        place: Copies,
        well: Well::Silence,
    },
    Check {
        what: "the server's sandbox",
        asks: &[
            "systemd-analyze",
            "security",
            "--offline=true",
            THRESHOLD,
            "./askel.service",
        ],
        from: SYSTEMD,
        place: Copies,
        well: Well::End,
    },
    Check {
        what: "the backup's sandbox",
        asks: &[
            "systemd-analyze",
            "security",
            "--offline=true",
            THRESHOLD,
            "./askel-backup.service",
        ],
        from: SYSTEMD,
        place: Copies,
        well: Well::End,
    },
    Check {
        what: "Kubernetes manifests",
        asks: &[
            "kubernetes-validate",
            "--strict",
            "-k",
            "1.31",
            "askel.yaml",
            "backup.yaml",
        ],
        from: "pip install kubernetes-validate",
        place: At("deploy/kubernetes"),
        well: Well::End,
    },
    Check {
        what: "compose.yaml",
        asks: &[
            "check-jsonschema",
            "--builtin-schema",
            "vendor.compose-spec",
            "compose.yaml",
        ],
        from: "pip install check-jsonschema",
        place: At("deploy/compose"),
        well: Well::End,
    },
    Check {
        what: "roles.sh",
        asks: &["sh", "-n", "roles.sh"],
        from: "any system",
        place: At("deploy/compose"),
        well: Well::End,
    },
    Check {
        what: "backup.sh",
        asks: &["sh", "-n", "backup.sh"],
        from: "any system",
        place: At("deploy"),
        well: Well::End,
    },
];

/// What became of a check.
#[derive(Debug, PartialEq, Eq)]
enum Verdict {
    Good,
    /// What the tool said.
    Bad(String),
    Absent,
}

/// Runs all checks, and says of each what came of it.
///
/// # Errors
/// Something is not as it ought to be, or a tool is absent.
pub(crate) fn run(workspace: &Workspace) -> anyhow::Result<()> {
    let copies = copies(&workspace.root)?;
    let (mut bad, mut absent) = (0_usize, 0_usize);
    for check in CHECKS {
        let folder = match check.place {
            At(folder) => workspace.root.join(folder),
            Copies => copies.path().to_path_buf(),
        };
        let line = match verdict(check.asks, check.well, &folder)? {
            Verdict::Good => format!("ok      {}", check.what),
            Verdict::Bad(said) => {
                bad = bad.saturating_add(1);
                format!("FAILED  {}\n{said}", check.what)
            }
            Verdict::Absent => {
                absent = absent.saturating_add(1);
                let tool = check.asks.first().unwrap_or(&"");
                format!("ABSENT  {}: no {tool} here ({})", check.what, check.from)
            }
        };
        writeln!(io::stdout(), "{line}")?;
    }
    if bad > 0 || absent > 0 {
        bail!("deploy: {bad} faults, {absent} checks without their tool");
    }
    Ok(())
}

fn verdict(asks: &[&str], well: Well, folder: &Path) -> anyhow::Result<Verdict> {
    let (tool, arguments) = asks.split_first().context("a check of nothing")?;
    let output = Command::new(tool)
        .args(arguments)
        .current_dir(folder)
        .output();
    match output {
        Ok(output) => {
            let said = [output.stdout, output.stderr].concat();
            let said = String::from_utf8_lossy(&said).into_owned();
            let is_well = match well {
                Well::End => true,
                Well::Silence => !said.contains("askel"),
            };
            Ok(if output.status.success() && is_well {
                Verdict::Good
            } else {
                Verdict::Bad(said)
            })
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Verdict::Absent),
        Err(error) => Err(error).with_context(|| (*tool).to_owned()),
    }
}

/// The certificate that haproxy is to read, and the program that the units start, are of the machine that
/// is deployed to: in the copies they are a certificate for tests and a program that there is.
fn copies(root: &Path) -> anyhow::Result<tempfile::TempDir> {
    let copies = tempfile::tempdir()?;
    let at = |file: &str| copies.path().join(file);
    let certificates = root.join("client-sdk/tests/tls/certificates");
    let chain = fs::read_to_string(certificates.join("good.pem"))?;
    let key = fs::read_to_string(certificates.join("server.key.pem"))?;
    fs::write(at("certificate.pem"), chain + &key)?;
    let haproxy = replaced(
        &root.join("deploy/compose/haproxy.cfg"),
        " /certificate.pem ",
        &format!(" {} ", at("certificate.pem").display()),
    )?;
    fs::write(at("haproxy.cfg"), haproxy)?;
    let programs = [
        ("askel.service", "/usr/local/bin/askel "),
        ("askel-backup.service", "/usr/local/bin/askel-backup "),
    ];
    for (unit, program) in programs {
        let path = root.join("deploy/systemd").join(unit);
        fs::write(at(unit), replaced(&path, program, "/bin/true ")?)?;
    }
    let timer = root.join("deploy/systemd/askel-backup.timer");
    fs::copy(timer, at("askel-backup.timer"))?;
    Ok(copies)
}

/// A file's text, where something that has to be in it stands for something else.
fn replaced(path: &Path, from: &str, to: &str) -> anyhow::Result<String> {
    let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
    if !text.contains(from) {
        bail!("{} does not name {from}", path.display());
    }
    Ok(text.replace(from, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_tool_refuses_is_told_and_so_is_that_there_is_no_such_tool() {
        let here = Path::new(".");
        let ask = |asks: &[&str]| verdict(asks, Well::End, here).expect("asked");
        let warned = |of: &str| {
            let asks = ["sh", "-c", of];
            verdict(&asks, Well::Silence, here).expect("asked")
        };
        assert_eq!(warned("echo of other units"), Verdict::Good);
        let of_ours = Verdict::Bad("askel.service: unknown\n".to_owned());
        assert_eq!(warned("echo askel.service: unknown"), of_ours);
        assert_eq!(ask(&["sh", "-c", "exit 0"]), Verdict::Good);
        let refused = ask(&["sh", "-c", "echo wrong; echo why >&2; exit 1"]);
        assert_eq!(refused, Verdict::Bad("wrong\nwhy\n".to_owned()));
        assert_eq!(ask(&["no-such-tool-of-askel"]), Verdict::Absent);
    }

    #[test]
    fn the_copies_name_nothing_of_another_machine() {
        let root = Workspace::find().expect("a workspace").root;
        let copies = copies(&root).expect("copied");
        for file in ["haproxy.cfg", "askel.service", "askel-backup.service"] {
            let text = fs::read_to_string(copies.path().join(file)).expect("a copy");
            assert!(!text.contains(" /certificate.pem"), "{file}");
            assert!(!text.contains("/usr/local/bin/askel"), "{file}");
        }
        for check in CHECKS {
            if let At(folder) = check.place {
                assert!(root.join(folder).is_dir(), "{folder}");
            }
        }
    }

    /// What stands behind a word wherever it occurs.
    fn behind<'a>(text: &'a str, word: &'static str) -> impl Iterator<Item = &'a str> {
        let behind = text.split(word).skip(1);
        behind.map(|rest| rest.split_whitespace().next().unwrap_or(""))
    }

    #[test]
    fn no_container_has_a_right_that_it_does_not_need() {
        let root = Workspace::find().expect("a workspace").root;
        let mut containers = 0;
        for file in ["askel.yaml", "backup.yaml"] {
            let text = fs::read_to_string(root.join("deploy/kubernetes").join(file));
            for part in text.expect("a file").split("\n---\n") {
                if !part.contains("containers:") {
                    continue;
                }
                containers += 1;
                for rule in [
                    "automountServiceAccountToken: false",
                    "runAsNonRoot: true",
                    "type: RuntimeDefault",
                    "allowPrivilegeEscalation: false",
                    "readOnlyRootFilesystem: true",
                    "drop: [ALL]",
                ] {
                    assert!(part.contains(rule), "{file}: {rule}");
                }
            }
        }
        assert_eq!(containers, 3, "migration, servers, backup");
        let dockerfile = fs::read_to_string(root.join("deploy/Dockerfile")).expect("a file");
        for stage in dockerfile.split("\nFROM ").skip(2) {
            assert!(stage.contains("\nUSER 65532:65532\n"), "{stage}");
        }
    }

    #[test]
    fn each_alert_is_seen_to_fire_and_to_rest() {
        let root = Workspace::find().expect("a workspace").root;
        let read = |file: &str| fs::read_to_string(root.join("deploy/alerts").join(file));
        let (rules, tests) = (read("askel.rules.yml"), read("askel.tests.yml"));
        let (rules, tests) = (rules.expect("a file"), tests.expect("a file"));
        let alerts: Vec<_> = behind(&rules, "- alert: ").collect();
        assert!(alerts.len() > 10, "{alerts:?}");
        for alert in alerts {
            let rests = format!("alertname: {alert}, exp_alerts: []}}");
            assert!(tests.contains(&rests), "{alert} is not seen to rest");
            let fires = format!("alertname: {alert}\n        exp_alerts:\n");
            assert!(tests.contains(&fires), "{alert} is not seen to fire");
        }
    }

    #[test]
    fn a_backup_is_made_by_programs_of_the_database_s_version() {
        let root = Workspace::find().expect("a workspace").root;
        let read = |file: &str| fs::read_to_string(root.join("deploy").join(file)).expect("a file");
        let (compose, dockerfile) = (read("compose/compose.yaml"), read("Dockerfile"));
        let servers: Vec<_> = behind(&compose, "image: postgres:").collect();
        let programs: Vec<_> = behind(&dockerfile, "postgresql-client-").collect();
        assert_eq!(servers.len(), 1);
        assert_eq!(servers, programs);
        let folder = format!("PATH=/usr/lib/postgresql/{}/bin:", servers.concat());
        assert!(dockerfile.contains(&folder), "{folder}");
        // What is built without a target is the server, not this.
        let last = dockerfile.rsplit("\nFROM ").next().expect("a stage");
        assert!(last.contains("CMD [\"serve\"]"), "{last}");
    }
}
