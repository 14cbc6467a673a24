//! Who may ask: a page that came from here. Any site that a reader visits can send requests to the reader's own machine, and one
//! whose name is made to point there can read the answers.

use axum::extract::Request;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, StatusCode, header};

/// The names of this machine, to itself.
const NAMES: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

/// Refuses what names another host, or comes from a page of another one.
pub async fn only_from_here(request: Request, next: Next) -> Response {
    match refusal(request.headers()) {
        Some(why) => (StatusCode::FORBIDDEN, why).into_response(),
        None => next.run(request).await,
    }
}

fn refusal(headers: &HeaderMap) -> Option<&'static str> {
    let only = |name: HeaderName| {
        let mut all = headers.get_all(name).iter();
        let first = all.next().and_then(|value| value.to_str().ok());
        first.filter(|_| all.next().is_none())
    };
    let Some(host) = only(header::HOST).filter(|host| is_here(host)) else {
        return Some("this book is served to 127.0.0.1 and localhost only\n");
    };
    if !headers.contains_key(header::ORIGIN) {
        return None;
    }
    // The port, too: another server on this machine is another site.
    let origin = only(header::ORIGIN).and_then(|origin| origin.strip_prefix("http://"));
    match origin.is_some_and(|origin| origin.eq_ignore_ascii_case(host)) {
        true => None,
        false => Some("only this book's own pages may ask\n"),
    }
}

/// Whether a host, with or without a port, is this machine.
fn is_here(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    NAMES.iter().any(|here| name.eq_ignore_ascii_case(here))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered_and_only_pages_of_this_very_server() {
        let refused = |headers: &[(&str, &str)]| {
            let mut map = HeaderMap::new();
            for (name, value) in headers {
                map.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
            }
            refusal(&map).is_some()
        };
        for host in ["localhost", "LocalHost:3000", "127.0.0.1:3000", "[::1]:3000", "[::1]"] {
            assert!(!refused(&[("host", host)]), "{host}");
            assert!(!refused(&[("host", host), ("origin", &format!("http://{host}"))]), "{host}");
        }
        for host in [
            "evil.example",
            "evil.example:3000",
            "localhost.evil.example",
            "127.0.0.1.evil.example:3000",
            "",
            ":3000",
            "localhost:3000@evil.example",
            "192.168.0.7:3000",
            "0.0.0.0:3000",
        ] {
            assert!(refused(&[("host", host)]), "{host}");
        }
        assert!(refused(&[]));
        assert!(refused(&[("host", "localhost"), ("host", "localhost")]));
        for origin in [
            "http://evil.example",
            "null",
            "http://localhost:3001",
            "https://localhost:3000",
            "http://127.0.0.1:3000",
            "",
        ] {
            assert!(refused(&[("host", "localhost:3000"), ("origin", origin)]), "{origin}");
        }
    }
}
