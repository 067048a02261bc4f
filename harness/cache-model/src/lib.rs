// SPDX-License-Identifier: GPL-2.0-or-later
//! L1 instruction and data caches *with contents*, and what maintenance does to them.
//!
//! Real CPUs of the kind that Linux calls "not coherent between I and D" fetch from an I$ that holds
//! copies of lines as they were when they were filled from below the D$. [`Model`] keeps just that: which
//! D$ lines are dirty, the bytes below them, and the I$'s copies. Fed with every load, store, fetch and
//! maintenance operation of a guest, it says of each fetch whether the bytes are stale, and why.
//!
//! Pure: no I/O, no unsafe code, and no dependencies but for serde, if the feature of that name is asked for: the words for caches,
//! maintenance and stale fetches stand in files too.
#![forbid(unsafe_code)]

mod address;
mod config;
mod dcache;
mod fetch;
mod filter_cache;
mod geometry;
mod icache;
mod inspect;
mod line_origins;
mod maintain;
pub mod maintenance;
mod memory;
mod model;
mod origin;
mod page;
mod replacement;
mod sharing;
mod stale;
mod stale_copy;
mod tags;

pub use address::{PhysAddr, VirtAddr};
pub use config::{Config, Snoops};
pub use dcache::Write;
pub use filter_cache::{FetchedLine, FilterCache};
pub use geometry::{Addressing, BadGeometry, Geometry};
pub use inspect::Tag;
pub use memory::{Memory, PlainMemory};
pub use model::{CacheTotals, Model};
pub use origin::Origin;
pub use page::PageSize;
pub use replacement::Replacement;
pub use stale::{FlushUse, Missing, PastOperation, Proximity, Stale};
pub use stale_copy::StaleLoad;
