// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin uses of QEMU that is no part of its API: [`instrument::internals`] lists it, this file calls it.
//!
//! # Soundness
//!
//! Functions are looked up by name, and only those are called whose declaration is in the list. All of them are called on the
//! vCPU's thread: [`Internals::between_turns`] from a callback, the others from the work that it asks for, during which QEMU
//! holds its lock and no CPU runs.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fs::File;
use std::os::fd::{AsRawFd, RawFd};

use super::abi::Opaque;
use super::api::QemuApi;

unsafe extern "C" {
    fn dlsym(handle: *mut c_void, name: *const c_char) -> *mut c_void;
    fn dup2(old: c_int, new: c_int) -> c_int;
}

/// Returns the address of a symbol of QEMU; for a thread's variable, that of the calling thread.
fn address_of(name: &CStr) -> Option<Opaque> {
    // SAFETY: a null handle is RTLD_DEFAULT on Linux; the name ends in NUL.
    let found = unsafe { dlsym(std::ptr::null_mut(), name.as_ptr()) };
    (!found.is_null()).then_some(found)
}

/// Declares the table of functions, and how it is filled.
macro_rules! functions {
    ($($name:ident : fn($($arg:ty),*) $(-> $ret:ty)?;)*) => {
        #[derive(Clone, Copy)]
        struct Functions { $($name: unsafe extern "C" fn($($arg),*) $(-> $ret)?,)* }

        impl Functions {
            #[cfg(test)]
            const NAMES: &[&str] = &[$(stringify!($name)),*];

            fn resolve() -> Result<Self, &'static str> {
                $(let $name = {
                    let name = concat!(stringify!($name), "\0");
                    let name = CStr::from_bytes_with_nul(name.as_bytes()).expect("it ends in NUL");
                    let found = address_of(name).ok_or(stringify!($name))?;
                    // SAFETY: the symbol is declared so in QEMU 11.1, as `instrument::internals` has it.
                    unsafe { std::mem::transmute::<Opaque, unsafe extern "C" fn($($arg),*) $(-> $ret)?>(found) }
                };)*
                Ok(Self { $($name,)* })
            }
        }
    };
}

functions! {
    async_run_on_cpu: fn(Opaque, extern "C" fn(Opaque, u64), u64);
    cpu_exit: fn(Opaque);
    qio_channel_buffer_new: fn(usize) -> Opaque;
    qio_channel_read: fn(Opaque, *mut u8, usize, *mut Opaque) -> isize;
    qio_channel_write_all: fn(Opaque, *const u8, usize, *mut Opaque) -> c_int;
    qio_channel_io_seek: fn(Opaque, i64, c_int, *mut Opaque) -> i64;
    qemu_file_new_output: fn(Opaque) -> Opaque;
    qemu_file_new_input: fn(Opaque) -> Opaque;
    qemu_file_transferred: fn(Opaque) -> u64;
    qemu_save_device_state: fn(Opaque, *mut Opaque) -> c_int;
    qemu_load_device_state: fn(Opaque, *mut Opaque) -> c_int;
    qemu_fflush: fn(Opaque) -> c_int;
    qemu_fclose: fn(Opaque) -> c_int;
    object_unref: fn(Opaque);
    error_get_pretty: fn(Opaque) -> *const c_char;
    error_free: fn(Opaque);
}

/// `SEEK_SET`.
const FROM_START: c_int = 0;

/// QEMU's own functions.
#[derive(Clone, Copy)]
pub struct Internals {
    functions: Functions,
    random: Option<TlbRandom>,
    can_return: bool,
}

