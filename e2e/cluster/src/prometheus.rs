//! A real Prometheus whose database is filled with weeks of history in seconds, to be asked, killed and restarted.
//!
//! The history is what `promtool tsdb create-blocks-from openmetrics` makes of generated samples. Rules that refer to others,
//! or to themselves, cannot be worked out over the past, so recorded series are generated too, and the server records from
//! now on. A group's interval can be shortened for that, or a test would wait for minutes.

use std::fmt::Write as _;
use std::fs;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::process::Command;

use crate::process::{Leashes, Program, Spec};
use crate::{http, output, ports, programs};

const READY_TIMEOUT: Duration = Duration::from_mins(1);
const TRIES: usize = 3;

/// Samples of the past.
#[derive(Clone, Debug, Default)]
pub struct History {
    text: String,
}

impl History {
    /// One series, such as `up{job="x"}`, with a sample each `step`, the last one at `end`. `None` and NaN differ: the first
    /// is no sample. Series of one metric come one after another.
    ///
    /// # Errors
    /// When the samples begin before time does.
    pub fn series<I>(&mut self, series: &str, end: Timestamp, step: Duration, values: I) -> Result<&mut Self>
    where
        I: IntoIterator<Item = Option<f64>>,
        I::IntoIter: ExactSizeIterator,
    {
        let values = values.into_iter();
        let mut left = u32::try_from(values.len())?;
        for value in values {
            left -= 1;
            let at = end.checked_sub(step.saturating_mul(left)).context("too many samples")?;
            if let Some(value) = value {
                writeln!(self.text, "{series} {value} {}", at.as_second())?;
            }
        }
        Ok(self)
    }
}

/// A running Prometheus; all of [`Program`] (signals, exit, log) is there too. Dropping it kills it and removes its data.
#[derive(Debug)]
pub struct Prometheus {
    // Dropped in this order: the program before the directory.
    program: Program,
    leashes: Leashes,
    directory: PathBuf,
    promtool: PathBuf,
    port: u16,
}

impl Deref for Prometheus {
    type Target = Program;

    fn deref(&self) -> &Program {
        &self.program
    }
}

impl Prometheus {
    /// Starts one with this history and these rules, `intervals` naming groups that are to be worked out more often, and
    /// waits until it answers. It scrapes these ports each second.
    ///
    /// # Errors
    /// When it cannot be built, filled or started: shows the end of its log.
    pub async fn start(
        history: &History,
        rules: &[&Path],
        intervals: &[(&str, &str)],
        scraped: &[u16],
    ) -> Result<Self> {
        Self::scraping(history, rules, intervals, vec![every("1s", scraped)]).await
    }

