//! A model's SELECT, parsed once: the tables that it reads, how it streams, and where in its file an error is.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::Display;
use std::ops::ControlFlow;
use std::sync::Arc;

use database::catalogue::identifier::quoted;
use database::mirror::own::Own;
use dataset::failure::Kind;
use dataset::{Column, ColumnType, Model, Place, TableSchema, TextKind};
use sqlparser::ast::{ObjectName, Query, Statement};
use sqlparser::dialect::PostgreSqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

use crate::fault;
use crate::model::catalog::Catalog;
use crate::model::from_names::{FromNames, place_of};
use crate::model::numerics::Numerics;
use crate::model::plan::{Padded, Plan};
use crate::model::refusal::{READ_LINE, Refusal, error_at};
use crate::model::resolve::{Shared, resolve, shared};
use crate::model::stars;
use crate::model::tree::{self, Resolved};
use crate::model::types::Type;
use crate::model::walk::{Part, walk};

/// How many words and signs a SELECT may have.
const MOST_TOKENS: usize = 20_000;

/// The parsed SELECT of a model.
#[derive(Debug)]
pub(crate) struct Select<'a> {
    pub(crate) model: &'a Model,
    /// How the model streams, if it declares that.
    pub(crate) plan: Option<Plan>,
    /// The parsed query, or why it could not be parsed.
    query: Result<Box<Query>, String>,
    /// The types that the SELECT implies for numeric columns.
    numerics: Numerics,
    /// The names in its FROMs that have no schema and that no WITH defines: tables and models.
    bare: BTreeSet<String>,
    /// The run's names for the tables in its FROMs, in lower case.
    relations: BTreeSet<String>,
    /// The names in its FROMs that have a schema.
    placed: BTreeSet<Place>,
    /// The models that this one reads, each after those that it reads itself.
    pub(super) models: Vec<Arc<Select<'a>>>,
    /// Every name in the SELECT, in lower case.
    names: BTreeSet<String>,
    /// The names that are followed by an opening parenthesis, in lower case.
    calls: BTreeSet<String>,
    /// The signs that are not names, as written.
    signs: BTreeSet<String>,
    /// The tables of which all columns are needed, in lower case.
    whole: BTreeSet<String>,
}

/// A model of which every name and type is known.
pub(crate) struct Ready {
    pub(crate) resolved: Resolved,
    /// For a model that may stream as it declares, which of its keys are padded. Its keys must be of types that look-ups compare as
    /// Postgres does.
    pub(crate) streams: Option<Padded>,
}

impl<'a> Select<'a> {
    /// Parses the SELECT of a model.
    ///
    /// # Errors
    /// [`Kind::Usage`] with file and line if it cannot be parsed or is not a single SELECT; [`Kind::Mismatch`] if it streams and
    /// gives other columns than the dataset declares.
    pub(crate) fn of(model: &'a Model) -> anyhow::Result<Self> {
        fault::caught_deep(model, || Self::parsed(model, 0))
    }

    /// Parses the SELECT of a model that others read, as [`lenient`](Self::lenient) does. Its lines get numbers that tell them from
    /// those of the model that reads it.
    pub(super) fn read_by_others(model: &'a Model) -> Self {
        match Self::lenient(model) {
            select if select.query.is_err() => select,
            select => {
                let apart = fault::caught_deep(model, || Self::parsed(model, READ_LINE));
                apart.unwrap_or(select)
            }
        }
    }

