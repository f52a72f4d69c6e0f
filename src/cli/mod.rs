//! The kubectl plugin. What is decided and how it is shown is pure; `session` and `commands` talk to the cluster.

pub mod args;
pub mod choose;
pub mod decision;
pub mod detail;
pub mod evidence;
pub mod explain;
pub mod failure;
pub mod help;
pub mod inbox;
pub mod lang;
mod messages;
pub mod moment;
pub mod outcome;
pub mod page;
#[cfg(test)]
mod samples;
pub mod session;
pub mod suggest;
pub mod timeline;
pub mod words;
