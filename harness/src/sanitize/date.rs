// SPDX-License-Identifier: GPL-2.0-or-later
//! Days, without clocks: today's is an argument.

use std::fmt;
use std::str::FromStr;

use chrono::{Days, NaiveDate};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::Deserializer;
use serde::de::Visitor;

/// How a day is written, here and everywhere: ISO 8601.
const FORM: &str = "%Y-%m-%d";

/// A day of the Gregorian calendar; the earlier one is the smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Date(NaiveDate);

impl Date {
    /// Returns the day that lies `days` after 1970-01-01, or the last one that the calendar has.
    pub fn after_epoch(days: u64) -> Self {
        Self(NaiveDate::default().checked_add_days(Days::new(days)).unwrap_or(NaiveDate::MAX))
    }
}

impl FromStr for Date {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let day = NaiveDate::parse_from_str(text, FORM).ok().map(Self);
        // The parser also takes signs, and months of one digit.
        day.filter(|day| day.to_string() == text)
            .ok_or_else(|| format!("`{text}` is not a day as YYYY-MM-DD"))
    }
}

/// By hand: an error of serde's `try_from` would be located at the entry and not at the day.
impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Day)
    }
}

impl JsonSchema for Date {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Date".into()
    }

    /// The pattern is looser than [`Date::from_str`]: that a day exists is no matter of its form.
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({"type": "string", "format": "date", "pattern": "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"})
    }
}

struct Day;

impl Visitor<'_> for Day {
    type Value = Date;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a day as YYYY-MM-DD")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Date, E> {
        text.parse().map_err(E::custom)
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format(FORM))
    }
}
