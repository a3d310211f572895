//! A whole server for a single test, for things that cannot be done to the shared one: restarting it, reading its
//! log, making a replica of it.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use database::embedded::Embedded;
use database::{Environment, Settings};
use tempfile::TempDir;

/// The server. It is destroyed with its data when dropped.
pub struct Server {
    folder: TempDir,
    embedded: Embedded,
}

impl Server {
    /// Starts a server.
    ///
    /// # Panics
    /// This and the other methods panic if there is no server: a test can't go on without it.
    pub fn start() -> Self {
        let server = Self::in_new_folder();
        server.embedded.start().expect("the server starts");
        server
    }

    fn in_new_folder() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        // As root, the account that runs the server must be able to reach the folder.
        let reachable = fs::Permissions::from_mode(0o755);
        fs::set_permissions(folder.path(), reachable).expect("permissions");
        let embedded = Embedded::throwaway(&folder.path().join("pg"), &Environment::from_process());
        Self { folder, embedded }
    }

    /// The settings to connect to the server's database with.
    pub fn settings(&self) -> Settings {
        self.embedded.settings().expect("it was made")
    }

    /// A folder that the server can reach, for files of the test.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The server's data folder.
    pub fn data(&self) -> PathBuf {
        self.embedded.folder().join("data")
    }

    /// The password of the server's role, for connections that don't use its socket.
    pub fn password(&self) -> String {
        let passfile = fs::read_to_string(self.embedded.folder().join("passfile"));
        let line = passfile.expect("a passfile");
        line.trim_end()
            .rsplit(':')
            .next()
            .expect("five fields")
            .to_owned()
    }

    /// The server's log so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.embedded.folder().join("log")).expect("a log")
    }

    /// Stops the server at once; clients are disconnected.
    pub fn stop(&self) {
        self.embedded.stop().expect("it stops");
    }

    /// Starts the server again.
    pub fn start_again(&self) {
        self.embedded.start().expect("it starts");
    }

    /// Adds lines to the server's configuration and restarts it.
    pub fn configure(&self, lines: &str) {
        self.stop();
        let path = self.data().join("postgresql.conf");
        let before = fs::read_to_string(&path).expect("a configuration");
        fs::write(&path, format!("{before}\n{lines}\n")).expect("written");
        self.start_again();
    }

    /// Writes a file that belongs to the server into its data folder.
    pub fn write(&self, name: &str, contents: &str) {
        let path = self.data().join(name);
        fs::write(&path, contents).expect("written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).expect("permissions");
        self.give(&path);
    }

    /// A streaming replica of the server, with these lines of configuration in addition to the primary's.
    pub fn replica(&self, lines: &str) -> Self {
        self.configure("wal_level = replica\nmax_wal_senders = 4");
        let replica = Self::in_new_folder();
        let folder = replica.embedded.folder();
        for folder in [folder, &folder.join("run"), &folder.join("data")] {
            fs::create_dir(folder).expect("a folder");
            fs::set_permissions(folder, fs::Permissions::from_mode(0o700)).expect("permissions");
            self.give(folder);
        }
        fs::copy(
            self.embedded.folder().join("passfile"),
            folder.join("passfile"),
        )
        .expect("a passfile");
        let variables = self.settings().variables().into_iter();
        let copied = self
            .command("pg_basebackup")
            .envs(variables.filter(|(name, _)| name != "PGDATABASE"))
            .args([
                "--write-recovery-conf",
                "--wal-method=stream",
                "--checkpoint=fast",
                "--no-sync",
            ])
            .arg("--pgdata")
            .arg(replica.data())
            .output()
            .expect("pg_basebackup runs");
        assert!(copied.status.success(), "{copied:?}");
        let socket = folder.join("run");
        replica.write(
            "postgresql.auto.conf",
            &format!(
                "{}unix_socket_directories = '{}'\n{lines}\n",
                fs::read_to_string(replica.data().join("postgresql.auto.conf")).expect("written"),
                socket.display()
            ),
        );
        replica.start_again();
        replica
    }

    /// A command that runs a program of the server's version as the account that runs the server.
    fn command(&self, program: &str) -> Command {
        let path = self.embedded.program(program);
        let mut command = Command::new(path.expect("it comes with the server"));
        command.env_clear().current_dir("/");
        if rustix::process::geteuid().is_root() {
            let owner = fs::metadata(self.data()).expect("its data");
            command.uid(owner.uid()).gid(owner.gid());
        }
        command
    }

    /// Makes the account that runs the server the owner of a path.
    fn give(&self, path: &Path) {
        let owner = fs::metadata(self.data()).expect("its data");
        chown(path, Some(owner.uid()), Some(owner.gid())).expect("the owner changes");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.embedded.destroy();
    }
}
