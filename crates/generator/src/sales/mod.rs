//! The dataset *sales*: AdventureWorks' persons, products, customers, offers, and orders with their lines.
//!
//! All follow from the number of orders. Only lines need a plan: their ids follow from the numbers of lines of all
//! orders before, which are counted once and kept for each block of orders.

mod layouts;
mod orders;
mod people;
mod products;

use std::ops::Range;

use database::Cancel;
use dataset::failure::Kind as Failure;

use crate::draw::random::Stream;
use crate::draw::sampling::Choice;
use crate::encode::encoding::{EncodeAs, Encoding};
use crate::encode::{Format, HandOver, blocks};
use crate::recipe::Recipe;
use crate::table::Source;
use crate::table::faults::{Dirt, Fault, Plant, Planted};
use crate::table::layout::{Layout, Part, even_parts, even_rows};

pub(crate) use layouts::LAYOUTS;
use layouts::{BREAKAGES, CUSTOMER, LINE, OFFER, ORDER, PERSON, PLANTS, PRODUCT};
use orders::{Line, ONLINE_LINES};
use people::{Customer, Kind, Person};
use products::{OFFER_ROWS, PARTS, PRODUCTS, Product, offer, products};

/// The most orders that one call can make: account numbers have eight digits for the customers, of whom there are
/// 63 for 100 orders, and lines, of whom there are nearly four for an order, have integers for ids.
pub(crate) const MAX_ORDERS: u32 = 100_000_000;
/// Tables that a fault's index has room for.
const TABLES: u64 = 8;

/// The rows of *sales*.
pub(crate) struct Sales {
    seed: u64,
    orders: u64,
    customers: u32,
    persons: u32,
    products: Vec<Product>,
    online_lines: Choice,
    dirt: Dirt,
    /// Lines before each block of orders, and all at the end.
    lines: Vec<u64>,
}

impl Sales {
    /// The rows of so many orders.
    ///
    /// # Errors
    /// [`Usage`](Failure::Usage) if an id would not fit its column, [`Interrupted`](Failure::Interrupted).
    pub(crate) fn new(recipe: &Recipe, orders: u32, cancel: &Cancel) -> anyhow::Result<Self> {
        let customers = ((u64::from(orders) * 63 / 100) as u32).max(1);
        let mut sales = Self {
            seed: recipe.seed,
            orders: orders.into(),
            customers,
            // Some persons are no customers, as the strangers' and stores' places among them are.
            persons: customers + customers / 130,
            products: products(recipe.seed),
            online_lines: Choice::new(&ONLINE_LINES),
            dirt: Dirt::new(recipe.seed, recipe.dirty),
            lines: vec![0],
        };
        for index in 0..PRODUCTS {
            let id = index + 1;
            let product = &mut sales.products[index as usize];
            product.plant = plant(&sales.dirt, PRODUCT, id.into());
            // What is in an offer would be refused with all of its lines.
            if product.plant.is_none() && id <= PARTS {
                product.breakage = breakage(&sales.dirt, PRODUCT, id.into());
            }
        }
        for block in 0..even_parts(sales.orders, 1).len() {
            cancel.check()?;
            let in_block: u64 = sales
                .orders_of(&(block..block + 1))
                .map(|order| sales.shape(order))
                .map(|shape| if shape.lost { 0 } else { shape.lines.into() })
                .sum();
            sales.lines.push(sales.lines[block] + in_block);
        }
        if sales.rows(LINE) > i32::MAX as u64 {
            return Err(Failure::Usage.error(format!(
                "{orders} orders are too many: ids are integers, which end at {}",
                i32::MAX
            )));
        }
        Ok(sales)
    }

    fn orders_of(&self, part: &Part) -> Range<u32> {
        let rows = even_rows(part, self.orders);
        rows.start as u32 + 1..rows.end as u32 + 1
    }

