// SPDX-License-Identifier: GPL-2.0-or-later
//! The boundary to QEMU: the only file with unsafe code.
//!
//! Written by hand against `include/plugins/qemu-plugin.h` of QEMU 11.1, plugin API version 7, the only
//! version which that QEMU accepts. A later QEMU that raises its minimum changes this file alone.
//! QEMU's functions are looked up when the plugin is installed, so that one which is missing is reported
//! by name instead of ending QEMU at its first use.
//!
//! # Soundness
//!
//! The state is one static cell. QEMU calls back from its vCPU thread (under icount there is one for all
//! vCPUs), and from the main thread for `install` and at exit, when no vCPU runs. `Busy` proves it: a
//! callback that finds the cell taken does nothing. Nothing with a destructor is live when `set_pc` leaves
//! a callback by `longjmp`.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::access_groups::{AccessGroup, GroupedAccess};
use crate::decode::Accesses;
use crate::fast_path::{FAST_PATH, GroupRef, InsnRef};
use crate::main_thread;
use crate::plugin::Plugin;

/// Version of the plugin API that this file speaks.
pub const API_VERSION: c_int = 7;

/// The version, as QEMU looks for it before it calls [`qemu_plugin_install`].
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = API_VERSION;

type Opaque = *mut c_void;
type BlockCallback = extern "C" fn(c_uint, Opaque);
type MemoryCallback = extern "C" fn(c_uint, u32, u64, Opaque);
type DiscontinuityCallback = extern "C" fn(c_uint, c_int, u64, u64, Opaque);

/// `enum qemu_plugin_cb_flags`.
const NO_REGS: c_int = 0;
const R_REGS: c_int = 1;
const RW_REGS: c_int = 2;
const RW_REGS_PC: c_int = 3;
/// `enum qemu_plugin_mem_rw`.
const READ: c_int = 1;
const WRITE: c_int = 2;
/// `enum qemu_plugin_discon_type`.
const EXCEPTION: c_int = 2;

/// `qemu_info_t`.
#[repr(C)]
pub struct Info {
    target_name: *const c_char,
    version_min: c_int,
    version_cur: c_int,
    system_emulation: bool,
    smp_vcpus: c_int,
    max_vcpus: c_int,
}

/// GLib's `GByteArray`.
#[repr(C)]
struct ByteArray {
    data: *mut u8,
    len: c_uint,
}

/// GLib's `GArray`.
#[repr(C)]
struct Array {
    data: *mut c_char,
    len: c_uint,
}

/// `qemu_plugin_reg_descriptor`.
#[repr(C)]
struct RegisterDescriptor {
    handle: Opaque,
    name: *const c_char,
    feature: *const c_char,
    is_readonly: bool,
}

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn _exit(status: c_int) -> !;
    fn getpagesize() -> c_int;
}

