//! Resolves window functions.

use sqlparser::ast::{Expr, WindowFrameBound, WindowFrameUnits, WindowSpec, WindowType};

use super::super::refusal::{Refusal, Result, place, place_of};
use super::super::tree::{
    AggregateFunction, Bound, Derived, Frame, FrameUnit, Node, Scalar, SortKey, Window,
    WindowFunction,
};
use super::super::types::Type;
use super::aggregate::is_aggregate;
use super::arguments::Arguments;
use super::coerce::cast;
use super::resolver::{Context, Resolver};

impl Resolver<'_> {
    pub(super) fn window(
        &mut self,
        expr: &Expr,
        name: &str,
        arguments: &Arguments<'_>,
        filter: Option<&Expr>,
        over: &WindowType,
        context: Context<'_>,
    ) -> Result<Scalar> {
        if !context.windows {
            return Err(Refusal::of(
                expr,
                format!("is a window function, which {} cannot have", context.clause),
            ));
        }
        let refused = || {
            Refusal::of(
                expr,
                "is not on the list of what is known to give the same as in Postgres",
            )
        };
        let WindowType::WindowSpec(spec) = over else {
            return Err(Refusal::of(expr, "names a window: write it after OVER"));
        };
        let inside = Context {
            clause: "a window",
            windows: false,
            ..context
        };
        let (partition, order) = self.window_order(spec, inside)?;
        let frame = frame(spec, order.is_empty()).ok_or_else(|| {
            Refusal::of(
                expr,
                "has a frame that is not on the list: ROWS or GROUPS between two bounds, or RANGE between UNBOUNDED and \
                 CURRENT ROW",
            )
        })?;
        if arguments.is_distinct {
            return Err(refused());
        }
        let number = |at: usize| match arguments.values.get(at) {
            Some(Expr::Value(value)) => value
                .value
                .to_string()
                .parse::<i64>()
                .ok()
                .filter(|number| *number < i64::from(i32::MAX)),
            _ => None,
        };
        let count = arguments.values.len();
        let mut window = Window {
            function: WindowFunction::RowNumber,
            argument: None,
            otherwise: None,
            filter: None,
            partition,
            order,
            frame,
            kind: Type::BigInt,
        };
        let mut collation = Derived::None;
        match (name, count) {
            _ if arguments.is_star && name != "count" => return Err(refused()),
            (
                "row_number" | "rank" | "dense_rank" | "percent_rank" | "cume_dist" | "ntile"
                | "lag" | "lead" | "first_value" | "last_value" | "nth_value",
                _,
            ) if filter.is_some() => {
                return Err(refused());
            }
            ("row_number", 0) => {}
            ("rank", 0) => window.function = WindowFunction::Rank,
            ("dense_rank", 0) => window.function = WindowFunction::DenseRank,
            ("percent_rank", 0) => {
                window.function = WindowFunction::PercentRank;
                window.kind = Type::Double;
            }
            ("cume_dist", 0) => {
                window.function = WindowFunction::CumeDist;
                window.kind = Type::Double;
            }
            ("ntile", 1) => {
                window.function =
                    WindowFunction::Tile(number(0).filter(|parts| *parts > 0).ok_or_else(refused)?);
                window.kind = Type::Integer;
            }
            ("lag" | "lead" | "first_value" | "last_value" | "nth_value", 1..=3) => {
                let argument = self.scalar(arguments.values[0], inside)?;
                let argument = match argument.kind {
                    Type::Unknown => self.cast_implicitly(argument, &Type::Text)?,
                    _ => argument,
                };
                let step = if count > 1 {
                    number(1).ok_or_else(refused)?
                } else {
                    1
                };
                window.function = match (name, count) {
                    ("lag", _) => WindowFunction::Lag(step),
                    ("lead", _) => WindowFunction::Lag(-step),
                    ("first_value", 1) => WindowFunction::First,
                    ("last_value", 1) => WindowFunction::Last,
                    ("nth_value", 2) if step > 0 => WindowFunction::Nth(step),
                    _ => return Err(refused()),
                };
                if let Some(otherwise) = arguments.values.get(2) {
                    let otherwise = self.scalar(otherwise, inside)?;
                    // Postgres would bring both to one type, if they have different ones.
                    if ![&argument.kind, &Type::Unknown, &Type::Any].contains(&&otherwise.kind)
                        && argument.kind != Type::Any
                    {
                        return Err(Refusal::of(
                            expr,
                            format!(
                                "has a default of {} for {}: cast it",
                                otherwise.kind, argument.kind
                            ),
                        ));
                    }
                    let otherwise = self.cast_implicitly(otherwise, &argument.kind)?;
                    let (kind, of) = (&argument.kind, &otherwise.kind);
                    if of != kind
                        && *kind != Type::Any
                        && (of.scale() != kind.scale() || kind.scale().is_none())
                    {
                        return Err(Refusal::of(expr, "has a default of another scale: cast it"));
                    }
                    window.kind = otherwise.kind.clone();
                    window.otherwise = Some(otherwise);
                } else {
                    window.kind = argument.kind.clone();
                }
                collation = argument.collation.clone();
                window.argument = Some(argument);
            }
            _ if !is_aggregate(name) => return Err(refused()),
            _ => {
                let (aggregate, of) = self.aggregate(expr, name, arguments, filter, inside)?;
                let argument = aggregate.argument.as_ref().map(|argument| &argument.kind);
                let is_sum = matches!(
                    aggregate.function,
                    AggregateFunction::Sum | AggregateFunction::Mean
                );
                if is_sum
                    && matches!(argument, Some(Type::Real | Type::Double))
                    && !is_narrow(frame)
                {
                    return Err(Refusal::of(
                        expr,
                        format!(
                            "adds up floats, whose sum depends on their order, over frames that begin with another \
                             row each time and may have more than {MOST_ROWS} rows"
                        ),
                    ));
                }
                window.function = WindowFunction::Aggregate(aggregate.function);
                window.kind = aggregate.kind;
                window.argument = aggregate.argument;
                window.filter = aggregate.filter;
                collation = of;
            }
        }
        Ok(Scalar {
            kind: window.kind.clone(),
            node: Node::Window(Box::new(window)),
            collation,
            at: place(expr),
        })
    }

    fn window_order(
        &mut self,
        spec: &WindowSpec,
        inside: Context<'_>,
    ) -> Result<(Vec<Scalar>, Vec<SortKey>)> {
        if let Some(name) = &spec.window_name {
            return Err(Refusal::at(
                place_of(name),
                format!("`{name}` names a window: write it after OVER"),
            ));
        }
        let mut partition = Vec::new();
        for expr in &spec.partition_by {
            let key = self.scalar(expr, inside)?;
            self.check_equality(&key.kind, &[&key], place(expr))?;
            partition.push(key);
        }
        let mut order = Vec::new();
        for key in &spec.order_by {
            let value = self.scalar(&key.expr, inside)?;
            let mut key = self.sort_key(key, value)?;
            if key.value.kind == Type::Char {
                key.value = cast(key.value, Type::Text);
            }
            order.push(key);
        }
        Ok((partition, order))
    }
}

