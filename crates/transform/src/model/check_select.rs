//! Turns checks that are SELECTs into models of their own. They run like any model, and must give no row.

use dataset::{Check, Dataset, Model, Rule};

/// The dataset with each check that is a SELECT as a model before the model that it checks; `None` if there is no such check.
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

/// Makes a model of a check. It reads the output of the model that it checks as any model may.
fn of_check(checked: &Model, check: Check, number: usize) -> Model {
    let (sql, file) = match &check.rule {
        Rule::NoRow { sql, file } => (sql.clone(), file.clone()),
        _ => Default::default(),
    };
    Model {
        name: format!("check-{number}-of-{}", checked.name),
        sql,
        file,
        checks: vec![check],
        checked_model: Some(checked.name.clone()),
        ..Model::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::model;

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
        assert_eq!(apart.models[1].sql, "SELECT x FROM t");
        assert!(apart.models[2].checks.is_empty());
    }
}
