//! The kubectl plugin. What is decided and how it is shown is pure; `session` and `commands` talk to the cluster.

pub mod choose;
pub mod decision;
pub mod detail;
pub mod evidence;
pub mod explain;
pub mod failure;
pub mod inbox;
pub mod lang;
mod messages;
pub mod moment;
pub mod page;
#[cfg(test)]
mod samples;
pub mod suggest;
pub mod timeline;
pub mod words;
