//! A guess asked of the reader before the run gives the answer.

use super::block::json;
use super::grammar::Checked;
use crate::explore::run::{human, plain};
use crate::page::html::{attribute, escape};
use crate::page::{Request, number};
use crate::scenario::{Measure, Outcome};

/// A range of a measure's values: above the one end, up to the other; or that it did not happen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Range {
    Values { above: Option<f64>, up_to: Option<f64> },
    Never,
}

impl Range {
    /// `..1`, `1..20`, `20..`, `none`
    fn read(text: &str) -> Option<Self> {
        if text == "none" {
            return Some(Self::Never);
        }
        let (above, up_to) = text.split_once("..")?;
        let end = |text: &str| match text.trim() {
            "" => Some(None),
            number => number.parse::<f64>().ok().map(Some),
        };
        Some(Self::Values { above: end(above)?, up_to: end(up_to)? })
    }

    fn holds(self, value: Option<f64>) -> bool {
        match (self, value) {
            (Self::Never, None) => true,
            (Self::Values { above, up_to }, Some(value)) => {
                above.is_none_or(|end| value > end) && up_to.is_none_or(|end| value <= end)
            }
            _ => false,
        }
    }
}

/// The question (`ask`, HTML), the choices or the slider, and the answer.
///
/// # Errors
/// One line that says what is valid; also where the run's value lies in no choice, or in two.
pub fn html(
    checked: &Checked<'_>,
    mut request: Request,
    outcome: &Outcome,
    ask: &str,
    id: &str,
) -> Result<String, String> {
    let mut wanted = checked.wanted()?;
    wanted.none.get_or_insert_with(|| "never".to_owned());
    // An answer says whether there is such a measure.
    number(outcome, &wanted)?;
    let measure = outcome.measures.iter().find(|m| m.name == wanted.name);
    let measure = measure.ok_or("no such measure")?;
    request.numbers = vec![wanted];
    let (kind, field) = match (checked.option("choices"), checked.option("range")) {
        (Some(choices), None) => ("choice", radios(choices, measure, id)?),
        (None, Some(range)) => ("number", slider(range, checked.option("unit").unwrap_or(""), measure, id)?),
        _ => {
            return Err("a prediction has either `--choices=LABEL=RANGE|..` or `--range=FROM..TO`".to_owned());
        }
    };
    Ok(format!(
        "<form class=\"ho-predict\" id=\"{id}\" data-kind=\"{kind}\"{} data-ask='{}'>\n\
         <p class=\"ho-question\"><strong>Your guess first.</strong> {}</p>\n{}\
         <details class=\"ho-answer\"><summary>The answer</summary><p>{}: <strong>{}</strong></p></details>\n</form>\n",
        field.attributes,
        attribute(&json(&request)),
        ask,
        field.html,
        escape(measure.label),
        escape(&human(measure)),
    ))
}

struct FormField {
    attributes: String,
    html: String,
}

fn radios(choices: &str, measure: &Measure, id: &str) -> Result<FormField, String> {
    let mut html = "<fieldset>\n".to_owned();
    let mut right = Vec::new();
    for (n, choice) in choices.split('|').enumerate() {
        let read =
            choice.rsplit_once('=').and_then(|(label, range)| Some((label, Range::read(range.trim())?)));
        let Some((label, range)) = read else {
            return Err(format!(
                "the choice `{choice}` cannot be read; valid: LABEL=FROM..TO (either end may be left out) or LABEL=none"
            ));
        };
        if range.holds(measure.value) {
            right.push(n);
        }
        html += &format!(
            "<label><input type=\"radio\" name=\"{id}\" value=\"{n}\"> {}</label>\n",
            escape(label.trim())
        );
    }
    match right[..] {
        [right] => {
            Ok(FormField { attributes: format!(" data-right=\"{right}\""), html: html + "</fieldset>\n" })
        }
        _ => Err(format!(
            "the run's value, {}, lies in {} of the choices; it has to lie in one",
            measure.value.map_or_else(|| "none".to_owned(), plain),
            right.len()
        )),
    }
}

fn slider(range: &str, unit: &str, measure: &Measure, id: &str) -> Result<FormField, String> {
    let ends = range
        .split_once("..")
        .and_then(|(from, to)| Some((from.trim().parse::<f64>().ok()?, to.trim().parse::<f64>().ok()?)));
    let (from, to) = ends
        .filter(|(from, to)| from < to)
        .ok_or_else(|| format!("--range={range}: not valid; valid: FROM..TO, like 0..60"))?;
    let value = measure.value.filter(|value| (from..=to).contains(value)).ok_or_else(|| {
        format!(
            "the run's value, {}, does not lie in --range={range}",
            measure.value.map_or_else(|| "none".to_owned(), plain)
        )
    })?;
    Ok(FormField {
        attributes: format!(" data-value=\"{}\" data-unit=\"{}\"", plain(value), escape(unit)),
        html: format!(
            "<fieldset><label><input type=\"range\" name=\"{id}\" min=\"{}\" max=\"{}\" step=\"any\"> <output></output> {}</label></fieldset>\n",
            plain(from),
            plain(to),
            escape(unit)
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_leaves_its_lower_end_to_the_one_below() {
        let range = |text: &str| Range::read(text).unwrap();
        assert!(range("..1").holds(Some(1.0)) && !range("1..20").holds(Some(1.0)));
        assert!(range("1..20").holds(Some(20.0)) && range("20..").holds(Some(20.1)));
        assert!(range("none").holds(None) && !range("..").holds(None) && !range("none").holds(Some(0.0)));
        assert_eq!(Range::read("soon"), None);
        assert_eq!(Range::read("a..b"), None);
    }
}
