//! Answers as rows.

use bytes::Bytes;
use starling_node::assembly::client::ClientResponse;
use starling_node::plan::Page;

use super::blob;
use super::reads::Query;
use super::table::{Column, Key};

/// A row of an answer. Columns that were not asked for are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// `None`: a row that static columns alone make.
    pub key: Option<Key>,
    pub value: Option<i64>,
    pub map: Vec<(i32, i64)>,
    pub set: Vec<i32>,
    pub fixed: Option<i64>,
    pub written: Option<i64>,
    pub blob: Option<i64>,
}

/// What a page says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Rows(Vec<Row>),
    /// `s` of the partition; `None`: there is no such partition.
    Distinct(Option<Option<i64>>),
    Count(i64),
    /// `c` and how many rows it has; `None`: static columns alone.
    Groups(Vec<(Option<i32>, i64)>),
}

/// The page in a response.
pub fn page(response: &ClientResponse) -> Option<&Page> {
    match response {
        ClientResponse::Rows { page, .. } => Some(page),
        ClientResponse::Warned(response, _) => page_in(response),
        _ => None,
    }
}

fn page_in(response: &ClientResponse) -> Option<&Page> {
    if let ClientResponse::Rows { page, .. } = response { Some(page) } else { None }
}

/// What the page says in answer to a query; `Err` if it is not of that form.
pub fn answer(query: &Query, page: &Page) -> Result<Answer, String> {
    let rows: Vec<&[Option<Bytes>]> = page.rows().collect();
    match query {
        Query::Rows { columns, .. } => {
            let rows: Result<Vec<Row>, String> = rows.into_iter().map(|cells| row(columns, cells)).collect();
            Ok(Answer::Rows(rows?))
        }
        Query::Distinct => match rows[..] {
            [] => Ok(Answer::Distinct(None)),
            [[_, fixed]] => Ok(Answer::Distinct(Some(fixed.as_ref().map(bigint).transpose()?))),
            _ => Err(format!("{} rows in answer to SELECT DISTINCT of one partition", rows.len())),
        },
        Query::Groups { .. } => {
            let group = |cells: &[Option<Bytes>]| match cells {
                [c, Some(count)] => Ok((c.as_ref().map(int).transpose()?, bigint(count)?)),
                _ => Err("a group without its count".to_owned()),
            };
            Ok(Answer::Groups(rows.into_iter().map(group).collect::<Result<_, _>>()?))
        }
        Query::Count { .. } => match rows[..] {
            [[Some(count)]] => Ok(Answer::Count(bigint(count)?)),
            _ => Err("not one row in answer to count(*)".into()),
        },
    }
}

/// A row of an answer: its key, then these columns.
pub fn row(columns: &[Column], cells: &[Option<Bytes>]) -> Result<Row, String> {
    let [c, d, cells @ ..] = cells else { return Err("a row without its key".into()) };
    let key = match (c, d) {
        (Some(c), Some(d)) => Some((int(c)?, int(d)?)),
        (None, None) => None,
        _ => return Err("a row with half of its key".into()),
    };
    if cells.len() != columns.len() {
        return Err(format!("{} columns instead of {}", cells.len() + 2, columns.len() + 2));
    }
    let mut row = Row { key, ..Row::default() };
    for (column, cell) in columns.iter().zip(cells) {
        let Some(cell) = cell else { continue };
        match column {
            Column::V => row.value = Some(bigint(cell)?),
            Column::S => row.fixed = Some(bigint(cell)?),
            Column::Written => row.written = Some(bigint(cell)?),
            Column::B => row.blob = Some(blob::number(cell).ok_or("a blob that nobody wrote")?),
            Column::M => {
                let elements = elements(cell, 2)?;
                row.map = elements.chunks_exact(2).map(|pair| (pair[0], i64::from(pair[1]))).collect();
            }
            Column::T => row.set = elements(cell, 1)?,
        }
    }
    Ok(row)
}

/// The value of an int column.
pub fn int(bytes: &Bytes) -> Result<i32, String> {
    <[u8; 4]>::try_from(&bytes[..]).map(i32::from_be_bytes).map_err(|_| format!("{bytes:?}, which is no int"))
}

fn bigint(bytes: &Bytes) -> Result<i64, String> {
    <[u8; 8]>::try_from(&bytes[..]).map(i64::from_be_bytes).map_err(|_| format!("{bytes:?}, which is no bigint"))
}

/// The ints of a set, or of a map (`each` is 2), one after another.
fn elements(bytes: &Bytes, each: usize) -> Result<Vec<i32>, String> {
    let wrong = || format!("{bytes:?}, which is no collection of ints");
    let words: Vec<i32> = bytes
        .chunks(4)
        .map(|word| <[u8; 4]>::try_from(word).map(i32::from_be_bytes))
        .collect::<Result<_, _>>()
        .map_err(|_| wrong())?;
    let (count, rest) = words.split_first().ok_or_else(wrong)?;
    let is_well_formed = usize::try_from(*count).is_ok_and(|count| rest.len() == 2 * count * each)
        && rest.iter().step_by(2).all(|length| *length == 4);
    if !is_well_formed || *count == 0 {
        return Err(wrong());
    }
    Ok(rest.iter().skip(1).step_by(2).copied().collect())
}
