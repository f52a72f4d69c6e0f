//! What watches tell, held back, merged or cut.

use std::collections::VecDeque;

use axum::body::Bytes;
use futures::stream::{self, Stream, StreamExt as _};
use serde_json::Value;
use tokio::sync::watch;

/// How watches flow now.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Flow {
    /// Nothing is told.
    pub(super) held: bool,
    /// How often all watches were cut.
    pub(super) cuts: u64,
    /// Nobody can resume.
    pub(super) gone: bool,
}

struct State<S> {
    upstream: S,
    flow: watch::Receiver<Flow>,
    cuts: u64,
    /// The beginning of a line whose end has not come.
    partial: Vec<u8>,
    held: VecDeque<Bytes>,
    ended: bool,
}

/// Passes a watch's lines on as the flow wants it.
pub(super) fn through<S>(
    upstream: S,
    flow: watch::Receiver<Flow>,
) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static
where
    S: Stream<Item = Result<Bytes, kube::Error>> + Send + 'static,
{
    let cuts = flow.borrow().cuts;
    let state =
        State { upstream: Box::pin(upstream), flow, cuts, partial: Vec::new(), held: VecDeque::new(), ended: false };
    stream::unfold(state, async |mut state| state.next().await.map(|item| (item, state)))
}

impl<S> State<S>
where
    S: Stream<Item = Result<Bytes, kube::Error>> + Unpin,
{
    async fn next(&mut self) -> Option<Result<Bytes, std::io::Error>> {
        loop {
            let flow = *self.flow.borrow_and_update();
            if flow.cuts != self.cuts {
                return None;
            }
            if !flow.held {
                if let Some(line) = self.held.pop_front() {
                    return Some(Ok(line));
                }
                if self.ended {
                    return None;
                }
            }
            tokio::select! {
                changed = self.flow.changed() => changed.ok()?,
                chunk = self.upstream.next(), if !self.ended => match chunk {
                    Some(Ok(chunk)) => self.take(&chunk),
                    Some(Err(error)) => return Some(Err(std::io::Error::other(error))),
                    None => self.ended = true,
                },
            }
        }
    }

    /// Cuts what came into lines; a later event about an object takes the place of an earlier one that nobody has seen.
    fn take(&mut self, chunk: &[u8]) {
        self.partial.extend_from_slice(chunk);
        while let Some(end) = self.partial.iter().position(|byte| *byte == b'\n') {
            let line = Bytes::from(self.partial.drain(..=end).collect::<Vec<_>>());
            if let Some(about) = object_of(&line) {
                self.held.retain(|earlier| object_of(earlier).as_ref() != Some(&about));
            }
            self.held.push_back(line);
        }
    }
}

/// The uid of the object that an event is about; bookmarks and errors are about none.
fn object_of(line: &[u8]) -> Option<String> {
    let event: Value = serde_json::from_slice(line).ok()?;
    event["object"]["metadata"]["uid"].as_str().map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(uid: &str, version: u32) -> Bytes {
        let object = format!(r#"{{"metadata":{{"uid":"{uid}","resourceVersion":"{version}"}}}}"#);
        Bytes::from(format!("{{\"type\":\"MODIFIED\",\"object\":{object}}}\n"))
    }

    #[tokio::test]
    async fn what_was_held_back_comes_merged() {
        let (flow, receiver) = watch::channel(Flow { held: true, ..Flow::default() });
        let upstream = stream::iter([event("a", 1), event("b", 1), event("a", 2)]).map(Ok).chain(stream::pending());
        let mut told = Box::pin(through(upstream, receiver));
        let nothing = tokio::time::timeout(std::time::Duration::from_millis(20), told.next()).await;
        assert!(nothing.is_err(), "held");
        flow.send_modify(|flow| flow.held = false);
        let first = told.next().await.unwrap().unwrap();
        let second = told.next().await.unwrap().unwrap();
        assert!(String::from_utf8_lossy(&first).contains(r#""uid":"b""#));
        assert!(String::from_utf8_lossy(&second).contains(r#""resourceVersion":"2""#));
        flow.send_modify(|flow| flow.cuts += 1);
        assert!(told.next().await.is_none(), "cut");
    }
}
