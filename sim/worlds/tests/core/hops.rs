//! What leaves: headers, redirects, addresses, and where callbacks may go (laws S16, S18, S22).

use crate::{regressions, support};
use proptest::prelude::*;
use proxy_fetch::{
    AfterHead, AllowedCallback, Callback, Caller, Config, Effect, Event, Failure, Hop, Machine, Output, Payload, Reply,
    Request, RequestId, Timestamp, Ulid, address, is_end_to_end,
};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

const ID: Ulid = Ulid::from_parts(1_767_225_600_000, 42);

fn payload(url: &str, method: &str, headers: &[(&str, &str)]) -> Payload {
    Payload {
        request_id: RequestId::new("a").unwrap(),
        method: method.into(),
        url: url.into(),
        headers: headers.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        body: b"{}".to_vec(),
        callback: None,
    }
}

fn first(url: &str, method: &str, headers: &[(&str, &str)]) -> Result<Hop, Failure> {
    Hop::first(&Config::default(), ID, &payload(url, method, headers))
}

fn follow(hop: Hop, status: u16, location: &str) -> Hop {
    match hop.after_head(&Config::default(), status, Some(location)) {
        AfterHead::Follow(hop) => hop,
        other @ (AfterHead::Read | AfterHead::Fail(_)) => panic!("{status} {location}: {other:?}"),
    }
}

fn has(hop: &Hop, wanted: &str) -> bool {
    hop.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(wanted))
}

const SECRETS: [(&str, &str); 2] = [("Authorization", "x"), ("cookie", "y")];

fn destination() -> impl Strategy<Value = String> {
    let host = prop::sample::select(vec![
        "example.com",
        "EXAMPLE.com.",
        "other.example",
        "8.8.8.8",
        "127.0.0.1",
        "127.1",
        "0x7f.1",
        "2130706433",
        "0177.0.0.1",
        "10.0.0.8",
        "169.254.169.254",
        "[::1]",
        "[::ffff:10.0.0.1]",
        "[2606:4700::1111]",
        "localhost",
        "LOCALHOST.",
        "db.internal",
        "intranet",
    ]);
    let scheme = prop::sample::select(vec!["http://", "https://", "//", "HTTPS:\\\\", "ftp://", "file://"]);
    let user = prop::sample::select(vec!["", "", "", "", "user@", "example.com:80@"]);
    let port = prop::sample::select(vec!["", ":80", ":443", ":8080"]);
    prop_oneof![
        6 => (scheme, user, host, port).prop_map(|(scheme, user, host, port)| format!("{scheme}{user}{host}{port}/p")),
        2 => "[a-z/?#.]{0,12}",
        1 => any::<String>(),
    ]
}

fn header() -> impl Strategy<Value = (String, String)> {
    let known = prop::sample::select(vec![
        "Authorization",
        "COOKIE",
        "Cookie2",
        "Connection",
        "host",
        "Content-Length",
        "Content-Type",
        "Transfer-Encoding",
        "te",
        "Upgrade",
        "Keep-Alive",
        "proxy-authorization",
        "CF-Connecting-IP",
        "cf-ray",
        "x-a",
        "idempotency-key",
        "Trailer",
        "Expect",
        "accept",
    ]);
    (
        known,
        prop_oneof![Just("v"), Just("close, X-A"), Just("te , accept"), Just("authorization"), Just("idempotency-key")],
    )
        .prop_map(|(name, value)| (name.into(), value.into()))
}

