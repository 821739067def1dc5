//! ffmpeg and ffprobe as programs: started with limits, listened to, and never left running.

use crate::error::{Error, ErrorKind};
use std::ffi::OsString;
use std::io::{self, Read};
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Complaints are kept up to this length.
const COMPLAINTS_BYTES: usize = 1 << 16;
/// How often somebody who waits looks.
const TICK: Duration = Duration::from_millis(5);

/// A program that runs. It is killed when it is dropped.
pub(crate) struct Tool {
    child: Arc<Mutex<Child>>,
    name: &'static str,
}

/// Kills a program from elsewhere: its pipes end, and whoever waits on them goes on.
#[derive(Clone)]
pub(crate) struct Killer(Arc<Mutex<Child>>);

impl Killer {
    pub(crate) fn kill(&self) {
        // It may have ended by itself.
        let _ = self.0.lock().unwrap_or_else(PoisonError::into_inner).kill();
    }
}

/// A call of ffmpeg that neither reads the terminal nor asks questions. Ctrl-C does not reach it: what becomes of it is
/// decided here.
pub(crate) fn ffmpeg() -> Command {
    let mut command = quiet("ffmpeg");
    command.args(["-nostdin", "-hide_banner", "-y"]);
    command
}

/// A call of ffmpeg that takes frames in Matroska from its standard input, each shown when it says, and says only what is wrong.
pub(crate) fn ffmpeg_from_pipe() -> Command {
    let mut command = ffmpeg();
    command.args(["-loglevel", "error", "-f", "matroska", "-i", "pipe:0", "-map", "0:v", "-fps_mode", "passthrough"]);
    command
}

/// A call of ffprobe that says only what is wrong.
pub(crate) fn ffprobe() -> Command {
    let mut command = quiet("ffprobe");
    command.args(["-v", "error", "-hide_banner"]);
    command
}

fn quiet(program: &str) -> Command {
    let mut command = Command::new(program);
    command.env("AV_LOG_FORCE_NOCOLOR", "1").stdin(Stdio::null());
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    command
}

/// A path as ffmpeg takes it for a file, whatever its name looks like.
pub(crate) fn file(path: &Path) -> OsString {
    let mut name = OsString::from("file:");
    name.push(path);
    name
}

/// The arguments that name a file to be read. Playlists and the like must not lead elsewhere than to files.
pub(crate) fn input(path: &Path) -> [OsString; 4] {
    ["-protocol_whitelist".into(), "file,pipe".into(), "-i".into(), file(path)]
}

impl Tool {
    /// Starts it.
    ///
    /// # Errors
    /// [`ErrorKind::Tool`] if it is not there.
    pub(crate) fn start(mut command: Command, name: &'static str) -> Result<Self, Error> {
        let child = command.spawn().map_err(|error| match error.kind() {
            io::ErrorKind::NotFound => Error::new(
                ErrorKind::Tool,
                format!("{name} is not installed: videos are read and written by it (Debian: apt-get install ffmpeg)"),
            ),
            _ => Error::new(ErrorKind::Tool, format!("{name} cannot be started: {error}")),
        })?;
        limit_memory(&child);
        Ok(Self { child: Arc::new(Mutex::new(child)), name })
    }

    fn child(&self) -> std::sync::MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn killer(&self) -> Killer {
        Killer(Arc::clone(&self.child))
    }

    pub(crate) fn take_stdin(&self) -> Option<ChildStdin> {
        self.child().stdin.take()
    }

    pub(crate) fn take_stdout(&self) -> Option<ChildStdout> {
        self.child().stdout.take()
    }

    pub(crate) fn take_stderr(&self) -> Option<ChildStderr> {
        self.child().stderr.take()
    }

    /// Waits until it ends.
    ///
    /// # Errors
    /// [`ErrorKind::Tool`] if it has not ended within `limit`; then it is killed.
    pub(crate) fn wait(&self, limit: Duration) -> Result<ExitStatus, Error> {
        let end = Instant::now() + limit;
        loop {
            // Not locked while it is waited for, or nobody could kill it.
            let looked = self.child().try_wait();
            match looked {
                Ok(Some(status)) => return Ok(status),
                Ok(None) if Instant::now() < end => {}
                Ok(None) => {
                    self.killer().kill();
                    let message = format!("{} has not ended within {} s and was stopped", self.name, limit.as_secs());
                    return Err(Error::new(ErrorKind::Tool, message));
                }
                Err(error) => return Err(Error::new(ErrorKind::Tool, format!("{}: {error}", self.name))),
            }
            thread::sleep(TICK);
        }
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        self.killer().kill();
        let _ = self.child().wait();
    }
}

#[cfg(target_os = "linux")]
fn limit_memory(child: &Child) {
    /// What a program that reads somebody's file may address. Broken files ask for more than there is.
    const MEMORY_BYTES: u64 = 6 << 30;
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let limit = Rlimit { current: Some(MEMORY_BYTES), maximum: Some(MEMORY_BYTES) };
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw);
    // A machine that has a lower limit already keeps it.
    let _ = prlimit(pid, Resource::As, limit);
}

