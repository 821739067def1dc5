use std::path::Path;

use engine::{CHANNELS_TOGETHER, Map, Network};
use net::Shape;
use tch::Kind;

use super::*;
use crate::data::tests::synthetic;
use crate::losses::LossWeights;

/// What the engine paints of noise, in the first style.
fn painted(models: &Models) -> Vec<f32> {
    let [eye, drawer] = models.networks().unwrap();
    let weights = models.weights().unwrap();
    let mut rng = fastrand::Rng::with_seed(4);
    let mut noise = |side| Map::from_fn(Shape::new(side, side, 3), |_, _, _| rng.f32() * 2.0 - 1.0);
    let (thumbnail, picture) = (noise(light::THUMBNAIL_PX), noise(48));
    let modulation = Network::new(&eye, &weights).unwrap().run(&[&thumbnail]).unwrap().swap_remove(0);
    Network::new(&drawer, &weights).unwrap().run(&[&picture, &modulation]).unwrap().swap_remove(0).data
}

/// Every third hidden channel of every block.
fn thirds(models: &Models) -> Vec<Vec<usize>> {
    let blocks = models.networks().unwrap();
    blocks.iter().flat_map(light::blocks).map(|block| (0..block.hidden).filter(|i| i % 3 == 0).collect()).collect()
}

/// The shipped models with nothing in the columns of the channels that are not `kept`.
fn silenced(kept: &[Vec<usize>]) -> Models {
    let mut models = Models::shipped().unwrap();
    let networks = models.networks().unwrap();
    for (block, kept) in networks.iter().flat_map(light::blocks).zip(kept) {
        let mut silence = |tensor: &mut net::Tensor| {
            let columns = tensor.data.chunks_exact_mut(block.hidden);
            columns.for_each(|row| (0..block.hidden).filter(|i| !kept.contains(i)).for_each(|i| row[i] = 0.0));
        };
        silence(models.base.weights.get_mut(&format!("{}.project.weight", block.name)).unwrap());
        for style in &mut models.styles {
            style.tensors.get_mut(&format!("{}.project.lora_down", block.name)).into_iter().for_each(&mut silence);
        }
    }
    models
}

#[test]
fn cutting_what_is_silent_changes_nothing() {
    let kept = thirds(&Models::shipped().unwrap());
    let models = silenced(&kept);
    let pruned = cut(&models, &kept).unwrap();
    let called = format!("{}/h43.43.22.32", light::NAME);
    assert!(pruned.base.architecture.starts_with(&called), "{}", pruned.base.architecture);
    assert!(pruned.bytes().unwrap() < models.bytes().unwrap());
    let (before, after) = (painted(&models), painted(&pruned));
    let worst = before.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-6, "{worst}");
    // Channels that are not silent are missed.
    let whole = painted(&Models::shipped().unwrap());
    let most = whole.iter().zip(&after).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(most > 0.01, "{most}");
}

#[test]
fn pruned_files_are_read_back_and_painted_with_by_the_library() {
    let models = Models::shipped().unwrap();
    let pruned = cut(&models, &thirds(&models)).unwrap();
    let base = pruned.base.write().unwrap();
    let styles: Vec<Vec<u8>> = pruned.styles.iter().map(|style| style.write().unwrap()).collect();
    let styles: Vec<&[u8]> = styles.iter().map(Vec::as_slice).collect();
    let studio = kaiga::Studio::from_bytes(&base, &styles).unwrap();
    let photo = pixels::Image::from_fn(40, 30, |x, y| [x as u8 * 6, y as u8 * 8, 90]);
    let look = |mix: &str| kaiga::Look { styles: mix.parse().unwrap(), ..Default::default() };
    for mix in ["meadow", "skyglow", "meadow:1,skyglow:3"] {
        let painting = studio.prepare(&look(mix)).unwrap().paint(&photo, &kaiga::unwatched).unwrap();
        assert_eq!((painting.width(), painting.height()), (40, 30));
    }
    // Whole styles do not belong to a pruned base, and the other way round.
    let [(_, whole), (_, meadow), ..] = kaiga::EMBEDDED;
    assert!(kaiga::Studio::from_bytes(&base, &[meadow]).is_err() && kaiga::Studio::from_bytes(whole, &styles).is_err());
}

#[test]
fn keeping_all_leaves_everything_as_it_is() {
    let models = Models::shipped().unwrap();
    let importance = norm(&models.state(Device::Cpu).unwrap()).unwrap();
    let kept = choose(&models.networks().unwrap(), &importance, 1.0).unwrap();
    assert_eq!(cut(&models, &kept).unwrap(), models);
}

