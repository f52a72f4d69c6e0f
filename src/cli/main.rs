//! `kubectl yunguan`: the plugin's command line.

use std::process::ExitCode;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = std::env::args_os().map(|a| a.to_string_lossy().into_owned()).collect();
    yunguan::cli::run(arguments).await.into()
}
