//! Makes one module of the page's modules, and one style sheet of its style sheets. The sources keep to what is understood here: `import`
//! and `export` begin a line and are written in one; whatever else is met stops the build.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Names of the page's files and their contents.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The module `entry` with all it imports, each a function's scope that is left with what it exports. Modules that import each
/// other in a circle stop the build.
pub(crate) fn modules(files: &Files, entry: &str) -> String {
    let (mut order, mut whole) = (Vec::new(), String::new());
    visit(files, entry, &mut Vec::new(), &mut order, &mut whole);
    whole
}

fn visit(files: &Files, name: &str, path: &mut Vec<String>, order: &mut Vec<String>, whole: &mut String) {
    assert!(!path.iter().any(|other| other == name), "the modules {} → {name} import each other", path.join(" → "));
    if order.iter().any(|other| other == name) {
        return;
    }
    path.push(name.into());
    let (mut body, mut exports) = (String::new(), Vec::new());
    for line in source(files, name).lines() {
        if let Some(rest) = line.strip_prefix("import ") {
            let (what, from) = import(rest).unwrap_or_else(|| panic!("{name}: an import has to be one line: {line}"));
            let other = resolved(name, from);
            visit(files, &other, path, order, whole);
            writeln!(body, "const {what} = {};", variable(&other)).expect("a string takes everything");
        } else if let Some(rest) = line.strip_prefix("export default ") {
            exports.push("default: exported".into());
            writeln!(body, "const exported = {rest}").expect("a string takes everything");
        } else if let Some(rest) = line.strip_prefix("export ") {
            exports.push(exported(rest).unwrap_or_else(|| panic!("{name}: what does this export? {line}")));
            writeln!(body, "{rest}").expect("a string takes everything");
        } else {
            writeln!(body, "{line}").expect("a string takes everything");
        }
    }
    path.pop();
    order.push(name.into());
    let exports = exports.join(", ");
    let variable = variable(name);
    write!(whole, "// {name}\nconst {variable} = (() => {{\n{body}return {{ {exports} }};\n}})();\n\n")
        .expect("a string takes everything");
}

/// `{ a, b } from "./c.js";` as what is declared and where it is from.
fn import(rest: &str) -> Option<(String, &str)> {
    let (what, from) = rest.trim_end().strip_suffix("\";")?.split_once(" from \"")?;
    let what = match what.strip_prefix("* as ") {
        Some(name) => name.to_owned(),
        None if what.starts_with('{') => what.replace(" as ", ": "),
        None => format!("{{ default: {what} }}"),
    };
    Some((what, from))
}

/// The name that `const a = …`, `function a(…`, `async function a(…`, `class A …` declares.
fn exported(rest: &str) -> Option<String> {
    let kinds = ["const ", "function ", "async function ", "class "];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| rest[..end].to_owned())
}

/// The style sheet `entry`, with those that it imports in their place.
pub(crate) fn styles(files: &Files, entry: &str) -> String {
    let mut whole = String::new();
    for line in source(files, entry).lines() {
        match line.strip_prefix("@import url(\"").and_then(|rest| rest.strip_suffix("\");")) {
            Some(from) => whole += source(files, &resolved(entry, from)),
            None => whole += line,
        }
        whole.push('\n');
    }
    whole
}

fn source<'a>(files: &'a Files, name: &str) -> &'a str {
    let bytes = files.get(name).unwrap_or_else(|| panic!("the page has no {name}"));
    std::str::from_utf8(bytes).unwrap_or_else(|_| panic!("{name} is not UTF-8"))
}

/// A relative address as a name of the folder.
fn resolved(name: &str, from: &str) -> String {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in from.split('/') {
        match part {
            "." => {}
            ".." => assert!(parts.pop().is_some(), "{name}: {from} lies outside the page"),
            _ => parts.push(part),
        }
    }
    parts.join("/")
}

fn variable(name: &str) -> String {
    format!("module_{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}
