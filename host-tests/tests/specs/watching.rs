//! What the operator sees of requests: a line in the log and figures for each, and nothing personal.

use std::fs::File;
use std::process::Stdio;

use host_tests::World;
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, command};
use serde_json::{Value, json};
use tempfile::NamedTempFile;

#[test]
fn each_request_has_a_line_in_the_log_with_who_and_what_but_nothing_personal() {
    let premises = Premises::new();
    let log = NamedTempFile::new().unwrap();
    let data = premises.path().to_str().unwrap();
    let mut serve = command(&["serve", "--log-format", "json", "--listen", "127.0.0.1:0", "--data", data]);
    serve.stderr(Stdio::from(File::create(log.path()).unwrap()));
    let server = Server::listening(&mut serve).unwrap();
    let enrol = Call::post("/v1/members", "a", &json!({ "reference": "13800138000" }));
    let member = premises.ask(&server, &enrol)["id"].as_str().unwrap().to_owned();
    premises.ask(&server, &Call::get("/v1/members?reference=13800138000"));
    premises.ask(&server, &Call::get(format!("/v1/members/{member}")));
    let (status, _) = premises.send(server.address(), &Call::get("/13800138000")).unwrap();
    assert_eq!(status, 404);
    assert!(server.stop().success());

    let text = std::fs::read_to_string(log.path()).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    let answered: Vec<_> = lines.iter().filter(|line| line["message"] == "answered").collect();
    let told: Vec<_> = answered
        .iter()
        .map(|line| {
            format!("{} {} {}", line["method"].as_str().unwrap(), line["route"].as_str().unwrap(), line["status"])
        })
        .collect();
    let expected = ["POST /v1/members 201", "GET /v1/members 200", "GET /v1/members/{member} 200", "GET unmatched 404"];
    assert_eq!(told, expected);
    for line in &answered[..3] {
        assert!(line["merchant"].as_str().unwrap().starts_with("mer_"), "{line}");
        assert!(line["staff"].as_str().unwrap().starts_with("stf_"), "{line}");
        assert_eq!(line["request_id"].as_str().unwrap().len(), 36, "{line}");
        assert!(line["duration_ms"].as_f64().unwrap() > 0.0, "{line}");
        assert_eq!(line["level"], "INFO");
    }
    assert_eq!(answered[3]["merchant"], Value::Null);
    for secret in ["13800138000", premises.key(), &member] {
        assert!(!text.contains(secret), "{secret} is in the log:\n{text}");
    }
}

#[tokio::test]
async fn each_request_is_in_the_figures_by_route_method_and_class() {
    let world = World::new();
    let shop = &world.shop;
    shop.get("/v1/stores").send().await.ok();
    shop.get("/v1/orders/ord_00000000000000000000000000000000").send().await.problem();
    shop.get("/nowhere/at/all").send().await.problem();
    shop.request("BREW", "/v1/stores").send().await.problem();
    let figures = String::from_utf8(shop.get("/metrics").send().await.body).unwrap();
    for (route, method, status) in [
        ("/v1/stores", "GET", "2xx"),
        ("/v1/orders/{order}", "GET", "4xx"),
        ("unmatched", "GET", "4xx"),
        ("/v1/stores", "other", "4xx"),
    ] {
        let name = "punchcard_http_requests_total";
        let counted = format!("{name}{{route=\"{route}\",method=\"{method}\",status=\"{status}\"}}");
        assert!(figures.contains(&counted), "{counted} is not in\n{figures}");
        let timed = format!("punchcard_http_request_duration_seconds_count{{route=\"{route}\",method=\"{method}\"}}");
        assert!(figures.contains(&timed), "{timed} is not in\n{figures}");
    }
    assert!(figures.contains("# TYPE punchcard_http_requests_in_flight gauge"), "{figures}");
    assert!(!figures.contains("nowhere") && !figures.contains("BREW"), "{figures}");
}

