//! Those who go on while all this happens: people who walk, and a tablet at the door.

use std::time::Duration;

use askel_client_sdk::{Client, Confirmation, StepReading};
use askel_server::VerifiedTenant;
use askel_sync::{
    id::{AwardId, ParticipantId, StepSourceId},
    op::Measure,
    time::Timestamp,
};
use tokio::{sync::watch, task::JoinHandle};

use super::site::Site;
use crate::{
    crowd::{self, BUDGET, FIRST_QUARTER_MS, QUARTER_MS, open_in},
    world::PLACE,
};

/// People who walk.
const WALKERS: usize = 4;
/// How long a sync waits after one that was answered: others use this machine too.
const REST: Duration = Duration::from_millis(10);
/// Syncs that may fail after the restore before something is wrong.
const LAST_ATTEMPTS: usize = 400;

/// One sync as an app asks for it.
pub(crate) async fn sync(client: &Client) -> Result<(), String> {
    crowd::sync(client, BUDGET).await
}

/// A participant with a phone.
pub(crate) struct Newcomer {
    pub(crate) client: Client,
    pub(crate) participant: ParticipantId,
    quarters: u32,
    steps: u64,
}

impl Newcomer {
    /// A phone that has not been here.
    pub(crate) fn unknown(site: &Site, name: &str) -> Self {
        Self {
            client: open_in(&site.device(name)),
            participant: ParticipantId::from_bytes([0; 16]),
            quarters: 0,
            steps: 0,
        }
    }

    /// By an invitation of their own to one of the servers.
    pub(crate) async fn enrolled(site: &Site, name: &str, node: usize) -> Self {
        Self::by(site, name, &site.invite("participant", node)).await
    }

    /// By this invitation.
    pub(crate) async fn by(site: &Site, name: &str, invitation: &str) -> Self {
        let mut new = Self::unknown(site, name);
        new.client.enrol(invitation).await.expect("enrolled");
        sync(&new.client).await.expect("the catalog");
        let enrolled = new.client.enrolled().expect("enrolled");
        new.participant = enrolled.participant.expect("a participant");
        new
    }

    pub(crate) fn check_in(&self) {
        self.client.check_in(PLACE).expect("checked in");
    }

    fn walk(&mut self) {
        let count = self.quarters % 100 + 1;
        let at = FIRST_QUARTER_MS + i64::from(self.quarters) * QUARTER_MS;
        let reading = StepReading {
            at: Timestamp::from_ms(at),
            count,
        };
        let source = StepSourceId::from_bytes([1; 16]);
        self.client
            .record_steps(source, Measure::Steps, &[reading])
            .expect("recorded");
        self.quarters += 1;
        self.steps += u64::from(count);
    }

    pub(crate) async fn settle(&self) {
        settle(&self.client).await;
    }

    /// The server holds what this phone holds, which is what it wrote.
    pub(crate) fn compare(&self, server: &VerifiedTenant) {
        let mut known = server.participants.iter();
        let server = known.find(|known| known.participant == self.participant);
        let server = server.expect("known");
        let days = self.client.day_steps(Measure::Steps);
        assert_eq!(days.values().sum::<u64>(), self.steps);
        assert_eq!(server.day_steps, days);
        assert_eq!(
            (server.attendances, self.client.attendances().len()),
            (1, 1)
        );
        let awards: Vec<AwardId> = self.client.awards().iter().map(|award| award.id).collect();
        assert_eq!(awards.len(), 1);
        assert_eq!(server.confirmed.iter().copied().collect::<Vec<_>>(), awards);
    }
}

/// People and a tablet, each at work on its own.
pub(crate) struct Crowd {
    answered: watch::Sender<u64>,
    over: watch::Sender<bool>,
    walking: Vec<JoinHandle<Newcomer>>,
    counting: JoinHandle<u64>,
}

/// What they hold once all is settled.
pub(crate) struct Settled {
    pub(crate) phones: Vec<Newcomer>,
    pub(crate) tallies: u64,
}

