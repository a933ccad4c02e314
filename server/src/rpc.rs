//! gRPC: each service in its file decodes, calls one use case and encodes. Who may call what is the
//! table in [`access`], checked in one layer before any service.

mod access;
mod admin;
mod body;
mod call;
mod catalog;
mod enrolment;
mod error;
mod names;
mod observed;
mod outcome;
mod paging;
mod push;
mod reading;
mod sync;
mod watch;

pub use access::{Access, TABLE as ACCESS_TABLE, access};
pub use error::{ERROR_DOMAIN, SERVER_TIME_KEY, code};
pub use outcome::{DEFERRALS, REJECTIONS, rejection_text};

use std::sync::Arc;

use askel_proto::v1::{
    admin_service_server::AdminServiceServer, catalog_service_server::CatalogServiceServer,
    enrolment_service_server::EnrolmentServiceServer, push_service_server::PushServiceServer,
    reading_service_server::ReadingServiceServer, sync_service_server::SyncServiceServer,
};
use askel_sync::limits::{CATALOG_BYTES_MAX, SYNC_REQUEST_BYTES_MAX};
use tonic::{
    Request, Status,
    service::{Routes, RoutesBuilder},
};

use crate::{
    app::{App, Caller, Reason},
    lifecycle::Stop,
    limits::{ENVELOPE_BYTES_MAX, SMALL_REQUEST_BYTES_MAX},
};
pub(crate) use call::{CallLayer, Calls};

/// The descriptors of every service here, as told by reflection.
pub const DESCRIPTOR_SETS: &[&[u8]] = &[
    askel_proto::DESCRIPTOR_SET,
    tonic_health::pb::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1::FILE_DESCRIPTOR_SET,
    tonic_reflection::pb::v1alpha::FILE_DESCRIPTOR_SET,
];

/// The services can't be built: a descriptor set is broken.
#[derive(Debug, thiserror::Error)]
#[error("the services' descriptors can't be read")]
pub struct BrokenDescriptors(#[source] tonic_reflection::server::Error);

/// All services. Health says that the server serves until the stop begins.
pub(crate) fn routes(
    app: &Arc<App>,
    stop: Stop,
    watches_max: usize,
) -> Result<(Routes, tonic_health::server::HealthReporter), BrokenDescriptors> {
    let (health_reporter, health) = tonic_health::server::health_reporter();
    let sync = sync::SyncRpc {
        app: Arc::clone(app),
        stop,
        watches: watch::WatchPlaces::new(watches_max),
        answers: sync::OpenAnswers::default(),
    };
    let mut routes = RoutesBuilder::default();
    routes
        .add_service(
            EnrolmentServiceServer::new(enrolment::EnrolmentRpc {
                app: Arc::clone(app),
            })
            .max_decoding_message_size(SMALL_REQUEST_BYTES_MAX),
        )
        .add_service(
            SyncServiceServer::new(sync).max_decoding_message_size(bounded(SYNC_REQUEST_BYTES_MAX)),
        )
        .add_service(
            CatalogServiceServer::new(catalog::CatalogRpc {
                app: Arc::clone(app),
            })
            .max_decoding_message_size(bounded(CATALOG_BYTES_MAX)),
        )
        .add_service(
            ReadingServiceServer::new(reading::ReadingRpc {
                app: Arc::clone(app),
            })
            .max_decoding_message_size(SMALL_REQUEST_BYTES_MAX),
        )
        .add_service(
            AdminServiceServer::new(admin::AdminRpc {
                app: Arc::clone(app),
            })
            .max_decoding_message_size(SMALL_REQUEST_BYTES_MAX),
        )
        .add_service(
            PushServiceServer::new(push::PushRpc {
                app: Arc::clone(app),
            })
            .max_decoding_message_size(SMALL_REQUEST_BYTES_MAX),
        )
        .add_service(health)
        .add_service(reflection().build_v1().map_err(BrokenDescriptors)?)
        .add_service(reflection().build_v1alpha().map_err(BrokenDescriptors)?);
    Ok((routes.routes(), health_reporter))
}

fn bounded(content_bytes_max: usize) -> usize {
    content_bytes_max.saturating_add(ENVELOPE_BYTES_MAX)
}

fn reflection() -> tonic_reflection::server::Builder<'static> {
    let builder = tonic_reflection::server::Builder::configure().include_reflection_service(false);
    DESCRIPTOR_SETS.iter().fold(builder, |builder, set| {
        builder.register_encoded_file_descriptor_set(set)
    })
}

/// Whoever calls, as the layer found out.
fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    let caller = request.extensions().get::<Caller>().cloned();
    caller.ok_or_else(|| refused(Reason::CredentialMissing))
}

fn refused(reason: Reason) -> Status {
    error::status(&reason.into())
}
