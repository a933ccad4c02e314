//! A scanner at a door: its days are listed in few bytes, its clock is told once, and what it said
//! itself is not told back to it in full.

use askel_proto::v1;
use askel_server::clock::Clock as _;
use askel_sync::{
    admission::{AdmittedOp, Role},
    frame::{BatchHints, Chain, FrameLimits, LogRef, encode_batch},
    id::{PassTag, PlaceId, StreamId},
    limits::PAYLOAD_BYTES_MAX,
    log::Batch,
    op::{Op, OpKind},
    page::{PageSpan, digest},
    short::{ShortBatch, ShortPage},
    stream::{
        listed::{ListedDay, day_handle, to_numbers},
        short::{SealedHead, state_tag},
    },
    time::{ClockSegment, LocalDate, Timestamp},
};
use prost::Message as _;
use tonic::Code;

use crate::{
    acts,
    catalog::{BASEMENT, LIBRARY},
    device::{Answer, Device},
    world::{NOON, World, refused},
};

/// The day of [`NOON`].
const TODAY: LocalDate = LocalDate::from_days(16_903);
const SEGMENT: ClockSegment = ClockSegment {
    boot_id: 7,
    wall_minus_monotonic_ms: 1_460_000_000_000,
};
const LIMITS: FrameLimits = FrameLimits {
    ops_max: 1_000,
    bytes_max: 1_000 * PAYLOAD_BYTES_MAX,
};

/// Whether a request says what its device's clock says.
#[derive(Clone, Copy)]
enum Clock {
    Told,
    Remembered,
}

/// A scanner's database.
struct Scanner {
    device: Device,
    handles: Vec<StreamId>,
    positions: Vec<u64>,
    limits_revision: u32,
    days: Vec<ListedDay>,
    /// What it holds of each day.
    held: Vec<Vec<AdmittedOp>>,
    written: Vec<Op>,
}

impl Scanner {
    async fn at(world: &World, places: &[u32]) -> Self {
        let mut device = world.enrolled(Role::Staff, places).await;
        let read = device.sync(world).await;
        device.has_codec = true;
        let streams = &read.opening.streams;
        let id = |info: &v1::StreamInfo| StreamId::try_from(&*info.stream_id).expect("an id");
        Self {
            device,
            handles: streams.iter().map(id).collect(),
            positions: streams.iter().map(|info| info.head).collect(),
            limits_revision: read.opening.limits.expect("told").revision,
            days: Vec::new(),
            held: Vec::new(),
            written: Vec::new(),
        }
    }

    fn follow(&mut self, place: u32, date: LocalDate) {
        self.days.push(ListedDay {
            place: PlaceId::new(place),
            date,
            position: 0,
        });
        self.held.push(Vec::new());
    }

    fn handle(&self, day: &ListedDay) -> StreamId {
        // A staff device follows its own stream and the catalog's.
        day_handle(self.handles[1], day.place, day.date)
    }

    fn write(&mut self, pass: PassTag, place: u32, at: Timestamp) -> Batch {
        let mut batch = self.device.write(&[acts::scan(place, pass, at)]);
        batch.clock_segment = SEGMENT;
        self.written.extend(batch.ops.clone());
        batch
    }

    /// As it is sent: beside the clock, or after what was sent before.
    fn short(&self, batch: &Batch, segment: ClockSegment, clock: Clock) -> Vec<u8> {
        let sealed = self.device.seal(batch);
        let before = self.written.len() - batch.ops.len();
        let (context, wall) = match clock {
            Clock::Told => (&[][..], self.device.now),
            Clock::Remembered => (&self.written[..before], Timestamp::from_ms(0)),
        };
        let hints = BatchHints {
            tenant: self.device.tenant,
            device: self.device.id,
            log: batch.log,
            clock_segment: segment,
            wall,
        };
        let columns = encode_batch(context, &hints, LogRef::Full(batch.log), &sealed.batch);
        ShortBatch {
            signature: (*sealed.signature).try_into().expect("64 bytes"),
            context_ops: u32::try_from(context.len()).expect("few"),
            context_first_sequence: 0,
            columns: columns.expect("in form"),
        }
        .to_bytes()
    }

    fn request(&self, short_batches: Vec<Vec<u8>>, clock: Option<ClockSegment>) -> v1::SyncRequest {
        let begun = self.days.iter().filter(|day| day.position > 0);
        let handles: Vec<StreamId> = self
            .handles
            .iter()
            .copied()
            .chain(begun.map(|day| self.handle(day)))
            .collect();
        let head = self.written.last().map(|op| SealedHead {
            log: self.device.log,
            next_sequence: self.device.next,
            last_op: op.id(),
        });
        v1::SyncRequest {
            short_batches,
            positions: self.positions.clone(),
            place_days: to_numbers(&self.days),
            state_tag: state_tag(&handles, head.as_ref(), self.limits_revision),
            client_clock: clock.map(|segment| v1::ClientClock {
                wall_ms: self.device.now.as_ms(),
                segment: Some(v1::ClockSegment {
                    boot_id: segment.boot_id,
                    wall_minus_monotonic_ms: segment.wall_minus_monotonic_ms,
                }),
            }),
            ..v1::SyncRequest::default()
        }
    }

