//! In which state something is that people edit: so that nobody writes over what another one has changed meanwhile.

use jiff::civil::Date;
use sha2::{Digest, Sha256};

use crate::domain::{Code, JoinCodeId, Member, MemberId, MerchantId, StoreId};
use crate::store::{Direction, StoreError, Tx, layout, member_of};

/// Something that people edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Thing {
    /// The definition of an attribute.
    Attribute(Code),
    /// A kind of behaviour.
    Behaviour(Code),
    /// A service benefit.
    Benefit(Code),
    /// A type of coupon.
    Coupon(Code),
    /// The goals for the month whose first day this is.
    Goals(Date),
    /// A code by which people join.
    JoinCode(JoinCodeId),
    /// A member.
    Member(MemberId),
    /// What is in force of a pack.
    Enablement(Code),
    /// A segment.
    Segment(Code),
    /// A store, by its code.
    Store(Code),
    /// A team of staff.
    Team(Code),
    /// A unit with its rules.
    Unit(Code),
}

/// Why something is not changed.
#[derive(Debug, thiserror::Error)]
pub enum VersionError {
    /// Somebody else has changed it.
    #[error("it is in version {found}, not in {expected}: read it again")]
    Other {
        /// The version that was expected.
        expected: u64,
        /// The version that it is in; 0 when it is not there.
        found: u64,
    },
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Thing {
    /// Names the state in which it is: another number for each state, 0 when it is not there. At most 2^53, so that
    /// JSON holds it exactly everywhere.
    ///
    /// # Errors
    /// The store's failures.
    pub fn version(&self, tx: &mut Tx, merchant: MerchantId) -> Result<u64, StoreError> {
        let key = match self {
            Self::Attribute(code) => layout::attribute(merchant, code),
            Self::Behaviour(code) => layout::behaviour(merchant, code),
            Self::Benefit(code) => layout::benefit(merchant, code),
            Self::Coupon(code) => layout::coupon_type(merchant, code),
            Self::Enablement(pack) => layout::enablement(merchant, pack),
            Self::JoinCode(code) => layout::join_code(merchant, *code),
            Self::Segment(code) => layout::segment(merchant, code),
            Self::Team(code) => layout::team(merchant, code),
            Self::Unit(code) => layout::unit(merchant, code),
            Self::Goals(month) => {
                let mut goals = tx.scan(&layout::goals(merchant, *month), Direction::Forward, usize::MAX)?;
                goals.extend(tx.scan(&layout::seller_goals(merchant, *month), Direction::Forward, usize::MAX)?);
                let digest = goals
                    .iter()
                    .fold(Sha256::new(), |digest, (key, value)| digest.chain_update(key).chain_update(value));
                return Ok(if goals.is_empty() { 0 } else { shortened(digest) });
            }
            Self::Member(id) => {
                let member: Option<Member> = member_of(tx, merchant, *id)?;
                return Ok(member.map_or(0, |member| member.version));
            }
            Self::Store(code) => match tx.load::<StoreId>(&layout::store_by_code(merchant, code))? {
                Some(store) => layout::store(merchant, store),
                None => return Ok(0),
            },
        };
        Ok(tx.get(&key)?.map_or(0, |bytes| shortened(Sha256::new().chain_update(bytes))))
    }

    /// Sees that it is in the version that somebody has read, if they say which; 0 for what must not be there.
    ///
    /// # Errors
    /// [`VersionError::Other`], and the store's failures.
    pub fn expect(&self, tx: &mut Tx, merchant: MerchantId, expected: Option<u64>) -> Result<(), VersionError> {
        let Some(expected) = expected else { return Ok(()) };
        match self.version(tx, merchant)? {
            found if found == expected => Ok(()),
            found => Err(VersionError::Other { expected, found }),
        }
    }
}

/// The first 52 bits of a digest, and one more that is set: it is never 0.
fn shortened(digest: Sha256) -> u64 {
    let digest = digest.finalize();
    let first = digest.iter().take(8).fold(0, |number: u64, byte| (number << 8) | u64::from(*byte));
    (first >> 12) | (1 << 52)
}
