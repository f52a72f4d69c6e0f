//! The replayer: the same track without the operator. It sends the least calls that leave the same objects and show people
//! the same gates, with the bodies of a request that the operator took there alone, renamed, and with the same identities.

use crate::ground::{Ground, UNIT};
use crate::support::OPERATOR;
use crate::track::Round;
use anyhow::{Context as _, Result, ensure};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use kube::Api;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::{Duration, Instant};
use tokio::sync::Mutex;
use yunguan::api::CloudDomain;
use yunguan::core::names::system_namespace;
use yunguan_cluster::audit::Event;

/// One call as it was made for the recorded request.
struct Call {
    user: String,
    method: &'static str,
    uri: String,
    /// `resource`, or `resource/subresource`.
    resource: String,
    body: String,
    name: String,
    uid: String,
}

/// The least calls for one request, in the order in which they were made.
pub struct Score {
    calls: Vec<Call>,
    name: String,
}

impl Score {
    /// From the audit log of one request's way to a live system, with nothing else going on.
    ///
    /// # Errors
    /// When a body is missing in the log.
    pub fn of(name: &str, events: &[Event], people: &[&str]) -> Result<Self> {
        let mut shown = HashSet::new();
        let mut calls = Vec::new();
        for event in events {
            let user = event.user.username.as_str();
            let ours = user == OPERATOR || people.contains(&user);
            if !ours || !counts(event) || !(200..300).contains(&event.code()) || !is_needed(event, &mut shown) {
                continue;
            }
            calls.push(Call::of(event)?);
        }
        ensure!(!calls.is_empty(), "nothing is recorded of {name}");
        Ok(Self { calls, name: name.to_owned() })
    }

    /// How many of the calls are the operator's.
    pub fn operator_writes(&self) -> usize {
        self.calls.iter().filter(|call| call.user == OPERATOR).count()
    }

    /// The operator's calls by verb and resource.
    pub fn operator_deeds(&self) -> BTreeMap<String, usize> {
        let mut deeds = BTreeMap::new();
        for call in self.calls.iter().filter(|call| call.user == OPERATOR) {
            *deeds.entry(deed(call.method == "POST", &call.resource)).or_default() += 1;
        }
        deeds
    }
}

/// How a write is listed.
fn deed(creates: bool, resource: &str) -> String {
    format!("{} {resource}", if creates { "create" } else { "update" })
}

/// The writes of the operator by verb and resource, Events apart; refused ones too, as they cost as much.
pub fn deeds(events: &[Event]) -> BTreeMap<String, usize> {
    let mut deeds = BTreeMap::new();
    for event in events.iter().filter(|e| e.user.username == OPERATOR && counts(e)) {
        let refused = if event.code() < 400 { "" } else { ", refused" };
        let deed = deed(event.verb == "create", &resource_of(event));
        *deeds.entry(format!("{deed}{refused}")).or_default() += 1;
    }
    deeds
}

/// How long the API server took for each kind of write, on average in milliseconds.
#[expect(clippy::cast_precision_loss, reason = "counts of some tens")]
pub fn answer_times(events: &[Event]) -> BTreeMap<String, f64> {
    let mut times: BTreeMap<String, Vec<f64>> = BTreeMap::new();
    for event in events.iter().filter(|e| counts(e) && e.code() < 400) {
        let took = event.stage_timestamp.duration_since(event.request_received_timestamp);
        let deed = deed(event.verb == "create", &resource_of(event));
        times.entry(deed).or_default().push(took.as_secs_f64() * 1000.0);
    }
    times.into_iter().map(|(deed, all)| (deed, all.iter().sum::<f64>() / all.len() as f64)).collect()
}

fn counts(event: &Event) -> bool {
    event.is_write() && !event.is_about("events")
}

fn resource_of(event: &Event) -> String {
    let Some(object) = &event.object_ref else { return String::new() };
    if object.subresource.is_empty() {
        object.resource.clone()
    } else {
        format!("{}/{}", object.resource, object.subresource)
    }
}

/// Every create is; of status writes, the first that shows this phase with these open gates, and that commits; of the
/// domain's, the one that takes room.
fn is_needed(event: &Event, shown: &mut HashSet<String>) -> bool {
    let resource = resource_of(event);
    let status = event.request_object.as_ref().map(|o| o["status"].clone()).unwrap_or_default();
    let what = match resource.as_str() {
        "cloudresourcerequests/status" => {
            let gates: Vec<&Value> =
                status["openGates"].as_array().into_iter().flatten().map(|gate| &gate["gate"]).collect();
            json!([status["phase"], gates, status["committed"]])
        }
        "informationsystems/status" => json!(status["phase"]),
        "clouddomains/status" if status["reservations"].as_array().is_none_or(Vec::is_empty) => return false,
        "clouddomains/status" => json!("reserved"),
        _ => return true,
    };
    shown.insert(format!("{resource} {what}"))
}

