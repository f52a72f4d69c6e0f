//! `kubectl yunguan`: the plugin's command line.

fn main() {}
