//! A source's own functions, operators and casts with names that Postgres has too: SQL may use them where a SELECT seems to mean
//! Postgres's.
//!
//! A scratch database gets stand-ins for them, with the same arguments and without a body. So names mean there what they mean in
//! the source, and a SELECT that uses a stand-in is recognised by it.

use anyhow::Context;
use dataset::Place;
use postgres::error::SqlState;
use postgres::{Client, GenericClient, Row};
use serde::{Deserialize, Serialize};

use super::types::attempt;
use crate::catalogue::identifier::{literal, qualified, quoted};
use crate::catalogue::reached::{OF_TABLES, with_reached};
use crate::transaction;

/// The schema of a scratch database for objects that are neither the source's nor Postgres's own.
pub const OWN_SCHEMA: &str = "extrato";

/// A source's own functions, operators and casts with names that Postgres has too.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Own(Vec<Meaning>);

/// A function, an operator or a cast of the source's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Meaning {
    /// Its description in messages.
    shown: String,
    /// The statement that creates its stand-in.
    make: String,
    written: Written,
}

/// How a SELECT must be written to use something of the source's own.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
enum Written {
    /// The SELECT calls this function.
    Function(String),
    /// The SELECT has this operator.
    Operator(String),
    /// The SELECT may be written in any way.
    Anyhow,
    /// The SELECT may be written in any way, with a value of an enum of the source.
    WithEnum,
    /// The SELECT uses types that no engine but Postgres has.
    WithOtherTypes,
}

/// The body of each stand-in: the input function of a type without values, which looks at no argument and fails.
const BODY: &str = "LANGUAGE internal AS 'trigger_in'";

/// The types that a scratch database has, as far as they can be created, and those among them that other engines have too.
const KNOWN: &str = "known (oid) AS (
        SELECT oid FROM reached UNION SELECT oid FROM pg_type WHERE oid < 16384
        UNION SELECT t.oid FROM pg_type AS t JOIN reached AS r ON r.oid = t.typelem WHERE t.typcategory = 'A'),
    shared (oid) AS (SELECT oid FROM pg_type WHERE (oid < 16384 OR typtype = 'e') AND typcategory <> 'A')";

const FUNCTIONS: &str = "
    SELECT n.nspname::text, p.proname::text,
           ARRAY(SELECT format_type(a.type, NULL) FROM unnest(p.proargtypes) WITH ORDINALITY AS a (type, place) ORDER BY a.place),
           ARRAY(SELECT coalesce(a.name, '')
                 FROM unnest(p.proargnames, p.proargmodes) WITH ORDINALITY AS a (name, mode, place)
                 WHERE coalesce(a.mode, 'i') IN ('i', 'b', 'v') ORDER BY a.place),
           p.provariadic <> 0, p.pronargdefaults::int, p.proretset,
           CASE WHEN r.typtype = 'p' AND r.typname !~ '^any' OR r.oid NOT IN (SELECT oid FROM known) THEN 'text'
                ELSE format_type(r.oid, NULL) END,
           NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a (oid) JOIN pg_type AS t USING (oid)
                       WHERE CASE t.typcategory WHEN 'A' THEN t.typelem ELSE t.oid END NOT IN (SELECT oid FROM shared))
    FROM pg_proc AS p
    JOIN pg_namespace AS n ON n.oid = p.pronamespace
    JOIN pg_type AS r ON r.oid = p.prorettype
    WHERE p.oid >= 16384 AND (n.nspname = $2 OR n.nspname = 'pg_catalog') AND p.prokind <> 'p'
      AND p.proname IN (SELECT b.proname FROM pg_proc AS b WHERE b.oid < 16384 AND b.pronamespace = 'pg_catalog'::regnamespace)
      AND NOT EXISTS (SELECT FROM unnest(p.proargtypes) AS a (type) WHERE a.type NOT IN (SELECT oid FROM known))
    ORDER BY n.nspname, p.proname, p.oid";

const OPERATORS: &str = "
    SELECT n.nspname::text, o.oprname::text, format_type(nullif(o.oprleft, 0), NULL), format_type(o.oprright, NULL),
           CASE WHEN o.oprresult IN (SELECT oid FROM known) THEN format_type(o.oprresult, NULL) ELSE 'text' END,
           o.oprright IN (SELECT oid FROM shared) AND (o.oprleft = 0 OR o.oprleft IN (SELECT oid FROM shared))
    FROM pg_operator AS o
    JOIN pg_namespace AS n ON n.oid = o.oprnamespace
    WHERE o.oid >= 16384 AND (n.nspname = $2 OR n.nspname = 'pg_catalog') AND o.oprcode <> 0
      AND o.oprname IN (SELECT b.oprname FROM pg_operator AS b WHERE b.oid < 16384)
      AND o.oprright IN (SELECT oid FROM known) AND (o.oprleft = 0 OR o.oprleft IN (SELECT oid FROM known))
    ORDER BY n.nspname, o.oprname, o.oid";