#[test]
fn model_files_become_a_state_and_model_files_again() {
    let models = Models::shipped().unwrap();
    let pruned = cut(&models, &thirds(&models)).unwrap();
    for models in [models, pruned] {
        let state = models.state(Device::Cpu).unwrap();
        let (base, styles) = state.layout.files(&state.average);
        assert_eq!(state.layout.architecture(), models.base.architecture);
        assert_eq!(base, models.base.weights);
        assert_eq!(styles, models.styles.iter().map(|s| (s.name.clone(), s.tensors.clone())).collect::<Vec<_>>());
    }
    let mut broken = Models::shipped().unwrap();
    broken.styles[1].tensors.insert("stem.weight".to_owned(), broken.base.weights["stem.weight"].clone());
    assert!(broken.state(Device::Cpu).unwrap_err().to_string().contains("skyglow has stem.weight"));
    broken.styles.truncate(1);
    broken.styles[0].tensors.remove("middle.0.expand.lora_up");
    assert!(broken.state(Device::Cpu).unwrap_err().to_string().contains("meadow/middle.0.expand.lora_up"));
}

#[test]
fn what_matters_most_for_its_cost_stays_in_whole_groups() {
    let networks = [light::eye(), light::drawer()];
    let blocks: Vec<light::Block> = networks.iter().flat_map(light::blocks).collect();
    let mut rng = fastrand::Rng::with_seed(3);
    let importance: Vec<Vec<f64>> = blocks.iter().map(|b| (0..b.hidden).map(|_| rng.f64()).collect()).collect();
    let kept = choose(&networks, &importance, 0.6).unwrap();
    for ((block, importance), kept) in blocks.iter().zip(&importance).zip(&kept) {
        assert!(kept.len() == block.hidden || kept.len().is_multiple_of(CHANNELS_TOGETHER), "{}", block.name);
        assert!(kept.len() * 8 >= block.hidden && kept.is_sorted());
        let least = kept.iter().map(|&i| importance[i]).fold(f64::INFINITY, f64::min);
        let gone = (0..block.hidden).filter(|i| !kept.contains(i)).map(|i| importance[i]);
        assert!(gone.fold(0.0, f64::max) <= least, "{}", block.name);
    }
    let whole = cost(&networks).unwrap().multiply_adds;
    let pruned = light::networks(&light::name(&kept.iter().map(Vec::len).collect::<Vec<_>>())).unwrap();
    let hidden = |networks: &[net::Arch; 2]| -> f64 {
        networks
            .iter()
            .flat_map(|n| {
                let shapes = net::shapes(n, &crate::evaluate::cost::inputs(n)).unwrap();
                light::blocks(n).into_iter().map(move |b| 2.0 * (b.channels * shapes[b.expanded].numbers()) as f64)
            })
            .sum()
    };
    let share = hidden(&pruned) / hidden(&networks);
    assert!((0.58..=0.6).contains(&share), "{share}");
    let saved = (whole - cost(&pruned).unwrap().multiply_adds) as f64;
    assert!((saved - (hidden(&networks) - hidden(&pruned))).abs() < 1.0);
}

#[test]
fn a_share_that_cannot_be_kept_is_refused() {
    let networks = [light::eye(), light::drawer()];
    let importance: Vec<Vec<f64>> =
        networks.iter().flat_map(light::blocks).map(|block| vec![1.0; block.hidden]).collect();
    let refused = |keep: f64| choose(&networks, &importance, keep).unwrap_err().to_string();
    for bad in [0.0, -0.5, 1.01, f64::NAN, f64::INFINITY] {
        assert!(refused(bad).contains("above 0 and at most 1"), "{bad}");
    }
    let message = refused(0.01);
    let least: f64 = message.rsplit(' ').next().unwrap().parse().unwrap();
    assert!((0.12..0.16).contains(&least), "{message}");
    assert!(choose(&networks, &importance, least).is_ok());
}

#[test]
fn silent_channels_do_not_matter() {
    let kept = thirds(&Models::shipped().unwrap());
    let state = silenced(&kept).state(Device::Cpu).unwrap();
    let (pairs, shape) = ([synthetic(1)], BatchShape { samples: 1, side: 48, degrade: false });
    let batches = (0..2).map(|number| data::batch(&pairs, &[0, 1], shape, 1, number));
    for importance in [taylor(&state, batches, &LossWeights::default()).unwrap(), norm(&state).unwrap()] {
        assert_eq!(importance.len(), kept.len());
        for (importance, kept) in importance.iter().zip(&kept) {
            assert!((0..importance.len()).all(|i| kept.contains(&i) || importance[i] < 1e-12));
            assert!(kept.iter().any(|&i| importance[i] > 0.0));
        }
    }
}

