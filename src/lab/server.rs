//! The files of the current edition over HTTP, and an event stream that tells when there is a new one.

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use http::{HeaderValue, Method, StatusCode, header};
use tokio::sync::watch::Receiver;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use super::Edition;

/// Where the numbers of the editions are streamed: none of the book's own pages.
const EDITIONS: &str = "/.halfopen/editions";

/// Serves the newest edition.
pub fn router(editions: Receiver<Arc<Edition>>) -> Router {
    Router::new().route(EDITIONS, get(numbers)).fallback(file).with_state(editions)
}

/// The number of the current edition at once, then that of every new one: a page that was served the one before notices
/// even if the new one came between the page and its subscription.
async fn numbers(
    State(mut editions): State<Receiver<Arc<Edition>>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    editions.mark_changed();
    let stream = futures_util::stream::unfold(editions, |mut editions| async move {
        editions.changed().await.ok()?;
        let number = editions.borrow_and_update().number;
        Some((Ok(Event::default().data(number.to_string())), editions))
    });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

async fn file(State(editions): State<Receiver<Arc<Edition>>>, mut request: Request) -> Response {
    let edition = Arc::clone(&editions.borrow());
    // Times of files tell editions apart by the second only, and a part of a page is of no use: always send all of it.
    for name in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE, header::RANGE] {
        request.headers_mut().remove(name);
    }
    let head = request.method() == Method::HEAD;
    let folder = edition.folder.path();
    let files = ServeDir::new(folder).not_found_service(ServeFile::new(folder.join("404.html")));
    let response = match files.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    let mut response =
        if is_html(&response) && !head { live(response, edition.number).await } else { response };
    // The book changes while it is written: ask every time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

/// Adds the script that reloads the page when there is another edition.
async fn live(response: Response, number: u64) -> Response {
    let (mut parts, body) = response.into_parts();
    let page = match to_bytes(body, usize::MAX).await {
        Ok(page) => page,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let page = String::from_utf8_lossy(&page);
    // A page that was left may be kept by the browser, to be shown again at once. Its connection must not be: there are six
    // to a server, and the next page waits when all are taken.
    let script = format!(
        "<script>addEventListener(\"pageshow\", () => {{ \
         const editions = new EventSource(\"{EDITIONS}\"); \
         editions.onmessage = e => {{ if (e.data !== \"{number}\") location.reload(); }}; \
         addEventListener(\"pagehide\", () => editions.close(), {{ once: true }}); }});</script>"
    );
    let end = page.rfind("</body>").unwrap_or(page.len());
    let page = format!("{}{script}{}", &page[..end], &page[end..]);
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(page.len()));
    Response::from_parts(parts, Body::from(page))
}
