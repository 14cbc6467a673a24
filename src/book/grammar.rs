//! Which directives there are, and what each may carry.

use super::directive::Directive;
use crate::explore::view::ViewWords;
use crate::page::{Number, Request};
use crate::parameter::suggestion;

/// What a directive stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// What a person reads of a run.
    Story,
    /// A space-time diagram.
    Figure,
    /// One line a segment.
    Packets,
    /// A table of what was measured.
    Measures,
    /// What was claimed, and whether it holds.
    Claims,
    /// A chart of measures over parameters.
    Sweep,
    /// One number in running text.
    Measure,
    /// The command that does a run, in running text.
    Command,
    /// A table of a scenario's parameters.
    Parameters,
    /// A parameter's default in running text.
    Parameter,
    /// What the columns of a story or of packets mean.
    Legend,
    /// A table of all scenarios.
    List,
    /// A table of the ledger.
    Ledger,
    /// How the simulated kernel compares with Linux, measurement by measurement.
    Fidelity,
    /// A chart of how the values of one name are spread.
    Distribution,
    /// A guess asked of the reader, about a measure.
    Predict,
    /// A goal for the reader to meet.
    Challenge,
    /// How many guesses and challenges there are, and how far the reader has come.
    Progress,
    /// A word of the glossary in running text.
    Term,
    /// A sentence of the notes, with its translation.
    Note,
}

/// What a directive of a kind looks like.
#[derive(Debug)]
struct Shape {
    name: &'static str,
    kind: Kind,
    /// The plain words it wants, all of them.
    words: &'static [&'static str],
    /// Whether it runs a scenario, so that `key=value` and [`OF_A_RUN`] may follow.
    runs: bool,
    /// Whether it shows a part of the run, so that [`OF_A_VIEW`] may follow.
    views: bool,
    /// Its own options.
    options: &'static [&'static str],
    /// Whether it makes paragraphs of its own and therefore stands alone on its line.
    block: bool,
}

/// Options of every directive that runs a scenario.
pub const OF_A_RUN: [&str; 2] = ["seed", "faults"];

const fn shape(name: &'static str, kind: Kind, words: &'static [&'static str]) -> Shape {
    Shape { name, kind, words, runs: true, views: false, options: &[], block: true }
}

/// Options of what is shown of a run.
const OF_A_VIEW: [&str; 6] = ["from", "until", "hosts", "layers", "packets", "fold"];

const SHAPES: [Shape; 20] = [
    Shape { views: true, options: &OF_A_BLOCK, ..shape("story", Kind::Story, &["SCENARIO"]) },
    Shape { views: true, options: &OF_A_BLOCK, ..shape("figure", Kind::Figure, &["SCENARIO"]) },
    Shape { views: true, options: &OF_A_BLOCK, ..shape("packets", Kind::Packets, &["SCENARIO"]) },
    Shape {
        options: &["look", "title", "claims", "controls"],
        ..shape("distribution", Kind::Distribution, &["SCENARIO", "NAME"])
    },
    Shape { options: &OF_A_BLOCK, ..shape("measures", Kind::Measures, &["SCENARIO"]) },
    Shape { options: &OF_A_BLOCK, ..shape("claims", Kind::Claims, &["SCENARIO"]) },
    Shape {
        options: &["measure", "seeds", "form", "title", "claims", "controls"],
        ..shape("sweep", Kind::Sweep, &["SCENARIO"])
    },
    Shape {
        options: &["precision", "none"],
        block: false,
        ..shape("measure", Kind::Measure, &["SCENARIO", "NAME"])
    },
    Shape { block: false, ..shape("command", Kind::Command, &["SCENARIO"]) },
    Shape { runs: false, ..shape("parameters", Kind::Parameters, &["SCENARIO"]) },
    Shape { runs: false, block: false, ..shape("parameter", Kind::Parameter, &["SCENARIO", "NAME"]) },
    Shape { runs: false, ..shape("legend", Kind::Legend, &["FORM"]) },
    Shape { runs: false, ..shape("list", Kind::List, &[]) },
    Shape { runs: false, ..shape("ledger", Kind::Ledger, &[]) },
    Shape { runs: false, ..shape("fidelity", Kind::Fidelity, &[]) },
    Shape {
        options: &["ask", "choices", "range", "unit", "precision", "none"],
        ..shape("predict", Kind::Predict, &["SCENARIO", "NAME"])
    },
    Shape {
        options: &["title", "text", "goal", "change", "solution", "luck"],
        ..shape("challenge", Kind::Challenge, &["SCENARIO"])
    },
    Shape { runs: false, ..shape("progress", Kind::Progress, &[]) },
    Shape { runs: false, block: false, ..shape("term", Kind::Term, &["TERM.."]) },
    Shape { runs: false, options: &["zh", "en"], ..shape("note", Kind::Note, &["NAME.."]) },
];

/// Options of what has a caption, claims and controls.
const OF_A_BLOCK: [&str; 3] = ["title", "claims", "controls"];

/// A directive that carries what its kind may carry.
#[derive(Debug)]
pub struct Checked<'a> {
    /// What it stands for.
    pub kind: Kind,
    /// Whether it makes paragraphs of its own.
    pub block: bool,
    /// Whether it runs a scenario.
    pub runs: bool,
    directive: &'a Directive,
}

