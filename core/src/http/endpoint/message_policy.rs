//! `GET` and `PUT /v1/message-policy`

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::State;
use jiff::civil::Time;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::domain::{Action, Channel, MessageCap, MessagePolicy, QuietHours};
use crate::http::caller::Caller;
use crate::http::etag::{Expected, Versioned};
use crate::http::sent::Sent;
use crate::http::{App, Problem};
use crate::store::layout;
use crate::usecase::messages;

/// What holds for messages that need a consent, and how long messages may wait.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"quiet_hours": {"from": "21:00", "until": "08:00"},
    "caps": {"sms": {"per_day": 1, "per_week": 3}}, "valid_hours": 72}))]
pub(super) struct PolicyForm {
    /// When members are left alone: what falls due then goes out at the end.
    quiet_hours: Option<QuietForm>,
    /// How many messages a member gets at most, by channel: `email`, `sms`, `push`, `wechat`.
    #[schema(value_type = BTreeMap<String, CapForm>)]
    #[serde(default)]
    caps: BTreeMap<Channel, CapForm>,
    /// For how many hours a message may wait until it is not worth sending: 1 to 720.
    #[schema(minimum = 1, maximum = 720)]
    valid_hours: u16,
}

/// A time of the day, every day, by the clocks of the merchant's time zone; over midnight when it ends earlier than it
/// begins.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QuietForm {
    /// From when on, `HH:MM`.
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    from: TimeForm,
    /// Until when, `HH:MM`.
    #[schema(value_type = String, pattern = "^([01][0-9]|2[0-3]):[0-5][0-9]$")]
    until: TimeForm,
}

/// How many messages of a channel a member gets at most.
#[derive(Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CapForm {
    /// On a day of the merchant's.
    per_day: Option<u16>,
    /// On seven days, this one included.
    per_week: Option<u16>,
}

/// A time of the day to the minute.
#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub(super) struct TimeForm(Time);

impl TryFrom<String> for TimeForm {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let fits = text.len() == 5;
        let time = fits.then(|| Time::strptime("%H:%M", &text).ok()).flatten();
        time.map(Self).ok_or_else(|| "this is no time of the day: expected one such as `21:00`".to_owned())
    }
}

impl From<TimeForm> for String {
    fn from(time: TimeForm) -> Self {
        format!("{:02}:{:02}", time.0.hour(), time.0.minute())
    }
}

impl PolicyForm {
    fn of(policy: &MessagePolicy) -> Self {
        let cap = |it: &MessageCap| CapForm { per_day: it.per_day, per_week: it.per_week };
        Self {
            quiet_hours: policy.quiet.map(|it| QuietForm { from: TimeForm(it.from), until: TimeForm(it.until) }),
            caps: policy.caps.iter().map(|(channel, it)| (*channel, cap(it))).collect(),
            valid_hours: policy.valid_hours,
        }
    }

    fn policy(self) -> MessagePolicy {
        let cap = |it: CapForm| MessageCap { per_day: it.per_day, per_week: it.per_week };
        MessagePolicy {
            version: 0,
            quiet: self.quiet_hours.map(|it| QuietHours { from: it.from.0, until: it.until.0 }),
            caps: self.caps.into_iter().map(|(channel, it)| (channel, cap(it))).collect(),
            valid_hours: self.valid_hours,
        }
    }
}

/// Quiet hours and caps.
#[utoipa::path(get, path = "/v1/message-policy", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))),
    responses((status = 200, body = PolicyForm, headers(("ETag" = String, description = "The state that was read."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_policy(
    State(app): State<App>,
    caller: Caller,
) -> Result<Versioned<Json<PolicyForm>>, Problem> {
    let policy = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            host.look(|tx| messages::read_policy(tx, actor.merchant))
        })
        .await?;
    Ok(Versioned(policy.version, Json(PolicyForm::of(&policy))))
}

/// Sets quiet hours and caps. They hold for what waits as well; messages about a member's own order or assets mind neither.
#[utoipa::path(put, path = "/v1/message-policy", tag = "messages",
    extensions(("x-needs" = json!("manage-messages"))), request_body = PolicyForm,
    params(("If-Match" = String, Header)),
    responses((status = 200, body = PolicyForm, headers(("ETag" = String, description = "The state that was written."))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn set_policy(
    State(app): State<App>,
    caller: Caller,
    Expected(expected): Expected,
    sent: Sent<PolicyForm>,
) -> Result<Versioned<Json<PolicyForm>>, Problem> {
    let policy = sent.body.policy();
    let set = app
        .serve(caller, Action::ManageMessages, move |host, actor| {
            let set = host.act(actor, |tx, act| messages::set_policy(tx, act, &policy, expected));
            host.store.call(&layout::changes(actor.merchant));
            set
        })
        .await?;
    Ok(Versioned(set.version, Json(PolicyForm::of(&set))))
}
