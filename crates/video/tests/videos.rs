//! Whole videos, made by ffmpeg, painted, and looked at with ffprobe.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use kaiga::{Faces, Look, Painter, Studio};
use serde_json::Value;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};
use tempfile::TempDir;
use video::{Codec, Ending, Ends, ErrorKind, Pieces, Preset, Progress, Report, Settings, Span, Transition, paint};

/// Paints nothing: what reading and writing do is seen by itself.
fn idle() -> &'static Painter {
    static IDLE: OnceLock<Painter> = OnceLock::new();
    let look = Look { faces: Faces::Only, ..Look::default() };
    IDLE.get_or_init(|| Studio::embedded().unwrap().prepare(&look).unwrap())
}

fn unwatched(_: &Progress) -> ControlFlow<()> {
    ControlFlow::Continue(())
}

struct Desk(TempDir);

impl Desk {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// A file made by ffmpeg.
    fn made(&self, name: &str, arguments: &str) -> PathBuf {
        let path = self.at(name);
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-y"]).args(arguments.split_whitespace()).arg(&path);
        let output = command.output().expect("the tests of videos need ffmpeg");
        assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
        path
    }

    fn painted(&self, input: &Path, name: &str, settings: &Settings) -> (PathBuf, Report) {
        let output = self.at(name);
        let report = paint(idle(), input, &output, settings, &unwatched).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(report.ending, Ending::Whole);
        (output, report)
    }

    fn files(&self) -> Vec<String> {
        let mut names: Vec<String> = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

fn said(program: &str, arguments: &[&str], path: &Path) -> String {
    let output = Command::new(program).args(["-v", "error"]).args(arguments).arg(path).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn probed(path: &Path) -> Value {
    let arguments = ["-print_format", "json", "-show_streams", "-show_format", "-show_chapters"];
    serde_json::from_str(&said("ffprobe", &arguments, path)).unwrap()
}

fn stream<'a>(probed: &'a Value, kind: &str) -> &'a Value {
    probed["streams"].as_array().unwrap().iter().find(|stream| stream["codec_type"] == kind).unwrap()
}

/// When each frame is shown, s.
fn stamps(path: &Path) -> Vec<f64> {
    let text = said("ffprobe", &["-select_streams", "v:0", "-show_entries", "frame=pts_time", "-of", "csv=p=0"], path);
    text.lines().filter_map(|line| line.trim_matches(',').parse().ok()).collect()
}

/// The sound's packets, their bytes and their times.
fn sound(path: &Path) -> (String, f64, f64) {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-map", "0:a", "-c", "copy", "-f", "streamhash", "-"])
        .output()
        .unwrap();
    let all = probed(path);
    let start = |kind: &str| stream(&all, kind)["start_time"].as_str().unwrap().parse::<f64>().unwrap();
    (String::from_utf8(output.stdout).unwrap(), start("audio"), start("audio") - start("video"))
}

fn assert_stamps_alike(a: &Path, b: &Path, by_s: f64) {
    let (a, b) = (stamps(a), stamps(b));
    assert_eq!(a.len(), b.len());
    for (a_s, b_s) in a.iter().zip(&b) {
        assert!((a_s - a[0] - (b_s - b[0])).abs() < by_s, "{a:?}\n{b:?}");
    }
}

/// The mean colour of a place of the first frame, as a player shows it.
fn colour(path: &Path, place: &str) -> [f64; 3] {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args([
            "-frames:v",
            "1",
            "-vf",
            &format!("scale=in_range=auto:out_range=full,format=rgb24,crop={place},scale=1:1:flags=area"),
        ])
        .args(["-f", "rawvideo", "-"])
        .output()
        .unwrap();
    assert_eq!(output.stdout.len(), 3, "{}", String::from_utf8_lossy(&output.stderr));
    [0, 1, 2].map(|c| f64::from(output.stdout[c]))
}

/// An MP4 with a quarter turn in the header of its track, as phones write it.
fn turned(mp4: &[u8]) -> Vec<u8> {
    let plain = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000_i32].map(i32::to_be_bytes).concat();
    let quarter = [0, 0x1_0000, 0, -0x1_0000, 0, 0, 0, 0, 0x4000_0000_i32].map(i32::to_be_bytes).concat();
    let track = mp4.windows(4).position(|word| word == b"tkhd").unwrap();
    let at = track + mp4[track..].windows(36).position(|matrix| matrix == plain).unwrap();
    [&mp4[..at], &quarter, &mp4[at + 36..]].concat()
}

const TEST_SOUND: &str = "-f lavfi -i sine=frequency=440:sample_rate=48000:duration=2";

