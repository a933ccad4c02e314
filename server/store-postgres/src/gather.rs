//! Questions that many calls ask at once, answered in one trip to the database: while some are looked up,
//! those that come wait and go together in the next.

use std::{
    collections::HashMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

use askel_sync::id::TenantId;
use tokio::sync::{Semaphore, oneshot};

/// Trips under way at a time.
const TRIPS_MAX: usize = 2;

/// Questions of one kind.
#[derive(Debug)]
pub(crate) struct Gather<Q, A> {
    waiting: Mutex<HashMap<TenantId, Vec<Asked<Q, A>>>>,
    next: Mutex<u64>,
    trips: Semaphore,
}

/// A question, and who waits for the answer.
#[derive(Debug)]
struct Asked<Q, A> {
    number: u64,
    question: Q,
    answer: oneshot::Sender<A>,
}

/// How a question goes on.
pub(crate) enum Turn<'a, Q, A> {
    /// Somebody has looked it up.
    Answered(A),
    /// It is to be looked up now, with those of others.
    LookUp(Group<'a, Q, A>),
    /// Whoever was to look it up failed: it is to be looked up alone.
    Alone,
}

/// Questions to be looked up together; dropped without an answer, each is asked again alone.
pub(crate) struct Group<'a, Q, A> {
    asked: Vec<Asked<Q, A>>,
    own: u64,
    _trip: tokio::sync::SemaphorePermit<'a>,
}

/// Takes a question back when it is dropped, if nobody has it with them by then.
struct Withdrawn<'a, Q, A> {
    gather: &'a Gather<Q, A>,
    tenant: TenantId,
    own: u64,
}

impl<Q, A> Drop for Withdrawn<'_, Q, A> {
    fn drop(&mut self) {
        self.gather.withdraw(self.tenant, self.own);
    }
}

impl<Q, A> Gather<Q, A> {
    pub(crate) fn new() -> Self {
        Self {
            waiting: Mutex::new(HashMap::new()),
            next: Mutex::new(0),
            trips: Semaphore::new(TRIPS_MAX),
        }
    }

