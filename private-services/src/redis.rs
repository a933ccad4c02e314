//! A private Redis server.

use std::{
    env,
    io::{Read as _, Write as _},
    net::{Ipv4Addr, TcpStream},
    path::PathBuf,
    process::Command,
    time::Duration,
};

use rustix::process::Signal;

use crate::{
    Error,
    folder::Folder,
    program::redis_program,
    random,
    service::{Service, Start},
};

/// How long one that is about to start may take to answer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// A private Redis server that keeps nothing on disk; dropping it stops it.
pub struct Redis {
    service: Service,
    how: How,
}

impl Redis {
    /// Starts one, empty.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start() -> Result<Self, Error> {
        let folder = Folder::make(&env::temp_dir())?;
        let how = How {
            server: redis_program()?,
            password: random::word()?,
        };
        let service = Service::start(folder, "redis-server", &how)?;
        Ok(Self { service, how })
    }

    /// Where it is reached; the same after each start.
    pub fn url(&self) -> String {
        let (password, port) = (&self.how.password, self.service.port());
        format!("redis://:{password}@127.0.0.1:{port}/")
    }

    /// Its process; none once it was killed.
    pub fn pid(&self) -> Option<u32> {
        self.service.process()
    }

    /// SIGKILL. It is gone when this returns, and so is all it knew.
    pub fn kill(&mut self) {
        self.service.kill();
    }

    /// Starts it again, empty, on the same port; one that runs is killed first.
    ///
    /// # Errors
    /// See [`Error`].
    pub fn start_again(&mut self) -> Result<(), Error> {
        self.service.start_process(&self.how)
    }

    /// SIGSTOP: connections stay, and nothing answers.
    pub fn suspend(&self) {
        self.service.signal(Signal::STOP);
    }

    /// SIGCONT.
    pub fn resume(&self) {
        self.service.signal(Signal::CONT);
    }

    /// Stops it, as dropping does.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.kill();
    }
}

/// What each start needs.
struct How {
    server: PathBuf,
    password: String,
}

impl Start for How {
    fn command(&self, folder: &Folder, port: u16) -> Result<Command, Error> {
        // In a file, and not among arguments that every process can read.
        let lines = format!(
            "bind 127.0.0.1\nport {port}\nprotected-mode yes\nrequirepass {}\n\
             save \"\"\nappendonly no\ndaemonize no\n",
            self.password
        );
        let file = folder.write("redis.conf", &lines)?;
        let mut command = folder.command(&self.server)?;
        command.arg(file);
        Ok(command)
    }

    /// Nobody else knows the password.
    fn is_ready(&self, _: &Folder, _: u32, port: u16) -> bool {
        let ask = || {
            let mut wire = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
            wire.set_read_timeout(Some(ANSWER_MAX))?;
            write!(wire, "AUTH {}\r\n", self.password)?;
            let mut answer = [0; 3];
            wire.read_exact(&mut answer).map(|()| answer)
        };
        ask().is_ok_and(|answer: [u8; 3]| &answer == b"+OK")
    }
}
