//! A loopback network with bad weather: each connection has its own fate.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::{
        TcpListener, TcpStream,
        tcp::{ReadHalf, WriteHalf},
    },
    sync::watch,
};

/// Of a slow connection, in bytes a second.
const SLOW_BYTES_PER_SECOND: u64 = 2_000;
/// What is passed on at once.
const CHUNK_BYTES: usize = 256;
/// After so many bytes something happens to a connection in bad weather.
const BYTES_MAX: usize = 6_000;
/// How long a stalled connection says nothing.
const STALL: Duration = Duration::from_secs(2);

/// Of all connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weather {
    /// Everything goes through.
    Calm,
    /// Every connection ends badly, soon.
    Bad,
}

/// What happens to a connection in bad weather.
#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Ends after so many bytes.
    Cut(usize),
    /// Is reset after so many bytes.
    Reset(usize),
    /// Says nothing any more after so many bytes, then ends.
    Stall(usize),
    /// Creeps, and ends after so many bytes.
    Slow(usize),
}

impl Fate {
    fn draw(chance: &mut ChaCha8Rng) -> Self {
        let bytes = chance.random_range(0..BYTES_MAX);
        match chance.random_range(0..4) {
            0 => Self::Cut(bytes),
            1 => Self::Reset(bytes),
            2 => Self::Stall(bytes),
            _ => Self::Slow(bytes),
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::Cut(bytes) | Self::Reset(bytes) | Self::Stall(bytes) | Self::Slow(bytes) => bytes,
        }
    }
}

/// How many connections met which fate.
#[derive(Debug, Default)]
struct Tally {
    cut: AtomicU32,
    reset: AtomicU32,
    stalled: AtomicU32,
    slow: AtomicU32,
}

/// Listens for phones and passes on to the server.
pub(super) struct Proxy {
    /// Where phones connect to.
    pub(super) address: SocketAddr,
    weather: watch::Sender<Weather>,
    tally: Arc<Tally>,
}

impl Proxy {
    /// In calm weather.
    pub(super) async fn start(server: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let (weather, watching) = watch::channel(Weather::Calm);
        let tally = Arc::new(Tally::default());
        let counted = Arc::clone(&tally);
        tokio::spawn(async move {
            let mut chance = ChaCha8Rng::seed_from_u64(1);
            while let Ok((phone, _)) = listener.accept().await {
                let fate = Fate::draw(&mut chance);
                let (server, weather) = (server.clone(), watching.clone());
                let tally = Arc::clone(&counted);
                tokio::spawn(async move { pass_on(phone, &server, fate, weather, &tally).await });
            }
        });
        Self {
            address,
            weather,
            tally,
        }
    }

    pub(super) fn set(&self, weather: Weather) {
        self.weather.send_replace(weather);
    }

    /// What happened to connections so far.
    pub(super) fn told(&self) -> String {
        format!("{:?}", self.tally)
    }
}

async fn pass_on(
    mut phone: TcpStream,
    server: &str,
    fate: Fate,
    mut weather: watch::Receiver<Weather>,
    tally: &Tally,
) {
    // A server that is dead refuses, and so does the proxy.
    let Ok(mut server) = TcpStream::connect(server).await else {
        return;
    };
    let now = *weather.borrow_and_update();
    let fate = (now == Weather::Bad).then_some(fate);
    let ended = {
        let (mut from_phone, mut to_phone) = phone.split();
        let (mut from_server, mut to_server) = server.split();
        // What both directions carried decides.
        let left = fate.map_or(usize::MAX, Fate::bytes);
        let is_slow = matches!(fate, Some(Fate::Slow(_)));
        tokio::select! {
            () = pump(&mut from_phone, &mut to_server, left, is_slow) => true,
            () = pump(&mut from_server, &mut to_phone, left, is_slow) => true,
            // No connection outlives its weather.
            _ = weather.changed() => false,
        }
    };
    match fate.filter(|_| ended) {
        Some(Fate::Cut(_)) => {
            tally.cut.fetch_add(1, Ordering::Relaxed);
        }
        Some(Fate::Slow(_)) => {
            tally.slow.fetch_add(1, Ordering::Relaxed);
        }
        Some(Fate::Stall(_)) => {
            tally.stalled.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                () = tokio::time::sleep(STALL) => {}
                _ = weather.changed() => {}
            }
        }
        Some(Fate::Reset(_)) => {
            tally.reset.fetch_add(1, Ordering::Relaxed);
            // An error means that the connection is gone, which is as good.
            let _ = (phone.set_zero_linger(), server.set_zero_linger());
        }
        None => {}
    }
}

/// Until one side ends or so many bytes went through.
async fn pump(from: &mut ReadHalf<'_>, to: &mut WriteHalf<'_>, mut left: usize, is_slow: bool) {
    let mut chunk = [0; CHUNK_BYTES];
    while left > 0 {
        let most = left.min(CHUNK_BYTES);
        let Some(space) = chunk.get_mut(..most) else {
            return;
        };
        let count = match from.read(space).await {
            Ok(0) | Err(_) => return,
            Ok(count) => count,
        };
        if is_slow {
            let count = u64::try_from(count).unwrap_or(0);
            let ms = count.saturating_mul(1_000) / SLOW_BYTES_PER_SECOND;
            tokio::time::sleep(Duration::from_millis(ms)).await;
        }
        let Some(read) = chunk.get(..count) else {
            return;
        };
        if to.write_all(read).await.is_err() {
            return;
        }
        left -= count;
    }
}
