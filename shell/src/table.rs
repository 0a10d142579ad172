//! Results as text, the way cqlsh lays them out.

use comfy_table::{Cell, CellAlignment, ContentLineStyle, LineStyle, Table, TableStyle};
use starling_driver::{Row, Value};

const STYLE: TableStyle = TableStyle::new()
    .header_lines(ContentLineStyle::none().junction('|'))
    .header_separator(LineStyle::none().fill('-').junction('+'))
    .content_lines(ContentLineStyle::none().junction('|'));

fn text(value: &Value) -> String {
    value.to_display()
}

/// Rows under a header: names on the left of their columns, values on the right.
pub fn aligned(names: &[String], rows: &[Row]) -> String {
    let mut table = Table::new();
    table.load_style(STYLE);
    table.set_header(names.iter().map(Cell::new));
    for row in rows {
        table.add_row(row.values().iter().map(|value| Cell::new(text(value)).set_alignment(CellAlignment::Right)));
    }
    table.trim_fmt() + "\n"
}

/// Each row as a table of its own, a column per line. `first` is the number of the first row.
pub fn expanded(names: &[String], rows: &[Row], first: usize) -> String {
    let mut out = String::new();
    for (index, row) in rows.iter().enumerate() {
        let mut table = Table::new();
        table.load_style(STYLE);
        for (name, value) in names.iter().zip(row.values()) {
            table.add_row([Cell::new(name), Cell::new(text(value))]);
        }
        let lines = table.trim_fmt();
        let name_width = lines.lines().filter_map(|line| line.find('|')).max().unwrap_or(0);
        let value_width = lines.lines().map(|line| line.chars().count()).max().unwrap_or(0);
        let rule = format!("{}+{}", "-".repeat(name_width), "-".repeat(value_width.saturating_sub(name_width)));
        out.push_str(&format!("@ Row {}\n{rule}\n{lines}\n\n", first + index));
    }
    out
}

/// The line after a result, worded as cqlsh does for one row too.
pub fn count(rows: usize) -> String {
    format!("({rows} rows)")
}

#[cfg(test)]
mod tests {
    use starling_driver::{Column, CqlType};

    use super::*;

    fn rows() -> (Vec<String>, Vec<Row>) {
        let column = |name: &str, cql_type| Column {
            keyspace: "ks".to_owned(),
            table: "t".to_owned(),
            name: name.to_owned(),
            cql_type,
        };
        let columns: std::sync::Arc<[Column]> = vec![column("key", CqlType::Int), column("v", CqlType::Text)].into();
        let names = columns.iter().map(|column| column.name.clone()).collect();
        let row = |values| Row::new(columns.clone(), values);
        (names, vec![row(vec![1.into(), "Grüße\n".into()]), row(vec![20_000.into(), Value::Null])])
    }

    #[test]
    fn columns_are_aligned_under_their_names() {
        let (names, rows) = rows();
        let expected = " key   | v\n-------+---------\n     1 | Grüße\\n\n 20000 |    null\n";
        assert_eq!(aligned(&names, &rows), expected);
        assert_eq!(aligned(&names, &[]), " key | v\n-----+---\n");
    }

    #[test]
    fn expanded_rows_are_tables_of_their_own() {
        let (names, rows) = rows();
        let expected = "@ Row 7\n-----+---------\n key | 1\n v   | Grüße\\n\n\n@ Row 8\n-----+-------\n key | 20000\n v   | null\n\n";
        assert_eq!(expanded(&names, &rows, 7), expected);
    }
}
