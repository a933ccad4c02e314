//! The real server process: it stops in time, whoever holds a connection.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::{
    io::{BufRead as _, BufReader, Lines, Write as _},
    net::{SocketAddr, TcpStream},
    path::Path,
    process::{Child, ChildStdout, Command, ExitStatus, Stdio},
    sync::mpsc,
    time::Duration,
};

/// The stop's bound.
const STOP_MAX: Duration = Duration::from_secs(10);
/// What a process may take to do anything else here.
const PATIENCE: Duration = Duration::from_mins(1);

fn askel(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_askel"));
    command
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    command
}

/// A running `askel serve`, ended when dropped.
struct Serving {
    child: Child,
    stdout: Lines<BufReader<ChildStdout>>,
    address: SocketAddr,
}

impl Serving {
    fn start(data_dir: &Path) -> Self {
        let data_dir = data_dir.to_str().expect("a name in UTF-8");
        let arguments = [
            "serve",
            "--data-dir",
            data_dir,
            "--listen",
            "127.0.0.1:0",
            "--rehearsal-clock",
        ];
        let mut child = askel(&arguments).spawn().expect("started");
        let stdout = child.stdout.take().expect("piped");
        let mut stdout = BufReader::new(stdout).lines();
        let line = stdout.next().expect("a line").expect("read");
        let address = line
            .strip_prefix("listening ")
            .expect("the address")
            .parse();
        Self {
            child,
            stdout,
            address: address.expect("an address"),
        }
    }

    fn tell(&mut self, line: &str) -> String {
        let stdin = self.child.stdin.as_mut().expect("piped");
        writeln!(stdin, "{line}").expect("told");
        self.stdout.next().expect("a line").expect("read")
    }

    /// SIGTERM, sent as an operator would.
    fn terminate(&self) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill")
            .args(["-TERM", &id])
            .status()
            .expect("sent");
        assert!(sent.success());
    }

    /// Waits for the end, at most so long.
    fn ended(mut self, within: Duration) -> ExitStatus {
        let (tell, told) = mpsc::channel();
        let id = self.child.id();
        std::thread::spawn(move || {
            let status = self.child.wait().expect("waited");
            // The test may have given up.
            let _ = tell.send(status);
        });
        told.recv_timeout(within).unwrap_or_else(|_| {
            let _ = Command::new("kill")
                .args(["-KILL", &id.to_string()])
                .status();
            panic!("the server did not end in {within:?}")
        })
    }
}

#[test]
fn five_hundred_silent_connections_do_not_keep_the_server_alive() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = Serving::start(folder.path());
    let silent: Vec<TcpStream> = (0..500)
        .map(|_| TcpStream::connect(serving.address).expect("connected"))
        .collect();
    serving.terminate();
    assert!(serving.ended(STOP_MAX).success());
    drop(silent);
}

#[test]
fn connections_that_began_to_talk_and_fell_silent_do_not_either() {
    let folder = tempfile::tempdir().expect("a folder");
    let serving = Serving::start(folder.path());
    let half_said: [&[u8]; 3] = [
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST / HT",
        b"\x16\x03\x01",
    ];
    let connections: Vec<TcpStream> = half_said
        .iter()
        .cycle()
        .take(60)
        .map(|words| {
            let mut connection = TcpStream::connect(serving.address).expect("connected");
            connection.write_all(words).expect("said");
            connection
        })
        .collect();
    serving.terminate();
    assert!(serving.ended(STOP_MAX).success());
    drop(connections);
}

#[test]
fn a_rehearsal_sets_the_clock_by_lines_and_ends_with_its_input() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut serving = Serving::start(folder.path());
    assert_eq!(serving.tell("1460451600000"), "clock 1460451600000");
    assert_eq!(serving.tell("real"), "clock real");
    assert_eq!(serving.tell("tomorrow"), "clock unknown");
    drop(serving.child.stdin.take());
    assert!(serving.ended(PATIENCE).success());
}
