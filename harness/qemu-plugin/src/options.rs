// SPDX-License-Identifier: GPL-2.0-or-later
//! What the plugin was asked to do: the setup and the request, files that its arguments name.

use std::path::Path;

use cache_model::{Config, Geometry, PageSize};
use instrument::hardware::ByteOrder;
use instrument::{Mode, ReadError, Request, Setup, hardware};

/// What the plugin was asked to do.
#[derive(Clone, Debug)]
pub struct PluginOptions {
    /// The machine.
    pub setup: Setup,
    /// The trial.
    pub request: Request,
    /// The setup's caches, as the model takes them.
    pub caches: Config,
}

/// Most CPUs with caches of their own: the boards in question have at most as many.
const MOST_CPUS: u32 = 8;

/// Seed of random replacement: any would do, but it has to be the same in every trial.
const RANDOM_SEED: u64 = 1;

impl PluginOptions {
    /// Reads the files that the arguments name: `setup=PATH` and `request=PATH`.
    ///
    /// # Errors
    ///
    /// A sentence that names the argument or the file.
    pub fn read(arguments: &[String]) -> Result<Self, String> {
        let [mut setup, mut request] = [None, None];
        for argument in arguments {
            match argument.split_once('=') {
                Some(("setup", path)) => setup = Some(path),
                Some(("request", path)) => request = Some(path),
                _ => return Err(format!("argument `{argument}` is neither setup=PATH nor request=PATH")),
            }
        }
        let setup = file(setup.ok_or("argument setup=PATH is missing")?, Setup::from_json)?;
        let request = file(request.ok_or("argument request=PATH is missing")?, Request::from_json)?;
        Self::new(setup, request)
    }

    /// Returns what a setup and a request come to.
    ///
    /// # Errors
    ///
    /// A sentence that names the key that nothing can be done with.
    pub fn new(setup: Setup, request: Request) -> Result<Self, String> {
        if setup.ram.size == 0 || setup.ram.base.checked_add(setup.ram.size).is_none() {
            let (base, size) = (setup.ram.base, setup.ram.size);
            return Err(format!("setup: ram: {size} bytes at {base:#x} are no RAM"));
        }
        let caches = model(&setup)?;
        Ok(Self { setup, request, caches })
    }

    /// Refuses a setup that is for guests of the other byte order than QEMU's target: every register would be read reversed.
    ///
    /// # Errors
    ///
    /// A sentence that says what the setup states, and what the target is.
    pub fn has_byte_order_of(&self, target: &str, order: ByteOrder) -> Result<(), String> {
        let (stated, order) = (self.setup.byte_order.name(), order.name());
        if stated == order {
            return Ok(());
        }
        Err(format!("setup: byte_order: `{stated}`, but target `{target}` is {order} endian"))
    }

    /// Returns the kernel's `System.map`, if the record will have use for the functions in it.
    pub fn symbols(&self) -> Option<&Path> {
        let Request { mode, record, .. } = &self.request;
        self.setup.symbols.as_deref().filter(|_| *mode != Mode::Off && record.is_some())
    }
}

fn file<T>(path: &str, parse: impl Fn(&str) -> Result<T, ReadError>) -> Result<T, String> {
    let text = std::fs::read_to_string(Path::new(path));
    let text = text.map_err(|error| format!("cannot read {path}: {error}"))?;
    parse(&text).map_err(|error| format!("{path}: {error}"))
}

/// Returns the caches of a setup in the model's terms.
fn model(setup: &Setup) -> Result<Config, String> {
    let hardware::Caches { icache, dcache, snoops, globalised, .. } = setup.caches;
    let page = PageSize::new(setup.page_size.into());
    let page = page.map_err(|error| format!("setup: page_size: {error}"))?;
    let geometry = |name: &str, sets, ways, line, addressing| {
        let geometry =
            Geometry::new(sets, ways, line).map_err(|error| format!("setup: caches.{name}: {error}"))?;
        Ok::<_, String>(geometry.paged(page).addressed(addressing))
    };
    Ok(Config {
        icache: geometry("icache", icache.sets, icache.ways, icache.line, icache.addressing)?,
        dcache: geometry("dcache", dcache.sets, dcache.ways, dcache.line, dcache.addressing)?,
        icache_replacement: icache.replacement,
        dcache_replacement: dcache.replacement,
        random_seed: RANDOM_SEED,
        write: dcache.write,
        snoops,
        cpus: setup.cache_pairs().clamp(1, MOST_CPUS) as usize,
        globalised,
    })
}

