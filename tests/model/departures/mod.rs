//! The machine of the departures: a system of one volume that leaves, while a change of it is decided and put on record, an
//! order stops it and is lifted, and its unit changes its mind. `core::leaving`, `core::sanction`, `core::change`,
//! `core::stop`, `core::effective`, `core::ledger` and `core::capacity` are the real ones; what concerns the change and the
//! domain is the machine of the [changes](super::changes), which is part of this one; [`operator`] plays the rest.

mod book;
pub mod invariants;
pub mod machine;
mod operator;
mod people;
mod rules;
pub mod runs;
mod settle;
pub mod setup;
mod world;

pub use machine::Machine;
pub use setup::Setup;
