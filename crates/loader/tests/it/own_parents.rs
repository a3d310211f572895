//! Rows that refer to rows of their own table, in any order and in circles. COPY's own reading is the standard.

use std::io::Write;

use loader::{OnDuplicate, RejectLimit};
use testkit::value;

use crate::memory::firm;
use crate::world::{World, rejects};

/// Much memory, and so little that keys are staged while other rows use it.
const MEMORY_BYTES: [u64; 2] = [64 << 20, 64 << 10];

/// The rows of the table, in their order.
fn staff(world: &World) -> String {
    value(
        &mut world.connect(),
        "SELECT string_agg(format('%s-%s', id, boss), ' ' ORDER BY id) FROM firm.staff WHERE id < 100",
    )
}

/// Rows without a boss whose keys need more memory than the little one.
fn others() -> String {
    (100..5_000)
        .map(|index| format!("{},\n", index * 1_000_003_i64))
        .collect()
}

#[test]
fn rows_that_refer_to_each_other_in_a_circle_are_loaded_as_copy_loads_them() {
    let circles = "1,2\n2,3\n3,1\n4,1\n7,8\n8,7\n9,9\n";
    for memory_bytes in MEMORY_BYTES {
        // The tenth is an orphan, and the eleventh refers to it.
        let world = firm(&format!("{circles}10,99\n11,10\n{}", others()));
        let mut options = world.options();
        options.memory_bytes = memory_bytes;
        let report = world.load(&options);
        assert_eq!((report.rows.read, report.rows.rejected), (4_909, 2));
        assert_eq!(
            world.rejected("firm", "staff"),
            rejects(&[(8, "boss", "reference"), (9, "boss", "reference")])
        );
        let loaded = staff(&world);
        let mut client = world.connect();
        client
            .batch_execute("TRUNCATE firm.staff")
            .expect("emptied");
        let mut copy = client
            .copy_in("COPY firm.staff FROM STDIN (FORMAT csv)")
            .expect("started");
        copy.write_all(circles.as_bytes()).expect("sent");
        copy.finish().expect("COPY takes circles");
        assert_eq!(loaded, staff(&world));
    }
}

#[test]
fn a_row_of_a_circle_whose_key_another_row_has_is_rejected_and_the_circle_is_loaded() {
    let text = "1,2\n1,3\n2,1\n3,1\n4,5\n4,\n5,4\n";
    for (on_duplicate, expected, rejected) in [
        (OnDuplicate::Reject, "1-2 2-1 3-1 4- 5-4", 2),
        (OnDuplicate::Skip, "1-2 2-1 3-1 4- 5-4", 0),
        (OnDuplicate::Update, "1-3 2-1 3-1 4-5 5-4", 0),
    ] {
        let world = firm(text);
        let mut options = world.options();
        options.on_duplicate = on_duplicate;
        options.max_rejects = Some(RejectLimit::Rows(2));
        let report = world.load(&options);
        assert_eq!(staff(&world), expected, "{on_duplicate:?}");
        assert_eq!(report.rows.rejected, rejected, "{on_duplicate:?}");
        let counted = report.rows.loaded + report.rows.rejected + report.rows.skipped;
        assert_eq!(counted, report.rows.read, "{on_duplicate:?}");
    }
}

#[test]
fn a_chain_of_rows_each_of_which_stands_before_its_parent_is_loaded() {
    // If all waiting rows were looked at again for each row that is sent, this would take many minutes.
    let last = 120_000;
    let chain: String = (1..last)
        .map(|id| format!("{id},{}\n", id + 1))
        .chain([format!("{last},\n")])
        .collect();
    let broken = chain.replace(&format!("\n{last},\n"), "\nx,\n");
    let (world, without_end) = (firm(&chain), firm(&broken));
    let mut options = world.options();
    options.memory_bytes = 1 << 30;
    assert_eq!(world.load(&options).rows.loaded, last);
    options = without_end.options();
    options.memory_bytes = 1 << 30;
    let report = without_end.load(&options);
    assert_eq!((report.rows.loaded, report.rows.rejected), (0, last));
}
