//! Notes about the lines of a file: how many there are, and which have a fault.

use crate::table::faults::FaultIn;

/// A fault, and the line of a file that it stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultAt {
    /// The line of the file that the row begins in, from 1; counted within the part until the part has its place in the file.
    pub line: u64,
    /// What is wrong, and in which column.
    pub fault: FaultIn,
    /// Whether the row breaks a rule, so that whatever loads it must refuse it.
    pub refused: bool,
}

/// Notes about some lines of a file.
#[derive(Debug, Default)]
pub struct Notes {
    /// How many lines were ended, counting line breaks within quotes.
    pub lines: u64,
    /// The faults in these lines.
    pub faults: Vec<FaultAt>,
}

impl FaultAt {
    /// The fault as a line of the list of faults; `file` is the name of its file.
    pub(crate) fn line_of(&self, file: &str) -> String {
        let Self {
            line,
            fault: FaultIn { fault, column },
            refused,
        } = self;
        let fault = serde_json::to_string(fault).unwrap_or_default();
        let fault = fault.trim_matches('"');
        format!("{file},{line},{column},{fault},{refused}\n")
    }
}

/// The first line of a list of faults.
pub(crate) const LIST_HEADER: &str = "file,line,column,fault,refused\n";
