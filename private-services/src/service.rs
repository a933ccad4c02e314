//! What PostgreSQL and Redis have in common: a process in a folder, on a port.

use std::process::{Child, Command};

use rustix::process::Signal;

use crate::{
    Error,
    folder::Folder,
    port,
    process::{kill_all, signal_all, wait_for},
};

/// Ports tried: somebody may take one between our look and the service's start.
const PORTS_MAX: u32 = 5;

/// What both say of a port that somebody else has.
const IN_USE: &str = "Address already in use";

/// A service that runs, or was killed.
pub(crate) struct Service {
    folder: Folder,
    name: &'static str,
    port: u16,
    process: Option<Child>,
}

/// How to start a service.
pub(crate) trait Start {
    /// The command that serves on this port.
    fn command(&self, folder: &Folder, port: u16) -> Result<Command, Error>;

    /// Whether the process with this id, and no other, serves.
    fn is_ready(&self, folder: &Folder, process: u32, port: u16) -> bool;
}

impl Service {
    /// Starts it on a free port.
    pub(crate) fn start(
        folder: Folder,
        name: &'static str,
        how: &impl Start,
    ) -> Result<Self, Error> {
        let mut service = Self {
            folder,
            name,
            port: port::free()?,
            process: None,
        };
        let mut outcome = service.start_process(how);
        for _ in 1..PORTS_MAX {
            match &outcome {
                Err(Error::Failed { log, .. }) if log.contains(IN_USE) => {
                    service.port = port::free()?;
                    outcome = service.start_process(how);
                }
                _ => break,
            }
        }
        outcome.map(|()| service)
    }

    /// Starts it on its port, with what is in its folder; one that runs is killed first.
    pub(crate) fn start_process(&mut self, how: &impl Start) -> Result<(), Error> {
        self.kill();
        let mut command = how.command(&self.folder, self.port)?;
        let child = command.spawn().map_err(Error::at(command.get_program()))?;
        let child = self.process.insert(child);
        let (folder, port) = (&self.folder, self.port);
        let outcome = wait_for(|| match child.try_wait() {
            Ok(None) if how.is_ready(folder, child.id(), port) => Some(Ok(())),
            Ok(None) => None,
            Ok(Some(_)) | Err(_) => Some(Err("ended while it started")),
        });
        let what = match outcome {
            Some(Ok(())) => return Ok(()),
            Some(Err(what)) => what,
            None => "was not ready in three minutes",
        };
        self.kill();
        Err(Error::Failed {
            program: self.name.to_owned(),
            what,
            log: self.folder.log(),
        })
    }

    /// SIGKILL to all its processes; they are gone when this returns.
    pub(crate) fn kill(&mut self) {
        kill_all(&self.folder.data());
        if let Some(mut process) = self.process.take() {
            let _ = process.wait();
        }
    }

    /// A signal to all its processes.
    pub(crate) fn signal(&self, what: Signal) {
        signal_all(&self.folder.data(), what);
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Folder {
        &self.folder
    }

    /// Its port, the same after every start.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The process that was started; none once it was killed.
    pub(crate) fn process(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }
}
