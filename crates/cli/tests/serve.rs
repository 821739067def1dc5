//! `kaiga serve` as those who run it meet it: started, killed, started again, given a broken store.
#![allow(
    clippy::unwrap_used,
    clippy::print_stderr,
    reason = "a test that cannot go on fails, and says what it left out"
)]

use pixels::Image;
use pixels::codec::{self, Format};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

fn kaiga() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kaiga"));
    command.arg("serve");
    command
}

/// A service that is killed, kill -9, when it is dropped.
struct Service {
    process: Child,
    address: String,
    log: Arc<Mutex<String>>,
}

impl Drop for Service {
    fn drop(&mut self) {
        // It may be gone already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Service {
    fn start(store: &Path, more: &[&str]) -> Self {
        Self::started_by(kaiga(), store, more)
    }

    /// By a command that ends in `kaiga serve`.
    fn started_by(mut command: Command, store: &Path, more: &[&str]) -> Self {
        command
            .args(["--listen", "127.0.0.1:0", "--rate-per-minute", "0", "--lease-s", "1", "--store"])
            .arg(store)
            .args(more);
        let mut process = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let log = Arc::new(Mutex::new(String::new()));
        let (errors, lines) = (BufReader::new(process.stderr.take().unwrap()), Arc::clone(&log));
        std::thread::spawn(move || {
            for line in errors.lines().map_while(Result::ok) {
                *lines.lock().unwrap() += &(line + "\n");
            }
        });
        let mut line = String::new();
        BufReader::new(process.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("kaiga is at http://");
        let address = address.unwrap_or_else(|| panic!("{line}{}", log.lock().unwrap())).to_owned();
        Self { process, address, log }
    }

    fn has_logged(&self, words: &str) -> bool {
        self.log.lock().unwrap().contains(words)
    }

    fn send(&self, method: &str, path: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        self.send_with(method, path, "", body)
    }

    /// With more headers, each with its end.
    fn send_with(&self, method: &str, path: &str, headers: &str, body: &[u8]) -> (u16, String, Vec<u8>) {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        write!(
            stream,
            "{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{headers}content-length: {length}\r\n\r\n"
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), head, answer[end + 4..].to_vec())
    }

    fn submit(&self, photo: &[u8]) -> String {
        let (status, head, _) = self.send("POST", "/api/v1/jobs?format=jpeg&faces=off", photo);
        assert_eq!(status, 202, "{head}");
        head.lines().find_map(|line| line.strip_prefix("location: ")).unwrap().to_owned()
    }

    fn state(&self, job: &str) -> String {
        let (status, head, body) = self.send("GET", job, b"");
        assert_eq!(status, 200, "{head}");
        serde_json::from_slice::<serde_json::Value>(&body).unwrap()["state"].as_str().unwrap().to_owned()
    }

    fn terminate(&mut self) -> Option<i32> {
        let id = self.process.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        self.process.wait().unwrap().code()
    }
}

/// Pictures that are all different.
fn picture(number: u8) -> Vec<u8> {
    picture_of(48, 32, number)
}

fn picture_of(width: usize, height: usize, number: u8) -> Vec<u8> {
    let image = Image::from_fn(width, height, |x, y| [(x * 5) as u8, (y * 7) as u8, number.wrapping_mul(5)]);
    codec::write(&image, None, Format::Png, 90).unwrap()
}

fn within(seconds: u64, what: &str, mut done: impl FnMut() -> bool) {
    let start = Instant::now();
    while !done() {
        assert!(start.elapsed() < Duration::from_secs(seconds), "not within {seconds} s: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn jobs_outlive_kill_9() {
    let store = tempfile::tempdir().unwrap();
    let first = Service::start(store.path(), &["--workers", "2"]);
    // Ten that are done soon, and forty that take longer than it takes to hand them in.
    let side = |number| if number < 10 { 32 } else { 640 };
    let photos: Vec<Vec<u8>> = (0..50).map(|number| picture_of(side(number), 480, number)).collect();
    let jobs: Vec<String> = photos.iter().map(|photo| first.submit(photo)).collect();
    // Somewhere in the middle, on whatever machine.
    within(60, "some jobs are done", || jobs[..10].iter().all(|job| first.state(job) == "done"));
    assert!(jobs.iter().any(|job| first.state(job) != "done"), "all were done before the process could be killed");
    drop(first);

    let mut second = Service::start(store.path(), &["--workers", "2"]);
    within(120, "all jobs are done", || jobs.iter().all(|job| second.state(job) == "done"));
    for (job, number) in jobs.iter().zip(0..) {
        let (status, _, painting) = second.send("GET", &format!("{job}/result"), b"");
        let painting = codec::read(&painting, &Default::default()).unwrap().image;
        assert_eq!((status, painting.width(), painting.height()), (200, side(number), 480));
    }
    let (status, ..) = second.send("DELETE", &jobs[0], b"");
    assert_eq!((status, second.state(&jobs[0]).as_str()), (204, "cancelled"));
    assert_eq!(second.terminate(), Some(0), "SIGTERM is an orderly end");
    let name = jobs[0].rsplit('/').next().unwrap();
    within(10, "the log says which job was deleted", || second.has_logged(&name[..8]));
    assert!(!second.has_logged(name), "who reads the log may not see the paintings");
    let pictures = std::fs::read_dir(store.path().join("pictures")).unwrap().flatten();
    let names =
        pictures.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten().map(|file| file.file_name()));
    // A file that was being written has a # in its name; a later start removes it.
    let whole = names.filter(|name| !name.to_string_lossy().contains('#')).count();
    assert_eq!(whole, 49, "one painting a job, and no photo");
}

#[test]
fn two_services_share_a_store_and_sigterm_loses_nothing() {
    let store = tempfile::tempdir().unwrap();
    let (mut one, two) = (Service::start(store.path(), &[]), Service::start(store.path(), &[]));
    let jobs: Vec<String> = (0..12).map(|number| one.submit(&picture(number))).collect();
    assert_eq!(one.terminate(), Some(0));
    within(60, "the other does the rest", || jobs.iter().all(|job| two.state(job) == "done"));
}

#[test]
fn a_check_says_whether_the_service_is_ready() {
    let store = tempfile::tempdir().unwrap();
    let mut service = Service::start(store.path(), &[]);
    within(20, "it is ready", || service.send("GET", "/readyz", b"").0 == 200);
    let checked = kaiga().args(["--check", "--listen", &service.address]).output().unwrap();
    assert!(checked.status.success(), "{checked:?}");
    assert_eq!(String::from_utf8(checked.stdout).unwrap(), format!("{} is ready\n", service.address));
    let address = service.address.clone();
    service.terminate();
    let words = complaint(kaiga().args(["--check", "--listen", &address]), 1);
    assert!(words.contains(&format!("no answer at {address}: ")), "{words}");

    // Somebody else's server, and one that says why not.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = other.local_addr().unwrap().to_string();
    let answers = ["HTTP/1.1 404 Not Found\r\n\r\n", "HTTP/1.1 503 x\r\n\r\n{\"detail\": \"the disk is full\"}"];
    let answering = std::thread::spawn(move || {
        for answer in answers {
            let (mut stream, _) = other.accept().unwrap();
            let _ = stream.read(&mut [0; 1024]).unwrap();
            stream.write_all(answer.as_bytes()).unwrap();
        }
    });
    for why in ["HTTP/1.1 404 Not Found", "the disk is full"] {
        let words = complaint(kaiga().args(["--check", "--listen", &address]), 1);
        assert!(words.contains(&format!("{address} is not ready: {why}")), "{words}");
    }
    answering.join().unwrap();
}

#[test]
fn an_upload_that_is_refused_at_once_hears_why() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start(store.path(), &["--tokens", "x"]);
    for _ in 0..10 {
        // More than fits into the buffers on the way.
        let (status, head, body) = service.send("POST", "/api/v1/convert", &vec![0; 12 << 20]);
        assert_eq!(status, 401);
        assert!(head.contains(&format!("content-length: {}", body.len())), "{head}");
    }
}

#[test]
fn clients_that_say_nothing_do_not_stop_others() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start(store.path(), &["--header-timeout-s", "1"]);
    let silent: Vec<TcpStream> = (0..300)
        .map(|_| {
            let mut stream = TcpStream::connect(&service.address).unwrap();
            stream.write_all(b"POST /api/v1/convert HTTP/1.1\r\nhost:").unwrap();
            stream
        })
        .collect();
    let (status, ..) = service.send("POST", "/api/v1/convert?faces=off", &picture(1));
    assert_eq!(status, 200);
    for mut stream in silent {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut answer = Vec::new();
        // Reset or closed; a time-out of ours would be an error of another kind.
        let ended = stream.read_to_end(&mut answer);
        let waited = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!waited, "a silent client was not cut off");
    }
}

