//! Some days of a phone, and that all of it is settled.

use askel_client_sdk::{Client, StepReading};
use askel_proto::v1::Measure;
use askel_sync::{
    id::{AwardId, StepSourceId},
    time::DAY_MS,
};

use super::{Desk, PLACE, Phone, TUESDAY_NOON};

pub(crate) const SOURCE: StepSourceId = StepSourceId::from_bytes([5; 16]);

/// Five days with a check-in and steps each.
pub(crate) fn live_five_days(phone: &Phone, client: &Client) {
    for day in 1..=5 {
        phone.clock.forward_ms(DAY_MS);
        client.check_in(PLACE).expect("a place that is open");
        let at = TUESDAY_NOON.saturating_add_ms(day * DAY_MS);
        let reading = [StepReading { at, count: 3_000 }];
        client
            .record_steps(SOURCE, Measure::Steps, &reading)
            .expect("recorded");
    }
}

pub(crate) fn assert_all_settled(desk: &Desk, client: &Client) {
    assert_eq!(client.status().pending, 0);
    let person = client
        .enrolled()
        .and_then(|enrolled| enrolled.participant)
        .expect("a person");
    let on_the_desk = desk.participant(person);
    assert_eq!(on_the_desk.attendances().len(), client.attendances().len());
    assert_eq!(
        on_the_desk.day_steps(Measure::Steps),
        client.day_steps(Measure::Steps)
    );
    let confirmed: Vec<AwardId> = on_the_desk.confirmed().map(|one| one.award).collect();
    let mut shown: Vec<AwardId> = client.awards().iter().map(|award| award.id).collect();
    shown.sort_unstable();
    assert_eq!(confirmed, shown);
    let mut accepted = desk.accepted();
    accepted.sort_unstable();
    let all = accepted.len();
    accepted.dedup();
    assert_eq!(accepted.len(), all, "an op was accepted twice");
}
