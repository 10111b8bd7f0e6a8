//! Errors as HTTP answers, in the form the client says it accepts.

use bagpipe_api::ApiError;
use hyper::{Response, StatusCode, header::HeaderValue};
use serde_json::{Map, Value};

use super::{answer::respond, body::Body, html::escape};

/// An answer that is not 200.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpError {
    /// The status.
    pub status: StatusCode,
    /// What happened, for people.
    pub description: String,
    /// The field of the request that broke a rule.
    pub field: Option<String>,
    /// The rule.
    pub rule: Option<String>,
    /// A header that goes with the status.
    pub header: Option<(&'static str, &'static str)>,
}

impl HttpError {
    /// An error with a status and a text.
    pub fn new(status: StatusCode, description: impl Into<String>) -> Self {
        Self {
            status,
            description: description.into(),
            field: None,
            rule: None,
            header: None,
        }
    }

    /// 400: a field that breaks a rule.
    pub fn rule(
        field: impl Into<String>,
        rule: impl Into<String>,
        description: impl Into<String>,
    ) -> Self {
        Self {
            field: Some(field.into()),
            rule: Some(rule.into()),
            ..Self::new(StatusCode::BAD_REQUEST, description)
        }
    }

    /// 401: the token is missing, or another.
    pub fn unauthorized() -> Self {
        const SCHEMES: &str = "Bearer realm=\"bagpipe-bgp\", Basic realm=\"bagpipe-bgp\"";
        let description =
            "This daemon asks for a token (option `token_file` of its section [API]).";
        Self {
            header: Some(("www-authenticate", SCHEMES)),
            ..Self::new(StatusCode::UNAUTHORIZED, description)
        }
    }

    /// 405; `allow` has the methods that there are.
    pub fn method(method: &str, allow: &'static str) -> Self {
        let description = format!("The method {method} is not allowed for this resource.");
        Self {
            // RFC 9110 section 15.5.6: it has to be there.
            header: Some(("allow", allow)),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, description)
        }
    }

    /// The answer: JSON for clients that accept it, plain text for those that say nothing, else HTML.
    pub(super) fn response(&self, accept: Option<&str>) -> Response<Body> {
        let (content_type, body) = match accept {
            None => ("text/plain; charset=UTF-8", self.text()),
            Some(accept) if accept.contains("json") => {
                ("application/json", self.value().to_string())
            }
            Some(accept) if accept.contains("html") || accept.contains("*/*") => {
                ("text/html; charset=UTF-8", self.html())
            }
            Some(_) => ("text/plain; charset=UTF-8", self.text()),
        };
        let mut response = respond(self.status, content_type, body);
        if let Some((name, value)) = self.header {
            let value = HeaderValue::from_static(value);
            response.headers_mut().insert(name, value);
        }
        response
    }

    fn title(&self) -> &'static str {
        self.status.canonical_reason().unwrap_or("Error")
    }

    /// What the status means here, in general.
    fn explanation(&self) -> &'static str {
        match self.status {
            StatusCode::BAD_REQUEST => "The request breaks a rule of this API.",
            StatusCode::UNAUTHORIZED => "Who asks has to say who it is.",
            StatusCode::FORBIDDEN => "Who asks may not.",
            StatusCode::NOT_FOUND => "There is nothing at this address.",
            StatusCode::METHOD_NOT_ALLOWED => "The method is not one of this resource.",
            StatusCode::REQUEST_TIMEOUT => "The request is not there in time.",
            StatusCode::NOT_ACCEPTABLE => "The answer exists in none of the accepted forms.",
            StatusCode::PAYLOAD_TOO_LARGE => "The body is larger than any request needs.",
            _ => "The daemon could not do what it was asked to.",
        }
    }

    /// As JSON.
    pub fn value(&self) -> Value {
        let mut object = Map::new();
        object.insert("code".into(), self.status.as_u16().into());
        object.insert("title".into(), self.title().into());
        object.insert("description".into(), self.description.clone().into());
        for (key, value) in [("field", &self.field), ("rule", &self.rule)] {
            if let Some(value) = value {
                object.insert(key.into(), value.clone().into());
            }
        }
        Value::Object(object)
    }

    fn text(&self) -> String {
        let (code, title) = (self.status.as_u16(), self.title());
        format!(
            "{code} {title}\n\n{}\n\n{}\n",
            self.explanation(),
            self.description
        )
    }

    fn html(&self) -> String {
        let head = format!("{} {}", self.status.as_u16(), self.title());
        let explanation = self.explanation();
        let description = escape(&self.description);
        format!(
            "<html>\n <head>\n  <title>{head}</title>\n </head>\n <body>\n  <h1>{head}</h1>\n  \
             {explanation}<br /><br />\n{description}\n </body>\n</html>\n"
        )
    }
}

impl From<ApiError> for HttpError {
    fn from(error: ApiError) -> Self {
        let description = error.description();
        Self::rule(error.field, error.rule.to_string(), description)
    }
}
