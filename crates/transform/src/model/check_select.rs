//! Checks that are SELECTs, as models of their own: they run as any model does, and must give no row.

use dataset::{Check, Dataset, Model, Rule};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use crate::model::select::Select;

/// The dataset with the checks of its models that are SELECTs as models before them; none if it has none.
pub(crate) fn apart(dataset: &Dataset) -> Option<Dataset> {
    let is_select = |check: &Check| matches!(check.rule, Rule::NoRow { .. });
    let mut apart = dataset.clone();
    let mut selects = Vec::new();
    let models = apart.models.iter_mut();
    for model in models.filter(|model| model.checked_model.is_none()) {
        let (checks, others) = std::mem::take(&mut model.checks)
            .into_iter()
            .partition(is_select);
        model.checks = others;
        for check in checks {
            let number = selects.len() + 1;
            selects.push(of_check(model, check, number));
        }
    }
    if selects.is_empty() {
        return None;
    }
    selects.append(&mut apart.models);
    apart.models = selects;
    Some(apart)
}

/// A check of a model as a model, which finds the output of the other under its name.
fn of_check(checked: &Model, check: Check, number: usize) -> Model {
    let (sql, file) = match &check.rule {
        Rule::NoRow { sql, file } => (sql.clone(), file.clone()),
        _ => Default::default(),
    };
    let mut model = Model {
        name: format!("check-{number}-of-{}", checked.name),
        sql,
        file,
        checks: vec![check],
        checked_model: Some(checked.name.clone()),
        ..Model::default()
    };
    let name = checked.name.to_lowercase();
    if Select::lenient(&model).relations().any(|of| of == name)
        && let Some(with) = with_output(&model.sql, checked)
    {
        model.lines_before = with.lines().count() - model.sql.lines().count();
        model.sql = with;
    }
    model
}

/// A SELECT with that of a model under the model's name before it, on lines of its own; none if it has no words.
fn with_output(sql: &str, model: &Model) -> Option<String> {
    let tokens = tokens(sql)?;
    let first = tokens.first()?;
    let is = |token: &TokenWithSpan, keyword: Keyword| matches!(&token.token, Token::Word(word) if word.keyword == keyword);
    let output = tokens_text(&model.sql)?;
    let head = |with: &str| format!("{with} \"{}\" AS ({output})", model.name);
    if !is(first, Keyword::WITH) {
        return Some(format!("{}\n{sql}", head("WITH")));
    }
    // What is written before it anew is blank where it stood.
    let recursive = tokens.get(1).filter(|token| is(token, Keyword::RECURSIVE));
    let last = recursive.unwrap_or(first);
    let end = offset(sql, last.span.end)?;
    let blank = |c: char| if c == '\n' { '\n' } else { ' ' };
    let before: String = sql.get(..end)?.chars().map(blank).collect();
    let with = match recursive {
        Some(_) => "WITH RECURSIVE",
        None => "WITH",
    };
    Some(format!("{},\n{before}{}", head(with), sql.get(end..)?))
}

/// The words and signs of a SELECT, without what stands between them and a semicolon behind them.
fn tokens(sql: &str) -> Option<Vec<TokenWithSpan>> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location();
    let mut tokens = tokens.ok()?;
    tokens.retain(|token| !matches!(token.token, Token::Whitespace(_) | Token::EOF));
    while tokens
        .last()
        .is_some_and(|last| last.token == Token::SemiColon)
    {
        tokens.pop();
    }
    Some(tokens)
}

/// A SELECT without its comments, each word as it is written.
fn tokens_text(sql: &str) -> Option<String> {
    let words = tokens(sql)?.into_iter().map(|token| {
        let (start, end) = (offset(sql, token.span.start)?, offset(sql, token.span.end)?);
        sql.get(start..end)
    });
    // Two words of which one ends where the other begins stay so: `a.b`, `E'…'`.
    let mut text = String::new();
    let mut last = None;
    for (token, word) in tokens(sql)?.iter().zip(words) {
        if last.is_some_and(|end| end != token.span.start) {
            text.push(' ');
        }
        text += word?;
        last = Some(token.span.end);
    }
    Some(text)
}

/// Where a place in a text lies, in bytes.
fn offset(text: &str, at: Location) -> Option<usize> {
    let (line, column) = (at.line.checked_sub(1)?, at.column.checked_sub(1)?);
    let mut start = 0;
    for _ in 0..line {
        start += text.get(start..)?.find('\n')? + 1;
    }
    let rest = text.get(start..)?;
    let mut places = rest.char_indices().map(|(place, _)| place);
    let place = places.nth(column as usize);
    Some(start + place.unwrap_or(rest.len()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::model;

    fn with(sql: &str) -> String {
        let checked = model(
            "m",
            "SELECT a.x -- the first\n FROM t AS a\nWHERE s = E'it''s;'; -- end\n",
        );
        with_output(sql, &checked).expect("words")
    }

    #[test]
    fn an_output_stands_before_a_check_of_it_and_moves_nothing_in_its_lines() {
        let output = "\"m\" AS (SELECT a.x FROM t AS a WHERE s = E'it''s;')";
        assert_eq!(
            with("SELECT 1 FROM m"),
            format!("WITH {output}\nSELECT 1 FROM m")
        );
        assert_eq!(
            with("-- é\n  with é AS (SELECT 1) SELECT 1 FROM m, é"),
            format!("WITH {output},\n    \n       é AS (SELECT 1) SELECT 1 FROM m, é")
        );
        assert_eq!(
            with("WITH RECURSIVE x AS (SELECT 1) SELECT 1 FROM m"),
            format!("WITH RECURSIVE {output},\n               x AS (SELECT 1) SELECT 1 FROM m")
        );
    }

    #[test]
    fn checks_that_are_selects_become_models_and_others_stay() {
        let check = |sql: &str| Check {
            name: sql.to_owned(),
            rule: Rule::NoRow {
                sql: sql.to_owned(),
                file: "m.sql".to_owned(),
            },
        };
        let mut checked = model("m", "SELECT x FROM t");
        checked.checks = vec![check("SELECT 1\nFROM M"), check("SELECT x FROM t")];
        let dataset = testkit::dataset("d", &[("t", &["id"])], vec![checked]);
        let apart = apart(&dataset).expect("two checks");
        let names: Vec<&str> = apart
            .models
            .iter()
            .map(|model| model.name.as_str())
            .collect();
        assert_eq!(names, ["check-1-of-m", "check-2-of-m", "m"]);
        let lines = apart.models.iter().map(|model| model.lines_before);
        assert_eq!(lines.collect::<Vec<_>>(), [1, 0, 0]);
        assert_eq!(apart.models[1].sql, "SELECT x FROM t");
        assert!(apart.models[2].checks.is_empty());
    }
}
