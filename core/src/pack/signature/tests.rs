use super::*;
use crate::clock::Entropy;

fn key(vendor: &str, seed: u64) -> SigningKey {
    SigningKey::new(Code::new(vendor).unwrap(), &Entropy::seeded(seed))
}

fn trusting(keys: &[&SigningKey]) -> Trust {
    Trust::new(keys.iter().map(|key| key.vendor_key()).collect())
}

/// A custom section of this name.
fn section(name: &str, content: &[u8]) -> Vec<u8> {
    let size = 1 + name.len() + content.len();
    let head = [0, u8::try_from(size).unwrap(), u8::try_from(name.len()).unwrap()];
    [head.as_slice(), name.as_bytes(), content].concat()
}

/// A component with a core module in it and a custom section: all that a signature has to find its way through.
fn component() -> Vec<u8> {
    let module = [b"\0asm\x01\0\0\0".as_slice(), &section("inner", b"x")].concat();
    let nested = [[1, u8::try_from(module.len()).unwrap()].as_slice(), &module].concat();
    [COMPONENT_PREAMBLE, &nested, &section("name", b"tiny")].concat()
}

#[track_caller]
fn code_of(trust: &Trust, wasm: &[u8]) -> &'static str {
    trust.judge(wasm).unwrap_err().code()
}

#[test]
fn what_a_trusted_vendor_has_signed_is_theirs() {
    let (acme, other) = (key("acme", 1), key("other", 2));
    let signed = sign(&component(), &acme).unwrap();
    assert_eq!(signed.len(), component().len() + SECTION_BYTES);
    assert!(signed.starts_with(&component()), "what was built is not changed");
    let by = trusting(&[&other, &acme]).judge(&signed).unwrap().unwrap();
    assert_eq!((by.vendor.as_str(), by.key), ("acme", acme.public().id()));
    assert_eq!(claimed_key(&signed).unwrap(), Some(acme.public().id()));
    assert_eq!(code_of(&trusting(&[&other]), &signed), "vendor-not-trusted");
    assert_eq!(code_of(&Trust::development(), &signed), "vendor-not-trusted");
}

#[test]
fn what_nobody_has_signed_is_taken_in_development_only() {
    assert_eq!(code_of(&trusting(&[&key("acme", 1)]), &component()), "component-not-signed");
    assert_eq!(Trust::development().judge(&component()).unwrap(), None);
    assert_eq!(claimed_key(&component()).unwrap(), None);
}

#[test]
fn no_bit_can_be_changed() {
    let acme = key("acme", 1);
    let (strict, signed) = (trusting(&[&acme]), sign(&component(), &acme).unwrap());
    let lax = strict.clone().with_unsigned(true);
    for at in 0..signed.len() {
        for bit in 0..8 {
            let mut changed = signed.clone();
            changed[at] ^= 1 << bit;
            assert!(strict.judge(&changed).is_err(), "byte {at}, bit {bit}");
            // A section of another name is none: then nobody has signed it, and never acme.
            assert!(!matches!(lax.judge(&changed), Ok(Some(_))), "byte {at}, bit {bit}");
        }
    }
}

#[test]
fn nothing_can_be_cut_off_or_put_behind() {
    let acme = key("acme", 1);
    let (trust, signed) = (trusting(&[&acme]), sign(&component(), &acme).unwrap());
    for length in 0..signed.len() {
        assert!(trust.judge(&signed[..length]).is_err(), "{length} bytes of it");
    }
    for more in [&b"\0"[..], b"x", &section("name", b""), &signed[component().len()..], &signed] {
        assert!(trust.judge(&[signed.as_slice(), more].concat()).is_err(), "{more:?} behind it");
    }
    assert_eq!(code_of(&trust, &[signed.as_slice(), &section("name", b"")].concat()), "bad-signature-section");
    assert_eq!(code_of(&trust, &[signed.as_slice(), &signed[component().len()..]].concat()), "bad-signature-section");
    let moved = [COMPONENT_PREAMBLE, &signed[component().len()..], &component()[COMPONENT_PREAMBLE.len()..]].concat();
    assert_eq!(code_of(&trust, &moved), "bad-signature-section");
    assert_eq!(sign(&signed, &acme).unwrap_err().code(), "bad-signature-section");
}

