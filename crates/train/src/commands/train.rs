//! `distil` and `style`: the two ways to train.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail, ensure};
use clap::Args;
use kaiga_train::data::art::{self, Art};
use kaiga_train::data::{self, pairs, split};
use kaiga_train::feature_extractor::painted::PaintedProbe;
use kaiga_train::feature_extractor::{self, Features};
use kaiga_train::file;
use kaiga_train::painter::{Colours, Medium, Palette, Taste, paint};
use kaiga_train::run::adversarial_step::Opponent;
use kaiga_train::run::recipe::{self, Recipe};
use kaiga_train::run::{Length, Plan, Subject, Watch, train};
use net::{Model, Style as StyleFile};
use pixels::Image;
use pixels::codec::{self, Limits};
use pixels::space::Srgb8;

use crate::commands::evaluate::extractor;
use crate::commands::machine::{Machine, Terminal};
use crate::commands::verdict;

/// Pairs that photos and paintings are told apart by, bytes of pixels: some sixty.
const PAINTED_BYTES: usize = 150_000_000;
/// [`Eye::judge`] of a picture below which it counts as a photo: between the medians of landscapes, food, scenes and
/// portraits (−0.74 to −1.02) and those of paintings (−0.27 to 0.41).
const PHOTOGRAPHED: f64 = -0.6;
/// Photos whose paintings tell how the painter's colours are spread, for the palette.
const PALETTE_PHOTOS: usize = 24;

/// What both ways of training are told.
#[derive(Args)]
struct Run {
    /// Steps to train, instead of minutes.
    #[arg(long, conflicts_with = "minutes")]
    steps: Option<u64>,
    /// Goes on from the folder's checkpoint.
    #[arg(long)]
    resume: bool,
    /// Seed of the first weights and of the batches.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Samples a step.
    #[arg(long, default_value_t = 8)]
    batch: usize,
    /// Side of a crop, px.
    #[arg(long, default_value_t = 128)]
    side: usize,
    /// Minutes between reports.
    #[arg(long, default_value_t = 3.0)]
    report_min: f64,
    /// Gigabytes of pixels kept in memory; beyond it pairs are left out evenly.
    #[arg(long, default_value_t = 8.0)]
    memory_gb: f64,
    #[command(flatten)]
    machine: Machine,
}

/// Trains the light generator, base and styles together, on the painter's pairs.
#[derive(Args)]
pub(crate) struct Distil {
    /// Folder of the pairs; its sub-folder `held` is never learnt from.
    #[arg(long)]
    pairs: PathBuf,
    /// Folder of the run.
    #[arg(long)]
    out: PathBuf,
    /// Minutes to train; the best weights so far are exported whenever it ends.
    #[arg(long, alias = "time-budget", required_unless_present = "steps")]
    minutes: Option<f64>,
    #[command(flatten)]
    run: Run,
}

/// Makes a style of your own from a folder of paintings, over the shipped base.
#[derive(Args)]
pub(crate) struct Style {
    /// Folder of the paintings, sub-folders included: one hand, 40 or more, 12 at least.
    #[arg(long, required_unless_present_any = ["recipe"])]
    art: Option<PathBuf>,
    /// What the style is to be called: small letters, digits and hyphens.
    #[arg(long)]
    name: String,
    /// Folder of photos to practise on; best are photos like those it will be used for.
    #[arg(long, default_value = "crates/train/photos")]
    photos: PathBuf,
    /// Most photos to practise on, evenly taken.
    #[arg(long, default_value_t = 240)]
    most_photos: usize,
    /// How to train, as a TOML file; see crates/train/recipes.
    #[arg(long)]
    recipe: Option<PathBuf>,
    /// Minutes for everything; the best weights so far are exported whenever it ends.
    #[arg(long, alias = "time-budget", default_value_t = 50.0)]
    minutes: f64,
    /// Folder of the run.
    #[arg(long)]
    out: Option<PathBuf>,
    /// Folder of pairs that are there already, instead of painting photos.
    #[arg(long)]
    pairs: Option<PathBuf>,
    /// Trains even if the paintings look like photos.
    #[arg(long)]
    surely: bool,
    /// The perceptual network, as `fetch-features` puts it there.
    #[arg(long)]
    features: Option<PathBuf>,
    #[command(flatten)]
    run: Run,
}

pub(crate) fn distil(arguments: Distil) -> Result<()> {
    let Distil { pairs, out, minutes, run } = arguments;
    let length = minutes.map_or(Length::Steps(run.steps.unwrap_or(1)), Length::Minutes);
    let distil = Recipe::parse("").context("the embedded recipe")?.distil;
    train(&plan(Subject::Base, pairs, out, length, &run, distil, None)?, &mut Terminal::new())
}

