//! Problems: what a request is told when it is not fulfilled (RFC 9457). Each error of a use case gets its status and
//! stable `type` here, in one exhaustive place.

use std::fmt::Display;

use axum::extract::rejection::{BytesRejection, PathRejection};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, CouponFault, Inapplicable, LineFault, ParseIdError, Role, TextError};
use crate::ledger::LedgerError;
use crate::pack::{self, CallError, RefusalKind};
use crate::store::StoreError;
use crate::usecase::{
    ApiKeyError, AssetsError, CommandError, DefineError, EnableError, EnrolError, HoldError, IssueError, LoadError,
    OnceError, QuoteError, RedeemError, RefundError, SettleError, SpendError, UploadError,
};

/// Why a request was not fulfilled.
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Stable name of the kind of problem, `urn:punchcard:problem:…`.
    #[serde(rename = "type")]
    #[schema(example = "urn:punchcard:problem:unknown-member")]
    kind: String,
    /// The kind in words.
    title: String,
    /// The HTTP status.
    #[schema(value_type = u16, example = 404)]
    #[serde(serialize_with = "as_number")]
    status: StatusCode,
    /// What was refused here, and what would be right.
    detail: String,
    /// Further faults, one for each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<String>,
    #[serde(skip)]
    retry_after_s: Option<u32>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, [(header::CONTENT_TYPE, "application/problem+json")], body).into_response();
        if let Some(seconds) = self.retry_after_s {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl Problem {
    fn new(status: StatusCode, kind: &str, detail: impl Display) -> Self {
        Self {
            kind: format!("urn:punchcard:problem:{kind}"),
            title: kind.replace('-', " "),
            status,
            detail: detail.to_string(),
            errors: Vec::new(),
            retry_after_s: None,
        }
    }

    fn not_found(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::NOT_FOUND, kind, detail)
    }

    fn refused(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, kind, detail)
    }

    fn conflict(kind: &str, detail: impl Display) -> Self {
        Self::new(StatusCode::CONFLICT, kind, detail)
    }

    /// An error on our side. It is logged; the caller gets a fixed text.
    pub(super) fn internal(error: impl Display) -> Self {
        tracing::error!("a request failed: {error}");
        let detail = "something went wrong on our side; the header x-request-id names this request in our log";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail)
    }

    pub(super) fn no_such_path() -> Self {
        Self::not_found("no-such-path", "there is nothing at this path; /openapi.json lists what there is")
    }

    pub(super) fn wrong_method() -> Self {
        let detail = "this path does not take this method; /openapi.json lists which it takes";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "wrong-method", detail)
    }

    pub(super) fn too_busy() -> Self {
        let detail = "the host has as much to do as it can; try again in a moment";
        let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", detail);
        Self { retry_after_s: Some(1), ..problem }
    }

    pub(super) fn no_key() -> Self {
        let detail = "this needs an API key: send the header `Authorization: Bearer pc_live_…`";
        Self::new(StatusCode::UNAUTHORIZED, "no-key", detail)
    }

    pub(super) fn forbidden(role: Role, action: Action) -> Self {
        Self::new(StatusCode::FORBIDDEN, "forbidden", format!("the role {role:?} may not do this ({action:?})"))
    }

    pub(super) fn no_idempotency_key() -> Self {
        let detail = "this needs an idempotency key, so that a repeated request does not act twice: send the header \
                      `Idempotency-Key` with a text of your own, new for each new thing";
        Self::new(StatusCode::BAD_REQUEST, "no-idempotency-key", detail)
    }

    pub(super) fn bad_idempotency_key(error: &TextError) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad-idempotency-key", error)
    }

    pub(super) fn not_json_type() -> Self {
        let detail = "the body is to be JSON: send the header `Content-Type: application/json`";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-json-type", detail)
    }

    pub(super) fn not_json(error: &serde_json::Error) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "not-json", format!("the body is not JSON: {error}"))
    }

    pub(super) fn wrong_body(path: &str, error: &impl Display) -> Self {
        let place = if path == "." { "the body" } else { path };
        Self::refused("wrong-body", format!("{place}: {error}"))
    }

    pub(super) fn wrong_query(error: &impl Display) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "wrong-query", error)
    }

    pub(super) fn body_not_read(error: &BytesRejection) -> Self {
        let status = error.status();
        let kind = if status == StatusCode::PAYLOAD_TOO_LARGE { "body-too-large" } else { "body-not-read" };
        Self::new(status, kind, error.body_text())
    }

    pub(super) fn wrong_name(error: &TextError) -> Self {
        Self::not_found("no-such-thing", error)
    }

    pub(super) fn wrong_path(error: &PathRejection) -> Self {
        Self::not_found("no-such-thing", error.body_text())
    }

    pub(super) fn unknown_member(id: impl Display) -> Self {
        Self::not_found("unknown-member", format!("there is no member {id}"))
    }

    pub(super) fn unknown_order(id: impl Display) -> Self {
        Self::not_found("unknown-order", format!("there is no order {id}"))
    }
}

