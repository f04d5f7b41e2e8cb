//! Attendance: minutes are taken from the lots of a student, and given back to them.

use punchcard_sdk::prelude::*;

use crate::{
    attendance::{Attendance, Mark, Taken, sum},
    expiry,
    figures::{Flow, Flows},
    names::Reference,
    office::Office,
    package::{Lesson, choose},
    rejection::Rejection,
    school::Student,
    session::Session,
    settings::Settings,
    storage,
    wallet::Wallet,
};

/// Marks the attendance of a student who is in the class of a session.
///
/// Refuses, in this order: `already-marked`, `not-enrolled`, `leave-too-late` or `too-early`, `insufficient-minutes`.
pub(crate) fn mark(
    office: &Office<'_>,
    session: &Session,
    student: &Reference,
    mark: Mark,
) -> Result<Attendance, Refusal> {
    let settings = settings::<Settings>()?;
    let earlier = storage::attendance(office.store, &session.id(), student)?;
    if let Some(earlier) = earlier.as_ref().and_then(|earlier| earlier.mark) {
        return Err(office.no(&Rejection::AlreadyMarked { mark: earlier }));
    }
    if storage::enrolment(&session.class, student)?.is_none() {
        return Err(office.no(&Rejection::NotEnrolled { student: student.clone() }));
    }
    mark.check_time(session, &settings, office.now()).map_err(|no| office.no(&no))?;
    let minutes = mark.minutes_of(session, &settings);
    let taken = if minutes > 0 { take(office, session, student, minutes)? } else { Vec::new() };
    let attendance = Attendance {
        student: student.clone(),
        mark: Some(mark),
        marked_at: office.ctx.now,
        taken,
        corrections: earlier.as_ref().map_or(0, |earlier| earlier.corrections),
        reason: earlier.and_then(|earlier| earlier.reason),
    };
    storage::put_attendance(office.store, &session.id(), &attendance)?;
    Ok(attendance)
}

/// Takes minutes from the lots that a session is due, in the pack's books and in the ledger.
fn take(office: &Office<'_>, session: &Session, student: &Reference, minutes: u64) -> Result<Vec<Taken>, Refusal> {
    let student = office.student(student)?;
    let mut packages = office.live_packages(&student)?;
    let lesson = Lesson { course: &session.course, store: office.store, date: session.date };
    let takes = choose(&packages, &lesson, office.ctx.now, minutes)
        .map_err(|available| office.no(&Rejection::InsufficientMinutes { available, needed: minutes }))?;
    let mut wallet = Wallet::open(office.ctx, &student.member)?;
    let reason = office.words("lesson", "上课", &session.id().to_string());
    let mut taken = Vec::with_capacity(takes.len());
    for take in takes {
        let package = &mut packages[take.package];
        let id = package.id.clone();
        let lot = package.lot_mut(take.kind).ok_or_else(wrong_books)?;
        let left = lot.left().minutes;
        let worth = lot.consume(take.minutes).ok_or_else(wrong_books)?;
        let posting = wallet.spend(lot.ledger_lot(), left, take.minutes, &reason)?;
        taken.push(Taken { package: id, kind: take.kind, worth, posting });
    }
    for package in packages.iter().filter(|package| taken.iter().any(|taken| taken.package == package.id)) {
        storage::put_package(package)?;
    }
    let is_live = |id: &String| packages.iter().any(|package| package.id == *id && package.minutes_left() > 0);
    let live: Vec<_> = student.live.iter().filter(|id| is_live(id)).cloned().collect();
    if live != student.live {
        storage::put_student(&Student { live, ..student })?;
    }
    office.count(Flows { recognised: Flow::of(sum(&taken)), ..Flows::default() })?;
    Ok(taken)
}

/// Takes the attendance of a student back: what was taken returns to the very lots. What returns to a lot that has expired
/// meanwhile is forfeited.
///
/// Refuses, in this order: `not-marked`, `package-refunded`.
pub(crate) fn take_back(
    office: &Office<'_>,
    session: &Session,
    student: &Reference,
    reason: Option<String>,
) -> Result<Attendance, Refusal> {
    let marked = storage::attendance(office.store, &session.id(), student)?
        .filter(|attendance| attendance.mark.is_some())
        .ok_or_else(|| office.no(&Rejection::NotMarked { student: student.clone() }))?;
    for taken in marked.taken.iter().rev() {
        give_back(office, student, taken, session)?;
    }
    office.count(Flows { recognised: Flow::back(sum(&marked.taken)), ..Flows::default() })?;
    let open = Attendance { mark: None, corrections: marked.corrections + 1, reason, ..marked.clone() };
    storage::put_attendance(office.store, &session.id(), &Attendance { taken: Vec::new(), ..open })?;
    Ok(marked)
}

/// An attendance as it is kept after it was taken back.
///
/// Refuses: `not-marked`.
pub(crate) fn open(office: &Office<'_>, session: &Session, student: &Reference) -> Result<Attendance, Refusal> {
    storage::attendance(office.store, &session.id(), student)?
        .ok_or_else(|| office.no(&Rejection::NotMarked { student: student.clone() }))
}

fn give_back(office: &Office<'_>, student: &Reference, taken: &Taken, session: &Session) -> Result<(), Refusal> {
    let mut package = office.package(&taken.package)?;
    if package.refunded_at.is_some() {
        return Err(office.no(&Rejection::PackageRefunded { package: package.id }));
    }
    assets::reverse(&taken.posting, &office.words("correction", "更正", &session.id().to_string()))?;
    let lot = package.lot_mut(taken.kind).ok_or_else(wrong_books)?;
    lot.give_back(taken.worth).ok_or_else(wrong_books)?;
    if package.has_expired(office.ctx.now) {
        return expiry::forfeit(office.ctx, package);
    }
    storage::put_package(&package)?;
    let mut student = office.student(student)?;
    if !student.live.contains(&package.id) {
        let mut packages = office.live_packages(&student)?;
        packages.push(package);
        packages.sort_by(|one, other| (one.sold_at, &one.id).cmp(&(other.sold_at, &other.id)));
        student.live = packages.into_iter().map(|package| package.id).collect();
        storage::put_student(&student)?;
    }
    Ok(())
}

/// What can only be when the pack's own records contradict each other.
fn wrong_books() -> Refusal {
    Refusal::failed("wrong-books", "the records of a package contradict each other")
}
