//! Between the nodes of one server, by Redis. What it does not pass on costs waiting and nothing else:
//! without it each node tells its own watchers, and once it is back they look again at everything, one
//! after the other.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use askel_sync::id::TenantId;
use redis::{
    AsyncConnectionConfig, Client, IntoConnectionInfo as _, ProtocolVersion, PushInfo, PushKind,
    RedisError, Value, aio::MultiplexedConnection,
};
use tokio::{
    sync::{broadcast, mpsc},
    time::{MissedTickBehavior, interval, sleep},
};

use super::{
    FanOut, Hint, InProcess, Share, Used,
    again::Again,
    message::{self, Message, Node},
};
use crate::{
    entropy::{Entropy, EntropyFailed, draw},
    lifecycle::{Stop, Stopper, stop_pair},
    limits::{
        HINTS_WAITING_MAX, REDIS_LOOK_MS, REDIS_PATIENCE_MS, REDIS_RETRY_MS, REDIS_RETRY_MS_MAX,
    },
    meters::meters,
};

/// Hints in one round trip.
const PIPELINE_MAX: usize = 256;

/// Redis can't be used, whether or not it is there.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RedisFanOutError {
    /// `redis.url` is no address of Redis. The address is not told: it holds a password.
    #[error("redis.url is no address of Redis")]
    Address,
    /// No randomness for the node's name.
    #[error(transparent)]
    Entropy(#[from] EntropyFailed),
}

/// Tells the watchers of this node at once, and those of other nodes by way of Redis.
pub struct RedisFanOut {
    here: Arc<InProcess>,
    outgoing: mpsc::Sender<(TenantId, Message)>,
    /// Whether there was no room for a hint since the others were last told so.
    has_lost: Arc<AtomicBool>,
    /// Dropped with it, which ends the task that speaks with Redis.
    _stopper: Stopper,
}

impl RedisFanOut {
    /// Begins to speak with Redis, now or as soon as it is there; `channels` are the names under which
    /// hints of tenants go, the same on all nodes.
    ///
    /// # Errors
    /// [`RedisFanOutError`]. That Redis is away is none.
    pub fn start(
        url: &str,
        channels: BTreeMap<TenantId, String>,
        entropy: &dyn Entropy,
    ) -> Result<Self, RedisFanOutError> {
        let client = client(url).map_err(|_| RedisFanOutError::Address)?;
        let here = Arc::new(InProcess::default());
        let (outgoing, waiting) = mpsc::channel(HINTS_WAITING_MAX);
        let (stopper, stop) = stop_pair();
        let tenants = channels
            .iter()
            .map(|(tenant, channel)| (channel.clone().into_bytes(), *tenant));
        let (again, has_lost) = (Again::default(), Arc::default());
        let seed = draw(entropy)?;
        tokio::spawn(again.clone().run(Arc::clone(&here), seed, stop.clone()));
        let speaker = Speaker {
            client,
            node: draw(entropy)?,
            tenants: tenants.collect(),
            channels,
            here: Arc::clone(&here),
            again,
            waiting,
            has_lost: Arc::clone(&has_lost),
            stop,
        };
        tokio::spawn(speaker.run());
        Ok(Self {
            here,
            outgoing,
            has_lost,
            _stopper: stopper,
        })
    }
}

impl FanOut for RedisFanOut {
    fn publish(&self, tenant: TenantId, hint: Hint) {
        self.here.publish(tenant, hint.clone());
        // Full while Redis is away or slow: the others are told that they missed something.
        if self
            .outgoing
            .try_send((tenant, Message::Hint(hint)))
            .is_err()
        {
            self.has_lost.store(true, Ordering::SeqCst);
            meters().nodes.hints_lost.add(1, &[]);
        }
    }

    fn publish_work(&self, tenant: TenantId) {
        // Lost while Redis is away: whose turn it is looks now and then.
        let _ = self.outgoing.try_send((tenant, Message::Work));
    }

    fn subscribe_work(&self) -> broadcast::Receiver<TenantId> {
        self.here.subscribe_work()
    }

    fn publish_used(&self, used: Used) {
        // Lost while Redis is away: each node counts its own.
        let message = Message::Used(used.device, used.what);
        let _ = self.outgoing.try_send((used.tenant, message));
    }

    fn subscribe_used(&self) -> broadcast::Receiver<Used> {
        self.here.subscribe_used()
    }

    fn subscribe(&self, tenant: TenantId) -> broadcast::Receiver<Hint> {
        self.here.subscribe(tenant)
    }
}

/// Messages come unasked in the third version of Redis's protocol only.
fn client(url: &str) -> Result<Client, RedisError> {
    let info = url.into_connection_info()?;
    let settings = info.redis_settings().clone();
    Client::open(info.set_redis_settings(settings.set_protocol(ProtocolVersion::RESP3)))
}

/// Speaks with Redis for as long as the node is there.
struct Speaker {
    client: Client,
    node: Node,
    channels: BTreeMap<TenantId, String>,
    tenants: BTreeMap<Vec<u8>, TenantId>,
    here: Arc<InProcess>,
    again: Again,
    waiting: mpsc::Receiver<(TenantId, Message)>,
    has_lost: Arc<AtomicBool>,
    stop: Stop,
}

/// A connection, and what comes of it unasked.
struct Line {
    connection: MultiplexedConnection,
    pushed: broadcast::Receiver<PushInfo>,
}

/// Why nothing is passed on any more.
enum End {
    Stop,
    Gone,
}

