//! Where painted frames go: one coded file, or parts that outlive the program, so that another run can go on from them.

use crate::clip::Clip;
use crate::encode::{Encoder, Written};
use crate::error::{Error, ErrorKind};
use crate::place::Draft;
use crate::settings::Settings;
use crate::tool;
use pixels::Image;
use pixels::space::Srgb8;
use serde_json::{Value, json};
use std::ffi::OsString;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Frames of a part: what is lost at most, and painted again.
const PART_FRAMES: u64 = 120;

/// What is being written.
pub(crate) struct Reel<'a> {
    clip: &'a Clip,
    written: &'a Written,
    settings: &'a Settings,
    into: Files,
    encoder: Option<Encoder>,
    /// Of the parts that are closed, s.
    waited_s: f64,
}

/// The files of it.
pub(crate) enum Files {
    One(Draft),
    Parts(Parts),
}

impl<'a> Reel<'a> {
    /// Frames for `into`, as they are `written`.
    pub(crate) fn new(clip: &'a Clip, written: &'a Written, settings: &'a Settings, into: Files) -> Self {
        Self { clip, written, settings, into, encoder: None, waited_s: 0.0 }
    }

    /// Codes a frame that is shown `at` ticks after the first.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if it cannot be written.
    pub(crate) fn push(&mut self, at: i64, image: Arc<Image<Srgb8>>) -> Result<(), Error> {
        if matches!(&self.into, Files::Parts(parts) if parts.open.as_ref().is_some_and(|open| open.frames >= PART_FRAMES))
        {
            self.close()?;
        }
        let (path, at) = match &mut self.into {
            Files::One(draft) => (draft.path().to_owned(), at),
            Files::Parts(parts) => {
                let next = parts.next_path();
                let open = parts.open.get_or_insert(Part { frames: 0, first: at });
                open.frames += 1;
                (next, at - open.first)
            }
        };
        let encoder = match &mut self.encoder {
            Some(encoder) => encoder,
            none => none.insert(Encoder::start(self.clip, self.written, self.settings, &path)?),
        };
        encoder.push(at, image)
    }

    /// Finishes the file, or the part, that is being written.
    fn close(&mut self) -> Result<(), Error> {
        let Some(encoder) = self.encoder.take() else { return Ok(()) };
        self.waited_s += encoder.waited_s;
        encoder.finish()?;
        match &mut self.into {
            Files::One(_) => Ok(()),
            Files::Parts(parts) => parts.enter(),
        }
    }

    /// Nothing came of it: leaves nothing behind but what an earlier run has painted.
    pub(crate) fn abandon(self) {
        match self.into {
            Files::Parts(parts) if parts.whole.is_empty() => parts.remove(),
            _ => {}
        }
    }

    /// Codes what is left. Returns the files, and how long coding was waited for, s.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if it cannot be written.
    pub(crate) fn finish(mut self) -> Result<(Files, f64), Error> {
        self.close()?;
        Ok((self.into, self.waited_s))
    }
}

/// Parts of a video in a folder beside its painting, and the journal that says which of them are whole.
pub(crate) struct Parts {
    folder: PathBuf,
    whole: Vec<Part>,
    /// The one that is being written.
    open: Option<Part>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Part {
    frames: u64,
    /// When its first frame is shown, ticks after the first of all.
    first: i64,
}

const JOURNAL: &str = "journal.jsonl";

impl Parts {
    /// Those of the painting at `output` that an earlier run of the same `work` has left; none if there was none.
    ///
    /// # Errors
    /// [`ErrorKind::Setting`] if another work left them; [`ErrorKind::Output`] if the folder cannot be written.
    pub(crate) fn beside(output: &Path, work: &Value) -> Result<Self, Error> {
        let mut name = OsString::from(".");
        name.push(output.file_name().unwrap_or_default());
        name.push(".kaiga-parts");
        let folder = output.with_file_name(name);
        fs::create_dir_all(&folder).map_err(|error| unwritable(&folder, &error))?;
        let journal = fs::read_to_string(folder.join(JOURNAL)).unwrap_or_default();
        // The last line may have been torn.
        let mut lines = journal.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        let mut parts = Self { folder, whole: Vec::new(), open: None };
        match lines.next().map(serde_json::from_str::<Value>) {
            None => parts.rewrite(work)?,
            Some(Ok(begun)) if begun == *work => {
                let part = |line: &str| {
                    let line: Value = serde_json::from_str(line).ok()?;
                    Some(Part { frames: line["frames"].as_u64()?, first: line["first"].as_i64()? })
                };
                parts.whole = lines.map_while(part).collect();
                parts.rewrite(work)?;
            }
            Some(_) => {
                let message = format!(
                    "cannot be resumed: {} was begun with another video, look or setting: give the same, or delete it",
                    parts.folder.display()
                );
                return Err(Error::new(ErrorKind::Setting, message));
            }
        }
        Ok(parts)
    }

