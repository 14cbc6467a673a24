//! What lies between a `WebSocketStream` and its connection: it counts what arrives, and gives a client's frames
//! their masking keys.
//!
//! # Why keys are replaced
//! A client masks the payload of every frame with a key that the other side, and whoever listens to it, cannot
//! predict (RFC 6455 sections 5.3 and 10.3: a script must not be able to choose the bytes on the wire).
//! tungstenite draws that key from a generator of its own, which cannot be seeded, so that two equal runs of a
//! simulation would differ in their bytes. Here the key is drawn from the machine's network instead
//! ([`crate::net::Network::random`]): from the operating system on a real one, from the seed on a simulated one.
//! Masking is an exclusive or, so one pass takes the old key off and puts the new one on, and no byte changes its
//! place.
//!
//! # Why not without
//! The libraries that would make this unnecessary, as of the versions named:
//! - tungstenite 0.30.0 overwrites the key of every frame of a client, also of frames made by hand, with
//!   `rand::random()`; its server role leaves keys alone, but would send pongs and close frames without any.
//! - tokio-websockets 0.13.3 draws keys from the system (`getrandom`), from `rand`, or from `fastrand`. The last can be
//!   seeded, but is shared by the whole thread and not made to be unpredictable, as the RFC demands.
//! - fastwebsockets 0.10.0 takes keys from its caller, but writes a frame in one `async` call: dropped half-way it leaves
//!   half a frame behind, and while it waits nothing is received. A [channel](crate::channel::Channel) may do neither.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// The most that is masked in one go, in bytes.
const CHUNK: usize = 8 * 1024;

/// Draws masking keys.
type Keys = Box<dyn FnMut() -> [u8; 4] + Send>;

/// A connection that counts, and may mask.
pub(super) struct Transport<S> {
    inner: S,
    received_bytes: u64,
    masking: Option<Masking>,
}

struct Masking {
    keys: Keys,
    frame: Frame,
    /// What is offered to the connection; kept for its memory only.
    chunk: Vec<u8>,
}

impl<S> Transport<S> {
    /// A connection that passes on everything as it is.
    pub(super) fn new(inner: S) -> Self {
        Self { inner, received_bytes: 0, masking: None }
    }

    /// From now on everything written is frames, which get their masking keys from `keys`.
    pub(super) fn mask_with(&mut self, mut keys: Keys) {
        let frame = Frame::new(keys());
        self.masking = Some(Masking { keys, frame, chunk: Vec::new() });
    }

