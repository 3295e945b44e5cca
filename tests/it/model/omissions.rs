//! Each rule left out once: the explorer must then find the promise that it keeps.

use super::Rule;
use super::attacks::{
    APPENDS, DUMPS, SEND, all_locks, equal_entries, equal_entry_later, failed_flush, ghost,
    killed_adoption, killed_notice, killed_renderer, late_ack, out_of_the_window_and_back,
    overtaken_by_compaction, program, readers_before_the_flush, retry_across_prune, script,
    stale_dump, torn_tail, two_takers, writer_of_the_displaced, zeroed_face,
};
use super::explore::explore;
use super::mailbox::{Scenario, Script, Verb};

/// One of the scenarios breaks a promise whose text begins with `promise` when `rule` is left out.
fn breaks(rule: Rule, promise: &str, scenarios: impl IntoIterator<Item = Scenario>) {
    let mut found = Vec::new();
    for scenario in scenarios {
        let explored = explore(&Scenario {
            omit: Some(rule),
            ..scenario
        });
        let Some(why) = explored.counterexample else {
            continue;
        };
        if why.contains(promise) {
            println!("without {rule:?}, after {} states: {why}", explored.states);
            return;
        }
        found.push(why);
    }
    panic!("without {rule:?} nobody breaks {promise}; found instead: {found:#?}");
}

#[test]
fn without_the_flush_before_exit_the_explorer_finds_lost_mail() {
    breaks(Rule::FlushBeforeExit, "I1", [overtaken_by_compaction()]);
}

#[test]
fn without_the_flush_before_exit_the_explorer_finds_an_ack_undone() {
    breaks(Rule::FlushBeforeExit, "I4", [two_takers()]);
}

#[test]
fn without_the_flush_before_print_the_explorer_finds_a_lease_undone() {
    breaks(
        Rule::FlushBeforePrint,
        "reported",
        readers_before_the_flush(),
    );
}

#[test]
fn without_the_durable_mark_the_explorer_finds_reported_mail_vanish() {
    breaks(
        Rule::ReadersStopAtDurable,
        "reported",
        readers_before_the_flush(),
    );
}

#[test]
fn without_the_durable_window_the_explorer_finds_shown_mail_vanish() {
    breaks(
        Rule::FaceShowsDurable,
        "reported",
        readers_before_the_flush(),
    );
}

#[test]
fn without_the_linked_record_the_explorer_finds_lost_mail() {
    breaks(Rule::LinkedBeforeTrust, "I1", [overtaken_by_compaction()]);
}

#[test]
fn without_the_fence_the_explorer_finds_lost_mail() {
    breaks(Rule::TornTailFenced, "I1", [torn_tail()]);
}

#[test]
fn without_the_copy_of_a_keyed_retry_the_explorer_finds_lost_mail() {
    breaks(Rule::AgainIsACopy, "I1", failed_flush());
}

#[test]
fn without_kept_keys_the_explorer_finds_doubled_mail() {
    breaks(Rule::KeysOutliveMessages, "I3", [retry_across_prune()]);
}

#[test]
fn without_owners_the_explorer_finds_two_takers() {
    breaks(Rule::OneTaker, "I4", [two_takers()]);
}

#[test]
fn without_tokens_the_explorer_finds_a_late_ack() {
    breaks(Rule::LateAckRefused, "a lease that holds", [late_ack()]);
}

#[test]
fn without_the_inode_check_the_explorer_finds_lost_mail() {
    breaks(
        Rule::InodeCheckedUnderLock,
        "I1",
        [overtaken_by_compaction()],
    );
}

#[test]
fn without_the_unflushed_rest_the_explorer_finds_lost_mail() {
    breaks(
        Rule::CompactionCopiesTheRest,
        "I1",
        [overtaken_by_compaction()],
    );
}

#[test]
fn without_the_flush_of_the_new_generation_the_explorer_finds_lost_mail() {
    breaks(
        Rule::CompactionFlushedBeforeExchange,
        "I1",
        [overtaken_by_compaction()],
    );
}

#[test]
fn without_the_directory_flush_the_explorer_finds_lost_mail() {
    breaks(
        Rule::DirectoryFlushedAfterExchange,
        "I1",
        [overtaken_by_compaction()],
    );
}

#[test]
fn without_the_lock_order_the_explorer_finds_a_deadlock() {
    breaks(
        Rule::NoRenderLockUnderJournalLock,
        "nobody can take a step",
        [all_locks()],
    );
}

#[test]
fn without_a_new_generation_the_explorer_finds_lost_mail() {
    breaks(Rule::NewGenerationAfterFailedFlush, "I1", failed_flush());
}

#[test]
fn with_a_failed_send_taken_back_the_explorer_finds_lost_mail() {
    breaks(Rule::NothingIsTakenBack, "I1", failed_flush());
}

