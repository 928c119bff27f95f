//! Names of tool calls and documents, within what Converse allows and without repetition.

use crate::chat::ids::{CallIds, Distinct, SUFFIX_BYTES};

/// `ToolUseId`: 1 to 64 of letters, digits, `_`, `.`, `:` and `-`.
const CALL_ID_LIMIT_BYTES: usize = 64;
/// `DocumentBlockNameString`: 1 to 200 bytes.
const NAME_LIMIT_BYTES: usize = 200;

/// Ids of tool calls as Converse takes them.
pub(super) fn call_ids() -> CallIds {
    CallIds::new(CALL_ID_LIMIT_BYTES, fitting_id)
}

fn fitting_id(id: &str) -> String {
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-');
    if !id.is_empty() && id.len() <= CALL_ID_LIMIT_BYTES && id.chars().all(safe) {
        return id.to_owned();
    }
    let mut fit: String = id
        .chars()
        .map(|c| if safe(c) { c } else { '_' })
        .take(CALL_ID_LIMIT_BYTES - SUFFIX_BYTES)
        .collect();
    // Ids that differ only in what was replaced or cut stay different.
    fit.push_str(&format!("_{:08x}", crc32fast::hash(id.as_bytes())));
    fit
}

/// Names of documents, which must differ within a request.
#[derive(Debug, Default)]
pub(super) struct DocumentNames(Distinct);

impl DocumentNames {
    /// The client's name for a document without its extension, as far as Converse takes it: letters,
    /// digits, single spaces, hyphens, parentheses and brackets of ASCII. `document` when nothing
    /// is left; a number sets equal ones apart.
    pub(super) fn name(&mut self, given: Option<&str>) -> String {
        let stem = given.map_or("", |name| {
            name.rsplit_once('.').map_or(name, |(stem, _)| stem)
        });
        let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '(' | ')' | '[' | ']');
        let words = stem
            .split(|c| !safe(c))
            .filter(|word| !word.is_empty())
            .collect::<Vec<_>>();
        let mut name = words.join(" ");
        name.truncate(NAME_LIMIT_BYTES - SUFFIX_BYTES);
        name.truncate(name.trim_end().len());
        if name.is_empty() {
            name.push_str("document");
        }
        self.0.admit(name, ' ', NAME_LIMIT_BYTES - SUFFIX_BYTES)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn call_ids_fit_and_results_find_their_call() {
        let mut ids = call_ids();
        assert_eq!(ids.call("call_0_0"), "call_0_0");
        assert_eq!(ids.result("call_0_0"), "call_0_0");
        assert_eq!(ids.call("call_0_0"), "call_0_0-2");
        assert_eq!(ids.result("call_0_0"), "call_0_0-2");
        assert_eq!(ids.result("never called"), fitting_id("never called"));
        let long = "x".repeat(70);
        for id in ["", "a b", "a+b", "é", long.as_str()] {
            let (mine, again) = (ids.call(id), ids.call(id));
            for id in [&mine, &again] {
                assert!(!id.is_empty() && id.len() <= CALL_ID_LIMIT_BYTES, "{id}");
                assert!(
                    id.bytes().all(
                        |b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b':' | b'-')
                    )
                );
            }
            assert_ne!(mine, again);
            assert_eq!(ids.result(id), again);
        }
        assert_ne!(ids.result("a b"), ids.result("a+b"));
    }

    #[test]
    fn document_names_are_cleaned_and_differ() {
        let mut names = DocumentNames::default();
        let long = "n".repeat(300);
        for (given, name) in [
            (Some("report_v1.pdf"), "report v1"),
            (Some("report v1.pdf"), "report v1 2"),
            (Some("report\u{3000}\t v1"), "report v1 3"),
            (Some("John's (1) [x]-y.docx"), "John s (1) [x]-y"),
            (Some("分期报告.pdf"), "document"),
            (Some(".pdf"), "document 2"),
            (None, "document 3"),
            (Some(long.as_str()), &long[..188]),
        ] {
            assert_eq!(names.name(given), name);
        }
        let again = names.name(Some(&long));
        assert!(again.len() <= 200 && again.ends_with(" 2"));
    }
}
