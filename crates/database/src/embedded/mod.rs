//! The embedded server: a private Postgres, run by the machine's own programs, reachable only through a Unix socket and
//! with a generated password. It keeps its data between runs.

mod account;
mod programs;
pub mod scratch;

use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::thread;
use std::time::Duration;

use dataset::failure::{Kind, OrFail};
use rand::RngExt;

use crate::catalogue::identifier::quoted;
use crate::connect::{Cancel, Environment, Settings};
use account::{Account, give, is_root};
use programs::Programs;

/// The role that owns everything in the server.
const USER: &str = "extrato";
/// The database in the server.
const DATABASE: &str = "extrato";
const PORT: u16 = 5432;
const LOCK: &str = "lock";
/// The pause between two tries to get the lock.
const PAUSE: Duration = Duration::from_millis(20);
/// The longest path of a Unix socket (`sun_path` without its final NUL), and the file name that Postgres adds.
const SOCKET_BYTES: usize = 107;
const SOCKET_FILE: &str = ".s.PGSQL.5432";

/// How the server is tuned: for the bulk loads and scans of one user on one machine, with nothing to replicate to.
const CONFIGURATION: &str = "
# Written by extrato.
listen_addresses = ''
port = 5432
shared_buffers = '256MB'
maintenance_work_mem = '256MB'
max_wal_size = '4GB'
wal_level = minimal
max_wal_senders = 0
synchronous_commit = off
jit = off
";

/// Further settings for servers that live as long as a test run.
const THROWAWAY: &str = "
fsync = off
full_page_writes = off
max_connections = 200
";

/// Further settings for a server whose data is worthless once a run has ended. Memory that processes share is in files, since
/// containers give little of the other kind (`/dev/shm`); and if a client is killed, the server stops working for it.
const SCRATCH: &str = "
fsync = off
full_page_writes = off
autovacuum = off
max_connections = 60
max_locks_per_transaction = 256
max_wal_size = '1GB'
dynamic_shared_memory_type = mmap
client_connection_check_interval = '2s'
";

/// The purpose of a server.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Purpose {
    /// The server holds the user's data, which stays.
    Data,
    /// The server serves one test run.
    Test,
    /// The server holds databases that live as long as the run that created them.
    Scratch,
}

impl Purpose {
    /// The server's name in messages.
    const fn name(self) -> &'static str {
        match self {
            Self::Data | Self::Test => "embedded server",
            Self::Scratch => "scratch server",
        }
    }

    /// The settings for this purpose, in addition to [`CONFIGURATION`].
    const fn configuration(self) -> &'static str {
        match self {
            Self::Data => "",
            Self::Test => THROWAWAY,
            Self::Scratch => SCRATCH,
        }
    }
}

/// Whether the server exists and runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// The server was never created, or was destroyed.
    Absent,
    /// The server exists, but is not running.
    Stopped,
    /// The server is running.
    Running,
}

/// The embedded server of one folder. The folder may not exist yet.
pub struct Embedded {
    folder: PathBuf,
    environment: Environment,
    purpose: Purpose,
}

impl Embedded {
    /// The user's own server: in `EXTRATO_HOME`, or else for root in `/var/lib/extrato` (where the unprivileged
    /// account that runs the server can reach it), or else in the user's data folder.
    ///
    /// # Errors
    /// [`Kind::Usage`] if neither `EXTRATO_HOME`, `XDG_DATA_HOME` nor `HOME` is set.
    pub fn of_user(environment: &Environment) -> anyhow::Result<Self> {
        Ok(Self {
            folder: home(environment)?.join("postgres"),
            environment: environment.clone(),
            purpose: Purpose::Data,
        })
    }

    /// A server in `folder` that need not survive a crash of the machine: for tests.
    pub fn throwaway(folder: &Path, environment: &Environment) -> Self {
        Self {
            folder: folder.to_owned(),
            environment: environment.clone(),
            purpose: Purpose::Test,
        }
    }