/// Checks a directive against its kind; an error is a line that says what is valid.
pub fn check(directive: &Directive) -> Result<Checked<'_>, String> {
    let name = &directive.name;
    let Some(shape) = SHAPES.iter().find(|shape| shape.name == name) else {
        let valid: Vec<String> = SHAPES.iter().map(|shape| shape.name.to_owned()).collect();
        return Err(format!(
            "no directive `{name}`{}; valid: {} (to show a directive as it is, write `\\{{{{#{name}`)",
            suggestion(name, &valid),
            valid.join(", ")
        ));
    };
    let wrong = |what: String| Err(format!("{what}; write {}", shape.usage()));
    // A name of several words counts as one.
    let open = shape.words.last().is_some_and(|word| word.ends_with("..")) && !directive.words.is_empty();
    if directive.words.len() != shape.words.len() && !open {
        let (given, wanted) = (directive.words.len(), shape.words.len());
        return wrong(format!("`{name}` takes {wanted} word{}, not {given}", plural(wanted)));
    }
    if let (false, Some((key, _))) = (shape.runs, directive.parameters.first()) {
        return wrong(format!("`{name}` runs nothing and takes no parameter `{key}`"));
    }
    let valid = |key: &str| {
        shape.options.contains(&key)
            || (shape.views && OF_A_VIEW.contains(&key))
            || (shape.runs && OF_A_RUN.contains(&key))
    };
    if let Some((key, _)) = directive.options.iter().find(|(key, _)| !valid(key)) {
        return wrong(format!("`{name}` has no option `--{key}`"));
    }
    let checked = Checked { kind: shape.kind, block: shape.block, runs: shape.runs, directive };
    checked.number("seed")?;
    Ok(checked)
}

fn plural(n: usize) -> &'static str {
    if n == 1 { "" } else { "s" }
}

impl Shape {
    /// `{{#story SCENARIO [KEY=VALUE].. [--from=..]}}`
    fn usage(&self) -> String {
        let mut out = format!("`{{{{#{}", self.name);
        out.extend(self.words.iter().map(|word| format!(" {word}")));
        if self.runs {
            out += " [KEY=VALUE]..";
        }
        let of_a_view = OF_A_VIEW.iter().filter(|_| self.views);
        let of_a_run = OF_A_RUN.iter().filter(|_| self.runs);
        out.extend(of_a_view.chain(self.options).chain(of_a_run).map(|option| format!(" [--{option}=..]")));
        out + "}}`"
    }
}

impl Kind {
    /// Its name among directives.
    pub fn name(self) -> &'static str {
        SHAPES.iter().find(|shape| shape.kind == self).map_or("", |shape| shape.name)
    }
}

