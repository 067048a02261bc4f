// SPDX-License-Identifier: GPL-2.0-or-later
//! The safe side of the boundary to QEMU: its functions, as the rest of the plugin calls them.
//!
//! Words that QEMU is to hand back to a callback are plain numbers here: their meaning belongs to the layers above.

use std::ffi::{CStr, c_uint, c_void};

use cache_model::{PhysAddr, VirtAddr};

use super::abi::{_exit, ByteArray, Functions, Notifier, Opaque, RegisterDescriptor, dlsym, getpagesize};
use super::abi::{EXCEPTION, NO_REGS, R_REGS, READ, RW_REGS, RW_REGS_PC, WRITE};
use super::hooks::{AccessKind, CallbackRights, Callbacks, EntryCallbacks, GuestCallbacks};

extern "C" fn on_force_rcu(_notifier: *mut Notifier, _data: Opaque) {}

/// Keeps QEMU's RCU thread from taking the turn from the CPU that runs. Called on the vCPU thread.
///
/// What QEMU frees by RCU (tables of callbacks that grow as code is translated) waits until the vCPU thread is between two
/// turns. If that takes longer than 50 ms of the host's time, `rr_force_rcu` ends the turn, and with several CPUs the host
/// decides how long turns are. Without it such memory is freed a little later. These functions are no part of the plugin
/// API: a QEMU that does not export them, one without modules, is left as it is.
pub(super) fn leave_turns_alone() {
    type Change = unsafe extern "C" fn(*mut Notifier);
    let find = |name: &CStr| {
        // SAFETY: a null handle is RTLD_DEFAULT on Linux.
        let found = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
        // SAFETY: either is this function in every QEMU with API version 7.
        (!found.is_null()).then(|| unsafe { std::mem::transmute::<*mut c_void, Change>(found) })
    };
    let (Some(add), Some(remove)) =
        (find(c"rcu_add_force_rcu_notifier"), find(c"rcu_remove_force_rcu_notifier"))
    else {
        return;
    };
    let mut own =
        Notifier { notify: on_force_rcu, next: std::ptr::null_mut(), previous: std::ptr::null_mut() };
    let own = &raw mut own;
    // SAFETY: `own` heads the list of this thread's notifiers while it is in it, and `next` is then what QEMU has put there,
    // once and for as long as the thread runs. RCU's lock is held within each function; nobody else changes the list.
    unsafe {
        add(own);
        while !(*own).next.is_null() {
            remove((*own).next);
        }
        remove(own);
    }
}

/// Handle of a guest register, as QEMU gives it or as [`unlisted_register`] forges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(usize);

/// Returns the handle of a register that QEMU does not list, by its GDB number.
///
/// QEMU 11.1 lists no MIPS registers to plugins, but reads and writes them by the handle that it would
/// have given: `(number + 1) << 1`. That is an implementation detail, so it is proven at run time before
/// it is trusted (see `selfcheck`). MIPS: GPR n is n.
pub fn unlisted_register(gdb_number: u32) -> Register {
    Register((gdb_number as usize + 1) << 1)
}

/// QEMU, as seen from inside a callback: the safe side of the function table.
#[derive(Clone, Copy)]
pub struct QemuApi {
    functions: Functions,
    scratch: *mut ByteArray,
    callbacks: &'static Callbacks,
}

impl QemuApi {
    /// Looks up QEMU's functions.
    pub(super) fn new(callbacks: &'static Callbacks) -> Result<Self, String> {
        let functions = Functions::resolve()
            .map_err(|name| format!("this QEMU does not export {name}: it is not 11.1 or newer"))?;
        // SAFETY: GLib is initialised, QEMU links it.
        let scratch = unsafe { (functions.byte_array_new)() };
        Ok(Self { functions, scratch, callbacks })
    }

