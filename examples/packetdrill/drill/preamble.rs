//! The shell commands of a script: settings of the kernel are taken, what changes nothing here is passed over.

use super::Stop;
use super::settings::Settings;

/// What the public suites' `defaults.sh` sets, as far as it matters to a TCP.
const DEFAULTS: &[(&str, &str)] = &[
    ("tcp_rmem", "4096 540000 15728640"),
    ("tcp_wmem", "4096 262144 4194304"),
    ("tcp_timestamps", "1"),
    ("tcp_syn_retries", "5"),
    ("tcp_synack_retries", "5"),
    ("tcp_frto", "2"),
    ("tcp_sack", "1"),
    ("tcp_dsack", "1"),
    ("tcp_reordering", "3"),
    ("tcp_congestion_control", "cubic"),
    ("tcp_slow_start_after_idle", "0"),
    ("tcp_early_retrans", "4"),
    ("tcp_recovery", "1"),
    ("tcp_ecn", "0"),
    ("tcp_syncookies", "1"),
];

/// Settings that change nothing which this TCP has, whatever their value.
const HARMLESS: &[&str] = &[
    "tcp_autocorking",
    "tcp_challenge_ack_limit",
    "tcp_ecn_option",
    "tcp_fack",
    "tcp_fastopen",
    "tcp_fastopen_blackhole_timeout_sec",
    "tcp_fastopen_cookies",
    "tcp_fastopen_key",
    "tcp_limit_output_bytes",
    "tcp_low_latency",
    "tcp_max_syn_backlog",
    "tcp_max_tw_buckets",
    "tcp_mem",
    "tcp_no_metrics_save",
    "tcp_pacing_ca_ratio",
    "tcp_pacing_ss_ratio",
    "tcp_syncookies",
    "tcp_tso_win_divisor",
    "tcp_tw_reuse",
];

/// Settings that change nothing at these values, which are Linux's defaults.
const HARMLESS_AT: &[(&str, &[&str])] = &[
    ("tcp_abort_on_overflow", &["0"]),
    ("tcp_adv_win_scale", &["1"]),
    ("tcp_app_win", &["31"]),
    ("tcp_dsack", &["1"]),
    ("tcp_ecn", &["0", "2"]),
    ("tcp_frto", &["1", "2"]),
    ("tcp_invalid_ratelimit", &["500"]),
    ("tcp_moderate_rcvbuf", &["1"]),
    ("tcp_mtu_probing", &["0"]),
    ("tcp_base_mss", &["1024"]),
    ("tcp_recovery", &["1"]),
    ("tcp_reordering", &["3"]),
    ("tcp_rfc1337", &["0"]),
    ("tcp_shrink_window", &["0"]),
    ("tcp_thin_linear_timeouts", &["0"]),
    ("tcp_window_scaling", &["1"]),
];

/// Whether a setting at this value changes nothing here.
pub fn harmless(name: &str, value: &str) -> bool {
    HARMLESS.contains(&name) || HARMLESS_AT.iter().any(|(n, values)| *n == name && values.contains(&value))
}

/// Takes the settings out of a script's shell commands.
///
/// # Errors
/// [`Stop::Skip`] with the command that would change what happens and cannot be run here.
pub fn read(commands: &str, settings: &mut Settings) -> Result<(), Stop> {
    let joined = commands
        .replace("\\\n", " ")
        .replace("2>&1", "")
        .replace("2>/dev/null", "")
        .replace("> /dev/null", "");
    for command in joined.split(['\n', ';', '&', '|']) {
        let words = words(command);
        let Some((program, arguments)) = words.split_first() else { continue };
        one(program, arguments, settings)?;
    }
    Ok(())
}

