//! A cluster with everything installed, the shipped example applied, and the operator running; and cases in it, in which
//! people decide with their own credentials.

use anyhow::{Context as _, Result, bail, ensure};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::core::v1::ResourceQuota;
use kube::api::{ListParams, ObjectMeta, PostParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::collections::BTreeMap;
use std::fmt::Debug;
use std::path::Path;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Duration;
use tokio::sync::OnceCell;
use yunguan::api::cloud_resource_request::{CloudResourceRequestSpec, OpenGate, Phase, Submission, VoidReason};
use yunguan::api::common::{Names, RequestKind, RequestRef};
use yunguan::api::decision::{Evidence, LineAmount, TestResult, Verdict};
use yunguan::api::organization::{Nature, RoleMembers};
use yunguan::api::{
    CloudResourceRequest, Decision, DecisionSpec, InformationSystem, Organization, OrganizationSpec, ServiceProduct,
    ServiceProductSpec,
};
use yunguan::core::{credit_code, digest, names};
use yunguan_cluster::faults::Proxy;
use yunguan_cluster::{Clock, Cluster, Operator, OperatorSpec, Options, Person, wait_until};

pub const PATIENCE: Duration = Duration::from_mins(1);
pub const AUTHORITY: &str = "li.na@data-bureau";
pub const AUTHORITY_2: &str = "wu.gang@data-bureau";
pub const AGENCY: &str = "chen.jing@data-center";
pub const PROVIDER: &str = "liu.yang@bozhou-cloud";

/// The cluster, and the operator in it.
pub struct World {
    pub cluster: Cluster,
    pub operator: Operator,
    /// Stands between the operator and the API server, where faults are wanted.
    pub proxy: Option<Proxy>,
    /// What the operator takes for the time, in worlds [`with_clock`](Self::with_clock) and
    /// [`with_faults`](Self::with_faults); the others go by the machine's clock.
    pub clock: Clock,
    clients: OnceLock<Mutex<BTreeMap<String, Client>>>,
}

/// The world that the tests of this program share.
pub async fn world() -> Result<&'static World> {
    static WORLD: OnceCell<World> = OnceCell::const_new();
    WORLD.get_or_try_init(World::new).await
}

impl World {
    /// A world of its own, for tests that break something.
    pub async fn new() -> Result<Self> {
        Self::of_its_own(false, &[]).await
    }

    /// A world of its own, in which the operator goes by `clock`.
    pub async fn with_clock() -> Result<Self> {
        Self::of_its_own(true, &[]).await
    }

    /// A world of its own, with a round of questions to metrics endpoints each second; their credentials lie in this folder.
    pub async fn with_usage(credentials: &Path) -> Result<Self> {
        let credentials = credentials.display().to_string();
        Self::of_its_own(false, &["--usage-interval", "1", "--credentials", &credentials]).await
    }

