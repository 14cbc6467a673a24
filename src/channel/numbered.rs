//! What is said in the common job, on every mechanism and in both directions: numbers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

/// A numbered message: the `n`-th update of a feed, or the `n`-th message of a client. The first is 1.
///
/// On the wire it is the JSON object `{"n":17}`; other members are ignored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Numbered {
    /// Its number.
    pub n: u64,
}

impl Numbered {
    /// The bytes that go on the wire.
    pub fn to_bytes(self) -> Bytes {
        Bytes::from(format!("{{\"n\":{}}}", self.n))
    }

    /// Reads what came from the wire; `None` if it is no numbered message.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        assert_eq!(&Numbered { n: 17 }.to_bytes()[..], br#"{"n":17}"#);
        for n in [1, u64::MAX] {
            assert_eq!(Numbered::read(&Numbered { n }.to_bytes()), Some(Numbered { n }));
        }
    }

    #[test]
    fn anything_else_is_not_a_number() {
        for text in ["", "17", "hello", r#"{"n":-1}"#, r#"{"m":1}"#, r#"{"n":1} {"n":2}"#] {
            assert_eq!(Numbered::read(text.as_bytes()), None, "{text}");
        }
    }
}
