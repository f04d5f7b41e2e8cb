//! Messages as files, where the operator wants them there instead of with members: for development.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::domain::MerchantId;
use crate::usecase::messages::Outbound;

/// Why messages can not go into a folder.
#[derive(Debug, thiserror::Error)]
#[error("messages can not go into {dir}: {source}")]
pub struct SinkError {
    dir: String,
    source: std::io::Error,
}

/// Makes the folder of a sink if it is not there, and sees that files can be made in it.
///
/// # Errors
/// When it can not be made or written.
pub fn check_sink(dir: &Path) -> Result<(), SinkError> {
    let probe = dir.join(".punchcard");
    let try_it = || {
        fs::create_dir_all(dir)?;
        fs::write(&probe, b"")?;
        fs::remove_file(&probe)
    };
    try_it().map_err(|source| SinkError { dir: dir.display().to_string(), source })
}

/// Writes a message into a file of its own. Sent again, it is written over.
pub(super) fn write(dir: &Path, merchant: MerchantId, message: &Outbound) -> std::io::Result<()> {
    let name = dir.join(format!("{}.txt", message.id));
    let unfinished = dir.join(format!(".{}.part", message.id));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt as _;
        options.mode(0o600);
    }
    let mut file = options.open(&unfinished)?;
    let Outbound { id, channel, to, text, queued_at } = message;
    write!(file, "Message: {id}\nMerchant: {merchant}\nChannel: {channel}\nTo: {to}\n")?;
    write!(file, "Language: {}\nQueued: {queued_at}\n", text.locale)?;
    if let Some(subject) = &text.subject {
        writeln!(file, "Subject: {subject}")?;
    }
    write!(file, "\n{}\n", text.body)?;
    drop(file);
    fs::rename(unfinished, name)
}
