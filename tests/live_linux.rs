//! Our TCP against the kernel of the machine that runs the tests: through a TUN device, in real time, in a network
//! namespace a test.
//!
//! Wants root and `/dev/net/tun`.

#![cfg(target_os = "linux")]

mod common;

mod live_linux {
    mod live;
    mod namespace;
    mod path;
    mod talk;

    mod challenges;
    mod closes;
    mod probes;
    mod streams;
}
