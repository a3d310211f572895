//! Orders and their lines, whose totals add up exactly.

use values::text;

use crate::draw::random::{Draws, Share, Stream};
use crate::draw::sampling::Choice;
use crate::recipe::Recipe;
use crate::table::faults::{FAR_TIMES, Fault, FaultIn};
use crate::table::fields::{Fields, Row};
use crate::table::time::DAY;

use super::faults::{ORPHAN, RowFaults};
use super::layouts::{LINE, ORDER, PRODUCT};
use super::people::{contact, with_orders};
use super::products::{DISCOUNTED, OFFERED, PARTS, Product, offer, products};

/// One order in this many has no lines: at AdventureWorks' number of orders, that is ten of them.
const LOST_LINES: u32 = 3_146;
/// The first order without lines.
const FIRST_LOST: u32 = 100;
/// Share of orders that stores place.
const OF_STORES: Share = Share::new(0.125);
/// How many lines a store's order has: six quantiles. An online order's are drawn from `ONLINE_LINES`.
const STORE_LINES: [u32; 7] = [1, 4, 8, 12, 18, 28, 46];
/// Weights of 1, 2, 3 … lines of an online order.
const ONLINE_LINES: [f64; 8] = [34.0, 33.0, 18.0, 8.0, 4.0, 1.6, 0.9, 0.5];
/// How many pieces a line of a store's order has: five quantiles.
const STORE_PIECES: [u32; 6] = [1, 2, 3, 5, 9, 41];
/// Share of lines under an offer with a discount.
const WITH_DISCOUNT: Share = Share::new(0.06);
/// What a store pays of the list price, in thousandths.
const STORE_PRICE: u64 = 600;
/// The tax that is added to an order, in thousandths of its lines' total.
const TAX: u64 = 80;
/// The freight that is added to an order, in thousandths of its lines' total.
const FREIGHT: u64 = 25;

/// Growth of the business as pairs: how many of a million orders were placed before a day, and the day, counted from 2000-01-01.
const GROWTH: [(u64, i64); 5] = [
    (0, 4_168),
    (51_000, 4_383),
    (176_000, 4_749),
    (626_000, 5_114),
    (1_000_000, 5_295),
];
/// Days from an order to its shipping.
const SHIPPING_DAYS: i64 = 7;
/// Days from an order to when it is due.
const DUE_DAYS: i64 = 12;

/// An order's kind, and how many lines it has.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) online: bool,
    pub(super) lines: u32,
    /// Whether the order's lines are missing from their table.
    pub(super) lost: bool,
}

impl Shape {
    /// How many of the order's lines are in their table.
    pub(super) fn lines_in_table(self) -> u32 {
        if self.lost { 0 } else { self.lines }
    }
}

/// Everything that orders and their lines are drawn from.
pub(super) struct Orders {
    pub(super) seed: u64,
    /// How many orders there are.
    pub(super) count: u64,
    /// How many customers there are to place them.
    pub(super) customers: u32,
    pub(super) products: Vec<Product>,
    online_lines: Choice,
    pub(super) faults: RowFaults,
}

/// A row of `sales_order_header`.
pub(super) struct Order<'a> {
    orders: &'a Orders,
    id: u32,
    shape: Shape,
    day: i64,
    fault: Option<FaultIn>,
    file_fault: Option<FaultIn>,
}

/// A row of `sales_order_detail`.
pub(super) struct Line {
    order: u32,
    id: u64,
    online: bool,
    day: i64,
    pieces: u32,
    product: u32,
    offer: u32,
    /// The price of a piece, in ten-thousandths.
    price: u64,
    /// The discount in per cent.
    discount: u8,
    /// The total of the line, in ten-thousandths.
    total: u64,
    tracking: u32,
    rowguid: [u8; 16],
    fault: Option<FaultIn>,
    file_fault: Option<FaultIn>,
}

impl Orders {
    /// Prepares this many orders, with the customers and products that they need.
    pub(super) fn new(recipe: &Recipe, count: u32) -> Self {
        let faults = RowFaults::new(recipe.seed, recipe.dirty);
        let mut products = products(recipe.seed);
        for product in &mut products {
            let id = product.id;
            product.fault = faults.fault(PRODUCT, id.into());
            // A product that is in an offer would be refused together with all of its lines.
            if product.fault.is_none() && id <= PARTS {
                product.file_fault = faults.drawn_file_fault(PRODUCT, id.into());
            }
        }
        Self {
            seed: recipe.seed,
            count: count.into(),
            customers: ((u64::from(count) * 63 / 100) as u32).max(1),
            products,
            online_lines: Choice::new(&ONLINE_LINES),
            faults,
        }
    }

