//! The configuration of `serve`: one TOML file, environment variables and flags. A flag beats the environment, that
//! beats the file, and that the default. All settings are declared here, each once; `core/punchcard.toml` is what
//! `punchcard serve --print-config` says of the defaults.

mod value;
mod vendors;

use std::fmt::Write as _;
use std::path::Path;
use std::time::Duration;

use clap::Args;
use jiff::SignedDuration;
use serde::Deserialize;

pub(super) use self::value::{Address, Addresses, Endpoint, Filter, Format, Permission, Place, Secure};
use self::value::{Setting, Whole};
pub(super) use self::vendors::Vendors;
use super::Failure;
use super::data::Keys;
use crate::http::{self, Certificates};
use crate::pack::{self, Trust};
use crate::store::DurableOptions;
use crate::usecase::RecordingTerms;
use crate::usecase::users::SessionTerms;

/// Declares the settings of each table: what they are when nothing says otherwise, and where they can be said.
macro_rules! settings {
    ($($about:literal [$table:ident] $Section:ident $Given:ident {
        $($key:ident: $kind:ty = $default:literal, $flag:literal $($global:ident)?, $env:literal, $value:literal, $doc:literal;)*
    })*) => {
        $(
            #[doc = $about]
            #[derive(Clone, Debug, PartialEq)]
            pub(super) struct $Section {
                $(#[doc = $doc] pub(super) $key: $kind,)*
            }

            #[doc = "What a file, or the command line with its environment, says of it."]
            #[derive(Args, Clone, Debug, Default, Deserialize)]
            #[serde(default, deny_unknown_fields)]
            pub(super) struct $Given {
                $(#[arg(id = concat!("setting-", $flag), long = $flag, env = $env, value_name = $value, help = help($doc, $default) $(, $global = true)?)]
                pub(super) $key: Option<$kind>,)*
            }

            impl $Given {
                /// These, and below them others.
                fn over(self, below: Self) -> Self {
                    Self { $($key: self.$key.or(below.$key),)* }
                }

                /// These, and below them the defaults.
                pub(super) fn resolved(self) -> $Section {
                    $Section { $($key: self.$key.unwrap_or_else(|| default_of($default)),)* }
                }
            }

            impl $Section {
                fn print(&self, to: &mut String) {
                    table(to, stringify!($table), $about);
                    $(line(to, stringify!($key), &self.$key.toml(), $doc, $flag, $value, $env);)*
                }
            }
        )*

        /// The whole configuration.
        #[derive(Clone, Debug, PartialEq)]
        pub(super) struct Config {
            $(pub(super) $table: $Section,)*
        }

        /// A configuration file.
        #[derive(Default, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        struct File {
            $($table: $Given,)*
        }

        impl Config {
            /// The configuration as a file, with what each setting is for.
            pub(super) fn print(&self) -> String {
                let mut printed = String::from(HEAD);
                $(self.$table.print(&mut printed);)*
                printed
            }
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($table: $Given::default().resolved(),)* }
            }
        }
    };
}

const HEAD: &str = "\
# The configuration of `punchcard serve`, with every setting and its default. Give it with `--config FILE` or
# PUNCHCARD_CONFIG. A flag beats the environment, that beats this file, and that the default; what is not here is as by
# default. `punchcard serve --check` tells whether it is right.
";

