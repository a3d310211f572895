//! `serve` and `keys`: taking in rows over HTTP, and the keys of those who may send them.

use std::collections::BTreeMap;

use api::cli::{KeysAction, KeysArgs, ServeArgs};
use api::keys;
use database::{Cancel, Environment};
use serde_json::json;

use crate::job::settings;
use crate::stdout::print;
use crate::terminal::Terminal;

/// `extrato serve`
pub(crate) fn serve(
    arguments: &ServeArgs,
    environment: &Environment,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let options = arguments.options(environment)?;
    let (settings, _) = settings(&arguments.connection, environment)?;
    api::serve(&settings, &options, cancel, |_| {})
}

/// `extrato keys`
pub(crate) fn keys(
    arguments: &KeysArgs,
    environment: &Environment,
    terminal: &Terminal,
    cancel: &Cancel,
) -> anyhow::Result<()> {
    let action = &arguments.action;
    let (settings, _) = settings(action.connection(), environment)?;
    if let Some(new) = action.new_key() {
        let key = keys::create(&settings, &new, cancel)?;
        let answer = json!({"name": new.name, "key": key});
        return terminal.answer(&answer, || key.clone());
    }
    match action {
        KeysAction::Revoke { name, .. } => {
            keys::revoke(&settings, name, cancel)?;
            print(&format!("{name} is revoked"))
        }
        _ => {
            let listed = keys::list(&settings, cancel)?;
            let value = BTreeMap::from([("keys", &listed)]);
            terminal.answer(&value, || {
                let lines = listed.iter().map(|key| {
                    let state = match (&key.revoked, &key.expires) {
                        (Some(at), _) => format!("revoked {at}"),
                        (None, Some(at)) => format!("expires {at}"),
                        (None, None) => "does not expire".to_owned(),
                    };
                    let scopes = key.scopes.join(" ");
                    format!("{}  {scopes}  created {}  {state}", key.name, key.created)
                });
                lines.collect::<Vec<_>>().join("\n")
            })
        }
    }
}
