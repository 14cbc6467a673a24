//! Closing: what every call comes to, and how long a socket lives that nobody holds any more.

use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::sync::Notify;

use super::super::bench::{A, B, Bench, Setting, View, WarmUp, listen_to, noted};
use super::super::close::watch;
use super::super::measured::Measured;
use super::{Observed, Replay, cases};
use crate::net::{ListenOptions, SocketOptions, Stream as _};
use crate::note;
use crate::parameter::{ms, secs};
use crate::sim::world::WorldError;
use crate::sim::{SimNet, SimStream};

/// A read whose outcome counts.
async fn reads(stream: &mut SimStream) {
    noted(&stream.read(&mut [0; 64]).await);
}

/// A write whose outcome counts.
async fn writes(stream: &mut SimStream) {
    noted(&stream.write(b"x").await);
}

/// What the calls came to on Linux.
fn steps(list: Measured) -> String {
    list.items().map(|step| step.nth(1).text()).collect::<Vec<_>>().join(", ")
}

pub(super) fn closes(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 5.0;
    let what = "eight ways to close: what the calls come to, and what is sent";
    cases(what, run.entries(), |(case, run), linux, ours| {
        let what = match case {
            "after_fin" => "the peer closes; write, write, read, write",
            "after_fin_read" => "the peer closes; write, read, read",
            "unread" => "the peer closes with data unread; read, write, read",
            "data_then_fin" => "the peer writes and closes; write, read, read",
            "data_then_rst" => "the peer writes and resets; read, read",
            "inflight_fin" => "the peer closes while data are under way to it; read, write, read",
            "half" => "half-close; the peer reads, writes and closes; read, write, read",
            "shut_rd" => "the peer writes; read, write; the peer reads",
            other => panic!("the bench knows no way `{other}` to close"),
        };
        let view = close_by(case)?;
        let named = |observed: Observed, calls, a, b| {
            observed.said(format!("{what}: calls"), calls).list(format!("{what}: sent"), a, UNTIL_S).list(
                format!("{what}: the peer sent"),
                b,
                UNTIL_S,
            )
        };
        let pk = run.get("pk");
        Ok((
            named(linux, steps(run.get("steps")), pk.packets("a"), pk.packets("b")),
            named(ours, view.all_outcomes().join(", "), view.packets(A), view.packets(B)),
        ))
    })
}

