//! The one file that asks the clocks.

#![expect(
    unsafe_code,
    reason = "the safe wrapper looks for the kernel's clock page first: eight microseconds for two looks"
)]

use std::fs::File;
use std::io::{self, Read as _};

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
        Self {
            wall: Timestamp::from_unix_ms(milliseconds(libc::CLOCK_REALTIME)),
            boot_ms: u64::try_from(milliseconds(libc::CLOCK_BOOTTIME)).unwrap_or(0),
        }
    }
}

fn milliseconds(clock: libc::clockid_t) -> i64 {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: it writes one `timespec`. Both clocks are there on every Linux since 2.6.39, so that it cannot fail.
    unsafe { libc::clock_gettime(clock, &raw mut time) };
    time.tv_sec * 1000 + time.tv_nsec / 1_000_000
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

/// The name of this machine's zone: `$TZ`, as every program obeys it, else what the machine is set to. UTC where there
/// is none.
pub fn local_zone() -> String {
    let own = std::env::var("TZ").ok();
    let own = own.map(|zone| zone.trim_start_matches(':').to_owned());
    own.filter(|zone| !zone.is_empty() && !zone.starts_with('/'))
        .or_else(|| iana_time_zone::get_timezone().ok())
        .unwrap_or_else(|| "UTC".into())
}