/// Declares the table of QEMU's and GLib's functions, and how it is filled.
macro_rules! functions {
    ($($name:ident = $symbol:literal : fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        #[derive(Clone, Copy)]
        struct Functions { $($name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Functions {
            fn resolve() -> Result<Self, &'static str> {
                $(let $name = {
                    // SAFETY: a null handle is RTLD_DEFAULT on Linux; the name ends in NUL.
                    let found = unsafe { dlsym(std::ptr::null_mut(), concat!($symbol, "\0").as_ptr().cast()) };
                    if found.is_null() { return Err($symbol); }
                    // SAFETY: the symbol is this function in every QEMU with API version 7, and in GLib 2.
                    unsafe { std::mem::transmute::<*mut c_void, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(found) }
                };)*
                Ok(Self { $($name,)* })
            }
        }
    };
}

functions! {
    register_tb_trans = "qemu_plugin_register_vcpu_tb_trans_cb": fn(u64, extern "C" fn(Opaque, Opaque), Opaque);
    register_vcpu_init = "qemu_plugin_register_vcpu_init_cb": fn(u64, extern "C" fn(c_uint, Opaque), Opaque);
    register_vcpu_discon = "qemu_plugin_register_vcpu_discon_cb": fn(u64, c_int, DiscontinuityCallback, Opaque);
    register_atexit = "qemu_plugin_register_atexit_cb": fn(u64, extern "C" fn(Opaque), Opaque);
    register_tb_exec = "qemu_plugin_register_vcpu_tb_exec_cb": fn(Opaque, BlockCallback, c_int, Opaque);
    register_insn_exec = "qemu_plugin_register_vcpu_insn_exec_cb": fn(Opaque, BlockCallback, c_int, Opaque);
    register_mem = "qemu_plugin_register_vcpu_mem_cb": fn(Opaque, MemoryCallback, c_int, c_int, Opaque);
    tb_n_insns = "qemu_plugin_tb_n_insns": fn(Opaque) -> usize;
    tb_get_insn = "qemu_plugin_tb_get_insn": fn(Opaque, usize) -> Opaque;
    insn_data = "qemu_plugin_insn_data": fn(Opaque, *mut u8, usize) -> usize;
    insn_size = "qemu_plugin_insn_size": fn(Opaque) -> usize;
    insn_vaddr = "qemu_plugin_insn_vaddr": fn(Opaque) -> u64;
    insn_haddr = "qemu_plugin_insn_haddr": fn(Opaque) -> *const u8;
    mem_size_shift = "qemu_plugin_mem_size_shift": fn(u32) -> c_uint;
    get_hwaddr = "qemu_plugin_get_hwaddr": fn(u32, u64) -> Opaque;
    hwaddr_is_io = "qemu_plugin_hwaddr_is_io": fn(Opaque) -> bool;
    hwaddr_phys_addr = "qemu_plugin_hwaddr_phys_addr": fn(Opaque) -> u64;
    get_registers = "qemu_plugin_get_registers": fn() -> *mut Array;
    read_register = "qemu_plugin_read_register": fn(Opaque, *mut ByteArray) -> bool;
    write_register = "qemu_plugin_write_register": fn(Opaque, *mut ByteArray) -> bool;
    translate_vaddr = "qemu_plugin_translate_vaddr": fn(u64, *mut u64) -> bool;
    write_memory_hwaddr = "qemu_plugin_write_memory_hwaddr": fn(u64, *mut ByteArray) -> c_int;
    set_pc = "qemu_plugin_set_pc": fn(u64);
    byte_array_new = "g_byte_array_new": fn() -> *mut ByteArray;
    byte_array_set_size = "g_byte_array_set_size": fn(*mut ByteArray, c_uint) -> *mut ByteArray;
}

/// QEMU's `Notifier`: a function, and its place in a list.
#[repr(C)]
struct Notifier {
    notify: extern "C" fn(*mut Notifier, Opaque),
    next: *mut Notifier,
    previous: *mut *mut Notifier,
}

extern "C" fn on_force_rcu(_notifier: *mut Notifier, _data: Opaque) {}

/// Keeps QEMU's RCU thread from taking the turn from the CPU that runs. Called on the vCPU thread.
///
/// What QEMU frees by RCU (tables of callbacks that grow as code is translated) waits until the vCPU thread is between two
/// turns. If that takes longer than 50 ms of the host's time, `rr_force_rcu` ends the turn, and with several CPUs the host
/// decides how long turns are. Without it such memory is freed a little later. These functions are no part of the plugin
/// API: a QEMU that does not export them, one without modules, is left as it is.
fn leave_turns_alone() {
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

/// Handle of a guest register, as QEMU gives it or as [`mips_register`] forges it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register(usize);

/// Returns the handle of a MIPS register by its GDB number: GPR n is n, PC is 37.
///
/// QEMU 11.1 lists no MIPS registers to plugins, but reads and writes them by the handle that it would
/// have given: `(number + 1) << 1`. That is an implementation detail, so it is proven at run time before
/// it is trusted (see `selfcheck`).
pub fn mips_register(gdb_number: u32) -> Register {
    Register((gdb_number as usize + 1) << 1)
}

/// QEMU, as seen from inside a callback: the safe side of the function table.
#[derive(Clone, Copy)]
pub struct Qemu {
    functions: Functions,
    scratch: *mut ByteArray,
}

impl Qemu {
    fn new() -> Result<Self, String> {
        let functions = Functions::resolve()
            .map_err(|name| format!("this QEMU does not export {name}: it is not 11.1 or newer"))?;
        // SAFETY: GLib is initialised, QEMU links it.
        let scratch = unsafe { (functions.byte_array_new)() };
        Ok(Self { functions, scratch })
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

    /// Writes a 32-bit register in target byte order; returns whether QEMU took it.
    pub fn write_register(&self, register: Register, value: u32, big_endian: bool) -> bool {
        self.load_scratch(&if big_endian { value.to_be_bytes() } else { value.to_le_bytes() });
        // SAFETY: the array holds as many bytes as the register.
        unsafe { (self.functions.write_register)(register.0 as Opaque, self.scratch) }
    }

    /// Translates a virtual address of the current vCPU.
    pub fn translate(&self, virt: u64) -> Option<u64> {
        let mut phys = 0;
        // SAFETY: called from a translation or execution callback, where there is a current vCPU.
        unsafe { (self.functions.translate_vaddr)(virt, &raw mut phys) }.then_some(phys)
    }

    /// Writes guest memory by physical address, invalidating code translated from it.
    pub fn write_physical(&self, phys: u64, bytes: &[u8]) -> bool {
        self.load_scratch(bytes);
        // SAFETY: the array holds the bytes to write.
        unsafe { (self.functions.write_memory_hwaddr)(phys, self.scratch) == 0 }
    }

    /// Bytes of a memory access.
    pub fn access_len(&self, info: u32) -> usize {
        // SAFETY: pure function of the handle that the callback got.
        1 << unsafe { (self.functions.mem_size_shift)(info) }
    }

    /// Physical address of the access that is being reported, `None` for a device.
    pub fn access_phys(&self, info: u32, virt: u64) -> Option<u64> {
        // SAFETY: called from the memory callback that got `info`; the handle is used at once.
        unsafe {
            let hw = (self.functions.get_hwaddr)(info, virt);
            if hw.is_null() || (self.functions.hwaddr_is_io)(hw) {
                return None;
            }
            Some((self.functions.hwaddr_phys_addr)(hw))
        }
    }

    /// The registers that QEMU lists, by name.
    fn registers(&self) -> Vec<(String, Register)> {
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
    qemu: &'a Qemu,
    tb: Opaque,
}

/// One instruction of a [`Block`].
pub struct Instruction<'a> {
    qemu: &'a Qemu,
    insn: Opaque,
}

impl Block<'_> {
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

    /// Has [`FastPath::enter`](crate::fast_path::FastPath::enter) called each time the block is entered.
    pub fn on_entry(&self, group: GroupRef, how: EntryCallbacks) {
        let (callback, flags) = how.callback();
        // SAFETY: handles as in `count`; the callback has the type that the API declares.
        unsafe { (self.qemu.functions.register_tb_exec)(self.tb, callback, flags, group.packed() as Opaque) }
    }

    /// Has the block's instructions counted, and [`Plugin::deadline`] called once the guest has begun as many as it may.
    ///
    /// By a callback: QEMU could count inline and call only when it is due, but the branch around that call costs more, when
    /// the block is translated, than all its calls. (With several CPUs it would also break the guest, in QEMU 11.1:
    /// `gen_plugin_u64_ptr` multiplies the constant number of the CPU in place.)
    pub fn on_count(&self) {
        let count = self.count() as Opaque;
        // SAFETY: handles as in `count`; the callback has the type that the API declares.
        unsafe { (self.qemu.functions.register_tb_exec)(self.tb, on_counted, NO_REGS, count) };
    }
}

/// How entries of groups are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EntryCallbacks {
    /// The guest can be made to start a group again.
    pub restart: bool,
    /// Several CPUs have caches of their own, and it has to be found out which of them runs.
    pub per_cpu: bool,
    /// The callback does nothing.
    pub empty: bool,
}

impl EntryCallbacks {
    fn callback(self) -> (BlockCallback, c_int) {
        let flags = match (self.restart, self.per_cpu) {
            (true, _) => RW_REGS_PC,
            (false, true) => R_REGS,
            (false, false) => NO_REGS,
        };
        match (self.empty, self.per_cpu) {
            (true, _) => (on_nothing, flags),
            (false, true) => (on_group_per_cpu, flags),
            (false, false) => (on_group, flags),
        }
    }
}

impl Instruction<'_> {
    /// Virtual address.
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
    pub fn on_entry(&self, group: GroupRef, how: EntryCallbacks) {
        let (callback, flags) = how.callback();
        // SAFETY: as in `virt`; the callback has the type that the API declares.
        unsafe {
            (self.qemu.functions.register_insn_exec)(self.insn, callback, flags, group.packed() as Opaque);
        }
    }

    /// Reports those accesses of the instruction that it may make.
    pub fn on_access(&self, insn: InsnRef, accesses: Accesses, kind: AccessKind) {
        let (load, store): (MemoryCallback, MemoryCallback) = match kind {
            AccessKind::InOneLine => (on_load, on_store),
            AccessKind::MayCross => (on_load_that_may_cross, on_store_that_may_cross),
            AccessKind::Checked => (on_checked_load, on_checked_store),
            AccessKind::Substitute => (on_substitute, on_no_access),
            AccessKind::Empty => (on_no_access, on_no_access),
        };
        // SAFETY: as in `virt`; the callbacks have the type that the API declares.
        unsafe {
            if accesses.loads {
                (self.qemu.functions.register_mem)(self.insn, load, NO_REGS, READ, insn.packed() as Opaque);
            }
            if accesses.stores {
                (self.qemu.functions.register_mem)(self.insn, store, NO_REGS, WRITE, insn.packed() as Opaque);
            }
        }
    }

    /// Reports the first access of a group, at this instruction, for all of them.
    pub fn on_access_group(&self, group: AccessGroup, stores: bool, empty: bool) {
        let (callback, kind): (MemoryCallback, c_int) = match (empty, stores) {
            (true, true) => (on_no_access, WRITE),
            (true, false) => (on_no_access, READ),
            (false, true) => (on_stores, WRITE),
            (false, false) => (on_loads, READ),
        };
        // SAFETY: as in `on_access`.
        unsafe {
            (self.qemu.functions.register_mem)(self.insn, callback, NO_REGS, kind, group.packed() as Opaque);
        }
    }

    /// Has QEMU's main thread come to rest before each execution: the instruction may halt the CPU.
    pub fn on_halt(&self) {
        // SAFETY: as in `on_access`.
        unsafe { (self.qemu.functions.register_insn_exec)(self.insn, on_halt, NO_REGS, std::ptr::null_mut()) }
    }

    /// Has [`Plugin::event`] called with `index` before each execution.
    pub fn on_execution(&self, index: usize, rights: CallbackRights) {
        // SAFETY: as in `on_access`.
        unsafe {
            let flags = match rights {
                CallbackRights::Read => R_REGS,
                CallbackRights::Write => RW_REGS,
                CallbackRights::Restart => RW_REGS_PC,
            };
            (self.qemu.functions.register_insn_exec)(self.insn, on_event, flags, index as Opaque);
        }
    }
}

/// What a callback before an instruction may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallbackRights {
    /// Read registers.
    Read,
    /// Write them, too.
    Write,
    /// Have QEMU start again somewhere.
    Restart,
}

