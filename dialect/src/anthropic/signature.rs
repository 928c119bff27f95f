//! Signatures of other makers' models, on their way through an Anthropic client.

use std::borrow::Cow;

use crate::chat::{Maker, Signature};

const PREFIX: &str = "ark1.";
const MAKERS: [(Maker, &str); 3] = [
    (Maker::Google, "google"),
    (Maker::Openai, "openai"),
    (Maker::Bedrock, "bedrock"),
];

/// What a request holds, as [`ark_wire::markers::MarkerScan`] finds it, in which reasoning is not signed
/// by Anthropic but by another maker, or not at all: it cannot be passed to Anthropic as it is but
/// must be read and written.
///
/// Text of the same look is taken for one too: such a request is only handled with more effort.
pub static FOREIGN_SIGNATURES: [&[u8]; 3] =
    [b"\"ark1.", b"\"signature\":\"\"", b"\"signature\": \"\""];

/// A signature as an Anthropic client carries it: `ark1.<maker>.<data>` unless it is Anthropic's.
pub(super) fn encode(signature: &Signature) -> Cow<'_, str> {
    let maker = MAKERS.iter().find(|(maker, _)| *maker == signature.maker);
    match maker {
        Some((_, word)) => Cow::Owned(format!("{PREFIX}{word}.{}", signature.data)),
        None => Cow::Borrowed(&signature.data),
    }
}

/// Undoes [`encode`]; `None` for no signature, and for one of a maker that is not known.
pub(super) fn decode(text: String) -> Option<Signature> {
    let Some(rest) = text.strip_prefix(PREFIX) else {
        return (!text.is_empty()).then_some(Signature {
            maker: Maker::Anthropic,
            data: text,
        });
    };
    let (word, data) = rest.split_once('.')?;
    let (maker, _) = MAKERS.iter().find(|(_, known)| *known == word)?;
    Some(Signature {
        maker: *maker,
        data: data.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_wire::markers::MarkerScan;

    fn has_foreign(body: &str) -> bool {
        let mut scan = MarkerScan::new(&FOREIGN_SIGNATURES);
        scan.push(body.as_bytes());
        scan.found()
    }

    #[test]
    fn every_maker_survives_the_client() {
        for (maker, text) in [
            (Maker::Anthropic, "EqQB.x"),
            (Maker::Google, "ark1.google.EqQB.x"),
            (Maker::Openai, "ark1.openai.EqQB.x"),
            (Maker::Bedrock, "ark1.bedrock.EqQB.x"),
        ] {
            let signature = Signature {
                maker,
                data: "EqQB.x".to_owned(),
            };
            assert_eq!(encode(&signature), text);
            assert_eq!(decode(text.to_owned()), Some(signature));
            let body = format!(r#"{{"signature":"{text}"}}"#);
            assert_eq!(has_foreign(&body), maker != Maker::Anthropic);
        }
        for (body, foreign) in [
            (r#"{"signature":""}"#, true),
            (r#"{"signature": ""}"#, true),
            (r#"{"signature":"x"}"#, false),
            (r#"{"text":"signature"}"#, false),
            (r#"{"text":"ark1.google.x"}"#, true),
            (r#"{"text":"an ark1.google.x"}"#, false),
        ] {
            assert_eq!(has_foreign(body), foreign, "{body}");
        }
        for nothing in ["", "ark1.", "ark1.google", "ark1.other.x"] {
            assert_eq!(decode(nothing.to_owned()), None, "{nothing}");
        }
    }
}