    /// How many bytes were read so far.
    pub(super) fn received_bytes(&self) -> u64 {
        self.received_bytes
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Transport<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        ready!(Pin::new(&mut self.inner).poll_read(cx, buf))?;
        self.received_bytes += (buf.filled().len() - before) as u64;
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Transport<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = &mut *self;
        let Some(masking) = &mut this.masking else {
            return Pin::new(&mut this.inner).poll_write(cx, buf);
        };
        // Nothing is kept: what the connection does not take now is offered to it again, masked in the same way.
        // So the place in the frame moves only by what was taken, and never beyond the frame's end, where the
        // next key is drawn.
        let mut trial = masking.frame.clone();
        masking.chunk.clear();
        trial.remask_into(&buf[..buf.len().min(CHUNK)], &mut masking.chunk);
        let taken = ready!(Pin::new(&mut this.inner).poll_write(cx, &masking.chunk))?;
        if taken == masking.chunk.len() {
            masking.frame = trial;
        } else {
            for &byte in &buf[..taken] {
                masking.frame.remask(byte);
            }
        }
        if masking.frame.is_complete() {
            masking.frame = Frame::new((masking.keys)());
        }
        Poll::Ready(Ok(taken))
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A place in a frame (RFC 6455 section 5.2), and the two keys of that frame.
#[derive(Clone)]
struct Frame {
    part: Part,
    masked: bool,
    old: [u8; 4],
    new: [u8; 4],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// FIN, reserved bits, opcode.
    First,
    /// The mask bit and the short length.
    Second,
    /// `left` more bytes of an extended length.
    Length { left: u8, length: u64 },
    /// The masking key, from its byte `at` on.
    Key { at: usize, length: u64 },
    /// `left` more bytes of payload, of which the next one is masked with byte `at` of the key.
    Payload { at: usize, left: u64 },
}

impl Frame {
    /// The beginning of a frame whose key shall be `new`.
    fn new(new: [u8; 4]) -> Self {
        Self { part: Part::First, masked: false, old: [0; 4], new }
    }

    fn is_complete(&self) -> bool {
        self.part == Part::Payload { at: 0, left: 0 }
    }

    /// Moves on to the end of `bytes`, or of the frame, and adds what to write in their place to `out`.
    fn remask_into(&mut self, mut bytes: &[u8], out: &mut Vec<u8>) {
        while let [first, rest @ ..] = bytes {
            if let Part::Payload { at, left } = self.part
                && self.masked
                && left >= 4
                && bytes.len() >= 4
            {
                // Whole words of it at once.
                let words = bytes.len().min(usize::try_from(left).unwrap_or(usize::MAX)) / 4;
                let (many, rest) = bytes.split_at(words * 4);
                let change: [u8; 4] =
                    std::array::from_fn(|i| self.old[(at + i) % 4] ^ self.new[(at + i) % 4]);
                out.extend(
                    many.as_chunks()
                        .0
                        .iter()
                        .flat_map(|word: &[u8; 4]| std::array::from_fn::<u8, 4, _>(|i| word[i] ^ change[i])),
                );
                self.part = payload(at, left - many.len() as u64);
                bytes = rest;
            } else {
                out.push(self.remask(*first));
                bytes = rest;
            }
            if self.is_complete() {
                return;
            }
        }
    }

    /// Moves on by one byte and returns what to write in its place.
    fn remask(&mut self, byte: u8) -> u8 {
        match self.part {
            Part::First => {
                self.part = Part::Second;
                byte
            }
            Part::Second => {
                self.masked = byte & 0x80 != 0;
                self.part = match byte & 0x7f {
                    126 => Part::Length { left: 2, length: 0 },
                    127 => Part::Length { left: 8, length: 0 },
                    short => self.after_length(u64::from(short)),
                };
                byte
            }
            Part::Length { left, length } => {
                let length = length << 8 | u64::from(byte);
                self.part = match left {
                    1 => self.after_length(length),
                    _ => Part::Length { left: left - 1, length },
                };
                byte
            }
            Part::Key { at, length } => {
                self.old[at] = byte;
                self.part = match at {
                    3 => payload(0, length),
                    _ => Part::Key { at: at + 1, length },
                };
                self.new[at]
            }
            Part::Payload { at, left } => {
                self.part = payload((at + 1) % 4, left.saturating_sub(1));
                match self.masked {
                    true => byte ^ self.old[at] ^ self.new[at],
                    false => byte,
                }
            }
        }
    }

    fn after_length(&self, length: u64) -> Part {
        match self.masked {
            true => Part::Key { at: 0, length },
            false => payload(0, length),
        }
    }
}

/// The rest of a payload; its end looks the same whatever the length was.
fn payload(at: usize, left: u64) -> Part {
    match left {
        0 => Part::Payload { at: 0, left: 0 },
        _ => Part::Payload { at, left },
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tokio_tungstenite::tungstenite::Message;
    use tokio_tungstenite::tungstenite::protocol::{Role, WebSocket};

    use super::*;

    /// Takes as many bytes at a time as it is told, and `None` at all now and then.
    struct Fitful {
        takes: Vec<Option<usize>>,
        turn: usize,
        taken: Vec<u8>,
    }

    impl AsyncWrite for Fitful {
        fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
            let take = self.takes[self.turn % self.takes.len()];
            self.turn += 1;
            match take {
                None => {
                    cx.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(n) => {
                    let n = n.min(buf.len());
                    self.taken.extend_from_slice(&buf[..n]);
                    Poll::Ready(Ok(n))
                }
            }
        }
        fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
        fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
            Poll::Ready(Ok(()))
        }
    }

    /// Key number 0, 1, 2 ... of a run.
    fn key(n: u8) -> [u8; 4] {
        [n, n.wrapping_mul(31), n ^ 0xa5, 255 - n]
    }

    /// A masked frame, written by hand.
    fn frame(opcode: u8, mask: [u8; 4], payload: &[u8]) -> Vec<u8> {
        let mut out = vec![0x80 | opcode];
        match payload.len() {
            n @ ..126 => out.push(0x80 | n as u8),
            n @ ..65_536 => {
                out.push(0x80 | 126);
                out.extend((n as u16).to_be_bytes());
            }
            n => {
                out.push(0x80 | 127);
                out.extend((n as u64).to_be_bytes());
            }
        }
        out.extend(mask);
        out.extend(payload.iter().enumerate().map(|(i, b)| b ^ mask[i % 4]));
        out
    }

    /// Writes `bytes` in pieces of `write` bytes through a transport to a fitful connection.
    async fn through(bytes: &[u8], write: usize, takes: Vec<Option<usize>>) -> Vec<u8> {
        use tokio::io::AsyncWriteExt;
        let mut transport = Transport::new(Fitful { takes, turn: 0, taken: Vec::new() });
        let mut n = 0;
        transport.mask_with(Box::new(move || {
            n += 1;
            key(n - 1)
        }));
        for piece in bytes.chunks(write) {
            transport.write_all(piece).await.expect("writes");
        }
        transport.inner.taken
    }

    fn payloads() -> impl Strategy<Value = Vec<(bool, [u8; 4], Vec<u8>)>> {
        // All three forms of the length.
        let length =
            prop_oneof![0..130usize, Just(125), Just(126), 126..700usize, Just(65_535), Just(65_536)];
        let payload = (length, any::<u8>())
            .prop_map(|(n, seed)| (0..n).map(|i| (i as u8).wrapping_mul(7) ^ seed).collect::<Vec<u8>>());
        proptest::collection::vec((any::<bool>(), any::<[u8; 4]>(), payload), 1..5)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(128))]

        #[test]
        fn frames_arrive_whole_under_the_new_keys_however_they_are_cut(
            payloads in payloads(),
            write in 1..9000usize,
            takes in proptest::collection::vec(proptest::option::weighted(0.8, 1..9000usize), 0..6),
        ) {
            // At least one turn takes something.
            let takes = takes.into_iter().chain([Some(3)]).collect();
            let (mut given, mut wanted) = (Vec::new(), Vec::new());
            for (n, (text, mask, payload)) in payloads.iter().enumerate() {
                let opcode = if *text { 1 } else { 2 };
                given.extend(frame(opcode, *mask, payload));
                wanted.extend(frame(opcode, key(n as u8), payload));
            }
            let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
            let arrived = runtime.block_on(through(&given, write, takes));
            prop_assert!(arrived == wanted, "{} bytes arrived, {} wanted", arrived.len(), wanted.len());
        }
    }

    #[test]
    fn what_tungstenite_masks_at_random_becomes_the_same_bytes_twice() {
        let written = || {
            let mut websocket = WebSocket::from_raw_socket(io::Cursor::new(Vec::new()), Role::Client, None);
            for message in [Message::text("hello"), Message::Ping(vec![1].into()), Message::Close(None)] {
                websocket.send(message).expect("writes");
            }
            websocket.into_inner().into_inner()
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let (a, b) = (written(), written());
        assert_ne!(a, b, "tungstenite's keys differ");
        let a = runtime.block_on(through(&a, 4, vec![Some(3)]));
        let b = runtime.block_on(through(&b, 100, vec![Some(100)]));
        assert_eq!(a, b);
        // And a server reads it.
        let mut server = WebSocket::from_raw_socket(io::Cursor::new(a), Role::Server, None);
        assert_eq!(server.read().expect("reads"), Message::text("hello"));
    }

    #[test]
    fn frames_without_a_mask_pass_as_they_are() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        let bytes = [0x81, 0x02, b'h', b'i', 0x89, 0x00, 0x81, 0x01, b'!'];
        assert_eq!(runtime.block_on(through(&bytes, 2, vec![Some(1)])), bytes);
    }
}
