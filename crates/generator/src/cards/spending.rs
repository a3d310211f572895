//! What is bought: kinds of spending, how often and for how much, and the merchants of each.

use serde::{Deserialize, Serialize};

use crate::draw::random::Share;

/// A kind of spending: how often it occurs, and the log-normal distribution of its amounts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpendingDistribution {
    /// The weight of the kind among all kinds.
    pub share: f64,
    /// The median of the amounts, in reais.
    pub median: f64,
    /// The standard deviation of the amounts' natural logarithm.
    pub sigma: f64,
}

/// How a line of a statement names where the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// A merchant in a city: `MERCADO SAO JORGE  PORTO ALEGRE RS`
    Local,
    /// A branch with its number: `POSTO IPIRANGA 0231 CURITIBA PR`
    Branch,
    /// A merchant without a place: `UBER *TRIP`
    Anywhere,
    /// A merchant without a place, often in instalments: `PARC 03/10 MAGAZINE LUIZA`
    Instalments,
    /// A payment to a person: `PIX ENVIADO MARIA S SILVA`
    Person,
}

/// What amounts of a kind look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Amounts have any cents, as a weighed basket does.
    Any,
    /// Amounts mostly end in ,90 and ,99, as price tags do.
    Tag,
    /// A share of amounts are whole multiples of this many cents, as where people choose the amount themselves.
    Round(u32, Share),
}

/// A kind of spending.
pub(crate) struct SpendingKind {
    /// The name of the kind in a file of distributions.
    pub(crate) name: &'static str,
    pub(crate) line: Line,
    /// How often and how much is spent, unless a file of distributions says otherwise.
    pub(crate) spending: SpendingDistribution,
    pub(crate) ending: Ending,
    /// Merchants of this kind. The first is older than all cards.
    pub(crate) merchants: &'static [&'static str],
}

impl SpendingKind {
    /// Whether a purchase of this kind can be given back.
    pub(crate) fn is_reversible(&self) -> bool {
        !matches!(self.name, "bills" | "pix" | "cash")
    }
}

/// Merchants that are younger than the oldest cards, with the year after the one in which they came to Brazil.
/// Before that year, the first merchant of their kind takes the money.
pub(crate) const FOUNDED: &[(&str, i32)] = &[
    ("PIX ENVIADO", 2021),
    ("UBER *TRIP", 2015),
    ("UBER *UBER TRIP", 2015),
    ("99APP *99APP", 2013),
    ("IFOOD *IFOOD", 2013),
    ("RAPPI *RAPPI", 2018),
    ("SHOPEE *VENDEDOR", 2020),
    ("LATAM AIR", 2017),
    ("AMAZON BR", 2013),
    ("NETFLIX.COM", 2012),
    ("SPOTIFY", 2015),
    ("AMAZON PRIME BR", 2020),
    ("GLOBOPLAY", 2016),
    ("DISNEY PLUS", 2021),
    ("GOOGLE *YOUTUBE PREMIUM", 2019),
];

const fn kind(
    name: &'static str,
    (share, median, sigma): (f64, f64, f64),
    line: Line,
    ending: Ending,
    merchants: &'static [&'static str],
) -> SpendingKind {
    SpendingKind {
        name,
        line,
        spending: SpendingDistribution {
            share,
            median,
            sigma,
        },
        ending,
        merchants,
    }
}

/// Subscriptions, which are charged every month, with their list prices in cents.
#[rustfmt::skip]
pub(crate) const SUBSCRIPTIONS: &[(&str, &[u32])] = &[
    ("VIVO FIBRA", &[9_990, 12_000, 14_999]),
    ("NETFLIX.COM", &[2_090, 4_490, 5_990]),
    ("SPOTIFY", &[1_190, 2_390, 3_190, 4_090]),
    ("AMAZON PRIME BR", &[1_990]),
    ("GLOBOPLAY", &[2_290, 3_990, 5_490]),
    ("DISNEY PLUS", &[2_799, 4_690, 6_690]),
    ("GOOGLE *YOUTUBE PREMIUM", &[1_690, 2_690, 5_390]),
    ("APPLE.COM/BILL", &[490, 1_490, 2_190, 4_990]),
    ("SMARTFIT", &[11_990, 14_990]),
    ("UNIMED MENSALIDADE", &[28_900, 41_250, 63_780]),
];

