//! Where it is measured: a cluster with one unit, a domain with room for all, the people's clients, and one watch by
//! which everybody learns how requests stand.

use crate::world::{AGENCY, AUTHORITY, PROVIDER, World};
use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use kube::api::{ListParams, PostParams};
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;
use yunguan::api::common::Quantity;
use yunguan::api::{CloudDomain, CloudResourceRequest, ServiceProduct};
use yunguan::core::names::home_namespace;

/// The unit that asks.
pub const UNIT: &str = "bench";
/// The unit's person.
pub const PERSON: &str = "unit@bench";
/// The domain from which everything is granted.
pub const DOMAIN: &str = "bench";
/// For one request to get one step further, behind thousands of others.
const PATIENCE: Duration = Duration::from_mins(3);

type Seen = watch::Sender<Option<Arc<CloudResourceRequest>>>;

/// How each request stands, from one watch, so that reading costs the API server little.
#[derive(Clone, Default)]
pub struct Board(Arc<Mutex<HashMap<String, Seen>>>);

impl Board {
    /// Follows all requests of the unit, until the program ends.
    fn follow(client: Client) -> Self {
        let board = Self::default();
        let ours = board.clone();
        tokio::spawn(async move {
            let requests: Api<CloudResourceRequest> = Api::namespaced(client, &home_namespace(UNIT));
            let seen = watcher(requests, watcher::Config::default()).default_backoff().applied_objects();
            let mut seen = std::pin::pin!(seen);
            while let Some(request) = seen.next().await {
                let Ok(request) = request else { continue };
                ours.of(&request.name_any(), |sender| drop(sender.send_replace(Some(Arc::new(request)))));
            }
        });
        board
    }

    fn of<T>(&self, name: &str, with: impl FnOnce(&Seen) -> T) -> T {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        with(all.entry(name.to_owned()).or_insert_with(|| watch::Sender::new(None)))
    }

    /// Waits until a request stands so.
    pub async fn until(
        &self,
        name: &str,
        what: &str,
        holds: impl Fn(&CloudResourceRequest) -> bool,
    ) -> Result<Arc<CloudResourceRequest>> {
        let mut receiver = self.of(name, watch::Sender::subscribe);
        let found = tokio::time::timeout(PATIENCE, receiver.wait_for(|r| r.as_deref().is_some_and(&holds))).await;
        if let Ok(seen) = found {
            return seen?.clone().context("nothing seen");
        }
        let last = self.of(name, |sender| sender.borrow().clone());
        let status = last.and_then(|r| r.status.clone()).unwrap_or_default();
        anyhow::bail!(
            "waited {PATIENCE:?} for {name} {what}; it is {}, waits for {:?}",
            status.phase,
            status.waiting_for
        )
    }
}

/// A cluster and everybody in it.
pub struct Ground {
    /// The cluster and its operator.
    pub world: World,
    /// How requests stand.
    pub board: Board,
    people: HashMap<String, Client>,
}

impl Ground {
    /// Starts a cluster with everything in it.
    pub async fn new() -> Result<Self> {
        Self::within(World::new().await?).await
    }

    /// The same in a world of this kind.
    pub async fn within(world: World) -> Result<Self> {
        world.unit(UNIT, None).await?;
        let admin = world.admin().await?;
        make_room(&admin).await?;
        let mut people = HashMap::new();
        for person in [PERSON, AUTHORITY, AGENCY, PROVIDER] {
            people.insert(person.to_owned(), world.client(person).await?);
        }
        people.insert(crate::support::OPERATOR.to_owned(), crate::support::operator(&world.cluster).await?);
        // The bindings of a new home take a moment to be known to the API server.
        let first = world.draft(UNIT, "first", |spec| DOMAIN.clone_into(&mut spec.application.domain)).await?;
        let board = Board::follow(admin);
        if world.operator.exited()?.is_none() {
            board.until(&first.name, "to be shown", |r| r.status.is_some()).await?;
        }
        Ok(Self { world, board, people })
    }

    /// A person's own client, or the operator's account's.
    pub fn client(&self, user: &str) -> Result<Client> {
        self.people.get(user).cloned().with_context(|| format!("nobody knows {user}"))
    }
}

/// A domain like the city's, with far more room, where everything is sold that the city's sells.
async fn make_room(admin: &Client) -> Result<()> {
    let domains: Api<CloudDomain> = Api::all(admin.clone());
    let mut spec = domains.get("bozhou-main").await?.spec;
    for amount in spec.capacity.values_mut() {
        *amount = Quantity("1P".to_owned());
    }
    domains.create(&PostParams::default(), &CloudDomain::new(DOMAIN, spec)).await?;
    let products: Api<ServiceProduct> = Api::all(admin.clone());
    for product in products.list(&ListParams::default().fields("spec.domain=bozhou-main")).await? {
        let mut spec = product.spec.clone();
        DOMAIN.clone_into(&mut spec.domain);
        let name = format!("{DOMAIN}.{}", spec.item);
        products.create(&PostParams::default(), &ServiceProduct::new(&name, spec)).await?;
    }
    Ok(())
}
