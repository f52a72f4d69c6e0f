//! The operator's process: watches, lease, controllers, health; started and stopped in this order.

use crate::controllers::usage::Rounds;
use crate::controllers::{self, Context, watches};
use crate::runtime::client::connect;
use crate::runtime::clock;
use crate::runtime::controller::{self, Options};
use crate::runtime::fence::Claim;
use crate::runtime::health::{self, Gates};
use crate::runtime::lease::{Candidate, Terms};
use crate::runtime::metrics::Metrics;
use futures::FutureExt as _;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Plumbing only: numbers that mean something to people stand in policies.
#[derive(Clone, Debug, clap::Args)]
pub struct Settings {
    /// Kubeconfig file; the pod's own account, or KUBECONFIG, where none is given.
    #[arg(long)]
    pub kubeconfig: Option<PathBuf>,
    /// Address of /livez, /readyz and /metrics.
    #[arg(long, default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Namespace of the lease.
    #[arg(long, env = "POD_NAMESPACE", default_value = "yunguan-system")]
    pub lease_namespace: String,
    /// Name of this process in the lease and in Events; made up where none is given.
    #[arg(long, env = "POD_NAME")]
    pub identity: Option<String>,
    /// How many requests are looked at side by side.
    #[arg(long, default_value_t = 8)]
    pub concurrency: u16,
    /// Seconds from one round of questions to the domains' metrics endpoints to the next.
    #[arg(long, default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=3600))]
    pub usage_interval: u64,
    /// Folder in which the credentials of metrics endpoints lie: a folder each, with `token` and `ca.crt`.
    #[arg(long)]
    pub credentials: Option<PathBuf>,
}

/// Runs until SIGTERM or SIGINT, or until something that must not end has ended.
///
/// # Errors
/// Why the operator cannot go on. The process must end then: another one may act.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let metrics = Metrics::new()?;
    let gates = Gates::default();
    gates.set("watches", false);
    let stop = CancellationToken::new();
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    tasks.spawn(health::serve(settings.listen, gates.clone(), metrics.clone(), stop.clone()));

    let claim = Claim::default();
    let identity = settings.identity.clone().unwrap_or_else(made_up);
    let client = connect(settings.kubeconfig.as_deref(), &identity, claim.clone()).await?;
    let shipped = crate::core::guards::shipped().map_err(anyhow::Error::msg)?;
    let (mut hub, context, work, sweep) = watches::watch_all(&client, &metrics, &identity, shipped);
    hub.ready(Duration::from_mins(1)).await?;
    gates.set("watches", true);
    tasks.spawn(hub.run());

    let mut candidate =
        Candidate::new(client, &settings.lease_namespace, "yunguan", identity.clone(), Terms::default(), claim);
    tracing::info!(identity, "watching; waits for the lease");
    let signal = signalled()?;
    tokio::pin!(signal);
    tokio::select! {
        () = candidate.acquire() => {}
        () = &mut signal => return Ok(()),
        ended = tasks.join_next() => anyhow::bail!("a task ended early: {ended:?}"),
    }
    tracing::info!(identity, "acting");
    metrics.set_leader(true);
    // The lease is given up last, when nothing of ours is under way any more.
    let keep = CancellationToken::new();
    let mut lease = tokio::spawn(candidate.keep(keep.clone()));
    let mut acting = act(&settings, &context, work, sweep, &metrics, &stop, &gates);
    let outcome = tokio::select! {
        () = &mut signal => Ok(()),
        ended = tasks.join_next() => Err(anyhow::anyhow!("a task ended early: {ended:?}")),
        ended = acting.join_next() => Err(anyhow::anyhow!("a controller ended early: {ended:?}")),
        ended = &mut lease => return Err(anyhow::anyhow!("the lease is lost: {ended:?}")),
    };
    tracing::info!("stopping");
    metrics.set_leader(false);
    stop.cancel();
    let drained =
        tokio::time::timeout(Duration::from_secs(20), async { while acting.join_next().await.is_some() {} }).await;
    if drained.is_err() {
        tracing::warn!("some work was still under way");
        acting.abort_all();
    }
    keep.cancel();
    let _ = tokio::time::timeout(Duration::from_secs(5), lease).await;
    outcome
}

