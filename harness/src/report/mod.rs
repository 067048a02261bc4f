// SPDX-License-Identifier: GPL-2.0-or-later
//! From a judgement to something to read. Pure.
//!
//! `content` turns a judgement into words, once; [`table()`] and [`markdown()`] only lay them out, so that every
//! figure is the same in both.

mod answer;
mod binary;
pub mod bisection;
mod cell;
mod change;
mod confidence;
mod content;
mod data;
mod document;
mod grid;
mod html;
mod junit;
mod kcidb;
mod ktap;
mod loads;
mod mail;
mod markdown;
mod number;
mod sentence;
mod status;
mod table;
mod trees;
mod trend;
mod trials;
mod untried;
mod wrap;

pub use cell::StaleClass;
pub use cell::cell;
pub use change::change_markdown;
pub use change::change_table;
pub use data::ExampleTrial;
pub use data::FunctionWork;
pub use data::Index;
pub use data::MAINTENANCE;
pub use data::ReportData;
pub use data::Tools;
pub use document::json;
pub use document::json_schema;
pub use html::html;
pub use html::trend_html;
pub use junit::junit;
pub use kcidb::kcidb;
pub use ktap::ktap;
pub use mail::Envelope;
pub use mail::HeaderText;
pub use mail::Mailbox;
pub use mail::MessageId;
pub use mail::TestedBy;
pub use mail::mail;
pub use markdown::markdown;
pub use table::Style;
pub use table::table;
pub use trend::TrendReport;
pub use trend::trend_table;
pub use trials::csv;

#[cfg(test)]
mod tests;
