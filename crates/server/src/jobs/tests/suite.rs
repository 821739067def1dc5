//! What every queue does: run on the one in a file and on the one on a broker.

use super::*;

/// Makes two tests of each function.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod in_a_file {
            $(#[test] fn $name() { super::$name(super::On::File); })+
        }
        #[cfg(feature = "cluster")]
        mod on_a_broker {
            $(#[test] fn $name() {
                if crate::jobs::nats::testing::is_there() {
                    super::$name(super::On::Broker);
                }
            })+
        }
    };
}

on_both!(
    jobs_run_in_order_and_end_with_a_painting_or_a_reason,
    a_look_is_prepared_once_for_all_jobs_that_want_it,
    a_job_whose_process_died_is_run_again_once,
    a_job_begun_twice_ends_once,
    two_processes_on_one_store_do_every_job_once,
    a_full_disk_is_told_and_gets_over,
    the_clock_may_jump,
    what_nobody_painted_in_time_fails,
    a_deleted_job_leaves_nothing_and_spares_others,
    a_job_deleted_while_it_is_painted_leaves_nothing,
    who_paints_hears_that_the_job_was_deleted_elsewhere_and_stops,
    who_shuts_down_gives_back,
    a_painting_that_takes_too_long_fails,
    the_queue_is_bounded,
    a_damaged_picture_in_the_store_is_noticed,
    a_job_that_needs_much_memory_does_not_hold_up_small_ones_and_gets_its_turn,
    a_lease_is_kept_by_heartbeats,
    interactive_jobs_go_before_batches,
    tenants_take_turns,
    a_job_handed_in_twice_under_one_name_is_one,
    a_job_whose_client_died_before_its_photo_was_stored_is_finished_by_who_hands_it_in_again,
    a_job_whose_pictures_cannot_be_reached_is_tried_again_later,
    dead_jobs_are_listed_replayed_and_dropped,
    news_of_a_job_is_heard_in_other_processes,
    a_job_keeps_the_trace_it_came_with,
);

fn jobs_run_in_order_and_end_with_a_painting_or_a_reason(on: On) {
    let shop = Workshop::new(on, |_| ());
    let mut cut = picture(24, 16);
    cut.truncate(60);
    let [one, broken, two] = [picture(24, 16), cut, picture(10, 30)].map(|photo| shop.submit(photo));
    assert_eq!((shop.job(&one).position, shop.job(&two).position, shop.stored()), (Some(0), Some(2), 3));
    assert_eq!(shop.run_all(), [Outcome::Done, Outcome::Failed(Kind::BrokenPicture), Outcome::Done]);
    let job = shop.job(&two);
    assert_eq!((job.state, job.news.size, job.news.progress, job.position), (State::Done, Some((3, 8)), 1.0, None));
    let painting = shop.bench.jobs.store.wait(shop.bench.jobs.store.get(&job.result.unwrap())).unwrap().unwrap();
    let painting = pixels::codec::read(&painting, &Default::default()).unwrap().image;
    assert_eq!((painting.width(), painting.height()), (3, 8));
    let job = shop.job(&broken);
    assert_eq!((job.state, job.error.map(|error| error.kind)), (State::Failed, Some(Kind::BrokenPicture)));
    assert_eq!(shop.stored(), 2, "photos are deleted as soon as nobody needs them");
}

fn a_look_is_prepared_once_for_all_jobs_that_want_it(on: On) {
    let shop = Workshop::new(on, |_| ());
    for photo in [picture(24, 16), picture(10, 30)] {
        shop.submit(photo);
    }
    assert_eq!(shop.run_all(), [Outcome::Done, Outcome::Done]);
    assert_eq!(shop.bench.metrics.looks_prepared(), 1);
}