#[test]
fn clients_that_take_nothing_are_cut_off() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start(store.path(), &["--answer-timeout-s", "1", "--header-timeout-s", "600"]);
    // More answers than sockets hold, and none of them is read.
    let request = "GET /icon-512.png HTTP/1.1\r\nhost: localhost\r\n\r\n";
    let mut deaf = TcpStream::connect(&service.address).unwrap();
    deaf.write_all(request.repeat(1000).as_bytes()).unwrap();
    within(30, "a client that reads nothing is cut off", || deaf.write_all(b"G").is_err());
    // One that reads in bits, each of them in time, gets all there is.
    let mut patient = TcpStream::connect(&service.address).unwrap();
    patient.write_all(request.repeat(30).as_bytes()).unwrap();
    let mut heard = vec![0; 64 << 10];
    for _ in 0..8 {
        std::thread::sleep(Duration::from_millis(300));
        patient.read_exact(&mut heard).unwrap();
    }
}

#[test]
fn one_client_cannot_take_all_connections() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start(store.path(), &["--connections-per-client", "5"]);
    let many: Vec<TcpStream> = (0..5).map(|_| TcpStream::connect(&service.address).unwrap()).collect();
    let mut turned_away = TcpStream::connect(&service.address).unwrap();
    // Closed, or reset.
    assert_eq!(turned_away.read(&mut [0]).unwrap_or(0), 0);
    drop(many);
    within(10, "there is room again", || {
        let mut stream = TcpStream::connect(&service.address).unwrap();
        let asked = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n");
        let mut answer = String::new();
        asked.is_ok() && stream.read_to_string(&mut answer).is_ok() && answer.contains(" 200 ")
    });
}

