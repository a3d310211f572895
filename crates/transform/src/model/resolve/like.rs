//! Resolves LIKE and ILIKE.

use sqlparser::ast::{Expr, Value as Literal, ValueWithSpan};

use super::super::refusal::{Refusal, Result};
use super::super::tree::{Function, Node, Place, Scalar, Value};
use super::super::types::Type;
use super::resolver::{Context, Resolver};

impl Resolver<'_> {
    /// Resolves LIKE, or ILIKE, which ignores the case of letters.
    pub(super) fn like(
        &mut self,
        value: &Expr,
        pattern: &Expr,
        escape: Option<&ValueWithSpan>,
        any_case: bool,
        context: Context<'_>,
        at: Place,
    ) -> Result<Scalar> {
        let (value, pattern) = (self.scalar(value, context)?, self.scalar(pattern, context)?);
        let is_text =
            value.kind.is_text() || matches!(value.kind, Type::Any | Type::Unknown | Type::Char);
        if !is_text {
            return Err(Refusal::at(
                at,
                format!("LIKE on {} is not on the list: cast it to text", value.kind),
            ));
        }
        let refused = || {
            Refusal::at(
                at,
                "LIKE takes only a literal pattern here, and one that doesn't end with a lone backslash",
            )
        };
        let Node::Constant(Value::Text(text)) = &pattern.node else {
            return Err(refused());
        };
        let text = match escape.map(|escape| &escape.value) {
            None => text.clone(),
            Some(Literal::SingleQuotedString(escape)) if escape.chars().count() < 2 => {
                escaped(text, escape.chars().next())
            }
            Some(_) => return Err(Refusal::at(at, "ESCAPE takes a literal of one character")),
        };
        if ends_in_escape(&text) {
            return Err(refused());
        }
        let pattern = Scalar {
            node: Node::Constant(Value::Text(text)),
            ..pattern
        };
        self.check_equality(&Type::Text, &[&value, &pattern], at)?;
        // The blanks at the end of a char(n) are matched too.
        let value = match value.kind {
            Type::Char => value,
            _ => self.cast_implicitly(value, &Type::Text)?,
        };
        let mut sides = vec![value, self.cast_implicitly(pattern, &Type::Text)?];
        if any_case {
            let letters = self.letters(&sides.iter().collect::<Vec<_>>(), at)?;
            let lower = |side: Scalar| {
                Scalar::call(Function::Lower, vec![side, letters.clone()], Type::Text).at(at)
            };
            sides = sides.into_iter().map(lower).collect();
        }
        Ok(Scalar::call(Function::Like, sides, Type::Boolean).at(at))
    }
}

/// Rewrites a pattern so that its escape character, if any, is a backslash (`like_escape` in src/backend/utils/adt/like_match.c).
fn escaped(pattern: &str, escape: Option<char>) -> String {
    if escape == Some('\\') {
        return pattern.to_owned();
    }
    let mut whole = String::new();
    let mut is_escaped = false;
    for letter in pattern.chars() {
        let is_escape = Some(letter) == escape && !is_escaped;
        match letter {
            _ if is_escape => whole.push('\\'),
            '\\' if !is_escaped => whole.push_str("\\\\"),
            letter => whole.push(letter),
        }
        is_escaped = is_escape;
    }
    whole
}

fn ends_in_escape(pattern: &str) -> bool {
    let backslashes = pattern.len() - pattern.trim_end_matches('\\').len();
    backslashes % 2 == 1
}
