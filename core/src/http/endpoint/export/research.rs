//! `GET /v1/research/{study}/{kind}`

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::response::Response;
use jiff::Timestamp;
use jiff::civil::Date;
use serde::Deserialize;
use serde_json::{Map, Value, json};
use utoipa::{IntoParams, ToSchema};

use super::kinds::{ExportError, ExportFormat, store_codes, with};
use super::text::{header, written};
use super::{Parts, streamed};
use crate::domain::{
    Action, Actor, AttributeKind, Code, Member, MemberId, Order, OrderId, OrderState, Standing, TextError,
};
use crate::http::caller::Caller;
use crate::http::path::Path;
use crate::http::{App, Problem, at_all_stores};
use crate::store::{StoreError, Tx};
use crate::usecase::{self, Act, Ages, DayCounts, EventFilter, EventStart, Figure, Host, Known, PublicEvent, Study};

/// How many records one page has.
const PAGE: usize = 200;

/// What is taken out for research.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ResearchKind {
    /// Members, without what is personal.
    Members,
    /// Orders with their lines.
    Orders,
    /// What happened to members and orders.
    Events,
    /// The figures of each day and store.
    Figures,
}

impl ResearchKind {
    /// All kinds.
    pub(crate) const ALL: [Self; 4] = [Self::Members, Self::Orders, Self::Events, Self::Figures];

    /// Its name in paths and commands.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Orders => "orders",
            Self::Events => "events",
            Self::Figures => "figures",
        }
    }

    /// The columns of its table.
    fn columns(self) -> Vec<(String, String)> {
        let fixed: &[&str] = match self {
            Self::Members => {
                &["member", "joined", "born", "tier", "tags", "store_code", "channel", "is_referred", "is_erased"]
            }
            Self::Orders => &[
                "order",
                "member",
                "store_code",
                "ordered_at",
                "state",
                "total_minor",
                "refunded_minor",
                "line",
                "sku",
                "category",
                "brand",
                "quantity",
                "amount_minor",
            ],
            Self::Events => &["type", "at", "member", "to", "order", "data"],
            Self::Figures => &["day", "store_code"],
        };
        let figures = Figure::ALL.iter().filter(|_| self == Self::Figures).map(|figure| figure.name());
        fixed.iter().copied().chain(figures).map(|name| (name.to_owned(), format!("/{name}"))).collect()
    }
}

/// An export for research under way.
pub(crate) struct Research {
    study: Code,
    kind: ResearchKind,
    format: ExportFormat,
    ages: Ages,
    columns: Vec<(String, String)>,
    place: Place,
}

/// How far it has come.
enum Place {
    Begin,
    Member(MemberId),
    Order(OrderId),
    Event(u64),
    Day(Date),
    End,
}

impl Research {
    /// An export from the beginning.
    pub(crate) fn new(study: Code, kind: ResearchKind, format: ExportFormat, ages: Ages) -> Self {
        Self { study, kind, format, ages, columns: Vec::new(), place: Place::Begin }
    }

    /// The next part of it; none when all is told. A table begins with its header.
    pub(crate) fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, ExportError> {
        let mut bytes = Vec::new();
        match self.place {
            Place::Begin => {
                host.act(actor, usecase::begin_study)?;
                if self.format == ExportFormat::Csv {
                    self.columns = self.table(host, actor)?;
                    bytes = header(&self.columns);
                }
            }
            Place::End => return Ok(None),
            _ => {}
        }
        let (records, next) = host.view(actor, |tx, act| {
            let study = Study::open(tx, act, &self.study)?;
            self.page(tx, act, &study)
        })?;
        bytes.extend(written(self.format, &self.columns, &records));
        self.place = next;
        Ok(Some(bytes))
    }

    /// The columns; of members one for each attribute that is told as well.
    fn table(&self, host: &Host, actor: &Actor) -> Result<Vec<(String, String)>, ExportError> {
        let mut columns = self.kind.columns();
        if self.kind == ResearchKind::Members {
            let told = host.look(|tx| told_attributes(tx, actor))?;
            columns.extend(told.iter().map(|code| (format!("attributes.{code}"), format!("/attributes/{code}"))));
        }
        Ok(columns)
    }

