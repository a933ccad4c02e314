//! The PostgreSQL and the Redis that all tests of a run share.

use std::process::Command;

use askel_private_services::{
    Durability, PRIVATE_POSTGRES_URL, PRIVATE_REDIS_URL, Postgres, PostgresSettings, Redis,
};

/// Both, as long as it lives.
pub(super) struct Services {
    postgres: Postgres,
    redis: Redis,
}

impl Services {
    /// Starts both, on free loopback ports: the machine's own are not used.
    pub(super) fn start() -> anyhow::Result<Self> {
        Ok(Self {
            postgres: Postgres::start(&PostgresSettings::new(Durability::Volatile))?,
            redis: Redis::start()?,
        })
    }

    /// Tells a command's tests where they are.
    pub(super) fn name_to<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command
            .env(PRIVATE_POSTGRES_URL, self.postgres.url())
            .env(PRIVATE_REDIS_URL, self.redis.url())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_told_of_servers_that_serve() {
        let services = Services::start().expect("both");
        let psql = askel_private_services::postgres_program("psql").expect("installed");
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                r#""$0" -tAc 'SELECT 7' "$PRIVATE_POSTGRES_URL" && echo "$PRIVATE_REDIS_URL""#,
            ])
            .arg(psql);
        let output = services.name_to(&mut shell).output().expect("runs");
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(told.starts_with("7\nredis://"), "{told} {output:?}");
    }
}
