//! Makes one module of the page's modules, and one style sheet of its style sheets. `import` and `export` are understood as the
//! page's sources use them; whatever else is met is an error that names the file and the line.

use std::collections::BTreeMap;

/// Names of the page's files and their contents.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The module `entry` with all it imports, each a function's scope that is left with what it exports.
///
/// # Errors
/// A sentence with file and line: modules that import each other in a circle, a name that is not exported, what is not understood.
pub(crate) fn modules(files: &Files, entry: &str) -> Result<String, String> {
    let mut bundle = Bundle { files, path: Vec::new(), exports: BTreeMap::new(), whole: String::new() };
    bundle.visit(entry)?;
    Ok(bundle.whole)
}

struct Bundle<'a> {
    files: &'a Files,
    /// The modules that lead to the one that is read.
    path: Vec<String>,
    /// Of each module that is done, what it exports.
    exports: BTreeMap<String, Vec<String>>,
    whole: String,
}

impl Bundle<'_> {
    fn visit(&mut self, name: &str) -> Result<(), String> {
        if self.path.iter().any(|other| other == name) {
            return Err(format!("the modules {} → {name} import each other", self.path.join(" → ")));
        }
        if self.exports.contains_key(name) {
            return Ok(());
        }
        self.path.push(name.into());
        let (mut body, mut exports) = (String::new(), Vec::new());
        for (at, statement) in statements(source(self.files, name)?) {
            let line =
                self.translated(name, &statement, &mut exports).map_err(|error| format!("{name}:{at}: {error}"))?;
            body += &line;
            body.push('\n');
        }
        self.path.pop();
        let variable = variable(name);
        let exported: Vec<String> = exports.iter().map(|(outside, inside)| format!("{outside}: {inside}")).collect();
        let exported = exported.join(", ");
        self.whole += &format!("// {name}\nconst {variable} = (() => {{\n{body}return {{ {exported} }};\n}})();\n\n");
        self.exports.insert(name.into(), exports.into_iter().map(|(outside, _)| outside).collect());
        Ok(())
    }

    /// A line or statement as it stands in the bundle; what it exports is added, outside name and inside name.
    fn translated(&mut self, name: &str, line: &str, exports: &mut Vec<(String, String)>) -> Result<String, String> {
        if let Some(rest) = keyword(line, "import") {
            let (names, from) = import(rest).ok_or_else(|| format!("this import is not understood: {line}"))?;
            let other = resolved(name, from)?;
            self.visit(&other)?;
            let known = &self.exports[&other];
            if let Some((missing, _)) = names.iter().find(|(outside, _)| outside != "*" && !known.contains(outside)) {
                return Err(format!("{other} does not export {missing}"));
            }
            let other = variable(&other);
            return Ok(match names.as_slice() {
                [] => String::new(),
                [(outside, inside)] if outside == "*" => format!("const {inside} = {other};"),
                names => {
                    let names: Vec<String> =
                        names.iter().map(|(outside, inside)| format!("{outside}: {inside}")).collect();
                    format!("const {{ {} }} = {other};", names.join(", "))
                }
            });
        }
        if let Some(rest) = keyword(line, "export") {
            if let Some(value) = keyword(rest, "default") {
                exports.push(("default".into(), "exported".into()));
                return Ok(format!("const exported = {value}"));
            }
            let not_understood =
                || format!("this export is not understood, it must be const, function, class or {{ names }}: {line}");
            if let Some(list) = rest.strip_prefix('{') {
                let list = list.trim_end_matches(';').trim_end().strip_suffix('}').ok_or_else(not_understood)?;
                exports.extend(
                    renamed(list).ok_or_else(not_understood)?.into_iter().map(|(inside, outside)| (outside, inside)),
                );
                return Ok(String::new());
            }
            let declared = declared(rest).ok_or_else(not_understood)?;
            exports.push((declared.into(), declared.into()));
            return Ok(rest.into());
        }
        let code = line.split("//").next().unwrap_or_default();
        if code.contains("import(") || code.contains("import.meta") {
            return Err(format!("a bundle has no import() and no import.meta: {}", line.trim()));
        }
        Ok(line.into())
    }
}

