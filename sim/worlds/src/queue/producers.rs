//! Producers: they make requests, and send each until they are told that it is stored, or lose patience.

use super::{
    broker::Broker,
    coverage::{Fault, State},
    decisions::{NTH, SEND, SendFails},
    ledger::{Number, Observation},
    message::Happening,
    plan::{Damage, Planned},
    stage::Stage,
};
use durable_sim::SECOND;
use proxy_fetch::{Callback, Config, ObjectCallback, Options, Request, RowError, Ulid, queue::Message};
use std::rc::Rc;

/// A producer gives up after so many sends.
const MAX_SENDS: u32 = 8;
/// The part of a ULID that no two requests of a run share: their number.
const NUMBER_BITS: u32 = 32;

/// All producers.
#[derive(Debug)]
pub(super) struct Producers {
    config: Config,
    /// The messages that were made, as the ledger numbers their requests: they are sent again as they are.
    made: Vec<Rc<[u8]>>,
}

impl Producers {
    /// None of which has sent anything.
    pub const fn new(config: Config) -> Self {
        Self { config, made: Vec::new() }
    }

    /// A producer sends this request of the plan for the `nth` time; `made` if not for the first.
    pub fn send(
        &mut self,
        stage: &mut Stage<'_>,
        broker: &mut Broker,
        planned: Planned,
        made: Option<Number>,
        nth: u32,
    ) {
        let mut decide = stage.sim.decide(&SEND, NTH.key2(planned, nth));
        let made = made.or_else(|| {
            let order = decide.whole(&SEND.order, 0, 1_000_000);
            self.make(stage, planned, order.unsigned_abs())
        });
        let Some(request) = made else { return };
        let mut fails = SendFails::Never;
        if !stage.healthy {
            let chance = stage.plan.faults.send_error;
            fails = decide.sometimes_one(&SEND.fails, chance, &[SendFails::Lost, SendFails::Stored]);
        }
        match fails {
            SendFails::Never | SendFails::Stored => broker.store(stage, request, &self.made[request]),
            SendFails::Lost => {}
        }
        if fails == SendFails::Never {
            stage.sim.say("producer", || format!("sent r{planned}"));
            stage.see(Observation::Acknowledged { request });
            return;
        }
        stage.hit(Fault::SendError, State::Unsent, request);
        if nth < MAX_SENDS {
            // The same bytes: the id was fixed before the first send.
            let again = Happening::Send { planned, made: Some(request), nth: nth + 1 };
            stage.sim.after(decide.time(&SEND.again, SECOND, 8 * SECOND), again);
        }
    }

    fn make(&mut self, stage: &mut Stage<'_>, planned: Planned, order: u64) -> Option<Number> {
        let plan = *stage.plan.requests.get(&planned)?;
        let entropy = u128::from(order) << NUMBER_BITS | u128::from(planned);
        let id = Ulid::from_parts(stage.sim.true_ms(), entropy);
        let callback =
            ObjectCallback { binding: "ORIGIN".into(), object: format!("o{planned}"), method: "onResult".into() };
        let request = Request {
            request_id: format!("r{planned}"),
            method: "POST".into(),
            url: "https://upstream.test/".into(),
            body: vec![7; planned as usize % 50],
            callback: plan.callback.then_some(Callback::Object(callback)),
            options: plan.options,
            ..Request::default()
        };
        let message = match Message::new(&self.config, id, request) {
            Ok(message) => message,
            Err(refusal) => {
                stage.sim.say("producer", || format!("r{planned} is refused: {refusal}"));
                let Options { at_most_once, retry_delay_ms, max_retry_delay_ms, .. } = plan.options;
                let expected = match refusal.field {
                    "options.at_most_once" => at_most_once,
                    "options.max_retry_delay_ms" => max_retry_delay_ms < retry_delay_ms,
                    _ => false,
                };
                assert!(expected, "a valid request is refused: {refusal}");
                return None;
            }
        };
        let number = stage.seen.ledger.entries.len();
        let unread = (plan.damage == Some(Damage::Corrupt)).then_some(RowError::Corrupt);
        self.made.push(message.to_bytes().into());
        stage.seen.names(planned);
        stage.see(Observation::Made { id, options: plan.options, callback: plan.callback, unread });
        Some(number)
    }
}
