//! Videos as jobs.

use super::*;

/// A clip of so many seconds with a tone, five frames a second.
pub(super) fn clip(seconds: u32) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("clip.mp4");
    let [video, tone] = [
        format!("testsrc2=size=96x64:rate=5:duration={seconds}"),
        format!("sine=frequency=440:sample_rate=48000:duration={seconds}"),
    ];
    let made = std::process::Command::new("ffmpeg")
        .args([
            "-v", "error", "-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &tone, "-c:v", "libx264", "-c:a", "aac",
        ])
        .arg(&path)
        .status();
    assert!(made.expect("the tests of videos need ffmpeg").success());
    std::fs::read(path).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_video_is_handed_in_followed_and_fetched_in_ranges() {
    let service = Service::start(|_| ());
    let answer = service.post("/api/v1/videos?preset=draft&style=skyglow", clip(2)).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    let job = answer.header("location").to_owned();
    let events = service.follow(&job).await;
    let (name, done) = events.last().unwrap();
    assert_eq!((name.as_str(), &done["state"]), ("done", &"done".into()), "{events:?}");
    assert!(events.iter().any(|(_, job)| (0.05..0.95).contains(&job["progress"].as_f64().unwrap())), "{events:?}");
    assert_eq!((&done["width"], &done["height"]), (&96.into(), &64.into()));

    let whole = service.get(&format!("{job}/result?download")).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "video/mp4"));
    assert_eq!(whole.header("content-disposition"), "attachment; filename=\"kaiga.mp4\"");
    assert_eq!((whole.header("accept-ranges"), &whole.body[4..8]), ("bytes", &b"ftyp"[..]));
    let bytes = whole.body.len();
    let ranged = |range: &str| {
        let request = Request::get(format!("{job}/result")).header("range", range).body(Body::empty()).unwrap();
        service.send(request)
    };
    for (range, start, end) in [
        ("bytes=0-1", 0, 2),
        ("bytes=100-", 100, bytes),
        ("bytes=-7", bytes - 7, bytes),
        ("bytes=5-99999999", 5, bytes),
    ] {
        let part = ranged(range).await;
        assert_eq!((part.status.as_u16(), &part.body[..]), (206, &whole.body[start..end]), "{range}");
        assert_eq!(part.header("content-range"), format!("bytes {start}-{}/{bytes}", end - 1));
    }
    let beyond = ranged("bytes=99999999-").await;
    assert_eq!((beyond.status.as_u16(), beyond.problem().as_str()), (416, "range"));
    for odd in ["bytes=9-2", "bytes=0-1,5-6", "lines=1-2", "bytes=x-"] {
        assert_eq!(ranged(odd).await.body.len(), bytes, "{odd}");
    }

    // It has its sound, and all of its frames.
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("painted.mp4");
    std::fs::write(&path, &whole.body).unwrap();
    let probed = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-count_frames", "-show_entries", "stream=codec_type,nb_read_frames", "-of", "csv=p=0"])
        .arg(&path)
        .output()
        .unwrap();
    let said = String::from_utf8(probed.stdout).unwrap();
    assert!(said.contains("video,10") && said.contains("audio,"), "{said}");
    assert_eq!(service.send(Request::delete(&job).body(Body::empty()).unwrap()).await.status, 204);
    assert_eq!(service.get(&format!("{job}/result")).await.status, 410);
}

#[tokio::test(flavor = "multi_thread")]
async fn videos_have_limits_of_length_size_and_time() {
    let service = Service::start(|config| {
        let limits = &mut config.limits;
        (limits.max_video_s, limits.max_video_bytes, limits.video_timeout_s) = (2, 100_000, 3600);
        limits.max_pixels = 10_000;
    });
    let post = async |query: &str, body: Vec<u8>| service.post(&format!("/api/v1/videos?{query}"), body).await;
    let long = post("", clip(4)).await;
    assert_eq!((long.status.as_u16(), long.problem().as_str()), (413, "too-large"));
    assert!(long.json()["detail"].as_str().unwrap().contains("the limit is 2 s"), "{long:?}");
    assert_eq!(post("start=1&end=2&preset=draft", clip(4)).await.status, 202, "a part of it is short enough");
    let large = post("", vec![0; 100_001]).await;
    assert_eq!((large.status.as_u16(), large.problem().as_str()), (413, "too-large"));
    assert!(large.json()["detail"].as_str().unwrap().contains("video"), "{large:?}");
    let mut cut = clip(1);
    cut.truncate(300);
    for (body, words) in
        [(cut, "not a video"), (picture(9, 9), "picture"), (b"#EXTM3U\n/etc/passwd".to_vec(), "not a video")]
    {
        let answer = post("", body).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (415, "not-a-picture"), "{answer:?}");
        assert!(answer.json()["detail"].as_str().unwrap().contains(words), "{answer:?}");
    }

    let hasty = Service::start(|config| config.limits.video_timeout_s = 1);
    let answer = hasty.post("/api/v1/videos?preset=best", clip(60)).await;
    let events = hasty.follow(answer.header("location")).await;
    let (name, job) = events.last().unwrap();
    assert_eq!((name.as_str(), &job["error"]["type"]), ("failed", &"/problems/timed-out".into()), "{job}");
    let limits = service.get("/api/v1/limits").await.json();
    assert_eq!((&limits["max_video_s"], &limits["max_video_bytes"]), (&2.into(), &100_000.into()));
}
