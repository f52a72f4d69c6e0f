//! Yunguan (云管): the system that a government cloud is run by.
//!
//! Data flows one way: `controllers` observe the API, `core` decides, `build` makes Kubernetes objects,
//! `controllers` apply and report. `core` and `build` are pure; `runtime` is the only shared I/O.

pub mod api;
pub mod audit;
pub mod build;
pub mod check;
pub mod cli;
pub mod controllers;
pub mod core;
#[cfg(test)]
mod filled;
pub mod operator;
pub mod runtime;
#[cfg(test)]
mod structure;
