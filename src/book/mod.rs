//! The book: directives in chapters turned into figures, tables and numbers, by running the scenarios.
//!
//! [`build`] makes the whole book in this process; [`preprocess`] is what a plain `mdbook build` calls. Both go through
//! [`HalfOpen`], an mdBook preprocessor that runs before mdBook's own `links`.
//!
//! # Directives
//!
//! A directive is written `{{#NAME WORD.. KEY=VALUE.. --OPTION=VALUE..}}`. `KEY=VALUE` sets a parameter of the scenario, as
//! `--set` does on the command line. Words are separated by blanks or line ends; a value with blanks is quoted, singly or
//! doubly (`stall='1m 30s'`). A backslash before it (`\{{#story ..}}`) shows a directive as it is, also in code.
//!
//! Blocks stand alone on their line, from the first column:
//!
//! - `{{#story SCENARIO [KEY=VALUE]..}}`: what a person reads of the run; long routines are folded unless `--fold=no`.
//! - `{{#figure SCENARIO [KEY=VALUE].. [--packets=no]}}`: a space-time diagram.
//! - `{{#packets SCENARIO [KEY=VALUE].. [--claims=yes]}}`: one line a segment.
//! - `{{#measures SCENARIO [KEY=VALUE].. [--claims=yes]}}`: a table of what was measured.
//! - `{{#claims SCENARIO [KEY=VALUE]..}}`: what was claimed, and whether it holds.
//! - `{{#sweep SCENARIO KEY=VALUES.. [--measure=NAME,..] [--seeds=N] [--form=lines|heat|multiples]}}`: a chart. A parameter
//!   with a list (`1s,5s`) or a range (`1s..120s/120`) is varied, as by `--vary` on the command line, one with a single value
//!   is set. Along the chart stands the first varied parameter; a panel for each measure (all of them unless given); a line
//!   for each value of the others.
//! - `{{#parameters SCENARIO}}`: a table of its parameters.
//! - `{{#legend FORM}}`: what the columns of a `story` or of `packets` mean.
//! - `{{#distribution SCENARIO NAME [KEY=VALUE].. [--look=steps|bars|dots]}}`: how the values of a name are
//!   spread.
//! - `{{#predict SCENARIO NAME [KEY=VALUE].. --ask=TEXT --choices=LABEL=RANGE|..}}` (or `--range=FROM..TO [--unit=TEXT]`): a guess
//!   asked of the reader before the next block; a range is `..1`, `1..20`, `20..` or `none`, and the run's value lies in one.
//! - `{{#challenge SCENARIO [KEY=VALUE].. --title=TEXT --text=TEXT --goal=CONDITIONS --change=KEY,.. --solution='KEY=VALUE ..'
//!   [--luck=SHARE]}}`: a goal for the reader to meet; see [`Challenge`].
//! - `{{#note NAME --zh=TEXT --en=TEXT}}`: a sentence of the notes with its translation; `{{#progress}}`: how many guesses and
//!   challenges there are.
//! - `{{#list}}`: all scenarios; `{{#ledger}}`: all rows of the ledger.
//! - `{{#fidelity}}`: the simulated kernel held against measurements of Linux.
//!
//! Within running text:
//!
//! - `{{#measure SCENARIO NAME [KEY=VALUE].. [--precision=DIGITS] [--none=WORD]}}`: a number; `WORD` where it did not happen.
//! - `{{#parameter SCENARIO NAME}}`: a parameter's default.
//! - `{{#term NAME}}`, `{{#term NAME|as shown}}`: a word of the glossary (the chapter `glossary.md`) that opens its entry in place.
//! - `{{#command SCENARIO [KEY=VALUE]..}}`: the command that does the run.
//!
//! What runs a scenario also takes `--seed=N` and `--faults=SCRIPT`. A story, a figure and a list of packets take the window, the
//! machines and the layers that they show: `--from=T`, `--until=T`, `--hosts=A,B`, `--layers=L,M`. Every block takes `--title=TEXT`, its
//! caption (the scenario's question unless given), `--claims=no`, and `--controls=KEY,..`: the parameters that a reader is offered
//! first. Under every story, figure, chart and list of packets stands
//! the command that reproduces it and, unless `--claims=no`, the claims. The same run is made once a build. Anything unknown or
//! wrong, also a file that mdBook's own `include` does not find, fails the build with `file:line: message`.
//!
//! A scenario's code is shown with mdBook's `{{#include FILE}}`.

mod block;
mod challenge;
mod chapter;
mod comparison;
mod directive;
mod glossary;
mod grammar;
mod later;
mod ledger;
pub mod live;
mod markdown;
mod predict;