    /// Has QEMU call these functions from now on.
    pub(super) fn register(&self, id: u64, guest: &GuestCallbacks) {
        let (functions, none) = (&self.functions, std::ptr::null_mut());
        // SAFETY: the callbacks have the types that the API declares.
        unsafe {
            (functions.register_vcpu_init)(id, guest.vcpu_init, none);
            (functions.register_vcpu_discon)(id, EXCEPTION, guest.exception, none);
            (functions.register_tb_trans)(id, guest.translation, none);
            (functions.register_flush)(id, guest.flush, none);
            (functions.register_atexit)(id, guest.exit, none);
        }
    }

    pub(super) fn callbacks(&self) -> &'static Callbacks {
        self.callbacks
    }

    /// The function that has QEMU start again at an address. It does not return.
    pub(super) fn set_pc(&self) -> unsafe extern "C" fn(u64) {
        self.functions.set_pc
    }

    /// Fills the scratch byte array.
    fn load_scratch(&self, bytes: &[u8]) {
        // SAFETY: the array belongs to this plugin, and holds `bytes.len()` bytes after set_size.
        unsafe {
            (self.functions.byte_array_set_size)(self.scratch, bytes.len() as c_uint);
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), (*self.scratch).data, bytes.len());
        }
    }

    /// Reads a register of at most 8 bytes, in target byte order; `None` when QEMU refuses.
    pub fn read_register(&self, register: Register, big_endian: bool) -> Option<u64> {
        let mut bytes = [0; 8];
        // SAFETY: read_register appends to the array that it is given; its length is checked.
        let len = unsafe {
            (self.functions.byte_array_set_size)(self.scratch, 0);
            if !(self.functions.read_register)(register.0 as Opaque, self.scratch) || (*self.scratch).len > 8
            {
                return None;
            }
            let len = (*self.scratch).len as usize;
            std::ptr::copy_nonoverlapping((*self.scratch).data, bytes.as_mut_ptr(), len);
            len
        };
        if big_endian {
            bytes[..len].reverse();
        }
        Some(u64::from_le_bytes(bytes))
    }

    /// Writes a register of `len` bytes, at most 8, in target byte order; returns whether QEMU took it.
    pub fn write_register(&self, register: Register, value: u64, len: usize, big_endian: bool) -> bool {
        let (big, little) = (value.to_be_bytes(), value.to_le_bytes());
        self.load_scratch(if big_endian { &big[8 - len..] } else { &little[..len] });
        // SAFETY: the array holds as many bytes as the register.
        unsafe { (self.functions.write_register)(register.0 as Opaque, self.scratch) }
    }

    /// Translates a virtual address of the current vCPU.
    pub fn translate(&self, virt: VirtAddr) -> Option<PhysAddr> {
        let mut phys = 0;
        // SAFETY: called from a translation or execution callback, where there is a current vCPU.
        unsafe { (self.functions.translate_vaddr)(virt.get(), &raw mut phys) }.then_some(PhysAddr::new(phys))
    }

    /// Writes guest memory by physical address, invalidating code translated from it.
    pub fn write_physical(&self, phys: PhysAddr, bytes: &[u8]) -> bool {
        self.load_scratch(bytes);
        // SAFETY: the array holds the bytes to write.
        unsafe { (self.functions.write_memory_hwaddr)(phys.get(), self.scratch) == 0 }
    }

    /// Bytes of a memory access.
    pub fn access_len(&self, info: u32) -> usize {
        // SAFETY: pure function of the handle that the callback got.
        1 << unsafe { (self.functions.mem_size_shift)(info) }
    }

    /// Physical address of the access that is being reported, `None` for a device.
    pub fn access_phys(&self, info: u32, virt: VirtAddr) -> Option<PhysAddr> {
        // SAFETY: called from the memory callback that got `info`; the handle is used at once.
        unsafe {
            let hw = (self.functions.get_hwaddr)(info, virt.get());
            if hw.is_null() || (self.functions.hwaddr_is_io)(hw) {
                return None;
            }
            Some(PhysAddr::new((self.functions.hwaddr_phys_addr)(hw)))
        }
    }

    /// The registers that QEMU lists, by name.
    pub(super) fn registers(&self) -> Vec<(String, Register)> {
        // SAFETY: called from the vCPU init callback, as the API demands; the array holds descriptors.
        unsafe {
            let array = (self.functions.get_registers)();
            if array.is_null() {
                return Vec::new();
            }
            let first = (*array).data.cast::<RegisterDescriptor>();
            (0..(*array).len as usize)
                .map(|i| &*first.add(i))
                .map(|d| (CStr::from_ptr(d.name).to_string_lossy().into_owned(), Register(d.handle as usize)))
                .collect()
        }
    }
}

