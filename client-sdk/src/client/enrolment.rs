//! Enrolling, coming back, and the principal's own devices.

use std::sync::Arc;

use askel_proto::v1;
use askel_sync::{
    id::{DeviceId, LogId},
    invitation::Link,
    key::PublicKey,
};

use super::Client;
use crate::{
    ComeBack, Enrolled, Error, OwnDevice, RecoverySheet,
    engine::{Engine, Right, own_devices},
};

/// Own devices in one answer: more than anyone has.
const OWN_DEVICES_MAX: i32 = 100;

impl Client {
    /// Enrols this installation with an invitation's link. The same link again after a lost answer gives
    /// the same result.
    pub async fn enrol(&self, link: &str) -> Result<Enrolled, Error> {
        let (link, right) = self.shared.ask(|engine| engine.enrol_request(link))?;
        self.become_someone(&link, right).await
    }

    /// Brings a known participant to this new installation. What was synced follows with the next syncs.
    pub async fn come_back(&self, right: ComeBack) -> Result<Enrolled, Error> {
        let (link, right) = self.shared.ask(|engine| engine.come_back_request(&right))?;
        self.become_someone(&link, right).await
    }

    async fn become_someone(&self, link: &Link, right: Right) -> Result<Enrolled, Error> {
        let transport = Arc::clone(&self.shared.transport);
        transport.use_server(&link.server_url)?;
        let response = match right {
            Right::New(request) => transport.enrol(request).await?,
            Right::Known(request) => transport.come_back(request).await?,
        };
        let fresh_log = LogId::from_bytes(self.shared.draw()?);
        let (enrolled, _) = self
            .shared
            .decide(|engine, now| engine.take_enrolment(link, response, now.wall, fresh_log))?;
        Ok(enrolled)
    }

    /// Who this installation is; `None` before it enrolled.
    pub fn enrolled(&self) -> Option<Enrolled> {
        self.shared.ask(Engine::enrolled)
    }

    /// This device's key, for another device to approve. It stays the same until
    /// [`Client::start_fresh`].
    pub fn device_public_key(&self) -> PublicKey {
        self.shared.ask(Engine::public_key)
    }

    /// Approves another device of the same participant for ten minutes, in place of one that is lost if
    /// it names one.
    pub async fn approve_device(
        &self,
        key: &PublicKey,
        replaces: Option<DeviceId>,
    ) -> Result<(), Error> {
        let request = Engine::approve_request(key, replaces);
        self.shared
            .call(|transport, credential| {
                let request = request.clone();
                async move { transport.approve_device(&credential, request).await }
            })
            .await?;
        Ok(())
    }

    /// Refuses a re-invited device while it may be refused.
    pub async fn refuse_device(&self, device: DeviceId) -> Result<(), Error> {
        self.shared
            .call(|transport, credential| async move {
                let request = v1::RefuseDeviceRequest {
                    device_id: device.to_vec(),
                };
                transport.refuse_device(&credential, request).await
            })
            .await?;
        Ok(())
    }

    /// Ends one of the principal's own devices, this one too: it can do nothing any more, and its pass
    /// is no longer good. Doing it twice is doing it once.
    pub async fn revoke_own_device(&self, device: DeviceId) -> Result<(), Error> {
        self.shared
            .call(|transport, credential| async move {
                let request = v1::RevokeOwnDeviceRequest {
                    device_id: device.to_vec(),
                };
                transport.revoke_own_device(&credential, request).await
            })
            .await?;
        Ok(())
    }

    /// The principal's own devices, as the server lists them.
    pub async fn own_devices(&self) -> Result<Vec<OwnDevice>, Error> {
        let list = self
            .shared
            .call(|transport, credential| async move {
                let request = v1::ListOwnDevicesRequest {
                    page_size: OWN_DEVICES_MAX,
                    page_token: String::new(),
                };
                transport.list_own_devices(&credential, request).await
            })
            .await?;
        own_devices(list)
    }

    /// Makes a recovery sheet, which ends the one before. It is shown once: the server keeps only a keyed
    /// hash of it, and this device nothing.
    pub async fn create_recovery_sheet(&self) -> Result<RecoverySheet, Error> {
        let sheet = self
            .shared
            .call(|transport, credential| async move {
                transport.create_recovery_sheet(&credential).await
            })
            .await?;
        self.shared.ask(|engine| engine.recovery_sheet(sheet))
    }
}
