//! Processor time: of this process, of children that have ended, and of a server process.

use std::{fs, time::Duration};

use nix::sys::resource::{UsageWho, getrusage};

/// User and system time that this process has used.
pub(crate) fn own() -> Duration {
    used(UsageWho::RUSAGE_SELF)
}

/// Of all children that have been waited for.
pub(crate) fn children() -> Duration {
    used(UsageWho::RUSAGE_CHILDREN)
}

fn used(who: UsageWho) -> Duration {
    let usage = getrusage(who).expect("getrusage takes these");
    let micros = |time: nix::sys::time::TimeVal| {
        use nix::sys::time::TimeValLike;
        Duration::from_micros(time.num_microseconds().unsigned_abs())
    };
    micros(usage.user_time()) + micros(usage.system_time())
}

/// What a server process has used since it began, to the nanosecond.
pub(crate) fn of_process(pid: i32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/schedstat")).expect("the server process is there");
    let nanos = stat.split_whitespace().next().and_then(|first| first.parse().ok());
    Duration::from_nanos(nanos.expect("schedstat begins with nanoseconds on the processor"))
}
