//! The origin: it is called back, writes it down and says so, mostly.

use super::{ORIGIN, answer, chance, oracle::Shared, receive};
use madsim::net::Endpoint;
use proxy_fetch::json::parse_callback;
use serde_json::json;

pub async fn run(world: Shared) {
    let net = Endpoint::bind(ORIGIN).await.unwrap();
    loop {
        let (request, to) = receive(&net).await;
        let item = parse_callback(request["json"].as_str().unwrap().as_bytes()).unwrap();
        let is_calm = world.see(|it| {
            it.told(&item);
            it.is_calm()
        });
        if is_calm || chance(95) {
            answer(&net, to, &json!({ "ok": is_calm || chance(95) })).await;
        }
    }
}
