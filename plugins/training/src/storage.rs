//! Where things lie in the pack's storage, so that whatever is listed is one range that does not grow with history:
//!
//! | key | value |
//! |---|---|
//! | `course/COURSE` | the course |
//! | `class/CLASS` | the class |
//! | `enrolment/CLASS/STUDENT` | since when |
//! | `session/STORE/DATE/START/CLASS` | the session |
//! | `attendance/STORE/DATE/START/CLASS/STUDENT` | the attendance |
//! | `history/STUDENT/LATEST FIRST/CLASS` | the session's store and id |
//! | `room/STORE/ROOM/DATE`, `teacher/TEACHER/DATE` | what is booked on that day |
//! | `student/STUDENT` | whose student it is, and the packages that have something left |
//! | `package/PACKAGE` | the package |
//! | `sold/STUDENT/LATEST FIRST/PACKAGE` | the package's id |
//! | `due/INSTANT/PACKAGE` | nothing: the package expires then |
//! | `figures/month/MONTH/STORE/SHARD`, `figures/year/YEAR/STORE/SHARD` | what moved |

use std::collections::BTreeMap;

use punchcard_sdk::{LocalDate, Refusal, kv};
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::{
    attendance::Attendance,
    figures::{Flows, Month},
    names::{Code, Reference, Room},
    package::Package,
    school::{Class, Course, Enrolment, Student},
    session::{Bookings, Session, SessionId},
};

/// Over how many counters the figures of a store's month are spread, so that tills do not wait for each other.
const SHARDS: u64 = 8;

/// A page of a list, with where to go on.
pub(crate) struct Page<T> {
    pub(crate) items: Vec<T>,
    pub(crate) next: Option<String>,
}

/// A session in a student's history.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct PastSession {
    pub(crate) store: String,
    pub(crate) session: String,
}

pub(crate) fn course(course: &Code) -> Result<Option<Course>, Refusal> {
    kv::get_json(&format!("course/{course}"))
}

pub(crate) fn put_course(course: &Course) -> Result<(), Refusal> {
    kv::put_json(&format!("course/{}", course.course), course)
}

pub(crate) fn class(class: &Code) -> Result<Option<Class>, Refusal> {
    kv::get_json(&format!("class/{class}"))
}

pub(crate) fn put_class(class: &Class) -> Result<(), Refusal> {
    kv::put_json(&format!("class/{}", class.class), class)
}

pub(crate) fn enrolment(class: &Code, student: &Reference) -> Result<Option<Enrolment>, Refusal> {
    kv::get_json(&format!("enrolment/{class}/{student}"))
}

pub(crate) fn put_enrolment(class: &Code, student: &Reference, enrolment: &Enrolment) -> Result<(), Refusal> {
    kv::put_json(&format!("enrolment/{class}/{student}"), enrolment)
}

pub(crate) fn delete_enrolment(class: &Code, student: &Reference) -> Result<(), Refusal> {
    Ok(kv::delete(&format!("enrolment/{class}/{student}"))?)
}

/// The students of a class: as many as its capacity, which is small.
pub(crate) fn students_of(class: &Code) -> Result<Vec<String>, Refusal> {
    let found = all::<Enrolment>(&format!("enrolment/{class}/"))?;
    Ok(found.into_iter().map(|(student, _)| student).collect())
}

fn session_key(store: &str, id: &SessionId) -> String {
    format!("session/{}/{}/{}/{}", part(store), id.date, id.start, id.class)
}

pub(crate) fn session(store: &str, id: &SessionId) -> Result<Option<Session>, Refusal> {
    kv::get_json(&session_key(store, id))
}

pub(crate) fn put_session(store: &str, session: &Session) -> Result<(), Refusal> {
    kv::put_json(&session_key(store, &session.id()), session)
}

/// The sessions of a store's day behind a place, in the order in which they begin.
pub(crate) fn sessions_of(
    store: &str,
    date: LocalDate,
    after: Option<&str>,
    limit: u32,
) -> Result<Vec<(String, Session)>, Refusal> {
    behind(&format!("session/{}/{date}/", part(store)), after, limit)
}

fn attendance_key(store: &str, id: &SessionId, student: &Reference) -> String {
    format!("attendance/{}/{}/{}/{}/{student}", part(store), id.date, id.start, id.class)
}

pub(crate) fn attendance(store: &str, id: &SessionId, student: &Reference) -> Result<Option<Attendance>, Refusal> {
    kv::get_json(&attendance_key(store, id, student))
}

/// Puts an attendance, and the session into the student's history.
pub(crate) fn put_attendance(store: &str, id: &SessionId, attendance: &Attendance) -> Result<(), Refusal> {
    kv::put_json(&attendance_key(store, id, &attendance.student), attendance)?;
    let key = history_key(id, &attendance.student);
    kv::put_json(&key, &PastSession { store: store.to_owned(), session: id.to_string() })
}

