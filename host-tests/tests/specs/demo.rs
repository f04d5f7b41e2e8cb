//! `punchcard demo`: the same each time, in both languages, and with a file of real orders.

use std::collections::BTreeSet;
use std::path::Path;

use host_tests::packs_dir;
use host_tests::process::punchcard;
use insta::assert_json_snapshot;
use serde_json::Value;

/// Plays the demonstration, and reads the figures that it leaves.
fn demo(data: &Path, more: &[&str]) -> (String, Value) {
    let packs = packs_dir();
    let figures = data.with_extension("json");
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (packs, data, json) = (text(&packs), text(data), text(&figures));
    let mut args = vec!["demo", "--once", "--packs", &packs, "--data", &data, "--json", &json];
    args.extend(more);
    let told = punchcard(&args).ok();
    (told, serde_json::from_slice(&std::fs::read(figures).unwrap()).unwrap())
}

#[test]
fn the_demonstration_played_twice_on_one_directory_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let (told, figures) = demo(&dir.path().join("data"), &[]);
    assert_json_snapshot!(figures, @r#"
    {
      "alliance": {
        "books_balance": true,
        "statements": [
          {
            "merchant": "街角咖啡 Corner Café",
            "totals": {
              "cancelled_points": 0,
              "due_minor": -200,
              "earned_points": 80,
              "lines": 3,
              "redeemed_points": 200
            }
          },
          {
            "merchant": "麦香面包房 Maixiang Bakery",
            "totals": {
              "cancelled_points": 0,
              "due_minor": 200,
              "earned_points": 80,
              "lines": 3,
              "redeemed_points": 200
            }
          }
        ]
      },
      "books_balance": true,
      "currency": "CNY",
      "lots": 10,
      "members": 6,
      "merchant": "麦香面包房 Maixiang Bakery",
      "order_total_minor": 46480,
      "orders": 8,
      "points_issued": 674,
      "postings": 22,
      "refunded_minor": 4500,
      "refunds": 1,
      "school": {
        "books_balance": true,
        "merchant": "琴童音乐学校 Qintong Music School",
        "months": [
          {
            "deferred_minor": 279999,
            "month": "2026-03",
            "recognised_minor": 20000,
            "refunded_minor": 0,
            "sold_minor": 299999
          },
          {
            "deferred_minor": 160000,
            "month": "2026-04",
            "recognised_minor": 39999,
            "refunded_minor": 80000,
            "sold_minor": 0
          }
        ]
      }
    }
    "#);
    let (_, again) = demo(&dir.path().join("data"), &[]);
    assert_eq!(figures, again);
    assert!(told.trim_end().ends_with("The books balance."), "{told}");
}

#[test]
fn the_demonstration_comes_to_the_same_in_both_languages() {
    let dir = tempfile::tempdir().unwrap();
    let (_, english) = demo(&dir.path().join("en"), &["--lang", "en"]);
    let (told, chinese) = demo(&dir.path().join("zh"), &["--lang", "zh"]);
    assert_eq!(english, chinese);
    assert!(told.trim_end().ends_with("账目平衡。"), "{told}");
}

#[test]
fn a_file_of_orders_is_brought_in_by_the_demonstration() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("orders.txt");
    std::fs::write(&file, " 00001 19970101  1   11.77\n 00002 19970112  1   12.00\n 00002 19970112  5   77.00\n 00002 19970112  1    0.00\n").unwrap();
    let (_, figures) = demo(&dir.path().join("data"), &["--orders", file.to_str().unwrap()]);
    assert_eq!(tells(&figures), (4, 2, 10_077, 100));
}

/// Real orders, where they are: 69,659 of 23,570 people.
#[test]
fn the_real_orders_come_in_to_the_last_cent() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/cdnow/CDNOW_master.txt");
    let Ok(text) = std::fs::read_to_string(&file) else { return };
    let mut people = BTreeSet::new();
    let (mut orders, mut cents, mut points) = (0, 0, 0);
    for line in text.lines() {
        let fields: Vec<_> = line.split_whitespace().collect();
        let [customer, _, _, amount] = fields[..] else { panic!("another form than expected: {line}") };
        let (dollars, rest) = amount.split_once('.').unwrap();
        assert_eq!(rest.len(), 2, "{line}");
        let amount = dollars.parse::<u64>().unwrap() * 100 + rest.parse::<u64>().unwrap();
        people.insert(customer);
        orders += 1;
        cents += amount;
        points += amount / 100;
    }
    let dir = tempfile::tempdir().unwrap();
    let (_, figures) = demo(&dir.path().join("data"), &["--orders", file.to_str().unwrap()]);
    assert_eq!(tells(&figures), (orders, people.len() as u64, cents, points));
}

/// Orders, members, total and points of figures that balance.
fn tells(figures: &Value) -> (u64, u64, u64, u64) {
    assert_eq!(figures["books_balance"], true, "{figures}");
    let number = |field: &str| figures[field].as_u64().unwrap();
    (number("orders"), number("members"), number("order_total_minor"), number("points_issued"))
}
