//! Showing how far long work has come, on standard error, when somebody watches.

use indicatif::{ProgressBar, ProgressStyle};

/// Counts what was done of something whose end is not known.
pub(super) fn counting(what: &str) -> ProgressBar {
    let template = format!("{{spinner}} {{human_pos}} {what}, {{elapsed}}");
    ProgressBar::new_spinner().with_style(ProgressStyle::with_template(&template).expect("a template"))
}
