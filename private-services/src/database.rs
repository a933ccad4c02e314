//! A database for one test.

use std::process::{Command, Stdio};

use crate::{Error, postgres_program, random};

/// A database on a shared server; dropping it drops it, and ends who is connected.
#[derive(Debug)]
pub struct Database {
    server: String,
    name: String,
}

/// Creates one with a name of its own, empty or as a copy.
pub(crate) fn create(server: &str, like: Option<&str>) -> Result<Database, Error> {
    let name = format!("test_{}", random::word()?);
    let template = like.map_or(String::new(), |like| format!(" TEMPLATE {like}"));
    query(server, &format!("CREATE DATABASE {name}{template}"))?;
    Ok(Database {
        server: server.to_owned(),
        name,
    })
}

impl Database {
    /// Where the superuser reaches it.
    pub fn url(&self) -> String {
        let server = self.server.rsplit_once('/');
        let server = server.map_or(&*self.server, |(server, _)| server);
        format!("{server}/{}", self.name)
    }

    /// Its name, which needs no quotes in SQL.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // The server may be gone, and the database with it.
        let drop = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let _ = query(&self.server, &drop);
    }
}

fn query(url: &str, sql: &str) -> Result<(), Error> {
    let program = postgres_program("psql")?;
    let output = Command::new(&program)
        .args(["--no-psqlrc", "--quiet", "--command", sql, url])
        .stdin(Stdio::null())
        .output()
        .map_err(Error::at(&program))?;
    if output.status.success() {
        return Ok(());
    }
    Err(Error::Failed {
        program: "psql".to_owned(),
        what: "was refused",
        log: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}
