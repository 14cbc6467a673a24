//! The opening handshake (RFC 6455 section 4): an HTTP/1.1 request that asks for another protocol on its connection.

use axum::body::Body;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::header::{
    ALLOW, CONNECTION, HOST, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY,
    SEC_WEBSOCKET_PROTOCOL, SEC_WEBSOCKET_VERSION, UPGRADE,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Version};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::{self, protocol::WebSocketConfig};
use tokio_tungstenite::{WebSocketStream, client_async_with_config};

use crate::channel::OpenError;

/// RFC 6455 section 4.1: the only version there is.
const VERSION: &str = "13";

/// Why a server does not upgrade a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Not a GET.
    #[error("not a GET request")]
    Method,
    /// HTTP/1.0, which knows no upgrade.
    #[error("HTTP before 1.1")]
    HttpVersion,
    /// No host.
    #[error("no host")]
    Host,
    /// The client did not ask for an upgrade to WebSocket.
    #[error("not a request for an upgrade to websocket")]
    NoUpgrade,
    /// A version of the protocol that is not 13.
    #[error("not version 13 of the protocol")]
    WebSocketVersion,
    /// The key is missing or does not stand for 16 bytes.
    #[error("no valid key")]
    Key,
}

impl Refusal {
    /// The status to answer with.
    pub const fn status(self) -> StatusCode {
        match self {
            Refusal::Method => StatusCode::METHOD_NOT_ALLOWED,
            // RFC 9110 section 15.5.22, and RFC 6455 section 4.4 for the version.
            Refusal::NoUpgrade | Refusal::WebSocketVersion => StatusCode::UPGRADE_REQUIRED,
            Refusal::HttpVersion | Refusal::Host | Refusal::Key => StatusCode::BAD_REQUEST,
        }
    }

    /// The answer, with the header fields that its status asks for.
    pub fn response(self) -> Response<Body> {
        let mut response = Response::new(Body::from(format!("{self}\n")));
        *response.status_mut() = self.status();
        let headers = response.headers_mut();
        match self {
            Refusal::Method => {
                headers.insert(ALLOW, HeaderValue::from_static("GET"));
            }
            Refusal::NoUpgrade | Refusal::WebSocketVersion => {
                headers.insert(CONNECTION, HeaderValue::from_static("upgrade"));
                headers.insert(UPGRADE, HeaderValue::from_static("websocket"));
                headers.insert(SEC_WEBSOCKET_VERSION, HeaderValue::from_static(VERSION));
            }
            Refusal::HttpVersion | Refusal::Host | Refusal::Key => {}
        }
        response
    }
}

/// Reads a client's opening handshake as a server (RFC 6455 section 4.2.1) and makes the answer that accepts it.
/// Which origins may talk to the server (section 10.2) is for its owner to decide.
///
/// # Errors
/// [`Refusal`], for the first thing wrong.
pub fn accept<B>(request: &Request<B>) -> Result<Response<Body>, Refusal> {
    let headers = request.headers();
    if request.method() != Method::GET {
        return Err(Refusal::Method);
    }
    if request.version() < Version::HTTP_11 {
        return Err(Refusal::HttpVersion);
    }
    if !headers.contains_key(HOST) {
        return Err(Refusal::Host);
    }
    if !has_token(headers, CONNECTION, "upgrade") || !has_token(headers, UPGRADE, "websocket") {
        return Err(Refusal::NoUpgrade);
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|v| v != VERSION) {
        return Err(Refusal::WebSocketVersion);
    }
    let key = headers.get(SEC_WEBSOCKET_KEY).ok_or(Refusal::Key)?;
    if STANDARD.decode(key).map_or(0, |bytes| bytes.len()) != 16 {
        return Err(Refusal::Key);
    }
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let answer = response.headers_mut();
    answer.insert(CONNECTION, HeaderValue::from_static("upgrade"));
    answer.insert(UPGRADE, HeaderValue::from_static("websocket"));
    let proof = derive_accept_key(key.as_bytes());
    let proof = HeaderValue::try_from(proof).expect("base64 is a valid header value");
    answer.insert(SEC_WEBSOCKET_ACCEPT, proof);
    Ok(response)
}

/// Whether a token is in the comma-separated lists of a header field, in whatever case.
fn has_token(headers: &HeaderMap, name: HeaderName, token: &str) -> bool {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|list| list.split(','))
        .any(|item| item.trim().eq_ignore_ascii_case(token))
}

/// Asks for the upgrade as a client, on a connection just opened. `nonce` makes the key: 16 unpredictable bytes.
pub(super) async fn request<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    url: &str,
    authority: &str,
    nonce: [u8; 16],
    config: WebSocketConfig,
) -> Result<WebSocketStream<S>, OpenError> {
    let request = Request::get(url)
        .header(HOST, authority)
        .header(CONNECTION, "Upgrade")
        .header(UPGRADE, "websocket")
        .header(SEC_WEBSOCKET_VERSION, VERSION)
        .header(SEC_WEBSOCKET_KEY, STANDARD.encode(nonce))
        .body(())
        .map_err(|e| OpenError::Url { url: url.to_owned(), problem: e.to_string() })?;
    let (websocket, response) =
        client_async_with_config(request, stream, Some(config)).await.map_err(open_error)?;
    // RFC 6455 section 4.1, steps 5 and 6: we offered none of these, so none may be chosen.
    for name in [SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_PROTOCOL] {
        if response.headers().contains_key(&name) {
            return Err(OpenError::Protocol(format!("the server chose a {name} that was not offered")));
        }
    }
    Ok(websocket)
}

