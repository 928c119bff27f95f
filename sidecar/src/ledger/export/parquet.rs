//! Rows as Parquet: what FOCUS calls decimals, dates and texts are that there, too.

use std::io::{self, Write};
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{Type, TypePtr};

use super::row::{Kind, TABLE, Value};
use super::{ExportError, each};
use crate::ledger::sql::Answers;
use crate::moment::UnixMs;

/// Rows of a group: what is in memory at a time, some 30 MB.
const GROUP_ROWS: usize = 16_384;
/// Digits of a decimal in 64 bits.
const PRECISION: i32 = 18;
const MOST_DECIMAL: i64 = 999_999_999_999_999_999;

/// Writes the lines of a span of time, oldest first; how many there were.
pub(in crate::ledger) fn write(
    database: &mut dyn Answers,
    span: (UnixMs, UnixMs),
    out: &mut (impl Write + Send),
) -> Result<u64, ExportError> {
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_created_by("ark".to_owned())
        .build();
    let schema = schema().map_err(failed)?;
    let file = SerializedFileWriter::new(&mut *out, schema, Arc::new(properties));
    let mut file = file.map_err(failed)?;
    let mut group = Group::default();
    let mut count = 0;
    each(database, span, &mut |values| {
        count += 1;
        group.take(values);
        match group.rows < GROUP_ROWS {
            true => Ok(()),
            false => group.write_to(&mut file).map_err(io::Error::other),
        }
    })?;
    group.write_to(&mut file).map_err(failed)?;
    file.close().map_err(failed)?;
    out.flush()?;
    Ok(count)
}

fn failed(error: ParquetError) -> ExportError {
    ExportError::Write(io::Error::other(error))
}

fn schema() -> Result<TypePtr, ParquetError> {
    let columns: Result<Vec<TypePtr>, ParquetError> = TABLE.iter().map(column).collect();
    let schema = Type::group_type_builder("focus").with_fields(columns?);
    schema.build().map(Arc::new)
}

fn column((name, kind): &(&str, Kind)) -> Result<TypePtr, ParquetError> {
    let decimal = |scale| {
        (
            Physical::INT64,
            Some(LogicalType::decimal(scale, PRECISION)),
            scale,
        )
    };
    let (physical, logical, scale) = match kind {
        Kind::Money => decimal(6),
        Kind::Quantity => decimal(0),
        Kind::Integer => (Physical::INT64, None, 0),
        Kind::Time => {
            let logical = LogicalType::timestamp(true, TimeUnit::MILLIS);
            (Physical::INT64, Some(logical), 0)
        }
        Kind::Text | Kind::Json => (Physical::BYTE_ARRAY, Some(LogicalType::String), 0),
    };
    let precision = match kind {
        Kind::Money | Kind::Quantity => PRECISION,
        Kind::Integer | Kind::Time | Kind::Text | Kind::Json => -1,
    };
    Type::primitive_type_builder(name, physical)
        .with_repetition(Repetition::OPTIONAL)
        .with_logical_type(logical)
        .with_precision(precision)
        .with_scale(if precision < 0 { -1 } else { scale })
        .build()
        .map(Arc::new)
}

/// A column's values, without those that are not there; a level for each row says which are.
enum Column {
    Integers(Vec<i64>, Vec<i16>),
    Texts(Vec<ByteArray>, Vec<i16>),
}

impl Column {
    fn of(kind: Kind) -> Self {
        match kind {
            Kind::Money | Kind::Quantity | Kind::Integer | Kind::Time => {
                Self::Integers(Vec::new(), Vec::new())
            }
            Kind::Text | Kind::Json => Self::Texts(Vec::new(), Vec::new()),
        }
    }

    fn take(&mut self, kind: Kind, value: &Value) {
        match self {
            Self::Integers(values, levels) => {
                let number = match value {
                    Value::Micro(number) | Value::Integer(number) | Value::Time(number) => {
                        Some(*number)
                    }
                    Value::Null | Value::Text(_) | Value::Json(_) => None,
                };
                let number = number.map(|number| match kind {
                    Kind::Money | Kind::Quantity => number.clamp(-MOST_DECIMAL, MOST_DECIMAL),
                    Kind::Integer | Kind::Time | Kind::Text | Kind::Json => number,
                });
                levels.push(number.is_some().into());
                values.extend(number);
            }
            Self::Texts(values, levels) => {
                let text = match value {
                    Value::Text(text) | Value::Json(text) => Some(text),
                    Value::Null | Value::Micro(_) | Value::Integer(_) | Value::Time(_) => None,
                };
                levels.push(text.is_some().into());
                values.extend(text.map(|text| ByteArray::from(text.as_bytes().to_vec())));
            }
        }
    }
}

/// Rows that are written together.
struct Group {
    rows: usize,
    columns: Vec<Column>,
}

impl Default for Group {
    fn default() -> Self {
        Self {
            rows: 0,
            columns: TABLE.iter().map(|(_, kind)| Column::of(*kind)).collect(),
        }
    }
}

impl Group {
    fn take(&mut self, values: &[Value]) {
        self.rows += 1;
        for ((column, (_, kind)), value) in self.columns.iter_mut().zip(&TABLE).zip(values) {
            column.take(*kind, value);
        }
    }

    /// Writes what there is, and begins anew.
    fn write_to<W: Write + Send>(
        &mut self,
        file: &mut SerializedFileWriter<W>,
    ) -> Result<(), ParquetError> {
        let group = std::mem::take(self);
        if group.rows == 0 {
            return Ok(());
        }
        let mut writer = file.next_row_group()?;
        for column in &group.columns {
            let Some(mut to) = writer.next_column()? else {
                break;
            };
            match column {
                Column::Integers(values, levels) => {
                    to.typed::<Int64Type>()
                        .write_batch(values, Some(levels), None)?;
                }
                Column::Texts(values, levels) => {
                    to.typed::<ByteArrayType>()
                        .write_batch(values, Some(levels), None)?;
                }
            }
            to.close()?;
        }
        writer.close().map(|_| ())
    }
}
