//! What the Sync messages of a device consist of: encoded bytes by field, so that whoever wants them
//! smaller knows where to look.

use std::{
    collections::BTreeMap,
    sync::Arc,
    sync::{Mutex, PoisonError},
};

use askel_client_sdk::{Credential, GrpcTransport, SyncAnswer, Transport, TransportError};
use askel_proto::v1::{self, sync_response::Part};
use askel_sync::short::{ShortBatch, ShortPage};
use async_trait::async_trait;
use prost::Message;
use tokio_stream::StreamExt as _;

/// The field of all requests.
pub(crate) const UP: &str = "up total";
/// The field of all answers.
pub(crate) const DOWN: &str = "down total";

/// Bytes by field, and the lengths of what came.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    fields: Mutex<BTreeMap<&'static str, u64>>,
    lengths: Mutex<Vec<u64>>,
    /// Before which message of the answers the line is cut, once.
    cut_before: Mutex<Option<usize>>,
}

impl Tally {
    fn add(&self, field: &'static str, bytes: usize) {
        if bytes > 0 {
            let mut fields = self.fields.lock().unwrap_or_else(PoisonError::into_inner);
            let sum = fields.entry(field).or_default();
            *sum = sum.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        }
    }

    /// Cuts the line, once, before this message of all answers, counted from 0.
    pub(crate) fn cut_before(&self, message: usize) {
        *self
            .cut_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner) = Some(message);
    }

    /// Encoded messages of the answers that came whole, in bytes.
    pub(crate) fn lengths(&self) -> Vec<u64> {
        self.lengths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// All messages, both ways.
    pub(crate) fn bytes(&self) -> u64 {
        let fields = self.fields();
        let sum = |field| fields.get(field).copied().unwrap_or(0);
        sum(UP).saturating_add(sum(DOWN))
    }

    /// Whether this message is the one that does not come.
    fn is_cut(&self) -> bool {
        let arrived = self.lengths().len();
        let mut cut = self
            .cut_before
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let is_cut = *cut == Some(arrived);
        if is_cut {
            *cut = None;
        }
        is_cut
    }

    /// Begins anew.
    pub(crate) fn clear(&self) {
        self.fields
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    pub(crate) fn fields(&self) -> BTreeMap<&'static str, u64> {
        self.fields
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn request(&self, request: &v1::SyncRequest) {
        for batch in &request.batches {
            self.add("up batch, plain", batch.batch.len());
            self.add("up batch, columns", batch.columns.len());
            self.add("up batch, signature", batch.signature.len());
            let inner = [&batch.batch, &batch.columns, &batch.signature]
                .map(Vec::len)
                .iter()
                .sum();
            self.add("up batch, frame", sized(batch).saturating_sub(inner));
        }
        for bytes in &request.short_batches {
            if let Some(batch) = ShortBatch::from_bytes(bytes) {
                self.add("up batch, columns", batch.columns.len());
                self.add("up batch, signature", batch.signature.len());
                let inner = batch.columns.len().saturating_add(batch.signature.len());
                let framed = bytes
                    .len()
                    .saturating_add(1)
                    .saturating_add(prost::length_delimiter_len(bytes.len()));
                self.add("up batch, frame", framed.saturating_sub(inner));
            }
        }
        self.add("up cursors", request.cursors.iter().map(sized).sum());
        self.add("up log heads", request.log_heads.iter().map(sized).sum());
        self.add(
            "up client clock",
            request.client_clock.iter().map(sized).sum(),
        );
        self.add("up versions", request.versions.iter().map(sized).sum());
        let whole = request.encoded_len();
        let bare = v1::SyncRequest {
            versions: None,
            batches: Vec::new(),
            short_batches: Vec::new(),
            cursors: Vec::new(),
            log_heads: Vec::new(),
            client_clock: None,
            ..request.clone()
        };
        self.add("up positions and the rest", bare.encoded_len());
        self.add(UP, whole);
    }

    fn response(&self, response: &v1::SyncResponse) {
        let whole = response.encoded_len();
        self.add(DOWN, whole);
        let whole = u64::try_from(whole).unwrap_or(u64::MAX);
        self.lengths
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(whole);
        match &response.part {
            Some(Part::Opening(opening)) => {
                self.add(
                    "down opening, streams",
                    opening.streams.iter().map(sized).sum(),
                );
                self.add(
                    "down opening, lease",
                    opening.staff_certificate.iter().map(sized).sum(),
                );
                let rest = v1::SyncOpening {
                    streams: Vec::new(),
                    staff_certificate: None,
                    ..opening.clone()
                };
                self.add("down opening, rest", rest.encoded_len());
            }
            Some(Part::Outcomes(outcomes)) => self.add("down outcomes", outcomes.encoded_len()),
            Some(Part::Page(page)) => self.page(page),
            Some(Part::ShortPage(bytes)) => self.short_page(bytes),
            Some(Part::StreamGone(gone)) => self.add("down stream gone", gone.encoded_len()),
            Some(Part::Closing(closing)) => self.add("down closing", closing.encoded_len()),
            None => {}
        }
    }

    fn short_page(&self, bytes: &[u8]) {
        if let Some(page) = ShortPage::from_bytes(bytes) {
            self.add("down page, columns", page.columns.len());
            self.add("down page, mac", page.mac.len());
            let rest = bytes.len().saturating_sub(page.columns.len());
            self.add("down page, rest", rest.saturating_sub(page.mac.len()));
        }
    }

    fn page(&self, page: &v1::Page) {
        self.add("down page, columns", page.columns.len());
        for op in &page.ops {
            self.add("down page, payload", op.payload.len());
            self.add("down page, origin", op.origin.iter().map(sized).sum());
            self.add("down page, admission", op.admission.iter().map(sized).sum());
        }
        self.add("down page, mac", page.mac.len());
        self.add("down page, stream id", page.stream_id.len());
        let rest = v1::Page {
            ops: Vec::new(),
            columns: Vec::new(),
            mac: Vec::new(),
            stream_id: Vec::new(),
            ..page.clone()
        };
        self.add("down page, rest", rest.encoded_len());
    }
}

/// A message with its tag and length.
fn sized(message: &impl Message) -> usize {
    let length = message.encoded_len();
    length
        .saturating_add(1)
        .saturating_add(prost::length_delimiter_len(length))
}

/// The transport over gRPC, with a tally.
pub(crate) struct TallyTransport {
    inner: GrpcTransport,
    tally: Arc<Tally>,
}

impl TallyTransport {
    pub(crate) fn new(inner: GrpcTransport, tally: Arc<Tally>) -> Self {
        Self { inner, tally }
    }
}

#[async_trait]
impl Transport for TallyTransport {
    fn use_server(&self, server_url: &str) -> Result<(), TransportError> {
        self.inner.use_server(server_url)
    }

    async fn enrol(&self, request: v1::EnrolRequest) -> Result<v1::EnrolResponse, TransportError> {
        self.inner.enrol(request).await
    }

    async fn come_back(
        &self,
        request: v1::ComeBackRequest,
    ) -> Result<v1::EnrolResponse, TransportError> {
        self.inner.come_back(request).await
    }

    async fn create_recovery_sheet(
        &self,
        credential: &Credential,
    ) -> Result<v1::RecoverySheet, TransportError> {
        self.inner.create_recovery_sheet(credential).await
    }

    async fn approve_device(
        &self,
        credential: &Credential,
        request: v1::ApproveDeviceRequest,
    ) -> Result<v1::ApproveDeviceResponse, TransportError> {
        self.inner.approve_device(credential, request).await
    }

    async fn refuse_device(
        &self,
        credential: &Credential,
        request: v1::RefuseDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        self.inner.refuse_device(credential, request).await
    }

    async fn revoke_own_device(
        &self,
        credential: &Credential,
        request: v1::RevokeOwnDeviceRequest,
    ) -> Result<v1::OwnDevice, TransportError> {
        self.inner.revoke_own_device(credential, request).await
    }

    async fn list_own_devices(
        &self,
        credential: &Credential,
        request: v1::ListOwnDevicesRequest,
    ) -> Result<v1::ListOwnDevicesResponse, TransportError> {
        self.inner.list_own_devices(credential, request).await
    }

    async fn update_push_registration(
        &self,
        credential: &Credential,
        request: v1::UpdatePushRegistrationRequest,
    ) -> Result<v1::PushRegistration, TransportError> {
        self.inner
            .update_push_registration(credential, request)
            .await
    }

    async fn delete_push_registration(
        &self,
        credential: &Credential,
    ) -> Result<(), TransportError> {
        self.inner.delete_push_registration(credential).await
    }

    async fn sync(
        &self,
        credential: &Credential,
        request: v1::SyncRequest,
    ) -> Result<SyncAnswer, TransportError> {
        self.tally.request(&request);
        let tally = Arc::clone(&self.tally);
        let answer = self.inner.sync(credential, request).await?;
        let seen = answer.map(move |part| {
            let part = part?;
            if tally.is_cut() {
                return Err(TransportError::Unreachable);
            }
            tally.response(&part);
            Ok(part)
        });
        Ok(Box::pin(seen))
    }

    async fn get_catalog_chunk(
        &self,
        credential: &Credential,
        request: v1::GetCatalogChunkRequest,
    ) -> Result<v1::CatalogChunk, TransportError> {
        self.inner.get_catalog_chunk(credential, request).await
    }
}
