//! Reversing parts of a posting, simply.

use super::*;

impl Model {
    /// How much of a posting is not reversed in parts yet.
    pub(in crate::ledger::tests) fn left_of(&self, posting: PostingId) -> Minor {
        let amount = match self.done.get(&posting) {
            Some((_, Did::Granted { amount, .. } | Did::Spent { amount, .. })) => *amount,
            _ => 0,
        };
        amount - self.parts.get(&posting).map_or(0, |(undone, _)| *undone)
    }

    pub(in crate::ledger::tests) fn reverse_part(
        &mut self,
        by: PostingId,
        now: i64,
        posting: PostingId,
        amount: Minor,
    ) -> Done {
        let (at, did) = self.done.get(&posting).cloned().ok_or(Refused)?;
        if amount == 0 || amount > self.left_of(posting) {
            return Err(Refused);
        }
        let (undone, mut lapsed) = self.parts.get(&posting).cloned().unwrap_or_default();
        match did {
            Did::Granted { member, lots, repaid: _, is_issue: false, .. } => {
                self.touch(now, member);
                let (_, rest) = cut(&lots, undone);
                let (pieces, _) = cut(&rest, amount);
                self.take_back_parts(member, &pieces, &mut lapsed)?;
                self.take_or_owe(member, amount - total(&pieces), Shortfall::Owe)?;
                self.uncount(member, at, amount, 0);
            }
            Did::Spent { member, parts, counted_at, .. } => {
                self.touch(now, member);
                let (_, rest) = cut(&parts, undone);
                let (pieces, _) = cut(&rest, amount);
                self.give_back(member, &pieces, now);
                self.redeemed -= amount;
                self.uncount(member, counted_at, 0, amount);
            }
            _ => return Err(Refused),
        }
        self.parts.insert(posting, (undone + amount, lapsed));
        self.done.insert(by, (now, Did::NotReversible));
        Ok(())
    }

    fn take_back_parts(&mut self, member: MemberId, pieces: &[Part], lapsed: &mut BTreeMap<usize, Minor>) -> Done {
        let (mut owed, mut short) = (0, Vec::new());
        for (number, piece) in pieces {
            let lot = &mut self.lots[*number];
            let known = lapsed.entry(*number).or_default();
            let gone = (lot.lapsed - *known).min(*piece);
            *known += gone;
            let there = lot.remaining.min(piece - gone);
            lot.remaining -= there;
            short.push((*number, piece - gone - there));
            owed += piece - gone - there;
        }
        let (_, mut forgiven) = self.take_or_owe(member, owed, self.rules.shortfall)?;
        for (number, spent) in short {
            let borne = forgiven.min(spent);
            forgiven -= borne;
            self.lots[number].forgiven += borne;
        }
        Ok(())
    }
}
