//! The local cluster by hand.
fn main() {}
