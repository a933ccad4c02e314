//! The services from outside: they serve, outlive a kill, and leave nothing behind.

#![expect(clippy::expect_used, reason = "a test fails by panicking")]

use std::{
    fs,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::TcpStream,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    thread,
    time::Duration,
};

use askel_private_services::{
    Durability, Postgres, PostgresSettings, Redis, postgres, postgres_program, redis,
};

/// What psql answers to this.
fn ask(url: &str, sql: &str) -> Result<String, String> {
    let psql = postgres_program("psql").expect("installed");
    let output = Command::new(psql)
        .args(["--no-psqlrc", "--tuples-only", "--no-align", "-c", sql, url])
        .output()
        .expect("psql starts");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    if output.status.success() {
        Ok(text(&output.stdout))
    } else {
        Err(text(&output.stderr))
    }
}

/// What Redis answers to this; `None` when it does not within a moment.
fn command(url: &str, line: &str) -> Option<String> {
    let (password, address) = url
        .strip_prefix("redis://:")?
        .trim_end_matches('/')
        .split_once('@')?;
    let mut wire = TcpStream::connect(address).ok()?;
    wire.set_read_timeout(Some(Duration::from_millis(300)))
        .ok()?;
    write!(wire, "AUTH {password}\r\n{line}\r\n").ok()?;
    let mut answers = BufReader::new(wire).lines();
    assert_eq!(answers.next()?.ok()?, "+OK");
    answers.next()?.ok()
}

fn durable() -> Postgres {
    Postgres::start(&PostgresSettings::new(Durability::Durable)).expect("PostgreSQL")
}

/// The processes that work anywhere in the folder.
fn processes_in(folder: &Path) -> usize {
    fs::read_dir("/proc")
        .expect("/proc")
        .filter_map(Result::ok)
        .filter_map(|entry| fs::read_link(entry.path().join("cwd")).ok())
        .filter(|working| working.starts_with(folder))
        .count()
}

fn segments_of_shared_memory() -> String {
    let segments = fs::read_to_string("/proc/sysvipc/shm").unwrap_or_default();
    // Key and id only; the rest counts and tells the time.
    let ids = segments.lines().map(|line| {
        line.split_whitespace()
            .take(2)
            .collect::<Vec<_>>()
            .join(" ")
    });
    ids.collect::<Vec<_>>().join("\n")
}

#[test]
fn what_was_committed_outlives_a_kill() {
    let mut postgres = durable();
    let url = postgres.url();
    ask(
        &url,
        "CREATE TABLE t (n int); INSERT INTO t VALUES (1), (2)",
    )
    .expect("written");
    let before = postgres.pid();
    let busy = Command::new(postgres_program("psql").expect("installed"))
        .args(["-c", "SELECT pg_sleep(60)", &url])
        .stderr(Stdio::null())
        .spawn();

    postgres.kill();
    assert_eq!(postgres.pid(), None);
    assert_eq!(processes_in(postgres.folder()), 0);
    ask(&url, "SELECT 1").expect_err("nobody is there");
    let busy = busy.expect("psql starts").wait().expect("psql ends");
    assert!(!busy.success());

    postgres.start_again().expect("PostgreSQL again");
    assert_ne!(postgres.pid(), before);
    assert_eq!(postgres.url(), url);
    assert_eq!(
        ask(&url, "SELECT sum(n) FROM t").expect("read"),
        "3",
        "what was committed is there"
    );
    assert_eq!(ask(&url, "SHOW fsync").expect("read"), "on");
    assert_eq!(ask(&url, "SHOW synchronous_commit").expect("read"), "on");
}

#[test]
fn two_at_a_time_know_nothing_of_each_other() {
    let settings = PostgresSettings::new(Durability::Volatile).with("work_mem", "7MB");
    let one = Postgres::start(&settings).expect("PostgreSQL");
    let two = durable();
    ask(&one.url(), "CREATE TABLE t (n int)").expect("written");
    ask(&two.url(), "SELECT * FROM t").expect_err("no such table");
    assert_eq!(ask(&one.url(), "SHOW work_mem").expect("read"), "7MB");
    let (one, two) = (
        Redis::start().expect("Redis"),
        Redis::start().expect("Redis"),
    );
    assert_eq!(command(&one.url(), "SET a 1").as_deref(), Some("+OK"));
    assert_eq!(command(&one.url(), "EXISTS a").as_deref(), Some(":1"));
    assert_eq!(command(&two.url(), "EXISTS a").as_deref(), Some(":0"));
}

