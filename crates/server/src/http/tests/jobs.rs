//! Jobs: handed in, followed, fetched, deleted.

use super::*;

#[tokio::test(flavor = "multi_thread")]
async fn a_job_handed_in_again_under_its_name_is_the_same_job() {
    let service = Service::start(|config| config.tokens = Secrets(vec!["anna".into(), "bert".into()]));
    let submit = |token: &'static str, header: &'static str, value: &'static str| {
        let request = Request::post("/api/v1/jobs?faces=off").header("authorization", format!("Bearer {token}"));
        service.send(request.header(header, value).body(picture(24, 16).into()).unwrap())
    };
    let first = submit("anna", "idempotency-key", "holiday-17").await.header("location").to_owned();
    assert_eq!(submit("anna", "idempotency-key", "holiday-17").await.header("location"), first);
    assert_ne!(
        submit("bert", "idempotency-key", "holiday-17").await.header("location"),
        first,
        "names are each client's own"
    );
    assert_eq!(submit("anna", "priority", "u=7, i").await.status, 202);
    for (header, value) in [("priority", "u=8"), ("priority", "u=soon"), ("idempotency-key", "")] {
        let answer = submit("anna", header, value).await;
        assert_eq!((answer.status.as_u16(), answer.problem().as_str()), (400, "malformed"), "{header}: {value}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_painting_of_a_job_is_handed_out_without_being_held() {
    let service = Service::start(|_| ());
    let job = service.submit("", picture(24, 16)).await;
    assert_eq!(service.follow(&job).await.last().unwrap().0, "done");
    let mut all = service.house.app.budget.reserve_nothing();
    all.exceed(service.house.app.config.limits.max_memory_bytes);
    let answer = service.get(&format!("{job}/result")).await;
    assert_eq!((answer.status.as_u16(), size(&answer)), (200, (24, 16)), "whatever memory there is");
    assert_eq!(answer.header("content-length"), answer.body.len().to_string());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_is_followed_fetched_and_deleted() {
    let service = Service::start(|_| ());
    let job = service.submit("style=skyglow&format=jpeg", picture(24, 16)).await;
    let events = service.follow(&job).await;
    let (last, data) = events.last().unwrap();
    assert_eq!(last, "done", "{events:?}");
    assert!(events.iter().rev().skip(1).all(|(name, _)| name == "progress"), "{events:?}");
    assert_eq!((&data["progress"], &data["width"], &data["stage"]), (&1.0.into(), &24.into(), &"done".into()));
    assert_eq!(service.follow(&job).await.len(), 1, "who comes late is told the end");

    let result = data["result"].as_str().unwrap();
    let painting = service.get(result).await;
    assert_eq!((painting.header("content-type"), size(&painting)), ("image/jpeg", (24, 16)));
    assert_eq!(painting.header("content-disposition"), "");
    let file = service.get(&format!("{result}?download=1")).await;
    assert_eq!(file.header("content-disposition"), "attachment; filename=\"kaiga.jpg\"");
    let direct = service.post("/api/v1/convert?style=skyglow&format=jpeg", picture(24, 16)).await;
    assert_eq!(painting.body, direct.body, "a job paints what a conversion paints");

    let delete = || Request::delete(&job).body(Body::empty()).unwrap();
    assert_eq!(service.send(delete()).await.status, 204);
    assert_eq!(service.get(&job).await.json()["state"], "cancelled");
    assert_eq!(service.get(result).await.problem(), "gone");
    assert_eq!(service.follow(&job).await[0].0, "cancelled");
    for uri in ["/api/v1/jobs/none", "/api/v1/jobs/none/events", "/api/v1/jobs/none/result"] {
        assert_eq!(service.get(uri).await.problem(), "not-found", "{uri}");
    }
    let none = Request::delete("/api/v1/jobs/none").body(Body::empty()).unwrap();
    assert_eq!(service.send(none).await.problem(), "not-found");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_fails_says_why() {
    let service = Service::start(|_| ());
    let mut cut = picture(240, 160);
    cut.truncate(cut.len() / 2);
    let job = service.submit("", cut).await;
    let events = service.follow(&job).await;
    let (last, data) = events.last().unwrap();
    assert_eq!((last.as_str(), &data["error"]["type"]), ("failed", &"/problems/broken-picture".into()));
    let answer = service.get(&format!("{job}/result")).await;
    assert!(answer.problem() == "gone" && answer.json()["detail"].as_str().unwrap().contains("damaged"), "{answer:?}");
    assert_eq!(service.post("/api/v1/jobs", b"text".to_vec()).await.problem(), "not-a-picture");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_photo_that_ends_early_is_painted_with_a_warning() {
    let service = Service::start(|_| ());
    let whole = codec::write(&image(96, 96), None, Format::Jpeg, 90).unwrap();
    for (photo, warning) in [(&whole[..whole.len() * 2 / 3], "truncated"), (&whole[..], "")] {
        let answer = service.post("/api/v1/convert?faces=off", photo.to_vec()).await;
        assert_eq!((answer.status.as_u16(), answer.header("kaiga-warning")), (200, warning));
        let job = service.submit("faces=off", photo.to_vec()).await;
        let (name, data) = service.follow(&job).await.pop().unwrap();
        assert_eq!((name.as_str(), data["warning"].as_str().unwrap_or_default()), ("done", warning));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_job_that_waits_is_not_ready() {
    let service = Service::start(|_| ());
    service.house.bench.closing.store(true, std::sync::atomic::Ordering::Relaxed);
    let jobs = [service.submit("", picture(24, 16)).await, service.submit("", picture(24, 16)).await];
    let job = service.get(&jobs[1]).await.json();
    assert_eq!((&job["state"], &job["stage"], &job["position"]), (&"queued".into(), &"queued".into(), &1.into()));
    let answer = service.get(&format!("{}/result", jobs[0])).await;
    assert_eq!((answer.status.as_u16(), answer.problem()), (409, "not-ready".into()));
}
