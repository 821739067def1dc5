//! Who may ask for work, and how often: bearer tokens, signed URLs, a bucket of tokens for each client.

use crate::config::Config;
use crate::connections::{self, Peer};
use crate::error::{Error, Kind};
use crate::params::Pairs;
use axum::extract::Request;
use axum::http::request::Parts;
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderValue, header};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The parameters of a signed URL, which orders do not see. `signature` is the last of the query.
pub(crate) const SIGNING: [&str; 3] = ["key", "expires", "signature"];

/// A signed URL is good for at most so long: one that leaks is not good for ever.
const LONGEST_S: u64 = 7 * 24 * 3600;

/// What let a request in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Admission {
    /// Nothing is asked for.
    Open,
    Token,
    /// A signature, which covers the query and nothing else.
    Signature,
}

/// Whose request it is, as a hash.
#[derive(Clone, Debug)]
pub(crate) struct Tenant(pub(crate) String);

/// Knows tokens and keys.
pub(crate) struct Guard {
    /// Hashes: comparing them takes the same time wherever they differ.
    tokens: Vec<blake3::Hash>,
    /// Name and secret.
    keys: Vec<(String, String)>,
}

impl Guard {
    /// With the tokens and keys of the configuration.
    pub(crate) fn new(config: &Config) -> Self {
        let key = |key: &String| key.split_once(':').map(|(name, secret)| (name.to_owned(), secret.to_owned()));
        Self {
            tokens: config.tokens.0.iter().map(|token| blake3::hash(token.as_bytes())).collect(),
            keys: config.sign_keys.0.iter().filter_map(key).collect(),
        }
    }

    /// Whether a token or a signature is asked for at all.
    pub(crate) fn is_closed(&self) -> bool {
        !self.tokens.is_empty() || !self.keys.is_empty()
    }

    /// # Errors
    /// [`Kind::Unauthorized`] without a good token or signature where one is asked for, [`Kind::Forbidden`] if the
    /// signature's time is over or too far ahead, or another site sends a visitor's browser.
    pub(crate) fn admit(&self, request: &Parts) -> Result<Admission, Error> {
        if self.has_token(&request.headers) {
            return Ok(Admission::Token);
        }
        if !self.is_closed() {
            // Whoever can reach an open service may use it; a site that somebody happens to visit may not.
            let cross_site = request.headers.get("sec-fetch-site").is_some_and(|site| site == "cross-site");
            let detail = "other sites may not use this service through a visitor's browser";
            return if cross_site { Err(Error::new(Kind::Forbidden, detail)) } else { Ok(Admission::Open) };
        }
        let query = request.uri.query().unwrap_or_default();
        let Some((signed, signature)) = query.rsplit_once("&signature=") else {
            let detail = "this service asks for a token (Authorization: Bearer …) or a signed URL";
            return Err(Error::new(Kind::Unauthorized, detail));
        };
        let pairs: Vec<(String, String)> = serde_urlencoded::from_str(signed).unwrap_or_default();
        let value = |name: &str| pairs.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str());
        let text = format!("{} {}?{signed}", request.method, request.uri.path());
        let good = self.keys.iter().any(|(name, secret)| {
            value("key") == Some(name)
                && hex::decode(signature).is_ok_and(|given| mac(secret, &text).verify_slice(&given).is_ok())
        });
        if !good {
            return Err(Error::new(Kind::Unauthorized, "the signature of this URL is not good"));
        }
        let now_s = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        match value("expires").and_then(|expires| expires.parse::<u64>().ok()) {
            Some(expires) if expires > now_s + LONGEST_S => {
                let days = LONGEST_S / 24 / 3600;
                Err(Error::new(
                    Kind::Forbidden,
                    format!("a signed URL may be good for {days} days at most: expires is later"),
                ))
            }
            Some(expires) if expires >= now_s => Ok(Admission::Signature),
            Some(_) => Err(Error::new(Kind::Forbidden, "the time of this signed URL is over: ask for a new one")),
            None => Err(Error::new(Kind::Unauthorized, "a signed URL says when it expires: expires=<unix seconds>")),
        }
    }

    /// The same for a WebSocket, whose token a browser can only send in its first message. Browsers let any site open one, and
    /// say where they come from: into an open service only its own page is let.
    ///
    /// # Errors
    /// As [`Guard::admit`].
    pub(crate) fn admit_socket(
        &self,
        config: &Config,
        request: &mut Parts,
        token: Option<&str>,
    ) -> Result<Admission, Error> {
        if let Some(token) = token {
            let bearer = HeaderValue::from_str(&format!("Bearer {token}"));
            let odd = |_| Error::new(Kind::Unauthorized, "the token has characters that no token has");
            request.headers.insert(header::AUTHORIZATION, bearer.map_err(odd)?);
        }
        let text = |name| request.headers.get(name).and_then(|value: &HeaderValue| value.to_str().ok());
        let is_ours = match text(header::ORIGIN) {
            // No browser.
            None => true,
            Some(origin) => {
                let site = origin.split_once("://").map(|(_, site)| site);
                let public = config.public_url.as_deref().map(|url| url.trim_end_matches('/'));
                site == text(header::HOST) || Some(origin) == public
            }
        };
        let admission = self.admit(request)?;
        if admission == Admission::Open && !is_ours {
            let detail = "pages of other sites may not use this service through a visitor's browser; if this is its own page, \
                          public_url has to say by which address it is reached";
            return Err(Error::new(Kind::Forbidden, detail));
        }
        Ok(admission)
    }

    /// Whose jobs take turns with those of others: a token's, a key's, else a client's. Says nothing about who it is.
    pub(crate) fn tenant(&self, request: &Parts, admission: Admission, rate: &RateLimit) -> Tenant {
        let whose = match admission {
            Admission::Token => request.headers.get(header::AUTHORIZATION).map(|value| value.as_bytes().to_vec()),
            Admission::Signature => {
                let pairs: Pairs =
                    serde_urlencoded::from_str(request.uri.query().unwrap_or_default()).unwrap_or_default();
                pairs.into_iter().find(|(name, _)| name == "key").map(|(_, key)| key.into_bytes())
            }
            Admission::Open => rate.client(request).map(|client| client.to_string().into_bytes()),
        };
        Tenant(blake3::hash(&whose.unwrap_or_default()).to_hex()[..16].to_owned())
    }

    fn has_token(&self, headers: &HeaderMap) -> bool {
        let given = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        let Some((scheme, token)) = given.and_then(|given| given.split_once(' ')) else { return false };
        let token = blake3::hash(token.trim().as_bytes());
        scheme.eq_ignore_ascii_case("bearer") && self.tokens.contains(&token)
    }
}

