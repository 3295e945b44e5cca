//! Which fragments belong together, and why.
