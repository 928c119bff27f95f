use super::*;

fn image(source: Source) -> Part {
    Part::Image {
        source,
        detail: None,
        cache: None,
    }
}

fn file(source: Source) -> Part {
    Part::File {
        source,
        name: Some("n".to_owned()),
        cache: None,
    }
}

fn base64(media_type: &str, data: &str) -> Source {
    Source::Base64 {
        media_type: media_type.to_owned(),
        data: data.to_owned(),
    }
}

#[test]
fn images_and_documents_are_written() {
    for (part, expected) in [
        (
            image(base64("image/png", "AA==")),
            json!({"type":"image","source":{"type":"base64","media_type":"image/png","data":"AA=="}}),
        ),
        (
            image(Source::Url("https://x/y".to_owned())),
            json!({"type":"image","source":{"type":"url","url":"https://x/y"}}),
        ),
        (
            image(Source::FileId("file_1".to_owned())),
            json!({"type":"image","source":{"type":"file","file_id":"file_1"}}),
        ),
        (
            file(base64("application/pdf", "AA==")),
            json!({"type":"document","source":{"type":"base64","media_type":"application/pdf","data":"AA=="},"title":"n"}),
        ),
        (
            file(base64("text/csv", "YSxi")),
            json!({"type":"document","source":{"type":"text","media_type":"text/plain","data":"a,b"},"title":"n"}),
        ),
    ] {
        let (messages, losses) = messages(vec![turn(Role::User, vec![part])], NEW);
        assert_eq!(messages[0]["content"], json!([expected]));
        assert_eq!(losses, []);
    }
}

#[test]
fn parts_that_anthropic_does_not_take_are_losses() {
    let foreign = |kind: &str| Part::Foreign {
        kind: kind.to_owned(),
        value: json!({"type": kind}),
    };
    let audio = || Part::Audio {
        data: "AA==".to_owned(),
        format: "wav".to_owned(),
    };
    for (role, part, field) in [
        (
            Role::User,
            image(base64("image/tiff", "AA==")),
            Field::Images,
        ),
        (
            Role::User,
            image(Source::FileId("file-1".to_owned())),
            Field::Images,
        ),
        (
            Role::Assistant,
            image(base64("image/png", "AA==")),
            Field::Images,
        ),
        (
            Role::User,
            file(base64("application/zip", "AA==")),
            Field::Files,
        ),
        (Role::User, audio(), Field::Audio),
        (Role::User, foreign("input_thing"), Field::Messages),
        (
            Role::User,
            result("c", vec![file(base64("application/zip", ""))]),
            Field::ToolResults,
        ),
        (Role::User, result("c", vec![audio()]), Field::Audio),
        (Role::User, call("c", ""), Field::Messages),
    ] {
        let turns = vec![turn(role, vec![Part::text("a"), part]), user("b")];
        let (written, losses) = messages(turns, NEW);
        assert!(written.to_string().contains(r#""a""#));
        assert_eq!(losses, [field]);
    }
    let (written, losses) = messages(vec![turn(Role::User, vec![foreign("search_result")])], NEW);
    assert_eq!(written[0]["content"], json!([{"type":"search_result"}]));
    assert_eq!(losses, []);
    let detailed = Part::Image {
        source: Source::Url("u".to_owned()),
        detail: Some("low".to_owned()),
        cache: None,
    };
    let named = Turn {
        name: Some("Ann".to_owned()),
        ..turn(Role::User, vec![detailed])
    };
    assert_eq!(
        messages(vec![named], NEW).1,
        [Field::Name, Field::ImageDetail]
    );
}

#[test]
fn only_anthropics_own_signatures_are_sent() {
    let reasoning = |maker, text: &str| Part::Reasoning {
        text: text.to_owned(),
        signature: Some(Signature {
            maker,
            data: "sig".to_owned(),
        }),
    };
    let redacted = |maker| Part::RedactedReasoning {
        signature: Signature {
            maker,
            data: "sig".to_owned(),
        },
    };
    let said = |parts: Vec<Part>| {
        let turns = vec![user("a"), turn(Role::Assistant, parts), user("b")];
        let (mut messages, losses) = messages(turns, NEW);
        (messages[1]["content"].take(), losses)
    };
    let text = || Part::text("t");
    let text_block = json!({"type":"text","text":"t"});
    assert_eq!(
        said(vec![
            reasoning(Maker::Anthropic, "r"),
            redacted(Maker::Anthropic),
            text()
        ]),
        (
            json!([
                {"type":"thinking","thinking":"r","signature":"sig"},
                {"type":"redacted_thinking","data":"sig"},
                text_block.clone(),
            ]),
            vec![]
        )
    );
    for foreign in [
        reasoning(Maker::Google, "r"),
        reasoning(Maker::Openai, ""),
        redacted(Maker::Bedrock),
        Part::Reasoning {
            text: "r".to_owned(),
            signature: None,
        },
    ] {
        assert_eq!(
            said(vec![foreign, text()]),
            (json!([text_block.clone()]), vec![Field::ReasoningHistory])
        );
    }
    // A turn does not end with thinking.
    assert_eq!(
        said(vec![text(), reasoning(Maker::Anthropic, "r")]),
        (json!([text_block]), vec![Field::ReasoningHistory])
    );
}
