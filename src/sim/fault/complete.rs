//! What can stand at a place of a fault script that is being written, and what is wrong with it where.

use super::Entry;
use super::grammar::{Next, VERBS, Words};

/// The names that a script may use: those of a world.
pub trait Names {
    /// Its machines.
    fn machines(&self) -> Vec<String>;
    /// The interfaces of a machine; none where there is no such machine.
    fn interfaces(&self, machine: &str) -> Vec<String>;
}

/// What can stand at the cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Completion {
    /// Where the word at the cursor begins; behind the last blank, if the cursor stands there.
    pub from: usize,
    /// The words that could stand there and begin as it does.
    pub words: Vec<String>,
    /// The first thing that is wrong with the script.
    pub error: Option<Wrong>,
}

/// Something wrong with a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wrong {
    /// Where.
    pub at: usize,
    /// What is wrong and what is valid, in one line.
    pub message: String,
}

/// The verbs of all faults.
pub fn verbs() -> &'static [&'static str] {
    &VERBS
}

/// No more words than anybody reads.
const MOST_WORDS: usize = 50;
/// With more machines than that, the links between them are not listed.
const FEW_MACHINES: usize = 4;

/// What can stand at the cursor of a script. Places are counted in bytes; a cursor within a letter stands before it.
pub fn complete(script: &str, cursor: usize, names: &impl Names) -> Completion {
    let mut cursor = cursor.min(script.len());
    while !script.is_char_boundary(cursor) {
        cursor -= 1;
    }
    let begun = &script[..cursor];
    let entry = &begun[begun.rfind([';', '\n']).map_or(0, |at| at + 1)..];
    // The mark before a script that adds to the scenario's own.
    let adds = if script.trim_start().starts_with('+') { entry.trim_start().strip_prefix('+') } else { None };
    let entry = adds.unwrap_or(entry);
    let word = &entry[entry.rfind(char::is_whitespace).map_or(0, |at| at + blank(&entry[at..]))..];
    let mut words = Words::of(&entry[..entry.len() - word.len()]);
    // What is wrong before the cursor leaves nothing open.
    let _ = words.entry();
    let mut fitting: Vec<String> = Vec::new();
    for found in words.open.into_iter().flat_map(|next| spelt(next, names)) {
        if found.starts_with(word) && !fitting.contains(&found) && fitting.len() < MOST_WORDS {
            fitting.push(found);
        }
    }
    Completion { from: cursor - word.len(), words: fitting, error: wrong(script, names) }
}

/// The length of the blank that a text begins with.
fn blank(text: &str) -> usize {
    text.chars().next().map_or(0, char::len_utf8)
}

fn spelt(next: Next, names: &impl Names) -> Vec<String> {
    match next {
        Next::Word(word) => vec![word],
        Next::Machine => names.machines(),
        Next::Interface(machine) => names.interfaces(&machine),
        Next::Link => {
            let machines = names.machines();
            let mut words = machines.clone();
            if machines.len() <= FEW_MACHINES {
                let pairs = machines.iter().flat_map(|a| machines.iter().map(move |b| (a, b)));
                words.extend(pairs.filter(|(a, b)| a != b).map(|(a, b)| format!("{a}->{b}")));
            }
            words
        }
    }
}

/// The first thing that is wrong with a script, as far as it can be known without its world's course.
fn wrong(script: &str, names: &impl Names) -> Option<Wrong> {
    let mut at = script.len() - script.trim_start().len();
    let rest = script[at..].strip_prefix('+').inspect(|_| at += 1).unwrap_or(&script[at..]);
    let mut read = Vec::new();
    for piece in rest.split([';', '\n']) {
        let begin = at + piece.len() - piece.trim_start().len();
        at += piece.len() + 1;
        let entry = piece.trim();
        if entry.is_empty() {
            continue;
        }
        let places = places(entry);
        let mut words = Words::of(entry);
        match words.entry() {
            Ok(entry) => read.push((begin, places, piece.trim(), entry)),
            Err(message) => {
                // The last word that was looked at is the one that does not fit; all of them: something is missing, or
                // what was read can mean nothing.
                let place = words.looked_at().checked_sub(1).and_then(|n| places.get(n).copied());
                return Some(Wrong { at: begin + place.unwrap_or(entry.len()), message });
            }
        }
    }
    // The names only when all can be read: to know them costs something.
    let machines = if read.is_empty() { Vec::new() } else { names.machines() };
    read.into_iter().find_map(|(begin, places, text, entry)| {
        let (name, message) = unknown(&entry, &machines, names)?;
        let named = |at: &&usize| {
            let word = text[**at..].split_whitespace().next().unwrap_or_default();
            word.split("->").any(|part| part == name)
        };
        // Behind `at`, the time and the verb: a machine may be called `stall`.
        let place = places.iter().skip(2).find(named).copied().unwrap_or_default();
        Some(Wrong { at: begin + place, message })
    })
}

/// The machine or interface of an entry that is not there, and what is.
fn unknown(entry: &Entry, machines: &[String], names: &impl Names) -> Option<(String, String)> {
    let of_the_world = entry.fault.machines().into_iter().find(|name| !machines.iter().any(|m| m == name));
    let listed = |names: &[String]| crate::parameter::listed(names.iter().map(String::as_str));
    if let Some(name) = of_the_world {
        return Some((name.to_owned(), format!("no machine `{name}`; valid: {}", listed(machines))));
    }
    if let super::Fault::Switch { machine, to, .. } = &entry.fault {
        let interfaces = names.interfaces(machine);
        if !interfaces.contains(to) {
            let message = format!("{machine} has no interface `{to}`; valid: {}", listed(&interfaces));
            return Some((to.clone(), message));
        }
    }
    None
}