#[test]
fn frames_sound_and_their_times_are_those_of_the_source() {
    let desk = Desk::new();
    for (name, video, coding) in [
        ("plain.mp4", "testsrc2=size=96x64:rate=25:duration=2", "-c:v libx264 -c:a aac"),
        ("film.mkv", "testsrc2=size=96x64:rate=24000/1001:duration=2", "-c:v libx264 -c:a libopus"),
        ("fast.mp4", "testsrc2=size=64x48:rate=60:duration=2", "-c:v libx264 -c:a aac"),
        ("late.mp4", "testsrc2=size=64x48:rate=25:duration=1.5,setpts=PTS+0.5/TB", "-c:v libx264 -c:a aac"),
        ("broadcast.ts", "testsrc2=size=64x48:rate=25:duration=2", "-c:v mpeg2video -c:a mp2"),
        ("夏 空.webm", "testsrc2=size=64x48:rate=25:duration=2", "-c:v libvpx-vp9 -deadline realtime -c:a libopus"),
    ] {
        let source = desk.made(name, &format!("-f lavfi -i {video} {TEST_SOUND} {coding}"));
        let output = format!("{name}.kaiga.{}", video::usual_extension(&source));
        let (painted, report) = desk.painted(&source, &output, &Settings::default());
        assert_eq!(report.warnings, Vec::<String>::new(), "{name}");
        assert_eq!(report.frames as usize, stamps(&source).len(), "{name}");
        assert_stamps_alike(&source, &painted, if output.ends_with("mp4") { 1e-5 } else { 1.1e-3 });
        let ((a, _, a_offset), (b, _, b_offset)) = (sound(&source), sound(&painted));
        assert_eq!(a, b, "{name}: packets of the sound");
        // Opus that is copied within Matroska is moved by its pre-skip by ffmpeg 5.1 itself.
        let slack_s = if name.ends_with(".mp4") || name.ends_with(".ts") { 2e-3 } else { 8e-3 };
        assert!((a_offset - b_offset).abs() < slack_s, "{name}: {a_offset} {b_offset}");
        let length = |path: &Path| probed(path)["format"]["duration"].as_str().unwrap().parse::<f64>().unwrap();
        assert!((length(&source) - length(&painted)).abs() < 0.045, "{name}: {} {}", length(&source), length(&painted));
    }
}

#[test]
fn a_variable_rate_keeps_its_time_stamps() {
    let desk = Desk::new();
    let video = "testsrc2=size=64x48:rate=30:duration=2,select='not(mod(n,3))+lt(n,12)'";
    let source = desk.made("vfr.mp4", &format!("-f lavfi -i {video} -fps_mode vfr -c:v libx264"));
    let (painted, _) = desk.painted(&source, "out.mp4", &Settings::default());
    let steps: Vec<f64> = stamps(&source).windows(2).map(|pair| pair[1] - pair[0]).collect();
    assert!(steps.iter().any(|step| *step > 0.09) && steps.iter().any(|step| *step < 0.04), "{steps:?}");
    assert_stamps_alike(&source, &painted, 1e-5);
}

#[test]
fn odd_sides_turned_phones_pixel_aspect_and_one_frame() {
    let desk = Desk::new();
    let odd = desk.made(
        "odd.mkv",
        "-f lavfi -i testsrc2=size=64x48:rate=10:duration=0.5 -vf format=yuv444p,crop=63:47 -c:v libx264",
    );
    let size = |path: &Path| {
        let probed = probed(path);
        let video = stream(&probed, "video");
        (video["width"].as_u64().unwrap(), video["height"].as_u64().unwrap())
    };
    let (painted, _) = desk.painted(&odd, "odd.kaiga.mkv", &Settings::default());
    assert_eq!(size(&painted), (64, 48), "one more column and row, which 4:2:0 needs");
    let vp9 = Settings { codec: Some(Codec::Vp9), ..Settings::default() };
    let (painted, _) = desk.painted(&odd, "odd.vp9.mkv", &vp9);
    assert_eq!(size(&painted), (63, 47));

    let flat = desk.made("flat.mp4", "-f lavfi -i testsrc2=size=96x64:rate=10:duration=0.5 -c:v libx264");
    std::fs::write(desk.at("turned.mp4"), turned(&std::fs::read(flat).unwrap())).unwrap();
    assert!(said("ffprobe", &["-show_streams"], &desk.at("turned.mp4")).contains("rotation="));
    let (painted, _) = desk.painted(&desk.at("turned.mp4"), "turned.kaiga.mp4", &Settings::default());
    assert_eq!(size(&painted), (64, 96));
    assert!(!said("ffprobe", &["-show_streams"], &painted).contains("rotation="));

    let wide =
        desk.made("wide.mp4", "-f lavfi -i testsrc2=size=96x64:rate=10:duration=0.5 -vf setsar=4/3 -c:v libx264");
    let (painted, _) = desk.painted(&wide, "wide.kaiga.mp4", &Settings::default());
    assert_eq!(stream(&probed(&painted), "video")["sample_aspect_ratio"], "4:3");

    let one = desk.made("one.mp4", "-f lavfi -i testsrc2=size=64x48:rate=25 -frames:v 1 -c:v libx264");
    let (painted, report) = desk.painted(&one, "one.kaiga.mp4", &Settings::default());
    assert_eq!((report.frames, stamps(&painted).len()), (1, 1));
}

