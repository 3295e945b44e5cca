//! Instants, spans, and the one place that asks the clock.

mod clock;
mod span;
mod timestamp;

pub use clock::{Now, boot_id, local_zone};
pub(crate) use span::instants;
pub use span::{BadTime, in_units, parse_past, parse_span, parse_time, relative};
pub use timestamp::Timestamp;
