//! Resolves one SELECT, clause by clause.

use sqlparser::ast::{
    Distinct, Expr, GroupByExpr, OrderByExpr, Select, SelectFlavor, SelectItem,
    SelectItemQualifiedWildcardKind, WildcardAdditionalOptions,
};

use super::super::refusal::{Refusal, Result, place};
use super::super::tree::{
    Derived, Frame, Node, OutputColumn, Relation, Resolved, Scalar, SortKey, Value, Window,
    WindowFunction,
};
use super::super::types::Type;
use super::correlated::Selected;
use super::query::{named, position};
use super::resolver::{Context, Resolver};
use super::scope::{Of, Scope};
use super::{grouping, names};
use crate::model::expression::equality;
use crate::model::identifier::folded;
use crate::model::optimize::{filtered, settled};

impl Resolver<'_> {
    /// Resolves a SELECT with an ORDER BY. If it `is_sub_select`, its WHERE may use columns of the query around it.
    pub(super) fn select(
        &mut self,
        select: &Select,
        order: &[OrderByExpr],
        is_sub_select: bool,
    ) -> Result<Resolved> {
        check_clauses(select, is_sub_select && self.is_asked_for_rows())?;
        let from = self.from(&select.from)?;
        let scope = from.scope;
        let mut relation = from.relation;
        let conditions = self.in_where(is_sub_select, |resolver| {
            let condition = select.selection.as_ref();
            let context = Context::plain(&scope, "WHERE");
            condition
                .map(|condition| resolver.condition(condition, context))
                .transpose()
        })?;
        let is_of_around = |part: &Scalar| part.has(&|part| matches!(part.node, Node::Outer(_)));
        let (of_around, own): (Vec<_>, Vec<_>) = settled(conditions.into_iter().collect())
            .into_iter()
            .partition(is_of_around);
        if !scope.is_open() {
            relation = filtered(relation, own);
        }
        let mut outputs = Vec::new();
        let mut values = Vec::new();
        let mut is_open = false;
        for item in &select.projection {
            self.item(item, &scope, &mut outputs, &mut values, &mut is_open)?;
        }
        if is_open {
            // Positions and names in the other clauses may refer to columns that aren't known.
            return Ok(open(relation, outputs));
        }
        let keys = self.group_keys(&select.group_by, &scope, &outputs, &values)?;
        let selecting = |clause| Context {
            scope: &scope,
            clause,
            aggregates: true,
            windows: true,
        };
        let having = select.having.as_ref();
        let having = having.map(|having| {
            let context = Context {
                windows: false,
                ..selecting("HAVING")
            };
            self.condition(having, context)
        });
        let mut having = having.transpose()?;
        let mut order = order
            .iter()
            .map(|key| self.order_key(key, selecting("ORDER BY"), &outputs, &values))
            .collect::<Result<Vec<_>>>()?;
        let mut on = self.distinct_on(select, selecting("DISTINCT ON"), &outputs, &values)?;
        let is_distinct = matches!(select.distinct, Some(Distinct::Distinct));
        if is_distinct {
            for value in &values {
                self.check_equality(&value.kind, &[value], value.at)?;
            }
        }

        let has_aggregate =
            |scalar: &Scalar| scalar.has(&|part| matches!(part.node, Node::Aggregate(_)));
        let has_window = |scalar: &Scalar| scalar.has(&|part| matches!(part.node, Node::Window(_)));
        let in_order = order.iter().map(|key| &key.value).chain(&on);
        let is_grouped = !keys.is_empty()
            || having.is_some()
            || values.iter().chain(in_order).any(has_aggregate);
        for (output, value) in outputs.iter_mut().zip(&values) {
            output.kind = value.kind.clone();
            output.collation = value.collation.clone().of_column();
        }
        if scope.is_open() {
            // It isn't known which names are columns of FROM, and so what the rows are grouped and ordered by.
            return Ok(Resolved {
                relation: Relation::Project {
                    input: Box::new(relation),
                    columns: values,
                },
                columns: outputs,
                is_open: false,
            });
        }
        if !of_around.is_empty() {
            let clauses = [
                (!keys.is_empty(), "GROUP BY"),
                (having.is_some(), "HAVING"),
                (!on.is_empty(), "DISTINCT ON"),
                (values.iter().any(has_window), "a window function"),
            ];
            let clause = clauses.iter().find(|(there, _)| *there);
            let selected = Selected {
                rows: relation,
                is_distinct,
                is_aggregated: values.iter().any(has_aggregate),
                values,
                clause: clause.map(|(_, clause)| *clause),
            };
            return Ok(Resolved {
                relation: self.belonging(selected, of_around)?,
                columns: outputs,
                is_open: false,
            });
        }
        if is_grouped {
            let mut aggregates = Vec::new();
            let mut of_groups =
                |scalar: &Scalar| grouping::of_groups(scalar, &keys, &mut aggregates);
            values = values.iter().map(&mut of_groups).collect::<Result<_>>()?;
            for key in order.iter_mut().map(|key| &mut key.value).chain(&mut on) {
                *key = of_groups(key)?;
            }
            having = having.as_ref().map(&mut of_groups).transpose()?;
            relation = Relation::Aggregate {
                input: Box::new(relation),
                keys,
                aggregates,
            };
            relation = filtered(relation, having.into_iter().collect());
        }
        let mut windows = Vec::new();
        let width = relation.width();
        for value in values
            .iter_mut()
            .chain(order.iter_mut().map(|key| &mut key.value))
            .chain(&mut on)
        {
            *value = grouping::of_windows(value, width, &mut windows);
        }
        if !windows.is_empty() {
            relation = Relation::Window {
                input: Box::new(relation),
                windows,
            };
        }
        let relation = in_order_of(relation, values, order, is_distinct, &on)?;
        Ok(Resolved {
            relation,
            columns: outputs,
            is_open: false,
        })
    }

    fn item(
        &mut self,
        item: &SelectItem,
        scope: &Scope,
        outputs: &mut Vec<OutputColumn>,
        values: &mut Vec<Scalar>,
        is_open: &mut bool,
    ) -> Result<()> {
        let context = Context {
            scope,
            clause: "SELECT",
            aggregates: true,
            windows: true,
        };
        let mut add = |name: String, value: Scalar| {
            outputs.push(OutputColumn {
                name,
                kind: value.kind.clone(),
                collation: value.collation.clone(),
            });
            values.push(value);
        };
        match item {
            SelectItem::UnnamedExpr(expr) => add(names::of(expr), self.scalar(expr, context)?),
            SelectItem::ExprWithAlias { expr, alias } => {
                add(folded(alias), self.scalar(expr, context)?)
            }
            SelectItem::Wildcard(options) if is_bare(options) => {
                *is_open |= scope.tables.iter().any(|table| table.is_open);
                let at = place(item);
                for column in &scope.columns {
                    add(column.name.clone(), column.value.clone().at(at));
                }
            }
            SelectItem::QualifiedWildcard(
                SelectItemQualifiedWildcardKind::ObjectName(name),
                options,
            ) if is_bare(options) => {
                let parts = name.0.iter().map(|part| part.as_ident());
                let parts: Option<Vec<_>> = parts.collect();
                let found = match parts.as_deref() {
                    Some([table]) => scope.table(Of::Name(table))?,
                    Some([schema, name]) => {
                        let called = &self.place_called(schema, name);
                        scope.table(Of::Placed {
                            schema,
                            name,
                            called,
                        })?
                    }
                    _ => None,
                };
                let Some(found) = found else {
                    return Err(Refusal::of(item, "names no table of FROM"));
                };
                *is_open |= found.is_open;
                for column in &found.columns {
                    add(column.name.clone(), column.value.clone().at(place(item)));
                }
            }
            other => return Err(Refusal::of(other, "is not supported in SELECT")),
        }
        Ok(())
    }

    fn group_keys(
        &mut self,
        group_by: &GroupByExpr,
        scope: &Scope,
        outputs: &[OutputColumn],
        values: &[Scalar],
    ) -> Result<Vec<Scalar>> {
        let exprs = match group_by {
            GroupByExpr::Expressions(exprs, modifiers) if modifiers.is_empty() => exprs,
            other => return Err(Refusal::of(other, "is not supported")),
        };
        let mut keys: Vec<Scalar> = Vec::new();
        for expr in exprs {
            let context = Context::plain(scope, "GROUP BY");
            let output = match expr {
                // In GROUP BY, a column of FROM takes precedence over one of SELECT.
                Expr::Identifier(name) if scope.column(name)?.is_none() => {
                    named(outputs, &folded(name), expr)?
                }
                expr => position(expr, outputs.len())?,
            };
            let key = match output {
                Some(at) => values[at].clone(),
                None => self.scalar(expr, context)?,
            };
            if key.has(&|part| matches!(part.node, Node::Aggregate(_) | Node::Window(_))) {
                return Err(Refusal::of(
                    expr,
                    "is computed of groups, and cannot make them",
                ));
            }
            self.check_equality(&key.kind, &[&key], place(expr))?;
            if !keys.contains(&key) {
                keys.push(key);
            }
        }
        Ok(keys)
    }

    fn order_key(
        &mut self,
        key: &OrderByExpr,
        context: Context<'_>,
        outputs: &[OutputColumn],
        values: &[Scalar],
    ) -> Result<SortKey> {
        let value = self.output_or(&key.expr, context, outputs, values)?;
        self.sort_key(key, value)
    }

    /// The output column that a name or position means, or the value of any other expression.
    fn output_or(
        &mut self,
        expr: &Expr,
        context: Context<'_>,
        outputs: &[OutputColumn],
        values: &[Scalar],
    ) -> Result<Scalar> {
        let output = match expr {
            // In ORDER BY, a column of SELECT takes precedence over one of FROM.
            Expr::Identifier(name) => self.output(name, outputs, values, expr)?,
            expr => position(expr, outputs.len())?,
        };
        match output {
            Some(at) => Ok(values[at].clone()),
            None => self.scalar(expr, context),
        }
    }

    /// The values of DISTINCT ON: of the rows with equal values, the first is kept.
    fn distinct_on(
        &mut self,
        select: &Select,
        context: Context<'_>,
        outputs: &[OutputColumn],
        values: &[Scalar],
    ) -> Result<Vec<Scalar>> {
        let Some(Distinct::On(exprs)) = &select.distinct else {
            return Ok(Vec::new());
        };
        let mut on = Vec::new();
        for expr in exprs {
            let value = self.output_or(expr, context, outputs, values)?;
            self.check_equality(&value.kind, &[&value], place(expr))?;
            on.push(value);
        }
        Ok(on)
    }

    /// The output column with a name. If several have it and are the same, it is one of them.
    fn output(
        &self,
        name: &sqlparser::ast::Ident,
        outputs: &[OutputColumn],
        values: &[Scalar],
        expr: &Expr,
    ) -> Result<Option<usize>> {
        let name = folded(name);
        let mut found = (0..outputs.len()).filter(|&at| outputs[at].name == name);
        let first = found.next();
        match first {
            Some(first) if found.any(|at| values[at] != values[first]) => {
                Err(Refusal::of(expr, "is the name of several columns"))
            }
            first => Ok(first),
        }
    }
}

