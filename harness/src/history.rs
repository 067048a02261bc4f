// SPDX-License-Identifier: GPL-2.0-or-later
//! The entries of a site, in one SQLite file: what each cell of a study came to on each day.
//!
//! An entry is a study on a day. What is added twice is there once; an entry that is added again with other results takes the
//! place of what was there. All of an entry is written or nothing, and several programs may use the file at once.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::error::{Error, Result};
use crate::judge::trend::{CellEntry, HistoryEntry};

/// Version of the tables, kept as SQLite's `user_version`.
const VERSION: i64 = 2;

/// How long to wait for another program that writes.
const PATIENCE: Duration = Duration::from_secs(60);

const TABLES: &str = "
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    study TEXT NOT NULL,
    date TEXT NOT NULL,
    content TEXT NOT NULL,
    UNIQUE (study, date)
);
CREATE TABLE cell (
    entry INTEGER NOT NULL REFERENCES entry ON DELETE CASCADE,
    name TEXT NOT NULL,
    baseline INTEGER NOT NULL,
    passes INTEGER NOT NULL,
    n INTEGER NOT NULL,
    unknown INTEGER NOT NULL,
    operations REAL,
    seconds REAL,
    evidence TEXT NOT NULL,
    PRIMARY KEY (entry, name)
) WITHOUT ROWID;
";

/// From version 1, which called an entry a night.
const FROM_VERSION_1: &str =
    "ALTER TABLE night RENAME TO entry; ALTER TABLE cell RENAME COLUMN night TO entry;";

/// What became of an entry that was to be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Added {
    /// It is new.
    New,
    /// It was there, with the same results.
    There,
    /// It was there with other results, which these have replaced.
    Replaced,
}

/// An open history.
#[derive(Debug)]
pub struct History {
    file: PathBuf,
    connection: Connection,
}

impl History {
    /// Opens a history, and makes it if there is none.
    ///
    /// # Errors
    ///
    /// Study, when the file is something else or of a later version; infrastructure.
    pub fn open(file: &Path) -> Result<Self> {
        let connection = Connection::open(file).map_err(|error| failed(file, &error))?;
        let history = Self { file: file.to_owned(), connection };
        history.prepare()?;
        Ok(history)
    }

    fn prepare(&self) -> Result<()> {
        let wrong = |error| failed(&self.file, &error);
        self.connection.busy_timeout(PATIENCE).map_err(wrong)?;
        self.connection.execute_batch("PRAGMA foreign_keys = ON; BEGIN IMMEDIATE;").map_err(wrong)?;
        let version: i64 =
            self.connection.query_row("PRAGMA user_version", [], |row| row.get(0)).map_err(wrong)?;
        match version {
            0 => self.connection.execute_batch(TABLES).map_err(wrong)?,
            1 => self.connection.execute_batch(FROM_VERSION_1).map_err(wrong)?,
            VERSION => {}
            other => {
                let what = format!("{} is a history of version {other}", self.file.display());
                return Err(Error::study(what).hint(format!("this patcheval knows version {VERSION}")));
            }
        }
        self.connection.execute_batch(&format!("PRAGMA user_version = {VERSION}; COMMIT;")).map_err(wrong)
    }

    /// Adds an entry of a study; `content` stands for all that it was made of and came to.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn add(&mut self, study: &str, entry: &HistoryEntry, content: &str) -> Result<Added> {
        let file = self.file.clone();
        self.write(study, entry, content).map_err(|error| failed(&file, &error))
    }

    fn write(&mut self, study: &str, entry: &HistoryEntry, content: &str) -> rusqlite::Result<Added> {
        let all = self.connection.transaction()?;
        let there: Option<String> = all
            .query_row(
                "SELECT content FROM entry WHERE study = ?1 AND date = ?2",
                params![study, entry.date],
                |row| row.get(0),
            )
            .optional()?;
        if there.as_deref() == Some(content) {
            return Ok(Added::There);
        }
        all.execute("DELETE FROM entry WHERE study = ?1 AND date = ?2", params![study, entry.date])?;
        all.execute(
            "INSERT INTO entry (study, date, content) VALUES (?1, ?2, ?3)",
            params![study, entry.date, content],
        )?;
        let id = all.last_insert_rowid();
        for (name, cell) in &entry.cells {
            let CellEntry { baseline, passes, n, unknown, operations, seconds, evidence } = cell;
            all.execute(
                "INSERT INTO cell VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
                params![id, name, baseline, passes, n, unknown, operations, seconds, evidence],
            )?;
        }
        all.commit()?;
        Ok(if there.is_some() { Added::Replaced } else { Added::New })
    }

    /// Returns the studies that have entries, by name.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn studies(&self) -> Result<Vec<String>> {
        let read = || -> rusqlite::Result<Vec<String>> {
            let mut names = self.connection.prepare("SELECT DISTINCT study FROM entry ORDER BY study")?;
            names.query_map([], |row| row.get(0))?.collect()
        };
        read().map_err(|error| failed(&self.file, &error))
    }

    /// Returns the last `count` entries of a study, the oldest first.
    ///
    /// # Errors
    ///
    /// Infrastructure.
    pub fn entries(&self, study: &str, count: u32) -> Result<Vec<HistoryEntry>> {
        self.read(study, count).map_err(|error| failed(&self.file, &error))
    }

    fn read(&self, study: &str, count: u32) -> rusqlite::Result<Vec<HistoryEntry>> {
        let mut entries = self
            .connection
            .prepare("SELECT id, date FROM entry WHERE study = ?1 ORDER BY date DESC LIMIT ?2")?;
        let found = entries.query_map(params![study, count], |row| Ok((row.get(0)?, row.get(1)?)))?;
        let mut found: Vec<(i64, String)> = found.collect::<rusqlite::Result<_>>()?;
        found.reverse();
        let mut cells = self.connection.prepare(
            "SELECT name, baseline, passes, n, unknown, operations, seconds, evidence FROM cell WHERE entry = ?1",
        )?;
        let mut cells_of = |id: i64| {
            let cell = |row: &rusqlite::Row<'_>| {
                let cell = CellEntry {
                    baseline: row.get(1)?,
                    passes: row.get(2)?,
                    n: row.get(3)?,
                    unknown: row.get(4)?,
                    operations: row.get(5)?,
                    seconds: row.get(6)?,
                    evidence: row.get(7)?,
                };
                Ok((row.get::<_, String>(0)?, cell))
            };
            cells.query_map([id], cell)?.collect::<rusqlite::Result<_>>()
        };
        found.into_iter().map(|(id, date)| Ok(HistoryEntry { date, cells: cells_of(id)? })).collect()
    }
}