fn plan(
    subject: Subject,
    pairs: PathBuf,
    out: PathBuf,
    length: Length,
    run: &Run,
    distil: recipe::Distil,
    opponent: Option<Opponent>,
) -> Result<Plan> {
    let (device, kind) = run.machine.prepare()?;
    let &Run { resume, seed, batch, side, report_min, memory_gb, .. } = run;
    let limit_bytes = (memory_gb * 1e9) as usize;
    Ok(Plan {
        subject,
        pairs,
        out,
        length,
        resume,
        seed,
        batch,
        side,
        report_min,
        limit_bytes,
        distil,
        opponent,
        device,
        kind,
    })
}

pub(crate) fn style(arguments: Style) -> Result<()> {
    let start = std::time::Instant::now();
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    ensure!(
        !arguments.name.is_empty() && arguments.name.len() <= 32 && arguments.name.chars().all(fits),
        "the style cannot be called {:?}: use up to 32 small letters, digits and hyphens",
        arguments.name
    );
    let (device, _) = arguments.run.machine.prepare()?;
    let recipe = arguments.recipe.as_deref().map_or_else(|| Recipe::parse(""), Recipe::read)?;
    let first = start_of(&recipe.adapter.start)?;
    same_medium(&first, &recipe)?;
    let out = arguments.out.clone().unwrap_or_else(|| Path::new("runs").join(&arguments.name));
    let mut terminal = Terminal::new();

    let needs_art = recipe.adversarial.share > 0.0 || recipe.target.palette > 0.0;
    let art = match &arguments.art {
        Some(folder) => art::load(folder)?,
        None if needs_art => bail!("this recipe learns from paintings: give their folder with --art"),
        None => Art { paintings: Vec::new(), left_out: Vec::new() },
    };
    for left_out in &art.left_out {
        terminal.say(&format!("left out: {left_out}"));
    }
    let [art, _held] = art.split();
    terminal.say(&format!("{} paintings to learn from", art.len()));
    let pairs = match &arguments.pairs {
        Some(pairs) => pairs.clone(),
        None => painted_photos(&arguments, &recipe, &art, &out.join("pairs"), &mut terminal)?,
    };
    let adversarial = recipe.adversarial.share > 0.0;
    let weights = match &arguments.features {
        Some(path) => path.clone(),
        None if adversarial && !feature_extractor::default_path().exists() => {
            let folder = feature_extractor::default_path().parent().unwrap_or(Path::new(".")).to_owned();
            feature_extractor::fetch(&folder, &|line| println!("{line}"))?
        }
        None => feature_extractor::default_path(),
    };
    let art = Arc::new(art);
    let opponent = if adversarial {
        let features = Features::load(&weights, device)?;
        if !arguments.surely {
            refuse_photos(&features, &pairs, &arguments.name, &art)?;
        }
        Some(Opponent::new(recipe.adversarial, art.clone(), features, arguments.run.side, arguments.run.seed))
    } else {
        None
    };
    let spent_min = start.elapsed().as_secs_f64() / 60.0;
    let left_min = if arguments.run.resume { arguments.minutes } else { (arguments.minutes - spent_min).max(1.0) };
    let length = arguments.run.steps.map_or(Length::Minutes(left_min), Length::Steps);
    let subject = Subject::Style {
        base: Model::read(shipped("light-2.base")?)?,
        start: first,
        name: arguments.name.clone(),
        words: recipe.style.clone(),
        rank: recipe.adapter.rank,
    };
    train(&plan(subject, pairs.clone(), out.clone(), length, &arguments.run, recipe.distil, opponent)?, &mut terminal)?;

    let file = format!("{}.safetensors", arguments.name);
    let [distilled, finished] = ["distilled", "export"].map(|folder| out.join(folder).join(&file));
    let mut chosen = &finished;
    if adversarial && distilled.exists() {
        let extractor = extractor::load(&weights)?;
        let (better, figures) = verdict::prefers_finished(&distilled, &finished, &pairs, &art, extractor.as_ref())?;
        println!("\n{figures}");
        if !better {
            chosen = &distilled;
            println!("The discriminator did the style no good: you get it as it was before.");
        }
    }
    let result = out.join(&file);
    file::write(&result, &std::fs::read(chosen)?)?;
    println!("Your style is ready. Paint with it:\n  kaiga -n {} photo.jpg", result.display());
    Ok(())
}

/// Refuses `art` that looks like the photos of the pairs rather than like the painter's paintings of them.
fn refuse_photos(features: &Features, pairs: &Path, style: &str, art: &[Image<Srgb8>]) -> Result<()> {
    let pairs = data::load(pairs, &[style], 128, PAINTED_BYTES)?;
    let image = |pair: &data::Pair, samples: &[u8]| Image::new(pair.width, pair.height, samples.as_chunks().0.to_vec());
    let photos: Vec<Image<Srgb8>> = pairs.iter().map(|pair| image(pair, &pair.photo)).collect();
    let painted: Vec<Image<Srgb8>> = pairs.iter().map(|pair| image(pair, &pair.painted[0].painting)).collect();
    let probe = PaintedProbe::new(features, &photos, &painted);
    let like_photos = art.iter().filter(|picture| probe.judge(picture) < PHOTOGRAPHED).count();
    ensure!(
        like_photos * 2 <= art.len(),
        "{like_photos} of the {} pictures look like photos: a style is learnt from paintings or drawings. If they are \
         paintings all the same, say --surely",
        art.len()
    );
    Ok(())
}

