//! One record of a CSV file (RFC 4180), a line of it: a quoted line end is not understood.

use memchr::{memchr, memchr2};

use super::json::Raw;

/// Splits a line into cells and puts those of wanted columns into `values`: `wanted` has, for each column,
/// where its cell goes. `None` when a quote is not closed, or there are more cells than columns.
pub(super) fn scan<'a>(
    line: &'a [u8],
    delimiter: u8,
    wanted: &[Option<usize>],
    values: &mut [Option<Raw<'a>>],
) -> Option<()> {
    let mut rest = Some(line);
    for slot in wanted {
        let Some(text) = rest else {
            // Fewer cells than columns: a file that was cut.
            return None;
        };
        let (cell, after) = cell(text, delimiter)?;
        rest = after;
        if let (Some(slot), false) = (slot, cell.is_empty())
            && let Some(value) = values.get_mut(*slot)
        {
            *value = Some(Raw {
                bytes: cell,
                is_string: true,
            });
        }
    }
    rest.is_none().then_some(())
}

/// The cells of a header.
pub(crate) fn cells(line: &[u8], delimiter: u8) -> Option<Vec<&[u8]>> {
    let (mut cells, mut rest) = (Vec::new(), Some(line));
    while let Some(text) = rest {
        let (found, after) = cell(text, delimiter)?;
        cells.push(found);
        rest = after;
    }
    Some(cells)
}

/// The first cell without its quotes, and what follows its delimiter. Doubled quotes stay doubled.
fn cell(text: &[u8], delimiter: u8) -> Option<(&[u8], Option<&[u8]>)> {
    let Some(quoted) = text.strip_prefix(b"\"") else {
        return Some(match memchr(delimiter, text) {
            Some(end) => (text.get(..end)?.trim_ascii(), text.get(end + 1..)),
            None => (text.trim_ascii(), None),
        });
    };
    let mut at = 0;
    loop {
        at += memchr2(b'"', b'"', quoted.get(at..)?)?;
        if quoted.get(at + 1) != Some(&b'"') {
            break;
        }
        at += 2;
    }
    let cell = quoted.get(..at)?;
    match quoted.get(at + 1..)?.trim_ascii_start() {
        [] => Some((cell, None)),
        [first, after @ ..] if *first == delimiter => Some((cell, Some(after))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_split_as_they_were_meant() {
        let split = |line: &str| {
            let cells = cells(line.as_bytes(), b',')?;
            let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
            Some(cells.into_iter().map(text).collect::<Vec<_>>().join("|"))
        };
        for (line, expected) in [
            ("a,b,c", Some("a|b|c")),
            ("a,,", Some("a||")),
            (r#""a,b","c ""d""",e"#, Some(r#"a,b|c ""d""|e"#)),
            (r#""a",b"#, Some("a|b")),
            (r#""a"#, None),
            (r#""a"b,c"#, None),
        ] {
            assert_eq!(split(line).as_deref(), expected, "{line}");
        }
        let mut values = [None; 1];
        assert_eq!(scan(b"a,b", b',', &[None, Some(0)], &mut values), Some(()));
        assert_eq!(values[0].map(|raw| raw.bytes), Some(&b"b"[..]));
        assert_eq!(scan(b"a", b',', &[None, Some(0)], &mut values), None);
        assert_eq!(scan(b"a,b,c", b',', &[None, Some(0)], &mut values), None);
    }
}
