//! What of a run is shown: a window of time, some of its machines, some of its layers.
//!
//! The command line, the chapters' directives and the page's requests all say it in the same words, so the command under a
//! picture makes that picture.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::forms::{Figure, Look};
use crate::parameter::{Choice as _, Scalar as _, quoted, scalar, suggestion};
use crate::scenario::Outcome;
use crate::trace::Layer;

/// What is shown, as it is typed; what is not said is shown whole.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ViewWords {
    /// From this moment on: `59.5s`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Up to this moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// These machines, from left to right.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The events of these layers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub layers: Vec<String>,
    /// Whether a figure draws the packets.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub packets: Option<bool>,
    /// Whether long routines of a story are folded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fold: Option<bool>,
    /// Draw how the values of this name are spread, instead of what happened.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub distribution: Option<String>,
    /// How they are drawn: `steps`, `bars`, `dots`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub look: Option<String>,
}

/// What is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// From this moment on; `None`: from the start of the run.
    pub from: Option<Duration>,
    /// Up to this moment; `None`: to the end of the run.
    pub until: Option<Duration>,
    /// These machines, from left to right; none: all that take part.
    pub hosts: Vec<String>,
    /// The events of these layers.
    pub layers: Vec<Layer>,
    /// Whether a figure draws the packets.
    pub packets: bool,
    /// Whether long routines of a story are folded.
    pub fold: bool,
    /// What a figure draws instead of what happened: how the values of this name are spread.
    pub distribution: Option<(String, Look)>,
}

/// The whole run, packets drawn, routines folded.
impl Default for View {
    fn default() -> Self {
        Self {
            from: None,
            until: None,
            hosts: Vec::new(),
            layers: Layer::ALL.to_vec(),
            packets: true,
            fold: true,
            distribution: None,
        }
    }
}

/// A view cannot be shown. Its text is one line that says what is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ViewError {
    /// A time cannot be read.
    #[error("--{option}={value}: {problem}")]
    Time {
        /// `from` or `until`.
        option: &'static str,
        /// What was given.
        value: String,
        /// What is wrong and what is valid.
        problem: String,
    },
    /// It ends before it begins.
    #[error("--from={from} --until={until}: nothing lies between; valid: a beginning before the end")]
    Empty {
        /// The beginning.
        from: String,
        /// The end.
        until: String,
    },
    /// There is no layer or host of this name.
    #[error("no {what} `{name}`{}; valid: {}", suggestion(.name, .valid), .valid.join(", "))]
    Unknown {
        /// `layer` or `host`.
        what: &'static str,
        /// The name given.
        name: String,
        /// The names there are.
        valid: Vec<String>,
    },
}

impl ViewWords {
    /// Reads it.
    ///
    /// # Errors
    /// [`ViewError`] for the first word that cannot be read.
    pub fn read(&self) -> Result<View, ViewError> {
        let time = |option, text: &Option<String>| {
            let invalid =
                |problem| ViewError::Time { option, value: text.clone().unwrap_or_default(), problem };
            text.as_deref().map(scalar::<Duration>).transpose().map_err(invalid)
        };
        let (from, until) = (time("from", &self.from)?, time("until", &self.until)?);
        if let (Some(from), Some(until)) = (from, until)
            && from >= until
        {
            return Err(ViewError::Empty { from: from.show(), until: until.show() });
        }
        let layer = |name: &String| {
            let found = Layer::ALL.into_iter().find(|layer| layer.name() == name);
            found.ok_or_else(|| ViewError::Unknown {
                what: "layer",
                name: name.clone(),
                valid: Layer::ALL.map(|layer| layer.name().to_owned()).to_vec(),
            })
        };
        let mut view = View { from, until, hosts: self.hosts.clone(), ..View::default() };
        if !self.layers.is_empty() {
            view.layers = self.layers.iter().map(layer).collect::<Result<_, _>>()?;
        }
        view.packets = self.packets.unwrap_or(view.packets);
        view.fold = self.fold.unwrap_or(view.fold);
        let look = self.look.as_deref().unwrap_or(Look::Steps.word());
        let found = Look::WORDS.iter().find(|(word, _)| *word == look);
        let (_, look) = found.ok_or_else(|| ViewError::Unknown {
            what: "look",
            name: look.to_owned(),
            valid: Look::WORDS.iter().map(|(word, _)| (*word).to_owned()).collect(),
        })?;
        view.distribution = self.distribution.clone().map(|name| (name, *look));
        Ok(view)
    }
}

