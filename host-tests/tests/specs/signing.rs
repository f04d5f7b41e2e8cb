//! `punchcard pack keygen`, `sign` and `check`, and a host that takes what they made.

use std::fs;
use std::path::Path;

use host_tests::packs_dir;
use host_tests::premises::{Call, Premises};
use host_tests::process::{Server, command, punchcard};
use serde_json::{Value, json};

struct Bench(tempfile::TempDir);

impl Bench {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> String {
        text(&self.0.path().join(name))
    }

    /// A new key of a vendor: the line for operators.
    fn keygen(&self, vendor: &str, file: &str) -> String {
        let told = punchcard(&["pack", "keygen", "--vendor", vendor, "--out", &self.at(file)]).ok();
        let line = told.lines().last().unwrap().to_owned();
        assert!(line.starts_with(&format!("{vendor}=ed25519:")), "{told}");
        line
    }

    fn sign(&self, key: &str, component: &str, out: &str) -> host_tests::process::Ran {
        let (key, out) = (self.at(key), self.at(out));
        punchcard(&["pack", "sign", "--key", &key, "--component", component, "--out", &out])
    }
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

fn points() -> String {
    text(&packs_dir().join("points.wasm"))
}

/// The secret in a key file.
fn secret_in(file: &str) -> String {
    let text = fs::read_to_string(file).unwrap();
    text.rsplit(':').next().unwrap().trim().to_owned()
}

#[test]
fn a_vendor_makes_a_key_signs_and_ships_and_a_host_that_trusts_them_takes_it() {
    let bench = Bench::new();
    let line = bench.keygen("acme", "acme.key");
    let told = bench.sign("acme.key", &points(), "points.wasm").ok();
    let signed = bench.at("points.wasm");
    assert!(told.contains("points 0.") && told.contains("signed by acme with the key "), "{told}");
    let built = fs::read(points()).unwrap();
    assert!(fs::read(&signed).unwrap().starts_with(&built), "what was built is in it, and the signature behind it");
    let told = punchcard(&["pack", "check", &signed, "--vendors", &line]).ok();
    assert!(told.contains("signed by acme with the key "), "{told}");

    let premises = Premises::new();
    let data = text(premises.path());
    let serve =
        || command(&["serve", "--log", "error", "--listen", "127.0.0.1:0", "--data", &data, "--vendors", &line]);
    let server = Server::listening(&mut serve()).unwrap();
    let upload = |file: &str, key: &str| {
        let call = Call { body: fs::read(file).unwrap(), ..Call::post("/v1/packs", key, &Value::Null) };
        premises.send(server.address(), &call).unwrap()
    };
    let (status, reply) = upload(&points(), "unsigned");
    let (problem, detail) = (reply["type"].as_str().unwrap(), reply["detail"].as_str().unwrap());
    assert!(status == 422 && problem.ends_with("component-not-signed") && detail.contains("acme by "), "{reply}");
    let (status, reply) = upload(&signed, "signed");
    assert_eq!((status, &reply["vendor"]), (201, &json!("acme")), "{reply}");
    assert!(server.stop().success());
}

#[test]
fn a_key_is_written_once_for_its_owner_and_printed_nowhere() {
    let bench = Bench::new();
    let file = bench.at("acme.key");
    let told = punchcard(&["pack", "keygen", "--vendor", "acme", "--out", &file]).ok();
    let secret = secret_in(&file);
    assert_eq!(secret.len(), 64);
    assert!(!told.contains(&secret), "{told}");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    }
    let told = punchcard(&["pack", "keygen", "--vendor", "acme", "--out", &file]).failed();
    assert!(told.contains("already") && told.contains("--out"), "{told}");
    assert_eq!(secret_in(&file), secret, "the key is as it was");
    let told = punchcard(&["pack", "keygen", "--vendor", "Acme Inc", "--out", &bench.at("other.key")]).failed();
    assert!(told.contains("`Acme Inc` is not a code"), "{told}");
    let line = format!("acme=ed25519-secret:{secret}");
    let told = punchcard(&["serve", "--check", "--data", &bench.at("data"), "--vendors", &line]).failed();
    assert!(told.contains("this is a vendor's secret key"), "{told}");
}

#[test]
fn only_a_pack_that_nobody_else_has_signed_is_signed() {
    let bench = Bench::new();
    bench.keygen("acme", "acme.key");
    bench.keygen("other", "other.key");
    let (signed, again, module) = (bench.at("signed.wasm"), bench.at("again.wasm"), bench.at("module.wasm"));
    bench.sign("acme.key", &points(), "signed.wasm").ok();
    bench.sign("acme.key", &signed, "again.wasm").ok();
    assert!(fs::read(&signed).unwrap() == fs::read(&again).unwrap(), "the same key signs the same once");
    let told = bench.sign("other.key", &signed, "stolen.wasm").failed();
    assert!(told.contains("is signed already, by the key "), "{told}");
    fs::write(&module, b"\0asm\x01\0\0\0").unwrap();
    let told = bench.sign("acme.key", &module, "stolen.wasm").failed();
    assert!(told.contains("(not-a-component)"), "{told}");
    let mut changed = fs::read(&signed).unwrap();
    let end = changed.len() - 1;
    changed[end] ^= 1;
    fs::write(&module, changed).unwrap();
    let told = bench.sign("acme.key", &module, "stolen.wasm").failed();
    assert!(told.contains("(wrong-signature)"), "{told}");
    assert!(!Path::new(&bench.at("stolen.wasm")).exists(), "what is refused is not written");
    fs::write(bench.at("open.key"), "acme=ed25519-secret:00").unwrap();
    let told = bench.sign("open.key", &points(), "stolen.wasm").failed();
    assert!(told.contains("open.key"), "{told}");
}

#[test]
fn a_check_tells_who_has_signed_and_refuses_what_a_host_would() {
    let bench = Bench::new();
    let (acme, other) = (bench.keygen("acme", "acme.key"), bench.keygen("other", "other.key"));
    bench.sign("acme.key", &points(), "signed.wasm").ok();
    let check = |args: &[&str]| punchcard(&[&["pack", "check"], args].concat());
    let signed = bench.at("signed.wasm");
    assert!(check(&[&points()]).ok().ends_with("signed by nobody\n"));
    assert!(check(&[&signed]).ok().contains("signed by the key "));
    assert!(check(&[&signed, "--vendors", &format!("{other},{acme}")]).ok().contains("signed by acme with the key "));
    for (file, code) in [(&signed, "vendor-not-trusted"), (&points(), "component-not-signed")] {
        let told = check(&[file, "--vendors", &other]).failed();
        assert!(told.contains(&format!("({code})")), "{told}");
    }
}
