//! A controller a kind: observe (I/O), decide (`core`), build (`build`), apply (I/O), report. Rules live in `core`.

pub mod authority;
mod binding;
mod case;
pub mod catalog;
pub mod change;
pub mod context;
pub mod decommission;
pub mod domain;
pub mod guards;
mod measure;
pub mod organization;
pub mod policy;
pub mod proposal;
mod refused;
pub mod request;
mod room;
pub mod sanction;
pub mod system;
mod takeover;
mod told;
pub mod usage;
pub mod watches;

pub use context::Context;
pub use measure::measure;
