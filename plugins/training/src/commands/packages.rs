//! Packages: sold, refunded, shown.

use punchcard_sdk::{LocalDate, prelude::*};

use crate::{
    UNIT,
    figures::{Flow, Flows},
    lot::{Kind, Lot},
    names::{Code, Reference},
    office::{LIVE_MAX, Office},
    package::Package,
    prepaid::{self, Prepayment},
    rejection::Rejection,
    school::Student,
    settings::Settings,
    storage,
    wallet::Wallet,
    worth::Worth,
};

/// Sells a package of minutes for a student. What it costs is paid at the till; this records what is owed for it.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Sell {
    /// Who buys it, and in whose account the minutes are.
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Member", "zh-CN": "会员"}))]
    member: String,
    /// The merchant's own reference of the student; the member themself when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Option<Reference>,
    /// What it is good for; all courses when empty.
    #[serde(default)]
    #[schemars(length(max = 20), extend("x-title" = {"en": "Courses", "zh-CN": "适用课程"}))]
    courses: Vec<Code>,
    /// The stores in which it is good; all when empty.
    #[serde(default)]
    #[schemars(length(max = 20), inner(length(min = 1, max = 64)), extend("x-title" = {"en": "Campuses", "zh-CN": "适用校区"}))]
    campuses: Vec<String>,
    #[schemars(range(max = 1_000_000), extend("x-title" = {"en": "Paid minutes", "zh-CN": "正价课时（分钟）"}))]
    paid_minutes: u64,
    #[serde(default)]
    #[schemars(range(max = 1_000_000), extend("x-title" = {"en": "Gift minutes", "zh-CN": "赠送课时（分钟）"}))]
    gift_minutes: u64,
    /// What was paid for all of it, in minor units.
    #[schemars(range(max = 1_000_000_000_000_u64), extend("x-title" = {"en": "Price", "zh-CN": "实收金额（分）"}))]
    price_minor: u64,
    /// The first day of lessons that it is good for; today when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Valid from", "zh-CN": "生效日期"}))]
    valid_from: Option<LocalDate>,
    /// The last day; without end when absent.
    #[serde(default)]
    #[schemars(extend("x-title" = {"en": "Valid to", "zh-CN": "到期日期"}))]
    valid_to: Option<LocalDate>,
}

/// A package as callers see it. In each lot, sold = consumed + refunded + forfeited + left, in minutes and in money.
#[derive(Debug, Serialize)]
pub(crate) struct PackageView {
    package: String,
    student: Reference,
    member: String,
    store: String,
    courses: Vec<Code>,
    campuses: Vec<String>,
    valid_from: LocalDate,
    valid_to: Option<LocalDate>,
    state: State,
    lots: Vec<LotView>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
enum State {
    Open,
    UsedUp,
    Expired,
    Refunded,
}

#[derive(Debug, Serialize)]
struct LotView {
    kind: Kind,
    /// Its id in the ledger.
    lot: String,
    sold: Worth,
    consumed: Worth,
    refunded: Worth,
    forfeited: Worth,
    left: Worth,
}

impl PackageView {
    /// A package as it stands at an instant: what has expired is forfeited, whether that is booked or not.
    fn at(mut package: Package, now: u64) -> Self {
        let state = if package.refunded_at.is_some() {
            State::Refunded
        } else if package.has_expired(now) {
            package.forfeit();
            State::Expired
        } else if package.minutes_left() == 0 {
            State::UsedUp
        } else {
            State::Open
        };
        let seen = |lot: &Lot| LotView {
            kind: lot.kind(),
            lot: lot.ledger_lot().to_owned(),
            sold: lot.sold(),
            consumed: lot.consumed(),
            refunded: lot.refunded(),
            forfeited: lot.forfeited(),
            left: lot.left(),
        };
        let lots = package.lots.iter().map(seen).collect();
        let Package { id, student, member, store, courses, campuses, valid_from, valid_to, .. } = package;
        Self { package: id, student, member, store, courses, campuses, valid_from, valid_to, state, lots }
    }
}

impl Command for Sell {
    const NAME: &'static str = "sell";
    const TITLE: Text = Text::new("Sell a package", "售课");
    type Output = PackageView;