settings! {
    "What is logged to standard error."
    [log] Log LogGiven {
        filter: Filter = "info", "log" global, "PUNCHCARD_LOG", "FILTER",
            "A level (error, warn, info, debug, trace), or levels by module, such as `info,punchcard::http=warn`. \
             At info there is a line for each request; commands other than `serve` log from warn on.";
        format: Format = "text", "log-format" global, "PUNCHCARD_LOG_FORMAT", "FORMAT",
            "`text` for people, or `json` with an object in each line.";
    }

    "The HTTP interface."
    [http] Http HttpGiven {
        listen: Address = "127.0.0.1:8080", "listen", "PUNCHCARD_LISTEN", "ADDR",
            "The address and port to listen on; port 0 takes a free one.";
        connections_max: Whole<1, 1_000_000> = "1024", "connections-max", "PUNCHCARD_CONNECTIONS_MAX", "COUNT",
            "Open connections at once; further ones wait until one is closed.";
        requests_max: Whole<1, 1_000_000> = "512", "requests-max", "PUNCHCARD_REQUESTS_MAX", "COUNT",
            "Requests at work or waiting for it at once, of one merchant half as many; further ones are told to come again (503).";
        workers: Whole<1, 4096> = "128", "workers", "PUNCHCARD_WORKERS", "COUNT",
            "Threads on which requests are worked on, of one merchant half of them. Mostly they wait for the disk, which many share.";
        body_kib_max: Whole<1, 65_536> = "1024", "body-kib-max", "PUNCHCARD_BODY_KIB_MAX", "KIB",
            "The largest body of a request, in KiB; larger ones are refused (413). Components of packs have a limit of \
             their own.";
        header_seconds_max: Whole<1, 3600> = "20", "header-seconds-max", "PUNCHCARD_HEADER_SECONDS_MAX", "SECONDS",
            "How long a connection may take for the TLS handshake and for the head of a request, idle time before it \
             included; then it is closed.";
        request_seconds_max: Whole<1, 3600> = "60", "request-seconds-max", "PUNCHCARD_REQUEST_SECONDS_MAX", "SECONDS",
            "How long a request may take from its head to its reply; then it is answered 408 when it has not come \
             whole, and 503 when it is at work, as what it does may still be done.";
        shutdown_seconds_max: Whole<0, 3600> = "30", "shutdown-seconds-max", "PUNCHCARD_SHUTDOWN_SECONDS_MAX", "SECONDS",
            "How long the end waits for requests that have begun.";
        forwarded_from: Addresses = "", "forwarded-from", "PUNCHCARD_FORWARDED_FROM", "ADDRS",
            "Addresses of proxies in front of the host: for what comes from them the client is the last address in \
             X-Forwarded-For. Separated by commas on the command line.";
    }

    "TLS: with both files the interface is served by HTTPS only. On SIGHUP they are read again."
    [tls] Tls TlsGiven {
        certificates: Place = "", "tls-certificates", "PUNCHCARD_TLS_CERTIFICATES", "FILE",
            "The host's certificate and those that signed it, in PEM.";
        key: Place = "", "tls-key", "PUNCHCARD_TLS_KEY", "FILE",
            "The certificate's private key, in PEM.";
    }

    "How often somebody may ask. Who asks too often is told when to come again (429)."
    [limits] Limits LimitsGiven {
        requests_per_second: Whole<0, 1_000_000> = "500", "requests-per-second", "PUNCHCARD_REQUESTS_PER_SECOND", "COUNT",
            "Requests of one API key in a second, in the long run; 0 for no limit.";
        requests_burst: Whole<1, 1_000_000> = "1000", "requests-burst", "PUNCHCARD_REQUESTS_BURST", "COUNT",
            "Requests of one API key that may come at once after a rest.";
        failed_keys_per_minute: Whole<0, 1_000_000> = "30", "failed-keys-per-minute", "PUNCHCARD_FAILED_KEYS_PER_MINUTE", "COUNT",
            "Requests of one client address with a wrong API key in a minute, in the long run; 0 for no limit. Clients \
             behind a proxy are told apart by `forwarded_from` only.";
        failed_keys_burst: Whole<1, 1_000_000> = "30", "failed-keys-burst", "PUNCHCARD_FAILED_KEYS_BURST", "COUNT",
            "Requests of one client address with a wrong API key that may come at once after a rest.";
        failed_sign_ins_per_minute: Whole<0, 1_000_000> = "6", "failed-sign-ins-per-minute", "PUNCHCARD_FAILED_SIGN_INS_PER_MINUTE", "COUNT",
            "Sign-ins of one client address that may fail in a minute, in the long run; 0 for no limit.";
        failed_sign_ins_burst: Whole<1, 1_000_000> = "20", "failed-sign-ins-burst", "PUNCHCARD_FAILED_SIGN_INS_BURST", "COUNT",
            "Sign-ins of one client address that may fail at once after a rest.";
        failed_sign_ins_of_user_per_hour: Whole<0, 1_000_000> = "60", "failed-sign-ins-of-user-per-hour", "PUNCHCARD_FAILED_SIGN_INS_OF_USER_PER_HOUR", "COUNT",
            "Sign-ins as one user that may fail in an hour, in the long run, from all addresses together from which this \
             user has not signed in before; 0 for no limit.";
        failed_sign_ins_of_user_burst: Whole<1, 1_000_000> = "20", "failed-sign-ins-of-user-burst", "PUNCHCARD_FAILED_SIGN_INS_OF_USER_BURST", "COUNT",
            "Those that may fail at once after a rest.";
    }

    "Sessions of users who have signed in."
    [sessions] Sessions SessionsGiven {
        idle_minutes: Whole<1, 43_200> = "60", "session-idle-minutes", "PUNCHCARD_SESSION_IDLE_MINUTES", "MINUTES",
            "Without a request for so many minutes, a session ends.";
        hours_max: Whole<1, 8_760> = "12", "session-hours-max", "PUNCHCARD_SESSION_HOURS_MAX", "HOURS",
            "After so many hours, a session ends whatever happens.";
        secure: Secure = "auto", "session-secure", "PUNCHCARD_SESSION_SECURE", "WHEN",
            "When browsers are to send the cookie of a session over HTTPS only: `always`, for hosts behind a proxy that \
             speaks TLS, or `auto`, when the host does so itself.";
    }

    "Webhooks: how events leave the host."
    [webhooks] Webhooks WebhooksGiven {
        private_networks: Permission = "deny", "webhooks-private", "PUNCHCARD_WEBHOOKS_PRIVATE", "WHETHER",
            "`allow` lets webhooks, gateways and mail servers of messages be in private networks and go unencrypted: for \
             development, and where merchants are trusted like the operator. Otherwise `deny`.";
    }

    "Packs: whose are taken."
    [packs] Packs PacksGiven {
        vendors: Vendors = "", "vendors", "PUNCHCARD_VENDORS", "KEYS",
            "The vendors whose packs are taken, with their public keys as `punchcard pack keygen` prints them, such as \
             `acme=ed25519:…`. A vendor may have several, while they change theirs; the name is what a vendor's packs are \
             kept by, so it stays. Without any, no pack is taken; what is enabled runs on, whoever is taken off. Separated \
             by commas on the command line.";
        unsigned: Permission = "deny", "unsigned-packs", "PUNCHCARD_UNSIGNED_PACKS", "WHETHER",
            "`allow` takes packs that nobody has signed: for development, and where nobody but the operator may upload. \
             Otherwise `deny`.";
        fuel_million_max: Whole<1, 1000> = "1000", "pack-fuel-million-max", "PUNCHCARD_PACK_FUEL_MILLION_MAX", "MILLIONS",
            "The most fuel that one call of a pack gets, whatever its manifest asks for, in millions of units; one is about \
             an instruction.";
        wall_ms_max: Whole<1, 5000> = "5000", "pack-wall-ms-max", "PUNCHCARD_PACK_WALL_MS_MAX", "MS",
            "How long one call of a pack may take at most, in milliseconds.";
        memory_mib_max: Whole<1, 64> = "64", "pack-memory-mib-max", "PUNCHCARD_PACK_MEMORY_MIB_MAX", "MIB",
            "The most memory of one call of a pack, all its memories and tables together, in MiB.";
        host_calls_max: Whole<1, 100_000> = "100000", "pack-host-calls-max", "PUNCHCARD_PACK_HOST_CALLS_MAX", "CALLS",
            "How many functions of the host one call of a pack may call at most.";
        fuel_million_per_day: Whole<0, 1_000_000_000> = "0", "pack-fuel-million-per-day", "PUNCHCARD_PACK_FUEL_MILLION_PER_DAY", "MILLIONS",
            "How much fuel all packs of one merchant may use on a day of UTC, in millions of units; 0 for as much as they \
             want. When it is used up, orders settle without packs and commands are refused (429) until the next day.";
        fuel_million_per_second: Whole<0, 1_000_000> = "500", "pack-fuel-million-per-second", "PUNCHCARD_PACK_FUEL_MILLION_PER_SECOND", "MILLIONS",
            "How much fuel all packs of one merchant may use a second, in millions of units, and one of them half of it; 0 for \
             as much as they want. The first two million of each call that people are behind are not counted; calls of timers, \
             and those that follow from what packs did, count whole. After a while of quiet they may use eight times as much \
             at once. When it is used up, orders settle without packs, which catch up later, and commands are refused (429) \
             until there is more.";
        write_kib_per_second: Whole<0, 1_000_000> = "512", "pack-write-kib-per-second", "PUNCHCARD_PACK_WRITE_KIB_PER_SECOND", "KIB",
            "How much all packs of one merchant may write a second, in KiB, and one of them half of it; 0 for as much as they \
             want. The first 16 KiB of such a call are not counted; otherwise as fuel_million_per_second.";
        storage_mib: Whole<0, 1_000_000> = "1024", "pack-storage-mib", "PUNCHCARD_PACK_STORAGE_MIB", "MIB",
            "How much one pack may have stored at a merchant, keys and values together, in MiB; 0 for as much as it wants. \
             A pack that has so much makes no entry larger until it has made others smaller or deleted them. What is kept \
             for the way back to an earlier revision is not counted.";
    }

    "Messages: what members are told."
    [messages] Messages MessagesGiven {
        sink: Place = "", "messages-sink", "PUNCHCARD_MESSAGES_SINK", "DIR",
            "A folder into which every message of every merchant goes as a file, instead of leaving: for development. What \
             is in the files is personal.";
    }

    "Recordings of packs' calls, for `punchcard pack replay` and `rehearse`. What is in them may be personal: they are sealed."
    [recordings] Recordings RecordingsGiven {
        window: Whole<0, 10_000> = "256", "recordings-window", "PUNCHCARD_RECORDINGS_WINDOW", "COUNT",
            "Of the calls that went well, so many are kept, the last ones of each pack at each merchant; with 0 nothing is \
             recorded.";
        failed: Whole<0, 10_000> = "200", "recordings-failed", "PUNCHCARD_RECORDINGS_FAILED", "COUNT",
            "Of the calls that failed, so many are kept, the last ones of each pack at each merchant.";
        days: Whole<1, 3650> = "30", "recordings-days", "PUNCHCARD_RECORDINGS_DAYS", "DAYS",
            "After so many days a recording is removed.";
        memory_mib: Whole<1, 65_536> = "64", "recordings-memory-mib", "PUNCHCARD_RECORDINGS_MEMORY_MIB", "MIB",
            "Memory for recordings that are in no file yet, in MiB, of all packs and merchants; the oldest go.";
    }

    "Traces of requests, sent by OTLP over HTTP (protobuf) to a collector. Nothing personal is in them."
    [telemetry] Telemetry TelemetryGiven {
        endpoint: Endpoint = "", "telemetry-endpoint", "PUNCHCARD_TELEMETRY_ENDPOINT", "URL",
            "Where traces go, with the whole path, such as `http://127.0.0.1:4318/v1/traces`; none go anywhere by default. \
             What the host is called there, OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES say.";
        sampled_percent: Whole<0, 100> = "100", "telemetry-sampled-percent", "PUNCHCARD_TELEMETRY_SAMPLED_PERCENT", "PERCENT",
            "How many of a hundred requests are traced. A request that comes with a `traceparent` is traced when that says so.";
    }

    "Where the data is, and how much it may take."
    [store] Store StoreGiven {
        data: Place = "", "data", "PUNCHCARD_DATA", "DIR",
            "The data directory; made if it is new. There is none by default.";
        key_file: Place = "", "key-file", "PUNCHCARD_KEY_FILE", "FILE",
            "The file with the master keys, which open what is personal; `master.key` in the data directory by default. It \
             is made with a new key when there is nothing yet that an older one has sealed. Keep a copy apart from the data.";
        cache_mib: Whole<16, { u32::MAX }> = "256", "cache-mib", "PUNCHCARD_CACHE_MIB", "MIB",
            "Memory for the store's cache, in MiB. The process takes at most two and a half times as much, and 200 MiB.";
        room_mib: Whole<0, { u32::MAX }> = "64", "room-mib", "PUNCHCARD_ROOM_MIB", "MIB",
            "With less than this left on the disk, in MiB, no writes are taken until there is room again.";
        snapshots_kept: Whole<2, 65_535> = "2", "snapshots-kept", "PUNCHCARD_SNAPSHOTS_KEPT", "COUNT",
            "How many snapshots are kept, with the journal since the oldest of them.";
        snapshot_hours: Whole<0, 65_535> = "24", "snapshot-hours", "PUNCHCARD_SNAPSHOT_HOURS", "HOURS",
            "Hours from one snapshot to the next; 0 for none by itself.";
    }
}

