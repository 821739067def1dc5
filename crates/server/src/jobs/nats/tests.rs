//! Who may do what on the broker, and what is said to those who may not.

use super::testing::{Server, is_there};
use super::*;
use crate::jobs::queue::Origin;
use std::path::PathBuf;
use tokio::runtime::Runtime;

/// The configuration that comes with kaiga.
const CONFIG: &str = include_str!("../../../../../deploy/nats.conf");
const LEASE: Duration = Duration::from_secs(5);
const TERMS: Terms = Terms { lease: LEASE, attempts_max: 2, retries_max: 2 };

fn new(id: &str) -> New {
    New {
        id: id.into(),
        photo: "photo".into(),
        params: String::new(),
        format: "png".into(),
        need_bytes: 1,
        expires_ms: i64::MAX / 4,
        origin: Origin::default(),
    }
}

fn secret(server: &Server, name: &str, text: &str) -> PathBuf {
    let path = server.folder.path().join(name);
    std::fs::write(&path, text).unwrap();
    path
}

fn open(runtime: &Runtime, address: &Address, part: Part) -> Result<Nats, Error> {
    runtime.block_on(Nats::open(address, part, u64::MAX))
}

#[test]
fn a_worker_may_do_its_work_and_no_more() {
    if !is_there() {
        return;
    }
    // The folder is said when it is started.
    let lines = |_: &std::path::Path| CONFIG.replace("  store_dir: /var/lib/nats\n", "");
    let passwords = [("FRONT_PASSWORD", "of-the-front"), ("WORKER_PASSWORD", "of-workers")];
    let (server, runtime) = (Server::start_with(lines, &passwords).unwrap(), Runtime::new().unwrap());
    let as_user = |who: &str| Address { auth: Some(secret(&server, "auth", who)), ..server.address(LEASE) };
    let refused = open(&runtime, &as_user("worker:of-workers"), Part::Worker).err().unwrap();
    assert!(
        refused.detail.contains("may this user do that"),
        "there is nothing yet, and it may not make it: {refused}"
    );
    let front = open(&runtime, &as_user("front:of-the-front"), Part::Front).unwrap();
    let worker = open(&runtime, &as_user("worker:of-workers\n"), Part::Worker).unwrap();

    for id in ["one", "two", "three"] {
        assert_eq!(front.enter(&new(id), 10, 0), Ok(Entered::New));
        assert_eq!(front.ready(id), Ok(true));
    }
    let claim = || worker.claim(TERMS, u64::MAX, 0).unwrap().unwrap().attempt;
    let [one, two, three] = [claim(), claim(), claim()];
    assert!(worker.heartbeat(&one, News::default(), TERMS, 0).unwrap() && worker.announce(&one, "painting").unwrap());
    assert!(worker.finish(&one, Ok(News::default())).unwrap());
    worker.forget("photo").unwrap();
    let why = Error::new(Kind::Internal, "planned");
    assert!(worker.finish(&two, Err(why.clone())).unwrap() && worker.give_back(&three).unwrap());
    assert_eq!(worker.put_off(&claim(), why, TERMS, 0), Ok(PutOff::For(Duration::from_secs(1))));
    assert!(worker.depth(0).is_ok() && worker.job("one").is_ok() && worker.expire(0) == Ok(0));
    let dead = front.list(true, 10).unwrap();
    assert_eq!(dead.iter().map(|job| job.id.as_str()).collect::<Vec<_>>(), ["two"]);
    assert!(front.replay("two").unwrap() && front.cancel("three").unwrap());
    assert_eq!(front.expire(i64::MAX / 2), Ok(2), "two and the painting of one");

    let asked = |subject: &'static str| {
        let request = worker.broker.client.request(subject, "{}".into());
        runtime.block_on(async { tokio::time::timeout(Duration::from_secs(2), request).await })
    };
    for subject in [
        "kaiga.work.i.0",
        "$JS.API.STREAM.DELETE.kaiga-work",
        "$JS.API.STREAM.PURGE.KV_kaiga-jobs",
        "$JS.API.STREAM.NAMES",
    ] {
        assert!(!matches!(asked(subject), Ok(Ok(_))), "a worker may not ask {subject}");
    }
    assert!(matches!(asked("$JS.API.STREAM.INFO.kaiga-work"), Ok(Ok(_))));
}

