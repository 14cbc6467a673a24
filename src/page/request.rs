//! What a page asks for, in the words that are typed.

use serde::{Deserialize, Serialize};

use crate::explore::view::ViewWords;
use crate::parameter::Given;
use crate::scenario::Settings;
use crate::trace::Recording;

/// A run, and the pieces of it that a block of a page shows.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The scenario's name.
    pub scenario: String,
    /// Parameters that differ from their defaults.
    #[serde(skip_serializing_if = "Given::is_empty")]
    pub set: Given,
    /// The seed.
    #[serde(skip_serializing_if = "is_zero")]
    pub seed: u64,
    /// A fault script, as on the command line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub faults: Option<String>,
    /// What of the run is shown.
    #[serde(skip_serializing_if = "is_whole")]
    pub view: ViewWords,
    /// The same again and again, with changed parameters: its chart is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sweep: Option<SweepWords>,
    /// The pieces wanted.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Part>,
    /// The numbers wanted, as they stand in running text.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub numbers: Vec<Number>,
    /// A goal to be judged ([`Goal`](crate::explore::goal::Goal)).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub goal: Option<String>,
    /// The prefix of the ids in the drawing; unique on its page.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub id: String,
    /// From the page to the root of the book: `../`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub up: String,
    /// The ledger's page, from the root of the book; claims link to it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ledger: Option<String>,
}

/// What is varied, and what of it is drawn.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct SweepWords {
    /// The varied parameters, each with its values: `1s,5s,10s..60s/6`.
    pub vary: Vec<(String, String)>,
    /// The measures drawn; none: all.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub measures: Vec<String>,
    /// How the chart is drawn: `lines` unless given, `heat`, `multiples`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<String>,
    /// How often each point is run; 0 is taken for 1.
    #[serde(skip_serializing_if = "is_one")]
    pub seeds: u32,
}

/// A number of a run as it stands in running text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Number {
    /// The measure.
    pub name: String,
    /// Digits behind the point, up to 9; all that there are unless given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub precision: Option<u8>,
    /// What is said if it did not happen.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub none: Option<String>,
}

/// A piece of a block: what takes the place of the content of an element with this `data-part`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// The space-time diagram, for a wide page.
    Figure,
    /// The same for a narrow one; of a sweep its chart.
    Narrow,
    /// The rows of the diagram as a list.
    Lines,
    /// What a person reads.
    Story,
    /// One line a segment.
    Packets,
    /// A table of what was measured.
    Measures,
    /// What was claimed, and whether it holds.
    Claims,
    /// The command that does it again.
    Command,
    /// The chart of a sweep, for a wide page.
    Chart,
}

impl Part {
    /// Its name in requests, in answers and in `data-part`.
    pub const fn name(self) -> &'static str {
        match self {
            Part::Figure => "figure",
            Part::Narrow => "narrow",
            Part::Lines => "lines",
            Part::Story => "story",
            Part::Packets => "packets",
            Part::Measures => "measures",
            Part::Claims => "claims",
            Part::Command => "command",
            Part::Chart => "chart",
        }
    }

    fn recording(self) -> Recording {
        match self {
            Part::Figure | Part::Narrow | Part::Lines | Part::Packets => Recording::Packets,
            Part::Story => Recording::Story,
            Part::Measures | Part::Claims | Part::Command | Part::Chart => Recording::Counters,
        }
    }
}

impl Request {
    /// How to run the scenario: nothing is kept of the run that no piece shows.
    pub fn settings(&self) -> Settings {
        let recording = self.parts.iter().map(|part| part.recording()).max();
        Settings {
            seed: self.seed,
            given: self.set.clone(),
            faults: self.faults.clone(),
            recording: recording.unwrap_or(Recording::Counters),
            ..Settings::default()
        }
    }
}

fn is_zero(seed: &u64) -> bool {
    *seed == 0
}

fn is_one(seeds: &u32) -> bool {
    *seeds <= 1
}

fn is_whole(view: &ViewWords) -> bool {
    *view == ViewWords::default()
}
