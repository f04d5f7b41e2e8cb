//! `agreements`: what two merchants do together.

use std::time::Duration;

use super::{Answer, Call, Desk, No, function, invalid, limit, millis, not_found};
use crate::domain::{AgreementId, Label, MemberId};
use crate::pack::bindings::punchcard::pack::{agreements, types};
use crate::pack::{Allowance, Grant, Limits, PartnerReply, SeenAgreement, ServiceError};

/// Agreements that one `all` may ask for.
const ALL_MAX: u32 = 50;
/// How often one call asks partners.
const ASKS_MAX: u32 = 10;

impl Desk {
    fn agreement(&self, agreement: &str) -> Result<AgreementId, No> {
        self.need(&Grant::Transact)?;
        agreement.parse().map_err(|error| not_found(&error))
    }

    /// What the partner's pack does is counted for the partner: nothing of it is taken from what this call may use.
    fn ask(
        &mut self,
        agreement: AgreementId,
        question: String,
        wall_max: Duration,
    ) -> Result<PartnerReply, ServiceError> {
        let own = self.written_max.saturating_sub(self.tx.written());
        let room = Limits::TRANSACTION_FULL_BYTES.saturating_sub(self.tx.bytes()).saturating_sub(own);
        let of_all = Limits::WRITTEN_MAX_BYTES.saturating_sub(self.of_partners);
        let allowance = Allowance { wall_max, written_max_bytes: room.min(of_all) };
        let (bytes, written, reads) = (self.tx.bytes(), self.tx.written(), self.tx.reads_len());
        let (services, errand) = self.errand();
        let reply = services.ask(errand, agreement, question, allowance);
        self.of_partners = self.of_partners.saturating_add(self.tx.bytes().saturating_sub(bytes));
        self.written_max = self.written_max.saturating_add(self.tx.written().saturating_sub(written));
        self.reads_max = self.reads_max.saturating_add(self.tx.reads_len().saturating_sub(reads));
        reply
    }
}

fn seen(agreement: SeenAgreement) -> agreements::Agreement {
    let SeenAgreement { id, partner, terms, proposed, since, until, in_force, balance } = agreement;
    let amount = balance.unsigned_abs();
    agreements::Agreement {
        id: id.to_string(),
        partner: partner.to_string(),
        terms,
        proposed,
        since: millis(since),
        until: until.map(millis),
        in_force,
        balance: match balance {
            0 => agreements::Standing::Even,
            1.. => agreements::Standing::Due(amount),
            _ => agreements::Standing::Owed(amount),
        },
    }
}

impl agreements::Host for Call {
    fn get(&mut self, agreement: String) -> Answer<agreements::Agreement> {
        self.serve(&function::AGREEMENTS_GET, (agreement,), |desk, (agreement,)| {
            let agreement = desk.agreement(&agreement)?;
            let (services, errand) = desk.errand();
            Ok(seen(services.agreement(errand, agreement)?))
        })
    }

    fn all(&mut self, after: Option<String>, limit: u32) -> Answer<Vec<agreements::Agreement>> {
        self.serve(&function::AGREEMENTS_ALL, (after, limit), |desk, (after, limit)| {
            desk.need(&Grant::Transact)?;
            if !(1..=ALL_MAX).contains(&limit) {
                return Err(invalid(&format!("a page has 1 to {ALL_MAX} agreements, not {limit}")));
            }
            let after = after.map(|after| after.parse::<AgreementId>()).transpose().map_err(|error| invalid(&error))?;
            let (services, errand) = desk.errand();
            let found = services.agreements(errand, after, usize::try_from(limit).unwrap_or(0))?;
            Ok(found.into_iter().map(seen).collect())
        })
    }

    fn alias_of(&mut self, agreement: String, member: String) -> Answer<String> {
        self.serve(&function::AGREEMENTS_ALIAS_OF, (agreement, member), |desk, (agreement, member)| {
            let agreement = desk.agreement(&agreement)?;
            let member: MemberId = desk.member(&member)?.id;
            let (services, errand) = desk.errand();
            Ok(services.alias(errand, agreement, member)?)
        })
    }

    fn member_of(&mut self, agreement: String, alias: String) -> Answer<Option<String>> {
        self.serve(&function::AGREEMENTS_MEMBER_OF, (agreement, alias), |desk, (agreement, alias)| {
            let agreement = desk.agreement(&agreement)?;
            let (services, errand) = desk.errand();
            let found = services.member_by_alias(errand, agreement, &alias)?;
            Ok(found.map(|member| member.to_string()))
        })
    }

    fn ask(&mut self, agreement: String, question: String) -> Answer<agreements::Reply> {
        // Half of the time that is left: whoever asks goes on when a partner has taken all that it may.
        let wall_max = self.time_left() / 2;
        self.serve(&function::AGREEMENTS_ASK, (agreement, question), |desk, (agreement, question)| {
            let agreement = desk.agreement(&agreement)?;
            if question.len() > Limits::QUESTION_MAX_BYTES {
                let (bytes, most) = (question.len(), Limits::QUESTION_MAX_BYTES);
                return Err(invalid(&format!("a question has at most {most} bytes, but this has {bytes}")));
            }
            serde_json::from_str::<serde::de::IgnoredAny>(&question)
                .map_err(|error| invalid(&format!("a question is JSON, but this is not: {error}")))?;
            if desk.is_asked {
                return Err(limit(&"whoever is being asked asks nobody"));
            }
            if desk.asks == ASKS_MAX {
                return Err(limit(&format!("a call asks at most {ASKS_MAX} times")));
            }
            desk.asks += 1;
            desk.moves(question.len())?;
            let reply = desk.ask(agreement, question, wall_max)?;
            Ok(match reply {
                PartnerReply::Answer(answer) => agreements::Reply::Answer(answer),
                PartnerReply::Refused(refusal) => {
                    agreements::Reply::Refused(types::Problem { code: refusal.code, message: refusal.message })
                }
            })
        })
    }

    fn owe(&mut self, obligation: agreements::Obligation) -> Answer<String> {
        self.serve(&function::AGREEMENTS_OWE, (obligation,), |desk, (obligation,)| {
            let agreement = desk.agreement(&obligation.agreement)?;
            let reason = match obligation.reason.as_str() {
                "" => None,
                reason => Some(Label::new(reason).map_err(|error| invalid(&error))?),
            };
            let (services, errand) = desk.errand();
            Ok(services.owe(errand, agreement, obligation.amount, reason)?.to_string())
        })
    }
}