impl Internals {
    /// Looks everything up; `tlb_random` says whether the guest's CPU draws TLB entries at random (MIPS).
    ///
    /// # Errors
    ///
    /// The name of what this QEMU does not export.
    pub fn resolve(tlb_random: bool) -> Result<Self, &'static str> {
        let random = if tlb_random { TlbRandom::find() } else { None };
        let can_return = random.is_some() || !tlb_random;
        address_of(c"current_cpu").ok_or("current_cpu")?;
        Ok(Self { functions: Functions::resolve()?, random, can_return })
    }

    /// Whether a guest that has run a trial can be taken back: not where the state of the random TLB entries was not found, as
    /// on hosts other than x86-64.
    pub fn can_return(&self) -> bool {
        self.can_return
    }

    /// Has the plugin called on this thread when the CPU that runs has come to the end of its block: no CPU runs then,
    /// and the clock is settled. From within a callback the same would end QEMU with "Bad icount read".
    pub fn between_turns(&self, qemu: &QemuApi) {
        let Some(variable) = address_of(c"current_cpu") else { return };
        // SAFETY: called from a callback, where this thread's `current_cpu` is the CPU that runs.
        unsafe {
            let cpu = *variable.cast::<Opaque>();
            (self.functions.async_run_on_cpu)(cpu, qemu.callbacks().between_turns, 0);
            (self.functions.cpu_exit)(cpu);
        }
    }

    /// Returns the state of all devices, CPUs and clocks included, RAM not.
    ///
    /// # Errors
    ///
    /// What QEMU says of it.
    pub fn save_devices(&self) -> Result<Vec<u8>, String> {
        let functions = &self.functions;
        let mut error: Opaque = std::ptr::null_mut();
        // SAFETY: the file has a reference of its own to the channel, and gives it back when it is closed.
        unsafe {
            let channel = (functions.qio_channel_buffer_new)(1 << 16);
            let file = (functions.qemu_file_new_output)(channel);
            let saved = (functions.qemu_save_device_state)(file, &raw mut error);
            self.check("saving devices", saved >= 0, error)?;
            let flushed = (functions.qemu_fflush)(file);
            self.check("saving devices", flushed >= 0, error)?;
            let mut bytes = vec![0; (functions.qemu_file_transferred)(file) as usize];
            let at = (functions.qio_channel_io_seek)(channel, 0, FROM_START, &raw mut error);
            self.check("reading saved devices", at == 0, error)?;
            let read = (functions.qio_channel_read)(channel, bytes.as_mut_ptr(), bytes.len(), &raw mut error);
            self.check("reading saved devices", read == bytes.len() as isize, error)?;
            (functions.qemu_fclose)(file);
            (functions.object_unref)(channel);
            Ok(bytes)
        }
    }

    /// Puts devices, CPUs and clocks back into a saved state. QEMU's translations stay.
    ///
    /// # Errors
    ///
    /// What QEMU says of it; the machine is then in no state at all.
    pub fn load_devices(&self, bytes: &[u8]) -> Result<(), String> {
        let functions = &self.functions;
        let mut error: Opaque = std::ptr::null_mut();
        // SAFETY: as in `save_devices`.
        unsafe {
            let channel = (functions.qio_channel_buffer_new)(bytes.len());
            let written =
                (functions.qio_channel_write_all)(channel, bytes.as_ptr(), bytes.len(), &raw mut error);
            self.check("writing saved devices", written >= 0, error)?;
            let at = (functions.qio_channel_io_seek)(channel, 0, FROM_START, &raw mut error);
            self.check("writing saved devices", at == 0, error)?;
            let file = (functions.qemu_file_new_input)(channel);
            let loaded = (functions.qemu_load_device_state)(file, &raw mut error);
            self.check("loading devices", loaded >= 0, error)?;
            (functions.qemu_fclose)(file);
            (functions.object_unref)(channel);
        }
        if let Some(random) = self.random {
            random.restore();
        }
        Ok(())
    }

    /// Turns a failure of QEMU into its words.
    fn check(&self, doing: &str, succeeded: bool, error: Opaque) -> Result<(), String> {
        if error.is_null() {
            return if succeeded { Ok(()) } else { Err(format!("{doing} failed")) };
        }
        // SAFETY: QEMU has set the error, and it is freed once.
        let why = unsafe {
            let text =
                CStr::from_ptr((self.functions.error_get_pretty)(error)).to_string_lossy().into_owned();
            (self.functions.error_free)(error);
            text
        };
        Err(format!("{doing}: {why}"))
    }
}

/// QEMU's TLB, which holds the guest's translations of addresses for fast accesses.
#[derive(Clone, Copy)]
pub struct QemuTlb {
    flush: unsafe extern "C" fn(Opaque),
}

impl QemuTlb {
    /// Finds it; `None` where QEMU does not export what flushes it.
    pub fn find() -> Option<Self> {
        let found = address_of(c"tlb_flush")?;
        // SAFETY: declared so in QEMU 11.1, as `instrument::internals` has it.
        let flush = unsafe { std::mem::transmute::<Opaque, unsafe extern "C" fn(Opaque)>(found) };
        address_of(c"current_cpu").map(|_| Self { flush })
    }

    /// Empties that of the CPU that runs. From a callback, as instructions do that invalidate the guest's TLB.
    pub fn flush(self) {
        let Some(variable) = address_of(c"current_cpu") else { return };
        // SAFETY: called from a callback, where this thread's `current_cpu` is the CPU that runs.
        unsafe { (self.flush)(*variable.cast::<Opaque>()) }
    }
}

/// Where `cpu_mips_get_random` keeps its state, of which TLBWR takes the entry that it replaces: two static words, the state
/// of a linear congruential generator and the entry that was drawn last. They are in no migration stream, so that a guest that
/// goes back would replace other entries than before.
#[derive(Clone, Copy)]
struct TlbRandom {
    words: [*mut u32; 2],
    /// What they held before any guest ran.
    first: [u32; 2],
}

