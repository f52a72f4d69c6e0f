//! Texts that are much alike, held small: compressed against the first of them.

use std::io;
use zstd::bulk::{Compressor, Decompressor};

/// Quick rather than small: most is won by what the texts have in common, at any level.
const LEVEL: i32 = 1;
/// So many bytes of the first texts serve as the dictionary for the rest. They stay as they are.
const DICTIONARY: usize = 64 * 1024;

/// Makes texts small, and large again. Holds what they have in common once.
#[derive(Default)]
pub struct Press {
    first: Vec<u8>,
    tools: Option<(Compressor<'static>, Decompressor<'static>)>,
}

/// A text, to be read by the press that made it.
pub enum Pressed {
    /// As it was.
    Plain(Box<[u8]>),
    /// Compressed, with its size before.
    Small(Box<[u8]>, usize),
}

impl Press {
    /// Makes a text small, once enough others have been seen.
    pub fn press(&mut self, text: Vec<u8>) -> Pressed {
        if let Some((compressor, _)) = &mut self.tools {
            return match compressor.compress(&text) {
                Ok(small) => Pressed::Small(small.into_boxed_slice(), text.len()),
                Err(error) => {
                    tracing::warn!(%error, "an object could not be compressed; it is held as it is");
                    Pressed::Plain(text.into_boxed_slice())
                }
            };
        }
        self.first.extend_from_slice(&text);
        if self.first.len() >= DICTIONARY {
            match tools(&std::mem::take(&mut self.first)) {
                Ok(tools) => self.tools = Some(tools),
                Err(error) => tracing::warn!(%error, "objects cannot be compressed; they are held as they are"),
            }
        }
        Pressed::Plain(text.into_boxed_slice())
    }

    /// The text as it was.
    ///
    /// # Errors
    /// When this press did not make it.
    pub fn read(&mut self, pressed: &Pressed) -> io::Result<Vec<u8>> {
        match (pressed, &mut self.tools) {
            (Pressed::Plain(text), _) => Ok(text.to_vec()),
            (Pressed::Small(small, size), Some((_, decompressor))) => decompressor.decompress(small, *size),
            (Pressed::Small(..), None) => Err(io::Error::other("made by another press")),
        }
    }
}

fn tools(dictionary: &[u8]) -> io::Result<(Compressor<'static>, Decompressor<'static>)> {
    Ok((Compressor::with_dictionary(LEVEL, dictionary)?, Decompressor::with_dictionary(dictionary)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_texts_have_in_common_is_held_once() {
        let mut press = Press::default();
        let text = |n: usize| format!("{n} {}", "all of them say this, and 说的都一样; ".repeat(100)).into_bytes();
        let pressed: Vec<_> = (0..100).map(|n| press.press(text(n))).collect();
        assert!(matches!(pressed.first(), Some(Pressed::Plain(_))));
        let Some(Pressed::Small(small, size)) = pressed.last() else { panic!("nothing was compressed") };
        assert!(small.len() * 20 < *size, "{} of {size}", small.len());
        for (n, pressed) in pressed.iter().enumerate() {
            assert_eq!(press.read(pressed).unwrap(), text(n));
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn every_text_comes_back_as_it_was(texts in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..20_000), 1..20)) {
            let mut press = Press::default();
            let pressed: Vec<_> = texts.iter().map(|text| press.press(text.clone())).collect();
            for (pressed, text) in pressed.iter().zip(&texts) {
                prop_assert_eq!(&press.read(pressed).unwrap(), text);
            }
        }
    }
}
