//! How a painting shall look, as typed: an option for every setting of the library's table.

use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use kaiga::{Look, SETTINGS, Setting, Values};

/// What was typed, by the names of settings.
#[derive(Debug)]
pub(crate) struct Typed(Vec<(&'static str, String)>);

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        command.args(SETTINGS.iter().map(option))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

fn option(setting: &'static Setting) -> Arg {
    let place = match &setting.values {
        Values::Number { range, .. } => format!("{}..{}", range.start(), range.end()),
        Values::Pixels(range) => format!("{}..{}", range.start(), range.end()),
        Values::Words(words) => words.join("|"),
        Values::Styles => "STYLE".into(),
    };
    let mut help = setting.help.to_owned();
    if setting.name == "style" {
        help += ", or a style file (NAME.safetensors)";
    }
    if let Some(value) = setting.default_value() {
        help += &format!(" [default: {value}]");
    }
    let checked = |text: &str| setting.check(text).map(|()| text.to_owned()).map_err(|error| error.to_string());
    let option = Arg::new(setting.name)
        // clap keeps names for as long as the program runs.
        .long(&*setting.name.replace('_', "-").leak())
        .value_name(&*place.leak())
        .help(help)
        .allow_negative_numbers(matches!(setting.values, Values::Number { .. } | Values::Pixels(_)))
        .value_parser(checked);
    let option = match setting.requires {
        Some(other) => option.requires(other),
        None => option,
    };
    match short(setting.name) {
        Some(letter) => option.short(letter),
        None => option,
    }
}

/// Those that are typed often.
fn short(name: &str) -> Option<char> {
    match name {
        "style" => Some('n'),
        "strength" => Some('w'),
        "tile" => Some('t'),
        _ => None,
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let typed = |setting: &Setting| Some((setting.name, matches.get_one::<String>(setting.name)?.clone()));
        Ok(Self(SETTINGS.iter().filter_map(typed).collect()))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Typed {
    /// Names and values, as they were typed.
    pub(crate) fn pairs(&self) -> Vec<(String, String)> {
        self.0.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect()
    }

    /// What is meant.
    ///
    /// # Errors
    /// The complaint about a setting, in a sentence.
    pub(crate) fn meant(&self) -> Result<Look, String> {
        let given = |setting: &Setting| self.0.iter().find(|(name, _)| *name == setting.name);
        Look::read(|setting| given(setting).map(|(_, text)| text.as_str())).map_err(|error| error.to_string())
    }
}