    fn page(&self, tx: &mut Tx, act: &Act<'_>, study: &Study) -> Result<(Vec<Value>, Place), ExportError> {
        let merchant = act.merchant;
        let codes = store_codes(tx, merchant)?;
        let zone = act.merchant(tx)?.time_zone.zone();
        Ok(match self.kind {
            ResearchKind::Members => {
                let after = if let Place::Member(after) = self.place { Some(after) } else { None };
                let found = usecase::export_members(tx, act, after, PAGE)?;
                let last = found.last().filter(|_| found.len() == PAGE).map(|known| known.member.id);
                let attributes = attribute_codes(usecase::list_attributes(tx, merchant)?);
                let mut records = Vec::new();
                // Who was merged into another one is that one.
                for Known { member, personal } in found.into_iter().filter(|known| !is_merged(&known.member)) {
                    let joined = zone.to_datetime(member.enrolled_at);
                    let today = zone.to_datetime(act.now).date();
                    let told = member.attributes.iter().filter(|(code, _)| attributes.contains(code));
                    let told = told.map(|(code, value)| (code.to_string(), value.to_json()));
                    records.push(json!({
                        "member": study.member(tx, act, member.id)?,
                        "joined": format!("{:04}-{:02}", joined.year(), joined.month()),
                        "born": personal.birthday.as_ref().and_then(|birthday| self.ages.told(birthday, today)),
                        "tier": member.tier_at(act.now).map(|tier| &tier.code),
                        "tags": member.tags_at(act.now).collect::<Vec<_>>(),
                        "store_code": member.home_store.and_then(|store| codes.get(&store)),
                        "channel": member.channel,
                        "is_referred": member.referrer.is_some(),
                        "is_erased": matches!(member.standing, Standing::Erased { .. }),
                        "attributes": told.collect::<Map<_, _>>(),
                    }));
                }
                (records, last.map_or(Place::End, Place::Member))
            }
            ResearchKind::Orders => {
                let after = if let Place::Order(after) = self.place { Some(after) } else { None };
                let found = usecase::export_orders(tx, merchant, after, PAGE)?;
                let last = found.last().filter(|_| found.len() == PAGE).map(|order| order.id);
                let mut records = Vec::new();
                for order in found {
                    let member = order.member.map(|member| study.member(tx, act, member)).transpose()?;
                    let refunded: u64 = order.refunds.iter().map(|refund| refund.amount_minor).sum();
                    let head = json!({
                        "order": study.order(order.id),
                        "member": member,
                        "store_code": codes.get(&order.store),
                        "ordered_at": hour(order.ordered_at),
                        "state": state(&order),
                        "total_minor": order.total_minor,
                        "refunded_minor": refunded,
                    });
                    let lines: Vec<Value> = lines(&order);
                    match self.format {
                        ExportFormat::Ndjson => {
                            let payments = order.payments.iter();
                            let payments: Vec<_> = payments
                                .map(|paid| json!({ "method": paid.method, "amount_minor": paid.amount_minor }))
                                .collect();
                            records.push(with(&head, json!({ "lines": lines, "payments": payments })));
                        }
                        ExportFormat::Csv => records.extend(lines.into_iter().map(|line| with(&head, line))),
                    }
                }
                (records, last.map_or(Place::End, Place::Order))
            }
            ResearchKind::Events => {
                let after = if let Place::Event(after) = self.place { after } else { 0 };
                let page = usecase::list_events(tx, merchant, EventStart::After(after), &EventFilter::default(), PAGE)?;
                let mut records = Vec::new();
                for event in page.events.iter().filter(|event| event.member.is_some() || event.order.is_some()) {
                    records.push(happened(tx, act, study, event)?);
                }
                (records, if page.is_end { Place::End } else { Place::Event(page.next) })
            }
            ResearchKind::Figures => {
                let after = if let Place::Day(after) = self.place { Some(after) } else { None };
                let (found, last) = usecase::export_figures(tx, merchant, after, PAGE)?;
                let line = |DayCounts { day, store, counts }| {
                    let store_code = store.and_then(|store| codes.get(&store));
                    let mut record = json!({ "day": day.to_string(), "store_code": store_code });
                    for figure in Figure::ALL {
                        record[figure.name()] = json!(counts.get(figure).copied().unwrap_or(0));
                    }
                    record
                };
                (found.into_iter().map(line).collect(), last.map_or(Place::End, Place::Day))
            }
        })
    }
}

fn is_merged(member: &Member) -> bool {
    matches!(member.standing, Standing::Merged { .. })
}

/// The attributes that are told: what is not personal, and no text or day of which nobody knows what it says.
fn attribute_codes(all: Vec<crate::domain::AttributeType>) -> Vec<Code> {
    let is_told = |kind: &AttributeKind| match kind {
        AttributeKind::Number | AttributeKind::Flag | AttributeKind::Choice(_) => true,
        AttributeKind::Text | AttributeKind::Date => false,
    };
    all.into_iter().filter(|one| !one.personal && is_told(&one.kind)).map(|one| one.code).collect()
}

fn told_attributes(tx: &mut Tx, actor: &Actor) -> Result<Vec<Code>, StoreError> {
    usecase::list_attributes(tx, actor.merchant).map(attribute_codes)
}

/// An instant, to the hour.
fn hour(at: Timestamp) -> String {
    const MILLIS: i64 = 3_600_000;
    let begin = at.as_millisecond().div_euclid(MILLIS) * MILLIS;
    Timestamp::from_millisecond(begin).unwrap_or(Timestamp::UNIX_EPOCH).to_string()
}

fn state(order: &Order) -> &'static str {
    match order.state() {
        OrderState::Settled => "settled",
        OrderState::PartlyRefunded => "partly-refunded",
        OrderState::Refunded { .. } => "refunded",
    }
}

