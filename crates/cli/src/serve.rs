//! `kaiga serve`: the service and the page.

use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches};
use server::config::{Config, all_settings};
use std::path::PathBuf;

/// What was typed. The flags are the settings of the service; they have one definition, `server::config`.
#[derive(Debug)]
pub(crate) struct Typed {
    file: Option<PathBuf>,
    print: bool,
    /// By the names of settings.
    flags: Vec<(String, String)>,
}

impl Args for Typed {
    fn augment_args(command: Command) -> Command {
        let own = [
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .help("Read settings from this TOML file [env: KAIGA_CONFIG]"),
            Arg::new("print-config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Print all settings with what they mean and what they are here, as a TOML file, and stop"),
        ];
        let setting = |setting: &server::config::Setting| {
            // The first sentence: --print-config says the rest.
            let help = setting.help.trim().split_inclusive(". ").next().unwrap_or_default().trim_end().to_owned();
            // clap keeps names for as long as the program runs.
            let flag: &'static str = setting.flag().leak();
            Arg::new(setting.name).long(flag).value_name("VALUE").help(help)
        };
        command.args(own).args(all_settings().map(setting))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Typed {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let flag = |setting: &server::config::Setting| {
            let value = matches.get_one::<String>(setting.name)?;
            Some((setting.name.to_owned(), value.clone()))
        };
        Ok(Self {
            file: matches.get_one::<String>("config").map(PathBuf::from),
            print: matches.get_flag("print-config"),
            flags: all_settings().filter_map(flag).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Typed {
    /// Whether to print instead of serving, and the configuration.
    ///
    /// # Errors
    /// The complaint about the settings, in a sentence.
    pub(crate) fn meant(self) -> Result<(bool, Config), String> {
        let file = self.file.or_else(|| std::env::var_os("KAIGA_CONFIG").map(PathBuf::from));
        let file = match file {
            None => None,
            Some(path) => {
                let text = std::fs::read_to_string(&path);
                let text = text.map_err(|error| format!("{}: {}", path.display(), crate::photo::plainly(&error)))?;
                Some((path.display().to_string(), text))
            }
        };
        let environment =
            std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let file = file.as_ref().map(|(name, text)| (name.as_str(), text.as_str()));
        Ok((self.print, Config::read(file, environment, &self.flags)?))
    }
}

/// Serves until told to stop.
///
/// # Errors
/// Why it cannot.
pub(crate) fn serve(config: Config) -> Result<(), String> {
    server::run(config, |address| println!("kaiga is at http://{address}"))
}
