//! Runs a script: in its order, in simulated time, from event to event.

use std::collections::{BTreeMap, VecDeque};
use std::net::SocketAddrV4;
use std::time::Duration;

use halfopen::packet::Segment;

use super::assertion::{self, Variables};
use super::calls::{self, Pending};
use super::files::File;
use super::link::{Link, Stage};
use super::script::{Action, Event, Micros, Packet, Script, When};
use super::settings::Settings;
use super::subject::Subject;
use super::{Fault, Outcome, Stop, preamble};

/// The time at which a script begins, for the TCP: not zero, so that its timestamps are none.
const EPOCH: Duration = Duration::from_secs(1000);
/// How much later than written a packet is still waited for: it is told when it came, instead of that it did not.
const PATIENCE: Micros = 2_000_000;
/// How long an expected packet without a time is waited for.
const FOREVER: Micros = 86_400_000_000;
/// Timers that go off in a row, at most: a TCP whose timers do not move on must end a run, too.
const MAX_TIMERS: usize = 1_000_000;

/// Runs a script on the TCP that `make` makes from the script's settings.
pub fn run<S: Subject>(
    script: &Script,
    mut settings: Settings,
    make: impl FnOnce(&Settings) -> Result<S, String>,
) -> Outcome {
    let outcome = prepare(script, &mut settings)
        .and_then(|()| make(&settings).map_err(Stop::Skip))
        .and_then(|subject| Runner::new(subject, settings).script(script));
    match outcome {
        Ok(()) => Outcome::Pass,
        Err(Stop::Fail(fault)) => Outcome::Fail(fault),
        Err(Stop::Skip(why)) => Outcome::Skip(why),
    }
}

/// Takes the settings, and looks for what cannot be run before anything is.
fn prepare(script: &Script, settings: &mut Settings) -> Result<(), Stop> {
    for (line, name, value) in &script.flags {
        settings.flag(*line, name, value.as_deref())?;
    }
    for (_, command) in &script.commands {
        preamble::read(command, settings)?;
    }
    let mut paced_data = false;
    for event in &script.events {
        match &event.action {
            Action::Unsupported(feature) => return Err(Stop::Skip(feature.clone())),
            Action::Call(call) if !calls::KNOWN.contains(&call.name.as_str()) => {
                return Err(Stop::Skip(format!("system call {}()", call.name)));
            }
            Action::Outbound(packet) => paced_data |= packet.len > 0,
            _ => {}
        }
    }
    if settings.paced && paced_data {
        return Err(Stop::Skip("pacing (tc qdisc fq)".to_string()));
    }
    Ok(())
}

/// A script that is being run.
pub struct Runner<S: Subject> {
    pub subject: S,
    pub settings: Settings,
    /// Since the script began.
    pub now: Micros,
    pub files: BTreeMap<i64, File<S::Id>>,
    pub links: Vec<Link>,
    /// The connection that packets belong to: the newest.
    pub under_test: Option<usize>,
    pub pending: Option<Pending>,
    pub ports_used: u16,
    sent: VecDeque<(Micros, Segment)>,
    /// The time of the event before, and whether it was an incoming packet.
    last: Option<(Micros, bool)>,
    variables: Variables,
}

impl<S: Subject> Runner<S> {
    fn new(subject: S, settings: Settings) -> Self {
        Self {
            subject,
            settings,
            now: 0,
            files: BTreeMap::new(),
            links: Vec::new(),
            under_test: None,
            pending: None,
            ports_used: 0,
            sent: VecDeque::new(),
            last: None,
            variables: Variables::new(),
        }
    }

    /// The time as the TCP knows it.
    pub fn clock(&self) -> Duration {
        EPOCH + Duration::from_micros(self.now.unsigned_abs())
    }

    /// An address of ours or of the peer with the next free port.
    pub fn next_port(&mut self) -> u16 {
        self.ports_used += 1;
        40_000 + self.ports_used % 20_000
    }

    fn script(&mut self, script: &Script) -> Result<(), Stop> {
        let start = match script.events.first().map(|e| e.when) {
            Some(When::Absolute(at) | When::AbsoluteRange(at, _)) => at,
            _ => 0,
        };
        for event in &script.events {
            self.event(event, start)?;
        }
        self.finish_pending()?;
        match &self.pending {
            Some(pending) => Err(Fault::new(pending.line, "this call still blocks at the end").into()),
            None => Ok(()),
        }
    }