#[test]
fn with_a_failed_send_taken_back_the_explorer_finds_reported_mail_vanish() {
    breaks(
        Rule::NothingIsTakenBack,
        "reported",
        failed_flush().into_iter().skip(1),
    );
}

#[test]
fn without_writing_the_tail_again_the_explorer_finds_reported_mail_vanish() {
    breaks(Rule::TailWrittenAgain, "reported", failed_flush());
}

#[test]
fn without_its_key_the_explorer_finds_a_doubled_notice() {
    breaks(Rule::NoticeIsKeyed, "I3", [killed_notice()]);
}

#[test]
fn without_merge_the_explorer_finds_lost_entries() {
    breaks(Rule::MergeBeforeRender, "I9", stale_dump());
}

#[test]
fn with_a_plain_rename_the_explorer_finds_lost_entries() {
    breaks(Rule::SwapIsAnExchange, "I9", stale_dump());
}

#[test]
fn with_a_face_written_in_place_the_explorer_finds_a_torn_read() {
    breaks(Rule::FaceIsReplaced, "I5", stale_dump());
}

#[test]
fn without_a_look_at_the_displaced_the_explorer_finds_lost_entries() {
    breaks(Rule::DisplacedIsExamined, "I9", stale_dump());
}

#[test]
fn with_an_unmerged_face_taken_for_known_the_explorer_finds_lost_entries() {
    breaks(Rule::UnmergedIsExamined, "I9", stale_dump());
}

#[test]
fn without_waiting_for_writers_the_explorer_finds_lost_entries() {
    breaks(
        Rule::DisplacedWaitsForItsWriter,
        "I9",
        writer_of_the_displaced(),
    );
}

#[test]
fn with_a_stamp_settled_too_early_the_explorer_finds_lost_entries() {
    breaks(Rule::UnsettledBeforeSwap, "I9", killed_renderer());
}

#[test]
fn without_a_look_at_left_overs_the_explorer_finds_lost_entries() {
    breaks(Rule::LeftOverExamined, "I9", killed_renderer());
}

#[test]
fn without_merging_the_left_overs_of_another_boot_the_explorer_finds_lost_entries() {
    breaks(Rule::LeftOverOfAnotherBootMerged, "I9", killed_adoption());
}

#[test]
fn without_the_flush_of_an_empty_merge_the_explorer_finds_lost_entries() {
    let twice = DUMPS.into_iter().map(|dump| Scenario {
        programs: vec![
            script(Script { dump, ..APPENDS }),
            program(&[Verb::Look]),
            program(&[Verb::Look]),
        ],
        before: vec![SEND],
        faces: true,
        kills: 1,
        cuts: 1,
        ..Scenario::default()
    });
    breaks(Rule::EmptyMergeFlushes, "I9", twice);
}

#[test]
fn without_comparing_bytes_the_explorer_finds_a_lost_dump() {
    breaks(Rule::ForeignBytesCompared, "I9", writer_of_the_displaced());
}

#[test]
fn with_the_stamp_of_another_boot_the_explorer_finds_lost_entries() {
    let stamp_of_before = killed_adoption().into_iter().chain([zeroed_face()]);
    breaks(Rule::StampOfThisBoot, "I", stamp_of_before);
}

#[test]
fn with_an_empty_file_read_as_an_empty_array_the_explorer_finds_lost_mail() {
    let truncated = stale_dump();
    breaks(Rule::EmptyIsAbsent, "I1", truncated);
}

#[test]
fn with_ghosts_adopted_the_explorer_finds_doubled_mail() {
    breaks(Rule::GhostsIgnored, "came back", [ghost()]);
}

#[test]
fn without_foreign_keys_the_explorer_finds_a_doubled_adoption() {
    breaks(Rule::ForeignKeysKept, "I3", killed_adoption());
}

#[test]
fn without_ordinals_the_explorer_finds_a_doubled_adoption() {
    breaks(Rule::OrdinalsCounted, "I3", equal_entries());
}

#[test]
fn with_entries_marked_shown_too_early_the_explorer_finds_a_doubled_adoption() {
    breaks(Rule::ShownAfterTheSwap, "I3", equal_entries());
}

#[test]
fn without_marking_after_a_kill_the_explorer_finds_a_lost_entry() {
    breaks(Rule::ShownAfterAKill, "I9", [equal_entry_later()]);
}

#[test]
fn with_removal_blind_to_since_the_explorer_finds_lost_mail() {
    breaks(Rule::RemovalNeedsSince, "I1", stale_dump());
}

#[test]
fn with_since_kept_over_a_gap_the_explorer_finds_lost_mail() {
    breaks(Rule::SinceWithoutAGap, "I1", [out_of_the_window_and_back()]);
}
