//! On which days a member has bought: for who is new, who comes back, and who was not seen for long.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use super::Act;
use super::figures::Figure;
use crate::domain::{MemberId, MerchantId};
use crate::store::{Record, StoreError, Tx, layout};

/// When a member has bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Visits {
    /// The first day.
    pub first: Date,
    /// The last day.
    pub last: Date,
    /// On how many days.
    pub days: u32,
}

impl Record for Visits {
    const VERSION: u8 = 1;
    const NAME: &'static str = "days of a member";
}

/// Notes that a member has bought on a day, and says which figures that moves. Costs one read when they had bought on
/// that day before.
pub(super) fn note_visit(
    tx: &mut Tx,
    act: &Act<'_>,
    member: MemberId,
    day: Date,
) -> Result<Vec<(Figure, u64)>, StoreError> {
    let key = layout::visits_of(act.merchant, member);
    let earlier = tx.load::<Visits>(&key)?;
    let on_day = layout::visit(act.merchant, day, member);
    if let Some(earlier) = &earlier
        && (earlier.last == day || tx.get(&on_day)?.is_some())
    {
        return Ok(Vec::new());
    }
    let visits = match &earlier {
        None => Visits { first: day, last: day, days: 1 },
        Some(Visits { first, last, days }) => {
            Visits { first: day.min(*first), last: day.max(*last), days: days.saturating_add(1) }
        }
    };
    tx.save(&key, &visits)?;
    tx.put(&on_day, Vec::new())?;
    let mut moves = vec![(Figure::MembersActive, 1)];
    if earlier.is_some_and(|earlier| earlier.first < day) {
        moves.push((Figure::MembersReturning, 1));
    }
    let reached = match visits.days {
        1 => Some(Figure::FirstDays),
        2 => Some(Figure::SecondDays),
        3 => Some(Figure::ThirdDays),
        5 => Some(Figure::FifthDays),
        10 => Some(Figure::TenthDays),
        _ => None,
    };
    moves.extend(reached.map(|figure| (figure, 1)));
    Ok(moves)
}

/// When a member has bought; none when never.
///
/// # Errors
/// The store's failures.
pub fn read_visits(tx: &mut Tx, merchant: MerchantId, member: MemberId) -> Result<Option<Visits>, StoreError> {
    tx.load(&layout::visits_of(merchant, member))
}

/// Makes the days on which somebody has bought those of another member too. Costs a read for each day between their first
/// and their last.
pub(super) fn merge_visits(
    tx: &mut Tx,
    merchant: MerchantId,
    gone: MemberId,
    survivor: MemberId,
) -> Result<(), StoreError> {
    let Some(theirs) = tx.load::<Visits>(&layout::visits_of(merchant, gone))? else { return Ok(()) };
    let key = layout::visits_of(merchant, survivor);
    let own = tx.load::<Visits>(&key)?;
    let mut days = own.as_ref().map_or(0, |own| own.days);
    for day in theirs.first.series(jiff::Span::new().days(1)).take_while(|day| *day <= theirs.last) {
        let visit = layout::visit(merchant, day, gone);
        if tx.get(&visit)?.is_some() {
            tx.delete(&visit);
            let visit = layout::visit(merchant, day, survivor);
            if tx.get(&visit)?.is_none() {
                tx.put(&visit, Vec::new())?;
                days = days.saturating_add(1);
            }
        }
    }
    let (first, last) = own.map_or((theirs.first, theirs.last), |own| (own.first, own.last));
    let visits = Visits { first: first.min(theirs.first), last: last.max(theirs.last), days };
    tx.delete(&layout::visits_of(merchant, gone));
    tx.save(&key, &visits)
}