/// One of the eight ways.
fn close_by(case: &'static str) -> Result<View, WorldError> {
    let bench = Bench::set(Setting { exchanges: 1, ..Setting::default() });
    let warm_up = bench.warm_up;
    let said = Arc::new(Said::default());
    let said_too = said.clone();
    bench.a.does(async move |net| {
        let stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        client(case, warm_up, &net, stream, &said).await
    });
    bench.b.does(async move |net| {
        let (_listener, stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        warm_up.until(&net, 0.0).await;
        server(case, warm_up, &net, stream, &said_too).await
    });
    bench.run(5.0)
}

/// What the two ends tell each other, where one has to wait for what the other has done.
#[derive(Default)]
struct Said {
    written: Notify,
    read: Notify,
}

async fn client(
    case: &str,
    warm_up: WarmUp,
    net: &SimNet,
    mut stream: SimStream,
    said: &Said,
) -> io::Result<()> {
    match case {
        "after_fin" => {
            for (at, read) in [(0.2, false), (0.4, false), (0.6, true), (0.6, false)] {
                warm_up.until(net, at).await;
                if read { reads(&mut stream).await } else { writes(&mut stream).await }
            }
        }
        "after_fin_read" => {
            warm_up.until(net, 0.216).await;
            writes(&mut stream).await;
            warm_up.until(net, 0.42).await;
            reads(&mut stream).await;
            reads(&mut stream).await;
        }
        "unread" => {
            stream.write_all(&[1; 2]).await?;
            warm_up.until(net, 0.3).await;
            reads(&mut stream).await;
            writes(&mut stream).await;
            reads(&mut stream).await;
        }
        "data_then_fin" => {
            warm_up.until(net, 0.2).await;
            writes(&mut stream).await;
            warm_up.until(net, 0.4).await;
            reads(&mut stream).await;
            reads(&mut stream).await;
        }
        "data_then_rst" => {
            warm_up.until(net, 0.4).await;
            reads(&mut stream).await;
            reads(&mut stream).await;
        }
        "inflight_fin" => {
            stream.write_all(&[1; 2]).await?;
            warm_up.until(net, 0.2).await;
            reads(&mut stream).await;
            writes(&mut stream).await;
            reads(&mut stream).await;
        }
        "half" => {
            stream.shutdown().await?;
            said.written.notified().await;
            reads(&mut stream).await;
            said.read.notify_one();
            writes(&mut stream).await;
            reads(&mut stream).await;
        }
        // On Linux after `shutdown(SHUT_RD)`, which changes nothing that is seen here.
        _ => {
            warm_up.until(net, 0.2).await;
            reads(&mut stream).await;
            writes(&mut stream).await;
        }
    }
    // Beyond the end of the observation.
    warm_up.until(net, 10.0).await;
    Ok(())
}

async fn server(
    case: &str,
    warm_up: WarmUp,
    net: &SimNet,
    mut stream: SimStream,
    said: &Said,
) -> io::Result<()> {
    match case {
        "unread" => warm_up.until(net, 0.1).await,
        "data_then_fin" => stream.write_all(&[1; 3]).await?,
        "data_then_rst" => {
            stream.write_all(&[1; 3]).await?;
            warm_up.until(net, 0.2).await;
            stream.set_options(&SocketOptions { linger: Some(ms(0)), ..SocketOptions::default() })?;
        }
        "half" => {
            reads(&mut stream).await;
            stream.write_all(&[1; 5]).await?;
            said.written.notify_one();
            said.read.notified().await;
        }
        "shut_rd" => {
            stream.write_all(&[1; 3]).await?;
            reads(&mut stream).await;
            warm_up.until(net, 10.0).await;
        }
        _ => {}
    }
    Ok(())
}

pub(super) fn killed(run: Measured) -> Result<Replay, WorldError> {
    cases(
        "the peer's process is killed; write, write, read, read",
        run.entries(),
        |(case, run), linux, ours| {
            let unread = case == "unread";
            let mut bench = Bench::set(Setting { exchanges: 1, ..Setting::default() });
            let warm_up = bench.warm_up;
            bench.b.does(async move |net| {
                let _held = warm_up.accepted(&net, &ListenOptions::default()).await?;
                std::future::pending().await
            });
            bench.a.does(async move |net| {
                let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
                if unread {
                    stream.write_all(b"unread").await?;
                }
                warm_up.until(&net, 0.4).await;
                writes(&mut stream).await;
                warm_up.until(&net, 0.6).await;
                writes(&mut stream).await;
                reads(&mut stream).await;
                reads(&mut stream).await;
                std::future::pending().await
            });
            let _for_good = bench.world.at(warm_up.t0 + ms(200)).crash(&bench.b);
            let view = bench.run(5.0)?;
            let name = if unread { "with data unread" } else { "idle" };
            Ok((linux.said(name, steps(run)), ours.said(name, view.outcomes(A).join(", "))))
        },
    )
}

pub(super) fn orphan(run: Measured) -> Result<Replay, WorldError> {
    const UNTIL_S: f64 = 200.0;
    let what = "the client closes, or shuts its side, and the path dies with that";
    cases(what, run.entries(), |(case, run), linux, ours| {
        let view = close_into_a_hole(case, UNTIL_S)?;
        let looked = view.trace.first("looked").on(A).with("states", "").after(view.t0);
        let gone = looked.seconds_since(view.t0);
        let (there, here) = (run.get("tx").one_sided(), view.packets(A));
        Ok(match case {
            "halfclose_5s" => {
                let name = |what| format!("shut, outage of 5 s: {what}");
                (
                    linux
                        .runs(name("end of stream after it"), vec![run.get("eof_after").number()])
                        .said(name("bytes read then"), run.get("got").text())
                        .list(name("sent"), there, UNTIL_S),
                    ours.runs(name("end of stream after it"), vec![view.noted(B, "end of stream") - 5.0])
                        .said(name("bytes read then"), view.outcomes(A).join(", "))
                        .list(name("sent"), here, UNTIL_S),
                )
            }
            // Watched for 150 s.
            "halfclose_then_hole" => {
                let name = "shut: sent";
                (linux.list(name, there, 150.0), ours.list(name, here, 150.0))
            }
            _ => {
                let idle = case == "close_idle";
                let name = |what| {
                    format!("closed{}: {what}", if idle { "" } else { " with one byte unacknowledged" })
                };
                let states: Vec<Measured> = run.get("states").items().collect();
                let end = states.last().map(|state| state.nth(0).number());
                (
                    linux.at(name("gone"), end).list(name("sent"), there, UNTIL_S),
                    ours.at(name("gone"), gone).list(name("sent"), here, UNTIL_S),
                )
            }
        })
    })
}

fn close_into_a_hole(case: &'static str, until: f64) -> Result<View, WorldError> {
    let mut bench = Bench::set(Setting::default());
    let warm_up = bench.warm_up;
    let has_read = Arc::new(Notify::new());
    let read = has_read.clone();
    bench.a.does(async move |net| {
        let mut stream = warm_up.connected(&net, &SocketOptions::default()).await?;
        match case {
            "close_idle" => {}
            "close_unacked" => stream.write_all(&[1]).await?,
            _ => {
                stream.shutdown().await?;
                reads(&mut stream).await;
                has_read.notify_one();
                listen_to(&mut stream).await;
            }
        }
        Ok(())
    });
    bench.a.does(async move |net| watch(warm_up, &net).await);
    bench.b.does(async move |net| {
        let (_listener, mut stream) = warm_up.accepted(&net, &ListenOptions::default()).await?;
        if stream.read(&mut [0]).await? > 0 {
            std::future::pending::<()>().await;
        }
        note!("end of stream");
        stream.write_all(&[1; 10]).await?;
        read.notified().await;
        Ok(())
    });
    let hole = bench.world.at(warm_up.t0).partition(&bench.a, &bench.b);
    if case == "halfclose_5s" {
        hole.lasting(secs(5));
    }
    bench.run(until)
}
