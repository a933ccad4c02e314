//! Unconfirmed ops that reach the server by another way.

use std::sync::Arc;

use askel_client_sdk::{
    Advice, Client, Clock as _, MemoryKeyStore, NoticeKind, StepReading, Storage as _,
};
use askel_proto::v1::Measure;
use askel_sync::{
    id::StepSourceId,
    limits::{BOOTS_TOLD_MAX, CARRIED_FRAME_BYTES_MAX, FRAME_BYTES_MAX},
    time::{DAY_MS, HOUR_MS},
};

use sha2::{Digest as _, Sha256};

use crate::common::{BUDGET, Desk, Disturbance, PLACE, Phone, TUESDAY_NOON, enrolled};

/// The table of what is sealed to the server alone.
const OUTBOX: u8 = 12;
const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

/// Check-ins on so many days, with an hour of steps each.
fn live(phone: &Phone, client: &Client, days: i64) {
    for day in 1..=days {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        let reading = [StepReading {
            at: TUESDAY_NOON.saturating_add_ms(day * DAY_MS),
            count: 3_000,
        }];
        client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
    }
}

#[tokio::test]
async fn sixty_own_ops_fit_into_one_qr_code() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    live(&phone, &client, 30);
    assert_eq!(client.status().pending, 60);
    let frames = client.lifeboat(FRAME_BYTES_MAX).expect("frames");
    let sizes: Vec<usize> = frames.iter().map(Vec::len).collect();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
    assert!(sizes[0] <= FRAME_BYTES_MAX, "{sizes:?}");
}

/// The phone is switched off and on, and some of a day goes by until it is used.
fn reboot(phone: &Phone, boot: u64) {
    let digest = Sha256::digest(boot.to_be_bytes());
    let [id, uptime] = [0, 8].map(|at| digest[at..].first_chunk().copied().expect("eight"));
    phone.clock.reboot(u64::from_be_bytes(id));
    let uptime_ms = u64::from_be_bytes(uptime) % DAY_MS.unsigned_abs();
    phone.clock.forward_ms(uptime_ms.cast_signed());
}

/// Check-ins on thirty days, with an hour of steps each, every one of them in another boot.
fn live_in_sixty_boots(phone: &Phone, client: &Client) {
    for day in 0..30 {
        reboot(phone, 2 * day);
        client.check_in(PLACE).expect("a place that is open");
        reboot(phone, 2 * day + 1);
        let reading = [StepReading {
            at: phone.clock.read().wall,
            count: 3_000,
        }];
        let made = client.record_steps(SOURCE, Measure::Steps, &reading);
        assert_eq!(made.expect("recorded").written, 1);
    }
}

/// What docs/lifeboat.md says.
#[tokio::test]
async fn sixty_own_ops_fit_into_one_qr_code_with_as_many_boots() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (_, carrier) = enrolled(&desk, 2).await;
    live_in_sixty_boots(&phone, &client);
    assert_eq!(client.status().pending, 60);
    let frames = client.lifeboat(FRAME_BYTES_MAX).expect("frames");
    let sizes: Vec<usize> = frames.iter().map(Vec::len).collect();
    assert_eq!(sizes.len(), 1, "{sizes:?}");
    assert!(sizes[0] <= FRAME_BYTES_MAX, "{sizes:?}");
    // The server reads it.
    carrier.carry(&frames[0]).expect("room");
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(desk.accepted().len(), 60);
}

#[tokio::test]
async fn frames_carried_by_another_phone_settle_once_whichever_way_is_first() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (_, carrier) = enrolled(&desk, 2).await;
    live(&phone, &client, 20);
    let frames = client.lifeboat(300).expect("frames");
    let sizes: Vec<usize> = frames.iter().map(Vec::len).collect();
    assert!(
        sizes.len() > 1 && sizes.iter().all(|size| *size <= 300),
        "{sizes:?}"
    );
    for frame in &frames {
        carrier.carry(frame).expect("room");
        carrier.carry(frame).expect("once more");
    }
    assert_eq!(carrier.status().carried, frames.len());
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(carrier.status().carried, 0);
    assert_eq!(desk.accepted().len(), 40);
    // The writer hears of it when it comes itself, and nothing is there twice.
    let report = client.sync(BUDGET).await.expect("a sync");
    assert_eq!((report.accepted, client.status().pending), (40, 0));
    assert_eq!((desk.accepted().len(), client.status().healed), (40, 0));
    // Handed in late, it changes nothing.
    carrier.carry(&frames[0]).expect("room");
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(desk.accepted().len(), 40);
}

