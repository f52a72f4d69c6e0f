//! Looks through an audit log of the API server for decisions that were made in another's name: admission cannot see that.
//!
//! What is no event is named and never passed over: a log of which a part cannot be read says nothing of that part.

use crate::api::names::GROUP;
use serde_json::{Deserializer, Value};
use std::collections::BTreeMap;

/// What a log says.
#[derive(Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// Events that were read.
    pub events: usize,
    /// Decisions that were made, by whomever.
    pub decisions: usize,
    /// Decisions that were made in another's name, a line each.
    pub impersonated: Vec<String>,
    /// Places that could not be read, a line each.
    pub unread: Vec<String>,
}

/// Reads a log: events one after another, a line each or not, bare or behind what a collector puts before them; lists of
/// events, as a webhook gets them.
#[must_use]
pub fn read(log: &str) -> Findings {
    let mut found = Findings::default();
    let mut events = Vec::new();
    let (mut rest, mut line) = (log, 1);
    // Takes what was read off the front, and counts its lines.
    let advance = |rest: &mut &str, line: &mut usize, by: usize| {
        let (read, left) = rest.split_at_checked(by).unwrap_or((rest, ""));
        *line += read.matches('\n').count();
        *rest = left;
    };
    loop {
        let blank = rest.len() - rest.trim_start().len();
        advance(&mut rest, &mut line, blank);
        if rest.is_empty() {
            break;
        }
        let row = rest.lines().next().unwrap_or_default();
        // A collector writes its own words first.
        let prefix = row.find('{').filter(|_| !rest.starts_with('[')).unwrap_or_default();
        let mut values = Deserializer::from_str(rest.get(prefix..).unwrap_or_default()).into_iter::<Value>();
        match values.next() {
            Some(Ok(value)) => {
                let (before, others) = (events.len(), take(value, &mut events));
                if events.len() == before {
                    found.unread.push(format!("line {line}: this is no audit event and no list of them"));
                } else if others > 0 {
                    found.unread.push(format!("line {line}: {others} items of this list are no audit events"));
                }
                let read = prefix + values.byte_offset();
                advance(&mut rest, &mut line, read);
            }
            Some(Err(error)) => {
                found.unread.push(format!("line {line}: this cannot be read as JSON: {error}"));
                advance(&mut rest, &mut line, row.len());
            }
            None => advance(&mut rest, &mut line, row.len().max(1)),
        }
    }
    found.events = events.len();
    judge(&events, &mut found);
    found
}

/// Takes in one event, or those of a list. Gives back how many things in it are none.
fn take(value: Value, events: &mut Vec<Value>) -> usize {
    match value {
        Value::Array(items) => items.into_iter().map(|item| take(item, events)).sum(),
        Value::Object(mut list) if list.get("kind").is_some_and(|kind| kind == "EventList") => {
            list.remove("items").map_or(1, |items| take(items, events))
        }
        event if event["stage"].is_string() && event["verb"].is_string() => {
            events.push(event);
            0
        }
        _ => 1,
    }
}

fn judge(events: &[Value], found: &mut Findings) {
    // One request stands there at several stages. Its id is what whoever asks has sent, so that two may have the same: every
    // answer is judged by itself.
    let mut requests: BTreeMap<String, Vec<&Value>> = BTreeMap::new();
    for (n, event) in events.iter().enumerate().filter(|(_, event)| makes_a_decision(event)) {
        let id = event["auditID"].as_str().map_or_else(|| n.to_string(), str::to_owned);
        requests.entry(id).or_default().push(event);
    }
    for stages in requests.values() {
        let (answered, others): (Vec<&Value>, Vec<&Value>) =
            stages.iter().partition(|event| event["stage"] == "ResponseComplete");
        // Who asked is the same at each stage of a request: what was asked by others was another one.
        let asked = |event: &Value| {
            [&event["user"], &event["impersonatedUser"], &event["objectRef"]["namespace"]].map(Value::to_string)
        };
        let unanswered: BTreeMap<_, &Value> = others.into_iter().map(|event| (asked(event), event)).collect();
        let unanswered =
            unanswered.into_values().filter(|event| answered.iter().all(|answer| asked(answer) != asked(event)));
        answered.iter().copied().chain(unanswered).for_each(|event| judge_request(event, found));
    }
    found.impersonated.sort();
}

/// Takes note of a decision that was made, as far as its last stage says.
fn judge_request(event: &Value, found: &mut Findings) {
    let code = event["responseStatus"]["code"].as_i64();
    let applied = event["verb"] == "create" || code == Some(201);
    if !applied || code.is_some_and(|code| !(200..300).contains(&code)) {
        return;
    }
    found.decisions += 1;
    if event["impersonatedUser"].is_null() {
        return;
    }
    let text = |value: &Value| value.as_str().unwrap_or("?").to_owned();
    let unknown = if code.is_none() { " (the log does not say whether that succeeded)" } else { "" };
    found.impersonated.push(format!(
        "{} {}/{} was made by {} in the name of {}{unknown}",
        text(&event["requestReceivedTimestamp"]),
        text(&event["objectRef"]["namespace"]),
        text(&event["objectRef"]["name"]),
        text(&event["user"]["username"]),
        text(&event["impersonatedUser"]["username"]),
    ));
}

/// Whether an event is of a request that may make a Decision: server-side apply makes one too.
fn makes_a_decision(event: &Value) -> bool {
    let object = &event["objectRef"];
    object["resource"] == "decisions"
        && object["apiGroup"] == GROUP
        && object["subresource"].is_null()
        && !is_dry_run(event)
        && ["create", "patch", "update"].iter().any(|verb| event["verb"] == *verb)
}

