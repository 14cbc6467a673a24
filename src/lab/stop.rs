//! Being told to end: by Ctrl-C, or by whoever started this.

use std::io;
use std::sync::mpsc;

use tokio::sync::watch;

/// Knows when this process is to end. Without it a signal would end it at once, and leave behind what only it can remove.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Listens for the signals from now on, for as long as the process lives. The second one ends it at once.
    ///
    /// # Errors
    /// When the operating system refuses.
    pub fn listen() -> io::Result<Self> {
        let (told, stop) = watch::channel(false);
        let (ready, is_ready) = mpsc::channel();
        std::thread::Builder::new().name("halfopen-signals".to_owned()).spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build();
            let listened: io::Result<()> = runtime.and_then(|runtime| {
                runtime.block_on(async {
                    let mut signals = Signals::new()?;
                    let _ = ready.send(Ok(()));
                    signals.next().await;
                    told.send_replace(true);
                    let number = signals.next().await;
                    std::process::exit(128 + number);
                })
            });
            if let Err(error) = listened {
                let _ = ready.send(Err(error));
            }
        })?;
        is_ready.recv().unwrap_or_else(|_| Err(io::Error::other("nobody listens for signals")))?;
        Ok(Self(stop))
    }

    /// Whether it is to end.
    pub fn is_told(&self) -> bool {
        *self.0.borrow()
    }

    /// Comes when it is to end.
    pub async fn told(mut self) {
        if self.0.wait_for(|told| *told).await.is_err() {
            // Nobody will tell any more.
            std::future::pending().await
        }
    }
}

#[cfg(unix)]
struct Signals([(tokio::signal::unix::Signal, i32); 3]);

#[cfg(unix)]
impl Signals {
    fn new() -> io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let of = |kind: SignalKind| signal(kind).map(|signal| (signal, kind.as_raw_value()));
        Ok(Self([of(SignalKind::interrupt())?, of(SignalKind::terminate())?, of(SignalKind::hangup())?]))
    }

    /// Its number.
    async fn next(&mut self) -> i32 {
        let [(a, first), (b, second), (c, third)] = &mut self.0;
        tokio::select! {
            biased;
            _ = a.recv() => *first,
            _ = b.recv() => *second,
            _ = c.recv() => *third,
        }
    }
}

#[cfg(not(unix))]
struct Signals;

#[cfg(not(unix))]
impl Signals {
    fn new() -> io::Result<Self> {
        Ok(Self)
    }

    async fn next(&mut self) -> i32 {
        if tokio::signal::ctrl_c().await.is_err() {
            std::future::pending::<()>().await;
        }
        2
    }
}
