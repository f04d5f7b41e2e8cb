//! When classes meet, and where.

use std::collections::BTreeMap;

use punchcard_sdk::{Clock, LocalDate, prelude::*};

use crate::{
    attendance::Mark,
    names::{Code, Reference, Room},
    office::Office,
    rejection::Rejection,
    school::Class,
    session::Session,
    storage,
};

/// Students that one reply of `day` lists, but for those of its first session: it has to fit into a reply.
const STUDENTS_MAX: usize = 200;

/// Plans sessions of a class. Neither its room nor its teacher may have another one at the time.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Plan {
    #[schemars(extend("x-title" = {"en": "Class", "zh-CN": "班级"}))]
    class: Code,
    #[schemars(length(min = 1, max = 60), extend("x-title" = {"en": "Sessions", "zh-CN": "课次"}))]
    sessions: Vec<Wanted>,
}

/// A session to be planned.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Wanted {
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: LocalDate,
    #[schemars(extend("x-title" = {"en": "Start", "zh-CN": "开始时间"}))]
    start: Clock,
    /// As long as the course says when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 1439), extend("x-title" = {"en": "Minutes", "zh-CN": "分钟数"}))]
    minutes: Option<u16>,
    /// The room of the class when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Room", "zh-CN": "教室"}))]
    room: Option<Room>,
    /// The teacher of the class when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Teacher", "zh-CN": "教师"}))]
    teacher: Option<Reference>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Planned {
    sessions: Vec<SessionView>,
}

/// A session as callers see it.
#[derive(Debug, Serialize)]
struct SessionView {
    session: String,
    class: Code,
    course: Code,
    date: LocalDate,
    start: Clock,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<Clock>,
    minutes: u16,
    room: Room,
    teacher: Reference,
    cancelled: bool,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        let (id, end) = (session.id().to_string(), session.end());
        let Session { class, course, date, start, minutes, room, teacher, cancelled } = session;
        Self { session: id, class, course, date, start, end, minutes, room, teacher, cancelled }
    }
}

impl Command for Plan {
    const NAME: &'static str = "plan";
    const TITLE: Text = Text::new("Plan sessions", "排课");
    type Output = Planned;

    fn run(self, ctx: &CallContext) -> Result<Planned, Refusal> {
        let office = Office::open(ctx)?;
        let class = office.class(&self.class)?;
        let minutes = office.course(&class.course)?.minutes;
        let planned = self.sessions.into_iter().map(|wanted| plan(&office, &class, minutes, wanted));
        Ok(Planned { sessions: planned.collect::<Result<_, _>>()? })
    }
}

/// Refuses, in this order: `session-too-long`, `session-exists`, `room-taken`, `teacher-taken`.
fn plan(office: &Office<'_>, class: &Class, minutes: u16, wanted: Wanted) -> Result<SessionView, Refusal> {
    let session = Session {
        class: class.class.clone(),
        course: class.course.clone(),
        date: wanted.date,
        start: wanted.start,
        minutes: wanted.minutes.unwrap_or(minutes),
        room: wanted.room.unwrap_or_else(|| class.room.clone()),
        teacher: wanted.teacher.unwrap_or_else(|| class.teacher.clone()),
        cancelled: false,
    };
    let id = session.id();
    let named = id.to_string();
    if session.end().is_none() {
        return Err(office.no(&Rejection::SessionTooLong { session: named }));
    }
    if storage::session(office.store, &id)?.is_some_and(|earlier| !earlier.cancelled) {
        return Err(office.no(&Rejection::SessionExists { session: named }));
    }
    let mut in_room = storage::room(office.store, &session.room, session.date)?;
    if let Err(class) = in_room.book(&session) {
        return Err(office.no(&Rejection::RoomTaken { room: session.room, session: named, class }));
    }
    let mut with_teacher = storage::teacher(&session.teacher, session.date)?;
    if let Err(class) = with_teacher.book(&session) {
        return Err(office.no(&Rejection::TeacherTaken { teacher: session.teacher, session: named, class }));
    }
    storage::put_room(office.store, &session.room, session.date, &in_room)?;
    storage::put_teacher(&session.teacher, session.date, &with_teacher)?;
    storage::put_session(office.store, &session)?;
    Ok(session.into())
}

