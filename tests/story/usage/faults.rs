//! What can be wrong with a metrics endpoint, and that nobody loses anything by it.

use super::*;
use k8s_openapi::api::events::v1::Event;
use serde_json::{Value, json};
use std::time::Duration;
use yunguan_cluster::{History, MetricsProxy, Trouble};

/// Changes each series of an answer.
fn each(answer: &mut Value, change: fn(&mut Value)) {
    if let Some(series) = answer["data"]["result"].as_array_mut() {
        series.iter_mut().for_each(change);
    }
}

fn empty(answer: &mut Value) {
    answer["data"]["result"] = json!([]);
}

/// The first of the namespaces is missing.
fn partial(answer: &mut Value) {
    if let Some(series) = answer["data"]["result"].as_array_mut() {
        series.retain(|s| s["metric"]["namespace"].as_str().is_none_or(|n| !n.contains("-sleepy-")));
    }
}

fn stale(answer: &mut Value) {
    each(answer, |series| {
        if series["metric"]["__name__"] == "yunguan:rules:last_timestamp_seconds" {
            series["value"][1] = json!((Timestamp::now().as_second() - 600).to_string());
        }
    });
}

fn not_a_number(answer: &mut Value) {
    each(answer, |series| {
        if series["metric"].get("namespace").is_some() {
            series["value"][1] = json!("NaN");
        }
    });
}

fn warnings(answer: &mut Value) {
    answer["warnings"] = json!(["a store did not answer"]);
}

/// Events about the city's domain with this reason; one that is told again counts on.
async fn told(world: &World, reason: &str) -> Result<usize> {
    let events: Api<Event> = Api::all(world.admin().await?);
    let about = |event: &&Event| {
        let object = event.regarding.as_ref().and_then(|object| object.name.as_deref());
        event.reason.as_deref() == Some(reason) && object == Some("bozhou-main")
    };
    let count = |event: &Event| event.series.as_ref().map_or(1, |s| usize::try_from(s.count).unwrap_or(1));
    Ok(events.list(&ListParams::default()).await?.iter().filter(about).map(count).sum())
}

async fn counted(world: &World, reason: &str) -> Result<()> {
    let metric = format!("yunguan_usage_failures_total{{reason=\"{reason}\"}}");
    wait_until(&metric, PATIENCE, async || Ok(world.operator.metrics().await?.contains(&metric).then_some(()))).await
}

