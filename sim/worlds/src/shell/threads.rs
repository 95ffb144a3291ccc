//! The threads beside the shell's: what was started on them goes on while the shell stands still in a commit.
//!
//! On madsim a task runs only when the others wait, and the shell does not wait for its disk. So the tasks of its
//! process are polled from within the commit, and sometimes as soon as they are spawned: whatever leaves too early is
//! seen too early.

use super::chance;
use std::{
    future::poll_fn,
    pin::Pin,
    sync::{Arc, Mutex, Weak},
    task::{Context, Poll, Waker},
};

type Task = Pin<Box<dyn Future<Output = ()> + Send>>;

/// The tasks of one process.
#[derive(Default)]
pub struct Threads(Mutex<Vec<Weak<Thread>>>);

struct Thread(Mutex<(Option<Task>, Option<Waker>)>);

impl Thread {
    fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let (task, waker) = &mut *self.0.lock().unwrap();
        *waker = Some(context.waker().clone());
        let Some(running) = task else { return Poll::Ready(()) };
        let polled = running.as_mut().poll(context);
        if polled.is_ready() {
            *task = None;
        }
        polled
    }

    /// Polls it from elsewhere, in the name of whoever polls it as a rule.
    fn go_on(&self) {
        let waker = self.0.lock().unwrap().1.clone().unwrap_or_else(|| Waker::noop().clone());
        if self.poll(&mut Context::from_waker(&waker)).is_ready() {
            waker.wake();
        }
    }
}

impl Threads {
    /// Starts a task; `at_once`: before whoever spawns it goes on.
    pub fn spawn(&self, task: impl Future<Output = ()> + Send + 'static, at_once: bool) {
        // Not generic from here on: madsim's tasks are large, and one kind of them is enough to compile.
        self.start(Box::pin(task), at_once);
    }

    fn start(&self, task: Task, at_once: bool) {
        let thread = Arc::new(Thread(Mutex::new((Some(task), None))));
        self.0.lock().unwrap().push(Arc::downgrade(&thread));
        if at_once {
            thread.go_on();
        }
        madsim::task::spawn(poll_fn(move |context| thread.poll(context)));
    }

    /// Lets some of them go on.
    pub fn go_on(&self) {
        let threads: Vec<_> = {
            let mut all = self.0.lock().unwrap();
            all.retain(|thread| thread.strong_count() > 0);
            all.iter().filter_map(Weak::upgrade).collect()
        };
        for thread in threads {
            if chance(75) {
                thread.go_on();
            }
        }
    }
}
