//! `.index`: where each message lies and how it stands, at a cost that does not grow with the mailbox.
//!
//! Derived and unflushed: it names generation, salt and boot, and whoever finds another one, or one that a kill
//! left half written, makes it anew from the journal. Every access is under the journal lock, and an `Index` is
//! opened anew for each: pages that it has read are not read again.
//!
//! Page 0 is the header. Then follow regions: one page of summary (a bit a chunk, for each kind of bitmap), pages
//! with the due times of each chunk, and the chunks: one head page (a bit a slot, for each kind, and the due
//! times of each of its pages) and pages of 32 slots. Slot order is seq order is id order.
//!
//! A due time that is noted for many is a lower bound: closing a message does not raise it, `due` does.

mod layout;

use std::cell::Cell;

use self::layout::{
    BITMAP_LEN, DIRTY, DUES_LEN, Due, Geometry, HEADER_LEN, Header, KINDS, MOST_SLOTS,
    SLOTS_A_PAGE, SUMMARY_LEN,
};
use super::slot::{SLOT_LEN, Slot, State};
use crate::names::Class;
use crate::store::{self, File, Pages};

/// A hole in the numbers that is wider was not left by a crash.
const MOST_MISSING: u64 = 1 << 22;

/// Of which journal it is, and of which boot, for nothing of it was flushed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Identity {
    pub r#gen: u64,
    pub salt: u64,
    pub boot: u128,
}

pub(super) struct Index {
    pages: Pages,
    geometry: Geometry,
    header: Header,
    /// As the file has it; `None` where that must not be believed.
    written: Option<Header>,
    /// It was none of ours, or a change was cut short by an error: `reset` comes first.
    is_spoilt: bool,
    /// It was caught contradicting itself.
    has_lied: Cell<bool>,
}

impl Drop for Index {
    /// Whoever opens it next makes it anew.
    fn drop(&mut self) {
        if self.has_lied.get() {
            // Where even this fails, the next one finds the same contradiction.
            let _ = self.mark();
        }
    }
}

impl Index {
    /// Reads the header only.
    pub(super) fn open(file: File) -> Result<Self, store::Error> {
        Self::divided(file, Geometry::SHIPPED)
    }

    fn divided(file: File, geometry: Geometry) -> Result<Self, store::Error> {
        let pages = Pages::new(file);
        let bytes = pages.read_now(0)?;
        let written = Header::from_bytes(&bytes, geometry, pages.end());
        Ok(Self {
            pages,
            geometry,
            header: written.unwrap_or_default(),
            written,
            is_spoilt: written.is_none(),
            has_lied: Cell::new(false),
        })
    }

    /// Of this generation, boot and salt, whole and clean?
    pub(super) fn is_of(&self, identity: &Identity) -> bool {
        !self.is_spoilt && self.header.identity == *identity
    }

    /// Somebody writes to it, or was stopped while he did, or it is none of ours.
    pub(super) const fn is_unfinished(&self) -> bool {
        self.is_spoilt
    }

    /// Whether nothing was written to the file between the opening of one and of the other.
    pub(super) fn says_the_same(&self, earlier: &Self) -> bool {
        self.written.is_some() && self.written == earlier.written
    }

    /// Neither empty nor unfinished nor ours: no header with a right sum.
    pub(super) fn is_garbage(&self) -> Result<bool, store::Error> {
        let bytes: [u8; HEADER_LEN] = self.pages.read_now(0)?;
        let (body, sum) = bytes.split_at(HEADER_LEN - 8);
        Ok(bytes.iter().any(|&b| b != 0) && store::sum(body, 0).to_le_bytes() != sum)
    }

    /// Forgets everything; slots of seq > `base_seq` will be dense.
    pub(super) fn reset(&mut self, identity: &Identity, base_seq: u64) -> Result<(), store::Error> {
        self.written = None;
        self.is_spoilt = true;
        self.pages.clear()?;
        self.header = Header {
            identity: *identity,
            base_seq,
            ..Header::default()
        };
        self.is_spoilt = false;
        self.has_lied.set(false);
        Ok(())
    }

