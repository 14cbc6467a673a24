//! What the two sides do with a connection: write all, close, read to the end.

use std::io::{self, Read as _, Write as _};
use std::net::{Shutdown, SocketAddrV4, TcpListener, TcpStream};
use std::thread::{JoinHandle, spawn};
use std::time::Duration;

use halfopen::tcp::{ConnId, Endpoint};
use socket2::{Domain, Socket, Type};

use super::live::Live;
use super::namespace::{LINUX, OURS};

/// A thread on Linux's side that hangs ends by itself.
const PATIENCE: Duration = super::live::LIMIT;

/// `len` bytes of which neighbours differ, and those of two salts, too.
pub fn bytes(salt: u64, len: usize) -> Vec<u8> {
    let byte = |i: u64| {
        let x = (i + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ salt.wrapping_mul(0xd6e8_feb8_6659_fd93);
        (x >> 40) as u8
    };
    (0..len as u64).map(byte).collect()
}

/// Fails unless the two are the same, and says where they are not.
pub fn same(what: &str, got: &[u8], expected: &[u8]) {
    let differ = got.iter().zip(expected).position(|(g, e)| g != e);
    assert_eq!((differ, got.len()), (None, expected.len()), "{what}: first difference, length");
}

/// What our side does with a connection.
pub struct Talk {
    pub id: ConnId,
    out: Vec<u8>,
    written: usize,
    pub got: Vec<u8>,
    /// Whether it closes its direction behind what it writes.
    closes: bool,
    shut: bool,
    pub ended: bool,
}

impl Talk {
    /// Writes, closes, reads to the end.
    pub fn new(id: ConnId, out: Vec<u8>) -> Self {
        Self { id, out, written: 0, got: Vec::new(), closes: true, shut: false, ended: false }
    }

    /// Writes what it can. Returns whether all is written.
    pub fn write(&mut self, endpoint: &mut Endpoint, now: Duration) -> io::Result<bool> {
        while self.written < self.out.len() {
            match endpoint.write(now, self.id, &self.out[self.written..]) {
                None => return Ok(false),
                Some(n) => self.written += n?,
            }
        }
        if self.closes && !self.shut {
            self.shut = true;
            endpoint.shutdown(now, self.id);
        }
        Ok(true)
    }

    /// Reads what there is. Returns whether the end has been read.
    pub fn read(&mut self, endpoint: &mut Endpoint, now: Duration) -> io::Result<bool> {
        let mut buffer = [0; 16_384];
        while !self.ended {
            match endpoint.read(now, self.id, &mut buffer) {
                None => return Ok(false),
                Some(n) => match n? {
                    0 => self.ended = true,
                    n => self.got.extend_from_slice(&buffer[..n]),
                },
            }
        }
        Ok(true)
    }

    /// Does both; returns whether both are done.
    pub fn go_on(&mut self, endpoint: &mut Endpoint, now: Duration) -> io::Result<bool> {
        let written = self.write(endpoint, now)?;
        Ok(self.read(endpoint, now)? && written)
    }
}

/// Writes a message on our side and waits until as many bytes have come back.
pub fn echoed(live: &mut Live, id: ConnId, message: &[u8]) {
    let mut talk = Talk { closes: false, ..Talk::new(id, message.to_vec()) };
    let result = live.until("an echo", |endpoint, now| {
        let step = talk.write(endpoint, now).and_then(|_| talk.read(endpoint, now));
        match step {
            Err(error) => Some(Err(error)),
            Ok(_) => (talk.got.len() >= message.len() || talk.ended).then_some(Ok(())),
        }
    });
    result.unwrap_or_else(|error| panic!("an echo: {error}\n{}", live.told()));
    same("the echo", &talk.got, message);
}

/// A listener of Linux's on a port.
pub fn listener(port: u16) -> TcpListener {
    TcpListener::bind(SocketAddrV4::new(LINUX, port)).expect("a free port")
}

/// A socket of Linux's, bound to a port, before it connects.
pub fn bound(port: u16) -> Socket {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
    socket.set_reuse_address(true).expect("an option");
    socket.bind(&SocketAddrV4::new(LINUX, port).into()).expect("a free port");
    socket
}

/// Linux's connection to a port of ours.
pub fn connect(port: u16) -> io::Result<TcpStream> {
    TcpStream::connect_timeout(&SocketAddrV4::new(OURS, port).into(), PATIENCE)
}

/// Takes the next connection of Linux's listener and does something with it, in a thread.
pub fn serve<T: Send + 'static>(
    listener: TcpListener,
    serves: impl FnOnce(TcpStream) -> io::Result<T> + Send + 'static,
) -> JoinHandle<io::Result<T>> {
    spawn(move || {
        let (stream, _) = listener.accept()?;
        serves(patient(stream)?)
    })
}

/// The stream, with a limit to every wait.
pub fn patient(stream: TcpStream) -> io::Result<TcpStream> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// Linux's side: writes in a thread, closes its direction, reads to the end.
pub fn exchange(mut stream: TcpStream, out: Vec<u8>) -> io::Result<Vec<u8>> {
    let mut writer = stream.try_clone()?;
    let writing = spawn(move || {
        writer.write_all(&out)?;
        writer.shutdown(Shutdown::Write)
    });
    let mut got = Vec::new();
    stream.read_to_end(&mut got)?;
    writing.join().expect("the writer does not panic")?;
    Ok(got)
}

/// Linux's side: sends back what comes until the end.
pub fn echo(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = [0; 16_384];
    loop {
        match stream.read(&mut buffer)? {
            0 => return Ok(()),
            n => stream.write_all(&buffer[..n])?,
        }
    }
}

/// Goes on until a thread on Linux's side has ended.
pub fn joined<T>(live: &mut Live, what: &str, thread: JoinHandle<T>) -> T {
    live.until(what, |_, _| thread.is_finished().then_some(()));
    thread.join().expect("it does not panic")
}
