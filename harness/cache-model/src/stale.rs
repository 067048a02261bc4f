// SPDX-License-Identifier: GPL-2.0-or-later
//! Stale fetches, and how they came about.

use crate::address::PhysAddr;
use crate::origin::Origin;

/// What was not done before a stale fetch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub enum Missing {
    /// What was written was not written back: the line is dirty in the D$, and the I$ was filled from below it.
    WriteBack,
    /// What was executed was not invalidated: memory is up to date, and the I$ still holds an older line.
    Invalidate,
    /// Neither was done: the line is dirty in the D$, and the I$ holds one that is older than memory.
    Both,
}

/// A fetch whose I$ bytes differ from what the data side sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stale {
    /// Physical address of the fetched bytes.
    pub phys: PhysAddr,
    /// The bytes in the I$.
    pub executed: Vec<u8>,
    /// The bytes that a load would return.
    pub expected: Vec<u8>,
    /// What was missing.
    pub missing: Missing,
    /// The last store to the line, if the model saw one.
    pub writer: Option<Origin>,
    /// The CPU whose D$ has the line dirty, if it is not the one that fetched.
    pub dirty_in: Option<usize>,
}

impl Stale {
    /// Number of the first byte that differs.
    pub fn differs(&self) -> usize {
        self.executed.iter().zip(&self.expected).position(|(a, b)| a != b).unwrap_or(0)
    }
}

/// The use of one maintenance operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize), serde(rename_all = "kebab-case"))]
pub enum FlushUse {
    /// It dropped a line from an I$ that differed from what the data side saw.
    Needed,
    /// It wrote back a dirty line. Whether that was needed shows when the line is fetched: see
    /// [`crate::Model::confirmed`].
    WroteBack,
    /// What it named was clean, absent, or already what the data side saw.
    Redundant,
    /// It changed nothing, but the same line needed it at another colour, where the operation does not reach.
    WrongColour,
    /// It changed nothing, but the same line needed it on another CPU, where the operation does not reach.
    WrongCpu,
    /// It is for a cache that the model does not have.
    NotModelled,
}

impl FlushUse {
    /// What two parts of one operation come to together: what did something counts, then what failed to.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        let rank = |flush_use| match flush_use {
            Self::Needed => 0,
            Self::WroteBack => 1,
            Self::WrongCpu => 2,
            Self::WrongColour => 3,
            Self::Redundant => 4,
            Self::NotModelled => 5,
        };
        if rank(self) <= rank(other) { self } else { other }
    }
}

/// How near a maintenance operation came to a stale line. Records have words of their own for it, from their first version on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
pub enum Proximity {
    /// It named this line, or its slot.
    #[cfg_attr(feature = "serde", serde(rename = "here"))]
    SameLine,
    /// It named the line just before or just after: the range was too short, or began too late.
    #[cfg_attr(feature = "serde", serde(rename = "beside"))]
    AdjacentLine,
    /// It was for the whole cache.
    #[cfg_attr(feature = "serde", serde(rename = "everywhere"))]
    WholeCache,
}

/// A maintenance operation in the past of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PastOperation {
    /// Which instruction, and when.
    pub origin: Origin,
    /// How near it came.
    pub proximity: Proximity,
    /// What it did.
    pub flush_use: FlushUse,
}

impl PastOperation {
    /// How many operations are listed for one line.
    pub const LISTED: usize = 8;

    /// Whether it was meant for the line and missed it, at another colour or on another CPU: what was to be done was thought of,
    /// and done in the wrong place.
    pub fn is_decisive(&self) -> bool {
        self.proximity != Proximity::AdjacentLine
            && matches!(self.flush_use, FlushUse::WrongColour | FlushUse::WrongCpu)
    }
}

/// The last maintenance operations, whatever they were for.
#[derive(Clone, Debug)]
pub(crate) struct MaintenanceLog {
    ring: Vec<LogEntry>,
    next: usize,
}

#[derive(Clone, Copy, Debug)]
struct LogEntry {
    origin: Origin,
    /// First byte of the line; `None` for the whole cache.
    line: Option<PhysAddr>,
    flush_use: FlushUse,
}

impl MaintenanceLog {
    /// How many are remembered: the blasting of two caches of 64 KB with 32-byte lines, and a page, fit in.
    const LENGTH: usize = 1 << 14;

    pub(crate) fn new() -> Self {
        Self { ring: Vec::new(), next: 0 }
    }

    /// Forgets everything.
    pub(crate) fn reset(&mut self) {
        self.ring.clear();
        self.next = 0;
    }

    pub(crate) fn record(&mut self, origin: Origin, line: Option<PhysAddr>, flush_use: FlushUse) {
        let entry = LogEntry { origin, line, flush_use };
        if self.ring.len() < Self::LENGTH {
            self.ring.push(entry);
        } else {
            self.ring[self.next] = entry;
        }
        self.next = (self.next + 1) % Self::LENGTH;
    }

    /// What was done since `since` to the line of `size` bytes at `line`, and beside it.
    pub(crate) fn since(&self, since: u32, line: PhysAddr, size: u64) -> Vec<PastOperation> {
        let newest_first = (1..=self.ring.len())
            .map(|back| &self.ring[(self.next + Self::LENGTH - back) % Self::LENGTH % self.ring.len()]);
        let mut newest_first =
            newest_first.take_while(|entry| entry.origin.icount >= since).filter_map(|entry| {
                let proximity = match entry.line.map(|at| at.align_down(size)) {
                    None => Proximity::WholeCache,
                    Some(at) if at == line => Proximity::SameLine,
                    Some(at) if at == line + size || at + size == line => Proximity::AdjacentLine,
                    Some(_) => return None,
                };
                Some(PastOperation { origin: entry.origin, proximity, flush_use: entry.flush_use })
            });
        let mut past: Vec<PastOperation> = newest_first.by_ref().take(PastOperation::LISTED).collect();
        if !past.iter().any(PastOperation::is_decisive)
            && let Some(decisive) = newest_first.find(PastOperation::is_decisive)
        {
            past[PastOperation::LISTED - 1] = decisive;
        }
        past.reverse();
        past
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_missed_the_line_is_listed_whatever_came_after() {
        let line = PhysAddr::new(0x1000);
        let past = |missed_at: u32, flush_use| {
            let mut log = MaintenanceLog::new();
            for icount in 0..30 {
                let origin = Origin { insn: 1, icount };
                if icount == missed_at {
                    log.record(origin, Some(line), flush_use);
                } else {
                    log.record(origin, Some(line + 32), FlushUse::Redundant);
                }
            }
            log.since(3, line, 32).iter().map(|past| past.origin.icount).collect::<Vec<_>>()
        };
        let newest = [22, 23, 24, 25, 26, 27, 28, 29];
        assert_eq!(past(10, FlushUse::WrongColour), [10, 23, 24, 25, 26, 27, 28, 29]);
        assert_eq!(past(10, FlushUse::WrongCpu)[0], 10);
        assert_eq!(past(25, FlushUse::WrongCpu), newest);
        // Before the store, or without a meaning for the line.
        assert_eq!(past(2, FlushUse::WrongColour), newest);
        assert_eq!(past(10, FlushUse::Redundant), newest);
    }
}
