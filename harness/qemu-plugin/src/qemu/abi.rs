// SPDX-License-Identifier: GPL-2.0-or-later
//! The C side of the boundary to QEMU: declarations, and the table of QEMU's functions.
//!
//! Written by hand against `include/plugins/qemu-plugin.h` of QEMU 11.1, plugin API version 7, the only
//! version which that QEMU accepts. A later QEMU that raises its minimum changes this file alone.
//! QEMU's functions are looked up when the plugin is installed, so that one which is missing is reported
//! by name instead of ending QEMU at its first use.

use std::ffi::{c_char, c_int, c_uint, c_void};

/// Version of the plugin API that this file speaks.
pub const API_VERSION: c_int = 7;

/// The version, as QEMU looks for it before it calls `qemu_plugin_install`.
#[unsafe(no_mangle)]
pub static qemu_plugin_version: c_int = API_VERSION;

pub(super) type Opaque = *mut c_void;
pub(super) type BlockCallback = extern "C" fn(c_uint, Opaque);
pub(super) type MemoryCallback = extern "C" fn(c_uint, u32, u64, Opaque);
pub(super) type DiscontinuityCallback = extern "C" fn(c_uint, c_int, u64, u64, Opaque);

/// `enum qemu_plugin_cb_flags`.
pub(super) const NO_REGS: c_int = 0;
pub(super) const R_REGS: c_int = 1;
pub(super) const RW_REGS: c_int = 2;
pub(super) const RW_REGS_PC: c_int = 3;
/// `enum qemu_plugin_mem_rw`.
pub(super) const READ: c_int = 1;
pub(super) const WRITE: c_int = 2;
/// `enum qemu_plugin_discon_type`.
pub(super) const EXCEPTION: c_int = 2;

/// `qemu_info_t`.
#[repr(C)]
pub struct Info {
    pub(super) target_name: *const c_char,
    pub(super) version_min: c_int,
    pub(super) version_cur: c_int,
    pub(super) system_emulation: bool,
    smp_vcpus: c_int,
    max_vcpus: c_int,
}

/// GLib's `GByteArray`.
#[repr(C)]
pub(super) struct ByteArray {
    pub(super) data: *mut u8,
    pub(super) len: c_uint,
}

/// GLib's `GArray`.
#[repr(C)]
pub(super) struct Array {
    pub(super) data: *mut c_char,
    pub(super) len: c_uint,
}

/// `qemu_plugin_reg_descriptor`.
#[repr(C)]
pub(super) struct RegisterDescriptor {
    pub(super) handle: Opaque,
    pub(super) name: *const c_char,
    feature: *const c_char,
    is_readonly: bool,
}

unsafe extern "C" {
    pub(super) fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    pub(super) fn _exit(status: c_int) -> !;
    pub(super) fn getpagesize() -> c_int;
}

/// Declares the table of QEMU's and GLib's functions, and how it is filled.
macro_rules! functions {
    ($($name:ident = $symbol:literal : fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        #[derive(Clone, Copy)]
        pub(super) struct Functions { $(pub(super) $name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Functions {
            pub(super) fn resolve() -> Result<Self, &'static str> {
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
    register_flush = "qemu_plugin_register_flush_cb": fn(u64, extern "C" fn(Opaque), Opaque);
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
pub(super) struct Notifier {
    pub(super) notify: extern "C" fn(*mut Notifier, Opaque),
    pub(super) next: *mut Notifier,
    pub(super) previous: *mut *mut Notifier,
}
