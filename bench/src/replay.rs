//! What remembering a request costs: `file2` beside MIT krb5's own, and memory for each entry.

use std::ffi::{CString, c_char, c_void};
use std::path::Path;
use std::ptr::null_mut;
use std::time::{Duration, Instant};

use libloading::Library;
use orthros::ap::{MemoryReplayCache, ReplayCache, ReplayEntry, ReplayVerdict};
use orthros::env::File2ReplayCache;
use orthros::time::Timestamp;

use crate::clock::process_cpu_time;

const ROUNDS: usize = 11;
const A_ROUND: u32 = 20_000;
const ENTRIES: u32 = 1_000_000;

type Handle = *mut c_void;

/// `krb5_enc_data`.
#[repr(C)]
struct Sealed {
    magic: i32,
    enctype: i32,
    kvno: u32,
    data_magic: i32,
    length: u32,
    data: *mut c_char,
}

type Init = unsafe extern "C" fn(*mut Handle) -> i32;
type Resolve = unsafe extern "C" fn(Handle, *const c_char, *mut Handle) -> i32;
type Store = unsafe extern "C" fn(Handle, Handle, *const Sealed) -> i32;

/// MIT's cache, open as its acceptor has it.
struct Mit {
    context: Handle,
    cache: Handle,
    store: Store,
}

impl Mit {
    fn open(path: &Path) -> Option<Self> {
        // SAFETY: these are the types of the library's functions.
        unsafe {
            let library = Box::leak(Box::new(Library::new("libkrb5.so.3").ok()?));
            let init = library.get::<Init>(b"krb5_init_context\0").ok()?;
            let resolve = library.get::<Resolve>(b"k5_rc_resolve\0").ok()?;
            let store = *library.get::<Store>(b"k5_rc_store\0").ok()?;
            let name = CString::new(format!("file2:{}", path.display())).ok()?;
            let (mut context, mut cache) = (null_mut(), null_mut());
            if init(&mut context) != 0 || resolve(context, name.as_ptr(), &mut cache) != 0 {
                return None;
            }
            Some(Self {
                context,
                cache,
                store,
            })
        }
    }

    fn store(&self, entry: &ReplayEntry) {
        let mut octets = [0u8; 60];
        octets[48..].copy_from_slice(&entry.tag);
        let sealed = Sealed {
            magic: 0,
            enctype: 18,
            kvno: 0,
            data_magic: 0,
            length: octets.len() as u32,
            data: octets.as_mut_ptr().cast(),
        };
        // SAFETY: the library reads it during the call.
        let code = unsafe { (self.store)(self.context, self.cache, &sealed) };
        assert_eq!(code, 0, "MIT krb5 stores it");
    }
}

fn entry(number: u32, ctime: Timestamp) -> ReplayEntry {
    let mut tag = [0x5a; 12];
    tag[..4].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
    let expires = ctime.plus(Duration::from_secs(300));
    ReplayEntry {
        tag,
        ctime,
        expires,
    }
}

/// Processor and real time of a round, for one entry.
fn timed(numbers: std::ops::Range<u32>, mut store: impl FnMut(&ReplayEntry)) -> (f64, f64) {
    let ctime = orthros::env::now();
    let entries: Vec<_> = numbers.map(|number| entry(number, ctime)).collect();
    let (cpu, real) = (process_cpu_time(), Instant::now());
    for entry in &entries {
        store(entry);
    }
    let each = |time: Duration| time.as_secs_f64() * 1e6 / entries.len() as f64;
    (each(process_cpu_time() - cpu), each(real.elapsed()))
}

fn median(mut times: Vec<(f64, f64)>) -> (f64, f64) {
    let mut of = |key: fn(&(f64, f64)) -> f64| {
        times.sort_by(|a, b| key(a).total_cmp(&key(b)));
        key(&times[times.len() / 2])
    };
    (of(|times| times.0), of(|times| times.1))
}

/// Measures and prints.
pub fn run() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let ours = File2ReplayCache::open(directory.path().join("ours")).expect("a replay cache");
    let mit = Mit::open(&directory.path().join("mit"));
    let (mut our_times, mut mit_times) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS as u32 {
        let numbers = round * A_ROUND..(round + 1) * A_ROUND;
        our_times.push(timed(numbers.clone(), |entry| {
            let verdict = ours.check_and_insert(entry, entry.ctime);
            assert_eq!(verdict, ReplayVerdict::Fresh);
        }));
        if let Some(mit) = &mit {
            mit_times.push(timed(numbers, |entry| mit.store(entry)));
        }
    }
    let (cpu, real) = median(our_times);
    println!("file2   orthros  {cpu:6.2} µs of the processor, {real:6.2} µs");
    if mit.is_some() {
        let (their_cpu, their_real) = median(mit_times);
        println!("file2   MIT      {their_cpu:6.2} µs of the processor, {their_real:6.2} µs");
        println!(
            "        ratio    {:6.2}                    {:6.2}",
            their_cpu / cpu,
            their_real / real
        );
    } else {
        println!("not run: MIT krb5");
    }

    let now = orthros::env::now();
    let before = in_use();
    let cache = MemoryReplayCache::with_capacity(4 * ENTRIES as usize);
    let (cpu, real) = timed(0..ENTRIES, |entry| {
        let verdict = cache.check_and_insert(entry, now);
        assert_eq!(verdict, ReplayVerdict::Fresh);
    });
    println!("memory  orthros  {cpu:6.2} µs of the processor, {real:6.2} µs");
    let megabytes = (in_use() - before) as f64 / 1e6;
    println!("memory  {megabytes:.1} MB for {ENTRIES} live entries");
    assert!(megabytes <= 64.0);
}

/// Octets that the allocator has given and not got back.
fn in_use() -> usize {
    // SAFETY: it only reads the allocator's counters.
    let info = unsafe { libc::mallinfo2() };
    info.uordblks + info.hblkhd
}
