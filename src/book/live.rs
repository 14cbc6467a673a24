//! What makes a built book answer: the page's program, and the module, if there is one that fits.
//!
//! They stand in the book's folder `live/`, with `build.json`: `{module: "halfopen.wasm?v=HASH"|null, why: LINE|null, native: false}`.

use std::fs;
use std::io::{self, Read as _};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::json;

use crate::explore::forms::FIGURE_CSS;
use crate::module::{SECTION, SOURCES};
use crate::page::web;

/// The module, where `.ci/wasm` and [`make`] leave it in the repository.
const BUILT: &str = "target/wasm/halfopen.wasm";
/// The same in the book's folder.
const SHIPPED: &str = "halfopen.wasm";
/// The folder of a built book in which all of this stands.
pub const FOLDER: &str = "live";
const TARGET: &str = "wasm32-wasip1";

/// Why there is no module, as a reader of the page is told.
const NONE: &str = "This book was built without the module that answers; `rustup target add wasm32-wasip1`, then `cargo run --release`, makes it.";
const STALE: &str =
    "The module that answers is older than this book and was left out; `cargo run --release` makes it anew.";

/// The module of the repository in `root`, if it was built from what this program was built from.
///
/// # Errors
/// One line that says why there is none.
pub fn module(root: &Path) -> Result<Vec<u8>, &'static str> {
    let bytes = fs::read(root.join(BUILT)).map_err(|_| NONE)?;
    if section(&bytes, SECTION) == Some(SOURCES.as_bytes()) { Ok(bytes) } else { Err(STALE) }
}

/// Writes everything into `folder`, the `live` of a book. What is there already and the same is not touched, so that nobody who
/// watches it sees a change. Answers why there is no module, if there is none.
///
/// # Errors
/// As the file system says.
pub fn write(root: &Path, folder: &Path) -> io::Result<Option<&'static str>> {
    fs::create_dir_all(folder)?;
    for (name, content) in web::FILES {
        put(&folder.join(name), content)?;
    }
    // A chapter with figures has their style in it; the workbench has none until somebody asks.
    put(&folder.join("figure.css"), FIGURE_CSS.as_bytes())?;
    let module = module(root);
    let named = module.as_ref().ok().map(|bytes| format!("{SHIPPED}?v={:016x}", hash(bytes)));
    let place = folder.join(SHIPPED);
    match &module {
        Ok(bytes) => put(&place, bytes)?,
        Err(_) if place.exists() => fs::remove_file(&place)?,
        Err(_) => {}
    }
    let why = module.err();
    // Last: who reads it finds what it names.
    let build = json!({"module": named, "why": why, "native": false});
    put(&folder.join("build.json"), format!("{build}\n").as_bytes())?;
    Ok(why)
}

/// Writes a file, at once and only if it would change.
fn put(path: &Path, content: &[u8]) -> io::Result<()> {
    if fs::read(path).is_ok_and(|there| there == content) {
        return Ok(());
    }
    let beside = path.with_extension(format!("{}.new", std::process::id()));
    fs::write(&beside, content)?;
    fs::rename(&beside, path)
}

/// FNV-1a: another module has another address, so that no browser keeps the old one.
fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// A custom section of a module (WebAssembly core specification, 5.5.3).
fn section<'a>(module: &'a [u8], wanted: &str) -> Option<&'a [u8]> {
    let mut rest = module.strip_prefix(b"\0asm\x01\0\0\0")?;
    loop {
        let (id, after) = rest.split_first()?;
        let (content, after) = sized(after)?;
        if *id == 0
            && let Some((name, content)) = sized(content)
            && name == wanted.as_bytes()
        {
            return Some(content);
        }
        rest = after;
    }
}

/// Bytes behind their number, and what follows them.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (mut size, mut shift, mut at) = (0usize, 0, 0);
    loop {
        let byte = *bytes.get(at)?;
        at += 1;
        size |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return bytes[at..].split_at_checked(size);
        }
        shift += 7;
    }
}

