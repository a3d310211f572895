//! Why a model is not run, and where in its SQL that stands.

use std::fmt::Display;

use dataset::Model;
use dataset::failure::Kind;
use sqlparser::ast::{Ident, Spanned};

use super::tree::Place;

/// A construct that is refused.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    at: Place,
    message: String,
}

/// What is refused, or what it gives.
pub(crate) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    /// Refuses what stands at a place; `message` says what it is, why it is refused, and a way of writing it if there is one.
    pub(crate) fn at(at: Place, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }

    /// Refuses a piece of SQL, which the message quotes.
    pub(crate) fn of<S: Spanned + Display>(piece: &S, why: impl Display) -> Self {
        Self::at(
            place(piece),
            format!("`{}` {why}", shortened(&piece.to_string())),
        )
    }

    /// This refusal, at another place if its own isn't known.
    pub(crate) fn or_at(mut self, at: Place) -> Self {
        if self.at == Place::default() {
            self.at = at;
        }
        self
    }

    /// The error of a model, of kind usage.
    pub(crate) fn error(&self, model: &Model) -> anyhow::Error {
        self.of_kind(Kind::Usage, model)
    }

    /// The error of a model, of another kind.
    pub(crate) fn of_kind(&self, kind: Kind, model: &Model) -> anyhow::Error {
        of_kind(kind, model, &self.place(model), &self.message)
    }

    /// The error of a model whose rows have a value that cannot be computed, of kind refused.
    pub(crate) fn of_data(&self, model: &Model) -> anyhow::Error {
        let (place, of) = match self.at.line >= READ_LINE {
            true => (model.file.clone(), "of a model that it reads: "),
            false => (self.place(model), ""),
        };
        Kind::Refused.error(format!(
            "{place}: {} cannot be computed: {of}{}",
            model.it(),
            self.message
        ))
    }

    fn place(&self, model: &Model) -> String {
        match (self.at.line % READ_LINE, self.at.column) {
            (0, _) => model.file.clone(),
            (line, column) => format!("{}, line {line}, column {column}", model.file),
        }
    }
}

/// What is added to the lines of a model that others read, since these have another file.
pub(crate) const READ_LINE: u64 = 1 << 32;

/// An error in a model's SQL, of [`Kind::Usage`].
pub(crate) fn error_at(model: &Model, place: &str, message: &str) -> anyhow::Error {
    of_kind(Kind::Usage, model, place, message)
}

fn of_kind(kind: Kind, model: &Model, place: &str, message: &str) -> anyhow::Error {
    let it = model.it();
    kind.error(format!("{place}: {it} cannot be run: {message}"))
}

/// Where a piece of SQL begins.
pub(crate) fn place(piece: &impl Spanned) -> Place {
    let start = piece.span().start;
    Place {
        line: start.line,
        column: start.column,
    }
}

/// Where a name stands.
pub(crate) fn place_of(name: &Ident) -> Place {
    Place {
        line: name.span.start.line,
        column: name.span.start.column,
    }
}

/// A piece of SQL on one line, and no more of it than helps.
pub(crate) fn shortened(sql: &str) -> String {
    const LONGEST: usize = 80;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