    /// Waits until the question is answered or has to be looked up.
    pub(crate) async fn ask(&self, tenant: TenantId, question: Q) -> Turn<'_, Q, A> {
        let (sender, mut answer) = oneshot::channel();
        let own = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            *next = next.wrapping_add(1);
            *next
        };
        self.waiting().entry(tenant).or_default().push(Asked {
            number: own,
            question,
            answer: sender,
        });
        // Who hangs up takes the question along: of a tenant that nobody asks for again it would stay.
        let _asked = Withdrawn {
            gather: self,
            tenant,
            own,
        };
        let trip = tokio::select! {
            biased;
            answered = &mut answer => return answered.map_or(Turn::Alone, Turn::Answered),
            trip = self.trips.acquire() => trip,
        };
        let Ok(trip) = trip else {
            return Turn::Alone;
        };
        if let Some(asked) = self.take_with(tenant, own) {
            return Turn::LookUp(Group {
                asked,
                own,
                _trip: trip,
            });
        }
        // Somebody has it with them already.
        drop(trip);
        answer.await.map_or(Turn::Alone, Turn::Answered)
    }

    /// All that waits of a tenant, if this question is among it.
    fn take_with(&self, tenant: TenantId, own: u64) -> Option<Vec<Asked<Q, A>>> {
        let mut waiting = self.waiting();
        let asked = waiting.get(&tenant)?;
        if asked.iter().any(|asked| asked.number == own) {
            waiting.remove(&tenant)
        } else {
            None
        }
    }

    fn withdraw(&self, tenant: TenantId, own: u64) {
        let mut waiting = self.waiting();
        let Some(asked) = waiting.get_mut(&tenant) else {
            return;
        };
        asked.retain(|asked| asked.number != own);
        if asked.is_empty() {
            waiting.remove(&tenant);
        }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TenantId, Vec<Asked<Q, A>>>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<Q, A> Group<'_, Q, A> {
    /// The questions; one may be there more than once.
    pub(crate) fn questions(&self) -> impl Iterator<Item = &Q> {
        self.asked.iter().map(|asked| &asked.question)
    }

    /// Answers all; returns the own one's answer.
    pub(crate) fn answer(self, answer: impl Fn(&Q) -> A) -> Option<A> {
        let mut own = None;
        for asked in self.asked {
            let found = answer(&asked.question);
            if asked.number == self.own {
                own = Some(found);
            } else {
                // Whoever hung up needs no answer.
                let _ = asked.answer.send(found);
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    };

    use super::*;

    const TENANT: TenantId = TenantId::from_bytes([1; 16]);

    /// Looks numbers up: each is answered with its neighbour. Fails for groups with 13.
    async fn neighbour(
        gather: &Gather<u64, u64>,
        trips: &AtomicU64,
        number: u64,
    ) -> Result<u64, ()> {
        match gather.ask(TENANT, number).await {
            Turn::Answered(answer) => Ok(answer),
            Turn::Alone if number == 13 => Err(()),
            Turn::Alone => Ok(number ^ 1),
            Turn::LookUp(group) => {
                trips.fetch_add(1, Ordering::Relaxed);
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
                if group.questions().any(|question| *question == 13) {
                    return if number == 13 {
                        Err(())
                    } else {
                        Ok(number ^ 1)
                    };
                }
                group.answer(|question| question ^ 1).ok_or(())
            }
        }
    }

    async fn all(numbers: Vec<u64>) -> (Vec<Result<u64, ()>>, u64) {
        let gather = Arc::new(Gather::new());
        let trips = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = numbers
            .into_iter()
            .map(|number| {
                let (gather, trips) = (Arc::clone(&gather), Arc::clone(&trips));
                tokio::spawn(async move { neighbour(&gather, &trips, number).await })
            })
            .collect();
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.expect("no panic"));
        }
        (answers, trips.load(Ordering::Relaxed))
    }

    #[tokio::test]
    async fn each_gets_its_own_answer_and_few_trips_are_made() {
        let numbers: Vec<u64> = (100..300).chain([100, 100]).collect();
        let (answers, trips) = all(numbers.clone()).await;
        let neighbours: Vec<_> = numbers.iter().map(|number| Ok(number ^ 1)).collect();
        assert_eq!(answers, neighbours);
        assert!(trips <= 4, "{trips}");
    }

    #[tokio::test]
    async fn a_lookup_that_fails_takes_no_other_with_it() {
        let (answers, _) = all((0..50).collect()).await;
        for (number, answer) in (0..50).zip(answers) {
            let expected = if number == 13 {
                Err(())
            } else {
                Ok(number ^ 1)
            };
            assert_eq!(answer, expected);
        }
    }

    #[tokio::test]
    async fn whoever_hangs_up_leaves_nobody_waiting() {
        let gather = Arc::new(Gather::<u64, u64>::new());
        let trips = Arc::new(AtomicU64::new(0));
        for round in 0..50 {
            let ask = |number| {
                let (gather, trips) = (Arc::clone(&gather), Arc::clone(&trips));
                tokio::spawn(async move { neighbour(&gather, &trips, number).await })
            };
            let tasks: Vec<_> = (100..110).map(ask).collect();
            tokio::task::yield_now().await;
            for (n, task) in tasks.into_iter().enumerate() {
                if n % 3 == round % 3 {
                    task.abort();
                } else {
                    assert!(task.await.expect("no panic").is_ok());
                }
            }
        }
    }

    #[tokio::test]
    async fn whoever_hangs_up_leaves_nothing_behind() {
        let gather = Gather::<u64, u64>::new();
        let trips = gather.trips.acquire_many(2).await.expect("open");
        for tenant in 0..9 {
            let asked = gather.ask(TenantId::from_bytes([tenant; 16]), 1);
            tokio::select! {
                biased;
                _ = asked => panic!("there is no trip"),
                () = tokio::task::yield_now() => {}
            }
        }
        assert!(gather.waiting().is_empty());
        drop(trips);
    }
}
