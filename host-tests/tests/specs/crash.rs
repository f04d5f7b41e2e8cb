//! A handful of the kills that `cargo xtask crash` makes hundreds of.

use std::time::Duration;

use host_tests::crash::{Plan, run};

#[test]
fn whatever_moment_it_is_killed_at_nothing_acknowledged_is_lost_and_nothing_is_done_twice() {
    let plan = Plan { cycles: 8, clients: 8, seed: 20_260_318, time_max: Some(Duration::from_secs(30)) };
    let report = run(plan, |_| {});
    assert!(report.faults.is_empty(), "{report}");
    assert!(report.acknowledged > 0 && report.under_way > 0, "{report}");
}