    /// The folder that holds the data, the socket and the log.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Creates the server if it is absent, starts it if it is stopped, and returns the settings to connect with.
    ///
    /// # Errors
    /// [`Kind::Connection`] if there are no Postgres programs (the message says what to
    /// install), or the server doesn't start (with the end of its log).
    pub fn start(&self) -> anyhow::Result<Settings> {
        let _lock = self.lock(&Cancel::default())?;
        self.start_locked("")?;
        let settings = self.settings()?;
        ensure_database(&settings)?;
        Ok(settings)
    }

    /// Creates the server if it is absent and, if it is stopped, starts it with additional options. The caller holds the lock.
    fn start_locked(&self, options: &str) -> anyhow::Result<()> {
        if self.status()? == Status::Running {
            return Ok(());
        }
        let account = Account::for_server()?;
        let programs = self.programs()?;
        if !self.data().join("PG_VERSION").is_file() {
            self.make(&programs, account.as_ref()).map_err(|error| match account {
                Some(_) => error.context(format!(
                    "the {} cannot be made (as root it runs as an unprivileged account, which must be able to reach \
                     {}; EXTRATO_HOME names another place)",
                    self.purpose.name(),
                    self.folder.display()
                )),
                None => error,
            })?;
        }
        // A server whose socket somebody deleted runs, but is of no use.
        self.stop_server(&programs, account.as_ref(), "fast")?;
        self.start_server(&programs, account.as_ref(), options)
    }

    /// Stops the server; clients are disconnected.
    pub fn stop(&self) -> anyhow::Result<()> {
        if self.status()? == Status::Absent {
            return Ok(());
        }
        let _lock = self.lock(&Cancel::default())?;
        self.stop_locked("fast")
    }

    /// Stops the server in a mode of pg_ctl. The caller holds the lock.
    fn stop_locked(&self, mode: &str) -> anyhow::Result<()> {
        if !self.data().join("postmaster.pid").is_file() {
            return Ok(());
        }
        // Programs of any version can stop any server.
        self.stop_server(
            &self.some_programs()?,
            Account::for_server()?.as_ref(),
            mode,
        )
    }

    /// Whether the server exists and runs.
    pub fn status(&self) -> anyhow::Result<Status> {
        if !self.data().join("PG_VERSION").is_file() {
            return Ok(Status::Absent);
        }
        // The socket of a dead server refuses connections.
        let connected = UnixStream::connect(self.socket_folder().join(SOCKET_FILE));
        Ok(match connected {
            Ok(_) => Status::Running,
            Err(_) => Status::Stopped,
        })
    }

    /// Stops the server and deletes its data.
    pub fn destroy(&self) -> anyhow::Result<()> {
        self.stop()?;
        self.erase()?;
        self.remove_folder()
    }

    /// Deletes a stopped server except for its lock: only our own files, since the folder may hold things that
    /// somebody else put there.
    fn erase(&self) -> anyhow::Result<()> {
        let entries = [
            self.data(),
            self.new_data(),
            self.socket_folder(),
            self.log(),
            self.passfile(),
            self.password_file(),
        ];
        entries.iter().try_for_each(|path| remove(path))
    }

    /// Deletes the lock, and the folder if nothing else is in it.
    fn remove_folder(&self) -> anyhow::Result<()> {
        remove(&self.folder.join(LOCK))?;
        let _ = fs::remove_dir(&self.folder);
        Ok(())
    }

    /// The settings to connect with, whether the server runs or not.
    ///
    /// # Errors
    /// [`Kind::Connection`] if there is no embedded server.
    pub fn settings(&self) -> anyhow::Result<Settings> {
        let password = self.password()?.ok_or_else(|| {
            Kind::Connection.error(match self.purpose {
                Purpose::Scratch => format!("there is no server in {}", self.folder.display()),
                _ => "there is no embedded server yet: run `extrato db start`".to_owned(),
            })
        })?;
        Ok(Settings::socket(
            &self.socket_folder(),
            PORT,
            USER,
            &password,
            DATABASE,
        ))
    }