/// What is to be done on an access.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AccessKind {
    /// It lies in one D$ line.
    InOneLine,
    /// It may touch two.
    MayCross,
    /// Its address is to be compared with a prediction.
    Checked,
    /// It is that of a load in place of a cache operation.
    Substitute,
    /// Nothing.
    Empty,
}

/// Guest RAM in QEMU's own memory.
#[derive(Clone, Debug)]
pub struct Ram {
    host: *const u8,
    size: usize,
}

impl Ram {
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
}

/// The plugin's state, and the flag that proves that only one callback has it at a time.
struct Cell {
    busy: AtomicBool,
    plugin: UnsafeCell<Option<Box<Plugin>>>,
}

// SAFETY: `busy` hands the content to one thread at a time.
unsafe impl Sync for Cell {}

static CELL: Cell = Cell { busy: AtomicBool::new(false), plugin: UnsafeCell::new(None) };

/// Runs `f` on the plugin. A panic ends the record with its message and makes every later callback a no-op.
#[inline]
pub(crate) fn with<T>(otherwise: T, f: impl FnOnce(&mut Plugin) -> T) -> T {
    // Not a compare-and-swap: the vCPU thread is the only one that comes here while the guest runs.
    if CELL.busy.load(Ordering::Relaxed) {
        return otherwise;
    }
    CELL.busy.store(true, Ordering::Relaxed);
    // SAFETY: `busy` was clear, so no other reference exists.
    let plugin = unsafe { &mut *CELL.plugin.get() };
    let result = match plugin {
        Some(plugin) => match catch_unwind(AssertUnwindSafe(|| f(plugin))) {
            Ok(value) => value,
            Err(_) => {
                plugin.fault("the plugin panicked: see QEMU's standard error");
                otherwise
            }
        },
        None => otherwise,
    };
    CELL.busy.store(false, Ordering::Relaxed);
    result
}

