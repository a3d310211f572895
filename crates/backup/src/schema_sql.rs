//! The statements that create tables again, from their definition.
//!
//! The statements don't name the schema that the tables came from, so they work in any schema that is the search path.

use database::catalogue::definition::{
    ColumnDefinition, ConstraintDefinition, Definition, SequenceOf, TableDefinition, TypeDefinition,
};
use database::catalogue::identifier::{literal, qualified, quoted};

use crate::manifest::SCHEMA_SQL;

/// The statements that create a type.
pub(crate) fn make_type(of: &TypeDefinition) -> Vec<String> {
    let mut statements = vec![of.make.clone()];
    if let Some(comment) = &of.comment {
        let kind = match of.make.starts_with("CREATE DOMAIN") {
            true => "DOMAIN",
            false => "TYPE",
        };
        let name = quoted(&of.name);
        statements.push(format!("COMMENT ON {kind} {name} IS {}", literal(comment)));
    }
    statements
}

/// The statements that create sequences and tables, without rows, keys and indexes.
pub(crate) fn before_rows(definition: &Definition) -> Vec<String> {
    let mut statements = Vec::new();
    let sequences = definition.tables.iter().flat_map(|table| {
        let made = table.sequences.iter();
        made.filter(|sequence| {
            sequence.of != SequenceOf::Identity && sequence.schema == definition.schema
        })
    });
    let mut made = Vec::new();
    for sequence in
        sequences.filter(|sequence| is_plain_or_owned(definition, &sequence.name, sequence.of))
    {
        if made.contains(&&sequence.name) {
            continue;
        }
        made.push(&sequence.name);
        let name = quoted(&sequence.name);
        statements.push(format!("CREATE SEQUENCE {name} {}", sequence.options));
    }
    for table in &definition.tables {
        statements.extend(make_table(table));
        let owned = table.sequences.iter();
        for sequence in owned.filter(|sequence| {
            sequence.of == SequenceOf::Owned && sequence.schema == definition.schema
        }) {
            statements.push(format!(
                "ALTER SEQUENCE {} OWNED BY {}.{}",
                quoted(&sequence.name),
                quoted(&table.name),
                quoted(&sequence.column)
            ));
        }
        for partition in &table.partitions {
            let name = match partition.schema == definition.schema {
                true => quoted(&partition.name),
                false => qualified(&partition.schema, &partition.name),
            };
            let key = partition.partition_key.as_ref();
            let key = key.map_or(String::new(), |key| format!(" PARTITION BY {key}"));
            statements.push(format!(
                "CREATE TABLE {name} PARTITION OF {} {}{key}",
                partition.parent, partition.bound
            ));
        }
    }
    statements
}

/// Whether a sequence is created by a statement of its own. If a default names the sequence of an identity column, it is created
/// with that column instead.
fn is_plain_or_owned(definition: &Definition, name: &str, of: SequenceOf) -> bool {
    let all = definition.tables.iter().flat_map(|table| &table.sequences);
    of == SequenceOf::Owned
        || !all
            .filter(|sequence| sequence.name == name && sequence.schema == definition.schema)
            .any(|sequence| sequence.of == SequenceOf::Identity)
}

fn make_table(table: &TableDefinition) -> Vec<String> {
    // A view or foreign table becomes a plain table.
    let is_table = matches!(table.relkind, 'r' | 'p');
    let columns: Vec<_> = table
        .columns
        .iter()
        .map(|column| make_column(column, table))
        .collect();
    let unlogged = match table.is_unlogged {
        true => "UNLOGGED ",
        false => "",
    };
    let name = quoted(&table.name);
    let key = table.partition_key.as_ref();
    let key = key.map_or(String::new(), |key| format!(" PARTITION BY {key}"));
    let mut statements = vec![format!(
        "CREATE {unlogged}TABLE {name} (\n    {}\n){key}",
        columns.join(",\n    ")
    )];
    if let Some(comment) = table.comment.as_ref().filter(|_| is_table) {
        statements.push(format!("COMMENT ON TABLE {name} IS {}", literal(comment)));
    }
    for column in &table.columns {
        if let Some(comment) = &column.comment {
            statements.push(format!(
                "COMMENT ON COLUMN {name}.{} IS {}",
                quoted(&column.name),
                literal(comment)
            ));
        }
    }
    statements
}

