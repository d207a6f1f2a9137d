//! The baseline of `drain`: hyper over native-tls on keep-alive connections, without a database and without signatures.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use native_tls::{Certificate, Identity, TlsConnector};
use tokio::net::TcpStream;

/// POSTs `posts` bodies of `body` bytes over `connections` connections, as fast as it can.
pub(crate) fn post(url: &str, identity: &Path, posts: usize, connections: usize, body: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let read = |name| std::fs::read(identity.join(name)).expect("the identity is readable");
    let tls = TlsConnector::builder()
        .identity(Identity::from_pkcs8(&read("tls.crt"), &read("tls.key")).expect("an identity"))
        .disable_built_in_roots(true)
        .add_root_certificate(Certificate::from_pem(&read("ca.crt")).expect("a CA"))
        .build()
        .expect("a connector");
    let url: hyper::Uri = url.parse().expect("a URL");
    let left = Arc::new(AtomicUsize::new(posts));
    let body = Bytes::from(vec![b'x'; body]);
    runtime.block_on(async {
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..connections {
            tasks.spawn(one(url.clone(), tls.clone().into(), Arc::clone(&left), body.clone()));
        }
        tasks.join_all().await;
    });
}

async fn one(url: hyper::Uri, tls: tokio_native_tls::TlsConnector, left: Arc<AtomicUsize>, body: Bytes) {
    let (host, port) = (url.host().expect("a host"), url.port_u16().expect("a port"));
    let tcp = TcpStream::connect((host, port)).await.expect("a connection");
    tcp.set_nodelay(true).expect("nodelay");
    let stream = tls.connect(host, tcp).await.expect("a handshake");
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.expect("http");
    tokio::spawn(connection);
    while left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok() {
        sender.ready().await.expect("still open");
        let request = Request::post(url.path())
            .header("host", url.authority().expect("an authority").as_str())
            .header("content-type", "application/json")
            .body(Full::new(body.clone()))
            .expect("a request");
        let response = sender.send_request(request).await.expect("an answer");
        assert!(response.status().is_success());
        response.into_body().collect().await.expect("a body");
    }
}
