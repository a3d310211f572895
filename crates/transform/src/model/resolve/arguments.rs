//! The arguments of a call, as written.

use sqlparser::ast::{
    DuplicateTreatment, Expr, Function as SqlFunction, FunctionArg, FunctionArgExpr,
    FunctionArguments,
};

/// The arguments of a call.
pub(super) struct Arguments<'e> {
    pub(super) values: Vec<&'e Expr>,
    pub(super) is_star: bool,
    pub(super) is_distinct: bool,
}

impl<'e> Arguments<'e> {
    /// The arguments of a function; `None` if they are more than plain values.
    pub(super) fn of(function: &'e SqlFunction) -> Option<Self> {
        if !matches!(function.parameters, FunctionArguments::None) {
            return None;
        }
        let FunctionArguments::List(list) = &function.args else {
            return None;
        };
        if !list.clauses.is_empty() {
            return None;
        }
        let mut arguments = Self {
            values: Vec::new(),
            is_star: false,
            is_distinct: matches!(list.duplicate_treatment, Some(DuplicateTreatment::Distinct)),
        };
        for argument in &list.args {
            match argument {
                FunctionArg::Unnamed(FunctionArgExpr::Expr(expr)) => arguments.values.push(expr),
                FunctionArg::Unnamed(FunctionArgExpr::Wildcard) if list.args.len() == 1 => {
                    arguments.is_star = true
                }
                _ => return None,
            }
        }
        Some(arguments)
    }
}