    /// Up to where in the journal its records are in here.
    pub(super) const fn applied(&self) -> u64 {
        self.header.applied
    }

    pub(super) const fn set_applied(&mut self, offset: u64) {
        self.header.applied = offset;
    }

    pub(super) const fn last_seq(&self) -> u64 {
        self.header.last_seq
    }

    pub(super) const fn set_last_seq(&mut self, seq: u64) {
        self.header.last_seq = seq;
    }

    pub(super) const fn last_id(&self) -> u128 {
        self.header.last_id
    }

    pub(super) const fn set_last_id(&mut self, id: u128) {
        self.header.last_id = id;
    }

    /// The newest dead letter; the others hang from it.
    pub(super) const fn last_dead(&self) -> u64 {
        self.header.last_dead
    }

    pub(super) const fn set_last_dead(&mut self, seq: u64) {
        self.header.last_dead = seq;
    }

    pub(super) const fn linked(&self) -> bool {
        self.header.linked
    }

    pub(super) const fn set_linked(&mut self, linked: bool) {
        self.header.linked = linked;
    }

    pub(super) const fn reserved(&self) -> u64 {
        self.header.reserved
    }

    pub(super) const fn set_reserved(&mut self, reserved: u64) {
        self.header.reserved = reserved;
    }

    pub(super) const fn len(&self) -> u64 {
        self.header.len
    }

    pub(super) const fn pending(&self, class: Class) -> u64 {
        self.header.counts[pending_of(class)]
    }

    pub(super) const fn leased(&self) -> u64 {
        self.header.leased
    }

    /// Adds or replaces. New seqs come in increasing order; those that are left out become void slots. Seqs up to
    /// `base_seq` are old ones that survived a compaction: they increase too, and come before all others.
    ///
    /// The ids of a mailbox must not fall as seqs rise, or `by_id` may miss one. A void slot without an id (0)
    /// gets that of the slot before it, for the order's sake.
    pub(super) fn put(&mut self, slot: &Slot) -> Result<(), store::Error> {
        if self.is_spoilt {
            return Err(self.spoilt("it must be made anew first"));
        }
        let outcome = self.put_in_place(slot);
        // What an error cut short must not be taken for whole.
        self.is_spoilt = outcome.is_err();
        outcome
    }

    fn put_in_place(&mut self, slot: &Slot) -> Result<(), store::Error> {
        let place = match self.place(slot.seq)? {
            Some(place) => place,
            None => self.make_room(slot.seq)?,
        };
        let before = if place < self.header.len {
            Some(self.nth(place)?)
        } else {
            None
        };
        let mut slot = *slot;
        if slot.state == State::Void && slot.id == 0 {
            slot.id = self.id_before(place)?;
        }
        if before != Some(slot) {
            self.replace(place, before.as_ref(), &slot)?;
        }
        Ok(())
    }

    /// The place of a new slot. All between it and the last one becomes void.
    fn make_room(&mut self, seq: u64) -> Result<u64, store::Error> {
        let Header {
            base_seq, old, len, ..
        } = self.header;
        if seq <= base_seq {
            let is_next = seq > 0 && old == len && (old == 0 || self.nth(old - 1)?.seq < seq);
            if !is_next {
                return Err(self.spoilt("an old message came late"));
            }
            self.header.old += 1;
            return Ok(len);
        }
        let missing = seq - base_seq - 1 - (len - old);
        if missing > MOST_MISSING || len + missing >= MOST_SLOTS - 1 {
            return Err(self.spoilt("the numbers leap"));
        }
        let id = self.id_before(len)?;
        for place in len..len + missing {
            let seq = base_seq + 1 + (place - old);
            self.replace(place, None, &Slot::void(seq, id))?;
        }
        Ok(len + missing)
    }

