//! Says why a model is not run, and where in its SQL the reason is.

use std::fmt::Display;

use dataset::Model;
use dataset::failure::Kind;
use sqlparser::ast::{Ident, Spanned};

use super::tree::Place;

/// The refusal of a construct, with its place.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    at: Place,
    message: String,
}

/// A result, or the refusal of a construct.
pub(crate) type Result<T> = std::result::Result<T, Refusal>;

impl Refusal {
    /// Refuses something at a place. `message` says what it is, why it is refused, and how to write it instead, if there is a way.
    pub(crate) fn at(at: Place, message: impl Into<String>) -> Self {
        Self {
            at,
            message: message.into(),
        }
    }

    /// Refuses a piece of SQL, which is quoted in the message.
    pub(crate) fn of<S: Spanned + Display>(piece: &S, why: impl Display) -> Self {
        Self::at(
            place(piece),
            format!("`{}` {why}", shortened(&piece.to_string())),
        )
    }

    /// Gives the refusal another place if it has none.
    pub(crate) fn or_at(mut self, at: Place) -> Self {
        if self.at == Place::default() {
            self.at = at;
        }
        self
    }

    /// Makes an error for a model, of [`Kind::Usage`].
    pub(crate) fn error(&self, model: &Model) -> anyhow::Error {
        self.of_kind(Kind::Usage, model)
    }

    /// Makes an error for a model, of another kind.
    pub(crate) fn of_kind(&self, kind: Kind, model: &Model) -> anyhow::Error {
        of_kind(kind, model, &self.place(model), &self.message)
    }

    /// Makes an error for a model whose rows have a value that cannot be computed, of [`Kind::Refused`].
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

/// A number that is added to the lines of a model that others read, to tell them from lines of the reading model's file.
pub(crate) const READ_LINE: u64 = 1 << 32;

/// An error in a model's SQL, of [`Kind::Usage`].
pub(crate) fn error_at(model: &Model, place: &str, message: &str) -> anyhow::Error {
    of_kind(Kind::Usage, model, place, message)
}

fn of_kind(kind: Kind, model: &Model, place: &str, message: &str) -> anyhow::Error {
    let it = model.it();
    kind.error(format!("{place}: {it} cannot be run: {message}"))
}

/// The place where a piece of SQL begins.
pub(crate) fn place(piece: &impl Spanned) -> Place {
    let start = piece.span().start;
    Place {
        line: start.line,
        column: start.column,
    }
}

/// The place of a name.
pub(crate) fn place_of(name: &Ident) -> Place {
    Place {
        line: name.span.start.line,
        column: name.span.start.column,
    }
}

/// A piece of SQL on one line, cut to a helpful length.
pub(crate) fn shortened(sql: &str) -> String {
    const LONGEST: usize = 80;
    let line = sql.split_whitespace().collect::<Vec<_>>().join(" ");
    match line.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}
