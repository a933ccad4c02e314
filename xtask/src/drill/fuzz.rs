//! Each fuzz target under libFuzzer for a while. libFuzzer and the compiler's coverage need nothing
//! but the pinned toolchain and a C++ compiler.

use std::{
    fs,
    io::Write as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, ensure};

use crate::workspace::Workspace;

/// The crate with libFuzzer's entry, from the root; it is a workspace of its own.
const LIBFUZZER: &str = "fuzz/libfuzzer";
/// A folder a target.
const CORPORA: &str = "fuzz/corpus";
/// What cargo-fuzz sets, but for the sanitizers: they look for mistakes of unsafe code, and need a
/// nightly compiler.
const FLAGS: &[&str] = &[
    "--cfg fuzzing",
    "-Cpasses=sancov-module",
    "-Cllvm-args=-sanitizer-coverage-level=4",
    "-Cllvm-args=-sanitizer-coverage-inline-8bit-counters",
    "-Cllvm-args=-sanitizer-coverage-pc-table",
    "-Cllvm-args=-sanitizer-coverage-trace-compares",
    "-Ccodegen-units=1",
];
/// The longest input, in bytes.
const BYTES_MAX: u32 = 8_192;
/// One input may take so long, in seconds.
const SECONDS_MAX: u32 = 20;
/// Memory, in MiB.
const MEMORY_MAX: u32 = 2_048;

/// Runs every target for so many minutes, or the one that is named.
pub(super) fn run(workspace: &Workspace, minutes: u32, only: Option<&str>) -> anyhow::Result<()> {
    let binary = build(workspace)?;
    let targets = targets(&workspace.root)?;
    let wanted = |target: &&String| only.is_none_or(|only| only == *target);
    let chosen: Vec<&String> = targets.iter().filter(wanted).collect();
    ensure!(!chosen.is_empty(), "no such target; there are {targets:?}");
    for target in chosen {
        writeln!(std::io::stdout().lock(), "{target}: {minutes} min")?;
        Fuzzing::new(workspace, &binary, target)?.run(minutes)?;
    }
    Ok(())
}

/// The targets are those of the corpora; a test holds the two together.
fn targets(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(root.join(CORPORA)).context(CORPORA)? {
        names.push(entry?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}

fn build(workspace: &Workspace) -> anyhow::Result<PathBuf> {
    let folder = workspace.root.join("target/fuzz/build");
    let host = host(workspace)?;
    // With a target named, what runs at build time is not instrumented.
    let status = workspace
        .cargo(&["build", "--release", "--target", &host])
        .current_dir(workspace.root.join(LIBFUZZER))
        .arg("--target-dir")
        .arg(&folder)
        .env("RUSTFLAGS", FLAGS.join(" "))
        .status()?;
    ensure!(status.success(), "the build failed");
    Ok(folder.join(host).join("release/askel-libfuzzer"))
}

/// The machine's triple, as the compiler calls it.
fn host(workspace: &Workspace) -> anyhow::Result<String> {
    let told = workspace.command("rustc").arg("-vV").output()?.stdout;
    let told = String::from_utf8(told)?;
    let host = told.lines().find_map(|line| line.strip_prefix("host: "));
    host.map(str::to_owned).context("rustc tells no host")
}

/// One target.
struct Fuzzing<'a> {
    workspace: &'a Workspace,
    binary: &'a Path,
    target: &'a str,
    corpus: PathBuf,
    /// What is found goes here first.
    found: PathBuf,
}

impl<'a> Fuzzing<'a> {
    fn new(workspace: &'a Workspace, binary: &'a Path, target: &'a str) -> anyhow::Result<Self> {
        let found = workspace.root.join("target/fuzz/found").join(target);
        fs::create_dir_all(&found)?;
        Ok(Self {
            workspace,
            binary,
            target,
            corpus: workspace.root.join(CORPORA).join(target),
            found,
        })
    }

    /// Fuzzes, and takes what reached new code into the corpus.
    fn run(&self, minutes: u32) -> anyhow::Result<()> {
        let seconds = minutes.saturating_mul(60);
        self.libfuzzer(&[
            format!("-max_total_time={seconds}"),
            format!("-artifact_prefix={}-", self.found.display()),
            "-print_final_stats=1".to_owned(),
        ])?;
        self.libfuzzer(&["-merge=1".to_owned()])
    }

    fn libfuzzer(&self, arguments: &[String]) -> anyhow::Result<()> {
        let is_merge = arguments.iter().any(|argument| argument == "-merge=1");
        // libFuzzer writes into the first folder.
        let folders = if is_merge {
            [&self.corpus, &self.found]
        } else {
            [&self.found, &self.corpus]
        };
        let binary = self.binary.to_string_lossy();
        let status = self
            .workspace
            .command(&binary)
            .env("ASKEL_FUZZ_TARGET", self.target)
            .args(arguments)
            .arg(format!("-max_len={BYTES_MAX}"))
            .arg(format!("-timeout={SECONDS_MAX}"))
            .arg(format!("-rss_limit_mb={MEMORY_MAX}"))
            .args(folders)
            .status()?;
        ensure!(
            status.success(),
            "{}: a finding, see above and {}-*",
            self.target,
            self.found.display()
        );
        Ok(())
    }
}