#[test]
fn colours_do_not_shift_whatever_matrix_and_range() {
    let desk = Desk::new();
    for (name, matrix, range, size) in [
        ("601.mp4", "bt470bg", "tv", "96x64"),
        ("709.mp4", "bt709", "tv", "96x64"),
        ("full.mp4", "bt709", "pc", "96x64"),
        ("untold.mp4", "", "", "96x64"),
    ] {
        let (filter, tags) = match matrix {
            "" => (String::new(), String::new()),
            _ => (
                format!(
                    "-vf scale=out_color_matrix={}:out_range={range}",
                    if matrix == "bt709" { "bt709" } else { "bt601" }
                ),
                format!("-colorspace {matrix} -color_range {range}"),
            ),
        };
        let arguments = format!(
            "-f lavfi -i color=c=0xc83c28:size={size}:rate=5:duration=0.6 {filter} -pix_fmt yuv420p {tags} -c:v libx264 -crf 4"
        );
        let source = desk.made(name, &arguments);
        let (painted, _) =
            desk.painted(&source, &format!("{name}.kaiga.mp4"), &Settings { crf: Some(4), ..Settings::default() });
        let (before, after) = (colour(&source, "32:32:0:0"), colour(&painted, "32:32:0:0"));
        for c in 0..3 {
            assert!((before[c] - after[c]).abs() <= 3.0, "{name}: {before:?} {after:?}");
        }
        if range == "pc" {
            assert_eq!(stream(&probed(&painted), "video")["color_range"], "pc");
        }
    }
}

#[test]
fn ten_bits_interlaced_and_high_dynamic_range_are_read() {
    let desk = Desk::new();
    let ten = desk.made("ten.mkv", "-f lavfi -i testsrc2=size=64x48:rate=10:duration=0.5 -pix_fmt yuv420p10le -c:v libx265 -x265-params log-level=error");
    let (painted, report) = desk.painted(&ten, "ten.kaiga.mkv", &Settings::default());
    assert_eq!((report.frames, &stream(&probed(&painted), "video")["pix_fmt"]), (5, &Value::from("yuv420p")));

    let halves = "testsrc2=size=64x48:rate=50:duration=1,interlace=scan=tff,fieldorder=tff";
    let interlaced =
        desk.made("interlaced.ts", &format!("-f lavfi -i {halves} -c:v mpeg2video -flags +ildct+ilme -top 1"));
    let (painted, report) = desk.painted(&interlaced, "interlaced.kaiga.mkv", &Settings::default());
    assert_eq!(report.frames as usize, stamps(&interlaced).len());
    assert_stamps_alike(&interlaced, &painted, 1.1e-3);

    // A grey of 203 cd/m², the white of graphics, in PQ: code 0.58 of full.
    let pq = "-f lavfi -i color=c=0x949494:size=64x48:rate=5:duration=0.4 -vf scale=out_color_matrix=bt2020:out_range=tv -pix_fmt yuv420p10le \
              -colorspace bt2020nc -color_primaries bt2020 -color_trc smpte2084 -c:v libx265 -x265-params \
              log-level=error:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc";
    let bright = desk.made("pq.mkv", pq);
    let (painted, _) = desk.painted(&bright, "pq.kaiga.mkv", &Settings::default());
    let [r, g, b] = colour(&painted, "32:32:0:0");
    assert!((200.0..=255.0).contains(&g) && (r - g).abs() < 4.0 && (b - g).abs() < 4.0, "{r} {g} {b}");
    assert_eq!(stream(&probed(&painted), "video")["color_transfer"], "bt709");
}

