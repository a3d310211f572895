//! The dataset *sales*: AdventureWorks' persons, products, customers, offers, and orders with their lines.
//!
//! All numbers of rows follow from the number of orders. Only lines need a plan: their ids depend on
//! how many lines all orders before them have, which is counted once and kept for each block of orders.

mod faults;
mod layouts;
mod orders;
mod people;
mod products;

use std::ops::Range;

use database::Cancel;
use dataset::failure::Kind;

use crate::encode::encoding::{EncodeAs, Encoding};
use crate::encode::{Format, HandOver, blocks};
use crate::recipe::Recipe;
use crate::table::RowSource;
use crate::table::faults::FaultCounts;
use crate::table::layout::{Layout, Part, even_parts, even_rows};

pub(crate) use layouts::LAYOUTS;
use layouts::{CUSTOMER, LINE, OFFER, ORDER, PERSON, PRODUCT};
use orders::{Line, Orders};
use people::{Customer, CustomerKind, Person};
use products::{OFFER_ROWS, PRODUCTS, offer};

/// The most orders that one call can make. Account numbers have eight digits for the customers, of whom there are 63 for
/// 100 orders; ids of lines are integers, and an order has nearly four lines.
pub(crate) const MAX_ORDERS: u32 = 100_000_000;

/// The rows of *sales*.
pub(crate) struct Sales {
    orders: Orders,
    persons: u32,
    /// How many lines come before each block of orders; the last entry counts all lines.
    lines: Vec<u64>,
}

impl Sales {
    /// Plans the rows of this many orders.
    ///
    /// # Errors
    /// [`Kind::Usage`] if an id would not fit its column, [`Kind::Interrupted`].
    pub(crate) fn new(recipe: &Recipe, orders: u32, cancel: &Cancel) -> anyhow::Result<Self> {
        let mut sales = Self {
            orders: Orders::new(recipe, orders),
            persons: 0,
            lines: vec![0],
        };
        let customers = sales.orders.customers;
        // The last persons are not customers, and neither are those who share an id with a stranger or a store.
        sales.persons = customers + customers / 130;
        for block in 0..even_parts(sales.orders.count, 1).len() {
            cancel.check()?;
            let in_block: u64 = sales
                .orders_of(&(block..block + 1))
                .map(|order| u64::from(sales.orders.shape(order).lines_in_table()))
                .sum();
            sales.lines.push(sales.lines[block] + in_block);
        }
        if sales.rows(LINE) > i32::MAX as u64 {
            return Err(Kind::Usage.error(format!(
                "{orders} orders are too many: ids are integers, which end at {}",
                i32::MAX
            )));
        }
        Ok(sales)
    }

    fn orders_of(&self, part: &Part) -> Range<u32> {
        let rows = even_rows(part, self.orders.count);
        rows.start as u32 + 1..rows.end as u32 + 1
    }

    fn person(&self, id: u32) -> Person {
        let fault = self.orders.faults.fault(PERSON, id.into());
        Person {
            id,
            seed: self.orders.seed,
            is_customer: id <= self.orders.customers,
            fault,
            file_fault: match fault {
                Some(_) => None,
                None => self.orders.faults.file_fault(PERSON, id.into()),
            },
        }
    }

    fn customer(&self, id: u32) -> Customer {
        Customer {
            id,
            seed: self.orders.seed,
            persons: self.persons,
            // Only stores get such a fault: they have no orders, which would be refused together with their customer.
            file_fault: match CustomerKind::of(id) {
                CustomerKind::Store => self.orders.faults.file_fault(CUSTOMER, id.into()),
                _ => None,
            },
        }
    }

    fn lines_of(&self, part: &Part) -> impl Iterator<Item = Line> {
        let mut before = self.lines[part.start];
        self.orders_of(part).flat_map(move |order| {
            let first = before;
            before += u64::from(self.orders.shape(order).lines_in_table());
            self.orders.lines(order, first)
        })
    }
}

impl EncodeAs for Sales {
    fn encode_as<F: Format>(
        &self,
        table: usize,
        part: &Part,
        format: &mut F,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        let (layout, rows) = (&LAYOUTS[table], even_rows(part, self.rows(table)));
        let ids = rows.start as u32 + 1..rows.end as u32 + 1;
        match table {
            PERSON => blocks(ids.map(|id| self.person(id)), layout, format, hand_over),
            PRODUCT => {
                let products = self.orders.products[rows.start as usize..rows.end as usize].iter();
                blocks(products, layout, format, hand_over)
            }
            CUSTOMER => blocks(ids.map(|id| self.customer(id)), layout, format, hand_over),
            OFFER => {
                let offers = ids.map(|id| offer(self.orders.seed, id - 1));
                blocks(offers, layout, format, hand_over)
            }
            ORDER => blocks(
                ids.map(|id| self.orders.order(id)),
                layout,
                format,
                hand_over,
            ),
            _ => blocks(self.lines_of(part), layout, format, hand_over),
        }
    }
}

impl RowSource for Sales {
    fn tables(&self) -> &'static [Layout] {
        &LAYOUTS
    }

    fn rows(&self, table: usize) -> u64 {
        match table {
            PERSON => self.persons.into(),
            PRODUCT => PRODUCTS.into(),
            CUSTOMER => self.orders.customers.into(),
            OFFER => OFFER_ROWS.into(),
            ORDER => self.orders.count,
            _ => self.lines[self.lines.len() - 1],
        }
    }

    fn highest(&self, table: usize) -> u64 {
        match table {
            OFFER => PRODUCTS.into(),
            table => self.rows(table),
        }
    }

    fn parts(&self, table: usize, rows: u64) -> Vec<Part> {
        match table {
            // This many orders have that many lines on average.
            LINE => even_parts(self.orders.count, rows / 4),
            table => even_parts(self.rows(table), rows),
        }
    }

    fn keys(&self, table: usize, part: &Part) -> (u64, u64) {
        match table {
            LINE => (self.lines[part.start], self.lines[part.end]),
            // All offers are in one part, which has room for more than there are.
            OFFER => (0, PRODUCTS.into()),
            table => {
                let rows = even_rows(part, self.rows(table));
                (rows.start, rows.end)
            }
        }
    }

    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        encoding.encode(self, table, part, hand_over)
    }
}
