//! The file of the master keys: one key on each line, the newest first; lines that begin with `#` are comments.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use zeroize::Zeroizing;

use super::{MasterId, SecretKey, Vault};
use crate::clock::Entropy;
use crate::private_file::{create, is_private, sync_parent};

const HEAD: &str = "\
# The master keys of this Punchcard host, the newest first. Whoever has one of them and the data can read the personal
# data in it; without them nobody can. Keep a copy apart from the data and its backups.
";

/// Why the master keys can not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It can not be read or written.
    #[error("the key file {path} can not be used: {source}", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A line is no key.
    #[error("{path}, line {line}: expected 64 hexadecimal digits or a comment", path = path.display())]
    NoKey {
        /// The file.
        path: PathBuf,
        /// Which line, from 1.
        line: usize,
    },
    /// It has no keys.
    #[error("the key file {path} has no key", path = path.display())]
    Empty {
        /// The file.
        path: PathBuf,
    },
    /// Others may read it.
    #[error("the key file {path} can be read by others than its owner; `chmod 600` it", path = path.display())]
    Open {
        /// The file.
        path: PathBuf,
    },
}

/// The vault with the keys of a file; `None` when there is no such file.
///
/// # Errors
/// See [`KeyFileError`].
pub fn read_key_file(path: &Path) -> Result<Option<Vault>, KeyFileError> {
    let text = match fs::read_to_string(path) {
        Ok(text) => Zeroizing::new(text),
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(unusable(path)(source)),
    };
    check_closed(path)?;
    let mut masters = Vec::new();
    for (index, line) in text.lines().map(str::trim).enumerate() {
        if !line.is_empty() && !line.starts_with('#') {
            let key = parsed(line).ok_or(KeyFileError::NoKey { path: path.to_owned(), line: index + 1 })?;
            masters.push(key);
        }
    }
    if masters.is_empty() {
        return Err(KeyFileError::Empty { path: path.to_owned() });
    }
    Ok(Some(Vault { masters }))
}

/// Makes a file with a new key.
///
/// # Errors
/// When there is such a file already, or it can not be written.
pub fn create_key_file(path: &Path, entropy: &Entropy) -> Result<Vault, KeyFileError> {
    let master = SecretKey::new(entropy);
    create(path, text_of(std::slice::from_ref(&master)).as_bytes()).map_err(unusable(path))?;
    Ok(Vault::new(master))
}

/// Puts a new key in front of those of a file, which has to be there. Returns the name of the new key.
///
/// # Errors
/// See [`KeyFileError`]. The old file stays when the new one can not be written.
pub fn rotate_key_file(path: &Path, entropy: &Entropy) -> Result<MasterId, KeyFileError> {
    let missing = || unusable(path)(io::ErrorKind::NotFound.into());
    let mut vault = read_key_file(path)?.ok_or_else(missing)?;
    vault.masters.insert(0, SecretKey::new(entropy));
    let beside = path.with_extension("key.new");
    let replace = || -> io::Result<()> {
        match fs::remove_file(&beside) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        create(&beside, text_of(&vault.masters).as_bytes())?;
        fs::rename(&beside, path)?;
        sync_parent(path)
    };
    replace().map_err(unusable(path))?;
    Ok(vault.newest())
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> KeyFileError {
    move |source| KeyFileError::Io { path: path.to_owned(), source }
}

fn parsed(line: &str) -> Option<SecretKey> {
    let bytes = Zeroizing::new(HEXLOWER_PERMISSIVE.decode(line.as_bytes()).ok()?);
    Some(SecretKey(Zeroizing::new(bytes.as_slice().try_into().ok()?)))
}

fn text_of(masters: &[SecretKey]) -> Zeroizing<String> {
    let mut text = Zeroizing::new(HEAD.to_owned());
    for master in masters {
        HEXLOWER.encode_append(&*master.0, &mut text);
        text.push('\n');
    }
    text
}

fn check_closed(path: &Path) -> Result<(), KeyFileError> {
    if is_private(path).map_err(unusable(path))? { Ok(()) } else { Err(KeyFileError::Open { path: path.to_owned() }) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_read_and_rotated_and_old_keys_stay() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        assert!(read_key_file(&path).unwrap().is_none());
        let made = create_key_file(&path, &Entropy::System).unwrap();
        assert_eq!(read_key_file(&path).unwrap().unwrap().newest(), made.newest());
        assert!(create_key_file(&path, &Entropy::System).is_err(), "an existing file is not written over");
        let newest = rotate_key_file(&path, &Entropy::System).unwrap();
        let read = read_key_file(&path).unwrap().unwrap();
        assert_eq!((read.newest(), read.masters.len()), (newest, 2));
        assert_eq!(read.masters[1].id(), made.newest());
    }

    #[test]
    fn a_broken_key_file_is_refused_by_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        for (text, expected) in [
            ("# nothing\n", "has no key"),
            ("# a comment\nabcd\n", "line 2: expected 64 hexadecimal digits"),
            (&"zz".repeat(32), "line 1: expected 64"),
        ] {
            let _ = fs::remove_file(&path);
            create(&path, text.as_bytes()).unwrap();
            let refused = read_key_file(&path).unwrap_err().to_string();
            assert!(refused.contains(expected), "{refused}");
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_key_file_that_others_can_read_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("master.key");
        create_key_file(&path, &Entropy::System).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(matches!(read_key_file(&path), Err(KeyFileError::Open { .. })));
    }
}
