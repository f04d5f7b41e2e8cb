//! Where things are: folders of the project and of its builds, and the crates that become components.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::Result;

/// The project's folder, absolute.
pub(crate) fn root() -> PathBuf {
    // Fixed when compiled. `cargo xtask` compiles in the checkout that it is called in, so it is that checkout's.
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    here.ancestors().nth(2).unwrap_or(here).to_owned()
}

/// The folder of all builds: `CARGO_TARGET_DIR`, or `target` in the project.
pub(crate) fn target_dir() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(dir) if !dir.is_empty() => root().join(dir),
        _ => root().join("target"),
    }
}

/// The cargo that runs us, working in the project's folder.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// A crate that is compiled to wasm.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct WasmCrate {
    /// The package's name, such as `pack-bakery`.
    pub(crate) package: String,
    /// Its folder under the project's, for messages.
    pub(crate) folder: String,
}

impl WasmCrate {
    /// What the component is called: the package's name without its kind.
    pub(crate) fn component(&self) -> &str {
        let name = &self.package;
        name.strip_prefix("pack-").or_else(|| name.strip_prefix("guest-")).unwrap_or(name)
    }

    /// The file that the compiler writes.
    pub(crate) fn module(&self) -> String {
        format!("{}.wasm", self.package.replace('-', "_"))
    }
}

/// The crates in the folders of `parent` (such as `plugins`), sorted by name. A folder without a manifest is none.
pub(crate) fn crates_in(root: &Path, parent: &str) -> Result<Vec<WasmCrate>> {
    let dir = root.join(parent);
    let entries = std::fs::read_dir(&dir).map_err(|error| format!("could not read {}: {error}", dir.display()))?;
    let mut crates = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|error| format!("could not read {}: {error}", dir.display()))?;
        let folder = format!("{parent}/{}", entry.file_name().to_string_lossy());
        let Ok(manifest) = std::fs::read_to_string(entry.path().join("Cargo.toml")) else { continue };
        let package = package_name(&manifest)
            .ok_or_else(|| format!("{folder}/Cargo.toml has no `name = \"…\"` under [package]"))?;
        crates.push(WasmCrate { package: package.to_owned(), folder });
    }
    crates.sort_by(|a, b| a.package.cmp(&b.package));
    Ok(crates)
}

/// The value of `name` in the section `[package]` of a manifest.
pub(crate) fn package_name(manifest: &str) -> Option<&str> {
    let mut section = "";
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            section = line.split('#').next().unwrap_or(line).trim();
        } else if section == "[package]"
            && let Some((key, value)) = line.split_once('=')
            && key.trim() == "name"
        {
            let quote = value.trim().chars().next().filter(|c| matches!(c, '"' | '\''))?;
            return value.trim()[1..].split(quote).next();
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packages_name_is_read_from_its_own_section() {
        #[track_caller]
        fn check(manifest: &str, name: Option<&str>) {
            assert_eq!(package_name(manifest), name);
        }
        check("[package]\nname = \"pack-bakery\"\n", Some("pack-bakery"));
        check("# a pack\n[package] # this one\n  name='pack-points' # short\n", Some("pack-points"));
        check("[lib]\nname = \"x\"\n[package]\nversion = \"1\"\nname = \"guest-loop\"\n", Some("guest-loop"));
        check("[[bin]]\nname = \"x\"\n", None);
        check("[package]\nname.workspace = true\n", None);
    }

    #[test]
    fn a_component_is_called_like_its_package_without_the_kind() {
        let named = |package: &str| WasmCrate { package: package.to_owned(), folder: String::new() };
        assert_eq!(named("pack-bakery").component(), "bakery");
        assert_eq!(named("guest-deep-stack").component(), "deep-stack");
        assert_eq!(named("guest-deep-stack").module(), "guest_deep_stack.wasm");
        assert_eq!(named("other").component(), "other");
    }

    #[test]
    fn the_projects_own_packs_are_found() {
        let packs = crates_in(&root(), "plugins").unwrap();
        assert!(packs.iter().any(|pack| pack.package == "pack-bakery" && pack.folder == "plugins/bakery"), "{packs:?}");
    }
}