    /// Refuses, in this order: `nothing-sold`, `price-without-minutes`, `validity-over`, `unknown-course`,
    /// `unknown-campus`, `unknown-member`, `student-of-another`, `too-many-packages`, `prepaid-too-long`,
    /// `prepaid-too-much`.
    fn run(self, ctx: &CallContext) -> Result<PackageView, Refusal> {
        let office = Office::open(ctx)?;
        let today = ctx.local.date();
        let valid_from = self.valid_from.unwrap_or(today);
        self.check(today, valid_from).map_err(|no| office.no(&no))?;
        let guarded = self.is_guarded(&office)?;
        self.check_campuses(&office)?;
        let student = office.student_of(&self.member, self.student.clone())?;
        let live = office.live_packages(&student)?;
        if live.len() >= LIVE_MAX {
            return Err(office.no(&Rejection::TooManyPackages { max: LIVE_MAX }));
        }
        if guarded && self.paid_minutes > 0 {
            let outstanding = live.iter().filter(|package| package.guarded && !package.has_expired(ctx.now));
            let sale = Prepayment {
                valid_from,
                valid_to: self.valid_to,
                minutes: self.paid_minutes,
                outstanding_minutes: outstanding.map(|package| package.paid_left().minutes).sum(),
            };
            prepaid::check(&settings::<Settings>()?, sale).map_err(|no| office.no(&no))?;
        }
        let package = self.grant(&office, &student, valid_from, guarded)?;
        storage::put_sold(&package)?;
        let mut student = student;
        student.live.push(package.id.clone());
        storage::put_student(&student)?;
        let sold = package.lots.iter().map(Lot::sold).try_fold(Worth::default(), Worth::plus).unwrap_or_default();
        office.count(Flows { sold: Flow::of(sold), ..Flows::default() })?;
        Ok(PackageView::at(package, ctx.now))
    }
}

impl Sell {
    fn check(&self, today: LocalDate, valid_from: LocalDate) -> Result<(), Rejection> {
        if self.paid_minutes == 0 && self.gift_minutes == 0 {
            return Err(Rejection::NothingSold);
        }
        if self.paid_minutes == 0 && self.price_minor > 0 {
            return Err(Rejection::PriceWithoutMinutes);
        }
        let is_over = |last: LocalDate| {
            let last = last.days_since_epoch();
            last < today.days_since_epoch() || last < valid_from.days_since_epoch()
        };
        match self.valid_to {
            Some(date) if is_over(date) => Err(Rejection::ValidityOver { date }),
            _ => Ok(()),
        }
    }

    /// Whether it is good for a course of which what is prepaid is limited.
    fn is_guarded(&self, office: &Office<'_>) -> Result<bool, Refusal> {
        let mut is_guarded = self.courses.is_empty();
        for course in &self.courses {
            is_guarded |= office.course(course)?.guarded;
        }
        Ok(is_guarded)
    }

    fn check_campuses(&self, office: &Office<'_>) -> Result<(), Refusal> {
        self.campuses.iter().try_for_each(|campus| match stores::get(campus) {
            Ok(_) => Ok(()),
            Err(HostError::NotFound(_)) => Err(office.no(&Rejection::UnknownCampus { campus: campus.clone() })),
            Err(error) => Err(error.into()),
        })
    }

