//! Forms that the plugin makes and files: under a name that is free, and not a second time where the same is there already.

use super::failure::{Exit, Failure};
use super::session::Session;
use k8s_openapi::NamespaceResourceScope;
use kube::api::{ListParams, PostParams};
use kube::{Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Names that are tried before somebody has to give one.
const TRIES: usize = 99;

/// The name of a form that says what is wanted: one that is there, or a new one under the first name that is free. `is_same`
/// says of one that is there whether it asks for the same and still can come to something. A name that somebody gave is the
/// only one.
///
/// # Errors
/// When the name that was given is taken, or a rule refuses it.
pub async fn made<K>(
    session: &Session,
    namespace: &str,
    wanted: K,
    given: bool,
    is_same: impl Fn(&K) -> bool,
) -> Result<(String, bool), Failure>
where
    K: Resource<Scope = NamespaceResourceScope, DynamicType = ()> + Clone + Debug + Serialize + DeserializeOwned,
{
    let (lang, base) = (session.lang, wanted.name_any());
    let api = session.api::<K>(namespace);
    let there = session.list(&api, &ListParams::default()).await.map_err(|e| session.failure(&e))?;
    let same = there.iter().filter(|form| !given || form.name_any() == base).find(|form| is_same(form));
    if let Some(same) = same {
        return Ok((same.name_any(), false));
    }
    for number in 1..=if given { 1 } else { TRIES } {
        let mut form = wanted.clone();
        form.meta_mut().name = Some(if number == 1 { base.clone() } else { format!("{base}-{number}") });
        match api.create(&PostParams::default(), &form).await {
            Ok(made) => return Ok((made.name_any(), true)),
            Err(kube::Error::Api(status)) if status.is_already_exists() => {}
            Err(error) => return Err(session.failure(&error)),
        }
    }
    Err(Failure::new(Exit::Usage, lang.name_taken(&base), lang.next_other_name()))
}
