//! Answers for a page whose browser has no module: the same requests, answered by this process.
//!
//! Each answer is bounded in time and memory, few are worked on at a time, and what nobody waits for any more is given up.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use http::{HeaderMap, StatusCode, header};
use serde_json::json;
use tokio::sync::Semaphore;

use crate::explore::Registry;
use crate::page::{self, Bounds};
use crate::parameter::ByteSize;
use crate::sim::Limits;
use crate::sim::engine::limits::real_time_is;

/// Where a page asks.
pub const ASK: &str = "/.halfopen/ask";
/// The longest request: what was kept of some ten thousand runs.
const LONGEST: usize = 4 << 20;
/// How long an answer may take, all its runs together.
const PATIENCE: Duration = Duration::from_secs(20);
/// How many are worked on at a time.
const AT_ONCE: usize = 4;

/// What a run may use: a fraction of what a command may, for a page asks again and again.
fn limits() -> Limits {
    Limits {
        events: 1_000_000,
        packets: 1_000_000,
        bytes: ByteSize(256 << 20),
        buffers: ByteSize(1 << 30),
        real_time: Duration::from_secs(10),
    }
}

#[derive(Clone)]
struct Desk {
    registry: Registry,
    places: Arc<Semaphore>,
}

/// The endpoint.
pub fn router(registry: Registry) -> Router {
    // Whoever waits for a run has a clock; the simulation has none.
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    real_time_is(|| BEGAN.get_or_init(Instant::now).elapsed());
    let threads = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let desk = Desk { registry, places: Arc::new(Semaphore::new(threads.min(AT_ONCE))) };
    Router::new().route(ASK, post(ask)).layer(DefaultBodyLimit::max(LONGEST)).with_state(desk)
}

/// Goes when nobody waits for the answer any more: hyper gives up what it does for a client that is gone.
struct Wanted(Arc<AtomicBool>);

impl Drop for Wanted {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Relaxed);
    }
}

async fn ask(State(desk): State<Desk>, headers: HeaderMap, body: Bytes) -> Response {
    // A page of another site can send a form or a text without asking first, but not this.
    let kind = headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default();
    if kind.split(';').next().map(str::trim) != Some("application/json") {
        return (StatusCode::UNSUPPORTED_MEDIA_TYPE, "a request is application/json\n").into_response();
    }
    let Ok(request) = String::from_utf8(body.into()) else {
        return (StatusCode::BAD_REQUEST, "a request is UTF-8\n").into_response();
    };
    // The semaphore is never closed.
    let Ok(place) = Arc::clone(&desk.places).acquire_owned().await else {
        return StatusCode::SERVICE_UNAVAILABLE.into_response();
    };
    let wanted = Wanted(Arc::new(AtomicBool::new(true)));
    let still = Arc::clone(&wanted.0);
    let answer = tokio::task::spawn_blocking(move || {
        // Taken until the last run has ended, whether or not somebody still waits for it.
        let _place = place;
        let began = Instant::now();
        let go_on = || still.load(Ordering::Relaxed) && began.elapsed() < PATIENCE;
        let bounds = Bounds { limits: limits(), go_on: &go_on, threads: NonZeroUsize::MIN };
        page::ask_within(desk.registry, &request, &bounds)
    });
    let answer = answer
        .await
        .unwrap_or_else(|_| json!({"error": "the program broke; its terminal says why"}).to_string());
    drop(wanted);
    let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
    (headers, answer).into_response()
}
