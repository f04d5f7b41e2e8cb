//! What a pack may have done that takes more than the store and the ledger: who members are, what is put on them, what
//! they are told. The runtime only says what is wanted; how it is done, with its audit entries and events, is for who
//! implements [`Services`].

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use super::Refusal;
use crate::domain::{
    AgreementId, Code, Email, ExternalId, IdSource, Label, Locale, MemberId, MerchantId, MessageId, MessageValues,
    Minor, Phone, PostingId, Reference, StoreId,
};
use crate::store::{StoreError, Tx};

/// For whom something is done, when, and in whose transaction.
pub struct Errand<'a> {
    /// The transaction of the call. An errand that fails leaves it as it was.
    pub tx: &'a mut Tx,
    /// Where ids come from.
    pub ids: &'a mut IdSource,
    /// The merchant on whose behalf the call runs.
    pub merchant: MerchantId,
    /// The pack that wants it.
    pub pack: &'a Code,
    /// The instant at which things are booked.
    pub now: Timestamp,
    /// The store of the call, when there is one.
    pub store: Option<StoreId>,
    /// How many handlings of events have led to the call.
    pub depth: u8,
}

/// How a member is reached. It can not be printed: it is personal.
pub struct MemberContact {
    /// What they are called.
    pub name: Option<Label>,
    /// The main phone number.
    pub phone: Option<Phone>,
    /// The main e-mail address.
    pub email: Option<Email>,
    /// The language that they said they read.
    pub locale: Option<Locale>,
}

/// What leads to one member.
pub enum Lead {
    /// A phone number.
    Phone(Phone),
    /// An e-mail address.
    Email(Email),
    /// The number of a card, or the reference of the merchant's other systems.
    Card(Reference),
    /// What another system calls them.
    External(ExternalId),
}

/// A level as a pack gives it.
pub struct NewTier {
    /// Which; none takes the level away.
    pub code: Option<Code>,
    /// Until when it counts, if not for ever.
    pub until: Option<Timestamp>,
    /// Why.
    pub reason: Option<Label>,
}

/// What a pack wants to be told to a member. It can not be printed: what is filled in is the member's.
pub struct NewMessage {
    /// To whom.
    pub member: MemberId,
    /// By which template of the merchant.
    pub template: Code,
    /// What its texts ask for.
    pub values: MessageValues,
}

/// What becomes of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// It goes out after the call.
    Queued(MessageId),
    /// It goes nowhere, and why.
    Dropped(Obstacle),
}

/// Why a message goes nowhere.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// No consent to the template's purpose.
    NoConsent,
    /// As many as the merchant's caps allow.
    Capped,
    /// Nothing leads to the member on the channel.
    NoAddress,
    /// The member asked to be forgotten.
    Erased,
    /// It could not leave in time.
    Expired,
}

/// An agreement, as one of its two merchants sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenAgreement {
    /// Which.
    pub id: AgreementId,
    /// What the other one is called.
    pub partner: Label,
    /// What both have accepted, as JSON.
    pub terms: String,
    /// Whether this one has proposed it.
    pub proposed: bool,
    /// Since when it is in force.
    pub since: Timestamp,
    /// Until when, if not for ever.
    pub until: Option<Timestamp>,
    /// Whether it is in force now.
    pub in_force: bool,
    /// How much more the partner owes than is owed to them, in minor units.
    pub balance: i64,
}

/// What a partner's pack has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PartnerReply {
    /// Its answer, as JSON.
    Answer(String),
    /// Its no.
    Refused(Refusal),
}

/// What whoever asks a partner leaves to the pack that answers, so that this can not use up what is the asker's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Allowance {
    /// How long the answer may take: less than what is left of the asker's call, which goes on afterwards.
    pub wall_max: Duration,
    /// How many bytes it may write: what the transaction has room for besides what the asker may still write itself.
    pub written_max_bytes: usize,
}

/// Why an errand was not done.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// What it names does not exist for this merchant.
    #[error("{0}")]
    NotFound(String),
    /// It asks for something that is not allowed; nothing personal is repeated.
    #[error("{0}")]
    Invalid(String),
    /// It asks for more than it may.
    #[error("{0}")]
    Limit(String),
    /// Somebody else does not do their part.
    #[error("{0}")]
    Unavailable(String),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Who does what packs want. Whoever calls has looked at the grants.
pub trait Services: Send + Sync {
    /// How a member is reached.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn contact(self: Arc<Self>, errand: Errand<'_>, member: MemberId) -> Result<MemberContact, ServiceError>;

    /// The member to whom something leads.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn find(self: Arc<Self>, errand: Errand<'_>, lead: Lead) -> Result<Option<MemberId>, ServiceError>;

    /// Puts a tag of the pack's on a member, or renews it.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn put_tag(
        self: Arc<Self>,
        errand: Errand<'_>,
        member: MemberId,
        tag: &Code,
        until: Option<Timestamp>,
    ) -> Result<(), ServiceError>;

    /// Takes a tag of the pack's off a member.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn drop_tag(self: Arc<Self>, errand: Errand<'_>, member: MemberId, tag: &Code) -> Result<(), ServiceError>;

    /// Gives a member a level, or takes it away.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn set_tier(self: Arc<Self>, errand: Errand<'_>, member: MemberId, tier: NewTier) -> Result<(), ServiceError>;

    /// Sends a member a message.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn send(self: Arc<Self>, errand: Errand<'_>, message: NewMessage) -> Result<Sent, ServiceError>;

    /// An agreement of the pack that both have accepted.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn agreement(self: Arc<Self>, errand: Errand<'_>, agreement: AgreementId) -> Result<SeenAgreement, ServiceError>;

    /// The agreements of the pack that both have accepted, after one and as many as `limit`.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn agreements(
        self: Arc<Self>,
        errand: Errand<'_>,
        after: Option<AgreementId>,
        limit: usize,
    ) -> Result<Vec<SeenAgreement>, ServiceError>;

    /// By which name a member is known to the partner.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn alias(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        member: MemberId,
    ) -> Result<String, ServiceError>;

    /// The member who is known to the partner by a name.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn member_by_alias(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        alias: &str,
    ) -> Result<Option<MemberId>, ServiceError>;

    /// Has the partner's pack answer a question, in the same transaction, with no more than this.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn ask(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        question: String,
        allowance: Allowance,
    ) -> Result<PartnerReply, ServiceError>;

    /// Books that the merchant owes the partner an amount more.
    ///
    /// # Errors
    /// See [`ServiceError`].
    fn owe(
        self: Arc<Self>,
        errand: Errand<'_>,
        agreement: AgreementId,
        amount: Minor,
        reason: Option<Label>,
    ) -> Result<PostingId, ServiceError>;
}
