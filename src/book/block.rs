//! A block of a chapter: a figure, a story, a table or a chart, with what stands under it, and the request that the page
//! makes to draw it again.

use super::chapter::Chapter;
use super::grammar::{Checked, Kind, OF_A_RUN};
use super::later::Later;
use crate::explore::run;
use crate::explore::sweep::{self, Form};
use crate::page::html::{attribute, escape};
use crate::page::{Answer, Part, Request, SweepWords};
use crate::parameter::Choice as _;

/// What takes the place of the elements of a block, in the order in which they stand.
const DRAWN: [Part; 7] =
    [Part::Figure, Part::Chart, Part::Narrow, Part::Story, Part::Packets, Part::Measures, Part::Claims];

/// A block before it is asked for.
#[derive(Debug)]
pub struct Block {
    kind: Kind,
    /// What the page asks for to draw it again.
    pub request: Request,
    controls: String,
    caption: Option<String>,
}

impl Block {
    /// Reads the directive of a block; `id` is unique in the book.
    ///
    /// # Errors
    /// One line that says what is valid.
    pub fn of(checked: &Checked<'_>, chapter: &Chapter<'_>, id: String) -> Result<Self, String> {
        let kind = checked.kind;
        let mut request = chapter.request(checked);
        request.id = id;
        request.view = checked.view()?;
        request.parts = match kind {
            Kind::Figure => vec![Part::Figure, Part::Narrow, Part::Lines],
            Kind::Story => vec![Part::Story],
            Kind::Packets => vec![Part::Packets],
            Kind::Measures => vec![Part::Measures],
            Kind::Distribution => vec![Part::Figure, Part::Narrow],
            Kind::Sweep => vec![Part::Chart, Part::Narrow],
            _ => Vec::new(),
        };
        if checked.flag("claims")?.unwrap_or(!matches!(kind, Kind::Packets | Kind::Measures)) {
            request.parts.push(Part::Claims);
        }
        request.parts.push(Part::Command);
        if kind == Kind::Sweep {
            request.sweep = Some(varied(checked, &mut request)?);
        }
        let specs = chapter.runs.registry().find(&request.scenario).map_err(|error| error.to_string())?;
        let specs = specs.parameters();
        let controls = checked.list("controls").unwrap_or_default();
        if let Some(name) = controls
            .iter()
            .find(|name| !OF_A_RUN.contains(name) && !specs.iter().any(|spec| spec.name == **name))
        {
            let valid = specs.into_iter().map(|spec| spec.name).collect();
            let unknown = crate::parameter::ParameterError::Unknown { name: (*name).to_owned(), valid };
            return Err(format!("--controls: {unknown}"));
        }
        Ok(Self {
            kind,
            request,
            controls: controls.join(","),
            caption: checked.option("title").map(str::to_owned),
        })
    }

    /// The block with what the run said. `number` is its number in the book; the caption is the scenario's `question` unless
    /// the chapter gives one.
    ///
    /// Drawings and lines are put off, if they can be.
    pub fn html(&self, answer: &Answer, number: &str, question: &str, later: Option<&Later>) -> String {
        let element = |part| element(part, answer, later);
        let kind = self.kind.name();
        let mut out = format!(
            "<figure class=\"halfopen ho-{kind}\" id=\"fig-{}\" data-kind=\"{kind}\" data-ask='{}' data-controls=\"{}\">\n",
            self.request.id,
            attribute(&json(&self.request)),
            escape(&self.controls),
        );
        for part in DRAWN.into_iter().filter(|part| self.request.parts.contains(part)) {
            if part != Part::Claims || self.kind == Kind::Claims {
                out += &element(part);
            }
        }
        out += "<figcaption>\n";
        if self.kind != Kind::Claims {
            let caption = self.caption.as_deref().unwrap_or(question);
            out += &format!(
                "<p class=\"ho-caption\"><a class=\"ho-fig\" href=\"#fig-{}\">{} {number}</a> {}</p>\n",
                self.request.id,
                if self.kind == Kind::Measures { "Table" } else { "Figure" },
                escape(caption),
            );
        }
        out += &element(Part::Command);
        if self.request.parts.contains(&Part::Claims) && self.kind != Kind::Claims {
            out += &element(Part::Claims);
        }
        if !answer.part(Part::Lines).is_empty() {
            out += "<details class=\"ho-lines\"><summary>The figure line by line</summary>\n";
            out += &element(Part::Lines);
            out += "</details>\n";
        }
        out + "</figcaption>\n</figure>\n"
    }
}

/// An element whose content is a piece of the run.
fn element(part: Part, answer: &Answer, later: Option<&Later>) -> String {
    let class = match part {
        Part::Figure | Part::Chart => " class=\"halfopen-drawing ho-wide\"",
        Part::Narrow => " class=\"halfopen-drawing ho-narrow\"",
        _ => "",
    };
    let content = answer.part(part).to_owned();
    let is_bulk = !matches!(part, Part::Measures | Part::Claims | Part::Command);
    let content = match later.filter(|_| is_bulk) {
        Some(later) => later.put_off(content),
        None => content,
    };
    // Nothing besides: what the page puts in later is the same, byte for byte.
    format!("<div{class} data-part=\"{}\">{content}</div>\n", part.name())
}

/// A request as it stands in an attribute.
pub fn json(request: &Request) -> String {
    serde_json::to_string(request).expect("texts and numbers can be written as JSON")
}

/// Takes the varied parameters out of those that are set.
fn varied(checked: &Checked<'_>, request: &mut Request) -> Result<SweepWords, String> {
    let (vary, set): (Vec<_>, Vec<_>) =
        checked.parameters().iter().cloned().partition(|(_, value)| sweep::is_varied(value));
    request.set = set.into_iter().collect();
    let seeds = checked.number("seeds")?.unwrap_or(1);
    let seeds = u32::try_from(seeds).ok().filter(|seeds| *seeds > 0);
    Ok(SweepWords {
        vary,
        form: form(checked)?,
        measures: checked.list("measure").unwrap_or_default().into_iter().map(str::to_owned).collect(),
        seeds: seeds.ok_or("--seeds: not valid; valid: a whole number from 1 on")?,
    })
}

/// How a chart is drawn, if it is said.
fn form(checked: &Checked<'_>) -> Result<Option<String>, String> {
    let words: Vec<&str> = Form::WORDS.iter().map(|(word, _)| *word).collect();
    match checked.option("form") {
        Some(word) if !words.contains(&word) => {
            Err(format!("--form={word}: not valid; valid: {}", words.join(", ")))
        }
        word => Ok(word.map(str::to_owned)),
    }
}

/// A number in running text, and the request that keeps it true when the reader changes the run.
pub fn number(request: &Request, answer: &Answer, value: Option<f64>) -> String {
    let text = answer.numbers.first().map_or("", String::as_str);
    let value = value.map_or_else(String::new, run::plain);
    format!(
        "<data class=\"ho-number\" value=\"{value}\" data-ask='{}'>{}</data>",
        attribute(&json(request)),
        escape(text)
    )
}
