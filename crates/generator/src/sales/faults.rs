//! The faults that rows of *sales* can have, and which row has which.

use crate::draw::random::Stream;
use crate::table::faults::{Fault, FaultIn, Faults};

/// Faults that rows of each table can have, wherever they go.
const FAULTS: [&[FaultIn]; 6] = [
    &texts("first_name"),
    &texts("name"),
    &[],
    &[],
    &{
        let [a, b, c, d, e] = texts("comment");
        [a, b, c, d, e, FaultIn::new(Fault::FarDate, "due_date")]
    },
    &texts("carrier_tracking_number"),
];

const fn texts(column: &'static str) -> [FaultIn; 5] {
    [
        FaultIn::new(Fault::TrailingSpace, column),
        FaultIn::new(Fault::Quotes, column),
        FaultIn::new(Fault::LineBreak, column),
        FaultIn::new(Fault::Delimiters, column),
        FaultIn::new(Fault::PathCharacters, column),
    ]
}

/// Faults that break a rule, by table. A row that names a refused row is refused as well, unless the named row may be missing. So
/// only these can have such a fault: orders, whose lines are refused with them, products that are in no offer, and customers
/// without orders. The first fault of each table is planted where another one would not break a rule.
const FILE_FAULTS: [&[FaultIn]; 6] = [
    &[
        FaultIn::new(Fault::MissingField, "last_name"),
        FaultIn::new(Fault::NotANumber, "email_promotion"),
        FaultIn::new(Fault::ImpossibleTime, "modified_date"),
        FaultIn::new(Fault::TooLong, "first_name"),
        FaultIn::new(Fault::NotUtf8, "last_name"),
        FaultIn::new(Fault::NulByte, "first_name"),
        FaultIn::new(Fault::RaggedRow, ""),
        FaultIn::new(Fault::DuplicateKey, "business_entity_id"),
    ],
    &[
        FaultIn::new(Fault::MissingField, "product_number"),
        FaultIn::new(Fault::NotANumber, "list_price"),
        FaultIn::new(Fault::OutOfRange, "safety_stock_level"),
        FaultIn::new(Fault::TooLong, "name"),
    ],
    &[
        FaultIn::new(Fault::MissingField, "account_number"),
        FaultIn::new(Fault::TooLong, "account_number"),
        FaultIn::new(Fault::RaggedRow, ""),
    ],
    &[],
    &[
        FaultIn::new(Fault::MissingField, "order_date"),
        FaultIn::new(Fault::NotANumber, "total_due"),
        FaultIn::new(Fault::ImpossibleTime, "order_date"),
        FaultIn::new(Fault::OutOfRange, "status"),
        FaultIn::new(Fault::RaggedRow, ""),
        FaultIn::new(Fault::UnknownReference, "customer_id"),
        FaultIn::new(Fault::DuplicateKey, "sales_order_id"),
    ],
    &[
        FaultIn::new(Fault::MissingField, "order_qty"),
        FaultIn::new(Fault::NotANumber, "unit_price"),
        FaultIn::new(Fault::OutOfRange, "order_qty"),
        FaultIn::new(Fault::ImpossibleTime, "modified_date"),
        FaultIn::new(Fault::TooLong, "carrier_tracking_number"),
        FaultIn::new(Fault::NotUtf8, "carrier_tracking_number"),
        FaultIn::new(Fault::RaggedRow, ""),
        FaultIn::new(Fault::UnknownReference, "product_id"),
        FaultIn::new(Fault::DuplicateKey, "sales_order_detail_id"),
    ],
];

/// The fault of a line of a refused order.
pub(super) const ORPHAN: FaultIn = FaultIn::new(Fault::MissingParent, "sales_order_id");

/// How many tables the index of a row's fault has room for.
const TABLES: u64 = 8;

/// Which rows of *sales* have which fault.
#[derive(Debug)]
pub(super) struct RowFaults(Faults);

impl RowFaults {
    /// Plants faults in a `share` of rows, of 1.
    pub(super) fn new(seed: u64, share: f64) -> Self {
        Self(Faults::new(seed, share))
    }

    /// The fault that a row has both in a database and in a file, if it has one.
    pub(super) fn fault(&self, table: usize, id: u64) -> Option<FaultIn> {
        let faults = FAULTS[table];
        if faults.is_empty() {
            return None;
        }
        self.0
            .draw(Stream::Fault, id * TABLES + table as u64, faults)
    }

    /// The fault that a row has only in a file, if it has one that breaks a rule. A row cannot repeat the key of the row before it
    /// if that row is refused.
    pub(super) fn file_fault(&self, table: usize, id: u64) -> Option<FaultIn> {
        let own = self.drawn_file_fault(table, id)?;
        let refused = id == 1 || self.drawn_file_fault(table, id - 1).is_some();
        Some(if own.fault == Fault::DuplicateKey && refused {
            Self::first_file_fault(table)
        } else {
            own
        })
    }

    /// The fault that a row would have in a file, whether or not the row before it is refused.
    pub(super) fn drawn_file_fault(&self, table: usize, id: u64) -> Option<FaultIn> {
        let index = id * TABLES + table as u64;
        self.0.draw(Stream::FileFault, index, FILE_FAULTS[table])
    }

    /// The fault that is planted in a row where another fault would break no rule.
    pub(super) fn first_file_fault(table: usize) -> FaultIn {
        FILE_FAULTS[table][0]
    }
}
