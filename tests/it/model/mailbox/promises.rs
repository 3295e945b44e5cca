//! The promises, checked in every state.

use super::*;

impl Scenario {
    pub(super) fn broken_promise(&self, world: &World) -> Option<String> {
        let fold = world.fold();
        let told = &world.told;
        let state = |seq: Seq| {
            fold.get(seq)
                .filter(|m| m.origin.is_some())
                .map(|m| m.state)
        };
        for &seq in &told.accepted {
            match state(seq) {
                Some(State::Pending | State::Acked { .. } | State::Dead) => {}
                Some(State::Discarded) if told.removed.contains(&seq) => {}
                other => return Some(format!("I1: accepted message {seq} is {other:?}")),
            }
        }
        for &(seq, owner) in &told.acked {
            if !matches!(state(seq), Some(State::Acked { .. })) {
                return Some(format!("I4: acked message {seq} is {:?}", state(seq)));
            }
            if told.acked.iter().any(|&(s, o)| s == seq && o != owner) {
                return Some(format!("I4: message {seq} was acked for two"));
            }
        }
        for &seq in &told.reported {
            if matches!(state(seq), None | Some(State::Void)) {
                return Some(format!("reported message {seq} is {:?}", state(seq)));
            }
        }
        for &seq in &told.refused {
            if state(seq).is_some_and(|state| state != State::Void) {
                return Some(format!("I6: refused message {seq} is {:?}", state(seq)));
            }
        }
        if let Some(seq) = told.usurped.first() {
            return Some(format!(
                "I4: message {seq} was acked in spite of a lease that holds"
            ));
        }
        for (seq, message) in fold.known() {
            if let Some(Origin::Adopted {
                content: ghost @ 100..,
                ..
            }) = message.origin
            {
                return Some(format!("I4: message {} came back as {seq}", ghost - 100));
            }
        }
        self.doubled(world, &fold).or_else(|| torn_face(world))
    }

    /// I3: a key stands for one message, a number for one message, an entry is adopted once.
    fn doubled(&self, world: &World, fold: &Fold) -> Option<String> {
        let live: Vec<(Seq, Origin)> = fold
            .known()
            .filter(|(_, message)| message.state != State::Void)
            .filter_map(|(seq, message)| Some((seq, message.origin?)))
            .collect();
        for (at, (seq, origin)) in live.iter().enumerate() {
            let same = |other: &Origin| match (*origin, *other) {
                // Keys above 200 are those of notices, of which there is one.
                (Origin::Key(a), Origin::Key(b)) => a == b || a >= 200 && b >= 200,
                (Origin::Adopted { content: a, .. }, Origin::Adopted { content: b, .. }) => a == b,
                _ => false,
            };
            let twins = live[at + 1..]
                .iter()
                .filter(|(_, other)| same(other))
                .count();
            if twins >= self.copies(*origin) {
                return Some(format!("I3: {origin:?} of message {seq} is there twice"));
            }
        }
        let mut sends = Vec::new();
        for (record, _) in &world.journal().records {
            if let Record::Send { seq, origin, .. } = *record {
                if sends.contains(&seq) && fold.get(seq).is_some_and(|m| m.origin != Some(origin)) {
                    return Some(format!("two messages have the number {seq}"));
                }
                sends.push(seq);
            }
        }
        None
    }

    /// How often an entry may be there: as often as it was written.
    fn copies(&self, origin: Origin) -> usize {
        let Origin::Adopted {
            content,
            named: false,
            ..
        } = origin
        else {
            return 1;
        };
        self.scripts()
            .filter(|s| s.adds == Some(content))
            .map(|s| s.copies)
            .sum::<usize>()
            .max(1)
    }

    fn scripts(&self) -> impl Iterator<Item = Script> {
        self.programs
            .iter()
            .flat_map(|program| &program.verbs)
            .filter_map(|verb| match verb {
                Verb::Script(script) => Some(*script),
                _ => None,
            })
    }

    /// I8 and I9: whoever is alone with what the others left gets through, and then everything that
    /// was written into the face is adopted, and no left-over remains.
    pub(super) fn stuck(&self, world: &World) -> Option<String> {
        let mut alone = world.clone();
        for process in 0..alone.processes.len() {
            alone.kill(process);
        }
        (alone.kills, alone.cuts, alone.failures, alone.lapses) = (0, 0, 0, 0);
        if !self.fresh.borrow_mut().insert(fingerprint(&alone)) {
            return None;
        }
        let verbs = [
            Verb::Send {
                key: 99,
                high: false,
            },
            Verb::Prune,
        ];
        if let Err(why) = self.run(&mut alone, &verbs) {
            return Some(format!("I8: {why}"));
        }
        if let Some(why) = self.broken_promise(&alone) {
            return Some(format!("after a fresh send and prune: {why}"));
        }
        let fold = alone.fold();
        if fold.by_key(99).is_none() {
            return Some("I8: a fresh send did not arrive".to_owned());
        }
        let faces = alone.faces.as_ref()?;
        for written in alone.told.written.chunk_by(|a, b| a == b) {
            let (content, adopted) = (written[0], fold.adopted(written[0]).len());
            if adopted < written.len() {
                let wanted = written.len();
                return Some(format!(
                    "I9: {adopted} of {wanted} entries {content} were adopted"
                ));
            }
        }
        if !faces.temporaries.is_empty() || !faces.displaced.is_empty() {
            return Some("I8: a left-over of the face remains".to_owned());
        }
        let mut shown = fold.pending();
        shown.truncate(self.window);
        let listed: Vec<Seq> = match &faces.files[faces.face].doc {
            Doc::Array(entries) => entries
                .iter()
                .filter_map(|e| match e {
                    Entry::Ours { seq, .. } => Some(*seq),
                    Entry::Raw { .. } => None,
                })
                .collect(),
            Doc::Empty | Doc::Half => Vec::new(),
        };
        (listed != shown).then(|| format!("I5: the face lists {listed:?}, pending are {shown:?}"))
    }
}

/// I5: as far as our own writes go the face is whole, until the power is cut.
fn torn_face(world: &World) -> Option<String> {
    let faces = world.faces.as_ref()?;
    let file = &faces.files[faces.face];
    let whole = matches!(file.doc, Doc::Array(_)) || file.foreign || world.boot > 0;
    (!whole).then(|| format!("I5: a reader finds {:?}", file.doc))
}
