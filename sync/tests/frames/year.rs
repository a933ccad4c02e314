//! A participant's made-up year, as their stream lists it: for measuring and for tests.

use askel_sync::{
    admission::{Admission, AdmittedOp, Flags, Role, Strength},
    award::award_id,
    goal::Season,
    id::{
        GoalId, LogId, OpId, ParticipantId, PassTag, PlaceId, SlotId, StepSourceId, TenantId,
        TimeZoneId,
    },
    op::{
        Alias, AwardConfirmed, CheckIn, FavouriteAdded, FavouriteRemoved, Manner, Measure, Op,
        OpKind, Origin, Payload, ProfileField, ProfileSet, QuestJoined, SessionRef, StepCount,
        Witness,
    },
    time::{DAY_MS, HOUR_MS, LocalDate, Quarter, Timestamp},
};

/// The tenant of the year.
pub(crate) const TENANT: TenantId = TenantId::from_bytes(*b"tenant of a year");

/// Numbers that look random and are the same on every machine (splitmix64).
pub(crate) struct Dice(pub(crate) u64);

impl Dice {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    pub(crate) fn number(&mut self, bound: u32) -> u32 {
        self.below(u64::from(bound)) as u32
    }

    pub(crate) fn handle(&mut self) -> [u8; 16] {
        let (a, b) = (self.next(), self.next());
        (u128::from(a) << 64 | u128::from(b)).to_be_bytes()
    }
}

/// One writer.
struct Writer {
    log: LogId,
    next: u64,
    role: Role,
    batch: Vec<(i64, Op)>,
}

impl Writer {
    fn new(dice: &mut Dice, role: Role) -> Self {
        Self {
            log: LogId::from_bytes(dice.handle()),
            next: 0,
            role,
            batch: Vec::new(),
        }
    }

    fn write(&mut self, at: i64, payload: &Payload) -> OpId {
        self.raw(at, payload.kind() as u32, payload.encode())
    }

    fn raw(&mut self, at: i64, kind: u32, payload: Vec<u8>) -> OpId {
        let origin = Origin {
            log: self.log,
            sequence: self.next,
        };
        self.next += 1;
        let op = Op {
            kind,
            payload: payload.into(),
            origin,
        };
        let id = op.id();
        self.batch.push((at, op));
        id
    }

    fn sync(&mut self, received: i64, subject: ParticipantId, stream: &mut Vec<(i64, AdmittedOp)>) {
        for (at, op) in self.batch.drain(..) {
            let strength = match op.kind {
                1 if self.role == Role::Staff => Strength::Card,
                4 | 1 => Strength::SelfReport,
                _ => Strength::Unspecified,
            };
            let admission = Admission {
                corrected_at: Timestamp::from_ms(at.min(received)),
                received_at: Timestamp::from_ms(received),
                subject: Some(subject),
                strength,
                flags: Flags::default(),
                author_role: self.role,
            };
            stream.push((received, AdmittedOp { op, admission }));
        }
    }
}

/// When the year begins.
const START: i64 = 1_767_225_600_000;

/// What an hour of walking counts: one in five is spent sitting, the others are nearly log-normal.
fn hour(dice: &mut Dice) -> u32 {
    if dice.below(5) == 0 {
        return dice.number(60) + 1;
    }
    let throws: u32 = (0..4).map(|_| dice.number(512)).sum();
    let logarithm = throws + 1178;
    (((256 + logarithm % 256) << (logarithm / 256)) / 256).max(1)
}

fn note(dice: &mut Dice) -> Vec<u8> {
    let syllables = [
        "ka", "va", "lo", "mi", "ne", "tu", "ri", "sa", "hel", "jo", "ki", "len", "mar", "nu",
        "pol", "ras", "si", "tam", "uu", "vil", "yk", "ko", "ta", "pe", "sun", "or", "ha", "lu",
        "met", "an", "ol", "et", "sat", "jar", "vi", "kot", "nii", "mys", "al", "puo",
    ];
    let mut text = String::new();
    while text.len() < 80 {
        if !text.is_empty() {
            text.push(' ');
        }
        for _ in 0..=dice.below(4) {
            text.push_str(syllables[dice.below(40) as usize]);
        }
    }
    text.truncate(80);
    text.into_bytes()
}