    /// A URL for psql and other programs that use libpq. The password stays in the passfile that it names.
    ///
    /// # Errors
    /// The errors of [`settings`](Self::settings).
    pub fn url(&self) -> anyhow::Result<String> {
        self.settings()?;
        let passfile = self.passfile();
        let encoded = |path: &Path| {
            percent_encoding::utf8_percent_encode(
                &path.to_string_lossy(),
                percent_encoding::NON_ALPHANUMERIC,
            )
            .to_string()
        };
        Ok(format!(
            "postgresql://{USER}@/{DATABASE}?host={}&passfile={}",
            encoded(&self.socket_folder()),
            encoded(&passfile)
        ))
    }

    /// The path of another program of the same version, such as `psql`, if it exists.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.programs().ok()?.path(name);
        path.is_file().then_some(path)
    }

    fn data(&self) -> PathBuf {
        self.folder.join("data")
    }

    fn new_data(&self) -> PathBuf {
        self.folder.join("data.new")
    }

    fn password_file(&self) -> PathBuf {
        self.folder.join("password.new")
    }

    fn socket_folder(&self) -> PathBuf {
        self.folder.join("run")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    fn passfile(&self) -> PathBuf {
        self.folder.join("passfile")
    }

    /// The programs of the version that created the data or, if there is no data, the first that are found.
    fn programs(&self) -> anyhow::Result<Programs> {
        let wanted = fs::read_to_string(self.data().join("PG_VERSION")).ok();
        let Some(wanted) = wanted.and_then(|text| text.trim().parse::<u32>().ok()) else {
            return self.some_programs();
        };
        let all = Programs::all(&self.environment);
        let versions: Vec<String> = all
            .iter()
            .map(|programs| programs.major.to_string())
            .collect();
        all.into_iter().find(|programs| programs.major == wanted).ok_or_else(|| {
            Kind::Connection.error(format!(
                "the embedded server's data in {} is of Postgres {wanted}, but the programs found are of {}: install \
                 {wanted} again, or run `extrato db destroy` to start afresh",
                self.folder.display(),
                if versions.is_empty() { "none".to_owned() } else { versions.join(", ") }
            ))
        })
    }

    fn some_programs(&self) -> anyhow::Result<Programs> {
        Programs::all(&self.environment).into_iter().next().ok_or_else(|| {
            let place = self.environment.get("PG_BIN").map(|folder| format!(" in PG_BIN ({folder})"));
            let place = place.unwrap_or_default();
            let (or, otherwise) = match self.purpose {
                Purpose::Scratch => ("or ", ""),
                _ => ("", ", or name a running server with --url, such as that of compose.yaml (docker compose up --wait \
                     postgres)"),
            };
            Kind::Connection.error(format!(
                "no Postgres programs (initdb, pg_ctl, postgres of version 14 or newer){place}: install the package \
                 `postgresql` (Debian, Ubuntu, Homebrew) or `postgresql-server` (Fedora), {or}set PG_BIN to their folder{otherwise}"
            ))
        })
    }

    /// Keeps other processes from creating, starting or stopping the server as long as the file is held.
    fn lock(&self, cancel: &Cancel) -> anyhow::Result<File> {
        let place = || {
            format!(
                "the {}'s folder {}",
                self.purpose.name(),
                self.folder.display()
            )
        };
        let path = self.folder.join(LOCK);
        loop {
            self.create_folder().or_fail(Kind::Output, place)?;
            let file = match File::create(&path) {
                // Somebody has just deleted the folder.
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                file => file.or_fail(Kind::Output, place)?,
            };
            while let Err(error) = file.try_lock() {
                match error {
                    TryLockError::WouldBlock => thread::sleep(PAUSE),
                    TryLockError::Error(error) => return Err(error).or_fail(Kind::Output, place),
                }
                cancel.check()?;
            }
            // A lock on a file that its former holder has deleted keeps nobody out.
            let held = file.metadata().or_fail(Kind::Output, place)?.ino();
            if fs::metadata(&path).is_ok_and(|found| found.ino() == held) {
                return Ok(file);
            }
        }
    }

    /// Creates the folder and what is missing above it; as root so that the server's account can reach it,
    /// whatever the umask.
    fn create_folder(&self) -> std::io::Result<()> {
        let missing: Vec<&Path> = self
            .folder
            .ancestors()
            .take_while(|folder| !folder.exists())
            .collect();
        fs::create_dir_all(&self.folder)?;
        if is_root() {
            for folder in missing {
                fs::set_permissions(folder, Permissions::from_mode(0o755))?;
            }
        }
        Ok(())
    }

    fn password(&self) -> anyhow::Result<Option<String>> {
        match fs::read_to_string(self.passfile()) {
            Ok(line) => Ok(line.trim_end().rsplit(':').next().map(str::to_owned)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => {
                Err(error).or_fail(Kind::Connection, || self.passfile().display().to_string())
            }
        }
    }

    fn ensure_password(&self) -> anyhow::Result<()> {
        let path = self.passfile();
        if path.is_file() {
            return Ok(());
        }
        let write = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .write(true)
                .create_new(true)
                .mode(0o600)
                .open(&path)?;
            writeln!(file, "*:*:*:{USER}:{:032x}", rand::rng().random::<u128>())
        };
        write().or_fail(Kind::Output, || path.display().to_string())
    }

    /// Creates the data folder under another name first, so that a killed run leaves no unfinished one.
    fn make(&self, programs: &Programs, account: Option<&Account>) -> anyhow::Result<()> {
        let socket_path = self.socket_folder().join(SOCKET_FILE).as_os_str().len();
        if socket_path > SOCKET_BYTES {
            return Err(Kind::Usage.error(format!(
                "{} is too long for a socket's path ({socket_path} of {SOCKET_BYTES} bytes): name a shorter folder in \
                 EXTRATO_HOME",
                self.folder.display()
            )));
        }
        tracing::info!(folder = %self.folder.display(), version = programs.major, "making the {}", self.purpose.name());
        let _ = fs::remove_file(self.passfile());
        self.ensure_password()?;
        let password = self.password()?.unwrap_or_default();

        let new = self.new_data();
        let password_file = self.password_file();
        let prepare = || -> std::io::Result<()> {
            for folder in [&new, &self.socket_folder()] {
                if folder.exists() {
                    fs::remove_dir_all(folder)?;
                }
                fs::create_dir(folder)?;
                give(folder, account)?;
            }
            File::create(self.log())?;
            give(&self.log(), account)?;
            let mut file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(&password_file)?;
            file.write_all(password.as_bytes())?;
            give(&password_file, account)
        };
        prepare().or_fail(Kind::Output, || {
            format!("cannot prepare {}", self.folder.display())
        })?;

        let mut initdb = self.command(programs, "initdb", account);
        initdb
            .args([
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C",
                "--no-instructions",
                "--username",
                USER,
            ])
            .arg("--pwfile")
            .arg(&password_file)
            .arg("--pgdata")
            .arg(&new);
        if self.purpose != Purpose::Data {
            initdb.arg("--no-sync");
        }
        let made = run(initdb);
        let _ = fs::remove_file(&password_file);
        made?;
        let finish = || -> std::io::Result<()> {
            let mut file = OpenOptions::new()
                .append(true)
                .open(new.join("postgresql.conf"))?;
            let socket = self.socket_folder();
            let socket = socket.to_string_lossy().replace('\'', "''");
            writeln!(file, "{CONFIGURATION}unix_socket_directories = '{socket}'")?;
            file.write_all(self.purpose.configuration().as_bytes())?;
            fs::rename(&new, self.data())
        };
        finish().or_fail(Kind::Output, || {
            format!("cannot prepare {}", self.folder.display())
        })
    }

    fn stop_server(
        &self,
        programs: &Programs,
        account: Option<&Account>,
        mode: &str,
    ) -> anyhow::Result<()> {
        let mut status = self.command(programs, "pg_ctl", account);
        status.args(["status", "--pgdata"]).arg(self.data());
        let running = status
            .output()
            .or_fail(Kind::Connection, || "pg_ctl cannot be run")?
            .status
            .success();
        if !running {
            return Ok(());
        }
        let mut command = self.command(programs, "pg_ctl", account);
        command
            .args(["stop", "--wait", "--silent", "--mode", mode, "--pgdata"])
            .arg(self.data());
        run(command)
    }

    fn start_server(
        &self,
        programs: &Programs,
        account: Option<&Account>,
        options: &str,
    ) -> anyhow::Result<()> {
        if !self.socket_folder().is_dir() {
            fs::create_dir(self.socket_folder())
                .and_then(|()| give(&self.socket_folder(), account))
                .or_fail(Kind::Output, || self.socket_folder().display().to_string())?;
        }
        match self.purpose {
            // This is a part of a run, and takes only some tenths of a second.
            Purpose::Scratch => {
                tracing::debug!(folder = %self.folder.display(), "starting the scratch server")
            }
            _ => {
                tracing::info!(folder = %self.folder.display(), "starting the {}", self.purpose.name())
            }
        }
        let mut command = self.command(programs, "pg_ctl", account);
        command
            .args(["start", "--wait", "--silent", "--log"])
            .arg(self.log())
            .args(["--options", options, "--pgdata"])
            .arg(self.data());
        run(command).map_err(|error| {
            let log = fs::read_to_string(self.log()).unwrap_or_default();
            let lines: Vec<&str> = log.lines().rev().take(5).collect();
            let end: Vec<&str> = lines.into_iter().rev().collect();
            error.context(format!(
                "the {} doesn't start; {} ends with:\n{}",
                self.purpose.name(),
                self.log().display(),
                end.join("\n")
            ))
        })
    }

    /// A command that runs as the server's account, in a folder that it can reach, without the caller's `PG*` variables.
    fn command(&self, programs: &Programs, name: &str, account: Option<&Account>) -> Command {
        let mut command = Command::new(programs.path(name));
        command
            .env_clear()
            .env("LC_ALL", "C")
            .env("PATH", "/usr/bin:/bin")
            .current_dir("/");
        command.stdin(std::process::Stdio::null());
        if let Some(account) = account {
            command.uid(account.uid).gid(account.gid).env("HOME", "/");
        } else if let Some(home) = self.environment.home() {
            command.env("HOME", home);
        }
        command
    }
}

