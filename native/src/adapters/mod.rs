//! The real world behind the shell's [`Platform`](crate::shell::Platform).

mod client;
mod data_file;
mod deliver;
mod fetch;
mod sqlite;
mod tokio;

pub use self::{
    client::{Clients, Lookup},
    deliver::Deliverer,
    fetch::Fetcher,
    sqlite::{Sqlite, StoreError},
    tokio::Tokio,
};
