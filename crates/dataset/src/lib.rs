//! The description of a dataset: tables with their keys, models with their outputs, and the SQL that creates them.
//!
//! A dataset is a folder with `dataset.toml`, `schema.sql`, `constraints.sql` and the models. The built-in datasets
//! are in `sql/` and are embedded in the binary; any other is read from a folder of the user's.

pub mod calendar;
pub mod cell_rules;
mod chart;
mod checks;
mod column;
mod dataset;
mod description;
pub mod encoding;
pub mod failure;
pub mod load_rules;
mod load_section;
mod model;
mod nearest;
mod output_check;
mod parameter;
mod place;
pub mod reference;
mod twice;

pub use chart::{Chart, ChartKind};
pub use column::{
    Collation, Column, ColumnType, LONGEST_NAME_BYTES, Letters, MAX_PRECISION, TableSchema,
    TextKind, TextTraits,
};
pub use dataset::{Dataset, RowsRead, Table};
pub use model::{Driving, Model, is_model_name, is_of_model_name};
pub use nearest::{did_you_mean, nearest};
pub use output_check::{Check, RowCount, Rule};
pub use parameter::{Parameter, Parameters};
pub use place::Place;

#[cfg(test)]
mod tests {
    use std::fs;

    use super::failure::Kind;
    use super::model::DESCRIPTION;
    use super::*;