fn a_job_whose_process_died_is_run_again_once(on: On) {
    let shop = Workshop::new(on, |_| ());
    let id = shop.submit(picture(24, 16));
    shop.die_over_the_next();
    assert_eq!(run_one(&shop.bench), Outcome::Empty, "the lease holds");
    shop.pass(shop.lease_s() + 1);
    assert_eq!(run_one(&shop.bench), Outcome::Done);
    assert_eq!(shop.job(&id).state, State::Done);

    let id = shop.submit(picture(24, 16));
    for _ in 0..2 {
        shop.die_over_the_next();
        shop.pass(shop.lease_s() + 1);
    }
    assert_eq!(run_one(&shop.bench), Outcome::Empty, "attempts are counted before they are made");
    let job = shop.job(&id);
    let error = job.error.unwrap();
    assert_eq!((job.state, error.kind), (State::Failed, Kind::Internal));
    assert_eq!(error.detail, "the service stopped 2 times while it painted this picture");
}

fn a_job_begun_twice_ends_once(on: On) {
    let shop = Workshop::new(on, |_| ());
    let (id, queue) = (shop.submit(picture(24, 16)), &shop.bench.jobs.dispatch);
    let slow = shop.die_over_the_next();
    shop.pass(shop.lease_s() + 1);
    let quick = shop.die_over_the_next();
    assert_eq!((slow.number, quick.number), (1, 2));
    let terms = shop.bench.jobs.terms();
    assert!(!queue.heartbeat(&slow, News::default(), terms, shop.bench.jobs.now_ms()).unwrap());
    assert!(!queue.announce(&slow, "painting").unwrap());
    assert!(!queue.finish(&slow, Ok(News::default())).unwrap());
    assert!(!queue.give_back(&slow).unwrap());
    assert!(queue.announce(&quick, "painting").unwrap() && queue.finish(&quick, Ok(News::default())).unwrap());
    assert!(!queue.finish(&quick, Err(Error::new(Kind::Internal, "late"))).unwrap());
    let job = shop.job(&id);
    assert_eq!((job.state, job.result.as_deref()), (State::Done, Some("painting")));
}

fn two_processes_on_one_store_do_every_job_once(on: On) {
    let shop = Workshop::new(on, |_| ());
    let ids: Vec<String> = (0..24).map(|i| shop.submit(picture(8 + i, 8))).collect();
    let other = shop.another();
    let count = |bench: &Bench| {
        let outcomes = std::iter::from_fn(|| Some(run_one(bench)).filter(|outcome| *outcome != Outcome::Empty));
        outcomes.inspect(|outcome| assert_eq!(*outcome, Outcome::Done)).count()
    };
    let (mine, others) = std::thread::scope(|scope| {
        let others = scope.spawn(|| count(&other));
        (count(&shop.bench), others.join().unwrap())
    });
    assert_eq!(mine + others, ids.len());
    assert!(ids.iter().all(|id| shop.job(id).state == State::Done));
}

fn a_full_disk_is_told_and_gets_over(on: On) {
    let shop = Workshop::new(on, |limits| limits.retries_max = 0);
    let before = shop.submit(picture(24, 16));
    shop.disk.full.store(true, Ordering::Relaxed);
    let refused = shop.bench.jobs.submit(picture(9, 9).into(), String::new(), "png", 0, Origin::default()).unwrap_err();
    let words =
        "pictures in the disk cannot be written: No space left on device (os error 28); the disk is full: make room";
    assert_eq!((refused.kind, refused.detail.as_str()), (Kind::Unavailable, words));
    assert_eq!(shop.bench.jobs.trouble().as_deref(), Some(words));
    assert_eq!(
        shop.run_all(),
        [Outcome::Failed(Kind::Internal)],
        "the painting has no place; the one refused is not run"
    );
    assert!(shop.job(&before).error.unwrap().detail.contains("could not be stored"));
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    sweeper.step(&shop.bench.jobs);
    assert!(shop.bench.jobs.trouble().is_some(), "it is still full");
    shop.disk.full.store(false, Ordering::Relaxed);
    sweeper.step(&shop.bench.jobs);
    assert_eq!(shop.bench.jobs.trouble(), None);
    let id = shop.submit(picture(9, 9));
    assert_eq!(shop.run_all(), [Outcome::Done]);
    assert_eq!((shop.job(&id).state, shop.stored()), (State::Done, 2), "the photo of the one that failed is kept");
}