    /// Draws an order's kind, and how many lines it has.
    pub(super) fn shape(&self, order: u32) -> Shape {
        let mut draws = Draws::of(self.seed, Stream::OrderShape, order.into());
        let online = !draws.chance(OF_STORES);
        Shape {
            online,
            lines: if online {
                self.online_lines.draw(&mut draws) as u32 + 1
            } else {
                draws.between(&STORE_LINES)
            },
            lost: order % LOST_LINES == FIRST_LOST,
        }
    }

    /// The order with this id.
    pub(super) fn order(&self, id: u32) -> Order<'_> {
        let fault = self.faults.fault(ORDER, id.into());
        Order {
            orders: self,
            id,
            shape: self.shape(id),
            day: self.day(id),
            fault,
            file_fault: match fault {
                Some(_) => None,
                None => self.faults.file_fault(ORDER, id.into()),
            },
        }
    }

    /// The day of an order. Days ascend with ids.
    fn day(&self, order: u32) -> i64 {
        let place = u64::from(order - 1) * 1_000_000 / self.count;
        let after = GROWTH.partition_point(|(share, _)| *share <= place);
        let ((from, first), (to, end)) = (GROWTH[after - 1], GROWTH[after]);
        first + (place - from) as i64 * (end - first) / (to - from) as i64
    }

    /// The lines of an order as they are in their table. The first line has the id after `before`.
    pub(super) fn lines(&self, order: u32, before: u64) -> impl Iterator<Item = Line> {
        let order = self.order(order);
        (0..order.shape.lines_in_table()).map(move |nth| {
            let id = before + u64::from(nth) + 1;
            let line = self.line(&order, nth);
            let fault = self.faults.fault(LINE, id);
            Line {
                id,
                fault,
                file_fault: match fault {
                    _ if order.file_fault.is_some() => Some(ORPHAN),
                    Some(_) => None,
                    None => self.line_file_fault(id, nth),
                },
                ..line
            }
        })
    }

    /// A line before it gets its id and faults.
    fn line(&self, order: &Order<'_>, nth: u32) -> Line {
        let place = u64::from(order.id) << 8 | u64::from(nth);
        let mut draws = Draws::of(self.seed, Stream::Line, place);
        let row = if draws.chance(WITH_DISCOUNT) {
            OFFERED + draws.below(DISCOUNTED)
        } else {
            // Offers with lower numbers sell better.
            draws.below(OFFERED).min(draws.below(OFFERED * 2))
        };
        let offer = offer(self.seed, row);
        let online = order.shape.online;
        let list = u64::from(self.products[offer.product as usize - 1].cents) * 100;
        let price = if online {
            list
        } else {
            list * STORE_PRICE / 1_000
        };
        // With a discount in whole per cents, the price is in whole cents, so that a total has four digits, like an
        // order's.
        let price = if offer.discount == 0 {
            price
        } else {
            price / 100 * 100
        };
        let pieces = if online {
            1
        } else {
            draws.between(&STORE_PIECES)
        };
        Line {
            order: order.id,
            id: 0,
            online,
            day: order.day,
            pieces,
            product: offer.product,
            offer: offer.id,
            price,
            discount: offer.discount,
            total: price * u64::from(100 - offer.discount) / 100 * u64::from(pieces),
            tracking: draws.bits() as u32,
            rowguid: draws.uuid(),
            fault: None,
            file_fault: None,
        }
    }

    /// The fault that a line has only in a file, if it has one that breaks a rule. A line's key is its order and its id, and only
    /// the id may be repeated; so the first line of an order cannot repeat the key of the line before it, which is another order's.
    fn line_file_fault(&self, id: u64, nth: u32) -> Option<FaultIn> {
        let own = self.faults.file_fault(LINE, id)?;
        let first = RowFaults::first_file_fault(LINE);
        Some(if own.fault == Fault::DuplicateKey && nth == 0 {
            first
        } else {
            own
        })
    }
}

