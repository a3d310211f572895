//! Models that read other models, and in which order.
//!
//! A model that is read is resolved as if a WITH defined it: its SELECT becomes a part of the one that reads it. So all of it is
//! typed, checked, pruned and run as Postgres would run that, and nothing of it is kept between models.

use std::sync::Arc;

use dataset::Dataset;
use dataset::failure::Kind;

use crate::model::refusal::error_at;
use crate::model::select::Select;

/// Parses the SELECTs of a dataset's models with `parse`, and finds the models that each reads.
///
/// # Errors
/// Any error of `parse`; [`Kind::Usage`] for models that read each other in a circle.
pub(crate) fn all<'a>(
    dataset: &'a Dataset,
    parse: impl Fn(&'a dataset::Model) -> anyhow::Result<Select<'a>>,
) -> anyhow::Result<Vec<Select<'a>>> {
    let selects = dataset.models.iter().map(parse);
    let mut selects: Vec<_> = selects.collect::<anyhow::Result<_>>()?;
    let models = || dataset.models.iter().chain(&dataset.beside);
    let is_read =
        |select: &Select<'_>| models().any(|model| select.names_model(&model.name) != Some(false));
    if selects.iter().any(is_read) {
        let mut known = Known {
            selects: models().map(Select::lenient).collect(),
            read: Vec::new(),
            way: Vec::new(),
        };
        known.read.resize_with(known.selects.len(), || None);
        for select in &mut selects {
            let read = known.read_by(select)?;
            select.read(read)?;
        }
    }
    for select in &selects {
        let driving = select.model.driving.iter().map(|driving| &driving.table);
        let mut of_models = driving.filter(|table| {
            dataset.table(table).is_none()
                && **table != select.model.name
                && models().any(|model| model.name == **table)
        });
        if let Some(table) = of_models.next() {
            return Err(Kind::Usage.error(format!(
                "dataset.toml, model `{}`: `reconcile.table` names `{table}`, which is a model: name the table whose rows are \
                 counted",
                select.model.name
            )));
        }
    }
    Ok(selects)
}

/// The models of a dataset, while it is being found out which reads which.
struct Known<'a> {
    selects: Vec<Select<'a>>,
    /// The models for which everything that they read is known.
    read: Vec<Option<Arc<Select<'a>>>>,
    /// The positions of the models that lead to the current one.
    way: Vec<usize>,
}

impl<'a> Known<'a> {
    /// The models that one reads, each after those that it reads itself.
    fn read_by(&mut self, select: &Select<'a>) -> anyhow::Result<Vec<Arc<Select<'a>>>> {
        let at = self.selects.iter();
        let own = at
            .enumerate()
            .find(|(_, of)| of.model.name == select.model.name);
        let own = own.map(|(at, _)| at);
        self.way.extend(own);
        let mut all: Vec<Arc<Select<'a>>> = Vec::new();
        for at in 0..self.selects.len() {
            let is_sure = match select.names_model(&self.selects[at].model.name) {
                Some(false) => continue,
                named => named == Some(true),
            };
            if let Some(begins) = self.way.iter().position(|on_way| *on_way == at) {
                match is_sure {
                    true => return Err(self.circle(begins)),
                    // If it is left to Postgres, Postgres tells what it reads.
                    false => continue,
                }
            }
            let read = self.complete(at)?;
            for of in read.models.iter().chain([&read]) {
                if !all.iter().any(|other| other.model.name == of.model.name) {
                    all.push(of.clone());
                }
            }
        }
        if own.is_some() {
            self.way.pop();
        }
        Ok(all)
    }

    /// The model at a position, with what it reads.
    fn complete(&mut self, at: usize) -> anyhow::Result<Arc<Select<'a>>> {
        if let Some(read) = &self.read[at] {
            return Ok(read.clone());
        }
        let mut select = Select::read_by_others(self.selects[at].model);
        let models = self.read_by(&select)?;
        select.read(models)?;
        let read = Arc::new(select);
        self.read[at] = Some(read.clone());
        Ok(read)
    }

    fn circle(&self, begins: usize) -> anyhow::Error {
        let circle: Vec<_> = self.way[begins..]
            .iter()
            .map(|at| self.selects[*at].model)
            .collect();
        let next = circle.iter().cycle().skip(1);
        let reads = circle.iter().zip(next);
        let reads: Vec<_> = reads
            .map(|(one, other)| format!("`{}` reads `{}`", one.name, other.name))
            .collect();
        error_at(
            circle[0],
            &circle[0].file,
            &format!(
                "{}: models cannot read each other in a circle; take one of these out of its FROM, or put what both \
                 need into a model of its own",
                reads.join(", and ")
            ),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use testkit::model;

    fn dataset(models: &[(&str, &str)]) -> Dataset {
        Dataset {
            name: "d".to_owned(),
            models: models.iter().map(|(name, sql)| model(name, sql)).collect(),
            ..Dataset::default()
        }
    }

    fn reads(models: &[(&str, &str)]) -> anyhow::Result<Vec<String>> {
        let dataset = dataset(models);
        let selects = all(&dataset, Select::of)?;
        let read = selects.iter().map(|select| {
            let names = select.models.iter().map(|of| of.model.name.as_str());
            names.collect::<Vec<_>>().join(" ")
        });
        Ok(read.collect())
    }

    #[test]
    fn models_are_read_behind_those_that_they_read() {
        let read = reads(&[
            ("d", "SELECT a FROM c JOIN b USING (a)"),
            ("c", "SELECT a FROM b"),
            ("b", "SELECT a FROM t"),
            // A model's own name means a table, and a name that WITH defines is not a model.
            ("t", "WITH b AS (SELECT a FROM t) SELECT a FROM b"),
            ("e", "SELECT a FROM s.b"),
        ]);
        assert_eq!(read.expect("no circle"), ["t b c", "t b", "t", "", ""]);
    }

    #[test]
    fn models_that_read_each_other_are_named_with_the_way_out() {
        let error = reads(&[
            ("x", "SELECT a FROM a"),
            ("a", "SELECT a FROM b"),
            ("b", "SELECT a FROM t JOIN c USING (a)"),
            ("c", "SELECT a FROM a"),
        ]);
        let error = format!("{:#}", error.expect_err("a circle"));
        for part in [
            "`a` reads `b`, and `b` reads `c`, and `c` reads `a`",
            "model of its own",
        ] {
            assert!(error.contains(part), "{error}");
        }
        // A model that cannot be parsed may contain another model's name for other reasons.
        let read = reads(&[("a", "SELECT a FROM b"), ("b", "SELECT 'a' FRM t")]);
        assert!(read.is_err(), "not parsed");
    }
}
