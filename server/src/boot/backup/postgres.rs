//! `PostgreSQL` by its own programs: `pg_dump` and `pg_restore`, as children of this process.
//!
//! The database is named to them by its URL without the password, which goes by the environment: a
//! command line is everyone's to read.

use std::{
    io::{self, BufRead, Read, Write},
    process::{Child, Command, Stdio},
    thread::{self, JoinHandle},
};

use percent_encoding::percent_decode_str;
use url::Url;

use super::{BackupError, StandingDatabase};

/// Bytes of what a program complains about that are told.
const COMPLAINT_BYTES_MAX: u64 = 4_096;
/// How long a dump waits for a table that a migration holds, in milliseconds.
const LOCK_WAIT_MS: &str = "--lock-wait-timeout=60000";

/// The database as the programs reach it.
pub(super) struct Reach {
    url: String,
    password: Option<String>,
}

impl Reach {
    /// By a URL that may hold a password.
    pub(super) fn by(url: &str) -> Result<Self, BackupError> {
        let mut url = Url::parse(url).map_err(|_| BackupError::Url)?;
        let decoded = |text: &str| {
            let text = percent_decode_str(text).decode_utf8();
            text.map(String::from).map_err(|_| BackupError::Url)
        };
        let mut password = url.password().map(decoded).transpose()?;
        if password.is_some() {
            url.set_password(None).map_err(|()| BackupError::Url)?;
        }
        let mut kept = Vec::new();
        for (name, value) in url.query_pairs() {
            if name == "password" {
                password = Some(value.into_owned());
            } else {
                kept.push((name.into_owned(), value.into_owned()));
            }
        }
        url.set_query(None);
        if !kept.is_empty() {
            url.query_pairs_mut().extend_pairs(kept);
        }
        Ok(Self {
            // A blank is `+` in forms, which libpq takes for a plus.
            url: url.as_str().replace('+', "%20"),
            password,
        })
    }

    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(name);
        command.args(["--no-password", "--dbname", &self.url]);
        command.env_remove("PGPASSWORD");
        if let Some(password) = &self.password {
            command.env("PGPASSWORD", password);
        }
        command.stderr(Stdio::piped());
        command
    }
}

/// Writes everything in the database, as of one moment. A role whose eyes row-level security covers is
/// refused by the program.
pub(super) fn dump(reach: &Reach, to: &mut dyn Write) -> Result<(), BackupError> {
    let mut command = reach.program("pg_dump");
    command.args(["--format=custom", LOCK_WAIT_MS]);
    command.stdin(Stdio::null()).stdout(Stdio::piped());
    let mut program = Program::start(command, "pg_dump")?;
    if let Some(mut output) = program.child.stdout.take() {
        io::copy(&mut output, to)?;
    }
    program.end()
}

/// Puts back a dump, all of it or nothing.
pub(super) fn put_back(
    reach: &Reach,
    from: &mut dyn BufRead,
    standing: StandingDatabase,
) -> Result<(), BackupError> {
    let mut command = reach.program("pg_restore");
    command.args(["--single-transaction", "--exit-on-error", "--no-owner"]);
    if standing == StandingDatabase::Replace {
        command.args(["--clean", "--if-exists"]);
    }
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    let mut program = Program::start(command, "pg_restore")?;
    if let Some(mut input) = program.child.stdin.take() {
        loop {
            // If this fails, dropping the program kills it before its input ends.
            let some = from.fill_buf()?;
            // If it takes no more, it has ended, and says why.
            if some.is_empty() || input.write_all(some).is_err() {
                break;
            }
            let count = some.len();
            from.consume(count);
        }
    }
    program.end()
}

/// A program that runs. Dropped before its end, it is killed.
struct Program {
    name: &'static str,
    child: Child,
    complaint: Option<JoinHandle<String>>,
}

impl Program {
    fn start(mut command: Command, name: &'static str) -> Result<Self, BackupError> {
        let mut child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => BackupError::NoProgram(name),
            _ => error.into(),
        })?;
        let told = child.stderr.take();
        let complaint = told.map(|told| thread::spawn(move || complaint(told)));
        Ok(Self {
            name,
            child,
            complaint,
        })
    }

    fn end(mut self) -> Result<(), BackupError> {
        let status = self.child.wait()?;
        let complaint = self.complaint.take().map(JoinHandle::join);
        if status.success() {
            return Ok(());
        }
        Err(BackupError::Program {
            name: self.name,
            complaint: complaint.and_then(Result::ok).unwrap_or_default(),
        })
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        // Either is an error only when it has ended before.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The beginning of what a program says; the rest is read, so that it can go on.
fn complaint(mut from: impl Read) -> String {
    let mut told = Vec::new();
    let _ = (&mut from).take(COMPLAINT_BYTES_MAX).read_to_end(&mut told);
    let _ = io::copy(&mut from, &mut io::sink());
    String::from_utf8_lossy(&told).trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_goes_by_the_environment_alone() {
        let check = |url: &str, expected: &str, password: Option<&str>| {
            let reach = Reach::by(url).expect("a URL");
            assert_eq!(
                (&*reach.url, reach.password.as_deref()),
                (expected, password)
            );
        };
        check("postgres://db/askel", "postgres://db/askel", None);
        check(
            "postgres://askel_backup:open%20sesame%2B@[::1]:5433/askel?sslmode=verify-full",
            "postgres://askel_backup@[::1]:5433/askel?sslmode=verify-full",
            Some("open sesame+"),
        );
        check(
            "postgresql:///askel?host=/run/a%20b&password=x%26y&user=askel_backup",
            "postgresql:///askel?host=%2Frun%2Fa%20b&user=askel_backup",
            Some("x&y"),
        );
        assert!(matches!(Reach::by("askel"), Err(BackupError::Url)));
        let secret = Reach::by("postgres://a:opensesame@b:x/c");
        let told = secret.err().expect("a bad port").to_string();
        assert!(!told.contains("opensesame"), "{told}");
    }
}