/// The outputs in an order, which may use columns that are not among them. With `on`, only the first row is kept of those with
/// equal values of `on`.
fn in_order_of(
    relation: Relation,
    mut values: Vec<Scalar>,
    order: Vec<SortKey>,
    is_distinct: bool,
    on: &[Scalar],
) -> Result<Relation> {
    let mut left: Vec<&Scalar> = on.iter().collect();
    for key in &order {
        left.retain(|value| **value != key.value);
        if !left.is_empty() && !on.contains(&key.value) {
            return Err(Refusal::at(
                key.value.at,
                "ORDER BY must begin with what DISTINCT ON names",
            ));
        }
    }
    let width = values.len();
    let columns = |values: &[Scalar]| -> Vec<Scalar> {
        let column = |(at, value): (usize, &Scalar)| {
            Scalar::column(at, value.kind.clone(), value.collation.clone())
        };
        values.iter().enumerate().map(column).collect()
    };
    let mut keys = Vec::new();
    for key in order {
        let found = values.iter().position(|value| *value == key.value);
        let at = match found {
            Some(at) => at,
            None if is_distinct => {
                return Err(Refusal::at(
                    key.value.at,
                    "ORDER BY must name what SELECT DISTINCT gives",
                ));
            }
            None => {
                values.push(key.value.clone());
                values.len() - 1
            }
        };
        let mut value = Scalar::column(at, key.value.kind.clone(), key.value.collation.clone());
        if value.kind == Type::Char {
            // A char(n) is ordered without the blanks at its end.
            value = super::coerce::cast(value, Type::Text);
        }
        keys.push(SortKey { value, ..key });
    }
    let outputs = columns(&values[..width]);
    let first_on = values.len();
    values.extend_from_slice(on);
    let has_hidden = values.len() > width;
    let alike = columns(&values).split_off(first_on);
    let mut relation = Relation::Project {
        input: Box::new(relation),
        columns: values,
    };
    if !alike.is_empty() {
        relation = first_of(relation, alike, &keys);
    }
    if is_distinct {
        relation = Relation::Distinct(Box::new(relation));
    }
    if !keys.is_empty() {
        relation = Relation::Sort {
            input: Box::new(relation),
            keys,
        };
    }
    Ok(match has_hidden {
        true => Relation::Project {
            input: Box::new(relation),
            columns: outputs,
        },
        false => relation,
    })
}

