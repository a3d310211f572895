//! Checks the keys of rows, in the file's order, and decides what becomes of each row.

use std::collections::{BTreeMap, BTreeSet};

use dataset::load_rules::Missing;
use values::rule::Violation;

use crate::keys::results::RowResults;
use crate::keys::sets::KeySets;
use crate::options::OnDuplicate;
use crate::rules::key::Key;
use crate::target::{Referring, Unique};

/// What becomes of a row.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The row is loaded.
    Load,
    /// The row replaces the one with its primary key.
    Update,
    /// The row is left out, as the options ask.
    Skip,
    /// The row breaks these rules.
    Reject(Vec<Violation>),
    /// The row refers to another of its own table, which may still come.
    Wait,
}

/// Whether missing parents that belong in the row's own table can still come with the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum OwnParents {
    /// Parents may still come, so the row waits for them.
    MayCome,
    /// The parents come together with the row.
    Come,
    /// No more parents come.
    AreMissing,
}

/// What relates a waiting row to other waiting rows of its table: keys, each with the place of its set.
#[derive(Debug, Default)]
pub(crate) struct Kinship {
    /// Whether the row cannot be loaded, since a row that is loaded already has one of its keys.
    pub(crate) is_taken: bool,
    /// The row's own keys.
    pub(crate) own: Box<[(usize, Key)]>,
    /// The keys that the row refers to and that no row has so far.
    pub(crate) awaited: Box<[(usize, Key)]>,
}

/// What the keys of a file's rows are checked against.
pub(crate) struct KeyCheck<'a> {
    /// The unique keys, each with the place of its set.
    pub(crate) unique: Vec<(&'a Unique, usize)>,
    /// The references, each with the place of its parent's set.
    pub(crate) references: Vec<(&'a Referring, usize)>,
    pub(crate) on_duplicate: OnDuplicate,
    /// For each column, how many rows were loaded though the row that they refer to is missing.
    pub(crate) orphans: BTreeMap<String, u64>,
}

impl KeyCheck<'_> {
    /// How many keys a row has.
    pub(crate) fn width(&self) -> usize {
        self.unique.len() + self.references.len()
    }

    /// The places of the sets against which rows are checked, in the order of a row's keys.
    pub(crate) fn places(&self) -> impl Iterator<Item = usize> {
        let unique = self.unique.iter().map(|(_, place)| *place);
        unique.chain(self.references.iter().map(|(_, place)| *place))
    }

    /// Decides about a row by its keys, and remembers them if it is loaded.
    ///
    /// `broken` are the rules that the row breaks by itself. Of a key whose values are staged, memory holds only the values that
    /// matter to other rows of the file, and `results` says what the database found.
    pub(crate) fn check(
        &mut self,
        keys: &mut KeySets,
        row: &[Key],
        results: RowResults<'_>,
        mut broken: Vec<Violation>,
        parents: OwnParents,
    ) -> Verdict {
        let row = results.keys(row);
        let (own, referring) = row.split_at(self.unique.len().min(row.len()));
        let by_itself = broken.len();
        let (taken, replaces) = self.taken(keys, own, &results);
        // For a row that replaces another, the server decides whether its other keys are free: it knows the row that has them.
        if !replaces {
            broken.extend(taken.iter().map(|index| self.unique[*index].0.taken()));
        }
        let duplicates = broken.len() - by_itself;
        let mut waits = false;
        let mut orphaned = Vec::new();
        for (index, key) in referring.iter().enumerate() {
            let (reference, _) = &self.references[index];
            let own_place = match self.parent(keys, own, index, *key, &results) {
                Parent::Is => continue,
                Parent::IsNot { in_own_table } => in_own_table,
            };
            if reference.missing == Missing::Allow {
                orphaned.push(reference.columns.join(", "));
                continue;
            }
            match (own_place, parents) {
                (true, OwnParents::MayCome) => {
                    waits = true;
                    continue;
                }
                (true, OwnParents::Come) => continue,
                _ => {}
            }
            broken.push(reference.without_parent());
        }
        if !broken.is_empty() {
            let only_duplicates = duplicates > 0 && broken.len() == duplicates;
            return if only_duplicates && self.on_duplicate == OnDuplicate::Skip {
                Verdict::Skip
            } else {
                Verdict::Reject(broken)
            };
        }
        if waits {
            return Verdict::Wait;
        }
        for column in orphaned {
            *self.orphans.entry(column).or_default() += 1;
        }
        for (index, key) in own.iter().enumerate() {
            if results.is_wanted(index) {
                keys.insert(self.unique[index].1, *key);
            }
        }
        if replaces {
            Verdict::Update
        } else {
            Verdict::Load
        }
    }

    /// How a waiting row is related to other waiting rows.
    pub(crate) fn kinship(&self, keys: &KeySets, row: &[Key], results: RowResults<'_>) -> Kinship {
        let row = results.keys(row);
        let (own, referring) = row.split_at(self.unique.len().min(row.len()));
        let awaits = |(index, key): &(usize, &Key)| {
            let parent = self.parent(keys, own, *index, **key, &results);
            matches!(parent, Parent::IsNot { in_own_table: true })
                && self.references[*index].0.missing == Missing::Reject
        };
        let (taken, replaces) = self.taken(keys, own, &results);
        Kinship {
            is_taken: !taken.is_empty() && !replaces,
            own: own
                .iter()
                .zip(&self.unique)
                .filter(|(key, _)| **key != Key::Null)
                .map(|(key, (_, place))| (*place, *key))
                .collect(),
            awaited: referring
                .iter()
                .enumerate()
                .filter(awaits)
                .map(|(index, key)| (self.references[index].1, *key))
                .collect(),
        }
    }

    /// The indices of the row's keys that other rows have already, and whether the row replaces one of those rows.
    fn taken(
        &self,
        keys: &KeySets,
        own: &[Key],
        results: &RowResults<'_>,
    ) -> (BTreeSet<usize>, bool) {
        let is_taken = |index: &usize| {
            results.is_taken(*index) || keys.contains(self.unique[*index].1, own[*index])
        };
        let taken: BTreeSet<usize> = (0..own.len()).filter(is_taken).collect();
        let primary = self.unique.iter().position(|(unique, _)| unique.primary);
        let replaces = self.on_duplicate == OnDuplicate::Update
            && primary.is_some_and(|primary| taken.contains(&primary));
        (taken, replaces)
    }

    /// Looks for the parent that a row refers to by the reference with this index.
    fn parent(
        &self,
        keys: &KeySets,
        own: &[Key],
        index: usize,
        key: Key,
        results: &RowResults<'_>,
    ) -> Parent {
        let (_, place) = self.references[index];
        if key == Key::Null || keys.contains(place, key) || results.has_parent(own.len() + index) {
            return Parent::Is;
        }
        let own_place = self.unique.iter().position(|(_, own)| *own == place);
        match own_place {
            // A row may be its own parent.
            Some(index) if own[index] == key => Parent::Is,
            own_place => Parent::IsNot {
                in_own_table: own_place.is_some(),
            },
        }
    }
}

