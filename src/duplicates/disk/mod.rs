//! What the search needs of the world: a tree, the bytes of its files, what git says, a place for what was found before.

mod cache;
mod git;
mod walk;

pub use cache::Cache;
pub use git::{Change, changes, files_at, patch};
pub use walk::{Read, Seen, Stamp, Tree, Walked, head, read, sum, walk};