use std::fmt;
use std::fs;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use mdbook_driver::MDBook;
use mdbook_driver::config::Config;
use mdbook_preprocessor::book::Book;
use mdbook_preprocessor::{Preprocessor, PreprocessorContext};

pub use challenge::{Challenge, challenges};
pub use chapter::Problem;

use crate::explore::Runs;
use chapter::Chapter;
use glossary::Glossary;
use later::Later;

/// The book's name among mdBook's preprocessors: `[preprocessor.halfopen]`.
const NAME: &str = "halfopen";

/// All that is wrong in the chapters, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Problems {}

/// The book could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// There is no book here.
    #[error("no `book.toml` in {}: run this in the root of the book's repository", .0.display())]
    NoBook(PathBuf),
    /// The place for the built book is taken by something else.
    #[error("{} is not empty and not a built book; nothing was changed there", .0.display())]
    Occupied(PathBuf),
    /// The place for the built book is among its sources: it would become a part of itself.
    #[error("{} is among the book's sources; name a place outside of {}", .dest.display(), .sources.display())]
    Inside {
        /// The place.
        dest: PathBuf,
        /// The folder of sources around it.
        sources: PathBuf,
    },
    /// The place for the built book cannot be one.
    #[error("{} cannot hold a book: {error}", .dest.display())]
    Place {
        /// The place.
        dest: PathBuf,
        /// What the operating system says.
        error: io::Error,
    },
    /// Directives are wrong.
    #[error(transparent)]
    Chapters(#[from] Problems),
    /// mdBook says no.
    #[error("{0}")]
    MdBook(String),
    /// A file or stream could not be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Replaces the directives in every chapter; see the [module](self).
pub struct HalfOpen {
    runs: Runs,
    later: Option<Arc<Later>>,
}

impl HalfOpen {
    /// Runs that were already made are not made again.
    pub fn new(runs: Runs) -> Self {
        Self { runs, later: None }
    }

    /// The same, its bulk put off until mdBook is done.
    fn putting_off(runs: Runs, later: Arc<Later>) -> Self {
        Self { runs, later: Some(later) }
    }

    fn expand(&self, root: &Path, folder: &Path, book: &mut Book) -> Result<(), Problems> {
        // mdBook's `path` is the page's, where a README has become an index; `source_path` is the file's.
        let ledger = book.chapters().find(|c| chapter::count(&c.content, "ledger") > 0);
        let ledger = ledger.and_then(|c| c.source_path.clone());
        let words =
            book.chapters().find(|c| c.source_path.as_deref().is_some_and(|p| p.ends_with(glossary::FILE)));
        let glossary = words.map(|c| Glossary::read(&c.content)).unwrap_or_default();
        let tasks = ["predict", "challenge"]
            .map(|name| book.chapters().map(|c| chapter::count(&c.content, name)).sum::<usize>());
        let mut problems = Vec::new();
        book.for_each_chapter_mut(|page| {
            let Some(path) = page.source_path.as_deref() else {
                return;
            };
            let number =
                page.number.as_ref().map(|number| number.to_string().trim_end_matches('.').to_owned());
            let chapter = Chapter {
                runs: &self.runs,
                path,
                folder,
                root,
                ledger: ledger.as_deref(),
                number,
                tasks,
                later: self.later.as_deref(),
                glossary: &glossary,
            };
            match chapter.expand(&page.content) {
                Ok(text) => page.content = text,
                Err(found) => problems.extend(found),
            }
        });
        if problems.is_empty() { Ok(()) } else { Err(Problems(problems)) }
    }
}

impl Preprocessor for HalfOpen {
    fn name(&self) -> &str {
        NAME
    }

    fn run(
        &self,
        context: &PreprocessorContext,
        mut book: Book,
    ) -> mdbook_preprocessor::errors::Result<Book> {
        self.expand(&context.root, &context.config.book.src, &mut book)?;
        Ok(book)
    }
}

/// Builds the book whose `book.toml` is in `root` into `dest`, in this process: the configured command of the preprocessor
/// is not run.
///
/// Its folder `live/` makes it answer wherever it lies, if the module is at hand ([`live`]).
///
/// A book that was in `dest` is replaced when the new one is complete, and kept when the build fails.
///
/// # Errors
/// [`BuildError`]; a `dest` that holds something else than a built book is left alone.
pub fn build(root: &Path, dest: &Path, runs: &Runs) -> Result<(), BuildError> {
    let [config_file, chapters, theme] = sources(root)?;
    vacant(dest)?;
    // Built beside its place, so that the last step is a rename.
    let dest = std::path::absolute(dest)?;
    outside(&dest, &[chapters, theme])?;
    let beside = dest.parent().unwrap_or(&dest);
    fs::create_dir_all(beside).map_err(|error| BuildError::Place { dest: dest.clone(), error })?;
    let workshop = tempfile::Builder::new().prefix(".halfopen-").tempdir_in(beside)?;
    let complete = workshop.path().join("book");

    let mut config = Config::from_disk(&config_file).map_err(of_mdbook)?;
    // Without this, a book that does not configure the preprocessor would run it after `links`, which takes the
    // backslash away from what is to be shown as it is.
    config.set(format!("preprocessor.{NAME}.before"), ["links"]).map_err(of_mdbook)?;
    config.set("build.build-dir", &complete).map_err(of_mdbook)?;
    // A chapter that SUMMARY.md names and nobody has written is a problem, not a file to be made.
    config.set("build.create-missing", false).map_err(of_mdbook)?;
    let mut book = MDBook::load_with_config(root, config).map_err(of_mdbook)?;
    let later = Arc::new(Later::default());
    book.with_preprocessor(HalfOpen::putting_off(runs.clone(), Arc::clone(&later)));
    book.build().map_err(of_mdbook)?;
    later.put_in(&complete)?;
    let live = complete.join(live::FOLDER);
    // What a plain `mdbook build` left among the chapters.
    if live.exists() {
        fs::remove_dir_all(&live)?;
    }
    live::write(root, &live)?;
    fs::write(complete.join("404.html"), live::NOT_FOUND)?;

    if dest.exists() {
        fs::remove_dir_all(&dest)?;
    }
    fs::rename(&complete, &dest)?;
    Ok(())
}

/// What the book in `root` is made of: its `book.toml`, its chapters' folder, its theme's folder.
///
/// # Errors
/// [`BuildError::NoBook`], or mdBook's word on a `book.toml` that cannot be read.
pub fn sources(root: &Path) -> Result<[PathBuf; 3], BuildError> {
    let config_file = root.join("book.toml");
    if !config_file.is_file() {
        return Err(BuildError::NoBook(root.to_owned()));
    }
    let config = Config::from_disk(&config_file).map_err(of_mdbook)?;
    Ok([config_file, root.join(config.book.src), root.join("theme")])
}

/// mdBook empties the folder it builds into.
fn vacant(dest: &Path) -> Result<(), BuildError> {
    let empty = match dest.read_dir() {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(BuildError::Place { dest: dest.to_owned(), error }),
    };
    // mdBook writes this file into every book that it builds.
    let built = dest.join(".nojekyll").is_file() && dest.join("index.html").is_file();
    if empty || built { Ok(()) } else { Err(BuildError::Occupied(dest.to_owned())) }
}

/// mdBook copies what stands among the chapters into the book: a book there would be copied into itself, without end.
fn outside(dest: &Path, sources: &[PathBuf]) -> Result<(), BuildError> {
    // The place need not be there yet, so it has no real path; the nearest folder above it has.
    let there = dest.ancestors().find_map(|above| {
        let rest = dest.strip_prefix(above).ok()?;
        Some(above.canonicalize().ok()?.join(rest))
    });
    let there = there.unwrap_or_else(|| dest.to_owned());
    let around =
        sources.iter().find(|folder| folder.canonicalize().is_ok_and(|folder| there.starts_with(folder)));
    match around {
        Some(sources) => Err(BuildError::Inside { dest: dest.to_owned(), sources: sources.clone() }),
        None => Ok(()),
    }
}

fn of_mdbook(error: mdbook_preprocessor::errors::Error) -> BuildError {
    match error.downcast::<Problems>() {
        Ok(problems) => BuildError::Chapters(problems),
        // The whole chain of causes on one line.
        Err(error) => BuildError::MdBook(format!("{error:#}")),
    }
}

/// mdBook's side of a preprocessor run as a command: context and book come in as JSON, the book goes out as JSON. What makes
/// the book answer is left in the folder `live` of its chapters, from where mdBook takes it ([`live`]).
///
/// # Errors
/// [`BuildError`] when the input is not mdBook's, or a chapter is wrong.
pub fn preprocess(input: impl Read, output: impl Write, runs: &Runs) -> Result<(), BuildError> {
    let (context, book) = mdbook_preprocessor::parse_input(input).map_err(of_mdbook)?;
    let chapters = context.root.join(&context.config.book.src);
    let book = HalfOpen::new(runs.clone()).run(&context, book).map_err(of_mdbook)?;
    // mdBook copies what stands there.
    if chapters.is_dir() {
        live::write(&context.root, &chapters.join(live::FOLDER))?;
    }
    serde_json::to_writer(output, &book).map_err(io::Error::from)?;
    Ok(())
}

/// Whether the figures can be shown by this renderer of mdBook's: they are HTML within Markdown.
pub fn supports(renderer: &str) -> bool {
    ["html", "markdown"].contains(&renderer)
}

#[cfg(test)]
pub(crate) mod tests;
