//! Where tables stand in a picture: parents to the left of those that refer to them.

use database::catalogue::inventory::KnownTable;

use super::type_name::type_name;

/// The height of a table's title.
pub(super) const TITLE: usize = 30;
/// The height of a column's line.
pub(super) const LINE: usize = 22;
/// The space between tables that stand above each other.
const GAP: usize = 26;
/// The space between layers, in which lines turn.
const LANE: usize = 84;
/// The space around the picture.
const MARGIN: usize = 12;
/// How wide most characters are at most.
const CHARACTER: usize = 8;
/// The most characters that a name or type is shown with.
pub(super) const LONGEST: usize = 34;

/// The place of a table: its upper left corner and its size.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) x: usize,
    pub(super) y: usize,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// The places of all tables, and the size of the picture.
pub(super) struct Layout {
    pub(super) places: Vec<Place>,
    pub(super) width: usize,
    pub(super) height: usize,
}

/// Arranges tables in layers by their references. Within a layer they follow the order of the tables that they refer to.
pub(super) fn placed(tables: &[KnownTable]) -> Layout {
    let parents: Vec<Vec<usize>> = tables
        .iter()
        .enumerate()
        .map(|(number, table)| {
            let parents = table.references.iter();
            let parents = parents.filter_map(|of| tables.iter().position(|table| of.is_to(table)));
            parents.filter(|parent| *parent != number).collect()
        })
        .collect();
    let layers = layers(&parents);
    let mut places = vec![Place::default(); tables.len()];
    let (mut x, mut height) = (MARGIN, 0);
    for layer in &layers {
        let mut of_layer: Vec<(usize, usize)> = layer
            .iter()
            .map(|&number| {
                let above = parents[number].iter().map(|&parent| middle(places[parent]));
                let (count, sum) = above.fold((0, 0), |(count, sum), y| (count + 1, sum + y));
                (sum.checked_div(count).unwrap_or(0), number)
            })
            .collect();
        of_layer.sort_unstable();
        let (mut y, mut widest) = (MARGIN, 0);
        for (_, number) in of_layer {
            let place = Place {
                x,
                y,
                width: width(&tables[number]),
                height: TITLE + LINE * tables[number].columns.len() + 6,
            };
            places[number] = place;
            y += place.height + GAP;
            widest = widest.max(place.width);
        }
        // All tables of a layer are as wide as the widest, so that lines begin and end in one column.
        layer
            .iter()
            .for_each(|&number| places[number].width = widest);
        height = height.max(y - GAP + MARGIN);
        x += widest + LANE;
    }
    for layer in &layers {
        let bottom = layer
            .iter()
            .map(|&of| places[of].y + places[of].height)
            .max();
        let lower = (height - MARGIN - bottom.unwrap_or(height - MARGIN)) / 2;
        layer.iter().for_each(|&number| places[number].y += lower);
    }
    Layout {
        places,
        width: (x + MARGIN).saturating_sub(LANE).max(2 * MARGIN),
        height: height.max(2 * MARGIN),
    }
}

fn middle(place: Place) -> usize {
    place.y + place.height / 2
}

/// Groups the tables, by number, into layers: each stands in a later layer than all tables that it refers to. A circle of
/// references is cut at the first of its tables.
fn layers(parents: &[Vec<usize>]) -> Vec<Vec<usize>> {
    let mut layer_of: Vec<Option<usize>> = vec![None; parents.len()];
    let mut layers: Vec<Vec<usize>> = Vec::new();
    loop {
        let is_left = |number: &usize| layer_of[*number].is_none();
        let left: Vec<usize> = (0..parents.len()).filter(is_left).collect();
        let is_free = |number: &usize| parents[*number].iter().all(|of| !is_left(of));
        let mut free: Vec<usize> = left.iter().copied().filter(is_free).collect();
        if free.is_empty() {
            match left.first() {
                None => return layers,
                Some(first) => free.push(*first),
            }
        }
        free.iter()
            .for_each(|&number| layer_of[number] = Some(layers.len()));
        layers.push(free);
    }
}

fn width(table: &KnownTable) -> usize {
    let count = |text: &str| text.chars().count().min(LONGEST);
    let columns = table.columns.iter();
    let lines = columns.map(|column| count(&column.name) + count(&type_name(table, column)) + 3);
    let widest = lines.max().unwrap_or(0).max(count(&table.name));
    (widest * CHARACTER + 44).max(150)
}

#[cfg(test)]
mod tests {
    use super::layers;

    #[test]
    fn parents_stand_before_children_and_circles_end() {
        assert_eq!(
            layers(&[vec![], vec![0], vec![0, 1], vec![2]]),
            [[0], [1], [2], [3]]
        );
        let circle = layers(&[vec![1], vec![0], vec![1], vec![]]);
        assert_eq!(circle, [vec![3], vec![0], vec![1], vec![2]]);
        assert!(layers(&[]).is_empty());
    }
}
