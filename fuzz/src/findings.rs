//! Panics of tasks, which their runtime keeps from whoever waits.

use std::{
    panic,
    sync::{
        Once,
        atomic::{AtomicU64, Ordering},
    },
};

static PANICS: AtomicU64 = AtomicU64::new(0);

/// Counts panics from now on, of this process.
pub(crate) struct Watch {
    before: u64,
}

impl Watch {
    pub(crate) fn start() -> Self {
        static HOOKED: Once = Once::new();
        HOOKED.call_once(|| {
            let hook = panic::take_hook();
            panic::set_hook(Box::new(move |panic| {
                PANICS.fetch_add(1, Ordering::SeqCst);
                hook(panic);
            }));
        });
        Self {
            before: PANICS.load(Ordering::SeqCst),
        }
    }

    /// Nothing has panicked since the start.
    pub(crate) fn end(self) {
        assert_eq!(
            PANICS.load(Ordering::SeqCst),
            self.before,
            "a task panicked"
        );
    }
}