    /// Grants the minutes in the ledger and makes the package of it.
    fn grant(
        self,
        office: &Office<'_>,
        student: &Student,
        valid_from: LocalDate,
        guarded: bool,
    ) -> Result<Package, Refusal> {
        let id = free_id(office)?;
        let mut wallet = Wallet::open(office.ctx, &student.member)?;
        let reason = office.words("package", "课包", &id);
        let (mut lots, mut expires_at) = (Vec::new(), None);
        let (paid, gift) = (Worth::new(self.paid_minutes, self.price_minor), Worth::new(self.gift_minutes, 0));
        for (kind, sold) in [(Kind::Paid, paid), (Kind::Gift, gift)] {
            if sold.minutes > 0 {
                let expires = self.valid_to.map_or(Expiry::Never, Expiry::EndOfDay);
                let lot = wallet.grant(sold.minutes, expires, reason.clone())?;
                expires_at = lot.expires_at;
                lots.push(Lot::new(kind, lot.id, sold));
            }
        }
        Ok(Package {
            id,
            student: student.student.clone(),
            member: student.member.clone(),
            store: office.store.to_owned(),
            courses: self.courses,
            campuses: self.campuses,
            guarded,
            valid_from,
            valid_to: self.valid_to,
            expires_at,
            sold_at: office.ctx.now,
            refunded_at: None,
            lots,
        })
    }
}

/// An id that no package has, from the random bits of the call.
fn free_id(office: &Office<'_>) -> Result<String, Refusal> {
    for attempt in 0..8 {
        let id = format!("P{:016X}", office.ctx.seed.wrapping_add(attempt));
        if storage::package(&id)?.is_none() {
            return Ok(id);
        }
    }
    Err(office.no(&Rejection::NoIdLeft))
}

/// Takes a package back: its paid minutes that are left are refunded by what one of them has cost on the average, gift
/// minutes are forfeited. Paying the money out is the till's.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Refund {
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "Package", "zh-CN": "课包"}))]
    package: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refunded {
    /// What is to be paid out.
    refunded_minor: u64,
    refunded_minutes: u64,
    forfeited_minutes: u64,
    #[serde(flatten)]
    package: PackageView,
}

impl Command for Refund {
    const NAME: &'static str = "refund";
    const TITLE: Text = Text::new("Refund a package", "退课包");
    type Output = Refunded;

    /// Refuses, in this order: `unknown-package`, `package-refunded`, `nothing-to-refund`.
    fn run(self, ctx: &CallContext) -> Result<Refunded, Refusal> {
        let office = Office::open(ctx)?;
        let mut package = office.package(&self.package)?;
        if package.refunded_at.is_some() {
            return Err(office.no(&Rejection::PackageRefunded { package: package.id }));
        }
        if package.has_expired(ctx.now) || package.paid_left().minutes == 0 {
            return Err(office.no(&Rejection::NothingToRefund { package: package.id }));
        }
        let mut wallet = Wallet::open(ctx, &package.member)?;
        let reason = office.words("refund", "退费", &package.id);
        let (mut refunded, mut forfeited) = (Worth::default(), Worth::default());
        for lot in &mut package.lots {
            let left = lot.left().minutes;
            if left == 0 {
                continue;
            }
            wallet.spend(lot.ledger_lot(), left, left, &reason)?;
            match lot.kind() {
                Kind::Paid => refunded = lot.refund(),
                Kind::Gift => forfeited = lot.forfeit(),
            }
        }
        package.refunded_at = Some(ctx.now);
        storage::put_package(&package)?;
        let mut student = office.student(&package.student)?;
        student.live.retain(|live| *live != package.id);
        storage::put_student(&student)?;
        let (refunded_flow, forfeited_flow) = (Flow::of(refunded), Flow::of(forfeited));
        office.count(Flows { refunded: refunded_flow, forfeited: forfeited_flow, ..Flows::default() })?;
        Ok(Refunded {
            refunded_minor: refunded.minor,
            refunded_minutes: refunded.minutes,
            forfeited_minutes: forfeited.minutes,
            package: PackageView::at(package, ctx.now),
        })
    }
}

