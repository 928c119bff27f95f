//! The text of answers: deterministic, and naming who answers as what.

use serde_json::Value;

/// Words of an ordinary answer.
const ORDINARY_WORDS: usize = 16;
/// What follows the answer's own sentence, over and over.
const FILLER: [&str; 12] = [
    " every", " word", " of", " it", " is", " one", " token", " and", " one", " chunk", " long",
    ".",
];

/// A text in pieces, one per token and stream chunk. Pieces are JSON string content, escaped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Text {
    lead: Vec<String>,
    count: usize,
    piece_bytes: usize,
    /// Whether a token limit ended it early.
    pub(super) truncated: bool,
}

impl Text {
    /// The ordinary sentence of `provider` as `model`, `words` long; 16 unless scripted.
    pub(super) fn sentence(provider: &str, model: &str, words: Option<usize>) -> Self {
        let lead = ["This", " is", " ", " answering", " as", " "];
        let lead = lead.iter().enumerate().map(|(index, word)| match index {
            2 => format!(" {provider}"),
            5 => format!(" {}:", escape(model)),
            _ => (*word).to_owned(),
        });
        Self {
            lead: lead.collect(),
            count: words.unwrap_or(ORDINARY_WORDS),
            piece_bytes: 0,
            truncated: false,
        }
    }

    /// `text` in pieces of about eight characters.
    pub(super) fn of(text: &str) -> Self {
        let characters: Vec<char> = text.chars().collect();
        let lead: Vec<String> = characters
            .chunks(8)
            .map(|piece| escape(&piece.iter().collect::<String>()))
            .collect();
        Self {
            count: lead.len(),
            lead,
            piece_bytes: 0,
            truncated: false,
        }
    }

    /// The same, at most `limit` pieces long.
    pub(super) fn limited(mut self, limit: Option<usize>) -> Self {
        if let Some(limit) = limit.filter(|limit| *limit < self.count) {
            self.count = limit;
            self.truncated = true;
        }
        self
    }

    /// The same, padded to `bytes` altogether, if given.
    pub(super) fn padded(mut self, bytes: Option<usize>) -> Self {
        if let Some(bytes) = bytes {
            self.count = self.count.max(1);
            self.piece_bytes = bytes.div_ceil(self.count);
        }
        self
    }

    /// The same with `words` after the answer's own sentence.
    pub(super) fn noting(mut self, words: &str) -> Self {
        if words.is_empty() {
            return self;
        }
        self.lead.extend(Self::of(words).lead);
        self.count = self.count.max(self.lead.len());
        self
    }

    /// Piece `index`, as the inside of a JSON string.
    pub(super) fn piece(&self, index: usize) -> String {
        let mut out = Vec::new();
        self.write_piece(index, &mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// Piece `index`.
    pub(super) fn piece_plain(&self, index: usize) -> String {
        serde_json::from_str(&format!("\"{}\"", self.piece(index))).unwrap_or_default()
    }

    /// All of it, as the inside of a JSON string.
    pub(super) fn escaped(&self) -> String {
        let mut out = Vec::new();
        self.write_all(&mut out);
        String::from_utf8_lossy(&out).into_owned()
    }

    /// All of it.
    pub(super) fn plain(&self) -> String {
        serde_json::from_str(&format!("\"{}\"", self.escaped())).unwrap_or_default()
    }

    /// Number of pieces, which is the number of completion tokens.
    pub(super) fn pieces(&self) -> usize {
        self.count
    }

    /// Appends piece `index`.
    pub(super) fn write_piece(&self, index: usize, out: &mut Vec<u8>) {
        let start = out.len();
        let word = match self.lead.get(index) {
            Some(word) => word.as_str(),
            None => FILLER
                .get((index - self.lead.len()) % FILLER.len())
                .copied()
                .unwrap_or_default(),
        };
        out.extend_from_slice(word.as_bytes());
        let padded = start + self.piece_bytes;
        if padded > out.len() {
            out.resize(padded, b'x');
        }
    }

    /// Appends all pieces.
    pub(super) fn write_all(&self, out: &mut Vec<u8>) {
        for index in 0..self.count {
            self.write_piece(index, out);
        }
    }
}

/// `text` as the inside of a JSON string.
pub(super) fn escape(text: &str) -> String {
    let quoted = Value::from(text).to_string();
    quoted
        .strip_prefix('"')
        .and_then(|rest| rest.strip_suffix('"'))
        .unwrap_or_default()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(text: &Text) -> String {
        let mut out = Vec::new();
        text.write_all(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_sentence_names_provider_and_model() {
        let text = Text::sentence("azure", "gpt-\"4\"", None);
        assert_eq!(text.pieces(), 16);
        assert_eq!(
            all(&text),
            "This is azure answering as gpt-\\\"4\\\": every word of it is one token and one chunk"
        );
    }

    #[test]
    fn a_limit_truncates_and_a_script_lengthens() {
        let short = Text::sentence("a", "m", None).limited(Some(2));
        assert_eq!(all(&short), "This is");
        assert!(short.truncated);
        let exact = Text::sentence("a", "m", None).limited(Some(16));
        assert!(!exact.truncated);
        assert_eq!(Text::sentence("a", "m", Some(200)).pieces(), 200);
    }

    #[test]
    fn padding_reaches_the_size() {
        let text = Text::sentence("a", "m", None).padded(Some(100_000));
        assert!((100_000..100_032).contains(&all(&text).len()));
        assert_eq!(text.pieces(), 16);
    }

    #[test]
    fn a_note_follows_the_sentence() {
        let text = Text::sentence("a", "m", None).noting(" [1 \"x\"]");
        assert!(
            text.plain()
                .starts_with("This is a answering as m: [1 \"x\"] every")
        );
        assert_eq!(text.pieces(), 16);
        assert_eq!(Text::sentence("a", "m", Some(2)).noting("").pieces(), 2);
        assert_eq!(text.piece(1), " is");
    }

    #[test]
    fn pieces_of_a_text_join_to_it() {
        let original = "{\"città\": \"été — 東京\"}";
        let joined = format!("\"{}\"", all(&Text::of(original)));
        assert_eq!(serde_json::from_str::<String>(&joined).unwrap(), original);
    }
}
