//! Members of the calling merchant. Personal data is in [`contact`] and [`find_by`] only.

#[doc(inline)]
pub use crate::contract::imports::punchcard::pack::members::{
    BorneTag, ExternalId, Lead, Member, MemberContact, MemberProfile, Tier, contact, find_by, get, get_many, profile,
    set_tier, tag, untag,
};

/// The most members that one [`get_many`] gives.
pub const MANY_MAX: usize = 100;
