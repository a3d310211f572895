//! Who buys: persons, and the customers that some of them are.

use values::text;

use crate::draw::english;
use crate::draw::random::{Draws, Stream};
use crate::table::faults::FaultIn;
use crate::table::fields::{Fields, Row};
use crate::table::time::{DAY, SECOND};

/// One customer in this many is of each special kind.
const KINDS: u32 = 28;
/// The first day that a row was changed on, 2008-01-01, in days from 2000-01-01.
const FIRST_DAY: i64 = 2_922;
/// How many days rows were changed on, until 2014-07-01.
const DAYS: u32 = 2_373;

const NAMESPACE: &str = "http://schemas.microsoft.com/sqlserver/2004/07/adventure-works";

/// What a customer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CustomerKind {
    /// A person who is in the table of persons.
    Person,
    /// A customer who names a person that is not in the table of persons.
    Stranger,
    /// A store without a person, and without orders.
    Store,
    /// A person who buys for a store.
    Contact,
}

impl CustomerKind {
    /// The kind of the customer with this id.
    pub(super) fn of(customer: u32) -> Self {
        match customer % KINDS {
            7 => Self::Stranger,
            14 => Self::Store,
            21 => Self::Contact,
            _ => Self::Person,
        }
    }
}

/// A customer who has orders: `customer`, or else the next one if there is one.
pub(super) fn with_orders(customer: u32, customers: u32) -> u32 {
    match CustomerKind::of(customer) {
        CustomerKind::Store if customer < customers => customer + 1,
        CustomerKind::Store => customer - 1,
        _ => customer,
    }
}

/// The contact nearest to `customer`, or `customer` if there are none.
pub(super) fn contact(customer: u32, customers: u32) -> u32 {
    let contact = customer / KINDS * KINDS + 21;
    if contact <= customers {
        contact
    } else {
        with_orders(customer, customers)
    }
}

/// A row of `person`.
pub(super) struct Person {
    pub(super) id: u32,
    pub(super) seed: u64,
    /// Whether there is a customer with this id, who then is this person.
    pub(super) is_customer: bool,
    pub(super) fault: Option<FaultIn>,
    pub(super) file_fault: Option<FaultIn>,
}

impl Row for Person {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        let draws = &mut Draws::of(self.seed, Stream::Person, self.id.into());
        let (given, family) = (english::given(draws), english::family(draws));
        let kind = CustomerKind::of(self.id);
        fields.int4(self.id as i32);
        fields.text(match kind {
            CustomerKind::Person if self.is_customer => "IN",
            CustomerKind::Contact if self.is_customer => "SC",
            _ => draws.pick::<&str>(&["EM", "VC", "GC", "SP"]),
        });
        fields.bool(false);
        let title = draws.pick::<&str>(&["Mr.", "Ms.", "Mrs."]);
        fields.text_or_null((draws.below(100) < 5).then_some(title));
        text.clear();
        text.push_str(given);
        if let Some(FaultIn { fault, .. }) = self.fault {
            fault.plant_in(text);
        }
        fields.text(text);
        let middle = english::given(draws);
        fields.text_or_null(match draws.below(100) {
            0..42 => None,
            42..90 => middle.get(..1),
            _ => Some(middle),
        });
        fields.text(family);
        let suffix = draws.pick::<&str>(&["Jr.", "II", "III", "Sr."]);
        fields.text_or_null((draws.below(1000) < 3).then_some(suffix));
        fields.int4(draws.between(&[0, 1, 1, 3]) as i32);
        let telephone = draws.below(10_000);
        if draws.below(1000) < 5 {
            text.clear();
            text.push_str(&format!(
                "<AdditionalContactInfo xmlns=\"{NAMESPACE}/ContactInfo\"><telephoneNumber>555-{telephone:04}</telephoneNumber>\
                 </AdditionalContactInfo>"
            ));
            fields.text(text);
        } else {
            fields.null();
        }
        if draws.below(100) < 80 {
            text.clear();
            text.push_str(&format!(
                "<IndividualSurvey xmlns=\"{NAMESPACE}/IndividualSurvey\"><TotalPurchaseYTD>{}</TotalPurchaseYTD>\
                 <NumberCarsOwned>{}</NumberCarsOwned></IndividualSurvey>",
                draws.below(9_000),
                draws.below(5)
            ));
            fields.text(text);
        } else {
            fields.null();
        }
        fields.uuid(draws.uuid());
        fields.timestamp(modified(draws));
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}

/// A row of `customer`.
pub(super) struct Customer {
    pub(super) id: u32,
    pub(super) seed: u64,
    /// The last person's id: customers with a higher id are strangers.
    pub(super) persons: u32,
    pub(super) file_fault: Option<FaultIn>,
}

impl Row for Customer {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        let draws = &mut Draws::of(self.seed, Stream::Customer, self.id.into());
        let kind = CustomerKind::of(self.id);
        fields.int4(self.id as i32);
        fields.int4_or_null(match kind {
            CustomerKind::Store => None,
            CustomerKind::Stranger => Some(self.persons + self.id),
            CustomerKind::Person | CustomerKind::Contact => Some(self.id),
        });
        let store = matches!(kind, CustomerKind::Store | CustomerKind::Contact);
        fields.int4_or_null(store.then_some(self.id / KINDS + 292));
        fields.int4(1 + draws.below(10) as i32);
        text.clear();
        text.push_str("AW");
        text::padded(self.id.into(), 8, text);
        fields.text(&text[..10]);
        fields.uuid(draws.uuid());
        fields.timestamp(modified(draws));
    }

    fn fault(&self) -> Option<FaultIn> {
        None
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}

/// Draws when a row was last changed: exact to the millisecond, or at midnight.
fn modified(draws: &mut Draws) -> i64 {
    let day = (FIRST_DAY + i64::from(draws.below(DAYS))) * DAY;
    let millis = i64::from(draws.below(86_400_000));
    if draws.below(4) > 0 {
        day
    } else {
        day + millis * (SECOND / 1_000)
    }
}
