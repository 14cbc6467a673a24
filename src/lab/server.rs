//! The files of the current edition over HTTP, and an event stream that tells when there is a new one, or why there is none.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::Stream;
use http::{HeaderValue, Method, StatusCode, Uri, header};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::watch::Receiver;
use tokio::task::JoinSet;
use tower::ServiceExt;
use tower_http::services::{ServeDir, ServeFile};

use super::{Shown, ask, guard};
use crate::book::live::FOLDER;
use crate::explore::Registry;

/// Where the numbers of the editions are streamed: none of the book's own pages.
const EDITIONS: &str = "/.halfopen/editions";
/// How long a client may take for the head of a request, and how long it may be silent between two.
pub const HEAD: Duration = Duration::from_secs(20);

/// Serves the newest edition, and answers what its pages ask.
pub fn router(shown: Receiver<Shown>, registry: Registry) -> Router {
    Router::new()
        .route(EDITIONS, get(numbers))
        .fallback(file)
        .with_state(shown)
        .merge(ask::router(registry))
        .layer(axum::middleware::from_fn(guard::only_from_here))
}

/// Serves connections until it is dropped, and they with it.
pub async fn serve(listener: TcpListener, router: Router, head: Duration) -> io::Result<()> {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            biased;
            Some(_) = connections.join_next() => {}
            accepted = listener.accept() => match accepted {
                Ok((stream, _)) => {
                    let service = TowerToHyperService::new(router.clone());
                    connections.spawn(async move {
                        let mut http = http1::Builder::new();
                        http.timer(TokioTimer::new()).header_read_timeout(head);
                        // A client that went away or made no sense concerns nobody else.
                        let _ = http.serve_connection(TokioIo::new(stream), service).await;
                    });
                }
                // Of one client, or of this process for a while (no more descriptors).
                Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
            },
        }
    }
}

/// The number of the current edition at once, then that of every new one: a page that was served the one before notices
/// even if the new one came between the page and its subscription. As an event `problem`, why the last build failed.
async fn numbers(
    State(mut shown): State<Receiver<Shown>>,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    shown.mark_changed();
    let stream =
        futures_util::stream::unfold((shown, VecDeque::new()), |(mut shown, mut events)| async move {
            if events.is_empty() {
                shown.changed().await.ok()?;
                let now = shown.borrow_and_update();
                events.push_back(Event::default().data(now.edition.number.to_string()));
                if let Some(problem) = &now.problem {
                    events.push_back(Event::default().event("problem").data(problem.replace('\r', "")));
                }
            }
            let event = events.pop_front()?;
            Some((Ok(event), (shown, events)))
        });
    Sse::new(stream).keep_alive(KeepAlive::default())
}

async fn file(State(shown): State<Receiver<Shown>>, mut request: Request) -> Response {
    let edition = Arc::clone(&shown.borrow().edition);
    // A path that begins like a host (`//images`) would be one in the answer that leads from a folder to its index.
    if request.uri().path().starts_with("//") {
        *request.uri_mut() = Uri::from_static("/404.html/");
    }
    // Times of files tell editions apart by the second only, and a part of a page is of no use: always send all of it.
    for name in [header::IF_MODIFIED_SINCE, header::IF_UNMODIFIED_SINCE, header::RANGE] {
        request.headers_mut().remove(name);
    }
    let head = request.method() == Method::HEAD;
    let built = request.uri().path().strip_prefix('/') == Some(&format!("{FOLDER}/build.json"));
    let folder = edition.folder.path();
    let files = ServeDir::new(folder).not_found_service(ServeFile::new(folder.join("404.html")));
    let response = match files.oneshot(request).await {
        Ok(response) => response.map(Body::new),
        Err(never) => match never {},
    };
    let mut response = match (head, built) {
        (false, true) => rewritten(response, |text| native(&text)).await,
        (false, false) if is_html(&response) => rewritten(response, |page| live(&page, edition.number)).await,
        _ => response,
    };
    response.headers_mut().remove(header::ACCEPT_RANGES);
    // The book changes while it is written: ask every time.
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

fn is_html(response: &Response) -> bool {
    let kind = response.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
    kind.is_some_and(|kind| kind.starts_with("text/html"))
}

async fn rewritten(response: Response, rewrite: impl FnOnce(String) -> String) -> Response {
    let (mut parts, body) = response.into_parts();
    let text = match to_bytes(body, usize::MAX).await {
        Ok(text) => text,
        Err(error) => return (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    };
    let text = rewrite(String::from_utf8_lossy(&text).into_owned());
    parts.headers.insert(header::CONTENT_LENGTH, HeaderValue::from(text.len()));
    Response::from_parts(parts, Body::from(text))
}

/// What says how the book answers: here also without a module.
fn native(build: &str) -> String {
    let mut build: Value =
        serde_json::from_str(build).unwrap_or_else(|_| json!({"module": null, "why": null}));
    build["native"] = json!(true);
    format!("{build}\n")
}

/// Adds the script that reloads the page when there is another edition, and shows why there is none.
fn live(page: &str, number: u64) -> String {
    // A page that was left may be kept by the browser, to be shown again at once. Its connection must not be: there are six
    // to a server, and the next page waits when all are taken.
    let script =
        include_str!("editions.js").replace("EDITIONS", EDITIONS).replace("NUMBER", &number.to_string());
    let end = page.rfind("</body>").unwrap_or(page.len());
    format!("{}<script>{script}</script>{}", &page[..end], &page[end..])
}