    /// Takes a short page in, as a reader does.
    fn take(&mut self, world: &World, page: &ShortPage) -> Vec<AdmittedOp> {
        let index = usize::try_from(page.stream_index).expect("small") - 1 - self.positions.len();
        let mut chain = Chain::new(world.tenant.id);
        let own = usize::try_from(page.reader_context / 2).expect("small");
        chain.learn_unjudged(&self.written[self.written.len() - own..]);
        if page.reader_context % 2 == 1 {
            let mut before = self.held[..=index].iter().rev();
            let neighbour = before.find_map(|held| held.last());
            chain.learn([neighbour.expect("something held")]);
        }
        let ops = chain.decode(&|_| None, &page.columns, LIMITS);
        let ops = ops.expect("readable");
        let day = &mut self.days[index];
        let span = PageSpan {
            stream: day_handle(self.handles[1], day.place, day.date),
            first_position: day.position + 1,
            next_position: day.position + u64::try_from(ops.len()).expect("few"),
        };
        let digest = digest(world.tenant.id, &span, &ops);
        assert!(world.tenant.server.page_mac().verifies(&digest, &page.mac));
        day.position = span.next_position;
        self.held[index].extend(ops.clone());
        ops
    }

    async fn send(&self, world: &World, request: v1::SyncRequest) -> Answer {
        self.device.send(world, request).await.expect("synced")
    }
}

async fn pass(world: &World) -> PassTag {
    let participant = world.enrolled(Role::Participant, &[]).await;
    participant.pass.expect("a participant has a pass")
}

fn is_all_said(answer: &Answer) {
    assert!(!answer.closing.long_form_wanted, "{answer:?}");
    assert_eq!(answer.outcomes, [], "accepted");
    assert_eq!(answer.opening, v1::SyncOpening::default());
    assert_eq!(answer.pages, []);
}

async fn what_a_scanner_said_itself_comes_back_in_few_bytes(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    let mut scanner = Scanner::at(&world, &[LIBRARY, BASEMENT]).await;
    scanner.follow(LIBRARY, TODAY);
    let batch = scanner.write(pass, LIBRARY, NOON);
    let batches = vec![scanner.short(&batch, SEGMENT, Clock::Told)];
    let request = scanner.request(batches, Some(SEGMENT));
    let answer = scanner.send(&world, request).await;
    is_all_said(&answer);
    let [page] = answer.short_pages.as_slice() else {
        panic!("{answer:?}")
    };
    let seen = scanner.take(&world, page);
    assert_eq!(seen.len(), 1);
    assert_eq!(seen[0].op.kind, OpKind::PassSeen as u32);
    // The next one, at another place, refers to the server's log by what is held of the first.
    scanner.follow(BASEMENT, TODAY);
    let later = NOON.saturating_add_ms(60_000);
    let batch = scanner.write(pass, BASEMENT, later);
    // The clock was told, and is not told again, whatever the time is.
    world.clock.set(Some(NOON.saturating_add_ms(61_234)));
    let short = scanner.short(&batch, SEGMENT, Clock::Remembered);
    let request = scanner.request(vec![short], None);
    let answer = scanner.send(&world, request).await;
    is_all_said(&answer);
    let [page] = answer.short_pages.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(page.reader_context, 2 * 2 + 1);
    assert!(page.columns.len() < 32, "{} bytes", page.columns.len());
    let seen = scanner.take(&world, page);
    assert_eq!(seen[0].admission.received_at, world.clock.now());
    // Nothing new is nothing, whatever is listed.
    let answer = scanner
        .send(&world, scanner.request(Vec::new(), None))
        .await;
    is_all_said(&answer);
    assert_eq!(answer.parts, 1);
}

