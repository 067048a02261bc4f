// SPDX-License-Identifier: GPL-2.0-or-later
//! Random operations on the model and on a naive one: every fetch must see the same bytes in both, for the same reason.
//!
//! The model takes short cuts wherever the guest spends its time (a flag instead of a comparison, one copy of memory
//! instead of the lines' bytes); nobody could list by hand the orders of events in which one of them might be wrong.

mod cache;
mod driver;
mod maintain;
mod naive;

use cache_model::{Addressing, Config, Geometry, PageSize, Replacement, Snoops, Write};

use driver::Pair;

use Addressing::{Pipt, Vipt, Vivt};
use Replacement::{Lru, Plru, RoundRobin as Turn};

const OPERATIONS: u64 = 200_000;

/// Steele, Lea, Flood: Fast splittable pseudorandom number generators. Seeded, so that a failure comes again. It is also
/// what the model's caches of random replacement use.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }
}

/// Addressing, sets, ways and bytes per line, and replacement.
type Shape = (Addressing, u32, u32, u32, Replacement);

fn caches((ia, isets, iways, iline, ipolicy): Shape, (da, dsets, dways, dline, dpolicy): Shape) -> Config {
    let icache = Geometry::new(isets, iways, iline).unwrap().addressed(ia);
    let dcache = Geometry::new(dsets, dways, dline).unwrap().addressed(da);
    let config = Config::new(icache, dcache);
    Config { icache_replacement: ipolicy, dcache_replacement: dpolicy, ..config }
}

fn smp(config: Config, cpus: usize, globalised: bool, snoops: Snoops) -> Config {
    Config { cpus, globalised, snoops, ..config }
}

fn writing(config: Config, write: Write) -> Config {
    Config { write, ..config }
}

/// The same over pages of 16 KiB.
fn over_16_kb_pages(config: Config) -> Config {
    let page = PageSize::new(16 << 10).unwrap();
    Config { icache: config.icache.paged(page), dcache: config.dcache.paged(page), ..config }
}

/// Every configuration, by name.
fn configurations() -> Vec<(&'static str, Config)> {
    let r24k = caches((Pipt, 128, 4, 32, Lru), (Pipt, 128, 4, 32, Lru));
    let aliasing = caches((Vipt, 256, 4, 32, Lru), (Vipt, 256, 4, 32, Lru));
    let vivt = caches((Vivt, 128, 4, 32, Turn), (Vivt, 128, 4, 32, Turn));
    let small_vivt = caches((Vivt, 32, 4, 32, Plru), (Vivt, 16, 4, 32, Lru));
    let a9 = caches((Vipt, 256, 4, 32, Replacement::Random), (Pipt, 256, 4, 32, Replacement::Random));
    let a9 = Config { random_seed: 9, ..a9 };
    let tiny = caches((Vipt, 256, 1, 32, Lru), (Vipt, 256, 1, 32, Lru));
    let of_16_kb = caches((Vipt, 512, 2, 32, Lru), (Vipt, 512, 2, 32, Plru));
    let of_32_kb = caches((Vipt, 1024, 1, 32, Lru), (Vipt, 512, 2, 64, Turn));
    vec![
        ("qemus_own_24kf", caches((Pipt, 64, 2, 16, Lru), (Pipt, 64, 2, 16, Lru))),
        ("mips_24kf_of_16_kb", r24k),
        ("cortex_a15", caches((Pipt, 256, 2, 64, Plru), (Pipt, 256, 2, 64, Lru))),
        (
            "cortex_a7_with_its_short_instruction_lines",
            caches((Vipt, 512, 2, 32, Lru), (Pipt, 128, 4, 64, Plru)),
        ),
        ("vr4300_direct_mapped", caches((Vipt, 512, 1, 32, Lru), (Vipt, 512, 1, 16, Lru))),
        ("a_64_kb_icache_of_four_colours", caches((Vipt, 512, 4, 32, Lru), (Pipt, 256, 4, 32, Lru))),
        ("octeon_lines_over_a_tiny_dcache", caches((Pipt, 8, 16, 128, Plru), (Pipt, 1, 16, 8, Plru))),
        ("one_line_each", caches((Pipt, 1, 1, 32, Lru), (Pipt, 1, 1, 32, Turn))),
        ("bmips_with_its_long_instruction_lines", caches((Vipt, 128, 4, 64, Turn), (Vipt, 256, 4, 32, Lru))),
        ("both_caches_of_two_colours", aliasing),
        ("a_dcache_of_four_colours", caches((Pipt, 128, 4, 32, Lru), (Vipt, 512, 2, 32, Plru))),
        ("two_colours_direct_mapped", tiny),
        ("virtual_tags_round_robin", vivt),
        ("virtual_tags_in_small_caches", small_vivt),
        ("virtual_tags_random_no_allocate", arm926()),
        ("a_virtual_icache_over_a_physical_dcache", caches((Vivt, 64, 4, 64, Lru), (Pipt, 128, 4, 32, Lru))),
        ("random_replacement", a9),
        ("write_through", writing(r24k, Write::Through)),
        ("write_through_of_two_colours", writing(aliasing, Write::Through)),
        ("no_allocate", writing(r24k, Write::BackNoAllocate)),
        ("no_allocate_of_two_colours", writing(tiny, Write::BackNoAllocate)),
        ("fills_from_its_own_dcache", smp(r24k, 1, false, Snoops::Own)),
        ("fills_from_a_dcache_of_two_colours", smp(tiny, 1, false, Snoops::Own)),
        ("two_cpus_of_their_own", smp(r24k, 2, false, Snoops::Nothing)),
        ("two_cpus_globalised", smp(r24k, 2, true, Snoops::Nothing)),
        ("two_cpus_of_two_colours", smp(tiny, 2, false, Snoops::Nothing)),
        ("two_cpus_of_two_colours_globalised", smp(aliasing, 2, true, Snoops::Nothing)),
        ("two_cpus_snooping_the_other", smp(r24k, 2, true, Snoops::Others)),
        ("two_cpus_snooping_their_own", smp(r24k, 2, false, Snoops::Own)),
        ("three_cpus_snooping_all", smp(aliasing, 3, false, Snoops::All)),
        ("four_cpus_random_globalised", smp(a9, 4, true, Snoops::Nothing)),
        ("four_cpus_no_allocate", smp(writing(r24k, Write::BackNoAllocate), 4, false, Snoops::Others)),
        ("two_cpus_write_through", smp(writing(tiny, Write::Through), 2, false, Snoops::Nothing)),
        ("two_cpus_with_virtual_tags", smp(small_vivt, 2, false, Snoops::Nothing)),
        ("four_cpus_with_virtual_tags_globalised", smp(small_vivt, 4, true, Snoops::Others)),
        ("no_colours_in_ways_of_one_16_kb_page", over_16_kb_pages(of_16_kb)),
        ("two_colours_of_16_kb_pages", over_16_kb_pages(of_32_kb)),
        ("two_cpus_of_two_colours_of_16_kb_pages", over_16_kb_pages(smp(of_32_kb, 2, true, Snoops::Nothing))),
        ("virtual_tags_over_16_kb_pages", over_16_kb_pages(vivt)),
    ]
}

