//! Where a copy begins and ends: at statements, and not halfway through a block.

use super::blocks::Form;
use super::source::{Sources, Span};
use super::tokens::blind;

/// A copy is looked for so many tokens beyond what is known of it.
const REACH: usize = 48;
/// What a token more on one side costs, in tokens that are common.
const PRICE: i32 = 5;
const WORTH: i32 = 2;
/// So many tokens may one side have more than the other.
const BAND: usize = 12;
/// So many signs of a common beginning stand side by side.
const GROUP: usize = 6;
/// So far below the best nothing is looked for any more.
const LOST: i32 = 45;

/// Both spans grown outwards while what is beyond them is mostly the same.
pub(super) fn grown(sources: &Sources, a: Span, b: Span) -> (Span, Span) {
    let (code_a, code_b) = (around(sources, a), around(sources, b));
    let before = best(&code_a.before, &code_b.before);
    let after = best(&code_a.after, &code_b.after);
    let grow = |span: Span, before: usize, after: usize| Span {
        file: span.file,
        start: span.start - u32::try_from(before).unwrap_or(0),
        end: span.end + u32::try_from(after).unwrap_or(0),
    };
    (grow(a, before.0, after.0), grow(b, before.1, after.1))
}

/// The nearest first.
struct Around {
    before: Vec<u32>,
    after: Vec<u32>,
}

fn around(sources: &Sources, span: Span) -> Around {
    let tokens = &sources.of(span.file).tokens;
    let (start, end) = (span.start as usize, span.end as usize);
    let one = |it: usize| blind(tokens.words[it], tokens.sorts[it]);
    Around {
        before: (start.saturating_sub(REACH)..start)
            .rev()
            .map(one)
            .collect(),
        after: (end..(end + REACH).min(tokens.len())).map(one).collect(),
    }
}

/// How far both go on together: the ends of their best common beginning.
fn best(a: &[u32], b: &[u32]) -> (usize, usize) {
    if !has_common_group(a, b) {
        return (0, 0);
    }
    let mut best = (0, 0, 0);
    let mut row: Vec<i32> = (0..=b.len())
        .map(|j| -PRICE * i32::try_from(j).unwrap_or(0))
        .collect();
    for (i, x) in a.iter().enumerate() {
        let from = i.saturating_sub(BAND);
        let to = (i + BAND).min(b.len());
        if from >= to {
            break;
        }
        let mut diagonal = row[from];
        row[from] -= PRICE;
        let mut highest = i32::MIN;
        for j in from..to {
            let here = if *x == b[j] {
                diagonal + WORTH
            } else {
                i32::MIN / 2
            };
            diagonal = row[j + 1];
            row[j + 1] = here.max(row[j] - PRICE).max(row[j + 1] - PRICE);
            highest = highest.max(row[j + 1]);
            if row[j + 1] > best.0 {
                best = (row[j + 1], i + 1, j + 1);
            }
        }
        if highest < best.0 - LOST {
            break;
        }
    }
    (best.1, best.2)
}

/// Whether some signs stand side by side in both: else nothing is worth its price.
fn has_common_group(a: &[u32], b: &[u32]) -> bool {
    let hashed = |group: &[u32]| {
        let hash = group.iter().fold(0_u32, |hash, sign| {
            (hash ^ sign).wrapping_mul(0x9e37_79b1).rotate_left(13)
        });
        (hash % 512) as usize
    };
    let mut seen = [0_u64; 8];
    for group in a.windows(GROUP) {
        let at = hashed(group);
        seen[at / 64] |= 1 << (at % 64);
    }
    let is_seen = |at: usize| seen[at / 64] >> (at % 64) & 1 == 1;
    b.windows(GROUP).any(|group| is_seen(hashed(group)))
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
    // Imports at either end are no copy of anything.
    for import in &plan.imports {
        if import.0 <= start && start < import.1 {
            start = import.1;
        }
        if import.0 < end && end <= import.1 {
            end = import.0;
        }
    }
    (start < end).then_some(Span { start, end, ..span })
}