    /// Parses the SELECT of a model as [`of`](Self::of) does, but accepts one that cannot be parsed, or doesn't stream as it
    /// declares. Such a SELECT may read any table, and cannot be resolved.
    pub(crate) fn lenient(model: &'a Model) -> Self {
        Self::of(model).unwrap_or_else(|error| {
            let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '_' | '$');
            let words = model.sql.split(|c| !is_of_name(c));
            let names: BTreeSet<String> = words.map(str::to_lowercase).collect();
            Self {
                model,
                plan: None,
                query: Err(format!("{error:#}")),
                numerics: Numerics::default(),
                bare: BTreeSet::new(),
                relations: names.clone(),
                placed: BTreeSet::new(),
                models: Vec::new(),
                whole: names.clone(),
                names,
                calls: BTreeSet::new(),
                signs: BTreeSet::new(),
            }
        })
    }

    /// Parses the SELECT of a model. `lines` is added to its line numbers.
    fn parsed(model: &'a Model, lines: u64) -> anyhow::Result<Self> {
        let unreadable = |error: &dyn Display| cannot_parse(model, &error.to_string());
        let mut tokens = tokens(&model.sql).map_err(|error| unreadable(&error))?;
        for token in &mut tokens {
            token.span.start.line += lines;
            token.span.end.line += lines;
        }
        let refused = |why: String| error_at(model, &model.file, &why);
        let is_word = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
        if tokens.iter().filter(is_word).count() > MOST_TOKENS {
            return Err(refused(format!(
                "it has more than {MOST_TOKENS} words and signs"
            )));
        }
        let statements = Parser::new(&PostgreSqlDialect {})
            .with_tokens_with_locations(tokens.clone())
            .parse_statements()
            .map_err(|error| unreadable(&error))?;
        let stream = model.stream.as_ref();
        let schema = &model.schema;
        let plan = stream.map(|stream| Plan::of(stream, &statements, schema).map_err(refused));
        let plan = plan.transpose()?;
        if let Some(plan) = &plan {
            let given: Vec<&str> = plan.columns.iter().map(|(name, _)| name.as_str()).collect();
            check_names(model, &given)?;
        }
        let FromNames {
            bare,
            placed,
            foreign,
        } = FromNames::of(&statements);
        let called = placed.iter().map(|place| place.called(schema));
        let relations = bare.iter().cloned().chain(called).chain(foreign);
        let relations = relations.map(|name| name.to_lowercase()).collect();
        let query = only_query(statements).map_err(refused)?;
        let mut select = Self {
            model,
            plan,
            numerics: Numerics::of(&query, model),
            query: Ok(query),
            bare,
            relations,
            placed,
            models: Vec::new(),
            names: BTreeSet::new(),
            calls: BTreeSet::new(),
            signs: BTreeSet::new(),
            whole: BTreeSet::new(),
        };
        let (mut before, mut stars) = (&Token::EOF, 0);
        for token in tokens.iter().map(|token| &token.token) {
            match token {
                Token::Whitespace(_) => continue,
                Token::Word(word) => {
                    select.names.insert(word.value.to_lowercase());
                }
                // This counts the `*` of `SELECT *`, `t.*` or `a, *`, but not that of `COUNT(*)` or of a product.
                Token::Mul => stars += usize::from(begins_item(before)),
                _ => {}
            }
            match (before, token) {
                (_, Token::Word(_)) => {}
                (Token::Word(word), Token::LParen) => {
                    select.calls.insert(word.value.to_lowercase());
                }
                _ => drop(select.signs.insert(token.to_string())),
            }
            before = token;
        }
        let whole = select.query.as_ref().ok();
        let whole = whole.and_then(|query| stars::of(query, stars, &model.schema));
        select.whole = whole.unwrap_or_else(|| select.relations.clone());
        Ok(select)
    }

    /// Why the SQL, though it can be parsed, is not a single SELECT; `None` if it may be one.
    pub(crate) fn is_no_query(&self) -> Option<String> {
        let statements = Parser::parse_sql(&PostgreSqlDialect {}, &self.model.sql);
        only_query(statements.ok()?).err()
    }

    /// Whether this SELECT reads a model of this name; `None` if the SELECT cannot be parsed, so that it may. Its own name never
    /// means a model.
    pub(super) fn names_model(&self, name: &str) -> Option<bool> {
        match &self.query {
            _ if name == self.model.name => Some(false),
            Ok(_) => Some(self.bare.contains(name)),
            Err(_) if self.names.contains(&name.to_lowercase()) => None,
            Err(_) => Some(false),
        }
    }

    /// Makes the names of these models mean the models, and not tables of the same names. Each model comes after those that it
    /// reads itself.
    ///
    /// # Errors
    /// [`Kind::Usage`] if this model declares to stream, since streaming looks up rows of tables only.
    pub(super) fn read(&mut self, models: Vec<Arc<Self>>) -> anyhow::Result<()> {
        for of in &models {
            let name = &of.model.name;
            if self.bare.contains(name) && self.names_model(name) == Some(true) {
                self.relations.remove(&name.to_lowercase());
                if self.plan.is_some() {
                    return Err(error_at(
                        self.model,
                        &self.model.file,
                        &format!(
                            "it declares `stream`, by which rows of tables are looked up, but reads model `{name}`: without \
                             `stream` it runs whole"
                        ),
                    ));
                }
            }
        }
        self.models = models;
        Ok(())
    }

    /// The names of the models that this one certainly reads itself, and not through others.
    pub(crate) fn models(&self) -> impl Iterator<Item = &str> {
        let names = self.models.iter().map(|of| of.model.name.as_str());
        names.filter(|name| self.names_model(name) == Some(true))
    }

    /// Whether the SELECT has its model's own name in FROM, which can only mean a table.
    pub(crate) fn names_itself(&self) -> bool {
        self.bare.contains(&self.model.name)
    }

    /// Resolves every name and type of the SELECT over the tables of a catalogue, and compares its columns with those that the
    /// dataset declares.
    ///
    /// # Errors
    /// [`Kind::Usage`] with file, line, column and construct for what Postgres would not accept or what isn't known to give the
    /// same; [`Kind::Mismatch`] naming a column that is declared otherwise.
    pub(crate) fn ready(&self, catalog: &Catalog) -> anyhow::Result<Ready> {
        let ready = self.resolved(catalog)?;
        if !ready.resolved.is_open {
            self.check_declared(&ready.resolved)?;
        }
        Ok(ready)
    }

    /// Resolves every name and type of the SELECT, whatever columns the dataset declares.
    ///
    /// # Errors
    /// As [`Select::ready`], except about the columns.
    pub(crate) fn resolved(&self, catalog: &Catalog) -> anyhow::Result<Ready> {
        let query = self.query.as_ref();
        let query = query.map_err(|why| Kind::Usage.error(why.clone()))?;
        let resolved = fault::caught_deep(self.model, || {
            let schema = &self.model.schema;
            let mut known = Vec::new();
            for of in &self.models {
                let query = of.query.as_ref();
                let query = query.map_err(|why| Kind::Usage.error(why.clone()))?;
                let seen = of.seen(&known);
                let shared = shared(&of.model.name, query, schema, seen, catalog);
                known.push(shared.map_err(|refusal| refusal.error(of.model))?);
            }
            let resolved = resolve(query, schema, self.seen(&known), catalog);
            resolved.map_err(|refusal| refusal.error(self.model))
        })?;
        let streams = self.plan.as_ref().and_then(|plan| plan.padded(catalog));
        Ok(Ready { resolved, streams })
    }

    fn check_declared(&self, resolved: &Resolved) -> anyhow::Result<()> {
        let given = resolved.columns.iter();
        let given: Vec<_> = given
            .map(|column| (column.name.as_str(), &column.kind))
            .collect();
        check_columns(self.model, &given)
    }

    /// The names, in lower case, of the tables in the FROMs of this SELECT and of the models that it reads, and of the tables that
    /// the description names.
    pub(crate) fn relations(&self) -> impl Iterator<Item = &str> {
        let driving = self.model.driving.iter().map(|driving| &driving.table);
        let described = driving.chain(&self.model.stream);
        let relations = self.parts().flat_map(|part| &part.relations);
        relations.chain(described).map(String::as_str)
    }

    /// The plan by which it looks up what belongs to the rows of its first table, if it does no more than that.
    pub(crate) fn lookups(&self) -> Option<Plan> {
        Plan::of_query(self.query()?, &self.model.schema)
    }

    /// The schemas that this SELECT and its description write before names of tables.
    pub(crate) fn schemas(&self) -> impl Iterator<Item = &str> {
        let driving = self.model.driving.as_ref();
        let driving = driving.and_then(|driving| driving.place.as_ref());
        let described = driving.into_iter().chain(&self.model.stream_place);
        let described = described.map(|place: &Place| &place.schema);
        let placed = self.parts().flat_map(|part| &part.placed);
        let schemas = placed.map(|place| &place.schema);
        schemas.chain(described).map(String::as_str)
    }

    /// The parsed query; `None` if it could not be parsed.
    pub(crate) fn query(&self) -> Option<&Query> {
        self.query.as_deref().ok()
    }

    /// The tables that its own FROMs certainly name, without those of models that it reads.
    pub(crate) fn tables_named(&self) -> impl Iterator<Item = Place> {
        let bare = self.bare.iter().filter(|name| {
            // The name may be a function's, too.
            !self.calls.contains(&name.to_lowercase()) && !self.models().any(|of| of == *name)
        });
        let bare = bare.map(|name| Place {
            schema: self.model.schema.clone(),
            name: name.clone(),
        });
        bare.chain(self.placed.iter().cloned())
    }

    /// The error for a table in its FROMs that cannot be read, with the reason.
    pub(crate) fn refuse_table(&self, table: &Place, kind: Kind, why: &str) -> anyhow::Error {
        let is_named = |name: &ObjectName| {
            place_of(name).is_some_and(|(schema, name)| {
                name == table.name && schema.is_none_or(|schema| schema == table.schema)
            })
        };
        let mut found = None;
        if let Some(query) = self.query() {
            let _ = walk(query, |part| match part {
                Part::Relation(name) if is_named(name) => {
                    found = Some(Refusal::of(name, why));
                    ControlFlow::Break(())
                }
                _ => ControlFlow::Continue(()),
            });
        }
        let refusal = found.unwrap_or_else(|| {
            let name = &table.name;
            Refusal::at(tree::Place::default(), format!("`{name}` {why}"))
        });
        refusal.of_kind(kind, self.model)
    }

    /// Whether a name without a schema in its FROMs may mean this table.
    pub(crate) fn reads_bare(&self, table: &str) -> bool {
        match &self.query {
            Ok(_) => self.bare.contains(table),
            Err(_) => self.names.contains(&table.to_lowercase()),
        }
    }

    /// Whether all names in its FROMs have a schema.
    pub(crate) fn names_places_alone(&self) -> bool {
        self.query.is_ok() && self.bare.is_empty()
    }

    /// Whether for some numeric column only a cast, here or in a model that is read, tells its type. Its values may then have more
    /// digits, which the cast rounds.
    pub(crate) fn casts_numerics(&self) -> bool {
        let mut cast = Numerics::cast_only(self.parts().map(|part| &part.numerics));
        cast.next().is_some()
    }

    /// The types that this SELECT and the models that it reads imply for numeric columns.
    pub(crate) fn numerics(&self) -> impl Iterator<Item = (&String, &ColumnType)> {
        Numerics::said(self.parts().map(|part| &part.numerics))
    }

    /// This SELECT and the models that it reads.
    fn parts(&self) -> impl Iterator<Item = &Self> + Clone {
        let models = self.models.iter().map(|of| &**of);
        std::iter::once(self).chain(models)
    }

    /// Those of the known models that this one reads.
    fn seen(&self, known: &[Shared]) -> Vec<Shared> {
        let is_read = |shared: &&Shared| self.models.iter().any(|of| of.model.name == shared.name);
        known.iter().filter(is_read).cloned().collect()
    }

    /// The SQL of the SELECT, preceded by the models that it reads as a WITH.
    pub(crate) fn sql(&self) -> Cow<'_, str> {
        if self.models.is_empty() {
            return Cow::Borrowed(&self.model.sql);
        }
        let mut sql = String::new();
        for (_, text) in self.pieces() {
            sql += &text;
        }
        Cow::Owned(sql)
    }

    /// The pieces of that SQL, each with the model that it comes from.
    pub(crate) fn pieces(&self) -> Vec<(Option<&'a Model>, Cow<'_, str>)> {
        if self.models.is_empty() {
            return vec![(Some(self.model), Cow::Borrowed(&self.model.sql))];
        }
        let text = |model: &'a Model| {
            let sql = model.sql.trim_end().trim_end_matches(';');
            (Some(model), Cow::Borrowed(sql))
        };
        let mut pieces = Vec::new();
        for (number, of) in self.models.iter().enumerate() {
            let before = if number == 0 { "WITH" } else { "\n)," };
            let head = format!("{before} {} AS (\n", quoted(&of.model.name));
            pieces.push((None, Cow::Owned(head)));
            pieces.push(text(of.model));
        }
        pieces.push((None, Cow::Borrowed("\n) SELECT * FROM (\n")));
        pieces.push(text(self.model));
        pieces.push((None, Cow::Borrowed("\n) AS model")));
        pieces
    }

    /// Something that the source has of its own and that this SELECT, which reads columns of these tables, may use although it is
    /// written like Postgres's own.
    pub(crate) fn may_mean<'o>(&self, own: &'o Own, tables: &[TableSchema]) -> Option<&'o str> {
        let calls = |name: &str| {
            let name = name.to_lowercase();
            self.parts().any(|part| part.calls.contains(&name))
        };
        let has_word = |word: &str| self.parts().any(|part| part.names.contains(word));
        let has_operator = |sign: &str| match sign {
            // IN, USING, CASE, NULLIF and BETWEEN use these operators too.
            "=" | "<>" | "<" | "<=" | ">" | ">=" => true,
            "~~" | "!~~" if has_word("like") => true,
            "~~*" | "!~~*" if has_word("ilike") => true,
            sign => self.parts().any(|part| part.signs.contains(sign)),
        };
        let is_enum = |column: &Column| {
            let kind = column.text.as_ref().map(|text| &text.kind);
            matches!(kind, Some(TextKind::Enum(..)))
        };
        let mut columns = tables.iter().flat_map(|table| &table.columns);
        own.met(calls, has_operator, columns.any(is_enum))
    }

    /// Whether running the model needs a table.
    pub(crate) fn reads_table(&self, table: &str) -> bool {
        let driving = self.model.driving.as_ref();
        driving.is_some_and(|driving| driving.table == table)
            || self.parts().any(|part| part.names_table(table))
    }

    /// Whether the SELECT itself names a table.
    fn names_table(&self, table: &str) -> bool {
        match &self.plan {
            Some(plan) => plan.tables.iter().any(|name| name == table),
            None => self.relations.contains(&table.to_lowercase()) || self.may_name(table),
        }
    }

    /// Whether a SELECT that cannot be parsed may name a table of another schema.
    fn may_name(&self, table: &str) -> bool {
        let place = match &self.query {
            Err(_) => Place::parse(table),
            Ok(_) => None,
        };
        place.is_some_and(|Place { schema, name }| {
            let mut both = [schema, name].into_iter();
            both.all(|name| self.names.contains(&name.to_lowercase()))
        })
    }

    /// Whether the model needs a column of a table. If it runs whole, any name in the SELECT may be the column's.
    pub(crate) fn reads(&self, table: &str, column: &str) -> bool {
        self.reads_table(table) && self.names_column(table, column)
            || self.parts().any(|part| part.may_read(table, column))
    }

    /// Whether the SELECT itself, if it runs whole, may read a column of a table.
    fn may_read(&self, table: &str, column: &str) -> bool {
        self.plan.is_none()
            && self.names_table(table)
            && (self.query.is_err()
                || self.whole.contains(&table.to_lowercase())
                || self.names.contains(&column.to_lowercase()))
    }

    /// Whether the SELECT or the description names this column together with its table.
    fn names_column(&self, table: &str, column: &str) -> bool {
        self.named_columns()
            .any(|(of, name)| of == table && name == column)
    }

    /// The needed columns that the SELECT or the description names together with their tables.
    pub(crate) fn named_columns(&self) -> impl Iterator<Item = (&str, &str)> {
        let driving = self.model.driving.iter().flat_map(|driving| {
            let columns = driving.key.keys().chain(driving.sums.keys());
            columns.map(|column| (driving.table.as_str(), column.as_str()))
        });
        let plans = self.parts().flat_map(|part| &part.plan);
        let planned = plans.flat_map(|plan| {
            plan.tables
                .iter()
                .flat_map(|table| plan.needs(table).map(|column| (table.as_str(), column)))
        });
        driving.chain(planned)
    }
}

