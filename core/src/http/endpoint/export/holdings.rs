//! What members hold and were given, what is known of them besides their record, and what a merchant offers: the kinds
//! of exports that go by the key of each record.

use serde::Serialize;
use serde_json::{Value, json};

use super::super::catalogue::ItemOut;
use super::super::consents::ConsentOut;
use super::super::define_coupon::CouponOut;
use super::super::notes::NoteOut;
use super::super::read_assets::AssetOut;
use super::super::tags_and_tier::TierChangeOut;
use super::kinds::{ExportError, ExportKind, number, with};
use crate::domain::{Member, MemberId, MerchantId};
use crate::store::{StoreError, Tx, layout};
use crate::usecase::{self, Act, Exported, HeldLot, Thing};

/// The columns of a table of such a kind; none of another kind.
pub(super) fn columns(kind: ExportKind) -> &'static [(&'static str, &'static str)] {
    match kind {
        ExportKind::Accounts => &[
            ("member", "/member"),
            ("customer", "/customer"),
            ("unit", "/unit"),
            ("currency", "/currency"),
            ("available", "/available"),
            ("held", "/held"),
            ("pending", "/pending"),
            ("debt", "/debt"),
            ("expires_next_at", "/expires_next/at"),
            ("expires_next_amount", "/expires_next/amount"),
        ],
        ExportKind::Balances => &[
            ("reference", "/reference"),
            ("member", "/member"),
            ("external_id", "/external_id"),
            ("unit", "/unit"),
            ("amount", "/amount"),
            ("expires_at", "/expires_at"),
            ("granted", "/granted"),
            ("posting", "/posting"),
            ("member_id", "/member_id"),
        ],
        ExportKind::Coupons => &[
            ("reference", "/reference"),
            ("member", "/member"),
            ("external_id", "/external_id"),
            ("coupon", "/coupon"),
            ("count", "/count"),
            ("expires_at", "/expires_at"),
            ("posting", "/posting"),
            ("member_id", "/member_id"),
        ],
        ExportKind::CouponTypes => &[
            ("coupon", "/coupon"),
            ("title", "/title"),
            ("benefit", "/benefit"),
            ("threshold_minor", "/threshold_minor"),
            ("scope", "/scope"),
            ("validity", "/validity"),
            ("per_member_max", "/per_member_max"),
            ("total_max", "/total_max"),
            ("stock", "/stock"),
            ("stacking_group", "/stacking_group"),
            ("group_max", "/group_max"),
            ("priority", "/priority"),
            ("exclusive", "/exclusive"),
        ],
        ExportKind::Catalogue => &[
            ("sku", "/sku"),
            ("name", "/name"),
            ("category", "/category"),
            ("brand", "/brand"),
            ("price_minor", "/price_minor"),
            ("member_price_minor", "/member_price_minor"),
        ],
        ExportKind::Consents => &[
            ("id", "/id"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("purpose", "/purpose"),
            ("given", "/given"),
            ("at", "/at"),
            ("source", "/source"),
            ("channel", "/channel"),
            ("text", "/text"),
        ],
        ExportKind::Notes => &[
            ("id", "/id"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("by", "/by"),
            ("at", "/at"),
            ("text", "/text"),
        ],
        ExportKind::Tiers => &[
            ("id", "/id"),
            ("member", "/member"),
            ("customer", "/customer"),
            ("tier", "/tier"),
            ("at", "/at"),
            ("until", "/until"),
            ("source", "/source"),
            ("reason", "/reason"),
        ],
        _ => &[],
    }
}

/// A page of records of such a kind, and where to go on; nothing of another kind.
pub(super) fn page(
    kind: ExportKind,
    tx: &mut Tx,
    act: &Act<'_>,
    after: Option<&[u8]>,
    limit: usize,
) -> Result<Exported<Value>, ExportError> {
    let merchant = act.merchant;
    Ok(match kind {
        ExportKind::Accounts => {
            let (found, next) = usecase::export_accounts(tx, act, after, limit)?;
            (of_members(tx, merchant, found, AssetOut::from)?, next)
        }
        ExportKind::Balances | ExportKind::Coupons => {
            let coupons = kind == ExportKind::Coupons;
            let (found, next) = usecase::export_lots(tx, act, coupons, after, limit)?;
            let records = found.into_iter().map(|held| lot(tx, merchant, held, coupons));
            (records.collect::<Result<_, _>>()?, next)
        }
        ExportKind::Consents => {
            let (found, next) = usecase::export_consents(tx, merchant, after, limit)?;
            (of_members(tx, merchant, found, ConsentOut::from)?, next)
        }
        ExportKind::Notes => {
            let (found, next) = usecase::export_notes(tx, act, after, limit)?;
            (of_members(tx, merchant, found, NoteOut::from)?, next)
        }
        ExportKind::Tiers => {
            let (found, next) = usecase::export_tiers(tx, merchant, after, limit)?;
            (of_members(tx, merchant, found, TierChangeOut::from)?, next)
        }
        ExportKind::CouponTypes => {
            let (found, next) = usecase::export_coupon_types(tx, merchant, after, limit)?;
            let mut records = Vec::new();
            for coupon in found {
                let version = Thing::Coupon(coupon.unit.clone()).version(tx, merchant)?;
                records.push(json!(CouponOut::from((coupon, version))));
            }
            (records, next)
        }
        ExportKind::Catalogue => {
            let (found, next) = usecase::export_items(tx, merchant, after, limit)?;
            (found.into_iter().map(|item| json!(ItemOut::from(item))).collect(), next)
        }
        _ => (Vec::new(), None),
    })
}

/// Records with whose they are: their id, and the number by which they are known.
fn of_members<T, O: Serialize>(
    tx: &mut Tx,
    merchant: MerchantId,
    found: Vec<(MemberId, T)>,
    told: impl Fn(T) -> O,
) -> Result<Vec<Value>, StoreError> {
    let record = |(member, one): (MemberId, T)| {
        let customer = number(tx, merchant, member)?;
        Ok(with(&json!(told(one)), json!({ "member": member.to_string(), "customer": customer })))
    };
    found.into_iter().map(record).collect()
}

/// A lot as an import takes it: its member by a number or, without one, by what another system calls them.
fn lot(tx: &mut Tx, merchant: MerchantId, held: HeldLot, is_coupon: bool) -> Result<Value, StoreError> {
    let HeldLot { member, unit, lot } = held;
    let known = tx.load::<Member>(&layout::member(merchant, member))?;
    let customer = known.as_ref().and_then(|known| known.numbers().next());
    let external = known.as_ref().filter(|_| customer.is_none()).and_then(|known| known.external_ids.first());
    let record = json!({
        "reference": lot.id.to_string(),
        "member": customer,
        "external_id": external.map(|external| format!("{}:{}", external.system, external.id)),
        "expires_at": lot.expires_at.map(|at| at.to_string()),
        "posting": lot.source.to_string(),
        "member_id": member.to_string(),
    });
    Ok(with(
        &record,
        if is_coupon {
            json!({ "coupon": unit, "count": lot.remaining })
        } else {
            json!({ "unit": unit, "amount": lot.remaining, "granted": lot.granted })
        },
    ))
}
