//! Reads fault scripts, to the end of every entry: what is not understood is refused, and the error says what is valid.

use std::str::FromStr;
use std::time::Duration;

use super::{Between, Dns, Entry, Fault, GRACE, GivenFaults, Script, ScriptError, SuspendedClock};
use crate::parameter::{ByteSize, Scalar, scalar};

/// Every fault's verb, in the order of the table at the head of this module.
pub(super) const VERBS: [&str; 20] = [
    "partition",
    "reject",
    "hold",
    "loss",
    "duplicate",
    "reorder",
    "latency",
    "rate",
    "lose",
    "stall",
    "slow",
    "suspend",
    "crash",
    "power-loss",
    "deploy",
    "switch",
    "offline",
    "forget",
    "rebind",
    "dns",
];

impl FromStr for GivenFaults {
    type Err = ScriptError;
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        match text.trim_start().strip_prefix('+') {
            Some(script) => Ok(Self { adds: true, script: script.parse()? }),
            None => Ok(Self { adds: false, script: text.parse()? }),
        }
    }
}

impl FromStr for Script {
    type Err = ScriptError;
    fn from_str(text: &str) -> Result<Self, ScriptError> {
        text.split([';', '\n'])
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
            .map(|entry| {
                let mut words = Words::of(entry);
                let wrong = |problem| ScriptError { entry: entry.to_owned(), problem, there: Vec::new() };
                words.entry().map_err(wrong)
            })
            .collect::<Result<_, _>>()
            .map(Script)
    }
}

/// The words of an entry, read from the first to the last.
pub(super) struct Words<'a> {
    words: Vec<&'a str>,
    next: usize,
    /// What could have come after the last word.
    pub(super) open: Vec<Next>,
}

/// What could come next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// This word.
    Word(String),
    /// A machine.
    Machine,
    /// The first of two machines, or both with an arrow between them.
    Link,
    /// An interface of this machine.
    Interface(String),
}

pub(super) type Read<T> = Result<T, String>;

impl<'a> Words<'a> {
    pub(super) fn of(entry: &'a str) -> Self {
        Self { words: entry.split_whitespace().collect(), next: 0, open: Vec::new() }
    }

    /// How many words were looked at; one more than there are where another one was wanted.
    pub(super) fn looked_at(&self) -> usize {
        self.next
    }

    /// Remembers what could stand here, if here is where the words end.
    fn could_be(&mut self, next: impl FnOnce() -> Vec<Next>) {
        if self.next == self.words.len() {
            self.open.extend(next());
        }
    }

    pub(super) fn entry(&mut self) -> Read<Entry> {
        self.could_be(|| vec![Next::Word("at".to_owned())]);
        match self.word() {
            Some("at") => {}
            Some("+") => return Err("`+` stands once, at the beginning of a script".to_owned()),
            _ => {
                return Err("starts with `at TIME`, as in `at 30s partition phone server for 20s`".to_owned());
            }
        }
        let at = self.duration("a time after `at`")?;
        let fault = self.fault()?;
        let lasting = match self.taken("for") {
            true => Some(self.duration("a duration after `for`")?),
            false => None,
        };
        if let Some(word) = self.word() {
            return Err(too_much(word, lasting.is_some()));
        }
        let entry = Entry { at, fault, lasting };
        entry.check()?;
        Ok(entry)
    }