/// The year's ops in the order of a stream.
pub(crate) fn year(days: u32, seed: u64) -> Vec<AdmittedOp> {
    let mut life = Life::new(Dice(seed));
    for day in 0..days {
        life.day(day);
    }
    life.stream.sort_by_key(|(received, _)| *received);
    let ops = life.stream.into_iter();
    ops.map(|(_, admitted)| admitted).collect()
}

/// What a year's ops are made from.
struct Life {
    dice: Dice,
    subject: ParticipantId,
    pass: PassTag,
    sources: [StepSourceId; 2],
    phone: Writer,
    old: Writer,
    scanner: Writer,
    server: Writer,
    favourites: Vec<(u32, OpId)>,
    revisions: [u32; 3],
    stream: Vec<(i64, AdmittedOp)>,
}

impl Life {
    fn new(mut dice: Dice) -> Self {
        Self {
            subject: ParticipantId::from_bytes(dice.handle()),
            pass: PassTag::from_bytes(dice.handle()),
            sources: [dice.handle(), dice.handle()].map(StepSourceId::from_bytes),
            phone: Writer::new(&mut dice, Role::Participant),
            old: Writer::new(&mut dice, Role::Participant),
            scanner: Writer::new(&mut dice, Role::Staff),
            server: Writer::new(&mut dice, Role::Server),
            favourites: Vec::new(),
            revisions: [0; 3],
            stream: Vec::new(),
            dice,
        }
    }

    fn day(&mut self, day: u32) {
        let midnight = START + i64::from(day) * DAY_MS;
        let mut acts = self.steps(midnight);
        let due = |monthly: u32| (day + 1) * monthly / 30 - day * monthly / 30;
        for (what, count) in [due(10), due(5), due(2)].into_iter().enumerate() {
            for _ in 0..count {
                let at = midnight + 6 * HOUR_MS + self.dice.below(14 * HOUR_MS as u64) as i64;
                let payload = choice(what, at, &mut self.dice, &mut self.revisions);
                acts.push((at, payload));
            }
        }
        acts.sort_by_key(|(at, _)| *at);
        for (at, payload) in acts {
            self.act(at, &payload);
        }
        let check_in = self.visits(day, midnight);
        let evening = midnight + 20 * HOUR_MS + self.dice.below(2 * HOUR_MS as u64) as i64;
        self.scanner.sync(evening, self.subject, &mut self.stream);
        if day % 7 == 6 {
            self.note(check_in.unwrap());
            self.award(day, evening);
        }
        let night = midnight + 21 * HOUR_MS + self.dice.below(2 * HOUR_MS as u64) as i64;
        self.phone.sync(night, self.subject, &mut self.stream);
        let afternoon = midnight + 17 * HOUR_MS + self.dice.below(5 * HOUR_MS as u64) as i64;
        self.old.sync(afternoon, self.subject, &mut self.stream);
    }

    /// The day's counts: the old phone's are written, the phone's are still to be.
    fn steps(&mut self, midnight: i64) -> Vec<(i64, Payload)> {
        let mut acts = Vec::new();
        for hour_of_day in 5..21_u32 {
            let begins = midnight + i64::from(hour_of_day) * HOUR_MS;
            let count = hour(&mut self.dice);
            let mut step = StepCount {
                source: self.sources[0],
                bucket: Quarter::containing(Timestamp::from_ms(begins)).unwrap(),
                count,
                revision: 1,
                measure: Measure::Steps,
            };
            acts.push((begins, Payload::StepCount(step)));
            if (8..16).contains(&hour_of_day) {
                step.source = self.sources[1];
                step.count = (count * (5 + self.dice.number(96)) / 100).max(1);
                self.old.write(begins, &Payload::StepCount(step));
            }
        }
        acts
    }

