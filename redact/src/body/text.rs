//! A string as a model would read it, and which of its bytes are where.

/// A stretch of a string: as it stands, or one character that stands there in another way.
enum Piece {
    Plain(usize),
    Char(usize, Option<char>),
}

impl Piece {
    /// Bytes that it takes as it stands, and as it is read.
    fn lengths(&self) -> (usize, usize) {
        match self {
            Self::Plain(len) => (*len, *len),
            Self::Char(len, read) => (*len, read.map_or(0, char::len_utf8)),
        }
    }
}

/// Whether a string may be read otherwise than it stands.
pub(super) fn is_odd(raw: &str) -> bool {
    raw.bytes().any(is_special)
}

/// A backslash, or what the characters that are folded begin with.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'\\' | 0xc2 | 0xe2 | 0xef)
}

/// A string without its escapes, folded; to the end of `read`.
pub(super) fn read_to(raw: &str, read: &mut String) {
    let mut at = 0;
    while let Some(piece) = piece(raw, at) {
        match piece {
            Piece::Plain(len) => read.push_str(raw.get(at..at + len).unwrap_or_default()),
            Piece::Char(_, Some(char)) => read.push(char),
            Piece::Char(_, None) => {}
        }
        at += piece.lengths().0;
    }
}

/// Finds where in a string the bytes of what was read of it come from; forwards only, so that all of it
/// takes no longer than the string.
pub(super) struct Cursor<'a> {
    raw: &'a str,
    /// The beginning of a piece, as it stands and as it is read.
    at: usize,
    read: usize,
    piece: Option<Piece>,
}

impl<'a> Cursor<'a> {
    /// Of a string of which what was read begins at this place of the text.
    pub(super) fn new(raw: &'a str, read: usize) -> Self {
        let piece = piece(raw, 0);
        Self {
            raw,
            at: 0,
            read,
            piece,
        }
    }

    /// Where the character at a place of the text begins.
    pub(super) fn start_of(&mut self, place: usize) -> usize {
        self.locate(place).0
    }

    /// Where what ends at a place of the text ends.
    pub(super) fn end_of(&mut self, place: usize) -> usize {
        self.locate(place.saturating_sub(1)).1
    }

    fn locate(&mut self, place: usize) -> (usize, usize) {
        while let Some(here) = &self.piece {
            let (stands, reads) = here.lengths();
            if place < self.read + reads {
                // Plain bytes are their own; a character that is written otherwise is one.
                let within = self.at + place.saturating_sub(self.read);
                return match here {
                    Piece::Plain(_) => (within, within + 1),
                    Piece::Char(..) => (self.at, self.at + stands),
                };
            }
            self.at += stands;
            self.read += reads;
            self.piece = piece(self.raw, self.at);
        }
        (self.raw.len(), self.raw.len())
    }
}

/// What begins at a place; `None` at the end.
fn piece(raw: &str, at: usize) -> Option<Piece> {
    let rest = raw.get(at..)?;
    let plain = rest.bytes().position(is_special).unwrap_or(rest.len());
    if plain > 0 {
        return Some(Piece::Plain(plain));
    }
    let first = rest.chars().next()?;
    let (stands, read) = match first {
        '\\' => escape(rest),
        other => (other.len_utf8(), other),
    };
    Some(Piece::Char(stands, folded(read)))
}

/// An escape (RFC 8259, 7): its length and what it stands for. One that there is not stands for itself.
fn escape(rest: &str) -> (usize, char) {
    let plain = match rest.as_bytes().get(1) {
        Some(b'n') => '\n',
        Some(b't') => '\t',
        Some(b'r') => '\r',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'"') => '"',
        Some(b'\\') => '\\',
        Some(b'/') => '/',
        Some(b'u') => return unicode(rest).unwrap_or((1, '\\')),
        Some(_) | None => return (1, '\\'),
    };
    (2, plain)
}

fn unicode(rest: &str) -> Option<(usize, char)> {
    let high = unit(rest, 2)?;
    if let Some(char) = char::from_u32(high) {
        return Some((6, char));
    }
    let pair = rest.get(6..8).filter(|next| *next == "\\u");
    let low = pair.and_then(|_| unit(rest, 8));
    let pair = match (high, low) {
        (0xd800..0xdc00, Some(low @ 0xdc00..0xe000)) => {
            char::from_u32(0x10000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        }
        _ => None,
    };
    Some(pair.map_or((6, char::REPLACEMENT_CHARACTER), |char| (12, char)))
}

fn unit(rest: &str, at: usize) -> Option<u32> {
    let digits = rest.get(at..at + 4)?;
    let is_hex = digits.bytes().all(|b| b.is_ascii_hexdigit());
    is_hex.then(|| u32::from_str_radix(digits, 16).ok())?
}

/// The ASCII character that one looks like; `None` for one without width.
fn folded(char: char) -> Option<char> {
    match char {
        // Full-width forms, in the order of ASCII.
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(char) - 0xfee0),
        '\u{a0}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' => Some(' '),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => Some('-'),
        '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' => None,
        '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{2069}' | '\u{feff}' => None,
        other => Some(other),
    }
}