/// Cancels a session that has taken no minutes. Its room and teacher are free again.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelSession {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Session", "zh-CN": "课次"}))]
    session: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct CancelledSession {
    session: String,
}

impl Command for CancelSession {
    const NAME: &'static str = "cancel-session";
    const TITLE: Text = Text::new("Cancel a session", "取消课次");
    type Output = CancelledSession;

    fn run(self, ctx: &CallContext) -> Result<CancelledSession, Refusal> {
        let office = Office::open(ctx)?;
        let session = office.session(&self.session)?;
        let attendance = storage::attendance_of(office.store, &session.id())?;
        if attendance.iter().any(|attendance| !attendance.taken.is_empty()) {
            return Err(office.no(&Rejection::SessionAttended { session: self.session }));
        }
        let mut in_room = storage::room(office.store, &session.room, session.date)?;
        in_room.free(&session);
        storage::put_room(office.store, &session.room, session.date, &in_room)?;
        let mut with_teacher = storage::teacher(&session.teacher, session.date)?;
        with_teacher.free(&session);
        storage::put_teacher(&session.teacher, session.date, &with_teacher)?;
        storage::put_session(office.store, &Session { cancelled: true, ..session })?;
        Ok(CancelledSession { session: self.session })
    }
}

/// Shows the sessions of a day of the store, with the students of each and how they attended.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Day {
    /// Today when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Day", "zh-CN": "日期"}))]
    date: Option<LocalDate>,
    /// Where an earlier reply said to go on.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "After", "zh-CN": "续查位置"}))]
    after: Option<String>,
    /// At most so many sessions; 20 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20), extend("x-title" = {"en": "At most", "zh-CN": "最多条数"}))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct SessionsOfDay {
    date: LocalDate,
    sessions: Vec<SessionWithStudents>,
    /// Where to go on, when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize)]
struct SessionWithStudents {
    #[serde(flatten)]
    session: SessionView,
    students: Vec<Attendee>,
}

/// Who is in the class, or was marked when they were.
#[derive(Debug, Serialize)]
struct Attendee {
    student: String,
    /// None when it is not marked.
    attendance: Option<Mark>,
}

impl Command for Day {
    const NAME: &'static str = "day";
    const TITLE: Text = Text::new("Sessions of a day", "当日课程");
    type Output = SessionsOfDay;

    fn run(self, ctx: &CallContext) -> Result<SessionsOfDay, Refusal> {
        let office = Office::open(ctx)?;
        let date = self.date.unwrap_or_else(|| ctx.local.date());
        let limit = self.limit.unwrap_or(20);
        let found = storage::sessions_of(office.store, date, self.after.as_deref(), limit)?;
        let is_full = found.len() == usize::try_from(limit).unwrap_or(0);
        let mut reply = SessionsOfDay { date, sessions: Vec::new(), next: None };
        let (mut students, mut place) = (0, None);
        for (at, session) in found {
            let attendees = attendees(&office, &session)?;
            students += attendees.len();
            if students > STUDENTS_MAX && !reply.sessions.is_empty() {
                return Ok(SessionsOfDay { next: place, ..reply });
            }
            reply.sessions.push(SessionWithStudents { session: session.into(), students: attendees });
            place = Some(at);
        }
        Ok(SessionsOfDay { next: place.filter(|_| is_full), ..reply })
    }
}

fn attendees(office: &Office<'_>, session: &Session) -> Result<Vec<Attendee>, Refusal> {
    let enrolled = storage::students_of(&session.class)?.into_iter().map(|student| (student, None));
    let mut students: BTreeMap<String, Option<Mark>> = enrolled.collect();
    for attendance in storage::attendance_of(office.store, &session.id())? {
        let is_enrolled = students.contains_key(attendance.student.as_str());
        if attendance.mark.is_some() || is_enrolled {
            students.insert(attendance.student.into(), attendance.mark);
        }
    }
    Ok(students.into_iter().map(|(student, attendance)| Attendee { student, attendance }).collect())
}
