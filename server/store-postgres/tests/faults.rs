//! A database server that dies, ends its connections or hangs while several nodes append: all that was
//! confirmed is there, once, and it goes on by itself.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly, in its helpers too"
)]

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use askel_private_services::{Durability, Postgres, PostgresSettings};
use askel_store::{
    Append, AppendError, Entry, EntryOutcome, OpStore as _, StoreError, StreamTarget,
};
use askel_store_postgres::{PostgresOptions, PostgresStore, migrate};
use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    id::{DeviceId, LogId, OpId, ParticipantId, StreamId, TenantId},
    op::{Op, Origin, Payload},
    stream::StreamKey,
    time::Timestamp,
};
use sqlx::{Connection as _, PgConnection};
use tokio::time::{sleep, timeout};

const TENANT: TenantId = TenantId::from_bytes([1; 16]);
const NOW: Timestamp = Timestamp::from_ms(1);
const WRITERS: u8 = 6;
/// All writers append to these: they wait for each other.
const STREAMS: u8 = 2;
const PASSWORD: &str = "serving";

/// A durable server with the schema, and two nodes on it.
struct World {
    server: Postgres,
    nodes: [Arc<PostgresStore>; 2],
    confirmed: Arc<Mutex<BTreeSet<OpId>>>,
}

impl World {
    async fn start() -> Self {
        let server = Postgres::start(&PostgresSettings::new(Durability::Durable));
        let server = server.expect("a private server");
        migrate(&server.url()).await.expect("the migrations run");
        let role = format!("CREATE ROLE serving LOGIN PASSWORD '{PASSWORD}' IN ROLE askel_serving");
        as_superuser(&server, &role).await;
        let (_, address) = server.url().split_once('@').map(owned).expect("a URL");
        let url = format!("postgres://serving:{PASSWORD}@{address}");
        let node = async || {
            let options = PostgresOptions {
                max_connections: 8,
                ..PostgresOptions::default()
            };
            let store = PostgresStore::connect(&url, options).await;
            Arc::new(store.expect("a node"))
        };
        Self {
            nodes: [node().await, node().await],
            server,
            confirmed: Arc::default(),
        }
    }

    fn confirmed(&self) -> usize {
        let confirmed = self.confirmed.lock();
        confirmed.unwrap_or_else(PoisonError::into_inner).len()
    }

    /// Waits until so many more are confirmed.
    async fn more(&self, count: usize) {
        let target = self.confirmed() + count;
        let reached = async {
            while self.confirmed() < target {
                sleep(Duration::from_millis(5)).await;
            }
        };
        let reached = timeout(Duration::from_mins(1), reached).await;
        reached.expect("appends go on");
    }

    /// Runs a fault while all writers append, then looks at what is there.
    async fn suffer(mut self, fault: impl AsyncFnOnce(&mut Self)) {
        let writers: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let node = Arc::clone(&self.nodes[usize::from(writer % 2)]);
                let confirmed = Arc::clone(&self.confirmed);
                tokio::spawn(write(node, writer, confirmed))
            })
            .collect();
        self.more(100).await;
        fault(&mut self).await;
        self.more(200).await;
        for writer in writers {
            writer.abort();
            let _ = writer.await;
        }
        self.look().await;
    }

    /// All that was confirmed is there, once, at dense positions.
    async fn look(&self) {
        let mut seen = BTreeSet::new();
        for stream in 0..STREAMS {
            let [node, _] = &self.nodes;
            let read = node.read_stream(TENANT, key(stream), 0, u32::MAX).await;
            for (position, op) in (1..).zip(read.expect("read")) {
                assert_eq!(op.position, position, "a gap");
                assert!(seen.insert(op.admitted.id()), "twice");
            }
        }
        let confirmed = self.confirmed.lock();
        let confirmed = confirmed.unwrap_or_else(PoisonError::into_inner);
        let lost = confirmed.difference(&seen).count();
        assert_eq!(lost, 0, "of {} confirmed", confirmed.len());
        // One append of each writer may be there whose answer was lost.
        assert!(seen.len() - confirmed.len() <= usize::from(WRITERS));
    }
}

