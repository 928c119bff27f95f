//! Whose request it is, and which part of a model it is about.

use serde::{Deserialize, Serialize};

use crate::snapshot::{ModelSpec, TargetId};

/// Whose request it is, for rules that depend on that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caller {
    /// Index of its key in the snapshot; `None`: nobody's, who may use every model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<u32>,
    /// [`crate::rules::unit_of`] the header that the model's canary goes by, if the request has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<u64>,
}

/// Which of a model's targets are in question.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Part {
    /// All of them.
    #[default]
    All,
    /// Those that its canary tries.
    Canary,
    /// The others.
    Baseline,
}

impl Part {
    pub(crate) fn holds(self, model: &ModelSpec, target: TargetId) -> bool {
        let canary = model.rules.canary.as_ref();
        let is_tried = || canary.is_some_and(|c| c.targets.contains(&target));
        match self {
            Self::All => true,
            Self::Canary => is_tried(),
            Self::Baseline => !is_tried(),
        }
    }
}
