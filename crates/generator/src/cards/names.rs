//! Brazilian names, and what is derived from them: the name embossed on a card and the e-mail address.
//!
//! Most names come from `fake`'s `pt_BR` tables. The few names that a large part of the country has are listed here, so that
//! clients share names as real ones do; source: IBGE, "Nomes no Brasil", census of 2010, and the surnames most often listed
//! in Brazilian registers.

use fake::locales::{Data, PT_BR};
use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;
use values::text;

use crate::draw::random::{Draws, Share, mix};
use crate::draw::sampling::Choice;

/// Characters of the longest name that a card has room for (ISO/IEC 7813, track 1).
pub const EMBOSSED_CHARS: usize = 26;

#[rustfmt::skip]
const COMMON_GIVEN: &[&str] = &[
    "Maria", "José", "Ana", "João", "Antônio", "Francisco", "Carlos", "Paulo", "Pedro", "Lucas", "Luiz",
    "Marcos", "Luís", "Gabriel", "Rafael", "Francisca", "Daniel", "Marcelo", "Bruno", "Eduardo", "Felipe",
    "Adriana", "Juliana", "Márcia", "Fernanda", "Patrícia", "Aline", "Sandra", "Camila", "Amanda",
];

/// Given names of two parts, as registered.
#[rustfmt::skip]
const COMPOUND_GIVEN: &[&str] = &[
    "Ana Beatriz", "Ana Carolina", "Ana Clara", "Ana Júlia", "Ana Luíza", "Ana Paula", "Carlos Alberto",
    "Carlos Eduardo", "João Gabriel", "João Paulo", "João Pedro", "João Vítor", "José Antônio",
    "José Carlos", "Luiz Felipe", "Luiz Fernando", "Luiz Henrique", "Marco Antônio", "Maria Aparecida",
    "Maria Clara", "Maria Cecília", "Maria das Graças", "Maria de Fátima", "Maria de Lourdes",
    "Maria do Carmo", "Maria do Socorro", "Maria Eduarda", "Maria Fernanda", "Maria Helena", "Maria José",
    "Maria Luíza", "Paulo Roberto", "Pedro Henrique",
];

#[rustfmt::skip]
const COMMON_FAMILY: &[&str] = &[
    "da Silva", "Silva", "dos Santos", "Santos", "de Oliveira", "Oliveira", "de Souza", "Souza",
    "Rodrigues", "Ferreira", "Alves", "Pereira", "de Lima", "Lima", "Gomes", "da Costa", "Costa",
    "Ribeiro", "Martins", "Carvalho", "de Almeida", "Almeida", "Lopes", "Soares", "Fernandes", "Vieira",
    "Barbosa", "Rocha", "Dias", "do Nascimento", "Nascimento", "de Andrade", "Moreira", "Nunes",
    "Marques", "Machado", "Mendes", "de Freitas", "Cardoso", "Ramos", "de Jesus", "da Conceição",
];

/// Providers of e-mail; common ones are listed several times.
#[rustfmt::skip]
const PROVIDERS: [&str; 20] = [
    "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "gmail", "hotmail",
    "hotmail", "hotmail", "outlook", "outlook", "yahoo", "yahoo", "uol", "terra",
];

/// What is added to a man's family names when a relative has the same name, with the weight of each.
const ENDINGS: [(&str, f64); 4] = [
    ("Júnior", 40.0),
    ("Filho", 32.0),
    ("Neto", 24.0),
    ("Sobrinho", 4.0),
];
/// Share of men with such an ending.
const WITH_ENDING: Share = Share::new(0.08);

/// Men's names that don't end in `o`. All names that do are taken for men's.
#[rustfmt::skip]
const MASCULINE: &[&str] = &[
    "Aaron", "Adriel", "Alan", "Alexandre", "Allan", "Anderson", "André", "Arthur", "Artur", "Benjamin", "Carlos",
    "Cauan", "Cezar", "Christian", "Cléber", "César", "Daniel", "Dante", "Davi", "David", "Denis", "Edilson", "Edson",
    "Elias", "Emanuel", "Emerson", "Everton", "Felipe", "Filipe", "Gabriel", "Gael", "Guilherme", "Heitor",
    "Henrique", "Igor", "Isaac", "Ivan", "Jean", "Jefferson", "Joaquim", "Jonas", "Jorge", "Josué", "José", "Kauan", "Kevin",
    "Kléber", "Luan", "Lucas", "Luis", "Luiz", "Luís", "Maicon", "Manuel", "Marcos", "Mateus", "Matheus", "Matias",
    "Miguel", "Moisés", "Natan", "Nelson", "Nicolas", "Noel", "Rafael", "Raphael", "Renan", "Robson", "Samuel",
    "Thales", "Thomas", "Tomás", "Vicente", "Victor", "Vinícius", "Vitor", "Wagner", "Walter", "Wellington",
    "Wesley", "William", "Willian", "Wilson", "Yuri",
];

