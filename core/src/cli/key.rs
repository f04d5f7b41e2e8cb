//! `punchcard key rotate`

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{Failure, data};
use crate::clock::Entropy;
use crate::describe::describe;
use crate::vault::rotate_key_file;

#[derive(Subcommand)]
pub(super) enum Key {
    /// Put a new master key in front of the others. The next start seals every merchant's secret by it; from then on the
    /// older keys open backups only, and can be taken out of the file when those are gone
    Rotate(Rotate),
}

#[derive(Args)]
pub(super) struct Rotate {
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    #[command(flatten)]
    keys: data::Keys,
}

impl Key {
    pub(super) fn run(self) -> Result<(), Failure> {
        let Self::Rotate(Rotate { data, keys }) = self;
        let file = keys.file(&data);
        let newest = rotate_key_file(&file, &Entropy::System).map_err(|error| describe(&error))?;
        println!("master key {newest} is the newest in {}; copy the file to where its backup is", file.display());
        println!("the next start of the host seals by it");
        Ok(())
    }
}
