//! What processes use, by `/proc`: so much of the machine went to the server, so much to the database.

use std::{collections::BTreeMap, fs, time::Duration};

use anyhow::Context as _;

/// Ticks a second of the times in `/proc`, the same on all of Linux.
const TICKS_PER_S: u64 = 100;
/// Fields of `/proc/PID/stat` after the name, from 0.
const PARENT: usize = 1;
const OWN_TIMES: [usize; 2] = [11, 12];
const CHILDREN_TIMES: [usize; 2] = [13, 14];

/// What one process, or a family of them, has used so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Usage {
    /// User and system time.
    pub(crate) cpu: Duration,
    /// Resident now; of a family each shared page once.
    pub(crate) memory_bytes: u64,
    /// The most that was resident; of a family as `memory_bytes`.
    pub(crate) memory_bytes_max: u64,
}

impl Usage {
    /// The time since an earlier look, and the memory of this one.
    pub(crate) fn since(self, before: Self) -> Self {
        Self {
            cpu: self.cpu.saturating_sub(before.cpu),
            ..self
        }
    }
}

/// One process.
pub(crate) fn usage(pid: u32) -> anyhow::Result<Usage> {
    let stat = Stat::of(pid).context("a process to be measured is gone")?;
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    Ok(Usage {
        cpu: time(stat.own_ticks),
        memory_bytes: kilobytes(&status, "VmRSS:"),
        memory_bytes_max: kilobytes(&status, "VmHWM:"),
    })
}

/// This process.
pub(crate) fn own_usage() -> anyhow::Result<Usage> {
    usage(std::process::id())
}

/// A process, all below it, and those of its children that have ended.
pub(crate) fn family_usage(pid: u32) -> anyhow::Result<Usage> {
    let root = Stat::of(pid).context("a process to be measured is gone")?;
    let mut sum = Usage {
        cpu: time(root.own_ticks.saturating_add(root.children_ticks)),
        memory_bytes: shared_fairly(pid),
        memory_bytes_max: 0,
    };
    let all = all_processes()?;
    let mut family = vec![pid];
    while let Some(parent) = family.pop() {
        for (child, stat) in all.iter().filter(|(_, stat)| stat.parent == parent) {
            sum.cpu = sum.cpu.saturating_add(time(stat.own_ticks));
            sum.memory_bytes = sum.memory_bytes.saturating_add(shared_fairly(*child));
            family.push(*child);
        }
    }
    sum.memory_bytes_max = sum.memory_bytes;
    Ok(sum)
}

struct Stat {
    parent: u32,
    own_ticks: u64,
    children_ticks: u64,
}

impl Stat {
    fn of(pid: u32) -> Option<Self> {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/stat")).ok()?)
    }

    fn parse(text: &str) -> Option<Self> {
        // The name, in brackets, may hold anything.
        let (_, rest) = text.rsplit_once(')')?;
        let fields: Vec<&str> = rest.split_whitespace().collect();
        let sum = |which: [usize; 2]| {
            let ticks = which.map(|index| fields.get(index)?.parse::<u64>().ok());
            Some(ticks[0]?.saturating_add(ticks[1]?))
        };
        Some(Self {
            parent: fields.get(PARENT)?.parse().ok()?,
            own_ticks: sum(OWN_TIMES)?,
            children_ticks: sum(CHILDREN_TIMES)?,
        })
    }
}

fn all_processes() -> anyhow::Result<BTreeMap<u32, Stat>> {
    let mut all = BTreeMap::new();
    for entry in fs::read_dir("/proc")? {
        let pid = entry?.file_name().to_string_lossy().parse::<u32>();
        // One that ends meanwhile is not there any more.
        if let Ok(pid) = pid {
            all.extend(Stat::of(pid).map(|stat| (pid, stat)));
        }
    }
    Ok(all)
}

/// Its share of the memory that it shares with others, in bytes.
fn shared_fairly(pid: u32) -> u64 {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup"));
    kilobytes(&told.unwrap_or_default(), "Pss:")
}

fn time(ticks: u64) -> Duration {
    Duration::from_millis(
        ticks
            .saturating_mul(1_000)
            .checked_div(TICKS_PER_S)
            .unwrap_or(0),
    )
}

/// A line like `VmRSS:   1234 kB`, in bytes; 0 where there is none.
fn kilobytes(text: &str, name: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_proc_is_read_whatever_the_name_is() {
        let line = "42 (a) b (c) S 7 42 42 0 -1 4194304 1 2 3 4 150 50 30 20 20 0 1 0";
        let stat = Stat::parse(line).unwrap();
        assert_eq!(
            (stat.parent, stat.own_ticks, stat.children_ticks),
            (7, 200, 50)
        );
        assert_eq!(time(stat.own_ticks), Duration::from_secs(2));
    }

    #[test]
    fn this_process_uses_something_and_is_a_family_of_its_own() {
        let own = own_usage().unwrap();
        assert!(own.memory_bytes > 0 && own.memory_bytes_max >= own.memory_bytes);
        assert!(family_usage(std::process::id()).unwrap().cpu >= own.cpu);
    }
}
