//! The folder of a service, and who clears up behind a process that was killed.
//!
//! A small shell waits at the end of a pipe whose other end this process holds. Whatever ends this
//! process closes the pipe; then the shell kills what still works in the folder, and removes it.

use std::{
    fs,
    io::Write as _,
    os::unix::process::CommandExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::{Error, account::Account, process};

/// Where a service's data are, in its folder: the working directory of its processes.
const DATA: &str = "data";

/// What a service writes, in its folder.
const LOG: &str = "log";

/// Told by the folder's owner when nothing is left to be cleared up.
const GONE: &[u8] = b"gone\n";

/// `-ef` compares files, so that a process is the service's by its working directory.
const CARETAKER: &str = r#"
trap '' HUP INT TERM
read -r word
[ "$word" = gone ] && exit
left=1
while [ "$left" ]; do
    left=
    for process in /proc/[0-9]*; do
        [ "$process/cwd" -ef "$1/data" ] || continue
        left=1
        kill -9 "${process#/proc/}"
    done
    [ "$left" ] && sleep 0.05
done
set -- "$1" $(sed -n 7p "$1/data/postmaster.pid")
[ "$3" ] && ipcrm -m "$3"
rm -rf "$1"
"#;

/// A folder in which only the service's account may look, gone when dropped.
pub(crate) struct Folder {
    place: PathBuf,
    account: Account,
    caretaker: Child,
}

impl Folder {
    /// A new one under `parent`.
    pub(crate) fn make(parent: &Path) -> Result<Self, Error> {
        let account = Account::find();
        let folder = tempfile::Builder::new()
            .prefix("askel-private-")
            .tempdir_in(parent)
            .map_err(Error::at(parent))?;
        // The working directories of processes are told without symbolic links.
        let place = folder
            .path()
            .canonicalize()
            .map_err(Error::at(folder.path()))?;
        for folder in [&place, &place.join(DATA)] {
            if folder != &place {
                fs::create_dir(folder).map_err(Error::at(folder))?;
            }
            account.own(folder)?;
        }
        let caretaker = take_care(&place, account).map_err(Error::at("sh"))?;
        let _ = TempDir::keep(folder);
        Ok(Self {
            place,
            account,
            caretaker,
        })
    }

    /// Its path.
    pub(crate) fn path(&self) -> &Path {
        &self.place
    }

    /// Where the data are.
    pub(crate) fn data(&self) -> PathBuf {
        self.place.join(DATA)
    }

    /// Writes a file that only the account reads.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        let file = self.place.join(name);
        fs::write(&file, content).map_err(Error::at(&file))?;
        self.account.own(&file)?;
        Ok(file)
    }

    /// A command that runs in the folder as its account, knows nothing of this process, and writes into
    /// the log.
    pub(crate) fn command(&self, program: &Path) -> Result<Command, Error> {
        let log = self.place.join(LOG);
        let open = || fs::File::options().create(true).append(true).open(&log);
        let mut command = Command::new(program);
        command
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("LC_ALL", "C.UTF-8")
            .env("TZ", "UTC")
            .current_dir(self.data())
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(open().map_err(Error::at(&log))?)
            .stderr(open().map_err(Error::at(&log))?);
        self.account.run(&mut command);
        Ok(command)
    }

    /// The end of what was written into the log.
    pub(crate) fn log(&self) -> String {
        const LINES_MAX: usize = 20;
        let log = fs::read(self.place.join(LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let first = lines.len().saturating_sub(LINES_MAX);
        lines.get(first..).unwrap_or_default().join("\n")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        process::kill_all(&self.data());
        if fs::remove_dir_all(&self.place).is_ok()
            && let Some(mut pipe) = self.caretaker.stdin.take()
        {
            // If it is not there any more, it has nothing to do either.
            let _ = pipe.write_all(GONE);
        }
        // What could not be removed here is left to it: the pipe is closed.
        drop(self.caretaker.stdin.take());
        let _ = self.caretaker.wait();
    }
}

fn take_care(place: &Path, account: Account) -> std::io::Result<Child> {
    let mut shell = Command::new("/bin/sh");
    shell
        .args(["-c", CARETAKER, "askel-private-services"])
        .arg(place)
        .current_dir("/")
        // A terminal that interrupts the tests leaves it its work.
        .process_group(0)
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    account.run(&mut shell).spawn()
}
