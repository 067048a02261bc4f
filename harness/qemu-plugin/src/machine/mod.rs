// SPDX-License-Identifier: GPL-2.0-or-later
//! The machine as the plugin sees it: registers, RAM with the cache model over it, and what lies in RAM in place of the guest's
//! own bytes.

mod access;
mod maintenance;
pub mod ram;
pub mod refill;
mod registers;
mod selfcheck;
mod stale;
mod swap;
mod tlb;

use cache_model::{Config, FetchedLine, Memory, Model, Origin, PageSize, PhysAddr, Stale, VirtAddr};
use instrument::Ram as RamRange;

use crate::arch::GuestArch;
use crate::arch::architecture::{Architecture, CachesState};
use crate::arch::instruction::{Advertised, Operand};
use crate::fast_path::FAST_PATH;
use crate::qemu::api::{HostRam, Instruction, QemuApi, Register};
use ram::{RamSnapshot, ShadowedRam};
use refill::Refills;
use registers::Registers;
use selfcheck::RegisterCheck;
pub use swap::GroupStart;
use swap::Swaps;
use tlb::Tlb;

/// The machine.
pub struct GuestMachine {
    qemu: QemuApi,
    arch: GuestArch,
    caches: Config,
    ram: RamRange,
    registers: Registers,
    /// Host address of RAM minus its physical address, once known.
    host_minus_phys: Option<usize>,
    /// The guest's RAM in QEMU's memory, once known.
    ram_in_qemu: Option<HostRam>,
    checker: RegisterCheck,
    trial: MachineTrial,
}

/// What belongs to one trial.
struct MachineTrial {
    /// The MMU and both caches are on.
    cached: bool,
    model: Option<Model<ShadowedRam>>,
    tlb: Tlb,
    swaps: Swaps,
    refills: Refills,
    /// Stores past the caches whose bytes are not in memory yet.
    deferred: Vec<DeferredStore>,
    /// Values of the register that identifies CPUs, in the order in which they were first seen.
    cpus: Vec<u64>,
}

impl MachineTrial {
    /// Returns a trial in which nothing has happened yet.
    fn new(page: PageSize, cached: bool, model: Option<Model<ShadowedRam>>) -> Self {
        Self {
            cached,
            model,
            tlb: Tlb::new(page),
            swaps: Swaps::default(),
            refills: Refills::default(),
            deferred: Vec::new(),
            cpus: Vec::new(),
        }
    }
}

/// A store past the caches whose bytes are not in memory yet.
#[derive(Clone, Copy, Debug)]
struct DeferredStore {
    phys: PhysAddr,
    len: usize,
    origin: Origin,
}

impl GuestMachine {
    /// Returns a machine whose RAM has not been found yet.
    pub fn new(qemu: QemuApi, arch: GuestArch, caches: Config, ram: RamRange, mmu_on: bool) -> Self {
        let trial = MachineTrial::new(caches.dcache.page(), mmu_on || arch.caches_always_on(), None);
        Self {
            qemu,
            arch,
            caches,
            ram,
            registers: Registers::new(arch),
            host_minus_phys: None,
            ram_in_qemu: None,
            checker: RegisterCheck::default(),
            trial,
        }
    }

    /// QEMU's functions.
    pub fn qemu(&self) -> &QemuApi {
        &self.qemu
    }

    /// Takes the handles of the registers that QEMU lists.
    ///
    /// # Errors
    ///
    /// What is needed and not listed.
    pub fn learn_registers(&mut self, listed: Vec<(String, Register)>) -> Result<(), String> {
        let learnt = self.registers.learn(listed);
        learnt.map_err(|missing| format!("QEMU does not list {missing}"))?;
        // Under icount QEMU gives a callback the number of the CPU that translated its block, not of the one that runs.
        if self.caches.cpus > 1 && !self.registers.has_identity() {
            return Err(
                "QEMU does not list a register that shows which CPU runs: only shared caches can be modelled"
                    .into(),
            );
        }
        Ok(())
    }