extern "C" fn on_nothing(_vcpu: c_uint, _group: Opaque) {}

extern "C" fn on_no_access(_vcpu: c_uint, _info: u32, _virt: u64, _insn: Opaque) {}

extern "C" fn on_counted(_vcpu: c_uint, count: Opaque) {
    if FAST_PATH.count(count as u64) {
        with((), Plugin::deadline);
    }
}

extern "C" fn on_group_per_cpu(vcpu: c_uint, group: Opaque) {
    with((), Plugin::identify);
    on_group(vcpu, group);
}

extern "C" fn on_group(_vcpu: c_uint, group: Opaque) {
    if !FAST_PATH.enter(GroupRef::unpacked(group as usize)) {
        group_slow_path(group);
    }
}

// The slow paths are out of line, in functions that cannot unwind either: so the callback ends with a jump,
// and need not save registers.

#[inline(never)]
extern "C" fn group_slow_path(group: Opaque) {
    let group = GroupRef::unpacked(group as usize);
    if !FAST_PATH.fetch_hits(group) {
        fetch_slow_path(group.number);
    }
}

#[inline(never)]
extern "C" fn fetch_slow_path(group: u32) {
    let restart = with(None, |plugin| plugin.slow_path(group).map(|pc| (pc, plugin.qemu().functions.set_pc)));
    restart_at(restart);
}