    /// What is chosen on the phone: a place that is a favourite already is none from then on.
    fn act(&mut self, at: i64, payload: &Payload) {
        let Payload::FavouriteAdded(added) = payload else {
            self.phone.write(at, payload);
            return;
        };
        let place = added.place.get();
        let known = self
            .favourites
            .iter()
            .position(|(known, _)| *known == place);
        if let Some(known) = known {
            let (_, id) = self.favourites.remove(known);
            let removed = FavouriteRemoved {
                place: added.place,
                occurred_at: added.occurred_at,
                added: vec![id],
            };
            self.phone.write(at, &Payload::FavouriteRemoved(removed));
        } else {
            let id = self.phone.write(at, payload);
            self.favourites.push((place, id));
        }
    }

    fn visits(&mut self, day: u32, midnight: i64) -> Option<OpId> {
        let count = self.dice.below(4).max(u64::from(day % 7 == 6));
        let mut times: Vec<i64> = (0..count)
            .map(|_| midnight + 9 * HOUR_MS + self.dice.below(11 * HOUR_MS as u64) as i64)
            .collect();
        times.sort_unstable();
        let check_ins = times.into_iter().map(|at| {
            let check_in = CheckIn {
                place: PlaceId::new(1 + self.dice.number(50)),
                occurred_at: Timestamp::from_ms(at),
                session: SessionRef::Slot(SlotId::new(0)),
                manner: Manner::OnSite,
                catalog_version: 1 + day / 90,
                witness: Witness::PassScan(self.pass),
            };
            self.scanner.write(at, &Payload::CheckIn(check_in))
        });
        check_ins.last()
    }

    fn note(&mut self, check_in: OpId) {
        let mut evidence = vec![0x0a, 16];
        evidence.extend(check_in.as_bytes());
        evidence.extend([0x12, 80]);
        evidence.extend(note(&mut self.dice));
        // Without a time of its own it counts as of its receipt.
        self.phone.raw(i64::MAX, OpKind::Evidence as u32, evidence);
    }

    fn award(&mut self, day: u32, evening: i64) {
        // Each week is a goal of its own, but each fourth one a stage of a goal for all weeks.
        let week = day / 7 + 1;
        let today = Timestamp::from_ms(evening).local_date(0, 0).as_days();
        let [first, last] = [today - 6, today].map(LocalDate::from_days);
        let zone = TimeZoneId::new(1);
        let (goal, stage, season) = if week.is_multiple_of(4) {
            (GoalId::new(7), week / 4, None)
        } else {
            let season = Season { first, last, zone };
            (GoalId::new(100 + week), 0, Some(season))
        };
        let at = evening + 5 + self.dice.below(100) as i64;
        let award = AwardConfirmed {
            award: award_id(TENANT, goal, stage, self.subject, season),
            goal,
            stage,
            rule_version: 1,
            catalog_hash: vec![(day / 90) as u8 ^ 0x5a; 32],
            occurred_at: Timestamp::from_ms(at),
        };
        self.server.write(at, &Payload::AwardConfirmed(award));
        self.server.sync(at, self.subject, &mut self.stream);
    }
}

fn choice(what: usize, at: i64, dice: &mut Dice, revisions: &mut [u32; 3]) -> Payload {
    let occurred_at = Timestamp::from_ms(at);
    match what {
        0 => Payload::FavouriteAdded(FavouriteAdded {
            place: PlaceId::new(1 + dice.number(50)),
            occurred_at,
        }),
        1 => {
            let which = dice.below(3) as usize;
            revisions[which] += 1;
            let field = match which {
                0 => ProfileField::Alias(Alias {
                    word: 1 + dice.number(40),
                    number: 1 + dice.number(99),
                }),
                1 => ProfileField::Picture(1 + dice.number(24)),
                _ => ProfileField::Language(["fi", "sv", "en"][dice.below(3) as usize].to_owned()),
            };
            Payload::ProfileSet(ProfileSet {
                occurred_at,
                field,
                revision: revisions[which],
            })
        }
        _ => Payload::QuestJoined(QuestJoined {
            goal: GoalId::new(1 + dice.number(30)),
            occurred_at,
        }),
    }
}