    fn fault(&mut self) -> Read<Fault> {
        self.could_be(|| VERBS.iter().map(|verb| Next::Word((*verb).to_owned())).collect());
        let verb = self.word().unwrap_or_default();
        Ok(match verb {
            "partition" => Fault::Partition(self.link()?),
            "reject" => Fault::Reject(self.link()?),
            "hold" => Fault::Hold(self.link()?),
            "loss" => Fault::Loss(self.link()?, self.value("a probability")?),
            "duplicate" => Fault::Duplicate(self.link()?, self.value("a probability")?),
            "reorder" => Fault::Reorder(self.link()?, self.value("a probability")?),
            "latency" => {
                let (link, one_way) = (self.link()?, self.value("a latency")?);
                Fault::Latency(link, one_way, self.value_or("a jitter", Duration::ZERO)?)
            }
            "rate" => {
                let (link, rate) = (self.link()?, self.value("a line rate")?);
                Fault::Rate(link, rate, self.value_or("a queue size", ByteSize(256 << 10))?)
            }
            "lose" => {
                if !self.taken("next") {
                    return Err("is written `lose next 3 data phone->server`".to_owned());
                }
                let (count, kind) = (self.value("how many after `next`")?, self.value("a kind of segment")?);
                Fault::LoseNext(self.link()?, count, kind)
            }
            "stall" => Fault::Stall(self.machine()?),
            "slow" => Fault::Slow(self.machine()?, self.value("a share of the CPU's time")?),
            "suspend" => {
                let machine = self.machine()?;
                let runs = self.taken("clock-runs");
                Fault::Suspend(machine, if runs { SuspendedClock::Runs } else { SuspendedClock::Stops })
            }
            "crash" => Fault::Crash(self.machine()?),
            "power-loss" => Fault::PowerLoss(self.machine()?),
            "deploy" => {
                let machine = self.machine()?;
                let grace = self.value_or("how long processes may take to end", GRACE)?;
                Fault::Deploy { machine, grace, pause: self.value_or("a pause", Duration::ZERO)? }
            }
            "switch" => {
                let machine = self.machine()?;
                self.could_be(|| vec![Next::Interface(machine.clone())]);
                let to = self.name("the interface to switch to")?;
                Fault::Switch { machine, to, destroy: self.taken("destroy") }
            }
            "offline" => Fault::Offline(self.machine()?),
            "forget" => Fault::Forget(self.machine()?),
            "rebind" => Fault::Rebind(self.machine()?),
            "dns" => {
                let machine = self.machine()?;
                match self.taken("dead") {
                    true => Fault::Dns(machine, Dns::Dead),
                    false => Fault::Dns(machine, Dns::Takes(self.value("how long lookups take, or `dead`")?)),
                }
            }
            other => return Err(format!("no fault `{other}`; valid: {}", VERBS.join(", "))),
        })
    }

    fn word(&mut self) -> Option<&'a str> {
        let word = self.words.get(self.next).copied();
        self.next += 1;
        word
    }

    /// Whether this word comes next; then it is taken.
    fn taken(&mut self, word: &str) -> bool {
        self.could_be(|| vec![Next::Word(word.to_owned())]);
        let taken = self.words.get(self.next) == Some(&word);
        self.next += usize::from(taken);
        taken
    }

    /// A duration of one word or more: as many as make one.
    fn duration(&mut self, what: &str) -> Read<Duration> {
        self.could_be(examples::<Duration>);
        let rest = self.words.get(self.next..).unwrap_or_default();
        for n in (1..=rest.len()).rev() {
            if let Ok(duration) = scalar(&rest[..n].join(" ")) {
                self.next += n;
                return Ok(duration);
            }
        }
        self.value(what)
    }

    /// A value of one word.
    fn value<T: Scalar>(&mut self, what: &str) -> Read<T> {
        self.could_be(examples::<T>);
        let word = self.word().filter(|word| !is_keyword(word));
        let word = word.ok_or_else(|| format!("needs {what}; valid: {}", valid::<T>()))?;
        // A value that is out of range says so; of others it is told what should stand there.
        scalar(word).map_err(|problem| match problem.strip_prefix("out of range") {
            Some(valid) => format!("`{word}` is out of range{valid}"),
            None => format!("`{word}` is not {what}; valid: {}", valid::<T>()),
        })
    }

    /// A value of one word, if there is one.
    fn value_or<T: Scalar>(&mut self, what: &str, otherwise: T) -> Read<T> {
        self.could_be(examples::<T>);
        match self.words.get(self.next) {
            Some(word) if !is_keyword(word) => self.value(what),
            _ => Ok(otherwise),
        }
    }

    fn name(&mut self, what: &str) -> Read<String> {
        let word = self.word().filter(|word| !is_keyword(word));
        word.map(str::to_owned).ok_or_else(|| format!("needs {what}"))
    }

    fn machine(&mut self) -> Read<String> {
        self.could_be(|| vec![Next::Machine]);
        let name = self.name("a machine")?;
        match name.contains("->") {
            true => Err(format!("`{name}` is no machine; only faults between two machines have a direction")),
            false => Ok(name),
        }
    }

    fn link(&mut self) -> Read<Between> {
        const FORMS: &str = "two machines: `phone server`, or `phone->server` for one way";
        self.could_be(|| vec![Next::Link]);
        let first = self.name(FORMS)?;
        let (a, b, one_way) = match first.split_once("->") {
            Some((a, b)) => (a.to_owned(), b.to_owned(), true),
            None => {
                self.could_be(|| vec![Next::Machine]);
                (first.clone(), self.name(FORMS)?, false)
            }
        };
        if a.is_empty() || b.is_empty() || b.contains("->") {
            return Err(format!("needs {FORMS}"));
        }
        Ok(Between { a, b, one_way })
    }
}

