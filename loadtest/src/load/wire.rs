//! Calls over real connections.

use std::str::FromStr as _;

use anyhow::Context as _;
use askel_proto::v1::{
    self, admin_service_client::AdminServiceClient, catalog_service_client::CatalogServiceClient,
    enrolment_service_client::EnrolmentServiceClient, reading_service_client::ReadingServiceClient,
    sync_response::Part, sync_service_client::SyncServiceClient,
};
use askel_server::entropy::{SystemEntropy, draw};
use askel_sync::{
    id::PassTag,
    invitation::{self, Link},
    key::{KeyPair, credential::METADATA_KEY, prove_enrolment},
    time::{LocalDate, Timestamp},
};
use prost::Message as _;
use tonic::{
    Request, Status, Streaming,
    metadata::{Ascii, MetadataValue},
    transport::{Channel, Endpoint},
};
use tonic_types::StatusExt as _;

use super::{
    crowd::{Call, Device, Fetch, count},
    known::Phone,
};

/// Connections that calls are spread over.
#[derive(Clone)]
pub(crate) struct Lines {
    channels: Vec<Channel>,
}

/// What a Sync came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Encoded messages, without their frames.
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
}

/// Why a call was not answered as it should be.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Refused {
    /// The code of gRPC with the server's reason, or what was wrong with the answer.
    pub(crate) why: String,
    /// Whether the server asks to come again.
    pub(crate) retry_after_ms: Option<u64>,
}

impl Lines {
    /// Connects so often.
    pub(crate) async fn connect(url: &str, connections: usize) -> anyhow::Result<Self> {
        let mut channels = Vec::with_capacity(connections);
        for _ in 0..connections.max(1) {
            let endpoint = Endpoint::from_str(url)?.tcp_nodelay(true);
            channels.push(endpoint.connect().await.context("the server's address")?);
        }
        Ok(Self { channels })
    }

    /// So many that connect when they are first called.
    pub(crate) fn later(url: &str, connections: usize) -> anyhow::Result<Self> {
        let endpoint = Endpoint::from_str(url)?.tcp_nodelay(true);
        let channels = (0..connections).map(|_| endpoint.connect_lazy());
        Ok(Self {
            channels: channels.collect(),
        })
    }

    /// The connection of a number.
    pub(crate) fn of(&self, number: usize) -> Line {
        let channel = number
            .checked_rem(self.channels.len())
            .and_then(|index| self.channels.get(index));
        Line {
            channel: channel.cloned(),
        }
    }
}

/// One connection.
#[derive(Clone)]
pub(crate) struct Line {
    channel: Option<Channel>,
}

impl Line {
    fn channel(&self) -> Result<Channel, Refused> {
        self.channel.clone().ok_or_else(|| wrong("no connection"))
    }

    /// Sends a Sync and reads its answer to the end.
    pub(crate) async fn sync(&self, call: Call) -> Result<Answered, Refused> {
        let settles = (call.ops > 0).then_some(call.settles);
        let bytes_up = count(call.message.encoded_len());
        let mut client = SyncServiceClient::new(self.channel()?);
        let request = request(call.message, &call.credential)?;
        let answer = client
            .sync(request)
            .await
            .map_err(|status| refused(&status))?;
        let mut parts = answer.into_inner();
        let mut answered = Answered {
            bytes_up,
            ..Answered::default()
        };
        let mut settled = None;
        while let Some(message) = parts.message().await.map_err(|status| refused(&status))? {
            let bytes = count(message.encoded_len());
            answered.bytes_down = answered.bytes_down.saturating_add(bytes);
            if let Some(Part::Outcomes(outcomes)) = &message.part {
                settled = Some(accepted_before(outcomes)?);
            }
            if let Some(Part::Closing(closing)) = &message.part
                && closing.long_form_wanted
            {
                return Err(wrong("the long form is wanted"));
            }
        }
        if let (Some(settles), Some(settled)) = (settles, settled)
            && settled < settles
        {
            return Err(wrong("not all is settled"));
        }
        if let Some(fetch) = call.fetch {
            let bytes = self.fetch(&fetch, &call.credential).await?;
            answered.bytes_down = answered.bytes_down.saturating_add(bytes);
        }
        Ok(answered)
    }

    /// Fetches a catalog in chunks; its bytes.
    async fn fetch(&self, fetch: &Fetch, credential: &str) -> Result<u64, Refused> {
        let mut client = CatalogServiceClient::new(self.channel()?);
        let mut offset = 0;
        while offset < fetch.bytes {
            let asked = v1::GetCatalogChunkRequest {
                hash: fetch.hash.clone(),
                offset,
            };
            let chunk = client.get_catalog_chunk(request(asked, credential)?).await;
            let chunk = chunk.map_err(|status| refused(&status))?.into_inner();
            if chunk.data.is_empty() {
                return Err(wrong("a catalog that ends too soon"));
            }
            offset = offset.saturating_add(count(chunk.data.len()));
        }
        Ok(offset)
    }

    /// Syncs for the first time; the opening of the answer.
    pub(crate) async fn opening(
        &self,
        credential: &str,
        message: v1::SyncRequest,
    ) -> anyhow::Result<v1::SyncOpening> {
        let asked = request(message, credential).map_err(|why| failed(&why))?;
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = SyncServiceClient::new(channel);
        let mut parts = client
            .sync(asked)
            .await
            .context("a first sync")?
            .into_inner();
        let mut opening = None;
        while let Some(message) = parts.message().await? {
            if let Some(Part::Opening(told)) = message.part {
                opening = Some(told);
            }
        }
        opening.context("an answer without an opening")
    }

