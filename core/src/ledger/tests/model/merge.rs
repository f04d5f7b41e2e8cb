//! Two people who turn out to be one, simply: what is one's is the other's, whenever it came.

use super::*;

impl Model {
    pub(in crate::ledger::tests) fn merge(&mut self, now: i64, gone: MemberId, survivor: MemberId) {
        self.touch(now, gone);
        self.touch(now, survivor);
        let follow = |member: &mut MemberId| {
            if *member == gone {
                *member = survivor;
            }
        };
        self.lots.iter_mut().for_each(|lot| follow(&mut lot.member));
        self.holds.values_mut().for_each(|hold| follow(&mut hold.member));
        self.later.iter_mut().for_each(|later| follow(&mut later.member));
        for (_, did) in self.done.values_mut() {
            match did {
                Did::Granted { member, .. } | Did::Spent { member, .. } => follow(member),
                Did::Given { from, to, .. } => {
                    follow(from);
                    follow(to);
                }
                Did::Later { .. } | Did::NotReversible | Did::Reversed => {}
            }
        }
        let old = self.people.remove(&gone).unwrap_or_default();
        let person = self.person(survivor);
        person.debt += old.debt;
        person.issued += old.issued;
        if old.day > person.day {
            (person.day, person.earned, person.spent) = (old.day, old.earned, old.spent);
        } else if old.day == person.day {
            person.earned += old.earned;
            person.spent += old.spent;
        }
        let repaid = self.in_lots(survivor).min(self.person(survivor).debt);
        self.take(survivor, repaid);
        self.person(survivor).debt -= repaid;
    }
}