impl From<ParseIdError> for Problem {
    fn from(error: ParseIdError) -> Self {
        Self::not_found("no-such-thing", error)
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Busy { .. } | StoreError::Conflict => {
                let detail = "others change the same things at the moment; try again";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "busy", detail);
                Self { retry_after_s: Some(1), ..problem }
            }
            StoreError::Unavailable { .. } => {
                tracing::error!("the store does not take writes: {error}");
                let detail = "the host can not write any more; it is not known whether this was recorded: send it again, with \
                              the same idempotency key, when the host is back";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail);
                Self { retry_after_s: Some(30), ..problem }
            }
            StoreError::NoRoom { .. } => {
                let detail =
                    "the host's disk is full; nothing was recorded, and writes are taken again when there is room";
                let problem = Self::new(StatusCode::SERVICE_UNAVAILABLE, "no-room", detail);
                Self { retry_after_s: Some(30), ..problem }
            }
            StoreError::TooLarge { .. } => Self::refused("too-large", error),
            other => Self::internal(other),
        }
    }
}

impl From<ApiKeyError> for Problem {
    fn from(error: ApiKeyError) -> Self {
        match error {
            ApiKeyError::Malformed => Self::new(StatusCode::UNAUTHORIZED, "malformed-key", error),
            ApiKeyError::Unknown => Self::new(StatusCode::UNAUTHORIZED, "unknown-key", error),
            ApiKeyError::Store(error) => error.into(),
        }
    }
}

impl<E: Into<Self>> From<OnceError<E>> for Problem {
    fn from(error: OnceError<E>) -> Self {
        match error {
            OnceError::Refused(error) => error.into(),
            OnceError::DifferentContent => {
                let detail = "this idempotency key was used before, with another request; take a new one";
                Self::refused("idempotency-key-reused", detail)
            }
            OnceError::InFlight => {
                let detail = "the first request with this idempotency key is still under way; ask again for its result";
                let problem = Self::conflict("request-in-flight", detail);
                Self { retry_after_s: Some(1), ..problem }
            }
            OnceError::Store(error) => error.into(),
        }
    }
}

impl From<LineFault> for Problem {
    fn from(fault: LineFault) -> Self {
        match fault {
            LineFault::NoLines => Self::refused("no-lines", fault),
            LineFault::TooManyLines { .. } => Self::refused("too-many-lines", fault),
            LineFault::NoQuantity { .. } => Self::refused("no-quantity", fault),
            LineFault::TooLarge { .. } => Self::refused("amount-too-large", fault),
        }
    }
}

impl From<EnrolError> for Problem {
    fn from(error: EnrolError) -> Self {
        match error {
            EnrolError::TooManyTags(_) => Self::refused("too-many-tags", error),
            EnrolError::UnknownStore(_) => Self::refused("unknown-store", error),
            EnrolError::ReferenceTaken { .. } => Self::conflict("reference-taken", error),
            EnrolError::Store(error) => error.into(),
        }
    }
}

impl From<LedgerError> for Problem {
    fn from(error: LedgerError) -> Self {
        match error {
            LedgerError::Empty
            | LedgerError::NotReversible(_)
            | LedgerError::AlreadyReversed { .. }
            | LedgerError::UnknownPosting(_)
            | LedgerError::ExistsDifferent(_)
            | LedgerError::HoldNotLapsed { .. }
            | LedgerError::UnknownPending(_)
            | LedgerError::PendingClosed(_)
            | LedgerError::Inconsistent(_) => Self::internal(error),
            LedgerError::AmountZero => Self::refused("amount-zero", error),
            LedgerError::AmountTooLarge(_) => Self::refused("amount-too-large", error),
            LedgerError::UnknownUnit(_) => Self::refused("unknown-unit", error),
            LedgerError::Insufficient { .. } => Self::refused("insufficient-balance", error),
            LedgerError::BalanceTooLarge(_) => Self::refused("balance-too-large", error),
            LedgerError::IsCoupon(_) => Self::refused("is-coupon", error),
            LedgerError::NotCoupon(_) => Self::refused("not-coupon", error),
            LedgerError::TooManyCoupons(_) => Self::refused("too-many-coupons", error),
            LedgerError::NotTransferable(_) => Self::refused("not-transferable", error),
            LedgerError::SameMember(_) => Self::refused("same-member", error),
            LedgerError::HoldExists(_) => Self::conflict("hold-exists", error),
            LedgerError::HoldOver(_) => Self::refused("hold-over", error),
            LedgerError::UnknownHold(_) => Self::not_found("unknown-hold", error),
            LedgerError::HoldPosted { .. } => Self::conflict("hold-posted", error),
            LedgerError::HoldVoided { .. } => Self::conflict("hold-voided", error),
            LedgerError::HoldLapsed { .. } => Self::conflict("hold-lapsed", error),
            LedgerError::HoldTooSmall { .. } => Self::refused("hold-too-small", error),
            LedgerError::CouponEndless(_) => Self::refused("coupon-endless", error),
            LedgerError::CouponTooEarly { .. } => Self::refused("coupon-too-early", error),
            LedgerError::CouponOver { .. } => Self::refused("coupon-over", error),
            LedgerError::CouponMemberMax { .. } => Self::refused("coupon-member-max", error),
            LedgerError::CouponTotalMax { .. } => Self::refused("coupon-total-max", error),
            LedgerError::CouponOutOfStock { .. } => Self::refused("coupon-out-of-stock", error),
            LedgerError::EarnLimit { .. } => Self::refused("earn-limit", error),
            LedgerError::SpendLimit { .. } => Self::refused("spend-limit", error),
            LedgerError::BalanceLimit { .. } => Self::refused("balance-limit", error),
            LedgerError::Shortfall { .. } => Self::refused("shortfall", error),
            LedgerError::Store(error) => error.into(),
        }
    }
}

