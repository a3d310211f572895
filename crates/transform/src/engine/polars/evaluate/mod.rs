//! Evaluates expressions over rows. As in Postgres, a branch of CASE is only evaluated for the rows that its condition chooses, and
//! a part of an AND only for the rows that are not yet false.

mod arguments;
mod arithmetic;
mod cast;
mod compare;
mod correlated;
mod format;
mod like;
mod text;
mod time;
mod unconstrained;

use polars::prelude::{IdxCa, PlSmallStr};

use super::array::Array;
use super::codes::{Codes, Nulls};
use super::relation::Engine;
use super::rows::Rows;
use crate::engine::output::MISSING;
use crate::model::tree::{Function, Node, Relation, Scalar, Value};
use crate::model::types::Type;
use arguments::Arguments;
pub(super) use arguments::Evaluated;
pub(in crate::engine::polars) use unconstrained::scale as unconstrained_scale;

impl Engine<'_> {
    /// The value of an expression for each row.
    pub(super) fn column(&mut self, scalar: &Scalar, rows: &Rows) -> anyhow::Result<Array> {
        let value = self.evaluate(scalar, rows)?;
        self.spread(value, rows.height)
    }

    /// Whether an expression is true, row by row.
    pub(super) fn truths(&mut self, scalar: &Scalar, rows: &Rows) -> anyhow::Result<Vec<bool>> {
        let values = booleans(&self.column(scalar, rows)?)?;
        Ok(values
            .into_iter()
            .map(|value| value == Some(true))
            .collect())
    }

    fn spread(&self, value: Evaluated, rows: usize) -> anyhow::Result<Array> {
        match value.is_constant {
            true => value
                .array
                .take(&IdxCa::from_vec(PlSmallStr::EMPTY, vec![0; rows])),
            false => Ok(value.array),
        }
    }

    fn evaluate(&mut self, scalar: &Scalar, rows: &Rows) -> anyhow::Result<Evaluated> {
        let varying = |array| Evaluated {
            array,
            is_constant: false,
        };
        match &scalar.node {
            Node::Column(at) => Ok(varying(rows.column(*at)?.clone())),
            Node::Constant(value) => Ok(Evaluated {
                array: Array::constant(value, &scalar.kind),
                is_constant: true,
            }),
            Node::Call(function, parts) => {
                let values = parts
                    .iter()
                    .map(|part| self.evaluate(part, rows))
                    .collect::<anyhow::Result<Vec<_>>>()?;
                let is_constant = values.iter().all(|value| value.is_constant);
                let arguments = Arguments {
                    values: &values,
                    rows: if is_constant { 1 } else { rows.height },
                };
                let kinds: Vec<&Type> = parts.iter().map(|part| &part.kind).collect();
                // For no rows, nothing is computed that could fail, except constants, which Postgres computes beforehand.
                if rows.height == 0 && !is_constant {
                    return Ok(varying(Array::nulls(scalar.kind.held(), 0)));
                }
                let array = self.call(*function, &arguments, &kinds, scalar)?;
                Ok(Evaluated { array, is_constant })
            }
            Node::And(parts) => Ok(varying(self.logic(parts, rows, false)?)),
            Node::Or(parts) => Ok(varying(self.logic(parts, rows, true)?)),
            Node::Case(branches, otherwise) => Ok(varying(self.case(branches, otherwise, rows)?)),
            Node::Coalesce(parts) => Ok(varying(self.coalesce(parts, rows)?)),
            Node::Query(relation) => {
                let array = self.single_value(relation, scalar)?;
                Ok(Evaluated {
                    array,
                    is_constant: true,
                })
            }
            Node::In(value, relation) => Ok(varying(self.is_in(value, relation, rows)?)),
            Node::Correlated(of) => Ok(varying(self.correlated(of, scalar, rows)?)),
            Node::Outer(_) => anyhow::bail!("a column of a row around a sub-select was left"),
            Node::Aggregate(_) | Node::Window(_) => {
                anyhow::bail!("an aggregate was not computed with its groups")
            }
        }
    }

    fn call(
        &self,
        function: Function,
        arguments: &Arguments<'_>,
        kinds: &[&Type],
        scalar: &Scalar,
    ) -> anyhow::Result<Array> {
        let kind = &scalar.kind;
        let not_null = || arguments.array(0).validity();
        let computed = match function {
            Function::IsNull => Ok(Array::Boolean(!&not_null())),
            Function::IsNotNull => Ok(Array::Boolean(not_null())),
            Function::Not
            | Function::IsTrue
            | Function::IsNotTrue
            | Function::IsFalse
            | Function::IsNotFalse => arguments.booleans(0).map(|values| {
                let answer = |value: Option<bool>| match function {
                    Function::IsTrue => Some(value == Some(true)),
                    Function::IsNotTrue => Some(value != Some(true)),
                    Function::IsFalse => Some(value == Some(false)),
                    Function::IsNotFalse => Some(value != Some(false)),
                    _ => value.map(|value| !value),
                };
                Array::of_booleans(values.map(answer).collect())
            }),
            Function::Compare(_) | Function::Distinct | Function::NotDistinct => {
                compare::compare(function, arguments)
            }
            Function::Greatest | Function::Least => {
                let chosen = compare::chosen(function, arguments)
                    .map_err(|why| self.refused(scalar, &why))?;
                return self.choose(arguments, &chosen);
            }
            Function::Cast => cast::cast(arguments, kinds[0], kind),
            Function::CastNumeric(precision) => match kind.scale() {
                Some(scale) => {
                    cast::to_numeric(arguments, kinds[0], 10_i128.pow(precision.into()), scale)
                }
                None => Err("a numeric was expected".to_owned()),
            },
            Function::Extract(field) => time::extract(field, arguments, kinds[0]),
            Function::DatePart(field) => time::part(field, arguments),
            Function::ToChar => format::to_char(arguments),
            Function::TruncateTime(unit) => time::truncate(unit, arguments),
            Function::Move(interval) => time::moved(interval, arguments),
            Function::Add
            | Function::Subtract
            | Function::Multiply
            | Function::Divide
            | Function::Modulo
            | Function::Negate
            | Function::Absolute
            | Function::Sign
            | Function::Round
            | Function::Truncate
            | Function::Ceiling
            | Function::Floor => arithmetic::compute(function, arguments, kinds, kind),
            function => text::compute(function, arguments, self.limit_bytes),
        };
        computed.map_err(|why| self.refused(scalar, &why))
    }

    /// For each row, the value of the chosen argument.
    fn choose(&self, arguments: &Arguments<'_>, chosen: &[Option<usize>]) -> anyhow::Result<Array> {
        let mut whole: Option<Array> = None;
        let mut starts = Vec::new();
        for value in arguments.values {
            starts.push(whole.as_ref().map_or(0, Array::len));
            whole = Some(match whole {
                None => value.array.clone(),
                Some(before) => before.with(&value.array)?,
            });
        }
        let rows = chosen.iter().enumerate().map(|(row, chosen)| {
            let chosen = (*chosen)?;
            let within = if arguments.values[chosen].is_constant {
                0
            } else {
                row
            };
            Some((starts[chosen] + within) as u32)
        });
        let rows = IdxCa::from_iter(rows);
        match whole {
            Some(whole) => whole.take(&rows),
            None => anyhow::bail!("there is nothing to choose from"),
        }
    }

    /// Computes AND, or OR where `decides` is true: `decides` is the value of a part that settles the result.
    fn logic(&mut self, parts: &[Scalar], rows: &Rows, decides: bool) -> anyhow::Result<Array> {
        let mut results = vec![Some(!decides); rows.height];
        let mut open: Vec<u32> = (0..rows.height as u32).collect();
        for part in parts {
            let values = self.of_rows(part, rows, &open)?;
            let values = booleans(&values)?;
            let mut still = Vec::with_capacity(open.len());
            for (&row, value) in open.iter().zip(values) {
                let result = &mut results[row as usize];
                match value {
                    Some(value) if value == decides => *result = Some(decides),
                    Some(_) => still.push(row),
                    None => {
                        *result = None;
                        still.push(row);
                    }
                }
            }
            open = still;
        }
        Ok(Array::of_booleans(results))
    }

    fn case(
        &mut self,
        branches: &[(Scalar, Scalar)],
        otherwise: &Scalar,
        rows: &Rows,
    ) -> anyhow::Result<Array> {
        let mut open: Vec<u32> = (0..rows.height as u32).collect();
        let mut results = Results::new(rows.height);
        for (when, then) in branches {
            let is_true = booleans(&self.of_rows(when, rows, &open)?)?;
            let (mut chosen, mut still) = (Vec::new(), Vec::new());
            for (&row, is_true) in open.iter().zip(is_true) {
                match is_true {
                    Some(true) => chosen.push(row),
                    _ => still.push(row),
                }
            }
            results.add(&chosen, self.of_rows(then, rows, &chosen)?)?;
            open = still;
        }
        results.add(&open, self.of_rows(otherwise, rows, &open)?)?;
        results.array()
    }

    fn coalesce(&mut self, parts: &[Scalar], rows: &Rows) -> anyhow::Result<Array> {
        let mut open: Vec<u32> = (0..rows.height as u32).collect();
        let mut results = Results::new(rows.height);
        for part in parts {
            let values = self.of_rows(part, rows, &open)?;
            let is_valid = values.validity();
            results.add(&open, values)?;
            let still = open
                .iter()
                .zip(is_valid.iter())
                .filter(|(_, is_valid)| *is_valid != Some(true));
            open = still.map(|(row, _)| *row).collect();
        }
        results.array()
    }

    /// The values of an expression for some rows only.
    fn of_rows(&mut self, scalar: &Scalar, rows: &Rows, chosen: &[u32]) -> anyhow::Result<Array> {
        if chosen.len() == rows.height {
            return self.column(scalar, rows);
        }
        let mut needed = vec![false; rows.width()];
        scalar.needs(&mut needed);
        let some = rows.only(&needed).take(chosen)?;
        self.column(scalar, &some)
    }

    fn single_value(
        &mut self,
        relation: &std::sync::Arc<Relation>,
        scalar: &Scalar,
    ) -> anyhow::Result<Array> {
        let rows = self.shared(relation)?;
        match rows.height {
            0 => Ok(Array::constant(&Value::Null, &scalar.kind)),
            1 => Ok(rows.column(0)?.clone()),
            count => Err(self.refused(
                scalar,
                &format!("a sub-select that stands for one value gives {count} rows"),
            )),
        }
    }

    fn is_in(
        &mut self,
        value: &Scalar,
        relation: &std::sync::Arc<Relation>,
        rows: &Rows,
    ) -> anyhow::Result<Array> {
        let values = self.column(value, rows)?;
        let found = self.shared(relation)?;
        if found.height == 0 {
            return Ok(Array::of_booleans(vec![Some(false); rows.height]));
        }
        let whole = found.column(0)?.with(&values)?;
        let codes = Codes::of(&[&whole], whole.len(), Nulls::Unequal);
        let (of_found, of_values) = codes.of.split_at(found.height);
        let mut is_there = vec![false; codes.count];
        let mut has_null = false;
        for &code in of_found {
            match code {
                MISSING => has_null = true,
                code => is_there[code as usize] = true,
            }
        }
        let answer = |&code: &u32| match code {
            MISSING => None,
            code if is_there[code as usize] => Some(true),
            _ => (!has_null).then_some(false),
        };
        Ok(Array::of_booleans(of_values.iter().map(answer).collect()))
    }
}

