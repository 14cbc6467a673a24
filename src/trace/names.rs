//! Names that live as long as the program: one copy of each.

use std::cell::RefCell;
use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

/// The one copy of a name. Names are literals of the program (or made of them), so that there are only so many.
pub(crate) fn intern(name: &str) -> &'static str {
    static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    thread_local! {
        /// What this thread has asked for before needs no lock.
        static KNOWN: RefCell<BTreeSet<&'static str>> = const { RefCell::new(BTreeSet::new()) };
    }
    if let Some(known) = KNOWN.with_borrow(|known| known.get(name).copied()) {
        return known;
    }
    let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
    let name = match names.get(name) {
        Some(known) => known,
        None => {
            let new: &'static str = Box::leak(name.to_owned().into_boxed_str());
            names.insert(new);
            new
        }
    };
    KNOWN.with_borrow_mut(|known| known.insert(name));
    name
}

#[cfg(test)]
mod tests {
    use super::intern;

    #[test]
    fn a_name_has_one_copy_on_all_threads() {
        let here = intern(&["a", "name"].concat());
        let there = std::thread::spawn(|| intern("aname").as_ptr() as usize).join().unwrap();
        assert_eq!(here.as_ptr() as usize, there);
        assert!(std::ptr::eq(here, intern("aname")));
    }
}