#[test]
fn a_part_begins_and_ends_where_it_is_told_with_its_sound() {
    let desk = Desk::new();
    let source = desk.made(
        "a.mp4",
        &format!("-f lavfi -i testsrc2=size=64x48:rate=25:duration=2 {TEST_SOUND} -c:v libx264 -g 50 -c:a aac"),
    );
    let span = Span::new(Some(0.6), Some(1.4)).unwrap();
    let (painted, report) = desk.painted(&source, "part.mp4", &Settings { span, ..Settings::default() });
    assert_eq!(report.frames, 20);
    let all = probed(&painted);
    let length = |kind: &str| stream(&all, kind)["duration"].as_str().unwrap().parse::<f64>().unwrap();
    assert!((length("video") - 0.8).abs() < 0.05 && (length("audio") - 0.8).abs() < 0.09, "{all}");
    let beyond = Settings { span: Span::new(Some(50.0), None).unwrap(), ..Settings::default() };
    let error = paint(idle(), &source, &desk.at("none.mp4"), &beyond, &unwatched).unwrap_err();
    assert!(error.kind() == ErrorKind::Input && error.to_string().contains("no frame"), "{error}");
}

#[test]
fn subtitles_chapters_and_titles_come_along() {
    let desk = Desk::new();
    std::fs::write(desk.at("a.srt"), "1\n00:00:00,100 --> 00:00:01,000\nこんにちは\n").unwrap();
    std::fs::write(
        desk.at("meta"),
        ";FFMETADATA1\ntitle=Summer\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=0\nEND=900\ntitle=One\n[CHAPTER]\nTIMEBASE=1/1000\nSTART=900\nEND=2000\ntitle=Two\n",
    )
    .unwrap();
    let [subtitles, meta] = ["a.srt", "meta"].map(|name| desk.at(name).to_str().unwrap().to_owned());
    let source = desk.made(
        "a.mkv",
        &format!("-f lavfi -i testsrc2=size=64x48:rate=10:duration=2 {TEST_SOUND} -i {subtitles} -i {meta} -map 0 -map 1 -map 2 -map_metadata 3 -map_chapters 3 -c:v libx264 -c:a flac -c:s srt"),
    );
    for name in ["b.mkv", "b.mp4"] {
        let (painted, report) = desk.painted(&source, name, &Settings::default());
        let all = probed(&painted);
        assert_eq!(all["format"]["tags"]["title"], "Summer", "{name}");
        assert_eq!(all["chapters"].as_array().unwrap().len(), 2, "{name}");
        assert_eq!(stream(&all, "subtitle")["codec_type"], "subtitle");
        assert_eq!(sound(&source).0, sound(&painted).0, "{name}");
        assert_eq!(report.warnings.len(), usize::from(name == "b.mp4"), "{:?}", report.warnings);
    }
}

#[test]
fn codecs_gifs_and_animated_webp() {
    let desk = Desk::new();
    let source = desk.made("a.mp4", "-f lavfi -i testsrc2=size=96x64:rate=10:duration=0.8 -c:v libx264");
    for (codec, name) in [(Codec::H264, "h264"), (Codec::H265, "hevc"), (Codec::Vp9, "vp9"), (Codec::Av1, "av1")] {
        let settings = Settings { codec: Some(codec), ..Settings::default() };
        let (painted, _) = desk.painted(&source, &format!("{name}.mp4"), &settings);
        assert_eq!(
            (&stream(&probed(&painted), "video")["codec_name"], stamps(&painted).len()),
            (&Value::from(name), 8)
        );
        assert_stamps_alike(&source, &painted, 1e-5);
    }
    let (gif, _) = desk.painted(&source, "a.gif", &Settings::default());
    assert_stamps_alike(&source, &gif, 0.011);
    let (webp, _) = desk.painted(&source, "a.webp", &Settings::default());
    // Both are read again.
    for moving in [gif, webp] {
        let (back, report) = desk.painted(&moving, "back.mp4", &Settings::default());
        assert_eq!(report.frames, 8, "{}", moving.display());
        assert_stamps_alike(&source, &back, 0.011);
        let (before, after) = (colour(&source, "16:16:40:10"), colour(&back, "16:16:40:10"));
        assert!((0..3).all(|c| (before[c] - after[c]).abs() < 16.0), "{before:?} {after:?}");
    }
}