/// Whether the parent of a row is there.
enum Parent {
    /// The parent is there, or the row refers to nothing.
    Is,
    /// The parent is not there.
    IsNot { in_own_table: bool },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rules::key::KeyName;

    /// Checks rows of (id, parent's id) in a table that refers to itself and to another table with the ids 1 and 2.
    fn verdicts(on_duplicate: OnDuplicate, missing: Missing, rows: &[(i64, i64)]) -> Vec<String> {
        let mut keys = KeySets::new(1 << 20);
        let (own, other) = (
            keys.add(KeyName::id_of("own")),
            keys.add(KeyName::id_of("other")),
        );
        keys.insert(other, Key::Whole(1));
        keys.insert(other, Key::Whole(2));
        let unique = Unique {
            name: KeyName::id_of("own"),
            equality: Vec::new(),
            primary: true,
            nulls_equal: false,
        };
        let reference = Referring {
            columns: vec!["other_id".to_owned()],
            parent: KeyName::id_of("other"),
            equality: Vec::new(),
            missing,
            match_full: false,
        };
        let mut check = KeyCheck {
            unique: vec![(&unique, own)],
            references: vec![(&reference, other)],
            on_duplicate,
            orphans: BTreeMap::new(),
        };
        let row = |(id, parent): &(i64, i64)| {
            let row = [Key::Whole(*id), Key::Whole(*parent)];
            match check.check(
                &mut keys,
                &row,
                RowResults::default(),
                Vec::new(),
                OwnParents::MayCome,
            ) {
                Verdict::Reject(broken) => {
                    let rules: Vec<_> = broken.iter().map(|broken| broken.rule.name()).collect();
                    rules.join("+")
                }
                other => format!("{other:?}"),
            }
        };
        rows.iter().map(row).collect()
    }

    #[test]
    fn every_broken_key_is_told_and_no_key_of_a_rejected_row_is_kept() {
        let rows = [(1, 1), (1, 2), (1, 9), (2, 9), (2, 2)];
        assert_eq!(
            verdicts(OnDuplicate::Reject, Missing::Reject, &rows),
            ["Load", "unique", "unique+reference", "reference", "Load"]
        );
    }

    #[test]
    fn duplicates_are_skipped_or_replace_and_orphans_are_allowed_where_asked_for() {
        let rows = [(1, 1), (1, 2), (2, 9)];
        assert_eq!(
            verdicts(OnDuplicate::Skip, Missing::Allow, &rows),
            ["Load", "Skip", "Load"]
        );
        assert_eq!(
            verdicts(OnDuplicate::Update, Missing::Reject, &rows),
            ["Load", "Update", "reference"]
        );
    }

    #[test]
    fn a_child_before_its_parent_waits() {
        let mut keys = KeySets::new(1 << 20);
        let own = keys.add(KeyName::id_of("own"));
        let unique = Unique {
            name: KeyName::id_of("own"),
            equality: Vec::new(),
            primary: true,
            nulls_equal: false,
        };
        let reference = Referring {
            columns: vec!["boss".to_owned()],
            parent: KeyName::id_of("own"),
            equality: Vec::new(),
            missing: Missing::Reject,
            match_full: false,
        };
        let mut check = KeyCheck {
            unique: vec![(&unique, own)],
            references: vec![(&reference, own)],
            on_duplicate: OnDuplicate::Reject,
            orphans: BTreeMap::new(),
        };
        let mut row = |id, boss, parents| {
            let row = [Key::Whole(id), boss];
            check.check(&mut keys, &row, RowResults::default(), Vec::new(), parents)
        };
        assert_eq!(row(2, Key::Whole(1), OwnParents::MayCome), Verdict::Wait);
        assert_eq!(row(1, Key::Null, OwnParents::MayCome), Verdict::Load);
        assert_eq!(row(3, Key::Whole(3), OwnParents::MayCome), Verdict::Load);
        assert_eq!(row(2, Key::Whole(1), OwnParents::AreMissing), Verdict::Load);
        let orphan = row(5, Key::Whole(4), OwnParents::AreMissing);
        assert!(matches!(orphan, Verdict::Reject(_)));
        assert_eq!(row(6, Key::Whole(7), OwnParents::Come), Verdict::Load);
    }
}
