//! Pieces of pages that are put in when mdBook has done its work: what it does not see it neither searches nor rewrites, so a
//! reader who searches finds sentences and not the labels of arrows, and a drawing has the bytes that the program made.

use std::fs;
use std::io;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

/// What surrounds the number of a piece in its place.
const PLACE: [&str; 2] = ["<!--halfopen-", "-->"];

/// The pieces, in the order in which they were put off.
#[derive(Debug, Default)]
pub struct Later(Mutex<Vec<String>>);

impl Later {
    /// Puts a piece off: what stands in its place until [`Later::put_in`].
    pub fn put_off(&self, piece: String) -> String {
        // Whoever panicked while pushing left the list whole.
        let mut pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        pieces.push(piece);
        format!("{}{}{}", PLACE[0], pieces.len() - 1, PLACE[1])
    }

    /// Puts all pieces into the pages of a built book.
    ///
    /// # Errors
    /// When a page can be neither read nor written.
    pub fn put_in(&self, folder: &Path) -> io::Result<()> {
        let pieces = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        put_into_folder(folder, &pieces)
    }
}

fn put_into_folder(folder: &Path, pieces: &[String]) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            put_into_folder(&path, pieces)?;
        } else if path.extension().is_some_and(|extension| extension == "html") {
            put_into(&path, pieces)?;
        }
    }
    Ok(())
}

fn put_into(page: &Path, pieces: &[String]) -> io::Result<()> {
    let text = fs::read_to_string(page)?;
    let mut parts = text.split(PLACE[0]);
    let mut out = parts.next().unwrap_or_default().to_owned();
    let mut is_changed = false;
    for part in parts {
        let piece = part
            .split_once(PLACE[1])
            .and_then(|(number, rest)| Some((pieces.get(number.parse::<usize>().ok()?)?, rest)));
        match piece {
            Some((piece, rest)) => {
                out += piece;
                out += rest;
                is_changed = true;
            }
            None => out += &format!("{}{part}", PLACE[0]),
        }
    }
    if is_changed { fs::write(page, out) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_takes_its_place_on_every_page_and_nothing_else_changes() {
        let folder = tempfile::tempdir().unwrap();
        let later = Later::default();
        let [one, two] = ["<svg>1</svg>", "2"].map(|piece| later.put_off(piece.to_owned()));
        fs::create_dir(folder.path().join("part")).unwrap();
        let [page, other, text] = ["a.html", "part/b.html", "c.txt"].map(|name| folder.path().join(name));
        fs::write(&page, format!("<p>{two}</p>{one}<!--halfopen-9-->")).unwrap();
        fs::write(&other, &one).unwrap();
        fs::write(&text, &one).unwrap();
        later.put_in(folder.path()).unwrap();
        assert_eq!(fs::read_to_string(page).unwrap(), "<p>2</p><svg>1</svg><!--halfopen-9-->");
        assert_eq!(fs::read_to_string(other).unwrap(), "<svg>1</svg>");
        assert_eq!(fs::read_to_string(text).unwrap(), one);
    }
}
