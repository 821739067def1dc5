//! `kaiga-train`: makes pairs, trains, evaluates what was trained.
#![allow(clippy::print_stdout, clippy::print_stderr)]

mod commands;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// Trains kaiga's painting network. Start with `pairs`, then `distil`.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Pairs(commands::pairs::Pairs),
    Evaluate(commands::evaluate::Evaluate),
    Gallery(commands::evaluate::Gallery),
    Drawnness(commands::drawnness::Drawnness),
    FacesSheet(commands::faces_sheet::FacesSheet),
    /// Prints what separable convolutions save.
    Sizes,
    #[command(subcommand)]
    Faces(commands::faces::Faces),
    #[command(subcommand)]
    Landmarks(commands::landmarks::Landmarks),
    #[command(subcommand)]
    Person(commands::person::Person),
    #[cfg(feature = "torch")]
    Compare(commands::compare::Compare),
    #[cfg(feature = "torch")]
    Prune(commands::prune::Prune),
    #[cfg(feature = "torch")]
    Distil(commands::train::Distil),
    #[cfg(feature = "torch")]
    Style(commands::train::Style),
    #[cfg(feature = "torch")]
    FetchFeatures(commands::fetch_features::FetchFeatures),
}

fn main() -> ExitCode {
    match run(Arguments::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("kaiga-train: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command: Command) -> Result<()> {
    match command {
        Command::Pairs(arguments) => commands::pairs::pairs(arguments),
        Command::Evaluate(arguments) => commands::evaluate::evaluate(&arguments),
        Command::Gallery(arguments) => commands::evaluate::gallery(&arguments),
        Command::Drawnness(arguments) => commands::drawnness::drawnness(&arguments),
        Command::FacesSheet(arguments) => commands::faces_sheet::sheet(&arguments),
        Command::Sizes => commands::prune::sizes(),
        Command::Faces(command) => commands::faces::faces(command),
        Command::Landmarks(command) => commands::landmarks::landmarks(command),
        Command::Person(command) => commands::person::person(command),
        #[cfg(feature = "torch")]
        Command::Compare(arguments) => commands::compare::compare(&arguments),
        #[cfg(feature = "torch")]
        Command::Prune(arguments) => commands::prune::prune(arguments),
        #[cfg(feature = "torch")]
        Command::Distil(arguments) => commands::train::distil(arguments),
        #[cfg(feature = "torch")]
        Command::Style(arguments) => commands::train::style(arguments),
        #[cfg(feature = "torch")]
        Command::FetchFeatures(arguments) => commands::fetch_features::fetch(&arguments),
    }
}