/// What is marked of a session.
pub(crate) fn attendance_of(store: &str, id: &SessionId) -> Result<Vec<Attendance>, Refusal> {
    let prefix = format!("attendance/{}/{}/{}/{}/", part(store), id.date, id.start, id.class);
    Ok(all(&prefix)?.into_iter().map(|(_, attendance)| attendance).collect())
}

fn history_key(id: &SessionId, student: &Reference) -> String {
    // What comes later sorts first.
    let minutes = i64::from(id.date.days_since_epoch()) * 1440 + i64::from(id.start.minute_of_day());
    format!("history/{student}/{:012}/{}", 99_999_999_999 - minutes, id.class)
}

pub(crate) fn history(student: &Reference, after: Option<&str>, limit: u32) -> Result<Page<PastSession>, Refusal> {
    page(&format!("history/{student}/"), after, limit)
}

pub(crate) fn room(store: &str, room: &Room, date: LocalDate) -> Result<Bookings, Refusal> {
    Ok(kv::get_json(&room_key(store, room, date))?.unwrap_or_default())
}

pub(crate) fn put_room(store: &str, room: &Room, date: LocalDate, bookings: &Bookings) -> Result<(), Refusal> {
    put_bookings(&room_key(store, room, date), bookings)
}

fn room_key(store: &str, room: &Room, date: LocalDate) -> String {
    format!("room/{}/{room}/{date}", part(store))
}

pub(crate) fn teacher(teacher: &Reference, date: LocalDate) -> Result<Bookings, Refusal> {
    Ok(kv::get_json(&format!("teacher/{teacher}/{date}"))?.unwrap_or_default())
}

pub(crate) fn put_teacher(teacher: &Reference, date: LocalDate, bookings: &Bookings) -> Result<(), Refusal> {
    put_bookings(&format!("teacher/{teacher}/{date}"), bookings)
}

fn put_bookings(key: &str, bookings: &Bookings) -> Result<(), Refusal> {
    if bookings.is_empty() { Ok(kv::delete(key)?) } else { kv::put_json(key, bookings) }
}

pub(crate) fn student(student: &Reference) -> Result<Option<Student>, Refusal> {
    kv::get_json(&format!("student/{student}"))
}

pub(crate) fn put_student(student: &Student) -> Result<(), Refusal> {
    kv::put_json(&format!("student/{}", student.student), student)
}

pub(crate) fn package(id: &str) -> Result<Option<Package>, Refusal> {
    // What no id can be must not become a key that there can not be.
    if id.is_empty() || !id.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return Ok(None);
    }
    kv::get_json(&format!("package/{id}"))
}

pub(crate) fn put_package(package: &Package) -> Result<(), Refusal> {
    kv::put_json(&format!("package/{}", package.id), package)
}

/// Puts a package that was just sold, and all that leads to it.
pub(crate) fn put_sold(package: &Package) -> Result<(), Refusal> {
    put_package(package)?;
    let latest_first = 9_999_999_999_999_999 - package.sold_at;
    kv::put_json(&format!("sold/{}/{latest_first:016}/{}", package.student, package.id), &package.id)?;
    match package.expires_at {
        Some(at) => kv::put_json(&format!("due/{at:016}/{}", package.id), &()),
        None => Ok(()),
    }
}

pub(crate) fn sold(student: &Reference, after: Option<&str>, limit: u32) -> Result<Page<String>, Refusal> {
    page(&format!("sold/{student}/"), after, limit)
}

/// Ids of packages that have expired by `now` and are not closed, those first that expired first; with what to delete.
pub(crate) fn due(now: u64, limit: u32) -> Result<Vec<(String, String)>, Refusal> {
    let found = kv::scan("due/", &format!("due/{:016}", now.saturating_add(1)), limit)?;
    let id = |key: &str| key.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(found.into_iter().map(|entry| (id(&entry.key), entry.key)).collect())
}

/// Adds to the figures of a month and store, in the shard that the call's random bits choose.
pub(crate) fn count(month: Month, store: &str, seed: u64, flows: Flows) -> Result<(), Refusal> {
    let place = format!("{}/{}", part(store), seed % SHARDS);
    for key in [format!("figures/month/{month}/{place}"), format!("figures/year/{:04}/{place}", month.year())] {
        let mut sum = kv::get_json::<Flows>(&key)?.unwrap_or_default();
        sum += flows;
        kv::put_json(&key, &sum)?;
    }
    Ok(())
}

/// All that moved before the year of a month.
pub(crate) fn before_year_of(month: Month) -> Result<Flows, Refusal> {
    let found = kv::scan_json::<Flows>("figures/year/", &format!("figures/year/{:04}", month.year()))?;
    let mut sum = Flows::default();
    found.into_iter().for_each(|(_, flows)| sum += flows);
    Ok(sum)
}

