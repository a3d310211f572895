//! `extrato completions` and `extrato man`: made from the same definitions of arguments as `--help`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clap::{Args, Command};
use clap_complete::Shell;
use clap_mangen::{Man, roff};
use dataset::failure::{Kind, OrFail};

use crate::stdout::print;

pub(crate) const COMPLETIONS_EXAMPLES: &str = "\
Examples:
  extrato completions bash > ~/.local/share/bash-completion/completions/extrato
  extrato completions zsh > ~/.zfunc/_extrato          with ~/.zfunc in fpath, before compinit
  extrato completions fish > ~/.config/fish/completions/extrato.fish";

pub(crate) const MAN_EXAMPLES: &str = "\
Examples:
  extrato man ~/.local/share/man/man1        then, with ~/.local/bin on the PATH: man extrato-transform";

/// Print a script with which a shell completes this program's arguments
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell that the script is for
    shell: Shell,
}

/// Write the manual pages, one for each command
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The folder for extrato.1, extrato-pipeline.1 and so on; made if it is absent
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(crate) fn completions(arguments: &CompletionsArgs, mut command: Command) -> anyhow::Result<()> {
    let name = command.get_name().to_owned();
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, name, &mut script);
    print(String::from_utf8(script)?.trim_end())
}

pub(crate) fn man(arguments: &ManArgs, command: Command) -> anyhow::Result<()> {
    let folder = &arguments.folder;
    let mut command = command.disable_help_subcommand(true);
    command.build();
    fs::create_dir_all(folder).or_fail(Kind::Output, || format!("folder {}", folder.display()))?;
    write_pages(&command, folder)
}

/// Writes the pages of a command and of its subcommands.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let (name, page) = page(command)?;
    let path = folder.join(name);
    fs::write(&path, page).or_fail(Kind::Output, || path.display().to_string())?;
    command
        .get_subcommands()
        .try_for_each(|command| write_pages(command, folder))
}

/// A page's file name and contents.
fn page(command: &Command) -> io::Result<(String, Vec<u8>)> {
    // The text after the options has its own layout, which `Man` would reflow.
    let after = command.get_after_help().map(ToString::to_string);
    let man = Man::new(command.clone().after_help(None::<&str>)).manual("Extrato");
    let mut page = Vec::new();
    man.render(&mut page)?;
    sections(&after.unwrap_or_default()).to_writer(&mut page)?;
    Ok((man.get_filename(), page))
}

/// Lays out the text after the options. Each line that ends with a colon and is not indented is a heading.
fn sections(text: &str) -> roff::Roff {
    let mut sections = roff::Roff::new();
    sections.control("nf", []);
    for line in text.lines() {
        match line.strip_suffix(':') {
            Some(heading) if !line.starts_with(' ') => {
                sections.control("fi", []);
                sections.control("SH", [heading.to_uppercase().as_str()]);
                sections.control("nf", []);
            }
            _ => {
                sections.text([roff::roman(line)]);
            }
        }
    }
    sections.control("fi", []);
    sections
}
