//! Reading what was measured on Linux (`src/fidelity/LINUX.md`).

use std::sync::LazyLock;

use serde_json::Value;

use super::Table;

/// The measurements, as they were written down.
static RESULTS: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("linux.json")).expect("the measurements are part of the source")
});

/// The measurements of the second table.
static MORE: LazyLock<Value> = LazyLock::new(|| {
    serde_json::from_str(include_str!("more.json")).expect("the measurements are part of the source")
});

/// The measurements of a table, in their order in the file.
pub(super) fn all(table: Table) -> impl Iterator<Item = (&'static str, Measured)> {
    match table {
        Table::First => Measured(&RESULTS["experiments"]).entries(),
        Table::Second => Measured(&MORE).entries(),
    }
}

/// One measured run, or a part of it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Measured(&'static Value);

impl Measured {
    pub fn get(self, key: &str) -> Measured {
        Measured(&self.0[key])
    }

    pub fn nth(self, i: usize) -> Measured {
        Measured(&self.0[i])
    }

    pub fn items(self) -> impl Iterator<Item = Measured> {
        self.0.as_array().into_iter().flatten().map(Measured)
    }

    /// What an object holds, by name.
    pub fn entries(self) -> impl Iterator<Item = (&'static str, Measured)> {
        let entries = self.0.as_object();
        entries.into_iter().flatten().map(|(key, value)| (key.as_str(), Measured(value)))
    }

    pub fn exists(self) -> bool {
        !self.0.is_null()
    }

    /// A number; 0 if there is none.
    pub fn number(self) -> f64 {
        self.0.as_f64().unwrap_or(0.0)
    }

    /// A count; 0 if there is none.
    pub fn count(self) -> u64 {
        // Counts are whole, whether written as 2 or 2.0.
        self.number() as u64
    }

    pub fn text(self) -> String {
        match self.0 {
            Value::String(s) => s.clone(),
            Value::Null => "nothing".to_owned(),
            other => other.to_string(),
        }
    }

    pub fn numbers(self) -> Vec<f64> {
        self.items().map(Measured::number).collect()
    }

    /// The same number of every run.
    pub fn each(self, key: &str) -> Vec<f64> {
        self.items().map(|run| run.get(key).number()).collect()
    }

    /// `{"t": 10.7, "so_error": "ETIMEDOUT"}`: when a socket failed, and how; nothing if it did not.
    pub fn failure(self) -> Option<(f64, String)> {
        let error = self.get("so_error");
        error.exists().then(|| (self.get("t").number(), error.text()))
    }

    /// What the only side that was watched put on the wire, of packets `[t, flags, length]`: when, and which kind.
    pub fn one_sided(self) -> Vec<(f64, String)> {
        let kind = |p: Measured| kind(&p.nth(1).text(), p.nth(2).count() > 0).to_owned();
        self.items().map(|p| (p.nth(0).number(), kind(p))).collect()
    }

    /// What one side put on the wire, of packets `[t, side, flags, length, ...]`: when, and which kind.
    pub fn packets(self, side: &str) -> Vec<(f64, String)> {
        let of_side = self.items().filter(|p| p.nth(1).text() == side);
        of_side
            .map(|p| {
                let kind = kind(&p.nth(2).text(), p.nth(3).count() > 0);
                (p.nth(0).number(), kind.to_owned())
            })
            .collect()
    }
}

/// The kind of a segment, by its flags as tcpdump's letters.
pub(super) fn kind(flags: &str, data: bool) -> &'static str {
    let has = |flag| flags.contains(flag);
    match (has('R'), has('S'), has('F')) {
        (true, ..) => "RST",
        (_, true, _) if has('A') => "SYN-ACK",
        (_, true, _) => "SYN",
        (.., true) => "FIN",
        _ if data => "data",
        _ => "ACK",
    }
}