/// Whether a request asks for this service by a name it is known by. A web site can have its own name point to a loopback
/// address (DNS rebinding); its visitors' browsers then take this service for that site.
///
/// # Errors
/// [`Kind::Forbidden`].
pub(crate) fn known_host(config: &Config, request: &Request) -> Result<(), Error> {
    if !config.listen.ip().is_loopback() || config.trust_forwarded {
        return Ok(());
    }
    let header = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let Some(host) = request.uri().authority().map(Authority::as_str).or(header) else { return Ok(()) };
    let host = host.parse::<Authority>().map_or_else(|_| host.to_owned(), |authority| authority.host().to_owned());
    let is_local = || host.trim_matches(['[', ']']).parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
    let mut names = config.hosts.iter().flat_map(|names| names.split(',')).map(str::trim).chain(["localhost"]);
    if is_local() || names.any(|name| name.eq_ignore_ascii_case(&host)) {
        return Ok(());
    }
    let detail =
        format!("this service is not called {host:?}: ask for localhost, or add the name to the setting hosts");
    Err(Error::new(Kind::Forbidden, detail))
}

fn mac(secret: &str, text: &str) -> Hmac<Sha256> {
    let mut mac = Hmac::new_from_slice(secret.as_bytes()).expect("HMAC takes keys of any length");
    mac.update(text.as_bytes());
    mac
}

/// The signature of `METHOD PATH?QUERY` (the query without its signature), hexadecimal: HMAC-SHA256.
pub fn sign(secret: &str, method: &str, path_and_query: &str) -> String {
    hex::encode(mac(secret, &format!("{method} {path_and_query}")).finalize().into_bytes())
}

/// Clients remembered at a time. When there are more, those with full buckets, who have not asked for long, go first.
const CLIENTS_MAX: usize = 20_000;