    async fn of_its_own(shifts: bool, args: &[&str]) -> Result<Self> {
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster, "config/local").await?;
        let kubeconfig = cluster.service_account("yunguan-system", "yunguan").await?;
        Self::with(cluster, &kubeconfig, None, shifts, args).await
    }

    /// A world in which the operator speaks to the API server through a proxy that can break things, and goes by `clock`.
    pub async fn with_faults() -> Result<Self> {
        let cluster = Cluster::start(Options::default()).await?;
        install(&cluster, "config/local").await?;
        let proxy = Proxy::start(crate::support::operator(&cluster).await?).await?;
        let kubeconfig = proxy.kubeconfig(cluster.directory())?;
        Self::with(cluster, &kubeconfig, Some(proxy), true, &[]).await
    }

    async fn with(
        cluster: Cluster,
        kubeconfig: &Path,
        proxy: Option<Proxy>,
        shifts: bool,
        args: &[&str],
    ) -> Result<Self> {
        let mut spec = OperatorSpec::run("operator", env!("CARGO_BIN_EXE_yunguan"), kubeconfig)?;
        // The same after a restart, as a pod's name is: it need not wait for its own lease.
        spec.args.extend(["--identity", "first"].into_iter().chain(args.iter().copied()).map(str::to_owned));
        let clock = Clock::new(cluster.directory());
        spec.env.extend(shifts.then(|| clock.env()));
        let operator = Operator::start(&cluster, spec).await?;
        install(&cluster, "config/samples").await?;
        let world = Self { cluster, operator, proxy, clock, clients: OnceLock::new() };
        let organizations: Api<Organization> = Api::all(world.admin().await?);
        for organization in organizations.list(&ListParams::default()).await? {
            world.home_ready(&organization.name_any()).await?;
        }
        Ok(world)
    }

    /// From now on people keep their connections, which belong to the runtime of this test: for one that asks very often.
    pub fn keep_clients(&self) {
        self.clients.get_or_init(Mutex::default);
    }

    pub async fn admin(&self) -> Result<Client> {
        self.client_of(&Person::admin()).await
    }

    pub async fn client(&self, who: &str) -> Result<Client> {
        self.client_of(&Person::new(who)).await
    }

    async fn client_of(&self, person: &Person) -> Result<Client> {
        let Some(clients) = self.clients.get() else { return self.cluster.client(person).await };
        let kept = clients.lock().unwrap_or_else(PoisonError::into_inner).get(&person.name).cloned();
        let client = match kept {
            Some(client) => client,
            None => self.cluster.client(person).await?,
        };
        clients.lock().unwrap_or_else(PoisonError::into_inner).insert(person.name.clone(), client.clone());
        Ok(client)
    }

    /// Waits until an organization's home stands.
    pub async fn home_ready(&self, name: &str) -> Result<()> {
        let organizations: Api<Organization> = Api::all(self.admin().await?);
        wait_until(&format!("the home of {name}"), PATIENCE, async || {
            if let Some(status) = self.operator.exited()? {
                bail!("the operator has ended ({status}); its last lines:\n{}", self.operator.log_tail());
            }
            let status = organizations.get(name).await?.status.unwrap_or_default();
            let ready = status.conditions.iter().find(|c| c.type_ == "Ready").context("no condition")?;
            ensure!(ready.status == "True", "{}", ready.message);
            Ok(Some(()))
        })
        .await
    }

    /// A unit of the city with one person, `unit@<name>`.
    pub async fn unit(&self, name: &str, supervisor: Option<&str>) -> Result<()> {
        self.organization(name, |spec| {
            spec.supervisor = supervisor.map(str::to_owned);
            spec.members.push(members("unit", &[&format!("unit@{name}")]));
        })
        .await?;
        self.home_ready(name).await
    }

    pub async fn organization(&self, name: &str, shape: impl FnOnce(&mut OrganizationSpec)) -> Result<()> {
        let body =
            format!("{:X<17}", format!("9934{}", digest::of(&name).to_uppercase().get(..10).unwrap_or_default()));
        let code = format!("{body}{}", credit_code::check_digit(&body)?);
        let mut spec = OrganizationSpec {
            names: Names { zh: format!("测试单位{name}"), en: None },
            social_credit_code: code,
            nature: Nature::Government,
            policy_family: "bozhou".to_owned(),
            ..OrganizationSpec::default()
        };
        shape(&mut spec);
        let organization = Organization::new(name, spec);
        Api::<Organization>::all(self.admin().await?).create(&PostParams::default(), &organization).await?;
        Ok(())
    }

    /// A draft of the shipped request, made by the unit itself in its own home.
    pub async fn draft(
        &self,
        unit: &str,
        code: &str,
        shape: impl FnOnce(&mut CloudResourceRequestSpec),
    ) -> Result<Case<'_>> {
        let mut request = sample()?;
        fit(&mut request, unit, code);
        shape(&mut request.spec);
        let case = Case { world: self, unit: unit.to_owned(), name: code.to_owned() };
        case.file_draft(&self.client(&case.person()).await?, &request).await?;
        Ok(case)
    }

    /// As [`Self::draft`], by another person of the unit.
    pub async fn draft_as(&self, unit: &str, code: &str, who: &str) -> Result<Case<'_>> {
        self.draft_by(unit, code, &self.client(who).await?).await
    }

    /// As [`Self::draft`], by whoever this client is.
    pub async fn draft_by(&self, unit: &str, code: &str, client: &Client) -> Result<Case<'_>> {
        let mut request = sample()?;
        fit(&mut request, unit, code);
        let case = Case { world: self, unit: unit.to_owned(), name: code.to_owned() };
        case.file_draft(client, &request).await?;
        Ok(case)
    }
}