impl Call {
    fn of(event: &Event) -> Result<Self> {
        let resource = resource_of(event);
        let body = event.request_object.as_ref().with_context(|| format!("no body of {}", event.request_uri))?;
        let made = event.response_object.as_ref().map(|o| o["metadata"].clone()).unwrap_or_default();
        let text = |field: &str| made[field].as_str().unwrap_or_default().to_owned();
        ensure!(!text("uid").is_empty(), "no answer to {} in the log", event.request_uri);
        Ok(Self {
            user: event.user.username.clone(),
            method: if event.verb == "create" { "POST" } else { "PUT" },
            uri: event.request_uri.clone(),
            resource,
            body: body.to_string(),
            name: text("name"),
            uid: text("uid"),
        })
    }

    /// Tells objects apart, whichever of their parts is written.
    fn object(&self) -> String {
        format!("{}/{}", self.resource.split('/').next().unwrap_or_default(), self.name)
    }
}

/// What all performances share: the version of the domain, by whose writes they wait for each other as approvals do.
pub struct Stage<'g> {
    ground: &'g Ground,
    score: &'g Score,
    domain: Mutex<Value>,
}

impl<'g> Stage<'g> {
    /// Where the operator does not run.
    ///
    /// # Errors
    /// When the domain is not there.
    pub async fn new(ground: &'g Ground, score: &'g Score) -> Result<Self> {
        let domains: Api<CloudDomain> = Api::all(ground.client(OPERATOR)?);
        let domain = serde_json::to_value(domains.get(crate::ground::DOMAIN).await?.metadata)?;
        Ok(Self { ground, score, domain: Mutex::new(domain) })
    }

    /// Plays the score for each of these names, so many at once.
    ///
    /// # Errors
    /// When a call is refused, or a request does not end as live.
    pub async fn round(&self, names: &[String], at_once: usize) -> Result<Round> {
        let start = Instant::now();
        let plays = stream::iter(names).map(|name| self.play(name)).buffer_unordered(at_once);
        let opened_after: Vec<Duration> = plays.try_collect().await?;
        Ok(Round { took: start.elapsed(), opened_after })
    }

    async fn play(&self, name: &str) -> Result<Duration> {
        let score = self.score;
        // The longest first: the others are parts of it.
        let mut swaps = vec![
            (system_namespace(UNIT, &score.name), system_namespace(UNIT, name)),
            (score.name.clone(), name.to_owned()),
        ];
        let mut objects: HashMap<String, Value> = HashMap::new();
        let (mut decided, mut opened_after) = (Instant::now(), Duration::ZERO);
        let mut last = Value::Null;
        for call in &score.calls {
            let mut body: Value = serde_json::from_str(&swapped(&call.body, &swaps))?;
            let request = |body: &Value| -> Result<http::Request<Vec<u8>>> {
                Ok(http::Request::builder()
                    .method(call.method)
                    .uri(swapped(&call.uri, &swaps))
                    .header("content-type", "application/json")
                    .body(serde_json::to_vec(body)?)?)
            };
            let client = self.ground.client(&call.user)?;
            let context = || format!("{} {} of {name}", call.method, call.uri);
            if call.resource == "clouddomains/status" {
                let mut domain = self.domain.lock().await;
                guard(&mut body, &domain);
                let answer: Value = client.request(request(&body)?).await.with_context(context)?;
                *domain = answer["metadata"].clone();
                continue;
            }
            if let Some(known) = objects.get(&call.object()) {
                guard(&mut body, known);
            }
            let answer: Value = client.request(request(&body)?).await.with_context(context)?;
            let made = &answer["metadata"];
            if call.method == "POST" {
                for (old, new) in [(&call.name, &made["name"]), (&call.uid, &made["uid"])] {
                    let new = new.as_str().unwrap_or_default();
                    if old != new && old != &score.name {
                        swaps.insert(0, (old.clone(), new.to_owned()));
                    }
                }
            }
            objects.insert(call.object(), made.clone());
            if call.resource == "cloudresourcerequests/status" {
                if answer["status"]["phase"] == "Trial" && opened_after.is_zero() {
                    opened_after = decided.elapsed();
                }
                last = answer["status"]["phase"].clone();
            }
            if call.resource == "decisions" && answer["spec"]["gate"] == "approval" {
                decided = Instant::now();
            }
        }
        ensure!(last == "Live", "{name} ended as {last}");
        Ok(opened_after)
    }
}

/// Written over exactly this version of exactly this object.
fn guard(body: &mut Value, known: &Value) {
    let Some(metadata) = body["metadata"].as_object_mut() else { return };
    let mut take = |field: &str, of: &Map<String, Value>| {
        if let Some(value) = of.get(field) {
            metadata.insert(field.to_owned(), value.clone());
        }
    };
    if let Some(known) = known.as_object() {
        take("uid", known);
        take("resourceVersion", known);
    }
}

fn swapped(text: &str, swaps: &[(String, String)]) -> String {
    swaps.iter().fold(text.to_owned(), |text, (old, new)| text.replace(old.as_str(), new))
}
