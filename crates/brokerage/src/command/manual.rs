//! The manual's pages, from the table of flags. Synopsis and examples are our own: what makes the rest shows neither which
//! options take a value nor what stands behind the help as what it is.

use std::io::{self, Write};
use std::path::Path;

use anyhow::Context as _;
use clap::Command;
use clap_mangen::Man;

use super::print;
use crate::cli;

/// Prints the first page, or writes every command's into a directory.
///
/// # Errors
/// If the directory or a page cannot be written.
pub fn write(out: Option<&Path>) -> anyhow::Result<()> {
    let mut command = cli::command().disable_help_subcommand(true);
    command.build();
    let Some(dir) = out else {
        print::line(page(&command)?.trim_end());
        return Ok(());
    };
    let told = || format!("out: {}", dir.display());
    std::fs::create_dir_all(dir).with_context(told)?;
    let mut left = vec![command];
    while let Some(command) = left.pop() {
        let name = Man::new(command.clone()).get_filename();
        std::fs::write(dir.join(name), page(&command)?).with_context(told)?;
        let inner = command
            .get_subcommands()
            .filter(|inner| !inner.is_hide_set());
        left.extend(inner.cloned());
    }
    Ok(())
}

/// A command's page.
fn page(command: &Command) -> anyhow::Result<String> {
    let man = Man::new(command.clone());
    let mut page = Vec::new();
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    synopsis(command, &mut page)?;
    man.render_description_section(&mut page)?;
    if command.get_arguments().any(|of| !of.is_hide_set()) {
        man.render_options_section(&mut page)?;
    }
    if command.get_subcommands().any(|of| !of.is_hide_set()) {
        man.render_subcommands_section(&mut page)?;
    }
    behind(command, &mut page)?;
    if command.get_version().is_some() {
        man.render_version_section(&mut page)?;
    }
    String::from_utf8(page).context("the page")
}

/// How it is typed, as its help says it: what is required, and what has a value.
fn synopsis(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let mut command = command.clone();
    let usage = command.render_usage().to_string();
    let usage = usage.strip_prefix("Usage: ").unwrap_or(&usage).to_owned();
    writeln!(page, ".SH SYNOPSIS")?;
    as_it_is(usage.lines(), page)
}

/// What stands behind the help: sections that begin with a heading of their own.
fn behind(command: &Command, page: &mut Vec<u8>) -> io::Result<()> {
    let text = command.get_after_help().map(ToString::to_string);
    for section in text.unwrap_or_default().split("\n\n") {
        let (head, lines) = section.split_once('\n').unwrap_or(("", section));
        match head.strip_suffix(':') {
            Some(head) => writeln!(page, ".SH \"{}\"", head.to_uppercase())?,
            None => writeln!(page, ".PP")?,
        }
        let lines = if head.ends_with(':') { lines } else { section };
        as_it_is(lines.lines(), page)?;
    }
    Ok(())
}

/// Lines that stay lines.
fn as_it_is<'a>(lines: impl Iterator<Item = &'a str>, page: &mut Vec<u8>) -> io::Result<()> {
    writeln!(page, ".nf")?;
    for line in lines {
        let line = line.replace('\\', "\\e").replace('-', "\\-");
        // A point or an apostrophe at the beginning would be a request.
        writeln!(page, "\\&{line}")?;
    }
    writeln!(page, ".fi")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page_of(names: &[&str]) -> String {
        let mut command = cli::command().disable_help_subcommand(true);
        command.build();
        let find = |command: &Command, name: &str| command.find_subcommand(name).cloned();
        let mut names = names.iter();
        let found = names.try_fold(command, |command, name| find(&command, name));
        page(&found.expect("the command")).expect("a page")
    }

    #[test]
    fn a_page_says_how_the_command_is_typed_and_shows_examples() {
        let page = page_of(&["buy"]).replace("\\-", "-");
        let synopsis = page.split(".SH SYNOPSIS").nth(1).expect("a synopsis");
        let synopsis = synopsis.split(".SH ").next().expect("an end");
        assert!(
            synopsis.contains("brokerage buy [OPTIONS] --dialect <DIALECT>"),
            "{synopsis}"
        );
        let examples = page.split(".SH \"EXAMPLES\"").nth(1).expect("examples");
        assert!(
            examples.contains("brokerage buy --dialect ckafka --name orders --wait\n"),
            "{examples}"
        );
        assert!(!page.contains("EXTRA"), "{page}");
        // A value that is typed without a flag, and a line that goes on behind a backslash.
        let page = page_of(&["network", "create-subnet"]).replace("\\-", "-");
        assert!(
            page.contains("--network <NETWORK> --zone <ZONE> <ID>"),
            "{page}"
        );
        assert!(page.contains("--region ap-shanghai \\e\n"), "{page}");
        let first = page_of(&[]);
        assert!(first.contains(".SH \"EXIT CODES\""), "{first}");
    }
}
