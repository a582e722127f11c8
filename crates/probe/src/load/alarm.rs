//! Waking up on time. The timers of tokio tick every millisecond, which would be most of the latency of a server nearby;
//! on Linux a timer of the kernel's own (timerfd) is waited for instead.

use std::time::Instant;

/// One alarm for whoever waits next on this thread.
pub(super) struct Alarm {
    #[cfg(target_os = "linux")]
    timer: Option<tokio::io::unix::AsyncFd<std::os::fd::OwnedFd>>,
}

impl Alarm {
    /// To be called within a runtime.
    pub(super) fn new() -> Self {
        Self {
            #[cfg(target_os = "linux")]
            timer: linux::timer().ok(),
        }
    }

    pub(super) async fn wait_until(&self, at: Instant) {
        #[cfg(target_os = "linux")]
        if let Some(timer) = &self.timer {
            while let Some(left) = at.checked_duration_since(Instant::now()).filter(|left| !left.is_zero()) {
                if linux::wait(timer, left).await.is_err() {
                    break;
                }
            }
        }
        if Instant::now() < at {
            tokio::time::sleep_until(at.into()).await;
        }
    }
}

#[cfg(target_os = "linux")]
mod linux {
    use std::{io, os::fd::OwnedFd, time::Duration};

    use rustix::time::{
        Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
        timerfd_settime,
    };
    use tokio::io::{Interest, unix::AsyncFd};

    // Deprecated for what does not own its descriptor. `OwnedFd` does, and the new way is unsafe.
    #[allow(deprecated)]
    pub(super) fn timer() -> io::Result<AsyncFd<OwnedFd>> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        AsyncFd::with_interest(timerfd_create(TimerfdClockId::Monotonic, flags)?, Interest::READABLE)
    }

    /// Setting it anew forgets whatever it was set to before.
    pub(super) async fn wait(timer: &AsyncFd<OwnedFd>, left: Duration) -> io::Result<()> {
        let never = Timespec { tv_sec: 0, tv_nsec: 0 };
        let once = Timespec { tv_sec: left.as_secs() as i64, tv_nsec: i64::from(left.subsec_nanos()) };
        let set = Itimerspec { it_interval: never, it_value: once };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::empty(), &set)?;
        timer.async_io(Interest::READABLE, |timer| Ok(rustix::io::read(timer, &mut [0; 8])?)).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn it_never_rings_early_and_can_be_set_again_before_it_rang() {
        let alarm = Alarm::new();
        let far = alarm.wait_until(Instant::now() + Duration::from_secs(3600));
        assert!(futures::FutureExt::now_or_never(far).is_none());
        for micros in [0, 1, 300, 2_000] {
            let at = Instant::now() + Duration::from_micros(micros);
            alarm.wait_until(at).await;
            assert!(Instant::now() >= at);
        }
    }
}