/// Whether a request made nothing. The parameter is looked for as it is: the text may stand in another one, to hide something.
fn is_dry_run(event: &Value) -> bool {
    let query = event["requestURI"].as_str().and_then(|uri| uri.split_once('?')).map(|(_, query)| query);
    query.is_some_and(|query| query.split('&').any(|parameter| parameter == "dryRun=All"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(changes: &[(&str, Value)]) -> Value {
        let mut event = json!({
            "kind": "Event", "apiVersion": "audit.k8s.io/v1", "stage": "ResponseComplete", "verb": "create",
            "user": {"username": "admin"}, "impersonatedUser": {"username": "li.na"},
            "objectRef": {"resource": "decisions", "apiGroup": "yunguan.dev", "namespace": "yg-a", "name": "d"},
            "responseStatus": {"code": 201}, "requestReceivedTimestamp": "t",
        });
        for (key, value) in changes {
            event[*key] = value.clone();
        }
        event
    }

    const FOUND: &str = "t yg-a/d was made by admin in the name of li.na";

    #[test]
    fn r7_1_impersonated_decisions_are_reported_in_whatever_form_the_log_is() {
        let (good, bad) = (event(&[("impersonatedUser", Value::Null)]), event(&[]));
        let list = json!({"kind": "EventList", "apiVersion": "audit.k8s.io/v1", "items": [good, bad]});
        let pretty = |value: &Value| serde_json::to_string_pretty(value).unwrap();
        for log in [
            format!("{good}\n{bad}\n"),
            format!("{bad}{good}"),
            list.to_string(),
            pretty(&list),
            format!("{list}\n"),
            format!("{}\n{}\n", pretty(&bad), pretty(&good)),
            json!([good, bad]).to_string(),
            format!("2026-11-30T00:00:00.1Z stdout F {good}\n2026-11-30T00:00:00.2Z stdout F {bad}\r\n"),
            format!("<13>Nov 30 node kube-apiserver[1]: {bad}\n\n<13>Nov 30 node kube-apiserver[1]: {good}"),
        ] {
            let found = read(&log);
            assert_eq!((found.events, found.decisions), (2, 2), "{log}");
            assert_eq!((found.impersonated, found.unread), (vec![FOUND.to_owned()], vec![]), "{log}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named_with_its_line() {
        let bad = event(&[]);
        for (log, line) in [
            (format!("{bad}\nno json\n"), "line 2: "),
            (format!("{bad}\n{{\"log\":\"x\"}}\n"), "line 2: this is no audit event"),
            (format!("no json\n{bad}\n"), "line 1: "),
            (format!("{bad}\n{}", &bad.to_string()[..40]), "line 2: "),
            (format!("{bad}\n[]\n"), "line 2: this is no audit event"),
            (format!("{bad}\n{{}}\n"), "line 2: this is no audit event"),
            (json!([bad, "garbage", 17]).to_string(), "line 1: 2 items"),
            (json!({"kind": "EventList", "items": [bad, {"kind": "Event"}]}).to_string(), "line 1: 1 items"),
        ] {
            let found = read(&log);
            assert_eq!((found.events, found.impersonated.len(), found.unread.len()), (1, 1, 1), "{log}: {found:?}");
            assert!(found.unread[0].starts_with(line), "{log}: {found:?}");
        }
        assert_eq!(read(" \n\n"), Findings::default());
    }

    #[test]
    fn a_decision_made_by_apply_counts_and_a_refused_one_does_not() {
        let impersonated = |changes: &[(&str, Value)]| read(&event(changes).to_string()).impersonated.len();
        assert_eq!(impersonated(&[("verb", json!("patch"))]), 1, "server-side apply of what was not there");
        assert_eq!(impersonated(&[("verb", json!("patch")), ("responseStatus", json!({"code": 200}))]), 0);
        assert_eq!(impersonated(&[("responseStatus", json!({"code": 403}))]), 0);
        let asked = |query: &str| json!(format!("/apis/yunguan.dev/v1alpha1/namespaces/yg-a/decisions{query}"));
        for (query, made) in [
            ("", 1),
            ("?dryRun=All", 0),
            ("?fieldManager=a&dryRun=All", 0),
            ("?fieldManager=dryRun=All", 1),
            ("?fieldManager=a?dryRun=All", 1),
            ("?xdryRun=All", 1),
        ] {
            assert_eq!(impersonated(&[("requestURI", asked(query))]), made, "{query}");
        }
        assert_eq!(impersonated(&[("verb", json!("get")), ("responseStatus", json!({"code": 200}))]), 0);
    }

    #[test]
    fn one_request_at_several_stages_counts_once_and_without_its_answer_it_is_said() {
        let received =
            event(&[("stage", json!("RequestReceived")), ("responseStatus", Value::Null), ("auditID", json!("1"))]);
        let complete = event(&[("auditID", json!("1"))]);
        let found = read(&format!("{received}\n{complete}"));
        assert_eq!((found.events, found.decisions, found.impersonated), (2, 1, vec![FOUND.to_owned()]));
        let found = read(&received.to_string());
        assert!(found.impersonated[0].ends_with("does not say whether that succeeded)"), "{found:?}");
        let refused = event(&[("auditID", json!("1")), ("responseStatus", json!({"code": 403}))]);
        assert_eq!(read(&format!("{received}\n{refused}")).impersonated, Vec::<String>::new());
        // Two requests under one id, which whoever asks may choose.
        for log in [format!("{refused}\n{complete}"), format!("{complete}\n{refused}")] {
            assert_eq!(read(&log).impersonated, [FOUND], "{log}");
        }
        let own = event(&[("auditID", json!("1")), ("impersonatedUser", Value::Null)]);
        assert_eq!(read(&format!("{own}\n{received}")).impersonated.len(), 1, "asked in another's name, and no answer");
    }
}
