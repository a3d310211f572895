//! `extrato backup` with `verify` and `list`, and `extrato restore`.

use std::collections::BTreeMap;

use backup::cli::{BackupArgs, BackupCommand, NewBackupArgs, RestoreArgs, VerifyArgs};
use database::{Cancel, Environment};

use crate::around::Server;
use crate::terminal::Terminal;
use crate::{job, summary};

/// `extrato backup`
pub(crate) fn backup(
    arguments: &BackupArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    match &arguments.command {
        None => make(&arguments.new, environment, terminal, cancel),
        Some(BackupCommand::Verify(arguments)) => verify(arguments, environment, terminal, cancel),
        Some(BackupCommand::List(arguments)) => {
            let listed = backup::list(&arguments.path, cancel)?;
            let value = BTreeMap::from([("backups", &listed)]);
            terminal.answer(&value, || summary::of_backups(&listed))
        }
    }
}

fn make(
    arguments: &NewBackupArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options(environment)?;
    let (settings, server) = job::settings(&arguments.connection, environment)?;
    let report = backup::backup(&settings, &options, cancel)?;
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || {
        summary::of_backup(&report, around)
    })
}

fn verify(
    arguments: &VerifyArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    arguments.check()?;
    let keys = arguments.keys.keys(environment)?;
    let path = &arguments.path;
    let (report, server) = match arguments.against_database {
        false => (backup::verify(path, &keys, None, cancel)?, Server::Given),
        true => {
            let (settings, server) = job::settings(&arguments.connection, environment)?;
            let database = Some((&settings, arguments.connection.schema.as_deref()));
            (backup::verify(path, &keys, database, cancel)?, server)
        }
    };
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || {
        summary::of_backup_verified(&report, around)
    })
}

/// `extrato restore`
pub(crate) fn restore(
    arguments: &RestoreArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options(environment)?;
    let (settings, server) = job::settings(&arguments.connection, environment)?;
    let report = backup::restore(&settings, &options, cancel)?;
    let around = terminal.around(server);
    terminal.result(&around.with(&report), || {
        summary::of_restore(&report, around)
    })
}
