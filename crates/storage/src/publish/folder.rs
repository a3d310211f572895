//! Publish or nothing, in a folder: output is staged beside its place and exchanged with it in one step.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use dataset::failure::{Kind, OrFail};
use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::folder;
use crate::manifest;

const LOCK: &str = ".extrato.lock";
const STAGING_PREFIX: &str = ".extrato-";
const FORMER_PREFIX: &str = "former.";

/// A staging folder `OUT/.extrato-<run>/`, which only this run writes to. It is deleted when this is dropped.
pub(super) struct FolderStaging {
    out: PathBuf,
    folder: PathBuf,
    lock: File,
    /// The option that names the output folder.
    option: &'static str,
}

impl FolderStaging {
    /// Makes `out` if need be, takes its lock, and clears what killed runs left there. `option` is the option that named `out`.
    ///
    /// # Errors
    /// [`Kind::Output`] if `out` cannot be written, or another run writes there.
    pub(super) fn begin(out: &Path, run: &str, option: &'static str) -> anyhow::Result<Self> {
        let place = || {
            format!(
                "cannot write to {}: name a folder that can be written with {option}",
                out.display()
            )
        };
        let lock = folder::lock(out, LOCK)
            .or_fail(Kind::Output, place)?
            .ok_or_else(|| {
                Kind::Output.error(format!(
                    "another run writes to {}: wait for it, or name another folder with {option}",
                    out.display()
                ))
            })?;
        for entry in fs::read_dir(out).or_fail(Kind::Output, place)?.flatten() {
            if entry
                .file_name()
                .to_string_lossy()
                .starts_with(STAGING_PREFIX)
            {
                tracing::info!(folder = %entry.path().display(), "clearing the remains of a killed run");
                let cleared = match entry.file_type().is_ok_and(|kind| kind.is_symlink()) {
                    // Such a link leads to an output, which is whole or gone.
                    true => fs::remove_file(entry.path()),
                    false => {
                        recover(out, &entry.path()).and_then(|()| fs::remove_dir_all(entry.path()))
                    }
                };
                cleared.or_fail(Kind::Output, place)?;
            }
        }
        let folder = out.join(format!("{STAGING_PREFIX}{run}"));
        fs::create_dir(&folder).or_fail(Kind::Output, place)?;
        Ok(Self {
            out: out.to_owned(),
            folder,
            lock,
            option,
        })
    }

    /// Keeps runs from replacing what lies in `out`, as long as the file returned is open.
    ///
    /// # Errors
    /// If there is no output, or if a run is writing there.
    pub(super) fn hold(out: &Path) -> std::io::Result<File> {
        folder::hold(out, LOCK)
    }

    /// The path at which to write what will be published as `name`.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Checks that publishing `name` as a folder would replace nothing but a former run's output.
    pub(super) fn check_replaceable(&self, name: &str) -> anyhow::Result<()> {
        let target = self.out.join(name);
        let Ok(mut entries) = fs::read_dir(&target) else {
            return Ok(());
        };
        if entries.next().is_none() || target.join(manifest::IN_FOLDER).is_file() {
            return Ok(());
        }
        Err(Kind::Output.error(format!(
            "{} holds files but no {}, so it is not a former output and is left alone: move it, or name another folder \
             with {}",
            target.display(),
            manifest::IN_FOLDER,
            self.option
        )))
    }

    /// Checks that nobody has removed the output folder, or emptied it, since this run began.
    fn check_there(&self) -> anyhow::Result<()> {
        if folder::still_holds(&self.out, LOCK, &self.lock) {
            return Ok(());
        }
        Err(Kind::Output.error(format!(
            "{} was removed or emptied while this run wrote into it, so its output is not whole: run it again",
            self.out.display()
        )))
    }

    /// Puts the staged folder `name` in its place; the former one is deleted with the staging folder.
    ///
    /// # Errors
    /// [`Kind::Output`] if that is not possible, if the place holds anything but a former output, or if the output folder
    /// was removed or emptied during the run.
    pub(super) fn publish_folder(&self, name: &str) -> anyhow::Result<PathBuf> {
        self.check_there()?;
        let (staged, target) = (self.path(name), self.out.join(name));
        let failed = || {
            format!(
                "cannot publish {}; the former output is unchanged",
                target.display()
            )
        };
        self.check_replaceable(name)?;
        match renameat_with(CWD, &staged, CWD, &target, RenameFlags::EXCHANGE) {
            Ok(()) => {}
            Err(Errno::NOENT) => fs::rename(&staged, &target).or_fail(Kind::Output, failed)?,
            // Some network file systems cannot exchange two folders: two steps then, an instant apart.
            Err(Errno::INVAL | Errno::NOSYS | Errno::NOTSUP) => {
                let aside = self.path(&format!("{name}.former"));
                fs::rename(&target, &aside).or_fail(Kind::Output, failed)?;
                if let Err(error) = fs::rename(&staged, &target) {
                    let _ = fs::rename(&aside, &target);
                    return Err(error).or_fail(Kind::Output, failed);
                }
            }
            Err(error) => return Err(error).or_fail(Kind::Output, failed),
        }
        self.check_there()?;
        Ok(target)
    }

