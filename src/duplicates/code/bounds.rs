//! Where a copy begins and ends: at statements, and not halfway through a block.

use std::collections::HashMap;

use foldhash::fast::FixedState;

use super::align::each_group;
use super::blocks::Form;
use super::source::{Sources, Span};

/// A copy is looked for so many tokens beyond what is known of it.
const REACH: usize = 48;
/// What a token more on one side costs, in tokens that are common.
const PRICE: u32 = 5;
const WORTH: u32 = 2;
/// So many tokens may one side have more than the other.
const BAND: u32 = 12;
/// So many signs of a common beginning stand side by side.
const GROUP: usize = 6;
/// So far below the best nothing is looked for any more.
const LOST: i32 = 45;

/// How far two files go on together before and after a place in each: the halves of a chain end where it ends.
#[derive(Debug, Default)]
pub(super) struct Known {
    before: HashMap<(u32, u32), (usize, usize), FixedState>,
    after: HashMap<(u32, u32), (usize, usize), FixedState>,
}

impl Known {
    pub(super) fn clear(&mut self) {
        self.before.clear();
        self.after.clear();
    }
}

/// Both spans grown outwards while what is beyond them is mostly the same.
pub(super) fn grown(sources: &Sources, known: &mut Known, a: Span, b: Span) -> (Span, Span) {
    let (a, b) = touching(sources, a, b);
    let before = || best(&Side::before(sources, a), &Side::before(sources, b));
    let before = *known
        .before
        .entry((a.start, b.start))
        .or_insert_with(before);
    let after = || best(&Side::after(sources, a), &Side::after(sources, b));
    let after = *known.after.entry((a.end, b.end)).or_insert_with(after);
    let grow = |span: Span, before: usize, after: usize| Span {
        file: span.file,
        start: span.start - u32::try_from(before).unwrap_or(0),
        end: span.end + u32::try_from(after).unwrap_or(0),
    };
    let (mut here, mut there) = (grow(a, before.0, after.0), grow(b, before.1, after.1));
    if a.file == b.file {
        // Neither grows into the other.
        there.start = there.start.max(a.end);
        here.end = here.end.min(there.start);
    }
    (here, there)
}

/// Grown by the signs on both sides that are the same without a gap: a seed may begin a little later than the copy.
fn touching(sources: &Sources, a: Span, b: Span) -> (Span, Span) {
    let (of_a, of_b) = (sources.blind(a.file), sources.blind(b.file));
    let is_same = |x: usize, y: usize| of_a[x] == of_b[y];
    // Copies of one file that follow each other have nothing between them.
    let between = (a.file == b.file).then(|| (b.start - a.end) as usize);
    let most = (a.start.min(b.start) as usize).min(between.unwrap_or(usize::MAX));
    let before = (1..=most).take_while(|n| is_same(a.start as usize - n, b.start as usize - n));
    let before = u32::try_from(before.count()).unwrap_or(0);
    let most = (of_a.len() - a.end as usize).min(of_b.len() - b.end as usize);
    let most = most.min(between.map_or(usize::MAX, |it| it - before as usize));
    let after = (0..most).take_while(|n| is_same(a.end as usize + n, b.end as usize + n));
    let after = u32::try_from(after.count()).unwrap_or(0);
    let grow = |span: Span| Span {
        start: span.start - before,
        end: span.end + after,
        ..span
    };
    (grow(a), grow(b))
}

/// Signs beside a span, the nearest first.
struct Side {
    signs: [u32; REACH],
    len: usize,
}

impl Side {
    const fn none() -> Self {
        Self {
            signs: [0; REACH],
            len: 0,
        }
    }

    fn before(sources: &Sources, span: Span) -> Self {
        let mut side = Self::none();
        let all = sources.blind(span.file)[..span.start as usize].iter().rev();
        for (sign, other) in side.signs.iter_mut().zip(all) {
            *sign = *other;
            side.len += 1;
        }
        side
    }

    fn after(sources: &Sources, span: Span) -> Self {
        let mut side = Self::none();
        let all = &sources.blind(span.file)[span.end as usize..];
        side.len = all.len().min(REACH);
        side.signs[..side.len].copy_from_slice(&all[..side.len]);
        side
    }

    fn signs(&self) -> &[u32] {
        &self.signs[..self.len]
    }
}

/// Slots for the signs of one side: more than twice as many.
const SLOTS: usize = 128;

/// Where each sign stands: open addressing, a bit for each place.
struct Places {
    signs: [u32; SLOTS],
    bits: [u64; SLOTS],
}

impl Places {
    fn of(signs: &[u32]) -> Self {
        let mut places = Self {
            signs: [0; SLOTS],
            bits: [0; SLOTS],
        };
        for (at, sign) in signs.iter().enumerate() {
            let slot = places.slot(*sign);
            places.signs[slot] = *sign;
            places.bits[slot] |= 1 << at;
        }
        places
    }

    fn slot(&self, sign: u32) -> usize {
        let mut slot = (sign.wrapping_mul(0x9e37_79b1) >> 25) as usize % SLOTS;
        while self.bits[slot] != 0 && self.signs[slot] != sign {
            slot = (slot + 1) % SLOTS;
        }
        slot
    }
}