/// Multiplier and increment of that generator: the example of ISO/IEC 9899, 7.22.2.
const MULTIPLIER: u32 = 1_103_515_245;
const INCREMENT: u32 = 12_345;

/// Bytes of the function in which the two words are looked for; it has some 140.
const LOOKED_AT: usize = 160;

impl TlbRandom {
    /// Finds the words by the instructions of an x86-64 host that store them; `None` where these are not as in QEMU 11.1.
    fn find() -> Option<Self> {
        if !cfg!(target_arch = "x86_64") {
            return None;
        }
        let function = address_of(c"cpu_mips_get_random")? as usize;
        // SAFETY: QEMU's code goes on behind this function for more than these bytes, and is readable.
        let code = unsafe { std::slice::from_raw_parts(function as *const u8, LOOKED_AT) };
        let words = stored_words(code)?.map(|at| function.wrapping_add_signed(at) as *mut u32);
        // SAFETY: the function stores 32 bits at each.
        let first = words.map(|word| unsafe { word.read() });
        Some(Self { words, first })
    }

    fn restore(self) {
        for (word, first) in self.words.into_iter().zip(self.first) {
            // SAFETY: as in `find`; no CPU runs that could draw a number.
            unsafe { word.write(first) };
        }
    }
}

/// Returns where a function's code stores 32 bits, if these are two places, by their distance from its first byte, and if
/// it is that generator.
fn stored_words(code: &[u8]) -> Option<[isize; 2]> {
    let has = |constant: u32| code.windows(4).any(|bytes| bytes == constant.to_le_bytes());
    if !has(MULTIPLIER) || !has(INCREMENT) {
        return None;
    }
    // MOV r/m32, r32: 89, then a ModRM byte with mod 0 and r/m 5, which is an address by its distance from the next instruction
    // (Intel SDM, volume 2, 2.2.1.6).
    let mut found: Vec<isize> = Vec::new();
    for (at, bytes) in code.windows(6).enumerate() {
        if bytes[0] == 0x89 && bytes[1] & 0xc7 == 5 {
            let distance = i32::from_le_bytes([bytes[2], bytes[3], bytes[4], bytes[5]]);
            let word = at as isize + 6 + distance as isize;
            if !found.contains(&word) {
                found.push(word);
            }
        }
    }
    found.try_into().ok()
}

/// Has a descriptor of QEMU's stand for another file.
///
/// # Errors
///
/// What the system says of it.
pub fn redirect(descriptor: RawFd, to: &File) -> std::io::Result<()> {
    // SAFETY: both are open, and what the descriptor was open for is closed by nobody else.
    let status = unsafe { dup2(to.as_raw_fd(), descriptor) };
    if status < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use instrument::internals::{INTERNALS, Without};

    #[test]
    fn what_is_called_is_what_is_listed() {
        let listed: Vec<&str> = INTERNALS
            .iter()
            .filter(|internal| internal.without == Without::ColdTrials)
            .map(|internal| internal.name)
            .collect();
        let called = [&["current_cpu"], Functions::NAMES, &["cpu_mips_get_random", "tlb_flush"]].concat();
        let sorted = |mut names: Vec<&'static str>| {
            names.sort_unstable();
            names
        };
        assert_eq!(sorted(listed), sorted(called));
    }

    #[test]
    fn the_words_of_a_generator_are_found_by_its_stores() {
        // imul $1103515245, %ecx; add $12345, %ecx; mov %ecx, 0x100(%rip); mov %eax, 0x200(%rip); ret
        let mut code = vec![0x69, 0xc9, 0x6d, 0x4e, 0xc6, 0x41, 0x81, 0xc1, 0x39, 0x30, 0, 0];
        code.extend([0x89, 0x0d, 0, 1, 0, 0, 0x89, 0x05, 0, 2, 0, 0, 0xc3]);
        assert_eq!(stored_words(&code), Some([12 + 6 + 0x100, 18 + 6 + 0x200]));
        let mut other = code.clone();
        other[2] ^= 1;
        assert_eq!(stored_words(&other), None, "another generator");
        code.truncate(18);
        assert_eq!(stored_words(&code), None, "one word alone");
    }

    #[test]
    fn a_descriptor_can_stand_for_another_file() {
        use std::io::{Read, Seek, SeekFrom, Write};
        let dir = std::env::temp_dir().join(format!("plugin-redirect-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let mut first = File::create(dir.join("first")).unwrap();
        let mut second = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(dir.join("second"))
            .unwrap();
        redirect(first.as_raw_fd(), &second).unwrap();
        first.write_all(b"hello").unwrap();
        let mut text = String::new();
        second.seek(SeekFrom::Start(0)).unwrap();
        second.read_to_string(&mut text).unwrap();
        assert_eq!(text, "hello");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
