//! The values of a varied parameter: `1s,5s,10s..60s/6`.

use crate::parameter::{ParameterError, Spec, Unit, Value};

/// A range has no more values than this; neither has a sweep more runs.
pub const MOST_RUNS: usize = 100_000;

/// A varied parameter.
#[derive(Debug, Clone, PartialEq)]
pub struct Vary {
    /// Its name.
    pub name: String,
    /// What its values are written in, as its declaration says.
    pub unit: Unit,
    /// Its values, in the order given.
    pub values: Vec<Value>,
}

/// Whether a text stands for more than one value.
pub fn is_varied(text: &str) -> bool {
    text.contains(',') || text.contains("..")
}

impl Vary {
    /// Reads a list, separated by commas, of values and of ranges `FROM..TO/COUNT`: so many values, evenly spaced, with
    /// both ends.
    pub(super) fn read(spec: &Spec, text: &str) -> Result<Self, ParameterError> {
        if let Unit::List(_) = spec.unit {
            return Err(ParameterError::Invalid {
                name: spec.name.clone(),
                value: text.trim().to_owned(),
                problem: "a list cannot be varied, for its commas; valid: a run for each list, with --set"
                    .to_owned(),
            });
        }
        let mut values: Vec<Value> = Vec::new();
        for item in text.split(',') {
            let invalid = |problem: String| ParameterError::Invalid {
                name: spec.name.clone(),
                value: item.trim().to_owned(),
                problem,
            };
            let more = match item.split_once("..") {
                None => vec![spec.value(item.trim())?],
                Some((from, rest)) => {
                    let counted =
                        rest.rsplit_once('/').and_then(|(to, n)| Some((to, n.trim().parse().ok()?)));
                    let Some((to, count)) = counted else {
                        return Err(invalid("a range says how many values: FROM..TO/COUNT".to_owned()));
                    };
                    if count as usize > MOST_RUNS {
                        return Err(invalid(format!("too many values; valid: up to {MOST_RUNS}")));
                    }
                    spec.between(from.trim(), to.trim(), count)?
                }
            };
            values.extend(more);
        }
        let mut texts: Vec<&str> = values.iter().map(|value| value.text.as_str()).collect();
        texts.sort_unstable();
        if let Some(pair) = texts.windows(2).find(|pair| pair[0] == pair[1]) {
            return Err(ParameterError::Invalid {
                name: spec.name.clone(),
                value: text.to_owned(),
                problem: format!("{} is in it twice", pair[0]),
            });
        }
        Ok(Self { name: spec.name.clone(), unit: spec.unit, values })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::explore::fake;

    fn fake_spec(name: &str) -> Spec {
        let specs = fake::REGISTRY.find("fake/stall").unwrap().parameters();
        specs.into_iter().find(|spec| spec.name == name).unwrap()
    }

    fn read(name: &str, text: &str) -> Result<Vec<String>, String> {
        let vary = Vary::read(&fake_spec(name), text).map_err(|error| error.to_string())?;
        Ok(vary.values.into_iter().map(|value| value.text).collect())
    }

    fn values(texts: &[&str]) -> Result<Vec<String>, String> {
        Ok(texts.iter().map(|text| (*text).to_owned()).collect())
    }

    #[test]
    fn values_and_ranges_stand_in_one_list_in_the_order_given() {
        assert_eq!(
            read("stall", "5m, 500ms,10s..30s/3 ,1s"),
            values(&["5m", "500ms", "10s", "20s", "30s", "1s"])
        );
        assert_eq!(read("timers", "fast,slow"), values(&["fast", "slow"]));
        assert_eq!(read("updates", "7"), values(&["7"]));
    }

    #[test]
    fn a_parameter_that_is_a_list_is_not_varied() {
        let spec = Spec { unit: Unit::List(&Unit::Duration), ..fake_spec("stall") };
        let error = Vary::read(&spec, "1s,2s").unwrap_err().to_string();
        assert!(error.contains("a run for each list"), "{error}");
    }

    #[test]
    fn what_is_no_list_is_answered_with_what_is_valid() {
        let error = |name, text| read(name, text).unwrap_err();
        assert_eq!(
            error("stall", "1s,2h"),
            "stall=2h: out of range; valid: 1ms to 1h (like 250ms, 1m 30s, 2h)"
        );
        assert_eq!(error("timers", "slow,"), "timers=: no such choice; valid: slow, fast");
        assert_eq!(error("stall", "1s..9s"), "stall=1s..9s: a range says how many values: FROM..TO/COUNT");
        assert_eq!(
            error("stall", "1s..9s/x"),
            "stall=1s..9s/x: a range says how many values: FROM..TO/COUNT"
        );
        assert_eq!(
            error("updates", "1..9/100001"),
            "updates=1..9/100001: too many values; valid: up to 100000"
        );
        assert_eq!(error("stall", "1s,2s,1000ms"), "stall=1s,2s,1000ms: 1s is in it twice");
    }
}