impl View {
    /// Whether a run has what is to be shown.
    ///
    /// # Errors
    /// [`ViewError::Unknown`] for a host or a distribution that is not there.
    pub fn fits(&self, outcome: &Outcome) -> Result<(), ViewError> {
        let trace = &outcome.trace;
        if let Some((name, _)) = &self.distribution
            && !outcome.distributions.iter().any(|d| d.name == name)
        {
            let valid = outcome.distributions.iter().map(|d| d.name.to_owned()).collect();
            return Err(ViewError::Unknown { what: "distribution", name: name.clone(), valid });
        }
        let missing = self.hosts.iter().find(|name| !trace.hosts.iter().any(|host| host == *name));
        let unknown = |name: &String| ViewError::Unknown {
            what: "host",
            name: name.clone(),
            valid: trace.hosts.to_vec(),
        };
        missing.map_or(Ok(()), |name| Err(unknown(name)))
    }

    /// The figure that shows it.
    pub fn figure(&self, title: &str, id: &str) -> Figure {
        Figure {
            from: self.from,
            until: self.until,
            title: title.to_owned(),
            id: id.to_owned(),
            packets: self.packets,
            layers: self.layers.clone(),
            hosts: self.hosts.clone(),
            ..Figure::default()
        }
    }

    /// What the command line has to say for it, with a blank before each option; nothing for the whole run.
    pub fn arguments(&self) -> String {
        let mut out = String::new();
        let times = [("from", self.from), ("until", self.until)];
        for (option, time) in times.into_iter().filter_map(|(option, time)| Some((option, time?))) {
            out += &format!(" --{option} {}", quoted(&time.show()));
        }
        if !self.hosts.is_empty() {
            out += &format!(" --hosts {}", quoted(&self.hosts.join(",")));
        }
        if self.layers != Layer::ALL {
            let names: Vec<&str> = self.layers.iter().map(|layer| layer.name()).collect();
            out += &format!(" --layers {}", names.join(","));
        }
        if !self.packets {
            out += " --no-arrows";
        }
        if let Some((name, look)) = &self.distribution {
            out += &format!(" --distribution {name} --look {}", look.word());
        }
        if !self.fold {
            out += " --whole";
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;
    use crate::scenario::Settings;

    fn words(from: &str, until: &str, hosts: &[&str], layers: &[&str]) -> ViewWords {
        let list = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        let time = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        ViewWords {
            from: time(from),
            until: time(until),
            hosts: list(hosts),
            layers: list(layers),
            ..ViewWords::default()
        }
    }

    #[test]
    fn a_view_is_said_on_the_command_line_as_it_was_read() {
        let view = words("59500ms", "1m20s", &["phone", "server"], &["tcp", "app"]).read().unwrap();
        assert_eq!(
            view.arguments(),
            " --from '59s 500ms' --until '1m 20s' --hosts phone,server --layers tcp,app"
        );
        assert_eq!(View::default().arguments(), "");
        let spread = ViewWords {
            distribution: Some("connect_s".to_owned()),
            look: Some("bars".to_owned()),
            ..ViewWords::default()
        };
        assert_eq!(spread.read().unwrap().arguments(), " --distribution connect_s --look bars");
        let few = View { packets: false, fold: false, ..View::default() };
        assert_eq!(few.arguments(), " --no-arrows --whole");
    }

    #[test]
    fn what_cannot_be_shown_is_answered_with_what_can() {
        let error = |words: ViewWords| words.read().unwrap_err().to_string();
        assert!(error(words("soon", "", &[], &[])).starts_with("--from=soon: not a duration; valid:"));
        assert_eq!(
            error(words("5s", "1s", &[], &[])),
            "--from=5s --until=1s: nothing lies between; valid: a beginning before the end"
        );
        assert_eq!(
            error(words("", "", &[], &["quic"])),
            "no layer `quic`; valid: fault, link, tcp, udp, http, ws, app"
        );
        let spread = |name: &str, look: &str| ViewWords {
            distribution: Some(name.to_owned()),
            look: Some(look.to_owned()),
            ..ViewWords::default()
        };
        assert_eq!(error(spread("x", "pie")), "no look `pie`; valid: steps, bars, dots");
        let outcome = fake::REGISTRY.find("fake/stall").unwrap().run(&Settings::default()).unwrap();
        let none = spread("wait_s", "dots").read().unwrap();
        assert!(
            none.fits(&outcome).unwrap_err().to_string().starts_with("no distribution `wait_s`; valid: ")
        );
        let view = words("", "", &["server", "phon"], &[]).read().unwrap();
        assert_eq!(
            view.fits(&outcome).unwrap_err().to_string(),
            "no host `phon`; did you mean `phone`?; valid: phone, server"
        );
    }
}