/// The values of a boolean column.
pub(super) fn booleans(array: &Array) -> anyhow::Result<Vec<Option<bool>>> {
    match array {
        Array::Boolean(values) => Ok(values.iter().collect()),
        // This is a NULL without a type.
        Array::Text(values) if values.null_count() == values.len() => Ok(vec![None; values.len()]),
        _ => anyhow::bail!("a condition is not boolean"),
    }
}

/// Collects values of rows that are computed for some rows at a time.
struct Results {
    values: Option<Array>,
    places: Vec<Option<u32>>,
}

impl Results {
    fn new(rows: usize) -> Self {
        Self {
            values: None,
            places: vec![None; rows],
        }
    }

    /// Adds the values of these rows, replacing earlier ones.
    fn add(&mut self, rows: &[u32], values: Array) -> anyhow::Result<()> {
        let start = self.values.as_ref().map_or(0, Array::len) as u32;
        for (within, &row) in (0..).zip(rows) {
            self.places[row as usize] = Some(start + within);
        }
        self.values = Some(match &self.values {
            None => values,
            Some(before) if values.len() > 0 => before.with(&values)?,
            Some(before) => before.clone(),
        });
        Ok(())
    }

    fn array(self) -> anyhow::Result<Array> {
        match self.values {
            Some(values) => values.take(&IdxCa::from_iter(self.places)),
            None => anyhow::bail!("there is no value"),
        }
    }
}