/// The first-order term against what the loss does when a channel gets a little louder.
#[test]
fn the_taylor_term_is_the_slope_of_the_loss() {
    let models = Models::shipped().unwrap();
    let (pairs, shape) = ([synthetic(1)], BatchShape { samples: 1, side: 48, degrade: false });
    let batch = || vec![data::batch(&pairs, &[0, 1], shape, 1, 1).remove(0)];
    let importance = taylor(&models.state(Device::Cpu).unwrap(), std::iter::once(batch()), &LossWeights::default());
    let importance = &importance.unwrap()[2]; // the drawer's first block
    let channel = (0..importance.len()).max_by(|&a, &b| importance[a].total_cmp(&importance[b])).unwrap();
    let loss = |louder: f32| {
        let mut models = models.clone();
        let louder_column = |tensor: &mut net::Tensor| {
            tensor.data.chunks_exact_mut(importance.len()).for_each(|row| row[channel] *= 1.0 + louder);
        };
        louder_column(models.base.weights.get_mut("enter0.0.project.weight").unwrap());
        louder_column(models.styles[0].tensors.get_mut("enter0.0.project.lora_down").unwrap());
        let mut state = models.state(Device::Cpu).unwrap();
        crate::run::step::step(&mut state, &batch(), 0.0, &LossWeights::default(), Kind::Float).unwrap().get("total")
    };
    let slope = ((loss(0.02) - loss(-0.02)) / 0.04).abs();
    assert!((slope / importance[channel] - 1.0).abs() < 0.05, "{slope} and {}", importance[channel]);
}

#[test]
fn it_prunes_mends_and_leaves_models_behind() {
    struct Silent;
    impl Watch for Silent {
        fn say(&mut self, _: &str) {}
        fn progress(&mut self, _: f64, _: u64, _: &crate::run::step::Numbers) {}
    }
    let folder = std::env::temp_dir().join(format!("kaiga-prune-{}", std::process::id()));
    let pairs = folder.join("pairs");
    std::fs::create_dir_all(pairs.join("held")).unwrap();
    for path in [&pairs, &pairs.join("held")] {
        write_pair(path);
    }
    let plan = |out: &str, keep: f64| Plan {
        models: Models::shipped().unwrap(),
        keep,
        by: By::Norm,
        pairs: pairs.clone(),
        out: folder.join(out),
        minutes: 0.0,
        distil: crate::run::recipe::Recipe::parse("").unwrap().distil,
        seed: 1,
        limit_bytes: usize::MAX,
        device: Device::Cpu,
        kind: Kind::Float,
    };
    let table = prune(&plan("out", 0.5), &mut Silent).unwrap();
    assert!(table.contains("| mended |") && table.contains("skyglow"), "{table}");
    let report: Value = serde_json::from_slice(&std::fs::read(folder.join("out/pruning.json")).unwrap()).unwrap();
    let mended = Models::read(&folder.join("out/export")).unwrap();
    assert_eq!(report["versions"][2]["architecture"], mended.base.architecture);
    assert!(mended.base.architecture.starts_with(&format!("{}/h", light::NAME)));
    let tags = |models: &Models| models.styles.iter().find(|style| style.name == "skyglow").unwrap().tags.clone();
    assert_eq!(tags(&mended), tags(&Models::shipped().unwrap()));
    // A pruned model can be pruned further.
    let further = Plan { models: mended, ..plan("further", 0.9) };
    prune(&further, &mut Silent).unwrap();
    assert!(prune(&plan("out", 0.5), &mut Silent).unwrap_err().to_string().contains("another --out"));
    std::fs::remove_dir_all(&folder).unwrap();
}

fn write_pair(folder: &Path) {
    let colours = image::RgbImage::from_fn(160, 144, |x, y| image::Rgb([x as u8, y as u8, 120]));
    let ink = image::GrayImage::from_fn(160, 144, |x, _| image::Luma([x as u8]));
    colours.save(folder.join("a.photo.png")).unwrap();
    for style in Models::shipped().unwrap().names() {
        colours.save(folder.join(format!("a.{style}.png"))).unwrap();
        ink.save(folder.join(format!("a.{style}.ink.png"))).unwrap();
    }
}
