//! Typed parameters, declared once.
//!
//! A [`parameters!`](crate::parameters) block declares a struct whose fields have a type (which knows its unit), a
//! default, a range and a line of help. The command line, the book's tables and the sliders are derived from it.
//! A field may itself be such a struct: its names are prefixed (`kernel.timers`).

mod field;
mod time;
mod types;
mod unit;
mod value;

use std::borrow::Cow;
use std::collections::BTreeMap;

pub use field::{Field, Range};
#[doc(hidden)]
pub use field::{declare_scalar, read_scalar};
pub use time::{LONGEST, hours, micros, mins, ms, secs};
pub use types::{BitRate, ByteSize, Choice, Probability, Scalar};
pub use unit::Unit;
pub use value::{Course, Value};

/// What the outside may know of one parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Its full name: `heartbeat.interval`.
    pub name: String,
    /// What its values are written in.
    pub unit: Unit,
    /// The default.
    pub default: Value,
    /// The smallest value allowed; of a list, the smallest in it.
    pub min: Option<Value>,
    /// The largest value allowed; of a list, the largest in it.
    pub max: Option<Value>,
    /// The values allowed, where they are words.
    pub choices: Vec<&'static str>,
    /// One line of help.
    pub help: &'static str,
}

/// Values given for parameters, by name, as typed.
pub type Given = BTreeMap<String, String>;

/// A parameter was named or valued wrongly. Its text is one line that says what is valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ParameterError {
    /// No parameter has this name.
    #[error("no parameter `{name}`{}; valid: {}", suggestion(.name, .valid), .valid.join(", "))]
    Unknown {
        /// The name given.
        name: String,
        /// The names there are.
        valid: Vec<String>,
    },
    /// The value cannot be read or is out of range.
    #[error("{name}={value}: {problem}")]
    Invalid {
        /// The parameter.
        name: String,
        /// The value given.
        value: String,
        /// What is wrong and what is valid.
        problem: String,
    },
}

/// `; did you mean ...?` where a valid name is near enough.
pub fn suggestion(name: &str, valid: &[String]) -> String {
    let near = valid
        .iter()
        .map(|v| {
            // `partition` is near `partiton`; `interval` is near `heartbeat.interval`.
            let tail = v.rsplit('.').next().unwrap_or(v);
            (strsim::jaro_winkler(name, v).max(strsim::jaro_winkler(name, tail)), v)
        })
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((score, v)) if score > 0.8 => format!("; did you mean `{v}`?"),
        _ => String::new(),
    }
}

/// Reads a value on its own, outside any block.
///
/// # Errors
/// What is wrong and what is valid, in one line.
pub fn scalar<T: Scalar>(text: &str) -> Result<T, String> {
    let spec = field::scalar_spec::<T>("", None, None, "");
    let value = spec.value(text).map_err(|error| match error {
        ParameterError::Invalid { problem, .. } => problem,
        error @ ParameterError::Unknown { .. } => error.to_string(),
    })?;
    T::parse(&value.text).ok_or_else(|| format!("not a {}; valid: a value like {}", T::UNIT, T::EXAMPLE))
}

/// Names in one line, separated by commas; of many the first twenty, then `...`.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    const MOST: usize = 20;
    let mut names: Vec<&str> = names.into_iter().take(MOST + 1).collect();
    if names.len() > MOST {
        names[MOST] = "...";
    }
    names.join(", ")
}

/// A word of a command line, as a shell reads it: in quotes if it has to be.
pub fn quoted(text: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_=+.,:/%@".contains(c);
    match text.chars().all(plain) && !text.is_empty() {
        true => text.into(),
        false => format!("'{text}'").into(),
    }
}

/// A struct declared by [`parameters!`](crate::parameters).
pub trait Parameters: Sized + Default + Clone {
    /// Describes every field, with the values of `default` as defaults.
    fn declare(prefix: &str, default: &Self, out: &mut Vec<Spec>);
    /// Reads every field: the given value, else the value in `default`. Takes what it read out of `given`.
    ///
    /// # Errors
    /// [`ParameterError::Invalid`] for the first value that cannot be read or is out of range.
    fn read(prefix: &str, default: &Self, given: &mut Given) -> Result<Self, ParameterError>;
    /// Every field's full name and value, as it would be typed.
    fn show(&self, prefix: &str, out: &mut Vec<(String, String)>);

    /// Describes all parameters at their own defaults.
    fn specs() -> Vec<Spec> {
        let mut out = Vec::new();
        Self::declare("", &Self::default(), &mut out);
        out
    }

