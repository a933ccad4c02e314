//! Syncing: hand in what the server lacks, pull what this device lacks.

use std::time::Duration;

use askel_proto::v1::{self, sync_response::Part};
use askel_sync::{id::LogId, time::Timestamp};
use prost::Message as _;
use tokio_stream::StreamExt as _;

use super::{
    Client,
    ending::{gain, reason_of, retry_after},
};
use crate::{
    Budget, Cause, Change, Error, SyncEnd, SyncReport, TransportError,
    engine::{
        Again, Asked, Batches, Decided, Engine, Fetched, Form, Settled, ToldPage, Wish, handed_in,
        told_time,
    },
};

/// New logs one sync may open: a server that refuses every log is broken, or not ours.
const NEW_LOGS_PER_SYNC_MAX: usize = 2;
/// How a sync begins.
const FIRST_WISH: Wish = Wish {
    form: Form::Short,
    batches: Batches::Compact,
    turn: 0,
    hands_back: false,
};
/// The reason that stands in the status when the budget ended before everything came.
const BUDGET_SPENT: &str = "BUDGET_SPENT";

/// Calls of one sync that may end without anything new: each has to have a reason.
const IDLE_CALLS_MAX: usize = 4;

/// What one call did.
#[derive(Debug, Clone, Copy, Default)]
struct Round {
    settled: Settled,
    received: usize,
    closing: v1::SyncClosing,
    /// Set when something has to be asked again.
    again: Option<Again>,
    /// Whether pages were handed back.
    hands_back: bool,
    /// How many turns it takes to ask for every stream.
    turns: usize,
    /// The server's time, if the request told a clock and the answer came soon.
    told_time: Option<Timestamp>,
}

impl Round {
    /// Whether asking again can bring more than asking again would have before.
    fn has_progressed(&self) -> bool {
        self.settled != Settled::default() || self.received > 0 || self.hands_back
    }
}

/// Whether the catalog changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum CatalogCame {
    Yes,
    No,
}

impl Client {
    /// Hands in what is pending and pulls what is new, until there is nothing more or the budget is
    /// spent. Each part of an answer is committed as it comes: a cut costs that part and no more. One sync
    /// runs at a time; a second one waits, within its budget. Needs a tokio runtime with time.
    ///
    /// # Errors
    /// What was committed before the error stays. [`Client::status`] tells the reason and when to try
    /// again.
    pub async fn sync(&self, budget: Budget) -> Result<SyncReport, Error> {
        let mut report = SyncReport::default();
        let mut sent = 0;
        // Held until it is noted how the sync ended.
        let mut one_at_a_time = None;
        let ended = tokio::time::timeout(budget.time, async {
            one_at_a_time = Some(self.shared.syncing.lock().await);
            self.sync_all(&mut report, &mut sent).await
        });
        let ended = ended.await;
        if one_at_a_time.is_none() {
            // Another sync is under way, and its end will be noted.
            report.end = SyncEnd::BudgetSpent;
            return Ok(report);
        }
        if sent > 0 {
            self.decide(|engine, _| Ok(engine.request_lost(sent)))?;
        }
        match ended {
            Ok(Ok(_)) if self.shared.ask(Engine::is_erased) => self.shared.purge()?,
            Ok(Ok(retry_after_ms)) => {
                let [jitter] = self.shared.draw()?;
                self.decide(|engine, now| Ok(engine.attempt_done(retry_after_ms, now, jitter)))?;
            }
            Ok(Err(error)) => {
                self.note_failure(&reason_of(&error), retry_after(&error), &report)?;
                return Err(error);
            }
            Err(_) => {
                report.end = SyncEnd::BudgetSpent;
                self.note_failure(BUDGET_SPENT, Duration::ZERO, &report)?;
            }
        }
        // Nobody may be listening.
        let _ = self.shared.changes.send(Change::Synced);
        Ok(report)
    }

