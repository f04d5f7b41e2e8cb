//! A member's own credential: a merchant's mini-program obtains it for a member with its key, and the member's phone asks
//! with it for what is that member's own.
//!
//! Nothing of it is kept: it says for whom it is, by whose key, and until when, and bears the tag of that under a key of
//! the merchant. It ends by its time, with the key or user by whom it was obtained, and when the member is forgotten.

use data_encoding::HEXLOWER;
use jiff::{SignedDuration, Timestamp};

use super::Act;
use super::teams::stores_of;
use crate::domain::{Actor, MemberId, MerchantId, Role, StaffId, Standing, StoreScope};
use crate::store::{StoreError, Tx, member_of};

/// What the texts of tokens begin with.
pub const MEMBER_TOKEN_PREFIX: &str = "pm_";
/// How long a token can be used at most, and at least.
pub const MEMBER_TOKEN_SECONDS: std::ops::RangeInclusive<u32> = 60..=3_600;

const KIND: &str = "member token";
const SAYS_BYTES: usize = 56;
const BYTES: usize = SAYS_BYTES + 32;

/// A token as it was sent, of which is not known yet whether it is one.
#[derive(Clone, PartialEq, Eq)]
pub struct MemberToken {
    merchant: MerchantId,
    member: MemberId,
    by: StaffId,
    expires_at: Timestamp,
    tag: [u8; 32],
}

/// A token that was issued.
pub struct IssuedToken {
    /// The token, as it is sent.
    pub secret: String,
    /// For whom; of somebody who was merged into another one that one.
    pub member: MemberId,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Why a token is not issued or not taken.
#[derive(Debug, thiserror::Error)]
pub enum MemberTokenError {
    /// Not a member of the merchant, or one who was forgotten.
    #[error("there is no member {0}, or nothing is known of them any more")]
    UnknownMember(MemberId),
    /// Not a token of this host, or not any more.
    #[error("this token is not valid, or not any more: obtain another one")]
    Invalid,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl MemberToken {
    /// Reads a token; `None` for what has not the form of one.
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix(MEMBER_TOKEN_PREFIX).filter(|digits| digits.len() == BYTES * 2)?;
        let bytes = HEXLOWER.decode(digits.as_bytes()).ok()?;
        let (merchant, rest) = bytes.split_first_chunk()?;
        let (member, rest) = rest.split_first_chunk()?;
        let (by, rest) = rest.split_first_chunk()?;
        let (millis, tag) = rest.split_first_chunk()?;
        Some(Self {
            merchant: MerchantId::from_bytes(*merchant),
            member: MemberId::from_bytes(*member),
            by: StaffId::from_bytes(*by),
            expires_at: Timestamp::from_millisecond(i64::from_be_bytes(*millis)).ok()?,
            tag: tag.try_into().ok()?,
        })
    }

    /// For whom it is, if it is valid.
    pub fn member(&self) -> MemberId {
        self.member
    }

    /// In whose name its use cases run: of whoever obtained it, in all stores. What it may ask for is by its routes.
    pub fn actor(&self) -> Actor {
        let Self { merchant, by: staff, .. } = *self;
        Actor { merchant, staff, role: Role::Integration, stores: StoreScope::All }
    }

    fn says(&self) -> [u8; SAYS_BYTES] {
        let mut says = [0; SAYS_BYTES];
        says[..16].copy_from_slice(self.merchant.as_bytes());
        says[16..32].copy_from_slice(self.member.as_bytes());
        says[32..48].copy_from_slice(self.by.as_bytes());
        says[48..].copy_from_slice(&self.expires_at.as_millisecond().to_be_bytes());
        says
    }
}

/// Issues a token for a member, for so many seconds, within [`MEMBER_TOKEN_SECONDS`].
///
/// # Errors
/// The first refusal in the order of [`MemberTokenError`]'s variants.
pub fn issue_member_token(
    tx: &mut Tx,
    act: &Act<'_>,
    member: MemberId,
    seconds: u32,
) -> Result<IssuedToken, MemberTokenError> {
    let found = member_of(tx, act.merchant, member)?.filter(|found| found.standing == Standing::Active);
    let member = found.ok_or(MemberTokenError::UnknownMember(member))?.id;
    let by = act.staff().ok_or(MemberTokenError::Invalid)?;
    let lasts = seconds.clamp(*MEMBER_TOKEN_SECONDS.start(), *MEMBER_TOKEN_SECONDS.end());
    let expires_at = act.now.checked_add(SignedDuration::from_secs(lasts.into())).unwrap_or(act.now);
    let token = MemberToken { merchant: act.merchant, member, by, expires_at, tag: [0; 32] };
    let says = token.says();
    let tag = act.keys(tx)?.signed(KIND, &says);
    let secret = format!("{MEMBER_TOKEN_PREFIX}{}{}", HEXLOWER.encode(&says), HEXLOWER.encode(&tag));
    Ok(IssuedToken { secret, member, expires_at })
}

/// Sees that a token is valid now: that the merchant has signed it, that its time is not over, that whoever obtained it
/// is still of the staff, and that the member is known.
///
/// # Errors
/// [`MemberTokenError::Invalid`], and the store's failures.
pub fn check_member_token(tx: &mut Tx, act: &Act<'_>, token: &MemberToken) -> Result<(), MemberTokenError> {
    let is_signed = act.keys(tx)?.has_signed(KIND, &token.says(), &token.tag);
    if !is_signed || token.expires_at <= act.now || stores_of(tx, act.merchant, token.by)?.is_none() {
        return Err(MemberTokenError::Invalid);
    }
    let found = member_of(tx, act.merchant, token.member)?;
    let is_known = found.is_some_and(|found| found.standing == Standing::Active);
    if is_known { Ok(()) } else { Err(MemberTokenError::Invalid) }
}
