//! Render and merge, step by step under R.

use super::*;

impl Scenario {
    #[expect(
        clippy::too_many_lines,
        reason = "one arm a system call, in the order of the page"
    )]
    pub(super) fn render(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        let name = match next.processes[process].at.clone() {
            At::RenderLock(_) if next.render_lock.is_some() => return,
            At::MergeWrite { .. } | At::Window { .. } if next.journal_lock.is_some() => return,
            At::Check(then) => return self.check(next, process, then, out),
            At::Examine { inode, then } => return self.examine(next, process, inode, then, out),
            At::RenderLock(then) => {
                next.render_lock = Some(process);
                next.processes[process].at = At::Check(then);
                "render: locks R"
            }
            At::MergeWrite {
                inode,
                doc,
                merged,
                then,
            } => {
                next.recover(self.omit);
                let records = merge(&doc, next.faces(), &next.fold(), self.omit);
                let name = next.name;
                next.processes[process].journal = name;
                next.append(name, &records, self.omit);
                let wrote = !records.is_empty();
                next.processes[process].at = At::MergeFlush {
                    inode,
                    merged,
                    wrote,
                    then,
                };
                "merge: writes"
            }
            At::MergeFlush {
                inode,
                merged,
                wrote,
                then,
            } => {
                self.merge_flush(&mut next, process, wrote);
                next.processes[process].at = merged_away(next.faces_mut(), inode, merged, then);
                "merge: flushes"
            }
            At::Window { prev, then } => {
                let (rev, covers, shown) = self.window(&mut next, process);
                next.processes[process].at = At::Fill {
                    prev,
                    rev,
                    covers,
                    shown,
                    then,
                };
                "render: copies the window under J"
            }
            At::Fill {
                prev,
                rev,
                covers,
                shown,
                then,
            } => {
                let faces = next.faces_mut();
                let inode = if self.omits(Rule::FaceIsReplaced) {
                    faces.files[faces.face] = File::new(Doc::Half);
                    faces.face
                } else {
                    let inode = faces.file_for(&shown, Doc::Array(entries(&shown, rev)));
                    faces.temporaries.push(inode);
                    inode
                };
                next.processes[process].at = At::Stamp {
                    prev,
                    rev,
                    covers,
                    inode,
                    shown,
                    then,
                };
                "render: writes the temporary"
            }
            At::Stamp {
                prev,
                rev,
                covers,
                inode,
                shown,
                then,
            } => {
                let faces = next.faces_mut();
                faces.files[inode].doc = Doc::Array(entries(&shown, rev));
                faces.stamp = Some(Stamp {
                    rev,
                    covers,
                    temporary: inode,
                    prev,
                    next: faces.identity(inode, self.omit),
                    settled: self.omits(Rule::UnsettledBeforeSwap),
                    entries: self.since(faces, &shown, rev),
                });
                next.processes[process].at = At::Swap { inode, then };
                "render: stamps"
            }
            At::Swap { inode, then } => {
                next.processes[process].at = self.swap(&mut next, inode, then);
                "render: swaps"
            }
            At::Settle(then) => {
                let faces = next.faces_mut();
                if let Some(stamp) = &mut faces.stamp {
                    stamp.settled = true;
                }
                // Never installed, or installed and merged before this face was rendered.
                faces.temporaries.clear();
                self.rendered(&mut next, process, then);
                "render: settles, frees R"
            }
            at => unreachable!("{at:?} is not a step of render"),
        };
        out.push((name, next));
    }

    fn merge_flush(&self, next: &mut World, process: usize, wrote: bool) {
        if wrote || !self.omits(Rule::EmptyMergeFlushes) {
            let me = &mut next.processes[process];
            let journal = &mut next.journals[me.journal];
            journal.flush();
            me.end = Some((journal.generation, journal.records.len()));
        }
    }

    /// The pending messages to show, what of the journal they cover, and the rev of the render.
    fn window(&self, next: &mut World, process: usize) -> (u8, (u8, usize), Vec<Seq>) {
        next.recover(self.omit);
        let journal = next.journal();
        let generation = journal.generation;
        let mine = next.processes[process]
            .end
            .filter(|(of, _)| *of == generation);
        let mut covers = next
            .durable(next.hint, self.omit)
            .max(mine.map_or(0, |(_, end)| end));
        if self.omits(Rule::FaceShowsDurable) {
            covers = journal.records.len();
        }
        let there = journal.fold_to(covers.min(journal.records.len()));
        let mut shown = next.fold().pending();
        shown.truncate(self.window);
        shown.retain(|&seq| there.get(seq).is_some());
        let faces = next.faces_mut();
        let rev = faces.stamp.as_ref().map_or(faces.clock, |stamp| stamp.rev) + 1;
        faces.clock = faces.clock.max(rev);
        if self.omits(Rule::ShownAfterTheSwap) {
            for &seq in &shown {
                if faces.shown.iter().all(|(known, _)| *known != seq) {
                    note(&mut faces.shown, (seq, rev));
                }
            }
        }
        (rev, (generation, covers), shown)
    }

    /// Since which rev each of them is shown without a gap.
    fn since(&self, faces: &Faces, shown: &[Seq], rev: u8) -> Vec<(Seq, u8)> {
        let before = if self.omits(Rule::SinceWithoutAGap) {
            Some(&faces.shown)
        } else {
            faces.stamp.as_ref().map(|stamp| &stamp.entries)
        };
        let since = |seq| {
            before?
                .iter()
                .find(|(shown, _)| *shown == seq)
                .map(|(_, since)| *since)
        };
        shown
            .iter()
            .map(|&seq| (seq, since(seq).unwrap_or(rev)))
            .collect()
    }

    fn swap(&self, next: &mut World, inode: Inode, then: Then) -> At {
        let faces = next.faces_mut();
        let old = faces.face;
        faces.rename_over(inode);
        faces.temporaries.retain(|&left| left != inode);
        let shown = faces
            .stamp
            .as_ref()
            .map(|s| s.entries.clone())
            .unwrap_or_default();
        let at = if self.omits(Rule::SwapIsAnExchange) || self.omits(Rule::FaceIsReplaced) {
            faces.tidy();
            At::Settle(then)
        } else {
            faces.temporaries.push(old);
            At::Examine { inode: old, then }
        };
        for (seq, _) in shown {
            note(&mut next.told.reported, seq);
        }
        at
    }

    /// Step 8: what the exchange displaced.
    fn examine(
        &self,
        mut next: World,
        process: usize,
        inode: Inode,
        then: Then,
        out: &mut Vec<(&'static str, World)>,
    ) {
        let faces = next.faces_mut();
        faces.mark_shown();
        let prev = faces.stamp.as_ref().and_then(|stamp| stamp.prev.clone());
        let known = prev.is_some_and(|prev| faces.is(inode, &prev));
        let written =
            faces.files[inode].writer.is_some() && !self.omits(Rule::DisplacedWaitsForItsWriter);
        if written {
            faces.temporaries.retain(|&left| left != inode);
            faces.displaced.push(inode);
            next.processes[process].at = At::Settle(then);
            out.push(("render: sets the displaced face aside for its writer", next));
        } else if known || self.omits(Rule::DisplacedIsExamined) {
            faces.temporaries.retain(|&left| left != inode);
            let is_kept = known && faces.went_on_from(inode);
            faces.spare = is_kept.then_some(inode);
            faces.tidy();
            next.processes[process].at = At::Settle(then);
            let name = if is_kept {
                "render: keeps the displaced face as the spare"
            } else {
                "render: unlinks the displaced face"
            };
            out.push((name, next));
        } else {
            let doc = faces.files[inode].doc.clone();
            next.processes[process].at = At::MergeWrite {
                inode,
                doc,
                merged: Merged::Displaced,
                then,
            };
            out.push(("render: reads the displaced face", next));
        }
    }

    /// Steps 2 and 3 of render: left-overs, then the face itself.
    fn check(
        &self,
        mut next: World,
        process: usize,
        then: Then,
        out: &mut Vec<(&'static str, World)>,
    ) {
        let faces = next.faces_mut();
        if !self.omits(Rule::ShownAfterAKill) {
            faces.mark_shown();
        }
        for inode in faces.temporaries.clone() {
            if faces.unswapped(inode) && !self.omits(Rule::LeftOverExamined) {
                // Its name says that it was not swapped in: it stays until the next stamp.
                continue;
            }
            let named = faces.stamp.as_ref().is_some_and(|s| !s.settled);
            let unknown = faces.stamp.is_none() && !self.omits(Rule::LeftOverOfAnotherBootMerged);
            let examined = named && !self.omits(Rule::LeftOverExamined);
            let written = faces.files[inode].writer.is_some()
                && !self.omits(Rule::DisplacedWaitsForItsWriter);
            faces.temporaries.retain(|&left| left != inode);
            if written && (examined || unknown) {
                faces.displaced.push(inode);
            } else if unknown || (examined && !faces.is_ours(inode)) {
                faces.temporaries.push(inode);
                read(next, process, inode, Merged::LeftOver, then, out);
                return;
            }
        }
        let waiting = faces
            .displaced
            .iter()
            .find(|&&inode| faces.files[inode].writer.is_none());
        if let Some(&inode) = waiting {
            read(next, process, inode, Merged::LeftOver, then, out);
            return;
        }
        let face = faces.face;
        let prev = faces.identity(face, self.omit);
        let ours = faces.is_ours(face);
        let settled = faces
            .stamp
            .as_ref()
            .filter(|s| s.settled && faces.is(face, &s.next));
        let covers = settled.map(|stamp| stamp.covers);
        faces.tidy();
        let generation = next.journal().generation;
        let end = next.processes[process].end.map_or(0, |(_, end)| end);
        if covers.is_some_and(|(of, to)| of == generation && to >= end) {
            self.rendered(&mut next, process, then);
            out.push(("render: the face is as it should be, frees R", next));
        } else if ours
            || self.omits(Rule::MergeBeforeRender)
            || next.faces().files[face].writer.is_some()
        {
            // A file that is still being written was not merged: whatever it is when it is
            // displaced, it is to be examined.
            let merged =
                ours || self.omits(Rule::MergeBeforeRender) || self.omits(Rule::UnmergedIsExamined);
            next.processes[process].at = At::Window {
                prev: merged.then_some(prev),
                then,
            };
            out.push(("render: nothing to merge", next));
        } else {
            read(next, process, face, Merged::Face(prev), then, out);
        }
    }

    fn rendered(&self, world: &mut World, process: usize, then: Then) {
        world.render_lock = None;
        world.faces_mut().tidy();
        match then {
            Then::Verb => self.open(world, process),
            Then::End => {
                let exit = world.processes[process].exit;
                self.finish(world, process, exit);
            }
        }
    }
}

fn entries(shown: &[Seq], rev: u8) -> Vec<Entry> {
    shown.iter().map(|&seq| Entry::Ours { seq, rev }).collect()
}

/// What was merged is durable: its file is no longer needed.
fn merged_away(faces: &mut Faces, inode: Inode, merged: Merged, then: Then) -> At {
    match merged {
        Merged::Face(prev) => At::Window {
            prev: Some(prev),
            then,
        },
        Merged::LeftOver => {
            faces.temporaries.retain(|&left| left != inode);
            faces.displaced.retain(|&left| left != inode);
            faces.tidy();
            At::Check(then)
        }
        Merged::Displaced => {
            faces.temporaries.retain(|&left| left != inode);
            faces.tidy();
            let stamp = faces.stamp.as_ref().expect("written before the swap");
            At::Window {
                prev: Some(stamp.next.clone()),
                then,
            }
        }
    }
}

fn read(
    mut next: World,
    process: usize,
    inode: Inode,
    merged: Merged,
    then: Then,
    out: &mut Vec<(&'static str, World)>,
) {
    let doc = next.faces().files[inode].doc.clone();
    next.processes[process].at = At::MergeWrite {
        inode,
        doc,
        merged,
        then,
    };
    out.push(("merge: reads a file that is not ours", next));
}
