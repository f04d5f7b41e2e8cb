//! `members`: who the merchant's members are.

use super::{Answer, Call, millis};
use crate::pack::Grant;
use crate::pack::bindings::punchcard::pack::members;

impl members::Host for Call {
    fn get(&mut self, member: String) -> Answer<members::Member> {
        self.serve(|desk| {
            desk.need(&Grant::ReadMembers)?;
            let member = desk.member(&member)?;
            Ok(members::Member {
                id: member.id.to_string(),
                tags: member.tags_at(desk.now).map(ToString::to_string).collect(),
                enrolled_at: millis(member.enrolled_at),
                home_store: member.home_store.map(|store| store.to_string()),
            })
        })
    }
}
