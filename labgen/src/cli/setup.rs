//! Subcommands that help to begin: starters, completions, manuals.

use std::path::PathBuf;

use clap::{Args, ValueEnum, ValueHint};

/// `labgen init`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen init                  writes lab.toml
  labgen init my-vpn.toml && labgen run my-vpn.toml

A file that is there already is left as it is.")]
pub struct Init {
    /// The file to write; `-` for standard output
    #[arg(default_value = "lab.toml", value_hint = ValueHint::FilePath)]
    pub file: PathBuf,
}

/// `labgen completions`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  bash        echo 'source <(labgen completions bash)' >> ~/.bashrc
  zsh         echo 'source <(labgen completions zsh)' >> ~/.zshrc
  fish        labgen completions fish > ~/.config/fish/completions/labgen.fish
  elvish      echo 'eval (labgen completions elvish | slurp)' >> ~/.elvish/rc.elv
  powershell  labgen completions powershell >> $PROFILE

Labs that are up, their nodes and their links are completed too.")]
pub struct Completions {
    /// The shell
    pub shell: Shell,
}

/// Shells that can be taught to complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Shell {
    /// GNU Bash
    Bash,
    /// Z shell
    Zsh,
    /// Fish
    Fish,
    /// Elvish
    Elvish,
    /// PowerShell
    Powershell,
}

/// `labgen man`.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  labgen man | man -l -                          this page
  labgen man --dir ~/.local/share/man/man1       a page for each subcommand")]
pub struct Man {
    /// Write a page for each subcommand to this directory
    #[arg(long, value_name = "DIR", value_hint = ValueHint::DirPath)]
    pub dir: Option<PathBuf>,
}

/// `labgen schema`.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  labgen schema > lab.schema.json

A scenario that begins with the line `#:schema ./lab.schema.json` is then completed and
explained by editors that know TOML: Even Better TOML in VS Code, taplo elsewhere.")]
pub struct Schema {}