fn owned((one, other): (&str, &str)) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

async fn as_superuser(server: &Postgres, sql: &str) {
    let mut connection = PgConnection::connect(&server.url())
        .await
        .expect("connected");
    sqlx::query(sqlx::AssertSqlSafe(sql.to_owned()))
        .execute(&mut connection)
        .await
        .expect("carried out");
    connection.close().await.expect("an end");
}

fn key(stream: u8) -> StreamKey {
    StreamKey::Participant(ParticipantId::from_bytes([stream; 16]))
}

/// Appends one op after the other, each again until it is confirmed.
async fn write(node: Arc<PostgresStore>, writer: u8, confirmed: Arc<Mutex<BTreeSet<OpId>>>) {
    for sequence in 0_u64.. {
        let origin = Origin {
            log: LogId::from_bytes([writer; 16]),
            sequence,
        };
        let op = Op::new(origin, &Payload::Blank);
        let id = op.id();
        let append = append(writer, op);
        loop {
            match node.append(TENANT, &append, NOW).await {
                Ok(_) => break,
                Err(AppendError::Raced | AppendError::Store(StoreError::Unavailable(_))) => {
                    sleep(Duration::from_millis(10)).await;
                }
                Err(error) => panic!("{error:?}"),
            }
        }
        let mut confirmed = confirmed.lock().unwrap_or_else(PoisonError::into_inner);
        confirmed.insert(id);
    }
}

fn append(writer: u8, op: Op) -> Append {
    let stream = u8::try_from(op.origin.sequence % u64::from(STREAMS)).expect("few streams");
    let admission = Admission {
        corrected_at: NOW,
        received_at: NOW,
        subject: None,
        strength: Strength::Unspecified,
        flags: Flags::default(),
        author_role: Role::Server,
    };
    let entry = Entry {
        log: op.origin.log,
        device: DeviceId::from_bytes([writer; 16]),
        sequence: op.origin.sequence,
        op: op.id(),
        outcome: EntryOutcome::Accepted {
            admitted: Box::new(AdmittedOp { op, admission }),
            streams: vec![StreamTarget {
                key: key(stream),
                new_id: StreamId::from_bytes([100 + stream; 16]),
            }],
            dirty: None,
            derived: None,
            tally: None,
        },
    };
    Append {
        entries: vec![entry],
        ..Append::default()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_killed_and_comes_back_has_all_it_confirmed() {
    let world = World::start().await;
    let fault = async |world: &mut World| {
        for _ in 0..2 {
            world.server.kill();
            sleep(Duration::from_millis(300)).await;
            world.server.start_again().expect("it starts");
            world.more(50).await;
        }
    };
    world.suffer(fault).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn connections_that_end_at_any_moment_lose_nothing() {
    let world = World::start().await;
    let fault = async |world: &mut World| {
        for _ in 0..12 {
            let end =
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'serving'";
            as_superuser(&world.server, end).await;
            world.more(10).await;
        }
    };
    world.suffer(fault).await;
}

/// All connections of a pool at once: none of them is left to somebody as an error.
#[tokio::test(flavor = "multi_thread")]
async fn after_a_server_was_away_the_first_call_goes_through() {
    let mut world = World::start().await;
    let [node, _] = world.nodes.clone();
    let read = async || node.read_stream(TENANT, key(0), 0, 1).await;
    futures::future::join_all((0..8).map(|_| read())).await;
    for _ in 0..3 {
        world.server.start_again().expect("it starts");
        read().await.expect("a connection that is alive");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_hangs_goes_on_where_it_stopped() {
    let world = World::start().await;
    let fault = async |world: &mut World| {
        world.server.suspend();
        sleep(Duration::from_millis(1_500)).await;
        let before = world.confirmed();
        sleep(Duration::from_millis(500)).await;
        assert_eq!(world.confirmed(), before, "nobody confirms");
        world.server.resume();
    };
    world.suffer(fault).await;
}
