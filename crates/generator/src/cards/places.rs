//! Where purchases happen: municipalities as statements print them.

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