impl From<LoadError> for Problem {
    fn from(error: LoadError) -> Self {
        match error {
            LoadError::UnknownMember(id) => Self::unknown_member(id),
            LoadError::Ledger(error) => error.into(),
            LoadError::Store(error) => error.into(),
        }
    }
}

impl From<SpendError> for Problem {
    fn from(error: SpendError) -> Self {
        match error {
            SpendError::UnknownMember(id) => Self::unknown_member(id),
            SpendError::Ledger(error) => error.into(),
            SpendError::Store(error) => error.into(),
        }
    }
}

impl From<HoldError> for Problem {
    fn from(error: HoldError) -> Self {
        match error {
            HoldError::UnknownMember(id) => Self::unknown_member(id),
            HoldError::OfCoupons(_) => Self::refused("hold-of-coupons", error),
            HoldError::Ledger(error) => error.into(),
            HoldError::Store(error) => error.into(),
        }
    }
}

impl From<DefineError> for Problem {
    fn from(error: DefineError) -> Self {
        match error {
            DefineError::Coupon(CouponFault::GivesNothing) => Self::refused("gives-nothing", error),
            DefineError::Coupon(CouponFault::PercentTooLarge(_)) => Self::refused("percent-too-large", error),
            DefineError::Coupon(CouponFault::AmountTooLarge(_)) => Self::refused("amount-too-large", error),
            DefineError::Coupon(CouponFault::EndsBeforeBegin { .. }) => Self::refused("ends-before-begin", error),
            DefineError::Coupon(CouponFault::LimitZero) => Self::refused("limit-zero", error),
            DefineError::UnitTaken(_) => Self::conflict("unit-taken", error),
            DefineError::Store(error) => error.into(),
        }
    }
}

impl From<IssueError> for Problem {
    fn from(error: IssueError) -> Self {
        match error {
            IssueError::UnknownMember(id) => Self::unknown_member(id),
            IssueError::Ledger(error) => error.into(),
            IssueError::Store(error) => error.into(),
        }
    }
}

impl From<RedeemError> for Problem {
    fn from(error: RedeemError) -> Self {
        match error {
            RedeemError::Lines(fault) => fault.into(),
            RedeemError::UnknownStore(_) => Self::refused("unknown-store", error),
            RedeemError::UnknownMember(id) => Self::unknown_member(id),
            RedeemError::NoCoupons => Self::refused("no-coupons", error),
            RedeemError::TooManyCoupons(_) => Self::refused("too-many-coupons", error),
            RedeemError::UnknownReservation(_) => Self::refused("unknown-reservation", error),
            RedeemError::UnknownCoupon(_) => Self::refused("unknown-coupon", error),
            RedeemError::NotStackable(_) => Self::refused("not-stackable", error),
            RedeemError::Inapplicable { ref reason, .. } => {
                let kind = match reason {
                    Inapplicable::OtherStore => "coupon-other-store",
                    Inapplicable::NothingInScope => "coupon-nothing-in-scope",
                    Inapplicable::BelowThreshold { .. } => "coupon-below-threshold",
                    Inapplicable::NothingLeft => "coupon-nothing-left",
                };
                Self::refused(kind, error)
            }
            RedeemError::Ledger(error) => error.into(),
            RedeemError::Store(error) => error.into(),
        }
    }
}

