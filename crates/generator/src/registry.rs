//! The datasets that rows can be made for. Nothing that makes or encodes rows knows this list.

use database::Cancel;
use dataset::failure::Kind;

use crate::cards::plan::MAX_ASSOCIATES;
use crate::cards::source::CardRows;
use crate::cards::tables;
use crate::hiring::{self, Hiring};
use crate::recipe::Recipe;
use crate::sales::{self, Sales};
use crate::table::RowSource;
use crate::table::layout::Layout;

/// A dataset that rows can be made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KnownDataset {
    Cards,
    Hiring,
    Sales,
}

impl KnownDataset {
    const ALL: [Self; 3] = [Self::Cards, Self::Hiring, Self::Sales];

    /// Finds a dataset by its name.
    ///
    /// # Errors
    /// [`Kind::Usage`] if no rows can be made for it.
    pub(crate) fn of(dataset: &str) -> anyhow::Result<Self> {
        let found = Self::ALL.into_iter().find(|known| known.name() == dataset);
        found.ok_or_else(|| {
            Kind::Usage.error(format!(
                "rows can be generated for the datasets {}, not for {dataset}",
                Self::ALL.map(Self::name).join(", ")
            ))
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Cards => "cards",
            Self::Hiring => "hiring",
            Self::Sales => "sales",
        }
    }

    /// What a dataset's size counts, as messages name it.
    pub(crate) const fn unit(self) -> &'static str {
        match self {
            Self::Cards => "associates",
            Self::Hiring => "employees",
            Self::Sales => "orders",
        }
    }

    /// The table whose highest key is the dataset's size.
    pub(crate) const fn counted(self) -> &'static str {
        match self {
            Self::Cards => "associado",
            Self::Hiring => "hired_employees",
            Self::Sales => "sales_order_header",
        }
    }

    /// The dataset's size at scale 1, in its [`unit`](Self::unit).
    pub(crate) const fn scale_1(self) -> u32 {
        match self {
            Self::Cards => 1_000,
            Self::Hiring => 2_000,
            // AdventureWorks has this many orders.
            Self::Sales => 31_465,
        }
    }

    /// The largest size that a dataset can have.
    pub(crate) const fn most(self) -> u32 {
        match self {
            Self::Cards => MAX_ASSOCIATES,
            Self::Hiring => hiring::MAX_EMPLOYEES,
            Self::Sales => sales::MAX_ORDERS,
        }
    }

    /// Whether the dataset's rows follow the recipe's distributions and its "today", and whether rows can be appended to them.
    pub(crate) const fn has_distributions(self) -> bool {
        matches!(self, Self::Cards)
    }

    /// The dataset's tables, parents before children.
    pub(crate) const fn layouts(self) -> &'static [Layout] {
        match self {
            Self::Cards => &tables::LAYOUTS,
            Self::Hiring => &hiring::LAYOUTS,
            Self::Sales => &sales::LAYOUTS,
        }
    }

    /// Plans the rows of a dataset of this size.
    ///
    /// # Errors
    /// [`Kind::Usage`] if an id would not fit its column, [`Kind::Interrupted`].
    pub(crate) fn plan(
        self,
        recipe: &Recipe,
        size: u32,
        cancel: &Cancel,
    ) -> anyhow::Result<Box<dyn RowSource>> {
        Ok(match self {
            Self::Cards => Box::new(CardRows::fresh(recipe, size, cancel)?),
            Self::Hiring => Box::new(Hiring::new(recipe, size)),
            Self::Sales => Box::new(Sales::new(recipe, size, cancel)?),
        })
    }
}

/// The tables of a dataset, parents before children; `None` for a dataset that no rows can be made for.
pub fn layouts(dataset: &str) -> Option<&'static [Layout]> {
    KnownDataset::of(dataset).ok().map(KnownDataset::layouts)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encode::encoding::Encoding;
    use database::copy::write::RowEncoder;

    #[test]
    fn parts_follow_each_other_and_hold_the_rows_between_their_keys() {
        for (known, size) in [
            (KnownDataset::Cards, 1_500),
            (KnownDataset::Hiring, 2_000),
            (KnownDataset::Sales, 3_000),
        ] {
            let source = known
                .plan(&Recipe::default(), size, &Cancel::default())
                .expect("a plan");
            let counted = source
                .tables()
                .iter()
                .position(|table| table.name == known.counted());
            assert_eq!(source.rows(counted.expect("a table")), u64::from(size));
            for (table, layout) in source.tables().iter().enumerate() {
                for rows in [1, 700, u64::MAX] {
                    let (mut made, mut key, mut block) = (0, 0, 0);
                    for part in source.parts(table, rows) {
                        let before = made;
                        let mut encoding = Encoding::Binary(RowEncoder::default());
                        let mut count = |bytes, rows| {
                            made += rows;
                            Ok(bytes)
                        };
                        source
                            .encode(table, &part, &mut encoding, &mut count)
                            .expect("encoded");
                        assert_eq!(part.start, block, "{}", layout.name);
                        block = part.end;
                        // The key of offers doesn't count their rows, but these are too few for two parts of a load.
                        if layout.key != "product_id" {
                            assert_eq!(source.keys(table, &part), (key, key + made - before));
                            key += made - before;
                        }
                    }
                    assert_eq!(made, source.rows(table), "{}", layout.name);
                    assert!(key == 0 || key == source.highest(table), "{}", layout.name);
                }
            }
        }
    }

    #[test]
    fn a_dataset_that_no_rows_can_be_made_for_is_refused_with_those_that_they_can() {
        let error = KnownDataset::of("mine").expect_err("refused");
        assert_eq!(
            dataset::failure::Failure::kind_of(&error),
            Some(Kind::Usage)
        );
        assert!(
            error.to_string().contains("cards, hiring, sales"),
            "{error}"
        );
    }
}