    /// Opens a watch of the device's own streams, and waits until it stands.
    pub(crate) async fn watch(&self, phone: &Phone, now: Timestamp) -> anyhow::Result<Watching> {
        let asked = v1::WatchRequest {
            cursors: phone.cursors(),
        };
        let asked = request(asked, &phone.device.credential(now)).map_err(|why| failed(&why))?;
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = SyncServiceClient::new(channel);
        let mut hints = client.watch(asked).await.context("a watch")?.into_inner();
        hints.message().await?.context("a watch that ended")?;
        Ok(Watching { _hints: hints })
    }

    /// Registers someone with a paper card; what it shows.
    pub(crate) async fn card(&self, staff: &Device, now: Timestamp) -> anyhow::Result<PassTag> {
        let asked = v1::CreateCardRequest {
            request_id: draw::<16>(&SystemEntropy)?.to_vec(),
        };
        let asked = request(asked, &staff.credential(now)).map_err(|why| failed(&why))?;
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = AdminServiceClient::new(channel);
        let card = client
            .create_card(asked)
            .await
            .context("a card")?
            .into_inner();
        let pass = v1::Pass::decode(&*card.pass.context("a pass")?.pass)?;
        Ok(PassTag::try_from(&*pass.tag)?)
    }

    /// What the server's figures count between two days.
    pub(crate) async fn figures(
        &self,
        organiser: &Device,
        now: Timestamp,
        (first, last): (LocalDate, LocalDate),
    ) -> anyhow::Result<Told> {
        let asked = v1::GetEncounterSummaryRequest {
            first_date: first.as_days(),
            last_date: last.as_days(),
        };
        let asked = request(asked, &organiser.credential(now)).map_err(|why| failed(&why))?;
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = ReadingServiceClient::new(channel);
        let summary = client.get_encounter_summary(asked).await;
        let summary = summary.context("the figures")?.into_inner();
        let cell = summary.participants.and_then(|cell| cell.cell);
        Ok(Told {
            attendances: summary.attendances,
            people: match cell {
                Some(v1::report_cell::Cell::Value(people)) => Some(people),
                _ => None,
            },
        })
    }

    /// Uses an invitation.
    pub(crate) async fn enrol(&self, link: &Link) -> anyhow::Result<Device> {
        let key = KeyPair::from_seed(&draw(&SystemEntropy)?);
        let code = invitation::normalise(&link.code)?;
        let asked = v1::EnrolRequest {
            tenant_id: link.tenant.to_vec(),
            device_public_key: key.public_key().as_bytes().to_vec(),
            proof: prove_enrolment(&key, link.tenant, &code),
            invitation_code: code,
            versions: Some(v1::VersionRange {
                lowest: 1,
                highest: 1,
            }),
        };
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = EnrolmentServiceClient::new(channel);
        let enrolled = client
            .enrol(asked)
            .await
            .context("an enrolment")?
            .into_inner();
        Device::enrolled(link.tenant, key, &enrolled)
    }

    /// Publishes a catalog's content with its signature.
    pub(crate) async fn publish(
        &self,
        organiser: &Device,
        now: Timestamp,
        (content, signature): (Vec<u8>, Vec<u8>),
    ) -> anyhow::Result<()> {
        let asked = v1::PublishCatalogRequest {
            content,
            signature,
            validate_only: false,
        };
        let asked = request(asked, &organiser.credential(now)).map_err(|why| failed(&why))?;
        let channel = self.channel().map_err(|why| failed(&why))?;
        let mut client = CatalogServiceClient::new(channel);
        client
            .publish_catalog(asked)
            .await
            .context("publishing the catalog")?;
        Ok(())
    }
}

/// What figures tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Told {
    pub(crate) attendances: u64,
    /// `None` where there are too few to be told.
    pub(crate) people: Option<u64>,
}

/// An open watch.
pub(crate) struct Watching {
    _hints: Streaming<v1::WatchResponse>,
}

fn request<T>(message: T, credential: &str) -> Result<Request<T>, Refused> {
    let mut request = Request::new(message);
    let value: Result<MetadataValue<Ascii>, _> = credential.parse();
    let value = value.map_err(|_| wrong("a credential is not ASCII"))?;
    request.metadata_mut().insert(METADATA_KEY, value);
    Ok(request)
}

/// Up to where the one log is settled, if all of it was accepted.
fn accepted_before(outcomes: &v1::Outcomes) -> Result<u64, Refused> {
    match outcomes.logs.as_slice() {
        [log] if log.exceptions.is_empty() && log.conflict.is_none() => Ok(log.settled_before),
        _ => Err(wrong("an op was not accepted")),
    }
}

fn refused(status: &Status) -> Refused {
    let details = status.get_error_details();
    let reason = details.error_info().map_or("", |info| &*info.reason);
    let delay = details.retry_info().and_then(|retry| retry.retry_delay);
    Refused {
        why: format!("{:?} {reason}", status.code()).trim().to_owned(),
        retry_after_ms: delay.map(|delay| u64::try_from(delay.as_millis()).unwrap_or(u64::MAX)),
    }
}

fn wrong(why: &str) -> Refused {
    Refused {
        why: why.to_owned(),
        retry_after_ms: None,
    }
}

fn failed(refused: &Refused) -> anyhow::Error {
    anyhow::anyhow!("{}", refused.why)
}
