//! The tables of *cards*: their columns, how many rows each has, and what faults their rows can have.

use std::ops::AddAssign;

use crate::draw::random::Stream;
use crate::table::faults::{Fault, FaultIn, Faults};
use crate::table::layout::Layout;

/// A table of *cards*, in foreign-key order.
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
    /// All tables, parents before children.
    pub const ALL: [Self; 4] = [Self::Associado, Self::Conta, Self::Cartao, Self::Movimento];

    /// The table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Associado => "associado",
            Self::Conta => "conta",
            Self::Cartao => "cartao",
            Self::Movimento => "movimento",
        }
    }

    /// The table's columns, in the order in which rows are encoded.
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

    /// The types of the columns, as `pg_type` names them: what rows are encoded as.
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Associado => &["int4", "varchar", "varchar", "int4", "varchar"],
            Self::Conta => &["int4", "tipo_conta", "timestamp", "int4"],
            Self::Cartao => &["int4", "int8", "varchar", "timestamp", "int4", "int4"],
            Self::Movimento => &["int8", "numeric", "varchar", "timestamp", "int4"],
        }
    }

    /// The table's number among the counts of all tables.
    pub const fn of(self, counts: &Counts) -> u64 {
        match self {
            Self::Associado => counts.associado,
            Self::Conta => counts.conta,
            Self::Cartao => counts.cartao,
            Self::Movimento => counts.movimento,
        }
    }

    /// The faults that rows of the table can have.
    const fn faults(self) -> &'static [Fault] {
        use Fault::*;
        match self {
            Self::Associado => &[
                TrailingSpace,
                Decomposed,
                EmptyText,
                Quotes,
                LineBreak,
                Delimiters,
                PathCharacters,
                DuplicateClient,
            ],
            Self::Conta => &[FarDate],
            Self::Cartao => &[
                TrailingSpace,
                EmptyText,
                Quotes,
                LineBreak,
                Delimiters,
                PathCharacters,
                FarDate,
            ],
            Self::Movimento => &[
                TrailingSpace,
                EmptyText,
                Quotes,
                LineBreak,
                Delimiters,
                PathCharacters,
                FarDate,
                ExtremeAmount,
            ],
        }
    }

    /// A fault, with the column of the table that it is planted in.
    pub(crate) fn fault_in(self, fault: Fault) -> FaultIn {
        let column = match (self, fault) {
            (Self::Associado, Fault::EmptyText) => "sobrenome",
            (Self::Associado, _) => "nome",
            (Self::Conta, _) | (Self::Cartao, Fault::FarDate) => "data_criacao",
            (Self::Cartao, _) => "nom_impresso",
            (Self::Movimento, Fault::FarDate) => "data_movimento",
            (Self::Movimento, Fault::ExtremeAmount) => "vlr_transacao",
            (Self::Movimento, _) => "des_transacao",
        };
        FaultIn { fault, column }
    }

    /// Draws the fault of the row with this id, if it has one.
    pub(crate) fn draw_fault(self, faults: &Faults, id: u64) -> Option<Fault> {
        faults.draw(Stream::Fault, id * 4 + self as u64, self.faults())
    }
}

/// The tables as their rows are encoded.
pub(crate) const LAYOUTS: [Layout; 4] = [
    layout(Table::Associado),
    layout(Table::Conta),
    layout(Table::Cartao),
    layout(Table::Movimento),
];

const fn layout(table: Table) -> Layout {
    Layout {
        name: table.name(),
        key: "id",
        columns: table.columns(),
        types: table.types(),
        dialect: None,
    }
}

/// How many rows each table has; also its highest ids, since ids are dense and begin at 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Rows of `associado`.
    pub associado: u64,
    /// Rows of `conta`.
    pub conta: u64,
    /// Rows of `cartao`.
    pub cartao: u64,
    /// Rows of `movimento`.
    pub movimento: u64,
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.associado += other.associado;
        self.conta += other.conta;
        self.cartao += other.cartao;
        self.movimento += other.movimento;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::faults::FaultCounts;

    #[test]
    fn the_share_of_dirty_rows_is_the_one_asked_for_and_every_fault_occurs() {
        let faults = Faults::new(42, 0.25);
        for table in Table::ALL {
            let mut planted = FaultCounts::default();
            let fault = |id| {
                table
                    .draw_fault(&faults, id)
                    .map(|fault| table.fault_in(fault))
            };
            (0..100_000).for_each(|id| planted.count(fault(id)));
            let report = planted.report(table.name());
            let sum: u64 = report.iter().map(|fault| fault.rows).sum();
            // Six standard deviations of 137; the chance of a false alarm is below 10^-8.
            assert!((24_180..25_820).contains(&sum), "{sum}");
            assert_eq!(report.len(), table.faults().len());
        }
        let none = Faults::new(42, 0.0);
        assert!((0..1000).all(|id| Table::Movimento.draw_fault(&none, id).is_none()));
        let all = Faults::new(42, 1.0);
        assert!((0..1000).all(|id| Table::Movimento.draw_fault(&all, id).is_some()));
    }
}
