//! The members of a JSON object at given paths, found in one pass that skips all else.
//!
//! A line of a log is a prompt and an answer around a dozen small members. Strings are skipped by
//! `memchr`, nested values that hold nothing wanted by counting brackets; nothing is copied.

use memchr::memchr2;

/// A value as it stands in the line: a string without its quotes, anything else whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Raw<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) is_string: bool,
}

/// Paths, as a tree by their members.
#[derive(Debug, Default)]
pub(super) struct Paths {
    nodes: Vec<Node>,
}

#[derive(Debug, Default)]
struct Node {
    members: Vec<Member>,
    /// A bit for each [`hash`] of a member's name, so that most others need no comparison.
    filter: u64,
}

#[derive(Debug)]
struct Member {
    name: Box<[u8]>,
    /// Where its value goes.
    slot: Option<usize>,
    /// Where its own members are.
    node: Option<usize>,
}

fn hash(name: &[u8]) -> u64 {
    let ends = u32::from(name.first().copied().unwrap_or(0)) * 5
        + u32::from(name.last().copied().unwrap_or(0));
    1 << ((name.len() as u32 * 11 + ends) % 64)
}

impl Paths {
    /// A tree of `paths`, each a list of names; the n-th is found as value n.
    pub(super) fn new<'p>(paths: impl Iterator<Item = Vec<&'p str>>) -> Self {
        let mut tree = Self {
            nodes: vec![Node::default()],
        };
        for (slot, path) in paths.enumerate() {
            tree.add(&path, slot);
        }
        tree
    }

    fn add(&mut self, path: &[&str], slot: usize) {
        let mut at = 0;
        for (depth, name) in path.iter().enumerate() {
            let is_last = depth + 1 == path.len();
            let fresh = self.nodes.len();
            let Some(node) = self.nodes.get_mut(at) else {
                return;
            };
            node.filter |= hash(name.as_bytes());
            let known = node
                .members
                .iter()
                .position(|m| &*m.name == name.as_bytes());
            let index = known.unwrap_or_else(|| {
                node.members.push(Member {
                    name: name.as_bytes().into(),
                    slot: None,
                    node: None,
                });
                node.members.len() - 1
            });
            let Some(member) = node.members.get_mut(index) else {
                return;
            };
            if is_last {
                member.slot.get_or_insert(slot);
                return;
            }
            at = *member.node.get_or_insert(fresh);
            if at == fresh {
                self.nodes.push(Node::default());
            }
        }
    }

    /// Finds the values of a line that is one object; `None` when it is not. The last of several
    /// members of one name counts.
    pub(super) fn scan<'a>(&self, line: &'a [u8], values: &mut [Option<Raw<'a>>]) -> Option<()> {
        let start = blanks(line, 0);
        let mut scan = Scan {
            tree: self,
            line,
            values,
        };
        let end = scan.object(start, 0)?;
        (blanks(line, end) == line.len()).then_some(())
    }
}

struct Scan<'t, 'a, 'v> {
    tree: &'t Paths,
    line: &'a [u8],
    values: &'v mut [Option<Raw<'a>>],
}

impl<'t> Scan<'t, '_, '_> {
    /// Reads the object that begins at `at`; where it ends.
    fn object(&mut self, at: usize, node: usize) -> Option<usize> {
        if self.line.get(at) != Some(&b'{') {
            return None;
        }
        let tree: &'t Paths = self.tree;
        let node = tree.nodes.get(node)?;
        let mut at = blanks(self.line, at + 1);
        if self.line.get(at) == Some(&b'}') {
            return Some(at + 1);
        }
        loop {
            if self.line.get(at) != Some(&b'"') {
                return None;
            }
            let end = string_end(self.line, at + 1)?;
            let name = self.line.get(at + 1..end - 1)?;
            at = blanks(self.line, end);
            if self.line.get(at) != Some(&b':') {
                return None;
            }
            at = blanks(self.line, at + 1);
            let wanted = if node.filter & hash(name) == 0 {
                None
            } else {
                node.members.iter().find(|member| &*member.name == name)
            };
            at = self.value(at, wanted)?;
            at = blanks(self.line, at);
            match self.line.get(at)? {
                b',' => at = blanks(self.line, at + 1),
                b'}' => return Some(at + 1),
                _ => return None,
            }
        }
    }

