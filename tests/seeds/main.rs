//! `apply TREE SEED` puts a seeded bug into a tree, and names the files that it changes.

mod apply;

use std::path::Path;

fn main() -> Result<(), String> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [tree, seed] = arguments.as_slice() else { return Err("apply TREE SEED".to_owned()) };
    let text = std::fs::read_to_string(seed).map_err(|error| error.to_string())?;
    for (path, text) in apply::changed(Path::new(tree), &text)? {
        std::fs::write(&path, text).map_err(|error| error.to_string())?;
        println!("{}", path.strip_prefix(tree).unwrap_or(&path).display());
    }
    Ok(())
}
