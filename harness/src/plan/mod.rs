// SPDX-License-Identifier: GPL-2.0-or-later
//! From the texts of a study's files to a plan in which every name is resolved and every figure checked.
//!
//! Pure: `study` reads the files. [`load()`] parses a study and whatever it names into the low form, which mirrors
//! the YAML; [`resolve()`] turns that into a [`Plan`], which later stages trust without looking again.

mod boot;
mod check;
mod class;
mod compose;
mod design;
pub mod hardware;
mod high;
mod load;
pub mod model;
mod part;
pub mod parts;
mod precedent;
mod resolve;
mod series;
mod shard;
mod single;
mod sweep;
mod symptom;
mod trial_id;
mod version;

pub use boot::Boot;
pub use boot::ResultSource;
pub use check::testcase_name;
pub use class::Class;
pub use compose::all_architectures;
pub use compose::all_sources;
pub use compose::words_of_kernel;
pub use design::Evidence;
pub use design::IntervalMethod;
pub use design::Question;
pub use design::Rule;
pub use design::Until;
pub use design::Yes;
pub use hardware::Caches;
pub use high::Cell;
pub use high::Kernel;
pub use high::Machine;
pub use high::Plan;
pub use high::Source;
pub use high::Study;
pub use high::Target;
pub use high::Testcase;
pub use high::Variant;
pub use high::dtb_name;
pub use load::Low;
pub use load::Texts;
pub use load::all_machines;
pub use load::load;
pub use model::Arch;
pub use model::ExpectationRule;
pub use model::Expected;
pub use model::Seeds;
pub use model::Unit;
pub use part::StudyPart;
pub use part::part;
pub use parts::GuestCompiler;
pub use parts::Uimage;
pub use precedent::KernelWords;
pub use precedent::Precedent;
pub use resolve::resolve;
pub use series::One;
pub use series::Patches;
pub use shard::BASE_SECONDS;
pub use shard::BOOT_SECONDS;
pub use shard::Costs;
pub use shard::IMAGE_SECONDS;
pub use shard::Load;
pub use shard::Shard;
pub use shard::Share;
pub use shard::load as load_of;
pub use shard::share;
pub use single::WantedCell;
pub use single::single;
pub use symptom::Symptom;
pub use trial_id::TrialId;
pub use trial_id::mode_name;
pub use trial_id::mode_schema;

#[cfg(test)]
pub(crate) mod tests;
