//! The verbs that write to the journal: look, open, write under J, flush, say so.

use super::*;

impl Scenario {
    pub(super) fn begin(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        match self.verb(&next, process) {
            Verb::Prune => {
                next.processes[process].at = At::PruneLock(Why::Prune);
                self.compact(next, process, out);
            }
            Verb::Watch => {
                next.processes[process].at = At::WatchRead { hint: next.hint };
                out.push(("watch: reads .durable", next));
            }
            Verb::Script(script) => {
                let faces = next.faces_mut();
                let held = faces.face;
                let mut entries = match &faces.files[held].doc {
                    Doc::Array(entries) => entries.clone(),
                    Doc::Empty | Doc::Half => Vec::new(),
                };
                if script.dump == Dump::Held {
                    if faces.files[held].writer.is_some() {
                        return;
                    }
                    faces.files[held].writer = Some(process);
                }
                if let Some(seq) = script.drops {
                    let before = entries.len();
                    entries.retain(|e| !matches!(e, Entry::Ours { seq: s, .. } if *s == seq));
                    if entries.len() < before {
                        note(&mut next.told.removed, seq);
                    }
                }
                if let Some(content) = script.adds {
                    let entry = Entry::Raw {
                        content,
                        named: script.named,
                    };
                    entries.extend(std::iter::repeat_n(entry, script.copies));
                }
                next.processes[process].at = At::Dump {
                    entries,
                    held,
                    again: false,
                };
                out.push(("script: loads the face", next));
            }
            Verb::Look => {
                next.processes[process].at = At::RenderLock(Then::Verb);
                out.push(("begins", next));
            }
            _ => {
                let ours = next
                    .faces
                    .as_ref()
                    .is_none_or(|faces| faces.is_ours(faces.face));
                if ours || self.omits(Rule::MergeBeforeRender) {
                    self.open(&mut next, process);
                } else {
                    next.processes[process].at = At::RenderLock(Then::Verb);
                }
                out.push(("looks at the face, opens the journal", next));
            }
        }
    }

    /// J, recovery, one write, J let go. In between nobody else sees anything but a reader, who
    /// sees the write.
    pub(super) fn write(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        if !self.omits(Rule::InodeCheckedUnderLock) && next.processes[process].journal != next.name
        {
            self.open(&mut next, process);
        }
        next.recover(self.omit);
        let fold = next.journals[next.processes[process].journal].fold();
        let verb = self.verb(&next, process);
        let (records, exit) = self.decide(&mut next, process, verb, &fold);
        let Some(records) = records else {
            self.finish(&mut next, process, exit);
            out.push(("finds nothing to do", next));
            return;
        };
        next.processes[process].exit = exit;
        let journal = next.processes[process].journal;
        if next.kills > 0 && !records.is_empty() {
            let mut killed = next.clone();
            killed.append(journal, &[], self.omit);
            for tail in [Tail::Torn, Tail::Unended(records[0])] {
                let mut killed = killed.clone();
                killed.journals[journal].tail = tail;
                killed.kill(process);
                killed.kills -= 1;
                out.push(("is killed in the middle of its write", killed));
            }
        }
        // With the tail written again a keyed retry needs no copy: the rules stand in for each other.
        if !self.omits(Rule::TailWrittenAgain) && !self.omits(Rule::AgainIsACopy) {
            let durable = next.durable(next.hint, self.omit);
            next.journals[journal].write_again(durable);
        }
        next.append(journal, &records, self.omit);
        next.processes[process].at = At::Flush;
        if self.omits(Rule::FlushBeforeExit) {
            self.exit(&mut next, process);
        }
        if self.omits(Rule::FlushBeforePrint) && verb == Verb::Next {
            self.exit(&mut next, process);
        }
        out.push(("writes", next));
    }

    /// What a verb appends, and its exit code; none: it ends here.
    fn decide(
        &self,
        world: &mut World,
        process: usize,
        verb: Verb,
        fold: &Fold,
    ) -> (Option<Vec<Record>>, u8) {
        match verb {
            Verb::Send { key, high } => (Some(self.send(world, process, key, high, fold)), 0),
            Verb::Next => {
                let free = |message: &Message, seq| {
                    message
                        .lease
                        .is_none_or(|lease| !world.lease_holds(seq, lease))
                };
                let ready = fold.pending().into_iter().find_map(|seq| {
                    let message = fold.get(seq)?;
                    free(message, seq).then_some((seq, message.lease.map_or(0, |l| l.n) + 1))
                });
                let Some((seq, n)) = ready else {
                    return (None, 1);
                };
                let me = &mut world.processes[process];
                (me.seq, me.n) = (seq, n);
                let owner = owner(process);
                (
                    Some(vec![Record::Lease {
                        seq,
                        n,
                        owner,
                        boot: world.boot,
                    }]),
                    0,
                )
            }
            Verb::Ack(seq) => self.ack(world, process, seq, fold),
            Verb::Bury(seq) => match fold.get(seq) {
                Some(m) if m.state == State::Pending => (Some(vec![Record::Dead { seq }]), 0),
                // Found dead: nothing of the notice may leave before that is durable.
                Some(m) if m.state == State::Dead && !m.noticed => (Some(vec![]), 0),
                _ => (None, 0),
            },
            Verb::Tell(seq) => match fold.get(seq) {
                Some(m) if m.state == State::Dead && !m.noticed => {
                    let key = if self.omits(Rule::NoticeIsKeyed) {
                        230 + owner(process) * 8 + fold.last()
                    } else {
                        200 + seq
                    };
                    (Some(self.send(world, process, key, false, fold)), 0)
                }
                _ => (None, 0),
            },
            Verb::Told(seq) => match fold.get(seq) {
                Some(m) if m.state == State::Dead && !m.noticed => {
                    (Some(vec![Record::Noticed { seq }]), 0)
                }
                _ => (None, 0),
            },
            Verb::Prune | Verb::Watch | Verb::Look | Verb::Script(_) => {
                unreachable!("{verb:?} does not write to the journal by itself")
            }
        }
    }