    /// Reads all parameters; every name given must exist.
    ///
    /// # Errors
    /// [`ParameterError`] for the first wrong name or value.
    fn from_given(given: &Given) -> Result<Self, ParameterError> {
        let valid: Vec<String> = Self::specs().into_iter().map(|s| s.name).collect();
        if let Some(name) = given.keys().find(|k| !valid.contains(k)) {
            return Err(ParameterError::Unknown { name: name.clone(), valid });
        }
        Self::read("", &Self::default(), &mut given.clone())
    }

    /// All names and values, as they would be typed.
    fn settings(&self) -> Vec<(String, String)> {
        let mut out = Vec::new();
        self.show("", &mut out);
        out
    }
}

/// Declares a struct of parameters. `name: Type = default, in min..=max;` with one line of documentation each, which is
/// also the help. A `Type` that is itself declared so is a group; `in` is left out where there is no range. A `Vec` of
/// values is a list, typed `1s,5s,30s`; its range is that of each value.
///
/// The struct is `Clone`, and `Copy` if `#[derive(Copy)]` stands above it.
///
/// ```
/// use halfopen::parameter::{Parameters, ms, secs};
/// use std::time::Duration;
///
/// halfopen::parameters! {
///     /// How a connection is probed.
///     pub struct Probe {
///         /// Silence before the first probe.
///         idle: Duration = secs(30), in ms(1)..=secs(3600);
///         /// Probes before giving up.
///         count: u32 = 3, in 1..=100;
///         /// Pauses between the probes.
///         pauses: Vec<Duration> = vec![secs(1), secs(5)], in ms(1)..=secs(60);
///     }
/// }
///
/// let given = [("idle".to_owned(), "45s".to_owned())].into();
/// assert_eq!(Probe::from_given(&given).unwrap().idle, secs(45));
/// let given = [("pauses".to_owned(), "1s, 1m 1s".to_owned())].into();
/// assert_eq!(
///     Probe::from_given(&given).unwrap_err().to_string(),
///     "pauses=1m 1s: out of range; valid: 1ms to 1m (like 250ms, 1m 30s, 2h)"
/// );
/// ```
#[macro_export]
macro_rules! parameters {
    ($(#[$outer:meta])* $vis:vis struct $name:ident {
        $( #[doc = $help:literal] $field:ident : $ty:ty = $default:expr $(, in $range:expr)? ; )*
    }) => {
        $(#[$outer])*
        #[derive(Debug, Clone, PartialEq)]
        $vis struct $name { $( #[doc = $help] pub $field: $ty, )* }

        impl Default for $name {
            fn default() -> Self { Self { $( $field: $default, )* } }
        }

        impl $crate::parameter::Parameters for $name {
            fn declare(prefix: &str, default: &Self, out: &mut Vec<$crate::parameter::Spec>) {
                $( {
                    #[allow(unused_mut, unused_assignments)]
                    let mut range: $crate::parameter::Range<$ty> = None;
                    $( range = Some($range); )?
                    <$ty as $crate::parameter::Field>::declare(
                        &format!("{prefix}{}", stringify!($field)), &default.$field, range, $help.trim(), out);
                } )*
            }
            fn read(prefix: &str, default: &Self, given: &mut $crate::parameter::Given)
                -> Result<Self, $crate::parameter::ParameterError> {
                Ok(Self { $( $field: {
                    #[allow(unused_mut, unused_assignments)]
                    let mut range: $crate::parameter::Range<$ty> = None;
                    $( range = Some($range); )?
                    <$ty as $crate::parameter::Field>::read(
                        &format!("{prefix}{}", stringify!($field)), &default.$field, range, given)?
                }, )* })
            }
            fn show(&self, prefix: &str, out: &mut Vec<(String, String)>) {
                $( $crate::parameter::Field::show(&self.$field, &format!("{prefix}{}", stringify!($field)), out); )*
            }
        }
    };
}

#[cfg(test)]
mod tests {
    use super::{listed, quoted};

    #[test]
    fn a_list_of_names_that_stops_says_so() {
        let names: Vec<String> = (1..=21).map(|n| n.to_string()).collect();
        let some = |n: usize| listed(names[..n].iter().map(String::as_str));
        assert!(some(20).ends_with("19, 20"));
        assert!(some(21).ends_with("19, 20, ..."));
    }

    #[test]
    fn a_word_is_quoted_where_a_shell_would_cut_it_up() {
        assert_eq!(quoted("1m"), "1m");
        assert_eq!(quoted("1m 30s"), "'1m 30s'");
        assert_eq!(quoted("a;b"), "'a;b'");
        assert_eq!(quoted(""), "''");
    }
}