/// What moved from one month to another, both included, by month and store.
pub(crate) fn moved(first: Month, last: Month) -> Result<BTreeMap<Month, BTreeMap<String, Flows>>, Refusal> {
    let found = kv::scan_json::<Flows>(&format!("figures/month/{first}/"), &format!("figures/month/{last}0"))?;
    let mut moved = BTreeMap::<Month, BTreeMap<String, Flows>>::new();
    for (key, flows) in found {
        let mut parts = key.split('/').skip(2);
        let (Some(month), Some(store)) = (parts.next().and_then(|month| month.parse().ok()), parts.next()) else {
            return Err(Refusal::failed("unreadable-key", format!("{key} is no key of figures")));
        };
        *moved.entry(month).or_default().entry(store.to_owned()).or_default() += flows;
    }
    Ok(moved)
}

/// A store's id as a part of a key: without slashes, so that no store's range holds keys of another.
fn part(store: &str) -> String {
    store.replace('%', "%25").replace('/', "%2F")
}

/// The end of all keys that begin with a prefix: `0` follows `/`.
fn end_of(prefix: &str) -> String {
    format!("{}0", prefix.trim_end_matches('/'))
}

fn all<T: DeserializeOwned>(prefix: &str) -> Result<Vec<(String, T)>, Refusal> {
    let found = kv::scan_json(prefix, &end_of(prefix))?;
    Ok(found.into_iter().map(|(key, value)| (key[prefix.len()..].to_owned(), value)).collect())
}

/// At most so many entries below a prefix behind a place, each with its own place.
fn behind<T: DeserializeOwned>(prefix: &str, after: Option<&str>, limit: u32) -> Result<Vec<(String, T)>, Refusal> {
    let start = after.map_or_else(|| prefix.to_owned(), |after| format!("{prefix}{after}\0"));
    let read = |entry: kv::Entry| {
        let value = serde_json::from_slice(&entry.value).map_err(|error| {
            Refusal::failed("unreadable-value", format!("the value of {} is not understood: {error}", entry.key))
        })?;
        Ok((entry.key[prefix.len()..].to_owned(), value))
    };
    kv::scan(&start, &end_of(prefix), limit)?.into_iter().map(read).collect()
}

fn page<T: DeserializeOwned>(prefix: &str, after: Option<&str>, limit: u32) -> Result<Page<T>, Refusal> {
    let found = behind(prefix, after, limit)?;
    let is_full = found.len() == usize::try_from(limit).unwrap_or(0);
    let next = found.last().filter(|_| is_full).map(|(place, _)| place.clone());
    Ok(Page { items: found.into_iter().map(|(_, item)| item).collect(), next })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::tests::session;

    #[test]
    fn keys_fit_the_storage() {
        const KEY_BYTES_MAX: usize = 256;
        let long = |letter: &str, count| letter.repeat(count);
        let class: Code = long("a", 32).try_into().expect("a code");
        let student: Reference = long("s", 64).try_into().expect("a reference");
        let widest: Room = long("𠮷", 32).try_into().expect("a room");
        let (store, date) = (long("t", 64), session("2026-03-21", "10:00", 60).date);
        let id = SessionId { class, ..session("2026-03-21", "10:00", 60).id() };
        for key in [
            session_key(&store, &id),
            attendance_key(&store, &id, &student),
            history_key(&id, &student),
            room_key(&store, &widest, date),
        ] {
            assert!(key.len() <= KEY_BYTES_MAX, "{key}");
        }
    }

    #[test]
    fn a_history_begins_with_what_came_last() {
        let student: Reference = "tom".to_owned().try_into().expect("a reference");
        let key = |date, start| history_key(&session(date, start, 60).id(), &student);
        let mut keys = [
            key("2026-03-21", "10:00"),
            key("2026-03-21", "09:59"),
            key("2026-01-01", "23:00"),
            key("1969-12-31", "10:00"),
        ];
        let as_made = keys.clone();
        keys.sort();
        assert_eq!(keys, as_made);
    }

    #[test]
    fn a_range_holds_what_begins_with_its_prefix_and_nothing_else() {
        let prefix = format!("session/{}/2026-03-21/", part("s1"));
        for (store, date, is_inside) in [
            ("s1", "2026-03-21", true),
            ("s1", "2026-03-22", false),
            ("s10", "2026-03-21", false),
            ("s1/2026-03-21", "2026-03-21", false),
        ] {
            let key = session_key(store, &session(date, "10:00", 60).id());
            assert_eq!(prefix <= key && key < end_of(&prefix), is_inside, "{key}");
        }
    }
}
