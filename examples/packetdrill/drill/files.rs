//! The open files of a script: sockets are made, connected, set and closed.

use std::net::SocketAddrV4;

use super::calls::{Answer, Attempt, same};
use super::link::{Link, Stage};
use super::options;
use super::poll::Watch;
use super::run::Runner;
use super::script::{Call, Expr};
use super::subject::{Options, Subject};
use super::symbols::{errno, errno_number, number, value};
use super::{Fault, Stop};

/// An open file of the script.
#[derive(Debug, Clone)]
pub struct File<Id> {
    pub link: usize,
    pub connection: Option<Id>,
    /// Connections that were taken out of a listener's queue to see whether there is one.
    pub accepted: Vec<Id>,
    pub listening: bool,
    pub bound: bool,
    pub options: Options,
    /// O_NONBLOCK
    pub nonblocking: bool,
    /// connect() has not told how it ended
    pub connecting: bool,
    /// shutdown(SHUT_RD)
    pub deaf: bool,
    /// Whether shutdown(SHUT_WR) was called.
    pub mute: bool,
    /// Of an epoll(7) file: what it watches
    pub watched: Vec<Watch>,
}

impl<S: Subject> Runner<S> {
    /// The open file of that number, which the caller has seen to be there.
    pub fn file(&mut self, fd: i64) -> &mut File<S::Id> {
        self.files.get_mut(&fd).expect("attempt() has looked for it")
    }

    /// The options of a file, with the settings that stand in for those that were not set.
    pub fn effective_options(&mut self, fd: i64) -> Options {
        let options = self.file(fd).options.clone();
        Options { notsent_lowat: options.notsent_lowat.or(self.settings.notsent_lowat), ..options }
    }

    /// TCP_MAXSEG, or what the device has room for: its MTU less the headers of IP and TCP.
    pub fn set_max_segment(&mut self, options: &Options) {
        let room = self.settings.mtu.saturating_sub(40);
        self.subject.set_max_segment(options.max_segment.unwrap_or(room));
    }

    pub fn socket(&mut self, call: &Call) -> Result<Answer, Stop> {
        let kind = call.arguments.get(1).and_then(number).unwrap_or(1);
        let protocol = matches!(call.arguments.get(2), Some(Expr::Word(w)) if w == "IPPROTO_TCP");
        if kind & 0xf != 1 || (!protocol && call.arguments.get(2).and_then(number) != Some(0)) {
            return Err(Stop::Skip("sockets that are not TCP's".to_string()));
        }
        if matches!(call.arguments.first(), Some(Expr::Word(w)) if w == "AF_INET6") {
            return Err(Stop::Skip("IPv6".to_string()));
        }
        // The script knows the number, which is the lowest free one.
        let fd = number(&call.result).unwrap_or(-1);
        let any = SocketAddrV4::new(self.settings.local, 0);
        self.under_test = Some(self.links.len());
        self.links.push(Link::new(Stage::New, any, any));
        let file = File { nonblocking: kind & 0x800 != 0, ..new_file(self.links.len() - 1) };
        self.files.insert(fd, file);
        Ok(Ok(fd))
    }

    pub fn epoll_create(&mut self, call: &Call) -> Answer {
        let fd = number(&call.result).unwrap_or(-1);
        self.files.insert(fd, new_file(usize::MAX));
        Ok(fd)
    }

    pub fn accept(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let (port, nonblocking) = (self.settings.port, self.file(fd).nonblocking);
        if !self.file(fd).listening {
            return Ok(Some(Err("EINVAL")));
        }
        let stashed = self.file(fd).accepted.pop();
        let Some(id) = stashed.or_else(|| self.subject.accept(port)) else {
            return Ok(nonblocking.then_some(Err("EAGAIN")));
        };
        let found = self.links.iter().rposition(|l| matches!(l.stage, Stage::Open | Stage::SynAckSent));
        let Some(link) = found else {
            return Err(Fault::new(line, "accept() returned a connection that no packet had opened").into());
        };
        let new = number(&call.result).unwrap_or(-1);
        let options = self.file(fd).options.clone();
        if options.cork {
            let clock = self.clock();
            self.subject.set_cork(clock, id, true);
        }
        self.files.insert(new, File { connection: Some(id), options, ..new_file(link) });
        Ok(Some(Ok(new)))
    }

