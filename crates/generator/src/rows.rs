//! The tables' rows: small values whose text is made when they are encoded, into a buffer that is used
//! again.

use database::copy_in::RowEncoder;

use crate::names::Name;
use crate::purchase::Purchase;

/// One table's row: how it is encoded.
pub trait Row {
    /// The table.
    const TABLE: &'static str;
    /// Its columns, in the order in which [`encode`](Self::encode) writes them.
    const COLUMNS: &'static [&'static str];

    /// Appends the fields. `text` is scratch space.
    fn encode(&self, text: &mut String, row: &mut RowEncoder);
}

/// A row of `associado`.
#[derive(Debug, Clone, Copy)]
pub struct Associado<'a> {
    pub(crate) id: u32,
    pub(crate) idade: u32,
    pub(crate) name: Name<'a>,
    /// Where they live; shows in what their cards pay for.
    pub(crate) home: u8,
}

/// A row of `conta`.
#[derive(Debug, Clone, Copy)]
pub struct Conta {
    pub(crate) id: u32,
    pub(crate) tipo: &'static str,
    pub(crate) data_criacao: i64,
    pub(crate) id_associado: u32,
}

/// A row of `cartao`.
#[derive(Debug, Clone, Copy)]
pub struct Cartao<'a> {
    pub(crate) id: u32,
    pub(crate) num_cartao: i64,
    pub(crate) data_criacao: i64,
    pub(crate) id_conta: u32,
    pub(crate) holder: Associado<'a>,
}

/// A row of `movimento`.
#[derive(Debug, Clone, Copy)]
pub struct Movimento<'a> {
    pub(crate) id: u64,
    pub(crate) purchase: Purchase<'a>,
    pub(crate) reversal: bool,
    pub(crate) data_movimento: i64,
    pub(crate) id_cartao: u32,
}

impl Row for Associado<'_> {
    const TABLE: &'static str = "associado";
    const COLUMNS: &'static [&'static str] = &["id", "nome", "sobrenome", "idade", "email"];

    fn encode(&self, text: &mut String, row: &mut RowEncoder) {
        row.int4(self.id as i32);
        row.text(self.name.nome());
        text.clear();
        self.name.write_sobrenome(text);
        row.text(text);
        row.int4(self.idade as i32);
        text.clear();
        self.name.write_email(self.id, text);
        row.text(text);
    }
}

impl Row for Conta {
    const TABLE: &'static str = "conta";
    const COLUMNS: &'static [&'static str] = &["id", "tipo", "data_criacao", "id_associado"];

    fn encode(&self, _text: &mut String, row: &mut RowEncoder) {
        row.int4(self.id as i32);
        row.text(self.tipo);
        row.timestamp(self.data_criacao);
        row.int4(self.id_associado as i32);
    }
}

impl Row for Cartao<'_> {
    const TABLE: &'static str = "cartao";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "num_cartao",
        "nom_impresso",
        "data_criacao",
        "id_conta",
        "id_associado",
    ];

    fn encode(&self, text: &mut String, row: &mut RowEncoder) {
        row.int4(self.id as i32);
        row.int8(self.num_cartao);
        text.clear();
        self.holder.name.write_embossed(text);
        row.text(text);
        row.timestamp(self.data_criacao);
        row.int4(self.id_conta as i32);
        row.int4(self.holder.id as i32);
    }
}

impl Row for Movimento<'_> {
    const TABLE: &'static str = "movimento";
    const COLUMNS: &'static [&'static str] = &[
        "id",
        "vlr_transacao",
        "des_transacao",
        "data_movimento",
        "id_cartao",
    ];

    fn encode(&self, text: &mut String, row: &mut RowEncoder) {
        row.int8(self.id as i64);
        let cents = i64::from(self.purchase.cents);
        row.numeric(if self.reversal { -cents } else { cents }, 2);
        text.clear();
        if self.reversal {
            text.push_str("ESTORNO ");
        }
        self.purchase.write_description(text);
        row.text(text);
        row.timestamp(self.data_movimento);
        row.int4(self.id_cartao as i32);
    }
}
