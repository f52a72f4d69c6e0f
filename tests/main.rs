//! Tests against a real API server. They share one local cluster, which ends with this program.

mod crds;
mod story;
mod world;
