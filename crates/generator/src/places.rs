//! Where purchases happen: municipalities as statements print them, and the merchants of each kind of
//! spending.

/// A municipality in ASCII capitals, its state, and its inhabitants in thousands.
pub(crate) struct City {
    pub(crate) name: &'static str,
    pub(crate) state: &'static str,
    pub(crate) weight: u32,
}

const fn city(name: &'static str, state: &'static str, weight: u32) -> City {
    City {
        name,
        state,
        weight,
    }
}

/// Every capital, and cities where credit cooperatives are at home. Source: IBGE's list of municipalities
/// and the census of 2022, rounded.
pub(crate) const CITIES: &[City] = &[
    city("SAO PAULO", "SP", 11_452),
    city("CAMPINAS", "SP", 1_139),
    city("RIBEIRAO PRETO", "SP", 699),
    city("SOROCABA", "SP", 724),
    city("SANTOS", "SP", 419),
    city("RIO DE JANEIRO", "RJ", 6_211),
    city("NITEROI", "RJ", 482),
    city("PETROPOLIS", "RJ", 279),
    city("BRASILIA", "DF", 2_817),
    city("FORTALEZA", "CE", 2_429),
    city("SALVADOR", "BA", 2_418),
    city("FEIRA DE SANTANA", "BA", 616),
    city("BELO HORIZONTE", "MG", 2_316),
    city("UBERLANDIA", "MG", 713),
    city("JUIZ DE FORA", "MG", 541),
    city("MANAUS", "AM", 2_064),
    city("CURITIBA", "PR", 1_774),
    city("LONDRINA", "PR", 556),
    city("MARINGA", "PR", 410),
    city("CASCAVEL", "PR", 348),
    city("PONTA GROSSA", "PR", 358),
    city("RECIFE", "PE", 1_489),
    city("CARUARU", "PE", 378),
    city("GOIANIA", "GO", 1_437),
    city("ANAPOLIS", "GO", 399),
    city("PORTO ALEGRE", "RS", 1_333),
    city("CAXIAS DO SUL", "RS", 463),
    city("PELOTAS", "RS", 326),
    city("SANTA MARIA", "RS", 272),
    city("PASSO FUNDO", "RS", 206),
    city("NOVA PETROPOLIS", "RS", 24),
    city("BELEM", "PA", 1_303),
    city("SAO LUIS", "MA", 1_038),
    city("MACEIO", "AL", 958),
    city("CAMPO GRANDE", "MS", 898),
    city("DOURADOS", "MS", 244),
    city("TERESINA", "PI", 866),
    city("JOAO PESSOA", "PB", 834),
    city("NATAL", "RN", 751),
    city("CUIABA", "MT", 651),
    city("SINOP", "MT", 196),
    city("ARACAJU", "SE", 603),
    city("PORTO VELHO", "RO", 461),
    city("FLORIANOPOLIS", "SC", 537),
    city("JOINVILLE", "SC", 616),
    city("BLUMENAU", "SC", 361),
    city("CHAPECO", "SC", 255),
    city("MACAPA", "AP", 443),
    city("RIO BRANCO", "AC", 365),
    city("BOA VISTA", "RR", 413),
    city("VITORIA", "ES", 323),
    city("VILA VELHA", "ES", 468),
    city("PALMAS", "TO", 303),
];

/// How a line of a statement names where the money went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Line {
    /// `MERCADO SAO JORGE  PORTO ALEGRE RS`
    Local,
    /// With the branch's number: `POSTO IPIRANGA 0231 CURITIBA PR`
    Branch,
    /// Without a place: `NETFLIX.COM`
    Anywhere,
    /// Without a place, often in instalments: `PARC 03/10 MAGAZINE LUIZA`
    Instalments,
    /// To a person: `PIX ENVIADO MARIA S SILVA`
    Person,
}

/// What amounts of a kind look like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// Any cents, as on a weighed basket.
    Any,
    /// Mostly ,90 and ,99, as on a price tag.
    Tag,
    /// Whole multiples of so many cents, in so many cases per mille, as people choose them themselves.
    Round(u32, u32),
    /// One of a list of prices.
    Listed(&'static [u32]),
}

/// A kind of spending.
pub(crate) struct Kind {
    /// Its share of movements, per thousand.
    pub(crate) weight: u32,
    pub(crate) line: Line,
    /// The amounts' log-normal law: the median in cents, the standard deviation of the logarithm.
    pub(crate) median: u32,
    pub(crate) sigma: f64,
    pub(crate) ending: Ending,
    pub(crate) merchants: &'static [&'static str],
}

