//! Two servers on one PostgreSQL and one Redis, behind a balancer.

use std::{process::Command, time::Duration};

use askel_private_services::{Durability, Postgres, PostgresSettings, Redis, postgres_program};
use tokio::task::block_in_place;

use super::balancer::Balancer;
use crate::world::{Server, Settings, World, askel};

/// The role that serves.
const SERVING: &str = "askel_tested";
/// What a stop takes at most: the time to drain, and some for the process.
const STOP_MAX: Duration = Duration::from_secs(10);

/// All of it.
pub(super) struct Cluster {
    // In this order: servers end before what they work on.
    nodes: Vec<Node>,
    /// Devices reach it by the balancer; it has no server of its own.
    pub(super) world: World,
    settings: Settings,
    pub(super) postgres: Postgres,
    pub(super) redis: Redis,
}

struct Node {
    address: String,
    data: std::path::PathBuf,
    server: Option<Server>,
}

impl Cluster {
    /// A tenant with a catalog on a database that keeps what it confirms.
    pub(super) async fn found() -> Self {
        let (postgres, redis, url) = block_in_place(|| {
            let settings = PostgresSettings::new(Durability::Durable);
            let postgres = Postgres::start(&settings).expect("a private PostgreSQL");
            let redis = Redis::start().expect("a private Redis");
            let url = prepare(&postgres);
            (postgres, redis, url)
        });
        let keys = postgres.folder().join("server-keys.toml");
        let settings = Settings::on(&url).with_keys(&keys).with_redis(&redis.url());
        let mut world = World::found_with(settings.clone(), None).await;
        let first = world.server.take().expect("it runs");
        let data = world.device("second-node");
        let second = block_in_place(|| Server::start_with(&settings, &data, "127.0.0.1:0"));
        let node = |server: Server, data| Node {
            address: server.address.clone(),
            data,
            server: Some(server),
        };
        let nodes = vec![node(first, world.data()), node(second, data)];
        let addresses = nodes.iter().map(|node| node.address.clone());
        let balancer = Balancer::start(addresses.collect()).await;
        world.reached_at = balancer.address.to_string();
        Self {
            nodes,
            world,
            settings,
            postgres,
            redis,
        }
    }

    /// How many servers there are.
    pub(super) fn size(&self) -> usize {
        self.nodes.len()
    }

    /// Both servers are still the processes that were started.
    pub(super) fn all_live(&mut self) -> bool {
        let mut servers = self.nodes.iter_mut();
        servers.all(|node| node.server.as_mut().is_some_and(Server::lives))
    }

    /// Those that run.
    pub(super) fn servers(&self) -> impl Iterator<Item = &Server> {
        self.nodes.iter().filter_map(|node| node.server.as_ref())
    }

    /// SIGKILL of one server.
    pub(super) fn kill(&mut self, number: usize) {
        self.node(number).server = None;
    }

    /// Starts it again where it was.
    pub(super) fn start(&mut self, number: usize) {
        let settings = self.settings.clone();
        let node = self.node(number);
        let start = || Server::start_with(&settings, &node.data, &node.address);
        node.server = Some(block_in_place(start));
    }

    /// SIGTERM of one server, which ends by itself, in time and well.
    pub(super) async fn end(&mut self, number: usize) {
        let server = self.node(number).server.take().expect("it runs");
        let ended = tokio::task::spawn_blocking(|| server.end());
        let ended = tokio::time::timeout(STOP_MAX, ended).await;
        let status = ended.expect("in time").expect("waited");
        assert!(status.success(), "{status}");
    }

    fn node(&mut self, number: usize) -> &mut Node {
        self.nodes.get_mut(number).expect("one of them")
    }

    /// Has the database's superuser say something.
    pub(super) fn sql(&self, statement: &str) {
        block_in_place(|| sql(&self.postgres, statement));
    }
}

/// Makes the schema and the role that serves; the URL of that.
pub(super) fn prepare(postgres: &Postgres) -> String {
    let owner = postgres.url();
    let mut migrate = askel();
    Settings::on(&owner).tell(&mut migrate);
    let migrated = migrate.arg("migrate").output().expect("askel runs");
    let stderr = String::from_utf8_lossy(&migrated.stderr);
    assert!(migrated.status.success(), "askel migrate: {stderr}");
    let role = format!("CREATE ROLE {SERVING} LOGIN PASSWORD '{SERVING}' IN ROLE askel_serving");
    sql(postgres, &role);
    let (_, rest) = owner.split_once('@').expect("a URL with a user");
    format!("postgres://{SERVING}:{SERVING}@{rest}")
}

/// What the database's superuser is answered.
pub(super) fn sql(postgres: &Postgres, statement: &str) -> String {
    let said = Command::new(postgres_program("psql").expect("psql is there"))
        .args(["--no-psqlrc", "--quiet", "--set", "ON_ERROR_STOP=1"])
        .args(["--tuples-only", "--no-align", "--command", statement])
        .arg(postgres.url())
        .output()
        .expect("psql runs");
    let why = String::from_utf8_lossy(&said.stderr);
    assert!(said.status.success(), "psql: {why}");
    String::from_utf8(said.stdout).expect("text")
}

/// All connections of servers, as the database calls them.
pub(super) const END_CONNECTIONS: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
     WHERE usename = 'askel_tested'";
/// The leases of nodes that are gone end now.
pub(super) const END_LEASES: &str = "UPDATE job_lease SET until_ms = 0";