/// Entries of `fake`'s tables that no Brazilian register would show: nicknames and English forms among
/// the given names, misspelt or Castilian ones among the family names.
#[rustfmt::skip]
const IMPLAUSIBLE: &[&str] = &[
    "Abgail", "Agustina", "Alexa", "Allison", "Andres", "Bella", "Bia", "Carol", "Demian",
    "Flor", "Gabi", "James", "Joaquin", "Leo", "Malu", "Mari", "Mary", "Mel", "Natal", "Nero", "Noa",
    "Simon", "Sophie", "Valentin", "Benez", "Delatorre", "Delvalle", "Deverso", "Espinoza", "Ferminiano",
    "Lutero", "Marés", "Perez", "Rico", "Santacruz", "Sepúlveda", "Velasques", "Verdara", "Zamana",
];

/// One given or family name in the three forms that are needed, made once.
#[derive(Debug)]
struct NamePart {
    /// The name as registered: `Antônio`, `da Silva`.
    text: &'static str,
    /// The name in ASCII capitals, as embossed and on statements: `ANTONIO`, `DA SILVA`.
    capitals: String,
    /// The word an e-mail address takes: `antonio`, `silva`.
    mailbox: String,
    /// Whether an ending such as `Filho` goes with it, if it is a given name.
    masculine: bool,
}

/// The tables of names.
#[derive(Debug)]
pub struct Names {
    common_given: Vec<NamePart>,
    compound_given: Vec<NamePart>,
    given: Vec<NamePart>,
    common_family: Vec<NamePart>,
    family: Vec<NamePart>,
    endings: Vec<NamePart>,
    ending_shares: Choice,
}

/// One person's name.
#[derive(Debug, Clone, Copy)]
pub struct Name<'a> {
    given: &'a NamePart,
    middle: Option<&'a NamePart>,
    last: &'a NamePart,
    ending: Option<&'a NamePart>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            common_given: parts(COMMON_GIVEN, first_word),
            compound_given: parts(COMPOUND_GIVEN, first_word),
            given: parts(PT_BR::NAME_FIRST_NAME, first_word),
            common_family: parts(COMMON_FAMILY, last_word),
            family: parts(PT_BR::NAME_LAST_NAME, last_word),
            endings: ENDINGS
                .iter()
                .map(|&(text, _)| NamePart::new(text, last_word))
                .collect(),
            ending_shares: Choice::new(&ENDINGS.map(|(_, share)| share)),
        }
    }
}

fn parts(table: &[&'static str], mailbox_word: fn(&str) -> &str) -> Vec<NamePart> {
    let plausible = |text: &&&str| {
        text.chars().all(|c| c.is_alphabetic() || c == ' ') && !IMPLAUSIBLE.contains(*text)
    };
    let mut texts: Vec<&'static str> = table.iter().filter(plausible).copied().collect();
    texts.sort_unstable();
    texts.dedup();
    texts
        .into_iter()
        .map(|text| NamePart::new(text, mailbox_word))
        .collect()
}

impl NamePart {
    fn new(text: &'static str, mailbox_word: fn(&str) -> &str) -> Self {
        let first = first_word(text);
        Self {
            text,
            capitals: ascii(text).to_uppercase(),
            mailbox: ascii(mailbox_word(text)).to_lowercase(),
            masculine: first.ends_with('o') || MASCULINE.contains(&first),
        }
    }
}

/// A text without its accents; characters that have no ASCII base letter are left out.
fn ascii(text: &str) -> String {
    text.nfd()
        .filter(|&c| !is_combining_mark(c) && c.is_ascii())
        .collect()
}

impl Names {
    /// Draws a person's name.
    pub fn draw(&self, draws: &mut Draws) -> Name<'_> {
        let given = match draws.below(100) {
            0..35 => draws.pick(&self.common_given),
            35..50 => draws.pick(&self.compound_given),
            _ => draws.pick(&self.given),
        };
        let middle = (draws.below(100) < 65).then(|| self.draw_family(draws));
        let mut last = self.draw_family(draws);
        while middle.is_some_and(|middle| middle.mailbox == last.mailbox) {
            last = self.draw_family(draws);
        }
        let ending = (given.masculine && draws.chance(WITH_ENDING))
            .then(|| &self.endings[self.ending_shares.draw(draws)]);
        Name {
            given,
            middle,
            last,
            ending,
        }
    }

    fn draw_family(&self, draws: &mut Draws) -> &NamePart {
        if draws.below(100) < 55 {
            draws.pick(&self.common_family)
        } else {
            draws.pick(&self.family)
        }
    }
}