impl Row for Order<'_> {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        let draws = &mut Draws::of(self.orders.seed, Stream::Order, self.id.into());
        let customers = self.orders.customers;
        let drawn = 1 + draws.below(customers);
        let online = self.shape.online;
        let customer = if online {
            with_orders(drawn, customers)
        } else {
            contact(drawn, customers)
        };
        let last_day = GROWTH[GROWTH.len() - 1].1 - 1;
        let shipped = self.day + SHIPPING_DAYS <= last_day;
        fields.int4(self.id as i32);
        fields.int2(if shipped { 8 } else { 1 });
        fields.timestamp(self.day * DAY);
        fields.timestamp(match self.fault {
            Some(planted) if planted.fault == Fault::FarDate => FAR_TIMES[(self.id % 2) as usize],
            _ => (self.day + DUE_DAYS) * DAY,
        });
        let ship_day = (self.day + SHIPPING_DAYS) * DAY;
        fields.timestamp_or_null(shipped.then_some(ship_day));
        fields.int2(if shipped { 5 } else { 1 });
        fields.bool(online);
        text.clear();
        text.push_str("SO");
        text::padded(43_658 + u64::from(self.id), 0, text);
        fields.text(text);
        let number = u64::from(draws.below(1_000_000_000));
        if online {
            fields.null();
        } else {
            text.clear();
            text.push_str("PO");
            text::padded(number, 9, text);
            fields.text(text);
        }
        text.clear();
        text.push_str("10-40");
        text::padded(draws.below(40).into(), 2, text);
        text.push('-');
        text::padded(draws.below(1_000_000).into(), 6, text);
        fields.text(text);
        fields.int4(customer as i32);
        let sales_person = 274 + draws.below(17);
        fields.int4_or_null((!online).then_some(sales_person));
        fields.int4(1 + draws.below(10) as i32);
        let address = 1 + draws.below(30_000) as i32;
        fields.int4(address);
        fields.int4(address);
        fields.int4(if online { 1 } else { 5 });
        let card = (draws.below(100) < 96).then(|| 1 + draws.below(19_000));
        fields.int4_or_null(card);
        if card.is_some() {
            text.clear();
            text::padded(draws.below(1_000_000).into(), 6, text);
            text.push_str("Vi");
            text::padded(draws.below(100_000).into(), 5, text);
            fields.text(text);
        } else {
            fields.null();
        }
        let rate = 1 + draws.below(13_000);
        fields.int4_or_null((draws.below(100) < 44).then_some(rate));
        let total = (0..self.shape.lines).map(|nth| self.orders.line(self, nth).total);
        let sub_total: u64 = total.sum();
        let share = |thousandths: u64| (sub_total * thousandths + 500) / 1_000;
        let amounts = [sub_total, share(TAX), share(FREIGHT)];
        for amount in amounts {
            fields.numeric(amount as i64, 4);
        }
        fields.numeric(amounts.iter().sum::<u64>() as i64, 4);
        let in_comment = self.fault.filter(|planted| planted.column == "comment");
        if in_comment.is_some() || draws.below(100) == 0 {
            text.clear();
            text.push_str("Call before delivery");
            if let Some(FaultIn { fault, .. }) = in_comment {
                fault.plant_in(text);
            }
            fields.text(text);
        } else {
            fields.null();
        }
        fields.uuid(draws.uuid());
        fields.timestamp(ship_day);
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}

impl Row for Line {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.order as i32);
        fields.int4(self.id as i32);
        if self.online && self.fault.is_none() {
            fields.null();
        } else {
            let (first, second, third) = (
                self.tracking >> 16,
                self.tracking & 0xfff,
                self.order & 0xff,
            );
            text.clear();
            text.push_str(&format!("{first:04X}-4{second:03X}-{third:02X}"));
            if let Some(FaultIn { fault, .. }) = self.fault {
                fault.plant_in(text);
            }
            fields.text(text);
        }
        fields.int2(self.pieces as i16);
        fields.int4(self.product as i32);
        fields.int4(self.offer as i32);
        fields.numeric(self.price as i64, 4);
        fields.numeric(i64::from(self.discount) * 100, 4);
        fields.numeric(self.total as i64 * 100, 6);
        fields.uuid(self.rowguid);
        fields.timestamp(self.day * DAY);
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}
