//! As whom a service runs.

use std::{fs, os::unix::process::CommandExt as _, path::Path, process::Command};

use crate::Error;

/// PostgreSQL refuses to run as root, and no service of a test should: root becomes this one.
const NOBODY: &str = "nobody";

/// What `nobody` is everywhere, should there be no list of accounts.
const NOBODY_ID: u32 = 65_534;

/// Another account than the own one, if the own one is root.
#[derive(Clone, Copy)]
pub(crate) struct Account(Option<Ids>);

#[derive(Clone, Copy)]
struct Ids {
    user: u32,
    group: u32,
}

impl Account {
    /// Whoever runs this, or `nobody` in the place of root.
    pub(crate) fn find() -> Self {
        if !rustix::process::geteuid().is_root() {
            return Self(None);
        }
        let accounts = fs::read_to_string("/etc/passwd").unwrap_or_default();
        Self(Some(read_nobody(&accounts).unwrap_or(Ids {
            user: NOBODY_ID,
            group: NOBODY_ID,
        })))
    }

    /// Makes the command run as this account, without the groups of the one before.
    pub(crate) fn run(self, command: &mut Command) -> &mut Command {
        match self.0 {
            Some(Ids { user, group }) => command.uid(user).gid(group),
            None => command,
        }
    }

    /// Makes the file or folder its own.
    pub(crate) fn own(self, path: &Path) -> Result<(), Error> {
        let Some(Ids { user, group }) = self.0 else {
            return Ok(());
        };
        std::os::unix::fs::chown(path, Some(user), Some(group)).map_err(Error::at(path))
    }
}

fn read_nobody(accounts: &str) -> Option<Ids> {
    let line = accounts
        .lines()
        .find(|line| line.split(':').next() == Some(NOBODY))?;
    let mut fields = line.split(':').skip(2);
    Some(Ids {
        user: fields.next()?.parse().ok()?,
        group: fields.next()?.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_found_among_the_accounts() {
        let accounts = "root:x:0:0:root:/root:/bin/sh\nnobody:x:99:98::/:/usr/sbin/nologin\n";
        let ids = read_nobody(accounts).map(|ids| (ids.user, ids.group));
        assert_eq!(ids, Some((99, 98)));
        assert!(read_nobody("root:x:0:0::/:\n").is_none());
    }
}
