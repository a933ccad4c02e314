//! Which writes share a transaction: a pure machine, told the time.
//!
//! One bounded queue a tenant, one transaction under way a tenant, tenants in turn. A tenant's
//! queue is ripe when it holds enough ops or its oldest item has waited long enough; while a
//! transaction is under way, whatever arrives waits and goes together in the next. Where much
//! arrives, a tenant's transactions begin no closer together than its pace: one for several costs
//! little more than one for each.

use std::{
    collections::{BTreeMap, VecDeque},
    time::Duration,
};

use askel_sync::id::TenantId;

/// The bounds of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct BatchLimits {
    /// Ops in one group, unless its first item alone has more.
    pub(crate) ops_max: usize,
    /// How long an item waits for company.
    pub(crate) wait: Duration,
    /// Between the beginnings of a tenant's groups, unless one is full.
    pub(crate) pace: Duration,
    /// Ops waiting in one queue.
    pub(crate) queue_ops_max: usize,
    /// Groups under way.
    pub(crate) groups_max: usize,
}

/// A queue has no room.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct QueueFull<T>(pub(crate) T);

/// The machine. Items are opaque; each has a number of ops.
#[derive(Debug)]
pub(crate) struct Batching<T> {
    limits: BatchLimits,
    queues: BTreeMap<TenantId, Queue<T>>,
    /// Tenants with waiting items and nothing under way, in turn.
    turns: VecDeque<TenantId>,
    /// Until when a tenant begins no group that is not full.
    resting: BTreeMap<TenantId, Duration>,
    under_way: usize,
}

#[derive(Debug)]
struct Queue<T> {
    items: VecDeque<Item<T>>,
    ops: usize,
    under_way: bool,
}

#[derive(Debug)]
struct Item<T> {
    ops: usize,
    since: Duration,
    what: T,
}

impl<T> Batching<T> {
    pub(crate) fn new(limits: BatchLimits) -> Self {
        Self {
            limits,
            queues: BTreeMap::new(),
            turns: VecDeque::new(),
            resting: BTreeMap::new(),
            under_way: 0,
        }
    }

    /// Queues an item at the time `now`.
    ///
    /// # Errors
    /// [`QueueFull`] gives the item back when the tenant's queue has no room for its ops.
    pub(crate) fn offer(
        &mut self,
        tenant: TenantId,
        ops: usize,
        item: T,
        now: Duration,
    ) -> Result<(), QueueFull<T>> {
        let queue = self.queues.entry(tenant).or_insert_with(Queue::new);
        let waiting = queue.ops.saturating_add(ops);
        if waiting > self.limits.queue_ops_max {
            return Err(QueueFull(item));
        }
        if queue.items.is_empty() && !queue.under_way {
            self.turns.push_back(tenant);
        }
        queue.ops = waiting;
        queue.items.push_back(Item {
            ops,
            since: now,
            what: item,
        });
        Ok(())
    }

    /// The next ripe group, if one may start now. Answer with [`Self::finished`].
    pub(crate) fn take(&mut self, now: Duration) -> Option<(TenantId, Vec<T>)> {
        if self.under_way >= self.limits.groups_max {
            return None;
        }
        self.resting.retain(|_, until| *until > now);
        let limits = self.limits;
        let ripe = |tenant: &TenantId| {
            let rests = self.resting.contains_key(tenant);
            let queue = self.queues.get(tenant);
            queue.is_some_and(|queue| {
                queue.is_full(limits) || (!rests && queue.has_waited(limits, now))
            })
        };
        let turn = self.turns.iter().position(ripe)?;
        let tenant = self.turns.remove(turn)?;
        let queue = self.queues.get_mut(&tenant)?;
        queue.under_way = true;
        self.under_way = self.under_way.saturating_add(1);
        let until = now.saturating_add(limits.pace);
        self.resting.insert(tenant, until);
        Some((tenant, queue.take(limits.ops_max)))
    }

    /// A group is done; its tenant waits for its turn again.
    pub(crate) fn finished(&mut self, tenant: TenantId) {
        let Some(queue) = self.queues.get_mut(&tenant).filter(|queue| queue.under_way) else {
            return;
        };
        queue.under_way = false;
        self.under_way = self.under_way.saturating_sub(1);
        if queue.items.is_empty() {
            self.queues.remove(&tenant);
        } else {
            self.turns.push_back(tenant);
        }
    }

    /// When [`Self::take`] will next have a group though nothing else happens.
    pub(crate) fn due(&self) -> Option<Duration> {
        if self.under_way >= self.limits.groups_max {
            return None;
        }
        let oldest = |tenant: &TenantId| {
            let item = self.queues.get(tenant)?.items.front()?;
            let rested = self.resting.get(tenant).copied().unwrap_or_default();
            Some(item.since.saturating_add(self.limits.wait).max(rested))
        };
        self.turns.iter().filter_map(oldest).min()
    }

    /// Whether nothing waits and nothing is under way.
    pub(crate) fn is_idle(&self) -> bool {
        self.queues.is_empty()
    }
}

impl<T> Queue<T> {
    fn new() -> Self {
        Self {
            items: VecDeque::new(),
            ops: 0,
            under_way: false,
        }
    }

    fn is_full(&self, limits: BatchLimits) -> bool {
        self.ops >= limits.ops_max
    }

    fn has_waited(&self, limits: BatchLimits, now: Duration) -> bool {
        let first = self.items.front();
        first.is_some_and(|first| now.saturating_sub(first.since) >= limits.wait)
    }

    fn take(&mut self, ops_max: usize) -> Vec<T> {
        let mut taken = Vec::new();
        let mut room = ops_max;
        while let Some(first) = self.items.front() {
            if first.ops > room && !taken.is_empty() {
                break;
            }
            room = room.saturating_sub(first.ops);
            self.ops = self.ops.saturating_sub(first.ops);
            taken.extend(self.items.pop_front().map(|item| item.what));
        }
        taken
    }
}

#[cfg(test)]
mod tests;
