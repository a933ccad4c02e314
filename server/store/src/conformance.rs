//! What every backend has to do, as tests that are written once.
//!
//! [`store_conformance!`](crate::store_conformance) makes a `#[tokio::test]` of each function here
//! for the store that `open` opens: new and empty, with whatever has to live as long as it does
//! (a folder).
//!
//! ```
//! #[cfg(test)]
//! mod tests {
//!     async fn open() -> (askel_store::memory::MemoryStore, ()) {
//!         (askel_store::memory::MemoryStore::new(), ())
//!     }
//!
//!     askel_store::store_conformance!(open);
//! }
//! ```

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    clippy::arithmetic_side_effects,
    reason = "a suite of tests: a panic is how it reports"
)]

mod append;
mod audit;
pub mod canary;
mod card;
mod catalog;
mod coming_back;
mod concurrency;
mod deferral;
mod device;
mod disturbance;
mod ending;
mod erasure;
mod fixture;
mod forgetting;
mod grant;
mod invitation;
mod job;
mod journal;
mod live;
mod looks;
mod projection;
mod push;
mod repetition;
mod report;
mod restore;
mod retention;
mod stream;
mod tenant;
mod totals;

pub use append::*;
pub use audit::*;
pub use card::*;
pub use catalog::*;
pub use coming_back::*;
pub use concurrency::*;
pub use deferral::*;
pub use device::*;
pub use disturbance::*;
pub use ending::*;
pub use erasure::*;
pub use forgetting::*;
pub use grant::*;
pub use invitation::*;
pub use job::*;
pub use journal::*;
pub use live::*;
pub use looks::*;
pub use projection::*;
pub use push::*;
pub use repetition::*;
pub use report::*;
pub use restore::*;
pub use retention::*;
pub use stream::*;
pub use tenant::*;
pub use totals::*;

/// Makes the tests of the suite. `$open` is an async function that returns a new, empty store and
/// a guard that is kept until the test ends.
#[macro_export]
macro_rules! store_conformance {
    ($open:path) => {
        $crate::store_conformance! { $open;
            a_tenant_recorded_twice_is_one
            a_key_list_is_replaced_by_a_newer_one_of_the_same_root
            tenants_are_listed_by_id
            an_invitation_recorded_twice_is_one
            a_code_belongs_to_one_invitation
            invitations_come_oldest_first_in_pages
            a_page_key_that_no_page_gave_yields_an_empty_page
            only_an_unused_invitation_is_deleted
            an_invitation_is_its_tenants_own
            an_invitation_makes_participant_device_and_pass
            the_same_code_and_key_get_the_same_answer
            a_code_that_is_not_good_enrols_nobody
            a_revoked_key_can_not_come_back
            an_enrolled_device_uses_up_no_second_code
            staff_wait_for_their_inviter
            enrol_failures_are_counted_and_forgotten
            a_recovery_sheet_revokes_other_devices_and_burns_their_passes
            a_recovery_sheet_is_used_once_and_gives_the_next
            a_new_recovery_sheet_ends_the_one_before
            nobody_can_come_back_who_was_never_there
            an_approval_adds_a_device_or_replaces_one
            an_approval_is_for_one_key_and_expires
            an_approval_does_not_revoke_anothers_device
            a_re_invited_device_is_on_probation
            a_device_gets_a_state_and_a_lease
            a_devices_clock_is_what_it_last_said
            a_revoked_device_stays_revoked
            a_device_that_is_not_there_is_not_changed
            staff_devices_are_listed_without_participants
            a_participants_devices_are_their_own
            the_same_request_gives_the_same_card
            passes_are_found_with_whose_they_are
            what_a_revoked_device_made_is_void
            recovery_ends_every_approval
            an_invitation_ends_with_its_inviter
            an_invitation_is_no_re_invitation
            other_devices_are_told_with_the_change
            the_end_of_a_probation_ends_the_devices_of_before
            an_approval_of_a_key_stands_against_others
            a_job_is_one_nodes_until_its_lease_ends
            a_job_that_is_left_is_anyones
            a_restore_ends_every_lease
            a_lease_by_a_clock_that_runs_ahead_does_not_last
            an_append_under_a_lease_that_was_lost_changes_nothing
            an_erasure_voids_what_was_read_under_a_lease
            of_nodes_that_fight_for_a_job_none_writes_over_another
            a_catalog_is_announced_with_its_record
            an_append_is_noted_with_its_audits
            what_is_derived_anew_replaces_what_was_held
            a_pass_can_not_be_given_twice
            participants_are_listed_by_id
            a_log_grows_densely_from_zero
            entries_are_listed_with_their_outcome
            what_was_refused_is_known
            another_writer_came_first
            a_new_log_begins_at_zero
            the_same_append_twice_is_one
            a_repetition_may_go_on_with_new_entries
            a_deferred_entry_is_accepted_later
            an_entry_is_deferred_and_accepted_in_one_append
            a_deferred_entry_is_rejected_later
            an_op_in_another_log_has_no_second_effect
            an_op_twice_in_one_append_has_one_effect
            an_accepted_op_has_all_its_effects_once
            an_entry_carries_the_op_it_names
            an_empty_append_changes_nothing
            ops_are_their_tenants_own
            positions_are_dense_and_the_sum_adds_up
            several_streams_are_read_at_once
            a_stream_is_read_page_by_page
            every_kind_of_stream_is_kept_apart
            a_stream_keeps_its_handle
            an_unknown_handle_leads_nowhere
            an_op_is_read_as_it_was_written
            admitted_ops_are_found_by_id
            hundreds_of_entries_go_into_one_append
            who_waits_longest_is_projected_first
            work_is_what_is_dirty_and_what_is_to_be_sent
            a_view_of_a_device_is_its_heads_and_logs
            nothing_is_appended_from_the_erased
            a_newer_reason_keeps_a_participant_dirty
            a_generation_never_comes_again
            a_reason_in_the_cleaning_append_keeps_a_participant_dirty
            outbox_items_stay_until_they_are_sent
            contributions_replace_those_held
            a_projection_of_a_raced_append_is_not_written
            sessions_count_people_and_tallies
            sessions_are_counted_by_place_date_and_session
            people_are_counted_once_by_place_and_over_all
            catalog_versions_are_dense_from_one
            a_catalog_is_found_by_version_and_by_hash
            catalogs_are_listed_newest_first
            the_audit_chain_verifies
            a_change_is_noted_with_its_audit
            the_same_note_twice_is_one
            the_audit_log_is_read_page_by_page
            a_tailing_reader_skips_nothing
            writers_of_one_log_take_turns
            one_of_several_ops_wins_a_sequence
            one_of_several_keys_wins_a_code
            a_stream_opened_by_many_has_one_handle
            a_failed_call_may_be_repeated
            a_part_is_of_one_moment
            an_erasure_among_writers_is_whole
            the_greatest_of_a_register_is_live
            registers_are_kept_apart
            steps_of_the_future_supersede_nothing
            a_part_comes_with_its_head
            the_logs_of_a_device_are_listed
            a_handle_of_before_leads_to_its_stream
            a_returned_op_has_its_effects_once
            what_comes_back_is_counted
            logs_that_went_further_are_counted
            the_ops_of_the_erased_are_gone
            the_hashes_of_refused_ops_about_the_erased_are_gone
            a_sighting_of_an_erased_pass_is_blank
            nothing_lets_the_erased_in
            counts_of_the_erased_stay
            the_outbox_forgets_the_erased
            what_comes_after_an_erasure_is_not_kept
            the_log_of_an_erased_device_can_be_settled
            an_erasure_happens_once
            an_erased_entry_takes_no_other_writer
            a_participant_stands_as_the_journal_says
            what_ended_does_not_come_back
            staff_and_cards_stand_as_the_journal_says
            who_is_erased_stays_erased
            key_lists_and_catalogs_stand_as_the_journal_says
            logs_have_the_writers_that_the_journal_says
            a_folded_journal_says_the_same
            no_stream_of_the_erased_is_opened
            a_device_registers_for_pushes_and_withdraws
            only_a_device_registers_for_pushes
            several_reasons_are_one_push
            pushes_are_leased_in_order
            a_push_that_nobody_settled_is_due_again
            a_push_that_was_sent_is_over
            a_push_that_failed_is_due_later
            an_unregistered_token_goes
            a_push_goes_with_its_device
            a_push_is_leased_by_one
            a_restore_forgets_who_registered
            what_the_erased_counted_stands_as_the_journal_says
            a_journal_without_counts_keeps_what_the_store_knows
            counts_of_the_erased_are_told_in_parts
            nothing_is_appended_from_a_revoked_device
            old_days_of_places_are_dropped_and_their_ops_stay
            what_is_dropped_at_a_time_has_a_limit
            rights_that_ended_long_ago_are_dropped
            what_was_dropped_does_not_come_back_with_a_backup
            nothing_is_dropped_under_a_lease_that_was_lost
            a_dropped_day_is_as_if_it_had_never_begun
            a_day_is_dropped_among_writers
        }
    };
    ($open:path; $($name:ident)+) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() {
                let (store, _guard) = $open().await;
                $crate::conformance::$name(std::sync::Arc::new(store)).await;
            }
        )+
    };
}