#[test]
fn fuel_and_time_of_each_call_of_a_pack_are_in_the_figures() {
    let premises = Premises::new();
    let server = Server::start(premises.path());
    premises.enable_points(&server);
    let lines = json!([{ "sku": "bun", "quantity": 1, "amount_minor": 700 }]);
    let quote = json!({ "store": premises.store(), "lines": lines });
    for _ in 0..3 {
        premises.ask(&server, &Call::post("/v1/quotes", "", &quote));
    }
    let health = premises.ask(&server, &Call::get("/v1/packs/points/health"));
    let told = ureq::get(format!("{}/metrics", server.address())).call().unwrap().body_mut().read_to_string().unwrap();
    let figure = |name: &str| -> f64 {
        let line = told.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix("{pack=\"points\"} "));
        line.unwrap_or_else(|| panic!("{name} is not in\n{told}")).parse().unwrap()
    };
    assert_eq!(figure("punchcard_pack_fuel_sum"), health["fuel"].as_f64().unwrap());
    let fuel = health["fuel_most"].as_u64().unwrap();
    assert_eq!((&health["calls"], &health["fuel"]), (&json!(3), &json!(3 * fuel)), "the same quote three times");
    let bucket = |name: &str, end: &str| {
        let line = format!("{name}_bucket{{pack=\"points\",le=\"{end}\"}} ");
        let line = told.lines().find_map(|told| told.strip_prefix(&line));
        line.unwrap_or_else(|| panic!("{name} has no {end} in\n{told}")).to_owned()
    };
    for end in [10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000] {
        let within = if fuel <= end { "3" } else { "0" };
        assert_eq!(bucket("punchcard_pack_fuel", &end.to_string()), within, "{fuel} {end}");
    }
    assert_eq!((figure("punchcard_pack_fuel_count"), figure("punchcard_pack_run_seconds_count")), (3.0, 3.0));
    assert!(figure("punchcard_pack_run_seconds_sum") > 0.0);
    assert_eq!(
        (bucket("punchcard_pack_run_seconds", "+Inf").as_str(), bucket("punchcard_pack_run_seconds", "1").as_str()),
        ("3", "3")
    );
}

#[tokio::test]
async fn every_figure_of_messages_says_what_it_is() {
    let world = crate::messages::open_world();
    let (shop, receiver) = (&world.shop, host_tests::Receiver::new().await);
    // The figures are gathered from the first look on.
    assert_eq!(shop.get("/metrics").send().await.status, 200);
    crate::messages::gateway(shop, "sms", &receiver).await;
    crate::messages::hello(shop, None).await;
    let fang = crate::messages::phoned(shop, "fang", "+8613800138000").await;
    crate::messages::say_hello(shop, &fang).await;
    assert_eq!(crate::messages::send_due(&world).await.sent, 1);
    let figures = String::from_utf8(shop.get("/metrics").send().await.body).unwrap();
    let names: Vec<_> = figures.lines().filter_map(|line| line.strip_prefix("# TYPE punchcard_message")).collect();
    assert!(names.len() >= 3, "{figures}");
    for name in names {
        let name = name.split(' ').next().unwrap();
        assert!(figures.contains(&format!("# HELP punchcard_message{name} ")), "punchcard_message{name} says nothing");
    }
}

#[tokio::test]
async fn a_request_keeps_a_name_that_is_short_and_plain_and_gets_another_one_otherwise() {
    let world = World::new();
    let named = |name: &str| world.shop.get("/livez").header("x-request-id", name).send();
    assert_eq!(named("till-7.A_1").await.header("x-request-id"), Some("till-7.A_1"));
    for harmful in ["a b", "{\"level\":\"ERROR\"}", "<b>", &"x".repeat(65)] {
        let reply = named(harmful).await;
        assert_eq!(reply.header("x-request-id").unwrap().len(), 36, "{harmful}");
    }
}
