//! What is sent: an event as a CloudEvent, in JSON.

use jiff::Timestamp;
use serde::Serialize;
use serde_json::json;

use crate::domain::MerchantId;
use crate::usecase::EventData;
use crate::usecase::webhooks::Message;

/// A message as it goes out.
pub(super) struct Envelope {
    /// A name that no other message has, and that stays the same when it is sent again.
    pub(super) id: String,
    /// The body.
    pub(super) body: Vec<u8>,
}

#[derive(Serialize)]
struct CloudEvent<'a, T> {
    specversion: &'static str,
    id: &'a str,
    source: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    subject: Option<String>,
    time: Timestamp,
    datacontenttype: &'static str,
    /// CloudEvents' extension for the order of events: as text it sorts as the events do.
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence: Option<String>,
    data: T,
}

impl<'a, T: Serialize> CloudEvent<'a, T> {
    fn new(merchant: MerchantId, id: &'a str, kind: &str, time: Timestamp, data: T) -> Self {
        Self {
            specversion: "1.0",
            id,
            source: format!("urn:punchcard:merchant:{merchant}"),
            kind: format!("punchcard.{kind}.v1"),
            subject: None,
            time,
            datacontenttype: "application/json",
            sequence: None,
            data,
        }
    }

    fn body(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("an event is made of plain values")
    }
}

impl Envelope {
    /// The message as it goes out.
    pub(super) fn of(merchant: MerchantId, message: &Message) -> Self {
        match message {
            Message::Event(event) => {
                let id = event.id(merchant);
                let subject = match (event.member, event.order) {
                    (Some(member), _) => Some(member.to_string()),
                    (None, order) => order.map(|order| order.to_string()),
                };
                let sequence = Some(format!("{:020}", event.sequence));
                let told: CloudEvent<'_, &EventData> =
                    CloudEvent::new(merchant, &id, event.kind().name(), event.at, &event.data);
                let body = CloudEvent { subject, sequence, ..told }.body();
                Self { id, body }
            }
            Message::Test { id, at } => {
                let id = format!("evt_test_{:032x}", u128::from_be_bytes(*id));
                let data = json!({ "message": "this is a test; nothing has happened" });
                let body = CloudEvent::new(merchant, &id, "webhook-test", *at, data).body();
                Self { id, body }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{MemberId, OrderId};
    use crate::usecase::PublicEvent;

    #[test]
    fn an_event_goes_out_as_a_cloud_event() {
        let (order, member) = (OrderId::from_bytes([2; 16]), Some(MemberId::from_bytes([3; 16])));
        let event = PublicEvent {
            sequence: 42,
            at: Timestamp::from_second(1_700_000_000).unwrap(),
            member,
            order: Some(order),
            data: EventData::OrderSettled { order, member },
        };
        let sent = Envelope::of(MerchantId::from_bytes([1; 16]), &Message::Event(event));
        assert_eq!(sent.id, "evt_01010101010101010101010101010101_42");
        let body: serde_json::Value = serde_json::from_slice(&sent.body).unwrap();
        let expected = json!({
            "specversion": "1.0",
            "id": sent.id,
            "source": "urn:punchcard:merchant:mer_01010101010101010101010101010101",
            "type": "punchcard.order-settled.v1",
            "subject": "mem_03030303030303030303030303030303",
            "time": "2023-11-14T22:13:20Z",
            "datacontenttype": "application/json",
            "sequence": "00000000000000000042",
            "data": {
                "order": "ord_02020202020202020202020202020202",
                "member": "mem_03030303030303030303030303030303",
            },
        });
        assert_eq!(body, expected);
    }
}