    fn id_before(&mut self, place: u64) -> Result<u128, store::Error> {
        match place.checked_sub(1) {
            Some(place) => self.nth(place).map(|slot| slot.id),
            None => Ok(0),
        }
    }

    fn replace(
        &mut self,
        place: u64,
        before: Option<&Slot>,
        slot: &Slot,
    ) -> Result<(), store::Error> {
        if self.pages.is_crowded() {
            self.mark()?;
            self.pages.flush()?;
        }
        let bytes = slot.to_bytes(self.header.identity.salt);
        self.pages.write(self.geometry.slot(place), &bytes)?;
        self.header.len = self.header.len.max(place + 1);
        let (was, is) = (kinds(before), kinds(Some(slot)));
        for kind in 0..KINDS {
            if was[kind] != is[kind] {
                self.flip(kind, place, is[kind])?;
            }
        }
        let was_leased = before.is_some_and(Slot::is_leased);
        if was_leased != slot.is_leased() {
            let leased = step(self.header.leased, slot.is_leased());
            self.header.leased = leased.ok_or_else(|| self.spoilt("its counts are wrong"))?;
        }
        self.note_due(place, Due::of(slot))
    }

    /// Sets or clears the bit of a slot, and that of its chunk where it was the first or the last.
    fn flip(&mut self, kind: usize, place: u64, on: bool) -> Result<(), store::Error> {
        let count = step(self.header.counts[kind], on);
        self.header.counts[kind] = count.ok_or_else(|| self.spoilt("its counts are wrong"))?;
        let (chunk, bit) = self.chunk_of(place);
        let bitmap = self.bitmap(kind, chunk);
        let was_empty = self.first_bit(bitmap, BITMAP_LEN, 0)?.is_none();
        self.set_bit(bitmap, bit, on)?;
        if was_empty || (!on && self.first_bit(bitmap, BITMAP_LEN, 0)?.is_none()) {
            let chunk = chunk % self.geometry.chunks;
            let summary = self.summary(kind, place);
            self.set_bit(summary, chunk, on)?;
        }
        Ok(())
    }

    /// Lowers the noted due times where this one is earlier.
    fn note_due(&mut self, place: u64, due: Due) -> Result<(), store::Error> {
        if due == Due::default() {
            return Ok(());
        }
        self.header.due = self.header.due.earlier(due);
        let (chunk, within) = self.chunk_of(place);
        let page = within / SLOTS_A_PAGE;
        let of_pages = self.due_of_pages(chunk)?;
        self.write_due(self.geometry.page_due(chunk, page), due, Due::earlier)?;
        if of_pages.earlier(due) != of_pages {
            self.write_due(self.geometry.chunk_due(chunk), due, Due::earlier)?;
        }
        Ok(())
    }

    fn due_of_pages(&mut self, chunk: u64) -> Result<Due, store::Error> {
        let dues = self
            .pages
            .view(self.geometry.page_due(chunk, 0), DUES_LEN)?;
        let dues = dues.as_chunks().0.iter().copied().map(Due::from_bytes);
        Ok(dues.fold(Due::default(), Due::earlier))
    }

    fn write_due(
        &mut self,
        offset: u64,
        due: Due,
        merge: impl Fn(Due, Due) -> Due,
    ) -> Result<(), store::Error> {
        let noted = Due::from_bytes(self.pages.read(offset)?);
        let due = merge(noted, due);
        if due != noted {
            self.pages.write(offset, &due.to_bytes())?;
        }
        Ok(())
    }

    pub(super) fn slot(&mut self, seq: u64) -> Result<Option<Slot>, store::Error> {
        self.place(seq)?.map(|place| self.nth(place)).transpose()
    }

    pub(super) fn by_id(&mut self, id: u128) -> Result<Option<Slot>, store::Error> {
        let place = self.first_not(0..self.header.len, |slot| slot.id < id)?;
        if place == self.header.len {
            return Ok(None);
        }
        let slot = self.nth(place)?;
        Ok((slot.id == id).then_some(slot))
    }