    /// Bytes in a page of the guest's kernel.
    fn page(&self) -> PageSize {
        self.caches.dcache.page()
    }

    /// The value of a general register.
    pub fn register(&self, number: u32) -> Option<u64> {
        self.registers.general(&self.qemu, number)
    }

    /// The address that an operand comes to; of a range, the first.
    pub fn operand(&self, operand: Operand) -> Option<VirtAddr> {
        self.registers.operand(&self.qemu, operand)
    }

    /// Whether an instruction with this condition field is executed; in doubt it is.
    pub fn holds(&self, condition: u8) -> bool {
        self.registers.flags(&self.qemu).is_none_or(|flags| self.arch.holds(condition, flags))
    }

    /// The address to give QEMU for starting again at an instruction.
    pub fn restart_address(&self, start: VirtAddr) -> u64 {
        self.arch.restart_address(start, self.registers.flags(&self.qemu).unwrap_or(0))
    }

    /// Gives the kernel the model's geometry in place of the CPU's own, in a register that describes the machine.
    pub fn rewrite(&mut self, what: Advertised, register: u32, aliases_hidden: bool) {
        let Some(old) = self.register(register) else { return };
        let new = self.arch.advertise(what, old, &self.caches, aliases_hidden);
        self.registers.write(&self.qemu, register, new);
    }

    /// The cache model, once RAM is known.
    pub fn model(&self) -> Option<&Model<ShadowedRam>> {
        self.trial.model.as_ref()
    }

    /// Whether RAM has been found.
    pub fn has_ram(&self) -> bool {
        self.ram_in_qemu.is_some()
    }

    /// Finds RAM in QEMU's memory from an instruction that lies in it, and takes the shadow if it is modelled.
    pub fn find_ram(&mut self, instruction: &Instruction<'_>, modelled: bool) {
        let Some(phys) = self.qemu.translate(self.arch.address(instruction.virt())) else { return };
        let (base, size) = (PhysAddr::new(self.ram.base), self.ram.size as usize);
        let host = instruction.host();
        if host == 0 || phys < base || phys - base >= size as u64 {
            return;
        }
        self.host_minus_phys = Some(host.wrapping_sub(phys.get() as usize));
        let ram = HostRam::new(host - (phys - base) as usize, size);
        self.ram_in_qemu = Some(ram.clone());
        if !modelled {
            return;
        }
        let model = Model::new(self.caches, ShadowedRam::new(base, ram));
        FAST_PATH.set_filter_cache(model.filter_cache(), self.caches.dcache.line());
        self.trial.model = Some(model);
    }

    /// Copies RAM as it is now; `None` before it has been found.
    pub fn capture(&self) -> Option<RamSnapshot> {
        self.ram_in_qemu.clone().map(|ram| RamSnapshot::new(self.ram.base.into(), ram))
    }

    /// Takes RAM back to what was captured, with cold caches, and forgets what belongs to a trial. Returns whether QEMU took
    /// it.
    pub fn reset(&mut self, captured: &RamSnapshot, mmu_on: bool) -> bool {
        self.drop_kept();
        if !captured.write_back_to(|phys, bytes| self.qemu.write_physical(phys, bytes)) {
            return false;
        }
        let mut model = self.trial.model.take();
        if let Some(model) = &mut model {
            model.memory_mut().reset(captured);
            model.reset();
        }
        let cached = mmu_on || self.arch.caches_always_on();
        self.trial = MachineTrial::new(self.page(), cached, model);
        self.checker.reset();
        true
    }

    /// Physical address of a virtual one of the code that is being translated, which lies at `host` in QEMU's own memory, 0
    /// if that is not known.
    pub fn code_at(&self, virt: VirtAddr, host: usize) -> Option<PhysAddr> {
        match host {
            0 => self.qemu.translate(virt),
            host => Some(PhysAddr::new(host.wrapping_sub(self.host_minus_phys?) as u64)),
        }
    }

    /// Whether a fetch from an address goes through the I$.
    pub fn is_cacheable(&self, virt: VirtAddr, phys: PhysAddr) -> bool {
        self.code(phys, 1).is_some() && !self.arch.is_uncached(virt)
    }

