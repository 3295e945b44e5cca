//! Which lines are alike: online mining of log templates.
