//! What is sold: AdventureWorks' kinds of products in their colours and sizes, and the offers that they are sold
//! under.

use crate::draw::random::{Draws, Stream};
use crate::table::faults::FaultIn;
use crate::table::fields::{Fields, Row};
use crate::table::time::DAY;

/// How many products there are: as many as in AdventureWorks.
pub(super) const PRODUCTS: u32 = 504;
/// How many products are parts, which have the lowest ids and are in no offer.
pub(super) const PARTS: u32 = 155;
/// How many products are in offers.
pub(super) const OFFERED: u32 = PRODUCTS - PARTS;
/// How many rows offers have: one without a discount for each product, and some with one.
pub(super) const OFFER_ROWS: u32 = OFFERED + DISCOUNTED;
/// How many products are in offers with a discount: as many as in AdventureWorks.
pub(super) const DISCOUNTED: u32 = 189;
/// How many products one offer with a discount has.
const PER_OFFER: u32 = 13;
/// Discounts of the offers from the second on, in per cent.
const DISCOUNTS: [u8; 15] = [2, 5, 10, 15, 20, 35, 10, 50, 30, 35, 15, 20, 40, 5, 50];

/// The days when the assortment changed, counted from 2000-01-01: 2011-05-31, and a year and two years later.
const SEASONS: [i64; 3] = [4_168, 4_533, 4_898];

/// Products that share a name, in all of their colours and sizes.
struct Family {
    names: &'static [&'static str],
    /// What stands between the name and the colour.
    join: &'static str,
    colors: &'static [&'static str],
    sizes: &'static [&'static str],
    days: u32,
    /// The price of products of the first name, in cents; the others cost more.
    cents: u32,
    /// The unit of weight, and the weight in hundredths of it.
    weight: Option<(&'static str, u32)>,
    subcategory: Option<u32>,
}

const FRAME_SIZES: &[&str] = &["38", "42", "44", "48", "52", "58"];
const BIKE_SIZES: &[&str] = &["42", "44", "48", "52", "58"];

/// Families of products in the order of ids; together they have at least [`PRODUCTS`].
#[rustfmt::skip]
const FAMILIES: [Family; 5] = [
    Family {
        names: &["Lock Washer", "Hex Nut", "Flat Washer", "Thin-Jam Hex Nut", "Metal Sheet"],
        join: " ", colors: &["Black", "Silver", ""],
        sizes: &["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11"],
        days: 0, cents: 0, weight: None, subcategory: None,
    },
    Family {
        names: &[
            "LL Crankset", "ML Crankset", "HL Crankset", "LL Bottom Bracket", "ML Bottom Bracket", "HL Bottom Bracket",
            "LL Fork", "ML Fork", "HL Fork", "LL Headset", "ML Headset", "HL Headset", "LL Road Handlebars",
            "ML Road Handlebars", "HL Road Handlebars", "LL Mountain Pedal", "ML Mountain Pedal", "HL Mountain Pedal",
            "LL Road Front Wheel", "ML Road Front Wheel", "HL Road Front Wheel", "LL Mountain Rear Wheel",
            "ML Mountain Rear Wheel", "HL Mountain Rear Wheel", "LL Touring Seat Assembly",
            "ML Touring Seat Assembly", "HL Touring Seat Assembly", "Chain", "Front Brakes", "Rear Brakes",
            "Front Derailleur", "Rear Derailleur",
        ],
        join: " - ", colors: &["Black", "Silver"], sizes: &[""],
        days: 1, cents: 2_024, weight: Some(("G  ", 31_700)), subcategory: Some(8),
    },
    Family {
        names: &[
            "Long-Sleeve Logo Jersey", "Short-Sleeve Classic Jersey", "Men's Sports Shorts", "Women's Tights",
            "Half-Finger Gloves", "Full-Finger Gloves", "Classic Vest", "Racing Socks", "Men's Bib-Shorts",
            "AWC Logo Cap",
        ],
        join: " ", colors: &[""], sizes: &["S", "M", "L", "XL"],
        days: 0, cents: 899, weight: None, subcategory: Some(21),
    },
    Family {
        names: &[
            "LL Road Frame", "ML Road Frame", "HL Road Frame", "LL Mountain Frame", "ML Mountain Frame",
            "HL Mountain Frame", "LL Touring Frame", "HL Touring Frame",
        ],
        join: " - ", colors: &["Black", "Red"], sizes: FRAME_SIZES,
        days: 2, cents: 33_722, weight: Some(("LB ", 224)), subcategory: Some(14),
    },
    Family {
        names: &[
            "Road-750", "Road-650", "Road-550-W", "Road-450", "Road-350-W", "Road-250", "Road-150", "Mountain-500",
            "Mountain-400-W", "Mountain-300", "Mountain-200", "Mountain-100", "Touring-3000", "Touring-2000",
            "Touring-1000",
        ],
        join: " ", colors: &["Black", "Yellow"], sizes: BIKE_SIZES,
        days: 4, cents: 53_999, weight: Some(("LB ", 1_514)), subcategory: Some(2),
    },
];