#[tokio::test]
async fn what_leaves_in_a_frame_changes_no_more() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let reading = |count| {
        [StepReading {
            at: TUESDAY_NOON,
            count,
        }]
    };
    let record = |count| client.record_steps(SOURCE, Measure::Steps, &reading(count));
    record(100).expect("recorded");
    let frames = client.lifeboat(FRAME_BYTES_MAX).expect("frames");
    record(200).expect("recorded");
    assert_eq!(client.status().pending, 2);
    client.carry(&frames[0]).expect("its own carrier");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.status().pending, client.status().healed), (0, 0));
    let steps: u64 = client.day_steps(Measure::Steps).values().sum();
    assert_eq!(steps, 200);
}

#[tokio::test]
async fn a_file_of_frames_comes_back_whole_or_not_at_all() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let (_, carrier) = enrolled(&desk, 2).await;
    live(&phone, &client, 3);
    let file = client.lifeboat_file().expect("a file");
    for cut in 0..file.len() {
        let is_between_frames = cut == 8;
        assert_eq!(carrier.carry_file(&file[..cut]).is_ok(), is_between_frames);
    }
    for index in 0..file.len() {
        let mut changed = file.clone();
        changed[index] ^= 1;
        let refused = carrier.carry_file(&changed).expect_err("not as it was");
        assert_eq!(refused.advice(), Advice::FixInput);
    }
    assert_eq!(carrier.status().carried, 0);
    assert_eq!(carrier.carry_file(&file).expect("whole"), 1);
    assert_eq!(carrier.carry_file(&file).expect("again"), 0);
}

#[tokio::test]
async fn no_more_than_256_frames_are_carried_and_none_above_64_kib() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    for index in 0..256_u32 {
        client.carry(&index.to_be_bytes()).expect("room");
    }
    assert!(client.carry(b"one more").is_err());
    let (_, other) = enrolled(&desk, 2).await;
    other.carry(&vec![7; 64 * 1_024]).expect("at the limit");
    assert!(other.carry(&vec![7; 64 * 1_024 + 1]).is_err());
    assert!(other.carry(&[]).is_err());
    // What is none is refused by the server, and dropped.
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!(client.status().carried, 0);
}

#[tokio::test]
async fn a_phone_that_lost_its_key_hands_in_what_it_had_written() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    client.check_in(PLACE).expect("synced before");
    client.sync(BUDGET).await.expect("a sync");
    live(&phone, &client, 40);
    let written: Vec<_> = client.attendances();
    drop(client);
    let components = phone.components_on(
        Box::new(phone.storage.clone()),
        Box::new(MemoryKeyStore::new()),
    );
    let client = Client::open(components).expect("it begins anew");
    let status = client.status();
    assert_eq!(status.notice.map(|one| one.kind), Some(NoticeKind::KeyLost));
    assert_eq!(status.carried, 3);
    client
        .enrol(&desk.world.invitation())
        .await
        .expect("the same person");
    client.sync(BUDGET).await.expect("a sync");
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.status().carried, desk.accepted().len()), (0, 81));
    assert_eq!(client.attendances().len(), written.len());
}

#[tokio::test]
async fn the_sealed_outbox_holds_what_is_unconfirmed_and_nothing_else() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let outbox = || {
        phone
            .storage
            .rows()
            .iter()
            .filter(|row| row.key.table == 12)
            .count()
    };
    assert_eq!(outbox(), 0);
    live(&phone, &client, 17);
    assert_eq!(outbox(), 2);
    phone.clock.forward_ms(HOUR_MS);
    client.sync(BUDGET).await.expect("a sync");
    assert_eq!((client.status().pending, outbox()), (0, 0));
}

/// How many check-ins with their proof fit into one code, where this is what happens ahead of each.
async fn fitting_with_proof(at_least: u64, happens: impl Fn(&Phone, u64)) -> u64 {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let mut fitting = 0_u64;
    loop {
        happens(&phone, fitting);
        // A poster's code of 40 characters that say nothing of each other.
        let digest = Sha256::digest([fitting.to_le_bytes()[0]]);
        let code = &data_encoding::BASE32_NOPAD.encode(&digest)[..40];
        client
            .check_in_with_code(PLACE, code.as_bytes())
            .expect("a place that is open");
        let fits = |client: &Client| {
            let frames = client.lifeboat(FRAME_BYTES_MAX).expect("frames");
            frames.len() == 1
        };
        if fitting >= at_least && !fits(&client) {
            assert!(fitting > at_least, "{fitting}");
            return fitting;
        }
        fitting += 1;
    }
}