fn arm926() -> Config {
    let random = Replacement::Random;
    let caches = caches((Vivt, 128, 4, 32, random), (Vivt, 128, 4, 32, random));
    writing(Config { random_seed: 926, ..caches }, Write::BackNoAllocate)
}

fn agree(name: &str, operations: u64) {
    let (_, config) = configurations().into_iter().find(|(other, _)| *other == name).unwrap();
    let seed = name.bytes().fold(operations, |hash, byte| hash.wrapping_mul(31) + u64::from(byte));
    let mut pair = Pair::new(config, seed);
    for at in 0..operations {
        if at == operations / 4 {
            pair.reset();
        }
        pair.step();
    }
    // Otherwise nothing would have been compared; caches of one line forget what is stale soonest.
    assert!(pair.stale > operations / 1000, "{} stale", pair.stale);
    assert!(pair.fresh > operations / 100, "{} fresh", pair.fresh);
    // Caches of a few lines forget what was stored past them before it is loaded, and of several CPUs less is known.
    let forgetful = config.dcache.sets() == 1 || config.cpus > 1;
    assert!(forgetful || pair.stale_loads > operations / 10_000, "{} stale loads", pair.stale_loads);
    let totals = pair.dtotals();
    let wrote = totals.evicted_dirty + totals.written_back;
    assert_eq!(wrote > operations / 1000, config.write != Write::Through, "{totals:?}");
    pair.finish();
}

macro_rules! configurations {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                agree(stringify!($name), OPERATIONS);
            }
        )*

        #[test]
        fn every_configuration_has_its_test() {
            let tests = [$(stringify!($name)),*];
            assert_eq!(tests.to_vec(), configurations().iter().map(|(name, _)| *name).collect::<Vec<_>>());
        }
    };
}

configurations! {
    qemus_own_24kf
    mips_24kf_of_16_kb
    cortex_a15
    cortex_a7_with_its_short_instruction_lines
    vr4300_direct_mapped
    a_64_kb_icache_of_four_colours
    octeon_lines_over_a_tiny_dcache
    one_line_each
    bmips_with_its_long_instruction_lines
    both_caches_of_two_colours
    a_dcache_of_four_colours
    two_colours_direct_mapped
    virtual_tags_round_robin
    virtual_tags_in_small_caches
    virtual_tags_random_no_allocate
    a_virtual_icache_over_a_physical_dcache
    random_replacement
    write_through
    write_through_of_two_colours
    no_allocate
    no_allocate_of_two_colours
    fills_from_its_own_dcache
    fills_from_a_dcache_of_two_colours
    two_cpus_of_their_own
    two_cpus_globalised
    two_cpus_of_two_colours
    two_cpus_of_two_colours_globalised
    two_cpus_snooping_the_other
    two_cpus_snooping_their_own
    three_cpus_snooping_all
    four_cpus_random_globalised
    four_cpus_no_allocate
    two_cpus_write_through
    two_cpus_with_virtual_tags
    four_cpus_with_virtual_tags_globalised
    no_colours_in_ways_of_one_16_kb_page
    two_colours_of_16_kb_pages
    two_cpus_of_two_colours_of_16_kb_pages
    virtual_tags_over_16_kb_pages
}

/// All configurations together, for the night.
#[test]
#[ignore = "takes minutes"]
fn ten_million_operations() {
    let all = configurations();
    let each = 10_000_000_u64.div_ceil(all.len() as u64);
    for (name, _) in all {
        agree(name, each);
    }
}