/// Has QEMU start again at an address, if there is one.
fn restart_at(restart: Option<(u64, unsafe extern "C" fn(u64))>) {
    if let Some((pc, set_pc)) = restart {
        // SAFETY: registered with RW_REGS_PC, without which nothing is started again. It does not return: nothing
        // here and in the callers has a destructor.
        unsafe { set_pc(pc) }
    }
}

extern "C" fn on_event(_vcpu: c_uint, index: Opaque) {
    restart_at(with(None, |plugin| {
        plugin.event(index as usize).map(|pc| (pc, plugin.qemu().functions.set_pc))
    }));
}

extern "C" fn on_load(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.load_hits_mru(virt) {
        load_slow_path(info, virt, insn);
    }
}

#[inline(never)]
extern "C" fn load_slow_path(info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.load_hits(virt) {
        load(info, virt, insn);
    }
}

extern "C" fn on_store(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.store_hits_mru(virt, InsnRef::unpacked(insn as usize)) {
        store_slow_path(info, virt, insn);
    }
}

#[inline(never)]
extern "C" fn store_slow_path(info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.store_hits(virt, InsnRef::unpacked(insn as usize)) {
        store(info, virt, insn);
    }
}

extern "C" fn on_loads(_vcpu: c_uint, info: u32, virt: u64, group: Opaque) {
    AccessGroup::unpacked(group as usize).each(
        virt,
        FAST_PATH.line_shift(),
        |at, _| FAST_PATH.load_hits(at),
        |at, member| {
            if !FAST_PATH.load_hits(at) {
                load_of_group(info, at, member);
            }
        },
    );
}

extern "C" fn on_stores(_vcpu: c_uint, info: u32, virt: u64, group: Opaque) {
    AccessGroup::unpacked(group as usize).each(
        virt,
        FAST_PATH.line_shift(),
        |at, member| FAST_PATH.store_hits(at, member.insn),
        |at, member| {
            if !FAST_PATH.store_hits(at, member.insn) {
                store_of_group(info, at, member);
            }
        },
    );
}

#[inline(never)]
fn load_of_group(info: u32, virt: u64, member: GroupedAccess) {
    // QEMU reports the first.
    if member.delta == 0 {
        load(info, virt, member.insn.packed() as Opaque);
    } else {
        with((), |plugin| plugin.load_grouped(virt, member));
    }
}

#[inline(never)]
fn store_of_group(info: u32, virt: u64, member: GroupedAccess) {
    if member.delta == 0 {
        store(info, virt, member.insn.packed() as Opaque);
    } else {
        with((), |plugin| plugin.store_grouped(virt, member));
    }
}