/// A row of `product`.
#[derive(Debug, Clone)]
pub(super) struct Product {
    pub(super) id: u32,
    name: String,
    color: &'static str,
    size: &'static str,
    size_unit: Option<&'static str>,
    weight: Option<(&'static str, u32)>,
    days: u32,
    /// The list price, in cents.
    pub(super) cents: u32,
    cost: u32,
    grade: usize,
    subcategory: Option<u32>,
    model: u32,
    stock: u32,
    season: usize,
    ended: bool,
    rowguid: [u8; 16],
    pub(super) fault: Option<FaultIn>,
    pub(super) file_fault: Option<FaultIn>,
}

/// All products, by their ids.
pub(super) fn products(seed: u64) -> Vec<Product> {
    let mut made = Vec::new();
    let mut model = 0;
    for family in &FAMILIES {
        for (nth, name) in (0..).zip(family.names) {
            model += 1;
            for color in family.colors {
                for size in family.sizes {
                    // The families would give more parts than there are to be.
                    let is_spare = family.subcategory.is_none() && made.len() as u32 >= PARTS;
                    if is_spare || made.len() as u32 == PRODUCTS {
                        continue;
                    }
                    let id = made.len() as u32 + 1;
                    made.push(product(seed, id, model, family, (nth, name), color, size));
                }
            }
        }
    }
    made
}

fn product(
    seed: u64,
    id: u32,
    model: u32,
    family: &Family,
    (nth, family_name): (u32, &str),
    color: &'static str,
    size: &'static str,
) -> Product {
    let mut draws = Draws::of(seed, Stream::Product, id.into());
    let mut name = family_name.to_owned();
    if !color.is_empty() {
        name.push_str(family.join);
        name.push_str(color);
    }
    if family.subcategory.is_none() {
        name.push(' ');
        name.push_str(size);
    } else if !size.is_empty() {
        name.push_str(", ");
        name.push_str(size);
    }
    let cents = family.cents + family.cents / 2 * nth;
    let is_bike_or_frame = family.days > 1;
    Product {
        id,
        name,
        color,
        size: if family.subcategory.is_none() {
            ""
        } else {
            size
        },
        size_unit: is_bike_or_frame.then_some("CM "),
        weight: family
            .weight
            .map(|(unit, weight)| (unit, weight + draws.below(weight / 4))),
        days: family.days,
        cents,
        // The cost has four digits after the point.
        cost: cents * 55 + draws.below(cents.max(1) * 10),
        grade: draws.below(4) as usize,
        subcategory: family.subcategory,
        model,
        stock: *draws.pick(&[4, 60, 100, 500, 800, 1000]),
        season: draws.below(3) as usize,
        ended: draws.below(5) == 0,
        rowguid: draws.uuid(),
        fault: None,
        file_fault: None,
    }
}

impl Row for &Product {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        let optional = |text: &'static str| (!text.is_empty()).then_some(text);
        fields.int4(self.id as i32);
        text.clear();
        text.push_str(&self.name);
        if let Some(FaultIn { fault, .. }) = self.fault {
            fault.plant_in(text);
        }
        fields.text(text);
        text.clear();
        text.extend(self.name.chars().filter(char::is_ascii_uppercase).take(2));
        text.push_str(&format!("-{:04}", 1000 + self.id * 7));
        fields.text(text);
        let sold = self.subcategory.is_some();
        fields.bool(sold && self.days > 0);
        fields.bool(sold);
        fields.text_or_null(optional(self.color));
        fields.int2(self.stock as i16);
        fields.int2(self.stock as i16 / 4 * 3);
        fields.numeric(self.cost.into(), 4);
        fields.numeric(i64::from(self.cents) * 100, 4);
        fields.text_or_null(optional(self.size));
        fields.text_or_null(self.size_unit);
        fields.text_or_null(self.weight.map(|(unit, _)| unit));
        match self.weight {
            Some((_, weight)) => fields.numeric(weight.into(), 2),
            None => fields.null(),
        }
        fields.int4(self.days as i32);
        // Codes are padded with a blank, as in AdventureWorks.
        for codes in [
            ["R ", "M ", "T ", ""],
            ["H ", "M ", "L ", ""],
            ["U ", "W ", "M ", ""],
        ] {
            fields.text_or_null(optional(codes[if sold { self.grade } else { 3 }]));
        }
        fields.int4_or_null(self.subcategory);
        fields.int4_or_null(sold.then_some(self.model));
        let start = SEASONS[self.season];
        fields.timestamp(start * DAY);
        let end = SEASONS.get(self.season + 1).filter(|_| self.ended);
        fields.timestamp_or_null(end.map(|end| (end - 1) * DAY));
        fields.null();
        fields.uuid(self.rowguid);
        fields.timestamp(5_152 * DAY + 36_060_000_000);
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}

/// A row of `special_offer_product`, with the offer's discount in per cent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Offer {
    pub(super) id: u32,
    pub(super) product: u32,
    pub(super) discount: u8,
    rowguid: [u8; 16],
}

/// The offer in a row, counted from 0.
pub(super) fn offer(seed: u64, row: u32) -> Offer {
    let rowguid = Draws::of(seed, Stream::Offer, row.into()).uuid();
    let Some(nth) = row.checked_sub(OFFERED) else {
        return Offer {
            id: 1,
            product: PARTS + 1 + row,
            discount: 0,
            rowguid,
        };
    };
    let (offer, place) = (nth / PER_OFFER, nth % PER_OFFER);
    Offer {
        id: offer + 2,
        // Steps of 26 don't meet within an offer.
        product: PARTS + 1 + (place * 26 + offer * 7) % OFFERED,
        discount: DISCOUNTS[offer as usize],
        rowguid,
    }
}

impl Row for Offer {
    fn encode(&self, _text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        fields.int4(self.product as i32);
        fields.uuid(self.rowguid);
        fields.timestamp((SEASONS[0] - 30) * DAY);
    }

    fn fault(&self) -> Option<FaultIn> {
        None
    }
}