#[cfg(not(target_os = "linux"))]
fn limit_memory(_child: &Child) {}

/// What a program that is run to its end has said.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Vec<u8>,
    pub(crate) complaints: String,
}

/// Runs a program to its end.
///
/// # Errors
/// [`ErrorKind::Tool`] if it is not there or does not end within `limit`.
pub(crate) fn run(mut command: Command, name: &'static str, limit: Duration) -> Result<Said, Error> {
    /// Of what ffprobe says of a file; far more than any sound file needs.
    const STDOUT_BYTES: u64 = 64 << 20;
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let tool = Tool::start(command, name)?;
    let stdout = tool.take_stdout();
    let stdout = thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(stdout) = stdout {
            let _ = stdout.take(STDOUT_BYTES).read_to_end(&mut bytes);
        }
        bytes
    });
    let complaints = tool.take_stderr().map(complaints);
    let status = tool.wait(limit)?;
    let stdout = stdout.join().unwrap_or_default();
    let complaints = complaints.and_then(|said| said.join().ok()).unwrap_or_default();
    Ok(Said { status, stdout, complaints })
}

/// Collects what a program complains about, so that it never waits for a reader.
pub(crate) fn complaints(mut stderr: ChildStderr) -> JoinHandle<String> {
    thread::spawn(move || {
        let (mut kept, mut buffer) = (Vec::new(), [0; 4096]);
        while let Ok(count @ 1..) = stderr.read(&mut buffer) {
            kept.extend_from_slice(&buffer[..count]);
            if kept.len() > COMPLAINTS_BYTES {
                kept.drain(..kept.len() - COMPLAINTS_BYTES);
            }
        }
        String::from_utf8_lossy(&kept).into_owned()
    })
}

/// The first and the last line that say something, without the addresses of who said it.
pub(crate) fn reason(complaints: &str) -> String {
    let mut lines = complaints.lines().map(without_sender).filter(|line| !line.is_empty());
    match (lines.next(), lines.next_back()) {
        (None, _) => "it does not say why".into(),
        (Some(first), None) => first.to_owned(),
        (Some(first), Some(last)) => format!("{first}; {last}"),
    }
}

/// `[h264 @ 0x55d0] text` → `text`.
pub(crate) fn without_sender(line: &str) -> &str {
    let mut line = line.trim();
    while let Some((tag, rest)) = line.strip_prefix('[').and_then(|line| line.split_once(']')) {
        if !tag.contains(" @ ") && !matches!(tag, "error" | "warning" | "fatal" | "panic" | "info") {
            break;
        }
        line = rest.trim_start();
    }
    line
}

/// Whether ffmpeg is there and new enough.
///
/// # Errors
/// [`ErrorKind::Tool`] if not; the text says what to do.
pub fn check() -> Result<(), Error> {
    /// `-fps_mode` came with it.
    const LEAST: (u32, u32) = (5, 1);
    for (program, command) in [("ffmpeg", ffmpeg()), ("ffprobe", ffprobe())] {
        let mut command = command;
        command.arg("-version");
        let said = run(command, program, Duration::from_secs(20))?;
        let text = String::from_utf8_lossy(&said.stdout).into_owned();
        // Versions that were built from a checkout are called by its hash; they are new.
        let version = text.split_whitespace().nth(2).unwrap_or_default();
        let mut numbers = version.trim_start_matches('n').split(['.', '-']).map(str::parse::<u32>);
        if let Some(Ok(major)) = numbers.next() {
            let minor = numbers.next().and_then(Result::ok).unwrap_or(0);
            if (major, minor) < LEAST {
                let message = format!("{program} is version {version}, videos need 5.1 or later");
                return Err(Error::new(ErrorKind::Tool, message));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_missing_is_named_with_what_to_do() {
        let error = Tool::start(quiet("kaiga-no-such-program"), "ffmpeg").err().unwrap();
        assert_eq!(error.kind(), ErrorKind::Tool);
        assert!(error.to_string().contains("apt-get install ffmpeg"), "{error}");
    }

    #[test]
    #[cfg(unix)]
    fn who_does_not_end_is_stopped() {
        let start = Instant::now();
        let mut command = quiet("sleep");
        command.arg("30");
        let error = run(command, "sleep", Duration::from_millis(200)).err().unwrap();
        assert!(error.to_string().contains("was stopped") && start.elapsed() < Duration::from_secs(5), "{error}");
    }

    #[test]
    fn complaints_lose_their_senders_and_nothing_else() {
        assert_eq!(without_sender("[h264 @ 0x55d0] [error] no frame!"), "no frame!");
        assert_eq!(without_sender("[1, 2] is a list"), "[1, 2] is a list");
        assert_eq!(reason("a\nb\n[mov @ 0x1] moov atom not found\n\n"), "a; moov atom not found");
        assert_eq!(reason("\n"), "it does not say why");
    }
}
