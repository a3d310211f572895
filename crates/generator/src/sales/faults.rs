//! The faults that rows of *sales* can have, and which row has which.

use crate::draw::random::Stream;
use crate::table::faults::{Dirt, Fault, Plant};

/// Faults that rows of a table can have anywhere.
const PLANTS: [&[Plant]; 6] = [
    &texts("first_name"),
    &texts("name"),
    &[],
    &[],
    &{
        let [a, b, c, d, e] = texts("comment");
        [a, b, c, d, e, Plant::new(Fault::FarDate, "due_date")]
    },
    &texts("carrier_tracking_number"),
];

const fn texts(column: &'static str) -> [Plant; 5] {
    [
        Plant::new(Fault::TrailingSpace, column),
        Plant::new(Fault::Quotes, column),
        Plant::new(Fault::LineBreak, column),
        Plant::new(Fault::Delimiters, column),
        Plant::new(Fault::PathCharacters, column),
    ]
}

/// Faults that break a rule. A row that others name is refused with them, unless it may be missing; so only orders,
/// which have their lines with them, products that are in no offer, and customers without orders can have one. The
/// first of each is planted where another would not break a rule.
const BREAKAGES: [&[Plant]; 6] = [
    &[
        Plant::new(Fault::MissingField, "last_name"),
        Plant::new(Fault::NotANumber, "email_promotion"),
        Plant::new(Fault::ImpossibleTime, "modified_date"),
        Plant::new(Fault::TooLong, "first_name"),
        Plant::new(Fault::NotUtf8, "last_name"),
        Plant::new(Fault::NulByte, "first_name"),
        Plant::new(Fault::RaggedRow, ""),
        Plant::new(Fault::DuplicateKey, "business_entity_id"),
    ],
    &[
        Plant::new(Fault::MissingField, "product_number"),
        Plant::new(Fault::NotANumber, "list_price"),
        Plant::new(Fault::OutOfRange, "safety_stock_level"),
        Plant::new(Fault::TooLong, "name"),
    ],
    &[
        Plant::new(Fault::MissingField, "account_number"),
        Plant::new(Fault::TooLong, "account_number"),
        Plant::new(Fault::RaggedRow, ""),
    ],
    &[],
    &[
        Plant::new(Fault::MissingField, "order_date"),
        Plant::new(Fault::NotANumber, "total_due"),
        Plant::new(Fault::ImpossibleTime, "order_date"),
        Plant::new(Fault::OutOfRange, "status"),
        Plant::new(Fault::RaggedRow, ""),
        Plant::new(Fault::UnknownReference, "customer_id"),
        Plant::new(Fault::DuplicateKey, "sales_order_id"),
    ],
    &[
        Plant::new(Fault::MissingField, "order_qty"),
        Plant::new(Fault::NotANumber, "unit_price"),
        Plant::new(Fault::OutOfRange, "order_qty"),
        Plant::new(Fault::ImpossibleTime, "modified_date"),
        Plant::new(Fault::TooLong, "carrier_tracking_number"),
        Plant::new(Fault::NotUtf8, "carrier_tracking_number"),
        Plant::new(Fault::RaggedRow, ""),
        Plant::new(Fault::UnknownReference, "product_id"),
        Plant::new(Fault::DuplicateKey, "sales_order_detail_id"),
    ],
];

/// What a line of an order has that is refused.
pub(super) const ORPHAN: Plant = Plant::new(Fault::MissingParent, "sales_order_id");

/// Tables that a fault's index has room for.
const TABLES: u64 = 8;

/// Which rows of *sales* have which fault.
#[derive(Debug)]
pub(super) struct RowFaults(Dirt);

impl RowFaults {
    /// Faults in a `share` of rows, of 1.
    pub(super) fn new(seed: u64, share: f64) -> Self {
        Self(Dirt::new(seed, share))
    }

    /// The fault of a row that a database takes, if it has one.
    pub(super) fn plant(&self, table: usize, id: u64) -> Option<Plant> {
        let plants = PLANTS[table];
        if plants.is_empty() {
            return None;
        }
        self.0
            .among(Stream::Dirt, id * TABLES + table as u64, plants)
    }

    /// The rule that a row breaks in a file. A key cannot be that of the row before if that one is refused.
    pub(super) fn breakage(&self, table: usize, id: u64) -> Option<Plant> {
        let own = self.drawn_breakage(table, id)?;
        let refused = id == 1 || self.drawn_breakage(table, id - 1).is_some();
        Some(if own.fault == Fault::DuplicateKey && refused {
            Self::first_breakage(table)
        } else {
            own
        })
    }

    /// The rule that a row would break, whatever becomes of the row before it.
    pub(super) fn drawn_breakage(&self, table: usize, id: u64) -> Option<Plant> {
        let index = id * TABLES + table as u64;
        self.0.among(Stream::Breakage, index, BREAKAGES[table])
    }

    /// What is planted where another breakage would break no rule.
    pub(super) fn first_breakage(table: usize) -> Plant {
        BREAKAGES[table][0]
    }
}
