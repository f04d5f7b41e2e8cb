//! A recording as a file that nobody reads without the keys of the merchant and of all members whom the call names.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::RecordingSummary;
use crate::domain::{MemberId, Standing};
use crate::pack::Recording;
use crate::store::{StoreError, Tx, member_of, whole};
use crate::usecase::Act;
use crate::vault::{Sealed, SecretKey};

/// What a sealed file begins with: what it is, and the version of its form.
const HEAD: &[u8] = b"punchcard sealed recording 1\n";

/// How many members a call may name whose recording goes into a file.
const MEMBERS_MAX: usize = 1024;

/// A sealed recording.
#[derive(Serialize, Deserialize)]
pub(super) struct Envelope {
    pub(super) summary: RecordingSummary,
    /// Whose keys it takes besides the merchant's, in this order from the inside out.
    pub(super) members: BTreeSet<MemberId>,
    /// The recording's own key: sealed by the merchant's, that by the first member's, and so on.
    key: Vec<u8>,
    recording: Sealed,
}

/// Why a recording is not sealed or opened.
pub(super) enum NotSealed {
    /// Somebody whom it names was erased.
    Erased,
    /// It names more members than are sealed for.
    TooManyMembers,
    /// It is not what was sealed.
    Damaged,
    Store(StoreError),
}

impl From<StoreError> for NotSealed {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Envelope {
    /// Seals a recording. Members who have no key yet get one.
    pub(super) fn seal(
        tx: &mut Tx,
        act: &Act<'_>,
        summary: &RecordingSummary,
        recording: &Recording,
    ) -> Result<Self, NotSealed> {
        let members = members_of(tx, act, recording)?;
        if members.len() > MEMBERS_MAX {
            return Err(NotSealed::TooManyMembers);
        }
        let place = place(summary);
        let own = SecretKey::new(act.entropy);
        let mut key = bytes_of(&act.keys(tx)?.sealing().seal_key(act.entropy, &place, &own));
        for member in &members {
            key = bytes_of(&act.member_key_or_new(tx, *member)?.seal(act.entropy, &place, &key));
        }
        let recording = own.seal(act.entropy, &place, &recording.to_file());
        Ok(Self { summary: summary.clone(), members, key, recording })
    }

    /// Opens it.
    pub(super) fn open(&self, tx: &mut Tx, act: &Act<'_>) -> Result<Recording, NotSealed> {
        let place = place(&self.summary);
        let mut key = self.key.clone();
        for member in self.members.iter().rev() {
            let own = act.member_key(tx, *member)?.ok_or(NotSealed::Erased)?;
            let sealed = whole::<Sealed>(&key).ok_or(NotSealed::Damaged)?;
            key = own.open(&place, &sealed).map_err(|_| NotSealed::Damaged)?.to_vec();
        }
        let sealed = whole::<Sealed>(&key).ok_or(NotSealed::Damaged)?;
        let own = act.keys(tx)?.sealing().open_key(&place, &sealed).map_err(|_| NotSealed::Damaged)?;
        let plain = own.open(&place, &self.recording).map_err(|_| NotSealed::Damaged)?;
        Recording::from_file(&plain).map_err(|_| NotSealed::Damaged)
    }

    pub(super) fn to_file(&self) -> Vec<u8> {
        postcard::to_extend(self, HEAD.to_vec()).expect("all parts of an envelope are data")
    }

    pub(super) fn from_file(bytes: &[u8]) -> Option<Self> {
        whole(bytes.strip_prefix(HEAD)?)
    }
}

/// The members whom a call names, those who were merged into others as these.
///
/// # Errors
/// [`NotSealed::Erased`] when one of them was erased.
pub(super) fn members_of(tx: &mut Tx, act: &Act<'_>, recording: &Recording) -> Result<BTreeSet<MemberId>, NotSealed> {
    let mut members = BTreeSet::new();
    for named in recording.ids_of::<MemberId>(MemberId::PREFIX) {
        match member_of(tx, act.merchant, named)? {
            Some(member) if matches!(member.standing, Standing::Erased { .. }) => return Err(NotSealed::Erased),
            Some(member) => drop(members.insert(member.id)),
            // The pack's own invention, or somebody else's member.
            None => {}
        }
    }
    Ok(members)
}

/// Where it was sealed for: it opens with no other summary.
fn place(summary: &RecordingSummary) -> Vec<u8> {
    bytes_of(summary)
}

fn bytes_of(value: &impl Serialize) -> Vec<u8> {
    postcard::to_stdvec(value).expect("all parts of an envelope are data")
}