/// Keeps the first row, in an order, of those with equal values.
fn first_of(relation: Relation, alike: Vec<Scalar>, order: &[SortKey]) -> Relation {
    let number = Scalar::column(relation.width(), Type::BigInt, Derived::None);
    let window = Window {
        function: WindowFunction::RowNumber,
        argument: None,
        otherwise: None,
        filter: None,
        partition: alike,
        order: order.to_vec(),
        frame: Frame::WHOLE,
        kind: Type::BigInt,
    };
    Relation::Filter {
        condition: equality(number, Scalar::constant(Value::Integer(1), Type::BigInt)),
        input: Box::new(Relation::Window {
            input: Box::new(relation),
            windows: vec![window],
        }),
    }
}

/// The result for a SELECT whose columns only the database knows.
fn open(relation: Relation, columns: Vec<OutputColumn>) -> Resolved {
    Resolved {
        relation,
        columns,
        is_open: true,
    }
}

fn is_bare(options: &WildcardAdditionalOptions) -> bool {
    options.opt_ilike.is_none()
        && options.opt_exclude.is_none()
        && options.opt_except.is_none()
        && options.opt_replace.is_none()
        && options.opt_rename.is_none()
        && options.opt_alias.is_none()
}

/// Checks that a SELECT has only clauses that are accepted. It may have no columns if only its rows matter.
fn check_clauses(select: &Select, may_be_empty: bool) -> Result<()> {
    let refused = [
        (select.top.is_some(), "TOP"),
        (select.exclude.is_some(), "EXCLUDE"),
        (select.into.is_some(), "INTO"),
        (!select.lateral_views.is_empty(), "LATERAL VIEW"),
        (select.prewhere.is_some(), "PREWHERE"),
        (!select.connect_by.is_empty(), "CONNECT BY"),
        (!select.cluster_by.is_empty(), "CLUSTER BY"),
        (!select.distribute_by.is_empty(), "DISTRIBUTE BY"),
        (!select.sort_by.is_empty(), "SORT BY"),
        (!select.named_window.is_empty(), "WINDOW"),
        (select.qualify.is_some(), "QUALIFY"),
        (select.value_table_mode.is_some(), "SELECT AS"),
        (select.select_modifiers.is_some(), "a modifier of SELECT"),
        (
            select.flavor != SelectFlavor::Standard,
            "FROM before SELECT",
        ),
        (
            select.projection.is_empty() && !may_be_empty,
            "SELECT of no column",
        ),
    ];
    match refused.iter().find(|(there, _)| *there) {
        Some((_, clause)) => Err(Refusal::at(
            place(select),
            format!("`{clause}` is not supported"),
        )),
        None => Ok(()),
    }
}
