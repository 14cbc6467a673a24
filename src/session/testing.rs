//! A channel inside the process, with its other end in the hand of a test.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::io;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use crate::channel::{Channel, ChannelError, Message, OpenError, Opens};

use crate::net::Network;

#[derive(Default)]
struct State {
    room: usize,
    to_channel: VecDeque<Message>,
    to_peer: VecDeque<Message>,
    received_bytes: u64,
    closed: Option<u16>,
    gone: bool,
    wakers: Vec<Waker>,
}

impl State {
    fn changed(&mut self) {
        self.wakers.drain(..).for_each(Waker::wake);
    }
}

/// The side under test.
pub(crate) struct Pipe(Arc<Mutex<State>>);

/// The test's side.
#[derive(Clone)]
pub(crate) struct Peer(Arc<Mutex<State>>);

/// A channel that takes `room` messages which its peer has not read.
pub(crate) fn pipe(room: usize) -> (Pipe, Peer) {
    let state = Arc::new(Mutex::new(State { room, ..State::default() }));
    (Pipe(state.clone()), Peer(state))
}

impl Peer {
    pub(crate) fn say(&self, message: Message) {
        let mut state = self.0.lock().expect("unpoisoned");
        state.to_channel.push_back(message);
        state.received_bytes += 1;
        state.changed();
    }

    /// Bytes that are no whole message yet.
    pub(crate) fn trickle(&self, bytes: u64) {
        let mut state = self.0.lock().expect("unpoisoned");
        state.received_bytes += bytes;
        state.changed();
    }

    /// The connection is lost.
    pub(crate) fn vanish(&self) {
        let mut state = self.0.lock().expect("unpoisoned");
        state.gone = true;
        state.changed();
    }

    /// The code of the channel's goodbye.
    pub(crate) fn closed(&self) -> Option<u16> {
        self.0.lock().expect("unpoisoned").closed
    }

    /// What the channel sends next.
    pub(crate) async fn next(&mut self) -> Message {
        poll_fn(|cx| {
            let mut state = self.0.lock().expect("unpoisoned");
            match state.to_peer.pop_front() {
                Some(message) => {
                    state.changed();
                    Poll::Ready(message)
                }
                None => {
                    state.wakers.push(cx.waker().clone());
                    Poll::Pending
                }
            }
        })
        .await
    }
}

impl Channel for Pipe {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ChannelError>> {
        let mut state = self.0.lock().expect("unpoisoned");
        match state.to_channel.pop_front() {
            Some(message) => Poll::Ready(Ok(message)),
            None if state.gone => Poll::Ready(Err(io::Error::from(io::ErrorKind::ConnectionReset).into())),
            None => {
                state.wakers.push(cx.waker().clone());
                Poll::Pending
            }
        }
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Option<Message>,
    ) -> Poll<Result<(), ChannelError>> {
        let mut state = self.0.lock().expect("unpoisoned");
        if state.to_peer.len() >= state.room {
            state.wakers.push(cx.waker().clone());
            return Poll::Pending;
        }
        state.to_peer.extend(outgoing.take());
        state.changed();
        Poll::Ready(Ok(()))
    }

    fn received_bytes(&self) -> u64 {
        self.0.lock().expect("unpoisoned").received_bytes
    }

    async fn close(&mut self, code: u16, _: &str) {
        self.0.lock().expect("unpoisoned").closed = Some(code);
    }
}

/// Opens the one channel it was given, then none.
#[derive(Clone)]
pub(crate) struct Once(Arc<Mutex<Option<Pipe>>>);

impl Once {
    pub(crate) fn new(pipe: Pipe) -> Self {
        Self(Arc::new(Mutex::new(Some(pipe))))
    }
}

impl Opens for Once {
    type Channel<N: Network> = Pipe;

    async fn open<N: Network>(&self, _: &N) -> Result<Pipe, OpenError> {
        self.0.lock().expect("unpoisoned").take().ok_or(OpenError::Refused { status: 503 })
    }
}
