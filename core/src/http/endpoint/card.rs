//! `GET` and `POST /v1/members/{member}/card`

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use qrcode::QrCode;
use qrcode::render::svg;
use serde::Serialize;
use utoipa::ToSchema;

use crate::domain::{Action, MemberId};
use crate::http::caller::{Caller, Once};
use crate::http::path::Path;
use crate::http::{App, Problem};
use crate::usecase::{self, Card};

/// What a card shows.
#[derive(Serialize, ToSchema)]
pub(super) struct CardOut {
    /// The number by which the till finds the member.
    number: String,
    /// The level that counts now.
    tier: Option<String>,
    /// The number as a QR code (ISO/IEC 18004): an SVG, to be shown as it stands.
    qr_svg: String,
}

/// A card that was issued.
#[derive(Serialize, ToSchema)]
pub(super) struct CardIssuedOut {
    number: String,
}

impl From<Card> for CardOut {
    fn from(card: Card) -> Self {
        let number = card.number.to_string();
        // A reference of 128 bytes at most fits into a code of a tenth of what there can be.
        let qr_svg = QrCode::new(number.as_bytes())
            .map(|code| code.render::<svg::Color<'_>>().min_dimensions(160, 160).build())
            .unwrap_or_default();
        Self { number, tier: card.tier.map(Into::into), qr_svg }
    }
}

/// What a member's card shows: number, level and QR code.
#[utoipa::path(get, path = "/v1/members/{member}/card", tag = "members",
    extensions(("x-needs" = json!("read-personal"))), params(("member" = String, Path)),
    responses((status = 200, body = CardOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn read_card(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
) -> Result<Json<CardOut>, Problem> {
    let id: MemberId = member.parse()?;
    let card = app
        .serve(caller, Action::ReadPersonal, move |host, actor| {
            host.view(actor, |tx, act| usecase::read_card(tx, act, id))
        })
        .await?;
    Ok(Json(card.into()))
}

/// Gives a member a card with a new number of 16 digits, the last of which checks the others (ISO/IEC 7812).
#[utoipa::path(post, path = "/v1/members/{member}/card", tag = "members",
    extensions(("x-needs" = json!("serve"))),
    params(("member" = String, Path),
        ("Idempotency-Key" = String, Header, description = "A text of your own, new for each new card.")),
    responses((status = 201, body = CardIssuedOut),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn issue_card(
    State(app): State<App>,
    caller: Caller,
    Path(member): Path<String>,
    Once(key): Once,
) -> Result<(StatusCode, Json<CardIssuedOut>), Problem> {
    let id: MemberId = member.parse()?;
    let issued = app
        .serve(caller, Action::Serve, move |host, actor| {
            host.act_once(actor, &key, format!("card of {id}").as_bytes(), |tx, act| usecase::issue_card(tx, act, id))
        })
        .await?;
    Ok((StatusCode::CREATED, Json(CardIssuedOut { number: issued.number.to_string() })))
}