/// Paints the photos to the recipe's taste, in the paintings' colours as far as it says.
fn painted_photos(
    arguments: &Style,
    recipe: &Recipe,
    art: &[Image<Srgb8>],
    folder: &Path,
    terminal: &mut Terminal,
) -> Result<PathBuf> {
    let mut taste = Taste::named(&recipe.target.taste)?;
    let photos = split::photos(&arguments.photos)
        .context("a style is practised on photos: give a folder of them with --photos")?;
    if recipe.target.palette > 0.0 {
        taste.palette = Some(palette(&photos, art, &taste, recipe.target.palette, &folder.join("palette.json"))?);
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let plan = pairs::Plan {
        photos: arguments.photos.clone(),
        out: folder.to_owned(),
        jobs: cores,
        limit: arguments.most_photos,
        whole: true,
    };
    terminal.say(&format!("painting up to {} photos to practise on", arguments.most_photos));
    let paint = |_: Option<&Path>, photo: &Image<Srgb8>| vec![paint(photo, &taste)];
    pairs::make(&plan, &[&arguments.name], &paint, &|line| println!("{line}"))?;
    Ok(folder.to_owned())
}

/// The palette that `file` holds, or a new one, which is put there.
fn palette(photos: &[PathBuf], art: &[Image<Srgb8>], taste: &Taste, strength: f32, file: &Path) -> Result<Palette> {
    if let Ok(text) = std::fs::read_to_string(file) {
        return serde_json::from_str(&text).with_context(|| format!("{} is no palette: delete it", file.display()));
    }
    let every = photos.len().div_ceil(PALETTE_PHOTOS);
    let painted = photos.iter().step_by(every).filter_map(|path| {
        let photo = codec::read(&std::fs::read(path).ok()?, &Limits::default()).ok()?;
        Some(paint(&pairs::at_working_size(&photo.image), taste).painting)
    });
    let painted: Vec<_> = painted.collect();
    let of = |pictures: &[Image<Srgb8>]| Colours::of(&pictures.iter().collect::<Vec<_>>());
    let palette = Palette::between(&of(&painted), &of(art), strength);
    std::fs::create_dir_all(file.parent().unwrap_or(Path::new(".")))?;
    file::write(file, serde_json::to_string_pretty(&palette)?.as_bytes())?;
    Ok(palette)
}

/// Refuses a taste in colour over a style in screentone, and the other way round.
fn same_medium(start: &StyleFile, recipe: &Recipe) -> Result<()> {
    let taste = Taste::named(&recipe.target.taste)?;
    let colour = [matches!(taste.medium, Medium::Colour), start.medium == net::Medium::Colour];
    ensure!(
        colour[0] == colour[1],
        "the recipe's taste {} and the style {} that it starts from are not drawn alike: one is in colour, the other in screentone. Change target.taste or \
         adapter.start",
        recipe.target.taste,
        start.name
    );
    Ok(())
}

/// The style called `start`, or in the file `start`.
fn start_of(start: &str) -> Result<StyleFile> {
    if start.ends_with(".safetensors") {
        let bytes = std::fs::read(start).with_context(|| format!("cannot read {start}, the style to start from"))?;
        return StyleFile::read(&bytes).with_context(|| format!("{start} is no style"));
    }
    Ok(StyleFile::read(shipped(&format!("{start}-"))?)?)
}

/// A model file that comes with the library, by the beginning of its name.
fn shipped(name: &str) -> Result<&'static [u8]> {
    let found = kaiga::EMBEDDED.iter().find(|(file, _)| file.starts_with(name)).map(|(_, bytes)| *bytes);
    found.with_context(|| {
        let files = kaiga::EMBEDDED.map(|(file, _)| file).join(", ");
        format!("there is no shipped style {name}; shipped are {files}")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taste_in_colour_does_not_start_from_screentone() {
        let manga = start_of("manga").unwrap();
        let recipe = |taste: &str| Recipe::parse(&format!("[target]\ntaste = \"{taste}\"")).unwrap();
        same_medium(&manga, &recipe("manga")).unwrap();
        same_medium(&start_of("cel").unwrap(), &recipe("meadow")).unwrap();
        assert!(same_medium(&manga, &recipe("meadow")).unwrap_err().to_string().contains("adapter.start"));
    }
}
