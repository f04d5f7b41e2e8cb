//! The configuration of the binary: where it comes from, and what it says of a wrong one.

use std::path::Path;

use host_tests::premises::Premises;
use host_tests::process::{Server, command, punchcard, ran};
use tempfile::TempDir;

#[test]
fn a_flag_beats_the_environment_and_that_the_file() {
    let dir = TempDir::new().unwrap();
    let file = write(dir.path(), "[http]\nworkers = 3\nrequests_max = 3\nconnections_max = 3\n");
    let mut asked = command(&["serve", "--print-config", "--config", &file, "--workers", "5"]);
    let printed = ran(asked.env("PUNCHCARD_WORKERS", "4").env("PUNCHCARD_REQUESTS_MAX", "4")).ok();
    for line in ["workers = 5", "requests_max = 4", "connections_max = 3", "cache_mib = 256"] {
        assert!(printed.lines().any(|printed| printed == line), "{line} is not in\n{printed}");
    }
    let by_env = ran(command(&["serve", "--print-config"]).env("PUNCHCARD_CONFIG", &file)).ok();
    assert!(by_env.contains("\nworkers = 3\n"), "{by_env}");
    // What was printed is a configuration that says the same.
    let file = write(dir.path(), &printed);
    assert_eq!(punchcard(&["serve", "--print-config", "--config", &file]).ok(), printed);
}

#[test]
fn a_wrong_file_is_told_with_its_line_and_nothing_is_served() {
    let dir = TempDir::new().unwrap();
    let file = write(dir.path(), "[http]\nlisten = \"127.0.0.1:0\"\n[store]\ndata = \"data\"\ncache_mb = 3\n");
    let told = punchcard(&["serve", "--config", &file]).failed();
    assert!(told.contains(&format!("{file}, line 5: store.cache_mb: there is no setting `cache_mb`")), "{told}");
    assert!(told.contains("`cache_mib`"), "{told}");
    let told = punchcard(&["serve", "--config", "/nowhere/punchcard.toml"]).failed();
    assert!(told.contains("the configuration /nowhere/punchcard.toml can not be read"), "{told}");
    let told = punchcard(&["serve", "--listen", "localhost"]).failed();
    assert!(told.contains("expected an IP address and a port") && told.contains("--listen"), "{told}");
    let told = punchcard(&["serve"]).failed();
    assert!(told.contains("there is no data directory: give it with --data DIR"), "{told}");
}

#[test]
fn a_check_tells_whether_the_configuration_is_right_and_changes_nothing() {
    let dir = TempDir::new().unwrap();
    let name = |name: &str| dir.path().join(name).to_str().unwrap().to_owned();
    let check = |args: &[&str]| punchcard(&[&["serve", "--check"], args].concat());
    let new = name("deep/below/data");
    assert_eq!(check(&["--data", &new]).ok(), "the configuration is right\n");
    assert!(!Path::new(&name("deep")).exists());
    assert!(check(&[]).failed().contains("there is no data directory"));

    std::fs::create_dir(name("other")).unwrap();
    std::fs::write(name("other/file"), "x").unwrap();
    let told = check(&["--data", &name("other")]).failed();
    assert!(told.contains("is neither a data directory nor empty"), "{told}");
    let told = check(&["--data", &name("other/file")]).failed();
    assert!(told.contains("is not a folder"), "{told}");
    let told = check(&["--data", &name("other/file/data")]).failed();
    assert!(told.contains("store.data"), "{told}");

    let told = check(&["--data", &new, "--tls-key", &name("key.pem")]).failed();
    assert!(told.contains("tls.key is given without tls.certificates"), "{told}");
    let told =
        check(&["--data", &new, "--tls-key", &name("key.pem"), "--tls-certificates", &name("cert.pem")]).failed();
    assert!(told.contains("cert.pem can not be read") && told.contains("expected certificates in PEM"), "{told}");
}

#[test]
fn a_check_is_fine_while_the_directory_is_served() {
    let premises = Premises::new();
    let data = premises.path().to_str().unwrap();
    let server = Server::start(premises.path());
    assert_eq!(punchcard(&["serve", "--check", "--data", data]).ok(), "the configuration is right\n");
    assert!(server.stop().success());
}

#[test]
fn a_server_takes_all_of_its_settings_from_a_file() {
    let premises = Premises::new();
    let data = premises.path().to_str().unwrap();
    let dir = TempDir::new().unwrap();
    let file = write(
        dir.path(),
        &format!(
            "[log]\nfilter = \"error\"\n[http]\nlisten = \"127.0.0.1:0\"\nbody_kib_max = 1\n[store]\ndata = '{data}'\n"
        ),
    );
    let server = Server::listening(&mut command(&["serve", "--config", &file])).unwrap();
    let long =
        host_tests::premises::Call::post("/v1/members", "a", &serde_json::json!({ "reference": "x".repeat(2000) }));
    let (status, problem) = premises.send(server.address(), &long).unwrap();
    assert_eq!((status, problem["type"].as_str()), (413, Some("urn:punchcard:problem:body-too-large")));
    assert!(server.stop().success());
}

fn write(dir: &Path, text: &str) -> String {
    let file = dir.join("punchcard.toml");
    std::fs::write(&file, text).unwrap();
    file.to_str().unwrap().to_owned()
}
