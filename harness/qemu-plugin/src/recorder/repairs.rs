// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale fetches that the CPU which made them mends at once: kernels fetch from code that they are in the course of patching, and
//! flush it next. That it does so is seen here, line by line, and not believed of anyone's name.

use cache_model::{PhysAddr, VirtAddr};
use instrument::StaleFetch;

use super::findings::Place;

/// How many lines are watched at the same time; the one that waits longest makes room.
const WATCHED: usize = 64;

/// A line is at most as long as this: two stale fetches nearer to each other may be of one line.
const LONGEST_LINE: u64 = 128;

/// A stale fetch that nobody has mended yet.
struct Watched {
    place: Place,
    phys: PhysAddr,
    cpu: usize,
    /// Guest instructions before it.
    now: u64,
}

/// The lines that are watched.
#[derive(Default)]
pub(super) struct Repairs(Vec<Watched>);

impl Repairs {
    /// A CPU has made a stale fetch. Whatever was watched of the line was not mended in time.
    pub(super) fn fetched(&mut self, place: Place, phys: PhysAddr, cpu: usize, now: u64) {
        let line = phys.align_down(LONGEST_LINE);
        self.0.retain(|watched| watched.phys.align_down(LONGEST_LINE) != line);
        if self.0.len() == WATCHED {
            self.0.remove(0);
        }
        self.0.push(Watched { place, phys, cpu, now });
    }

    /// A CPU has done maintenance. Lines that are fresh after it are watched no more; `repaired` hears of those that were its own,
    /// and in time.
    pub(super) fn maintained(
        &mut self,
        cpu: usize,
        now: u64,
        is_fresh: impl Fn(VirtAddr, PhysAddr) -> bool,
        mut repaired: impl FnMut(Place),
    ) {
        self.0.retain(|watched| {
            if now - watched.now > StaleFetch::REPAIRED_WITHIN {
                return false;
            }
            // What a line holds is looked up in the caches of the CPU that runs.
            if watched.cpu != cpu || !is_fresh(watched.place.0, watched.phys) {
                return true;
            }
            repaired(watched.place);
            false
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(virt: u64) -> Place {
        (virt.into(), 0)
    }

    fn maintain(repairs: &mut Repairs, cpu: usize, now: u64, fresh: u64) -> Vec<u64> {
        let mut repaired = Vec::new();
        let is_fresh = |virt: VirtAddr, _: PhysAddr| virt.get() == fresh;
        repairs.maintained(cpu, now, is_fresh, |place| repaired.push(place.0.get()));
        repaired
    }

    #[test]
    fn only_its_own_cpu_mends_a_line_in_time_and_once() {
        let mut repairs = Repairs::default();
        repairs.fetched(place(0x100), 0x1100.into(), 0, 10);
        assert_eq!(maintain(&mut repairs, 1, 20, 0x100), [0; 0], "another CPU's maintenance");
        assert_eq!(maintain(&mut repairs, 0, 20, 0x200), [0; 0], "another line");
        assert_eq!(maintain(&mut repairs, 0, 30, 0x100), [0x100]);
        assert_eq!(maintain(&mut repairs, 0, 40, 0x100), [0; 0], "once");
        repairs.fetched(place(0x100), 0x1100.into(), 0, 50);
        assert_eq!(maintain(&mut repairs, 0, 51 + StaleFetch::REPAIRED_WITHIN, 0x100), [0; 0], "too late");
    }

    #[test]
    fn a_line_that_is_fetched_again_first_was_not_mended() {
        let mut repairs = Repairs::default();
        repairs.fetched(place(0x100), 0x1100.into(), 0, 10);
        repairs.fetched(place(0x104), 0x1104.into(), 1, 20);
        assert_eq!(maintain(&mut repairs, 0, 30, 0x100), [0; 0]);
        assert_eq!(maintain(&mut repairs, 1, 30, 0x104), [0x104]);
    }
}
