//! What a caller is told: every refusal in one list, for a reviewer to read, and that a refused call stores nothing.

use crate::reviewed;
use crate::support::world::BEGIN;
use proxy_fetch::{
    AllowedCallback, Callback, Caller, Config, Effect, Event, Machine, ObjectCallback, Options, Output, Reply, Request,
    RequestId, RestoreError, Timestamp, limits,
};

fn valid() -> Request {
    Request {
        request_id: "order-7".into(),
        method: "POST".into(),
        url: "https://example.com/".into(),
        ..Request::default()
    }
}

fn machine() -> Machine {
    let callbacks = vec![
        AllowedCallback::origin("https://origin.example").unwrap(),
        AllowedCallback::Binding { binding: "CART".into(), method: Some("done".into()) },
    ];
    Machine::restore(Config { callbacks, max_live: 1, max_request_body_bytes: 1_000, ..Config::default() }, []).unwrap()
}

fn replies(machine: &mut Machine, event: Event) -> String {
    let mut out = Output::default();
    machine.step(Timestamp(BEGIN), event, &mut out);
    let reply = out.effects().iter().find_map(|effect| match effect {
        Effect::Reply { reply, .. } => Some(reply.clone()),
        Effect::Fetch { .. } | Effect::Abort { .. } | Effect::Deliver { .. } | Effect::Report(_) => None,
    });
    match reply.unwrap() {
        Reply::Refused(refusal) => format!("{:<11} {refusal}", refusal.kind.name()),
        Reply::Accepted { .. } | Reply::Cancelled { .. } | Reply::Status(_) => "accepted".into(),
    }
}

fn enqueue(request: Request) -> Event {
    Event::Enqueue { caller: Caller(1), request: Box::new(request), entropy: 1 }
}

/// The refusal of a valid request after this change; nothing of it may be stored.
fn refusal(change: impl FnOnce(&mut Request)) -> String {
    let mut machine = machine();
    let mut request = valid();
    change(&mut request);
    let text = replies(&mut machine, enqueue(request));
    assert_eq!(machine.live_len(), 0, "{text}");
    assert_eq!(machine.rows().count(), 1, "{text}");
    text
}

fn object(binding: &str, object: &str, method: &str) -> Option<Callback> {
    let (binding, object, method) = (binding.into(), object.into(), method.into());
    Some(Callback::Object(ObjectCallback { binding, object, method }))
}

fn options(change: impl FnOnce(&mut Options)) -> String {
    refusal(|request| change(&mut request.options))
}

fn of_the_request() -> Vec<String> {
    let header = |name: &str, value: &str| refusal(|r| r.headers = vec![(name.into(), value.into())]);
    let url = |url: &str| refusal(|r| r.url = url.into());
    let call = |callback: Option<Callback>| refusal(|r| r.callback = callback);
    let call_url = |url: &str| call(Some(Callback::Url(url.into())));
    vec![
        refusal(|r| r.request_id.clear()),
        refusal(|r| r.request_id = "x".repeat(129)),
        refusal(|r| r.request_id = "two words".into()),
        refusal(|r| r.method.clear()),
        refusal(|r| r.method = "get".into()),
        refusal(|r| r.method = format!("\"\r\n{}", "TRACE".repeat(20))),
        url(""),
        url(&format!("https://example.com/{}", "x".repeat(limits::MAX_URL_BYTES))),
        url("/relative"),
        url("https://exa mple.com"),
        url("https://example.com:99999/"),
        url("ftp://example.com/"),
        url("javascript:alert(1)"),
        url("https://user@example.com/"),
        url("https://:secret@example.com/"),
        url("http://127.0.0.1/"),
        url("http://[::1]:8080/"),
        url("http://localhost/"),
        url("http://metadata.google.internal/"),
        refusal(|r| r.headers = vec![("x-a".into(), String::new()); 101]),
        header("x-a", &"x".repeat(limits::MAX_HEADER_BYTES)),
        header("", "a"),
        header("x a", "a"),
        header("x-a", "a\r\nx-b: c"),
        header("x-a", " padded "),
        refusal(|r| r.body = vec![0; 1_001]),
        refusal(|r| (r.method, r.body) = ("GET".into(), vec![0])),
        call_url(""),
        call_url("origin.example"),
        call_url("ftp://origin.example/"),
        call_url("https://me@origin.example/"),
        call_url("https://elsewhere.example/"),
        call_url("http://origin.example/"),
        call(object("", "1", "done")),
        call(object("CART", "", "done")),
        call(object("CART", "1", "")),
        call(object(&"B".repeat(257), "1", "done")),
        call(object("CART", "a b", "done")),
        call(object("CART", "1", "other")),
        call(object("ELSE", "1", "done")),
        options(|o| o.timeout_ms = 99),
        options(|o| o.timeout_ms = i64::MAX),
        options(|o| o.max_retries = -1),
        options(|o| o.max_retries = 11),
        options(|o| o.retry_delay_ms = 0),
        options(|o| o.retry_delay_ms = i64::MIN),
        options(|o| o.max_retry_delay_ms = 600_001),
        options(|o| (o.retry_delay_ms, o.max_retry_delay_ms) = (5_000, 4_000)),
    ]
}

