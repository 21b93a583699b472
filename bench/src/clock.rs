//! Processor time, which other programs on the machine do not use up.

use std::time::Duration;

/// User and system time that this process has used so far.
pub fn process_cpu_time() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// User and system time that this thread has used so far.
pub fn thread_cpu_time() -> Duration {
    read(libc::CLOCK_THREAD_CPUTIME_ID)
}

/// User and system time that another process of this user has used so far.
pub fn cpu_time_of(pid: u32) -> Option<Duration> {
    let mut clock: libc::clockid_t = 0;
    // SAFETY: the pointer is to a live clockid_t.
    let failed = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    (failed == 0).then(|| read(clock))
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the pointer is to a live timespec.
    let failed = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(failed, 0, "the clock of processor time cannot be read");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Keeps this process, and the children it starts, on the core it runs on now; says which.
pub fn stay_on_one_core() -> Option<usize> {
    // SAFETY: cpu_set_t is plain bits, for which all zeros is the empty set; the pointer is to it
    // and the size is its own.
    unsafe {
        let core = usize::try_from(libc::sched_getcpu()).ok()?;
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        (libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set) == 0).then_some(core)
    }
}