/// Gives the only statement, which must be a SELECT.
///
/// # Errors
/// Why there is no such statement.
fn only_query(statements: Vec<Statement>) -> Result<Box<Query>, String> {
    match <[Statement; 1]>::try_from(statements) {
        Ok([Statement::Query(query)]) => Ok(query),
        Ok(_) => Err("it is not a SELECT, and nothing else is run".to_owned()),
        Err(statements) => {
            let count = statements.len();
            Err(format!("one SELECT is expected, not {count} statements"))
        }
    }
}

/// Checks that a model gives the declared columns, with types that can be written as the declared ones.
///
/// # Errors
/// [`Kind::Mismatch`] naming the first column that is declared otherwise.
pub(crate) fn check_columns(model: &Model, given: &[(&str, &Type)]) -> anyhow::Result<()> {
    let names: Vec<&str> = given.iter().map(|(name, _)| *name).collect();
    check_names(model, &names)?;
    for ((_, given), (name, declared)) in given.iter().zip(&model.columns) {
        if !given.fits(*declared) {
            let kind = match given {
                Type::Unconstrained => None,
                given => given.declared(),
            };
            let kind = kind.map_or_else(|| given.to_string(), |kind| kind.to_string());
            let way_out = match (given, declared) {
                (Type::Opaque, ColumnType::Numeric { .. }) => {
                    "declare it so, or list the column that it comes from under `carry_as`, not `cast_to_text`, if \
                     that is a numeric"
                }
                (Type::Opaque, _) => "declare it so",
                (Type::Unconstrained, _) => {
                    "declare it numeric(p,s), or text, for its exact text, or cast it"
                }
                _ => "declare it so, or cast it",
            };
            return Err(Kind::Mismatch.error(format!(
                "{}: column `{name}` is declared {declared}, but {} gives {kind}, which does not fit it without a \
                 loss: {way_out}",
                model.entry(),
                model.file
            )));
        }
    }
    Ok(())
}

