//! Noticing that a chapter has changed.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::Duration;

use notify::{RecommendedWatcher, RecursiveMode, Watcher};

use super::LabError;
use crate::book;

/// An editor writes a file in several steps; a build waits until nothing has happened for so long.
const QUIET: Duration = Duration::from_millis(150);

/// Changes of the book's sources.
pub struct Changes(mpsc::Receiver<()>);

impl Changes {
    /// Waits for a change and for the end of a flurry of them; `false` when there will be none any more.
    pub fn wait_until_quiet(&self) -> bool {
        if self.0.recv().is_err() {
            return false;
        }
        while self.0.recv_timeout(QUIET).is_ok() {}
        true
    }
}

/// Watches the sources of the book in `root` for as long as the watcher lives.
pub fn watch(root: &Path) -> Result<(RecommendedWatcher, Changes), LabError> {
    // The operating system reports real paths.
    let root = root.canonicalize()?;
    let [config, chapters, theme] = book::sources(&root)?;
    let folders: Vec<PathBuf> = [chapters, theme].into_iter().filter(|folder| folder.is_dir()).collect();
    let of_the_book = {
        let (config, folders) = (config.clone(), folders.clone());
        // What a plain `mdbook build` is given is no source.
        let made: Vec<PathBuf> = folders.iter().map(|folder| folder.join(book::live::FOLDER)).collect();
        let within =
            |path: &PathBuf, folders: &[PathBuf]| folders.iter().any(|folder| path.starts_with(folder));
        move |path: &PathBuf| *path == config || (within(path, &folders) && !within(path, &made))
    };
    let (sender, receiver) = mpsc::channel();
    let mut watcher = notify::recommended_watcher(move |event: notify::Result<notify::Event>| {
        // A build reads the files, which is reported too and is no reason for another build. After an error something may
        // have been missed.
        let change = event.map_or(true, |e| !e.kind.is_access() && e.paths.iter().any(&of_the_book));
        if change {
            // Nobody listens any more: the lab is closing.
            let _ = sender.send(());
        }
    })?;
    // Not `book.toml` itself: an editor that replaces it would take the watched file away.
    watcher.watch(&root, RecursiveMode::NonRecursive)?;
    for folder in &folders {
        watcher.watch(folder, RecursiveMode::Recursive)?;
    }
    Ok((watcher, Changes(receiver)))
}
