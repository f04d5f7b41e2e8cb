//! Attendance of sessions, and what it took.

use punchcard_sdk::prelude::*;

use crate::{
    attendance::{Attendance, Mark, Taken, sum},
    lesson,
    names::Reference,
    office::Office,
    session::{Session, SessionId},
    storage,
};

/// A student's attendance as callers see it.
#[derive(Debug, Serialize)]
pub(crate) struct AttendanceView {
    session: String,
    store: String,
    student: Reference,
    /// None after it was taken back.
    attendance: Option<Mark>,
    marked_at: u64,
    /// What it takes.
    minutes: u64,
    /// What that is worth: revenue.
    minor: u64,
    /// From which lots.
    taken: Vec<Taken>,
    /// How often it was taken back.
    corrections: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl AttendanceView {
    fn new(store: &str, session: String, attendance: Attendance) -> Self {
        let worth = sum(&attendance.taken);
        let Attendance { student, mark, marked_at, taken, corrections, reason } = attendance;
        Self {
            session,
            store: store.to_owned(),
            student,
            attendance: mark,
            marked_at,
            minutes: worth.minutes,
            minor: worth.minor,
            taken,
            corrections,
            reason,
        }
    }
}

/// An attendance that was marked, with what the student has left.
#[derive(Debug, Serialize)]
pub(crate) struct Marked {
    #[serde(flatten)]
    attendance: AttendanceView,
    left_minutes: u64,
}

fn marked(office: &Office<'_>, session: &Session, attendance: Attendance) -> Result<Marked, Refusal> {
    // Who was never sold anything and takes leave is in a class, and so is known.
    let left_minutes = office.left_minutes(&office.student(&attendance.student)?)?;
    let attendance = AttendanceView::new(office.store, session.id().to_string(), attendance);
    Ok(Marked { attendance, left_minutes })
}

/// Takes leave of a session, in time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Leave {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Session", "zh-CN": "课次"}))]
    session: String,
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
}

impl Command for Leave {
    const NAME: &'static str = "leave";
    const TITLE: Text = Text::new("Take leave", "请假");
    type Output = Marked;

    fn run(self, ctx: &CallContext) -> Result<Marked, Refusal> {
        let office = Office::open(ctx)?;
        let session = office.session(&self.session)?;
        let attendance = lesson::mark(&office, &session, &self.student, Mark::Leave)?;
        marked(&office, &session, attendance)
    }
}

/// Marks how a student attended a session, once. What it takes comes from the lots that expire soonest and are good for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Attend {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Session", "zh-CN": "课次"}))]
    session: String,
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
    #[schemars(extend("x-title" = {"en": "Attendance", "zh-CN": "考勤"}))]
    attendance: Mark,
}

impl Command for Attend {
    const NAME: &'static str = "attend";
    const TITLE: Text = Text::new("Mark attendance", "记考勤");
    type Output = Marked;

    fn run(self, ctx: &CallContext) -> Result<Marked, Refusal> {
        let office = Office::open(ctx)?;
        let session = office.session(&self.session)?;
        let attendance = lesson::mark(&office, &session, &self.student, self.attendance)?;
        marked(&office, &session, attendance)
    }
}

/// Takes an attendance back, so that what it took returns to the very lots, and marks another one if that is wanted.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Correct {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Session", "zh-CN": "课次"}))]
    session: String,
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
    /// What it is instead; none when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Attendance", "zh-CN": "考勤"}))]
    attendance: Option<Mark>,
    #[serde(default)]
    #[schemars(length(min = 1, max = 100), extend("x-title" = {"en": "Reason", "zh-CN": "原因"}))]
    reason: Option<String>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Corrected {
    /// What returned to the lots.
    returned_minutes: u64,
    /// Revenue that was taken back.
    returned_minor: u64,
    #[serde(flatten)]
    marked: Marked,
}

impl Command for Correct {
    const NAME: &'static str = "correct";
    const TITLE: Text = Text::new("Correct attendance", "更正考勤");
    type Output = Corrected;

    fn run(self, ctx: &CallContext) -> Result<Corrected, Refusal> {
        let office = Office::open(ctx)?;
        let session = office.session(&self.session)?;
        let before = lesson::take_back(&office, &session, &self.student, self.reason)?;
        let returned = sum(&before.taken);
        let attendance = match self.attendance {
            Some(mark) => lesson::mark(&office, &session, &self.student, mark)?,
            None => lesson::open(&office, &session, &self.student)?,
        };
        let marked = marked(&office, &session, attendance)?;
        Ok(Corrected { returned_minutes: returned.minutes, returned_minor: returned.minor, marked })
    }
}

/// Shows what a student attended, the latest session first, and from which lots that was taken.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct History {
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
    /// Where an earlier reply said to go on.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "After", "zh-CN": "续查位置"}))]
    after: Option<String>,
    /// At most so many; 50 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 50), extend("x-title" = {"en": "At most", "zh-CN": "最多条数"}))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct HistoryOfStudent {
    student: Reference,
    sessions: Vec<AttendanceView>,
    /// Where to go on, when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Command for History {
    const NAME: &'static str = "history";
    const TITLE: Text = Text::new("Attendance of a student", "学员上课记录");
    type Output = HistoryOfStudent;

    fn run(self, _: &CallContext) -> Result<HistoryOfStudent, Refusal> {
        let page = storage::history(&self.student, self.after.as_deref(), self.limit.unwrap_or(50))?;
        let mut sessions = Vec::with_capacity(page.items.len());
        for past in page.items {
            let Ok(id) = past.session.parse::<SessionId>() else { continue };
            if let Some(attendance) = storage::attendance(&past.store, &id, &self.student)? {
                sessions.push(AttendanceView::new(&past.store, past.session, attendance));
            }
        }
        Ok(HistoryOfStudent { student: self.student, sessions, next: page.next })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_read_and_nonsense_is_not() {
        let attend = r#"{"session":"piano-a@2026-03-21T10:00","student":"tom","attendance":"present"}"#;
        assert!(serde_json::from_str::<Attend>(attend).is_ok());
        for (from, to) in [("present", "here"), ("tom", "t/m"), (r#""tom""#, "7"), ("\"student\"", "\"pupil\"")] {
            assert!(serde_json::from_str::<Attend>(&attend.replace(from, to)).is_err(), "{to}");
        }
    }

    #[test]
    fn a_call_without_a_store_is_refused() {
        let mut ctx = punchcard_sdk::testing::context("2026-10-01", "10:00");
        ctx.store = None;
        let student = "tom".to_owned().try_into().expect("a reference");
        let leave = Leave { session: "piano-a@2026-10-02T10:00".to_owned(), student };
        assert_eq!(leave.run(&ctx).expect_err("there is no store").problem().code, "store-required");
    }
}
