//! One test, alone in its process: who listens to the log while another thread does not.

use halfopen::parameter::secs;
use halfopen::sim::{Engine, Sysctls, World};

/// A log statement of its own, that nobody has come upon before.
fn says() {
    tracing::info!(target: "halfopen::app", "said");
}

#[test]
fn a_thread_that_does_not_listen_silences_no_run_on_another() {
    let mut world = World::new(0, Engine::default(), Sysctls::default(), None);
    world.notes(["said"]);
    world.machine("host").does(async |_| {
        // Comes upon it first, without a subscriber.
        std::thread::spawn(says).join().expect("it says it");
        says();
        Ok(())
    });
    let trace = world.run(secs(1)).expect("the world runs");
    assert_eq!(trace.all("said").on("host").count(), 1);
}