/// A bucket of tokens for each client.
pub(crate) struct RateLimit {
    per_second: f64,
    burst: f64,
    trust_forwarded: bool,
    buckets: Mutex<HashMap<IpAddr, (f64, Instant)>>,
}

impl RateLimit {
    /// With the limits of the configuration.
    pub(crate) fn new(config: &Config) -> Self {
        Self {
            per_second: f64::from(config.limits.rate_per_minute) / 60.0,
            burst: f64::from(config.limits.rate_burst.max(1)),
            trust_forwarded: config.trust_forwarded,
            buckets: Mutex::default(),
        }
    }

    /// # Errors
    /// [`Kind::RateLimited`] if this client has asked too often.
    pub(crate) fn admit(&self, request: &Parts) -> Result<(), Error> {
        let client = self.client(request);
        if self.per_second == 0.0 {
            return Ok(());
        }
        self.take(client.unwrap_or(IpAddr::from([0, 0, 0, 0])), Instant::now())
    }

    /// Who asks, if that is known.
    pub(crate) fn client(&self, request: &Parts) -> Option<IpAddr> {
        let forwarded = || {
            let last = request.headers.get_all("x-forwarded-for").iter().next_back()?;
            last.to_str().ok()?.rsplit(',').next()?.trim().parse().ok()
        };
        let peer = || request.extensions.get::<Peer>().map(|peer| peer.0.ip());
        let address: IpAddr = if self.trust_forwarded { forwarded().or_else(peer) } else { peer() }?;
        Some(connections::client(address))
    }

    fn take(&self, client: IpAddr, now: Instant) -> Result<(), Error> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let filled = |(tokens, at): (f64, Instant)| {
            (tokens + now.saturating_duration_since(at).as_secs_f64() * self.per_second).min(self.burst)
        };
        if buckets.len() >= CLIENTS_MAX && !buckets.contains_key(&client) {
            buckets.retain(|_, bucket| filled(*bucket) < self.burst);
            if buckets.len() >= CLIENTS_MAX {
                let detail = "there are too many clients at the moment";
                return Err(Error::passing(Kind::RateLimited, detail, 30));
            }
        }
        let tokens = buckets.get(&client).map_or(self.burst, |bucket| filled(*bucket));
        if tokens < 1.0 {
            let wait_s = ((1.0 - tokens) / self.per_second).ceil() as u64;
            let detail = format!("you may ask for {:.0} pictures a minute: wait {wait_s} s", self.per_second * 60.0);
            return Err(Error::passing(Kind::RateLimited, detail, wait_s));
        }
        buckets.insert(client, (tokens - 1.0, now));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Secrets;
    use axum::http::Request;
    use std::time::Duration;

