//! From a file that somebody uploads to a pack that can be called: every step checks something.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, ComponentExportIndex, InstancePre};

use super::bindings::exports::punchcard::pack::{
    checkout, commands, describe, lifecycle, on_event, on_partner, on_timer, pages, pricing,
};
use super::cache::{Cache, Name};
use super::effort::check_effort;
use super::engine::{MEMORIES_MAX, TABLES_MAX};
use super::host::Call;
use super::manifest::Schemas;
use super::{CallError, Limits, Manifest, ManifestError, Packs, SignatureError};
use crate::domain::{Code, RevisionId};

/// The newest version of the contract that this host speaks. It runs packs of every older one that is compatible with it.
pub const CONTRACT_VERSION: &str = "0.1.3";

const IMPORTS: [&str; 12] = [
    "types",
    "members",
    "assets",
    "orders",
    "stores",
    "messages",
    "kv",
    "events",
    "timers",
    "agreements",
    "settings",
    "log",
];
const EXPORTS: [&str; 9] =
    ["describe", "checkout", "pricing", "commands", "on-event", "on-timer", "on-partner", "pages", "lifecycle"];

/// The largest component, in bytes.
const COMPONENT_MAX_BYTES: usize = 8 << 20;

/// What every component begins with: the magic of WebAssembly, and the version and layer of components.
pub(super) const COMPONENT_PREAMBLE: &[u8] = b"\0asm\x0d\0\x01\0";

/// Why a component is not a pack.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Too big.
    #[error("the component has {bytes} bytes, at most {COMPONENT_MAX_BYTES} are allowed")]
    TooLarge {
        /// How big it is.
        bytes: usize,
    },
    /// It is not signed, or not by somebody whom the operator trusts. [`super::Trust::judge`] says so, not
    /// [`Packs::load`]: what is enabled runs on.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// Not a WebAssembly component.
    #[error(
        "this is not a WebAssembly component: {0}; a core module is made into one by `punchcard pack build --module FILE`"
    )]
    NotAComponent(String),
    /// A component by its first bytes, but a broken or an overlarge one.
    #[error("the component is not valid: {0}")]
    Invalid(String),
    /// It wants something that no pack gets.
    #[error(
        "the component imports `{0}`, which is outside the contract: a pack imports nothing but punchcard:pack/*@{CONTRACT_VERSION}"
    )]
    ForeignImport(String),
    /// It was built against a contract that this host does not speak.
    #[error(
        "the component has `{0}`, but this host speaks version {CONTRACT_VERSION} of the contract and older ones that are compatible with it"
    )]
    OtherContract(String),
    /// It offers something that nobody calls.
    #[error("the component exports `{0}`, which is not in the contract punchcard:pack@{CONTRACT_VERSION}")]
    ForeignExport(String),
    /// It does not say what it is.
    #[error("the component does not export punchcard:pack/describe@{CONTRACT_VERSION}, which every pack has")]
    NoDescribe,
    /// A function has another type than the contract says.
    #[error("the component does not fit the contract: {0}")]
    WrongTypes(String),
    /// It needs more memories or tables than a pack may have, or too much work to compile.
    #[error("the component needs {0}")]
    TooDemanding(String),
    /// `describe` did not return.
    #[error("the component did not tell its manifest: {0}")]
    Describe(#[source] CallError),
    /// `describe` returned something else than a manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
}

impl LoadError {
    /// A stable name for programs.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooLarge { .. } => "component-too-large",
            Self::Signature(error) => error.code(),
            Self::NotAComponent(_) => "not-a-component",
            Self::Invalid(_) => "invalid-component",
            Self::ForeignImport(_) => "foreign-import",
            Self::ForeignExport(_) => "foreign-export",
            Self::OtherContract(_) => "other-contract",
            Self::NoDescribe => "no-describe",
            Self::WrongTypes(_) => "wrong-types",
            Self::TooDemanding(_) => "component-too-demanding",
            Self::Describe(_) => "describe-failed",
            Self::Manifest(_) => "bad-manifest",
        }
    }
}