/// The lines of a module with the number of each; an `import`, or an `export` of a list, that is written over several is one.
fn statements(source: &str) -> Vec<(usize, String)> {
    let mut found: Vec<(usize, String)> = Vec::new();
    let mut open = false;
    for (index, line) in source.lines().enumerate() {
        match found.last_mut() {
            Some((_, statement)) if open => {
                statement.push(' ');
                *statement += line.trim();
            }
            _ => found.push((index + 1, line.into())),
        }
        let statement = found.last().map_or("", |(_, statement)| statement);
        let lists = keyword(statement, "export").is_some_and(|rest| rest.starts_with('{'));
        open = (lists || keyword(statement, "import").is_some()) && !statement.trim_end().ends_with(';');
    }
    found
}

/// What follows a keyword at the beginning of a line.
fn keyword<'a>(line: &'a str, word: &str) -> Option<&'a str> {
    let rest = line.strip_prefix(word)?;
    let begins = rest.starts_with([' ', '{', '"', '\'', '*']);
    begins.then(|| rest.trim_start())
}

/// `a, { b, c as d } from "./e.js";` as names outside and inside, and where they are from; `*` is all.
fn import(rest: &str) -> Option<(Vec<(String, String)>, &str)> {
    let rest = rest.trim_end().strip_suffix(';')?.trim_end();
    let quote = rest.chars().last().filter(|last| ['"', '\''].contains(last))?;
    let (what, from) = rest[..rest.len() - 1].rsplit_once(quote)?;
    let what = what.trim();
    if what.is_empty() {
        return Some((Vec::new(), from));
    }
    let what = what.strip_suffix("from")?.trim();
    if let Some(name) = what.strip_prefix('*') {
        return Some((vec![("*".into(), identifier(name.trim().strip_prefix("as ")?)?)], from));
    }
    let (default, list) = match what.split_once('{') {
        Some((default, list)) => (default.trim().trim_end_matches(','), list.strip_suffix('}')?),
        None => (what, ""),
    };
    let mut names = renamed(list)?;
    if !default.is_empty() {
        names.push(("default".into(), identifier(default)?));
    }
    Some((names, from))
}

/// `a, b as c` as pairs.
fn renamed(list: &str) -> Option<Vec<(String, String)>> {
    let names = list.split(',').map(str::trim).filter(|name| !name.is_empty());
    names
        .map(|name| {
            let (from, to) = name.split_once(" as ").unwrap_or((name, name));
            Some((identifier(from)?, identifier(to)?))
        })
        .collect()
}

fn identifier(text: &str) -> Option<String> {
    let text = text.trim();
    let sound = !text.is_empty() && text.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '$');
    sound.then(|| text.into())
}

/// The name that `const a = …`, `function a(…`, `async function a(…`, `class A …` declares.
fn declared(rest: &str) -> Option<&str> {
    let kinds = ["const ", "function ", "async function ", "class "];
    let rest = kinds.iter().find_map(|kind| rest.strip_prefix(kind))?;
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    (end > 0).then(|| &rest[..end])
}

/// The style sheet `entry`, with those that it imports in their place.
///
/// # Errors
/// As [`modules`].
pub(crate) fn styles(files: &Files, entry: &str) -> Result<String, String> {
    let mut whole = String::new();
    for (index, line) in source(files, entry)?.lines().enumerate() {
        let from = line
            .strip_prefix("@import ")
            .map(|rest| rest.trim_end().strip_prefix("url(\"").and_then(|rest| rest.strip_suffix("\");")));
        match from {
            Some(Some(from)) => whole += source(files, &resolved(entry, from)?)?,
            Some(None) => {
                return Err(format!(
                    "{entry}:{}: this import is not understood, it must be @import url(\"…\"); {line}",
                    index + 1
                ));
            }
            None => whole += line,
        }
        whole.push('\n');
    }
    Ok(whole)
}