    fn value(&mut self, at: usize, wanted: Option<&Member>) -> Option<usize> {
        let first = *self.line.get(at)?;
        let inner = wanted.and_then(|member| member.node);
        if let (b'{', Some(node)) = (first, inner) {
            return self.object(at, node);
        }
        let end = value_end(self.line, at)?;
        if let Some(slot) = wanted.and_then(|member| member.slot) {
            let is_string = first == b'"';
            let bytes = match is_string {
                true => self.line.get(at + 1..end - 1)?,
                false => self.line.get(at..end)?,
            };
            let is_null = !is_string && bytes == b"null";
            if let Some(value) = self.values.get_mut(slot) {
                *value = (!is_null).then_some(Raw { bytes, is_string });
            }
        }
        Some(end)
    }
}

#[inline]
fn blanks(line: &[u8], mut at: usize) -> usize {
    while let Some(b' ' | b'\t' | b'\r' | b'\n') = line.get(at) {
        at += 1;
    }
    at
}

/// The end of the string whose first letter is at `at`, its quote included.
#[inline]
fn string_end(line: &[u8], mut at: usize) -> Option<usize> {
    loop {
        let found = at + memchr2(b'"', b'\\', line.get(at..)?)?;
        match line.get(found) {
            Some(b'"') => return Some(found + 1),
            // What is escaped is never the end.
            _ => at = found + 2,
        }
    }
}

fn value_end(line: &[u8], at: usize) -> Option<usize> {
    match line.get(at)? {
        b'"' => string_end(line, at + 1),
        b'{' | b'[' => nested_end(line, at),
        b',' | b'}' | b']' => None,
        _ => {
            let mut end = at;
            while let Some(byte) = line.get(end) {
                if matches!(byte, b',' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n') {
                    break;
                }
                end += 1;
            }
            Some(end)
        }
    }
}

/// The end of the object or array that begins at `at`. That its brackets are of the right kind is not
/// checked: nothing in it is read.
fn nested_end(line: &[u8], mut at: usize) -> Option<usize> {
    let mut depth = 0_usize;
    loop {
        match line.get(at)? {
            b'"' => {
                at = string_end(line, at + 1)?;
                continue;
            }
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth -= 1;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn found(line: &str) -> Option<Vec<Option<String>>> {
        let paths = [vec!["a"], vec!["b", "c"], vec!["b", "d", "e"]];
        let tree = Paths::new(paths.into_iter());
        let mut values = [None; 3];
        tree.scan(line.as_bytes(), &mut values)?;
        let text = |raw: Raw<'_>| String::from_utf8(raw.bytes.to_vec()).unwrap();
        Some(values.iter().map(|raw| raw.map(text)).collect())
    }

    #[test]
    fn members_are_found_at_their_paths_and_only_there() {
        let all = |a: &str, c: &str, e: &str| {
            let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            Some(vec![some(a), some(c), some(e)])
        };
        for (line, expected) in [
            (
                r#"{"a":1,"b":{"c":"x","d":{"e":[1,2]}}}"#,
                all("1", "x", "[1,2]"),
            ),
            (
                r#" { "a" : "q\"}" , "z" : [{"a":2}] } "#,
                all(r#"q\"}"#, "", ""),
            ),
            (r#"{"z":{"a":7},"b":"text","a":true}"#, all("true", "", "")),
            (r#"{"a":null,"b":{"c":null}}"#, all("", "", "")),
            (r#"{"a":1,"a":2}"#, all("2", "", "")),
            ("{}", all("", "", "")),
            (r#"{"a":1"#, None),
            (r#"{"a":1} x"#, None),
            (r#"{"a" 1}"#, None),
            (r#"{"a":}"#, None),
            (r#"{"a":"x}"#, None),
            (r#"{a:1}"#, None),
            ("[1]", None),
            ("", None),
        ] {
            assert_eq!(found(line), expected, "{line}");
        }
    }

    proptest! {
        #[test]
        fn a_parser_finds_the_same(
            a in "[a-z\"\\\\{}\\[\\],: ]{0,12}",
            c in any::<i64>(),
            skipped in proptest::collection::vec("[a-z\"{}]{0,6}", 0..5),
        ) {
            let line = serde_json::json!({
                "z": {"skipped": skipped}, "a": a, "b": {"y": [{"c": 1}], "c": c},
            });
            let values = found(&line.to_string()).unwrap();
            let quoted = format!("\"{}\"", values[0].clone().unwrap());
            prop_assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), a);
            prop_assert_eq!(values[1].clone().unwrap(), c.to_string());
        }

        #[test]
        fn nothing_panics(line in "[{}\\[\\]\":,a-c\\\\ ]{0,40}") {
            let _ = found(&line);
        }
    }
}
