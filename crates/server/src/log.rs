//! Lines of the log, on stderr.

use crate::config::{Config, LogFormat};

/// Starts logging as configured. Later calls change nothing.
pub(crate) fn start(config: &Config) {
    let builder =
        tracing_subscriber::fmt().with_max_level(config.log.0).with_writer(std::io::stderr).with_target(false);
    // It fails if there is a log already: a program that embeds the service has its own.
    let _ = match config.log_format {
        LogFormat::Text => tracing::subscriber::set_global_default(builder.with_ansi(false).finish()),
        LogFormat::Json => tracing::subscriber::set_global_default(builder.json().flatten_event(true).finish()),
    };
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        // Decoders may panic on broken pictures; it is caught, and the client is told.
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let thread = std::thread::current().name().unwrap_or_default().to_owned();
        let words = words(panic.payload()).to_owned();
        tracing::warn!(place, thread, words, "a panic");
        if std::env::var_os("RUST_BACKTRACE").is_some() {
            usual(panic);
        }
    }));
}

fn words(payload: &(dyn std::any::Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("no words")
}
