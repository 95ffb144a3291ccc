//! The origin: it is called back, writes it down and says so, mostly.

use super::{
    ORIGIN, answer, chance, receive,
    witness::{Shared, attempt_of},
};
use madsim::net::Endpoint;
use serde_json::json;

pub async fn run(world: Shared) {
    let net = Endpoint::bind(ORIGIN).await.unwrap();
    loop {
        let (request, to) = receive(&net).await;
        let outcome = serde_json::from_value(request["outcome"].clone()).unwrap();
        world.see(|it| it.told(attempt_of(&request["attempt"]), outcome));
        if chance(95) {
            answer(&net, to, &json!({ "ok": chance(95) })).await;
        }
    }
}
