//! Why the model stopped: `stop_reason` and `stop_sequence`, SDK type `StopReason`.

use crate::chat::Finish;

/// Reads a `stop_reason`; one that is not known is an ordinary end.
pub(super) fn read(reason: Option<&str>, sequence: Option<&str>) -> Finish {
    match reason.unwrap_or_default() {
        "max_tokens" => Finish::Length,
        "model_context_window_exceeded" => Finish::ContextWindow,
        "stop_sequence" => Finish::StopSequence(sequence.map(str::to_owned)),
        "tool_use" => Finish::ToolCalls,
        "pause_turn" => Finish::Pause,
        "refusal" => Finish::Refusal,
        _ => Finish::Stop,
    }
}

/// What the answer holds, where that decides how an ordinary end is called.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Held {
    /// Some providers say `stop` although tools are called: an Anthropic client would not call them.
    pub(super) tool_calls: bool,
    /// OpenAI says `stop` after a refusal.
    pub(super) refusal: bool,
}

/// The `stop_reason` and `stop_sequence` for an end.
pub(super) fn write(finish: &Finish, held: Held) -> (&'static str, Option<&str>) {
    match finish {
        Finish::Stop if held.tool_calls => ("tool_use", None),
        Finish::Stop if held.refusal => ("refusal", None),
        Finish::Stop => ("end_turn", None),
        Finish::StopSequence(sequence) => ("stop_sequence", sequence.as_deref()),
        Finish::Length => ("max_tokens", None),
        Finish::ContextWindow => ("model_context_window_exceeded", None),
        Finish::ToolCalls => ("tool_use", None),
        Finish::ContentFilter | Finish::Refusal => ("refusal", None),
        Finish::Pause => ("pause_turn", None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_survive_the_round_trip() {
        for finish in [
            Finish::Stop,
            Finish::StopSequence(None),
            Finish::StopSequence(Some("END".to_owned())),
            Finish::Length,
            Finish::ContextWindow,
            Finish::ToolCalls,
            Finish::Refusal,
            Finish::Pause,
        ] {
            let (reason, sequence) = write(&finish, Held::default());
            assert_eq!(read(Some(reason), sequence), finish);
        }
        assert_eq!(read(Some("of_the_future"), None), Finish::Stop);
        assert_eq!(
            write(&Finish::ContentFilter, Held::default()),
            ("refusal", None)
        );
        let calls = Held {
            tool_calls: true,
            refusal: false,
        };
        assert_eq!(write(&Finish::Stop, calls), ("tool_use", None));
        assert_eq!(write(&Finish::Length, calls), ("max_tokens", None));
    }
}
