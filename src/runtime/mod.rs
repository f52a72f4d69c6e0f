//! The I/O that all controllers share: watches, the reconcile wrapper, writes, the lease, metrics, health.
//!
//! Generic: it knows Kubernetes and no rule of the measures.

mod agenda;
pub mod apply;
pub mod client;
pub mod clock;
pub mod controller;
pub mod events;
pub mod fence;
pub mod health;
pub mod hub;
pub mod id;
pub mod index;
pub mod lease;
pub mod metrics;
mod press;
pub mod prometheus;
pub mod read;
pub mod steps;
pub mod store;
pub mod survey;
