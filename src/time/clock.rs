//! The one file that asks the clocks.

use std::fs::File;
use std::io::{self, Read as _};

use rustix::time::{ClockId, clock_gettime};

use super::Timestamp;

/// One look at both clocks. The wall clock may jump; the boot clock only counts up, also through suspend, and
/// starts anew with the machine.
#[derive(Clone, Copy, Debug)]
pub struct Now {
    pub wall: Timestamp,
    /// Milliseconds since the machine started.
    pub boot_ms: u64,
}

impl Now {
    pub fn read() -> Self {
        let boot = clock_gettime(ClockId::Boottime);
        let wall = clock_gettime(ClockId::Realtime);
        Self {
            wall: Timestamp::from_unix_ms(wall.tv_sec * 1000 + wall.tv_nsec / 1_000_000),
            boot_ms: u64::try_from(boot.tv_sec * 1000 + boot.tv_nsec / 1_000_000).unwrap_or(0),
        }
    }
}

/// This boot of this machine, as the kernel names it.
pub fn boot_id() -> io::Result<u128> {
    // A UUID and no more: one read gets it whole.
    let mut text = [0; 36];
    File::open("/proc/sys/kernel/random/boot_id")?.read_exact(&mut text)?;
    let digit = |byte: &u8| char::from(*byte).to_digit(16);
    let mut digits = text.iter().filter(|byte| **byte != b'-').map(digit);
    let id = digits.try_fold(0_u128, |id, digit| Some((id << 4) | u128::from(digit?)));
    id.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "unreadable boot id"))
}