    /// In seq order, for scans. `n` is below `len`.
    pub(super) fn nth(&mut self, n: u64) -> Result<Slot, store::Error> {
        if n >= self.header.len {
            return Err(self.spoilt("it has fewer slots"));
        }
        let salt = self.header.identity.salt;
        let bytes = self.pages.view(self.geometry.slot(n), SLOT_LEN)?;
        let slot = bytes
            .first_chunk()
            .and_then(|bytes| Slot::from_bytes(bytes, salt))
            .ok_or_else(|| self.spoilt("a slot is broken"))?;
        if self.place_if_dense(slot.seq) != (n >= self.header.old).then_some(n) {
            return Err(self.spoilt("a slot stands in the wrong place"));
        }
        Ok(slot)
    }

    /// Where a number beyond `base_seq` lies, or would.
    fn place_if_dense(&self, seq: u64) -> Option<u64> {
        let beyond = seq.checked_sub(self.header.base_seq)?.checked_sub(1)?;
        Some(self.header.old.saturating_add(beyond))
    }

    fn place(&mut self, seq: u64) -> Result<Option<u64>, store::Error> {
        if let Some(place) = self.place_if_dense(seq) {
            return Ok((place < self.header.len).then_some(place));
        }
        let place = self.first_not(0..self.header.old, |slot| slot.seq < seq)?;
        let is_it = place < self.header.old && self.nth(place)?.seq == seq;
        Ok(is_it.then_some(place))
    }

    /// The first place after all slots of seq ≤ `seq`.
    fn place_after(&mut self, seq: u64) -> Result<u64, store::Error> {
        match self.place_if_dense(seq) {
            Some(place) => Ok(place.saturating_add(1).min(self.header.len)),
            None => self.first_not(0..self.header.old, |slot| slot.seq <= seq),
        }
    }