    fn described(toml: &str) -> anyhow::Result<Dataset> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join(DESCRIPTION), toml).expect("written");
        fs::write(folder.path().join("m.sql"), "SELECT 1 AS a").expect("written");
        Dataset::open(folder.path().to_str().expect("UTF-8"))
    }

    #[test]
    fn every_dataset_built_in_opens_and_bears_its_folders_name() {
        let names: Vec<_> = Dataset::built_in().collect();
        assert!(names.contains(&"cards"), "{names:?}");
        for name in names {
            let dataset = Dataset::open(name).expect(name);
            assert_eq!(dataset.name, name);
            assert!(!dataset.schema_sql.is_empty());
        }
    }

    #[test]
    fn movimento_flat_has_its_eleven_columns_in_order() {
        let cards = Dataset::open("cards").expect("cards");
        let model = &cards.models[0];
        let visible: Vec<_> = model
            .visible_columns()
            .map(|(name, _)| name.as_str())
            .collect();
        assert_eq!(
            visible,
            [
                "nome_associado",
                "sobrenome_associado",
                "idade_associado",
                "vlr_transacao_movimento",
                "des_transacao_movimento",
                "data_movimento",
                "numero_cartao",
                "nome_impresso_cartao",
                "data_criacao_cartao",
                "tipo_conta",
                "data_criacao_conta",
            ]
        );
    }

    #[test]
    fn a_dataset_that_contradicts_itself_is_refused_with_its_entry_named() {
        let model = "[[model]]\nname = \"m\"\nfile = \"m.sql\"\n";
        let cases = [
            ("name = 1", "not valid"),
            ("name = \"..\"\ntable = []", "`..` cannot be the name"),
            (
                "name = \"x\"\n[[table]]\nname = \"a/b\"\nkey = []",
                "`a/b` cannot be the name",
            ),
            ("name = \"x\"\ntable = []\nfoo = 1", "unknown field"),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{model}hidden = [\"b\"]\n[model.columns]\na = \"integer\""
                ),
                "`not_written` names `b`",
            ),
            (
                &format!("name = \"x\"\ntable = []\n{model}[model.columns]\na = \"money\""),
                "`money` is not a type",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{model}hidden = [\"a\"]\n[model.columns]\na = \"integer\""
                ),
                "no column is left",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{}[model.columns]\na = \"integer\"",
                    model.replace("\"m\"", "\"../m\"")
                ),
                "ASCII letters",
            ),
            (
                &format!(
                    "name = \"x\"\ntable = []\n{}",
                    model.replace("m.sql", "n.sql")
                )
                .replace("\n\n", "\n"),
                "",
            ),
        ];
        for (toml, expected) in cases {
            let error = described(toml).expect_err(toml);
            assert_eq!(
                failure::Failure::kind_of(&error),
                Some(Kind::Usage),
                "{error:#}"
            );
            assert!(
                format!("{error:#}").contains(expected),
                "{error:#} lacks {expected}"
            );
        }
    }

    #[test]
    fn a_parameter_means_one_thing_in_all_models_and_is_chosen_in_all() {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            fs::write(folder.path().join(name), text).expect("written");
        };
        let opened = |default: &str| {
            let model = |name: &str, default: &str| {
                format!(
                    "[[model]]\nname = \"{name}\"\nfile = \"m.sql\"\nparameters.n = {{ type = \"integer\", default = {default} }}\n"
                )
            };
            write(
                DESCRIPTION,
                &format!("name = \"x\"\n{}{}", model("a", "1"), model("b", default)),
            );
            Dataset::open(folder.path().to_str().expect("UTF-8"))
        };
        write("m.sql", "SELECT :n AS a");
        let error = opened("2").expect_err("two defaults");
        let error = format!("{error:#}");
        assert!(
            error.contains(
                "line 7, model `b`: parameter `n` has another type or default than in model `a`"
            ),
            "{error}"
        );
        let mut dataset = opened("1").expect("one default");
        dataset.keep_models(&["a".to_owned()]).expect("a model");
        dataset
            .set_parameters(&[("n".to_owned(), "7".to_owned())])
            .expect("a value");
        assert_eq!(dataset.models[0].sql, "SELECT 7 AS a");
        assert_eq!(
            dataset.beside[0].sql, "SELECT 7 AS a",
            "which others may read"
        );
    }

    #[test]
    fn all_that_is_wrong_is_told_at_once_each_with_its_line() {
        let toml = "name = \"x\"\n[[table]]\nname = \"a/b\"\n\n[[table]]\nname = \"t\"\ncarry_as = { v = \"bigint\" }\n\
                    [[model]]\nname = \"m\"\nfile = \"m.sql\"\nnot_written = [\"aa\"]\norder_by = [\"b\"]\n\
                    [model.columns]\na = \"integer\"\n\n[[model]]\nname = \"n\"\nfile = \"none.sql\"\n\
                    [[model]]\nname = \"t\"\nfile = \"m.sql\"\n";
        let error = format!("{:#}", described(toml).expect_err("refused"));
        for part in [
            "dataset.toml, line 3, table `a/b`: `a/b` cannot be",
            "dataset.toml, line 6, table `t`: carry_as: column `v` is given bigint",
            "dataset.toml, line 9, model `m`: `not_written` names `aa`, which is not one of its columns; did you mean `a`?",
            "dataset.toml, line 9, model `m`: `order_by` names `b`, which is not one of its columns\n",
            "dataset.toml, line 17, model `n`: its file none.sql is missing",
            "dataset.toml, line 20, model `t`: `t` is named twice",
        ] {
            assert!(error.contains(part), "{part}: {error}");
        }
        assert_eq!(error.lines().count(), 6, "{error}");
    }

    #[test]
    fn a_table_of_another_schema_is_called_by_it() {
        let toml = "name = \"x\"\nschema = \"sales\"\n[[table]]\nname = \"orders\"\n\n\
                    [[table]]\nname = \"orders\"\nschema = \"archive\"\n\n\
                    [[table]]\nname = \"client\"\nschema = \"sales\"\n\n\
                    [[model]]\nname = \"m\"\nfile = \"m.sql\"\n[model.reconcile]\ntable = \"archive.orders\"\n\
                    key = { id = \"id\" }\n";
        let mut dataset = described(toml).expect("described");
        let names = |dataset: &Dataset| -> Vec<String> {
            let tables = dataset.tables.iter().map(|table| table.name.clone());
            let driving = dataset.models[0].driving.iter();
            tables.chain(driving.map(|of| of.table.clone())).collect()
        };
        let in_sales = ["orders", "archive.orders", "client", "archive.orders"];
        assert_eq!(names(&dataset), in_sales);
        assert!(!dataset.is_in_schema("sales"));
        dataset.in_schema("old");
        assert!(dataset.is_in_schema("old"));
        let in_old = ["orders", "archive.orders", "sales.client", "archive.orders"];
        assert_eq!(names(&dataset), in_old);
        dataset.check_tables().expect("all different");
        dataset.in_schema("archive");
        let in_archive = ["orders", "orders", "sales.client", "orders"];
        assert_eq!(names(&dataset), in_archive);
        let error = dataset.check_tables().expect_err("one table twice");
        assert!(error.to_string().contains("`orders`"), "{error}");
        dataset.in_schema("sales");
        assert_eq!(names(&dataset), in_sales);

        let twice = toml.replace(
            "name = \"client\"\nschema = \"sales\"",
            "name = \"orders\"\nschema = \"archive\"",
        );
        let error = format!("{:#}", described(&twice).expect_err("named twice"));
        assert!(error.contains("line 11, table `archive.orders`"), "{error}");
    }

    #[test]
    fn an_unknown_dataset_names_those_that_exist() {
        let error = Dataset::open("nothing-here").expect_err("refused");
        assert!(error.to_string().contains("cards"), "{error}");
    }

    const ONE_MODEL: &str = "name = \"d\"\n[[table]]\nname = \"t\"\nkey = [\"id\"]\n CARRIED
        [[model]]\nname = \"m\"\nfile = \"m.sql\"\n[model.columns]\n";

    #[test]
    fn a_column_is_carried_as_a_numeric_or_as_its_text() {
        let carried =
            |entry: &str| described(&(ONE_MODEL.replace("CARRIED", entry) + "a = \"text\""));
        let dataset = carried("carry_as = { v = \"numeric(20,4)\" }").expect("read");
        let (precision, scale) = (20, 4);
        let expected = ColumnType::Numeric { precision, scale };
        assert_eq!(dataset.tables[0].carry_as["v"], expected);
        for (entry, part) in [
            (
                "carry_as = { v = \"bigint\" }",
                "bigint, but only a numeric(p,s)",
            ),
            ("carry_as = { v = \"numeric(0,0)\" }", "only a numeric(p,s)"),
            ("carry_as = { v = \"numeric\" }", "is not valid"),
            (
                "carry_as = { v = \"numeric(3,1)\" }\ncast_to_text = [\"v\"]",
                "`cast_to_text` too",
            ),
        ] {
            let error = carried(entry).expect_err(entry);
            assert!(format!("{error:#}").contains(part), "{error:#}");
        }
    }

    #[test]
    fn a_columns_name_has_as_many_bytes_as_postgres_keeps() {
        let named = |name: &str| {
            described(&format!(
                "{}\"{name}\" = \"text\"",
                ONE_MODEL.replace("CARRIED", "")
            ))
        };
        assert!(named(&"a".repeat(63)).is_ok());
        assert!(named(&("é".repeat(31) + "a")).is_ok());
        for name in ["a".repeat(64), "é".repeat(32)] {
            let error = format!("{:#}", named(&name).expect_err("too long"));
            assert!(
                error.contains(&name) && error.contains("64 bytes") && error.contains("`m`"),
                "{error}"
            );
        }
    }
}