/// A translation block while it is being translated.
pub struct Block<'a> {
    qemu: &'a QemuApi,
    tb: Opaque,
}

/// One instruction of a [`Block`].
pub struct Instruction<'a> {
    qemu: &'a QemuApi,
    insn: Opaque,
}

impl<'a> Block<'a> {
    /// Returns the block of a handle.
    ///
    /// The caller is a translation callback that got the handle, and keeps the block no longer than it runs.
    pub(super) fn new(qemu: &'a QemuApi, tb: Opaque) -> Self {
        Self { qemu, tb }
    }

    /// Number of instructions.
    pub fn count(&self) -> usize {
        // SAFETY: the handle is valid during the translation callback, which `self` does not outlive.
        unsafe { (self.qemu.functions.tb_n_insns)(self.tb) }
    }

    /// The instruction at an index below [`Block::count`].
    pub fn instruction(&self, index: usize) -> Instruction<'_> {
        // SAFETY: as in `count`.
        Instruction { qemu: self.qemu, insn: unsafe { (self.qemu.functions.tb_get_insn)(self.tb, index) } }
    }

    /// Has `Callbacks::group` called with `group` each time the block is entered.
    pub fn on_entry(&self, group: usize, how: EntryCallbacks) {
        let (callback, flags) = self.qemu.callbacks.of_entry(how);
        // SAFETY: handles as in `count`; the callback has the type that the API declares.
        unsafe { (self.qemu.functions.register_tb_exec)(self.tb, callback, flags, group as Opaque) }
    }

    /// Has `Callbacks::counted` called with the number of the block's instructions each time it is entered.
    ///
    /// By a callback: QEMU could count inline and call only when it is due, but the branch around that call costs more, when
    /// the block is translated, than all its calls. (With several CPUs it would also break the guest, in QEMU 11.1:
    /// `gen_plugin_u64_ptr` multiplies the constant number of the CPU in place.)
    pub fn on_count(&self) {
        let count = self.count() as Opaque;
        // SAFETY: handles as in `count`; the callback has the type that the API declares.
        unsafe {
            (self.qemu.functions.register_tb_exec)(self.tb, self.qemu.callbacks.counted, NO_REGS, count);
        };
    }
}