fn act(
    settings: &Settings,
    context: &Arc<Context>,
    work: watches::Work,
    sweep: watches::Sweep,
    metrics: &Metrics,
    stop: &CancellationToken,
    gates: &Gates,
) -> JoinSet<()> {
    let options = |name, concurrency| Options {
        name,
        concurrency,
        debounce: Duration::from_millis(20),
        metrics: metrics.clone(),
        gates: gates.clone(),
        stop: stop.clone(),
    };
    let watches::Work {
        requests,
        changes,
        decommissions,
        sanctions,
        systems,
        proposals,
        organizations,
        domains,
        policies,
        items,
        products,
    } = work;
    let mut acting = JoinSet::new();
    let wide = settings.concurrency;
    macro_rules! control {
        ($options:expr, $store:expr, $work:expr, $reconcile:path) => {
            acting.spawn(controller::run($options, $store, $work, Arc::clone(context), $reconcile))
        };
    }
    control!(options("request", wide), context.requests.clone(), requests, controllers::request::reconcile);
    control!(options("change", wide), context.changes.clone(), changes, controllers::change::reconcile);
    control!(
        options("decommission", wide),
        context.decommissions.clone(),
        decommissions,
        controllers::decommission::reconcile
    );
    control!(options("sanction", wide), context.sanctions.clone(), sanctions, controllers::sanction::reconcile);
    control!(options("system", wide), context.systems.clone(), systems, controllers::system::reconcile);
    control!(options("proposal", wide), context.systems.clone(), proposals, controllers::proposal::reconcile);
    control!(
        options("organization", wide),
        context.rules.organizations.clone(),
        organizations,
        controllers::organization::reconcile
    );
    control!(options("domain", 1), context.rules.domains.clone(), domains, controllers::domain::reconcile);
    control!(options("policy", 1), context.rules.policies.clone(), policies, controllers::policy::reconcile);
    control!(options("item", 1), context.rules.items.clone(), items, controllers::catalog::reconcile_item);
    control!(options("product", 1), context.rules.products.clone(), products, controllers::catalog::reconcile_product);
    acting.spawn(until(stop.clone(), sweep.run(Arc::clone(context))));
    acting.spawn(until(stop.clone(), controllers::guards::watch(Arc::clone(context))));
    let rounds =
        Rounds { every: Duration::from_secs(settings.usage_interval), credentials: settings.credentials.clone() };
    acting.spawn(until(stop.clone(), controllers::usage::watch(Arc::clone(context), rounds)));
    acting.spawn(measure(Arc::clone(context), stop.clone()));
    acting
}

/// Every process of the same machine, and every machine, has another name: two of one name would both hold the lease.
fn made_up() -> String {
    let host = std::env::var("HOSTNAME").unwrap_or_else(|_| "local".to_owned());
    let random = RandomState::new().build_hasher().finish();
    format!("yunguan-{host}-{}-{random:08x}", std::process::id())
}

/// Does this until the operator stops.
async fn until(stop: CancellationToken, work: impl Future<Output = ()> + Send) {
    tokio::select! { () = work => {}, () = stop.cancelled() => {} }
}

/// Counts requests, changes and systems every few seconds.
async fn measure(context: Arc<Context>, stop: CancellationToken) {
    loop {
        controllers::measure(&context, clock::now());
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(Duration::from_secs(5)) => {}
        }
    }
}

/// Ends with SIGTERM or SIGINT.
fn signalled() -> std::io::Result<impl Future<Output = ()>> {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! { _ = terminate.recv() => {}, _ = interrupt.recv() => {} }
    }
    .fuse())
}