proptest! {
    #![proptest_config(support::config(regressions!("core_hops"), 1_000))]

    #[test]
    fn s22_redirects(
        headers in prop::collection::vec(header(), 0..8),
        method in prop::sample::select(vec!["GET", "HEAD", "POST", "PUT", "DELETE"]),
        steps in prop::collection::vec((prop::sample::select(vec![301_u16, 302, 303, 307, 308, 200, 304]), destination()), 0..30),
        private: bool,
    ) {
        let config = Config { allow_private_addresses: private, ..Config::default() };
        let mut start = payload("https://example.com/", method, &[]);
        start.headers = headers.clone();
        let mut hop = Hop::first(&config, ID, &start).unwrap();
        let listed: Vec<String> = headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("connection"))
            .flat_map(|(_, value)| value.split(',').map(|part| part.trim().to_ascii_lowercase())).collect();
        let keys = hop.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("idempotency-key")).count();
        prop_assert!(keys > 0, "S16: no idempotency key among {:?}", hop.headers);
        let mut crossed = false;
        for (status, location) in steps {
            for (name, _) in &hop.headers {
                let lower = name.to_ascii_lowercase();
                prop_assert!(is_end_to_end(name), "{name} leaves");
                prop_assert!(!lower.starts_with("cf-"), "{name} leaves");
                // The key that the machine adds itself is no field of the caller's connection.
                prop_assert!(lower == "idempotency-key" || !listed.contains(&lower), "{name} leaves though connection lists it");
                let secret = ["authorization", "cookie", "cookie2"].contains(&lower.as_str());
                prop_assert!(!crossed || !secret, "{name} crosses origins");
            }
            let (was, before) = (hop.url.clone(), hop.clone());
            match hop.after_head(&config, status, Some(&location)) {
                AfterHead::Read => {
                    prop_assert!(matches!(status, 200 | 304), "{status} was not followed");
                    break;
                }
                AfterHead::Fail(failure) => {
                    prop_assert!(matches!(failure, Failure::AddressRefused | Failure::BadRedirect));
                    prop_assert!(!failure.is_retryable());
                    break;
                }
                AfterHead::Follow(next) => {
                    prop_assert!(matches!(next.url.scheme(), "http" | "https"));
                    prop_assert!(next.url.username().is_empty() && next.url.password().is_none());
                    prop_assert!(private || config.check_destination(&next.url).is_ok());
                    let host = next.url.host_str().unwrap();
                    let inside = match host.trim_matches(['[', ']']).parse() {
                        Ok(literal) => !address::is_public(literal),
                        Err(_) => host.trim_end_matches('.') == "localhost" || !host.contains('.'),
                    };
                    prop_assert!(private || !inside, "followed to {}", next.url);
                    prop_assert!(next.redirects <= 20 && next.redirects == before.redirects + 1);
                    let get = status == 303 && before.method != "HEAD" || before.method == "POST" && status < 303;
                    prop_assert_eq!(&next.method, if get { "GET" } else { &before.method });
                    prop_assert_eq!(next.with_body, before.with_body && !get);
                    prop_assert!(!get || next.headers.iter().all(|(name, _)| !name.to_ascii_lowercase().starts_with("content-")));
                    crossed |= was.origin() != next.url.origin();
                    hop = next;
                }
            }
        }
    }

    #[test]
    fn any_location_is_judged(status: u16, location: Option<String>, redirects: u8) {
        let mut hop = first("https://example.com/a", "POST", &SECRETS).unwrap();
        hop.redirects = redirects;
        let after = hop.after_head(&Config::default(), status, location.as_deref());
        let redirect = [301, 302, 303, 307, 308].contains(&status) && location.is_some();
        prop_assert_eq!(after == AfterHead::Read, !redirect);
    }

    #[test]
    fn embedded_addresses_are_judged_by_what_they_hold(bits: u32) {
        let v4 = Ipv4Addr::from(bits);
        let [a, b, c, d] = v4.octets().map(u16::from);
        let public = address::is_public(IpAddr::V4(v4));
        let (high, low) = (a << 8 | b, c << 8 | d);
        let mapped = IpAddr::V6(v4.to_ipv6_mapped());
        prop_assert_eq!(address::is_public(mapped), public);
        prop_assert_eq!(address::is_public(Ipv6Addr::new(0x64, 0xff9b, 0, 0, 0, 0, high, low).into()), public);
        prop_assert_eq!(address::is_public(Ipv6Addr::new(0x2002, high, low, 0, 0, 0, 0, 1).into()), public);
        let inside = v4.is_private() || v4.is_loopback() || v4.is_link_local() || v4.is_broadcast() || a == 0 || a >= 224;
        prop_assert!(!public || !inside, "{v4}");
        prop_assert!(!address::is_public(v4.to_ipv6_compatible().into()));
    }

    #[test]
    fn nothing_outside_2000_3_is_public(bits: u128) {
        let v6 = Ipv6Addr::from(bits);
        let embedded = v6.to_ipv4_mapped().is_some() || v6.segments()[..2] == [0x64, 0xff9b];
        prop_assert!(embedded || v6.segments()[0] >> 13 == 1 || !address::is_public(v6.into()), "{v6}");
    }
}