    /// Parts that others have painted into `folder`, each with its frames and when its first one is shown, in ticks after
    /// the first of all.
    pub(crate) fn laid_out(folder: &Path, parts: impl Iterator<Item = (u64, i64)>) -> Self {
        let whole = parts.map(|(frames, first)| Part { frames, first }).collect();
        Self { folder: folder.to_owned(), whole, open: None }
    }

    /// What the file of a part is called.
    pub(crate) fn name(number: usize) -> String {
        format!("{number:06}.mp4")
    }

    /// Frames in the parts that are whole.
    pub(crate) fn frames(&self) -> u64 {
        self.whole.iter().map(|part| part.frames).sum()
    }

    fn path(&self, number: usize) -> PathBuf {
        self.folder.join(Self::name(number))
    }

    fn next_path(&self) -> PathBuf {
        self.path(self.whole.len())
    }

    /// Enters the part that was being written, once it is on the disk.
    fn enter(&mut self) -> Result<(), Error> {
        let Some(part) = self.open.take() else { return Ok(()) };
        let path = self.next_path();
        let synced = fs::File::open(&path).and_then(|file| file.sync_all());
        synced.map_err(|error| unwritable(&path, &error))?;
        self.append(&part.told())?;
        self.whole.push(part);
        Ok(())
    }

    fn append(&self, line: &Value) -> Result<(), Error> {
        let path = self.folder.join(JOURNAL);
        let opened = fs::OpenOptions::new().append(true).open(&path);
        let written = opened.and_then(|mut file| writeln!(file, "{line}").and_then(|()| file.sync_all()));
        written.map_err(|error| unwritable(&path, &error))
    }

    /// The journal without a line that was torn, which would tear the next one too.
    fn rewrite(&self, work: &Value) -> Result<(), Error> {
        let lines = std::iter::once(work.to_string()).chain(self.whole.iter().map(|part| part.told().to_string()));
        let (path, text) = (self.folder.join(JOURNAL), lines.map(|line| line + "\n").collect::<String>());
        let anew = path.with_extension("new");
        let written = fs::File::create(&anew).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
        written.and_then(|()| fs::rename(&anew, &path)).map_err(|error| unwritable(&path, &error))
    }

    /// The arguments that have ffmpeg read the parts one after the other, each beginning where its first frame belongs.
    ///
    /// # Errors
    /// [`ErrorKind::Output`] if their list cannot be written.
    pub(crate) fn input(&self, tick: (u32, u32)) -> Result<Vec<OsString>, Error> {
        let mut list = String::from("ffconcat version 1.0\n");
        for (number, part) in self.whole.iter().enumerate() {
            list += &format!("file {}\n", Self::name(number));
            if let Some(next) = self.whole.get(number + 1) {
                let length_s = (next.first - part.first) as f64 * f64::from(tick.0) / f64::from(tick.1);
                list += &format!("duration {length_s:.6}\n");
            }
        }
        let path = self.folder.join("list.txt");
        fs::write(&path, list).map_err(|error| unwritable(&path, &error))?;
        let format = ["-f", "concat", "-safe", "0"].map(OsString::from);
        Ok(format.into_iter().chain(tool::input(&path)).collect())
    }

    /// They are needed no more.
    pub(crate) fn remove(self) {
        // What cannot be removed is in the way of nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Part {
    fn told(self) -> Value {
        json!({"frames": self.frames, "first": self.first})
    }
}

fn unwritable(path: &Path, error: &io::Error) -> Error {
    Error::output(format!("cannot be written: {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_journal_is_gone_on_with_and_a_torn_line_forgotten() {
        let desk = tempfile::tempdir().unwrap();
        let (output, work) = (desk.path().join("a.mp4"), json!({"look": 1}));
        let mut parts = Parts::beside(&output, &work).unwrap();
        for first in [0, 1200] {
            parts.open = Some(Part { frames: 120, first });
            fs::write(parts.next_path(), "x").unwrap();
            parts.enter().unwrap();
        }
        let journal = parts.folder.join(JOURNAL);
        let mut text = fs::read_to_string(&journal).unwrap();
        text += "{\"frames\": 12";
        fs::write(&journal, &text).unwrap();
        let again = Parts::beside(&output, &work).unwrap();
        assert_eq!((again.frames(), again.next_path()), (240, again.folder.join("000002.mp4")));
        assert!(!fs::read_to_string(&journal).unwrap().ends_with("12"));
        let list = again.input((1, 1000)).map(|_| fs::read_to_string(again.folder.join("list.txt")).unwrap()).unwrap();
        assert_eq!(list, "ffconcat version 1.0\nfile 000000.mp4\nduration 1.200000\nfile 000001.mp4\n");
        let error = Parts::beside(&output, &json!({"look": 2})).err().unwrap();
        assert!(error.kind() == ErrorKind::Setting && error.to_string().contains("another video"), "{error}");
        again.remove();
        assert_eq!(fs::read_dir(desk.path()).unwrap().count(), 0);
    }
}
