//! What a script sets before it runs: options in its head, settings of the kernel.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

pub use super::preamble::harmless;
use super::script::Micros;
use super::{Fault, Stop};

/// Options of a script and of the command line, with packetdrill's defaults.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// How much earlier or later than written something may happen.
    pub tolerance: Micros,
    /// The same, as a part of the time since the event before: Linux's timer wheel is that coarse.
    pub tolerance_percent: f64,
    /// Length of a tick of the outgoing timestamps, if their values are compared.
    pub timestamp_tick: Micros,
    /// An incoming timestamp echo that was never sent is computed instead of being a mistake.
    pub scaled_echoes: bool,
    /// The echo in an outgoing timestamp is compared, which packetdrill does not do.
    pub echoes_compared: bool,
    pub local: Ipv4Addr,
    pub remote: Ipv4Addr,
    /// The port that is bound or connected to.
    pub port: u16,
    pub mtu: u16,
    /// A longer packet that arrives counts as put together from segments of this size.
    pub mss: Option<u16>,
    /// Settings of the kernel by their name (`tcp_sack`), in the words of the script.
    pub sysctls: BTreeMap<String, String>,
    /// The sysctl tcp_notsent_lowat, which is the value of the socket option TCP_NOTSENT_LOWAT where it is not set
    pub notsent_lowat: Option<u32>,
    /// The queueing discipline paces what is sent.
    pub paced: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            tolerance: 4_000,
            tolerance_percent: 12.5,
            timestamp_tick: 0,
            scaled_echoes: false,
            echoes_compared: false,
            local: Ipv4Addr::new(192, 168, 0, 1),
            remote: Ipv4Addr::new(192, 0, 2, 1),
            port: 8080,
            mtu: 1500,
            mss: None,
            sysctls: BTreeMap::new(),
            notsent_lowat: None,
            paced: false,
        }
    }
}

impl Settings {
    /// Takes an option of a script, `--name=value`.
    ///
    /// # Errors
    /// The option is not known here, or has another kind of value.
    pub fn flag(&mut self, line: usize, name: &str, value: Option<&str>) -> Result<(), Stop> {
        let wrong = |what: &str| Stop::from(Fault::new(line, format!("--{name} needs {what}")));
        let text = value.unwrap_or_default();
        let number = || text.parse::<f64>().ok().filter(|n| *n >= 0.0).ok_or_else(|| wrong("a number"));
        let address = || text.parse::<Ipv4Addr>();
        match name {
            "tolerance_usecs" => self.tolerance = number()? as Micros,
            "tolerance_percent" => self.tolerance_percent = number()?.min(100.0),
            "tcp_ts_tick_usecs" => self.timestamp_tick = number()? as Micros,
            "tcp_ts_ecr_scaled" => self.scaled_echoes = true,
            "compare_echoes" => self.echoes_compared = true,
            "bind_port" | "connect_port" => self.port = number()? as u16,
            "mss" => self.mss = Some(number()? as u16).filter(|mss| *mss > 0),
            "mtu" => self.mtu = number()? as u16,
            // IPv6 addresses come with --ip_version.
            "local_ip" => self.local = address().unwrap_or(self.local),
            "remote_ip" if text.contains(':') => return Err(Stop::Skip("IPv6".to_string())),
            "remote_ip" => {
                let address = text.split('/').next().unwrap_or_default();
                self.remote = address.parse().map_err(|_| wrong("an IPv4 address"))?;
            }
            "ip_version" if text != "ipv4" => return Err(Stop::Skip("IPv6".to_string())),
            // Segments are compared as sent, and joined where the script has a longer one; a packet is handed over as
            // it is written, however long.
            "ip_version" | "strict_segments" | "netmask_ip" | "gateway_ip" | "speed" | "verbose" => {}
            "init_scripts" | "dry_run" | "debug" | "non_fatal" | "define" => {}
            "psp_udp_port" => return Err(Stop::Skip("PSP".to_string())),
            _ => return Err(Stop::Skip(format!("option --{name}"))),
        }
        Ok(())
    }
}
