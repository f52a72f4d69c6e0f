//! Tests against a real API server. They share two local clusters, which end with this program: one in which the operator
//! runs, and one without it, where the API server stands alone.

mod admission;
mod changing;
mod crds;
mod faults;
mod leaving;
mod manifests;
mod ordering;
mod plugin;
mod reading;
mod story;
mod support;
mod timing;
mod world;