// An explicit or assignment cast that goes through the types' own text does the same as Postgres does without it.
const CASTS: &str = "
    SELECT format_type(c.castsource, NULL), format_type(c.casttarget, NULL), c.castmethod::text, c.castcontext::text,
           c.castsource IN (SELECT oid FROM shared) AND c.casttarget < 16384
               AND (c.castmethod <> 'i' OR c.castcontext = 'i' AND c.castsource < 16384),
           c.castsource >= 16384
    FROM pg_cast AS c
    WHERE c.oid >= 16384 AND c.castsource <> c.casttarget
      AND c.castsource IN (SELECT oid FROM known) AND c.casttarget IN (SELECT oid FROM known)
    ORDER BY c.oid";

const ORDERS: &str = "
    SELECT format_type(o.opcintype, NULL)
    FROM pg_opclass AS o JOIN pg_am AS m ON m.oid = o.opcmethod
    WHERE o.oid >= 16384 AND o.opcdefault AND o.opcintype IN (SELECT oid FROM reached INTERSECT SELECT oid FROM shared)
      AND m.amname IN ('btree', 'hash')
    ORDER BY o.oid";

impl Own {
    /// Reads what a source has of its own that a SELECT over tables, given by their oids, may mean: in the schema
    /// where its names are looked up, in Postgres's own schema, and for the types of the tables' columns.
    ///
    /// # Errors
    /// The server's errors.
    pub(super) fn of_tables(
        client: &mut impl GenericClient,
        schema: &str,
        tables: &[u32],
    ) -> Result<Self, postgres::Error> {
        let with = format!("{}, {KNOWN}", with_reached(OF_TABLES));
        let mut own = Vec::new();
        // Both queries use the schema, so that they have the same parameters.
        for (query, meaning) in [
            (FUNCTIONS, function as fn(&Row) -> Meaning),
            (OPERATORS, operator),
        ] {
            let found = client.query(&format!("{with} {query}"), &[&tables, &schema])?;
            own.extend(found.iter().map(meaning));
        }
        for (query, meaning) in [(CASTS, cast as fn(&Row) -> Meaning), (ORDERS, order)] {
            let found = client.query(&format!("{with} {query}"), &[&tables])?;
            own.extend(found.iter().map(meaning));
        }
        Ok(Self(own))
    }

    /// Reads what a source has of its own that a SELECT over these tables may mean. Its names are looked up in `schema`.
    ///
    /// # Errors
    /// The server's errors.
    pub fn read(
        client: &mut impl GenericClient,
        schema: &str,
        tables: impl Iterator<Item = Place>,
    ) -> anyhow::Result<Self> {
        let reading = "reading the source's own functions, operators and casts";
        let numbers = "SELECT c.oid FROM unnest($1::text[], $2::text[]) AS w (schema, name)
            JOIN pg_namespace AS n ON n.nspname = w.schema JOIN pg_class AS c ON c.relnamespace = n.oid AND c.relname = w.name";
        let (schemas, names): (Vec<_>, Vec<_>) =
            tables.map(|place| (place.schema, place.name)).unzip();
        let found = client.query(numbers, &[&schemas, &names]);
        let found = found.context(reading)?;
        let numbers: Vec<u32> = found.iter().map(|row| row.get(0)).collect();
        Self::of_tables(client, schema, &numbers).context(reading)
    }

    /// Whether the source has nothing of its own.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The description of the first thing of the source's own that a SELECT may use, by the functions that it calls, the operators
    /// that it has, and whether it reads columns that are enums; `None` if there is nothing.
    pub fn met(
        &self,
        calls: impl Fn(&str) -> bool,
        has_operator: impl Fn(&str) -> bool,
        reads_enums: bool,
    ) -> Option<&str> {
        let may_mean = |meaning: &&Meaning| match &meaning.written {
            Written::Function(name) => calls(name),
            Written::Operator(sign) => has_operator(sign),
            Written::Anyhow => true,
            Written::WithEnum => reads_enums,
            Written::WithOtherTypes => false,
        };
        let met = self.0.iter().find(may_mean)?;
        Some(&met.shown)
    }

    /// Creates the stand-ins in a scratch database, which has the types of the tables. This takes a superuser: nobody else may
    /// create casts between Postgres's own types. A stand-in for a type that isn't there is left out: no SELECT there can have a
    /// value of that type.
    ///
    /// # Errors
    /// The server's errors.
    pub fn make(&self, client: &mut Client) -> anyhow::Result<()> {
        transaction::begin(client)?;
        for meaning in self.0.iter().filter(|of| !of.make.is_empty()) {
            if let Err(error) = attempt(client, &meaning.make)?
                && ![SqlState::UNDEFINED_OBJECT, SqlState::INVALID_SCHEMA_NAME]
                    .contains(error.code())
            {
                return Err(anyhow::anyhow!("{}", error.message()).context(format!(
                    "making a stand-in for {}, which is the source's own",
                    meaning.shown
                )));
            }
        }
        client.batch_execute("COMMIT")?;
        Ok(())
    }
}

