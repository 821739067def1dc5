//! A video of a batch: cut where shots begin into pieces that many workers paint, and put together with its sound.
//!
//! A piece that is painted lies among the paintings until its video is whole, so a run that is started again goes on with it.

use super::{Batch, MANIFEST, Todo, Work, lock, passing};
use crate::error::{Error, Kind};
use crate::jobs::Job;
use crate::trace::Span;
use crate::video::{self, VideoParams};
use ::video::{About, Piece, Pieces, Preset};
use bytes::Bytes;
use std::collections::VecDeque;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Videos under way at a time: each lies in the folder of temporary files.
pub(super) const AT_A_TIME: usize = 4;
/// A piece is no shorter than the one and no longer than the other, s; a shot that is longer is cut within.
const PIECE_S: std::ops::Range<f64> = 10.0..60.0;

/// Which painting belongs to a video.
pub(super) fn painting_of(film: &str) -> String {
    let usual = ::video::usual_extension(Path::new(film));
    let extension = film.rsplit_once('.').map(|(_, extension)| extension);
    if extension == Some(usual) { film.to_owned() } else { format!("{film}.{usual}") }
}

/// A video on its way.
struct Film<'a> {
    batch: &'a Batch<'a>,
    name: String,
    source: PathBuf,
    about: About,
    stop: &'a AtomicBool,
    span: Span,
}

impl Batch<'_> {
    /// The jobs that painted it, at least the last of them.
    pub(super) fn film(&self, todo: &Todo, stop: &AtomicBool) -> Result<String, String> {
        let desk = tempfile::Builder::new().prefix("kaiga-batch-").tempdir().map_err(|error| error.to_string())?;
        let source = desk.path().join(Path::new(&todo.photo).file_name().unwrap_or_default());
        let pieces = {
            let _looking = lock(&self.looking);
            let fetched = self
                .patiently(stop, || self.runtime.block_on(self.input.fetch(&todo.photo, &source)).map_err(passing))?;
            if !fetched {
                return Err("it is not there any more".into());
            }
            let go_on = || !stop.load(Ordering::Relaxed);
            Pieces::of(&source, self.order.preset, PIECE_S, &go_on).map_err(|error| error.to_string())?
        };
        let about = ::video::look_at(&source).map_err(|error| error.to_string())?;
        let film =
            Film { batch: self, name: self.film_name(todo), source, about, stop, span: Span::begin("film", None) };
        let painted = desk.path().join("painted").join(Path::new(&todo.painting).file_name().unwrap_or_default());
        std::fs::create_dir(desk.path().join("painted")).map_err(|error| error.to_string())?;
        let id = match pieces.list() {
            [_] => film.whole(&painted)?,
            list => {
                self.pieces.1.fetch_add(list.len(), Ordering::Relaxed);
                film.in_pieces(&pieces, desk.path(), &painted)?
            }
        };
        self.patiently(stop, || self.runtime.block_on(self.output.send(&todo.painting, &painted)).map_err(passing))?;
        for number in 0..pieces.list().len() {
            // What is left behind is in the way of nobody.
            let _ = self.runtime.block_on(self.output.delete(&film.kept(number)));
        }
        self.done_with(&id);
        Ok(id)
    }

    /// Names what is asked for.
    fn film_name(&self, todo: &Todo) -> String {
        match self.order.preset {
            Preset::Good => self.name(todo),
            preset => format!("{}\n{}", self.name(todo), preset.name()),
        }
    }

    /// A look and a preset as the interface of videos has them, with more.
    fn film_query(&self, more: Vec<(&str, String)>) -> Result<String, String> {
        let look = self.order.params.iter().filter(|(name, _)| !["format", "quality"].contains(&&**name)).cloned();
        let more = more.into_iter().chain([("preset", self.order.preset.name().to_owned())]);
        let pairs = look.chain(more.map(|(name, value)| (name.to_owned(), value))).collect();
        VideoParams::query(pairs).map_err(|error| error.detail)
    }
}

