//! Totals of before: what the erased counted, in a store that a journal brings up to date.

use std::{collections::BTreeMap, sync::Arc};

use askel_sync::{
    id::{GoalId, PlaceId, SlotId, TenantId},
    op::SessionRef,
    time::LocalDate,
};

use super::{
    fixture::{NOW, any_audit, participant, projection},
    journal::erasure,
};
use crate::{
    AttendanceChange, ChallengeSum, Contribution, Erased, Frozen, Projection, Store,
    journal::{Entry, folded},
};

const GOAL: GoalId = GoalId::new(1);

/// What happens to a tenant.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Someone is at a place.
    Attends(u8, u32),
    /// That was a mistake.
    Voided(u8, u32),
    /// What someone gives to the challenge, in all.
    Gives(u8, u64),
    Erased(u8),
}

use Step::{Attends, Erased as Erases, Gives, Voided};

/// Three people who are erased one after the other, and two who stay.
const STORY: [Step; 15] = [
    Attends(1, 1),
    Attends(2, 1),
    Attends(3, 1),
    Attends(4, 1),
    Gives(1, 5),
    Gives(3, 2),
    Erases(3),
    Attends(1, 2),
    Attends(2, 2),
    Voided(1, 1),
    Gives(1, 9),
    Erases(1),
    Attends(2, 3),
    Erases(2),
    Attends(5, 1),
];

fn day() -> LocalDate {
    LocalDate::from_days(16_900)
}

fn tenant(n: usize) -> TenantId {
    TenantId::from_bytes([u8::try_from(n + 100).unwrap(); 16])
}

async fn happen(store: &impl Store, tenant: TenantId, step: Step) {
    let attendance = |n, place, present| AttendanceChange {
        participant: participant(n),
        place: PlaceId::new(place),
        date: day(),
        session: SessionRef::Slot(SlotId::new(1)),
        present,
    };
    let mut found = Projection::default();
    match step {
        Attends(n, place) => found.attendances.push(attendance(n, place, true)),
        Voided(n, place) => found.attendances.push(attendance(n, place, false)),
        Gives(n, points) => found.contributions.push(Contribution {
            goal: GOAL,
            participant: participant(n),
            points,
        }),
        Erases(n) => {
            let erased = store.erase(tenant, participant(n), &any_audit()).await;
            erased.unwrap();
            return;
        }
    }
    store.append(tenant, &projection(found), NOW).await.unwrap();
}

/// The story in one tenant, and what its server wrote to its journal.
async fn told(store: &impl Store, tenant: TenantId) -> Vec<Entry> {
    let mut journal = Vec::new();
    for step in STORY {
        if let Erases(n) = step {
            journal.push(erasure(Erased::new(participant(n))));
        }
        happen(store, tenant, step).await;
        if let Erases(n) = step {
            let frozen = store.read_frozen(tenant).await.unwrap();
            journal.extend(frozen.parts(1).into_iter().map(Entry::Frozen));
            journal.push(Entry::Erased {
                erased: Erased::new(participant(n)),
                is_counted: true,
            });
        }
    }
    journal
}

async fn apply(store: &impl Store, tenant: TenantId, journal: &[Entry]) {
    // As it is read from a file.
    let journal: Vec<Entry> = journal
        .iter()
        .map(|entry| Entry::decode(&entry.encode()).unwrap())
        .collect();
    store.apply_journal(tenant, &journal).await.unwrap();
}

/// Of the erased at each place; and the challenge's sum, to which nobody else gives.
async fn of_the_erased(store: &impl Store, tenant: TenantId) -> (BTreeMap<u32, u64>, ChallengeSum) {
    let counts = store.count_sessions(tenant, None, day(), day()).await;
    let counts = counts.unwrap();
    let erased = counts.iter().filter(|count| count.erased > 0);
    let erased = erased.map(|count| (count.place.get(), count.erased));
    let sum = store.sum_challenge(tenant, GOAL).await.unwrap();
    (erased.collect(), sum)
}