#[test]
fn who_interrupts_keeps_what_was_painted_and_nothing_else_is_left() {
    let desk = Desk::new();
    let source = desk.made(
        "a.mp4",
        &format!("-f lavfi -i testsrc2=size=64x48:rate=25:duration=2 {TEST_SOUND} -c:v libx264 -c:a aac"),
    );
    let after = |frames: u64| {
        move |progress: &Progress| match progress.done >= frames {
            true => ControlFlow::Break(()),
            false => ControlFlow::Continue(()),
        }
    };
    let report = paint(idle(), &source, &desk.at("b.mp4"), &Settings::default(), &after(10)).unwrap();
    assert_eq!((report.frames, report.ending), (10, Ending::Interrupted));
    assert_eq!(stamps(&desk.at("b.mp4")).len(), 10);
    let all = probed(&desk.at("b.mp4"));
    let heard: f64 = stream(&all, "audio")["duration"].as_str().unwrap().parse().unwrap();
    assert!((heard - 0.4).abs() < 0.06, "{heard}");
    let error = paint(idle(), &source, &desk.at("c.mp4"), &Settings::default(), &after(0)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Cancelled);
    assert_eq!(desk.files(), ["a.mp4", "b.mp4"]);
}

#[test]
fn what_is_no_video_is_refused_with_a_reason_and_nothing_is_left() {
    let desk = Desk::new();
    std::fs::write(desk.at("text.mp4"), "no video at all").unwrap();
    std::fs::write(desk.at("empty.mp4"), "").unwrap();
    let sound = desk.made("sound.m4a", &format!("{TEST_SOUND} -c:a aac"));
    let photo = desk.made("photo.png", "-f lavfi -i testsrc2=size=64x48 -frames:v 1");
    let clip = desk.made("a.mp4", "-f lavfi -i testsrc2=size=64x48:rate=10:duration=0.5 -c:v libx264");
    let before = desk.files();
    let refused = |input: &Path, output: &str, settings: &Settings| {
        paint(idle(), input, &desk.at(output), settings, &unwatched).unwrap_err().to_string()
    };
    let usual = Settings::default();
    assert!(refused(&desk.at("text.mp4"), "b.mp4", &usual).contains("is not a video"));
    assert!(refused(&desk.at("empty.mp4"), "b.mp4", &usual).contains("is not a video"));
    assert!(refused(&desk.at("none.mp4"), "b.mp4", &usual).contains("cannot be read"));
    assert!(refused(&sound, "b.mp4", &usual).contains("has no video"));
    assert!(refused(&photo, "b.mp4", &usual).contains("is a picture"));
    assert!(refused(&clip, "a.mp4", &usual).contains("overwritten"));
    assert!(refused(&clip, "b.avi", &usual).contains("mkv"));
    // A playlist must not lead to other files.
    std::fs::write(desk.at("list.ffconcat"), format!("ffconcat version 1.0\nfile '{}'\n", clip.display())).unwrap();
    std::fs::write(desk.at("list.m3u8"), "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n").unwrap();
    assert!(refused(&desk.at("list.m3u8"), "b.mp4", &usual).contains("is not a video"));
    let mut after = desk.files();
    after.retain(|name| !name.starts_with("list."));
    assert_eq!(after, before);
}

#[test]
fn broken_files_end_with_an_error_or_with_what_could_be_read() {
    let desk = Desk::new();
    let arguments =
        format!("-f lavfi -i testsrc2=size=96x64:rate=25:duration=2 {TEST_SOUND} -c:v libx264 -g 10 -c:a aac");
    let clips = [desk.made("a.mkv", &arguments), desk.made("a.mp4", &arguments), desk.made("a.ts", &arguments)];
    let kept = AtomicU64::new(0);
    for clip in &clips {
        let bytes = std::fs::read(clip).unwrap();
        let mut broken: Vec<(String, Vec<u8>)> = Vec::new();
        for share in [10, 60, 95] {
            broken.push((format!("cut at {share} %"), bytes[..bytes.len() * share / 100].to_vec()));
        }
        for seed in 0..3usize {
            let mut flipped = bytes.clone();
            for i in 0..60 {
                let at = (seed * 7919 + i * 104_729) % flipped.len();
                flipped[at] ^= 1 << (i % 8);
            }
            broken.push((format!("flipped {seed}"), flipped));
        }
        let (first, second) = bytes.split_at(bytes.len() / 2);
        broken.push(("halves swapped".into(), [second, first].concat()));
        broken.push(("middle twice".into(), [first, &first[first.len() / 2..], second].concat()));
        for (how, bytes) in broken {
            let path = desk.at(&format!("broken.{}", clip.extension().unwrap().to_str().unwrap()));
            std::fs::write(&path, bytes).unwrap();
            let (start, output) = (Instant::now(), desk.at("out.mkv"));
            let outcome = paint(idle(), &path, &output, &Settings::default(), &unwatched);
            let name = format!("{} {how}", clip.display());
            assert!(start.elapsed() < Duration::from_secs(60), "{name}: {:?}", start.elapsed());
            match outcome {
                Ok(report) => {
                    kept.fetch_add(1, Ordering::Relaxed);
                    assert_eq!(stamps(&output).len() as u64, report.frames, "{name}");
                    // What is much shorter than the source is told to be.
                    assert!(
                        report.frames > 44
                            || !report.warnings.is_empty()
                            || report.ending != Ending::Whole
                            || name.contains(".ts"),
                        "{name}: {report:?}"
                    );
                    std::fs::remove_file(&output).unwrap();
                }
                Err(error) => assert!(!error.to_string().is_empty() && !output.exists(), "{name}: {error}"),
            }
        }
    }
    assert!(kept.into_inner() > 10, "most of them still have frames");
    assert_eq!(desk.files(), ["a.mkv", "a.mp4", "a.ts", "broken.mkv", "broken.mp4", "broken.ts"]);
}

