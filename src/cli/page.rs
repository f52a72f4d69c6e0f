//! Text for a terminal: lines, pairs and tables whose columns line up with Chinese text too.

use comfy_table::{ContentArrangement, Table, presets};
use unicode_width::UnicodeWidthStr as _;

/// What is printed, block by block.
#[derive(Clone, Debug, Default)]
pub struct Page(Vec<Block>);

#[derive(Clone, Debug)]
enum Block {
    Line(String),
    Pairs(Vec<(String, String)>),
    Table(Vec<Vec<String>>),
}

impl Page {
    /// A line as it is.
    pub fn line(&mut self, text: impl AsRef<str>) -> &mut Self {
        self.0.push(Block::Line(clean(text.as_ref())));
        self
    }

    /// An empty line and a heading.
    pub fn heading(&mut self, text: impl AsRef<str>) -> &mut Self {
        if !self.0.is_empty() {
            self.line("");
        }
        self.line(text)
    }

    /// Names and values; pairs with an empty value are left out.
    pub fn pairs(&mut self, pairs: impl IntoIterator<Item = (String, String)>) -> &mut Self {
        let pairs = pairs.into_iter().filter(|(_, v)| !v.is_empty()).map(|(k, v)| (clean(&k), clean(&v)));
        self.0.push(Block::Pairs(pairs.collect()));
        self
    }

    /// A table under its header.
    pub fn table<'a>(
        &mut self,
        header: impl IntoIterator<Item = &'a str>,
        rows: impl IntoIterator<Item = Vec<String>>,
    ) -> &mut Self {
        let mut all = vec![header.into_iter().map(ToOwned::to_owned).collect::<Vec<_>>()];
        all.extend(rows.into_iter().map(|row| row.iter().map(|cell| dash(&clean(cell))).collect()));
        self.0.push(Block::Table(all));
        self
    }

    /// Another page below this one.
    pub fn append(&mut self, mut other: Self) -> &mut Self {
        self.0.append(&mut other.0);
        self
    }

    /// The text, each line ended and without blanks at its end.
    #[must_use]
    pub fn render(&self) -> String {
        let mut text = String::new();
        for line in self.0.iter().flat_map(Block::lines) {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

impl Block {
    fn lines(&self) -> Vec<String> {
        match self {
            Self::Line(line) => vec![line.clone()],
            Self::Pairs(pairs) => {
                let rows: Vec<_> = pairs.iter().map(|(k, v)| vec![format!("{k}:"), v.clone()]).collect();
                aligned(&rows)
            }
            Self::Table(rows) => aligned(rows),
        }
    }
}

/// Lines of equal display width, columns two blanks apart.
fn aligned(rows: &[Vec<String>]) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.add_rows(rows.iter().cloned());
    for column in table.column_iter_mut() {
        column.set_padding((0, 2));
    }
    table.lines().collect()
}

fn dash(cell: &str) -> String {
    if cell.is_empty() { "-".to_owned() } else { cell.to_owned() }
}

/// Text of other people, harmless for a terminal: no control characters, no line breaks, no change of direction.
#[must_use]
pub fn clean(text: &str) -> String {
    text.chars()
        .filter(|c| !matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'))
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

/// At most `width` columns of it; what was cut off shows as two dots.
#[must_use]
pub fn shorten(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        let longer = format!("{short}{c}");
        if longer.width() + 2 > width {
            break;
        }
        short = longer;
    }
    short + ".."
}

/// Enough of a digest to recognise it by.
#[must_use]
pub fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_with_chinese_text() {
        let rows = [
            vec!["系统".to_owned(), "GATE".to_owned(), "到期日".to_owned()],
            vec!["健康亳州门户（二期）".to_owned(), "completeness".to_owned(), "2026-11-30".to_owned()],
            vec!["a".to_owned(), "完整性审核".to_owned(), "-".to_owned()],
        ];
        let lines = aligned(&rows);
        assert_eq!(lines.len(), 3);
        let second: Vec<usize> =
            lines.iter().zip(&rows).map(|(line, row)| line[..line.find(&row[1]).unwrap()].width()).collect();
        assert_eq!(second, [22, 22, 22]);
        let widths: Vec<usize> = lines.iter().map(|l| l.width()).collect();
        assert!(widths.iter().all(|w| *w == widths[0]), "{widths:?}");
    }

    #[test]
    fn text_of_others_cannot_steer_the_terminal() {
        assert_eq!(clean("a\u{1b}[31mred\nnext\u{202e}"), "a [31mred next");
        let mut page = Page::default();
        page.table(["A"], [vec!["one\ntwo".to_owned()]]);
        assert_eq!(page.render(), "A\none two\n");
    }

    #[test]
    fn shortening_counts_columns() {
        assert_eq!(shorten("材料不全", 8), "材料不全");
        assert_eq!(shorten("材料不全，请补充", 8), "材料不..");
        assert_eq!(shorten("abcdef", 5), "abc..");
    }
}
