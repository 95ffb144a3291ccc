//! What the shell asks of the world. Production answers with tokio, an HTTP client and SQLite; a simulation with others.

pub use proxy_fetch::json::Response;
use proxy_fetch::{Alarm, CallbackResult, Effect, Event, Failure, Machine, Payload, Row, Store, Timestamp, Ulid};
use std::fmt;

/// The world around a shell: clock, timer, tasks, network, and a database.
pub trait Platform: Clone + Send + Sync + 'static {
    /// Where rows are kept.
    type Database: Database;

    /// The time. It does not go back while the process lives.
    fn now(&self) -> Timestamp;

    /// Fresh randomness; all 128 bits.
    fn entropy(&self) -> u128;

    /// Ends `ms` milliseconds from now; a moment early does no harm.
    fn sleep(&self, ms: u64) -> impl Future<Output = ()> + Send;

    /// Runs a task beside the shell.
    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static);

    /// Opens the database, and keeps everybody else from it while it is open.
    ///
    /// # Errors
    /// Why it cannot be opened.
    fn open(&self) -> Result<Self::Database, <Self::Database as Store>::Error>;

    /// Makes one attempt: redirects, response head and body, all within the attempt's time and bounds.
    fn fetch(&self, fetch: Fetch) -> impl Future<Output = Result<Response, Failure>> + Send;

    /// POSTs a callback once, within [`CALLBACK_TIMEOUT_MS`](proxy_fetch::limits::CALLBACK_TIMEOUT_MS).
    fn deliver(&self, delivery: Delivery) -> impl Future<Output = CallbackResult> + Send;

    /// A turn begins at `now` with these events. For whoever records turns; there is nothing to do.
    fn turn_begins(&self, _now: Timestamp, _events: &[Event]) {}

    /// The turn is committed: the machine and its alarm after it, and the effects that leave now. For whoever records
    /// turns; there is nothing to do.
    fn turn_committed(&self, _machine: &Machine, _alarm: Alarm, _effects: &[Effect]) {}
}

/// A store that can also be read.
pub trait Database: Store<Error: fmt::Display + Send> + Send {
    /// The rows of [`Table::RESTORED`](proxy_fetch::Table::RESTORED), in any order.
    ///
    /// # Errors
    /// The database's; the shell then opens it anew.
    fn rows(&mut self) -> Result<Vec<Row>, Self::Error>;

    /// Whether the database must not be opened again after this error: another one would be found there.
    fn ends_all(_error: &Self::Error) -> bool {
        false
    }

    /// The bytes of a payload row, if there is one.
    ///
    /// # Errors
    /// The database's; the shell then opens it anew.
    fn payload(&mut self, id: Ulid) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// One attempt to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetch {
    /// The request.
    pub id: Ulid,
    /// What to send.
    pub payload: Payload,
    /// Time for connect, head and body of all hops together, in ms.
    pub timeout_ms: u32,
}

/// One callback to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Where to.
    pub url: String,
    /// The JSON to POST.
    pub json: Vec<u8>,
}