fn lines(order: &Order) -> Vec<Value> {
    let lines = order.lines.iter().enumerate().map(|(index, line)| {
        json!({
            "line": index + 1,
            "sku": line.sku,
            "category": line.category,
            "brand": line.brand,
            "quantity": line.quantity,
            "amount_minor": line.amount_minor,
        })
    });
    lines.collect()
}

/// An event as researchers are told of it.
fn happened(tx: &mut Tx, act: &Act<'_>, study: &Study, event: &PublicEvent) -> Result<Value, StoreError> {
    let to = match &event.data {
        usecase::EventData::AssetsGiven { to, .. } => Some(study.member(tx, act, *to)?),
        _ => None,
    };
    Ok(json!({
        "type": event.kind().name(),
        "at": hour(event.at),
        "member": event.member.map(|member| study.member(tx, act, member)).transpose()?,
        "to": to,
        "order": event.order.map(|order| study.order(order)),
        "data": usecase::event_fields(event),
    }))
}

impl Parts for Research {
    fn record(&self, tx: &mut Tx, act: &mut Act<'_>) -> Result<(), StoreError> {
        usecase::record_research(tx, act, &self.study, self.kind.name(), self.format.name())
    }

    fn next_part(&mut self, host: &Host, actor: &Actor) -> Result<Option<Vec<u8>>, Problem> {
        at_all_stores(actor)?;
        Ok(Self::next_part(self, host, actor)?)
    }
}

/// How exactly ages are told.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::http::endpoint) enum AgesForm {
    /// As `0-17`, `18-24`, `25-34`, `35-44`, `45-54`, `55-64` or `65+`, on the day of the export.
    #[default]
    Bands,
    /// As the year of birth.
    Years,
}

/// How it is to be told.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(in crate::http::endpoint) struct ResearchQuery {
    /// `ndjson`, a JSON document a line, if it is not said; or `csv`, a table.
    #[serde(default)]
    #[param(inline, value_type = Option<ExportFormat>)]
    format: ExportFormat,
    /// `bands` of several years if it is not said, or `years` of birth. Nothing of a birthday without its year is told.
    #[serde(default)]
    #[param(inline, value_type = Option<AgesForm>)]
    ages: AgesForm,
}

/// Records of a kind for research, oldest first, without anything personal. Members and orders stand under pseudonyms
/// that follow from their ids and the name of the study by a key of the merchant's: within a study they are always the
/// same, in another study others. Of a member the month is told in which they joined, the age by bands or the year of
/// birth, level, tags, store, channel, and the attributes that are numbers, choices, or yes and no and not personal; of
/// orders and events the hour. References, ids, names, notes, reasons that people typed, who of the staff it was, and
/// what packs and the merchant's own systems wrote into events are left out. The merchant can make the pseudonyms again,
/// so this is pseudonymous and not anonymous: whoever gets it has to be bound not to look for people in it, and rare
/// tags, SKUs and sums can give somebody away. Goes over the wire as `GET /v1/exports/{kind}` does.
#[utoipa::path(get, path = "/v1/research/{study}/{kind}", tag = "exchange",
    extensions(("x-needs" = json!("exchange"))),
    params(("study" = String, Path, description = "The name of the study: a code of your own.", example = "loyalty-2026"),
        ("kind" = inline(ResearchKind), Path, description = "What is taken out.", example = "orders"), ResearchQuery),
    responses((status = 200, content((String = "application/x-ndjson"), (String = "text/csv"))),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(in crate::http::endpoint) async fn export_research(
    State(app): State<App>,
    caller: Caller,
    Path((study, kind)): Path<(String, String)>,
    query: Result<Query<ResearchQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let study = Code::new(&study).map_err(|error| Problem::wrong_name(&error))?;
    let found = ResearchKind::ALL.into_iter().find(|known| known.name() == kind);
    let kind = found.ok_or_else(|| Problem::wrong_name(&TextError::Code { given: kind.chars().take(64).collect() }))?;
    let Query(ResearchQuery { format, ages }) = query.map_err(|error| Problem::wrong_query(&error.body_text()))?;
    let ages = match ages {
        AgesForm::Bands => Ages::Bands,
        AgesForm::Years => Ages::Years,
    };
    let name = format!("{study}-{}.{}", kind.name(), format.name());
    let research = Research::new(study, kind, format, ages);
    streamed(app, caller, Action::Exchange, research, format.content_type(), &name).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_are_told_to_the_hour() {
        for (at, told) in [
            ("2026-03-18T09:59:59.999Z", "2026-03-18T09:00:00Z"),
            ("2026-03-18T10:00:00Z", "2026-03-18T10:00:00Z"),
            ("1969-12-31T23:59:59.5Z", "1969-12-31T23:00:00Z"),
        ] {
            assert_eq!(hour(at.parse().unwrap()), told, "{at}");
        }
    }
}
