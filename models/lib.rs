//! The models that come with kaiga, as bytes. What each is, how it was trained and whom it credits stands in
//! `manifest.toml`.

/// A model file: its name and its bytes, safetensors in half precision.
pub type File = (&'static str, &'static [u8]);

macro_rules! file {
    ($name:literal) => {
        ($name, include_bytes!($name))
    };
}

/// What pictures are painted with: the base first, then the styles.
pub const GENERATOR: [File; 7] = [
    file!("light-2.base.safetensors"),
    file!("meadow-2.safetensors"),
    file!("skyglow-2.safetensors"),
    file!("storybook-3.safetensors"),
    file!("portrait-3.safetensors"),
    file!("cel-1.safetensors"),
    file!("manga-1.safetensors"),
];

/// What faces are found with.
pub const FACES: File = file!("faces-1.safetensors");

/// What the parts of a face are found with.
pub const LANDMARKS: File = file!("landmarks-1.safetensors");

/// What tells a person from what is behind.
pub const PERSON: File = file!("person-1.safetensors");
