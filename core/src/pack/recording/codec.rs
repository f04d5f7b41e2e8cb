//! A recording as a file: what it is and of which version, the recording, and a SHA-256 over all of that.

use sha2::{Digest, Sha256};

use super::Recording;

/// What a file of a recording begins with.
const MAGIC: &[u8] = b"punchcard recording\n";

/// The version of the form that is written.
const VERSION: u8 = 1;

const DIGEST_BYTES: usize = 32;

/// The longest file that is read: settings and names come to what a recording may have.
const FILE_BYTES_MAX: usize = 2 << 20;

/// Why a file is not a recording.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RecordingError {
    /// It is something else.
    #[error("this is no recording of a call: it does not begin as one")]
    Foreign,
    /// It is of a later host.
    #[error("this recording has the form {0}, and this program reads the form {VERSION}: take a newer one")]
    Newer(u8),
    /// It has ended too early, or was changed.
    #[error("this recording is damaged: it was cut off or changed on its way, fetch it again")]
    Damaged,
    /// It is whole, but what is in it is not what it says.
    #[error("this recording can not be read: {0}")]
    Malformed(String),
}

impl Recording {
    /// The recording as a file.
    ///
    /// # Panics
    /// When a part can not be written, which is a bug: all parts are data.
    pub fn to_file(&self) -> Vec<u8> {
        let head = [MAGIC, &[VERSION]].concat();
        let mut bytes = postcard::to_extend(self, head).expect("all parts of a recording are data");
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    /// The recording in a file.
    ///
    /// # Errors
    /// See [`RecordingError`].
    pub fn from_file(bytes: &[u8]) -> Result<Self, RecordingError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(RecordingError::Foreign)?;
        let version = *rest.first().ok_or(RecordingError::Damaged)?;
        if version > VERSION {
            return Err(RecordingError::Newer(version));
        }
        let whole = bytes.len().checked_sub(DIGEST_BYTES).filter(|length| *length > MAGIC.len());
        let (whole, digest) = bytes.split_at(whole.ok_or(RecordingError::Damaged)?);
        if bytes.len() > FILE_BYTES_MAX || Sha256::digest(whole).as_slice() != digest || version != VERSION {
            return Err(RecordingError::Damaged);
        }
        let body = &whole[MAGIC.len() + 1..];
        let recording: Self = match postcard::take_from_bytes(body) {
            Ok((recording, [])) => recording,
            Ok((_, rest)) => return Err(RecordingError::Malformed(format!("{} bytes are left over", rest.len()))),
            Err(error) => return Err(RecordingError::Malformed(error.to_string())),
        };
        if recording.calls.read().is_none() {
            return Err(RecordingError::Malformed("its host calls are not in order".to_owned()));
        }
        Ok(recording)
    }
}

#[cfg(test)]
mod tests;
