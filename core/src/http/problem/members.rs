//! The problems of use cases about members.

use axum::http::StatusCode;

use super::Problem;
use crate::domain::AttributeFault;
use crate::usecase::{
    AttributeError, BenefitError, CardError, ConsentError, EditError, EnrolError, EraseError, FindError, IdentityError,
    JoinCodeError, MergeError, NoteError, SegmentError, TagError, TierError, UseError,
};

impl From<IdentityError> for Problem {
    fn from(error: IdentityError) -> Self {
        match error {
            IdentityError::TooManyNumbers(_) => Self::refused("too-many-numbers", error),
            IdentityError::TooManyContacts(_) => Self::refused("too-many-contacts", error),
            IdentityError::NumberTaken { .. } => Self::conflict("reference-taken", error),
            IdentityError::ExternalIdTaken { .. } => Self::conflict("external-id-taken", error),
            IdentityError::PhoneTaken { .. } => Self::conflict("phone-taken", error),
            IdentityError::EmailTaken { .. } => Self::conflict("email-taken", error),
            IdentityError::Store(error) => error.into(),
        }
    }
}

impl From<AttributeFault> for Problem {
    fn from(fault: AttributeFault) -> Self {
        match fault {
            AttributeFault::Unknown(_) => Self::refused("unknown-attribute", fault),
            AttributeFault::Kind { .. } => Self::refused("wrong-attribute", fault),
            AttributeFault::Choices(_) => Self::refused("wrong-choices", fault),
            AttributeFault::Differs(_) => Self::conflict("attribute-differs", fault),
            AttributeFault::TooMany => Self::refused("too-many-attributes", fault),
        }
    }
}

impl From<AttributeError> for Problem {
    fn from(error: AttributeError) -> Self {
        match error {
            AttributeError::Fault(fault) => fault.into(),
            AttributeError::Unknown(_) => Self::not_found("unknown-attribute", error),
            AttributeError::AskedFor { .. } => Self::conflict("attribute-asked-for", error),
            AttributeError::Store(error) => error.into(),
        }
    }
}

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::TooManyTags(_) => Self::refused("too-many-tags", error),
            EnrolError::UnknownJoinCode(_) => Self::refused("unknown-join-code", error),
            EnrolError::JoinCodeOff(_) => Self::conflict("join-code-off", error),
            EnrolError::NotOfJoinCode { .. } => Self::refused("not-of-join-code", error),
            EnrolError::UnknownStore(_) => Self::refused("unknown-store", error),
            EnrolError::UnknownReferrer(_) => Self::refused("unknown-referrer", error),
            EnrolError::Attribute(fault) => fault.into(),
            EnrolError::Identity(error) => error.into(),
            EnrolError::Store(error) => error.into(),
        }
    }
}

impl From<JoinCodeError> for Problem {
    fn from(error: JoinCodeError) -> Self {
        match error {
            JoinCodeError::Unknown(_) => Self::not_found("unknown-join-code", error),
            JoinCodeError::UnknownStore(_) => Self::refused("unknown-store", error),
            JoinCodeError::TooMany => Self::conflict("too-many-join-codes", error),
            JoinCodeError::Store(error) => error.into(),
        }
    }
}

