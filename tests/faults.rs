//! What breaks, and where the operator comes to rest after it.

mod clock;
mod crash;
mod oracles;
mod restore;
mod weather;
