//! A package: what was bought for a student, what it is good for, and its lots. Pure.

use punchcard_sdk::LocalDate;
use serde::{Deserialize, Serialize};

use crate::{
    lot::{Kind, Lot},
    names::{Code, Reference},
    worth::Worth,
};

/// A package as it is stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Package {
    pub(crate) id: String,
    pub(crate) student: Reference,
    /// Whose account in the ledger holds the minutes.
    pub(crate) member: String,
    /// Where it was sold.
    pub(crate) store: String,
    /// All courses when empty.
    pub(crate) courses: Vec<Code>,
    /// All campuses when empty.
    pub(crate) campuses: Vec<String>,
    /// Whether its paid minutes count against what may be prepaid.
    pub(crate) guarded: bool,
    pub(crate) valid_from: LocalDate,
    /// The last day; none for one without end.
    pub(crate) valid_to: Option<LocalDate>,
    /// The instant from which the ledger spends nothing of it any more, in milliseconds since 1970.
    pub(crate) expires_at: Option<u64>,
    pub(crate) sold_at: u64,
    /// When it was refunded, if it was.
    pub(crate) refunded_at: Option<u64>,
    /// The paid one before the other; each only when it has minutes.
    pub(crate) lots: Vec<Lot>,
}

/// A lesson for which minutes are taken.
#[derive(Clone, Debug)]
pub(crate) struct Lesson<'a> {
    pub(crate) course: &'a Code,
    pub(crate) store: &'a str,
    pub(crate) date: LocalDate,
}

impl Package {
    pub(crate) fn has_expired(&self, now: u64) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    /// Whether it pays for a lesson, as far as it still can.
    pub(crate) fn is_good_for(&self, lesson: &Lesson<'_>, now: u64) -> bool {
        let day = lesson.date.days_since_epoch();
        (self.courses.is_empty() || self.courses.contains(lesson.course))
            && (self.campuses.is_empty() || self.campuses.iter().any(|campus| campus == lesson.store))
            && self.valid_from.days_since_epoch() <= day
            && self.valid_to.is_none_or(|last| day <= last.days_since_epoch())
            && !self.has_expired(now)
    }

    pub(crate) fn lot_mut(&mut self, kind: Kind) -> Option<&mut Lot> {
        self.lots.iter_mut().find(|lot| lot.kind() == kind)
    }

    /// What is left of its paid minutes.
    pub(crate) fn paid_left(&self) -> Worth {
        self.lots.iter().find(|lot| lot.kind() == Kind::Paid).map_or(Worth::default(), Lot::left)
    }

    pub(crate) fn minutes_left(&self) -> u64 {
        self.lots.iter().map(|lot| lot.left().minutes).sum()
    }

    /// What is left stays with the merchant; tells how much that was.
    pub(crate) fn forfeit(&mut self) -> Worth {
        let lots = self.lots.iter_mut().map(Lot::forfeit);
        lots.fold(Worth::default(), |sum, part| sum.plus(part).expect("both are parts of what was sold"))
    }
}

/// Minutes to be taken from a lot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Take {
    /// Which of the packages.
    pub(crate) package: usize,
    pub(crate) kind: Kind,
    pub(crate) minutes: u64,
}