impl From<EditError> for Problem {
    fn from(error: EditError) -> Self {
        match error {
            EditError::UnknownMember(id) => Self::unknown_member(id),
            EditError::OtherVersion { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            EditError::Erased(_) => Self::conflict("member-erased", error),
            EditError::UnknownStore(_) => Self::refused("unknown-store", error),
            EditError::BeyondOwn => Self::new(StatusCode::FORBIDDEN, "other-store", error),
            EditError::UnknownReferrer(_) => Self::refused("unknown-referrer", error),
            EditError::Attribute(fault) => fault.into(),
            EditError::Identity(error) => error.into(),
            EditError::Store(error) => error.into(),
        }
    }
}

impl From<FindError> for Problem {
    fn from(error: FindError) -> Self {
        match error {
            FindError::NameTooShort => Self::wrong_query(&error),
            FindError::UnknownSegment(_) => Self::not_found("unknown-segment", error),
            FindError::Store(error) => error.into(),
        }
    }
}

impl From<TagError> for Problem {
    fn from(error: TagError) -> Self {
        match error {
            TagError::UnknownMember(id) => Self::unknown_member(id),
            TagError::Erased(_) => Self::conflict("member-erased", error),
            TagError::Expired(_) => Self::refused("expired-already", error),
            TagError::TooManyTags => Self::refused("too-many-tags", error),
            TagError::Identity(error) => error.into(),
            TagError::Store(error) => error.into(),
        }
    }
}

impl From<TierError> for Problem {
    fn from(error: TierError) -> Self {
        match error {
            TierError::UnknownMember(id) => Self::unknown_member(id),
            TierError::Erased(_) => Self::conflict("member-erased", error),
            TierError::Expired(_) => Self::refused("expired-already", error),
            TierError::Identity(error) => error.into(),
            TierError::Store(error) => error.into(),
        }
    }
}

impl From<ConsentError> for Problem {
    fn from(error: ConsentError) -> Self {
        match error {
            ConsentError::UnknownMember(id) => Self::unknown_member(id),
            ConsentError::Store(error) => error.into(),
        }
    }
}

impl From<BenefitError> for Problem {
    fn from(error: BenefitError) -> Self {
        match error {
            BenefitError::TooMany => Self::refused("too-many-benefits", error),
            BenefitError::Unknown(_) => Self::not_found("unknown-benefit", error),
            BenefitError::Store(error) => error.into(),
        }
    }
}

impl From<UseError> for Problem {
    fn from(error: UseError) -> Self {
        match error {
            UseError::UnknownMember(id) => Self::unknown_member(id),
            UseError::UnknownBenefit(_) => Self::not_found("unknown-benefit", error),
            UseError::UnknownStore(_) => Self::refused("unknown-store", error),
            UseError::NotEntitled(_) => Self::refused("not-entitled", error),
            UseError::UsedUp { .. } => Self::refused("benefit-used-up", error),
            UseError::NotUsed(_) => Self::refused("benefit-not-used", error),
            UseError::Store(error) => error.into(),
        }
    }
}

impl From<NoteError> for Problem {
    fn from(error: NoteError) -> Self {
        match error {
            NoteError::UnknownMember(id) => Self::unknown_member(id),
            NoteError::Erased(_) => Self::conflict("member-erased", error),
            NoteError::UnknownNote(_) => Self::not_found("unknown-note", error),
            NoteError::TooMany => Self::refused("too-many-notes", error),
            NoteError::Store(error) => error.into(),
        }
    }
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        match error {
            EraseError::UnknownMember(id) => Self::unknown_member(id),
            EraseError::Identity(error) => error.into(),
            EraseError::Store(error) => error.into(),
        }
    }
}

impl From<MergeError> for Problem {
    fn from(error: MergeError) -> Self {
        match error {
            MergeError::UnknownMember(id) => Self::unknown_member(id),
            MergeError::Same(_) => Self::refused("same-member", error),
            MergeError::Already { .. } => Self::conflict("member-merged", error),
            MergeError::Erased(_) => Self::conflict("member-erased", error),
            MergeError::OtherVersion { .. } => Self::new(StatusCode::PRECONDITION_FAILED, "other-version", error),
            MergeError::TooManyTags(_) => Self::refused("too-many-tags", error),
            MergeError::Identity(error) => error.into(),
            MergeError::Ledger(error) => error.into(),
            MergeError::Store(error) => error.into(),
        }
    }
}

impl From<SegmentError> for Problem {
    fn from(error: SegmentError) -> Self {
        match error {
            SegmentError::Condition(fault) => Self::refused("wrong-condition", fault),
            SegmentError::Attribute(fault) => fault.into(),
            SegmentError::UnknownStore(_) => Self::refused("unknown-store", error),
            SegmentError::TagTaken { .. } => Self::conflict("tag-taken", error),
            SegmentError::TooMany => Self::refused("too-many-segments", error),
            SegmentError::Unknown(_) => Self::not_found("unknown-segment", error),
            SegmentError::UnknownMember(id) => Self::unknown_member(id),
            SegmentError::Store(error) => error.into(),
        }
    }
}

impl From<CardError> for Problem {
    fn from(error: CardError) -> Self {
        match error {
            CardError::UnknownMember(id) => Self::unknown_member(id),
            CardError::Erased(_) => Self::conflict("member-erased", error),
            CardError::NoCard(_) => Self::not_found("no-card", error),
            CardError::Identity(error) => error.into(),
            CardError::Store(error) => error.into(),
        }
    }
}
