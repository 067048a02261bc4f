// SPDX-License-Identifier: GPL-2.0-or-later
//! Arguments of the plugin, as they stand behind `-plugin FILE,`.

use std::path::PathBuf;

use cache_model::maintenance::ArmVersion;
use cache_model::{Addressing, Config, Geometry, Replacement, Snoops, Write};
use trial_record::Mode;

use crate::decode::Target;

/// What the plugin was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `mode=off|observe|enforce`.
    pub mode: Mode,
    /// `icache=SETSxWAYSxLINE[:vipt|:vivt][:plru|:round-robin|:random]`, `dcache=` the same with also
    /// `[:no-allocate|:through]`; `snoops=own|others|all`; `caches=N`, how many CPUs have caches of their own;
    /// `globalised=on`, maintenance by address reaches all of them.
    pub caches: Config,
    /// `aliases=hidden`: tell a MIPS kernel that no cache has aliases, whatever its size.
    pub aliases_hidden: bool,
    /// `isa=r6|v5|v6`: the release or version of the architecture, where QEMU's target does not say it.
    pub isa: Option<Isa>,
    /// `symbols=PATH`: the kernel's `System.map`, to count instructions in functions that do maintenance.
    pub symbols: Option<PathBuf>,
    /// `hollow=on`: callbacks are made and do nothing, to measure what QEMU itself needs for making them.
    pub hollow: bool,
    /// `ram=BASE:BYTES`, the guest's RAM, one block.
    pub ram_base: u64,
    /// Bytes of RAM.
    pub ram_size: u64,
    /// `advertise=on`: tell the kernel of these caches instead of the CPU's own.
    pub advertise: bool,
    /// `mmu=on`: the guest's MMU and caches are on from the start (restored from a snapshot).
    pub mmu: bool,
    /// `record=PATH`: where the record goes.
    pub record: Option<PathBuf>,
    /// `command=TEXT`: what to give to the guest at its COMMAND marker.
    pub command: Option<String>,
    /// `ready=PATH`: a FIFO to wait on at the COMMAND marker when there is no command.
    pub ready: Option<PathBuf>,
    /// `deadline=N`: guest instructions after which the run ends.
    pub deadline: u64,
}

/// A release or version of an architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// MIPS Release 6.
    MipsR6,
    /// A version of ARM.
    Arm(ArmVersion),
}

impl Isa {
    /// Returns a target with this.
    pub fn of(self, target: Target) -> Target {
        match self {
            Self::MipsR6 => target.with_release6(),
            Self::Arm(version) => target.with_arm_version(version),
        }
    }
}

impl Options {
    /// Parses the arguments, each `key=value`.
    ///
    /// # Errors
    ///
    /// A sentence that names the argument.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let default = Geometry::new(128, 4, 32).map_err(|error| error.to_string())?;
        let mut options = Self {
            mode: Mode::Off,
            caches: Config::new(default, default),
            aliases_hidden: false,
            isa: None,
            symbols: None,
            hollow: false,
            ram_base: 0,
            ram_size: 0,
            advertise: false,
            mmu: false,
            record: None,
            command: None,
            ready: None,
            deadline: u64::MAX,
        };
        for argument in arguments {
            let (key, value) =
                argument.split_once('=').ok_or_else(|| format!("argument `{argument}` is not key=value"))?;
            options.set(key, value).map_err(|why| format!("argument `{argument}`: {why}"))?;
        }
        if options.mode != Mode::Off && options.ram_size == 0 {
            return Err("argument `ram=BASE:BYTES` is missing".into());
        }
        Ok(options)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), String> {
        match key {
            "mode" => self.mode = mode(value)?,
            "icache" => (self.caches.icache, self.caches.icache_replacement, _) = cache(value)?,
            "dcache" => {
                (self.caches.dcache, self.caches.dcache_replacement, self.caches.write) = cache(value)?;
            }
            "snoops" => {
                self.caches.snoops = match value {
                    "own" => Snoops::Own,
                    "others" => Snoops::Others,
                    "all" => Snoops::All,
                    _ => return Err("want own, others or all".into()),
                }
            }
            "caches" => self.caches.cpus = (number(value)? as usize).clamp(1, MOST_CPUS),
            "globalised" => self.caches.globalised = value == "on",
            "aliases" => self.aliases_hidden = value == "hidden",
            "isa" => {
                self.isa = Some(match value {
                    "r6" => Isa::MipsR6,
                    "v5" => Isa::Arm(ArmVersion::V5),
                    "v6" => Isa::Arm(ArmVersion::V6),
                    _ => return Err("want r6, v5 or v6".into()),
                });
            }
            "symbols" => self.symbols = Some(value.into()),
            "hollow" => self.hollow = value == "on",
            "ram" => {
                let (base, size) = value.split_once(':').ok_or("want BASE:BYTES")?;
                (self.ram_base, self.ram_size) = (number(base)?, number(size)?);
            }
            "advertise" => self.advertise = value == "on",
            "mmu" => self.mmu = value == "on",
            "record" => self.record = Some(value.into()),
            "command" => self.command = Some(value.into()),
            "ready" => self.ready = Some(value.into()),
            "deadline" => self.deadline = number(value)?,
            _ => return Err("unknown key".into()),
        }
        Ok(())
    }
}

