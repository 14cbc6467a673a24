//! Name lookups of a machine: at once, unless a fault makes them slow or leaves them without an answer. The queries
//! themselves are not on the wire.

use std::io;
use std::time::Duration;

use super::socket::Shared;
use crate::net::time::{now, sleep_until};
use crate::parameter::secs;
use crate::sim::fault::Dns;

/// How long a resolver waits for an answer before it asks again (resolv.conf(5), `timeout`).
const TIMEOUT: Duration = secs(5);
/// How often it asks (resolv.conf(5), `attempts`).
const ATTEMPTS: u32 = 2;

/// Waits for the answer to a query, as glibc's resolver does: an answer to an earlier attempt is as good as one to a
/// later.
///
/// # Errors
/// `TimedOut` when no attempt is answered in time.
pub(super) async fn answered(shared: &Shared, name: &str) -> io::Result<()> {
    let asked = now();
    let mut answer = None;
    for attempt in 1..=ATTEMPTS {
        let comes = match shared.dns() {
            // As long as no fault touches it, a lookup takes no time and is no event.
            None if attempt == 1 => return Ok(()),
            None => Some(now()),
            Some(Dns::Takes(time)) => Some(now() + time),
            Some(Dns::Dead) => None,
        };
        answer = [answer, comes].into_iter().flatten().min();
        let gives_up = now() + TIMEOUT;
        match answer {
            Some(at) if at <= gives_up => {
                sleep_until(at).await;
                let took_s = (now() - asked).as_secs_f64();
                tracing::info!(target: "halfopen::app", name, took_s, "name looked up");
                return Ok(());
            }
            _ => sleep_until(gives_up).await,
        }
    }
    tracing::info!(target: "halfopen::app", name, "name lookup failed");
    Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer to the lookup of `{name}`")))
}