/// What docs/lifeboat.md says.
#[tokio::test]
async fn so_many_check_ins_with_their_proof_fit_into_one_qr_code() {
    let a_day_later = |phone: &Phone, _| phone.clock.forward_ms(DAY_MS);
    let fitting = fitting_with_proof(90, a_day_later).await;
    assert!((90..110).contains(&fitting), "{fitting}");
    let in_boots = fitting_with_proof(60, reboot).await;
    assert!((60..80).contains(&in_boots), "{in_boots}");
}

/// What comes before it may never arrive: a writer that is lost.
#[tokio::test]
async fn a_frame_that_can_not_be_taken_yet_waits_longer_each_time() {
    let desk = Arc::new(Desk::new());
    let (_, client) = enrolled(&desk, 1).await;
    let (phone, carrier) = enrolled(&desk, 2).await;
    client.check_in(PLACE).expect("a place that is open");
    let frame = client.lifeboat(FRAME_BYTES_MAX).expect("frames").remove(0);
    carrier.carry(&frame).expect("room");
    let mut waits = Vec::new();
    for _ in 0..12 {
        desk.disturb(Disturbance::FrameLater);
        carrier.sync(BUDGET).await.expect("a sync");
        let now = phone.clock.read().wall;
        let next = phone.open().status().next_attempt.expect("it waits");
        waits.push(next.saturating_ms_since(now));
        // A sync in between takes no frame with it.
        carrier.sync(BUDGET).await.expect("a sync");
        let last = desk.requests().pop().expect("a request");
        assert!(last.carried_frames.is_empty());
        phone.clock.forward_ms(next.saturating_ms_since(now));
    }
    assert!((30_000..=38_000).contains(&waits[0]), "{waits:?}");
    assert!(
        waits[11] >= 6 * HOUR_MS && waits[11] <= 8 * HOUR_MS,
        "{waits:?}"
    );
    // A frame that comes anew goes at once.
    client.add_favourite(PLACE).expect("written");
    let other = client.lifeboat(FRAME_BYTES_MAX).expect("frames").remove(0);
    desk.disturb(Disturbance::FrameLater);
    carrier.sync(BUDGET).await.expect("a sync");
    carrier.carry(&other).expect("room");
    assert_eq!(carrier.status().next_attempt, Some(phone.clock.read().wall));
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(carrier.status().carried, 1);
    // A clock that goes back makes nothing wait for it.
    phone.clock.jump_ms(-400 * DAY_MS);
    carrier.sync(BUDGET).await.expect("a sync");
    assert_eq!(carrier.status().carried, 0);
}

/// A boot's time is learned by an exchange that brings nothing home.
#[tokio::test]
async fn the_sealed_outbox_tells_what_an_exchange_tied_since() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    phone.clock.reboot(2);
    client.check_in(PLACE).expect("a place that is open");
    // Refused for its credential's time, which tells the server's; then the line breaks.
    desk.disturb(Disturbance::Stale);
    desk.disturb(Disturbance::RequestLost);
    client.sync(BUDGET).await.expect_err("no answer");
    assert_eq!(client.status().pending, 1);
    let rows = phone.storage.clone().load().expect("rows");
    let outbox = rows.iter().filter(|row| row.key.table == OUTBOX);
    let boots: Vec<u64> = outbox
        .flat_map(|row| boots_in(&desk, &row.sealed))
        .collect();
    assert_eq!(boots, [2]);
}

/// The boots that a frame tells of.
fn boots_in(desk: &Desk, frame: &[u8]) -> Vec<u64> {
    let frame = askel_sync::lifeboat::open(&desk.world.ingest, desk.world.tenant, frame);
    let boots = frame.expect("sealed to the desk").boots;
    boots.iter().map(|boot| boot.boot_id).collect()
}

/// A server reads no more of one frame.
#[tokio::test]
async fn what_more_boots_wrote_than_a_frame_tells_of_goes_in_two() {
    let desk = Arc::new(Desk::new());
    let (phone, client) = enrolled(&desk, 1).await;
    let boots = u64::try_from(BOOTS_TOLD_MAX).expect("few") + 2;
    for boot in 2..2 + boots {
        phone.clock.reboot(boot);
        phone.clock.forward_ms(HOUR_MS);
        client.check_in(PLACE).expect("a place that is open");
        // The server's time is told, and nothing brought home.
        desk.disturb(Disturbance::Stale);
        desk.disturb(Disturbance::RequestLost);
        client.sync(BUDGET).await.expect_err("no answer");
    }
    let frames = client.lifeboat(CARRIED_FRAME_BYTES_MAX).expect("frames");
    let told: Vec<Vec<u64>> = frames.iter().map(|frame| boots_in(&desk, frame)).collect();
    assert!(told.iter().all(|one| one.len() <= BOOTS_TOLD_MAX));
    assert_eq!(told.concat(), (2..2 + boots).collect::<Vec<u64>>());
}
