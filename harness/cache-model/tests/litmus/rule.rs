// SPDX-License-Identifier: GPL-2.0-or-later
//! What the manuals say of one line, one store, and the maintenance after it, with nothing of the model but its words.
//!
//! - MIPS32 PRA volume II, CACHE: Index operations work on the slot that bits of the address name, whatever is there;
//!   Hit operations on the line only if it is found by the address, so where the index is virtual, in the slot of that
//!   virtual address alone; both on the CPU that executes them, unless a coherence manager globalises the latter.
//!   SYNCI: writes back the D$ line and invalidates the I$ line that the address finds, as Hit operations.
//! - ARM DDI 0406C (v7), B2.2.6 and B2.2.9: by MVA to the PoU, of all CPUs in the inner shareable domain with the
//!   multiprocessing extensions; by set and way, and ICIALLU, of the CPU that executes it; ICIALLUIS of all. An I$ may be
//!   virtually indexed (B3.11.2): then an invalidation by MVA is only right for that MVA.
//! - ARM1136JF-S TRM (DDI 0211), c7, and ARM11 MPCore TRM (DDI 0360), c7: as v7, but nothing is broadcast.
//! - ARM926EJ-S TRM (DDI 0198), 2.3.8 and 4: tags are virtual, by MVA finds what was cached under the same MVA.
//!
//! An I$ is filled from below the D$, when something is fetched that it has not, and never by itself.

use cache_model::maintenance::{Broadcast, Operation, Scope, Side};
use cache_model::{Addressing, Config, FlushUse, Geometry, Missing, Snoops, Write};

/// Why the last fetch is stale, and whose D$ has the bytes if not that of the CPU that fetches.
pub type Verdict = Option<(Missing, Option<usize>)>;

/// The line in the I$ of the CPU that fetches.
#[derive(Clone, Copy)]
struct Copy {
    old: bool,
    /// The D$ had newer bytes when it was filled.
    behind: bool,
}

/// One line: the writer is CPU 0, and everything is fetched by one CPU through one address.
pub struct Rule {
    config: Config,
    phys: u64,
    fetcher: usize,
    fetched_at: u64,
    written_at: u64,
    stored: bool,
    dirty: bool,
    copy: Option<Copy>,
}

impl Rule {
    pub fn new(config: Config, phys: u64, fetcher: usize, fetched_at: u64, written_at: u64) -> Self {
        Self { config, phys, fetcher, fetched_at, written_at, stored: false, dirty: false, copy: None }
    }

    pub fn store(&mut self) {
        self.stored = true;
        self.dirty = self.config.write == Write::BackAllocate;
        if let Some(copy) = &mut self.copy {
            copy.old = true;
        }
    }

    pub fn fetch(&mut self) -> Verdict {
        let seen = match self.config.snoops {
            Snoops::Nothing => false,
            Snoops::Own => self.fetcher == 0,
            Snoops::Others => self.fetcher != 0,
            Snoops::All => true,
        };
        let behind = self.dirty && !seen;
        let copy = *self.copy.get_or_insert(Copy { old: behind, behind });
        let missing = match (self.dirty, copy.behind) {
            (false, _) => Missing::Invalidate,
            (true, true) => Missing::WriteBack,
            (true, false) => Missing::Both,
        };
        copy.old.then_some((missing, Some(0).filter(|writer| self.dirty && self.fetcher != *writer)))
    }

    /// The set that an address names.
    fn index(geometry: Geometry, address: u64) -> u64 {
        address / geometry.line() as u64 % geometry.sets() as u64
    }

    /// Whether an operation on `cpu` finds the line that `owner` has cached through `through`.
    fn finds(
        &self,
        operation: &Operation,
        cpu: usize,
        at: u64,
        geometry: Geometry,
        owner: usize,
        through: u64,
    ) -> bool {
        let physical = geometry.addressing() == Addressing::Pipt;
        let lies_in = Self::index(geometry, if physical { self.phys } else { through });
        let found = match (operation.scope, geometry.addressing()) {
            (Scope::All, _) | (Scope::Address, Addressing::Pipt) => true,
            (Scope::Address, Addressing::Vipt) | (Scope::Index | Scope::SetWay, _) => {
                Self::index(geometry, at) == lies_in
            }
            (Scope::Address | Scope::Range, _) => at == through,
        };
        found && self.reaches(operation, cpu, owner)
    }

    fn reaches(&self, operation: &Operation, cpu: usize, owner: usize) -> bool {
        let broadcast = match operation.broadcast {
            Broadcast::Local => false,
            Broadcast::ByAddress => self.config.globalised,
            Broadcast::InnerShareable => true,
        };
        cpu == owner || broadcast
    }

    /// Does an operation on `cpu` with the address `at`, to all ways where it names a slot; what is to be said of it.
    pub fn maintain(&mut self, operation: &Operation, cpu: usize, at: u64) -> FlushUse {
        let (i, d) = (self.config.icache, self.config.dcache);
        let old = self.copy.is_some_and(|copy| copy.old);
        let (was_dirty, both) = (self.dirty, operation.side == Side::Both);
        let wrote =
            operation.side != Side::I && was_dirty && self.finds(operation, cpu, at, d, 0, self.written_at);
        let drops =
            operation.side != Side::D && self.finds(operation, cpu, at, i, self.fetcher, self.fetched_at);
        self.dirty &= !wrote;
        if drops {
            self.copy = None;
        }
        let missed = |owner| {
            if self.reaches(operation, cpu, owner) { FlushUse::WrongColour } else { FlushUse::WrongCpu }
        };
        match operation.scope {
            _ if drops && old => FlushUse::Needed,
            _ if wrote => FlushUse::WroteBack,
            Scope::Address if operation.side == Side::D || both => {
                if was_dirty {
                    missed(0)
                } else {
                    FlushUse::Redundant
                }
            }
            Scope::Address if old => missed(self.fetcher),
            _ => FlushUse::Redundant,
        }
    }
}