    fn plant(&self, table: usize, id: u64) -> Option<Plant> {
        plant(&self.dirt, table, id)
    }

    /// The rule that a row breaks in a file. A key cannot be that of the row before if that one is refused.
    fn breakage(&self, table: usize, id: u64) -> Option<Plant> {
        let own = breakage(&self.dirt, table, id)?;
        let refused = id == 1 || breakage(&self.dirt, table, id - 1).is_some();
        Some(if own.fault == Fault::DuplicateKey && refused {
            self.first_breakage(table)
        } else {
            own
        })
    }

    /// What is planted where another breakage would break no rule.
    fn first_breakage(&self, table: usize) -> Plant {
        BREAKAGES[table][0]
    }

    fn person(&self, id: u32) -> Person {
        let plant = self.plant(PERSON, id.into());
        Person {
            id,
            seed: self.seed,
            is_customer: id <= self.customers,
            plant,
            breakage: match plant {
                Some(_) => None,
                None => self.breakage(PERSON, id.into()),
            },
        }
    }

    fn customer(&self, id: u32) -> Customer {
        Customer {
            id,
            seed: self.seed,
            persons: self.persons,
            // The only ones without orders, which would be refused with them.
            breakage: match Kind::of(id) {
                Kind::Store => self.breakage(CUSTOMER, id.into()),
                _ => None,
            },
        }
    }

    fn lines_of(&self, part: &Part) -> impl Iterator<Item = Line> {
        let mut before = self.lines[part.start];
        self.orders_of(part).flat_map(move |order| {
            let first = before;
            let shape = self.shape(order);
            if !shape.lost {
                before += u64::from(shape.lines);
            }
            self.lines(order, first)
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
    ) -> anyhow::Result<Planted> {
        let (layout, rows) = (&LAYOUTS[table], even_rows(part, self.rows(table)));
        let ids = rows.start as u32 + 1..rows.end as u32 + 1;
        match table {
            PERSON => blocks(ids.map(|id| self.person(id)), layout, format, hand_over),
            PRODUCT => {
                let products = self.products[rows.start as usize..rows.end as usize].iter();
                blocks(products, layout, format, hand_over)
            }
            CUSTOMER => blocks(ids.map(|id| self.customer(id)), layout, format, hand_over),
            OFFER => {
                let offers = ids.map(|id| offer(self.seed, id - 1));
                blocks(offers, layout, format, hand_over)
            }
            ORDER => blocks(ids.map(|id| self.order(id)), layout, format, hand_over),
            _ => blocks(self.lines_of(part), layout, format, hand_over),
        }
    }
}

fn plant(dirt: &Dirt, table: usize, id: u64) -> Option<Plant> {
    let plants = PLANTS[table];
    if plants.is_empty() {
        return None;
    }
    dirt.among(Stream::Dirt, id * TABLES + table as u64, plants)
}

fn breakage(dirt: &Dirt, table: usize, id: u64) -> Option<Plant> {
    let index = id * TABLES + table as u64;
    dirt.among(Stream::Breakage, index, BREAKAGES[table])
}

impl Source for Sales {
    fn tables(&self) -> &'static [Layout] {
        &LAYOUTS
    }

    fn rows(&self, table: usize) -> u64 {
        match table {
            PERSON => self.persons.into(),
            PRODUCT => PRODUCTS.into(),
            CUSTOMER => self.customers.into(),
            OFFER => OFFER_ROWS.into(),
            ORDER => self.orders,
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
            // As many orders as have so many lines on the average.
            LINE => even_parts(self.orders, rows / 4),
            table => even_parts(self.rows(table), rows),
        }
    }

    fn keys(&self, table: usize, part: &Part) -> (u64, u64) {
        match table {
            LINE => (self.lines[part.start], self.lines[part.end]),
            // All in one part, as there are fewer of them than a part has.
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
    ) -> anyhow::Result<Planted> {
        encoding.encode(self, table, part, hand_over)
    }
}
