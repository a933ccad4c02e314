//! Connections: a pool, and the one way to begin a transaction.

use std::{
    pin::Pin,
    str::FromStr as _,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{Context, Poll},
    time::Duration,
};

use askel_store::{Device, DeviceView, StoreError};
use askel_sync::id::{DeviceId, TenantId};
use data_encoding::HEXLOWER;
use sqlx::{
    AssertSqlSafe, ConnectOptions as _, Connection as _, Executor as _, PgPool, Postgres,
    SqlSafeStr as _, Transaction,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgConnection, PgPoolOptions},
};
use tokio::runtime::Handle;

use crate::{
    error::{is_of_a_connection_in_doubt, is_of_a_dead_connection, migrate_error, store_error},
    gather::Gather,
    op::AskedView,
    role,
};

/// Statements kept prepared on each connection: more than this crate has.
const PREPARED_STATEMENTS: usize = 256;

/// A plan is kept for good, and one that was made for empty tables reads all of a tenant's rows: before
/// there are statistics, every index looks alike. So plans are made anew after 64 uses of connections,
/// and each time that there were twice as many: then with so many uses in a row, so that each
/// connection of the pool, which hands them out in turn, has its own. `PostgreSQL` does the rest when it
/// gathers statistics.
const REPLANNED_FIRST: u64 = 64;
const REPLANNED_IN_A_ROW: u64 = 32;

/// Where the second of the two kinds of advisory locks begins.
const AUDIT_LOCK: i32 = 1;

static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations/postgres");

/// What a store asks of its connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PostgresOptions {
    /// Connections of this process, at most.
    pub max_connections: u32,
    /// How long a call waits for a connection before it is answered with `Unavailable`.
    pub acquire_timeout: Duration,
    /// How long a statement may take, waiting for others included, before the server ends it.
    pub statement_timeout: Duration,
}

impl Default for PostgresOptions {
    fn default() -> Self {
        Self {
            max_connections: 16,
            acquire_timeout: Duration::from_secs(10),
            statement_timeout: Duration::from_secs(10),
        }
    }
}

/// A store in a `PostgreSQL` database that other processes use as well. Cheap to share behind an
/// `Arc`.
#[derive(Debug)]
pub struct PostgresStore {
    pool: PgPool,
    /// How many of the next uses of a connection end what it may be in first.
    in_doubt: Arc<AtomicU64>,
    pub(crate) devices: Gather<DeviceId, Option<Device>>,
    pub(crate) views: Gather<AskedView, DeviceView>,
}

/// Who else may write of the tenant meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Turn {
    /// Everyone who writes in company too; what they write of rows is up to row locks.
    InCompany,
    /// Nobody.
    Alone,
}