    fn event(&mut self, event: &Event, start: Micros) -> Result<(), Stop> {
        let inbound = matches!(event.action, Action::Inbound(_));
        // Incoming packets in a row keep their distance; anything else counts from when the last thing was done.
        let base = match self.last {
            Some((at, true)) if inbound => at,
            _ => self.now,
        };
        let (from, to) = match event.when {
            When::Absolute(at) => (at - start, at - start),
            When::AbsoluteRange(from, to) => (from - start, to - start),
            When::Relative(after) => (base + after, base + after),
            When::RelativeRange(from, to) => (base + from, base + to),
            When::Any => (base, base),
        };
        let line = event.line;
        match &event.action {
            Action::Inbound(packet) => {
                self.wait(line, from)?;
                self.inbound(line, packet)?;
            }
            Action::Outbound(packet) => {
                let to = if event.when == When::Any { FOREVER } else { to };
                self.outbound(line, packet, from, to)?;
            }
            Action::Call(call) => {
                self.finish_pending()?;
                // A call that does not block waits for its own time; the one before it may end until then.
                if call.until.is_none() {
                    self.wait(line, from)?;
                }
                if self.pending.is_some() {
                    return Err(Fault::new(line, "the blocking call before still blocks").into());
                }
                self.wait(line, from)?;
                let until = call.until.map(|until| match event.when {
                    When::Absolute(_) => until - start,
                    _ => base + until,
                });
                self.call(line, call, from, until)?;
            }
            Action::Command(command) => {
                self.wait(line, from)?;
                self.command(command)?;
            }
            Action::Code(code) => {
                self.wait(line, from)?;
                self.code(line, code)?;
            }
            Action::Unsupported(feature) => return Err(Stop::Skip(feature.clone())),
        }
        self.last = Some((from, inbound));
        Ok(())
    }

    /// Shell commands in the middle of a script: what they set cannot be changed any more.
    fn command(&mut self, command: &str) -> Result<(), Stop> {
        let mut after = self.settings.clone();
        preamble::read(command, &mut after)?;
        let changed = after.sysctls.iter().find(|(name, value)| {
            self.settings.sysctls.get(*name) != Some(value) && !preamble::harmless(name, value)
        });
        match changed {
            Some((name, _)) => Err(Stop::Skip(format!("sysctl {name} while the script runs"))),
            None => Ok(()),
        }
    }

    fn code(&mut self, line: usize, code: &str) -> Result<(), Stop> {
        let under_test = self.under_test;
        let id = self.files.values().filter(|f| Some(f.link) == under_test).find_map(|f| f.connection);
        let (subject, now) = (&self.subject, self.clock());
        let field = |name: &str| id.and_then(|id| subject.info(now, id, name));
        assertion::run(line, code, &mut self.variables, &field)
    }

    /// How far from the written time something may be: Linux's timers are the coarser the longer they are.
    fn tolerance(&self, at: Micros, since: Option<Micros>) -> Micros {
        let part = since.map_or(0.0, |since| (at - since) as f64 * self.settings.tolerance_percent / 100.0);
        self.settings.tolerance.max(part as Micros)
    }

    /// Lets time pass until an event.
    fn wait(&mut self, line: usize, at: Micros) -> Result<(), Stop> {
        self.advance(at)?;
        let tolerance = self.tolerance(at, self.last.map(|(at, _)| at));
        if self.now > at + tolerance {
            return Err(Fault::new(line, format!("due at {} s, but it is {} s", s(at), s(self.now))).into());
        }
        Ok(())
    }

    /// Lets time pass, and whatever happens in it happen.
    pub fn advance(&mut self, to: Micros) -> Result<(), Stop> {
        self.flush()?;
        for _ in 0..MAX_TIMERS {
            match self.next_timer() {
                Some(at) if at <= to => self.fire(at)?,
                _ => {
                    self.now = self.now.max(to);
                    return Ok(());
                }
            }
        }
        Err(Fault::new(0, format!("timers go off for ever at {} s", s(self.now))).into())
    }

    /// When the next timer goes off, in whole microseconds after it is due.
    pub fn next_timer(&self) -> Option<Micros> {
        let due = self.subject.next_timeout()?.saturating_sub(EPOCH);
        let micros = due.as_nanos().div_ceil(1000);
        Some(Micros::try_from(micros).unwrap_or(FOREVER).max(self.now))
    }

    pub fn fire(&mut self, at: Micros) -> Result<(), Stop> {
        self.now = self.now.max(at);
        let clock = self.clock();
        self.subject.on_timeout(clock);
        self.flush()
    }