    /// Bytes of RAM, as a load would return them.
    pub fn code(&self, phys: PhysAddr, len: usize) -> Option<&[u8]> {
        let memory = self.trial.model.as_ref()?.memory();
        memory.contains(phys, len).then(|| memory.data(phys, len))
    }

    /// The name of an I$ line, as the filter wants it.
    pub fn fetched_line(&self, virt: VirtAddr, phys: PhysAddr) -> FetchedLine {
        let filter = self.trial.model.as_ref().map(Model::filter_cache);
        filter.map_or(FetchedLine::NONE, |filter| filter.fetched_line(virt, phys))
    }

    /// A fetch through the I$; returns the bytes that the guest has to execute, where these differ from those of the data
    /// side.
    pub fn fetch(&mut self, virt: VirtAddr, phys: PhysAddr, len: usize) -> Option<Stale> {
        // A load in place of a cache operation lies in a line that was fetched just before.
        if !self.trial.cached || self.trial.refills.any() {
            return None;
        }
        self.trial.model.as_mut()?.fetch(virt, phys, len)
    }

    /// Has everything take the slow path while stale bytes lie in memory, else only what is due for the deadline.
    fn update_threshold(&self) {
        FAST_PATH.force_slow_path(self.trial.swaps.any());
    }

    /// The guest has changed its translation of addresses.
    pub fn remapped(&mut self) {
        self.trial.tlb.forget();
        if let Some(model) = &mut self.trial.model {
            model.remapped();
        }
    }

    /// The guest has written a value to the register that switches MMU and caches.
    pub fn system_control(&mut self, value: u64) {
        self.remapped();
        self.trial.cached = self.arch.caches_state(value) == CachesState::On;
    }

    /// Looks whether the caches of a restored guest are on: it switched them before the plugin was there to see it. Without
    /// the register they are believed to be as the setup says. Returns `false` for caches that are partly on.
    pub fn look_at_system_control(&mut self) -> bool {
        match self.registers.system_control(&self.qemu).map(|value| self.arch.caches_state(value)) {
            None => {}
            Some(CachesState::On) => self.trial.cached = true,
            Some(CachesState::Off) => self.trial.cached = false,
            Some(CachesState::Partly) => return false,
        }
        true
    }

    /// Finds out which CPU runs; its caches are the ones in use from here on. Returns `false` if it is one too many.
    pub fn identify(&mut self) -> bool {
        let Some(model) = self.trial.model.as_mut() else { return true };
        // Early in the boot there is nothing in it yet.
        let Some(value) = self.registers.identity(&self.qemu).filter(|value| *value != 0) else {
            return true;
        };
        let cpus = &mut self.trial.cpus;
        let known = cpus.iter().position(|known| *known == value);
        let number = known.unwrap_or(cpus.len());
        if number == self.caches.cpus {
            return false;
        }
        if known.is_none() {
            cpus.push(value);
        }
        if number != model.running() {
            model.run_on(number);
            // Virtual addresses mean something else there.
            self.trial.tlb.forget();
        }
        true
    }

    /// Writes guest memory as a device would.
    pub fn write_by_device(&mut self, phys: PhysAddr, bytes: &[u8]) {
        self.qemu.write_physical(phys, bytes);
        let model = self.trial.model.as_mut();
        if let Some(model) = model.filter(|model| model.memory().contains(phys, bytes.len())) {
            model.written_by_device(phys, bytes.len());
        }
    }

    /// Whether another instruction with this base register should be instrumented for the register self-check.
    pub fn wants_check(&mut self, base: u32) -> bool {
        self.checker.wants_site(base)
    }

    /// Predicts the address that the instruction about to run should access.
    pub fn predict(&mut self, operand: Operand) {
        let expected = self.operand(operand);
        self.checker.expect(expected);
    }

    /// Compares the address of an access with the predicted one; returns false on a mismatch.
    pub fn check(&mut self, virt: VirtAddr) -> bool {
        self.checker.compare(virt)
    }
}
