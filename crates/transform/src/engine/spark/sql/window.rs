//! Writes window functions as Spark's SQL.

use super::group::aggregated;
use super::scope::{Scope, spark_type};
use super::writer::{Writer, direction, listed, names};
use crate::model::refusal::{Refusal, Result};
use crate::model::tree::{Bound, Frame, FrameUnit, Node, Place, Relation, Window, WindowFunction};

impl Writer<'_> {
    /// The columns are those of the input, followed by one for each window function.
    pub(super) fn windowed(&mut self, input: &Relation, windows: &[Window]) -> Result<String> {
        let alias = self.alias();
        let width = input.width();
        let scope = Scope::of(&alias, width);
        let from = self.relation(input)?;
        let parts: Vec<_> = windows.iter().flat_map(Window::parts).collect();
        let (joins, scope) = self.looked_up(&parts, scope)?;
        let mut columns = names(&alias, width);
        for (at, window) in windows.iter().enumerate() {
            let value = self.window(window, &scope, &alias, width)?;
            columns.push(format!("{value} AS c{}", width + at));
        }
        Ok(format!(
            "SELECT {} FROM (\n{from}\n) AS {alias}{joins}",
            listed(columns)
        ))
    }

    fn window(
        &mut self,
        window: &Window,
        scope: &Scope,
        alias: &str,
        width: usize,
    ) -> Result<String> {
        let at = window
            .argument
            .as_ref()
            .map_or(Place::default(), |of| of.at);
        let refused = |why: &str| Err(Refusal::at(at, why));
        let mut argument = match &window.argument {
            None => None,
            Some(argument) => Some(self.scalar(argument, scope)?),
        };
        let filter = match &window.filter {
            None => None,
            Some(filter) => Some(self.scalar(filter, scope)?),
        };
        // Spark's window functions have no FILTER, but aggregates skip NULL.
        if let Some(filter) = filter {
            let value = argument.unwrap_or_else(|| "1".to_owned());
            argument = Some(format!("CASE WHEN {filter} THEN {value} END"));
        }
        let value = argument.as_deref().unwrap_or("*");
        let mut frame = None;
        let call = match window.function {
            WindowFunction::RowNumber => "row_number()".to_owned(),
            WindowFunction::Rank => "rank()".to_owned(),
            WindowFunction::DenseRank => "dense_rank()".to_owned(),
            WindowFunction::PercentRank => "percent_rank()".to_owned(),
            WindowFunction::CumeDist => "cume_dist()".to_owned(),
            WindowFunction::Tile(parts) => match i32::try_from(parts) {
                Ok(parts) => format!("ntile({parts})"),
                Err(_) => return refused("NTILE takes fewer parts in Spark"),
            },
            WindowFunction::Lag(step) => {
                let otherwise = match &window.otherwise {
                    None => "NULL".to_owned(),
                    Some(otherwise) if matches!(otherwise.node, Node::Constant(_)) => {
                        self.scalar(otherwise, scope)?
                    }
                    Some(_) => {
                        return refused(
                            "LAG and LEAD take only a constant as their default in Spark",
                        );
                    }
                };
                match i32::try_from(step) {
                    Ok(step) if step >= 0 => format!("lag({value}, {step}, {otherwise})"),
                    Ok(step) if step > i32::MIN => format!("lead({value}, {}, {otherwise})", -step),
                    _ => return refused("LAG and LEAD take smaller steps in Spark"),
                }
            }
            WindowFunction::First => {
                frame = Some(window.frame);
                format!("first_value({value})")
            }
            WindowFunction::Last => {
                frame = Some(window.frame);
                format!("last_value({value})")
            }
            WindowFunction::Nth(place) => {
                frame = Some(window.frame);
                match i32::try_from(place) {
                    Ok(place) if place > 0 => format!("nth_value({value}, {place})"),
                    _ => return refused("NTH_VALUE takes a smaller place in Spark"),
                }
            }
            WindowFunction::Aggregate(function) => {
                frame = Some(window.frame);
                aggregated(function, window.argument.as_ref(), "", value)?
            }
        };
        let mut over = Vec::new();
        let partition = self.scalars(&window.partition, scope)?;
        if !partition.is_empty() {
            over.push(format!("PARTITION BY {}", partition.join(", ")));
        }
        let mut order = Vec::new();
        for key in &window.order {
            let value = self.scalar(&key.value, scope)?;
            order.push(value + direction(key.descending, key.nulls_first));
        }
        let by_rows = match window.function {
            WindowFunction::RowNumber | WindowFunction::Tile(_) | WindowFunction::Lag(_) => true,
            WindowFunction::Rank
            | WindowFunction::DenseRank
            | WindowFunction::PercentRank
            | WindowFunction::CumeDist => false,
            _ => window.frame.unit == FrameUnit::Rows && window.frame != Frame::WHOLE,
        };
        let picks = matches!(
            window.function,
            WindowFunction::First | WindowFunction::Last | WindowFunction::Nth(_)
        );
        if by_rows || picks && window.frame == Frame::WHOLE {
            // All columns are added to the order, so that rows which the order doesn't tell apart come in the same order in each
            // run.
            order.extend((0..width).map(|at| format!("{alias}.c{at} NULLS LAST")));
        }
        if order.is_empty() && frame.is_none() {
            order.push("CAST(NULL AS INT)".to_owned());
        }
        if !order.is_empty() {
            over.push(format!("ORDER BY {}", order.join(", ")));
        }
        if let Some(frame) = frame {
            over.push(bounds(frame, !window.order.is_empty()).ok_or_else(|| {
                Refusal::at(
                    at,
                    "GROUPS is a frame that Spark doesn't have: write ROWS or RANGE",
                )
            })?);
        }
        let kind = spark_type(&window.kind, at)?;
        Ok(format!("CAST({call} OVER ({}) AS {kind})", over.join(" ")))
    }
}

/// Writes the frame of a window function; `None` if Spark has no such frame.
fn bounds(frame: Frame, is_ordered: bool) -> Option<String> {
    let unit = match frame.unit {
        FrameUnit::Rows => "ROWS",
        FrameUnit::Peers if !is_ordered => {
            // Without an order, all rows are peers.
            return Some("ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING".to_owned());
        }
        FrameUnit::Peers => "RANGE",
    };
    let bound = |bound: Bound, begins: bool| {
        Some(match bound {
            Bound::Unbounded if begins => "UNBOUNDED PRECEDING".to_owned(),
            Bound::Unbounded => "UNBOUNDED FOLLOWING".to_owned(),
            Bound::At(0) => "CURRENT ROW".to_owned(),
            Bound::At(_) if unit == "RANGE" => return None,
            Bound::At(rows) if i32::try_from(rows).is_err() => return None,
            Bound::At(rows) if rows < 0 => format!("{} PRECEDING", -rows),
            Bound::At(rows) => format!("{rows} FOLLOWING"),
        })
    };
    Some(format!(
        "{unit} BETWEEN {} AND {}",
        bound(frame.start, true)?,
        bound(frame.end, false)?
    ))
}