#[cfg(test)]
mod tests {
    use cache_model::{Addressing, Replacement, Snoops, Write};

    use super::*;

    const SETUP: &str = r#"{
        "version": 2, "isa": "arm-v6", "byte_order": "little", "cpus": 2, "page_size": 4096,
        "ram": {"base": 1073741824, "size": 67108864},
        "caches": {
            "icache": {"sets": 64, "ways": 2, "line": 16, "addressing": "vipt", "replacement": "round-robin"},
            "dcache": {"sets": 256, "ways": 4, "line": 32, "addressing": "vivt", "replacement": "plru",
                       "write": "back-no-allocate"},
            "snoops": "others", "globalised": true
        }
    }"#;

    const REQUEST: &str = r#"{"version": 1, "mode": "enforce", "mmu_on": true, "empty_callbacks": false}"#;

    /// Returns what comes of the two files with `from` in the setup replaced by `to`.
    fn with(from: &str, to: &str) -> Result<PluginOptions, String> {
        assert!(SETUP.contains(from), "nothing to replace: {from}");
        let setup = Setup::from_json(&SETUP.replacen(from, to, 1)).map_err(|error| error.to_string())?;
        PluginOptions::new(setup, Request::from_json(REQUEST).unwrap())
    }

    fn caches(from: &str, to: &str) -> Config {
        with(from, to).unwrap().caches
    }

    #[test]
    fn the_model_has_the_caches_of_the_setup() {
        let config = caches("", "");
        assert_eq!(config.icache, Geometry::new(64, 2, 16).unwrap().addressed(Addressing::Vipt));
        assert_eq!(config.dcache, Geometry::new(256, 4, 32).unwrap().addressed(Addressing::Vivt));
        assert_eq!(config.icache_replacement, Replacement::RoundRobin);
        assert_eq!((config.dcache_replacement, config.write), (Replacement::Plru, Write::BackNoAllocate));
        assert_eq!((config.snoops, config.cpus, config.globalised), (Snoops::Others, 2, true));
        let sixteen = caches("4096", "16384");
        assert_eq!([sixteen.icache, sixteen.dcache].map(|cache| cache.page().bytes()), [16 << 10; 2]);
        assert_eq!(config.dcache.page().bytes(), 4096);
        let config = caches(r#""globalised": true"#, r#""shared": true"#);
        assert_eq!((config.cpus, config.globalised), (1, false));
    }

    #[test]
    fn every_word_has_its_meaning() {
        let addressing = |word| caches("vipt", word).icache.addressing();
        assert_eq!(["pipt", "vivt"].map(addressing), [Addressing::Pipt, Addressing::Vivt]);
        let replacement = |word| caches("plru", word).dcache_replacement;
        assert_eq!(["lru", "random"].map(replacement), [Replacement::Lru, Replacement::Random]);
        let write = |word| caches("back-no-allocate", word).write;
        assert_eq!(["back-allocate", "through"].map(write), [Write::BackAllocate, Write::Through]);
        let snoops = |word| caches("others", word).snoops;
        assert_eq!(["nothing", "own", "all"].map(snoops), [Snoops::Nothing, Snoops::Own, Snoops::All]);
    }

    #[test]
    fn a_setup_for_the_other_byte_order_is_refused() {
        let options = with("", "").unwrap();
        assert_eq!(options.has_byte_order_of("mipsel", ByteOrder::Little), Ok(()));
        assert_eq!(
            options.has_byte_order_of("mips", ByteOrder::Big),
            Err("setup: byte_order: `little`, but target `mips` is big endian".into())
        );
    }

    #[test]
    fn functions_are_for_records_of_the_model() {
        let options = |record: bool, mode| {
            let options = with("\"isa\"", "\"symbols\": \"/i/System.map\", \"isa\"").unwrap();
            let request = Request { mode, record: record.then(|| "/t/record".into()), ..options.request };
            PluginOptions { request, ..options }
        };
        assert_eq!(options(true, Mode::Observe).symbols(), Some(Path::new("/i/System.map")));
        assert_eq!(options(true, Mode::Off).symbols(), None);
        assert_eq!(options(false, Mode::Observe).symbols(), None);
    }

    #[test]
    fn what_cannot_be_done_is_named() {
        let why = |from, to| with(from, to).unwrap_err();
        assert!(why("\"sets\": 64", "\"sets\": 3").starts_with("setup: caches.icache: sets = 3"));
        assert!(why("\"line\": 32", "\"line\": 4").starts_with("setup: caches.dcache: "));
        assert_eq!(
            why("\"page_size\": 4096", "\"page_size\": 5000"),
            "setup: page_size: 5000 is not a power of two between 4096 and 65536"
        );
        assert_eq!(why("67108864", "0"), "setup: ram: 0 bytes at 0x40000000 are no RAM");
        assert_eq!(
            why("1073741824", "18446744073709551615"),
            "setup: ram: 67108864 bytes at 0xffffffffffffffff are no RAM"
        );
    }

    #[test]
    fn figures_that_no_cache_has_are_refused_and_never_overflow() {
        let figures = [0, 1, 2, 3, 32, 1 << 16, 1 << 31, u32::MAX];
        let (mut fine, mut wrong) = (0, 0);
        for (n, sets) in figures.iter().cycle().take(512).enumerate() {
            let (ways, line) = (figures[n / 8 % 8], figures[n / 64]);
            let to = format!("\"sets\": {sets}, \"ways\": {ways}, \"line\": {line}");
            match with("\"sets\": 64, \"ways\": 2, \"line\": 16", &to) {
                Ok(options) => {
                    let icache = options.caches.icache;
                    let figures = [icache.sets(), icache.ways(), icache.line()];
                    assert_eq!(figures, [*sets, ways, line].map(|figure| figure as usize));
                    fine += 1;
                }
                Err(why) => {
                    assert!(why.starts_with("setup: caches.icache: "), "{why}");
                    wrong += 1;
                }
            }
        }
        // 1, 2, 32 or 65,536 sets of 1 or 2 ways of 32 bytes.
        assert_eq!((fine, wrong), (8, 504));
    }

    #[test]
    fn arguments_are_two_files() {
        let dir = std::env::temp_dir().join(format!("plugin-options-{}", std::process::id()));
        std::fs::create_dir_all(&dir).unwrap();
        let file = |name: &str, text: &str| {
            std::fs::write(dir.join(name), text).unwrap();
            format!("{}", dir.join(name).display())
        };
        let [setup, request] = [file("setup", SETUP), file("request", REQUEST)];
        let newer = file("newer", &REQUEST.replace("\"version\": 1", "\"version\": 2"));
        let read = |arguments: &[String]| PluginOptions::read(arguments).map(|options| options.request.mode);
        let [setup, request] = [format!("setup={setup}"), format!("request={request}")];
        assert_eq!(read(&[setup.clone(), request.clone()]), Ok(Mode::Enforce));
        assert_eq!(read(std::slice::from_ref(&setup)), Err("argument request=PATH is missing".into()));
        assert_eq!(read(&[request]), Err("argument setup=PATH is missing".into()));
        assert_eq!(
            read(&["mode=off".into()]),
            Err("argument `mode=off` is neither setup=PATH nor request=PATH".into())
        );
        assert_eq!(
            read(&[setup.clone(), format!("request={newer}")]),
            Err(format!("{newer}: request has version 2, this plugin reads version 1"))
        );
        let gone = read(&[setup, "request=/nowhere".into()]).unwrap_err();
        assert!(gone.starts_with("cannot read /nowhere: "), "{gone}");
        std::fs::remove_dir_all(&dir).unwrap();
    }
}
