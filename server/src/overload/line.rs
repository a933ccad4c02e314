//! Who is served next: a pure machine.
//!
//! So much may be under way, by cost; more waits in one line of bounded length, tenants in turn and in each
//! tenant devices in turn, so that nobody's crowd is anybody else's wait. When the line is full, whoever
//! has most waiting gives way to who has less.

use std::collections::{BTreeMap, HashMap, VecDeque};

use askel_sync::id::{DeviceId, TenantId};

/// What a line takes on at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bounds {
    /// What may be under way, by cost.
    pub(crate) under_way: u32,
    /// Who may wait.
    pub(crate) waiting: usize,
    /// Who may wait of one device.
    pub(crate) waiting_of_device: usize,
}

/// Whose call it is, as it claims itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Whose {
    pub(crate) tenant: TenantId,
    pub(crate) device: DeviceId,
}

/// What becomes of a call that comes.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Entered<T> {
    /// It may begin.
    Begins,
    /// It waits at this place; for that, another may have to give way.
    Waits {
        /// For [`Line::give_up`].
        place: u64,
        /// Who is refused instead.
        displaced: Option<T>,
    },
    /// There is no room.
    Refused,
}

/// The line. What waits is opaque.
#[derive(Debug)]
pub(crate) struct Line<T> {
    bounds: Bounds,
    under_way: u32,
    waiting: usize,
    next_place: u64,
    tenants: HashMap<TenantId, OfTenant<T>>,
    /// Tenants with someone waiting, in turn.
    turns: VecDeque<TenantId>,
    places: BTreeMap<u64, Whose>,
}

#[derive(Debug)]
struct OfTenant<T> {
    devices: HashMap<DeviceId, VecDeque<Waiting<T>>>,
    /// Devices with a call waiting, in turn.
    turns: VecDeque<DeviceId>,
    waiting: usize,
}

#[derive(Debug)]
struct Waiting<T> {
    place: u64,
    cost: u32,
    what: T,
}

impl<T> Line<T> {
    pub(crate) fn new(bounds: Bounds) -> Self {
        Self {
            bounds,
            under_way: 0,
            waiting: 0,
            next_place: 0,
            tenants: HashMap::new(),
            turns: VecDeque::new(),
            places: BTreeMap::new(),
        }
    }

    /// What a call may cost at most: one never keeps all others out.
    pub(crate) fn bounded(&self, cost: u32) -> u32 {
        cost.clamp(1, (self.bounds.under_way / 4).max(1))
    }

    /// Whether [`Self::enter`] would refuse a call, however little it costs.
    pub(crate) fn refuses(&self, whose: Whose) -> bool {
        !self.may_begin(1) && self.has_no_place(whose)
    }

    fn may_begin(&self, cost: u32) -> bool {
        self.waiting == 0 && self.fits(cost)
    }

    fn has_no_place(&self, whose: Whose) -> bool {
        let of_device = self.waiting_of_device(whose);
        of_device >= self.bounds.waiting_of_device
            || (self.waiting >= self.bounds.waiting && self.who_gives_way(whose).is_none())
    }

    /// A call comes. Its cost is [bounded](Self::bounded).
    pub(crate) fn enter(&mut self, whose: Whose, cost: u32, what: T) -> Entered<T> {
        if self.may_begin(cost) {
            self.under_way = self.under_way.saturating_add(cost);
            return Entered::Begins;
        }
        if self.has_no_place(whose) {
            return Entered::Refused;
        }
        let displaced = if self.waiting >= self.bounds.waiting {
            self.who_gives_way(whose)
                .and_then(|other| self.take_last(other))
        } else {
            None
        };
        let place = self.next_place;
        self.next_place = place.saturating_add(1);
        self.wait(whose, Waiting { place, cost, what });
        Entered::Waits { place, displaced }
    }

    /// Whoever waited at a place does so no more; `false` when its turn had come.
    pub(crate) fn give_up(&mut self, place: u64) -> bool {
        let Some(whose) = self.places.get(&place).copied() else {
            return false;
        };
        let of_device = self
            .tenants
            .get(&whose.tenant)
            .and_then(|tenant| tenant.devices.get(&whose.device));
        let at = of_device.and_then(|calls| calls.iter().position(|call| call.place == place));
        at.is_some_and(|at| self.remove(whose, at).is_some())
    }

    /// A call of this cost is over.
    pub(crate) fn done(&mut self, cost: u32) {
        self.under_way = self.under_way.saturating_sub(cost);
    }

