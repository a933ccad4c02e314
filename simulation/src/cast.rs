//! Who is in a world: people with phones, copies that phones may get, and scanners.

/// The cast. Devices are numbered: phones, then a place for a copy of each, then scanners.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cast {
    /// Whose phone each is.
    owners: Vec<usize>,
    scanners: usize,
}

impl Cast {
    /// Three people with four phones, the first two of one person, and two scanners.
    pub(crate) fn small() -> Self {
        Self {
            owners: vec![0, 0, 1, 2],
            scanners: 2,
        }
    }

    /// People with a phone each, and scanners.
    pub(crate) fn of(people: usize, scanners: usize) -> Self {
        Self {
            owners: (0..people).collect(),
            scanners,
        }
    }

    pub(crate) fn phones(&self) -> usize {
        self.owners.len()
    }

    pub(crate) fn first_scanner(&self) -> usize {
        2 * self.phones()
    }

    pub(crate) fn scanners(&self) -> usize {
        self.scanners
    }

    pub(crate) fn devices(&self) -> usize {
        self.first_scanner() + self.scanners
    }

    /// Whose a device is; `None` for a scanner.
    pub(crate) fn owner(&self, device: usize) -> Option<usize> {
        let is_phone = device < self.first_scanner();
        is_phone.then(|| self.owners[self.original(device)])
    }

    /// The phone itself, or the one it is a copy of.
    pub(crate) fn original(&self, device: usize) -> usize {
        device % self.phones()
    }

    /// The place of a phone's copy.
    pub(crate) fn copy(&self, device: usize) -> usize {
        self.original(device) + self.phones()
    }

    /// The first phone of the same person.
    pub(crate) fn first_phone(&self, phone: usize) -> usize {
        let owner = self.owners.get(phone);
        let first = self.owners.iter().position(|one| Some(one) == owner);
        first.unwrap_or(phone)
    }
}

/// Names of the small cast, by number.
const NAMES: [&str; 10] = [
    "Aino's phone",
    "Aino's tablet",
    "Bo's phone",
    "Cai's phone",
    "the copy of Aino's phone",
    "the copy of Aino's tablet",
    "the copy of Bo's phone",
    "the copy of Cai's phone",
    "the scanner at the door",
    "the scanner in the hall",
];

/// A device's name, as in the small cast.
pub(crate) fn name(device: usize) -> String {
    match NAMES.get(device) {
        Some(name) => (*name).to_owned(),
        None => format!("device {device}"),
    }
}
