//! TLS as the server itself speaks it: version 1.3, by `ring`, with a certificate that may be replaced
//! while it serves.
//!
//! The SDK brings its own TLS to every platform, so no phone needs an older version.

mod ending;
mod files;
mod replacing;

pub use files::TlsError;

use std::{
    sync::{Arc, Mutex, PoisonError, RwLock},
    time::Duration,
};

use askel_sync::time::Timestamp;
use tokio_rustls::{
    TlsAcceptor,
    rustls::{
        ServerConfig,
        crypto::ring::{self, Ticketer},
        version::TLS13,
    },
};

use crate::{clock::Clock, config::TlsFiles, lifecycle::Stop, meters::meters};
use files::{Pair, read};
use replacing::{Looked, Seen};

/// The one protocol that is spoken within: gRPC's.
const HTTP_2: &[u8] = b"h2";

/// The server's certificate and key, as they are served now.
pub(crate) struct Tls {
    files: TlsFiles,
    served: RwLock<Served>,
    seen: Mutex<Seen>,
}

/// What new connections get.
#[derive(Clone)]
struct Served {
    config: Arc<ServerConfig>,
    /// When the first certificate of the chain ends that does; `None` if that can't be told.
    ends_at: Option<Timestamp>,
}

impl Tls {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// [`TlsError`], by what is wrong with which file.
    pub(crate) fn load(files: TlsFiles) -> Result<Self, TlsError> {
        let pair = read(&files)?;
        let seen = Seen::of(pair.digest);
        let served = Served::of(pair, &files)?;
        Ok(Self {
            files,
            served: RwLock::new(served),
            seen: Mutex::new(seen),
        })
    }

    /// What the next connection is greeted with.
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::from(self.served().config)
    }

    /// Looks at the files now and then, until the stop begins. What is new there is served to whoever
    /// connects from then on; what can't be used changes nothing.
    pub(crate) async fn keep_fresh(
        self: Arc<Self>,
        clock: Arc<dyn Clock>,
        every: Duration,
        mut stop: Stop,
    ) {
        loop {
            self.tell_time_left(clock.now());
            tokio::select! {
                biased;
                () = stop.begun() => return,
                () = tokio::time::sleep(every) => {}
            }
            let tls = Arc::clone(&self);
            // A disk may take its time.
            let looked = tokio::task::spawn_blocking(move || tls.look()).await;
            match looked {
                Ok(Looked::Replaced) => tracing::info!("a new certificate is served"),
                Ok(Looked::Unusable(error)) => {
                    meters().tls.replacements_failed.add(1, &[]);
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(
                        error,
                        "the new certificate can't be used: the one before is still served"
                    );
                }
                Ok(Looked::Same) | Err(_) => {}
            }
        }
    }

    /// Takes over what the files hold, if that is new and good.
    fn look(&self) -> Looked {
        let read = read(&self.files);
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        match read {
            Ok(pair) if seen.is_served(pair.digest) => Looked::Same,
            Ok(pair) => {
                let digest = pair.digest;
                match Served::of(pair, &self.files) {
                    Ok(served) => {
                        *self.served.write().unwrap_or_else(PoisonError::into_inner) = served;
                        *seen = Seen::of(digest);
                        Looked::Replaced
                    }
                    Err(error) => seen.unusable(Some(digest), error),
                }
            }
            Err(error) => seen.unusable(None, error),
        }
    }

    fn tell_time_left(&self, now: Timestamp) {
        if let Some(ends_at) = self.served().ends_at {
            let left_ms = ends_at.as_ms().saturating_sub(now.as_ms());
            // Whole seconds; exact for as long as anyone lives.
            let left = Duration::from_millis(left_ms.unsigned_abs()).as_secs_f64();
            let left = if left_ms < 0 { -left } else { left };
            meters().tls.time_left.record(left, &[]);
        }
    }

    fn served(&self) -> Served {
        let served = self.served.read();
        served.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Served {
    fn of(pair: Pair, files: &TlsFiles) -> Result<Self, TlsError> {
        let ends_at = ending::ends_at(&pair.chain);
        let unusable = |error| TlsError::of(error, files);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_protocol_versions(&[&TLS13])
            .map_err(unusable)?
            .with_no_client_auth()
            .with_single_cert(pair.chain, pair.key)
            .map_err(unusable)?;
        config.alpn_protocols = vec![HTTP_2.to_vec()];
        // A phone that comes back is spared the chain, and the server a signature. New with each
        // certificate: nobody goes on with one that was replaced.
        config.ticketer = Ticketer::new().map_err(unusable)?;
        Ok(Self {
            config: Arc::new(config),
            ends_at,
        })
    }
}

#[cfg(test)]
pub(crate) mod tests;
