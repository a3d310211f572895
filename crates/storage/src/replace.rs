//! A file that replaces a former one, whole or not at all.

use std::fs;
use std::path::Path;

use dataset::failure::{Kind, OrFail};

/// Writes a file beside the path, then moves it into place. A path that is not a regular file, such as a pipe, is written to
/// directly.
///
/// # Errors
/// [`Kind::Usage`] if the path names no file; [`Kind::Output`] if it cannot be written.
pub fn replace(path: &Path, contents: impl AsRef<[u8]>) -> anyhow::Result<()> {
    let failed = || format!("cannot write {}", path.display());
    if fs::metadata(path).is_ok_and(|what| !what.is_file() && !what.is_dir()) {
        return fs::write(path, contents).or_fail(Kind::Output, failed);
    }
    // A symbolic link is kept; the file that it leads to is replaced.
    let target = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let Some(name) = target.file_name().map(|name| name.to_string_lossy()) else {
        return Err(Kind::Usage.error(format!("{} is not the name of a file", path.display())));
    };
    let beside = target.with_file_name(format!(".{name}.{}", std::process::id()));
    let written = fs::write(&beside, contents).and_then(|()| fs::rename(&beside, &target));
    if written.is_err() {
        let _ = fs::remove_file(&beside);
    }
    written.or_fail(Kind::Output, failed)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use dataset::failure::Failure;

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_a_folder_never() {
        let folder = tempfile::tempdir().expect("a folder");
        let (file, link) = (folder.path().join("a"), folder.path().join("b"));
        replace(&file, "one").expect("written");
        symlink(&file, &link).expect("a link");
        replace(&link, "two").expect("written");
        assert_eq!(fs::read_to_string(&file).expect("read"), "two");
        assert!(fs::symlink_metadata(&link).expect("a link").is_symlink());
        let taken = folder.path().join("c");
        fs::create_dir(&taken).expect("a folder");
        let error = replace(&taken, "three").expect_err("a folder");
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        replace(Path::new("/dev/null"), "four").expect("written");
        let names = fs::read_dir(folder.path()).expect("read").count();
        assert_eq!(names, 3, "nothing is left beside them");
    }
}
