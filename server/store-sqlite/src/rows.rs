//! Many rows as one parameter: a JSON array that a statement unpacks with `json_each`, so that a
//! transaction needs one statement a table and not one a row. Bytes travel as hex.

use serde_json::Value;

/// A column of bytes.
pub(crate) fn bytes(bytes: &[u8]) -> Value {
    const DIGITS: [char; 16] = [
        '0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f',
    ];
    let digit = |nibble: u8| DIGITS.get(usize::from(nibble)).copied().unwrap_or_default();
    let digits = bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 0xf)]);
    Value::String(digits.collect())
}

/// A column of bytes or NULL.
pub(crate) fn optional_bytes(column: Option<&[u8]>) -> Value {
    column.map_or(Value::Null, bytes)
}

/// The parameter: one element a row.
pub(crate) fn rows(rows: impl IntoIterator<Item = Value>) -> String {
    Value::Array(rows.into_iter().collect()).to_string()
}

/// One row of several columns.
macro_rules! row {
    ($($column:expr),+ $(,)?) => {
        serde_json::Value::Array(vec![$(serde_json::Value::from($column)),+])
    };
}
pub(crate) use row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_a_json_array_with_bytes_in_hex() {
        let rows = rows([row![bytes(&[0x0f, 0xa0]), 7, optional_bytes(None)]]);
        assert_eq!(rows, r#"[["0fa0",7,null]]"#);
    }
}