fn the_clock_may_jump(on: On) {
    let shop = Workshop::new(on, |_| ());
    let mut sweeper = Sweeper::new(&shop.bench.jobs);
    let (id, ttl_s) = (shop.submit(picture(24, 16)), shop.bench.jobs.limits.result_ttl_s as i64);
    shop.die_over_the_next();
    shop.later(-86_400);
    assert_eq!(sweeper.step(&shop.bench.jobs).jump_ms.map(|ms| ms / 60_000), Some(-1440));
    shop.pass(shop.lease_s() + 1);
    assert_eq!(shop.run_all(), [Outcome::Done], "a lease of before the clock was set back is not waited for");
    shop.later(86_400 + ttl_s);
    assert_eq!(sweeper.step(&shop.bench.jobs).expired, 1);
    let job = shop.job(&id);
    assert_eq!((job.state, job.result, shop.stored()), (State::Done, None, 0), "deleted, and still known");
    shop.later(ttl_s);
    sweeper.step(&shop.bench.jobs);
    assert_eq!(shop.bench.jobs.job(&id), Ok(None));
}

fn what_nobody_painted_in_time_fails(on: On) {
    let shop = Workshop::new(on, |_| ());
    let id = shop.submit(picture(24, 16));
    shop.later(shop.bench.jobs.limits.result_ttl_s as i64);
    Sweeper::new(&shop.bench.jobs).step(&shop.bench.jobs);
    assert_eq!(shop.job(&id).error.unwrap().kind, Kind::TimedOut);
    assert_eq!((shop.run_all(), shop.stored()), (vec![], 0));
}

fn a_deleted_job_leaves_nothing_and_spares_others(on: On) {
    let shop = Workshop::new(on, |_| ());
    let [one, two] = [picture(24, 16), picture(24, 16)].map(|photo| shop.submit(photo));
    assert_eq!(shop.stored(), 2, "no two jobs share a picture");
    assert!(shop.bench.jobs.delete(&one).unwrap());
    assert_eq!((shop.job(&one).state, shop.stored()), (State::Cancelled, 1));
    assert_eq!(shop.run_all(), [Outcome::Done]);
    assert!(shop.bench.jobs.delete(&two).unwrap() && !shop.bench.jobs.delete("nobody").unwrap());
    assert_eq!((shop.job(&two).result, shop.stored()), (None, 0));
}

fn a_job_deleted_while_it_is_painted_leaves_nothing(on: On) {
    let shop = Workshop::new(on, |_| ());
    let id = shop.submit(picture(24, 16));
    let mut news = shop.bench.jobs.listen();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            // The first news is that it is begun.
            assert_eq!(news.blocking_recv(), Ok(id.clone()));
            assert!(shop.bench.jobs.delete(&id).unwrap());
        });
        run_one(&shop.bench)
    });
    assert!(matches!(outcome, Outcome::Lost | Outcome::Done), "{outcome:?}");
    assert_eq!((shop.job(&id).state, shop.stored()), (State::Cancelled, 0));
}

fn who_paints_hears_that_the_job_was_deleted_elsewhere_and_stops(on: On) {
    const PAINTING_MS: u64 = 30_000;
    let shop = Workshop::new(on, |limits| limits.rehearse_ms = PAINTING_MS);
    let (id, other, start) = (shop.submit(picture(24, 16)), shop.another(), std::time::Instant::now());
    let mut news = shop.bench.jobs.listen();
    let outcome = std::thread::scope(|scope| {
        scope.spawn(|| {
            assert_eq!(news.blocking_recv(), Ok(id.clone()));
            assert!(other.jobs.delete(&id).unwrap());
        });
        run_one(&shop.bench)
    });
    let took_ms = start.elapsed().as_millis() as u64;
    assert!(outcome == Outcome::Lost && took_ms < PAINTING_MS / 2, "{outcome:?} after {took_ms} ms");
    assert_eq!((shop.job(&id).state, shop.stored()), (State::Cancelled, 0));
    assert_eq!(shop.run_all(), []);
}