/// Why the module was not made.
#[derive(Debug, thiserror::Error)]
pub enum NotMade {
    /// The compiler cannot.
    #[error("to make the page's module: rustup target add {TARGET} && cargo fetch")]
    NoTarget,
    /// The compiler tried.
    #[error("the page's module was not made (to see why: .ci/wasm): {0}")]
    Failed(String),
    /// Somebody does not want it any more.
    #[error("stopped")]
    Stopped,
}

/// Whether the repository in `root` is this program's, and has no module that fits.
pub fn is_wanted(root: &Path) -> bool {
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap_or_default();
    manifest.lines().any(|line| line == "name = \"halfopen\"")
        && root.join("src/module.rs").is_file()
        && module(root).is_err()
}

/// Makes the module of the repository in `root`, without asking the network for anything. It takes about a minute; `go_on` is
/// asked meanwhile, and `begun` told that it begins.
///
/// # Errors
/// [`NotMade`].
pub fn make(root: &Path, go_on: impl Fn() -> bool, begun: impl FnOnce()) -> Result<(), NotMade> {
    let target_is_there = Command::new("rustc")
        .args(["--print", "target-libdir", "--target", TARGET])
        .current_dir(root)
        .stderr(Stdio::null())
        .output()
        .is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).is_dir());
    if !target_is_there {
        return Err(NotMade::NoTarget);
    }
    begun();
    let failed = |error: io::Error| NotMade::Failed(error.to_string());
    // As in .ci/wasm.
    let child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["rustc", "--offline", "--quiet", "--lib", "--crate-type", "cdylib", "--profile", "wasm"])
        .args(["--no-default-features", "--target", TARGET, "--target-dir", "target/wasm"])
        .args(["--", "-C", "link-arg=--export=__wasm_call_ctors"])
        .current_dir(root)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(failed)?;
    finished(child, go_on)?;
    let made = root.join(format!("target/wasm/{TARGET}/wasm/halfopen.wasm"));
    put(&root.join(BUILT), &fs::read(made).map_err(failed)?).map_err(failed)?;
    module(root)
        .map(|_| ())
        .map_err(|_| NotMade::Failed("the sources are not those of this program".to_owned()))
}

/// Waits for the compiler.
fn finished(mut child: Child, go_on: impl Fn() -> bool) -> Result<(), NotMade> {
    let failed = |error: io::Error| NotMade::Failed(error.to_string());
    // Read while it is written: a full pipe would stop the compiler.
    let stderr = child.stderr.take();
    let said = std::thread::spawn(move || {
        let mut said = String::new();
        let _ = stderr.map(|mut stderr| stderr.read_to_string(&mut said));
        said
    });
    let status = loop {
        if let Some(status) = child.try_wait().map_err(failed)? {
            break status;
        }
        if !go_on() {
            let _ = child.kill();
            let _ = child.wait();
            return Err(NotMade::Stopped);
        }
        std::thread::sleep(Duration::from_millis(50));
    };
    let said = said.join().unwrap_or_default();
    match status.success() {
        true => Ok(()),
        // A signal for all that this terminal started ends the compiler, too.
        false if !go_on() => Err(NotMade::Stopped),
        false => Err(NotMade::Failed(said.lines().next().unwrap_or("no reason given").to_owned())),
    }
}

/// The page for what is not there. A book does not know where it lies, and this page not even how deep: it takes nothing from
/// elsewhere, and looks for the book on the way up.
pub const NOT_FOUND: &str = include_str!("404.html");

#[cfg(test)]
mod tests {
    use super::*;

    /// A module with a section of that name before and behind others.
    fn with_section(name: &str, content: &[u8]) -> Vec<u8> {
        let mut module = b"\0asm\x01\0\0\0".to_vec();
        // A section of another kind, whose size takes two bytes.
        module.extend([1, 0x81, 0x01]);
        module.extend([7; 129]);
        for (name, content) in [("name", &b"x"[..]), (name, content), ("producers", b"")] {
            module.push(0);
            module.push(u8::try_from(1 + name.len() + content.len()).unwrap());
            module.push(u8::try_from(name.len()).unwrap());
            module.extend(name.bytes());
            module.extend(content);
        }
        module
    }

