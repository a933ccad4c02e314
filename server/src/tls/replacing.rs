//! What was seen of the files at former looks.

use super::TlsError;

/// What a look at the files came to.
#[derive(Debug)]
pub(super) enum Looked {
    /// Nothing to do, or nothing to tell again.
    Same,
    /// What was new there is served from now on.
    Replaced,
    /// They can't be used, at two looks running.
    Unusable(TlsError),
}

/// What is served, and what else was there at the last look.
pub(super) struct Seen {
    served: [u8; 32],
    unusable: Option<Unusable>,
}

/// Bytes that can't be used; none for files that can't be read.
struct Unusable {
    digest: Option<[u8; 32]>,
    told: bool,
}

impl Seen {
    /// Nothing but what is served.
    pub(super) fn of(served: [u8; 32]) -> Self {
        Self {
            served,
            unusable: None,
        }
    }

    /// Whether these are the bytes that are served.
    pub(super) fn is_served(&mut self, digest: [u8; 32]) -> bool {
        let is_served = self.served == digest;
        if is_served {
            self.unusable = None;
        }
        is_served
    }

    /// Two files are not replaced at once: what can't be used is told when it is still so at the next look,
    /// and once.
    pub(super) fn unusable(&mut self, digest: Option<[u8; 32]>, error: TlsError) -> Looked {
        match &mut self.unusable {
            Some(before) if before.digest == digest => {
                if std::mem::replace(&mut before.told, true) {
                    Looked::Same
                } else {
                    Looked::Unusable(error)
                }
            }
            _ => {
                let told = false;
                self.unusable = Some(Unusable { digest, told });
                Looked::Same
            }
        }
    }
}
