//! A proxy on loopback that counts what passes.

use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use tokio::{
    io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};

use crate::tls::{self, Tls};

/// Bytes carried at a time.
const BUFFER_BYTES: usize = 16 * 1_024;

/// What has passed, in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Passed {
    /// From the phone to the server.
    pub(crate) up: u64,
    /// Back.
    pub(crate) down: u64,
}

impl Passed {
    pub(crate) fn total(self) -> u64 {
        self.up.saturating_add(self.down)
    }

    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            up: self.up.saturating_sub(before.up),
            down: self.down.saturating_sub(before.down),
        }
    }
}

#[derive(Debug, Default)]
struct Counters {
    up: AtomicU64,
    down: AtomicU64,
}

/// What the bytes look like that are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// As the phone and the server write them.
    Plain,
    /// Within TLS.
    Tls,
}

/// A running proxy; dropping it ends it, and its connections with it.
#[derive(Debug)]
pub(crate) struct Proxy {
    address: SocketAddr,
    counters: Arc<Counters>,
    tasks: Vec<JoinHandle<()>>,
}

impl Proxy {
    /// Stands between phones and a server.
    pub(crate) async fn start(server: SocketAddr, line: Line) -> anyhow::Result<Self> {
        let counters = Arc::new(Counters::default());
        let tls = match line {
            Line::Plain => None,
            Line::Tls => Some(Tls::new()?),
        };
        let (listener, address) = listen().await?;
        let task = tokio::spawn(accept(
            listener,
            Carrier {
                server,
                counters: Arc::clone(&counters),
                tls,
            },
        ));
        Ok(Self {
            address,
            counters,
            tasks: vec![task],
        })
    }

    /// What phones connect to.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn passed(&self) -> Passed {
        Passed {
            up: self.counters.up.load(Ordering::SeqCst),
            down: self.counters.down.load(Ordering::SeqCst),
        }
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        for task in &self.tasks {
            task.abort();
        }
    }
}

async fn listen() -> anyhow::Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    Ok((listener, address))
}

/// Carries connections to the server.
#[derive(Clone)]
struct Carrier {
    server: SocketAddr,
    counters: Arc<Counters>,
    tls: Option<Tls>,
}

async fn accept(listener: TcpListener, carrier: Carrier) {
    let mut connections = tokio::task::JoinSet::new();
    while let Ok((phone, _)) = listener.accept().await {
        let carrier = carrier.clone();
        // A connection that fails is one that is cut; phones live with that.
        connections.spawn(async move { carrier.carry(phone).await });
    }
}

impl Carrier {
    async fn carry(self, phone: TcpStream) -> anyhow::Result<()> {
        phone.set_nodelay(true)?;
        let server = TcpStream::connect(self.server).await?;
        server.set_nodelay(true)?;
        match &self.tls {
            None => self.count(phone, server).await,
            Some(tls) => {
                // Phone to here in clear, then TLS over a line within this process, whose bytes are
                // counted, then in clear again.
                let (near, counted_near) = tokio::io::duplex(tls::LINE_BYTES);
                let (counted_far, far) = tokio::io::duplex(tls::LINE_BYTES);
                let counting = self.count(counted_near, counted_far);
                let ends = tls.tunnel((phone, near), (far, server));
                tokio::select! {
                    done = counting => done,
                    done = ends => done,
                }
            }
        }
    }

    async fn count(
        &self,
        phone: impl AsyncRead + AsyncWrite + Send,
        server: impl AsyncRead + AsyncWrite + Send,
    ) -> anyhow::Result<()> {
        let (from_phone, to_phone) = tokio::io::split(phone);
        let (from_server, to_server) = tokio::io::split(server);
        tokio::select! {
            done = pass(from_phone, to_server, &self.counters.up) => done,
            done = pass(from_server, to_phone, &self.counters.down) => done,
        }
    }
}

/// Carries bytes one way until the end.
async fn pass(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    counter: &AtomicU64,
) -> anyhow::Result<()> {
    let mut buffer = vec![0; BUFFER_BYTES];
    loop {
        let count = from.read(&mut buffer).await?;
        let Some(read) = buffer.get(..count).filter(|read| !read.is_empty()) else {
            break;
        };
        to.write_all(read).await?;
        to.flush().await?;
        counter.fetch_add(u64::try_from(count)?, Ordering::SeqCst);
    }
    // What was carried reaches its reader before the connection ends.
    to.shutdown().await?;
    Ok(())
}
