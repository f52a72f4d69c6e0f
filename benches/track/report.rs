//! The figures, with what is aimed at beside them: as a table and as JSON.

use anyhow::{Context as _, Result};
use comfy_table::{Table, presets::ASCII_MARKDOWN};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;

/// What a figure should be.
#[derive(Clone, Copy)]
pub enum Aim {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
    /// Less than this.
    Below(f64),
}

impl Aim {
    fn met(self, value: f64) -> bool {
        match self {
            Self::AtLeast(aim) => value >= aim,
            Self::AtMost(aim) => value <= aim,
            Self::Below(aim) => value < aim,
        }
    }

    fn text(self) -> String {
        match self {
            Self::AtLeast(aim) => format!("at least {aim}"),
            Self::AtMost(aim) => format!("at most {aim}"),
            Self::Below(aim) => format!("below {aim}"),
        }
    }
}

struct Figure {
    name: String,
    unit: &'static str,
    samples: Vec<f64>,
    aim: Option<Aim>,
}

/// All figures of a run.
#[derive(Default)]
pub struct Report {
    figures: Vec<Figure>,
    facts: BTreeMap<&'static str, Value>,
}

impl Report {
    /// A figure that was measured once or in several rounds.
    pub fn figure(&mut self, name: impl Into<String>, unit: &'static str, samples: Vec<f64>, aim: Option<Aim>) {
        let name = name.into();
        // A run takes minutes: what is known is told at once.
        eprintln!("{name}: {} {unit}", number(spread(&samples).1));
        self.figures.push(Figure { name, unit, samples, aim });
    }

    /// Something that explains figures; in the JSON only.
    pub fn fact(&mut self, name: &'static str, value: Value) {
        self.facts.insert(name, value);
    }

    /// The table, in Markdown. An aim is judged by the median.
    pub fn table(&self) -> String {
        let mut table = Table::new();
        table.load_style(ASCII_MARKDOWN).set_header(["figure", "unit", "min", "median", "max", "aim", "met"]);
        for figure in &self.figures {
            let (min, median, max) = spread(&figure.samples);
            let several = figure.samples.len() > 1;
            let edge = |value| if several { number(value) } else { String::new() };
            let (aim, met) =
                figure.aim.map_or((String::new(), ""), |aim| (aim.text(), if aim.met(median) { "yes" } else { "no" }));
            table.add_row([
                figure.name.clone(),
                figure.unit.to_owned(),
                edge(min),
                number(median),
                edge(max),
                aim,
                met.to_owned(),
            ]);
        }
        table.to_string()
    }

    fn json(&self) -> Value {
        let figures: Vec<Value> = self
            .figures
            .iter()
            .map(|figure| {
                let (min, median, max) = spread(&figure.samples);
                json!({
                    "name": figure.name, "unit": figure.unit, "min": min, "median": median, "max": max,
                    "samples": figure.samples,
                    "aim": figure.aim.map(Aim::text),
                    "met": figure.aim.map(|aim| aim.met(median)),
                })
            })
            .collect();
        json!({"figures": figures, "facts": self.facts})
    }

    /// Writes the JSON where `BENCH_JSON` says, or next to what was built.
    pub fn write(&self) -> Result<PathBuf> {
        let path = std::env::var_os("BENCH_JSON").map_or_else(default_path, PathBuf::from);
        let directory = path.parent().context("BENCH_JSON names no file")?;
        std::fs::create_dir_all(directory)?;
        let mut text = serde_json::to_string_pretty(&self.json())?;
        writeln!(text)?;
        std::fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}

fn default_path() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| PathBuf::from("target"), PathBuf::from);
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(target).join("bench/track.json")
}

/// Smallest, median and largest.
pub fn spread(samples: &[f64]) -> (f64, f64, f64) {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let at = |index: usize| sorted.get(index).copied().unwrap_or(f64::NAN);
    let middle = f64::midpoint(at(sorted.len().saturating_sub(1) / 2), at(sorted.len() / 2));
    (at(0), middle, at(sorted.len().saturating_sub(1)))
}

/// The value below which this share of the samples lies.
pub fn percentile(samples: &[f64], percent: usize) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let index = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn number(value: f64) -> String {
    if value.fract() == 0.0 || value.abs() >= 1000.0 {
        format!("{value:.0}")
    } else if value.abs() >= 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}
