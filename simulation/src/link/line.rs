//! A connection that is cut after any byte, of a request or of an answer.

use std::{
    convert::Infallible,
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll},
};

use askel_server::in_process::InMemory;
use http_body_util::{BodyStream, StreamBody};
use tokio_stream::StreamExt as _;
use tonic::{
    Status,
    body::Body,
    codegen::{Bytes, Service, http},
};

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    /// Requests.
    Up,
    /// Answers.
    Down,
}

/// What passed, and where it ends. Clones are the same line.
#[derive(Clone, Default)]
pub(crate) struct Line(Arc<Mutex<Passed>>);

#[derive(Default)]
struct Passed {
    up: u64,
    down: u64,
    /// The connection is cut once so many bytes have passed this way; the next one stands.
    cut: Option<(Way, u64)>,
}

impl Line {
    /// Counts from 0 again, and cuts the connection after so many bytes.
    pub(crate) fn begin(&self, cut: Option<(Way, u64)>) {
        *self.passed() = Passed {
            cut,
            ..Passed::default()
        };
    }

    /// Bytes up and down since.
    pub(crate) fn told(&self) -> (u64, u64) {
        let passed = self.passed();
        (passed.up, passed.down)
    }

    /// Whether the cut is still to come.
    pub(crate) fn is_to_be_cut(&self) -> bool {
        self.passed().cut.is_some()
    }

    /// How many of these bytes pass, when they are the connection's last.
    fn last(&self, way: Way, count: usize) -> Option<usize> {
        let mut passed = self.passed();
        let count = u64::try_from(count).unwrap_or(u64::MAX);
        let so_far = match way {
            Way::Up => &mut passed.up,
            Way::Down => &mut passed.down,
        };
        let before = *so_far;
        *so_far = before.saturating_add(count);
        let (_, after) = passed
            .cut
            .filter(|(cut, after)| *cut == way && before.saturating_add(count) > *after)?;
        passed.cut = None;
        let last = after.saturating_sub(before);
        match way {
            Way::Up => passed.up = after,
            Way::Down => passed.down = after,
        }
        usize::try_from(last).ok()
    }

    fn passed(&self) -> MutexGuard<'_, Passed> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn over(&self, body: Body, way: Way, ends: Ends) -> Body {
        let line = self.clone();
        let frames = BodyStream::new(body).map_while(move |frame| {
            if ends.has_ended() {
                // Said once: whoever hears it asks no more.
                return ends.say().then(|| Err(Status::unavailable("cut")));
            }
            let frame = match frame {
                Ok(frame) => frame,
                Err(error) => return Some(Err(error)),
            };
            let length = frame.data_ref().map_or(0, Bytes::len);
            match line.last(way, length) {
                None => Some(Ok(frame)),
                Some(0) => {
                    ends.end();
                    ends.say();
                    Some(Err(Status::unavailable("cut")))
                }
                Some(last) => {
                    ends.end();
                    Some(Ok(frame.map_data(|data| data.slice(..last))))
                }
            }
        });
        Body::new(StreamBody::new(frames))
    }
}

/// Whether a connection has ended, and whether that was said.
#[derive(Clone, Default)]
struct Ends(Arc<Mutex<(bool, bool)>>);

impl Ends {
    fn has_ended(&self) -> bool {
        self.state().0
    }

    fn end(&self) {
        self.state().0 = true;
    }

    /// Whether it is the first time.
    fn say(&self) -> bool {
        !std::mem::replace(&mut self.state().1, true)
    }

    fn state(&self) -> MutexGuard<'_, (bool, bool)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Calls over a line.
#[derive(Clone)]
pub(crate) struct Cuttable {
    calls: InMemory,
    line: Line,
}

impl Cuttable {
    pub(crate) fn new(calls: InMemory, line: Line) -> Self {
        Self { calls, line }
    }
}

impl Service<http::Request<Body>> for Cuttable {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<http::Response<Body>, Infallible>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let Self { mut calls, line } = self.clone();
        Box::pin(async move {
            let ends = Ends::default();
            let request = request.map(|body| line.over(body, Way::Up, ends.clone()));
            poll_fn(|context| calls.poll_ready(context)).await?;
            let answer = calls.call(request).await?;
            if ends.has_ended() {
                return Ok(Status::unavailable("cut").into_http());
            }
            Ok(answer.map(|body| line.over(body, Way::Down, ends)))
        })
    }
}
