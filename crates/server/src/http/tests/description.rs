//! The description of the interface, and answers that keep to it.

use super::videos::clip;
use super::*;

/// Follows `$ref`.
fn resolved<'a>(document: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(reference) => document.pointer(reference.trim_start_matches('#')).expect(reference),
        None => schema,
    }
}

/// What is wrong with `value` by a JSON schema, as far as ours go. What is not described is wrong.
fn wrong(document: &Value, schema: &Value, value: &Value) -> Option<String> {
    let schema = resolved(document, schema);
    if let Some(all) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
        return all
            .iter()
            .all(|one| wrong(document, one, value).is_some())
            .then(|| format!("{value} is none of {schema}"));
    }
    if let Some(allowed) = schema["enum"].as_array()
        && !allowed.contains(value)
    {
        return Some(format!("{value} is not in {schema}"));
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        kind => kind.as_str().into_iter().collect(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    if !(kinds.contains(&kind) || kind == "integer" && kinds.contains(&"number")) {
        return Some(format!("{value} is not of {schema}"));
    }
    let number = value.as_f64().unwrap_or_default();
    if schema["minimum"].as_f64().is_some_and(|least| number < least)
        || schema["maximum"].as_f64().is_some_and(|most| number > most)
    {
        return Some(format!("{value} is out of range"));
    }
    match value {
        Value::Array(items) => items.iter().find_map(|item| wrong(document, &schema["items"], item)),
        Value::Object(fields) => {
            let required = schema["required"].as_array().into_iter().flatten();
            let missing = required.filter_map(Value::as_str).find(|name| !fields.contains_key(*name));
            let of = |(name, value): (&String, &Value)| match schema["properties"].get(name) {
                Some(schema) => wrong(document, schema, value).map(|what| format!("{name}: {what}")),
                None => Some(format!("{name} is not described")),
            };
            missing.map(|name| format!("{name} is missing")).or_else(|| fields.iter().find_map(of))
        }
        _ => None,
    }
}

/// Panics unless the description has this answer.
fn conforms(document: &Value, method: &str, path: &str, answer: &Answer) {
    let operation = &document["paths"][path][method];
    assert!(operation.is_object(), "{method} {path} is not described");
    let response = &operation["responses"][answer.status.as_str()];
    assert!(response.is_object(), "{method} {path} does not describe {}: {answer:?}", answer.status);
    let Some(contents) = response["content"].as_object() else {
        return assert!(answer.body.is_empty(), "{method} {path}: a body that is not described");
    };
    let media_type = answer.header("content-type").split(';').next().unwrap();
    let content = contents.get(media_type).unwrap_or_else(|| panic!("{method} {path}: {media_type} is not described"));
    if media_type.ends_with("json") {
        assert_eq!(wrong(document, &content["schema"], &answer.json()), None, "{method} {path}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_keep_to_the_description() {
    let service = Service::start(|_| ());
    let document = service.get("/api/openapi.json").await.json();
    assert!(document["openapi"].as_str().unwrap().starts_with("3.1"));
    let job = service.submit("", picture(24, 16)).await;
    service.follow(&job).await;
    let mut cut = picture(240, 160);
    cut.truncate(cut.len() / 2);
    let failed = service.submit("", cut).await;
    service.follow(&failed).await;
    let at = |rest: &str| format!("{job}{rest}");
    let gets = [
        ("/api/v1/styles", "/api/v1/styles".into()),
        ("/api/v1/limits", "/api/v1/limits".into()),
        ("/api/v1/live", "/api/v1/live".into()),
        ("/healthz", "/healthz".into()),
        ("/readyz", "/readyz".into()),
        ("/api/v1/jobs/{id}", at("")),
        ("/api/v1/jobs/{id}", failed.clone()),
        ("/api/v1/jobs/{id}", "/api/v1/jobs/none".into()),
        ("/api/v1/jobs/{id}/events", at("/events")),
        ("/api/v1/jobs/{id}/events", "/api/v1/jobs/none/events".into()),
        ("/api/v1/jobs/{id}/result", at("/result")),
        ("/api/v1/jobs/{id}/result", format!("{failed}/result")),
    ];
    let mut seen = std::collections::BTreeSet::new();
    for (path, uri) in gets {
        conforms(&document, "get", path, &service.get(&uri).await);
        seen.insert(("get".to_owned(), path.to_owned()));
    }
    for path in ["/api/v1/convert", "/api/v1/jobs", "/api/v1/avatar", "/api/v1/faces"] {
        for (query, body) in
            [("", picture(24, 16)), ("", vec![]), ("x=1", picture(4, 4)), ("strength=7", picture(4, 4))]
        {
            conforms(&document, "post", path, &service.post(&format!("{path}?{query}"), body).await);
        }
        seen.insert(("post".to_owned(), path.to_owned()));
    }
    for (query, body) in
        [("preset=draft", clip(1)), ("", picture(4, 4)), ("", vec![]), ("x=1", vec![]), ("end=x", vec![])]
    {
        conforms(&document, "post", "/api/v1/videos", &service.post(&format!("/api/v1/videos?{query}"), body).await);
    }
    seen.insert(("post".to_owned(), "/api/v1/videos".to_owned()));
    let ranges = Request::get(at("/result")).header("range", "bytes=0-9").body(Body::empty()).unwrap();
    conforms(&document, "get", "/api/v1/jobs/{id}/result", &service.send(ranges).await);
    let delete = |uri: &str| Request::delete(uri).body(Body::empty()).unwrap();
    conforms(&document, "delete", "/api/v1/jobs/{id}", &service.send(delete(&job)).await);
    conforms(&document, "delete", "/api/v1/jobs/{id}", &service.send(delete("/api/v1/jobs/none")).await);
    seen.insert(("delete".to_owned(), "/api/v1/jobs/{id}".to_owned()));
    let paths = document["paths"].as_object().unwrap().iter();
    let described = paths.flat_map(|(path, operations)| {
        operations.as_object().unwrap().keys().map(move |method| (method.clone(), path.clone()))
    });
    assert_eq!(described.collect::<std::collections::BTreeSet<_>>(), seen, "each operation is tried here");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_parameter_described_is_taken() {
    let service = Service::start(|_| ());
    let document = service.get("/api/openapi.json").await.json();
    for path in ["/api/v1/convert", "/api/v1/jobs"] {
        let parameters = document["paths"][path]["post"]["parameters"].as_array().unwrap();
        let in_query = |parameter: &&serde_json::Value| parameter["in"] == "query";
        let parameters: Vec<_> = parameters.iter().filter(in_query).collect();
        let mut names: Vec<&str> = parameters.iter().map(|parameter| parameter["name"].as_str().unwrap()).collect();
        let pairs: Vec<(String, String)> = parameters
            .iter()
            .map(|parameter| {
                let example = &parameter["example"];
                let text = example.as_str().map_or_else(|| example.to_string(), str::to_owned);
                (parameter["name"].as_str().unwrap().to_owned(), text)
            })
            .collect();
        let query = serde_urlencoded::to_string(&pairs).unwrap();
        let answer = service.post(&format!("{path}?{query}"), picture(24, 16)).await;
        assert!(answer.status.is_success(), "{query}: {answer:?}");
        let mut taken: Vec<&str> = crate::params::Params::names().collect();
        names.sort_unstable();
        taken.sort_unstable();
        assert_eq!(names, taken);
    }
}
