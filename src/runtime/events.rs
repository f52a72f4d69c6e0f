//! Events that a person can read. One that cannot be written is logged and changes nothing.

use k8s_openapi::api::core::v1::ObjectReference;
use kube::Client;
use kube::runtime::events::{Event, EventType, Recorder, Reporter};

/// The process's one recorder.
#[derive(Clone)]
pub struct Events(Recorder);

impl Events {
    /// Reports as the operator.
    #[must_use]
    pub fn new(client: Client, instance: String) -> Self {
        let reporter = Reporter { controller: "yunguan".to_owned(), instance: Some(instance) };
        Self(Recorder::new(client, reporter))
    }

    /// Publishes a note about an object.
    pub async fn publish(&self, about: &ObjectReference, warning: bool, reason: &str, note: &str) {
        self.publish_with(about, None, warning, reason, note).await;
    }

    /// Publishes a note about an object to which another one belongs. What is told again within minutes is counted, and
    /// keeps the first note; so a note that differs by that other object needs its name.
    pub async fn publish_with(
        &self,
        about: &ObjectReference,
        with: Option<&ObjectReference>,
        warning: bool,
        reason: &str,
        note: &str,
    ) {
        let event = Event {
            type_: if warning { EventType::Warning } else { EventType::Normal },
            reason: reason.to_owned(),
            note: Some(cut(note).to_owned()),
            action: reason.to_owned(),
            secondary: with.cloned(),
        };
        if let Err(error) = self.0.publish(&event, about).await {
            tracing::warn!(%error, reason, "event could not be written");
        }
    }
}

/// The API server takes 1 KiB; cut at a character.
fn cut(note: &str) -> &str {
    let mut end = note.len().min(1024);
    while !note.is_char_boundary(end) {
        end -= 1;
    }
    &note[..end]
}

#[cfg(test)]
mod tests {
    #[test]
    fn notes_are_cut_at_a_character() {
        let long = "云".repeat(1000);
        let cut = super::cut(&long);
        assert_eq!(cut.len(), 1023);
        assert!(cut.chars().all(|c| c == '云'));
    }
}
