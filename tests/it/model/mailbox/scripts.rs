//! The foreign writer.

use super::*;

impl Scenario {
    pub(super) fn dump(
        &self,
        mut next: World,
        process: usize,
        out: &mut Vec<(&'static str, World)>,
    ) {
        let Verb::Script(script) = self.verb(&next, process) else {
            unreachable!("only scripts dump")
        };
        match next.processes[process].at.clone() {
            At::Dump {
                entries,
                held,
                again,
            } => match script.dump {
                Dump::Rename => {
                    let faces = next.faces_mut();
                    let file = File {
                        foreign: true,
                        flushed: true,
                        ..File::new(Doc::Array(entries.clone()))
                    };
                    let inode = faces.create(file);
                    faces.rename_over(inode);
                    faces.reverts.clear();
                    faces.tidy();
                    self.dumped(&mut next, process, script, entries, inode, again);
                    out.push(("script: renames its file over the face", next));
                }
                Dump::InPlace | Dump::Held => {
                    let faces = next.faces_mut();
                    let inode = if script.dump == Dump::Held {
                        held
                    } else {
                        faces.face
                    };
                    let file = &mut faces.files[inode];
                    if file.writer.is_some_and(|writer| writer != process) {
                        return;
                    }
                    let was_foreign = file.foreign;
                    file.writer = Some(process);
                    file.doc = Doc::Empty;
                    file.foreign = true;
                    file.flushed = false;
                    next.processes[process].at = At::DumpWrite {
                        entries,
                        inode,
                        again,
                    };
                    if was_foreign {
                        out.push(("script: truncates within the same tick", next.clone()));
                    }
                    next.faces_mut().files[inode].tick += 1;
                    out.push(("script: truncates", next));
                }
            },
            At::DumpWrite {
                entries,
                inode,
                again,
            } => {
                if next.kills > 0 {
                    let mut killed = next.clone();
                    killed.kills -= 1;
                    killed.faces_mut().files[inode].doc = Doc::Half;
                    killed.kill(process);
                    out.push(("script: is killed half-way", killed));
                }
                next.faces_mut().files[inode].doc = Doc::Array(entries.clone());
                next.processes[process].at = At::DumpClose {
                    entries,
                    inode,
                    again,
                };
                out.push(("script: writes", next));
            }
            At::DumpClose {
                entries,
                inode,
                again,
            } => {
                let file = &mut next.faces_mut().files[inode];
                file.flushed = true;
                let keeps = script.dump == Dump::Held && script.then.is_some() && !again;
                file.writer = keeps.then_some(process);
                self.dumped(&mut next, process, script, entries, inode, again);
                next.faces_mut().tidy();
                out.push(("script: flushes and closes", next));
            }
            at => unreachable!("{at:?} is not a step of a script"),
        }
    }

    fn dumped(
        &self,
        world: &mut World,
        process: usize,
        script: Script,
        mut entries: Vec<Entry>,
        held: Inode,
        again: bool,
    ) {
        let content = if again { script.then } else { script.adds };
        if let Some(content) = content {
            let copies = std::iter::repeat_n(content, script.copies);
            world.told.written.extend(copies);
            world.told.written.sort_unstable();
        }
        let Some(second) = script.then.filter(|_| !again) else {
            self.finish(world, process, 0);
            return;
        };
        // The author of the first dump overwrites it himself: nobody owes it to him any more.
        world
            .told
            .written
            .retain(|written| Some(*written) != script.adds);
        for entry in &mut entries {
            if let Entry::Raw { content, .. } = entry {
                *content = second;
            }
        }
        world.processes[process].at = At::Dump {
            entries,
            held,
            again: true,
        };
    }
}
