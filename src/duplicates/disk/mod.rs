//! What the search needs of the world: a tree, the bytes of its files, what git says, a place for what was found before.

mod cache;
mod git;
mod replace;
mod walk;

pub use cache::{Cache, Looked, Outcome};
pub use git::{Change, changes, files_at, patch};
pub use replace::replace;
pub use walk::{Read, Seen, Stamp, Tree, Walked, head, is_as_it_was, read, sum, walk};