/// Offers in a domain all that the city's main one offers, and waits until the operator knows: what is drafted before has
/// other amounts than a moment later.
pub async fn products_for(admin: &Client, domain: &str) -> Result<()> {
    let products: Api<ServiceProduct> = Api::all(admin.clone());
    for product in products.list(&ListParams::default().fields("spec.domain=bozhou-main")).await? {
        let spec = ServiceProductSpec { domain: domain.to_owned(), ..product.spec.clone() };
        let name = format!("{domain}.{}", spec.item);
        products.create(&PostParams::default(), &ServiceProduct::new(&name, spec)).await?;
        eventually(&products, &name, "to be known", |product| product.status.is_some()).await?;
    }
    Ok(())
}

/// What a quota allows of each resource, but for classes of devices: those of other tests come and go.
pub fn bounds(quota: &ResourceQuota) -> BTreeMap<String, String> {
    let hard = quota.spec.iter().filter_map(|spec| spec.hard.as_ref()).flatten();
    let of_devices = |resource: &str| resource.contains("deviceclass.resource") || resource.contains(".t-");
    let hard = hard.filter(|(resource, _)| !of_devices(resource));
    hard.map(|(resource, amount)| (resource.clone(), amount.0.clone())).collect()
}

/// The shipped request.
pub fn sample() -> Result<CloudResourceRequest> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/samples/requests/health-portal.yaml");
    Ok(serde_saphyr::from_str(&std::fs::read_to_string(path)?)?)
}

/// Makes the shipped request one of this unit, without what the provider opens by hand.
pub fn fit(request: &mut CloudResourceRequest, unit: &str, code: &str) {
    request.metadata = ObjectMeta { name: Some(code.to_owned()), ..ObjectMeta::default() };
    request.spec.application.unit_name = format!("测试单位{unit}");
    code.clone_into(&mut request.spec.application.system.code);
    request.spec.application.lines.retain(|l| l.name != "waf");
}

pub fn members(role: &str, users: &[&str]) -> RoleMembers {
    RoleMembers { role: role.to_owned(), users: users.iter().map(|u| (*u).to_owned()).collect(), groups: vec![] }
}

/// Installs a kustomize base, again until the kinds that it brings are served.
pub async fn install(cluster: &Cluster, base: &str) -> Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(base).display().to_string();
    wait_until(&format!("{base} to be installed"), PATIENCE, async || {
        let applied =
            cluster.kubectl(&Person::admin(), &["apply", "--server-side", "--force-conflicts", "-k", &path]).await?;
        ensure!(applied.status == 0, "{}", applied.stderr);
        Ok(Some(()))
    })
    .await
}

/// What a person would decide at an open gate of a request.
pub fn decision_at(request: &CloudResourceRequest, gate: &str, verdict: Verdict) -> Result<Decision> {
    let status = request.status.clone().unwrap_or_default();
    ensure!(status.observed_generation == request.metadata.generation, "status lags");
    let open = status.open_gates.iter().find(|g| g.gate == gate);
    let open = open.with_context(|| format!("{}: {:?}", status.phase, status.waiting_for))?;
    let lines = &request.spec.application.lines;
    let grant =
        lines.iter().filter(|l| open.confirms_amounts && verdict == Verdict::Approve && l.self_procured.is_none());
    let submission = status.submission.as_ref().filter(|_| verdict != Verdict::Submit);
    let spec = DecisionSpec {
        request_ref: RequestRef {
            kind: RequestKind::CloudResourceRequest,
            name: request.name_any(),
            uid: status.subject_uid.clone().context("no subject")?,
        },
        submission_uid: submission.map(|s| s.uid.clone()),
        gate: gate.to_owned(),
        role: open.role.clone(),
        verdict,
        digest: open.digest.clone(),
        comment: Some("测试意见".to_owned()),
        evidence: open
            .reports
            .iter()
            .map(|r| Evidence { name: r.clone(), sha256: "0".repeat(64), uri: None, result: Some(TestResult::Passed) })
            .collect(),
        grant: grant.map(|l| LineAmount { line: l.name.clone(), quantity: l.quantity }).collect(),
        ..DecisionSpec::default()
    };
    let metadata = ObjectMeta { generate_name: Some(format!("{}-", request.name_any())), ..ObjectMeta::default() };
    Ok(Decision { metadata, spec })
}

