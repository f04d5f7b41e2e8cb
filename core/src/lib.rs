//! Punchcard: a membership platform. A small host owns members, assets and events in an embedded store; everything
//! specific to a trade or a programme is a *pack*, a sandboxed WebAssembly component behind the interfaces in `wit/`.
//!
//! Dependencies point down: `cli` and `http` call `usecase`; `usecase` uses `ledger`, `store` and `pack`; those use
//! `domain`. One file of `usecase` is one thing that a person does.

/// sled and the packs' calls make and drop many small things: building a state of three million keys took 19 s with this
/// allocator and 25 s with glibc's. Without huge pages (the feature `no_thp`): one in a hundred orders had to wait 5 ms until
/// two megabytes were made ready for it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

mod background;
pub mod cli;
pub mod clock;
mod describe;
pub mod domain;
pub mod http;
pub mod ledger;
pub mod message;
pub mod pack;
pub mod pack_calls;
mod private_file;
mod schema;
pub mod store;
pub mod usecase;
pub mod vault;
pub mod webhook;
