//! Makes the pairs that training learns from: photos at working size, variants of them and drawn pictures, and what the
//! painter makes of each.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use pixels::resize::{self, Filter};
use pixels::space::{Srgb8, linear_from_srgb8, srgb_from_linear, srgb8_from_srgb};
use pixels::{Image, codec};

use crate::data::mix;
use crate::data::{graphics, split};
use crate::file;
use crate::painter::Painted;

/// Pictures are painted at this area, px: the painter's radii are for it.
const AREA_PX: usize = 450_000;
/// Smaller photos are enlarged to this area, px.
const LEAST_AREA_PX: usize = 300_000;
/// A photo is enlarged at most so much for a variant.
const MOST_ENLARGED: f64 = 1.15;
/// Shortest side of a variant, px.
const LEAST_SIDE_PX: usize = 160;
/// Of photos without people a part of this area becomes a pair, px: more of them in the same time.
const PART_AREA_PX: usize = 260_000;
/// Of the held-out photos of each folder every so-many-th becomes a pair, the first one in any case.
const SCORED_EVERY: usize = 4;
/// Of photos of one person every so-many-th becomes a pair.
const PERSON_EVERY: u64 = 3;
/// Drawn pictures among the pairs: flat colours that no photo has.
const DRAWN: u64 = 90;

/// How a picture is painted in every style. The file is that of a photo that is there as a whole; of variants, parts of
/// photos and drawn pictures there is none.
pub type Paint<'a> = dyn Fn(Option<&Path>, &Image<Srgb8>) -> Vec<Painted> + Sync + 'a;

/// What is to be made.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Folder of photos, sub-folders included.
    pub photos: PathBuf,
    /// Folder of the pairs. Held-out ones come into its sub-folder `held`.
    pub out: PathBuf,
    /// Photos painted at a time.
    pub jobs: usize,
    /// Most pairs to make in this call.
    pub limit: usize,
    /// Whether every photo becomes a pair as it is. Else they are a sample for the base: parts of photos, variants at
    /// other sizes, in other light and in other colours, drawn pictures, and fewer of what there is most of.
    pub whole: bool,
}

/// How a pair's photo comes from the photo in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Variant {
    /// At working size.
    Whole,
    /// Smaller, or larger and cropped.
    Zoomed,
    /// In other light.
    Relit,
    /// In other, stronger colours.
    Recoloured,
}

struct Task {
    /// A photo and what is made of it; none for a picture that is drawn from its seed.
    source: Option<(PathBuf, Variant)>,
    /// Whether all of the photo is kept, where it is no variant.
    uncut: bool,
    folder: PathBuf,
    name: String,
    seed: u64,
}

impl Task {
    /// Another seed for every variant, and for what is drawn.
    fn salt(&self) -> u64 {
        self.source.as_ref().map_or(Variant::Recoloured as u64 + 1, |(_, variant)| *variant as u64)
    }
}