impl Settled {
    /// Facts that they wrote.
    pub(crate) fn facts(&self) -> u64 {
        let walked = self
            .phones
            .iter()
            .map(|phone| u64::from(phone.quarters) + 1);
        walked.sum::<u64>() + self.tallies
    }
}

impl Crowd {
    /// Enrols them with all the servers in turn, and lets them begin.
    pub(crate) async fn at_work(site: &Site) -> Self {
        let (over, is_over) = watch::channel(false);
        let answered = watch::Sender::new(0);
        let pace = Pace {
            answered: answered.clone(),
            is_over,
        };
        let mut passes = Vec::new();
        let mut walkers = Vec::new();
        for number in 0..WALKERS {
            let walker = Newcomer::enrolled(site, &format!("phone-{number}"), number).await;
            passes.push(walker.client.pass().expect("a pass"));
            walkers.push(walker);
        }
        let tablet = open_in(&site.device("tablet"));
        let invitation = site.invite("staff", 1);
        tablet.enrol(&invitation).await.expect("enrolled");
        sync(&tablet).await.expect("the catalog");
        let walking = walkers
            .into_iter()
            .map(|walker| tokio::spawn(walk(walker, pace.clone())));
        Self {
            walking: walking.collect(),
            counting: tokio::spawn(count(tablet, passes, pace.clone())),
            answered,
            over,
        }
    }

    /// Waits for so many answered syncs more.
    pub(crate) async fn more(&self, syncs: u64) {
        let mut answers = self.answered.subscribe();
        let goal = *answers.borrow() + syncs;
        answers
            .wait_for(|answers| *answers >= goal)
            .await
            .expect("they are at work");
    }

    /// Ends it: they hand in what is left.
    pub(crate) async fn all_settled(self) -> Settled {
        // They have to go on with the restored server before they stop.
        self.more(10).await;
        self.over.send(true).expect("they are at work");
        let mut phones = Vec::new();
        for walking in self.walking {
            phones.push(walking.await.expect("the phone lives"));
        }
        let tallies = self.counting.await.expect("the tablet lives");
        Settled { phones, tallies }
    }
}

/// When they go on, and that they did.
#[derive(Clone)]
struct Pace {
    answered: watch::Sender<u64>,
    is_over: watch::Receiver<bool>,
}

impl Pace {
    fn is_over(&self) -> bool {
        *self.is_over.borrow()
    }

    async fn sync(&self, client: &Client) {
        if sync(client).await.is_ok() {
            self.answered.send_modify(|answered| *answered += 1);
        }
        tokio::time::sleep(REST).await;
    }
}

async fn walk(mut walker: Newcomer, pace: Pace) -> Newcomer {
    walker.check_in();
    while !pace.is_over() {
        for _ in 0..3 {
            walker.walk();
        }
        pace.sync(&walker.client).await;
    }
    walker.settle().await;
    walker
}

/// Counts people without a name, and scans the same passes over and over.
async fn count(tablet: Client, passes: Vec<String>, pace: Pace) -> u64 {
    let mut counted = 0;
    while !pace.is_over() {
        tablet.tally(PLACE, 1).expect("counted");
        counted += 1;
        for pass in &passes {
            tablet.scan(PLACE, pass).expect("scanned");
        }
        pace.sync(&tablet).await;
    }
    settle(&tablet).await;
    counted
}

/// Syncs until nothing is pending and every award is confirmed; nothing may have been refused.
async fn settle(client: &Client) {
    for _ in 0..LAST_ATTEMPTS {
        let synced = sync(client).await.is_ok();
        let awards = client.awards();
        let mut awards = awards.iter();
        let confirmed = awards.all(|award| award.confirmation == Confirmation::Confirmed);
        if synced && client.status().pending == 0 && confirmed {
            break;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let status = client.status();
    assert_eq!((status.pending, status.rejected), (0, 0), "{status:?}");
}