/// `kaiga serve` after `before`, a line of shell, among mounts that only this process sees; `None` where that is not
/// allowed.
#[cfg(target_os = "linux")]
fn with_own_mounts(before: &str) -> Option<Command> {
    let ways: [&[&str]; 2] = [&["--mount"], &["--mount", "--map-root-user"]];
    let way = ways.into_iter().find(|way| {
        let tried = Command::new("unshare").args(*way).args(["mount", "-t", "tmpfs", "none", "/mnt"]).output();
        tried.is_ok_and(|output| output.status.success())
    });
    let Some(way) = way else {
        eprintln!("not tested: nothing can be mounted here");
        return None;
    };
    let mut command = Command::new("unshare");
    let line = format!("{before} && exec \"$0\" \"$@\"");
    command.args(way).args(["sh", "-c", &line, env!("CARGO_BIN_EXE_kaiga"), "serve"]);
    Some(command)
}

/// A process that only runs jobs; killed, kill -9, when it is dropped.
struct Worker(Child);

impl Worker {
    fn start(store: &Path) -> Self {
        Self::started_by(Command::new(env!("CARGO_BIN_EXE_kaiga")), store)
    }

    fn started_by(mut command: Command, store: &Path) -> Self {
        command.args(["worker", "--workers", "2", "--lease-s", "1", "--store"]).arg(store);
        Self(command.stderr(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_service_without_painters_and_workers_beside_it_outlive_kill_9() {
    let store = tempfile::tempdir().unwrap();
    let first = Service::start(store.path(), &["--workers", "0"]);
    let photos: Vec<Vec<u8>> = (0..30).map(|number| picture_of(480, 320, number)).collect();
    let jobs: Vec<String> = photos.iter().map(|photo| first.submit(photo)).collect();
    assert_eq!(first.send("POST", "/api/v1/convert?faces=off", &picture(1)).0, 200, "previews need no worker");
    assert!(jobs.iter().all(|job| first.state(job) == "queued"), "jobs are left to workers");

    let worker = Worker::start(store.path());
    within(60, "some jobs are done", || jobs[..3].iter().all(|job| first.state(job) == "done"));
    assert!(jobs.iter().any(|job| first.state(job) != "done"), "all were done before the worker could be killed");
    drop((worker, first));

    let second = Service::start(store.path(), &["--workers", "0"]);
    let mut workers = [Worker::start(store.path()), Worker::start(store.path())];
    within(120, "all jobs are done", || jobs.iter().all(|job| second.state(job) == "done"));
    for job in &jobs {
        let painting = codec::read(&second.send("GET", &format!("{job}/result"), b"").2, &Default::default()).unwrap();
        assert_eq!((painting.image.width(), painting.image.height()), (480, 320));
    }
    let id = workers[0].0.id().to_string();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    assert_eq!(workers[0].0.wait().unwrap().code(), Some(0), "SIGTERM is an orderly end");
    let words = complaint(
        Command::new(env!("CARGO_BIN_EXE_kaiga")).args(["worker", "--workers", "0", "--store"]).arg(store.path()),
        1,
    );
    assert!(words.contains("would do nothing"), "{words}");
}

#[test]
#[cfg(target_os = "linux")]
fn a_full_disk_is_told_and_gets_over() {
    let store = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=2m none {}", store.path().display());
    let Some(command) = with_own_mounts(&mount) else { return };
    let service = Service::started_by(command, store.path(), &[]);
    let job = service.submit(&picture(1));
    within(60, "there is room", || service.state(&job) == "done");

    let ballast = format!("/proc/{}/root{}/ballast", service.process.id(), store.path().display());
    let full = std::io::copy(&mut std::io::repeat(1), &mut std::fs::File::create(&ballast).unwrap());
    assert_eq!(full.unwrap_err().kind(), std::io::ErrorKind::StorageFull);
    // The log of the database has a little room of its own.
    let refused =
        (2..200).map(|number| service.send("POST", "/api/v1/jobs", &picture(number))).find(|answer| answer.0 != 202);
    let (status, _, body) = refused.unwrap();
    let body = String::from_utf8(body).unwrap();
    assert!(status == 503 && body.contains("/problems/unavailable"), "{body}");
    assert_eq!(service.send("GET", "/readyz", b"").0, 503);
    within(10, "the operator is told to make room", || service.has_logged("make room"));
    assert_eq!(service.send("POST", "/api/v1/convert?faces=off", &picture(1)).0, 200, "conversions need no disk");

    std::fs::remove_file(&ballast).unwrap();
    within(60, "it is ready again", || service.send("GET", "/readyz", b"").0 == 200);
    within(10, "the operator is told that it is over", || service.has_logged("jobs work again"));
    let job = service.submit(&picture(201));
    within(60, "jobs work again", || service.state(&job) == "done");
}

#[test]
#[cfg(target_os = "linux")]
fn a_disk_filled_by_jobs_is_emptied_by_deleting_them() {
    let store = tempfile::tempdir().unwrap();
    let mount = format!("mount -t tmpfs -o size=3m none {}", store.path().display());
    let Some(command) = with_own_mounts(&mount) else { return };
    let service = Service::started_by(command, store.path(), &[]);
    let inside = format!("/proc/{}/root{}", service.process.id(), store.path().display());
    within(60, "room is kept for bad days", || std::fs::exists(format!("{inside}/jobs.reserve")).unwrap());
    let jobs: Vec<String> = (0..40).map(|number| service.submit(&picture(number))).collect();
    // What is painted meanwhile would free room, or give up the reserve to write that it failed.
    within(120, "all are painted", || jobs.iter().all(|job| service.state(job) == "done"));
    // To the last byte, whatever the jobs left.
    let _ = std::io::copy(&mut std::io::repeat(1), &mut std::fs::File::create(format!("{inside}/ballast")).unwrap());
    let new_job = || service.send("POST", "/api/v1/jobs", &picture(50)).0;
    let refused = (0..200).map(|_| new_job()).find(|status| *status != 202);
    assert_eq!(refused, Some(503));
    // The reserve as it is when it was given up to end a job: new jobs may not have its room.
    let _ = std::fs::remove_file(format!("{inside}/jobs.reserve"));
    assert_eq!([new_job(), new_job(), new_job()], [503; 3]);
    for job in &jobs {
        assert_eq!(service.send("DELETE", job, b"").0, 204, "{job}");
    }
    std::fs::remove_file(format!("{inside}/ballast")).unwrap();
    within(60, "it is ready again", || service.send("GET", "/readyz", b"").0 == 200);
    within(60, "room is kept again", || std::fs::exists(format!("{inside}/jobs.reserve")).unwrap());
    let job = service.submit(&picture(1));
    within(60, "jobs work again", || service.state(&job) == "done");
}

#[test]
#[cfg(target_os = "linux")]
fn a_store_that_cannot_be_written_is_named() {
    let store = tempfile::tempdir().unwrap();
    let place = store.path().display();
    // Nothing there yet, and the store of an earlier time.
    for before in ["true", "mkdir $D/pictures && touch $D/jobs.sqlite"] {
        let mount = format!("D={place} && mount -t tmpfs none $D && {before} && mount -o remount,ro $D");
        let Some(mut command) = with_own_mounts(&mount) else { return };
        let words = complaint(command.args(["--listen", "127.0.0.1:0", "--store"]).arg(store.path()), 1);
        assert!(words.contains(&*place.to_string()) && words.contains("writable"), "{words}");
    }
}

fn complaint(command: &mut Command, code: i32) -> String {
    let output = command.output().unwrap();
    let words = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(code), "{words}");
    words
}

#[test]
fn what_is_wrong_is_said_to_the_one_who_starts_it() {
    let store = tempfile::tempdir().unwrap();
    let words = complaint(kaiga().args(["--listen", "127.0.0.1:0", "--store", "/proc/kaiga"]), 1);
    assert!(words.contains("cannot use /proc/kaiga as the store") && words.contains("--store"), "{words}");

    std::fs::write(store.path().join("jobs.sqlite"), [0x5a; 9000]).unwrap();
    let words = complaint(kaiga().args(["--listen", "127.0.0.1:0", "--store"]).arg(store.path()), 1);
    assert!(words.contains("jobs.sqlite is damaged") && words.contains("move it away"), "{words}");

    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let words = complaint(kaiga().args(["--listen", &address, "--store"]).arg(store.path()), 1);
    assert!(
        words.contains(&format!("cannot listen on {address} (listen)")) && words.contains("--listen 127.0.0.1:0"),
        "{words}"
    );

    assert!(
        complaint(kaiga().args(["--queue-max", "many"]), 2).contains("--queue-max: \"many\" is not a whole number")
    );
    assert!(complaint(kaiga().arg("--queues"), 2).contains("--queues"));
    assert!(complaint(kaiga().env("KAIGA_QUEUES", "1"), 2).contains("KAIGA_QUEUES: there is no setting"));
    let words = complaint(
        kaiga().args(["--listen", "127.0.0.1:0", "--queue", "nats://127.0.0.1:9", "--pictures"]).arg(store.path()),
        1,
    );
    assert!(
        words.contains("cannot use nats://127.0.0.1:9 as the queue") && words.contains("start the broker"),
        "{words}"
    );
    let words = complaint(kaiga().args(["--queue", "nats://me:hush@here", "--pictures", "/x"]), 2);
    assert!(words.contains("queue_auth") && !words.contains("hush"), "{words}");
    assert!(complaint(kaiga().args(["--config", "/none.toml"]), 2).contains("/none.toml: there is no such file"));
}

#[test]
fn host_and_port_are_taken_as_people_type_them() {
    let print = |flags: &[&str]| {
        let printed = kaiga().args(flags).env("KAIGA_LISTEN", "127.0.0.2:81").arg("--print-config").output().unwrap();
        let printed = String::from_utf8(printed.stdout).unwrap();
        printed.lines().find_map(|line| line.strip_prefix("listen = ")).unwrap_or_default().to_owned()
    };
    assert_eq!(print(&["--port", "9000"]), "\"127.0.0.2:9000\"");
    assert_eq!(print(&["--host", "localhost"]), "\"127.0.0.1:81\"");
    assert_eq!(print(&["--host", "::", "--port", "0"]), "\"[::]:0\"");
    assert!(complaint(kaiga().args(["--host", "here"]), 2).contains("localhost or an IP address"));
    assert!(complaint(kaiga().args(["--port", "70000"]), 2).contains("70000"));
    assert!(complaint(kaiga().args(["--port", "1", "--listen", "127.0.0.1:2"]), 2).contains("--listen"));
    for option in ["--host", "--port"] {
        let mut worker = Command::new(env!("CARGO_BIN_EXE_kaiga"));
        let words = complaint(worker.args(["worker", option, "1", "--print-config"]), 2);
        assert!(words.contains(&format!("unexpected argument '{option}'")), "a worker listens nowhere: {words}");
    }
}

#[test]
fn the_help_of_serve_shows_defaults() {
    let help = String::from_utf8(kaiga().arg("--help").output().unwrap().stdout).unwrap();
    // However wide the terminal is.
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    for default in ["[default: 127.0.0.1:8080]", "[default: 26214400]", "[default: info]"] {
        assert!(help.contains(default), "{default} in\n{help}");
    }
}

#[test]
fn the_configuration_explains_itself() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("kaiga.toml");
    std::fs::write(&file, "workers = 3\n[limits]\nqueue_max = 5\n").unwrap();
    let print =
        |command: &mut Command| String::from_utf8(command.arg("--print-config").output().unwrap().stdout).unwrap();
    let printed = print(kaiga().args(["--queue-max", "6"]).env("KAIGA_CONFIG", &file).env("KAIGA_JOBS_MAX", "7"));
    for line in ["workers = 3", "queue_max = 6", "jobs_max = 7", "# --queue-max, KAIGA_QUEUE_MAX"] {
        assert!(printed.lines().any(|other| other == line), "{line} in\n{printed}");
    }
    std::fs::write(&file, &printed).unwrap();
    assert_eq!(print(kaiga().arg("--config").arg(&file)), printed, "what is printed can be read");
}

#[test]
fn a_long_video_of_a_batch_is_painted_in_pieces_and_gone_on_with_after_a_kill() {
    let desk = tempfile::tempdir().unwrap();
    let place = |name: &str| desk.path().join(name);
    std::fs::create_dir(place("in")).unwrap();
    // Three shots of 11 s, and sound.
    let shots = "-f lavfi -i testsrc=s=96x64:r=1:d=11 -f lavfi -i color=navy:s=96x64:r=1:d=11 -f lavfi -i \
        rgbtestsrc=s=96x64:r=1:d=11 -f lavfi -i sine=f=300:d=33 -filter_complex [0:v][1:v][2:v]concat=n=3:v=1[v] -map [v] \
        -map 3:a -c:v libx264 -c:a aac";
    let made =
        Command::new("ffmpeg").args(["-v", "error"]).args(shots.split_whitespace()).arg(place("in/film.mp4")).status();
    assert!(made.expect("the tests of videos need ffmpeg").success());
    std::fs::write(place("in/photo.png"), picture(1)).unwrap();
    let batch = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaiga"));
        command.arg("batch").args([place("in"), place("out")]).args([
            "--json",
            "--faces",
            "off",
            "--lease-s",
            "1",
            "--store",
        ]);
        command.arg(place("store"));
        command
    };
    let pieces = || {
        let films = std::fs::read_dir(place("out/.kaiga-batch/pieces")).into_iter().flatten().flatten();
        films.flat_map(|film| std::fs::read_dir(film.path()).unwrap().flatten()).count()
    };
    let mut first = batch().stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    within(120, "a piece is painted", || pieces() > 0);
    first.kill().unwrap();
    first.wait().unwrap();
    assert!(!place("out/film.mp4").exists(), "it was over before it could be killed");
    let output = batch().output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap()).unwrap();
    assert_eq!(
        (output.status.code(), &last["failed"], &last["pieces_done"]),
        (Some(0), &0.into(), &3.into()),
        "{said}"
    );
    assert_eq!(pieces(), 0, "what is whole needs no pieces");
    let said = |arguments: &str, path: &str| {
        let mut command = Command::new(arguments.split(' ').next().unwrap());
        command.args(["-v", "error"]).args(arguments.split(' ').skip(1)).arg(place(path));
        if arguments.starts_with("ffmpeg") {
            command.args(["-map", "0:a", "-c", "copy", "-f", "streamhash", "-"]);
        }
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let stamps = |path| {
        let text = said("ffprobe -select_streams v:0 -show_entries frame=pts_time -of csv=p=0", path);
        // Key frames have something after a comma.
        text.lines()
            .map(|line| line.trim_end_matches(',').to_owned())
            .filter(|line| !line.is_empty())
            .collect::<Vec<_>>()
    };
    assert_eq!(stamps("out/film.mp4"), stamps("in/film.mp4"), "its frames, each at its time");
    assert_eq!(stamps("out/film.mp4").len(), 33);
    assert_eq!(said("ffmpeg -i", "out/film.mp4"), said("ffmpeg -i", "in/film.mp4"), "its sound");
}

#[cfg(feature = "cluster")]
#[path = "serve/traces.rs"]
mod traces;

#[test]
fn the_operator_sees_jobs_replays_dead_ones_and_drops_them() {
    let store = tempfile::tempdir().unwrap();
    let service = Service::start(store.path(), &["--workers", "0"]);
    let [kept, dropped] = [1, 2].map(|number| service.submit(&picture(number)));
    let name = |job: &str| job.rsplit('/').next().unwrap().to_owned();
    let jobs = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaiga"));
        let output = command.arg("jobs").args(arguments).arg("--store").arg(store.path()).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        (output.status.code().unwrap(), text(output.stdout), text(output.stderr))
    };
    let (status, listed, _) = jobs(&["list"]);
    assert!(status == 0 && listed.lines().count() == 2 && listed.contains(&name(&kept)), "{listed}");
    let (status, said, _) = jobs(&["drop", &name(&dropped), "nobody"]);
    assert_eq!((status, said.as_str(), service.state(&dropped).as_str()), (3, "1 dropped\n", "cancelled"));
    // The photo of the other gets lost, which is not its fault.
    let photo = std::fs::read_dir(store.path().join("pictures")).unwrap().flatten();
    let photo = photo.flat_map(|folder| std::fs::read_dir(folder.path()).unwrap().flatten()).next().unwrap().path();
    let bytes = std::fs::read(&photo).unwrap();
    std::fs::remove_file(&photo).unwrap();
    let _worker = Worker::start(store.path());
    within(60, "the job is dead", || service.state(&kept) == "failed");
    let (_, dead, _) = jobs(&["dead", "--json"]);
    let dead: serde_json::Value = serde_json::from_str(&dead).unwrap();
    assert!(
        dead["id"] == name(&kept) && dead["reason"].as_str().unwrap().contains("the stored photo is gone"),
        "{dead}"
    );
    std::fs::write(&photo, bytes).unwrap();
    let (status, said, _) = jobs(&["replay", "--all"]);
    assert_eq!((status, said.as_str()), (0, "1 replayed\n"));
    within(60, "it is painted after all", || service.state(&kept) == "done");
    assert_eq!(jobs(&["dead"]).1, "");
    let (status, _, said) = jobs(&["replay", &name(&kept)]);
    assert!(status == 1 && said.contains("is not dead"), "{said}");
}

