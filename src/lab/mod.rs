//! The book, served on this machine and built anew whenever a chapter changes.
//!
//! A build goes into a fresh folder, an *edition*; the server turns to it when it is complete. A build that fails leaves the
//! last good edition where it is. A page that is open reloads itself when there is a new edition; the script that does it is
//! added to what is served, not to what is built. Why a build failed is told to the open pages as well as to the terminal.
//!
//! What the pages ask is answered here, too ([`crate::page`]), for browsers without the module, and only to this machine.

mod ask;
mod guard;
mod server;
pub mod stop;
mod watch;

use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::thread::JoinHandle;

use tempfile::TempDir;
use tokio::sync::watch as latest;

use crate::book::{self, BuildError, live};
use crate::explore::{Registry, Runs};

/// Which port to serve on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// This one and no other (0: any free one).
    Exactly(u16),
    /// This one or the next free one.
    From(u16),
}

/// Where the book is served unless told otherwise.
pub const DEFAULT_PORT: Port = Port::From(3000);

/// How many ports are tried.
const TRIED: u16 = 100;

/// The book could not be served.
#[derive(Debug, thiserror::Error)]
pub enum LabError {
    /// The port cannot be listened on.
    #[error(
        "port {port} of 127.0.0.1 cannot be used ({error}); name another with `--port`, or none for the next free one"
    )]
    Port {
        /// The port.
        port: u16,
        /// What the operating system says.
        error: io::Error,
    },
    /// The first build failed.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The chapters cannot be watched.
    #[error("the chapters cannot be watched: {0}")]
    Watch(#[from] notify::Error),
    /// The server failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// A complete build of the book.
#[derive(Debug)]
pub(crate) struct Edition {
    /// Counted from 1.
    number: u64,
    /// Its files; removed together with the edition.
    folder: TempDir,
}

impl Edition {
    fn build(root: &Path, shelf: &Path, runs: &Runs, number: u64) -> Result<Arc<Self>, BuildError> {
        let folder = tempfile::tempdir_in(shelf)?;
        book::build(root, folder.path(), runs)?;
        Ok(Arc::new(Self { number, folder }))
    }
}

/// What pages are shown.
#[derive(Debug, Clone)]
pub(crate) struct Shown {
    edition: Arc<Edition>,
    /// Why there is no newer one.
    problem: Option<String>,
}

/// A book that is built, watched, and ready to be served.
pub struct Lab {
    listener: TcpListener,
    address: SocketAddr,
    shown: latest::Receiver<Shown>,
    registry: Registry,
    // Dropped before the shelf, so that nothing is built any more when the folder is removed.
    _builder: Builder,
    // The folder of the editions.
    _shelf: TempDir,
}

/// The thread that builds, and what wakes it.
struct Builder {
    watcher: Option<notify::RecommendedWatcher>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Builder {
    /// Waits for a build that is under way, so that nothing is left behind.
    fn drop(&mut self) {
        // No more changes: the thread ends.
        drop(self.watcher.take());
        if let Some(thread) = self.thread.take() {
            // If it panicked, that was printed then.
            let _ = thread.join();
        }
    }
}

impl Lab {
    /// Takes the port, builds the book whose `book.toml` is in `root`, and watches it from then on. `rebuilt` is told of
    /// every later build: the number of the edition, or why there is none.
    ///
    /// # Errors
    /// [`LabError`]: the port is taken, or the book cannot be built or watched.
    pub fn open(
        root: &Path,
        port: Port,
        runs: Runs,
        rebuilt: impl Fn(Result<u64, BuildError>) + Send + 'static,
    ) -> Result<Self, LabError> {
        let listener = bind(port)?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        // Watched before it is built: a change during the build is not lost.
        let (watcher, changes) = watch::watch(root)?;
        let shelf = tempfile::Builder::new().prefix("halfopen-book-").tempdir()?;
        let registry = runs.registry();
        let first = Shown { edition: Edition::build(root, shelf.path(), &runs, 1)?, problem: None };
        let (publisher, shown) = latest::channel(first);
        let (root, folder) = (root.to_owned(), shelf.path().to_owned());
        let thread = std::thread::Builder::new().name("halfopen-book".to_owned());
        let thread = thread.spawn(move || {
            while changes.wait_until_quiet() {
                let number = publisher.borrow().edition.number + 1;
                match Edition::build(&root, &folder, &runs, number) {
                    Ok(edition) => {
                        publisher.send_replace(Shown { edition, problem: None });
                        rebuilt(Ok(number));
                    }
                    Err(error) => {
                        publisher.send_modify(|shown| shown.problem = Some(error.to_string()));
                        rebuilt(Err(error));
                    }
                }
            }
        })?;
        Ok(Self {
            listener,
            address,
            shown,
            registry,
            _builder: Builder { watcher: Some(watcher), thread: Some(thread) },
            _shelf: shelf,
        })
    }

    /// Where the book is served.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The editions, for whoever makes the module while they are served.
    pub fn shelf(&self) -> Shelf {
        Shelf(self.shown.clone())
    }

    /// Serves the book until `stop`.
    ///
    /// # Errors
    /// When the operating system refuses to serve.
    pub async fn serve(self, stop: impl Future<Output = ()>) -> io::Result<()> {
        let listener = tokio::net::TcpListener::from_std(self.listener)?;
        let server = server::serve(listener, server::router(self.shown, self.registry), server::HEAD);
        // An open page holds a connection for ever: there is no point in waiting for the last one to end.
        tokio::select! {
            biased;
            () = stop => Ok(()),
            result = server => result,
        }
    }
}

/// The editions that are served.
#[derive(Debug, Clone)]
pub struct Shelf(latest::Receiver<Shown>);

impl Shelf {
    /// Gives the current edition the module of the repository in `root`, if it has one that fits; later ones get it when they
    /// are built. Pages that are open go on as they are: those that are opened next find it.
    ///
    /// # Errors
    /// As the file system says.
    pub fn take_module(&self, root: &Path) -> io::Result<()> {
        let edition = Arc::clone(&self.0.borrow().edition);
        live::write(root, &edition.folder.path().join(live::FOLDER))?;
        Ok(())
    }
}

fn bind(port: Port) -> Result<TcpListener, LabError> {
    let (first, tried) = match port {
        Port::Exactly(port) => (port, 1),
        Port::From(port) => (port, TRIED),
    };
    let mut refused = None;
    for port in (first..=u16::MAX).take(usize::from(tried)) {
        match TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            Ok(listener) => return Ok(listener),
            Err(error) => {
                refused.get_or_insert(LabError::Port { port, error });
            }
        }
    }
    Err(refused.expect("at least one port was tried"))
}

#[cfg(test)]
mod tests;