fn failed(file: &Path, error: &rusqlite::Error) -> Error {
    let what = format!("{}: {error}", file.display());
    match error.sqlite_error_code() {
        Some(rusqlite::ErrorCode::NotADatabase) => {
            Error::study(what).hint("it is no history: name another file by --db")
        }
        _ => Error::infrastructure(what),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn entry(date: &str, passes: u32) -> HistoryEntry {
        let cell = CellEntry {
            baseline: false,
            passes,
            n: 20,
            unknown: 1,
            operations: Some(12.5),
            seconds: None,
            evidence: "e".into(),
        };
        HistoryEntry { date: date.into(), cells: BTreeMap::from([("k/m/r/t".to_owned(), cell)]) }
    }

    #[test]
    fn what_is_added_comes_back_in_the_order_of_the_days() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("history.sqlite");
        let mut history = History::open(&file).unwrap();
        let entries = [entry("2026-11-03", 20), entry("2026-11-01", 19), entry("2026-11-02", 18)];
        for entry in &entries {
            assert_eq!(history.add("s", entry, "x").unwrap(), Added::New);
        }
        drop(history);
        let history = History::open(&file).unwrap();
        let [third, first, second] = entries;
        assert_eq!(history.entries("s", 10).unwrap(), [first, second.clone(), third.clone()]);
        assert_eq!(history.entries("s", 2).unwrap(), [second, third]);
        assert_eq!(history.entries("other", 2).unwrap(), []);
        assert_eq!(history.studies().unwrap(), ["s"]);
    }

    #[test]
    fn an_entry_is_there_once() {
        let dir = tempfile::tempdir().unwrap();
        let mut history = History::open(&dir.path().join("h")).unwrap();
        assert_eq!(history.add("s", &entry("2026-11-01", 20), "a").unwrap(), Added::New);
        assert_eq!(history.add("s", &entry("2026-11-01", 20), "a").unwrap(), Added::There);
        assert_eq!(history.add("s", &entry("2026-11-01", 7), "b").unwrap(), Added::Replaced);
        assert_eq!(history.entries("s", 10).unwrap(), [entry("2026-11-01", 7)]);
    }

    #[test]
    fn a_history_of_version_1_keeps_its_entries() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h");
        let old = TABLES
            .replace("CREATE TABLE entry", "CREATE TABLE night")
            .replace(
                "    entry INTEGER NOT NULL REFERENCES entry",
                "    night INTEGER NOT NULL REFERENCES night",
            )
            .replace("(entry, name)", "(night, name)");
        Connection::open(&file)
            .unwrap()
            .execute_batch(&format!(
                "{old} PRAGMA user_version = 1;
                 INSERT INTO night VALUES (1, 's', '2026-11-01', 'x');
                 INSERT INTO cell VALUES (1, 'k/m/r/t', 0, 20, 20, 1, 12.5, NULL, 'e');"
            ))
            .unwrap();
        let mut history = History::open(&file).unwrap();
        assert_eq!(history.entries("s", 10).unwrap(), [entry("2026-11-01", 20)]);
        assert_eq!(history.add("s", &entry("2026-11-02", 7), "y").unwrap(), Added::New);
        drop(history);
        assert_eq!(History::open(&file).unwrap().entries("s", 10).unwrap().len(), 2);
    }

    #[test]
    fn another_file_and_a_later_version_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("h");
        std::fs::write(&file, "this is not a database, but long enough to be read as one, or not".repeat(20))
            .unwrap();
        assert_eq!(History::open(&file).unwrap_err().kind(), crate::error::ErrorKind::Study);
        let later = dir.path().join("later");
        Connection::open(&later).unwrap().execute_batch("PRAGMA user_version = 9").unwrap();
        let error = History::open(&later).unwrap_err();
        assert!(error.to_string().contains("version 9"), "{error}");
    }
}
