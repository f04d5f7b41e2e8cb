//! `punchcard export`

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::builder::PossibleValue;
use clap::{Args, ValueEnum};

use super::{Failure, data};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::{Actor, MerchantId, StaffId};
use crate::http::{self, ExportFormat, ExportKind};

#[derive(Args)]
pub(super) struct Export {
    /// What is taken out, all of it, oldest first. Members, notes, users and changes hold what is personal
    #[arg(value_enum)]
    kind: ExportKind,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// `ndjson`: a JSON document a line. `csv`: a table with a header; cells that a spreadsheet would take for formulas
    /// begin with a single quote, which `punchcard import` takes away again
    #[arg(long, value_enum)]
    format: ExportFormat,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Where it goes, to standard output if it is not said. Only the owner may read the file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    keys: data::Keys,
}

impl Export {
    pub(super) fn run(self) -> Result<(), Failure> {
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        // The operator may see what an owner may, and only looks.
        let operator = Actor::owner(merchant.id, StaffId::from_bytes([0; 16]));
        let mut export = http::Export::new(self.kind, self.format);
        write_all(self.out.as_deref(), || export.next_part(&host, &operator).map_err(|error| describe(&error)))?;
        host.store.close().map_err(|error| describe(&error))
    }
}

/// Writes parts into a file, or to standard output, until there are no more.
pub(super) fn write_all(
    to: Option<&Path>,
    mut next_part: impl FnMut() -> Result<Option<Vec<u8>>, Failure>,
) -> Result<(), Failure> {
    let unwritable = |error: io::Error| match to {
        Some(path) => format!("{} can not be written: {error}", path.display()),
        None => format!("standard output can not be written: {error}"),
    };
    let mut out: BufWriter<Box<dyn Write>> = BufWriter::new(match to {
        Some(path) => Box::new(create_private(path).map_err(unwritable)?),
        None => Box::new(io::stdout().lock()),
    });
    while let Some(part) = next_part()? {
        out.write_all(&part).map_err(unwritable)?;
    }
    out.flush().map_err(unwritable)
}

/// A new file, or an old one emptied, that nobody but its owner may read.
pub(super) fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let file = options.open(path)?;
    // One that was there has kept the mode that it had.
    #[cfg(unix)]
    if file.metadata()?.is_file() {
        file.set_permissions(<fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o600))?;
    }
    Ok(file)
}

impl ValueEnum for ExportKind {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        let value = PossibleValue::new(self.name());
        let help = match self {
            Self::OrderPayments => "What was paid for orders, each part by itself",
            Self::OrderRefunds => "What was given back of orders, by line",
            Self::Accounts => "What members hold, by unit",
            Self::Balances => {
                "What is left of each thing that members were granted, with when it expires, as `punchcard import balances` takes it"
            }
            Self::Coupons => "The coupons that members have, as `punchcard import coupons` takes them",
            Self::Consents => "What members have said yes and no to",
            Self::Tiers => "The levels that members were given",
            Self::Users => "The people who sign in, without anything by which they do",
            Self::Units => "The units, with their rules",
            Self::Attributes => "The attributes of members",
            Self::Behaviours => "The kinds of behaviour",
            Self::Messages => "What members were told and what waits, without what it says",
            Self::Figures => "The figures, by day and store",
            // Their names say it.
            _ => return Some(value),
        };
        Some(value.help(help))
    }
}

impl ValueEnum for ExportFormat {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::Csv, Self::Ndjson]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}
