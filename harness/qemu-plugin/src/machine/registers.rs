// SPDX-License-Identifier: GPL-2.0-or-later
//! The guest's registers: their handles, and the operands that instructions find in them.

use cache_model::VirtAddr;

use crate::arch::GuestArch;
use crate::arch::architecture::{Architecture, RegisterRole};
use crate::arch::instruction::Operand;
use crate::qemu::api::{QemuApi, Register, unlisted_register};

/// Handles of the registers that the plugin reads.
#[derive(Debug)]
pub(super) struct Registers {
    arch: GuestArch,
    general: Vec<Option<Register>>,
    flags: Option<Register>,
    system_control: Option<Register>,
    identity: Option<Register>,
}

/// More general registers than any architecture has.
const GENERAL: usize = 32;

impl Registers {
    /// Returns the handles that are known before QEMU has listed any.
    pub(super) fn new(arch: GuestArch) -> Self {
        let mut general = vec![None; GENERAL];
        for (number, handle) in (0..arch.unlisted_registers()).zip(&mut general) {
            *handle = Some(unlisted_register(number));
        }
        Self { arch, general, flags: None, system_control: None, identity: None }
    }

    /// Takes the handles that QEMU lists.
    ///
    /// # Errors
    ///
    /// Names what is needed and not listed.
    pub(super) fn learn(&mut self, listed: Vec<(String, Register)>) -> Result<(), &'static str> {
        for (name, register) in listed {
            if let Some(handle) = self.arch.register_role(&name).and_then(|role| self.handle(role)) {
                *handle = Some(register);
            }
        }
        let found = |role| match role {
            RegisterRole::General(n) => self.general.get(n as usize).is_some_and(Option::is_some),
            RegisterRole::Flags => self.flags.is_some(),
            RegisterRole::SystemControl => self.system_control.is_some(),
            RegisterRole::CpuIdentity => self.identity.is_some(),
        };
        self.arch.missing_registers(&found).map_or(Ok(()), Err)
    }

    fn handle(&mut self, role: RegisterRole) -> Option<&mut Option<Register>> {
        match role {
            RegisterRole::General(n) => self.general.get_mut(n as usize),
            RegisterRole::Flags => Some(&mut self.flags),
            RegisterRole::SystemControl => Some(&mut self.system_control),
            RegisterRole::CpuIdentity => Some(&mut self.identity),
        }
    }

    /// The value of a general register.
    pub(super) fn general(&self, qemu: &QemuApi, number: u32) -> Option<u64> {
        if Some(number) == self.arch.zero_register() {
            return Some(0);
        }
        let register = self.general[number as usize]?;
        qemu.read_register(register, self.arch.big_endian()).map(|value| self.arch.address(value).get())
    }

    /// Writes a general register.
    pub(super) fn write(&self, qemu: &QemuApi, number: u32, value: u64) {
        if let Some(register) = self.general[number as usize] {
            let len = if self.arch.is_64_bit() { 8 } else { 4 };
            qemu.write_register(register, value, len, self.arch.big_endian());
        }
    }

    /// The address that an operand comes to; of a range, the first.
    pub(super) fn operand(&self, qemu: &QemuApi, operand: Operand) -> Option<VirtAddr> {
        let register = |number| self.general(qemu, number);
        let address = match operand {
            Operand::Register(number) => register(number)?,
            Operand::Nothing => 0,
            Operand::Offset { base, offset } => register(base)?.wrapping_add_signed(offset.into()),
            Operand::Indexed { base, index } => register(base)?.wrapping_add(register(index)?),
            Operand::Range { start, .. } => register(start)?,
        };
        Some(self.arch.address(address))
    }

    pub(super) fn flags(&self, qemu: &QemuApi) -> Option<u64> {
        qemu.read_register(self.flags?, false)
    }

    pub(super) fn system_control(&self, qemu: &QemuApi) -> Option<u64> {
        qemu.read_register(self.system_control?, false)
    }

    /// The value that says which CPU runs: `None` without such a register, 0 early in the boot.
    pub(super) fn identity(&self, qemu: &QemuApi) -> Option<u64> {
        Some(qemu.read_register(self.identity?, false).unwrap_or(0))
    }

    pub(super) fn has_identity(&self) -> bool {
        self.identity.is_some()
    }
}
