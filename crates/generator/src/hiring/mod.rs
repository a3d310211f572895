//! The dataset *hiring*: departments, jobs, and who was hired for them from January 2021 to February 2022.

use crate::draw::english;
use crate::draw::random::{Draws, Share, Stream};
use crate::draw::sampling::Choice;
use crate::encode::encoding::{EncodeAs, Encoding};
use crate::encode::{Format, HandOver, blocks};
use crate::recipe::Recipe;
use crate::table::RowSource;
use crate::table::dialect::Dialect;
use crate::table::faults::{Fault, FaultCounts, FaultIn, Faults};
use crate::table::fields::{Fields, Row};
use crate::table::layout::{Layout, Part, even_parts, even_rows};
use crate::table::time::{DAY, SECOND};

/// The most employees that one call can make: ids are integers.
pub(crate) const MAX_EMPLOYEES: u32 = 1_000_000_000;

const DEPARTMENTS: usize = 0;
const JOBS: usize = 1;
const EMPLOYEES: usize = 2;

/// Departments, and the weight of each among employees. The last one hires nobody.
const DEPARTMENT_SHARES: [(&str, f64); 12] = [
    ("Product Management", 5.0),
    ("Sales", 4.0),
    ("Research and Development", 8.0),
    ("Business Development", 10.0),
    ("Engineering", 11.0),
    ("Human Resources", 11.0),
    ("Services", 11.0),
    ("Support", 12.0),
    ("Marketing", 8.0),
    ("Training", 8.0),
    ("Legal", 3.0),
    ("Accounting", 0.0),
];

/// What may be added to a job's title.
const GRADES: [&str; 4] = ["", " II", " III", " IV"];
/// Titles of jobs, each of which comes in all grades.
#[rustfmt::skip]
const JOB_TITLES: [&str; 45] = [
    "Marketing Assistant", "VP Sales", "Biostatistician", "Account Representative", "VP Marketing",
    "Environmental Specialist", "Software Consultant", "Office Assistant", "Information Systems Manager",
    "Desktop Support Technician", "Financial Advisor", "Computer Systems Analyst", "Automation Specialist",
    "Help Desk Technician", "Recruiting Manager", "Assistant Professor", "Human Resources Assistant", "Editor",
    "Research Associate", "Geologist", "Web Designer", "Statistician", "Programmer Analyst", "Web Developer",
    "Developer", "Administrative Assistant", "Systems Administrator", "Staff Accountant", "Accountant",
    "Safety Technician", "Budget Analyst", "Engineer", "Media Manager", "Database Administrator", "Health Coach",
    "Software Engineer", "Software Test Engineer", "Project Manager", "Tax Accountant", "Data Coordinator",
    "Paralegal", "Sales Associate", "Nurse Practitioner", "Technical Writer", "Quality Engineer",
];
const JOB_COUNT: u64 = (JOB_TITLES.len() * GRADES.len()) as u64;

/// The first day that employees were hired on, 2021-01-01, in days from 2000-01-01.
const FIRST_DAY: i64 = 7_671;
/// The day after the last that employees were hired on, 2022-03-01, in days from 2000-01-01.
const END_DAY: i64 = 8_095;
/// One employee in this many was hired at the very edge of a quarter.
const AT_AN_EDGE: u64 = 97;
/// The first instants of quarters, in days; the instants just before them are edges as well.
const EDGES: [i64; 6] = [
    FIRST_DAY,
    FIRST_DAY + 90,
    FIRST_DAY + 181,
    FIRST_DAY + 273,
    FIRST_DAY + 365,
    END_DAY - 1,
];

/// Share of employees whose row lacks a field in the file, whether or not other faults are planted: real files arrive like this.
const LACKING: Share = Share::new(0.035);
const LACKING_FAULTS: [FaultIn; 4] = [
    FaultIn::new(Fault::MissingField, "name"),
    FaultIn::new(Fault::MissingField, "datetime"),
    FaultIn::new(Fault::MissingField, "department_id"),
    FaultIn::new(Fault::MissingField, "job_id"),
];