/// How far both go on together: the ends of their best common beginning.
///
/// Of beginnings of `i` and `j` signs with `n` in common what is gained is `n * WORTH`, less `PRICE` for each of the others
/// of both; `n` by bit vectors, as in [`super::align`].
fn best(a: &Side, b: &Side) -> (usize, usize) {
    let (a, b) = (a.signs(), b.signs());
    if !has_common_group(a, b) {
        return (0, 0);
    }
    let places = Places::of(b);
    let inside = !(u64::MAX << b.len());
    let mut best = (0, 0, 0);
    let mut row = u64::MAX;
    for (i, x) in (1..).zip(a) {
        let matches = places.bits[places.slot(*x)];
        let both = row & matches;
        row = row.wrapping_add(both) | (row & !matches);
        // What lies too far from `i` is worth nothing.
        let common = !row & inside & up_to(i + BAND);
        // None of a row is worth more than if all that is common stood at its beginning.
        let all = common.count_ones();
        let most = gain(all, i, all);
        if most < best.0 - LOST {
            break;
        }
        if most > best.0 {
            best = best_of_row(common, i, best);
        }
    }
    (best.1 as usize, best.2 as usize)
}

fn best_of_row(common: u64, i: u32, mut best: (i32, u32, u32)) -> (i32, u32, u32) {
    let too_near = common & up_to(i.saturating_sub(BAND + 1));
    let mut n = too_near.count_ones();
    let mut common = common & !too_near;
    while common != 0 {
        let j = common.trailing_zeros() + 1;
        n += 1;
        common &= common - 1;
        let gained = gain(n, i, j);
        if gained > best.0 {
            best = (gained, i, j);
        }
    }
    best
}

/// The lowest so many bits; there are more than of signs.
const fn up_to(bits: u32) -> u64 {
    !(u64::MAX << bits)
}

/// Of so few signs.
const fn gain(common: u32, i: u32, j: u32) -> i32 {
    (common * (WORTH + 2 * PRICE)).cast_signed() - (PRICE * (i + j)).cast_signed()
}

/// Whether some signs stand side by side in both: else nothing is worth its price.
fn has_common_group(a: &[u32], b: &[u32]) -> bool {
    let mut seen = [0_u64; 8];
    let place = |hash: u32| ((hash >> 23) as usize / 64, hash >> 23 & 63);
    each_group(a, GROUP, |_, hash| {
        let (at, bit) = place(hash);
        seen[at] |= 1 << bit;
    });
    let mut has = 0;
    each_group(b, GROUP, |_, hash| {
        let (at, bit) = place(hash);
        has |= seen[at] >> bit;
    });
    has & 1 == 1
}

/// The statements that are wholly inside.
pub(super) fn inside(sources: &Sources, span: Span) -> Option<Span> {
    let plan = &sources.of(span.file).plan;
    let start = plan.statement_from(span.start)?;
    let end = match plan.statement_from(span.end) {
        Some(next) if next > span.end => plan.statement_of(span.end - 1),
        _ => span.end,
    };
    (start < end).then_some(Span { start, end, ..span })
}

/// The statements of one block that are mostly inside.
pub(super) fn snapped(sources: &Sources, span: Span) -> Option<Span> {
    let plan = &sources.of(span.file).plan;
    let last = span.end - 1;
    let holds = |block: usize, token: u32| {
        block == 0 || plan.blocks[block].start <= token && token < plan.blocks[block].end
    };
    // Out of the blocks that hold one end only; a head belongs to its block.
    let out = |token: u32, other: u32| {
        let mut block = plan.block_of(token);
        let mut left = None;
        while !holds(block, other) {
            left = Some(plan.blocks[block]);
            block = plan.blocks[block].parent as usize;
        }
        left
    };
    let (mut start, mut end) = (span.start, span.end);
    // What hangs over the function that holds most of it is cut off.
    let is_most = |part: u32| u64::from(part) * 10 > u64::from(span.len()) * 6;
    if let Some(block) =
        out(start, last).filter(|it| it.form != Form::Other && is_most(it.end - start))
    {
        end = block.end;
    } else if let Some(block) =
        out(last, start).filter(|it| it.form != Form::Other && is_most(end - it.start))
    {
        start = block.start;
    }
    let last = end - 1;
    if let Some(block) = out(start, last) {
        let inside = block.end - start;
        start = if inside * 2 >= block.end - block.start {
            block.start
        } else {
            block.end
        };
    }
    if let Some(block) = out(last, start.min(last)) {
        let inside = end - block.start;
        end = if inside * 2 >= block.end - block.start {
            block.end
        } else {
            block.start
        };
    }
    if start >= end {
        return None;
    }
    // Whole statements: the one that is begun counts if most of it is inside.
    let of = plan.statement_of(start);
    let next = plan.statement_from(start + 1).unwrap_or(end);
    if of != start {
        start = if (start - of) <= (next.max(start) - start) {
            of
        } else {
            next
        };
    }
    let of = plan.statement_of(end - 1);
    let next = plan
        .statement_from(end)
        .unwrap_or_else(|| u32::try_from(sources.of(span.file).tokens.len()).unwrap_or(end));
    if next != end && of < end {
        end = if next - end <= end - of { next } else { of };
    }
    if start >= end {
        return None;
    }
    // Imports at either end are no copy of anything.
    start = plan.import_at(start).map_or(start, |it| it.1);
    end = plan.import_at(end - 1).map_or(end, |it| it.0);
    (start < end).then_some(Span { start, end, ..span })
}