    /// The first place whose slot is not `before`: those that are come first.
    fn first_not(
        &mut self,
        places: std::ops::Range<u64>,
        before: impl Fn(&Slot) -> bool,
    ) -> Result<u64, store::Error> {
        let (mut low, mut high) = (places.start, places.end);
        while low < high {
            let middle = low + (high - low) / 2;
            if before(&self.nth(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }

    /// Of the highest class, the lowest seq.
    pub(super) fn first_ready(&mut self) -> Result<Option<Slot>, store::Error> {
        for class in Class::ALL {
            let kind = ready_of(class);
            if self.header.counts[kind] > 0 {
                let place = self.next_of(kind, 0)?;
                return self.counted(place, |slot| slot.is_ready() && slot.class == class);
            }
        }
        Ok(None)
    }

    /// The next pending slot in delivery order after `after` (`None`: the first).
    pub(super) fn next_pending(
        &mut self,
        after: Option<(Class, u64)>,
    ) -> Result<Option<Slot>, store::Error> {
        for class in Class::ALL {
            let is_there = |slot: &Slot| slot.state.is_pending() && slot.class == class;
            let kind = pending_of(class);
            let place = match after {
                _ if self.header.counts[kind] == 0 => continue,
                Some((last, _)) if class < last => continue,
                Some((last, seq)) if class == last => {
                    let from = self.place_after(seq)?;
                    match self.next_of(kind, from)? {
                        None => continue,
                        found => found,
                    }
                }
                _ => self.next_of(kind, 0)?,
            };
            return self.counted(place, is_there);
        }
        Ok(None)
    }

    /// The first pending slots in delivery order, `most` of them if there are so many: those of [`Self::next_pending`],
    /// without looking for the place of each anew.
    pub(super) fn first_pending(&mut self, most: usize) -> Result<Vec<Slot>, store::Error> {
        let all: u64 = Class::ALL
            .into_iter()
            .map(|class| self.pending(class))
            .sum();
        let mut found = Vec::with_capacity(usize::try_from(all).map_or(most, |all| all.min(most)));
        for class in Class::ALL {
            if self.pending(class) > 0 {
                self.add_pending_of(class, most, &mut found)?;
            }
        }
        Ok(found)
    }

    /// Those of one class, which has some.
    fn add_pending_of(
        &mut self,
        class: Class,
        most: usize,
        found: &mut Vec<Slot>,
    ) -> Result<(), store::Error> {
        let kind = pending_of(class);
        let is_there = |slot: &Slot| slot.state.is_pending() && slot.class == class;
        let mut next = self.next_of(kind, 0)?;
        if next.is_none() {
            return self.counted(None, is_there).map(drop);
        }
        while let Some(place) = next {
            let (chunk, _) = self.chunk_of(place);
            let first = chunk * self.geometry.chunk_slots();
            let words: [u8; BITMAP_LEN] = self.pages.read(self.bitmap(kind, chunk))?;
            for (at, &word) in (0u64..).zip(words.as_chunks().0) {
                let mut word = u64::from_le_bytes(word);
                while word != 0 {
                    if found.len() >= most {
                        return Ok(());
                    }
                    let place = first + at * 64 + u64::from(word.trailing_zeros());
                    found.extend(self.counted(Some(place), is_there)?);
                    word &= word - 1;
                }
            }
            next = self.next_of(kind, first + self.geometry.chunk_slots())?;
        }
        Ok(())
    }

    /// The slot that a bitmap or a count promised.
    fn counted(
        &mut self,
        place: Option<u64>,
        is_it: impl Fn(&Slot) -> bool,
    ) -> Result<Option<Slot>, store::Error> {
        if let Some(place) = place {
            let slot = self.nth(place)?;
            if is_it(&slot) {
                return Ok(Some(slot));
            }
        }
        Err(self.spoilt("its bitmaps are wrong"))
    }

    /// The first place from `from` on whose bit is set.
    fn next_of(&mut self, kind: usize, from: u64) -> Result<Option<u64>, store::Error> {
        let chunk_slots = self.geometry.chunk_slots();
        let (mut chunk, bit) = self.chunk_of(from);
        // Where there is but one chunk it says all that the summary says.
        if bit > 0 || (chunk == 0 && self.header.len <= chunk_slots) {
            if let Some(bit) = self.first_bit(self.bitmap(kind, chunk), BITMAP_LEN, bit)? {
                return Ok(Some(chunk * chunk_slots + bit));
            }
            chunk += 1;
        }
        while chunk * chunk_slots < self.header.len {
            let (region, within) = (chunk / self.geometry.chunks, chunk % self.geometry.chunks);
            let summary = self.summary(kind, chunk * chunk_slots);
            if let Some(within) = self.first_bit(summary, SUMMARY_LEN, within)? {
                let chunk = region * self.geometry.chunks + within;
                let bit = self.first_bit(self.bitmap(kind, chunk), BITMAP_LEN, 0)?;
                let bit = bit.ok_or_else(|| self.spoilt("its summaries are wrong"))?;
                return Ok(Some(chunk * chunk_slots + bit));
            }
            chunk = (region + 1) * self.geometry.chunks;
        }
        Ok(None)
    }

    /// Pending ones whose lease, expiry or `not_before` is not after the given times, at most `most`.
    pub(super) fn due(
        &mut self,
        boot_ms: u64,
        wall_ms: i64,
        most: usize,
    ) -> Result<Vec<Slot>, store::Error> {
        let mut search = Search {
            boot_ms,
            wall_ms,
            most,
            found: Vec::new(),
        };
        if most == 0 || !search.is_past(self.header.due) {
            return Ok(search.found);
        }
        let mut next = Due::default();
        for chunk in 0..self.header.len.div_ceil(self.geometry.chunk_slots()) {
            let mut due = Due::from_bytes(self.pages.read(self.geometry.chunk_due(chunk))?);
            if search.is_past(due) {
                due = self.search_chunk(chunk, &mut search)?;
                if search.is_full() {
                    // What was not searched may be due as well: the bounds above it stay.
                    return Ok(search.found);
                }
                self.write_due(self.geometry.chunk_due(chunk), due, |_, due| due)?;
            }
            next = next.earlier(due);
        }
        self.header.due = next;
        Ok(search.found)
    }

    fn search_chunk(&mut self, chunk: u64, search: &mut Search) -> Result<Due, store::Error> {
        for page in 0..self.geometry.pages {
            let offset = self.geometry.page_due(chunk, page);
            if !search.is_past(Due::from_bytes(self.pages.read(offset)?)) {
                continue;
            }
            let first = chunk * self.geometry.chunk_slots() + page * SLOTS_A_PAGE;
            let mut due = Due::default();
            for place in first..(first + SLOTS_A_PAGE).min(self.header.len) {
                let slot = self.nth(place)?;
                due = due.earlier(Due::of(&slot));
                if search.is_past(Due::of(&slot)) {
                    search.found.push(slot);
                    if search.is_full() {
                        return Ok(Due::default());
                    }
                }
            }
            self.write_due(offset, due, |_, due| due)?;
        }
        self.due_of_pages(chunk)
    }

    /// When `due` may have something, in ms of the boot clock and Unix ms: never later than the truth, and after
    /// `due` found nothing later than the times that it was asked for.
    pub(super) fn next_due(&self) -> (Option<u64>, Option<i64>) {
        let Due { boot, wall } = self.header.due;
        ((boot != 0).then_some(boot), (wall != 0).then_some(wall))
    }

    /// Says in the file that it is being changed, until `flush`: a kill in between means that the next one
    /// makes it anew. `flush` does it by itself; who changes another derived file in step calls it before.
    pub(super) fn mark(&mut self) -> Result<(), store::Error> {
        if let Some(header) = self.written {
            self.pages
                .write_now(0, &header.to_bytes(self.geometry, DIRTY))?;
            self.written = None;
        }
        Ok(())
    }

    /// Writes what changed.
    pub(super) fn flush(&mut self) -> Result<(), store::Error> {
        if self.is_spoilt {
            self.mark()?;
            return Err(self.spoilt("it must be made anew first"));
        }
        if self.pages.unwritten() > 0 {
            self.mark()?;
            self.pages.flush()?;
        }
        if self.written != Some(self.header) {
            // A header that is cut short has a wrong sum.
            self.written = None;
            self.pages
                .write_now(0, &self.header.to_bytes(self.geometry, 0))?;
            self.written = Some(self.header);
        }
        Ok(())
    }

    /// The first thing in it that contradicts its own slots: a bit, a count, a due time that comes too late.
    pub(super) fn contradiction(&mut self) -> Result<Option<String>, store::Error> {
        let mut counts = [0; KINDS];
        let mut leased = 0;
        for place in 0..self.header.len {
            let slot = self.nth(place)?;
            let (is, due) = (kinds(Some(&slot)), Due::of(&slot));
            let (chunk, bit) = self.chunk_of(place);
            for kind in 0..KINDS {
                counts[kind] += u64::from(is[kind]);
                if self.bit(self.bitmap(kind, chunk), bit)? != is[kind] {
                    let map = map_name(kind);
                    return Ok(Some(format!("seq {}: the {map} bitmap is wrong", slot.seq)));
                }
            }
            leased += u64::from(slot.is_leased());
            let page = self.geometry.page_due(chunk, bit / SLOTS_A_PAGE);
            let page = Due::from_bytes(self.pages.read(page)?);
            let of_chunk = Due::from_bytes(self.pages.read(self.geometry.chunk_due(chunk))?);
            for bound in [page, of_chunk, self.header.due] {
                if bound.earlier(due) != bound {
                    return Ok(Some(format!("seq {}: a due time comes too late", slot.seq)));
                }
            }
        }
        for kind in 0..KINDS {
            if self.next_of(kind, self.header.len)?.is_some() {
                return Ok(Some("a bitmap goes beyond the last slot".into()));
            }
            for chunk in 0..self.header.len.div_ceil(self.geometry.chunk_slots()) {
                let summary = self.summary(kind, chunk * self.geometry.chunk_slots());
                let is_any = self
                    .first_bit(self.bitmap(kind, chunk), BITMAP_LEN, 0)?
                    .is_some();
                if self.bit(summary, chunk % self.geometry.chunks)? != is_any {
                    return Ok(Some(format!("a summary of {} is wrong", map_name(kind))));
                }
            }
        }
        if (counts, leased) != (self.header.counts, self.header.leased) {
            return Ok(Some("its header counts wrong".into()));
        }
        Ok(None)
    }

    fn bit(&mut self, bitmap: u64, bit: u64) -> Result<bool, store::Error> {
        let [byte] = self.pages.read(bitmap + bit / 8)?;
        Ok(byte & 1 << (bit % 8) != 0)
    }

    const fn chunk_of(&self, place: u64) -> (u64, u64) {
        let slots = self.geometry.chunk_slots();
        (place / slots, place % slots)
    }

    const fn bitmap(&self, kind: usize, chunk: u64) -> u64 {
        self.geometry.head(chunk) + (kind * BITMAP_LEN) as u64
    }

    /// The summary of the region that a slot lies in.
    const fn summary(&self, kind: usize, place: u64) -> u64 {
        let region = place / self.geometry.chunk_slots() / self.geometry.chunks;
        self.geometry.summary(region) + (kind * SUMMARY_LEN) as u64
    }

    fn first_bit(
        &mut self,
        bitmap: u64,
        len: usize,
        from: u64,
    ) -> Result<Option<u64>, store::Error> {
        let words = self.pages.view(bitmap, len)?.as_chunks().0;
        let mut mask = u64::MAX << (from % 64);
        for (at, &word) in (0u64..).zip(words).skip((from / 64) as usize) {
            let word = u64::from_le_bytes(word) & mask;
            if word != 0 {
                return Ok(Some(at * 64 + u64::from(word.trailing_zeros())));
            }
            mask = u64::MAX;
        }
        Ok(None)
    }

    fn set_bit(&mut self, bitmap: u64, bit: u64, on: bool) -> Result<(), store::Error> {
        let (offset, bit) = (bitmap + bit / 8, 1 << (bit % 8));
        let [byte] = self.pages.read(offset)?;
        let changed = if on { byte | bit } else { byte & !bit };
        if changed != byte {
            self.pages.write(offset, &[changed])?;
        }
        Ok(())
    }

    fn spoilt(&self, what: &'static str) -> store::Error {
        self.has_lied.set(true);
        store::Error::Spoilt {
            path: self.pages.file().path().into(),
            what,
        }
    }
}

struct Search {
    boot_ms: u64,
    wall_ms: i64,
    most: usize,
    found: Vec<Slot>,
}

impl Search {
    const fn is_past(&self, due: Due) -> bool {
        due.is_past(self.boot_ms, self.wall_ms)
    }

    const fn is_full(&self) -> bool {
        self.found.len() >= self.most
    }
}

const fn map_name(kind: usize) -> &'static str {
    if kind < Class::ALL.len() {
        "pending"
    } else {
        "ready"
    }
}

const fn pending_of(class: Class) -> usize {
    class as usize
}

const fn ready_of(class: Class) -> usize {
    Class::ALL.len() + class as usize
}

/// Which bits a slot has.
fn kinds(slot: Option<&Slot>) -> [bool; KINDS] {
    let mut kinds = [false; KINDS];
    if let Some(slot) = slot {
        kinds[pending_of(slot.class)] = slot.state.is_pending();
        kinds[ready_of(slot.class)] = slot.is_ready();
    }
    kinds
}

const fn step(count: u64, up: bool) -> Option<u64> {
    if up {
        count.checked_add(1)
    } else {
        count.checked_sub(1)
    }
}

#[cfg(test)]
mod tests;