#[test]
fn a_batch_paints_a_folder_once_and_says_what_became_of_each_photo() {
    let desk = tempfile::tempdir().unwrap();
    let place = |name: &str| desk.path().join(name);
    std::fs::create_dir_all(place("in/夏")).unwrap();
    for (number, name) in ["in/a.png", "in/b.png", "in/夏/c.png"].iter().enumerate() {
        std::fs::write(place(name), picture(number as u8)).unwrap();
    }
    std::fs::write(place("in/broken.jpg"), "this is no picture").unwrap();
    std::fs::write(place("in/notes.txt"), "these are notes").unwrap();
    let batch = |more: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kaiga"));
        command
            .arg("batch")
            .args([place("in"), place("out")])
            .args(["--json", "-f", "webp", "--faces", "off", "--store"]);
        let output = command.arg(place("store")).args(more).output().unwrap();
        let said = String::from_utf8(output.stdout).unwrap();
        let last: serde_json::Value = serde_json::from_str(said.lines().last().unwrap_or("{}")).unwrap();
        let count = |name: &str| last[name].as_u64().unwrap();
        (output.status.code().unwrap(), ["total", "before", "done", "failed"].map(count))
    };
    assert_eq!(batch(&[]), (3, [4, 0, 3, 1]));
    let painting = std::fs::read(place("out/夏/c.png.webp")).unwrap();
    assert_eq!(codec::read(&painting, &Default::default()).unwrap().image.width(), 48);
    assert_eq!(batch(&[]), (0, [4, 4, 0, 0]), "nothing is painted twice");
    std::fs::write(place("in/broken.jpg"), picture(9)).unwrap();
    std::fs::remove_file(place("out/a.png.webp")).unwrap();
    assert_eq!(batch(&[]), (0, [4, 2, 2, 0]), "what was changed or removed is painted again");
    assert!(place("out/broken.jpg.webp").exists() && place("out/a.png.webp").exists());
    let manifest: String = std::fs::read_dir(place("out/.kaiga-batch"))
        .unwrap()
        .flatten()
        .map(|file| std::fs::read_to_string(file.path()).unwrap())
        .collect();
    assert!(manifest.lines().any(|line| line.contains("broken.jpg") && line.contains("\"error\":\"")), "{manifest}");
}
