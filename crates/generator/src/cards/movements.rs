//! The movements of one card in the order of their days: purchases, what is given back, and subscriptions.

use dataset::calendar::Date;

use crate::cards::distributions::MOST_SUBSCRIPTIONS;
use crate::cards::names::Names;
use crate::cards::purchase::{Buyer, Purchase, Purchases};
use crate::cards::rows::{Cartao, Movimento};
use crate::cards::season::{Season, Span};
use crate::draw::random::{Draws, Share, Stream, mix};
use crate::draw::sampling::Choice;
use crate::table::time::{DAY, EPOCH_DAYS, HOUR, SECOND};

/// At most one in this many of a card's movements is the charge of a subscription.
const MOST_SUBSCRIBED: u32 = 4;
/// A subscription has at least this many charges.
const FEWEST_CHARGES: u32 = 3;
/// Share of subscriptions that were cancelled before "today".
const CANCELLED: Share = Share::new(0.3);

/// What the movements of all cards are drawn from.
#[derive(Debug)]
pub(crate) struct Spending {
    pub(crate) seed: u64,
    /// "Today", in days from 2000-01-01.
    pub(crate) today: i32,
    pub(crate) names: Names,
    pub(crate) purchases: Purchases,
    pub(crate) season: Season,
    pub(crate) subscriptions: Choice,
    pub(crate) reversals: Share,
}

/// The movements of one card.
pub(crate) struct CardMovements<'a> {
    spending: &'a Spending,
    card: Cartao<'a>,
    first_id: u64,
    /// How many movements were given out.
    done: u32,
    /// How many movements are not charges of subscriptions; `drawn` counts those of them that were drawn.
    purchases: u32,
    drawn: u32,
    span: Span,
    subscriptions: [Subscription; MOST_SUBSCRIPTIONS],
    /// The last purchase that was drawn; `waiting` says whether it is still to be given out.
    last: Option<Movimento<'a>>,
    waiting: bool,
}

/// A subscription, which is charged every month on the same day.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subscription {
    purchase: Purchase<'static>,
    /// Months from January of the year 0 to the next charge.
    month: i32,
    /// The day of the month of each charge, 1 to 28.
    month_day: u32,
    /// The time of day of each charge, in microseconds.
    time: i64,
    pub(crate) charges_left: u32,
    /// When the subscription is charged next; later than any other time if never again.
    due: i64,
}

impl Subscription {
    fn due(&self) -> i64 {
        if self.charges_left == 0 {
            return i64::MAX;
        }
        let date = Date {
            year: self.month / 12,
            month: (self.month % 12) as u32 + 1,
            day: self.month_day,
        };
        i64::from(date.days() - EPOCH_DAYS) * DAY + self.time
    }
}

impl<'a> CardMovements<'a> {
    /// The `count` movements of a card, with ids from `first_id` on.
    pub(crate) fn new(spending: &'a Spending, card: Cartao<'a>, first_id: u64, count: u32) -> Self {
        let (subscriptions, charges) = subscribe(spending, &card, count);
        let issued = card.data_criacao.div_euclid(DAY) as i32;
        Self {
            spending,
            card,
            first_id,
            done: 0,
            purchases: count - charges,
            drawn: 0,
            span: spending.season.span(issued),
            subscriptions,
            last: None,
            waiting: false,
        }
    }

