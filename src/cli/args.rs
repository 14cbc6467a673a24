//! What may stand on the command line.

use std::num::NonZeroU32;
use std::path::PathBuf;

use crate::explore::sweep::Form;
use crate::parameter::Choice as _;
use crate::sim::Engine;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use clap::{Args, Parser, Subcommand, ValueEnum};

/// An executable book about real-time web connections.
///
/// Without a command: builds the book, serves it on this machine, and prints the address.
#[derive(Debug, Parser)]
#[command(name = "halfopen", version, args_conflicts_with_subcommands = true)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Serve the book on this port [default: 3000, or the next free one].
    #[arg(long)]
    pub port: Option<u16>,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// List the scenarios, their questions and parameters.
    List {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
    },
    /// Run a scenario.
    Run(Run),
    /// Run a scenario with changed parameters, all combinations of them, and tell how the measures move.
    #[command(after_long_help = SWEEP_EXAMPLES)]
    Sweep(Sweep),
    /// Print the ledger: every row, the scenario that shows it, whether it holds, a count.
    Claims {
        #[arg(long, value_enum, default_value = "text")]
        format: Format,
        #[command(flatten)]
        engine: EngineArg,
    },
    /// Run a mechanism's server on the real network.
    #[cfg(feature = "os")]
    Live {
        /// The mechanism.
        mechanism: String,
        /// Where to listen.
        #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:8080")]
        addr: std::net::SocketAddr,
    },
    /// Build or serve the book.
    #[cfg(feature = "book")]
    #[command(subcommand, arg_required_else_help = false)]
    Book(Book),
}

#[derive(Debug, Args)]
pub struct Run {
    /// The scenario, as `halfopen list` names it.
    pub scenario: String,
    /// Set a parameter.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// The seed of everything random.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// A fault script in place of the scenario's own, like 'at 1m stall server for 30s'; '+ at 1m ...' adds to them.
    #[arg(long, value_name = "SCRIPT")]
    pub faults: Option<String>,
    /// Show every packet.
    #[arg(long)]
    pub packets: bool,
    #[command(flatten)]
    pub view: ViewArgs,
    /// Show all parameters, with all settings of the machines' kernels.
    #[arg(long)]
    pub parameters: bool,
    #[arg(long, value_enum, default_value = "text")]
    pub format: RunFormat,
    /// Write the packets to a file that Wireshark opens.
    #[arg(long, value_name = "FILE")]
    pub pcap: Option<PathBuf>,
    #[command(flatten)]
    pub engine: EngineArg,
}

/// What of the run is shown, in the words of [`ViewWords`](crate::explore::view::ViewWords).
#[derive(Debug, Args)]
pub struct ViewArgs {
    /// Show story, packets and figure from this moment on, like 59.5s.
    #[arg(long, value_name = "TIME")]
    pub from: Option<String>,
    /// Show them up to this moment.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// Show these machines only.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub hosts: Vec<String>,
    /// Show the events of these layers only: fault, link, tcp, udp, http, ws, app.
    #[arg(long, value_name = "NAME,..", value_delimiter = ',')]
    pub layers: Vec<String>,
    /// Draw no packets.
    #[arg(long)]
    pub no_arrows: bool,
    /// Draw how the values of this name are spread, like connect_s, instead of what happened.
    #[arg(long, value_name = "NAME")]
    pub distribution: Option<String>,
    /// How to draw them: steps, bars, dots.
    #[arg(long, value_name = "LOOK", requires = "distribution")]
    pub look: Option<String>,
    /// Tell the story whole: fold no routines.
    #[arg(long)]
    pub whole: bool,
}

const SWEEP_EXAMPLES: &str = "\
Values:
  outage=1s,5s,30s                 these
  outage=1s..120s/120              120 values, evenly spaced, the first 1s and the last 120s
  outage=0s,1s,10s..60s/6          both
  kernel.timers=linux,rfc6298      words

A chart (--format svg) has the first varied parameter along it, a panel for each measure, and a line for each value of
the other parameters:
  halfopen sweep tcp/outage-tail --vary outage=1s..120s/120 --vary kernel.timers=linux,rfc6298 --measure stall_s --format svg";