    /// Returns how long the server asks to wait, in milliseconds. `sent` is what was handed in and is not
    /// answered yet, in bytes.
    async fn sync_all(&self, report: &mut SyncReport, sent: &mut usize) -> Result<i64, Error> {
        let mut new_logs: usize = 0;
        let mut idle_calls: usize = 0;
        let mut wish = FIRST_WISH;
        let mut told_time = None;
        loop {
            self.shared.decide(|engine, _| engine.prepare_request())?;
            let carried = self.shared.ask(Engine::carried_count);
            let round = self.round(wish, report, sent).await?;
            told_time = round.told_time.or(told_time);
            let frames_wait = match self.shared.ask(Engine::carried_count) {
                0 => false,
                left => left < carried,
            };
            new_logs = new_logs.saturating_add(round.settled.new_logs);
            if new_logs > NEW_LOGS_PER_SYNC_MAX {
                return Err(Cause::Answer("it refuses every log").into());
            }
            if round.settled.plain_wanted > 0 {
                wish.batches = Batches::Plain;
            }
            if !round.has_progressed() {
                idle_calls = idle_calls.saturating_add(1);
            }
            let asks_again = match round.again {
                Some(Again::InFull) => Some(Form::LongWithoutContext),
                _ if round.closing.long_form_wanted => Some(Form::Long),
                Some(Again::AsBefore) => Some(wish.form),
                None => None,
            };
            if let Some(next) = asks_again
                && idle_calls <= IDLE_CALLS_MAX
            {
                wish.form = next;
                continue;
            }
            let catalog = self.fetch_catalog(report).await?;
            let wants_more = round.closing.more
                || self.shared.ask(Engine::has_more_to_send)
                || (wish.hands_back && self.shared.ask(Engine::has_pages_to_return));
            let goes_on = catalog == CatalogCame::Yes
                || frames_wait
                || (wants_more && round.has_progressed());
            let next_turn = wish.turn.saturating_add(1);
            if goes_on {
                // The same streams again.
                wish.form = FIRST_WISH.form;
            } else if next_turn < round.turns {
                wish.turn = next_turn;
            } else if !wish.hands_back && self.hands_back()? {
                wish = Wish {
                    hands_back: true,
                    batches: wish.batches,
                    ..FIRST_WISH
                };
            } else {
                self.decide(|engine, _| Ok(engine.ripen_pages()))?;
                self.let_go(told_time)?;
                self.tell_push().await?;
                return Ok(i64::try_from(round.closing.retry_after_ms).unwrap_or(i64::MAX));
            }
        }
    }

    /// Lets go of what no server will want back, if an exchange has told the time: in this boot, or in
    /// this very sync where boots can't be told apart.
    fn let_go(&self, told_time: Option<Timestamp>) -> Result<(), Error> {
        let now = self.shared.now();
        let tied = self.shared.ask(|engine| engine.tied_time(now));
        let Some(time) = tied.or(told_time) else {
            return Ok(());
        };
        self.decide(|engine, _| engine.let_go(time))?;
        self.decide(|engine, _| engine.settle_pages(time))
    }

    /// Whether something of before a restore is still missing at the server, now that everything was
    /// pulled, and its authors had time to bring it back.
    fn hands_back(&self) -> Result<bool, Error> {
        self.decide(|engine, _| Ok(engine.cover_pages()))?;
        Ok(self.shared.ask(Engine::has_pages_to_return))
    }

    /// One call, to the end of its answer.
    async fn round(
        &self,
        wish: Wish,
        report: &mut SyncReport,
        sent: &mut usize,
    ) -> Result<Round, Error> {
        let now = self.shared.now();
        let (request, asked) = self.shared.ask(|engine| engine.sync_request(now, wish));
        let sent_bytes = request.encoded_len();
        *sent = handed_in(&request);
        let mut answer = self
            .shared
            .call(|transport, credential| {
                let request = request.clone();
                async move { transport.sync(&credential, request).await }
            })
            .await?;
        report.calls = report.calls.saturating_add(1);
        report.bytes_up = report.bytes_up.saturating_add(bytes(sent_bytes));
        let mut round = Round::default();
        // Until the answer says something of this boot's clock.
        let mut untold = request.client_clock.is_some();
        let mut unsaid = asked.all_accepted();
        while let Some(response) = answer.next().await {
            if response.is_err() && askel_sync::planted!(CutAnswerIsWhole) {
                return Ok(round);
            }
            let response = response?;
            if std::mem::take(sent) > 0 {
                self.decide(|engine, _| Ok(engine.request_arrived()))?;
            }
            report.bytes_down = report
                .bytes_down
                .saturating_add(bytes(response.encoded_len()));
            if std::mem::take(&mut untold) {
                let told_ms = match &response.part {
                    Some(Part::Opening(opening)) => Some(opening.server_time_ms),
                    _ => None,
                };
                let told_ms = told_ms.filter(|told| *told != 0);
                self.shared
                    .decide(|engine, read| Ok(engine.tie_boot(now, told_ms, read)))?;
                round.told_time = told_time(now, told_ms, self.shared.now());
            }
            match &response.part {
                None | Some(Part::Opening(_)) => {}
                Some(Part::Outcomes(_)) => unsaid = None,
                Some(Part::Closing(closing)) if closing.long_form_wanted => unsaid = None,
                Some(_) => {
                    if let Some(outcomes) = unsaid.take() {
                        self.take(Part::Outcomes(outcomes), &asked, &mut round, report)?;
                    }
                }
            }
            match response.part {
                Some(Part::Closing(closing)) => {
                    self.decide(|engine, _| Ok(engine.request_done(&asked)))?;
                    round.closing = closing;
                    round.hands_back = asked.hands_back();
                    round.turns = self.shared.ask(|engine| engine.turns(&asked));
                    return Ok(round);
                }
                Some(part) => self.take(part, &asked, &mut round, report)?,
                // A part of a later version.
                None => {}
            }
        }
        Err(TransportError::Unreachable.into())
    }