fn who_shuts_down_gives_back(on: On) {
    let shop = Workshop::new(on, |_| ());
    let id = shop.submit(picture(24, 16));
    shop.bench.stop.store(true, Ordering::Relaxed);
    for _ in 0..3 {
        assert_eq!(run_one(&shop.bench), Outcome::GivenBack, "and it is not counted as an attempt");
    }
    shop.bench.closing.store(true, Ordering::Relaxed);
    assert_eq!(run_one(&shop.bench), Outcome::Empty);
    shop.bench.stop.store(false, Ordering::Relaxed);
    shop.bench.closing.store(false, Ordering::Relaxed);
    assert_eq!((run_one(&shop.bench), shop.job(&id).state), (Outcome::Done, State::Done));
}

fn a_painting_that_takes_too_long_fails(on: On) {
    let shop = Workshop::new(on, |limits| limits.paint_timeout_s = 0);
    let id = shop.submit(picture(24, 16));
    assert_eq!(shop.run_all(), [Outcome::Failed(Kind::TimedOut)]);
    assert_eq!(shop.job(&id).error.unwrap().detail, "painting took longer than 0 s");
}

fn the_queue_is_bounded(on: On) {
    let shop = Workshop::new(on, |limits| limits.jobs_max = 1);
    shop.submit(picture(24, 16));
    let refused = shop.bench.jobs.submit(picture(9, 9).into(), String::new(), "png", 0, Origin::default()).unwrap_err();
    assert_eq!((refused.kind, refused.retry_after_s), (Kind::QueueFull, Some(10)));
    assert_eq!(shop.bench.jobs.states.depth(shop.bench.jobs.now_ms() + 500).unwrap().oldest_ms, 500);
}

fn a_damaged_picture_in_the_store_is_noticed(on: On) {
    let shop = Workshop::new(on, |_| ());
    let id = shop.submit(picture(24, 16));
    let _ = shop.runtime.block_on(async {
        use futures_util::TryStreamExt;
        use object_store::ObjectStoreExt;
        let photo = shop.disk.objects.list(None).try_next().await.unwrap().unwrap().location;
        shop.disk.objects.put(&photo, PutPayload::from_static(b"other")).await
    });
    assert_eq!(shop.run_all(), [Outcome::Failed(Kind::Internal)]);
    assert_eq!(shop.job(&id).error.unwrap().detail, "the stored picture is damaged");
}

fn a_job_that_needs_much_memory_does_not_hold_up_small_ones_and_gets_its_turn(on: On) {
    let shop = Workshop::new(on, |_| ());
    let jobs = &shop.bench.jobs;
    let submit = |need_bytes| {
        jobs.submit(picture(24, 16).into(), String::new(), "png", need_bytes, Origin::default()).unwrap().id
    };
    let [big, small, another] = [900, 100, 100].map(submit);
    let claim = |room| jobs.dispatch.claim(jobs.terms(), room, jobs.now_ms()).unwrap().map(|claim| claim.attempt.id);
    assert_eq!(claim(500), Some(small), "the big one is passed by");
    shop.later(31);
    assert_eq!(claim(500), None, "but not for ever: memory is left to become free");
    assert_eq!([claim(1000), claim(500)], [Some(big), Some(another)]);
}

fn a_lease_is_kept_by_heartbeats(on: On) {
    let shop = Workshop::new(on, |_| ());
    shop.submit(picture(24, 16));
    let (attempt, jobs) = (shop.die_over_the_next(), &shop.bench.jobs);
    let terms = jobs.terms();
    for _ in 0..3 {
        shop.pass(shop.lease_s() - 1);
        assert!(jobs.dispatch.heartbeat(&attempt, News::default(), terms, jobs.now_ms()).unwrap());
        assert_eq!(run_one(&shop.bench), Outcome::Empty);
    }
}