/// What the command line of `serve` and its environment say.
#[derive(Args, Clone, Debug, Default)]
pub(super) struct Given {
    #[command(flatten)]
    http: HttpGiven,
    #[command(flatten)]
    tls: TlsGiven,
    #[command(flatten)]
    limits: LimitsGiven,
    #[command(flatten)]
    sessions: SessionsGiven,
    #[command(flatten)]
    webhooks: WebhooksGiven,
    #[command(flatten)]
    packs: PacksGiven,
    #[command(flatten)]
    messages: MessagesGiven,
    #[command(flatten)]
    recordings: RecordingsGiven,
    #[command(flatten)]
    telemetry: TelemetryGiven,
    #[command(flatten)]
    store: StoreGiven,
}

impl Config {
    /// What is in force: a file, if there is one, and above it what the command line and its environment say.
    ///
    /// # Errors
    /// What is wrong with the file, where, and what would be right.
    pub(super) fn read(file: Option<&Path>, log: LogGiven, given: Given) -> Result<Self, Failure> {
        let below = file.map(read_file).transpose()?.unwrap_or_default();
        Ok(Self {
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
}

impl LogGiven {
    /// The same for commands that do one thing, of which only what goes wrong is worth a line.
    pub(super) fn quieter(self) -> Self {
        self.over(Self { filter: Some(default_of("warn")), format: None })
    }
}

impl Config {
    /// What the interface is told.
    pub(super) fn settings(&self) -> http::Settings {
        let Self { http: own, limits, sessions, .. } = self;
        let seconds = |count: u32| Duration::from_secs(count.into());
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        http::Settings {
            body_bytes_max: count(own.body_kib_max.0) << 10,
            requests_max: count(own.requests_max.0),
            workers: count(own.workers.0),
            connections_max: count(own.connections_max.0),
            header_time_max: seconds(own.header_seconds_max.0),
            request_time_max: seconds(own.request_seconds_max.0),
            shutdown_time_max: seconds(own.shutdown_seconds_max.0),
            forwarded_from: own.forwarded_from.0.clone(),
            key_rate: http::Rate::new(limits.requests_per_second.0, 1, limits.requests_burst.0),
            failed_key_rate: http::Rate::new(limits.failed_keys_per_minute.0, 60, limits.failed_keys_burst.0),
            failed_sign_in_rate: http::Rate::new(
                limits.failed_sign_ins_per_minute.0,
                60,
                limits.failed_sign_ins_burst.0,
            ),
            failed_user_rate: http::Rate::new(
                limits.failed_sign_ins_of_user_per_hour.0,
                3600,
                limits.failed_sign_ins_of_user_burst.0,
            ),
            sessions: SessionTerms {
                idle: SignedDuration::from_mins(sessions.idle_minutes.0.into()),
                whole: SignedDuration::from_hours(sessions.hours_max.0.into()),
            },
            secure_cookies: sessions.secure == Secure::Always || self.tls.certificates.path().is_some(),
            traced: self.telemetry.endpoint.url().is_some(),
        }
    }
}

impl Recordings {
    /// What is kept.
    pub(super) fn terms(&self) -> RecordingTerms {
        let count = |count: u32| usize::try_from(count).unwrap_or(usize::MAX);
        RecordingTerms {
            window: count(self.window.0),
            failed: count(self.failed.0),
            age_max: SignedDuration::from_hours(i64::from(self.days.0) * 24),
            bytes_max: count(self.memory_mib.0) << 20,
        }
    }
}

impl Packs {
    /// The most that a pack gets for one call.
    pub(super) fn caps(&self) -> pack::Limits {
        pack::Limits {
            fuel_max: u64::from(self.fuel_million_max.0) * 1_000_000,
            wall_max_ms: self.wall_ms_max.0.into(),
            memory_max_bytes: u64::from(self.memory_mib_max.0) << 20,
            host_calls_max: self.host_calls_max.0.into(),
        }
    }

    /// How much fuel all packs of a merchant may use on a day; 0 for as much as they want.
    pub(super) fn fuel_per_day(&self) -> u64 {
        u64::from(self.fuel_million_per_day.0) * 1_000_000
    }

    /// How much fuel all packs of a merchant may use a second; 0 for as much as they want.
    pub(super) fn fuel_a_second(&self) -> u64 {
        u64::from(self.fuel_million_per_second.0) * 1_000_000
    }

    /// How much all packs of a merchant may write a second, in bytes; 0 for as much as they want.
    pub(super) fn written_a_second(&self) -> u64 {
        u64::from(self.write_kib_per_second.0) << 10
    }

    /// How much one pack may have stored at a merchant, in bytes; 0 for as much as it wants.
    pub(super) fn stored_bytes_max(&self) -> u64 {
        u64::from(self.storage_mib.0) << 20
    }

    /// Whose packs are taken.
    pub(super) fn trust(&self) -> Trust {
        Trust::new(self.vendors.0.clone()).with_unsigned(self.unsigned.0)
    }
}

impl Tls {
    /// The certificates, if there is to be TLS.
    ///
    /// # Errors
    /// When only one of the two files is given, or they can not be used.
    pub(super) fn certificates(&self) -> Result<Option<Certificates>, Failure> {
        match (self.certificates.path(), self.key.path()) {
            (Some(chain), Some(key)) => Certificates::read(chain, key).map(Some).map_err(|error| error.to_string()),
            (None, None) => Ok(None),
            (Some(_), None) => Err("tls.certificates is given without tls.key; TLS needs both".into()),
            (None, Some(_)) => Err("tls.key is given without tls.certificates; TLS needs both".into()),
        }
    }
}

impl Store {
    /// With less than this left on the disk, in bytes, no writes are taken.
    pub(super) fn room_bytes_min(&self) -> u64 {
        u64::from(self.room_mib.0) << 20
    }

    /// Where the master keys are.
    pub(super) fn keys(&self) -> Keys {
        Keys::in_file(self.key_file.path())
    }

    /// What the store is told.
    pub(super) fn options(&self) -> DurableOptions {
        DurableOptions {
            cache_bytes: u64::from(self.cache_mib.0) << 20,
            room_bytes_min: self.room_bytes_min(),
            snapshots_kept: usize::try_from(self.snapshots_kept.0).ok(),
            ..DurableOptions::default()
        }
    }
}

fn read_file(path: &Path) -> Result<File, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| format!("the configuration {name} can not be read: {error}; `--config` names a TOML file"))?;
    parse(&text).map_err(|(line, fault)| format!("{name}, line {line}: {fault}"))
}

/// A configuration file's content; or what is wrong with it, and in which line.
fn parse(text: &str) -> Result<File, (usize, String)> {
    let line = |at: usize| text.bytes().take(at).filter(|byte| *byte == b'\n').count() + 1;
    let at = |error: &toml::de::Error| error.span().map_or(1, |span| line(span.start));
    let document = toml::Deserializer::parse(text).map_err(|error| (at(&error), error.message().to_owned()))?;
    serde_path_to_error::deserialize(document).map_err(|error| {
        let (path, error) = (error.path().to_string(), error.into_inner());
        let fault = error.message().replace("unknown field", "there is no setting");
        (at(&error), if path == "." { fault } else { format!("{path}: {fault}") })
    })
}

/// A default, which a test has parsed before.
fn default_of<T: Setting>(text: &str) -> T {
    match text.parse() {
        Ok(value) => value,
        Err(error) => unreachable!("a default is wrong: {error}"),
    }
}

fn help(doc: &str, default: &str) -> String {
    let doc = doc.trim_end_matches('.');
    if default.is_empty() { doc.to_owned() } else { format!("{doc} [default: {default}]") }
}

fn table(to: &mut String, name: &str, about: &str) {
    let _ = write!(to, "\n# {about}\n[{name}]\n");
}

/// One setting, with what it is for and where else it can be said.
fn line(to: &mut String, key: &str, value: &str, doc: &str, flag: &str, name: &str, env: &str) {
    const WIDTH: usize = 118;
    let mut width = WIDTH;
    for word in doc.split_whitespace() {
        let length = word.chars().count() + 1;
        if width + length > WIDTH {
            to.push_str(if to.ends_with('\n') { "# " } else { "\n# " });
            width = 1;
        } else {
            to.push(' ');
        }
        to.push_str(word);
        width += length;
    }
    let _ = writeln!(to, "\n# Also --{flag} {name}, {env}.\n{key} = {value}");
}

#[cfg(test)]
mod tests;