fn one(program: &str, arguments: &[String], settings: &mut Settings) -> Result<(), Stop> {
    let name = program.rsplit('/').next().unwrap_or(program);
    let joined = || format!("{name} {}", arguments.join(" "));
    match name {
        "defaults.sh" => {
            for (name, value) in DEFAULTS {
                settings.sysctls.insert((*name).to_string(), (*value).to_string());
            }
        }
        "sysctl" | "set_sysctls.py" => {
            for setting in arguments.iter().filter(|a| !a.starts_with('-')) {
                if let Some((name, value)) = setting.split_once('=') {
                    set(name, value, settings)?;
                }
            }
        }
        // echo 1 > /proc/sys/...
        "echo" => {
            if let [value @ .., to, file] = arguments
                && to == ">"
            {
                set(file, &value.join(" "), settings)?;
            }
        }
        _ if name.starts_with("sysctl_restore") => {}
        "nstat" if arguments == ["-n"] => {}
        "ethtool" | "true" | "sleep" | "sync" | "exit" => {}
        "ip" if joined().contains("tcp_metrics") => {}
        "tc" if joined().contains("pfifo") && !joined().contains("limit") => {}
        "tc" if joined().ends_with("root fq") => settings.paced = true,
        _ => return Err(Stop::Skip(format!("shell command: {}", joined().trim_end()))),
    }
    Ok(())
}

fn set(name: &str, value: &str, settings: &mut Settings) -> Result<(), Stop> {
    let name = name.trim().trim_start_matches("/proc/sys/").replace('/', ".");
    // The kernel's own commands write numbers in any base.
    let value = match value.strip_prefix("0x").map(|digits| u64::from_str_radix(digits, 16)) {
        Some(Ok(number)) => number.to_string(),
        _ => value.split_whitespace().collect::<Vec<_>>().join(" "),
    };
    match name.strip_prefix("net.ipv4.") {
        Some("tcp_notsent_lowat") => {
            // The greatest number stands for no limit.
            settings.notsent_lowat = value.parse().ok().filter(|limit| *limit < u32::MAX);
            Ok(())
        }
        Some(short) => {
            settings.sysctls.insert(short.to_string(), value);
            Ok(())
        }
        // Limits above which no script of a single connection gets.
        None if name.starts_with("net.core.") => Ok(()),
        None => Err(Stop::Skip(format!("sysctl {name}"))),
    }
}

/// Splits a command as a shell does: quotes keep words together, `$((1+2))` is computed, a comment ends it.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote: Option<char> = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(q), _) if c == q => quote = None,
            (None, '"' | '\'') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, '#') if word.is_none() => break,
            (None, _) if c.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words.into_iter().map(|w| product(&w)).collect()
}

/// `$((15*1024))` within a word, multiplied out.
fn product(word: &str) -> String {
    let mut out = String::new();
    let mut rest = word;
    while let Some((before, after)) = rest.split_once("$((")
        && let Some((inside, behind)) = after.split_once("))")
    {
        let factors: Option<Vec<u64>> = inside.split('*').map(|f| f.trim().parse().ok()).collect();
        let value = factors.and_then(|f| f.into_iter().try_fold(1u64, u64::checked_mul));
        out.push_str(before);
        out.push_str(&value.map_or_else(|| inside.to_string(), |v| v.to_string()));
        rest = behind;
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sysctls(commands: &str) -> Vec<(String, String)> {
        let mut settings = Settings::default();
        read(commands, &mut settings).unwrap();
        settings.sysctls.into_iter().collect()
    }

    #[test]
    fn settings_are_read_in_all_their_spellings() {
        let expected = [("tcp_sack".to_string(), "0".to_string())];
        assert_eq!(sysctls("sysctl -q net.ipv4.tcp_sack=0"), expected);
        assert_eq!(sysctls("../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0"), expected);
        assert_eq!(sysctls("echo 0 > /proc/sys/net/ipv4/tcp_sack"), expected);
        assert_eq!(sysctls("sysctl -w net/ipv4/tcp_sack=0"), expected);
    }

    #[test]
    fn a_quoted_value_stays_one_and_products_are_computed() {
        let set = sysctls(r#"sysctl -q net.ipv4.tcp_wmem="4096 $((2*1024)) 4194304""#);
        assert_eq!(set, [("tcp_wmem".to_string(), "4096 2048 4194304".to_string())]);
    }

    #[test]
    fn a_command_that_cannot_be_run_here_is_named() {
        let stop = read("tc qdisc add dev tun0 root netem delay 1ms", &mut Settings::default());
        assert_eq!(
            stop,
            Err(Stop::Skip("shell command: tc qdisc add dev tun0 root netem delay 1ms".to_string()))
        );
    }
}
