//! The server's own shell on madsim, with its faults and all laws: what one would otherwise simulate this machine by.

use super::{Done, EVENTS_PER_REQUEST};
use proxy_fetch_sim::shell::{REQUESTS, run_seed};

pub fn run(seed: u64) -> Done {
    let totals = match run_seed(seed) {
        Ok((totals, _)) => totals,
        Err(violation) => panic!("seed {seed}: {violation}"),
    };
    let requests = u64::from(REQUESTS);
    Done { events: requests * EVENTS_PER_REQUEST, requests, simulated_us: totals.simulated_ms * 1_000 }
}