/// A pack that was checked, compiled and linked.
pub struct LoadedPack {
    pub(super) packs: Packs,
    pub(super) pre: InstancePre<Call>,
    pub(super) exports: Exports,
    pub(super) own_units: Arc<BTreeSet<Code>>,
    pub(super) emits: Arc<BTreeSet<Code>>,
    pub(super) limits: Limits,
    schemas: Schemas,
    /// What it says of itself.
    pub manifest: Manifest,
    /// Which revision it is.
    pub revision: RevisionId,
    /// The SHA-256 of the component.
    pub(super) component: [u8; 32],
}

/// Where the functions of the exports are; what a pack does not export is not there.
pub(super) struct Exports {
    pub(super) checkout: Option<CheckoutExports>,
    pub(super) pricing: Option<ComponentExportIndex>,
    pub(super) commands: Option<ComponentExportIndex>,
    pub(super) on_event: Option<ComponentExportIndex>,
    pub(super) on_timer: Option<ComponentExportIndex>,
    pub(super) on_partner: Option<ComponentExportIndex>,
    pub(super) pages: Option<ComponentExportIndex>,
    pub(super) lifecycle: Option<LifecycleExports>,
}

/// Where the functions of the export `lifecycle` are.
pub(super) struct LifecycleExports {
    pub(super) enabled: ComponentExportIndex,
    pub(super) disabled: ComponentExportIndex,
    pub(super) migrate: ComponentExportIndex,
}

/// Where a compiled component is to be kept.
type Place<'c> = (&'c Cache, Name);

/// Where the functions of the export `checkout` are.
pub(super) struct CheckoutExports {
    pub(super) quote: ComponentExportIndex,
    pub(super) settled: ComponentExportIndex,
    pub(super) refunded: ComponentExportIndex,
}

impl std::fmt::Debug for LoadedPack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LoadedPack").field("id", &self.manifest.id).field("revision", &self.revision).finish()
    }
}

impl LoadedPack {
    /// Whether it takes part in orders.
    pub fn checks_out(&self) -> bool {
        self.exports.checkout.is_some()
    }

    /// Whether it makes orders cheaper.
    pub fn prices(&self) -> bool {
        self.exports.pricing.is_some()
    }

    /// Whether it follows what happens.
    pub fn follows(&self) -> bool {
        self.exports.on_event.is_some()
    }

    /// Whether it does things at a time.
    pub fn keeps_time(&self) -> bool {
        self.exports.on_timer.is_some()
    }

    /// Whether it takes part in what happens to itself.
    pub fn has_lifecycle(&self) -> bool {
        self.exports.lifecycle.is_some()
    }

    /// Checks settings against the manifest's schema.
    ///
    /// # Errors
    /// What is wrong with them, each with its place.
    pub fn check_settings(&self, settings: &Value) -> Result<(), Vec<String>> {
        self.schemas.check_settings(settings)
    }

    /// Checks a command's input against its schema; `None` when there is no such command.
    pub fn check_input(&self, command: &Code, input: &Value) -> Option<Result<(), Vec<String>>> {
        self.schemas.check_input(command, input)
    }

    /// Checks what is asked of a page against its schema; `None` when there is no such page.
    pub fn check_query(&self, page: &Code, query: &Value) -> Option<Result<(), Vec<String>>> {
        self.schemas.check_query(page, query)
    }

    /// Checks the terms of an agreement against the manifest's schema; `None` when the pack has nothing to do with
    /// agreements.
    pub fn check_terms(&self, terms: &Value) -> Option<Result<(), Vec<String>>> {
        self.schemas.check_terms(terms)
    }
}

/// The id of the revision that these bytes are.
pub fn revision_of(wasm: &[u8]) -> RevisionId {
    let mut id = [0; 16];
    id.copy_from_slice(&Sha256::digest(wasm)[..16]);
    RevisionId::from_bytes(id)
}

