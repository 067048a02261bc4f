// SPDX-License-Identifier: GPL-2.0-or-later
//! What QEMU calls: the top of the plugin, and the cell with its state.
//!
//! # Soundness
//!
//! The state is one static cell. QEMU calls back from its vCPU thread (under icount there is one for all
//! vCPUs), and from the main thread for `install` and at exit, when no vCPU runs. `busy` proves it: a
//! callback that finds the cell taken does nothing. Nothing with a destructor is live when `set_pc` leaves
//! a callback by `longjmp`.

use std::cell::UnsafeCell;
use std::ffi::{CStr, c_char, c_int, c_uint};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use cache_model::VirtAddr;

use super::abi::{API_VERSION, Info, Opaque};
use super::api::{Block, QemuApi, leave_turns_alone};
use super::hooks::{Callbacks, GuestCallbacks};
use super::main_thread;
use crate::fast_path::{FAST_PATH, InsnRef};
use crate::plugin::Plugin;
use crate::translation::access_groups::{AccessGroup, GroupedAccess};
use crate::translation::fetch_groups::entered;

/// What blocks are instrumented with.
static CALLBACKS: Callbacks = Callbacks {
    group: on_group,
    group_per_cpu: on_group_per_cpu,
    counted: on_counted,
    event: on_event,
    halt: on_halt,
    grouped: [on_loads, on_stores],
    in_one_line: [on_load, on_store],
    may_cross: [on_load_that_may_cross, on_store_that_may_cross],
    checked: [on_checked_load, on_checked_store],
    substitute: on_substitute,
    no_access: on_no_access,
    between_turns: on_between_turns,
};

static GUEST_CALLBACKS: GuestCallbacks = GuestCallbacks {
    vcpu_init: on_vcpu_init,
    exception: on_exception,
    translation: on_translation,
    flush: on_flush,
    exit: on_exit,
};

/// The plugin's state, and the flag that proves that only one callback has it at a time.
struct PluginCell {
    busy: AtomicBool,
    plugin: UnsafeCell<Option<Box<Plugin>>>,
}

// SAFETY: `busy` hands the content to one thread at a time.
unsafe impl Sync for PluginCell {}

static CELL: PluginCell = PluginCell { busy: AtomicBool::new(false), plugin: UnsafeCell::new(None) };

/// Runs `f` on the plugin. A panic ends the record with its message and makes every later callback a no-op.
#[inline]
fn with<T>(otherwise: T, f: impl FnOnce(&mut Plugin) -> T) -> T {
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
    if !FAST_PATH.enter(entered(group as u32)) {
        group_slow_path(group);
    }
}

// The slow paths are out of line, in functions that cannot unwind either: so the callback ends with a jump,
// and need not save registers.

#[inline(never)]
extern "C" fn group_slow_path(group: Opaque) {
    let group = entered(group as u32);
    if !FAST_PATH.fetch_hits(group) {
        fetch_slow_path(group.number);
    }
}

#[inline(never)]
extern "C" fn fetch_slow_path(group: u32) {
    let restart = with(None, |plugin| plugin.slow_path(group).map(|pc| (pc, plugin.qemu().set_pc())));
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
    restart_at(with(None, |plugin| plugin.event(index as usize).map(|pc| (pc, plugin.qemu().set_pc()))));
}

extern "C" fn on_load(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.load_hits_mru(VirtAddr::new(virt)) {
        load_slow_path(info, virt, insn);
    }
}

#[inline(never)]
extern "C" fn load_slow_path(info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.load_hits(VirtAddr::new(virt)) {
        load(info, virt, insn);
    }
}

extern "C" fn on_store(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.store_hits_mru(VirtAddr::new(virt), InsnRef::unpacked(insn as usize)) {
        store_slow_path(info, virt, insn);
    }
}

#[inline(never)]
extern "C" fn store_slow_path(info: u32, virt: u64, insn: Opaque) {
    if !FAST_PATH.store_hits(VirtAddr::new(virt), InsnRef::unpacked(insn as usize)) {
        store(info, virt, insn);
    }
}

extern "C" fn on_loads(_vcpu: c_uint, info: u32, virt: u64, group: Opaque) {
    AccessGroup::unpacked(group as usize).each(
        VirtAddr::new(virt),
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
        VirtAddr::new(virt),
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
fn load_of_group(info: u32, virt: VirtAddr, member: GroupedAccess) {
    // QEMU reports the first.
    if member.delta == 0 {
        load(info, virt.get(), member.insn.packed() as Opaque);
    } else {
        with((), |plugin| plugin.load_grouped(virt, member));
    }
}

#[inline(never)]
fn store_of_group(info: u32, virt: VirtAddr, member: GroupedAccess) {
    if member.delta == 0 {
        store(info, virt.get(), member.insn.packed() as Opaque);
    } else {
        with((), |plugin| plugin.store_grouped(virt, member));
    }
}

extern "C" fn on_load_that_may_cross(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if FAST_PATH.may_cross(VirtAddr::new(virt)) {
        load(info, virt, insn);
    } else if !FAST_PATH.load_hits_mru(VirtAddr::new(virt)) {
        load_slow_path(info, virt, insn);
    }
}

extern "C" fn on_store_that_may_cross(_vcpu: c_uint, info: u32, virt: u64, insn: Opaque) {
    if FAST_PATH.may_cross(VirtAddr::new(virt)) {
        store(info, virt, insn);
    } else if !FAST_PATH.store_hits_mru(VirtAddr::new(virt), InsnRef::unpacked(insn as usize)) {
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
        plugin.translate(&Block::new(&qemu, tb));
    });
}

extern "C" fn on_between_turns(_cpu: Opaque, _data: u64) {
    with((), Plugin::go_back);
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

extern "C" fn on_flush(_userdata: Opaque) {
    with((), Plugin::translations_dropped);
}

extern "C" fn on_exit(_userdata: Opaque) {
    with((), Plugin::finish_at_exit);
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
        Plugin::new(QemuApi::new(&CALLBACKS)?, &target, &arguments)
    });
    match installed {
        Ok(Ok(plugin)) => {
            let qemu = *plugin.qemu();
            // SAFETY: nothing is registered yet, so no callback can hold the cell.
            unsafe { *CELL.plugin.get() = Some(Box::new(plugin)) };
            qemu.register(id, &GUEST_CALLBACKS);
            0
        }
        Ok(Err(message)) => {
            eprintln!("patcheval plugin: {message}");
            1
        }
        Err(_) => 1,
    }
}