    fn send(
        &self,
        world: &mut World,
        process: usize,
        key: u8,
        high: bool,
        fold: &Fold,
    ) -> Vec<Record> {
        let me = &mut world.processes[process];
        let known = fold.by_key(key);
        if let Some((seq, message)) =
            known.filter(|(_, message)| message.whole || !self.omits(Rule::KeysOutliveMessages))
        {
            me.seq = seq;
            if message.whole && !self.omits(Rule::AgainIsACopy) {
                let origin = Origin::Key(key);
                return vec![Record::Again {
                    seq,
                    origin,
                    high: message.high,
                }];
            }
            return Vec::new();
        }
        me.seq = fold.last() + 1;
        vec![Record::Send {
            seq: me.seq,
            origin: Origin::Key(key),
            high,
        }]
    }

    fn ack(
        &self,
        world: &mut World,
        process: usize,
        seq: Option<Seq>,
        fold: &Fold,
    ) -> (Option<Vec<Record>>, u8) {
        let me = &mut world.processes[process];
        if let Some(seq) = seq {
            (me.seq, me.n) = (seq, 0);
        }
        let (seq, n, owner) = (me.seq, me.n, owner(process));
        let Some(message) = fold.get(seq) else {
            return (None, 66);
        };
        match message.state {
            State::Acked { owner: acked } => {
                let exit = u8::from(acked != owner && !self.omits(Rule::OneTaker));
                (Some(vec![Record::Ack { seq, owner: acked }]), exit)
            }
            State::Pending => {
                let other = match message.lease {
                    Some(lease) if n > 0 => lease.n != n,
                    Some(lease) => lease.owner != owner && world.lease_holds(seq, lease),
                    None => false,
                };
                if other && !self.omits(Rule::LateAckRefused) {
                    return (None, 1);
                }
                let held = message.lease.filter(|&lease| world.lease_holds(seq, lease));
                if held.is_some_and(|lease| lease.owner != owner) {
                    note(&mut world.told.usurped, seq);
                }
                (Some(vec![Record::Ack { seq, owner }]), 0)
            }
            State::Discarded | State::Dead | State::Void => (None, 1),
        }
    }

    pub(super) fn flush(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        let me = &next.processes[process];
        let inode = me.journal;
        let journal = &mut next.journals[inode];
        if next.failures > 0 && journal.errors == me.errors {
            let mut failed = next.clone();
            failed.failures -= 1;
            failed.journals[inode].fail_flush();
            self.flush_failed(&mut failed, process);
            out.push(("its flush fails", failed));
        }
        if next.journals[inode].errors > next.processes[process].errors {
            self.flush_failed(&mut next, process);
            out.push(("its flush reports the failure of another", next));
            return;
        }
        let journal = &mut next.journals[inode];
        journal.flush();
        next.processes[process].end = Some((journal.generation, journal.records.len()));
        self.exit(&mut next, process);
        next.processes[process].at = At::Hint;
        out.push(("flushes", next));
    }

    fn flush_failed(&self, world: &mut World, process: usize) {
        if self.omits(Rule::NewGenerationAfterFailedFlush) {
            let errors = world.journals[world.processes[process].journal].errors;
            world.processes[process].errors = errors;
            return;
        }
        world.processes[process].exit = 75;
        world.processes[process].at = At::PruneLock(Why::FailedFlush);
    }

    /// From here on the world may rely on it: the exit code itself comes a little later.
    fn exit(&self, world: &mut World, process: usize) {
        let me = &world.processes[process];
        let (seq, n, exit) = (me.seq, me.n, me.exit);
        match self.verb(world, process) {
            _ if exit != 0 => {}
            Verb::Send { .. } => note(&mut world.told.accepted, seq),
            Verb::Next => {
                note(&mut world.told.printed, (seq, n));
                note(&mut world.told.reported, seq);
            }
            Verb::Ack(_) => note(&mut world.told.acked, (seq, process)),
            _ => {}
        }
    }
}

/// Who a process acts for: each is an agent of its own.
fn owner(process: usize) -> u8 {
    u8::try_from(process).expect("a model has a handful of processes")
}
