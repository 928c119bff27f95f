//! Headers of a frame.

/// A header's value, in the types of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderValue<'a> {
    /// Types 0 and 1.
    Bool(bool),
    /// Type 2.
    Byte(i8),
    /// Type 3.
    Short(i16),
    /// Type 4.
    Integer(i32),
    /// Type 5.
    Long(i64),
    /// Type 6.
    Bytes(&'a [u8]),
    /// Type 7.
    String(&'a str),
    /// Type 8, in milliseconds since the Unix epoch.
    Timestamp(i64),
    /// Type 9.
    Uuid([u8; 16]),
}

/// The headers of a frame, in order, known to be well-formed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// `None` when the bytes are no headers to their end.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = header(rest)?.2;
        }
        Some(Self(bytes))
    }

    /// Names and values.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, HeaderValue<'a>)> + use<'a> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, value, left) = header(rest)?;
            rest = left;
            Some((name, value))
        })
    }

    /// The value of a name; of the first, if it stands there twice.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<HeaderValue<'a>> {
        self.iter()
            .find_map(|(known, value)| (known == name).then_some(value))
    }

    /// The text of a name whose value is one.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&'a str> {
        match self.get(name)? {
            HeaderValue::String(text) => Some(text),
            HeaderValue::Bool(_)
            | HeaderValue::Byte(_)
            | HeaderValue::Short(_)
            | HeaderValue::Integer(_)
            | HeaderValue::Long(_)
            | HeaderValue::Bytes(_)
            | HeaderValue::Timestamp(_)
            | HeaderValue::Uuid(_) => None,
        }
    }
}

type Header<'a> = (&'a str, HeaderValue<'a>, &'a [u8]);

/// The first header, and what follows it.
fn header(bytes: &[u8]) -> Option<Header<'_>> {
    let (&length, rest) = bytes.split_first()?;
    let (name, rest) = rest.split_at_checked(usize::from(length))?;
    let name = std::str::from_utf8(name)
        .ok()
        .filter(|name| !name.is_empty())?;
    let (&kind, rest) = rest.split_first()?;
    let (value, rest) = match kind {
        0 | 1 => (HeaderValue::Bool(kind == 0), rest),
        2 => fixed(rest, |bytes| HeaderValue::Byte(i8::from_be_bytes(bytes)))?,
        3 => fixed(rest, |bytes| HeaderValue::Short(i16::from_be_bytes(bytes)))?,
        4 => fixed(rest, |bytes| {
            HeaderValue::Integer(i32::from_be_bytes(bytes))
        })?,
        5 => fixed(rest, |bytes| HeaderValue::Long(i64::from_be_bytes(bytes)))?,
        6 => {
            let (value, rest) = sized(rest)?;
            (HeaderValue::Bytes(value), rest)
        }
        7 => {
            let (value, rest) = sized(rest)?;
            (HeaderValue::String(std::str::from_utf8(value).ok()?), rest)
        }
        8 => fixed(rest, |bytes| {
            HeaderValue::Timestamp(i64::from_be_bytes(bytes))
        })?,
        9 => fixed(rest, HeaderValue::Uuid)?,
        _ => return None,
    };
    Some((name, value, rest))
}

fn fixed<'a, const N: usize>(
    bytes: &'a [u8],
    value: impl Fn([u8; N]) -> HeaderValue<'a>,
) -> Option<(HeaderValue<'a>, &'a [u8])> {
    let (own, rest) = bytes.split_first_chunk()?;
    Some((value(*own), rest))
}

/// Bytes behind their length.
fn sized(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk()?;
    rest.split_at_checked(usize::from(u16::from_be_bytes(*length)))
}