impl<'a> Name<'a> {
    /// The given name: `Maria Eduarda`.
    pub fn nome(&self) -> &str {
        self.given.text
    }

    /// Writes the family names and the ending: `Ferreira da Silva Filho`.
    pub fn write_sobrenome(&self, out: &mut String) {
        if let Some(middle) = self.middle {
            out.push_str(middle.text);
            out.push(' ');
        }
        out.push_str(self.last.text);
        if let Some(ending) = self.ending {
            out.push(' ');
            out.push_str(ending.text);
        }
    }

    /// Writes the name as on a card: ASCII capitals, at most [`EMBOSSED_CHARS`].
    pub fn write_embossed(&self, out: &mut String) {
        let capitals = |part: Option<&'a NamePart>| part.map_or("", |part| part.capitals.as_str());
        let (middle, ending) = (capitals(self.middle), capitals(self.ending));
        emboss(
            &[&self.given.capitals, middle, &self.last.capitals, ending],
            out,
        );
    }

    /// Writes the name as statements shorten it: `MARIA F SILVA`.
    pub fn write_short(&self, out: &mut String) {
        out.push_str(first_word(&self.given.capitals));
        if let Some(initial) = self
            .middle
            .and_then(|part| last_word(&part.capitals).chars().next())
        {
            out.push(' ');
            out.push(initial);
        }
        out.push(' ');
        out.push_str(last_word(&self.last.capitals));
    }

    /// Writes an e-mail address that no other associate has, since it ends in the id. The domains end in
    /// `.example`, which RFC 2606 sets aside: nobody who tests with these rows can mail a stranger.
    pub fn write_email(&self, id: u32, out: &mut String) {
        let provider = PROVIDERS[(mix(id.into()) % PROVIDERS.len() as u64) as usize];
        out.push_str(&self.given.mailbox);
        out.push('.');
        out.push_str(&self.last.mailbox);
        text::padded(id.into(), 0, out);
        out.push('@');
        out.push_str(provider);
        out.push_str(".example");
    }
}

fn first_word(text: &str) -> &str {
    text.split(' ').next().unwrap_or(text)
}

fn last_word(text: &str) -> &str {
    text.rsplit(' ').next().unwrap_or(text)
}

