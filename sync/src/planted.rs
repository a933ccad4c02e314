//! Bugs on purpose, for the simulation to find.
//!
//! Each is a switch at the one line that it spoils. Without the feature `planted-bugs`, which nothing
//! that is shipped has, no switch can be on and the compiler leaves the lines out.

macro_rules! bugs {
    ($($(#[$doc:meta])* $bug:ident,)+) => {
        /// A bug.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        pub enum Bug {
            $($(#[$doc])* $bug,)+
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug,)+];

            /// Its name.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$bug => stringify!($bug),)+
                }
            }
        }
    };
}

bugs! {
    /// The SDK: an answer that was cut counts as whole.
    CutAnswerIsWhole,
    /// The SDK: refusals in an answer are not read.
    ExceptionsIgnored,
    /// The SDK: a page's cursor is kept and its ops are not.
    CursorWithoutPage,
    /// The SDK: an op that is offered again is a new op.
    OfferedAsNew,
    /// The SDK: a writer that has forgotten opens a new log and forgets what nobody confirmed.
    HealedWithoutOps,
    /// The SDK: an op that was sent is written over.
    SealedRewritten,
    /// The SDK: a write that failed is answered as if it had not.
    FailedWriteTold,
    /// The server: callers are answered though nothing was stored.
    AnsweredBeforeCommit,
    /// The server: nobody looks whether a writer remembers less than the server has.
    HeadAheadIgnored,
    /// The server: another op at a taken sequence counts as a repetition.
    TakenSequenceRepeats,
    /// The server: anyone may write into anyone's log.
    WriterUnchecked,
    /// The server: a door is not told of scans.
    DoorNotTold,
    /// The server: an award is confirmed anew, under another id.
    ConfirmedAgain,
    /// The store: an op that comes in another log is another op.
    CarrierDecides,
    /// The store: nobody's awards are looked at again.
    NobodyDirty,
    /// Admission: anyone may offer anyone's ops.
    OriginUnchecked,
    /// Admission: everyone may write everything.
    AuthorityOpen,
    /// Admission: a clock that is off is believed.
    ClockBelieved,
    /// Admission: a kind that is not known yet is refused for good.
    UnknownRefused,
    /// The server: what a later version says in a known kind is left out.
    FieldsDropped,
    /// The server: a device that was revoked is let in.
    RevokedLetIn,
    /// The server: a carried frame is taken without a look.
    FrameUnread,
    /// The store: erasing leaves what was written.
    ErasedStays,
    /// The store: a journal brings nothing back.
    JournalIgnored,
    /// The SDK: an op that waits hides that a restored server lost others of its log.
    WaitingHidesLoss,
    /// The SDK: the server's time in a boot that is over is not told.
    BootsUntold,
    /// The SDK: what nobody confirmed is not sealed to the server.
    OutboxEmpty,
    /// The fold: of two revisions the lower holds.
    LowerRevisionWins,
    /// The fold: what was taken back stands.
    VoidIgnored,
    /// The fold: a removal takes all, seen or not.
    RemovalIgnored,
}

#[cfg(feature = "planted-bugs")]
mod switch {
    use std::cell::Cell;

    use super::Bug;

    thread_local! {
        static ACTIVE: Cell<Option<Bug>> = const { Cell::new(None) };
    }

    /// Switches a bug of this thread on in place of the one before, or off.
    pub fn plant(bug: Option<Bug>) {
        ACTIVE.set(bug);
    }

    /// Whether this bug is on.
    pub fn is(bug: Bug) -> bool {
        ACTIVE.get() == Some(bug)
    }
}

#[cfg(not(feature = "planted-bugs"))]
mod switch {
    use super::Bug;

    /// Whether this bug is on: never.
    #[inline]
    pub const fn is(_: Bug) -> bool {
        false
    }
}

#[cfg(feature = "planted-bugs")]
pub use switch::plant;

pub use switch::is;

/// Whether the bug of this name is on.
#[macro_export]
macro_rules! planted {
    ($bug:ident) => {
        $crate::planted::is($crate::planted::Bug::$bug)
    };
}

/// Nothing is wrong, if this bug is on.
///
/// # Errors
/// The error, if it is off.
pub fn spares<E>(bug: Bug, error: E) -> Result<(), E> {
    if is(bug) { Ok(()) } else { Err(error) }
}
