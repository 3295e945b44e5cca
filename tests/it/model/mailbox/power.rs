//! What a power cut leaves.

use super::*;

impl Scenario {
    /// Everything that a power cut may leave.
    pub(super) fn cuts(&self, world: &World) -> Vec<World> {
        let mut dead = world.clone();
        dead.cuts -= 1;
        dead.boot += 1;
        dead.hint = None;
        for process in 0..dead.processes.len() {
            if self.begun(world, process) {
                dead.kill(process);
            }
        }
        let mut names = vec![dead.name];
        if dead.disk_name != dead.name {
            names.push(dead.disk_name);
        }
        let mut cuts = Vec::new();
        for name in names {
            for journal in dead.journals[name].cuts() {
                let mut cut = dead.clone();
                cut.left_over = None;
                cut.journals = vec![journal];
                cut.name = 0;
                cut.disk_name = 0;
                self.cut_faces(&cut, &mut cuts);
            }
        }
        cuts
    }

    fn cut_faces(&self, cut: &World, cuts: &mut Vec<World>) {
        let Some(faces) = &cut.faces else {
            cuts.push(cut.clone());
            return;
        };
        for &face in faces.reverts.iter().chain([&faces.face]) {
            for doc in faces.files[face].cuts() {
                let mut cut = cut.clone();
                let faces = cut.faces_mut();
                let now = faces.face;
                faces.face = face;
                faces.temporaries.retain(|&left| left != face);
                faces.displaced.retain(|&left| left != face);
                faces.spare = faces.spare.filter(|&spare| spare != face);
                // Taken back by the revert, the newer one is still there under its first name.
                if now != face && faces.files[now].flushed {
                    faces.temporaries.push(now);
                }
                faces.temporaries.extend(faces.spare.take());
                faces.reverts.clear();
                faces.files[face].tick += u8::from(doc != faces.files[face].doc);
                faces.files[face].doc = doc;
                let fold = cut.fold();
                let omit = self.omit;
                cut.faces_mut().reboot(&fold, omit);
                cut.faces_mut().tidy();
                cuts.push(cut);
            }
        }
    }
}