fn is_keyword(word: &str) -> bool {
    word == "for" || word == "at"
}

/// The words that a value can be, or a few that it may look like.
fn examples<T: Scalar>() -> Vec<Next> {
    let choices = T::choices();
    let examples = T::EXAMPLE.split(", ").filter(|example| !example.contains(' '));
    let words: Vec<&str> = if choices.is_empty() { examples.collect() } else { choices };
    words.into_iter().map(|word| Next::Word(word.to_owned())).collect()
}

fn valid<T: Scalar>() -> String {
    let choices = T::choices();
    if choices.is_empty() { format!("a {} like {}", T::UNIT, T::EXAMPLE) } else { choices.join(", ") }
}

/// What to say of a word after the end of a fault.
fn too_much(word: &str, after_for: bool) -> String {
    match word {
        "at" => "`at` begins another fault: separate faults by `;`".to_owned(),
        "for" => "`for` stands once, at the end".to_owned(),
        _ if after_for => format!("`{word}` is too much; valid: `;` and the next fault"),
        _ if scalar::<Duration>(word).is_ok() => {
            format!(
                "`{word}` is too much; valid: `for {word}`; within a fault a duration is one word, like 1m30s"
            )
        }
        _ => format!("`{word}` is too much; valid: `for` and a duration, or `;` and the next fault"),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::parameter::{BitRate, Choice as _, LONGEST, Probability, mins, ms, secs};
    use crate::sim::fault::SegmentKind;

    fn duration() -> impl Strategy<Value = Duration> {
        prop_oneof![
            4 => (0u64..10_000_000).prop_map(Duration::from_millis),
            1 => (0..=LONGEST.as_micros() as u64).prop_map(Duration::from_micros),
        ]
    }

    fn name() -> impl Strategy<Value = String> {
        "[a-z][a-z0-9-]{0,5}".prop_filter("a keyword", |n| {
            !is_keyword(n) && n != "destroy" && n != "clock-runs" && n != "dead"
        })
    }

    fn link() -> impl Strategy<Value = Between> {
        (name(), name(), any::<bool>())
            .prop_filter("a link", |(a, b, _)| a != b)
            .prop_map(|(a, b, one_way)| Between { a, b, one_way })
    }

    fn chance() -> impl Strategy<Value = Probability> {
        (0u32..=1000).prop_map(|p| Probability(f64::from(p) / 1000.0))
    }

    fn kind() -> impl Strategy<Value = SegmentKind> {
        (0..SegmentKind::WORDS.len()).prop_map(|i| SegmentKind::WORDS[i].1)
    }

    fn dns() -> impl Strategy<Value = Dns> {
        prop_oneof![Just(Dns::Dead), duration().prop_map(Dns::Takes)]
    }

    fn clock() -> impl Strategy<Value = SuspendedClock> {
        prop_oneof![Just(SuspendedClock::Stops), Just(SuspendedClock::Runs)]
    }

    fn fault() -> impl Strategy<Value = Fault> {
        let on_links = prop_oneof![
            link().prop_map(Fault::Partition),
            link().prop_map(Fault::Reject),
            link().prop_map(Fault::Hold),
            (link(), chance()).prop_map(|(l, p)| Fault::Loss(l, p)),
            (link(), chance()).prop_map(|(l, p)| Fault::Duplicate(l, p)),
            (link(), chance()).prop_map(|(l, p)| Fault::Reorder(l, p)),
            (link(), duration(), duration()).prop_map(|(l, a, b)| Fault::Latency(l, a, b)),
            (link(), 1..=1_000_000_000_000_u64, any::<u64>()).prop_map(|(l, r, q)| Fault::Rate(
                l,
                BitRate(r),
                ByteSize(q)
            )),
            (link(), 1..=u32::MAX, kind()).prop_map(|(l, n, k)| Fault::LoseNext(l, n, k)),
        ];
        let on_machines = prop_oneof![
            name().prop_map(Fault::Stall),
            (name(), 1u32..99_999).prop_map(|(m, p)| Fault::Slow(m, Probability(f64::from(p) / 1e5))),
            (name(), clock()).prop_map(|(m, c)| Fault::Suspend(m, c)),
            name().prop_map(Fault::Crash),
            name().prop_map(Fault::PowerLoss),
            (name(), duration(), duration()).prop_map(|(machine, grace, pause)| Fault::Deploy {
                machine,
                grace,
                pause
            }),
            name().prop_map(Fault::Offline),
            name().prop_map(Fault::Forget),
            name().prop_map(Fault::Rebind),
            (name(), dns()).prop_map(|(m, d)| Fault::Dns(m, d)),
            (name(), name(), any::<bool>()).prop_map(|(machine, to, destroy)| Fault::Switch {
                machine,
                to,
                destroy
            }),
        ];
        prop_oneof![on_links, on_machines]
    }

    fn entry() -> impl Strategy<Value = Entry> {
        (duration(), fault(), proptest::option::of(duration())).prop_map(|(at, fault, lasting)| {
            let lasting = lasting.filter(|_| !fault.is_momentary());
            Entry { at, fault, lasting }
        })
    }

    proptest! {
        #[test]
        fn a_script_reads_back_as_it_was_printed(
            entries in proptest::collection::vec(entry(), 0..8), adds in any::<bool>(),
        ) {
            let given = GivenFaults { adds, script: Script(entries) };
            prop_assert_eq!(given.to_string().parse::<GivenFaults>(), Ok(given.clone()));
            prop_assert_eq!(given.script.to_string().parse::<Script>(), Ok(given.script));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in ".{0,80}") {
            let _ = text.parse::<GivenFaults>();
        }

        #[test]
        fn no_words_make_the_parser_panic_and_none_is_dropped(
            begins in prop_oneof![
                Just("stall a for 1m"), Just("stall a"), Just("switch a net"), Just("deploy a"), Just("latency a b 5s"),
                Just("lose next 3 data a->b for 5s"), Just("suspend a"), Just("dns a dead"), Just(""),
            ],
            words in proptest::collection::vec(
                prop_oneof![
                    Just("at"), Just("for"), Just("next"), Just("5s"), Just("1m"), Just("30s"), Just("a"), Just("b"),
                    Just("a->b"), Just("5%"), Just("3"), Just("data"), Just("dead"), Just("destroy"), Just("1kbit/s"),
                    Just("18446744073709551615s"), Just("clock-runs"), Just("net"),
                    (0..VERBS.len()).prop_map(|i| VERBS[i]),
                ], 0..6)
        ) {
            let text = format!("at 5s {begins} {}", words.join(" "));
            if let Ok(script) = text.parse::<Script>() {
                let [entry] = &script.0[..] else { panic!("{text} is one entry") };
                // Every word is in what was read; durations may be written otherwise, and defaults stand there.
                let printed = entry.to_string();
                for word in words.iter().filter(|word| scalar::<Duration>(word).is_err()) {
                    prop_assert!(printed.contains(word), "{text} was read as {printed}");
                }
            }
        }
    }

    fn problem(text: &str) -> String {
        let said = text.parse::<Script>().expect_err(text).to_string();
        assert!(!said.contains('\n'), "{said}");
        said
    }

    fn only(text: &str) -> Entry {
        let script: Script = text.parse().expect(text);
        script.0.into_iter().next().expect("an entry")
    }

    #[test]
    fn a_wrong_entry_says_what_would_be_right() {
        assert!(problem("at 3s explode server").contains("power-loss"));
        assert!(
            problem("at soon stall server")
                .contains("`soon` is not a time after `at`; valid: a duration like")
        );
        assert!(problem("at 3s partition phone").contains("two machines"));
        assert!(problem("partition phone server").contains("at 30s partition"));
        assert!(problem("at 3s stall server 5s").contains("valid: `for 5s`"));
        assert!(problem("at 3s stall server for").contains("needs a duration after `for`"));
        assert!(problem("at 3s lose next 3 psh a->b").contains("any, data, syn, ack, fin, rst"));
        assert!(problem("at 3s lose next 0 data a->b").contains("from 1"));
        assert!(problem("at 3s stall a->b").contains("no machine"));
        assert!(problem("at 3s dns a for 5s").contains("or `dead`"));
    }

    #[test]
    fn durations_are_read_as_parameters_are() {
        let stall = only("at 1m 30s stall server for 1h 2m 3s");
        assert_eq!((stall.at, stall.lasting), (secs(90), Some(secs(3723))));
        assert_eq!(only("at 1s1ns stall server for 1ns").lasting, Some(Duration::ZERO));
        assert_eq!(only("at 1s stall server for 25.0003ms").lasting, Some(ms(25)));
    }

    #[test]
    fn durations_within_a_fault_are_one_word_each() {
        let deploy = |grace, pause| Fault::Deploy { machine: "server".into(), grace, pause };
        assert_eq!(only("at 1s deploy server").fault, deploy(GRACE, secs(0)));
        assert_eq!(only("at 1s deploy server 30s 2s").fault, deploy(secs(30), secs(2)));
        assert_eq!(only("at 1s deploy server 1m30s").fault, deploy(secs(90), secs(0)));
        assert!(problem("at 1s dns phone 1m 30s").contains("one word, like 1m30s"));
    }

    #[test]
    fn durations_that_no_run_can_hold_are_refused_where_they_are_read() {
        for text in [
            "at 1s stall server for 18446744073709551615s",
            "at 18446744073709551615s stall server",
            "at 1s stall server for 5124095576030431h",
            "at 1s latency a b 9000h",
            "at 1s deploy a 1s 9000h",
        ] {
            assert!(problem(text).contains("out of range; valid: 0s to 8784h"), "{}", problem(text));
        }
    }

    #[test]
    fn an_entry_is_read_to_its_end() {
        assert!(problem("at 1s stall a for 5s for 6s").contains("`for` stands once"));
        assert!(problem("at 1s stall a for 5s at 2s stall b").contains("separate faults by `;`"));
        assert!(problem("at 1s stall a at 2s stall b").contains("separate faults by `;`"));
        assert!(problem("at 1s switch a lte destory").contains("`destory` is too much"));
        assert!(problem("at 1s stall a for 5s please").contains("`please` is too much"));
        assert_eq!(only("at 1s stall a for 1m 30s").lasting, Some(mins(1) + secs(30)));
    }

    #[test]
    fn what_can_mean_nothing_is_refused() {
        assert!(problem("at 1s rate a b 0bit/s").contains("valid: 1bit/s to"));
        assert!(problem("at 1s partition phone phone").contains("two different machines"));
        assert!(problem("at 1s slow a 0%").contains("0% is `stall`"));
        assert!(problem("at 1s slow a 100%").contains("99.999%"));
        for momentary in ["forget a", "rebind a", "deploy a 3s"] {
            assert!(problem(&format!("at 1s {momentary} for 5s")).contains("without `for`"));
        }
    }

    #[test]
    fn every_verb_stands_in_the_list_and_in_the_table() {
        // The first cell of a row is an entry, between backquotes.
        let rows = include_str!("verbs.md").lines().filter_map(|line| line.strip_prefix("| `"));
        let verbs: Vec<&str> = rows
            .map(|row| {
                let entry = row.split('`').next().unwrap_or_default();
                let script = entry.parse::<Script>().unwrap_or_else(|e| panic!("{entry}: {e}"));
                script.0[0].fault.verb()
            })
            .collect();
        assert_eq!(verbs, VERBS);
        for verb in VERBS {
            let said = format!("at 1s {verb}").parse::<Script>().expect_err(verb).problem;
            assert!(!said.contains("no fault"), "{verb} is not read");
        }
    }
}
