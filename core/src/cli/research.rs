//! `punchcard research`

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::export::write_all;
use super::{Failure, data};
use crate::clock::Clock;
use crate::describe::describe;
use crate::domain::{Actor, Code, MerchantId, StaffId};
use crate::http;
use crate::usecase;

#[derive(Args)]
pub(super) struct Research {
    /// What is taken out, all of it, oldest first, without anything personal
    #[arg(value_enum)]
    kind: Kind,
    /// The name of the study, a code of your own. Members and orders stand under pseudonyms, always the same in one study
    #[arg(long, value_name = "NAME", value_parser = study)]
    study: Code,
    /// How exactly ages are told: by bands of several years, or by the year of birth
    #[arg(long, value_enum, default_value_t = Ages::Bands)]
    ages: Ages,
    /// The data directory
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// `ndjson`: a JSON document a line. `csv`: a table with a header
    #[arg(long, value_enum)]
    format: http::ExportFormat,
    /// The merchant; needed when there are several
    #[arg(long, value_name = "ID")]
    merchant: Option<MerchantId>,
    /// Where it goes, to standard output if it is not said. Only the owner may read the file
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    keys: data::Keys,
}

#[derive(Clone, Copy, ValueEnum)]
enum Kind {
    Members,
    Orders,
    Events,
    Figures,
}

#[derive(Clone, Copy, ValueEnum)]
enum Ages {
    Bands,
    Years,
}

fn study(text: &str) -> Result<Code, String> {
    Code::new(text).map_err(|error| error.to_string())
}

impl Research {
    pub(super) fn run(self) -> Result<(), Failure> {
        let host = data::host(&self.data, data::open_existing(&self.data)?, &self.keys, Clock::System)?;
        let merchant = data::pick_merchant(&host.store, self.merchant)?;
        // The operator may see what an owner may.
        let operator = Actor::owner(merchant.id, StaffId::from_bytes([0; 16]));
        let kind = match self.kind {
            Kind::Members => http::ResearchKind::Members,
            Kind::Orders => http::ResearchKind::Orders,
            Kind::Events => http::ResearchKind::Events,
            Kind::Figures => http::ResearchKind::Figures,
        };
        let ages = match self.ages {
            Ages::Bands => usecase::Ages::Bands,
            Ages::Years => usecase::Ages::Years,
        };
        let mut research = http::Research::new(self.study, kind, self.format, ages);
        write_all(self.out.as_deref(), || research.next_part(&host, &operator).map_err(|error| describe(&error)))?;
        host.store.close().map_err(|error| describe(&error))
    }
}