/// The kinds of spending. Medians are a plausible order of magnitude, not a survey.
#[rustfmt::skip]
pub(crate) const KINDS: &[SpendingKind] = &[
    kind("groceries", (180.0, 68.0, 0.9), Line::Local, Ending::Any, &[
        "MERCADO SAO JORGE", "SUPERMERCADO BOM PRECO", "MERCADO CENTRAL", "ATACADAO", "CARREFOUR",
        "ASSAI ATACADISTA", "MERCEARIA DO ZE", "HORTIFRUTI SANTA CLARA", "ACOUGUE BOI NOBRE",
        "SUPERMERCADO AVENIDA", "MINI MERCADO UNIAO", "COOPER MERCADO",
    ]),
    kind("bakeries", (80.0, 17.0, 0.6), Line::Local, Ending::Any, &[
        "PADARIA PAO DOURADO", "PANIFICADORA REAL", "CONFEITARIA DOCE MEL", "PADARIA DO BAIRRO",
        "CAFE COLONIAL",
    ]),
    kind("restaurants", (140.0, 34.0, 0.7), Line::Local, Ending::Tag, &[
        "RESTAURANTE SABOR CASEIRO", "CHURRASCARIA PAMPA", "LANCHONETE DA PRACA", "PIZZARIA BELLA NAPOLI",
        "BAR DO TONHO", "BUFFET QUILO BOM", "SORVETERIA GELADAO", "TEMAKERIA SAKURA", "PASTELARIA CENTRAL",
    ]),
    kind("delivery", (70.0, 52.0, 0.5), Line::Anywhere, Ending::Tag, &["DISK PIZZA", "IFOOD *IFOOD", "RAPPI *RAPPI", "DELIVERY LANCHES EXPRESS"]),
    kind("fuel", (90.0, 110.0, 0.6), Line::Branch, Ending::Any, &[
        "POSTO IPIRANGA", "POSTO SHELL", "AUTO POSTO BR", "POSTO ALE",
    ]),
    kind("rides", (100.0, 18.0, 0.6), Line::Anywhere, Ending::Any, &["TAXI COOPERATIVA", "UBER *TRIP", "UBER *UBER TRIP", "99APP *99APP"]),
    kind("pharmacies", (70.0, 42.0, 0.8), Line::Branch, Ending::Tag, &[
        "DROGARIA SAO PAULO", "DROGA RAIA", "FARMACIA PANVEL", "FARMACIA PAGUE MENOS", "FARMACIA POPULAR",
    ]),
    kind("shopping", (80.0, 140.0, 1.1), Line::Instalments, Ending::Tag, &[
        "MAGAZINE LUIZA", "CASAS BAHIA", "MERCADOLIVRE*LOJA", "AMAZON BR", "LOJAS RENNER", "RIACHUELO",
        "HAVAN", "SHOPEE *VENDEDOR", "LEROY MERLIN", "KABUM",
    ]),
    kind("bills", (35.0, 130.0, 0.5), Line::Anywhere, Ending::Any, &[
        "DEB AUT ENERGIA ELETRICA", "DEB AUT AGUA E ESGOTO", "VIVO CELULAR", "CLARO MOVEL", "TIM CELULAR",
        "DEB AUT CONDOMINIO",
    ]),
    kind("pix", (60.0, 80.0, 1.3), Line::Person, Ending::Round(500, Share::new(0.8)), &["TRANSF ENVIADA", "PIX ENVIADO", "PIX ENVIADO", "PIX ENVIADO"]),
    kind("cash", (20.0, 150.0, 0.8), Line::Local, Ending::Round(1_000, Share::new(1.0)), &["SAQUE 24H", "SAQUE TERMINAL"]),
    kind("services", (17.0, 250.0, 0.9), Line::Local, Ending::Round(1_000, Share::new(0.7)), &[
        "CLINICA VIDA", "LABORATORIO EXAME", "ODONTO SORRISO", "CURSO DE IDIOMAS GLOBAL", "ACADEMIA CORPO EM FORMA",
    ]),
    kind("travel", (8.0, 900.0, 0.6), Line::Instalments, Ending::Any, &[
        "GOL LINHAS AEREAS", "LATAM AIR", "AZUL LINHAS AEREAS", "DECOLAR.COM", "BOOKING.COM", "CVC VIAGENS",
    ]),
];
