//! A tenant with its keys and a small catalog.

use std::sync::Mutex;

use askel_client_sdk::{Clock, ClockReading, Entropy, NoEntropy};
use askel_proto::v1;
use askel_sync::{
    catalog,
    id::{GoalId, PlaceId, TenantId},
    invitation::{Link, LinkKind, participant_code, staff_code},
    key::{IngestSecretKey, KeyEntry, KeyList, KeyPair},
    time::{ClockSegment, DAY_MS, HOUR_MS, MINUTE_MS, Timestamp},
};
use sha2::{Digest as _, Sha256};

/// Tuesday 12 April 2016, 12:30 in Helsinki.
pub(crate) const TUESDAY_NOON: Timestamp = Timestamp::from_ms(1_460_453_400_000);
/// A drop-in place, open at all hours.
pub(crate) const PLACE: PlaceId = PlaceId::new(1);
/// A place with a weekly group; an outing leaves from it on Thursday, until Friday morning.
pub(crate) const GROUP_PLACE: PlaceId = PlaceId::new(2);
/// A goal that is joined.
pub(crate) const QUEST: GoalId = GoalId::new(4);

/// A place the catalog does not know.
pub(crate) fn other_place() -> PlaceId {
    PlaceId::new(99)
}

/// Keys, catalog and codes of one tenant.
pub(crate) struct World {
    pub(crate) tenant: TenantId,
    pub(crate) root: KeyPair,
    pub(crate) catalog_key: KeyPair,
    pub(crate) pass_issuer: KeyPair,
    pub(crate) staff_certifier: KeyPair,
    /// It certified once.
    pub(crate) revoked_certifier: KeyPair,
    pub(crate) ingest: IngestSecretKey,
    pub(crate) content: Vec<u8>,
}

impl World {
    pub(crate) fn new() -> Self {
        let tenant = TenantId::from_bytes([0xA5; 16]);
        Self {
            tenant,
            root: KeyPair::from_seed(&[1; 32]),
            catalog_key: KeyPair::from_seed(&[2; 32]),
            pass_issuer: KeyPair::from_seed(&[3; 32]),
            staff_certifier: KeyPair::from_seed(&[4; 32]),
            revoked_certifier: KeyPair::from_seed(&[6; 32]),
            ingest: IngestSecretKey::from_bytes([5; 32]),
            content: catalog::encode(&content(tenant)),
        }
    }

    pub(crate) fn key_list(&self) -> v1::SignedKeyList {
        let entry = |purpose, key: &KeyPair| KeyEntry {
            purpose,
            public_key: key.public_key().into(),
            from: Timestamp::from_ms(0),
            until: Timestamp::from_ms(i64::MAX),
            revoked: false,
        };
        let ingest = KeyEntry {
            public_key: self.ingest.public_key().into(),
            ..entry(v1::KeyPurpose::Ingest, &self.root)
        };
        let keys = vec![
            ingest,
            entry(v1::KeyPurpose::Catalog, &self.catalog_key),
            entry(v1::KeyPurpose::PassIssuer, &self.pass_issuer),
            entry(v1::KeyPurpose::StaffCertifier, &self.staff_certifier),
            KeyEntry {
                revoked: true,
                ..entry(v1::KeyPurpose::StaffCertifier, &self.revoked_certifier)
            },
        ];
        let list = KeyList {
            version: 1,
            expires_at: Timestamp::from_ms(i64::MAX),
            keys,
        };
        list.sign(self.tenant, &self.root)
    }

    pub(crate) fn published(&self) -> v1::CatalogPublished {
        v1::CatalogPublished {
            version: 1,
            hash: Sha256::digest(&self.content).to_vec(),
            size_bytes: self.content.len() as u64,
            signature: catalog::sign(&self.content, self.tenant, &self.catalog_key),
        }
    }

    pub(crate) fn invitation(&self) -> String {
        self.link(LinkKind::Invitation, participant_code([7; 7]))
    }

    pub(crate) fn staff_invitation(&self) -> String {
        self.link(LinkKind::Invitation, staff_code([8; 16]))
    }

    pub(crate) fn volunteer_invitation(&self) -> String {
        self.link(LinkKind::Invitation, Self::volunteer_code())
    }

    pub(crate) fn volunteer_code() -> String {
        staff_code([9; 16])
    }

    /// Whose catalog has so many collective challenges more.
    pub(crate) fn with_challenges(count: u32) -> Self {
        let world = Self::new();
        let mut content = content(world.tenant);
        let more = (100..).take(count as usize);
        content.goals.extend(more.map(|id| v1::Goal {
            kind: v1::GoalKind::Challenge.into(),
            ..goal(id, together(), 4)
        }));
        Self {
            content: catalog::encode(&content),
            ..world
        }
    }

    pub(crate) fn link(&self, kind: LinkKind, code: String) -> String {
        Link {
            server_url: "http://desk.invalid".to_owned(),
            tenant: self.tenant,
            root_hash: self.root.public_key().hash(),
            kind,
            code,
        }
        .to_string()
    }
}