impl Film<'_> {
    /// Where the painting of a piece lies until its video is whole.
    fn kept(&self, number: usize) -> String {
        let film = blake3::hash(self.name.as_bytes()).to_hex();
        format!("{MANIFEST}/pieces/{}/{}", &film[..16], Pieces::painted_name(number))
    }

    /// A file and what it takes to paint it.
    fn read(&self, path: &Path) -> Result<(Bytes, u64), Error> {
        let bytes = std::fs::read(path).map_err(|error| Error::new(Kind::Internal, error.to_string()))?;
        let need_bytes = video::need_bytes(bytes.len(), &self.about);
        Ok((bytes.into(), need_bytes))
    }

    /// Paints a short video as one job, sound and all.
    fn whole(&self, painted: &Path) -> Result<String, String> {
        let format = ::video::usual_extension(&self.source);
        // The interface knows this container by one name.
        let format = if format == "m4v" { "mp4" } else { format };
        let read = || self.read(&self.source);
        let query = self.batch.film_query(vec![("format", format.into())])?;
        let work = Work { name: self.name.clone(), query, format, read: &read, trace: self.span.traceparent() };
        let job = self.batch.hand_in(&work, 0, self.stop)?;
        let (id, bytes) = self.batch.painted(&work, job, self.stop)?;
        std::fs::write(painted, bytes).map_err(|error| error.to_string())?;
        Ok(id)
    }

    /// Has pieces painted, some of them ahead of the one that is waited for, and puts them together.
    fn in_pieces(&self, pieces: &Pieces, desk: &Path, painted: &Path) -> Result<String, String> {
        let codec = Pieces::codec(painted, &::video::Settings::default()).map_err(|error| error.to_string())?;
        let folder = desk.join("pieces");
        std::fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let (mut ahead, mut last) = (VecDeque::new(), String::new());
        for (number, piece) in pieces.list().iter().enumerate() {
            let to = folder.join(Pieces::painted_name(number));
            let kept =
                || self.batch.runtime.block_on(self.batch.output.fetch(&self.kept(number), &to)).map_err(passing);
            if self.batch.patiently(self.stop, kept)? {
                self.batch.pieces.0.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            ahead.push_back(self.hand_in(pieces, piece, number, desk, codec)?);
            if ahead.len() >= self.batch.order.at_a_time
                && let Some(first) = ahead.pop_front()
            {
                last = self.keep(first, &folder)?;
            }
        }
        for handed_in in ahead {
            last = self.keep(handed_in, &folder)?;
        }
        let changed = pieces.put_together(&folder, painted).map_err(|error| error.to_string())?;
        for what in changed {
            tracing::warn!(film = %self.source.file_name().unwrap_or_default().display(), what, "a video was changed");
        }
        Ok(last)
    }

    fn hand_in(
        &self,
        pieces: &Pieces,
        piece: &Piece,
        number: usize,
        desk: &Path,
        codec: &str,
    ) -> Result<HandedIn, String> {
        let file = desk.join(format!("piece-{number}"));
        let span = pieces.cut(piece, &file).map_err(|error| error.to_string())?;
        let ends = [("start", span.start_s), ("end", span.end_s)];
        let ends = ends.into_iter().filter_map(|(name, at_s)| Some((name, at_s?.to_string())));
        let more = [("format", "mp4".to_owned()), ("codec", codec.to_owned())].into_iter().chain(ends).collect();
        let mut handed_in = HandedIn { number, file, query: self.batch.film_query(more)?, job: None };
        let job = self.with_work(&handed_in, |work| self.batch.hand_in(work, 0, self.stop))?;
        handed_in.job = Some(job);
        Ok(handed_in)
    }

    fn with_work<T>(&self, piece: &HandedIn, with: impl FnOnce(&Work) -> T) -> T {
        let read = || self.read(&piece.file);
        with(&Work {
            name: format!("{}\npiece {}", self.name, piece.number),
            query: piece.query.clone(),
            format: "mp4",
            read: &read,
            trace: self.span.traceparent(),
        })
    }

    /// Waits for a piece and puts its painting among the paintings, so that it is not painted again, and into `folder`.
    fn keep(&self, mut piece: HandedIn, folder: &Path) -> Result<String, String> {
        let job = piece.job.take().ok_or_else(|| "its job is gone".to_owned())?;
        let (id, bytes) = self.with_work(&piece, |work| self.batch.painted(work, job, self.stop))?;
        let kept = self.kept(piece.number);
        self.batch.patiently(self.stop, || {
            self.batch.runtime.block_on(self.batch.output.put(&kept, bytes.clone())).map_err(passing)
        })?;
        let to = folder.join(Pieces::painted_name(piece.number));
        std::fs::write(to, bytes).map_err(|error| error.to_string())?;
        let _ = std::fs::remove_file(&piece.file);
        self.batch.done_with(&id);
        self.batch.pieces.0.fetch_add(1, Ordering::Relaxed);
        Ok(id)
    }
}

/// A piece that is being painted.
struct HandedIn {
    number: usize,
    file: PathBuf,
    query: String,
    job: Option<Job>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn videos_of_different_names_have_paintings_of_different_names() {
        let names = ["a.mp4", "a.avi", "a.MP4", "b/a.webm"].map(painting_of);
        assert_eq!(names, ["a.mp4", "a.avi.mkv", "a.MP4.mp4", "b/a.webm"]);
    }
}