    /// Draws the next purchase, or what gives the last one back.
    fn draw(&mut self) -> Movimento<'a> {
        let spending = self.spending;
        // A purchase's id depends on the charges before it; its place among the purchases does not.
        let index = self.first_id + u64::from(self.drawn);
        let mut draws = Draws::of(spending.seed, Stream::Movimento, index);
        let movimento = match self.last {
            Some(bought)
                if draws.chance(spending.reversals)
                    && !bought.reversal
                    && bought.purchase.reversible =>
            {
                let later = 60 * SECOND + i64::from(draws.below(7_200_000)) * 1_000;
                let end = i64::from(spending.today) * DAY - 1;
                Movimento {
                    reversal: true,
                    data_movimento: (bought.data_movimento + later).min(end),
                    ..bought
                }
            }
            _ => {
                let drawn = spending
                    .season
                    .draw(self.span, self.drawn, self.purchases, &mut draws);
                let issued = self.card.data_criacao;
                // On the card's first day, a purchase that would come up to an hour before the issue comes soon after it.
                let time = if drawn < issued {
                    issued + drawn.rem_euclid(HOUR)
                } else {
                    drawn
                };
                let buyer = Buyer {
                    home: self.card.holder.home,
                    key: self.card.holder.id.into(),
                    time,
                };
                let purchase = spending.purchases.draw(&spending.names, buyer, &mut draws);
                self.movimento(purchase, time)
            }
        };
        self.drawn += 1;
        self.last = Some(movimento);
        movimento
    }

    fn movimento(&self, purchase: Purchase<'a>, data_movimento: i64) -> Movimento<'a> {
        Movimento {
            id: 0,
            purchase,
            reversal: false,
            data_movimento,
            id_cartao: self.card.id,
            fault: None,
        }
    }

    /// The next charge of a subscription, if it comes before `time`.
    fn charge(&mut self, time: i64) -> Option<Movimento<'a>> {
        let next = self.subscriptions.iter_mut().min_by_key(|next| next.due)?;
        if next.due > time || next.charges_left == 0 {
            return None;
        }
        let purchase = next.purchase;
        // Charges are made by a nightly batch, which takes some time.
        let delay = mix(self.first_id ^ mix(next.month as u64)) % 1_800_000;
        let due = next.due + delay as i64 * 1_000;
        next.charges_left -= 1;
        next.month += 1;
        next.due = next.due();
        Some(self.movimento(purchase, due))
    }
}

impl<'a> Iterator for CardMovements<'a> {
    type Item = Movimento<'a>;

    fn next(&mut self) -> Option<Self::Item> {
        if !self.waiting && self.drawn < self.purchases {
            self.draw();
            self.waiting = true;
        }
        let purchase = self.last.filter(|_| self.waiting);
        let time = purchase.map_or(i64::MAX, |purchase| purchase.data_movimento);
        let next = match self.charge(time) {
            Some(charge) => charge,
            None => {
                self.waiting = false;
                purchase?
            }
        };
        let id = self.first_id + u64::from(self.done);
        self.done += 1;
        Some(Movimento { id, ..next })
    }
}

/// The subscriptions of a card with `count` movements, and how many of the movements are their charges.
pub(crate) fn subscribe(
    spending: &Spending,
    card: &Cartao<'_>,
    count: u32,
) -> ([Subscription; MOST_SUBSCRIPTIONS], u32) {
    const NONE: Subscription = Subscription {
        purchase: Purchase::NOTHING,
        month: 0,
        month_day: 1,
        time: 0,
        charges_left: 0,
        due: i64::MAX,
    };
    let mut subscriptions = [NONE; MOST_SUBSCRIPTIONS];
    let mut charges = 0;
    let affordable = count / MOST_SUBSCRIBED;
    if affordable < FEWEST_CHARGES {
        return (subscriptions, 0);
    }
    let mut draws = Draws::of(spending.seed, Stream::Subscription, card.id.into());
    // Whole months between the month of the issue and that of "today", so that a charge on any day of them lies in between.
    let month = |day: i32| {
        let date = Date::from_days(day + EPOCH_DAYS);
        date.year * 12 + date.month as i32 - 1
    };
    let first = month(card.data_criacao.div_euclid(DAY) as i32) + 1;
    let months = (month(spending.today) - first).max(0) as u32;
    let wanted = spending.subscriptions.draw(&mut draws);
    let mut taken = 0;
    for subscription in &mut subscriptions[..wanted] {
        let most = months.min(affordable - charges);
        if most < FEWEST_CHARGES {
            break;
        }
        let ended = draws.chance(CANCELLED);
        let paid = FEWEST_CHARGES + draws.below(most - FEWEST_CHARGES + 1);
        // The charges of subscriptions that were not cancelled go on to "today".
        let since = if ended {
            draws.below(months - paid + 1)
        } else {
            months - paid
        };
        *subscription = Subscription {
            purchase: Purchase::NOTHING,
            month: first + since as i32,
            month_day: 1 + draws.below(28),
            time: 3 * HOUR + i64::from(draws.below(3 * 3_600)) * SECOND,
            charges_left: paid,
            due: 0,
        };
        subscription.due = subscription.due();
        subscription.purchase = Purchase::subscription(&mut taken, subscription.due, &mut draws);
        charges += paid;
    }
    (subscriptions, charges)
}
