//! The talk with the cluster: who I am, what I may, what there is.

use super::args::Global;
use super::explain::home_namespace;
use super::failure::{Exit, Failure};
use super::lang::Lang;
use super::output;
use super::paper::{self, Paper};
use crate::api::cloud_resource_request::OpenGate;
use crate::api::common::RequestKind;
use crate::api::names::GROUP;
use crate::api::{CloudResourceRequest, Decommission, Organization, ResourceChange, Sanction};
use crate::runtime::read::{self, Unreadable};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::authentication::v1::{SelfSubjectReview, UserInfo};
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec, SelfSubjectRulesReview,
    SelfSubjectRulesReviewSpec, SubjectRulesReviewStatus,
};
use kube::api::{ListParams, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, Resource};
use serde::de::DeserializeOwned;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Debug;
use std::time::Duration;

/// Questions asked at once: enough to be quick, few enough to be no burden.
const AT_ONCE: usize = 12;
/// Objects read at a time.
const PAGE: u32 = 500;
/// The role that nobody is granted: who may approve in it holds wildcard rights, and admission refuses them.
const NOBODY: &str = "nobody";

/// A connection as one person.
#[derive(Clone)]
pub struct Session {
    /// The client.
    pub client: Client,
    /// The namespace of the command line or of the context.
    pub namespace: String,
    /// Whether the command line named it.
    pub namespace_given: bool,
    /// The reader's language.
    pub lang: Lang,
}

/// What a person may do on `decisions/<role>`, per namespace.
#[derive(Clone, Debug, Default)]
pub struct Rights {
    allowed: BTreeSet<(String, String, String)>,
    wildcard: BTreeSet<String>,
}

impl Rights {
    /// Whether one of the gate's verdicts is allowed by name.
    #[must_use]
    pub fn at(&self, namespace: &str, gate: &OpenGate) -> bool {
        gate.verdicts.iter().any(|v| self.may(namespace, &gate.role, &v.verb()))
    }

    /// Whether a verb is allowed by name.
    #[must_use]
    pub fn may(&self, namespace: &str, role: &str, verb: &str) -> bool {
        !self.wildcard(namespace) && self.allowed.contains(&(namespace.to_owned(), role.to_owned(), verb.to_owned()))
    }

    /// Whether the person holds wildcard rights there, with which nobody decides.
    #[must_use]
    pub fn wildcard(&self, namespace: &str) -> bool {
        self.wildcard.contains(namespace)
    }
}

impl Session {
    /// Connects as kubectl does: flags, `KUBECONFIG`, `~/.kube/config`, or from within a pod.
    ///
    /// # Errors
    /// When the configuration cannot be read.
    pub async fn connect(global: &Global, lang: Lang) -> Result<Self, Failure> {
        let failed = |error: &dyn std::error::Error| {
            Failure::new(Exit::Error, super::failure::chain(error), lang.next_kubeconfig())
        };
        let options = KubeConfigOptions { context: global.context.clone(), ..KubeConfigOptions::default() };
        let config = match &global.kubeconfig {
            Some(path) => {
                let file = Kubeconfig::read_from(path).map_err(|e| failed(&e))?;
                Config::from_custom_kubeconfig(file, &options).await.map_err(|e| failed(&e))?
            }
            None if options.context.is_some() => Config::from_kubeconfig(&options).await.map_err(|e| failed(&e))?,
            None => Config::infer().await.map_err(|e| failed(&e))?,
        };
        let namespace = global.namespace.clone().unwrap_or_else(|| config.default_namespace.clone());
        let client = Client::try_from(config).map_err(|e| failed(&e))?;
        Ok(Self { client, namespace, namespace_given: global.namespace.is_some(), lang })
    }

