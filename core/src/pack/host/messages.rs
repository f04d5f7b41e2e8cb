//! `messages`: what members are told.

use super::{Answer, Call, function, invalid, limit, not_found};
use crate::domain::{Code, MessageValue, MessageValues, PlaceholderName};
use crate::pack::bindings::punchcard::pack::messages;
use crate::pack::{Grant, NewMessage, Obstacle, Sent};

/// Messages that one call may send.
const MESSAGES_MAX: u32 = 200;

impl messages::Host for Call {
    fn send(&mut self, message: messages::Message) -> Answer<messages::Outcome> {
        self.serve(&function::MESSAGES_SEND, (message,), |desk, (message,)| {
            desk.need(&Grant::SendMessages)?;
            if desk.messages >= MESSAGES_MAX {
                return Err(limit(&format!("one call sends at most {MESSAGES_MAX} messages")));
            }
            let member = desk.member(&message.member)?.id;
            let template = Code::new(message.template).map_err(|error| not_found(&error))?;
            let mut values = MessageValues::new();
            for messages::Placeholder { name, value } in message.values {
                let name = PlaceholderName::new(&name).map_err(|error| invalid(&error))?;
                let value = match value {
                    messages::Value::Text(text) => MessageValue::Text(text.into()),
                    messages::Value::Number(number) => MessageValue::Number(number),
                };
                if values.insert(name.clone(), value).is_some() {
                    return Err(invalid(&format!("the placeholder `{name}` is filled in twice")));
                }
            }
            let (services, errand) = desk.errand();
            let sent = services.send(errand, NewMessage { member, template, values })?;
            desk.messages += 1;
            Ok(match sent {
                Sent::Queued(id) => messages::Outcome::Queued(id.to_string()),
                Sent::Dropped(obstacle) => messages::Outcome::Dropped(match obstacle {
                    Obstacle::NoConsent => messages::Obstacle::NoConsent,
                    Obstacle::Capped => messages::Obstacle::Capped,
                    Obstacle::NoAddress => messages::Obstacle::NoAddress,
                    Obstacle::Erased => messages::Obstacle::Erased,
                    Obstacle::Expired => messages::Obstacle::Expired,
                }),
            })
        })
    }
}