#[test]
fn s22_credentials_stay_with_their_origin() {
    let start = || first("https://example.com/a", "GET", &SECRETS).unwrap();
    assert!(has(&follow(start(), 302, "/b"), "authorization"), "the same origin keeps them");
    for other in ["https://other.example/", "http://example.com/", "https://example.com:8443/", "//other.example"] {
        let hop = follow(start(), 307, other);
        assert!(!has(&hop, "authorization") && !has(&hop, "cookie"), "{other}");
        let back = follow(hop, 307, "https://example.com/a");
        assert!(!has(&back, "authorization"), "they do not come back after {other}");
    }
}

#[test]
fn s22_no_redirect_leads_inside() {
    let inside =
        ["http://127.0.0.1/", "http://2130706433/", "//10.0.0.8/", "http://[::ffff:10.0.0.1]/", "//localhost/"];
    for location in inside {
        let hop = first("https://example.com/", "GET", &[]).unwrap();
        let after = hop.after_head(&Config::default(), 302, Some(location));
        assert_eq!(after, AfterHead::Fail(Failure::AddressRefused), "{location}");
    }
    let open = Config { allow_private_addresses: true, ..Config::default() };
    let hop = first("https://example.com/", "GET", &[]).unwrap();
    assert!(matches!(hop.after_head(&open, 302, Some("http://127.0.0.1/")), AfterHead::Follow(_)));
}

#[test]
fn fields_of_the_connection_do_not_leave() {
    let own =
        ["te", "Upgrade", "HOST", "content-length", "transfer-encoding", "proxy-authorization", "cf-ray", "x-mine"];
    let mut headers: Vec<(&str, &str)> = own.iter().map(|name| (*name, "v")).collect();
    headers.extend([("connection", "close, X-Mine"), ("x-other", "v")]);
    let hop = first("https://example.com/", "GET", &headers).unwrap();
    assert!(own.iter().all(|name| !has(&hop, name)) && has(&hop, "x-other"), "{:?}", hop.headers);
}

#[test]
fn s16_every_first_request_has_an_idempotency_key() {
    let key = |headers: &[(&str, &str)]| {
        let hop = first("https://example.com/", "POST", headers).unwrap();
        hop.headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("idempotency-key"))
            .map(|(_, value)| value.clone())
    };
    assert_eq!(key(&[]), Some(ID.to_string()));
    assert_eq!(key(&[("Idempotency-Key", "mine")]).as_deref(), Some("mine"));
    // The caller's own is the connection's, so it does not leave: then the machine's must.
    assert!(key(&[("connection", "idempotency-key"), ("idempotency-key", "mine")]).is_some());
}

#[test]
fn redirects_are_followed_20_times_and_no_more() {
    let mut hop = first("https://example.com/0", "POST", &[]).unwrap();
    for n in 1..=20 {
        hop = follow(hop, 308, &format!("/{n}"));
    }
    assert_eq!((hop.url.path(), hop.method.as_str(), hop.with_body), ("/20", "POST", true));
    let end = hop.after_head(&Config::default(), 308, Some("/21"));
    assert_eq!(end, AfterHead::Fail(Failure::BadRedirect));
}

#[test]
fn methods_after_a_redirect() {
    let cases = [
        (301, "POST", "GET"),
        (302, "POST", "GET"),
        (303, "PUT", "GET"),
        (303, "HEAD", "HEAD"),
        (302, "PUT", "PUT"),
        (307, "POST", "POST"),
        (308, "DELETE", "DELETE"),
    ];
    for (status, method, then) in cases {
        let hop = follow(first("https://example.com/", method, &[("content-type", "a/b")]).unwrap(), status, "/x");
        assert_eq!(hop.method, then, "{status} {method}");
        assert_eq!((has(&hop, "content-type"), hop.with_body), (then == method, then == method));
    }
}

