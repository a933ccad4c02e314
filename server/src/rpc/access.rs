//! RPC × role, deny by default: a method without a row here can't be called by anyone.

use askel_sync::admission::Role;

/// Who may call a method.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone, without a credential.
    Open,
    /// Anyone, without a credential; the request is a stream, answered as it comes.
    OpenStream,
    /// Active devices of these roles.
    Roles(&'static [Role]),
    /// Active devices of these roles, and re-invited ones on probation.
    RolesAndProbation(&'static [Role]),
}

const EVERYONE: &[Role] = &[
    Role::Participant,
    Role::Volunteer,
    Role::Staff,
    Role::Organiser,
    Role::Admin,
];
const PARTICIPANT: &[Role] = &[Role::Participant];
const STAFF_UP: &[Role] = &[Role::Staff, Role::Organiser, Role::Admin];
const STAFF_AND_ORGANISERS: &[Role] = &[Role::Staff, Role::Organiser];
const ORGANISERS_UP: &[Role] = &[Role::Organiser, Role::Admin];
const ADMIN: &[Role] = &[Role::Admin];

/// The table, by the method's path.
pub const TABLE: &[(&str, Access)] = &[
    ("/askel.v1.EnrolmentService/Enrol", Access::Open),
    ("/askel.v1.EnrolmentService/ComeBack", Access::Open),
    (
        "/askel.v1.EnrolmentService/CreateRecoverySheet",
        Access::Roles(PARTICIPANT),
    ),
    (
        "/askel.v1.EnrolmentService/ApproveDevice",
        Access::Roles(PARTICIPANT),
    ),
    (
        "/askel.v1.EnrolmentService/ListOwnDevices",
        Access::Roles(PARTICIPANT),
    ),
    (
        "/askel.v1.EnrolmentService/RevokeOwnDevice",
        Access::Roles(PARTICIPANT),
    ),
    (
        "/askel.v1.EnrolmentService/RefuseDevice",
        Access::Roles(PARTICIPANT),
    ),
    (
        "/askel.v1.SyncService/Sync",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.SyncService/Watch",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.CatalogService/PublishCatalog",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.CatalogService/GetCatalogChunk",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.CatalogService/GetCatalogVersion",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.CatalogService/ListCatalogVersions",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.CatalogService/GetKeyList",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.ReadingService/GetPlaceDay",
        Access::Roles(STAFF_AND_ORGANISERS),
    ),
    (
        "/askel.v1.ReadingService/GetEncounterSummary",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.ReadingService/GetChallenge",
        Access::RolesAndProbation(EVERYONE),
    ),
    (
        "/askel.v1.AdminService/CreateInvitation",
        Access::Roles(STAFF_UP),
    ),
    (
        "/askel.v1.AdminService/ListInvitations",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.AdminService/DeleteInvitation",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.AdminService/CreateCard",
        Access::Roles(STAFF_AND_ORGANISERS),
    ),
    (
        "/askel.v1.AdminService/ListDevices",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.AdminService/ApproveStaffDevice",
        Access::Roles(STAFF_UP),
    ),
    (
        "/askel.v1.AdminService/RevokeDevice",
        Access::Roles(ORGANISERS_UP),
    ),
    (
        "/askel.v1.AdminService/WithdrawAward",
        Access::Roles(STAFF_AND_ORGANISERS),
    ),
    (
        "/askel.v1.AdminService/ListAuditEntries",
        Access::Roles(ADMIN),
    ),
    (
        "/askel.v1.PushService/UpdatePushRegistration",
        Access::Roles(EVERYONE),
    ),
    (
        "/askel.v1.PushService/DeletePushRegistration",
        Access::RolesAndProbation(EVERYONE),
    ),
    ("/grpc.health.v1.Health/Check", Access::Open),
    ("/grpc.health.v1.Health/Watch", Access::Open),
    (
        "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
        Access::OpenStream,
    ),
    (
        "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
        Access::OpenStream,
    ),
];

/// The row of a method; `None` denies it.
pub fn access(path: &str) -> Option<Access> {
    TABLE
        .iter()
        .find(|(method, _)| *method == path)
        .map(|(_, access)| *access)
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message as _;
    use prost_types::FileDescriptorSet;

    /// Every method the server serves, from the descriptors it tells by reflection.
    fn methods() -> Vec<String> {
        crate::rpc::DESCRIPTOR_SETS
            .iter()
            .flat_map(|set| FileDescriptorSet::decode(*set).expect("descriptors").file)
            .flat_map(|file| {
                let package = file.package().to_owned();
                file.service
                    .into_iter()
                    .map(move |service| (package.clone(), service))
            })
            .flat_map(|(package, service)| {
                let name = service.name().to_owned();
                service
                    .method
                    .into_iter()
                    .map(move |method| format!("/{package}.{name}/{}", method.name()))
            })
            .collect()
    }

    #[test]
    fn every_method_has_exactly_one_row_and_every_row_a_method() {
        let mut methods = methods();
        methods.sort_unstable();
        let mut rows: Vec<String> = TABLE.iter().map(|(path, _)| (*path).to_owned()).collect();
        rows.sort_unstable();
        assert_eq!(rows, methods);
    }

    #[test]
    fn a_method_without_a_row_is_denied() {
        assert_eq!(access("/askel.v1.AdminService/DropEverything"), None);
        assert_eq!(access("/askel.v1.AdminService/CreateInvitation/"), None);
    }

    #[test]
    fn nobody_but_staff_roles_reads_or_administers() {
        for (path, access) in TABLE {
            if !path.contains("AdminService") {
                continue;
            }
            let Access::Roles(roles) = access else {
                panic!("{path} is open to probation")
            };
            assert!(!roles.contains(&Role::Participant) && !roles.contains(&Role::Volunteer));
        }
    }
}
