//! HTTPS by settings: the binary shows the certificate that it is given, and another one when it is told to.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use host_tests::premises::Premises;
use host_tests::process::{Server, serve_command};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use tempfile::TempDir;

/// Handshakes that are tried until a certificate has changed: each takes a moment.
const TRIES: usize = 2000;

#[test]
fn the_interface_is_served_by_https_and_certificates_change_while_it_runs() {
    let premises = Premises::new();
    let dir = TempDir::new().unwrap();
    let first = certificate(dir.path());
    let (chain, key) = (dir.path().join("chain.pem"), dir.path().join("key.pem"));
    let mut serve = serve_command(premises.path());
    serve.args(["--tls-certificates", chain.to_str().unwrap(), "--tls-key", key.to_str().unwrap()]);
    let server = Server::listening(&mut serve).unwrap();
    let address = server.address().strip_prefix("https://").expect("it says that it speaks HTTPS").to_owned();

    let reply = ask(&address, &first).unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 OK\r\n") && reply.ends_with("\r\n\r\nok"), "{reply}");
    let mut plain = TcpStream::connect(&address).unwrap();
    plain.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    plain.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer);
    assert!(!answer.starts_with(b"HTTP/"), "nothing is answered without TLS");

    let second = certificate(dir.path());
    assert!(ask(&address, &second).is_err(), "the new one is not shown before it is asked for");
    server.hang_up();
    let changed = (0..TRIES).any(|_| ask(&address, &second).is_ok());
    assert!(changed, "the new certificate is not shown");
    assert!(ask(&address, &first).is_err(), "the old one is not shown any more");

    std::fs::write(&chain, "rubbish").unwrap();
    server.hang_up();
    ask(&address, &second).expect("what can not be used leaves all as it is");
    assert!(server.stop().success());
}

/// A new certificate for this machine, with its key, in a folder.
fn certificate(dir: &Path) -> CertificateDer<'static> {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("chain.pem"), made.cert.pem()).unwrap();
    std::fs::write(dir.join("key.pem"), made.signing_key.serialize_pem()).unwrap();
    CertificateDer::from_pem_file(dir.join("chain.pem")).unwrap()
}

/// What a client that trusts this certificate alone is answered.
fn ask(address: &str, trusted: &CertificateDer<'static>) -> std::io::Result<String> {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.clone()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_root_certificates(roots).with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(Duration::from_secs(20)))?;
    let mut stream = StreamOwned::new(ClientConnection::new(Arc::new(config), name).unwrap(), stream);
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")?;
    let mut reply = String::new();
    stream.read_to_string(&mut reply)?;
    Ok(reply)
}
