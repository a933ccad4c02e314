//! Facts about the batching machine, and a property over random histories.

use super::*;

const A: TenantId = TenantId::from_bytes([1; 16]);
const B: TenantId = TenantId::from_bytes([2; 16]);
const LIMITS: BatchLimits = BatchLimits {
    ops_max: 10,
    wait: Duration::from_millis(2),
    pace: Duration::from_millis(5),
    queue_ops_max: 30,
    groups_max: 2,
};

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[test]
fn an_item_waits_for_company_and_no_longer() {
    let mut machine = Batching::new(LIMITS);
    machine.offer(A, 1, "first", ms(0)).expect("room");
    machine.offer(A, 1, "second", ms(1)).expect("room");
    assert_eq!(machine.due(), Some(ms(2)));
    assert_eq!(machine.take(ms(1)), None);
    assert_eq!(machine.take(ms(2)), Some((A, vec!["first", "second"])));
}

#[test]
fn enough_ops_go_at_once_and_an_item_is_never_split() {
    let mut machine = Batching::new(LIMITS);
    machine.offer(A, 6, "six", ms(0)).expect("room");
    machine.offer(A, 6, "six more", ms(0)).expect("room");
    assert_eq!(machine.take(ms(0)), Some((A, vec!["six"])));
    machine.finished(A);
    machine.offer(A, 12, "twelve", ms(0)).expect("room");
    assert_eq!(machine.take(ms(5)), Some((A, vec!["six more"])));
    machine.finished(A);
    assert_eq!(machine.take(ms(5)), Some((A, vec!["twelve"])));
}

#[test]
fn one_group_a_tenant_is_under_way_and_the_next_takes_all_that_came_meanwhile() {
    let mut machine = Batching::new(LIMITS);
    machine.offer(A, 10, 1, ms(0)).expect("room");
    assert!(machine.take(ms(0)).is_some());
    machine.offer(A, 2, 2, ms(0)).expect("room");
    machine.offer(A, 3, 3, ms(1)).expect("room");
    assert_eq!(machine.take(ms(9)), None);
    assert_eq!(machine.due(), None);
    machine.finished(A);
    assert_eq!(machine.take(ms(9)), Some((A, vec![2, 3])));
}

#[test]
fn a_tenants_groups_begin_no_closer_together_than_its_pace_unless_one_is_full() {
    let mut machine = Batching::new(LIMITS);
    machine.offer(A, 1, 1, ms(0)).expect("room");
    assert_eq!(machine.take(ms(2)), Some((A, vec![1])));
    machine.finished(A);
    machine.offer(A, 1, 2, ms(3)).expect("room");
    machine.offer(B, 1, 3, ms(3)).expect("room");
    assert_eq!(machine.take(ms(5)), Some((B, vec![3])), "B rests not");
    assert_eq!(machine.due(), Some(ms(7)));
    assert_eq!(machine.take(ms(6)), None);
    assert_eq!(machine.take(ms(7)), Some((A, vec![2])));
    machine.finished(A);
    machine.offer(A, 10, 4, ms(8)).expect("room");
    assert_eq!(machine.take(ms(8)), Some((A, vec![4])), "a full one");
    machine.finished(A);
    machine.offer(A, 1, 5, ms(20)).expect("room");
    assert_eq!(machine.take(ms(22)), Some((A, vec![5])), "long rested");
}

#[test]
fn a_busy_tenant_does_not_keep_another_waiting() {
    let mut machine = Batching::new(BatchLimits {
        groups_max: 1,
        ..LIMITS
    });
    for item in 0..3 {
        machine.offer(A, 10, item, ms(0)).expect("room");
    }
    machine.offer(B, 1, 9, ms(0)).expect("room");
    assert_eq!(machine.take(ms(5)), Some((A, vec![0])));
    assert_eq!(machine.take(ms(5)), None);
    machine.finished(A);
    assert_eq!(machine.take(ms(5)), Some((B, vec![9])));
}

#[test]
fn a_queue_is_full_at_its_bound_and_gives_the_item_back() {
    let mut machine = Batching::new(LIMITS);
    machine
        .offer(A, 30, "all there is room for", ms(0))
        .expect("room");
    assert_eq!(
        machine.offer(A, 1, "one more", ms(0)),
        Err(QueueFull("one more"))
    );
    machine
        .offer(B, 1, "of another tenant", ms(0))
        .expect("room");
}

/// A small generator of numbers, so that the history below is the same in every run.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33).checked_rem(end).expect("not 0")
    }
}

#[test]
fn every_item_comes_out_once_in_its_tenants_order_within_the_bounds() {
    for seed in 0..200 {
        let mut numbers = Numbers(seed);
        let mut machine = Batching::new(LIMITS);
        let (mut offered, mut taken) = ([0_u64; 2], [0_u64; 2]);
        let mut under_way: Vec<TenantId> = Vec::new();
        for step in 0..300 {
            let now = ms(step);
            let tenant = [A, B][usize::try_from(numbers.below(2)).expect("small")];
            let lane = usize::from(tenant == B);
            if numbers.below(3) > 0 && step < 250 {
                let ops = usize::try_from(numbers.below(12)).expect("small");
                if machine.offer(tenant, ops, offered[lane], now).is_ok() {
                    offered[lane] += 1;
                }
            }
            if let Some((tenant, items)) = machine.take(now) {
                assert!(!under_way.contains(&tenant) && under_way.len() < LIMITS.groups_max);
                under_way.push(tenant);
                let lane = usize::from(tenant == B);
                for item in items {
                    assert_eq!(item, taken[lane], "seed {seed}");
                    taken[lane] += 1;
                }
            }
            if numbers.below(2) == 0
                && let Some(tenant) = under_way.pop()
            {
                machine.finished(tenant);
            }
        }
        while let Some(tenant) = under_way.pop() {
            machine.finished(tenant);
        }
        while let Some((tenant, items)) = machine.take(ms(1_000)) {
            taken[usize::from(tenant == B)] += items.len() as u64;
            machine.finished(tenant);
        }
        assert_eq!(offered, taken, "seed {seed}");
        assert!(machine.is_idle(), "seed {seed}");
    }
}