    /// As [`Self::start`], with these `scrape_configs`.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn scraping(
        history: &History,
        rules: &[&Path],
        intervals: &[(&str, &str)],
        jobs: Vec<Value>,
    ) -> Result<Self> {
        let [server, promtool] = programs::paths(programs::PROMETHEUS).await?;
        let mut tries = 1;
        loop {
            let this = Self::spawn([&server, &promtool], history, rules, intervals, &jobs).await?;
            let Err(error) = this.ready().await else { return Ok(this) };
            let lost_port = this.log().is_ok_and(|log| log.contains("address already in use"));
            this.stop().await?;
            if !lost_port || tries == TRIES {
                return Err(error);
            }
            tries += 1;
        }
    }

    async fn spawn(
        [server, promtool]: [&Path; 2],
        history: &History,
        rules: &[&Path],
        intervals: &[(&str, &str)],
        jobs: &[Value],
    ) -> Result<Self> {
        let directory = tempfile::Builder::new().prefix("yunguan-prometheus.").tempdir()?.keep();
        let leashes = Leashes::new(&directory)?;
        let [port] = ports::free()?;
        let mut files = Vec::new();
        for path in rules {
            let text = fs::read_to_string(path).with_context(|| path.display().to_string())?;
            let name = path.file_name().context("a file of rules without a name")?.display().to_string();
            fs::write(directory.join(&name), often(&text, intervals)?)?;
            files.push(name);
        }
        let config = json!({"global": {"evaluation_interval": "1m"}, "rule_files": files, "scrape_configs": jobs});
        fs::write(directory.join("prometheus.yml"), config.to_string())?;
        let data = directory.join("data");
        fill(promtool, history, &data).await?;
        let args = vec![
            format!("--config.file={}", directory.join("prometheus.yml").display()),
            format!("--storage.tsdb.path={}", data.display()),
            "--storage.tsdb.retention.time=10y".to_owned(),
            format!("--web.listen-address=127.0.0.1:{port}"),
        ];
        let (program, log) = (server.to_owned(), directory.join("prometheus.log"));
        let spec = Spec { name: "prometheus".to_owned(), program, args, env: Vec::new(), log };
        let program = Program::start(spec, &leashes)?;
        Ok(Self { program, leashes, directory, promtool: promtool.to_owned(), port })
    }

    /// The port on which it is asked.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What this expression is now: the answer's `data.result`.
    ///
    /// # Errors
    /// When it does not answer, or with an error or warnings.
    pub async fn query(&self, expression: &str) -> Result<Value> {
        let query: String = form_urlencoded::byte_serialize(expression.as_bytes()).collect();
        let body = http::get(self.port, &format!("/api/v1/query?query={query}")).await?;
        let mut answer: Value = serde_json::from_str(&body).with_context(|| body.clone())?;
        ensure!(answer["status"] == "success" && answer.get("warnings").is_none(), "{expression}: {answer}");
        Ok(answer["data"]["result"].take())
    }

    /// Starts it again after its end, with the same data, and waits until it answers.
    ///
    /// # Errors
    /// When it still runs, or does not come up: shows the end of its log.
    pub async fn restart(&self) -> Result<()> {
        self.program.start_again()?;
        self.ready().await
    }

    /// After its end, all that it had is gone, and it begins with this history: a lost disk, or one restored.
    ///
    /// # Errors
    /// When it still runs, or the history cannot be read.
    pub async fn lose(&self, history: &History) -> Result<()> {
        ensure!(self.exited()?.is_some(), "prometheus still runs: end it before its data are lost");
        let data = self.directory.join("data");
        fs::remove_dir_all(&data)?;
        fill(&self.promtool, history, &data).await
    }

    /// Stops it and waits until nothing is left of it.
    ///
    /// # Errors
    /// When it could not be ended, or its data removed.
    pub async fn stop(self) -> Result<()> {
        let Self { program, leashes, .. } = self;
        program.release().await?;
        drop(program);
        leashes.release().await
    }

    async fn ready(&self) -> Result<()> {
        self.program.wait_ready(self.port, "/-/ready", READY_TIMEOUT).await
    }
}

/// A scrape of these ports of the loopback address so often.
#[must_use]
pub fn every(interval: &str, ports: &[u16]) -> Value {
    let targets: Vec<String> = ports.iter().map(|port| format!("127.0.0.1:{port}")).collect();
    json!({"job_name": "scraped", "scrape_interval": interval, "scrape_timeout": interval, "honor_labels": true,
        "static_configs": [{"targets": targets}]})
}

/// The rules with other intervals for these groups.
fn often(rules: &str, intervals: &[(&str, &str)]) -> Result<String> {
    let mut lines: Vec<String> = rules.lines().map(str::to_owned).collect();
    for (group, interval) in intervals {
        let group_line = format!("  - name: {group}");
        let at = lines.iter().position(|line| *line == group_line).with_context(|| format!("no group {group}"))?;
        let line = lines.get_mut(at + 1).filter(|line| line.starts_with("    interval: "));
        *line.with_context(|| format!("group {group} has no interval"))? = format!("    interval: {interval}");
    }
    Ok(lines.join("\n") + "\n")
}

/// Writes the history into a new database.
async fn fill(promtool: &Path, history: &History, data: &Path) -> Result<()> {
    fs::create_dir_all(data)?;
    if history.text.is_empty() {
        return Ok(());
    }
    let file = data.with_extension("openmetrics");
    fs::write(&file, format!("{}# EOF\n", history.text))?;
    let mut command = Command::new(promtool);
    // Few large blocks: it reads the whole file anew for each.
    command.args(["tsdb", "create-blocks-from", "openmetrics", "--quiet", "--max-block-duration=31d"]);
    command.arg(&file).arg(data).kill_on_drop(true);
    let done = output(command, "").await?;
    ensure!(done.status == 0, "promtool cannot write the history: {}{}", done.stdout, done.stderr);
    fs::remove_file(file)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_of_groups_are_replaced_and_no_others() -> Result<()> {
        let rules = "groups:\n  - name: a\n    interval: 1m\n  - name: b\n    interval: 4m\n";
        let wanted = "groups:\n  - name: a\n    interval: 1m\n  - name: b\n    interval: 1s\n";
        assert_eq!(often(rules, &[("b", "1s")])?, wanted);
        assert!(often(rules, &[("c", "1s")]).is_err());
        Ok(())
    }
}
