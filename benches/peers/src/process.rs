use std::{fs, time::Duration};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        resource::{Resource, UsageWho, getrlimit, getrusage, setrlimit},
        time::TimeValLike,
    },
    time::{ClockId, clock_gettime},
    unistd::Pid,
};
use serde_json::{Value, json};

/// Keeps this process, and all threads that it starts from now on, on one core.
///
/// # Panics
/// When the machine has no such core.
pub fn pin(core: usize) {
    let mut cores = CpuSet::new();
    cores.set(core).expect("a core number");
    sched_setaffinity(Pid::from_raw(0), &cores).expect("the machine has this core");
}

/// Allows as many descriptors as the system lets us have.
///
/// # Panics
/// When the limit cannot be read or set.
pub fn raise_descriptor_limit() {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("the limit is known");
    setrlimit(Resource::RLIMIT_NOFILE, hard, hard).expect("up to the hard limit");
}

/// CPU time of this thread.
///
/// # Panics
/// Never on Linux.
pub fn thread_cpu() -> Duration {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).expect("Linux has this clock");
    Duration::from(time)
}

/// The time in ns, by a clock that all processes share.
///
/// # Panics
/// Never on Linux.
pub fn monotonic() -> u64 {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC).expect("Linux has this clock");
    Duration::from(time).as_nanos() as u64
}

/// What this process has cost so far.
#[derive(Clone, Copy)]
pub struct Usage {
    /// CPU time in user mode, in µs.
    pub user_us: i64,
    /// CPU time in the kernel, in µs.
    pub system_us: i64,
}

impl Usage {
    /// Now.
    ///
    /// # Panics
    /// Never on Linux.
    pub fn now() -> Self {
        let usage = getrusage(UsageWho::RUSAGE_SELF).expect("always there");
        Self {
            user_us: usage.user_time().num_microseconds(),
            system_us: usage.system_time().num_microseconds(),
        }
    }

    /// What came after `earlier`.
    pub fn since(self, earlier: Self) -> Self {
        Self {
            user_us: self.user_us - earlier.user_us,
            system_us: self.system_us - earlier.system_us,
        }
    }

    /// With the resident memory of now.
    pub fn json(self) -> Value {
        json!({
            "cpu_user_us": self.user_us,
            "cpu_system_us": self.system_us,
            "rss_bytes": resident_bytes(),
        })
    }
}

fn resident_bytes() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0) * 1024
}