#[test]
fn many_may_set_up_a_new_broker_at_once() {
    if !is_there() {
        return;
    }
    for _ in 0..3 {
        let server = Server::start().unwrap();
        let address = server.address(LEASE);
        std::thread::scope(|scope| {
            let opened: Vec<_> =
                (0..8).map(|_| scope.spawn(|| open(&Runtime::new().unwrap(), &address, Part::Front).err())).collect();
            let complaints: Vec<_> = opened.into_iter().map(|one| one.join().unwrap()).collect();
            assert!(complaints.iter().all(Option::is_none), "{complaints:?}");
        });
    }
}

#[test]
fn credentials_are_of_three_kinds_and_never_told() {
    if !is_there() {
        return;
    }
    let key = nkeys::KeyPair::new_user();
    let lines = |_: &std::path::Path| format!("authorization {{ users: [{{ nkey: {} }}] }}", key.public_key());
    let (server, runtime) = (Server::start_with(lines, &[]).unwrap(), Runtime::new().unwrap());
    let with = |text: &str| {
        let address = Address { auth: Some(secret(&server, "auth", text)), ..server.address(LEASE) };
        open(&runtime, &address, Part::Front).map(drop)
    };
    assert_eq!(with(&key.seed().unwrap()), Ok(()));
    let other = nkeys::KeyPair::new_user().seed().unwrap();
    for (text, words) in [
        (other.as_str(), "authorization violation"),
        ("front:hush-hush", "authorization violation"),
        ("hush-hush", "neither a .creds file"),
        ("-----BEGIN NATS USER JWT-----\nhush-hush", "no whole .creds file"),
    ] {
        let error = with(text).unwrap_err().detail;
        assert!(error.contains(words) && !error.contains(text) && !error.contains("hush"), "{error}");
    }
    let missing = Address { auth: Some("/none".into()), ..server.address(LEASE) };
    assert!(open(&runtime, &missing, Part::Front).err().unwrap().detail.contains("/none"));
}

#[test]
fn a_broker_is_talked_to_over_tls() {
    if !is_there() {
        return;
    }
    let make = |folder: &std::path::Path| {
        let names = [
            "-subj",
            "/CN=a broker of a test",
            "-addext",
            "subjectAltName=DNS:localhost",
            "-addext",
            "basicConstraints=CA:FALSE",
        ];
        let mut command = std::process::Command::new("openssl");
        command.args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-keyout", "key.pem", "-out", "ca.pem",
        ]);
        assert!(command.args(names).current_dir(folder).output().unwrap().status.success());
        let folder = folder.display();
        format!("tls {{ cert_file: \"{folder}/ca.pem\", key_file: \"{folder}/key.pem\" }}")
    };
    let (server, runtime) = (Server::start_with(make, &[]).unwrap(), Runtime::new().unwrap());
    let address = server.address(LEASE);
    let address = Address { url: address.url.replace("nats://", "tls://"), ..address };
    let refused = open(&runtime, &address, Part::Front).err().unwrap().detail;
    assert!(refused.contains("UnknownIssuer") && refused.contains("queue_ca"), "{refused}");
    let trusting = Address { ca: Some(server.folder.path().join("ca.pem")), ..address };
    assert_eq!(open(&runtime, &trusting, Part::Front).map(drop), Ok(()));
}

#[test]
fn a_name_with_wildcards_is_nobodys() {
    if !is_there() {
        return;
    }
    let (server, runtime) = (Server::start().unwrap(), Runtime::new().unwrap());
    let front = open(&runtime, &server.address(LEASE), Part::Front).unwrap();
    front.enter(&new("one"), 10, 0).unwrap();
    assert!(front.job("one").unwrap().is_some());
    for name in ["*", ">", "", "one.", "o*", "$KV"] {
        assert_eq!(
            (front.job(name), front.cancel(name), front.replay(name)),
            (Ok(None), Ok(false), Ok(false)),
            "{name}"
        );
    }
    assert_eq!(front.job("one").unwrap().unwrap().state, crate::jobs::State::Queued);
}

#[test]
fn a_broker_that_is_not_there_is_told_with_what_to_do() {
    let runtime = Runtime::new().unwrap();
    let url = "nats://127.0.0.1:9".to_owned();
    let address = Address { url, auth: None, ca: None, replicas: 1, lease: LEASE, ttl: LEASE };
    let words = open(&runtime, &address, Part::Front).err().unwrap().detail;
    assert!(
        words.contains("cannot use nats://127.0.0.1:9 as the queue") && words.contains("start the broker"),
        "{words}"
    );
}
