//! A simulator for any durable object: a discrete-event loop over a pure machine on a simulated platform.
//!
//! Time is a number, a seed fixes everything, and nothing here is global: runs go in parallel. The engine knows the
//! platform (one object's storage, its implicit transaction, its gates, its one alarm, its eviction) but not what
//! the object is for; that belongs to the [`World`].
//!
//! The platform's rules and the faults that it injects are those of Cloudflare's Durable Objects, each within its
//! guarantee; [`Faults`] says which. `sim/GUIDE.md` simulates an object step by step, and
//! `sim/lock` is a whole one.
//!
//! | item | what it is |
//! |---|---|
//! | [`Object`] | yours: the object, a pure machine that takes turns |
//! | [`Turn`] | what a turn is given, and what it produces: writes, alarm, effects |
//! | [`World`] | yours: who calls the object, what its effects do, what must hold |
//! | [`Sim`] | the run: what a world may ask and do, in each of its calls |
//! | [`Commit`] | what a turn made durable, as the world sees it |
//! | [`Faults`], [`Eviction`], [`Sizes`] | the platform: what goes wrong how often, and how long things take |
//! | [`Fault`] | the name of a fault that has hit |
//! | [`Draws`](crate::Draws), [`Draw`](crate::Draw), [`Chance`] | randomness by key: no draw depends on how many there were before |
//! | [`Decisions`](crate::Decisions) | what is decided in a run: drawn, recorded and played |
//! | [`points`] | where the engine decides, and what: all that goes wrong with the platform |
//! | [`Recorder`], [`Line`] | the digest of a run, and its trace |
//! | [`Law`], [`Sim::always`], [`Sim::eventually`] | what must hold |
//! | [`Mark`], [`Sim::sometimes`], [`Grid`], [`Sim::count`] | what a run came to: its coverage |
//! | [`ddmin`], [`smallest`], [`Minimiser`] | shrink what fails |
//!
//! # The order of a turn
//!
//! 1. An event reaches the object: a call ([`Sim::call`]), the result of its own work ([`Sim::resume`]), or its
//!    alarm. A call or an alarm constructs an instance if there is none; its first turn begins with
//!    [`Object::START`].
//! 2. The event waits for others: for [`Object::linger_ms`] or [`Sizes::gather_us`], whichever is longer, but no longer
//!    than any other waiting event would. With [`Sizes::serial_commits`] all wait for the commit that is under way.
//! 3. [`Object::turn`] takes all waiting events, at one time of the object's clock. The alarm comes before or after
//!    the others. An exception may take the place of the turn. If the storage refuses the commit at once,
//!    [`Turn::commit_fails`] tells the object, which sets [`Turn::failed`] and is reset.
//! 4. Writes and alarm are one commit, which takes some time. A crash may come before it; the commit may be slow
//!    or fail, and then the object is reset.
//! 5. The commit is durable: writes and alarm are stored, and [`World::committed`] sees them.
//! 6. Its effects leave one by one: [`World::perform`]. A crash may come before each of them and after the last. A
//!    turn that neither wrote nor set an alarm needs no commit: its effects leave at once, or after the commits that
//!    are under way, and then [`World::committed`] sees an empty one.
//! 7. When no commit is under way, memory should equal storage: [`World::settled`].
//!
//! A reset ([`Sim::reset`], or any fault that ends an instance) calls [`World::fault`]; the first few of the commits
//! under way may become durable, without their effects; then [`World::lost`] is called.
//!
//! # What a turn is about
//!
//! Each decision stands at a place: a point, and a [`Key`](crate::Key) that says what it is about. What a world puts on
//! the calendar ([`Sim::plan`]) has a key; all that follows has the same one, until the world knows better
//! ([`Sim::about`]): messages, calls, and the turn that they come to. A turn is about the first event that waits, or
//! else about its alarm; an alarm is about the turn that set it (`alarm 1 after ask 3`). If there were turns about the
//! same before, the key counts them (`ask 3 (2)`), and so does a place that a run comes to more than once (`again 1`).
//!
//! # Evictions
//!
//! A call or an alarm that reaches an object begins a watch, unless there is one: 70 s after the last of them there is a
//! look. It decides how much later the object is to go, and then looks again: if nothing came in the meantime, it decides
//! whether it is evicted. What was busy is looked at again each 70 s, for as long as anything but looks is left to
//! happen. A look is no step of a run, and not in its digest, unless it evicts: so a run that is played, in which there
//! are always looks, is the same as one that was drawn without any.
//!
//! # The faults
//!
//! | what goes wrong | who causes it, and how often | the decision |
//! |---|---|---|
//! | a crash between a commit and its effects, or among them | [`Faults::crash_after_commit`] | [`points::COMMIT`]: `crash_after_effects` |
//! | a crash before a commit | [`Faults::crash_before_commit`] | [`points::TURN`]: `crash` |
//! | a commit fails, or is slow | [`Faults::commit_fails`], [`Faults::commit_slow`]; the world: [`Sim::set_full`] | [`points::TURN`]: `commit_fails`, `slow_commit_ms`, `commit_times_out` |
//! | what was not confirmed is durable all the same | each reset, half of the time | [`points::COMMIT`]: `survives` |
//! | an exception in mid-turn | [`Faults::exception`] | [`points::TURN`]: `exception` |
//! | an eviction | [`Faults::eviction`] | [`points::IDLE`]: `evicted`, `after_ms` |
//! | running work is lost | each reset: [`World::lost`], and [`Sim::resume`] says no | |
//! | a deploy | the world: [`Sim::reset`] | |
//! | the instance that was replaced runs on | the world | |
//! | the machine's memory is lost, and nothing else of the instance | [`Faults::ghost_restart`]; [`World::ghost`] | [`points::TURN`]: `ghost_restart` |
//! | the constructor throws, or the isolate is killed | [`Faults::constructor_throws`]; the world: [`Sim::reset`] | [`points::CONSTRUCTION`]: `throws` |
//! | an alarm is late, or runs twice | [`Faults::alarm_late`], [`Faults::alarm_twice`] | [`points::COMMIT`]: `alarm_late_ms`, `alarm_again_ms` |
//! | an alarm runs though it was replaced | [`Faults::alarm_stale`] | [`points::REPLACED`]: `runs` |
//! | an alarm's handler throws, and is abandoned in the end | [`Faults::alarm_fails`], [`Faults::alarm_abandoned`] | [`points::FIRING`]: `fails`, `abandoned` |
//! | an alarm's handler hangs | [`Faults::alarm_hangs`] | [`points::FIRING`]: `hangs` |
//! | a stored alarm never fires | [`Faults::alarm_stuck`] | [`points::COMMIT`]: `alarm_stuck` |
//! | an alarm comes among other events | it happens by itself | [`points::TURN`]: `alarm_first` |
//! | the next host's clock differs | [`Faults::clock_skew_ms`] | [`points::CONSTRUCTION`]: `clock_ms` |
//! | no connection is free | [`Sim::connect`], by [`Sizes::connections`] | |
//! | too many calls in a second | [`Sim::call`], by [`Sizes::calls_per_second`] | |

mod alarm;
mod coverage;
mod faults;
mod instance;
mod law;
mod minimise;
mod object;
#[cfg(feature = "plans")]
mod panics;
mod platform;
pub mod points;
mod queue;
mod run;
mod shrink;
mod state;
mod trace;

pub use coverage::{Coverage, Grid, Mark};
pub use faults::{Eviction, Fault, Faults, Sizes};
pub use law::{Breaks, Law, panic_text};
pub use minimise::{Minimiser, TimeUp, effort};
pub use object::{NoObject, Object, Turn, World};
#[cfg(feature = "plans")]
pub(crate) use panics::caught;
pub use platform::{CallError, InstanceId, ObjectId, Sim};
pub use shrink::{ddmin, smallest, try_ddmin, try_smallest};
pub use state::Commit;
pub use trace::{Line, Recorder};

use crate::{
    decide::Chance,
    time::{DAY, MINUTE, Micros, SECOND},
};
