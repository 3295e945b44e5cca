//! The one file that asks the clocks.

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
pub fn boot_id() -> std::io::Result<u128> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    let hex: String = text.trim().chars().filter(|c| *c != '-').collect();
    u128::from_str_radix(&hex, 16)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "unreadable boot id"))
}
