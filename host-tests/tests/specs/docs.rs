//! The page of the interface for people.

use std::collections::BTreeSet;

use host_tests::World;

#[tokio::test]
async fn the_page_shows_every_route_and_asks_for_nothing_outside() {
    let world = World::new();
    let nobody = world.shop.with_key(None);
    let reply = nobody.get("/docs").send().await;
    assert_eq!(reply.header("content-type"), Some("text/html; charset=utf-8"));
    let policy = reply.header("content-security-policy").unwrap().to_owned();
    assert!(policy.starts_with("default-src 'none'; style-src 'self';"), "{policy}");
    let page = String::from_utf8(reply.body).unwrap();

    let described = nobody.get("/openapi.json").send().await.ok();
    for (path, item) in described["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            let id = operation["operationId"].as_str().unwrap();
            assert!(page.contains(&format!("<article id=\"{id}\">")), "{id} is not on the page");
        }
        assert!(page.contains(&format!("<code>{path}</code>")), "{path} is not on the page");
    }
    for name in described["components"]["schemas"].as_object().unwrap().keys() {
        assert!(page.contains(&format!("id=\"schema-{name}\"")), "{name} is not on the page");
    }
    for forbidden in ["<script", "<iframe", "<img", "src=", "href=\"http", "style=\""] {
        assert!(!page.contains(forbidden), "the page has {forbidden}");
    }

    let anchors: BTreeSet<_> = values(&page, " id=\"").collect();
    for link in values(&page, " href=\"") {
        match link.strip_prefix('#') {
            Some(anchor) => assert!(anchors.contains(anchor), "{link} leads nowhere"),
            None => assert!(nobody.get(link).send().await.status.is_success(), "{link} leads nowhere"),
        }
    }
}

fn values<'a>(page: &'a str, attribute: &'a str) -> impl Iterator<Item = &'a str> {
    page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next())
}