/// What a person would decide at an open gate of the object of this kind, name and uid.
pub fn at_gate(
    (kind, name, uid): (RequestKind, String, String),
    submission: Option<&Submission>,
    open: &OpenGate,
    verdict: Verdict,
) -> Decision {
    let report = |name: &String| Evidence {
        name: name.clone(),
        sha256: "0".repeat(64),
        uri: None,
        result: Some(TestResult::Passed),
    };
    let metadata = ObjectMeta { generate_name: Some(format!("{name}-")), ..ObjectMeta::default() };
    let spec = DecisionSpec {
        request_ref: RequestRef { kind, name, uid },
        submission_uid: submission.filter(|_| verdict != Verdict::Submit).map(|s| s.uid.clone()),
        gate: open.gate.clone(),
        role: open.role.clone(),
        verdict,
        digest: open.digest.clone(),
        comment: Some("测试意见".to_owned()),
        evidence: open.reports.iter().map(report).collect(),
        ..DecisionSpec::default()
    };
    Decision { metadata, spec }
}

/// One request and the people around it.
pub struct Case<'w> {
    pub world: &'w World,
    pub unit: String,
    pub name: String,
}

impl Case<'_> {
    /// The unit's person.
    pub fn person(&self) -> String {
        format!("unit@{}", self.unit)
    }

    pub fn home(&self) -> String {
        names::home_namespace(&self.unit)
    }

    pub fn namespace(&self) -> String {
        names::system_namespace(&self.unit, &self.name)
    }

    /// An API in the home namespace, as this person.
    pub async fn api<K>(&self, who: &str) -> Result<Api<K>>
    where
        K: Resource<Scope = NamespaceResourceScope, DynamicType = ()>,
    {
        Ok(Api::namespaced(self.world.client(who).await?, &self.home()))
    }

    pub async fn request(&self) -> Result<CloudResourceRequest> {
        Ok(Api::namespaced(self.world.admin().await?, &self.home()).get(&self.name).await?)
    }

    pub async fn system(&self) -> Result<InformationSystem> {
        Ok(Api::namespaced(self.world.admin().await?, &self.home()).get(&self.name).await?)
    }

    pub async fn phase(&self, phase: Phase) -> Result<CloudResourceRequest> {
        wait_until(&format!("{} to be {phase}", self.name), PATIENCE, async || {
            let request = self.request().await?;
            let status = request.status.clone().unwrap_or_default();
            let current = status.observed_generation == request.metadata.generation;
            ensure!(current && status.phase == phase, "{}: {:?}", status.phase, status.waiting_for);
            Ok(Some(request))
        })
        .await
    }

    /// Waits until a gate is open, and drafts what a person would decide there.
    pub async fn drafted(&self, gate: &str, verdict: Verdict) -> Result<Decision> {
        wait_until(&format!("gate {gate} of {}", self.name), PATIENCE, async || {
            let request = self.request().await?;
            let void = request.status.iter().flat_map(|s| &s.void_decisions);
            let void: Vec<_> = void.map(|v| format!("{} is void: {}", v.name, v.message)).collect();
            decision_at(&request, gate, verdict).map(Some).with_context(|| void.join("; "))
        })
        .await
        .with_context(|| self.world.operator.log_tail())
    }

    /// The bindings of a new home take a moment to be known to the API server.
    async fn file_draft(&self, client: &Client, request: &CloudResourceRequest) -> Result<()> {
        let api: Api<CloudResourceRequest> = Api::namespaced(client.clone(), &self.home());
        wait_until(&format!("{} to be let in", self.unit), PATIENCE, async || {
            api.create(&PostParams::default(), request).await?;
            Ok(Some(()))
        })
        .await
    }

    /// A person makes a decision as it stands.
    pub async fn make(&self, who: &str, decision: &Decision) -> Result<Decision> {
        Ok(self.api::<Decision>(who).await?.create(&PostParams::default(), decision).await?)
    }

    /// A person decides at a gate.
    pub async fn decide(&self, who: &str, gate: &str, verdict: Verdict) -> Result<Decision> {
        let decision = self.drafted(gate, verdict).await?;
        self.make(who, &decision).await
    }

    /// Up to the authority's decision, which is left open.
    pub async fn to_approval(&self) -> Result<()> {
        self.decide(&self.person(), "submission", Verdict::Submit).await?;
        self.decide(AUTHORITY, "completeness", Verdict::Approve).await?;
        self.decide(AGENCY, "plan", Verdict::Confirm).await?;
        self.decide(AGENCY, "evaluation", Verdict::Approve).await?;
        Ok(())
    }

    /// Up to open resources.
    pub async fn to_trial(&self) -> Result<CloudResourceRequest> {
        self.to_approval().await?;
        self.decide(AUTHORITY, "approval", Verdict::Approve).await?;
        self.phase(Phase::Trial).await
    }

    /// From the draft to a live system.
    pub async fn to_live(&self) -> Result<CloudResourceRequest> {
        self.to_trial().await?;
        let person = self.person();
        self.decide(&person, "trial-report", Verdict::File).await?;
        self.decide(&person, "security-report", Verdict::File).await?;
        self.decide(&person, "sign-unit", Verdict::Sign).await?;
        self.decide(PROVIDER, "sign-provider", Verdict::Sign).await?;
        self.decide(AUTHORITY, "sign-authority", Verdict::Sign).await?;
        self.phase(Phase::Live).await
    }

    /// Waits until a decision is void, and says why.
    pub async fn void(&self, decision: &Decision) -> Result<VoidReason> {
        let name = decision.name_any();
        wait_until(&format!("{name} to be judged"), PATIENCE, async || {
            let status = self.request().await?.status.unwrap_or_default();
            ensure!(!status.decisions.iter().any(|d| d.name == name), "it counts");
            Ok(status.void_decisions.iter().find(|v| v.name == name).map(|v| v.reason))
        })
        .await
    }

    /// Waits for a condition, and gives its reason and message.
    pub async fn condition(&self, type_: &str, status: &str) -> Result<(String, String)> {
        wait_until(&format!("{type_}={status} of {}", self.name), PATIENCE, async || {
            let request = self.request().await?;
            let now = request.status.clone().unwrap_or_default();
            ensure!(now.observed_generation == request.metadata.generation, "status lags");
            let found = now.conditions.iter().find(|c| c.type_ == type_).context("no such condition")?;
            ensure!(found.status == status, "{} {}: {}", found.status, found.reason, found.message);
            Ok(Some((found.reason.clone(), found.message.clone())))
        })
        .await
    }
}

/// Reads an object back until it satisfies.
pub async fn eventually<K>(api: &Api<K>, name: &str, what: &str, good: impl Fn(&K) -> bool) -> Result<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + DeserializeOwned + Serialize,
{
    wait_until(&format!("{name}: {what}"), PATIENCE, async || {
        let object = api.get(name).await?;
        ensure!(good(&object), "{}", serde_json::to_string(&object)?);
        Ok(Some(object))
    })
    .await
}

/// The message with which the API server refused; anything else is an error.
pub fn refusal<T: Debug>(result: Result<T>) -> Result<String> {
    match result {
        Ok(done) => bail!("was allowed: {done:?}"),
        Err(error) => match error.downcast_ref::<kube::Error>() {
            Some(kube::Error::Api(status)) if [403, 409, 422].contains(&status.code) => Ok(status.message.clone()),
            _ => Err(error.context("failed, but not by being refused")),
        },
    }
}
