//! The styles that are trained together with their base.

use net::Medium;

use crate::run::recipe::Words;

/// A style that is trained with its base, and what its file says of it.
#[derive(Clone, Copy, Debug)]
pub struct Trained {
    /// What it and its taste are called.
    pub name: &'static str,
    /// One sentence of what to expect.
    pub description: &'static str,
    /// What people look for, in Chinese, Japanese and English.
    pub tags: [&'static str; 3],
    /// What it is drawn with.
    pub medium: Medium,
}

impl Trained {
    /// What its file says.
    pub fn words(&self) -> Words {
        Words {
            description: self.description.to_owned(),
            tags: self.tags.map(str::to_owned).into(),
            credit: String::new(),
            medium: self.medium,
        }
    }
}

/// The styles, in the order in which they take turns.
pub const STYLES: [Trained; 6] = [
    Trained {
        name: "meadow",
        description: "Poster colours: cerulean skies, fresh greens, warm light",
        tags: ["宫崎骏风", "宮崎駿風", "Miyazaki-like"],
        medium: Medium::Colour,
    },
    Trained {
        name: "skyglow",
        description: "Ultramarine skies, peach lights that bloom, violet shadows",
        tags: ["新海诚光晕", "新海誠風の光", "Shinkai glow"],
        medium: Medium::Colour,
    },
    Trained {
        name: "storybook",
        description: "Gouache on warm paper: few flat tones, brown ink",
        tags: ["绘本风", "絵本風", "picture book"],
        medium: Medium::Colour,
    },
    Trained {
        name: "portrait",
        description: "Faces first: pale rosy light, even skin in its own tone, clean contours",
        tags: ["人像", "人物", "faces first"],
        medium: Medium::Colour,
    },
    Trained {
        name: "cel",
        description: "Television animation: few hard tones, strong local colour, hard shadows, dark lines",
        tags: ["赛璐璐", "セル画", "television animation"],
        medium: Medium::Colour,
    },
    Trained {
        name: "manga",
        description: "Black ink on white paper, greys as screentone, no colour",
        tags: ["漫画", "白黒漫画", "ink and screentone"],
        medium: Medium::Screentone,
    },
];