/// Wherever in the story a backup was made: nothing of what they counted before their erasure is
/// missing, nothing counts twice, and nothing counts that was taken back.
pub async fn what_the_erased_counted_stands_as_the_journal_says(store: Arc<impl Store>) {
    let journal = told(&*store, tenant(0)).await;
    let expected = of_the_erased(&*store, tenant(0)).await;
    assert_eq!(expected.0, BTreeMap::from([(1, 2), (2, 2), (3, 1)]));
    assert_eq!((expected.1.total, expected.1.people), (11, 2));
    let fold = folded(journal.clone());
    assert_eq!(folded(fold.clone()), fold, "folded already");
    for backup in 0..=STORY.len() {
        for (turn, journal) in [&journal, &fold].into_iter().enumerate() {
            let restored = tenant(1 + 2 * backup + turn);
            for step in &STORY[..backup] {
                happen(&*store, restored, *step).await;
            }
            for again in 0..2 {
                apply(&*store, restored, journal).await;
                let found = of_the_erased(&*store, restored).await;
                assert_eq!(found, expected, "{backup} {turn} {again}");
            }
            // What is projected of them late counts nowhere.
            happen(&*store, restored, Attends(1, 1)).await;
            happen(&*store, restored, Gives(1, 50)).await;
            assert_eq!(of_the_erased(&*store, restored).await, expected);
            let all = store.count_sessions(restored, None, day(), day()).await;
            let all: u64 = all.unwrap().iter().map(|count| count.attendances).sum();
            let staying = STORY[..backup].iter();
            let staying = staying.filter(|step| matches!(step, Attends(4 | 5, _)));
            assert_eq!(all, 5 + u64::try_from(staying.count()).unwrap());
        }
    }
}

/// Of an erasure that the server did not come to the end of, the journal tells no counts, or a part of
/// them: those that the store has stay, on top of what the journal tells of others, and none counts twice.
pub async fn a_journal_without_counts_keeps_what_the_store_knows(store: Arc<impl Store>) {
    let whole = told(&*store, tenant(0)).await;
    let until = whole
        .iter()
        .position(|entry| *entry == erasure(Erased::new(participant(2))));
    let parts = whole[until.unwrap() + 1..].iter();
    let parts = parts.take_while(|entry| matches!(entry, Entry::Frozen(_)));
    let parts = parts.count();
    assert!(parts > 1, "{whole:?}");
    let cuts = (0..=parts).flat_map(|told| {
        let cut = whole[..=until.unwrap() + told].to_vec();
        let fold = folded(cut.clone());
        assert_eq!(folded(fold.clone()), fold, "folded already");
        // What they did after the backup is in the last part.
        let expected: &[(u32, u64)] = if told == parts {
            &[(1, 2), (2, 2), (3, 1)]
        } else {
            &[(1, 2), (2, 2)]
        };
        [(cut, expected), (fold, expected)]
    });
    let backup = 9;
    for (turn, (journal, expected)) in cuts.enumerate() {
        let restored = tenant(1 + turn);
        for step in &STORY[..backup] {
            happen(&*store, restored, *step).await;
        }
        for _ in 0..2 {
            apply(&*store, restored, &journal).await;
            let (erased, sum) = of_the_erased(&*store, restored).await;
            assert_eq!(erased, expected.iter().copied().collect(), "{turn}");
            assert_eq!(sum.total, 11, "{turn}");
        }
    }
}

/// However many counts there are, a record of the journal holds so many; together they say all.
pub async fn counts_of_the_erased_are_told_in_parts(store: Arc<impl Store>) {
    told(&*store, tenant(0)).await;
    let frozen = store.read_frozen(tenant(0)).await.unwrap();
    assert_eq!(frozen.points.len() + frozen.people.len(), 4);
    for counts_max in 1..=5 {
        let parts = frozen.parts(counts_max);
        assert_eq!(parts.len(), 4_usize.div_ceil(counts_max));
        let mut together = Frozen::default();
        for part in &parts {
            assert!(part.points.len() + part.people.len() <= counts_max);
            together.raise(part);
        }
        assert_eq!(together, frozen);
    }
    assert!(Frozen::default().parts(1).is_empty());
    let none = store.read_frozen(tenant(1)).await.unwrap();
    assert_eq!(none, Frozen::default());
}