#[test]
fn a_section_of_another_form_is_refused_by_name() {
    let acme = key("acme", 1);
    let trust = trusting(&[&acme]).with_unsigned(true);
    let good = sign(&component(), &acme).unwrap().split_off(component().len());
    let content = &good[HEAD.len() - 1..];
    let mut other_version = content.to_vec();
    other_version[0] = 2;
    let longer = [content, b"x"].concat();
    for content in [&[][..], &content[..1], &content[..content.len() - 1], &longer, &other_version] {
        let code = code_of(&trust, &[component(), section(SECTION, content)].concat());
        assert_eq!(code, "bad-signature-section", "{content:?}");
    }
    // The same content, with its length written in two bytes instead of one.
    let mut padded = good.clone();
    padded.splice(1..2, [good[1] | 0x80, 0]);
    assert_eq!(code_of(&trust, &[component(), padded].concat()), "bad-signature-section");
    assert!(trust.judge(&[component(), good].concat()).unwrap().is_some());
}

#[test]
fn a_signature_inside_of_a_module_is_a_part_of_what_is_signed() {
    let acme = key("acme", 1);
    let inner = sign(&component(), &acme).unwrap().split_off(component().len());
    let module = [b"\0asm\x01\0\0\0".as_slice(), &inner].concat();
    let nested = [[1, u8::try_from(module.len()).unwrap()].as_slice(), &module].concat();
    let holding = [COMPONENT_PREAMBLE, &nested].concat();
    assert_eq!(code_of(&trusting(&[&acme]), &holding), "component-not-signed");
    assert!(trusting(&[&acme]).judge(&sign(&holding, &acme).unwrap()).unwrap().is_some());
}

#[test]
fn what_is_signed_is_for_packs_alone() {
    let acme = key("acme", 1);
    let mut forged = sign(&component(), &acme).unwrap();
    let at = forged.len() - SIGNATURE_BYTES;
    forged[at..].copy_from_slice(&acme.sign(&component()));
    assert_eq!(code_of(&trusting(&[&acme]), &forged), "wrong-signature");
}

#[test]
fn what_is_no_component_is_told_so_first() {
    for other in [&b""[..], b"hello", b"\0asm\x01\0\0\0"] {
        assert_eq!(code_of(&Trust::default(), other), "not-a-component", "{other:?}");
        assert_eq!(sign(other, &key("acme", 1)).unwrap_err().code(), "not-a-component");
    }
    assert_eq!(code_of(&Trust::default(), &[COMPONENT_PREAMBLE, b"\x01\xff"].concat()), "invalid-component");
}

#[test]
fn keys_are_told_by_their_text_and_secret_ones_are_shown_nowhere() {
    let acme = key("acme", 1);
    let told = acme.vendor_key().to_string();
    assert_eq!(told.parse::<VendorKey>().unwrap(), acme.vendor_key());
    assert_eq!(KeyId::try_from(acme.public().id().to_string()), Ok(acme.public().id()));
    assert_eq!(format!("{acme:?}"), "SigningKey(acme, …)");
}

#[test]
fn the_public_key_is_the_one_of_the_standard() {
    // RFC 8032, 7.1, test 2.
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.key");
    let secret = "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb";
    private_file(&path, &format!("acme=ed25519-secret:{secret}\n"));
    let read = SigningKey::read(&path).unwrap();
    let public = "acme=ed25519:3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c";
    assert_eq!(read.vendor_key().to_string(), public);
}

fn private_file(path: &std::path::Path, text: &str) {
    let _ = std::fs::remove_file(path);
    crate::private_file::create(path, text.as_bytes()).unwrap();
}

#[test]
fn a_key_file_is_written_once_and_read_as_it_was() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.key");
    let acme = key("acme", 1);
    acme.write(&path).unwrap();
    assert_eq!(SigningKey::read(&path).unwrap().vendor_key(), acme.vendor_key());
    assert!(matches!(acme.write(&path), Err(SigningKeyError::Taken { .. })));
    assert!(matches!(SigningKey::read(&dir.path().join("none")), Err(SigningKeyError::Io { .. })));
    let secret = "ab".repeat(32);
    let good = format!("acme=ed25519-secret:{secret}");
    for text in
        ["", "# nothing", "acme", &secret, &good.replace("-secret", ""), &good[1..4], &format!("{good}\n{good}")]
    {
        private_file(&path, text);
        let refused = SigningKey::read(&path).unwrap_err();
        assert!(matches!(refused, SigningKeyError::NoKey { .. }), "{text}");
        assert!(!refused.to_string().contains(&secret));
    }
    private_file(&path, &good);
    assert!(SigningKey::read(&path).is_ok());
}

#[cfg(unix)]
#[test]
fn a_key_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("acme.key");
    key("acme", 1).write(&path).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(SigningKey::read(&path), Err(SigningKeyError::Open { .. })));
}
