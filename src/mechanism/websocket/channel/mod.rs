//! An open WebSocket as a [`Channel`].

use std::io;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{SinkExt, StreamExt};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::error::ProtocolError;
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};
use tokio_tungstenite::tungstenite::{Error, Message as Frame, Utf8Bytes};
use tracing::{debug, info, warn};

use super::transport::Transport;
use crate::channel::{Channel, ChannelError, Message};

/// RFC 6455 section 7.1.5: what stands for a close frame without a code. It is never sent.
const NO_CODE: u16 = 1005;
/// RFC 6455 section 5.5: a control frame carries 125 bytes at most, of which a close code takes two.
const MAX_REASON: usize = 123;
/// RFC 6455 section 5.5: and a ping or pong all of them.
const MAX_PING: usize = 125;
/// Room in the write buffer for what is not a message: its header, a pong, a close frame.
const CONTROL_ROOM: usize = 1024;
/// What is read from the connection at once. tungstenite keeps that much memory for every connection.
const READ_BUFFER: usize = 4096;

/// What a side of a WebSocket allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The largest message, in bytes, either way. One that is being received or sent may take that much memory.
    pub message_bytes: usize,
    /// How long to wait for the other side in a closing handshake.
    pub close_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { message_bytes: 64 * 1024, close_timeout: Duration::from_secs(10) }
    }
}

impl Limits {
    /// These limits as tungstenite's settings. Every message is written at once, so that the buffer holds one only while the
    /// connection is full.
    pub(super) fn config(self) -> WebSocketConfig {
        WebSocketConfig::default()
            .read_buffer_size(READ_BUFFER)
            .write_buffer_size(0)
            .max_write_buffer_size(self.message_bytes + CONTROL_ROOM)
            .max_message_size(Some(self.message_bytes))
            .max_frame_size(Some(self.message_bytes))
    }
}

/// An open WebSocket.
///
/// A [`Message::Data`] that is UTF-8 goes out as a text frame, any other as a binary one.
pub struct WebSocket<S> {
    /// Gone once the connection was let go of.
    stream: Option<WebSocketStream<Transport<S>>>,
    /// How the conversation ended, once it has; told again to whoever asks again.
    end: Option<Ended>,
    /// Something was written into a buffer and has not left it.
    unflushed: bool,
    limits: Limits,
    /// What [`Transport::received_bytes`] said last, for when it is gone.
    received_bytes: u64,
}

/// An error that can be told again.
#[derive(Clone)]
enum Ended {
    Closed(u16, String),
    Io(io::ErrorKind, String),
    Protocol(String),
}

