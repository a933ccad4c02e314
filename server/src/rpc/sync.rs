//! `SyncService`: moving ops.

mod answer;
mod open_answers;
mod request;

use std::{pin::Pin, sync::Arc};

use askel_proto::v1::{self, sync_service_server::SyncService};
use futures::{Stream, StreamExt as _};
use tonic::{Request, Response, Status, metadata::MetadataValue};

use super::{caller, error::status, watch};
use crate::{
    app::{App, PageEncoding, exchange},
    lifecycle::Stop,
};

pub(in crate::rpc) use open_answers::OpenAnswers;

/// The protocol version of this server.
pub(super) const VERSION: u32 = 1;
/// Metadata by which a reader without a codec asks for pages in `rows`.
const PAGES_KEY: &str = "askel-pages";

/// The service.
pub(super) struct SyncRpc {
    pub(super) app: Arc<App>,
    pub(super) stop: Stop,
    pub(super) watches: watch::WatchPlaces,
    pub(super) answers: OpenAnswers<answer::Rest>,
}

type Answers<T> = Pin<Box<dyn Stream<Item = Result<T, Status>> + Send>>;

#[tonic::async_trait]
impl SyncService for SyncRpc {
    type SyncStream = Answers<v1::SyncResponse>;

    async fn sync(
        &self,
        request: Request<v1::SyncRequest>,
    ) -> Result<Response<Self::SyncStream>, Status> {
        let caller = caller(&request)?;
        let language = language(&request);
        let encoding = page_encoding(&request);
        let message = request.into_inner();
        let limits_held = message.limits_revision;
        let asked = request::decode(message, encoding).map_err(|error| status(&error))?;
        let exchange = exchange(&self.app, &caller, asked)
            .await
            .map_err(|error| status(&error))?;
        let (answers, whose) = (self.answers.clone(), (caller.tenant, caller.device.id));
        let keep = move |rest| answers.keep(whose, rest);
        let parts = answer::parts(exchange, limits_held, &language, keep).await;
        Ok(Response::new(parts.boxed()))
    }

    type WatchStream = Answers<v1::WatchResponse>;

    async fn watch(
        &self,
        request: Request<v1::WatchRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let caller = caller(&request)?;
        let cursors =
            request::cursors(request.into_inner().cursors).map_err(|error| status(&error))?;
        let place = self.watches.take(&caller);
        let place = place.ok_or_else(|| status(&watch::too_many()))?;
        let hints = watch::hints(&self.app, &caller, cursors, self.stop.clone(), place);
        Ok(Response::new(
            hints.await.map_err(|error| status(&error))?.boxed(),
        ))
    }
}

/// The caller's language, from the metadata `accept-language`; its first tag decides.
fn language<T>(request: &Request<T>) -> String {
    let header = request.metadata().get("accept-language");
    header
        .and_then(|tags| tags.to_str().ok())
        .unwrap_or("en")
        .trim()
        .to_lowercase()
}

/// How the caller wants its pages.
fn page_encoding<T>(request: &Request<T>) -> PageEncoding {
    let wanted = request.metadata().get(PAGES_KEY);
    match wanted.map(MetadataValue::as_bytes) {
        Some(b"rows") => PageEncoding::Rows,
        _ => PageEncoding::Columns,
    }
}