/// Shows the packages of a student, the last one first.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Packages {
    #[schemars(extend("x-title" = {"en": "Student", "zh-CN": "学员"}))]
    student: Reference,
    /// Where an earlier reply said to go on.
    #[serde(default)]
    #[schemars(length(min = 1, max = 64), extend("x-title" = {"en": "After", "zh-CN": "续查位置"}))]
    after: Option<String>,
    /// At most so many; 20 when absent.
    #[serde(default)]
    #[schemars(range(min = 1, max = 20), extend("x-title" = {"en": "At most", "zh-CN": "最多条数"}))]
    limit: Option<u32>,
}

#[derive(Debug, Serialize)]
pub(crate) struct PackagesOfStudent {
    student: Reference,
    member: String,
    /// What is left in all packages that have not expired, whatever they are good for.
    left_minutes: u64,
    unit: &'static str,
    packages: Vec<PackageView>,
    /// Where to go on, when there may be more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl Command for Packages {
    const NAME: &'static str = "packages";
    const TITLE: Text = Text::new("Packages of a student", "学员课包");
    type Output = PackagesOfStudent;

    fn run(self, ctx: &CallContext) -> Result<PackagesOfStudent, Refusal> {
        let office = Office::open(ctx)?;
        let student = office.student(&self.student)?;
        let page = storage::sold(&student.student, self.after.as_deref(), self.limit.unwrap_or(20))?;
        let packages = page.items.iter().map(|id| Ok(PackageView::at(office.package(id)?, ctx.now)));
        Ok(PackagesOfStudent {
            left_minutes: office.left_minutes(&student)?,
            unit: UNIT,
            packages: packages.collect::<Result<_, Refusal>>()?,
            next: page.next,
            student: student.student,
            member: student.member,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::package::tests::{date, package};

    #[test]
    fn what_has_expired_is_seen_as_forfeited_before_it_is_booked() {
        let expiring = || Package { expires_at: Some(1_000), ..package((60, 6_000), 30) };
        let seen = |now| serde_json::to_value(PackageView::at(expiring(), now)).expect("it is JSON");
        assert_eq!((&seen(999)["state"], &seen(999)["lots"][0]["left"]["minor"]), (&"open".into(), &6_000.into()));
        let expired = seen(1_000);
        assert_eq!(expired["state"], "expired");
        assert_eq!(expired["lots"][0]["forfeited"], serde_json::json!({ "minutes": 60, "minor": 6_000 }));
        assert_eq!(expired["lots"][1]["left"], serde_json::json!({ "minutes": 0, "minor": 0 }));
    }

    #[test]
    fn a_sale_that_can_not_be_is_refused_in_a_fixed_order() {
        let today = date("2026-03-18");
        for (paid_minutes, gift_minutes, price_minor, valid_from, valid_to, expected) in [
            (0, 0, 9, "2026-03-18", Some("2026-03-01"), Err(Rejection::NothingSold)),
            (0, 60, 9, "2026-03-18", Some("2026-03-01"), Err(Rejection::PriceWithoutMinutes)),
            (60, 0, 9, "2026-03-01", Some("2026-03-17"), Err(Rejection::ValidityOver { date: date("2026-03-17") })),
            (60, 0, 9, "2026-04-02", Some("2026-04-01"), Err(Rejection::ValidityOver { date: date("2026-04-01") })),
            (60, 0, 9, "2026-03-18", Some("2026-03-18"), Ok(())),
            (60, 0, 0, "2026-03-18", None, Ok(())),
            (0, 60, 0, "2026-03-18", None, Ok(())),
        ] {
            let sale = Sell {
                member: "alice".to_owned(),
                student: None,
                courses: Vec::new(),
                campuses: Vec::new(),
                paid_minutes,
                gift_minutes,
                price_minor,
                valid_from: None,
                valid_to: valid_to.map(date),
            };
            assert_eq!(sale.check(today, date(valid_from)), expected, "{sale:?}");
        }
    }
}
