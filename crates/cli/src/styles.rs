//! `kaiga styles`: what one can paint in.

use kaiga::Studio;
use serde_json::json;

/// The list, for people or for programs.
pub(crate) fn list(studio: &Studio, as_json: bool) -> String {
    let styles = studio.styles();
    if as_json {
        let style = |style: &kaiga::Style| {
            let kaiga::Style { name, tags, description, medium, credit, licence } = style;
            let medium = medium.name();
            json!({"name": name, "tags": tags, "description": description, "medium": medium, "credit": credit, "licence": licence})
        };
        let lines: Vec<String> = styles.iter().map(|s| style(s).to_string()).collect();
        return lines.join("\n");
    }
    let width = styles.iter().map(|style| style.name.len()).max().unwrap_or(0);
    let line = |style: &kaiga::Style| {
        let mut text =
            format!("{:width$}  {}\n{:width$}  {}", style.name, style.tags.join(", "), "", style.description);
        if !style.credit.is_empty() {
            text += &format!("\n{:width$}  Credit: {}", "", style.credit);
        }
        text
    };
    let lines: Vec<String> = styles.iter().map(line).collect();
    lines.join("\n")
}