/// Checks that a model gives the columns that the dataset declares, if it declares any.
///
/// # Errors
/// [`Kind::Mismatch`] with both lists of columns.
pub(crate) fn check_names(model: &Model, given: &[&str]) -> anyhow::Result<()> {
    if model.columns.is_empty() {
        return Ok(());
    }
    let declared = || model.columns.iter().map(|(name, _)| name.as_str());
    // Postgres folds an unquoted name to lower case, and a description may write it as the SELECT does.
    let is_same = |(declared, given): (&str, &&str)| declared.eq_ignore_ascii_case(given);
    if model.columns.len() == given.len() && declared().zip(given).all(is_same) {
        return Ok(());
    }
    Err(Kind::Mismatch.error(format!(
        "{}: {} gives the columns {}, but {} are declared",
        model.entry(),
        model.file,
        given.join(", "),
        declared().collect::<Vec<_>>().join(", ")
    )))
}

/// Makes an error of the parser's message, moving the place at its end, ` at Line: 1, Column: 8`, to the front.
fn cannot_parse(model: &Model, message: &str) -> anyhow::Error {
    let message = message.trim_start_matches("sql parser error: ");
    let (message, place) = match message.rsplit_once(" at Line: ") {
        Some((message, place)) => {
            let place = place.replace(", Column: ", ", column ");
            (message, format!("{}, line {place}", model.file))
        }
        None => (message, model.file.clone()),
    };
    error_at(model, &place, message)
}

