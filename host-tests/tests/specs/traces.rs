//! Traces that go to a collector by OTLP.

use std::time::Duration;

use host_tests::Receiver;
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, serve_command};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;

const TRACE_PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

fn spans(bodies: &[Vec<u8>]) -> Vec<Span> {
    let requests = bodies.iter().map(|body| ExportTraceServiceRequest::decode(body.as_slice()).unwrap());
    let of_resource = requests.flat_map(|request| request.resource_spans);
    of_resource.flat_map(|resource| resource.scope_spans).flat_map(|scope| scope.spans).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_request_is_a_span_in_the_trace_of_who_asks_and_has_nothing_personal() {
    let receiver = Receiver::new().await;
    let url = receiver.url();
    let asked = tokio::task::spawn_blocking(move || {
        let premises = Premises::new();
        let mut command = serve_command(premises.path());
        command.args(["--telemetry-endpoint", &url]);
        let server = Server::listening(&mut command).unwrap();
        let body = json!({ "personal": { "name": "Wang Fang", "phones": ["+8613800138000"] } });
        premises.ask(&server, &Call::post("/v1/members", "a", &body));
        let found = ureq::get(format!("{}/v1/members?phone=%2B8613800138000", server.address()))
            .header("authorization", format!("Bearer {}", premises.key()))
            .header("traceparent", TRACE_PARENT)
            .call()
            .unwrap();
        assert_eq!(found.status(), 200);
        server.stop();
    });
    asked.await.unwrap();
    // The last ones are sent before the host ends.
    let bodies: Vec<Vec<u8>> = receiver.got().into_iter().map(|sent| sent.body).collect();
    let spans = spans(&bodies);
    let names: Vec<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert!(names.contains(&"POST /v1/members") && names.contains(&"use case"), "{names:?}");
    let found = spans.iter().find(|span| span.name == "GET /v1/members").unwrap();
    assert_eq!(found.trace_id, 0x0af7_6519_16cd_43dd_8448_eb21_1c80_319c_u128.to_be_bytes());
    assert_eq!(found.parent_span_id, 0xb7ad_6b71_6920_3331_u64.to_be_bytes());
    let within = spans.iter().find(|span| span.parent_span_id == found.span_id).unwrap();
    assert_eq!((within.name.as_str(), &within.trace_id), ("use case", &found.trace_id));
    for body in &bodies {
        let text = String::from_utf8_lossy(body);
        assert!(text.contains("punchcard") && !text.contains("13800138000") && !text.contains("Fang"), "{text}");
    }
}

#[test]
fn a_collector_that_is_not_there_costs_nothing_but_spans() {
    let premises = Premises::new();
    let mut command = serve_command(premises.path());
    // Nobody listens on this port of the loopback.
    command.args(["--telemetry-endpoint", "http://127.0.0.1:9/v1/traces"]);
    let server = Server::listening(&mut command).unwrap();
    for number in 0..50 {
        let call = Call::post("/v1/members", format!("m-{number}"), &json!({ "reference": format!("card-{number}") }));
        let (status, _) = premises.send_within(server.address(), &call, Duration::from_secs(5)).unwrap();
        assert_eq!(status, 201);
    }
    assert!(server.stop().success());
}
