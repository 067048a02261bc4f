// SPDX-License-Identifier: GPL-2.0-or-later
//! Arguments of the plugin, as they stand behind `-plugin FILE,`.

use std::path::PathBuf;

use cache_model::{Addressing, Geometry};
use trial_record::Mode;

/// What the plugin was asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// `mode=off|observe|enforce`.
    pub mode: Mode,
    /// `icache=SETSxWAYSxLINE[v]`; `v` for a virtual index.
    pub icache: Geometry,
    /// `dcache=SETSxWAYSxLINE`.
    pub dcache: Geometry,
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
            icache: default,
            dcache: default,
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
            "icache" => self.icache = geometry(value)?,
            // The model keeps one copy of a line's data: a D$ with aliases is beyond it.
            "dcache" if value.ends_with('v') => return Err("a virtually indexed D$ is not modelled".into()),
            "dcache" => self.dcache = geometry(value)?,
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

fn geometry(text: &str) -> Result<Geometry, String> {
    let (text, addressing) = match text.strip_suffix('v') {
        Some(rest) => (rest, Addressing::Vipt),
        None => (text, Addressing::Pipt),
    };
    let figures = text
        .split('x')
        .map(|figure| figure.parse::<u32>().map_err(|error| error.to_string()))
        .collect::<Result<Vec<_>, _>>()?;
    match figures[..] {
        [sets, ways, line] => {
            Geometry::new(sets, ways, line).map(|g| g.addressed(addressing)).map_err(|e| e.to_string())
        }
        _ => Err("want SETSxWAYSxLINE".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(arguments: &[&str]) -> Result<Options, String> {
        Options::parse(&arguments.iter().map(ToString::to_string).collect::<Vec<_>>())
    }

    #[test]
    fn reads_all_that_the_harness_sends() {
        let options =
            parse(&["mode=enforce", "icache=64x2x16v", "ram=0x40000000:67108864", "command=t1 seed=7"]);
        let options = options.unwrap();
        assert_eq!(options.mode, Mode::Enforce);
        assert_eq!(options.icache, Geometry::new(64, 2, 16).unwrap().addressed(Addressing::Vipt));
        assert_eq!((options.ram_base, options.ram_size), (0x4000_0000, 64 << 20));
        assert_eq!(options.command.as_deref(), Some("t1 seed=7"));
    }

    #[test]
    fn names_the_argument_that_is_wrong() {
        assert_eq!(parse(&["mode=on"]).unwrap_err(), "argument `mode=on`: want off, observe or enforce");
        assert!(parse(&["icache=3x4x32"]).unwrap_err().contains("sets = 3"));
        assert!(parse(&["dcache=256x4x32v"]).unwrap_err().contains("not modelled"));
        assert!(parse(&["mode=observe"]).unwrap_err().contains("ram=BASE:BYTES"));
    }
}
