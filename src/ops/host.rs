//! Against DNS rebinding: a web page makes its own name resolve to 127.0.0.1 and has the browser read what answers there.
//! The browser still sends the page's name as Host.

use std::net::{Ipv4Addr, Ipv6Addr};

use hyper::header::HOST;
use hyper::http::uri::Authority;
use hyper::{Request, Version};

/// Whether a request names another host than this machine, in its Host header or as a whole URI. A request of HTTP/1.0
/// need not name any, and no browser sends one.
pub(super) fn is_foreign<B>(request: &Request<B>) -> bool {
    if request.uri().authority().is_some_and(|authority| !is_local(authority)) {
        return true;
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    match (hosts.next(), hosts.next()) {
        (None, _) => request.version() > Version::HTTP_10,
        (Some(_), Some(_)) => true,
        (Some(host), None) => {
            let host = host.to_str().ok().and_then(|text| text.parse::<Authority>().ok());
            host.is_none_or(|host| !is_local(&host))
        }
    }
}

fn is_local(authority: &Authority) -> bool {
    let host = authority.host();
    let six = host.strip_prefix('[').and_then(|host| host.strip_suffix(']'));
    host.eq_ignore_ascii_case("localhost")
        || host.parse().is_ok_and(|address: Ipv4Addr| address.is_loopback())
        || six.and_then(|host| host.parse().ok()).is_some_and(|address: Ipv6Addr| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(uri: &str, version: Version, hosts: &[&str]) -> Request<()> {
        let mut request = Request::builder().uri(uri).version(version);
        for host in hosts {
            request = request.header(HOST, *host);
        }
        request.body(()).expect("a request")
    }

    #[test]
    fn only_names_of_this_machine_are_answered() {
        for host in ["localhost", "LocalHost:9464", "127.0.0.1", "127.9.8.7:1", "[::1]", "[::1]:9464"] {
            assert!(!is_foreign(&request("/livez", Version::HTTP_11, &[host])), "{host}");
        }
        for host in [
            "evil",
            "evil:9464",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "128.0.0.1",
            "2130706433",
            "127.1",
            "[::2]",
            "::1",
            "",
            "localhost evil",
        ] {
            assert!(is_foreign(&request("/livez", Version::HTTP_11, &[host])), "{host:?}");
        }
    }

    #[test]
    fn the_name_cannot_be_hidden() {
        assert!(is_foreign(&request("/livez", Version::HTTP_11, &[])));
        assert!(!is_foreign(&request("/livez", Version::HTTP_10, &[])));
        assert!(is_foreign(&request("/livez", Version::HTTP_10, &["evil"])));
        assert!(is_foreign(&request("/livez", Version::HTTP_11, &["localhost", "evil"])));
        assert!(is_foreign(&request("http://evil/livez", Version::HTTP_11, &["localhost"])));
        assert!(is_foreign(&request("http://localhost/livez", Version::HTTP_11, &["evil"])));
        assert!(!is_foreign(&request("http://localhost/livez", Version::HTTP_11, &["localhost"])));
    }
}