fn function(row: &Row) -> Meaning {
    let (schema, name): (&str, &str) = (row.get(0), row.get(1));
    let (types, names): (Vec<String>, Vec<String>) = (row.get(2), row.get(3));
    let (is_variadic, defaults, is_set): (bool, i32, bool) = (row.get(4), row.get(5), row.get(6));
    let (gives, is_shared): (&str, bool) = (row.get(7), row.get(8));
    let required = types.len().saturating_sub(defaults.unsigned_abs() as usize);
    let argument = |(place, kind): (usize, &String)| {
        let variadic = match is_variadic && place + 1 == types.len() {
            true => "VARIADIC ",
            false => "",
        };
        let name = names.get(place).filter(|name| !name.is_empty());
        let name = name.map_or(String::new(), |name| quoted(name));
        let default = match place < required {
            true => "",
            false => " DEFAULT NULL",
        };
        format!("{variadic}{name} {kind}{default}")
    };
    let arguments: Vec<String> = types.iter().enumerate().map(argument).collect();
    let set = match is_set {
        true => "SETOF ",
        false => "",
    };
    let shown = format!("the function {schema}.{name}({})", types.join(", "));
    let make = format!(
        "CREATE SCHEMA IF NOT EXISTS {}; {}",
        quoted(schema),
        stand_in(
            &qualified(schema, name),
            &arguments.join(", "),
            &types.join(", "),
            &format!("{set}{gives}"),
            &shown
        )
    );
    Meaning {
        shown,
        make,
        written: match is_shared {
            true => Written::Function(name.to_owned()),
            false => Written::WithOtherTypes,
        },
    }
}

fn operator(row: &Row) -> Meaning {
    let (schema, sign): (&str, &str) = (row.get(0), row.get(1));
    let (left, right): (Option<&str>, &str) = (row.get(2), row.get(3));
    let (gives, is_shared): (&str, bool) = (row.get(4), row.get(5));
    let operands: Vec<&str> = left.into_iter().chain([right]).collect();
    let operands = operands.join(", ");
    let shown = format!("the operator {schema}.{sign} ({operands})");
    let name = qualified(OWN_SCHEMA, &format!("{schema}.{sign}"));
    let left = left.map_or(String::new(), |left| format!("LEFTARG = {left}, "));
    let make = format!(
        "CREATE SCHEMA IF NOT EXISTS {schema}; {}; \
         CREATE OPERATOR {schema}.{sign} ({left}RIGHTARG = {right}, FUNCTION = {name})",
        stand_in(&name, &operands, &operands, gives, &shown),
        schema = quoted(schema),
    );
    Meaning {
        shown,
        make,
        written: match is_shared {
            true => Written::Operator(sign.to_owned()),
            false => Written::WithOtherTypes,
        },
    }
}

fn cast(row: &Row) -> Meaning {
    let (from, to): (&str, &str) = (row.get(0), row.get(1));
    let (method, context): (&str, &str) = (row.get(2), row.get(3));
    let (is_shared, is_of_own): (bool, bool) = (row.get(4), row.get(5));
    let shown = format!("the cast from {from} to {to}");
    let context = match context {
        "i" => " AS IMPLICIT",
        "a" => " AS ASSIGNMENT",
        _ => "",
    };
    let name = qualified(OWN_SCHEMA, &format!("to {to}"));
    let head = format!("CREATE CAST ({from} AS {to})");
    let make = match method {
        "i" => format!("{head} WITH INOUT{context}"),
        "b" => format!("{head} WITHOUT FUNCTION{context}"),
        _ => format!(
            "{}; {head} WITH FUNCTION {name}({from}){context}",
            stand_in(&name, from, from, to, &shown)
        ),
    };
    Meaning {
        shown,
        make,
        written: match (is_shared, is_of_own) {
            (false, _) => Written::WithOtherTypes,
            (true, true) => Written::WithEnum,
            (true, false) => Written::Anyhow,
        },
    }
}

fn order(row: &Row) -> Meaning {
    Meaning {
        shown: format!("the order of {}", row.get::<_, &str>(0)),
        make: String::new(),
        written: Written::WithEnum,
    }
}

/// The statements that create a stand-in function, with a comment that says what it stands for.
fn stand_in(name: &str, arguments: &str, types: &str, gives: &str, shown: &str) -> String {
    format!(
        "CREATE FUNCTION {name}({arguments}) RETURNS {gives} {BODY}; COMMENT ON FUNCTION {name}({types}) IS {}",
        literal(shown)
    )
}
