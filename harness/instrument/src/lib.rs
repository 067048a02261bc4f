// SPDX-License-Identifier: GPL-2.0-or-later
//! What the harness and the QEMU plugin say to each other, as JSON files.
//!
//! | type | written by | read by | what it is about |
//! | --- | --- | --- | --- |
//! | [`Setup`] | harness | plugin | the machine: the same for as long as a QEMU runs |
//! | [`Request`] | harness | plugin | one trial on it |
//! | [`Record`] | plugin | harness | what came of that trial |
//!
//! | [`Reply`] | plugin | harness | that a trial has ended, and that another may be asked for |
//!
//! The plugin gets the paths of the first two as its arguments: `-plugin FILE,setup=PATH,request=PATH`. The setup's words for
//! caches ([`hardware`]) are also those of the machines' YAML files.
//!
//! With [`Setup::serves`], further requests go to the plugin over QEMU's standard input, which then is a socket, each in one line;
//! each of all is answered there, in one line, when its record lies on the disk.
//!
//! Every file is one object whose key `version` says which version of its format it has, an integer. A reader refuses all
//! versions but its own, because a figure that is read wrongly would become a verdict; and it refuses keys of a setup or a
//! request that it does not know, because what they ask for would not be done. Both give a [`ReadError`]. A key whose
//! value is described here as an `Option` may be `null` or absent. Paths are absolute, or begin where QEMU was
//! started; they are UTF-8. Addresses and sizes are numbers in decimal, as JSON has no others.

mod format;
pub mod hardware;
pub mod internals;
mod load;
mod record;
mod reply;
mod request;
mod setup;

use serde::{Deserialize, Serialize};

pub use cache_model::maintenance::Side;
pub use cache_model::{CacheTotals, FlushUse, Missing, Proximity};
pub use format::ReadError;
pub use load::ListedLoad;
pub use record::{End, FunctionCost, LedgerEntry, Maintenance, Phase, Record, StaleFetch, Writer};
pub use reply::Reply;
pub use request::Request;
pub use setup::{Ram, Setup};

/// What the model does with a stale fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// The model is off: plain QEMU, coherent by construction.
    Off,
    /// Stale fetches are recorded, and the fresh bytes are executed.
    Observe,
    /// Stale fetches are recorded, and the stale bytes are executed, as hardware would.
    Enforce,
}
