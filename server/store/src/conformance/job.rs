//! Leases of jobs.

use std::sync::Arc;

use askel_sync::{id::GoalId, time::Timestamp};
use tokio::task::JoinSet;

use super::fixture::{NOW, OTHER_TENANT, TENANT, any_audit, participant, projection};
use crate::{
    Append, AppendError, ChallengeSum, Contribution, Job, JobBid, JobLease, NodeId, Projection,
    Store,
};

const LEASE_MS: i64 = 30_000;
const GOAL: GoalId = GoalId::new(1);

fn bid(node: u8, now: Timestamp) -> JobBid {
    JobBid {
        job: Job::Projection,
        node: NodeId::from_bytes([node; 16]),
        now,
        ms: LEASE_MS,
    }
}

fn after(ms: i64) -> Timestamp {
    NOW.saturating_add_ms(ms)
}

async fn taken(store: &impl Store, node: u8, now: Timestamp) -> Option<u64> {
    let lease = store.take_job(TENANT, &bid(node, now)).await.unwrap()?;
    assert_eq!(lease.node, bid(node, now).node);
    assert_eq!(lease.until, now.saturating_add_ms(LEASE_MS));
    Some(lease.generation)
}

/// Whoever has it may renew it; others wait for its end, and then everything is read anew.
pub async fn a_job_is_one_nodes_until_its_lease_ends(store: Arc<impl Store>) {
    assert_eq!(taken(&*store, 1, NOW).await, Some(1));
    assert_eq!(taken(&*store, 2, after(LEASE_MS - 1)).await, None);
    assert_eq!(
        taken(&*store, 1, after(LEASE_MS - 1)).await,
        Some(1),
        "renewed"
    );
    assert_eq!(taken(&*store, 2, after(LEASE_MS)).await, None, "renewed");
    let end = 2 * LEASE_MS - 1;
    assert_eq!(taken(&*store, 2, after(end)).await, Some(2));
    assert_eq!(taken(&*store, 1, after(end)).await, None);
    let elsewhere = store.take_job(OTHER_TENANT, &bid(1, NOW)).await.unwrap();
    assert_eq!(elsewhere.map(|lease| lease.generation), Some(1));
}

/// A node that stops lets another go on at once; one that lost the job ends nothing.
pub async fn a_job_that_is_left_is_anyones(store: Arc<impl Store>) {
    let lease = store.take_job(TENANT, &bid(1, NOW)).await.unwrap().unwrap();
    store.leave_job(OTHER_TENANT, &lease).await.unwrap();
    assert_eq!(taken(&*store, 2, NOW).await, None);
    store.leave_job(TENANT, &lease).await.unwrap();
    store.leave_job(TENANT, &lease).await.unwrap();
    assert_eq!(taken(&*store, 2, NOW).await, Some(2));
    store.leave_job(TENANT, &lease).await.unwrap();
    assert_eq!(taken(&*store, 1, NOW).await, None);
}

/// A node whose clock runs a day ahead has a job for as long as others would, not for a day.
pub async fn a_lease_by_a_clock_that_runs_ahead_does_not_last(store: Arc<impl Store>) {
    let day = 24 * 3_600_000;
    assert_eq!(taken(&*store, 1, after(day)).await, Some(1));
    assert_eq!(taken(&*store, 2, NOW).await, Some(2));
    // Within one lease's time it is believed.
    assert_eq!(taken(&*store, 2, after(LEASE_MS)).await, Some(2));
    assert_eq!(taken(&*store, 3, NOW).await, None);
}

/// Whoever did it is of before the restore: nobody waits for the end of its lease.
pub async fn a_restore_ends_every_lease(store: Arc<impl Store>) {
    let before = taken(&*store, 1, NOW).await.unwrap();
    assert_eq!(taken(&*store, 2, NOW).await, None);
    let other = store.take_job(OTHER_TENANT, &bid(1, NOW)).await.unwrap();
    assert!(other.is_some());
    store.renew_streams(TENANT, &[7; 32]).await.unwrap();
    let next = taken(&*store, 2, NOW).await.unwrap();
    assert!(next > before, "{next}");
    // The same restore, told again.
    store.renew_streams(TENANT, &[7; 32]).await.unwrap();
    assert_eq!(taken(&*store, 1, NOW).await, None);
    let elsewhere = store.take_job(OTHER_TENANT, &bid(2, NOW)).await;
    assert_eq!(elsewhere.unwrap(), None);
}

