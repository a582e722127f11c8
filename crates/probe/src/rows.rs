//! Values of the simple protocol, which sends everything as text.

use std::str::FromStr;

use tokio_postgres::{SimpleQueryMessage, SimpleQueryRow};

/// One row, read by column name. What is null, missing or not of the type is `None`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Row<'a>(&'a SimpleQueryRow);

impl Row<'_> {
    pub(crate) fn text(self, column: &str) -> Option<String> {
        self.0.try_get(column).ok().flatten().map(str::to_owned)
    }

    pub(crate) fn number<T: FromStr>(self, column: &str) -> Option<T> {
        self.0.try_get(column).ok().flatten()?.parse().ok()
    }

    /// [`Row::text`] as it may be shown.
    pub(crate) fn shown(self, column: &str) -> Option<String> {
        self.text(column).map(|text| common::text::clean_server_text(&text))
    }

    /// A number that a check can reckon with: `NaN` and infinities are none.
    pub(crate) fn finite(self, column: &str) -> Option<f64> {
        self.number::<f64>(column).filter(|value| value.is_finite())
    }

    pub(crate) fn flag(self, column: &str) -> Option<bool> {
        match self.0.try_get(column).ok().flatten()? {
            "t" => Some(true),
            "f" => Some(false),
            _ => None,
        }
    }
}

/// The answer to one message of the simple protocol: the rows of all its statements.
#[derive(Debug)]
pub(crate) struct Answer(pub(crate) Vec<SimpleQueryMessage>);

impl Answer {
    /// Of a question that was not asked.
    pub(crate) fn empty() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.0.iter().filter_map(|message| match message {
            SimpleQueryMessage::Row(row) => Some(Row(row)),
            _ => None,
        })
    }

    /// The first row; an answer without one is not what was asked for.
    pub(crate) fn one(&self) -> Result<Row<'_>, common::Reason> {
        self.first().ok_or_else(|| common::Reason::new("the server's answer is not what was asked for"))
    }

    pub(crate) fn first(&self) -> Option<Row<'_>> {
        self.rows().next()
    }
}
