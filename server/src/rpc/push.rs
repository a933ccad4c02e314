//! `PushService`: whether and how a device is woken.

use std::sync::Arc;

use askel_proto::v1::{self, push_service_server::PushService};
use askel_store::{PushRegistration, PushToken};
use askel_sync::{
    id::TimeZoneId,
    limits::{AWAKE_MINUTES_MIN, PUSH_TOKEN_BYTES_MAX},
};
use tonic::{Request, Response, Status};

use super::{caller, error::status};
use crate::{
    app::{App, AppError, delete_push_registration, update_push_registration},
    push::QuietHours,
};

/// The service.
pub(super) struct PushRpc {
    pub(super) app: Arc<App>,
}

#[tonic::async_trait]
impl PushService for PushRpc {
    async fn update_push_registration(
        &self,
        request: Request<v1::UpdatePushRegistrationRequest>,
    ) -> Result<Response<v1::PushRegistration>, Status> {
        let caller = caller(&request)?;
        let asked = request.into_inner().push_registration.unwrap_or_default();
        let registration = decode(&asked).map_err(|error| status(&error))?;
        update_push_registration(&self.app, &caller, &registration)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(v1::PushRegistration {
            token: String::new(),
            ..asked
        }))
    }

    async fn delete_push_registration(
        &self,
        request: Request<v1::DeletePushRegistrationRequest>,
    ) -> Result<Response<v1::DeletePushRegistrationResponse>, Status> {
        let caller = caller(&request)?;
        delete_push_registration(&self.app, &caller)
            .await
            .map_err(|error| status(&error))?;
        Ok(Response::new(v1::DeletePushRegistrationResponse {}))
    }
}

fn decode(asked: &v1::PushRegistration) -> Result<PushRegistration, AppError> {
    let token = PushToken::new(asked.token.clone()).map_err(|_| {
        let problem = format!("has 1 to {PUSH_TOKEN_BYTES_MAX} printable ASCII characters");
        AppError::field("push_registration.token", problem)
    })?;
    let quiet_minutes = asked.quiet_hours.map(quiet_minutes).transpose()?;
    let zone = (asked.time_zone_id != 0).then(|| TimeZoneId::new(asked.time_zone_id));
    Ok(PushRegistration {
        token,
        quiet_minutes,
        zone,
    })
}

fn quiet_minutes(asked: v1::QuietHours) -> Result<(u32, u32), AppError> {
    let minutes = (asked.from_minute, asked.until_minute);
    if QuietHours::new(minutes.0, minutes.1).is_some() {
        return Ok(minutes);
    }
    let problem =
        format!("are minutes below 1440 that leave at least {AWAKE_MINUTES_MIN} of a day");
    Err(AppError::field("push_registration.quiet_hours", problem))
}
