//! Whatever write the phone dies at: nothing acknowledged is lost, nothing counts twice.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askel_client_sdk::{Client, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::{OpId, StepSourceId},
    time::{DAY_MS, QUARTER_MS, Timestamp},
};
use proptest::prelude::*;

use crate::common::{
    BUDGET, Desk, Disturbance, FaultStorage, Moment, PLACE, Phone, QUEST, TUESDAY_NOON, enrolled,
};

const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

#[derive(Debug, Clone)]
enum Act {
    CheckIn,
    Steps { bucket: u8, count: u32 },
    Language(&'static str),
    JoinAndLeave,
    NextDay,
    Sync,
    CutSync(usize),
    Forget,
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        3 => Just(Act::CheckIn),
        4 => (0_u8..4, 0_u32..5_000).prop_map(|(bucket, count)| Act::Steps { bucket, count }),
        1 => prop_oneof![Just("fi"), Just("sv"), Just("en")].prop_map(Act::Language),
        1 => Just(Act::JoinAndLeave),
        2 => Just(Act::NextDay),
        2 => Just(Act::Sync),
        2 => (0_usize..8).prop_map(Act::CutSync),
        1 => Just(Act::Forget),
    ]
}

/// What the person was told, and what may be there although they were not.
#[derive(Default)]
struct Told {
    check_ins: BTreeSet<OpId>,
    steps: BTreeMap<u8, u32>,
    /// Tried last, and not acknowledged.
    doubtful_steps: BTreeMap<u8, u32>,
}

fn instant(bucket: u8) -> Timestamp {
    TUESDAY_NOON.saturating_add_ms(-QUARTER_MS * i64::from(bucket))
}

async fn live(phone: &Phone, client: &Client, act: &Act, told: &mut Told) -> bool {
    match act {
        Act::CheckIn => match client.check_in(PLACE) {
            Ok(checked_in) => told.check_ins.insert(checked_in.op),
            Err(_) => return false,
        },
        Act::Steps { bucket, count } => {
            let reading = [StepReading {
                at: instant(*bucket),
                count: *count,
            }];
            if client
                .record_steps(SOURCE, Measure::Steps, &reading)
                .is_err()
            {
                told.doubtful_steps.insert(*bucket, *count);
                return false;
            }
            told.steps.insert(*bucket, *count);
            told.doubtful_steps.remove(bucket);
            true
        }
        Act::Language(language) => return client.set_language(language).is_ok(),
        Act::JoinAndLeave => {
            return client.join_quest(QUEST).is_ok() && client.leave_quest(QUEST).is_ok();
        }
        Act::NextDay => {
            phone.clock.forward_ms(DAY_MS);
            true
        }
        Act::Sync => return client.sync(BUDGET).await.is_ok(),
        Act::CutSync(parts) => {
            phone.desk.disturb(Disturbance::CutAfter(*parts));
            return client.sync(BUDGET).await.is_ok();
        }
        Act::Forget => {
            phone.desk.disturb(Disturbance::HeadAhead);
            return client.sync(BUDGET).await.is_ok();
        }
    };
    true
}

/// What a client says is what it would say after a restart.
fn assert_same_after_restart(phone: &Phone, client: &Client) {
    let reopened = phone.open();
    assert_eq!(reopened.attendances(), client.attendances());
    assert_eq!(
        reopened.day_steps(Measure::Steps),
        client.day_steps(Measure::Steps)
    );
    assert_eq!(reopened.awards(), client.awards());
    assert_eq!(reopened.progress(), client.progress());
    assert_eq!(reopened.profile(), client.profile());
    assert_eq!(reopened.status(), client.status());
}

async fn run(acts: Vec<Act>, commits: usize, moment: Moment) {
    let desk = Arc::new(Desk::new());
    let (phone, _) = enrolled(&desk, 1).await;
    let storage = FaultStorage::after(phone.storage.clone(), commits, moment);
    let components = phone.components_on(Box::new(storage), Box::new(phone.key_store.clone()));
    let mut client = Client::open(components).expect("open");
    let mut told = Told::default();
    for act in &acts {
        let is_done = live(&phone, &client, act, &mut told).await;
        if !is_done {
            // Whatever went wrong, the app dies and starts again, on a disk that works.
            client = phone.open();
        }
        assert_same_after_restart(&phone, &client);
    }
    let client = phone.open();
    settle(&client).await;
    check(&desk, &client, &told);
}

/// Disturbances that were meant for syncs that never came out come out now.
async fn settle(client: &Client) {
    for _ in 0..40 {
        if client.sync(BUDGET).await.is_ok() && client.status().pending == 0 {
            return;
        }
    }
    panic!("nothing settles: {:?}", client.status());
}

fn check(desk: &Desk, client: &Client, told: &Told) {
    let accepted = desk.accepted();
    let once: BTreeSet<_> = accepted.iter().copied().collect();
    assert_eq!(once.len(), accepted.len(), "an op was accepted twice");
    assert!(
        told.check_ins.is_subset(&once),
        "an acknowledged check-in is lost"
    );
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    let state = desk.participant(person);
    for (bucket, count) in &told.steps {
        let quarter = askel_sync::time::Quarter::containing(instant(*bucket)).expect("a quarter");
        let held = state
            .step_count(SOURCE, Measure::Steps, quarter)
            .expect("recorded");
        let doubtful = told.doubtful_steps.get(bucket);
        assert!(
            held == *count || Some(&held) == doubtful,
            "{held}, not {count} or {doubtful:?}"
        );
    }
    assert_eq!(state.attendances().len(), client.attendances().len());
    assert_eq!(
        state.day_steps(Measure::Steps),
        client.day_steps(Measure::Steps)
    );
    let confirmed: BTreeSet<_> = state.confirmed().map(|one| one.award).collect();
    let shown: BTreeSet<_> = client.awards().iter().map(|award| award.id).collect();
    assert_eq!(confirmed, shown);
    assert!(client.rejected().is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]
    #[test]
    fn nothing_acknowledged_is_lost_or_doubled_at_whatever_write_the_phone_dies(
        acts in prop::collection::vec(act(), 1..24),
        commits in 0_usize..40,
        took_effect in any::<bool>(),
    ) {
        let moment = if took_effect { Moment::After } else { Moment::Before };
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        runtime.expect("a runtime").block_on(run(acts, commits, moment));
    }
}

#[tokio::test]
async fn a_failed_commit_changes_nothing_in_memory_and_the_next_call_reads_the_disk_again() {
    for moment in [Moment::Before, Moment::After] {
        let desk = Arc::new(Desk::new());
        let (phone, _) = enrolled(&desk, 1).await;
        let storage = FaultStorage::after(phone.storage.clone(), 0, moment);
        let components = phone.components_on(Box::new(storage), Box::new(phone.key_store.clone()));
        let client = Client::open(components).expect("open");
        client.check_in(PLACE).expect_err("the disk is gone");
        assert!(client.attendances().is_empty() && client.awards().is_empty());
        assert_eq!(client.status().pending, 0);
        client.check_in(PLACE).expect_err("still gone");
        let reopened = phone.open();
        let expected = usize::from(moment == Moment::After);
        assert_eq!(reopened.attendances().len(), expected);
    }
}
