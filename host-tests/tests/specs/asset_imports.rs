//! `punchcard import balances` and `punchcard import coupons`.

use std::path::{Path, PathBuf};

use host_tests::premises::{Call, Premises};
use host_tests::process::{Ran, Server, punchcard};
use serde_json::{Value, json};

/// All that the import told, and whether it went well.
fn import(premises: &Premises, kind: &str, extra: &[&str], file: &Path) -> (bool, String) {
    let (data, file) = (premises.path().to_str().unwrap(), file.to_str().unwrap());
    let args: Vec<&str> = ["import", kind, "--data", data, "--format", "csv"]
        .into_iter()
        .chain(extra.iter().copied())
        .chain([file])
        .collect();
    let Ran { status, stdout, stderr } = punchcard(&args);
    (status.success(), stdout + &stderr)
}

fn file(premises: &Premises, name: &str, text: &str) -> PathBuf {
    let path = premises.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn get(premises: &Premises, server: &Server, path: &str) -> Value {
    premises.ask(server, &Call::get(path))
}

fn available(premises: &Premises, server: &Server, reference: &str, unit: &str) -> Value {
    let members = get(premises, server, &format!("/v1/members?reference={reference}"));
    let id = members["members"][0]["id"].as_str().unwrap().to_owned();
    let assets = get(premises, server, &format!("/v1/members/{id}/assets"));
    let asset = assets["assets"].as_array().unwrap().iter().find(|asset| asset["unit"] == unit);
    asset.map_or(Value::Null, |asset| asset["available"].clone())
}

#[test]
fn balances_and_coupons_come_in_once_and_what_is_wrong_is_told_by_line() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    let coupon = json!({ "title": "5 off", "benefit": { "amount": { "off_minor": 500 } }, "validity": { "days": 30 } });
    let put = Call { method: "PUT", ..Call::post("/v1/coupons/welcome", "-", &coupon) };
    premises.ask(&server, &put);
    for (reference, external) in [("card-1", "u1"), ("card-2", "u2")] {
        let new = json!({ "reference": reference, "external_ids": [{ "system": "old", "id": external }] });
        premises.ask(&server, &Call::post("/v1/members", reference, &new));
    }
    server.stop();
    let balances = "id,member,external_id,unit,amount,expires_at\n\
        b1,card-1,,points,120,2099-01-01T00:00:00Z\n\
        b2,,old:u2,points,80,\n\
        b3,card-1,,stored-value,5000,\n\
        b4,card-9,,points,10,\n\
        b5,card-1,,points,-3,\n\
        b6,card-1,,points,7,2001-01-01T00:00:00Z\n\
        b7,card-1,,welcome,1,\n";
    let table = file(&premises, "balances.csv", balances);
    let map = ["--map", "reference=id"];
    let (went_well, tried) = import(&premises, "balances", &["--map", "reference=id", "--dry-run"], &table);
    assert!(!went_well && tried.contains("nothing was changed: 3 balances would come in"), "{tried}");
    let (went_well, told) = import(&premises, "balances", &map, &table);
    assert!(!went_well, "{told}");
    for expected in [
        "3 balances came in, 0 were there before",
        "line 5: there is no member with this reference",
        "line 6: amount: expected a whole number of 1 or more",
        "line 7: expires_at: 2001-01-01T00:00:00Z has passed",
        "line 8: ",
    ] {
        assert!(told.contains(expected), "{expected}: {told}");
    }
    let (_, again) = import(&premises, "balances", &map, &table);
    assert!(again.contains("0 balances came in, 3 were there before"), "{again}");
    let other = file(&premises, "other.csv", "reference,member,unit,amount\nb1,card-1,points,121\n");
    let (_, told) = import(&premises, "balances", &[], &other);
    assert!(told.contains("something else came in under this name"), "{told}");
    let coupons =
        file(&premises, "coupons.csv", "reference,member,coupon,count\nc1,card-1,welcome,2\nc2,card-2,welcome,\n");
    for expected in ["2 rows of coupons came in, 0 were", "0 rows of coupons came in, 2 were"] {
        let (went_well, told) = import(&premises, "coupons", &[], &coupons);
        assert!(went_well && told.contains(expected), "{told}");
    }
    let server = Server::start(premises.path());
    for (reference, unit, expected) in [
        ("card-1", "points", json!(120)),
        ("card-2", "points", json!(80)),
        ("card-1", "stored-value", json!(5000)),
        ("card-1", "welcome", json!(2)),
        ("card-2", "welcome", json!(1)),
    ] {
        assert_eq!(available(&premises, &server, reference, unit), expected, "{reference} {unit}");
    }
    server.stop();
    premises.verify().ok();
}
