//! The machine of the changes: two changes of one system for good, one for a time, and one of another system in the same
//! domain, with the clock, the quotas and what tenants use of them. `core::change`, `core::effective`, `core::capacity`
//! and `build::quota` are the real ones; [`operator`] plays the rest.

pub mod book;
pub mod invariants;
pub mod machine;
pub mod operator;
pub mod people;
pub mod runs;
mod settle;
pub mod setup;
pub mod world;

pub use machine::Machine;
pub use setup::Setup;