#[test]
fn flicker_is_measured_against_that_of_the_source() {
    let desk = Desk::new();
    let source = desk.made("a.mkv", "-f lavfi -i testsrc2=size=160x96:rate=10:duration=1 -c:v ffv1");
    let same = video::flicker(&source, &source, Span::default()).unwrap();
    assert!(same.frames == 9 && same.painting == same.source && same.painting_ink == same.source_ink, "{same:?}");
    let flickers = "-vf eq=brightness='0.1*mod(n,2)':eval=frame -c:v ffv1";
    let painting = desk.made("b.mkv", &format!("-i {} {flickers}", source.display()));
    let worse = video::flicker(&source, &painting, Span::default()).unwrap();
    assert!(worse.painting > same.source + 5.0 && worse.source == same.source, "{worse:?}");
    let small = desk.made("c.mkv", &format!("-i {} -vf scale=80:48 -c:v ffv1", source.display()));
    assert_eq!(video::flicker(&source, &small, Span::default()).unwrap_err().kind(), ErrorKind::Input);
}

/// Paints everything, fast.
fn busy() -> &'static Painter {
    static BUSY: OnceLock<Painter> = OnceLock::new();
    let look = Look { faces: Faces::Off, ..Look::default() };
    BUSY.get_or_init(|| Studio::embedded().unwrap().prepare(&look).unwrap())
}

/// All frames as RGB, as a player shows them.
fn frames(path: &Path) -> Vec<Vec<u8>> {
    let all = probed(path);
    let video = stream(&all, "video");
    let size = video["width"].as_u64().unwrap() * video["height"].as_u64().unwrap() * 3;
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-i"])
        .arg(path)
        .args(["-fps_mode", "passthrough", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"])
        .output()
        .unwrap();
    output.stdout.chunks_exact(size as usize).map(<[u8]>::to_vec).collect()
}

fn apart(a: &[u8], b: &[u8]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a.abs_diff(*b))).sum::<f64>() / a.len() as f64
}

#[test]
fn a_transition_grows_from_the_real_picture_and_shrinks_back_to_it() {
    let desk = Desk::new();
    let source = desk.made("a.mkv", "-f lavfi -i testsrc2=size=160x96:rate=10:duration=3 -c:v libx264 -crf 1");
    let painted = |name: &str, transition| {
        let settings = Settings { transition, crf: Some(1), ..Settings::default() };
        let output = desk.at(name);
        paint(busy(), &source, &output, &settings, &unwatched).unwrap();
        frames(&output)
    };
    let (real, plain) = (frames(&source), painted("plain.mkv", None));
    let grown = painted("both.mkv", Some(Transition::new(Ends::Both, 1.0).unwrap()));
    assert_eq!((real.len(), grown.len()), (30, 30));
    let from_real: Vec<f64> = (0..30).map(|i| apart(&real[i], &grown[i])).collect();
    let whole = apart(&real[15], &plain[15]);
    // What coding alone changes.
    assert!(from_real[0] < 0.3 * whole && from_real[29] < 0.3 * whole, "{whole} {from_real:?}");
    assert!((0.2 * whole..0.9 * whole).contains(&from_real[5]), "{whole} {from_real:?}");
    assert!(from_real[..10].windows(2).all(|pair| pair[1] > 0.9 * pair[0]), "{from_real:?}");
    assert!(apart(&plain[15], &grown[15]) < 0.35 * whole, "in between it is the painting");
}

#[test]
fn the_photo_is_shown_beside_its_painting() {
    let desk = Desk::new();
    let source = desk.made("a.mkv", "-f lavfi -i testsrc2=size=160x96:rate=5:duration=2 -c:v libx264 -crf 1");
    let settings = Settings { split: true, crf: Some(1), ..Settings::default() };
    let output = desk.at("b.mkv");
    paint(busy(), &source, &output, &settings, &unwatched).unwrap();
    let (real, both) = (frames(&source), frames(&output));
    let half = |frame: &[u8], left: bool| -> Vec<u8> {
        let part = if left { 0..60 } else { 140..160 };
        frame.chunks_exact(160 * 3).flat_map(|row| row[3 * part.start..3 * part.end].to_vec()).collect()
    };
    let [left, right] = [true, false].map(|left| apart(&half(&real[0], left), &half(&both[0], left)));
    assert!(left < 0.5 * right && right > 3.0, "the photo is on the left, the painting on the right: {left} {right}");
}

