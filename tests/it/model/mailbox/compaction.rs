//! Prune, and the new generation after a failed flush.

use super::*;

impl Scenario {
    pub(super) fn compact(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        match next.processes[process].at.clone() {
            At::PruneLock(why) => {
                if next.prune_lock.is_some() {
                    if why == Why::Prune {
                        self.finish(&mut next, process, 0);
                        out.push(("prune: another prunes", next));
                    }
                    return;
                }
                next.prune_lock = Some(process);
                next.processes[process].at = At::Build(why);
                out.push(("prune: locks P", next));
            }
            At::Build(why) => {
                // A left-over of before: unlinked if newer, archived if older.
                let scanned = next.journal().records.len();
                let built = next.journal().compacted(scanned);
                next.journals.push(built);
                let new = next.journals.len() - 1;
                next.left_over = Some(new);
                next.processes[process].at = At::Copy { new, scanned, why };
                out.push(("prune: builds and flushes the next generation", next));
            }
            At::Copy { new, scanned, why } => {
                if next.journal_lock.is_some() {
                    return;
                }
                next.journal_lock = Some(process);
                self.copy_the_rest(&mut next, new, scanned);
                let void = why == Why::FailedFlush && self.takes_back(&next, process);
                if void {
                    let seq = next.processes[process].seq;
                    next.append(new, &[Record::Void { seq }], self.omit);
                }
                next.processes[process].at = At::FlushNew { new, void, why };
                out.push(("prune: locks J, copies the rest", next));
            }
            At::FlushNew { new, void, why } => {
                if next.failures > 0 {
                    let mut failed = next.clone();
                    failed.failures -= 1;
                    failed.left_over = None;
                    failed.journal_lock = None;
                    failed.prune_lock = None;
                    let exit = failed.processes[process].exit;
                    self.finish(&mut failed, process, exit);
                    out.push((
                        "prune: the flush fails, the new generation is dropped",
                        failed,
                    ));
                }
                if !self.omits(Rule::CompactionFlushedBeforeExchange) {
                    next.journals[new].flush();
                }
                next.journals[new].born = next.journals[new].records.len();
                next.processes[process].at = At::Exchange { new, void, why };
                out.push(("prune: flushes", next));
            }
            At::Exchange { new, void, why } => {
                next.left_over = Some(next.name);
                next.name = new;
                next.processes[process].at = At::FlushDirectory { void, why };
                out.push(("prune: exchanges", next));
            }
            At::FlushDirectory { void, why } => {
                if !self.omits(Rule::DirectoryFlushedAfterExchange) {
                    next.flush_directory();
                }
                if void {
                    let seq = next.processes[process].seq;
                    note(&mut next.told.refused, seq);
                    next.processes[process].exit = 74;
                }
                next.processes[process].at = At::Link { why };
                out.push(("prune: flushes the directory", next));
            }
            At::Link { why } => {
                if self.omits(Rule::NoRenderLockUnderJournalLock) && next.render_lock.is_some() {
                    return;
                }
                let name = next.name;
                next.append(name, &[Record::Linked], self.omit);
                next.journal_lock = None;
                next.processes[process].at = At::Archive;
                if why == Why::FailedFlush {
                    next.processes[process].exit = next.processes[process].exit.max(74);
                }
                out.push(("prune: appends linked, frees J", next));
            }
            At::Archive => {
                next.left_over = None;
                next.prune_lock = None;
                let exit = next.processes[process].exit;
                self.finish(&mut next, process, exit);
                out.push(("prune: archives the old generation", next));
            }
            at => unreachable!("{at:?} is not a step of prune"),
        }
    }

    /// What was appended since the scan, whether it was flushed or not.
    fn copy_the_rest(&self, next: &mut World, new: usize, scanned: usize) {
        next.recover(self.omit);
        let all = !self.omits(Rule::CompactionCopiesTheRest);
        let rest: Vec<Record> = next.journal().records[scanned..]
            .iter()
            .filter(|(_, kept)| all || *kept == Kept::Disk)
            .map(|(record, _)| *record)
            .filter(|record| !matches!(record, Record::Linked | Record::Torn))
            .collect();
        next.append(new, &rest, self.omit);
    }

    /// Whether the message of a failed flush is taken back: never, since another's flush may have
    /// made it durable and told so already. Left out, it is, unless somebody took or closed it.
    fn takes_back(&self, world: &World, process: usize) -> bool {
        let seq = world.processes[process].seq;
        self.omits(Rule::NothingIsTakenBack)
            && matches!(self.verb(world, process), Verb::Send { .. })
            && world
                .fold()
                .get(seq)
                .is_some_and(|message| message.state == State::Pending && message.lease.is_none())
    }
}
