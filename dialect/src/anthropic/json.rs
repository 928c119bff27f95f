//! JSON written straight into the output: nothing is built in between.

use std::io::Write as _;

use serde_json::Value;

/// Writes one JSON value at the end of a buffer, commas included.
pub(super) struct Json<'o> {
    out: &'o mut Vec<u8>,
    comma: bool,
}

impl<'o> Json<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Self { out, comma: false }
    }

    /// A whole body.
    pub(super) fn body(members: impl FnOnce(&mut Json<'_>)) -> Vec<u8> {
        let mut out = Vec::new();
        Json::new(&mut out).object(members);
        out
    }

    pub(super) fn object(&mut self, members: impl FnOnce(&mut Self)) {
        self.nested(*b"{}", members);
    }

    pub(super) fn array(&mut self, items: impl FnOnce(&mut Self)) {
        self.nested(*b"[]", items);
    }

    /// A member's name; its value is what is written next.
    pub(super) fn key(&mut self, name: &str) -> &mut Self {
        self.string(name);
        self.out.push(b':');
        self.comma = false;
        self
    }

    pub(super) fn string(&mut self, text: &str) {
        self.separate();
        // Nothing fails when a string is written into memory.
        serde_json::to_writer(&mut *self.out, text).unwrap_or_default();
    }

    pub(super) fn number(&mut self, number: u64) {
        self.separate();
        write!(self.out, "{number}").unwrap_or_default();
    }

    pub(super) fn boolean(&mut self, value: bool) {
        self.raw(if value { "true" } else { "false" });
    }

    pub(super) fn null(&mut self) {
        self.raw("null");
    }

    pub(super) fn value(&mut self, value: &Value) {
        self.separate();
        serde_json::to_writer(&mut *self.out, value).unwrap_or_default();
    }

    /// Text that is JSON already.
    pub(super) fn raw(&mut self, json: &str) {
        self.separate();
        self.out.extend_from_slice(json.as_bytes());
    }

    fn nested(&mut self, [open, close]: [u8; 2], content: impl FnOnce(&mut Self)) {
        self.separate();
        self.out.push(open);
        self.comma = false;
        content(self);
        self.out.push(close);
        self.comma = true;
    }

    fn separate(&mut self) {
        if std::mem::replace(&mut self.comma, true) {
            self.out.push(b',');
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_stand_between_and_text_is_escaped() {
        let body = Json::body(|json| {
            json.key("a").string("\"\n");
            json.key("b").array(|json| {
                json.number(1);
                json.boolean(true);
                json.null();
                json.object(|_| {});
                json.array(|_| {});
            });
            json.key("c").object(|json| json.key("d").raw("{}"));
            json.key("e").value(&serde_json::json!([0.5]));
        });
        assert_eq!(
            String::from_utf8(body).unwrap(),
            r#"{"a":"\"\n","b":[1,true,null,{},[]],"c":{"d":{}},"e":[0.5]}"#
        );
    }
}
