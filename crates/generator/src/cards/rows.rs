//! The tables' rows: small values whose text is made when they are encoded, into a buffer that is used
//! again.

use database::copy::write::RowEncoder;

use crate::cards::names::Name;
use crate::cards::plan::Counts;
use crate::cards::purchase::Purchase;
use crate::table::faults::{EXTREME_CENTS, FAR_TIMES, Fault, Plant};

/// The tables, in foreign-key order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Associates.
    Associado,
    /// Accounts.
    Conta,
    /// Cards.
    Cartao,
    /// Card movements.
    Movimento,
}

impl Table {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Associado, Self::Conta, Self::Cartao, Self::Movimento];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Associado => "associado",
            Self::Conta => "conta",
            Self::Cartao => "cartao",
            Self::Movimento => "movimento",
        }
    }

    /// Its columns, in the order in which rows are encoded.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Associado => &["id", "nome", "sobrenome", "idade", "email"],
            Self::Conta => &["id", "tipo", "data_criacao", "id_associado"],
            Self::Cartao => &[
                "id",
                "num_cartao",
                "nom_impresso",
                "data_criacao",
                "id_conta",
                "id_associado",
            ],
            Self::Movimento => &[
                "id",
                "vlr_transacao",
                "des_transacao",
                "data_movimento",
                "id_cartao",
            ],
        }
    }

    /// The types of these columns, as `pg_type` names them: what rows are encoded as.
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Associado => &["int4", "varchar", "varchar", "int4", "varchar"],
            Self::Conta => &["int4", "tipo_conta", "timestamp", "int4"],
            Self::Cartao => &["int4", "int8", "varchar", "timestamp", "int4", "int4"],
            Self::Movimento => &["int8", "numeric", "varchar", "timestamp", "int4"],
        }
    }

    /// Its rows among those of all tables.
    pub const fn of(self, counts: &Counts) -> u64 {
        match self {
            Self::Associado => counts.associado,
            Self::Conta => counts.conta,
            Self::Cartao => counts.cartao,
            Self::Movimento => counts.movimento,
        }
    }
}

/// What takes the fields of a row, one after the other.
pub trait Fields {
    /// An integer.
    fn int4(&mut self, value: i32);
    /// A bigint.
    fn int8(&mut self, value: i64);
    /// The numeric `unscaled` · 10^-`scale`.
    fn numeric(&mut self, unscaled: i64, scale: u16);
    /// A text, or the label of an enum.
    fn text(&mut self, value: &str);
    /// A timestamp in microseconds since 2000-01-01T00:00:00.
    fn timestamp(&mut self, micros: i64);
    /// An instant in microseconds since 2000-01-01T00:00:00Z.
    fn timestamptz(&mut self, micros: i64);
    /// A boolean.
    fn bool(&mut self, value: bool);
    /// A smallint.
    fn int2(&mut self, value: i16);
    /// A UUID.
    fn uuid(&mut self, value: [u8; 16]);
    /// NULL of any type.
    fn null(&mut self);

    /// An integer or NULL.
    fn int4_or_null(&mut self, value: Option<u32>) {
        match value {
            Some(value) => self.int4(value as i32),
            None => self.null(),
        }
    }

    /// A text or NULL.
    fn text_or_null(&mut self, value: Option<&str>) {
        match value {
            Some(value) => self.text(value),
            None => self.null(),
        }
    }

    /// A timestamp or NULL.
    fn timestamp_or_null(&mut self, micros: Option<i64>) {
        match micros {
            Some(micros) => self.timestamp(micros),
            None => self.null(),
        }
    }
}

impl Fields for RowEncoder {
    fn int4(&mut self, value: i32) {
        Self::int4(self, value);
    }

    fn int8(&mut self, value: i64) {
        Self::int8(self, value);
    }

    fn numeric(&mut self, unscaled: i64, scale: u16) {
        Self::numeric(self, unscaled, scale);
    }

    fn text(&mut self, value: &str) {
        Self::text(self, value);
    }

    fn timestamp(&mut self, micros: i64) {
        Self::timestamp(self, micros);
    }

    fn timestamptz(&mut self, micros: i64) {
        // On the wire both count from the same instant.
        Self::timestamp(self, micros);
    }

    fn bool(&mut self, value: bool) {
        Self::bool(self, value);
    }

    fn int2(&mut self, value: i16) {
        Self::int2(self, value);
    }

    fn uuid(&mut self, value: [u8; 16]) {
        Self::uuid(self, value);
    }

