//! Named situations of one request's lifecycle, or a few: the trace of each is a snapshot that a person reviews.
//!
//! A stage is a machine, its stored rows, and a script. Time is that of the script; `<` goes in, `>` comes out.
//!
//! What needs a platform (a reset that loses running work, a host whose clock differs, a row that is damaged while no
//! instance lives) is a scenario file in `sim/worlds/scenarios`, with all laws and a bug that it finds. Here is what the
//! machine answers to an event at a chosen ms, line by line, and what no host of the simulator does: one that reports
//! nothing until a lease ends, an alarm that never comes, a commit that is cut off before or after.
#![allow(missing_docs, reason = "a test")]

mod reviewed;
mod stage;

use proxy_fetch::Options;
use stage::Stage;

macro_rules! situation {
    ($name:ident, $play:expr) => {
        #[test]
        fn $name() {
            let mut stage = Stage::new();
            let play: fn(&mut Stage) = $play;
            play(&mut stage);
            stage.snapshot(stringify!($name));
        }
    };
}

situation!(first_fetch, |s| {
    s.enqueue("a");
    s.at(80).answer("a", 200);
    s.at(90).callback("a", true);
});

situation!(the_sixth_request_waits, |s| {
    s.enqueue_many(&["a", "b", "c", "d", "e", "f"]);
    s.at(80).answer("c", 200);
});

situation!(retry_then_success, |s| {
    s.enqueue("a");
    s.at(50).answer("a", 503);
    s.wake();
    s.after(40).answer("a", 200);
    s.after(5).callback("a", true);
});

situation!(retries_used_up, |s| {
    s.enqueue_with("a", Options { max_retries: 1, ..Options::default() });
    s.at(50).fail("a", proxy_fetch::Failure::NotSent);
    s.wake();
    s.after(50).fail("a", proxy_fetch::Failure::Broken);
    s.after(5).callback("a", true);
});

situation!(retry_after, |s| {
    s.enqueue("a");
    s.at(50).answer_with("a", 429, "7");
    s.wake();
    s.after(50).answer_with("a", 503, "Thu, 01 Jan 2026 00:00:30 GMT");
    s.wake();
    s.after(50).answer_with("a", 429, "86400");
});

situation!(expiry_while_queued, |s| {
    s.enqueue_many(&["a", "b", "c", "d", "e", "f"]);
    s.note("five fetches that never end hold the slots; f waits until it is 30 minutes old");
    for minute in 1..6 {
        s.quietly(|s| {
            s.at_minutes(minute * 5);
            s.crash_and_restart();
        });
    }
    s.at_minutes(30).tick();
});

situation!(expiry_while_waiting_for_a_retry, |s| {
    s.enqueue_with(
        "a",
        Options { max_retries: 10, retry_delay_ms: 600_000, max_retry_delay_ms: 600_000, ..Options::default() },
    );
    s.at(50).answer("a", 503);
    s.note("nobody wakes the object when the retry is due, at 10 minutes");
    s.at_minutes(31).tick();
});

situation!(expiry_while_in_flight, |s| {
    s.enqueue_with(
        "a",
        Options { timeout_ms: 300_000, retry_delay_ms: 600_000, max_retry_delay_ms: 600_000, ..Options::default() },
    );
    s.at_minutes(5).fail("a", proxy_fetch::Failure::TimedOut);
    s.at_minutes(29).tick();
    s.at_minutes(30).tick();
});

situation!(callback_fails, |s| {
    s.enqueue("a");
    s.at(80).answer("a", 200);
    s.at(90).callback("a", false);
    s.at(100).status("a");
});

situation!(callback_without_an_end, |s| {
    s.enqueue("a");
    s.at(80).answer("a", 200);
    s.wake();
    s.note("the host has said nothing: the machine gives the callback up");
    s.wake();
});

situation!(crash_before_commit, |s| {
    s.crash_before_next_commit();
    s.enqueue("a");
    s.note("nobody was told that it was accepted; the caller asks again");
    s.restart();
    s.after(5_000).enqueue("a");
});

situation!(crash_after_commit, |s| {
    s.crash_after_next_commit();
    s.enqueue("a");
    s.restart();
    s.note("the caller, without an answer, asks again");
    s.after(10).enqueue("a");
    s.wake();
});

situation!(crash_during_fetch, |s| {
    s.enqueue("a");
    s.at(40).crash_and_restart();
    s.wake();
    s.after(80).answer("a", 200);
});

situation!(crash_with_no_retry_left, |s| {
    s.enqueue_with("a", Options { max_retries: 0, ..Options::default() });
    s.enqueue_with("b", Options { at_most_once: true, ..Options::default() });
    s.at(40).crash_and_restart();
});

situation!(late_completion, |s| {
    s.enqueue("a");
    s.note("the host says nothing until the lease ends");
    s.wake();
    s.wake();
    s.after(10).answer_attempt("a", 1, 200);
});

situation!(late_success_before_the_alarm, |s| {
    s.enqueue("a");
    s.note("the lease has ended, but the alarm is late and the answer comes first");
    s.at(36_000).answer("a", 200);
});

situation!(duplicate_enqueue, |s| {
    s.enqueue("a");
    s.at(10).enqueue("a");
    s.at(20).enqueue_different("a");
    s.at(80).answer("a", 200);
    s.at(90).callback("a", true);
    s.at(100).enqueue("a");
    s.at_minutes(6).enqueue("a");
});

situation!(early_and_duplicate_alarm, |s| {
    s.enqueue("a");
    s.at(10).tick();
    s.at(50).answer("a", 503);
    s.note("early: never set to the time of the alarm that runs, which would lose it");
    s.at(60).tick();
    s.wake();
    s.wake();
    s.note("the same alarm once more: nothing is due");
    s.tick();
});

situation!(recovery_of_five_in_flight, |s| {
    s.enqueue_many(&["a", "b", "c", "d", "e", "f"]);
    s.at(40).crash_and_restart();
    s.at(3_000).tick();
});

situation!(cancel, |s| {
    s.enqueue_many(&["a", "b", "c", "d", "e", "f"]);
    s.at(10).cancel("f");
    s.at(20).cancel("a");
    s.at(25).answer("a", 200);
    s.at(30).callback("a", true);
    s.at(40).cancel("a");
    s.at(50).cancel("nobody");
});

situation!(at_most_once, |s| {
    s.enqueue_with("a", Options { at_most_once: true, ..Options::default() });
    s.at(50).fail("a", proxy_fetch::Failure::NotSent);
    s.wake();
    s.after(50).fail("a", proxy_fetch::Failure::Broken);
});

situation!(fire_and_forget, |s| {
    s.enqueue_without_callback("a");
    s.at(80).answer("a", 200);
    s.at(90).status("a");
});

situation!(hostile_caller, |s| {
    s.enqueue_with("a", Options { max_retries: 99, ..Options::default() });
    s.enqueue_to("b", "http://169.254.169.254/latest/meta-data");
    s.enqueue_to("c", "http://user:secret@example.com/");
    s.enqueue_to("two words", "https://example.com/");
});