/// Makes the pairs that are not there yet: NAME.photo.png, NAME.STYLE.png and NAME.STYLE.ink.png, each written in one
/// go. `styles` are the names of what `paint` gives, in its order; without any only photos are written. Photos that
/// cannot be read are named in `say` and left out. Returns how many pairs were made.
///
/// # Errors
/// If there are no photos or a file cannot be written.
pub fn make(plan: &Plan, styles: &[&str], paint: &Paint, say: &(dyn Fn(&str) + Sync)) -> Result<usize> {
    let mut tasks = tasks(plan)?;
    let all = tasks.len();
    tasks.retain(|task| !complete(task, styles));
    say(&format!("{} of {all} pairs are there already", all - tasks.len()));
    limit(&mut tasks, plan);
    std::fs::create_dir_all(plan.out.join("held")).with_context(|| format!("cannot make {}", plan.out.display()))?;
    let (next, made, start) = (AtomicUsize::new(0), AtomicUsize::new(0), Instant::now());
    let (failure, said) = (Mutex::new(None), Mutex::new(start));
    std::thread::scope(|scope| {
        for _ in 0..plan.jobs.max(1) {
            scope.spawn(|| {
                while let Some(task) = tasks.get(next.fetch_add(1, Ordering::Relaxed)) {
                    match photo(task) {
                        Err(error) => say(&format!("left out: {error:#}")),
                        Ok(photo) => {
                            if let Err(error) = write(task, &photo, styles, paint) {
                                *lock(&failure) = Some(error);
                                next.store(tasks.len(), Ordering::Relaxed);
                                break;
                            }
                            made.fetch_add(1, Ordering::Relaxed);
                        }
                    }
                    let mut last = lock(&said);
                    if last.elapsed() > Duration::from_secs(10) {
                        *last = Instant::now();
                        let done = made.load(Ordering::Relaxed);
                        let left_s = start.elapsed().as_secs_f64() / done.max(1) as f64 * (tasks.len() - done) as f64;
                        say(&format!("{done} of {} pairs, about {:.0} min to go", tasks.len(), left_s / 60.0));
                    }
                }
            });
        }
    });
    let failure = lock(&failure).take();
    failure.map_or(Ok(made.into_inner()), Err)
}