/// From which lots of which packages a lesson takes its minutes: the package that expires soonest first, those without end
/// last, of two that expire together the one that was sold first; in each the paid minutes before the gift. `packages` are
/// in the order in which they were sold.
///
/// # Errors
/// How many minutes there are, when they are too few.
pub(crate) fn choose(packages: &[Package], lesson: &Lesson<'_>, now: u64, minutes: u64) -> Result<Vec<Take>, u64> {
    let mut good: Vec<_> =
        packages.iter().enumerate().filter(|(_, package)| package.is_good_for(lesson, now)).collect();
    good.sort_by_key(|(_, package)| package.expires_at.unwrap_or(u64::MAX));
    let available = good.iter().map(|(_, package)| package.minutes_left()).sum();
    if available < minutes {
        return Err(available);
    }
    let mut takes = Vec::new();
    let mut wanted = minutes;
    for (index, package) in good {
        for lot in &package.lots {
            let part = lot.left().minutes.min(wanted);
            wanted -= part;
            takes.extend((part > 0).then_some(Take { package: index, kind: lot.kind(), minutes: part }));
        }
    }
    Ok(takes)
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn date(text: &str) -> LocalDate {
        text.parse().expect("a day")
    }

    pub(crate) fn code(text: &str) -> Code {
        text.to_owned().try_into().expect("a code")
    }

    pub(crate) fn package(paid: (u64, u64), gift: u64) -> Package {
        let lots = [(Kind::Paid, Worth::new(paid.0, paid.1)), (Kind::Gift, Worth::new(gift, 0))];
        let lots = lots.into_iter().filter(|(_, sold)| sold.minutes > 0);
        Package {
            id: "p1".to_owned(),
            student: "tom".to_owned().try_into().expect("a reference"),
            member: "alice".to_owned(),
            store: "s1".to_owned(),
            courses: Vec::new(),
            campuses: Vec::new(),
            guarded: true,
            valid_from: date("2026-03-01"),
            valid_to: None,
            expires_at: None,
            sold_at: 1,
            refunded_at: None,
            lots: lots.map(|(kind, sold)| Lot::new(kind, format!("{kind:?}"), sold)).collect(),
        }
    }

    fn until(package: Package, last: &str, expires_at: u64) -> Package {
        Package { valid_to: Some(date(last)), expires_at: Some(expires_at), ..package }
    }

    #[track_caller]
    fn chosen(packages: &[Package], minutes: u64) -> Result<Vec<(usize, Kind, u64)>, u64> {
        let piano = code("piano");
        let lesson = Lesson { course: &piano, store: "s1", date: date("2026-03-20") };
        let takes = choose(packages, &lesson, 1_000, minutes)?;
        Ok(takes.into_iter().map(|Take { package, kind, minutes }| (package, kind, minutes)).collect())
    }

    #[test]
    fn what_expires_soonest_goes_first_and_what_never_does_last() {
        let packages = [
            package((60, 6_000), 60),
            until(package((60, 6_000), 60), "2026-06-30", 9_000),
            until(package((60, 6_000), 60), "2026-03-31", 5_000),
            until(package((60, 6_000), 0), "2026-03-31", 5_000),
        ];
        assert_eq!(chosen(&packages, 45), Ok(vec![(2, Kind::Paid, 45)]));
        assert_eq!(
            chosen(&packages, 360),
            Ok(vec![
                (2, Kind::Paid, 60),
                (2, Kind::Gift, 60),
                (3, Kind::Paid, 60),
                (1, Kind::Paid, 60),
                (1, Kind::Gift, 60),
                (0, Kind::Paid, 60),
            ])
        );
        assert_eq!(chosen(&packages, 421), Err(420));
        assert_eq!(chosen(&packages, 0), Ok(vec![]));
    }

    #[test]
    fn only_what_is_good_for_course_campus_and_day_is_taken() {
        let good = package((60, 6_000), 0);
        let is_good = |package: Package| chosen(&[package], 60).is_ok();
        assert!(is_good(good.clone()));
        assert!(is_good(Package { courses: vec![code("violin"), code("piano")], ..good.clone() }));
        assert!(!is_good(Package { courses: vec![code("violin")], ..good.clone() }));
        assert!(is_good(Package { campuses: vec!["s2".to_owned(), "s1".to_owned()], ..good.clone() }));
        assert!(!is_good(Package { campuses: vec!["s2".to_owned()], ..good.clone() }));
        assert!(is_good(Package { valid_from: date("2026-03-20"), ..good.clone() }));
        assert!(!is_good(Package { valid_from: date("2026-03-21"), ..good.clone() }));
        assert!(is_good(until(good.clone(), "2026-03-20", 1_001)));
        assert!(!is_good(until(good.clone(), "2026-03-19", 1_001)), "the lesson was after its last day");
        assert!(!is_good(until(good, "2026-03-20", 1_000)), "the ledger spends it no more");
    }

    #[test]
    fn what_is_forfeited_leaves_nothing() {
        let mut package = package((60, 6_000), 30);
        package.lot_mut(Kind::Paid).expect("it is there").consume(45);
        assert_eq!(package.paid_left(), Worth::new(15, 1_500));
        assert_eq!((package.forfeit(), package.minutes_left()), (Worth::new(45, 1_500), 0));
    }
}