fn content(tenant: TenantId) -> v1::Catalog {
    v1::Catalog {
        version: 1,
        tenant_id: tenant.to_vec(),
        time_zones: vec![v1::TimeZone {
            id: 1,
            name: "Europe/Helsinki".to_owned(),
            first_offset_minutes: 180,
            transitions: Vec::new(),
        }],
        places: vec![place(1, "Kellari"), place(2, "Talo")],
        activities: vec![v1::Activity {
            id: 1,
            kind: v1::ActivityKind::Outing.into(),
            name: Some(text("Retki")),
            ..v1::Activity::default()
        }],
        // Thursday 20:00 to Friday 10:30.
        sessions: vec![v1::Session {
            id: 1,
            activity_id: 1,
            place_id: 2,
            starts_at_ms: TUESDAY_NOON.as_ms() + 2 * DAY_MS + 450 * MINUTE_MS,
            ends_at_ms: TUESDAY_NOON.as_ms() + 3 * DAY_MS - 2 * HOUR_MS,
        }],
        goals: vec![
            goal(1, count(1), 1),
            goal(2, count(3), 2),
            goal(3, sum(10_000), 3),
            v1::Goal {
                joined_only: true,
                badge_id: 0,
                ..goal(4, count(2), 0)
            },
            goal(5, together(), 4),
        ],
        badges: (1..=4).map(badge).collect(),
        alias_words: vec![v1::AliasWord {
            id: 1,
            text: Some(text("kuu")),
        }],
        // Enough text that the catalog takes several chunks.
        organisations: (1..=40).map(organisation).collect(),
    }
}

fn text(fi: &str) -> v1::LocalizedText {
    let variant = |language: &str, text: &str| v1::TextVariant {
        language: language.to_owned(),
        text: text.to_owned(),
    };
    let en = format!("{fi} in English");
    v1::LocalizedText {
        variants: vec![variant("en", &en), variant("fi", fi)],
    }
}

fn organisation(id: u32) -> v1::Organisation {
    v1::Organisation {
        id,
        name: Some(text(&format!("Järjestö {id} {}", "x".repeat(200)))),
    }
}

fn place(id: u32, name: &str) -> v1::Place {
    let interval = |weekday: u32| v1::OpeningInterval {
        slot_id: weekday,
        weekday,
        from_minute: 0,
        until_minute: 24 * 60,
        activity_id: 0,
    };
    v1::Place {
        id,
        name: Some(text(name)),
        time_zone_id: 1,
        opening_intervals: (1..=7).map(interval).collect(),
        latitude_e6: 65_012_000,
        longitude_e6: 25_465_000 + i32::try_from(id).expect("small"),
        ..v1::Place::default()
    }
}

fn badge(id: u32) -> v1::Badge {
    v1::Badge {
        id,
        name: Some(text(&format!("Merkki {id}"))),
        picture: id,
        ..v1::Badge::default()
    }
}

fn goal(id: u32, rule: v1::Rule, badge_id: u32) -> v1::Goal {
    let kind = if id == 5 {
        v1::GoalKind::Challenge
    } else {
        v1::GoalKind::Badge
    };
    v1::Goal {
        id,
        kind: kind.into(),
        name: Some(text(&format!("Tavoite {id}"))),
        rule_version: 1,
        rule: Some(rule),
        badge_id,
        ..v1::Goal::default()
    }
}

fn rule(operator: v1::rule::Operator) -> v1::Rule {
    v1::Rule {
        operator: Some(operator),
    }
}

fn count(target: u64) -> v1::Rule {
    rule(v1::rule::Operator::Count(v1::CountRule {
        filter: None,
        target,
    }))
}

/// Whatever needs steps has an alternative without them.
fn sum(target: u64) -> v1::Rule {
    let steps = v1::SumRule {
        measure: v1::Measure::Steps.into(),
        target,
    };
    let rules = vec![rule(v1::rule::Operator::Sum(steps)), count(5)];
    rule(v1::rule::Operator::Any(v1::AnyRule { rules }))
}

fn together() -> v1::Rule {
    let contribution = v1::Contribution {
        of: Some(v1::contribution::Of::Attendance(
            v1::AttendanceContribution { filter: None },
        )),
        points: 1,
    };
    rule(v1::rule::Operator::Collective(v1::CollectiveRule {
        contributions: vec![contribution],
        target: 1_000,
        people_min: 5,
    }))
}

/// A clock that stands until it is set.
pub(crate) struct HandClock(Mutex<ClockReading>);

impl HandClock {
    pub(crate) fn at(wall: Timestamp) -> Self {
        let segment = ClockSegment {
            boot_id: 1,
            wall_minus_monotonic_ms: 0,
        };
        Self(Mutex::new(ClockReading { wall, segment }))
    }

    pub(crate) fn forward_ms(&self, ms: i64) {
        let mut reading = self.0.lock().expect("no panic");
        reading.wall = reading.wall.saturating_add_ms(ms);
    }

    /// Another boot, whose monotonic clock begins at 0.
    pub(crate) fn reboot(&self, boot_id: u64) {
        let mut reading = self.0.lock().expect("no panic");
        reading.segment = ClockSegment {
            boot_id,
            wall_minus_monotonic_ms: reading.wall.as_ms(),
        };
    }

    /// The wall clock jumps; time itself does not.
    pub(crate) fn jump_ms(&self, ms: i64) {
        self.forward_ms(ms);
        let mut reading = self.0.lock().expect("no panic");
        reading.segment.wall_minus_monotonic_ms += ms;
    }
}

impl Clock for HandClock {
    fn read(&self) -> ClockReading {
        *self.0.lock().expect("no panic")
    }
}

/// Bytes that look random and are the same for the same seed.
pub(crate) struct SeededEntropy(Mutex<(u64, u64)>);

impl SeededEntropy {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Mutex::new((seed, 0)))
    }
}

impl Entropy for SeededEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        let mut state = self.0.lock().expect("no panic");
        for part in bytes.chunks_mut(32) {
            state.1 += 1;
            let block = Sha256::new()
                .chain_update(state.0.to_be_bytes())
                .chain_update(state.1.to_be_bytes())
                .finalize();
            part.copy_from_slice(&block[..part.len()]);
        }
        Ok(())
    }
}
