//! The platform in production: tokio's timers and tasks, the real network, SQLite.

use super::{Clients, Deliverer, Fetcher, Sqlite, StoreError};
use crate::shell::{Delivery, Fetch, Platform, Response};
use proxy_fetch::{CallbackResult, Config, Failure, Timestamp};
use std::{
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};
use tokio::runtime::Handle;

/// The real world.
#[derive(Clone, Debug)]
pub struct Tokio {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    data: PathBuf,
    /// Where fetches and callbacks run: not on the shell's thread, which waits for the disk.
    network: Handle,
    fetcher: Fetcher,
    deliverer: Deliverer,
    started: Instant,
    started_at: Timestamp,
}

impl Tokio {
    /// A platform with its data in `data` and its tasks on `network`. The clock is read once, now; from then on time
    /// is what has passed since, so it cannot jump while the process runs.
    #[must_use]
    pub fn new(data: PathBuf, network: Handle, config: &Config) -> Self {
        let clients = Clients::new(config.allow_private_addresses);
        let fetcher = Fetcher::new(&clients, Arc::new(config.clone()));
        let deliverer = Deliverer::new(&clients);
        // A clock before 1970 is no clock; the machine never falls behind what it has stored.
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let inner =
            Inner { data, network, fetcher, deliverer, started: Instant::now(), started_at: Timestamp(ms(since_1970)) };
        Self { inner: Arc::new(inner) }
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl Platform for Tokio {
    type Database = Sqlite;

    fn now(&self) -> Timestamp {
        self.inner.started_at.plus_ms(ms(self.inner.started.elapsed()))
    }

    fn entropy(&self) -> u128 {
        rand::random()
    }

    async fn sleep(&self, ms: u64) {
        tokio::time::sleep(Duration::from_millis(ms)).await;
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        self.inner.network.spawn(task);
    }

    fn open(&self) -> Result<Sqlite, StoreError> {
        Sqlite::open(&self.inner.data)
    }

    async fn fetch(&self, fetch: Fetch) -> Result<Response, Failure> {
        self.inner.fetcher.fetch(fetch).await
    }

    async fn deliver(&self, delivery: Delivery) -> CallbackResult {
        self.inner.deliverer.deliver(delivery).await
    }
}