impl Instruction<'_> {
    /// Virtual address, as QEMU gives it.
    pub fn virt(&self) -> u64 {
        // SAFETY: the handle is valid during the translation callback.
        unsafe { (self.qemu.functions.insn_vaddr)(self.insn) }
    }

    /// Address in QEMU's own memory, 0 for an instruction in a device.
    pub fn host(&self) -> usize {
        // SAFETY: as in `virt`.
        unsafe { (self.qemu.functions.insn_haddr)(self.insn) as usize }
    }

    /// The bytes, at most four, and how many they are.
    pub fn bytes(&self) -> ([u8; 4], usize) {
        let mut bytes = [0; 4];
        // SAFETY: as in `virt`; at most four bytes are written.
        let len = unsafe {
            (self.qemu.functions.insn_data)(self.insn, bytes.as_mut_ptr(), 4);
            (self.qemu.functions.insn_size)(self.insn)
        };
        (bytes, len)
    }

    /// As [`Block::on_entry`], for a group that begins at this instruction within its block.
    pub fn on_entry(&self, group: usize, how: EntryCallbacks) {
        let (callback, flags) = self.qemu.callbacks.of_entry(how);
        // SAFETY: as in `virt`; the callback has the type that the API declares.
        unsafe {
            (self.qemu.functions.register_insn_exec)(self.insn, callback, flags, group as Opaque);
        }
    }

    /// Has loads, stores or both of the instruction reported with `insn`.
    pub fn on_access(&self, insn: usize, loads: bool, stores: bool, kind: AccessKind) {
        let [load, store] = self.qemu.callbacks.of_access(kind);
        for (wanted, callback, which) in [(loads, load, READ), (stores, store, WRITE)] {
            if wanted {
                // SAFETY: as in `virt`; the callback has the type that the API declares.
                unsafe {
                    (self.qemu.functions.register_mem)(self.insn, callback, NO_REGS, which, insn as Opaque);
                }
            }
        }
    }

    /// Has the first access of a group, which is this instruction's, reported with `group`, for all of them.
    pub fn on_access_group(&self, group: usize, stores: bool, empty: bool) {
        let callbacks = self.qemu.callbacks;
        let (callback, which) = match (empty, stores) {
            (true, true) => (callbacks.no_access, WRITE),
            (true, false) => (callbacks.no_access, READ),
            (false, true) => (callbacks.grouped[1], WRITE),
            (false, false) => (callbacks.grouped[0], READ),
        };
        // SAFETY: as in `on_access`.
        unsafe {
            (self.qemu.functions.register_mem)(self.insn, callback, NO_REGS, which, group as Opaque);
        }
    }

    /// Has QEMU's main thread come to rest before each execution: the instruction may halt the CPU.
    pub fn on_halt(&self) {
        // SAFETY: as in `on_access`.
        unsafe {
            let halt = self.qemu.callbacks.halt;
            (self.qemu.functions.register_insn_exec)(self.insn, halt, NO_REGS, std::ptr::null_mut());
        }
    }

    /// Has `Callbacks::event` called with `index` before each execution.
    pub fn on_execution(&self, index: usize, rights: CallbackRights) {
        // SAFETY: as in `on_access`.
        unsafe {
            let flags = match rights {
                CallbackRights::Read => R_REGS,
                CallbackRights::Write => RW_REGS,
                CallbackRights::Restart => RW_REGS_PC,
            };
            (self.qemu.functions.register_insn_exec)(
                self.insn,
                self.qemu.callbacks.event,
                flags,
                index as Opaque,
            );
        }
    }
}

/// Guest RAM in QEMU's own memory.
#[derive(Clone, Debug)]
pub struct HostRam {
    host: *const u8,
    size: usize,
}

impl HostRam {
    /// Returns the RAM that begins at a host address.
    ///
    /// The caller vouches that `[host, host + size)` is one RAM block: the plugin finds it from an
    /// instruction whose host and physical address it knows, and from the size in the machine file.
    pub fn new(host: usize, size: usize) -> Self {
        Self { host: host as *const u8, size }
    }

    /// Number of bytes.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Where it begins in QEMU's memory.
    pub fn host(&self) -> usize {
        self.host as usize
    }

    /// The bytes of a range, which must lie inside.
    #[inline]
    pub fn bytes(&self, offset: usize, len: usize) -> &[u8] {
        assert!(offset <= self.size && len <= self.size - offset, "access past the guest's RAM");
        // SAFETY: inside the block that QEMU keeps mapped while it runs. Only the vCPU thread writes
        // to it, which is inside a callback as long as the slice lives.
        unsafe { std::slice::from_raw_parts(self.host.add(offset), len) }
    }

    /// Writes a range, which must lie inside, behind QEMU's back: what it has translated from there stays.
    pub fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.size && bytes.len() <= self.size - offset, "access past the guest's RAM");
        // SAFETY: as in `bytes`; QEMU maps guest RAM for writing, and no slice of it lives while `self` is borrowed.
        unsafe {
            std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.host.add(offset).cast_mut(), bytes.len());
        }
    }
}

/// Bytes of a page of the host.
pub fn host_page() -> usize {
    // SAFETY: `getpagesize` has no preconditions.
    unsafe { getpagesize() as usize }
}

/// Ends QEMU at once, without its own shutdown: the record is on disk, and nothing else of it is wanted.
pub fn end_process(status: i32) -> ! {
    // SAFETY: `_exit` has no preconditions.
    unsafe { _exit(status) }
}
