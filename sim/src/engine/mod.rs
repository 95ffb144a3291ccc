//! A simulator for any durable object: a discrete-event loop over a pure machine on a simulated platform.
//!
//! Time is a number, a seed fixes everything, and nothing here is global: runs go in parallel. The engine knows the
//! platform (one object's storage, its implicit transaction, its gates, its one alarm, its eviction) but not what
//! the object is for; that belongs to the [`World`].
//!
//! The platform's rules and the faults F1-F8 and F10-F20 that it injects are those of Cloudflare's Durable Objects,
//! each within its guarantee; [`Faults`] says which. `GUIDE.md` simulates an object step by step, and
//! `examples/lock` is a whole one.
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
//! | [`Draws`], [`Draw`], [`Chance`] | randomness by key: no draw depends on how many there were before |
//! | [`Decisions`], [`Decision`], [`Place`], [`Script`], [`Value`] | draws with names, recorded and played: a run as data |
//! | [`Recorder`], [`Line`] | the digest of a run, and its trace |
//! | [`ddmin`], [`smallest`], [`Minimiser`] | shrink what fails |
//!
//! # The order of a turn
//!
//! 1. An event reaches the object: a call ([`Sim::call`]), the result of its own work ([`Sim::resume`]), or its
//!    alarm. A call or an alarm constructs an instance if there is none (F11, F19); its first turn begins with
//!    [`Object::START`].
//! 2. The event waits for others: for [`Object::linger_ms`] or [`Sizes::gather_us`], whichever is longer, but no longer
//!    than any other waiting event would. With [`Sizes::serial_commits`] all wait for the commit that is under way.
//! 3. [`Object::turn`] takes all waiting events, at one time of the object's clock. The alarm comes before or after
//!    the others. An exception (F5) may take the place of the turn. If the storage refuses the commit at once (F3),
//!    [`Turn::commit_fails`] tells the object, which sets [`Turn::failed`] and is reset.
//! 4. Writes and alarm are one commit, which takes some time. A crash may come before it (F2); the commit may be slow
//!    (F4) or fail (F3), and then the object is reset.
//! 5. The commit is durable: writes and alarm are stored, and [`World::committed`] sees them.
//! 6. Its effects leave one by one: [`World::perform`]. A crash may come before each of them and after the last (F1). A
//!    turn that neither wrote nor set an alarm needs no commit: its effects leave at once, or after the commits that
//!    are under way, and then [`World::committed`] sees an empty one.
//! 7. When no commit is under way, memory should equal storage: [`World::settled`].
//!
//! A reset ([`Sim::reset`], or any fault that ends an instance) calls [`World::fault`]; the first few of the commits
//! under way may become durable, without their effects; then [`World::lost`] is called.
//!
//! # The faults
//!
//! | fault | what goes wrong | who causes it |
//! |---|---|---|
//! | F1 | a crash between a commit and its effects, or among them | [`Faults::crash_after_commit`] |
//! | F2 | a crash before a commit | [`Faults::crash_before_commit`] |
//! | F3, F4 | a commit fails, or is slow | [`Faults::commit_fails`], [`Faults::commit_slow`] |
//! | F5 | an exception in mid-turn | [`Faults::exception`] |
//! | F6 | an eviction | [`Faults::eviction`] |
//! | F7 | running work is lost | each reset: [`World::lost`], and [`Sim::resume`] says no |
//! | F8 | a deploy | the world: [`Sim::reset`] |
//! | F9 | the instance that was replaced runs on | the world |
//! | F10 | the machine's memory is lost, and nothing else of the instance | [`Faults::ghost_restart`]; [`World::ghost`] |
//! | F11 | the constructor throws, or the isolate is killed | [`Faults::constructor_throws`]; the world: [`Sim::reset`] |
//! | F12, F13, F14 | an alarm is late, runs twice, or runs though it was replaced | [`Faults::alarm_late`], [`Faults::alarm_twice`], [`Faults::alarm_stale`] |
//! | F15 | an alarm's handler throws, and is abandoned in the end | [`Faults::alarm_fails`], [`Faults::alarm_abandoned`] |
//! | F16, F17 | an alarm's handler hangs, or a stored alarm never fires | [`Faults::alarm_hangs`], [`Faults::alarm_stuck`] |
//! | F18 | an alarm comes among other events | it happens by itself |
//! | F19 | the next host's clock differs | [`Faults::clock_skew_ms`] |
//! | F20 | no connection is free | [`Sim::connect`], by [`Sizes::connections`] |
//! | F28 | too many calls in a second | [`Sim::call`], by [`Sizes::calls_per_second`] |

mod alarm;
mod draw;
mod faults;
mod instance;
mod minimise;
mod object;
mod platform;
mod queue;
mod run;
mod script;
mod shrink;
mod trace;

pub use draw::{Chance, Draw, Draws};
pub use faults::{CrashAt, Eviction, Fault, Faults, Sizes};
pub use minimise::{Minimiser, TimeUp, effort};
pub use object::{Object, Turn, World};
pub use platform::{CallError, Commit, InstanceId, ObjectId, Sim, purpose};
pub use script::{Decision, Decisions, Place, Script, Value};
pub use shrink::{ddmin, smallest, try_ddmin, try_smallest};
pub use trace::{Line, Recorder};

/// True time in microseconds since the run began.
pub type Micros = u64;

/// A second.
pub const SECOND: Micros = 1_000_000;
/// A minute.
pub const MINUTE: Micros = 60 * SECOND;