fn make_column(column: &ColumnDefinition, table: &TableDefinition) -> String {
    let mut made = format!("{} {}", quoted(&column.name), column.type_name);
    if let Some(collation) = &column.collation {
        made += &format!(" COLLATE {collation}");
    }
    match (&column.default, column.generated) {
        (Some(of), Some('v')) => made += &format!(" GENERATED ALWAYS AS ({of}) VIRTUAL"),
        (Some(of), Some(_)) => made += &format!(" GENERATED ALWAYS AS ({of}) STORED"),
        // A view's default is for rows that are inserted into it.
        (Some(default), None) => made += &format!(" DEFAULT {default}"),
        (None, _) => {}
    }
    if let Some(identity) = column.identity {
        let when = match identity {
            'a' => "ALWAYS",
            _ => "BY DEFAULT",
        };
        made += &format!(" GENERATED {when} AS IDENTITY");
        let mut of_column = table.sequences.iter();
        if let Some(sequence) = of_column
            .find(|sequence| sequence.of == SequenceOf::Identity && sequence.column == column.name)
        {
            // The column has its own type here, so `AS type` is left out.
            let options = sequence.options.split_once(" START ");
            let options = options.map_or("", |(_, options)| options);
            made += &format!(
                " (SEQUENCE NAME {} START {options})",
                quoted(&sequence.name)
            );
        }
    }
    if column.not_null {
        made += " NOT NULL";
    }
    made
}

/// The statements for tables that have their rows: they add keys, checks and indexes, and set sequences to their numbers.
pub(crate) fn after_rows(definition: &Definition) -> Vec<String> {
    let mut statements = Vec::new();
    for table in &definition.tables {
        let keys = table.constraints.iter();
        for constraint in keys.filter(|constraint| constraint.kind != 'f') {
            statements.extend(make_constraint(table, constraint));
        }
        for index in &table.indexes {
            statements.push(index.make.clone());
            if let Some(comment) = &index.comment {
                let name = quoted(&index.name);
                statements.push(format!("COMMENT ON INDEX {name} IS {}", literal(comment)));
            }
        }
        for sequence in &table.sequences {
            if sequence.schema == definition.schema {
                statements.push(format!(
                    "SELECT pg_catalog.setval({}, {}, {})",
                    literal(&quoted(&sequence.name)),
                    sequence.last_value,
                    sequence.is_called
                ));
            }
        }
    }
    statements
}

/// The statements that create a constraint.
pub(crate) fn make_constraint(
    table: &TableDefinition,
    constraint: &ConstraintDefinition,
) -> Vec<String> {
    let (table, name) = (quoted(&table.name), quoted(&constraint.name));
    let mut statements = vec![format!(
        "ALTER TABLE {table} ADD CONSTRAINT {name} {}",
        constraint.definition
    )];
    if let Some(comment) = &constraint.comment {
        statements.push(format!(
            "COMMENT ON CONSTRAINT {name} ON {table} IS {}",
            literal(comment)
        ));
    }
    statements
}

/// The foreign keys of tables, each with its table.
pub(crate) fn foreign_keys(
    definition: &Definition,
) -> impl Iterator<Item = (&TableDefinition, &ConstraintDefinition)> {
    let of = |table| move |constraint| (table, constraint);
    definition.tables.iter().flat_map(move |table| {
        let all = table.constraints.iter();
        all.filter(|constraint: &&ConstraintDefinition| constraint.kind == 'f')
            .map(of(table))
    })
}

/// All statements, as a script for psql.
pub(crate) fn script(definition: &Definition, name: &str) -> String {
    let schema = quoted(&definition.schema);
    let mut script = format!(
        "-- {SCHEMA_SQL} of the backup {name}: what its tables are. Their rows are in the other files.\n\
         -- To create them in another schema, name it in these two statements.\n\n\
         CREATE SCHEMA IF NOT EXISTS {schema};\nSET search_path = {schema};\n\n"
    );
    let mut say = |statement: &str| {
        script += statement;
        script += ";\n";
    };
    let types = definition.types.iter().flat_map(make_type);
    types
        .chain(before_rows(definition))
        .for_each(|statement| say(&statement));
    after_rows(definition)
        .iter()
        .for_each(|statement| say(statement));
    for (table, constraint) in foreign_keys(definition) {
        make_constraint(table, constraint)
            .iter()
            .for_each(|statement| say(statement));
    }
    script.push('\n');
    for table in &definition.tables {
        let mut facts = vec![format!("owner {}", table.owner)];
        facts.extend(
            table
                .left_out
                .iter()
                .map(|what| format!("not here: {what}")),
        );
        let line = format!("{}: {}", table.name, facts.join(", "));
        script += &format!("-- {}\n", line.replace(['\n', '\r'], " "));
    }
    script
}
