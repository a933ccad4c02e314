//! Accepting connections, with TLS or without: a bounded number, and of those that have not come to
//! terms on TLS half as many.

use std::{future::Future, io, sync::Arc, time::Duration};

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{AcquireError, OwnedSemaphorePermit, Semaphore},
    task::JoinSet,
};

use super::{Connection, End, Ends, Line};
use crate::{
    limits::{ACCEPT_RETRY_MS, TLS_HANDSHAKE_MS_MAX},
    meters::meters,
    tls::Tls,
};

/// Where connections come in.
pub(crate) struct Door {
    pub(crate) listener: TcpListener,
    /// None where bytes come in clear.
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) connections_max: usize,
    /// How long a connection without a call stays open.
    pub(crate) idle_max: Duration,
    pub(crate) ends: Ends,
}

/// Accepts connections until the stop begins, and has each of them served until it is over: the second
/// thing that is given tells when it ought to be. Returns when all of them are.
pub(crate) async fn accept<S, F>(door: Door, serve: S)
where
    S: Fn(Connection, End) -> F + Clone + Send + 'static,
    F: Future<Output = ()> + Send + 'static,
{
    let places = Places::of(&door);
    let mut open = JoinSet::new();
    let mut stop = door.ends.stop.clone();
    loop {
        let next = tokio::select! {
            biased;
            () = stop.begun() => break,
            // Those that are over are forgotten.
            Some(_) = open.join_next() => continue,
            next = places.next(&door.listener) => next,
        };
        if let Ok(caller) = next {
            let (tls, ends) = (door.tls.clone(), door.ends.clone());
            let (idle_max, serve) = (door.idle_max, serve.clone());
            open.spawn(async move {
                if let Some(connection) = caller.connected(tls, ends.clone()).await {
                    let ended = connection.talk.clone().ended(idle_max, ends.stop);
                    serve(connection, Box::pin(ended)).await;
                }
            });
        } else {
            // Out of files, most likely: trying at once would only burn the processor.
            tokio::time::sleep(Duration::from_millis(ACCEPT_RETRY_MS)).await;
        }
    }
    drop(door.listener);
    while open.join_next().await.is_some() {}
}

/// Places for connections.
struct Places {
    open: Arc<Semaphore>,
    /// Those that have not come to terms on TLS leave places to others who have.
    shaking: Option<Arc<Semaphore>>,
}

impl Places {
    fn of(door: &Door) -> Self {
        let half = door.connections_max.div_ceil(2);
        Self {
            open: Arc::new(Semaphore::new(door.connections_max)),
            shaking: door.tls.as_ref().map(|_| Arc::new(Semaphore::new(half))),
        }
    }

    /// The next caller, once there is a place; until then the system lets it wait.
    async fn next(&self, listener: &TcpListener) -> io::Result<Caller> {
        let take = async |places: &Arc<Semaphore>| -> Result<_, AcquireError> {
            Arc::clone(places).acquire_owned().await
        };
        let place = take(&self.open).await.map_err(io::Error::other)?;
        let shaking = match &self.shaking {
            Some(places) => Some(take(places).await.map_err(io::Error::other)?),
            None => None,
        };
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        Ok(Caller {
            stream,
            place: Place::new(place),
            shaking,
        })
    }
}

/// A connection's place among those that may be open.
pub(super) struct Place {
    _permit: OwnedSemaphorePermit,
}

impl Place {
    fn new(permit: OwnedSemaphorePermit) -> Self {
        meters().connections.add(1, &[]);
        Self { _permit: permit }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        meters().connections.add(-1, &[]);
    }
}

/// Who has just come in.
struct Caller {
    stream: TcpStream,
    place: Place,
    shaking: Option<OwnedSemaphorePermit>,
}

impl Caller {
    /// Comes to terms on TLS, if that is spoken; `None` for who does not, or not in time.
    async fn connected(self, tls: Option<Arc<Tls>>, ends: Ends) -> Option<Connection> {
        let line: Box<dyn Line> = match tls {
            None => Box::new(self.stream),
            Some(tls) => {
                let mut stop = ends.stop.clone();
                let patience = Duration::from_millis(TLS_HANDSHAKE_MS_MAX);
                let shaken = tls.acceptor().accept(self.stream);
                let shaken = tokio::select! {
                    biased;
                    () = stop.begun() => return None,
                    shaken = tokio::time::timeout(patience, shaken) => shaken,
                };
                let Ok(Ok(stream)) = shaken else {
                    meters().tls.handshakes_failed.add(1, &[]);
                    return None;
                };
                Box::new(stream)
            }
        };
        drop(self.shaking);
        Some(Connection::new(line, self.place, ends))
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::net::SocketAddr;

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        sync::mpsc,
        time::timeout,
    };

