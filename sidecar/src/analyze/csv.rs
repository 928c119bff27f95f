//! Records of a CSV file (RFC 4180), a line each: a quoted line end is not understood.

use csv_core::{ReadRecordResult, Reader, ReaderBuilder};

use super::json::Raw;

/// Splits lines into cells, one line at a time.
pub(crate) struct Cells {
    reader: Reader,
    /// The line's cells, one after the other, without their quotes.
    text: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
    count: usize,
}

impl Default for Cells {
    fn default() -> Self {
        Self::new(b',')
    }
}

impl Cells {
    /// Of lines with this delimiter.
    pub(crate) fn new(delimiter: u8) -> Self {
        Self {
            reader: ReaderBuilder::new().delimiter(delimiter).build(),
            text: Vec::new(),
            ends: vec![0; 64],
            count: 0,
        }
    }

    /// Takes a line without its end. `None` when a quote is not closed.
    pub(crate) fn split(&mut self, line: &[u8]) -> Option<()> {
        self.reader.reset();
        if self.text.len() <= line.len() {
            self.text.resize(line.len() + 1, 0);
        }
        self.count = 0;
        let (mut input, mut written, mut is_ended) = (line, 0, false);
        loop {
            let text = self.text.get_mut(written..)?;
            let ends = self.ends.get_mut(self.count..)?;
            let (result, read, more, cells) = self.reader.read_record(input, text, ends);
            (written, self.count) = (written + more, self.count + cells);
            input = input.get(read..)?;
            match result {
                ReadRecordResult::Record => return input.is_empty().then_some(()),
                // A line end that does not end the record is within quotes.
                ReadRecordResult::InputEmpty if is_ended => return None,
                ReadRecordResult::InputEmpty => (input, is_ended) = (b"\n", true),
                ReadRecordResult::OutputFull => self.text.resize(self.text.len() * 2, 0),
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::End => return Some(()),
            }
        }
    }

    /// The cells of the line, in their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.get(..self.count).unwrap_or_default();
        let starts = std::iter::once(0).chain(ends.iter().copied());
        starts
            .zip(ends)
            .map(|(start, end)| self.text.get(start..*end).unwrap_or_default().trim_ascii())
    }

    /// Puts the cells of wanted columns into `values`: `wanted` has, for each column, where its cell goes.
    /// `None` when there are more or fewer cells than columns: the line was cut.
    pub(super) fn pick<'a>(
        &'a self,
        wanted: &[Option<usize>],
        values: &mut [Option<Raw<'a>>],
    ) -> Option<()> {
        if self.count != wanted.len() {
            return None;
        }
        for (slot, cell) in wanted.iter().zip(self.iter()) {
            if let (Some(slot), false) = (slot, cell.is_empty())
                && let Some(value) = values.get_mut(*slot)
            {
                *value = Some(Raw {
                    bytes: cell,
                    is_string: true,
                });
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn split(line: &[u8]) -> Option<Vec<String>> {
        let mut cells = Cells::new(b',');
        cells.split(line)?;
        let text = |cell: &[u8]| String::from_utf8(cell.to_vec()).unwrap();
        Some(cells.iter().map(text).collect())
    }

    #[test]
    fn cells_are_split_as_they_were_meant() {
        for (line, expected) in [
            ("a,b,c", Some("a|b|c")),
            ("a,,", Some("a||")),
            (r#""a,b","c ""d""",e"#, Some(r#"a,b|c "d"|e"#)),
            (r#""a",b"#, Some("a|b")),
            (r#""a"#, None),
            ("a, b ,c\r", Some("a|b|c")),
        ] {
            let found = split(line.as_bytes()).map(|cells| cells.join("|"));
            assert_eq!(found.as_deref(), expected, "{line}");
        }
        let mut cells = Cells::new(b',');
        let mut values = [None; 1];
        cells.split(b"a,b").unwrap();
        assert_eq!(cells.pick(&[None, Some(0)], &mut values), Some(()));
        assert_eq!(values[0].map(|raw| raw.bytes), Some(&b"b"[..]));
        for line in [&b"a"[..], b"a,b,c"] {
            let mut cells = Cells::new(b',');
            cells.split(line).unwrap();
            assert_eq!(cells.pick(&[None, Some(0)], &mut [None; 1]), None);
        }
    }

    proptest! {
        /// Any cells without line ends, one line after another, also many and long ones.
        #[test]
        fn what_was_written_is_read(
            lines in proptest::collection::vec(
                proptest::collection::vec("[a-z\",;]{0,20}|[x]{300}", 1..90), 1..4),
        ) {
            let mut cells = Cells::new(b',');
            for line in lines {
                let mut out = csv::Writer::from_writer(Vec::new());
                out.write_record(&line).unwrap();
                let text = out.into_inner().unwrap();
                cells.split(text.strip_suffix(b"\n").unwrap()).unwrap();
                let found: Vec<&[u8]> = cells.iter().collect();
                let meant: Vec<&[u8]> = line.iter().map(String::as_bytes).collect();
                prop_assert_eq!(found, meant);
            }
        }
    }
}