#[test]
fn a_run_that_was_killed_is_gone_on_with_and_has_the_same_frames() {
    let desk = Desk::new();
    let video = "testsrc2=size=96x64:rate=30000/1001:duration=14,select='not(mod(n,7))+lt(n,380)'";
    let source = desk.made("a.mp4", &format!("-f lavfi -i {video} {TEST_SOUND} -fps_mode vfr -c:v libx264 -c:a aac"));
    let settings = Settings { resume: true, crf: Some(1), ..Settings::default() };
    let whole = desk.at("whole.mp4");
    let report = paint(idle(), &source, &whole, &Settings { resume: false, ..settings.clone() }, &unwatched).unwrap();
    assert!(report.frames > 380 && report.resumed == 0, "{report:?}");
    assert_eq!(report.ending, Ending::Whole);

    // As a kill leaves it: two parts whole, the third half written, nothing joined.
    let output = desk.at("b.mp4");
    let stop = |progress: &Progress| match progress.done {
        300.. => panic!("killed"),
        _ => ControlFlow::Continue(()),
    };
    let killed = std::panic::catch_unwind(|| paint(idle(), &source, &output, &settings, &stop));
    assert!(killed.is_err() && !output.exists());
    assert!(desk.at(".b.mp4.kaiga-parts").is_dir());

    let other = Settings { crf: Some(9), ..settings.clone() };
    let error = paint(idle(), &source, &output, &other, &unwatched).unwrap_err();
    assert!(error.kind() == ErrorKind::Setting && error.to_string().contains("cannot be resumed"), "{error}");

    let resumed = paint(idle(), &source, &output, &settings, &unwatched).unwrap();
    assert_eq!((resumed.frames, resumed.resumed, &resumed.ending), (report.frames, 240, &Ending::Whole));
    assert!(!desk.at(".b.mp4.kaiga-parts").exists(), "what is done is tidied up");
    assert_stamps_alike(&source, &output, 2e-5);
    assert_eq!(sound(&source).0, sound(&output).0);
    let (a, b) = (frames(&whole), frames(&output));
    assert_eq!(a.len(), b.len());
    for (i, (a, b)) in a.iter().zip(&b).enumerate() {
        assert!(apart(a, b) < 2.0, "frame {i}: {}", apart(a, b));
    }
    let animation = Settings { crf: None, ..settings };
    let gif = paint(idle(), &source, &desk.at("c.gif"), &animation, &unwatched).unwrap_err();
    assert!(gif.to_string().contains("--resume"), "{gif}");
}