fn tokens(sql: &str) -> Result<Vec<TokenWithSpan>, sqlparser::tokenizer::TokenizerError> {
    let tokens = Tokenizer::new(&PostgreSqlDialect {}, sql).tokenize_with_location()?;
    Ok(tokens.into_iter().flat_map(apart).collect())
}

/// Splits a sign off the end of an operator, since it belongs to the number after it, as in `a>-1`. It doesn't if the operator has
/// a character that lets it end with a sign
/// (<https://www.postgresql.org/docs/current/sql-syntax-lexical.html#SQL-SYNTAX-OPERATORS>).
fn apart(token: TokenWithSpan) -> Vec<TokenWithSpan> {
    let operator = match &token.token {
        Token::CustomBinaryOperator(operator)
            if !operator.contains(['~', '!', '@', '#', '%', '^', '&', '|', '`', '?']) =>
        {
            operator
        }
        _ => return vec![token],
    };
    let known = |sign: &str| {
        Some(match sign {
            "=" => Token::Eq,
            "<>" => Token::Neq,
            "<" => Token::Lt,
            "<=" => Token::LtEq,
            ">" => Token::Gt,
            ">=" => Token::GtEq,
            "*" => Token::Mul,
            "/" => Token::Div,
            "+" => Token::Plus,
            "-" => Token::Minus,
            _ => return None,
        })
    };
    let bare = operator.trim_end_matches(['+', '-']);
    let (bare, signs) = operator.split_at(bare.len().max(1));
    let parts = std::iter::once(bare).chain(signs.split("").filter(|sign| !sign.is_empty()));
    let parts: Option<Vec<Token>> = parts.map(known).collect();
    match parts {
        // Two minus signs cannot occur here, since `--` begins a comment.
        Some(parts) => parts
            .into_iter()
            .map(|part| TokenWithSpan::new(part, token.span))
            .collect(),
        None => vec![token],
    }
}