fn interactive_jobs_go_before_batches(on: On) {
    let shop = Workshop::new(on, |_| ());
    let batch = || Origin { class: Class::Batch, ..Origin::default() };
    let [first, second] = [0, 1].map(|_| shop.submit_from(batch()));
    let urgent = shop.submit_from(Origin::default());
    assert_eq!([shop.begin(), shop.begin(), shop.begin()], [urgent, first, second]);
}

fn tenants_take_turns(on: On) {
    let shop = Workshop::new(on, |_| ());
    let of = |tenant: &str| Origin { tenant: tenant.into(), ..Origin::default() };
    // On a broker these have lanes of their own.
    let many: Vec<String> = (0..8).map(|_| shop.submit_from(of("anna"))).collect();
    let few: Vec<String> = (0..2).map(|_| shop.submit_from(of("bert"))).collect();
    let order: Vec<String> = (0..10).map(|_| shop.begin()).collect();
    let place = |id: &String| order.iter().position(|other| other == id).unwrap();
    assert!(few.iter().all(|id| place(id) < 5), "the few wait for the many: {order:?}");
    assert!(many.is_sorted_by_key(place), "each tenant's jobs are run in order");
}

fn a_job_handed_in_twice_under_one_name_is_one(on: On) {
    let shop = Workshop::new(on, |_| ());
    let named = |tenant: &str| Origin { once: Some("holiday-17".into()), tenant: tenant.into(), ..Origin::default() };
    let first = shop.submit_from(named("anna"));
    assert_eq!(shop.submit_from(named("anna")), first);
    assert_eq!((shop.run_all(), shop.stored()), (vec![Outcome::Done], 1));
    assert_eq!(shop.submit_from(named("anna")), first, "when it is done, too");
    assert_ne!(shop.submit_from(named("bert")), first, "names are each tenant's own");
    // So is a job whose photo could not be stored, and which is handed in again.
    assert!(shop.bench.jobs.delete(&first).unwrap());
    let again = shop.submit_from(named("anna"));
    assert_ne!(again, first, "a cancelled job gives its name back");
    assert_eq!(shop.submit_from(named("anna")), again);
}

fn a_job_whose_client_died_before_its_photo_was_stored_is_finished_by_who_hands_it_in_again(on: On) {
    let shop = Workshop::new(on, |_| ());
    let jobs = &shop.bench.jobs;
    let died = |id: &str, name: &str| {
        let once = Some(blake3::hash(format!("anna\n{name}").as_bytes()).to_hex().to_string());
        let new = New {
            id: id.into(),
            photo: Store::key(&picture(24, 16)),
            params: "max_side=8".into(),
            format: "png".into(),
            need_bytes: 0,
            expires_ms: jobs.now_ms() + 1_000_000,
            origin: Origin { tenant: "anna".into(), once, ..Origin::default() },
        };
        assert_eq!(jobs.states.enter(&new, 10, jobs.now_ms()), Ok(Entered::New));
    };
    let again = |name: &str, photo: Vec<u8>| {
        let origin = Origin { tenant: "anna".into(), once: Some(name.into()), ..Origin::default() };
        jobs.submit(photo.into(), "max_side=8".into(), "png", 0, origin).unwrap().id
    };
    died("one", "holiday-17");
    assert_eq!(run_one(&shop.bench), Outcome::Empty);
    assert_eq!(again("holiday-17", picture(24, 16)), "one");
    assert_eq!((shop.run_all(), shop.job("one").state, shop.stored()), (vec![Outcome::Done], State::Done, 1));
    assert_eq!((again("holiday-17", picture(24, 16)), shop.stored()), ("one".into(), 1));
    // Another photo is not the one it waits for.
    died("two", "holiday-18");
    assert_eq!((again("holiday-18", picture(9, 9)), shop.run_all()), ("two".into(), vec![]));
}

