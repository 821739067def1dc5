//! `kaiga live`: what a camera or a stream shows, painted as it shows it.

use crate::batch::{cancel_on_interrupt, style};
use crate::out;
use crate::{NOTHING_DONE, look};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget};
use kaiga::{Look, Painter, Stability};
use serde_json::json;
use std::ops::ControlFlow;
use std::process::ExitCode;
use std::sync::atomic::Ordering;
use video::Live;

/// The arguments, as typed.
#[derive(Debug, Args)]
pub(crate) struct Typed {
    /// A camera (/dev/video0), an address (rtsp://…), a file, or any other input of ffmpeg
    source: String,
    /// Where it goes: a file (mp4, mov, mkv, ts), an address (rtmp://…, srt://…), or a loopback device (/dev/video9)
    #[arg(short, long, value_name = "OUT")]
    output: String,
    #[command(flatten)]
    look: look::Typed,
    /// Frames a second to aim at: the size painted at follows
    #[arg(long, value_name = "1..60", default_value = "15", value_parser = clap::value_parser!(u8).range(1..=60))]
    fps: u8,
    /// How calm: 0 paints every frame for itself, 1 keeps whatever does not change
    #[arg(long, value_name = "0..1", default_value = "0.8", value_parser = crate::video::stability)]
    stability: Stability,
    /// Figures as one JSON object on stdout at the end
    #[arg(long)]
    json: bool,
}

/// What is to be done.
pub(crate) struct Params {
    typed: Typed,
    pub(crate) look: Look,
}

impl Typed {
    /// What is meant.
    ///
    /// # Errors
    /// The complaint about the usage, in a sentence.
    pub(crate) fn meant(self) -> Result<Params, String> {
        Ok(Params { look: video::live_look(self.look.meant()?), typed: self })
    }
}

/// Paints until the source ends or somebody interrupts.
pub(crate) fn run(painter: &Painter, params: &Params) -> ExitCode {
    let typed = &params.typed;
    let cancelled = cancel_on_interrupt();
    let draw = if typed.json { ProgressDrawTarget::hidden() } else { ProgressDrawTarget::stderr() };
    let bar = ProgressBar::with_draw_target(None, draw);
    bar.set_style(style("{msg}"));
    let watch = |live: &Live| {
        bar.set_message(figures(live));
        if cancelled.load(Ordering::Relaxed) { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let pace = (f64::from(typed.fps), typed.stability);
    let ended = video::live(painter, &typed.source, &typed.output, pace, &watch);
    bar.finish_and_clear();
    match ended {
        Ok(live) if typed.json => {
            let round = |v: f64| (10.0 * v).round() / 10.0;
            let (width, height) = live.painted_at;
            let told = json!({
                "painted": live.painted, "dropped": live.dropped, "fps": round(live.per_second),
                "latency_ms": round(live.latency_ms[0]), "latency_95_ms": round(live.latency_ms[1]),
                "painted_at": [width, height],
            });
            out::line(&told.to_string());
            ExitCode::SUCCESS
        }
        Ok(live) => {
            out::line(&format!(
                "{} → {}  {} frames; at the end {}",
                typed.source,
                typed.output,
                live.painted,
                figures(&live)
            ));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let whose = if error.kind() == video::ErrorKind::Output { &typed.output } else { &typed.source };
            out::complain(&format!("kaiga: {whose} {error}"));
            ExitCode::from(NOTHING_DONE)
        }
    }
}

fn figures(live: &Live) -> String {
    let [median_ms, most_ms] = live.latency_ms;
    let (width, height) = live.painted_at;
    format!(
        "{:.1} fps, {median_ms:.0} ms behind (95 %: {most_ms:.0} ms), painted at {width}×{height}, {} dropped",
        live.per_second, live.dropped
    )
}