/// Only the sum at the end of a day tells that both sides meant the same ops of the reader's.
async fn a_day_of_more_than_a_page_refers_to_nothing_its_reader_said(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    let mut other = Scanner::at(&world, &[LIBRARY]).await;
    let before = |count: i64| NOON.saturating_add_ms(-count * 1_000);
    let batches: Vec<_> = (1..=30)
        .map(|second| other.write(pass, LIBRARY, before(second)))
        .collect();
    let sealed = batches
        .iter()
        .map(|batch| other.device.seal(batch))
        .collect();
    let handed_in = other
        .device
        .send(&world, other.device.request(sealed))
        .await;
    assert_eq!(handed_in.expect("synced").outcome().settled_before, 30);
    let mut scanner = Scanner::at(&world, &[LIBRARY]).await;
    scanner.follow(LIBRARY, TODAY);
    let batch = scanner.write(pass, LIBRARY, NOON);
    let batches = vec![scanner.short(&batch, SEGMENT, Clock::Told)];
    let small = v1::SyncRequest {
        page_bytes_max: 200,
        ..scanner.request(batches, Some(SEGMENT))
    };
    let answer = scanner.send(&world, small).await;
    assert!(!answer.closing.long_form_wanted, "{answer:?}");
    let contexts = answer.pages.iter().map(|page| page.reader_context);
    let contexts: Vec<u32> = contexts.collect();
    assert!(contexts.len() > 1, "{answer:?}");
    assert!(contexts.iter().all(|context| *context == 0), "{contexts:?}");
    // All of it in one page refers to what the reader said.
    let answer = scanner
        .send(&world, scanner.request(Vec::new(), None))
        .await;
    let [page] = answer.short_pages.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!(page.reader_context, 2);
    assert_eq!(scanner.take(&world, page).len(), 31);
}

async fn who_remembers_another_clock_wants_the_batch_in_plain(world: World) {
    world.organised().await;
    let pass = pass(&world).await;
    let mut scanner = Scanner::at(&world, &[LIBRARY]).await;
    let batch = scanner.write(pass, LIBRARY, NOON);
    let short = scanner.short(&batch, SEGMENT, Clock::Told);
    // Nothing is remembered yet.
    let answer = scanner
        .send(&world, scanner.request(vec![short.clone()], None))
        .await;
    assert!(answer.outcome().plain_wanted, "{answer:?}");
    let told = scanner.request(vec![short.clone()], Some(SEGMENT));
    is_all_said(&scanner.send(&world, told).await);
    // A copy of this database spoke meanwhile, from another boot.
    let other = ClockSegment {
        boot_id: 8,
        ..SEGMENT
    };
    // What brings nothing new writes nothing.
    let repeated = scanner.request(vec![scanner.short(&batch, other, Clock::Told)], Some(other));
    is_all_said(&scanner.send(&world, repeated).await);
    let untold = scanner.short(&batch, SEGMENT, Clock::Remembered);
    let as_before = scanner.request(vec![untold], None);
    is_all_said(&scanner.send(&world, as_before).await);
    let mut by_the_copy = scanner.device.write(&[acts::scan(LIBRARY, pass, NOON)]);
    by_the_copy.clock_segment = other;
    scanner.written.extend(by_the_copy.ops.clone());
    let short = scanner.short(&by_the_copy, other, Clock::Told);
    let by_the_copy = scanner.request(vec![short], Some(other));
    is_all_said(&scanner.send(&world, by_the_copy).await);
    let batch = scanner.write(pass, LIBRARY, NOON);
    let short = scanner.short(&batch, SEGMENT, Clock::Remembered);
    let answer = scanner
        .send(&world, scanner.request(vec![short], None))
        .await;
    assert!(answer.outcome().plain_wanted, "{answer:?}");
}

async fn days_that_are_not_the_callers_or_not_so_far_are_asked_for_in_full(world: World) {
    world.organised().await;
    let mut scanner = Scanner::at(&world, &[LIBRARY]).await;
    scanner.follow(LIBRARY, TODAY);
    let fits = scanner.request(Vec::new(), None);
    is_all_said(&scanner.send(&world, fits.clone()).await);
    let elsewhere = ListedDay {
        place: PlaceId::new(BASEMENT),
        date: TODAY,
        position: 0,
    };
    let ahead = ListedDay {
        position: 1,
        ..scanner.days[0]
    };
    for days in [vec![elsewhere], vec![ahead]] {
        let request = v1::SyncRequest {
            place_days: to_numbers(&days),
            ..fits.clone()
        };
        let answer = scanner.send(&world, request).await;
        assert!(answer.closing.long_form_wanted, "{days:?}");
    }
    let uneven = v1::SyncRequest {
        place_days: vec![1, 2],
        ..fits.clone()
    };
    let unreadable = v1::SyncRequest {
        short_batches: vec![vec![1; 20]],
        ..fits
    };
    for (request, field) in [(uneven, "place_days"), (unreadable, "short_batches")] {
        assert!(request.encoded_len() > 0);
        let refusal = scanner.device.send(&world, request).await;
        let status = refusal.expect_err(field);
        refused(&status, Code::InvalidArgument, "FIELD_INVALID");
    }
}

on_both_stores!(
    what_a_scanner_said_itself_comes_back_in_few_bytes,
    a_day_of_more_than_a_page_refers_to_nothing_its_reader_said,
    who_remembers_another_clock_wants_the_batch_in_plain,
    days_that_are_not_the_callers_or_not_so_far_are_asked_for_in_full,
);