fn open_error(error: tungstenite::Error) -> OpenError {
    match error {
        tungstenite::Error::Http(response) => OpenError::Refused { status: response.status().as_u16() },
        tungstenite::Error::Io(e) => OpenError::Io(e),
        tungstenite::Error::Protocol(tungstenite::error::ProtocolError::HandshakeIncomplete) => {
            OpenError::Io(std::io::ErrorKind::UnexpectedEof.into())
        }
        other => OpenError::Protocol(other.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The request of RFC 6455 section 1.2.
    fn sample() -> Request<()> {
        Request::get("/chat")
            .header("Host", "server.example.com")
            .header("Upgrade", "websocket")
            .header("Connection", "Upgrade")
            .header("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
            .header("Origin", "http://example.com")
            .header("Sec-WebSocket-Version", "13")
            .body(())
            .expect("a request")
    }

    #[test]
    fn the_sample_key_of_the_rfc_yields_its_sample_answer() {
        let response = accept(&sample()).expect("accepted");
        assert_eq!(response.status(), 101);
        assert_eq!(response.headers()["sec-websocket-accept"], "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        assert_eq!(response.headers()["upgrade"], "websocket");
        assert_eq!(response.headers()["connection"], "upgrade");
    }

    #[test]
    fn header_tokens_may_stand_in_lists_and_in_any_case() {
        let mut request = sample();
        // What Firefox sends.
        request.headers_mut().insert("connection", HeaderValue::from_static("keep-alive, Upgrade"));
        request.headers_mut().insert("upgrade", HeaderValue::from_static("WebSocket"));
        assert!(accept(&request).is_ok());
    }

    #[test]
    fn each_missing_header_is_refused_with_its_own_status() {
        for (name, refusal, status) in [
            ("host", Refusal::Host, 400),
            ("connection", Refusal::NoUpgrade, 426),
            ("upgrade", Refusal::NoUpgrade, 426),
            ("sec-websocket-version", Refusal::WebSocketVersion, 426),
            ("sec-websocket-key", Refusal::Key, 400),
        ] {
            let mut request = sample();
            request.headers_mut().remove(name);
            assert_eq!(accept(&request).expect_err(name), refusal);
            assert_eq!(refusal.response().status(), status, "{name}");
        }
    }

    #[test]
    fn each_wrong_header_is_refused() {
        for (name, value, refusal) in [
            ("connection", "keep-alive", Refusal::NoUpgrade),
            ("connection", "upgraded", Refusal::NoUpgrade),
            ("upgrade", "h2c", Refusal::NoUpgrade),
            ("sec-websocket-version", "8", Refusal::WebSocketVersion),
            ("sec-websocket-key", "not base64!", Refusal::Key),
            ("sec-websocket-key", "c2hvcnQ=", Refusal::Key),
        ] {
            let mut request = sample();
            request.headers_mut().insert(name, HeaderValue::from_static(value));
            assert_eq!(accept(&request).expect_err(value), refusal);
        }
    }

    #[test]
    fn only_a_get_of_http_1_1_is_an_opening_handshake() {
        let mut post = sample();
        *post.method_mut() = Method::POST;
        assert_eq!(accept(&post).expect_err("refused"), Refusal::Method);
        assert_eq!(Refusal::Method.response().headers()["allow"], "GET");
        let mut old = sample();
        *old.version_mut() = Version::HTTP_10;
        assert_eq!(accept(&old).expect_err("refused"), Refusal::HttpVersion);
    }

    #[test]
    fn a_wrong_version_is_told_the_right_one() {
        let response = Refusal::WebSocketVersion.response();
        assert_eq!(response.headers()["sec-websocket-version"], "13");
        assert_eq!(response.headers()["upgrade"], "websocket");
    }

    const NONCE: &[u8; 16] = b"the sample nonce";

    /// What the client sends for [`NONCE`].
    const ASKED: &[u8] =
        b"GET /chat HTTP/1.1\r\nHost: server\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

    async fn answered(answer: &str) -> Result<(), OpenError> {
        let stream = tokio_test::io::Builder::new().write(ASKED).read(answer.as_bytes()).build();
        let url = "ws://server/chat";
        request(stream, url, "server", *NONCE, WebSocketConfig::default()).await.map(drop)
    }

    #[tokio::test]
    async fn a_client_takes_the_answer_of_the_rfc() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";
        answered(answer).await.expect("open");
    }

    #[tokio::test]
    async fn a_client_refuses_an_answer_to_another_key() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-accept: AAAAAAAAAAAAAAAAAAAAAAAAAAA=\r\n\r\n";
        assert!(matches!(answered(answer).await, Err(OpenError::Protocol(_))));
    }

    #[tokio::test]
    async fn a_client_refuses_an_extension_that_it_did_not_offer() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\
            sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\nsec-websocket-extensions: permessage-deflate\r\n\r\n";
        assert!(matches!(answered(answer).await, Err(OpenError::Protocol(_))));
    }

    #[tokio::test]
    async fn a_refusal_reaches_the_client_with_its_status() {
        let answer = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n";
        assert!(matches!(answered(answer).await, Err(OpenError::Refused { status: 503 })));
    }

    #[tokio::test]
    async fn an_answer_cut_short_is_a_lost_connection() {
        let error = answered("HTTP/1.1 101 Switch").await.expect_err("cut short");
        assert!(matches!(error, OpenError::Io(e) if e.kind() == std::io::ErrorKind::UnexpectedEof));
    }
}