fn source<'a>(files: &'a Files, name: &str) -> Result<&'a str, String> {
    let bytes = files.get(name).ok_or_else(|| format!("the page has no {name}"))?;
    std::str::from_utf8(bytes).map_err(|_| format!("{name} is not UTF-8"))
}

/// A relative address as a name of the folder.
fn resolved(name: &str, from: &str) -> Result<String, String> {
    let mut parts: Vec<&str> = name.split('/').collect();
    parts.pop();
    for part in from.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop().ok_or_else(|| format!("{from} lies outside the page"))?),
            _ => parts.push(part),
        }
    }
    Ok(parts.join("/"))
}

fn variable(name: &str) -> String {
    format!("module_{}", name.replace(|c: char| !c.is_ascii_alphanumeric(), "_"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(files: &[(&str, &str)]) -> Files {
        files.iter().map(|(name, text)| ((*name).into(), text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn modules_become_scopes_in_the_order_of_their_imports() {
        let files = page(&[
            (
                "app.js",
                "import {\n  one,\n  two as zwei,\n} from './parts/a.js';\nimport b, { three } from \"./b.js\";\nimport * as all from \"./b.js\";\nimport \"./c.js\";\none();",
            ),
            (
                "parts/a.js",
                "import { three } from \"../b.js\";\nexport const one = () => three;\nfunction inner() {}\nexport {\n  inner as two,\n};",
            ),
            ("b.js", "export default { x: 1 };\nexport function three() {}"),
            ("c.js", "document.title = \"import it from here\";"),
        ]);
        let b = "// b.js\nconst module_b_js = (() => {\nconst exported = { x: 1 };\nfunction three() {}\nreturn { default: exported, three: three };\n})();\n\n";
        let a = "// parts/a.js\nconst module_parts_a_js = (() => {\nconst { three: three } = module_b_js;\nconst one = () => three;\nfunction inner() {}\n\nreturn { one: one, two: inner };\n})();\n\n";
        let c =
            "// c.js\nconst module_c_js = (() => {\ndocument.title = \"import it from here\";\nreturn {  };\n})();\n\n";
        let app = "// app.js\nconst module_app_js = (() => {\nconst { one: one, two: zwei } = module_parts_a_js;\nconst { three: three, default: b } = module_b_js;\nconst all = module_b_js;\n\none();\nreturn {  };\n})();\n\n";
        assert_eq!(modules(&files, "app.js").unwrap(), [b, a, c, app].concat());
    }

    #[test]
    fn what_is_not_understood_is_named_with_its_line() {
        for (text, complaint) in [
            ("\nimport { a } from \"./none.js\";", "app.js:2: the page has no none.js"),
            ("import { b } from \"./a.js\";", "app.js:1: a.js does not export b"),
            ("import x from \"./a.js\";", "app.js:1: a.js does not export default"),
            ("import { a } from \"../../a.js\";", "app.js:1: ../../a.js lies outside the page"),
            ("import { a } from \"./a.js\"", "app.js:1: this import is not understood"),
            ("import { a }\n  of \"./a.js\";", "app.js:1: this import is not understood"),
            ("\n\nexport let a = 1;", "app.js:3: this export is not understood"),
            ("export * from \"./a.js\";", "app.js:1: this export is not understood"),
            ("export { a } from \"./a.js\";", "app.js:1: this export is not understood"),
            ("const late = () => import(\"./a.js\");", "app.js:1: a bundle has no import()"),
            ("import { c } from \"./circle.js\";", "app.js → circle.js → app.js import each other"),
        ] {
            let files = page(&[
                ("app.js", text),
                ("a.js", "export const a = 1;"),
                ("circle.js", "import \"./app.js\";\nexport const c = 1;"),
            ]);
            let error = modules(&files, "app.js").expect_err(text);
            assert!(error.contains(complaint), "{text}: {error}");
        }
        let sheet = page(&[("page.css", "a {}\n@import \"other.css\";")]);
        assert!(styles(&sheet, "page.css").unwrap_err().contains("page.css:2: this import is not understood"));
    }
}