    /// Checks that publishing `file` would replace nothing but a former run's output.
    pub(super) fn check_file_replaceable(&self, file: &str) -> anyhow::Result<()> {
        let target = self.out.join(file);
        let manifest = manifest::beside(file);
        if !target.exists() || self.out.join(&manifest).is_file() {
            return Ok(());
        }
        Err(Kind::Output.error(format!(
            "{} has no {manifest} beside it, so it is not a former output and is left alone: move it, or name another \
             folder with {}",
            target.display(),
            self.option
        )))
    }

    /// Puts the staged file `file` and its manifest in their places. The former manifest is set aside first, so that a manifest,
    /// whenever there is one, describes the file that is there. If the run is killed in between, the next one finishes this.
    ///
    /// # Errors
    /// As [`publish_folder`](Self::publish_folder).
    pub(super) fn publish_file(&self, file: &str) -> anyhow::Result<PathBuf> {
        self.check_there()?;
        self.check_file_replaceable(file)?;
        let manifest = manifest::beside(file);
        let (target, published) = (self.out.join(file), self.out.join(&manifest));
        let publish = || -> std::io::Result<()> {
            match fs::rename(&published, self.path(&format!("{FORMER_PREFIX}{manifest}"))) {
                Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            fs::rename(self.path(file), &target)?;
            fs::rename(self.path(&manifest), &published)
        };
        publish().or_fail(Kind::Output, || {
            format!("cannot publish {}", target.display())
        })?;
        self.check_there()?;
        Ok(target)
    }
}

/// Finishes what a killed run left half done between a single file and its manifest: if the new file is in its place, its manifest
/// follows; if not, the former manifest returns.
fn recover(out: &Path, remains: &Path) -> std::io::Result<()> {
    for entry in fs::read_dir(remains)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(stem) = name.strip_suffix(manifest::SUFFIX) else {
            continue;
        };
        let (file, is_former) = match stem.strip_prefix(FORMER_PREFIX) {
            Some(file) => (file, true),
            None => (stem, false),
        };
        let published = out.join(manifest::beside(file));
        let new_file_waits = remains.join(file).exists();
        if !published.exists() && is_former == new_file_waits {
            fs::rename(entry.path(), published)?;
        }
    }
    Ok(())
}