fn mode(text: &str) -> Result<Mode, String> {
    match text {
        "off" => Ok(Mode::Off),
        "observe" => Ok(Mode::Observe),
        "enforce" => Ok(Mode::Enforce),
        _ => Err("want off, observe or enforce".into()),
    }
}

fn number(text: &str) -> Result<u64, String> {
    let parsed = match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16),
        None => text.parse(),
    };
    parsed.map_err(|error| error.to_string())
}

/// Most CPUs with caches of their own: the boards in question have at most as many.
const MOST_CPUS: usize = 8;

/// Seed of random replacement: any would do, but it has to be the same in every trial.
const REPLACEMENT_SEED: u64 = 1;

fn cache(text: &str) -> Result<(Geometry, Replacement, Write), String> {
    let mut words = text.split(':');
    let figures = words.next().unwrap_or_default().split('x');
    let figures =
        figures.map(|figure| figure.parse().map_err(|error: std::num::ParseIntError| error.to_string()));
    let geometry = match figures.collect::<Result<Vec<u32>, _>>()?[..] {
        [sets, ways, line] => Geometry::new(sets, ways, line).map_err(|error| error.to_string())?,
        _ => return Err("want SETSxWAYSxLINE".into()),
    };
    let (mut addressing, mut replacement, mut write) = Default::default();
    for word in words {
        match word {
            "vipt" => addressing = Addressing::Vipt,
            "vivt" => addressing = Addressing::Vivt,
            "plru" => replacement = Replacement::PseudoLru,
            "round-robin" => replacement = Replacement::RoundRobin,
            "random" => replacement = Replacement::Random(REPLACEMENT_SEED),
            "no-allocate" => write = Write::BackNoAllocate,
            "through" => write = Write::Through,
            _ => return Err(format!("`{word}` is nothing that a cache can be")),
        }
    }
    Ok((geometry.addressed(addressing), replacement, write))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn reads_all_that_the_harness_sends() {
        let options = parse(&[
            "mode=enforce",
            "icache=64x2x16:vipt:round-robin",
            "dcache=256x4x32:vivt:plru:no-allocate",
            "snoops=others",
            "caches=2",
            "globalised=on",
            "isa=v6",
            "ram=0x40000000:67108864",
            "command=t1 seed=7",
        ]);
        let options = options.unwrap();
        assert_eq!(options.mode, Mode::Enforce);
        let caches = options.caches;
        assert_eq!(caches.icache, Geometry::new(64, 2, 16).unwrap().addressed(Addressing::Vipt));
        assert_eq!(caches.dcache, Geometry::new(256, 4, 32).unwrap().addressed(Addressing::Vivt));
        assert_eq!(caches.icache_replacement, Replacement::RoundRobin);
        assert_eq!(
            (caches.dcache_replacement, caches.write),
            (Replacement::PseudoLru, Write::BackNoAllocate)
        );
        assert_eq!((caches.snoops, caches.cpus, caches.globalised), (Snoops::Others, 2, true));
        assert_eq!(options.isa, Some(Isa::Arm(ArmVersion::V6)));
        assert_eq!((options.ram_base, options.ram_size), (0x4000_0000, 64 << 20));
        assert_eq!(options.command.as_deref(), Some("t1 seed=7"));
    }

    #[test]
    fn names_the_argument_that_is_wrong() {
        assert_eq!(parse(&["mode=on"]).unwrap_err(), "argument `mode=on`: want off, observe or enforce");
        assert!(parse(&["icache=3x4x32"]).unwrap_err().contains("sets = 3"));
        assert!(parse(&["dcache=256x4x32:pivt"]).unwrap_err().contains("`pivt`"));
        assert!(parse(&["mode=observe"]).unwrap_err().contains("ram=BASE:BYTES"));
    }
}
