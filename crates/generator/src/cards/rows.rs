//! The rows of the tables of *cards*: small values. Their text is made only when they are encoded, into a buffer that is
//! used again and again.

use crate::cards::names::Name;
use crate::cards::purchase::Purchase;
use crate::cards::tables::Table;
use crate::table::faults::{EXTREME_CENTS, FAR_TIMES, Fault, FaultIn};
use crate::table::fields::{Fields, Row};

/// A row of `associado`.
#[derive(Debug, Clone, Copy)]
pub struct Associado<'a> {
    pub(crate) id: u32,
    pub(crate) idade: u32,
    pub(crate) name: Name<'a>,
    /// The city where the associate lives, which shows in what the cards pay for.
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

    fn fault(&self) -> Option<FaultIn> {
        self.fault.map(|fault| Table::Associado.fault_in(fault))
    }
}

impl Row for Conta {
    fn encode(&self, _text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        fields.text(self.tipo);
        fields.timestamp(time(self.data_criacao, self.fault, self.id.into()));
        fields.int4(self.id_associado as i32);
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault.map(|fault| Table::Conta.fault_in(fault))
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

    fn fault(&self) -> Option<FaultIn> {
        self.fault.map(|fault| Table::Cartao.fault_in(fault))
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

    fn fault(&self) -> Option<FaultIn> {
        self.fault.map(|fault| Table::Movimento.fault_in(fault))
    }
}

fn write_text(text: &mut String, fault: Option<Fault>, fields: &mut impl Fields) {
    if let Some(fault) = fault {
        fault.plant_in(text);
    }
    fields.text(text);
}

fn time(time: i64, fault: Option<Fault>, id: u64) -> i64 {
    match fault {
        Some(Fault::FarDate) => FAR_TIMES[(id % 2) as usize],
        _ => time,
    }
}
