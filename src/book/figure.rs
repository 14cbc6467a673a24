//! The forms of a trace as they stand in a chapter.

use super::grammar::{Checked, Kind};
use super::html::{dense, fence};
use crate::explore::forms::{self, Figure};
use crate::parameter::suggestion;
use crate::trace::{Layer, Trace};

/// A story or packets, as Markdown.
pub fn lines(checked: &Checked<'_>, trace: &Trace) -> Result<String, String> {
    let (from, until) = (checked.time("from")?, checked.time("until")?);
    let (text, form) = match checked.kind {
        Kind::Packets => (forms::packets_between(trace, from, until), " halfopen-packets"),
        _ => (forms::story(&forms::clip(trace, from, until), checked.flag("fold")?.unwrap_or(true)), ""),
    };
    // `text` keeps mdBook from guessing a language and colouring it.
    Ok(format!("\n{}\n", fence(&format!("text halfopen-story{form}"), &text)))
}

/// A space-time diagram, as HTML.
pub fn diagram(checked: &Checked<'_>, trace: &Trace, question: &str, id: String) -> Result<String, String> {
    let mut figure = Figure {
        title: checked.option("title").unwrap_or(question).to_owned(),
        description: checked.option("description").unwrap_or_default().to_owned(),
        id,
        from: checked.time("from")?,
        until: checked.time("until")?,
        packets: checked.flag("packets")?.unwrap_or(true),
        ..Figure::default()
    };
    if let Some(layers) = checked.list("layers") {
        let named = |name: &str| Layer::ALL.into_iter().find(|layer| layer.name() == name);
        let unknown =
            |name: &str| not_there("layer", name, Layer::ALL.map(|layer| layer.name().to_owned()).to_vec());
        figure.layers =
            layers.iter().map(|name| named(name).ok_or_else(|| unknown(name))).collect::<Result<_, _>>()?;
    }
    if let Some(hosts) = checked.list("hosts") {
        if let Some(name) = hosts.iter().find(|name| !trace.hosts.iter().any(|host| host == *name)) {
            return Err(not_there("host", name, trace.hosts.to_vec()));
        }
        figure.hosts = hosts.into_iter().map(str::to_owned).collect();
    }
    Ok(format!("<div class=\"halfopen-drawing\">\n{}</div>\n", dense(&forms::svg(trace, &figure))))
}

fn not_there(what: &str, name: &str, valid: Vec<String>) -> String {
    format!("no {what} `{name}`{}; valid: {}", suggestion(name, &valid), valid.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::directive::{Piece, pieces};
    use crate::book::grammar::check;
    use crate::explore::fake;
    use crate::scenario::Settings;

    fn drawn(text: &str) -> Result<String, String> {
        let pieces = pieces(text);
        let [Piece::Directive(directive)] = pieces.as_slice() else { panic!("{pieces:?}") };
        let outcome = fake::REGISTRY.find("fake/stall").unwrap().run(&Settings::default()).unwrap();
        diagram(&check(directive)?, &outcome.trace, "Why?", "one-1".to_owned())
    }

    #[test]
    fn the_scenarios_question_is_the_title_unless_there_is_one() {
        assert!(drawn("{{#figure fake/stall}}").unwrap().contains(">Why?</title>"));
        assert!(drawn("{{#figure fake/stall --title='A stall'}}").unwrap().contains(">A stall</title>"));
    }

    #[test]
    fn a_host_or_layer_that_there_is_not_is_answered_with_those_there_are() {
        assert!(drawn("{{#figure fake/stall --hosts=server,phone --layers=tcp,app}}").is_ok());
        assert_eq!(
            drawn("{{#figure fake/stall --hosts=server,phon}}").unwrap_err(),
            "no host `phon`; did you mean `phone`?; valid: phone, server"
        );
        assert_eq!(
            drawn("{{#figure fake/stall --layers=quic}}").unwrap_err(),
            "no layer `quic`; valid: fault, link, tcp, udp, http, ws, app"
        );
    }
}