/// The folder that holds the user's servers.
fn home(environment: &Environment) -> anyhow::Result<PathBuf> {
    let home = if let Some(home) = environment.get("EXTRATO_HOME") {
        PathBuf::from(home)
    } else if is_root() {
        PathBuf::from("/var/lib/extrato")
    } else if let Some(data) = environment.get("XDG_DATA_HOME") {
        Path::new(data).join("extrato")
    } else if let Some(home) = environment.home() {
        home.join(".local/share/extrato")
    } else {
        return Err(Kind::Usage
            .error("HOME is not set: name a folder for the embedded server in EXTRATO_HOME"));
    };
    std::path::absolute(&home).or_fail(Kind::Usage, || home.display().to_string())
}

/// Deletes a file or folder if it exists.
fn remove(path: &Path) -> anyhow::Result<()> {
    let removed = match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    };
    match removed {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).or_fail(Kind::Output, || format!("cannot delete {}", path.display()))
        }
        _ => Ok(()),
    }
}

fn run(mut command: Command) -> anyhow::Result<()> {
    let program = command.get_program().to_string_lossy().into_owned();
    let Output { status, stderr, .. } = command
        .output()
        .or_fail(Kind::Connection, || format!("{program} cannot be run"))?;
    if status.success() {
        return Ok(());
    }
    let stderr = String::from_utf8_lossy(&stderr);
    Err(Kind::Connection.error(format!("{program} failed ({status}): {}", stderr.trim())))
}

fn ensure_database(settings: &Settings) -> anyhow::Result<()> {
    let mut client = settings
        .with_database("postgres")
        .connect(&Cancel::default())?;
    let exists = client.query_opt(
        "SELECT FROM pg_database WHERE datname = $1",
        &[&settings.database()],
    )?;
    if exists.is_none() {
        client.batch_execute(&format!("CREATE DATABASE {}", quoted(settings.database())))?;
    }
    Ok(())
}