impl Drop for FolderStaging {
    fn drop(&mut self) {
        // If publishing a file failed halfway, its former manifest is in here.
        let cleared =
            recover(&self.out, &self.folder).and_then(|()| fs::remove_dir_all(&self.folder));
        if let Err(error) = cleared
            && error.kind() != ErrorKind::NotFound
        {
            tracing::warn!(folder = %self.folder.display(), %error, "the staging folder stays; the next run clears it");
        }
        // The lock is released by hand: closing the file would not do it if a process that was started meanwhile still has it open.
        let _ = self.lock.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use dataset::failure::Failure;

    fn begin(out: &Path, run: &str) -> anyhow::Result<FolderStaging> {
        FolderStaging::begin(out, run, "--out")
    }

    fn staged(out: &Path, run: &str, contents: &str) -> FolderStaging {
        let staging = begin(out, run).unwrap();
        fs::create_dir(staging.path("m")).unwrap();
        for (name, contents) in [(manifest::IN_FOLDER, ""), ("a.csv", contents)] {
            fs::write(staging.path("m").join(name), contents).unwrap();
        }
        staging
    }

    #[test]
    fn a_folder_is_exchanged_and_the_former_one_deleted() {
        let out = tempfile::tempdir().unwrap();
        for contents in ["old", "new"] {
            staged(out.path(), contents, contents)
                .publish_folder("m")
                .unwrap();
            assert_eq!(
                fs::read_to_string(out.path().join("m/a.csv")).unwrap(),
                contents
            );
        }
        let left: Vec<_> = fs::read_dir(out.path())
            .unwrap()
            .flatten()
            .map(|entry| entry.file_name())
            .collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn an_output_folder_that_is_removed_or_emptied_meanwhile_is_an_error_even_if_it_is_made_again()
    {
        type Removal = fn(&Path);
        let removals: [Removal; 3] = [
            |out| fs::remove_dir_all(out).unwrap(),
            |out| {
                fs::remove_dir_all(out).unwrap();
                for folder in ["", ".extrato-1", ".extrato-1/m"] {
                    fs::create_dir(out.join(folder)).unwrap();
                }
                for file in ["m/a.csv", "m.csv", "m.csv.manifest.jsonl"] {
                    fs::write(out.join(".extrato-1").join(file), "half").unwrap();
                }
            },
            |out| fs::remove_file(out.join(LOCK)).unwrap(),
        ];
        for remove in removals {
            let above = tempfile::tempdir().unwrap();
            let out = above.path().join("out");
            let staging = staged(&out, "1", "new");
            remove(&out);
            for published in [staging.publish_folder("m"), staging.publish_file("m.csv")] {
                let error = published.unwrap_err();
                assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
                assert!(error.to_string().contains("removed or emptied"), "{error}");
            }
            drop(staging);
            assert!(!out.join("m").exists() && !out.join("m.csv").exists());
        }
    }

    #[test]
    fn an_unpublished_run_leaves_nothing_and_a_killed_ones_remains_are_cleared() {
        let out = tempfile::tempdir().unwrap();
        staged(out.path(), "1", "old").publish_folder("m").unwrap();
        std::mem::forget(staged(out.path(), "killed", "half"));
        // A lock belongs to its process; a killed one no longer holds it.
        fs::remove_file(out.path().join(LOCK)).unwrap();
        // Links that a run made and did not move: one leads to an output, the other to one that has been deleted.
        for (name, target) in [("m", ".extrato-link"), ("gone", ".extrato-lost")] {
            std::os::unix::fs::symlink(name, out.path().join(target)).unwrap();
        }
        drop(staged(out.path(), "2", "never"));
        assert!(!out.path().join(".extrato-killed").exists());
        assert!(out.path().join(".extrato-lost").symlink_metadata().is_err());
        assert!(out.path().join(".extrato-link").symlink_metadata().is_err());
        assert!(!out.path().join(".extrato-2").exists());
        assert_eq!(
            fs::read_to_string(out.path().join("m/a.csv")).unwrap(),
            "old"
        );
    }

    #[test]
    fn a_kill_between_file_and_manifest_is_ended_by_the_next_run() {
        // One run was killed before the new file was in place, the other after.
        for (new_file_waits, expected) in [(true, "former"), (false, "new")] {
            let out = tempfile::tempdir().unwrap();
            fs::write(out.path().join("m.csv"), expected).unwrap();
            let remains = out.path().join(".extrato-killed");
            fs::create_dir(&remains).unwrap();
            fs::write(remains.join("former.m.csv.manifest.jsonl"), "former").unwrap();
            fs::write(remains.join("m.csv.manifest.jsonl"), "new").unwrap();
            if new_file_waits {
                fs::write(remains.join("m.csv"), "new").unwrap();
            }
            let staging = begin(out.path(), "next").unwrap();
            assert!(!remains.exists());
            let manifest = fs::read_to_string(out.path().join("m.csv.manifest.jsonl")).unwrap();
            assert_eq!(manifest, expected);
            staging.check_file_replaceable("m.csv").unwrap();
        }
    }

    #[test]
    fn a_file_that_is_no_former_output_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        fs::write(out.path().join("m.csv"), "years of work").unwrap();
        let staging = begin(out.path(), "1").unwrap();
        let error = staging.publish_file("m.csv").unwrap_err();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        assert_eq!(
            fs::read_to_string(out.path().join("m.csv")).unwrap(),
            "years of work"
        );
    }

    #[test]
    fn a_second_run_into_the_same_place_is_refused() {
        let out = tempfile::tempdir().unwrap();
        let _first = begin(out.path(), "1").unwrap();
        let error = begin(out.path(), "2").err().unwrap();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        assert!(error.to_string().contains("another run"), "{error}");
    }

    #[test]
    fn a_folder_that_is_no_former_output_is_left_alone() {
        let out = tempfile::tempdir().unwrap();
        fs::create_dir(out.path().join("m")).unwrap();
        fs::write(out.path().join("m/thesis.txt"), "years of work").unwrap();
        let staging = staged(out.path(), "1", "new");
        let error = staging.publish_folder("m").unwrap_err();
        assert_eq!(Failure::kind_of(&error), Some(Kind::Output));
        drop(staging);
        assert_eq!(
            fs::read_to_string(out.path().join("m/thesis.txt")).unwrap(),
            "years of work"
        );
    }
}
