//! Gives the program a fingerprint of the sources that its WebAssembly module is made of, so that a module which is older than
//! the program is noticed.

use std::fs;
use std::path::{Path, PathBuf};

/// What the module is not made of: a change there needs no new one.
const NOT_IN_THE_MODULE: [&str; 7] =
    ["src/main.rs", "src/book", "src/lab", "src/fidelity", "src/page/web", "src/page/web.rs", "src/net/os"];

fn main() {
    println!("cargo::rerun-if-changed=src");
    println!("cargo::rerun-if-changed=Cargo.lock");
    let mut files = vec![PathBuf::from("Cargo.lock")];
    list(Path::new("src"), &mut files);
    // As text with one separator: the same on every system.
    let mut files: Vec<(String, PathBuf)> = files
        .into_iter()
        .map(|path| (path.iter().map(|part| part.to_string_lossy()).collect::<Vec<_>>().join("/"), path))
        .filter(|(name, _)| !name.ends_with("/tests.rs"))
        .filter(|(name, _)| {
            !NOT_IN_THE_MODULE.iter().any(|other| {
                name.strip_prefix(other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
            })
        })
        .collect();
    files.sort();
    // FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): to notice a change, not to withstand an attack.
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for (name, path) in files {
        // A crate that depends on this one may have no lock file of its own here.
        let content = fs::read(path).unwrap_or_default();
        for byte in name.bytes().chain([0]).chain(content).chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    println!("cargo::rustc-env=HALFOPEN_SOURCES={hash:016x}");
}

fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if path.is_dir() { list(&path, files) } else { files.push(path) }
    }
}
