//! What the module exports. A page writes a request where [`reserve`] says, calls [`ask`], and reads the answer where [`answer`]
//! says: numbers and memory are all that crosses the border of a module.
#![expect(unsafe_code, reason = "a name that is exported as it is must be promised to be the only one")]

use std::cell::RefCell;

use super::SOURCES;
use crate::explore::Registry;

thread_local! {
    static REQUEST: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
    static ANSWER: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Where a request of so many bytes is to be written.
#[unsafe(no_mangle)]
pub extern "C" fn reserve(length: usize) -> *mut u8 {
    REQUEST.with_borrow_mut(|request| {
        *request = vec![0; length];
        request.as_mut_ptr()
    })
}

/// Answers the request that was written; answers the length of the answer.
#[unsafe(no_mangle)]
pub extern "C" fn ask(length: usize) -> usize {
    let mut request = REQUEST.take();
    request.truncate(length);
    let answer = super::answer(Registry::all(), &String::from_utf8_lossy(&request));
    ANSWER.replace(answer);
    ANSWER.with_borrow(String::len)
}

/// Where the answer stands, until the next request.
#[unsafe(no_mangle)]
pub extern "C" fn answer() -> *const u8 {
    ANSWER.with_borrow(|answer| answer.as_ptr())
}

const LENGTH: usize = SOURCES.len();

/// What the module was built from, to be read without running it.
#[unsafe(link_section = "halfopen.sources")]
#[used]
static FINGERPRINT: [u8; LENGTH] = {
    let mut bytes = [0; LENGTH];
    bytes.copy_from_slice(SOURCES.as_bytes());
    bytes
};