    fn null(&mut self) {
        Self::null(self);
    }
}

/// One table's row: how it is encoded.
pub trait Row {
    /// Writes the fields. `text` is scratch space.
    fn encode(&self, text: &mut String, fields: &mut impl Fields);

    /// The fault that was planted in it.
    fn plant(&self) -> Option<Plant>;

    /// The fault that it has in a file only, since it breaks a rule.
    fn breakage(&self) -> Option<Plant> {
        None
    }
}

/// A row of `associado`.
#[derive(Debug, Clone, Copy)]
pub struct Associado<'a> {
    pub(crate) id: u32,
    pub(crate) idade: u32,
    pub(crate) name: Name<'a>,
    /// Where they live; shows in what their cards pay for.
    pub(crate) home: u8,
    pub(crate) fault: Option<Fault>,
}

/// A row of `conta`.
#[derive(Debug, Clone, Copy)]
pub struct Conta {
    pub(crate) id: u32,
    pub(crate) tipo: &'static str,
    pub(crate) data_criacao: i64,
    pub(crate) id_associado: u32,
    pub(crate) fault: Option<Fault>,
}

/// A row of `cartao`.
#[derive(Debug, Clone, Copy)]
pub struct Cartao<'a> {
    pub(crate) id: u32,
    pub(crate) num_cartao: i64,
    pub(crate) data_criacao: i64,
    pub(crate) id_conta: u32,
    pub(crate) holder: Associado<'a>,
    pub(crate) fault: Option<Fault>,
}

/// A row of `movimento`.
#[derive(Debug, Clone, Copy)]
pub struct Movimento<'a> {
    pub(crate) id: u64,
    pub(crate) purchase: Purchase<'a>,
    pub(crate) reversal: bool,
    pub(crate) data_movimento: i64,
    pub(crate) id_cartao: u32,
    pub(crate) fault: Option<Fault>,
}

impl Row for Associado<'_> {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        let (in_nome, in_sobrenome) = match self.fault {
            Some(Fault::EmptyText) => (None, self.fault),
            fault => (fault, None),
        };
        fields.int4(self.id as i32);
        text.clear();
        text.push_str(self.name.nome());
        write_text(text, in_nome, fields);
        text.clear();
        self.name.write_sobrenome(text);
        write_text(text, in_sobrenome, fields);
        fields.int4(self.idade as i32);
        text.clear();
        self.name.write_email(self.id, text);
        fields.text(text);
    }

    fn plant(&self) -> Option<Plant> {
        self.fault.map(|fault| fault.within(Table::Associado))
    }
}

impl Row for Conta {
    fn encode(&self, _text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        fields.text(self.tipo);
        fields.timestamp(time(self.data_criacao, self.fault, self.id.into()));
        fields.int4(self.id_associado as i32);
    }

    fn plant(&self) -> Option<Plant> {
        self.fault.map(|fault| fault.within(Table::Conta))
    }
}

impl Row for Cartao<'_> {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        fields.int8(self.num_cartao);
        text.clear();
        self.holder.name.write_embossed(text);
        write_text(text, self.fault, fields);
        fields.timestamp(time(self.data_criacao, self.fault, self.id.into()));
        fields.int4(self.id_conta as i32);
        fields.int4(self.holder.id as i32);
    }

    fn plant(&self) -> Option<Plant> {
        self.fault.map(|fault| fault.within(Table::Cartao))
    }
}

impl Row for Movimento<'_> {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        fields.int8(self.id as i64);
        let cents = match self.fault {
            Some(Fault::ExtremeAmount) => EXTREME_CENTS,
            _ => self.purchase.cents.into(),
        };
        fields.numeric(if self.reversal { -cents } else { cents }, 2);
        text.clear();
        if self.reversal {
            text.push_str("ESTORNO ");
        }
        self.purchase.write_description(text);
        write_text(text, self.fault, fields);
        fields.timestamp(time(self.data_movimento, self.fault, self.id));
        fields.int4(self.id_cartao as i32);
    }

    fn plant(&self) -> Option<Plant> {
        self.fault.map(|fault| fault.within(Table::Movimento))
    }
}

fn write_text(text: &mut String, fault: Option<Fault>, fields: &mut impl Fields) {
    if let Some(fault) = fault {
        fault.plant(text);
    }
    fields.text(text);
}

fn time(time: i64, fault: Option<Fault>, id: u64) -> i64 {
    match fault {
        Some(Fault::FarDate) => FAR_TIMES[(id % 2) as usize],
        _ => time,
    }
}