    /// Takes what is sent; a call that blocks may go on.
    pub fn flush(&mut self) -> Result<(), Stop> {
        loop {
            while let Some(segment) = self.subject.transmit() {
                self.sent.push_back((self.now, segment));
            }
            self.note_edges()?;
            if !self.go_on()? {
                return Ok(());
            }
        }
    }

    fn inbound(&mut self, line: usize, packet: &Packet) -> Result<(), Stop> {
        let new = match self.under_test {
            None => true,
            Some(at) => self.links[at].stage == Stage::Listening,
        };
        if new {
            let remote = SocketAddrV4::new(self.settings.remote, self.next_port());
            let local = SocketAddrV4::new(self.settings.local, self.settings.port);
            self.under_test = Some(self.links.len());
            self.links.push(Link::new(Stage::Arrived, local, remote));
        }
        // There is one: it was made if there was none.
        let link = &mut self.links[self.under_test.unwrap_or_default()];
        let segment = link.inbound(packet, &self.settings).map_err(|why| Fault::new(line, why))?;
        let clock = self.clock();
        let piece = self.settings.mss.filter(|mss| segment.data_len() > u32::from(*mss));
        self.subject.receive(clock, &segment, piece);
        self.flush()
    }

    /// The next segment of the connection under test, and when it left.
    fn sniff(&mut self, link: usize, limit: Micros) -> Result<Option<(Micros, Segment)>, Stop> {
        self.flush()?;
        for _ in 0..MAX_TIMERS {
            while let Some((at, segment)) = self.sent.pop_front() {
                if self.links[link].sent(&segment) {
                    return Ok(Some((at, segment)));
                }
            }
            match self.next_timer() {
                Some(at) if at <= limit => self.fire(at)?,
                _ => return Ok(None),
            }
        }
        Ok(None)
    }

    fn outbound(&mut self, line: usize, packet: &Packet, from: Micros, to: Micros) -> Result<(), Stop> {
        let Some(link) = self.under_test else {
            return Err(Fault::new(line, "no socket could send this packet").into());
        };
        self.links[link].expecting(packet);
        let limit = to.saturating_add(PATIENCE);
        let Some((at, segment)) = self.sniff(link, limit)? else {
            let why = format!("expected `{packet}` at {} s, but nothing was sent", s(from));
            return Err(Fault::new(line, why).into());
        };
        let mut actual = self.links[link].outbound(&segment);
        let mut pieces = 1;
        // What one send hands over at once, Linux lets a script see as one segment.
        while actual.len < packet.len && actual.len > 0 {
            let Some((_, next)) = self.sniff(link, limit)? else { break };
            let next = self.links[link].outbound(&next);
            if next.seq != actual.seq.wrapping_add(actual.len) || next.len == 0 {
                let why = format!("expected `{packet}`, but `{actual}` was sent and then `{next}`");
                return Err(Fault::new(line, why).into());
            }
            actual.len += next.len;
            actual.flags.fin |= next.flags.fin;
            actual.flags.psh |= next.flags.psh;
            pieces += 1;
        }
        // The script goes on when it has seen the packet.
        self.now = self.now.max(at);
        let difference = self.links[link].difference(packet, &mut actual, pieces, from, at, &self.settings);
        let shown = Packet {
            window: packet.window.and(actual.window),
            options: packet.options.and(actual.options),
            ..actual
        };
        if let Some(difference) = difference {
            let why = format!("{difference}: expected `{packet}`, but `{shown}` was sent at {} s", s(at));
            return Err(Fault::new(line, why).into());
        }
        let tolerance = self.tolerance(from, self.last.map(|(at, _)| at));
        if at < from - tolerance || at > to.saturating_add(tolerance) {
            let range = if from == to { s(from) } else { format!("{} to {}", s(from), s(to)) };
            let why = format!(
                "time: expected `{packet}` at {range} s (tolerance {} s), but it was sent at {} s",
                s(tolerance),
                s(at)
            );
            return Err(Fault::new(line, why).into());
        }
        Ok(())
    }

    /// Checks when a blocking call returned.
    pub fn check_end(&self, line: usize, from: Micros, until: Micros) -> Result<(), Stop> {
        let tolerance = self.tolerance(until, Some(from));
        if (self.now - until).abs() > tolerance {
            let why =
                format!("expected the call to return at {} s, but it did at {} s", s(until), s(self.now));
            return Err(Fault::new(line, why).into());
        }
        Ok(())
    }
}

/// Seconds, for messages.
fn s(micros: Micros) -> String {
    format!("{:.6}", micros as f64 / 1e6)
}
