//! What one line says.

use super::csv::Cells;
use super::format::{Layout, SLOTS, Slot, Syntax};
use super::json::Raw;
use super::money::{self, Pico};
use crate::moment::{self, UnixMs};

/// Most places that a layout has.
pub(super) const MOST_PLACES: usize = 72;

/// One line's values.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Fact<'a> {
    pub(super) at: Option<UnixMs>,
    pub(super) provider: &'a [u8],
    pub(super) model: &'a [u8],
    pub(super) tenant: &'a [u8],
    pub(super) key: &'a [u8],
    pub(super) requests: u64,
    pub(super) input: u64,
    pub(super) output: u64,
    pub(super) cached: u64,
    pub(super) cost: Option<Pico>,
    /// A currency other than US dollars.
    pub(super) currency: &'a [u8],
    pub(super) is_error: bool,
}

/// Why a line is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Malformed {
    /// It is not what the file is made of.
    Syntax,
    /// A time, count or amount is none.
    Value(Slot),
    /// It has nothing that counts: no tokens and no cost.
    Empty,
    /// The same, as its attempt has no known end.
    Open,
}

impl Malformed {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Syntax => "is cut, or is not of the file's format",
            Self::Value(Slot::Time) => "has a time that is none",
            Self::Value(Slot::Cost | Slot::CostMicro) => "has an amount that is none",
            Self::Value(_) => "has a count that is none",
            Self::Open => "is of an attempt that runs, or whose end was never told",
            Self::Empty => "has neither tokens nor a cost",
        }
    }
}

/// Reads a line; `cells` holds those of a CSV.
pub(super) fn read<'a>(
    layout: &'a Layout,
    line: &'a [u8],
    cells: &'a mut Cells,
) -> Result<Fact<'a>, Malformed> {
    let mut values = [None; MOST_PLACES];
    let found = match &layout.syntax {
        Syntax::Json(paths) => paths.scan(line, &mut values),
        Syntax::Csv { columns, .. } => cells
            .split(line)
            .and_then(|()| cells.pick(columns, &mut values)),
    };
    found.ok_or(Malformed::Syntax)?;
    let picked = picked(layout, values);
    let value = |slot: Slot| picked.get(slot as usize).copied().flatten();
    let text = |slot: Slot| value(slot).map_or(&b""[..], |raw| raw.bytes);
    let count = |slot: Slot| match value(slot) {
        None => Ok(None),
        Some(raw) => money::count(raw.bytes)
            .map(Some)
            .ok_or(Malformed::Value(slot)),
    };
    let at = match value(Slot::Time) {
        None => None,
        Some(raw) => Some(time(raw.bytes).ok_or(Malformed::Value(Slot::Time))?),
    };
    let (input, output) = (count(Slot::Input)?, count(Slot::Output)?);
    let cost = match (value(Slot::CostMicro), value(Slot::Cost)) {
        (Some(raw), _) => Some(
            money::parse(raw.bytes)
                .and_then(|micro| micro.checked_div(1_000_000))
                .ok_or(Malformed::Value(Slot::CostMicro))?,
        ),
        (None, Some(raw)) => Some(money::parse(raw.bytes).ok_or(Malformed::Value(Slot::Cost))?),
        (None, None) => None,
    };
    if input.is_none() && output.is_none() && cost.is_none() {
        return Err(match text(Slot::Status) {
            b"open" | b"lost" => Malformed::Open,
            _ => Malformed::Empty,
        });
    }
    let currency = text(Slot::Currency);
    let is_usd = currency.is_empty() || currency.eq_ignore_ascii_case(b"usd");
    Ok(Fact {
        at,
        provider: match text(Slot::Provider) {
            b"" => layout.provider.as_bytes(),
            provider => provider,
        },
        model: text(Slot::Model),
        tenant: text(Slot::Tenant),
        key: text(Slot::Key),
        requests: count(Slot::Requests)?.unwrap_or(1),
        input: input.unwrap_or(0),
        output: output.unwrap_or(0),
        cached: count(Slot::Cached)?.unwrap_or(0),
        cost,
        currency: if is_usd { b"" } else { currency },
        is_error: is_error(text(Slot::Status)),
    })
}

/// The value of each slot: the first of those that are preferred.
fn picked<'a>(layout: &Layout, values: [Option<Raw<'a>>; MOST_PLACES]) -> [Option<Raw<'a>>; SLOTS] {
    let mut picked = [None; SLOTS];
    for (slot, value) in layout.slots.iter().zip(values) {
        if let (Some(place), Some(value)) = (picked.get_mut(*slot as usize), value) {
            // An empty string says as little as nothing does.
            if place.is_none() && !value.bytes.is_empty() {
                *place = Some(value);
            }
        }
    }
    picked
}

/// A time as any of these logs writes it; Azure's older exports have months first.
fn time(text: &[u8]) -> Option<UnixMs> {
    if let ([m1, m2, b'/', d1, d2, b'/', year @ ..], true) = (text, text.len() == 10) {
        let mut date = year.to_vec();
        date.extend([b'-', *m1, *m2, b'-', *d1, *d2]);
        return moment::parse(&date);
    }
    moment::parse_any(text)
}

fn is_error(status: &[u8]) -> bool {
    match status {
        b"" => false,
        [b'0'..=b'9', ..] => !matches!(status, [b'1'..=b'3', _, _]),
        word => ![&b"ok"[..], b"success", b"completed", b"true", b"null"]
            .iter()
            .any(|good| word.eq_ignore_ascii_case(good)),
    }
}

#[cfg(test)]
mod tests {
    use super::super::format;
    use super::*;

    #[test]
    fn a_line_says_what_it_costs_or_why_it_does_not() {
        let layout = format::of_json(&[], &[]);
        let mut cells = Cells::default();
        let fact = read(
            &layout,
            r#"{"timestamp":"2026-11-01T00:00:00Z","request":{"model":"m"},"status":500,
               "response":{"usage":{"prompt_tokens":7,"completion_tokens":3}},"cost":"0.5"}"#
                .as_bytes(),
            &mut cells,
        )
        .unwrap();
        assert_eq!((fact.model, fact.input, fact.output), (&b"m"[..], 7, 3));
        assert_eq!(fact.cost, Some(500_000_000_000));
        assert!(fact.is_error);
        for (line, why) in [
            ("{", Malformed::Syntax),
            (r#"{"model":"m"}"#, Malformed::Empty),
            (r#"{"model":"m","status":"lost"}"#, Malformed::Open),
            (r#"{"cost":"much"}"#, Malformed::Value(Slot::Cost)),
            (r#"{"input_tokens":-1}"#, Malformed::Value(Slot::Input)),
            (r#"{"ts":"soon","cost":1}"#, Malformed::Value(Slot::Time)),
        ] {
            let found = read(&layout, line.as_bytes(), &mut cells);
            assert_eq!(found.err(), Some(why), "{line}");
        }
        assert_eq!(time(b"11/23/2026"), time(b"2026-11-23"));
        assert!(time(b"2026-11-23").is_some());
    }

    #[test]
    fn errors_are_told_by_code_or_word() {
        for (status, expected) in [
            ("200", false),
            ("", false),
            ("ok", false),
            ("Success", false),
            ("429", true),
            ("failure", true),
            ("timeout", true),
        ] {
            assert_eq!(is_error(status.as_bytes()), expected, "{status}");
        }
    }
}