/// Nothing leads to less, and the reason is said, counted and told once.
async fn nothing_less(world: &World, cases: &[Case<'_>], known: &Said<'_>, why: &str, event: &str) -> Result<()> {
    for case in cases {
        let said = [known, &[(REDUCTION, "Unknown", why), (IDLE, "Unknown", why), (NO_DATA, "Unknown", why)]].concat();
        says(case, &said).await.with_context(|| event.to_owned())?;
    }
    counted(world, event).await?;
    wait_until(&format!("Event {event}"), PATIENCE, async || Ok((told(world, event).await? == 1).then_some(()))).await
}

/// One system is not needed by all that is known, another is. Then everything goes wrong, one thing after the other.
#[tokio::test]
async fn r26_6_whatever_is_wrong_with_the_metrics_nothing_is_found_too_much() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let world = World::with_usage(folder.path()).await?;
    world.unit("t-use", None).await?;
    let cases = opened(&world, &["sleepy", "usual"], DAYS, "bozhou-main").await?;
    let sleepy = Namespace { mean: 0.1, top: 0.2, busy_days: Some(100), data_days: 40, ..of_a_system() };
    let namespaces = vec![(cases[0].namespace(), sleepy), (cases[1].namespace(), of_a_system())];
    let scenery = Scenery::start(namespaces).await?;
    let (proxy, url) = (&scenery.proxy, scenery.proxy.url());
    points_at(&world, url, None, None).await?;
    let found = [
        (KNOWN, "True", "Measured"),
        (REDUCTION, "True", "LowMemory"),
        (IDLE, "True", "Idle"),
        (NO_DATA, "True", "NoBusinessData"),
    ];
    says(&cases[0], &found).await?;

    let unusable = [(KNOWN, "False", "Unusable"), (EXPANSION, "Unknown", "UsageUnknown")];
    let troubles = [
        ("refused", Trouble::Refused(401), "Unauthorized"),
        ("warnings", Trouble::Edited(warnings), "Unusable"),
        ("stale", Trouble::Edited(stale), "Stale"),
        ("cut", Trouble::Cut, "Unusable"),
        ("empty", Trouble::Edited(empty), "Stale"),
        ("300 MB", Trouble::Huge(300 << 20), "Unusable"),
        ("slow", Trouble::Slow(Duration::from_secs(11)), "Unreachable"),
    ];
    let mut count = std::collections::BTreeMap::new();
    for (what, trouble, reason) in troubles {
        proxy.trouble(trouble);
        for case in &cases {
            let known = [(KNOWN, "False", reason), unusable[1]];
            let less = [REDUCTION, IDLE, NO_DATA].map(|type_| (type_, "Unknown", "UsageUnknown"));
            says(case, &[&known[..], &less].concat()).await.context(what)?;
        }
        counted(&world, reason).await?;
        proxy.trouble(Trouble::None);
        says(&cases[0], &found).await.with_context(|| format!("{what} is over"))?;
        *count.entry(reason).or_insert(0) += 1;
    }
    for (reason, turns) in count {
        wait_until(&format!("{turns} Events {reason}"), PATIENCE, async || {
            let told = told(&world, reason).await?;
            ensure!(told == turns, "{told}");
            Ok(Some(()))
        })
        .await?;
    }

    // Some answers are missing, or are no numbers: half of two are not 95%.
    let few = "TooFewMeasured";
    proxy.trouble(Trouble::Edited(partial));
    says(&cases[0], &[(KNOWN, "False", "NotMeasured"), (REDUCTION, "Unknown", "UsageUnknown")]).await?;
    nothing_less(&world, &cases[1..], &[(KNOWN, "True", "Measured")], few, few).await?;
    proxy.trouble(Trouble::Edited(not_a_number));
    says(&cases[1], &[(KNOWN, "False", "NotMeasured")]).await?;
    says(&cases[0], &[(KNOWN, "False", "NotMeasured"), (IDLE, "Unknown", "UsageUnknown")]).await?;
    proxy.trouble(Trouble::None);
    says(&cases[0], &found).await?;
    // Another cluster's.
    points_at(&world, url, Some("elsewhere"), None).await?;
    says(&cases[0], &[(KNOWN, "False", "NotMeasured"), (REDUCTION, "Unknown", "UsageUnknown")]).await?;
    points_at(&world, url, None, None).await?;
    says(&cases[0], &found).await?;

    by_tls(&world, &scenery, folder.path(), &cases[0], &found).await?;
    let idle_kept = lost(&world, &scenery, &cases[0], &found).await?;
    println!(
        "faults of a metrics endpoint: 13, reductions found meanwhile: 0; idle by the status' own clock: {idle_kept}"
    );
    scenery.stop().await
}

/// A token and an authority of its own, from a folder as a mounted Secret is.
async fn by_tls(
    world: &World,
    scenery: &Scenery,
    folder: &std::path::Path,
    case: &Case<'_>,
    found: &Said<'_>,
) -> Result<()> {
    let mounted = folder.join("city");
    let tls = MetricsProxy::start_tls(scenery.prometheus.port(), "a-token", &mounted).await?;
    points_at(world, tls.url(), None, None).await?;
    says(case, &[(KNOWN, "False", "Unreachable")]).await.context("an authority that nobody knows")?;
    points_at(world, tls.url(), None, Some("nowhere")).await?;
    says(case, &[(KNOWN, "False", "Misconfigured")]).await?;
    points_at(world, tls.url(), None, Some("city")).await?;
    says(case, found).await.context("with token and authority")?;
    ensure!(!tls.asked().is_empty());
    std::fs::write(mounted.join("token"), "another")?;
    says(case, &[(KNOWN, "False", "Unauthorized")]).await?;
    std::fs::write(mounted.join("token"), "a-token")?;
    says(case, found).await.context("the token is mended")?;
    Ok(())
}

/// Prometheus is killed, comes back, and then loses all that it had.
async fn lost(world: &World, scenery: &Scenery, case: &Case<'_>, found: &Said<'_>) -> Result<bool> {
    let prometheus = &scenery.prometheus;
    points_at(world, &prometheus.url(), None, None).await?;
    says(case, found).await?;
    prometheus.kill9().await?;
    let less = [REDUCTION, IDLE, NO_DATA].map(|type_| (type_, "Unknown", "UsageUnknown"));
    says(case, &[&[(KNOWN, "False", "Unreachable")][..], &less].concat()).await?;
    prometheus.restart().await?;
    says(case, found).await.context("it is back")?;
    prometheus.kill9().await?;
    says(case, &[(KNOWN, "False", "Unreachable")]).await?;
    prometheus.lose(&History::default()).await?;
    prometheus.restart().await?;
    // What a week proves is gone with the week; what months prove stands in the status.
    let told = says(case, &[(KNOWN, "True", "Measured"), (REDUCTION, "Unknown", "UsageUnknown")]).await?;
    Ok(told.iter().any(|c| c.type_ == IDLE && c.status == "True"))
}