impl Speaker {
    async fn run(mut self) {
        let patience = Duration::from_millis(REDIS_RETRY_MS_MAX);
        let mut delay = Duration::from_millis(REDIS_RETRY_MS);
        let mut was_away = false;
        let mut stop = self.stop.clone();
        loop {
            let connected = tokio::select! {
                biased;
                () = stop.begun() => return,
                connected = self.connect() => connected,
            };
            if let Ok(line) = connected {
                delay = Duration::from_millis(REDIS_RETRY_MS);
                meters().nodes.redis_up.record(1, &[]);
                if was_away {
                    tracing::info!("Redis is back: hints go from node to node");
                    self.again.ask();
                }
                if matches!(self.pass_on(line, was_away).await, End::Stop) {
                    return;
                }
            }
            if !was_away {
                tracing::warn!("Redis is away: hints stay on this node");
            }
            was_away = true;
            meters().nodes.redis_up.record(0, &[]);
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = sleep(delay) => delay = delay.saturating_mul(2).min(patience),
            }
        }
    }

    /// Connects and listens to the channels of all tenants.
    async fn connect(&self) -> Result<Line, RedisError> {
        let patience = Some(Duration::from_millis(REDIS_PATIENCE_MS));
        let (sender, pushed) = broadcast::channel(HINTS_WAITING_MAX);
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(patience)
            .set_response_timeout(patience)
            .set_push_sender(sender);
        let client = &self.client;
        let mut connection = client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let channels: Vec<&str> = self.channels.values().map(String::as_str).collect();
        if !channels.is_empty() {
            connection.subscribe(&channels).await?;
        }
        Ok(Line { connection, pushed })
    }

    /// Passes hints on, both ways, until Redis is gone or the node stops.
    async fn pass_on(&mut self, line: Line, was_away: bool) -> End {
        let Line {
            mut connection,
            mut pushed,
        } = line;
        if was_away {
            // What waits is of before.
            while self.waiting.try_recv().is_ok() {}
            if self.tell_all_missed(&mut connection).await.is_err() {
                return End::Gone;
            }
        }
        let mut look = interval(Duration::from_millis(REDIS_LOOK_MS));
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                biased;
                () = self.stop.begun() => return End::Stop,
                push = pushed.recv() => match push {
                    Ok(push) if push.kind == PushKind::Disconnection => return End::Gone,
                    Ok(push) => self.hear(&push),
                    Err(broadcast::error::RecvError::Lagged(_)) => self.again.ask(),
                    Err(broadcast::error::RecvError::Closed) => return End::Gone,
                },
                hint = self.waiting.recv() => {
                    let Some(hint) = hint else { return End::Stop };
                    if self.tell(&mut connection, hint).await.is_err() {
                        return End::Gone;
                    }
                    // There is room again. Whoever hears it many times looks again once.
                    if self.has_lost.load(Ordering::SeqCst)
                        && self.tell_all_missed(&mut connection).await.is_err()
                    {
                        return End::Gone;
                    }
                }
                _ = look.tick() => {
                    let there = redis::cmd("PING").query_async::<Value>(&mut connection).await;
                    if there.is_err() {
                        return End::Gone;
                    }
                }
            }
        }
    }

    /// Others can't know what this node could not tell them.
    async fn tell_all_missed(
        &mut self,
        connection: &mut MultiplexedConnection,
    ) -> Result<(), RedisError> {
        // Before: what is lost from now on has to be told again.
        self.has_lost.store(false, Ordering::SeqCst);
        let mut pipeline = redis::pipe();
        for channel in self.channels.values() {
            for message in message::encode(self.node, &Message::Hint(Hint::Missed(Share::ALL))) {
                pipeline.publish(channel, message).ignore();
            }
        }
        pipeline.query_async(connection).await
    }

    /// Tells the other nodes a hint, and what waits behind it.
    async fn tell(
        &mut self,
        connection: &mut MultiplexedConnection,
        first: (TenantId, Message),
    ) -> Result<(), RedisError> {
        let mut pipeline = redis::pipe();
        let mut next = Some(first);
        let mut told = 0_usize;
        while let Some((tenant, message)) = next {
            if let Some(channel) = self.channels.get(&tenant) {
                for bytes in message::encode(self.node, &message) {
                    pipeline.publish(channel, bytes).ignore();
                }
            }
            told = told.saturating_add(1);
            next = match told {
                0..PIPELINE_MAX => self.waiting.try_recv().ok(),
                _ => None,
            };
        }
        if pipeline.is_empty() {
            return Ok(());
        }
        pipeline.query_async::<()>(connection).await?;
        meters().nodes.hints_sent.add(told as u64, &[]);
        Ok(())
    }

    /// Tells the watchers here what another node says.
    fn hear(&self, push: &PushInfo) {
        if push.kind != PushKind::Message {
            return;
        }
        let [Value::BulkString(channel), Value::BulkString(bytes)] = push.data.as_slice() else {
            return;
        };
        let Some(tenant) = self.tenants.get(channel) else {
            return;
        };
        match message::decode(bytes) {
            // This node's own, or a later version's.
            None => {}
            Some((node, _)) if node == self.node => {}
            // Said once for each tenant, by each node that was away.
            Some((_, Message::Hint(Hint::Missed(_)))) => self.again.ask(),
            Some((_, Message::Hint(hint))) => self.here.publish(*tenant, hint),
            Some((_, Message::Work)) => self.here.hear_work(*tenant),
            Some((_, Message::Used(device, what))) => self.here.hear_used(Used {
                tenant: *tenant,
                device,
                what,
            }),
        }
    }
}