const FAULTS: [FaultIn; 5] = [
    FaultIn::new(Fault::TrailingSpace, "name"),
    FaultIn::new(Fault::Quotes, "name"),
    FaultIn::new(Fault::LineBreak, "name"),
    FaultIn::new(Fault::Delimiters, "name"),
    FaultIn::new(Fault::PathCharacters, "name"),
];
const FILE_FAULTS: [FaultIn; 9] = [
    FaultIn::new(Fault::NotANumber, "job_id"),
    FaultIn::new(Fault::ImpossibleTime, "datetime"),
    FaultIn::new(Fault::TooLong, "name"),
    FaultIn::new(Fault::NotUtf8, "name"),
    FaultIn::new(Fault::NulByte, "name"),
    FaultIn::new(Fault::RaggedRow, ""),
    FaultIn::new(Fault::DuplicateKey, "id"),
    FaultIn::new(Fault::UnknownReference, "department_id"),
    FaultIn::new(Fault::UnknownReference, "job_id"),
];

/// The tables as their rows are encoded.
pub(crate) const LAYOUTS: [Layout; 3] = [
    Layout {
        name: "departments",
        key: "id",
        columns: &["id", "department"],
        types: &["int4", "varchar"],
        dialect: Some(dialect("departments.csv")),
    },
    Layout {
        name: "jobs",
        key: "id",
        columns: &["id", "job"],
        types: &["int4", "varchar"],
        dialect: Some(dialect("jobs.csv")),
    },
    Layout {
        name: "hired_employees",
        key: "id",
        columns: &["id", "name", "datetime", "department_id", "job_id"],
        types: &["int4", "varchar", "timestamptz", "int4", "int4"],
        dialect: Some(dialect("hired_employees.csv")),
    },
];

const fn dialect(file: &'static str) -> Dialect {
    Dialect {
        file,
        header: &[],
        delimiter: ',',
        line_end: "\n",
        final_line_end: false,
        byte_order_mark: false,
        null: "",
        commas: &[],
        days: &[],
    }
}

/// The rows of *hiring*.
pub(crate) struct Hiring {
    seed: u64,
    employees: u64,
    departments: Choice,
    faults: Faults,
}

/// A row of `departments` or of `jobs`.
struct Named {
    id: u32,
    name: &'static str,
    grade: &'static str,
}

/// A row of `hired_employees`.
struct Employee {
    id: u64,
    given: &'static str,
    family: &'static str,
    datetime: i64,
    department: u32,
    job: u32,
    fault: Option<FaultIn>,
    file_fault: Option<FaultIn>,
}

impl Hiring {
    /// Plans the rows of this many employees.
    pub(crate) fn new(recipe: &Recipe, employees: u32) -> Self {
        Self {
            seed: recipe.seed,
            employees: employees.into(),
            departments: Choice::new(&DEPARTMENT_SHARES.map(|(_, share)| share)),
            faults: Faults::new(recipe.seed, recipe.dirty),
        }
    }

    fn employee(&self, id: u64) -> Employee {
        let mut draws = Draws::of(self.seed, Stream::Employee, id);
        // Drawn first, since faults of other rows depend on it: see `file_fault`.
        let lacking = self.lacking(&mut draws);
        let seconds = u64::from(draws.below(((END_DAY - FIRST_DAY) * DAY / SECOND) as u32));
        let (given, family) = (english::given(&mut draws), english::family(&mut draws));
        let fault = match lacking {
            Some(_) => None,
            None => self.faults.draw(Stream::Fault, id, &FAULTS),
        };
        Employee {
            id,
            given,
            family,
            datetime: if id.is_multiple_of(AT_AN_EDGE) {
                let nth = (id / AT_AN_EDGE) as usize;
                let before = if nth.is_multiple_of(2) { SECOND } else { 0 };
                EDGES[nth / 2 % EDGES.len()] * DAY - before
            } else {
                FIRST_DAY * DAY + seconds as i64 * SECOND
            },
            department: self.departments.draw(&mut draws) as u32 + 1,
            // The jobs with lower ids are more common, and those with the highest may be nobody's.
            job: draws
                .below(JOB_COUNT as u32)
                .min(draws.below(JOB_COUNT as u32 * 2))
                + 1,
            fault,
            file_fault: match fault {
                Some(_) => None,
                None => self.file_fault(id, lacking),
            },
        }
    }

