//! What lets a staff device work for at most eight days.

use askel_proto::v1;
use prost::Message as _;

use super::{BadSignature, KeyPair, PublicKey, Purpose};
use crate::{
    id::{DeviceId, PlaceId, TenantId},
    limits::STAFF_LEASE_MS_MAX,
    time::Timestamp,
};

/// A staff certificate, verified or about to be signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StaffCertificate {
    /// The device.
    pub device: DeviceId,
    /// Its principal's role.
    pub role: v1::Role,
    /// Where it may work; empty for all places of the tenant.
    pub places: Vec<PlaceId>,
    /// Good from here on.
    pub from: Timestamp,
    /// Good before this.
    pub until: Timestamp,
}

/// A lease longer than eight days.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a staff lease is at most {STAFF_LEASE_MS_MAX} ms long")]
pub struct LeaseTooLong;

impl StaffCertificate {
    /// Signs with the staff certifier's key.
    ///
    /// # Errors
    /// [`LeaseTooLong`] past the longest lease.
    pub fn sign(
        &self,
        tenant: TenantId,
        certifier: &KeyPair,
    ) -> Result<v1::SignedStaffCertificate, LeaseTooLong> {
        if self.until.saturating_ms_since(self.from) > STAFF_LEASE_MS_MAX {
            return Err(LeaseTooLong);
        }
        let certificate = v1::StaffCertificate {
            device_id: self.device.to_vec(),
            role: self.role.into(),
            place_ids: self.places.iter().map(|place| place.get()).collect(),
            from_ms: self.from.as_ms(),
            until_ms: self.until.as_ms(),
        }
        .encode_to_vec();
        let signature = certifier.sign(Purpose::StaffCertificate, tenant, &certificate);
        Ok(v1::SignedStaffCertificate {
            certificate,
            signature,
        })
    }

    /// Verifies signature and length; whether it is good *now* is [`Self::is_good_at`].
    ///
    /// # Errors
    /// [`BadSignature`] when it is not the certifier's, unreadable or too long.
    pub fn verify(
        signed: &v1::SignedStaffCertificate,
        tenant: TenantId,
        certifier: &PublicKey,
    ) -> Result<Self, BadSignature> {
        certifier.verify(
            Purpose::StaffCertificate,
            tenant,
            &signed.certificate,
            &signed.signature,
        )?;
        let proto = v1::StaffCertificate::decode(&*signed.certificate).map_err(|_| BadSignature)?;
        let certificate = Self {
            device: DeviceId::try_from(&*proto.device_id).map_err(|_| BadSignature)?,
            role: v1::Role::try_from(proto.role).map_err(|_| BadSignature)?,
            places: proto.place_ids.into_iter().map(PlaceId::new).collect(),
            from: Timestamp::from_ms(proto.from_ms),
            until: Timestamp::from_ms(proto.until_ms),
        };
        let lease_ms = certificate.until.saturating_ms_since(certificate.from);
        if lease_ms > STAFF_LEASE_MS_MAX {
            Err(BadSignature)
        } else {
            Ok(certificate)
        }
    }

    /// Whether the lease covers an instant.
    pub fn is_good_at(&self, at: Timestamp) -> bool {
        self.from <= at && at < self.until
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lease_lasts_at_most_eight_days() {
        let tenant = TenantId::from_bytes([1; 16]);
        let certifier = KeyPair::from_seed(&[3; 32]);
        let lease = |until_ms| StaffCertificate {
            device: DeviceId::from_bytes([4; 16]),
            role: v1::Role::Staff,
            places: vec![PlaceId::new(7)],
            from: Timestamp::from_ms(0),
            until: Timestamp::from_ms(until_ms),
        };
        let longest = lease(STAFF_LEASE_MS_MAX);
        let signed = longest.sign(tenant, &certifier).expect("within the limit");
        let read = StaffCertificate::verify(&signed, tenant, &certifier.public_key());
        assert_eq!(read, Ok(longest));
        let too_long = lease(STAFF_LEASE_MS_MAX + 1).sign(tenant, &certifier);
        assert_eq!(too_long, Err(LeaseTooLong));
    }
}
