//! The API server's audit log: what it does, by whom.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Seek as _, SeekFrom};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::wait::wait_until;

/// The audit policy: full bodies for writes of what the operator manages, metadata for the rest, never a secret's body.
pub(crate) fn policy() -> Value {
    let writes = ["create", "update", "patch", "delete", "deletecollection"];
    let managed = json!([
        {"group": "yunguan.dev"},
        {"group": "", "resources": ["namespaces", "resourcequotas", "limitranges"]},
        {"group": "networking.k8s.io", "resources": ["networkpolicies"]},
        {"group": "rbac.authorization.k8s.io", "resources": ["roles", "rolebindings"]},
    ]);
    json!({
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "omitManagedFields": true,
        "rules": [
            {"level": "None", "nonResourceURLs": ["/healthz*", "/livez*", "/readyz*", "/version", "/openapi/*"]},
            // The control plane's own reading would bury everything else.
            {"level": "None", "verbs": ["get", "list", "watch"], "users": ["system:apiserver"]},
            {"level": "None", "verbs": ["get", "list", "watch"], "userGroups": ["system:serviceaccounts:kube-system"]},
            {"level": "None", "verbs": ["get", "list", "watch"], "users": ["system:kube-controller-manager"]},
            {"level": "RequestResponse", "verbs": writes, "resources": managed},
            {"level": "Metadata"},
        ],
    })
}

/// One request that the API server has answered (or, for a watch, begun to answer).
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Event {
    /// `ResponseComplete`, or for watches `ResponseStarted`; `Panic` if the server broke.
    pub stage: String,
    /// The verb: get, list, watch, create, update, patch, delete, deletecollection.
    pub verb: String,
    /// Path and query.
    #[serde(rename = "requestURI")]
    pub request_uri: String,
    /// Who asked, by their own credentials.
    pub user: User,
    /// As whom they asked, if they impersonated somebody.
    pub impersonated_user: Option<User>,
    /// What the client program calls itself.
    #[serde(default)]
    pub user_agent: String,
    /// What was asked for; absent for paths such as `/metrics`.
    pub object_ref: Option<ObjectRef>,
    /// The answer.
    pub response_status: Option<ResponseStatus>,
    /// The body of a write, at level `RequestResponse`.
    pub request_object: Option<Value>,
    /// The object as it was answered, at level `RequestResponse`.
    pub response_object: Option<Value>,
    /// When the server received the request.
    pub request_received_timestamp: Timestamp,
    /// When this stage was reached.
    pub stage_timestamp: Timestamp,
}

/// A user as the API server sees them.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    /// The name.
    #[serde(default)]
    pub username: String,
    /// The uid, if they have one.
    #[serde(default)]
    pub uid: String,
    /// The groups, `system:authenticated` among them.
    #[serde(default)]
    pub groups: Vec<String>,
}

/// Which object a request was about.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ObjectRef {
    /// The API group, empty for the core group.
    pub api_group: String,
    /// The plural resource name.
    pub resource: String,
    /// The subresource, or empty.
    pub subresource: String,
    /// The namespace, or empty.
    pub namespace: String,
    /// The name; empty when the server makes it up, and for lists.
    pub name: String,
}

/// How the server answered.
#[derive(Clone, Debug, Deserialize)]
pub struct ResponseStatus {
    /// The HTTP status.
    #[serde(default)]
    pub code: u16,
    /// Why, if it refused.
    #[serde(default)]
    pub message: String,
}

impl Event {
    /// The HTTP status; 0 if there was no answer.
    #[must_use]
    pub fn code(&self) -> u16 {
        self.response_status.as_ref().map_or(0, |status| status.code)
    }

    /// Whether it asked for a lasting change. Leases, access reviews and tokens are not lasting.
    #[must_use]
    pub fn is_write(&self) -> bool {
        let lasting = self.object_ref.as_ref().is_some_and(|object| {
            !matches!(
                object.api_group.as_str(),
                "coordination.k8s.io" | "authorization.k8s.io" | "authentication.k8s.io"
            ) && object.subresource != "token"
        });
        lasting && matches!(self.verb.as_str(), "create" | "update" | "patch" | "delete" | "deletecollection")
    }

    /// Whether it is about this resource, `name` or `name/subresource`.
    #[must_use]
    pub fn is_about(&self, resource: &str) -> bool {
        let (resource, subresource) = resource.split_once('/').unwrap_or((resource, ""));
        self.object_ref.as_ref().is_some_and(|object| object.resource == resource && object.subresource == subresource)
    }
}

/// A reader that goes through the log once, keeping up with it.
#[derive(Debug)]
pub struct Log {
    path: PathBuf,
    offset: u64,
}

impl Log {
    pub(crate) fn new(path: PathBuf) -> Self {
        Self { path, offset: 0 }
    }

    /// Skips what is there: the next read begins with what is answered from now on.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn skip(&mut self) -> Result<()> {
        self.new_events().map(drop)
    }

    /// The events since the last call (at first: all). Works in blocking mode: what was answered is in the log.
    ///
    /// # Errors
    /// When the log cannot be read or a line is no event.
    pub fn new_events(&mut self) -> Result<Vec<Event>> {
        let mut file = File::open(&self.path).with_context(|| format!("cannot read {}", self.path.display()))?;
        file.seek(SeekFrom::Start(self.offset))?;
        let mut reader = BufReader::new(file);
        let mut events = Vec::new();
        let mut line = Vec::new();
        while reader.read_until(b'\n', &mut line)? > 0 && line.ends_with(b"\n") {
            let event = serde_json::from_slice(&line)
                .with_context(|| format!("{}, at byte {}: no audit event", self.path.display(), self.offset))?;
            events.push(event);
            self.offset += line.len() as u64;
            line.clear();
        }
        Ok(events)
    }

    /// The writes of one user since the last call, tried and refused ones too.
    ///
    /// # Errors
    /// As [`Self::new_events`].
    pub fn new_writes_by(&mut self, user: &str) -> Result<Vec<Event>> {
        let mut events = self.new_events()?;
        events.retain(|event| event.is_write() && event.user.username == user);
        Ok(events)
    }

    /// Waits until this user has written nothing for `calm`, and returns what they wrote until then.
    ///
    /// # Errors
    /// When they still write after `timeout`: shows the last write.
    pub async fn quiet_for(&mut self, user: &str, calm: Duration, timeout: Duration) -> Result<Vec<Event>> {
        let mut writes = Vec::new();
        let mut since = Instant::now();
        let what = format!("{user} to write nothing for {calm:?}");
        wait_until(&what, timeout, async || {
            let new = self.new_writes_by(user)?;
            if !new.is_empty() {
                since = Instant::now();
            }
            writes.extend(new);
            if since.elapsed() >= calm {
                return Ok(Some(()));
            }
            let last = writes.last().map(|event: &Event| (&event.verb, &event.request_uri, event.code()));
            anyhow::bail!("{} writes, the last {last:?} {:?} ago", writes.len(), since.elapsed())
        })
        .await?;
        Ok(writes)
    }
}
