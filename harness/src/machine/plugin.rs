// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin gets: a setup, of the machine, and a request, of a trial, as files beside what QEMU writes.

use std::ffi::OsString;
use std::path::Path;

use instrument::{Ram, Request, Setup};

use super::argv;
use crate::error::{Error, Result};
use crate::plan::Machine;

/// Names of the two files.
const SETUP: &str = "setup.json";
const REQUEST: &str = "request.json";

/// Returns what the plugin has to know of a machine, and of the kernel that runs there: bytes in a page, and its `System.map`.
pub fn setup(machine: &Machine, page_size: u32, symbols: Option<&Path>) -> Setup {
    Setup {
        version: Setup::VERSION,
        isa: machine.isa.clone(),
        byte_order: machine.byte_order(),
        cpus: machine.smp,
        page_size,
        ram: Ram { base: machine.ram_base, size: u64::from(machine.memory_mib) << 20 },
        caches: machine.caches,
        symbols: symbols.map(Path::to_owned),
        serves: false,
    }
}

/// Writes a setup and a request into `scratch`, and returns QEMU's argument that loads the plugin with them.
///
/// # Errors
///
/// Infrastructure, when they cannot be written.
pub fn attach(plugin: &Path, setup: &Setup, request: &Request, scratch: &Path) -> Result<[OsString; 2]> {
    let files = [(SETUP, setup.to_json()), (REQUEST, request.to_json())];
    let mut paths = Vec::new();
    for (name, text) in files {
        let path = scratch.join(name);
        let text =
            text.map_err(|error| Error::infrastructure(format!("cannot write {}: {error}", path.display())))?;
        std::fs::write(&path, text + "\n").map_err(|error| Error::io("write", &path, error))?;
        paths.push(path);
    }
    Ok(argv::plugin(plugin, &paths[0], &paths[1]))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use instrument::Mode;
    use instrument::hardware::{ByteOrder, Isa, Write};

    use super::*;
    use crate::fuzz::{self, Food};
    use crate::machine::argv::tests::machine;

    #[test]
    fn a_setup_is_what_the_machine_says() {
        let mut machine =
            Machine { smp: 2, isa: Some(Isa::new("arm-v6")), ram_base: 0x4000_0000, ..machine() };
        machine.caches.dcache.write = Write::Through;
        let setup = setup(&machine, 16384, Some(Path::new("/i/System.map")));
        assert_eq!((setup.page_size, setup.byte_order), (16384, ByteOrder::Big));
        assert_eq!((setup.cpus, setup.isa, setup.caches), (2, machine.isa, machine.caches));
        assert_eq!(setup.ram, Ram { base: 0x4000_0000, size: 64 << 20 });
        assert_eq!(setup.symbols.as_deref(), Some(Path::new("/i/System.map")));
    }

    #[test]
    fn what_is_written_is_what_the_plugin_reads() {
        let dir = tempfile::tempdir().unwrap();
        let setup = setup(&machine(), 4096, None);
        let request = Request { command: Some("t1 seed=7".into()), ..Request::new(Mode::Enforce) };
        let [_, argument] = attach(Path::new("p.so"), &setup, &request, dir.path()).unwrap();
        let argument = argument.into_string().unwrap();
        let paths: Vec<&str> = argument.split(',').filter_map(|word| Some(word.split_once('=')?.1)).collect();
        let text = |at: usize| std::fs::read_to_string(paths[at]).unwrap();
        assert_eq!(Setup::from_json(&text(0)).unwrap(), setup);
        assert_eq!(Request::from_json(&text(1)).unwrap(), request);
        assert!(text(0).lines().count() > 20, "people can read it: {}", text(0));
    }

    #[test]
    fn a_path_that_is_not_text_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let symbols = Path::new(std::ffi::OsStr::from_bytes(b"/\xff"));
        let setup = setup(&machine(), 4096, Some(symbols));
        let error = attach(Path::new("p.so"), &setup, &Request::new(Mode::Off), dir.path()).unwrap_err();
        assert!(error.to_string().contains("setup.json: path contains invalid UTF-8"), "{error}");
    }

    const WORDS: [&str; 15] = [
        "\"version\": 1,",
        "\"version\": 2,",
        "\"byte_order\": \"little\",",
        "\"caches\": {",
        "\"isa\": \"arm-v6\",",
        "\"shared\": true,",
        "\"mode\": \"enforce\",",
        "\"deadline\": 1,",
        "null",
        "true",
        "[[[[[[[[",
        "{\"\":",
        "\"\\ud800\"",
        "\\u0000",
        "-0.1e-99",
    ];

    fn food() -> Food<'static> {
        let setup = setup(&machine(), 4096, Some(Path::new("/i/System.map"))).to_json().unwrap();
        let request =
            Request { command: Some("t1 seed=7".into()), deadline: Some(4), ..Request::new(Mode::Off) };
        let right = vec![setup.into_bytes(), request.to_json().unwrap().into_bytes()];
        Food { name: "setup", right, words: &WORDS }
    }

    /// A damaged setup or request is refused with a sentence, or is one that can be written and read again.
    fn read(bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        match Setup::from_json(&text) {
            Ok(setup) => assert_eq!(Setup::from_json(&setup.to_json().unwrap()).unwrap(), setup),
            Err(error) => assert!(error.to_string().contains("setup")),
        }
        match Request::from_json(&text) {
            Ok(request) => assert_eq!(Request::from_json(&request.to_json().unwrap()).unwrap(), request),
            Err(error) => assert!(error.to_string().contains("request")),
        }
    }

    #[test]
    fn damaged_setups_and_requests_are_read_for_a_moment() {
        fuzz::shortly(&food(), read);
    }

    #[test]
    #[ignore = "takes ten minutes: ci/test --full"]
    fn damaged_setups_and_requests() {
        fuzz::at_length(&food(), read);
    }
}