/// Leaves no more tasks than may be done. Of few as of many a tenth is held out: held-out photos come first, and all of a large folder's would leave
/// nothing to learn from.
fn limit(tasks: &mut Vec<Task>, plan: &Plan) {
    if tasks.len() <= plan.limit {
        return;
    }
    let held = tasks.iter().take_while(|task| task.folder != plan.out).count();
    let learnt = tasks.len() - held;
    let most_held = plan.limit.div_ceil(10).max(plan.limit.saturating_sub(learnt));
    tasks.drain(most_held.min(held)..held);
    tasks.truncate(plan.limit);
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All pairs there can be, in an order whose every beginning is a fair sample: held-out photos first (they are few),
/// then the others mixed by their names.
fn tasks(plan: &Plan) -> Result<Vec<Task>> {
    let Plan { photos, out, whole, .. } = plan;
    let (mut tasks, mut held_of) = (Vec::new(), HashMap::new());
    let seed_of = |name: &str| name.bytes().fold(7, |seed, byte| mix(seed, u64::from(byte)));
    let all = split::photos(photos)?;
    for (index, photo) in all.iter().enumerate() {
        let name = split::name(photos, photo);
        let (seed, held) = (seed_of(&name), split::is_held_out(index));
        let person = name.starts_with("people-");
        let sampled = match held {
            true => {
                let before: &mut usize = held_of.entry(photo.parent()).or_default();
                *before += 1;
                (*before - 1).is_multiple_of(SCORED_EVERY)
            }
            false => !person || seed.is_multiple_of(PERSON_EVERY),
        };
        if !(sampled || *whole) {
            continue;
        }
        let folder = if held { out.join("held") } else { out.clone() };
        let uncut = *whole || held || may_show_faces(&name);
        let mut add = |variant, name| {
            tasks.push(Task { source: Some((photo.clone(), variant)), uncut, folder: folder.clone(), name, seed });
        };
        add(Variant::Whole, name.clone());
        if *whole || held || person {
            continue;
        }
        if seed % 4 == 1 {
            add(Variant::Zoomed, format!("{name}-zoomed"));
        }
        if seed % 6 == 0 {
            add(Variant::Relit, format!("{name}-relit"));
        }
        if seed % 4 == 2 {
            add(Variant::Recoloured, format!("{name}-recoloured"));
        }
    }
    for number in 0..if *whole { 0 } else { DRAWN } {
        let name = format!("drawn-{number:03}");
        let seed = seed_of(&name);
        tasks.push(Task { source: None, uncut: true, folder: out.clone(), name, seed });
    }
    tasks.sort_by_key(|task| (task.folder == *out, mix(task.seed, task.salt())));
    Ok(tasks)
}

/// Whether the photo is of a folder whose photos show faces. Their outlines are those of the whole photo.
fn may_show_faces(name: &str) -> bool {
    ["people-", "groups-", "scenes-"].iter().any(|folder| name.starts_with(folder))
}

fn path(task: &Task, part: &str) -> PathBuf {
    task.folder.join(format!("{}.{part}.png", task.name))
}

fn complete(task: &Task, styles: &[&str]) -> bool {
    let painted = |style: &&str| path(task, style).exists() && path(task, &format!("{style}.ink")).exists();
    path(task, "photo").exists() && styles.iter().all(painted)
}

/// The photo of a pair. One that is there already is taken as it is.
fn photo(task: &Task) -> Result<Image<Srgb8>> {
    let there = path(task, "photo");
    if there.exists() {
        return file::picture(&there);
    }
    let mut rng = fastrand::Rng::with_seed(task.seed ^ task.salt());
    let Some((file, variant)) = &task.source else { return Ok(graphics::drawn(512, 448, &mut rng)) };
    let source = file::picture(file)?;
    let working = working_size(&source);
    Ok(match variant {
        Variant::Whole if task.uncut => resized(&source, working),
        Variant::Whole => part(&resized(&source, working), &mut rng),
        Variant::Zoomed => zoomed(&source, working, &mut rng),
        Variant::Relit => part(&relit(&resized(&source, working), &mut rng), &mut rng),
        Variant::Recoloured => part(&graphics::recoloured(&resized(&source, working), &mut rng), &mut rng),
    })
}

/// A part of the photo of at most [`PART_AREA_PX`], in its shape.
fn part(photo: &Image<Srgb8>, rng: &mut fastrand::Rng) -> Image<Srgb8> {
    let (w, h) = (photo.width(), photo.height());
    let keep = (PART_AREA_PX as f64 / (w * h) as f64).sqrt().min(1.0);
    let [cw, ch] = [w, h].map(|side| (side as f64 * keep) as usize);
    photo.crop(rng.usize(..=w - cw), rng.usize(..=h - ch), cw, ch)
}

fn working_size(source: &Image<Srgb8>) -> (usize, usize) {
    let (width, height) = (source.width(), source.height());
    match width * height {
        area if area > AREA_PX => resize::area_size(width, height, AREA_PX),
        area if area < LEAST_AREA_PX => resize::area_size(width, height, LEAST_AREA_PX),
        _ => (width, height),
    }
}

/// A photo at the size that pairs are made at: 0.3–0.45 Mpx.
pub fn at_working_size(photo: &Image<Srgb8>) -> Image<Srgb8> {
    resized(photo, working_size(photo))
}

/// A picture at another size, by Lanczos where it shrinks and Mitchell where it grows.
pub fn resized(source: &Image<Srgb8>, (width, height): (usize, usize)) -> Image<Srgb8> {
    let filter = if width < source.width() { Filter::Lanczos3 } else { Filter::Mitchell };
    resize::to(source, width, height, filter)
}

/// A part of the photo at 0.7 times or 1.4 times its working size.
fn zoomed(source: &Image<Srgb8>, (width, height): (usize, usize), rng: &mut fastrand::Rng) -> Image<Srgb8> {
    let scaled = |factor: f64| [width, height].map(|side| (side as f64 * factor).round() as usize);
    let may_grow = 1.4 * width as f64 <= MOST_ENLARGED * source.width() as f64;
    let may_shrink = 0.7 * width.min(height) as f64 >= LEAST_SIDE_PX as f64;
    let [w, h] = scaled(if may_grow && (rng.bool() || !may_shrink) { 1.4 } else { 0.7 });
    let scaled = resized(source, (w, h));
    part(&scaled, rng)
}

/// The photo in linear light times 0.5–1.3, with red and blue off by up to a tenth.
fn relit(photo: &Image<Srgb8>, rng: &mut fastrand::Rng) -> Image<Srgb8> {
    let light = 0.5 + 0.8 * rng.f32();
    let gain = [light * (0.9 + 0.2 * rng.f32()), light, light * (0.9 + 0.2 * rng.f32())];
    photo.map::<Srgb8>(|pixel| {
        let linear = linear_from_srgb8(pixel);
        let lit = [0, 1, 2].map(|c| (linear[c] * gain[c]).min(1.0));
        srgb8_from_srgb(srgb_from_linear(lit))
    })
}

fn write(task: &Task, photo: &Image<Srgb8>, styles: &[&str], paint: &Paint) -> Result<()> {
    let png = |image: &Image<Srgb8>| codec::write(image, None, codec::Format::Png, 100);
    if !path(task, "photo").exists() {
        file::write(&path(task, "photo"), &png(photo)?)?;
    }
    if styles.is_empty() {
        return Ok(());
    }
    let whole = task.source.as_ref().filter(|(_, variant)| *variant == Variant::Whole && task.uncut);
    let whole = whole.map(|(file, _)| file.as_path());
    for (style, Painted { painting, ink }) in styles.iter().zip(paint(whole, photo)) {
        file::write(&path(task, style), &png(&painting)?)?;
        let samples = ink.pixels().iter().map(|ink| (ink * 255.0).round().clamp(0.0, 255.0) as u8).collect();
        let ink = image::GrayImage::from_raw(ink.width() as u32, ink.height() as u32, samples);
        let mut bytes = std::io::Cursor::new(Vec::new());
        ink.context("the ink does not fit its size")?.write_to(&mut bytes, image::ImageFormat::Png)?;
        file::write(&path(task, &format!("{style}.ink")), &bytes.into_inner())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_made_once_and_every_tenth_photo_is_held_out() {
        let root = std::env::temp_dir().join(format!("kaiga-pairs-{}", std::process::id()));
        let photos = root.join("photos");
        let picture = Image::<Srgb8>::from_fn(24, 18, |x, y| [x as u8 * 9, y as u8 * 9, 70]);
        let png = codec::write(&picture, None, codec::Format::Png, 100).unwrap();
        for folder in ["food", "street"] {
            std::fs::create_dir_all(photos.join(folder)).unwrap();
            for i in 0..10 {
                std::fs::write(photos.join(format!("{folder}/p-{i}.png")), &png).unwrap();
            }
        }
        let plan = Plan { photos, out: root.join("out"), jobs: 2, limit: usize::MAX, whole: false };
        let paint = |_: Option<&Path>, photo: &Image<Srgb8>| {
            vec![Painted { painting: photo.clone(), ink: Image::filled(photo.width(), photo.height(), 0.5) }]
        };
        let made = make(&plan, &["meadow"], &paint, &|_| ()).unwrap();
        assert!(made >= 38, "{made}");
        assert!(root.join("out/held/food-p-9.photo.png").exists(), "every folder is scored");
        assert!(root.join("out/held/street-p-9.photo.png").exists() && !root.join("out/street-p-9.photo.png").exists());
        let photo = file::picture(&root.join("out/street-p-3.photo.png")).unwrap();
        assert!(photo.pixels().len().abs_diff(PART_AREA_PX) < 2000);
        assert_eq!(make(&plan, &["meadow"], &paint, &|_| ()).unwrap(), 0);
        // As they are: every photo, people too, uncut, and nothing else.
        std::fs::rename(plan.photos.join("street"), plan.photos.join("people")).unwrap();
        let plan = Plan { out: root.join("whole"), whole: true, ..plan };
        assert_eq!(make(&plan, &["meadow"], &paint, &|_| ()).unwrap(), 20);
        let photo = file::picture(&root.join("whole/people-p-3.photo.png")).unwrap();
        assert!(photo.pixels().len().abs_diff(LEAST_AREA_PX) < 2000);
        // Of few, a tenth is held out.
        let plan = Plan { out: root.join("few"), limit: 5, ..plan };
        assert_eq!(make(&plan, &["meadow"], &paint, &|_| ()).unwrap(), 5);
        assert_eq!(std::fs::read_dir(root.join("few/held")).unwrap().count(), 3, "one pair: photo, painting, ink");
        std::fs::remove_dir_all(root).unwrap();
    }
}
