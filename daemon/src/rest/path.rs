//! Paths of requests.

/// What a path names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// `/`
    Root,
    /// `/ping`
    Ping,
    /// `/attach_localport`
    Attach,
    /// `/detach_localport`
    Detach,
    /// `/looking-glass` and below; the decoded elements.
    LookingGlass(Vec<String>),
    /// `/metrics`
    Metrics,
    /// `/attachments`
    Attachments,
    /// `/changes`
    Changes,
    /// `/routes`
    Routes,
    /// `/sessions`
    Sessions,
    /// `/openapi.json`, `/openapi.yaml`
    Description(Form),
    /// Anything else.
    Nothing,
}

/// Ways to write the description of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Json,
    Yaml,
}

impl Target {
    /// Every path with a name of its own.
    pub(super) const ALL: [(&str, Self); 10] = [
        ("", Self::Root),
        ("ping", Self::Ping),
        ("attach_localport", Self::Attach),
        ("detach_localport", Self::Detach),
        ("metrics", Self::Metrics),
        ("attachments", Self::Attachments),
        ("changes", Self::Changes),
        ("routes", Self::Routes),
        ("sessions", Self::Sessions),
        ("openapi.yaml", Self::Description(Form::Yaml)),
    ];

    /// Trailing slashes do not matter, nor does a `.json` at the end (the looking glass sees to its own).
    pub(super) fn of(path: &str) -> Self {
        let elements = path.split('/').filter(|element| !element.is_empty());
        let mut elements = elements.map(decode);
        let first = elements.next().unwrap_or_default();
        let rest: Vec<String> = elements.collect();
        let name = match first.strip_suffix(".json") {
            Some(name) if rest.is_empty() => name,
            _ => &first,
        };
        match (name, rest.is_empty()) {
            ("looking-glass", _) => Self::LookingGlass(rest),
            ("openapi", true) => Self::Description(Form::Json),
            (_, false) => Self::Nothing,
            (name, true) => {
                let named = Self::ALL.into_iter().find(|(known, _)| *known == name);
                named.map_or(Self::Nothing, |(_, target)| target)
            }
        }
    }

    /// Its name in figures: one of few, whatever clients ask for.
    pub(super) fn label(&self) -> &'static str {
        match self {
            Self::Root => "/",
            Self::Ping => "/ping",
            Self::Attach => "/attach_localport",
            Self::Detach => "/detach_localport",
            Self::LookingGlass(_) => "/looking-glass",
            Self::Metrics => "/metrics",
            Self::Attachments => "/attachments",
            Self::Changes => "/changes",
            Self::Routes => "/routes",
            Self::Sessions => "/sessions",
            Self::Description(_) => "/openapi",
            Self::Nothing => "other",
        }
    }

    /// The methods of a resource, as the Allow header has them.
    pub(super) fn methods(&self) -> &'static str {
        match self {
            Self::Attach | Self::Detach => "GET, HEAD, POST",
            _ => "GET, HEAD",
        }
    }
}

/// Undoes percent-encoding; what is not encoded properly stays as it is.
pub(super) fn decode(element: &str) -> String {
    let bytes = element.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut index = 0;
    while index < bytes.len() {
        let encoded = (bytes[index] == b'%')
            .then(|| element.get(index + 1..index + 3))
            .flatten()
            .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match encoded {
            Some(byte) => {
                out.push(byte);
                index += 3;
            }
            None => {
                out.push(bytes[index]);
                index += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_is_described_and_no_other() {
        let document = bagpipe_api::openapi::document("1");
        let described: Vec<&String> = document["paths"].as_object().unwrap().keys().collect();
        for (name, _) in Target::ALL {
            assert!(described.contains(&&format!("/{name}")), "/{name}");
        }
        for path in described {
            assert_ne!(Target::of(path), Target::Nothing, "{path}");
        }
        assert_eq!(Target::of("/"), Target::Root);
        assert_eq!(Target::of("/ping/x"), Target::Nothing);
    }
}
