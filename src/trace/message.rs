//! What the data of a segment says, as far as a look at its first bytes can tell.
//!
//! This is a reader's help, not a protocol implementation: a message that is split over segments is told as plain
//! bytes, and so is anything encrypted or compressed.

/// Methods of HTTP (RFC 9110, 9.3).
const METHODS: [&str; 8] = ["GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "PATCH"];
/// Longest request target told in full, in characters.
const TARGET: usize = 24;

/// The start line of an HTTP/1.1 message (RFC 9112, 3 and 4): `GET /feed`, `200 OK`.
pub(crate) fn http(data: &[u8]) -> Option<String> {
    let line = data.split(|b| *b == b'\r').next().and_then(|l| std::str::from_utf8(l).ok())?;
    if line.chars().any(char::is_control) {
        return None;
    }
    if let Some(status) = line.strip_prefix("HTTP/1.1 ") {
        return Some(status.trim_end().to_owned());
    }
    let mut words = line.split(' ');
    let (method, target, version) = (words.next()?, words.next()?, words.next()?);
    if !METHODS.contains(&method) || version != "HTTP/1.1" {
        return None;
    }
    let mut short: String = target.chars().take(TARGET).collect();
    if short.len() < target.len() {
        short.push('…');
    }
    Some(format!("{method} {short}"))
}

/// Whether this is the answer after which both directions carry WebSocket frames (RFC 6455, 4.2.2).
pub(crate) fn switches_to_websocket(data: &[u8]) -> bool {
    let head = String::from_utf8_lossy(data).to_ascii_lowercase();
    head.starts_with("http/1.1 101 ") && head.contains("\r\nupgrade: websocket\r\n")
}

/// The WebSocket frames (RFC 6455, 5.2) in a segment; `None` unless it holds whole frames and nothing else.
pub(crate) fn frames(data: &[u8]) -> Option<String> {
    let mut names: Vec<(String, usize)> = Vec::new();
    let mut rest = data;
    while !rest.is_empty() {
        let (name, used) = frame(rest)?;
        rest = rest.get(used..)?;
        match names.last_mut() {
            Some((last, times)) if *last == name => *times += 1,
            _ => names.push((name, 1)),
        }
    }
    let told: Vec<String> = names
        .into_iter()
        .map(|(name, times)| if times == 1 { name } else { format!("{times} × {name}") })
        .collect();
    (!told.is_empty()).then(|| format!("ws {}", told.join(" + ")))
}

/// The first frame: what it is, and how many bytes it takes.
fn frame(data: &[u8]) -> Option<(String, usize)> {
    let (&[first, second], mut rest) = data.split_first_chunk::<2>()?;
    let len = match second & 0x7f {
        126 => {
            let (len, after) = rest.split_first_chunk::<2>()?;
            rest = after;
            usize::from(u16::from_be_bytes(*len))
        }
        127 => {
            let (len, after) = rest.split_first_chunk::<8>()?;
            rest = after;
            usize::try_from(u64::from_be_bytes(*len)).ok()?
        }
        short => usize::from(short),
    };
    let mask = if second & 0x80 != 0 {
        let (mask, after) = rest.split_first_chunk::<4>()?;
        rest = after;
        *mask
    } else {
        [0; 4]
    };
    let payload = rest.get(..len)?;
    let used = data.len() - rest.len() + len;
    // Reserved bits (RFC 6455, 5.2) say "compressed" at best: then the opcode still tells the kind.
    let name = match first & 0x0f {
        0x0 => format!("continuation {len} B"),
        0x1 => format!("text {len} B"),
        0x2 => format!("binary {len} B"),
        0x8 => match payload {
            [a, b, ..] => format!("close {}", u16::from_be_bytes([a ^ mask[0], b ^ mask[1]])),
            _ => "close".to_owned(),
        },
        0x9 => "ping".to_owned(),
        0xa => "pong".to_owned(),
        _ => return None,
    };
    Some((name, used))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn start_lines_are_told_without_the_version() {
        assert_eq!(http(b"GET /feed?since=3 HTTP/1.1\r\nHost: x\r\n").unwrap(), "GET /feed?since=3");
        assert_eq!(http(b"HTTP/1.1 200 OK\r\n").unwrap(), "200 OK");
        assert_eq!(http(b"data: 1\n\n"), None);
        assert_eq!(http(b"GET /only-half-a-"), None);
    }

    #[test]
    fn frames_are_named_by_their_opcode() {
        assert_eq!(frames(&[0x89, 0x80, 1, 2, 3, 4]).unwrap(), "ws ping");
        assert_eq!(frames(&[0x81, 1, b'a', 0x8a, 0]).unwrap(), "ws text 1 B + pong");
        assert_eq!(frames(&[0x81, 1, b'a', 0x81, 1, b'b']).unwrap(), "ws 2 × text 1 B");
        assert_eq!(frames(&[0x88, 2, 0x03, 0xe8]).unwrap(), "ws close 1000");
        assert_eq!(frames(&[0x88, 0x82, 1, 1, 1, 1, 0x02, 0xe9]).unwrap(), "ws close 1000");
        let mut long = vec![0x82, 126, 1, 0];
        long.extend([0; 256]);
        assert_eq!(frames(&long).unwrap(), "ws binary 256 B");
    }

    #[test]
    fn half_a_frame_is_not_named() {
        assert_eq!(frames(&[0x81, 5, b'a']), None);
        assert_eq!(frames(&[0x81]), None);
        assert_eq!(frames(&[]), None);
    }

    proptest! {
        #[test]
        fn no_bytes_make_the_reader_panic(data in proptest::collection::vec(any::<u8>(), 0..80)) {
            let _ = (http(&data), frames(&data), switches_to_websocket(&data));
        }
    }
}
