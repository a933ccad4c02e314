//! The catalog of the tests, and what publishing does.

use askel_proto::v1::{self, catalog_service_client::CatalogServiceClient};
use askel_sync::{admission::Role, catalog, id::TenantId, op::OpKind};
use tonic::Code;

use crate::{
    device::Device,
    world::{World, refused},
};

/// The place with goals, open around the clock in slot 1.
pub(crate) const BASEMENT: u32 = 1;
/// Another place.
pub(crate) const LIBRARY: u32 = 2;
/// The goal of a first visit.
pub(crate) const FIRST_VISIT: u32 = 1;
/// The collective goal: ten attendances together.
pub(crate) const TOGETHER: u32 = 2;

#[expect(clippy::unnecessary_wraps, reason = "fields of messages are optional")]
fn text(words: &str) -> Option<v1::LocalizedText> {
    let variant = v1::TextVariant {
        language: "en".to_owned(),
        text: words.to_owned(),
    };
    Some(v1::LocalizedText {
        variants: vec![variant],
    })
}

/// A small catalog, changed by the test.
pub(crate) fn build(tenant: TenantId, change: impl FnOnce(&mut v1::Catalog)) -> Vec<u8> {
    let place = |id, name| v1::Place {
        id,
        organisation_id: 1,
        name: text(name),
        time_zone_id: 1,
        ..v1::Place::default()
    };
    let mut catalog = v1::Catalog {
        version: 1,
        tenant_id: tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Europe/Helsinki".to_owned(),
            first_offset_minutes: 180,
            transitions: Vec::new(),
        }],
        organisations: vec![v1::Organisation {
            id: 1,
            name: text("The house"),
        }],
        places: vec![place(BASEMENT, "Basement"), place(LIBRARY, "Library")],
        goals: vec![
            goal(FIRST_VISIT, count(1), 1),
            goal(TOGETHER, collective(), 2),
        ],
        badges: vec![badge(1), badge(2)],
        ..v1::Catalog::default()
    };
    change(&mut catalog);
    catalog::encode(&catalog)
}

fn badge(id: u32) -> v1::Badge {
    v1::Badge {
        id,
        name: text("A badge"),
        ..v1::Badge::default()
    }
}

fn goal(id: u32, operator: v1::rule::Operator, badge_id: u32) -> v1::Goal {
    v1::Goal {
        id,
        kind: v1::GoalKind::Badge.into(),
        name: text("A goal"),
        rule_version: 1,
        rule: Some(v1::Rule {
            operator: Some(operator),
        }),
        badge_id,
        ..v1::Goal::default()
    }
}

pub(crate) fn count(target: u64) -> v1::rule::Operator {
    v1::rule::Operator::Count(v1::CountRule {
        filter: None,
        target,
    })
}

fn collective() -> v1::rule::Operator {
    let attendance = v1::AttendanceContribution { filter: None };
    v1::rule::Operator::Collective(v1::CollectiveRule {
        contributions: vec![v1::Contribution {
            points: 2,
            of: Some(v1::contribution::Of::Attendance(attendance)),
        }],
        target: 10,
        people_min: 5,
    })
}

/// Publishes as an organiser; the answer as it comes.
pub(crate) async fn publish(
    world: &World,
    organiser: &Device,
    content: Vec<u8>,
) -> Result<v1::CatalogVersion, tonic::Status> {
    let signature = catalog::sign(&content, world.tenant.id, &world.tenant.catalog);
    publish_signed(world, organiser, content, signature).await
}

async fn publish_signed(
    world: &World,
    organiser: &Device,
    content: Vec<u8>,
    signature: Vec<u8>,
) -> Result<v1::CatalogVersion, tonic::Status> {
    let request = v1::PublishCatalogRequest {
        content,
        signature,
        validate_only: false,
    };
    let mut client = CatalogServiceClient::new(world.channel.clone());
    client
        .publish_catalog(organiser.call(request))
        .await
        .map(tonic::Response::into_inner)
}

async fn a_catalog_is_published_once_and_reaches_everyone(world: World) {
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let content = build(world.tenant.id, |_| {});
    let first = publish(&world, &organiser, content.clone())
        .await
        .expect("published");
    let before = world.snapshot().await;
    let again = publish(&world, &organiser, content.clone())
        .await
        .expect("published again");
    assert_eq!(first, again);
    assert_eq!(world.snapshot().await, before);
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    let read = phone.sync(&world).await;
    assert_eq!(read.ops_of(OpKind::CatalogPublished).len(), 1);
    assert_eq!(read.ops_of(OpKind::KeyListPublished).len(), 1);
    let request = v1::GetCatalogChunkRequest {
        hash: first.hash,
        offset: 0,
    };
    let mut client = CatalogServiceClient::new(world.channel.clone());
    let chunk = client
        .get_catalog_chunk(phone.call(request))
        .await
        .expect("read")
        .into_inner();
    assert_eq!(chunk.data, content[..chunk.data.len()]);
}

async fn a_rule_out_of_bounds_is_named_and_nothing_is_published(world: World) {
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let before = world.snapshot().await;
    let content = build(world.tenant.id, |catalog| {
        catalog.goals[0].rule = Some(v1::Rule {
            operator: Some(count(0)),
        });
    });
    let error = publish(&world, &organiser, content)
        .await
        .expect_err("refused");
    refused(&error, Code::InvalidArgument, "CATALOG_INVALID");
    assert!(error.message().contains("goal 1"), "{}", error.message());
    assert!(
        error.message().contains("the target is 1 to"),
        "{}",
        error.message()
    );
    assert_eq!(world.snapshot().await, before);
}

async fn a_catalog_of_another_key_tenant_or_number_is_refused(world: World) {
    let organiser = world.enrolled(Role::Organiser, &[]).await;
    let content = build(world.tenant.id, |_| {});
    let before = world.snapshot().await;
    let foreign = catalog::sign(&content, world.tenant.id, &world.tenant.root);
    let error = publish_signed(&world, &organiser, content, foreign)
        .await
        .expect_err("refused");
    refused(&error, Code::PermissionDenied, "CATALOG_SIGNATURE_INVALID");
    let theirs = build(TenantId::from_bytes([9; 16]), |_| {});
    let error = publish(&world, &organiser, theirs)
        .await
        .expect_err("refused");
    refused(&error, Code::InvalidArgument, "CATALOG_INVALID");
    let third = build(world.tenant.id, |catalog| catalog.version = 3);
    let error = publish(&world, &organiser, third)
        .await
        .expect_err("refused");
    refused(&error, Code::FailedPrecondition, "CATALOG_VERSION_NOT_NEXT");
    assert_eq!(world.snapshot().await, before);
}

async fn a_new_goal_confirms_what_was_reached_before_it(world: World) {
    let organiser = world.organised().await;
    let mut phone = world.enrolled(Role::Participant, &[]).await;
    phone.check_in(&world, BASEMENT).await;
    assert_eq!(phone.awards(&world).await, 1);
    let second = build(world.tenant.id, |catalog| {
        catalog.version = 2;
        catalog.goals.push(goal(3, count(1), 2));
    });
    publish(&world, &organiser, second)
        .await
        .expect("published");
    assert_eq!(phone.awards(&world).await, 2);
}

on_both_stores!(
    a_catalog_is_published_once_and_reaches_everyone,
    a_rule_out_of_bounds_is_named_and_nothing_is_published,
    a_catalog_of_another_key_tenant_or_number_is_refused,
    a_new_goal_confirms_what_was_reached_before_it,
);