#[test]
fn nobody_enters_without_the_password() {
    let postgres = durable();
    let (_, server) = postgres
        .url()
        .split_once('@')
        .map(|(a, b)| (a.to_owned(), b.to_owned()))
        .expect("a password");
    let refused = ask(&format!("postgres://postgres:guess@{server}"), "SELECT 1");
    assert!(
        refused
            .expect_err("refused")
            .contains("password authentication failed")
    );
    let redis = Redis::start().expect("Redis");
    let address = redis
        .url()
        .split_once('@')
        .expect("a password")
        .1
        .to_owned();
    let mut wire = TcpStream::connect(address.trim_end_matches('/')).expect("connects");
    wire.write_all(b"PING\r\n").expect("sent");
    let mut answer = [0; 7];
    wire.read_exact(&mut answer).expect("answered");
    assert_eq!(&answer, b"-NOAUTH");
}

#[test]
fn one_that_is_suspended_answers_once_it_is_resumed() {
    let postgres = durable();
    let redis = Redis::start().expect("Redis");
    postgres.suspend();
    redis.suspend();
    assert_eq!(command(&redis.url(), "PING"), None);
    let url = postgres.url();
    let asking = thread::spawn(move || ask(&url, "SELECT 1"));
    thread::sleep(Duration::from_millis(300));
    assert!(!asking.is_finished(), "nobody answers");
    postgres.resume();
    redis.resume();
    assert_eq!(asking.join().expect("asked").expect("answered"), "1");
    assert_eq!(command(&redis.url(), "PING").as_deref(), Some("+PONG"));
}

#[test]
fn redis_is_empty_again_after_a_kill() {
    let mut redis = Redis::start().expect("Redis");
    let url = redis.url();
    assert_eq!(command(&url, "SET a 1").as_deref(), Some("+OK"));
    redis.kill();
    assert_eq!(command(&url, "PING"), None);
    redis.start_again().expect("Redis again");
    assert_eq!(redis.url(), url);
    assert_eq!(command(&url, "EXISTS a").as_deref(), Some(":0"));
}

#[test]
fn nothing_is_left_when_they_end() {
    for end in [Postgres::stop, drop, |mut killed: Postgres| killed.kill()] {
        let postgres = durable();
        let folder = postgres.folder().to_owned();
        let own = fs::read_to_string(folder.join("data/postmaster.pid")).expect("its status");
        let key = own.lines().nth(6).expect("shared memory").trim().to_owned();
        let key = key.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(segments_of_shared_memory().contains(&key), "{key}");
        end(postgres);
        assert_eq!(processes_in(&folder), 0);
        assert!(!folder.exists());
        assert!(!segments_of_shared_memory().contains(&key), "{key}");
    }
}

#[test]
fn nothing_is_left_when_who_started_them_is_killed() {
    let mut process = Command::new(std::env::current_exe().expect("this test"))
        .args(["--exact", "starts_and_waits", "--ignored", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let told = BufReader::new(process.stdout.take().expect("piped")).lines();
    let mut folders = told
        .map_while(Result::ok)
        .filter_map(|line| line.strip_prefix("folder ").map(PathBuf::from));
    let folders = [(); 2].map(|()| folders.next().expect("told"));
    assert!(folders.iter().all(|folder| processes_in(folder) > 0));

    process.kill().expect("SIGKILL");
    process.wait().expect("ended");
    let is_left = |folder: &PathBuf| folder.exists() || processes_in(folder) > 0;
    for _ in 0..1_000 {
        if !folders.iter().any(is_left) {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("still there: {folders:?}");
}

#[test]
#[ignore = "run and killed by another test"]
fn starts_and_waits() {
    let postgres = durable();
    let redis = Redis::start().expect("Redis");
    let redis = fs::read_link(format!("/proc/{}/cwd", redis.pid().expect("it runs")));
    let redis = redis.expect("its data");
    println!("\nfolder {}", postgres.folder().display());
    println!("folder {}", redis.parent().expect("a folder").display());
    loop {
        thread::park();
    }
}

#[test]
fn tests_share_a_server_and_take_databases_of_their_own() {
    let server = postgres().expect("PostgreSQL");
    assert_eq!(server, postgres().expect("PostgreSQL"));
    assert_eq!(redis().expect("Redis"), redis().expect("Redis"));
    let one = server.new_database().expect("a database");
    ask(&one.url(), "CREATE TABLE t (n int)").expect("written");
    let two = server.new_database().expect("a database");
    ask(&two.url(), "SELECT * FROM t").expect_err("no such table");
    let copy = server.copy_of(&one).expect("a copy");
    ask(&copy.url(), "SELECT * FROM t").expect("copied");
    let url = copy.url();
    drop(copy);
    ask(&url, "SELECT 1").expect_err("it is gone");
}