fn begins_item(before: &Token) -> bool {
    match before {
        Token::Period | Token::Comma => true,
        Token::Word(word) => ["SELECT", "DISTINCT", "ALL"]
            .iter()
            .any(|keyword| word.quote_style.is_none() && word.value.eq_ignore_ascii_case(keyword)),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::model;

    #[test]
    fn names_in_the_select_are_read_and_no_others() {
        let model = model(
            "m",
            "SELECT Nome, COUNT(*) AS n, 2 * \"Valor\" AS v FROM T -- saldo\n WHERE texto = 'idade' GROUP BY nome",
        );
        let select = Select::of(&model).expect("readable");
        for (column, expected) in [
            ("nome", true),
            ("Valor", true),
            ("texto", true),
            ("idade", false),
            ("saldo", false),
        ] {
            assert_eq!(select.reads("t", column), expected, "{column}");
            assert!(!select.reads("nome", column), "not a table of it");
        }
    }

    #[test]
    fn tables_of_subqueries_are_read_too() {
        let model = model(
            "m",
            "WITH x AS (SELECT a FROM t) SELECT a FROM x WHERE a IN (SELECT b.a FROM u AS b)",
        );
        let select = Select::of(&model).expect("readable");
        let read = ["t", "u", "b", "a"].map(|table| select.reads_table(table));
        assert_eq!(read, [true, true, false, false]);
    }

    #[test]
    fn a_star_reads_all_columns_where_it_matters_which_they_are() {
        for (sql, of_t, of_u) in [
            ("SELECT * FROM t", true, false),
            ("SELECT a, t.* FROM t, u", true, false),
            ("SELECT t.*, u.* FROM t, u", true, true),
            ("SELECT DISTINCT * FROM t", true, false),
            ("SELECT DISTINCT ON (a) * FROM t", true, false),
            ("SELECT a * b, COUNT(*) FROM t", false, false),
            ("SELECT (a) * 2 FROM t", false, false),
            ("SELECT COUNT(t.*) FROM t", true, false),
            (
                "SELECT a FROM t WHERE EXISTS (SELECT * FROM u WHERE u.a = t.a)",
                false,
                false,
            ),
            (
                "SELECT * FROM t WHERE EXISTS (SELECT * FROM u WHERE u.a = t.a)",
                true,
                false,
            ),
            (
                "SELECT a FROM t WHERE EXISTS (SELECT t.* FROM u WHERE u.a = t.a)",
                false,
                false,
            ),
            ("SELECT a FROM t WHERE a IN (SELECT * FROM u)", false, true),
            ("SELECT a, (SELECT * FROM u) FROM t", false, true),
            (
                "SELECT a FROM t WHERE EXISTS (SELECT * FROM t UNION SELECT * FROM u)",
                true,
                true,
            ),
            (
                "SELECT x.a FROM (SELECT * FROM t) AS x JOIN u ON u.a = x.a",
                false,
                false,
            ),
            (
                "SELECT x.*, u.a FROM (SELECT * FROM t) AS x JOIN u ON u.a = x.a",
                true,
                false,
            ),
            (
                "SELECT u.* FROM (SELECT * FROM t) AS x JOIN u ON u.a = x.a",
                false,
                true,
            ),
            (
                "SELECT x.a FROM (SELECT DISTINCT * FROM t) AS x, u",
                true,
                false,
            ),
            (
                "SELECT x.a FROM (SELECT * FROM t ORDER BY 2 LIMIT 1) AS x, u",
                true,
                false,
            ),
            ("SELECT x.p FROM (SELECT * FROM t) AS x (p), u", true, false),
            ("SELECT x.p FROM t AS x (p), u", true, false),
            (
                "WITH x AS (SELECT * FROM t) SELECT x.a FROM x, u",
                false,
                false,
            ),
            (
                "WITH x AS (SELECT * FROM t) SELECT x.* FROM x, u",
                true,
                false,
            ),
            (
                "WITH y AS (SELECT * FROM t), x AS (SELECT * FROM y) SELECT * FROM x",
                true,
                false,
            ),
            (
                "WITH y AS (SELECT a FROM t), x AS (SELECT * FROM y) SELECT * FROM x, u",
                false,
                true,
            ),
            (
                "WITH x (p) AS (SELECT * FROM t) SELECT p FROM x",
                true,
                false,
            ),
            ("SELECT t.a FROM t NATURAL JOIN u", true, true),
            (
                "SELECT x.a FROM (SELECT * FROM t) AS x NATURAL JOIN (SELECT a FROM u) AS y",
                true,
                false,
            ),
            ("SELECT t.a FROM (t JOIN u USING (a))", false, false),
            ("SELECT * FROM (t JOIN u USING (a))", true, true),
            (
                "SELECT a, (SELECT x.b FROM (SELECT t.*) AS x) FROM t",
                false,
                false,
            ),
            (
                "SELECT a, (SELECT b FROM (SELECT t.* FROM u ORDER BY 1) AS x) FROM t",
                true,
                true,
            ),
        ] {
            let model = model("m", sql);
            let select = Select::of(&model).expect("readable");
            let read = ["t", "u"].map(|table| select.reads(table, "z"));
            assert_eq!(read, [of_t, of_u], "{sql}");
        }
    }

    #[test]
    fn a_streamed_model_names_its_columns_by_table() {
        let mut streamed = model("m", "SELECT m.v, c.k AS v2 FROM m JOIN c ON c.id = m.c_id");
        streamed.stream = Some("m".to_owned());
        streamed.columns = ["v", "v2"]
            .map(|name| (name.to_owned(), dataset::ColumnType::Integer))
            .into();
        let select = Select::of(&streamed).expect("readable");
        for (table, column, expected) in [
            ("m", "v", true),
            ("m", "c_id", true),
            ("m", "id", false),
            ("m", "k", false),
            ("c", "id", true),
            ("c", "k", true),
            ("c", "v", false),
        ] {
            assert_eq!(select.reads(table, column), expected, "{table}.{column}");
        }
        streamed.columns.pop();
        let error = Select::of(&streamed).expect_err("other columns");
        assert!(
            error
                .to_string()
                .contains("gives the columns v, v2, but v are"),
            "{error}"
        );
    }

    #[test]
    fn what_cannot_be_parsed_is_named_with_file_line_and_column() {
        for (sql, expected) in [
            (
                "SELECT a\n  FRM t\n WHERE",
                "m.sql, line 2, column 7: model `m`",
            ),
            (
                "SELECT a\n FROM t WHERE b = 'x",
                "m.sql, line 2, column 19: model `m`",
            ),
            ("SELECT a FROM t;\nSELECT 2", "m.sql: model `m`"),
        ] {
            let model = model("m", sql);
            let error = Select::of(&model).expect_err(sql);
            assert_eq!(
                dataset::failure::Failure::kind_of(&error),
                Some(Kind::Usage)
            );
            assert!(error.to_string().starts_with(expected), "{error}");
        }
    }
}