extern "C" fn on_load_that_may_cross(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if FAST_PATH.may_cross(virt) {
        load(info, virt, insn);
    } else if !FAST_PATH.load_hits_mru(virt) {
        load_slow_path(info, virt, insn);
    }
}

extern "C" fn on_store_that_may_cross(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if FAST_PATH.may_cross(virt) {
        store(info, virt, insn);
    } else if !FAST_PATH.store_hits_mru(virt, InsnRef::unpacked(insn as usize)) {
        store_slow_path(info, virt, insn);
    }
}

extern "C" fn on_checked_load(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    with((), |plugin| plugin.check(virt));
    load(info, virt, insn);
}

extern "C" fn on_checked_store(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    with((), |plugin| plugin.check(virt));
    store(info, virt, insn);
}

extern "C" fn on_substitute(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    with((), |plugin| plugin.refilled(info, virt, InsnRef::unpacked(insn as usize)));
}

#[inline(never)]
extern "C" fn load(info: u32, virt: u64, insn: Opaque) {
    with((), |plugin| plugin.load(info, virt, InsnRef::unpacked(insn as usize)));
}

#[inline(never)]
extern "C" fn store(info: u32, virt: u64, insn: Opaque) {
    with((), |plugin| plugin.store(info, virt, InsnRef::unpacked(insn as usize)));
}

extern "C" fn on_exception(_vcpu: c_uint, _type: c_int, from: u64, _to: u64, _userdata: Opaque) {
    with((), |plugin| plugin.exception(from));
}

extern "C" fn on_translation(tb: Opaque, _userdata: Opaque) {
    with((), |plugin| {
        let qemu = *plugin.qemu();
        plugin.translate(&Block { qemu: &qemu, tb });
    });
}

extern "C" fn on_halt(_vcpu: c_uint, _userdata: Opaque) {
    main_thread::wait_until_idle();
}

extern "C" fn on_vcpu_init(vcpu: c_uint, _userdata: Opaque) {
    // One CPU alone has no turns.
    if vcpu > 0 {
        leave_turns_alone();
    }
    with((), |plugin| {
        let registers = plugin.qemu().registers();
        plugin.learn_registers(registers);
    });
}

extern "C" fn on_exit(_userdata: Opaque) {
    with((), Plugin::finish_at_exit);
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

/// Entry point: QEMU calls it once, when it loads the plugin.
///
/// # Safety
///
/// `info` points to QEMU's `qemu_info_t`, and `argv` to `argc` C strings, as the plugin API promises.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn qemu_plugin_install(
    id: u64,
    info: *const Info,
    argc: c_int,
    argv: *const *const c_char,
) -> c_int {
    // SAFETY: by the contract above.
    let (info, target, arguments) = unsafe {
        let text = |p: *const c_char| CStr::from_ptr(p).to_string_lossy().into_owned();
        let arguments = (0..argc.max(0) as usize).map(|i| text(*argv.add(i))).collect::<Vec<_>>();
        (&*info, text((*info).target_name), arguments)
    };
    let (versions, system) = ((info.version_min, info.version_cur), info.system_emulation);
    let installed = catch_unwind(|| {
        if !system || versions.0 > API_VERSION || versions.1 < API_VERSION {
            return Err(format!(
                "needs system emulation and plugin API {API_VERSION}; this QEMU has API {} to {}",
                versions.0, versions.1
            ));
        }
        Plugin::new(Qemu::new()?, &target, &arguments)
    });
    match installed {
        Ok(Ok(plugin)) => {
            let functions = plugin.qemu().functions;
            // SAFETY: nothing is registered yet, so no callback can hold the cell.
            unsafe { *CELL.plugin.get() = Some(Box::new(plugin)) };
            // SAFETY: the callbacks have the types that the API declares.
            unsafe {
                (functions.register_vcpu_init)(id, on_vcpu_init, std::ptr::null_mut());
                (functions.register_vcpu_discon)(id, EXCEPTION, on_exception, std::ptr::null_mut());
                (functions.register_tb_trans)(id, on_translation, std::ptr::null_mut());
                (functions.register_atexit)(id, on_exit, std::ptr::null_mut());
            }
            0
        }
        Ok(Err(message)) => {
            eprintln!("patcheval plugin: {message}");
            1
        }
        Err(_) => 1,
    }
}
