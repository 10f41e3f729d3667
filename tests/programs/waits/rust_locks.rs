// SPDX-License-Identifier: MIT
//
// The locks of Rust's standard library, a thread each, whose name says what has to be reported. They are
// futexes with words of four bytes, named by symbols that a Rust program keeps unless it is stripped; nothing
// tells the owner.
use std::sync::{mpsc, Arc, Barrier, Condvar, Mutex, RwLock};
use std::{thread, time};

fn spawn(name: &str, run: impl FnOnce() + Send + 'static) {
    thread::Builder::new().name(name.into()).spawn(run).unwrap();
}

fn main() {
    let mutex = Arc::new(Mutex::new(0));
    let rwlock = Arc::new(RwLock::new(0));
    let _held = mutex.lock().unwrap();
    let _written = rwlock.write().unwrap();
    let m = mutex.clone();
    spawn("mutex", move || drop(m.lock()));
    let r = rwlock.clone();
    spawn("rwlock", move || drop(r.read()));
    spawn("condition", || {
        let mutex = Mutex::new(0);
        drop(Condvar::new().wait(mutex.lock().unwrap()));
    });
    spawn("barrier", || {
        Barrier::new(2).wait();
    });
    spawn("park", thread::park);
    spawn("channel", || {
        let (_sender, receiver) = mpsc::channel::<i32>();
        let _ = receiver.recv();
    });
    spawn("join", || {
        let sleeper = thread::spawn(|| thread::sleep(time::Duration::from_secs(1000000)));
        drop(sleeper.join());
    });
    for task in std::fs::read_dir("/proc/self/task").unwrap() {
        let stat = task.unwrap().path().join("stat");
        while std::fs::read_to_string(&stat).map_or(false, |text| {
            !text.contains(") S ") && !text.starts_with(&format!("{} ", std::process::id()))
        }) {
            thread::yield_now();
        }
    }
    println!("ready");
    thread::park();
}
