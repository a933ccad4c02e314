//! What the real server does over real gRPC, on both stores: coming in and back, syncing, watching,
//! reading, administering; and what bad input gets, with nothing changed.

#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "a test may fail loudly, in its helpers too"
)]

/// Runs a fact, an `async fn(World)`, on a server over each store.
macro_rules! on_both_stores {
    ($($fact:ident),+ $(,)?) => {
        mod on_memory {
            $(
                #[tokio::test]
                async fn $fact() {
                    super::$fact(crate::world::World::start(crate::world::Backend::Memory).await).await;
                }
            )+
        }
        mod on_sqlite {
            $(
                #[tokio::test]
                async fn $fact() {
                    super::$fact(crate::world::World::start(crate::world::Backend::Sqlite).await).await;
                }
            )+
        }
    };
}

/// The same on memory alone: what is counted there does not depend on the store.
macro_rules! on_memory {
    ($($fact:ident),+ $(,)?) => {
        mod on_memory_alone {
            $(
                #[tokio::test]
                async fn $fact() {
                    super::$fact(crate::world::World::start(crate::world::Backend::Memory).await).await;
                }
            )+
        }
    };
}

mod acts;
mod administering;
mod beside;
mod bound_journal;
mod by_hand;
mod carrying;
mod catalog;
mod clocks;
mod columns;
mod coming_back;
mod connections;
mod crowding;
mod device;
mod ending;
mod enrolling;
mod erasing;
mod errors_document;
mod handing_in;
mod journal;
mod judging;
mod limits;
mod listed_days;
mod nodes;
mod postgres;
mod pushing;
mod reading_on;
mod refusals;
mod retaining;
mod returning;
mod short_form;
mod watching;
mod world;
