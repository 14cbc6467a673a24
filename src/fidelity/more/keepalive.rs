//! Keepalive probes into a black hole, beside data and under a user timeout.

use std::time::Duration;

use tokio::io::AsyncWriteExt as _;

use super::super::bench::{A, Bench, Setting, View, listen_to};
use super::super::measured::{Measured, kind};
use super::{Replay, cases, number};
use crate::net::{Keepalive, SocketOptions};
use crate::parameter::{ms, secs};
use crate::sim::Sysctls;
use crate::sim::world::WorldError;

/// A connection whose path dies 0.2 s after the last echo.
struct Case {
    sysctls: Sysctls,
    /// Idle time, interval, count.
    keepalive: [u64; 3],
    user_timeout: Option<Duration>,
    /// When one byte is written, in seconds after the last echo.
    writes: Option<f64>,
}

/// Longer than any of these connections should live.
const UNTIL_S: f64 = 120.0;

impl Case {
    /// The run, seen from the last echo on.
    fn run(&self, seed: u64) -> Result<View, WorldError> {
        let [idle, interval, count] = self.keepalive;
        let options = SocketOptions {
            keepalive: Some(Keepalive {
                idle: secs(idle),
                interval: secs(interval),
                count: u32::try_from(count).unwrap_or_default(),
            }),
            user_timeout: self.user_timeout,
            ..SocketOptions::default()
        };
        let setting = Setting { settle: Duration::ZERO, sysctls: self.sysctls, seed, ..Setting::default() };
        let mut bench = Bench::set(setting);
        let (warm_up, writes) = (bench.warm_up, self.writes);
        bench.b_reads();
        bench.a.does(async move |net| {
            let mut stream = warm_up.connected(&net, &options).await?;
            if let Some(at) = writes {
                warm_up.until(&net, at).await;
                stream.write_u8(1).await?;
            }
            listen_to(&mut stream).await;
            Ok(())
        });
        let _for_good = bench.world.at(warm_up.t0 + ms(200)).partition(&bench.a, &bench.b);
        bench.run(UNTIL_S)
    }
}

/// What the client sent once the path was dead: the acknowledgement of the last echo went before that.
fn sent(view: &View) -> Vec<(f64, String)> {
    let mut packets = view.packets(A);
    packets.retain(|(at, _)| *at >= 0.2);
    packets
}

pub(super) fn and_data(run: Measured) -> Result<Replay, WorldError> {
    let what = "keepalive 7/3/4, tcp_retries2=5, the path dies 0.2 s after the last echo";
    cases(what, run.entries(), |(name, runs), linux, ours| {
        let mut case = Case {
            sysctls: Sysctls { retries2: 5, ..Sysctls::default() },
            keepalive: [7, 3, 4],
            user_timeout: None,
            writes: None,
        };
        let mut told = Vec::new();
        for word in name.split('_') {
            if let Some(at) = word.strip_prefix("write") {
                case.writes = Some(number(at));
                told.push(format!("a write {at} s after it"));
            } else if let Some(limit) = word.strip_prefix("ut") {
                case.user_timeout = Some(Duration::from_secs_f64(number(limit)));
                told.push(format!("TCP_USER_TIMEOUT {limit} s"));
            }
        }
        let told = if told.is_empty() { "idle".to_owned() } else { told.join(", ") };
        let there = runs.items().map(|run| run.get("e").failure()).collect();
        let mut views = Vec::new();
        for (seed, _) in (1..).zip(runs.items()) {
            views.push(case.run(seed)?);
        }
        let here = views.iter().map(|view| view.failure(A)).collect();
        let packets = runs.nth(0).get("pk").one_sided();
        let until = runs.nth(0).get("e").get("t").number() + 5.0;
        let (error, sends) = (format!("{told}: error"), format!("{told}: sent"));
        Ok((
            linux.outcomes(error.clone(), there).list(sends.clone(), packets, until),
            ours.outcomes(error, here).list(sends, sent(&views[0]), until),
        ))
    })
}

/// Runs `[name, error at, error, ["5.007A", ...]]`, gathered by their names.
fn by_name(run: Measured) -> Vec<(String, Vec<Measured>)> {
    let mut out: Vec<(String, Vec<Measured>)> = Vec::new();
    for one in run.items() {
        let name = one.nth(0).text();
        match out.iter_mut().find(|(n, _)| *n == name) {
            Some((_, runs)) => runs.push(one),
            None => out.push((name, vec![one])),
        }
    }
    out
}

/// Packets written as `5.007A`.
fn packets(list: Measured) -> Vec<(f64, String)> {
    let packet = |text: String| {
        let flags = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
        (number(&text[..text.len() - flags.len()]), kind(flags, false).to_owned())
    };
    list.items().map(|p| packet(p.text())).collect()
}

/// Compares the error of every run, and what is sent in the first.
fn compared(what: &str, run: Measured, case: impl Fn(&str) -> (String, Case)) -> Result<Replay, WorldError> {
    cases(what, by_name(run), |(name, runs), linux, ours| {
        let (told, case) = case(&name);
        let there = runs.iter().map(|run| Some((run.nth(1).number(), run.nth(2).text()))).collect();
        let mut views = Vec::new();
        for (seed, _) in (1..).zip(&runs) {
            views.push(case.run(seed)?);
        }
        let here = views.iter().map(|view| view.failure(A)).collect();
        let until = runs[0].nth(1).number() + 15.0;
        let (error, sends) = (format!("{told}: error"), format!("{told}: sent"));
        Ok((
            linux.outcomes(error.clone(), there).list(sends.clone(), packets(runs[0].nth(3)), until),
            ours.outcomes(error, here).list(sends, sent(&views[0]), until),
        ))
    })
}

pub(super) fn and_user_timeout(run: Measured) -> Result<Replay, WorldError> {
    compared("keepalive 5/2/3 into a black hole, TCP_USER_TIMEOUT", run, |limit| {
        let seconds = number(limit);
        let case = Case {
            sysctls: Sysctls::default(),
            keepalive: [5, 2, 3],
            user_timeout: (seconds > 0.0).then(|| Duration::from_secs_f64(seconds)),
            writes: None,
        };
        let told = if seconds > 0.0 { format!("{limit} s") } else { "none".to_owned() };
        (told, case)
    })
}

pub(super) fn slow(run: Measured) -> Result<Replay, WorldError> {
    compared("slow keepalives into a black hole", run, |name| {
        let mut numbers = name.split('/').map(|n| n.parse().unwrap_or_default());
        let keepalive = std::array::from_fn(|_| numbers.next().unwrap_or_default());
        let case = Case { sysctls: Sysctls::default(), keepalive, user_timeout: None, writes: None };
        (name.to_owned(), case)
    })
}