#[derive(Debug, Args)]
pub struct Sweep {
    /// The scenario, as `halfopen list` names it.
    pub scenario: String,
    /// Vary a parameter: values and ranges FROM..TO/COUNT, separated by commas.
    #[arg(long = "vary", value_name = "KEY=VALUES", value_parser = varied, required = true)]
    pub vary: Vec<(String, String)>,
    /// Set a parameter for all runs.
    #[arg(long = "set", value_name = "KEY=VALUE", value_parser = key_value)]
    pub set: Vec<(String, String)>,
    /// The measures wanted, in this order [default: all].
    #[arg(long = "measure", value_name = "NAME,..", value_delimiter = ',')]
    pub measures: Vec<String>,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
    /// Run each point so often, each time with the next seed: smallest, median and largest are told.
    #[arg(long, value_name = "N", default_value = "1")]
    pub seeds: NonZeroU32,
    /// A fault script in place of the scenario's own, like 'at 1m stall server for 30s'; '+ at 1m ...' adds to them.
    #[arg(long, value_name = "SCRIPT")]
    pub faults: Option<String>,
    #[arg(long, value_enum, default_value = "table")]
    pub format: SweepFormat,
    /// How a chart is drawn: lines; a heat map of the first measure over two parameters; or a small chart for each line.
    #[arg(long, value_parser = forms(), default_value = Form::default().word())]
    pub form: Form,
    #[command(flatten)]
    pub engine: EngineArg,
}

#[derive(Debug, Args)]
pub struct EngineArg {
    /// What drives the simulated machines: from event to event, or turmoil, the reference.
    #[arg(long = "engine", value_parser = engines(), default_value = Engine::default().word())]
    pub engine: Engine,
    /// What a run may use before it is ended: events, packets, bytes, buffers, real_time.
    #[arg(long = "limit", value_name = "KEY=VALUE", value_parser = limit)]
    pub limits: Vec<(String, String)>,
}

/// The engines that are built in, by their words.
fn engines() -> impl TypedValueParser<Value = Engine> {
    let words = Engine::WORDS.iter().map(|(word, _)| *word);
    PossibleValuesParser::new(words).map(|chosen| {
        let engine = Engine::WORDS.iter().find(|(word, _)| *word == chosen);
        // Only these words pass.
        engine.map(|(_, engine)| *engine).unwrap_or_default()
    })
}

/// How charts are drawn, by their words.
fn forms() -> impl TypedValueParser<Value = Form> {
    let words = Form::WORDS.iter().map(|(word, _)| *word);
    PossibleValuesParser::new(words).map(|chosen| {
        let form = Form::WORDS.iter().find(|(word, _)| *word == chosen);
        // Only these words pass.
        form.map(|(_, form)| *form).unwrap_or_default()
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a person.
    Text,
    /// For a program.
    Json,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum RunFormat {
    /// For a person.
    Text,
    /// For a program.
    Json,
    /// A space-time diagram.
    Svg,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SweepFormat {
    /// For a person.
    Table,
    /// For a spreadsheet.
    Csv,
    /// For a program.
    Json,
    /// A chart.
    Svg,
}

#[cfg(feature = "book")]
#[derive(Debug, Subcommand)]
pub enum Book {
    /// Build the book.
    Build {
        /// Where to; a book that is there already is replaced.
        #[arg(long, value_name = "DIR", default_value = "book")]
        dest: PathBuf,
    },
    /// Build the book, serve it on this machine, and build it anew whenever a chapter changes.
    Serve {
        /// The port [default: 3000, or the next free one].
        #[arg(long)]
        port: Option<u16>,
    },
    /// What `mdbook` calls to have the directives replaced.
    #[command(hide = true, arg_required_else_help = false)]
    Preprocess {
        #[command(subcommand)]
        question: Option<Preprocess>,
    },
}

#[cfg(feature = "book")]
#[derive(Debug, Subcommand)]
pub enum Preprocess {
    /// Exit status 0 if the renderer can show the figures.
    Supports { renderer: String },
}

fn key_value(text: &str) -> Result<(String, String), String> {
    pair(text, "not KEY=VALUE, like stall=30s")
}

fn limit(text: &str) -> Result<(String, String), String> {
    pair(text, "not KEY=VALUE, like events=5000000")
}

fn varied(text: &str) -> Result<(String, String), String> {
    pair(text, "not KEY=VALUES, like stall=1s,5s,10s..60s/6")
}

fn pair(text: &str, otherwise: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or(otherwise)?;
    Ok((key.trim().to_owned(), value.to_owned()))
}