    fn parts(uri: &str, headers: &[(&str, &str)]) -> Parts {
        let request = headers.iter().fold(Request::post(uri), |request, (name, value)| request.header(*name, *value));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn tokens_and_signatures_open() {
        let secrets = |words: &[&str]| Secrets(words.iter().map(|word| word.to_string()).collect());
        let config = Config {
            tokens: secrets(&["one", "two"]),
            sign_keys: secrets(&["old:0123456789abcdef", "new:fedcba9876543210"]),
            ..Config::default()
        };
        let guard = Guard::new(&config);
        let kind = |uri: &str, headers: &[(&str, &str)]| guard.admit(&parts(uri, headers)).map_err(|error| error.kind);
        assert_eq!(kind("/c", &[("authorization", "Bearer two")]), Ok(Admission::Token));
        assert_eq!(kind("/c", &[("authorization", "bearer  one")]), Ok(Admission::Token));
        for wrong in ["Bearer three", "Basic two", "two", ""] {
            assert_eq!(kind("/c", &[("authorization", wrong)]), Err(Kind::Unauthorized), "{wrong}");
        }
        let signed = |key: &str, secret: &str, expires: u64| {
            let url = format!("/c?style=meadow&key={key}&expires={expires}");
            format!("{url}&signature={}", sign(secret, "POST", &url))
        };
        let soon = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() + 600;
        assert_eq!(kind(&signed("old", "0123456789abcdef", soon), &[]), Ok(Admission::Signature));
        assert_eq!(kind(&signed("new", "fedcba9876543210", soon), &[]), Ok(Admission::Signature));
        for far in [soon + LONGEST_S, u64::MAX] {
            assert_eq!(kind(&signed("old", "0123456789abcdef", far), &[]), Err(Kind::Forbidden));
        }
        assert_eq!(kind(&signed("old", "0123456789abcdef", 5), &[]), Err(Kind::Forbidden));
        assert_eq!(kind(&signed("old", "fedcba9876543210", soon), &[]), Err(Kind::Unauthorized));
        assert_eq!(kind(&signed("other", "0123456789abcdef", soon), &[]), Err(Kind::Unauthorized));
        let url = signed("old", "0123456789abcdef", soon);
        assert_eq!(kind(&url.replace("meadow", "portrait"), &[]), Err(Kind::Unauthorized));
        assert_eq!(kind(&url.replace("signature=", "signature=é"), &[]), Err(Kind::Unauthorized));
        let open = Guard::new(&Config::default());
        let from = |site: &str| open.admit(&parts("/c", &[("sec-fetch-site", site)])).map_err(|error| error.kind);
        assert!(open.admit(&parts("/c", &[])).is_ok());
        assert_eq!([from("same-origin"), from("cross-site")], [Ok(Admission::Open), Err(Kind::Forbidden)]);
    }

    #[test]
    fn sockets_are_opened_by_our_own_page_or_by_who_has_a_token() {
        let config = Config { public_url: Some("https://paint.example.org/".into()), ..Config::default() };
        let admitted = |config: &Config, origin: &str, token: Option<&str>| {
            let mut parts = parts("/live", &[("origin", origin), ("host", "localhost:8080")]);
            Guard::new(config).admit_socket(config, &mut parts, token).map(drop).map_err(|error| error.kind)
        };
        for ours in ["http://localhost:8080", "https://paint.example.org"] {
            assert_eq!(admitted(&config, ours, None), Ok(()), "{ours}");
        }
        for other in ["http://localhost:8081", "https://evil.example", "null", "http://evil.example/localhost:8080"] {
            assert_eq!(admitted(&config, other, None), Err(Kind::Forbidden), "{other}");
        }
        let closed = Config { tokens: Secrets(vec!["hush".into()]), ..config };
        assert_eq!(admitted(&closed, "https://evil.example", Some("hush")), Ok(()));
        for wrong in [None, Some("other"), Some("\n")] {
            assert_eq!(admitted(&closed, "http://localhost:8080", wrong), Err(Kind::Unauthorized));
        }
    }

    #[test]
    fn the_signature_is_what_other_tools_compute() {
        // printf 'POST /api/v1/convert?key=k&expires=1' | openssl dgst -sha256 -hmac 0123456789abcdef
        let expected = "8b77c67062f0c80060d099e1d3d9524718ffe031d2ab6b5764756c9b205e80cc";
        assert_eq!(sign("0123456789abcdef", "POST", "/api/v1/convert?key=k&expires=1"), expected);
    }

    #[test]
    fn a_client_that_asks_too_often_waits() {
        let mut config = Config::default();
        (config.limits.rate_per_minute, config.limits.rate_burst) = (60, 2);
        let limit = RateLimit::new(&config);
        let (one, two) = (IpAddr::from([1, 1, 1, 1]), IpAddr::from([2, 2, 2, 2]));
        let start = Instant::now();
        assert!(limit.take(one, start).is_ok() && limit.take(one, start).is_ok());
        assert_eq!(limit.take(one, start).map_err(|error| error.retry_after_s), Err(Some(1)));
        assert!(limit.take(two, start).is_ok());
        assert!(limit.take(one, start + Duration::from_millis(1100)).is_ok());
    }

    #[test]
    fn who_a_client_is() {
        let client = |trust_forwarded, headers: &[(&str, &str)]| {
            let mut parts = parts("/", headers);
            parts.extensions.insert(Peer("[2001:db8:1:2:3::4]:80".parse().unwrap()));
            RateLimit::new(&Config { trust_forwarded, ..Config::default() }).client(&parts).unwrap().to_string()
        };
        let forwarded = [("x-forwarded-for", "6.6.6.6, 9.8.7.6")];
        assert_eq!(client(false, &forwarded), "2001:db8:1:2::");
        assert_eq!(client(true, &forwarded), "9.8.7.6");
        assert_eq!(client(true, &[]), "2001:db8:1:2::");
    }
}
