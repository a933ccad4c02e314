//! The processes of a service: all that work in its folder.
//!
//! PostgreSQL gives each backend a session of its own, so that no signal to a group reaches all; but none
//! ever leaves the folder with the data.

use std::{fs, path::Path, thread, time::Duration};

use rustix::process::{Pid, Signal, kill_process};

/// Between two looks at something that is about to happen.
const PACE: Duration = Duration::from_millis(10);

/// Looks at most: three minutes, within which a database that was killed has recovered.
const LOOKS_MAX: u32 = 18_000;

/// Looks until it is there, for three minutes at most.
pub(crate) fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    for _ in 0..LOOKS_MAX {
        if let Some(found) = look() {
            return Some(found);
        }
        thread::sleep(PACE);
    }
    None
}

/// Kills all that work in the folder, those too that are started meanwhile.
pub(crate) fn kill_all(folder: &Path) {
    let _ = wait_for(|| {
        let found = working_in(folder);
        for process in &found {
            signal(*process, Signal::KILL);
        }
        found.is_empty().then_some(())
    });
}

/// Sends a signal to all that work in the folder, those too that are started meanwhile.
pub(crate) fn signal_all(folder: &Path, what: Signal) {
    let mut before = Vec::new();
    let _ = wait_for(|| {
        let found = working_in(folder);
        for process in found.iter().filter(|process| !before.contains(*process)) {
            signal(*process, what);
        }
        let is_done = found.iter().all(|process| before.contains(process));
        before = found;
        is_done.then_some(())
    });
}

/// Sends a signal; one who is gone needs none.
fn signal(process: Pid, what: Signal) {
    let _ = kill_process(process, what);
}

fn working_in(folder: &Path) -> Vec<Pid> {
    let works_there = |entry: &fs::DirEntry| {
        fs::read_link(entry.path().join("cwd")).is_ok_and(|place| place == folder)
    };
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    let mut found: Vec<Pid> = processes
        .filter_map(Result::ok)
        .filter(works_there)
        .filter_map(|entry| Pid::from_raw(entry.file_name().to_str()?.parse().ok()?))
        .collect();
    // The one that starts others comes first.
    found.sort_by_key(|process| process.as_raw_nonzero());
    found
}
