//! The program `kaiga`: photo in, anime-style painting out.
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "prints belong to the binaries")]

mod args;
mod avatar;
mod batch;
mod cover;
mod doctor;
mod export;
mod faces;
mod folder;
mod import;
mod jobs;
mod live;
mod look;
mod manual;
mod measure;
mod out;
mod photo;
mod place;
mod serve;
mod styles;
mod video;

use clap::Parser;
use kaiga::Studio;
use server::config::Config;
use std::process::ExitCode;

/// What the shell sees.
const NOTHING_DONE: u8 = 1;
const WRONG_USAGE: u8 = 2;
const SOME_FAILED: u8 = 3;
/// As a shell says it of a program that was interrupted.
const INTERRUPTED: u8 = 130;

fn main() -> ExitCode {
    let cli = args::Cli::parse();
    photo::silence_decoders();
    let outcome = match cli.command {
        None if cli.paint.says_nothing() => Err((WRONG_USAGE, args::SHORT.to_owned())),
        None => paint(cli.paint),
        Some(args::Command::Styles { json }) => print(studio().map(|mut studio| {
            import::add_all(&mut studio);
            styles::list(&studio, json)
        })),
        Some(args::Command::Doctor { json }) => print(doctor::report(json)),
        Some(args::Command::Faces { photo, json, draw, landmarks, max_pixels }) => {
            let limits = args::limits(max_pixels);
            print(studio().and_then(|studio| faces::list(&studio, &photo, &limits, draw.as_deref(), (json, landmarks))))
        }
        Some(args::Command::Avatar(typed)) => avatar(*typed),
        Some(args::Command::Video(typed)) => paint_videos(*typed),
        Some(args::Command::Live(typed)) => paint_live(*typed),
        Some(args::Command::Cover(typed)) => paint_covers(*typed),
        Some(args::Command::Flicker(typed)) => print(video::flicker(&typed)),
        Some(args::Command::Export(typed)) => export(typed),
        Some(args::Command::Import(typed)) => print(studio().and_then(|mut studio| import::import(&mut studio, typed))),
        Some(args::Command::Models(wish)) => print(import::models(&wish)),
        Some(args::Command::Serve(typed)) => serve(typed, serve::serve),
        Some(args::Command::Worker(serve::TypedWorker(typed))) => serve(typed, serve::work),
        Some(args::Command::Jobs(wish)) => jobs::run(wish),
        Some(args::Command::Batch(typed)) => jobs::paint(*typed),
        Some(args::Command::Completions { shell }) => print(Ok(manual::completions(shell))),
        Some(args::Command::Man { folder }) => print(manual::pages(&folder)),
        Some(args::Command::Measure { photo, painting, json }) => print(measure::compare(&photo, &painting, json)),
    };
    outcome.unwrap_or_else(|(code, complaint)| {
        out::complain(&format!("kaiga: {complaint}"));
        ExitCode::from(code)
    })
}

/// An exit status and what to say with it.
type Complaint = (u8, String);

fn print(text: Result<String, String>) -> Result<ExitCode, Complaint> {
    let text = text.map_err(|complaint| (NOTHING_DONE, complaint))?;
    out::line(&text);
    Ok(ExitCode::SUCCESS)
}

fn serve(typed: serve::Typed, run: fn(Config) -> Result<(), String>) -> Result<ExitCode, Complaint> {
    let (wish, config) = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    match wish {
        serve::Wish::Print => print(Ok(config.documented().trim_end().to_owned())),
        serve::Wish::Check => print(serve::check(&config)),
        serve::Wish::Serve => {
            run(config).map_err(|complaint| (NOTHING_DONE, complaint))?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn studio() -> Result<Studio, String> {
    Studio::embedded().map_err(|error| error.to_string())
}

fn paint(typed: args::Typed) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, format!("{complaint}\n\nFor more: kaiga --help")))?;
    if let Some(threads) = params.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build_global();
        pool.map_err(|error| (NOTHING_DONE, format!("cannot start {threads} threads: {error}")))?;
    }
    let studio = studio_for(&params.look)?;
    let jobs = folder::jobs(&params.inputs, &params.output, params.format);
    let painter = studio.prepare(&params.look).map_err(|error| (WRONG_USAGE, error.to_string()))?;
    Ok(batch::run(&painter, &params, jobs))
}

fn avatar(typed: args::TypedAvatar) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    let studio = studio_for(&params.look)?;
    avatar::paint(&studio, &params).map(|()| ExitCode::SUCCESS).map_err(|complaint| (NOTHING_DONE, complaint))
}

fn paint_videos(typed: video::Typed) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    ::video::check().map_err(|error| (NOTHING_DONE, error.to_string()))?;
    let studio = studio_for(&params.look)?;
    let painter = studio.prepare(&params.look).map_err(|error| (WRONG_USAGE, error.to_string()))?;
    Ok(video::run(&painter, &params))
}

fn paint_live(typed: live::Typed) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    ::video::check().map_err(|error| (NOTHING_DONE, error.to_string()))?;
    let studio = studio_for(&params.look)?;
    let painter = studio.prepare(&params.look).map_err(|error| (WRONG_USAGE, error.to_string()))?;
    Ok(live::run(&painter, &params))
}

fn paint_covers(typed: cover::Typed) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    ::video::check().map_err(|error| (NOTHING_DONE, error.to_string()))?;
    let studio = studio_for(&params.look)?;
    cover::run(&studio, &params).map_err(|complaint| (NOTHING_DONE, complaint))
}

fn export(typed: export::Typed) -> Result<ExitCode, Complaint> {
    let params = typed.meant().map_err(|complaint| (WRONG_USAGE, complaint))?;
    let studio = studio_for(&params.look)?;
    print(export::export(&studio, &params))
}

/// What paints, with the styles that a look names by their files.
fn studio_for(look: &kaiga::Look) -> Result<Studio, Complaint> {
    let mut studio = studio().map_err(|complaint| (NOTHING_DONE, complaint))?;
    load_styles(&mut studio, look).map_err(|complaint| (WRONG_USAGE, complaint))?;
    Ok(studio)
}

/// Loads the style files and imported models that a look names and makes sure that the other styles are there and go together.
fn load_styles(studio: &mut Studio, look: &kaiga::Look) -> Result<(), String> {
    let shares = || look.styles.shares().iter().chain(look.face_style.iter().flat_map(kaiga::Mix::shares));
    for (name, _) in shares() {
        if name.ends_with(".safetensors") {
            let bytes = std::fs::read(name).map_err(|error| format!("style {name}: {}", photo::plainly(&error)))?;
            studio.add_style_as(name, &bytes).map_err(|error| format!("style {name}: {error}"))?;
        } else if studio.styles().iter().all(|style| style.name != *name) {
            import::add(studio, name)?;
        }
    }
    let styles = studio.styles();
    match shares().find(|(name, _)| styles.iter().all(|style| style.name != *name)) {
        None => studio.check(look).map_err(|error| error.to_string()),
        Some((name, _)) => {
            let names: Vec<&str> = styles.iter().map(|style| style.name.as_str()).collect();
            Err(format!("there is no style \"{name}\"; there are {}, or give a .safetensors file", names.join(", ")))
        }
    }
}