impl Checked<'_> {
    /// The n-th plain word; the shape says how many there are.
    pub fn word(&self, n: usize) -> &str {
        self.directive.words.get(n).map_or("", String::as_str)
    }

    /// The run that is asked for; of what is shown of it, nothing yet.
    pub fn request(&self) -> Request {
        Request {
            scenario: self.word(0).to_owned(),
            set: self.directive.parameters.iter().cloned().collect(),
            seed: self.number("seed").ok().flatten().unwrap_or(0),
            faults: self.option("faults").map(str::to_owned),
            ..Request::default()
        }
    }

    /// All plain words: a name that may have several.
    pub fn phrase(&self) -> String {
        self.directive.words.join(" ")
    }

    /// What of the run is shown.
    pub fn view(&self) -> Result<ViewWords, String> {
        let text = |key| self.option(key).map(str::to_owned);
        let list = |key| self.list(key).unwrap_or_default().into_iter().map(str::to_owned).collect();
        Ok(ViewWords {
            from: text("from"),
            until: text("until"),
            hosts: list("hosts"),
            layers: list("layers"),
            packets: self.flag("packets")?.filter(|drawn| !drawn),
            fold: self.flag("fold")?.filter(|folded| !folded),
            distribution: (self.kind == Kind::Distribution).then(|| self.word(1).to_owned()),
            look: text("look"),
        })
    }

    /// The number that is wanted: the measure of the second word, as it is to be written.
    pub fn wanted(&self) -> Result<Number, String> {
        let digits = |digits| {
            u8::try_from(digits).map_err(|_| format!("--precision={digits}: not valid; valid: 0 to 9"))
        };
        Ok(Number {
            name: self.word(1).to_owned(),
            precision: self.number("precision")?.map(digits).transpose()?,
            none: self.option("none").map(str::to_owned),
        })
    }

    /// The value of an option that there must be.
    pub fn required(&self, key: &str) -> Result<&str, String> {
        self.option(key).ok_or_else(|| format!("`{}` wants `--{key}=..`", self.directive.name))
    }

    /// The value of an option.
    pub fn option(&self, key: &str) -> Option<&str> {
        self.directive.options.iter().find(|(k, _)| k == key).map(|(_, value)| value.as_str())
    }

    /// The parameters given, in order.
    pub fn parameters(&self) -> &[(String, String)] {
        &self.directive.parameters
    }

    /// The value of an option that is a whole number.
    pub fn number(&self, key: &str) -> Result<Option<u64>, String> {
        self.read(key, "a whole number like 3", |text| text.parse().ok())
    }

    /// The value of an option that is `yes` or `no`.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, String> {
        self.read(key, "yes or no", |text| match text {
            "yes" => Some(true),
            "no" => Some(false),
            _ => None,
        })
    }

    /// The value of an option that is a list of words.
    pub fn list(&self, key: &str) -> Option<Vec<&str>> {
        self.option(key).map(|text| text.split(',').map(str::trim).collect())
    }

    fn read<T>(
        &self,
        key: &str,
        valid: &str,
        parse: impl Fn(&str) -> Option<T>,
    ) -> Result<Option<T>, String> {
        let Some(text) = self.option(key) else {
            return Ok(None);
        };
        parse(text).map(Some).ok_or_else(|| format!("--{key}={text}: not valid; valid: {valid}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::directive::{Piece, pieces};

    fn error(text: &str) -> String {
        let pieces = pieces(text);
        let [Piece::Directive(directive)] = pieces.as_slice() else { panic!("{pieces:?}") };
        check(directive).unwrap_err()
    }

    #[test]
    fn a_wrong_directive_is_answered_with_what_is_valid() {
        let unknown = error("{{#stoory a/b}}");
        assert!(unknown.starts_with("no directive `stoory`; did you mean `story`?; valid: story, figure,"));
        assert!(unknown.ends_with("write `\\{{#stoory`)"), "{unknown}");
        assert_eq!(
            error("{{#measure a/b}}"),
            "`measure` takes 2 words, not 1; write `{{#measure SCENARIO NAME [KEY=VALUE].. [--precision=..] \
             [--none=..] [--seed=..] [--faults=..]}}`"
        );
        assert_eq!(
            error("{{#list x=1}}"),
            "`list` runs nothing and takes no parameter `x`; write `{{#list}}`"
        );
        assert!(error("{{#claims a --from=1s}}").starts_with("`claims` has no option `--from`; write"));
        assert_eq!(error("{{#story a --seed=x}}"), "--seed=x: not valid; valid: a whole number like 3");
    }
}
