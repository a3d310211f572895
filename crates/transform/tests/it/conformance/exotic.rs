//! Makes SQL that is certainly refused, most of it for good. It must be equal or refused, like anything else.

use super::kinds::{Kind, Wanted};
use super::queries::Statement;
use super::relations::{Column, Relation};
use super::schema::Use;
use super::scope::{Generator, Leaf, Scope, Typed};

impl Generator<'_> {
    /// Makes an unusual expression of a wanted type, if there is one.
    pub(super) fn exotic_scalar(
        &mut self,
        wanted: Wanted,
        scope: &Scope,
        depth: usize,
    ) -> Option<Typed> {
        if scope.windows && self.choices.chance(30) {
            return self.exotic_window(wanted, scope, depth);
        }
        match wanted {
            Wanted::Text => Some(self.exotic_text(scope, depth)),
            Wanted::Exact | Wanted::Number | Wanted::Small => {
                Some(self.exotic_number(wanted, scope, depth))
            }
            Wanted::Date => {
                let date = self.scalar(Wanted::Date, scope, depth).operand();
                let forms = [
                    format!("({date} + INTERVAL '1 month')::date"),
                    "to_date('2020-02-29', 'YYYY-MM-DD')".to_owned(),
                    "make_date(2020, 1, 31)".to_owned(),
                    format!("({date} - INTERVAL '1 day 2 hours')::date"),
                    format!("COALESCE({date}, LEAST(current_date, DATE '2000-01-01'))"),
                ];
                Some(Typed::closed(
                    &forms[self.choices.below(forms.len())],
                    Kind::Date,
                ))
            }
            Wanted::Timestamp => {
                let timestamp = self.scalar(Wanted::Timestamp, scope, depth).operand();
                let forms = [
                    format!("({timestamp} + INTERVAL '1 hour')"),
                    format!("({timestamp} - INTERVAL '1 month')"),
                    format!("date_bin('15 minutes', {timestamp}, TIMESTAMP '2001-01-01')"),
                    format!("({timestamp} + 2 * INTERVAL '1 day')"),
                ];
                Some(Typed::closed(
                    &forms[self.choices.below(forms.len())],
                    Kind::Timestamp,
                ))
            }
            Wanted::TimestampTz => {
                let moment = self.scalar(wanted, scope, depth).operand();
                let forms = [
                    format!("({moment} + INTERVAL '1 day')"),
                    "NULLIF(now(), now())".to_owned(),
                    "to_timestamp(86400)".to_owned(),
                    format!(
                        "LEAST({moment}, CURRENT_TIMESTAMP, TIMESTAMPTZ '1999-01-01 00:00:00+00')"
                    ),
                ];
                Some(Typed::closed(
                    &forms[self.choices.below(forms.len())],
                    Kind::TimestampTz,
                ))
            }
            Wanted::Jsonb => Some(Typed::closed("jsonb_build_object('a', 1)", Kind::Jsonb)),
            Wanted::Bytea => Some(Typed::closed("convert_to('é', 'UTF8')", Kind::Bytea)),
            _ => None,
        }
    }

    fn exotic_text(&mut self, scope: &Scope, depth: usize) -> Typed {
        if scope.rows.is_some() && self.choices.chance(40) {
            let within = scope.within_aggregate();
            let text = self.leaf(Wanted::Text, &within).typed();
            let forms = [
                format!("string_agg({text}, ',' ORDER BY {text})"),
                format!("array_to_string(array_agg(DISTINCT {text}), '|')"),
                format!("string_agg(DISTINCT {text}, ';' ORDER BY {text})"),
                format!("mode() WITHIN GROUP (ORDER BY length({text}))::text"),
            ];
            return Typed::closed(&forms[self.choices.below(forms.len())], Kind::Text);
        }
        let text = self.scalar(Wanted::Text, scope, depth).typed();
        let timestamp = self.leaf(Wanted::Timestamp, scope).sql;
        let number = self.leaf(Wanted::Exact, scope).typed();
        let forms = [
            format!("to_char({timestamp}, 'YYYY-MM')"),
            format!("to_char({number}, '9990.99')"),
            format!("md5({text})"),
            format!("lpad({text}, 5, 'é')"),
            format!("rpad({text}, 4)"),
            format!("repeat({text}, 2)"),
            format!("split_part({text}, ' ', 1)"),
            format!("translate({text}, 'ab', 'x')"),
            format!("regexp_replace({text}, '[a-c]+', '#', 'g')"),
            format!("format('%s-%s', {text}, {number})"),
            format!("overlay({text} PLACING 'xx' FROM 2)"),
            format!("substring({text} FROM '[a-z]+')"),
            format!("normalize({text}, NFD)"),
            format!("quote_literal({text})"),
            format!("to_char({timestamp}, 'Day TMMonth')"),
            format!("E'\\u00e9' || {text}"),
            format!("(ARRAY[{text}, 'z'])[1]"),
            format!("({text} COLLATE \"und-x-icu\")"),
        ];
        Typed::closed(
            format!("({})", forms[self.choices.below(forms.len())]),
            Kind::Text,
        )
    }

    fn exotic_number(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Typed {
        let small = self
            .scalar(Wanted::Small, &scope.clone().without_extremes(), depth)
            .typed();
        let text = self.leaf(Wanted::Text, scope).typed();
        let timestamp = self.leaf(Wanted::Timestamp, scope).sql;
        if wanted == Wanted::Small {
            let forms = [
                format!("ascii({text})"),
                format!("octet_length({text})"),
                format!("({small} & 6)"),
                format!("gcd({small}, 6)"),
                format!("cardinality(ARRAY[{small}, 1])"),
                format!("(width_bucket({small}, 0, 10, 5))"),
                format!("div({small}, 3)::int"),
                format!("({small} # 5)"),
            ];
            return Typed::closed(&forms[self.choices.below(forms.len())], Kind::Int4);
        }
        if scope.rows.is_some() && self.choices.chance(30) {
            let within = scope.within_aggregate().without_extremes();
            let number = self.leaf(Wanted::Small, &within).typed();
            let forms = [
                format!("round(stddev({number}), 3)"),
                format!("round(var_pop({number}), 3)"),
                format!("sum({number}) / NULLIF(count({number}), 0)::numeric"),
            ];
            return Typed::closed(
                format!("({})", forms[self.choices.below(forms.len())]),
                Kind::Numeric,
            );
        }
        let number = self
            .scalar(Wanted::Exact, &scope.clone().without_extremes(), depth)
            .operand();
        let mut forms = vec![
            (format!("({number} / 3.0)"), Kind::Numeric),
            (format!("({number} / 7::numeric)"), Kind::Numeric),
            (format!("EXTRACT(EPOCH FROM {timestamp})"), Kind::Numeric),
            (format!("EXTRACT(SECOND FROM {timestamp})"), Kind::Numeric),
            (format!("EXTRACT(CENTURY FROM {timestamp})"), Kind::Numeric),
            (format!("round({number} / 4.0, 2)"), Kind::Numeric),
        ];
        if wanted == Wanted::Number {
            forms.extend([
                (format!("date_part('year', {timestamp})"), Kind::Double),
                (
                    format!("sqrt(abs({number}))::double precision"),
                    Kind::Double,
                ),
                (format!("power({small}, 2)::double precision"), Kind::Double),
                (
                    format!("exp(({small} % 5)::double precision)"),
                    Kind::Double,
                ),
            ]);
        }
        let (sql, kind) = forms.swap_remove(self.choices.below(forms.len()));
        Typed::closed(sql, kind)
    }

    fn exotic_window(&mut self, wanted: Wanted, scope: &Scope, depth: usize) -> Option<Typed> {
        let scope = &scope.within_window();
        let ties = match scope.ties.is_empty() {
            true => "TRUE".to_owned(),
            false => scope.ties.join(", "),
        };
        if !self.may_tell_rows_apart(scope) {
            return None;
        }
        let number = self.leaf(Wanted::Small, scope).typed();
        let frames = [
            "ROWS BETWEEN 2 FOLLOWING AND 3 FOLLOWING",
            "GROUPS BETWEEN 1 PRECEDING AND CURRENT ROW",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW EXCLUDE CURRENT ROW",
            "ROWS BETWEEN 3 PRECEDING AND 1 PRECEDING",
            "ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING EXCLUDE TIES",
        ];
        let frame = self.choices.one_of(&frames);
        match wanted {
            Wanted::Number if self.choices.chance(50) => {
                let function = self.choices.one_of(&["PERCENT_RANK", "CUME_DIST"]);
                Some(Typed::closed(
                    format!("{function}() OVER (ORDER BY {ties})"),
                    Kind::Double,
                ))
            }
            Wanted::Int | Wanted::Exact | Wanted::Number => {
                let forms = [
                    format!("SUM({number}) OVER (ORDER BY {ties} {frame})"),
                    format!(
                        "SUM({number}) OVER (ORDER BY {number} RANGE BETWEEN 2 PRECEDING AND 1 FOLLOWING)"
                    ),
                    format!("COUNT({number}) OVER (PARTITION BY {number} ORDER BY {ties} {frame})"),
                ];
                Some(Typed::closed(&forms[self.choices.below(3)], Kind::Int8))
            }
            _ => {
                let operand = self.scalar(wanted, scope, depth);
                let sql = format!(
                    "NTH_VALUE({}, 2) OVER (ORDER BY {ties} {frame})",
                    operand.typed()
                );
                Some(Typed::closed(sql, operand.kind))
            }
        }
    }

    /// Makes an unusual condition.
    pub(super) fn exotic_predicate(&mut self, scope: &Scope, depth: usize) -> Option<Typed> {
        let text = self.scalar(Wanted::Text, scope, depth.min(1)).operand();
        let number = self.scalar(Wanted::Small, scope, depth.min(1)).operand();
        let other = self.leaf(Wanted::Small, scope).operand();
        let moment = self.leaf(Wanted::TimestampTz, scope).operand();
        let forms = [
            format!("{text} ~ '^[aA]'"),
            format!("{text} !~* 'b.t'"),
            format!("{text} ILIKE 'a%'"),
            format!("{text} SIMILAR TO '(a|b)%'"),
            format!("{number} = ANY (ARRAY[1, 2, NULL])"),
            format!("{number} = ANY ('{{3,5}}'::int[])"),
            format!("{number} > ALL (SELECT e1.v FROM event AS e1 WHERE e1.v < 3)"),
            format!("{number} = ANY (SELECT e2.category_id FROM event AS e2)"),
            format!("({number}, {other}) = (1, 2)"),
            format!("({number}, {other}) < (3, 1)"),
            format!(
                "({number}, {other}) IN (SELECT l1.product_id, l1.category_id FROM link AS l1)"
            ),
            format!("{number} BETWEEN SYMMETRIC 5 AND {other}"),
            format!("now() > {moment}"),
            format!(
                "({moment}, INTERVAL '1 day') OVERLAPS (TIMESTAMPTZ '2020-01-01', TIMESTAMPTZ '2021-01-01')"
            ),
            format!("({number}, {other}) IS NOT NULL"),
            format!("{number} NOTNULL"),
            format!("{text} ^@ 'a'"),
            format!("{text} LIKE ANY (ARRAY['a%', '%t'])"),
        ];
        let uses_tables = |sql: &String| sql.contains("SELECT");
        let hidden = ["event", "link"]
            .iter()
            .any(|name| self.ctes.iter().any(|cte| cte.alias == *name));
        let form = &forms[self.choices.below(forms.len())];
        match uses_tables(form) && (hidden || !scope.subqueries) {
            true => None,
            false => Some(Typed::open(form, Kind::Bool)),
        }
    }

    /// Makes an unusual relation.
    pub(super) fn exotic_item(&mut self, outer: &[Leaf], depth: usize) -> (String, Relation) {
        let alias = self.new_alias();
        let column = |name: &str, kind: Kind| Column {
            name: name.to_owned(),
            kind,
            usage: Use::Key,
        };
        let (sql, columns) = match self.choices.below(4) {
            0 => (
                format!("generate_series(1, 5) AS {alias}(id)"),
                vec![column("id", Kind::Int4)],
            ),
            1 => (
                format!("(VALUES (1, 'a'), (2, NULL), (5, 'Bolt')) AS {alias}(id, name)"),
                vec![column("id", Kind::Int4), column("name", Kind::Text)],
            ),
            2 => (
                format!("unnest(ARRAY[1, 2, NULL]) AS {alias}(v)"),
                vec![column("v", Kind::Int4)],
            ),
            _ => return self.derived(outer, "LATERAL ", depth.saturating_sub(1)),
        };
        let ties = columns.iter().map(|column| column.name.clone()).collect();
        (
            sql,
            Relation {
                alias,
                columns,
                ties,
                is_keyed: false,
                rows: 5,
            },
        )
    }

    /// Makes a statement of a form that no other part of the generator makes.
    pub(super) fn exotic_statement(&mut self) -> Statement {
        let number = self.choices.one_of(&["v", "id", "category_id"]);
        let rows = self.choices.one_of(&["1", "2", "3"]);
        let statements = [
            ("SELECT category_id, v, COUNT(*) AS n FROM event GROUP BY GROUPING SETS ((category_id), (v), ())".to_owned(), false),
            ("SELECT category_id, active, SUM(price) AS total FROM product GROUP BY ROLLUP (category_id, active)".to_owned(), false),
            ("SELECT active, launched, GROUPING(active) AS g, COUNT(*) AS n FROM product GROUP BY CUBE (active, launched)".to_owned(), false),
            (format!("SELECT DISTINCT ON ({number}) {number} AS a, id AS b FROM event ORDER BY {number}, id DESC"), true),
            (
                "WITH RECURSIVE tree AS (SELECT id, parent_id, 1 AS depth FROM category WHERE parent_id IS NULL UNION ALL \
                 SELECT c.id, c.parent_id, tree.depth + 1 FROM category AS c JOIN tree ON c.parent_id = tree.id) \
                 SELECT id, depth FROM tree"
                    .to_owned(),
                false,
            ),
            (format!("SELECT {number} AS a FROM event ORDER BY {number} FETCH FIRST {rows} ROWS WITH TIES"), true),
            ("SELECT c.id AS a, p.price AS b FROM category AS c NATURAL JOIN product AS p".to_owned(), false),
            ("SELECT id, name FROM category NATURAL LEFT JOIN nothing".to_owned(), false),
            ("VALUES (1, 'a'), (2, NULL)".to_owned(), false),
            ("TABLE link".to_owned(), false),
            ("SELECT id, generate_series(1, 2) AS n FROM category".to_owned(), false),
            ("SELECT id, unnest(ARRAY[v, 1]) AS n FROM event".to_owned(), false),
            ("SELECT p.* FROM product AS p GROUP BY p.id".to_owned(), false),
            ("SELECT category_id, array_agg(v ORDER BY id) AS l FROM event GROUP BY category_id".to_owned(), false),
            ("SELECT at - at_end AS l FROM event WHERE id < 3".to_owned(), false),
            (
                format!("SELECT id, SUM(v) OVER w AS s, COUNT(*) OVER w AS n FROM event WINDOW w AS (PARTITION BY {number} ORDER BY id)"),
                false,
            ),
            ("SELECT id FROM event TABLESAMPLE SYSTEM (100)".to_owned(), false),
            ("SELECT id AS a, tableoid::regclass::text AS b FROM event".to_owned(), false),
            ("SELECT p AS whole FROM product AS p".to_owned(), false),
            ("SELECT id FROM event FOR SHARE".to_owned(), false),
            ("SELECT name, COUNT(*) AS n FROM ONLY category GROUP BY name".to_owned(), false),
            ("SELECT c.id, l.n FROM category AS c CROSS JOIN LATERAL (SELECT COUNT(*) AS n FROM event AS e WHERE e.category_id = c.id) AS l".to_owned(), false),
            ("SELECT t.a FROM (category AS c JOIN event AS e ON c.id = e.category_id) AS t(a)".to_owned(), false),
            ("SELECT e.id, j.name FROM event AS e LEFT JOIN (product AS p JOIN category AS j ON p.category_id = j.id) ON e.category_id = p.id".to_owned(), false),
            ("SELECT CASE WHEN v > 2 THEN 'many' END AS \"Many\", lower(\"Mixed Name\") AS \"Mixed Name\" FROM event CROSS JOIN note WHERE note.id = event.id".to_owned(), false),
            ("SELECT state, state < 'Happy' AS less, MAX(state) AS most FROM note GROUP BY state ORDER BY state DESC NULLS LAST".to_owned(), true),
            ("SELECT doc ->> 'a' AS a, doc @> '{\"a\": 1}' AS has FROM note".to_owned(), false),
        ];
        let (sql, ordered) = statements[self.choices.below(statements.len())].clone();
        Statement { sql, ordered }
    }
}
