// SPDX-License-Identifier: GPL-2.0-or-later
//! What a real VR4300 does, by value: the expectations of two test programs that pass on the console, lemmy-64's
//! n64-systemtest (`src/tests/cop0/{icache_functional,icache_cache,dcache_cache}.rs`) and thelemmy's nemu64-test
//! (`src/tests/cache/{icache,dcache}.rs`). Each test here names the one that its values come from. `TagLo` shows a valid
//! line as state 2 in the I$ and as state 3 in the D$, dirty or not, and an invalid one as 0; here that is whether
//! [`Model::tag`] has a line, and its address.
//!
//! Permitted differences, each held fast by a test:
//! - Hit_Invalidate_D and Index_Store_Tag_D of an invalid tag discard a dirty line on silicon; the model writes it back,
//!   because the architecture lets it have been evicted at any moment before, and a guest must not lose data for it.
//! - Two dirty colours of one line are two memories to silicon; the model writes both back whole, as last stored.
//!
//! Not modelled, and why:
//! - A cached load that sees old data after an uncached store ("Read cached vs uncached", "cached LW stale after uncached
//!   SW"), and so an old dirty line that overwrites it: the guest's loads are QEMU's, which are coherent. The tables set
//!   memory before the cached store instead of after it, which leaves the caches in the same state.
//! - Storing a *valid* tag ("store tag then load tag", "IndexStoreTag", "Write cache line manually", "Move cache line",
//!   "write unused bits"): needs a modelled TagLo; Linux only ever stores invalid ones.
//! - What an invalid line's tag and dirty bit are ("PFN unchanged", "keeps dirty flag"): seen only with the former.
//! - Hit_Writeback_I ("pushes line to RAM", "Cache(HitWriteBack)"): memory would have to take bytes from the I$. MIPS32 has
//!   no such operation, and Linux executes none.
//! - Create_Dirty_Excl_D ("Create Dirty Exclusive"): it only saves a fill whose bytes are all stored over; where it matters,
//!   that the line is dirty after the store, the model agrees. Its manual makes the line dirty, the VR4300 does not.

use crate::cpu::{self, Cpu, shape};
use cache_model::maintenance::Side;
use cache_model::{Addressing, Model, PlainMemory, Tag};

mod dcache;
mod icache;

/// The I$ is 16 KB, direct mapped, with lines of 32 bytes; the D$ half that, with lines of 16. Both are indexed by virtual
/// and tagged by physical address.
const ICACHE: u64 = 16 << 10;
const DCACHE: u64 = 8 << 10;

const INDEX_INV_I: u32 = 0x00;
const INDEX_WB_INV_D: u32 = 0x01;
const INDEX_STORE_TAG_I: u32 = 0x08;
const INDEX_STORE_TAG_D: u32 = 0x09;
const CREATE_DIRTY_EXCL_D: u32 = 0x0d;
const HIT_INV_I: u32 = 0x10;
const HIT_INV_D: u32 = 0x11;
const FILL_I: u32 = 0x14;
const HIT_WB_INV_D: u32 = 0x15;
const HIT_WB_I: u32 = 0x18;
const HIT_WB_D: u32 = 0x19;

fn console() -> Cpu {
    let virtually = |sets, line| shape(sets, 1, line).addressed(Addressing::Vipt);
    Cpu::new(virtually(512, 32), virtually(512, 16))
}

/// Index_Load_Tag of the slot of an address.
fn load_tag(model: &Model<PlainMemory>, side: Side, address: u64) -> Option<Tag> {
    let geometry = if side == Side::I { model.config().icache } else { model.config().dcache };
    let (set, way) = geometry.index_operand((cpu::KERNEL + address).into());
    model.tag(side, set, way)
}
