// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin uses of QEMU that is no part of its plugin API.
//!
//! A QEMU that is built with modules, as distributions build it, exports all its functions. These are looked up by name; their
//! signatures are those of QEMU 11.1, and nothing promises that a later one has them.

/// A function or variable of QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Internal {
    /// Its name in QEMU's table of dynamic symbols.
    pub name: &'static str,
    /// How QEMU 11.1 declares it.
    pub declaration: &'static str,
    /// How the names of QEMU's targets begin that need it; empty for all.
    pub targets: &'static [&'static str],
    /// What happens without it.
    pub without: Without,
}

/// What happens where QEMU does not export something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Without {
    /// Every trial runs in a process of its own.
    ColdTrials,
    /// With several CPUs, the host's load may decide how long each one's turns are.
    UnsteadyTurns,
}

const fn warm(name: &'static str, declaration: &'static str) -> Internal {
    Internal { name, declaration, targets: &[], without: Without::ColdTrials }
}

const fn turns(name: &'static str, declaration: &'static str) -> Internal {
    Internal { name, declaration, targets: &[], without: Without::UnsteadyTurns }
}

/// All of them. The first QEMU in which they were seen to be as declared is 11.1.3.
pub const INTERNALS: [Internal; 21] = [
    // Work on the vCPU's thread between two turns.
    warm("current_cpu", "__thread CPUState *current_cpu"),
    warm("async_run_on_cpu", "void (CPUState *, void (*)(CPUState *, run_on_cpu_data), run_on_cpu_data)"),
    warm("cpu_exit", "void (CPUState *)"),
    // The state of all devices, as bytes.
    warm("qio_channel_buffer_new", "QIOChannelBuffer *(size_t capacity)"),
    warm("qio_channel_read", "ssize_t (QIOChannel *, char *, size_t, Error **)"),
    warm("qio_channel_write_all", "int (QIOChannel *, const char *, size_t, Error **)"),
    warm("qio_channel_io_seek", "off_t (QIOChannel *, off_t, int whence, Error **)"),
    warm("qemu_file_new_output", "QEMUFile *(QIOChannel *)"),
    warm("qemu_file_new_input", "QEMUFile *(QIOChannel *)"),
    warm("qemu_file_transferred", "uint64_t (QEMUFile *)"),
    warm("qemu_save_device_state", "int (QEMUFile *, Error **)"),
    warm("qemu_load_device_state", "int (QEMUFile *, Error **)"),
    warm("qemu_fflush", "int (QEMUFile *)"),
    warm("qemu_fclose", "int (QEMUFile *)"),
    warm("object_unref", "void (Object *)"),
    warm("error_get_pretty", "const char *(const Error *)"),
    warm("error_free", "void (Error *)"),
    // Two words that no migration stream carries: see `TlbRandom` in the plugin.
    Internal {
        name: "cpu_mips_get_random",
        declaration: "uint32_t (CPUMIPSState *)",
        targets: &["mips"],
        without: Without::ColdTrials,
    },
    // What the guest sees of QEMU's TLB where Linux flushes late: see `Plugin::switch_threads`.
    Internal {
        name: "tlb_flush",
        declaration: "void (CPUState *)",
        targets: &["arm", "riscv"],
        without: Without::ColdTrials,
    },
    turns("rcu_add_force_rcu_notifier", "void (Notifier *)"),
    turns("rcu_remove_force_rcu_notifier", "void (Notifier *)"),
];

/// Returns what warm trials need of a QEMU for a target, as in `qemu-system-<target>`.
pub fn needed_for_warm_trials(target: &str) -> impl Iterator<Item = &'static Internal> + use<'_> {
    let of_target = |internal: &Internal| {
        internal.targets.is_empty() || internal.targets.iter().any(|part| target.starts_with(part))
    };
    INTERNALS.iter().filter(move |internal| internal.without == Without::ColdTrials && of_target(internal))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mips_needs_its_random_numbers() {
        let needs = |target| needed_for_warm_trials(target).any(|i| i.name == "cpu_mips_get_random");
        assert!(needs("mips") && needs("mipsel") && !needs("arm"));
        assert!(needed_for_warm_trials("arm").all(|internal| internal.without == Without::ColdTrials));
    }

    #[test]
    fn mips_does_without_the_tlb_of_the_others() {
        let needs = |target| needed_for_warm_trials(target).any(|i| i.name == "tlb_flush");
        assert!(needs("arm") && needs("riscv64") && !needs("mips") && !needs("mipsel"));
    }

    #[test]
    fn nothing_is_listed_twice() {
        let mut names: Vec<&str> = INTERNALS.iter().map(|internal| internal.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), INTERNALS.len());
    }
}
