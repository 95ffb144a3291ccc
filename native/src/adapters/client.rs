//! The HTTP clients: pooled, rustls, no proxies from the environment, no redirects of their own.
//!
//! Keeps S22: names are resolved by us, and what is connected to is what was checked, so that a name cannot change its
//! address between check and use.

use futures_util::future::BoxFuture;
use http_body_util::Full;
use hyper::body::Bytes;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::{
    client::legacy::{
        Client,
        connect::{HttpConnector, dns::Name},
    },
    rt::{TokioExecutor, TokioTimer},
};
use proxy_fetch::{address::is_public, limits};
use rustls::{ClientConfig, RootCertStore};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
    vec,
};
use tower_service::Service;
use tracing::warn;

/// Shorter than servers usually wait (often 5 s), so that a request seldom meets a connection that is just closing.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);

pub(super) type HttpClient = Client<HttpsConnector<HttpConnector<Resolver>>, Full<Bytes>>;

/// The process's two clients: one for fetches, one for callbacks.
#[derive(Clone, Debug)]
pub struct Clients {
    pub(super) fetches: HttpClient,
    pub(super) callbacks: HttpClient,
}

impl Clients {
    /// Sets both up. Fetches go to private addresses only if that is allowed; callbacks go where the allow-list says.
    #[must_use]
    pub fn new(allow_private_addresses: bool) -> Self {
        Self::with_lookup(allow_private_addresses, Arc::new(system_lookup))
    }

    /// The same in a world with other names.
    #[must_use]
    pub fn with_lookup(allow_private_addresses: bool, lookup: Lookup) -> Self {
        let tls = tls();
        let resolver = Resolver { public_only: false, lookup };
        Self {
            fetches: client(tls.clone(), Resolver { public_only: !allow_private_addresses, ..resolver.clone() }),
            callbacks: client(tls, resolver),
        }
    }
}

fn client(tls: ClientConfig, resolver: Resolver) -> HttpClient {
    let mut tcp = HttpConnector::new_with_resolver(resolver);
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_all_versions();
    // The client tries again by itself only what it knows it has not sent: on an idle connection found closed.
    Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_TIMEOUT)
        .http1_max_buf_size(limits::MAX_RESPONSE_HEAD_BYTES)
        .http2_max_header_list_size(limits::MAX_RESPONSE_HEAD_BYTES as u32)
        .build(connector.wrap_connector(tcp))
}

/// The machine's own certificates. Without any, https fails and plain http goes on.
fn tls() -> ClientConfig {
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        warn!("a certificate of this machine cannot be read: {error}");
    }
    let mut roots = RootCertStore::empty();
    let (added, _) = roots.add_parsable_certificates(found.certs);
    if added == 0 {
        warn!("this machine has no root certificates: https will fail");
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = match ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions() {
        Ok(config) => config,
        Err(error) => panic!("the TLS provider lacks what the default versions need: {error}"),
    };
    config.with_root_certificates(roots).with_no_client_auth()
}

/// Finds the addresses of a name.
pub type Lookup = Arc<dyn Fn(Name) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> + Send + Sync>;

fn system_lookup(name: Name) -> BoxFuture<'static, io::Result<Vec<SocketAddr>>> {
    Box::pin(async move { Ok(tokio::net::lookup_host((name.as_str(), 0)).await?.collect()) })
}

/// Resolves names and leaves only the addresses that are allowed.
#[derive(Clone)]
pub(super) struct Resolver {
    public_only: bool,
    lookup: Lookup,
}

/// The name has addresses, and none is public.
#[derive(Debug, thiserror::Error)]
#[error("the name has no public address")]
pub(super) struct NoPublicAddress;

impl Service<Name> for Resolver {
    type Response = vec::IntoIter<SocketAddr>;
    type Error = io::Error;
    type Future = BoxFuture<'static, io::Result<Self::Response>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let public_only = self.public_only;
        let found = (self.lookup)(name);
        Box::pin(async move {
            let mut addresses = found.await?;
            if public_only && !addresses.is_empty() {
                addresses.retain(|address| is_public(address.ip()));
                if addresses.is_empty() {
                    return Err(io::Error::other(NoPublicAddress));
                }
            }
            Ok(addresses.into_iter())
        })
    }
}
