//! The life of requests on a real API server, by real people, with a real operator.

pub mod adoption;
mod articles;
mod bad_input;
mod books;
mod changes;
mod failures;
mod ground;
mod leaving;
mod months;
mod node;
mod node_leaving;
mod products;
pub mod provisioning;
pub mod sanctions;
pub mod sizing;
mod steps;
mod track;
pub mod usage;
mod voices;