impl From<AssetsError> for Problem {
    fn from(error: AssetsError) -> Self {
        match error {
            AssetsError::UnknownMember(id) => Self::unknown_member(id),
            AssetsError::Ledger(error) => error.into(),
            AssetsError::Store(error) => error.into(),
        }
    }
}

impl From<QuoteError> for Problem {
    fn from(error: QuoteError) -> Self {
        match error {
            QuoteError::Lines(fault) => fault.into(),
            QuoteError::UnknownStore(_) => Self::refused("unknown-store", error),
            QuoteError::UnknownMember(_) => Self::refused("unknown-member", error),
            QuoteError::Store(error) => error.into(),
        }
    }
}

impl From<SettleError> for Problem {
    fn from(error: SettleError) -> Self {
        match error {
            SettleError::Lines(fault) => fault.into(),
            SettleError::Currency { .. } => Self::refused("other-currency", error),
            SettleError::InFuture(_) => Self::refused("order-in-future", error),
            SettleError::UnknownStore(_) => Self::refused("unknown-store", error),
            SettleError::UnknownMember(_) => Self::refused("unknown-member", error),
            SettleError::ReferenceTaken { .. } => Self::conflict("reference-taken", error),
            SettleError::Store(error) => error.into(),
        }
    }
}

impl From<RefundError> for Problem {
    fn from(error: RefundError) -> Self {
        match error {
            RefundError::UnknownOrder(id) => Self::unknown_order(id),
            RefundError::AlreadyRefunded(_) => Self::conflict("already-refunded", error),
            RefundError::Ledger(error @ LedgerError::Shortfall { .. }) => error.into(),
            RefundError::Ledger(error) => Self::internal(error),
            RefundError::Store(error) => error.into(),
        }
    }
}

impl From<UploadError> for Problem {
    fn from(error: UploadError) -> Self {
        match error {
            UploadError::Load(error) => {
                let status = match error {
                    pack::LoadError::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                    _ => StatusCode::UNPROCESSABLE_ENTITY,
                };
                Self::new(status, error.code(), error)
            }
            UploadError::Store(error) => error.into(),
        }
    }
}

impl From<EnableError> for Problem {
    fn from(error: EnableError) -> Self {
        match error {
            EnableError::UnknownRevision(_) => Self::refused("unknown-revision", error),
            EnableError::OtherPack { .. } => Self::refused("other-pack", error),
            EnableError::UnknownStore(_) => Self::refused("unknown-store", error),
            EnableError::GrantNotAsked(_) => Self::refused("grant-not-asked", error),
            EnableError::Settings(faults) => {
                let problem = Self::refused("wrong-settings", "the settings do not fulfil the pack's schema");
                Self { errors: faults, ..problem }
            }
            EnableError::SettingsTooLong { .. } => Self::refused("settings-too-long", error),
            EnableError::UnitTaken(_) => Self::conflict("unit-taken", error),
            EnableError::Programme(error) => Self::internal(error),
            EnableError::Store(error) => error.into(),
        }
    }
}

impl From<CommandError> for Problem {
    fn from(error: CommandError) -> Self {
        match error {
            CommandError::UnknownStore(_) => Self::refused("unknown-store", error),
            CommandError::NotEnabled(_) => Self::not_found("pack-not-enabled", error),
            CommandError::NotLoadable { .. } => Self::internal(error),
            CommandError::UnknownCommand { .. } => Self::not_found("unknown-command", error),
            CommandError::Input(faults) => {
                let problem = Self::refused("wrong-input", "the input does not fulfil the command's schema");
                Self { errors: faults, ..problem }
            }
            CommandError::Call(error) => error.into(),
            CommandError::Store(error) => error.into(),
        }
    }
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        match error {
            CallError::Refused(refusal) => {
                let status = match refusal.kind {
                    RefusalKind::Invalid | RefusalKind::Refused => StatusCode::UNPROCESSABLE_ENTITY,
                    RefusalKind::NotFound => StatusCode::NOT_FOUND,
                    RefusalKind::Failed => StatusCode::BAD_GATEWAY,
                };
                Self::new(status, &format!("pack:{}", refusal.code), refusal.message)
            }
            CallError::Store(error) => error.into(),
            CallError::Host(_) => {
                Self { retry_after_s: Some(1), ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "too-busy", error) }
            }
            CallError::NotExported { .. } => Self::not_found("unknown-command", error),
            CallError::OutOfFuel { .. }
            | CallError::TimedOut { .. }
            | CallError::MemoryExceeded { .. }
            | CallError::StackExhausted
            | CallError::HostCallsExceeded { .. }
            | CallError::Trapped { .. }
            | CallError::BadReply { .. }
            | CallError::Denied { .. } => Self::new(StatusCode::BAD_GATEWAY, &format!("pack-{}", error.code()), error),
        }
    }
}