    use super::*;
    use crate::{
        lifecycle::{Stopper, stop_pair},
        tls::tests::good,
    };

    const LONG: Duration = Duration::from_hours(1);

    /// A door whose connections are handed over instead of being served.
    pub(in crate::connection) struct Opened {
        at: SocketAddr,
        accepted: mpsc::UnboundedReceiver<Connection>,
    }

    impl Opened {
        pub(in crate::connection) async fn with(connections_max: usize, ends: Ends) -> Self {
            Self::speaking(None, connections_max, ends).await
        }

        async fn speaking(tls: Option<Arc<Tls>>, connections_max: usize, ends: Ends) -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
            let at = listener.local_addr().expect("bound");
            let (sender, accepted) = mpsc::unbounded_channel();
            let door = Door {
                listener,
                tls,
                connections_max,
                idle_max: LONG,
                ends,
            };
            tokio::spawn(accept(door, move |connection, _| {
                let _ = sender.send(connection);
                std::future::ready(())
            }));
            Self { at, accepted }
        }

        async fn client(&self) -> TcpStream {
            TcpStream::connect(self.at).await.expect("connected")
        }

        async fn next(&mut self) -> Connection {
            self.accepted.recv().await.expect("accepted")
        }

        /// Both sides of a connection.
        pub(in crate::connection) async fn connected(&mut self) -> (TcpStream, Connection) {
            let client = self.client().await;
            (client, self.next().await)
        }
    }

    fn ends() -> (Stopper, Ends) {
        let (stopper, stop) = stop_pair();
        let out_of_time = stop.clone();
        (stopper, Ends { stop, out_of_time })
    }

    #[tokio::test(start_paused = true)]
    async fn one_connection_too_many_waits_until_another_ends() {
        let (_stopper, ends) = ends();
        let mut opened = Opened::with(2, ends).await;
        let mut clients = Vec::new();
        for _ in 0..3 {
            clients.push(opened.client().await);
        }
        let first = opened.next().await;
        let _second = opened.next().await;
        let while_both_are_open = timeout(Duration::from_secs(1), opened.next());
        assert!(while_both_are_open.await.is_err());
        drop(first);
        opened.next().await;
    }

    #[tokio::test(start_paused = true)]
    async fn half_a_handshake_ends_in_time_and_so_does_one_of_single_bytes() {
        let (_stopper, ends) = ends();
        let mut opened = Opened::speaking(Some(good()), 4, ends).await;
        let mut silent = opened.client().await;
        let mut slow = opened.client().await;
        // A record of TLS that says how long it is, and does not come.
        slow.write_all(&[0x16, 3, 1, 2, 0, 1]).await.expect("said");
        let patience = Duration::from_millis(TLS_HANDSHAKE_MS_MAX);
        let mut word = [0; 1];
        let too_early = timeout(patience / 2, silent.read(&mut word)).await;
        assert!(too_early.is_err(), "it has time");
        slow.write_all(&[0]).await.expect("said");
        for client in [&mut silent, &mut slow] {
            let ended = timeout(patience, client.read(&mut word)).await;
            assert!(matches!(ended, Ok(Ok(0) | Err(_))), "{ended:?}");
        }
        assert!(opened.accepted.try_recv().is_err(), "none came to be");
    }

    #[tokio::test(start_paused = true)]
    async fn half_handshakes_have_half_the_places_and_their_time_alone() {
        let (_stopper, ends) = ends();
        let opened = Opened::speaking(Some(good()), 4, ends).await;
        let mut halves = Vec::new();
        for _ in 0..4 {
            halves.push(opened.client().await);
        }
        // The first two are greeted, and hung up on; only then are the others.
        let patience = Duration::from_millis(TLS_HANDSHAKE_MS_MAX);
        let mut word = [0; 1];
        let mut ended_within = async |half: usize, most: Duration| {
            let ended = timeout(most, halves[half].read(&mut word)).await;
            ended.is_ok()
        };
        let margin = patience / 10;
        assert!(ended_within(0, patience + margin).await);
        assert!(ended_within(1, margin).await);
        assert!(!ended_within(2, patience / 2).await, "its time begins now");
        assert!(ended_within(3, patience).await);
    }

    #[tokio::test]
    async fn whoever_is_half_through_a_handshake_does_not_hold_up_the_stop() {
        let (stopper, ends) = ends();
        let opened = Opened::speaking(Some(good()), 4, ends).await;
        let mut half = opened.client().await;
        half.write_all(&[0x16, 3, 1]).await.expect("said");
        stopper.stop();
        let ended = half.read(&mut [0; 1]).await;
        assert!(matches!(ended, Ok(0) | Err(_)), "{ended:?}");
    }
}