    fn lacking(&self, draws: &mut Draws) -> Option<FaultIn> {
        let lacks = draws.chance(LACKING);
        let which = draws.below(LACKING_FAULTS.len() as u32) as usize;
        lacks.then(|| LACKING_FAULTS[which])
    }

    /// The fault that an employee's row has in a file, if it has one that breaks a rule. A row cannot repeat the key of the row
    /// before it if that row is refused.
    fn file_fault(&self, id: u64, lacking: Option<FaultIn>) -> Option<FaultIn> {
        let broken = |id| self.faults.draw(Stream::FileFault, id, &FILE_FAULTS);
        let own = lacking.or_else(|| broken(id))?;
        if own.fault != Fault::DuplicateKey {
            return Some(own);
        }
        let before = self.lacking(&mut Draws::of(self.seed, Stream::Employee, id - 1));
        let refused = id == 1 || before.is_some() || broken(id - 1).is_some();
        Some(if refused { FILE_FAULTS[0] } else { own })
    }
}

impl EncodeAs for Hiring {
    fn encode_as<F: Format>(
        &self,
        table: usize,
        part: &Part,
        format: &mut F,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        let (layout, rows) = (&LAYOUTS[table], even_rows(part, self.rows(table)));
        match table {
            DEPARTMENTS => {
                let departments = rows.map(|index| Named {
                    id: index as u32 + 1,
                    name: DEPARTMENT_SHARES[index as usize].0,
                    grade: "",
                });
                blocks(departments, layout, format, hand_over)
            }
            JOBS => {
                let jobs = rows.map(|index| Named {
                    id: index as u32 + 1,
                    name: JOB_TITLES[index as usize % JOB_TITLES.len()],
                    grade: GRADES[index as usize / JOB_TITLES.len()],
                });
                blocks(jobs, layout, format, hand_over)
            }
            _ => {
                let employees = rows.map(|index| self.employee(index + 1));
                blocks(employees, layout, format, hand_over)
            }
        }
    }
}

impl RowSource for Hiring {
    fn tables(&self) -> &'static [Layout] {
        &LAYOUTS
    }

    fn rows(&self, table: usize) -> u64 {
        match table {
            DEPARTMENTS => DEPARTMENT_SHARES.len() as u64,
            JOBS => JOB_COUNT,
            EMPLOYEES => self.employees,
            _ => 0,
        }
    }

    fn highest(&self, table: usize) -> u64 {
        self.rows(table)
    }

    fn parts(&self, table: usize, rows: u64) -> Vec<Part> {
        even_parts(self.rows(table), rows)
    }

    fn keys(&self, table: usize, part: &Part) -> (u64, u64) {
        let rows = even_rows(part, self.rows(table));
        (rows.start, rows.end)
    }

    fn encode(
        &self,
        table: usize,
        part: &Part,
        encoding: &mut Encoding,
        hand_over: &mut HandOver<'_>,
    ) -> anyhow::Result<FaultCounts> {
        encoding.encode(self, table, part, hand_over)
    }
}

impl Row for Named {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        text.clear();
        text.push_str(self.name);
        text.push_str(self.grade);
        fields.text(text);
    }

    fn fault(&self) -> Option<FaultIn> {
        None
    }
}

impl Row for Employee {
    fn encode(&self, text: &mut String, fields: &mut impl Fields) {
        fields.int4(self.id as i32);
        text.clear();
        text.push_str(self.given);
        text.push(' ');
        text.push_str(self.family);
        if let Some(FaultIn { fault, .. }) = self.fault {
            fault.plant_in(text);
        }
        fields.text(text);
        fields.timestamptz(self.datetime);
        fields.int4(self.department as i32);
        fields.int4(self.job as i32);
    }

    fn fault(&self) -> Option<FaultIn> {
        self.fault
    }

    fn file_fault(&self) -> Option<FaultIn> {
        self.file_fault
    }
}