    fn take(
        &self,
        part: Part,
        asked: &Asked,
        round: &mut Round,
        report: &mut SyncReport,
    ) -> Result<(), Error> {
        match part {
            Part::Opening(opening) => {
                // Absent where there is nothing to say.
                if opening.version > 1 {
                    return Err(Cause::Version.into());
                }
                let server_ms = opening.server_time_ms;
                if server_ms != 0 {
                    self.decide(|engine, now| Ok(engine.take_server_time(server_ms, now)))?;
                }
                self.decide(|engine, _| engine.take_opening(&opening))?;
            }
            Part::Outcomes(outcomes) => {
                let fresh_log = LogId::from_bytes(self.shared.draw()?);
                let (settled, _) = self
                    .shared
                    .decide(|engine, now| engine.take_outcomes(&outcomes, asked, now, fresh_log))?;
                round.settled.add(settled);
                report.accepted = report.accepted.saturating_add(settled.accepted);
                report.rejected = report.rejected.saturating_add(settled.rejected);
                report.deferred = report.deferred.saturating_add(settled.deferred);
            }
            Part::Page(page) => self.take_page(ToldPage::Full(page), asked, round, report)?,
            Part::ShortPage(page) => self.take_page(ToldPage::Short(page), asked, round, report)?,
            Part::StreamGone(gone) => {
                self.decide(|engine, _| Ok(engine.take_stream_gone(&gone)))?;
            }
            Part::Closing(_) => {}
        }
        Ok(())
    }

    fn take_page(
        &self,
        page: ToldPage,
        asked: &Asked,
        round: &mut Round,
        report: &mut SyncReport,
    ) -> Result<(), Error> {
        let (taken, changes) = self
            .shared
            .decide(|engine, now| engine.take_page(page, asked, now))?;
        round.received = round.received.saturating_add(taken.ops);
        // Whoever has to ask in full asks so, whatever another page says.
        round.again = taken.again.max(round.again);
        report.received = report.received.saturating_add(taken.ops);
        let confirmed = changes.into_iter().filter_map(|change| match change {
            Change::AwardConfirmed(award) => Some(award),
            _ => None,
        });
        report.confirmed_awards.extend(confirmed);
        Ok(())
    }

    /// Fetches what was announced, a chunk at a time; a cut goes on where it was.
    async fn fetch_catalog(&self, report: &mut SyncReport) -> Result<CatalogCame, Error> {
        loop {
            let now = self.shared.now().wall;
            let Some(wanted) = self.shared.ask(|engine| engine.chunk_wanted(now)) else {
                return Ok(CatalogCame::No);
            };
            let chunk = self
                .shared
                .call(|transport, credential| {
                    let request = v1::GetCatalogChunkRequest {
                        hash: wanted.hash.clone(),
                        offset: wanted.offset,
                    };
                    async move { transport.get_catalog_chunk(&credential, request).await }
                })
                .await?;
            report.catalog_bytes = report.catalog_bytes.saturating_add(bytes(chunk.data.len()));
            let (fetched, _) = self
                .shared
                .decide(|engine, now| engine.take_chunk(&wanted, &chunk, now))?;
            match fetched {
                Fetched::More => {}
                Fetched::InForce => return Ok(CatalogCame::Yes),
                Fetched::ThrownAway => return Ok(CatalogCame::No),
            }
        }
    }

    fn note_failure(
        &self,
        reason: &str,
        retry_after: Duration,
        report: &SyncReport,
    ) -> Result<(), Error> {
        let [jitter] = self.shared.draw()?;
        let gain = gain(report);
        let retry_after_ms = i64::try_from(retry_after.as_millis()).unwrap_or(i64::MAX);
        self.decide(|engine, now| {
            Ok(engine.attempt_failed((reason, gain), retry_after_ms, now, jitter))
        })
    }

    fn decide(
        &self,
        decision: impl FnOnce(&Engine, Timestamp) -> Result<Decided<()>, Error>,
    ) -> Result<(), Error> {
        self.shared
            .decide(|engine, now| decision(engine, now.wall))
            .map(drop)
    }
}

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
