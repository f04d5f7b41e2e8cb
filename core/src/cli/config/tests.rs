use std::collections::BTreeMap;

use clap::Parser;

use super::*;

#[derive(Parser)]
struct Line {
    #[command(flatten)]
    log: LogGiven,
    #[command(flatten)]
    given: Given,
}

fn read(file: &str, flags: &[&str]) -> Result<Config, (usize, String)> {
    let below = parse(file)?;
    let Line { log, given } = Line::parse_from([&["serve"], flags].concat());
    Ok(Config {
        log: log.over(below.log).resolved(),
        http: given.http.over(below.http).resolved(),
        tls: given.tls.over(below.tls).resolved(),
        limits: given.limits.over(below.limits).resolved(),
        sessions: given.sessions.over(below.sessions).resolved(),
        webhooks: given.webhooks.over(below.webhooks).resolved(),
        packs: given.packs.over(below.packs).resolved(),
        messages: given.messages.over(below.messages).resolved(),
        recordings: given.recordings.over(below.recordings).resolved(),
        telemetry: given.telemetry.over(below.telemetry).resolved(),
        store: given.store.over(below.store).resolved(),
    })
}

#[track_caller]
fn refused(file: &str) -> String {
    match read(file, &[]) {
        Ok(_) => panic!("this is taken: {file}"),
        Err((line, fault)) => format!("line {line}: {fault}"),
    }
}

#[test]
fn the_example_file_has_every_setting_with_its_default() {
    let example = include_str!("../../../punchcard.toml");
    assert_eq!(read(example, &[]).unwrap(), Config::default());
    assert_eq!(
        example,
        Config::default().print(),
        "`punchcard serve --print-config` writes what core/punchcard.toml is"
    );
}

#[test]
fn packs_may_use_what_the_host_says_unless_the_operator_says_otherwise() {
    let packs = Config::default().packs;
    assert_eq!(packs.fuel_a_second(), crate::usecase::Quotas::FUEL_A_SECOND);
    assert_eq!(packs.written_a_second(), crate::usecase::Quotas::WRITTEN_A_SECOND);
    assert_eq!(packs.stored_bytes_max(), crate::usecase::Quotas::STORED);
}

#[test]
fn what_is_printed_is_read_as_the_same_again() {
    let file =
        "[http]\nlisten = \"[::1]:9\"\nforwarded_from = [\"127.0.0.1\", \"::1\"]\n[store]\ndata = 'a \"b\" \\ c'\n";
    let config = read(file, &["--log", "warn,punchcard=trace", "--log-format", "json"]).unwrap();
    assert_ne!(config, Config::default());
    assert_eq!(read(&config.print(), &[]).unwrap(), config);
}

#[test]
fn a_flag_beats_the_file_and_that_the_default() {
    let file = "[http]\nworkers = 3\nrequests_max = 4\n";
    let config = read(file, &["--requests-max", "5"]).unwrap();
    let Http { workers, requests_max, connections_max, .. } = config.http;
    assert_eq!((workers.0, requests_max.0, connections_max.0), (3, 5, 1024));
}

#[test]
fn what_is_wrong_in_a_file_is_told_with_its_line_and_what_would_be_right() {
    for (file, told) in [
        ("[http]\n\nworkers = 0\n", "line 3: http.workers: expected a whole number from 1 to 4096, not `0`"),
        ("[store]\ncache_mib = 15", "line 2: store.cache_mib: expected a whole number from 16 to 4294967295, not `15`"),
        (
            "[http]\nlisten = \"here\"",
            "line 2: http.listen: expected an IP address and a port, such as 127.0.0.1:8080 or [::]:8080, not `here`",
        ),
        (
            "[http]\nforwarded_from = [\"proxy\"]",
            "line 2: http.forwarded_from: expected IP addresses, such as 127.0.0.1, not `proxy`",
        ),
        ("[log]\nformat = \"xml\"", "line 2: log.format: expected `text` or `json`, not `xml`"),
    ] {
        assert_eq!(refused(file), told);
    }
    let typed = refused("[http]\nworkers = \"many\"");
    assert!(
        typed.starts_with("line 2: http.workers: ") && typed.contains("expected a whole number from 1 to 4096"),
        "{typed}"
    );
    let unknown = refused("[http]\nlisten = \"[::]:1\"\nlisen = 1");
    assert!(
        unknown.starts_with("line 3: http.lisen: there is no setting `lisen`, expected one of `listen`"),
        "{unknown}"
    );
    let table = refused("\n[htp]\n");
    assert!(table.starts_with("line 2: htp: there is no setting `htp`, expected one of `log`"), "{table}");
    assert!(refused("[http\n").starts_with("line 1: "));
    let filter = refused("[log]\nfilter = \"a=b=c\"");
    assert!(filter.starts_with("line 2: log.filter: expected a level"), "{filter}");
}

#[test]
fn vendors_are_listed_with_their_keys_and_a_secret_key_is_not_repeated() {
    let (one, two) = (format!("acme=ed25519:{}", "a1".repeat(32)), format!("acme=ed25519:{}", "b2".repeat(32)));
    let file = format!("[packs]\nvendors = [\"{one}\", \"{two}\"]\nunsigned = \"allow\"\n");
    let config = read(&file, &[]).unwrap();
    assert!(config.packs.trust().takes_unsigned());
    assert_eq!(config.packs.vendors.0.iter().map(ToString::to_string).collect::<Vec<_>>(), [one.clone(), two.clone()]);
    assert_eq!(read(&config.print(), &[]).unwrap(), config);
    assert_eq!(read("", &["--vendors", &format!("{one}, {two}")]).unwrap().packs.vendors, config.packs.vendors);
    let refused_as = |text: &str| refused(&format!("[packs]\nvendors = [\"{text}\"]"));
    for text in ["acme", "acme=ed25519:a1", "Acme=ed25519:00", &one.replace("ed25519:", "")] {
        let told = refused_as(text);
        assert!(told.starts_with("line 2: packs.vendors: expected a vendor's name and public key"), "{told}");
    }
    let secret = refused_as(&one.replace("ed25519:", "ed25519-secret:"));
    assert!(
        secret.starts_with("line 2: packs.vendors: this is a vendor's secret key") && !secret.contains("a1a1"),
        "{secret}"
    );
    let twice = refused_as(&format!("{one},{}", one.replace("acme", "other")));
    assert!(twice.contains("is here twice, of `acme` and of `other`"), "{twice}");
}

#[test]
fn no_two_settings_share_a_flag_or_a_variable() {
    let mut seen = BTreeMap::new();
    for line in Config::default().print().lines().filter(|line| line.starts_with("# Also --")) {
        for name in line.split([' ', ',', '.']).filter(|word| word.starts_with("--") || word.starts_with("PUNCHCARD_"))
        {
            assert_eq!(seen.insert(name.to_owned(), ()), None, "{name}");
        }
    }
    assert!(seen.len() >= 40);
}
