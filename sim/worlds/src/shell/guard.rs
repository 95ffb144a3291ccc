//! How a run ends early: the first panic of any task, a broken law as a rule, is kept, and nothing runs on.
//!
//! madsim would end the run too, but not without a word on the standard error.

use std::{
    any::Any,
    future::poll_fn,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::{Pin, pin},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    task::{Context, Poll, Waker},
};

/// What a panic carries.
pub type Payload = Box<dyn Any + Send>;

/// Watches over all tasks of a run.
#[derive(Clone, Default)]
pub struct Guard(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    is_over: bool,
    panic: Option<Payload>,
    /// Wakes the run itself.
    waker: Option<Waker>,
}

impl Guard {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a task has panicked.
    pub fn is_over(&self) -> bool {
        self.state().is_over
    }

    /// Runs the task; once any has panicked, no further.
    pub async fn watch(self, task: impl Future<Output = ()>) {
        let mut task = pin!(task);
        poll_fn(|context| self.poll(task.as_mut(), context)).await;
    }

    fn poll<T>(&self, task: Pin<&mut impl Future<Output = T>>, context: &mut Context<'_>) -> Poll<T> {
        if self.is_over() {
            return Poll::Pending;
        }
        catch_unwind(AssertUnwindSafe(|| task.poll(context))).unwrap_or_else(|panic| {
            let mut state = self.state();
            if !state.is_over {
                (state.is_over, state.panic) = (true, Some(panic));
            }
            if let Some(waker) = state.waker.take() {
                waker.wake();
            }
            Poll::Pending
        })
    }

    /// The run itself.
    ///
    /// # Errors
    /// The first panic.
    pub async fn run<T>(self, run: impl Future<Output = T>) -> Result<T, Payload> {
        let mut run = pin!(run);
        poll_fn(|context| {
            self.state().waker = Some(context.waker().clone());
            let polled = self.poll(run.as_mut(), context);
            match self.state().panic.take() {
                Some(panic) => Poll::Ready(Err(panic)),
                None => polled.map(Ok),
            }
        })
        .await
    }
}