#[cfg(test)]
mod tests {
    use std::future::{Future, ready};

    use crate::memory::MemoryStore;

    fn open() -> impl Future<Output = (MemoryStore, ())> {
        ready((MemoryStore::new(), ()))
    }

    crate::store_conformance!(open);

    /// A function that no backend runs would be no test.
    #[test]
    fn every_function_of_the_suite_is_in_the_macro() {
        let listed = include_str!("conformance.rs");
        let sources = [
            include_str!("conformance/append.rs"),
            include_str!("conformance/audit.rs"),
            include_str!("conformance/card.rs"),
            include_str!("conformance/catalog.rs"),
            include_str!("conformance/coming_back.rs"),
            include_str!("conformance/concurrency.rs"),
            include_str!("conformance/device.rs"),
            include_str!("conformance/disturbance.rs"),
            include_str!("conformance/ending.rs"),
            include_str!("conformance/erasure.rs"),
            include_str!("conformance/forgetting.rs"),
            include_str!("conformance/grant.rs"),
            include_str!("conformance/journal.rs"),
            include_str!("conformance/live.rs"),
            include_str!("conformance/restore.rs"),
            include_str!("conformance/retention.rs"),
            include_str!("conformance/invitation.rs"),
            include_str!("conformance/projection.rs"),
            include_str!("conformance/repetition.rs"),
            include_str!("conformance/report.rs"),
            include_str!("conformance/stream.rs"),
            include_str!("conformance/tenant.rs"),
            include_str!("conformance/totals.rs"),
        ];
        let after = |line: &'static str| line.strip_prefix("pub async fn ")?.split('(').next();
        for name in sources
            .iter()
            .flat_map(|source| source.lines())
            .filter_map(after)
        {
            let in_macro = listed.lines().any(|line| line.trim() == name);
            assert!(in_macro, "{name} is not in the macro");
        }
    }
}