    pub fn connect(&mut self, fd: i64, call: &Call) -> Attempt {
        if matches!(call.arguments.get(1), Some(Expr::Record(_))) {
            return Err(Stop::Skip("connect() to a written address".to_string()));
        }
        let file = self.file(fd);
        let (link, nonblocking, bound) = (file.link, file.nonblocking, file.bound);
        let Some(id) = file.connection else {
            let port = if bound { self.settings.port } else { self.next_port() };
            let local = SocketAddrV4::new(self.settings.local, port);
            let remote = SocketAddrV4::new(self.settings.remote, self.settings.port);
            self.links[link] = Link::new(Stage::Connecting, local, remote);
            let (clock, options) = (self.clock(), self.effective_options(fd));
            self.set_max_segment(&options);
            let id = self.subject.connect(clock, local, remote, &options);
            if options.cork {
                self.subject.set_cork(clock, id, true);
            }
            let file = self.file(fd);
            file.connection = Some(id);
            file.connecting = true;
            return Ok(nonblocking.then_some(Err("EINPROGRESS")));
        };
        if !file.connecting {
            return Ok(Some(Err("EISCONN")));
        }
        Ok(match self.subject.connected(id) {
            None => nonblocking.then_some(Err("EALREADY")),
            Some(result) => {
                self.file(fd).connecting = false;
                Some(result.map(|()| 0).map_err(|e| errno(&e)))
            }
        })
    }

    pub fn fcntl(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let nonblock = value("O_NONBLOCK");
        match (&call.arguments[1..], self.file(fd)) {
            ([Expr::Word(w)], file) if w == "F_GETFL" => {
                Ok(Some(Ok(value("O_RDWR") | if file.nonblocking { nonblock } else { 0 })))
            }
            ([Expr::Word(w), flags], file) if w == "F_SETFL" => {
                let Some(flags) = number(flags) else {
                    return Err(Fault::new(line, "fcntl() with unknown flags").into());
                };
                file.nonblocking = flags & nonblock != 0;
                Ok(Some(Ok(0)))
            }
            _ => Err(Stop::Skip("this fcntl()".to_string())),
        }
    }

    pub fn close(&mut self, fd: i64) -> Answer {
        let clock = self.clock();
        let Some(file) = self.files.remove(&fd) else { return Err("EBADF") };
        for id in file.accepted {
            self.subject.close(clock, id);
        }
        if file.listening {
            self.subject.close_listener(clock, self.settings.port);
        } else if let Some(id) = file.connection {
            self.subject.close(clock, id);
        }
        Ok(0)
    }

    pub fn shutdown(&mut self, fd: i64, how: i64) -> Answer {
        let clock = self.clock();
        let file = self.file(fd);
        let Some(id) = file.connection else { return Err("ENOTCONN") };
        file.deaf |= how != value("SHUT_WR");
        if how != value("SHUT_RD") {
            file.mute = true;
            self.subject.shutdown(clock, id);
        }
        Ok(0)
    }

    pub fn set_option(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let [_, _, Expr::Word(name), value, ..] = call.arguments.as_slice() else {
            return Err(Fault::new(line, "setsockopt() needs a level, an option and its value").into());
        };
        let file = self.file(fd);
        let set = options::set(&mut file.options, name, value)?;
        let connection = file.connection;
        let new = self.effective_options(fd);
        if let Err(e) = set {
            return Ok(Some(Err(e)));
        }
        if self.file(fd).listening {
            self.set_max_segment(&new);
        }
        if let Some(id) = connection {
            let clock = self.clock();
            match name.as_str() {
                "TCP_CORK" => self.subject.set_cork(clock, id, new.cork),
                "TCP_NODELAY" => {
                    // What waits leaves also when the option was set already.
                    self.subject.set_options(clock, id, &Options { no_delay: false, ..new.clone() });
                    self.subject.set_options(clock, id, &new);
                }
                _ => self.subject.set_options(clock, id, &new),
            }
        }
        Ok(Some(Ok(0)))
    }

    pub fn get_option(&mut self, line: usize, fd: i64, call: &Call) -> Attempt {
        let [_, _, Expr::Word(name), expected, ..] = call.arguments.as_slice() else {
            return Err(Fault::new(line, "getsockopt() needs a level, an option and its value").into());
        };
        let clock = self.clock();
        let file = self.file(fd);
        let (connection, connecting) = (file.connection, file.connecting);
        let known = options::get(&file.options, name);
        let actual = match (name.as_str(), connection) {
            ("SO_ERROR", None) => Some(0),
            ("SO_ERROR", Some(id)) if connecting => {
                let result = self.subject.connected(id);
                self.file(fd).connecting = result.is_none();
                Some(result.map_or(0, |r| r.err().map_or(0, |e| errno_number(errno(&e)))))
            }
            ("SO_ERROR", Some(id)) => {
                self.subject.take_error(id).map(|r| r.err().map_or(0, |e| errno_number(errno(&e))))
            }
            ("TCP_MAXSEG", Some(id)) => self.subject.info(clock, id, "tcpi_snd_mss"),
            _ => known,
        };
        let Some(actual) = actual else { return Err(Stop::Skip(format!("getsockopt {name}"))) };
        same(line, name, expected.single(), actual)?;
        Ok(Some(Ok(0)))
    }
}

fn new_file<Id>(link: usize) -> File<Id> {
    File {
        link,
        connection: None,
        accepted: Vec::new(),
        listening: false,
        bound: false,
        options: Options::default(),
        nonblocking: false,
        connecting: false,
        deaf: false,
        mute: false,
        watched: Vec::new(),
    }
}
