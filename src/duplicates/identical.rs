//! Files with the same bytes: by size, then by their first bytes, then by all, and looked at once more before it is told.

use serde::{Deserialize, Serialize};

use super::disk::{self, Tree, Walked};
use super::each::{Tick, each};
use super::{Error, Skipped};

const HEAD: u64 = 4 << 10;
const CHANGED: &str = "changed while it was read";

/// Files with the same bytes; names of one file (hard links) are one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identical {
    pub groups: Vec<Group>,
    pub skipped: Vec<Skipped>,
    pub files: usize,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// Of each, in bytes.
    pub size: u64,
    /// Of their bytes (XXH3, 128 bits).
    pub hash: String,
    pub files: Vec<String>,
}

/// A file and the sum of what was read of it.
type Summed<'f> = (&'f disk::Seen, u128);

/// Those of at least so many bytes.
pub fn files(tree: &Tree, least: u64, threads: usize, tick: Tick) -> Result<Identical, Error> {
    let Walked { files, mut skipped } = disk::walk(tree)?;
    let mut same_size: Vec<Summed> = files.iter().map(|it| (it, 0)).collect();
    same_size.retain(|it| it.0.stamp.size >= least);
    // Names of one file are next to each other.
    same_size.sort_by_key(|it| {
        (
            it.0.stamp.size,
            it.0.stamp.device,
            it.0.stamp.inode,
            &it.0.name,
        )
    });
    same_size.dedup_by_key(|it| (it.0.stamp.device, it.0.stamp.inode));
    let quiet: Tick = &|_, _| ();
    let head = |it: &disk::Seen| disk::head(it, HEAD).map_err(unreadable);
    let same_head = repeated(summed(
        repeated(same_size),
        threads,
        quiet,
        &head,
        &mut skipped,
    ));
    // Of the short ones the head was all.
    let (mut same, long) = same_head
        .into_iter()
        .partition::<Vec<Summed>, _>(|it| it.0.stamp.size <= HEAD);
    let whole = |it: &disk::Seen| match disk::sum(it) {
        Ok((sum, true)) => Ok(sum),
        Ok((_, false)) => Err(CHANGED.to_owned()),
        Err(error) => Err(unreadable(error)),
    };
    same.extend(summed(long, threads, tick, &whole, &mut skipped));
    // Others were read meanwhile: what has changed since is told as such.
    same.retain(|it| {
        let is_same = disk::is_as_it_was(it.0);
        if !is_same {
            skipped.push(Skipped {
                file: it.0.name.clone(),
                why: CHANGED.to_owned(),
            });
        }
        is_same
    });
    let same = repeated(same);
    let mut groups: Vec<Group> = same.chunk_by(are_alike).map(told).collect();
    groups.sort_by(|a, b| {
        wasted(b)
            .cmp(&wasted(a))
            .then_with(|| a.files.cmp(&b.files))
    });
    skipped.sort();
    Ok(Identical {
        groups,
        skipped,
        files: files.len(),
    })
}

/// A way to sum up what a file says.
type Sum<'s> = &'s (dyn Fn(&disk::Seen) -> Result<u128, String> + Sync);

fn summed<'f>(
    files: Vec<Summed<'f>>,
    threads: usize,
    tick: Tick,
    sum: Sum,
    skipped: &mut Vec<Skipped>,
) -> Vec<Summed<'f>> {
    let sums = each(
        files.len(),
        threads,
        || (),
        |at, (): &mut ()| sum(files[at].0),
        tick,
    );
    let mut summed = Vec::with_capacity(files.len());
    for ((file, _), sum) in files.into_iter().zip(sums) {
        match sum {
            Ok(sum) => summed.push((file, sum)),
            Err(why) => skipped.push(Skipped {
                file: file.name.clone(),
                why,
            }),
        }
    }
    summed
}

#[expect(clippy::needless_pass_by_value, reason = "errors are mapped by it")]
fn unreadable(error: std::io::Error) -> String {
    format!("unreadable: {error}")
}

fn are_alike(a: &Summed, b: &Summed) -> bool {
    (a.0.stamp.size, a.1) == (b.0.stamp.size, b.1)
}

/// Without the files that no other is like; like ones are next to each other.
fn repeated(mut files: Vec<Summed>) -> Vec<Summed> {
    files.sort_by_key(|it| (it.0.stamp.size, it.1));
    let groups = files.chunk_by(are_alike).filter(|it| it.len() > 1);
    groups.flatten().copied().collect()
}

/// Bytes that one copy would save.
fn wasted(group: &Group) -> u64 {
    group.size * (group.files.len() as u64 - 1)
}

fn told(group: &[Summed]) -> Group {
    let mut files: Vec<String> = group.iter().map(|it| it.0.name.clone()).collect();
    files.sort();
    Group {
        size: group[0].0.stamp.size,
        hash: format!("{:032x}", group[0].1),
        files,
    }
}