fn of_the_state() -> Vec<String> {
    let named = |request_id: &str| Event::Cancel { caller: Caller(1), request_id: request_id.into() };
    let mut machine = machine();
    let mut lines = vec![replies(&mut machine, named("order-7")), replies(&mut machine, named("\u{1F980}"))];
    assert_eq!(replies(&mut machine, enqueue(valid())), "accepted");
    lines.push(replies(&mut machine, enqueue(Request { method: "PUT".into(), ..valid() })));
    lines.push(replies(&mut machine, enqueue(Request { request_id: "order-8".into(), ..valid() })));
    let (id, row) = machine.live().next().map(|(id, row)| (id, row.clone())).unwrap();
    let attempt = proxy_fetch::Attempt { id, number: row.attempts, epoch: machine.epoch() };
    let result = proxy_fetch::FetchResult::Response { status: 200, retry_after: None };
    machine.step(Timestamp(BEGIN), Event::Fetched { attempt, result }, &mut Output::default());
    lines.push(replies(&mut machine, named("order-7")));
    lines
}

fn of_the_host() -> Vec<String> {
    let origin = |text: &str| format!("host        {}", AllowedCallback::origin(text).unwrap_err());
    let restore = |error: RestoreError| format!("host        {error}");
    vec![
        origin(""),
        origin("origin.example"),
        origin("https://origin.example/path"),
        restore(RestoreError::EmptyBound("max_live")),
        restore(RestoreError::TooManyInFlight(6)),
        restore(RestoreError::MetaVersion(2)),
    ]
}

#[test]
fn every_refusal_reads_well() {
    let lines: Vec<String> = [of_the_request(), of_the_state(), of_the_host()].concat();
    for line in &lines {
        assert!(!line.contains("accepted"), "{line}");
        assert!(line.len() < 200 && !line.chars().any(char::is_control), "{line}");
    }
    reviewed::snapshot("refusals", &lines.join("\n"));
}

/// S8, S15: the bounds themselves are allowed.
#[test]
fn what_is_just_within_the_bounds_is_accepted() {
    let within: [fn(&mut Request); 9] = [
        |r| r.request_id = "~".repeat(limits::MAX_REQUEST_ID_BYTES),
        |r| r.url = format!("https://example.com/{}", "x".repeat(limits::MAX_URL_BYTES - 20)),
        |r| r.headers = vec![("x-a".into(), String::new()); limits::MAX_HEADERS],
        |r| r.headers = vec![("x-a".into(), "x".repeat(limits::MAX_HEADER_BYTES - 3))],
        |r| r.headers = vec![("x-a".into(), "tab\tinside, \u{e9}".into())],
        |r| r.body = vec![0; 1_000],
        |r| r.callback = Some(Callback::Url("https://origin.example:443/a?b#c".into())),
        |r| r.callback = object("CART", &"o".repeat(limits::MAX_NAME_BYTES), "done"),
        |r| (r.options.timeout_ms, r.options.max_retries, r.options.retry_delay_ms) = (300_000, 10, 100),
    ];
    for (index, change) in within.into_iter().enumerate() {
        let mut machine = machine();
        let mut request = valid();
        change(&mut request);
        assert_eq!(replies(&mut machine, enqueue(request)), "accepted", "number {index}");
        assert_eq!(machine.live_len(), 1);
    }
}

/// A request with something in every field.
fn full() -> Request {
    Request {
        headers: vec![("x-a".into(), "1".into()), ("x-b".into(), "2".into())],
        body: vec![1, 2],
        callback: object("CART", "1", "done"),
        ..valid()
    }
}

#[test]
fn s6_a_change_of_any_field_is_a_conflict() {
    let changes: [fn(&mut Request); 14] = [
        |r| r.method = "PUT".into(),
        |r| r.url += "x",
        |r| r.headers.swap(0, 1),
        |r| r.headers = vec![("x-a".into(), "1".into())],
        |r| r.headers = vec![("x-a".into(), "1x-b".into()), (r.headers[1].0.clone(), "2".into())],
        |r| r.body = vec![1, 3],
        |r| r.callback = None,
        |r| r.callback = object("CART", "2", "done"),
        |r| r.options.timeout_ms += 1,
        |r| r.options.max_retries += 1,
        |r| r.options.retry_delay_ms += 1,
        |r| r.options.max_retry_delay_ms += 1,
        |r| r.options.retry_on_5xx = false,
        |r| r.options.at_most_once = true,
    ];
    for (index, change) in changes.into_iter().enumerate() {
        let mut machine = machine();
        assert_eq!(replies(&mut machine, enqueue(full())), "accepted");
        let mut request = full();
        change(&mut request);
        let reply = replies(&mut machine, enqueue(request));
        assert!(reply.starts_with("conflict"), "number {index}: {reply}");
        assert_eq!(replies(&mut machine, enqueue(full())), "accepted", "a repeat");
        assert_eq!(machine.live_len(), 1);
    }
}

/// Fingerprints are stored: a program that computes them otherwise refuses every repeat over an upgrade.
#[test]
fn s6_the_fingerprint_never_changes() {
    let mut machine = machine();
    assert_eq!(replies(&mut machine, enqueue(full())), "accepted");
    let fingerprint = machine.live().next().map(|(_, row)| row.fingerprint);
    assert_eq!(fingerprint, Some(0xa1224afb_e635aa8d_8cd406f9_49129cfe));
}

#[test]
fn request_ids_say_what_is_wrong() {
    assert!(RequestId::new("a/b:c").is_ok());
    let text = RequestId::new(&"x".repeat(300)).unwrap_err().to_string();
    assert_eq!(text, "request_id: 300 bytes are more than the maximum of 128");
}