fn a_job_whose_pictures_cannot_be_reached_is_tried_again_later(on: On) {
    let shop = Workshop::new(on, |limits| limits.retries_max = 2);
    let id = shop.submit(picture(24, 16));
    shop.disk.full.store(true, Ordering::Relaxed);
    assert_eq!(shop.run_all(), [Outcome::PutOff]);
    assert_eq!(shop.job(&id).state, State::Queued);
    assert_eq!(run_one(&shop.bench), Outcome::Empty, "not at once");
    shop.pass(2);
    assert_eq!(shop.run_all(), [Outcome::PutOff]);
    shop.disk.full.store(false, Ordering::Relaxed);
    shop.pass(3);
    assert_eq!(shop.run_all(), [Outcome::Done], "and it is not counted as an attempt");

    let id = shop.submit(picture(24, 16));
    shop.disk.full.store(true, Ordering::Relaxed);
    for wait_s in [2, 3] {
        assert_eq!(shop.run_all(), [Outcome::PutOff]);
        shop.pass(wait_s);
    }
    assert_eq!(shop.run_all(), [Outcome::Failed(Kind::Internal)]);
    let words = shop.job(&id).error.unwrap().detail;
    assert!(words.starts_with("given up after 3 tries: the painting could not be stored"), "{words}");
}

fn dead_jobs_are_listed_replayed_and_dropped(on: On) {
    let shop = Workshop::new(on, |limits| limits.retries_max = 0);
    let mut cut = picture(24, 16);
    cut.truncate(60);
    let broken = shop.submit(cut);
    let [one, two] = [0, 1].map(|_| shop.submit(picture(24, 16)));
    shop.disk.full.store(true, Ordering::Relaxed);
    let mut outcomes = shop.run_all();
    outcomes.sort_by_key(|outcome| format!("{outcome:?}"));
    let (of_picture, of_disk) = (Outcome::Failed(Kind::BrokenPicture), Outcome::Failed(Kind::Internal));
    assert_eq!(outcomes, [of_picture, of_disk.clone(), of_disk]);
    shop.disk.full.store(false, Ordering::Relaxed);
    let states = &shop.bench.jobs.states;
    let dead = || {
        let dead = states.list(true, 10).unwrap();
        dead.into_iter().map(|job| (job.id, job.error.unwrap().kind)).collect::<Vec<_>>()
    };
    assert_eq!(
        dead(),
        [(one.clone(), Kind::Internal), (two.clone(), Kind::Internal)],
        "whose picture is broken is not dead"
    );
    assert!(!states.replay(&broken).unwrap() && !states.replay("nobody").unwrap());
    assert!(states.replay(&one).unwrap() && !states.replay(&one).unwrap());
    assert_eq!(states.list(false, 10).unwrap().iter().map(|job| &job.id).collect::<Vec<_>>(), [&one]);
    assert_eq!((shop.run_all(), shop.job(&one).state, shop.job(&one).error), (vec![Outcome::Done], State::Done, None));
    assert!(shop.bench.jobs.delete(&two).unwrap());
    assert_eq!((dead(), shop.stored()), (vec![], 1), "one painting, and no photo");
}

fn a_job_keeps_the_trace_it_came_with(on: On) {
    let shop = Workshop::new(on, |_| ());
    let trace = Some("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".to_owned());
    shop.submit_from(Origin { trace: trace.clone(), ..Origin::default() });
    let jobs = &shop.bench.jobs;
    let claim = jobs.dispatch.claim(jobs.terms(), u64::MAX, jobs.now_ms()).unwrap().unwrap();
    assert_eq!((claim.trace, claim.created_ms), (trace, jobs.now_ms()));
}

fn news_of_a_job_is_heard_in_other_processes(on: On) {
    if on == On::File {
        // There they look it up.
        return;
    }
    let shop = Workshop::new(on, |_| ());
    let other = shop.another();
    other.jobs.hear_others();
    let mut news = other.jobs.listen();
    // Who listens does so only when the broker knows it.
    std::thread::sleep(Duration::from_millis(300));
    let id = shop.submit(picture(24, 16));
    assert_eq!(shop.run_all(), [Outcome::Done]);
    let heard = shop.runtime.block_on(async {
        let patience = Duration::from_secs(5);
        tokio::time::timeout(patience, news.recv()).await.expect("something is heard").unwrap()
    });
    assert_eq!((heard, other.jobs.job(&id).unwrap().unwrap().state), (id, State::Done));
}
