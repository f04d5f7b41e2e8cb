//! `GET /v1/events/stream`

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::response::sse::{Event as Message, Sse};
use futures_util::stream::{Stream, unfold};
use tokio::sync::mpsc::{self, Sender};
use tokio::time::timeout;
use utoipa::ToSchema;

use crate::domain::{Action, Actor, MerchantId};
use crate::http::caller::Caller;
use crate::http::event_wire::{Asked, EventOut, EventsQuery, cursor, start};
use crate::http::streams::StreamPlace;
use crate::http::{App, Problem};
use crate::store::{LogListener, layout};
use crate::usecase::{self, EventFilter, EventPage, EventStart, EventsError, Host};

/// How many events are read at a time. So many, and as many again, wait for a slow reader at most.
const PAGE: usize = 50;
/// How long a reader may take nothing before the stream ends.
const PATIENCE: Duration = Duration::from_secs(60);
/// How often a stream on which nothing happens says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How long to wait before asking again when the host had too much to do.
const PAUSE: Duration = Duration::from_secs(1);

/// What a stream sends at a time.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is written as server-sent events are; this describes it")]
pub(super) struct StreamedEvent {
    /// The cursor behind it.
    id: Option<String>,
    /// The type of the event; nothing when it is a sign of life.
    event: Option<String>,
    /// The event as JSON, as `/v1/events` tells it.
    data: Option<String>,
}

/// The same as `/v1/events`, as server-sent events that go on for as long as somebody listens: `id` is the cursor,
/// `event` the type, `data` the event as JSON. Goes on behind the header `Last-Event-ID`, or behind `after`. Every 15
/// seconds without an event there is a comment, with the cursor as `id`. A stream whose reader takes nothing for a
/// minute ends, and so do all when the host does: connect again, and it goes on where it was. At most 16 streams for one
/// merchant.
#[utoipa::path(get, path = "/v1/events/stream", tag = "events",
    extensions(("x-needs" = json!("read-events"))),
    params(EventsQuery, ("Last-Event-ID" = Option<String>, Header, description = "A cursor; counts before `after`.")),
    responses((status = 200, body = StreamedEvent, content_type = "text/event-stream"),
        (status = "4XX", body = Problem, content_type = "application/problem+json"),
        (status = "5XX", body = Problem, content_type = "application/problem+json")))]
pub(super) async fn stream_events(
    State(app): State<App>,
    caller: Caller,
    headers: HeaderMap,
    query: Result<Query<EventsQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Message, Infallible>>>, Problem> {
    let Asked { start: mut from, filter, .. } = Asked::read(query)?;
    if let Some(last) = headers.get("last-event-id") {
        from = start(last.to_str().unwrap_or_default())?;
    }
    // The first page is read here, so that whatever is wrong is answered as a problem.
    let (merchant, _) = app.serve(caller.clone(), Action::ReadEvents, page(EventStart::End, filter.clone())).await?;
    let log = layout::events(merchant);
    let (place, listener) = (app.streams().open(merchant)?, app.host().store.listen(Some(&log)));
    let (_, page) = read_further(&app, &caller, from, &filter).await?;
    let (sender, receiver) = mpsc::channel(PAGE);
    let feed = Feed { app, caller, filter, merchant, listener, sender };
    tokio::spawn(feed.run(place, page));
    Ok(Sse::new(unfold(receiver, async |mut receiver| Some((Ok(receiver.recv().await?), receiver)))))
}

/// What reads a page of the log.
fn page(
    from: EventStart,
    filter: EventFilter,
) -> impl FnOnce(&Host, &Actor) -> Result<(MerchantId, EventPage), EventsError> + Send + 'static {
    move |host: &Host, actor: &Actor| {
        let merchant = actor.merchant;
        host.look(|tx| usecase::list_events(tx, merchant, from, &filter, PAGE)).map(|page| (merchant, page))
    }
}

/// One more page of the log, if the caller may still see it. The stream is one request, however much it tells.
async fn read_further(
    app: &App,
    caller: &Caller,
    from: EventStart,
    filter: &EventFilter,
) -> Result<(MerchantId, EventPage), Problem> {
    app.serve_further(caller.clone(), Action::ReadEvents, page(from, filter.clone())).await
}

/// One open stream: reads the log whenever it grows, and hands on what is wanted of it.
struct Feed {
    app: App,
    caller: Caller,
    filter: EventFilter,
    merchant: MerchantId,
    listener: LogListener,
    sender: Sender<Message>,
}

impl Feed {
    /// Until the host ends, or the reader goes, or sleeps.
    async fn run(self, mut place: StreamPlace, first: EventPage) {
        let gone = self.sender.clone();
        tokio::select! {
            () = place.closing() => {}
            () = gone.closed() => {}
            () = self.follow(first) => {}
        }
    }

    async fn follow(&self, first: EventPage) {
        let mut page = first;
        loop {
            for event in page.events {
                if !self.send(EventOut::of(self.merchant, event)).await {
                    return;
                }
            }
            if page.is_end && timeout(HEARTBEAT, self.listener.grown()).await.is_err() && !self.beat(page.next).await {
                return;
            }
            // Every page is asked for with the key again: one that does not count any more ends the stream.
            page = loop {
                match read_further(&self.app, &self.caller, EventStart::After(page.next), &self.filter).await {
                    Ok((_, page)) => break page,
                    Err(problem) if problem.passes() => tokio::time::sleep(PAUSE).await,
                    Err(_) => return,
                }
            };
        }
    }

    async fn send(&self, event: EventOut) -> bool {
        let message = Message::default().id(event.cursor()).event(event.kind()).json_data(&event);
        match message {
            Ok(message) => matches!(timeout(PATIENCE, self.sender.send(message)).await, Ok(Ok(()))),
            Err(error) => {
                tracing::error!("an event can not be written as JSON: {error}");
                false
            }
        }
    }

    /// Without data it is no event, but it says how far the stream has come.
    async fn beat(&self, next: u64) -> bool {
        let message = Message::default().id(cursor(next)).comment("still here");
        matches!(timeout(PATIENCE, self.sender.send(message)).await, Ok(Ok(())))
    }
}