impl Ended {
    fn error(&self) -> ChannelError {
        match self.clone() {
            Ended::Closed(code, reason) => ChannelError::Closed { code, reason },
            Ended::Io(kind, text) => ChannelError::Io(io::Error::new(kind, text)),
            Ended::Protocol(text) => ChannelError::Protocol(text),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> WebSocket<S> {
    /// The client's side, after the handshake; its frames get their masking keys from `keys`.
    pub(super) fn client(
        mut stream: WebSocketStream<Transport<S>>,
        limits: Limits,
        keys: impl FnMut() -> [u8; 4] + Send + 'static,
    ) -> Self {
        stream.get_mut().mask_with(Box::new(keys));
        Self::new(stream, limits)
    }

    /// The server's side: a connection after the handshake, and what was read from it too far.
    pub(super) async fn server(connection: S, read: Bytes, limits: Limits) -> Self {
        let transport = Transport::new(connection);
        let config = Some(limits.config());
        Self::new(
            // A copy, or the whole buffer of the handshake's reader would stay for as long as the connection.
            WebSocketStream::from_partially_read(transport, read.to_vec(), Role::Server, config).await,
            limits,
        )
    }

    fn new(stream: WebSocketStream<Transport<S>>, limits: Limits) -> Self {
        info!(target: "halfopen::ws", "connected");
        Self { stream: Some(stream), end: None, unflushed: false, limits, received_bytes: 0 }
    }

    /// The stream, unless the conversation is over.
    fn open(&mut self) -> Result<&mut WebSocketStream<Transport<S>>, ChannelError> {
        match (&self.end, &mut self.stream) {
            (Some(end), _) => Err(end.error()),
            (None, Some(stream)) => Ok(stream),
            (None, None) => Err(Ended::Io(io::ErrorKind::NotConnected, "closed here".into()).error()),
        }
    }

    fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Error>> {
        if let Some(stream) = self.stream.as_mut().filter(|_| self.unflushed) {
            ready!(stream.poll_flush_unpin(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// The conversation ends with an error. A peer that broke the rules is told so (RFC 6455 section 7.1.7), as
    /// far as the connection takes it at once; `close` gives it time to read that.
    fn fail(&mut self, error: Error, cx: &mut Context<'_>) -> ChannelError {
        let violation = match &error {
            // RFC 6455 section 7.4.1.
            Error::Capacity(_) => Some(1009),
            Error::Utf8(_) => Some(1007),
            Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => None,
            Error::Protocol(_) => Some(1002),
            _ => None,
        };
        let end = match (violation, error) {
            (Some(code), error) => {
                let text = error.to_string();
                warn!(target: "halfopen::ws", error = text, "protocol violated");
                if let Some(stream) = &mut self.stream {
                    let frame = CloseFrame { code: code.into(), reason: Utf8Bytes::from_static("") };
                    if stream.start_send_unpin(Frame::Close(Some(frame))).is_ok() {
                        info!(target: "halfopen::ws", code, "close sent");
                        let _ = stream.poll_flush_unpin(cx);
                    }
                }
                Ended::Protocol(text)
            }
            (None, Error::Io(e)) => lost(e.kind(), e.to_string()),
            // What tungstenite says when the connection ends without a close frame, or after it has told us all.
            (None, error) => lost(io::ErrorKind::UnexpectedEof, error.to_string()),
        };
        self.end = Some(end.clone());
        end.error()
    }

    /// The peer says goodbye. tungstenite has queued the answer.
    fn closed_by_peer(&mut self, frame: Option<CloseFrame>, cx: &mut Context<'_>) -> ChannelError {
        let (code, reason) = code_and_reason(frame);
        info!(target: "halfopen::ws", code, "close received");
        info!(target: "halfopen::ws", code, "close sent");
        // What does not leave at once, leaves in `close`.
        self.unflushed = true;
        let _ = self.poll_flush(cx);
        let end = Ended::Closed(code, reason);
        self.end = Some(end.clone());
        end.error()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Channel for WebSocket<S> {
    fn poll_receive(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, ChannelError>> {
        self.open()?;
        if let Poll::Ready(Err(e)) = self.poll_flush(cx) {
            return Poll::Ready(Err(self.fail(e, cx)));
        }
        let received = self.open()?.poll_next_unpin(cx);
        if let Some(stream) = &self.stream {
            self.received_bytes = stream.get_ref().received_bytes();
        }
        Poll::Ready(match ready!(received) {
            Some(Ok(Frame::Text(text))) => Ok(Message::Data(text.into())),
            Some(Ok(Frame::Binary(bytes))) => Ok(Message::Data(bytes)),
            Some(Ok(Frame::Ping(content))) => {
                debug!(target: "halfopen::ws", "ping received");
                // tungstenite has queued the pong and writes it when it is used next. That may be never, if the
                // caller goes on to something else (snapview/tungstenite-rs#393): so now.
                self.unflushed = true;
                match self.poll_flush(cx) {
                    Poll::Ready(Err(e)) => Err(self.fail(e, cx)),
                    Poll::Ready(Ok(())) | Poll::Pending => Ok(Message::Ping(content)),
                }
            }
            Some(Ok(Frame::Pong(content))) => {
                debug!(target: "halfopen::ws", "pong received");
                Ok(Message::Pong(content))
            }
            Some(Ok(Frame::Close(frame))) => Err(self.closed_by_peer(frame, cx)),
            // tungstenite never returns a raw frame when reading.
            Some(Ok(Frame::Frame(_))) | None => Err(self.fail(Error::ConnectionClosed, cx)),
            Some(Err(e)) => Err(self.fail(e, cx)),
        })
    }

    fn poll_send(
        &mut self,
        cx: &mut Context<'_>,
        outgoing: &mut Option<Message>,
    ) -> Poll<Result<(), ChannelError>> {
        self.open()?;
        if let Some(message) = outgoing {
            let (size, max) = match message {
                Message::Data(bytes) => (bytes.len(), self.limits.message_bytes),
                Message::Ping(content) | Message::Pong(content) => (content.len(), MAX_PING),
            };
            if size > max {
                return Poll::Ready(Err(ChannelError::TooLarge { size, max }));
            }
        }
        // The message before this one has to be with the kernel: that is the whole of the backpressure.
        if let Err(e) = ready!(self.poll_flush(cx)) {
            return Poll::Ready(Err(self.fail(e, cx)));
        }
        let Some(message) = outgoing.take() else {
            return Poll::Ready(Ok(()));
        };
        let is_ping = matches!(message, Message::Ping(_));
        let stream = self.open()?;
        let sent = stream.start_send_unpin(frame(message));
        self.unflushed = true;
        if let Err(e) = sent {
            return Poll::Ready(Err(self.fail(e, cx)));
        }
        if is_ping {
            debug!(target: "halfopen::ws", "ping sent");
        }
        match self.poll_flush(cx) {
            Poll::Ready(Err(e)) => Poll::Ready(Err(self.fail(e, cx))),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Ready(Ok(())),
        }
    }

    fn received_bytes(&self) -> u64 {
        self.received_bytes
    }

    async fn close(&mut self, code: u16, reason: &str) {
        // Taken out, so that the connection goes even if this is cancelled.
        let Some(mut stream) = self.stream.take() else {
            return;
        };
        let end = self.end.clone();
        // In a box: what a goodbye needs, a connection that stays does not carry along.
        let goodbye = Box::pin(async {
            match end {
                Some(Ended::Io(..)) => return Ok(()),
                Some(Ended::Closed(..)) => stream.flush().await?,
                Some(Ended::Protocol(_)) => {
                    stream.flush().await?;
                    return linger(stream.get_mut()).await.map_err(Error::Io);
                }
                None => {
                    stream.feed(Frame::Close(close_frame(code, reason))).await?;
                    info!(target: "halfopen::ws", code, "close sent");
                    stream.flush().await?;
                }
            }
            // Until the peer's answer, and on a client further on until the server closes TCP: it shall be the one
            // that does so first, and keeps the TIME-WAIT (RFC 6455 section 7.1.1).
            while let Some(message) = stream.next().await {
                if let Frame::Close(frame) = message? {
                    let (code, _) = code_and_reason(frame);
                    info!(target: "halfopen::ws", code, "close received");
                }
            }
            // Letting go of the stream closes TCP.
            Ok(())
        });
        match crate::net::time::timeout(self.limits.close_timeout, goodbye).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => debug!(target: "halfopen::ws", %error, "close failed"),
            Err(_) => {
                let after_s = self.limits.close_timeout.as_secs_f64();
                info!(target: "halfopen::ws", after_s, "close timed out");
            }
        }
    }
}

/// Ends the stream of bytes, then reads what the peer had sent before it learnt of that. Letting go with unread
/// bytes would reset the connection (RFC 1122 section 4.2.2.13), and a reset may overtake the close frame that
/// explains it.
async fn linger<S: AsyncRead + AsyncWrite + Unpin>(transport: &mut Transport<S>) -> io::Result<()> {
    transport.shutdown().await?;
    let mut unread = [0; 1024];
    while transport.read(&mut unread).await? > 0 {}
    Ok(())
}

fn lost(kind: io::ErrorKind, text: String) -> Ended {
    warn!(target: "halfopen::ws", error = %kind, "connection lost");
    Ended::Io(kind, text)
}

fn frame(message: Message) -> Frame {
    match message {
        Message::Data(bytes) => match Utf8Bytes::try_from(bytes.clone()) {
            Ok(text) => Frame::Text(text),
            Err(_) => Frame::Binary(bytes),
        },
        Message::Ping(content) => Frame::Ping(content),
        Message::Pong(content) => Frame::Pong(content),
    }
}

fn close_frame(code: u16, reason: &str) -> Option<CloseFrame> {
    let reason = &reason[..reason.floor_char_boundary(MAX_REASON)];
    (code != NO_CODE).then(|| CloseFrame { code: code.into(), reason: reason.into() })
}

fn code_and_reason(frame: Option<CloseFrame>) -> (u16, String) {
    frame.map_or((NO_CODE, String::new()), |f| (f.code.into(), f.reason.to_string()))
}

#[cfg(test)]
mod tests;