    /// Namespace and name of `NAME` or `NAMESPACE/NAME`.
    ///
    /// # Errors
    /// When it is neither, or names another namespace than the command line.
    pub fn target(&self, text: &str) -> Result<(String, String), Failure> {
        let usage = |message| Failure::plain(Exit::Usage, message);
        let (namespace, name) = text.split_once('/').unwrap_or((&self.namespace, text));
        if namespace.is_empty() || name.is_empty() || name.contains('/') {
            return Err(usage(self.lang.bad_target(&text)));
        }
        if self.namespace_given && namespace != self.namespace {
            return Err(usage(self.lang.two_namespaces(&self.namespace, &namespace)));
        }
        Ok((namespace.to_owned(), name.to_owned()))
    }

    /// The same person, asking about every namespace.
    #[must_use]
    pub fn everywhere(&self) -> Self {
        Self { namespace_given: false, ..self.clone() }
    }

    /// What the API server answered, for a person.
    #[must_use]
    pub fn failure(&self, error: &kube::Error) -> Failure {
        Failure::from_kube(error, self.lang)
    }

    /// Objects of a namespace.
    #[must_use]
    pub fn api<K>(&self, namespace: &str) -> Api<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Api::namespaced(self.client.clone(), namespace)
    }

    /// One object of a namespace.
    ///
    /// # Errors
    /// When it is not there or may not be read.
    pub async fn get<K>(&self, namespace: &str, name: &str) -> Result<K, Failure>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        let api = self.api::<K>(namespace);
        match read::get(&api, name).await.map_err(|e| self.failure(&e))? {
            Some(there) => there.named_object().map_err(|e| Failure::plain(Exit::Error, self.unreadable(&e))),
            // In the API server's own words.
            None => api.get(name).await.map_err(|e| self.failure(&e)),
        }
    }

    /// All objects, page by page. One that cannot be read hides no other: it is named on standard error.
    ///
    /// # Errors
    /// When they may not be listed.
    pub async fn list<K>(&self, api: &Api<K>, params: &ListParams) -> Result<Vec<K>, kube::Error>
    where
        K: Resource<DynamicType = ()> + Clone + DeserializeOwned,
    {
        let listed = read::list(api, &params.clone().limit(PAGE)).await?;
        for unreadable in &listed.unreadable {
            output::aside(&format!("{}\n", self.lang.note(&self.unreadable(unreadable))));
        }
        Ok(listed.objects)
    }

    fn unreadable(&self, unreadable: &Unreadable) -> String {
        let (kind, name) = (&unreadable.kind, &unreadable.name);
        let name = unreadable.namespace.as_ref().map_or_else(|| name.clone(), |home| format!("{home}/{name}"));
        super::page::clean(&self.lang.unreadable(kind, &name, &unreadable.why))
    }

    /// Who the API server takes me for.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn me(&self) -> Result<UserInfo, Failure> {
        let api: Api<SelfSubjectReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &SelfSubjectReview::default()).await;
        Ok(review.map_err(|e| self.failure(&e))?.status.and_then(|s| s.user_info).unwrap_or_default())
    }

    /// Asks once for each namespace, role and verb of these gates.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn rights<'a>(
        &self,
        gates: impl IntoIterator<Item = (&'a str, &'a OpenGate)>,
    ) -> Result<Rights, Failure> {
        let mut questions = BTreeSet::new();
        for (namespace, gate) in gates {
            questions.insert((namespace.to_owned(), NOBODY.to_owned(), "approve".to_owned()));
            for verdict in &gate.verdicts {
                questions.insert((namespace.to_owned(), gate.role.clone(), verdict.verb()));
            }
        }
        let answers = stream::iter(questions).map(|question| async move {
            let yes = self.allowed(&question.0, &question.1, &question.2).await?;
            Ok::<_, Failure>(yes.then_some(question))
        });
        let yes: Vec<Option<_>> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
        let mut rights = Rights::default();
        for (namespace, role, verb) in yes.into_iter().flatten() {
            if role == NOBODY {
                rights.wildcard.insert(namespace);
            } else {
                rights.allowed.insert((namespace, role, verb));
            }
        }
        Ok(rights)
    }

    async fn allowed(&self, namespace: &str, role: &str, verb: &str) -> Result<bool, Failure> {
        let attributes = ResourceAttributes {
            group: Some(GROUP.to_owned()),
            resource: Some("decisions".to_owned()),
            namespace: Some(namespace.to_owned()),
            name: Some(role.to_owned()),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SelfSubjectAccessReviewSpec {
            resource_attributes: Some(attributes),
            ..SelfSubjectAccessReviewSpec::default()
        };
        let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
        let api: Api<SelfSubjectAccessReview> = Api::all(self.client.clone());
        let review = api.create(&PostParams::default(), &review).await.map_err(|e| self.failure(&e))?;
        Ok(review.status.is_some_and(|s| s.allowed))
    }

    /// What I may in these namespaces, as rules.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn rules(&self, namespaces: Vec<String>) -> Result<BTreeMap<String, SubjectRulesReviewStatus>, Failure> {
        let answers = stream::iter(namespaces).map(|namespace| async move {
            let spec = SelfSubjectRulesReviewSpec { namespace: Some(namespace.clone()) };
            let review = SelfSubjectRulesReview { spec, ..SelfSubjectRulesReview::default() };
            let api: Api<SelfSubjectRulesReview> = Api::all(self.client.clone());
            let review = api.create(&PostParams::default(), &review).await.map_err(|e| self.failure(&e))?;
            Ok::<_, Failure>(review.status.map(|status| (namespace, status)))
        });
        let all: Vec<Option<_>> = answers.buffer_unordered(AT_ONCE).try_collect().await?;
        Ok(all.into_iter().flatten().collect())
    }

    /// Every organization; none where they may not be read.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn organizations(&self) -> Result<Vec<Organization>, Failure> {
        match self.list(&Api::all(self.client.clone()), &ListParams::default()).await {
            Ok(all) => Ok(all),
            Err(error) if forbidden(&error) => Ok(Vec::new()),
            Err(error) => Err(self.failure(&error)),
        }
    }

    /// The namespaces to look through: the one of the command line, or every home and the context's own.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn homes(&self) -> Result<Vec<String>, Failure> {
        let mut homes = BTreeSet::from([self.namespace.clone()]);
        if !self.namespace_given {
            homes.extend(self.organizations().await?.iter().map(home_namespace));
        }
        Ok(homes.into_iter().collect())
    }

    /// Requests, changes, departures and sanctions that I may read, and how many namespaces were left out.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn papers(&self) -> Result<(Vec<Paper>, usize), Failure> {
        let (requests, skipped) = self.readable::<CloudResourceRequest>().await?;
        let (changes, _) = self.readable::<ResourceChange>().await?;
        let (sanctions, _) = self.readable::<Sanction>().await?;
        let changes = changes.into_iter().map(Paper::from);
        let (leaving, _) = self.readable::<Decommission>().await?;
        let others = sanctions.into_iter().map(Paper::from).chain(leaving.into_iter().map(Paper::from));
        Ok((requests.into_iter().map(Paper::from).chain(changes).chain(others).collect(), skipped))
    }

    /// The objects in homes that I may read, and how many namespaces were left out.
    ///
    /// One question where all may be read; else one for each home namespace, since roles are given there.
    ///
    /// # Errors
    /// When the API server does not answer.
    pub async fn readable<K>(&self) -> Result<(Vec<K>, usize), Failure>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + DeserializeOwned,
    {
        if !self.namespace_given {
            match self.list(&Api::all(self.client.clone()), &ListParams::default()).await {
                Ok(all) => return Ok((all, 0)),
                Err(error) if forbidden(&error) => {}
                Err(error) => return Err(self.failure(&error)),
            }
        }
        let lists = stream::iter(self.homes().await?).map(|namespace| async move {
            match self.list(&self.api(&namespace), &ListParams::default()).await {
                Ok(all) => Ok(Some(all)),
                Err(error) if forbidden(&error) && !self.namespace_given => Ok(None),
                Err(error) => Err(self.failure(&error)),
            }
        });
        let lists: Vec<Option<Vec<_>>> = lists.buffer_unordered(AT_ONCE).try_collect().await?;
        let skipped = lists.iter().filter(|l| l.is_none()).count();
        Ok((lists.into_iter().flatten().flatten().collect(), skipped))
    }

    /// The paper that is meant: by its kind where that is said, else the only request or change of its name, else the
    /// departure or sanction.
    ///
    /// # Errors
    /// When it is not there, may not be read, or could be either.
    pub async fn paper(&self, text: &str) -> Result<Paper, Failure> {
        let (kind, rest) = paper::split_kind(text);
        let (namespace, name) = self.target(&rest)?;
        if kind == Some(RequestKind::ResourceChange) {
            return Ok(self.get::<ResourceChange>(&namespace, &name).await?.into());
        }
        if kind == Some(RequestKind::Decommission) {
            return Ok(self.get::<Decommission>(&namespace, &name).await?.into());
        }
        if kind == Some(RequestKind::Sanction) {
            return Ok(self.get::<Sanction>(&namespace, &name).await?.into());
        }
        let request = self.get::<CloudResourceRequest>(&namespace, &name).await;
        if kind.is_some() {
            return Ok(request?.into());
        }
        match (request, self.get::<ResourceChange>(&namespace, &name).await) {
            (Ok(_), Ok(_)) => {
                let lang = self.lang;
                Err(Failure::new(Exit::Usage, lang.two_kinds(&name), lang.next_two_kinds(&name)))
            }
            (Err(failure), Ok(change)) if failure.exit == Exit::Nothing => Ok(change.into()),
            (Err(failure), _) if failure.exit == Exit::Nothing => {
                if let Ok(leaving) = self.get::<Decommission>(&namespace, &name).await {
                    return Ok(leaving.into());
                }
                let sanction = self.get::<Sanction>(&namespace, &name).await;
                Ok(sanction.map_err(|_| failure)?.into())
            }
            (request, _) => Ok(request?.into()),
        }
    }

    /// The paper as soon as it is as wanted; `None` when that takes longer than `limit` or cannot be watched.
    pub async fn await_paper(
        &self,
        paper: &Paper,
        limit: Duration,
        wanted: impl Fn(&Paper) -> bool + Sync,
    ) -> Option<Paper> {
        let (namespace, name) = (paper.namespace(), paper.name());
        match paper {
            Paper::Request(_) => {
                let wanted = |r: &CloudResourceRequest| wanted(&r.clone().into());
                self.await_object(namespace, name, limit, wanted).await.map(Paper::from)
            }
            Paper::Change(_) => {
                let wanted = |c: &ResourceChange| wanted(&c.clone().into());
                self.await_object(namespace, name, limit, wanted).await.map(Paper::from)
            }
            Paper::Departure(_) => {
                let wanted = |d: &Decommission| wanted(&d.clone().into());
                self.await_object(namespace, name, limit, wanted).await.map(Paper::from)
            }
            Paper::Sanction(_) => {
                let wanted = |s: &Sanction| wanted(&s.clone().into());
                self.await_object(namespace, name, limit, wanted).await.map(Paper::from)
            }
        }
    }

    /// The object as soon as it is as wanted; `None` when that takes longer than `limit` or cannot be watched.
    pub async fn await_object<K>(
        &self,
        namespace: &str,
        name: &str,
        limit: Duration,
        wanted: impl Fn(&K) -> bool,
    ) -> Option<K>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>
            + Clone
            + Debug
            + Send
            + DeserializeOwned
            + 'static,
    {
        let condition = |object: Option<&K>| object.is_some_and(&wanted);
        let wait = kube::runtime::wait::await_condition(self.api::<K>(namespace), name, condition);
        tokio::time::timeout(limit, wait).await.ok()?.ok()?
    }
}

/// Whether the API server said no.
#[must_use]
pub fn forbidden(error: &kube::Error) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == 403)
}