/// How many rows a frame may have whose floats are added up again for each row.
const MOST_ROWS: i64 = 1000;

/// Resolves the frame of a window; `None` if it is not on the list.
fn frame(spec: &WindowSpec, is_unordered: bool) -> Option<Frame> {
    let Some(frame) = &spec.window_frame else {
        return Some(match is_unordered {
            true => Frame::WHOLE,
            false => Frame::TO_PEERS,
        });
    };
    let (start, end) = (&frame.start_bound, frame.end_bound.as_ref());
    let end = end.unwrap_or(&WindowFrameBound::CurrentRow);
    let is_offset = |bound: &WindowFrameBound| {
        let (WindowFrameBound::Preceding(rows) | WindowFrameBound::Following(rows)) = bound else {
            return false;
        };
        rows.is_some()
    };
    let is_taken = match frame.units {
        WindowFrameUnits::Rows => true,
        WindowFrameUnits::Range => !is_offset(start) && !is_offset(end),
        WindowFrameUnits::Groups => !is_unordered,
    };
    // As in Postgres, a frame must not end on an earlier side of its row than it begins on.
    let is_ordered = side(start) <= side(end)
        && !matches!(start, WindowFrameBound::Following(None))
        && !matches!(end, WindowFrameBound::Preceding(None));
    (is_taken && is_ordered).then_some(Frame {
        unit: match frame.units {
            WindowFrameUnits::Rows => FrameUnit::Rows,
            WindowFrameUnits::Range | WindowFrameUnits::Groups => FrameUnit::Peers,
        },
        start: bound(start)?,
        end: bound(end)?,
    })
}

/// Resolves a bound of a frame; `None` if its number is not a literal.
fn bound(bound: &WindowFrameBound) -> Option<Bound> {
    let number = |expr: &Expr| match expr {
        Expr::Value(value) => value.value.to_string().parse::<i64>().ok(),
        _ => None,
    };
    Some(match bound {
        WindowFrameBound::CurrentRow => Bound::At(0),
        WindowFrameBound::Preceding(Some(units)) => Bound::At(-number(units)?),
        WindowFrameBound::Following(Some(units)) => Bound::At(number(units)?),
        WindowFrameBound::Preceding(None) | WindowFrameBound::Following(None) => Bound::Unbounded,
    })
}

/// The side of the row on which a frame's bound lies.
fn side(bound: &WindowFrameBound) -> i8 {
    match bound {
        WindowFrameBound::Preceding(_) => -1,
        WindowFrameBound::CurrentRow => 0,
        WindowFrameBound::Following(_) => 1,
    }
}

/// Whether at most [`MOST_ROWS`] rows are added up again for each row.
fn is_narrow(frame: Frame) -> bool {
    match (frame.unit, frame.start, frame.end) {
        // Such a sum goes on from one row to the next.
        (_, Bound::Unbounded, _) => true,
        (FrameUnit::Rows, Bound::At(start), Bound::At(end)) => {
            end.saturating_sub(start) < MOST_ROWS
        }
        _ => false,
    }
}