impl Packs {
    /// Checks a component against the contract, compiles it, and asks it for its manifest.
    ///
    /// # Errors
    /// The first thing that is wrong with it, in the order of [`LoadError`]'s variants.
    pub fn load(&self, wasm: &[u8]) -> Result<LoadedPack, LoadError> {
        check_size(wasm)?;
        let (component, cached) = self.compiled(wasm)?;
        self.check_interfaces(&component)?;
        check_demands(&component)?;
        let pre = self.linker.instantiate_pre(&component).map_err(|error| LoadError::WrongTypes(first_line(&error)))?;
        let wrong = |error: wasmtime::Error| LoadError::WrongTypes(first_line(&error));
        let export = |interface: &str| {
            component.get_export_index(None, format!("punchcard:pack/{interface}@{CONTRACT_VERSION}"))
        };
        let function = |interface: &ComponentExportIndex, name: &str| {
            component
                .get_export_index(Some(interface), name)
                .ok_or_else(|| LoadError::WrongTypes(format!("the function `{name}` is missing")))
        };
        let describe = export("describe").ok_or(LoadError::NoDescribe)?;
        let describe = function(&describe, "manifest")?;
        let checkout = export("checkout")
            .map(|interface| {
                Ok::<_, LoadError>(CheckoutExports {
                    quote: function(&interface, "quote")?,
                    settled: function(&interface, "settled")?,
                    refunded: function(&interface, "refunded")?,
                })
            })
            .transpose()?;
        let of =
            |interface: &str, name: &str| export(interface).map(|interface| function(&interface, name)).transpose();
        let lifecycle = export("lifecycle")
            .map(|interface| {
                Ok::<_, LoadError>(LifecycleExports {
                    enabled: function(&interface, "enabled")?,
                    disabled: function(&interface, "disabled")?,
                    migrate: function(&interface, "migrate")?,
                })
            })
            .transpose()?;
        let exports = Exports {
            checkout,
            pricing: of("pricing", "price")?,
            commands: of("commands", "run")?,
            on_event: of("on-event", "handle")?,
            on_timer: of("on-timer", "fire")?,
            on_partner: of("on-partner", "answer")?,
            pages: of("pages", "render")?,
            lifecycle,
        };
        component.initialize_copy_on_write_image().map_err(wrong)?;
        self.check_types(&pre, &exports)?;
        let manifest = self.describe(&pre, &describe)?;
        let (manifest, schemas) = Manifest::parse(&manifest, &exports)?;
        // Only what is a pack is worth a place.
        if let Some((cache, name)) = cached {
            cache.keep(name, &component);
        }
        Ok(LoadedPack {
            packs: self.clone(),
            pre,
            exports,
            own_units: Arc::new(manifest.unit_codes()),
            emits: Arc::new(manifest.fact_kinds()),
            limits: Limits::grant(manifest.limits, self.caps),
            schemas,
            manifest,
            revision: revision_of(wasm),
            component: Sha256::digest(wasm).into(),
        })
    }

    /// The component, compiled now or kept from earlier; and where it is to be kept, if it is not there.
    fn compiled(&self, wasm: &[u8]) -> Result<(Component, Option<Place<'_>>), LoadError> {
        let cache = self.cache.as_deref().map(|cache| (cache, Name::of(&self.engine, wasm)));
        if let Some(component) = cache.and_then(|(cache, name)| cache.find(&self.engine, name)) {
            return Ok((component, None));
        }
        if wasm.starts_with(COMPONENT_PREAMBLE) {
            check_effort(wasm)?;
        }
        let _nobody_else = self.compiling.lock();
        let component = Component::from_binary(&self.engine, wasm).map_err(|error| {
            let invalid =
                if wasm.starts_with(COMPONENT_PREAMBLE) { LoadError::Invalid } else { LoadError::NotAComponent };
            invalid(first_line(&error))
        })?;
        Ok((component, cache))
    }

    fn check_interfaces(&self, component: &Component) -> Result<(), LoadError> {
        let component = component.component_type();
        for (name, _) in component.imports(&self.engine) {
            check_name(&IMPORTS, name, LoadError::ForeignImport)?;
        }
        for (name, item) in component.exports(&self.engine) {
            if !matches!(item.ty, ComponentItem::ComponentInstance(_)) {
                return Err(LoadError::ForeignExport(name.to_owned()));
            }
            check_name(&EXPORTS, name, LoadError::ForeignExport)?;
        }
        Ok(())
    }

