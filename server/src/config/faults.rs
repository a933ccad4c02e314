//! Reading keys one by one and gathering what is wrong with them.

use std::{collections::BTreeSet, fmt, ops::RangeInclusive, str::FromStr};

use figment::{Figment, Provider as _};
use serde::de::DeserializeOwned;

/// What is wrong with one key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFault {
    /// `section.key`, or the section alone when there is no such section.
    pub key: String,
    /// What is wrong with it.
    pub problem: String,
}

/// Everything that is wrong with a configuration, by key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigFaults(Vec<ConfigFault>);

impl ConfigFaults {
    /// The faults, by key.
    pub fn iter(&self) -> impl Iterator<Item = &ConfigFault> {
        self.0.iter()
    }
}

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the configuration has faults:")?;
        for fault in &self.0 {
            write!(f, "\n  {}: {}", fault.key, fault.problem)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigFaults {}

/// Reads keys, keeps the default where one is absent or wrong, and remembers what was asked for.
pub(super) struct Reader<'a> {
    figment: &'a Figment,
    known: BTreeSet<String>,
    faults: Vec<ConfigFault>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(figment: &'a Figment) -> Self {
        Self {
            figment,
            known: BTreeSet::new(),
            faults: Vec::new(),
        }
    }

    /// Every key that was asked for.
    #[cfg(test)]
    pub(super) fn known(&self) -> &BTreeSet<String> {
        &self.known
    }

    /// A number within a range.
    pub(super) fn number<N>(&mut self, key: &str, default: N, range: RangeInclusive<N>) -> N
    where
        N: DeserializeOwned + PartialOrd + fmt::Display,
    {
        match self.value::<N>(key) {
            Some(number) if range.contains(&number) => number,
            Some(number) => {
                let problem = format!(
                    "{number} is not within {} to {}",
                    range.start(),
                    range.end()
                );
                self.fault(key, problem);
                default
            }
            None => default,
        }
    }

    /// Text that parses.
    pub(super) fn parsed<T: FromStr>(&mut self, key: &str, default: T, what: &str) -> T {
        let Some(text) = self.value::<String>(key) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.fault(key, format!("{text:?} is not {what}"));
            default
        })
    }

    /// Yes or no.
    pub(super) fn flag(&mut self, key: &str, default: bool) -> bool {
        self.value(key).unwrap_or(default)
    }

    /// A list of texts that parse, of so many at most; none by default.
    pub(super) fn list<T: FromStr>(&mut self, key: &str, max: usize, what: &str) -> Vec<T> {
        let texts = self.value::<Vec<String>>(key).unwrap_or_default();
        if texts.len() > max {
            self.fault(key, format!("there are at most {max}"));
        }
        let mut list = Vec::new();
        for text in texts {
            match text.parse() {
                Ok(value) => list.push(value),
                Err(_) => self.fault(key, format!("{text:?} is not {what}")),
            }
        }
        list
    }

    /// Text that parses and is not repeated when it does not: it may hold a password.
    pub(super) fn secret<T: FromStr>(&mut self, key: &str, default: T, what: &str) -> T {
        let Some(text) = self.value::<String>(key) else {
            return default;
        };
        text.parse().unwrap_or_else(|_| {
            self.fault(key, format!("it is not {what}"));
            default
        })
    }

    fn value<T: DeserializeOwned>(&mut self, key: &str) -> Option<T> {
        self.known.insert(key.to_owned());
        if !self.figment.contains(key) {
            return None;
        }
        match self.figment.extract_inner(key) {
            Ok(value) => Some(value),
            Err(error) => {
                self.fault(key, error.kind.to_string());
                None
            }
        }
    }

    /// Something that is wrong with a key beside others.
    pub(super) fn fault(&mut self, key: &str, problem: String) {
        self.faults.push(ConfigFault {
            key: key.to_owned(),
            problem,
        });
    }

    /// The faults, with those of keys nobody asked for.
    pub(super) fn finish(mut self) -> Result<(), ConfigFaults> {
        match self.figment.data() {
            Ok(profiles) => {
                for (section, value) in profiles.into_values().flatten() {
                    self.check_known(&section, &value);
                }
            }
            Err(error) => self.fault("file", error.to_string()),
        }
        self.faults.sort_by(|a, b| a.key.cmp(&b.key));
        if self.faults.is_empty() {
            Ok(())
        } else {
            Err(ConfigFaults(self.faults))
        }
    }

    fn check_known(&mut self, section: &str, value: &figment::value::Value) {
        let prefix = format!("{section}.");
        if !self.known.iter().any(|key| key.starts_with(&prefix)) {
            self.fault(section, "there is no such section".to_owned());
            return;
        }
        for key in value.as_dict().into_iter().flat_map(|dict| dict.keys()) {
            let key = format!("{prefix}{key}");
            if !self.known.contains(&key) {
                self.fault(&key, "there is no such key".to_owned());
            }
        }
    }
}
