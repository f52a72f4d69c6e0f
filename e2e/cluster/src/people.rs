//! Who may talk to the API server: people, the operator's service account, kubeconfig files.

use std::collections::BTreeMap;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher as _};
use std::io::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use http::{HeaderName, HeaderValue};
use k8s_openapi::ByteString;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::Cluster;
use crate::certs::Identity;
use crate::control_plane::kubeconfig_json;

/// The groups of [`Person::masters`] and of [`Person::admin`] (which a ClusterRoleBinding ties to `cluster-admin`).
const MASTERS: &str = "system:masters";
pub(crate) const ADMIN: &str = "platform-admin";

/// Somebody who talks to the API server, as the server will see them.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Person {
    /// The user name.
    pub name: String,
    /// The uid; without one the server sees none.
    pub uid: Option<String>,
    /// The groups; `system:authenticated` comes by itself.
    #[serde(default)]
    pub groups: Vec<String>,
    /// What a single sign-on adds (`userInfo.extra`). Neither certificates nor kubeconfig files can carry it: such a
    /// person comes through an authenticating proxy, with [`Cluster::client`] only.
    #[serde(default)]
    pub extra: BTreeMap<String, Vec<String>>,
}

impl Person {
    /// A person without uid and groups.
    pub fn new(name: impl Into<String>) -> Self {
        Self { name: name.into(), uid: None, groups: Vec::new(), extra: BTreeMap::new() }
    }

    /// With this uid.
    #[must_use]
    pub fn uid(mut self, uid: impl Into<String>) -> Self {
        self.uid = Some(uid.into());
        self
    }

    /// In this group too.
    #[must_use]
    pub fn group(mut self, group: impl Into<String>) -> Self {
        self.groups.push(group.into());
        self
    }

    /// With this extra value too. The key must be lower case: it travels as a header.
    #[must_use]
    pub fn extra(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.extra.entry(key.into()).or_default().push(value.into());
        self
    }

    /// The platform engineer: `cluster-admin` by a binding, so that admission policies hold for them as for anybody.
    #[must_use]
    pub fn admin() -> Self {
        Self::new(ADMIN).uid(ADMIN)
    }

    /// A member of `system:masters`, whom no authorizer ever refuses.
    #[must_use]
    pub fn masters() -> Self {
        Self::new("break-glass").group(MASTERS)
    }
}

impl Cluster {
    /// A client as this person, for the calling runtime.
    ///
    /// # Errors
    /// When the name or a header value cannot be encoded.
    pub async fn client(&self, person: &Person) -> Result<Client> {
        if person.extra.is_empty() {
            let identity = self.clients.client(&person.name, &person.groups, person.uid.as_deref())?;
            return client_of(self.kubeconfig_json(&certificate(&identity))).await;
        }
        let proxy = self.front_proxy.client("front-proxy", &[], None)?;
        let mut config = config_of(self.kubeconfig_json(&certificate(&proxy))).await?;
        config.headers = proxied(person)?;
        Ok(Client::try_from(config)?)
    }

    /// A kubeconfig file (mode 0600) as this person; the same file each time.
    ///
    /// # Errors
    /// When the person has extras, or the file cannot be written.
    pub fn kubeconfig(&self, person: &Person) -> Result<PathBuf> {
        ensure!(
            person.extra.is_empty(),
            "{}: a kubeconfig cannot carry userInfo.extra; use Cluster::client instead",
            person.name
        );
        let path = self.kubeconfig_path(&person.name, person);
        if !path.exists() {
            let identity = self.clients.client(&person.name, &person.groups, person.uid.as_deref())?;
            write_private(&path, &self.kubeconfig_json(&certificate(&identity)))?;
        }
        Ok(path)
    }

    /// A kubeconfig file as this service account, which must exist, with a token of one day.
    ///
    /// # Errors
    /// When the API server gives no token.
    pub async fn service_account(&self, namespace: &str, name: &str) -> Result<PathBuf> {
        let client = self.client(&Person::masters()).await?;
        let accounts: Api<ServiceAccount> = Api::namespaced(client, namespace);
        let spec = TokenRequestSpec { expiration_seconds: Some(24 * 3600), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        let token = accounts.create_token_request(name, &PostParams::default(), &request).await;
        let token = token.map_err(|error| match error {
            kube::Error::Api(status) => anyhow!("no token for service account {namespace}/{name}: {}", status.message),
            error => error.into(),
        })?;
        let token = token.status.context("the API server answered without a token")?.token;
        let path = self.kubeconfig_path(name, &(namespace, name));
        write_private(&path, &self.kubeconfig_json(&json!({ "token": token })))?;
        Ok(path)
    }

    pub(crate) fn kubeconfig_json(&self, user: &Value) -> Value {
        kubeconfig_json(self.port, &self.serving, user)
    }

    fn kubeconfig_path(&self, name: &str, identity: &impl Hash) -> PathBuf {
        // Names may contain slashes; the hash keeps apart what looks the same then.
        let readable: String = name.chars().filter(|c| c.is_alphanumeric() || *c == '-').collect();
        let mut hasher = DefaultHasher::new();
        identity.hash(&mut hasher);
        self.directory().join("kubeconfigs").join(format!("{readable}-{:016x}.json", hasher.finish()))
    }
}

pub(crate) fn certificate(identity: &Identity) -> Value {
    json!({
        "client-certificate-data": ByteString(identity.cert.clone().into_bytes()),
        "client-key-data": ByteString(identity.key.clone().into_bytes()),
    })
}

/// Writes a file that only we can read, at once or not at all.
pub(crate) fn write_private(path: &Path, content: &Value) -> Result<()> {
    let directory = path.parent().context("a path without a directory")?;
    // Temporary files have mode 0600 from the start.
    let mut file = tempfile::NamedTempFile::new_in(directory)?;
    file.write_all(&serde_json::to_vec_pretty(content)?)?;
    file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

async fn client_of(kubeconfig: Value) -> Result<Client> {
    Ok(Client::try_from(config_of(kubeconfig).await?)?)
}

async fn config_of(kubeconfig: Value) -> Result<Config> {
    let kubeconfig: Kubeconfig = serde_json::from_value(kubeconfig)?;
    Ok(Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await?)
}

fn proxied(person: &Person) -> Result<Vec<(HeaderName, HeaderValue)>> {
    let mut headers = vec![("x-remote-user".to_owned(), &person.name)];
    headers.extend(person.uid.iter().map(|uid| ("x-remote-uid".to_owned(), uid)));
    headers.extend(person.groups.iter().map(|group| ("x-remote-group".to_owned(), group)));
    for (key, values) in &person.extra {
        // A key such as example.org/person stands percent-encoded in a header's name.
        let key = key.replace('%', "%25").replace('/', "%2f");
        headers.extend(values.iter().map(|value| (format!("x-remote-extra-{key}"), value)));
    }
    headers
        .into_iter()
        .map(|(name, value)| Ok((HeaderName::try_from(name)?, HeaderValue::try_from(value.as_bytes())?)))
        .collect()
}