#[test]
fn s22_stored_urls_are_checked_again() {
    for url in ["http://127.0.0.1/", "http://[::1]/", "http://localhost/", "http://169.254.169.254/latest"] {
        assert_eq!(first(url, "GET", &[]), Err(Failure::AddressRefused), "{url}");
    }
    assert_eq!(first("nonsense", "GET", &[]), Err(Failure::Unreadable));
    // A stored URL that no enqueue lets in is as unreadable as one that is none.
    assert!(first("ftp://example.com/", "GET", &[]).is_err(), "only http and https are fetched");
    let open = Config { allow_private_addresses: true, ..Config::default() };
    assert!(Hop::first(&open, ID, &payload("file:///etc/passwd", "GET", &[])).is_err(), "no files");
}

/// Whether an enqueue with this callback is let in; else the field at fault.
fn calls(allowed: &[AllowedCallback], callback: Callback) -> Result<(), &'static str> {
    let config = Config { callbacks: allowed.to_vec(), ..Config::default() };
    let mut machine = Machine::restore(config, []).unwrap();
    let request = Request {
        request_id: "a".into(),
        method: "GET".into(),
        url: "https://example.com/".into(),
        callback: Some(callback),
        ..Request::default()
    };
    let mut out = Output::default();
    let event = Event::Enqueue { caller: Caller(1), request: Box::new(request), entropy: 0 };
    machine.step(Timestamp(1), event, &mut out);
    match out.effects().first() {
        Some(Effect::Reply { reply: Reply::Accepted { .. }, .. }) => Ok(()),
        Some(Effect::Reply { reply: Reply::Refused(refusal), .. }) => Err(refusal.field),
        other => panic!("{other:?}"),
    }
}

#[test]
fn s18_callback_urls() {
    let origin = |text: &str| AllowedCallback::origin(text).unwrap();
    let calls = |allowed: &str, url: &str| calls(&[origin(allowed)], Callback::Url(url.into())).is_ok();
    for url in ["https://a.example/x", "HTTPS://A.Example/x?y", "https://a.example:443/", "https://a.example/#f"] {
        assert!(calls("https://a.example", url), "{url}");
        assert!(calls("https://A.EXAMPLE:443/", url), "{url}");
    }
    let tricks = [
        "http://127.0.0.1:80@evil.example/",
        "http://127.0.0.1@evil.example/",
        "http://evil.example/127.0.0.1",
        "http://127.0.0.1.evil.example/",
        "http://evil.example#@127.0.0.1/",
        "http://evil.example\\@127.0.0.1/",
        "http://127.0.0.1:81/",
        "https://127.0.0.1:80/",
        "//127.0.0.1/",
        "",
    ];
    for url in tricks {
        assert!(!calls("http://127.0.0.1:80", url), "{url}");
        assert!(!calls("http://127.0.0.1", url), "{url}");
    }
    assert!(!calls("http://127.0.0.1:*", "http://127.0.0.1:80@evil.example/"));
    assert!(calls("http://127.0.0.1:*", "http://127.0.0.1:9/") && calls("http://127.0.0.1:*", "http://127.0.0.1/"));
    assert!(calls("http://127.0.0.1", "http://127.1/"), "one address in another spelling");
    assert!(!calls("https://a.example", "https://a.example./"), "a name with its dot is another origin");
    assert!(!calls("https://a.example", "https://b.a.example/") && !calls("https://a.example:*", "http://a.example/"));
    assert!(calls("http://[::1]:*", "http://[0:0::1]:5/"));
}

#[test]
fn s18_nothing_is_allowed_by_default() {
    assert_eq!(calls(&[], Callback::Url("https://a.example/".into())), Err("callback_url"));
}

#[test]
fn s18_allowed_origins_are_only_origins() {
    let wrong =
        ["", "*", "a.example", "ftp://a", "https://a/path", "https://a?x", "https://u@a", "https://a#f", "https://"];
    for text in wrong {
        assert!(AllowedCallback::origin(text).is_err(), "{text:?} was read");
    }
    assert!(AllowedCallback::origin("http://a.example:80:*").is_err(), "one port or every port, not both");
}
