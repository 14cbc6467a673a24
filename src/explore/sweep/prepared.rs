//! A sweep whose runs are counted and can be made in any order, in any number of slices.

use std::ops::Range;

use super::{Kept, MOST_RUNS, Plan, Point, Sweep, SweepError, Vary, command, places, set, spread, vary};
use crate::explore::Registry;
use crate::scenario::{RunError, Scenario};
use crate::trace::Recording;

/// A plan that was read: its runs are counted, none is made yet.
pub struct Prepared<'a> {
    plan: &'a Plan,
    program: &'static str,
    scenario: &'static dyn Scenario,
    set: Vec<(String, String)>,
    vary: Vec<Vary>,
    points: usize,
}

impl<'a> Prepared<'a> {
    /// Reads a plan.
    ///
    /// # Errors
    /// [`SweepError`] for what can be known without a run: all names and values but those of measures.
    pub fn new(registry: Registry, plan: &'a Plan) -> Result<Self, SweepError> {
        let scenario = registry.find(&plan.scenario)?;
        let specs = scenario.parameters();
        let set = set(plan, &specs)?;
        let vary = vary(plan, &specs)?;
        let seeds = plan.seeds.get() as usize;
        let points = vary.iter().try_fold(1usize, |n, vary| n.checked_mul(vary.values.len()));
        let points = points.filter(|n| n.checked_mul(seeds).is_some_and(|runs| runs <= MOST_RUNS));
        let points = points.ok_or(SweepError::TooMany)?;
        let (seed, more) = (plan.settings.seed, u64::from(plan.seeds.get()) - 1);
        seed.checked_add(more).ok_or(SweepError::Seeds { seed, seeds: plan.seeds })?;
        Ok(Self { plan, program: registry.program(), scenario, set, vary, points })
    }

    /// How many runs it takes.
    pub fn runs(&self) -> usize {
        self.points * self.seeds()
    }

    fn seeds(&self) -> usize {
        self.plan.seeds.get() as usize
    }

    /// Makes one run.
    pub(super) fn one(&self, n: usize) -> Result<Kept, RunError> {
        let mut settings = self.plan.settings.clone();
        settings.seed += (n % self.seeds()) as u64;
        // A sweep shows numbers: nothing is kept that they are not made from.
        settings.recording = Recording::Counters;
        for (vary, place) in self.vary.iter().zip(places(&self.vary, n / self.seeds())) {
            settings.given.insert(vary.name.clone(), vary.values[place].text.clone());
        }
        Kept::of(self.scenario, &settings)
    }

    /// Makes the runs of these numbers, one after the other, those of them that there are. Before each, `go_on` is asked.
    ///
    /// # Errors
    /// [`SweepError::Run`] of the first run that fails, [`SweepError::Stopped`] when `go_on` says no.
    pub fn slice(
        &self,
        slice: Range<usize>,
        go_on: &(dyn Fn() -> bool + Sync),
    ) -> Result<Vec<Kept>, SweepError> {
        let runs = self.runs();
        let slice = slice.start.min(runs)..slice.end.min(runs);
        let first = slice.start;
        let made = slice.map(|n| match go_on() {
            true => Ok(self.one(n)?),
            false => Err(SweepError::Stopped { done: n - first, runs }),
        });
        made.collect()
    }

    /// The measures wanted, as a run has them.
    pub(super) fn measures(&self, run: &Kept) -> Result<Vec<String>, SweepError> {
        let all = || run.measures.iter().map(|(name, _)| name.clone());
        if self.plan.measures.is_empty() {
            return Ok(all().collect());
        }
        let wanted = self.plan.measures.iter().map(|wanted| {
            let unknown = || SweepError::NoMeasure { name: wanted.clone(), valid: all().collect() };
            all().find(|name| name == wanted).ok_or_else(unknown)
        });
        wanted.collect()
    }

    /// The sweep, from what was kept of all its runs, in order. Nothing is run.
    ///
    /// # Errors
    /// [`SweepError::Kept`] when there are more or fewer of them than runs, [`SweepError::NoMeasure`].
    pub fn drawn_from(&self, runs: &[Kept]) -> Result<Sweep, SweepError> {
        let first = runs.first().filter(|_| runs.len() == self.runs());
        let first = first.ok_or(SweepError::Kept { given: runs.len(), runs: self.runs() })?;
        let measures = self.measures(first)?;
        let mut claims: Vec<String> = Vec::new();
        for (id, _) in runs.iter().flat_map(|run| &run.claims) {
            if !claims.contains(id) {
                claims.push(id.clone());
            }
        }
        let failed = |run: &Kept, id: &str| run.claims.iter().any(|(claimed, holds)| claimed == id && !holds);
        let unchanged = self.plan.settings.faults.is_none();
        let failed_at_the_defaults =
            runs.iter().any(|run| unchanged && !run.changed && run.claims.iter().any(|(_, holds)| !holds));
        let point = |(n, runs): (usize, &[Kept])| Point {
            values: places(&self.vary, n),
            measures: measures.iter().map(|name| spread(runs, name)).collect(),
            claims_failed: claims
                .iter()
                .filter(|id| runs.iter().any(|run| failed(run, id)))
                .cloned()
                .collect(),
        };
        let points = runs.chunks(self.seeds()).enumerate().map(point).collect();
        Ok(Sweep {
            scenario: self.scenario.name(),
            question: self.scenario.question(),
            command: command(self.plan, self.program, self.scenario.name()),
            seed: self.plan.settings.seed,
            seeds: self.plan.seeds,
            set: self.set.clone(),
            faults: self.plan.settings.faults.clone(),
            vary: self.vary.clone(),
            measures,
            claims,
            points,
            failed_at_the_defaults,
            form: self.plan.form,
        })
    }
}