    fn repository(module: Option<Vec<u8>>) -> tempfile::TempDir {
        let root = tempfile::tempdir().unwrap();
        if let Some(module) = module {
            fs::create_dir_all(root.path().join("target/wasm")).unwrap();
            fs::write(root.path().join(BUILT), module).unwrap();
        }
        root
    }

    fn written(module: Option<Vec<u8>>) -> (serde_json::Value, bool) {
        let root = repository(module);
        let folder = root.path().join("live");
        // What an earlier build left.
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join(SHIPPED), "old").unwrap();
        write(root.path(), &folder).unwrap();
        let build = serde_json::from_slice(&fs::read(folder.join("build.json")).unwrap()).unwrap();
        assert!(web::FILES.iter().all(|(name, content)| fs::read(folder.join(name)).unwrap() == *content));
        (build, folder.join(SHIPPED).exists())
    }

    #[test]
    fn a_module_of_these_sources_is_shipped_and_one_of_others_is_not() {
        let (build, shipped) = written(Some(with_section(SECTION, SOURCES.as_bytes())));
        assert!(shipped && build["why"].is_null() && build["native"] == false);
        assert!(build["module"].as_str().is_some_and(|name| name.starts_with("halfopen.wasm?v=")), "{build}");
        for module in [with_section(SECTION, b"0123456789abcdef"), b"no module".to_vec(), Vec::new()] {
            let (build, shipped) = written(Some(module));
            assert!(!shipped && build["module"].is_null(), "{build}");
            assert!(build["why"].as_str().unwrap().contains("older than this book"), "{build}");
        }
        let (build, shipped) = written(None);
        assert!(!shipped && build["module"].is_null());
        assert!(build["why"].as_str().unwrap().contains("rustup target add"), "{build}");
    }

    #[test]
    fn what_is_there_and_the_same_is_not_written_again() {
        let root = repository(Some(with_section(SECTION, SOURCES.as_bytes())));
        let folder = root.path().join("live");
        let times = || {
            write(root.path(), &folder).unwrap();
            let files = fs::read_dir(&folder).unwrap().map(|file| file.unwrap());
            let mut times: Vec<_> =
                files.map(|file| (file.file_name(), file.metadata().unwrap().modified().unwrap())).collect();
            times.sort();
            times
        };
        let first = times();
        std::thread::sleep(Duration::from_millis(20));
        assert_eq!(times(), first);
        assert_eq!(first.len(), web::FILES.len() + 3);
    }

    #[test]
    fn a_section_that_is_cut_or_lies_about_its_size_is_none() {
        let module = with_section("a", b"content");
        assert_eq!(section(&module, "a"), Some(&b"content"[..]));
        for end in 0..module.len() {
            // Whole as long as its own section is.
            let found = section(&module[..end], "a");
            assert!(found.is_none() || found == Some(b"content"), "{end}");
        }
        assert_eq!(section(b"\0asm\x01\0\0\0\0\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01", "a"), None);
    }

    #[test]
    fn only_a_repository_of_this_program_without_a_module_that_fits_wants_one() {
        let root = repository(None);
        assert!(!is_wanted(root.path()), "a book of its own");
        fs::write(root.path().join("Cargo.toml"), "[package]\nname = \"halfopen\"\n").unwrap();
        fs::create_dir_all(root.path().join("src")).unwrap();
        fs::write(root.path().join("src/module.rs"), "").unwrap();
        assert!(is_wanted(root.path()));
        fs::create_dir_all(root.path().join("target/wasm")).unwrap();
        fs::write(root.path().join(BUILT), with_section(SECTION, SOURCES.as_bytes())).unwrap();
        assert!(!is_wanted(root.path()));
    }
}
