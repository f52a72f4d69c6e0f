//! What became of a decision.

use super::failure::Exit;
use super::lang::Lang;
use super::page::Page;
use super::paper::Paper;
use super::words;
use crate::api::cloud_resource_request::VoidReason;
use serde::Serialize;

/// What became of a decision.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase", tag = "outcome")]
pub enum Outcome {
    /// It counts.
    #[serde(rename_all = "camelCase")]
    Counts {
        /// What the request waits for now.
        #[serde(skip_serializing_if = "Option::is_none")]
        waiting_for: Option<String>,
        /// The same in Chinese; scripts read the one above.
        #[serde(skip)]
        waiting_for_zh: Option<String>,
    },
    /// It does not count.
    Void {
        /// Why, in one word.
        reason: VoidReason,
        /// Why.
        message: String,
    },
    /// The operator has not said yet.
    Pending,
    /// The same person had decided the same before.
    AlreadyDecided,
    /// Shown only.
    DryRun,
}

impl Outcome {
    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        if matches!(self, Self::Void { .. }) { Exit::Refused } else { Exit::Done }
    }

    /// What the status says of the decision of this name.
    #[must_use]
    pub fn of(paper: &Paper, decision: &str) -> Option<Self> {
        let status = paper.progress()?;
        if let Some(void) = status.void_decisions.iter().find(|d| d.name == decision) {
            return Some(Self::Void { reason: void.reason, message: void.message.clone() });
        }
        let filed = status.submission.is_some_and(|s| s.name == decision);
        let counts = filed || status.decisions.iter().any(|d| d.name == decision);
        counts.then(|| Self::Counts {
            waiting_for: words::waiting_for(Lang::En, &status),
            waiting_for_zh: words::waiting_for(Lang::Zh, &status),
        })
    }

    /// For a person.
    #[must_use]
    pub fn page(&self, lang: Lang) -> Page {
        let mut page = Page::default();
        match self {
            Self::Counts { waiting_for, waiting_for_zh } => {
                page.line(lang.counts());
                if let Some(what) = if lang.chinese() { waiting_for_zh } else { waiting_for } {
                    page.line(lang.now_waits(what));
                }
            }
            Self::Void { reason, message } => {
                page.line(lang.void(&words::void_reason(lang, *reason), message));
                page.line(lang.next(&lang.next_void()));
            }
            Self::Pending => {
                page.line(lang.pending());
            }
            Self::AlreadyDecided => {
                page.line(lang.already());
            }
            Self::DryRun => {}
        }
        page
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::request;
    use super::*;

    #[test]
    fn a_void_decision_is_refused_with_its_reason() {
        let outcome = Outcome::of(&request().into(), "portal.11111111.approval").unwrap();
        assert_eq!(outcome.exit(), Exit::Refused);
        let text = outcome.page(Lang::Zh).render();
        assert!(text.contains("环节尚未开启") && text.contains("opens after evaluation"), "{text}");
    }

    #[test]
    fn a_decision_that_counts_says_what_is_next() {
        let outcome = Outcome::of(&request().into(), "portal.11111111.plan").unwrap();
        assert_eq!(outcome.exit(), Exit::Done);
        assert!(outcome.page(Lang::En).render().contains("now waiting for: agency: evaluation"));
        assert!(outcome.page(Lang::Zh).render().contains("下一步等待：云管理机构：资源评估"));
        let told = serde_json::to_string(&outcome).unwrap();
        assert_eq!(told, r#"{"outcome":"counts","waitingFor":"agency: evaluation"}"#, "the same for every reader");
    }

    #[test]
    fn nothing_is_said_before_the_operator_has() {
        assert_eq!(Outcome::of(&request().into(), "portal.11111111.evaluation"), None);
        assert_eq!(Outcome::Pending.exit(), Exit::Done);
        assert_eq!(Outcome::AlreadyDecided.exit(), Exit::Done);
    }
}
