//! Where a call happens, and what it finds there: the part that all commands share.

use punchcard_sdk::{Clock, LocalDate, prelude::*};

use crate::{
    figures::{Flows, Month},
    names::{Code, Reference},
    package::Package,
    rejection::Rejection,
    school::{Class, Course, Student},
    session::{Session, SessionId},
    storage,
};

/// The most packages of a student that have something left.
pub(crate) const LIVE_MAX: usize = 40;

/// A store, and the call that happens in it.
pub(crate) struct Office<'a> {
    pub(crate) ctx: &'a CallContext,
    pub(crate) store: &'a str,
    pub(crate) language: Language,
}

impl<'a> Office<'a> {
    /// # Errors
    /// `store-required`.
    pub(crate) fn open(ctx: &'a CallContext) -> Result<Self, Refusal> {
        let language = Language::of(ctx);
        match &ctx.store {
            Some(store) => Ok(Self { ctx, store, language }),
            None => Err(Rejection::StoreRequired.refusal(language)),
        }
    }

    pub(crate) fn no(&self, rejection: &Rejection) -> Refusal {
        rejection.refusal(self.language)
    }

    /// The wall clock of the store.
    pub(crate) fn now(&self) -> (LocalDate, Clock) {
        (self.ctx.local.date(), self.ctx.local.clock())
    }

    /// Counts what moved, for the month of the call.
    pub(crate) fn count(&self, flows: Flows) -> Result<(), Refusal> {
        storage::count(Month::from(self.ctx.local.date()), self.store, self.ctx.seed, flows)
    }

    /// A member by the id that counts: of one who was merged into another, the other's.
    pub(crate) fn member(&self, member: &str) -> Result<String, Refusal> {
        match members::get(member) {
            Ok(member) => Ok(member.id),
            Err(HostError::NotFound(_)) => Err(self.no(&Rejection::UnknownMember { member: member.to_owned() })),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) fn course(&self, course: &Code) -> Result<Course, Refusal> {
        storage::course(course)?.ok_or_else(|| self.no(&Rejection::UnknownCourse { course: course.clone() }))
    }

    /// A class of this store.
    pub(crate) fn class(&self, class: &Code) -> Result<Class, Refusal> {
        storage::class(class)?
            .filter(|found| found.store == self.store)
            .ok_or_else(|| self.no(&Rejection::UnknownClass { class: class.clone() }))
    }

    /// A session of this store that is not cancelled.
    pub(crate) fn session(&self, session: &str) -> Result<Session, Refusal> {
        let found = match session.parse::<SessionId>() {
            Ok(id) => storage::session(self.store, &id)?,
            Err(_) => None,
        };
        match found {
            Some(found) if found.cancelled => {
                Err(self.no(&Rejection::SessionCancelled { session: session.to_owned() }))
            }
            Some(found) => Ok(found),
            None => Err(self.no(&Rejection::UnknownSession { session: session.to_owned() })),
        }
    }

    pub(crate) fn student(&self, student: &Reference) -> Result<Student, Refusal> {
        storage::student(student)?.ok_or_else(|| self.no(&Rejection::UnknownStudent { student: student.clone() }))
    }

    /// The student of a member with this reference, the member themself without one; new when nobody has it.
    pub(crate) fn student_of(&self, member: &str, student: Option<Reference>) -> Result<Student, Refusal> {
        let member = self.member(member)?;
        let student = match student {
            Some(student) => student,
            None => Reference::try_from(member.clone())
                .map_err(|reason| Refusal::failed("odd-member-id", format!("{member}: {reason}")))?,
        };
        match storage::student(&student)? {
            None => Ok(Student { student, member, live: Vec::new() }),
            Some(known) if known.member == member || self.member(&known.member)? == member => Ok(known),
            Some(_) => Err(self.no(&Rejection::StudentOfAnother { student })),
        }
    }

    /// A package of this merchant.
    pub(crate) fn package(&self, package: &str) -> Result<Package, Refusal> {
        storage::package(package)?.ok_or_else(|| self.no(&Rejection::UnknownPackage { package: package.to_owned() }))
    }

    /// A student's packages that have something left, in the order in which they were sold.
    pub(crate) fn live_packages(&self, student: &Student) -> Result<Vec<Package>, Refusal> {
        student.live.iter().map(|package| self.package(package)).collect()
    }

    /// What a student has left in packages that have not expired, whatever they are good for.
    pub(crate) fn left_minutes(&self, student: &Student) -> Result<u64, Refusal> {
        let live = self.live_packages(student)?;
        Ok(live.iter().filter(|package| !package.has_expired(self.ctx.now)).map(Package::minutes_left).sum())
    }

    /// A text for the statement of the ledger.
    pub(crate) fn words(&self, english: &str, chinese: &str, about: &str) -> String {
        match self.language {
            Language::English => format!("{english} {about}"),
            Language::Chinese => format!("{chinese} {about}"),
        }
    }
}