    /// Who may begin now, and its cost.
    pub(crate) fn begin(&mut self) -> Option<(T, u32)> {
        let tenant = *self.turns.front()?;
        let of_tenant = self.tenants.get(&tenant)?;
        let device = *of_tenant.turns.front()?;
        let whose = Whose { tenant, device };
        let cost = of_tenant.devices.get(&device)?.front()?.cost;
        if !self.fits(cost) {
            return None;
        }
        let call = self.remove(whose, 0)?;
        self.under_way = self.under_way.saturating_add(cost);
        self.goes_to_the_end(whose);
        Some((call.what, cost))
    }

    fn fits(&self, cost: u32) -> bool {
        let with_it = self.under_way.saturating_add(cost);
        self.under_way == 0 || with_it <= self.bounds.under_way
    }

    fn waiting_of(&self, tenant: TenantId) -> usize {
        self.tenants.get(&tenant).map_or(0, |tenant| tenant.waiting)
    }

    fn waiting_of_device(&self, whose: Whose) -> usize {
        let devices = self
            .tenants
            .get(&whose.tenant)
            .map(|tenant| &tenant.devices);
        let calls = devices.and_then(|devices| devices.get(&whose.device));
        calls.map_or(0, VecDeque::len)
    }

    /// Whose last call makes room for one of `whose`: of the tenant that has most waiting, if that is
    /// more than this tenant would have; else of this tenant's device that has.
    fn who_gives_way(&self, whose: Whose) -> Option<Whose> {
        let (most, waiting) = self
            .tenants
            .iter()
            .map(|(tenant, of)| (*tenant, of.waiting))
            .max_by_key(|(_, waiting)| *waiting)?;
        let own = self.waiting_of(whose.tenant);
        if waiting > own.saturating_add(1) {
            let device = self.tenants.get(&most)?.longest()?.0;
            return Some(Whose {
                tenant: most,
                device,
            });
        }
        let (device, waiting) = self.tenants.get(&whose.tenant)?.longest()?;
        let more = waiting > self.waiting_of_device(whose).saturating_add(1);
        more.then_some(Whose { device, ..whose })
    }

    fn take_last(&mut self, whose: Whose) -> Option<T> {
        let last = self.waiting_of_device(whose).checked_sub(1)?;
        self.remove(whose, last).map(|call| call.what)
    }

    fn wait(&mut self, whose: Whose, call: Waiting<T>) {
        self.places.insert(call.place, whose);
        self.waiting = self.waiting.saturating_add(1);
        let of_tenant = self.tenants.entry(whose.tenant).or_insert_with(|| {
            self.turns.push_back(whose.tenant);
            OfTenant::new()
        });
        of_tenant.waiting = of_tenant.waiting.saturating_add(1);
        let calls = of_tenant.devices.entry(whose.device).or_insert_with(|| {
            of_tenant.turns.push_back(whose.device);
            VecDeque::new()
        });
        calls.push_back(call);
    }

    fn remove(&mut self, whose: Whose, at: usize) -> Option<Waiting<T>> {
        let of_tenant = self.tenants.get_mut(&whose.tenant)?;
        let calls = of_tenant.devices.get_mut(&whose.device)?;
        let call = calls.remove(at)?;
        self.places.remove(&call.place);
        self.waiting = self.waiting.saturating_sub(1);
        of_tenant.waiting = of_tenant.waiting.saturating_sub(1);
        if calls.is_empty() {
            of_tenant.devices.remove(&whose.device);
            of_tenant.turns.retain(|device| *device != whose.device);
        }
        if of_tenant.waiting == 0 {
            self.tenants.remove(&whose.tenant);
            self.turns.retain(|tenant| *tenant != whose.tenant);
        }
        Some(call)
    }

    /// Whoever had their turn is the last to have it again.
    fn goes_to_the_end(&mut self, whose: Whose) {
        if let Some(of_tenant) = self.tenants.get_mut(&whose.tenant) {
            self.turns.retain(|tenant| *tenant != whose.tenant);
            self.turns.push_back(whose.tenant);
            if of_tenant.devices.contains_key(&whose.device) {
                of_tenant.turns.retain(|device| *device != whose.device);
                of_tenant.turns.push_back(whose.device);
            }
        }
    }
}

impl<T> OfTenant<T> {
    fn new() -> Self {
        Self {
            devices: HashMap::new(),
            turns: VecDeque::new(),
            waiting: 0,
        }
    }

    /// The device with most calls waiting.
    fn longest(&self) -> Option<(DeviceId, usize)> {
        let devices = self.devices.iter();
        devices
            .map(|(device, calls)| (*device, calls.len()))
            .max_by_key(|(_, waiting)| *waiting)
    }
}

#[cfg(test)]
mod tests;
