// SPDX-License-Identifier: GPL-2.0-or-later
//! The plugin's state, over all rooms: what the guest does goes into the machine, what is found there into the record.

mod end;
mod events;
mod fetch;
mod serve;
mod warm;

use cache_model::VirtAddr;
use instrument::hardware::Isa;

use crate::arch::GuestArch;
use crate::arch::architecture::Architecture;
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::machine::GuestMachine;
use crate::options::PluginOptions;
use crate::qemu::api::{Block, QemuApi, Register};
use crate::qemu::internals::QemuTlb;
use crate::recorder::Recorder;
use crate::recorder::functions::KernelFunctions;
use crate::translation::access_groups::GroupedAccess;
use crate::translation::{BlockContext, Translation};
use warm::Warm;

/// Everything that the plugin knows.
pub struct Plugin {
    options: PluginOptions,
    arch: GuestArch,
    machine: GuestMachine,
    translation: Translation,
    recorder: Recorder,
    trial: TrialProgress,
    warm: Warm,
    tlb: Option<QemuTlb>,
}

/// How far the trial has come.
#[derive(Default)]
struct TrialProgress {
    command_markers: u32,
    finished: bool,
}

impl Plugin {
    /// Returns the plugin for a target, or a sentence that says why not.
    ///
    /// # Errors
    ///
    /// An unknown target or a wrong argument.
    pub fn new(qemu: QemuApi, target_name: &str, arguments: &[String]) -> Result<Self, String> {
        let options = PluginOptions::read(arguments)?;
        let arch = GuestArch::from_name(target_name)
            .filter(|arch| arch.is_complete())
            .ok_or_else(|| format!("target `{target_name}` is not one of mips, mipsel, arm, riscv64"))?;
        let arch = match options.setup.isa.as_ref().map(Isa::name) {
            Some(isa) => arch.with_isa(isa).ok_or_else(|| {
                format!("setup: isa: `{isa}` is no instruction set that the plugin knows of target `{target_name}`")
            })?,
            None => arch,
        };
        options.has_byte_order_of(target_name, arch.byte_order())?;
        let functions = match options.symbols() {
            Some(path) => KernelFunctions::parse(
                &std::fs::read_to_string(path)
                    .map_err(|error| format!("cannot read {}: {error}", path.display()))?,
                arch,
            ),
            None => KernelFunctions::default(),
        };
        let request = &options.request;
        FAST_PATH.set_deadline(request.deadline());
        let mut plugin = Self {
            arch,
            machine: GuestMachine::new(qemu, arch, options.caches, options.setup.ram, request.mmu_on),
            translation: Translation::default(),
            recorder: Recorder::new(request.mode, arch, target_name, functions),
            trial: TrialProgress::default(),
            warm: Warm::default(),
            tlb: QemuTlb::find(),
            options,
        };
        if !plugin.options.setup.serves {
            plugin.keep_record();
        }
        Ok(plugin)
    }

    /// QEMU's functions.
    pub fn qemu(&self) -> &QemuApi {
        self.machine.qemu()
    }

    /// Takes the handles of the registers that QEMU lists.
    pub fn learn_registers(&mut self, listed: Vec<(String, Register)>) {
        if let Err(why) = self.machine.learn_registers(listed) {
            self.fault(&why);
        }
    }

    /// Finds out which CPU runs.
    pub fn identify(&mut self) {
        if !self.machine.identify() {
            self.fault("more CPUs run than have caches: `smp` and the machine's caches do not agree");
        }
    }

    /// Instruments a block that QEMU is about to translate.
    pub fn translate(&mut self, block: &Block<'_>) {
        if self.trial.finished {
            return;
        }
        self.warm.translations += 1;
        let (machine, recorder) = (&mut self.machine, &mut self.recorder);
        let mut context = BlockContext { arch: self.arch, options: &self.options, machine, recorder };
        if let Err(why) = self.translation.translate(block, &mut context) {
            self.fault(why);
        }
    }

    /// A load of the guest.
    pub fn load(&mut self, info: u32, virt: u64, insn: InsnRef) {
        let virt = self.arch.address(virt);
        let mut stale = None;
        if !self.machine.load(info, virt, &mut stale) {
            self.device(insn);
        }
        if let Some(stale) = stale {
            self.stale_load(&stale, insn);
        }
    }

    /// A store of the guest, whose bytes are in memory already.
    pub fn store(&mut self, info: u32, virt: u64, insn: InsnRef) {
        let virt = self.arch.address(virt);
        if !self.machine.store(info, virt, insn.origin()) {
            self.device(insn);
        }
    }

    /// A load of a group that is not its first, and is still to come.
    pub fn load_grouped(&mut self, virt: VirtAddr, member: GroupedAccess) {
        let virt = self.arch.address(virt.get());
        if let Some(stale) = self.machine.load_ahead(virt, member.len.into()) {
            self.stale_load(&stale, member.insn);
        }
    }

    /// A store of a group that is not its first, and is still to come.
    pub fn store_grouped(&mut self, virt: VirtAddr, member: GroupedAccess) {
        let virt = self.arch.address(virt.get());
        self.machine.store_ahead(virt, member.len.into(), member.insn.origin());
    }

    /// Compares the address of an access with the one that its registers predicted.
    pub fn check(&mut self, virt: u64) {
        if !self.machine.check(self.arch.address(virt)) {
            self.fault("register handles do not mean what they meant in QEMU 11.1: base + offset is not the address accessed");
        }
    }
}