impl PostgresStore {
    /// Connects as the role that serves: a member of `askel_serving` that owns nothing. The schema
    /// has to be there ([`migrate`]); one that a later version has added to will do.
    ///
    /// # Errors
    /// [`StoreError::Inconsistent`] for a schema that is missing or older than this build, and for a
    /// role that row-level security would not hold; [`StoreError::Unavailable`] when there is no
    /// connection.
    pub async fn connect(url: &str, asked: PostgresOptions) -> Result<Self, StoreError> {
        let options = options(url)?.options([
            ("statement_timeout", milliseconds(asked.statement_timeout)),
            (
                "idle_in_transaction_session_timeout",
                milliseconds(asked.statement_timeout),
            ),
            // Every query asks by key and has its index. On a table that was small when a plan was
            // made, the planner would rather read all of it, and go on doing so as it grows.
            ("enable_seqscan", "off".to_owned()),
            ("enable_hashjoin", "off".to_owned()),
            ("enable_mergejoin", "off".to_owned()),
            ("enable_material", "off".to_owned()),
            // Without statistics a tenant is taken for a two-hundredth of a table, and to read all of
            // that looks cheaper than to look up some keys. To touch a row is what costs.
            ("cpu_tuple_cost", "1".to_owned()),
            ("cpu_index_tuple_cost", "0.5".to_owned()),
            // What a statement does is the same for one key and for many: a plan made anew at each
            // execution would cost more than most of them do.
            ("plan_cache_mode", "force_generic_plan".to_owned()),
        ]);
        let released = Arc::new(AtomicU64::new(0));
        let in_doubt = Arc::new(AtomicU64::new(0));
        let doubted = Arc::clone(&in_doubt);
        let pool = PgPoolOptions::new()
            .max_connections(asked.max_connections)
            .acquire_timeout(asked.acquire_timeout)
            .test_before_acquire(false)
            .before_acquire(move |connection, _| {
                let in_doubt = doubted
                    .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                        left.checked_sub(1)
                    })
                    .is_ok();
                Box::pin(async move {
                    if in_doubt {
                        connection.execute("ROLLBACK").await?;
                    }
                    Ok(true)
                })
            })
            .after_release(move |connection, _| {
                let turn = released.fetch_add(1, Ordering::Relaxed);
                let stale = replans(turn);
                Box::pin(async move {
                    if stale {
                        connection.execute("DISCARD PLANS").await?;
                    }
                    Ok(true)
                })
            })
            .connect_with(options)
            .await
            .map_err(store_error)?;
        let mut connection = pool.acquire().await.map_err(store_error)?;
        check_schema(&mut connection).await?;
        role::check(&mut connection).await?;
        drop(connection);
        Ok(Self {
            pool,
            in_doubt,
            devices: Gather::new(),
            views: Gather::new(),
        })
    }

    /// Waits for calls under way and closes all connections. Later calls get `Unavailable`.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// A transaction that only reads: one moment, however many statements. To drop it is to end it.
    pub(crate) async fn read(
        &self,
        tenant: TenantId,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let of = HEXLOWER.encode(tenant.as_bytes());
        self.begin(format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY;
             SELECT set_config('askel.tenant', '{of}', true)"
        ))
        .await
    }

    /// A transaction that writes rows which it locks, beside others that do.
    pub(crate) async fn write_in_company(
        &self,
        tenant: TenantId,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.writing(tenant, Turn::InCompany).await
    }

    /// A transaction beside which nobody writes of the tenant: what it reads can't be changed before
    /// it writes. For what is rare; those who append wait.
    pub(crate) async fn write(
        &self,
        tenant: TenantId,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        self.writing(tenant, Turn::Alone).await
    }

    async fn writing(
        &self,
        tenant: TenantId,
        turn: Turn,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let of = HEXLOWER.encode(tenant.as_bytes());
        let lock = match turn {
            Turn::InCompany => "pg_advisory_xact_lock_shared",
            Turn::Alone => "pg_advisory_xact_lock",
        };
        let key = i64::from_be_bytes(first_bytes(tenant));
        // Each statement from here on sees what was committed before it began: also what those
        // committed for whom the lock was waited for.
        self.begin(format!(
            "BEGIN ISOLATION LEVEL READ COMMITTED, READ WRITE;
             SELECT set_config('askel.tenant', '{of}', true);
             SELECT {lock}({key})"
        ))
        .await
    }

    /// One trip to the server. The text holds nothing but numbers and hex of our own.
    ///
    /// When the server was away, every connection kept from before is of no use, and each says so only
    /// once: nothing has begun then, and the next one is tried. The same where a transaction that was
    /// waiting to begin ended in between: its connection is kept, and stays in it until it is told to
    /// leave it.
    async fn begin(
        &self,
        statements: String,
    ) -> Result<Transaction<'static, Postgres>, StoreError> {
        let kept = self.pool.options().get_max_connections();
        for _ in 0..kept {
            match self.begin_once(statements.clone()).await {
                Err(error) if is_of_a_dead_connection(&error) => {}
                Err(error) => {
                    self.in_doubt
                        .store(u64::from(kept).saturating_mul(2), Ordering::Relaxed);
                    if !is_of_a_connection_in_doubt(&error) {
                        return Err(store_error(error));
                    }
                }
                begun => return begun.map_err(store_error),
            }
        }
        self.begin_once(statements).await.map_err(store_error)
    }

    /// A caller may hang up meanwhile. What is sent begins all the same: sqlx would hand on a connection
    /// inside of a transaction that it knows nothing of, and who reads on it next would see what was
    /// there then. So it is begun to the end, and ended.
    async fn begin_once(
        &self,
        statements: String,
    ) -> Result<Transaction<'static, Postgres>, sqlx::Error> {
        let connection = Box::pin(self.pool.acquire()).await?;
        let statements = AssertSqlSafe(statements).into_sql_str();
        ToTheEnd(Some(Transaction::begin(connection, Some(statements)))).await
    }

    /// A connection, for what is of no tenant.
    pub(crate) async fn of_no_tenant(
        &self,
    ) -> Result<sqlx::pool::PoolConnection<Postgres>, StoreError> {
        self.pool.acquire().await.map_err(store_error)
    }
}

