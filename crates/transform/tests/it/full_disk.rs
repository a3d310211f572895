//! A disk that fills up before the output is complete.

use std::path::{Path, PathBuf};
use std::process::Command;

use dataset::failure::Kind;
use transform::Layout;

use crate::world::World;

/// A small disk, which exists as long as this value.
struct Disk(PathBuf);

impl Disk {
    /// Mounts a disk at `folder` with these options of tmpfs. `None` without the right to mount.
    fn mount(folder: &Path, options: &str) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount
            .args(["-t", "tmpfs", "-o", options, "tmpfs"])
            .arg(folder);
        let mounted = mount.status().is_ok_and(|status| status.success());
        mounted.then(|| Self(folder.to_owned()))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

/// Publishes a small output on a disk that has room for no more; then a larger one fails.
fn check(layout: Layout, disk: &str) {
    let world = World::with_rows(30, 300);
    // For an unprivileged user, this test ends here.
    let Some(_disk) = Disk::mount(world.out.path(), disk) else {
        return;
    };
    world.transform(layout.clone());
    let former = world.contents();
    assert!(former.len() >= 2);
    world.sql("TRUNCATE associado, conta, cartao, movimento");
    world.fill(300, 20_000);
    let error = world.try_transform(&world.options(layout)).unwrap_err();
    let message = format!("{error:#}");
    assert_eq!(
        dataset::failure::Failure::kind_of(&error),
        Some(Kind::Output),
        "{message}"
    );
    assert!(message.contains("No space left"), "{message}");
    assert!(
        message.contains(&world.out.path().display().to_string()),
        "{message}"
    );
    assert!(world.contents() == former, "{message}");
    let left: Vec<_> = std::fs::read_dir(world.out.path())
        .unwrap()
        .flatten()
        .map(|entry| entry.file_name())
        .collect();
    assert!(
        left.iter()
            .all(|name| !name.to_string_lossy().starts_with(".extrato-")),
        "{left:?}"
    );
}

#[test]
fn a_full_disk_leaves_the_former_file_and_nothing_else() {
    check(Layout::SingleFile, "size=256k");
}

#[test]
fn a_full_disk_leaves_the_former_folders_and_nothing_else() {
    check(Layout::Declared, "size=1m");
}

#[test]
fn a_disk_that_takes_no_more_files_leaves_the_former_folders_and_nothing_else() {
    check(Layout::Declared, "size=100m,nr_inodes=200");
}
