//! Questions to a Prometheus server: one at a time, bounded in time and size, and taken for nothing where anything about the
//! answer is wrong.

use http::{Request, header::CONTENT_TYPE};
use http_body_util::{BodyExt as _, Limited};
use kube::client::Body;
use kube::{Client, Config};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

/// For one answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one answer: 10,000 namespaces take two millions.
const MOST: usize = 32 << 20;

/// A server, and how it is reached.
pub struct Server(Client);

/// Why there is no answer that can be relied upon.
#[derive(Clone, Debug, thiserror::Error)]
pub enum Failure {
    /// It is not to be reached with what is configured.
    #[error("{0}")]
    Misconfigured(String),
    /// It did not answer.
    #[error("{0}")]
    Unreachable(String),
    /// It does not let us in.
    #[error("it answers {0}: look at the token in the domain's credentials")]
    Refused(u16),
    /// It answered something else than was asked for.
    #[error("{0}")]
    Unusable(String),
}

impl Failure {
    /// In one word.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Misconfigured(_) => "Misconfigured",
            Self::Unreachable(_) => "Unreachable",
            Self::Refused(_) => "Unauthorized",
            Self::Unusable(_) => "Unusable",
        }
    }
}

/// One series of an instant answer.
#[derive(Clone, Debug, Deserialize, PartialEq)]
pub struct Series {
    /// Labels.
    pub metric: BTreeMap<String, String>,
    value: (f64, String),
}

impl Series {
    /// Its value; nothing where it is no number.
    #[must_use]
    pub fn value(&self) -> Option<f64> {
        self.value.1.parse::<f64>().ok().filter(|value| value.is_finite())
    }
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    #[serde(default)]
    error: String,
    #[serde(default)]
    warnings: Vec<String>,
    data: Option<Data>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data {
    result_type: String,
    result: Vec<Series>,
}

impl Server {
    /// The server of this URL. `credentials` is a folder with `token` and `ca.crt`, both of which may be absent and are read
    /// anew as they change.
    ///
    /// # Errors
    /// When the URL cannot be read, or the folder is not there.
    pub fn new(url: &str, credentials: Option<&Path>) -> Result<Self, Failure> {
        let wrong = |what: String| Failure::Misconfigured(what);
        let uri = url.parse().map_err(|error| wrong(format!("spec.metrics.url `{url}` is no URL: {error}")))?;
        let mut config = Config::new(uri);
        config.connect_timeout = Some(PATIENCE);
        config.read_timeout = Some(PATIENCE);
        config.default_retry = false;
        if let Some(folder) = credentials {
            if !folder.is_dir() {
                let what = "spec.metrics.credentials names no folder that the operator was given";
                return Err(wrong(format!("{what}: mount the Secret at {}", folder.display())));
            }
            let file = |name| Some(folder.join(name)).filter(|path| path.is_file());
            config.root_cert_file = file("ca.crt");
            config.auth_info.token_file = file("token").map(|path| path.display().to_string());
        }
        Client::try_from(config).map(Self).map_err(|error| wrong(told(&error)))
    }

    /// The series that an expression has now.
    ///
    /// # Errors
    /// When there is no answer, a partial one, one with warnings, or one that is too large.
    pub async fn query(&self, expression: &str) -> Result<Vec<Series>, Failure> {
        let answer = tokio::time::timeout(PATIENCE, self.answer(expression)).await;
        answer.unwrap_or_else(|_| Err(Failure::Unreachable(format!("no answer within {} s", PATIENCE.as_secs()))))
    }

    async fn answer(&self, expression: &str) -> Result<Vec<Series>, Failure> {
        let timeout = format!("{}s", PATIENCE.as_secs());
        let pairs = [("query", expression), ("timeout", timeout.as_str())];
        let form = form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish();
        let request = Request::post("/api/v1/query")
            .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
            .body(Body::from(form.into_bytes()))
            .map_err(|error| Failure::Misconfigured(error.to_string()))?;
        let response = self.0.send(request).await.map_err(|error| Failure::Unreachable(told(&error)))?;
        let status = response.status();
        if matches!(status.as_u16(), 401 | 403) {
            return Err(Failure::Refused(status.as_u16()));
        }
        let body = Limited::new(response.into_body(), MOST).collect().await.map_err(|error| {
            let large = error.is::<http_body_util::LengthLimitError>();
            let what = if large { format!("an answer of more than {MOST} bytes") } else { error.to_string() };
            Failure::Unusable(what)
        })?;
        let answer: Answer = serde_json::from_slice(&body.to_bytes())
            .map_err(|error| Failure::Unusable(format!("it answers {status}, and not as Prometheus does: {error}")))?;
        read(answer)
    }
}

/// A warning says that something is missing, which looks like all of it.
fn read(answer: Answer) -> Result<Vec<Series>, Failure> {
    let Answer { status, error, warnings, data } = answer;
    if status != "success" {
        return Err(Failure::Unusable(format!("it answers {status}: {error}")));
    }
    if let Some(warning) = warnings.first() {
        return Err(Failure::Unusable(format!("it answers with a warning, so something may be missing: {warning}")));
    }
    let data = data.ok_or_else(|| Failure::Unusable("it answers without data".to_owned()))?;
    if data.result_type != "vector" {
        return Err(Failure::Unusable(format!("it answers a {} where a vector was asked for", data.result_type)));
    }
    Ok(data.result)
}

/// An error with what caused it.
fn told(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let more = next.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        cause = next.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Answer {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn an_answer_is_taken_as_a_whole_or_not_at_all() {
        let good = r#"{"status":"success","data":{"resultType":"vector","result":[{"metric":{"namespace":"a"},"value":[1,"0.5"]}]}}"#;
        let series = read(parsed(good)).unwrap();
        assert_eq!((series[0].metric["namespace"].as_str(), series[0].value()), ("a", Some(0.5)));
        for bad in [
            r#"{"status":"error","errorType":"timeout","error":"query timed out"}"#,
            r#"{"status":"success","warnings":["partial response"],"data":{"resultType":"vector","result":[]}}"#,
            r#"{"status":"success"}"#,
            r#"{"status":"success","data":{"resultType":"matrix","result":[]}}"#,
        ] {
            assert_eq!(read(parsed(bad)).unwrap_err().reason(), "Unusable", "{bad}");
        }
    }

    #[test]
    fn r26_6_what_is_no_number_is_no_value() {
        for text in ["NaN", "+Inf", "-Inf", "much"] {
            let series = Series { metric: BTreeMap::new(), value: (0.0, text.to_owned()) };
            assert_eq!(series.value(), None, "{text}");
        }
    }

    #[test]
    fn a_folder_that_is_not_there_is_said() {
        let missing = Server::new("https://prometheus.example", Some(Path::new("/nowhere/at-all"))).err().unwrap();
        assert_eq!(missing.reason(), "Misconfigured");
        assert!(missing.to_string().contains("/nowhere/at-all"));
    }
}