const fn kind(
    weight: u32,
    line: Line,
    (median, sigma): (u32, f64),
    ending: Ending,
    merchants: &'static [&'static str],
) -> Kind {
    Kind {
        weight,
        line,
        median,
        sigma,
        ending,
        merchants,
    }
}

/// Kinds of spending by their share in numbers. Medians are a plausible order of magnitude, not a survey.
#[rustfmt::skip]
pub(crate) const KINDS: &[Kind] = &[
    kind(180, Line::Local, (6_800, 0.9), Ending::Any, &[
        "MERCADO SAO JORGE", "SUPERMERCADO BOM PRECO", "MERCADO CENTRAL", "ATACADAO", "CARREFOUR",
        "ASSAI ATACADISTA", "MERCEARIA DO ZE", "HORTIFRUTI SANTA CLARA", "ACOUGUE BOI NOBRE",
        "SUPERMERCADO AVENIDA", "MINI MERCADO UNIAO", "COOPER MERCADO",
    ]),
    kind(80, Line::Local, (1_700, 0.6), Ending::Any, &[
        "PADARIA PAO DOURADO", "PANIFICADORA REAL", "CONFEITARIA DOCE MEL", "PADARIA DO BAIRRO",
        "CAFE COLONIAL",
    ]),
    kind(140, Line::Local, (3_400, 0.7), Ending::Tag, &[
        "RESTAURANTE SABOR CASEIRO", "CHURRASCARIA PAMPA", "LANCHONETE DA PRACA", "PIZZARIA BELLA NAPOLI",
        "BAR DO TONHO", "BUFFET QUILO BOM", "SORVETERIA GELADAO", "TEMAKERIA SAKURA", "PASTELARIA CENTRAL",
    ]),
    kind(70, Line::Anywhere, (5_200, 0.5), Ending::Tag, &["IFOOD *IFOOD", "RAPPI *RAPPI", "IFD*LANCHES EXPRESS"]),
    kind(90, Line::Branch, (11_000, 0.6), Ending::Any, &[
        "POSTO IPIRANGA", "POSTO SHELL", "AUTO POSTO BR", "POSTO ALE",
    ]),
    kind(100, Line::Anywhere, (1_800, 0.6), Ending::Any, &["UBER *TRIP", "99APP *99APP", "UBER *UBER TRIP"]),
    kind(70, Line::Branch, (4_200, 0.8), Ending::Tag, &[
        "DROGARIA SAO PAULO", "DROGA RAIA", "FARMACIA PANVEL", "FARMACIA PAGUE MENOS", "FARMACIA POPULAR",
    ]),
    kind(80, Line::Instalments, (14_000, 1.1), Ending::Tag, &[
        "MAGAZINE LUIZA", "CASAS BAHIA", "MERCADOLIVRE*LOJA", "AMAZON BR", "LOJAS RENNER", "RIACHUELO",
        "HAVAN", "SHOPEE *VENDEDOR", "LEROY MERLIN", "KABUM",
    ]),
    kind(50, Line::Anywhere, (2_990, 0.0), Ending::Listed(&[
        990, 1_490, 1_990, 2_090, 2_190, 2_790, 3_490, 3_990, 4_490, 5_590, 5_990,
    ]), &[
        "NETFLIX.COM", "SPOTIFY", "AMAZON PRIME BR", "GLOBOPLAY", "DISNEY PLUS", "GOOGLE *YOUTUBE PREMIUM",
        "APPLE.COM/BILL",
    ]),
    kind(35, Line::Anywhere, (13_000, 0.5), Ending::Any, &[
        "DEB AUT ENERGIA ELETRICA", "DEB AUT AGUA E ESGOTO", "VIVO CELULAR", "CLARO MOVEL", "TIM CELULAR",
        "DEB AUT CONDOMINIO",
    ]),
    kind(60, Line::Person, (8_000, 1.3), Ending::Round(500, 800), &["PIX ENVIADO"]),
    kind(20, Line::Local, (15_000, 0.8), Ending::Round(1_000, 1_000), &["SAQUE 24H", "SAQUE TERMINAL"]),
    kind(17, Line::Local, (25_000, 0.9), Ending::Round(1_000, 700), &[
        "CLINICA VIDA", "LABORATORIO EXAME", "ODONTO SORRISO", "CURSO DE IDIOMAS GLOBAL", "ACADEMIA CORPO EM FORMA",
    ]),
    kind(8, Line::Instalments, (65_000, 0.9), Ending::Any, &[
        "LATAM AIR", "GOL LINHAS AEREAS", "AZUL LINHAS AEREAS", "DECOLAR.COM", "BOOKING.COM", "CVC VIAGENS",
    ]),
];