#[test]
fn pieces_that_were_painted_apart_are_the_whole_again() {
    let desk = Desk::new();
    // Four shots of 1.2 s, with frames that refer to later ones, across borders of groups where the codec allows it.
    let shots = "-f lavfi -i color=red:s=96x64:r=25:d=1.2 -f lavfi -i testsrc=s=96x64:r=25:d=1.2 -f lavfi -i \
        color=blue:s=96x64:r=25:d=1.2 -f lavfi -i testsrc2=s=96x64:r=25:d=1.2 -f lavfi -i sine=f=300:d=5.2 -filter_complex \
        [0:v][1:v][2:v][3:v]concat=n=4:v=1[v] -map [v] -map 4:a -c:a aac";
    let forms = [
        // No group begins with a shot.
        ("late.mp4", "-r 24000/1001 -c:v libx264 -bf 3 -x264-params scenecut=0:open-gop=1:keyint=40"),
        ("web.webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -c:a libopus -ac 2"),
        ("stream.ts", "-c:v mpeg2video -bf 2 -g 12 -muxdelay 2"),
    ];
    for (name, coding) in forms {
        let source = desk.made(name, &format!("{shots} {coding}"));
        let pieces = Pieces::of(&source, Preset::Good, 1.0..9.0, &|| true).unwrap();
        let counts: Vec<u64> = pieces.list().iter().map(|piece| piece.frames).collect();
        assert_eq!((counts.len(), counts.iter().sum::<u64>()), (4, stamps(&source).len() as u64), "{name}: {counts:?}");
        let extension = video::usual_extension(&source);
        let (whole, _) = desk.painted(&source, &format!("whole.{extension}"), &Settings::default());
        let codec = Pieces::codec(&whole, &Settings::default()).unwrap();
        let (folder, together) = (desk.at(&format!("{name}.pieces")), desk.at(&format!("together.{extension}")));
        std::fs::create_dir(&folder).unwrap();
        for (number, piece) in pieces.list().iter().enumerate() {
            let cut = desk.at("cut");
            let span = pieces.cut(piece, &cut).unwrap_or_else(|error| panic!("{name}, {piece:?}: {error}"));
            let settings = Settings { span, codec: Some(codec.parse().unwrap()), ..Settings::default() };
            let painted = folder.join(Pieces::painted_name(number));
            assert_eq!(paint(idle(), &cut, &painted, &settings, &unwatched).unwrap().frames, piece.frames);
        }
        pieces.put_together(&folder, &together).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_stamps_alike(&source, &together, 0.0015);
        assert_eq!(sound(&together), sound(&whole), "{name}");
        // Coded in other groups, but the same pictures.
        let (whole, together) = (frames(&whole), frames(&together));
        let far = whole.iter().zip(&together).map(|(a, b)| apart(a, b)).sum::<f64>() / whole.len() as f64;
        assert!(far < 2.0, "{name}: {far}");
        std::fs::remove_file(folder.join(Pieces::painted_name(2))).unwrap();
        assert!(pieces.put_together(&folder, &desk.at(&format!("less.{extension}"))).is_err());
    }
    // A shot that does not end is cut at the end of the range.
    let pieces =
        Pieces::of(&desk.made("one.mp4", "-f lavfi -i testsrc=s=64x48:r=10:d=5"), Preset::Good, 1.0..2.0, &|| true);
    let counts: Vec<u64> = pieces.unwrap().list().iter().map(|piece| piece.frames).collect();
    assert_eq!(counts, [20, 20, 10]);
}

#[test]
fn covers_are_sharp_frames_of_different_shots() {
    let desk = Desk::new();
    // Three shots: a sharp one, one that is blurred but for two frames, and black.
    let shots = "testsrc2=size=320x180:rate=10:duration=2[a];\
                 smptebars=size=320x180:rate=10:duration=2,noise=alls=40:allf=t,gblur=sigma=6:enable='lt(n,12)+gt(n,13)'[b];\
                 color=c=black:size=320x180:rate=10:duration=2[c];[a][b][c]concat=n=3";
    let source = desk.made("a.mkv", &format!("-filter_complex {} -c:v libx264 -crf 4", shots.replace(' ', "")));
    let studio = Studio::embedded().unwrap();
    let watch = |_| ControlFlow::Continue(());
    let covers = video::covers(&studio, &source, Span::default(), 2, &watch).unwrap();
    let mut times: Vec<f64> = covers.iter().map(|cover| cover.at_s).collect();
    times.sort_by(f64::total_cmp);
    assert!(times[0] < 2.0 && (3.15..3.35).contains(&times[1]), "{times:?}");
    assert_eq!((covers[0].frame.width(), covers[0].frame.height()), (320, 180));
    let stop = video::covers(&studio, &source, Span::default(), 2, &|_| ControlFlow::Break(()));
    assert_eq!(stop.err().unwrap().kind(), ErrorKind::Cancelled);
}

#[test]
fn a_live_source_is_painted_as_it_comes() {
    let desk = Desk::new();
    let target = desk.at("live.mkv");
    let look = video::live_look(Look { faces: Faces::Off, ..Look::default() });
    let painter = Studio::embedded().unwrap().prepare(&look).unwrap();
    let pace = (15.0, kaiga::Stability::default());
    let watch = |live: &video::Live| match live.painted {
        12.. => ControlFlow::Break(()),
        _ => ControlFlow::Continue(()),
    };
    let source = "lavfi:testsrc2=size=160x120:rate=25";
    let told = video::live(&painter, source, target.to_str().unwrap(), pace, &watch).unwrap();
    assert_eq!((told.painted, stamps(&target).len()), (12, 12));
    assert!(told.latency_ms[0] > 0.0 && told.latency_ms[1] >= told.latency_ms[0], "{told:?}");
    // A source that ends, ends the painting.
    let short = "lavfi:testsrc2=size=64x48:rate=25:duration=0.4";
    let told = video::live(&painter, short, target.to_str().unwrap(), pace, &|_| ControlFlow::Continue(())).unwrap();
    assert_eq!(told.painted + told.dropped, 10, "{told:?}");
    let error = video::live(&painter, "/dev/video77", target.to_str().unwrap(), pace, &watch).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Input, "{error}");
}