fn points_under(lease: JobLease, points: u64) -> Append {
    Append {
        under: Some(lease),
        ..projection(Projection {
            contributions: vec![Contribution {
                goal: GOAL,
                participant: participant(1),
                points,
            }],
            ..Projection::default()
        })
    }
}

async fn points(store: &impl Store) -> u64 {
    let ChallengeSum { total, .. } = store.sum_challenge(TENANT, GOAL).await.unwrap();
    total
}

/// A node that was away for longer than it knows writes nothing of what it read before.
pub async fn an_append_under_a_lease_that_was_lost_changes_nothing(store: Arc<impl Store>) {
    let never = JobLease {
        job: Job::Projection,
        node: NodeId::from_bytes([9; 16]),
        generation: 1,
        until: after(LEASE_MS),
    };
    let lost = store.append(TENANT, &points_under(never, 9), NOW).await;
    assert!(matches!(lost, Err(AppendError::LeaseLost)));
    let first = store.take_job(TENANT, &bid(1, NOW)).await.unwrap().unwrap();
    store
        .append(TENANT, &points_under(first, 1), NOW)
        .await
        .unwrap();
    // Its end alone takes nothing from it: nobody else has begun.
    store
        .append(TENANT, &points_under(first, 2), after(LEASE_MS))
        .await
        .unwrap();
    let now = after(LEASE_MS);
    let second = store.take_job(TENANT, &bid(2, now)).await.unwrap().unwrap();
    let lost = store.append(TENANT, &points_under(first, 3), now).await;
    assert!(matches!(lost, Err(AppendError::LeaseLost)));
    assert_eq!(points(&*store).await, 2);
    store
        .append(TENANT, &points_under(second, 4), now)
        .await
        .unwrap();
    assert_eq!(points(&*store).await, 4);
    let elsewhere = store
        .append(OTHER_TENANT, &points_under(second, 5), now)
        .await;
    assert!(matches!(elsewhere, Err(AppendError::LeaseLost)));
}

/// What a node keeps in memory of someone goes when they are erased, wherever that was asked for.
pub async fn an_erasure_voids_what_was_read_under_a_lease(store: Arc<impl Store>) {
    let before = store.take_job(TENANT, &bid(1, NOW)).await.unwrap().unwrap();
    store
        .erase(TENANT, participant(7), &any_audit())
        .await
        .unwrap();
    let lost = store.append(TENANT, &points_under(before, 1), NOW).await;
    assert!(matches!(lost, Err(AppendError::LeaseLost)));
    assert_eq!(taken(&*store, 2, NOW).await, None, "it stays the node's");
    assert_eq!(taken(&*store, 1, NOW).await, Some(2));
}

const NODES: u8 = 4;
const TURNS: u64 = 12;

/// Nodes that fight for a job, with clocks that let each take it at any time: what one reads and
/// writes back is not written over by another.
pub async fn of_nodes_that_fight_for_a_job_none_writes_over_another(
    store: Arc<impl Store + 'static>,
) {
    let mut tasks = JoinSet::new();
    for node in 1..=NODES {
        let store = Arc::clone(&store);
        tasks.spawn(async move {
            let mut written = 0;
            let mut now = NOW;
            while written < TURNS {
                now = now.saturating_add_ms(LEASE_MS);
                let Some(lease) = store.take_job(TENANT, &bid(node, now)).await.unwrap() else {
                    continue;
                };
                let read = points(&*store).await;
                tokio::task::yield_now().await;
                match store
                    .append(TENANT, &points_under(lease, read + 1), now)
                    .await
                {
                    Ok(_) => written += 1,
                    Err(AppendError::LeaseLost) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.unwrap();
    }
    assert_eq!(points(&*store).await, u64::from(NODES) * TURNS);
}