type Beginning =
    Pin<Box<dyn Future<Output = Result<Transaction<'static, Postgres>, sqlx::Error>> + Send>>;

/// Goes on in a task of its own when nobody waits for it any more.
struct ToTheEnd(Option<Beginning>);

impl Future for ToTheEnd {
    type Output = Result<Transaction<'static, Postgres>, sqlx::Error>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(beginning) = &mut self.0 else {
            return Poll::Pending;
        };
        let begun = std::task::ready!(beginning.as_mut().poll(context));
        self.0 = None;
        Poll::Ready(begun)
    }
}

impl Drop for ToTheEnd {
    fn drop(&mut self) {
        if let (Some(beginning), Ok(runtime)) = (self.0.take(), Handle::try_current()) {
            runtime.spawn(beginning);
        }
    }
}

/// Makes the chain of audit entries this transaction's until its end. Nothing else is locked after
/// it.
pub(crate) async fn lock_audit(
    connection: &mut PgConnection,
    tenant: TenantId,
) -> Result<(), StoreError> {
    let key = i32::from_be_bytes(first_bytes(tenant));
    sqlx::query!(
        "SELECT pg_advisory_xact_lock($1::integer, $2::integer)",
        AUDIT_LOCK,
        key
    )
    .execute(connection)
    .await
    .map_err(store_error)?;
    Ok(())
}

/// Commits; durable on return. When the connection is lost meanwhile, nobody knows; the answer is
/// `Unavailable`, and the call may be repeated.
pub(crate) async fn commit(transaction: Transaction<'static, Postgres>) -> Result<(), StoreError> {
    transaction.commit().await.map_err(store_error)
}

/// Brings the schema up to date, as the role that owns it. Servers may run meanwhile.
///
/// # Errors
/// [`StoreError::Inconsistent`] when a migration was changed after it had run, or the database is of a
/// later version; [`StoreError::Unavailable`] when it can't be reached, or somebody holds a lock for
/// long.
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    let mut connection = options(url)?.connect().await.map_err(store_error)?;
    let migrated = MIGRATIONS.run(&mut connection).await.map_err(migrate_error);
    connection.close().await.map_err(store_error)?;
    migrated
}

async fn check_schema(connection: &mut PgConnection) -> Result<(), StoreError> {
    const OLDER: StoreError =
        StoreError::Inconsistent("the schema is not up to date: run `askel migrate`");
    let applied = sqlx::query!("SELECT version, checksum FROM _sqlx_migrations WHERE success")
        .fetch_all(connection)
        .await;
    let applied = match applied {
        Ok(applied) => applied,
        Err(sqlx::Error::Database(error)) if error.code().as_deref() == Some("42P01") => {
            return Err(OLDER);
        }
        Err(error) => return Err(store_error(error)),
    };
    for migration in MIGRATIONS.iter() {
        let known = applied.iter().find(|row| row.version == migration.version);
        match known {
            Some(row) if row.checksum == *migration.checksum => {}
            Some(_) => {
                return Err(StoreError::Inconsistent(
                    "a migration was changed after it had run",
                ));
            }
            None => return Err(OLDER),
        }
    }
    Ok(())
}

pub(crate) fn options(url: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(url).map_err(store_error)?;
    Ok(options
        .application_name("askel")
        .statement_cache_capacity(PREPARED_STATEMENTS)
        .disable_statement_logging())
}

fn milliseconds(duration: Duration) -> String {
    duration.as_millis().to_string()
}

/// Whether plans are to be made anew after this use of a connection.
fn replans(turn: u64) -> bool {
    let power = turn
        .checked_ilog2()
        .map_or(0, |log| 2_u64.saturating_pow(log));
    turn >= REPLANNED_FIRST && turn.saturating_sub(power) < REPLANNED_IN_A_ROW
}

/// Enough of a random id to tell tenants apart; two that share it wait for each other, no more.
fn first_bytes<const N: usize>(tenant: TenantId) -> [u8; N] {
    tenant.as_bytes().first_chunk().copied().unwrap_or([0; N])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plans_are_made_anew_when_there_is_twice_as_much() {
        let turns: Vec<u64> = (0..1_500).filter(|turn| replans(*turn)).collect();
        let rows = [64, 128, 256, 512, 1_024];
        let expected = rows.iter().flat_map(|first| *first..first + 32);
        assert_eq!(turns, expected.collect::<Vec<_>>());
    }
}