/// Where the words of a text begin.
fn places(text: &str) -> Vec<usize> {
    let begin = text.as_ptr() as usize;
    text.split_whitespace().map(|word| word.as_ptr() as usize - begin).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    struct TwoMachines;

    impl Names for TwoMachines {
        fn machines(&self) -> Vec<String> {
            vec!["phone".to_owned(), "server".to_owned()]
        }
        fn interfaces(&self, machine: &str) -> Vec<String> {
            match machine {
                "phone" => vec!["wifi".to_owned(), "lte".to_owned()],
                _ => vec!["eth0".to_owned()],
            }
        }
    }

    /// The words at the end of a script.
    fn at_the_end(script: &str) -> Vec<String> {
        let completion = complete(script, script.len(), &TwoMachines);
        let begun = script.rsplit([' ', ';', '+']).next().unwrap();
        assert_eq!(completion.from, script.len() - begun.len(), "{script}");
        completion.words
    }

    #[test]
    fn at_every_place_of_an_entry_stands_what_the_grammar_takes_there() {
        assert_eq!(at_the_end(""), ["at"]);
        assert_eq!(at_the_end("+ "), ["at"]);
        assert!(at_the_end("at ").contains(&"250ms".to_owned()));
        assert_eq!(at_the_end("at 5s par"), ["partition"]);
        assert_eq!(at_the_end("at 1m 30s sl"), ["slow"]);
        assert_eq!(at_the_end("at 5s partition "), ["phone", "server", "phone->server", "server->phone"]);
        assert_eq!(at_the_end("at 5s partition phone "), ["phone", "server"]);
        assert_eq!(at_the_end("at 5s partition phone->server "), ["for"]);
        assert_eq!(at_the_end("at 5s stall s"), ["server"]);
        assert_eq!(at_the_end("at 5s lose "), ["next"]);
        assert_eq!(at_the_end("at 5s lose next 3 "), ["any", "data", "syn", "ack", "fin", "rst"]);
        assert_eq!(at_the_end("at 5s switch phone "), ["wifi", "lte"]);
        assert_eq!(at_the_end("at 5s switch phone lte d"), ["destroy"]);
        assert_eq!(at_the_end("at 5s switch phone lte "), ["destroy", "for"]);
        assert_eq!(at_the_end("at 5s stall phone for 5s; at 6s st"), ["stall"]);
        assert_eq!(at_the_end("+at 5s of"), ["offline"]);
        assert!(at_the_end("at 5s explode ").is_empty());
        // What stands behind the cursor does not matter.
        let completion = complete("at 5s  phone", 6, &TwoMachines);
        assert_eq!((completion.from, completion.words.len()), (6, 20));
    }

    #[test]
    fn an_error_stands_at_the_word_that_does_not_fit() {
        let wrong =
            |script: &str| complete(script, 0, &TwoMachines).error.map(|wrong| (wrong.at, wrong.message));
        let at = |script: &str| wrong(script).map(|(at, _)| at);
        assert_eq!(wrong("at 5s partition phone server for 5s"), None);
        assert_eq!(wrong(""), None);
        assert_eq!(wrong(" + "), None);
        assert_eq!(at("5s stall phone"), Some(0));
        assert_eq!(at("at soon stall phone"), Some(3));
        assert_eq!(at("at 5s explode phone"), Some(6));
        assert_eq!(at("at 5s stall"), Some(11), "where the missing word would stand");
        assert_eq!(at("at 5s stall phone for 5s for 6s"), Some(25));
        assert_eq!(at("+ at 5s stall phone;\n at 6s lose next 0.5 data phone->server"), Some(38));
        let unknown = wrong("at 1s stall phone; at 5s partition phone->sever").unwrap();
        assert_eq!(unknown, (35, "no machine `sever`; valid: phone, server".to_owned()));
        let unknown = wrong("at 1s switch phone lan").unwrap();
        assert_eq!(unknown, (19, "phone has no interface `lan`; valid: wifi, lte".to_owned()));
    }

    proptest! {
        #[test]
        fn whatever_is_written_places_lie_within_it_and_words_begin_as_it_does(
            script in "(at|for|[+;\n ]|[0-9]s|stall|switch|phone|->|\\PC){0,24}", cursor in 0usize..100,
        ) {
            let completion = complete(&script, cursor, &TwoMachines);
            let begun = script.get(completion.from..).expect("a place between two letters");
            let cursor = (0..=cursor.min(script.len())).rev().find(|at| script.is_char_boundary(*at)).unwrap();
            let begun = &begun[..cursor - completion.from];
            prop_assert!(completion.words.iter().all(|word| word.starts_with(begun)));
            if let Some(wrong) = completion.error {
                prop_assert!(script.get(wrong.at..).is_some() && !wrong.message.contains('\n'));
                prop_assert!(script.parse::<super::super::GivenFaults>().is_err() || wrong.message.contains("no "));
            } else {
                prop_assert!(script.parse::<super::super::GivenFaults>().is_ok());
            }
        }
    }
}
