//! What has to hold of users: that each is found by their name, and that sessions are somebody's and end.

use super::Check;
use crate::domain::{Code, MerchantId, StaffId};
use crate::store::{StoreError, decode, decode_own, layout};
use crate::usecase::Team;
use crate::usecase::users::{Session, User};

impl<P: FnMut()> Check<'_, P> {
    /// Users, their names, their sessions, teams and the merchant's handle.
    pub(super) fn users(&mut self, id: MerchantId) -> Result<(), StoreError> {
        self.each(&layout::users(id), |tx, key, bytes| {
            let user = decode_own(key, bytes, |user: &User| layout::user(id, user.id))?;
            let found = tx.load::<StaffId>(&layout::user_by_name(id, &user.name))?;
            Ok((found != Some(user.id)).then(|| format!("{} is not found by their name", user.id)))
        })?;
        self.each(&layout::user_names(id), |tx, key, bytes| {
            let staff: StaffId = decode(key, bytes)?;
            let user = tx.load::<User>(&layout::user(id, staff))?;
            let bears = user.is_some_and(|user| layout::user_by_name(id, &user.name) == *key);
            Ok((!bears).then(|| format!("a sign-in name leads to {staff}, who does not have it")))
        })?;
        self.each(&layout::sessions(id), |tx, key, bytes| {
            let session = decode_own(key, bytes, |session: &Session| layout::session(id, session.user, session.id))?;
            let (user, session) = (session.user, (session.id, session.ends_at));
            if tx.get(&layout::user(id, user))?.is_none() {
                return Ok(Some(format!("{} is a session of {user}, who is not there", session.0)));
            }
            let ends = tx.get(&layout::session_end(id, session.1, user, session.0))?.is_some();
            Ok((!ends).then(|| format!("{} is not listed to end", session.0)))
        })?;
        self.each(&layout::session_ends(id), |tx, key, _| {
            let known = layout::session_parts(key);
            let (user, session) = known.ok_or_else(|| StoreError::corrupt("key of the end of a session", key))?;
            let found = tx.load::<Session>(&layout::session(id, user, session))?;
            let is_so = found.is_some_and(|found| layout::session_end(id, found.ends_at, user, session) == *key);
            Ok((!is_so).then(|| format!("{session} is listed to end, and is not there or ends at another time")))
        })?;
        self.each(&layout::teams(id), |tx, key, bytes| {
            let team = decode_own(key, bytes, |team: &Team| layout::team(id, &team.code))?;
            for staff in &team.staff {
                if tx.load::<Code>(&layout::team_of_staff(id, *staff))?.as_ref() != Some(&team.code) {
                    return Ok(Some(format!("{staff} is in the team `{}`, which is not found by them", team.code)));
                }
            }
            Ok(None)
        })?;
        self.each(&layout::staff_in_teams(id), |tx, key, bytes| {
            let staff = layout::staff_in_team(key).ok_or_else(|| StoreError::corrupt("key of a team's staff", key))?;
            let code: Code = decode(key, bytes)?;
            let team = tx.load::<Team>(&layout::team(id, &code))?;
            let is_in = team.is_some_and(|team| team.staff.contains(&staff));
            Ok((!is_in).then(|| format!("{staff} leads to the team `{code}`, which they are not in")))
        })?;
        let wrong = self.store.read(|tx| {
            let Some(handle) = tx.load::<Code>(&layout::handle(id))? else { return Ok(None) };
            let found = tx.load::<MerchantId>(&layout::merchant_by_handle(&handle))?;
            Ok::<_, StoreError>((found != Some(id)).then(|| format!("{id} is not found by its handle `{handle}`")))
        });
        match wrong {
            Ok(wrong) => self.findings.extend(wrong),
            Err(error) => {
                self.unreadable.insert(error.corruption()?);
            }
        }
        Ok(())
    }
}