/// Writes names, each in ASCII capitals and possibly of several words, in at most [`EMBOSSED_CHARS`]. Words between the
/// first and the last are shortened to initials, from the left, as far as needed; particles such as `DA` are then left out.
/// What still doesn't fit is cut off.
fn emboss(names: &[&str], out: &mut String) {
    let words = || {
        names
            .iter()
            .flat_map(|name| name.split(' '))
            .filter(|word| !word.is_empty())
    };
    let count = words().count();
    let start = out.len();
    for shortened in 0..count.max(1) {
        out.truncate(start);
        for (index, word) in words().enumerate() {
            let inner = index > 0 && index + 1 < count;
            let shorten = inner && index <= shortened;
            if shorten && matches!(word, "DA" | "DAS" | "DE" | "DO" | "DOS") {
                continue;
            }
            if out.len() > start {
                out.push(' ');
            }
            out.push_str(if shorten { &word[..1] } else { word });
        }
        if out.len() - start <= EMBOSSED_CHARS {
            return;
        }
    }
    out.truncate(start + EMBOSSED_CHARS);
    out.truncate(start + out[start..].trim_end().len());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draw::random::Stream;
    use proptest::prelude::*;

    fn embossed(given: &str, middle: &str, last: &str) -> String {
        let mut out = String::new();
        emboss(&[given, middle, last], &mut out);
        out
    }

    #[test]
    fn a_long_name_is_shortened_from_the_middle() {
        assert_eq!(embossed("MARIA", "", "DA SILVA"), "MARIA DA SILVA");
        assert_eq!(
            embossed("ANA CLARA", "DE OLIVEIRA", "COSTA"),
            "ANA C DE OLIVEIRA COSTA"
        );
        assert_eq!(
            embossed("MARIA EDUARDA", "DA CONCEICAO", "DO NASCIMENTO"),
            "MARIA E C DO NASCIMENTO"
        );
        assert_eq!(
            embossed("MARIA DO SOCORRO", "MASCARENHAS", "BITTENCOURT"),
            "MARIA S M BITTENCOURT"
        );
        assert_eq!(
            embossed("A", "B", &"X".repeat(40)),
            format!("A B {}", "X".repeat(22))
        );
    }

    #[test]
    fn every_name_is_plausible_in_all_its_forms() {
        let names = Names::default();
        for table in [
            &names.common_given,
            &names.compound_given,
            &names.given,
            &names.common_family,
            &names.family,
        ] {
            assert!(table.len() >= 20);
            for part in table {
                assert!(
                    part.text.chars().all(|c| c.is_alphabetic() || c == ' '),
                    "{}",
                    part.text
                );
                assert!(
                    part.capitals
                        .chars()
                        .all(|c| c.is_ascii_uppercase() || c == ' ')
                );
                assert_eq!(
                    part.capitals.chars().count(),
                    part.text.chars().count(),
                    "{}",
                    part.text
                );
                assert!(
                    part.mailbox.len() >= 2 && part.mailbox.chars().all(|c| c.is_ascii_lowercase())
                );
            }
        }
        for part in &names.endings {
            assert!(part.capitals.is_ascii(), "{}", part.text);
        }
        let particles = names
            .common_family
            .iter()
            .filter(|part| part.text.contains(' '))
            .count();
        assert!(particles >= 10);
    }

    #[test]
    fn only_men_are_called_junior() {
        let names = Names::default();
        let mut endings = 0;
        for index in 0..20_000 {
            let name = names.draw(&mut Draws::of(42, Stream::Associado, index));
            let Some(ending) = name.ending else { continue };
            endings += 1;
            let first = first_word(name.nome());
            assert!(
                !first.ends_with('a') && first != "Beatriz" && first != "Raquel",
                "{first} {}",
                ending.text
            );
            let (mut sobrenome, mut embossed) = (String::new(), String::new());
            name.write_sobrenome(&mut sobrenome);
            name.write_embossed(&mut embossed);
            assert!(sobrenome.ends_with(ending.text), "{sobrenome}");
            assert!(embossed.ends_with(&ending.capitals), "{embossed}");
        }
        // 8 % of the men have an ending, and men are some 45 % of all.
        assert!((500..1_000).contains(&endings), "{endings}");
    }

    proptest! {
        #[test]
        fn whatever_the_seed_names_fit_their_columns(seed: u64, id in 1..=i32::MAX as u32) {
            let names = Names::default();
            let name = names.draw(&mut Draws::of(seed, Stream::Associado, id.into()));
            let mut text = String::new();
            name.write_embossed(&mut text);
            prop_assert!(text.len() <= EMBOSSED_CHARS && text.len() >= 5, "{}", text);
            prop_assert!(text.chars().all(|c| c.is_ascii_uppercase() || c == ' '), "{}", text);
            prop_assert_eq!(text.trim(), &text);
            prop_assert!(!text.contains("  "));

            text.clear();
            name.write_email(id, &mut text);
            prop_assert!(text.len() <= 255 && text.is_ascii());
            prop_assert_eq!(text.to_lowercase(), &text[..]);
            let (mailbox, domain) = text.split_once('@').expect("an at sign");
            prop_assert!(mailbox.ends_with(&id.to_string()), "{}", text);
            prop_assert!(domain.ends_with(".example"));

            text.clear();
            name.write_sobrenome(&mut text);
            prop_assert!(name.nome().chars().count() <= 100 && text.chars().count() <= 100);
        }

        #[test]
        fn any_words_are_embossed_within_the_limit(
            given in "[A-Z]{1,30}( [A-Z]{1,30}){0,3}",
            middle in "([A-Z]{1,30}( [A-Z]{1,30}){0,3})?",
            last in "[A-Z]{1,30}( [A-Z]{1,30}){0,3}",
        ) {
            let text = embossed(&given, &middle, &last);
            prop_assert!(!text.is_empty() && text.len() <= EMBOSSED_CHARS, "{}", text);
            prop_assert_eq!(text.trim(), &text);
        }
    }
}
