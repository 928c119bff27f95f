//! Rows as CSV (RFC 4180) and as JSONL.

use std::borrow::Cow;
use std::io::{self, Write};

use serde_json::Map;

use super::row::{TABLE, Value, columns};
use crate::moment;

/// A CSV that is being written.
pub(super) struct Csv<W: Write>(csv::Writer<W>);

impl<W: Write> Csv<W> {
    /// Begins one, with its header.
    pub(super) fn to(out: W) -> io::Result<Self> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record(columns()).map_err(io::Error::from)?;
        Ok(Self(csv))
    }

    /// Writes a row.
    pub(super) fn write(&mut self, values: &[Value]) -> io::Result<()> {
        for value in values {
            let cell = match value {
                Value::Null => Cow::Borrowed(""),
                Value::Micro(micro) => decimal(*micro).into(),
                Value::Integer(number) => number.to_string().into(),
                Value::Time(at) => moment::format(*at).into(),
                Value::Text(text) => guarded(text),
                Value::Json(text) => text.into(),
            };
            self.0.write_field(&*cell).map_err(io::Error::from)?;
        }
        let end: [&str; 0] = [];
        self.0.write_record(end).map_err(io::Error::from)
    }

    /// Hands on what waits.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// What a spreadsheet would take for a formula gets an apostrophe.
fn guarded(text: &str) -> Cow<'_, str> {
    let is_formula = text.starts_with(['=', '+', '@', '\t', '\r'])
        || (text.starts_with('-') && text.parse::<f64>().is_err());
    match is_formula {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// Decimals are numbers in JSON too, with the digits that they have.
pub(super) fn write_json(values: &[Value], out: &mut impl Write) -> io::Result<()> {
    let json = |text: &str| serde_json::from_str(text).unwrap_or(serde_json::Value::Null);
    let mut object = Map::new();
    for ((name, _), value) in TABLE.iter().zip(values) {
        let value = match value {
            Value::Null => serde_json::Value::Null,
            Value::Micro(micro) => json(&decimal(*micro)),
            Value::Integer(number) => (*number).into(),
            Value::Time(at) => moment::format(*at).into(),
            Value::Text(text) => text.as_str().into(),
            Value::Json(text) => json(text),
        };
        object.insert((*name).to_owned(), value);
    }
    writeln!(out, "{}", serde_json::Value::Object(object))
}

/// Micro-units as a decimal, exactly: `1.25`.
fn decimal(micro: i64) -> String {
    let (whole, part) = (
        micro.unsigned_abs() / 1_000_000,
        micro.unsigned_abs() % 1_000_000,
    );
    let sign = if micro < 0 { "-" } else { "" };
    if part == 0 {
        return format!("{sign}{whole}");
    }
    let digits = format!("{part:06}");
    format!("{sign}{whole}.{}", digits.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_keeps_its_digits() {
        for (micro, text) in [
            (0, "0"),
            (1, "0.000001"),
            (1_250_000, "1.25"),
            (-2_000_001, "-2.000001"),
            (i64::MAX, "9223372036854.775807"),
        ] {
            assert_eq!(decimal(micro), text);
        }
    }

    #[test]
    fn cells_are_quoted_where_they_must_be() {
        for (text, cell) in [
            ("plain", "plain"),
            ("a,b", "\"a,b\""),
            ("say \"hi\"", "\"say \"\"hi\"\"\""),
            ("=1+1", "'=1+1"),
            ("-0.5", "-0.5"),
            ("-x", "'-x"),
            ("two\nlines", "\"two\nlines\""),
        ] {
            let mut out = Vec::new();
            let mut csv = Csv(csv::Writer::from_writer(&mut out));
            let row = [Value::Null, Value::Text(text.to_owned())];
            csv.write(&row).unwrap();
            csv.finish().unwrap();
            assert_eq!(String::from_utf8(out).unwrap(), format!(",{cell}\n"));
        }
    }
}
