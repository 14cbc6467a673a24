//! How a scenario is declared: its parameters, its question, and one function that reads from world to claims.

use crate::parameter::{Given, ParameterError, Parameters, Spec};
use crate::scenario::{Outcome, RunError, Scenario, Settings};
use crate::sim::fault::GivenFaults;
use crate::sim::world::WorldError;
use crate::sim::{Sysctls, World};
use crate::trace::Recording;

pub use super::report::{Quantity, Report};

/// The prefix under which every scenario takes its kernels' settings.
pub(crate) const KERNEL: &str = "kernel.";

/// A scenario with parameters of type `P`.
///
/// Besides its own, every scenario takes the settings of its machines' kernels (`kernel.timers`, ...).
pub struct Experiment<P> {
    /// `topic/experiment`.
    pub name: &'static str,
    /// What it asks.
    pub question: &'static str,
    /// The settings of its machines' kernels by default.
    pub kernel: fn() -> Sysctls,
    /// What its measures and claims are made from: a run keeps no less, and no more unless it is shown.
    pub needs: Recording,
    /// Builds the world, runs it, measures, claims.
    pub run: fn(P, World) -> Result<Report, WorldError>,
}

impl<P: Parameters> Experiment<P> {
    fn specs(&self) -> Vec<Spec> {
        let mut specs = P::specs();
        <Sysctls as Parameters>::declare(KERNEL, &(self.kernel)(), &mut specs);
        specs
    }

    fn read(&self, given: &Given) -> Result<(P, Sysctls), ParameterError> {
        let valid: Vec<String> = self.specs().into_iter().map(|s| s.name).collect();
        if let Some(name) = given.keys().find(|k| !valid.contains(k)) {
            return Err(ParameterError::Unknown { name: name.clone(), valid });
        }
        let mut given = given.clone();
        let own = P::read("", &P::default(), &mut given)?;
        let kernel = Sysctls::read(KERNEL, &(self.kernel)(), &mut given)?;
        Ok((own, kernel))
    }
}

impl<P: Parameters + Send + Sync> Scenario for Experiment<P> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn question(&self) -> &'static str {
        self.question
    }

    fn parameters(&self) -> Vec<Spec> {
        self.specs()
    }

    fn run(&self, settings: &Settings) -> Result<Outcome, RunError> {
        let (own, kernel) = self.read(&settings.given)?;
        let faults = settings.faults.as_deref().map(str::parse::<GivenFaults>).transpose()?;
        let shown = faults.as_ref().map(GivenFaults::to_string);
        let mut parameters = own.settings();
        kernel.show(KERNEL, &mut parameters);
        let defaults: Vec<Spec> = self.specs();
        let changed = parameters
            .iter()
            .zip(&defaults)
            .filter(|((_, value), spec)| *value != spec.default.text)
            .map(|(setting, _)| setting.clone())
            .collect();
        let mut world = World::new(settings.seed, settings.engine, kernel, faults);
        world.records(self.needs.max(settings.recording));
        world.limits(settings.limits);
        world.without_tokio_timers();
        let report = (self.run)(own, world).map_err(|e| match e {
            WorldError::Faults(e) => RunError::Faults(e),
            WorldError::Failed(e) => RunError::Failed(e),
            WorldError::Engine(e) => RunError::Simulation(e),
            WorldError::TooFast(_) => RunError::Engine(e.to_string()),
            WorldError::NoAddress { .. } | WorldError::SameName(_) | WorldError::Name(_) => {
                RunError::Simulation(e.to_string())
            }
        })?;
        Ok(report.into_outcome(Outcome {
            scenario: self.name,
            seed: settings.seed,
            engine: settings.engine,
            parameters,
            changed,
            faults: shown,
            limits: settings.limits.changed(),
            ..Outcome::default()
        }))
    }
}
