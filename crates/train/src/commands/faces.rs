//! `faces`: trains the face detector and compares it with the one its labels are from.

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, Result};
use clap::{Args, Subcommand};
use kaiga::faces::{Detector, Landmarker};
use kaiga_train::faces::evaluate::{Seen, look, table, third};
use kaiga_train::faces::gather::gather;
use kaiga_train::faces::labels;
use kaiga_train::faces::show::contact;
use kaiga_train::{file, painter};
use pixels::codec::{self, Limits};

/// Pictures of a contact sheet.
const SHOWN: usize = 16;

/// Trains and evaluates the detector of faces. Where faces are is found before, by crates/train/face_labels.py.
#[derive(Subcommand)]
pub(crate) enum Faces {
    #[cfg(feature = "torch")]
    Train(Train),
    Gather(Gather),
    Evaluate(Evaluate),
    Time(Time),
}

/// Copies and shrinks held-out photos: the pictures detectors are compared on.
#[derive(Args)]
pub(crate) struct Gather {
    /// Folder of photos.
    #[arg(long)]
    photos: PathBuf,
    /// Where faces are in the photos.
    #[arg(long)]
    labels: PathBuf,
    /// Folder of the pictures.
    #[arg(long)]
    out: PathBuf,
}

/// Compares the detector with the package its labels are from, on the pictures of `gather`.
#[derive(Args)]
pub(crate) struct Evaluate {
    /// Folder of the pictures.
    #[arg(long)]
    pictures: PathBuf,
    /// What the package found in them: face_labels.py PICTURES peer.json.
    #[arg(long)]
    peer: PathBuf,
    /// What MediaPipe found in the photos, as faces.py writes it.
    #[arg(long)]
    mesh: Option<PathBuf>,
    /// A model file instead of the shipped one.
    #[arg(long)]
    model: Option<PathBuf>,
    /// Folder for contact sheets; the table is printed in any case.
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Prints how long the shipped detector takes for a picture that is decoded already, ms, a line a round.
#[derive(Args)]
pub(crate) struct Time {
    /// The picture.
    picture: PathBuf,
    /// How often.
    #[arg(default_value_t = 10)]
    rounds: usize,
    /// The dense landmarks of the largest face, instead of looking for faces.
    #[arg(long)]
    landmarks: bool,
}

pub(crate) fn faces(command: Faces) -> Result<()> {
    match command {
        #[cfg(feature = "torch")]
        Faces::Train(arguments) => train(arguments),
        Faces::Gather(Gather { photos, labels, out }) => {
            let counts = gather(&photos, &labels::read(&labels)?, &out)?;
            counts.iter().for_each(|(folder, count)| println!("{count} pictures in {}", out.join(folder).display()));
            Ok(())
        }
        Faces::Evaluate(arguments) => evaluate(&arguments),
        Faces::Time(arguments) => time(&arguments),
    }
}

fn evaluate(arguments: &Evaluate) -> Result<()> {
    let detector = match &arguments.model {
        Some(path) => Detector::new(&std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))?)?,
        None => Detector::embedded()?,
    };
    let seen = look(&arguments.pictures, &labels::read(&arguments.peer)?, &detector)?;
    let mesh = arguments.mesh.as_deref().map(painter::face::read).transpose()?;
    println!("{}", table(&seen, mesh.map(|mesh| third(&seen, &mesh)).as_ref()));
    let Some(out) = &arguments.out else { return Ok(()) };
    std::fs::create_dir_all(out).with_context(|| format!("cannot make {}", out.display()))?;
    let shown: Vec<&Seen> =
        seen.iter().filter(|picture| !(picture.ours.is_empty() && picture.theirs.is_empty())).collect();
    for (number, pictures) in shown.chunks(SHOWN).enumerate() {
        file::write(&out.join(format!("faces-{number:02}.png")), &contact(pictures)?)?;
    }
    println!("{} contact sheets in {}", shown.len().div_ceil(SHOWN), out.display());
    Ok(())
}

fn time(Time { picture, rounds, landmarks }: &Time) -> Result<()> {
    let bytes = std::fs::read(picture).with_context(|| format!("cannot read {}", picture.display()))?;
    let (photo, detector) = (codec::read(&bytes, &Limits::default())?.image, Detector::embedded()?);
    let landmarker = Landmarker::embedded()?;
    let largest = detector.detect(&photo)?.into_iter().next();
    let largest = largest.filter(|_| *landmarks);
    anyhow::ensure!(!landmarks || largest.is_some(), "{} shows no face", picture.display());
    for _ in 0..*rounds {
        let start = Instant::now();
        match &largest {
            Some(face) => drop(landmarker.find(&photo, face)?),
            None => drop(detector.detect(&photo)?),
        }
        println!("{:.2}", start.elapsed().as_secs_f64() * 1e3);
    }
    Ok(())
}

/// Trains the three networks of the cascade, one after the other.
#[cfg(feature = "torch")]
#[derive(Args)]
pub(crate) struct Train {
    /// Folder of photos, sub-folders included; every tenth, by path, is held out, and half of food and landscape.
    #[arg(long)]
    photos: PathBuf,
    /// Where faces are in the photos.
    #[arg(long)]
    labels: PathBuf,
    /// Folder of paintings that show no faces.
    #[arg(long, requires = "art_labels")]
    art: Option<PathBuf>,
    /// What could be taken for a face in the paintings.
    #[arg(long, requires = "art")]
    art_labels: Option<PathBuf>,
    /// Whom the model file is to credit, where the paintings' licence asks for it.
    #[arg(long, default_value = "")]
    credit: String,
    /// Minutes for each network; 0 leaves one as it is.
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "8,10,20")]
    minutes: Vec<f64>,
    /// Crops a step, for each network.
    #[arg(long, value_delimiter = ',', num_args = 1, default_value = "512,256,128")]
    batch: Vec<usize>,
    /// Highest learning rate.
    #[arg(long, default_value_t = 2e-3)]
    rate: f64,
    #[command(flatten)]
    schedule: crate::commands::schedule::Schedule,
}

#[cfg(feature = "torch")]
fn train(arguments: Train) -> Result<()> {
    use anyhow::anyhow;
    let Train { photos, labels, art, art_labels, credit, minutes, batch, rate, schedule } = arguments;
    let schedule = schedule.meant(rate)?;
    let three = |what: &str| anyhow!("{what} takes three numbers, one for each network");
    let plan = kaiga_train::faces::run::Plan {
        photos,
        labels,
        art: art.zip(art_labels),
        credit,
        minutes: minutes.try_into().map_err(|_| three("--minutes"))?,
        batch: batch.try_into().map_err(|_| three("--batch"))?,
        schedule,
    };
    kaiga_train::faces::run::train(&plan, &mut crate::commands::machine::Terminal::new())
}