    /// Instantiates once and looks at the types of what is exported.
    fn check_types(&self, pre: &InstancePre<Call>, exports: &Exports) -> Result<(), LoadError> {
        let mut store = self
            .store(&Limits::DEFAULT, Call::new(&Limits::DEFAULT, None, "{}".into()))
            .map_err(LoadError::Describe)?;
        let wrong = |error: wasmtime::Error| LoadError::WrongTypes(first_line(&error));
        let instance = match pre.instantiate(&mut store) {
            Ok(instance) => instance,
            Err(error) => return Err(LoadError::Describe(CallError::of(&error, &mut store, &Limits::DEFAULT))),
        };
        macro_rules! check {
            ($($interface:ident if $there:expr;)*) => {$(if $there {
                $interface::GuestIndices::new(pre).and_then(|found| found.load(&mut store, &instance)).map_err(wrong)?;
            })*};
        }
        check! {
            describe if true;
            checkout if exports.checkout.is_some();
            pricing if exports.pricing.is_some();
            commands if exports.commands.is_some();
            on_event if exports.on_event.is_some();
            on_timer if exports.on_timer.is_some();
            on_partner if exports.on_partner.is_some();
            pages if exports.pages.is_some();
            lifecycle if exports.lifecycle.is_some();
        }
        Ok(())
    }

    fn describe(&self, pre: &InstancePre<Call>, manifest: &ComponentExportIndex) -> Result<String, LoadError> {
        let call = Call::new(&Limits::DEFAULT, None, "{}".into());
        let (_, told) = self.run::<(), (String,)>(pre, manifest, &Limits::DEFAULT, call, ());
        told.map(|(manifest,)| manifest).map_err(LoadError::Describe)
    }
}

/// Whether a component may have so many bytes: looked at before anything else.
pub(super) fn check_size(wasm: &[u8]) -> Result<(), LoadError> {
    if wasm.len() > COMPONENT_MAX_BYTES { Err(LoadError::TooLarge { bytes: wasm.len() }) } else { Ok(()) }
}

/// Whether an interface is one of these, in a version that is compatible with ours.
fn check_name(interfaces: &[&str], name: &str, foreign: fn(String) -> LoadError) -> Result<(), LoadError> {
    let contract = name.strip_prefix("punchcard:pack/").and_then(|rest| rest.split_once('@'));
    let Some((interface, version)) = contract else { return Err(foreign(name.to_owned())) };
    if !speaks(version) {
        return Err(LoadError::OtherContract(name.to_owned()));
    }
    if interfaces.contains(&interface) { Ok(()) } else { Err(foreign(name.to_owned())) }
}

/// Whether packs of this version of the contract run here: those that are as old as ours or older, and compatible by the
/// rules of semver.
fn speaks(version: &str) -> bool {
    let ours = semver::Version::parse(CONTRACT_VERSION);
    let theirs = semver::Version::parse(version).ok().filter(|version| version.pre.is_empty());
    let compatible = theirs.and_then(|theirs| semver::VersionReq::parse(&format!("^{theirs}")).ok());
    ours.is_ok_and(|ours| compatible.is_some_and(|compatible| compatible.matches(&ours)))
}

fn check_demands(component: &Component) -> Result<(), LoadError> {
    let Some(demands) = component.resources_required() else { return Ok(()) };
    if demands.num_memories > MEMORIES_MAX || demands.num_tables > TABLES_MAX {
        return Err(LoadError::TooDemanding(format!(
            "{} memories and {} tables, at most {MEMORIES_MAX} and {TABLES_MAX} are allowed",
            demands.num_memories, demands.num_tables
        )));
    }
    Ok(())
}

/// Makes a core module that was built against the contract into a component.
///
/// # Errors
/// What is wrong with the module.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>, String> {
    wit_component::ComponentEncoder::default()
        .module(module)
        .and_then(|encoder| encoder.validate(true).encode())
        .map_err(|error| format!("{error:#}"))
}

fn first_line(error: &wasmtime::Error) -> String {
    let text = format!("{error:#}");
    super::error::cut(text.lines().next().unwrap_or_default(), 512)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packs_of_older_contracts_run_and_of_newer_ones_do_not() {
        for version in ["0.1.0", "0.1.1", "0.1.2", CONTRACT_VERSION] {
            assert!(speaks(version), "{version}");
        }
        for version in ["0.0.9", "0.1.99", "0.2.0", "1.0.0", "0.1.3-rc.1", "0.1", ""] {
            assert!(!speaks(version), "{version}");
        }
    }
}
